"""Judge the claims by the kept data, without a run: ``python docs/make_ledger.py``.

It reads ``docs/gallery/data``, whatever is complete there, and writes ``docs/gallery/claims.json``,
``.md`` and ``.png``. The verdicts of the exploratory run stand beside the new ones, with
what ``docs/protocol.md`` says that changed.
"""

import json
import re
from pathlib import Path

import xarray as xr
import yaml
from PIL import Image

from mfgcore import ledger
from mfgcore.claims import FIGURES, Evidence, at_a_glance, judge

ROOT = Path(__file__).parents[1]
GALLERY = ROOT / "docs/gallery"
NOT_COMPARISONS = ("shuffling",)
# what was another claim, or is a way of one now
RENAMED = {"H1": "C4c"}


def read(folder):
    """Evidence from kept files: figN.nc, NAME.nc of each comparison, theory.json."""
    datasets = {}
    for path in sorted(folder.glob("*.nc")):
        if path.stem not in NOT_COMPARISONS:
            with xr.open_dataset(path, engine="netcdf4") as opened:
                datasets[path.stem] = opened.load()
    figures = {name: datasets.pop(name) for name in FIGURES if name in datasets}
    theory = folder / "theory.json"
    effects = json.loads(theory.read_text(encoding="utf-8")) if theory.exists() else {}
    return Evidence(figures, datasets, effects)


def before():
    """Verdicts of the exploratory ledger, and what the protocol changed since; dict by claim."""
    text = (GALLERY / "claims_exploratory.json").read_text(encoding="utf-8")
    old = {record["claim"]: record["verdict"] for record in json.loads(text)["claims"]}
    old |= {new: old[name] for new, name in RENAMED.items()}
    protocol = (ROOT / "docs/protocol.md").read_text(encoding="utf-8")
    changes = dict(re.findall(r"(?m)^\| (C\w+) \|.*\| ([^|]*) \|$", protocol))
    return {
        name: {"verdict": verdict, "reason": changes.get(name, "").strip()}
        for name, verdict in old.items()
    }


def make(data, folder):
    """Write the ledger of the kept data to a folder."""
    evidence = read(data)
    confirmatory = yaml.safe_load((ROOT / "config/confirmatory.yaml").read_text(encoding="utf-8"))
    findings, glance = judge(evidence, confirmatory["seed"]), at_a_glance(evidence)
    made_from = {
        "experiments": ledger.sources(evidence.experiments),
        "comparisons": ledger.sources(evidence.comparisons),
    }
    old = before()
    ledger.write_json(findings, glance, made_from, folder / "claims.json", old)
    ledger.write_markdown(findings, glance, folder / "claims.md", before=old)
    ledger.plot_ledger(findings, [folder / "claims.png"])
    with Image.open(folder / "claims.png") as drawn:
        few = drawn.convert("RGB").quantize(32)  # a page has many pixels, and few colours
    few.save(folder / "claims.png", optimize=True)


if __name__ == "__main__":
    make(GALLERY / "data", GALLERY)
