"""The exchange of rewards against its twin and by its laws, on every build (D30)."""

import itertools

import networkx
import numpy as np
import pytest
from conftest import BUILDS
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from random_inputs import assert_equal_arguments, copies, random_links, random_walk, seeds
from reference import stepping

from mfgcore import kernels
from mfgcore.agents import graph


def with_exchange(walk, rng, n_steps, links, rounds, interval=1, n_discarded=0, **more):
    """Arguments of steps in which all agents record what they take for the average reward."""
    n_agents = walk["states"].size
    kept = n_steps // interval - n_discarded - (interval == 1 and n_discarded == 0)
    return walk | {
        "n_steps": n_steps,
        "learners": rng.permutation(n_agents).astype(np.int32),
        "transitions": np.zeros((n_agents, max(0, kept)), dtype=kernels.TRANSITION),
        "interval": interval,
        "n_discarded": n_discarded,
        "exchange_rounds": rounds,
        "estimate_errors": np.full(max(0, kept), np.nan),
        **links,
        **more,
    }


@given(
    seed=seeds,
    n_agents=st.integers(1, 14) | st.sampled_from([63, 66]),
    n_states=st.integers(1, 9) | st.just(70),
    n_actions=st.sampled_from([1, 3, 5]),
    n_next_states=st.integers(1, 3),
    tabled=st.booleans(),
    interval=st.integers(1, 4),
    n_discarded=st.integers(0, 3),
    further=st.integers(1, 4),
    left_over=st.integers(0, 3),
    rounds=st.integers(0, 5),
    weighted=st.booleans(),
    failing=st.booleans(),
    on_arrival=st.booleans(),
)
@settings(max_examples=250)
def test_estimates_in_any_game_and_network_are_those_of_the_twin(
    seed,
    n_agents,
    n_states,
    n_actions,
    n_next_states,
    tabled,
    interval,
    n_discarded,
    further,
    left_over,
    rounds,
    weighted,
    failing,
    on_arrival,
):
    rng = np.random.default_rng(seed)
    n_steps = (n_discarded + further) * interval + min(left_over, interval - 1)
    walk = random_walk(rng, n_agents, n_states, n_actions, 3, n_next_states, 0.0, tabled)
    links = random_links(rng, n_agents, n_states, weighted, failing)
    arrival = {"reward_after_move": on_arrival and tabled}
    arguments = with_exchange(walk, rng, n_steps, links, rounds, interval, n_discarded, **arrival)
    assume(arguments["transitions"].size)
    expected = copies(arguments)
    stepping.step_population(**expected)
    assert not np.isnan(expected["estimate_errors"]).any()
    for build in BUILDS.values():
        found = copies(arguments)
        build.step_population(**found)
        assert_equal_arguments(found, expected)


@pytest.mark.parametrize("weighted", [False, True])
def test_without_rounds_the_estimate_is_an_agents_own_reward(build, weighted):
    rng = np.random.default_rng(5)
    walk = random_walk(rng, 20, 9, 5, 4)
    links = random_links(rng, 20, 9, weighted, False)
    found = with_exchange(copies(walk), rng, 100, links, 0)
    own = copies({key: found[key] for key in [*walk, "n_steps", "learners", "transitions"]})
    build.step_population(**found)
    build.step_population(**own)
    np.testing.assert_array_equal(found["transitions"], own["transitions"])


GRAPHS = {
    "ring": networkx.cycle_graph(17),
    "path": networkx.path_graph(9),
    "star": networkx.star_graph(12),
    "tree": networkx.balanced_tree(2, 3),
    "grid": networkx.convert_node_labels_to_integers(networkx.grid_2d_graph(4, 5)),
    "lollipop": networkx.lollipop_graph(6, 5),
}


def errors_by_rounds(name, rounds, weights=None):
    """Mean squares of the errors, by transition, and the transitions of all agents."""
    network = GRAPHS[name]
    rng = np.random.default_rng(len(name))
    n_agents = network.number_of_nodes()
    found = graph(n_agents, network).arguments()
    links = {key: found[key] for key in ("first_neighbour", "neighbours", "groups")}
    walk = random_walk(rng, n_agents, 11, 3, 1, 1, 0.0, False)
    arguments = with_exchange(walk, rng, 40, links, rounds, link_weights=weights)
    kernels.step_population(**arguments)
    return arguments["estimate_errors"], arguments["transitions"]


@pytest.mark.parametrize("name", GRAPHS)
def test_as_many_rounds_as_the_diameter_give_everybody_the_exact_mean(name):
    diameter = networkx.diameter(GRAPHS[name])
    errors = [errors_by_rounds(name, rounds)[0] for rounds in range(diameter + 3)]
    assert all((each > 0.0).any() for each in errors[:diameter])
    for each in errors[diameter:]:
        np.testing.assert_array_equal(each, 0.0)


@pytest.mark.parametrize("name", GRAPHS)
def test_the_error_falls_with_the_rounds(name):
    weights = 1.0 / (1.0 + np.arange(GRAPHS[name].number_of_nodes()))
    for each in (None, weights):
        means = [errors_by_rounds(name, rounds, each)[0].mean() for rounds in (0, 1, 4, 40)]
        assert all(b < a or a == b == 0.0 for a, b in itertools.pairwise(means)), means
    # flooding ends; weights go on for ever, a hundredth of what they began with is left
    assert means[-1] < 1e-2 * means[0]


@given(
    seed=seeds,
    n_agents=st.integers(1, 40),
    rounds=st.integers(0, 30),
    failing=st.booleans(),
    steepness=st.sampled_from([0.1, 0.5, 1.0]),
)
def test_weights_keep_the_mean_over_the_agents(seed, n_agents, rounds, failing, steepness):
    """Of one policy, whose entropy is the same for all, as it is uniform."""
    rng = np.random.default_rng(seed)
    walk = random_walk(rng, n_agents, 6, 3, 1, 2, 0.0, False)
    uniform = np.full((1, 6, 3), 1.0 / 3.0)
    walk |= {
        "tables": kernels.policy_tables(uniform, 0.0),
        "policy_index": np.zeros_like(walk["states"]),
    }
    links = random_links(rng, n_agents, 6, True, failing)
    links["link_weights"] = steepness * links["link_weights"]
    found, own = (with_exchange(copies(walk), rng, 30, links, each) for each in (rounds, 0))
    for arguments in (found, own):
        kernels.step_population(**arguments)
    # what is stored is of single precision
    means = [each["transitions"]["reward"].mean(axis=0, dtype=float) for each in (found, own)]
    np.testing.assert_allclose(*means, atol=1e-7)
    assert (found["estimate_errors"] <= own["estimate_errors"] + 1e-15).all()


@given(seed=seeds, dropped=st.sampled_from([0, 2**50, 2**53]))
def test_links_that_all_fail_leave_everybody_its_own_reward(seed, dropped):
    rng = np.random.default_rng(seed)
    walk = random_walk(rng, 9, 5, 3, 2)
    everybody = graph(9, list(itertools.combinations(range(9), 2))).arguments()
    links = {key: everybody[key] for key in ("first_neighbour", "neighbours", "groups")}
    runs = [with_exchange(copies(walk), rng, 20, links, rounds) for rounds in (3, 0)]
    runs[0] |= {"drop_threshold": dropped, "seed": seed}
    for arguments in runs:
        kernels.step_population(**arguments)
    found, own = (each["estimate_errors"] for each in runs)
    assert (found <= own).all()
    if dropped == 2**53:
        np.testing.assert_array_equal(found, own)
    if dropped == 0:
        np.testing.assert_array_equal(found, 0.0)


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"first_neighbour": None}, "first_neighbour"),
        ({"neighbours": np.array([0, 1, 9], dtype=np.int32)}, "neighbours"),
        ({"groups": np.zeros(3, dtype=np.int32)}, "groups"),
        ({"exchange_rounds": -1}, "exchange_rounds"),
        ({"link_weights": np.ones(4)}, "link_weights"),
        ({"link_weights": np.full(4, np.nan)}, "link_weights"),
        ({"estimate_errors": np.zeros(3)}, "estimate_errors"),
        ({"neighbours": np.array([1, 1, 2], dtype=np.int32)}, "group 0"),
        (
            {
                "first_neighbour": np.array([0, 2, 3, 4], dtype=np.int32),
                "neighbours": np.array([0, 1, 1, 2], dtype=np.int32),
                "link_weights": np.zeros(4),
            },
            "both directions",
        ),
    ],
)
def test_what_does_not_fit_is_refused(build, wrong, message):
    rng = np.random.default_rng(1)
    walk = random_walk(rng, 4, 3, 3, 2)
    links = {
        "first_neighbour": np.array([0, 1, 2, 3], dtype=np.int32),
        "neighbours": np.array([0, 1, 2], dtype=np.int32),
    }
    with pytest.raises(ValueError, match=message):
        build.step_population(**with_exchange(walk, rng, 9, links, 1) | wrong)
