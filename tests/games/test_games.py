"""Games, moves and networks against numbers worked out by hand (Sec. 2, F.1)."""

import functools
import math

import numpy as np
import pandas as pd
import pytest
import xarray as xr
from conftest import small
from reference import gossip

from mfgcore import ConfigurationError, games, kernels, simulate
from mfgcore.agents.networks import neighbour_cells
from mfgcore.games import GAMES, Game, Grid, GridGame
from mfgcore.games.validation import CHECKED_DISTANCES
from mfgcore.plotting import mean_field as draw_mean_field

CORNERS = (0, 7, 56, 63)
ELSEWHERE = [s for s in range(64) if s not in CORNERS]
STAY, UP, DOWN, LEFT, RIGHT = range(5)


def table(name, n_agents, size=8, max_agents=None):
    most = {"max_agents": max_agents or n_agents} if name == "cluster" else {}
    return GAMES[name](grid_size=size, **most).reward_table(n_agents)


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
    growing = small(game="cluster", agents=4, final_agents=16, population_change_at=1)
    np.testing.assert_allclose(growing.make_game().reward_table(4)[:, 1], 0.5, rtol=1e-15)


@pytest.mark.parametrize("name", ["cluster", "agree", "diffuse"])
@pytest.mark.parametrize("n_agents", [1, 2, 3, 50, 199])
def test_rewards_are_within_zero_and_one_and_nobody_is_paid_nothing(name, n_agents):
    reward = table(name, n_agents, max_agents=200)
    assert reward.shape == (64, n_agents + 1)
    assert ((reward >= 0) & (reward <= 1)).all()
    assert (reward[:, 0] == 0.0).all()


def test_an_unknown_game_is_answered_with_the_nearest_and_the_known_ones():
    with pytest.raises(ConfigurationError, match=r"did you mean 'agree'\?.*cluster.*diffuse"):
        small(game="agre")
    with pytest.raises(ConfigurationError, match=r"unknown game 'zzz' \(known: .*agree"):
        small(game="zzz")


@pytest.mark.parametrize("name", ["cluster", "agree", "diffuse"])
@pytest.mark.parametrize("n_agents", [1, 2, 7, 50])
def test_the_table_is_what_the_rewards_of_counts_say(name, n_agents):
    """To the bit: the fast path and the slow one are the same game."""
    game = GAMES[name](grid_size=3)
    counts = np.random.default_rng(n_agents).multinomial(n_agents, [1 / 9] * 9, size=40)
    paid = game.for_population(n_agents).rewards(counts / n_agents)
    there = counts > 0
    expected = game.reward_table(n_agents)[np.arange(9), counts]
    np.testing.assert_array_equal(paid[there], np.repeat(expected[there][:, None], 5, axis=1))


# ------------------------------------------------------------------- what an author states


class Fair(Game):
    """Two states, two actions, two outcomes: right in every respect."""

    name, n_states, actions = "fair", 2, ("stay", "go")

    def next_states(self):
        return np.array([[[0, 1], [0, 1]]] * 2, dtype=np.int32)

    def rewards(self, mean_fields):
        return self.normalised(mean_fields[..., None] * [0.5, 1.0], mean_fields)


def raising(self):
    raise KeyError("bar")


NARROW = {"actions": ("stay",), "next_states": lambda self: np.zeros((2, 1, 1), dtype=np.int32)}


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"actions": ("go", "go")}, r"actions = \('go', 'go'\) is not a tuple of different names"),
        ({"actions": ()}, r"actions = \(\)"),
        (
            {"next_states": lambda self: np.zeros((2, 2), dtype=int)},
            r"shape \(2, 2\), expected \(2, 2, K\)",
        ),
        (
            {"next_states": lambda self: np.full((2, 2, 2), 2)},
            r"holds 2, which is no state: they are 0 to 1",
        ),
        ({"next_states": lambda self: np.full((2, 2, 2), -1)}, "holds -1, which is no state"),
        ({"next_states": lambda self: np.zeros((2, 2, 2))}, "holds float64, expected states"),
        ({"next_states": raising}, "KeyError: 'bar'"),
        ({"next_states": Game.next_states}, r"next_states\(\) is not defined"),
        (
            {"transition_probabilities": lambda self: np.full((2, 2, 2), 0.4)},
            "sums to 0.8 in state 0, action 0",
        ),
        (
            {"transition_probabilities": lambda self: np.full((2, 2), 0.5)},
            r"shape \(2, 2\), expected \(2, 2, 2\)",
        ),
        (
            {"transition_probabilities": lambda self: np.array([[[1.5, -0.5]] * 2] * 2)},
            "holds -0.5, which is no probability",
        ),
        ({"transition_probabilities": lambda self: np.full((2, 2, 2), np.nan)}, "holds nan"),
        (
            {
                "mean_field_dynamics": True,
                "transition_probabilities": lambda self, mu: np.full((2, 2, 2), mu[0]),
            },
            r"transition_probabilities\(\) sums to",
        ),
        ({"extra_bytes": -1.0}, "extra_bytes = -1.0 is not a number >= 0"),
        ({"evaluation_cost": property(raising)}, "KeyError: 'bar'"),
        (
            {"initial_distribution": lambda self: [0.5, 0.4]},
            r"initial_distribution\(\) sums to 0.9, expected 1",
        ),
        (
            {"initial_distribution": lambda self: [1.0]},
            r"initial_distribution\(\) has shape \(1,\)",
        ),
        ({"initial_distribution": lambda self: [2.0, -1.0]}, "-1, which is no probability"),
        ({"rewards": lambda self, mu: np.zeros(7)}, r"shape \(7,\)"),
        (
            {"rewards": lambda self, mu: 4.0 * Fair.rewards(self, mu)},
            "holds 2 in state 0, action 1.*normalised",
        ),
        ({"rewards": lambda self, mu: np.nan * Fair.rewards(self, mu)}, "normalised"),
        ({"rewards": lambda self, mu: mu[:, None]}, "shape"),
        ({"rewards": lambda self, mu: Fair.rewards(self, mu * mu.max() ** 0.5)}, "among several"),
        ({"local_reward": True}, "more than the state and its own share"),
        (
            {"local_reward": True, **NARROW, "rewards": lambda self, mu: mu[..., ::-1, None]},
            "more than the state and its own share",
        ),
        ({"layout": "cube"}, "layout = 'cube' is not one of None, grid, line, ring"),
        ({"layout": "grid"}, "needs positions"),
        ({"state_names": ("a", "a")}, "state_names = .* is not a tuple of"),
        ({"positions": np.zeros((3, 2))}, "positions has shape"),
        ({"distances": np.zeros((2, 3))}, r"distances has shape \(2, 3\)"),
        ({"distances": np.ones((2, 2))}, "0 from a state to itself"),
        ({"distances": np.array([[0.0, 1.0], [2.0, 0.0]])}, "the same there and back"),
    ],
)
def test_what_an_author_states_is_checked_in_one_line(changed, message):
    Fair().check()
    with pytest.raises(ConfigurationError, match=message) as refused:
        type("Unfair", (Fair,), {**changed, "name": "unfair"})().check()
    assert str(refused.value).startswith("game 'unfair': ")
    assert "\n" not in str(refused.value)


class Converted:
    """What NumPy takes for an array, as those of other libraries."""

    def __init__(self, values):
        self.values = np.asarray(values)

    def __array__(self, dtype=None, copy=None):
        return np.array(self.values, dtype=dtype)


def as_list(values):
    return np.asarray(values).tolist()


def as_floats(values):
    return np.array(values, dtype=np.float64 if np.ndim(values) == 2 else None, order="F")


def as_frame(values):
    kinds = {1: pd.Series, 2: pd.DataFrame}
    return kinds.get(np.ndim(values), xr.DataArray)(values)


@pytest.mark.parametrize("given", [as_list, as_floats, as_frame, Converted, np.ma.array])
@pytest.mark.parametrize("coupled", [False, True])
def test_whatever_numpy_takes_for_an_array_goes_through_a_run(given, coupled, register, tmp_path):
    ends = np.array([[[s, (s + 1) % 4], [(s + 3) % 4, s]] for s in range(4)])
    apart = np.abs(np.subtract.outer(range(4), range(4)))

    class Given(Game):
        n_states, actions, layout = np.int64(4), ("stay", "go"), "grid"
        mean_field_dynamics = coupled
        state_names = ["a", "b", np.str_("c"), "d"]
        positions = given([[0, 0], [0, 1], [1, 0], [1, 1]])
        distances = functools.cached_property(lambda self: given(apart))

        def next_states(self):
            return given(ends)

        def transition_probabilities(self, mean_field=None):
            return given(np.full(ends.shape, 0.5))

        def rewards(self, mean_fields):
            return given(np.stack([1.0 - mean_fields] * 2, axis=-1))

        def initial_distribution(self):
            return given([0.25, 0.25, 0.5, 0.0])

    register(GAMES, "given", games.register(Given))
    leaving = {
        "final_agents": 3,
        "population_change_at": 1,
        "departure_rule": "nearest",
        "departure_state": 0,
    }
    run = simulate(small(game="given", agents=6, iterations=2, **leaving))
    assert run["row"].dtype.kind == "i" and run["state_name"].values.tolist() == list("abcd")
    if given is as_list and coupled:
        drawn = run.expand_dims(architecture=["networked"], trial=[0])
        draw_mean_field(drawn, drawings=[tmp_path / "maps.png"])


def test_distances_of_many_states_are_checked_where_they_are_heard_by(register):
    class Long(Fair):
        n_states = CHECKED_DISTANCES + 1
        distances = np.full((n_states, n_states), np.nan)

        def next_states(self):
            return np.zeros((self.n_states, 2, 1), dtype=np.int32)

    register(GAMES, "long", games.register(Long))
    experiment = small(game="long", network="radius")
    with pytest.raises(ConfigurationError, match=r"^game 'long': distances are not numbers >= 0"):
        experiment.make("network").links(2)


def test_a_class_is_known_by_its_name_in_snake_case_and_has_the_parameters_it_names():
    @games.register
    class SISGame2D(GridGame):
        """A game."""

        discount: float = 0.1
        own: int = 3

        def rewards(self, mean_fields):
            return self.normalised(0.0 * mean_fields[..., None], mean_fields)

    try:
        fields = "grid_size boundary obstacles slip_probability discount own"
        assert GAMES.needs("sis_game2_d") == tuple(fields.split())
        made = small(game="sis_game2_d", grid_size=4, discount=0.5).make_game()
        assert (made.grid_size, made.discount, made.own) == (4, 0.5, 3)
        assert type(made)(own=3) == type(made)()
    finally:
        GAMES.remove("sis_game2_d")


def test_the_papers_games_are_not_replaced_by_mistake():
    with pytest.raises(ConfigurationError, match="'agree' is one of mfgcore's"):
        games.register(type("Agree", (Fair,), {}))


# ------------------------------------------------------------------ slips, obstacles, starts


def test_a_slip_is_any_of_the_moves():
    game = games.Agree(grid_size=3, slip_probability=0.5)
    chance = np.zeros((9, 5, 9))
    for s, a, k in np.ndindex(9, 5, 6):
        chance[s, a, game.next_states()[s, a, k]] += game.transition_probabilities()[s, a, k]
    # in the middle: 0.5 + 0.1 for what is meant, 0.1 for each other
    np.testing.assert_allclose(chance[4, UP, [1, 4, 7, 3, 5]], [0.6, 0.1, 0.1, 0.1, 0.1])
    # in the corner: up and left stay
    np.testing.assert_allclose(chance[0, RIGHT, [0, 1, 3]], [0.3, 0.6, 0.1])


def test_obstacles_are_no_states_and_stop_who_walks_into_them():
    game = games.Diffuse(grid_size=3, obstacles="0,1 1,1")
    assert game.positions.tolist() == [[0, 0], [0, 2], [1, 0], [1, 2], [2, 0], [2, 1], [2, 2]]
    np.testing.assert_array_equal(game.next_states()[0, :, 0], [0, 0, 2, 0, 0])
    np.testing.assert_array_equal(game.next_states()[5, :, 0], [5, 5, 5, 4, 6])
    assert np.flatnonzero(game.grid.targets).tolist() == [0, 1, 4, 6]
    assert game.distances[0, 1] == 2.0
    assert small(obstacles="0,1 1,1").n_states == 7


@pytest.mark.parametrize(
    ("obstacles", "message"),
    [
        ("3,0", "3,0 is outside of the grid of 3 x 3 cells"),
        ("0,1 1,0", "leave no way to"),
        ("0,0 0,2 2,0 2,2", "none of the four corners"),
        (" ".join(f"{r},{c}" for r in range(3) for c in range(3)), "leave no way to any cell"),
        ("1;1", "is not a text such as '1,2 3,4', or null"),
        (3, "is not a text such as"),
    ],
)
def test_obstacles_that_leave_no_game_are_refused(obstacles, message):
    with pytest.raises(ConfigurationError, match=f"^obstacles: .*{message}"):
        small(obstacles=obstacles)


def test_agents_start_where_the_game_says():
    experiment = small()
    uniforms = experiment.random_streams.uniforms("initial_states", 0, 5000)
    even = experiment.random_streams.sample_initial_states(
        "initial_states", 0, 5000, experiment.make_game()
    )
    np.testing.assert_array_equal(even, np.floor(uniforms * 9))
    game = type(
        "Started",
        (Fair,),
        {"n_states": 4, "initial_distribution": lambda self: [0.0, 0.25, 0.75, 0.0]},
    )
    drawn = experiment.random_streams.sample_initial_states("initial_states", 0, 5000, game())
    np.testing.assert_array_equal(drawn, np.where(uniforms < 0.25, 1, 2))


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
