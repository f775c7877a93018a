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

from mfgcore._base.arguments import explained
from mfgcore._base.files import StrPath, atomic_path
from mfgcore.runs.datasets import load

METADATA = "ro-crate-metadata.json"
CONTEXTS = [
    "https://w3id.org/ro/crate/1.1/context",
    "https://w3id.org/ro/terms/workflow-run/context",
]
CRATE = "https://w3id.org/ro/crate/1.1"
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
    """Describe what the workflow made, in the folder that holds all of it.

    Parameters
    ----------
    path : path
        The description to write.
    snakefile : path
        Of the workflow that was called. It and all other files are in the folder of `path`.
    configuration : dict
        The workflow's.
    experiments : dict of str to dict
        By name, files: `runs` and `figures` (lists of path), `dataset` and `reference` (paths).
    manifest : path
    places : dict of str to path, optional
        Where files can be read, if not in the folder: by a storage provider, which places copies.

    Raises
    ------
    RunFileError
        If a run or a dataset cannot be read.
    """
    places = places or {}

    def place(name: StrPath) -> Path:
        return Path(places.get(str(name), name))

    made = [each for files in experiments.values() for each in _made(files, place)]
    actions = [each for each in made if each["@type"] == "CreateAction"]
    files = [each for each in made if each["@type"] == "File"]
    files.append(_file(manifest, place, "Checksums, commits and configurations of the figures"))
    parts = [snakefile, *(each["@id"] for each in files)]
    ended = max(action["endTime"] for action in actions)
    actions.append(
        _entity(
            "#workflow",
            "CreateAction",
            name="The workflow",
            instrument=_to(snakefile),
            object=_to("#configuration"),
            result=[_to(each["@id"]) for each in files],
            startTime=min(action["startTime"] for action in actions if "startTime" in action),
            endTime=ended,
        )
    )
    root = _entity(
        "./",
        "Dataset",
        name="Runs and figures of mfgcore: " + ", ".join(experiments),
        description="Agents learn mean-field games: every run and figure, and what made it",
        datePublished=ended,
        license=_to(LICENSE),
        conformsTo=[_to(profile) for profile in PROFILES],
        mainEntity=_to(snakefile),
        hasPart=[_to(part) for part in parts],
        mentions=[_to(action["@id"]) for action in actions],
        citation=_to(PAPER),
    )
    given = [each for each in made if each["@type"] == "PropertyValue"]
    frame = _frame(snakefile, configuration, files[0]["@id"])
    graph = [*frame, root, *given, *files, *actions]
    with atomic_path(path) as temporary:
        text = json.dumps({"@context": CONTEXTS, "@graph": graph}, indent=1)
        temporary.write_text(text + "\n", encoding="utf-8")


def _entity(identifier, kind, /, **properties):
    return {"@id": str(identifier), "@type": kind, **properties}


def _to(identifier):
    """A reference to an entity."""
    return {"@id": str(identifier)}


def _frame(snakefile, configuration, example):
    """What every crate of this workflow has: what it is, by which profiles, and the workflow."""
    yield _entity(
        METADATA,
        "CreativeWork",
        about=_to("./"),
        conformsTo=[_to(CRATE), _to("https://w3id.org/workflowhub/workflow-ro-crate/1.0")],
    )
    for url, name in PROFILES.items():
        yield _entity(url, "CreativeWork", name=name, version=url.rpartition("/")[2])
    yield _entity(LICENSE, "CreativeWork", name="MIT License", description="That of the workflow")
    title = "Networked Communication for Decentralised Agents in Mean-Field Games"
    yield _entity(PAPER, "ScholarlyArticle", name=title)
    yield _entity(
        snakefile,
        ["File", "SoftwareSourceCode", "ComputationalWorkflow"],
        name="Workflow of mfgcore",
        programmingLanguage=_to("#snakemake"),
        input=_to("#input"),
        output=_to("#output"),
    )
    yield _entity(
        "#snakemake",
        "ComputerLanguage",
        name="Snakemake",
        identifier=_to("https://doi.org/10.1093/bioinformatics/bts480"),
        url=_to("https://snakemake.readthedocs.io"),
    )
    yield _entity(
        "#mfgcore",
        "SoftwareApplication",
        name="mfgcore",
        url=PAPER,
        version=importlib.metadata.version("mfgcore"),
    )
    kind = "FormalParameter"
    given = {"additionalType": "Text", "workExample": _to("#configuration")}
    yield _entity("#input", kind, name="configuration", description="As JSON", **given)
    given = {"additionalType": "File", "workExample": _to(example)}
    yield _entity("#output", kind, name="files", description="Of runs and figures", **given)
    value = json.dumps(configuration, sort_keys=True)
    given = {"name": "configuration", "value": value, "exampleOfWork": _to("#input")}
    yield _entity("#configuration", "PropertyValue", **given)


def _made(files, place):
    """The files of an experiment, what made each of them, and of what; entities."""
    for path in [*files["runs"], files["reference"]]:
        yield from _run(path, place)
    dataset, runs = files["dataset"], files["runs"]
    yield from _derived([dataset], place, runs, "joins the runs")
    yield _file(dataset, place, load(place(dataset), kind="experiment").attrs["title"])
    sources = [dataset, files["reference"]]
    yield from _derived(files["figures"], place, sources, "draws the figures")
    for path in files["figures"]:
        yield _file(path, place, f"Drawn from {Path(dataset).name}")


def _run(path, place):
    """A run's file, its parameters, and when it was made of them."""
    attrs = load(place(path)).attrs
    parameters = f"#parameters-{path}"
    given = {"name": "parameters", "value": attrs["configuration"]}
    yield _entity(parameters, "PropertyValue", **given)
    started = datetime.datetime.fromisoformat(attrs["started"])
    ended = started + datetime.timedelta(seconds=float(attrs["wall_seconds"]))
    yield _entity(
        f"#run-{path}",
        "CreateAction",
        name=attrs["title"],
        description=", ".join(f"{key} {attrs[key]}" for key in MADE_BY),
        instrument=_to("#mfgcore"),
        object=_to(parameters),
        result=_to(path),
        startTime=started.isoformat(timespec="seconds"),
        endTime=ended.isoformat(timespec="seconds"),
    )
    yield _file(path, place, attrs["title"])


def _derived(made, place, sources, what):
    """That files were made of others, and when the last of them was."""
    moment = max(place(path).stat().st_mtime for path in made)
    ended = datetime.datetime.fromtimestamp(round(moment), datetime.UTC)
    yield _entity(
        f"#made-{made[0]}",
        "CreateAction",
        name=f"mfgcore {what}",
        instrument=_to("#mfgcore"),
        object=[_to(path) for path in sources],
        result=[_to(path) for path in made],
        endTime=ended.isoformat(),
    )


def _file(path, place, name):
    content = place(path).read_bytes()
    return _entity(
        path,
        "File",
        name=name,
        encodingFormat=FORMATS[Path(path).suffix],
        contentSize=str(len(content)),
        sha256=hashlib.sha256(content).hexdigest(),
    )
