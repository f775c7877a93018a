"""How often each outcome of an action happens, against its probability, by chi-square tests."""

import numpy as np
from report import Report
from scipy.stats import chi2

from mfgcore import kernels
from mfgcore.agents.population import Population
from mfgcore.agents.rollout import RolloutState

N_AGENTS, N_STEPS = 1000, 1000
LEAST = 1e-4  # probability of a statistic as large as the one found, or larger


class Drawn:
    """A game of random outcomes, all of an action's different, and without rewards.

    With `coupling` their probabilities depend on how many agents are in the state.
    """

    def __init__(self, n_states, n_actions, n_next_states, coupling=0.0, seed=0):
        rng = np.random.default_rng(seed)
        pairs = n_states, n_actions
        self.reachable = rng.permuted(
            np.tile(np.arange(n_states, dtype=np.int32), (*pairs, 1)), axis=-1
        )[..., :n_next_states].copy()
        self.chances = rng.dirichlet(np.ones(n_next_states), (2, *pairs))
        self.coupling = coupling
        self.mean_field_dynamics = coupling > 0.0

    def next_states(self):
        """Where an action can lead; (S, A, K) int32."""
        return self.reachable

    def transition_probabilities(self, mean_field=None):
        """(..., S, A, K) float64, at mean fields (..., S)."""
        if mean_field is None:
            return self.chances[0]
        weight = self.coupling * mean_field[..., None, None]
        return (1.0 - weight) * self.chances[0] + weight * self.chances[1]

    def reward_table(self, n_agents):
        """Nothing; (S, N + 1) float64."""
        return np.zeros((len(self.reachable), n_agents + 1))


def observe(game):
    """Everybody's moves: pairs and outcomes, each (N_STEPS, N_AGENTS) int64."""
    n_states, n_actions, _ = game.reachable.shape
    rng = np.random.default_rng(1)
    population = Population(
        rng.integers(0, n_states, N_AGENTS, dtype=np.int32),
        np.zeros(N_AGENTS, dtype=np.int32),
        rng.dirichlet(np.ones(n_actions), (1, n_states)),
    )
    generators = rng.integers(0, 2**32, (4, N_AGENTS), dtype=np.uint32)
    transitions = np.empty((N_AGENTS, N_STEPS), kernels.TRANSITION)
    kernels.step_population(
        **RolloutState.of(population, game, 0.0, generators).arguments(),
        n_steps=N_STEPS + 1,
        learners=np.arange(N_AGENTS, dtype=np.int32),
        transitions=transitions,
    )
    pairs = transitions["pair"].T.astype(np.int64)
    arrived = transitions["next_pair"].T // n_actions
    reachable = game.reachable.reshape(n_states * n_actions, -1)
    return pairs, (reachable[pairs] == arrived[..., None]).argmax(axis=-1)


def p_value(observed, expected):
    """Of a chi-square test; (rows, K) counts, of which every row has a sum that is given."""
    usual = expected.min(axis=1) >= 10.0  # where the statistic has its limiting distribution
    observed, expected = observed[usual], expected[usual]
    statistic = ((observed - expected) ** 2 / expected).sum()
    freedom = observed.shape[0] * (observed.shape[1] - 1)
    return chi2.sf(statistic, freedom), freedom


def compare(report, name, game, probabilities, holds=True):
    """Test all outcomes of the game, by pair and by the same agent's outcome before.

    Where moves depend on the mean field, the expected number of an outcome is the sum of its
    probabilities at the moments when the action was taken.
    """
    n_states, n_actions, n_next_states = game.reachable.shape
    pairs, outcomes = observe(game)
    counts = np.stack([np.bincount(row, minlength=n_states) for row in pairs // n_actions])
    chances = probabilities(counts / N_AGENTS).reshape(N_STEPS, -1, n_next_states)
    rows = (pairs[1:] * n_next_states + outcomes[:-1]).ravel()
    n_rows = n_states * n_actions * n_next_states
    happened = np.bincount(
        rows * n_next_states + outcomes[1:].ravel(), minlength=n_rows * n_next_states
    )
    taken = np.take_along_axis(chances[1:], pairs[1:, :, None], axis=1).reshape(-1, n_next_states)
    expected = np.stack(
        [np.bincount(rows, taken[:, k], minlength=n_rows) for k in range(n_next_states)], axis=1
    )
    p, freedom = p_value(happened.reshape(n_rows, n_next_states), expected)
    bound = f"at least {LEAST:g}" if holds else "below 1e-12, as it should"
    report.claim(
        f"{name}: p = {p:.3g} with {freedom} degrees of freedom, {bound}",
        p >= LEAST if holds else p < 1e-12,
    )


def main():
    report = Report(f"Frequencies of outcomes, {N_AGENTS * N_STEPS:,} moves each")
    for n_next_states in (2, 3, 5):
        for n_actions in (1, 5):
            game = Drawn(6, n_actions, n_next_states, seed=n_next_states)
            name = f"{n_actions} action{'s'[: n_actions > 1]} of {n_next_states} outcomes"
            compare(report, name, game, game.transition_probabilities)
    for coupling in (0.5, 1.0):
        game = Drawn(4, 3, 3, coupling, seed=7)
        name = f"probabilities that depend on mu by {coupling:g}"
        compare(report, name, game, game.transition_probabilities)
    # that the tests notice what they are there for
    other = Drawn(4, 3, 3, 0.8, seed=7)
    compare(
        report, "the same, against those of 0.8", game, other.transition_probabilities, holds=False
    )
    report.end()


if __name__ == "__main__":
    main()
