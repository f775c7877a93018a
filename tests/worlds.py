"""Made-up evidence: a world in which every claim holds, and changes to it."""

import json

import numpy as np
import xarray as xr

from mfgcore.study.claims import FIGURES, Evidence

ARCHITECTURES = ("centralised", "independent", "networked")
K, TRIALS, INCREASE = 80, 6, 40
GAMES = {"fig1": "agree", "fig2": "diffuse", "fig3": "agree", "fig4": "diffuse"}
GAMES |= {"fig5": "cluster", "fig6": "cluster"}
GROWING = ("fig3", "fig4", "fig6")
UNSTEADY = {"jitter": {"centralised": 3.0, "independent": 3.0}}
BY_NAME = {
    # iterations until the plateau, and the plateau's return
    "time": {"centralised": 20, "independent": 25, "networked": 10},
    "plateau": {"centralised": 9.4, "independent": 9.0, "networked": 9.4},
    # by how much the return falls and the exploitability rises where the population changes
    "drop": {"centralised": 1.5, "independent": 5.0, "networked": 0.2},
    "divergence": {"centralised": 0.0, "independent": 0.5, "networked": 0.001},
    # by how much the return falls for a single iteration
    "dip": {"centralised": 0.0, "independent": 0.0, "networked": 0.0},
    # by how many iterations one trial is earlier and the next later; what is more exploitable
    "jitter": {"centralised": 0.0, "independent": 0.0, "networked": 0.0},
    "gap": {"centralised": 0.0, "independent": 0.0, "networked": 0.0},
}
OTHERS = {"distinct": 1, "some_distinct": 3, "dip_at": 35, "shrinks": False, "lasts": 15}
OTHERS |= {"seconds": 10.0, "grows": False, "violations_1": 0, "violations_2": 0, "premises": 1}
OTHERS |= {"exploitable": 0.3, "individual_gap": 3.0, "individual_loss": 3.0, "noise": 0.02}
OTHERS |= {"entropy": 0.3, "fullest": 0.9, "pockets": 0, "trials": TRIALS, "game": "agree"}
OTHERS |= {"arrival_timing": "after_learning", "score_rule": "smallest_change"}


def made_up(**changes):
    """A collected dataset; a change is a number, or for values by architecture a dict of some."""
    knobs = {**OTHERS, **{key: value for key, value in changes.items() if key in OTHERS}}
    for key, usual in BY_NAME.items():
        change = changes.get(key, {})
        knobs[key] = usual | (change if isinstance(change, dict) else dict.fromkeys(usual, change))
    rng = np.random.default_rng(7)
    k = np.arange(K)
    shape = (len(ARCHITECTURES), knobs["trials"], K)
    noise = knobs["noise"] * rng.normal(size=shape[:2])[..., None]

    def curves(value):
        return np.stack([np.broadcast_to(value(name), shape[1:]) for name in ARCHITECTURES])

    growth = 1.0 - k / K if knobs["shrinks"] else k / K
    distinct = np.full(shape, knobs["distinct"])
    distinct[..., 7] = knobs["some_distinct"]
    distinct[..., 20 : 20 + knobs["pockets"]] = 3

    def fall(name):
        after = (k > INCREASE) & (k <= INCREASE + knobs["lasts"])
        return knobs["drop"][name] * after * knobs["grows"]

    def returns(name):
        later = knobs["jitter"][name] * (-1.0) ** np.arange(knobs["trials"])
        rise = np.minimum(k / (knobs["time"][name] + later[:, None]), 1.0)
        dip = knobs["dip"][name] * (k == knobs["dip_at"])
        return 0.5 + (knobs["plateau"][name] - 0.5) * rise - fall(name) - dip

    alone = np.array([name == "independent" for name in ARCHITECTURES])[:, None, None]
    learned = 3.0 + (knobs["exploitable"] - 3.0) * (k > 30)
    exploitability = curves(lambda name: learned + 0.5 * fall(name) + knobs["gap"][name])
    data = {
        "discounted_return": curves(returns) + noise * (k > 0),
        "exact_return": curves(returns) + noise,
        "exact_exploitability": exploitability + 0.1 * noise,
        "exploitability": exploitability + 0.5 * noise,
        "policy_divergence": np.abs(
            curves(lambda name: knobs["divergence"][name] * growth) + 1e-3 * noise
        ),
        "distinct_policies": distinct,
        "adopted_policies": np.ones(shape, dtype=int),
        "theorem_3_1_violations": np.full(shape, knobs["violations_1"]),
        "theorem_3_1_rise": np.full(shape, 0.01 * knobs["violations_1"]),
        "theorem_3_2_premises": np.full(shape, knobs["premises"]),
        "theorem_3_2_violations": np.full(shape, knobs["violations_2"]),
        "policy_entropy": np.full(shape, knobs["entropy"]),
        "fullest": np.full(shape, knobs["fullest"]),
    }
    for agent in ("mean", "worst"):
        more = knobs["individual_gap"] * alone
        data[f"{agent}_individual_exploitability"] = data["exact_exploitability"] + more
        less = knobs["individual_loss"] * alone
        data[f"{agent}_individual_return"] = data["exact_return"] - less
    dims = ("architecture", "trial", "iteration")
    seconds = knobs["seconds"] * (1 + 0.01 * noise[..., 0])
    dataset = xr.Dataset(
        {name: (dims, values) for name, values in data.items()}
        | {"cpu_seconds": (dims[:2], seconds)},
        {
            "architecture": list(ARCHITECTURES),
            "trial": np.arange(knobs["trials"]),
            "iteration": k,
        },
    )
    parameters = {"discount": 0.9, "entropy_weight": 0.01, "agents": 50}
    parameters |= {key: knobs[key] for key in ("game", "score_rule")}
    if knobs["grows"]:
        parameters |= {
            "final_agents": 100,
            "population_change_at": INCREASE,
            "arrival_timing": knobs["arrival_timing"],
        }
    dataset.attrs = {"configuration": json.dumps(parameters)}
    return dataset


SAME = {}
LOW = {"plateau": 5.0}
STEPS = {"M_td=1": {"plateau": {"networked": 5.0}}, "M_td=2": {"plateau": {"networked": 5.0}}}
SIZES = {f"N={n}": {"seconds": 2.0 + 0.1 * n} for n in (10, 50, 300)}
AT_RANDOM = {"entropy": 0.97, "fullest": 0.08}
RANDOM_SCORE = {"score_rule": "random"}
NOT_FASTER = {"time": {"networked": 30}}
AGREED = {"some_distinct": 1}
# by comparison: knobs of its scenarios, and of its settings
COMPARISONS = {
    "table1": (
        {"failing": {}},
        {"paper": {"trials": 8}, "eta=0.001": {"time": 60}, "beta=0.01": {"time": 60}}
        | dict.fromkeys(("M_pg=1000", "M_pg=1500", "M_pg=2000", "M_pg=2500"), LOW)
        | dict.fromkeys(("L=300", "L=400"), LOW)
        | {eta: {"dip": 3.0} for eta in ("eta=0.1", "eta=1", "eta=10")}
        | dict.fromkeys(("lambda=0", "lambda=0.0001", "lambda=0.001", "W=100", "W=500"), SAME)
        | dict.fromkeys(("C=1", "C=5", "C=20", "C=50", "L_h=0.012", "L_h=0.005"), SAME)
        | dict.fromkeys(("sigma=sum", "sigma=return", "sigma=random"), {"dip": 3.0} | RANDOM_SCORE)
        | {"online": {"plateau": 0.6}},
    ),
    "steps": ({"undisturbed": {}, "failing": {}}, {**STEPS, "M_td=10": {}}),
    "agents": ({"agree": {}, "diffuse": {"game": "diffuse"}}, SIZES),
    "agents_300": ({"agree": {}, "diffuse": {"game": "diffuse"}}, {"N=300": {}}),
    "cluster": (
        {"undisturbed": {"game": "cluster"}, "failing": {"game": "cluster"}},
        {"N=25": {"plateau": 0.6}, "N=50": LOW},
    ),
    "entropy": (
        {game: {"game": game} for game in ("agree", "diffuse", "cluster")},
        {"lambda=0.1": AT_RANDOM, "lambda=1": AT_RANDOM},
    ),
    "corner": (
        {"diffuse": {"game": "diffuse"}, "agree": {}},
        {"paper": {"grows": True, "lasts": K}},
    ),
    "learner": (
        {"agree": {}, "diffuse": {"game": "diffuse"}},
        {"paper": {"plateau": {"centralised": 5.0}}},
    ),
    "bootstrap": (
        {"agree": {"drop": 0.0}},
        {agents: {"grows": True} for agents in ("N=10", "N=25", "N=50")} | {"N=200": {}},
    ),
    "arrivals": (
        {"agree": {"grows": True}, "diffuse": {"game": "diffuse", "grows": True}},
        {
            "after_learning": {},
            "before_learning": {"drop": 5.0, "arrival_timing": "before_learning"},
        },
    ),
    "consensus": (
        {score: {} for score in ("change", "sum", "return", "random")},
        dict.fromkeys(("complete", "ring", "wide ring"), AGREED) | {"ring, a round less": {}},
    ),
    "readings": (
        {
            "agree, failing": {},
            "diffuse, failing": {"game": "diffuse"},
            "agree, growing": {"grows": True},
            "diffuse, growing": {"game": "diffuse", "grows": True},
            "cluster, failing": {"game": "cluster"},
        },
        {"paper": NOT_FASTER, "D1 torus": NOT_FASTER, "sixth version": NOT_FASTER | RANDOM_SCORE}
        | {
            f"D24 {name}": RANDOM_SCORE
            for name in ("random score", "highest return", "softmax of returns")
        },
    ),
}
SPREAD = np.array([-1.0, -0.5, 0.0, 0.2, 0.5, 0.8])
THEORY = {
    "C25": {f"agree, {measure}": 0.3 + 0.1 * SPREAD for measure in ("root mean square", "bias")},
    "C26": {
        "agree, Nash gap": -2.0 + 0.1 * SPREAD,
        "agree, even policy, distance": -0.5 + 0.01 * SPREAD,
    },
    "C27": {"contraction": -0.3 + 0.1 * SPREAD},
}


def comparison(runs):
    """A comparison's dataset from those of its runs, by scenario and setting."""
    scenarios, settings = (list(dict.fromkeys(names)) for names in zip(*runs, strict=True))
    joining = {"join": "outer", "combine_attrs": "drop", "data_vars": "all"}
    blank = next(iter(runs.values())) * np.nan
    rows = [
        xr.concat(
            [runs.get((scenario, setting), blank) for setting in settings], "setting", **joining
        )
        for scenario in scenarios
    ]
    joined = xr.concat(rows, "scenario", **joining).astype("float32")
    joined = joined.assign_coords(scenario=scenarios, setting=settings)
    joined.attrs["configurations"] = json.dumps(
        {
            "|".join((*names, variant)): json.loads(dataset.attrs["configuration"])
            | {"architecture": variant}
            for names, dataset in runs.items()
            for variant in ARCHITECTURES
        }
    )
    return joined.rename(architecture="variant")


def _compared(name, changes):
    """A comparison; changes are knobs by setting, or by scenario and setting."""
    scenarios, settings = COMPARISONS[name]
    return comparison(
        {
            (scenario, setting): made_up(
                **{
                    **first,
                    **knobs,
                    **changes.get(setting, {}),
                    **changes.get((scenario, setting), {}),
                }
            )
            for scenario, first in scenarios.items()
            for setting, knobs in settings.items()
        }
    )


def world(ideal=None, **changes):
    """Evidence; changes are those to experiments, or to settings of comparisons, by name.

    What is not changed is that of `ideal`, if it is given.
    """
    experiments = dict(ideal.experiments) if ideal else {}
    comparisons = dict(ideal.comparisons) if ideal else {}
    for name in FIGURES:
        if name in changes or name not in experiments:
            usual = {"grows": name in GROWING, "game": GAMES[name]}
            usual |= {} if name in GROWING else UNSTEADY
            experiments[name] = made_up(**{**usual, **changes.get(name, {})})
    for name in COMPARISONS:
        if name in changes or name not in comparisons:
            comparisons[name] = _compared(name, changes.get(name, {}))
    theory = {name: changes.get(name, parts) for name, parts in THEORY.items()}
    return Evidence(experiments, comparisons, theory)
