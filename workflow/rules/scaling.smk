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


rule plot_scaling:
    input:
        f"{RESULTS}/scaling.csv",
    output:
        drawings=[
            f"{FIGURES}/scaling.pdf",
            report(
                f"{FIGURES}/scaling.png",
                caption="../report/scaling.rst",
                category="Cost",
                labels={"shows": "scaling"},
            ),
        ],
    log:
        f"{RESULTS}/logs/plot/scaling.log",
    benchmark:
        f"{RESULTS}/benchmarks/plot/scaling.tsv"
    threads: 1
    resources:
        runtime=5,
        mem_mb=1000,
    params:
        fingerprint=shown_fingerprint("plotting.py"),
    script:
        "../scripts/scaling.py"
