"""Edges of the estimates of consistency, and options that must reach the solution behind them."""

from __future__ import annotations

import warnings
from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy.stats import multivariate_normal, norm

from analysis import cronbach_alpha, intraclass_correlations, lower_bounds, multilevel_reliability, omega
from analysis.factors.extraction import extract
from analysis.reliability import omega as hierarchical
from analysis.reliability.alpha_kernels import item_rest_correlations
from analysis.reliability.congeneric import _maximal
from analysis.reliability.direction import opposed_items
from analysis.reliability.inputs import item_table
from analysis.reliability.ordinal_scores import score_covariances
from analysis.reliability.resampling import Draws, accelerated_limits, bootstrap
from analysis.reliability.schmid_leiman import (
    Hierarchy,
    _second_order,
    group_parts,
    omega_parts,
    schmid_leiman,
)
from instrument.errors import NotEstimableError, ToolkitWarning
from tests.unit.test_options_take_effect import EIGHT, read, teams


def keyed() -> pd.DataFrame:
    """Eight items, the one against the others reversed."""
    items = read("likert", 200)[EIGHT]
    return items.assign(q4=6 - items["q4"])


def test_maximal_reliability_ends_where_an_item_is_all_but_without_error() -> None:
    """At uniquenesses of .4 and .2 the shares are .6/.4 + .8/.2 = 5.5, so that 5.5/6.5 is left."""
    assert _maximal(np.array([0.6, 0.8]), np.array([0.4, 0.2])) == pytest.approx(5.5 / 6.5)
    edge = _maximal(np.array([0.6, 0.9948]), np.array([0.4, 0.0052]))
    assert edge == pytest.approx(1 - 1 / (1 + 1.5 + 0.9948 / 0.0052))
    assert np.isnan(_maximal(np.array([0.6, 0.995]), np.array([0.4, 0.005])))  # the bound of the extraction


def test_items_at_the_bound_of_the_extraction_are_named() -> None:
    found: Any = SimpleNamespace(communalities=[0.9948, 0.995, 1.0, 0.2])
    assert hierarchical._heywood(found, list("abcd")) == ("b", "c")


def test_three_rows_are_the_fewest() -> None:
    three = pd.DataFrame({"a": [1, 2, 3], "b": [2, 1, 3]})
    assert len(item_table(three, "listwise", "f").values) == 3
    with pytest.raises(NotEstimableError, match="2 of 2 rows are left"):
        cronbach_alpha(three.head(2))
    with pytest.raises(NotEstimableError, match="2 of 3 rows are left under the listwise rule"):
        cronbach_alpha(three.assign(a=[1.0, 2.0, np.nan]))


@pytest.mark.filterwarnings("ignore:omega")
def test_options_of_omega_reach_the_solution(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[dict[str, Any]] = []
    solve = hierarchical.schmid_leiman

    def recorded(correlations: Any, n_factors: int, **how: Any) -> Any:
        asked.append({"n_factors": n_factors, **how})
        return solve(correlations, n_factors, **how)

    monkeypatch.setattr(hierarchical, "schmid_leiman", recorded)
    items = keyed()
    omega(items, 2, draws=20, seed=7, extraction="ml", rotation="quartimin")
    first, *drawn = asked
    assert {key: first[key] for key in ("n_factors", "seed", "extraction", "rotation")} == {
        "n_factors": 2,
        "seed": 7,
        "extraction": "ml",
        "rotation": "quartimin",
    }
    assert (first["from_scratch"], first["random_starts"]) == (False, 10)
    assert len(drawn) == 20 and {(d["from_scratch"], d["random_starts"]) for d in drawn} == {(True, 2)}


@pytest.mark.filterwarnings("ignore:omega")
def test_of_ordinal_items_the_general_factor_explains_less_than_all_factors() -> None:
    found = omega(keyed(), 2, correlation="polychoric", draws=0)
    assert found.categorical is not None and found.categorical_hierarchical is not None
    # as of the latent answers: what the general factor alone explains is less, in about the same ratio
    ratio = found.categorical_hierarchical / found.categorical
    assert ratio == pytest.approx(found.hierarchical / found.total, abs=0.03)
    assert found.hierarchical < 0.9 * found.total


def draws_of(values: list[float]) -> Draws:
    return Draws(names=("x", "a"), values=np.array([[0.0, v] for v in values]), requested=len(values), seed=1)


def test_intervals_of_draws_by_hand() -> None:
    found = draws_of([float(k) for k in range(101)])
    assert found.interval("a", 0.9) == pytest.approx((5, 95)) and found.interval("a", 0.5) == pytest.approx(
        (25, 75)
    )
    few = draws_of([0.7, 0.8, 0.9])  # their standard deviation is .1
    for level, z in ((0.95, 1.959963985), (0.9, 1.644853627)):
        half = z * 0.1 / 0.16
        low, high = (1 / (1 + np.exp(-(np.log(4) + sign * half))) for sign in (-1, 1))
        assert few.logit_interval("a", 0.8, level) == pytest.approx((low, high), rel=1e-8)
    assert np.isnan(few.logit_interval("a", 1.0, 0.95)).all()


def lost(n: int) -> Draws:
    """Twenty draws of which so many give no estimate."""
    calls = iter(range(20))
    return bootstrap(
        np.zeros((9, 2)),
        lambda _: (np.nan if next(calls) < n else 1.0,),
        ("a",),
        draws=20,
        seed=1,
        caller="f",
    )


def test_half_of_the_draws_may_be_lost_and_is_said() -> None:
    with pytest.warns(ToolkitWarning, match="10 of 20 bootstrap draws gave no estimate and are left out"):
        found = lost(10)
    assert (found.n_lost, len(found.values), found.requested) == (10, 10, 20)
    assert lost(0).n_lost == 0
    with pytest.raises(NotEstimableError, match="11 of 20 bootstrap draws gave no estimate"):
        lost(11)


def test_accelerated_limits_by_hand() -> None:
    """Nine draws around the middle one: no bias. Left out 0, 0, 0, 1: a = −.375 / (6 × .75^1.5) = −.0962."""
    drawn = np.arange(1.0, 10.0)[:, None]
    level = np.array([[0.0], [1.0]])
    plain = accelerated_limits(np.array([5.0]), drawn, level, 0.95)
    assert [limit.item() for limit in plain] == pytest.approx([1.2, 8.8])
    assert [
        limit.item() for limit in accelerated_limits(np.array([5.0]), drawn, level, 0.5)
    ] == pytest.approx([3, 7])
    bend = -0.375 / (6 * 0.75**1.5)
    skewed = accelerated_limits(np.array([5.0]), drawn, np.array([[0.0], [0.0], [0.0], [1.0]]), 0.95)
    at = [norm.cdf(z / (1 - bend * z)) for z in (-1.959963985, 1.959963985)]
    assert [limit.item() for limit in skewed] == pytest.approx([1 + 8 * share for share in at], rel=1e-6)
    below = accelerated_limits(np.array([3.0]), drawn, level, 0.95)  # 2.5 of 9 lie below
    shift = norm.ppf(2.5 / 9)
    at = [norm.cdf(2 * shift + z) for z in (-1.959963985, 1.959963985)]
    assert [limit.item() for limit in below] == pytest.approx([1 + 8 * share for share in at], rel=1e-6)


def test_people_who_answered_nothing_do_not_make_clusters_larger() -> None:
    silent = teams().head(40).assign(q1=np.nan, q2=np.nan, q3=np.nan)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        whole = intraclass_correlations(teams(), "team").to_frame()
        more = intraclass_correlations(pd.concat([teams(), silent], ignore_index=True), "team").to_frame()
    np.testing.assert_allclose(more["design_effect"], whole["design_effect"], rtol=1e-6)
    np.testing.assert_allclose(whole["design_effect"], 1 + 9 * whole["icc"], rtol=1e-9)  # ten in each


def test_a_coefficient_is_that_of_the_construct_asked_for() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        found = multilevel_reliability(teams(), "team")
    rows = found.table[found.table["coefficient"] == "omega_between"].set_index("construct")["estimate"]
    assert found.estimate("omega_between", "shared") == rows["shared"]
    assert found.estimate("omega_between") == rows["configural"] != rows["shared"]


def test_all_splits_are_gone_through_where_they_are_as_many_as_allowed() -> None:
    """Eight items fall into 8! / (4! 4! 2) = 35 pairs of halves."""
    items = keyed()
    whole = lower_bounds(items, most_splits=35)
    assert whole.every_split and len(whole.splits) == 35
    assert sorted(whole.splits) == pytest.approx(sorted(lower_bounds(items).splits))
    part = lower_bounds(items, most_splits=34)
    assert not part.every_split and len(part.splits) <= 34


def test_what_is_not_known_and_what_goes_with_nothing_opposes_nobody() -> None:
    apart = np.array([[1, 0.5, 0], [0.5, 1, 0], [0, 0, 1]])
    assert opposed_items(apart, ["a", "b", "c"]) == ()
    against = np.array([[1, 0.5, -0.4], [0.5, 1, -0.3], [-0.4, -0.3, 1]])
    assert opposed_items(against, ["a", "b", "c"]) == opposed_items(against, ("a", "b", "c")) == ("c",)
    against[0, 1] = against[1, 0] = np.nan
    assert opposed_items(against, ["a", "b", "c"]) == ()


def test_a_rest_that_has_no_variance_left_has_no_correlation() -> None:
    """Pairwise covariances may contradict each other: of a and b against c, 1 + 1 − 2.4 is left."""
    table = np.array([[1.0, -1.2, 0.3], [-1.2, 1.0, 0.3], [0.3, 0.3, 1.0]])
    found = item_rest_correlations(table)
    rest = (-1.2 + 0.3) / np.sqrt(1 + 1 + 2 * 0.3)
    np.testing.assert_allclose(found, [rest, rest, np.nan])


@pytest.mark.parametrize("phi", [[0.4], [-0.4], [0.5, 0.4, 0.3], [-0.5, 0.4, -0.3], [-0.5, -0.4, 0.3]])
def test_a_hierarchy_says_of_the_correlations_what_its_factors_say(phi: list[float]) -> None:
    """With pattern L and factor correlations Φ, general and group loadings give LΦL′ again, whatever the signs."""
    n = 2 if len(phi) == 1 else 3
    between = np.eye(n)
    between[np.tril_indices(n, -1)] = phi
    between = np.tril(between) + np.tril(between, -1).T
    loadings = np.kron(np.eye(n), np.array([[0.8], [0.7], [0.6], [0.5]]))
    for turned in ([], [0], [0, 1, 2, 3], [5, 6, 7], list(range(4 * n))):
        signs = np.where(np.isin(np.arange(4 * n), turned), -1.0, 1.0)
        table = loadings @ between @ loadings.T * np.outer(signs, signs)
        np.fill_diagonal(table, 1.0)
        found = schmid_leiman(table, n)
        pattern, own = found.pattern.loadings, found.pattern.factor_correlations
        common = np.outer(found.general, found.general) + found.group @ found.group.T
        np.testing.assert_allclose(common, pattern @ own @ pattern.T, atol=0.01)
        np.testing.assert_allclose(found.general, pattern @ found.second_order, atol=1e-12)
        own_part = np.sqrt(
            1 - found.second_order**2
        )  # signs of the pattern, whichever way the general factor turns
        np.testing.assert_allclose(found.group, pattern * own_part, atol=1e-12)
        assert found.general.sum() >= 0
        assert found.identified is (n == 3)
        expected = np.outer(found.second_order, found.second_order)[np.tril_indices(n, -1)]
        np.testing.assert_allclose(expected, own[np.tril_indices(n, -1)], atol=0.01)


@pytest.mark.parametrize("rho", [-0.97, -0.3, 0.0, 0.5, 0.97])
@pytest.mark.parametrize("cuts", [([-1.0], [0.5, 1.5]), ([0.5, 1.5], [-1.0]), ([-1.0, 0.0, 1.0], [0.2])])
def test_covariances_of_ordinal_scores_are_those_of_their_table(
    rho: float, cuts: tuple[list[float], list[float]]
) -> None:
    """Each cell of the table of two items by four normal probabilities; codes may lie apart by more than one."""
    steps = [np.arange(1.0, len(own) + 1) for own in cuts]
    codes = [np.concatenate([[0.0], np.cumsum(own)]) for own in steps]
    ends = [np.concatenate([[-8.0], own, [8.0]]) for own in cuts]
    joint = multivariate_normal(cov=[[1, rho], [rho, 1]])
    below = np.array([[joint.cdf([a, b]) for b in ends[1]] for a in ends[0]])
    table = np.diff(np.diff(below, axis=0), axis=1)
    means = [table.sum(axis=1) @ codes[0], table.sum(axis=0) @ codes[1]]
    both = codes[0] @ table @ codes[1] - means[0] * means[1]
    own = [
        table.sum(axis=1) @ codes[0] ** 2 - means[0] ** 2,
        table.sum(axis=0) @ codes[1] ** 2 - means[1] ** 2,
    ]
    found = score_covariances(
        [np.array(one) for one in cuts], steps, np.array([[1, rho], [rho, 1]]), unit_diagonal=True
    )
    np.testing.assert_allclose(found, [[own[0], both], [both, own[1]]], atol=2e-6)


def by_hand(general: list[float], group: list[list[float]]) -> Hierarchy:
    shared = np.square(general) + np.square(group).sum(axis=1)
    pattern: Any = SimpleNamespace(communalities=shared)
    made = {"general": np.array(general), "group": np.array(group), "second_order": np.ones(len(group[0]))}
    return Hierarchy(pattern=pattern, identified=True, **made)


def test_items_belong_to_the_factor_on_which_they_load_highest_in_size() -> None:
    """One item alone makes a sum, too: of variance 1 the general factor has .25 and its own .36."""
    correlations = np.array([[1.0, 0.2, 0.1], [0.2, 1.0, 0.5], [0.1, 0.5, 1.0]])
    member, shares = group_parts(
        correlations, by_hand([0.5, 0.4, 0.6], [[0.1, -0.6, 0], [0.5, 0.2, 0], [0.4, -0.1, 0]])
    )
    assert member.tolist() == [1, 0, 0]
    np.testing.assert_allclose(shares[1], [0.61, 0.25, 0.36])
    np.testing.assert_allclose(shares[0], [(1.0 + 0.81) / 3, 1.0 / 3, 0.81 / 3])
    assert np.isnan(shares[2]).all()


def test_a_share_of_a_total_that_is_none_is_not_given() -> None:
    """Items that oppose each other leave .2 of variance: less than what is their own alone."""
    found = omega_parts(np.array([[1.0, -0.9], [-0.9, 1.0]]), by_hand([0.3, 0.3], [[0.0], [0.0]]))
    assert found.total == pytest.approx(1 - 2 * 0.91 / 0.2)
    assert found.hierarchical == pytest.approx(0.36 / 0.2)
    assert np.isnan(found.asymptotic)
    assert found.ecv == 1.0


def test_the_second_order_is_extracted_as_the_first_was() -> None:
    phi = np.array([[1.0, 0.7, 0.2, 0.1], [0.7, 1.0, 0.1, 0.2], [0.2, 0.1, 1.0, 0.5], [0.1, 0.2, 0.5, 1.0]])
    solved = {how: _second_order(phi, how, False) for how in ("ml", "minres")}
    for how, found in solved.items():
        np.testing.assert_allclose(found, extract(phi, 1, how).loadings[:, 0], atol=1e-9)
    assert np.abs(solved["ml"] - solved["minres"]).max() > 0.01
    for size in (-0.49, 0.49):
        two = _second_order(np.array([[1.0, size], [size, 1.0]]), "ml", False)
        np.testing.assert_allclose([two[0], two[0] * two[1]], [0.7, size])
