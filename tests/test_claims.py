"""Every claim's rule on made-up data: a world in which all hold, and a change that breaks each."""

import dataclasses
import json

import numpy as np
import pytest
import xarray as xr

from mfgcore import ledger
from mfgcore.claims import (
    CLAIMS,
    FAILS,
    FIGURES,
    HOLDS,
    OPEN,
    Evidence,
    Judged,
    Rule,
    at_a_glance,
    judge,
    judge_one,
)
from mfgcore.claims.measures import rise_time, setback, speed_advantage
from mfgcore.statistics import Interval

ARCHITECTURES = ("centralised", "independent", "networked")
K, TRIALS, INCREASE = 80, 6, 40
GROWING = ("fig3", "fig4", "fig6")
BY_NAME = {
    # iterations until the plateau, and the plateau's return
    "time": {"centralised": 20, "independent": 25, "networked": 10},
    "plateau": {"centralised": 9.4, "independent": 9.0, "networked": 9.3},
    # by how much the return falls and the exploitability rises where the population grows
    "setback": {"centralised": 0.0, "independent": 5.0, "networked": 0.2},
    "divergence": {"centralised": 0.0, "independent": 0.5, "networked": 0.001},
    # by how much the return falls for a single iteration
    "dip": {"centralised": 0.0, "independent": 0.0, "networked": 0.0},
}
OTHERS = {"distinct": 1, "some_distinct": 3, "dip_at": 35, "shrinks": False, "at_targets": 0.9}
OTHERS |= {"seconds": 10.0, "grows": False, "violations_1": 0, "violations_2": 0, "premises": 1}
OTHERS |= {"exploitable": 0.3, "individual_gap": 3.0, "individual_loss": 3.0, "noise": 0.02}


def made_up(**changes):
    """A collected dataset; a change is a number, or for values by architecture a dict of some."""
    knobs = {**OTHERS, **{key: value for key, value in changes.items() if key in OTHERS}}
    for key, usual in BY_NAME.items():
        change = changes.get(key, {})
        knobs[key] = usual | (change if isinstance(change, dict) else dict.fromkeys(usual, change))
    rng = np.random.default_rng(7)
    k = np.arange(K)
    shape = (len(ARCHITECTURES), TRIALS, K)
    noise = knobs["noise"] * rng.normal(size=shape[:2])[..., None]

    def curves(value):
        return np.stack([np.tile(value(name), (TRIALS, 1)) for name in ARCHITECTURES])

    growth = 1.0 - k / K if knobs["shrinks"] else k / K
    distinct = np.full(shape, knobs["distinct"])
    distinct[..., 7] = knobs["some_distinct"]

    def fall(name):
        return knobs["setback"][name] * ((k > INCREASE) & (k <= INCREASE + 15)) * knobs["grows"]

    def returns(name):
        rise = np.minimum(k / knobs["time"][name], 1.0)
        dip = knobs["dip"][name] * (k == knobs["dip_at"])
        return 0.5 + (knobs["plateau"][name] - 0.5) * rise - fall(name) - dip

    alone = np.array([name == "independent" for name in ARCHITECTURES])[:, None, None]
    learned = 3.0 + (knobs["exploitable"] - 3.0) * (k > 30)
    exploitability = curves(lambda name: learned + 0.5 * fall(name))
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
        "theorem_3_2_premises": np.full(shape, knobs["premises"]),
        "theorem_3_2_violations": np.full(shape, knobs["violations_2"]),
    }
    more = knobs["individual_gap"] * alone
    data["mean_individual_exploitability"] = data["exact_exploitability"] + more
    data["mean_individual_return"] = data["exact_return"] - knobs["individual_loss"] * alone
    field = np.full(64, (1.0 - knobs["at_targets"]) / 60)
    field[[0, 7, 56, 63]] = knobs["at_targets"] / 4
    dims = ("architecture", "trial", "iteration")
    dataset = xr.Dataset(
        {name: (dims, values) for name, values in data.items()}
        | {
            "mean_field": ((*dims, "state"), np.broadcast_to(field, (*shape, 64)).copy()),
            "cpu_seconds": (dims[:2], knobs["seconds"] * (1 + 0.01 * noise[..., 0])),
        },
        {"architecture": list(ARCHITECTURES), "trial": np.arange(TRIALS), "iteration": k},
    )
    parameters = {"discount": 0.9, "score_rule": "smallest_change"}
    if knobs["grows"]:
        parameters["change_at"] = INCREASE
    dataset.attrs = {"configuration": json.dumps(parameters)}
    return dataset


LOW = {"plateau": 5.0}
STUDIES = {
    "arrivals": {
        "after_learning": {"grows": True},
        "before_learning": {"grows": True, "setback": 5.0},
    },
    "rounds": {key: {} for key in ("1", "5", "20", "50", "300")},
    "agents": {n: {"seconds": 2.0 + 0.1 * int(n)} for n in ("10", "50", "300")},
    "agents_cluster": {"25": {"plateau": 0.6}, "50": LOW},
    "transitions": dict.fromkeys(("1000", "1500", "2000", "2500"), LOW) | {"3000": {}},
    "steps_per_transition": {key: {"plateau": {"networked": 5.0}} for key in "12"} | {"10": {}},
    "replay_cycles": dict.fromkeys(("300", "400"), LOW) | {"500": {}},
    "policy_step_size": {key: {"dip": 3.0} for key in ("0.1", "1", "10")}
    | {"0.001": {"time": 60}, "0.01": {}},
    "entropy_weight": {key: {"at_targets": 0.07} for key in ("0.1", "1")}
    | {key: {} for key in ("0", "0.0001", "0.001", "0.01")},
}
BASELINES = {"rounds": "300", "agents": "50", "agents_diffuse": "50", "transitions": "3000"}
BASELINES |= {"steps_per_transition": "10", "replay_cycles": "500", "policy_step_size": "0.01"}
BASELINES |= {"entropy_weight": "0.01"}
STUDIES["arrivals_diffuse"] = STUDIES["arrivals"]
STUDIES["agents_diffuse"] = STUDIES["agents"]


def world(**changes):
    """Evidence; changes are those to experiments, or to values of ablations, by name."""
    experiments = {
        name: made_up(**{"grows": name in GROWING, **changes.get(name, {})}) for name in FIGURES
    }
    ablations = {}
    for name, settings in STUDIES.items():
        own = changes.get(name, {})
        datasets = [made_up(**{**knobs, **own.get(value, {})}) for value, knobs in settings.items()]
        joined = xr.concat(datasets, "setting", join="exact", combine_attrs="override")
        joined.attrs["baseline"] = BASELINES.get(name)
        ablations[name] = joined.assign_coords(setting=list(settings))
    return Evidence(experiments, ablations)


@pytest.fixture(scope="module")
def ideal():
    return world()


BROKEN = {
    "C1": [{name: {"time": {"networked": 30}}} for name in ("fig1", "fig2")],
    "C2": [{name: {"time": {"networked": 30}}} for name in ("fig1", "fig2")],
    "C3": [{name: {"plateau": {"networked": 9.8}}} for name in FIGURES]
    + [{"fig2": {"plateau": {"independent": 9.8}}}],
    "C4": [{"fig4": {"setback": {"networked": 5.0}}}, {"fig3": {"setback": 0.0}}],
    "C4b": [{"fig3": {"setback": {"independent": 0.0, "networked": 1.0}}}],
    "C4c": [
        {"arrivals": {"before_learning": {"setback": {"networked": 0.2}}}},
        {"arrivals": {"after_learning": {"setback": {"networked": 5.0}}}},
    ],
    "C5": [{"fig3": {"time": {"networked": 30}}}],
    "C5b": [{"fig3": {"time": {"networked": 30}}}],
    "C6": [
        {"fig1": {"divergence": {"networked": 0.3}}},
        {"fig2": {"divergence": {"independent": 0.01, "networked": 0.0}}},
    ],
    "C6b": [{"fig5": {"shrinks": True}}],
    "C7": [{"fig6": {"distinct": 2}}],
    "C7b": [{"rounds": {rounds: {"plateau": 8.0} for rounds in ("1", "5", "20", "50")}}],
    "C8": [
        {"fig5": {"time": {"centralised": 5}}},
        {"fig5": {"time": {"independent": 5}}},
        {"fig6": {"time": {"independent": 5}}},
        {"fig6": {"setback": 5.0}},
    ],
    "C9": [
        {"agents_cluster": {"25": {"plateau": 5.0}}},
        {"agents_cluster": {"50": {"plateau": 0.6}}},
    ],
    "C10": [
        {"agents_diffuse": {"10": {"plateau": {"centralised": 7.0}}}},
        {"agents": {"300": {"plateau": {"networked": 7.0}}}},
    ],
    "C11": [{"steps_per_transition": {"2": {"plateau": {"centralised": 4.0}}}}],
    "C11b": [{"steps_per_transition": {"1": {"plateau": {"centralised": 5.0}}}}],
    "C12": [
        {"transitions": {value: {"plateau": 9.3}}} for value in ("1000", "1500", "2000", "2500")
    ],
    "C13": [{"replay_cycles": {value: {"plateau": 9.3}}} for value in ("300", "400")],
    "C14": [
        {"policy_step_size": {"0.001": {"time": 5}}},
        {"policy_step_size": {"0.01": {"dip": 5.0}}},
    ],
    "C15": [{"entropy_weight": {value: {"at_targets": 0.9}}} for value in ("0.1", "1")],
    "C15b": [{"entropy_weight": {value: {"plateau": 5.0}}} for value in ("0", "0.0001", "0.001")],
    "C16": [{"agents": {"50": {"seconds": 2.0 + 0.1 * 50**2 / 300}}}],
    "C17": [{"fig2": {"violations_1": 1, "noise": 0.03}}],
    "C17b": [{"rounds": {"5": {"violations_2": 1, "noise": 0.03}}}],
    "C18": [{"fig4": {"individual_gap": 0.0}}, {"fig1": {"exploitable": 2.0}}],
    "C18b": [{"fig1": {"individual_loss": 0.0}}],
}


@pytest.mark.parametrize("name", CLAIMS)
def test_a_claim_holds_where_it_is_so(ideal, name):
    finding = judge_one(CLAIMS[name], ideal, seed=1)
    assert finding.verdict == HOLDS, finding
    assert all(part.verdict == HOLDS for part in finding.parts)


@pytest.mark.parametrize(
    ("name", "change"), [(name, change) for name in BROKEN for change in BROKEN[name]]
)
def test_a_claim_does_not_hold_where_it_is_not_so(name, change):
    finding = judge_one(CLAIMS[name], world(**change), seed=1)
    assert finding.verdict == FAILS, finding


def test_every_claim_is_broken_in_some_way():
    assert BROKEN.keys() == CLAIMS.keys()


@pytest.mark.parametrize("name", ["C1", "C3", "C9"])
def test_where_trials_differ_too_much_it_says_how_many_would_do(name):
    """Noise of the size of the effects."""
    changes = {"noise": 4.0}
    evidence = world(
        **dict.fromkeys(FIGURES, changes | {"time": {"networked": 19}, "plateau": 9.4}),
        agents_cluster={"25": {"plateau": 2.0} | changes, "50": {"plateau": 2.0} | changes},
    )
    finding = judge_one(CLAIMS[name], evidence, seed=1)
    undecided = [part for part in finding.parts if part.verdict == OPEN]
    assert finding.verdict == OPEN
    assert all(part.needed > TRIALS for part in undecided)


@pytest.mark.parametrize("name", CLAIMS)
def test_without_its_data_nothing_is_claimed(name):
    finding = judge_one(CLAIMS[name], Evidence({}, {}), seed=1)
    assert finding.verdict == OPEN
    assert finding.note


def test_one_trial_is_not_enough(ideal):
    first = {name: data.isel(trial=[0]) for name, data in ideal.experiments.items()}
    single = Evidence(first, {})
    finding = judge_one(CLAIMS["C1"], single, seed=1)
    assert finding.verdict == OPEN
    assert "single trial" in finding.note


def test_a_theorem_whose_premises_never_held_is_not_confirmed():
    none = {"premises": 0}
    studies = {study: dict.fromkeys(settings, none) for study, settings in STUDIES.items()}
    evidence = world(**dict.fromkeys(FIGURES, none), **studies)
    assert judge_one(CLAIMS["C17b"], evidence, seed=1).note == "its premises never held"


def test_a_claim_is_judged_alike_whatever_else_is_judged(ideal):
    alone = judge_one(CLAIMS["C5"], ideal, seed=1)
    together = {finding.claim.name: finding for finding in judge(ideal, seed=1)}
    assert together["C5"] == alone
    assert judge_one(CLAIMS["C5"], ideal, seed=2) != alone


def test_equal_policies_are_no_violation():
    """In an iteration that leaves one policy, what is counted is an equal one that was adopted."""
    same = {"violations_1": 1, "some_distinct": 1}
    evidence = world(**dict.fromkeys(FIGURES, same | {"noise": 0.03}))
    assert judge_one(CLAIMS["C17"], evidence, seed=1).verdict == HOLDS


@pytest.mark.parametrize(("arrivals", "felt"), [("after_learning", 41), ("before_learning", 40)])
def test_a_setback_is_counted_from_when_the_agents_are_there(arrivals, felt):
    """A dip of one iteration changes the ten iterations before or after the increase."""
    for at, expected in ((felt, 0.3), (felt - 1, -0.3), (felt + 9, 0.3), (felt + 10, 0.0)):
        data = made_up(grows=True, setback=0.0, noise=0.0, dip=3.0, dip_at=at)
        data.attrs["configuration"] = json.dumps({"change_at": 40, "arrivals": arrivals})
        np.testing.assert_allclose(setback(data, "networked"), expected, atol=1e-12)


def test_a_population_that_hardly_learns_does_not_decide_who_is_first():
    slow = {"time": {"networked": 1, "independent": 20}, "plateau": {"networked": 2.0}}
    data = made_up(**slow, noise=0.0)
    assert (speed_advantage(data, "networked", "independent") < -0.1).all()


def test_where_nothing_is_learned_nothing_is_equal():
    nothing = {"plateau": 0.6}
    studies = {
        name: dict.fromkeys(settings, nothing)
        for name, settings in STUDIES.items()
        if not name.startswith("arrivals")
    }
    evidence = world(**studies)
    for name in ("C7b", "C10", "C11", "C12", "C13", "C14", "C15b"):
        finding = judge_one(CLAIMS[name], evidence, seed=1)
        assert finding.verdict == OPEN
        assert "learn nothing" in finding.note


def test_the_arrival_is_the_first_iteration_at_nine_tenths():
    data = made_up(time={"networked": 20}, plateau={"networked": 10.5}, noise=0.0)
    assert rise_time(data, "networked").tolist() == [18] * TRIALS


def test_parts_of_one_rule_are_pooled(ideal):
    finding = judge_one(CLAIMS["C1"], ideal, seed=1)
    estimates = [part.interval.estimate for part in finding.parts]
    assert finding.pooled.estimate == pytest.approx(np.mean(estimates))
    assert judge_one(CLAIMS["C9"], ideal, seed=1).pooled is None


def test_the_lead_is_an_area():
    """Straight rises: networked reaches 90 % at 9 of 10 iterations, where the other is at 18 %."""
    data = made_up(time={"networked": 10, "independent": 50}, plateau=9.5, noise=0.0)
    expected = (np.arange(10) / 10 - np.arange(10) / 50).mean()
    lead = speed_advantage(data, "networked", "independent")
    np.testing.assert_allclose(lead, expected, rtol=1e-12)
    np.testing.assert_array_equal(speed_advantage(data, "independent", "networked"), -lead)


@pytest.mark.parametrize(
    ("rule", "low", "high", "verdict"),
    [
        (Rule("above", 0.1), 0.2, 0.3, HOLDS),
        (Rule("above", 0.1), 0.0, 0.05, FAILS),
        (Rule("above", 0.1), 0.0, 0.3, OPEN),
        (Rule("below", 0.1), 0.0, 0.05, HOLDS),
        (Rule("below", 0.1), 0.2, 0.3, FAILS),
        (Rule("within", 0.1), -0.05, 0.05, HOLDS),
        (Rule("within", 0.1), -0.3, -0.2, FAILS),
        (Rule("within", 0.1), -0.05, 0.2, OPEN),
        (Rule("zero", 0.0), 0.0, 0.0, HOLDS),
        (Rule("zero", 0.0), 0.0, 0.1, FAILS),
    ],
)
def test_rules_decide_by_the_whole_interval(rule, low, high, verdict):
    assert rule.decide(Interval((low + high) / 2, low, high, 10)) == verdict


def test_the_ledger_says_the_same_in_every_form(tmp_path):
    evidence = world(**BROKEN["C1"][0])
    findings, glance = judge(evidence, seed=1), at_a_glance(evidence)
    paths = [tmp_path / f"claims.{ending}" for ending in ("json", "md", "pdf", "png", "html")]
    ledger.write_json(findings, glance, {"experiments": {}}, paths[0])
    ledger.write_markdown(findings, glance, paths[1])
    ledger.plot_ledger(findings, paths[2:4])
    ledger.write_html(findings, paths[4])
    records = json.loads(paths[0].read_text())["claims"]
    text = paths[1].read_text()
    assert [record["claim"] for record in records] == list(BROKEN)  # in the order of the names
    for record, finding in zip(records, findings, strict=True):
        assert record["verdict"] == finding.verdict
        assert f"## {record['claim']}: {finding.verdict}" in text
        estimates = [part.interval.estimate for part in finding.parts]
        assert [part["estimate"] for part in record["parts"]] == estimates
    assert "C1 " in text
    assert "does not hold (1 of 2)" in text
    assert "does not hold (1 of 2)" in paths[4].read_text()
    assert paths[2].read_bytes().startswith(b"%PDF")


def test_a_glance_tells_where_it_ends_and_when(ideal):
    glance = at_a_glance(ideal)
    assert len(glance) == 6 * 3
    row = glance[8]
    assert (row["experiment"], row["architecture"]) == ("fig3", "networked")
    assert row["discounted_return"] == pytest.approx(9.3, abs=0.05)
    assert row["exploitability"] == pytest.approx(0.3, abs=0.01)
    assert row["arrived_at"] in (9, 10)  # 90 % to the bit, but for the noise
    shown = f"| fig3 | networked | {row['discounted_return']:.2f} ± "
    assert shown in ledger.to_markdown([], glance)


def test_the_number_of_trials_is_told_where_nothing_is_decided(ideal):
    finding = judge_one(CLAIMS["C5"], ideal, seed=1)
    undecided = Judged("fig3", Rule("above", 0.0), Interval(0.1, -0.1, 0.3, 6), 0.1, OPEN, 24)
    text = ledger.to_markdown([dataclasses.replace(finding, verdict=OPEN, parts=[undecided])])
    assert "inconclusive (0 of 1), some 24 trials would settle it" in text
