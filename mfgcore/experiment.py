"""What to run: the parameters of one run, each with its meaning, its bounds and its source.

This is the one home of the parameters. The command line, the workflow's configuration schema and
``config/README.md`` are made from what is written here.
"""

import dataclasses
import functools
import math
from dataclasses import dataclass

import numpy as np

from mfgcore import kernels
from mfgcore.architectures import ARCHITECTURES
from mfgcore.errors import ConfigurationError, unknown_name
from mfgcore.fingerprint import run_fingerprint
from mfgcore.games import BOUNDARIES, GAMES, NORMALISATIONS, in_one_line
from mfgcore.gossip import ADOPTIONS
from mfgcore.imports import digest_of, told
from mfgcore.learning import ALGORITHMS
from mfgcore.networks import DIAGONALS, NETWORKS, check_edges
from mfgcore.parameters import (
    RENAMED,
    REQUIRED,
    describe_fields,
    parameter,
    read_settings,
    renamed,
)
from mfgcore.registry import Registry
from mfgcore.scenarios import ARRIVALS, LEAVERS, SCENARIOS
from mfgcore.scores import SCORE_RULES

# D19: the discounted sum of the return metric stops where discount**H is below this
RETURN_TOLERANCE = 1e-6
# pairs of a state and an action are stored as 16-bit numbers in the replay buffers
MAX_PAIRS = 2**16 - 1
# so many steps in an iteration, and agents or iterations or steps of any kind, and no more
MAX_STEPS = 10**8
SIZE = "[1, 1000000]"
SIZE_OR_0 = "[0, 1000000]"


@dataclass(frozen=True, kw_only=True)
class Experiment:
    """The parameters of one run: a game, an architecture, a scenario, one trial.

    Every parameter is described, with its bounds and the paper's symbol, by
    :func:`parameters`, ``mfgcore run --help`` and ``config/README.md``. The defaults are the
    values of the paper's Table 1.

    Raises
    ------
    ConfigurationError
        If a parameter is of the wrong type, out of bounds, or at odds with another.

    Examples
    --------
    >>> Experiment(game="agree", agents=25, iterations=10).architecture
    'networked'
    """

    # fmt: off
    game: str = parameter(REQUIRED, "what agents are rewarded for", "Sec. 4, F.1", choices=GAMES)
    architecture: str = parameter(
        "networked", "who learns and who hears whom", "Sec. 3, D.3", choices=ARCHITECTURES
    )
    agents: int = parameter(200, "agents at the start", "Table 1", SIZE, symbol="N")
    iterations: int = parameter(
        150, "policy updates", "Table 1: varies; 150 is that of Figure 1 (Sec. G)", SIZE, symbol="K"
    )
    scenario: str | None = parameter(
        None, "what disturbs the run; null: follows from the parameters below that are given",
        "Sec. 4", choices=SCENARIOS,
    )
    failure_probability: float | None = parameter(
        None, "probability that a learner's update fails, at every iteration", "Sec. 4: 0.5",
        "[0, 1]",
    )
    agents_after: int | None = parameter(
        None, "agents after some come or go", "Sec. 4, F.3, F.5", SIZE,
        needs=("change_at", "arrivals", "leavers"),
    )
    change_at: int | None = parameter(
        None, "iteration at which they come or go", "Figures 3, 4, 6", SIZE_OR_0, symbol="k*"
    )
    arrivals: str = parameter(
        "after_learning", "whether that is after or before the iteration's learning",
        "silent; D17, D29", choices=ARRIVALS,
    )
    leavers: str = parameter("random", "who leaves", "F.3; D29", choices=LEAVERS)
    leave_state: int | None = parameter(
        None, "state to which those that leave are nearest", "F.3: a corner; D29", "[0, 1000000]"
    )
    learner_lost_at: int | None = parameter(
        None, "iteration from which on agent 0, the central learner, learns no more",
        "Sec. 1, App. B; D29", SIZE_OR_0,
    )
    grid_size: int = parameter(
        8, "cells along an edge of the grid", "Table 1", "[2, 1000]", symbol="G", unit="cells"
    )
    boundary: str = parameter(
        "wall", "what a move off the edge does", "silent; D1", choices=BOUNDARIES)
    obstacles: str | None = parameter(
        None, "cells of the grid where nobody can be: row,column from 0", "not in the paper",
        pattern=r"\d{1,4},\d{1,4}( \d{1,4},\d{1,4})*", example="1,2 3,4",
    )
    slip_probability: float = parameter(
        0.0, "probability that a move is any of the moves, at random", "not in the paper", "[0, 1]")
    normalisation: str = parameter(
        "extremes", "how rewards come into [0, 1]: from the lowest and highest that there are, cut "
        "off, or from those that agents are there for", "F.1; D4", choices=NORMALISATIONS,
    )
    states: int | None = parameter(
        None, "states of a game that is no grid; null: as many as its source has",
        "not in the paper", "[2, 10000]",
    )
    game_settings: str | None = parameter(
        None, "values of what else the game has of its own; `mfgcore games` lists it",
        "not in the paper", pattern=r"\w+=[^\s=]+( \w+=[^\s=]+)*",
        example="attraction=2 noise=0,1,0",
    )
    branching: int | None = parameter(
        None, "states that an action can lead to in a random game; null: the source's",
        "not in the paper", "[1, 10000]",
    )
    coupling: float | None = parameter(
        None, "how much moves in a random game depend on the mean field; null: drawn",
        "not in the paper", "[0, 1000000]",
    )
    game_seed: int = parameter(
        0, "which of the random games", "not in the paper", "[0, 9223372036854775807]"
    )
    algorithm: str = parameter(
        "replay", "Algorithm 2, 1, or either with the exact Q-function", "Sec. 3.5, App. E",
        choices=ALGORITHMS,
    )
    discount: float = parameter(0.9, "discount factor", "Table 1", "[0, 1)", symbol="gamma")
    transitions: int = parameter(
        3000, "transitions observed in each iteration", "Table 1", SIZE, symbol="M_pg"
    )
    steps_per_transition: int = parameter(
        10, "environment steps for each transition", "Table 1", SIZE, symbol="M_td", unit="steps"
    )
    waiting_transitions: int = parameter(
        20, "the last transition not kept: one is kept if its number, from 0, exceeds this",
        "Table 1", SIZE_OR_0, symbol="W",
    )
    replay_cycles: int = parameter(
        500, "passes over the replay buffer", "Table 1", SIZE, symbol="L"
    )
    learning_rate: float = parameter(
        0.1, "step size of the TD update", "Table 1", "(0, 1]", symbol="beta"
    )
    learning_rate_offset: float | None = parameter(
        None, "m0 of Algorithm 1's schedule beta_m = beta m0 / (m0 + m); null: constant",
        "Sec. 3.5; D9", "(0, 1000000]", symbol="m0", unit="transitions",
    )
    reward_time: str = parameter(
        "before_move", "whether a learner is paid where it was, or where it arrives",
        "Def. 2.1; D3", choices=("before_move", "after_move"),
    )
    shuffles: str = parameter(
        "own", "whether every agent shuffles its replay buffer by itself, or all alike",
        "Alg. 2, line 15; D8", choices=("own", "shared"),
    )
    initial_q_value: float | None = parameter(
        None, "value that every Q-function starts from; null: Q_max", "Alg. 1, line 3: Q_max",
        "[-1000000, 1000000]",
    )
    policy_step_size: float = parameter(
        0.01, "learning rate of policy mirror ascent", "Table 1", "(0, 1000000]", symbol="eta"
    )
    entropy_weight: float = parameter(
        0.01, "weight of the entropy regulariser", "Table 1, F.4", "[0, 1000000]", symbol="lambda"
    )
    entropy_gap: float | None = parameter(
        None, "how far h(u) may fall below its maximum; null: no bound", "Remark 3.1; D11",
        "(0, 1000000]", symbol="L_h",
    )
    communication_rounds: int = parameter(
        300, "communication rounds in each iteration, each with a step", "Table 1", SIZE_OR_0,
        symbol="C", unit="rounds",
    )
    network: str = parameter(
        "radius", "between whom policies travel", "Def. 2.6, Sec. 4", choices=NETWORKS
    )
    communication_radius: float = parameter(
        0.2, "how far an agent hears", "Table 1", "[0, 1000000]", unit="grid diagonals"
    )
    diagonal: str = parameter(
        "cells", "length of the grid's diagonal: sqrt(2) G, or sqrt(2) (G - 1)", "silent; D14",
        choices=DIAGONALS,
    )
    neighbours: int = parameter(
        4, "agents that one is linked to, half of them on each side", "Def. 2.6; D27",
        "[2, 1000000]",
    )
    link_probability: float = parameter(
        0.05, "probability that two agents are linked", "Def. 2.6; D27", "[0, 1]"
    )
    redrawn: bool = parameter(
        True, "whether the links are drawn anew in every round, or once", "Def. 2.6; D27"
    )
    rewiring_probability: float = parameter(
        0.1, "probability that a link of the ring leads elsewhere", "Def. 2.6; D27", "[0, 1]"
    )
    attachments: int = parameter(
        2, "links that each further agent makes", "Def. 2.6; D27", SIZE
    )
    edges: str | None = parameter(
        None, "file that lists the links: the numbers of two agents on each line",
        "Def. 2.6; D27", path=True,
    )
    edges_digest: str | None = parameter(
        None, "digest of that file; null: as it is", "reproducibility; D27"
    )
    disconnected: bool = parameter(
        False, "whether that file may leave agents in parts that never hear each other",
        "Def. 2.6; D27",
    )
    link_failure_probability: float = parameter(
        0.0, "probability that a link is down, in every round", "not in the paper; D28", "[0, 1]"
    )
    score_rule: str = parameter(
        "smallest_change", "by what agents choose among the policies that they hear",
        "Alg. 1, line 11; D24", choices=SCORE_RULES, symbol="sigma",
    )
    failed_score: str = parameter(
        "none", "score of a learner whose update failed: it has none, zero, or the one of the "
        "policy that it follows", "Sec. 4; D16", choices=("none", "zero", "last"),
    )
    adoption: str = parameter(
        "best", "which of the policies that it hears an agent adopts", "Alg. 1, line 15; D24",
        choices=ADOPTIONS,
    )
    adoption_temperature: float = parameter(
        1.0, "temperature of the softmax at the start", "D24", "(0, 1000000]", symbol="tau"
    )
    final_adoption_temperature: float = parameter(
        0.01, "temperature at the last iteration; geometric in between", "D24", "(0, 1000000]",
    )
    score_steps: int = parameter(
        100, "steps over which the highest return is estimated", "not in the paper; D24", SIZE,
        unit="steps",
    )
    score_temperature: float = parameter(
        0.0, "temperature of the softmax over the estimated returns; 0: the highest",
        "not in the paper; D24", "[0, 1000000]", symbol="tau",
    )
    sampled_exploitability: bool = parameter(
        True, "whether the exploitability is sampled", "Sec. 4.1, F.2",
        needs=("evaluation_interval", "evaluation_moves", "improvement_iterations",
               "evaluation_iterations"),
    )
    exact_metrics: bool = parameter(
        True, "whether return and exploitability are also computed exactly",
        "F.2: the better metric; D22", needs=("evaluation_interval",),
    )
    evaluation_interval: int = parameter(
        2, "exploitability is evaluated at every so many iterations", "Sec. 4.1: alternate k", SIZE,
        unit="iterations",
    )
    improvement_iterations: int = parameter(
        3, "iterations in which the deviating agent improves", "F.2", "[0, 1000]",
        unit="iterations",
    )
    evaluation_iterations: int = parameter(
        3, "iterations over which the deviating agent's return is averaged", "F.2", "[1, 1000]",
        unit="iterations",
    )
    evaluation_moves: bool = parameter(
        False, "whether the population goes on from where the evaluation left it", "F.2; D20"
    )
    name: str = parameter(
        "run", "name of the experiment; part of what names the random streams",
        "reproducibility; D23",
    )
    trial: int = parameter(
        0, "number of the trial; part of what names the random streams", "reproducibility; D23",
        SIZE_OR_0,
    )
    seed: int = parameter(
        1, "root of all random streams", "reproducibility; D23", "[0, 9223372036854775807]"
    )
    # fmt: on
    increase_at: dataclasses.InitVar[int | None] = None

    def __post_init__(self, increase_at):
        if increase_at is not None:
            values = renamed({"change_at": self.change_at, "increase_at": increase_at})
            object.__setattr__(self, "change_at", values["change_at"])
        for key, described in parameters().items():
            object.__setattr__(self, key, described.check(key, getattr(self, key)))
        self._check_game()
        self._check_scenario()
        self._check_sizes()
        if self.make_architecture().hears == "neighbours":
            self._check_network()

    def _check_scenario(self):
        scenario = self.resolved_scenario
        # without its own, `disturbed` does what is given, and a scenario of a user's needs its own
        needed = () if scenario == "disturbed" else SCENARIOS.needs(scenario)
        for key in disturbances():
            if key in needed:
                self._check_given(key, f"scenario {scenario!r}")
            if key not in disturbances(scenario):
                self._check_not_given(key, f"scenario {scenario!r}")
        for key, other in (("agents_after", "change_at"), ("change_at", "agents_after")):
            if getattr(self, other) is not None:
                self._check_given(key, other)
        if "leave_state" in LEAVERS.needs(self.leavers):
            self._check_given("leave_state", f"leavers {self.leavers!r}")
        else:
            self._check_not_given("leave_state", f"leavers {self.leavers!r}")
        if self.leavers != defaults()["leavers"] and min(self.population_sizes) == self.agents:
            raise ConfigurationError(f"leavers: {self.leavers!r} is not allowed: nobody leaves")
        if self.leave_state is not None and self.leave_state >= self.n_states:
            raise ConfigurationError(
                f"leave_state: {self.leave_state} is not < {self.n_states}, the number of states"
            )
        if min(self.population_sizes) < self.agents:
            LEAVERS[self.leavers](self, np.zeros(0, dtype=np.int32))
        for key in ("change_at", "learner_lost_at"):
            if getattr(self, key) is not None and getattr(self, key) >= self.iterations:
                raise ConfigurationError(
                    f"{key}: {getattr(self, key)} is not < iterations = {self.iterations}"
                )

    def _check_given(self, key, why):
        if getattr(self, key) is None:
            raise ConfigurationError(f"{key}: null is not allowed: {why} needs it")

    def _check_not_given(self, key, why):
        value = getattr(self, key)
        if value is not None:
            raise ConfigurationError(f"{key}: {value} is not allowed: {why} has no use for it")

    def _check_sizes(self):
        if self.kept_transitions < 1 and self.make_algorithm().skipped is not None:
            raise ConfigurationError(
                f"transitions: {self.transitions} is not > "
                f"{self.transitions - self.kept_transitions}: no transition would be kept "
                f"(waiting_transitions = {self.waiting_transitions})"
            )
        if not self.return_horizon <= self.learning_steps <= MAX_STEPS:
            raise ConfigurationError(
                f"transitions: {self.transitions} times steps_per_transition = "
                f"{self.steps_per_transition} is not <= {MAX_STEPS:,} and >= {self.return_horizon}"
                f", after which discount = {self.discount} no longer counts in the return"
            )
        if self.sampled_exploitability and min(self.population_sizes) < 2:
            key = "agents" if self.agents < 2 else "agents_after"
            raise ConfigurationError(
                f"{key}: 1 is not allowed: sampled_exploitability compares an agent with others"
            )

    def _check_game(self):
        game = GAMES[self.game]
        if self.reward_time == "after_move" and not game.pays_by_own_share:
            raise ConfigurationError(
                f"reward_time: 'after_move' is not allowed: game {self.game!r} pays by more than "
                "the state and its share"
            )
        with in_one_line(self.game):
            game = self.make_game()
            game.check_sizes()
            pairs = self.n_states * self.n_actions
            if pairs <= MAX_PAIRS:
                _checked(game)
                return
        size = next(key for key in ("grid_size", "states", "game") if key in self._game_fields)
        raise ConfigurationError(
            f"{size}: {getattr(self, size)} gives {pairs:,} state-action pairs; at most "
            f"{MAX_PAIRS:,} are allowed"
        )

    def _check_network(self):
        self.make_network()  # what the network refuses it refuses here
        drawn = self.link_failure_probability or (self.network == "erdos_renyi" and self.redrawn)
        if self.adoption == "softmax" and drawn:
            raise ConfigurationError("adoption: 'softmax' is not allowed where links are redrawn")
        if self.network == "edge_list":
            object.__setattr__(self, "edges_digest", check_edges(self.edges, self.edges_digest))

    @property
    def resolved_scenario(self):
        """Name of the scenario: the given one, or what follows from the others."""
        if self.scenario is not None:
            return self.scenario
        given = any(getattr(self, key) is not None for key in disturbances())
        return "disturbed" if given else "none"

    @property
    def max_agents(self):
        """Largest population of the run, N_max."""
        return max(self.population_sizes)

    @property
    def population_sizes(self):
        """Numbers of agents that the run has at one time or another; set of int."""
        return {self.agents} if self.agents_after is None else {self.agents, self.agents_after}

    @property
    def n_states(self):
        """Number of states of the game."""
        return self.make_game().n_states

    @property
    def n_actions(self):
        """Number of actions of the game."""
        return len(self.make_game().actions)

    @property
    def learning_steps(self):
        """Environment steps of an iteration before its communication rounds, M_pg * M_td."""
        return self.transitions * self.steps_per_transition

    @property
    def kept_transitions(self):
        """Transitions that a learner uses in an iteration (D6, D7)."""
        skipped = self.make_algorithm().skipped
        if skipped is None:
            return 0
        # the first step of an iteration cannot complete a transition
        return self.transitions - skipped - (skipped == 0 and self.steps_per_transition == 1)

    @property
    def return_horizon(self):
        """Number H of steps that the discounted return looks ahead: discount**H <= 1e-6."""
        if self.discount == 0.0:
            return 1
        return math.ceil(math.log(RETURN_TOLERANCE) / math.log(self.discount))

    @property
    def max_entropy(self):
        """h_max = lambda log|A|, the largest value of the regulariser."""
        return self.entropy_weight * float(kernels.log(self.n_actions))

    @property
    def max_q_value(self):
        """Q_max = (1 + h_max) / (1 - gamma), which no true Q-value exceeds."""
        return (1.0 + self.max_entropy) / (1.0 - self.discount)

    @property
    def _game_fields(self):
        """What the game has of the experiment, by name; `game`, its name, is no field of it."""
        given = {key: getattr(self, key) for key in ("max_agents", *parameters())}
        fields = {field.name for field in dataclasses.fields(GAMES[self.game])} | {"game"}
        own = read_settings("game_settings", self.game_settings or "", own_fields(GAMES[self.game]))
        return own | {key: given[key] for key in given if key in fields and given[key] is not None}

    def make_game(self):
        """The game, always the same; Game."""
        fields = self._game_fields
        del fields["game"]
        return _made(GAMES[self.game], *sorted(fields.items()))

    def make_scenario(self):
        """The scenario's rules for this run; Scenario."""
        return SCENARIOS[self.resolved_scenario](self)

    def make_architecture(self):
        """Who learns and who hears whom; Architecture."""
        return ARCHITECTURES[self.architecture]()

    def make_network(self):
        """Who hears whom: a function of the number of agents to :class:`mfgcore.networks.Links`."""
        links = NETWORKS[self.network](self)

        @functools.cache
        def checked(n_agents):
            found = links(n_agents)
            found.check(self.network, n_agents, self.n_states)
            return found

        return checked

    def make_algorithm(self):
        """How a learner comes to its Q-function; Algorithm."""
        return ALGORITHMS[self.algorithm](self)

    def code(self):
        """Fingerprint of the code that the run depends on: mfgcore's and files of users'; str."""
        own = [
            digest_of(entry.choices[getattr(self, key)])
            for key, entry in parameters().items()
            if isinstance(entry.choices, Registry) and getattr(self, key) is not None
        ]
        return "+".join([run_fingerprint(), *filter(None, own)])

    def relevant(self):
        """The parameters that this run depends on.

        A run without communication, say, is the same for every communication radius: parameters
        that play no part are left out, so that changing one makes nothing out of date that does
        not use it. What plays a part follows from what the chosen game, scenario, algorithm and
        so on were registered with.

        Returns
        -------
        dict of str to bool, int, float or str
        """
        values = dataclasses.asdict(self) | {"scenario": self.resolved_scenario}
        read = set(values) - _conditional()
        left = list(read)
        while left:
            key = left.pop()
            found = set(_needs(parameters()[key], values[key])) - read
            read |= found
            left.extend(found)
        return {key: value for key, value in values.items() if key in read}


@functools.lru_cache(maxsize=64)
def _made(game, *fields):
    return game(**dict(fields))


@functools.lru_cache(maxsize=64)
def _checked(game):
    game.check()


def _needs(described, value):
    """Parameters that are read where a parameter has a value."""
    if not isinstance(described.choices, Registry):
        return described.needs if value else ()
    if described.choices is GAMES:
        own = ["game_settings"] if own_fields(GAMES[value]) else []
        return own + [key for key in GAMES.needs(value) if key in parameters()]
    for key in described.choices.needs(value):
        if key not in parameters():
            unknown = unknown_name("parameter", key, parameters())
            raise ConfigurationError(f"{described.choices.kind} {value!r} needs an {unknown}")
    return described.choices.needs(value)


@functools.cache
def own_fields(game):
    """Fields of a game that are no parameters of an experiment, with their defaults; dict."""
    given = parameters().keys() | {"max_agents"}
    return {
        field.name: field.default for field in dataclasses.fields(game) if field.name not in given
    }


def _conditional():
    """Parameters that only some values of others read; set of str."""
    return set().union(*map(_may_need, parameters().values()))


def _may_need(described):
    """Parameters that are read where a parameter has one value or another; set of str."""
    values = described.choices if isinstance(described.choices, Registry) else (True,)
    return {key for value in values for key in _needs(described, value)}


def disturbances(*scenarios):
    """What scenarios, all or the named ones, can be told, having no default; list of str."""
    left = [key for name in scenarios or SCENARIOS for key in SCENARIOS.needs(name)]
    read = set()
    while left:
        read.add(key := left.pop())
        left.extend(_may_need(parameters()[key]) - read)
    return [key for key in parameters() if key in read and defaults()[key] is None]


@functools.cache
def parameters():
    """The parameters of :class:`Experiment`; dict of str to Parameter."""
    return describe_fields(Experiment)


@functools.cache
def defaults():
    """The default of every parameter that has one, by name; dict. Not to be changed."""
    return {
        field.name: field.default
        for field in dataclasses.fields(Experiment)
        if field.default is not REQUIRED
    }


def make_experiment(**values):
    """An :class:`Experiment` from values of unknown origin.

    Raises
    ------
    ConfigurationError
        Also for a key that is no parameter, with the nearest one, and for a missing game.
    """
    for key in values:
        if key not in parameters() and key not in RENAMED:
            raise ConfigurationError(unknown_name("key", key, parameters()))
    if "game" not in values:
        raise ConfigurationError(f"game: missing; {parameters()['game'].allowed()}")
    with told():
        return Experiment(**values)
