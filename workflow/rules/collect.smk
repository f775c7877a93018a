rule collect:
    input:
        run_files,
    output:
        DATASET,
    log:
        f"{RESULTS}/logs/collect/{{experiment}}.log",
    benchmark:
        f"{RESULTS}/benchmarks/collect/{{experiment}}.tsv"
    group:
        "figures_{experiment}"
    threads: 1
    resources:
        runtime=10,
        mem_mb=1000,
    script:
        "../scripts/collect.py"
