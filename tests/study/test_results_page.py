"""Numbers of the pages of findings are those of the tables that they name."""

import json
import re
from itertools import combinations

import pandas as pd
import pytest
import xarray as xr
from project import ROOT

from mfgcore.study.claims import normalisers
from mfgcore.study.claims.evidence import INTERPRETATIONS
from mfgcore.study.keep_data import DATA, GALLERY
from mfgcore.study.law import data
from mfgcore.study.law.predictions import LEVEL, gains_and_leads, progress_cells

LEDGER = json.loads((GALLERY / "claims.json").read_text(encoding="utf-8"))
EFFECTS = {record["claim"]: record["effects"] for record in LEDGER["claims"]}
NUMBER = r"(?<![\w.:/])\d+\.\d+(?!\.?\w)"
SHARES = re.compile(r"(?<![\w.])(\d+(?:\.\d+)?)(?: to (\d+(?:\.\d+)?))? %")
TIMES = re.compile(r"90 % at k = ([\d, and(gist]+)")
BOUNDS = {"90", "95"}  # per cent: of a rise, of an interval


def summary_numbers():
    """Returns, exploitabilities and spreads of the six figures, and differences within a figure."""
    keys = "discounted_return", "exploitability"
    for row in LEDGER["summary"]:
        yield from (row[key] for key in (*keys, "standard_deviation"))
    for one, other in combinations(LEDGER["summary"], 2):
        if one["experiment"] == other["experiment"]:
            yield from (one[key] - other[key] for key in keys)


def effect_numbers(claims):
    """Estimates, bounds, margins and levels of the effects of some claims."""
    for effect in (each for claim in claims for each in EFFECTS[claim]):
        keys = "estimate", "low", "high", "margin", "threshold"
        yield from (effect[key] for key in keys)
        yield from map(float, re.findall(r"(?<=[=])[\d.]+", effect["label"]))


def units():
    """The split in agree and diffuse."""
    for name in ("fig1", "fig2"):
        with xr.open_dataset(DATA / f"{name}.nc") as dataset:
            yield normalisers.split(dataset)


def costs():
    """CPU minutes of the figures, of all of them at the paper's trials, and of the comparisons."""
    figures, others = LEDGER["made_from"].values()
    paper = {name: 4 if name == "fig6" else 10 for name in figures}
    scaled = (each["cpu_seconds"] * paper[key] / each["trials"] for key, each in figures.items())
    totals = (sum(each["cpu_seconds"] for each in group.values()) for group in (figures, others))
    return [seconds / 60.0 for seconds in (*totals, sum(scaled), figures["fig1"]["cpu_seconds"])]


def stated(text, pool, shares=1.0):
    """Whether a number as it is written, or as a share, is one of the pool rounded; bool."""
    digits = len(text.partition(".")[2])
    bound = 0.5 * 10.0**-digits + 1e-6
    return any(abs(abs(each) / shares - float(text)) <= bound for each in pool)


def paragraphs(page, begin):
    text = (ROOT / page).read_text(encoding="utf-8").partition(begin)[2].partition("## Use it")[0]
    text = re.sub(r"(?ms)^```.*?^```|^\|.*?$|!?\[.*?\]\(.*?\)", "", text)
    text = re.sub(r"(?:Sec\.|App\.|arXiv:) ?[\w.]+|`.*?`", "", text)
    return re.split(r"\n(?=\n|- )", text)


@pytest.mark.parametrize(
    ("page", "begin"),
    [("README.md", "## Does the paper hold?"), ("docs/results.md", "## The claims")],
)
def test_numbers_are_those_of_the_claims_that_are_named_beside_them(page, begin):
    everywhere = [*summary_numbers(), *units(), *costs()]
    checked = 0
    for paragraph in paragraphs(page, begin):
        claims = [name for name in re.findall(r"\b[CHX]\d+[bc]?\b", paragraph) if name in EFFECTS]
        pool = [*everywhere, *effect_numbers(claims)]
        for number in re.findall(NUMBER + r"(?! %| to [\d.]+ %)", paragraph):
            assert stated(number, pool), (number, paragraph)
            checked += 1
        for number in (each for both in SHARES.findall(paragraph) for each in both):
            if number and number not in BOUNDS:
                assert stated(number, pool, 0.01), (number, paragraph)
                checked += 1
    assert checked > 1


def test_the_law_is_told_with_its_numbers():
    law = data.read()
    text = (ROOT / "docs/results.md").read_text(encoding="utf-8").partition("## The claims")[0]
    text = " ".join(text.split())
    iterations, needed = {}, {}
    for agents, _, _, runs in progress_cells(law, "random"):
        first = (runs.returns >= LEVEL).argmax(axis=1) + 1
        iterations.setdefault(agents, []).append(round(first.mean()))
        needed.setdefault(agents, []).append(round(runs.progress_at(LEVEL).mean()))
    low, high = min(iterations[50]), max(iterations[50])
    assert f"50 agents need {low} to {high} iterations until their return is {LEVEL:g}" in text
    assert f"they all need {min(needed[50])} to {max(needed[50])} successful updates" in text
    assert f"ten agents {min(needed[10])} to {max(needed[10])}:" in text
    table = pd.read_csv(GALLERY / "law.csv", dtype={"prediction": str})
    games = table[table["prediction"] == "2a"]
    assert f"In {games['held'].sum()} of {len(games)} random games" in text
    known = sum(name == "known" for name, *_ in gains_and_leads(law, "sigma", "known"))
    correlation = table[table["prediction"] == "2b"]["estimate"].item()
    words = ["zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine"]
    assert f"these and {words[known]} known games" in text
    assert f"the rank correlation of the two is {correlation:.2f} (2b)" in text
    ahead = max(found.estimate for *_, found in gains_and_leads(law, "sigma", "selection"))
    assert f"ahead by up to {ahead:.2f} of the rise" in text
    rules = pd.read_csv(GALLERY / "score_rules.csv")
    games = rules[rules["kind"].isin(["fresh", "known"]) & (rules["disturbance"] == "undisturbed")]
    aims = pd.crosstab(games["rule"], games["aim"])
    reached, missed = (aims.loc["return", aim] for aim in ("reached", "missed"))
    assert missed == 0
    assert f"return does so in {reached} of {aims.loc['return'].sum()}, and falls short in" in text
    assert f"The paper's falls short in {aims.loc['sigma', 'missed']}." in text
    assert f"Q-function falls short in {aims.loc['expected', 'missed']}," in text
    few = rules[(rules["kind"] == "few loops") & (rules["game"] == "agree")].set_index("rule")[
        "lead"
    ]
    said = (
        f"behind that learner by {-few['return']:.2f} of the rise, and the expected gain ahead by"
    )
    assert f"{said} {few['expected']:.2f}" in text


def test_times_are_those_of_the_summary():
    learned = {}
    for row in LEDGER["summary"]:
        learned.setdefault(row["experiment"][-1], set()).add(row["learned_at"])
    text = (ROOT / "docs/results.md").read_text(encoding="utf-8").replace("\n", " ")
    found = 0
    for figure, section in re.findall(r"\*\*Figure (\d)\.(.*?)(?=\*\*Figure|## )", text):
        for times in TIMES.findall(section):
            assert set(map(int, re.findall(r"\d+", times))) == learned[figure], figure
            found += 1
    assert found == 4


def test_the_page_has_the_effects_in_other_games():
    rows = (ROOT / "docs/results.md").read_text(encoding="utf-8").splitlines()
    table = (GALLERY / "generality.md").read_text(encoding="utf-8").replace("\u2212", "-")
    table = table.replace("+", "").splitlines()
    cells = [row for row in rows if re.search(r"\| (independent|centralised) \| \S+ \(", row)]
    disturbance = ""
    for row in cells:
        disturbance, against, *effects = (
            new or disturbance for new in map(str.strip, row.strip("|").split("|"))
        )
        [line] = [each for each in table if each.startswith(f"| {disturbance} | {against} | ")]
        for cell, effect in zip(line.split(" | ")[4:6], effects, strict=True):
            assert cell.startswith(effect), row
    assert len(cells) == 6


def test_the_initial_value_keeps_the_exploitability_up():
    with xr.open_dataset(DATA / f"{INTERPRETATIONS}.nc") as dataset:
        found = dataset["exact_exploitability"].sel(variant="networked", setting="Q starts at 5")
        for game in ("agree", "diffuse"):
            ends = found.sel(scenario=f"{game}, failing").dropna("trial", how="all")
            assert ends.sizes["trial"] == 8
            assert (ends.dropna("iteration")[:, -1] < 1e-4).all()


def test_the_front_page_has_the_tally():
    [counts] = re.findall(
        r"Of (\d+) claims of the paper (\d+) hold, (\d+) do not, (\d+) depend.*?"
        r"and (\d+) are borderline",
        (ROOT / "README.md").read_text("utf-8"),
    )
    judged = [each for each in LEDGER["claims"] if each["claim"][0] == "C" and not each["check"]]
    counted = [each["verdict"] for each in judged]
    verdicts = "holds", "does not hold", "depends", "borderline"
    assert list(map(int, counts)) == [len(counted), *map(counted.count, verdicts)]
