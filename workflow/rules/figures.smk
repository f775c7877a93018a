rule plot_metrics:
    input:
        DATASET,
    output:
        drawings=[
            f"{FIGURES}/{{experiment}}.pdf",
            report(
                f"{FIGURES}/{{experiment}}.png",
                caption="../report/metrics.rst",
                category="Figures of the paper",
                labels={"experiment": "{experiment}", "shows": "metrics"},
            ),
        ],
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
        title=title,
        script=figure_script,
        fingerprint=shown_fingerprint("plotting.py"),
    script:
        "../scripts/{params.script}.py"


rule plot_exact:
    input:
        dataset=DATASET,
        reference=REFERENCE,
    output:
        drawings=[
            f"{FIGURES}/{{experiment}}_exact.pdf",
            report(
                f"{FIGURES}/{{experiment}}_exact.png",
                caption="../report/exact.rst",
                category="Figures of the paper",
                labels={"experiment": "{experiment}", "shows": "exact"},
            ),
        ],
        table=f"{FIGURES}/data/{{experiment}}_exact.csv",
    log:
        f"{RESULTS}/logs/plot/{{experiment}}_exact.log",
    benchmark:
        f"{RESULTS}/benchmarks/plot/{{experiment}}_exact.tsv"
    group:
        "figures_{experiment}"
    threads: 1
    resources:
        runtime=5,
        mem_mb=1000,
    params:
        title=title,
        fingerprint=shown_fingerprint("plotting.py"),
    script:
        "../scripts/exact.py"


rule plot_mean_field:
    input:
        DATASET,
    output:
        drawings=[
            f"{FIGURES}/{{experiment}}_mean_field.pdf",
            report(
                f"{FIGURES}/{{experiment}}_mean_field.png",
                caption="../report/mean_field.rst",
                category="Figures of the paper",
                labels={"experiment": "{experiment}", "shows": "mean field"},
            ),
        ],
        table=f"{FIGURES}/data/{{experiment}}_mean_field.csv",
    log:
        f"{RESULTS}/logs/plot/{{experiment}}_mean_field.log",
    benchmark:
        f"{RESULTS}/benchmarks/plot/{{experiment}}_mean_field.tsv"
    group:
        "figures_{experiment}"
    threads: 1
    resources:
        runtime=5,
        mem_mb=1000,
    params:
        title=title,
        fingerprint=shown_fingerprint("plotting.py"),
    script:
        "../scripts/mean_field.py"


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
    script:
        "../scripts/manifest.py"
