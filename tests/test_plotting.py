"""What is drawn is what was measured."""

import numpy as np
import pandas as pd
import pytest
from conftest import saved, small, trials

import mfgcore
from mfgcore import plotting
from mfgcore.collect import collect_ablation


@pytest.fixture(scope="module")
def dataset(tmp_path_factory):
    folder = tmp_path_factory.mktemp("runs")
    settings = {"sampled_exploitability": True, "agents_after": 9, "change_at": 2}
    experiments = trials(3, ("centralised", "networked"), **settings)
    return mfgcore.collect(saved(experiments, folder), experiments)


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


def test_the_same_data_give_the_same_files_whose_shares_sum_to_one(dataset, tmp_path):
    for name in ("a", "b"):
        outputs = [tmp_path / f"{name}{suffix}" for suffix in plotting.FORMATS]
        plotting.plot_mean_field(dataset, outputs, tmp_path / f"{name}.csv", "title")
    for suffix in (*plotting.FORMATS, ".csv"):
        assert (tmp_path / f"a{suffix}").read_bytes() == (tmp_path / f"b{suffix}").read_bytes()
    table = pd.read_csv(tmp_path / "a.csv")
    np.testing.assert_allclose(table.groupby(["architecture", "iteration"])["share"].sum(), 1.0)


def test_a_single_trial_has_no_spread(dataset):
    summary = plotting.summarise(dataset.isel(trial=[0]))
    assert (summary["standard_deviation"] == 0.0).all()


def test_an_ablation_is_joined_from_files_in_any_order(tmp_path):
    settings = {
        str(rounds): [small(communication_rounds=rounds, trial=trial) for trial in (0, 1)]
        for rounds in (1, 3)
    }
    paths = saved([*settings["1"], *settings["3"]], tmp_path)[::-1]
    study = {"title": "title", "varied": "communication_rounds", "baseline": "3"}
    joined = collect_ablation(paths, settings, **study)
    for setting, experiments in settings.items():
        there = joined["discounted_return"].sel(setting=setting, architecture="networked")
        for experiment in experiments:
            expected = mfgcore.simulate(experiment)["discounted_return"]
            np.testing.assert_array_equal(there.sel(trial=experiment.trial), expected)
    plotting.plot_ablation(joined, [tmp_path / "a.png"], tmp_path / "a.csv", "title")
    assert list(pd.read_csv(tmp_path / "a.csv")["setting"]) == [1, 3]
    with pytest.raises(mfgcore.RunFileError, match="rounds = 1, networked, trial 0 is missing"):
        collect_ablation(paths[:-1], settings, **study)
