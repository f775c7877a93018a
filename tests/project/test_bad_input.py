"""What users get wrong in games, networks and disturbances: one line that names it, and no file.

One case for each rule; of a line only the key and the value are compared.
"""

import re
import subprocess
import sys

import pytest
import yaml
from project import ROOT

from mfgcore import cli
from mfgcore.agents.networks import NETWORKS
from mfgcore.agents.scenarios import SCENARIOS
from mfgcore.agents.scores import SCORE_RULES
from mfgcore.games import GAMES

REGISTRIES = GAMES, NETWORKS, SCENARIOS, SCORE_RULES
COAST = '''
import numpy as np

from mfgcore.games import Game, register


@register
class Coast(Game):
    """Be where others are."""

    n_states = 3
    actions = ("stay", "go")

    def next_states(self):
        return np.array([[[0, 1], [1, 2]], [[1, 2], [2, 0]], [[2, 0], [0, 1]]], dtype=np.int32)

    def transition_probabilities(self, mean_field=None):
        return np.full((3, 2, 2), 0.5)

    def rewards(self, mean_fields):
        paid = np.repeat(mean_fields[..., None], 2, axis=-1)
        return paid
'''
STATES, ACTIONS, HALF = "n_states = 3", 'actions = ("stay", "go")', "np.full((3, 2, 2), 0.5)"
CLASS, OUTCOMES, PAID = "class Coast(Game):", "return np.array", "return paid"
IMPORT, MORE = "import numpy as np", STATES + "\n    "
# while a run is under way a game is asked for the rewards of up to 64 steps at once
STEP_7 = "if len(paid) == 64:\n            "

# what takes which place in the file, and what the line names
GAME_FILES = {
    "too few": (STATES, "n_states = 0", "n_states = 0"),
    "of another type": (STATES, "n_states = True", "n_states = True"),
    "too many": (STATES, "n_states = 10**9", "2,000,000,000"),
    "missing": (STATES, "pass", "AttributeError n_states"),
    "an attribute that raises": (
        STATES,
        "n_states = property(lambda self: 1 / 0)",
        "coast.py line 11 ZeroDivisionError",
    ),
    "no names of actions": (ACTIONS, "actions = 'go'", "actions = 'go'"),
    "outcomes that are no states": (OUTCOMES, "return 1 + np.array", "next_states() 3"),
    "outcomes in halves": (OUTCOMES, "return 0.5 * np.array", "next_states() float64"),
    "outcomes of another shape": (OUTCOMES, "np.array", "next_states() () (3, 2, K)"),
    "a method that raises": (OUTCOMES, "return [][1] or np.array", "coast.py line 15 IndexError"),
    "no distribution": (HALF, "np.full((3, 2, 2), 0.4)", "transition_probabilities() 0.8"),
    "no probability": (HALF, "np.tile([1.5, -0.5], (3, 2, 1))", "transition_probabilities() -0.5"),
    "no probability at all": (HALF, "np.full((3, 2, 2), np.nan)", "transition_probabilities() nan"),
    "probabilities of another shape": (HALF, "np.full((3, 2), 0.5)", "(3, 2) (3, 2, 2)"),
    "probabilities in words": (
        HALF,
        "np.full((3, 2, 2), 'half')",
        "transition_probabilities() <U4",
    ),
    "no distribution in some populations": (
        HALF,
        "np.full((3, 2, 2), 0.4 if mean_field.max() == 0.5 else 0.5)",
        "coast transition_probabilities()",
        (STATES, MORE + "mean_field_dynamics = True"),
    ),
    "rewards out of range": (PAID, "return 2 * paid", "rewards 0 2"),
    "rewards of another shape": (PAID, "return paid[..., 0]", "rewards() (8, 3)"),
    "imaginary rewards": (PAID, "return paid * 1j", "rewards() complex128"),
    "a range that is none": (
        PAID,
        "return self.normalised(paid, mean_fields)\n\n    reward_range = (2, 2)",
        "reward_range (2, 2)",
    ),
    "a value during the run": (
        PAID,
        f"{STEP_7}paid[6] = np.nan\n        return paid",
        "coast rewards() nan",
    ),
    "an error during the run": (
        PAID,
        f"{STEP_7}return paid[77]\n        return paid",
        "coast.py line 23 IndexError 77",
    ),
    "a shape during the run": (
        PAID,
        f"{STEP_7}return paid[1:]\n        return paid",
        "rewards() (63, 3, 2) (64, 3, 2)",
    ),
    "a type during the run": (
        PAID,
        f"{STEP_7}return 'much'\n        return paid",
        "coast rewards()",
    ),
    "a start of another shape": (
        MORE,
        MORE + "initial_distribution = lambda self: [0.5, 0.5]\n    ",
        "initial_distribution()",
    ),
    "a start nowhere": (
        MORE,
        MORE + "initial_distribution = lambda self: [0, 0, 0]\n    ",
        "initial_distribution() 0",
    ),
    "no distances": (MORE, MORE + "distances = np.where(np.eye(3), 0, np.nan)\n    ", "distances"),
    "no such layout": (MORE, MORE + "layout = 'maze'\n    ", "layout 'maze' grid line ring"),
    "no truth value": (MORE, MORE + "local_reward = 'no'\n    ", "local_reward 'no'"),
    "no names of states": (MORE, MORE + "state_names = ['a', 'b', 3]\n    ", "state_names 3"),
    "a cell twice": (
        MORE,
        MORE + "layout, positions = 'grid', [[0, 0], [0, 1], [0, 1]]\n    ",
        "positions 0 1",
    ),
    "no cell": (
        MORE,
        MORE + "layout, positions = 'grid', [[0, 0], [0, 1], [0, -1]]\n    ",
        "positions -1",
    ),
    "cells far apart": (
        MORE,
        MORE + "layout, positions = 'grid', [[0, 0], [0, 1], [9999, 9999]]\n    ",
        "10,000",
    ),
    "cells of another shape": (
        MORE,
        MORE + "layout, positions = 'grid', [[0, 0], [0, 1]]\n    ",
        "positions (2, 2) (3, 2)",
    ),
    "a field without default": (MORE, MORE + "depth: float\n    ", "coast.py coast 'depth'"),
    "a field that changes": (MORE, MORE + "depth: list = []\n    ", "coast.py line 7 ValueError"),
    "a field that cannot be compared": (
        IMPORT,
        IMPORT + "\nfrom dataclasses import field",
        "coast TypeError list",
        (MORE, MORE + "depth: list = field(default_factory=list)\n    "),
    ),
    "no game": (CLASS, "class Coast:", "Coast Game"),
    "a name of ours": (CLASS, "class SISEpidemic(Game):", "sis_epidemic"),
    "no Python": (
        "def next_states(self):",
        "def next_states(self:",
        "coast.py line 14 SyntaxError",
    ),
    "no such module": (IMPORT, "import nmupy", "ModuleNotFoundError nmupy"),
    "not registered": ("@register\n", "", "unknown game 'coast'"),
    "an end of the process at once": (IMPORT, "raise SystemExit(0)", "coast.py line 2 SystemExit"),
    "an end by quit": (HALF, "quit()", "coast.py line 18 SystemExit"),
    "an end during the run": (
        PAID,
        f"{STEP_7}raise SystemExit(0)\n        return paid",
        "coast.py line 23 SystemExit",
    ),
    "an end of moves during the run": (
        HALF,
        "np.full((3, 2, 2), 0.5) if abs(mean_field.sum() - 1) < 1 and not self._cache.update("
        "n=self._cache.get('n', 0) + 1) and self._cache['n'] < 99 else exit(0)",
        "coast.py line 19 SystemExit",
        (STATES, MORE + "mean_field_dynamics = True"),
    ),
    "an end while it is measured": (
        PAID,
        "if mean_fields.ndim == 1 and self._cache.get('moves'):\n            exit(0)\n"
        "        return paid",
        "coast.py line 23 SystemExit",
    ),
    "an end of another kind": (
        PAID,
        f"{STEP_7}raise type('End', (BaseException,), {{}})('now')\n        return paid",
        "coast.py line 23 End now",
    ),
    "many lines": (PAID, "raise ValueError('one\\ntwo\\n\\nthree')", "line 22 one two three"),
    "an unspeakable error": (
        PAID,
        "raise type('Odd', (Exception,), {'__str__': lambda self: 1 / 0})",
        "line 22 Odd",
    ),
    "masked rewards": (PAID, "return np.ma.masked_equal(paid, 1)", "rewards() masked"),
    "masked rewards during the run": (
        PAID,
        f"{STEP_7}return np.ma.masked_less(paid, 2)\n        return paid",
        "rewards() masked",
    ),
    "sparse rewards": (
        PAID,
        "from scipy.sparse import csr_array\n        return csr_array(np.eye(3))",
        "rewards()",
    ),
    "rewards that depend on how many are asked for": (
        PAID,
        "return np.float32(0.1) * paid @ np.linspace([1, 2], [2, 1], 2).T / 4 + "
        "1e-16 * len(mean_fields)",
        "e-16 @",
    ),
    "rewards that mix the mean fields": (PAID, "return paid / paid.max()", "mean fields"),
    "rewards at random": (PAID, "return np.random.random(paid.shape)", "rewards() random"),
    "probabilities at random": (
        HALF,
        "np.random.dirichlet([1, 1], (3, 2))",
        "transition_probabilities()",
    ),
    "outcomes at random": (
        OUTCOMES,
        "return np.random.randint(3, size=(3, 2, 2)) + 0 * np.array",
        "next_states()",
    ),
    "an argument changed in place": (
        PAID,
        "np.maximum(mean_fields, 1e-9, out=mean_fields)\n        return paid",
        "rewards()",
    ),
    "probabilities of float32": (
        HALF,
        "np.tile(np.float32([0.1, 0.9]), (3, 2, 1))",
        "-2.2e-08 float32",
    ),
}
SMALL = {"agents": 6, "iterations": 3, "discount": 0.5, "transitions": 60, "replay-cycles": 3}
SMALL |= {"steps-per-transition": 3, "communication-rounds": 3}
RUN = [f"--{key}={value}" for key, value in SMALL.items()]
FILES = {"apart.txt": b"0 1\n2 3\n4 5\n", "unknown.txt": b"0 1\n1 6\n", "noise.py": b"\x00\xff"}
LEAVE = {"final_agents": 4, "population_change_at": 1, "departure_rule": "nearest"}

# parameters that are at odds with each other or with a file, and what the line names
PARAMETERS = {
    "no distances for a radius": ({"game": "sis_epidemic"}, "network radius sis_epidemic"),
    "no distances to leave by": (
        {"game": "garnet", "network": "complete", "departure_state": 0, **LEAVE},
        "departure_rule nearest",
    ),
    "a wall to leave by": (
        {"game": "four_rooms", "departure_state": 104, **LEAVE},
        "departure_state: 104",
    ),
    "a change after the end": (
        {
            "game": "sis_epidemic",
            "network": "complete",
            "final_agents": 4,
            "population_change_at": 3,
        },
        "population_change_at: 3",
    ),
    "too many neighbours": (
        {"game": "beach_bar", "network": "ring", "nearest_neighbours": 6},
        "nearest_neighbours: 6",
    ),
    "no probability": ({"game": "agree", "link_failure_probability": "nan"}, "nan 0 1"),
    "agents apart": (
        {"game": "agree", "network": "edge_list", "edges": "apart.txt"},
        "edges apart.txt 3",
    ),
    "unknown agents": (
        {"game": "agree", "network": "edge_list", "edges": "unknown.txt"},
        "edges unknown.txt 6",
    ),
    "an obstacle outside": ({"game": "agree", "grid_size": 3, "obstacles": "0,3"}, "obstacles 0,3"),
    "a wall through the grid": (
        {"game": "agree", "grid_size": 3, "obstacles": "0,1 1,1 2,1"},
        "obstacles: 0,2",
    ),
    "obstacles in words": ({"game": "agree", "obstacles": "a wall"}, "obstacles 'a wall'"),
    "more branches than states": (
        {"game": "garnet", "network": "complete", "states": 5, "branching": 6},
        "branching: 6 5",
    ),
    "a garnet too large": (
        {"game": "garnet", "network": "complete", "states": 400},
        "states: 400 355",
    ),
    "a negative weight": (
        {"game": "garnet", "network": "complete", "coupling": -1},
        "coupling: -1",
    ),
    "bars in the sea": ({"game": "two_bars", "states": 4}, "states: 4 bars (2, 4)"),
    "a game that is unknown": ({"game": "two_bar"}, "two_bar 'two_bars'"),
}
OTHER_FILES = {"a folder": ".", "no file": "gone.py", "no text": "noise.py"}


def named_in(said, expected):
    """Whether a line names all of some words; what is in parentheses or quotes is one."""
    words = re.findall(r"\w*\([^)]*\)|'[^']*'|\S+", expected)
    return all(word in said for word in words)


@pytest.fixture
def refused(tmp_path, monkeypatch, capsys):
    """A function: a command must fail with the line that it returns, and write nothing."""
    known = [(registry, list(registry)) for registry in REGISTRIES]
    monkeypatch.chdir(tmp_path)
    for name, content in FILES.items():
        (tmp_path / name).write_bytes(content)

    def check(words):
        before = {path: path.read_bytes() for path in tmp_path.iterdir()}
        try:
            status = cli.main(words)
        except SystemExit as stop:
            status = stop.code
        said = capsys.readouterr().err
        assert status in (1, 2), said
        assert len(said.splitlines()) == 1 and len(said) < 700, said
        assert {path: path.read_bytes() for path in tmp_path.iterdir()} == before
        return said

    yield check
    for registry, names in known:
        for name in set(registry) - set(names):
            registry.remove(name)


def changed(old, new, _=None, more=("", "")):
    """The file of the game, changed in one place or two."""
    assert COAST.count(old) == 1 and more[0] in COAST
    return COAST.replace(old, new).replace(*more)


@pytest.mark.parametrize("case", GAME_FILES.values(), ids=GAME_FILES)
def test_a_game_that_is_none_is_refused_in_one_line(case, refused, tmp_path):
    (tmp_path / "coast.py").write_text(changed(*case))
    own = ["--import", "coast.py", "--game", "coast", "--network", "complete"]
    said = refused(["run", *RUN, *own, "--quiet", "--output", "run.nc"])
    assert named_in(said, case[2]), said


@pytest.mark.parametrize(("values", "expected"), PARAMETERS.values(), ids=PARAMETERS)
def test_a_mistake_gets_one_line_and_leaves_no_file(values, expected, refused):
    options = [f"--{key.replace('_', '-')}={value}" for key, value in values.items()]
    said = refused(["run", *RUN, *options, "--quiet", "--output", "run.nc"])
    assert named_in(said, expected), said


@pytest.mark.parametrize("path", OTHER_FILES.values(), ids=OTHER_FILES)
def test_an_import_that_is_no_file_of_python_is_refused(path, refused):
    assert f"import: {path}" in refused(
        ["run", *RUN, "--game=agree", "--import", path, "--output=x"]
    )


@pytest.mark.parametrize(
    ("answer", "status", "said"),
    [
        (PAID, 0, ""),  # what is refused above is refused for what was changed
        # a warning of NumPy would be a second line
        (f"{STEP_7}paid = paid / 0.0\n        return paid", 2, "rewards()"),
    ],
)
def test_as_a_user_has_it(answer, status, said, tmp_path):
    (tmp_path / "coast.py").write_text(changed(PAID, answer))
    words = [sys.executable, "-m", "mfgcore.cli", "run", *RUN, "--network", "complete", "--quiet"]
    words += ["--import", "coast.py", "--game", "coast", "--output", "run.nc"]
    done = subprocess.run(
        words, capture_output=True, text=True, timeout=60, check=False, cwd=tmp_path
    )
    assert done.returncode == status
    assert len(done.stderr.splitlines()) == bool(status) and said in done.stderr
    assert (tmp_path / "run.nc").exists() == (status == 0)


# what a user's file makes known beside games, and what the line names
OTHERS = {
    "an error": ("network: lambda n: {}[n]", "own.py line 9 KeyError 6"),
    "an error at once": ("score_rule: 1 / 0", "own.py line 9 ZeroDivisionError"),
    "an end of the process": ("network: exit()", "own.py line 9 SystemExit"),
    "an end later": (
        "scenario: Scenario(lambda k: k and exit(0), lambda k: 6)",
        "own.py line 9 SystemExit",
    ),
    "nobody": ("scenario: Scenario(lambda k: 0.0, lambda k: 6 * (k < 2))", "0 iteration 2"),
    "too many": ("scenario: Scenario(lambda k: 0.0, lambda k: 6 + k)", "7 iteration 1"),
    "a link to nobody": ("network: lambda n: graph(n, [(0, n)])", "agent 6"),
    "a group that is none": (
        "network: lambda n: Links(np.int32([0, 1]), np.int32([5]), np.zeros(n, np.int32))",
        "'own' neighbours",
    ),
    "offsets that do not rise": (
        "network: lambda n: Links(np.int32([0, 9]), np.int32([0]), np.zeros(n, np.int32))",
        "'own' first_neighbour 1",
    ),
    "states in no group": ("network: lambda n: Links(np.int32([0, 1]), np.int32([0]))", "9 1"),
    "agents in no group": (
        "network: lambda n: Links(np.int32([0, 1]), np.int32([0]), np.zeros(5, np.int32))",
        "'own' groups (5,) (6,)",
    ),
}
OWN = """\
import numpy as np
from mfgcore.agents import NETWORKS, SCENARIOS, SCORE_RULES, Links, Network, Scenario, graph

KINDS = {"network": NETWORKS, "scenario": SCENARIOS, "score_rule": SCORE_RULES}

@KINDS["KIND"].register
def own(GIVEN):
    "Mine."
    return VALUE
"""


def own_file(kind, value):
    """A file that registers a component; a score rule is the function, a network is of links."""
    given = "context" if kind == "score_rule" else ""
    value = f"Network({value})" if value.startswith("lambda n:") else value
    return OWN.replace('KIND"', f'{kind}"').replace("GIVEN", given).replace("VALUE", value)


@pytest.mark.parametrize(("stated", "expected"), OTHERS.values(), ids=OTHERS)
def test_what_else_a_users_file_has_is_checked(stated, expected, refused, tmp_path):
    kind, value = stated.split(": ", 1)
    (tmp_path / "own.py").write_text(own_file(kind, value))
    option = "--" + kind.replace("_", "-")
    own = ["--import", "own.py", option, "own", "--game=agree", "--grid-size=3"]
    said = refused(["run", *RUN, *own, "--quiet", "--output", "run.nc"])
    assert named_in(said, expected), said


def test_a_name_of_ours_is_taken_in_every_registry(refused, tmp_path):
    (tmp_path / "own.py").write_text(own_file("network", "None").replace("def own", "def ring"))
    said = refused(["run", *RUN, "--game=agree", "--import", "own.py", "--output", "run.nc"])
    assert named_in(said, "network 'ring' mfgcore")


# ------------------------------------------------------------------- by a configuration


def estimated(refused, tmp_path, monkeypatch, imports, values):
    """What ``mfgcore estimate`` says of one experiment."""
    common = {"agents": 6, "iterations": 3}
    files = {key: str(tmp_path / value) for key, value in values.items() if value in FILES}
    config = {
        "import": imports,
        "parameters": common,
        "experiments": {"mine": {"trials": 1, **values, **files}},
    }
    (tmp_path / "own.yaml").write_text(yaml.safe_dump(config))
    monkeypatch.chdir(ROOT)
    return refused(["estimate", "--configfile", str(tmp_path / "own.yaml")])


@pytest.mark.parametrize("name", ["too few", "a method that raises", "no Python", "not registered"])
def test_a_configured_game_that_is_none_is_refused(name, refused, tmp_path, monkeypatch):
    path = tmp_path / "coast.py"
    path.write_text(changed(*GAME_FILES[name]))
    values = {"game": "coast", "network": "complete"}
    said = estimated(refused, tmp_path, monkeypatch, [str(path)], values)
    assert named_in(said, GAME_FILES[name][2]), said


@pytest.mark.parametrize(("values", "expected"), PARAMETERS.values(), ids=PARAMETERS)
def test_a_configured_mistake_gets_one_line(values, expected, refused, tmp_path, monkeypatch):
    said = estimated(refused, tmp_path, monkeypatch, [], values)
    assert re.match(r"mfgcore: error: experiments\.mine(\.|, architecture = \w+: )", said), said
    assert named_in(said, expected), said
