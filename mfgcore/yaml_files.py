"""YAML files, read as YAML 1.2 says, and refused where YAML 1.1 says something else.

Snakemake reads configurations by itself, as YAML 1.1: ``seed: 010`` is 8 there and 10 here. What is
read in two ways is refused, so that a file means the same to it, to us and to its author.
"""

from pathlib import Path
from typing import Any

import yaml
from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from mfgcore.arguments import checked
from mfgcore.errors import ConfigurationError, shorten, show_key
from mfgcore.files import StrPath

MOST_VALUES = 100_000  # of a file; what an alias stands for counts each time
EVALUATED = "__use_yte__"  # a key with which Snakemake would run what the file says


@checked
def read_yaml(path: StrPath) -> dict[str, Any]:
    """What a YAML file holds.

    Parameters
    ----------
    path : path

    Returns
    -------
    dict

    Raises
    ------
    ConfigurationError
        If it cannot be read, holds no keys and values, gives a key twice, or a value that YAML 1.1
        and 1.2 read differently: one line with the file, the line and the key.
    """
    name = shorten(str(path))
    try:
        text = Path(path).read_text(encoding="utf-8")
    except (OSError, ValueError) as error:  # such as a UnicodeDecodeError
        raise ConfigurationError(f"{name}: cannot be read: {_in_words(error)}") from error
    content = parse_yaml(text, name)
    if not isinstance(content, dict):
        raise ConfigurationError(f"{name}: holds no keys and values")
    if EVALUATED in content:
        raise ConfigurationError(f"{name}: {EVALUATED} is not allowed: snakemake would run it")
    return content


@checked
def parse_yaml(text: str, name: str) -> Any:
    """What a text stands for, such as the value of a key on a command line.

    Raises
    ------
    ConfigurationError
        As of :func:`read_yaml`; calls the text by its name.
    """
    try:
        loader = yaml.SafeLoader(text)
        nodes = loader.get_single_node()
        if nodes is not None and _size(nodes, {}) > MOST_VALUES:
            raise ConfigurationError(f"{name}: holds more than {MOST_VALUES:,} values")
        content = YAML(typ="safe", pure=True).load(text)
        earlier = loader.construct_document(nodes) if nodes is not None else None
    except ConfigurationError:
        raise
    except (ValueError, RecursionError, yaml.YAMLError, YAMLError) as error:
        # such as a date in the month 13
        raise ConfigurationError(f"{name}: cannot be read: {_in_words(error)}") from error
    path_to = _difference(content, earlier)
    if path_to is not None:
        place, now, before = path_to
        key = f"{'.'.join(map(show_key, place))}: " if place else ""
        raise ConfigurationError(
            f"{name}, line {_line(nodes, place)}: {key}can be read as "
            f"{shorten(now)} or as {shorten(before)}; write it so that there is no doubt"
        )
    return content


def _size(node, known):
    """Number of values under a node, aliases expanded; one that holds itself has very many."""
    if id(node) not in known:
        known[id(node)] = MOST_VALUES + 1  # until it is known
        children = node.value if isinstance(node.value, list) else []
        if isinstance(node, yaml.MappingNode):
            children = [each for pair in children for each in pair]
        known[id(node)] = 1 + sum(_size(each, known) for each in children)
    return known[id(node)]


def _difference(one, other, place=()):
    """Where two contents differ first, and what is there in each; None if they are the same."""
    if isinstance(one, dict) and isinstance(other, dict):
        if [*one] != [*other]:
            odd = next(iter([*(one.keys() - other.keys()), *(other.keys() - one.keys())]), None)
            return (*place, odd), [*one], [*other]
        pairs = ((key, one[key], other[key]) for key in one)
    elif isinstance(one, list) and isinstance(other, list) and len(one) == len(other):
        pairs = ((i, *both) for i, both in enumerate(zip(one, other, strict=True)))
    else:
        same = type(one) is type(other) and (one == other or one != one)  # NaN is not itself
        return None if same else (place, one, other)
    found = (_difference(*both, (*place, key)) for key, *both in pairs)
    return next((each for each in found if each is not None), None)


def _line(node, place):
    """Line of what is at a place, from 1; of what holds it, where that is not to be told."""
    for key in place:
        if isinstance(node, yaml.SequenceNode):
            node = node.value[key]
        else:
            inside = [value for name, value in node.value if name.value == str(key)]
            if not inside:
                break
            node = inside[0]
    return node.start_mark.line + 1


def _in_words(error):
    """What a library says, on one line, with the line of the file."""
    mark = getattr(error, "problem_mark", None)
    if mark is None:
        return " ".join(str(error).split())
    return f"line {mark.line + 1}: {' '.join(str(error.problem).split())}"
