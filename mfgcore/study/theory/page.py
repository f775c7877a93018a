"""Fill the template ``page.md`` of ``docs/theory.md`` with numbers."""

import math
from pathlib import Path

from mfgcore.study.report_style import markdown_table
from mfgcore.study.theory.bounds import AUTHORS, ERRORS
from mfgcore.study.theory.consensus import N_AGENTS
from mfgcore.study.theory.equilibrium import ALGORITHMS, COMMON, LAST, STARTS, TRIALS
from mfgcore.study.theory.population_size import GATHERED, LARGE, SIZES
from mfgcore.study.theory.population_size import TRIALS as WALKS

SETTINGS = {
    "contraction": "contraction",
    "contraction_asked": "contraction, λ above what is asked for",
    "diffuse_small": "diffuse, 3 x 3 cells",
    "diffuse": "diffuse, 8 x 8 cells",
}
NAMES = {"online": "Algorithm 1", "replay": "Algorithm 2"}

SHOWN = 1  # which of the errors

TEMPLATE = Path(__file__).with_name("page.md")


def show(value, digits=3):
    """Format a number for the page; str."""
    if value is None:
        return "-"
    if isinstance(value, str):
        return {"inf": "∞", "-inf": "-∞", "nan": "?"}[value]
    if isinstance(value, int) or (value == int(value) and abs(value) < 1e6):
        return f"{int(value):,}"
    if 1000.0 <= abs(value) < 1e6:
        return f"{value:,.0f}"
    text = f"{value:.{digits}g}"
    mantissa, _, exponent = text.partition("e")
    return f"{mantissa}e{int(exponent)}" if exponent else text


def table(rows):
    """Markdown, the first row being the head; str."""
    return "\n".join(markdown_table(rows[0], rows[1:]))


def interval(found):
    """An estimate with its interval; str."""
    return f"{show(found[0])} ({show(found[1])} to {show(found[2])})"


def constant_table(numbers):
    """The constants of the games, and of the contraction."""
    games = numbers["constants"]
    rows = [["constant", "how", *games]]

    def add(text, how, key):
        rows.append([text, how, *(show(key(each)) for each in games.values())])

    for key, how in (("K_mu", "exact"), ("K_s", "exact"), ("K_a", "exact")):
        add(key, how, lambda each, key=key: each[key])
    add("L_mu", "exact; agree: see below", lambda each: each["L_mu"])
    for key in ("L_s", "L_a"):
        add(key, "exact", lambda each, key=key: each[key])
    add("L_pop", "bound", lambda each: each["L_pop"])
    add("L_pop, the least that holds in U", "exact", lambda each: each["L_pop_exact"])
    add("L_h", "exact", lambda each: each["L_h"])
    add("h_max at the λ used", "exact", lambda each: each["h_max"])
    add("p_inf at the λ used", "exact", lambda each: each["least_probability"])
    contracts = (f"{each['best_contraction']:.4f}" for each in games.values())
    rows.append(["1 / (1 + η λ), as used", "least L_Γ of the formula", *contracts])
    add("λ above which p_inf > 0", "exact", lambda each: each["weight_with_floor"])
    add("λ above which L_Γ < 1", "bound", lambda each: each["weight_asked"])
    return table(rows)


def asked_table(numbers):
    """Requirements of Theorem 3.3, beside the paper's parameters."""
    rows = [["game", "λ", "L_Γ", "least mass", "K", "error of Q", "M_pg"]]
    for name, each in numbers["constants"].items():
        asked = each["asked"][SHOWN]
        cells = asked | {"iterations": math.ceil(asked["iterations"])}
        keys = "entropy_weight", "contraction", "least_mass", "iterations", "q_error", "updates"
        rows.append([name, *(show(cells[key]) for key in keys)])
    for name, run in numbers["used"].items():
        if name != "contraction":
            used = "entropy_weight", None, None, "iterations", None, "updates"
            rows.append([f"{name}, as used", *(show(run[key]) if key else "" for key in used)])
    return table(rows)


def updates_table(numbers):
    """Required M_pg and M_td of single policies."""
    rows = [["game", "policy", "least mass", "T_mix: δ_mix", "M_td", "M_pg", "M_pg by δ_mix"]]
    for name, policy, each in _policies(numbers):
        row = each["learning"][SHOWN]
        mixing = f"{show(each['half_at'])}: {show(each['delta_half'])}"
        cells = row["steps"], row["updates"], row["updates_by_delta"][1]
        rows.append([name, policy, show(each["least_mass"]), mixing, *map(show, cells)])
    return table(rows)


def _policies(numbers):
    for name, each in numbers["constants"].items():
        if each["even"] != numbers["constants"]["agree"]["even"] or name == "agree":
            yield name, "even, k = 0", each["even"]
        if each["learned"]["least_mass"] != each["even"]["least_mass"]:  # cluster's stays even
            yield name, f"exact learning, k = {each['learned_at']}", each["learned"]


def consensus_table(numbers):
    """Diameters and rounds until consensus."""
    rows = [["network", "diameter", "rounds, at the most", "rounds, on average"]]
    for name, each in numbers["consensus"].items():
        rows.append([f"`{name}`", *(show(each[key]) for key in ("diameter", "most", "mean"))])
    return table(rows)


def population_table(numbers):
    """Slopes over N of distance, return and bias."""
    rows = [["game", "policy", "distance", "exact", "from N = 100", "return", "its bias, exact"]]
    for name, cases in numbers["population"].items():
        for which, each in cases.items():
            distance, large, gap = (
                f"{slope:.3f} ± {half:.3f}"
                for slope, half in map(
                    each.get, ("distance_slope", "distance_slope_from_100", "gap_slope")
                )
            )
            row = [name, which, distance, f"{each['expected_distance_slope']:.3f}", large]
            rows.append([*row, gap, f"{each['bias_slope']:.2f}"])
    return table(rows)


def among_table(numbers):
    """Equilibria at a large entropy weight, over N."""
    columns = SIZES[0], SIZES[-1]
    rows = [["game", "what", *(f"N = {n:,}" for n in columns), "slope"]]
    for name, each in numbers["among"].items():
        for key, text in (("gain", "best deviation's gain"), ("moved", "equilibrium's distance")):
            if each[key]:
                values = [show(each[key][SIZES.index(n)]) for n in columns]
                rows.append([name, text, *values, f"{each[f'{key}_slope']:.2f}"])
    return table(rows)


def verdict(difference):
    """Verdict on the measured inequality; str."""
    if difference[2] <= 0.0:
        return "holds" if difference[0] < 0.0 else "holds, equal"
    return "does not hold" if difference[1] > 0.0 else "not told apart"


def theorem_table(numbers):
    """Both sides of Theorem 3.3 with sampled Q-functions, and the distances without its score."""
    head = ["game", "learning", "networked", "independent", "difference", "Theorem 3.3"]
    rows = [[*head, "networked", "networked, random score"]]
    for setting, algorithm, each in _sampled(numbers):
        difference = each["differences"]["networked"]
        ends = {who: found[0] for who, found in each["ends"].items()}
        row = [SETTINGS[setting], NAMES[algorithm]]
        row += [show(ends[who]) for who in ("networked", "independent")]
        ratios = (f"{ends[who] / ends['independent']:.2f}" for who in rows[0][6:])
        rows.append([*row, interval(difference), verdict(difference), *ratios])
    return table(rows)


def _sampled(numbers):
    for setting, algorithms in numbers["theorem"].items():
        for algorithm, each in algorithms.items():
            if algorithm in NAMES:
                yield setting, algorithm, each


def crowd_table(numbers):
    """Both sides in contraction over N."""
    rows = [["N", "networked", "independent", "difference", "Theorem 3.3"]]
    for n_agents, each in numbers["crowd"].items():
        ends = (interval(each["ends"][who]) for who in ("networked", "independent"))
        difference = each["difference"]
        rows.append([n_agents, *ends, interval(difference), verdict(difference)])
    return table(rows)


def page(numbers):
    """Content of docs/theory.md; str."""
    used, agree = numbers["used"]["agree"], numbers["constants"]["agree"]
    even = agree["even"]
    calls = [verdict(each["differences"]["networked"]) for *_, each in _sampled(numbers)]
    cases = [each for both in numbers["population"].values() for each in both.values()]
    slopes = sorted(each["expected_distance_slope"] for each in cases)
    biases = sorted(each["bias_slope"] for each in cases)
    numbers_in_words = {
        "walks": WALKS,
        "sizes": ", ".join(f"{n:,}" for n in SIZES),
        "gathered": f"{GATHERED:.0%}",
        "large": show(LARGE["entropy_weight"]),
        "agents": COMMON["agents"],
        "last": f"{LAST:.0%}",
        "trials": TRIALS,
        "online": show(ALGORITHMS["online"]["transitions"]),
        "replay": show(ALGORITHMS["replay"]["transitions"]),
        "cycles": ALGORITHMS["replay"]["replay_cycles"],
        "starts": STARTS,
        "used_iterations": show(used["iterations"]),
        "used_step_size": show(used["step_size"]),
        "used_weight": show(used["entropy_weight"]),
        "used_steps": show(used["steps"]),
        "used_updates": show(used["updates"]),
        "used_cycles": show(used["cycles"]),
        "used_kept": show(used["kept"]),
        "used_rounds": show(used["rounds"]),
        "l_pop": show(agree["L_pop_exact"]),
        "meet_at": show(agree["meet_at"]),
        "h_max": show(agree["h_max"]),
        "l_h": show(agree["L_h"]),
        "middle_error": show(ERRORS[SHOWN]),
        "middle_iterations": show(agree["iterations_at_best"][SHOWN]),
        "authors": show(AUTHORS),
        "authors_error": show(even["error_of_authors"]),
        "authors_first": show(even["error_by_delta"][0]),
        "authors_half": show(even["error_by_delta"][1]),
        "n_agents": N_AGENTS,
        "steepest": f"{slopes[0]:.2f}",
        "flattest": f"{slopes[-1]:.2f}",
        "bias_steepest": f"{biases[0]:.2f}",
        "bias_flattest": f"{biases[-1]:.2f}",
        "holds": calls.count("holds"),
        "cases": len(calls),
        "fails": calls.count("does not hold"),
        "open": calls.count("not told apart"),
    }
    tables = [constant_table, asked_table, updates_table, consensus_table, population_table]
    tables += [among_table, theorem_table, crowd_table]
    shown = {each.__name__: each(numbers) for each in tables}
    return TEMPLATE.read_text(encoding="utf-8").format(**numbers_in_words, **shown)
