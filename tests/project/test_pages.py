"""The pages of the documentation: links, contents, length, and what they quote."""

import re
import runpy

import make_tables
import pytest
from project import ROOT, tracked

# the most words of each page, without the tables that docs/make_tables.py writes into it
BY_HAND = {
    "README.md": 900,
    "CONTRIBUTING.md": 430,
    "config/README.md": 670,
    "docs/architecture.md": 670,
    "docs/cli.md": 120,
    "docs/cluster.md": 1060,
    "docs/concepts.md": 940,
    "docs/decisions.md": 3050,
    "docs/equilibria.md": 680,
    "docs/explorer.md": 120,
    "docs/extending.md": 2350,
    "docs/files.md": 420,
    "docs/howto.md": 480,
    "docs/protocol.md": 2050,
    "docs/protocol_cooperation.md": 1480,
    "docs/protocol_law.md": 1380,
    "docs/reference.md": 120,
    "docs/related.md": 330,
    "docs/releasing.md": 220,
    "docs/results.md": 2950,
    "docs/theory.md": 1700,
    "docs/troubleshooting.md": 700,
    "docs/gallery/README.md": 300,
    "figures/README.md": 255,
    "verification/README.md": 500,
}
GENERATED = {
    "docs/games.md": 1400,
    "docs/gallery/claims.md": 2200,
    "docs/gallery/cooperation.md": 900,
    "docs/gallery/generality.md": 550,
    "docs/gallery/law.md": 900,
    "docs/gallery/readings.md": 600,
}
ALL_BY_HAND, ALL_GENERATED = 23_000, 8_400
UNLIMITED = {"CHANGELOG.md", "docs/from_mfglib.ipynb", "docs/tutorial.ipynb"}
ARCHIVE = "docs/archive/"  # records, which nobody has to read
NAMES = "README.md", "CONTRIBUTING.md", "CHANGELOG.md", "config/*.md", "figures/*.md"
PAGES = {
    path.relative_to(ROOT).as_posix(): path
    for path in tracked(*NAMES, "verification/*.md", "docs/*.md", "docs/*.ipynb")
}
# what programs say that are not this one
OTHERS = ("Python.h: No such", "gcc: command not found", "Error: Directory cannot be locked")


def text_of(page):
    return PAGES[page].read_text(encoding="utf-8")


def links(page):
    """Files and headings to which a page links, outside of its code; list of (str, str)."""
    text = re.sub(r"(?ms)^```.*?^```|`[^`\n]*`", "", text_of(page))
    return re.findall(r"\]\((?!https?:)([^)#\s]*)#?([^)\s]*)\)", text)


def anchors(page):
    """Names of the headings of a page, as GitHub and MyST make them; set of str."""
    headings = re.findall(r"(?m)^#+ (.*)$", re.sub(r"(?ms)^```.*?^```", "", text_of(page)))
    return {re.sub(r"[^\w\- ]", "", each.lower()).replace(" ", "-") for each in headings}


def target_of(page, file):
    """The page, or other file, to which a page's link leads, from the root; str."""
    path = (PAGES[page].parent / file).resolve() if file else PAGES[page]
    return path.relative_to(ROOT).as_posix()


@pytest.mark.parametrize("page", PAGES)
def test_every_link_leads_somewhere(page):
    for file, heading in links(page):
        target = target_of(page, file)
        assert (ROOT / target).exists(), target
        if heading and target.endswith(".md"):
            assert heading in anchors(target), f"{target}#{heading}"


def test_every_page_is_reached_from_the_front_page():
    reached, new = set(), {"README.md"}
    while new:
        reached |= new
        targets = {target_of(page, file) for page in new for file, _ in links(page)}
        new = (targets & PAGES.keys()) - reached
    assert reached == PAGES.keys()


def test_every_page_is_in_the_contents_of_the_site():
    conf = runpy.run_path(str(ROOT / "docs/conf.py"))
    entries = [entry for entries in conf["CONTENTS"].values() for entry in entries]
    pages = [re.sub(r".*<(.*)>$", r"\1", entry).removeprefix("/") for entry in entries]
    there = [page.rpartition(".")[0] for page in PAGES if page != "README.md"]
    assert sorted(pages) == sorted(there)


def test_a_long_guide_begins_with_links_to_its_sections():
    for page in ("howto", "equilibria", "extending", "cluster", "troubleshooting", "architecture"):
        page = f"docs/{page}.md"
        sections = re.findall(r"(?m)^## (.*)$", re.sub(r"(?ms)^```.*?^```", "", text_of(page)))
        head = text_of(page).partition("\n## ")[0]
        missing = [each for each in sections if f"](#{each.lower().replace(' ', '-')})" not in head]
        assert set(missing) <= {"Components", "Add factors, or an ablation"}, page


def words(text):
    """Number of words: what has a letter or a digit, between spaces; int."""
    return sum(re.search(r"\w", each) is not None for each in text.split())


def words_by_hand(page):
    text = text_of(page)
    for made in make_tables.TABLES.get(page, ()):
        text = text.replace(made(), "")
    return words(text)


def test_no_page_is_longer_than_it_may_be():
    by_hand = {page: words_by_hand(page) for page in PAGES if page in BY_HAND}
    generated = {page: words(text_of(page)) for page in PAGES if page in GENERATED}
    archive = {page for page in PAGES if page.startswith(ARCHIVE)}
    assert by_hand.keys() | generated.keys() | UNLIMITED | archive == PAGES.keys()
    limits = BY_HAND | GENERATED
    assert {p: n for p, n in (by_hand | generated).items() if n > limits[p]} == {}
    assert sum(by_hand.values()) <= ALL_BY_HAND
    tables = sum(words(made()) for each in make_tables.TABLES.values() for made in each)
    assert sum(generated.values()) + tables <= ALL_GENERATED


def test_errors_that_are_explained_are_those_of_the_package():
    """But for words in capitals, which stand for others."""
    sources = [*tracked("mfgcore/*.py"), ROOT / "Makefile"]
    source = "\n".join(path.read_text(encoding="utf-8") for path in sources)
    source = re.sub(r'"\s*\n\s*f?"', "", source)
    quoted = re.findall(r"(?m)^\*\*(`.*?)\*\*", text_of("docs/troubleshooting.md"))
    errors = [error for each in quoted for error in re.findall("`(.*?)`", each)]
    assert len(errors) > 10
    for error in errors:
        if not error.startswith(OTHERS):
            parts = re.split(r"'?\b[A-Z]{1,}\b'?(?: GiB)?|\.\.\.", error)
            assert all(part.strip(" :,().;") in source for part in parts), error


def test_a_verdict_can_be_computed_from_the_kept_data(capsys):
    (code,) = re.findall(r"(?s)```python\n(.*?)```", text_of("docs/files.md"))
    exec(code, {})
    verdict = capsys.readouterr().out.strip()
    assert f"| **{verdict} (" in next(
        line for line in text_of("docs/gallery/claims.md").splitlines() if line.startswith("| C1 |")
    )
