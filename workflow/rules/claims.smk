rule claims:
    input:
        experiments=DATASETS,
    output:
        json=f"{FIGURES}/claims.json",
        markdown=f"{FIGURES}/claims.md",
        html=report(
            f"{FIGURES}/claims.html",
            caption="../report/claims.rst",
            category="Claims",
            labels={"shows": "table"},
        ),
        drawings=pictures("claims", caption="claims", category="Claims", shows="forest plot"),
    log:
        f"{RESULTS}/logs/claims.log",
    benchmark:
        f"{RESULTS}/benchmarks/claims.tsv"
    threads: 1
    resources:
        runtime=10,
        mem_mb=2000,
    params:
        seed=config["seed"],
        fingerprint=shown_fingerprint("claims", "ledger.py", "plotting.py", "statistics.py"),
    script:
        "../scripts/claims.py"
