"""What can go wrong through no fault of the code. Each message is one line."""

import difflib
from collections.abc import Iterable


class MfgcoreError(Exception):
    """Base of the errors that a user can mend; whatever its message is made of, it is one line."""

    def __str__(self) -> str:
        return on_one_line(super().__str__())


class ConfigurationError(MfgcoreError, ValueError):
    """A parameter that is unknown, of the wrong type, out of range or at odds with another."""


class RunFileError(MfgcoreError):
    """A file that cannot be read, is of another version or does not fit the others."""


class NumericalError(MfgcoreError, ArithmeticError):
    """NaN or infinity arose inside a run."""


for _error in (MfgcoreError, ConfigurationError, RunFileError, NumericalError):
    _error.__module__ = "mfgcore"  # where users import them from


class DrawingWarning(UserWarning):
    """A figure is made, but not as it was asked for."""


def on_one_line(text: str) -> str:
    """A text whose line breaks, all that there are, are spaces."""
    return text if text.isprintable() else " ".join(text.split())


def unknown_name(kind: str, name: object, known: Iterable[object]) -> str:
    """Message for a name that is none of the known ones of its kind, with the nearest of them."""
    names = [str(entry) for entry in known]
    return f"unknown {kind} {shorten(name)}{did_you_mean(name, names)} (known: {', '.join(names)})"


def did_you_mean(name: object, known: Iterable[str]) -> str:
    """The end of a message: the known name that is nearest to a name, if one is near."""
    given = name if isinstance(name, str) else shorten(name)
    nearest = difflib.get_close_matches(given, list(known), n=1, cutoff=0.5)
    return f"; did you mean {nearest[0]!r}?" if nearest else ""


def one_line(error: BaseException, limit: int = 160) -> str:
    """An exception of any kind, on one line and cut to a length that fits a message."""
    try:
        said = on_one_line(str(error))
    except Exception:  # a user's own may fail to say it
        said = "its message cannot be read"
    text = f"{type(error).__name__}: {said}".removesuffix(": ")
    return text if len(text) <= limit else text[: limit - 3] + "..."


def shorten(value: object, limit: int = 80) -> str:
    """The repr of a value on one line, cut in its middle to a length that fits a message."""
    try:
        text = on_one_line(repr(value))
    except Exception:  # of a class whose author did not think of it
        text = object.__repr__(value)
    half = (limit - 3) // 2
    return text if len(text) <= limit else f"{text[:half]}...{text[-half:]}"


def show_key(key: object) -> str:
    """A key as it is, or, if it is odd or long, as a short literal on one line."""
    text = str(key)
    return text if text.isprintable() and 0 < len(text) <= 64 else shorten(key)
