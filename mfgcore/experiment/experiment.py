"""Experiment: the checked parameters of one run, and what follows from them."""

import dataclasses
import functools
import itertools
import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np

from mfgcore import kernels
from mfgcore._base.arguments import checked
from mfgcore._base.dependencies import join_fingerprints
from mfgcore._base.errors import ConfigurationError, shorten, unknown_name
from mfgcore._base.fingerprint import run_fingerprint
from mfgcore._base.plugins import code_digest, no_untracked_reads, user_errors
from mfgcore._base.registry import Registry, keyword_names
from mfgcore.experiment.components import DEPARTURE_RULES, METRICS, NETWORKS, SCENARIOS, Network
from mfgcore.experiment.edge_lists import check_edges
from mfgcore.experiment.initial_policies import GIVEN, read_policies
from mfgcore.experiment.parameter_spec import REQUIRED, fitting_settings
from mfgcore.experiment.parameters import (
    DERIVED,
    Table,
    defaults,
    disturbances,
    own_fields,
    parameters,
    read_by,
)
from mfgcore.experiment.random_streams import RandomStreams
from mfgcore.games import GAMES, Game, game_errors
from mfgcore.games.validation import check_sizes
from mfgcore.meanfield.policies import checked_policies

# D19: the discounted sum of the return metric stops where discount**H is below this
RETURN_TOLERANCE = 1e-6
# pairs of a state and an action are stored as 16-bit numbers in the replay buffers
MAX_PAIRS = 2**16 - 1
# so many steps in an iteration, and no more
MAX_STEPS = 10**8


@dataclass(frozen=True, kw_only=True)
class Experiment(Table):
    """The parameters of one run: a game, an architecture, a scenario, one trial.

    All are given by name. The defaults are the values of the paper's Table 1.

    Raises
    ------
    ConfigurationError
        If a parameter is of the wrong type, out of bounds, or at odds with another.

    Examples
    --------
    >>> Experiment(game="agree", agents=25, iterations=10).architecture
    'networked'
    """

    def __post_init__(self) -> None:
        for key, described in parameters().items():
            object.__setattr__(self, key, described.check(key, getattr(self, key)))
        with user_errors(), no_untracked_reads(self._entries(parameters())):
            self._check_game()
            self._check_scenario()
            self._check_sizes()
            if self.by_network:
                self._check_network()
            self.make("policy_improvement")
            self._check_objective()
            self._check_initial_policy()

    def __repr__(self) -> str:
        """What differs from the defaults, as it can be written again."""
        values = {key: getattr(self, key) for key in parameters()}
        own = [key for key in values if values[key] != defaults().get(key, REQUIRED)]
        said = ", ".join(f"{key}={values[key]!r}" for key in own)
        return f"{type(self).__name__}({said})"

    def _check_scenario(self):
        scenario = self.resolved_scenario
        # without its own, `disturbed` does what is given, and a scenario of a user's needs its own
        needed = () if scenario == "disturbed" else SCENARIOS.needs(scenario)
        for key in disturbances():
            if key in needed:
                self._check_given(key, f"scenario {scenario!r}")
            if key not in disturbances(scenario):
                self._check_not_given(key, f"scenario {scenario!r}")
        for key, other in itertools.permutations(("final_agents", "population_change_at")):
            if getattr(self, other) is not None:
                self._check_given(key, other)
        rule, leaving = self.departure_rule, min(self.population_sizes) < self.agents
        needs_state = "departure_state" in DEPARTURE_RULES.needs(rule)
        check = self._check_given if needs_state else self._check_not_given
        check("departure_state", f"departure_rule {rule!r}")
        if rule != defaults()["departure_rule"] and not leaving:
            raise ConfigurationError(f"departure_rule: {rule!r} is not allowed: nobody leaves")
        said = f"{self.n_states}, the number of states"
        self._check_below("departure_state", self.n_states, said)
        if leaving:
            self.make("departure_rule")(np.zeros(0, dtype=np.int32))
        for key in ("population_change_at", "learner_lost_at"):
            self._check_below(key, self.iterations, f"iterations = {self.iterations}")

    def _check_below(self, key, limit, said):
        value = getattr(self, key)
        if value is not None and value >= limit:
            raise ConfigurationError(f"{key}: {value} is not < {said}")

    def _check_given(self, key, why):
        if getattr(self, key) is None:
            raise ConfigurationError(f"{key}: null is not allowed: {why} needs it")

    def _check_not_given(self, key, why):
        value = getattr(self, key)
        if value is not None:
            raise ConfigurationError(f"{key}: {value} is not allowed: {why} has no use for it")

    def _check_sizes(self):
        if self.kept_transitions < 1 and self.make("algorithm").n_discarded is not None:
            raise ConfigurationError(
                f"transitions: {self.transitions} is not > "
                f"{self.transitions - self.kept_transitions}: no transition would be kept "
                f"(burn_in = {self.burn_in})"
            )
        if not self.return_horizon <= self.learning_steps <= MAX_STEPS:
            raise ConfigurationError(
                f"transitions: {self.transitions} times steps_per_transition = "
                f"{self.steps_per_transition} is not <= {MAX_STEPS:,} and >= {self.return_horizon}"
                f", after which discount = {self.discount} no longer counts in the return"
            )
        if self.sampled_exploitability and min(self.population_sizes) < 2:
            key = "agents" if self.agents < 2 else "final_agents"
            raise ConfigurationError(
                f"{key}: 1 is not allowed: sampled_exploitability compares an agent with others"
            )

    def _check_game(self):
        game = GAMES[self.game]
        if self.reward_timing == "after_move" and not game.local_reward:
            raise ConfigurationError(
                f"reward_timing: 'after_move' is not allowed: game {self.game!r} pays by more than "
                "the state and its share"
            )
        with game_errors(self.game):
            game = self.make_game()
            check_sizes(game)
            pairs = self.n_states * self.n_actions
            if pairs <= MAX_PAIRS:
                return _checked(game)
        size = next(key for key in ("grid_size", "states", "game") if key in self._game_fields)
        raise ConfigurationError(
            f"{size}: {getattr(self, size)} gives {pairs:,} state-action pairs; at most "
            f"{MAX_PAIRS:,} are allowed"
        )

    def _check_network(self):
        network = self.make("network")  # what the network refuses it refuses here
        resampled = self.link_failure_probability or network.resampled
        if resampled and self.make("adoption").choose is not None:
            raise ConfigurationError(
                f"adoption: {self.adoption!r} is not allowed where links are redrawn"
            )
        if "edges" in NETWORKS.needs(self.network):
            object.__setattr__(self, "edges_digest", check_edges(self.edges, self.edges_digest))

    def _check_objective(self):
        objective = self.make("objective")
        if objective.rounds is None:
            return
        if self.by_network:
            objective.averaging.link_weights(self.max_agents)
        if self.make("algorithm").n_discarded is None:
            raise ConfigurationError(
                f"objective: {self.objective!r} is not allowed: algorithm {self.algorithm!r} "
                "learns from no transitions"
            )

    def _check_initial_policy(self):
        if self.initial_policy is None:
            self._check_not_given("initial_policy_digest", "without initial_policy")
        if self.initial_policy in (None, GIVEN):
            return
        policies, digest = read_policies(self.initial_policy)
        where = f"initial_policy: {shorten(self.initial_policy)}"
        checked_policies(policies, self.make_game(), name=where)
        if self.initial_policy_digest not in (None, digest):
            said = f"has changed: its digest is {digest}, not {self.initial_policy_digest}"
            raise ConfigurationError(f"{where} {said}")
        object.__setattr__(self, "initial_policy_digest", digest)

    @property
    def resolved_scenario(self) -> str:
        """Name of the scenario: the given one, or what follows from the others."""
        if self.scenario is not None:
            return self.scenario
        given = any(getattr(self, key) is not None for key in disturbances())
        return "disturbed" if given else "none"

    @property
    def max_agents(self) -> int:
        """Largest population of the run, N_max."""
        return max(self.population_sizes)

    @property
    def population_sizes(self) -> set[int]:
        """Numbers of agents that the run has at one time or another; set of int."""
        return {self.agents} if self.final_agents is None else {self.agents, self.final_agents}

    @property
    def n_states(self) -> int:
        """Number of states of the game."""
        return self.make_game().n_states

    @property
    def n_actions(self) -> int:
        """Number of actions of the game."""
        return len(self.make_game().actions)

    @property
    def sizes(self) -> dict[str, int]:
        """Sizes of the dimensions of what is measured; dict of str to int."""
        return {"iteration": self.iterations, "state": self.n_states, "action": self.n_actions}

    @property
    def learning_steps(self) -> int:
        """Environment steps of an iteration before its communication rounds, M_pg * M_td."""
        return self.transitions * self.steps_per_transition

    @property
    def kept_transitions(self) -> int:
        """Transitions that a learner uses in an iteration (D6, D7)."""
        algorithm = self.make("algorithm")
        return algorithm.kept_transitions(self.transitions, self.steps_per_transition)

    @property
    def return_horizon(self) -> int:
        """Number H of steps that the discounted return looks ahead: discount**H <= 1e-6."""
        if self.discount == 0.0:
            return 1
        return math.ceil(math.log(RETURN_TOLERANCE) / math.log(self.discount))

    @property
    def max_entropy(self) -> float:
        """h_max = lambda log|A|, the largest value of the regulariser."""
        return self.entropy_weight * float(kernels.log(self.n_actions))

    @property
    def max_q_value(self) -> float:
        """Q_max = (1 + h_max) / (1 - gamma), which no true Q-value exceeds."""
        return (1.0 + self.max_entropy) / (1.0 - self.discount)

    @property
    def _game_fields(self):
        """What the game has of the experiment, by name; `game`, its name, is no field of it."""
        given = {key: getattr(self, key) for key in ("max_agents", *parameters())}
        fields = {field.name for field in dataclasses.fields(GAMES[self.game])} | {"game"}
        own = own_fields(GAMES[self.game])
        own = fitting_settings("game_settings", self.game_settings or {}, own)
        return own | {key: given[key] for key in given if key in fields and given[key] is not None}

    def make_game(self) -> Game:
        """The game, always the same; Game."""
        fields = self._game_fields
        del fields["game"]
        return _made(GAMES[self.game], *sorted(fields.items()))

    @property
    def by_network(self) -> bool:
        """Whether policies travel through the network."""
        return self.make("architecture").communication == "network"

    @property
    def random_streams(self) -> RandomStreams:
        """The random streams of the run; RandomStreams."""
        return RandomStreams(self.seed, self.name, self.trial)

    def make(self, key: str) -> Any:
        """The component that a parameter names, with what it is given; see `components`."""
        if key == "game":
            return self.make_game()
        name = self.resolved_scenario if key == "scenario" else getattr(self, key)
        registry: Any = parameters()[key].choices
        made = registry.make(name, self._given)
        return self._checked_links(made) if key == "network" else made

    def bind(self, function: Callable) -> Callable:
        """A function with what it names after ``*``, as components are given it."""
        given = {key: self._given(key) for key in keyword_names(function)}
        return functools.partial(function, **given)

    def _given(self, key):
        """A parameter, or the component that it names, or what follows from them."""
        if key in parameters():
            is_name = isinstance(parameters()[key].choices, Registry)
            return self.make(key) if is_name else getattr(self, key)
        if key not in DERIVED:
            raise ConfigurationError(unknown_name("parameter", key, [*parameters(), *DERIVED]))
        return getattr(self, key)

    def _checked_links(self, network: Network) -> Network:
        @functools.cache
        def links(n_agents):
            found = network.links(n_agents)
            found.check(self.network, n_agents, self.n_states)
            return found

        return dataclasses.replace(network, links=links)

    def code_fingerprint(self) -> str:
        """Fingerprint of the code that the run depends on: mfgcore's and files of users'; str."""
        own = (code_digest(entry) for entry in self.entries())
        return join_fingerprints([run_fingerprint(), *filter(None, own)])

    def entries(self) -> list[Any]:
        """The functions and classes that the run is made of, and its metrics; list."""
        return self._entries(self.effective_parameters()) + [METRICS.code(name) for name in METRICS]

    def _entries(self, keys):
        """What the values of some parameters name."""
        named = ((parameters()[key].choices, getattr(self, key)) for key in keys)
        return [
            choices.code(name)
            for choices, name in named
            if isinstance(choices, Registry) and name is not None
        ]

    def effective_parameters(self) -> dict[str, Any]:
        """The parameters that this run depends on; dict of str to bool, int, float or str.

        Those that play no part, such as the communication radius where nobody communicates, are
        left out, so that changing one makes nothing out of date that does not use it.
        """
        values = dataclasses.asdict(self) | {"scenario": self.resolved_scenario}
        read = read_by(values, self.by_network)
        return {key: value for key, value in values.items() if key in read}


@functools.lru_cache(maxsize=64)
def _made(game, *fields):
    return game(**dict(fields))


@functools.lru_cache(maxsize=64)
def _checked(game):
    game.check()


@checked
def make_experiment(**values: Any) -> Experiment:
    """An :class:`Experiment` from values of unknown origin.

    Raises
    ------
    ConfigurationError
        Also for a key that is no parameter, with the nearest one, and for a missing game.
    """
    for key in values:
        if key not in parameters():
            raise ConfigurationError(unknown_name("key", key, parameters()))
    if "game" not in values:
        raise ConfigurationError(f"game: missing; {parameters()['game'].allowed()}")
    return Experiment(**values)


@checked
def code_fingerprint_of(experiments: Iterable[Experiment]) -> str:
    """Fingerprint of the code that any of some experiments depends on; str."""
    found = list(experiments)
    for each in found:
        if not isinstance(each, Experiment):
            raise ConfigurationError(f"experiments: {shorten(each)} is not an Experiment")
    return join_fingerprints(experiment.code_fingerprint() for experiment in found)
