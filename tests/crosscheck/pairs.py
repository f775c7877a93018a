"""Our games beside those of bench-mfg-suite, and what it lacks written down in its terms.

Its configured values, which are our defaults, are given to its constructors; those have others.
Two differences are by definition:

- The walls of its four rooms leak: only the cell at the end of an action and the noise has to be
  free. That is our `through_walls`. Its states are all 121 cells; on walls mean fields are 0.
- A share below 1e-12 pays in it as much as 1e-12 does; in ours 1/N_max. Both are given the same.
"""

import numpy as np
from bench_mfg import DISCOUNT, HORIZON, Pair, jnp, two_outcomes
from benchmfg.envs import (
    ContractionGame,
    FourRoomsAversion2D,
    KineticCongestion,
    LasryLionsChain,
    MFGStationary,
    MultipleEquilibria1DGame,
    NoInteractionChain,
    RockPaperScissors,
    SISEpidemic,
)

from mfgcore import games
from mfgcore.games import MOVES

SIZE, MAX_AGENTS = 8, 200  # of the paper's games
# stay, up, down, left and right in the suite, whose row 0 is below
SUITE_ACTIONS = (4, 2, 0, 3, 1)


def even(n):
    return np.full(n, 1.0 / n)


def chain(kind, **parameters):
    noise = np.array([0.025, 0.95, 0.025])
    return lambda: kind(
        N_states=7,
        N_actions=3,
        N_noises=3,
        horizon=HORIZON,
        mean_field=even(7),
        noise_prob=noise,
        gamma=DISCOUNT,
        **parameters,
    )


def contraction(cost, congestion):
    def make():
        return ContractionGame(2, 2, 1, HORIZON, even(2), np.ones(1), cost, congestion, DISCOUNT)

    return Pair(games.Contraction(cost, congestion), make, "ContractionGame")


def four_rooms(max_agents):
    def make():
        return FourRoomsAversion2D(HORIZON, even(121), gamma=DISCOUNT, epsilon=1.0 / max_agents)

    game = games.FourRooms(through_walls=True, max_agents=max_agents)
    free = np.flatnonzero(~make().obstacle_mask)
    return Pair(game, make, "FourRoomsAversion2D", states=free, actions=SUITE_ACTIONS)


def sis_epidemic():
    def make():
        return SISEpidemic(5, HORIZON, even(2), 0.8, 0.1, 10.0, DISCOUNT)

    return Pair(games.SISEpidemic(), make, "SISEpidemic", two_outcomes(make))


def kinetic_congestion():
    def make():
        return KineticCongestion(5, 5, HORIZON, even(25), 24, 0.1, 0.18, DISCOUNT)

    jumps = two_outcomes(make)
    game = games.KineticCongestion()
    return Pair(game, make, "KineticCongestion", jumps, actions=SUITE_ACTIONS)


def rock_paper_scissors():
    def make():
        return RockPaperScissors(3, 3, 1, HORIZON, even(3), np.ones(1), DISCOUNT)

    return Pair(games.RockPaperScissors(), make, "RockPaperScissors")


def written_down(game, transition, reward, noise_prob):
    """A game that the suite lacks; its functions are of (mean_field, state, action, ...)."""

    def make():
        return MFGStationary(
            game.n_states,
            len(game.actions),
            len(noise_prob),
            HORIZON,
            even(game.n_states),
            np.array(noise_prob),
            DISCOUNT,
        )

    return Pair(game, make, (transition, reward))


def beach_bar():
    """Perrin et al. 2020, Sec. 4.2, with the share of D4."""
    n, bar, least = 10, 5, 1.0 / MAX_AGENTS

    def transition(mean_field, state, action, noise, environment):
        return (state + action - 1 + noise - 1) % n

    def reward(mean_field, state, action, environment):
        near = 1.0 - jnp.abs(state - bar) / bar
        share = jnp.maximum(mean_field[state], least)
        return near - jnp.abs(action - 1) / n - jnp.log(share)

    return written_down(games.BeachBar(), transition, reward, even(3))


def papers(name, boundary="wall"):
    """A game of the paper, from Appendix F.1."""
    moves = jnp.array(MOVES)

    def transition(mean_field, state, action, noise, environment):
        row, column = state // SIZE + moves[action, 0], state % SIZE + moves[action, 1]
        if boundary == "torus":
            return row % SIZE * SIZE + column % SIZE
        return jnp.clip(row, 0, SIZE - 1) * SIZE + jnp.clip(column, 0, SIZE - 1)

    def at_target(state, reward):
        row, column = state // SIZE, state % SIZE
        corner = ((row == 0) | (row == SIZE - 1)) & ((column == 0) | (column == SIZE - 1))
        return jnp.where(corner, reward, -1.0)

    def cluster(mean_field, state, action, environment):
        return jnp.log(jnp.maximum(mean_field[state], 1.0 / MAX_AGENTS))  # what is below, nothing

    def agree(mean_field, state, action, environment):
        share = mean_field[state]
        return at_target(state, jnp.where(share > 0.0, share, -1.0))

    def diffuse(mean_field, state, action, environment):
        return at_target(state, SIZE + 1.0 - mean_field[state])

    reward = {"cluster": cluster, "agree": agree, "diffuse": diffuse}[name]
    game = games.GAMES[name](grid_size=SIZE, boundary=boundary)
    return written_down(game, transition, reward, [1.0])


PAIRS = {
    "Lasry-Lions chain": lambda: Pair(
        games.LasryLionsChain(),
        chain(
            LasryLionsChain,
            crowd_penalty_coefficient=40.0,
            movement_penalty=2.0,
            center_attraction=3.0,
        ),
        "LasryLionsChain",
    ),
    "two bars": lambda: Pair(
        games.TwoBars(),
        chain(MultipleEquilibria1DGame, alpha=5.0, beta=20.0, targets=[2, 4], movement_penalty=4.0),
        "MultipleEquilibriaGame",
    ),
    "no interaction": lambda: Pair(
        games.NoInteraction(), chain(NoInteractionChain, movement_penalty=0.1), "NoInteractionChain"
    ),
    "rock-paper-scissors": rock_paper_scissors,
    "contraction, 10 and 1": lambda: contraction(10.0, 1.0),
    "contraction, 2 and 2": lambda: contraction(2.0, 2.0),  # the suite's, which is none
    "four rooms": lambda: four_rooms(MAX_AGENTS),
    "four rooms, 1e-12": lambda: four_rooms(10**12),  # the suite's smallest share
    "SIS epidemic": sis_epidemic,
    "kinetic congestion": kinetic_congestion,
    "beach bar": beach_bar,
    "cluster": lambda: papers("cluster"),
    "agree": lambda: papers("agree"),
    "diffuse": lambda: papers("diffuse"),
}
