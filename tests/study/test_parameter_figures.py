"""Figures of parameters show the runs behind the claims, by the parameter that differs."""

import numpy as np
import pytest

from mfgcore.study import keep_data, parameter_figures


@pytest.fixture(scope="module")
def evidence():
    return keep_data.read()


@pytest.mark.parametrize("name", parameter_figures.PARAMETERS)
def test_levels_are_the_settings_that_differ_in_the_parameter_alone(name, evidence):
    parameter, comparison, scenario, baseline, _ = parameter_figures.PARAMETERS[name]
    found = parameter_figures.runs_by_level(evidence, parameter, comparison, scenario, baseline)
    dims = {parameter, "architecture", "trial", "iteration"}
    assert set(found["discounted_return"].dims) == dims
    assert 2 <= found.sizes[parameter] <= 5
    usual = evidence.runs(comparison, scenario, baseline).isel(trial=slice(found.sizes["trial"]))
    [level] = [v for v in found[parameter].values if str(v) == found[parameter].attrs["baseline"]]
    own = found["discounted_return"].sel({parameter: level}).dropna("iteration", how="all")
    np.testing.assert_array_equal(
        own.transpose(*usual["discounted_return"].dims), usual["discounted_return"]
    )
    if not isinstance(level, str):
        assert (np.diff(found[parameter].values) > 0).all()


def test_a_figure_is_drawn_for_each_comparison_that_is_there(evidence, tmp_path):
    only = type(evidence)({}, {"steps": evidence.comparisons["steps"]})
    assert [path.name for path in parameter_figures.draw(only, tmp_path)] == ["parameter_steps.png"]
    assert (tmp_path / "parameter_steps.png").stat().st_size
