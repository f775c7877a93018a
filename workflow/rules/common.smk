# The configuration, checked, and what follows from it.
import functools
import os
import re
import sys

try:
    from mfgcore._base.errors import MfgcoreError
    from mfgcore._base.fingerprint import fingerprint_of, run_fingerprint
    from mfgcore.agents.architectures import ARCHITECTURES
    from mfgcore.batch.design import reference
    from mfgcore.experiment.experiment import code_fingerprint_of
    from mfgcore.pipeline import configuration, snakefile
except ImportError as error:  # such as kernels that are older than their sources
    sys.exit(f"mfgcore cannot be used: {error}")


def packaged(path):
    """Where a file of this workflow is, also if it is used as a module."""
    return workflow.source_path(f"../../{path}")


try:
    CALLED = snakefile.command_line(workflow)
    snakefile.check_profile(workflow, CALLED)
    config = snakefile.read_configuration(
        workflow, config, [packaged(path) for path in configuration.CONFIG_FILES]
    )
    DESIGNS = configuration.check(
        config, configuration.load_schema(packaged("workflow/schemas/config.schema.yaml"))
    )
    RUNS = snakefile.runs_by_file(DESIGNS.values())
    snakefile.check_limits(workflow, RUNS)
    # by the name of its files: the group and name of an experiment, and how it is drawn
    FIGURES_OF = {
        stem: (group, name, figure)
        for group in configuration.GROUPS
        for name in configuration.names(config, group)
        for stem, figure in configuration.figures(config, group, name).items()
    }
    if CALLED is not None:
        snakefile.check_figures([figure for *_, figure in FIGURES_OF.values()])
except MfgcoreError as error:
    sys.exit(f"configuration: {error}")

RESULTS = config["output"]["results"]
FIGURES = config["output"]["figures"]
RUN = "runs/{experiment}/{architecture}/trial_{trial}.nc"
RUN_FILE = f"{RESULTS}/{RUN}"
REFERENCE = f"{RESULTS}/reference/{{experiment}}.nc"
DATASET = f"{RESULTS}/{{group}}/{{name}}.nc"
SUMMARIES = f"{RESULTS}/{{group}}/{{name}}/{{part}}.nc"
MANIFEST = f"{FIGURES}/manifest.json"
DRAWN = [f"{FIGURES}/{{stem}}.pdf", f"{FIGURES}/{{stem}}.png", f"{FIGURES}/data/{{stem}}.csv"]


def datasets_of(group):
    """The datasets of a group of experiments."""
    names = configuration.names(config, group)
    return [DATASET.format(group=group, name=name) for name in names]


def figures_of(group, name=None):
    """The files of the figures of a group, or of one experiment."""
    return [
        path.format(stem=stem)
        for stem, (own, known, _) in FIGURES_OF.items()
        if own == group and name in (None, known)
        for path in DRAWN
    ]


DATASETS = datasets_of("experiments")
FIGURE_FILES = figures_of("experiments")
ABLATION_FILES = figures_of("ablations")
ALL = [*FIGURE_FILES, *DATASETS, MANIFEST]
REFERENCES = {
    name: reference(next(iter(design.runs.values())))
    for (group, name), design in DESIGNS.items()
    if group == "experiments"
}
FOLDERS = dict.fromkeys(Path(path).parents[1].relative_to("runs").as_posix() for path in RUNS)


wildcard_constraints:
    experiment="|".join(map(re.escape, FOLDERS)),
    group="|".join(configuration.GROUPS),
    name="[A-Za-z0-9_-]+",
    part=".+",
    stem="|".join(FIGURES_OF),
    architecture="|".join(map(re.escape, ARCHITECTURES)),
    trial=r"\d+",


@functools.cache
def design(group, name):
    """An experiment's runs; of those that keep summaries, when they are asked for."""
    try:
        return DESIGNS.get((group, name)) or configuration.design(config, group, name)
    except MfgcoreError as error:
        sys.exit(f"configuration: {error}")


def design_of(wildcards):
    """The design whose dataset, or whose figure, is meant."""
    if "stem" in wildcards.keys():
        return design(*FIGURES_OF[wildcards.stem][:2])
    return design(wildcards.group, wildcards.name)


def summary_of(wildcards):
    """The name of a file of summaries among the results, wherever a storage provider puts it."""
    return SUMMARIES.format(**wildcards).removeprefix(f"{RESULTS}/")


def part_of(wildcards):
    """The runs whose summaries are in one file."""
    labels = {file: key for key, file in design_of(wildcards).files.items()}
    return design_of(wildcards).part(*labels[summary_of(wildcards)])


def run_of(wildcards, **other):
    """The experiment that a run's file name stands for."""
    return RUNS[RUN.format(**{**wildcards, **other})]


def first_trial(wildcards):
    """The first trial of a run's kind: all cost the same, and it is worked out once."""
    return run_of(wildcards, trial=0)


def pictures(stem, caption, category, labels):
    """The drawings of a figure: as PDF, and as PNG for reports."""
    picture = report(
        f"{FIGURES}/{stem}.png",
        caption=f"../report/{caption}.rst",
        category=category,
        labels=labels,
    )
    return [f"{FIGURES}/{stem}.pdf", picture]


def of_protocol(name, *experiments):
    """Datasets of a protocol; only its configuration has them."""
    if not set(experiments) <= set(configuration.names(config, "comparisons")):
        needed = " and ".join(experiments)
        sys.exit(f"configuration: no {needed}: add --configfile config/{name}.yaml")
    return [DATASET.format(group="comparisons", name=each) for each in experiments]


def plain(text):
    """A text as a caption has it, where no letter means anything but itself."""
    return re.sub(r"([^\w ])", r"\\\1", text)


def check_targets():
    """End with one line if a target is a file that no rule makes."""
    snakefile.check_targets(workflow, CALLED, config, [*FIGURE_FILES, *DATASETS, *ABLATION_FILES])


def drawn_from(wildcards):
    """The dataset of a figure, and for the exact metrics a run without sampling error."""
    group, name, figure = FIGURES_OF[wildcards.stem]
    inputs = {"dataset": DATASET.format(group=group, name=name)}
    if figure == "exact" and name in REFERENCES:
        inputs["reference"] = REFERENCE.format(experiment=name)
    return inputs


def label_of(wildcards):
    """What a report says of a figure."""
    group, name, figure = FIGURES_OF[wildcards.stem]
    return {group.removesuffix("s"): name, "shows": figure.replace("_", " ")}
