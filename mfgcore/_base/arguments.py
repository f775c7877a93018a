"""Arguments of what users call: of the wrong type, one is refused in a line that names it.

What an argument may be is what its annotation says. Numbers of NumPy's are taken for Python's own,
lists of numbers for arrays.
"""

import collections.abc
import functools
import inspect
import itertools
import numbers
import os
import types
import typing
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import numpy as np

from mfgcore._base.errors import ConfigurationError, MfgcoreError, one_line, shorten

F = TypeVar("F", bound=Callable[..., Any])
WRONG = object()
_NUMBERS = "biuf"  # kinds of NumPy
# what unfit arguments lead to, and which of these are worth to be told
_RAISED = (
    LookupError, TypeError, ValueError, AttributeError, ArithmeticError, StopIteration, OSError,
)  # fmt: skip
_SHOWN = (str, bool, int, float)
_LISTED = (list, tuple, np.ndarray)  # what is looked at element by element


def as_python(value: Any) -> Any:
    """A number, truth value or text of NumPy's as Python's own; anything else as it is."""
    if isinstance(value, np.generic) or (isinstance(value, np.ndarray) and value.ndim == 0):
        if value.dtype.kind == "f":  # a longdouble's item() is one again
            return float(value)
        if value.dtype.kind in "biuU":
            return value.item()
    return value


def _truth(value):
    value = as_python(value)
    return value if isinstance(value, bool) else WRONG


def _number(value, kind=numbers.Real):
    value = as_python(value)
    # a truth value is no number, and a time of NumPy's, which says that it is one, is none
    return value if isinstance(value, kind) and not isinstance(value, bool | np.generic) else WRONG


def _text(value):
    return str(value) if isinstance(value, str) else WRONG


def _path(value):
    given = os.fspath(value) if isinstance(value, str | os.PathLike) else b""
    return value if isinstance(given, str) and "\0" not in given else WRONG


def _array(value):
    if type(value) is np.ndarray:
        return value if value.dtype.kind in _NUMBERS or value.dtype.names else WRONG
    if value is None or isinstance(value, str | collections.abc.Mapping) or np.ma.is_masked(value):
        return WRONG
    try:
        array = np.asarray(value)
    except Exception:  # whatever an object says that is asked for an array
        return WRONG
    return array if array.ndim and array.dtype.kind in _NUMBERS else WRONG


# by annotation: what makes an argument of a value, or WRONG, and what it is called
_KNOWN: dict[Any, tuple[Callable, str]] = {
    bool: (_truth, "true or false"),
    int: (functools.partial(_number, kind=numbers.Integral), "a whole number"),
    float: (_number, "a number"),
    str: (_text, "a text"),
    os.PathLike: (_path, "a path"),
    Path: (lambda value: value if _path(value) is WRONG else Path(value), "a path"),
    np.ndarray: (_array, "an array of numbers"),
    types.NoneType: (lambda value: None if value is None else WRONG, "None"),
    type: (lambda value: value if isinstance(value, type) else WRONG, "a class"),
    collections.abc.Callable: (lambda value: value if callable(value) else WRONG, "a function"),
}


def _test(annotation):
    """What tells whether a value fits an annotation, and its words; None if every value does."""
    origin = typing.get_origin(annotation) or annotation
    if origin in _KNOWN:
        return _KNOWN[origin]
    inner = [_test(each) for each in typing.get_args(annotation) if each is not Ellipsis]
    if origin in (types.UnionType, typing.Union):
        return _any_of(inner)
    if origin in (object, Any) or not isinstance(origin, type):
        return None
    if not issubclass(origin, collections.abc.Iterable) or not typing.get_args(annotation):
        words = f"an {origin.__name__}" if origin.__name__[0] in "AEIO" else f"a {origin.__name__}"
        return (lambda value: value if isinstance(value, origin) else WRONG), words
    if issubclass(origin, collections.abc.Mapping):
        return _mapping(inner[1], origin)
    return _listed(inner, origin)


def _any_of(tests):
    if None in tests:
        return None
    words = list(dict.fromkeys(words for _, words in tests))
    if "a path" in words:  # a text is one
        tests = [test for test in tests if test[1] != "a text"]
        words.remove("a text")
    fits = [fit for fit, _ in tests]

    def fit(value):
        return next((found for each in fits if (found := each(value)) is not WRONG), WRONG)

    return fit, ", or ".join(words)


def _mapping(test, origin):
    words = "a mapping" if test is None else f"a mapping, each value {test[1]}"

    def fit(value):
        if not isinstance(value, origin):
            return WRONG
        fits = test is None or all(test[0](each) is not WRONG for each in value.values())
        return value if fits else WRONG

    return fit, words


def _listed(tests, origin):
    """A list, a tuple or what can be looped over; only what can be so again is looked at."""
    parts = tests if origin is tuple and len(tests) > 1 else None
    each = "" if tests[0] is None else f", each {tests[0][1]}"
    words = f"a tuple of {len(parts)}" if parts else f"a list{each or ' of values'}"
    looped = () if origin in (tuple, list) else (origin,)

    def fit(value):
        if isinstance(value, str | bytes) or not isinstance(value, (*looped, *_LISTED)):
            return WRONG
        if not isinstance(value, _LISTED):
            return value
        if getattr(value, "shape", None) == () or (parts and len(value) != len(parts)):
            return WRONG
        seen = value[:1] if isinstance(value, np.ndarray) else value  # its others are alike
        pairs = zip(seen, parts or itertools.repeat(tests[0]), strict=False)
        right = all(test is None or test[0](one) is not WRONG for one, test in pairs)
        return value if right else WRONG

    return fit, words


def checked(function: F) -> F:
    """Let a function, or a class, refuse arguments that are not what its annotations say.

    Raises
    ------
    ConfigurationError
        When it is called with one; the line names the argument, its value and what it may be.
    """
    if isinstance(function, type):
        function.__init__ = checked(function.__init__)  # type: ignore[misc]
        return function
    signature = inspect.signature(function).parameters
    kinds = inspect.Parameter
    positional = [
        name
        for name, each in signature.items()
        if each.kind in (kinds.POSITIONAL_ONLY, kinds.POSITIONAL_OR_KEYWORD)
    ]
    further = next((n for n, each in signature.items() if each.kind is kinds.VAR_POSITIONAL), "")
    others = next((n for n, each in signature.items() if each.kind is kinds.VAR_KEYWORD), "")
    tests: dict[str, tuple[Callable, str] | None] = {}

    def fitting(name, value, said):
        test = tests[name]
        if test is None:
            return value
        found = test[0](value)
        if found is WRONG:
            raise ConfigurationError(f"{said}: {shorten(value)} is not {test[1]}")
        return found

    @functools.wraps(function)
    def call(*arguments, **named):
        if not tests:  # annotations can name what is imported later
            hints = typing.get_type_hints(function)
            tests.update({name: _test(hints.get(name, Any)) for name in (*signature, "")})
        names = itertools.chain(positional, itertools.repeat(further))
        pairs = zip(names, arguments, strict=False)
        fitted = [fitting(name, value, name) for name, value in pairs]
        for key, value in named.items():
            named[key] = fitting(key if key in signature else others, value, key)
        return function(*fitted, **named)

    return call  # type: ignore[return-value]


def explained(function: F) -> F:
    """As :func:`checked`; and what the function can make nothing of is one line, too.

    For what only computes: nothing of a user's own code is called, whose errors are to be seen.

    Raises
    ------
    ConfigurationError
        In place of the error that arose, with the numbers and texts that it was called with.
    """
    name, signature, call = function.__name__, inspect.signature(function), checked(function)

    @functools.wraps(function)
    def explaining(*arguments, **named):
        try:
            return call(*arguments, **named)
        except MfgcoreError:
            raise
        except _RAISED as error:
            try:
                given = signature.bind(*arguments, **named).arguments.items()
            except TypeError:  # it is not called as it has to be
                raise error from None
            said = [f"{key}={shorten(each)}" for key, each in given if isinstance(each, _SHOWN)]
            raise ConfigurationError(f"{name}({', '.join(said)}): {one_line(error)}") from error

    return explaining  # type: ignore[return-value]
