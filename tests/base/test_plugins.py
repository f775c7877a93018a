"""A user's own file: by command line, configuration and notebook; only its runs depend on it."""

import pytest
from conftest import small
from project import ROOT, documented

import mfgcore
from mfgcore import ConfigurationError, cli, games
from mfgcore._base.plugins import import_file
from mfgcore.games import GAMES
from mfgcore.pipeline import configuration

GAME = documented("python")[0]


@pytest.fixture
def own(tmp_path):
    """A file with a game, forgotten after the test."""
    path = tmp_path / "my_game.py"
    path.write_text(GAME)
    yield path
    if "edge" in GAMES:
        GAMES.remove("edge")


RUN = ["--agents", "6", "--iterations", "2", "--transitions", "150", "--replay-cycles", "4"]


def test_by_the_command_line(own, tmp_path, capsys):
    command = ["run", "--game", "edge", *RUN, "--output", str(tmp_path / "edge.nc"), "--quiet"]
    assert cli.main(command) == 2
    assert "unknown game 'edge'" in capsys.readouterr().err
    assert cli.main([*command, "--import", str(own)]) == 0
    saved = mfgcore.load(tmp_path / "edge.nc")
    assert saved.attrs["fingerprint"].count("+") == 1
    assert cli.main(["games", "--import", str(own)]) == 0
    assert "edge " in capsys.readouterr().out


def test_by_a_configuration(own):
    changed = {
        "import": [str(own)],
        "experiments": {"fig1": None, "mine": {"game": "edge", "agents": 5, "trials": 1}},
    }
    config = configuration.read([ROOT / path for path in configuration.CONFIG_FILES], changed)
    schema = configuration.load_schema(ROOT / "workflow/schemas/config.schema.yaml")
    mine = configuration.check(config, schema)["experiments", "mine"]
    assert next(iter(mine.runs.values())).make_game().name == "edge"
    config["import"] = "my_game.py"
    with pytest.raises(ConfigurationError, match=r"^import: 'my_game.py' is not of type array"):
        configuration.check(config, schema)


def test_only_runs_that_use_it_depend_on_its_content(own):
    other = small(game="agree")
    before = other.code_fingerprint()
    import_file(own)
    edge = small(game="edge")
    first = edge.code_fingerprint()
    assert other.code_fingerprint() == before
    own.write_text(GAME + "\n# another thought\n")
    import_file(own)
    assert edge.code_fingerprint() != first
    own.write_text(GAME)
    import_file(own)
    assert edge.code_fingerprint() == first
    assert other.code_fingerprint() == before


def test_in_a_notebook(register):
    class Mine(games.GridGame):
        """A game of a notebook."""

        def rewards(self, mean_fields):
            return self.normalised(0.0 * mean_fields[..., None], mean_fields)

    register(GAMES, "mine", games.register(Mine))
    assert "+" in small(game="mine").code_fingerprint()


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (None, "FileNotFoundError"),
        ("1 / 0\n", "line 1: ZeroDivisionError: division by zero$"),
        ("\n\ndef f(:\n", "line 3: SyntaxError"),
        ("raise SystemExit(3)", "SystemExit: 3"),
        ("import nowhere_to_be_found", "ModuleNotFoundError: No module named"),
        (b"\xff\xfe", "SyntaxError"),
        (
            "from mfgcore.games import Game, register\n@register\nclass Agree(Game):\n    pass\n",
            "game 'agree' is one of mfgcore's; choose another name$",
        ),
    ],
)
def test_a_file_that_raises_is_refused_in_one_line(tmp_path, content, message):
    path = tmp_path / "bad.py"
    if content is not None:
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
    with pytest.raises(ConfigurationError, match=message) as refused:
        import_file(path)
    assert str(refused.value).startswith(f"import: {path}")
    assert "\n" not in str(refused.value)


def test_the_games_are_listed_with_a_line_each(capsys):
    assert cli.main(["games"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in lines] == list(GAMES)
    assert all(len(line.split()) > 5 for line in lines)
