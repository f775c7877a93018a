"""Networks: who hears whom, links that fail, and how soon a policy is everybody's (Def. 2.6)."""

import dataclasses
import itertools

import numpy as np
import pytest
from conftest import assert_same_state, run, small
from hypothesis import given
from hypothesis import strategies as st
from reference import gossip

from mfgcore import ConfigurationError, Experiment
from mfgcore.agents.networks import NETWORKS, graph, sampled
from mfgcore.experiment import random_streams as streams

seeds = st.integers(0, 2**32 - 1)
FAMILIES = {
    "radius": {"communication_radius": 0.3},
    "complete": {},
    "ring": {"nearest_neighbours": 2},
    "erdos_renyi": {"link_probability": 0.4, "resample_links": False},
    "small_world": {"nearest_neighbours": 4, "rewiring_probability": 0.2},
    "scale_free": {"attachment_edges": 2},
    "edge_list": {"allow_disconnected": True},
}
PATH = "0 1\n1 2\n\n2 3 # the middle\n4 3\n4 5\n"  # of six agents


@pytest.fixture
def edges(tmp_path, monkeypatch):
    """A folder with a file that links six agents to a path."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "path.txt").write_text(PATH)


def of_family(name, **settings):
    own = {"edges": "path.txt"} if name == "edge_list" else {}
    return small(network=name, **own, **FAMILIES[name], **settings)


def linked(links, states):
    """Whether each two agents are linked; (n_agents, n_agents) bool."""
    groups = states if links.groups is None else links.groups
    near = np.zeros((links.first_neighbour.size - 1,) * 2, dtype=bool)
    for g in range(len(near)):
        near[g, links.neighbours[links.first_neighbour[g] : links.first_neighbour[g + 1]]] = True
    return near[groups][:, groups]


def hops(near):
    """Lengths of the shortest paths between agents; infinity where there is none."""
    lengths = np.where(near, 1.0, np.inf)
    np.fill_diagonal(lengths, 0.0)
    for via in range(len(near)):
        lengths = np.minimum(lengths, lengths[:, [via]] + lengths[[via], :])
    return lengths


# ----------------------------------------------------------------------------------- families


@pytest.mark.parametrize("name", FAMILIES)
def test_every_family_is_tested_and_links_both_ways_and_everybody_to_itself(name, edges):
    assert list(FAMILIES) == list(NETWORKS)
    near = linked(of_family(name).make("network").links(6), np.array([0, 1, 4, 4, 8, 2]))
    assert (near == near.T).all() and near.diagonal().all()
    assert name == "complete" or not near.all()


def test_a_ring_links_the_nearest_by_number():
    near = linked(
        small(network="ring", agents=9, nearest_neighbours=4).make("network").links(9), None
    )
    apart = (np.arange(9)[:, None] - np.arange(9)) % 9
    np.testing.assert_array_equal(near, np.minimum(apart, 9 - apart) <= 2)


def test_random_families_have_the_links_that_their_parameters_say():
    world = small(network="small_world", agents=60, rewiring_probability=0.3)
    free = small(network="scale_free", agents=60, attachment_edges=3)
    once = small(network="erdos_renyi", agents=60, link_probability=0.3, resample_links=False)
    degrees = [
        linked(each.make("network").links(60), None).sum(1) - 1 for each in (world, free, once)
    ]
    assert degrees[0].sum() == 60 * 4 and set(degrees[0]) != {4}
    assert degrees[1].sum() == 2 * 3 * (60 - 3) and degrees[1].max() > 4 * np.median(degrees[1])
    # six standard deviations of a binomial number of 1770 pairs
    assert abs(degrees[2].sum() / 2 - 531) < 6 * 19.3


@pytest.mark.parametrize("name", ["erdos_renyi", "small_world", "scale_free"])
def test_a_random_network_follows_from_the_trial_alone(name):
    one, again, other, smaller = (
        of_family(name, agents=20, **settings)
        for settings in ({}, {"architecture": "independent"}, {"trial": 1}, {"iterations": 2})
    )
    made = [
        each.make("network").links(20).neighbours.tolist() for each in (one, again, other, smaller)
    ]
    assert made[0] == made[1] == made[3] != made[2]


def test_a_network_of_another_number_of_agents_is_made_anew_from_the_same_stream():
    growing = of_family("scale_free", final_agents=9, population_change_at=1)
    simulated = run(growing)
    nine = of_family("scale_free", agents=9).make("network").links(9)
    np.testing.assert_array_equal(simulated._network.links(9).neighbours, nine.neighbours)


def test_a_network_draws_from_streams_of_its_own():
    settings = {"iterations": 1, "communication_rounds": 0}
    other = {"network": "erdos_renyi", "link_failure_probability": 0.5}
    assert_same_state(run(small(**settings)), run(small(**settings, **other)))
    assert streams.PURPOSES[9:11] == ("network", "links")


# -------------------------------------------------------------------------------- the diameter


def adopt(build, links, ranks, seed=0, states=None):
    """One round of a build, in which ranks change."""
    told = links.arguments()
    groups = states if links.groups is None else links.groups
    network = groups, ranks, links.first_neighbour, links.neighbours
    build.adopt_policies(*network, seed, told["drop_threshold"], told["probability"])


@pytest.mark.parametrize("name", FAMILIES)
@pytest.mark.parametrize("first", [0, 10, 20])
def test_a_static_connected_network_agrees_within_its_diameter_and_no_sooner(
    build, name, first, edges
):
    """The paper after Theorem 3.1, whatever the score; one round fewer is not always enough."""
    n_agents = 6 if name == "edge_list" else 14
    for trial in itertools.count(first):  # the first that is connected
        experiment = of_family(name, trial=trial, agents=n_agents)
        states = experiment.random_streams.integers("initial_states", 0, n_agents, 9)
        links = experiment.make("network").links(n_agents)
        lengths = hops(linked(links, states))
        if np.isfinite(lengths).all():
            break
    diameter = int(lengths.max())
    disagreed = False
    for best in range(n_agents):
        scores = np.random.default_rng([trial, best]).permutation(n_agents) + 1.0
        scores[best] = 0.0
        ranks = scores.argsort().argsort().astype(np.int32)
        for rounds in range(diameter + 1):
            near = lengths[best] <= rounds
            assert (ranks[near] == 0).all() and (ranks[~near] > 0).all()
            if rounds < diameter:
                adopt(build, links, ranks, states=states)
            disagreed |= rounds == diameter - 1 and not near.all()
        assert near.all()
    assert disagreed


# ------------------------------------------------------------------------------- links that fail


def test_the_words_of_links_are_the_published_ones():
    assert [gossip.splitmix(1234567, n) for n in range(3)] == [
        6457827717110365317,
        3203168211198807973,
        9817491932198370423,
    ]


@given(seed=seeds, n_agents=st.integers(1, 12), down=st.sampled_from([0.0, 0.1, 0.7, 1.0]))
def test_a_round_on_a_graph_is_the_twins(build, seed, n_agents, down):
    rng = np.random.default_rng(seed)
    pairs = list(itertools.combinations(range(n_agents), 2))
    edges = [pair for pair in pairs if rng.random() < 0.4]
    links = dataclasses.replace(graph(n_agents, edges), drop_probability=down)
    ranks = rng.integers(0, n_agents, n_agents, dtype=np.int32)
    heard = gossip.failing(gossip.along(edges), [seed], down)
    expected = gossip.adopt(ranks.tolist(), links.groups, heard)
    adopt(build, links, ranks, seed)
    np.testing.assert_array_equal(ranks, expected)


@given(seed=seeds, n_agents=st.integers(1, 12), probability=st.floats(0.0, 0.999))
def test_a_round_of_a_graph_that_is_redrawn_is_the_twins(build, seed, n_agents, probability):
    ranks = np.random.default_rng(seed).integers(0, n_agents, n_agents, dtype=np.int32)
    expected = gossip.adopt_from_anyone(ranks.tolist(), seed, probability)
    everybody = small(network="complete").make("network").links(n_agents)
    adopt(build, dataclasses.replace(everybody, probability=probability), ranks, seed)
    np.testing.assert_array_equal(ranks, expected)


def test_a_graph_that_is_redrawn_is_every_graph_as_often_as_it_should_be(build):
    """What four agents hold after a round, two of them the same: its joint law, by all graphs."""
    held, probability, n = [0, 1, 1, 3], 0.3, 20000
    pairs = list(itertools.combinations(range(4), 2))
    law, found = {}, {}
    for some in itertools.product((False, True), repeat=len(pairs)):
        edges = list(itertools.compress(pairs, some))
        after = tuple(gossip.adopt(held, held, gossip.along(edges)))
        chance = np.prod([probability if linked else 1 - probability for linked in some])
        law[after] = law.get(after, 0.0) + chance
    links = dataclasses.replace(small(network="complete").make("network").links(4), probability=0.3)
    for seed in range(n):
        ranks = np.array(held, dtype=np.int32)
        adopt(build, links, ranks, seed)
        found[tuple(ranks)] = found.get(tuple(ranks), 0) + 1
    assert found.keys() <= law.keys()
    chi = sum((found.get(key, 0) - n * p) ** 2 / (n * p) for key, p in law.items())
    # four standard deviations and more above its mean
    assert chi < len(law) + 6 * (2 * len(law)) ** 0.5


@pytest.mark.parametrize("probability", [0.0, 0.25, 1.0])
def test_a_link_is_down_as_often_as_said_and_in_both_directions(build, probability):
    links = dataclasses.replace(graph(2, [(0, 1)]), drop_probability=probability)
    down, n = 0, 4000
    for seed in range(n):
        told = []
        for ranks in ([0, 1], [1, 0]):
            ranks = np.array(ranks, dtype=np.int32)
            adopt(build, links, ranks, seed)
            told.append(ranks.any())
        assert told[0] == told[1]
        down += told[0]
    # six standard deviations
    assert abs(down / n - probability) <= 6 * (probability * (1 - probability) / n) ** 0.5


@pytest.mark.parametrize("resample_links", [True, False])
def test_a_graph_that_is_redrawn_links_as_often_as_one_that_is_not(build, resample_links):
    """Of twelve agents, the share that hears the best in one round, over many graphs."""
    heard = 0
    for trial in range(300):
        experiment = small(
            network="erdos_renyi",
            link_probability=0.4,
            resample_links=resample_links,
            agents=12,
            trial=trial,
        )
        ranks = np.arange(12, dtype=np.int32)
        links = experiment.make("network").links(12)
        links = sampled(links, experiment.random_streams, 0, 3, 0.0)
        adopt(build, links, ranks, 0 if links.seeds is None else links.seeds[0])
        heard += (ranks[1:] == 0).sum()
    n = 300 * 11
    assert abs(heard / n - 0.4) < 6 * (0.4 * 0.6 / n) ** 0.5


def test_links_that_never_work_leave_everybody_alone_and_zero_costs_nothing():
    alone = run(small(link_failure_probability=1.0))
    never = run(small(score_rule="never"))
    assert_same_state(alone, never)
    links = small().make("network").links(6)
    streams = small().random_streams
    assert sampled(links, streams, 3, 3, 0.0) is links
    assert sampled(links, streams, 3, 3, 0.1).seeds.shape == (3,)


@pytest.mark.parametrize("name", FAMILIES)
def test_every_family_runs_and_failing_links_slow_it_down(name, edges):
    settings = {"iterations": 1, "communication_rounds": 2}
    whole = run(of_family(name, **settings))
    failing = run(of_family(name, link_failure_probability=0.9, **settings))
    left = [len(each.population.policies) for each in (whole, failing)]
    assert 1 <= left[0] < left[1] <= 6


# ---------------------------------------------------------------------------------- edge lists


def test_a_run_depends_on_what_its_file_holds(edges, tmp_path):
    experiment = of_family("edge_list")
    known = experiment.effective_parameters()
    assert known["edges"] == "path.txt" and len(known["edges_digest"]) == 16
    assert Experiment(**known).effective_parameters() == known
    (tmp_path / "path.txt").write_text(PATH + "5 0\n")
    assert of_family("edge_list").effective_parameters()["edges_digest"] != known["edges_digest"]
    with pytest.raises(ConfigurationError, match=r"edges: 'path.txt' has changed: its digest is"):
        Experiment(**known)


def test_what_a_network_does_not_read_is_no_part_of_a_run():
    assert "nearest_neighbours" not in small().effective_parameters()
    assert "nearest_neighbours" in small(network="ring").effective_parameters()
    assert "resample_links" in small(network="erdos_renyi").effective_parameters()
    alone = small(architecture="independent", network="ring", link_failure_probability=0.5)
    assert (
        not {"network", "nearest_neighbours", "link_failure_probability"}
        & alone.effective_parameters().keys()
    )


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("0 1\n2 3\n4 5\n1 2\n", "leaves 6 agents in 2 parts that never hear each other"),
        ("", "leaves 6 agents in 6 parts"),
        ("0 1\n1 6\n", "links agent 6; the agents are 0 to 5"),
        ("0 1\n\n1 2 0.5\n", "line 3: '1 2 0.5' is not the numbers of two agents"),
        ("0 -1\n", "line 1: '0 -1' is not"),
        ("0 1.0\n", "line 1: '0 1.0' is not"),
        ("a b\n", "line 1: 'a b' is not"),
        ("0 ²\n", "line 1: '0 ²' is not"),
        ("7\n", "line 1: '7' is not"),
        ("0 " + 5000 * "9" + "\n", "line 1: '0 999"),
        (b"\xff", "line 1: '\\udcff' is not"),
        (None, "'bad.txt' cannot be read: No such file or directory"),
    ],
)
def test_a_file_that_is_no_network_of_the_agents_is_one_line(
    content, message, tmp_path, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    if content is not None:
        content = content.encode() if isinstance(content, str) else content
        (tmp_path / "bad.txt").write_bytes(content)
    with pytest.raises(ConfigurationError) as error:
        small(network="edge_list", edges="bad.txt")
    assert str(error.value).startswith("edges: 'bad.txt'") and message in str(error.value)
    assert len(str(error.value).splitlines()) == 1 and len(str(error.value)) < 200
    # where nobody hears anybody it does not matter
    small(network="edge_list", edges="bad.txt", architecture="independent")


def test_a_file_may_leave_parts_if_that_is_allowed_and_is_checked_for_every_population(edges):
    with pytest.raises(ConfigurationError, match="leaves 8 agents in 3 parts"):
        small(network="edge_list", edges="path.txt", final_agents=8, population_change_at=1)
    apart = small(
        network="edge_list",
        edges="path.txt",
        final_agents=8,
        population_change_at=1,
        allow_disconnected=True,
    )
    assert run(apart).population.size == 8
