"""Theorem 3.3 in games with one equilibrium: distance of learned policies to it, over k.

    E ||pi_K^net - pi*|| <= E ||pi_K^ind - pi*|| <= epsilon + chi / sqrt(N)

Both sides of the first inequality are measured, by trial and with the same random numbers, for
Algorithm 1, Algorithm 2, and with exact Q-functions. ``docs/theory.md`` shows what comes of it.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np

from mfgcore import meanfield
from mfgcore.experiment.experiment import Experiment
from mfgcore.meanfield.policies import policy_distances
from mfgcore.plotting.statistics import bootstrap
from mfgcore.runs.simulation import Simulation
from mfgcore.study.theory.population_size import equilibrium, improved

TRIALS = 20
CROWDS = (2, 10, 50, 200)  # agents, in contraction
LAST = 0.1  # share of the iterations, the last ones, over which distances are averaged
SEED = 2  # the settings were chosen with trials of seed 1
COMMON: dict[str, Any] = {
    "name": "theory",
    "seed": SEED,
    "agents": 50,
    "iterations": 100,
    "sampled_exploitability": False,
    "exact_metrics": False,
}
# lambda = 1: so large that there is one equilibrium, as F.4 says of the paper's games
SETTINGS: dict[str, dict[str, Any]] = {
    "contraction": {"game": "contraction", "network": "complete", "communication_rounds": 1}
    | {"entropy_weight": 1.0, "policy_learning_rate": 0.1},
    "contraction_asked": {"game": "contraction", "network": "complete", "communication_rounds": 1}
    # more than twice what the theorems ask for
    | {"entropy_weight": 3092.785186049027, "policy_learning_rate": 0.01, "iterations": 20},
    "diffuse_small": {"game": "diffuse", "grid_size": 3, "communication_radius": 0.4}
    | {"communication_rounds": 50, "entropy_weight": 1.0, "policy_learning_rate": 0.1},
    "diffuse": {"game": "diffuse", "communication_rounds": 50, "entropy_weight": 1.0}
    | {"policy_learning_rate": 0.1, "iterations": 40},
}
ALGORITHMS = {
    "exact": {"transitions": 20},
    "online": {"transitions": 3000},
    "replay": {"transitions": 1000, "replay_cycles": 100},
}
WHO = {
    "centralised": {"architecture": "centralised"},
    "independent": {"architecture": "independent"},
    "networked": {"architecture": "networked"},
    "networked, random score": {"architecture": "networked", "score_rule": "random"},
}
STARTS = 20  # policies from which uniqueness is tried
SCAN = 1001  # mean fields of two states at which it is scanned


def experiment_of(setting, **parameters):
    """An experiment of one of `SETTINGS`, with other parameters; Experiment."""
    return Experiment(**COMMON | SETTINGS[setting] | parameters)


def target(setting, **parameters):
    """pi* of the mean-field game; (n_states, n_actions) float64."""
    experiment = experiment_of(setting, **parameters)
    return equilibrium(experiment, experiment.make_game())


def spread(setting):
    """Largest final distance of exact learning from the equilibrium, over random starts; float."""
    experiment = experiment_of(setting)
    own = experiment.make_game()
    found = target(setting)
    generator = np.random.default_rng(0)
    widest = 0.0
    for _ in range(STARTS):
        policy = generator.dirichlet(np.full(found.shape[1], 0.3), found.shape[0])
        for _ in range(3000):
            before = policy
            policy, _ = improved(experiment, own, policy)
            if np.abs(policy - before).max() <= 1e-12:
                break
        widest = max(widest, float(policy_distances(policy[None], found)[0]))
    return widest


def steepest_answer(setting):
    """Steepest slope of the best response's share in state 0 over the population's; float.

    In a game of two states. Below 1 everywhere there is at most one equilibrium.
    """
    experiment = experiment_of(setting)
    own = experiment.make_game()
    shares = np.linspace(0.0, 1.0, SCAN)
    weights = {"discount": experiment.discount, "entropy_weight": experiment.entropy_weight}
    answers = []
    for share in shares:
        met = np.array([share, 1.0 - share])
        best = meanfield.best_response(met, own, **weights).policy
        answers.append(meanfield.stationary_distribution(best, own)[0])
    return float((np.diff(answers) / np.diff(shares)).max())


def distances(experiment, found):
    """Mean over agents of ||pi_k^i - pi*||, for k = 0 to K; (K + 1,) float64."""
    simulation = Simulation(experiment)
    means = []
    for k in range(experiment.iterations + 1):
        population = simulation.population
        means.append(policy_distances(population.policies, found)[population.policy_index].mean())
        if k < experiment.iterations:
            simulation.step()
    return np.array(means)


@dataclass(frozen=True)
class Learned:
    """Distances to the equilibrium, of one game and algorithm.

    Parameters
    ----------
    curves : dict of str to (n_trials, K + 1) float64
        By `WHO`.
    """

    curves: dict

    def ends(self, architecture):
        """Mean over the last iterations, of each trial; (n_trials,) float64."""
        curves = self.curves[architecture]
        last = max(1, round(LAST * (curves.shape[1] - 1)))
        return curves[:, -last:].mean(axis=1)

    def summary(self):
        """Means and their differences from independent agents', with 95 % intervals, and curves."""
        generator = np.random.default_rng(0)

        def interval(sample):
            if sample.size == 1:
                return [sample[0]] * 3
            found = bootstrap([sample], generator)
            return [found.estimate, found.low, found.high]

        return {
            "ends": {name: interval(self.ends(name)) for name in self.curves},
            "differences": {
                who: interval(self.ends(who) - self.ends("independent"))
                for who in self.curves
                if who != "independent"
            },
            "mean_curves": {name: each.mean(axis=0).tolist() for name, each in self.curves.items()},
        }


def learn(setting, algorithm, trials=TRIALS, who=tuple(WHO), **parameters):
    """Trials of each of `who`; Learned."""
    found = target(setting, **parameters)
    if algorithm == "exact":
        trials = 1  # nothing is drawn that a policy depends on

    def one(name, trial):
        own = ALGORITHMS[algorithm] | {"algorithm": algorithm, "trial": trial} | parameters
        return distances(experiment_of(setting, **own | WHO[name]), found)

    return Learned({name: np.array([one(name, trial) for trial in range(trials)]) for name in who})


def crowd(n_agents):
    """Both sides of Theorem 3.3 in contraction, under Algorithm 2, for a population size; dict."""
    found = learn("contraction", "replay", who=("independent", "networked"), agents=n_agents)
    summary = found.summary()
    return {"ends": summary["ends"], "difference": summary["differences"]["networked"]}
