"""YAML by the rules of version 1.2: 010 is ten, 1:30 a text, and no key is there twice."""

from pathlib import Path

from ruamel.yaml import YAML
from ruamel.yaml.constructor import ConstructorError, SafeConstructor
from ruamel.yaml.error import MarkedYAMLError, YAMLError

from mfgcore.errors import ConfigurationError, shorten

MOST_VALUES = 100_000  # what an alias stands for counts every time
LONGEST_PROBLEM = 200


class _Constructor(SafeConstructor):
    """Says of every mistake where it is, and merges nothing."""

    def construct_object(self, node, deep=False):
        try:
            return super().construct_object(node, deep)
        except ValueError as error:  # thousands of digits, or the 32nd of a month
            raise ConstructorError(None, None, str(error), node.start_mark) from error

    def flatten_mapping(self, node):
        """Refuse version 1.1's merge keys: nested, they take for ever."""
        for key, _ in node.value:
            if key.tag == "tag:yaml.org,2002:merge":
                raise ConstructorError(None, None, "'<<' is no key of YAML 1.2", key.start_mark)


def load(path):
    """What a file of keys and values says; dict.

    Raises
    ------
    ConfigurationError
        If there is no such file, or it is no YAML of keys and values; names the file and the line.
    """
    place = shorten(str(path))
    try:
        text = Path(path).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError, ValueError) as error:
        line = " ".join(str(error).split())
        raise ConfigurationError(f"{place}: cannot be read: {line}") from error
    content = parse(text, place)
    if not isinstance(content, dict):
        raise ConfigurationError(f"{place}: holds no keys and values")
    return content


def parse(text, place):
    """The value that a text stands for; messages call it by its place.

    Raises
    ------
    ConfigurationError
        As :func:`load`.
    """
    reader = YAML(typ="safe", pure=True)
    reader.Constructor = _Constructor
    try:
        content = reader.load(text)
    except MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        raise _refused(place, mark.line + 1, error.problem or error.context) from error
    except YAMLError as error:  # a character that no YAML has
        line = text.count("\n", 0, error.position) + 1
        raise _refused(place, line, f"character {error.character:#x} is not allowed") from error
    except RecursionError as error:
        raise ConfigurationError(f"{place}: is nested too deeply") from error
    _check_size(content, place)
    return content


def _refused(place, line, problem):
    problem = " ".join(problem.split())[:LONGEST_PROBLEM]
    return ConfigurationError(f"{place}, line {line}: {problem}")


def _check_size(content, place):
    """Refuse aliases that stand for each other, or for more than anybody would write."""
    found = [content]
    for number, value in enumerate(found):  # which grows on the way
        if number == MOST_VALUES:
            raise ConfigurationError(f"{place}: has more than {MOST_VALUES:,} values")
        if isinstance(value, dict):
            found.extend(value.values())
        elif isinstance(value, list):
            found.extend(value)
