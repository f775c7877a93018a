"""What is drawn is what was measured."""

import numpy as np
import pandas as pd
import pytest

import mfgcore
from mfgcore import plotting


@pytest.fixture(scope="module")
def dataset(make_experiment, tmp_path_factory):
    folder = tmp_path_factory.mktemp("runs")
    experiments = [
        make_experiment(
            architecture=architecture,
            trial=trial,
            sampled_exploitability=True,
            agents_after=9,
            increase_at=2,
        )
        for architecture in ("centralised", "networked")
        for trial in range(3)
    ]
    paths = [folder / f"{index}.nc" for index in range(len(experiments))]
    for experiment, path in zip(experiments, paths, strict=True):
        mfgcore.save(mfgcore.simulate(experiment), path)
    return mfgcore.collect(paths, experiments)


def test_the_table_holds_mean_and_standard_deviation_over_trials(dataset, tmp_path):
    plotting.plot_metrics(dataset, [tmp_path / "a.pdf"], tmp_path / "a.csv", "title")
    table = pd.read_csv(tmp_path / "a.csv")
    rows = table[(table.metric == "discounted_return") & (table.architecture == "networked")]
    values = dataset["discounted_return"].sel(architecture="networked").values
    np.testing.assert_allclose(rows["mean"], values.mean(axis=0), rtol=1e-9)
    np.testing.assert_allclose(rows["standard_deviation"], values.std(axis=0, ddof=1), rtol=1e-8)
    assert set(rows["trials"]) == {3}


def test_exploitability_is_drawn_where_it_was_measured(dataset):
    summary = plotting.summarise(dataset)
    rows = summary[(summary.metric == "exploitability") & (summary.architecture == "networked")]
    assert list(rows["iteration"]) == [0, 2]


def test_the_same_data_give_the_same_files(dataset, tmp_path):
    for name in ("a", "b"):
        outputs = [tmp_path / f"{name}{suffix}" for suffix in plotting.FORMATS]
        plotting.plot_mean_field(dataset, outputs, tmp_path / f"{name}.csv", "title")
    for suffix in (*plotting.FORMATS, ".csv"):
        assert (tmp_path / f"a{suffix}").read_bytes() == (tmp_path / f"b{suffix}").read_bytes()


def test_the_mean_field_table_sums_to_one(dataset, tmp_path):
    plotting.plot_mean_field(dataset, [tmp_path / "a.png"], tmp_path / "a.csv", "title")
    table = pd.read_csv(tmp_path / "a.csv")
    np.testing.assert_allclose(table.groupby(["architecture", "iteration"])["share"].sum(), 1.0)


def test_a_single_trial_has_no_spread(dataset):
    summary = plotting.summarise(dataset.isel(trial=[0]))
    assert (summary["standard_deviation"] == 0.0).all()
