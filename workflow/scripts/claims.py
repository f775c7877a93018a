"""Judge the paper's claims."""

from mfgcore._base.files import write_text
from mfgcore.pipeline.workflow_scripts import current, logged, marked
from mfgcore.study import claims_plots, claims_report
from mfgcore.study.claims import Evidence, judge, summary

with logged(snakemake.log[0]):
    experiments = current(snakemake.config, snakemake.input.experiments)
    comparisons = current(snakemake.config, snakemake.input.get("comparisons", ()))
    verdicts = judge(Evidence(experiments, comparisons), snakemake.params.seed)
    # without exact metrics an experiment has no row in the summary, and its claims are not judged
    measured = {
        name: dataset
        for name, dataset in experiments.items()
        if dataset["exact_exploitability"].notnull().any()
    }
    rows = summary(Evidence(measured))
    kinds = {"experiments": experiments, "comparisons": comparisons}
    made_from = {kind: claims_report.sources(of) for kind, of in kinds.items()}
    title = marked(claims_report.TITLE, *experiments.values(), *comparisons.values())
    claims_report.write_json(verdicts, rows, made_from, snakemake.output.json)
    write_text(snakemake.output.markdown, claims_report.to_markdown(verdicts, rows, title))
    claims_report.write_html(verdicts, snakemake.output.html, title)
    claims_plots.plot_forest(verdicts, snakemake.output.drawings, title)
