"""What the documentation shows is what is there, and what was found."""

import dataclasses
import importlib.util
import inspect
import json
import pydoc
import re
import tomllib
from pathlib import Path

import make_notebooks
import make_tables
import pytest
from project import ROOT, tracked
from public import public_callables, public_modules

from mfgcore import cli
from mfgcore.experiment.experiment import parameters
from mfgcore.games import GAMES
from mfgcore.metrics.definitions import METRICS
from mfgcore.pipeline.yaml_files import read_yaml
from mfgcore.runs.datasets import COORDINATES

GALLERY = ROOT / "docs/gallery"


def test_what_the_front_page_says_to_type_runs(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    text = (ROOT / "README.md").read_text(encoding="utf-8").replace("\\\n", "")
    commands = re.findall(r"(?m)^    mfgcore (.*)$", text)
    assert len(commands) >= 5
    for command in commands:
        assert cli.main(command.split()) == 0, command
    (code,) = re.findall(r"```python\n(.*?)```", text, re.DOTALL)
    exec(code, {})


def test_the_paper_that_is_reproduced_has_one_version():
    names = "README.md", "CITATION.cff", "codemeta.json", "docs/decisions.md", "paper/paper.bib"
    for name in names:
        found = re.findall(r"2306\.02766(v\d)?", (ROOT / name).read_text(encoding="utf-8"))
        assert found and set(found) <= {"v1", "v6"} and found[0] == "v1", name


def test_the_ledger_is_the_same_for_programs_and_readers():
    records = json.loads((GALLERY / "claims.json").read_text(encoding="utf-8"))["claims"]
    text = (GALLERY / "claims.md").read_text(encoding="utf-8")
    rows = re.findall(r"(?m)^\| ([CHX]\d+\w?) \|.*\| \*\*(.*)\*\* \|$", text)
    assert sorted(name for name, _ in rows) == sorted(record["claim"] for record in records)
    assert all(dict(rows)[record["claim"]].startswith(record["verdict"]) for record in records)


@pytest.mark.parametrize("document", make_tables.TABLES)
def test_the_tables_follow_from_the_code(document):
    assert make_tables.up_to_date(document) == (ROOT / document).read_text(encoding="utf-8")


def test_the_rooms_are_the_folders_of_the_package_in_the_order_of_their_contract():
    folders = {path.parent for path in tracked("mfgcore/*/__init__.py")}
    assert {ROOT / "mfgcore" / room for room in make_tables.ROOMS} <= folders
    assert len(make_tables.ROOMS) == len({path.relative_to(ROOT).parts[1] for path in folders})
    tools = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]
    for contract in tools.get("importlinter", {"contracts": []})["contracts"]:
        layers = contract.get("layers", ["cli", *reversed(make_tables.ROOMS)])
        assert layers == ["cli", *reversed(make_tables.ROOMS)]


def test_the_folders_and_files_that_the_architecture_names_are_there():
    text = (ROOT / "docs/architecture.md").read_text(encoding="utf-8")
    for name in re.findall(r"`([\w./*]+/[\w.*]*)`", text):
        if not name.startswith(("results/", "figures/")):
            assert any(any(root.glob(name)) for root in (ROOT, ROOT / "mfgcore")), name


def test_new_names_of_renamed_things_are_there():
    table = read_yaml(ROOT / "docs/renames.yaml")
    assert not [new for new in table["modules"].values() if not importlib.util.find_spec(new)]
    assert set(table["parameters"].values()) <= set(parameters())


@pytest.mark.parametrize("name", GAMES)
def test_the_page_of_games_shows_every_game(name):
    page = (ROOT / "docs/games.md").read_text(encoding="utf-8")
    section = re.search(rf"(?ms)^## {name}\n(.*?)(?=^## |\Z)", page)[1]
    assert inspect.getdoc(GAMES[name]) in section
    assert all(f"`{field.name}` " in section for field in dataclasses.fields(GAMES[name]))
    assert f"](games/{name}.png)" in section
    stated = float(re.search(r"Exploitability ([-\de.]+?)[.;,]?\s", section)[1])
    assert stated < 1e-3 or "which is no equilibrium's" in section


@pytest.mark.parametrize("name", GAMES)
def test_every_game_names_its_source(name):
    assert re.search(r"arXiv \d{4}\.\d{5}|github\.com/", inspect.getdoc(GAMES[name]))


def test_all_that_is_public_is_documented():
    """The reference is made from the docstrings, and leaves out what has none."""
    documented = public_modules() | public_callables()
    assert not [name for name, each in documented.items() if not inspect.getdoc(each)]


@pytest.mark.parametrize("name", public_modules())
def test_what_docstrings_refer_to_is_there(name):
    """Sphinx refuses such a reference, too, and takes a minute for it."""
    module = public_modules()[name]
    text = Path(module.__file__).read_text(encoding="utf-8")
    classes = [f"{name}.{key}" for key, each in vars(module).items() if inspect.isclass(each)]
    for target in re.findall(r":(?:func|class|meth|data|mod|attr):`~?([\w.]+)`", text):
        found = (pydoc.locate(f"{scope}.{target}") for scope in [name, *classes])
        assert pydoc.locate(target) or any(each is not None for each in found), target


def test_the_symbols_are_those_of_things_that_are_there():
    for symbol, name, _, _ in make_tables.SYMBOLS:
        assert name in METRICS or name in COORDINATES or pydoc.locate(name), (symbol, name)


NOTEBOOKS = tracked("docs/*.ipynb")


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_notebook_is_kept_with_what_its_code_shows(path):
    content = json.loads(path.read_text(encoding="utf-8"))
    assert content["metadata"]["code_digest"] == make_notebooks.digest(content["cells"])
    shown = [
        key
        for cell in content["cells"]
        for each in cell.get("outputs", ())
        for key in each.get("data", ())
    ]
    assert shown.count("image/png") >= 1 and set(shown) <= set(make_notebooks.SHOWN)
    assert path.stat().st_size < 400_000


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_what_a_notebook_imports_is_there(path):
    cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
    text = "\n".join("".join(cell["source"]) for cell in cells)
    lines = re.findall(r"(?m)^(?:from|import) mfgcore.*$", text)
    assert lines
    for line in lines:
        exec(line, {})


def test_the_version_has_one_value():
    """That of pyproject.toml; until it is released it ends with ``.dev0``."""
    version = re.search(r'(?m)^version = "(.*)"$', (ROOT / "pyproject.toml").read_text())[1]
    citation = re.search(r"(?m)^version: (.*)$", (ROOT / "CITATION.cff").read_text())[1]
    number, unreleased = re.search(
        r"(?m)^## (\S+)( \(unreleased\))?", (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    ).groups()
    changelog = number + ".dev0" * bool(unreleased)
    codemeta = json.loads((ROOT / "codemeta.json").read_text())["version"]
    assert [citation, codemeta, changelog] == [version] * 3


def test_the_paper_about_the_package_has_what_the_journal_wants():
    """JOSS wants some sections, and every citation in the bibliography."""
    _, head, text = (ROOT / "paper/paper.md").read_text(encoding="utf-8").split("---\n", 2)
    assert {"Summary", "Statement of need", "References"} <= set(re.findall(r"(?m)^# (.*)$", text))
    entries = re.findall(r"(?m)^@\w+\{(.*),$", (ROOT / "paper/paper.bib").read_text("utf-8"))
    assert sorted(entries) == sorted(set(re.findall(r"@(\w+)", text)))
    authors = re.search(r"(?m)^authors:\n  - name: (.*)$", (ROOT / "CITATION.cff").read_text())
    assert f"  - name: {authors[1]}\n" in head


def test_actions_are_those_of_a_commit():
    workflows = tracked(".github/workflows/*.yml")
    used = [line for path in workflows for line in re.findall(r"uses: (.*)", path.read_text())]
    assert len(used) > 8
    assert all(re.fullmatch(r"[\w/-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+", line) for line in used)
