"""What users get wrong in games, networks and disturbances: one line that names it, and no file."""

import subprocess
import sys

import pytest
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

    def outcomes(self):
        return np.array([[[0, 1], [1, 2]], [[1, 2], [2, 0]], [[2, 0], [0, 1]]], dtype=np.int32)

    def probabilities(self, mean_field=None):
        return np.full((3, 2, 2), 0.5)

    def rewards(self, mean_fields):
        paid = np.repeat(mean_fields[..., None], 2, axis=-1)
        return paid
'''
STATES, ACTIONS, HALF = "n_states = 3", 'actions = ("stay", "go")', "np.full((3, 2, 2), 0.5)"
CLASS, OUTCOMES, PAID = "class Coast(Game):", "return np.array", "return paid"
MORE = STATES + "\n    "
# while a run is under way a game is asked for the rewards of up to 64 steps at once
STEP_7 = "if len(paid) == 64:\n            "

# what takes which place in the file, and what is said of it
GAME_FILES = {
    "no states": (STATES, "n_states = 0", "n_states = 0 is not a whole number >= 1"),
    "states below 0": (STATES, "n_states = -2", "n_states = -2 is not a whole number >= 1"),
    "states in words": (STATES, "n_states = 'three'", "n_states = 'three' is not a whole number"),
    "huge": (STATES, "n_states = 10**9", "game: coast gives 2,000,000,000 state-action pairs"),
    "how many states": (STATES, "pass", "'coast': AttributeError: 'Coast' object has no attr"),
    "states that raise": (
        STATES,
        "n_states = property(lambda self: 1 / 0)",
        "'coast': coast.py, line 11: ZeroDivisionError: division by zero",
    ),
    "no actions": (ACTIONS, "actions = ()", "actions = () is not a tuple of different names"),
    "one text": (ACTIONS, "actions = 'go'", "actions = 'go' is not a tuple of different names"),
    "which actions": (ACTIONS, "pass", "has no attribute 'actions'"),
    "outcomes beyond": (OUTCOMES, "return 1 + np.array", "holds 3, which is no state: they are 0"),
    "outcomes below": (OUTCOMES, "return -np.array", "outcomes() holds -2, which is no state"),
    "outcomes in halves": (OUTCOMES, "return 0.5 * np.array", "holds float64, expected states"),
    "outcomes that raise": (OUTCOMES, "return [][1] or np.array", "coast.py, line 15: IndexError"),
    "no outcomes": (OUTCOMES, "np.array", "outcomes() has shape (), expected (3, 2, K)"),
    "eight tenths": (HALF, "np.full((3, 2, 2), 0.4)", "probabilities() sums to 0.8 in state 0, a"),
    "below 0": (HALF, "np.tile([1.5, -0.5], (3, 2, 1))", "-0.5, which is no probability"),
    "unknown chances": (HALF, "np.full((3, 2, 2), np.nan)", "nan, which is no probability"),
    "chances of no action": (HALF, "np.full((3, 2), 0.5)", "(3, 2), expected (3, 2, 2)"),
    "chances in words": (HALF, "np.full((3, 2, 2), 'half')", "holds <U4, expected numbers"),
    "chances that raise": (HALF, "[][3]", "coast.py, line 18: IndexError: list index out of range"),
    "chances that depend on nothing": (
        "mean_field=None):\n        return np.full((3, 2, 2), 0.5)",
        "):\n        return None",
        "probabilities() holds object, expected numbers",
    ),
    "chances in some populations": (
        HALF,
        "np.full((3, 2, 2), 0.4 if mean_field.max() == 0.5 else 0.5)",
        "probabilities() holds (0.4, 0.4) in state 0, action 0, which is no distribution",
        (STATES, MORE + "moves_depend_on_mean_field = True"),
    ),
    "rewards above 1": (PAID, "return 2 * paid", "from 0 to 2); they must be normalised"),
    "rewards below 0": (PAID, "return -paid", "its rewards leave [0, 1] (from -1 to -0)"),
    "rewards of nothing": (PAID, "return paid / (0 * paid)", "they must be normalised"),
    "rewards without actions": (PAID, "return paid[..., 0]", "rewards() has shape (8, 3) for mean"),
    "imaginary rewards": (PAID, "return paid * 1j", "holds complex128, expected numbers"),
    "no rewards": (PAID, "pass", "rewards() has shape () for mean fields of shape (8, 3)"),
    "rewards that raise": (PAID, "raise OSError", "coast.py, line 22: OSError"),
    "no range": (
        PAID,
        "return self.normalised(paid, mean_fields)\n\n    reward_range = (2, 2)",
        "reward_range = (2, 2) does not go from a lower to a higher one",
    ),
    "nan at step 7": (
        PAID,
        f"{STEP_7}paid[6] = np.nan\n        return paid",
        "game 'coast': rewards() holds nan in state 0, action 0, which is not within [0, 1]",
    ),
    "an error at step 7": (
        PAID,
        f"{STEP_7}return paid[77]\n        return paid",
        "game 'coast': coast.py, line 23: IndexError: index 77",
    ),
    "one step fewer": (
        PAID,
        f"{STEP_7}return paid[1:]\n        return paid",
        "rewards() has shape (63, 3, 2), expected (64, 3, 2)",
    ),
    "words at step 7": (
        PAID,
        f"{STEP_7}return 'much'\n        return paid",
        "rewards() holds <U4, expected numbers",
    ),
    "start elsewhere": (MORE, MORE + "start = lambda self: [0.5, 0.5]\n    ", "start() has shape"),
    "start nowhere": (MORE, MORE + "start = lambda self: [0, 0, 0]\n    ", "start() sums to 0, e"),
    "far away": (
        MORE,
        MORE + "distances = np.where(np.eye(3), 0.0, np.inf)\n    ",
        "distances are not numbers >= 0, and 0 from a state to itself",
    ),
    "no such layout": (
        MORE,
        MORE + "layout = 'maze'\n    ",
        "layout = 'maze' is not one of None",
    ),
    "a field without default": (
        MORE,
        MORE + "depth: float\n    ",
        "import: coast.py: game 'coast': field 'depth' has no default",
    ),
    "a field that changes": (
        MORE,
        MORE + "depth: list = []\n    ",
        "import: coast.py, line 7: ValueError: mutable default",
    ),
    "a field that cannot be compared": (
        "import numpy as np",
        "import numpy as np\nfrom dataclasses import field",
        "game 'coast': TypeError: unhashable type: 'list'",
        (MORE, MORE + "depth: list = field(default_factory=list)\n    "),
    ),
    "no game": (CLASS, "class Coast:", "Coast'>: is no subclass of Game"),
    "a function": (CLASS, "def coast():", "is no subclass of Game"),
    "one of ours": (CLASS, "class SISEpidemic(Game):", "game 'sis_epidemic' is one of mfgcore's"),
    "a mistake": ("def outcomes(self):", "def outcomes(self:", "coast.py, line 14: SyntaxError"),
    "no such module": (
        "import numpy as np",
        "import nmupy",
        "ModuleNotFoundError: No module",
    ),
    "at once": ("import numpy as np", "raise RuntimeError('no')", "coast.py, line 2: RuntimeError"),
    "an end": ("import numpy as np", "raise SystemExit(0)", "coast.py, line 2: SystemExit: 0"),
    "not registered": ("@register\n", "", "game: unknown game 'coast'"),
    "an end when it is asked": (PAID, "raise SystemExit", "coast.py, line 22: SystemExit"),
    "an end by quit": (HALF, "quit()", "coast.py, line 18: SystemExit"),
    "an end of its size": (
        STATES,
        "n_states = property(lambda self: __import__('sys').exit(0))",
        "game 'coast': coast.py, line 11: SystemExit: 0",
    ),
    "an end at step 7": (
        PAID,
        f"{STEP_7}raise SystemExit(0)\n        return paid",
        "coast.py, line 23: SystemExit: 0",
    ),
    "an end of moves at step 7": (
        HALF,
        "np.full((3, 2, 2), 0.5) if abs(mean_field.sum() - 1) < 1 and not self.made.update("
        "n=self.made.get('n', 0) + 1) and self.made['n'] < 99 else exit(0)",
        "coast.py, line 19: SystemExit: 0",
        (STATES, MORE + "moves_depend_on_mean_field = True"),
    ),
    "an end of another kind": (
        PAID,
        f"{STEP_7}raise type('End', (BaseException,), {{}})('now')\n        return paid",
        "coast.py, line 23: End: now",
    ),
    "an end in the middle": (  # of what is measured
        PAID,
        "if mean_fields.ndim == 1 and self.made.get('moves'):\n            exit(0)\n"
        "        return paid",
        "game 'coast': coast.py, line 23: SystemExit: 0",
    ),
    "many lines": (
        PAID,
        "raise ValueError('one\\ntwo\\n\\nthree')",
        "coast.py, line 22: ValueError: one two three",
    ),
    "many lines of ours": (
        PAID,
        "from mfgcore import ConfigurationError\n        raise ConfigurationError('one\\ntwo')",
        "error: one two",
    ),
    "an unspeakable error": (
        PAID,
        "raise type('Odd', (Exception,), {'__str__': lambda self: 1 / 0})",
        "coast.py, line 22: Odd: its message cannot be read",
    ),
    "masked rewards": (PAID, "return np.ma.masked_equal(paid, 1)", "rewards() has masked entries"),
    "masked rewards at step 7": (
        PAID,
        f"{STEP_7}return np.ma.masked_less(paid, 2)\n        return paid",
        "rewards() has masked entries",
    ),
    "masked moves": (
        HALF,
        "[np.ma.array(p, mask=[[1, 0], [0, 0]]) for p in np.full((3, 2, 2), 0.5)]",
        "probabilities() has masked entries",
    ),
    "sparse rewards": (
        PAID,
        "from scipy.sparse import csr_array\n        return csr_array(np.eye(3))",
        "rewards() has shape () for mean fields",
    ),
    "rounded rewards": (
        PAID,
        "return np.float32(0.1) * paid @ np.linspace([1, 2], [2, 1], 2).T / 4 + "
        "1e-16 * len(mean_fields)",
        "e-16, so that a run would depend on how many steps it asks for at once; @, ",
    ),
    "mixed mean fields": (PAID, "return paid / paid.max()", "mean fields are mixed; states are on"),
    "drawn rewards": (
        PAID,
        "return np.random.random(paid.shape)",
        "rewards() does not answer the same twice: what is drawn at random must be",
    ),
    "drawn moves": (
        HALF,
        "np.random.dirichlet([1, 1], (3, 2))",
        "probabilities() does not answer the same twice",
    ),
    "drawn ends": (
        OUTCOMES,
        "return np.random.randint(3, size=(3, 2, 2)) + 0 * np.array",
        "outcomes() does not answer the same twice",
    ),
    "changed in place": (
        PAID,
        "mean_fields *= 0.5\n        return paid",
        "rewards() changes the array that it is given",
    ),
    "zeros changed in place": (
        PAID,
        "np.maximum(mean_fields, 1e-9, out=mean_fields)\n        return paid",
        "rewards() changes the array that it is given",
    ),
    "float32": (
        HALF,
        "np.tile(np.float32([0.1, 0.9]), (3, 2, 1))",
        "sums to 0.999999977648 in state 0, action 0, expected 1: it is off by -2.2e-08, as numb",
    ),
    "six digits": (
        MORE,
        MORE + "start = lambda self: [0.333333] * 3\n    ",
        "start() sums to 0.999999, expected 1: it is off by -1e-06, as numbers of float32 or of",
    ),
    "cells in words": (
        MORE,
        MORE + "positions = [['a', 'b']] * 3\n    ",
        "positions holds <U1, expected numbers",
    ),
}
# geometry, written in the body of the class
GEOMETRY = {
    "[[0, 0], [0, 1], [0, -1]]": "positions holds -1, which is no row or column",
    "[[0, 0], [0, 1], [0, np.nan]]": "positions holds nan, which is no row or column",
    "[[0, 0], [0, 1], [0, 1.5]]": "positions holds 1.5, which is no row or column",
    "[[0, 0], [0, 1], [0, 1]]": "positions has more than one state in row 0, column 1",
    "[[0, 0], [0, 1], [0, 1e18]]": "positions holds 1e+18, which is no row or column",
    "[[0, 0], [0, 1], [9999, 9999]]": "positions are of a grid of 10,000 x 10,000 cells",
    "np.ma.masked_equal([[0, 0], [0, 1], [0, 2]], 2)": "positions has masked entries",
    "np.array([[0, 0], [0, 1], [0, 2]], dtype=object)": "positions holds object, expected numbers",
    "[[0, 0], [0, 1]]": "positions has shape (2, 2), expected (3, 2)",
    "[[0, 0], [0, 1], [0]]": "game 'coast': ValueError",
}
for stated, expected in GEOMETRY.items():
    GAME_FILES[stated] = (MORE, f"{MORE}layout, positions = 'grid', {stated}\n    ", expected)
for stated in ("[[0, 1, 2], [1, 0, -1], [2, -1, 0]]", "np.where(np.eye(3), 0, np.nan)"):
    wanted = "distances are not numbers >= 0, and 0"
    GAME_FILES[stated] = (MORE, f"{MORE}distances = {stated}\n    ", wanted)
for stated, expected in {
    "state_names = 'abc'": "state_names = 'abc' is not a tuple of 3 different names",
    "state_names = {'a', 'b', 'c'}": "is not a tuple of 3 different names",
    "state_names = ['a', 'b', 3]": "is not a tuple of 3 different names",
    "layout = ['grid']": "layout = ['grid'] is not one of None, grid, line, ring",
    "pays_by_own_share = 'no'": "pays_by_own_share = 'no' is not True or False",
    "reward_range = (0, np.inf)\n    n_states = True": "n_states = True is not a whole number >= 1",
}.items():
    GAME_FILES[stated] = (MORE, f"{MORE}{stated}\n    ", expected)
RUN = [
    "--agents", "6", "--iterations", "3", "--discount", "0.5", "--transitions", "60",
    "--steps-per-transition", "3", "--replay-cycles", "3", "--communication-rounds", "3",
]  # fmt: skip
GARNET = ["--game", "garnet", "--network", "complete"]
NEAREST = ["--agents-after", "4", "--change-at", "1", "--leavers", "nearest", "--leave-state", "0"]
AGREE = ["--game", "agree", "--grid-size", "3"]
COLUMN = "0,1 1,1 2,1"

ARGUMENTS = {
    "no distances for a radius": (["--game", "sis_epidemic"], "states of game 'sis_epidemic' have"),
    "no distances to leave by": (
        [*GARNET, *NEAREST],
        "leavers: 'nearest' is not allowed: the states of game 'garnet' have no distances",
    ),
    "leave a wall": (
        ["--game", "four_rooms", *NEAREST[:-1], "104"],
        "leave_state: 104 is not < 104, the number of states",
    ),
    "leave state -1": ([*AGREE, *NEAREST[:-1], "-1"], "leave_state: -1 is not a whole number >= 0"),
    "too wide a ring": (
        ["--game", "beach_bar", "--network", "ring", "--neighbours", "6"],
        "neighbours: 6 is not < 6 agents",
    ),
    "rewired too often": (
        [*AGREE, "--network", "small_world", "--rewiring-probability", "1.5"],
        "rewiring_probability: 1.5 is not a number >= 0 and <= 1",
    ),
    "links that fail too often": (
        [*AGREE, "--link-failure-probability", "nan"],
        "link_failure_probability: nan is not a number >= 0 and <= 1",
    ),
    "apart": (
        [*AGREE, "--network", "edge_list", "--edges", "apart.txt"],
        "edges: 'apart.txt' leaves 6 agents in 3 parts that never hear each other",
    ),
    "unknown agents": (
        [*AGREE, "--network", "edge_list", "--edges", "unknown.txt"],
        "edges: 'unknown.txt' links agent 6; the agents are 0 to 5",
    ),
    "slips too often": (
        [*AGREE, "--slip-probability", "1.5"],
        "slip_probability: 1.5 is not a",
    ),
    "an obstacle outside": ([*AGREE, "--obstacles", "0,3"], "0,3 is outside of the grid of 3 x 3"),
    "obstacles everywhere": (
        [*AGREE, "--obstacles", " ".join(f"{r},{c}" for r in range(3) for c in range(3))],
        "obstacles: leave no way to any cell",
    ),
    "a wall through the grid": ([*AGREE, "--obstacles", COLUMN], "obstacles: leave no way to 0,2"),
    "obstacles in words": ([*AGREE, "--obstacles", "a wall"], "obstacles: 'a wall' is not a text"),
    "more branches than states": (
        [*GARNET, "--states", "5", "--branching", "6"],
        "branching: 6 is not <= states = 5",
    ),
    "a garnet too large": ([*GARNET, "--states", "400"], "states: 400 is not <= 355, the most of"),
    "one state": ([*GARNET, "--states", "1"], "states: 1 is not a whole number >= 2"),
    "negative coupling": ([*GARNET, "--coupling", "-1"], "coupling: -1.0 is not a number >= 0"),
    "bars in the sea": (
        ["--game", "two_bars", "--states", "4"],
        "states: 4 are too few for bars = (2, 4)",
    ),
    "unknown game": (["--game", "two_bar"], "unknown game 'two_bar'; did you mean 'two_bars'?"),
    "a folder": ([*AGREE, "--import", "."], "import: .: IsADirectoryError"),
    "no file": ([*AGREE, "--import", "gone.py"], "import: gone.py: FileNotFoundError"),
    "no text": ([*AGREE, "--import", "noise.py"], "import: noise.py"),
}
FILES = {"apart.txt": b"0 1\n2 3\n4 5\n", "unknown.txt": b"0 1\n1 6\n", "noise.py": b"\x00\xff"}


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
    assert case[2] in refused(["run", *RUN, *own, "--quiet", "--output", "run.nc"])


@pytest.mark.parametrize(("arguments", "expected"), ARGUMENTS.values(), ids=ARGUMENTS)
def test_a_mistake_gets_one_line_and_leaves_no_file(arguments, expected, refused):
    assert expected in refused(["run", *RUN, *arguments, "--quiet", "--output", "run.nc"])


@pytest.mark.parametrize(
    ("answer", "status", "said"),
    [
        (PAID, 0, ""),  # what is refused above is refused for what was changed
        # a warning of NumPy would be a second line
        (f"{STEP_7}paid = paid / 0.0\n        return paid", 2, "rewards() holds "),
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


# what a user's file makes known beside games, and what is said of it
OTHERS = {
    "a scenario that raises": (
        "scenario: Scenario(lambda k: [0.0, 0.0][k], lambda k: experiment.agents)",
        "own.py, line 10: IndexError: list index out of range",
    ),
    "nobody": (
        "scenario: Scenario(lambda k: 0.0, lambda k: 6 * (k < 2))",
        "0 agents at iteration",
    ),
    "too many": (
        "scenario: Scenario(lambda k: 0.0, lambda k: 6 + k)",
        "7 agents at iteration 1",
    ),
    "a network that raises": ("network: lambda n: {}[n]", "own.py, line 10: KeyError: 6"),
    "a link to nobody": (
        "network: lambda n: graph(n, [(0, n)])",
        "links agent 6; the agents",
    ),
    "links beyond": (
        "network: lambda n: Links(np.int32([0, 1]), np.int32([5]), np.zeros(n, np.int32))",
        "network 'own': neighbours are not all groups, 0 to 0",
    ),
    "links that end": (
        "network: lambda n: Links(np.int32([0, 9]), np.int32([0]), np.zeros(n, np.int32))",
        "network 'own': first_neighbour does not rise from 0 to 1",
    ),
    "few cells": (
        "network: lambda n: Links(np.int32([0, 1]), np.int32([0]))",
        "of 6 agents in 9 states some are in none of 1 groups",
    ),
    "few agents": (
        "network: lambda n: Links(np.int32([0, 1]), np.int32([0]), np.zeros(5, np.int32))",
        "network 'own': groups has shape (5,), expected (6,)",
    ),
    "a score that raises": ("score_rule: 1 / 0", "own.py, line 10: ZeroDivisionError"),
    "a score that ends": ("score_rule: exit(0)", "own.py, line 10: SystemExit: 0"),
    "a network that ends": ("network: exit()", "own.py, line 10: SystemExit"),
    "links that exit": ("network: lambda n: quit(0)", "own.py, line 10: SystemExit: 0"),
    "a scenario that ends": ("scenario: exit(0)", "own.py, line 10: SystemExit: 0"),
    "a scenario that ends later": (
        "scenario: Scenario(lambda k: k and exit(0), lambda k: 6)",
        "own.py, line 10: SystemExit: 0",
    ),
}
OWN = """\
import numpy as np
from mfgcore.agents.networks import NETWORKS, Links, graph
from mfgcore.agents.scenarios import SCENARIOS, Scenario
from mfgcore.agents.scores import SCORE_RULES

KINDS = {"network": NETWORKS, "scenario": SCENARIOS, "score_rule": SCORE_RULES}
@KINDS["KIND"].register
def own(experiment):
    "Mine."
    return VALUE
"""


@pytest.mark.parametrize(("stated", "expected"), OTHERS.values(), ids=OTHERS)
def test_what_else_a_users_file_has_is_checked(stated, expected, refused, tmp_path):
    kind, value = stated.split(": ", 1)
    (tmp_path / "own.py").write_text(OWN.replace('["KIND"]', f'["{kind}"]').replace("VALUE", value))
    option = "--" + kind.replace("_", "-")
    own = ["--import", "own.py", option, "own", *AGREE]
    assert expected in refused(["run", *RUN, *own, "--quiet", "--output", "run.nc"])


def test_a_name_of_ours_is_taken_in_every_registry(refused, tmp_path):
    (tmp_path / "own.py").write_text(OWN.replace("KIND", "network").replace("def own", "def ring"))
    said = refused(["run", *RUN, *AGREE, "--import", "own.py", "--output", "run.nc"])
    assert "network 'ring' is one of mfgcore's; choose another name" in said


# ------------------------------------------------------------------- by a configuration

CONFIGURED = (
    "no states", "huge", "states that raise", "outcomes beyond", "outcomes that raise",
    "eight tenths", "chances that raise", "rewards above 1", "rewards that raise",
    "start nowhere", "a field without default", "one of ours", "a mistake", "not registered",
)  # fmt: skip
KEYS = {
    "no distances for a radius": ("{game: garnet, network: radius}", "'radius' is not allowed"),
    "no distances to leave by": (
        "{game: garnet, agents_after: 4, change_at: 1, leavers: nearest, leave_state: 0}",
        "leavers: 'nearest' is not allowed: the states of game 'garnet' have no distances",
    ),
    "leave a wall": (
        "{game: four_rooms, agents_after: 4, change_at: 1, leavers: nearest, leave_state: 104}",
        "leave_state: 104 is not < 104",
    ),
    "too late": (
        "{game: sis_epidemic, agents_after: 4, change_at: 3}",
        "change_at: 3 is not <",
    ),
    "a wall": ("{game: agree, grid_size: 3, obstacles: '0,1 1,1 2,1'}", "leave no way to 0,2"),
    "slips": ("{game: agree, slip_probability: -0.5}", "slip_probability: -0.5 is not a number"),
    "branches": ("{game: garnet, states: 5}", "branching: 6 is not <= states = 5"),
    "edges": ("{game: garnet, network: edge_list, edges: unknown.txt}", "links agent 6"),
    "apart": ("{game: garnet, network: edge_list, edges: apart.txt}", "leaves 6 agents in 3 parts"),
    "unknown": ("{game: garnets}", "did you mean 'garnet'?"),
}


def estimated(refused, tmp_path, monkeypatch, imports, experiment):
    """What ``mfgcore estimate`` says of one experiment."""
    paths = [path.name for path in tmp_path.glob("*.txt")]
    for path in paths:
        experiment = experiment.replace(path, str(tmp_path / path))
    experiment = experiment.replace("{", "{trials: 1, ")
    (tmp_path / "own.yaml").write_text(
        f"import: [{imports}]\nparameters: {{agents: 6, iterations: 3, "
        f"network: complete}}\nexperiments: {{mine: {experiment}}}\n"
    )
    monkeypatch.chdir(ROOT)
    return refused(["estimate", "--configfile", str(tmp_path / "own.yaml")])


@pytest.mark.parametrize("name", CONFIGURED)
def test_a_configured_game_that_is_none_is_refused(name, refused, tmp_path, monkeypatch):
    case = GAME_FILES[name]
    path = tmp_path / "coast.py"
    path.write_text(changed(*case))
    said = estimated(refused, tmp_path, monkeypatch, path, "{game: coast}")
    before, _, after = case[2].partition("coast.py")  # which is named by its whole path
    assert (after or before) in said


@pytest.mark.parametrize(("experiment", "expected"), KEYS.values(), ids=KEYS)
def test_a_configured_mistake_gets_one_line(experiment, expected, refused, tmp_path, monkeypatch):
    said = estimated(refused, tmp_path, monkeypatch, "", experiment)
    assert said.startswith("mfgcore: error: experiments.mine") and expected in said
