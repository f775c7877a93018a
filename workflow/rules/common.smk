# The configuration, checked, and what follows from it.
import functools
import math
import os
import re
import sys
from pathlib import Path

from snakemake.cli import get_argument_parser

try:
    from mfgcore.batch import comparisons, cost
    from mfgcore.pipeline import configuration, yaml_files
    from mfgcore.agents.architectures import ARCHITECTURES
    from mfgcore._base.errors import ConfigurationError, MfgcoreError, did_you_mean, unknown_name
    from mfgcore.experiment.experiment import code_of
    from mfgcore._base.fingerprint import fingerprint_of, run_fingerprint
except ImportError as error:  # such as kernels that are older than their sources
    sys.exit(f"mfgcore cannot be used: {error}")


# Snakemake's command line, which it does not show to a Snakefile: by its own parser, which takes a
# quarter of a second, and not in each of its jobs.
BY_HAND = "snakemake" in Path(sys.argv[0]).parts[-2:] and workflow.is_main_process
CALLED, _ = get_argument_parser().parse_known_args(sys.argv[1:]) if BY_HAND else (None, None)


def packaged(path):
    """Where a file of this workflow is, also if it is used as a module."""
    return workflow.source_path(f"../../{path}")


# Inside of --config values, Snakemake takes numbers for texts: they are read again. A module's
# configuration is what its caller gives.
WORDS = workflow.config_settings.config_args or [] if workflow.modifier.is_main_snakefile() else []


def sources():
    """What snakemake has merged to a configuration, each over those before, and its file.

    Those of `configfile:` it appends to those of --configfile, which are over them. A file is
    refused where snakemake may have read something else than we.
    """
    overwriting = len(workflow.overwrite_configfiles)
    files = workflow.configfiles[overwriting:] + workflow.configfiles[:overwriting]
    read = [(yaml_files.read_yaml(path), path) for path in files]
    return [*read, (workflow.config_settings.config, None)]


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


def check_profile():
    """Refuse a --workflow-profile that is not there: Snakemake would go on without any.

    Raises
    ------
    ConfigurationError
        Names the profile, and those that there are.
    """
    profile = CALLED and CALLED.workflow_profile or "none"
    folders = [Path("profiles"), Path(workflow.main_snakefile).parent / "profiles"]
    if profile != "none" and not any((folder / profile).exists() for folder in [Path(), *folders]):
        known = sorted({each.name for folder in folders for each in folder.glob("*")})
        raise ConfigurationError(
            f"--workflow-profile: {unknown_name('profile', Path(profile).name, known)}"
        )


def placed(path):
    """Where a file of this name is while jobs use it, also if a storage provider keeps it."""
    return workflow.modifier.path_modifier.apply_default_storage(path)


def check_targets():
    """End with one line if a target is a file that no rule makes; say which one was meant.

    A figure of another configuration is in another folder. There may be an old one, and Snakemake
    would say that there is nothing to be done.
    """
    rules, folder = list(workflow.rules), os.path.dirname(placed("file"))
    known = [path for each in rules if not each.has_wildcards() for path in each.output]
    known = [os.path.relpath(path, folder) for path in known]
    known += [*FIGURE_FILES, *DATASETS, *ABLATION_FILES]

    def is_made(target):
        return any(each.is_producer(placed(target)) for each in rules)

    for target in CALLED.targets if CALLED else ():
        # Snakemake takes ./x for x, but the rules' names are not absolute
        inside = os.path.relpath(target)
        if workflow.is_rule(target) or is_made(target if os.path.isabs(target) else inside):
            continue
        hint = did_you_mean(inside, [*(each.name for each in rules), *known])
        for name, value in config["experiments"].items():
            if value is None and Path(target).stem in configuration.figures(name):
                hint = f": experiment {name!r} is left out"
        for path in known:
            if Path(path).name == Path(target).name:
                hint = f"; did you mean {path!r}?"
        if workflow.is_rule(inside) or is_made(inside):
            hint = f"; did you mean {inside!r}?"
        sys.exit(f"{target}: nothing makes it with this configuration{hint}")


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
    check_profile()
    # what the caller gives: --configfile, --config, a module's config
    given = yaml_files.located(
        config,
        yaml_files.sources_of_part(workflow.modifier_stack[0].globals["config"], config, sources()),
    )
    copies = [packaged(path) for path in configuration.CONFIG_FILES]
    originals = [copy.flags["sourcecache_entry"] for copy in copies]
    shipped = configuration.read(copies, origins=originals)
    config = configuration.combine(shipped, configuration.read([], given, WORDS))
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
COMPARISON = f"{RESULTS}/comparisons/{{comparison}}.nc"
COMPARISON_PART = f"{RESULTS}/comparisons/{{comparison}}/{{scenario}}/{{setting}}.nc"
MANIFEST = f"{FIGURES}/manifest.json"
DRAWN = [f"{FIGURES}/{{stem}}.pdf", f"{FIGURES}/{{stem}}.png", f"{FIGURES}/data/{{stem}}.csv"]
STEMS = [stem for name in TITLES for stem in configuration.figures(name)]
FIGURE_FILES = [path.format(stem=stem) for stem in STEMS for path in DRAWN]
ALL = [*FIGURE_FILES, *DATASETS, MANIFEST]
ABLATION_FILES = [path.format(stem=f"ablation_{name}") for name in STUDIES for path in DRAWN]


wildcard_constraints:
    experiment="|".join(map(re.escape, RUNS)),
    study="|".join(STUDIES),
    comparison="[A-Za-z0-9_-]+",
    scenario="[^/]+",
    setting="[^/]+",
    architecture="|".join(map(re.escape, ARCHITECTURES)),
    trial=r"\d+",


def run_of(wildcards):
    """The experiment that a run's file name stands for."""
    return RUNS[wildcards.experiment][wildcards.architecture, int(wildcards.trial)]


def files_of_runs(experiment):
    """The files of all runs of an experiment, by its name."""
    return [
        RUN_FILE.format(experiment=experiment, architecture=architecture, trial=trial)
        for architecture, trial in RUNS[experiment]
    ]


def run_files(wildcards):
    """The files of all runs of an experiment."""
    return files_of_runs(wildcards.experiment)


def study_files(wildcards):
    """The files of all runs of an ablation."""
    return [
        RUN_FILE.format(experiment=f"ablations/{folder}", architecture=architecture, trial=trial)
        for folder, runs in STUDIES[wildcards.study].values()
        for architecture, trial in runs
    ]


@functools.cache
def runs_compared(comparison, scenario, setting):
    """The runs of a scenario and setting, by the names of their files."""
    try:
        labels = comparisons.jobs(config, comparison)[scenario, setting]
        return comparisons.runs(config, comparison, *labels)
    except MfgcoreError as error:
        sys.exit(f"configuration: {error}")


def comparison_runs(wildcards):
    """The runs of a scenario and setting, which belong to one job."""
    return runs_compared(wildcards.comparison, wildcards.scenario, wildcards.setting)


def comparison_files(wildcards):
    """The files of all scenarios and settings of a comparison."""
    return [
        COMPARISON_PART.format(comparison=wildcards.comparison, scenario=scenario, setting=setting)
        for scenario, setting in comparisons.jobs(config, wildcards.comparison)
    ]


def study_of(wildcards):
    """What the configuration says of an ablation."""
    return config["ablations"]["studies"][wildcards.study]


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
