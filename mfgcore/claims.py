"""The paper's claims, each with its measured quantity and its decision rule.

Every quantity is a number without unit, one for each trial, and is compared with a threshold by
its 95 % interval over trials (:func:`mfgcore.statistics.bootstrap`). A claim that speaks of several
experiments has a part for each, and all of them must hold. The intervals are not corrected for the
number of comparisons.

To add a claim, write a function here that returns its parts, and register it.
"""

import zlib
from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np

from mfgcore.datasets import configuration
from mfgcore.statistics import (
    Interval,
    bootstrap,
    interquartile_mean,
    last_iterations,
    trials_needed,
)

CLAIMS = {}
HOLDS, FAILS, OPEN = "holds", "does not hold", "inconclusive"
FIGURES = tuple(f"fig{number}" for number in range(1, 7))
# of its rise: when an architecture is said to have learned
LEARNED = 0.9
# as a share of the highest return: a smaller rise is none
RISE = 0.1
# iterations before and after the population increase that are compared
AROUND = 10


@dataclass(frozen=True)
class Rule:
    """Decides by an interval.

    Parameters
    ----------
    kind : {"above", "below", "within", "zero"}
        What must be so of the whole interval: above the threshold, below it, or between its
        negative and itself. If the whole interval is on the other side, the part does not hold.
        "zero": of a share of violations, that there is none.
    threshold : float
    """

    kind: str
    threshold: float

    def region(self):
        """Lowest and highest value with which the claim agrees."""
        return {
            "above": (self.threshold, np.inf),
            "below": (-np.inf, self.threshold),
            "within": (-self.threshold, self.threshold),
            "zero": (-np.inf, 0.0),
        }[self.kind]

    def decide(self, interval):
        """Verdict for an interval; on the threshold itself nothing is decided."""
        if self.kind == "zero":
            return FAILS if interval.estimate > 0.0 else HOLDS
        low, high = self.region()
        if low < interval.low and interval.high < high:
            return HOLDS
        return FAILS if interval.high < low or interval.low > high else OPEN

    def needed(self, interval):
        """About how many trials would decide; int or None."""
        counts = [
            trials_needed(interval, bound)
            for bound in self.region()
            if interval.low <= bound <= interval.high
        ]
        return None if None in counts else max(counts, default=None)

    def words(self):
        """The rule as text."""
        where = {"above": "> ", "below": "< ", "within": "within ±", "zero": "= "}[self.kind]
        return f"{where}{self.threshold:g}"


@dataclass(frozen=True)
class Part:
    """What a claim says of one experiment.

    Parameters
    ----------
    label : str
    sample : (n_trials,) float64
    rule : Rule
    """

    label: str
    sample: np.ndarray
    rule: Rule


@dataclass(frozen=True)
class Judged:
    """A part with its interval and verdict.

    Parameters
    ----------
    label : str
    rule : Rule
    interval : Interval
    interquartile_mean : float
    verdict : str
    needed : int or None
        About how many trials would settle it, where it is inconclusive.
    """

    label: str
    rule: Rule
    interval: Interval
    interquartile_mean: float
    verdict: str
    needed: int | None = None


@dataclass(frozen=True)
class Claim:
    """One claim.

    Parameters
    ----------
    name : str
    text, source, quantity : str
        The claim in a sentence, where the paper makes it, and what is measured.
    parts : callable of Evidence
        Returns a list of :class:`Part`.
    enough : {"all", "any"}
        Whether every part must hold, or one is enough.
    remark : callable of list of Judged, optional
        Returns a sentence on what was found.
    """

    name: str
    text: str
    source: str
    quantity: str
    parts: Callable
    enough: str = "all"
    remark: Callable | None = None


@dataclass(frozen=True)
class Finding:
    """A claim, judged.

    Parameters
    ----------
    claim : Claim
    verdict : str
        One of :data:`HOLDS`, :data:`FAILS`, :data:`OPEN`.
    parts : list of Judged
    pooled : Interval or None
        Of the mean over parts, stratified by them, where all parts have the same rule.
    note : str
        Why nothing could be measured, or what else was found.
    """

    claim: Claim
    verdict: str
    parts: list = field(default_factory=list)
    pooled: Interval | None = None
    note: str = ""


class NothingToJudge(Exception):
    """The evidence lacks what a claim is about; the message says what."""


class Evidence:
    """The collected datasets, and what is measured in them.

    Parameters
    ----------
    experiments, ablations : dict of str to xarray.Dataset
        By their names in the configuration.
    """

    def __init__(self, experiments, ablations):
        self._experiments = experiments
        self._ablations = ablations

    def experiment(self, name):
        """An experiment's dataset; NothingToJudge if it is not there."""
        if name not in self._experiments:
            raise NothingToJudge(f"there is no experiment {name}")
        return self._experiments[name]

    def ablation(self, name, setting):
        """An ablation's dataset at one value of its parameter."""
        if name not in self._ablations:
            raise NothingToJudge(f"there is no ablation {name}")
        dataset = self._ablations[name]
        if setting not in dataset["setting"].values:
            raise NothingToJudge(f"ablation {name} has no value {setting}")
        return dataset.sel(setting=setting)

    def everything(self):
        """All datasets, by name."""
        return self._experiments, self._ablations


def claim(name, source, quantity, **details):
    """Make a function known as the one that measures a claim; its docstring is the claim."""

    def decorate(function):
        text = " ".join(function.__doc__.split())
        CLAIMS[name] = Claim(name, text, source, quantity, function, **details)
        return function

    return decorate


def judge(evidence, seed):
    """Judge all claims.

    Parameters
    ----------
    evidence : Evidence
    seed : int
        Root of the bootstrap's random numbers. Each claim has a generator of its own, so that one
        claim more changes no other.

    Returns
    -------
    list of Finding
    """
    return [judge_one(each, evidence, seed) for each in CLAIMS.values()]


def judge_one(each, evidence, seed):
    """Judge one claim; parameters as in :func:`judge`.

    Returns
    -------
    Finding
    """
    generator = np.random.default_rng(
        np.random.SeedSequence(seed, spawn_key=(zlib.crc32(each.name.encode()),))
    )
    try:
        parts = each.parts(evidence)
    except NothingToJudge as reason:
        return Finding(each, OPEN, note=f"{reason}")
    if min(part.sample.size for part in parts) < 2:
        return Finding(each, OPEN, note="a single trial says nothing about the spread over trials")
    if not all(np.isfinite(part.sample).all() for part in parts):
        return Finding(each, OPEN, note="the runs are too short for what is measured")
    judged = []
    for part in parts:
        interval = bootstrap([part.sample], generator)
        verdict = part.rule.decide(interval)
        middle = float(interquartile_mean(part.sample))
        needed = part.rule.needed(interval) if verdict == OPEN else None
        judged.append(Judged(part.label, part.rule, interval, middle, verdict, needed))
    verdicts = {part.verdict for part in judged}
    decisive, otherwise = (FAILS, HOLDS) if each.enough == "all" else (HOLDS, FAILS)
    verdict = next((found for found in (decisive, OPEN) if found in verdicts), otherwise)
    pooled = None
    if len(parts) > 1 and len({part.rule for part in parts}) == 1:
        pooled = bootstrap([part.sample for part in parts], generator)
    note = each.remark(judged) if each.remark is not None else ""
    return Finding(each, verdict, judged, pooled, note)


# ---------------------------------------------------------------------- what is measured


def series(dataset, metric, architecture):
    """A metric of one architecture over the iterations at which it was measured.

    Returns
    -------
    values : (n_trials, n) float64
    iterations : (n,) int64
    """
    if architecture not in dataset["architecture"].values:
        raise NothingToJudge(f"there are no {architecture} runs")
    values = dataset[metric].sel(architecture=architecture).transpose("trial", "iteration").values
    measured = np.isfinite(values).all(axis=0)
    if not measured.any():
        raise NothingToJudge(f"{metric} was not measured")
    return values[:, measured], dataset["iteration"].values[measured]


def end(dataset, metric, architecture):
    """Mean over the end of a run; (n_trials,) float64."""
    values, iterations = series(dataset, metric, architecture)
    n_iterations = dataset.sizes["iteration"]
    return values[:, iterations >= n_iterations - last_iterations(n_iterations)].mean(axis=1)


def start(dataset):
    """Mean return of all architectures and trials at k = 0, before anybody learned; float."""
    return float(dataset["discounted_return"].isel(iteration=0).mean())


def highest_return(dataset):
    """1 / (1 - gamma): the return of an agent that gets the largest reward at every step."""
    return 1.0 / (1.0 - configuration(dataset)["discount"])


def lead(dataset, first, second, stop=None):
    """How much faster one architecture learns than another; (n_trials,) float64.

    The area between their return curves, from k = 0 up to where the first of the two (by the means
    over trials) has done 90 % of its rise, as a share of the rectangle of that time and the larger
    rise. One that rises less than half as far as the other does not count as the first. 0: equally
    fast; 1: one is at its plateau all the time and the other does not rise at all.

    Parameters
    ----------
    dataset : xarray.Dataset
    first, second : str
        Architectures.
    stop : int, optional
        Iterations from here on are left out.
    """
    dataset = dataset.isel(iteration=slice(0, stop))
    origin = start(dataset)
    curves = [series(dataset, "discounted_return", name)[0] for name in (first, second)]
    rises = [end(dataset, "discounted_return", name).mean() - origin for name in (first, second)]
    largest = max(rises)
    if largest < RISE * highest_return(dataset):
        raise NothingToJudge(f"neither {first} nor {second} agents learned anything")
    time = min(
        _learned_at(curve.mean(axis=0), origin, rise)
        for curve, rise in zip(curves, rises, strict=True)
        if rise >= largest / 2.0
    )
    areas = [curve[:, : time + 1].mean(axis=1) for curve in curves]
    return (areas[0] - areas[1]) / largest


def arrival(dataset, architecture):
    """Iteration at which each trial has done 90 % of its own rise; (n_trials,) int64."""
    values, iterations = series(dataset, "discounted_return", architecture)
    origin = start(dataset)
    rises = end(dataset, "discounted_return", architecture) - origin
    if (rises < RISE * highest_return(dataset)).any():
        raise NothingToJudge(f"not all {architecture} trials learned anything")
    return iterations[_learned_at(values, origin, rises[:, None])]


def _learned_at(curves, origin, rises):
    """Place along the last axis at which curves have first done 90 % of their rises."""
    return np.argmax(curves >= origin + LEARNED * rises, axis=-1)


def setback(dataset, architecture, metric="discounted_return", sign=1.0):
    """By how much a metric falls when the population grows; (n_trials,) float64.

    Its mean over the ten iterations before the increase minus that over the ten after it. With
    `sign` -1: by how much it rises. Agents that arrive after learning are first there at the next
    iteration (D18).
    """
    parameters = configuration(dataset)
    arrived = parameters.get("increase_at")
    if arrived is None:
        raise NothingToJudge("the population does not grow")
    if parameters.get("arrivals", dataset.coords.get("setting")) == "before_learning":
        arrived -= 1
    values, k = series(dataset, metric, architecture)
    before = values[:, (k > arrived - AROUND) & (k <= arrived)].mean(axis=1)
    after = values[:, (k > arrived) & (k <= arrived + AROUND)].mean(axis=1)
    return sign * (before - after)


def steadier(dataset, metric="discounted_return", sign=1.0):
    """How much greater the setback of the independent population is than the networked one's.

    As a share of the highest return, also for an exploitability.
    """
    independent, networked = (
        setback(dataset, architecture, metric, sign)
        for architecture in ("independent", "networked")
    )
    return (independent - networked) / highest_return(dataset)


def gain(dataset, architecture):
    """Rise of the return from k = 0 to the end, as a share of the highest; (n_trials,) float64."""
    risen = end(dataset, "discounted_return", architecture) - start(dataset)
    return risen / highest_return(dataset)


def usual(evidence, study, setting, architecture="networked"):
    """An ablation's dataset at the value that others are compared with.

    Raises
    ------
    NothingToJudge
        If nothing is learned there, so that nothing can be lost either.
    """
    dataset = evidence.ablation(study, setting)
    if gain(dataset, architecture).mean() < RISE:
        raise NothingToJudge(f"{architecture} agents learn nothing in ablation {study} = {setting}")
    return dataset


def whole_run(dataset, architecture):
    """Mean return over all iterations, as a share of the highest; (n_trials,) float64."""
    values, _ = series(dataset, "discounted_return", architecture)
    return values.mean(axis=1) / highest_return(dataset)


def at_a_glance(evidence):
    """Where every architecture of every experiment ends, and when it is there.

    Parameters
    ----------
    evidence : Evidence

    Returns
    -------
    list of dict
        experiment, architecture, discounted_return and standard_deviation over trials (n - 1),
        exploitability (exact), all at the end of the run, and arrived_at: where the mean return
        has done 90 % of its rise, before any increase of the population.
    """
    rows = []
    for name, dataset in evidence.everything()[0].items():
        learning = dataset.isel(iteration=slice(configuration(dataset).get("increase_at")))
        mean = learning.mean("trial").expand_dims(trial=[0]).assign_attrs(dataset.attrs)
        for architecture in dataset["architecture"].values:
            returns = end(dataset, "discounted_return", architecture)
            rows.append(
                {
                    "experiment": name,
                    "architecture": str(architecture),
                    "discounted_return": float(returns.mean()),
                    "standard_deviation": float(returns.std(ddof=1)) if returns.size > 1 else 0.0,
                    "exploitability": float(
                        end(dataset, "exact_exploitability", architecture).mean()
                    ),
                    "arrived_at": _arrived_at(mean, architecture),
                }
            )
    return rows


def _arrived_at(mean, architecture):
    try:
        return int(arrival(mean, architecture)[0])
    except NothingToJudge:
        return None


# ---------------------------------------------------------------------- the claims

LEAD = (
    "area between the two return curves until the first has done 90 % of its rise, as a share of "
    "that time and rise"
)
WORSE = (
    "loss of the networked return at the end, as a share of the highest possible; more than 0.1 is "
    "a worse result"
)


def _leads(evidence, other, names=("fig1", "fig2")):
    return [
        Part(
            f"{name}, than {other}",
            lead(evidence.experiment(name), "networked", other),
            Rule("above", 0.0),
        )
        for name in names
    ]


@claim("C1", "Sec. 4.2, Figures 1 and 2", LEAD)
def faster_than_centralised(evidence):
    """With half of the updates failing, the networked population learns faster than the
    centralised one.
    """
    return _leads(evidence, "centralised")


@claim("C2", "Sec. 4.2, Figures 1 and 2", LEAD)
def faster_than_independent(evidence):
    """With half of the updates failing, the networked population learns faster than the
    independent one.
    """
    return _leads(evidence, "independent")


@claim(
    "C3",
    "Sec. 4.2",
    "return of the centralised population minus that of another over the last tenth of the run, "
    "as a share of the highest possible; lower by less than 0.02 counts as equal",
)
def centralised_ends_highest(evidence):
    """The centralised population ends with the highest return in each experiment."""
    parts = []
    for name in FIGURES:
        dataset = evidence.experiment(name)
        for other in ("networked", "independent"):
            gap = gain(dataset, "centralised") - gain(dataset, other)
            parts.append(Part(f"{name}, {other}", gap, Rule("above", -0.02)))
    return parts


@claim(
    "C4",
    "Sec. 4.2, Figures 3 and 4",
    "setback of the independent population minus that of the networked one, ten iterations after "
    "the increase against ten before: of the return, and of the exact exploitability, both as "
    "shares of the highest possible return; more than 0.1 is far more",
)
def steadier_under_growth(evidence):
    """When the population grows, return drops and exploitability rises far more for independent
    than for networked agents.
    """
    return [
        Part(f"{name}, {label}", steadier(evidence.experiment(name), *metric), Rule("above", 0.1))
        for name in ("fig3", "fig4")
        for label, metric in (("return", ()), ("exploitability", ("exact_exploitability", -1.0)))
    ]


@claim("C4b", "Figures 3 and 4", "as C4, of the sampled exploitability")
def sampled_exploitability_shows_it(evidence):
    """The sampled exploitability, which the paper plots, rises more for independent agents too."""
    return [
        Part(name, steadier(evidence.experiment(name), "exploitability", -1.0), Rule("above", 0.0))
        for name in ("fig3", "fig4")
    ]


@claim(
    "C4c",
    "silent; D17",
    "as C4, of the return, in ablations with 25 agents growing to 100, under both arrival rules",
)
def arrival_rule_decides(evidence):
    """C4 rests on what the paper does not say: arriving agents communicate before they learn. If
    they learn first, the networked population loses its advantage.
    """
    return [
        Part(f"{name}, {rule}", steadier(evidence.ablation(name, rule)), Rule(kind, 0.1))
        for name in ("arrivals", "arrivals_diffuse")
        for rule, kind in (("after_learning", "above"), ("before_learning", "below"))
    ]


def _undisturbed(evidence, name, label):
    dataset = evidence.experiment(name)
    stop = configuration(dataset).get("increase_at")
    return Part(label, lead(dataset, "networked", "independent", stop), Rule("above", 0.0))


@claim("C5", "Sec. 4.2, Sec. 3.4", LEAD)
def faster_undisturbed(evidence):
    """Without any disturbance, up to the increase in Figure 3, the networked population learns
    faster than the independent one.
    """
    return [_undisturbed(evidence, "fig3", "fig3")]


def _thirds(dataset, architecture):
    """Mean policy divergence in each third of the run; three of (n_trials,) float64."""
    values, _ = series(dataset, "policy_divergence", architecture)
    return [part.mean(axis=1) for part in np.array_split(values, 3, axis=1)]


@claim(
    "C5b",
    "Sec. 4.2, Sec. 3.4",
    "iteration at which a trial has done 90 % of its rise, independent minus networked, as a share "
    "of the independent one's mean",
)
def there_earlier_undisturbed(evidence):
    """Without any disturbance, up to the increase in Figure 3, the networked population is at its
    plateau earlier than the independent one.
    """
    dataset = evidence.experiment("fig3")
    dataset = dataset.isel(iteration=slice(0, configuration(dataset)["increase_at"]))
    networked, independent = (
        arrival(dataset, architecture) for architecture in ("networked", "independent")
    )
    sample = (independent - networked) / independent.mean()
    return [Part("fig3", sample, Rule("above", 0.0))]


@claim(
    "C6",
    "Sec. 4.2",
    "independent: policy divergence in the last third of the run, of 2 at most; networked: its "
    "mean over the run as a share of the independent one's",
)
def policies_differ(evidence):
    """The policies of the independent population differ widely in every experiment; those of the
    networked one hardly differ.
    """
    parts = []
    for name in FIGURES:
        dataset = evidence.experiment(name)
        alone, together = (
            _thirds(dataset, architecture) for architecture in ("independent", "networked")
        )
        parts.append(Part(f"{name}, independent", alone[-1], Rule("above", 0.1)))
        share = np.mean(together, axis=0) / np.mean(alone)
        parts.append(Part(f"{name}, networked", share, Rule("below", 0.05)))
    return parts


@claim(
    "C6b",
    "Sec. 4.2",
    "policy divergence of the independent population in the last third of the run minus that in "
    "the middle third",
)
def policies_diverge(evidence):
    """The divergence of the independent population increases in every experiment, to the end."""
    parts = []
    for name in FIGURES:
        _, middle, last = _thirds(evidence.experiment(name), "independent")
        parts.append(Part(name, last - middle, Rule("above", 0.0)))
    return parts


@claim("C7", "Table 1", "share of the iterations at which all networked agents share one policy")
def rounds_are_enough(evidence):
    """300 communication rounds lead to one common policy at almost every iteration."""
    parts = []
    for name in FIGURES:
        values, _ = series(evidence.experiment(name), "distinct_policies", "networked")
        agreed = (values[:, 1:] == 1).mean(axis=1)  # at k = 0 nobody has communicated
        parts.append(Part(name, agreed, Rule("above", 0.95)))
    return parts


def _fewest_rounds(judged):
    enough = [part.label for part in judged if part.verdict == HOLDS]
    return f"enough: {', '.join(enough)}" if enough else "none of the smaller numbers is enough"


@claim(
    "C7b",
    "Table 1",
    "mean return of the whole run with fewer rounds minus that with 300, as a share of the highest "
    "possible; lower by less than 0.02 counts as equal, and one such number is enough",
    enough="any",
    remark=_fewest_rounds,
)
def fewer_rounds_do(evidence):
    """50 communication rounds or fewer do as well as 300."""
    most = whole_run(usual(evidence, "rounds", "300"), "networked")
    return [
        Part(
            f"C = {rounds}",
            whole_run(evidence.ablation("rounds", rounds), "networked") - most,
            Rule("above", -0.02),
        )
        for rounds in ("1", "5", "20", "50")
    ]


@claim("C8", "App. F.5", "as C1 and C2 in Figure 5; as C5 and C4, of the return, in Figure 6")
def cluster_is_alike(evidence):
    """In the cluster game the architectures are ordered as in the others."""
    return [
        *_leads(evidence, "centralised", ("fig5",)),
        *_leads(evidence, "independent", ("fig5",)),
        _undisturbed(evidence, "fig6", "fig6, speed"),
        Part("fig6, setback", steadier(evidence.experiment("fig6")), Rule("above", 0.1)),
    ]


@claim(
    "C9",
    "App. F.5",
    "rise of the networked return from k = 0 to the last tenth of the run, as a share of the "
    "highest possible; more than 0.1 is an improvement",
)
def cluster_needs_agents(evidence):
    """In the cluster game the return does not improve with 25 agents, and does with 50."""
    return [
        Part(
            f"N = {agents}",
            gain(evidence.ablation("agents_cluster", agents), "networked"),
            Rule(kind, 0.1),
        )
        for agents, kind in (("25", "below"), ("50", "above"))
    ]


@claim(
    "C10",
    "Table 1",
    "rise of the return to the last tenth of the run, as a share of the highest possible, minus "
    "that with 50 agents; a difference below 0.1 counts as equal",
)
def size_does_not_matter(evidence):
    """The games agree and diffuse are learned equally well by 10 to 300 agents."""
    parts = []
    for name, game in (("agents", "agree"), ("agents_diffuse", "diffuse")):
        for architecture in ("centralised", "networked"):
            most = gain(usual(evidence, name, "50", architecture), architecture)
            for agents in ("10", "300"):
                sample = gain(evidence.ablation(name, agents), architecture) - most
                label = f"{game}, {architecture}, N = {agents}"
                parts.append(Part(label, sample, Rule("within", 0.1)))
    return parts


def _losses(evidence, study, architecture, setting, values):
    """What each value of a parameter loses of the return at the end; dict of str to sample."""
    best = gain(usual(evidence, study, setting, architecture), architecture)
    return {value: best - gain(evidence.ablation(study, value), architecture) for value in values}


@claim(
    "C11",
    "Table 1",
    "loss of return at the end against M_td = 10, of the networked population minus that of the "
    "centralised one, as a share of the highest possible",
)
def few_steps_hurt(evidence):
    """Fewer than ten steps for each transition hurt the networked population more than the
    centralised one.
    """
    networked, centralised = (
        _losses(evidence, "steps_per_transition", architecture, "10", ("1", "2"))
        for architecture in ("networked", "centralised")
    )
    return [
        Part(f"M_td = {steps}", networked[steps] - centralised[steps], Rule("above", 0.0))
        for steps in networked
    ]


@claim(
    "C11b",
    "Table 1",
    "return of the centralised population at the end minus that of the networked one, as a share "
    "of the highest possible; more than 0.05 is notable",
)
def few_steps_leave_it_behind(evidence):
    """With fewer than ten steps for each transition the networked population receives notably
    lower return than the centralised one.
    """
    return [
        Part(
            f"M_td = {steps}",
            gain(evidence.ablation("steps_per_transition", steps), "centralised")
            - gain(evidence.ablation("steps_per_transition", steps), "networked"),
            Rule("above", 0.05),
        )
        for steps in ("1", "2")
    ]


def _worse(evidence, study, symbol, setting, values):
    losses = _losses(evidence, study, "networked", setting, values)
    return [Part(f"{symbol} = {value}", loss, Rule("above", 0.1)) for value, loss in losses.items()]


@claim("C12", "Table 1", WORSE)
def few_transitions_are_bad(evidence):
    """With fewer than 3000 transitions the results are not good."""
    return _worse(evidence, "transitions", "M_pg", "3000", ("1000", "1500", "2000", "2500"))


@claim("C13", "Table 1", WORSE)
def few_cycles_are_bad(evidence):
    """With fewer than 500 passes over the replay buffer the results are not good."""
    return _worse(evidence, "replay_cycles", "L", "500", ("300", "400"))


def _largest_fall(dataset):
    """Largest fall of the networked return below an earlier value; (n_trials,) float64."""
    values, _ = series(dataset, "discounted_return", "networked")
    falls = np.maximum.accumulate(values, axis=1) - values
    return falls.max(axis=1) / highest_return(dataset)


@claim(
    "C14",
    "Table 1, App. F.4",
    "mean networked return of the whole run with eta = 0.01 minus that with 0.001; largest fall of "
    "the return below an earlier value with a larger eta minus that with 0.01; both as shares of "
    "the highest possible return",
)
def policy_step_is_fast_and_steady(evidence):
    """The learning rate eta = 0.01 learns faster than 0.001 and more steadily than 0.1 to 10."""
    study = "policy_step_size"
    chosen = usual(evidence, study, "0.01")
    faster = whole_run(chosen, "networked") - whole_run(
        evidence.ablation(study, "0.001"), "networked"
    )
    return [
        Part("faster than eta = 0.001", faster, Rule("above", 0.0)),
        *(
            Part(
                f"steadier than eta = {value}",
                _largest_fall(evidence.ablation(study, value)) - _largest_fall(chosen),
                Rule("above", 0.0),
            )
            for value in ("0.1", "1", "10")
        ),
    ]


@claim(
    "C15",
    "App. F.4",
    "share of the networked population at the four targets at the end; 0.06 would be there at "
    "random, and less than 0.25 is no learning",
)
def much_entropy_is_bad(evidence):
    """With an entropy weight lambda above 0.01 the population keeps moving at random."""
    parts = []
    for weight in ("0.1", "1"):
        dataset = evidence.ablation("entropy_weight", weight)
        size = round(dataset.sizes["state"] ** 0.5)
        corners = [0, size - 1, size * (size - 1), size**2 - 1]
        share = dataset["mean_field"].isel(state=corners).sum("state")
        sample = end(dataset.assign(at_targets=share), "at_targets", "networked")
        parts.append(Part(f"lambda = {weight}", sample, Rule("below", 0.25)))
    return parts


@claim(
    "C15b",
    "App. F.4 (a conjecture)",
    "mean networked return of the whole run with lambda = 0.01 minus that with another, as a share "
    "of the highest possible; a difference below 0.05 counts as equal",
)
def less_entropy_is_equal(evidence):
    """With lambda nearer to 0, or 0, the population learns equally fast."""
    most = whole_run(usual(evidence, "entropy_weight", "0.01"), "networked")
    return [
        Part(
            f"lambda = {weight}",
            most - whole_run(evidence.ablation("entropy_weight", weight), "networked"),
            Rule("within", 0.05),
        )
        for weight in ("0", "0.0001", "0.001")
    ]


@claim(
    "C16",
    "App. G",
    "CPU time of a run with 50 agents against the straight line through those with 10 and 300, "
    "relative difference; below 0.2 counts as linear",
)
def cost_is_linear(evidence):
    """The cost grows linearly with the population."""
    few, some, many = (
        evidence.ablation("agents", agents)["cpu_seconds"].sel(architecture="networked").values
        for agents in ("10", "50", "300")
    )
    line = few + (many - few) * (50 - 10) / (300 - 10)
    return [Part("networked", some / line - 1.0, Rule("within", 0.2))]


def _networked_runs(datasets):
    """Every networked run once, also where several ablations share it; list of xarray.Dataset."""
    runs = {}
    for dataset in datasets:
        if "networked" in dataset["architecture"].values:
            for trial in dataset["trial"].values:
                run = dataset.sel(architecture="networked", trial=trial)
                runs[run["discounted_return"].values.tobytes()] = run
    return list(runs.values())


def _theorem(evidence, count):
    """Share of the chances of a violation that were one, by trial: of figures, of ablations.

    `count` returns violations and chances of a run.
    """
    experiments, ablations = evidence.everything()
    settings = [
        dataset.sel(setting=setting)
        for dataset in ablations.values()
        for setting in dataset["setting"].values
        # the theorems are about the paper's score
        if configuration(dataset).get("score_rule", str(setting)) == "smallest_change"
    ]
    parts = []
    for kind, datasets in (("figures", experiments.values()), ("ablations", settings)):
        runs = _networked_runs(datasets)
        totals = np.zeros((2, 1 + max((int(run["trial"]) for run in runs), default=0)))
        for run in runs:
            totals[:, int(run["trial"])] += count(run)
        violated, possible = totals.sum(axis=1)
        if possible:
            text = f"{kind}: {violated:,.0f} of {possible:,.0f}"
            share = totals[0] / np.maximum(totals[1], 1.0)
            parts.append(Part(text, share, Rule("zero", 0.0)))
    if not parts:
        raise NothingToJudge("its premises never held")
    return parts


@claim(
    "C17",
    "Sec. 3.3, after Theorem 3.1",
    "adopted policies from which the divergence did not fall, as a share of all adopted ones, in "
    "the iterations that left several, in all networked runs with the paper's score; for a single "
    "adoption, Theorem 3.1 is plain arithmetic",
)
def communication_brings_together(evidence):
    """Where communication leaves several policies, the population is nearer to every adopted one
    than before.
    """

    def count(run):
        # Where one policy is left, all are at distance 0; two learners that never left a corner
        # can have equal policies, of which one is adopted without any distance to lose.
        several = run["distinct_policies"].values[1:] > 1
        return [
            run[name].values[:-1][several].sum()
            for name in ("theorem_3_1_violations", "adopted_policies")
        ]

    return _theorem(evidence, count)


@claim(
    "C17b",
    "Theorem 3.2",
    "iterations in which the bound did not fall, because the policy that changed most was kept, as "
    "a share of those in which the premises held, in all networked runs with the paper's score",
)
def communication_lowers_the_bound(evidence):
    """Where all shared one policy before their updates and several are left, the bound on the
    distance between two of them has fallen.
    """

    def count(run):
        return [
            run[name].values.sum() for name in ("theorem_3_2_violations", "theorem_3_2_premises")
        ]

    return _theorem(evidence, count)


@claim(
    "C18",
    "App. F.3",
    "exact exploitability at the end, as a share of the highest possible return: of the joint "
    "policy, which below 0.1 looks good, and of the individual ones minus that of the joint one, "
    "which above 0.1 makes them bad",
)
def individuals_are_exploitable(evidence):
    """The joint policy of the independent population looks good, but its individual policies may
    be exploitable.
    """
    parts = []
    for name in FIGURES:
        dataset = evidence.experiment(name)
        joint, single = (
            end(dataset, metric, "independent") / highest_return(dataset)
            for metric in ("exact_exploitability", "mean_individual_exploitability")
        )
        parts.append(Part(f"{name}, joint", joint, Rule("below", 0.1)))
        parts.append(Part(f"{name}, individual", single - joint, Rule("above", 0.1)))
    return parts


@claim(
    "C18b",
    "App. F.3",
    "exact return of the joint policy minus that of the individual ones at the end, as a share of "
    "the highest possible; more than 0.1 is low",
)
def individuals_earn_little(evidence):
    """The individual policies of the independent population may bring a low return, were everybody
    to follow one of them.
    """
    parts = []
    for name in FIGURES:
        dataset = evidence.experiment(name)
        joint, single = (
            end(dataset, metric, "independent")
            for metric in ("exact_return", "mean_individual_return")
        )
        parts.append(Part(name, (joint - single) / highest_return(dataset), Rule("above", 0.1)))
    return parts
