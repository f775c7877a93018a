"""The ledger in its forms, and the one that is kept."""

import dataclasses
import itertools
import json

import make_ledger
import numpy as np
import pytest
from PIL import Image
from worlds import GAMES, THEORY, world

from mfgcore.study import generality_figures, ledger, readings_figures
from mfgcore.study.claims import (
    CLAIMS,
    DEPENDS,
    FAILS,
    HOLDS,
    Evidence,
    judge,
    judge_one,
    summary,
)


@pytest.fixture(scope="module")
def ideal():
    return world()


def test_the_ledger_says_the_same_in_every_form(ideal, tmp_path):
    evidence = world(ideal, fig1={"time": {"networked": 30}})
    findings, glance = judge(evidence, seed=1), summary(evidence)
    paths = [tmp_path / f"claims.{ending}" for ending in ("json", "md", "pdf", "png", "html")]
    before = {
        "C1": {"verdict": HOLDS, "reason": "another window"},
        "C2": {"verdict": HOLDS, "reason": "Kept"},
        "C3": {"verdict": HOLDS, "reason": "P"},
    }
    ledger.write_json(findings, glance, {"experiments": {}}, paths[0], before)
    ledger.write_markdown(findings, glance, paths[1], before=before)
    ledger.plot_ledger(findings, paths[2:4])
    ledger.write_html(findings, paths[4], before=before)
    records = json.loads(paths[0].read_text())["claims"]
    text, page = paths[1].read_text(), paths[4].read_text()
    for record, finding in zip(records, findings, strict=True):
        assert record["verdict"] == finding.verdict
        assert f"## {record['claim']}: {finding.verdict}" in text
        estimates = [found.interval.estimate for found in finding.parts]
        assert [part["estimate"] for part in record["parts"]] == estimates
    assert records[0]["before"] == before["C1"]
    assert records[1]["before"] == {"verdict": HOLDS, "reason": ledger.SAME_QUANTITY}
    assert records[2]["before"] == {"verdict": HOLDS, "reason": ""}  # as now
    assert records[3]["before"] is None
    for form in (text, page):
        assert "does not hold (1 of 2)" in form
        assert "holds: another window" in form
    assert paths[2].read_bytes().startswith(b"%PDF")
    for heading in ("What the paper conjectures", "Our own hypotheses"):
        assert heading in text
        assert heading in page


def test_the_claims_are_in_the_order_of_their_names(ideal):
    names = [finding.claim.name for finding in judge(Evidence({}), seed=1)]
    assert names[:8] == ["C1", "C2", "C3", "C4", "C4b", "C5", "C5c", "C6"]
    assert names[-3:] == ["C31", "H1", "H2"]


def test_a_verdict_that_depends_names_what_it_depends_on(ideal):
    finding = judge_one(CLAIMS["C3"], ideal, seed=1)
    ways = {"end": FAILS, "best ten iterations": HOLDS}
    text = ledger.to_markdown([dataclasses.replace(finding, verdict=DEPENDS, ways=ways)])
    assert "**depends (end does not hold; best ten iterations holds)**" in text
    readings = dict.fromkeys(("D1 torus", "sixth version"), FAILS)
    text = ledger.to_markdown([dataclasses.replace(finding, verdict=DEPENDS, readings=readings)])
    assert "**depends (holds under ours; does not hold under D1 torus, sixth version)**" in text


TO_XYZ = np.array([[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]])
BLINDNESS = {
    "none": np.eye(3),
    "deuteranopia": [[0.367, 0.861, -0.228], [0.280, 0.673, 0.047], [-0.012, 0.043, 0.969]],
    "protanopia": [[0.152, 1.053, -0.205], [0.115, 0.786, 0.099], [-0.004, -0.048, 1.052]],
}


def _lightness_and_hue(colour, blindness):
    """CIE L*a*b* of a colour as a colour-blind reader sees it (Machado et al. 2009)."""
    red_green_blue = np.array([int(colour[i : i + 2], 16) for i in (1, 3, 5)]) / 255.0
    linear = np.where(
        red_green_blue <= 0.04045, red_green_blue / 12.92, ((red_green_blue + 0.055) / 1.055) ** 2.4
    )
    seen = np.clip(np.array(blindness) @ linear, 0.0, 1.0)
    to_xyz = np.array(
        [[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]]
    )
    xyz = to_xyz @ seen / np.array([0.9505, 1.0, 1.089])
    x, y, z = np.where(xyz > 0.008856, np.cbrt(xyz), 7.787 * xyz + 16.0 / 116.0)
    return np.array([116.0 * y - 16.0, 500.0 * (x - y), 200.0 * (y - z)])


@pytest.mark.parametrize("kind", BLINDNESS)
def test_colours_of_verdicts_are_told_apart(kind):
    """A difference of 2.3 is just noticed; these are small marks and text."""
    seen = [_lightness_and_hue(colour, BLINDNESS[kind]) for colour in ledger.COLOURS.values()]
    for one, other in itertools.combinations(seen, 2):
        assert np.linalg.norm(one - other) > 20.0


def test_a_glance_tells_where_it_ends_and_when(ideal):
    glance = summary(ideal)
    assert len(glance) == len(GAMES) * 3
    row = glance[8]
    assert (row["experiment"], row["architecture"]) == ("fig3", "networked")
    assert row["discounted_return"] == pytest.approx(9.35, abs=0.05)
    assert row["exploitability"] == pytest.approx(0.3, abs=0.01)
    assert row["arrived_at"] in (9, 10)  # 90 % to the bit, but for the noise
    shown = f"| fig3 | networked | {row['discounted_return']:.2f} ± "
    assert shown in ledger.to_markdown([], glance)


def test_the_kept_ledger_is_that_of_the_kept_data(tmp_path, monkeypatch):
    def blank(figure, paths):  # what is drawn is looked at elsewhere
        for path in paths:
            Image.new("RGB", (9, 9)).save(path)

    for module in (ledger, readings_figures, generality_figures):
        monkeypatch.setattr(module, "save_figure", blank)
    kept = make_ledger.read(make_ledger.GALLERY / "data")
    make_ledger.make(kept, tmp_path)
    make_ledger.make_more(kept, tmp_path, tmp_path)
    tables = [f"{name}.{ending}" for name in ("readings", "generality") for ending in ("csv", "md")]
    for name in ("claims.json", "claims.md", *tables):
        assert (tmp_path / name).read_bytes() == (make_ledger.GALLERY / name).read_bytes(), name
    closest = (make_ledger.ROOT / "config/closest.yaml").read_bytes()
    assert (tmp_path / "closest.yaml").read_bytes() == closest


def test_the_kept_data_are_read_by_their_names(ideal, tmp_path):
    """As judged from memory, to the single precision of the files."""
    for name, dataset in (ideal.experiments | ideal.comparisons).items():
        dataset.to_netcdf(tmp_path / f"{name}.nc")
    effects = {name: {part: list(of) for part, of in ideal.theory[name].items()} for name in THEORY}
    (tmp_path / "theory.json").write_text(json.dumps(effects))
    read = make_ledger.read(tmp_path)
    for name in ("C1", "C13", "C26"):
        parts = judge_one(CLAIMS[name], read, seed=1).parts
        expected = judge_one(CLAIMS[name], ideal, seed=1).parts
        assert [found.interval for found in parts] == [found.interval for found in expected]


def test_earlier_verdicts_and_effects_stand_beside_with_what_changed():
    before = make_ledger.before()
    assert before["C1"]["verdict"] == "holds"
    assert before["C1"]["reason"] == (
        "area between the curves until the first has done 90 % of its rise; time of 90 %; time "
        "of 50 %. Kept"
    )
    assert before["H1"]["verdict"] == "does not hold"
    assert before.keys() - CLAIMS.keys() == {"C4c", "C5b"}  # H1, and a way of C5
    assert [record["claim"] for record in before["C5"]["effects"]] == ["C5", "C5b"]
    text = (make_ledger.GALLERY / "claims.md").read_text(encoding="utf-8")
    own = text[text.index("## C1: ") : text.index("## C2: ")]
    measured, old = own.split("*Before:* area between the two return curves")
    for parts in (measured, old):
        assert "| fig1, than centralised" in parts
    assert "| fig1, than centralised | 0.250 | 0.197 to 0.294 |" in old


def test_the_summary_has_every_claim_with_its_verdict(tmp_path, monkeypatch):
    findings = judge(Evidence({}, {}, {}), 1)
    findings[0] = dataclasses.replace(findings[0], verdict=DEPENDS)
    drawn = []
    monkeypatch.setattr(ledger, "save_figure", lambda figure, outputs: drawn.append(figure))
    ledger.plot_verdicts(findings, [tmp_path / "verdicts.png"])
    texts = [text.get_text() for axis in drawn[0].axes for text in axis.texts]
    for finding in findings:
        assert texts[texts.index(finding.claim.name) - 1] == finding.verdict
    assert "1 depends, 41 not judged" in drawn[0].texts[0].get_text()
