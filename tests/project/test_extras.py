"""The simulator with nothing but its dependencies, and what is said of an extra that is missing."""

import os
import re
import subprocess
import sys
import tomllib
from importlib import metadata

import pytest
from packaging.requirements import Requirement
from project import ROOT

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
LITTLE = "agents=5, iterations=2, transitions=50, replay_cycles=2"
SIMULATOR = f"""
import sys
import mfgcore

if __name__ == "__main__":
    experiment = mfgcore.Experiment(game="agree", {LITTLE})
    mfgcore.save(mfgcore.simulate(experiment), "a.nc")
    mfgcore.load("a.nc")
    mfgcore.sweep(experiment, seed=[0, 1], cores=2, progress=False)
    outside = {{"jsonschema", "matplotlib", "plotly", "ruamel", "snakemake", "yaml"}}
    assert outside.isdisjoint(sys.modules)
"""


def needed(requirements):
    """The distributions that some requirements bring, by their names."""
    found, left = {}, [*requirements]
    while left:
        requirement = Requirement(left.pop())
        name = requirement.name.lower()
        wanted = not requirement.marker or requirement.marker.evaluate({"extra": ""})
        if wanted and name not in found:
            found[name] = metadata.distribution(name)
            left += found[name].requires or ()
    return found


@pytest.fixture(scope="module")
def call(tmp_path_factory):
    """A function that calls Python where the simulator's dependencies alone are installed."""
    installed = tmp_path_factory.mktemp("installed")
    for distribution in needed(PROJECT["dependencies"]).values():
        for top in {path.parts[0] for path in distribution.files} - {"..", "__pycache__"}:
            place = distribution.locate_file(top)
            if not (installed / top).exists():
                (installed / top).symlink_to(place)
    # the package's own metadata, in which is what it needs
    (installed / "mfgcore.dist-info").mkdir()
    text = metadata.distribution("mfgcore").read_text("METADATA")
    (installed / "mfgcore.dist-info/METADATA").write_text(text, encoding="utf-8")
    paths = {"PYTHONPATH": os.pathsep.join(map(str, (installed, ROOT)))}

    def python(*arguments, folder):
        command = [sys.executable, "-S", *arguments]
        options = {"capture_output": True, "text": True, "check": False}
        return subprocess.run(command, cwd=folder, env=os.environ | paths, **options)

    return python


def test_the_simulator_needs_no_extra(call, tmp_path):
    (tmp_path / "simulator.py").write_text(SIMULATOR)
    done = call("simulator.py", folder=tmp_path)
    assert done.returncode == 0, done.stderr
    little = "--" + LITTLE.replace("_", "-").replace("=", " ").replace(", ", " --")
    commands = (
        f"run --game agree {little} --quiet --output b.nc",
        "show b.nc",
        "games",
        "networks",
    )
    for command in commands:
        done = call("-m", "mfgcore.cli", *command.split(), folder=tmp_path)
        assert done.returncode == 0 and done.stdout, (command, done.stderr)


@pytest.mark.parametrize(
    ("command", "extra"),
    [("show a.nc --plot a.png", "plot"), ("new mine", "workflow"), ("estimate", "workflow")],
)
def test_what_an_extra_lacks_is_said_in_one_line(call, tmp_path, command, extra):
    (tmp_path / "simulator.py").write_text(SIMULATOR.replace("mfgcore.sweep", "# "))
    if "a.nc" in command:
        call("simulator.py", folder=tmp_path)
    done = call("-m", "mfgcore.cli", *command.split(), folder=tmp_path)
    assert done.returncode == 1 and not (tmp_path / "a.png").exists()
    (line,) = done.stderr.splitlines()
    lacking = re.search(rf"(\S+) is not installed: pip install 'mfgcore\[{extra}\]'", line)
    names = {Requirement(each).name for each in PROJECT["optional-dependencies"][extra]}
    assert lacking and lacking[1] in names
