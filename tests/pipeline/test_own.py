"""What a user registers goes through the workflow to a figure, each kind, each architecture."""

import itertools
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from conftest import TINY
from hypothesis import given, settings
from hypothesis import strategies as st
from project import Project, job_counts, tiny_config

import mfgcore
from mfgcore import Experiment
from mfgcore._base.plugins import import_file
from mfgcore._base.registry import Registry
from mfgcore.experiment import parameters as table
from mfgcore.experiment.experiment import code_fingerprint_of, make_experiment
from mfgcore.metrics.definitions import METRICS
from mfgcore.plotting import FIGURES
from mfgcore.runs import datasets

NOTEBOOK = """{source}
import mfgcore
mfgcore.save(mfgcore.simulate(mfgcore.Experiment(**{parameters!r})), {output!r})
"""
FILE = Path(__file__).parents[1] / "own.py"
# the parameter by which each kind is chosen, and what else it needs
KINDS = {
    "game": {"game": "own_game"},
    "network": {"network": "own_network"},
    "score_rule": {"score_rule": "own_score_rule"},
    "adoption": {"adoption": "own_adoption"},
    "scenario": {"scenario": "own_scenario", "final_agents": 9, "population_change_at": 2},
    "departure_rule": {
        "departure_rule": "own_leavers",
        "final_agents": 4,
        "population_change_at": 2,
    },
    "algorithm": {"algorithm": "own_algorithm"},
    "objective": {"objective": "own_objective"},
    "reward_averaging": {"objective": "shared", "reward_averaging": "own_averaging"},
    "policy_improvement": {"policy_improvement": "own_improvement"},
    "metric": {},
    "architecture": {},
}
LATER = {"population_change_at": 2}
NAMES = ["centralised", "independent", "networked", "Own2"]


@pytest.fixture(scope="module")
def own():
    """The names of the file, forgotten afterwards."""
    registries = [each.choices for each in table.parameters().values()]
    registries = [each for each in [*registries, METRICS, FIGURES] if isinstance(each, Registry)]
    before = [list(registry) for registry in registries]
    import_file(FILE)
    yield
    for registry, names in zip(registries, before, strict=True):
        for name in set(registry) - set(names):
            registry.remove(name)


@pytest.mark.parametrize("kind", KINDS)
def test_an_experiment_of_a_job_has_the_code_of_the_one_that_asked_for_it(kind, own):
    for architecture in NAMES:
        asked = Experiment(**TINY | KINDS[kind], architecture=architecture)
        job = make_experiment(**asked.effective_parameters())
        assert job.effective_parameters() == asked.effective_parameters()
        assert job.code_fingerprint() == asked.code_fingerprint()
        assert "+" in job.code_fingerprint()  # of the metric at least


def values():
    """Any value of a parameter that is a name, and of a few others."""
    named = {
        key: st.sampled_from(list(entry.choices))
        for key, entry in table.parameters().items()
        if isinstance(entry.choices, Registry)
    }
    more = {
        "agents": st.sampled_from([6, 8]),
        "failure_probability": st.sampled_from([None, 0.5]),
        "learner_lost_at": st.sampled_from([None, 1]),
        "sampled_exploitability": st.booleans(),
        "exact_metrics": st.booleans(),
        "resample_links": st.booleans(),
        "entropy_gap": st.sampled_from([None, 0.5]),
    }
    changes = st.sampled_from(
        [
            {},
            {"final_agents": 9} | LATER,
            {"final_agents": 4} | LATER,
            {"final_agents": 4, "departure_rule": "nearest", "departure_state": 0} | LATER,
            {"final_agents": 4, "departure_rule": "own_leavers"} | LATER,
            {"final_agents": 9, "scenario": "own_scenario"} | LATER,
        ]
    )
    for key in ("departure_rule", "scenario"):
        del named[key]
    chosen = st.fixed_dictionaries({}, optional=named | more)
    return st.tuples(chosen, changes).map(lambda pair: pair[0] | pair[1])


TRIED = []


def test_so_does_every_experiment_that_there_is(own):
    """Whatever is chosen of what is shipped and of a user's."""

    @settings(max_examples=400)
    @given(values())
    def same(chosen):
        try:
            asked = Experiment(**TINY | {"communication_radius": 0.3} | chosen)
        except mfgcore.ConfigurationError:
            return
        job = make_experiment(**asked.effective_parameters())
        assert (job.effective_parameters(), job.code_fingerprint()) == (
            asked.effective_parameters(),
            asked.code_fingerprint(),
        )
        TRIED.append(asked)

    same()
    print(f"{len(TRIED)} experiments")
    assert len(TRIED) > 150


def test_the_code_of_several_is_that_of_all_of_them(own):
    runs = [Experiment(**TINY | KINDS[kind]) for kind in ("metric", "network", "game")]
    assert code_fingerprint_of(runs).split("+") == list(
        dict.fromkeys(part for run in runs for part in run.code_fingerprint().split("+"))
    )


def project_with(folder, *experiments, **parameters):
    project = Project(folder)
    shutil.copy(FILE, folder / "config/my_own.py")
    text = "import: [my_own.py]\n" + tiny_config(**parameters).partition("  fig1:")[0]
    text = text.replace(
        "\nparameters:", f"\nfactors: {{architecture: [{', '.join(NAMES)}]}}\nparameters:"
    )
    project.configure(text + "".join(experiments))
    return project


def experiment(name, values):
    values = {"game": "agree", "agents": 6, "iterations": 4, "trials": 1} | values
    return f"  {name}: {{{', '.join(f'{key}: {value}' for key, value in values.items())}}}\n"


def test_all_kinds_go_through_workflow_command_line_and_notebook_to_a_figure(tmp_path):
    """All kinds together, with four architectures; each alone is in ``make test-faults``."""
    together = dict(itertools.chain(*(kind.items() for kind in KINDS.values())))
    together |= {"final_agents": 4}
    project = project_with(tmp_path, experiment("mine", together | {"figure": "own_figure"}))
    figure = "figures/tiny/mine.pdf"
    assert project.make(figure) == {"simulate": 4, "collect": 1, "plot": 1}
    dataset = mfgcore.load(tmp_path / "results/tiny/experiments/mine.nc", kind="experiment")
    assert list(dataset["architecture"].values) == NAMES
    assert dataset["own_metric"].notnull().all()
    assert (tmp_path / figure).read_bytes().startswith(b"%PDF")
    assert project.make(figure) == {}
    # the same run by the command line, and by what a notebook says
    made = tmp_path / "results/tiny/runs/mine/Own2/trial_0.nc"
    parameters = datasets.configuration(mfgcore.load(made))
    options = []
    for key, value in parameters.items():
        flag = key.replace("_", "-")
        if isinstance(value, bool):
            options.append(f"--{flag}" if value else f"--no-{flag}")
        elif value is not None:
            options.append(f"--{flag}={value}")
    command = [sys.executable, "-m", "mfgcore.cli", "run", "--import", FILE, "--quiet"]
    output = tmp_path / "run.nc"
    subprocess.run([*command, "--output", output, *options], check=True)
    code = NOTEBOOK.format(source=FILE.read_text(), parameters=parameters, output="cells.nc")
    subprocess.run([sys.executable, "-c", code], check=True, cwd=tmp_path)
    for other in (output, tmp_path / "cells.nc"):
        assert mfgcore.load(other).drop_attrs().equals(mfgcore.load(made).drop_attrs())
    file = tmp_path / "config/my_own.py"
    file.write_text(file.read_text().replace("every second update", "each second update"))
    assert job_counts(project.snakemake(figure, "--dry-run").stdout)["simulate"] == 4


@pytest.mark.faults
@pytest.mark.parametrize("kind", KINDS)
def test_each_kind_goes_through_the_workflow_alone(kind, tmp_path):
    project = project_with(tmp_path, experiment(f"by_{kind}", KINDS[kind]))
    assert project.make("figures/all")["simulate"] == 4
    assert project.would_make()[0] == {}


def test_a_file_of_each_kind_alone_reruns_what_uses_it(tmp_path, monkeypatch):
    """A network in a file is no part of runs in which nobody hears another."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "net.py").write_text(
        "from mfgcore.agents import NETWORKS, Network, graph\n@NETWORKS.register\n"
        "def line():\n    'A line.'\n"
        "    return Network(lambda n: graph(n, [(i, i + 1) for i in range(n - 1)]))\n"
    )
    import_file(Path("net.py"))
    try:
        codes = {
            name: Experiment(**TINY, network="line", architecture=name).code_fingerprint()
            for name in NAMES[:3]
        }
    finally:
        mfgcore.agents.networks.NETWORKS.remove("line")
    plain = Experiment(**TINY).code_fingerprint()
    assert codes["networked"] != plain
    assert codes["independent"] == codes["centralised"] == plain


def test_the_file_has_every_kind():
    assert {
        key for key, each in table.parameters().items() if isinstance(each.choices, Registry)
    } == KINDS.keys() - {"metric"}
