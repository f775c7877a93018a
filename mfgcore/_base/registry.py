"""What has a name: games, networks, architectures, scenarios, algorithms, score rules, metrics."""

import os
import re
import sys
from collections.abc import Collection, Iterable, Mapping
from typing import Any

from mfgcore._base.arguments import checked
from mfgcore._base.errors import ConfigurationError, unknown_name

OURS = "mfgcore's"


class Registry(Mapping[str, Any]):
    """Names of one kind, and what they stand for; an unknown one is answered with the nearest.

    Parameters
    ----------
    kind : str
        What is named, such as ``"game"``; it stands in messages.
    code : str
        The attribute of an entry that holds its code, if that is not the entry itself.

    Attributes
    ----------
    taken : collection of str
        Names that none of them may have.

    Examples
    --------
    >>> COLOURS = Registry("colour")
    >>> @COLOURS.register
    ... def green():
    ...     '''That of grass.'''
    >>> COLOURS.help("green")
    'That of grass'
    >>> COLOURS["gren"]
    Traceback (most recent call last):
    mfgcore.ConfigurationError: unknown colour 'gren'; did you mean 'green'? (known: green)
    """

    @checked
    def __init__(self, kind: str, code: str = "") -> None:
        self.kind, self._code = kind, code
        self.taken: Collection[str] = ()
        self._entries: dict[str, Any] = {}
        self._needs: dict[str, tuple[str, ...]] = {}

    def register(self, *needs: Any) -> Any:
        """Make a function known by its name; its docstring says to users what it is.

        Parameters
        ----------
        *needs : str
            Parameters of the experiment that it reads and that not every run does. Without any,
            the decorator may stand without parentheses.
        """
        if len(needs) == 1 and callable(needs[0]):
            return self.register()(needs[0])

        def decorate(function):
            self.add(function.__name__, function, needs)
            return function

        return decorate

    @checked
    def add(self, name: str, value: Any, needs: Iterable[str] = ()) -> None:
        """Make any value known by a name, but for those of mfgcore itself.

        Raises
        ------
        ConfigurationError
            If it is one of these, of another file, or no name for it.
        """
        if name in self.taken:
            raise ConfigurationError(
                f"{self.kind} {name!r} would be a coordinate or parameter; choose another name"
            )
        if name in self._entries:
            known, own = (_origin(self._own_code(each)) for each in (self._entries[name], value))
            # a notebook may have what a file has, and something else in the next cell
            if known[1] != own[1] and known[0] and (own[0] or known[0] == OURS):
                raise ConfigurationError(
                    f"{self.kind} {name!r} is one of {known[0]}; choose another name"
                )
        self._entries[name] = value
        self._needs[name] = tuple(needs)

    def _own_code(self, value):
        return getattr(value, self._code, value) if self._code else value

    def code(self, name: str) -> Any:
        """The function or class that is called by a name."""
        return self._own_code(self[name])

    def needs(self, name: str) -> tuple[str, ...]:
        """Parameters of the experiment that an entry reads and that not every run does; tuple."""
        return self._needs[name]

    def help(self, name: str) -> str:
        """The first sentence of an entry's docstring, on one line and without its full stop."""
        text = " ".join((self._entries[name].__doc__ or "").split())
        # not after "Alg." and the like, which a number follows
        return re.split(r"\. (?=[A-Za-z])", text)[0].removesuffix(".")

    def remove(self, name: str) -> None:
        """Forget a name."""
        del self._entries[name], self._needs[name]

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


def _origin(code):
    """Whose it is, in words, and its module; of a notebook's, which may change, nobody's."""
    module = getattr(code, "__module__", "")
    if module.startswith("mfgcore."):
        return OURS, module
    file = getattr(sys.modules.get(module), "__file__", None)
    if not file or module == "__main__":
        return "", file
    return f"{file}'s", os.path.realpath(file)  # by whatever name its module is imported
