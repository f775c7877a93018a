"""YAML files, read as YAML 1.2 says, and refused where YAML 1.1 says something else.

Snakemake reads configurations by itself, as YAML 1.1: ``seed: 010`` is 8 there and 10 here. What is
read in two ways is refused, so that a file means the same to it, to us and to its author. A path
that a file names is relative to the file.
"""

import os
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any

import yaml
from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from mfgcore._base.arguments import checked
from mfgcore._base.errors import ConfigurationError, shorten, show_key
from mfgcore._base.files import StrPath

MOST_VALUES = 100_000  # of a file; what an alias stands for counts each time
# What a study varies: parameters, each with its values; the second of them is optional.
VARIED = {"parameter": "values", "second_parameter": "second_values"}
Sources = list[tuple[Mapping[str, Any], StrPath | None]]  # of a configuration, and their files
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


@checked
def located(config: dict[str, Any], sources: Sources) -> dict[str, Any]:
    """A configuration whose relative paths are no longer relative to the files that name them.

    They are relative to the working directory then, as what no file names is from the start:
    those of `import`, and those of `edges` wherever they stand.

    Parameters
    ----------
    config : dict
    sources : list of (dict, path)
        What it was merged from, each over those before, and the file that says it, or None.
    """
    return _located(config, sources, {"import"})


def _located(config, sources, paths):
    """Keys of `paths` have paths here."""
    paths = paths | {"edges"}
    paths |= {values for key, values in VARIED.items() if config.get(key) == "edges"}
    found = {}
    for key, value in config.items():
        inner = _at(key, sources)
        if isinstance(value, dict):
            value = _located(value, inner, set())
        elif key in paths and inner and inner[-1][0] == value:
            each = partial(_from_folder_of, inner[-1][1])
            value = [*map(each, value)] if isinstance(value, list) else each(value)
        found[key] = value
    return found


def _at(key, sources):
    """What sources have at a key."""
    return [(part[key], file) for part, file in sources if isinstance(part, dict) and key in part]


def _from_folder_of(file, path):
    """A path that a file names, or None if it is none of them: relative to where we are."""
    if file is None or not isinstance(path, str) or not path or Path(path).is_absolute():
        return path
    folder = Path(file).parent
    if not folder.is_dir() or folder.samefile("."):
        return path
    there = folder / path
    near = os.path.relpath(there)  # which takes the folder before .. for no link
    return near if Path(near).resolve() == there.resolve() else str(there)


@checked
def sources_of_part(whole: dict[str, Any], part: dict[str, Any], sources: Sources) -> Sources:
    """What a part of a configuration was merged from, as that which a module is given.

    Parameters
    ----------
    whole : dict
    part : dict
        Itself, or what it has at some key, or else a change of it.
    sources : list of (dict, path)
        As of :func:`located`, of the whole.
    """
    return _sources_of_part(whole, part, sources) or sources


def _sources_of_part(whole, part, sources):
    if whole is part:
        return sources
    inner = (
        _sources_of_part(value, part, _at(key, sources))
        for key, value in whole.items()
        if isinstance(value, dict)
    )
    return next(filter(None, inner), [])
