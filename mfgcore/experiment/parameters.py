"""The parameters of a run, each with its meaning, its bounds and its source, and who reads it.

This is the one home of the parameters. The command line, the workflow's configuration schema,
``config/README.md`` and the docstring of :class:`mfgcore.Experiment` are made from what is written
here.
"""

import dataclasses
import functools
import inspect
import textwrap
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from mfgcore._base.arguments import explained
from mfgcore._base.errors import ConfigurationError, unknown_name
from mfgcore._base.registry import Registry
from mfgcore.experiment.components import (
    ADOPTIONS,
    ALGORITHMS,
    ARCHITECTURES,
    BY_NETWORK,
    DEPARTURE_RULES,
    METRICS,
    NETWORKS,
    OBJECTIVES,
    ONLY_BY_NETWORK,
    POLICY_IMPROVEMENTS,
    REWARD_AVERAGINGS,
    SCENARIOS,
    SCORE_RULES,
)
from mfgcore.experiment.parameter_spec import (
    DIGESTS,
    REQUIRED,
    Parameter,
    describe_fields,
    parameter,
)
from mfgcore.games import BOUNDARIES, GAMES, NORMALISATIONS

# What components are given beside parameters: properties of an Experiment.
DERIVED = (
    "max_agents",
    "population_sizes",
    "n_states",
    "n_actions",
    "return_horizon",
    "max_entropy",
    "max_q_value",
    "random_streams",
)
ARRIVALS = ("after_learning", "before_learning")
DIAGONALS = ("cells", "corners")

# so many agents, iterations or steps of any kind, and no more
SIZE = "[1, 1000000]"
SIZE_OR_0 = "[0, 1000000]"
ALWAYS: Any = {"read_always": True}


@dataclass(frozen=True, kw_only=True)
class Table:
    """The parameters of an :class:`mfgcore.Experiment`, which checks them."""

    # fmt: off
    game: str = parameter(
        REQUIRED, "what agents are rewarded for", "Sec. 4, F.1", choices=GAMES, **ALWAYS
    )
    architecture: str = parameter(
        "networked", "who learns and who hears whom", "Sec. 3, D.3", choices=ARCHITECTURES
    )
    agents: int = parameter(200, "agents at the start", "Table 1", SIZE, symbol="N", **ALWAYS)
    iterations: int = parameter(
        150, "policy updates", "Table 1: varies; 150 is that of Figure 1 (Sec. G)", SIZE,
        symbol="K", **ALWAYS,
    )
    scenario: str | None = parameter(
        None, "what disturbs the run; null: follows from the parameters below that are given",
        "Sec. 4", choices=SCENARIOS,
    )
    failure_probability: float | None = parameter(
        None, "probability that a learner's update fails, at every iteration", "Sec. 4: 0.5",
        "[0, 1]",
    )
    final_agents: int | None = parameter(
        None, "agents after some come or go", "Sec. 4, F.3, F.5", SIZE,
        needs=("population_change_at", "arrival_timing", "departure_rule"),
    )
    population_change_at: int | None = parameter(
        None, "iteration at which they come or go", "Figures 3, 4, 6", SIZE_OR_0, symbol="k*"
    )
    arrival_timing: str = parameter(
        "after_learning", "whether that is after or before the iteration's learning",
        "silent; D17, D29", choices=ARRIVALS,
    )
    departure_rule: str = parameter("random", "who leaves", "F.3; D29", choices=DEPARTURE_RULES)
    departure_state: int | None = parameter(
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
    game_settings: dict | None = parameter(  # noqa: RUF009
        None, "values of what else the game has of its own; `mfgcore games` lists it",
        "not in the paper",
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
    objective: str = parameter(
        "own", "whose rewards agents learn from", "not in the paper; D30", choices=OBJECTIVES,
    )
    reward_rounds: int = parameter(
        1, "rounds in which agents pass on their rewards, at each stored transition",
        "not in the paper; D30", "[0, 1000]", symbol="C_r", unit="rounds",
    )
    reward_averaging: str = parameter(
        "flooding", "how agents estimate the average reward from what they hear",
        "not in the paper; D30", choices=REWARD_AVERAGINGS,
    )
    discount: float = parameter(
        0.9, "discount factor", "Table 1", "[0, 1)", symbol="gamma", **ALWAYS
    )
    transitions: int = parameter(
        3000, "transitions observed in each iteration", "Table 1", SIZE, symbol="M_pg", **ALWAYS
    )
    steps_per_transition: int = parameter(
        10, "environment steps for each transition", "Table 1", SIZE, symbol="M_td", unit="steps",
        **ALWAYS,
    )
    burn_in: int = parameter(
        20, "the last transition not kept: one is kept if its number, from 0, exceeds this",
        "Table 1", SIZE_OR_0, symbol="W",
    )
    replay_cycles: int = parameter(
        500, "passes over the replay buffer", "Table 1", SIZE, symbol="L"
    )
    td_learning_rate: float = parameter(
        0.1, "step size of the TD update", "Table 1", "(0, 1]", symbol="beta"
    )
    td_learning_rate_offset: float | None = parameter(
        None, "m0 of Algorithm 1's schedule beta_m = beta m0 / (m0 + m); null: constant",
        "Sec. 3.5; D9", "(0, 1000000]", symbol="m0", unit="transitions",
    )
    reward_timing: str = parameter(
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
    initial_policy: str | None = parameter(
        None, "file of the policies that agents start with: a run's, or an array of NumPy; null: "
        "every action is as likely", "Alg. 1, line 1: pi_max", path=True,
        needs=(DIGESTS["initial_policy"],),
    )
    initial_policy_digest: str | None = parameter(
        None, "digest of what that file holds; null: as it is", "reproducibility"
    )
    policy_improvement: str = parameter(
        "mirror_ascent", "how a policy follows from a Q-function", "Def. 3.2",
        choices=POLICY_IMPROVEMENTS,
    )
    policy_learning_rate: float = parameter(
        0.01, "learning rate of policy mirror ascent", "Table 1", "(0, 1000000]", symbol="eta"
    )
    softmax_temperature: float = parameter(
        0.1, "temperature of the softmax of the Q-function", "not in the paper", "(0, 1000000]",
        symbol="tau",
    )
    entropy_weight: float = parameter(
        0.01, "weight of the entropy regulariser", "Table 1, F.4", "[0, 1000000]", symbol="lambda",
        **ALWAYS,
    )
    entropy_gap: float | None = parameter(
        None, "how far h(u) may fall below its maximum; null: no bound", "Remark 3.1; D11",
        "(0, 1000000]", symbol="L_h",
    )
    communication_rounds: int = parameter(
        300, "communication rounds in each iteration, each with a step", "Table 1", SIZE_OR_0,
        symbol="C", unit="rounds", **ALWAYS,
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
    nearest_neighbours: int = parameter(
        4, "agents that one is linked to, half of them on each side", "Def. 2.6; D27",
        "[2, 1000000]",
    )
    link_probability: float = parameter(
        0.05, "probability that two agents are linked", "Def. 2.6; D27", "[0, 1]"
    )
    resample_links: bool = parameter(
        True, "whether the links are drawn anew in every round, or once", "Def. 2.6; D27"
    )
    rewiring_probability: float = parameter(
        0.1, "probability that a link of the ring leads elsewhere", "Def. 2.6; D27", "[0, 1]"
    )
    attachment_edges: int = parameter(
        2, "links that each further agent makes", "Def. 2.6; D27", SIZE
    )
    edges: str | None = parameter(
        None, "file that lists the links: the numbers of two agents on each line",
        "Def. 2.6; D27", path=True, needs=(DIGESTS["edges"],),
    )
    edges_digest: str | None = parameter(
        None, "digest of that file; null: as it is", "reproducibility; D27"
    )
    allow_disconnected: bool = parameter(
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
        needs=("evaluation_interval", "evaluate_on_copy", "improvement_iterations",
               "evaluation_iterations"),
    )
    exact_metrics: bool = parameter(
        True, "whether return and exploitability are also computed exactly",
        "F.2: the better metric; D22", needs=("evaluation_interval",),
    )
    selection_metrics: bool = parameter(
        False, "whether it is measured how much the policies that are adopted gain",
        "not in the paper", needs=("evaluation_interval",),
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
    evaluate_on_copy: bool = parameter(
        True, "whether the evaluation leaves the population where it was", "F.2; D20"
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


@functools.cache
def parameters() -> dict[str, Parameter]:
    """The parameters of :class:`mfgcore.Experiment`; dict of str to Parameter."""
    return describe_fields(Table)


@functools.cache
def defaults() -> dict[str, Any]:
    """The default of every parameter that has one, by name; dict. Not to be changed."""
    return {
        field.name: field.default
        for field in dataclasses.fields(Table)
        if field.default is not REQUIRED
    }


@explained
def with_parameters(docstring: str | None) -> str:
    """A docstring with a section of the parameters before that of the errors; str."""
    lines = ["Parameters", "----------"]
    for key, described in parameters().items():
        kind = described.type.__name__ + (" or None" if described.optional else "")
        default = f", default {defaults()[key]!r}" if key in defaults() else ""
        lines.append(f"{key} : {kind}{default}")
        text = f"{described.describe()} ({described.source})."
        lines += textwrap.wrap(text, 88, initial_indent="    ", subsequent_indent="    ")
    section = "\n".join(lines)
    return inspect.cleandoc(docstring or "").replace("Raises\n", f"{section}\n\nRaises\n", 1)


@explained
def read_by(values: Mapping[str, Any], by_network: bool) -> set[str]:
    """Of the parameters of a run, with their values, those that it reads; set of str.

    `by_network` says whether policies travel through the network.
    """
    conditional = set(BY_NETWORK).union(*map(_may_need, parameters().values()))
    read = set(values) - conditional
    left = [*read, *(key for name in METRICS for key in _given(METRICS, name))]
    left += BY_NETWORK if by_network else ()
    read |= set(left)
    while left:
        key = left.pop()
        found = set(_needs(parameters()[key], values[key])) - read
        found -= set() if by_network else set(ONLY_BY_NETWORK)
        read |= found
        left.extend(found)
    return read


def _needs(described, value):
    """Parameters that are read where a parameter has a value."""
    if not isinstance(described.choices, Registry):
        return described.needs if value else ()
    if described.choices is GAMES:
        own = ["game_settings"] if own_fields(GAMES[value]) else []
        return own + [key for key in GAMES.needs(value) if key in parameters()]
    return _given(described.choices, value)


def _given(registry, name):
    """Parameters that are read because a component names them; list of str."""
    for key in registry.needs(name):
        if key not in parameters() and key not in DERIVED:
            unknown = unknown_name("parameter", key, [*parameters(), *DERIVED])
            raise ConfigurationError(f"{registry.kind} {name!r} needs an {unknown}")
    return [key for key in registry.needs(name) if key not in DERIVED and not _always_read(key)]


def _always_read(key):
    return parameters()[key].read_always


@explained
@functools.cache
def own_fields(game: type) -> dict[str, Any]:
    """Fields of a game that are no parameters of an experiment, with their defaults; dict."""
    given = parameters().keys() | {"max_agents"}
    return {
        field.name: field.default for field in dataclasses.fields(game) if field.name not in given
    }


def _may_need(described):
    """Parameters that are read where a parameter has one value or another; set of str."""
    values = described.choices if isinstance(described.choices, Registry) else (True,)
    return {key for value in values for key in _needs(described, value)}


@explained
def disturbances(*scenarios: str) -> list[str]:
    """Parameters without a default that scenarios read, all or the named ones; list of str."""
    left = [key for name in scenarios or SCENARIOS for key in _given(SCENARIOS, name)]
    read = set()
    while left:
        read.add(key := left.pop())
        left.extend(_may_need(parameters()[key]) - read)
    return [key for key in parameters() if key in read and defaults()[key] is None]
