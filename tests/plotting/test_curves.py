"""What is drawn is what was measured."""

import os
import re
import subprocess
import sys
import warnings

import matplotlib
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
import xarray as xr
from conftest import saved, small, trials
from matplotlib.figure import Figure
from project import ROOT, tracked

import mfgcore
from mfgcore import ConfigurationError
from mfgcore._base.errors import DrawingWarning
from mfgcore.batch.collect import join, measured
from mfgcore.batch.design import Design, expand
from mfgcore.cli import main
from mfgcore.games import GAMES
from mfgcore.pipeline.workflow_scripts import logged
from mfgcore.plotting import curves as plotting
from mfgcore.plotting import explorer
from mfgcore.plotting import heat_maps as heat_map
from mfgcore.plotting import state_layout as layout
from mfgcore.plotting.statistics import summarise
from mfgcore.plotting.style import FORMATS
from mfgcore.runs.datasets import state_coordinates


@pytest.fixture(scope="module")
def dataset(tmp_path_factory):
    folder = tmp_path_factory.mktemp("runs")
    settings = {"sampled_exploitability": True, "agents_after": 9, "change_at": 2}
    experiments = trials(3, ("centralised", "networked"), **settings)
    return mfgcore.collect(saved(experiments, folder), experiments)


def test_the_table_holds_mean_and_standard_deviation_over_trials(dataset, tmp_path):
    plotting.plot_metrics(dataset, [tmp_path / "a.pdf"], tmp_path / "a.csv", "title")
    table = pd.read_csv(tmp_path / "a.csv")
    rows = table[(table.metric == "discounted_return") & (table.architecture == "networked")]
    values = dataset["discounted_return"].sel(architecture="networked").values
    np.testing.assert_allclose(rows["mean"], values.mean(axis=0), rtol=1e-9)
    np.testing.assert_allclose(rows["standard_deviation"], values.std(axis=0, ddof=1), rtol=1e-8)
    assert set(rows["trials"]) == {3}


def test_exploitability_is_drawn_where_it_was_measured(dataset):
    summary = summarise(dataset, plotting.PANELS)
    rows = summary[(summary.metric == "exploitability") & (summary.architecture == "networked")]
    assert list(rows["iteration"]) == [0, 2]


def test_the_same_data_give_the_same_files_whose_shares_sum_to_one(dataset, tmp_path):
    for name in ("a", "b"):
        outputs = [tmp_path / f"{name}{suffix}" for suffix in FORMATS]
        plotting.plot_mean_field(dataset, outputs, tmp_path / f"{name}.csv", "title")
    for suffix in (*FORMATS, ".csv"):
        assert (tmp_path / f"a{suffix}").read_bytes() == (tmp_path / f"b{suffix}").read_bytes()
    table = pd.read_csv(tmp_path / "a.csv")
    np.testing.assert_allclose(table.groupby(["architecture", "iteration"])["share"].sum(), 1.0)


def test_a_dataset_of_other_dimensions_is_refused_in_one_line(dataset):
    with pytest.raises(mfgcore.RunFileError, match=r"^exact_return: is over architecture, seed, "):
        plotting.plot_metrics(dataset.rename(trial="seed"), panels=["exact_return"])


def test_a_single_trial_has_no_spread(dataset):
    summary = summarise(dataset.isel(trial=[0]), plotting.PANELS)
    assert (summary["standard_deviation"] == 0.0).all()


def levels_of(factors, **baseline):
    """What networked populations measured in two trials of every combination; and its design."""
    factors = {"architecture": ["networked"], **factors}
    runs = expand(small, factors, trials=2)
    design = Design("run", factors, runs, "title", baseline)
    pieces = {key: measured(mfgcore.simulate(run)) for key, run in runs.items()}
    return join(design, pieces), pieces


def test_levels_of_a_factor_are_drawn_and_tabled(tmp_path):
    joined, pieces = levels_of({"communication_rounds": [1, 3]}, communication_rounds=3)
    axes = plotting.plot_ablation(joined, [tmp_path / "a.png"], tmp_path / "a.csv", "title")
    table = pd.read_csv(tmp_path / "a.csv")
    assert list(table["setting"]) == [1, 3]
    for rounds, row in zip((1, 3), table.itertuples(), strict=True):
        means = [pieces["networked", rounds, n]["discounted_return"].mean() for n in (0, 1)]
        assert row.mean == pytest.approx(np.mean(means), rel=1e-9)
    weights = {each.get_text(): each.get_fontweight() for each in axes[-1].get_xticklabels()}
    assert weights == {"1": "normal", "3": "bold"}


def test_two_factors_are_a_heat_map_with_the_number_of_trials(tmp_path, monkeypatch):
    names = ("communication_rounds", "communication_radius")
    joined, pieces = levels_of(
        {"communication_rounds": [1, 3], "communication_radius": [0.0, 0.5]},
        communication_rounds=3,
        communication_radius=0.5,
    )
    drawn = []
    monkeypatch.setattr(plotting, "save_figure", lambda figure, paths: drawn.append(figure))
    heat_map.plot_heat_map(joined, [tmp_path / "a.png"], tmp_path / "a.csv", "title")
    table = pd.read_csv(tmp_path / "a.csv")
    returns = drawn[0].axes[0]
    shown = returns.images[0].get_array()
    for i, rounds in enumerate((1, 3)):
        for j, radius in enumerate((0.0, 0.5)):
            chosen = table[(table[names[0]] == rounds) & (table[names[1]] == radius)]
            runs = [pieces["networked", rounds, radius, n] for n in (0, 1)]
            means = [run["discounted_return"].mean() for run in runs]
            assert shown[i, j] == pytest.approx(np.mean(means), rel=1e-12)
            assert chosen["mean"].item() == pytest.approx(np.mean(means), rel=1e-9)
    assert shown[0, 0] != shown[1, 1]
    lines = [text.get_text().split("\n") for text in returns.texts]
    assert [line[1] for line in lines if len(line) > 1] == ["n = 2"] * 4
    plt.close(drawn[0])


def drawn_states(game):
    """As much of a dataset as drawing needs."""
    attrs = {"layout": game.layout or "none"}
    return xr.Dataset(coords=state_coordinates(game), attrs=attrs)


@pytest.mark.parametrize("name", GAMES)
def test_every_game_is_drawn(name, tmp_path):
    planned = trials(1, ("centralised", "networked"), game=name, network="complete", iterations=3)
    paths = saved(planned, tmp_path)
    assert main(["show", str(paths[1]), "--plot", str(tmp_path / "run.png")]) == 0
    assert plt.imread(tmp_path / "run.png").std() > 0.1
    dataset = mfgcore.collect(paths, planned)
    plotting.plot_mean_field(dataset, [tmp_path / "a.png"], tmp_path / "a.csv", name)
    table = pd.read_csv(tmp_path / "a.csv")
    assert len(table) == 2 * 3 * dataset.sizes["state"]
    explorer.write_page([(name, dataset)], tmp_path / "page.html")
    shown = explorer.describe(name, dataset)
    assert shown["layout"] == (GAMES[name].layout or "none")
    assert shown["panels"][1]["label"] == "Exploitability, joint (exact)"
    if shown["cells"] is not None:
        assert len({tuple(cell) for cell in shown["cells"]}) == dataset.sizes["state"]


@pytest.mark.parametrize("name", ["agree", "four_rooms", "two_bars", "beach_bar", "sis_epidemic"])
def test_states_are_drawn_as_they_lie(name):
    game = GAMES[name]()
    states, axis = drawn_states(game), plt.figure().subplots()
    shares = np.arange(1.0, game.n_states + 1.0)
    plotting.draw_shares(axis, shares, states)
    if game.layout == "ring":
        np.testing.assert_array_equal(axis.collections[0].get_array(), shares)
        centres = [path.vertices[:-1].mean(axis=0) for path in axis.collections[0].get_paths()]
        steps = np.hypot(*(np.roll(centres, -1, axis=0) - centres).T)
        np.testing.assert_allclose(steps, 1.0, rtol=0.05)
    elif game.layout is None:
        assert [bar.get_height() for bar in axis.patches] == shares.tolist()
        assert [text.get_text() for text in axis.get_xticklabels()] == ["susceptible", "infected"]
    else:
        image = axis.images[0].get_array()
        assert image.compressed().tolist() == shares.tolist()  # row by row
        assert image.mask.sum() == {"four_rooms": 17}.get(name, 0)
        outlined = {"agree": 4, "two_bars": 2}.get(name, 0)
        assert len(axis.patches) == 2 * outlined  # dark and light
    plt.close()


@pytest.mark.parametrize(
    ("name", "best"),
    [
        ("agree", [0, 7, 56, 63]),
        ("cluster", []),
        ("beach_bar", [5]),
        ("two_bars", [2, 4]),
        ("lasry_lions_chain", [3]),
        ("kinetic_congestion", [24]),
        ("four_rooms", []),
    ],
)
def test_the_best_states_are_marked(name, best):
    assert np.flatnonzero(drawn_states(GAMES[name]())["best"]).tolist() == best


@pytest.mark.parametrize("name", ["beach_bar", "two_bars"])
def test_what_is_too_long_for_cells_is_drawn_as_one_outline(name):
    """Ten thousand bars, or cells with their arrows, would take minutes."""
    states, (figure, axis) = drawn_states(GAMES[name](states=10_000)), plt.subplots()
    assert layout.layout_of(states) == "none"
    plotting.draw_shares(axis, np.arange(10_000.0), states)
    figure.canvas.draw()
    assert len(axis.patches) == 1
    assert not axis.collections
    plt.close()


@pytest.mark.parametrize(
    "title", ["$R_{max}$", "5 $", r"$\\frac{$", r"a \\ b $x_", "<b>&amp;", "{}"]
)
def test_a_title_is_drawn_as_it_is_written(dataset, tmp_path, monkeypatch, title):
    drawn = []
    figures = plotting.save_figure
    monkeypatch.setattr(
        plotting,
        "save_figure",
        lambda figure, paths: (drawn.append(figure), figures(figure, paths)),
    )
    plotting.plot_metrics(dataset, [tmp_path / "a.svg"], tmp_path / "a.csv", title)
    text = drawn[0].get_suptitle().split("\n")[0]
    assert text.replace(r"\$", "$") == title


def test_what_is_drawn_into_given_axes_is_the_same(dataset):
    own = plotting.plot_metrics(dataset)
    figure = Figure()
    given = figure.subplots(2, 2)
    drawn = plotting.plot_metrics(dataset, panels=["exact_return"], ax=given[1, 0])
    assert drawn is given[1, 0]
    several = plotting.plot_metrics(dataset, ax=given.ravel()[[0, 1, 3]])
    for axis, other in zip(several, own, strict=True):
        assert axis.figure is figure
        assert axis.get_title() == other.get_title()
        for one, same in zip(axis.lines, other.lines, strict=True):
            np.testing.assert_array_equal(one.get_xydata(), same.get_xydata())
    means = dataset["exact_return"].dropna("iteration").mean("trial").sel(architecture="networked")
    line = next(line for line in drawn.lines if line.get_label() == "networked")
    np.testing.assert_allclose(line.get_ydata(), means)
    assert figure.get_suptitle() == ""


def every_plot(dataset):
    """Each function with what it draws, and how many Axes that takes."""
    run = mfgcore.simulate(small())
    ablation = xr.concat([dataset, dataset], "communication_radius")
    ablation = ablation.assign_coords(communication_radius=[0.2, 0.4])
    sizes = {"agents": [10, 20, 20], "threads": [1, 1, 2]}
    table = pd.DataFrame(sizes | {"seconds": [1.0, 2.0, 1.1], "megabytes": [9.0, 9.5, 9.5]})
    return [
        (plotting.plot_metrics, dataset, 3),
        (plotting.plot_exact, dataset, 3),
        (plotting.plot_mean_field, dataset, 2 * 4),
        (plotting.plot_run, run, 3),
        (plotting.plot_ablation, ablation.assign_attrs(dataset.attrs), 2 * 2 + 1),
        (plotting.plot_scaling, table, 3),
    ]


@pytest.mark.parametrize("number", range(6))
def test_nothing_is_left_behind_in_pyplot(dataset, number):
    plot, shown, n_axes = every_plot(dataset)[number]
    before, current = dict(matplotlib.rcParams), plt.get_fignums()
    axes = plot(shown)
    assert np.size(axes) == n_axes
    figure = axes.flat[0].figure
    given = Figure().subplots(1, n_axes)
    assert np.ravel(plot(shown, ax=given)).tolist() == given.tolist()
    assert all(axis.has_data() for axis in given)
    with pytest.raises(ConfigurationError, match=rf"^ax: 1 given, {n_axes} needed$"):
        plot(shown, ax=given[0])
    assert dict(matplotlib.rcParams) == before
    assert plt.get_fignums() == current
    assert figure.get_figure(root=True).get_axes()


def test_shares_are_drawn_into_an_axes_that_is_returned():
    axis = Figure().subplots()
    assert plotting.draw_shares(axis, np.ones(2), drawn_states(GAMES["sis_epidemic"]())) is axis
    assert plotting.draw_shares(axis, np.ones(64), drawn_states(GAMES["agree"]())) is axis


def test_no_module_uses_pyplot_or_imports_matplotlib_in_the_users_environment():
    for path in tracked("mfgcore/*.py"):
        text = path.read_text(encoding="utf-8")
        assert "import matplotlib.pyplot" not in text, path
        before = re.split(r"(?m)^(?:import|from) matplotlib", text)
        alone = len(before) == 1 or path.name == "style.py"
        assert alone or "from mfgcore.plotting.style import" in before[0], path


RC = """
text.usetex: True
savefig.bbox: tight
savefig.transparent: True
figure.dpi: 31
font.family: serif
axes.grid: True
path.sketch: 1, 100, 2
svg.fonttype: none
backend: nonsense
text.hinting_factor: 4
nonsense: 3
no colon
"""
DRAW = """
import sys
from mfgcore.cli import main
assert main(["show", *sys.argv[1:]]) == 0
import matplotlib
print(matplotlib.rcParams["figure.dpi"], matplotlib.rcParamsOrig["savefig.bbox"])
print(matplotlib.rcParams._get_backend_or_none())
"""


@pytest.mark.parametrize(
    ("rc", "backend", "kept"),
    [
        (RC.encode(), "module://not_installed", "31.0 tight\nmodule://not_installed"),
        (b"\xff\xfe\x00", "nonsense", "100.0 None\nNone"),
    ],
)
def test_the_environment_changes_no_figure_and_stays_the_users(tmp_path, rc, backend, kept):
    run = tmp_path / "run.nc"
    mfgcore.save(mfgcore.simulate(small()), run)
    (tmp_path / "matplotlibrc").write_bytes(rc)
    with matplotlib.rc_context({"savefig.bbox": "tight", "font.size": 30}):
        plotting.plot_run(mfgcore.load(run), [tmp_path / "here.png"])
    done = subprocess.run(
        [sys.executable, "-c", DRAW, str(run), "--plot", "there.png"],
        env=os.environ | {"MPLBACKEND": backend, "PYTHONPATH": str(ROOT)},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.endswith(f"\n{kept}\n")
    assert (tmp_path / "there.png").read_bytes() == (tmp_path / "here.png").read_bytes()


def test_characters_that_the_font_lacks_are_said_once(dataset, tmp_path, capsys):
    paths = [tmp_path / "a.pdf", tmp_path / "a.png"]
    text = r"the font has no '学習🎉', as in '学習 \$5 🎉'; boxes are drawn"
    with pytest.warns(DrawingWarning, match=rf"a.pdf': {text}") as said:
        plotting.plot_metrics(dataset, paths, title="学習 $5 🎉")
    assert len(said) == 1
    assert all(path.stat().st_size for path in paths)
    with warnings.catch_warnings(), logged(tmp_path / "log"):
        warnings.simplefilter("default")
        plotting.plot_run(mfgcore.simulate(small()), paths[1:], "学")
    shown = capsys.readouterr().err.splitlines()
    assert len(shown) == 1 and shown[0].startswith("mfgcore: warning: ")
    assert "the font has no '学'" in (tmp_path / "log").read_text(encoding="utf-8")


@pytest.mark.parametrize("iterations", [1, 2])
@pytest.mark.parametrize("number", [0, 1, 3, 4])
def test_what_was_measured_once_is_seen(dataset, tmp_path, number, iterations):
    plot, shown, _ = every_plot(dataset)[number]
    shown = shown.isel(iteration=slice(iterations))
    for name in ("exploitability", "exact_exploitability"):
        shown[name] = shown[name].where(shown["iteration"] < 1)
    axis = np.ravel(plot(shown, []))[1]
    lines = [line for line in axis.lines if np.size(line.get_xdata()) == 1]
    assert lines
    assert {line.get_marker() for line in lines} == {"o"}
    assert len({line.get_markersize() for line in lines}) == len(lines)
    low, high = axis.get_xlim()
    assert low < 0
    assert high > iterations - 1
    assert [tick for tick in axis.get_xticks() if low < tick < high] == list(range(iterations))


def test_what_was_not_measured_is_said(dataset):
    without = dataset.assign(exploitability=dataset["exploitability"] * np.nan)
    said = [[text.get_text() for text in axis.texts] for axis in plotting.plot_metrics(without)]
    assert said == [[], ["not measured"], []]


EXPERIMENT, RUN, ABLATION = "experiment", "run", "ablation"


@pytest.fixture(scope="module")
def kinds(dataset):
    found = {EXPERIMENT: dataset, RUN: every_plot(dataset)[3][1]}
    found[ABLATION] = every_plot(dataset)[4][1]
    return found | {"bare": found[RUN].drop_attrs(), "few": found[RUN][["exact_return"]]}


@pytest.mark.parametrize(
    ("plot", "given", "options", "said"),
    [
        ("plot_mean_field", RUN, {}, "an experiment is needed; plot_run draws this, which is of a"),
        ("plot_metrics", RUN, {}, "an experiment is needed; plot_run draws this"),
        ("plot_exact", ABLATION, {}, "exact_return: is over communication_radius, "),
        ("plot_run", EXPERIMENT, {}, "a run is needed; one of plot_metrics, plot_exact"),
        ("plot_ablation", EXPERIMENT, {}, "an ablation is needed; one of plot_metrics"),
        ("plot_heat_map", RUN, {}, "an ablation is needed; plot_run draws this"),
        ("plot_heat_map", ABLATION, {}, "varies communication_radius alone; plot_ablation"),
        ("plot_metrics", EXPERIMENT, {"reference": xr.Dataset()}, "a run is needed; this has no"),
        ("plot_metrics", [1], {}, "^dataset: that of an experiment is needed, list given$"),
        ("plot_run", "file.nc", {}, "a run is needed, str given"),
        ("describe", RUN, {}, "an experiment is needed"),
        ("plot_run", "bare", {}, "no attribute configuration, which xarray.set_options"),
        ("plot_run", "few", {}, "this has no mean_field"),
        ("plot_metrics", "few", {}, "an experiment is needed; plot_run draws"),
        ("plot_metrics", EXPERIMENT, {"panels": ["exact_retrun"]}, "did you mean 'exact_return'"),
        ("plot_metrics", EXPERIMENT, {"panels": ["mean_field"]}, "^panels: unknown metric 'mean_f"),
        ("plot_run", RUN, {"panels": "exact_return"}, "^panels: 'exact_return' is no list"),
        ("plot_run", RUN, {"panels": 3}, "^panels: 3 is no list"),
        ("plot_run", RUN, {"panels": []}, "^panels: none is given"),
        ("plot_metrics", EXPERIMENT, {"ax": "x"}, "^ax: 3 of matplotlib's Axes needed, str given$"),
        ("plot_metrics", EXPERIMENT, {"ax": Figure()}, "Figure given$"),
        ("plot_metrics", EXPERIMENT, {"ax": [[1], [2, 3]]}, "^ax: 3 of matplotlib's Axes needed"),
        ("plot_mean_field", EXPERIMENT, {"snapshots": 0}, "^snapshots: 0 is not a whole number"),
        ("plot_scaling", RUN, {}, "^table: a pandas.DataFrame with the columns agents, threads"),
        ("draw_shares", "axis", {"shares": [1.0], "dataset": None}, "^ax: 1 of matplotlib's Axes"),
    ],
)
def test_what_cannot_be_drawn_is_one_line(kinds, plot, given, options, said):
    owner = {"describe": explorer, "plot_heat_map": heat_map}.get(plot, plotting)
    shown = kinds.get(given, given) if isinstance(given, str) else given
    before = ["title"] if plot == "describe" else []
    with pytest.raises(mfgcore.MfgcoreError, match=said) as raised:
        getattr(owner, plot)(*before, shown, **options)
    assert "\n" not in str(raised.value)
