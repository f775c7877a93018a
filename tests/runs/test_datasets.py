"""Files of runs and experiments: complete, described, and refused when they do not fit."""

import json
import re
from pathlib import Path

import numpy as np
import pytest
import xarray as xr
from conftest import saved, small, trials

import mfgcore
from mfgcore import RunFileError
from mfgcore._base.files import atomic_path
from mfgcore.metrics.definitions import per_iteration


@pytest.fixture(scope="module")
def experiments():
    return trials(2, ("independent", "networked"), sampled_exploitability=True)


@pytest.fixture
def files(experiments, tmp_path):
    return saved(experiments, tmp_path)


def change(path, edit):
    dataset = mfgcore.load(path)
    edit(dataset)
    write_sealed(dataset, path)


def write_sealed(dataset, path):
    """Write any dataset as if mfgcore had."""
    with atomic_path(path, sealed=True) as temporary:
        dataset.to_netcdf(temporary)


def test_a_run_file_says_everything(files, experiments):
    dataset = mfgcore.load(files[2])
    experiment = experiments[2]
    assert json.loads(dataset.attrs["configuration"]) == experiment.effective_parameters()
    assert dataset.attrs.keys() >= {"seed", "versions", "commit", "host", "wall_seconds", "kernels"}
    assert dataset.attrs.keys() >= {"cpu_seconds", "started", "fingerprint", "schema_version"}
    for variable in dataset.data_vars.values():
        assert variable.attrs["long_name"]
        assert variable.attrs["units"]
    shape = (experiment.agents, experiment.grid_size**2, 5)
    assert dataset["policy"].shape == dataset["q_values"].shape == shape
    assert dataset["mean_field"].dims == ("iteration", "state")
    np.testing.assert_allclose(dataset["mean_field"].sum("state"), 1.0, rtol=1e-12)
    np.testing.assert_allclose(dataset["policy"].sum("action"), 1.0, rtol=1e-12)


def test_saving_and_loading_changes_nothing(experiments, tmp_path):
    dataset = mfgcore.simulate(experiments[0])
    mfgcore.save(dataset, tmp_path / "run.nc")
    assert mfgcore.load(tmp_path / "run.nc").identical(dataset)


def test_runs_are_collected_by_architecture_and_trial(files, experiments):
    collected = mfgcore.collect(files, experiments)
    assert collected.sizes["architecture"] == collected.sizes["trial"] == 2
    run = mfgcore.load(files[3])
    picked = collected.sel(architecture="networked", trial=1)
    for name in per_iteration():
        np.testing.assert_array_equal(picked[name], run[name])
    assert collected.attrs["runs"] == 4


def test_datasets_are_collected_as_their_files_are(files, experiments):
    datasets = [mfgcore.load(path) for path in files]
    collected = mfgcore.collect(files, experiments)
    for runs in (datasets, [*datasets[:2], *files[2:]]):
        again = mfgcore.collect(runs, experiments)
        again.attrs["history"] = collected.attrs["history"]  # says when
        assert again.identical(collected)
    with pytest.raises(RunFileError, match=r"^run 1: is not one run made by mfgcore but one exp"):
        mfgcore.collect([datasets[0], collected], experiments[:2])
    with pytest.raises(RunFileError, match=r"^run 0: was made with trial = 1, expected 0"):
        mfgcore.collect(datasets[1:2], experiments[:1])
    with pytest.raises(RunFileError, match=r"^3 runs are given, expected 4$"):
        mfgcore.collect(datasets[:3], experiments)


def test_a_missing_run_is_named(files, experiments):
    with pytest.raises(RunFileError, match="the run of networked, trial 1 is missing"):
        mfgcore.collect(files[:3], experiments[:3])
    files[1].unlink()
    with pytest.raises(RunFileError, match=r"1.nc': there is no such file"):
        mfgcore.collect(files, experiments)


def test_a_run_of_another_trial_is_refused(files, experiments):
    files[0].write_bytes(files[1].read_bytes())
    with pytest.raises(RunFileError, match=r"0.nc': was made with trial = 1, expected 0"):
        mfgcore.collect(files, experiments)


def test_a_run_with_other_parameters_is_refused(files, experiments):
    experiments = [small(base=each, discount=0.4) for each in experiments]
    with pytest.raises(RunFileError, match=r"was made with discount = 0.5, expected 0.4"):
        mfgcore.collect(files, experiments)


def test_runs_of_different_code_are_refused(files, experiments):
    change(files[2], lambda dataset: dataset.attrs.update(fingerprint="other"))
    with pytest.raises(RunFileError, match=r"2.nc': was made by other code \(other\)"):
        mfgcore.collect(files, experiments)


@pytest.mark.parametrize("name", ["discounted_return", "mean_field", "exploitability"])
def test_a_value_that_is_not_finite_is_refused(files, experiments, name):
    change(files[0], lambda dataset: dataset[name].values.__setitem__((0,), np.nan))
    with pytest.raises(RunFileError, match=rf"0.nc': {name} is not finite"):
        mfgcore.collect(files, experiments)


def test_a_file_of_another_version_is_refused(files):
    change(files[0], lambda dataset: dataset.attrs.update(schema_version=99))
    with pytest.raises(RunFileError, match="has schema version 99"):
        mfgcore.load(files[0])


@pytest.mark.parametrize("name", ["configuration", "fingerprint", "cpu_seconds"])
def test_a_file_that_does_not_say_what_it_is_is_refused(files, name):
    change(files[0], lambda dataset: dataset.attrs.pop(name))
    with pytest.raises(RunFileError, match=f"0.nc': does not say its {name}"):
        mfgcore.load(files[0])


@pytest.mark.parametrize("name", ["state", "iteration", "action"])
def test_a_run_of_another_size_is_refused(files, experiments, name):
    dataset = mfgcore.load(files[0])
    expected = dataset.sizes[name]
    mfgcore.save(dataset.isel({name: slice(2)}), files[0], overwrite=True)
    with pytest.raises(RunFileError, match=f"0.nc': has 2 {name}s, expected {expected}"):
        mfgcore.collect(files, experiments)


@pytest.mark.parametrize("tenth", range(10))
def test_a_truncated_file_is_refused_by_name(files, tenth):
    content = files[0].read_bytes()
    files[0].write_bytes(content[: len(content) * tenth // 10])
    with pytest.raises(RunFileError, match=r"0.nc': has no checksum: it is not whole"):
        mfgcore.load(files[0])


def test_a_file_of_another_kind_is_refused(tmp_path, files):
    with pytest.raises(RunFileError, match="not one experiment"):
        mfgcore.load(files[0], kind="experiment")
    path = tmp_path / "other.nc"
    xr.Dataset({"x": ("y", [1.0])}).to_netcdf(path)
    with pytest.raises(RunFileError, match="not made by this version of mfgcore"):
        mfgcore.load(path)
    write_sealed(xr.load_dataset(path), path)
    with pytest.raises(RunFileError, match="not one run"):
        mfgcore.load(path)


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (
            lambda dataset: dataset.drop_attrs(),
            "does not say what mfgcore made: its kind is None",
        ),
        (lambda dataset: dataset.assign_attrs(kind="walk"), "its kind is 'walk'"),
        (lambda dataset: dataset.assign_attrs(schema_version=3), "has schema version 3"),
        (lambda dataset: dataset.drop_attrs().assign_attrs(kind="run"), "does not say its schema"),
        (lambda dataset: dataset.assign(x=("iteration", [object()] * 4)), "cannot be written: "),
        (lambda dataset: dataset.assign_attrs(x={"a": 1}), "cannot be written: "),
        (lambda dataset: dataset, "exists; overwrite=True replaces it"),
    ],
)
def test_what_would_not_be_read_again_or_replaces_something_is_not_written(
    files, change, expected, tmp_path
):
    dataset, before = change(mfgcore.load(files[0])), files[0].read_bytes()
    path = files[0] if "exists" in expected else tmp_path / "new.nc"
    with pytest.raises(RunFileError) as refused:
        mfgcore.save(dataset, path)
    assert expected in str(refused.value) and "\n" not in str(refused.value)
    assert files[0].read_bytes() == before
    assert not (tmp_path / "new.nc").exists()


def test_a_failure_while_writing_leaves_the_old_file(files, monkeypatch):
    before = files[0].read_bytes()

    def fail(self, content):
        with self.open("wb") as file:
            file.write(b"half")
        raise OSError(28, "No space left on device")

    dataset = mfgcore.load(files[0])
    monkeypatch.setattr(Path, "write_bytes", fail)
    with pytest.raises(RunFileError, match="No space left on device"):
        mfgcore.save(dataset, files[0], overwrite=True)
    assert files[0].read_bytes() == before
    assert not list(files[0].parent.glob("*partial*"))


def test_every_dataset_says_by_what_it_was_made(files, experiments):
    """As the CF conventions have it."""
    for made_by, dataset in {
        "simulate": mfgcore.load(files[0]),
        "collect": mfgcore.collect(files, experiments),
    }.items():
        said = (
            rf"\d{{4}}-\d\d-\d\dT\d\d:\d\d:\d\d\+00:00: {made_by} of mfgcore {mfgcore.__version__}"
        )
        assert re.fullmatch(said, dataset.attrs["history"])


def test_a_file_of_another_kind_says_how_it_is_read(files, experiments, tmp_path):
    path = tmp_path / "all.nc"
    mfgcore.save(mfgcore.collect(files, experiments), path)
    line = (
        r"is not one run made by mfgcore but one experiment: load\(path, kind='experiment'\) reads"
    )
    with pytest.raises(RunFileError, match=line):
        mfgcore.load(path)
    for kind in ("experiment", "any"):
        assert mfgcore.load(path, kind=kind).attrs["runs"] == 4
    with pytest.raises(mfgcore.ConfigurationError, match=r"kind 'experment'; did you mean 'experi"):
        mfgcore.load(path, kind="experment")
