"""Every figure with its checksum, and the commit and configuration that made it."""

import hashlib
import json
from pathlib import Path

from mfgcore._base.files import write_text
from mfgcore.pipeline.workflow_scripts import current, logged
from mfgcore.runs.datasets import configuration
from mfgcore.runs.provenance import commit

with logged(snakemake.log[0]):
    experiments = {}
    for name, dataset in current(snakemake.config, snakemake.input.datasets).items():
        experiments[name] = {
            "runs": int(dataset.attrs["runs"]),
            "cpu_seconds": round(float(dataset.attrs["cpu_seconds"]), 1),
            "processor": dataset.attrs["processor"],
            "kernels": dataset.attrs["kernels"],
            "versions": json.loads(dataset.attrs["versions"]),
            "commits": dataset.attrs["commits"],
            "fingerprint": dataset.attrs["fingerprint"],
            "configuration": configuration(dataset),
        }
    checksums = {
        name: hashlib.sha256(Path(path).read_bytes()).hexdigest()
        for name, path in zip(snakemake.params.figures, snakemake.input.figures, strict=True)
    }
    manifest = {
        "commit": commit(),
        "configuration_sha256": hashlib.sha256(
            json.dumps(snakemake.config, sort_keys=True).encode()
        ).hexdigest(),
        "experiments": experiments,
        "figures_sha256": checksums,
    }
    write_text(snakemake.output[0], json.dumps(manifest, indent=2) + "\n")
