"""The predictions of docs/protocol_law.md, each with what would refute it."""

import functools
import itertools
from collections.abc import Callable, Iterator

import numpy as np

from mfgcore._base.registry import Registry
from mfgcore.plotting.statistics import Interval, generator_of
from mfgcore.study.claims.evidence import NothingToJudge
from mfgcore.study.law import SEED
from mfgcore.study.law.measures import NEAR, Law, Runs, counts, interval_of, lead, price, rise
from mfgcore.study.predictions import HELD, REFUTED, Cell, register

PREDICTIONS = Registry("prediction")
UNDECIDED = "undecided"
LEVEL = 2.0  # return in agree until which updates are counted
SPLIT = 3.75  # P of docs/protocol.md, in agree
SHARE = 0.9  # of the games in which something must be so
RESAMPLES = 1000  # of games


def _either(label: str, found: Interval, held: bool) -> Cell:
    """A cell that counts by its estimate alone."""
    return Cell(label, found, held, not held, abs(found.estimate) * (1.0 if held else -1.0))


def _beside(label: str, found: Interval, slack: float, refuted: bool) -> Cell:
    """A cell that is as predicted if the slack is positive."""
    return Cell(label, found, slack > 0.0, refuted, slack)


def within(label: str, found: Interval, margin: float) -> Cell:
    """A cell that is predicted to be within a margin of 0."""
    outside = found.low > margin or found.high < -margin
    return _beside(label, found, margin - abs(found.estimate), outside)


def above(label: str, found: Interval, margin: float) -> Cell:
    """A cell that is predicted to be above a margin."""
    return _beside(label, found, found.estimate - margin, found.high <= margin)


def below(label: str, found: Interval, margin: float) -> Cell:
    """A cell that is predicted to be below a margin."""
    return _beside(label, found, margin - found.estimate, found.low >= margin)


def _share(needed: float, cells: list[Cell]) -> str:
    """The verdict where a share of the cells must be as predicted."""
    return HELD if sum(cell.held for cell in cells) >= needed * len(cells) else REFUTED


def _each(cells: list[Cell]) -> str:
    """The verdict where each cell must be as predicted."""
    if any(cell.refuted for cell in cells):
        return REFUTED
    return HELD if all(cell.held for cell in cells) else UNDECIDED


def prediction(
    name: str, quantity: str, needed: float | None = None
) -> Callable[[Callable], Callable]:
    """Register a function as the measure of a prediction.

    `needed` is the share of the cells that must be as predicted; None: each of them.
    """
    decide = _each if needed is None else functools.partial(_share, needed)
    return register(PREDICTIONS, name, quantity, decide)


# ------------------------------------------------------------ experiment 1


def progress_cells(law: Law, score: str) -> Iterator[tuple[int, float, str, Runs]]:
    """Number of agents, p, variant and runs of each cell of experiment 1 with a score.

    Who learns alone, or for all, chooses nothing: such cells are among those of the random score.
    Where longer runs were made, because the first ended too early, it is those.
    """
    own = [each for each in law.levels("updates", "variant") if each.endswith(score)]
    alone = law.levels("alone", "variant") if score == "random" else []
    for agents, p in itertools.product(
        law.levels("updates", "agents"), law.levels("updates", "failure_probability")
    ):
        for name, variant in [("updates", each) for each in own] + [("alone", a) for a in alone]:
            labels = {"failure_probability": p, "agents": agents, "variant": variant}
            longer = f"{name}_longer"
            if longer in law.datasets and law.was_run(longer, **labels):
                name = longer
            if law.was_run(name, **labels):
                yield agents, p, variant, law.runs(name, **labels)


def _progress(law: Law, score: str) -> Iterator[Cell]:
    needed: dict[int, dict[str, np.ndarray]] = {}
    for agents, p, variant, runs in progress_cells(law, score):
        needed.setdefault(agents, {})[f"p={p:g}, {variant}"] = runs.progress_at(LEVEL)
    for agents, cells in needed.items():
        median = np.median([sample.mean() for sample in cells.values()])
        for label, sample in cells.items():
            label = f"N={agents}, {label}"
            yield within(label, interval_of(sample / median - 1.0, f"progress, {label}"), 0.1)


@prediction("1a", "progress at R = 2 over the median of the cells, minus 1")
def updates_are_progress(law: Law) -> Iterator[Cell]:
    """With a random score, the same progress is needed whatever fails and whoever communicates."""
    yield from _progress(law, "random")


@prediction("1b", "as 1a")
def sigma_multiplies_progress(law: Law) -> Iterator[Cell]:
    """With the score sigma, progress is that of the random score times one constant for each N."""
    yield from _progress(law, "sigma")


# ------------------------------------------------------------ experiment 2


def learnable(law: Law, *names: str) -> Iterator[tuple[str, str, Runs, float]]:
    """Experiment, game, centralised runs and rise of each game that counts."""
    for name in names:
        for game in law.levels(name, "setting"):
            centralised = law.runs(name, setting=game, variant="centralised")
            if counts(centralised, f"{name}, {game}"):
                yield name, game, centralised, float(rise(centralised).mean())


def gains_and_leads(
    law: Law, score: str, *names: str
) -> Iterator[tuple[str, str, Interval, Interval]]:
    """Experiment, game, g of a score and its lead over independent agents, in games that count."""
    for name, game, _, unit in learnable(law, *names):
        runs = law.runs(name, setting=game, variant=score)
        alone = law.runs(name, setting=game, variant="independent")
        key = f"{name}, {game}, {score}"
        gained = interval_of(runs.selection_gain, f"g, {key}")
        yield name, game, gained, interval_of(lead(runs, alone, unit), f"lead alone, {key}")


@prediction("2a", "lead of sigma over independent agents, with the sign of g - 1", needed=SHARE)
def sign_of_gain_is_sign_of_lead(law: Law) -> Iterator[Cell]:
    """In fresh games, communication helps where g is above 1, and harms where it is below."""
    for _, game, gained, ahead in gains_and_leads(law, "sigma", "selection"):
        if ahead.low > 0.0 or ahead.high < 0.0:
            same = (gained.estimate > 1.0) == (ahead.estimate > 0.0)
            yield _either(f"{game}, g={gained.estimate:.2f}", ahead, same)


@prediction("2b", "Spearman's correlation of g and the lead over independent agents, of games")
def gain_orders_games(law: Law) -> Iterator[Cell]:
    """The larger g is in a game, the more communication helps there."""
    from scipy import stats

    found = list(gains_and_leads(law, "sigma", "selection", "known"))
    pairs = np.array([(gained.estimate, ahead.estimate) for _, _, gained, ahead in found])
    if len(pairs) < 4:
        raise NothingToJudge("too few games count")
    generator = generator_of(SEED, "2b")
    drawn = [
        stats.spearmanr(*pairs[generator.integers(len(pairs), size=len(pairs))].T).statistic
        for _ in range(RESAMPLES)
    ]
    low, high = np.nanquantile(drawn, (0.025, 0.975))
    estimate = float(stats.spearmanr(*pairs.T).statistic)
    correlation = Interval(estimate, float(low), float(high), len(pairs))
    yield _beside(f"{len(pairs)} games", correlation, estimate - 0.5, estimate <= 0.5)


@prediction("2c", "distance of g from 1 with 600 transitions minus that with 3000", needed=5 / 6)
def a_large_buffer_selects_nothing(law: Law) -> Iterator[Cell]:
    """With many transitions there are fewer errors to select: g is nearer to 1."""
    for game in law.levels("selection_3000", "setting"):
        few, many = (
            law.runs("selection_3000", setting=game, variant=f"sigma, {number}").selection_gain
            for number in (600, 3000)
        )
        nearer = abs(many.mean() - 1.0) < abs(few.mean() - 1.0)
        sign = np.sign(few.mean() - 1.0), np.sign(many.mean() - 1.0)
        found = interval_of(sign[0] * (few - 1.0) - sign[1] * (many - 1.0), f"2c, {game}")
        yield _either(f"{game}, g={few.mean():.2f} and {many.mean():.2f}", found, nearer)


@prediction("2d", "g - 1 of a random score", needed=SHARE)
def a_random_score_gains_nothing(law: Law) -> Iterator[Cell]:
    """A random score selects nothing, so that its g is 1. A check of the measurement."""
    for name, game, _, _ in learnable(law, "selection", "known", "compensation"):
        runs = law.runs(name, setting=game, variant="random")
        yield within(game, interval_of(runs.selection_gain - 1.0, f"2d, {game}"), 0.05)


# ------------------------------------------------------------ experiment 3


@prediction("3a", "lead of sigma with eta / 0.9 over a random score with eta")
def sigma_is_a_smaller_step(law: Law) -> Iterator[Cell]:
    """Sigma is as fast as a random score if its step size makes good what it chooses too small."""
    for _, game, _, unit in learnable(law, "compensation"):
        if game != "cluster":
            larger, random = (
                law.runs("compensation", setting=game, variant=variant)
                for variant in ("sigma, larger eta", "random")
            )
            yield within(game, interval_of(lead(larger, random, unit), f"3a, {game}"), 0.04)


@prediction("3b", "price of sigma minus that of the weighted change")
def weighted_sigma_has_no_price(law: Law) -> Iterator[Cell]:
    """Weighted by where an agent was, sigma has no price, or far less of one."""
    for _, game, centralised, unit in learnable(law, "compensation"):
        sigma, weighted = (
            price(law.runs("compensation", setting=game, variant=variant), centralised, unit)
            for variant in ("sigma", "weighted")
        )
        yield above(game, interval_of(sigma - weighted, f"3b, {game}"), 0.02)


# ------------------------------------------------------------ experiment 4


def _few_data(law, setting, score):
    """Return at the end, networked minus centralised; (n_trials,)."""
    networked, centralised = (
        law.runs("few_data", setting=setting, variant=variant) for variant in (score, "centralised")
    )
    return interval_of(networked.end - centralised.end, f"4, {setting}, {score}")


@prediction("4a", "return at the end, networked minus centralised")
def other_scores_need_no_more_data(law: Law) -> Iterator[Cell]:
    """With few data, networked agents that choose at random or by return end as high as a central
    learner.
    """
    for setting in law.levels("few_data", "setting"):
        for score in ("random", "return"):
            found = _few_data(law, setting, score)
            yield above(f"{setting}, {score}", found, -0.2 * SPLIT)


@prediction("4b", "return at the end, networked minus centralised")
def sigma_needs_more_data(law: Law) -> Iterator[Cell]:
    """With few data, networked agents that choose by sigma end lower than a central learner."""
    for setting in ("M_td=1", "M_pg=1000", "M_pg=1500"):
        yield below(setting, _few_data(law, setting, "sigma"), -0.2 * SPLIT)


def _later(law, variant, against, reach, base):
    """Lead of a variant at one reach over another at its own; yields label and Interval."""
    for game in law.levels("later_versions", "scenario"):
        labels = {"scenario": game}
        central = law.runs("later_versions", setting=NEAR, variant="centralised", **labels)
        first, second = (
            law.runs("later_versions", setting=setting, variant=name, **labels)
            for setting, name in ((reach, variant), (base, against))
        )
        sample = lead(first, second, rise(central).mean())
        yield f"{game}, {reach}", interval_of(sample, f"4, {game}, {reach}, {variant}, {against}")


@prediction("4c", "lead of a random score over the same with radius 0.2 and C = 1")
def reach_is_nothing_where_nothing_fails(law: Law) -> Iterator[Cell]:
    """As all updates succeed, it does not matter how far policies that are chosen at random go."""
    for setting in law.levels("later_versions", "setting"):
        if setting != NEAR:
            for label, found in _later(law, "random", "random", setting, NEAR):
                yield within(label, found, 0.1)


@prediction("4d", "lead of the lowest number over a random score")
def any_order_will_do(law: Law) -> Iterator[Cell]:
    """To choose always the agent with the lowest number is as good as to choose at random."""
    for setting in law.levels("later_versions", "setting"):
        for label, found in _later(law, "number", "random", setting, setting):
            yield within(label, found, 0.1)


@prediction("4e", "g - 1 of the return; its lead over a random score at C = 300, less 0.04")
def the_return_selects(law: Law) -> Iterator[Cell]:
    """The score by return chooses updates that gain more, and learns faster for it."""
    for game in law.levels("later_versions", "scenario"):
        runs = law.runs("later_versions", scenario=game, setting="C=300", variant="return")
        yield above(f"{game}, g - 1", interval_of(runs.selection_gain - 1.0, f"4e, {game}"), 0.0)
    for label, found in _later(law, "return", "random", "C=300", "C=300"):
        yield above(f"{label}, lead", found, 0.04)


# ------------------------------------------------------------ experiment 5


@prediction("5", "distance to the equilibrium, networked minus independent, with the sign of c")
def correlation_decides_the_distance(law: Law) -> Iterator[Cell]:
    """Networked policies end farther from the equilibrium than independent ones if and only if the
    score prefers smaller gains (c > 0).
    """
    if not law.contraction:
        raise NothingToJudge("there are no runs of contraction")
    for label, cell in law.contraction.items():
        found = interval_of(np.array(cell["farther"]), f"5, {label}")
        c = float(np.mean(cell["correlation"]))
        same = (found.estimate > 0.0) == (c > 0.0)
        excluded = found.low > 0.0 or found.high < 0.0
        yield _either(f"{label}, c={c:+.2f}", found, same or not excluded)
