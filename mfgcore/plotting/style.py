"""How figures look and how they are written, whatever the environment says.

The package imports this first, as it imports matplotlib: a backend or an rc file that cannot be
used, such as those that a notebook or a cluster passes on, would make that import fail.
"""

import contextlib
import functools
import logging
import os
import re
import sys
import warnings
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from mfgcore._base.arguments import checked
from mfgcore._base.errors import DrawingWarning, RunFileError, shorten
from mfgcore._base.files import StrPath, atomic_path

LOGGER = logging.getLogger("matplotlib")
LEVEL = LOGGER.level
LOGGER.setLevel(logging.ERROR)  # nothing of an rc file, or a folder that cannot be written to
with warnings.catch_warnings(action="ignore"):
    try:
        import matplotlib.style
    except ValueError:  # a backend that there is not, or an rc file that is no text
        from unittest.mock import patch

        for name in [name for name in sys.modules if name.partition(".")[0] == "matplotlib"]:
            del sys.modules[name]
        defaults = {"MPLBACKEND": "", "MATPLOTLIBRC": os.devnull}
        # nor an rc file in the working folder
        with contextlib.chdir(Path(__file__).parent), patch.dict(os.environ, defaults):
            import matplotlib.style
LOGGER.setLevel(LEVEL)

import numpy as np  # noqa: E402
import pandas as pd  # noqa: E402
from matplotlib.colors import to_hex  # noqa: E402
from matplotlib.figure import Figure  # noqa: E402

# no date inside, so that the same data give the same file
FORMATS: dict[str, dict] = {".pdf": {"CreationDate": None}, ".png": {}, ".svg": {"Date": None}}
WIDTH = 7.2  # inches: the text width of a page
# Okabe & Ito's palette, for colour-blind readers; line styles for print
STYLES = {
    "centralised": ("#0072B2", (0, (5, 1.5))),
    "independent": ("#D55E00", (0, (1, 1))),
    "networked": ("#009E73", "solid"),
}
OTHER_COLOURS = ("#CC79A7", "#E69F00", "#56B4E9", "#000000")
LINES = ("solid", (0, (5, 1.5)), (0, (1, 1)), "dashdot")


@functools.cache
def _settings() -> dict[Any, Any]:
    """Settings of matplotlib; what is not here is its default."""
    import seaborn as sns  # a second, for who draws

    return {
        **sns.plotting_context("paper"),
        **sns.axes_style("ticks"),
        "font.sans-serif": ["DejaVu Sans"],  # matplotlib brings it
        "font.size": 8,
        "axes.titlesize": 8.5,
        "axes.labelsize": 8,
        "xtick.labelsize": 7.5,
        "ytick.labelsize": 7.5,
        "legend.fontsize": 8,
        "lines.linewidth": 1.3,
        "axes.spines.top": False,
        "axes.spines.right": False,
        "pdf.fonttype": 42,
        "savefig.dpi": 200,
        "svg.hashsalt": "mfgcore",
    }


def style() -> contextlib.AbstractContextManager[None]:
    """Context in which figures look as all here do, whatever the user's own rc file says."""
    return matplotlib.style.context(_settings(), after_reset=True)


def use_style() -> None:
    """Let all figures look so from now on: for scripts that only draw figures."""
    matplotlib.style.use(["default", _settings()])


def styled(plot: Callable[..., Any]) -> Callable[..., Any]:
    """Let a function draw in this style, unless it is given Axes, and check its arguments."""
    plot = checked(plot)

    @functools.wraps(plot)
    def drawn(*arguments, **options):
        with style() if options.get("ax") is None else contextlib.nullcontext():
            return plot(*arguments, **options)

    return drawn


def style_of(architecture: str) -> tuple[str, Any]:
    """Colour and line style of an architecture, also of one that is not the paper's."""
    if architecture in STYLES:
        return STYLES[architecture]
    return OTHER_COLOURS[sum(map(ord, architecture)) % len(OTHER_COLOURS)], "dashdot"


def styles_of(factor: str, levels: Iterable[Any]) -> dict[Any, tuple[Any, Any]]:
    """Colour and line style of each level of a factor; dict of level to style.

    Shades from dark to light are numbers in their order, other levels have colours of their own.
    """
    levels = list(levels)
    if factor == "architecture":
        return {level: style_of(str(level)) for level in levels}
    try:
        np.array(levels).astype(float)
        shades = matplotlib.colormaps["plasma"](np.linspace(0.0, 0.83, len(levels)))
        colours = [to_hex(each) for each in shades]
    except ValueError:  # names
        own = (*OTHER_COLOURS[::-1], *(colour for colour, _ in STYLES.values()))
        colours = [own[i % len(own)] for i in range(len(levels))]
    return {level: (colours[i], LINES[i % len(LINES)]) for i, level in enumerate(levels)}


def literal(text: str) -> str:
    """A text as it is drawn as it is, such as a user's title, which is no formula; str."""
    return text.replace("$", r"\$").encode(errors="replace").decode()  # no half of a character


def save_figure(figure: Figure, paths: Iterable[StrPath]) -> None:
    """Write a figure to PDF, PNG or SVG files, whole or not at all.

    Characters that its font has not are named by one DrawingWarning.

    Raises
    ------
    RunFileError
        If a file cannot be written or has another ending.
    """
    paths = [paths] if isinstance(paths, str | os.PathLike) else list(paths)
    with warnings.catch_warnings(record=True) as caught:
        warnings.filterwarnings("always", r"Glyph \d+ ", UserWarning)
        for path in paths:
            suffix = Path(path).suffix
            if suffix not in FORMATS:
                text = f"{shorten(str(path))}: cannot draw {suffix or 'a file without ending'}"
                raise RunFileError(f"{text}; one of {', '.join(FORMATS)}")
            with atomic_path(path) as temporary:
                figure.savefig(temporary, metadata=FORMATS[suffix])
    missing = []
    for each in caught:
        if glyph := re.match(r"Glyph (\d+) ", str(each.message)):
            missing.append(chr(int(glyph[1])))
        else:
            warnings.warn_explicit(each.message, each.category, each.filename, each.lineno)
    if missing:
        characters = shorten("".join(dict.fromkeys(missing)))
        text = f"the font has no {characters}; boxes are drawn in their place"
        warnings.warn(f"{shorten(str(paths[0]))}: {text}", DrawingWarning, stacklevel=2)


def save_table(table: pd.DataFrame, path: StrPath | None) -> None:
    """Write a table to a CSV file, whole or not at all; nowhere, if there is no path."""
    if path is not None:
        with atomic_path(path) as temporary:
            table.to_csv(temporary, index=False, float_format="%.10g")
