"""Equilibria: every method on games whose equilibria are known, and what is refused."""

import numpy as np
import pytest
import xarray as xr
from conftest import run, small

import mfgcore
from mfgcore import ConfigurationError, meanfield
from mfgcore.equilibrium import solve as solving
from mfgcore.equilibrium import tables
from mfgcore.equilibrium.games import game_digest, game_of
from mfgcore.equilibrium.solvers import SOLVERS, Problem
from mfgcore.games import GAMES

TOLERANCE = 1e-6
# where a policy's mean field, a fixed point, is not found on the way
LOST = {"kinetic_congestion"}
WEIGHTS = {"discount": 0.9, "entropy_weight": 0.01}


@pytest.mark.parametrize("name", [name for name in GAMES if name not in LOST])
def test_the_default_solves_every_shipped_game(name):
    found = mfgcore.solve(name)
    game, policy = GAMES[name](), found["policy"].values
    assert found.attrs["converged"] == 1 and found["exploitability"][-1] <= TOLERANCE
    assert meanfield.exploitability(policy, game, **WEIGHTS) <= TOLERANCE
    mean_field = meanfield.stationary_distribution(policy, game)
    np.testing.assert_allclose(found["mean_field"], mean_field, atol=1e-11)
    assert found["mean_field_residual"] <= 1e-11


def test_where_it_cannot_it_says_so_in_a_line():
    """At its edge the flow of the congested grid comes to rest too slowly."""
    found = mfgcore.solve("kinetic_congestion", iterations=12)
    assert found.attrs["converged"] == 0 and found.attrs["stopped"]
    assert len(found.attrs["stopped"].splitlines()) == 1
    assert np.nanmin(found["exploitability"]) > TOLERANCE


def test_it_says_which_policy_has_no_mean_field():
    """At the first one there is nothing to go back to, and without a step size no other way."""
    found = mfgcore.solve("kinetic_congestion", "fictitious_play")
    assert found.attrs["converged"] == 0 and found.sizes["iteration"] < 10_000
    assert "not found" in found.attrs["stopped"]


@pytest.mark.parametrize("method", SOLVERS)
def test_every_method_finds_the_one_equilibrium_of_a_game(method):
    """So much entropy that there is one, and best responses are a contraction."""
    tolerance = 1e-5 if method == "fictitious_play" else 1e-10
    found = mfgcore.solve("beach_bar", method, entropy_weight=1.0, tolerance=tolerance)
    assert found.attrs["converged"] == 1 and found.attrs["method"] == method
    other = mfgcore.solve("beach_bar", entropy_weight=1.0, tolerance=1e-13)
    apart = 10.0 * np.sqrt(tolerance)  # the exploitability is quadratic in the distance
    np.testing.assert_allclose(found["policy"], other["policy"], atol=apart)
    assert float(other["best_response_distance"]) < 1e-5


@pytest.mark.parametrize("method", SOLVERS)
def test_without_entropy_staying_is_found_where_it_always_pays(method):
    found = mfgcore.solve("contraction", method, entropy_weight=0.0, tolerance=1e-3)
    assert found.attrs["converged"] == 1
    assert (found["policy"].sel(action="stay") > 0.99).all()


def test_the_mirror_ascent_is_that_of_exact_runs():
    own = {"game": "beach_bar", "architecture": "centralised", "algorithm": "exact"}
    experiment = small(**own, policy_learning_rate=0.3)
    problem = Problem(
        experiment.make_game().for_population(experiment.agents),
        experiment.discount,
        experiment.entropy_weight,
    )
    policies = SOLVERS["mirror_ascent"](problem, problem.uniform_policy(), step_size=0.3)
    for iterations in range(experiment.iterations + 1):
        population = run(experiment, iterations=iterations).population
        learned = population.policies[population.policy_index[0]]
        np.testing.assert_allclose(next(policies), learned, rtol=1e-13, atol=0.0)


def test_fictitious_play_averages_how_often_agents_are_somewhere_and_act():
    game = GAMES["two_bars"]()
    problem, start = Problem(game, 0.9, 0.01), solving.nearly_uniform_policy(game)
    policies = SOLVERS["fictitious_play"](problem, start)
    found = [next(policies) for _ in range(4)]
    masses, best = [problem.mean_field(start)[:, None] * start], start
    for policy in found[:-1]:
        best = problem.best_response(problem.mean_field(policy))
        masses.append(problem.mean_field(best)[:, None] * best)
    mean = np.mean(masses, axis=0)
    np.testing.assert_allclose(found[-1], mean / mean.sum(axis=1, keepdims=True), atol=1e-12)


def test_a_game_may_be_a_name_a_game_or_an_experiments():
    given = {"grid_size": 3, "boundary": "torus"}
    experiment = small(game="diffuse", discount=0.7, entropy_weight=0.1, **given)
    by_name = mfgcore.solve("diffuse", discount=0.7, entropy_weight=0.1, **given)
    by_game = mfgcore.solve(GAMES["diffuse"](**given), discount=0.7, entropy_weight=0.1)
    for found in (by_game, mfgcore.solve(experiment)):
        xr.testing.assert_identical(found.drop_attrs(), by_name.drop_attrs())
        assert found.attrs["game_digest"] == by_name.attrs["game_digest"]


def test_one_of_few_agents_sees_another_game():
    game = GAMES["diffuse"](grid_size=3)
    few = mfgcore.solve(game.for_population(5))
    assert few.attrs["game_digest"] != mfgcore.solve(game).attrs["game_digest"]
    assert game_digest(game_of(few, "few")) == few.attrs["game_digest"]


def test_settings_of_a_game_are_read():
    found = mfgcore.solve("rock_paper_scissors", game_settings={"win": 2.0}, iterations=3)
    assert game_of(found, "x").win == 2.0


def test_a_method_of_ones_own_is_a_function(register):
    def lazy(problem, policy):
        """The start, thrice."""
        yield from [policy] * 3

    register(SOLVERS, "lazy", lazy)
    found = mfgcore.solve("two_bars", "lazy")
    assert found.sizes["iteration"] == 3 and found.attrs["converged"] == 0
    assert "step_size" not in found.attrs


def test_a_solution_is_the_start_of_another(tmp_path):
    found = mfgcore.solve("beach_bar")
    again = mfgcore.solve("beach_bar", initial_policy=found["policy"].values)
    assert again.sizes["iteration"] == 1
    mfgcore.save(again, tmp_path / "eq.nc")
    loaded = mfgcore.load(tmp_path / "eq.nc", kind="equilibrium")
    xr.testing.assert_identical(loaded, again)
    with pytest.raises(mfgcore.RunFileError):
        mfgcore.load(tmp_path / "eq.nc")


@pytest.mark.parametrize("name", ["two_bars", "rock_paper_scissors"])
def test_the_optimum_is_a_dataset_as_an_equilibrium_is(name, tmp_path):
    found, game = mfgcore.solve(name, objective="shared"), GAMES[name]()
    best = meanfield.welfare_optimum(game, **WEIGHTS)
    np.testing.assert_array_equal(found["policy"], best.policy)
    np.testing.assert_array_equal(found["mean_field"], best.mean_field)
    np.testing.assert_array_equal(found["welfare_by_start"], best.found)
    assert found["exact_return"] == best.welfare == found["welfare_by_start"].max()
    gap = meanfield.exploitability(best.policy, game, **WEIGHTS)
    assert float(found["exploitability"]) == pytest.approx(gap, abs=1e-12)
    assert found["mean_field_residual"] <= 1e-11
    selfish = mfgcore.solve(name)
    assert found["exact_return"] >= selfish["exact_return"] - 1e-6
    assert (found.attrs["objective"], selfish.attrs["objective"]) == ("shared", "own")
    for variable in [*found.data_vars, *found.coords]:
        assert found[variable].attrs["long_name"], variable
    mfgcore.save(found, tmp_path / "optimum.nc")
    loaded = mfgcore.load(tmp_path / "optimum.nc", kind="optimum")
    xr.testing.assert_identical(loaded, found)
    with pytest.raises(mfgcore.RunFileError):
        mfgcore.load(tmp_path / "optimum.nc", kind="equilibrium")


def test_what_n_agents_make_of_the_optimum_is_evaluated():
    found = mfgcore.solve("beach_bar", objective="shared")
    played = mfgcore.evaluate(found, agents=20, trials=5, burn_in=5)
    assert played["exact_return"].item() == pytest.approx(float(found["exact_return"]))
    gap = float(found["exploitability"])
    assert played["exact_exploitability"].item() == pytest.approx(gap, abs=1e-9)


def test_the_price_of_anarchy_is_optimum_over_equilibrium(monkeypatch):
    games = tables.games_by_name(["two_bars", "no_interaction"])
    for row in tables.welfare_by_game(games):
        assert row["exploitability"] <= TOLERANCE
        assert row["price"] == row["optimum"] / row["equilibrium"] >= 1.0 - 1e-6
    lost = mfgcore.solve("two_bars", iterations=1)
    monkeypatch.setattr(tables, "solve", lambda *_: lost)
    (row,) = tables.welfare_by_game(tables.games_by_name(["two_bars"]))
    assert np.isnan([row["equilibrium"], row["optimum"], row["price"]]).all()


def test_it_is_the_same_every_time():
    one, other = (mfgcore.solve("garnet", states=5, branching=3) for _ in range(2))
    xr.testing.assert_identical(one.drop_attrs(), other.drop_attrs())


def test_every_variable_is_described():
    found = mfgcore.solve("contraction")
    for name in [*found.data_vars, *found.coords]:
        assert found[name].attrs["long_name"], name


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        ({"game": "beach"}, ("game", "beach")),
        ({"game": 3}, ("game", "3")),
        ({"game": None}, ("game", "None")),
        ({"method": "newton"}, ("method", "newton")),
        ({"method": 1}, ("method", "1")),
        ({"discount": 1.0}, ("discount", "1.0")),
        ({"discount": -0.1}, ("discount", "-0.1")),
        ({"discount": float("nan")}, ("discount", "nan")),
        ({"discount": "0.9"}, ("discount", "0.9")),
        ({"entropy_weight": -1.0}, ("entropy_weight", "-1.0")),
        ({"entropy_weight": float("inf")}, ("entropy_weight", "inf")),
        ({"iterations": 0}, ("iterations", "0")),
        ({"iterations": 1.5}, ("iterations", "1.5")),
        ({"tolerance": -1e-6}, ("tolerance", "-1e-06")),
        ({"tolerance": float("nan")}, ("tolerance", "nan")),
        ({"step_size": 0.0}, ("step_size", "0.0")),
        ({"step_size": 1.5}, ("step_size", "1.5")),
        ({"step_size": 0.1, "method": "fictitious_play"}, ("step_size", "fictitious_play")),
        ({"initial_policy": np.ones((3, 3)) / 3}, ("initial_policy", "(3, 3)")),
        ({"initial_policy": np.ones((10, 3))}, ("initial_policy", "distribution")),
        ({"initial_policy": np.full((10, 3), np.nan)}, ("initial_policy", "distribution")),
        ({"objective": "common"}, ("objective", "common", "shared")),
        ({"objective": 2}, ("objective", "2")),
        ({"objective": "shared", "method": "fixed_point"}, ("method", "fixed_point", "shared")),
        ({"objective": "shared", "iterations": 5}, ("iterations", "5", "shared")),
        ({"objective": "shared", "tolerance": 0.1}, ("tolerance", "0.1", "shared")),
        ({"objective": "shared", "step_size": 0.1}, ("step_size", "0.1", "shared")),
        ({"objective": "shared", "initial_policy": np.ones((10, 3)) / 3}, ("initial_policy",)),
        ({"objective": "shared", "discount": 1.0}, ("discount", "1.0")),
        ({"grid_size": 3}, ("grid_size", "parameter")),
        ({"statess": 3}, ("statess", "states")),
        ({"states": 1}, ("states", "1")),
        ({"game_settings": {"no": 1}}, ("game_settings", "no")),
        ({"game_settings": 3}, ("game_settings", "3")),
        ({"game": GAMES["beach_bar"](), "states": 5}, ("states",)),
    ],
)
def test_what_cannot_be_solved_is_one_line(arguments, named):
    with pytest.raises(ConfigurationError) as error:
        mfgcore.solve(**{"game": "beach_bar"} | arguments)
    said = str(error.value)
    assert len(said.splitlines()) == 1 and all(word in said for word in named), said
