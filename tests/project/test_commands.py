"""Every command of the documentation is one that a test has run.

Those of SLURM are run in tests/slurm, those of storage providers in tests/storage, those of a new
study in test_new.py, and the others here: targets of make as `make --dry-run`, of Snakemake as its
dry run on a project of fewer trials, and runs of mfgcore with little to learn.
"""

import importlib.util
import re
import shlex
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import numpy as np
import pytest
import yaml
from commands import CLUSTER, documented_commands, split, storage_options, typed
from project import ROOT, Project, documented
from snakemake.cli import get_argument_parser

from mfgcore import cli
from mfgcore.games import GAMES

COMMANDS = documented_commands()
STARTER = "mfgcore/pipeline/starter/README.md"
STANDS_FOR = {"<name>": "table1", "NAME": "lab", "THIS-REPOSITORY": str(ROOT)}
LITTLE = (
    "--transitions",
    "30",
    "--replay-cycles",
    "2",
    "--iterations",
    "24",
    "--overwrite",
    "--quiet",
)


def of_program(name):
    """The words of a program's commands, each once."""
    found = dict.fromkeys(each.text for each in COMMANDS if each.program == name)
    for word, meant in STANDS_FOR.items():
        found = {text.replace(word, meant): None for text in found}
    return [shlex.split(text)[1:] for text in found]


def test_there_is_a_test_for_every_program():
    here = {"cd", "git", "make", "mfgcore", "pip", "python", "snakemake", "source"}
    assert {each.program for each in COMMANDS} <= here | CLUSTER
    assert {each.page for each in COMMANDS if each.program in CLUSTER} <= {
        "docs/cluster.md",
        "profiles/slurm/config.yaml",
    }
    assert len(COMMANDS) > 80
    # as test_new.py finds them
    text = (ROOT / STARTER).read_text(encoding="utf-8")
    blocks = [line.strip() for line in split(text)[0] if line.strip()]
    assert blocks == [each.text for each in COMMANDS if each.page == STARTER]


@pytest.mark.parametrize(
    "page",
    [
        "Then:\n\n    configure --all\n",
        "```\ncmake .\n```\n",
        "Say `./autogen.sh` first.\n",
    ],
)
def test_a_command_of_no_known_program_is_seen(page):
    (line,) = typed(".md", page)
    assert line.split()[0] in ("configure", "cmake", "./autogen.sh")


def python_that_defines(name):
    (block,) = (
        each for each in documented("python") if re.search(rf"(?m)^(def|class) {name}\b", each)
    )
    return block


def write_project(folder):
    """A copy of the workflow with one trial of each run and what the pages say to write."""
    Project(folder)
    for path in (folder / "config").glob("*.yaml"):
        config = yaml.safe_load(path.read_text())
        path.write_text(yaml.safe_dump(with_few_trials(config)))
    beach, scenario = (python_that_defines(name) for name in ("Beach", "blackout"))
    own, blackout, _, ablation, *_ = map(yaml.safe_load, documented("yaml"))
    (folder / "beach.py").write_text(beach)
    (folder / "own.yaml").write_text(yaml.safe_dump(own))
    (folder / "config/mine.py").write_text(scenario)
    path = folder / "config/config.yaml"
    config = yaml.safe_load(path.read_text())
    config["experiments"] |= blackout["experiments"]
    path.write_text(yaml.safe_dump(config | {"import": ["mine.py"]}))
    path = folder / "config/ablations.yaml"
    config = yaml.safe_load(path.read_text())
    config["ablations"]["experiments"] |= ablation["ablations"]["experiments"]
    path.write_text(yaml.safe_dump(config))
    text = (ROOT / "docs/howto.md").read_text(encoding="utf-8")
    radius, near, *_ = (part.partition("```")[0] for part in text.split("```yaml\n")[1:])
    (folder / "radius.yaml").write_text(radius)
    (folder / "near.yaml").write_text(near)


def with_few_trials(config):
    """A configuration in which every number of trials is two."""
    if isinstance(config, dict):
        return {
            key: 2 if key == "trials" else with_few_trials(value) for key, value in config.items()
        }
    return [*map(with_few_trials, config)] if isinstance(config, list) else config


def test_snakemake_would_do_what_the_pages_say(tmp_path):
    """Commands that differ in their targets alone are one call of all of these."""
    write_project(tmp_path)
    calls = {}
    stored = [["--cores", "2", "figures/all", *storage_options(name)] for name in ("fs", "s3")]
    new = [shlex.split(each.text)[1:] for each in COMMANDS if each.page == STARTER]
    for words in of_program("snakemake"):
        if words in [*stored, *new]:
            continue
        given = get_argument_parser().parse_args(words)
        assert given.cores or given.workflow_profile, words
        targets = [word for word in words if word in given.targets]
        options = tuple(word for word in words if word not in [*targets, "--dry-run"])
        assert targets or "--unlock" in options, words
        calls.setdefault(options, []).extend(targets)
    assert len(calls) > 5
    for options, targets in calls.items():
        command = [
            sys.executable,
            "-m",
            "snakemake",
            *targets,
            *options,
            "--dry-run",
            "--quiet",
            "all",
        ]
        done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
        assert done.returncode == 0, (command, done.stderr[-2000:])


def test_mfgcore_does_what_the_pages_say(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Project(tmp_path)  # of which estimate says the cost
    edge, beach = map(python_that_defines, ("Edge", "Beach"))
    Path("edge.py").write_text(edge)
    Path("beach.py").write_text(beach)
    np.save("policies.npy", np.full((2, 10, 3), 1.0 / 3.0))  # of beach_bar
    try:
        for words in of_program("mfgcore"):
            shutil.rmtree("my_study", ignore_errors=True)
            if "--help" in words:
                with pytest.raises(SystemExit, match=r"^0$"):
                    cli.main(words)
                continue
            little = LITTLE if words[0] == "run" else ()
            assert cli.main([*words, *little]) == 0, words
    finally:
        for name in {"edge", "beach"} & set(GAMES):
            GAMES.remove(name)


def test_make_knows_the_targets_of_the_pages():
    targets = of_program("make")
    assert all(len(words) == 1 for words in targets) and len(targets) > 15
    command = ["make", "--dry-run", *(target for (target,) in targets)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_the_scripts_and_packages_of_the_pages_are_there():
    for script, *more in of_program("python"):
        if script == "-m":
            assert importlib.util.find_spec(f"{more[0]}.__main__"), more
        else:
            assert not more and "__main__" in (ROOT / script).read_text(encoding="utf-8")
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"][
        "optional-dependencies"
    ]
    tested = (ROOT / "tests/storage/requirements.txt").read_text(encoding="utf-8")
    for verb, *packages in of_program("pip"):
        assert verb == "install"
        own = [name for name in packages if name.startswith("mfgcore[")]
        assert all(re.fullmatch(r"mfgcore\[([\w-]+)\]", name)[1] in extras for name in own)
        assert all(f"\n{name}==" in tested for name in packages if name not in own)
    assert of_program("source") == [[".venv/bin/activate"]]
    assert "-m venv $(VENV)" in (ROOT / "Makefile").read_text(encoding="utf-8")


def test_the_repository_can_be_cloned_as_the_front_page_says(tmp_path):
    if not (ROOT / ".git").exists():
        pytest.skip("these sources are no repository")
    words, *others = sorted(of_program("git"), reverse=True)
    assert words[0] == "clone" and others == [["add"]]
    command = ["git", *words, "--no-checkout", "--quiet"]
    subprocess.run(command, cwd=tmp_path, check=True)
    assert of_program("cd") == [words[-1:]]
    assert (tmp_path / words[-1]).is_dir()
