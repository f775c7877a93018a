"""Keep the data of the second protocol: ``python -m mfgcore.study.law.data``.

After its runs, it copies what the predictions need of every complete experiment to
docs/gallery/data/law.
"""

import sys
from pathlib import Path

from mfgcore.study.keep_data import DATA, ROOT, keep, read_datasets
from mfgcore.study.law import contraction
from mfgcore.study.law.measures import Law, condense

LAW = DATA / "law"
RESULTS = ROOT / "results/law"


def read(data: Path = LAW) -> Law:
    """The kept runs, and what was measured in contraction; Law."""
    return Law(read_datasets(data), contraction.read())


if __name__ == "__main__":
    LAW.mkdir(exist_ok=True)
    keep(Path(sys.argv[1]) if sys.argv[1:] else RESULTS, LAW, condense)
