"""What the README and the gallery show is what was found."""

import hashlib
import json
import re
from pathlib import Path

import make_tables
import pytest
from project import ROOT

from mfgcore.claims import CLAIMS

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


def test_every_picture_that_is_shown_is_there():
    for document in (ROOT / "README.md", *(ROOT / "docs").rglob("*.md")):
        text = document.read_text(encoding="utf-8")
        for target in re.findall(r"\]\((?!https?:|#)([^)#]+)[^)]*\)", text):
            assert (document.parent / target).exists(), (document.name, target)
