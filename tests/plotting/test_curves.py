"""Curves are means and deviations of what was measured, where it was measured."""

import numpy as np
import pandas as pd
import pytest
from examples import EXAMPLES, experiment, run, with_factors

from mfgcore import plotting
from mfgcore.plotting import FIGURES
from mfgcore.plotting.datasets import PANELS
from mfgcore.plotting.statistics import summarise


def test_curves_and_table_are_means_and_deviations_over_trials(tmp_path):
    axes = plotting.metrics(experiment(), table=tmp_path / "a.csv", title="title")
    table = pd.read_csv(tmp_path / "a.csv")
    for name in ("centralised", "networked"):
        rows = table[(table["metric"] == "discounted_return") & (table["architecture"] == name)]
        values = experiment()["discounted_return"].sel(architecture=name).values
        mean, deviation = values.mean(axis=0), values.std(axis=0, ddof=1)
        np.testing.assert_allclose(rows["mean"], mean, rtol=1e-9)
        np.testing.assert_allclose(rows["standard_deviation"], deviation, rtol=1e-8)
        assert set(rows["trials"]) == {3}
        place = [line.get_label() for line in axes[0].lines].index(name)
        np.testing.assert_array_equal(axes[0].lines[place].get_ydata(), mean)
        low, high = axes[0].collections[place].get_datalim(axes[0].transData).intervaly
        np.testing.assert_allclose(low, (mean - deviation).min())
        np.testing.assert_allclose(high, (mean + deviation).max())


def test_exploitability_is_drawn_where_it_was_measured():
    summary = summarise(experiment(), PANELS)
    rows = summary[summary["metric"] == "exploitability"]
    assert set(rows["iteration"]) == {0, 2}
    for line in plotting.metrics(experiment())[1].lines[:2]:
        assert line.get_xdata().tolist() == [0, 2]


def test_a_single_trial_has_no_spread():
    summary = summarise(experiment().isel(trial=[0]), PANELS)
    assert (summary["standard_deviation"] == 0.0).all()


def test_a_reference_is_drawn_beside_the_experiment(tmp_path):
    axes = plotting.exact(experiment(), reference=run(), table=tmp_path / "a.csv")
    line = axes[0].lines[2]
    np.testing.assert_array_equal(line.get_ydata(), run()["exact_return"].dropna("iteration"))
    rows = pd.read_csv(tmp_path / "a.csv")
    assert set(rows["architecture"]) == {"centralised", "networked", "reference"}


def test_there_is_a_curve_for_each_level_of_any_factor(tmp_path):
    dataset = with_factors(communication_rounds=(1, 3)).isel(architecture=1, drop=True)
    axes = plotting.metrics(dataset, table=tmp_path / "a.csv")
    for line, level in zip(axes[0].lines, (1, 3), strict=True):
        mean = dataset["discounted_return"].sel(communication_rounds=level).mean("trial")
        np.testing.assert_allclose(line.get_ydata(), mean)
        assert f"communication_rounds = {level}" == line.get_label()
    assert set(pd.read_csv(tmp_path / "a.csv")["communication_rounds"]) == {1, 3}


def test_a_disturbance_is_a_line_where_it_happens():
    dataset = experiment()
    for axis in plotting.metrics(dataset):
        [line] = [line for line in axis.lines if line.get_label() == "6 → 9 agents"]
        assert list(line.get_xdata()) == [2, 2]


@pytest.mark.parametrize("iterations", [1, 2])
@pytest.mark.parametrize("name", ["metrics", "exact", "run", "levels"])
def test_what_was_measured_once_is_seen(name, iterations):
    make, _ = EXAMPLES[name]
    shown = make().isel(iteration=slice(iterations)).copy()
    for metric in ("exploitability", "exact_exploitability"):
        shown[metric] = shown[metric].where(shown["iteration"] < 1)
    axis = np.ravel(FIGURES[name](shown))[1]
    lines = [line for line in axis.lines if np.size(line.get_xdata()) == 1]
    assert lines
    assert {line.get_marker() for line in lines} == {"o"}
    assert len({line.get_markersize() for line in lines}) == len(lines)
    low, high = axis.get_xlim()
    assert low < 0
    assert high > iterations - 1
    assert [tick for tick in axis.get_xticks() if low < tick < high] == list(range(iterations))


def test_what_was_not_measured_is_said():
    without = experiment().assign(exploitability=experiment()["exploitability"] * np.nan)
    texts = [len(axis.texts) for axis in plotting.metrics(without)]
    assert texts == [0, 1, 0]
