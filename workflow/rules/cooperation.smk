# The third protocol, docs/protocol_cooperation.md: with --configfile config/cooperation.yaml.
rule cooperation:
    input:
        experiments=lambda _: of_protocol("cooperation", "rounds"),
    output:
        drawings=pictures("cooperation", "cooperation", "Cooperation", {"shows": "welfare"}),
    log:
        f"{RESULTS}/logs/cooperation.log",
    benchmark:
        f"{RESULTS}/benchmarks/cooperation.tsv"
    threads: 1
    resources:
        runtime=10,
        mem_mb=2000,
    params:
        fingerprint=fingerprint_of("plotting", "study", "equilibrium"),
    script:
        "../scripts/cooperation.py"
