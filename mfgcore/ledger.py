"""The claims ledger, made of findings of :mod:`mfgcore.claims`: JSON, Markdown and a picture."""

import dataclasses
import html
import json
import textwrap
from collections.abc import Iterable, Sequence
from typing import Any

import matplotlib
import numpy as np
from matplotlib.figure import Figure

from mfgcore.claims import FAILS, HOLDS, OPEN
from mfgcore.claims.judging import Finding
from mfgcore.files import StrPath, atomic_path
from mfgcore.plotting import save_figure, style

COLOURS = {HOLDS: "#009E73", FAILS: "#D55E00", OPEN: "#595959"}
# effects beyond are drawn at the edge, with an arrow
REACH = 1.02
TITLE = "The paper's claims"  # another one says that something is out of date
PAGE = (8.27, 11.69)  # inches, A4


def to_records(findings: list[Finding]) -> list[dict[str, Any]]:
    """The findings as plain values; list of dict."""
    records = []
    for finding in findings:
        claim = finding.claim
        records.append(
            {
                "claim": claim.name,
                "text": claim.text,
                "source": claim.source,
                "quantity": claim.quantity,
                "enough": claim.enough,
                "verdict": finding.verdict,
                "note": finding.note,
                "pooled": finding.pooled and dataclasses.asdict(finding.pooled),
                "parts": [
                    {
                        "label": part.label,
                        "rule": part.rule.words(),
                        "verdict": part.verdict,
                        **dataclasses.asdict(part.interval),
                        "interquartile_mean": part.interquartile_mean,
                        "trials_needed": part.needed,
                    }
                    for part in finding.parts
                ],
            }
        )
    return records


def write_json(
    findings: list[Finding],
    glance: Sequence[dict[str, Any]],
    sources: dict[str, Any],
    path: StrPath,
) -> None:
    """Write findings, :func:`mfgcore.claims.at_a_glance` and their sources for programs."""
    content = {"made_from": sources, "at_a_glance": glance, "claims": to_records(findings)}
    _write(json.dumps(content, indent=2) + "\n", path)


def to_markdown(
    findings: list[Finding], glance: Sequence[dict[str, Any]] = (), title: str = TITLE
) -> str:
    """The findings, and :func:`mfgcore.claims.at_a_glance`, for readers; str."""
    lines = [
        "# Does the paper hold?",
        "",
        *([] if title == TITLE else [f"**{'; '.join(title.splitlines())}**", ""]),
        "Each claim is measured by numbers without unit, one for each trial, and decided by their "
        "95 % interval over the trials, shares of violations by whether there is any. "
        "`mfgcore/claims` has the rules, docs/decisions.md (D26) says when they were made. The "
        "intervals are not corrected for the number of comparisons.",
        "",
        "| | claim | made in | verdict |",
        "|---|---|---|---|",
    ]
    for finding in findings:
        claim = finding.claim
        lines.append(f"| {claim.name} | {claim.text} | {claim.source} | **{_verdict(finding)}** |")
    if glance:
        lines += [
            "",
            "## At a glance",
            "",
            "Return (mean ± standard deviation over trials) and exact exploitability at the end; "
            "and the iteration at which the mean return has done 90 % of its rise, before any "
            "increase of the population.",
            "",
            "| | architecture | return | exploitability | 90 % at k |",
            "|---|---|---|---|---|",
        ]
    for row in glance:
        spread = f"{row['discounted_return']:.2f} ± {row['standard_deviation']:.2f}"
        arrived = "never" if row["arrived_at"] is None else row["arrived_at"]
        lines.append(
            f"| {row['experiment']} | {row['architecture']} | {spread} | "
            f"{row['exploitability']:.2f} | {arrived} |"
        )
    for finding in findings:
        claim = finding.claim
        lines += ["", f"## {claim.name}: {finding.verdict}", "", claim.text, ""]
        lines.append(f"*Measured:* {claim.quantity}.")
        if finding.note:
            lines.append(f"*Note:* {finding.note}.")
        if not finding.parts:
            continue
        lines += [
            "",
            "| | effect | 95 % interval | interquartile mean | holds if | trials | verdict |",
            "|---|---|---|---|---|---|---|",
        ]
        for part in finding.parts:
            cells = [part.label, *_interval(part.interval), _number(part.interquartile_mean)]
            cells += [part.rule.words(), f"{part.interval.trials}", part.verdict + _needed(part)]
            lines.append("| " + " | ".join(cells) + " |")
        if finding.pooled is not None:
            estimate, span = _interval(finding.pooled)
            lines.append(f"| mean of these | {estimate} | {span} | | | | |")
    return "\n".join(lines) + "\n"


def write_markdown(
    findings: list[Finding], glance: Sequence[dict[str, Any]], path: StrPath, title: str = TITLE
) -> None:
    """Write :func:`to_markdown` to a file."""
    _write(to_markdown(findings, glance, title), path)


def write_html(findings: list[Finding], path: StrPath, title: str = TITLE) -> None:
    """Write the claims and their verdicts as a page that needs nothing else."""
    rows = []
    for finding in findings:
        claim = finding.claim
        effects = "<br>".join(
            f"{html.escape(part.label)}: {_number(part.interval.estimate)} "
            f"[{_number(part.interval.low)}, {_number(part.interval.high)}]"
            for part in finding.parts
        )
        effects += html.escape(finding.note)
        cells = (claim.name, html.escape(claim.text), html.escape(claim.source), effects)
        row = "".join(f"<td>{cell}</td>" for cell in cells)
        style = f' style="color: {COLOURS[finding.verdict]}"'
        verdict = f"<td{style}><b>{html.escape(_verdict(finding))}</b></td>"
        rows.append(f"<tr>{row}{verdict}</tr>")
    heads = ("", "claim", "made in", "effects with 95 % intervals", "verdict")
    page = (
        '<!doctype html><html lang="en"><meta charset="utf-8"><title>Claims</title><style>'
        "body { font: 14px sans-serif; margin: 1em; } td, th { vertical-align: top; padding: 4px "
        "8px; border-bottom: 1px solid #ddd; text-align: left; }</style>"
        f"<h1>{html.escape(title)}</h1><table><tr>"
        + "".join(f"<th>{head}</th>" for head in heads)
        + f"</tr>{''.join(rows)}</table></html>\n"
    )
    _write(page, path)


def _write(text, path):
    with atomic_path(path) as temporary:
        temporary.write_text(text, encoding="utf-8")


def _number(value):
    return f"{value:.3f}" if abs(value) < 100 else f"{value:.3g}"


def _interval(found):
    return _number(found.estimate), f"{_number(found.low)} to {_number(found.high)}"


def _needed(part):
    return "" if part.needed is None else f" (some {part.needed:,} trials would settle it)"


def _verdict(finding):
    """The verdict in a few words: of how many parts, and what would settle it."""
    if not finding.parts:
        return finding.verdict
    agreed = sum(part.verdict == HOLDS for part in finding.parts)
    enough = ", one is enough" if finding.claim.enough == "any" else ""
    text = f"{finding.verdict} ({agreed} of {len(finding.parts)}{enough})"
    needed = [part.needed for part in finding.parts if part.needed is not None]
    if finding.verdict == OPEN and needed:
        trials = max(needed) if finding.claim.enough == "all" else min(needed)
        text += f", some {trials:,} trials would settle it"
    return text


@style()
def plot_ledger(findings: list[Finding], outputs: Iterable[StrPath], title: str = TITLE) -> None:
    """A forest plot on one page: every part's effect and interval, and what the claim says."""
    blocks = [_rows(finding) for finding in findings]
    columns = _halves(blocks)
    figure = Figure(figsize=PAGE)
    axes = figure.subplots(1, 2)
    figure.subplots_adjust(left=0.185, right=0.985, bottom=0.04, top=0.945, wspace=0.6)
    longest = max(sum(len(rows) for rows in blocks) for blocks in columns)
    for axis, blocks in zip(axes, columns, strict=True):
        _draw_column(axis, [row for rows in blocks for row in rows], longest)
    figure.suptitle(
        f"{title}: effects with 95 % intervals over trials\n"
        "shaded: where the claim says that the effect is; arrows: beyond the axis",
        fontsize=8.5,
        y=0.985,
    )
    with matplotlib.rc_context({"savefig.dpi": 105}):  # a page has many pixels
        save_figure(figure, outputs)


def _rows(finding):
    """What a claim needs in the plot: lines of text, then one row for each part."""
    heading = f"{finding.claim.name}  {finding.claim.text}"
    return [
        *((line, "black", "normal") for line in textwrap.wrap(heading, 62)),
        (f"→ {_verdict(finding)}", COLOURS[finding.verdict], "bold"),
        *finding.parts,
        None,
    ]


def _halves(blocks):
    """Two columns of about the same length, without parting a block."""
    lengths = np.cumsum([len(rows) for rows in blocks])
    cut = 1 + int(np.argmin(np.abs(lengths - lengths[-1] / 2.0)))
    return blocks[:cut], blocks[cut:]


def _draw_column(axis, rows, longest):
    def write(place, left, text, size, **look):
        beside = axis.get_yaxis_transform()
        axis.text(left, place, text, transform=beside, fontsize=size, va="center", **look)

    for place, row in enumerate(rows):
        if row is None:
            continue
        if isinstance(row, tuple):
            text, colour, weight = row
            write(place, -0.56, text, 5.4, color=colour, fontweight=weight)
            continue
        write(place, -0.03, row.label, 5.2, ha="right")
        low, high = np.clip(row.rule.region(), -REACH, REACH)
        axis.barh(place, high - low, left=low, height=0.9, color="0.92", zorder=0)
        colour, found = COLOURS[row.verdict], row.interval
        ends = np.clip([found.low, found.high], -REACH, REACH)
        axis.plot(ends, [place, place], color=colour, lw=1.1, solid_capstyle="butt")
        beyond = abs(found.estimate) > REACH
        marker = ("<" if found.estimate < 0 else ">") if beyond else "o"
        middle = np.clip(found.estimate, -REACH, REACH)
        axis.plot(middle, place, marker, color=colour, ms=2.6, clip_on=False)
    axis.axvline(0.0, color="0.4", lw=0.5, zorder=1)
    axis.set(ylim=(longest, -1), xlim=(-REACH, REACH), yticks=[], xlabel="effect (no unit)")
    axis.spines["left"].set_visible(False)
    axis.tick_params(labelsize=6)
