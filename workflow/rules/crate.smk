# Not part of figures/all: it describes the folder in which the workflow runs, for other programs.
CRATED = {
    name: {
        "runs": [f"{RESULTS}/{path}" for path in design("experiments", name).files.values()],
        "dataset": DATASET.format(group="experiments", name=name),
        "reference": REFERENCE.format(experiment=name),
        "figures": figures_of("experiments", name),
    }
    for name in REFERENCES
}
CRATED_FILES = [
    *ALL,
    *(path for each in CRATED.values() for path in [*each["runs"], each["reference"]]),
]


rule crate:
    input:
        CRATED_FILES,
    output:
        "ro-crate-metadata.json",
    log:
        f"{RESULTS}/logs/crate.log",
    benchmark:
        f"{RESULTS}/benchmarks/crate.tsv"
    threads: 1
    resources:
        runtime=10,
        mem_mb=1000,
    params:
        described=[os.path.relpath(workflow.main_snakefile), CRATED, MANIFEST],
        # under these names, wherever a storage provider has placed the inputs
        files=CRATED_FILES,
        fingerprint=fingerprint_of("pipeline"),
    script:
        "../scripts/crate.py"
