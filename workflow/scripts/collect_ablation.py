"""All runs of one ablation in one dataset, with the varied parameter as a dimension."""

import json

import xarray as xr

from mfgcore import configuration, results
from mfgcore.errors import RunFileError
from mfgcore.jobs import logged

with logged(snakemake.log[0]):
    name = snakemake.wildcards.study
    paths, settings, collected = list(snakemake.input), [], []
    for value, (_, experiments) in configuration.ablation(snakemake.config, name).items():
        settings.append(value)
        own, paths = paths[: len(experiments)], paths[len(experiments) :]
        collected.append(results.collect(own, list(experiments.values())))
    if len({each.attrs["fingerprint"] for each in collected}) > 1:
        raise RunFileError("the runs were made with different versions of the code; run them again")
    dataset = xr.concat(collected, "setting", join="exact", combine_attrs="drop_conflicts")
    dataset = dataset.assign_coords(setting=settings)
    usual = configuration.ablation_parameters(snakemake.config)
    used = [results.configuration(each) for each in collected]
    common = {
        key: value
        for key, value in used[0].items()
        if all(other.get(key) == value for other in used)
    }
    study = snakemake.config["ablations"]["studies"][name]
    dataset.attrs |= {
        "title": study["title"],
        "varied": study["parameter"],
        "baseline": configuration.plain(usual.get(study["parameter"])),
        "runs": sum(each.attrs["runs"] for each in collected),
        "cpu_seconds": sum(each.attrs["cpu_seconds"] for each in collected),
        "configuration": json.dumps(common, sort_keys=True),
    }
    results.save(dataset, snakemake.output[0])
