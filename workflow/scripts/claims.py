"""Which of the paper's claims hold."""

from pathlib import Path

from mfgcore import ledger
from mfgcore.claims import Evidence, at_a_glance, judge
from mfgcore.datasets import load
from mfgcore.jobs import logged

with logged(snakemake.log[0]):
    experiments, ablations = (
        {Path(path).stem: load(path, kind="experiment") for path in paths}
        for paths in (snakemake.input.experiments, snakemake.input.ablations)
    )
    evidence = Evidence(experiments, ablations)
    findings, glance = judge(evidence, snakemake.params.seed), at_a_glance(evidence)
    made_from = {
        kind: {
            name: {
                "trials": dataset.sizes["trial"],
                # an ablation's include those of runs that it shares with others
                "cpu_seconds": round(float(dataset.attrs["cpu_seconds"]), 1),
                "fingerprint": dataset.attrs["fingerprint"],
            }
            for name, dataset in datasets.items()
        }
        for kind, datasets in (("experiments", experiments), ("ablations", ablations))
    }
    ledger.write_json(findings, glance, made_from, snakemake.output.json)
    ledger.write_markdown(findings, glance, snakemake.output.markdown)
    ledger.write_html(findings, snakemake.output.html)
    ledger.plot_ledger(findings, snakemake.output.drawings)
