"""What to run: the parameters of one run, each with its meaning, its bounds and its source.

This is the one home of the parameters. The command line, the workflow's configuration schema and
``config/README.md`` are made from what is written here.
"""

import dataclasses
import math
import numbers
from dataclasses import dataclass

from mfgcore import kernels
from mfgcore.architectures import ARCHITECTURES
from mfgcore.errors import ConfigurationError, shorten, unknown_name
from mfgcore.games import ACTIONS, BOUNDARIES, GAMES, Game, Grid
from mfgcore.learning import ALGORITHMS
from mfgcore.networks import DIAGONALS
from mfgcore.scenarios import ARRIVALS, SCENARIOS
from mfgcore.scores import SCORE_RULES

# D19: the discounted sum of the return metric stops where discount**H is below this
RETURN_TOLERANCE = 1e-6
# pairs of a state and an action are stored as 16-bit numbers in the replay buffers
MAX_PAIRS = 2**16 - 1

REQUIRED = dataclasses.MISSING


@dataclass(frozen=True)
class Parameter:
    """Type, bounds and meaning of one parameter of :class:`Experiment`."""

    type: type
    help: str
    symbol: str = ""
    unit: str = ""
    source: str = ""
    least: float | None = None  # allowed itself
    above: float | None = None  # not allowed itself
    most: float | None = None
    below: float | None = None
    choices: object = None  # a registry or a tuple of names
    kind: str = ""  # what a name of `choices` is called in messages
    optional: bool = False  # None (null) is allowed

    def allowed(self):
        """The allowed values in words."""
        if self.choices is not None:
            return "one of " + ", ".join(self.choices)
        if self.type is bool:
            return "true or false"
        if self.type is str:
            return "a name of letters, digits, '_', '-' and '.', starting with a letter or digit"
        noun = "a whole number" if self.type is int else "a number"
        bounds = [
            f"{sign} {bound:,}" if isinstance(bound, int) and bound >= 10**5 else f"{sign} {bound}"
            for sign, bound in (
                (">=", self.least), (">", self.above), ("<=", self.most), ("<", self.below)
            )
            if bound is not None
        ]  # fmt: skip
        text = " ".join([noun, " and ".join(bounds)]).strip()
        return f"{text}, or null" if self.optional else text

    def check(self, key, value):
        """Return the value as the parameter's own type.

        Raises
        ------
        ConfigurationError
            If the value is of another type or out of bounds.
        """
        if value is None and self.optional:
            return None
        if self.choices is not None:
            if not isinstance(value, str) or value not in self.choices:
                kind = self.kind or key
                raise ConfigurationError(f"{key}: {unknown_name(kind, value, self.choices)}")
            return value
        if not self._fits(value):
            raise ConfigurationError(f"{key}: {shorten(value)} is not {self.allowed()}")
        return self.type(value)

    def _fits(self, value):
        if self.type is bool:
            return isinstance(value, bool)
        if self.type is str:
            return isinstance(value, str) and is_plain_name(value)
        kind = numbers.Integral if self.type is int else numbers.Real
        if not isinstance(value, kind) or isinstance(value, bool) or not math.isfinite(value):
            return False
        return not (
            (self.least is not None and value < self.least)
            or (self.above is not None and value <= self.above)
            or (self.most is not None and value > self.most)
            or (self.below is not None and value >= self.below)
        )

    def schema(self):
        """Return the parameter as a JSON schema."""
        schema = {"description": self.help}
        if self.choices is not None:
            schema["enum"] = list(self.choices) + ([None] if self.optional else [])
            return schema
        name = {bool: "boolean", str: "string", int: "integer", float: "number"}[self.type]
        schema["type"] = [name, "null"] if self.optional else name
        for word, bound in (
            ("minimum", self.least),
            ("exclusiveMinimum", self.above),
            ("maximum", self.most),
            ("exclusiveMaximum", self.below),
        ):
            if bound is not None:
                schema[word] = bound
        return schema


def is_plain_name(text):
    """Whether a name can be part of a file's name everywhere and never be taken for an option."""
    return (
        0 < len(text) <= 64
        and text.isascii()
        and text[0].isalnum()
        and all(letter.isalnum() or letter in "_-." for letter in text)
    )


def _parameter(default, type_, help_, **details):
    return dataclasses.field(
        default=default, metadata={"parameter": Parameter(type_, help_, **details)}
    )


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

    game: str = _parameter(
        REQUIRED, str, "what agents are rewarded for", choices=GAMES, source="Sec. 4, F.1"
    )
    architecture: str = _parameter(
        "networked", str, "who learns and who hears whom", choices=ARCHITECTURES,
        source="Sec. 3, D.3",
    )  # fmt: skip
    agents: int = _parameter(
        200, int, "agents at the start", symbol="N", least=1, most=10**6, source="Table 1"
    )
    iterations: int = _parameter(
        150, int, "policy updates", symbol="K", least=1, most=10**6,
        source="Table 1: varies; 150 is that of Figure 1 (Sec. G)",
    )  # fmt: skip
    scenario: str | None = _parameter(
        None, str, "what disturbs the run; null: follows from the parameters below that are given",
        choices=SCENARIOS, optional=True, source="Sec. 4",
    )  # fmt: skip
    failure_probability: float | None = _parameter(
        None, float, "probability that a learner's update fails, at every iteration",
        least=0, most=1, optional=True, source="Sec. 4: 0.5",
    )  # fmt: skip
    agents_after: int | None = _parameter(
        None, int, "agents after the increase", least=1, most=10**6, optional=True,
        source="Sec. 4, F.5",
    )  # fmt: skip
    increase_at: int | None = _parameter(
        None, int, "iteration at which the further agents arrive", symbol="k*", least=0,
        optional=True, source="Figures 3, 4 and 6",
    )  # fmt: skip
    arrivals: str = _parameter(
        "after_learning", str, "whether agents that arrive first learn for an iteration",
        choices=ARRIVALS, source="silent; D17",
    )  # fmt: skip
    grid_size: int = _parameter(
        8, int, "cells along an edge of the grid", symbol="G", unit="cells", least=2,
        most=1000, source="Table 1",
    )  # fmt: skip
    boundary: str = _parameter(
        "wall", str, "what a move off the edge does", choices=BOUNDARIES, source="silent; D1"
    )
    algorithm: str = _parameter(
        "replay", str, "Algorithm 2, 1, or either with the exact Q-function", choices=ALGORITHMS,
        source="Sec. 3.5, App. E",
    )  # fmt: skip
    discount: float = _parameter(
        0.9, float, "discount factor", symbol="gamma", least=0, below=1, source="Table 1"
    )
    transitions: int = _parameter(
        3000, int, "transitions observed in each iteration", symbol="M_pg", least=1, most=10**6,
        source="Table 1",
    )  # fmt: skip
    steps_per_transition: int = _parameter(
        10, int, "environment steps for each transition", symbol="M_td", unit="steps", least=1,
        most=10**6, source="Table 1",
    )  # fmt: skip
    waiting_transitions: int = _parameter(
        20, int, "the last transition not kept: one is kept if its number, from 0, exceeds this",
        symbol="W", least=0, most=10**6, source="Table 1",
    )  # fmt: skip
    replay_cycles: int = _parameter(
        500, int, "passes over the replay buffer", symbol="L", least=1, most=10**6,
        source="Table 1",
    )  # fmt: skip
    learning_rate: float = _parameter(
        0.1, float, "step size of the TD update", symbol="beta", above=0, most=1, source="Table 1"
    )
    learning_rate_offset: float | None = _parameter(
        None, float, "m0 of Algorithm 1's schedule beta_m = beta m0 / (m0 + m); null: constant",
        symbol="m0", unit="transitions", above=0, optional=True, source="Sec. 3.5; D9",
    )  # fmt: skip
    initial_q_value: float | None = _parameter(
        None, float, "value that every Q-function starts from; null: Q_max", optional=True,
        source="Alg. 1, line 3: Q_max",
    )  # fmt: skip
    policy_step_size: float = _parameter(
        0.01, float, "learning rate of policy mirror ascent", symbol="eta", above=0,
        source="Table 1",
    )  # fmt: skip
    entropy_weight: float = _parameter(
        0.01, float, "weight of the entropy regulariser", symbol="lambda", least=0,
        source="Table 1, F.4",
    )  # fmt: skip
    entropy_gap: float | None = _parameter(
        None, float, "how far h(u) may fall below its maximum; null: no bound", symbol="L_h",
        above=0, optional=True, source="Remark 3.1; D11",
    )  # fmt: skip
    communication_rounds: int = _parameter(
        300, int, "communication rounds in each iteration, each with a step", symbol="C",
        unit="rounds", least=0, most=10**6, source="Table 1",
    )  # fmt: skip
    communication_radius: float = _parameter(
        0.2, float, "how far an agent hears", unit="grid diagonals", least=0, source="Table 1"
    )
    diagonal: str = _parameter(
        "cells", str, "length of the grid's diagonal: sqrt(2) G, or sqrt(2) (G - 1)",
        choices=DIAGONALS, source="silent; D14",
    )  # fmt: skip
    score_rule: str = _parameter(
        "smallest_change", str, "by what agents choose among the policies that they hear",
        choices=SCORE_RULES, symbol="sigma", source="Alg. 1, line 11; D24",
    )  # fmt: skip
    score_steps: int = _parameter(
        100, int, "steps over which the highest return is estimated", unit="steps", least=1,
        most=10**6, source="not in the paper; D24",
    )  # fmt: skip
    score_temperature: float = _parameter(
        0.0, float, "temperature of the softmax over the estimated returns; 0: the highest",
        symbol="tau", least=0, source="not in the paper; D24",
    )  # fmt: skip
    evaluation: bool = _parameter(
        True, bool, "whether the exploitability is sampled", source="Sec. 4.1, F.2"
    )
    exact_metrics: bool = _parameter(
        True, bool, "whether return and exploitability are also computed exactly",
        source="F.2: the better metric; D22",
    )  # fmt: skip
    evaluation_interval: int = _parameter(
        2, int, "exploitability is evaluated at every so many iterations", unit="iterations",
        least=1, most=10**6, source="Sec. 4.1: alternate k",
    )  # fmt: skip
    improvement_iterations: int = _parameter(
        3, int, "iterations in which the deviating agent improves", unit="iterations", least=0,
        most=1000, source="F.2",
    )  # fmt: skip
    evaluation_iterations: int = _parameter(
        3, int, "iterations over which the deviating agent's return is averaged",
        unit="iterations", least=1, most=1000, source="F.2",
    )  # fmt: skip
    name: str = _parameter(
        "run", str, "name of the experiment; part of what names the random streams",
        source="reproducibility; D23",
    )  # fmt: skip
    trial: int = _parameter(
        0, int, "number of the trial; part of what names the random streams", least=0,
        most=10**6, source="reproducibility; D23",
    )  # fmt: skip
    seed: int = _parameter(
        1, int, "root of all random streams", least=0, most=2**63 - 1,
        source="reproducibility; D23",
    )  # fmt: skip

    def __post_init__(self):
        for key, parameter in parameters().items():
            object.__setattr__(self, key, parameter.check(key, getattr(self, key)))
        self._check_scenario()
        self._check_sizes()

    def _check_scenario(self):
        given = {
            key
            for key in ("failure_probability", "agents_after", "increase_at")
            if getattr(self, key) is not None
        }
        if self.scenario is None:
            fitting = [
                name
                for name, entry in SCENARIOS.items()
                if given == set(entry.needs) - {"arrivals"}
            ]
            if not fitting:
                missing = "agents_after" if "increase_at" in given else "increase_at"
                raise ConfigurationError(
                    f"{missing}: null is not allowed: an increase of the population needs both "
                    "agents_after and increase_at"
                )
            object.__setattr__(self, "scenario", fitting[0])
        needs = set(SCENARIOS[self.scenario].needs) - {"arrivals"}
        for key in sorted(needs - given):
            raise ConfigurationError(f"{key}: scenario {self.scenario!r} needs it")
        for key in sorted(given - needs):
            raise ConfigurationError(
                f"{key}: {getattr(self, key)} is not allowed: scenario {self.scenario!r} has no "
                "use for it"
            )
        if self.agents_after is not None and self.agents_after < self.agents:
            raise ConfigurationError(
                f"agents_after: {self.agents_after} is not >= agents = {self.agents}: "
                "a population cannot shrink"
            )
        if self.increase_at is not None and self.increase_at >= self.iterations:
            raise ConfigurationError(
                f"increase_at: {self.increase_at} is not < iterations = {self.iterations}"
            )

    def _check_sizes(self):
        pairs = self.grid_size**2 * len(ACTIONS)
        if pairs > MAX_PAIRS:
            raise ConfigurationError(
                f"grid_size: {self.grid_size} gives {pairs:,} state-action pairs; at most "
                f"{MAX_PAIRS:,} are allowed, so at most {math.isqrt(MAX_PAIRS // len(ACTIONS))}"
            )
        if self.kept_transitions < 1:
            raise ConfigurationError(
                f"transitions: {self.transitions} is not > "
                f"{self.transitions - self.kept_transitions}: no transition would be kept "
                f"(waiting_transitions = {self.waiting_transitions})"
            )
        if self.learning_steps < self.return_horizon:
            raise ConfigurationError(
                f"transitions: {self.transitions} times steps_per_transition = "
                f"{self.steps_per_transition} is not >= {self.return_horizon}, the steps after "
                f"which discount = {self.discount} no longer counts in the return"
            )
        if self.evaluation and self.agents < 2:
            raise ConfigurationError(
                "agents: 1 is not allowed with evaluation: exploitability compares an agent with "
                "the others (evaluation: false leaves it out)"
            )

    @property
    def max_agents(self):
        """Largest population of the run, N_max."""
        return self.agents if self.agents_after is None else self.agents_after

    @property
    def learning_steps(self):
        """Environment steps of an iteration before its communication rounds, M_pg * M_td."""
        return self.transitions * self.steps_per_transition

    @property
    def kept_transitions(self):
        """Transitions that a learner uses in an iteration (D6, D7)."""
        kept = self.transitions - ALGORITHMS[self.algorithm].skipped(self)
        # the first step of an iteration cannot complete a transition
        return kept - (kept == self.transitions and self.steps_per_transition == 1)

    @property
    def return_horizon(self):
        """Number H of steps that the discounted return looks ahead: discount**H <= 1e-6."""
        if self.discount == 0.0:
            return 1
        return math.ceil(math.log(RETURN_TOLERANCE) / math.log(self.discount))

    @property
    def max_entropy(self):
        """h_max = lambda log|A|, the largest value of the regulariser."""
        return self.entropy_weight * float(kernels.log(len(ACTIONS)))

    @property
    def max_q_value(self):
        """Q_max = (1 + h_max) / (1 - gamma), which no true Q-value exceeds."""
        return (1.0 + self.max_entropy) / (1.0 - self.discount)

    def make_game(self):
        """The game on its grid.

        Returns
        -------
        Game
        """
        return Game(self.game, Grid(self.grid_size, self.boundary), self.max_agents)

    def make_scenario(self):
        """The scenario's rules for this run.

        Returns
        -------
        Scenario
        """
        return SCENARIOS[self.scenario].build(self)

    def relevant(self):
        """The parameters that this run depends on.

        A run without communication, say, is the same for every communication radius: parameters
        that play no part are left out, so that changing one makes nothing out of date that does
        not use it.

        Returns
        -------
        dict of str to bool, int, float or str
        """
        unused = set()
        unused |= {"score_steps", "score_temperature"} - set(SCORE_RULES[self.score_rule].needs)
        if ARCHITECTURES[self.architecture].hears != "neighbours":
            unused |= {
                "communication_radius", "diagonal", "score_rule", "score_steps",
                "score_temperature",
            }  # fmt: skip
        if not self.evaluation:
            unused |= {"improvement_iterations", "evaluation_iterations"}
        if not (self.evaluation or self.exact_metrics):
            unused |= {"evaluation_interval"}
        unused |= {"failure_probability", "agents_after", "increase_at", "arrivals"} - set(
            SCENARIOS[self.scenario].needs
        )
        unused |= {
            "initial_q_value", "learning_rate", "waiting_transitions", "replay_cycles",
            "learning_rate_offset",
        } - set(ALGORITHMS[self.algorithm].needs)  # fmt: skip
        return {key: value for key, value in dataclasses.asdict(self).items() if key not in unused}


def parameters():
    """The parameters of :class:`Experiment`.

    Returns
    -------
    dict of str to Parameter
    """
    return {field.name: field.metadata["parameter"] for field in dataclasses.fields(Experiment)}


def defaults():
    """The default of every parameter that has one.

    Returns
    -------
    dict of str to bool, int, float, str or None
    """
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
        if key not in parameters():
            raise ConfigurationError(unknown_name("key", key, parameters()))
    if "game" not in values:
        raise ConfigurationError(f"game: missing; {parameters()['game'].allowed()}")
    return Experiment(**values)
