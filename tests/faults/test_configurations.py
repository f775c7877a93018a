"""Two thousand mutated configurations, each through all of the Snakefile.

A process for each would take an hour: all but a few are read in this one, by Snakemake's own
interface. What it does there is what ``snakemake --dry-run`` does, which the few are compared with.
"""

import copy
import gc

import numpy as np
import pytest
import yaml
from project import NAMES, Project, tiny_config
from runs.test_fuzz import mutate
from snakemake.api import SnakemakeApi
from snakemake.settings.types import (
    ConfigSettings,
    DAGSettings,
    OutputSettings,
    Quietness,
    ResourceSettings,
    StorageSettings,
)

from mfgcore import simulate
from mfgcore.batch import cost
from mfgcore.pipeline import configuration
from mfgcore.pipeline.yaml_files import parse_yaml

pytestmark = [pytest.mark.faults, pytest.mark.filterwarnings("ignore")]

MUTANTS, SEED = 2000, 13
COMPARED, MADE = 20, 10  # as processes: dry runs, and figures
TARGETS = ("figures/all", "figures/ablations")
LONG = 5.0  # seconds that a run may be expected to take; 2.5 are for the start
WORDS = (
    "010", "1:30", "0x1F", "1_0", "yes", "~", "", "*a", "&a [*a]", "&a 1", "!!binary aGk=",
    "!!python/name:os.system", "!foo 1", "{<<: {a: 1}}", "{a: 1, a: 2}", "[", "}", "'", '"', "\t",
    "- 1", "a: b: c", "9" * 400, "9" * 5000, "1e200", "1e400", ".nan", ".inf", "-.inf",
    "2020-13-01", '"\\ud800"', '"\\n"', "'$R_{max}$'", "'$\\frac{'", "'{agents}'", "'{agents!r}'",
    "'}{'", "'{}'", "</script>", "'*a* `b`_ |c|'", "%", "--- 1", "...", "? a", "|", ">", "#", "@",
    "`", "\x07", "\u2028", "\N{DEVANAGARI LETTER A}",
)  # fmt: skip


def base():
    """One experiment and one ablation, as small as they can be."""
    config = parse_yaml(tiny_config(), "tiny")
    config["factors"] = {"architecture": ["independent", "networked"]}
    config["ablations"]["factors"] = {"architecture": ["networked"]}
    config["experiments"] = dict.fromkeys(NAMES) | {"fig1": config["experiments"]["fig1"]}
    config["experiments"]["fig1"] |= {"title": "{agents} agents", "trials": 1}
    ablations = config["ablations"]["experiments"]
    ablations["radius"] = {"title": "Radius", "factors": {"communication_radius": [0.2, 1.0]}}
    ablations["rounds"] = None
    config["ablations"]["trials"] = 1
    return config


def written(config):
    """A configuration as it is in a file."""
    return yaml.safe_dump(config, default_flow_style=False, allow_unicode=True)


def mutate_text(text, generator):
    """Change a value, or a line, or a letter."""
    lines = text.splitlines(keepends=True)
    row = generator.integers(len(lines))
    word = WORDS[generator.integers(len(WORDS))]
    key, colon, _ = lines[row].partition(":")
    letter = generator.integers(len(lines[row]))
    other = generator.integers(len(lines))
    lines[row] = [
        f"{key}{colon} {word}\n",
        f"{key}{colon} {word}\n",
        f"{key}{colon} {word}\n",
        f"{word}{lines[row]}",
        lines[row] * 2,
        "",
        lines[other],
        lines[row][:letter] + word + lines[row][letter:],
        "  " + lines[row],
        lines[row].strip() + "\n",
    ][generator.integers(10)]
    return "".join(lines)


def dry_run(project, path):
    """What the workflow says of a configuration: "", or in one line why it is refused.

    None if Snakemake, which reads it first, refuses it itself.
    """
    try:
        settings = ConfigSettings(configfiles=[path])
    except Exception:
        return None
    with SnakemakeApi(OutputSettings(quiet={Quietness.ALL})) as api:
        workflow = api.workflow(
            resource_settings=ResourceSettings(cores=1),
            config_settings=settings,
            storage_settings=StorageSettings(),
            snakefile=project.folder / "Snakefile",
            workdir=project.folder,
        )
        try:
            workflow.dag(DAGSettings(targets=set(TARGETS))).execute_workflow(executor="dryrun")
        except SystemExit as stopped:
            assert stopped.code.startswith("configuration: "), stopped.code
            return stopped.code
    return ""


def planned(project, path):
    """The runs of an accepted configuration."""
    files = [project.folder / each for each in configuration.CONFIG_FILES]
    schema = configuration.load_schema(project.folder / "workflow/schemas/config.schema.yaml")
    shipped, given = configuration.read(files), configuration.read([path])
    designs = configuration.check(configuration.combine(shipped, given), schema)
    return [run for design in designs.values() for run in design.runs.values()]


def test_two_thousand_mutants_are_refused_in_one_line_or_run(tmp_path, monkeypatch, capsys):
    project, generator = Project(tmp_path), np.random.default_rng(SEED)
    path = tmp_path / "config/tiny.yaml"
    monkeypatch.chdir(tmp_path)
    said, accepted = [], []
    for number in range(MUTANTS):
        config = copy.deepcopy(base())
        if number % 2:
            mutate(config, generator)
        text = written(config)
        path.write_text(text if number % 2 else mutate_text(text, generator), encoding="utf-8")
        answer = dry_run(project, path)
        said.append(answer)
        if answer:
            assert answer.isprintable() and len(answer) < 2000, path.read_text()
        if number < COMPARED:
            done = project.snakemake(*TARGETS, "--dry-run")
            assert (done.returncode == 0) == (answer == "")
            assert not answer or answer in done.stderr.splitlines()
        if answer == "":
            runs = planned(project, path)
            if max(map(cost.run_seconds, runs)) < LONG:
                accepted.append(path.read_text())
                for run in runs:
                    simulate(run)
    gc.collect()  # of folders that Snakemake does not tidy up, before warnings count again
    with capsys.disabled():
        refused = sum(map(bool, said))
        print(f"{MUTANTS} mutants: {refused} refused, {said.count(None)} by Snakemake,", end=" ")
        print(f"{said.count('')} accepted, {len(accepted)} of them run")
    assert min(refused, len(accepted)) > MUTANTS / 20  # both happen
    assert not list(tmp_path.glob("**/outside"))
    for text in generator.choice(accepted, MADE, replace=False):
        project.configure(text)
        done = project.snakemake(*TARGETS, "--forceall")
        assert done.returncode == 0, (text, done.stderr[-3000:])
