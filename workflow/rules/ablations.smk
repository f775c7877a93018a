rule collect_ablation:
    input:
        study_files,
    output:
        ABLATION,
    log:
        f"{RESULTS}/logs/collect/ablation_{{study}}.log",
    benchmark:
        f"{RESULTS}/benchmarks/collect/ablation_{{study}}.tsv"
    group:
        "ablation_{study}"
    threads: 1
    resources:
        runtime=10,
        mem_mb=1000,
    params:
        study=lambda wildcards: config["ablations"]["studies"][wildcards.study],
    script:
        "../scripts/collect_ablation.py"


rule plot_ablation:
    input:
        ABLATION,
    output:
        drawings=[
            f"{FIGURES}/ablation_{{study}}.pdf",
            report(
                f"{FIGURES}/ablation_{{study}}.png",
                caption="../report/ablation.rst",
                category="Ablations",
                labels={"ablation": "{study}"},
            ),
        ],
        table=f"{FIGURES}/data/ablation_{{study}}.csv",
    log:
        f"{RESULTS}/logs/plot/ablation_{{study}}.log",
    benchmark:
        f"{RESULTS}/benchmarks/plot/ablation_{{study}}.tsv"
    group:
        "ablation_{study}"
    threads: 1
    resources:
        runtime=5,
        mem_mb=1000,
    params:
        fingerprint=shown_fingerprint("plotting.py", "statistics.py"),
    script:
        "../scripts/ablation.py"
