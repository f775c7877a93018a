"""Write ``docs/theory.md``, its numbers ``docs/theory.json`` and its pictures in ``docs/theory/``.

With `--keep` what is sampled stays as it is in ``docs/theory.json``: the rest takes a few seconds,
all of it some ten minutes.
"""

import json
import math
import sys
from pathlib import Path

import consensus
import equilibrium
import matplotlib.pyplot as plt
import numpy as np
import population_size
import theory_page
from bounds import Bounds
from matplotlib.ticker import NullLocator

from mfgcore import Experiment
from mfgcore.pipeline import configuration
from mfgcore.plotting.curves import OTHER_COLOURS, WIDTH, style_of
from mfgcore.plotting.style import save_figure, use_style

ROOT = Path(__file__).parents[1]
DOCS = ROOT / "docs"
NUMBERS = DOCS / "theory.json"
FIGURES = {"agree": "fig1", "diffuse": "fig2", "cluster": "fig5"}  # whose configuration is taken
PAPER_GAMES = tuple(FIGURES)
DIGITS = 6  # of numbers that are kept


def configured(game):
    """The game as the paper's figures have it, or by its defaults; Experiment."""
    if game not in FIGURES:
        return Experiment(game=game, network="complete")
    files = [ROOT / name for name in configuration.CONFIG_FILES]
    design = configuration.design(configuration.read(files), "experiments", FIGURES[game])
    return next(iter(design.runs.values()))


def constants(game):
    """The constants of a game, exact ones and bounds; dict."""
    return Bounds(configured(game)).numbers()


def used(game):
    """What the paper uses in their place; dict."""
    run = configured(game)
    return {
        "updates": run.transitions,
        "kept": run.kept_transitions,
        "cycles": run.replay_cycles,
        "steps": run.steps_per_transition,
        "iterations": run.iterations,
        "step_size": run.policy_step_size,
        "entropy_weight": run.entropy_weight,
        "learning_rate": run.learning_rate,
        "rounds": run.communication_rounds,
        "max_q_value": run.max_q_value,
    }


def among(game):
    """An equilibrium at a large entropy weight, as N agents see it; dict of lists over N."""
    experiment = population_size.walk_of(game, **population_size.LARGE)
    own = population_size.game_of(game)
    policy = population_size.equilibrium(experiment, own)
    gains, moved = [], []
    for n_agents in population_size.SIZES:
        gains.append(population_size.deviation_gain(experiment, own, policy, n_agents))
        theirs = population_size.equilibrium(experiment, own, n_agents)
        moved.append(np.abs(theirs - policy).sum(axis=1).max())
    found = {"gain": gains, "moved": moved}
    for key in ("gain", "moved"):
        # what is left of an equilibrium that N does not move is rounding
        known = min(found[key]) > 1e-10
        found[f"{key}_slope"] = (
            population_size.slope(population_size.SIZES, found[key])[0] if known else None
        )
        found[key] = found[key] if known else None
    return found


def exact():
    """What is computed, of all games; dict."""
    names = (*PAPER_GAMES, "contraction")
    return {
        "constants": {name: constants(name) for name in names},
        "used": {name: used(name) for name in names},
        "among": {name: among(name) for name in PAPER_GAMES},
        "uniqueness": {
            setting: {
                "entropy_weight": equilibrium.experiment_of(setting).entropy_weight,
                "step_size": equilibrium.experiment_of(setting).policy_step_size,
                "spread": equilibrium.spread(setting),
                "answer": equilibrium.steepest_answer(setting)
                if setting.startswith("contraction")
                else None,
            }
            for setting in equilibrium.SETTINGS
        },
        "consensus": {name: consensus.measure(name) for name in consensus.NETWORKS},
    }


def sampled():
    """What is sampled; dict."""
    return {
        "population": {name: population_size.measure(name) for name in PAPER_GAMES},
        "theorem": {
            setting: {
                algorithm: equilibrium.learn(setting, algorithm).summary()
                for algorithm in equilibrium.ALGORITHMS
            }
            for setting in equilibrium.SETTINGS
        },
        "crowd": {str(n_agents): equilibrium.crowd(n_agents) for n_agents in equilibrium.CROWDS},
    }


def rounded(value):
    """Numbers with as many digits as are kept, as JSON has them."""
    if isinstance(value, dict):
        return {key: rounded(each) for key, each in value.items()}
    if isinstance(value, (list, tuple)):
        return [rounded(each) for each in value]
    if isinstance(value, (float, np.floating)):
        return float(f"{value:.{DIGITS}g}") if math.isfinite(value) else str(value)
    return int(value) if isinstance(value, np.integer) else value


def plot_population(numbers, path):
    """The distances of N agents from the mean field, and of their return, over N."""
    use_style()
    figure, (distance, gap, gain) = plt.subplots(1, 3, figsize=(WIDTH, 2.9), layout="constrained")
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
    """How far learned policies are from the equilibrium, over k."""
    use_style()
    settings = [name for name in equilibrium.SETTINGS if name != "contraction_asked"]
    figure, axes = plt.subplots(
        2, len(settings), figsize=(WIDTH, 4.0), layout="constrained", sharex="col"
    )
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
        column[0].set_title(theory_page.SETTINGS[setting])
        column[1].set_xlabel("Iteration $k$")
    for row, text in zip(axes, ("Algorithm 1", "Algorithm 2"), strict=True):
        row[0].set_ylabel(text + "\n" + r"mean $\|\pi_k^i-\pi^*\|_1$")
    handles, labels = axes[0, 0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=3, frameon=False)
    title = f"Distance to the only equilibrium, mean over {equilibrium.TRIALS} trials"
    figure.suptitle(title, fontsize=8.5)
    save_figure(figure, [path])


def main():
    """Write the numbers, the page and the pictures."""
    kept = {}
    if sys.argv[1:] == ["--keep"]:
        kept = json.loads(NUMBERS.read_text(encoding="utf-8"))
    measured = {key: kept[key] for key in ("population", "theorem", "crowd")} if kept else sampled()
    numbers = rounded(exact() | measured)
    lines = [f"{json.dumps(key)}: {json.dumps(value)}" for key, value in numbers.items()]
    NUMBERS.write_text("{\n" + ",\n".join(lines) + "\n}\n", encoding="utf-8")
    (DOCS / "theory.md").write_text(theory_page.page(numbers), encoding="utf-8")
    (DOCS / "theory").mkdir(exist_ok=True)
    plot_population(numbers, DOCS / "theory/population.png")
    plot_theorem(numbers, DOCS / "theory/equilibrium.png")


if __name__ == "__main__":
    main()
