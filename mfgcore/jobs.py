"""What the workflow's scripts have in common: a log, and one line for a user's mistake."""

import contextlib
import sys
import traceback

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
