"""Models of a single variable have a baseline without degrees of freedom; they are fitted and say what they can."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy.special import ndtr

from analysis import sem
from instrument.errors import DefinitionError

L = pd.read_csv(Path(__file__).parents[1] / "reference" / "data" / "likert.csv")
ONE = {
    "ordinal": ("q1 ~ q5 + q6", {"ordered": ["q1"]}),
    "ordinal, groups": ("q1 ~ q5", {"ordered": ["q1"], "group": "group"}),
    "ordinal, no path": ("q1 ~ 0*q5", {"ordered": ["q1"]}),
    "MLR": ("q1 ~~ q1", {"estimator": "MLR"}),
    "ML": ("q1 ~ q5", {"estimator": "ML"}),
    "levels": (
        "level: 1\nq1 ~~ q1\nlevel: 2\nq1 ~~ q1",
        {"cluster": "clinic", "ordered": True, "estimator": "WLSMV"},
    ),
}


@pytest.fixture(scope="module")
def fits():
    r = np.random.default_rng(3)
    clinic = r.integers(0, 40, len(L))
    moved = (L["q1"] + (r.normal(size=40) > 0.3)[clinic]).clip(1, 5)
    found = {}
    for name, (model, options) in ONE.items():
        table = L.assign(q1=moved, clinic=clinic) if name == "levels" else L
        found[name] = sem(model, table, **options)
    return found


@pytest.mark.parametrize("name", ONE)
def test_one_variable_is_fitted(name, fits):
    fitted = fits[name]
    held = name == "ordinal, no path"
    assert fitted.fit["df"] == (1.0 if held else 0.0)
    assert (fitted.fit["chisq"] > 1.0) == held
    assert fitted.fit["cfi"] == (0.0 if held else 1.0)
    assert np.isfinite(fitted.fit["srmr"])
    assert "parameters" in repr(fitted)


def test_an_ordinal_outcome_by_itself_is_an_ordered_probit(fits):
    rows = fits["ordinal"].parameters
    slopes = rows.loc[rows["op"] == "~", "est"].to_numpy()
    cuts = np.concatenate([[-np.inf], rows.loc[rows["op"] == "|", "est"], [np.inf]])
    used = L[["q1", "q5", "q6"]].dropna()
    answer = np.searchsorted(np.sort(used["q1"].unique()), used["q1"])

    def likelihood(b, c):
        line = used[["q5", "q6"]].to_numpy() @ b
        return np.log(ndtr(c[answer + 1] - line) - ndtr(c[answer] - line)).sum()

    best = likelihood(slopes, cuts)
    for k in range(2):
        for step in (-1e-3, 1e-3):
            assert likelihood(slopes + step * np.eye(2)[k], cuts) < best
    for k in range(1, len(cuts) - 1):
        for step in (-1e-3, 1e-3):
            moved = cuts.copy()
            moved[k] += step
            assert likelihood(slopes, moved) < best


def test_how_close_a_model_without_a_baseline_comes_has_no_cut_offs(fits):
    table = fits["ordinal, no path"].equivalence().table
    assert table[["excellent", "close", "fair", "mediocre"]].isna().all(axis=None)
    assert (table["grade"] == "").all()


@pytest.mark.parametrize("name", ONE)
def test_a_model_without_factors_has_no_scores(name, fits):
    with pytest.raises(DefinitionError, match=r"factor_scores: the model has no factor\.\nHint: score"):
        fits[name].factor_scores()
