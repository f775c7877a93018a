"""The numbers of an equilibrium or an evaluation, as lines of text."""

import xarray as xr

from mfgcore._base.arguments import explained

SAID = ("game", "discount", "entropy_weight", "tolerance", "start", "burn_in", "trials")


@explained
def lines(dataset: xr.Dataset) -> list[str]:
    """What :func:`mfgcore.solve` or :func:`mfgcore.evaluate` found; list of str."""
    said = dataset.attrs
    found = [said["title"], *(f"  {key:<30} {said[key]}" for key in SAID if key in said)]
    if "stopped" in said:
        gap = f"{float(dataset['exploitability'].min()):.2g} in {said['iterations']} iterations"
        found.append(f"  {'exploitability':<30} {gap}: {said['stopped']}")
    for name, values in dataset.data_vars.items():
        if {*values.dims} <= {"policy"} and not str(name).endswith("_interval"):
            least, most = f"{values.min():.6g}", f"{values.max():.6g}"
            text = least if least == most else f"{least} to {most}"
            if f"{name}_interval" in dataset and values.size == 1:
                low, high = dataset[f"{name}_interval"].values.ravel()
                text += f" ({low:.6g} to {high:.6g})"
            found.append(f"  {name:<30} {text}")
    return found
