"""Write ``games.md`` and the pictures in ``games/``: every shipped game and an equilibrium of it.

The equilibrium is that of :func:`mfgcore.equilibrium.tables.first_equilibrium`, and the optimum is
what :func:`mfgcore.solve` finds for a shared objective. It takes some minutes.
"""

import dataclasses
import inspect
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np

import mfgcore
from mfgcore.batch.design import plain
from mfgcore.equilibrium.tables import first_equilibrium
from mfgcore.experiment.parameters import defaults
from mfgcore.games import ACTIONS, GAMES, MOVES
from mfgcore.plotting import draw_shares
from mfgcore.plotting.state_layout import cells_of, layout_of, names_of, turns_of
from mfgcore.plotting.style import use_style

DOCS = Path(__file__).parent
WEIGHTS = {key: defaults()[key] for key in ("discount", "entropy_weight")}
STATED = 1e-3  # an exploitability above this is no equilibrium's
HEAD = """# The games

Made by `make games`, from the games themselves.

Each picture shows an equilibrium at a discount of {discount} and an entropy weight of
{entropy_weight}. It is what `mfgcore.solve` finds by online mirror descent, from a policy that is
nearly even, or, where that does not settle, by the damped fixed-point iteration. Where there are
several equilibria,
it depends on the method and the start which one is found: in which cell `cluster` gathers, say, is
chance. Under it stand the exploitability, what an agent could gain by another policy, and how it
was found. Values are at most {largest:.0f}.

Colour is the share of the population, outlines are where most is paid if it is spread evenly,
arrows are expected steps, and the larger a dot, the likelier an agent stays. Colour and length are
on square-root scales. Nobody can be where it is grey.

[extending.md](extending.md) says how to write another game.

## Welfare

What an agent gets at that equilibrium, where all seek their own return, and at the best policy that
`mfgcore.solve` finds with `objective="shared"`. The price of anarchy is the second over the first;
another equilibrium may have another.

| game | equilibrium | optimum | price of anarchy |
|---|---|---|---|
{welfare}
"""


def draw(game, found, path):
    """Draw an equilibrium, a dataset, to a file."""
    layout, mean_field = layout_of(found), found["mean_field"].values
    size = {"none": (5.2, 2.2), "line": (4.4, 1.25)}.get(layout, (3.7, 3.0))
    figure = plt.figure(figsize=size, layout="constrained")
    if layout == "none":
        shares, policy = figure.subplots(1, 2)
        draw_shares(shares, mean_field, found)
        named = game.state_names is not None
        shares.set(title="share of the population", xlabel="" if named else "state")
        draw_table(policy, found["policy"].values, game, names_of(found))
        policy.set_xlabel("" if named else "state")
    else:
        axis = figure.subplots()
        draw_shares(axis, mean_field, found)
        draw_arrows(axis, found["policy"].values, game, cells_of(found), turns_of(found))
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
    gap = float(found["exploitability"].min())
    caption = f"Exploitability {gap:.1g}"
    if gap > STATED:
        caption += ", which is no equilibrium's"
    caption += f"; `{found.attrs['method']}`, {found.attrs['iterations']} iterations"
    if not found.attrs["converged"]:
        caption += f": {found.attrs['stopped']}"
    return f"\n## {name}\n\n{text}\n\n{read}\n\n![{name}](games/{name}.png)\n\n{caption}.\n"


def welfare(name, found):
    """Row of the table of welfare; str."""
    if float(found["exploitability"].min()) > STATED:
        return f"| {name} | - | - | -: {found.attrs['stopped']} |"
    best = mfgcore.solve(GAMES[name](), objective="shared", **WEIGHTS)
    selfish, optimum = float(found["exact_return"]), float(best["exact_return"])
    return f"| {name} | {selfish:.3f} | {optimum:.3f} | {optimum / selfish:.3f} |"


def main():
    """Write the page and its pictures."""
    use_style()
    (DOCS / "games").mkdir(exist_ok=True)
    largest = 1.0 / (1.0 - WEIGHTS["discount"])
    parts, rows = [], []
    for name in GAMES:
        game = GAMES[name]()
        found = first_equilibrium(game, **WEIGHTS)
        rows.append(welfare(name, found))
        print(f"{name}: {found.attrs['stopped']}")
        draw(game, found, DOCS / "games" / f"{name}.png")
        parts.append(section(name, found))
    head = HEAD.format(**WEIGHTS, largest=largest, welfare="\n".join(rows))
    (DOCS / "games.md").write_text(head + "".join(parts), encoding="utf-8")


if __name__ == "__main__":
    main()
