rule collect:
    input:
        lambda wildcards: [f"{RESULTS}/{path}" for path in design_of(wildcards).files.values()],
    output:
        DATASET,
    log:
        f"{RESULTS}/logs/collect/{{group}}/{{name}}.log",
    benchmark:
        f"{RESULTS}/benchmarks/collect/{{group}}/{{name}}.tsv"
    group:
        "{group}_{name}"
    threads: 1
    resources:
        runtime=10,
        mem_mb=1000,
    params:
        fingerprint=fingerprint_of("batch"),
    script:
        "../scripts/collect.py"


rule comparisons_all:
    name:
        "comparisons/all"
    input:
        datasets_of("comparisons"),
        figures_of("comparisons"),
