"""Links as their authors have them: pairs of agents' numbers, in a file or in Python.

What else a file or Python has for a graph is refused with the form that it should have, as most of
it could be read as another graph.
"""

import codecs
import gzip
import hashlib
import io
import os
import re
import stat
import sys
import zlib
from collections.abc import Mapping, Set
from numbers import Integral
from pathlib import Path
from typing import Any, NoReturn

import numpy as np

from mfgcore._base.arguments import checked
from mfgcore._base.errors import ConfigurationError, one_line, shorten
from mfgcore._base.files import reason

MOST_BYTES = 2**30  # of a file, unpacked
_PAIR = re.compile(r"[ \t]*([0-9]{1,9})[ \t]+([0-9]{1,9})[ \t]*(?:\{\}[ \t]*)?")
_PASSING = re.compile("/dev/(fd/|std)|/proc/")  # what may be another file in another process
_kept: dict[str, tuple[tuple[int, int] | None, bytes]] = {}  # by path: device and inode, content

# How files begin that are no text.
_PACKED = {
    b"BZh": "bzip2",
    b"\xfd7zXZ\0": "xz",
    b"PK\3\4": "zip",
    b"\x28\xb5\x2f\xfd": "zstd",
    b"7z\xbc\xaf": "7-Zip",
}
_WRITE = "networkx.write_edgelist(graph, path, data=False) writes the links"
_NUMBER = r"[0-9]+[\s,;]+"
# How a line begins that is not the numbers of two agents, and what to do; the first that fits.
_ADVICE = {
    r"<": f"it is XML, such as GraphML: {_WRITE}",
    r"(?i)creator\b|(strict\s+)?(di)?graph\b": f"it is GML or DOT: {_WRITE}",
    r"%%MatrixMarket": "it is MatrixMarket, whose numbers begin at 1: np.savetxt(path, "
    "np.transpose(scipy.io.mmread(file).nonzero()), fmt='%d') writes the links",
    r"\*": f"it is Pajek: {_WRITE}",
    r">>": f"it is graph6: {_WRITE}",
    r"\{|\[\s*([\[{\]]|$)": "it is JSON: leave two numbers on each line",
    r"[%!;']|//|--": "put # before a comment",
    r"(.*[\s,;(\[\"'])?-\s*[0-9]": "agents are numbered from 0 on",
    r"(?i)\W*([0-9]+\W+)?([0-9]+\.|\.[0-9]|[0-9]+e[+-]?[0-9]|nan\b|inf\b)": "write whole numbers: "
    "np.savetxt(path, pairs, fmt='%d')",
    r"(.*\D)?[0-9]{10}": "an agent's number has nine digits at most",
    r"[^\w.]*([0-9]+)[^\w.]+([0-9]+)[^\w.]*$": r"write '\1 \2', with a space between the two",
    r"[0-9]+[\s,;]*$": "an agent without links needs no line",
    _NUMBER + r"[0-9]+\s+\{": "what links hold is not used: "
    "networkx.write_edgelist(graph, path, data=False)",
    rf"({_NUMBER}){{3,}}[0-9]+[\s,;]*$": "write a line for each link, not the neighbours of an "
    "agent (networkx.write_edgelist(graph, path, data=False)) or the row of a matrix "
    "(np.savetxt(path, np.argwhere(matrix), fmt='%d'))",
    _NUMBER + r"[0-9]+[\s,;]": "weights are not used: leave two columns, separated by a space",
    r".*[^\W\d_]": "put # before a header; agents have numbers, not names",
    "": "write two whole numbers with a space between them",
}


@checked
def read_edges(path: str | None) -> tuple[np.ndarray, str]:
    """The links that a file lists: two agents' numbers on each line, # before a comment.

    It may be packed by gzip, or a pipe, which is read once and kept as long as the process lives.

    Returns
    -------
    edges : (n, 2) int64
    digest : str
        Of what the file holds, unpacked.

    Raises
    ------
    ConfigurationError
        If it cannot be read or holds anything else; one line that says what to do.
    """
    if path is None:
        raise ConfigurationError("edges: null is not allowed: network 'edge_list' needs a file")
    where = f"edges: {shorten(path)}"
    content = _unpacked(where, _content(where, path))
    edges = []
    for number, line in enumerate(re.split("\r\n|\r|\n", _text(where, content)), 1):
        said = line.partition("#")[0]
        pair = _PAIR.fullmatch(said)
        if pair is not None:
            edges.append((int(pair[1]), int(pair[2])))
        elif said.strip(" \t"):
            what = f"{shorten(line, 40)} is not the numbers of two agents"
            raise ConfigurationError(f"{where}, line {number}: {what}; {_advice(said.strip())}")
    digest = hashlib.sha256(content).hexdigest()[:16]
    return np.array(edges, dtype=np.int64).reshape(-1, 2), digest


def _content(where, path):
    """The bytes of a file, each time anew, or of a pipe, as they were the first time."""
    file = Path(path)
    key = str(file.absolute())
    place, content = _kept.get(key, (None, None))
    if content is not None and place is None:
        return content
    try:
        found = file.stat()
        is_file = stat.S_ISREG(found.st_mode) and not _PASSING.match(key)
        if content is not None and not is_file and place == (found.st_dev, found.st_ino):
            return content
        with file.open("rb") as opened:
            fresh = opened.read(MOST_BYTES + 1)
    except (OSError, ValueError) as error:
        if content is not None:  # of a pipe that is gone
            return content
        missing = isinstance(error, FileNotFoundError)
        sought = f" (looked for in {shorten(str(file.absolute().parent))})" if missing else ""
        raise ConfigurationError(f"{where} cannot be read: {reason(error)}{sought}") from error
    if not is_file:
        _kept[key] = (found.st_dev, found.st_ino), fresh
    return fresh


def kept() -> dict[str, bytes]:
    """What was read of pipes in this process, for :func:`keep` in another; dict by path."""
    return {path: content for path, (_, content) in _kept.items()}


@checked
def keep(contents: Mapping[str, bytes]) -> None:
    """Take for the content of files what another process has :func:`kept` of them."""
    _kept.update({path: (None, content) for path, content in contents.items()})


def _unpacked(where, content):
    """The content, without the packing if it is gzip's."""
    if content.startswith(b"\x1f\x8b"):
        try:
            with gzip.open(io.BytesIO(content)) as packed:
                content = packed.read(MOST_BYTES + 1)
        except (OSError, EOFError, zlib.error) as error:
            what = "is packed by gzip and damaged"
            raise ConfigurationError(f"{where} {what}: {reason(error)}") from error
    if len(content) > MOST_BYTES:
        raise ConfigurationError(f"{where} holds more than {MOST_BYTES:,} bytes")
    return content


def _text(where, content):
    """The content as text; what is none of UTF-8 is left for the check of the numbers."""
    for start, packing in _PACKED.items():
        if content.startswith(start):
            hint = "unpack it; only gzip is unpacked here"
            raise ConfigurationError(f"{where} is packed by {packing}: {hint}")
    if content.startswith(b"\x93NUMPY"):
        hint = "np.savetxt(path, pairs, fmt='%d') writes a text"
        raise ConfigurationError(f"{where} is an array of NumPy: {hint}")
    wide = content.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE))
    try:
        text = content.decode("utf-16" if wide else "utf-8-sig", "surrogateescape")
    except UnicodeError as error:
        raise ConfigurationError(f"{where} is no text: {reason(error)}") from error
    if "\0" in text:
        raise ConfigurationError(f"{where} is no text: write two agents' numbers on each line")
    return text


def _advice(line):
    """What to do about a line that is not the numbers of two agents; str."""
    for start, advice in _ADVICE.items():
        found = re.match(start, line)
        if found is not None:
            return found.expand(advice) if "\\1" in advice else advice
    raise AssertionError(line)  # the last fits all


@checked
def pairs(edges: Any, n_agents: int) -> np.ndarray:
    """Check what links are given as, which could be read as another graph; (n, 2) int64.

    Parameters
    ----------
    edges : iterable of pairs of int, (n, 2) array of integers, or networkx.Graph
    n_agents : int
        Above all numbers.

    Raises
    ------
    ConfigurationError
        One line that shows the form that links have.
    """
    nodes: list[Any] = []
    networkx = sys.modules.get("networkx")  # which is not loaded where no graph of it can be
    if networkx is not None and isinstance(edges, networkx.Graph):
        if edges.is_directed():
            _refuse("a directed graph", "graph.to_undirected() has links in both directions")
        if any("weight" in data for *_, data in edges.edges(data=True)):
            _refuse("a graph with weights", "graph.edges() leaves them out")
        nodes = list(edges.nodes)
        if not all(map(_is_whole, nodes)):
            numbered = "networkx.convert_node_labels_to_integers(graph) numbers them"
            _refuse("a graph whose nodes are no whole numbers", numbered)
        edges = list(edges.edges())
    if isinstance(edges, str | bytes | os.PathLike):
        _refuse(shorten(edges), "network 'edge_list' reads a file")
    if isinstance(edges, Mapping) and not isinstance(edges, Set):  # as edges of networkx are
        _refuse("a dict", "[(i, j) for i in known for j in known[i]] has those of neighbours")
    if hasattr(edges, "columns"):
        _refuse("a table", "frame[['source', 'target']].to_numpy() has the pairs of its columns")
    if hasattr(edges, "tocoo"):
        _refuse("a sparse matrix", "np.transpose(matrix.nonzero()) has its pairs")
    found = _of_array(edges) if hasattr(edges, "__array__") else _of_items(edges)
    for numbers in (np.array(nodes, dtype=object), found):
        wrong = numbers[(numbers < 0) | (numbers >= n_agents)]
        if wrong.size:
            raise ConfigurationError(f"network: {beyond(wrong[0], n_agents)}")
    return found.astype(np.int64)


@checked
def beyond(number: int, n_agents: int) -> str:
    """Message for the number of an agent that there is not."""
    last = f"the agents are 0 to {n_agents - 1}; their numbers begin at 0"
    return f"links agent {shorten(int(number), 40)}; {last}"


def _of_array(edges):
    """The pairs of an array, of whatever package."""
    if np.ma.is_masked(edges):
        _refuse("an array with masked values", "leave them out")
    try:
        found = np.asarray(edges)
    except Exception as error:  # such as of a tensor that is on a device
        _refuse(one_line(error), "give an array of NumPy")
    if found.dtype == object:
        return _of_items(found.tolist())
    if found.shape in ((0,), (0, 2)):
        return found.reshape(0, 2)
    what = f"an array of shape {found.shape} and type {found.dtype}"
    if found.ndim != 2 or found.shape[1] != 2:
        _refuse(what, _shape_hint(found.shape))
    if found.dtype.kind not in "iu":
        _refuse(what, "numbers of agents are whole: edges.astype(int)")
    return found


def _of_items(edges):
    """The pairs of anything that can be gone through."""
    try:
        items = list(edges)
    except TypeError:
        _refuse(f"of type {type(edges).__name__}", "give pairs of agents' numbers")
    for item in items:
        if _is_row(item) and len(item) == 2 and all(map(_is_whole, item)):
            continue
        shown = f"what holds {' '.join(shorten(item).split())}"
        if not _is_row(item):
            _refuse(shown, "each link is a pair of agents' numbers")
        if len(item) == 2:
            _refuse(shown, "numbers of agents are whole, without quotes or a point")
        rows = [row for row in items if _is_row(row) and len(row) == len(item)]
        wide = len(rows) == len(items) and all(_is_whole(each) for row in rows for each in row)
        _refuse(shown, _shape_hint((len(items) if wide else 0, len(item))))
    return np.array(items, dtype=object).reshape(-1, 2)


def _is_row(item):
    return isinstance(item, tuple | list) or (isinstance(item, np.ndarray) and item.ndim == 1)


def _is_whole(number):
    return isinstance(number, Integral) and not isinstance(number, bool)


def _shape_hint(shape):
    """What to do about a list or an array that has not two columns; str."""
    if len(shape) == 2 and shape[0] == shape[1]:
        return "np.argwhere(matrix) has the pairs of an adjacency matrix"
    if len(shape) == 2 and shape[0] == 2:
        return "np.transpose(edges) has the pairs of an edge_index, whose columns they are"
    if len(shape) == 2 and shape[1] > 2:
        return "weights and the like are not used: [(i, j) for i, j, *_ in edges]"
    return "each link is a pair of agents' numbers"


def _refuse(what: str, hint: str) -> NoReturn:
    said = f"{what} is no list of links such as [(0, 1), (1, 2)]"
    raise ConfigurationError(f"network: {said}; {hint}")


@checked
def check_edges(path: str | None, expected: str | None = None) -> str:
    """Digest of a file of links, which must be the expected one, if there is one; str."""
    _, digest = read_edges(path)
    if expected not in (None, digest):
        said = f"has changed: its digest is {digest}, not {expected}"
        raise ConfigurationError(f"edges: {shorten(path)} {said}")
    return digest
