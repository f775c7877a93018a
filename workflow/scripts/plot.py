"""A figure: the function of curves, or heat_maps, that the rule's parameter `plot` names.

It is given the dataset or table that is the first input, the named inputs, which are single runs,
the named outputs, and as its options the other parameters.
"""

import pandas as pd

from mfgcore.pipeline.workflow_scripts import logged, marked, results
from mfgcore.plotting import curves as plotting
from mfgcore.plotting import heat_maps as heat_map

with logged(snakemake.log[0]):
    options = dict(snakemake.params.items())
    del options["fingerprint"], options["caption"]
    name = options.pop("plot")
    plot = getattr(plotting, name, None) or getattr(heat_map, name)
    first, *_ = snakemake.input
    if first.endswith(".csv"):
        shown, beside = pd.read_csv(first), {}
    else:
        names = snakemake.input.keys()
        shown, *others = results(
            snakemake.config, [first, *(snakemake.input[key] for key in names)]
        )
        beside = dict(zip(names, others, strict=True))
        options["title"] = marked(options["title"], shown, *others)
    plot(shown, **beside, **dict(snakemake.output.items()), **options)
