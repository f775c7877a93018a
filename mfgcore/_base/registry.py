"""Registry of named components: games, networks, architectures, algorithms, metrics and so on."""

import functools
import inspect
import os
import re
import sys
from collections.abc import Callable, Collection, Mapping
from typing import Any

from mfgcore._base.arguments import checked
from mfgcore._base.errors import ConfigurationError, shorten, unknown_name

OURS = "mfgcore's"


class Registry(Mapping[str, Any]):
    """Named components of one kind; an unknown name is answered with the nearest.

    Parameters
    ----------
    kind : str
        Kind of component, such as ``"game"``; it stands in messages.
    type_ : type, optional
        Of what :meth:`make` returns.
    code : str
        The attribute of an entry that holds its code, if that is not the entry itself.

    Examples
    --------
    >>> COLOURS = Registry("colour")
    >>> @COLOURS.register
    ... def green():
    ...     '''Colour of grass.'''
    >>> COLOURS.help("green")
    'Colour of grass'
    >>> COLOURS["gren"]
    Traceback (most recent call last):
    mfgcore.ConfigurationError: unknown colour 'gren'; did you mean 'green'? (known: green)
    """

    @checked
    def __init__(self, kind: str, type_: type | None = None, code: str = "") -> None:
        self.kind, self._type, self._code = kind, type_, code
        self.reserved: Collection[str] = ()  # names that no entry may have
        self._entries: dict[str, Any] = {}

    def register(self, function: Any) -> Any:
        """Register a function by its name, as a decorator; its docstring is the help."""
        self.add(function.__name__, function)
        return function

    @checked
    def add(self, name: str, value: Any) -> None:
        """Register any value by a name.

        Raises
        ------
        ConfigurationError
            If the name is one of mfgcore itself or of another file, or is reserved.
        """
        taken = "would be a coordinate or parameter" if name in self.reserved else ""
        if name in self._entries:
            known, own = (_origin(self._own_code(each)) for each in (self._entries[name], value))
            # a notebook may have what a file has, and something else in the next cell
            if known[1] != own[1] and known[0] and (own[0] or known[0] == OURS):
                taken = taken or f"is one of {known[0]}"
        if taken:
            raise ConfigurationError(f"{self.kind} {name!r} {taken}; choose another name")
        self._entries[name] = value

    def needs(self, name: str) -> tuple[str, ...]:
        """What an entry is given by the experiment: the names after ``*``; tuple of str."""
        return keyword_names(self.code(name))

    def make(self, name: str, given: Callable[[str], Any]) -> Any:
        """Make a component: what an entry returns, or itself, if it takes more than it is given.

        `given` returns what an entry is given, by what it names after ``*``.

        Raises
        ------
        ConfigurationError
            If that is of another type than it has to be.
        """
        code = self.code(name)
        bound = functools.partial(code, **{key: given(key) for key in keyword_names(code)})
        later = _positional_names(code)
        if later and self._type is not None:
            hint = "what it is to be given by the experiment stands after *"
            what = f"nothing gives it {', '.join(later)}"
            raise ConfigurationError(f"{self.kind} {name!r}: {what}; {hint}")
        made = bound if later else bound()
        if self._type is not None and not isinstance(made, self._type):
            what = f"{shorten(made)} is not an object of type {self._type.__name__}"
            raise ConfigurationError(f"{self.kind} {name!r}: {what}")
        return made

    def _own_code(self, value):
        return getattr(value, self._code, value) if self._code else value

    def code(self, name: str) -> Any:
        """The function or class that is called by a name."""
        return self._own_code(self[name])

    def help(self, name: str) -> str:
        """The first sentence of an entry's docstring, on one line and without its full stop."""
        text = " ".join((self._entries[name].__doc__ or "").split())
        # not after "Alg." and the like, which a number follows
        return re.split(r"\. (?=[A-Za-z])", text)[0].removesuffix(".")

    def remove(self, name: str) -> None:
        """Forget a name."""
        del self._entries[name]

    def __getitem__(self, name):
        if name not in self:
            raise ConfigurationError(unknown_name(self.kind, name, self))
        return self._entries[name]

    def __contains__(self, name):
        return isinstance(name, str) and name in self._entries

    def __iter__(self):
        return iter(self._entries)

    def __len__(self):
        return len(self._entries)


@functools.cache
def keyword_names(function: Callable) -> tuple[str, ...]:
    """The names of a function's keyword-only arguments; tuple of str."""
    arguments = inspect.signature(function).parameters.values()
    return tuple(each.name for each in arguments if each.kind is each.KEYWORD_ONLY)


def _positional_names(function):
    """The names of what a function takes beside what stands after ``*``, and has no default."""
    arguments = inspect.signature(function).parameters.values()
    kinds = inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD
    return [each.name for each in arguments if each.kind in kinds and each.default is each.empty]


def _origin(code):
    """Whose it is, in words, and its module; of a notebook's, which may change, nobody's."""
    module = getattr(code, "__module__", "")
    if module.startswith("mfgcore."):
        return OURS, module
    file = getattr(sys.modules.get(module), "__file__", None)
    if not file or module == "__main__":
        return "", file
    return f"{file}'s", os.path.realpath(file)  # by whatever name its module is imported
