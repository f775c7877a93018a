# Not part of figures/all: no figure of the paper, but a page to look around in its experiments.
rule explorer:
    input:
        [DATASET.format(group="experiments", name=name) for name in REFERENCES],
    output:
        f"{FIGURES}/explorer.html",
    log:
        f"{RESULTS}/logs/plot/explorer.log",
    benchmark:
        f"{RESULTS}/benchmarks/plot/explorer.tsv"
    threads: 1
    resources:
        runtime=5,
        mem_mb=1000,
    params:
        titles=[design("experiments", name).title for name in REFERENCES],
        fingerprint=fingerprint_of("plotting"),
    script:
        "../scripts/explorer.py"
