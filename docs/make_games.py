"""Write ``games.md`` and the pictures in ``games/``: every shipped game and an equilibrium of it.

The equilibrium is found from a policy that is nearly even. In turn the policy takes a step of
mirror ascent on its exact Q-values, and the mean field follows: to the policy's stationary
distribution, or, where transitions depend on the mean field, by one step of the population.
"""

import dataclasses
import inspect
from dataclasses import dataclass
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import xarray as xr

from mfgcore import meanfield
from mfgcore.batch.design import plain
from mfgcore.experiment.parameters import defaults
from mfgcore.games import ACTIONS, GAMES, MOVES
from mfgcore.plotting import draw_shares
from mfgcore.plotting.state_layout import cells_of, layout_of, names_of, turns_of
from mfgcore.plotting.style import use_style
from mfgcore.runs.datasets import state_coordinates

DOCS = Path(__file__).parent
WEIGHTS = {key: defaults()[key] for key in ("discount", "entropy_weight")}
ENOUGH = 1e-6  # exploitability, and change of a share in a step
STATED = 1e-3  # an exploitability above this is no equilibrium's
STEP_SIZES = (1.0, 0.1)  # of mirror ascent; where the first one circles, the second is small enough
MAX_STEPS = 30_000
HEAD = """# The games

Made by `make games`, from the games themselves.

Each picture shows an equilibrium at a discount of {discount} and an entropy weight of
{entropy_weight}: where there are several, the one to which mirror ascent on exact Q-values leads
from a policy that is nearly even. Under it stands the exploitability, what an agent could gain by
another policy, of values of at most {largest:.0f}; the last number, if moves depend on the mean
field, says how fast that still changes.

Colour is the share of the population, outlines are where most is paid if it is spread evenly,
arrows are expected steps, and the larger a dot, the likelier an agent stays. Colour and length are
on square-root scales. Nobody can be where it is grey.

[extending.md](extending.md) says how to write another game.
"""


@dataclass
class Equilibrium:
    """Mean field and policy, and their distance from an equilibrium."""

    mean_field: np.ndarray
    policy: np.ndarray
    exploitability: float
    residual: float  # largest change of a share in one step


def equilibrium(game):
    """Find an equilibrium of a game; Equilibrium."""
    for step_size in STEP_SIZES:
        found = search(game, step_size)
        if found.exploitability <= STATED:
            break
    return found


def search(game, step_size):
    """Find the limit of mirror ascent; Equilibrium."""
    n_states, n_actions = game.n_states, len(game.actions)
    mean_field = np.full(n_states, 1.0 / n_states)
    # not quite even, as even policies are unstable equilibria of games such as `cluster`
    logits = 0.1 * np.random.default_rng(0).random((n_states, n_actions))
    for step in range(MAX_STEPS):
        policy = np.exp(logits - logits.max(axis=1, keepdims=True))
        policy /= policy.sum(axis=1, keepdims=True)
        if game.mean_field_dynamics:
            mean_field = (mean_field + pushed(mean_field, policy, game)) / 2.0
        else:
            mean_field = meanfield.stationary_distribution(policy, game)
        if step % 50 == 0:
            found = Equilibrium(mean_field, policy, *distance(mean_field, policy, game))
            if max(found.exploitability, found.residual) <= ENOUGH:
                break
        q_values = meanfield.action_values(policy, mean_field, game, **WEIGHTS)
        logits = np.log(np.maximum(policy, 1e-300)) + step_size * q_values
        logits /= 1.0 + step_size * WEIGHTS["entropy_weight"]
    return found


def pushed(mean_field, policy, game):
    """Mean field after one step; (n_states,) float64."""
    given = (mean_field,) if game.mean_field_dynamics else ()
    masses = mean_field[:, None, None] * policy[:, :, None] * game.transition_probabilities(*given)
    after = np.bincount(np.ravel(game.next_states()), masses.ravel(), game.n_states)
    return after / after.sum()


def distance(mean_field, policy, game):
    """Exploitability, and the largest change of a share in one step; both float."""
    best = meanfield.best_response(mean_field, game, **WEIGHTS).values
    own = meanfield.policy_value(policy, mean_field, game, **WEIGHTS)
    change = np.abs(pushed(mean_field, policy, game) - mean_field).max()
    return max(0.0, float(mean_field @ (best - own))), float(change)


def draw(game, found, path):
    """Draw an equilibrium to a file."""
    states = xr.Dataset(coords=state_coordinates(game), attrs={"layout": game.layout or "none"})
    layout = layout_of(states)
    size = {"none": (5.2, 2.2), "line": (4.4, 1.25)}.get(layout, (3.7, 3.0))
    figure = plt.figure(figsize=size, layout="constrained")
    if layout == "none":
        shares, policy = figure.subplots(1, 2)
        draw_shares(shares, found.mean_field, states)
        named = game.state_names is not None
        shares.set(title="share of the population", xlabel="" if named else "state")
        draw_table(policy, found.policy, game, names_of(states))
        policy.set_xlabel("" if named else "state")
    else:
        axis = figure.subplots()
        draw_shares(axis, found.mean_field, states)
        draw_arrows(axis, found.policy, game, cells_of(states), turns_of(states))
        colours = (axis.collections if layout == "ring" else axis.images)[0]
        figure.colorbar(colours, ax=axis, label="share of all")
    figure.savefig(path, dpi=120)
    plt.close(figure)


def draw_table(axis, policy, game, names):
    """Draw the probabilities of actions, of each state in a column."""
    axis.imshow(policy.T, cmap="Blues", vmin=0.0, vmax=1.0, aspect="auto")
    few = len(names) <= 10
    axis.set_yticks(range(len(game.actions)), game.actions)
    if few:
        axis.set_xticks(range(len(names)), names)
    for (state, action), value in np.ndenumerate(policy):
        if few:
            shade = "white" if value > 0.5 else "black"
            axis.text(state, action, f"{value:.2f}", color=shade, ha="center", va="center")
    axis.set(title="policy", ylabel="action")


def draw_arrows(axis, policy, game, cells, turns):
    """Draw the expected steps of a policy, and its probability of staying."""
    steps = dict(zip(ACTIONS, MOVES, strict=True))
    down, right = (policy @ [steps.get(name, (0, 0)) for name in game.actions]).T
    sine, cosine = np.sin(turns), np.cos(turns)
    down, right = right * sine + down * cosine, right * cosine - down * sine
    length = np.hypot(down, right)
    scale = np.where(length > 0.02, 0.47 / np.sqrt(length + 1e-300), np.nan)  # no specks
    cell = axis.transData.transform([(0, 0), (0, 1)])
    cell = abs(np.subtract(*cell)[1]) * 72.0 / axis.figure.dpi  # points
    rows, columns = cells.T
    stays = policy[:, list(game.actions).index("stay")]
    edge = {"color": "white", "edgecolor": "black", "linewidth": 0.4, "zorder": 4}
    axis.scatter(columns, rows, stays * (0.22 * cell) ** 2, **edge)
    arrow = {"angles": "xy", "scale_units": "xy", "scale": 1.0, "width": 0.07, "units": "xy"}
    axis.quiver(columns, rows, right * scale, down * scale, **arrow, **edge)


def shown(value):
    """Value of a parameter on the page; str."""
    if isinstance(value, tuple):
        return f"({', '.join(map(shown, value))})"
    return f"{value:.3g}" if isinstance(value, float) else plain(value)


def section(name, found):
    """Section of the page on a game; str."""
    game = GAMES[name]
    text = inspect.getdoc(game)
    fields = [f"`{each.name}` {shown(each.default)}" for each in dataclasses.fields(game)]
    read = f"Parameters: {', '.join(fields)}." if fields else "No parameters."
    caption = f"Exploitability {found.exploitability:.1g}"
    if found.exploitability > STATED:
        caption += ", which is no equilibrium's: mirror ascent does not settle"
    if found.residual > 1e-12:
        caption += f"; in a step no share changes by more than {found.residual:.1g}"
    return f"\n## {name}\n\n{text}\n\n{read}\n\n![{name}](games/{name}.png)\n\n{caption}.\n"


def main():
    """Write the page and its pictures."""
    use_style()
    (DOCS / "games").mkdir(exist_ok=True)
    largest = 1.0 / (1.0 - WEIGHTS["discount"])
    parts = [HEAD.format(**WEIGHTS, largest=largest)]
    for name in GAMES:
        game = GAMES[name]()
        found = equilibrium(game)
        print(f"{name}: exploitability {found.exploitability:.1e}, residual {found.residual:.1e}")
        draw(game, found, DOCS / "games" / f"{name}.png")
        parts.append(section(name, found))
    (DOCS / "games.md").write_text("".join(parts), encoding="utf-8")


if __name__ == "__main__":
    main()
