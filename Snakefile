# Every figure of the paper as a target. `snakemake --cores 10 figures/all`
from snakemake.utils import min_version

min_version("9.27")


configfile: "config/config.yaml"
configfile: "config/ablations.yaml"


report: "workflow/report/workflow.rst"


include: "workflow/rules/common.smk"
include: "workflow/rules/simulate.smk"
include: "workflow/rules/collect.smk"
include: "workflow/rules/figures.smk"
include: "workflow/rules/ablations.smk"
include: "workflow/rules/claims.smk"
include: "workflow/rules/scaling.smk"
include: "workflow/rules/explorer.smk"


rule figures_all:
    name:
        "figures/all"
    default_target: True
    input:
        FIGURE_FILES,
        DATASETS,
        MANIFEST,


rule figures_ablations:
    name:
        "figures/ablations"
    input:
        ABLATION_FILES,
