"""What the workflow's scripts have in common: a log, and one line for a user's mistake."""

import contextlib
import sys
import traceback

from mfgcore import datasets
from mfgcore.errors import MfgcoreError


@contextlib.contextmanager
def logged(path):
    """Send what a job prints to its log; end the job with one line if its input is at fault.

    Parameters
    ----------
    path : path
        The job's log file.
    """
    with open(path, "w", encoding="utf-8", buffering=1) as log:  # noqa: PTH123
        try:
            with contextlib.redirect_stdout(log), contextlib.redirect_stderr(log):
                yield
        except MfgcoreError as error:
            print(f"error: {error}", file=log)
            print(f"mfgcore: error: {error}", file=sys.stderr)
            sys.exit(1)
        except BaseException:
            traceback.print_exc(file=log)
            raise


def draw(job, plot, title):
    """Draw a collected experiment: what the figures' scripts do.

    Parameters
    ----------
    job : snakemake.script.Snakemake
        The script's own: input 0 is the dataset, the outputs are `drawings` and `table`.
    plot : callable
        Such as :func:`mfgcore.plotting.plot_metrics`.
    title : str
    """
    with logged(job.log[0]):
        dataset = datasets.load(job.input[0], kind="experiment")
        plot(dataset, outputs=job.output.drawings, table=job.output.table, title=title)
