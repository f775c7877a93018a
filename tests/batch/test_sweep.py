"""Any product of parameters: the runs that there would be one by one, made once, and kept."""

import dataclasses
import inspect
import os
import signal
import subprocess
import sys
import threading
import time

import numpy as np
import pytest
from conftest import small
from project import ROOT, documented

import mfgcore
from mfgcore import ConfigurationError, MfgcoreError, NumericalError, RunFileError, games
from mfgcore._base.plugins import import_file
from mfgcore.experiment.experiment import parameters
from mfgcore.games import GAMES
from mfgcore.metrics.definitions import METRICS, per_iteration
from mfgcore.runs.datasets import COORDINATES

MODULE = sys.modules["mfgcore.batch.sweep"]
VARIED = {"architecture": ["networked", "independent"], "communication_radius": [0.2, 0.6]}


def sweep(experiment=None, **options):
    return mfgcore.sweep(experiment or small(), **{"progress": False, "cores": 1, **options})


def count_runs(monkeypatch):
    """A list to which every run that is made is added."""
    made = []

    def counted(experiment, *arguments, **options):
        made.append(experiment)
        return mfgcore.simulate(experiment, *arguments, **options)

    for module in (MODULE, sys.modules["mfgcore.batch.collect"]):
        monkeypatch.setattr(module, "simulate", counted)
    return made


@pytest.mark.parametrize("cores", [1, 2])
def test_every_combination_is_the_run_that_it_would_be_by_itself(cores):
    dataset = sweep(cores=cores, **VARIED, seed=range(2))
    assert dict(dataset.sizes) == {
        "architecture": 2,
        "communication_radius": 2,
        "seed": 2,
        "iteration": 4,
        "state": 9,
        "action": 5,
    }
    assert dataset["exact_return"].dims == (*VARIED, "seed", "iteration")
    for architecture in VARIED["architecture"]:
        for radius in VARIED["communication_radius"]:
            place = {"architecture": architecture, "communication_radius": radius, "seed": 1}
            alone = mfgcore.simulate(small(**place))
            for name in per_iteration():
                np.testing.assert_array_equal(dataset.sel(place)[name], alone[name])
    # nobody hears anybody: the radius makes no difference, and no run of its own
    assert dataset.attrs["runs"] == 6
    assert "architecture" not in dataset.attrs["configuration"]
    assert (dataset["cpu_seconds"] >= 0).all()
    assert dataset["exact_return"].attrs["long_name"]
    assert dataset["communication_radius"].attrs["long_name"] == "how far an agent hears"


def test_what_is_kept_is_not_made_again(tmp_path, monkeypatch):
    made = count_runs(monkeypatch)
    first = sweep(cache=tmp_path / "kept", **VARIED)
    assert len(made) == 3
    again = sweep(cache=tmp_path / "kept", **VARIED)
    assert len(made) == 3
    assert again.drop_attrs(deep=False).identical(first.drop_attrs(deep=False))
    sweep(cache=tmp_path / "kept", seed=[1, 2])
    assert len(made) == 4
    kept = sorted((tmp_path / "kept").iterdir())
    assert len(kept) == 4
    assert mfgcore.load(kept[0]).attrs["kind"] == "run"


@pytest.mark.parametrize("damage", ["a bit", "half", "code", "another run"])
def test_what_is_stale_or_damaged_is_made_anew(tmp_path, monkeypatch, damage):
    made = count_runs(monkeypatch)
    first = sweep(cache=tmp_path, seed=[1, 2])
    path, other = sorted(tmp_path.iterdir())
    content = bytearray(path.read_bytes())
    if damage == "a bit":
        content[len(content) // 2] ^= 1
    elif damage == "half":
        del content[len(content) // 2 :]
    elif damage == "another run":
        content = other.read_bytes()
    path.write_bytes(content)
    if damage == "code":
        dataset = mfgcore.load(path)
        dataset.attrs["fingerprint"] = "other"
        mfgcore.save(dataset, path, overwrite=True)
    assert sweep(cache=tmp_path, seed=[1, 2])["exact_return"].equals(first["exact_return"])
    assert len(made) == 3
    assert len(list(tmp_path.iterdir())) == 2


LONG = """
import sys
sys.path.insert(0, sys.argv[2])
import mfgcore
from conftest import small
long = small(iterations=4000, exact_metrics=False)
mfgcore.sweep(long, seed=range(3), cores=int(sys.argv[3]), cache=sys.argv[1])
"""


@pytest.mark.parametrize("cores", [1, 2])
def test_interrupted_it_goes_on(tmp_path, monkeypatch, cores):
    command = [sys.executable, "-c", LONG, tmp_path, str(ROOT / "tests"), str(cores)]
    process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
    while len(list(tmp_path.glob(".*.lock"))) < cores:
        assert process.poll() is None
        time.sleep(0.02)
    time.sleep(0.2)
    process.send_signal(signal.SIGINT)
    _, said = process.communicate(timeout=60)
    assert f"the same call goes on from what is kept in {tmp_path}" in said
    stopped, done = (len(list(tmp_path.glob(f"*.{end}"))) for end in ("checkpoint", "nc"))
    assert stopped >= 1
    begun = []

    def watched(experiment, threads, _, checkpointer, limit):
        def progress(simulation):
            begun.append((experiment.seed, simulation.iteration))

        return mfgcore.simulate(experiment, threads, progress, checkpointer, limit)

    monkeypatch.setattr(sys.modules["mfgcore.batch.collect"], "simulate", watched)
    long = small(iterations=4000, exact_metrics=False)
    dataset = sweep(long, seed=range(3), cache=tmp_path)
    firsts = {}
    for seed, iteration in begun:
        firsts.setdefault(seed, iteration)
    went_on = sorted(iteration > 1 for iteration in firsts.values())
    assert went_on == [False] * (3 - stopped - done) + [True] * stopped
    alone = mfgcore.simulate(small(long, seed=0))
    np.testing.assert_array_equal(
        dataset["discounted_return"].sel(seed=0), alone["discounted_return"]
    )
    assert not list(tmp_path.glob("*checkpoint"))


@pytest.mark.parametrize(
    ("varied", "message"),
    [
        ({"archtecture": ["networked"]}, "^unknown parameter 'archtecture'; did you mean 'archit"),
        ({"architecture": ["netwrked"]}, "^architecture: unknown .* did you mean 'networked'"),
        ({"architecture": "networked"}, "^architecture: 'networked' is not a list of values$"),
        ({"seed": 3}, "^seed: 3 is not a list of values$"),
        ({"seed": []}, "^seed: there is no level$"),
        ({"seed": [1, 2, 1]}, "^seed: 1 is there twice$"),
        ({"discount": [0.5, 1.5]}, "^discount: 1.5 is not a number >= 0 and < 1$"),
        (
            {"agents": [6, 1], "sampled_exploitability": [False, True]},
            "^agents = 1, sampled_exploitability = true: agents: 1 is not allowed",
        ),
        ({"seed": [1], "cores": 0}, "^cores: 0 is not a whole number >= 1$"),
        ({"seed": [1], "cores": 1.5}, "^cores: 1.5 is not a whole number, or None$"),
        ({"experiment": "agree"}, "^experiment: 'agree' is not an Experiment$"),
    ],
)
def test_a_mistake_is_refused_in_one_line_before_any_run(varied, message, monkeypatch):
    made = count_runs(monkeypatch)
    with pytest.raises(ConfigurationError, match=message) as refused:
        sweep(**varied)
    assert "\n" not in str(refused.value)
    assert not made


def test_a_cache_that_cannot_be_is_refused(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(RunFileError, match=r"^cache: '.*/file': File exists$"):
        sweep(seed=[1], cache=tmp_path / "file")


class Trouble(games.GridGame):
    """A game that ends the process that runs it, or raises an error, or waits for a lock."""

    kind: str = "no"

    def rewards(self, mean_fields):
        if mean_fields.ndim == 2 and len(mean_fields) == 64:  # a run is under way
            if self.kind == "nan":
                raise NumericalError("iteration 2, agent 1: its policy is not finite")
            if self.kind == "own":
                raise LookupError("where?")
            if self.kind == "exit":
                os._exit(9)
            if self.kind == "signal":
                os.kill(os.getpid(), signal.SIGSEGV)
        with LOCK:
            return self.normalised(0.0 * mean_fields[..., None], mean_fields)


LOCK = threading.RLock()
games.register(Trouble)
GAMES.remove("trouble")


@pytest.fixture
def trouble(register):
    register(GAMES, "trouble", Trouble)


@pytest.mark.parametrize("cores", [1, 2])
def test_an_error_names_its_combination(trouble, cores):
    with pytest.raises(MfgcoreError, match=r"^game_settings = kind=nan: .*its policy is not fini"):
        sweep(small(game="trouble"), game_settings=[{"kind": "no"}, {"kind": "nan"}], cores=cores)


def test_an_error_of_any_kind_comes_back(trouble):
    with pytest.raises(ConfigurationError, match=r"^game_settings = kind=own: .*LookupError: wher"):
        sweep(small(game="trouble"), game_settings=[{"kind": "no"}, {"kind": "own"}], cores=2)


@pytest.mark.parametrize(
    ("kind", "cause"),
    [
        ("exit", "its process ended with exit code 9"),
        ("signal", "its process was ended by SIGSEGV"),
    ],
)
def test_a_process_that_dies_is_told_with_its_cause(trouble, kind, cause):
    with pytest.raises(MfgcoreError, match=f"^game_settings = kind={kind}: {cause}"):
        sweep(small(game="trouble"), game_settings=[{"kind": "no"}, {"kind": kind}], cores=2)


def test_a_lock_that_a_thread_holds_does_not_hang_it(trouble):
    """A forked process would wait for the lock for ever."""
    held, done = threading.Event(), threading.Event()

    def hold():
        with LOCK:
            held.set()
            done.wait(60)

    experiment = small(game="trouble")
    thread = threading.Thread(target=hold)
    thread.start()
    held.wait()
    try:
        assert sweep(experiment, seed=[1, 2], cores=2).sizes["seed"] == 2
    finally:
        done.set()
        thread.join()


def test_a_game_of_a_notebook_and_its_lock_are_taken_along(register):
    lock = threading.Lock()

    class Mine(games.GridGame):
        """A game of a notebook."""

        def rewards(self, mean_fields):
            with lock:
                return self.normalised(0.0 * mean_fields[..., None], mean_fields)

    register(GAMES, "mine", games.register(Mine))
    with lock:
        pass
    assert sweep(small(game="mine"), seed=[1, 2], cores=2).attrs["runs"] == 2


def test_what_cannot_be_taken_along_is_one_line(register, tmp_path):
    with (tmp_path / "file").open("w") as file:

        class Mine(games.GridGame):
            """A game of a notebook."""

            def rewards(self, mean_fields):
                assert not file.closed
                return self.normalised(0.0 * mean_fields[..., None], mean_fields)

        register(GAMES, "mine", games.register(Mine))
        with (
            pytest.warns(UserWarning, match="make nothing out of date"),
            pytest.raises(MfgcoreError, match=r"cannot be taken to other processes: .*cores=1\)$"),
        ):
            sweep(small(game="mine"), seed=[1, 2], cores=2)


def test_a_game_that_uses_jax(register):
    jax = pytest.importorskip("jax")

    @jax.jit
    def shared(mean_fields):
        return 0.5 * mean_fields

    class Mine(games.GridGame):
        """A game of a notebook."""

        def rewards(self, mean_fields):
            paid = np.asarray(shared(mean_fields), dtype=np.float64)[..., None]
            return self.normalised(paid, mean_fields)

    register(GAMES, "mine", games.register(Mine))
    assert sweep(small(game="mine"), seed=[1, 2], cores=2).attrs["runs"] == 2


def test_runs_of_fewer_iterations_end_with_nan():
    dataset = sweep(iterations=[2, 4], trial=[0, 1])
    counts = dataset["updates"].sel(trial=0)
    assert np.isnan(counts.sel(iterations=2)).values.tolist() == [False, False, True, True]
    assert np.isfinite(counts.sel(iterations=4)).all()
    assert dataset["mean_field"].dims == ("iterations", "trial", "iteration", "state")


def test_states_of_different_games_are_not_mixed():
    dataset = sweep(small(network="complete"), game=["agree", "beach_bar"])
    assert "state" not in dataset.dims
    assert dataset["exact_return"].notnull().any("iteration").all()
    assert dataset.attrs["layout"] == "none"


def test_no_value_is_a_label_too():
    dataset = sweep(entropy_gap=[None, 0.5])
    assert dataset["entropy_gap"].values.tolist() == ["null", "0.5"]
    assert sweep().sizes == mfgcore.simulate(small())[list(per_iteration())].sizes


def test_it_is_saved_and_loaded(tmp_path):
    dataset = sweep(**VARIED, resample_links=[True, False])
    mfgcore.save(dataset, tmp_path / "sweep.nc")
    assert mfgcore.load(tmp_path / "sweep.nc", kind="experiment").identical(dataset)


def test_a_file_of_a_user_is_known_in_all_processes(tmp_path):
    path = tmp_path / "edge.py"
    path.write_text(documented("python")[0])
    import_file(path)
    try:
        dataset = sweep(small(game="edge"), seed=[1, 2], cores=2)
        alone = mfgcore.simulate(small(game="edge", seed=2))
        np.testing.assert_array_equal(dataset["exact_return"].sel(seed=2), alone["exact_return"])
    finally:
        GAMES.remove("edge")


def test_a_bar_says_how_many_runs_are_done(capsys):
    sweep(seed=range(3), progress=True)
    assert "3/3" in capsys.readouterr().err


def test_no_parameter_has_a_name_that_means_something_else():
    arguments = set(inspect.signature(mfgcore.sweep).parameters)
    taken = METRICS.keys() | {"cpu_seconds", "run"} | arguments | COORDINATES.keys()
    # a sweep over these is what the coordinates are called after
    assert parameters().keys() & taken == {"architecture", "trial"}
    assert dataclasses.is_dataclass(mfgcore.Experiment)
