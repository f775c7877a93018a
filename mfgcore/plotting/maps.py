"""Maps of mean fields: where a population is, as the states of its game lie."""

from typing import Any

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.collections import PolyCollection
from matplotlib.colors import PowerNorm
from matplotlib.patches import Polygon
from matplotlib.ticker import MaxNLocator

from mfgcore._base.errors import ConfigurationError
from mfgcore.plotting.datasets import check_drawn, factors_of
from mfgcore.plotting.figures import FIGURES, finish, subplots
from mfgcore.plotting.state_layout import MOST_CELLS, cells_of, layout_of, names_of
from mfgcore.plotting.style import OTHER_COLOURS, WIDTH, literal, styled, styles_of
from mfgcore.runs.datasets import configuration


@FIGURES.register
@styled
def mean_field(
    dataset: xr.Dataset,
    *,
    reference: xr.Dataset | None = None,
    snapshots: int = 6,
    ax: Any = None,
    **files: Any,
) -> Any:
    """Mean field of the first trial at a few iterations, for each level of a factor.

    A mean over trials would show nothing, as these settle at different states. `snapshots` is the
    number of iterations, from the first to the last; of a population that changes its size half of
    them are before the change is seen. No reference is drawn.

    Returns
    -------
    (n_levels, n_snapshots) array of Axes
        Of a chain, whose maps are low and wide, the other way round.
    """
    check_drawn(dataset, "factor", "mean_field", "layout")
    if snapshots < 1:
        raise ConfigurationError(f"snapshots: {snapshots} is not >= 1")
    maps = Maps(dataset, snapshots)
    axes = subplots(*maps.shape, (WIDTH, maps.height), ax)
    maps.draw(axes, explained=ax is None)
    data = maps.fields.to_dataframe(name="share").reset_index()
    where = [name for name in ("row", "column") if name in data] or ["state"]
    data = data[[maps.factor, "trial", "iteration", *where, "share"]]
    note = f"mean over the learning steps of iteration $k$, trial {int(dataset['trial'][0])}"
    if cells_of(dataset) is not None and (dataset["best"].values == 1).any():
        note += "; outlined: best paid if all spread evenly"
    return finish(axes, data=data, note=note, ax=ax, **files)


class Maps:
    """Maps of the first trial's mean field, of each level of a factor at some iterations.

    Parameters
    ----------
    dataset : xarray.Dataset
        Of an experiment with one factor.
    snapshots : int
        Number of iterations, from the first to the last; those of a chain are below each other.
    """

    def __init__(self, dataset: xr.Dataset, snapshots: int) -> None:
        [self.factor] = factors_of(dataset)
        self.dataset, self.chain = dataset, layout_of(dataset) == "line"
        fields = dataset["mean_field"].isel(trial=0)
        fields = fields.sel(iteration=snapshots_of(dataset, snapshots))
        self.fields = fields.transpose(self.factor, "iteration", "state")
        n_levels, n_shown, _ = self.fields.shape
        self.shape = (n_shown, n_levels) if self.chain else (n_levels, n_shown)
        self.height = 0.33 * n_shown + 1.0 if self.chain else 1.22 * n_levels + 0.55

    def draw(self, axes: np.ndarray, explained: bool) -> None:
        """Draw each map into an Axes of `shape`, and say, if asked to, what they show."""
        levels, largest = self.fields[self.factor].values, float(self.fields.max())
        styles = styles_of(self.factor, levels)
        for level, row in zip(levels, axes.T if self.chain else axes, strict=True):
            for axis, shares in zip(row, self.fields.sel({self.factor: level}), strict=True):
                draw_shares(axis, shares.values, self.dataset, largest, styles[level][0])
            (row[0].set_title if self.chain else row[0].set_ylabel)(str(level))
        for axis, k in zip(
            axes[:, 0] if self.chain else axes[0], self.fields["iteration"].values, strict=True
        ):
            if self.chain:
                axis.set_ylabel(f"$k = {k}$", rotation=0, ha="right", va="center")
            else:
                axis.set_title(f"$k = {k}$")
        if explained:
            self._explain(axes)

    def _explain(self, axes):
        """Say what colours or bars mean, and which state is where."""
        figure, what = axes.flat[0].figure, "share of the population"
        if cells_of(self.dataset) is not None:
            shares = axes.flat[0].collections or axes.flat[0].images
            name = f"{what} (square-root scale)"
            figure.colorbar(shares[0], ax=axes, label=name, shrink=0.85, pad=0.015)
        else:
            for axis in axes[:, 1:].flat:
                axis.tick_params(labelleft=False)
            figure.supylabel(what, fontsize="medium")
        for axis in axes[:-1].flat:
            axis.tick_params(labelbottom=False)
        layout = layout_of(self.dataset)
        if layout == "ring":
            text = "state 0 is at the top, the others follow clockwise"
            figure.supxlabel(text, fontsize="medium")
        elif layout != "grid" and "state_name" not in self.dataset.coords:
            figure.supxlabel("state", fontsize="medium")


def snapshots_of(dataset: xr.Dataset, number: int) -> np.ndarray:
    """Iterations to look at: evenly, or as many before a change of the population as after it.

    A change at k* is seen from k* + 1 on.

    Parameters
    ----------
    dataset : xarray.Dataset
    number : int

    Returns
    -------
    (n_snapshots,) int
        At most `number`, in their order.
    """
    there = dataset["iteration"].values
    change = configuration(dataset).get("population_change_at")
    parts = [there]
    if change is not None and number > 2 and there[0] < change < there[-1]:
        parts = [there[there <= change], there[there > change]]
    counts = [number] if len(parts) == 1 else [number // 2, number - number // 2]
    places = (np.linspace(0, len(p) - 1, n) for p, n in zip(parts, counts, strict=True))
    shown = [p[at.round().astype(int)] for p, at in zip(parts, places, strict=True)]
    return np.unique(np.concatenate(shown))


def draw_shares(
    axis: Axes,
    shares: np.ndarray,
    dataset: xr.Dataset,
    largest: float | None = None,
    colour: str = OTHER_COLOURS[2],
) -> Axes:
    """Draw a distribution over the states, as these lie.

    A grid is drawn as a grid, its obstacles in grey, a chain as a row of cells, a ring as a ring,
    and what has no geometry, or is too long for cells, as bars. States that pay best where
    everybody is spread evenly are outlined.

    Parameters
    ----------
    axis : matplotlib axes
    shares : (n_states,) float64
    dataset : xarray.Dataset
        Of a run or an experiment of the game.
    largest : float, optional
        Share at the end of the scale.
    colour : colour, optional
        Of bars.

    Returns
    -------
    matplotlib axes
    """
    [[axis]] = subplots(ax=axis)
    if np.shape(shares) != (dataset.sizes["state"],):
        raise ConfigurationError(f"shares: {dataset.sizes['state']} numbers are needed")
    largest = shares.max() if largest is None else largest
    cells, layout = cells_of(dataset), layout_of(dataset)
    if cells is None:
        _draw_bars(axis, shares, dataset, largest, colour)
        return axis
    colours: dict[str, Any] = {"norm": PowerNorm(0.5, vmin=0.0, vmax=largest), "cmap": "viridis"}
    edge: dict[str, Any] = {"closed": True, "fill": False, "joinstyle": "miter", "zorder": 3}
    around = np.array([(-1, -1), (-1, 1), (1, 1), (1, -1)])
    if layout == "ring":
        around = np.stack([np.cos(angles := np.linspace(0, 2 * np.pi, 40)), np.sin(angles)], axis=1)
        beads = PolyCollection([(cell + 0.47 * around)[:, ::-1] for cell in cells], **colours)
        beads.set_array(shares)
        axis.add_collection(beads)
        reach = np.abs(cells).max() + 0.6
        axis.set(xlim=(-reach, reach), ylim=(reach, -reach), aspect="equal")
    else:
        drawn = np.full(cells.max(axis=0) + 1, np.nan)
        drawn[tuple(cells.T)] = shares
        axis.set_facecolor("0.72")
        axis.imshow(drawn, aspect="auto" if layout == "line" else "equal", **colours)
    axis.set(xticks=[], yticks=[])
    if layout == "line":
        _name_states(axis, dataset)
    axis.spines[:].set_visible(False)
    for cell in cells[dataset["best"].values == 1]:
        corners = (cell + 0.4 * around)[:, ::-1]
        for shade, width in (("black", 1.5), ("white", 0.75)):
            axis.add_patch(Polygon(corners, edgecolor=shade, linewidth=width, **edge))
    return axis


def _draw_bars(axis, shares, dataset, largest, colour):
    states = np.arange(shares.size)
    if shares.size > MOST_CELLS:  # one outline, as so many bars would take minutes
        edges = np.arange(shares.size + 1) - 0.5
        axis.stairs(shares, edges, fill=True, facecolor=colour, edgecolor=colour, linewidth=0.6)
    else:
        axis.bar(states, shares, color=colour)
    axis.set(xlim=(-0.6, shares.size - 0.4), ylim=(0.0, 1.04 * largest))
    _name_states(axis, dataset)


def _name_states(axis, dataset):
    """Name states below an axis, or some of them if they are many."""
    names = [literal(name) for name in names_of(dataset)]
    if len(names) > 10:
        axis.xaxis.set_major_locator(MaxNLocator(3, integer=True))
    else:
        long = {"rotation": 40, "ha": "right", "rotation_mode": "anchor"}
        axis.set_xticks(range(len(names)), names, **(long if max(map(len, names)) > 2 else {}))
    axis.tick_params("x", length=2)
