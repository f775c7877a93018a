"""The figures of the second protocol, from tiny runs."""

import pytest
import yaml
from PIL import Image
from project import ROOT, Project, tiny_config

from mfgcore.pipeline.yaml_files import read_yaml

SMALL = {"agents": 5, "iterations": 6, "transitions": 140, "replay_cycles": 2}
SIZES = {"agents": [4, 6]}
KEPT = {  # what is not left out; of each factor, what a label's parameters become
    "updates": {
        "failure_probability": {p: {"failure_probability": p, "iterations": 6} for p in (0.0, 0.5)},
        "variant": {"C=1, sigma": None, "C=5, random": None},
        **SIZES,
    },
    "alone": {
        "failure_probability": {
            0.0: {"failure_probability": 0.0, "iterations": 6},
            0.5: {"failure_probability": 0.5, "iterations": 8, "only": {"agents": [4]}},
        },
        **SIZES,
    },
    "selection": {"setting": {"garnet 101": None, "garnet 107": None}},
    "known": {"setting": {"two_bars": None, "no_interaction": None}},
    "selection_failing": {"setting": {"garnet 101": None}},
    "compensation": {"setting": {"agree": None}},
    "compensation_failing": {"setting": {"agree": None}},
    "later_versions": {
        "scenario": {"agree": None},
        "setting": {"radius 0.2": None, "C=20": None},
        "variant": {"sigma": None, "centralised": {"architecture": "centralised"}},
    },
}


def few():
    """The second protocol's configuration, with some of most of its experiments."""
    config = read_yaml(ROOT / "config/law.yaml")
    shipped = config["comparisons"]["experiments"]
    found = {}
    for name, kept in KEPT.items():
        factors = dict(shipped[name]["factors"])
        for factor, labels in kept.items():
            if isinstance(labels, dict):
                own = factors[factor]
                labels = {label: new or own[label] for label, new in labels.items()}
            factors[factor] = labels
        found[name] = {**shipped[name], **SMALL, "factors": factors, "trials": 2}
        if name == "updates" or name == "alone":
            del found[name]["agents"]
    config["comparisons"] |= {"experiments": found, "trials": 2}
    return config


@pytest.fixture(scope="module")
def project(tmp_path_factory):
    project = Project(tmp_path_factory.mktemp("law"))
    tiny = yaml.safe_load(tiny_config())
    project.configure(yaml.safe_dump(tiny | few() | {"output": tiny["output"]}))
    return project


@pytest.mark.parametrize("name", ["law", "selection", "score_rules", "price"])
def test_the_figures_are_targets(name, project):
    stem = f"figures/tiny/{name}"
    project.make(f"{stem}.pdf")
    with Image.open(project.folder / f"{stem}.png") as drawn:
        assert len(drawn.convert("RGB").getcolors(1 << 20)) > 20


def test_without_its_configuration_they_say_what_they_need(project):
    tiny = yaml.safe_load(tiny_config())
    other = Project(project.folder / "without")
    other.configure(yaml.safe_dump(tiny))
    done = other.snakemake("figures/tiny/law.pdf", "--dry-run")
    assert done.returncode != 0
    assert "--configfile config/law.yaml" in done.stderr
