"""Omega, one-factor omega and lambdas: refusals, warnings, counts and invariances."""

from __future__ import annotations

import itertools
import json
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from analysis.reliability.congeneric import composite_reliability, congeneric_omega
from analysis.reliability.cronbach_alpha import cronbach_alpha
from analysis.reliability.lower_bounds import guttman_lambdas, lower_bounds, split_half_reliabilities
from analysis.reliability.omega import omega
from analysis.reliability.ordinal_scores import categorical_share, score_covariances
from instrument.errors import DefinitionError, NotEstimableError, ResponseDataError, ToolkitWarning


def exact(correlations: np.ndarray, n: int = 250, seed: int = 1) -> pd.DataFrame:
    """Answers whose sample correlations are exactly these."""
    raw = np.random.default_rng(seed).standard_normal((n, len(correlations)))
    values = np.linalg.qr(raw - raw.mean(axis=0))[0] @ np.linalg.cholesky(correlations).T
    return pd.DataFrame(values, columns=[f"i{j}" for j in range(len(correlations))])


def hierarchical(general: float = 0.6, group: float = 0.5, groups: int = 3, each: int = 3) -> np.ndarray:
    within = np.kron(np.eye(groups), np.ones((each, each)))
    common = general**2 + group**2 * within
    return np.asarray(common + (1 - general**2 - group**2) * np.eye(groups * each))


def likert(n: int = 300, groups: int = 3, each: int = 3, seed: int = 4) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    latent = np.repeat(rng.standard_normal((n, groups)), each, axis=1) + 0.8 * rng.standard_normal((n, 1))
    answers = np.clip(np.round(3 + 0.8 * latent + 0.7 * rng.standard_normal(latent.shape)), 1, 5)
    return pd.DataFrame(answers, columns=[f"i{j}" for j in range(groups * each)])


def test_population_values_come_back() -> None:
    correlations = hierarchical()
    result = omega(exact(correlations), 3, draws=0)
    variance = correlations.sum()
    assert result.hierarchical == pytest.approx((9 * 0.6) ** 2 / variance, abs=1e-6)
    assert result.total == pytest.approx(1 - 9 * (1 - 0.61) / variance, abs=1e-6)
    assert result.ecv == pytest.approx(0.36 / 0.61, abs=1e-6)
    np.testing.assert_allclose(result.schmid_leiman["g"], 0.6, atol=1e-5)
    assert result.groups.loc["F1*", "general"] == pytest.approx(9 * 0.36 / (9 * 0.61 + 3 * 0.39), abs=1e-5)
    assert result.groups["n_items"].tolist() == [9, 3, 3, 3]


def test_order_of_people_and_items_does_not_matter() -> None:
    items = likert()
    one = omega(items, 3, draws=0)
    other = omega(items.sample(frac=1, random_state=1)[items.columns[::-1]], 3, draws=0)
    for name in ("total", "hierarchical", "ecv", "alpha", "lambda6"):
        assert getattr(one, name) == pytest.approx(getattr(other, name), abs=1e-6), name


def test_reflected_items_are_named_and_only_turned_on_request() -> None:
    items = likert()
    turned = items.assign(i4=6 - items["i4"])
    with pytest.warns(ToolkitWarning, match=r"1 item loads negatively on the general factor: 'i4'"):
        left = omega(turned, 3, draws=0)
    assert left.negative_items == ("i4",)
    assert left.keys.eq(1).all()
    flipped = omega(turned, 3, flip=True, draws=0)
    assert flipped.keys["i4"] == -1
    assert flipped.hierarchical == pytest.approx(omega(items, 3, draws=0).hierarchical, abs=1e-9)
    assert left.hierarchical < flipped.hierarchical


def test_flipping_ordinal_items_turns_their_thresholds() -> None:
    items = likert()
    turned = omega(items.assign(i4=6 - items["i4"]), 3, correlation="polychoric", flip=True, draws=0)
    straight = omega(items, 3, correlation="polychoric", draws=0)
    assert turned.categorical == pytest.approx(straight.categorical, abs=1e-7)
    assert turned.categorical_hierarchical == pytest.approx(straight.categorical_hierarchical, abs=1e-6)


def test_two_factors_are_said_not_to_fix_the_general_one() -> None:
    with pytest.warns(ToolkitWarning, match="with 2 factors the general factor is not identified"):
        result = omega(likert(groups=2), 2, draws=0)
    assert not result.identified
    assert result.second_order.nunique() == 1


def test_bootstrap_intervals_are_seeded_and_complete() -> None:
    one = omega(likert(), 3, correlation="polychoric", draws=40, seed=3)
    two = omega(likert(), 3, correlation="polychoric", draws=40, seed=3)
    frame = one.to_frame()
    assert frame.index.tolist() == [
        "total",
        "hierarchical",
        "asymptotic",
        "ecv",
        "categorical",
        "categorical_hierarchical",
    ]
    assert np.isfinite(frame.to_numpy()).all()
    pd.testing.assert_frame_equal(frame, two.to_frame())
    assert (frame["ci_lower"] < frame["ci_upper"]).all()
    percentile = omega(likert(), 3, interval="percentile", draws=40, seed=3)
    assert percentile.draws is not None
    low = np.quantile(percentile.draws.values[:, 0], 0.025)
    assert percentile.total_ci is not None and percentile.total_ci.lower == pytest.approx(low)
    none = omega(likert(), 3, draws=0)
    assert none.draws is None and none.total_ci is None and none.categorical is None
    assert none.to_frame()["ci_lower"].isna().all()


def test_rows_are_counted_after_dropping() -> None:
    items = likert().mask(np.random.default_rng(2).random((300, 9)) < 0.05)
    listwise, pairwise = omega(items, 3, draws=0), omega(items, 3, missing="pairwise", draws=0)
    assert listwise.n_obs == len(items.dropna()) == 300 - listwise.n_dropped
    assert pairwise.n_obs == 300 and pairwise.n_pair_least < 300
    assert listwise.total == pytest.approx(omega(items.dropna(), 3, draws=0).total, abs=1e-12)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"correlation": "kendall"}, "correlation is 'kendall'"),
        ({"rotation": "varimax"}, "rotation is 'varimax'"),
        ({"extraction": "pca"}, "extraction is 'pca'"),
        ({"interval": "bca"}, "interval is 'bca'"),
        ({"draws": -1}, "draws is -1"),
        ({"draws": 5}, "5 bootstrap draws"),
        ({"missing": "none"}, "missing is 'none'"),
        ({"confidence": 1.0}, "confidence is 1.0"),
    ],
)
def test_unknown_options_are_refused(options: dict[str, Any], message: str) -> None:
    with pytest.raises(ResponseDataError, match=message):
        omega(likert(), 3, **options)


def test_too_many_factors_are_refused() -> None:
    with pytest.raises(DefinitionError, match="factors"):
        omega(likert(), 8, draws=0)


@pytest.mark.parametrize("estimate", [lambda d: omega(d, 3, draws=0), lambda d: congeneric_omega(d, draws=0)])
def test_unusable_items_are_refused(estimate: Any) -> None:
    with pytest.raises(ResponseDataError, match="not numeric: 'i1'"):
        estimate(likert().assign(i1="x"))
    with pytest.raises(ResponseDataError, match="one answer only: 'i1'"):
        estimate(likert().assign(i1=1))
    with pytest.raises(ResponseDataError, match="2 items given, at least 3"):
        estimate(likert()[["i0", "i1"]])
    with (
        pytest.raises(NotEstimableError, match="singular"),
        pytest.warns(ToolkitWarning, match="'i1' repeats 'i0'"),
    ):
        estimate(likert().assign(i1=lambda frame: frame["i0"]))


def test_polychoric_needs_ordinal_codes() -> None:
    with pytest.raises(ResponseDataError, match="whole"):
        omega(exact(hierarchical()), 3, correlation="polychoric", draws=0)


def test_one_factor_omega_equals_alpha_for_equal_covariances() -> None:
    items = exact(np.full((5, 5), 0.4) + 0.6 * np.eye(5))
    assert congeneric_omega(items, draws=0).estimate == pytest.approx(
        cronbach_alpha(items).estimate, abs=1e-7
    )


def test_one_factor_omega_and_its_interval() -> None:
    items = likert(groups=1, each=5)
    result = congeneric_omega(items, draws=100, seed=5)
    assert result.ci is not None and result.draws is not None
    assert result.ci.lower < result.estimate < result.ci.upper
    assert result.ci == congeneric_omega(items, draws=100, seed=5).ci
    assert json.loads(json.dumps(result.to_dict()))["estimate"] == result.estimate
    assert result.srmr < 0.05
    by_minres = congeneric_omega(items, draws=0, extraction="minres").estimate
    assert by_minres == pytest.approx(result.estimate, abs=0.01)
    assert (result.n_obs, result.n_dropped) == (300, 0)


def test_one_factor_omega_names_items_that_oppose() -> None:
    items = likert(groups=1, each=5)
    with pytest.warns(ToolkitWarning, match="1 item loads against the others: 'i2'"):
        congeneric_omega(items.assign(i2=6 - items["i2"]), draws=0)


@pytest.mark.parametrize("options", [{"extraction": "pa"}, {"denominator": "none"}])
def test_one_factor_omega_refuses_unknown_options(options: dict[str, Any]) -> None:
    with pytest.raises(ResponseDataError, match=r"congeneric_omega: (extraction|denominator) is"):
        congeneric_omega(likert(), **options)


def test_composite_reliability_of_correlated_factors() -> None:
    loadings = np.array([[0.7, 0], [0.7, 0], [0, 0.6], [0, 0.6]])
    theta = 1 - (loadings**2).sum(axis=1)
    common = 1.4**2 + 1.2**2 + 2 * 0.5 * 1.4 * 1.2
    found = composite_reliability(loadings, theta, [[1, 0.5], [0.5, 1]])
    assert found == pytest.approx(common / (common + theta.sum()))
    with pytest.raises(ResponseDataError, match="loadings are"):
        composite_reliability([0.5, 0.5], [0.75])
    with pytest.raises(ResponseDataError, match="residual variance is negative"):
        composite_reliability([0.5, 1.2], [0.75, -0.44])


@settings(max_examples=30, deadline=None)
@given(st.integers(2, 7), st.integers(0, 10_000))
def test_lambdas_keep_their_order(k: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    loadings = rng.uniform(0.3, 0.9, k)
    covariance = np.outer(loadings, loadings) + np.diag(rng.uniform(0.1, 1, k))
    found = guttman_lambdas(covariance)
    _, splits = split_half_reliabilities(covariance)
    tiny = 1e-12
    assert found["lambda1"] <= found["lambda3"] + tiny <= found["lambda2"] + 2 * tiny
    assert found["mu1"] <= found["mu2"] + tiny <= found["mu3"] + 2 * tiny
    assert found["lambda1"] <= found["lambda5"] + tiny
    true = loadings.sum() ** 2 / covariance.sum()
    assert max(found["lambda2"], found["mu3"], found["lambda6"], splits.max()) <= true + 1e-9
    if k % 2 == 0:
        assert splits.mean() == pytest.approx(found["lambda3"])


def test_every_split_is_tried_as_long_as_there_are_no_more_than_asked_for() -> None:
    """Eight items have 35 splits in halves, seven 35 in three and four."""
    items = pd.DataFrame(np.random.default_rng(2).normal(size=(60, 8)) + np.arange(60)[:, None] / 20)
    items.columns = [f"i{k}" for k in range(8)]
    for table in (items, items.iloc[:, :7]):
        for most, every in ((35, True), (34, False)):
            found = lower_bounds(table, most_splits=most)
            assert (found.every_split, len(found.splits)) == (every, most)
            if every:  # each split once: 4 × covariance of the halves over the variance of the sum
                wanted = [
                    4 * table[list(half)].sum(axis=1).cov(table.drop(columns=list(half)).sum(axis=1))
                    for half in itertools.combinations(table.columns, table.shape[1] // 2)
                    if table.shape[1] % 2 or table.columns[0] in half
                ]
                np.testing.assert_allclose(found.splits, np.sort(wanted) / table.sum(axis=1).var())


def test_draws_are_extracted_and_shared_as_the_estimate_is() -> None:
    """Draws of two options lie as far apart as their estimates do."""
    rng = np.random.default_rng(3)
    common, second = rng.normal(size=(2, 300, 1))
    items = pd.DataFrame(common + np.hstack([second] * 2 + [0 * second] * 4) + rng.normal(size=(300, 6)))
    items.columns = list("abcdef")
    found = {
        (extraction, denominator): congeneric_omega(
            items, extraction=extraction, denominator=denominator, draws=40
        )
        for extraction in ("ml", "minres")
        for denominator in ("observed", "model")
    }
    middles = {key: float(np.mean(one.draws.values)) for key, one in found.items() if one.draws is not None}
    for first, second_ in itertools.combinations(found, 2):  # the same seed draws the same people
        apart = found[first].estimate - found[second_].estimate
        assert abs(apart) > 1e-4
        assert middles[first] - middles[second_] == pytest.approx(apart, rel=0.5, abs=3e-4)


def test_many_items_are_split_at_random_with_a_seed() -> None:
    items = likert(groups=5, each=4)
    one = lower_bounds(items, most_splits=500, seed=2)
    assert not one.every_split and len(one.splits) == 500
    assert one.table.equals(lower_bounds(items, most_splits=500, seed=2).table)
    assert len(one.best_half) == 10
    with pytest.raises(ResponseDataError, match="most_splits is 3"):
        lower_bounds(items, most_splits=3)


def test_items_that_cancel_out_have_no_lambdas() -> None:
    one = likert()["i0"]
    items = pd.DataFrame({"a": one, "b": 6 - one})
    with (
        pytest.raises(NotEstimableError, match="no variance"),
        pytest.warns(ToolkitWarning, match="'b' repeats 'a'"),
        pytest.warns(ToolkitWarning, match="oppose the others: 'a'"),
    ):
        lower_bounds(items)


def test_score_covariances_are_those_of_simulated_scores() -> None:
    rng = np.random.default_rng(6)
    rho = np.array([[1, 0.5, 0.2], [0.5, 1, -0.4], [0.2, -0.4, 1]])
    cuts = [np.array([-0.5, 0.3]), np.array([0.0]), np.array([-1.0, 0.0, 1.2])]
    steps = [np.array([1.0, 2.0]), np.array([1.0]), np.array([1.0, 1.0, 3.0])]
    latent = rng.standard_normal((200_000, 3)) @ np.linalg.cholesky(rho).T
    scores = np.column_stack(
        [
            np.r_[0, np.cumsum(step)][np.searchsorted(cut, latent[:, j])]
            for j, (cut, step) in enumerate(zip(cuts, steps, strict=True))
        ]
    )
    found = score_covariances(cuts, steps, rho, unit_diagonal=True)
    np.testing.assert_allclose(found, np.cov(scores.T), atol=0.012)


def test_categorical_share_approaches_the_linear_one_with_many_categories() -> None:
    loading = np.array([0.8, 0.7, 0.6])
    rho = np.outer(loading, loading) + np.diag(1 - loading**2)
    cuts = [np.linspace(-3.5, 3.5, 120)] * 3
    share = categorical_share(cuts, [np.ones(120)] * 3, rho, np.outer(loading, loading))
    assert share == pytest.approx(composite_reliability(loading, 1 - loading**2), abs=2e-3)
