"""Play of given policies by finitely many agents, many trials at once.

Agents of one policy are exchangeable: where there are many of them, how many are in each state is
all that matters, and where these go is multinomial. A step then takes no longer for a million
agents than for a thousand.
"""

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from mfgcore.games import Game
from mfgcore.meanfield.policies import policy_entropies

AT_ONCE = 2**23  # rewards that are in memory
CROWD = 4  # agents of a policy, as a multiple of the states, from which on they are counted


@dataclass(frozen=True)
class Population:
    """Policies, and how many agents follow each.

    Parameters
    ----------
    game : Game
    policies : (n_policies, n_states, n_actions) float64
    agents : (n_policies,) int64
    starts : (n_policies, n_states) float64
        Distribution from which the agents of each policy start.
    discount, entropy_weight : float
    horizon : int
        Steps over which rewards are summed.
    """

    game: Game
    policies: np.ndarray
    agents: np.ndarray
    starts: np.ndarray
    discount: float
    entropy_weight: float
    horizon: int

    @property
    def size(self) -> int:
        """Number of agents."""
        return int(self.agents.sum())

    @property
    def seen(self) -> Game:
        """The game as one of the agents sees it."""
        return self.game.for_population(self.size)


class Walk:
    """Steps of a population, in many trials at once.

    Parameters
    ----------
    population : Population
    trials : int
    generator : numpy.random.Generator

    Attributes
    ----------
    places : (trials, n_policies) int64
        State of one agent of each policy.
    counts : (trials, n_states) int64
        Agents in each state.
    policies : (n_policies, n_states, n_actions) float64
        What the agents of `places` follow; may be replaced.
    """

    def __init__(self, population: Population, trials: int, generator: np.random.Generator) -> None:
        game = population.game
        self._game, self._size, self._generator = game, population.size, generator
        self.policies = self._others_policies = population.policies
        self._next_states = game.checked_next_states()
        self._chances: Any = None  # of each outcome of a step, where they are always the same
        if not game.mean_field_dynamics:
            moves = game.checked_transition_probabilities(self._next_states.shape)
            self._chances = _chances(population.policies, moves)
            self._cumulated = np.cumsum(self._chances, axis=-1)
        n_others = population.agents - 1  # beside the one of `places`
        crowded = n_others > CROWD * game.n_states
        self._crowds = np.flatnonzero(crowded)
        self._few = np.repeat(np.arange(len(crowded)), np.where(crowded, 0, n_others))
        starts = np.cumsum(population.starts, axis=1)
        self.places = self._drawn(starts, (trials, len(crowded)))
        self._few_places = self._drawn(starts[self._few], (trials, self._few.size))
        self._crowd_counts = generator.multinomial(
            n_others[crowded], population.starts[crowded], (trials, self._crowds.size)
        )
        self._count()

    def _count(self):
        trials, n_states = len(self.places), self._game.n_states
        places = np.concatenate((self.places, self._few_places), axis=1)
        places += n_states * np.arange(trials)[:, None]
        found = np.bincount(places.ravel(), minlength=trials * n_states).reshape(trials, n_states)
        self.counts = found + self._crowd_counts.sum(axis=1)

    def sums(self, payoffs: np.ndarray) -> np.ndarray:
        """Sums over the agents of each policy of what is paid in a state; (trials, n_policies).

        `payoffs` is (trials, n_policies, n_states).
        """
        trial, rows = np.arange(len(self.places))[:, None], np.arange(len(self.policies))
        found = payoffs[trial, rows, self.places]
        few = payoffs[trial, self._few, self._few_places]
        if self._few.size:
            ends = np.flatnonzero(np.diff(self._few, prepend=-1))
            found[:, self._few[ends]] += np.add.reduceat(few, ends, axis=1)
        found[:, self._crowds] += (self._crowd_counts * payoffs[:, self._crowds]).sum(axis=-1)
        return found

    def step(self) -> None:
        """Let every agent take one step."""
        moves: Any = None
        if self._chances is None:  # they depend on the mean field, which differs between trials
            shape, mean_fields = self._next_states.shape, self.counts / self._size
            ask = self._game.checked_transition_probabilities
            moves = np.stack([ask(shape, mean_field) for mean_field in mean_fields])
        rows = np.arange(len(self.policies))
        self.places = self._moved(self.places, self.policies, rows, moves)
        self._few_places = self._moved(self._few_places, self._others_policies, self._few, moves)
        if self._crowds.size:
            self._move_crowds(moves)
        self._count()

    def _moved(self, places, policies, rows, moves):
        """States of single agents after a step."""
        if moves is None:
            cumulated = self._cumulated[rows, places]
        else:
            trial = np.arange(len(moves))[:, None]
            cumulated = np.cumsum(_chances(policies[rows, places], moves[trial, places]), axis=-1)
        reached = self._next_states.reshape(len(self._next_states), -1)
        return reached[places, self._drawn(cumulated, places.shape)].astype(np.int64)

    def _drawn(self, cumulated, shape):
        """Numbers drawn from distributions that are summed up over the last axis; of a shape."""
        drawn = self._generator.random(shape) * cumulated[..., -1]
        last = cumulated.shape[-1] - 1  # a product may be rounded up to the whole sum
        return np.minimum((cumulated <= drawn[..., None]).sum(axis=-1), last)

    def _move_crowds(self, moves):
        shape = self._crowd_counts.shape
        if moves is None:
            chances = self._chances[self._crowds]
        else:
            chances = _chances(self._others_policies[self._crowds], moves[:, None])
        drawn = self._generator.multinomial(self._crowd_counts, chances)
        reached = self._next_states.reshape(1, shape[2], -1)
        reached = reached + shape[2] * np.arange(shape[0] * shape[1])[:, None, None]
        found = np.bincount(reached.ravel(), drawn.ravel(), self._crowd_counts.size)
        self._crowd_counts = found.astype(np.int64).reshape(shape)


def _chances(policies, moves):
    """Chances of pairs of an action and what it leads to; sums to 1 over the last axis."""
    chances = policies[..., None] * moves
    *places, n_actions, n_outcomes = chances.shape
    chances = chances.reshape(*places, n_actions * n_outcomes)
    return chances / chances.sum(axis=-1, keepdims=True)


@dataclass(frozen=True)
class Played:
    """What agents were paid.

    Parameters
    ----------
    returns : (trials, n_policies) float64
        Of an agent of each policy.
    deviation_returns : (trials, n_policies) float64
        Of one that plays another policy, among the others as they are.
    mean_field : (n_states,) float64
        Mean share of the agents in each state.
    distance : (trials,) float64
        Mean of ||mu_N - mu||_1.
    """

    returns: np.ndarray
    deviation_returns: np.ndarray
    mean_field: np.ndarray
    distance: np.ndarray


def play(
    population: Population,
    deviations: np.ndarray,
    mean_field: np.ndarray,
    trials: int,
    burn_in: int,
    seed: int,
) -> Played:
    """Play of a population, and of one agent of each policy that deviates.

    Agents take `burn_in` steps from where they start, and are then paid. A deviation begins
    there. Where moves do not depend on the mean field, nobody else notices one agent: given
    the others, its expected return is computed, for its policy and its deviation.

    Parameters
    ----------
    population : Population
    deviations : (n_policies, n_states, n_actions) float64
    mean_field : (n_states,) float64
        From which the distance is measured.
    trials, burn_in, seed : int

    Returns
    -------
    Played
    """

    def walk():
        found = Walk(population, trials, np.random.default_rng(seed))
        for _ in range(burn_in):
            found.step()
        return found

    first = walk()
    shares, distance = np.zeros(mean_field.size), np.zeros(trials)

    def look(walk):
        nonlocal shares, distance
        now = walk.counts / population.size
        shares = shares + now.mean(axis=0) / population.horizon
        distance = distance + np.abs(now - mean_field).sum(axis=1) / population.horizon

    if not population.game.mean_field_dynamics:
        returns, deviation_returns = _expected(population, deviations, burn_in, first, look)
        return Played(returns, deviation_returns, shares, distance)
    own, returns = _sampled(population, first, look)
    gains = np.empty_like(own)
    for row, deviation in enumerate(deviations):  # with the same random numbers
        other = walk()
        other.policies = population.policies.copy()
        other.policies[row] = deviation
        gains[:, row] = (_sampled(population, other)[0] - own)[:, row]
    return Played(returns, returns + gains, shares, distance)


def _expected(population, deviations, burn_in, walk, look):
    """Returns given the others, of the agents' policies and of deviations from them."""
    game = population.game
    next_states = game.checked_next_states()
    moves = game.checked_transition_probabilities(next_states.shape)
    n_policies, n_states, _ = population.policies.shape
    policies = np.stack((population.policies, deviations))
    steps = np.zeros((*policies.shape[:3], n_states))
    for action, outcome in np.ndindex(moves.shape[1:]):
        reached = next_states[:, action, outcome]
        chances = policies[..., action] * moves[:, action, outcome]
        steps[:, :, np.arange(n_states), reached] += chances
    where = population.starts
    for _ in range(burn_in):
        where = np.einsum("ps,pst->pt", where, steps[0])
    where = np.stack((where, where))
    returns = np.zeros((2, len(walk.places), n_policies))
    own = np.arange(n_states) == np.arange(n_states)[:, None]
    bonus = [policy_entropies(each, population.entropy_weight) for each in policies]
    n_blocks = math.ceil(policies[0].size * len(walk.places) / AT_ONCE)
    for time in range(population.horizon):
        look(walk)
        weight = population.discount**time
        for rows in np.array_split(np.arange(n_policies), n_blocks):
            others = walk.counts[:, None] - own[walk.places[:, rows]]
            rewards = _rewards_among(population, others)
            for kind in range(2):
                payoffs = (policies[kind, rows] * rewards).sum(axis=-1) + bonus[kind][rows]
                returns[kind][:, rows] += weight * (where[kind, rows] * payoffs).sum(axis=-1)
        where = np.einsum("kps,kpst->kpt", where, steps)
        walk.step()
    return returns


def _rewards_among(population, others):
    """Rewards of an agent in every state, among counted others; (..., n_states, n_actions)."""
    game, n_states = population.seen, others.shape[-1]
    if game.local_reward:  # of the state's own share alone, whatever the others are
        return game.checked_rewards((others + 1) / population.size)
    rewards = np.empty((*others.shape, len(game.actions)))
    for state in range(n_states):
        counts = others.copy()
        counts[..., state] += 1
        rewards[..., state, :] = game.checked_rewards(counts / population.size)[..., state, :]
    return rewards


def _sampled(population, walk, look=lambda walk: None):
    """Returns of the agents of `walk.places`, and means over those of each policy."""
    returns = np.zeros((2, *walk.places.shape))
    trial, rows = np.arange(len(walk.places))[:, None], np.arange(len(walk.policies))
    bonus = policy_entropies(walk.policies, population.entropy_weight)
    for time in range(population.horizon):
        look(walk)
        rewards = population.seen.checked_rewards(walk.counts / population.size)
        payoffs = (walk.policies * rewards[:, None]).sum(axis=-1) + bonus
        weight = population.discount**time
        returns[0] += weight * payoffs[trial, rows, walk.places]
        returns[1] += weight * walk.sums(payoffs) / population.agents
        walk.step()
    return returns
