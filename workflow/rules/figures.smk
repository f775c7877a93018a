# The pattern of all rules that draw.
rule plot:
    input:
        unpack(drawn_from),
    output:
        drawings=pictures(
            "{stem}",
            caption="figure",
            category=lambda wildcards: {"experiments": "Figures"}.get(
                FIGURES_OF[wildcards.stem][0], FIGURES_OF[wildcards.stem][0].capitalize()
            ),
            labels=label_of,
        ),
        table=f"{FIGURES}/data/{{stem}}.csv",
    log:
        f"{RESULTS}/logs/plot/{{stem}}.log",
    benchmark:
        f"{RESULTS}/benchmarks/plot/{{stem}}.tsv"
    group:
        lambda wildcards: "_".join(FIGURES_OF[wildcards.stem][:2])
    threads: 1
    resources:
        runtime=5,
        mem_mb=1000,
    params:
        figure=lambda wildcards: FIGURES_OF[wildcards.stem][2],
        title=lambda wildcards: design_of(wildcards).title,
        caption=lambda wildcards: plain(design_of(wildcards).title),
        factors=lambda wildcards: {
            factor: len(levels) for factor, levels in design_of(wildcards).coordinates.items()
        },
        fingerprint=lambda wildcards: snakefile.figure_code(FIGURES_OF[wildcards.stem][2]),
    script:
        "../scripts/plot.py"


# it only reads what is there: not worth a submission
localrules:
    manifest,


rule manifest:
    input:
        figures=FIGURE_FILES,
        datasets=DATASETS,
    output:
        MANIFEST,
    log:
        f"{RESULTS}/logs/manifest.log",
    benchmark:
        f"{RESULTS}/benchmarks/manifest.tsv"
    threads: 1
    resources:
        runtime=5,
        mem_mb=1000,
    params:
        # under these names, wherever a storage provider has placed the inputs
        figures=FIGURE_FILES,
    script:
        "../scripts/manifest.py"
