"""Judge the claims by the kept data, without a run: ``python docs/make_ledger.py``.

It reads ``docs/gallery/data``, whatever is complete there, and writes ``docs/gallery/claims.json``,
``.md`` and ``.png``, and the figures of the paper. The verdicts of the exploratory run stand beside
the new ones, with what ``docs/protocol.md`` says that changed. Beside the claims it writes the
verdicts by reading (``readings``), of which the closest to the paper becomes
``config/closest.yaml``, and the effects in other games (``generality``).
"""

import json
import re
from pathlib import Path

import xarray as xr
import yaml
from PIL import Image

from mfgcore.pipeline import configuration
from mfgcore.plotting import curves as plotting
from mfgcore.study import generality_figures, ledger, readings_figures
from mfgcore.study.claims import FIGURES, Evidence, at_a_glance, judge

ROOT = Path(__file__).parents[1]
GALLERY = ROOT / "docs/gallery"
# what was another claim, or is a way of one now
RENAMED = {"H1": ("C4c",), "C5": ("C5", "C5b")}


def read(folder):
    """Evidence from kept files: figN.nc, NAME.nc of each comparison, theory.json."""
    datasets = {}
    for path in sorted(folder.glob("*.nc")):
        with xr.open_dataset(path, engine="netcdf4") as opened:
            datasets[path.stem] = opened.load()
    figures = {name: datasets.pop(name) for name in FIGURES if name in datasets}
    theory = folder / "theory.json"
    effects = json.loads(theory.read_text(encoding="utf-8")) if theory.exists() else {}
    return Evidence(figures, datasets, effects)


def before():
    """What the exploratory ledger said, and what the protocol changed since; dict by claim."""
    text = (GALLERY / "claims_exploratory.json").read_text(encoding="utf-8")
    old = {record["claim"]: record for record in json.loads(text)["claims"]}
    protocol = (ROOT / "docs/protocol.md").read_text(encoding="utf-8")
    changes = dict(re.findall(r"(?m)^\| (C\w+) \|.*\| ([^|]*) \|$", protocol))
    renamed = {name: (name,) for name in old} | RENAMED
    return {
        name: {
            "verdict": old[names[0]]["verdict"],
            "reason": changes.get(name, "").strip(),
            "effects": [old[each] for each in names],
        }
        for name, names in renamed.items()
    }


def make(evidence, folder):
    """Write the ledger to a folder."""
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
    ledger.plot_verdicts(findings, [folder / "verdicts.png"])
    for name in ("claims", "verdicts"):
        shrink(folder / f"{name}.png")


def draw(evidence, folder):
    """Draw the paper's figures, as it has them and by the exact metrics."""
    paths = [ROOT / path for path in (*configuration.CONFIG_FILES, "config/confirmatory.yaml")]
    config = configuration.read(paths)
    for name, dataset in evidence.experiments.items():
        title = configuration.design(config, "experiments", name).title
        for plot, path in (
            (plotting.plot_metrics, folder / f"{name}.png"),
            (plotting.plot_exact, folder / f"{name}_exact.png"),
        ):
            plot(dataset, [path], title=title)
            shrink(path)


def shrink(path):
    """Make a picture's file smaller: a page has many pixels, and few colours.

    Rare colours are kept, as one verdict's may be.
    """
    with Image.open(path) as drawn:
        few = drawn.convert("RGB").quantize(128, Image.Quantize.MAXCOVERAGE, kmeans=3)
    few.save(path, optimize=True)


def make_more(evidence, folder, config):
    """Write what the comparisons say beside the claims: by reading, and in other games."""
    comparisons = evidence.comparisons
    plan, confirmatory = (
        yaml.safe_load((ROOT / f"config/{name}.yaml").read_text(encoding="utf-8"))
        for name in ("comparisons", "confirmatory")
    )
    if "readings" in comparisons:
        settings = plan["comparisons"]["experiments"]["readings"]["factors"]["setting"]
        _, text = readings_figures.write(
            comparisons["readings"], settings, confirmatory["seed"], folder, [".png"]
        )
        (config / "closest.yaml").write_text(text, encoding="utf-8")
    kinds = {"generality": "chosen games", "garnets": "random games"}
    if comparisons.keys() >= kinds.keys():
        datasets = {kind: comparisons[name] for name, kind in kinds.items()}
        generality_figures.write(datasets, confirmatory["seed"], folder, [".png"])
    for path in (*folder.glob("readings*.png"), *folder.glob("generality.png")):
        shrink(path)


if __name__ == "__main__":
    kept = read(GALLERY / "data")
    make(kept, GALLERY)
    draw(kept, GALLERY / "confirmatory")
    make_more(kept, GALLERY, ROOT / "config")
