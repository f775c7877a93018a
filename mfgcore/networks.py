"""The communication network: who is near enough to hear whom (Def. 2.6, Sec. 4).

To add one, write a function here that returns the cells linked to every cell, and register it with
the parameters of the experiment that it needs.
"""

import numpy as np

from mfgcore.registry import Registry

DIAGONALS = ("cells", "corners")

NETWORKS = Registry("network")
register = NETWORKS.register


@register("communication_radius", "diagonal")
def radius(experiment):
    """Agents hear those within a Euclidean distance of their cell."""
    return neighbour_cells(
        experiment.make_grid(), experiment.communication_radius, experiment.diagonal
    )


def neighbour_cells(grid, radius, diagonal="cells"):
    """Cells within the communication radius of every cell, itself included.

    Two agents are linked when the Euclidean distance of their cells is at most the radius, a
    fraction of the grid's diagonal: sqrt(2) * G with "cells", or sqrt(2) * (G - 1) with "corners",
    from corner cell to corner cell.

    Returns
    -------
    first_neighbour : (n_states + 1,) int32
    neighbours : (n_links,) int32
        Those of cell s are ``neighbours[first_neighbour[s]:first_neighbour[s + 1]]``.
    """
    side = grid.size if diagonal == "cells" else grid.size - 1
    # a distance that equals the radius counts, whatever the rounding of the square
    reach = radius**2 * 2.0 * side**2 * (1.0 + 1e-12)
    near = grid.squared_distances() <= reach
    first_neighbour = np.concatenate(([0], near.sum(axis=1).cumsum()))
    return first_neighbour.astype(np.int32), np.nonzero(near)[1].astype(np.int32)
