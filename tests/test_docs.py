"""What the README and the gallery show is what was found."""

import dataclasses
import hashlib
import inspect
import json
import re
from pathlib import Path

import make_tables
import pytest
from project import ROOT

from mfgcore.claims import CLAIMS
from mfgcore.games import GAMES

GALLERY = ROOT / "docs/gallery"


def test_the_readme_has_the_verdicts_of_the_ledger():
    ledger = (GALLERY / "claims.md").read_text(encoding="utf-8")
    found = re.findall(r"(?m)^\| (C\w+) \| (.*?) \| .*? \| \*\*(.*?)\*\* \|$", ledger)
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    shown = re.findall(r"(?m)^\| (C\w+) \| (.*?) \| (.*?) \|$", readme)
    assert shown == found
    assert {name: text for name, text, _ in shown} == {
        name: claim.text for name, claim in CLAIMS.items()
    }


def test_the_ledger_is_the_same_for_programs_and_readers():
    records = json.loads((GALLERY / "claims.json").read_text(encoding="utf-8"))["claims"]
    text = (GALLERY / "claims.md").read_text(encoding="utf-8")
    verdicts = [(record["claim"], record["verdict"]) for record in records]
    assert re.findall(r"(?m)^## (C\w+): (.*)$", text) == verdicts


def test_the_gallerys_figures_are_those_of_its_provenance():
    provenance = json.loads((GALLERY / "provenance.json").read_text(encoding="utf-8"))
    checksums = {
        Path(path).name: checksum for path, checksum in provenance["figures_sha256"].items()
    }
    for picture in GALLERY.glob("fig*.png"):
        content = picture.read_bytes()
        assert hashlib.sha256(content).hexdigest() == checksums[picture.name]
    for picture in GALLERY.glob("*.png"):
        assert picture.stat().st_size < 300_000, picture.name


@pytest.mark.parametrize("document", make_tables.TABLES)
def test_the_tables_follow_from_the_code(document):
    text = (ROOT / document).read_text(encoding="utf-8")
    assert make_tables.TABLES[document]() in text
    assert make_tables.up_to_date(document) == text


@pytest.mark.parametrize("name", GAMES)
def test_the_page_of_games_shows_every_game(name):
    page = (ROOT / "docs/games.md").read_text(encoding="utf-8")
    section = re.search(rf"(?ms)^## {name}\n(.*?)(?=^## |\Z)", page)[1]
    assert inspect.getdoc(GAMES[name]) in section
    assert all(f"`{field.name}` " in section for field in dataclasses.fields(GAMES[name]))
    assert f"](games/{name}.png)" in section
    assert (ROOT / f"docs/games/{name}.png").stat().st_size < 60_000
    stated = float(re.search(r"Exploitability ([-\de.]+?)[.;,]?\s", section)[1])
    assert stated < 1e-3 or "which is no equilibrium's" in section


@pytest.mark.parametrize("name", GAMES)
def test_every_game_names_its_source(name):
    assert re.search(r"arXiv \d{4}\.\d{5}|github\.com/", inspect.getdoc(GAMES[name]))


def test_every_picture_that_is_shown_is_there():
    for document in (ROOT / "README.md", *(ROOT / "docs").rglob("*.md")):
        text = document.read_text(encoding="utf-8")
        for target in re.findall(r"\]\((?!https?:|#)([^)#]+)[^)]*\)", text):
            assert (document.parent / target).exists(), (document.name, target)


def test_the_version_has_one_value():
    versions = [
        re.search(r'(?m)^version = "(.*)"$', (ROOT / "pyproject.toml").read_text())[1],
        re.search(r"(?m)^version: (.*)$", (ROOT / "CITATION.cff").read_text())[1],
        json.loads((ROOT / "codemeta.json").read_text())["version"],
    ]
    assert len(set(versions)) == 1, versions


def test_the_paper_about_the_package_is_within_the_journals_limits():
    """JOSS wants 250 to 1000 words, some sections, and every citation in the bibliography."""
    _, head, text = (ROOT / "paper/paper.md").read_text(encoding="utf-8").split("---\n", 2)
    assert 250 <= len(text.split()) <= 1000
    assert {"Summary", "Statement of need", "References"} <= set(re.findall(r"(?m)^# (.*)$", text))
    entries = re.findall(r"(?m)^@\w+\{(.*),$", (ROOT / "paper/paper.bib").read_text("utf-8"))
    assert sorted(entries) == sorted(set(re.findall(r"@(\w+)", text)))
    authors = re.search(r"(?m)^authors:\n  - name: (.*)$", (ROOT / "CITATION.cff").read_text())
    assert f"  - name: {authors[1]}\n" in head


def test_actions_are_those_of_a_commit():
    workflows = list((ROOT / ".github/workflows").glob("*.yml"))
    used = [line for path in workflows for line in re.findall(r"uses: (.*)", path.read_text())]
    assert len(used) > 8
    assert all(re.fullmatch(r"[\w/-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+", line) for line in used)
