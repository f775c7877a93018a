"""Maps show mean fields, each state where it lies."""

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
import xarray as xr
from conftest import saved, trials
from examples import experiment
from matplotlib.figure import Figure

import mfgcore
from mfgcore import plotting
from mfgcore.cli import main
from mfgcore.games import GAMES
from mfgcore.plotting import explorer
from mfgcore.plotting.state_layout import layout_of
from mfgcore.runs.datasets import state_coordinates


def drawn_states(game):
    """As much of a dataset as drawing needs."""
    attrs = {"layout": game.layout or "none"}
    return xr.Dataset(coords=state_coordinates(game), attrs=attrs)


@pytest.mark.parametrize("name", GAMES)
def test_every_game_is_drawn(name, tmp_path):
    planned = trials(1, ("centralised", "networked"), game=name, network="complete", iterations=3)
    paths = saved(planned, tmp_path)
    assert main(["show", str(paths[1]), "--plot", str(tmp_path / "run.png")]) == 0
    assert plt.imread(tmp_path / "run.png").std() > 0.1
    dataset = mfgcore.collect(paths, planned)
    plotting.mean_field(dataset, table=tmp_path / "a.csv", title=name)
    table = pd.read_csv(tmp_path / "a.csv")
    assert len(table) == 2 * 3 * dataset.sizes["state"]
    explorer.write_page([(name, dataset)], tmp_path / "page.html")
    shown = explorer.describe(name, dataset)
    assert shown["layout"] == (GAMES[name].layout or "none")
    assert shown["panels"][1]["label"] == "Exploitability, joint (exact)"
    if shown["cells"] is not None:
        assert len({tuple(cell) for cell in shown["cells"]}) == dataset.sizes["state"]


@pytest.mark.parametrize("name", ["agree", "four_rooms", "two_bars", "beach_bar", "sis_epidemic"])
def test_states_are_drawn_as_they_lie(name):
    game = GAMES[name]()
    states, axis = drawn_states(game), Figure().subplots()
    shares = np.arange(1.0, game.n_states + 1.0)
    plotting.draw_shares(axis, shares, states)
    if game.layout == "ring":
        np.testing.assert_array_equal(axis.collections[0].get_array(), shares)
        centres = [path.vertices[:-1].mean(axis=0) for path in axis.collections[0].get_paths()]
        steps = np.hypot(*(np.roll(centres, -1, axis=0) - centres).T)
        np.testing.assert_allclose(steps, 1.0, rtol=0.05)
    elif game.layout is None:
        assert [bar.get_height() for bar in axis.patches] == shares.tolist()
        assert [text.get_text() for text in axis.get_xticklabels()] == ["susceptible", "infected"]
    else:
        image = axis.images[0].get_array()
        assert image.compressed().tolist() == shares.tolist()  # row by row
        assert image.mask.sum() == {"four_rooms": 17}.get(name, 0)
        outlined = {"agree": 4, "two_bars": 2}.get(name, 0)
        assert len(axis.patches) == 2 * outlined  # dark and light


@pytest.mark.parametrize(
    ("name", "best"),
    [
        ("agree", [0, 7, 56, 63]),
        ("cluster", []),
        ("beach_bar", [5]),
        ("two_bars", [2, 4]),
        ("lasry_lions_chain", [3]),
        ("kinetic_congestion", [24]),
        ("four_rooms", []),
    ],
)
def test_the_best_states_are_marked(name, best):
    assert np.flatnonzero(drawn_states(GAMES[name]())["best"]).tolist() == best


@pytest.mark.parametrize("name", ["beach_bar", "two_bars"])
def test_what_is_too_long_for_cells_is_drawn_as_one_outline(name):
    """Ten thousand bars, or cells with their arrows, would take minutes."""
    states, axis = drawn_states(GAMES[name](states=10_000)), Figure().subplots()
    assert layout_of(states) == "none"
    plotting.draw_shares(axis, np.arange(10_000.0), states)
    axis.figure.draw_without_rendering()
    assert len(axis.patches) == 1
    assert not axis.collections


def test_shares_are_drawn_into_an_axes_that_is_returned():
    axis = Figure().subplots()
    assert plotting.draw_shares(axis, np.ones(2), drawn_states(GAMES["sis_epidemic"]())) is axis
    assert plotting.draw_shares(axis, np.ones(64), drawn_states(GAMES["agree"]())) is axis


def test_maps_are_those_of_the_first_trial(tmp_path):
    axes = plotting.mean_field(experiment(), table=tmp_path / "a.csv", snapshots=2)
    fields = experiment()["mean_field"].isel(trial=0, iteration=[0, -1])
    for axis, field in zip(axes.flat, fields.values.reshape(-1, 9), strict=True):
        np.testing.assert_array_equal(axis.images[0].get_array().ravel(), field)
    table = pd.read_csv(tmp_path / "a.csv")
    np.testing.assert_allclose(table.groupby(["architecture", "iteration"])["share"].sum(), 1.0)
