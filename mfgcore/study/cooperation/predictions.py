"""The predictions of docs/protocol_cooperation.md, each with what would refute it.

Of each game there are cells. One is *held* if its interval lies wholly within what is predicted,
and *refuted* if it is as the protocol's last column says.
"""

import functools
import itertools
import math
from collections.abc import Callable, Iterator

import numpy as np

from mfgcore._base.registry import Registry
from mfgcore.plotting.statistics import Interval, generator_of
from mfgcore.study.claims.evidence import NothingToJudge
from mfgcore.study.cooperation import SEED
from mfgcore.study.cooperation.measures import Cooperation, Runs, interval_of
from mfgcore.study.predictions import HELD, REFUTED, Cell, register

PREDICTIONS = Registry("prediction")
OPEN = "open"
ROUNDS = (0, 1, 5, 20)  # C_r
FAILING = (0.0, 0.5)  # probability that an update fails
SCORES = ("sigma", "return", "random")
LEARNS = 0.1  # w above which somebody learns
MARGIN = 0.04
RESAMPLES = 1000  # of trials, for a correlation
ABOVE, BELOW = (0.0, math.inf), (-math.inf, 0.0)


def decide(refuted_by: str, held_by: str, cells: list[Cell]) -> str:
    """The verdict, where a game counts as refuted by one of its cells, and as held by all.

    Parameters
    ----------
    refuted_by, held_by : {"any", "most", "each"}
        In how many games: most are more than half.
    cells : list of Cell
    """
    games: dict[str, list[Cell]] = {}
    for cell in cells:
        games.setdefault(cell.game, []).append(cell)
    n_refuted = sum(any(cell.refuted for cell in own) for own in games.values())
    n_held = sum(all(cell.held for cell in own) for own in games.values())
    half = len(games) / 2
    if n_refuted > (half if refuted_by == "most" else 0):
        return REFUTED
    return HELD if n_held > (half if held_by == "most" else len(games) - 1) else OPEN


def prediction(
    name: str, quantity: str, refuted: str = "any", held: str = "most"
) -> Callable[[Callable], Callable]:
    """Register a function as the measure of a prediction; see :func:`decide`."""
    return register(PREDICTIONS, name, quantity, functools.partial(decide, refuted, held))


def _cell(
    game: str, label: str, found: Interval, allowed: tuple[float, float], counts: bool = True
) -> Cell:
    """A cell whose interval is predicted to lie within limits, and refutes if it lies outside.

    Unless it `counts`, it cannot refute.
    """
    low, high = allowed
    held = low <= found.low and found.high <= high
    refuted = counts and (found.high < low or found.low > high)
    slack = min(found.estimate - low, high - found.estimate)
    return Cell(f"{game}, {label}" if label else game, found, held, refuted, slack, game)


def _falls(game: str, label: str, first: np.ndarray, second: np.ndarray, name: str) -> Cell:
    """A cell in which an error is predicted to be smaller; it refutes unless it is, or both are 0.

    An interval that lies wholly below 0 refutes as one that includes it.
    """
    found = interval_of(first - second, f"{name}, {game}, {label}")
    none = not first.any() and not second.any()
    cell = found.estimate, none or found.low > 0.0, not none and found.low <= 0.0
    return Cell(f"{game}, {label}", found, *cell[1:], cell[0], game)


def _lead(name: str, game: str, label: str, first: Runs, second: Runs) -> Interval:
    return interval_of(first.w - second.w, f"{name}, {game}, {label}")


def _learns(*runs: Runs) -> bool:
    """Whether any of some cells has a w above 0.1."""
    return any(each.w.mean() > LEARNS for each in runs)


# ------------------------------------------------------------ errors of the estimates


@prediction("1a", "fall of the error from C_r to the next", held="each")
def more_rounds_err_less(runs: Cooperation) -> Iterator[Cell]:
    """The error falls with C_r."""
    for game, p, score in itertools.product(runs.games("rounds"), FAILING, SCORES):
        errors = [runs.rounds(game, p, f"C_r={n}, {score}").error for n in ROUNDS]
        for (n, first), (m, second) in itertools.pairwise(zip(ROUNDS, errors, strict=True)):
            label = f"p={p:g}, {score}, C_r={n} to {m}"
            yield _falls(game, label, first, second, "1a")


@prediction(
    "1b", "fall of the error from a radius to the next; error where all hear all", held="each"
)
def wider_radii_err_less(runs: Cooperation) -> Iterator[Cell]:
    """At C_r = 1 the error falls with the radius, and is 0 where all hear all."""
    for game, score in itertools.product(runs.games("networks"), SCORES[1:]):
        variant = f"C_r=1, {score}"
        if game != "sis_epidemic":  # it has no distances
            radii = ["radius 0.4", "radius 1.0"]
            errors = [runs.rounds(game, 0.0, variant).error]
            errors += [runs.runs("networks", game, network=r, variant=variant).error for r in radii]
            steps = zip(["radius 0.2", *radii], errors, strict=True)
            for (near, first), (far, second) in itertools.pairwise(steps):
                label = f"{score}, {near} to {far.removeprefix('radius ')}"
                yield _falls(game, label, first, second, "1b")
        error = runs.runs("networks", game, network="complete", variant=variant).error
        found = interval_of(error, f"1b, {game}, {score}, complete")
        yield _cell(game, f"{score}, complete", found, (-math.inf, 0.0))


# ------------------------------------------------------------ what the authors say


def _return_leads(runs: Cooperation, name: str, other: str) -> Iterator[Cell]:
    for game, p in itertools.product(runs.games("rounds"), FAILING):
        first, second = runs.rounds(game, p, "C_r=1, return"), runs.rounds(game, p, other)
        yield _cell(game, f"p={p:g}", _lead(name, game, f"p={p:g}", first, second), ABOVE)


@prediction("2a", "lead over independent agents", refuted="most")
def networked_lead_independent(runs: Cooperation) -> Iterator[Cell]:
    """C_r = 1 with the return score leads independent agents."""
    yield from _return_leads(runs, "2a", "independent")


@prediction("2b", "lead over the central learner", refuted="most")
def networked_lead_the_central_learner(runs: Cooperation) -> Iterator[Cell]:
    """C_r = 1 with the return score leads the central learner."""
    yield from _return_leads(runs, "2b", "centralised")


@prediction("2c", "W of the last tenth, minus that of independent agents")
def networked_end_higher_in_the_epidemic(runs: Cooperation) -> Iterator[Cell]:
    """Where the optimum is no equilibrium, C_r = 1 with the return score ends higher than
    independent agents.
    """
    game = "sis_epidemic"
    for p in FAILING:
        ends = [runs.rounds(game, p, name).end for name in ("C_r=1, return", "independent")]
        yield _cell(game, f"p={p:g}", interval_of(ends[0] - ends[1], f"2c, p={p:g}"), ABOVE)


# ------------------------------------------------------------ less communication of rewards


@prediction("3", "lead of C_r over the next")
def fewer_rounds_lead(runs: Cooperation) -> Iterator[Cell]:
    """With a random score, fewer rounds lead wherever C_r = 0 has w > 0.1, but for sis_epidemic."""
    for game, p in itertools.product(runs.games("rounds"), FAILING):
        found = [runs.rounds(game, p, f"C_r={n}, random") for n in ROUNDS]
        if game == "sis_epidemic" or not _learns(found[0]):
            continue
        for (n, first), (m, second) in itertools.pairwise(zip(ROUNDS, found, strict=True)):
            label = f"p={p:g}, C_r={n} over {m}"
            yield _cell(game, label, _lead("3", game, label, first, second), ABOVE)


@prediction("4", "lead of radius 0.2 over 1.0")
def smaller_radii_lead(runs: Cooperation) -> Iterator[Cell]:
    """With a random score, smaller radii help in diffuse, two_bars and beach_bar."""
    for game, n in itertools.product(("diffuse", "two_bars", "beach_bar"), ROUNDS[1:3]):
        variant = f"C_r={n}, random"
        near = runs.rounds(game, 0.0, variant)
        far = runs.runs("networks", game, network="radius 1.0", variant=variant)
        yield _cell(game, f"C_r={n}", _lead("4", game, variant, near, far), ABOVE)


# ------------------------------------------------------------ scores, and the share of one's own


def _scores(runs: Cooperation, game: str, p: float, n: int) -> tuple[Runs, Runs]:
    return runs.rounds(game, p, f"C_r={n}, return"), runs.rounds(game, p, f"C_r={n}, random")


@prediction("5", "lead of the return score over a random one, at C_r = 1", refuted="most")
def selection_assigns_credit(runs: Cooperation) -> Iterator[Cell]:
    """Selection replaces the assignment of credit: the return score leads by more than 0.04."""
    for game, p in itertools.product(runs.games("rounds"), FAILING):
        found = _lead("5", game, f"p={p:g}", *_scores(runs, game, p, 1))
        yield _cell(game, f"p={p:g}", found, (MARGIN, math.inf))


@prediction("6a", "lead of the return score over a random one, at C_r = 20")
def equal_returns_select_nothing(runs: Cooperation) -> Iterator[Cell]:
    """Where nearly all hear all, the return score is a random one: within 0.04."""
    for game, p in itertools.product(runs.games("rounds"), FAILING):
        both = _scores(runs, game, p, 20)
        if _learns(*both):
            found = _lead("6a", game, f"p={p:g}", *both)
            yield _cell(game, f"p={p:g}", found, (-MARGIN, MARGIN))


@prediction("6b", "w minus that of a smaller N")
def larger_populations_learn_less(runs: Cooperation) -> Iterator[Cell]:
    """With a random score and C_r = 20, w falls with N in {10, 50, 200}."""
    variant = "C_r=20, random"
    for game in runs.games("size"):
        few, many = (runs.runs("size", game, agents=n, variant=variant) for n in (10, 200))
        steps = {10: few, 50: runs.rounds(game, 0.0, variant), 200: many}
        for n, m in ((10, 50), (50, 200), (10, 200)):
            label = f"N={m} over {n}"
            found = _lead("6b", game, label, steps[m], steps[n])
            yield _cell(game, label, found, BELOW, counts=(n, m) == (10, 200))


@prediction("6c", "w at C_r = 20", refuted="most")
def nobody_learns_of_a_small_share(runs: Cooperation) -> Iterator[Cell]:
    """With a random score nobody learns where the own effect is 1/N: w is at most 0.1."""
    for game, p in itertools.product(runs.games("rounds"), FAILING):
        w = runs.rounds(game, p, "C_r=20, random").w
        found = interval_of(w, f"6c, {game}, p={p:g}")
        yield _cell(game, f"p={p:g}", found, (-math.inf, LEARNS))


# ------------------------------------------------------------ failing updates


@prediction("7a", "lead with failing updates over without, at C_r = 1")
def connected_agents_are_one_learner(runs: Cooperation) -> Iterator[Cell]:
    """With a random score and half of the updates failing, the lead is within 0.04."""
    for game in runs.games("rounds"):
        failing, sound = (runs.rounds(game, p, "C_r=1, random") for p in reversed(FAILING))
        if _learns(failing, sound):
            yield _cell(game, "", _lead("7a", game, "", failing, sound), (-MARGIN, MARGIN))


@prediction("7b", "w of the central learner with failing updates over w without")
def the_central_learner_makes_half(runs: Cooperation) -> Iterator[Cell]:
    """The central learner makes half of the progress: 0.3 to 0.7, where w > 0.1."""
    for game in runs.games("rounds"):
        failing, sound = (runs.rounds(game, p, "centralised") for p in reversed(FAILING))
        if _learns(sound):
            yield _cell(game, "", interval_of(failing.w / sound.w, f"7b, {game}"), (0.3, 0.7))


# ------------------------------------------------------------ error and progress


def return_cells(runs: Cooperation, game: str) -> list[Runs]:
    """The cells of `rounds` and `weights` of a game that have the return score."""
    cells = [
        runs.rounds(game, p, f"C_r={n}, return") for p, n in itertools.product(FAILING, ROUNDS)
    ]
    return cells + [runs.runs("weights", game, reward_rounds=n) for n in ROUNDS[1:]]


@prediction("8", "Spearman's correlation of error and w, over cells", held="each")
def the_error_counts(runs: Cooperation) -> Iterator[Cell]:
    """What counts is the error, not the way: the correlation is above 0.7 in each game."""
    from scipy import stats

    def correlation(pairs):
        return float(stats.spearmanr(*pairs.mean(axis=2).T).statistic)

    for game in runs.games("weights"):
        pairs = np.array([(cell.error, cell.w) for cell in return_cells(runs, game)])
        n_trials = pairs.shape[2]
        if n_trials < 2 or not np.isfinite(pairs).all():
            raise NothingToJudge(f"8, {game}: not every trial has what is measured")
        generator = generator_of(SEED, f"8, {game}")
        drawn = [
            correlation(pairs[:, :, generator.integers(n_trials, size=n_trials)])
            for _ in range(RESAMPLES)
        ]
        low, high = np.nanquantile(drawn, (0.025, 0.975))
        found = Interval(correlation(pairs), float(low), float(high), n_trials)
        slack = found.estimate - 0.7
        yield Cell(game, found, found.low > 0.7, slack < 0.0, slack, game)
