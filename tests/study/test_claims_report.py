"""The claims report in its forms, and the one that is kept."""

import dataclasses
import html
import itertools
import json

import numpy as np
import pytest
from PIL import Image
from worlds import GAMES, THEORY, world

from mfgcore import ConfigurationError
from mfgcore.pipeline import configuration
from mfgcore.study import (
    SEED,
    claims_plots,
    claims_report,
    external_validity_report,
    interpretations_report,
    keep_data,
    make_ledger,
)
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
from mfgcore.study.report_style import COLOURS


@pytest.fixture(scope="module")
def ideal():
    return world()


def test_the_report_says_the_same_in_every_form(ideal, tmp_path):
    evidence = world(ideal, fig1={"time": {"networked": 30}})
    results, rows = judge(evidence, seed=1), summary(evidence)
    paths = [tmp_path / f"claims.{ending}" for ending in ("json", "pdf", "png", "html")]
    claims_report.write_json(results, rows, {"experiments": {}}, paths[0])
    claims_plots.plot_forest(results, paths[1:3])
    claims_report.write_html(results, paths[3])
    records = json.loads(paths[0].read_text())["claims"]
    text, page = claims_report.to_markdown(results, rows), paths[3].read_text()
    for record, result in zip(records, results, strict=True):
        assert record["verdict"] == result.verdict
        (row,) = (line for line in text.splitlines() if line.startswith(f"| {record['claim']} |"))
        assert f"**{claims_report.describe(result)}**" in row
        shown = sorted(result.deciding, key=lambda each: each.interval.estimate)
        shown = shown if len(shown) <= claims_report.MOST_SHOWN else [shown[0], shown[-1]]
        assert all(claims_report.interval_text(each)[0] in row for each in shown)
        assert html.escape(claims_report.describe(result), quote=False) in page
        estimates = [each.interval.estimate for each in result.effects]
        assert [each["estimate"] for each in record["effects"]] == estimates
    assert "does not hold (1 of 2)" in text
    assert paths[1].read_bytes().startswith(b"%PDF")
    for section in claims_report.SECTIONS:
        assert section in text
        assert html.escape(section) in page


def test_the_claims_are_in_the_order_of_their_names(ideal):
    names = [finding.claim.name for finding in judge(Evidence({}), seed=1)]
    assert names[:8] == ["C1", "C2", "C3", "C4", "C4b", "C5", "C5c", "C6"]
    assert names[-6:] == ["H1", "H2", "X1", "X2", "X3", "X4"]


def test_checks_hypotheses_and_questions_are_not_counted(ideal):
    results = [judge_one(CLAIMS[name], ideal, seed=1) for name in ("C1", "C2", "C24", "H1", "X1")]
    results[1] = dataclasses.replace(results[1], verdict=FAILS)
    assert claims_report.tally(results) == (
        f"2 claims: 1 {HOLDS}, 1 {FAILS}; 1 consistency checks: 1 {HOLDS}"
    )
    sections = [section for section, _ in claims_report.by_section(results)]
    assert [len(own) for _, own in claims_report.by_section(results)] == [2, 1, 1, 1]
    assert sections[1] == claims_report.CHECKS
    everything = judge(Evidence({}), seed=1)
    counted = int(claims_report.tally(everything).split()[0])
    apart = [each for each in everything if each.claim.check or each.claim.kind in "HX"]
    assert counted == len(CLAIMS) - len(apart)


def test_a_verdict_that_depends_names_what_it_depends_on(ideal):
    finding = judge_one(CLAIMS["C3"], ideal, seed=1)
    estimands = {"end": FAILS, "best ten iterations": HOLDS}
    depends = dataclasses.replace(finding, verdict=DEPENDS, estimands=estimands)
    text = claims_report.describe(depends)
    assert text == "depends (end does not hold; best ten iterations holds)"
    reversed_by = dict.fromkeys(("D1 torus", "sixth version"), FAILS)
    depends = dataclasses.replace(finding, verdict=DEPENDS, interpretations=reversed_by)
    assert "does not hold under D1 torus, sixth version)" in claims_report.describe(depends)


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
    seen = [_lightness_and_hue(colour, BLINDNESS[kind]) for colour in COLOURS.values()]
    for one, other in itertools.combinations(seen, 2):
        assert np.linalg.norm(one - other) > 20.0


def test_the_summary_tells_final_performance_and_learning_time(ideal):
    rows = summary(ideal)
    assert len(rows) == len(GAMES) * 3
    row = rows[8]
    assert (row["experiment"], row["architecture"]) == ("fig3", "networked")
    assert row["discounted_return"] == pytest.approx(9.4, abs=0.05)
    assert row["exploitability"] == pytest.approx(0.3, abs=0.01)
    assert row["learned_at"] in (9, 10)  # 90 % to the bit, but for the noise
    shown = f"| fig3 | networked | {row['discounted_return']:.2f} ± "
    assert shown in claims_report.to_markdown([], rows)


def test_the_kept_report_is_that_of_the_kept_data(tmp_path, monkeypatch):
    def blank(figure, paths):  # what is drawn is looked at elsewhere
        for path in paths:
            Image.new("RGB", (9, 9)).save(path)

    for module in (claims_plots, interpretations_report, external_validity_report):
        monkeypatch.setattr(module, "save_figure", blank)
    kept = keep_data.read()
    make_ledger.write_claims(kept, tmp_path)
    make_ledger.write_comparisons(kept, tmp_path)
    tables = [f"{name}.{ending}" for name in ("readings", "generality") for ending in ("csv", "md")]
    for name in ("claims.json", "claims.md", *tables):
        assert (tmp_path / name).read_bytes() == (keep_data.GALLERY / name).read_bytes(), name


def test_the_kept_data_are_read_by_their_names(ideal, tmp_path):
    """As judged from memory, to the single precision of the files."""
    for name, dataset in (ideal.experiments | ideal.comparisons).items():
        dataset.to_netcdf(tmp_path / f"{name}.nc")
    effects = {name: {part: list(of) for part, of in ideal.theory[name].items()} for name in THEORY}
    (tmp_path / "theory.json").write_text(json.dumps(effects))
    read = keep_data.read(tmp_path)
    for name in ("C1", "C13", "C26"):
        parts = judge_one(CLAIMS[name], read, seed=1).effects
        expected = judge_one(CLAIMS[name], ideal, seed=1).effects
        assert [found.interval for found in parts] == [found.interval for found in expected]


def test_the_tally_counts_the_papers_claims_and_the_checks_apart():
    findings = [
        dataclasses.replace(finding, verdict=DEPENDS if finding.claim.check else HOLDS)
        for finding in judge(Evidence({}, {}, {}), 1)
    ]
    checks = sum(finding.claim.check for finding in findings)
    paper = sum(finding.claim.kind in claims_report.COUNTED for finding in findings)
    counts = f"{paper - checks} claims: {paper - checks} hold; "
    counts += f"{checks} consistency checks: {checks} depend"
    assert f"**{counts}.**" in claims_report.to_markdown(findings)


def test_the_headline_has_the_main_effects_of_every_figure(ideal, tmp_path, monkeypatch):
    drawn = []
    monkeypatch.setattr(claims_plots, "save_figure", lambda figure, outputs: drawn.append(figure))
    findings = judge(ideal, 1)
    claims_plots.plot_headline(findings, [tmp_path / "headline.png"])
    speed, loss, end, gap = drawn[0].axes
    rows = [tick.get_text() for tick in speed.get_yticklabels()]
    assert rows == [f"Figure {number}" for number in range(1, 7)]
    for axis, n_effects in ((speed, 12), (loss, 5), (end, 12), (gap, 12)):
        points = [line for line in axis.lines if np.size(line.get_xdata()) == 1]
        assert len(points) == n_effects, axis.get_title()
    price = next(each for each in findings if each.claim.name == "X1").deciding
    expected = sorted(each.interval.estimate for each in price)
    found = [np.ravel(line.get_xdata()) for line in end.lines]
    assert sorted(each[0] for each in found if each.size == 1) == expected
    with pytest.raises(ConfigurationError, match="results"):
        claims_plots.plot_headline([], [tmp_path / "headline.png"])


def test_seed_and_titles_are_those_of_the_configuration():
    names = *configuration.CONFIG_FILES, "config/confirmatory.yaml"
    config = configuration.read([keep_data.ROOT / name for name in names])
    assert config["seed"] == SEED
    for name, title in make_ledger.TITLES.items():
        assert configuration.design(config, "experiments", name).title == title
