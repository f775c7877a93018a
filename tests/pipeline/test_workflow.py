"""A real, small run of the workflow, end to end, in a folder of its own."""

import contextlib
import dataclasses
import html
import json
import os
import re
import shutil
import subprocess
import sys
import tarfile

import chromium
import pandas as pd
import pytest
from project import GROWING, STEMS, STUDIES, Project, documented, job_counts, tiny_config

from mfgcore import Experiment, load, save, simulate
from mfgcore.equilibrium.solvers import SOLVERS
from mfgcore.runs.datasets import configuration

N_RUNS = 6 * 3 * 2


@pytest.fixture(scope="module")
def project(tmp_path_factory):
    project = Project(tmp_path_factory.mktemp("project"))
    project.counts = project.make("figures/all")
    return project


def test_every_figure_is_made(project):
    assert project.counts["simulate"] == N_RUNS
    for rule in ("collect", "simulate_exactly"):
        assert project.counts[rule] == 6
    assert project.counts["plot"] == len(STEMS)
    figures = project.folder / "figures/tiny"
    for stem in STEMS:
        assert (figures / f"{stem}.pdf").read_bytes().startswith(b"%PDF")
        assert (figures / f"{stem}.png").read_bytes().startswith(b"\x89PNG")
        assert len((figures / f"data/{stem}.csv").read_text().splitlines()) > 10
    manifest = json.loads((figures / "manifest.json").read_text())
    assert len(manifest["figures_sha256"]) == 3 * len(STEMS)
    assert manifest["experiments"]["fig3"]["configuration"]["final_agents"] == 9
    assert not list(project.folder.rglob("*.partial*"))


def test_the_scaling_is_measured_without_the_disturbances_of_all_experiments(tmp_path):
    project = Project(tmp_path)
    project.configure(tiny_config(final_agents=9, population_change_at=2, failure_probability=0.5))
    assert project.make("figures/tiny/scaling.pdf") == {"measure_scaling": 1, "plot_scaling": 1}
    rows = (tmp_path / "results/tiny/scaling.csv").read_text().splitlines()
    assert rows[0] == "agents,threads,seconds,megabytes"
    assert len(rows) == 4


def test_equilibria_are_measured_and_drawn(tmp_path):
    project = Project(tmp_path)
    project.configure(tiny_config())
    for name in ("solvers", "finite_population", "price_of_anarchy"):
        made = {f"measure_{name}": 1, f"plot_{name}": 1}
        assert project.make(f"figures/tiny/{name}.pdf") == made
    rows = (tmp_path / "results/tiny/finite_population.csv").read_text().splitlines()
    assert len(rows) == 1 + 2 * 2 and rows[0].startswith("game,agents,nash_gap,low,high")
    rows = (tmp_path / "figures/tiny/data/price_of_anarchy.csv").read_text().splitlines()
    assert len(rows) == 1 + 1 and rows[1].startswith("beach_bar,")
    rows = (tmp_path / "figures/tiny/data/solvers.csv").read_text().splitlines()
    assert {row.split(",")[1] for row in rows[1:]} == {*SOLVERS}


def test_an_ablation_is_a_target_and_shares_equal_runs(project):
    counts = project.make("figures/ablations")
    shown = {"collect": 2, "plot": 2, "figures/ablations": 1}
    assert counts == {"simulate": 3 + 1, **shown}
    table = pd.read_csv(project.folder / "figures/tiny/data/ablation_rounds.csv")
    assert list(table["setting"]) == [1, 5, 300]
    assert set(table["trials"]) == {1}
    rounds, radius = (
        load(project.folder / f"results/tiny/ablations/{name}.nc", kind="experiment")
        for name in ("rounds", "radius")
    )
    assert dict(rounds.sizes)["communication_rounds"] == 3
    assert rounds["communication_rounds"].attrs["baseline"] == 5
    assert json.loads(rounds.attrs["configuration"])["communication_radius"] == 0.2
    assert "communication_rounds" not in json.loads(rounds.attrs["configuration"])
    # the tiny configuration has five rounds
    by_rounds = {n: rounds.sel(communication_rounds=n, drop=True) for n in (1, 5, 300)}
    assert by_rounds[5].equals(radius.sel(communication_radius=0.2, drop=True))
    assert not by_rounds[1].equals(by_rounds[300])


def test_the_explorer_is_a_target(project):
    assert project.make("figures/tiny/explorer.html") == {"explorer": 1}
    page = (project.folder / "figures/tiny/explorer.html").read_text("utf-8")
    assert all(f"Figure {number}. " in page for number in range(1, 7))
    assert "3 agents join at iteration 2" in page


def test_the_claims_are_judged_from_what_is_there(project):
    counts = project.make("figures/tiny/claims.pdf")
    assert counts == {"claims": 1}
    figures = project.folder / "figures/tiny"
    ledger = json.loads((figures / "claims.json").read_text())
    assert ledger["made_from"]["comparisons"] == {}
    records = {record["claim"]: record for record in ledger["claims"]}
    assert records["C12"]["verdict"] == "not judged"
    assert records["C12"]["note"] == "there is no comparison table1"
    assert [each["label"] for each in records["C7"]["effects"]] == ["all figures", "fig4"]
    assert "| C7 |" in (figures / "claims.md").read_text()
    assert (figures / "claims.png").read_bytes().startswith(b"\x89PNG")


def test_a_report_explains_every_figure(project):
    report = project.folder / "report.html"
    targets = ("figures/all", "figures/ablations", "figures/tiny/claims.pdf")
    project.make(*targets, "--report", str(report))
    text = report.read_text()
    for stem in (*STEMS, *(f"ablation_{name}" for name in STUDIES)):
        assert f"figures/tiny/{stem}.png" in text
    assert "over 2 trials of each architecture" in text  # a caption, filled in


@pytest.fixture(scope="module")
def odd_title(tmp_path_factory):
    """A report whose figure has a title in which everything would mean something; and the title."""
    project = Project(tmp_path_factory.mktemp("odd"))
    title = "*a* `b`_ |c| :raw-html:`<b>` <img src=x onerror=hacked=1> {agents} $x$ \\\\d [1]_"
    text = tiny_config().replace("fig1: {", f"fig1: {{title: {json.dumps(title)}, ", 1)
    project.configure(text.replace("trials: 2", "trials: 1"))
    project.make("figures/tiny/fig1.pdf", "figures/tiny/fig1.png")
    project.make("figures/tiny/fig1.pdf", "--report", "report.html")
    return project.folder / "report.html", title.replace("{agents}", "6")


def test_a_title_means_nothing_but_itself_in_the_report(odd_title):
    """Neither as a caption of reStructuredText, nor in the page, which a script reads."""
    path, title = odd_title
    caption = json.loads(re.search(r'"caption": ("(?:[^"\\]|\\.)*")', path.read_text())[1])
    assert caption.startswith(f"<p><strong>{html.escape(title, quote=False)}.</strong>")


@pytest.mark.browser
@pytest.mark.skipif(chromium.PROGRAM is None, reason="there is no Chromium")
def test_a_title_runs_nothing_in_a_browser(odd_title):
    """All that the page leads to is opened, each time the last link that is new."""
    path, title = odd_title
    links = (
        "[...document.querySelectorAll('a')].filter(each => each.offsetParent && !each.download)"
    )
    names, seen, texts = f"{links}.map(each => each.innerHTML)", set(), []
    with chromium.Page() as page:
        page.open(path.as_uri())
        page.wait_for(f"document.readyState === 'complete' && {links}.length")
        while len(seen) < 12:
            found = page.evaluate(names)
            new = [index for index, name in enumerate(found) if name not in seen]
            if not new:
                break
            seen.add(found[new[-1]])
            before = page.evaluate("document.body.innerHTML")
            page.evaluate(f"{links}[{new[-1]}].click()")
            with contextlib.suppress(AssertionError):  # some show nothing else
                page.wait_for(f"document.body.innerHTML !== {json.dumps(before)}", seconds=2)
            texts.append(page.evaluate("document.body.innerText"))
        assert any(title in text for text in texts)
        assert page.evaluate("typeof hacked") == "undefined"
        assert not [each for each in page.problems if "tailwindcss" not in str(each)]
        assert not [each for each in page.requests[1:] if not each.startswith("data:")]


def test_a_second_call_finds_nothing_to_do(project):
    assert project.would_make()[0] == {}
    assert "Nothing to be done" in project.would_make()[1]


@pytest.mark.parametrize(
    ("target", "expected"),
    [
        ("figures/fig3.pdf", "; did you mean 'figures/tiny/fig3.pdf'?"),  # that of another scale
        ("figures/tiny/fgi3.pdf", "; did you mean 'figures/tiny/fig3.pdf'?"),
        ("figures/abaltions", "; did you mean 'figures/ablations'?"),
        ("./figures/all", "; did you mean 'figures/all'?"),
        ("/elsewhere/reference/fig3.nc", "; did you mean"),
        ("results/tiny/runs/fig1/networked/trial_x.nc", ""),
    ],
)
def test_a_target_that_nothing_makes_is_one_line(project, target, expected):
    done = project.snakemake(target, "--dry-run")
    assert done.returncode != 0
    line = f"{target}: nothing makes it with this configuration"
    assert done.stderr.splitlines()[-1].startswith(line + expected)


def test_a_profile_that_is_not_there_is_named(project):
    done = project.snakemake("figures/all", "--dry-run", "--workflow-profile", "profiles/slrum")
    assert done.returncode != 0
    assert "--workflow-profile: unknown profile 'slrum'; did you mean 'slurm'?" in done.stderr


def test_an_experiment_of_ones_own_stands_alone(tmp_path):
    """It asks for nothing of the paper's: neither do its explorer and its report."""
    project = Project(tmp_path)
    own = tiny_config().partition("  fig1:")[0]
    project.configure(own + "  mine: {game: agree, agents: 6, iterations: 4, trials: 1}\n")
    counts = project.make("figures/all", "figures/tiny/explorer.html")
    assert counts["simulate"] == 3
    assert counts["explorer"] == counts["collect"] == counts["simulate_exactly"] == 1
    project.make("figures/all", "--report", "report.html")
    assert "figures/tiny/mine.png" in (tmp_path / "report.html").read_text()
    assert "fig1" not in (tmp_path / "figures/tiny/explorer.html").read_text()
    left_out = project.snakemake("figures/tiny/fig2_exact.png")
    assert "with this configuration: experiment 'fig2' is left out" in left_out.stderr


def test_a_deleted_figure_is_remade_alone(project):
    figure = project.folder / "figures/tiny/fig2.pdf"
    before = figure.read_bytes()
    figure.unlink()
    assert project.make("figures/all") == {"plot": 1, "manifest": 1, "figures/all": 1}
    assert figure.read_bytes() == before


def test_a_figure_of_ones_own_is_chosen_by_name_and_drawn_anew_where_its_file_changes(project):
    own = project.folder / "config/my_figure.py"
    own.write_text(next(each for each in documented("python") if "FIGURES" in each))
    name = re.search(r"def (\w+)\(dataset", own.read_text())[1]
    figure = project.folder / "figures/tiny/fig4.png"
    before = figure.read_bytes()
    config = tiny_config().replace("fig4: {", f"fig4: {{figure: [{name}, exact, mean_field], ")
    project.configure("import: [my_figure.py]\n" + config)
    drawn = {"plot": 1, "manifest": 1, "figures/all": 1}
    assert project.make("figures/all") == drawn
    assert figure.read_bytes() != before
    own.write_text(own.read_text() + "# another thought\n")
    assert project.would_make()[0] == drawn
    project.configure(tiny_config())
    assert project.make("figures/all") == drawn
    assert figure.read_bytes() == before


def test_a_module_in_another_folder_on_one_core_gives_the_same_bits(project, tmp_path):
    other = Project(tmp_path, module=project.folder / "workflow/Snakefile")
    figure, dataset = "figures/tiny/fig3.pdf", "results/tiny/experiments/fig3.nc"
    counts = other.make(figure, cores=1)
    assert counts == {"simulate": 6, "collect": 1, "plot": 1}
    assert (tmp_path / figure).read_bytes() == (project.folder / figure).read_bytes()
    one, two = (load(each.folder / dataset, kind="experiment") for each in (other, project))
    assert one.drop_vars("cpu_seconds").equals(two.drop_vars("cpu_seconds"))
    made = {path.name for path in tmp_path.glob("[!.]*")}
    assert made == {"Snakefile", "config", "figures", "results"}


def test_an_archive_holds_what_the_workflow_needs(project, tmp_path):
    for arguments in (("init", "--quiet"), ("add", "Snakefile", "workflow", "config", "profiles")):
        subprocess.run(("git", *arguments), cwd=project.folder, check=True, capture_output=True)
    project.make("figures/all", "--archive", "archive.tar.gz")
    shutil.rmtree(project.folder / ".git")
    with tarfile.open(project.folder / "archive.tar.gz") as archive:
        archive.extractall(tmp_path, filter="data")
    project.folder.joinpath("archive.tar.gz").unlink()
    unpacked = object.__new__(Project)
    unpacked.folder = tmp_path
    assert unpacked.would_make()[0]["simulate"] == N_RUNS


def test_a_comment_or_another_order_reruns_nothing(project):
    config = tiny_config()
    first, second = "  grid_size: 4\n", "  discount: 0.5\n"
    reordered = config.replace(first, "").replace(second, second + first)
    project.configure("# another comment\n" + reordered)
    assert project.would_make()[0] == {}
    project.configure(config)


@pytest.mark.parametrize(
    ("config", "n_runs", "shown", "only"),
    [
        (tiny_config(communication_radius=0.5), N_RUNS / 3, r"architecture=(\w+)", {"networked"}),
        (
            tiny_config(arrival_timing="before_learning"),
            N_RUNS / 2,
            r"experiment=(\w+), arch",
            GROWING,
        ),
        # one trial more of Figures 1, 2 and 5
        (tiny_config().replace("trials: 2}", "trials: 3}"), 3 * 3, r"trial=(\w+)", {"2"}),
    ],
)
def test_a_change_reruns_exactly_the_runs_that_use_it(project, config, n_runs, shown, only):
    project.configure(config)
    counts, text = project.would_make()
    project.configure(tiny_config())
    assert counts["simulate"] == n_runs
    assert set(re.findall(shown, text)) == only


def test_a_change_of_ones_own_file_reruns_the_runs_that_use_it_alone(project):
    """It is beside the configuration, as a file of links is, and not where snakemake is started."""
    own = project.folder / "config/my_game.py"
    own.write_text(documented("python")[0])
    (project.folder / "config/net.txt").write_text("0 1\n1 2\n2 3\n3 4\n")
    config = "import: [my_game.py]\n" + tiny_config()
    mine = "  mine: {game: edge, trials: 1, agents: 5, network: edge_list, edges: net.txt}\n"
    project.configure(config.replace("  fig1:", mine + "  fig1:"))
    run = "results/tiny/runs/mine/networked/trial_0.nc"
    assert project.make(run) == {"simulate": 1}
    assert project.would_make()[0]["simulate"] == 2  # the other architectures
    own.write_text(own.read_text() + "# another thought\n")
    counts, text = project.would_make()
    project.configure(tiny_config())
    assert counts["simulate"] == 3
    assert set(re.findall(r"experiment=(\w+), arch", text)) == {"mine"}


def test_without_snakemakes_memory_nothing_out_of_date_is_shown(tmp_path):
    """All that says what a result was made by is then the file itself."""
    project = Project(tmp_path)
    one = "trials: 1, factors: {architecture: [networked]}}"
    project.configure(tiny_config().replace("trials: 2}", one))
    figure, exact = tmp_path / "figures/tiny/fig1.png", tmp_path / "figures/tiny/fig1_exact.png"
    collected = tmp_path / "results/tiny/experiments/fig1.nc"
    reference = tmp_path / "results/tiny/reference/fig1.nc"
    run_file = tmp_path / "results/tiny/runs/fig1/networked/trial_0.nc"
    project.make(str(exact.relative_to(tmp_path)), "figures/tiny/fig1.png")

    def refused(target, *options):
        shutil.rmtree(tmp_path / ".snakemake")
        target.unlink()
        done = project.snakemake(str(target.relative_to(tmp_path)), *options)
        assert done.returncode != 0
        (line,) = {x for x in done.stderr.splitlines() if x.startswith("mfgcore: error")}
        return line

    def changed(path, **attrs):
        before = path.read_bytes(), path.stat().st_mtime_ns
        kind = "run" if path != collected else "experiment"
        dataset = load(path, kind)
        dataset.attrs |= attrs
        save(dataset, path, overwrite=True)
        os.utime(path, ns=(before[1], before[1]))
        return before[0]

    def restore(path, content):
        moment = path.stat().st_mtime_ns
        path.write_bytes(content)
        os.utime(path, ns=(moment, moment))

    plain = figure.read_bytes()
    before = changed(collected, fingerprint="0123")
    assert "experiments/fig1.nc': was made by other code (0123); delete it" in refused(figure)
    shutil.rmtree(tmp_path / ".snakemake")
    project.make("figures/tiny/fig1.png", "--config", "show_outdated=True")
    assert figure.read_bytes() != plain
    restore(collected, before)

    before = changed(run_file, fingerprint="0123")
    assert "trial_0.nc': was made by other code (0123)" in refused(collected)
    restore(run_file, before)
    shutil.rmtree(tmp_path / ".snakemake")
    project.make("results/tiny/experiments/fig1.nc", "figures/tiny/fig1.png")

    before = reference.read_bytes()
    other = simulate(
        dataclasses.replace(Experiment(**configuration(load(reference))), discount=0.6)
    )
    save(other, reference, overwrite=True)
    assert "reference/fig1.nc': was made with discount = 0.6, expected 0.5" in refused(exact)
    restore(reference, before)

    project.configure(tiny_config(discount=0.4).replace("trials: 2}", one))
    assert "fig1.nc': was made with discount = 0.5, expected 0.4" in refused(figure)


def test_a_changed_kernel_source_reruns_every_run(project, monkeypatch):
    # the fingerprint is taken of the installed package: pretend that it was another
    common = project.folder / "workflow/rules/common.smk"
    original = common.read_text()
    line = 'RESULTS = config["output"]["results"]'
    other = "from mfgcore import Experiment\n\n"
    other += "Experiment.code_fingerprint = lambda self: '0123456789abcdef'\n"
    common.write_text(original.replace(line, other + line))
    counts, _ = project.would_make()
    assert (counts["simulate"], counts["simulate_exactly"]) == (N_RUNS, 6)
    common.write_text(original)


def test_a_truncated_run_file_is_named_and_nothing_half_written(project):
    run = project.folder / "results/tiny/runs/fig5/networked/trial_1.nc"
    content, times = run.read_bytes(), run.stat()
    run.write_bytes(content[: len(content) // 2])
    target = "results/tiny/experiments/fig5.nc"
    dataset = project.folder / target
    done = project.snakemake(target)
    assert done.returncode != 0
    assert "trial_1.nc" in done.stderr
    assert "has no checksum: it is not whole" in done.stderr
    assert not dataset.exists()
    run.write_bytes(content)
    os.utime(run, ns=(times.st_atime_ns, times.st_mtime_ns))
    project.make(target)
    assert dataset.exists()


def test_numbers_on_the_command_line_are_read_as_those_of_a_file(project):
    done = project.snakemake("figures/all", "-n", "--config", "experiments={fig2: {trials: 10}}")
    assert done.returncode == 0, done.stderr
    assert job_counts(done.stdout + done.stderr)["simulate"] == 3 * (10 - 2)
    done = project.snakemake("figures/all", "-n", "--config", "experiments={fig2: {trials: 010}}")
    assert "--config experiments, line 1: fig2.trials: '010' can be read in two ways" in done.stderr


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"old": "  fig2: {agents", "new": "  fig2: {agnets"}, "did you mean 'agents'?"),
        ({"old": "  discount: 0.5", "new": "  discount: 1.0"}, "parameters.discount: 1.0 is not"),
        ({"old": "seed: 1", "new": "sede: 1"}, "did you mean 'seed'?"),
        (
            {"old": "population_change_at: 2", "new": "population_change_at: 4"},
            "population_change_at: 4 is not < iterations",
        ),
        ({"old": "fig1: {agents: 6", "new": "'../x': {agents: 6"}, "'../x' is not a plain name"),
        ({"old": "seed: 1", "new": "seed: 1\nseed: 2"}, "seed: is given twice"),
        ({"old": "seed: 1", "new": "__use_yte__: true"}, "__use_yte__ is not allowed"),
        ({"old": "fig1: {", "new": "fig1: {figure: metric, "}, "unknown figure 'metric'; did you"),
    ],
)
def test_a_mistake_in_the_configuration_is_one_line(project, change, expected):
    text = "seed: 1\n" + tiny_config()
    assert change["old"] in text
    project.configure(text.replace(change["old"], change["new"], 1))
    done = project.snakemake("figures/all", "--dry-run")
    project.configure(tiny_config())
    assert done.returncode != 0
    lines = [line for line in done.stderr.splitlines() if line.startswith("configuration: ")]
    assert len(lines) == 1
    assert expected in lines[0]
    assert "Traceback" not in done.stderr


def test_the_paper_scale_dry_run_has_all_runs(tmp_path):
    project = Project(tmp_path)
    command = [sys.executable, "-m", "snakemake", "--cores", "2", "--dry-run"]
    options = {"capture_output": True, "text": True, "timeout": 120, "check": False}
    done = subprocess.run(command, cwd=project.folder, **options)
    assert done.returncode == 0, done.stderr
    assert re.search(r"simulate +162", done.stdout + done.stderr)
