"""Mutated configurations, command lines and games: valid, or refused in one line."""

import copy
import datetime
import io
import math
import token
import tokenize

import numpy as np
import pytest
from project import ROOT, documented

from mfgcore import ConfigurationError, cli, meanfield
from mfgcore.games import GAMES
from mfgcore.pipeline import configuration

HOSTILE = (
    None, True, False, 0, -1, 1, 2, 7, 10**6, 10**30, -(10**30), 0.0, -0.5, 0.5, 1.0, 1e308, 1e-308,
    math.nan, math.inf, -math.inf, "", " ", "agree", "networked", "1e-3", "None", "null",
    "../../outside", "/absolute", "~", "-rf", "--cores", "$(touch outside)", "`touch outside`",
    "; touch outside", "a b", "a\nb", "a\x00b", "{wildcards.experiment}", "{0}", "%s", "é",
    "x" * 10000, [], [None], ["networked", "networked"], [[]], {}, {"a": 1}, {1: 2}, {None: None},
    {"x" * 10000: 1},
    datetime.date(2020, 1, 1), b"bytes", {"a", "b"},
)  # fmt: skip
KEYS = (
    "agnets",
    "trials",
    "game",
    "",
    "../x",
    "a\nb",
    "ab\n",
    "x" * 10000,
    "__class__",
    "{0}",
    3,
    None,
)


def places(node, path=()):
    """Every place in a tree of dicts and lists."""
    yield path
    children = node.items() if isinstance(node, dict) else enumerate(node)
    if isinstance(node, dict | list):
        for key, child in list(children):
            yield from (
                places(child, (*path, key)) if isinstance(child, dict | list) else [(*path, key)]
            )


def mutate(config, generator):
    """Change one place; return the keys by which a message may name it."""
    choices = [path for path in places(config) if path]
    path = choices[generator.integers(len(choices))]
    parent = config
    for key in path[:-1]:
        parent = parent[key]
    action = generator.integers(10)
    if action == 0 and isinstance(parent, dict):
        del parent[path[-1]]
        return path
    if action <= 2 and isinstance(parent, dict):
        key = KEYS[generator.integers(len(KEYS))]
        parent[key] = HOSTILE[generator.integers(len(HOSTILE))]
        return (*path[:-1], key)
    parent[path[-1]] = copy.deepcopy(HOSTILE[generator.integers(len(HOSTILE))])
    return path


def test_five_hundred_mutated_configurations_are_valid_or_refused(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    schema = configuration.load_schema(ROOT / "workflow/schemas/config.schema.yaml")
    paper = configuration.read([ROOT / path for path in configuration.CONFIG_FILES])
    paper["ablations"]["trials"] = 1
    for experiment in paper["experiments"].values():
        experiment["trials"] = 1
    generator = np.random.default_rng(5)
    accepted = 0
    for _ in range(500):  # and thousands more by `make test-faults`
        config = copy.deepcopy(paper)
        path = mutate(config, generator)
        try:
            configuration.check(config, schema)
        except ConfigurationError as error:
            message = str(error)
            assert len(message.splitlines()) == 1, (path, message)
            assert len(message) < 2000, (path, message)
            named = [str(key)[:60] for key in path if isinstance(key, str) and key.isprintable()]
            # a key that is odd itself is named by its place, or shown
            assert any(key in message for key in named) or len(path) == 1, (path, message)
        else:
            accepted += 1
            for name in configuration.names(config, "experiments"):
                assert configuration.design(config, "experiments", name).runs
    assert 20 < accepted < 250  # both happen
    assert not list(tmp_path.iterdir())


def test_five_hundred_mutated_command_lines_are_one_line_and_write_nothing_else(
    tmp_path, monkeypatch, capsys
):
    folder = tmp_path / "inside"
    folder.mkdir()
    monkeypatch.chdir(folder)
    good = [
        "run", "--game", "agree", "--agents", "3", "--iterations", "1", "--grid-size", "3",
        "--discount", "0.5", "--transitions", "30", "--replay-cycles", "2", "--quiet",
        "--communication-rounds", "2", "--output", "run.nc",
    ]  # fmt: skip
    words = [value for value in HOSTILE if isinstance(value, str)]
    words += map(str, (-1, 0, 10**30, -0.5, 1e308, math.nan, math.inf))
    generator = np.random.default_rng(6)
    refused = 0
    for _ in range(500):
        arguments = list(good)
        index = generator.integers(1, len(arguments))
        # a large but allowed amount of work is no mistake; do not do it here
        if arguments[index - 1] in ("--iterations", "--transitions", "--replay-cycles", "--agents"):
            continue
        word = words[generator.integers(len(words))]
        if arguments[index - 1] == "--output" and ("/" in word or "\x00" in word):
            continue
        if arguments[index - 1] == "--communication-rounds" and word == str(10**6):
            continue
        arguments[index] = word
        try:
            status = cli.main(arguments)
        except SystemExit as stop:
            status = stop.code
        error = capsys.readouterr().err
        if status:
            refused += 1
            assert len(error.strip("\n").splitlines()) == 1, (arguments, error)
            assert "Traceback" not in error
    assert refused > 100
    assert [path.name for path in tmp_path.iterdir()] == ["inside"]


@pytest.mark.parametrize("text", ["!!python/object/apply:os.system [touch outside]", "&a [*a]"])
def test_yaml_is_loaded_safely(text, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "config.yaml").write_text(f"seed: {text}\n")
    schema = configuration.load_schema(ROOT / "workflow/schemas/config.schema.yaml")
    with pytest.raises(ConfigurationError):
        configuration.check(configuration.read(["config.yaml"]), schema)
    assert [path.name for path in tmp_path.iterdir()] == ["config.yaml"]


VALUES = ("0", "1", "-1", "2", "0.5", "1000", "1e308", "'a'", "None", "float('nan')")
OPERATORS = ("+", "-", "*", "/", "**", "%", "<", "==", "@", ",", ".", "|", "//", "")
GARNET = (ROOT / "mfgcore/games/garnet.py").read_text()
FEWER = {
    "Garnet(Game)": "Mine(Game)",
    "int = 20": "int = 4",
    "actions: int = 6": "actions: int = 2",
    "branching: int = 6": "branching: int = 2",
}


def mutate_code(text, generator):
    """Change a word of a Python file, or leave it out, or a line, or have that twice."""
    words = tokenize.generate_tokens(io.StringIO(text).readline)
    words = [word for word in words if word.type in (token.NAME, token.NUMBER, token.OP)]
    lines = text.splitlines(keepends=True)
    word = words[generator.integers(len(words))]
    (row, begin), (_, end) = word.start, word.end
    line = lines[row - 1]
    names = sorted({each.string for each in words if each.type == token.NAME})
    others = {token.NAME: [*names, *VALUES], token.NUMBER: VALUES, token.OP: OPERATORS}[word.type]
    changed = line[:begin] + others[generator.integers(len(others))] + line[end:]
    options = ["", line + line, line[:begin] + line[end:], *[changed] * 5]
    lines[row - 1] = options[generator.integers(len(options))]
    return "".join(lines)


@pytest.mark.parametrize("name", ["edge", "garnet"])
def test_two_hundred_mutated_games_run_or_are_refused_in_one_line(
    name, tmp_path, monkeypatch, capsys
):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(meanfield.stationary, "MAX_PUSHES", 100)
    text = documented("python")[0].replace("class Edge", "class Mine")
    if name == "garnet":
        text = GARNET
        for old, new in FEWER.items():
            assert old in text
            text = text.replace(old, new)
    words = [
        "run", "--game", "mine", "--import", "mine.py", "--agents", "4", "--iterations", "2",
        "--grid-size", "3", "--discount", "0.5", "--transitions", "40", "--steps-per-transition",
        "2", "--replay-cycles", "2", "--communication-rounds", "2", "--network", "complete",
        "--quiet", "--output", "run.nc",
    ]  # fmt: skip
    generator = np.random.default_rng(7)
    statuses, known = [], set(GAMES)
    for number in range(200):
        mutant = mutate_code(text, generator) if number else text
        (tmp_path / "mine.py").write_text(mutant)
        try:
            statuses.append(cli.main(words))
        finally:
            for other in set(GAMES) - known:  # a mutant may have another name
                GAMES.remove(other)
        error = capsys.readouterr().err
        assert len(error.splitlines()) == (statuses[-1] != 0), (mutant, error)
        assert {path.name for path in tmp_path.iterdir()} <= {"mine.py", "run.nc"}
        assert (tmp_path / "run.nc").exists() == (statuses[-1] == 0), mutant
        (tmp_path / "run.nc").unlink(missing_ok=True)
    assert statuses[0] == 0 and 20 < statuses.count(0) < 180  # both happen
