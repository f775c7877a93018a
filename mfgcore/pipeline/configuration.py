"""The workflow's configuration: checked against its schema, and expanded into runs."""

import copy
import dataclasses
import hashlib
import os
import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import jsonschema

from mfgcore._base.arguments import explained
from mfgcore._base.errors import ConfigurationError, did_you_mean, shorten, show_key, unknown_name
from mfgcore._base.files import StrPath
from mfgcore._base.plugins import import_file
from mfgcore.batch.design import OF_A_LEVEL, Design, combinations, expand, levels, plain
from mfgcore.experiment.experiment import make_experiment
from mfgcore.experiment.parameter_spec import DIGESTS, Parameter, is_plain_name
from mfgcore.experiment.parameters import defaults, parameters
from mfgcore.metrics.definitions import METRICS
from mfgcore.pipeline.yaml_files import parse_yaml, read_yaml

# of the workflow, in its folder: what every configuration overrides
CONFIG_FILES = ("config/config.yaml", "config/ablations.yaml", "config/comparisons.yaml")
LONGEST_FORMAT = 4  # of a field in a title, such as .0%
# These the workflow sets itself, one value for each run.
SET_BY_WORKFLOW = ("architecture", "name", "seed", "trial")
# Figures of the workflow that are of no experiment.
RESERVED = ("claims", "scaling", "solvers", "finite_population")
# By the key of a group of experiments, what the names of its figures begin with.
GROUPS = {"experiments": "", "ablations": "ablation_", "comparisons": "comparison_"}
# Of an experiment, or of its group, beside parameters.
OF_AN_EXPERIMENT = ("title", "trials", "factors", "figure", "keep", "streams")
PATHS = (*DIGESTS, "import")  # keys of files that a configuration names


# JSON has one kind of number, so its schemas take 2.0 for an integer; we do not
_Validator = jsonschema.validators.extend(
    jsonschema.Draft202012Validator,
    type_checker=jsonschema.Draft202012Validator.TYPE_CHECKER.redefine(
        "integer", lambda _, value: isinstance(value, int) and not isinstance(value, bool)
    ),
)


@explained
def read(
    paths: Sequence[StrPath],
    config: Mapping[str, Any] | None = None,
    words: Iterable[str] = (),
    origins: Sequence[StrPath] | None = None,
) -> dict[str, Any]:
    """Configuration files as one dict: keys of later ones override those of earlier ones.

    Parameters
    ----------
    paths : list of path
    config : dict, optional
        What overrides them.
    words : iterable of str
        Such as ``seed=2``, from a command line: what overrides all that.
    origins : list of path, optional
        What the files at `paths` are copies of: what they name is looked for beside these.

    Raises
    ------
    ConfigurationError
        As of :func:`mfgcore.pipeline.yaml_files.read_yaml`.
    """
    found: dict[str, Any] = {}
    for path, origin in zip(paths, origins or paths, strict=True):
        found = _override(found, located(read_yaml(path), [Path(origin).parent]))
    found = _override(found, config or {})
    for word in words:
        key, _, value = word.partition("=")
        found = _override(found, {key: parse_yaml(value, f"--config {show_key(key)}")})
    return found


@explained
def located(config: Any, folders: Iterable[StrPath]) -> Any:
    """A configuration whose `PATHS` are relative to the working directory.

    What a relative path names is looked for in `folders`; it is in the first, if in none of them.
    """
    folders = list(folders)

    def place(path):
        if isinstance(path, list):
            return [place(each) for each in path]
        if not isinstance(path, str) or not path or Path(path).is_absolute():
            return path
        found = [Path(folder, path) for folder in folders]
        there = next((each for each in found if os.path.exists(each)), found[0])  # noqa: PTH110
        near = os.path.relpath(there)  # which takes the folder before .. for no link
        return near if os.path.realpath(near) == os.path.realpath(there) else str(there)

    if not isinstance(config, Mapping):
        return config
    return {
        key: located(value, folders)
        if key not in PATHS or isinstance(value, Mapping)
        else place(value)
        for key, value in config.items()
    }


def _override(config, content):
    both = {
        key: _override(config[key], content[key])
        for key in config.keys() & content.keys()
        if isinstance(config[key], dict) and isinstance(content[key], dict)
    }
    return config | content | both


@explained
def combine(shipped: dict[str, Any], given: dict[str, Any]) -> dict[str, Any]:
    """A user's configuration over the shipped one; dict.

    Experiments of a user's own stand alone in their group: where there are any, those shipped ones
    are left out, as by null, that the user does not name too. To leave out what there is not is a
    ConfigurationError.
    """
    config = _override(shipped, given)
    for group in GROUPS:
        named, old, new = (_named(each, group) for each in (config, shipped, given))
        if not all(isinstance(each, dict) for each in (named, old, new)):
            continue
        own = [name for name in new if name not in old]
        for name in own:
            if new[name] is None:
                said = f"null leaves out what is shipped: {unknown_name('name', name, old)}"
                raise ConfigurationError(f"{_place(group)}: {said}")
        if own:
            named.update({name: None for name in old if name not in new})
    return config


def _named(config, group):
    """The experiments of a group, by name; None where there are none."""
    section = _shared(config, group)
    return section.get("experiments") if isinstance(section, dict) else None


def _place(group):
    return group if group == "experiments" else f"{group}.experiments"


@explained
def load_schema(path: StrPath) -> dict[str, Any]:
    """The configuration's schema with the keys of parameters, whose values these check; dict."""
    schema = read_yaml(path)
    schema["$defs"]["parameters"]["properties"] = {
        key: {"description": parameter.describe()} for key, parameter in settable().items()
    }
    return schema


def settable() -> dict[str, Parameter]:
    """The parameters that a configuration can set; dict of str to Parameter."""
    return {key: entry for key, entry in parameters().items() if key not in SET_BY_WORKFLOW}


@explained
def check(config: dict[str, Any], schema: dict[str, Any]) -> dict[tuple[str, str], Design]:
    """Check a configuration, as loaded from YAML, against a schema, and expand it.

    Returns
    -------
    dict of (str, str) to Design
        By the group and the name of each experiment, but for those that keep summaries.

    Raises
    ------
    ConfigurationError
        One line that names the key, the value and what is allowed.
    """
    errors = _Validator(schema).iter_errors(config)
    # the deepest error is the most telling one; among equals, the first in the file
    error = max(errors, key=lambda found: len(found.absolute_path), default=None)
    if error is not None:
        raise ConfigurationError(_explain(error))
    import_files(config)
    parameters()["seed"].check("seed", config["seed"])
    if not names(config, "experiments"):
        raise ConfigurationError("experiments: all are null, and nothing is left to be done")
    for group in GROUPS:
        _check_section("" if group == "experiments" else f"{group}.", _shared(config, group))
    _check_names(config)
    return {
        (group, name): design(config, group, name)
        for group in GROUPS
        for name in names(config, group)
        if (_shared(config, group) | _named(config, group)[name]).get("keep") != "summaries"
    }


def _check_section(place, section):
    """Check the parameters of a group, and of its experiments, one by one."""
    _check_values(f"{place}parameters.", section.get("parameters", {}))
    _check_factors(f"{place}factors", section.get("factors", {}))
    for name, own in section.get("experiments", {}).items():
        if own is not None:
            _check_values(f"{place}experiments.{name}.", own)
            _check_factors(f"{place}experiments.{name}.factors", own.get("factors", {}))


def _check_values(place, section):
    for key, value in section.items():
        if key in parameters() and key not in OF_A_LEVEL:
            parameters()[key].check(place + key, value)


def _check_factors(place, factors):
    for factor, given in factors.items():
        taken = {*METRICS, *METRICS.reserved} - parameters().keys()
        if factor in taken:
            raise ConfigurationError(f"{place}.{factor}: is what is measured; choose another name")
        if isinstance(given, dict):
            for label, own in given.items():
                _check_values(f"{place}.{factor}.{label}.", own or {})
        elif given is not None:
            try:
                levels(factor, given)
            except ConfigurationError as error:
                raise ConfigurationError(f"{place}: {error}") from None


@explained
def names(config: dict[str, Any], group: str) -> list[str]:
    """Names of the experiments of a group that a configuration does not leave out; list of str."""
    return [name for name, own in (_named(config, group) or {}).items() if own is not None]


def _shared(config, group):
    """What the experiments of a group have in common."""
    return config if group == "experiments" else config.get(group, {})


@explained
def figures(config: dict[str, Any], group: str, name: str) -> dict[str, str]:
    """The figures of an experiment: by the name of its files, that of the figure; dict.

    The first one has the name of the experiment, and the others that and their own.
    """
    shown = _shown(config, group, name)
    first = GROUPS[group] + name
    return {first if i == 0 else f"{first}_{figure}": figure for i, figure in enumerate(shown)}


def _shown(config, group, name):
    shown = _named(config, group)[name].get("figure", _shared(config, group).get("figure", []))
    return [shown] if isinstance(shown, str) else shown or []


def _check_names(config):
    """Refuse an experiment whose figures have the names of others."""
    taken = {name: f"figure {name!r} of the workflow" for name in RESERVED}
    for group in reversed(GROUPS):
        for name in names(config, group):
            place = f"{_place(group)}.{name}"
            for stem in figures(config, group, name):
                if stem in taken:
                    said = f"its figure {stem!r} would be {taken[stem]}; choose another name"
                    raise ConfigurationError(f"{place}: {said}")
                taken[stem] = f"that of {place}"


@explained
def import_files(config: dict[str, Any]) -> None:
    """Make known what the configuration's own Python files register."""
    for path in config.get("import") or []:
        if not Path(path).exists():
            folder = shorten(str(Path(path).absolute().parent))
            raise ConfigurationError(f"import: {path}: there is no such file in {folder}")
        import_file(path)


def _explain(error):
    place = ".".join(show_key(key) for key in error.absolute_path)
    prefix = f"{place}: " if place else ""
    if error.validator in ("additionalProperties", "unevaluatedProperties"):
        known = list(error.schema.get("properties", {}))
        if error.validator == "unevaluatedProperties":  # parameters, and an experiment's own keys
            known += settable()
        unknown = next(key for key in error.instance if key not in known)
        return prefix + unknown_name("key", unknown, known)
    if error.validator == "required":
        missing = [key for key in error.validator_value if key not in error.instance]
        return f"{prefix}key {missing[0]!r} is missing"
    if "propertyNames" in error.schema_path:
        return f"{prefix}{shorten(error.instance)} is not a plain name (letters, digits, '_', '-')"
    allowed = {
        "type": "of type",
        "enum": "one of",
        "minimum": ">=",
        "maximum": "<=",
        "minItems": "a list whose length is at least",
        "maxLength": "a text whose length is at most",
        "pattern": "of the form",
    }.get(error.validator, error.validator)
    if error.validator == "uniqueItems":
        return f"{prefix}{shorten(error.instance)} is not a list of different values"
    value = error.validator_value
    value = ", ".join(map(str, value)) if isinstance(value, list) else value
    return f"{prefix}{shorten(error.instance)} is not {allowed} {value}"


@explained
def design(config: dict[str, Any], group: str, name: str) -> Design:
    """The runs of an experiment: every trial of every combination of its factors' levels.

    Where a group names `streams`, all of its runs share that name of their random streams, so
    those of a trial can be compared in pairs, and runs that are equal are one. A ConfigurationError
    says if there is no such experiment, or what does not fit together.
    """
    named, place = names(config, group), f"{_place(group)}.{name}"
    if name not in named:
        raise ConfigurationError(unknown_name(group.removesuffix("s"), name, named))
    import_files(config)
    shared, own = _shared(config, group), copy.deepcopy(_named(config, group)[name])
    both = {key: shared[key] for key in OF_AN_EXPERIMENT if key in shared} | own
    factors = {**shared.get("factors", {}), **own.get("factors", {})}
    factors = {factor: given for factor, given in factors.items() if given is not None}
    needed = {"trials": both} if group == "experiments" else {"trials": both, "factors": own}
    for key, there in needed.items():
        if key not in there:
            others = [other for other in _named(config, group) if other != name]
            hint = did_you_mean(name, others)
            raise ConfigurationError(f"{place}: key {key!r} is missing{hint}")
    common = config["parameters"] | shared.get("parameters", {})
    values = common | {key: value for key, value in own.items() if key not in OF_AN_EXPERIMENT}
    streams = both.get("streams", name)
    summaries = both.get("keep") == "summaries"

    def make(**sets):
        return make_experiment(**values | sets, name=streams, seed=config["seed"])

    try:
        runs = expand(make, factors, both["trials"])
    except ConfigurationError as error:
        raise ConfigurationError(f"{place}, {error}") from error
    base = defaults() | common
    found = Design(
        name=name,
        factors={factor: list(levels(factor, given)) for factor, given in factors.items()},
        runs=runs,
        baseline=_baseline(factors, base),
        figures=tuple(_shown(config, group, name)),
        summaries=summaries,
    )
    if summaries:
        files = _parts(f"{group}/{name}", place, found)
    elif "streams" in both:
        files = _run_files(f"runs/{group}", base, values, factors, runs)
    else:
        files = _run_files(f"runs/{name}", values, values, factors, runs)
    found = dataclasses.replace(
        found, files=files, title=_title(place, both.get("title", name), runs)
    )
    if found.figures:
        _check_sizes(place, found)
    return found


def _baseline(factors, base):
    """By varied parameter, its value where nothing is varied; of the type of the labels."""
    found = {}
    for factor, given in factors.items():
        if not isinstance(given, dict) and factor in base and factor != "architecture":
            value = base[factor]
            text = value is None or isinstance(next(iter(levels(factor, given))), str)
            found[factor] = plain(value) if text else parameters()[factor].check(factor, value)
    return found


def _run_files(root, base, values, factors, runs):
    """A file for each run, by what sets it apart from others of the same root."""
    folders = {}
    for labels, sets, _ in combinations(factors):
        own = values | sets
        parts = [
            _part_of_a_path(f"{key}_{plain(own[key])}")
            for key in sorted(own.keys() & settable())
            if own[key] != base.get(key)
        ]
        last = "-".join(parts) or ("" if base is values else "base")
        folders[labels] = f"{root}/{last}" if last else root
    return {
        key: f"{folders[key[:-1]]}/{run.architecture}/trial_{run.trial}.nc"
        for key, run in runs.items()
    }


def _parts(folder, place, design):
    """A file for all runs that differ in the last factor and the trial alone."""
    files = {}
    for key in design.runs:
        labels = key[:-2]
        parts = [re.sub(r"[^A-Za-z0-9_=.+-]+", "_", plain(label)) for label in labels] or ["all"]
        files[labels] = "/".join([folder, *parts]) + ".nc"
    twice = [file for file in files.values() if list(files.values()).count(file) > 1]
    if twice:
        raise ConfigurationError(f"{place}.factors: two levels are called {Path(twice[0]).stem!r}")
    return files


def _part_of_a_path(text):
    """The text, or, if a file's name cannot have it everywhere, a digest of it."""
    return text if is_plain_name(text) else hashlib.sha256(text.encode()).hexdigest()[:16]


def _check_sizes(place, design):
    """Refuse to draw what has no common axes."""
    if len({tuple(run.sizes.values()) for run in design.first.values()}) > 1:
        raise ConfigurationError(
            f"{place}.factors: {', '.join(design.factors)} change the number of iterations, states "
            "or actions: no figure compares such runs"
        )


def _title(place, given, runs):
    """The title of an experiment's figures; fields, ``{agents}``, are parameters of a run."""
    if not given.isprintable() or "</" in given or "<!" in given:
        said = "is not one line of printable text without '</' and '<!'"
        raise ConfigurationError(f"{place}.title: {shorten(given)} {said}")
    run = next(iter(runs.values()))
    fields = {key: getattr(run, key) for key in settable()}
    fields["arriving"] = run.max_agents - run.agents or None
    fields["leaving"] = run.agents - min(run.population_sizes) or None

    def fill(field):
        key, form = field.groups()
        if key not in fields:
            raise ConfigurationError(f"{place}.title: {unknown_name('field', key, fields)}")
        value = fields[key]
        try:
            if value is None or len(form) > LONGEST_FORMAT:
                raise ValueError
            return format(value, form)
        except (ValueError, OverflowError):
            said = f"{plain(value)} does not fit {field[0]}"
            raise ConfigurationError(f"{place}.title: {said}") from None

    return re.sub(r"\{([^{}:]*):?([^{}]*)\}", fill, given)
