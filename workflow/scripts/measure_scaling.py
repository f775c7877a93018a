"""Seconds of an iteration and peak memory over the population, and seconds over the threads.

Each measurement has a process of its own, since a process keeps its peak memory.
"""

import json
import subprocess
import sys

import pandas as pd

from mfgcore._base.files import atomic_path
from mfgcore.experiment.parameters import disturbances
from mfgcore.pipeline.workflow_scripts import logged

ONE = """
import json, resource, sys, time
from mfgcore.experiment.experiment import make_experiment
from mfgcore.runs.simulation import Simulation

arguments = json.loads(sys.argv[1])
experiment = make_experiment(**arguments["experiment"])
simulation = Simulation(experiment, arguments["threads"])
times = []
for _ in range(arguments["iterations"]):
    start = time.perf_counter()
    simulation.step()
    times.append(time.perf_counter() - start)
peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
kilobyte = 1 if sys.platform == "linux" else 1024  # elsewhere ru_maxrss is in bytes
print(json.dumps({"seconds": min(times), "megabytes": peak / kilobyte / 1024}))
"""


def measure(agents, threads):
    experiment = snakemake.params.parameters | {"game": "agree", "agents": agents}
    experiment |= {"iterations": 1000, "sampled_exploitability": False, "exact_metrics": False}
    experiment |= {"scenario": "none", **dict.fromkeys(disturbances()), "departure_rule": "random"}
    # a first iteration is slower by what does not grow with the population
    iterations = 1 if agents > 10_000 else max(2, min(10, 1000 // agents))
    arguments = {"experiment": experiment, "threads": threads, "iterations": iterations}
    command = [sys.executable, "-c", ONE, json.dumps(arguments)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(done.stderr)
    row = {"agents": agents, "threads": threads, **json.loads(done.stdout)}
    print(row)
    return row


with logged(snakemake.log[0]):
    scaling = snakemake.params.scaling
    cases = [(agents, 1) for agents in scaling["agents"]]
    cases += [(scaling["threads_agents"], threads) for threads in scaling["threads"]]
    table = pd.DataFrame([measure(*case) for case in dict.fromkeys(cases)])
    with atomic_path(snakemake.output[0]) as temporary:
        table.to_csv(temporary, index=False, float_format="%.6g")
