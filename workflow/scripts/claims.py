"""Which of the paper's claims hold."""

from pathlib import Path

from mfgcore import ledger
from mfgcore.claims import Evidence, at_a_glance, judge
from mfgcore.jobs import logged, marked, results

with logged(snakemake.log[0]):
    paths = snakemake.input.experiments
    loaded = results(snakemake.config, paths)
    experiments = dict(zip([Path(path).stem for path in paths], loaded, strict=True))
    findings = judge(Evidence(experiments), snakemake.params.seed)
    # an experiment without exact metrics has no row there, as its claims are not judged
    measured = {
        name: dataset
        for name, dataset in experiments.items()
        if dataset["exact_exploitability"].notnull().any()
    }
    glance = at_a_glance(Evidence(measured))
    made_from = {"experiments": ledger.sources(experiments)}
    title = marked("The paper's claims", *experiments.values())
    ledger.write_json(findings, glance, made_from, snakemake.output.json)
    ledger.write_markdown(findings, glance, snakemake.output.markdown, title)
    ledger.write_html(findings, snakemake.output.html, title)
    ledger.plot_ledger(findings, snakemake.output.drawings, title)
