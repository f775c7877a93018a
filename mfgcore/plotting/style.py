"""What can be drawn, how it looks and how it is written, whatever the environment says.

Whoever draws imports this before matplotlib: a backend or an rc file that cannot be used, such as
those that a notebook or a cluster passes on, would make that import fail.
"""

import contextlib
import functools
import locale
import logging
import os
import re
import sys
import warnings
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

from mfgcore._base.errors import (
    ConfigurationError,
    DrawingWarning,
    RunFileError,
    shorten,
    unknown_name,
)
from mfgcore._base.files import StrPath, atomic_path
from mfgcore.metrics.definitions import per_iteration


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Without what matplotlib says of an rc file or of a folder that it cannot write to."""
    logger = logging.getLogger("matplotlib")
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logger.setLevel(level)


@contextlib.contextmanager
def _nobodys_environment() -> Iterator[None]:
    """As if there were neither a backend nor an rc file: of none in the working folder, too."""
    kept = {name: os.environ.pop(name, None) for name in ("MPLBACKEND", "MATPLOTLIBRC")}
    os.environ["MATPLOTLIBRC"] = os.devnull
    exists = os.path.exists
    os.path.exists = lambda path: path != "matplotlibrc" and exists(path)
    try:
        yield
    finally:
        os.path.exists = exists
        del os.environ["MATPLOTLIBRC"]
        os.environ.update({name: value for name, value in kept.items() if value is not None})


def _take_up_the_users() -> None:
    """Let matplotlib have the user's rc file and backend, as far as they are valid."""
    own: Any = {}
    with contextlib.suppress(OSError, ValueError):  # ValueError: not UTF-8
        path = matplotlib.matplotlib_fname()
        own = matplotlib.rc_params_from_file(path, use_default_template=False)
    matplotlib.rcParams.update(own)
    matplotlib.rcParamsOrig.update(own)
    if matplotlib.rcParams["axes.formatter.use_locale"]:
        with contextlib.suppress(locale.Error):
            locale.setlocale(locale.LC_ALL, "")
    if backend := os.environ.get("MPLBACKEND"):
        with contextlib.suppress(ValueError):
            matplotlib.rcParams["backend"] = backend


if "matplotlib" in sys.modules:
    import matplotlib
    import seaborn as sns
else:
    with _quiet():
        with _nobodys_environment():
            import matplotlib
            import seaborn as sns
        _take_up_the_users()

import numpy as np  # noqa: E402
import xarray as xr  # noqa: E402
from matplotlib.axes import Axes  # noqa: E402
from matplotlib.figure import Figure  # noqa: E402
from matplotlib.text import Text  # noqa: E402

# dimensions of the metrics of what is drawn, and what draws it
DRAWN = {
    "run": ({"iteration"}, "plot_run"),
    "experiment": (
        {"architecture", "trial", "iteration"},
        "one of plot_metrics, plot_exact, plot_mean_field",
    ),
    "ablation": (
        {"architecture", "trial", "iteration", "setting"},
        "plot_ablation, or, if it varies two parameters, plot_heat_map",
    ),
}
FORMATS = (".pdf", ".png", ".svg")
# what is not here is matplotlib's default
STYLE = {
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


@contextlib.contextmanager
def style() -> Iterator[None]:
    """How all figures look, whatever the user's own rc file says, within ``with style():``."""
    with matplotlib.rc_context():
        use_style()
        yield


def use_style() -> None:
    """Let everything that is drawn from now on look so: for scripts that draw figures alone."""
    default: dict[Any, Any] = {
        key: value for key, value in matplotlib.rcParamsDefault.items() if key != "backend"
    }
    with _quiet():
        matplotlib.rcParams.update(default | STYLE)


def styled(plot: Callable[..., Any]) -> Callable[..., Any]:
    """Let a function draw in the style of all figures, but for the Axes that it is given."""

    @functools.wraps(plot)
    def drawn(*arguments, **options):
        with style() if options.get("ax") is None else contextlib.nullcontext():
            return plot(*arguments, **options)

    return drawn


def axes_for(ax: Any, size: tuple[float, float] | None, *shape: int, **options: Any) -> np.ndarray:
    """Axes for so many panels: those that are given, or of a new figure of a size in inches."""
    if ax is None:
        return Figure(figsize=size, layout="constrained").subplots(*shape, squeeze=False, **options)
    try:
        given = np.atleast_1d(np.asarray(ax, dtype=object))
    except ValueError:  # lists of several lengths
        given = np.array([None])
    needed = int(np.prod(shape))
    for each in given.flat:
        if not isinstance(each, Axes):
            what = type(ax if given.size == 1 else each).__name__
            raise ConfigurationError(f"ax: {needed} of matplotlib's Axes needed, {what} given")
    if given.size != needed:
        raise ConfigurationError(f"ax: {given.size} given, {needed} needed")
    return given.reshape(shape)


def check_drawn(dataset: Any, kind: str, *variables: str, said: Iterable[str] = ()) -> None:
    """Refuse to draw what is no dataset of a kind, or lacks what is drawn.

    Parameters
    ----------
    dataset : xarray.Dataset
    kind : {"run", "experiment", "ablation"}
    *variables : str
        Those that are drawn.
    said : iterable of str
        The attributes that are drawn.

    Raises
    ------
    ConfigurationError, RunFileError
    """
    need = f"dataset: that of {'a' if kind == 'run' else 'an'} {kind} is needed"
    if not isinstance(dataset, xr.Dataset):
        raise ConfigurationError(f"{need}, {type(dataset).__name__} given")
    needed, _ = DRAWN[kind]
    for metric in _metrics_of(dataset)[:1]:
        for other, (dimensions, functions) in DRAWN.items():
            if other != kind and dimensions == set(dataset[metric].dims):
                raise ConfigurationError(f"{need}; {functions} draws this, which is of a {other}")
    for name in variables:
        if name not in dataset:
            raise RunFileError(f"{need}; this has no {name}")
        dims = dataset[name].dims
        if needed != set(dims) - {"state"}:
            raise RunFileError(
                f"{name}: is over {', '.join(map(str, dims))}, and drawn if it is over "
                f"{', '.join(sorted(needed))}: select, or rename, a dimension"
            )
    for name in ("configuration", *said):
        if name not in dataset.attrs:
            raise RunFileError(
                f"{need}; this has no attribute {name}, which xarray.set_options(keep_attrs=True) "
                "keeps"
            )


def checked_panels(panels: Any, dataset: Any, kind: str) -> list[str]:
    """The metrics that somebody asks for, or one line for what is none of them; list of str."""
    check_drawn(dataset, kind)
    if isinstance(panels, str) or not isinstance(panels, Iterable):
        raise ConfigurationError(f"panels: {shorten(panels)} is no list of metrics")
    names, known = list(panels), _metrics_of(dataset)
    for name in names:
        if name not in known:
            raise ConfigurationError(f"panels: {unknown_name('metric', name, known)}")
    if not names:
        raise ConfigurationError(f"panels: none is given (known: {', '.join(known)})")
    check_drawn(dataset, kind, *names)
    return names


def _metrics_of(dataset):
    """The metrics in a dataset that are one number at each iteration."""
    entries = per_iteration().items()
    return [name for name, each in entries if each.dims == ("iteration",) and name in dataset]


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
    missing: set[str] = set()
    for path in paths:
        suffix = Path(path).suffix
        if suffix not in FORMATS:
            raise RunFileError(
                f"{shorten(str(path))}: cannot draw {suffix or 'a file without ending'}; "
                f"one of {', '.join(FORMATS)}"
            )
        # no date inside, so that the same data give the same file
        metadata = {".pdf": {"CreationDate": None}, ".svg": {"Date": None}, ".png": {}}[suffix]
        with atomic_path(path) as temporary, _missing_characters(missing):
            figure.savefig(temporary, metadata=metadata)
    if missing:
        lines = [line for text in figure.findobj(Text) for line in text.get_text().split("\n")]
        shown = next((line for line in lines if missing.intersection(line)), "")
        characters = "".join(dict.fromkeys(each for each in "".join(lines) if each in missing))
        warnings.warn(
            f"{shorten(str(paths[0]))}: the font has no {shorten(characters)}, as in "
            f"{shorten(shown.replace(chr(92) + '$', '$'))}; boxes are drawn in their place",
            DrawingWarning,
            stacklevel=2,
        )


@contextlib.contextmanager
def _missing_characters(found: set[str]) -> Iterator[None]:
    """Collect the characters of which matplotlib would warn, each at length."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.filterwarnings("always", r"Glyph \d+ ", UserWarning)
        yield
    for each in caught:
        if missing := re.match(r"Glyph (\d+) ", str(each.message)):
            found.add(chr(int(missing[1])))
        else:
            warnings.warn_explicit(each.message, each.category, each.filename, each.lineno)
