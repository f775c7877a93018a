"""A figure: the function of mfgcore.plotting that the rule's parameter `plot` names.

It is given the dataset or table that is the first input, the named inputs, which are single runs,
the named outputs, and as its options the other parameters.
"""

import pandas as pd

from mfgcore import plotting
from mfgcore.datasets import load
from mfgcore.jobs import logged

with logged(snakemake.log[0]):
    options = dict(snakemake.params.items())
    del options["fingerprint"]
    plot = getattr(plotting, options.pop("plot"))
    first, *_ = snakemake.input
    shown = pd.read_csv(first) if first.endswith(".csv") else load(first, kind="experiment")
    beside = {name: load(path) for name, path in snakemake.input.items()}
    plot(shown, **beside, **dict(snakemake.output.items()), **options)
