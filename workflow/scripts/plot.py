"""A figure: the function of the registry that the rule's parameter `figure` names."""

import pandas as pd

from mfgcore._base.plugins import user_errors
from mfgcore.pipeline.configuration import import_files
from mfgcore.pipeline.workflow_scripts import current, logged, marked
from mfgcore.plotting import FIGURES
from mfgcore.plotting.style import style

with logged(snakemake.log[0]):
    import_files(snakemake.config)
    inputs, title, others = dict(snakemake.input.items()), snakemake.params.title, {}
    if "csv" in inputs:
        shown = pd.read_csv(inputs["csv"])
    else:
        shown, *found = current(snakemake.config, inputs.values()).values()
        others = dict(zip(list(inputs)[1:], found, strict=True))
        title = marked(title, shown, *found)
    with user_errors(), style():
        FIGURES[snakemake.params.figure](
            shown, title=title, **others, **dict(snakemake.output.items())
        )
