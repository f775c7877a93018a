"""Whatever the code of a user's reaches is part of what its results depend on, and nothing else."""

import functools
import importlib
import linecache
import os
import sys
import threading
import warnings

import pytest
from conftest import small

import mfgcore
from mfgcore import ConfigurationError, cli, games
from mfgcore._base.plugins import code_digest, import_file, no_untracked_reads
from mfgcore.games import GAMES

GAME = """
from pathlib import Path
import numpy as np
from mfgcore.games import GridGame, register
{top}

@register
class Mine(GridGame):
    "A game of one's own."

    def rewards(self, mean_fields):
        {inside}
        return self.normalised({value} * mean_fields[..., None] / 9, mean_fields)
"""
ONE = "def pays():\n    return 1\n"
# files beside the game, its first lines, what it does, what its rewards are, and which file changes
REACHED = {
    "a module": ({"helper.py": ONE}, "import helper", "", "helper.pays()", "helper.py"),
    "a name of it": ({"helper.py": ONE}, "from helper import pays", "", "pays()", "helper.py"),
    "a package": (
        {"kit/__init__.py": "", "kit/inner.py": ONE},
        "from kit import inner", "", "inner.pays()", "kit/inner.py",
    ),
    "its first file": (
        {"kit/__init__.py": "X = 1", "kit/inner.py": ONE},
        "import kit.inner", "", "kit.inner.pays()", "kit/__init__.py",
    ),
    "what a module imports": (
        {"helper.py": "from deeper import pays", "deeper.py": ONE},
        "import helper", "", "helper.pays()", "deeper.py",
    ),
    "within a package": (
        {"kit/__init__.py": "from .inner import pays", "kit/inner.py": "from .deep import pays",
         "kit/deep.py": ONE},
        "import kit", "", "kit.pays()", "kit/deep.py",
    ),
    "within a function": ({"helper.py": ONE}, "", "import helper", "helper.pays()", "helper.py"),
    "by its name": (
        {"helper.py": ONE},
        "import importlib\nhelper = importlib.import_module('hel' + 'per')", "",
        "helper.pays()", "helper.py",
    ),
    "a file": ({"pay.txt": "1"}, "P = int(Path('pay.txt').read_text())", "", "P", "pay.txt"),
    "a file by a path": (
        {"data/pay.txt": "1"},
        "P = int((Path(__file__).parent / 'data/pay.txt').read_text())",
        "", "P", "data/pay.txt",
    ),
    "a file by numpy": ({"pay.txt": "1 1"}, "P = np.loadtxt('pay.txt')[0]", "", "P", "pay.txt"),
    "a table": (
        {"pay.csv": "p\n1\n"},
        "import pandas\nP = pandas.read_csv('pay.csv')['p'][0]", "", "P", "pay.csv",
    ),
    "a file that a module reads": (
        {"helper.py": "from pathlib import Path\nP = int(Path('pay.txt').read_text())",
         "pay.txt": "1"},
        "import helper", "", "helper.P", "pay.txt",
    ),
    "code that is executed": (
        {"more.txt": ONE}, "exec(Path('more.txt').read_text())", "", "pays()", "more.txt",
    ),
    "by runpy": (
        {"more.py": ONE}, "import runpy\npays = runpy.run_path('more.py')['pays']", "", "pays()",
        "more.py",
    ),
    "a folder": (
        {"maps/a.txt": ""}, "import os\nP = len(os.listdir('maps'))", "", "P", "maps/b.txt",
    ),
    "files by a pattern": (
        {"maps/a.txt": ""},
        "P = len(list(Path('maps').glob('*.txt')))", "", "P", "maps/b.txt",
    ),
    "a file that is not there": (
        {},
        "try:\n    P = int(Path('pay.txt').read_text())\nexcept OSError:\n    P = 1", "",
        "P", "pay.txt",
    ),
    "what is named": (
        {"pay.txt": "1"},
        "reads = ('pay.txt',)", "P = int(Path('pay.txt').read_text())", "P", "pay.txt",
    ),
    "a folder that is named": (
        {"maps/a.txt": "1"}, "reads = ['maps']", "P = int(Path('maps/a.txt').read_text())", "P",
        "maps/a.txt",
    ),
}  # fmt: skip


@pytest.mark.parametrize(
    "inside", ["import helper", "import importlib; importlib.import_module('hel' + 'per')"]
)
def test_what_a_cell_imports_when_it_is_called(inside, here, monkeypatch):
    """By its name it is followed; by one that is made up it is refused."""
    monkeypatch.syspath_prepend(here)
    write(here, {"helper.py": ONE})
    first = f"def f():\n    {inside}\n    import sys\n    return sys.modules['helper'].pays()"
    cells(first=first, value="f()")
    if "importlib" in inside:
        with pytest.raises(ConfigurationError, match="helper is imported while a run is under way"):
            small(game="mine")
        return
    before = small(game="mine").code_fingerprint()
    mfgcore.simulate(small(game="mine", iterations=1))
    write(here, {"helper.py": ONE.replace("1", "22")})
    assert small(game="mine").code_fingerprint() != before


@pytest.fixture
def here(tmp_path, monkeypatch):
    """A folder of a user's, and what was imported from it forgotten afterwards."""
    monkeypatch.chdir(tmp_path)
    modules, path = set(sys.modules), list(sys.path)
    yield tmp_path
    for name in set(sys.modules) - modules:
        if str(getattr(sys.modules[name], "__file__", "")).startswith((str(tmp_path), "own.py")):
            del sys.modules[name]
    sys.path[:] = path
    for name in [name for name in GAMES if not GAMES[name].__module__.startswith("mfgcore.")]:
        GAMES.remove(name)


def write(folder, files):
    for name, content in files.items():
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_text(content)


def imported(folder, name="own.py"):
    """The code of a run of the game, imported as by a new process."""
    import_file(folder / name)
    return small(game="mine").code_fingerprint()


@pytest.mark.parametrize("case", REACHED.values(), ids=REACHED)
def test_what_a_file_reaches_is_part_of_the_code_and_nothing_else(case, here):
    files, top, inside, value, changes = case
    write(here, files | {"own.py": GAME.format(top=top, inside=inside, value=value)})
    first = imported(here)
    paid = mfgcore.simulate(small(game="mine", iterations=1))["exact_return"]
    write(here, {"notes.txt": "nothing", "other.py": "X = 1", "pay.bak": "7"})
    assert imported(here) == first
    before = files.get(changes, "1\n")
    write(here, {changes: before.replace("1", "2") if "1" in before else "X = 2\n"})
    assert imported(here) != first
    if "2" in (here / changes).read_text() and "return 1" in before:
        again = mfgcore.simulate(small(game="mine", iterations=1))["exact_return"]
        assert (again != paid).any()  # it is what is run now, too
    if changes in files:
        write(here, {changes: before})
        assert imported(here) == first


def test_it_is_the_same_where_a_module_was_imported_before(here, monkeypatch):
    """As a Snakefile may that uses one, too; and a changed one is not taken for what it was."""
    monkeypatch.syspath_prepend(here)
    own = GAME.format(top="import helper", inside="", value="helper.pays()")
    write(here, {"helper.py": ONE, "own.py": own})
    first = imported(here)
    for change in ("", "1"):
        importlib.invalidate_caches()
        sys.modules.pop("helper")
        importlib.import_module("helper")
        write(
            here, {"helper.py": ONE.replace("1", "1" + change), "own.py": own + "# again" + change}
        )
        assert (imported(here) == first) is False
        write(here, {"own.py": own})
        assert (imported(here) == first) == (not change)


def test_a_function_may_be_called_reads(here):
    top = "def reads(path):\n    return 1"
    write(here, {"own.py": GAME.format(top=top, inside="", value="reads('x')")})
    assert "+" in imported(here)


def test_it_is_the_same_in_another_folder(here, tmp_path_factory):
    files, top, inside, value, _ = REACHED["a file that a module reads"]
    files = files | {"own.py": GAME.format(top=top, inside=inside, value=value)}
    write(here, files)
    first = imported(here)
    for name in ("helper", *(n for n in sys.modules if n.startswith("mfgcore_import_"))):
        sys.modules.pop(name)
    other = tmp_path_factory.mktemp("other")
    os.chdir(other)
    write(other, files)
    GAMES.remove("mine")
    try:
        assert imported(other) == first
    finally:
        os.chdir(here)
        sys.modules.pop("helper")


MIDDLE = {
    "a file": "P = int(Path('pay.txt').read_text())",
    "by numpy": "P = np.loadtxt('pay.txt')",
    "that is caught": (
        "try:\n            P = int(Path('pay.txt').read_text())\n        except Exception:\n"
        "            P = 1"
    ),
    "a database": "import sqlite3; sqlite3.connect('pay.txt').close(); P = 1",
}


@pytest.mark.parametrize("inside", MIDDLE.values(), ids=MIDDLE)
def test_what_is_read_in_the_middle_is_refused_with_the_way_to_name_it(inside, here, capsys):
    write(here, {"pay.txt": "1", "own.py": GAME.format(top="", inside=inside, value="P")})
    words = ["run", "--import", "own.py", "--game", "mine", "--agents", "6", "--iterations", "2"]
    assert cli.main([*words, "--output", "run.nc"]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert "reads '" in line and "reads = ('pay.txt',)" in line and "own.py, line " in line
    assert not (here / "run.nc").exists()
    write(here, {"own.py": GAME.format(top="reads = ('pay.txt',)", inside=inside, value="P")})
    assert cli.main([*words, "--quiet", "--output", "run.nc"]) == 0


def test_what_python_reads_of_itself_is_no_input(here, recwarn):
    """A warning shows the line of the file from which it comes; a time zone is the system's."""
    inside = (
        "import warnings, zoneinfo; zoneinfo.ZoneInfo('Europe/Berlin'); "
        "warnings.warn_explicit('x', UserWarning, __file__, 1)"
    )
    write(here, {"own.py": GAME.format(top="", inside=inside, value="1")})
    import_file(here / "own.py")
    with warnings.catch_warnings():
        warnings.simplefilter("always")
        warnings.showwarning = lambda *told: print(warnings.formatwarning(*told[:4]))
        linecache.clearcache()
        mfgcore.simulate(small(game="mine", iterations=1))


def test_a_network_that_reads_a_file_when_it_is_asked_is_refused(here, capsys):
    (here / "own.py").write_text(
        "import numpy as np\nfrom mfgcore.agents import NETWORKS, Network, graph\n"
        "@NETWORKS.register\ndef mine():\n    'Mine.'\n"
        "    edges = np.loadtxt('edges.txt', dtype=int)\n"
        "    return Network(lambda n: graph(n, edges))\n"
    )
    (here / "edges.txt").write_text("0 1\n1 2\n2 3\n3 4\n4 5\n")
    words = ["run", "--import", "own.py", "--game", "agree", "--network", "mine", "--agents", "6"]
    assert cli.main([*words, "--output", "run.nc"]) == 2
    assert "line 6: reads '" in capsys.readouterr().err
    mfgcore.agents.networks.NETWORKS.remove("mine")


def test_a_file_that_is_named_and_changes_during_the_run_is_told(here):
    write(here, {
        "pay.txt": "1",
        "own.py": GAME.format(
            top="reads = ('pay.txt',)", inside="P = int(Path('pay.txt').read_text())", value="P"
        ),
    })  # fmt: skip
    import_file(here / "own.py")

    def change(simulation):
        (here / "pay.txt").write_text("2")

    with pytest.raises(mfgcore.RunFileError, match="was changed while the run was under way"):
        mfgcore.simulate(small(game="mine"), progress=change)


@pytest.mark.parametrize(
    ("top", "expected"),
    [
        ("reads = 'pay.txt'", "reads = 'pay.txt' is not a tuple of paths"),
        ("reads = (1,)", "reads = (1,) is not a tuple of paths"),
        ("reads = ('gone.txt',)", "gone.txt' is not there"),
        ("import os\nos.chdir('/')", "changes the working directory"),
        ("import sys\nsys.exit()", "SystemExit"),
    ],
)
def test_what_cannot_be_is_one_line(top, expected, here):
    write(here, {"pay.txt": "1", "own.py": GAME.format(top=top, inside="", value="1")})
    with pytest.raises(ConfigurationError) as refused:
        import_file(here / "own.py")
    assert expected in str(refused.value) and "\n" not in str(refused.value)
    assert os.getcwd() == str(here)  # noqa: PTH109


def test_an_environment_variable_is_told_and_followed_if_it_is_named(here, monkeypatch):
    monkeypatch.setenv("PAY", "1")
    top = "import os\nP = int(os.environ.get('PAY', 0))"
    write(here, {"own.py": GAME.format(top=top, inside="", value="P")})
    with pytest.warns(UserWarning, match=r"variable PAY; .* reads = \('\$PAY',\)"):
        import_file(here / "own.py")
    write(here, {"own.py": GAME.format(top=top + "\nreads = ('$PAY',)", inside="", value="P")})
    first = imported(here)
    monkeypatch.setenv("PAY", "2")
    assert small(game="mine").code_fingerprint() != first


@pytest.mark.parametrize("where", ["top", "inside"])
def test_a_program_that_is_started_is_told(here, where):
    code = {"top": "", "inside": "", where: "import subprocess; subprocess.run(['true'])"}
    write(here, {"own.py": GAME.format(value="1", **code)})
    with pytest.warns(UserWarning, match="starts a program; a change of what it answers makes"):
        import_file(here / "own.py")
        small(game="mine")


def test_two_files_with_a_helper_of_the_same_name_are_not_mixed(here):
    for name in ("one", "two"):
        top = f"import helper\nNAME = '{name}'"
        own = GAME.format(top=top, inside="", value="helper.pays()").replace("Mine", name.title())
        write(here, {f"{name}/helper.py": ONE, f"{name}/own.py": own})
    import_file(here / "one/own.py")
    with pytest.raises(ConfigurationError, match=r"imports helper, which is .* another name$"):
        import_file(here / "two/own.py")


def test_a_file_may_build_on_another_that_is_imported_too(here):
    write(here, {
        "base.py": GAME.format(top="", inside="", value="1").replace("Mine", "Ground"),
        "own.py": "from base import Ground\nfrom mfgcore.games import register\n"
                  "@register\nclass Mine(Ground):\n    'More.'\n",
    })  # fmt: skip
    import_file("base.py")
    import_file(here / "own.py")
    first = small(game="mine").code_fingerprint()
    assert small(game="ground").code_fingerprint().count("+") == 1
    write(here, {"base.py": (here / "base.py").read_text().replace("* mean", "* 0.5 * mean")})
    import_file("base.py")
    assert imported(here) != first


def test_two_files_cannot_have_the_same_name_for_something(here):
    own = GAME.format(top="", inside="", value="1")
    write(here, {"own.py": own, "other.py": own})
    import_file(here / "own.py")
    with pytest.raises(ConfigurationError, match=r"game 'mine' is one of .*own.py's; choose"):
        import_file(here / "other.py")


def test_a_metric_is_part_of_every_run(here):
    before = small().code_fingerprint()
    (here / "own.py").write_text(
        "from mfgcore.metrics.definitions import metric\n@metric('fullest')\ndef fullest(moment):\n"
        "    'Fullest.'\n    return moment.rollout.mean_field.max()\n"
    )
    import_file(here / "own.py")
    assert small().code_fingerprint() != before
    mfgcore.metrics.definitions.METRICS.remove("fullest")
    assert small().code_fingerprint() == before
    (here / "own.py").write_text((here / "own.py").read_text().replace("def fullest", "def trial"))
    with pytest.raises(ConfigurationError, match="metric 'trial' would be a coordinate or param"):
        import_file(here / "own.py")


# ------------------------------------------------------------------------------- a notebook

CELL = """
import numpy as np
import functools
{first}

def pays():
    return {inside}

class Base(GridGame):
    step = {attribute}

@register
class Mine(Base):
    "Of a notebook."

    def rewards(self, mean_fields):
        return self.normalised({value} * mean_fields[..., None] / 99, mean_fields)
"""
PLAIN = {"first": "", "inside": 1, "attribute": 1, "value": "pays()"}
# what is in the cells, before and after
CHANGED = {
    "a number": ({"first": "X = 1", "value": "X"}, {"first": "X = 2"}),
    "a function": ({}, {"inside": 2}),
    "an attribute": ({"value": "self.step"}, {"attribute": 2}),
    "a nested value": ({"first": "X = {'a': [1, (2,)]}", "value": "X['a'][0]"},
                       {"first": "X = {'a': [1, (3,)]}"}),
    "an array": ({"first": "X = np.arange(3)", "value": "X[1]"}, {"first": "X = np.arange(4)"}),
    "a type": ({"first": "X = 1", "value": "X"}, {"first": "X = 1.0"}),
    "a set": ({"first": "X = {'a', 'b'}", "value": "len(X)"}, {"first": "X = {'a', 'c'}"}),
    "an object": ({"first": "class A: pass\nX = A()\nX.p = 1", "value": "X.p"},
                  {"first": "class A: pass\nX = A()\nX.p = 2"}),
    "its class": ({"first": "class A:\n    p = 1\nX = A()", "value": "X.p"},
                  {"first": "class A:\n    p = 2\nX = A()"}),
    "a default": ({"first": "def f(x=1): return x", "value": "f()"},
                  {"first": "def f(x=2): return x"}),
    "a closure": ({"first": "def g(y):\n    return lambda: y\nX = g(1)", "value": "X()"},
                  {"first": "def g(y):\n    return lambda: y\nX = g(2)"}),
    "a partial": ({"first": "X = functools.partial(min, 1)", "value": "X(2)"},
                  {"first": "X = functools.partial(min, 0)"}),
    "a memo": ({"first": "@functools.cache\ndef f(): return 1", "value": "f()"},
               {"first": "@functools.cache\ndef f(): return 2"}),
    "a table": ({"first": "import pandas\nX = pandas.Series([1])", "value": "X[0]"},
                {"first": "import pandas\nX = pandas.Series([2])"}),
    "what a function uses": ({"first": "X = 1\ndef f(): return X", "value": "f()"},
                             {"first": "X = 2\ndef f(): return X"}),
    "a name of Python's own": ({"first": "max = 1", "value": "max"}, {"first": "max = 2"}),
    "within a comprehension": ({"first": "X = 1", "value": "sum([X for _ in range(1)])"},
                               {"first": "X = 2"}),
}  # fmt: skip


def cells(**parts):
    """The game of a notebook, as its cells define it."""
    place = {"__name__": "__main__", "GridGame": games.GridGame, "register": games.register}
    exec(compile(CELL.format(**PLAIN | parts), "<cell 1>", "exec"), place)
    return place


@pytest.mark.parametrize("case", CHANGED.values(), ids=CHANGED)
def test_what_a_notebook_uses_is_part_of_the_code_and_nothing_else(case, here):
    one, other = case[0], case[0] | case[1]
    cells(**one)
    first = small(game="mine").code_fingerprint()
    place = cells(**one)
    place["unused"] = object()
    assert small(game="mine").code_fingerprint() == first
    cells(**other)
    assert small(game="mine").code_fingerprint() != first


def test_a_cache_of_sweep_knows_what_a_cell_had(here):
    settings = {"cores": 1, "cache": here / "kept", "progress": False, "seed": [1]}
    paid = []
    for number in (1, 5):
        cells(first=f"X = {number}", value="X")
        paid.append(mfgcore.sweep(small(game="mine"), **settings)["exact_return"].values[0, 0])
    assert paid[0] != paid[1]


def test_what_cannot_be_followed_is_told(here):
    cells(first="X = open('/dev/null')\nX.close()", value="int(X.closed)")
    with pytest.warns(UserWarning, match=r"'Mine' uses .*TextIOWrapper.* make nothing out of date"):
        small(game="mine").code_fingerprint()
    cells(first="import threading\nX = threading.Lock()", value="int(not X.locked())")
    small(game="mine").code_fingerprint()  # a lock says nothing of a run


def test_what_holds_itself_is_followed(here):
    value = {"a": 1}
    value["self"] = value

    def game():
        return value

    first = code_digest(game)
    value["a"] = 2
    assert code_digest(game) != first
    nested = functools.reduce(lambda inner, _: [inner], range(20000), [])

    def deep():
        return nested

    with pytest.warns(UserWarning, match="nested too deeply"):
        code_digest(deep)


def test_a_thread_of_ones_own_may_read_what_it_will(here):
    """What is refused is what the code that is run reads, and not what else goes on."""
    (here / "pay.txt").write_text("1")
    entry = cells()["Mine"]
    heard = []
    with no_untracked_reads([entry]):
        thread = threading.Thread(target=lambda: heard.append((here / "pay.txt").read_text()))
        thread.start()
        thread.join()
    assert heard == ["1"]
