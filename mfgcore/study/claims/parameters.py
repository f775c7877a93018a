"""Claims about parameters (Table 1, App. F.4), cluster's size and Algorithm 1."""

from collections.abc import Iterator

import numpy as np

from mfgcore.plotting.statistics import last_iterations
from mfgcore.study.claims.evidence import Evidence, NothingToJudge
from mfgcore.study.claims.judging import HOLDS, Effect, Rule, claim
from mfgcore.study.claims.measures import (
    MIN_RISE,
    final_mean,
    final_return,
    initial_return,
    largest_drop,
    mean_between,
    mean_return,
    paired,
    rise,
)
from mfgcore.study.claims.normalisers import gain

FAILING = "failing"  # the only scenario of the comparison table1
SCENARIOS = ("undisturbed", FAILING)
NOTABLE = Rule("beyond", 0.2, threshold=0.2)
ARCHITECTURES = ("centralised", "independent", "networked")
WORSE = "loss of the networked return at the end against the paper's value"


def _learned(dataset, architecture, what):
    """The dataset; NothingToJudge if nothing is learned there, as nothing can be lost then."""
    if rise(dataset, architecture).mean() < MIN_RISE:
        raise NothingToJudge(f"{architecture} agents learn nothing {what}")
    return dataset


def _against_baseline(evidence, measure, settings, rule, label="{}", loss=False):
    """Effects of settings of table1 on a measure of networked agents, or losses; iterator."""
    runs = _learned(evidence.runs("table1", FAILING), "networked", "in table1")
    baseline = measure(runs, "networked")
    for setting in settings:
        value = measure(evidence.runs("table1", FAILING, setting), "networked")
        sample = paired(baseline, value) if loss else paired(value, baseline)
        normaliser = "split" if measure is final_return else "gain"
        yield Effect(label.format(setting), sample, rule, normaliser)


def _fewest_rounds(results):
    enough = [result.effect.label for result in results if result.corrected == HOLDS]
    return f"enough: {', '.join(enough)}" if enough else "none of the smaller numbers is enough"


@claim(
    "C7b",
    "Table 1",
    "J",
    "mean return of the whole run with fewer rounds minus that with 300; one such number is enough",
    enough="one",
    remark=_fewest_rounds,
)
def fewer_rounds_do(evidence: Evidence) -> Iterator[Effect]:
    """50 communication rounds or fewer do as well as 300."""
    rounds = "C=1", "C=5", "C=20", "C=50"
    return _against_baseline(evidence, mean_return, rounds, Rule("not less", 0.04))


@claim(
    "C9",
    "App. F.5",
    "R",
    "rise of the return from k = 0 to the end; more than 0.1 of the gain is an improvement; of "
    "each architecture, undisturbed or with half of the updates failing",
)
def cluster_needs_agents(evidence: Evidence) -> Iterator[Effect]:
    """In the cluster game the return does not improve with 25 agents, and does with 50."""
    for architecture in ("networked", "centralised", "independent"):
        for scenario in SCENARIOS:
            for agents, kind in (("N=25", "below"), ("N=50", "beyond")):
                risen = rise(evidence.runs("cluster", scenario, agents), architecture)
                rule = Rule(kind, 0.1, threshold=0.1)
                yield Effect(agents, risen, rule, "gain", f"{architecture}, {scenario}")


@claim(
    "C10",
    "Table 1",
    "P",
    "return at the end minus that with 50 agents; not how long it takes",
)
def size_does_not_matter(evidence: Evidence) -> Iterator[Effect]:
    """The games agree and diffuse are learned equally well by 10 to 300 agents."""
    for game in ("agree", "diffuse"):
        for architecture in ARCHITECTURES:
            what = f"with 50 agents in {game}"
            fifty = _learned(evidence.runs("agents", game, "N=50"), architecture, what)
            for agents in ("N=10", "N=300"):
                # what six trials had not decided has fresh ones (Amendment 2 of the protocol)
                fresh = (agents, architecture) == ("N=300", "centralised")
                runs = evidence.runs("agents_300" if fresh else "agents", game, agents)
                there = final_return(runs, architecture)
                difference = paired(there, final_return(fifty, architecture))
                label = f"{game}, {architecture}, {agents}"
                yield Effect(label, difference, Rule("equal", 0.2), "split")


def _loss_of_steps(evidence, scenario, steps, architecture):
    ten = _learned(
        evidence.runs("steps", scenario, "M_td=10"), architecture, "with ten steps for each"
    )
    few = evidence.runs("steps", scenario, steps)
    return paired(final_return(ten, architecture), final_return(few, architecture))


@claim(
    "C11",
    "Table 1",
    "P",
    "loss of return at the end against M_td = 10, of the networked population minus that of the "
    "centralised one",
)
def few_steps_hurt(evidence: Evidence) -> Iterator[Effect]:
    """Fewer than ten steps for each transition hurt the networked population more than the
    centralised one.
    """
    for scenario in SCENARIOS:
        for steps in ("M_td=1", "M_td=2"):
            networked, centralised = (
                _loss_of_steps(evidence, scenario, steps, architecture)
                for architecture in ("networked", "centralised")
            )
            more = paired(networked, centralised)
            yield Effect(steps, more, Rule("more", 0.2), "split", scenario)


@claim(
    "C11b",
    "Table 1",
    "P",
    "return of the centralised population at the end minus that of the networked one",
)
def few_steps_leave_it_behind(evidence: Evidence) -> Iterator[Effect]:
    """With fewer than ten steps for each transition the networked population receives notably
    lower return than the centralised one.
    """
    for scenario in SCENARIOS:
        for steps in ("M_td=1", "M_td=2"):
            dataset = evidence.runs("steps", scenario, steps)
            lower = final_return(dataset, "centralised") - final_return(dataset, "networked")
            yield Effect(steps, lower, NOTABLE, "split", scenario)


@claim("C12", "Table 1", "P", WORSE)
def few_transitions_are_bad(evidence: Evidence) -> Iterator[Effect]:
    """With fewer than 3000 transitions the results are not good."""
    transitions = "M_pg=1000", "M_pg=1500", "M_pg=2000", "M_pg=2500"
    return _against_baseline(evidence, final_return, transitions, NOTABLE, loss=True)


@claim("C13", "Table 1", "P", WORSE)
def few_cycles_are_bad(evidence: Evidence) -> Iterator[Effect]:
    """With fewer than 500 passes over the replay buffer the results are not good."""
    cycles = "L=300", "L=400"  # those that the paper tried
    return _against_baseline(evidence, final_return, cycles, NOTABLE, loss=True)


@claim(
    "C14",
    "Table 1, App. F.4",
    "P",
    "mean networked return of the whole run with eta = 0.01 minus that with 0.001; largest fall of "
    "the return below an earlier value with a larger eta minus that with 0.01",
)
def policy_step_is_fast_and_steady(evidence: Evidence) -> Iterator[Effect]:
    """The learning rate eta = 0.01 learns faster than 0.001 and more steadily than 0.1 to 10."""
    rule = Rule("more", 0.04)
    slow, large = ["eta=0.001"], ("eta=0.1", "eta=1", "eta=10")
    yield from _against_baseline(evidence, mean_return, slow, rule, "faster than {}", loss=True)
    yield from _against_baseline(evidence, largest_drop, large, rule, "steadier than {}")


def _at_random(evidence, weight):
    for game in ("agree", "diffuse", "cluster"):
        dataset = evidence.runs("entropy", game, weight)
        sample = final_mean(dataset, "policy_entropy", "networked")
        # of a share, what is left of one is what matters
        yield Effect(game, sample, Rule("beyond", 0.1, threshold=0.9), estimand="entropy")
    for game in ("agree", "diffuse", "cluster"):
        elsewhere = 1.0 - final_mean(evidence.runs("entropy", game, weight), "fullest", "networked")
        yield Effect(
            game,
            elsewhere,
            Rule("beyond", 0.05, threshold=0.75),
            estimand="outside of the four fullest",
        )


AT_RANDOM = (
    "networked, at the end: entropy of the common policy, averaged over where agents are, as a "
    "share of log 5; share of the agents outside of the four fullest cells, at random some 0.9"
)


@claim("C15", "App. F.4", "R", AT_RANDOM)
def much_entropy_is_bad(evidence: Evidence) -> Iterator[Effect]:
    """With an entropy weight lambda of 1 the population keeps moving at random."""
    return _at_random(evidence, "lambda=1")


@claim("C15c", "App. F.4", "R", AT_RANDOM)
def some_entropy_is_bad(evidence: Evidence) -> Iterator[Effect]:
    """So it does with every larger value that Table 1 lists, of which the smallest is 0.1."""
    return _at_random(evidence, "lambda=0.1")


@claim(
    "C15b",
    "App. F.4",
    "J",
    "mean networked return of the whole run minus that with lambda = 0.01",
)
def less_entropy_is_equal(evidence: Evidence) -> Iterator[Effect]:
    """With lambda nearer to 0, or 0, the population learns equally fast."""
    weights = "lambda=0", "lambda=0.0001", "lambda=0.001"
    return _against_baseline(evidence, mean_return, weights, Rule("equal", 0.04))


@claim(
    "C16",
    "App. G",
    "R",
    "CPU time of a run with 50 agents against the straight line through those with 10 and 300, "
    "relative difference",
)
def cost_is_linear(evidence: Evidence) -> Iterator[Effect]:
    """The cost grows linearly with the population."""
    seconds = [
        evidence.runs("agents", "agree", f"N={agents}")["cpu_seconds"]
        .sel(architecture="networked")
        .values.astype(np.float64)
        for agents in (10, 50, 300)
    ]
    n_trials = min(map(len, seconds))
    few, some, many = (each[:n_trials] for each in seconds)
    line = few + (many - few) * (50 - 10) / (300 - 10)
    yield Effect("networked", some / line - 1.0, Rule("equal", 0.2))


@claim(
    "C24",
    "Sec. 3.5",
    "R",
    "rise of the networked return under Algorithm 1, K = 150, minus half of that under Algorithm "
    "2, K = 70: at equal k; each at its end",
    check=True,
)
def replay_is_needed(evidence: Evidence) -> Iterator[Effect]:
    """Algorithm 1 learns far more slowly than Algorithm 2: it does not rise half as far."""
    baseline = _learned(evidence.runs("table1", FAILING), "networked", "in table1")
    online = evidence.runs("table1", FAILING, "online")
    half, n = rise(baseline, "networked") / 2.0, baseline.sizes["iteration"]
    returns = mean_between(online, "discounted_return", "networked", n - last_iterations(n), n - 1)
    there = (returns - initial_return(online)) / gain(online)
    for estimand, risen in (("at equal k", there), ("at the end", rise(online, "networked"))):
        yield Effect("Algorithm 1", paired(risen, half), Rule("below", 0.1), "gain", estimand)


@claim("C28", "Remark 3.1", "R", "networked return at the end minus that without a bound L_h")
def bound_does_not_matter(evidence: Evidence) -> Iterator[Effect]:
    """The results do not depend on the bound L_h on the entropy's gap."""
    bounds = "L_h=0.012", "L_h=0.005"
    return _against_baseline(evidence, final_return, bounds, Rule("equal", 0.2))


@claim(
    "C30",
    "Table 1",
    "P",
    "mean networked return of the whole run with beta = 0.1 minus that with 0.01; return at the "
    "end with W = 20 minus that with more",
)
def rate_and_waiting_are_right(evidence: Evidence) -> Iterator[Effect]:
    """The rate beta = 0.1 learns faster than 0.01, and waiting for more than W = 20 transitions
    gains nothing.
    """
    faster, not_less = Rule("more", 0.04), Rule("not less", 0.2)
    slow, long = ["beta=0.01"], ("W=100", "W=500")
    yield from _against_baseline(evidence, mean_return, slow, faster, "faster than {}", loss=True)
    yield from _against_baseline(evidence, final_return, long, not_less, "than {}", loss=True)


@claim(
    "C31",
    "App. F.4",
    "R",
    "largest fall of the networked return below an earlier value under another score minus that "
    "under the paper's, which can be more or less; one such score is enough",
    enough="one",
)
def score_affects_stability(evidence: Evidence) -> Iterator[Effect]:
    """By what policies are scored can affect the stability of learning."""
    scores = "sigma=sum", "sigma=return", "sigma=random"
    return _against_baseline(evidence, largest_drop, scores, Rule("differs", 0.04))
