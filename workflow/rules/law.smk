# The second protocol, docs/protocol_law.md: with --configfile config/law.yaml, but for the price.
rule law:
    input:
        experiments=lambda _: of_protocol("law", "updates", "alone"),
    output:
        drawings=pictures("law", "law", "Law", {"shows": "progress"}),
    log:
        f"{RESULTS}/logs/law.log",
    benchmark:
        f"{RESULTS}/benchmarks/law.tsv"
    threads: 1
    resources:
        runtime=10,
        mem_mb=2000,
    params:
        figure="law",
        fingerprint=fingerprint_of("plotting", "study"),
    script:
        "../scripts/law.py"


use rule law as selection with:
    input:
        experiments=lambda _: of_protocol("law", "selection", "known"),
    output:
        drawings=pictures("selection", "law", "Law", {"shows": "selection"}),
    log:
        f"{RESULTS}/logs/selection.log",
    benchmark:
        f"{RESULTS}/benchmarks/selection.tsv"
    params:
        figure="selection",
        fingerprint=fingerprint_of("plotting", "study"),


use rule law as score_rules with:
    input:
        experiments=lambda _: of_protocol(
            "law",
            *("selection", "selection_failing", "known"),
            *("compensation", "compensation_failing", "later_versions"),
        ),
    output:
        drawings=pictures("score_rules", "law", "Law", {"shows": "score rules"}),
    log:
        f"{RESULTS}/logs/score_rules.log",
    benchmark:
        f"{RESULTS}/benchmarks/score_rules.tsv"
    params:
        figure="score_rules",
        fingerprint=fingerprint_of("plotting", "study"),


use rule law as price with:
    input:
        experiments=DATASETS,
    output:
        drawings=pictures("price", "law", "Law", {"shows": "price"}),
    log:
        f"{RESULTS}/logs/price.log",
    benchmark:
        f"{RESULTS}/benchmarks/price.tsv"
    params:
        figure="price",
        fingerprint=fingerprint_of("plotting", "study"),
