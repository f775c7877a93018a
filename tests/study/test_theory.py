"""The theory in numbers: each formula in a case done by hand, and the page as it was written."""

import itertools
import json
import math

import numpy as np
import pytest
from conftest import improve_policies
from project import ROOT

from mfgcore import Experiment, meanfield
from mfgcore.agents.networks import graph
from mfgcore.meanfield.policies import policy_distances
from mfgcore.study.theory import bounds, consensus, numbers, page, population_size
from mfgcore.study.theory import constants as c

CHAIN = np.array([[0.7, 0.3], [0.4, 0.6]])  # its second eigenvalue is 0.3
SHARES = np.array([4.0, 3.0]) / 7.0
NUMBERS = json.loads((ROOT / "docs/theory.json").read_text(encoding="utf-8"))


# ------------------------------------------------------------ by hand


def test_moves_of_two_states():
    chances = np.array([[[1.0, 0.0], [0.75, 0.25]], [[0.5, 0.5], [0.5, 0.5]]])
    assert c.move_constants(chances) == (1.0, 0.5)
    assert c.population_step((1.0, 0.5)) == 0.75


def test_moves_of_the_contraction_game():
    game = Experiment(game="contraction", network="complete").make_game()
    assert np.array_equal(c.transitions(game), [np.eye(2), np.eye(2)[::-1]])
    assert c.move_constants(c.transitions(game)) == (2.0, 2.0)


def test_rewards_of_the_contraction_game():
    """Minus 10 for a switch and minus the own share, over 11."""
    game = Experiment(game="contraction", network="complete").make_game()
    assert c.reward_spans(game) == pytest.approx((1 / 11, 10 / 11))
    assert c.reward_slope(game) == pytest.approx(1 / 22)


@pytest.mark.parametrize("name", numbers.PAPER_GAMES)
def test_no_reward_is_steeper_than_l_mu_and_some_are_nearly(name):
    game = numbers.configured(name).make_game()
    cell = np.flatnonzero(game.grid.targets)[0]
    shares = np.linspace(1.0 / 60.0, 0.9, 2000)
    mean_fields = np.zeros((shares.size, game.n_states))
    mean_fields[:, cell], mean_fields[:, cell + 1] = shares, 1.0 - shares
    paid = game.mean_field_rewards(mean_fields)[:, cell, 0]
    moved = np.abs(np.diff(mean_fields, axis=0)).sum(axis=1)
    steepest = (np.abs(np.diff(paid)) / moved).max()
    assert 0.9 * c.reward_slope(game) < steepest <= c.reward_slope(game) * (1.0 + 1e-9)


def test_the_gap_of_two_actions():
    """0.2 + 0.5 x 1 x 0.3 / (2 - 0.5 x 1)."""
    assert c.action_gap(0.5, (1.0, 1.0), (0.3, 0.2)) == pytest.approx(0.3)
    assert c.action_gap(1.0, (2.0, 1.0), (0.3, 0.2)) == math.inf


@pytest.mark.parametrize(("n_actions", "least"), [(2, 0.1), (2, 0.499), (3, 0.1), (5, 0.01)])
def test_the_least_probability_has_the_entropy_that_is_left(n_actions, least):
    rest = (1.0 - least) / (n_actions - 1)
    entropy = -least * math.log(least) - (1.0 - least) * math.log(rest)
    gap = math.log(n_actions) - entropy
    assert c.least_probability(n_actions, gap) == pytest.approx(least, rel=1e-6)


def test_no_probability_is_left_where_a_set_reaches_the_boundary():
    assert c.least_probability(2, math.log(2.0)) == 0.0
    assert c.least_probability(2, 0.99 * math.log(2.0)) > 0.0


def test_the_slope_of_the_entropy():
    assert c.entropy_slope(2.0, 2, 0.1) == pytest.approx(math.log(9.0))
    assert c.entropy_slope(2.0, 2, 0.0) == math.inf


def test_what_two_rows_share():
    assert c.overlap(CHAIN) == pytest.approx(0.7)
    assert c.overlap(np.eye(2)) == 0.0


def test_how_far_a_stationary_distribution_moves():
    assert c.population_limit(np.array([0.5]), 2, 0.5, 2.0) == pytest.approx(2.0)
    assert c.population_limit(np.array([0.5]), 2, 0.25, 2.0) == pytest.approx(4.0)
    # two steps share so much more that they are the better ones
    assert c.population_limit(np.array([0.1, 0.8]), 2, 0.5, 2.0) == pytest.approx(2.5)


def test_the_least_mass_of_a_pair():
    assert c.least_mass([np.full((2, 2), 0.5)], 2, 0.25) == pytest.approx(0.5 * 0.5 * 0.25)


def test_slopes_of_q_functions():
    """At gamma = 1/2 values are at most 0.2 + 0.5 x 1 x 1 / 0.5 apart."""
    assert c.value_slopes(0.5, 0.1, 0.2, 2.0, 0.0, 1.0) == pytest.approx((1.6, 0.2))


def test_contraction_and_iterations():
    assert c.contraction(1.0, 3.0, 2, 0.7) == pytest.approx(1.0 / 4.0 + 0.7 / 3.5)
    assert c.contraction(1e9, 3.0, 2, 0.6) == pytest.approx(0.6 / 3.0)  # whatever n is
    assert c.iterations_asked(0.5, 0.5) == pytest.approx(4.0)
    assert c.iterations_asked(0.5, 1.0) == math.inf


def test_the_chain_of_a_policy():
    policy = np.array([[0.7, 0.3], [0.6, 0.4]])  # stay, switch
    chances = np.array([np.eye(2), np.eye(2)[::-1]])
    chain, mass = c.stationary_chain(policy, SHARES, chances)
    assert chain == pytest.approx(CHAIN)
    assert mass == pytest.approx(4 / 7 * 0.3)


@pytest.mark.parametrize("steps", [1, 2, 5])
def test_mixing_falls_with_the_second_eigenvalue(steps):
    left, least = c.mixing(CHAIN, SHARES, steps)
    assert left == pytest.approx(4 / 7 * 0.3**steps)
    assert least == pytest.approx(3 / 7 * (1.0 - 0.3**steps))


def test_the_first_step():
    assert [c.first_step(lambda n, at=at: n >= at) for at in (1, 2, 7, 1000)] == [1, 2, 7, 1000]
    assert c.first_step(lambda n: False) is None


def test_updates_and_variation():
    assert c.updates_asked(1.0, 0.5, 2.0, 0.5) == 8.0 * (2.0 / 0.25) ** 2
    assert c.updates_asked(1.0, 0.5, 2.0, 0.0) == math.inf
    assert c.variation_allowed(1.0, 0.5, 2.0, 0.5) == pytest.approx(0.25 / (math.sqrt(8.0) * 2.0))


def test_distances_on_a_path():
    assert c.distances(graph(4, [(0, 1), (1, 2), (2, 3)])).max() == 3.0
    assert c.distances(graph(4, [(0, 1), (2, 3)])).max() == math.inf


def test_the_diameter_of_the_groups_that_somebody_is_in():
    links = graph(4, [(0, 1), (1, 2), (2, 3)])
    assert consensus.diameter(links, np.array([0, 1, 2])) == 2.0
    assert consensus.diameter(links, np.array([0, 0])) == 1.0
    assert consensus.diameter(links, np.array([0, 2])) == math.inf


@pytest.mark.parametrize("n_agents", [1, 2, 3])
def test_the_expected_distance_of_few_agents(n_agents):
    shares = np.array([0.3, 0.7])
    expected = sum(
        math.comb(n_agents, k) * 0.3**k * 0.7 ** (n_agents - k) * 2.0 * abs(k / n_agents - 0.3)
        for k in range(n_agents + 1)
    )
    assert population_size.expected_distance(shares, n_agents) == pytest.approx(expected)


def test_the_slope_of_a_power_is_its_exponent():
    sizes = np.array([10.0, 100.0, 1000.0])
    slope, half = population_size.slope(sizes, 3.0 / np.sqrt(sizes), 0.3 / np.sqrt(sizes))
    assert slope == pytest.approx(-0.5)
    # relative errors of 0.1 at log N = -log 10, 0 and log 10 about their mean
    assert half == pytest.approx(1.96 * 0.1 / (math.sqrt(2.0) * math.log(10.0)))


# ------------------------------------------------------------ bounds are bounds


@pytest.fixture(scope="module")
def small():
    """A game of two states at an entropy weight that leaves the boundary out."""
    weights = {"entropy_weight": 20.0, "policy_learning_rate": 0.5}
    return bounds.Bounds(Experiment(game="contraction", network="complete", **weights))


def policies_within(small, n_policies):
    """Policies of U, near its edge and far from it; (n_policies, 2, 2) float64."""
    least = small.least_probability(small.experiment.entropy_weight)
    first = np.random.default_rng(0).uniform(least, 1.0 - least, (n_policies, 2))
    first[::3] = np.where(first[::3] < 0.5, least, 1.0 - least)
    return np.stack((first, 1.0 - first), axis=2)


def values(small, policy, mean_field):
    """The Q-function without the entropy that does not depend on the action."""
    experiment = small.experiment
    weights = {"discount": experiment.discount, "entropy_weight": experiment.entropy_weight}
    found = meanfield.action_values(policy, mean_field, small.game, **weights)
    entropy = -(policy * np.log(policy)).sum(axis=1, keepdims=True)
    return found - experiment.entropy_weight * entropy


def test_stationary_distributions_and_values_move_no_faster_than_their_bounds(small):
    weight = small.experiment.entropy_weight
    limit, slope = small.limit(small.least_probability(weight)), small.slope(weight)
    policies = policies_within(small, 60)
    shares = meanfield.stationary_distribution(policies, small.game)
    found = [values(small, *each) for each in zip(policies, shares, strict=True)]
    moved, changed = [], []
    for i in range(60):
        for j in range(i):
            apart = policy_distances(policies[i][None], policies[j])[0]
            if apart > 1e-9:
                moved.append(np.abs(shares[i] - shares[j]).sum() / apart)
                changed.append(np.abs(found[i] - found[j]).max() / apart)
    assert 0.3 * limit < max(moved) <= limit
    assert 0.1 * slope < max(changed) <= slope


def test_mirror_ascent_contracts_at_least_as_its_bound_says(small):
    """The factor of one step at fixed values is 1 / (1 + eta lambda), and that at most."""
    experiment = small.experiment
    policies = policies_within(small, 30)
    rows = np.arange(30, dtype=np.int32)
    given = np.tile(values(small, policies[1], np.array([0.5, 0.5])).ravel(), (30, 1))
    after = improve_policies(experiment, policies, rows, given)
    step, weight = experiment.policy_learning_rate, experiment.entropy_weight
    factor = c.contraction(step, weight, 2, 0.0)
    before = np.linalg.norm(policies[:, None] - policies[None], axis=-1)
    ratios = np.linalg.norm(after[:, None] - after[None], axis=-1)[before > 1e-6]
    ratios /= before[before > 1e-6]
    assert 0.3 * factor < ratios.max() <= factor


def test_td_learning_is_no_further_from_its_values_than_the_bound():
    """Two states that are drawn alike, one action, rewards 0 and 1, gamma = 1/2."""
    discount, mass, n_updates, most = 0.5, 0.5, 4000, 2.0
    modulus = (1.0 - discount) * mass
    true = np.array([0.5, 1.5])
    rng = np.random.default_rng(0)
    found = np.full((300, 2), most)
    runs = np.arange(300)
    for m in range(n_updates):
        now, later = rng.integers(0, 2, (2, 300))
        error = found[runs, now] - now - discount * found[runs, later]
        found[runs, now] -= 2.0 / (modulus * (m + 2.0 / modulus)) * error
    error = math.sqrt(((found - true) ** 2).sum(axis=1).mean())
    # half of the square of the error is for the samples' bias, of which there is none
    allowed = math.sqrt(0.5 * c.updates_asked(1.0, discount, most, mass) / n_updates)
    assert 0.05 * allowed < error <= allowed


def test_the_weight_that_is_asked_for_is_where_the_contraction_begins(small):
    least = small.weight_asked
    assert c.contraction(1e6, 1.001 * least, 2, small.slope(1.001 * least)) < 1.0
    assert c.contraction(1e6, 0.999 * least, 2, small.slope(0.999 * least)) > 1.0


# ------------------------------------------------------------ the page


def close(found, kept):
    """Whether two structures of numbers are the same but for the last digits."""
    if isinstance(kept, dict):
        assert list(found) == list(kept)
        return all(close(found[key], kept[key]) for key in kept)
    if isinstance(kept, list):
        assert len(found) == len(kept)
        return all(map(close, found, kept))
    same = found == kept if isinstance(kept, (str, type(None))) else None
    return same if same is not None else found == pytest.approx(kept, rel=1e-4)


def test_the_page_shows_what_was_computed():
    text = (ROOT / "docs/theory.md").read_text(encoding="utf-8")
    assert text == page.page(NUMBERS)


@pytest.mark.parametrize("name", NUMBERS["constants"])
def test_the_constants_are_those_of_the_games(name):
    assert close(numbers.rounded(numbers.constants(name)), NUMBERS["constants"][name])
    assert numbers.rounded(numbers.used(name)) == NUMBERS["used"][name]


@pytest.mark.parametrize("name", numbers.PAPER_GAMES)
def test_equilibria_among_n_agents_are_those_of_the_games(name):
    found, kept = numbers.rounded(numbers.among(name)), NUMBERS["among"][name]
    assert close(found["moved"], kept["moved"])
    assert close(found["gain_slope"], kept["gain_slope"])


@pytest.mark.parametrize("name", ["radius", "small_world", "scale_free"])
def test_rounds_are_those_of_the_networks(name):
    assert close(numbers.rounded(consensus.measure(name)), NUMBERS["consensus"][name])


@pytest.mark.parametrize("name", numbers.PAPER_GAMES)
def test_distances_from_the_mean_field_are_those_of_the_games(name):
    """Expectations anew, slopes from the kept means, and the means near their expectations."""
    experiment, game = population_size.walk_of(name), population_size.game_of(name)
    taught = population_size.taught(experiment, game)
    shares = meanfield.stationary_distribution(taught, game)
    kept = NUMBERS["population"][name]["taught"]
    for row in kept["rows"]:
        expected = population_size.expected_distance(shares, row["agents"])
        assert row["expected_distance"] == pytest.approx(expected, rel=1e-4)
        assert abs(row["distance"] - expected) < 4.0 * row["distance_error"]
    columns = {key: [row[key] for row in kept["rows"]] for key in kept["rows"][0]}
    slope = population_size.slope(columns["agents"], columns["distance"], columns["distance_error"])
    assert slope == pytest.approx(kept["distance_slope"], rel=1e-3)


def test_the_page_says_of_its_numbers_what_they_are():
    """Sentences of the page that are no numbers."""
    for name in numbers.PAPER_GAMES:
        found, constants = NUMBERS["population"][name], NUMBERS["constants"][name]
        assert all(each["bias_slope"] < -0.5 for each in found.values())
        assert constants["L_pop_exact"] == 1.0 and constants["least_probability"] == 0.0
        assert constants["h_max"] < constants["L_h"]
        asked = [each["updates"] for each in constants["asked"]]
        assert asked[1] < bounds.AUTHORS < asked[2]
        among = NUMBERS["among"][name]
        slopes = [among["gain_slope"], among["moved_slope"]]
        assert slopes == [None, None] if name == "cluster" else max(slopes) < -0.5
    for network in NUMBERS["consensus"].values():
        assert network["most"] == network["diameter"]
    for row in NUMBERS["population"]["diffuse"]["taught"]["rows"]:
        assert row["bias"] < 0.1 * row["gap"]
    for row in NUMBERS["population"]["cluster"]["taught"]["rows"]:
        assert row["agents"] > 1000 or row["bias"] > 0.8 * row["gap"]
    calls = {
        (setting, algorithm): page.verdict(each["differences"]["networked"])
        for setting, algorithms in NUMBERS["theorem"].items()
        for algorithm, each in algorithms.items()
    }
    for algorithm in ("online", "replay"):
        assert calls["contraction", algorithm] == "does not hold"
        assert calls["contraction_asked", algorithm] == "holds"
        for setting in ("contraction", "contraction_asked"):
            low, high = NUMBERS["theorem"][setting][algorithm]["differences"][
                "networked, random score"
            ][1:]
            assert low < 0.0 < high
    ends = [each["ends"]["networked"] for each in NUMBERS["crowd"].values()]
    assert all(more[1] > fewer[2] for fewer, more in itertools.pairwise(ends[1:]))
    assert all(calls[setting, "exact"] == "holds, equal" for setting in NUMBERS["theorem"])
