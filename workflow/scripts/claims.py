"""Which of the paper's claims hold."""

from mfgcore.pipeline.workflow_scripts import current, logged, marked
from mfgcore.study import ledger
from mfgcore.study.claims import Evidence, at_a_glance, judge

with logged(snakemake.log[0]):
    experiments = current(snakemake.config, snakemake.input.experiments)
    datasets = current(snakemake.config, snakemake.input.get("comparisons", ()))
    findings = judge(Evidence(experiments, datasets), snakemake.params.seed)
    # an experiment without exact metrics has no row there, as its claims are not judged
    measured = {
        name: dataset
        for name, dataset in experiments.items()
        if dataset["exact_exploitability"].notnull().any()
    }
    glance = at_a_glance(Evidence(measured))
    kinds = {"experiments": experiments, "comparisons": datasets}
    made_from = {kind: ledger.sources(of) for kind, of in kinds.items()}
    title = marked("The paper's claims", *experiments.values(), *datasets.values())
    ledger.write_json(findings, glance, made_from, snakemake.output.json)
    ledger.write_markdown(findings, glance, snakemake.output.markdown, title)
    ledger.write_html(findings, snakemake.output.html, title)
    ledger.plot_ledger(findings, snakemake.output.drawings, title)
