"""Which of the paper's claims hold."""

from pathlib import Path

from mfgcore import ledger
from mfgcore.claims import Evidence, at_a_glance, judge
from mfgcore.jobs import logged, marked, results

with logged(snakemake.log[0]):
    experiments, ablations = (
        dict(
            zip([Path(path).stem for path in paths], results(snakemake.config, paths), strict=True)
        )
        for paths in (snakemake.input.experiments, snakemake.input.ablations)
    )
    evidence = Evidence(experiments, ablations)
    findings = judge(evidence, snakemake.params.seed)
    # an experiment without exact metrics has no row there, as its claims are not judged
    measured = {
        name: dataset
        for name, dataset in experiments.items()
        if dataset["exact_exploitability"].notnull().any()
    }
    glance = at_a_glance(Evidence(measured, {}))
    made_from = {
        kind: {
            name: {
                "trials": dataset.sizes["trial"],
                # an ablation's include those of runs that it shares with others
                "cpu_seconds": round(float(dataset.attrs["cpu_seconds"]), 1),
                "fingerprint": dataset.attrs["fingerprint"],
                **({"outdated": outdated} if (outdated := dataset.attrs.get("outdated")) else {}),
            }
            for name, dataset in datasets.items()
        }
        for kind, datasets in (("experiments", experiments), ("ablations", ablations))
    }
    title = marked("The paper's claims", *experiments.values(), *ablations.values())
    ledger.write_json(findings, glance, made_from, snakemake.output.json)
    ledger.write_markdown(findings, glance, snakemake.output.markdown, title)
    ledger.write_html(findings, snakemake.output.html, title)
    ledger.plot_ledger(findings, snakemake.output.drawings, title)
