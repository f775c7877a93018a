"""What a parameter is: its type, its bounds, its meaning and its source."""

import ast
import dataclasses
import json
import math
import numbers
import operator
import re
import types
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from mfgcore._base.arguments import as_python, explained
from mfgcore._base.errors import ConfigurationError, shorten, unknown_name
from mfgcore._base.registry import Registry

REQUIRED = dataclasses.MISSING
LONGEST_PATH = 1000
# paths of files, and the digests of what they hold
DIGESTS = {"edges": "edges_digest", "initial_policy": "initial_policy_digest"}
_SIGNS = {"[": ">=", "(": ">", "]": "<=", ")": "<"}
_FITS = {">=": operator.ge, ">": operator.gt, "<=": operator.le, "<": operator.lt}
_TYPES = {bool: "true or false", int: "a whole number", float: "a number"}


@dataclass(frozen=True)
class Parameter:
    """Type, bounds and meaning of one parameter of an experiment.

    Parameters
    ----------
    type : type
        bool, int, float, str or dict.
    help, source : str
        What it means, and where the value is from.
    bounds : str
        An interval, such as ``"[0, 1)"``, whose end at a square bracket is allowed itself.
    symbol, unit : str
        The paper's symbol.
    choices : Registry or tuple of str, optional
        The names that are allowed.
    optional : bool
        Whether None (null) is allowed.
    needs : tuple of str
        Parameters that are read only where this one is true.
    read_always : bool
        Whether every run reads it, also if a component names it.
    path : bool
        Whether it is the path of a file.
    pattern, example : str
        Of a text that is no name: its form, as a regular expression, and one such text.
    """

    type: type
    help: str
    source: str
    bounds: str = ""
    symbol: str = ""
    unit: str = ""
    choices: Registry | tuple[str, ...] | None = None
    optional: bool = False
    needs: tuple[str, ...] = ()
    read_always: bool = False
    path: bool = False
    pattern: str = ""
    example: str = ""

    def _limits(self):
        """Sign, as text, and limit of each bound."""
        if not self.bounds:
            return []
        said = self.bounds[1:-1].split(", ")
        limits = (int(each) if each.isdigit() else float(each) for each in said)
        ends = zip((self.bounds[0], self.bounds[-1]), limits, strict=True)
        return [(_SIGNS[end], limit) for end, limit in ends if math.isfinite(limit)]

    def allowed(self) -> str:
        """The allowed values in words."""
        if self.choices is not None:
            text = "one of " + ", ".join(self.choices)
        elif self.path:
            text = "the path of a file"
        elif self.type is dict:
            text = "a mapping of names to values"
        elif self.pattern:
            text = f"a text such as {self.example!r}"
        elif self.type is str:
            text = "a name of letters, digits, '_', '-' and '.', starting with a letter or digit"
        else:
            limits = " and ".join(f"{sign} {_plain(limit)}" for sign, limit in self._limits())
            text = f"{_TYPES[self.type]} {limits}".strip()
        return f"{text}, or null" if self.optional else text

    def check(self, key: str, value: Any) -> Any:
        """Return the value as the parameter's own type.

        Raises
        ------
        ConfigurationError
            If the value is of another type or out of bounds.
        """
        if value is None and self.optional:
            return None
        value = as_python(value)
        if self.choices is not None:
            if not isinstance(value, str) or value not in self.choices:
                kind = getattr(self.choices, "kind", key.rpartition(".")[2])
                raise ConfigurationError(f"{key}: {unknown_name(kind, value, self.choices)}")
            return str(value)
        if not self._fits(value):
            raise ConfigurationError(f"{key}: {shorten(value)} is not {self.allowed()}")
        return Settings(value) if self.type is dict else self.type(value)

    def _fits(self, value):
        if isinstance(value, np.generic):  # of a kind of NumPy's that Python does not have
            return False
        if self.type is bool or isinstance(value, bool):
            return self.type is bool and isinstance(value, bool)
        if self.type is dict:
            return isinstance(value, Mapping) and all(isinstance(name, str) for name in value)
        if self.path:
            return isinstance(value, str) and 0 < len(value) <= LONGEST_PATH and value.isprintable()
        if self.pattern:
            return isinstance(value, str) and re.fullmatch(self.pattern, value) is not None
        if self.type is str:
            return isinstance(value, str) and is_plain_name(value)
        kind = numbers.Integral if self.type is int else numbers.Real
        try:
            if not isinstance(value, kind) or not math.isfinite(value):
                return False
        except OverflowError:  # a whole number of hundreds of digits
            return False
        return all(_FITS[sign](value, limit) for sign, limit in self._limits())

    def describe(self) -> str:
        """Meaning, allowed values with what each name means, symbol and unit, on one line."""
        symbol = f"; the paper's {self.symbol}" if self.symbol else ""
        unit = f"; in {self.unit}" if self.unit else ""
        return f"{self.help}; {self.explained()}{symbol}{unit}"

    def explained(self) -> str:
        """The allowed values in words, with what each name means."""
        if not isinstance(self.choices, Registry):
            return self.allowed()
        text = "; ".join(f"`{name}`: {self.choices.help(name)}" for name in self.choices)
        return f"{text}; or null" if self.optional else text


def _plain(limit):
    return f"{limit:,}" if limit >= 10**5 else f"{limit}"


class Settings(dict):
    """A mapping of names to numbers, truth values, texts and lists of these; hashable.

    Parameters
    ----------
    values : mapping
        Tuples become lists, as in a file.
    """

    def __init__(self, values: Mapping[str, Any]) -> None:
        super().__init__({str(key): _as_list(value) for key, value in dict(values).items()})

    def __hash__(self) -> int:
        return hash(plain(self))


def _as_list(value):
    return [*map(_as_list, value)] if isinstance(value, list | tuple) else as_python(value)


def parse_settings(text: str) -> dict[str, Any]:
    """Settings from words of a command line, such as ``attraction=2 noise=0,1,0``.

    Raises
    ------
    ConfigurationError
        If a name is there twice, or a word is of another form.
    """
    values: dict[str, Any] = {}
    for word in text.split():
        name, equals, written = word.partition("=")
        if not equals or not written or name in values:
            what = "is set twice" if name in values else "is not of the form name=value"
            raise ConfigurationError(f"game_settings: {shorten(word)} {what}")
        try:
            values[name] = ast.literal_eval(written)
        except (ValueError, SyntaxError, MemoryError, RecursionError):
            values[name] = written  # a name
    return values


def fitting_settings(
    key: str, settings: Mapping[str, Any], fields: Mapping[str, Any]
) -> dict[str, Any]:
    """Settings as values of fields, given with their defaults; lists become tuples.

    Raises
    ------
    ConfigurationError
        For another name, or a value of another kind than the default.
    """
    if settings and not fields:
        raise ConfigurationError(f"{key}: {shorten(settings)} is not allowed: the game has none")
    values = {}
    for name, given in settings.items():
        if name not in fields:
            raise ConfigurationError(f"{key}: {unknown_name('setting', name, fields)}")
        values[name] = _as_tuple(given)
        if not _alike(values[name], fields[name]):
            raise ConfigurationError(
                f"{key}: {name} = {shorten(given)} is no value such as {fields[name]!r}"
            )
    return values


def _as_tuple(value):
    return tuple(map(_as_tuple, value)) if isinstance(value, list | tuple) else value


def _alike(value, default):
    """Whether a value is of the kind of a default: a tuple of such values, a number, a name."""
    if isinstance(default, tuple):
        return isinstance(value, tuple) and all(_alike(each, default[0]) for each in value)
    if default is None or type(default) is float:
        return type(value) in (int, float) and math.isfinite(value)
    return type(value) is type(default)


def is_plain_name(text: str) -> bool:
    """Whether a name can be part of a file's name everywhere and never be taken for an option."""
    return (
        0 < len(text) <= 64
        and text.isascii()
        and text[0].isalnum()
        and all(letter.isalnum() or letter in "_-." for letter in text)
    )


def parameter(default: Any, help_: str, source: str, bounds: str = "", **details: Any) -> Any:
    """A field of a dataclass that is described by a :class:`Parameter`.

    Its type, and whether it is optional, follow from the field's annotation.
    """
    details |= {"help": help_, "source": source, "bounds": bounds}
    return dataclasses.field(default=default, metadata={"details": details})


def describe_fields(cls: Any) -> dict[str, Parameter]:
    """The parameters of a dataclass whose fields :func:`parameter` made; dict by name."""
    described = {}
    for field in dataclasses.fields(cls):
        type_: Any = field.type
        optional = isinstance(type_, types.UnionType)
        type_ = type_.__args__[0] if optional else type_
        described[field.name] = Parameter(type_, optional=optional, **field.metadata["details"])
    return described


def first_difference(found: Mapping[str, object], expected: Mapping[str, object]) -> str | None:
    """First difference between effective parameters and the expected ones; str or None.

    Such as ``discount = 0.5, expected 0.4``. The same file may be anywhere.
    """
    for path, digest in DIGESTS.items():
        if found.get(digest) == expected.get(digest) is not None:
            found = {**found, path: expected[path]}
    for key in sorted(expected.keys() | found.keys()):
        if found.get(key) != expected.get(key):
            return f"{key} = {found.get(key)!r}, expected {expected.get(key)!r}"
    return None


@explained
def plain(value: object) -> str:
    """A parameter's value as it is written in a configuration file; str."""
    if isinstance(value, Mapping):
        return " ".join(f"{key}={plain(each)}" for key, each in value.items())
    return json.dumps(value).strip('"')


def identity(relevant: Mapping[str, object]) -> str:
    """A text that is the same for all effective parameters without a difference; str."""
    known = [path for path, digest in DIGESTS.items() if relevant.get(digest) is not None]
    kept = {key: value for key, value in relevant.items() if key not in known}
    return json.dumps(kept, sort_keys=True)
