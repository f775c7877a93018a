"""The model-based learner: what the algorithm would do without sampling error.

Policy mirror ascent (Def. 3.2) in the mean-field game of infinitely many agents that share one
policy, with the exact mean field and the exact Q-function in place of those that agents estimate
from their paths. A reference curve for the figures: no architecture, no trial, no random number.
"""

import json

import numpy as np
import xarray as xr

from mfgcore import meanfield
from mfgcore.games import ACTIONS
from mfgcore.learning import improve_policies
from mfgcore.population import uniform_policy

# parameters of an experiment that this learner reads
USED = (
    "game", "grid_size", "boundary", "discount", "policy_step_size", "entropy_weight",
    "entropy_gap", "iterations", "agents", "agents_after",
)  # fmt: skip


def exact_learning(experiment, start=None, game=None):
    """Policy mirror ascent with the exact Q-function and the exact mean field.

        mu_k = mu_k P(pi_k),    Q_k = Q_h(. | pi_k, mu_k),
        pi_{k+1}(s) = argmax_u <u, Q_k(s, .)> + h(u) - ||u - pi_k(s)||^2 / (2 eta)  (Def. 3.2).

    Parameters
    ----------
    experiment : Experiment
        Read are the game, discount, eta, lambda, L_h and K. The size of the population counts
        only where a game's normalisation depends on it (D4).
    start : (n_states, n_actions) float64, optional
        pi_0; the uniform policy by default.
    game : Game, optional
        Instead of the experiment's own, such as one whose mean field stands for N agents.

    Returns
    -------
    xarray.Dataset
        Over `iteration` 0 ... K, one more than there are updates: `discounted_return`, which is
        V_h(pi_k, mu_k), `exploitability`, `mean_field` (iteration, state) and `policy`
        (iteration, state, action), all float64. For tolerances see :mod:`mfgcore.meanfield`.

    Raises
    ------
    NumericalError
        See :func:`mfgcore.meanfield.best_response`.

    Notes
    -----
    The uniform policy treats all corners alike, and so does every update. Exactly computed, the
    population would stay spread over all four. That it leaves this state is the rounding errors'
    doing, which the updates amplify: the mean field of near-deterministic policies hangs on the
    ratio of minute probabilities of moving from corner to corner. So which corner the population
    ends up at means nothing, and where, as in diffuse, any division among the corners is an
    equilibrium, neither does the division: the exploitability converges, mean field and return
    need not.
    """
    game = experiment.make_game() if game is None else game
    weights = {"discount": experiment.discount, "entropy_weight": experiment.entropy_weight}
    policies = (uniform_policy(game.grid.n_states) if start is None else np.array(start))[None]
    index = np.zeros(1, dtype=np.int32)
    records = {"discounted_return": [], "exploitability": [], "mean_field": [], "policy": []}
    for k in range(experiment.iterations + 1):
        metrics = meanfield.population_metrics(policies, game, **weights)
        records["discounted_return"].append(metrics.discounted_return)
        records["exploitability"].append(metrics.exploitability)
        records["mean_field"].append(metrics.mean_field)
        records["policy"].append(policies[0])
        if k < experiment.iterations:
            q_values = meanfield.action_values(policies[0], metrics.mean_field, game, **weights)
            policies = improve_policies(experiment, policies, index, q_values.reshape(1, -1))
    dimensions = ("iteration", "state", "action")
    data = {}
    for name, values in records.items():
        values = np.array(values)
        data[name] = (dimensions[: values.ndim], values)
    configuration = {key: getattr(experiment, key) for key in USED}
    return xr.Dataset(
        data,
        coords={
            "iteration": np.arange(experiment.iterations + 1),
            "state": np.arange(game.grid.n_states),
            "action": list(ACTIONS),
        },
        attrs={
            "title": f"{experiment.game}, model-based",
            "configuration": json.dumps(configuration, sort_keys=True),
        },
    )
