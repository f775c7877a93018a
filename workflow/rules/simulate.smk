rule simulate:
    output:
        RUN_FILE,
    log:
        f"{RESULTS}/logs/simulate/{{experiment}}/{{architecture}}/trial_{{trial}}.log",
    benchmark:
        f"{RESULTS}/benchmarks/simulate/{{experiment}}/{{architecture}}/trial_{{trial}}.tsv"
    group:
        lambda wildcards: snakefile.run_group(workflow, first_trial(wildcards))
    threads: 1
    resources:
        runtime=lambda wildcards: snakefile.minutes(first_trial(wildcards)),
        mem_mb=lambda wildcards: snakefile.megabytes(first_trial(wildcards)),
    params:
        # only what this run uses, so that a change reruns what depends on it and nothing else
        run=lambda wildcards: run_of(wildcards).effective_parameters(),
        code=lambda wildcards: run_of(wildcards).code_fingerprint(),
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
        runtime=lambda wildcards: snakefile.minutes(REFERENCES[wildcards.experiment]),
        mem_mb=lambda wildcards: snakefile.megabytes(REFERENCES[wildcards.experiment]),
    params:
        run=lambda wildcards: REFERENCES[wildcards.experiment].effective_parameters(),
        code=lambda wildcards: REFERENCES[wildcards.experiment].code_fingerprint(),
        name=REFERENCE,


# Many short runs, one after another.
rule summarise:
    output:
        SUMMARIES,
    log:
        f"{RESULTS}/logs/{{group}}/{{name}}/{{part}}.log",
    benchmark:
        f"{RESULTS}/benchmarks/{{group}}/{{name}}/{{part}}.tsv"
    threads: 1
    resources:
        runtime=lambda wildcards: sum(map(snakefile.minutes, part_of(wildcards).runs.values())),
        mem_mb=lambda wildcards: max(map(snakefile.megabytes, part_of(wildcards).runs.values())),
    params:
        runs=lambda wildcards: [
            run.effective_parameters() for run in part_of(wildcards).runs.values()
        ],
        code=lambda wildcards: code_fingerprint_of(part_of(wildcards).runs.values()),
        file=summary_of,
    script:
        "../scripts/summarise.py"
