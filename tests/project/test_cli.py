"""The command line as a user meets it."""

import contextlib
import io
import os
import re
import subprocess
import sys
import tomllib

import numpy as np
import pytest
from conftest import small
from project import ROOT

import mfgcore
from mfgcore import __version__, cli, load
from mfgcore.agents.networks import NETWORKS
from mfgcore.batch import cost
from mfgcore.experiment.experiment import parameters
from mfgcore.runs.datasets import KINDS

SMALL = [
    "--game",
    "agree",
    "--agents",
    "6",
    "--iterations",
    "3",
    "--grid-size",
    "4",
    "--discount",
    "0.5",
    "--transitions",
    "60",
    "--steps-per-transition",
    "2",
    "--replay-cycles",
    "3",
    "--communication-rounds",
    "5",
]


LEAVING = ["--final-agents", "4", "--population-change-at", "1"]


def run(*arguments):
    command = [sys.executable, "-m", "mfgcore.cli", *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)


def test_run_writes_a_file_that_show_explains(tmp_path):
    output, picture = tmp_path / "run.nc", tmp_path / "run.png"
    done = run("run", *SMALL, "--failure-probability", "0.5", "--output", str(output))
    assert done.returncode == 0, done.stderr
    assert load(output).sizes["iteration"] == 3
    shown = run("show", str(output), "--plot", str(picture))
    assert shown.returncode == 0, shown.stderr
    told = ("agree, networked, trial 0", "failure_probability      0.5", "commit")
    for expected in (*told, "discounted_return", "policy_divergence"):
        assert expected in shown.stdout
    assert picture.read_bytes().startswith(b"\x89PNG")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["run.nc", "run.png"]


def test_without_evaluation_there_is_no_exploitability(tmp_path):
    output = tmp_path / "run.nc"
    words = ["run", *SMALL, "--no-sampled-exploitability", "--quiet", "--output", str(output)]
    assert cli.main(words) == 0
    dataset = load(output)
    assert dataset["exploitability"].isnull().all()
    assert dataset["discounted_return"].notnull().all()


def test_help_explains_every_parameter(capsys):
    with pytest.raises(SystemExit) as stop:
        cli.main(["run", "--help"])
    assert stop.value.code == 0
    text = " ".join(capsys.readouterr().out.split())
    for key, parameter in parameters().items():
        assert f"--{key.replace('_', '-')}" in text
        assert " ".join(parameter.help.split()[:3]) in text


MISTAKES = {
    "unknown game": (["--game", "agre"], "did you mean 'agree'?"),
    "unknown architecture": (["--architecture", "network"], "did you mean 'networked'?"),
    "unknown scenario": (["--scenario", "disturb"], "did you mean 'disturbed'?"),
    "unknown option": (["--agnets", "5"], "did you mean --agents?"),
    "abbreviated option": (["--agent", "5"], "did you mean --agents?"),
    "no agents": (["--agents", "0"], "agents: 0 is not a whole number >= 1"),
    "a word for a number": (["--agents", "many"], "agents: 'many' is not a whole number"),
    "no iterations": (["--iterations", "0"], "iterations: 0 is not"),
    "empty buffer": (["--transitions", "21"], "no transition would be kept"),
    "discount of one": (["--discount", "1"], "discount: 1.0 is not a number >= 0 and < 1"),
    "negative weight": (["--entropy-weight", "-0.1"], "entropy_weight: -0.1 is not"),
    "no step size": (
        ["--policy-learning-rate", "0"],
        "policy_learning_rate: 0.0 is not a number > 0",
    ),
    "learning rate": (["--td-learning-rate", "1.5"], "td_learning_rate: 1.5 is not"),
    "not a number": (["--td-learning-rate", "nan"], "td_learning_rate: nan is not"),
    "shrinking": (
        ["--final-agents", "5", "--population-change-at", "9"],
        "population_change_at: 9 is not < iterations",
    ),
    "late increase": (
        ["--final-agents", "9", "--population-change-at", "3"],
        "is not < iterations = 3",
    ),
    "half a change": (
        ["--final-agents", "9"],
        "population_change_at: null is not allowed: final_agents",
    ),
    "the other half": (
        ["--population-change-at", "1"],
        "final_agents: null is not allowed: population_change_at needs",
    ),
    "nobody leaves": (
        [
            "--final-agents",
            "9",
            "--population-change-at",
            "1",
            "--departure-rule",
            "nearest",
            "--departure-state",
            "0",
        ],
        "departure_rule: 'nearest' is not allowed: nobody leaves",
    ),
    "nearest to what": (
        [*LEAVING, "--departure-rule", "nearest"],
        "departure_state: null is not allowed",
    ),
    "useless cell": (
        [*LEAVING, "--departure-state", "0"],
        "departure_rule 'random' has no use for it",
    ),
    "no such cell": (
        [*LEAVING, "--departure-rule", "nearest", "--departure-state", "16"],
        "departure_state: 16 is not < 16",
    ),
    "unknown departure_rule": ([*LEAVING, "--departure-rule", "near"], "did you mean 'nearest'?"),
    "one is left": (
        ["--final-agents", "1", "--population-change-at", "1"],
        "final_agents: 1 is not allowed",
    ),
    "late loss": (["--learner-lost-at", "3"], "learner_lost_at: 3 is not < iterations = 3"),
    "too few for the ring": (
        [*LEAVING, "--network", "ring"],
        "nearest_neighbours: 4 is not < 4 agents",
    ),
    "useless key": (
        ["--scenario", "none", "--failure-probability", "0.5"],
        "has no use for it",
    ),
    "negative radius": (["--communication-radius", "-1"], "communication_radius: -1.0 is not"),
    "too many pairs": (["--grid-size", "115"], "at most 65,535 are allowed"),
    "digits": (["--agents", "9" * 400], "is not a whole number >= 1 and <= 1,000,000"),
    "digits of a number": (["--communication-radius", "9" * 400], "inf is not a number >= 0"),
    "far": (["--communication-radius", "1e200"], "communication_radius: 1e+200 is not a number"),
    "heavy": (["--entropy-weight", "1e308"], "entropy_weight: 1e+308 is not a number >= 0 and <="),
    "endless": (
        ["--transitions", "1000000", "--steps-per-transition", "1000000"],
        "transitions: 1000000 times steps_per_transition = 1000000 is not <= 100,000,000",
    ),
    "lonely": (["--agents", "1"], "exploitability compares an agent with others"),
    "no threads": (["--threads", "0"], "threads: 0 is not a whole number >= 1"),
    "name of a path": (["--name", "../x"], "name: '../x' is not a name of letters"),
    "unknown network": (["--network", "rings"], "did you mean 'ring'?"),
    "half a neighbour": (
        ["--network", "ring", "--nearest-neighbours", "3"],
        "nearest_neighbours: 3 is not even",
    ),
    "too many neighbours": (
        ["--network", "small_world", "--nearest-neighbours", "6"],
        "nearest_neighbours: 6 is not < 6 agents",
    ),
    "too many attachment_edges": (
        ["--network", "scale_free", "--attachment-edges", "9"],
        "attachment_edges: 9 is not < 6 agents",
    ),
    "impossible link": (["--link-probability", "1.1"], "link_probability: 1.1 is not"),
    "impossible failure": (["--link-failure-probability", "-1"], "link_failure_probability: -1.0"),
    "no edges": (["--network", "edge_list"], "edges: null is not allowed"),
    "missing edges": (
        ["--network", "edge_list", "--edges", "none.txt"],
        "edges: 'none.txt' cannot be read: No such file",
    ),
}


@pytest.mark.parametrize(("arguments", "expected"), MISTAKES.values(), ids=MISTAKES)
def test_a_mistake_gets_one_line_and_leaves_no_file(arguments, expected, tmp_path, capsys):
    words = ["run", *SMALL, *arguments, "--quiet", "--output", str(tmp_path / "run.nc")]
    try:
        status = cli.main(words)
    except SystemExit as stop:
        status = stop.code
    error = capsys.readouterr().err
    assert status != 0
    assert len(error.splitlines()) == 1, error
    assert expected in error
    assert not list(tmp_path.iterdir())


def test_the_networks_are_listed_with_a_line_each(capsys):
    assert cli.main(["networks"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in lines] == list(NETWORKS)
    assert lines[0].endswith("(communication_radius, diagonal)")


def test_missing_words_get_one_line(capsys):
    for words in (["run"], [], ["show"], ["paint"], ["show", "no-such-file.nc"]):
        try:
            status = cli.main(words)
        except SystemExit as stop:
            status = stop.code
        assert status != 0
        assert len(capsys.readouterr().err.splitlines()) == 1


def test_an_output_that_cannot_be_written_is_refused_before_the_run(tmp_path, capsys):
    for output in (tmp_path / "no/folder/run.nc", tmp_path):
        assert cli.main(["run", *SMALL, "--quiet", "--output", str(output)]) == 1
        error = capsys.readouterr().err
        assert len(error.splitlines()) == 1
        assert str(tmp_path)[:20] in error
    assert not list(tmp_path.iterdir())


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_read_only_folder_is_refused(tmp_path, capsys):
    tmp_path.chmod(0o500)
    assert cli.main(["run", *SMALL, "--quiet", "--output", str(tmp_path / "run.nc")]) == 1
    assert "not writable" in capsys.readouterr().err


def test_an_unknown_ending_of_a_plot_is_refused(tmp_path, capsys):
    output = tmp_path / "run.nc"
    assert cli.main(["run", *SMALL, "--quiet", "--output", str(output)]) == 0
    capsys.readouterr()
    assert cli.main(["show", str(output), "--plot", str(tmp_path / "run.gif")]) == 1
    assert "cannot draw .gif" in capsys.readouterr().err
    assert cli.main(["show", str(output), "--plot", ""]) == 1
    assert "'': is a folder, a file is needed" in capsys.readouterr().err


def test_the_estimate_asks_once_for_all_trials(capsys, monkeypatch):
    """A million iterations take a while to count."""
    asked = []
    monkeypatch.setattr(cost, "run_seconds", lambda run: asked.append(run) or 60.0)
    monkeypatch.chdir(ROOT)
    assert cli.main(["estimate"]) == 0
    assert len([run for run in asked if run.name.startswith("fig")]) == 6 * 3
    assert all(run.trial == 0 for run in asked)
    first = capsys.readouterr().out.splitlines()[1].split()
    assert first[:3] == ["fig1", "30", "30.0"]


def test_the_estimate_adds_up_and_follows_the_configuration(capsys, monkeypatch):
    monkeypatch.chdir(ROOT)

    def minutes(*arguments):
        assert cli.main(["estimate", *arguments]) == 0
        totals = []
        for table in capsys.readouterr().out.split("\n\n"):
            lines = table.splitlines()
            parts = [float(line.split()[2]) for line in lines[1:-1]]
            totals.append(float(lines[-1].split()[1]))
            assert sum(parts) == pytest.approx(totals[-1], abs=0.05 * len(parts) + 0.1)
        return totals

    figures, ablations, _ = minutes()
    assert minutes("--configfile", "config/preview.yaml")[0] < figures / 10
    assert ablations < 60  # what all of them together may cost


def test_a_configuration_that_cannot_be_read_is_one_line(capsys, monkeypatch, tmp_path):
    monkeypatch.chdir(ROOT)
    for content in (b"a: [1", b"just words", b"\xff\xfe\x00", b"!!python/object:os.system x"):
        (tmp_path / "bad.yaml").write_bytes(content)
        assert cli.main(["estimate", "--configfile", str(tmp_path / "bad.yaml")]) == 2
        assert len(capsys.readouterr().err.splitlines()) == 1
    assert cli.main(["estimate", "--cores", "0"]) == 2
    assert "cores: 0 is not a whole number >= 1" in capsys.readouterr().err


def test_the_version_is_that_of_the_project(capsys):
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert __version__ == project["version"]
    with pytest.raises(SystemExit, match="0"):
        cli.main(["--version"])
    assert capsys.readouterr().out == f"mfgcore {project['version']}\n"


@pytest.fixture(scope="module")
def results(tmp_path_factory):
    """A file of each kind, and of a sweep, by name."""
    folder = tmp_path_factory.mktemp("results")
    experiment = small()
    alone = mfgcore.simulate(experiment)
    sweep = mfgcore.sweep(experiment, seed=[1, 2], agents=[4, 5], cores=1, progress=False)
    kinds = {
        "run": alone,
        "experiment": mfgcore.collect([alone], [experiment]),
        "equilibrium": mfgcore.solve("beach_bar"),
        "optimum": mfgcore.solve("two_bars", objective="shared"),
        "sweep": sweep,
    }
    kinds["evaluation"] = mfgcore.evaluate(kinds["equilibrium"], agents=5, trials=2, burn_in=5)
    for kind, dataset in kinds.items():
        mfgcore.save(dataset, folder / f"{kind}.nc")
    return {kind: folder / f"{kind}.nc" for kind in kinds}


@pytest.mark.parametrize("kind", [*KINDS, "sweep"])
def test_show_tells_of_every_kind_what_it_can(kind, results, capsys):
    assert cli.main(["show", str(results[kind])]) == 0
    shown = capsys.readouterr().out
    measured = {"equilibrium": "exploitability", "evaluation": "nash_gap"}
    measured["optimum"] = "exact_return"
    for said in ("game ", "host", "source fingerprint", "versions"):
        assert said in shown
    assert measured.get(kind, "discounted_return") in shown
    assert ("mean over seed, agents" in shown) == (kind == "sweep")
    assert cli.main(["show", str(results[kind]), "--plot", "x.txt"]) != 0
    error = capsys.readouterr().err
    assert len(error.splitlines()) == 1
    assert ("--plot draws a run" in error) == (kind != "run")


@pytest.mark.parametrize(
    ("name", "variables"),
    [
        (name, {"PYTHONIOENCODING": name})
        for name in ("ascii", "latin-1", "cp1252", "ascii:strict", "utf-8")
    ]
    + [("C", {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"})],
)
def test_what_is_printed_can_be_printed_everywhere(name, variables, results, tmp_path):
    # without any UTF-8 the library cannot open a file of such a name
    path = tmp_path / ("run.nc" if name == "C" else "résumé 浜.nc")
    path.write_bytes(results["run"].read_bytes())
    command = [sys.executable, "-m", "mfgcore.cli", "show", os.fsencode(path)]
    done = subprocess.run(command, env=os.environ | variables, capture_output=True, check=False)
    assert done.returncode == 0, done.stderr
    shown = done.stdout.decode("utf-8" if name == "utf-8" else "latin-1")
    course = "[▁▂▃▄▅▆▇█]" if name == "utf-8" else "[1-8]"
    assert re.search(rf"(?m)discounted_return .* {course}+$", shown)


@pytest.mark.parametrize("name", ["ascii", "cp1252"])
@pytest.mark.parametrize("words", [["games"], ["networks"], ["run", "--help"], ["show", "浜.nc"]])
def test_every_command_prints_in_few_letters(words, name, monkeypatch):
    streams = [io.TextIOWrapper(io.BytesIO(), encoding=name, errors="strict") for _ in range(2)]
    monkeypatch.setattr(sys, "stdout", streams[0])
    monkeypatch.setattr(sys, "stderr", streams[1])
    with contextlib.suppress(SystemExit):
        cli.main(words)
    for stream in streams:
        stream.flush()
    assert streams[words[0] == "show"].buffer.getvalue()


@pytest.mark.parametrize("words", [["games"], ["--help"], ["run", "--help"]])
def test_a_reader_that_goes_is_not_talked_about(words):
    reader, writer = os.pipe()
    os.close(reader)
    command = [sys.executable, "-m", "mfgcore.cli", *words]
    done = subprocess.run(command, stdout=writer, stderr=subprocess.PIPE, check=False)
    os.close(writer)
    assert done.stderr == b""
    assert done.returncode in (0, 1)


def test_what_cannot_be_printed_is_one_line():
    command = [sys.executable, "-m", "mfgcore.cli", "games"]
    with open("/dev/full", "w") as full:  # noqa: PTH123
        done = subprocess.run(command, stdout=full, stderr=subprocess.PIPE, text=True, check=False)
    assert done.returncode == 1
    assert done.stderr.startswith("mfgcore: error: what is said cannot be written: No space left")
    assert len(done.stderr.splitlines()) == 1


def test_a_log_has_a_line_now_and_then(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(cli, "SECONDS_BETWEEN_LINES", 0.0)
    words = ["run", *SMALL, "--overwrite", "--output", str(tmp_path / "run.nc")]
    assert cli.main(words) == 0
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 3
    number = r"iteration 2 of 3, return \d\.\d{3}, about 00:00 left"
    assert re.fullmatch(rf"agree, networked: {number}", lines[1])
    assert cli.main([*words, "--quiet"]) == 0
    assert capsys.readouterr().err == ""
    monkeypatch.setattr(cli, "SECONDS_BETWEEN_LINES", 60.0)
    assert cli.main(words) == 0
    assert capsys.readouterr().err == ""


def test_a_shared_objective_is_solved_and_what_it_gives_evaluated(tmp_path, capsys):
    output = tmp_path / "optimum.nc"
    words = ["solve", "two_bars", "--objective", "shared", "--entropy-weight", "1"]
    assert cli.main([*words, "--output", str(output)]) == 0
    shown = capsys.readouterr().out
    assert "exact_return" in shown and "exploitability" in shown
    assert load(output, kind="optimum").attrs["entropy_weight"] == 1.0
    assert cli.main(["evaluate", str(output), "--agents", "4", "--trials", "5"]) == 0
    assert "nash_gap" in capsys.readouterr().out


def test_a_game_is_solved_and_its_equilibrium_evaluated(tmp_path, capsys):
    output, played = tmp_path / "eq.nc", tmp_path / "played.nc"
    words = ["solve", "rock_paper_scissors", "--game-settings", "win=2", "--entropy-weight", "1"]
    assert cli.main([*words, "-o", str(output)]) == 0
    assert "fixed_point" in capsys.readouterr().out
    equilibrium = load(output, kind="equilibrium")
    assert equilibrium.attrs["converged"] == 1 and equilibrium.attrs["entropy_weight"] == 1.0
    again = tmp_path / "again.nc"
    assert cli.main([*words, "--initial-policy", str(output), "-o", str(again)]) == 0
    assert load(again, kind="equilibrium").sizes["iteration"] == 1  # which is one already
    capsys.readouterr()
    words = ["evaluate", str(output), "--agents", "3", "--trials", "5", "--start", "initial"]
    assert cli.main([*words, "--output", str(played)]) == 0
    shown = capsys.readouterr().out
    assert "nash_gap" in shown and "enumerated_return" in shown
    assert load(played, kind="evaluation").attrs["trials"] == 5


@pytest.mark.parametrize(
    ("words", "named"),
    [
        (["solve"], "GAME"),
        (["solve", "agre"], "agree"),
        (["solve", "agree", "--method", "mirror"], "mirror_ascent"),
        (["solve", "agree", "--states", "3"], "states"),
        (["solve", "agree", "--objective", "common"], "shared"),
        (["solve", "agree", "--objective", "shared", "--method", "fixed_point"], "method"),
        (["solve", "agree", "--objective", "shared", "--iterations", "3"], "iterations"),
        (["solve", "agree", "--iterations", "few"], "iterations"),
        (["solve", "agree", "--tolerance", "-1"], "tolerance"),
        (["solve", "agree", "--agents", "3"], "agents"),
        (["solve", "agree", "--initial-policy", "no.nc"], "no.nc"),
        (["solve", "rock_paper_scissors", "--game-settings", "win"], "game_settings"),
        (["solve", "agree", "-o", "no/where.nc"], "where.nc"),
        (["solve", "agree", "-o", "there.nc"], "there.nc"),
        (["evaluate"], "FILE"),
        (["evaluate", "nowhere.nc"], "nowhere.nc"),
        (["evaluate", "there.nc"], "there.nc"),
        (["evaluate", "even.npy"], "game"),
        (["evaluate", "even.npy", "--game", "beach_bar"], "agents"),
        (["evaluate", "even.npy", "--game", "agree", "--agents", "3"], "(10, 3)"),
        (["evaluate", "even.npy", "--game", "beach_bar", "--counts", "few"], "counts"),
        (["evaluate", "even.npy", "--game", "beach_bar", "--counts", "1"], "agents"),
        (["evaluate", "words.npy", "--game", "beach_bar", "--agents", "3"], "words.npy"),
        (["evaluate", "none.npy", "--game", "beach_bar", "--agents", "3"], "none.npy"),
        (["evaluate", "even.npy", "--game", "beach_bar", "--agents", "3", "--start", "x"], "x"),
    ],
)
def test_what_cannot_be_solved_or_evaluated_is_one_line(
    words, named, tmp_path, capsys, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "there.nc").write_bytes(b"something")
    np.save(tmp_path / "even.npy", np.full((10, 3), 1.0 / 3.0))
    np.save(tmp_path / "words.npy", np.array(["one", "two"]))
    try:
        status = cli.main(words)
    except SystemExit as stop:
        status = stop.code
    error = capsys.readouterr().err
    assert status in (1, 2) and len(error.splitlines()) == 1 and named in error
