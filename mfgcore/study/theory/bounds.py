"""Constants and bounds of the convergence theorems for one configured game."""

import math
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from mfgcore import meanfield
from mfgcore.experiment.experiment import Experiment
from mfgcore.meanfield.policies import uniform_policy
from mfgcore.study.theory import constants as c
from mfgcore.study.theory.population_size import improved

ERRORS = (1.0, 0.1, 0.01)  # epsilon; the paper names none
AUTHORS = 1e17  # M_pg that App. E found to be asked for in one of its games
ROUNDING = 1e-12  # variations below this are not told from rounding


@dataclass(frozen=True)
class Bounds:
    """Requirements of the convergence theorems in a game, and the constants that they follow from.

    Parameters
    ----------
    experiment : Experiment
        Of the game, with lambda and eta.
    """

    experiment: Experiment

    @cached_property
    def game(self):
        return self.experiment.make_game()

    @cached_property
    def chances(self):
        return c.transitions(self.game)

    @cached_property
    def moves(self):
        """K_s and K_a."""
        return c.move_constants(self.chances)

    @cached_property
    def spans(self):
        """L_s and L_a."""
        return c.reward_spans(self.game)

    @cached_property
    def evens(self):
        """Powers of the uniform policy's transition matrix."""
        return c.powers(self.chances)

    @cached_property
    def overlaps(self):
        return c.least_overlaps(self.evens)

    @property
    def n_actions(self):
        return len(self.game.actions)

    @cached_property
    def action_gap(self):
        """L_h."""
        return c.action_gap(self.experiment.discount, self.moves, self.spans)

    def least_probability(self, weight):
        """p_inf, the least probability of an action in U_{L_h}, at an entropy weight."""
        gap = self.action_gap / weight if weight > 0.0 else math.inf
        return c.least_probability(self.n_actions, gap)

    @property
    def weight_with_floor(self):
        """The entropy weight above which U_{L_h} leaves out the boundary of the simplex."""
        return self.action_gap / math.log(self.n_actions / (self.n_actions - 1))

    def slope(self, weight):
        """L_Q: Lipschitz constant of the Q-function in the policy, through its mean field too."""
        experiment, n = self.experiment, self.n_actions
        least = self.least_probability(weight)
        if least == 0.0:
            return math.inf
        entropy_range = min(weight * math.log(n), self.action_gap)
        of_policy, of_mean_field = c.value_slopes(
            experiment.discount,
            c.reward_slope(self.game),
            self.spans[1],
            self.moves[1],
            entropy_range,
            c.entropy_slope(weight, n, least),
        )
        return of_policy + of_mean_field * self.limit(least)

    def limit(self, least):
        """L_pop,inf of policies with a least action probability."""
        return c.population_limit(self.overlaps, self.n_actions, least, self.moves[1])

    @cached_property
    def weight_asked(self):
        """Least lambda that gives a contraction, as eta grows: ``lambda > L_Q(lambda)``; float."""

        def contracts(weight):
            return weight > self.slope(weight)

        high = 1.0
        while not contracts(high):
            high *= 2.0
        low = high / 2.0
        while high / low > 1.0 + 1e-9:
            middle = math.sqrt(low * high)
            low, high = (low, middle) if contracts(middle) else (middle, high)
        return high

    def asked(self, error):
        """Requirements of Theorem 3.3 at twice the least lambda and the largest eta; dict.

        Half of the error is for the iterations, half for the Q-functions that they see.
        """
        weight, n = 2.0 * self.weight_asked, self.n_actions
        contracts = self.slope(weight) / weight  # as eta grows
        q_error = error * (1.0 - contracts) * weight / 2.0
        mass = c.least_mass(self.evens, n, self.least_probability(weight))
        discount = self.experiment.discount
        most = (1.0 + weight * math.log(n)) / (1.0 - discount)
        return {
            "error": error,
            "entropy_weight": weight,
            "contraction": contracts,
            "iterations": c.iterations_asked(error, contracts),
            "q_error": q_error,
            "least_mass": mass,
            "updates": c.updates_asked(q_error, discount, most, mass),
        }

    def of_policy(self, policy):
        """Requirements of TD learning at a single policy; dict."""
        experiment = self.experiment
        mean_field = meanfield.stationary_distribution(policy, self.game)
        chain, mass = c.stationary_chain(policy, mean_field, self.chances)
        t_mix = c.first_step(lambda steps: c.mixing(chain, mean_field, steps)[1] > 0.0)
        half = c.first_step(
            lambda steps: c.mixing(chain, mean_field, steps)[1] >= mean_field.min() / 2.0
        )
        deltas = [
            c.mixing(chain, mean_field, steps)[1] if steps else 0.0 for steps in (t_mix, half)
        ]
        least = float(policy.min())
        rows = []
        for error in ERRORS:
            of_learning = error, experiment.discount, experiment.max_q_value, mass
            allowed = c.variation_allowed(*of_learning)
            between = None
            if allowed > ROUNDING:
                between = c.first_step(
                    lambda steps, allowed=allowed: c.mixing(chain, mean_field, steps)[0] <= allowed
                )
            rows.append(
                {
                    "error": error,
                    "updates": c.updates_asked(*of_learning),
                    "updates_by_delta": [
                        c.updates_asked(*of_learning[:3], delta * least) for delta in deltas
                    ],
                    # the pair that is used and the next one are the two last of the M_td steps
                    "steps": None if between is None else between + 2,
                }
            )
        return {
            "least_probability": least,
            "least_share": float(mean_field.min()),
            "least_mass": mass,
            "step_overlap": c.overlap(chain),
            "reached_at": t_mix,
            "delta_there": deltas[0],
            "half_at": half,
            "delta_half": deltas[1],
            "learning": rows,
            # M_pg falls with the square of the error
            "error_of_authors": ERRORS[0] * math.sqrt(rows[0]["updates"] / AUTHORS),
            "error_by_delta": [
                ERRORS[0] * math.sqrt(each / AUTHORS) for each in rows[0]["updates_by_delta"]
            ],
        }

    def after(self, iterations):
        """Policy after a number of iterations of exact learning from the uniform one."""
        policy = uniform_policy(self.game.n_states, self.n_actions)
        for _ in range(iterations):
            policy, _ = improved(self.experiment, self.game, policy)
        return policy

    def numbers(self):
        """All constants and requirements; dict."""
        experiment, n = self.experiment, self.n_actions
        weight, step = experiment.entropy_weight, experiment.policy_learning_rate
        best = c.contraction(step, weight, n, 0.0)
        return {
            "agents": experiment.max_agents,
            "K_mu": 0.0,
            "K_s": self.moves[0],
            "K_a": self.moves[1],
            "L_mu": c.reward_slope(self.game),
            "L_s": self.spans[0],
            "L_a": self.spans[1],
            "L_pop": c.population_step(self.moves),
            # of any policy: states from which no action leads to a common one stay apart
            "L_pop_exact": 1.0 - self.least_probability(weight) * n * self.overlaps[0],
            "meet_at": 1 + int(np.argmax(self.overlaps > 0.0)),
            "L_h": self.action_gap,
            "h_max": experiment.max_entropy,
            "least_probability": self.least_probability(weight),
            "weight_with_floor": self.weight_with_floor,
            "weight_asked": self.weight_asked,
            "best_contraction": best,
            "iterations_at_best": [c.iterations_asked(error, best) for error in ERRORS],
            "even": self.of_policy(uniform_policy(self.game.n_states, n)),
            "learned_at": experiment.iterations // 10,
            "learned": self.of_policy(self.after(experiment.iterations // 10)),
            "asked": [self.asked(error) for error in ERRORS],
        }
