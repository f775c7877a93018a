"""Mutated configuration files through snakemake itself: valid, or refused in one line.

Snakemake runs in this process, which saves the start of two thousand interpreters; every
configuration is a file that it reads, parses the workflow with, and plans the jobs of.
"""

import contextlib
import copy
import io
import re

import numpy as np
import pytest
import yaml
from project import ROOT
from snakemake import cli
from test_fuzz import mutate

# snakemake leaves its temporary folders to the interpreter, which says so
pytestmark = [
    pytest.mark.faults,
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]

FILES, SEED = 2000, 23
CARRIED_OUT = 25  # of those that are accepted, really
LEAST = 200  # of each kind, accepted and refused
OWN = {
    "output": {"results": "results/own", "figures": "figures/own"},
    "seed": 3,
    "architectures": ["independent", "networked"],
    "parameters": {
        "grid_size": 3,
        "transitions": 200,
        "waiting_transitions": 0,
        "replay_cycles": 2,
        "communication_rounds": 2,
        "communication_radius": 0.5,
        "entropy_weight": 0.1,
        "sampled_exploitability": False,
    },
    "experiments": dict.fromkeys([f"fig{number}" for number in range(1, 7)])
    | {
        "own": {
            "title": "{agents} agents, {failure_probability:.0%} of the updates fail",
            "game": "agree",
            "agents": 4,
            "failure_probability": 0.5,
            "iterations": 3,
            "trials": 1,
        }
    },
    "ablations": {"trials": 1, "studies": {}},
}
PIECES = (
    ":",
    "- ",
    "[",
    "]",
    "{",
    "}",
    "&a ",
    "*a",
    "!!",
    "#",
    "\t",
    "\n",
    "  ",
    "0",
    "1e3",
    "010",
)
PIECES += (
    "yes",
    "~",
    "'",
    '"',
    "|",
    ">",
    "%",
    "\\",
    "é",
    "? ",
    ".inf",
    "-1",
    "{agents}",
    "__use_yte__",
)


def mutated(generator):
    """A configuration file's text: with another tree, or with other letters."""
    config = copy.deepcopy(OWN)
    if generator.random() < 0.6:
        mutate(config, generator)
        with contextlib.suppress(yaml.YAMLError):
            return yaml.safe_dump(config, allow_unicode=True, sort_keys=False)
        return mutated(generator)
    text = yaml.safe_dump(config, sort_keys=False)
    for _ in range(generator.integers(1, 4)):
        place, length = generator.integers(len(text)), generator.integers(0, 4)
        text = text[:place] + PIECES[generator.integers(len(PIECES))] + text[place + length :]
    return text


def snakemake(*arguments):
    """Exit status and all that snakemake printed."""
    said = io.StringIO()
    with contextlib.redirect_stdout(said), contextlib.redirect_stderr(said):
        try:
            status = cli.main(["--snakefile", str(ROOT / "Snakefile"), *arguments])
        except SystemExit as stop:
            status = stop.code
    return status, said.getvalue()


def small(text):
    """Whether a configuration's runs take no time."""
    numbers = [float(number) for number in re.findall(r"(?<![\w.])\d+(?:\.\d+)?", text)]
    return max(numbers, default=0.0) <= 200


def test_two_thousand_files_are_planned_or_refused(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    generator = np.random.default_rng(SEED)
    path, accepted, refused = tmp_path / "own.yaml", 0, 0
    carried_out = 0
    for number in range(FILES):
        text = mutated(generator)
        path.write_text(text, encoding="utf-8")
        status, said = snakemake("-n", "figures/all", "--configfile", str(path))
        about = f"file {number}:\n{text}\n{status}\n{said}"
        # a line of a traceback that leads through this package
        assert not re.search(r'File "[^"]*/(mfgcore|workflow)/', said), about
        if status == 0:
            accepted += 1
            if carried_out < CARRIED_OUT and small(text):
                carried_out += 1
                status, said = snakemake("--cores", "1", "figures/all", "--configfile", str(path))
                assert status == 0, about + said
            continue
        refused += 1
        if isinstance(status, str):
            assert len(status.strip().splitlines()) == 1, about
            assert len(status) < 2000, about
    print(f"{accepted} accepted, {refused} refused, {carried_out} carried out")
    assert accepted > LEAST
    assert refused > LEAST
    assert carried_out == CARRIED_OUT
