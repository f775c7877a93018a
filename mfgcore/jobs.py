"""What the workflow's scripts have in common: a log, and one line for a user's mistake."""

import contextlib
import errno
import sys
import traceback
from pathlib import Path

from mfgcore import configuration
from mfgcore.collect import load_collected
from mfgcore.errors import MfgcoreError, RunFileError, shorten
from mfgcore.files import reason

FULL = (errno.ENOSPC, errno.EDQUOT)


@contextlib.contextmanager
def logged(path):
    """Send what a job prints to its log; end it with one line if its input or the disk is at fault.

    Parameters
    ----------
    path : path
        The job's log file.
    """
    said = None
    try:
        with open(path, "w", encoding="utf-8", buffering=1) as log:  # noqa: PTH123
            try:
                with contextlib.redirect_stdout(log), contextlib.redirect_stderr(log):
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


def check_code(expected, experiment):
    """Refuse to run other code than that of which snakemake keeps book.

    Raises
    ------
    RunFileError
        If the package, or a user's file, was changed since snakemake was started.
    """
    if experiment.code() != expected:
        raise RunFileError("the code was changed since snakemake was started; start it again")


def results(config, paths):
    """What was collected, each compared with what the configuration and the code make now.

    Parameters
    ----------
    config : dict
        The workflow's; its key `show_outdated` lets others pass, marked.
    paths : iterable of path
        Of experiments, ablations and references in the workflow's folders of results.

    Returns
    -------
    list of xarray.Dataset
    """
    configuration.import_files(config)
    found = []
    for path in map(Path, paths):
        name, kind = path.stem, path.parent.name
        if kind == "ablations":
            made_of = [
                list(runs.values()) for _, runs in configuration.ablation(config, name).values()
            ]
        else:
            runs = list(configuration.runs(config, name).values())
            made_of = [[configuration.reference(runs[0])] if kind == "reference" else runs]
        found.append(load_collected(path, made_of, config["show_outdated"]))
    return found


def marked(title, *datasets):
    """A title that says what is out of date in the datasets that are shown."""
    differences = sorted({each.attrs["outdated"] for each in datasets if "outdated" in each.attrs})
    return "\n".join([title, *(f"OUT OF DATE: {difference}" for difference in differences)])
