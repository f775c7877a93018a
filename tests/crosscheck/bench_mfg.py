"""An outside judge: the public package bench-mfg-suite, and a game as it has it beside ours.

What it computes, where it differs by definition, and what is done about it:

- Its values are sums over `horizon` - 1 steps: with 400, 0.9**399 of a value is missing.
- Its exploitability is unregularised (lambda = 0), and from s_0 ~ mu at a mean field that is 50
  pushes away from the one it is given. So values are compared, at a mean field given to both:
  V of a policy, V* of the best response, and mu . (V* - V).
- Where moves depend on mu it draws the next state from 100 or 64 equal atoms of noise, so its
  probabilities are multiples of 1/100 or 1/64. It is given the midpoints of the intervals on which
  its own transition function is constant, weighted by their lengths: its law without rounding.
- Rewards are its own, in the units of the source; ours are mapped to [0, 1] by `reward_range`.
- It compiles by the identity of an environment, whatever the functions and attributes: there is a
  new one for every specification.

A module that imports this one is skipped where the package is not installed.
"""

import functools
import importlib.metadata
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from mfgcore import meanfield
from mfgcore.games import Game

REQUIREMENTS = (Path(__file__).parent / "requirements.txt").read_text().splitlines()
PINNED = dict(line.split("==") for line in REQUIREMENTS if "==" in line)["bench-mfg-suite"]
try:
    INSTALLED = importlib.metadata.version("bench-mfg-suite")
except importlib.metadata.PackageNotFoundError:
    INSTALLED = None
if INSTALLED != PINNED:
    pytest.skip(
        f"needs bench-mfg-suite {PINNED}, installed is {INSTALLED}; 'make crosscheck' has it",
        allow_module_level=True,
    )

import jax  # noqa: E402

jax.config.update("jax_enable_x64", True)
import benchmfg.envs.mfg_model_class_jit as suite  # noqa: E402
import jax.numpy as jnp  # noqa: E402
from benchmfg.envs import MFGStationary  # noqa: E402
from benchmfg.utility.create_solver import ENV_JIT_FUNCTIONS  # noqa: E402

DISCOUNT, HORIZON = 0.9, 400
TOLERANCE = 1e-10
WEIGHTS = {"discount": DISCOUNT, "entropy_weight": 0.0}


@dataclass
class Pair:
    """A game of ours and the same one of the suite.

    Parameters
    ----------
    game : Game
    make : callable
        Makes the suite's environment.
    functions : str or (callable, callable)
        Its transition and reward: by its name in the suite, or written down in its terms.
    jumps : callable of a mean field, optional
        Where, in (0, 1), the suite's inverse distributions of the next state jump.
    states, actions : (n,) int, optional
        Numbers that our states and actions have in the suite; by default the same.
    """

    game: Game
    make: Callable
    functions: str | tuple
    jumps: Callable | None = None
    states: np.ndarray | None = None
    actions: tuple | None = None

    def __post_init__(self):
        if self.states is None:
            self.states = np.arange(self.game.n_states)
        if self.actions is None:
            self.actions = np.arange(len(self.game.actions))
        if isinstance(self.functions, str):
            self.functions = ENV_JIT_FUNCTIONS[self.functions]

    @functools.cached_property
    def plain(self):
        """The suite's specification as it is; EnvSpec."""
        return suite.EnvSpec(self.make(), *self.functions)

    def at(self, mean_field):
        """The suite's specification, exact at a mean field; EnvSpec."""
        if self.jumps is None:
            return self.plain
        transition, reward = self.functions
        e = self.make()
        ends = np.sort([0.0, 1.0, *np.ravel(self.jumps(mean_field)).clip(0.0, 1.0)])
        lengths = np.diff(ends)  # some are 0; always as many, for which it compiles only once
        nodes = jnp.asarray(ends[:-1] + lengths / 2)
        exact = MFGStationary(
            e.N_states,
            e.N_actions,
            len(lengths),
            e.horizon,
            e.stationary_mean_field,
            lengths,
            e.gamma,
        )
        return suite.EnvSpec(
            exact,
            lambda mu, s, a, n, _: transition(mu, s, a, nodes[n] * e.N_noises - 0.5, e),
            lambda mu, s, a, _: reward(mu, s, a, e),
        )

    def _given(self, spec, mean_field):
        given = np.zeros(spec.environment.N_states)
        given[self.states] = mean_field
        return jnp.asarray(given)

    def moves(self, mean_field, spec=None):
        """The suite's P(s' | s, a) in our order; (n_states, n_actions, n_states) float64."""
        spec = spec or self.at(mean_field)
        e = spec.environment
        reached = np.asarray(suite._transition_tensor(self._given(spec, mean_field), spec))
        return dense(reached, e.noise_prob, e.N_states)[
            np.ix_(self.states, self.actions, self.states)
        ]

    def rewards(self, mean_field):
        """The suite's R(s, a, mu) in our order and units; (n_states, n_actions) float64."""
        given = self._given(self.plain, mean_field)
        rewards = np.asarray(suite._reward_matrix(given, self.plain))
        low, high = self.game.reward_range
        return (rewards[np.ix_(self.states, self.actions)] - low) / (high - low)

    def values(self, policies, mean_field):
        """The suite's V of every policy, and V*, in our order and units."""
        spec = self.at(mean_field)
        mean_field = self._given(spec, mean_field)
        n_states, n_actions = spec.environment.N_states, spec.environment.N_actions
        found = []
        for policy in policies:
            given = np.full((n_states, n_actions), 1.0 / n_actions)
            given[self.states] = 0.0
            given[np.ix_(self.states, self.actions)] = policy
            found.append(suite.V_eval_jax(jnp.asarray(given), mean_field, spec))
        found.append(suite.Vpi_opt_jax(mean_field, spec)[0])
        low, high = self.game.reward_range
        of_lowest = low * (1.0 - DISCOUNT ** (HORIZON - 1)) / (1.0 - DISCOUNT)
        found = (np.asarray(found)[:, self.states] - of_lowest) / (high - low)
        return found[:-1], found[-1]


def dense(reached, probabilities, n_states):
    """P(s' | s, a) from where actions lead, and how likely; (n_states, n_actions, n_states)."""
    result = np.zeros((*reached.shape[:2], n_states))
    s, a, _ = np.indices(reached.shape, sparse=True)
    np.add.at(result, (s, a, reached), probabilities)
    return result


def own_moves(game, mean_field):
    """Our P(s' | s, a); (n_states, n_actions, n_states) float64."""
    given = (mean_field,) if game.mean_field_dynamics else ()
    return dense(game.next_states(), game.transition_probabilities(*given), game.n_states)


def own_values(game, policies, mean_field):
    """Our V of every policy, and V*."""
    best = meanfield.best_response(mean_field, game, **WEIGHTS)
    found = [meanfield.policy_value(policy, mean_field, game, **WEIGHTS) for policy in policies]
    return np.array(found), best.values


def sample_mean_fields(n_states, count, rng):
    """Random ones, from peaked to spread out, and some with empty states."""
    for number in range(count):
        if number % 4 == 3:
            yield rng.multinomial(50, rng.dirichlet(np.full(n_states, 0.5))) / 50
        else:
            yield rng.dirichlet(np.full(n_states, (1.0, 0.3, 5.0)[number % 4]))


def sample_policies(n_states, n_actions, count, rng):
    """Random ones, and ever more peaked ones."""
    for number in range(count):
        if number % 2 == 0:
            yield rng.dirichlet(np.ones(n_actions), n_states)
        else:
            scores = (1.0, 10.0, 100.0)[number % 3] * rng.normal(size=(n_states, n_actions))
            policy = np.exp(scores - scores.max(axis=1, keepdims=True))
            yield policy / policy.sum(axis=1, keepdims=True)


def two_outcomes(make):
    """The jumps of an environment of the suite in which an action has two outcomes at the most.

    They are found by bisection of its own transition. At jumps that followed from our
    probabilities it would agree with us, whatever these are.
    """

    def jumps(mean_field):
        environment, found = make(), []
        for s, a in np.ndindex(environment.N_states, environment.N_actions):

            def next_state(u, s=s, a=a):
                n = u * environment.N_noises - 0.5
                return environment.transition(mean_field, s, a, n)

            below, above = 0.0, 1.0
            first = next_state(below)
            while (middle := (below + above) / 2) not in (below, above):
                if next_state(middle) == first:
                    below = middle
                else:
                    above = middle
            found.append(above)  # 1 where there is none
        return np.array(found)

    return jumps
