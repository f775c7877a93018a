"""Levels and heat maps show the factors of an experiment."""

import numpy as np
import pandas as pd
import pytest
from examples import RATES, ROUNDS, with_factors

from mfgcore import plotting


@pytest.mark.parametrize("factor", ["communication_rounds", "setting"])
def test_levels_are_curves_and_intervals_of_each_architecture(factor, tmp_path):
    expected = with_factors(**ROUNDS)
    dataset = expected.rename(communication_rounds=factor)
    axes = plotting.levels(dataset, table=tmp_path / "a.csv")
    for row, name in enumerate(("centralised", "networked")):
        assert axes[2 * row].get_ylabel() == name
        for column, metric in enumerate(("discounted_return", "exact_exploitability")):
            means = expected[metric].sel(architecture=name).mean("trial").dropna("iteration")
            for line, level in zip(axes[2 * row + column].lines, (1, 3), strict=True):
                curve = means.sel(communication_rounds=level)
                np.testing.assert_allclose(line.get_ydata(), curve, rtol=1e-12)
        whole = expected["discounted_return"].sel(architecture=name).mean(("trial", "iteration"))
        points = axes[-1].containers[row].lines[0].get_ydata().astype(float)
        np.testing.assert_allclose(points, whole, rtol=1e-12)
    ticks = axes[-1].get_xticklabels()
    assert [tick.get_fontweight() for tick in ticks] == ["normal", "bold"]
    assert factor.replace("_", " ") in axes[-1].get_xlabel()
    table = pd.read_csv(tmp_path / "a.csv")
    assert (table["low"] <= table["mean"]).all() and (table["mean"] <= table["high"]).all()


def test_a_heat_map_has_a_cell_for_each_pair_of_levels(tmp_path):
    dataset = with_factors(**ROUNDS, **RATES)
    axes = plotting.heat_map(dataset, table=tmp_path / "a.csv")
    order = ("architecture", "communication_rounds", "td_learning_rate", "iteration")
    means = dataset[["discounted_return", "exact_exploitability"]]
    means = means.mean("trial").transpose(*order)
    whole = means["discounted_return"].mean("iteration")
    end = means["exact_exploitability"].mean("iteration")  # the end of so short a run is all of it
    for axis, expected in zip(axes, (whole[0], end[0], whole[1], end[1]), strict=True):
        np.testing.assert_allclose(axis.images[0].get_array(), expected, rtol=1e-12)
        assert sum("n = 2" in text.get_text() for text in axis.texts) == expected.size
        [frame] = axis.lines
        assert np.round(frame.get_xydata().mean(axis=0)).tolist() == [1.0, 1.0]
    table = pd.read_csv(tmp_path / "a.csv").set_index(["architecture", *order[1:3]])
    for place, mean in whole.to_series().items():
        assert table["mean"][place] == pytest.approx(mean, rel=1e-9)


def test_an_experiment_of_one_architecture_needs_no_dimension_of_it():
    dataset = with_factors(**ROUNDS).sel(architecture=["networked"])
    alone = dataset.isel(architecture=0)
    for axis, same in zip(plotting.levels(dataset), plotting.levels(alone), strict=True):
        for line, other in zip(axis.lines, same.lines, strict=True):
            np.testing.assert_array_equal(line.get_xydata(), other.get_xydata())
