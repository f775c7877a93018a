"""Games, moves and networks against numbers worked out by hand (Sec. 2, F.1)."""

import math

import numpy as np
import pytest
from conftest import small
from reference import gossip

from mfgcore import ConfigurationError, games, kernels
from mfgcore.games import GAMES, Game, Grid
from mfgcore.networks import neighbour_cells

CORNERS = (0, 7, 56, 63)
ELSEWHERE = [s for s in range(64) if s not in CORNERS]
STAY, UP, DOWN, LEFT, RIGHT = range(5)


def table(name, n_agents, size=8, max_agents=None):
    return Game(name, Grid(size), max_agents or n_agents).reward_table(n_agents)


# ------------------------------------------------------------------------------------ rewards


def test_targets_are_the_four_corners():
    np.testing.assert_array_equal(np.flatnonzero(Grid(8).targets), CORNERS)
    np.testing.assert_array_equal(np.flatnonzero(Grid(3).targets), (0, 2, 6, 8))
    assert Grid(2).targets.all()


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        # who is not alone gets the fraction: r = -1, 2/4, 3/4, 4/4, normalised by (r + 1) / 2
        ("agree", [0.0, 0.75, 0.875, 1.0]),
        # the more agents share the target, the less: r = 9 - count / 4, by (r + 1) / 10
        ("diffuse", [0.975, 0.95, 0.925, 0.9]),
    ],
)
def test_agents_are_paid_at_targets_by_their_fraction(name, expected):
    reward = table(name, 4)
    np.testing.assert_allclose(reward[CORNERS, 1:], [expected] * 4, rtol=1e-15)
    assert (reward[ELSEWHERE] == 0.0).all()


@pytest.mark.parametrize("n_agents", [2, 3, 25, 49, 93, 200, 300])
def test_agree_counts_an_agent_as_accompanied_where_mu_exceeds_one_nth(n_agents):
    """`mu > 1/N` in doubles must not depend on how 1/N is rounded."""
    reward = table("agree", n_agents)
    assert (table("agree", 1) == 0.0).all()
    assert (reward[CORNERS, 1] == 0.0).all()
    np.testing.assert_allclose(reward[CORNERS, 2], (2 / n_agents + 1) / 2, rtol=1e-15)


def test_diffuse_uses_the_grids_own_size():
    # G = 3, two agents: r = 4 - 1/2 and 4 - 1, over G + 2 = 5
    np.testing.assert_allclose(table("diffuse", 2, size=3)[0, 1:], [4.5 / 5, 4.0 / 5], rtol=1e-15)


def test_cluster_pays_the_logarithm_of_the_fraction():
    reward = table("cluster", 16)
    # (log(count / 16) + log 16) / log 16 = log2(count) / 4
    for count, expected in ((1, 0.0), (2, 0.25), (4, 0.5), (8, 0.75), (16, 1.0)):
        np.testing.assert_allclose(reward[:, count], expected, rtol=0, atol=1e-15)
    np.testing.assert_allclose(reward[5, 3], math.log(3) / math.log(16), rtol=1e-14)


def test_cluster_stays_one_function_of_mu_when_the_population_grows():
    """D4: N_max is the largest population of the run, not the present one."""
    before, after = table("cluster", 4, max_agents=16), table("cluster", 16, max_agents=16)
    # (log(1/4) + log 16) / log 16
    np.testing.assert_allclose(before[:, 1], 0.5, rtol=1e-15)
    for count in range(1, 5):
        np.testing.assert_allclose(before[:, count], after[:, 4 * count], rtol=1e-14)
    # normalised by the present population, the same mean field would be paid differently
    assert not np.allclose(table("cluster", 4)[:, 1], after[:, 4])


def test_an_experiment_normalises_cluster_by_its_largest_population():
    growing = small(game="cluster", agents=4, agents_after=16, change_at=1)
    np.testing.assert_allclose(growing.make_game().reward_table(4)[:, 1], 0.5, rtol=1e-15)


@pytest.mark.parametrize("name", list(GAMES))
@pytest.mark.parametrize("n_agents", [1, 2, 3, 50, 199])
def test_rewards_are_within_zero_and_one_and_nobody_is_paid_nothing(name, n_agents):
    reward = table(name, n_agents, max_agents=200)
    assert reward.shape == (64, n_agents + 1)
    assert ((reward >= 0) & (reward <= 1)).all()
    assert (reward[:, 0] == 0.0).all()


def test_an_unknown_game_is_answered_with_the_nearest_and_the_known_ones():
    with pytest.raises(ConfigurationError, match=r"did you mean 'agree'\?.*cluster.*diffuse"):
        Game("agre", Grid(3), 2)
    with pytest.raises(ConfigurationError, match=r"^unknown game 'zzz' \(known: .*agree"):
        Game("zzz", Grid(3), 2)


@pytest.mark.parametrize(
    ("reward", "message"),
    [
        (lambda grid, fraction, accompanied, max_agents: np.zeros(7), "shape"),
        (lambda grid, fraction, accompanied, max_agents: fraction * 4.0, "normalised"),
        (lambda grid, fraction, accompanied, max_agents: fraction * np.nan, "normalised"),
    ],
)
def test_a_game_whose_table_does_not_fit_is_refused(register, reward, message):
    register(games.GAMES, "mine", reward)
    with pytest.raises(ConfigurationError, match=message):
        Game("mine", Grid(3), 4).reward_table(4)


# -------------------------------------------------------------------------------------- moves


def test_actions_are_stay_up_down_left_right():
    assert games.ACTIONS == ("stay", "up", "down", "left", "right")
    moves = Grid(8).next_state()
    assert moves.dtype == np.int32
    s = 3 * 8 + 4  # row 3, column 4
    np.testing.assert_array_equal(moves[s], [s, 20, 36, 27, 29])


def test_a_move_against_the_wall_leaves_the_agent_where_it_is():
    moves = Grid(8, "wall").next_state()
    np.testing.assert_array_equal(moves[0], [0, 0, 8, 0, 1])
    np.testing.assert_array_equal(moves[7], [7, 7, 15, 6, 7])
    np.testing.assert_array_equal(moves[56], [56, 48, 56, 56, 57])
    np.testing.assert_array_equal(moves[63], [63, 55, 63, 62, 63])


def test_a_move_off_a_torus_comes_in_on_the_other_side():
    moves = Grid(8, "torus").next_state()
    np.testing.assert_array_equal(moves[0], [0, 56, 8, 7, 1])
    np.testing.assert_array_equal(moves[63], [63, 55, 7, 62, 56])
    for action in range(5):  # every move is a permutation of the cells
        assert len(set(moves[:, action])) == 64


@pytest.mark.parametrize("boundary", ["wall", "torus"])
def test_opposite_moves_inside_the_grid_undo_each_other(boundary):
    moves = Grid(5, boundary).next_state()
    inside = [s for s in range(25) if 0 < s // 5 < 4 and 0 < s % 5 < 4]
    for there, back in ((UP, DOWN), (LEFT, RIGHT), (STAY, STAY)):
        np.testing.assert_array_equal(moves[moves[inside, there], back], inside)


# ------------------------------------------------------------------------------------ network


def neighbours_of(network, s):
    first, cells = network
    return cells[first[s] : first[s + 1]].tolist()


def test_the_papers_radius_reaches_21_cells_in_the_middle_of_the_grid():
    """0.2 * sqrt(2) * 8 = 2.263: squared offsets up to 5."""
    network = neighbour_cells(Grid(8), 0.2)
    s = 3 * 8 + 4
    offsets = [(r, c) for r in range(-2, 3) for c in range(-2, 3) if abs(r) < 2 or abs(c) < 2]
    assert len(offsets) == 21
    assert neighbours_of(network, s) == [s + 8 * r + c for r, c in offsets]
    assert neighbours_of(network, 0) == [0, 1, 2, 8, 9, 10, 16, 17]


def test_the_diagonal_from_corner_cell_to_corner_cell_reaches_9_cells():
    """0.2 * sqrt(2) * 7 = 1.980: squared offsets up to 2."""
    network = neighbour_cells(Grid(8), 0.2, "corners")
    assert neighbours_of(network, 28) == [19, 20, 21, 27, 28, 29, 35, 36, 37]
    assert neighbours_of(network, 0) == [0, 1, 8, 9]


def test_on_a_torus_every_cell_has_as_many_neighbours():
    for diagonal, n in (("cells", 21), ("corners", 9)):
        first, _ = neighbour_cells(Grid(8, "torus"), 0.2, diagonal)
        np.testing.assert_array_equal(np.diff(first), n)
    assert 63 in neighbours_of(neighbour_cells(Grid(8, "torus"), 0.2), 0)


def test_a_distance_equal_to_the_radius_counts():
    # sqrt(2) * 4 * radius = 1, 2 and sqrt(2): the next cells, the next but one, the diagonal ones
    for distance, offset in ((1.0, 1), (2.0, 2), (math.sqrt(2), 5), (math.sqrt(5), 6)):
        network = neighbour_cells(Grid(4), distance / (math.sqrt(2) * 4))
        assert offset in neighbours_of(network, 0)
        nearer = neighbour_cells(Grid(4), distance * 0.999999 / (math.sqrt(2) * 4))
        assert offset not in neighbours_of(nearer, 0)


def test_radius_zero_links_the_agents_of_one_cell_and_radius_one_everybody():
    first, cells = neighbour_cells(Grid(4), 0.0)
    np.testing.assert_array_equal(first, np.arange(17))
    np.testing.assert_array_equal(cells, np.arange(16))
    for diagonal in ("cells", "corners"):
        first, _ = neighbour_cells(Grid(4), 1.0, diagonal)
        np.testing.assert_array_equal(np.diff(first), 16)


@pytest.mark.parametrize("boundary", ["wall", "torus"])
@pytest.mark.parametrize("size", [2, 3, 5, 8])
@pytest.mark.parametrize("radius", [0.0, 0.1, 0.2, 0.3, 0.7])
def test_neighbours_are_the_cells_within_euclidean_distance(boundary, size, radius):
    network = neighbour_cells(Grid(size, boundary), radius)
    reach = radius * math.sqrt(2) * size
    for s in range(size**2):
        distances = [gossip.distance(s, other, size, boundary) for other in range(size**2)]
        expected = np.flatnonzero(np.array(distances) <= reach + 1e-9)
        assert neighbours_of(network, s) == expected.tolist()


# --------------------------------------------------------------------------------- experiment


def test_q_max_and_the_entropy_maximum_are_the_papers():
    experiment = small(discount=0.9, transitions=100)
    assert experiment.max_entropy == pytest.approx(0.01 * math.log(5), rel=1e-15)
    assert experiment.max_q_value == pytest.approx((1 + 0.01 * math.log(5)) / (1 - 0.9), rel=1e-15)
    uniform = kernels.policy_tables(np.full((1, 1, 5), 0.2), 0.01)["entropy"]
    assert uniform[0, 0] == pytest.approx(experiment.max_entropy, rel=1e-15)


@pytest.mark.parametrize("discount", [0.0, 0.1, 0.5, 0.9, 0.95])
def test_the_returns_horizon_is_the_first_that_discounts_to_a_millionth(discount):
    horizon = small(discount=discount, transitions=1000).return_horizon
    assert discount**horizon <= 1e-6 * (1 + 1e-9)
    assert horizon == 1 or discount ** (horizon - 1) > 1e-6
