"""What the workflow's scripts have in common: a log, and one line for a user's mistake."""

import contextlib
import errno
import sys
import traceback
import warnings
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, TextIO

import xarray as xr

from mfgcore._base.errors import DrawingWarning, MfgcoreError, RunFileError, shorten
from mfgcore._base.files import StrPath, reason
from mfgcore.batch.collect import load_current
from mfgcore.batch.design import reference
from mfgcore.experiment.experiment import Experiment, code_fingerprint_of
from mfgcore.pipeline import configuration

FULL = (errno.ENOSPC, errno.EDQUOT)


@contextlib.contextmanager
def logged(path: StrPath) -> Iterator[None]:
    """Send what a job prints to its log; end it with one line if its input or disk is at fault."""
    said: MfgcoreError | str | None = None
    try:
        with open(path, "w", encoding="utf-8", buffering=1) as log:  # noqa: PTH123
            try:
                with (
                    _drawing_warnings_to(sys.stderr),
                    contextlib.redirect_stdout(log),
                    contextlib.redirect_stderr(log),
                ):
                    yield
            except MfgcoreError as error:
                said = error
                print(f"error: {error}", file=log)
            except BaseException:
                traceback.print_exc(file=log)
                raise
    except OSError as error:
        if error.errno not in FULL:
            raise
        said = said or f"{shorten(str(path))}: cannot be written: {reason(error)}"
    if said is not None:
        with contextlib.suppress(OSError):  # the disk that is full may hold this, too
            print(f"mfgcore: error: {said}", file=sys.stderr, flush=True)
        sys.exit(1)


@contextlib.contextmanager
def _drawing_warnings_to(terminal: TextIO) -> Iterator[None]:
    """Say of a figure that is not as it was asked for where somebody sees it, too."""
    with warnings.catch_warnings():
        show = warnings.showwarning

        def tell(message, category, *arguments):
            if not issubclass(category, DrawingWarning):
                return show(message, category, *arguments)
            for stream in (sys.stderr, terminal):
                print(f"mfgcore: warning: {message}", file=stream, flush=True)

        warnings.showwarning = tell
        yield


def check_code(expected: str, *experiments: Experiment) -> None:
    """Refuse, by a RunFileError, to run other code than that of which snakemake keeps book."""
    if code_fingerprint_of(experiments) != expected:
        raise RunFileError("the code was changed since snakemake was started; start it again")


def current(config: dict[str, Any], paths: Iterable[StrPath]) -> dict[str, xr.Dataset]:
    """What was collected, each compared with what the configuration and the code make now.

    Returns
    -------
    dict of str to xarray.Dataset
        By their names; ``NAME (reference)`` of a reference. Others pass, marked, where the
        configuration's key `show_outdated` is true.
    """
    found = {}
    for path in map(Path, paths):
        name, group = path.stem, path.parent.name
        if group == "reference":
            runs = configuration.design(config, "experiments", name).runs
            expected: Any = reference(next(iter(runs.values())))
            name += " (reference)"
        else:
            expected = configuration.design(config, group, name)
        found[name] = load_current(path, expected, config["show_outdated"])
    return found


def marked(title: str, *datasets: xr.Dataset) -> str:
    """A title that says what is out of date in the datasets that are shown."""
    differences = sorted({each.attrs["outdated"] for each in datasets if "outdated" in each.attrs})
    return "\n".join([title, *(f"OUT OF DATE: {difference}" for difference in differences)])
