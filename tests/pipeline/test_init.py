"""A new study, as its own README says."""

import json
import re
import shlex
import subprocess
import sys

import matplotlib.pyplot as plt
import pytest
from project import job_counts

from mfgcore.cli import main


def test_a_new_study_runs_by_the_commands_of_its_readme(tmp_path):
    folder = tmp_path / "lake_1"
    assert main(["new", str(folder)]) == 0
    assert {path.name for path in folder.iterdir()} == {
        "README.md",
        "Snakefile",
        "config.yaml",
        "game.py",
    }
    config = folder / "config.yaml"  # the same, smaller
    text = config.read_text().replace("iterations: 60", "iterations: 4")
    text = text.replace("trials: 3", "trials: 1")
    config.write_text(text.replace("replay_cycles: 100", "replay_cycles: 2\n    transitions: 100"))
    made, report = re.findall(r"(?m)^    snakemake (.*)$", (folder / "README.md").read_text())
    for command in (made, report):
        done = subprocess.run(
            [sys.executable, "-m", "snakemake", *shlex.split(command)],
            cwd=folder,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr[-3000:]
        if command == made:
            assert job_counts(done.stderr)["simulate"] == 3
    command = [sys.executable, "-m", "snakemake", "--cores", "2", "ro-crate-metadata.json"]
    assert subprocess.run(command, cwd=folder, capture_output=True, check=False).returncode == 0
    crate = json.loads((folder / "ro-crate-metadata.json").read_text())
    described = {each["@id"] for each in crate["@graph"] if each["@type"] == "File"}
    assert {"figures/lake_1.png", "results/runs/lake_1/networked/trial_0.nc"} <= described
    assert plt.imread(folder / "figures/lake_1.png").std() > 0.1
    assert "Be near the water" in (folder / "figures/explorer.html").read_text()
    assert "figures/lake_1_exact.png" in (folder / "report.html").read_text()


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["a b"], "name: 'a b' is not a plain name"),
        (["there"], "there': File exists"),
        (["mine", "--workflow", "none"], "workflow: there is none at 'none'; --workflow names"),
    ],
)
def test_a_study_that_cannot_be_started_is_one_line(
    arguments, expected, tmp_path, monkeypatch, capsys
):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "there").mkdir()
    assert main(["new", *arguments]) == 2
    line = capsys.readouterr().err
    assert line.count("\n") == 1
    assert expected in line
    assert [path.name for path in tmp_path.rglob("*")] == ["there"]
