"""Draw one iteration and the three architectures: ``python docs/make_iteration.py``."""

from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.patches import FancyArrowPatch, FancyBboxPatch

from mfgcore.plotting.style import use_style

PATH = Path(__file__).parent / "gallery/iteration.png"
STEPS = (
    ("Act", "all agents move, without\nresets, and are rewarded\n($M_{pg} M_{td}$ steps)"),
    ("Learn", "each learner replays\nits transitions and\nestimates $Q^i$"),
    ("Improve", "mirror ascent:\n$\\pi^i_k \\rightarrow \\pi^i_{k+1}$"),
    ("Score", "$\\sigma^i$: how far did the\npolicy move?\n(or another rule)"),
    ("Communicate", "$C$ rounds: adopt the\npolicy with the best\nscore that is heard"),
)
DISTURBANCES = {2: "updates fail", 3: "agents arrive\nor leave", 4: "links fail"}
ARCHITECTURES = (
    ("centralised", "agent 0 learns;\nall get its policy"),
    ("independent", "all learn;\neach keeps its own policy"),
    ("networked", "all learn; the policy with the\nbest score spreads by the links"),
)
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#F0E442")
POSITIONS = np.array(
    [(0.0, 0.0), (0.9, 0.55), (-0.85, 0.6), (0.75, -0.6), (-0.7, -0.65), (0.05, 1.0), (1.75, 0.0)]
)
LINKS = [(0, 1), (0, 2), (0, 3), (0, 4), (1, 5), (2, 5), (1, 6), (3, 6)]
ARROW = {"arrowstyle": "-|>", "mutation_scale": 11, "color": "#333333", "linewidth": 1.2}


def draw_steps(axis):
    """Draw the steps of one iteration in a row, and what can disturb them."""
    width, gap = 2.35, 0.4
    for number, (name, text) in enumerate(STEPS):
        left = number * (width + gap)
        style = {"boxstyle": "round,pad=0.04", "facecolor": "#EEF3F7", "edgecolor": "#333333"}
        axis.add_patch(FancyBboxPatch((left, 0), width, 1.3, **style))
        centre = left + width / 2
        axis.text(centre, 1.08, f"{number + 1}. {name}", ha="center", va="center", weight="bold")
        axis.text(centre, 0.44, text, ha="center", va="center", fontsize=7.5)
        if number:
            ends = (left - gap + 0.05, 0.65), (left - 0.05, 0.65)
            axis.add_patch(FancyArrowPatch(*ends, **ARROW))
        if number in DISTURBANCES:
            axis.annotate(
                DISTURBANCES[number],
                (centre, -0.05),
                (centre, -0.6),
                ha="center",
                va="center",
                color="#A63603",
                fontsize=7.5,
                arrowprops={"arrowstyle": "-|>", "color": "#A63603", "linestyle": "--"},
            )
    right = len(STEPS) * (width + gap) - gap
    ends = (right - width / 2, 1.4), (width / 2, 1.4)
    back = "bar,angle=180,fraction=0.0,armA=18,armB=18"
    axis.add_patch(FancyArrowPatch(*ends, connectionstyle=back, **ARROW))
    text = "iteration $k + 1$ goes on where the agents stand"
    axis.text(right / 2, 1.85, text, ha="center", va="center", backgroundcolor="white")
    axis.set(xlim=(-0.15, right + 0.15), ylim=(-0.95, 2.1))


def draw_architecture(axis, name, text):
    """Draw who learns, how policies travel, and whose policy each agent follows after it."""
    if name == "networked":
        for ends in LINKS:
            axis.plot(*POSITIONS[list(ends)].T, color="#999999", linewidth=1.0, zorder=1)
    if name == "centralised":
        for position in POSITIONS[1:]:
            arrow = FancyArrowPatch(POSITIONS[0], position, shrinkA=8, shrinkB=8, **ARROW)
            axis.add_patch(arrow)
    for agent, position in enumerate(POSITIONS):
        policy = {"centralised": 0, "independent": agent, "networked": 2}[name]
        learns = name != "centralised" or agent == 0
        edge = {"edgecolors": "black", "linewidths": 2.2 if learns else 0.0}
        axis.scatter(*position, s=150, color=COLOURS[policy], zorder=2, **edge)
    axis.set_title(name, weight="bold")
    axis.text(0.45, -1.25, text, ha="center", va="center", fontsize=7.5)
    axis.set(xlim=(-1.5, 2.4), ylim=(-1.55, 1.3), aspect="equal")


def main():
    """Write the picture."""
    use_style()
    figure = plt.figure(figsize=(8.6, 4.6), layout="constrained")
    top, bottom = figure.subfigures(2, 1, height_ratios=(1.0, 1.05))
    steps = top.subplots()
    draw_steps(steps)
    axes = bottom.subplots(1, 3)
    for axis, architecture in zip(axes, ARCHITECTURES, strict=True):
        draw_architecture(axis, *architecture)
    for axis in (steps, *axes):
        axis.axis("off")
    text = "black edge: learns    colour: whose policy the agent follows in the next iteration"
    bottom.supxlabel(text, fontsize=8)
    figure.savefig(PATH, dpi=160)


if __name__ == "__main__":
    main()
