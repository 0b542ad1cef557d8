"""P-values adjusted for their number, against statsmodels and R's p.adjust, with tests that were not made."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from statsmodels.stats.multitest import multipletests

from analysis.adherence.models.families import adjust_within
from analysis.common.multiplicity import METHODS, adjusted

P = st.lists(st.floats(0.0, 1.0), min_size=1, max_size=25)


@pytest.mark.parametrize("n", [1, 2, 5, 40])
@pytest.mark.parametrize(("method", "theirs"), [("holm", "holm"), ("bh", "fdr_bh")])
def test_both_ways_are_those_of_statsmodels(n: int, method: str, theirs: str) -> None:
    p = np.random.default_rng(n).uniform(size=n).round(2) ** 2  # with ties; theirs takes long, so few of them
    np.testing.assert_allclose(adjusted(p, method), multipletests(p, method=theirs)[1], rtol=1e-12)


@given(P)
def test_what_is_adjusted_keeps_its_order_and_its_place(p: list[float]) -> None:
    whole = np.array(p)
    for method in METHODS:
        found = adjusted(whole, method)
        assert (found >= whole - 1e-15).all() and (found <= 1.0).all()
        assert (np.diff(found[np.argsort(whole, kind="stable")]) >= 0).all()
        assert (adjusted(whole, "holm") >= found - 1e-12).all()


@given(P, st.data())
def test_what_was_not_tested_changes_nothing(p: list[float], data: st.DataObject) -> None:
    """As R's p.adjust: a missing p-value is none of the family, and one of them empties no other."""
    holes = data.draw(st.lists(st.booleans(), min_size=len(p), max_size=len(p)))
    whole = np.array([np.nan if hole else one for one, hole in zip(p, holes, strict=True)])
    for method in METHODS:
        found = adjusted(whole, method)
        assert (np.isnan(found) == np.isnan(whole)).all()
        np.testing.assert_array_equal(found[~np.isnan(whole)], adjusted(whole[~np.isnan(whole)], method))


def test_values_of_r() -> None:
    """p.adjust(c(.01, NA, .04, .03, .005), "holm") and "BH", R 4.2."""
    p = [0.01, np.nan, 0.04, 0.03, 0.005]
    np.testing.assert_allclose(adjusted(p), [0.03, np.nan, 0.06, 0.06, 0.02])
    np.testing.assert_allclose(adjusted(p, "bh"), [0.02, np.nan, 0.04, 0.04, 0.02])
    np.testing.assert_array_equal(adjusted(p, "none"), p)
    assert adjusted([]).shape == (0,) and np.isnan(adjusted([np.nan], "bh")).all()
    with pytest.raises(ValueError, match="'BH' is none of"):
        adjusted(p, "BH")


def test_a_model_that_could_not_be_fitted_empties_no_other_row_of_its_family() -> None:
    table = pd.DataFrame({"pvalue": [0.01, np.nan, 0.04], "model": "a"})
    found = adjust_within(table, ["model"])
    np.testing.assert_allclose(found["p_adjusted"], [0.02, np.nan, 0.04])
    np.testing.assert_allclose(found["p_adjusted_bh"], [0.02, np.nan, 0.04])
