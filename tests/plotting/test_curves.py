"""Curves are means and deviations of what was measured, where it was measured."""

import numpy as np
import pandas as pd
import pytest
from examples import EXAMPLES, experiment, run, with_factors
from matplotlib.figure import Figure
from scipy import stats

from mfgcore import plotting
from mfgcore.experiment.experiment import make_experiment
from mfgcore.metrics.definitions import label
from mfgcore.plotting import FIGURES
from mfgcore.plotting.datasets import PANELS
from mfgcore.plotting.equilibria import slope
from mfgcore.plotting.figures import NOT_MEASURED, label_lines
from mfgcore.plotting.statistics import summarise
from mfgcore.runs.datasets import configuration


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
        half = stats.t.ppf(0.975, 2) * deviation / 3**0.5
        for band, width in zip(axes[0].collections[2 * place :], (deviation, half), strict=False):
            low, high = band.get_datalim(axes[0].transData).intervaly
            np.testing.assert_allclose(low, (mean - width).min())
            np.testing.assert_allclose(high, (mean + width).max())


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
    said = [
        NOT_MEASURED in [text.get_text() for text in axis.texts]
        for axis in plotting.metrics(without)
    ]
    assert said == [False, False, True, False]


def test_without_the_exact_exploitability_there_is_no_panel_of_it():
    exact = experiment()["exact_exploitability"]
    without = experiment().assign(exact_exploitability=exact * np.nan)
    titles = [axis.get_title() for axis in plotting.metrics(without)]
    assert len(titles) == 3
    assert label("exact_exploitability") not in titles


def test_lines_are_named_where_they_are_apart_and_if_they_cover_each_other():
    axis = Figure().subplots()
    k = np.arange(20.0)
    for name, curve in {"a": k, "b": 0.0 * k, "c": 0.001 * k, "d": k + 0.5}.items():
        axis.plot(k, curve, label=name)
    label_lines(axis, 4)
    texts = {text.get_text(): text.xy for text in axis.texts}
    assert set(texts) == {"b and c"}  # a and d are too near to each other
    assert texts["b and c"][1] < 0.1
    axis.lines[3].set_ydata(9.0 + 0.0 * k)
    label_lines(axis, 4)
    assert {"a", "d"} <= {text.get_text() for text in axis.texts}


def test_what_a_return_can_be_at_most_stands_beside_it():
    returns, *others = plotting.metrics(experiment())
    parameters = configuration(experiment())
    assert f"{make_experiment(**parameters).max_q_value:.3g}" in returns.get_ylabel()
    assert not any(axis.get_ylabel() for axis in others)


@pytest.mark.parametrize("power", [-2.0, -1.0, -0.5])
def test_the_slope_of_a_gain_is_its_power(power):
    n = np.array([2.0, 10.0, 100.0, 1000.0])
    gain = 0.3 * n**power
    sized = pd.DataFrame({"agents": n, "nash_gap": gain, "low": 0.9 * gain, "high": 1.1 * gain})
    assert slope(sized) == pytest.approx(power)
    sized.loc[2:, "low"] = -1.0  # two sizes are left that are told from 0
    assert np.isnan(slope(sized))
