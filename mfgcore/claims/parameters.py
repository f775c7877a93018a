"""What the paper says of its parameters: the values that it tried (Table 1) and their effects."""

import operator
from collections.abc import Iterable

import numpy as np

from mfgcore.claims.evidence import Evidence
from mfgcore.claims.judging import HOLDS, Part, Rule, claim
from mfgcore.claims.measures import (
    at_baseline,
    final_mean,
    gain,
    highest_return,
    mean_return,
    series,
)

WORSE = (
    "loss of the networked return at the end, as a share of the highest possible; more than 0.1 is "
    "a worse result"
)


def _compared(evidence, study, measure, values, architecture="networked"):
    """A measure at some values of a parameter; dict of value to what it is there, at the baseline.

    `values` are such as :data:`operator.lt`, for those below the baseline, or a list.
    """
    baseline = measure(at_baseline(evidence, study, architecture), architecture)
    if callable(values):
        values = evidence.settings(study, values)
    return {
        value: (measure(evidence.ablation(study, value), architecture), baseline)
        for value in values
    }


def _losses(evidence, study, values, architecture="networked"):
    """What values of a parameter lose of the return at the end; dict of value to sample."""
    compared = _compared(evidence, study, gain, values, architecture)
    return {value: baseline - there for value, (there, baseline) in compared.items()}


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
def fewer_rounds_do(evidence: Evidence) -> Iterable[Part]:
    """50 communication rounds or fewer do as well as 300."""
    compared = _compared(evidence, "rounds", mean_return, operator.lt)
    for rounds, (fewer, most) in compared.items():
        yield Part(f"C = {rounds}", fewer - most, Rule("above", -0.02))


@claim(
    "C9",
    "App. F.5",
    "rise of the networked return from k = 0 to the last tenth of the run, as a share of the "
    "highest possible; more than 0.1 is an improvement",
)
def cluster_needs_agents(evidence: Evidence) -> Iterable[Part]:
    """In the cluster game the return does not improve with 25 agents, and does with 50."""
    for agents, kind in (("25", "below"), ("50", "above")):
        sample = gain(evidence.ablation("agents_cluster", agents), "networked")
        yield Part(f"N = {agents}", sample, Rule(kind, 0.1))


@claim(
    "C10",
    "Table 1",
    "rise of the return to the last tenth of the run, as a share of the highest possible, minus "
    "that with 50 agents; a difference below 0.1 counts as equal",
)
def size_does_not_matter(evidence: Evidence) -> Iterable[Part]:
    """The games agree and diffuse are learned equally well by 10 to 300 agents."""
    for name, game in (("agents", "agree"), ("agents_diffuse", "diffuse")):
        for architecture in ("centralised", "networked"):
            compared = _compared(evidence, name, gain, operator.ne, architecture)
            for agents, (there, baseline) in compared.items():
                label = f"{game}, {architecture}, N = {agents}"
                yield Part(label, there - baseline, Rule("within", 0.1))


@claim(
    "C11",
    "Table 1",
    "loss of return at the end against M_td = 10, of the networked population minus that of the "
    "centralised one, as a share of the highest possible",
)
def few_steps_hurt(evidence: Evidence) -> Iterable[Part]:
    """Fewer than ten steps for each transition hurt the networked population more than the
    centralised one.
    """
    networked, centralised = (
        _losses(evidence, "steps_per_transition", operator.lt, architecture)
        for architecture in ("networked", "centralised")
    )
    for steps in networked:
        yield Part(f"M_td = {steps}", networked[steps] - centralised[steps], Rule("above", 0.0))


@claim(
    "C11b",
    "Table 1",
    "return of the centralised population at the end minus that of the networked one, as a share "
    "of the highest possible; more than 0.05 is notable",
)
def few_steps_leave_it_behind(evidence: Evidence) -> Iterable[Part]:
    """With fewer than ten steps for each transition the networked population receives notably
    lower return than the centralised one.
    """
    for steps in evidence.settings("steps_per_transition", operator.lt):
        dataset = evidence.ablation("steps_per_transition", steps)
        lower = gain(dataset, "centralised") - gain(dataset, "networked")
        yield Part(f"M_td = {steps}", lower, Rule("above", 0.05))


def _worse(evidence, study, symbol, values):
    for value, loss in _losses(evidence, study, values).items():
        yield Part(f"{symbol} = {value}", loss, Rule("above", 0.1))


@claim("C12", "Table 1", WORSE)
def few_transitions_are_bad(evidence: Evidence) -> Iterable[Part]:
    """With fewer than 3000 transitions the results are not good."""
    return _worse(evidence, "transitions", "M_pg", operator.lt)


@claim("C13", "Table 1", WORSE)
def few_cycles_are_bad(evidence: Evidence) -> Iterable[Part]:
    """With fewer than 500 passes over the replay buffer the results are not good."""
    return _worse(evidence, "replay_cycles", "L", ("300", "400"))  # those that the paper tried


def _largest_fall(dataset, architecture):
    """Largest fall of the return below an earlier value; (n_trials,) float64."""
    values, _ = series(dataset, "discounted_return", architecture)
    falls = np.maximum.accumulate(values, axis=1) - values
    return falls.max(axis=1) / highest_return(dataset)


@claim(
    "C14",
    "Table 1, App. F.4",
    "mean networked return of the whole run with eta = 0.01 minus that with 0.001; largest fall of "
    "the return below an earlier value with a larger eta minus that with 0.01; both as shares of "
    "the highest possible return",
)
def policy_step_is_fast_and_steady(evidence: Evidence) -> Iterable[Part]:
    """The learning rate eta = 0.01 learns faster than 0.001 and more steadily than 0.1 to 10."""
    study = "policy_step_size"
    speeds = _compared(evidence, study, mean_return, operator.lt)
    for value, (there, baseline) in speeds.items():
        yield Part(f"faster than eta = {value}", baseline - there, Rule("above", 0.0))
    falls = _compared(evidence, study, _largest_fall, operator.gt)
    for value, (there, baseline) in falls.items():
        yield Part(f"steadier than eta = {value}", there - baseline, Rule("above", 0.0))


@claim(
    "C15",
    "App. F.4",
    "share of the networked population at the four targets at the end; 0.06 would be there at "
    "random, and less than 0.25 is no learning",
)
def much_entropy_is_bad(evidence: Evidence) -> Iterable[Part]:
    """With an entropy weight lambda above 0.01 the population keeps moving at random."""
    for weight in evidence.settings("entropy_weight", operator.gt):
        dataset = evidence.ablation("entropy_weight", weight)
        size = round(dataset.sizes["state"] ** 0.5)
        corners = [0, size - 1, size * (size - 1), size**2 - 1]
        share = dataset["mean_field"].isel(state=corners).sum("state")
        sample = final_mean(dataset.assign(at_targets=share), "at_targets", "networked")
        yield Part(f"lambda = {weight}", sample, Rule("below", 0.25))


@claim(
    "C15b",
    "App. F.4 (a conjecture)",
    "mean networked return of the whole run with lambda = 0.01 minus that with another, as a share "
    "of the highest possible; a difference below 0.05 counts as equal",
)
def less_entropy_is_equal(evidence: Evidence) -> Iterable[Part]:
    """With lambda nearer to 0, or 0, the population learns equally fast."""
    compared = _compared(evidence, "entropy_weight", mean_return, operator.lt)
    for weight, (there, most) in compared.items():
        yield Part(f"lambda = {weight}", most - there, Rule("within", 0.05))


@claim(
    "C16",
    "App. G",
    "CPU time of a run with 50 agents against the straight line through those with 10 and 300, "
    "relative difference; below 0.2 counts as linear",
)
def cost_is_linear(evidence: Evidence) -> Iterable[Part]:
    """The cost grows linearly with the population."""
    sizes = ("10", "50", "300")
    few, some, many = (
        evidence.ablation("agents", size)["cpu_seconds"].sel(architecture="networked").values
        for size in sizes
    )
    least, middle, most = map(int, sizes)
    line = few + (many - few) * (middle - least) / (most - least)
    yield Part("networked", some / line - 1.0, Rule("within", 0.2))
