"""The workflow's configuration: checked against its schema, and expanded into runs."""

import dataclasses
import hashlib
import itertools
import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import jsonschema

from mfgcore._base.arguments import explained
from mfgcore._base.errors import ConfigurationError, did_you_mean, shorten, show_key, unknown_name
from mfgcore._base.files import StrPath
from mfgcore._base.plugins import import_file
from mfgcore.batch.comparisons import COMPARED
from mfgcore.experiment.experiment import Experiment, make_experiment
from mfgcore.experiment.parameter_spec import RENAMED, Parameter, is_plain_name, plain, renamed
from mfgcore.experiment.parameters import defaults, disturbances, parameters
from mfgcore.pipeline.yaml_files import VARIED, Sources, located, parse_yaml, read_yaml

# of the workflow, in its folder: what every configuration overrides
CONFIG_FILES = ("config/config.yaml", "config/ablations.yaml", "config/comparisons.yaml")
LONGEST_FORMAT = 4  # of a field in a title, such as .0%
# These the workflow sets itself, one value for each run.
SET_BY_WORKFLOW = ("architecture", "name", "seed", "trial")

Runs = dict[tuple[str, int], Experiment]  # by architecture and trial
Settings = dict[str, tuple[str, Runs]]  # by the value of an ablation: a folder, and its runs


# JSON has one kind of number, so its schemas take 2.0 for an integer; we do not
_Validator = jsonschema.validators.extend(
    jsonschema.Draft202012Validator,
    type_checker=jsonschema.Draft202012Validator.TYPE_CHECKER.redefine(
        "integer", lambda _, value: isinstance(value, int) and not isinstance(value, bool)
    ),
)


@explained
def read(
    paths: Iterable[StrPath],
    config: Mapping[str, Any] | None = None,
    words: Iterable[str] = (),
    origins: Iterable[StrPath] | None = None,
) -> dict[str, Any]:
    """Configuration files as one dict: keys of later ones override those of earlier ones.

    Parameters
    ----------
    paths : iterable of path
    config : dict, optional
        What overrides them.
    words : iterable of str
        Such as ``seed=2``, from a command line: what overrides all that.
    origins : iterable of path, optional
        Where the files are, if `paths` are copies of them: see
        :func:`mfgcore.pipeline.yaml_files.located`.

    Raises
    ------
    ConfigurationError
        As of :func:`mfgcore.pipeline.yaml_files.read_yaml`.
    """
    paths = list(paths)
    origins = paths if origins is None else origins
    parts: Sources = [(read_yaml(path), at) for path, at in zip(paths, origins, strict=True)]
    parts.append((config or {}, None))
    for word in words:
        key, _, value = word.partition("=")
        parts.append(({key: parse_yaml(value, f"--config {show_key(key)}")}, None))
    read: dict[str, Any] = {}
    for part, _ in parts:
        read = _override(read, _renamed(part))
    return located(read, parts)


def _renamed(content):
    """Keys and values with the names that parameters have now."""
    if not isinstance(content, dict):
        return content
    content = {key: _renamed(value) for key, value in content.items()}
    for key in VARIED:
        if isinstance(content.get(key), str):
            content[key] = next(iter(renamed({content[key]: None})))
    return renamed(content)


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

    Experiments of a user's own stand alone: where there are any, those shipped ones are left out,
    as by null, that the user does not name too. So it is with studies.

    Raises
    ------
    ConfigurationError
        If a name is to be left out that there is not.
    """
    config = _override(shipped, given)
    inner = [each.get("ablations") for each in (config, shipped, given)]
    for key, place, sections in (
        ("experiments", "experiments", (config, shipped, given)),
        ("studies", "ablations.studies", inner),
    ):
        named = [each.get(key) if isinstance(each, dict) else None for each in sections]
        if all(isinstance(each, dict) for each in named):
            _stand_alone(place, *named)
    return config


def _stand_alone(place, named, shipped, given):
    own = [name for name in given if name not in shipped]
    for name in own:
        if given[name] is None:
            raise ConfigurationError(
                f"{place}: null leaves out what is shipped: {unknown_name('name', name, shipped)}"
            )
    if own:
        named.update({name: None for name in shipped if name not in given})


@explained
def load_schema(path: StrPath) -> dict[str, Any]:
    """The configuration's schema, ``workflow/schemas/config.schema.yaml``, as a dict.

    What a parameter can be is not written there but in `mfgcore.experiment`, which also checks
    it: only the keys are put in.
    """
    schema = read_yaml(path)
    schema["$defs"]["parameters"]["properties"] = {
        key: {"description": parameter.describe()} for key, parameter in settable().items()
    }
    return schema


def settable() -> dict[str, Parameter]:
    """The parameters that a configuration can set; dict of str to Parameter."""
    return {key: entry for key, entry in parameters().items() if key not in SET_BY_WORKFLOW}


@explained
def check(
    config: dict[str, Any], schema: dict[str, Any]
) -> tuple[dict[str, Runs], dict[str, Settings]]:
    """Check a configuration, as loaded from YAML, against a schema, and expand it.

    Returns
    -------
    experiments, ablations : dict
        What :func:`runs` and :func:`ablation` say of each, by name.

    Raises
    ------
    ConfigurationError
        One line that names the key, the value and what is allowed.
    """
    errors = _Validator(schema).iter_errors(config)
    # the deepest error is the most telling one; among equals, the first in the file
    error = max(errors, key=lambda found: len(found.absolute_path), default=None)
    if error is not None:
        raise ConfigurationError(_explain(error) + _similar(error, config))
    import_files(config)
    for place, section in _sections(config):
        _check_values(place, section)
    planned = {name: runs(config, name) for name in experiments(config)}
    if not planned:
        raise ConfigurationError("experiments: all are null, and nothing is left to be done")
    for name in planned:
        title(config, name, planned[name])
    planned_studies = {name: ablation(config, name) for name in studies(config)}
    _check_names(planned, planned_studies)
    return planned, planned_studies


@explained
def figures(experiment: str) -> list[str]:
    """Names of the figures of an experiment; list of str."""
    return [experiment + view for view in ("", "_exact", "_mean_field")]


def _check_title(place, text):
    """Refuse what cannot be written, or would mean something in the page of a report."""
    if not text.isprintable() or "</" in text or "<!" in text:
        raise ConfigurationError(
            f"{place}: {shorten(text)} is not one line of printable text without '</' and '<!'"
        )


def _check_names(planned, planned_studies):
    """Refuse an experiment whose figures have the names of others."""
    taken = {name: f"figure {name!r} of the workflow" for name in ("claims", "scaling")}
    taken |= {f"ablation_{name}": f"the figure of ablation {name!r}" for name in planned_studies}
    for name in planned:
        for figure in figures(name):
            if figure in taken:
                raise ConfigurationError(
                    f"experiments.{name}: its figure {figure!r} would be {taken[figure]}; choose "
                    "another name"
                )
            taken[figure] = f"that of experiment {name!r}"


@explained
def import_files(config: dict[str, Any]) -> None:
    """Make known what the configuration's own Python files register."""
    for path in config.get("import") or []:
        if not Path(path).exists():
            folder = shorten(str(Path(path).absolute().parent))
            raise ConfigurationError(f"import: {path}: there is no such file in {folder}")
        import_file(path)


def _sections(config):
    """The parts of a configuration in which parameters stand, each with its place."""
    yield "", {"seed": config["seed"], "architectures": config["architectures"]}
    yield "parameters.", config["parameters"]
    for name in experiments(config):
        yield f"experiments.{name}.", config["experiments"][name]
    for name, part in config.get("comparisons", {}).items():
        yield from _comparison(f"comparisons.{name}.", part, name == "parameters")
    if "ablations" in config:
        yield "ablations.", {"architectures": config["ablations"]["architectures"]}
        yield "ablations.parameters.", config["ablations"]["parameters"]
        for name in studies(config):
            yield f"ablations.studies.{name}.", config["ablations"]["studies"][name]


def _comparison(place, part, only_parameters):
    if only_parameters:
        yield place, part
        return
    if part is None:  # is left out
        return
    yield f"{place}parameters.", part.get("parameters", {})
    for kind in COMPARED:
        for label, values in part[kind].items():
            yield f"{place}{kind}.{label}.", values or {}


def _check_values(place, section):
    for key, value in section.items():
        if key == "architectures":
            for i, name in enumerate(value):
                parameters()["architecture"].check(f"{place}{key}.{i}", name)
        elif key in VARIED and value not in settable():
            raise ConfigurationError(
                f"{place}{key}: {unknown_name('parameter', value, settable())}"
            )
        elif key in parameters():
            parameters()[key].check(place + key, value)


def _explain(error):
    place = ".".join(show_key(key) for key in error.absolute_path)
    prefix = f"{place}: " if place else ""
    if error.validator in ("additionalProperties", "unevaluatedProperties"):
        known = _known_keys(error)
        unknown = [key for key in error.instance if key not in known]
        return prefix + unknown_name("key", unknown[0], known)
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


def _similar(error, config):
    """The name that was meant by that of an experiment or study in which something is missing."""
    *places, name = error.absolute_path or [""]
    if error.validator != "required" or places not in (["experiments"], ["ablations", "studies"]):
        return ""
    section = config
    for place in places:
        section = section[place]
    return did_you_mean(name, [other for other in section if other != name])


def _known_keys(error):
    known = list(error.schema.get("properties", {}))
    if error.validator == "unevaluatedProperties":  # parameters, and an experiment's own keys
        known += settable()
    return known


@explained
def experiments(config: dict[str, Any]) -> list[str]:
    """Names of the experiments of a configuration that it does not leave out; list of str."""
    return [name for name, experiment in config["experiments"].items() if experiment is not None]


@explained
def title(config: dict[str, Any], name: str, runs: Runs) -> str:
    """The title of an experiment's figures: the one in the configuration, filled in, or its name.

    A field such as ``{agents}`` or ``{failure_probability:.0%}`` stands for that parameter of its
    :func:`runs`, ``{arriving}`` and ``{leaving}`` for the number of agents that do.

    Raises
    ------
    ConfigurationError
        If a field is unknown, or its value is null or not to be formatted so.
    """
    given = config["experiments"][name].get("title", name)
    _check_title(f"experiments.{name}.title", given)
    run = next(iter(runs.values()))
    fields = {key: getattr(run, key) for key in settable()}
    fields["arriving"] = run.max_agents - run.agents or None
    fields["leaving"] = run.agents - min(run.population_sizes) or None
    fields |= {old: fields[new] for old, new in RENAMED.items()}

    def fill(field):
        key, form = field.groups()
        place = f"experiments.{name}.title"
        if key not in fields:
            raise ConfigurationError(f"{place}: {unknown_name('field', key, fields)}")
        value = fields[key]
        try:
            if value is None or len(form) > LONGEST_FORMAT:
                raise ValueError
            return format(value, form)
        except (ValueError, OverflowError):
            raise ConfigurationError(f"{place}: {plain(value)} does not fit {field[0]}") from None

    return re.sub(r"\{([^{}:]*):?([^{}]*)\}", fill, given)


@explained
def runs(config: dict[str, Any], name: str) -> Runs:
    """The runs of one experiment, every trial of every architecture.

    Returns
    -------
    dict of (str, int) to Experiment
        By architecture and trial.

    Raises
    ------
    ConfigurationError
        If the experiment is unknown or its parameters do not fit together.
    """
    if name not in experiments(config):
        raise ConfigurationError(unknown_name("experiment", name, experiments(config)))
    import_files(config)
    shared = {"architectures": config["architectures"]} | config["parameters"]
    own = config["experiments"][name]
    return _trials(f"experiments.{name}.", shared | own, name=name, seed=config["seed"])


def _trials(place, values, **fixed):
    """The runs that a section of the configuration speaks of, as in :func:`runs`."""
    values = {key: value for key, value in values.items() if key not in ("title", *VARIED)}
    architectures, trials = values.pop("architectures"), values.pop("trials")
    try:
        return {
            (architecture, trial): make_experiment(
                **values, architecture=architecture, trial=trial, **fixed
            )
            for architecture in architectures
            for trial in range(trials)
        }
    except ConfigurationError as error:
        raise ConfigurationError(f"{place}{error}") from error


@explained
def studies(config: dict[str, Any]) -> list[str]:
    """Names of the ablations of a configuration that it does not leave out; list of str."""
    named = config.get("ablations", {"studies": {}})["studies"]
    return [name for name, study in named.items() if study is not None]


@explained
def ablation(config: dict[str, Any], name: str) -> Settings:
    """The runs of an ablation: every trial of every architecture, for each value of a parameter,
    or each pair of values of two.

    All runs of all ablations share the name of their random streams, so those of a trial can be
    compared in pairs, and runs that are equal are one: `folder` says where it is.

    Returns
    -------
    dict of str to (str, dict of (str, int) to Experiment)
        By the value as it is written in the configuration: a folder for the runs, and the runs by
        architecture and trial.

    Raises
    ------
    ConfigurationError
        As :func:`runs`.
    """
    if name not in studies(config):
        raise ConfigurationError(unknown_name("ablation", name, studies(config)))
    import_files(config)
    common = config["ablations"]
    _check_title(f"ablations.studies.{name}.title", common["studies"][name]["title"])
    shared = {key: common[key] for key in ("architectures", "trials")}
    own = dict(common["studies"][name])
    lists = [own.pop(values, []) for values in VARIED.values()]
    varied = varied_parameters(config, name)
    parameter = ", ".join(varied)
    base = ablation_parameters(config)
    found = {}
    for pair in itertools.product(*lists[: len(varied)]):
        values = base | own | dict(zip(varied, pair, strict=True))
        parts = [
            _part_of_a_path(f"{key}_{plain(values[key])}")
            for key in sorted(values.keys() & settable())
            if values[key] != base.get(key)
        ]
        shown = ", ".join(map(shorten, pair))
        place = f"ablations.studies.{name}, {parameter} = {shown}: "
        folder = "-".join(parts) or "base"
        made = _trials(place, shared | values, name="ablation", seed=config["seed"])
        found[", ".join(map(plain, pair))] = (folder, made)
    sizes = {
        (run.iterations, run.n_states, run.n_actions)
        for _, made in found.values()
        for run in made.values()
    }
    if len(sizes) > 1:
        raise ConfigurationError(
            f"ablations.studies.{name}.parameter: {parameter} changes the number of iterations, "
            "states or actions: such runs cannot be compared"
        )
    return found


@explained
def varied_parameters(config: dict[str, Any], name: str) -> list[str]:
    """The parameters that a study varies, one or two; list of str.

    Raises
    ------
    ConfigurationError
        If the second one has no values, or is the first one again.
    """
    study, place = config["ablations"]["studies"][name], f"ablations.studies.{name}"
    second = [key for key in ("second_parameter", "second_values") if key in study]
    if len(second) == 1:
        (missing,) = {"second_parameter", "second_values"} - set(second)
        raise ConfigurationError(f"{place}: key {missing!r} is missing, as there is {second[0]!r}")
    varied = [study[key] for key in VARIED if key in study]
    if len(set(varied)) < len(varied):
        raise ConfigurationError(
            f"{place}.second_parameter: {varied[0]!r} is the first parameter already"
        )
    return varied


def _part_of_a_path(text):
    """The text, or, if a file's name cannot have it everywhere, a digest of it."""
    return text if is_plain_name(text) else hashlib.sha256(text.encode()).hexdigest()[:16]


@explained
def describe_ablation(config: dict[str, Any], name: str) -> dict[str, Any]:
    """What :func:`mfgcore.batch.collect.collect_ablation` wants to know of an ablation; dict."""
    study, base = config["ablations"]["studies"][name], ablation_parameters(config)
    varied = varied_parameters(config, name)
    lists = [map(plain, study[values]) for values in list(VARIED.values())[: len(varied)]]
    pairs = zip(*itertools.product(*lists), strict=True)
    return {
        "title": study["title"],
        "varied": ", ".join(varied),
        "baseline": ", ".join(plain(base.get(key)) for key in varied),
        "coordinates": dict(zip(varied, map(list, pairs), strict=True)) if len(varied) > 1 else {},
    }


@explained
def ablation_parameters(config: dict[str, Any]) -> dict[str, Any]:
    """What the runs of all ablations have in common, where a study says nothing else; dict."""
    own = {key: value for key, value in defaults().items() if key in settable()}
    return own | config["parameters"] | config["ablations"]["parameters"]


@explained
def reference(run: Experiment) -> Experiment:
    """The run beside an experiment, of which `run` is one, without sampling error; Experiment.

    One policy for the largest population of the experiment, with the exact Q-function and without
    any disturbance; of its metrics only the exact ones are meant to be used.
    """
    undisturbed: dict[str, Any] = dict.fromkeys(disturbances())
    return dataclasses.replace(
        run,
        architecture="centralised",
        algorithm="exact",
        agents=max(2, run.max_agents),
        scenario="none",
        **undisturbed,
        leavers=defaults()["leavers"],
        sampled_exploitability=False,
        exact_metrics=True,
        evaluation_interval=1,
    )
