"""The figure of the third protocol, from tiny runs."""

import pytest
import yaml
from PIL import Image
from project import ROOT, Project, tiny_config

from mfgcore.pipeline.yaml_files import read_yaml

VARIANTS = "independent", "centralised", "C_r=1, return", "C_r=1, random"


@pytest.fixture(scope="module")
def project(tmp_path_factory):
    project = Project(tmp_path_factory.mktemp("cooperation"))
    config = read_yaml(ROOT / "config/cooperation.yaml")
    shared, rounds = config["comparisons"], config["comparisons"]["experiments"]["rounds"]
    shared["parameters"] |= {"agents": 5, "iterations": 11}
    rounds |= {"transitions": 140, "replay_cycles": 2}
    factors = rounds["factors"]
    factors["setting"] = {name: factors["setting"][name] for name in ("agree", "beach_bar")}
    factors["variant"] = {name: factors["variant"][name] for name in VARIANTS}
    shared |= {"experiments": {"rounds": rounds}, "trials": 2}
    tiny = yaml.safe_load(tiny_config())
    project.configure(yaml.safe_dump(tiny | config | {"output": tiny["output"]}))
    return project


def test_the_figure_is_a_target(project):
    project.make("figures/tiny/cooperation.pdf")
    with Image.open(project.folder / "figures/tiny/cooperation.png") as drawn:
        assert len(drawn.convert("RGB").getcolors(1 << 20)) > 20


def test_without_its_configuration_it_says_what_it_needs(project):
    other = Project(project.folder / "without")
    other.configure(tiny_config())
    done = other.snakemake("figures/tiny/cooperation.pdf", "--dry-run")
    assert done.returncode != 0
    assert "--configfile config/cooperation.yaml" in done.stderr
