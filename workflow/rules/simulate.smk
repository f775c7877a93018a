rule simulate:
    output:
        RUN_FILE,
    log:
        f"{RESULTS}/logs/simulate/{{experiment}}/{{architecture}}/trial_{{trial}}.log",
    benchmark:
        f"{RESULTS}/benchmarks/simulate/{{experiment}}/{{architecture}}/trial_{{trial}}.tsv"
    group:
        run_group
    threads: 1
    resources:
        runtime=run_minutes,
        mem_mb=run_megabytes,
    params:
        # only what this run uses, so that a change reruns what depends on it and nothing else
        run=lambda wildcards: run_of(wildcards).relevant(),
        code=lambda wildcards: run_of(wildcards).code(),
        # its checkpoint is beside this, which a storage provider's copy on a node may not outlast
        name=RUN_FILE,
    script:
        "../scripts/simulate.py"


use rule simulate as simulate_exactly with:
    output:
        REFERENCE,
    log:
        f"{RESULTS}/logs/reference/{{experiment}}.log",
    benchmark:
        f"{RESULTS}/benchmarks/reference/{{experiment}}.tsv"
    group:
        "runs_of_seconds"
    resources:
        runtime=lambda wildcards: minutes(REFERENCES[wildcards.experiment]),
        mem_mb=lambda wildcards: megabytes(REFERENCES[wildcards.experiment]),
    params:
        run=lambda wildcards: REFERENCES[wildcards.experiment].relevant(),
        code=lambda wildcards: REFERENCES[wildcards.experiment].code(),
        name=REFERENCE,
