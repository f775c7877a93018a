"""YAML files, read as Snakemake reads them, and refused where a value could be another one.

Snakemake reads YAML 1.1, in which ``seed: 010`` is 8; in YAML 1.2 it is 10. What is not the same in
both is refused, so that a file means the same to everybody, and so is a key that is given twice.
"""

import re
from pathlib import Path
from typing import Any

import yaml

from mfgcore._base.arguments import checked
from mfgcore._base.errors import ConfigurationError, shorten, show_key
from mfgcore._base.files import StrPath

MOST_VALUES = 100_000  # of a file; what an alias stands for counts each time
EVALUATED = "__use_yte__"  # a key with which Snakemake would run what the file says
# plain words that are numbers or truth values in one version only: 1e-3, 010, 0b1, 1:30, yes
_AMBIGUOUS = re.compile(
    r"[-+]?(\d+|\d+\.\d*|\.\d+)[eE]\d+|[-+]?(\d+|\.\d+)[eE][-+]\d+|[-+]?0_*\d[\d_]*|0o[0-7]+|"
    r"[-+]?0b[01_]+|[-+]?\d[\d_]*(:[0-5]?\d)+(\.[\d_]*)?|(?i:y|n|yes|no|on|off)"
)
_MERGED = "tag:yaml.org,2002:merge"
_DATE = "tag:yaml.org,2002:timestamp"


@checked
def read_yaml(path: StrPath) -> dict[str, Any]:
    """What a YAML file holds; dict.

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
    """What a text stands for, as by :func:`read_yaml`, whose errors call it by its `name`."""
    try:
        loader = yaml.SafeLoader(text)
        node = loader.get_single_node()
        if node is None:
            return None
        if _size(node, {}) > MOST_VALUES:
            raise ConfigurationError(f"{name}: holds more than {MOST_VALUES:,} values")
        _check_plain(node, name, ())
        return loader.construct_document(node)
    except ConfigurationError:
        raise
    except (ValueError, RecursionError, yaml.YAMLError) as error:  # such as a date in the month 13
        raise ConfigurationError(f"{name}: cannot be read: {_in_words(error)}") from error


def _size(node, known):
    """Number of values under a node, aliases expanded; one that holds itself has very many."""
    if id(node) not in known:
        known[id(node)] = MOST_VALUES + 1  # until it is known
        children = node.value if isinstance(node.value, list) else []
        if isinstance(node, yaml.MappingNode):
            children = [each for pair in children for each in pair]
        known[id(node)] = 1 + sum(_size(each, known) for each in children)
    return known[id(node)]


def _check_plain(node, name, place):
    """Refuse a key that is given twice, and a word that can be read in two ways."""
    if isinstance(node, yaml.MappingNode):
        seen = set()
        for key, value in node.value:
            inner = place if key.tag == _MERGED else (*place, key.value)
            if isinstance(key, yaml.ScalarNode) and key.value in seen:
                _refuse(key, name, inner, "is given twice")
            if isinstance(key, yaml.ScalarNode):
                seen.add(key.value)
            _check_plain(key, name, inner)
            _check_plain(value, name, inner)
    elif isinstance(node, yaml.SequenceNode):
        for number, value in enumerate(node.value):
            _check_plain(value, name, (*place, number))
    elif node.style is None and (_AMBIGUOUS.fullmatch(node.value) or node.tag == _DATE):
        said = f"{shorten(node.value)} can be read in two ways; write it so that there is no doubt"
        _refuse(node, name, place, said)


def _refuse(node, name, place, said):
    key = ".".join(show_key(str(key)) for key in place)
    line = node.start_mark.line + 1
    raise ConfigurationError(f"{name}, line {line}: {f'{key}: ' if key else ''}{said}")


def _in_words(error):
    """What a library says, on one line, with the line of the file."""
    mark = getattr(error, "problem_mark", None)
    if mark is None:
        return " ".join(str(error).split())
    return f"line {mark.line + 1}: {' '.join(str(error.problem).split())}"
