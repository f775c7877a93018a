"""Predictions of a protocol: what each cell of its experiments says of them, and the verdicts."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

from mfgcore._base.registry import Registry
from mfgcore.plotting.statistics import Interval
from mfgcore.study.claims.evidence import NothingToJudge

HELD, REFUTED, NOT_JUDGED = "held", "refuted", "not judged"


@dataclass(frozen=True)
class Cell:
    """What one cell of an experiment says of a prediction.

    Parameters
    ----------
    label : str
    found : Interval
        The effect and its 95 % interval over trials.
    held, refuted : bool
        Whether the cell is as predicted, and whether it speaks against it.
    slack : float
        By how much the estimate is as predicted; negative where it is not.
    game : str
        Where verdicts count games, the one that the cell is of.
    """

    label: str
    found: Interval
    held: bool
    refuted: bool
    slack: float
    game: str = ""


@dataclass(frozen=True)
class Prediction:
    """A prediction.

    Parameters
    ----------
    name, text, quantity : str
    measure : callable
        Yields each :class:`Cell` of what was run.
    decide : callable
        The verdict on cells, of which there is one at least.
    """

    name: str
    text: str
    quantity: str
    measure: Callable[[Any], Iterable[Cell]]
    decide: Callable[[list[Cell]], str]


@dataclass(frozen=True)
class Outcome:
    """What was measured of a prediction, and the verdict on it."""

    prediction: Prediction
    verdict: str
    cells: list[Cell] = field(default_factory=list)
    note: str = ""

    @property
    def n_held(self) -> int:
        """In how many cells it is as predicted; int."""
        return sum(cell.held for cell in self.cells)

    @property
    def worst(self) -> Cell:
        """The cell that is farthest from what was predicted, or least within it; Cell."""
        return min(self.cells, key=lambda cell: (not cell.refuted, cell.slack))


def register(
    predictions: Registry, name: str, quantity: str, decide: Callable[[list[Cell]], str]
) -> Callable[[Callable], Callable]:
    """Register a function as the measure of a prediction; its docstring is the text."""

    def decorate(function):
        text = " ".join(function.__doc__.split())
        predictions.add(name, Prediction(name, text, quantity, function, decide))
        return function

    return decorate


def judge(predictions: Registry, runs: Any) -> list[Outcome]:
    """Judge all predictions; list of Outcome."""
    return [judge_one(predictions[name], runs) for name in sorted(predictions)]


def judge_one(each: Prediction, runs: Any) -> Outcome:
    """Judge one prediction. Where a part of its data is missing, it is not judged; Outcome."""
    try:
        cells = list(each.measure(runs))
    except NothingToJudge as reason:
        return Outcome(each, NOT_JUDGED, note=str(reason))
    if not cells:
        return Outcome(each, NOT_JUDGED, note="in no cell was there anything to judge")
    return Outcome(each, each.decide(cells), cells)
