"""What a communication round costs on every network: ``python -m benchmarks.networks``.

In the first rounds after an update everybody has a policy of its own, and nobody has agreed on
anything: these are timed, and the same rounds in which nobody hears anybody. Of 10,000 agents each
has a few links.
"""

import tempfile
from pathlib import Path

import numpy as np

from benchmarks import timing
from mfgcore import Experiment, kernels
from mfgcore.agents.networks import NETWORKS
from mfgcore.agents.population import Population
from mfgcore.agents.rollout import RolloutState
from mfgcore.meanfield.policies import uniform_policy

ROUNDS = 3
random = np.random.default_rng(2024)


def settings(network, n_agents, path):
    """What makes the network one of few links; the edge list is that of a ring."""
    if network == "edge_list":
        path.write_text("".join(f"{i} {(i + 1) % n_agents}\n" for i in range(n_agents)))
        return {"edges": str(path)}
    if network == "erdos_renyi":
        return {"link_probability": 10.0 / n_agents}
    return {}


def round_(experiment, repeats):
    """Microseconds of a round in which agents hear, and of one in which they do not."""
    n_agents = experiment.agents
    states = random.integers(0, experiment.n_states, n_agents, dtype=np.int32)
    index = np.zeros(n_agents, dtype=np.int32)
    population = Population(
        states, index, uniform_policy(experiment.n_states, experiment.n_actions)[None]
    )
    generators = random.integers(0, 2**32, (4, n_agents), dtype=np.uint32)
    walk = RolloutState.of(population, experiment.make_game(), 0.01, generators)
    network = experiment.make("network").links(n_agents).at(experiment, 0).arguments()
    ranks = random.permutation(n_agents).astype(np.int32)

    def rounds(arguments):
        kernels.communicate(
            **walk.arguments(),
            ranks=ranks.copy(),
            policy_of_rank=index,
            rounds=ROUNDS,
            **arguments,
        )

    run = {"hearing": lambda: rounds(network), "silent": lambda: rounds({})}
    times = timing.seconds(run, repeats)
    return [times[name]["median"] / ROUNDS * 1e6 for name in run]


def main():
    """Print the table."""
    print(f"{'microseconds of a round':<28}{'hearing':>10}{'failing':>10}{'silent':>10}")
    with tempfile.TemporaryDirectory() as folder:
        for n_agents, repeats in ((200, 1000), (10_000, 20)):
            for name in NETWORKS:
                found = []
                for failing in (0.0, 0.3):
                    experiment = Experiment(
                        game="agree",
                        agents=n_agents,
                        network=name,
                        communication_rounds=ROUNDS,
                        link_failure_probability=failing,
                        **settings(name, n_agents, Path(folder) / "edges.txt"),
                    )
                    hearing, silent = round_(experiment, repeats)
                    found.append(hearing)
                print(f"{name:<18}{n_agents:>10,}{found[0]:>10.1f}{found[1]:>10.1f}{silent:>10.1f}")


if __name__ == "__main__":
    main()
