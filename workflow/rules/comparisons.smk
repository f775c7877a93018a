rule compare:
    output:
        COMPARISON_PART,
    log:
        f"{RESULTS}/logs/comparisons/{{comparison}}/{{scenario}}/{{setting}}.log",
    benchmark:
        f"{RESULTS}/benchmarks/comparisons/{{comparison}}/{{scenario}}/{{setting}}.tsv"
    threads: 1
    resources:
        runtime=lambda wildcards: sum(map(minutes, comparison_runs(wildcards).values())),
        mem_mb=lambda wildcards: max(map(megabytes, comparison_runs(wildcards).values())),
    params:
        runs=lambda wildcards: [run.relevant() for run in comparison_runs(wildcards).values()],
        code=lambda wildcards: code_of(comparison_runs(wildcards).values()),
    script:
        "../scripts/compare.py"


rule collect_comparison:
    input:
        comparison_files,
    output:
        COMPARISON,
    log:
        f"{RESULTS}/logs/comparisons/{{comparison}}.log",
    benchmark:
        f"{RESULTS}/benchmarks/comparisons/{{comparison}}.tsv"
    threads: 1
    resources:
        runtime=10,
        mem_mb=1000,
    script:
        "../scripts/collect_comparison.py"


rule comparisons_all:
    name:
        "comparisons/all"
    input:
        [COMPARISON.format(comparison=name) for name in comparisons.names(config)],
