"""What a crate says of every file: what made it, and of what."""

import hashlib
import json

from conftest import saved, trials

import mfgcore
from mfgcore.pipeline.ro_crate import write_crate


def test_every_figure_leads_back_to_runs_and_their_parameters(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    planned = trials(2, ("centralised", "networked"))
    runs = [str(path.relative_to(tmp_path)) for path in saved(planned, tmp_path)]
    mfgcore.save(mfgcore.collect(runs, planned), "all.nc")
    mfgcore.save(mfgcore.simulate(planned[0]), "reference.nc")
    for name in ("a.pdf", "manifest.json", "Snakefile"):
        (tmp_path / name).write_text(name)
    experiment = {"runs": runs, "dataset": "all.nc", "reference": "reference.nc"}
    experiments = {"mine": experiment | {"figures": ["a.pdf"]}}
    write_crate("crate.json", "Snakefile", {"seed": 1}, experiments, "manifest.json")

    graph = json.loads((tmp_path / "crate.json").read_text())["@graph"]
    entities = {each["@id"]: each for each in graph}
    assert len(entities) == len(graph)

    def refers_to(value):
        for each in value if isinstance(value, list) else [value]:
            if isinstance(each, dict):
                yield each["@id"]

    for entity in graph:
        for key, value in entity.items():
            outside = {"identifier", "url"} | ({"conformsTo"} if "about" in entity else set())
            assert key in outside or set(refers_to(value)) <= entities.keys(), (entity, key)
    for each in graph:
        if each["@type"] == "File":
            content = (tmp_path / each["@id"]).read_bytes()
            assert each["sha256"] == hashlib.sha256(content).hexdigest()

    made_of = {
        result: set(refers_to(each["object"]))
        for each in graph
        if each["@type"] == "CreateAction" and each["@id"] != "#workflow"
        for result in refers_to(each["result"])
    }
    assert made_of["a.pdf"] == {"all.nc", "reference.nc"}
    assert made_of["all.nc"] == set(runs)
    for run, experiment in zip(runs, planned, strict=True):
        (parameters,) = made_of[run]
        assert json.loads(entities[parameters]["value"]) == experiment.effective_parameters()
