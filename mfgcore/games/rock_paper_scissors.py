"""Rock, paper, scissors against a population."""

import numpy as np

from mfgcore.games.model import Game, register


@register
class RockPaperScissors(Game):
    """Show the hand that beats what others show: cyclic, without a potential.

    The state is the hand that is shown, the action the next one;
    r(s, mu) = weight(s) (win mu(what s beats) - loss mu(what beats s)). Shapley 1964; Bench-MFG
    (arXiv 2602.12517) with all of them 1; Cui & Koeppl 2021 (arXiv 2102.01585) and MFGLib with
    win = 2 and weights 1, 2, 3, played once from a state of its own.
    """

    win: float = 1.0
    loss: float = 1.0
    weights: tuple[float, float, float] = (1.0, 1.0, 1.0)

    n_states = 3
    actions = state_names = ("rock", "paper", "scissors")

    @property
    def reward_range(self) -> tuple[float, float]:
        """Rewards where all others show what beats, and what is beaten."""
        return -self.loss * max(self.weights), self.win * max(self.weights)

    def next_states(self) -> np.ndarray:
        """The chosen hand."""
        return np.tile(np.arange(3, dtype=np.int32), (3, 1))[:, :, None]

    def rewards(self, mean_fields: np.ndarray) -> np.ndarray:
        """Wins less losses of the hand that is shown."""
        beaten, beating = np.roll(mean_fields, 1, axis=-1), np.roll(mean_fields, -1, axis=-1)
        rewards = np.array(self.weights) * (self.win * beaten - self.loss * beating)
        return self.normalised(rewards[..., None], mean_fields)
