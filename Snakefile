# Every figure of the paper as a target: snakemake --cores 10 figures/all
# The workflow itself, which others can use as a module, is in workflow/ (docs/extending.md).
include: "workflow/Snakefile"


# a default target does not come through an include
rule all:
    default_target: True
    input:
        ALL,
