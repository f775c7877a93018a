"""The bits of small runs, against a table made on x86-64.

``python tests/runs/test_run_bits.py`` makes it anew, where what a run computes is meant to change.
"""

import hashlib
import json
import sys
from pathlib import Path

import pytest
from conftest import small

from mfgcore import simulate
from mfgcore.agents.architectures import ARCHITECTURES
from mfgcore.agents.networks import NETWORKS
from mfgcore.games import GAMES

TABLE = Path(__file__).with_name("bits.json")
RUNS = {
    **{name: {"architecture": name} for name in ARCHITECTURES},
    **{name: {"game": name, "network": "complete"} for name in GAMES},
    **{name: {"network": name} for name in NETWORKS if name != "edge_list"},
    "failures": {"failure_probability": 0.5, "link_failure_probability": 0.3},
    "leaving": {"final_agents": 4, "population_change_at": 2},
    "joining": {"final_agents": 9, "population_change_at": 2},
    "sampled": {"sampled_exploitability": True},
}


def digests(settings):
    """Of each variable that a run measures, a hash of its type, shape and bytes; dict."""
    found = {}
    for name, values in sorted(simulate(small(**settings)).data_vars.items()):
        content = f"{values.dtype}{values.shape}".encode() + values.values.tobytes()
        found[name] = hashlib.sha256(content).hexdigest()[:8]
    return found


@pytest.mark.skipif(sys.byteorder != "little", reason="the table's bytes are little-endian")
@pytest.mark.parametrize("name", RUNS)
def test_a_run_has_the_bits_that_it_has_elsewhere(name):
    assert digests(RUNS[name]) == json.loads(TABLE.read_text(encoding="utf-8"))[name]


if __name__ == "__main__":
    lines = [f'"{name}": {json.dumps(digests(each))}' for name, each in RUNS.items()]
    TABLE.write_text("{\n" + ",\n".join(lines) + "\n}\n", encoding="utf-8")
