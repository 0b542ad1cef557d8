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


def test_one_variable_in_groups_is_not_judged_by_a_baseline_that_does_not_exist():
    """By lavaan 0.6-14, sem("q1 ~ c(m, m)*1", group = "group", estimator = "MLR"); with gaps it stops with an error."""
    moved = L["q1"] + (L["group"] == "b") * (0.5 + 0.2 * (L["q1"] > 3))
    table = L.assign(q1=moved)
    wanted = {
        "chisq": 35.7840529195,
        "chisq_scaled": 36.1456062707,
        "cfi": 0.0,
        "tli": 1.0,
        "rmsea": 0.340509681309,
        "rmsea_robust": 0.340558637198,
        "rmsea_ci_upper_robust": 0.439859141873,
        "srmr": 0.179626506232,
    }
    fit = sem("q1 ~ c(m, m)*1", table, estimator="MLR", group="group")
    assert fit.fit[list(wanted)].to_dict() == pytest.approx(wanted, abs=1e-5)
    gaps = pd.concat([table, table.head(5).assign(q1=np.nan)], ignore_index=True)
    same = sem("q1 ~ c(m, m)*1", gaps, estimator="MLR", group="group", missing="fiml")
    for one in (fit, same):
        assert one.n_obs == 600
        assert one.fit[["cfi_robust", "tli_robust"]].isna().all()
        found = one.equivalence().table.set_index("index")
        assert found.loc["rmsea", "t_size"] == pytest.approx(wanted["rmsea_ci_upper_robust"], abs=2e-3)
        assert np.isnan(found.loc["cfi", "t_size"])


@pytest.mark.parametrize("name", ONE)
def test_a_model_without_factors_has_no_scores(name, fits):
    with pytest.raises(DefinitionError, match=r"factor_scores: the model has no factor\.\nHint: score"):
        fits[name].factor_scores()
