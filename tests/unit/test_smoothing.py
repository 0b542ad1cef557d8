"""Indefinite correlation matrices: refused, smoothed by a stated rule, given with n; never silent."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from analysis.correlation.smoothing import (
    DEFINITE,
    is_definite,
    nearest_correlations,
    smooth_correlations,
)
from analysis.factors.adequacy import bartlett_sphericity, kmo
from analysis.factors.efa import efa
from analysis.factors.factor_retention import factor_retention
from analysis.reliability.congeneric import congeneric_omega
from analysis.reliability.omega import omega
from instrument.errors import DefinitionError, NotEstimableError, ResponseDataError, ToolkitWarning

DATA = pd.read_csv(Path(__file__).resolve().parents[1] / "reference" / "data" / "many_items.csv")
BINARY, LIKERT = DATA.filter(like="b"), DATA.filter(like="m")
PLAIN = pd.read_csv(Path(__file__).resolve().parents[1] / "reference" / "data" / "likert.csv").filter(
    regex=r"^q\d+$"
)
PLAIN[["q4", "q9"]] = 7 - PLAIN[["q4", "q9"]]

Call = Callable[..., Any]
CALLS: dict[str, Call] = {
    "efa": lambda items, **options: efa(items, 2, random_starts=2, **options),
    "kmo": kmo,
    "factor_retention": lambda items, **options: factor_retention(items, draws=10, **options),
    "omega": lambda items, **options: omega(items, 1, draws=0, **options),
}


@pytest.mark.parametrize("caller", CALLS)
@pytest.mark.parametrize("items", [BINARY, LIKERT], ids=["binary", "likert"])
def test_without_a_choice_an_indefinite_matrix_is_refused_and_the_choice_is_named(
    caller: str, items: pd.DataFrame
) -> None:
    with pytest.raises(NotEstimableError, match=f"^{caller}: the correlation matrix is not positive") as told:
        CALLS[caller](items, correlation="polychoric")
    hint = str(told.value).split("\nHint: ")[1]
    assert hint.startswith('choose smooth="nearest", take Pearson correlations')


@pytest.mark.parametrize("caller", CALLS)
@pytest.mark.parametrize("method", ["nearest", "truncated"])
def test_with_a_choice_it_goes_on_and_says_how_far_the_matrix_was_moved(caller: str, method: str) -> None:
    with pytest.warns(ToolkitWarning) as caught:
        found = CALLS[caller](LIKERT, correlation="polychoric", smooth=method)
    told = [str(w.message) for w in caught if "not positive definite" in str(w.message)]
    frobenius = {"nearest": "0.0508", "truncated": "0.0678"}[method]
    assert len(told) == 1
    assert told[0].startswith(
        f"{caller}: the polychoric correlation matrix is not positive definite: 2 of 29 eigenvalues are"
        " negative, the smallest -0.0435; "
    )
    assert f"Frobenius norm of the change {frobenius}" in told[0]
    assert found.smoothing.method == method and found.smoothing.n_negative == 2
    assert found.to_dict()["smoothing"]["frobenius"] == pytest.approx(float(frobenius), abs=5e-5)


@pytest.mark.parametrize("caller", CALLS)
def test_a_definite_matrix_is_left_as_it_is(caller: str) -> None:
    items = PLAIN.head(200)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        plain, chosen = (CALLS[caller](items, correlation="polychoric", smooth=s) for s in (False, "nearest"))
    assert chosen.smoothing is None
    pd.testing.assert_frame_equal(plain.to_frame(), chosen.to_frame())


def doubled(items: pd.DataFrame) -> pd.DataFrame:
    return items.assign(twin=items.iloc[:, 3])


def mirrored(items: pd.DataFrame) -> pd.DataFrame:
    return items.assign(twin=items.iloc[:, 3].max() - items.iloc[:, 3])


def summed(items: pd.DataFrame) -> pd.DataFrame:
    return items.assign(twin=items.iloc[:, 3] + items.iloc[:, 5])


@pytest.mark.parametrize("caller", CALLS)
@pytest.mark.parametrize("method", [False, "nearest"])
@pytest.mark.parametrize("correlation", ["polychoric", "pearson"])
@pytest.mark.parametrize(
    ("make", "items", "told"),
    [
        (doubled, BINARY, r"'twin' repeats 'b4'"),
        (doubled, LIKERT, r"'twin' repeats 'm4'"),
        (mirrored, BINARY, r"'twin' repeats 'b4'"),
        (summed, BINARY, r"'twin' follows from 'b4', 'b6'"),
        (summed, LIKERT, r"'twin' follows from 'm4', 'm6'"),
    ],
)
def test_items_that_follow_from_others_are_refused_by_name_whatever_was_chosen(
    caller: str,
    method: Any,
    correlation: str,
    make: Callable[[pd.DataFrame], pd.DataFrame],
    items: pd.DataFrame,
    told: str,
) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ToolkitWarning)
        with pytest.raises(NotEstimableError, match=rf"singular: {told}\.\nHint: drop 'twin'\."):
            CALLS[caller](make(items), correlation=correlation, smooth=method)


def test_a_copy_is_found_where_people_are_fewer_than_items_and_answers_are_missing() -> None:
    few = BINARY.head(30).astype(float)
    few = few.loc[:, few.nunique() > 1].assign(twin=few["b10"])
    few.iloc[2, 0] = np.nan
    with pytest.raises(NotEstimableError, match="'twin' repeats 'b10'"):
        efa(few, 2, correlation="polychoric", missing="pairwise", smooth="nearest")


def test_what_rests_on_the_inverse_of_a_smoothed_matrix_is_not_reported() -> None:
    with pytest.warns(ToolkitWarning, match="Chi-square and what follows from it, and the determinacy"):
        found = efa(LIKERT, 2, correlation="polychoric", smooth="nearest", random_starts=2)
    lost = found.fit.index[found.fit.isna()].to_list()
    assert lost == [
        *("chisq", "pvalue", "objective", "null_chisq", "null_objective", "tli", "cfi"),
        *("rmsea", "rmsea_ci_lower", "rmsea_ci_upper", "bic", "sabic"),
    ]
    assert found.determinacy.isna().all()
    for method in ("ten_berge", "regression"):
        with pytest.raises(NotEstimableError, match=f"{method} scores rest on the inverse"):
            found.scores(method)
    assert found.scores("bartlett").notna().all(axis=None)
    with pytest.warns(ToolkitWarning, match="lambda 6 rests on its inverse"):
        total = omega(LIKERT, 1, "polychoric", smooth="nearest", draws=0)
    assert np.isnan(total.lambda6) and 0.9 < total.total < 1


def test_sequential_rmsea_is_not_read_off_a_floor() -> None:
    holed = LIKERT.astype(float).mask(np.random.default_rng(3).random(LIKERT.shape) < 0.4)
    with pytest.warns(ToolkitWarning, match="the pearson correlation matrix is not positive definite"):
        found = factor_retention(holed, correlation="pearson", missing="pairwise", smooth="nearest", draws=10)
    assert pd.isna(found.table.loc["rmsea", "n_factors"])
    assert found.table.loc["rmsea", "detail"] == "a smoothed matrix has no likelihood of its own"


def test_bartletts_test_has_no_smoothing_and_its_hint_names_none() -> None:
    with pytest.raises(NotEstimableError, match="not positive definite") as told:
        bartlett_sphericity(LIKERT, correlation="polychoric")
    assert "smooth" not in str(told.value)


def test_the_hint_does_not_advise_what_was_done() -> None:
    holed = LIKERT.astype(float).mask(np.random.default_rng(3).random(LIKERT.shape) < 0.4)
    with pytest.raises(NotEstimableError, match="not positive definite") as told:
        efa(holed, 2, correlation="pearson", missing="pairwise")
    hint = str(told.value).split("\nHint: ")[1]
    assert "Pearson" not in hint and hint.startswith('choose smooth="nearest", use complete rows')


def test_omega_smooths_its_draws_and_counts_them() -> None:
    items = LIKERT.iloc[:, :12]
    with pytest.warns(ToolkitWarning) as caught:
        lost = omega(items, 1, "polychoric", draws=40)
    assert any("bootstrap draws gave no estimate" in str(w.message) for w in caught)
    with warnings.catch_warnings():
        warnings.simplefilter("error", ToolkitWarning)
        kept = omega(items, 1, "polychoric", draws=40, smooth="nearest")
    assert lost.smoothing is None and kept.smoothing is None
    assert lost.draws is not None and kept.draws is not None
    assert kept.draws.n_lost == 0 and kept.draws_smoothed == lost.draws.n_lost > 0
    assert lost.draws_smoothed == 0
    assert lost.total == kept.total


def test_congeneric_omega_of_pairs_keeps_the_variances() -> None:
    holed = LIKERT.astype(float).mask(np.random.default_rng(3).random(LIKERT.shape) < 0.4)
    with pytest.raises(NotEstimableError, match="not positive definite"):
        congeneric_omega(holed, missing="pairwise", draws=0)
    with pytest.warns(ToolkitWarning, match="the pearson correlation matrix is not positive definite"):
        found = congeneric_omega(holed, missing="pairwise", draws=0, smooth="nearest")
    assert found.smoothing is not None and found.smoothing.n_negative > 0
    spread = found.loadings["loading"] / found.loadings["standardized"]
    np.testing.assert_allclose(spread, holed.std(), rtol=1e-12)


def reversed_items(items: pd.DataFrame, ends: int) -> pd.DataFrame:
    return items.assign(**{name: ends - items[name] for name in ("q2", "q5")})


@pytest.mark.parametrize("correlation", ["pearson", "polychoric"])
def test_turned_items_give_what_the_keyed_ones_give_though_nobody_chose_an_end(correlation: Any) -> None:
    items = PLAIN.iloc[:200, :6].clip(upper=4)  # of five options, the highest was never chosen
    keyed = omega(items, 1, correlation, draws=20)
    turned = omega(reversed_items(items, 6), 1, correlation, draws=20, flip=True)
    assert turned.keys.to_dict() == {"q1": 1, "q2": -1, "q3": 1, "q4": 1, "q5": -1, "q6": 1}
    pd.testing.assert_frame_equal(keyed.to_frame(), turned.to_frame(), rtol=1e-7)


GIVEN = CALLS | {"bartlett_sphericity": bartlett_sphericity}


@pytest.mark.parametrize("caller", ["efa", "kmo", "omega", "bartlett_sphericity"])
def test_a_given_matrix_gives_what_the_answers_give(caller: str) -> None:
    items = PLAIN.head(300)
    expected = GIVEN[caller](items, correlation="pearson")
    matrix = items.corr()
    for table in (matrix, matrix.reset_index(drop=True), matrix.round(15)):
        found = GIVEN[caller](table, correlation="given", n_obs=300)
        pd.testing.assert_frame_equal(found.to_frame(), expected.to_frame(), rtol=1e-7)
        assert found.n_obs == 300 and found.correlation == "given" and found.missing == "given"


def test_efa_of_a_given_matrix_keeps_fit_and_refuses_scores() -> None:
    matrix = PLAIN.corr()
    found = efa(matrix, 2, correlation="given", n_obs=len(PLAIN))
    pd.testing.assert_series_equal(found.fit, efa(PLAIN, 2).fit, rtol=1e-7)
    with pytest.raises(ResponseDataError, match="the correlations were given, so nobody's answers"):
        found.scores("bartlett")
    assert found.score_weights().shape == (12, 2)


def test_retention_of_a_given_matrix_is_set_against_normal_variables() -> None:
    found = factor_retention(PLAIN.corr(), correlation="given", n_obs=len(PLAIN), draws=40)
    plain = factor_retention(PLAIN, correlation="pearson", draws=40)
    np.testing.assert_allclose(found.eigenvalues["observed"], plain.eigenvalues["observed"], atol=1e-12)
    np.testing.assert_allclose(
        found.eigenvalues["permuted_mean"], plain.eigenvalues["permuted_mean"], atol=0.03
    )
    assert (
        found.table.loc["parallel_factors", "n_factors"] == plain.table.loc["parallel_factors", "n_factors"]
    )
    with pytest.raises(DefinitionError, match="comparison data need answers"):
        factor_retention(PLAIN.corr(), correlation="given", n_obs=600, comparison_samples=5)


def test_a_given_indefinite_matrix_is_smoothed_by_the_same_choice() -> None:
    bad = pd.DataFrame([[1, 0.9, 0.9], [0.9, 1, -0.2], [0.9, -0.2, 1.0]], columns=list("abc"))
    with pytest.raises(NotEstimableError, match="not positive definite"):
        kmo(bad, correlation="given", n_obs=50)
    with pytest.warns(ToolkitWarning, match="the given correlation matrix is not positive definite: 1 of 3"):
        found = kmo(bad, correlation="given", n_obs=50, smooth="nearest")
    assert found.smoothing is not None and found.n_obs == 50


FAULTS = [
    (lambda m: m.iloc[:-1], "has 11 rows and 12 columns"),
    (lambda m: m.iloc[:2, :2], "2 items given, at least 3"),
    (lambda m: m * 2, "the diagonal of the matrix is not 1"),
    (lambda m: m.mask(np.triu(np.ones(m.shape, dtype=bool), 1), 0.0), "the matrix is not symmetric"),
    (lambda m: m.rename(index={"q1": "q2", "q2": "q1"}), "name other items, or in another order"),
    (lambda m: m.mask(m < 0.3), "missing or no numbers for items"),
    (lambda m: m.rename(columns={"q2": "q1"}, index={"q2": "q1"}), "an item is named twice"),
    (lambda m: (m * 3).where(~np.eye(12, dtype=bool), 1.0), "a correlation is beyond ±1"),
    (lambda m: PLAIN, "has 600 rows and 12 columns"),
]


@pytest.mark.parametrize(("spoil", "told"), FAULTS)
@pytest.mark.parametrize("caller", GIVEN)
def test_what_is_no_correlation_matrix_is_refused(caller: str, spoil: Any, told: str) -> None:
    with pytest.raises(ResponseDataError, match=f"^{caller}: .*{told}"):
        GIVEN[caller](spoil(PLAIN.corr()), correlation="given", n_obs=600)


@pytest.mark.parametrize("caller", GIVEN)
def test_a_given_matrix_needs_the_number_of_people(caller: str) -> None:
    with pytest.raises(DefinitionError, match=r"without the number of people behind it\.\nHint: give n_obs"):
        GIVEN[caller](PLAIN.corr(), correlation="given")
    with pytest.raises(DefinitionError, match="n_obs is 2"):
        GIVEN[caller](PLAIN.corr(), correlation="given", n_obs=2)


@pytest.mark.parametrize("caller", CALLS)
@pytest.mark.parametrize("smooth", ["higham", 1, None])
def test_an_unknown_choice_is_refused(caller: str, smooth: Any) -> None:
    if smooth is None and caller in ("efa", "kmo", "factor_retention"):
        smooth = 0.5
    with pytest.raises(DefinitionError, match=f"{caller}: smooth is .*\nHint: choose one of False, nearest"):
        CALLS[caller](PLAIN, correlation="pearson", smooth=smooth)


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("make", [nearest_correlations, smooth_correlations])
def test_any_indefinite_matrix_becomes_a_definite_correlation_matrix(seed: int, make: Any) -> None:
    rng = np.random.default_rng(seed)
    size = int(rng.integers(3, 25))
    bad = np.clip(rng.normal(0.3, 0.5, (size, size)), -0.98, 0.98)
    bad = (bad + bad.T) / 2
    np.fill_diagonal(bad, 1.0)
    if is_definite(bad):
        bad[0, 1:] = bad[1:, 0] = np.where(np.arange(1, size) % 2, 0.95, -0.95)
    good = make(bad)
    values = np.linalg.eigvalsh(good)
    assert values[0] > DEFINITE * values[-1]
    np.testing.assert_array_equal(np.diag(good), 1.0)
    np.testing.assert_allclose(good, good.T, atol=1e-14)
    assert np.abs(good).max() <= 1
    assert make(good) is good  # once is enough
    order = rng.permutation(size)
    np.testing.assert_allclose(make(bad[np.ix_(order, order)]), good[np.ix_(order, order)], atol=1e-7)


@pytest.mark.parametrize("seed", range(4))
def test_no_other_correlation_matrix_is_nearer_than_the_nearest(seed: int) -> None:
    rng = np.random.default_rng(seed)
    bad = np.clip(rng.normal(0.3, 0.6, (8, 8)), -0.98, 0.98)
    bad = (bad + bad.T) / 2
    np.fill_diagonal(bad, 1.0)
    near = nearest_correlations(bad)
    least = np.linalg.norm(near - bad)
    assert least < np.linalg.norm(smooth_correlations(bad) - bad)
    for share in (1e-3, 0.05, 0.5):  # toward any other correlation matrix the distance grows
        other = np.corrcoef(rng.standard_normal((8, 20)))
        assert np.linalg.norm((1 - share) * near + share * other - bad) > least
