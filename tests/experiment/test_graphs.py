"""Links that are given in Python: lists, arrays and graphs, and what is none."""

import os

import networkx
import numpy as np
import pandas as pd
import pytest
import scipy.sparse
import xarray as xr

from mfgcore import ConfigurationError
from mfgcore.agents.networks import graph

PAIRS = [(0, 1), (1, 2), (2, 3)]
WEIGHED = networkx.Graph()
WEIGHED.add_edge(0, 1, weight=0.5)

ARRAY = np.array(PAIRS)
GRAPH = networkx.path_graph(4)
MULTI = networkx.MultiGraph(GRAPH)
MULTI.add_edge(0, 1)
DATA = networkx.path_graph(4)
DATA.edges[0, 1]["label"] = "a friend"

TAKEN = {
    "tuples": PAIRS,
    "lists": [list(pair) for pair in PAIRS],
    "numbers of NumPy": [(np.int32(i), np.uint8(j)) for i, j in PAIRS],
    "rows": list(ARRAY),
    "a set": set(PAIRS),
    "a generator": (pair for pair in PAIRS),
    "zip": zip([0, 1, 2], [1, 2, 3], strict=True),
    "a loop and links twice": [*PAIRS, (1, 0), (2, 2), (0, 1)],
    "an array": ARRAY,
    "an array of uint64": ARRAY.astype(np.uint64),
    "an array of int8, Fortran": np.asfortranarray(ARRAY.astype(np.int8)),
    "an array of objects": ARRAY.astype(object),
    "columns": np.array([[0, 1, 2], [1, 2, 3]]).T,
    "xarray": xr.DataArray(ARRAY),
    "pandas": pd.DataFrame(PAIRS).to_numpy(),
    "a series of pairs": pd.Series(PAIRS),
    "no masked values": np.ma.array(ARRAY),
    "np.argwhere": np.argwhere(networkx.to_numpy_array(GRAPH)),
    "sparse": np.transpose(networkx.to_scipy_sparse_array(GRAPH).nonzero()),
    "networkx": GRAPH,
    "networkx, multiple": MULTI,
    "networkx with labels": DATA,
    "edges of networkx": GRAPH.edges,
    "edges of networkx, called": MULTI.edges(),
}


@pytest.mark.parametrize("name", TAKEN)
def test_a_graph_is_taken(name):
    links, expected = graph(4, TAKEN[name]), graph(4, [(0, 1), (1, 2), (2, 3)])
    for each in ("first_neighbour", "neighbours", "groups"):
        np.testing.assert_array_equal(getattr(links, each), getattr(expected, each))


@pytest.mark.parametrize(
    "edges", [[], (), np.array([]), np.empty((0, 2), int), networkx.empty_graph(3), set()]
)
def test_no_links_are_taken(edges):
    links = graph(np.int32(3), edges)
    assert links.neighbours.tolist() == links.groups.tolist() == [0, 1, 2]


def test_numbers_of_32_bits_are_enough_for_many_agents():
    assert graph(np.int32(100_000), [(99_999, 0)]).neighbours.size == 100_002


class OnDevice:
    def __array__(self, dtype=None, copy=None):
        raise TypeError("can't convert cuda:0 device type tensor to numpy")


NAMED = networkx.Graph([("a", "b")])
ADJACENCY = networkx.to_numpy_array(GRAPH, dtype=int)
COO = "np.transpose(matrix.nonzero())"
MATRIX = "np.argwhere(matrix)"
INDEX = "np.transpose(edges)"
WEIGHTLESS = "[(i, j) for i, j, *_ in edges]"
BEYOND = "the agents are 0 to 3; their numbers begin at 0"

NO_GRAPH = {
    "an edge_index": (ARRAY.T, INDEX),
    "an edge_index of more": (np.zeros((2, 9), int), INDEX),
    "an edge_index as lists": (ARRAY.T.tolist(), INDEX),
    "an edge_index of one": (np.array([[0], [1]]), INDEX),
    "a matrix": (ADJACENCY, MATRIX),
    "a matrix of floats": (ADJACENCY.astype(float), MATRIX),
    "a matrix of bools": (ADJACENCY.astype(bool), MATRIX),
    "a matrix as lists": (ADJACENCY.tolist(), MATRIX),
    "a sparse matrix": (scipy.sparse.csr_matrix(ADJACENCY), COO),
    "a sparse array": (scipy.sparse.coo_array(ADJACENCY), COO),
    "floats": (ARRAY.astype(float), "edges.astype(int)"),
    "floats in a list": ([(0.0, 1.0)], "(0.0, 1.0) is no list of links"),
    "a bool array": (ARRAY.astype(bool), "edges.astype(int)"),
    "bools": ([(False, True)], "whole"),
    "bools of NumPy": ([(np.False_, np.True_)], "whole"),
    "strings": ([("0", "1")], "without quotes"),
    "an array of strings": (ARRAY.astype(str), "edges.astype(int)"),
    "None": (None, "of type NoneType is no list"),
    "None in a pair": ([(0, None)], "whole"),
    "a pair": ((0, 1), "such as [(0, 1), (1, 2)]"),
    "a pair as array": (np.array([0, 1]), "each link is a pair"),
    "a flat array": (ARRAY.ravel(), "each link is a pair"),
    "a number": (3, "of type int is no list"),
    "a number of NumPy": (np.int64(3), "each link is a pair"),
    "a text": ("0 1", "network 'edge_list' reads a file"),
    "a path": (os.devnull, "network 'edge_list' reads a file"),
    "texts": (["01", "12"], "each link is a pair"),
    "sets": ([{0, 1}], "each link is a pair"),
    "neighbours": ({0: [1], 1: [0, 2]}, "for j in known[i]]"),
    "a dict of pairs": ({(0, 1): 1.0}, "a dict is no list"),
    "neighbours as lists": ([[1], [0, 2], [1]], "each link is a pair"),
    "weights": ([(0, 1, 0.5)], WEIGHTLESS),
    "rows of several lengths": ([np.arange(3), np.array(5), (), "ab"], WEIGHTLESS),
    "weights in an array": (np.ones((3, 3, 3), int)[0][:1], WEIGHTLESS),
    "data of networkx": (GRAPH.edges(data=True), WEIGHTLESS),
    "keys of networkx": (MULTI.edges, WEIGHTLESS),
    "a table": (pd.DataFrame(PAIRS), ".to_numpy()"),
    "records": (np.zeros(3, "i,i"), "each link"),
    "three dimensions": (np.zeros((1, 3, 2), int), "each link"),
    "directed": (networkx.DiGraph(PAIRS), "graph.to_undirected()"),
    "directed, multiple": (networkx.MultiDiGraph(PAIRS), "graph.to_undirected()"),
    "with weights": (WEIGHED, "graph.edges() leaves them out"),
    "with names": (NAMED, "networkx.convert_node_labels_to_integers(graph)"),
    "with places": (networkx.grid_2d_graph(2, 2), "convert_node_labels_to_integers"),
    "masked": (np.ma.array(ARRAY, mask=ARRAY == 2), "leave them out"),
    "on a device": (OnDevice(), "can't convert cuda:0 device type tensor to numpy"),
    "dates": (ARRAY.astype("M8[s]"), "edges.astype(int)"),
    "negative": ([(0, -1)], "links agent -1; " + BEYOND),
    "negative in an array": (np.array([(0, -1)]), "links agent -1; " + BEYOND),
    "beyond": ([(0, 4)], "links agent 4; " + BEYOND),
    "from 1": (ARRAY + 1, "links agent 4; " + BEYOND),
    "huge": ([(0, 10**30)], f"links agent {10**30}; " + BEYOND),
    "very huge": ([(0, 10**3000)], "links agent 1000000000"),
    "huge in an array": (np.array([(0, 2**64 - 1)], np.uint64), f"links agent {2**64 - 1}; "),
    "a node beyond": (networkx.empty_graph(5), "links agent 4; " + BEYOND),
}


@pytest.mark.parametrize("name", NO_GRAPH)
def test_what_could_be_another_graph_is_refused(name):
    edges, message = NO_GRAPH[name]
    with pytest.raises(ConfigurationError) as error:
        graph(4, edges)
    said = str(error.value)
    assert said.startswith("network: ") and message in said
    assert said.isprintable() and len(said) < 290


@pytest.mark.parametrize("n_agents", [0, -1, 2.0, True, "3", None, np.float64(3), [3]])
def test_a_number_of_agents_that_is_none_is_refused(n_agents):
    with pytest.raises(ConfigurationError, match=r"n_agents.* is not a whole number"):
        graph(n_agents, [])
