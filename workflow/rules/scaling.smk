# Measured on the machine that runs it, one measurement after the other: no other job should run.
rule measure_scaling:
    output:
        f"{RESULTS}/scaling.csv",
    log:
        f"{RESULTS}/logs/scaling.log",
    benchmark:
        f"{RESULTS}/benchmarks/scaling.tsv"
    threads: max(config["scaling"]["threads"])
    resources:
        runtime=30,
        mem_mb=4000,
    params:
        parameters=config["parameters"],
        scaling=config["scaling"],
        fingerprint=run_fingerprint(),
    script:
        "../scripts/measure_scaling.py"


use rule plot as plot_scaling with:
    input:
        csv=f"{RESULTS}/scaling.csv",
    output:
        drawings=pictures("scaling", "scaling", "Cost", {"shows": "scaling"}),
    log:
        f"{RESULTS}/logs/plot/scaling.log",
    benchmark:
        f"{RESULTS}/benchmarks/plot/scaling.tsv"
    group:
        "scaling"
    params:
        figure="scaling",
        title="Networked, agree, one iteration without evaluation",
        caption="",
        factors={},
        fingerprint=fingerprint_of("plotting"),
