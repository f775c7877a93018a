"""A figure: the function that the rule's parameter `figure` names in the registry.

It is given the dataset or table that is the first input, the named inputs, which are single runs,
the named outputs, and as its options the other parameters.
"""

import pandas as pd

from mfgcore._base.plugins import told
from mfgcore.pipeline.configuration import import_files
from mfgcore.pipeline.workflow_scripts import logged, marked, results
from mfgcore.plotting import FIGURES
from mfgcore.plotting.style import style

with logged(snakemake.log[0]):
    import_files(snakemake.config)
    options = dict(snakemake.params.items())
    del options["fingerprint"], options["caption"]
    figure = FIGURES[options.pop("figure")]
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
    with told(), style():
        figure(shown, **beside, **dict(snakemake.output.items()), **options)
