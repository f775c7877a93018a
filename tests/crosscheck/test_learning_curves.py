"""What decides in `verification/learning_curves.py`, without the runs, which take minutes."""

import dataclasses

import independent
import learning_curves
import numpy as np
import pytest
from conftest import TINY
from scipy import stats

from mfgcore import Experiment

SMALL = {key: TINY[key] for key in TINY.keys() & learning_curves.PARAMETERS.keys()}
LAST = ("diffuse", "networked", "growing")


def verdict(monkeypatch, distance_of):
    """The exit status, where the means are so many standard errors apart in a cell."""

    def returns_of(learn, *cell, **fault):
        spread = np.arange(8.0)[:, None] * np.ones(3)
        error = np.sqrt(2 * spread[:, 0].var(ddof=1) / 8)
        return spread - error * distance_of(cell, fault) * (learn is learning_curves.of_independent)

    monkeypatch.setattr(learning_curves, "returns_of", returns_of)
    with pytest.raises(SystemExit) as end:
        learning_curves.main()
    return end.value.code


def test_differences_are_those_of_welch():
    ours, theirs = np.random.default_rng(0).normal(size=(2, learning_curves.TRIALS, 3))
    expected = stats.ttest_ind(ours, 2 * theirs, equal_var=False).statistic
    np.testing.assert_allclose(learning_curves.differences(ours, 2 * theirs), expected)


def test_it_passes_if_all_are_near_and_every_fault_is_far(monkeypatch, capsys):
    assert verdict(monkeypatch, lambda cell, fault: 3.6 if fault else -3.4) == 0
    said = capsys.readouterr().out
    assert "81 comparisons" in said
    assert "largest |z| 3.40" in said


@pytest.mark.parametrize("distance", [3.6, -3.6, np.nan])
def test_it_fails_if_one_is_far(monkeypatch, distance):
    def distance_of(cell, fault):
        return 9.0 if fault else distance * (cell == LAST)

    assert verdict(monkeypatch, distance_of) == 1


@pytest.mark.parametrize("fault", learning_curves.FAULTS)
def test_it_fails_if_a_fault_is_not_noticed(monkeypatch, fault):
    planted = learning_curves.FAULTS[fault][1]
    assert verdict(monkeypatch, lambda cell, given: 9.0 * (given not in ({}, planted))) == 1


@pytest.mark.parametrize("fault", learning_curves.FAULTS)
def test_a_planted_fault_changes_what_is_learned(monkeypatch, fault):
    monkeypatch.setattr(learning_curves, "PARAMETERS", SMALL | {"iterations": 12})
    monkeypatch.setattr(learning_curves, "ITERATIONS", range(12))
    cell, planted = learning_curves.FAULTS[fault]
    learn = learning_curves.of_independent
    right, wrong = (learning_curves.returns_of(learn, *cell, **given) for given in ({}, planted))
    assert (right != wrong).any()


def test_by_default_both_have_the_same_parameters():
    names = {field.name: field.default for field in dataclasses.fields(independent.Parameters)}
    experiment = Experiment(game="agree")
    assert names == {name: getattr(experiment, name) for name in names}
