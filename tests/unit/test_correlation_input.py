"""What correlations refuse, warn of and count."""

from __future__ import annotations

import inspect
import pickle
from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy.stats import multivariate_normal

from analysis.correlation.bivariate_normal import bivariate_cdf, rectangle_probabilities
from analysis.correlation.codes import ROWS_AT_ONCE, category_codes
from analysis.correlation.counts import cross_counts, item_counts, pair_indices, pair_tables
from analysis.correlation.mixed_correlations import mixed_correlations, polyserial
from analysis.correlation.moments import ordinal_moments
from analysis.correlation.polychoric import polychoric, warn_of_limits
from instrument.errors import NotEstimableError, ResponseDataError, ToolkitWarning


def answers(n: int = 300, p: int = 4, seed: int = 3, loading: float = 0.7) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    latent = loading * rng.standard_normal((n, 1)) + np.sqrt(1 - loading**2) * rng.standard_normal((n, p))
    cut = np.digitize(latent, [-1.0, -0.2, 0.5, 1.2]) + 1
    return pd.DataFrame(cut, columns=[f"i{j}" for j in range(1, p + 1)])


def changed(**columns: Any) -> pd.DataFrame:
    return answers().assign(**columns)


@pytest.mark.parametrize(
    ("items", "message"),
    [
        (answers()[["i1"]], r"polychoric: 1 item given\.\nHint: give two items or more\."),
        (changed(i2=3), r"1 of 4 items have a single answer category: 'i2'\.\nHint: drop these items"),
        (changed(i3=np.nan), r"1 of 4 items have no answer at all: 'i3'\."),
        (changed(i1=2.5), r"1 of 4 items hold answers that are not whole numbers: 'i1'\."),
        (changed(i1=np.r_[np.inf, np.ones(299)]), r"infinite values in 'i1'\."),
        (
            changed(i4=np.arange(300)),
            r"1 of 4 items span 127 codes or more: 'i4'\.\nHint: treat these columns as",
        ),
        (changed(i4="a"), r"1 of 4 columns are not numeric: 'i4'\."),
        (answers().iloc[:0], r"the table has 0 rows and 4 items\."),
        (answers().iloc[:1], r"4 of 4 items have a single answer category"),
        (answers().to_dict(), r"items is a dict\."),
        (answers().set_axis(["a", "b", "a", "c"], axis=1), r"columns appear twice: 'a'\."),
    ],
)
def test_bad_tables_are_refused(items: Any, message: str) -> None:
    with pytest.raises(ResponseDataError, match=message):
        polychoric(items)


def test_pairs_without_joint_answers_are_refused() -> None:
    items = answers().astype(float)
    items.loc[:149, "i1"] = np.nan
    items.loc[150:, "i2"] = np.nan
    with pytest.raises(ResponseDataError, match=r"1 of 6 pairs of items have no joint answers .*: 'i1–i2'\."):
        polychoric(items)
    with pytest.raises(ResponseDataError, match=r"0 of 300 persons answered every item"):
        polychoric(items, missing="listwise")
    with pytest.raises(ResponseDataError, match=r"the joint answers to i1–i2 \(0 persons\)"):
        mixed_correlations(items, ordered=["i1", "i3", "i4"])


def test_options_are_checked() -> None:
    with pytest.raises(ResponseDataError, match="missing='drop' is unknown"):
        polychoric(answers(), missing="drop")  # type: ignore[arg-type]
    with pytest.raises(ResponseDataError, match="an amount added to empty cells is negative"):
        polychoric(answers(), correct=-1)
    with pytest.raises(ResponseDataError, match="1 of 1 ordered names are not columns: 'zz'"):
        mixed_correlations(answers(), ordered=["zz"])
    with pytest.raises(ResponseDataError, match="or in another order"):
        polyserial(answers(), pd.Series(np.arange(300.0), index=range(300, 0, -1), name="x"))
    with pytest.raises(ResponseDataError, match="1 columns are in both tables: 'i1'"):
        polyserial(answers(), answers()[["i1"]])
    with pytest.raises(
        ResponseDataError, match="continuous variable 'x' has 300 answers that are not finite or"
    ):
        polyserial(answers(), pd.Series(np.ones(300), name="x"))


def test_rows_without_an_answer_are_not_counted() -> None:
    items = answers().astype("Int64")
    items.iloc[:10] = pd.NA
    items.loc[20:29, "i1"] = pd.NA
    result = polychoric(items)
    assert result.n_obs == 290
    assert result.pair_n.loc["i1", "i2"] == result.pair_n.loc["i1", "i1"] == 280
    listwise = polychoric(items, missing="listwise")
    assert listwise.n_obs == 280
    dropped = polychoric(items.dropna().astype(int))
    pd.testing.assert_frame_equal(listwise.correlations, dropped.correlations, rtol=1e-12)
    pd.testing.assert_frame_equal(listwise.acov, dropped.acov, rtol=1e-9)


def test_a_repeated_item_is_reported_and_its_covariance_is_missing() -> None:
    items = answers()
    items["twin"] = items["i1"]
    with pytest.warns(ToolkitWarning) as caught:
        result = polychoric(items)
    texts = [str(entry.message) for entry in caught]
    assert any("1 correlations ran to ±1: 'i1~~twin'." in text for text in texts)
    assert result.at_bound == ["i1~~twin"]
    assert result.correlations.loc["i1", "twin"] > 0.999
    assert result.acov.loc["i1~~twin"].isna().all()
    assert result.acov.drop(index="i1~~twin", columns="i1~~twin").notna().all(axis=None)


def test_smoothing_happens_only_when_asked() -> None:
    rng = np.random.default_rng(2)
    items = pd.DataFrame(rng.integers(1, 4, (14, 14))).rename(columns=lambda c: f"i{c}")
    with pytest.warns(
        ToolkitWarning, match=r"smallest eigenvalue -0\.\d{4}\)\.\nHint: .*or give smooth=\"nearest\""
    ):
        rough = polychoric(items)
    assert rough.smallest_eigenvalue < 0 and not rough.smoothed
    assert np.linalg.eigvalsh(rough.correlations)[0] == pytest.approx(rough.smallest_eigenvalue)
    with pytest.warns(
        ToolkitWarning, match="it was smoothed: the matrix with eigenvalues raised to a floor is given"
    ):
        smooth = polychoric(items, smooth=True)
    assert smooth.smoothed and np.linalg.eigvalsh(smooth.correlations)[0] > 0
    with pytest.raises(NotEstimableError, match="the correlations were smoothed"):
        _ = smooth.acov
    with pytest.raises(NotEstimableError, match="estimated from corrected tables"):
        _ = polychoric(answers(), correct=0.5).acov


def test_the_result_travels() -> None:
    result = polychoric(answers())
    back = pickle.loads(pickle.dumps(result))
    pd.testing.assert_frame_equal(back.acov, result.acov)
    assert list(result.to_frame().columns) == ["first", "second", "correlation", "n", "empty_cells"]
    assert set(result.to_dict()) >= {"correlations", "thresholds", "n_obs", "missing"}
    assert "_covariance" not in result.to_dict()
    assert mixed_correlations(answers(), ordered=["i1"]).to_frame()["type"].value_counts().to_dict() == {
        "polyserial": 3,
        "product-moment": 3,
    }


def test_complete_continuous_pairs_are_product_moment() -> None:
    x = pd.DataFrame(np.random.default_rng(5).standard_normal((60, 3)), columns=list("abc"))
    result = mixed_correlations(x, ordered=[])
    np.testing.assert_allclose(result.correlations, np.corrcoef(x.T), atol=1e-12)


def test_counts_in_chunks_equal_crosstabs() -> None:
    n = ROWS_AT_ONCE + 123
    items = answers(n, p=3, seed=8).astype(float)
    items.iloc[::7, 0] = np.nan
    items.iloc[ROWS_AT_ONCE - 2 : ROWS_AT_ONCE + 2, 1] = np.nan
    coded = category_codes(items.to_numpy(), list(items), caller="test", listwise=False)
    tables = pair_tables(cross_counts(coded))
    for table, a, b in zip(tables, *pair_indices(3), strict=True):
        np.testing.assert_array_equal(table, pd.crosstab(items.iloc[:, a], items.iloc[:, b]))
    singles = item_counts(cross_counts(coded))
    np.testing.assert_array_equal(singles[0], items["i1"].value_counts().sort_index())


def test_items_with_different_numbers_of_categories() -> None:
    items = answers(p=3)
    items["i2"] = (items["i2"] > 2).astype(int)
    result = polychoric(items)
    assert result.thresholds.notna().sum(axis=1).tolist() == [4, 1, 4]
    alone = polychoric(items[["i1", "i3"]])
    assert result.correlations.loc["i1", "i3"] == pytest.approx(alone.correlations.loc["i1", "i3"], abs=1e-12)
    assert len(result.acov) == 9 + 3


@pytest.mark.parametrize("rho", [-0.99, -0.4, 0.0, 0.3, 0.95, 0.9999])
@pytest.mark.parametrize(
    ("h", "k"), [(0.3, -1.2), (0.0, 0.0), (0.0, 0.7), (-0.8, 0.0), (2.5, 2.4), (-3.0, -3.1)]
)
def test_the_bivariate_normal_is_exact(h: float, k: float, rho: float) -> None:
    ours = float(bivariate_cdf(np.array(h), np.array(k), np.array(rho)))
    theirs = float(multivariate_normal([0, 0], [[1, rho], [rho, 1]]).cdf([h, k]))
    # scipy's own routine is good to about 1e-12 here
    assert ours == pytest.approx(theirs, abs=1e-11)


def test_limits_at_infinity_and_sums() -> None:
    infinite = np.array([np.inf, np.inf, -np.inf])
    value = bivariate_cdf(infinite, np.array([0.5, np.inf, 0.5]), np.array(0.4))
    np.testing.assert_allclose(value, [0.691462461274013, 1.0, 0.0], atol=1e-14)
    cuts = np.array([[-1.0, 0.3, np.inf]])
    cells = rectangle_probabilities(cuts, cuts, np.array([0.6]))
    assert cells.sum() == pytest.approx(1.0, abs=1e-14)
    np.testing.assert_array_equal(cells[0, 3], 0.0)


def test_moments_without_names_and_covariance() -> None:
    result = ordinal_moments(answers().to_numpy(), acov=False)
    assert result.acov is None and result.empty_cells.shape == (6,) and not result.at_bound.any()
    with pytest.raises(ResponseDataError, match=r"ordinal_moments: 1 of 2 items have no answer at all: '1'"):
        ordinal_moments(np.array([[1, np.nan], [2, np.nan]]))


def _linear(noise: float) -> pd.DataFrame:
    draws = np.random.default_rng(4).standard_normal((200, 3))
    x = draws[:, 0]
    return pd.DataFrame(
        {"item": np.digitize(x + draws[:, 1], [-1.0, 0.0, 1.0]), "x": x, "y": 3 - 2 * x + noise * draws[:, 2]}
    )


def test_one_variable_that_is_a_linear_function_of_another_is_refused() -> None:
    with pytest.raises(
        NotEstimableError,
        match=r"1 of 3 pairs are collinear \(correlation 1 or −1\): 'x–y'\.\nHint: drop one",
    ):
        mixed_correlations(_linear(0.0), ordered=["item"])


@pytest.mark.parametrize("noise", [0.01, 0.001, 1e-4])
def test_continuous_variables_that_nearly_repeat_each_other_keep_their_correlation(noise: float) -> None:
    table = _linear(noise)
    found = mixed_correlations(table, ordered=["item"]).correlations.loc["x", "y"]
    assert found == pytest.approx(np.corrcoef(table["x"], table["y"])[0, 1], abs=1e-11)


def test_a_hint_names_only_an_option_that_exists() -> None:
    for can_smooth in (True, False):
        with pytest.warns(ToolkitWarning, match="not positive definite") as caught:
            warn_of_limits(-0.8, [], None, "it", definite=False, can_smooth=can_smooth)
        assert ('smooth="nearest"' in str(caught[0].message)) == can_smooth
    assert "smooth" in inspect.signature(polychoric).parameters
    assert "smooth" not in inspect.signature(mixed_correlations).parameters
