"""Every shipped game against numbers worked out by hand from its source's definition."""

import hashlib
import math

import numpy as np
import pytest
from conftest import assert_same_state, run, small
from reference import meanfield as reference

import mfgcore
from mfgcore import ConfigurationError, NumericalError, games, kernels, meanfield
from mfgcore.games import GAMES, Game, model
from mfgcore.meanfield import exact, stationary
from mfgcore.meanfield.transition_model import TransitionModel, breadth_first
from mfgcore.runs import checkpoint
from mfgcore.runs.simulation import Simulation

WEIGHTS = {"discount": 0.9, "entropy_weight": 0.01}


def chances(game, state, action, mean_field=None):
    """Transition probabilities by next state; dict."""
    given = () if mean_field is None else (np.array(mean_field),)
    row = game.actions.index(action)
    found = {}
    pairs = zip(
        game.next_states()[state, row],
        game.transition_probabilities(*given)[state, row],
        strict=True,
    )
    for to, chance in pairs:
        found[int(to)] = found.get(int(to), 0.0) + chance
    return {to: pytest.approx(chance, abs=1e-15) for to, chance in found.items() if chance > 0.0}


def paid(game, state, action, mean_field):
    return game.rewards(np.array(mean_field))[state, game.actions.index(action)]


def even(n):
    return np.full(n, 1.0 / n)


@pytest.mark.parametrize("name", GAMES)
def test_every_game_is_one(name):
    GAMES[name]().check()
    if name != "cluster":  # one agent alone has nobody to gather with
        GAMES[name]().for_population(20).check()


def test_games_are_found_in_their_modules_the_papers_first():
    """In the order of listings, which must not depend on that of a folder's files."""
    modules = [GAMES[name].__module__.rpartition(".")[2] for name in GAMES]
    first, *others = dict.fromkeys(modules)
    assert first == "paper" and others == sorted(others)
    assert games.Garnet is GAMES["garnet"]


def test_beach_bar():
    game = games.BeachBar()
    assert chances(game, 0, "left") == {8: 1 / 3, 9: 1 / 3, 0: 1 / 3}
    # at the bar, with a tenth of all: 1 + log 10; lowest -1/10, highest 1 + log 200
    expected = (1.0 + math.log(10) + 0.1) / (1.0 + math.log(200) + 0.1)
    assert paid(game, 5, "stay", even(10)) == pytest.approx(expected, rel=1e-15)
    # two steps away, on the move: 1 - 2/5 - 1/10 + log 10
    expected = (0.5 + math.log(10) + 0.1) / (1.0 + math.log(200) + 0.1)
    assert paid(game, 7, "left", even(10)) == pytest.approx(expected, rel=1e-15)
    assert game.distances[9, 1] == 2.0
    assert paid(game, 0, "left", np.eye(10)[0]) == 0.0


def test_two_bars():
    game = games.TwoBars()
    assert chances(game, 3, "right") == {3: 0.025, 4: 0.95, 5: 0.025}
    assert chances(game, 0, "left") == {0: 0.975 + 0.025}
    # between the bars, on the move, with a seventh of all: 5/7 - 20 - 4, from -44 to 5
    assert paid(game, 3, "left", even(7)) == pytest.approx((5 / 7 + 20) / 49, rel=1e-15)
    assert paid(game, 2, "stay", np.eye(7)[2]) == 1.0
    assert paid(game, 6, "left", np.eye(7)[2]) == 0.0


def test_lasry_lions_chain():
    game = games.LasryLionsChain()
    # from -2 - 3 * 9 - 40 to 0
    assert paid(game, 3, "stay", np.eye(7)[3]) == pytest.approx(29 / 69, rel=1e-15)
    assert paid(game, 1, "right", even(7)) == pytest.approx((55 - 40 / 7) / 69, rel=1e-15)
    assert small(game="lasry_lions_chain", states=9, network="radius").n_states == 9


def test_no_interaction():
    game = games.NoInteraction()
    assert paid(game, 6, "stay", even(7)) == 1.0
    assert paid(game, 6, "right", even(7)) == pytest.approx(6.0 / 6.1, rel=1e-15)
    assert paid(game, 0, "left", even(7)) == 0.0


def test_contraction():
    game = games.Contraction()
    assert chances(game, 0, "switch") == {1: 1.0}
    assert paid(game, 1, "switch", [0.25, 0.75]) == pytest.approx(0.25 / 11, rel=1e-14)
    # cost >= 9 congestion: staying is best against everybody in one state
    for mean_field in np.eye(2):
        best = meanfield.best_response(mean_field, game, discount=0.9, entropy_weight=0.0)
        assert best.policy[:, 0].tolist() == [1.0, 1.0]


def test_a_period_is_averaged_over():
    switch = np.array([[0.0, 1.0]] * 2)
    found = meanfield.stationary_distribution(switch, games.Contraction())
    assert found.tolist() == [0.5, 0.5]
    cycle = np.roll(np.eye(3), 1, axis=1)
    found = meanfield.stationary_distribution(cycle, games.RockPaperScissors())
    assert found == pytest.approx(even(3), rel=1e-15)


def test_four_rooms():
    game = games.FourRooms()
    assert game.n_states == 104
    state = {tuple(cell): s for s, cell in enumerate(game.positions.tolist())}
    # at a wall: the action stays, and so do the noise towards it and off the grid
    found = chances(game, state[0, 4], "right")
    assert found == {state[0, 4]: 0.6, state[0, 3]: 0.2, state[1, 4]: 0.2}
    # through the door, and one further
    found = chances(game, state[2, 4], "right")
    assert found == {state[2, 5]: 0.6, state[2, 4]: 0.2, state[2, 6]: 0.2}
    assert state[0, 6] in chances(games.FourRooms(through_walls=True), state[0, 4], "right")
    assert paid(game, 7, "up", even(104)) == pytest.approx(math.log(104) / math.log(200), rel=1e-14)
    # symmetric moves: whoever walks at random is everywhere alike
    found = meanfield.stationary_distribution(np.full((104, 5), 0.2), game)
    assert found == pytest.approx(even(104), rel=1e-12)


def test_rock_paper_scissors():
    game = games.RockPaperScissors()
    mean_field = [0.5, 0.3, 0.2]
    # rock beats scissors, and paper beats it: 0.2 - 0.3; 0.5 - 0.2; 0.3 - 0.5
    for state, expected in enumerate((-0.1, 0.3, -0.2)):
        assert paid(game, state, "rock", mean_field) == pytest.approx((expected + 1) / 2, rel=1e-14)
    assert meanfield.exploitability(np.full((3, 3), 1 / 3), game, **WEIGHTS) < 1e-14
    biased = games.RockPaperScissors(win=2.0, weights=(1.0, 2.0, 3.0))
    # scissors: 3 (2 mu(paper) - mu(rock)), from -3 to 6
    assert paid(biased, 2, "rock", mean_field) == pytest.approx((0.3 + 3) / 9, rel=1e-14)


def test_sis_epidemic():
    game = games.SISEpidemic()
    assert game.actions == ("0", "0.25", "0.5", "0.75", "1")
    assert chances(game, 0, "0.5", [0.7, 0.3]) == {0: 0.88, 1: 0.12}
    assert chances(game, 1, "1", [0.7, 0.3]) == {0: 0.1, 1: 0.9}
    assert paid(game, 1, "1", [0.7, 0.3]) == pytest.approx(1 / 11, rel=1e-14)
    assert paid(game, 0, "0", [0.7, 0.3]) == pytest.approx(10 / 11, rel=1e-14)


@pytest.mark.parametrize("activity", [0.2, 0.5, 1.0])
def test_the_endemic_fixed_point_is_found(activity):
    """mu(I) = 1 - nu / (beta a) where everybody susceptible goes out by a."""
    game = games.SISEpidemic(levels=2)
    policy = np.array([[1.0 - activity, activity], [0.0, 1.0]])
    found = meanfield.stationary_distribution(policy, game)
    assert found[1] == pytest.approx(1 - 0.1 / (0.8 * activity), abs=1e-10)
    metrics = meanfield.population_metrics(policy, game, discount=0.9, entropy_weight=0.0)
    assert metrics.residual <= meanfield.FLOW_TOLERANCE
    # E reward: (mu(S) a + mu(I) (1 - 10) + 10) / 11, for ever
    expected = (found[0] * activity - 9 * found[1] + 10) / 11 / (1 - 0.9)
    assert metrics.discounted_return == pytest.approx(expected, rel=1e-9)


def test_kinetic_congestion():
    game = games.KineticCongestion()
    mean_field = np.zeros(25)
    mean_field[[1, 5, 24]] = 0.09, 0.2, 0.71
    assert chances(game, 0, "right", mean_field) == {0: 0.5, 1: 0.5}
    assert chances(game, 0, "down", mean_field) == {0: 1.0}  # full
    assert chances(game, 0, "up", mean_field) == {0: 1.0}
    assert chances(game, 24, "right", mean_field) == {24: 1.0}  # its own cell is not entered
    assert paid(game, 24, "stay", mean_field) == 1.0
    assert paid(game, 0, "right", mean_field) == 0.0
    assert paid(game, 0, "stay", mean_field) == pytest.approx(0.1 / 1.1, rel=1e-14)
    found = meanfield.stationary_distribution(np.full((25, 5), 0.2), game)
    assert found == pytest.approx(even(25), rel=1e-9)


def test_garnet():
    game = games.Garnet(states=5, n_actions=2, branching=3, game_seed=3, coupling=0.0)
    assert not game.mean_field_dynamics
    _, base, _, _, between = game.drawn
    assert (base > 0).sum(axis=2).max() <= 3
    found = base / base.sum(axis=2, keepdims=True)
    np.testing.assert_allclose(game.transition_probabilities(), found, rtol=1e-14)
    assert (between == between.T).all()
    game = games.Garnet(states=5, n_actions=2, branching=3, game_seed=3)
    (c, k, c_paid, k_paid), base, pull, paid, between = game.drawn
    mean_field = np.array([0.1, 0.2, 0.3, 0.4, 0.0])
    left = np.maximum(c * base + k * (pull @ mean_field), 0.0)
    left = np.where(left.any(axis=2, keepdims=True), left, base)  # where nothing is left
    assert (left == base).all(axis=2).sum() == 1
    found = left / left.sum(axis=2, keepdims=True)
    np.testing.assert_allclose(game.transition_probabilities(mean_field), found, rtol=1e-12)
    low, high = game.reward_range
    expected = (c_paid * paid + (k_paid * between @ mean_field)[:, None] - low) / (high - low)
    np.testing.assert_allclose(game.rewards(mean_field), expected, rtol=1e-12)


def test_a_seed_stays_the_same_garnet():
    """NumPy does not promise to keep the streams of its distributions: the lock file pins them."""
    drawn = games.Garnet(states=5, n_actions=2, branching=3).drawn
    text = " ".join(f"{value:.12g}" for part in drawn for value in np.ravel(part))
    assert hashlib.sha256(text.encode()).hexdigest()[:16] == "b67d659a99ffe0b4"


# ------------------------------------------------------------------------- exact metrics


@pytest.mark.parametrize("name", GAMES)
def test_exact_metrics_of_any_game(name):
    """Values against the power series, exploitability against the difference of values."""
    game = GAMES[name]()
    shape = game.n_states, len(game.actions)
    policy = np.random.default_rng(1).dirichlet(np.ones(shape[1]), shape[0])
    metrics = meanfield.population_metrics(policy, game, **WEIGHTS)
    mean_field = meanfield.stationary_distribution(policy, game)
    given = (mean_field,) if game.mean_field_dynamics else ()
    moves = game.next_states(), game.transition_probabilities(*given)
    chain = reference.transition_matrix(policy, *moves)
    np.testing.assert_allclose(mean_field @ chain, mean_field, rtol=0, atol=1e-11)
    rewards = game.mean_field_rewards(mean_field)
    found = meanfield.policy_value(policy, mean_field, game, **WEIGHTS)
    expected = reference.power_series(policy, rewards, *moves, *WEIGHTS.values(), 400)
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-12)
    assert metrics.discounted_return == pytest.approx(mean_field @ found, abs=1e-9)
    best = meanfield.best_response(mean_field, game, **WEIGHTS)
    gain = mean_field @ best.values - mean_field @ found
    assert metrics.exploitability == pytest.approx(gain, abs=1e-9)
    q = meanfield.action_values(policy, mean_field, game, **WEIGHTS)
    np.testing.assert_allclose((policy * q).sum(axis=1), found, rtol=0, atol=1e-12)


@pytest.mark.parametrize("name", GAMES)
def test_order_and_sharing_change_no_bit(name):
    game = GAMES[name]()
    rng = np.random.default_rng(2)
    policies = rng.dirichlet(np.ones(len(game.actions)), (3, game.n_states))
    index = np.array([0, 1, 1, 2, 0, 1])
    one = meanfield.population_metrics(
        policies, game.for_population(6), **WEIGHTS, policy_index=index
    )
    other = meanfield.population_metrics(policies[index][::-1], game.for_population(6), **WEIGHTS)
    assert vars(one).keys() == vars(other).keys()
    for key in vars(one):
        np.testing.assert_array_equal(getattr(one, key), getattr(other, key), key)
    assert np.isfinite(one.mean_individual_return)


def test_an_agent_of_n_counts_itself():
    game = games.RockPaperScissors().for_population(4)
    # one who shows rock among three others, all of whom show scissors: mu = (1, 0, 3) / 4
    found = game.mean_field_rewards(np.array([0.0, 0.0, 1.0]))
    assert found[0, 0] == pytest.approx((3 / 4 + 1) / 2, rel=1e-15)
    assert found[2, 0] == pytest.approx(1 / 2, rel=1e-15)


def test_how_many_mean_fields_are_asked_for_at_a_time_changes_no_bit(monkeypatch):
    game, mean_field = (
        games.BeachBar().for_population(7),
        np.random.default_rng(1).dirichlet(np.ones(10)),
    )
    together = game.mean_field_rewards(mean_field)
    monkeypatch.setattr(model, "CHUNK_SIZE", 30)  # three of ten
    np.testing.assert_array_equal(game.mean_field_rewards(mean_field), together)


class Restless(Game):
    """Everybody leaves where most are: no fixed point, and no flow that rests."""

    name, n_states, actions = "restless", 2, ("go",)
    mean_field_dynamics = True

    def next_states(self):
        return np.array([[[0, 1]]] * 2, dtype=np.int32)

    def transition_probabilities(self, mean_field=None):
        there = 1.0 if mean_field[0] >= 0.5 else 0.0
        return np.full((2, 1, 2), [1.0 - there, there])

    def rewards(self, mean_fields):
        return self.normalised(mean_fields[..., None], mean_fields)


def test_what_did_not_converge_is_no_number():
    game, policy = Restless(), np.ones((2, 1))
    game.check()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(stationary, "MAX_PUSHES", 200)
        metrics = meanfield.population_metrics(policy, game, **WEIGHTS)
        assert metrics.residual > 0.1
        for value in (metrics.discounted_return, metrics.mean_individual_exploitability):
            assert math.isnan(value)
        with pytest.raises(NumericalError, match=r"fixed point, is not found: .* 200 st"):
            meanfield.exploitability(policy, game, **WEIGHTS)


def test_what_is_missing_for_a_reason_is_collected(tmp_path):
    experiment = small(iterations=2)
    dataset = mfgcore.simulate(experiment)
    dataset["exact_return"][0] = np.nan
    mfgcore.save(dataset, tmp_path / "run.nc")
    with pytest.raises(mfgcore.RunFileError, match="exact_return is not finite"):
        mfgcore.collect([tmp_path / "run.nc"], [experiment])
    dataset["exact_residual"][0] = 1e-3
    mfgcore.save(dataset, tmp_path / "run.nc", overwrite=True)
    collected = mfgcore.collect([tmp_path / "run.nc"], [experiment])
    assert np.isnan(collected["exact_return"][0, 0, 0])


def test_the_file_says_why_exact_metrics_are_missing(monkeypatch):
    flow = even(9)[None], 0.5
    monkeypatch.setattr(exact, "stationary_flow", lambda policies, shares, game: flow)
    dataset = mfgcore.simulate(small(iterations=3, architecture="centralised"))
    assert dataset.attrs["missing"].startswith("exact metrics at iterations 0, 2: no fixed point")
    assert np.isnan(dataset["exact_exploitability"][0])


@pytest.mark.parametrize("name", GAMES)
def test_builds_threads_and_resuming_change_no_bit_in_any_game(name, build, tmp_path, monkeypatch):
    experiment = small(game=name, network="complete", iterations=4, failure_probability=0.3)
    whole = run(experiment)
    assert np.isfinite(whole.records["exact_return"][::2]).all()
    monkeypatch.setattr(kernels, "_chosen", build)
    checkpoint.save(run(experiment, threads=3, iterations=2), tmp_path / "half")
    resumed = Simulation(experiment)
    checkpoint.restore(resumed, tmp_path / "half")
    resumed.step()
    resumed.step()
    assert_same_state(whole, resumed)


def test_states_are_taken_in_an_order_in_which_links_are_short():
    for size in range(2, 12):
        assert TransitionModel(GAMES["agree"](grid_size=size)).order is None
    torus = GAMES["agree"](boundary="torus")
    moves = TransitionModel(torus)
    links = np.abs(moves.next_states - np.arange(64)[:, None, None])
    assert links.max() < 30 < np.abs(torus.next_states() - np.arange(64)[:, None, None]).max()
    assert sorted(moves.order) == list(range(64))
    # two separate pieces, and a state of its own
    assert sorted(breadth_first(5, np.array([[0, 3], [3, 0]]))) == list(range(5))


def test_games_without_distances_know_no_radius():
    message = r"^network: 'radius' is not allowed: the states of game 'garnet' have no distances$"
    with pytest.raises(ConfigurationError, match=message):
        small(game="garnet")
    assert small(game="garnet", architecture="independent", states=5, branching=2).n_states == 5
