"""Files of users: what has a name in them, and the content that runs depend on."""

import contextlib
import hashlib
import inspect
import sys
import types
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from mfgcore.errors import ConfigurationError, MfgcoreError, one_line
from mfgcore.files import StrPath

PREFIX = "mfgcore_import_"
_imported: dict[Path, str] = {}  # names of modules by their files


def import_file(path: StrPath) -> None:
    """Run a Python file, so that what it registers is known; again only if it has changed.

    Raises
    ------
    ConfigurationError
        If it cannot be read, or raises an error itself.
    """

    def refuse(error, line=""):
        raise ConfigurationError(f"import: {path}{line}: {one_line(error)}") from error

    try:
        content = Path(path).read_bytes()
    except OSError as error:
        refuse(error)
    name = PREFIX + _digest(content)
    place = Path(path).resolve()
    if _imported.get(place) == name:
        return
    module = types.ModuleType(name)
    module.__file__ = str(path)
    sys.modules[name] = module  # where dataclasses look for it
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", SyntaxWarning)  # an error says the same, if it is one
            code = compile(content, str(path), "exec")
        with np.errstate():  # what it sets by np.seterr is not for our code
            exec(code, vars(module))
    except (Exception, SystemExit) as error:  # whatever the code of a user may raise
        del sys.modules[name]
        if isinstance(error, MfgcoreError):
            raise ConfigurationError(f"import: {path}: {error}") from error
        line = error.lineno if isinstance(error, SyntaxError) else _place(error)[1]
        refuse(error, f", line {line}" if line else "")
    _imported[place] = name


def imported() -> list[Path]:
    """The files that were imported."""
    return list(_imported)


def _place(error):
    """The user's file and the line where an error arose; None and None if it is from no such."""
    found, trace = (None, None), error.__traceback__
    while trace is not None:
        its, file = trace.tb_frame.f_globals, trace.tb_frame.f_code.co_filename
        if its.get("__name__", "").startswith(PREFIX) and its.get("__file__") == file:
            found = file, trace.tb_lineno
        trace = trace.tb_next
    return found


def blame(error: BaseException) -> str:
    """An exception of any kind on one line, after the place if it is one of a user's file; str."""
    file, line = _place(error)
    return f"{file}, line {line}: {one_line(error)}" if file else one_line(error)


@contextlib.contextmanager
def told() -> Iterator[None]:
    """Let what the code of a user's file raises be one line that says where.

    Raises
    ------
    ConfigurationError
        In place of an error that arose there, and of no other; of sys.exit(), wherever it stands.
    """
    try:
        yield
    except (MfgcoreError, KeyboardInterrupt):
        raise
    except BaseException as error:
        if isinstance(error, Exception) and _place(error)[0] is None:
            raise
        raise ConfigurationError(blame(error)) from error


def digest_of(entry: Any) -> str | None:
    """Digest of the code of an entry of a registry that is not mfgcore's own; None for these.

    It is that of its file, or, in a notebook, of the class or function alone.
    """
    name = entry.__module__
    if name.startswith("mfgcore."):
        return None
    if name.startswith(PREFIX):
        return name.removeprefix(PREFIX)
    try:
        return _digest(inspect.getsource(entry).encode())
    except (OSError, TypeError):
        return "unknown"


def _digest(content):
    return hashlib.sha256(content).hexdigest()[:16]
