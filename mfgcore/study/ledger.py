"""The claims ledger, made of findings of `claims`: JSON, Markdown, a page, a picture.

What writes a ledger can be given `before`, the verdicts of an earlier one: by claim, a dict of its
`verdict`, the `reason` why it may differ and, optionally, its `effects`: the records of the claims
that it was judged by, with `quantity` and `parts`.
"""

import dataclasses
import html
import json
import textwrap
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from mfgcore.plotting.style import literal, save_figure, styled  # before matplotlib

# isort: split
import matplotlib as mpl
import numpy as np
import xarray as xr
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Rectangle
from matplotlib.ticker import NullLocator

from mfgcore._base.files import StrPath, write_text
from mfgcore.plotting.statistics import Interval
from mfgcore.study.claims import (
    DEPENDS,
    FAILS,
    HOLDS,
    KINDS,
    NOT_JUDGED,
    OPEN,
    THRESHOLD,
    Finding,
    by_group,
)

Before = Mapping[str, Mapping[str, Any]]  # what an earlier ledger said
# colour-blind readers tell them apart; the markers serve print
COLOURS = {
    HOLDS: "#009E73",
    FAILS: "#A63603",
    DEPENDS: "#0072B2",
    THRESHOLD: "#D99A00",
    OPEN: "#333333",
    NOT_JUDGED: "#BABABA",
}
MARKERS = {HOLDS: "o", FAILS: "X", THRESHOLD: "D", OPEN: "s"}
# margins; effects beyond are drawn at the edge, with an arrow
REACH = 30.0
TITLE = "The paper's claims"  # another one says that something is out of date
PAGE = (16.54, 11.69)  # inches, A3
COLUMNS = 3
GAP = 0.7  # of a line, before each claim of the summary
SECTIONS = {
    "What the paper shows, proves, or says of its parameters": ("R", "T", "P"),
    'What the paper conjectures ("may", "likely")': ("J",),
    "Our own hypotheses, which are not counted": ("H",),
}
EFFECTS = (
    "| | effect | 95 % interval | interquartile mean | rule | trials | verdict |",
    "|---|---|---|---|---|---|---|",
)
SAME_QUANTITY = "the quantity is the same; the root seed is fresh, with more trials"


def to_records(findings: Sequence[Finding], before: Before | None = None) -> list[dict[str, Any]]:
    """The findings as plain values; list of dict."""
    records = []
    for finding in findings:
        claim = finding.claim
        old = _old(finding, before)
        records.append(
            {
                "claim": claim.name,
                "text": claim.text,
                "source": claim.source,
                "kind": KINDS[claim.kind],
                "quantity": claim.quantity,
                "enough": claim.enough,
                "verdict": finding.verdict,
                "before": old and {"verdict": old[0], "reason": old[1]},
                "ways": finding.ways,
                "readings": finding.readings,
                "note": finding.note,
                "parts": [
                    {
                        "label": found.part.label,
                        "way": found.part.way,
                        "counted": found.part.counted,
                        "rule": found.part.rule.words(found.part.unit),
                        "unit": found.part.unit,
                        "threshold": found.part.rule.threshold,
                        "margin": found.part.rule.margin,
                        "verdict": found.verdict,
                        "corrected": found.corrected,
                        **dataclasses.asdict(found.interval),
                        "interquartile_mean": found.interquartile_mean,
                    }
                    for found in finding.parts
                ],
            }
        )
    return records


def _old(finding, before):
    """The verdict of an earlier ledger, and why it differs, if it does; (str, str) or None."""
    old = (before or {}).get(finding.claim.name)
    if old is None:
        return None
    verdict, reason = old["verdict"], old["reason"]
    # the earlier rules had one word for both
    same = {"inconclusive": (OPEN, THRESHOLD)}.get(verdict, (verdict,))
    if finding.verdict in (*same, NOT_JUDGED):
        return verdict, ""
    return verdict, SAME_QUANTITY if reason.lower().rstrip(".") == "kept" else reason


def sources(datasets: Mapping[str, xr.Dataset]) -> dict[str, dict[str, Any]]:
    """What a ledger says of the datasets that it is made from, by their names; dict."""
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
    findings: Sequence[Finding],
    glance: Sequence[Mapping[str, Any]],
    sources: Mapping[str, Any],
    path: StrPath,
    before: Before | None = None,
) -> None:
    """Write findings, ``at_a_glance`` of the measures and their sources for programs."""
    records = to_records(findings, before)
    content = {"made_from": sources, "at_a_glance": glance, "claims": records}
    write_text(path, json.dumps(content, indent=2) + "\n")


def to_markdown(
    findings: Sequence[Finding],
    glance: Sequence[Mapping[str, Any]] = (),
    title: str = TITLE,
    before: Before | None = None,
) -> str:
    """The findings, and ``at_a_glance`` of the measures, for readers; str."""
    lines = [
        "# Does the paper hold?",
        "",
        *([] if title == TITLE else [f"**{'; '.join(title.splitlines())}**", ""]),
        "Each claim is measured by effects, one for each trial, and decided by their 95 % interval "
        "over the trials and by the smallest difference that matters; where one part of several "
        "decides, at a level that is corrected for their number. docs/protocol.md has the rules, "
        "and the units: W is all that can be earned by learning in a game, P what depends on how "
        "the population divides."
        + (" *Before* is what an earlier ledger said, by its own rules." if before else ""),
    ]
    for section, kinds in SECTIONS.items():
        chosen = [finding for finding in findings if finding.claim.kind in kinds]
        if not chosen:
            continue
        head = ["", "claim", "made in", "verdict", *(["before"] if before else [])]
        lines += ["", f"## {section}", "", _row(head), "|" + "---|" * len(head)]
        for finding in chosen:
            claim = finding.claim
            cells = [claim.name, claim.text, claim.source, f"**{_verdict(finding)}**"]
            lines.append(_row(cells + ([_was(finding, before)] if before else [])))
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
        lines.append(f"*Measured ({KINDS[claim.kind]}):* {claim.quantity}.")
        if len(finding.ways) > 1:
            ways = "; ".join(f"{way}: {verdict}" for way, verdict in finding.ways.items())
            lines.append(f"*Ways, the first decides:* {ways}.")
        if finding.readings:
            lines.append(f"*Readings that turn it:* {_readings(finding)}.")
        if finding.note:
            lines.append(f"*Note:* {finding.note}.")
        if finding.parts:
            lines += ["", *EFFECTS]
        for found in finding.parts:
            part = found.part
            label = f"{part.label}; {part.way}" if part.way else part.label
            cells = [label, *_interval(found.interval, part.unit)]
            cells += [_number(found.interquartile_mean), part.rule.words(part.unit)]
            cells += [f"{found.interval.trials}", _of_part(found)]
            lines.append(_row(cells))
        for old in (before or {}).get(claim.name, {}).get("effects", ()):
            lines += ["", f"*Before:* {old['quantity']}.", "", *EFFECTS]
            for part in old["parts"]:
                then = Interval(*(part[field.name] for field in dataclasses.fields(Interval)))
                cells = [part["label"], *_interval(then)]
                cells += [_number(part["interquartile_mean"]), part["rule"]]
                lines.append(_row([*cells, f"{part['trials']}", part["verdict"]]))
    return "\n".join(lines) + "\n"


def _row(cells):
    return "| " + " | ".join(cells) + " |"


def write_markdown(
    findings: Sequence[Finding],
    glance: Sequence[Mapping[str, Any]],
    path: StrPath,
    title: str = TITLE,
    before: Before | None = None,
) -> None:
    """Write :func:`to_markdown` to a file."""
    write_text(path, to_markdown(findings, glance, title, before))


def write_html(
    findings: Sequence[Finding], path: StrPath, title: str = TITLE, before: Before | None = None
) -> None:
    """Write the claims and their verdicts as a page that needs nothing else."""
    heads = ["", "claim", "made in", "effects with 95 % intervals", "verdict"]
    heads += ["before"] if before else []
    rows = []
    for section, kinds in SECTIONS.items():
        chosen = [finding for finding in findings if finding.claim.kind in kinds]
        if chosen:
            rows.append(f'<tr><th colspan="{len(heads)}">{html.escape(section)}</th></tr>')
        for finding in chosen:
            claim = finding.claim
            effects = "<br>".join(
                html.escape(f"{found.part.label}: {effect} [{span}]")
                for found in finding.deciding
                for effect, span in [_interval(found.interval, found.part.unit)]
            )
            effects += f"<br>{html.escape(finding.note)}" if finding.note else ""
            cells = [html.escape(text) for text in (claim.name, claim.text, claim.source)]
            row = "".join(f"<td>{cell}</td>" for cell in (*cells, effects))
            style = f' style="color: {COLOURS[finding.verdict]}"'
            row += f"<td{style}><b>{html.escape(_verdict(finding))}</b></td>"
            row += f"<td>{html.escape(_was(finding, before))}</td>" if before else ""
            rows.append(f"<tr>{row}</tr>")
    page = (
        '<!doctype html><html lang="en"><meta charset="utf-8"><title>Claims</title><style>'
        "body { font: 14px sans-serif; margin: 1em; } td, th { vertical-align: top; padding: 4px "
        "8px; border-bottom: 1px solid #ddd; text-align: left; }</style>"
        f"<h1>{html.escape(title)}</h1><table><tr>"
        + "".join(f"<th>{head}</th>" for head in heads)
        + f"</tr>{''.join(rows)}</table></html>\n"
    )
    write_text(path, page)


def _number(value):
    return f"{value:.3f}" if abs(value) < 100 else f"{value:.3g}"


def _interval(found, unit=""):
    estimate = f"{_number(found.estimate)} {unit}".strip()
    return estimate, f"{_number(found.low)} to {_number(found.high)}"


def _of_part(found):
    """The verdict of a part, also at the corrected level where that is another one."""
    if not found.part.counted:
        return f"{found.verdict} (reported)"
    if found.corrected != found.verdict:
        return f"{found.verdict}; corrected: {found.corrected}"
    return found.verdict


def _was(finding, before):
    """The earlier verdict, and why it differs; text."""
    old = _old(finding, before)
    if old is None:
        return "new"
    return f"{old[0]}: {old[1]}" if old[1] else old[0]


def _readings(finding):
    names = {}
    for name, verdict in finding.readings.items():
        names.setdefault(verdict, []).append(name)
    return "; ".join(f"{verdict} under {', '.join(group)}" for verdict, group in names.items())


def _verdict(finding):
    """The verdict in a few words: of how many parts, and on what it depends."""
    if not finding.parts:
        return finding.verdict
    if finding.verdict == DEPENDS:
        split = {HOLDS, FAILS} <= set(finding.ways.values())
        on = [f"{way} {found}" for way, found in finding.ways.items() if found in (HOLDS, FAILS)]
        reasons = on if split else [f"{next(iter(finding.ways.values()))} under ours"]
        if finding.readings:
            reasons.append(_readings(finding))
        return f"{DEPENDS} ({'; '.join(reasons)})"
    groups = by_group(finding.deciding)
    needed = finding.claim.enough == "one"
    agreed = sum((corrected if needed else plain) == HOLDS for plain, corrected in groups)
    enough = ", one is enough" if needed else ""
    return f"{finding.verdict} ({agreed} of {len(groups)}{enough})"


@styled
def plot_ledger(
    findings: Sequence[Finding], outputs: Iterable[StrPath], title: str = TITLE
) -> None:
    """A forest plot on one page: the deciding effects and intervals, and what the claim says.

    Every effect is divided by the smallest difference that matters, m, so that all share one axis:
    0 is the threshold, and m is at 1.
    """
    columns = _columns([_rows(finding) for finding in findings], COLUMNS)
    figure = Figure(figsize=PAGE)
    axes = figure.subplots(1, COLUMNS)
    figure.subplots_adjust(left=0.125, right=0.99, bottom=0.045, top=0.935, wspace=0.75)
    longest = max(map(len, columns))
    for axis, rows in zip(axes, columns, strict=True):
        _draw_column(axis, rows, longest)
    marks = [
        Line2D([], [], color=COLOURS[name], marker=marker, ms=4, lw=1.2, label=name)
        for name, marker in MARKERS.items()
    ]
    marks.append(Line2D([], [], color=COLOURS[DEPENDS], lw=0, marker="$→$", label=DEPENDS))
    marks.append(Line2D([], [], color="0.3", marker="|", ms=5, lw=0, label="by another statistic"))
    figure.legend(
        handles=marks, loc="upper center", ncols=6, bbox_to_anchor=(0.5, 0.966), fontsize=7.5
    )
    figure.suptitle(
        f"{title}: effects with 95 % intervals over trials, in smallest differences that matter "
        "from the threshold at 0; shaded: where the claim says that the effect is",
        fontsize=9,
        y=0.99,
    )
    with mpl.rc_context({"savefig.dpi": 105}):  # a page has many pixels
        save_figure(figure, outputs)


@styled
def plot_verdicts(findings: Sequence[Finding], outputs: Iterable[StrPath]) -> None:
    """Every claim on a line, with its verdict as a colour and a word: a summary."""
    blocks: list[list[tuple[str | Finding | None, str]]] = []
    for section, kinds in SECTIONS.items():
        own = [finding for finding in findings if finding.claim.kind in kinds]
        blocks += [[(section, section)]] if own else []
        for finding in own:
            first, *more = textwrap.wrap(finding.claim.text, 84)
            blocks.append([(finding, first), *((None, text) for text in more)])
    columns = _columns(blocks, 2)
    heights = [len(rows) + GAP * sum(line is not None for line, _ in rows) for rows in columns]
    figure = Figure(figsize=(11.0, 0.12 * max(heights) + 0.4))
    axes = figure.subplots(1, 2)
    bottom = 0.35 / figure.get_figheight()
    figure.subplots_adjust(left=0.01, right=0.99, bottom=bottom, top=0.99, wspace=0.02)
    look = {"va": "center_baseline", "fontsize": 7.0}
    for axis, rows in zip(axes, columns, strict=True):
        axis.set(xlim=(0.0, 1.0), ylim=(max(heights), 0.0))
        axis.axis("off")
        place = -0.5
        for line, text in rows:
            place += 1.0 + GAP * (line is not None)
            if isinstance(line, str):
                axis.text(0.0, place, text, weight="bold", **look)
                continue
            axis.text(0.22, place, text, **look)
            if line is not None:
                colour = COLOURS[line.verdict]
                axis.add_patch(Rectangle((0.0, place - 0.6), 0.15, 1.2, color=colour, lw=0))
                axis.text(0.075, place, line.verdict, color="white", ha="center", **look)
                axis.text(0.16, place, line.claim.name, weight="bold", **look)
    counts = {name: sum(finding.verdict == name for finding in findings) for name in COLOURS}
    said = ", ".join(f"{number} {name}" for name, number in counts.items() if number)
    figure.text(0.01, 0.02, f"{len(findings)} claims: {said}", fontsize=8)
    save_figure(figure, outputs)


def _rows(finding):
    """What a claim needs in the plot: lines of text, then one row for each part."""
    verdict = _verdict(finding)
    if finding.verdict == NOT_JUDGED:
        verdict += f": {finding.note}"
    kind = {"J": " (a conjecture)", "H": " (our own hypothesis)"}.get(finding.claim.kind, "")
    heading = f"{finding.claim.name}  {finding.claim.text}{kind}"
    others = {}
    for found in finding.parts:
        others.setdefault((found.part.label, found.part.unit), []).append(found)
    look = COLOURS[finding.verdict], "bold"
    return [
        *((line, "black", "normal") for line in textwrap.wrap(heading, 72)),
        *((line, *look) for line in textwrap.wrap(f"→ {verdict}", 70)),
        *((found, others[found.part.label, found.part.unit][1:]) for found in finding.deciding),
        None,
    ]


def _columns(blocks, n_columns):
    """The rows of blocks in columns of about the same length, without parting a block."""
    ends = np.cumsum([len(rows) for rows in blocks])
    columns = [[] for _ in range(n_columns)]
    for rows, end in zip(blocks, ends, strict=True):
        middle = end - len(rows) / 2.0
        columns[min(n_columns - 1, int(middle * n_columns / ends[-1]))] += rows
    return columns


def _shaded(rule):
    """Where a claim says that the effect is, in margins from the threshold; list of (low, high)."""
    return {
        "more": [(0.0, np.inf)],
        "not less": [(-1.0, np.inf)],
        "beyond": [(0.0, np.inf)],
        "below": [(-np.inf, 0.0)],
        "equal": [(-1.0, 1.0)],
        "differs": [(-np.inf, -1.0), (1.0, np.inf)],
        "always": [(-np.inf, 0.0)],
    }[rule.kind]


def _draw_column(axis, rows, longest):
    def write(place, left, text, size, **look):
        beside = axis.get_yaxis_transform()
        axis.text(left, place, text, transform=beside, fontsize=size, va="center", **look)

    axis.set_xscale("symlog", linthresh=1.0, linscale=0.7)
    for place, row in enumerate(rows):
        if row is None:
            continue
        if isinstance(row[0], str):
            text, colour, weight = row
            write(place, -0.62, literal(text), 5.6, color=colour, fontweight=weight)
            continue
        found, others = row
        part, interval, colour = found.part, found.interval, COLOURS[found.verdict]
        label = part.label if part.counted else f"({part.label})"
        write(place, -0.03, label, 5.4, ha="right")
        for span in _shaded(part.rule):
            low, high = np.clip(span, -REACH, REACH)
            axis.barh(place, high - low, left=low, height=0.9, color="0.92", zorder=0)
        ends = _drawn(part.rule, [interval.low, interval.high])
        axis.plot(ends, [place, place], color=colour, lw=1.2, solid_capstyle="butt")
        middle = float(part.rule.in_margins(interval.estimate))
        beyond = abs(middle) > REACH
        marker = ("<" if middle < 0 else ">") if beyond else MARKERS[found.verdict]
        axis.plot(np.clip(middle, -REACH, REACH), place, marker, color=colour, ms=3, clip_on=False)
        for other in others:
            at = _drawn(other.part.rule, other.interval.estimate)
            axis.plot(at, place, "|", color=COLOURS[other.verdict], ms=5, mew=0.8, zorder=3)
    for at in (-1.0, 0.0, 1.0):
        axis.axvline(at, color="0.4", lw=0.6 if at == 0.0 else 0.4, ls=":" if at else "-", zorder=1)
    ticks = (-10, -1, 0, 1, 10)
    axis.set(ylim=(longest, -1), xlim=(-REACH, REACH), yticks=[], xlabel="effect / m")
    axis.set_xticks(ticks, [f"{tick}" for tick in ticks])
    axis.xaxis.set_minor_locator(NullLocator())
    axis.spines["left"].set_visible(False)
    axis.tick_params(labelsize=6)


def _drawn(rule, values):
    return np.clip(rule.in_margins(values), -REACH, REACH)
