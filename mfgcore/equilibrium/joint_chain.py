"""Few agents in few states: returns from the Markov chain of all their states together."""

import itertools

import numpy as np

from mfgcore.equilibrium.play import Population
from mfgcore.meanfield.policies import policy_entropies

MOST_AGENTS = 3
MOST_STATES = 512  # of all agents together
MOST_WORK = 1e9  # multiplications to try every deterministic response


def is_small(population: Population) -> bool:
    """Whether the chain of all agents is small enough to be enumerated."""
    n_states = population.game.n_states
    return population.size <= MOST_AGENTS and n_states**population.size <= MOST_STATES


class JointChain:
    """The chain of the states of all agents together.

    Parameters
    ----------
    population : Population
    burn_in : int
        Steps after which agents are paid.
    """

    def __init__(self, population: Population, burn_in: int) -> None:
        game, n_agents = population.game, population.size
        self._population = population
        self._followed = np.repeat(np.arange(len(population.agents)), population.agents)
        n_states = game.n_states
        self._states = np.array(list(itertools.product(range(n_states), repeat=n_agents)))
        counts = (self._states[:, :, None] == np.arange(n_states)).sum(axis=1)
        mean_fields = counts / n_agents
        rewards = population.seen.checked_rewards(mean_fields)
        next_states = game.checked_next_states()
        ask = game.checked_transition_probabilities
        given = [() if not game.mean_field_dynamics else (each,) for each in mean_fields]
        places = np.arange(len(self._states))
        # by agent: rewards, and chances of its next state, for each of its actions
        self._rewards = [rewards[places, own] for own in self._states.T]
        chances = np.stack([ask(next_states.shape, *each) for each in given])
        self._moves = []
        for own in self._states.T:
            moves = np.zeros((len(places), len(game.actions), n_states))
            for outcome in range(next_states.shape[2]):
                for action in range(len(game.actions)):
                    reached = next_states[own, action, outcome]
                    moves[places, action, reached] += chances[places, own, action, outcome]
            self._moves.append(moves)
        start = population.starts[self._followed, self._states].prod(axis=1)
        steps = self._steps(0)
        own_actions = population.policies[self._followed[0]][self._states[:, 0]]
        together = np.einsum("ja,ajk->jk", own_actions, steps)
        for _ in range(burn_in):
            start = start @ together
        self._start = start

    def _agent(self, row):
        """The first agent that follows a policy."""
        return int(np.flatnonzero(self._followed == row)[0])

    def _steps(self, agent):
        """Chances of all agents' next states, by an action of one of them; (a, j, j)."""
        n_joint, n_actions = len(self._states), len(self._population.game.actions)
        steps = np.ones((n_actions, n_joint, 1))
        for other, moves in enumerate(self._moves):
            if other == agent:
                chances = moves.transpose(1, 0, 2)
            else:
                actions = self._population.policies[self._followed[other]]
                chances = np.einsum("ja,jas->js", actions[self._states[:, other]], moves)[None]
            steps = (steps[..., None] * chances[:, :, None]).reshape(n_actions, n_joint, -1)
        return steps

    def expected_return(self, row: int, policy: np.ndarray) -> float:
        """Exact return of an agent of a policy that plays a policy, (n_states, n_actions)."""
        agent, population = self._agent(row), self._population
        actions = policy[self._states[:, agent]]
        bonus = policy_entropies(policy[None], population.entropy_weight)[0]
        payoffs = (actions * self._rewards[agent]).sum(axis=1) + bonus[self._states[:, agent]]
        steps = np.einsum("ja,ajk->jk", actions, self._steps(agent))
        return float(self._start @ self._values(steps, payoffs))

    def _values(self, steps, payoffs):
        system = np.eye(len(steps)) - self._population.discount * steps
        return np.linalg.solve(system, payoffs)

    def best_deterministic_return(self, row: int) -> float:
        """The most that a deterministic response to one's own state is paid; NaN if too many."""
        agent, game = self._agent(row), self._population.game
        n_joint, n_actions = len(self._states), len(game.actions)
        if n_actions**game.n_states * n_joint**3 > MOST_WORK:
            return np.nan
        steps, places = self._steps(agent), np.arange(n_joint)
        best = -np.inf
        for response in itertools.product(range(n_actions), repeat=game.n_states):
            taken = np.array(response)[self._states[:, agent]]
            payoffs = self._rewards[agent][places, taken]
            best = max(best, float(self._start @ self._values(steps[taken, places], payoffs)))
        return best
