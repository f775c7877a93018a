"""Write docs/theory.md, its numbers and pictures: ``python -m mfgcore.study.theory [--keep]``.

It takes some ten minutes. With `--keep` what is sampled stays as it is in docs/theory.json, and the
rest takes a few seconds.
"""

import json
import sys

from mfgcore.study.keep_data import ROOT
from mfgcore.study.theory.numbers import exact, rounded, sampled
from mfgcore.study.theory.page import page
from mfgcore.study.theory.plots import plot_population, plot_theorem

DOCS = ROOT / "docs"
NUMBERS = DOCS / "theory.json"


def main():
    """Write the numbers, the page and the pictures."""
    if sys.argv[1:] == ["--keep"]:
        kept = json.loads(NUMBERS.read_text(encoding="utf-8"))
        measured = {key: kept[key] for key in ("population", "theorem", "crowd")}
    else:
        measured = sampled()
    numbers = rounded(exact() | measured)
    lines = [f"{json.dumps(key)}: {json.dumps(value)}" for key, value in numbers.items()]
    NUMBERS.write_text("{\n" + ",\n".join(lines) + "\n}\n", encoding="utf-8")
    (DOCS / "theory.md").write_text(page(numbers), encoding="utf-8")
    plot_population(numbers, DOCS / "theory/population.png")
    plot_theorem(numbers, DOCS / "theory/equilibrium.png")


if __name__ == "__main__":
    main()
