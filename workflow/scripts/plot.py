"""A figure: the function of the registry that the rule's parameter `figure` names."""

import pandas as pd

from mfgcore.pipeline import configuration
from mfgcore.pipeline.workflow_scripts import current, logged, marked
from mfgcore.plotting import FIGURES

with logged(snakemake.log[0]):
    configuration.import_files(snakemake.config)
    inputs = dict(snakemake.input.items())
    if "csv" in inputs:
        shown, others = pd.read_csv(inputs["csv"]), {}
    else:
        shown, *found = current(snakemake.config, inputs.values()).values()
        others = dict(zip(list(inputs)[1:], found, strict=True))
        inputs = {}
    title = marked(snakemake.params.title, *([] if "csv" in inputs else [shown]), *others.values())
    FIGURES[snakemake.params.figure](shown, title=title, **others, **dict(snakemake.output.items()))
