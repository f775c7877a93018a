"""Files that are written whole or not at all."""

import contextlib
import glob
import os
from pathlib import Path

from mfgcore.errors import RunFileError, shorten


def check_writable(path):
    """Fail now rather than after a long run if a file cannot be written.

    Raises
    ------
    RunFileError
        If the folder does not exist or does not let us write, or if the path is a folder.
    """
    path = Path(path)
    if path.is_dir():
        raise RunFileError(f"{shorten(str(path))}: is a folder, a file is needed")
    if not path.parent.is_dir():
        raise RunFileError(f"{shorten(str(path))}: its folder does not exist")
    if not os.access(path.parent, os.W_OK):
        raise RunFileError(f"{shorten(str(path))}: its folder is not writable")


@contextlib.contextmanager
def atomic_path(path):
    """A temporary path beside `path` that is renamed to it at the end, or removed on failure.

    Yields
    ------
    pathlib.Path
        It has the ending of `path`, from which libraries guess the format.

    Raises
    ------
    RunFileError
        If the file cannot be written.
    """
    path = Path(path)
    temporary = path.with_name(f".{path.stem}.{os.getpid()}.partial{path.suffix}")
    try:
        # what a killed process left; a file has one writer
        for left in path.parent.glob(f".{glob.escape(path.stem)}.*.partial{path.suffix}"):
            left.unlink(missing_ok=True)
        yield temporary
        temporary.replace(path)
    except OSError as error:
        raise RunFileError(f"{shorten(str(path))}: cannot be written: {reason(error)}") from error
    finally:
        with contextlib.suppress(OSError):
            temporary.unlink(missing_ok=True)


def reason(error):
    """What an operating system or library error says, in one line."""
    return (getattr(error, "strerror", None) or str(error) or type(error).__name__).splitlines()[0]
