"""What a whole workflow must survive: full disks, odd folders, claims without their data."""

import os
import subprocess

import pytest
from project import NAMES, ROOT, Project, tiny_config

pytestmark = pytest.mark.faults

RUN = "results/tiny/runs/fig1/networked/trial_0.nc"
# what a script runs before its own content
FILL = """
import contextlib

with contextlib.suppress(OSError), open("filler", "wb", buffering=0) as file:
    while True:
        file.write(bytes(4096))
"""


def one_experiment(**parameters):
    """A configuration of Figure 1 alone, and without ablations."""
    text = tiny_config(**parameters).replace("trials: 2}", "trials: 1}", 1)
    for name in NAMES[1:]:
        text = text.replace(f"  {name}: {{", f"  {name}: null #", 1)
    return text[: text.index("ablations:")] + text[text.index("experiments:") :]


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can mount a small disk")
def test_a_full_disk_that_holds_everything_is_one_line(tmp_path):
    disk = ["-t", "tmpfs", "-o", "size=2m", "tmpfs", str(tmp_path)]
    if subprocess.run(["mount", *disk], check=False, capture_output=True).returncode:
        pytest.skip("no disk may be mounted here")
    try:
        project = Project(tmp_path)
        project.configure(one_experiment())
        script = tmp_path / "workflow/scripts/simulate.py"
        script.write_text(FILL + script.read_text())
        done = project.snakemake(RUN)
        (tmp_path / "filler").unlink()
        assert done.returncode != 0
        assert "Traceback" not in done.stderr
        (line,) = (each for each in done.stderr.splitlines() if each.startswith("mfgcore: error: "))
        assert "0.0 MB are free" in line
        assert not list((tmp_path / RUN).parent.glob("*"))
    finally:
        subprocess.run(["umount", str(tmp_path)], check=True)


def test_claims_without_exact_metrics_are_not_judged(tmp_path):
    project = Project(tmp_path)
    project.configure(tiny_config(exact_metrics="false"))
    project.make("figures/tiny/claims.pdf")
    text = (tmp_path / "figures/tiny/claims.md").read_text()
    assert "exact_exploitability was not measured" in text


def test_a_checkout_in_a_folder_with_an_odd_name_works(tmp_path):
    """From `make setup` on; what is not committed yet is not tried."""
    folder, figure = tmp_path / "a b'c $d", "figures/tiny/fig1.png"
    subprocess.run(["git", "clone", "--quiet", str(ROOT), str(folder)], check=True)
    environment = os.environ | {"XDG_CACHE_HOME": str(tmp_path), "MFGCORE_BUILDS": "baseline"}
    subprocess.run(["make", "setup"], cwd=folder, env=environment, check=True)
    (folder / "config/tiny.yaml").write_text(one_experiment())
    words = [".venv/bin/snakemake", "--cores", "2", figure, "--configfile", "config/tiny.yaml"]
    subprocess.run(words, cwd=folder, check=True)
    assert (folder / figure).read_bytes().startswith(b"\x89PNG")
    run = [".venv/bin/mfgcore", "show", RUN]
    shown = subprocess.run(run, cwd=folder, check=True, capture_output=True, text=True)
    assert "agree, networked, trial 0" in shown.stdout
