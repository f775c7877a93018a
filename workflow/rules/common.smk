# The configuration, checked, and what follows from it.
import functools
import math
import re
import sys

try:
    from mfgcore import configuration, cost
    from mfgcore.errors import MfgcoreError
    from mfgcore.fingerprint import run_fingerprint, shown_fingerprint
except ImportError as error:  # such as kernels that are older than their sources
    sys.exit(f"mfgcore cannot be used: {error}")


def packaged(path):
    """Where a file of this workflow is, also if it is used as a module."""
    return workflow.source_path(f"../../{path}")


# What the caller gives overrides the package's. Snakemake has read --configfile and --config by
# the rules of YAML 1.1, in which 010 is eight and the last of equal keys wins: they are read again.
if workflow.modifier.is_main_snakefile():
    named, overriding = workflow.configfiles, workflow.overwrite_configfiles
    FILES = [*named[len(overriding) :], *overriding]  # those that a Snakefile names come first
    GIVEN, WORDS = {}, workflow.config_settings.config_args or []
else:  # a module's configuration is a dict, by the rules of whoever read it
    FILES, GIVEN, WORDS = [], config, []


@functools.cache  # a run may have a million iterations to count
def seconds(experiment):
    """What a run should take."""
    return cost.run_seconds(experiment)


def minutes(experiment):
    """Minutes to ask for: one to start, and what the run should take, with a margin."""
    return math.ceil(1 + cost.TIME_MARGIN * seconds(experiment) / 60)


def megabytes(experiment):
    """Megabytes to ask for."""
    return math.ceil(cost.JOB_MEGABYTES + cost.MEMORY_MARGIN * cost.run_megabytes(experiment))


def limit(name):
    """What a submission may ask for at this site: --resources limit_mb=... limit_minutes=..."""
    resources = workflow.resource_settings.resources
    return resources[name].value if name in resources else math.inf


def check_limits(runs):
    """Refuse now what a cluster would leave pending for ever.

    Raises
    ------
    MfgcoreError
        If a run asks for more than a limit; names the run.
    """
    if limit("limit_mb") == limit("limit_minutes") == math.inf:
        return  # every job reads this file: costs are not worked out for nothing
    for name, experiments in runs.items():
        for (architecture, trial), run in experiments.items():
            if trial > 0:
                continue  # as the first
            asked = {"limit_mb": megabytes(run), "limit_minutes": minutes(run)}
            for key, value in asked.items():
                if value > limit(key):
                    raise MfgcoreError(
                        f"{name}, {architecture}, trial {trial}: asks for {value}, "
                        f"more than {key}={limit(key)}"
                    )


try:
    config = configuration.read([*map(packaged, configuration.CONFIG_FILES), *FILES], GIVEN, WORDS)
    RUNS, STUDIES = configuration.check(
        config, configuration.load_schema(packaged("workflow/schemas/config.schema.yaml"))
    )
    TITLES = {name: configuration.title(config, name, RUNS[name]) for name in RUNS}
    for study in STUDIES.values():
        for folder, runs in study.values():
            RUNS.setdefault(f"ablations/{folder}", {}).update(runs)
    check_limits(RUNS)
except MfgcoreError as error:
    sys.exit(f"configuration: {error}")

RESULTS = config["output"]["results"]
FIGURES = config["output"]["figures"]
RUN_FILE = f"{RESULTS}/runs/{{experiment}}/{{architecture}}/trial_{{trial}}.nc"
DATASET = f"{RESULTS}/experiments/{{experiment}}.nc"
DATASETS = [DATASET.format(experiment=name) for name in TITLES]
REFERENCE = f"{RESULTS}/reference/{{experiment}}.nc"
REFERENCES = {name: configuration.reference(next(iter(RUNS[name].values()))) for name in TITLES}
ABLATION = f"{RESULTS}/ablations/{{study}}.nc"
MANIFEST = f"{FIGURES}/manifest.json"
DRAWN = [f"{FIGURES}/{{stem}}.pdf", f"{FIGURES}/{{stem}}.png", f"{FIGURES}/data/{{stem}}.csv"]
STEMS = [stem for name in TITLES for stem in configuration.figures(name)]
FIGURE_FILES = [path.format(stem=stem) for stem in STEMS for path in DRAWN]
ALL = [*FIGURE_FILES, *DATASETS, MANIFEST]
ABLATION_FILES = [path.format(stem=f"ablation_{name}") for name in STUDIES for path in DRAWN]


wildcard_constraints:
    experiment="|".join(map(re.escape, RUNS)),
    study="|".join(STUDIES),
    architecture="[a-z_]+",
    trial=r"\d+",


def run_of(wildcards):
    """The experiment that a run's file name stands for."""
    return RUNS[wildcards.experiment][wildcards.architecture, int(wildcards.trial)]


def run_files(wildcards):
    """The files of all runs of an experiment."""
    return [
        RUN_FILE.format(experiment=wildcards.experiment, architecture=architecture, trial=trial)
        for architecture, trial in RUNS[wildcards.experiment]
    ]


def study_files(wildcards):
    """The files of all runs of an ablation."""
    return [
        RUN_FILE.format(experiment=f"ablations/{folder}", architecture=architecture, trial=trial)
        for folder, runs in STUDIES[wildcards.study].values()
        for architecture, trial in runs
    ]


def pictures(stem, caption, category, **labels):
    """The drawings of a figure: as PDF, and as PNG for reports."""
    picture = report(
        f"{FIGURES}/{stem}.png",
        caption=f"../report/{caption}.rst",
        category=category,
        labels=labels,
    )
    return [f"{FIGURES}/{stem}.pdf", picture]


def title(wildcards):
    """The title of an experiment's figures."""
    return TITLES[wildcards.experiment]


def plain(text):
    """A text as a caption has it, where no letter means anything but itself."""
    return re.sub(r"([^\w ])", r"\\\1", text)


def first_trial(wildcards):
    """The first trial of a run's kind: all cost the same, and it is worked out once."""
    return RUNS[wildcards.experiment][wildcards.architecture, 0]


def run_minutes(wildcards):
    """Minutes to ask for."""
    return minutes(first_trial(wildcards))


def run_megabytes(wildcards):
    """Megabytes to ask for."""
    return megabytes(first_trial(wildcards))


def run_group(wildcards):
    """Short runs that may share a submission; profiles/slurm says how many.

    They run one after another, so none is shared that would ask for more minutes than the limit.
    """
    expected = seconds(first_trial(wildcards))
    group = "runs_of_seconds" if expected < 60 else "runs_of_minutes"
    together = workflow.group_settings.group_components.get(group, 1)
    shares = expected < 600 and together * run_minutes(wildcards) <= limit("limit_minutes")
    return group if shares else None
