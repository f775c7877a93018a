"""Where runs and figures come from, for other programs: a Workflow Run RO-Crate.

The folder in which the workflow ran is the crate. Its description, ``ro-crate-metadata.json``, says
of every run, collected dataset and figure what made it, of what, and when, by the profile
https://w3id.org/ro/wfrun/workflow.
"""

import datetime
import hashlib
import importlib.metadata
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from rocrate.model import ContextEntity
from rocrate.rocrate import ROCrate

from mfgcore._base.arguments import explained
from mfgcore._base.files import StrPath, write_text
from mfgcore.runs.datasets import load

CONTEXT = "https://w3id.org/ro/terms/workflow-run/context"
PROFILES = {
    "https://w3id.org/ro/wfrun/process/0.5": "Process Run Crate",
    "https://w3id.org/ro/wfrun/workflow/0.5": "Workflow Run Crate",
    "https://w3id.org/workflowhub/workflow-ro-crate/1.0": "Workflow RO-Crate",
}
LICENSE = "https://spdx.org/licenses/MIT"
PAPER = "https://arxiv.org/abs/2306.02766v1"
# what a run's file says of how it was made, but for the times
MADE_BY = ("commit", "fingerprint", "kernels", "processor", "versions")
FORMATS = {
    ".nc": "application/x-netcdf",
    ".pdf": "application/pdf",
    ".png": "image/png",
    ".csv": "text/csv",
    ".json": "application/json",
}


@explained
def write_crate(
    path: StrPath,
    snakefile: StrPath,
    configuration: dict[str, Any],
    experiments: Mapping[str, Mapping[str, Any]],
    manifest: StrPath,
    places: Mapping[str, StrPath] | None = None,
) -> None:
    """Describe, by the file `path`, what the workflow made in the folder that holds all of it.

    Parameters
    ----------
    snakefile : path
        Of the workflow that was called.
    experiments : dict of str to dict
        By name, files: `runs` and `figures` (lists of path), `dataset` and `reference` (paths).
    places : dict of str to path, optional
        Where files can be read, if not in the folder: by a storage provider, which places copies.
    """
    crate = _Crate(snakefile, configuration, places or {})
    for files in experiments.values():
        crate.add_experiment(files)
    crate.add_named(manifest, "Checksums, commits and configurations of the figures")
    crate.finish(f"Runs and figures of mfgcore: {', '.join(experiments)}")
    write_text(path, json.dumps(crate.metadata.generate(), indent=1) + "\n")


class _Crate(ROCrate):
    """A description that grows by what an experiment made."""

    def __init__(self, snakefile, configuration, places):
        super().__init__(version="1.1")
        self.places = places
        self.metadata.extra_contexts.append(CONTEXT)
        self.root_dataset["conformsTo"] = [
            self.other(url, "CreativeWork", name=name, version=url.rpartition("/")[2])
            for url, name in PROFILES.items()
        ]
        self.root_dataset["license"] = self.other(
            LICENSE, "CreativeWork", name="MIT License", description="That of the workflow"
        )
        title = "Networked Communication for Decentralised Agents in Mean-Field Games"
        self.root_dataset["citation"] = self.other(PAPER, "ScholarlyArticle", name=title)
        version = importlib.metadata.version("mfgcore")
        self.program = self.other(
            "#mfgcore", "SoftwareApplication", name="mfgcore", url=PAPER, version=version
        )
        workflow = self.add_workflow(dest_path=str(snakefile), main=True, lang="snakemake")
        workflow["name"] = "Workflow of mfgcore"
        kind, value = "FormalParameter", json.dumps(configuration, sort_keys=True)
        self.given = self.other(
            "#configuration", "PropertyValue", name="configuration", value=value
        )
        workflow["input"] = self.given["exampleOfWork"] = self.other(
            "#input", kind, name="configuration", description="As JSON", additionalType="Text"
        )
        workflow["input"]["workExample"] = self.given
        workflow["output"] = self.other(
            "#output", kind, name="files", description="Of runs and figures", additionalType="File"
        )

    def other(self, identifier, kind, **properties):
        """An entity that is no file."""
        return self.add(ContextEntity(self, identifier, {"@type": kind, **properties}))

    def place(self, name):
        return Path(self.places.get(str(name), name))

    def add_named(self, path, name):
        content = self.place(path).read_bytes()
        properties = {
            "name": name,
            "encodingFormat": FORMATS[Path(path).suffix],
            "contentSize": str(len(content)),
            "sha256": hashlib.sha256(content).hexdigest(),
        }
        return self.add_file(dest_path=str(path), properties=properties)

    def add_experiment(self, files):
        """The files of an experiment, what made each of them, and of what."""
        *runs, reference = [self.add_run(path) for path in [*files["runs"], files["reference"]]]
        title = load(self.place(files["dataset"]), kind="experiment").attrs["title"]
        dataset = self.add_named(files["dataset"], title)
        self.derive([dataset], runs, "joins the runs")
        drawn = f"Drawn from {Path(files['dataset']).name}"
        figures = [self.add_named(path, drawn) for path in files["figures"]]
        self.derive(figures, [dataset, reference], "draws the figures")

    def add_run(self, path):
        """A run's file, its parameters, and when it was made of them."""
        attrs = load(self.place(path)).attrs
        value = attrs["configuration"]
        given = self.other(f"#parameters-{path}", "PropertyValue", name="parameters", value=value)
        started = datetime.datetime.fromisoformat(attrs["started"])
        ended = started + datetime.timedelta(seconds=float(attrs["wall_seconds"]))
        made = self.add_named(path, attrs["title"])
        properties = {
            "name": attrs["title"],
            "description": ", ".join(f"{key} {attrs[key]}" for key in MADE_BY),
            "startTime": started.isoformat(timespec="seconds"),
            "endTime": ended.isoformat(timespec="seconds"),
        }
        self.act(self.program, f"#run-{path}", given, made, properties)
        return made

    def derive(self, made, sources, what):
        """That files were made of others, and when the last of them was."""
        moment = max(self.place(each.id).stat().st_mtime for each in made)
        ended = datetime.datetime.fromtimestamp(round(moment), datetime.UTC).isoformat()
        properties = {"name": f"mfgcore {what}", "endTime": ended}
        self.act(self.program, f"#made-{made[0].id}", sources, made, properties)

    def act(self, *said):
        self.root_dataset.append_to("mentions", self.add_action(*said))

    def finish(self, name):
        """The workflow's own action, and the root."""
        files = [each for each in self.data_entities if each.type == "File"]
        actions = self.root_dataset["mentions"]
        ended = max(each["endTime"] for each in actions)
        started = min(each["startTime"] for each in actions if "startTime" in each)
        self.mainEntity["output"]["workExample"] = files[0]
        properties = {"name": "The workflow", "startTime": started, "endTime": ended}
        self.act(self.mainEntity, "#workflow", self.given, files, properties)
        self.root_dataset["datePublished"] = ended
        self.root_dataset["name"] = name
        self.root_dataset["description"] = (
            "Agents learn mean-field games: every run and figure, and what made it"
        )
