"""The page shows the datasets' numbers, needs nothing else, and works in a browser."""

import base64
import json
import re

import chromium
import numpy as np
import pytest
from conftest import saved, trials
from examples import collected

import mfgcore
from mfgcore.experiment.components import OBJECTIVES
from mfgcore.games import ACTIONS
from mfgcore.plotting import explorer
from mfgcore.plotting.state_layout import cells_of

TITLES = ("Agree & <svg onload=alert(1)>", "Cluster </script> anywhere")
browser = [
    pytest.mark.browser,
    pytest.mark.skipif(
        chromium.PROGRAM is None, reason="there is no Chromium (apt-get install chromium)"
    ),
]


@pytest.fixture(scope="module")
def experiments(tmp_path_factory):
    folder = tmp_path_factory.mktemp("runs")
    settings = {"sampled_exploitability": True, "final_agents": 9, "population_change_at": 2}
    architectures, datasets = ("centralised", "independent", "networked"), []
    for game in ("agree", "cluster"):
        planned = trials(explorer.SHOWN_TRIALS + 1, architectures, game=game, **settings)
        datasets.append(mfgcore.collect(saved(planned, folder), planned))
    return list(zip(TITLES, datasets, strict=True))


@pytest.fixture(scope="module")
def page(experiments, tmp_path_factory):
    path = tmp_path_factory.mktemp("page") / "explorer.html"
    explorer.write_page(experiments, path)
    return path


def embedded(page):
    found = re.search(r'<script id="data"[^>]*>(.*?)</script>', page.read_text("utf-8"), re.DOTALL)
    return json.loads(found[1])


def decoded(shown, name, dtype):
    levels = np.frombuffer(base64.b64decode(shown[name]), dtype)
    shape = [3, explorer.SHOWN_TRIALS, shown["iterations"], shown["states"]]
    return levels.reshape(shape + [len(ACTIONS)] * (name == "common_policy"))


@pytest.mark.parametrize("index", [0, 1])
def test_the_maps_are_those_of_the_datasets(experiments, page, index):
    dataset = experiments[index][1].isel(trial=slice(explorer.SHOWN_TRIALS))
    shown = embedded(page)[index]
    assert shown["title"] == TITLES[index]
    for name, dtype in (("mean_field", explorer.SHARES), ("common_policy", explorer.PROBABILITIES)):
        largest = np.iinfo(dtype).max
        fractions = decoded(shown, name, dtype) / largest
        np.testing.assert_allclose(fractions, dataset[name].values, atol=0.501 / largest)
    assert shown["followers"] == dataset["common_policy_agents"].values.tolist()
    assert shown["population_size"] == [6, 6, 6, 9]


def test_the_curves_are_over_all_trials(experiments, page):
    dataset, shown = experiments[0][1], embedded(page)[0]
    assert (shown["trials"], shown["n_trials"]) == ([0, 1, 2], 4)
    line = shown["panels"][0]["lines"][2]
    values = dataset["discounted_return"].sel(architecture="networked").values
    np.testing.assert_allclose(line["mean"], values.mean(axis=0), rtol=1e-5)
    np.testing.assert_allclose(line["standard_deviation"], values.std(axis=0, ddof=1), rtol=1e-5)
    assert shown["panels"][1]["lines"][0]["iteration"] == [0, 2]
    assert shown["disturbances"] == [[2, "6 → 9 agents"]]


def test_targets_are_marked_where_there_are_any(page):
    agree, cluster = embedded(page)
    assert agree["best"] == [0, 2, 6, 8]
    assert cluster["best"] == []


def test_the_page_says_whose_reward_agents_learn_from():
    goals = {
        objective: explorer.describe(
            "a", collected(trials(1, ("centralised",), objective=objective))
        )
        for objective in ("own", "shared")
    }
    own, shared = (goals[objective]["goal"] for objective in ("own", "shared"))
    assert shared.startswith(own) and len(shared) > len(own)
    assert OBJECTIVES.help("shared") in shared


def test_the_page_loads_nothing(page):
    text = page.read_text("utf-8")
    assert "default-src 'none'" in text
    ours = text.replace(explorer.get_plotlyjs(), "")
    assert len(ours) < len(text)
    assert not re.search(r"https?:|\b(src|href)\s*=|@import|url\(", ours)


def test_the_same_datasets_give_the_same_bytes(experiments, page, tmp_path):
    explorer.write_page(experiments, tmp_path / "again.html")
    assert (tmp_path / "again.html").read_bytes() == page.read_bytes()


ALONG = {"two_bars": "line", "beach_bar": "ring", "rock_paper_scissors": "none"}


@pytest.fixture
def other_layouts(tmp_path):
    """A page of a chain, a ring and bars, where everybody goes to the right; and the datasets."""
    datasets = []
    for game in ALONG:
        planned = trials(1, ("centralised", "networked"), game=game, network="complete")
        dataset = mfgcore.collect(saved(planned, tmp_path), planned)
        dataset["common_policy"][:] = dataset["action"] == dataset["action"][2]
        datasets.append(dataset)
    explorer.write_page(list(zip(ALONG, datasets, strict=True)), tmp_path / "page.html")
    return tmp_path / "page.html", datasets


class TestInABrowser:
    pytestmark = browser

    @pytest.mark.parametrize("index", range(3))
    def test_chains_rings_and_bars(self, other_layouts, index):
        page, datasets = other_layouts
        layout, shares = [*ALONG.values()][index], datasets[index]["mean_field"].values[0, 0, 2]
        with chromium.Page() as opened:
            opened.open(page.as_uri())
            opened.wait_for("document.readyState === 'complete' && maps.data")
            chosen = f"experimentBox.selectedIndex = {index}; choose().then(() => go(2))"
            opened.evaluate(f"{chosen}.then(() => null)")
            data = opened.evaluate("maps.data")
            left, top, width, height = opened.box("#maps")
            assert left >= 0 and left + width <= 1400 and top + height < 900
            assert opened.problems == []
        if layout == "none":
            np.testing.assert_allclose(data[0]["y"], shares, atol=1e-5)
            assert "rock: " in data[0]["hovertext"][0]
            assert "scissors 100 %" in data[0]["hovertext"][0]
            return
        colours = data[0]["marker"]["color"] if layout == "ring" else data[0]["z"][0]
        np.testing.assert_allclose(np.square(colours), shares, atol=1e-5)
        arrows, cells = data[1], cells_of(datasets[index])
        ends = np.stack([arrows["y"][1::7], arrows["x"][1::7]], axis=1).astype(float)
        if layout == "line":
            np.testing.assert_allclose(ends - cells, [[0.0, 0.47]] * len(cells), atol=1e-6)
        else:  # along the ring: half of the way to the cell before and half to the next one
            along = np.roll(cells, -1, axis=0) - np.roll(cells, 1, axis=0)
            along *= 0.47 / np.linalg.norm(along, axis=1, keepdims=True)
            np.testing.assert_allclose(ends - cells, along, atol=1e-4)

    @pytest.fixture
    def opened(self, page):
        with chromium.Page() as opened:
            opened.open(page.as_uri())
            opened.wait_for("document.readyState === 'complete' && drawn(0)")
            yield opened

    @pytest.fixture
    def page(self, experiments, tmp_path):
        """The same page, with a policy whose arrows are known and a way to say what is drawn."""
        title, dataset = experiments[0]
        known = dataset.copy(deep=True)
        policy = known["common_policy"]
        policy[:] = 0.2
        for state, action in ((0, "right"), (3, "up"), (4, "stay"), (8, "left"), (2, "down")):
            policy.loc[{"state": state}] = [float(action == name) for name in ACTIONS]
        path = tmp_path / "explorer.html"
        explorer.write_page([(title, known), experiments[1]], path)
        script = """<script>
        const cursor = () => curves.layout.shapes[0].x0;
        const drawn = (k) => slider.valueAsNumber === k && maps.data && cursor() === k;
        const field = () => maps.data.filter(({ type }) => type === "heatmap").map(({ z }) => z);
        </script></body>"""
        path.write_text(path.read_text("utf-8").replace("</body>", script), "utf-8")
        return path

    def test_the_slider_moves_the_maps_and_the_cursor(self, opened, tmp_path):
        first, before = opened.evaluate("field()"), opened.screenshot()
        left, top, width, height = opened.box("#iteration")
        middle = top + height / 2
        opened.drag((left + 8, middle), (left + width - 2, middle))
        opened.wait_for("drawn(3)")
        last, after = opened.evaluate("field()"), opened.screenshot()
        assert all(one != other for one, other in zip(first, last, strict=True))
        assert after != before
        assert opened.evaluate("maps.textContent").count("of 9 agents") == 3
        opened.press("ArrowLeft")
        opened.wait_for("drawn(2)")
        assert opened.evaluate("field()") not in (first, last)
        opened.press("Home")
        opened.wait_for("drawn(0)")
        assert opened.evaluate("field()") == first
        opened.press(" ")  # plays to the end
        opened.wait_for("drawn(3) && play.textContent.includes('Play')")
        assert opened.evaluate("field()") == last
        assert opened.problems == []
        (tmp_path / "after.png").write_bytes(after)

    def test_the_menus_choose_what_is_shown(self, opened, experiments):
        first = opened.evaluate("field()")
        opened.evaluate("trialBox.focus()")
        opened.press("ArrowDown")
        opened.wait_for("trialBox.value === '1' && drawn(0)")
        assert opened.evaluate("field()") != first
        opened.evaluate("experimentBox.focus()")
        opened.press("ArrowDown")
        opened.wait_for("shown === EXPERIMENTS[1]")
        opened.evaluate("slider.focus()")
        opened.press("End")  # at first, agents are the same in all experiments
        opened.wait_for("drawn(3)")
        share = experiments[1][1]["mean_field"].values[0, 0, 3, 0]
        assert opened.evaluate("maps.data[0].z[0][0] ** 2") == pytest.approx(share, abs=1e-5)
        assert opened.evaluate("element('goal').textContent").startswith("Gather anywhere")
        assert opened.evaluate("experimentBox.value") == TITLES[1]
        assert opened.problems == []

    def test_nothing_is_asked_from_the_network(self, opened, page):
        opened.resize(900, 900)
        opened.wait_for("maps.clientWidth < 900 && maps._fullLayout.width === maps.clientWidth")
        assert opened.evaluate("document.documentElement.scrollWidth") <= 900
        asked = [request for request in opened.requests if not request.startswith("data:")]
        assert asked == [page.as_uri()]
        assert opened.problems == []

    def test_arrows_point_where_the_policy_goes(self, opened):
        trace = opened.evaluate("maps.data[1]")
        ends = {}
        for start in range(0, len(trace["x"]), 7):  # a shaft, a gap, a head, a gap
            column, row = trace["x"][start], trace["y"][start]
            ends[row * 3 + column] = (trace["x"][start + 1] - column, trace["y"][start + 1] - row)
        assert ends.keys() == {0, 2, 3, 8}
        expected = {0: (1, 0), 2: (0, 1), 3: (0, -1), 8: (-1, 0)}  # (right, down)
        for state, direction in expected.items():
            np.testing.assert_allclose(ends[state], np.multiply(direction, 0.47), atol=1e-9)
        bottom, top = opened.evaluate("maps.layout.yaxis.range")
        assert bottom > top  # row 0 is the top one
