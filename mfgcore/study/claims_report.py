"""The claims report as JSON, Markdown and HTML."""

import dataclasses
import html
import json
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd
import xarray as xr

from mfgcore._base.files import StrPath, write_text
from mfgcore.study.claims import DEPENDS, FAILS, HOLDS, KINDS, NOT_JUDGED, ClaimResult, by_group
from mfgcore.study.report_style import COLOURS, markdown_table

TITLE = "The paper's claims"  # another one says that something is out of date
HEAD = ["", "claim", "made in", "effects with 95 % intervals", "verdict"]
MOST_SHOWN = 4  # effects of a claim in its line; of more there is the range
CHECKS = "Consistency checks, which could hardly come out another way: not counted"
SECTIONS = {
    "What the paper shows, proves, or says of its parameters": ("R", "T", "P"),
    'What the paper conjectures ("may", "likely")': ("J",),
    CHECKS: (),
    "Our own hypotheses: not counted": ("H",),
    "Questions that the verdicts raised, answered post hoc: not counted": ("X",),
}
COUNTED = "RTPJ"  # kinds of claims
PLURAL = {HOLDS: "hold", FAILS: "do not hold", DEPENDS: "depend"}
INTRODUCTION = (
    "Each claim is decided by effects with 95 % intervals over trials, in brackets, and by the "
    "smallest effect size of interest. Here are the effects that decide, or "
    "their range; claims.json, beside this page, has all, and docs/protocol.md rules and units: "
    "*gain* is all that can be earned by learning in a game, *split* what depends on how "
    "the population divides. *Inconclusive*: the interval is too wide to decide; *borderline*: it "
    "is narrow, and the effect too near to the threshold, or too small."
)
LIMITS = (
    '"Depends" can only be added to, as one more estimand or interpretation can bring it about and '
    "none can undo it; and nothing controls the error over all claims together."
)
SUMMARY = (
    "Return (mean ± standard deviation over trials) and exact exploitability at the end; and the "
    "iteration at which the mean return has done 90 % of its rise, before any increase of the "
    "population."
)


def to_records(results: Sequence[ClaimResult]) -> list[dict[str, Any]]:
    """The results as plain values; list of dict."""
    return [
        {
            "claim": result.claim.name,
            "text": result.claim.text,
            "source": result.claim.source,
            "kind": KINDS[result.claim.kind],
            "quantity": result.claim.quantity,
            "enough": result.claim.enough,
            "check": result.claim.check,
            "verdict": result.verdict,
            "estimands": result.estimands,
            "interpretations": result.interpretations,
            "note": result.note,
            "effects": [
                {
                    "label": each.effect.label,
                    "estimand": each.effect.estimand,
                    "counted": each.effect.counted,
                    "rule": each.effect.rule.words(each.effect.normaliser),
                    "normaliser": each.effect.normaliser,
                    "threshold": each.effect.rule.threshold,
                    "margin": each.effect.rule.margin,
                    "verdict": each.verdict,
                    "corrected": each.corrected,
                    **dataclasses.asdict(each.interval),
                    "interquartile_mean": each.interquartile_mean,
                }
                for each in result.effects
            ],
        }
        for result in results
    ]


def sources(datasets: Mapping[str, xr.Dataset]) -> dict[str, dict[str, Any]]:
    """Trials, CPU time and code fingerprint of datasets, by their names; dict of dict."""
    return {
        name: {
            "trials": dataset.sizes["trial"],
            "cpu_seconds": round(float(dataset.attrs["cpu_seconds"]), 1),
            "fingerprint": dataset.attrs["fingerprint"],
            **({"outdated": outdated} if (outdated := dataset.attrs.get("outdated")) else {}),
        }
        for name, dataset in datasets.items()
    }


def write_json(
    results: Sequence[ClaimResult],
    summary: Sequence[Mapping[str, Any]],
    sources: Mapping[str, Any],
    path: StrPath,
) -> None:
    """Write results, `mfgcore.study.claims.summary` and their sources for programs."""
    content = {"made_from": sources, "summary": summary, "claims": to_records(results)}
    write_text(path, json.dumps(content, indent=2) + "\n")


def to_markdown(
    results: Sequence[ClaimResult],
    summary: Sequence[Mapping[str, Any]] = (),
    title: str = TITLE,
) -> str:
    """The results, and `mfgcore.study.claims.summary`, for readers; str."""
    lines = ["# Does the paper hold?", ""]
    lines += [] if title == TITLE else [f"**{'; '.join(title.splitlines())}**", ""]
    lines += [INTRODUCTION, "", f"**{tally(results)}.** {LIMITS}"]
    for section, own in by_section(results):
        rows = [[*cells, f"**{verdict}**"] for *cells, verdict in map(_row, own)]
        lines += ["", f"## {section}", "", *markdown_table(HEAD, rows)]
    if summary:
        rows = [
            [
                row["experiment"],
                row["architecture"],
                f"{row['discounted_return']:.2f} ± {row['standard_deviation']:.2f}",
                f"{row['exploitability']:.2f}",
                "never" if row["learned_at"] is None else row["learned_at"],
            ]
            for row in summary
        ]
        head = ["", "architecture", "return", "exploitability", "90 % at k"]
        lines += ["", "## Summary", "", SUMMARY, "", *markdown_table(head, rows)]
    return "\n".join(lines) + "\n"


def _row(result):
    """Cells of :data:`HEAD` on one claim."""
    claim = result.claim
    effects = [
        "{}: {} [{}]".format(each.effect.label, *interval_text(each)) for each in result.deciding
    ]
    if len(effects) > MOST_SHOWN:
        estimates = sorted(result.deciding, key=lambda each: each.interval.estimate)
        lowest, highest = (interval_text(estimates[end])[0] for end in (0, -1))
        effects = [f"{len(effects)} effects, from {lowest} to {highest}"]
    if result.note:
        effects.append(result.note)
    return [claim.name, claim.text, claim.source, "; ".join(effects), describe(result)]


def write_html(results: Sequence[ClaimResult], path: StrPath, title: str = TITLE) -> None:
    """Write the claims and their verdicts as a self-contained page."""
    page = (
        '<!doctype html><html lang="en"><meta charset="utf-8"><title>Claims</title><style>body '
        "{ font: 14px sans-serif; margin: 1em; } td, th { vertical-align: top; text-align: left; "
        "padding: 4px 8px; border-bottom: 1px solid #ddd; }</style>"
        f"<h1>{html.escape(title)}</h1>"
    )
    for section, own in by_section(results):
        page += f"<h2>{html.escape(section)}</h2>"
        rows = pd.DataFrame(map(_row, own), columns=HEAD)
        page += rows.to_html(index=False, border=0, bold_rows=False)
    write_text(path, page + "</html>\n")


def by_section(results: Sequence[ClaimResult]) -> list[tuple[str, list[ClaimResult]]]:
    """The results of each section that has some; list of (str, list of ClaimResult)."""
    own: dict[str, list[ClaimResult]] = {section: [] for section in SECTIONS}
    of_kind = {kind: section for section, kinds in SECTIONS.items() for kind in kinds}
    for result in results:
        own[CHECKS if result.claim.check else of_kind[result.claim.kind]].append(result)
    return [(section, found) for section, found in own.items() if found]


def tally(results: Sequence[ClaimResult]) -> str:
    """Number of counted claims with each verdict, and of what is not counted; str."""
    paper = [result for result in results if result.claim.kind in COUNTED]
    counted = [result for result in paper if not result.claim.check]
    checks = [result for result in paper if result.claim.check]
    texts = [f"{len(counted)} claims: {_verdicts(counted)}"]
    texts += [f"{len(checks)} consistency checks: {_verdicts(checks)}"] if checks else []
    return "; ".join(texts)


def _verdicts(results):
    counts = Counter(result.verdict for result in results)
    return ", ".join(
        f"{n} {verdict if n == 1 else PLURAL.get(verdict, verdict)}"
        for verdict in (*COLOURS, NOT_JUDGED)
        if (n := counts[verdict])
    )


def describe(result: ClaimResult) -> str:
    """The verdict, with the number of effects that hold, or what it depends on; str."""
    if not result.effects:
        return result.verdict
    if result.verdict == DEPENDS:
        verdicts = result.estimands.items()
        on = [f"{name} {verdict}" for name, verdict in verdicts if verdict in (HOLDS, FAILS)]
        if not {HOLDS, FAILS} <= set(result.estimands.values()):
            on = [f"{next(iter(result.estimands.values()))} under the baseline interpretation"]
        if result.interpretations:
            on.append(_reversals(result))
        return f"{DEPENDS} ({'; '.join(on)})"
    groups = by_group(result.deciding)
    one = result.claim.enough == "one"
    agreed = sum((corrected if one else plain) == HOLDS for plain, corrected in groups)
    return f"{result.verdict} ({agreed} of {len(groups)}{', one is enough' if one else ''})"


def _reversals(result):
    names: dict[str, list[str]] = {}
    for name, verdict in result.interpretations.items():
        names.setdefault(verdict, []).append(name)
    return "; ".join(f"{verdict} under {', '.join(group)}" for verdict, group in names.items())


def interval_text(each: Any) -> tuple[str, str]:
    """Estimate with its unit, and interval, of an EffectResult; str each."""
    found = each.interval
    estimate = f"{_number(found.estimate)} {each.effect.normaliser}".strip()
    return estimate, f"{_number(found.low)}, {_number(found.high)}"


def _number(value):
    return f"{value:.3f}" if abs(value) < 100 else f"{value:.3g}"
