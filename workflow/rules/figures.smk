# Figures differ in what they show of which files: this rule is the pattern of all that follow it.
rule plot_metrics:
    input:
        DATASET,
    output:
        drawings=pictures(
            "{experiment}",
            caption="metrics",
            category="Figures",
            experiment="{experiment}",
            shows="metrics",
        ),
        table=f"{FIGURES}/data/{{experiment}}.csv",
    log:
        f"{RESULTS}/logs/plot/{{experiment}}.log",
    benchmark:
        f"{RESULTS}/benchmarks/plot/{{experiment}}.tsv"
    group:
        "figures_{experiment}"
    threads: 1
    resources:
        runtime=5,
        mem_mb=1000,
    params:
        figure="metrics",
        title=title,
        caption=lambda wildcards: plain(title(wildcards)),
        fingerprint=fingerprint_of("plotting"),
    script:
        "../scripts/plot.py"


use rule plot_metrics as plot_exact with:
    input:
        DATASET,
        reference=REFERENCE,
    output:
        drawings=pictures(
            "{experiment}_exact",
            caption="exact",
            category="Figures",
            experiment="{experiment}",
            shows="exact",
        ),
        table=f"{FIGURES}/data/{{experiment}}_exact.csv",
    log:
        f"{RESULTS}/logs/plot/{{experiment}}_exact.log",
    benchmark:
        f"{RESULTS}/benchmarks/plot/{{experiment}}_exact.tsv"
    params:
        figure="exact",


use rule plot_metrics as plot_mean_field with:
    output:
        drawings=pictures(
            "{experiment}_mean_field",
            caption="mean_field",
            category="Figures",
            experiment="{experiment}",
            shows="mean field",
        ),
        table=f"{FIGURES}/data/{{experiment}}_mean_field.csv",
    log:
        f"{RESULTS}/logs/plot/{{experiment}}_mean_field.log",
    benchmark:
        f"{RESULTS}/benchmarks/plot/{{experiment}}_mean_field.tsv"
    params:
        figure="mean_field",


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
