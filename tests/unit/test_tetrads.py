"""Tetrads: values and errors by other routes, what changes nothing, verdicts, refusals."""

from __future__ import annotations

from itertools import combinations, permutations
from math import comb

import numpy as np
import pandas as pd
import pytest

from analysis.correlation.mixed import mixed_moments
from analysis.structural.families.composite_or_effect import Direction, composite_or_effect
from analysis.structural.families.tetrads import tetrad_tests
from instrument.errors import DefinitionError, NotEstimableError, ResponseDataError


def likert(response: np.ndarray) -> pd.DataFrame:
    return pd.DataFrame(
        1 + np.searchsorted([-1.2, -0.4, 0.4, 1.2], response),
        columns=[f"q{k}" for k in range(response.shape[1])],
    )


def effects(n: int = 400, p: int = 5, seed: int = 1) -> np.ndarray:
    draw = np.random.default_rng(seed).normal
    loadings = np.linspace(0.5, 0.8, p)
    return draw(size=(n, 1)) * loadings + draw(size=(n, p)) * np.sqrt(1 - loadings**2)


def components(n: int = 400, seed: int = 2) -> np.ndarray:
    draw = np.random.default_rng(seed).normal
    sources = draw(size=(n, 2))
    return 0.8 * sources[:, [0, 0, 0, 1, 1, 1]] + 0.3 * draw(size=(n, 1)) + 0.5 * draw(size=(n, 6))


def test_tetrads_of_a_rank_one_matrix_vanish_and_their_number_is_three_for_each_four() -> None:
    loadings = np.array([0.9, 0.7, -0.6, 0.5, 0.4])
    r = np.outer(loadings, loadings)
    np.fill_diagonal(r, 1.0)
    found = tetrad_tests(r, np.eye(10), 100)
    assert len(found.value) == 15 and np.abs(found.value).max() < 1e-15 and found.joint == 1.0
    assert len({tuple(row) for row in found.items}) == 15


def test_one_tetrad_by_hand() -> None:
    r = np.array([[1, 0.5, 0.4, 0.3], [0.5, 1, 0.2, 0.1], [0.4, 0.2, 1, 0.6], [0.3, 0.1, 0.6, 1]])
    gamma = np.diag([1.0, 2.0, 3.0, 4.0, 5.0, 6.0])  # of 01, 02, 03, 12, 13, 23
    found = tetrad_tests(r, gamma, 50)
    at = [tuple(row) for row in found.items].index((0, 1, 2, 3))
    assert found.value[at] == pytest.approx(0.5 * 0.6 - 0.4 * 0.1)
    # derivatives: by 01 .6, by 23 .5, by 02 -.1, by 13 -.4
    variance = (0.6**2 * 1 + 0.5**2 * 6 + 0.1**2 * 2 + 0.4**2 * 5) / 50
    assert found.se[at] == pytest.approx(variance**0.5)
    # all three together: derivatives by small steps of each correlation
    pairs = np.triu_indices(4, 1)

    def tetrads(correlations: np.ndarray) -> np.ndarray:
        full = np.eye(4)
        full[pairs] = full.T[pairs] = correlations
        return np.array([full[g, h] * full[i, j] - full[g, i] * full[h, j] for g, h, i, j in found.items])

    steps = 1e-6 * np.eye(6)
    slopes = np.stack([tetrads(r[pairs] + step) - tetrads(r[pairs] - step) for step in steps], 1) / 2e-6
    spread = slopes @ gamma @ slopes.T
    first, second = np.trace(spread), np.trace(spread @ spread)
    assert found.df == pytest.approx(first**2 / second)
    assert found.chisq == pytest.approx(50 * np.sum(tetrads(r[pairs]) ** 2) * first / second)


def test_errors_are_those_of_repeated_samples() -> None:
    rng = np.random.default_rng(5)
    loadings = np.array([0.8, 0.7, 0.6, 0.5])
    values, errors = [], []
    for _ in range(300):
        x = rng.normal(size=(500, 1)) * loadings + rng.normal(size=(500, 4)) * np.sqrt(1 - loadings**2)
        moments = mixed_moments(x, np.zeros(4, dtype=bool))
        assert moments.correlation_acov is not None
        found = tetrad_tests(moments.correlations, moments.correlation_acov[-6:, -6:], 500)
        values.append(found.value)
        errors.append(found.se)
    # 300 samples know a standard deviation to about 4 %
    np.testing.assert_allclose(np.mean(errors, axis=0), np.std(values, axis=0), rtol=0.15)


def test_order_and_direction_of_items_change_nothing() -> None:
    table = likert(components())
    plain = composite_or_effect(table)
    for order in list(permutations(range(6)))[100:700:300]:
        again = composite_or_effect(table.iloc[:, list(order)])
        assert again.pvalue == pytest.approx(plain.pvalue, rel=1e-6)
        assert again.df == pytest.approx(plain.df, rel=1e-8)
        np.testing.assert_allclose(
            np.sort(np.abs(again.table["value"])), np.sort(np.abs(plain.table["value"])), atol=1e-8
        )
    turned = composite_or_effect(table.assign(q1=6 - table["q1"]).sample(frac=1, random_state=1))
    assert turned.pvalue == pytest.approx(plain.pvalue, rel=1e-6)


@pytest.mark.parametrize("ordered", [True, False])
def test_verdicts(ordered: bool) -> None:
    one, many = (
        composite_or_effect(likert(effects()), ordered),
        composite_or_effect(likert(components()), ordered),
    )
    assert one.verdict is Direction.EFFECTS and one.pvalue > 0.05 and one.n_contradicting == 0
    assert many.verdict is Direction.NOT_EFFECTS and many.pvalue < 1e-4 and many.n_contradicting > 3
    assert one.one_factor is not None and one.one_factor.fit["cfi_scaled"] > 0.99
    assert many.one_factor is not None and many.one_factor.fit["cfi_scaled"] < 0.9
    assert (many.table["z"].abs().diff().dropna() <= 1e-12).all() and len(many.table) == 45
    assert one.one_factor.estimator == ("WLSMV" if ordered else "MLR") and one.n_obs == 400


def test_items_that_hardly_correlate_are_left_undecided() -> None:
    found = composite_or_effect(likert(np.random.default_rng(4).normal(size=(300, 5))))
    assert found.verdict is Direction.UNDECIDED and found.share_correlated < 0.5
    assert found.one_factor is None and "hardly correlate" in found.one_factor_failed


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda t: composite_or_effect(t.iloc[:, :3]), DefinitionError, "3 items; tetrads need 4 to 20"),
        (
            lambda t: composite_or_effect(pd.concat([t.add_suffix(str(k)) for k in range(5)], axis=1)),
            DefinitionError,
            "25 items; tetrads need",
        ),
        (lambda t: composite_or_effect(t, ordered="yes"), DefinitionError, "ordered is 'yes'"),
        (lambda t: composite_or_effect(t.assign(q1=3)), ResponseDataError, "q1"),
        (lambda t: composite_or_effect(t.assign(q1="much")), ResponseDataError, "q1"),
        (lambda t: composite_or_effect(t.assign(q1=t["q0"])), NotEstimableError, "correlations at 1 or -1"),
        (lambda t: composite_or_effect(t.assign(q1=t["q0"]), False), NotEstimableError, "collinear"),
    ],
)
def test_refusals(call, error, message) -> None:
    with pytest.raises(error, match=message) as caught:
        call(likert(effects()))
    assert str(caught.value).count("\nHint: ") == 1


def test_four_items_and_twenty_are_the_limits() -> None:
    draw = np.random.default_rng(12).normal(size=(120, 20))
    table = pd.DataFrame(draw, columns=[f"q{k}" for k in range(20)])
    for p in (4, 20):
        assert len(composite_or_effect(table.iloc[:, :p], False).table) == 3 * comb(p, 4)


def test_the_share_counts_correlations_of_either_sign_by_their_own_errors() -> None:
    """Errors without a claim of normality, by the products of standard scores of each pair."""
    draw = np.random.default_rng(3).normal(size=(250, 5))
    table = pd.DataFrame(draw, columns=list("abcde"))
    table["b"] -= 0.6 * table["a"]
    table["c"] += 0.16 * table["a"]
    z = ((table - table.mean()) / table.std(ddof=0)).to_numpy()
    met = []
    for i, j in combinations(range(5), 2):
        r = np.mean(z[:, i] * z[:, j])
        pulls = z[:, i] * z[:, j] - r * (z[:, i] ** 2 + z[:, j] ** 2) / 2
        met.append(abs(r) / np.sqrt(np.mean(pulls**2) / 250) > 1.96)
    found = composite_or_effect(table, False)
    assert found.share_correlated == pytest.approx(np.mean(met)) and 0 < sum(met) < 5
    assert found.verdict is Direction.UNDECIDED
    turned = composite_or_effect(table.assign(b=-table["b"]), False)
    assert turned.share_correlated == found.share_correlated


def test_half_of_the_pairs_are_enough_to_decide() -> None:
    """Three of six pairs: the fourth item is what the others leave of noise, so that it correlates with none."""
    three, noise = effects(p=3), np.random.default_rng(6).normal(size=400)
    known = np.column_stack([np.ones(400), three])
    rest = noise - known @ np.linalg.lstsq(known, noise, rcond=None)[0]
    found = composite_or_effect(pd.DataFrame(np.column_stack([three, rest]), columns=list("abcd")), False)
    assert found.share_correlated == 0.5 and found.verdict is not Direction.UNDECIDED
    assert found.one_factor is not None or found.one_factor_failed
