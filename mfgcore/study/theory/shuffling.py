"""Effect of shuffling the replay buffer (Sec. 3.5): ``python -m mfgcore.study.theory.shuffling``.

A large population keeps a policy, so that the exact Q-function of the mean-field game is what a
learner should find. Each trial is a population of its own; each learner replays its buffer L times,
shuffled before every pass or always in the order of time. Writes docs/gallery/data/shuffling.json:
errors of the trials over the pairs that were visited, for claim C25.
"""

import dataclasses
import json

import numpy as np

from mfgcore import kernels
from mfgcore.agents.algorithms import LearningBatch
from mfgcore.agents.rollout import rollout
from mfgcore.experiment.experiment import Experiment
from mfgcore.meanfield import action_values, stationary_distribution
from mfgcore.meanfield.policies import uniform_policy
from mfgcore.study import SEED
from mfgcore.study.keep_data import DATA
from mfgcore.study.theory.populations import walk

OUTPUT = DATA / "shuffling.json"
TRIALS, LEARNERS, AGENTS = 20, 20, 2000
STEPS = (1, 10)  # M_td: with few steps between transitions these depend on each other


def errors(experiment):
    """Root mean square and bias of Q over visited pairs, in order and shuffled; dict."""
    game = experiment.make_game()
    policies = uniform_policy(game.n_states, len(game.actions))[None]
    mean_field = stationary_distribution(policies[0], game)
    weights = {"discount": experiment.discount, "entropy_weight": experiment.entropy_weight}
    exact = action_values(policies[0], mean_field, game, **weights).reshape(-1)
    population = walk(experiment, policies, np.zeros(AGENTS, dtype=np.int32), 0)
    learners = np.arange(LEARNERS, dtype=np.int32)
    algorithm = experiment.make("algorithm")
    lengths = experiment.transitions, experiment.steps_per_transition
    seen = rollout(population, algorithm, *lengths, learners=learners).transitions
    assert seen is not None  # the algorithm learns by replay
    visited = np.array([np.bincount(row["pair"], minlength=exact.size) > 0 for row in seen])
    in_order = np.full((LEARNERS, exact.size), experiment.max_q_value)
    rates = np.full(seen.shape[1], experiment.td_learning_rate)
    for _ in range(experiment.replay_cycles):
        kernels.online_td(seen, in_order, rates, experiment.discount)
    generators = experiment.random_streams.shuffle_generators("shuffles", 0, LEARNERS)
    own = policies.repeat(LEARNERS, axis=0)
    shuffled = algorithm.q_values(LearningBatch(seen, generators, own, population=None))
    found = {}
    for name, learned in (("in order", in_order), ("shuffled", shuffled)):
        difference = (learned - exact)[visited]
        found[name] = {
            "root mean square": float(np.sqrt((difference**2).mean())),
            "bias": float(difference.mean()),
        }
    return found


def main():
    """Measure the errors of both orders and write shuffling.json."""
    results = {}
    for game in ("agree", "diffuse"):
        for steps in STEPS:
            setting = Experiment(game=game, seed=SEED, agents=AGENTS, steps_per_transition=steps)
            trials = [errors(dataclasses.replace(setting, trial=i)) for i in range(TRIALS)]
            label = f"{game}, M_td = {steps}"
            results[label] = {
                f"{name}, {measure}": [round(trial[name][measure], 6) for trial in trials]
                for name in trials[0]
                for measure in trials[0][name]
            }
            means = {name: round(np.mean(values), 4) for name, values in results[label].items()}
            print(label, means, flush=True)
    OUTPUT.write_text(json.dumps(results, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
