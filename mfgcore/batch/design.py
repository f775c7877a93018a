"""Designs of experiments: factors with levels, and trials, expanded into runs."""

import dataclasses
import itertools
import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from mfgcore._base.arguments import explained
from mfgcore._base.errors import ConfigurationError, shorten, unknown_name
from mfgcore.experiment.experiment import Experiment, code_fingerprint_of
from mfgcore.experiment.parameter_spec import first_difference, plain
from mfgcore.experiment.parameters import defaults, disturbances, parameters

Labels = tuple[Any, ...]  # of one level of each factor
Key = tuple[Any, ...]  # labels, then the trial
Combination = tuple[Labels, dict[str, Any], int | None]
OF_A_LEVEL = ("only", "trials")  # beside parameters


@dataclass(frozen=True)
class Design:
    """The runs of an experiment, by a level of each factor and the trial.

    Parameters
    ----------
    factors : dict of str to list
        The labels of each factor's levels.
    runs : dict of tuple to Experiment
        By a label of each factor, and the trial unless there are none.
    baseline : dict of str to object
        By factor: the value of that parameter in what the experiment varies.
    files : dict of tuple to str
        Where runs are kept: a file for each run, or for all of them whose keys begin so.
    summaries : bool
        Whether a file keeps summaries of several runs.
    """

    name: str
    factors: Mapping[str, list[Any]]
    runs: Mapping[Key, Experiment]
    title: str = ""
    baseline: Mapping[str, Any] = dataclasses.field(default_factory=dict)
    figures: tuple[str, ...] = ()
    files: Mapping[Key, str] = dataclasses.field(default_factory=dict)
    summaries: bool = False

    @property
    def coordinates(self) -> dict[str, list[Any]]:
        """The labels of every dimension: those of the factors, and the trials; dict."""
        trials = sorted({key[-1] for key in self.runs if len(key) > len(self.factors)})
        return {**self.factors, **({"trial": trials} if trials else {})}

    @property
    def first(self) -> dict[Labels, Experiment]:
        """The first trial of every combination of levels; dict."""
        found: dict[Labels, Experiment] = {}
        for key, run in self.runs.items():
            found.setdefault(key[: len(self.factors)], run)
        return found

    @property
    def configurations(self) -> dict[str, dict[str, Any]]:
        """The parameters of every first trial, by its labels joined by "|"; dict."""
        return {
            "|".join(map(plain, labels)): run.effective_parameters()
            for labels, run in self.first.items()
        }

    @property
    def in_common(self) -> dict[str, Any]:
        """Parameters with one value in all runs that depend on them; dict."""
        used: dict[str, Any] = {}
        several = {*self.coordinates}
        for run in self.first.values():
            for key, value in run.effective_parameters().items():
                if used.setdefault(key, value) != value:
                    several.add(key)
        return {key: value for key, value in used.items() if key not in several}

    def part(self, *labels: Any) -> "Design":
        """The runs whose keys begin with some labels, by the rest of their keys; Design."""
        n = len(labels)
        runs = {key[n:]: run for key, run in self.runs.items() if key[:n] == labels}
        factors = dict(itertools.islice(self.factors.items(), n, None))
        return dataclasses.replace(self, factors=factors, runs=runs, files={})

    def difference(self, attributes: Mapping[str, Any]) -> str | None:
        """What a dataset of these runs would have otherwise than the attributes say; str or None.

        Such as ``made with discount = 0.5, expected 0.4``.
        """
        found = json.loads(attributes.get("configurations", "{}"))
        expected = self.configurations
        for labels, configuration in expected.items():
            if labels in found and (other := first_difference(found[labels], configuration)):
                return f"made with {other}"
        if found.keys() != expected.keys():
            return "made of other runs"
        if attributes["fingerprint"] != code_fingerprint_of(self.first.values()):
            return f"made by other code ({attributes['fingerprint']})"
        if attributes.get("runs") != len(self.runs):
            return f"made of {attributes.get('runs')} runs, expected {len(self.runs)}"
        return None


@explained
def levels(factor: str, given: Any) -> dict[Any, dict[str, Any]]:
    """The levels of a factor: by its label, what each sets; dict of object to dict.

    Parameters
    ----------
    factor : str
        Any name, or that of a parameter.
    given : dict of str to dict, or iterable
        Parameters by label, of which None leaves one out, or values of the parameter, which are
        their own labels, or all texts where one is None.

    Raises
    ------
    ConfigurationError
        If there is no such parameter, a value does not fit or is there twice, or there is none.
    """
    if isinstance(given, Mapping):
        found = {label: own for label, own in given.items() if own is not None}
    else:
        if factor not in parameters():
            raise ConfigurationError(unknown_name("parameter", factor, parameters()))
        values = list(given)
        known = [parameters()[factor].check(factor, value) for value in values]
        text = any(value is None or isinstance(value, dict) for value in known)
        labels = [*map(plain, known)] if text else known
        for label in labels:
            if labels.count(label) > 1:
                raise ConfigurationError(f"{factor}: {shorten(label)} is there twice")
        found = {label: {factor: value} for label, value in zip(labels, values, strict=True)}
    if not found:
        raise ConfigurationError(f"{factor}: there is no level")
    return found


@explained
def combinations(factors: Mapping[str, Any]) -> Iterator[Combination]:
    """Every combination of levels that these allow.

    Parameters
    ----------
    factors : dict of str to object
        As `given` to :func:`levels`. A level may have `only`, by another factor the labels that it
        goes with, and `trials`, at most so many.

    Yields
    ------
    labels, parameters, trials : tuple, dict, int or None
        Parameters of later factors override those of earlier ones.

    Raises
    ------
    ConfigurationError
        As of :func:`levels`, or if `only` names what there is not.
    """
    found = {factor: levels(factor, given) for factor, given in factors.items()}
    for factor, known in found.items():
        for label, own in known.items():
            for other, allowed in own.get("only", {}).items():
                place = f"{factor}.{label}.only"
                if other not in found:
                    raise ConfigurationError(f"{place}: {unknown_name('factor', other, found)}")
                for each in allowed:
                    if each not in factors[other]:
                        said = unknown_name("level", each, factors[other])
                        raise ConfigurationError(f"{place}.{other}: {said}")
    for labels in itertools.product(*found.values()):
        at = dict(zip(found, labels, strict=True))
        parts = [found[factor][label] for factor, label in at.items()]
        only = [pair for part in parts for pair in part.get("only", {}).items()]
        if any(at[other] not in allowed for other, allowed in only):
            continue
        values = [pair for part in parts for pair in part.items()]
        trials = min((value for key, value in values if key == "trials"), default=None)
        yield labels, {key: value for key, value in values if key not in OF_A_LEVEL}, trials


@explained
def expand(
    make: Callable[..., Experiment], factors: Mapping[str, Any], trials: int | None = None
) -> dict[Key, Experiment]:
    """The runs of every combination of levels and every trial; dict of tuple to Experiment.

    Parameters
    ----------
    make : callable
        Makes a run of parameters, among them its `trial` if there are `trials`.
    trials : int, optional
        Of each combination, where no level says how many.

    Raises
    ------
    ConfigurationError
        As of :func:`combinations` and of `make`, with the levels.
    """
    found = {}
    for labels, sets, own in combinations(factors):
        try:
            if trials is None:
                found[labels] = make(**sets)
                continue
            for trial in range(trials if own is None else own):
                found[(*labels, trial)] = make(**sets, trial=trial)
        except ConfigurationError as error:
            raise ConfigurationError(f"{said(factors, labels)}: {error}") from None
    return found


@explained
def said(factors: Mapping[str, Any], labels: Labels) -> str:
    """Levels in a message, such as ``agents = 5, game = agree``; str."""
    pairs = zip(factors, labels, strict=True)
    return ", ".join(f"{factor} = {plain(label)}" for factor, label in pairs) or "the run"


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
        objective=defaults()["objective"],
        agents=max(2, run.max_agents),
        scenario="none",
        **undisturbed,
        departure_rule=defaults()["departure_rule"],
        sampled_exploitability=False,
        exact_metrics=True,
        evaluation_interval=1,
    )
