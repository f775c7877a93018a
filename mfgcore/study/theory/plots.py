"""Pictures of the theory's numbers."""

from mfgcore.plotting.style import OTHER_COLOURS, WIDTH, save_figure, style_of, use_style

# isort: split
import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import NullLocator

from mfgcore.study.theory import equilibrium, population_size
from mfgcore.study.theory.numbers import PAPER_GAMES
from mfgcore.study.theory.page import SETTINGS


def plot_population(numbers, path):
    """Distance to the mean field, error of the return and gain of a deviation, over N."""
    use_style()
    figure = Figure(figsize=(WIDTH, 2.9), layout="constrained")
    distance, gap, gain = figure.subplots(1, 3)
    sizes = np.array(population_size.SIZES)
    colours = dict(zip(PAPER_GAMES, OTHER_COLOURS, strict=False))

    def draw(axis, of, key, law, text, colour):
        errors = 1.96 * np.array(of[f"{key}_error"])
        look = {"ls": "", "marker": "o", "ms": 3.5, "color": colour, "label": text}
        axis.errorbar(sizes, of[key], errors, **look)
        axis.plot(sizes, of[law], lw=0.9, color=colour)

    for name, cases in numbers["population"].items():
        even, taught = (
            {key: [row[key] for row in cases[which]["rows"]] for key in cases[which]["rows"][0]}
            for which in ("even", "taught")
        )
        if name == PAPER_GAMES[0]:  # the even policy moves alike in the three games
            text = f"even policy, {cases['even']['distance_slope_from_100'][0]:.2f}"
            draw(distance, even, "distance", "expected_distance", text, "black")
        text = f"{name}, {cases['taught']['distance_slope_from_100'][0]:.2f}"
        draw(distance, taught, "distance", "expected_distance", text, colours[name])
        draw(gap, taught, "gap", "bias", name, colours[name])
        gains = numbers["among"][name]["gain"]
        if gains:
            gain.plot(sizes, gains, "o-", ms=3.5, lw=0.9, color=colours[name], label=name)
    for axis, height in ((distance, 6.5), (gap, 3.0), (gain, 0.2)):
        law = height / np.sqrt(sizes)
        axis.plot(
            sizes, law, color="0.55", lw=0.8, ls="--", zorder=0, label=r"$\propto 1/\sqrt{N}$"
        )
        axis.set(xscale="log", yscale="log", xlabel="Agents $N$")
        axis.legend(frameon=False, loc="lower left", fontsize=6.5, handletextpad=0.3)
    for axis in (gap, gain):
        axis.yaxis.set_minor_locator(NullLocator())
    distance.set_title(r"Distance $\|\mu_N-\mu\|_1$; lines: exact")
    gap.set_title("|return - V|; lines: exact bias")
    gain.set_title(r"Gain of a deviation, exact, $\lambda=1$")
    title = "N agents beside the mean field: taught policies; numbers are slopes from N = 100"
    figure.suptitle(title, fontsize=8.5)
    save_figure(figure, [path])


def plot_theorem(numbers, path):
    """Distance of learned policies to the equilibrium, over k."""
    use_style()
    settings = [name for name in equilibrium.SETTINGS if name != "contraction_asked"]
    figure = Figure(figsize=(WIDTH, 4.0), layout="constrained")
    axes = figure.subplots(2, len(settings), sharex="col")
    for column, setting in zip(axes.T, settings, strict=True):
        for axis, algorithm in zip(column, ("online", "replay"), strict=True):
            own = numbers["theorem"][setting]
            for who, curve in own[algorithm]["mean_curves"].items():
                colour, line = style_of(who.partition(",")[0])
                if who.endswith("random score"):
                    colour, line = OTHER_COLOURS[0], "dashdot"
                axis.plot(curve, color=colour, ls=line, label=who)
            without = own["exact"]["mean_curves"]["networked"]
            axis.plot(without, color="black", lw=0.8, label="no sampling error: all alike")
            axis.set_ylim(bottom=0.0)
            axis.set_xlim(0, len(without) - 1)
        column[0].set_title(SETTINGS[setting])
        column[1].set_xlabel("Iteration $k$")
    for row, text in zip(axes, ("Algorithm 1", "Algorithm 2"), strict=True):
        row[0].set_ylabel(text + "\n" + r"mean $\|\pi_k^i-\pi^*\|_1$")
    handles, labels = axes[0, 0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=3, frameon=False)
    title = f"Distance to the only equilibrium, mean over {equilibrium.TRIALS} trials"
    figure.suptitle(title, fontsize=8.5)
    save_figure(figure, [path])
