"""The Snakefile's library: its configuration, its command line, and the cost of jobs."""

import functools
import math
import os
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from mfgcore._base.errors import ConfigurationError, MfgcoreError, did_you_mean, unknown_name
from mfgcore._base.fingerprint import fingerprint_of
from mfgcore._base.plugins import code_digest
from mfgcore.batch import cost
from mfgcore.batch.design import Design
from mfgcore.experiment.experiment import Experiment
from mfgcore.pipeline import configuration
from mfgcore.pipeline.yaml_files import read_yaml


def read_configuration(workflow: Any, config: Mapping[str, Any], shipped: list[Any]) -> dict:
    """The shipped configuration, and over it what Snakemake has merged: files and --config.

    Parameters
    ----------
    workflow : snakemake.workflow.Workflow
    config : dict
        Of the workflow, or of the module that uses it.
    shipped : list of snakemake.io.AnnotatedString
        Snakemake's copies of `mfgcore.pipeline.configuration.CONFIG_FILES`.

    Raises
    ------
    ConfigurationError
        Also if one of the files could be read in two ways.
    """
    # those of `configfile:` are appended to those of --configfile, which are over them
    n_over = len(workflow.overwrite_configfiles)
    files = workflow.configfiles[:n_over][::-1] + workflow.configfiles[n_over:][::-1]
    for path in reversed(files):
        read_yaml(path)
    given = configuration.located(config, [*(Path(path).parent for path in files), "."])
    # Inside of --config values, Snakemake takes numbers for texts: they are read again. A module's
    # configuration is what its caller gives.
    main = workflow.modifier.is_main_snakefile()
    words = workflow.config_settings.config_args or [] if main else []
    originals = [str(copy.flags["sourcecache_entry"]) for copy in shipped]
    return configuration.combine(
        configuration.read(shipped, origins=originals), configuration.read([], given, words)
    )


def command_line(workflow: Any) -> Any:
    """Snakemake's command line, by its own parser; None if a job reads the Snakefile."""
    if "snakemake" not in Path(sys.argv[0]).parts[-2:] or not workflow.is_main_process:
        return None
    from snakemake.cli import get_argument_parser

    return get_argument_parser().parse_known_args(sys.argv[1:])[0]


def check_profile(workflow: Any, called: Any) -> None:
    """Refuse, by a ConfigurationError, a --workflow-profile that Snakemake would go on without."""
    profile = (called and called.workflow_profile) or "none"
    folders = [Path("profiles"), Path(workflow.main_snakefile).parent / "profiles"]
    if profile != "none" and not any((folder / profile).exists() for folder in [Path(), *folders]):
        known = sorted({each.name for folder in folders for each in folder.glob("*")})
        said = unknown_name("profile", Path(profile).name, known)
        raise ConfigurationError(f"--workflow-profile: {said}")


def check_targets(
    workflow: Any, called: Any, config: Mapping[str, Any], files: Iterable[str]
) -> None:
    """End with one line if a target is a file that no rule makes; say which one was meant.

    Snakemake would say of an old file that there is nothing to be done. `files` can be asked for
    beside those of rules without wildcards.
    """

    def placed(path):
        """Where a file of this name is while jobs use it, also if a storage provider keeps it."""
        return workflow.modifier.path_modifier.apply_default_storage(path)

    rules, folder = list(workflow.rules), Path(placed("file")).parent
    known = [path for each in rules if not each.has_wildcards() for path in each.output]
    known = [os.path.relpath(path, folder) for path in known] + list(files)

    def is_made(target):
        return any(each.is_producer(placed(target)) for each in rules)

    for target in called.targets if called else ():
        # Snakemake takes ./x for x, but the rules' names are not absolute
        inside = os.path.relpath(target)
        if workflow.is_rule(target) or is_made(target if Path(target).is_absolute() else inside):
            continue
        hint = did_you_mean(inside, [*(each.name for each in rules), *known])
        for name, value in config["experiments"].items():
            if value is None and f"{Path(target).stem}_".startswith(f"{name}_"):
                hint = f": experiment {name!r} is left out"
        for path in known:
            if Path(path).name == Path(target).name:
                hint = f"; did you mean {path!r}?"
        if workflow.is_rule(inside) or is_made(inside):
            hint = f"; did you mean {inside!r}?"
        sys.exit(f"{target}: nothing makes it with this configuration{hint}")


def runs_by_file(designs: Iterable[Design]) -> dict[str, Experiment]:
    """The runs of some designs, by their files; a ConfigurationError if unequal ones share one."""
    runs: dict[str, Experiment] = {}
    for design in designs:
        for key, path in design.files.items():
            if runs.setdefault(path, design.runs[key]) != design.runs[key]:
                raise ConfigurationError(
                    f"{design.name}: {path} would be that of another run; choose another name"
                )
    return runs


@functools.cache  # a run may have a million iterations to count
def seconds(experiment: Experiment) -> float:
    """What a run should take."""
    return cost.run_seconds(experiment)


def minutes(experiment: Experiment) -> int:
    """Minutes to ask for: one to start, and what the run should take, with a margin."""
    return math.ceil(1 + cost.TIME_MARGIN * seconds(experiment) / 60)


def megabytes(experiment: Experiment) -> int:
    """Megabytes to ask for."""
    return math.ceil(cost.JOB_MEGABYTES + cost.MEMORY_MARGIN * cost.run_megabytes(experiment))


def limit(workflow: Any, name: str) -> float:
    """What a submission may ask for at this site: --resources limit_mb=... limit_minutes=..."""
    resources = workflow.resource_settings.resources
    return resources[name].value if name in resources else math.inf


def check_limits(workflow: Any, runs: Mapping[str, Experiment]) -> None:
    """Refuse now, by an MfgcoreError, what a cluster would leave pending for ever."""
    for key, ask in (("limit_mb", megabytes), ("limit_minutes", minutes)):
        most = limit(workflow, key)
        if most == math.inf:
            continue  # every job reads this: costs are not worked out for nothing
        for path, run in runs.items():
            if run.trial == 0 and ask(run) > most:  # others are as the first
                name = "/".join(Path(path).parts[1:-2])
                said = f"{name}, {run.architecture}, trial 0: asks for {ask(run)}"
                raise MfgcoreError(f"{said}, more than {key}={most}")


def run_group(workflow: Any, run: Experiment) -> str | None:
    """Short runs that may share a submission; profiles/slurm says how many.

    They run one after another, so none is shared that would ask for more minutes than the limit.
    """
    group = "runs_of_seconds" if seconds(run) < 60 else "runs_of_minutes"
    together = workflow.group_settings.group_components.get(group, 1)
    shares = seconds(run) < 600 and together * minutes(run) <= limit(workflow, "limit_minutes")
    return group if shares else None


def figure_code(name: str) -> str:
    """Fingerprint of what draws a figure: of mfgcore, or of a user's file; str."""
    from mfgcore.plotting import FIGURES  # matplotlib takes a second to load

    return code_digest(FIGURES.code(name)) or fingerprint_of("plotting")


def check_figures(names: Iterable[str]) -> None:
    """Refuse, by a ConfigurationError, a figure that there is not."""
    from mfgcore.plotting import FIGURES

    for name in names:
        FIGURES[name]
