"""The package's folders: what goes stale is what imports what was changed, and no more.

That each folder imports only those below it, without circles, is checked by import-linter
(`make lint`; pyproject.toml).
"""

import ast
import re
import shutil
import tomllib
from importlib import import_module, metadata

import grimp
import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from project import ROOT, tracked

from mfgcore._base import fingerprint
from mfgcore._base.fingerprint import OF_RUNS, PACKAGE
from mfgcore._base.registry import Registry

# imported before all else, wherever the package is: it decides whether there is a run, not which
FIRST = "mfgcore._base.environment"
# they open the inputs of every script, and refuse those that are not up to date
SCRIPTS = {"mfgcore.pipeline.workflow_scripts", "mfgcore.pipeline.configuration"}
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
# of the folders that need more than the simulator does
EXTRAS = {
    "bridges": {"mfglib", "bench-mfg"},
    "plotting": {"plot"},
    "study": {"plot", "workflow"},
    "pipeline": {"plot", "workflow"},
}


@pytest.fixture(scope="module")
def graph():
    return grimp.build_graph("mfgcore", include_external_packages=True, cache_dir=None)


def folder(module):
    """The folder of the package that a module is in; '' for the package itself and what is not."""
    package, *parts = module.split(".")
    inner = len(parts) > 1 or (PACKAGE / "/".join(parts) / "__init__.py").exists()
    return parts[0] if package == "mfgcore" and parts and inner else ""


def reached(graph, modules, without=()):
    """Modules of folders that are imported with some modules, their packages among them."""
    found, left = set(), {*modules}
    while left:
        module = left.pop()
        if module not in found and module not in without and folder(module):
            found.add(module)
            left |= graph.find_modules_directly_imported_by(module)
            left.add(module.rpartition(".")[0])
    return found


def test_what_makes_runs_stale_is_what_they_import(graph):
    of_runs = {module for module in graph.modules if folder(module) in OF_RUNS}
    values = [value for module in of_runs for value in vars(import_module(module)).values()]
    registries = {id(each): each for each in values if isinstance(each, Registry)}.values()
    registered = {
        getattr(entry, "__module__", "") for each in registries for entry in each.values()
    }
    assert len(registries) > 5 and {"mfgcore.games.paper", "mfgcore.agents.scores"} <= registered
    starts = {module for module in graph.modules if folder(module) == "runs"}
    starts |= {module for module in registered if module.startswith("mfgcore.")}
    assert FIRST in of_runs
    assert reached(graph, starts) == of_runs - {FIRST}


def rules():
    """Scripts of the workflow's rules and the folders in whose fingerprint they are."""
    found = {}
    for path in tracked("workflow/rules/*.smk"):
        text = path.read_text(encoding="utf-8")
        for block in re.split(r"(?m)^(?=rule |use rule )", text)[1:]:
            name, base = re.match(r"(?:use rule (\w+) as )?(?:rule )?(\w+)", block).group(2, 1)
            script = re.search(r'(?m)script:\s+"\.\./(.*)"$', block)
            block = re.sub(
                r"lambda wildcards: snakefile.figure_code.*", 'fingerprint_of("plotting")', block
            )
            folders = re.search(r"fingerprint=fingerprint_of\((.*)\)", block)
            found[name] = {
                "base": base,
                "script": script and script[1],
                "folders": folders and ast.literal_eval(f"({folders[1]},)"),
            }
    for rule in found.values():  # what a rule has not it takes from that which it is like
        for key in ("script", "folders"):
            rule[key] = rule[key] or (rule["base"] and found[rule["base"]][key])
    return {name: (rule["script"], rule["folders"]) for name, rule in found.items()}


FINGERPRINTED = {name: rule for name, rule in rules().items() if rule[1]}


@pytest.mark.parametrize("name", FINGERPRINTED)
def test_what_makes_figures_stale_is_what_their_scripts_import(graph, name):
    script, folders = FINGERPRINTED[name]
    tree = ast.parse((ROOT / "workflow" / script).read_text(encoding="utf-8"))
    imports = [node for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)]
    names = [(each.module, alias.name) for each in imports for alias in each.names]
    starts = {f"{module}.{name}" for module, name in names} & graph.modules
    starts |= {module for module, _ in names} & graph.modules
    assert SCRIPTS & starts
    beside = {folder(module) for module in reached(graph, starts, SCRIPTS)} - {*OF_RUNS}
    assert beside == {*folders}


def test_every_rule_of_figures_and_claims_has_a_fingerprint():
    assert {"plot", "explorer", "ledger", "crate", "collect"} <= FINGERPRINTED.keys()
    drawn = {name for name, (script, _) in rules().items() if script and "plot" in script}
    assert drawn and drawn <= FINGERPRINTED.keys()


def test_a_change_makes_stale_what_its_folder_is_in_and_nothing_else(tmp_path, monkeypatch):
    copy = tmp_path / "mfgcore"
    endings = {f".{ending}" for ending in fingerprint.ENDINGS}
    files = [path for path in tracked("mfgcore/*") if path.suffix in endings]
    for path in files:
        copied = copy / path.relative_to(PACKAGE)
        copied.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(path, copied)
    monkeypatch.setattr(fingerprint, "PACKAGE", copy)
    folders = sorted({path.name for path in copy.iterdir() if path.is_dir()})
    assert {*OF_RUNS} < {*folders}

    def fingerprints():
        found = {name: fingerprint.fingerprint_of(name) for name in folders}
        found["runs of all"] = fingerprint.run_fingerprint.__wrapped__()
        return found | {"builds": fingerprint.kernel_fingerprint()}

    before = fingerprints()
    for path in files:
        inside = path.relative_to(PACKAGE)
        place, content = inside.parts[0], path.read_bytes()
        (copy / inside).write_bytes(content + b"\n")
        changed = {name for name, value in fingerprints().items() if value != before[name]}
        (copy / inside).write_bytes(content)
        expected = {place} & {*folders}
        expected |= {"runs of all"} if place in OF_RUNS else set()
        expected |= {"builds"} if path.suffix in (".pyx", ".pxi") else set()
        assert changed == expected, inside
    assert fingerprints() == before


def test_what_a_folder_imports_is_declared(graph):
    """By the simulator's dependencies, or those of the extra that the folder asks for."""
    lists = {"": PROJECT["dependencies"], **PROJECT["optional-dependencies"]}
    declared = {
        extra: {canonicalize_name(Requirement(line).name) for line in lines}
        for extra, lines in lists.items()
    }
    distributions = metadata.packages_distributions()
    used = {}
    for importer in graph.modules:
        for module in graph.find_modules_directly_imported_by(importer):
            top = module.partition(".")[0]
            if top in distributions and top != "mfgcore":
                allowed = set().union(
                    *(declared[key] for key in {"", *EXTRAS.get(folder(importer), ())})
                )
                names = {canonicalize_name(name) for name in distributions[top]}
                assert names & allowed, f"{importer} imports {module}"
                used.setdefault(folder(importer), set()).update(names)
    assert "matplotlib" in used["plotting"] and "netcdf4" in used["_base"]
