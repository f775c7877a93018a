"""Keep the data of the third protocol: ``python -m mfgcore.study.cooperation.data``.

After its runs, it copies what the predictions need of every complete experiment to
docs/gallery/data/cooperation.
"""

import sys
from pathlib import Path

from mfgcore.study.cooperation.measures import Cooperation, condense
from mfgcore.study.keep_data import DATA, ROOT, keep, read_datasets

COOPERATION = DATA / "cooperation"
RESULTS = ROOT / "results/cooperation"


def read(data: Path = COOPERATION) -> Cooperation:
    """The kept runs; Cooperation."""
    return Cooperation(read_datasets(data))


if __name__ == "__main__":
    COOPERATION.mkdir(exist_ok=True)
    keep(Path(sys.argv[1]) if sys.argv[1:] else RESULTS, COOPERATION, condense)
