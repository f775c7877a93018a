"""A small dataset for each figure."""

import functools

import pandas as pd
import xarray as xr
from conftest import small, trials

import mfgcore

ROUNDS, RATES = {"communication_rounds": (1, 3)}, {"td_learning_rate": (0.1, 0.5, 0.9)}
BASELINE = {"communication_rounds": 3, "td_learning_rate": 0.5}


def collected(planned):
    return mfgcore.collect([mfgcore.simulate(each) for each in planned], planned)


@functools.cache
def experiment():
    """Three trials of two architectures, with what was measured at every other iteration."""
    settings = {"sampled_exploitability": True, "evaluation_interval": 2}
    growing = {"final_agents": 9, "population_change_at": 2}
    return collected(trials(3, ("centralised", "networked"), **settings, **growing))


@functools.cache
def run():
    return mfgcore.simulate(small())


def with_factors(**levels):
    """An experiment of the architecture and of other factors, with a dimension for each."""

    def join(chosen, rest):
        if not rest:
            return collected(trials(2, ("centralised", "networked"), **chosen))
        name, *others = rest
        parts = [join(chosen | {name: level}, others) for level in levels[name]]
        index = pd.Index(levels[name], name=name)
        return xr.concat(parts, index, combine_attrs="override")

    found = join({}, list(levels))
    for name in levels:
        found[name].attrs["baseline"] = BASELINE[name]
    return found


def measured():
    """Times of iterations of several populations, by several threads."""
    sizes = {"agents": [10, 20, 20], "threads": [1, 1, 2]}
    return pd.DataFrame(sizes | {"seconds": [1.0, 2.0, 1.1], "megabytes": [9.0, 9.5, 9.5]})


def solved():
    """What two methods reach in two games."""
    columns = ["game", "method", "iteration", "exploitability"]
    named = [(game, method) for game in ("agree", "two_bars") for method in ("one", "other")]
    rows = [(*each, k, 0.1**k) for each in named for k in (1, 2, 3)]
    return pd.DataFrame(rows, columns=columns)


def gained():
    """Gains that fall as 1/N, that cannot be told from 0, and where there is no equilibrium."""
    columns = ["game", "agents", "nash_gap", "low", "high", "exploitability"]
    rows = [("agree", n, 0.1 / n, 0.09 / n, 0.11 / n, 1e-9) for n in (2, 4, 8)]
    rows += [("garnet 0", n, 0.1 / n, -0.1 / n, 0.3 / n, 1e-9) for n in (2, 4, 8)]
    rows += [("cluster", n, 0.1, 0.09, 0.11, 0.5) for n in (2, 4, 8)]
    return pd.DataFrame(rows, columns=columns)


def costly():
    """A game with a price of anarchy, one without, and one in which no equilibrium is found."""
    columns = ["game", "equilibrium", "optimum", "price"]
    rows = [("agree", 5.0, 5.0, 1.0), ("two_bars", 4.0, 8.0, 2.0), ("x_y", None, None, None)]
    return pd.DataFrame(rows, columns=columns).astype(dict.fromkeys(columns[1:], float))


# by figure: what it draws, and how many panels that takes
EXAMPLES = {
    "metrics": (experiment, 4),
    "exact": (experiment, 3),
    "mean_field": (experiment, 2 * 4),
    "run": (run, 3),
    "levels": (lambda: with_factors(**ROUNDS), 2 * 2 + 1),
    "heat_map": (lambda: with_factors(**ROUNDS, **RATES), 2 * 2),
    "scaling": (measured, 3),
    "solvers": (solved, 2),
    "finite_population": (gained, 2),
    "price_of_anarchy": (costly, 1),
}
