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
        drawings=pictures("claims", "claims", "Claims", {"shows": "forest plot"}),
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
        fingerprint=fingerprint_of("plotting", "study"),
    script:
        "../scripts/claims.py"


# With the comparisons, which take hours: docs/protocol.md. What verification/ measures is not here.
use rule claims as ledger with:
    input:
        experiments=DATASETS,
        comparisons=datasets_of("comparisons"),
    output:
        json=f"{FIGURES}/ledger.json",
        markdown=f"{FIGURES}/ledger.md",
        html=report(
            f"{FIGURES}/ledger.html",
            caption="../report/claims.rst",
            category="Claims",
            labels={"shows": "table, with comparisons"},
        ),
        drawings=pictures("ledger", "claims", "Claims", {"shows": "with comparisons"}),
    log:
        f"{RESULTS}/logs/ledger.log",
    benchmark:
        f"{RESULTS}/benchmarks/ledger.tsv"


rule readings:
    input:
        DATASET.format(group="comparisons", name="readings"),
    output:
        pictures("readings", "readings", "Claims", {"shows": "by reading"}),
        pictures("readings_c5", "readings", "Claims", {"shows": "C5 by reading"}),
        table=f"{FIGURES}/readings.csv",
        markdown=f"{FIGURES}/readings.md",
    log:
        f"{RESULTS}/logs/readings.log",
    benchmark:
        f"{RESULTS}/benchmarks/readings.tsv"
    threads: 1
    resources:
        runtime=10,
        mem_mb=2000,
    params:
        seed=config["seed"],
        fingerprint=fingerprint_of("plotting", "study"),
    script:
        "../scripts/readings.py"


rule generality:
    input:
        chosen=DATASET.format(group="comparisons", name="generality"),
        random=DATASET.format(group="comparisons", name="garnets"),
    output:
        pictures("generality", "generality", "Claims", {"shows": "other games"}),
        table=f"{FIGURES}/generality.csv",
        markdown=f"{FIGURES}/generality.md",
    log:
        f"{RESULTS}/logs/generality.log",
    benchmark:
        f"{RESULTS}/benchmarks/generality.tsv"
    threads: 1
    resources:
        runtime=10,
        mem_mb=2000,
    params:
        seed=config["seed"],
        fingerprint=fingerprint_of("plotting", "study"),
    script:
        "../scripts/generality.py"
