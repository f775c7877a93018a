"""TD replay against the exact Q-function as the buffer and the cycles grow.

The population is large and its policy stays, so that the exact Q-function of the mean-field game is
what a learner should find.
"""

import itertools

import numpy as np
from report import Report

from mfgcore import Experiment
from mfgcore.agents.algorithms import LearningBatch
from mfgcore.agents.rollout import rollout
from mfgcore.meanfield import action_values, stationary_distribution
from mfgcore.meanfield.policies import uniform_policy
from mfgcore.study.theory.populations import walk

LEARNERS = 30
SETTINGS = (  # M_pg, L, beta: more data, more cycles, a smaller step
    (300, 50, 0.1),
    (3000, 500, 0.1),
    (30000, 100, 0.01),
    (300000, 100, 0.001),
)


def main():
    report = Report("TD replay against the exact Q-function: root mean square error")
    errors = []
    for transitions, cycles, rate in SETTINGS:
        size = {"agents": 2000, "transitions": transitions, "replay_cycles": cycles}
        experiment = Experiment(
            game="diffuse", td_learning_rate=rate, steps_per_transition=2, **size
        )
        game = experiment.make_game()
        policies = uniform_policy(game.n_states, 5)[None]  # reaches every pair
        mean_field = stationary_distribution(policies[0], game)
        weights = {"discount": experiment.discount, "entropy_weight": experiment.entropy_weight}
        exact = action_values(policies[0], mean_field, game, **weights)
        population = walk(experiment, policies, np.zeros(2000, dtype=np.int32), 0)
        n_learners = max(1, min(LEARNERS, 3_000_000 // transitions))
        learners = np.arange(n_learners, dtype=np.int32)
        algorithm = experiment.make("algorithm")
        seen = rollout(
            population,
            algorithm,
            experiment.transitions,
            experiment.steps_per_transition,
            learners=learners,
        )
        shuffles = experiment.random_streams.shuffle_generators("shuffles", 0, n_learners)
        own = policies.repeat(n_learners, axis=0)
        learned = algorithm.q_values(
            LearningBatch(seen.transitions, shuffles, own, population=None)
        )
        difference = learned - exact.reshape(-1)
        errors.append(np.sqrt((difference**2).mean()))
        print(
            f"       M_pg = {transitions}, L = {cycles}, beta = {rate}: error {errors[-1]:.4f}, "
            f"bias {difference.mean():+.4f}, {n_learners} learners, Q from {exact.min():.2f} to "
            f"{exact.max():.2f}"
        )
    report.claim(
        "the error falls from each setting to the next",
        all(later < earlier for earlier, later in itertools.pairwise(errors)),
    )
    report.claim(f"the last error, {errors[-1]:.4f}, is below 0.05", errors[-1] < 0.05)
    report.end()


if __name__ == "__main__":
    main()
