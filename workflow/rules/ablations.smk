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
        study=study_of,
    script:
        "../scripts/collect_ablation.py"


use rule plot_metrics as plot_ablation with:
    input:
        ABLATION,
    output:
        drawings=pictures(
            "ablation_{study}", caption="ablation", category="Ablations", ablation="{study}"
        ),
        table=f"{FIGURES}/data/ablation_{{study}}.csv",
    log:
        f"{RESULTS}/logs/plot/ablation_{{study}}.log",
    benchmark:
        f"{RESULTS}/benchmarks/plot/ablation_{{study}}.tsv"
    group:
        "ablation_{study}"
    params:
        figure=lambda wildcards: (
            "heat_map" if "second_parameter" in study_of(wildcards) else "levels"
        ),
        title=lambda wildcards: study_of(wildcards)["title"],
        caption=lambda wildcards: plain(study_of(wildcards)["title"]),
        fingerprint=fingerprint_of("plotting"),
