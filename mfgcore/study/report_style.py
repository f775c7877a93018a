"""Colours, symbols and number formats that the reports of the study share."""

from collections.abc import Iterable, Sequence

from mfgcore.study.claims import BORDERLINE, DEPENDS, FAILS, HOLDS, INCONCLUSIVE, NOT_JUDGED

# colour-blind readers tell them apart; the markers serve print
COLOURS = {
    HOLDS: "#009E73",
    FAILS: "#A63603",
    DEPENDS: "#0072B2",
    BORDERLINE: "#D99A00",
    INCONCLUSIVE: "#333333",
    NOT_JUDGED: "#BABABA",
}
MARKERS = {HOLDS: "o", FAILS: "X", BORDERLINE: "D", INCONCLUSIVE: "s"}


def signed(value: float) -> str:
    """A number with its sign, in two decimals; str."""
    text = f"{value:+.2f}".replace("-", "\N{MINUS SIGN}")
    return "0.00" if text[1:] == "0.00" else text


def markdown_table(head: Sequence[str], rows: Iterable[Sequence[object]]) -> list[str]:
    """Lines of a Markdown table; list of str."""
    every = [head, ["---"] * len(head), *rows]
    return [f"| {' | '.join(map(str, cells))} |" for cells in every]
