"""Every figure keeps to the interface, and leaves the user's matplotlib as it was."""

import os
import subprocess
import sys
import warnings

import matplotlib
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
import xarray as xr
from examples import EXAMPLES, experiment, run
from matplotlib.figure import Figure
from project import ROOT, tracked

import mfgcore
from mfgcore import ConfigurationError, plotting
from mfgcore._base.errors import DrawingWarning
from mfgcore.pipeline.workflow_scripts import logged
from mfgcore.plotting import FIGURES, explorer
from mfgcore.plotting.style import FORMATS


def test_there_is_an_example_of_each_figure():
    assert EXAMPLES.keys() == FIGURES.keys()


@pytest.mark.parametrize("name", FIGURES)
def test_the_same_data_give_the_same_files(name, tmp_path):
    make, _ = EXAMPLES[name]
    for folder in (tmp_path / "a", tmp_path / "b"):
        folder.mkdir()
        drawings = [folder / f"drawn{ending}" for ending in FORMATS]
        table = folder / "drawn.csv"
        FIGURES[name](make(), drawings=drawings, table=table, title="title", reference=None)
    for path in (tmp_path / "a").iterdir():
        assert path.read_bytes() == (tmp_path / "b" / path.name).read_bytes()
    assert len(list((tmp_path / "a").iterdir())) == len(FORMATS) + 1
    assert plt.imread(tmp_path / "a/drawn.png").std() > 0.05


@pytest.mark.parametrize("name", FIGURES)
def test_nothing_is_left_behind_in_pyplot(name):
    plot, (make, n_axes) = FIGURES[name], EXAMPLES[name]
    before, current = dict(matplotlib.rcParams), plt.get_fignums()
    axes = plot(make())
    assert np.size(axes) == n_axes
    given = Figure().subplots(1, n_axes, squeeze=False)[0]
    assert np.ravel(plot(make(), ax=given)).tolist() == given.tolist()
    assert all(axis.has_data() for axis in given)
    assert given[0].figure.get_suptitle() == ""
    with pytest.raises(ConfigurationError, match=rf"^ax: .* {n_axes} of"):
        plot(make(), ax=[*given, given[0]])
    assert dict(matplotlib.rcParams) == before
    assert plt.get_fignums() == current


def test_what_is_drawn_into_given_axes_is_the_same():
    own = plotting.metrics(experiment())
    figure = Figure()
    given = figure.subplots(1, 5)
    one = plotting.metrics(experiment(), panels=["exact_return"], ax=given[4])
    assert one is given[4]
    several = plotting.metrics(experiment(), ax=given[:4])
    for axis, other in zip(several, own, strict=True):
        assert axis.figure is figure
        assert axis.get_title() == other.get_title()
        for line, same in zip(axis.lines, other.lines, strict=True):
            np.testing.assert_array_equal(line.get_xydata(), same.get_xydata())


@pytest.mark.parametrize(
    "title", ["$R_{max}$", "5 $", r"$\\frac{$", r"a \\ b $x_", "<b>&amp;", "{}"]
)
def test_a_title_is_drawn_as_it_is_written(tmp_path, title):
    axes = plotting.metrics(experiment(), drawings=[tmp_path / "a.svg"], title=title)
    text = axes[0].figure.get_suptitle().split("\n")[0]
    assert text.replace(r"\$", "$") == title


def test_no_module_uses_pyplot_or_imports_matplotlib_before_the_style():
    for path in tracked("mfgcore/*.py"):
        text = path.read_text(encoding="utf-8")
        assert "import matplotlib.pyplot" not in text, path
        first = min(text.find("\nimport matplotlib"), text.find("\nfrom matplotlib"), key=abs)
        safe = path.parent.name == "plotting" or "mfgcore.plotting.style import" in text[:first]
        assert first == -1 or safe, path
    package = (ROOT / "mfgcore/plotting/__init__.py").read_text(encoding="utf-8")
    assert package.index("import style") < package.index("from mfgcore.plotting.curves")


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
    path = tmp_path / "run.nc"
    mfgcore.save(run(), path)
    (tmp_path / "matplotlibrc").write_bytes(rc)
    with matplotlib.rc_context({"savefig.bbox": "tight", "font.size": 30}):
        plotting.run(mfgcore.load(path), drawings=[tmp_path / "here.png"])
    done = subprocess.run(
        [sys.executable, "-c", DRAW, str(path), "--plot", "there.png"],
        env=os.environ | {"MPLBACKEND": backend, "PYTHONPATH": str(ROOT)},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.endswith(f"\n{kept}\n")
    assert (tmp_path / "there.png").read_bytes() == (tmp_path / "here.png").read_bytes()


def test_characters_that_the_font_lacks_are_named_once(tmp_path, capsys):
    paths = [tmp_path / "a.pdf", tmp_path / "a.png"]
    with pytest.warns(DrawingWarning, match="a.pdf.* '学習🎉'") as warned:
        plotting.metrics(experiment(), drawings=paths, title="学習 $5 🎉")
    assert len(warned) == 1
    assert all(path.stat().st_size for path in paths)
    with warnings.catch_warnings(), logged(tmp_path / "log"):
        warnings.simplefilter("default")
        plotting.run(run(), drawings=paths[1:], title="学")
    shown = capsys.readouterr().err.splitlines()
    assert len(shown) == 1 and "'学'" in shown[0]
    assert "'学'" in (tmp_path / "log").read_text(encoding="utf-8")


GIVEN = {
    "experiment": experiment,
    "run": run,
    "setting": EXAMPLES["levels"][0],
    "settings": EXAMPLES["heat_map"][0],
    "bare": lambda: run().drop_attrs(),
    "few": lambda: run()[["exact_return"]],
    "renamed": lambda: experiment().rename(trial="seed"),
}


@pytest.mark.parametrize(
    ("figure", "given", "options", "text"),
    [
        ("mean_field", "run", {}, "an experiment with one factor.* is needed; .* run draws"),
        ("metrics", "run", {}, "an experiment with one factor.* is needed; .* run draws"),
        ("exact", "settings", {}, "an experiment with one factor.* levels and heat_map draw"),
        ("run", "experiment", {}, "a run.* is needed; .* metrics and mean_field draw"),
        ("levels", "experiment", {}, "factors beside the architecture is needed; .* metrics"),
        ("levels", "settings", {}, "factors are communication_rounds, td_learning_rate; heat_map"),
        ("heat_map", "run", {}, "factors beside the architecture is needed; .* run draws"),
        ("heat_map", "setting", {}, "factors are communication_rounds; levels"),
        ("metrics", "experiment", {"reference": xr.Dataset()}, "a run.* needed; this has no"),
        ("metrics", [1], {}, r"^dataset: \[1\] is not"),
        ("metrics", "renamed", {}, r"over .*\bseed\b.*: select, or rename"),
        ("run", 3, {}, "^dataset: 3 is not"),
        ("run", "bare", {}, "^dataset: .* has no layout"),
        ("run", "few", {}, "this has no mean_field"),
        ("metrics", "experiment", {"panels": ["exact_retrun"]}, "did you mean 'exact_return'"),
        ("metrics", "experiment", {"panels": ["mean_field"]}, "^panels: unknown metric 'mean_f"),
        ("run", "run", {"panels": "exact_return"}, "^panels: 'exact_return'"),
        ("run", "run", {"panels": 3}, "^panels: 3"),
        ("run", "run", {"panels": []}, "^panels: .*exact_return"),
        ("metrics", "experiment", {"ax": "x"}, "^ax: 'x' is not 4 of"),
        ("metrics", "experiment", {"ax": Figure()}, "^ax: .*Figure.* is not 4 of"),
        ("metrics", "experiment", {"ax": [[1], [2, 3]]}, r"^ax: \[\[1\], \[2, 3\]\] is not 4 of"),
        ("mean_field", "experiment", {"snapshots": 0}, "^snapshots: 0 "),
        ("scaling", pd.DataFrame({"agents": [1]}), {}, "^dataset: .*agents, threads"),
        ("scaling", "run", {}, "^dataset: .*DataFrame"),
        ("solvers", pd.DataFrame({"game": ["agree"]}), {}, "^dataset: .*method, iteration"),
        ("finite_population", pd.DataFrame({"game": ["agree"]}), {}, "^dataset: .*nash_gap"),
        ("price_of_anarchy", pd.DataFrame({"game": ["agree"]}), {}, "^dataset: .*optimum, price"),
    ],
)
def test_what_cannot_be_drawn_is_one_line(figure, given, options, text):
    shown = GIVEN[given]() if isinstance(given, str) else given
    with pytest.raises(mfgcore.MfgcoreError, match=text) as raised:
        FIGURES[figure](shown, **options)
    assert "\n" not in str(raised.value)


def test_the_explorer_and_shares_refuse_others_in_one_line():
    with pytest.raises(ConfigurationError, match=r"^dataset: an experiment with one factor"):
        explorer.describe("title", run())
    with pytest.raises(ConfigurationError, match=r"^ax: 'axis' is not 1 of"):
        plotting.draw_shares("axis", np.ones(1), run())
