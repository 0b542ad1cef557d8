"""Differential item functioning: what must hold for any data, and what is refused."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy.special import expit

from analysis.common.multiplicity import adjusted
from analysis.fairness.dif import dif
from analysis.fairness.dif_moderation import dif_moderation
from analysis.fairness.dif_result import FLAG_RULES, DifResult, flag_of
from analysis.fairness.inputs import FEWEST_ANCHORS, check_groups, fixed_anchors, warn_of_direction
from analysis.fairness.matching import CYCLED, STABLE, TOO_FEW, UNFINISHED, Matcher, find_anchors
from analysis.fairness.proportional_odds import fit_growing, fit_proportional_odds
from analysis.fairness.testing import TESTS
from instrument.errors import DefinitionError, NotEstimableError, ResponseDataError, ToolkitWarning

CUTS = np.array([-1.5, -0.5, 0.4, 1.3])
ITEMS = list("abcdef")
STATISTICS = [f"{what}_{test}" for test in TESTS for what in ("chisq", "mcfadden", "nagelkerke")]
KINDS = ("theta", "total", "rest")


def answers(shift: float = 0.0, n: int = 500, seed: int = 2, slope: float = 1.0) -> pd.DataFrame:
    """Five options each; item `a` is harder by `shift` and `slope` times as steep in group two."""
    rng = np.random.default_rng(seed)
    second = np.arange(n) % 2 == 1
    theta = rng.standard_normal(n)
    slopes = np.array([1.6, 1.3, 1.7, 2.1, 1.1, 1.5])[:, None] * np.ones(n)
    slopes[0] = np.where(second, slope * slopes[0], slopes[0])
    hard = np.zeros((6, n))
    hard[0] = np.where(second, shift, 0.0)
    above = 1 / (1 + np.exp(-slopes[..., None] * (theta[None, :, None] - CUTS - hard[..., None])))
    codes = 1 + (rng.random((6, n, 1)) < above).sum(axis=2)
    return pd.DataFrame(codes.T, columns=ITEMS).assign(group=np.where(second, "two", "one"))


@pytest.fixture(scope="module")
def shifted() -> pd.DataFrame:
    return answers(shift=0.8)


@pytest.fixture(scope="module")
def found(shifted: pd.DataFrame) -> DifResult:
    return dif(shifted[ITEMS], shifted["group"])


def test_a_shifted_item_is_found_and_leaves_the_anchors(found: DifResult) -> None:
    assert found.flagged == ["a"]
    assert found.table.loc["a", "kind"] == "uniform"
    assert found.anchors == ITEMS[1:]
    assert (found.purification, found.rounds) == (STABLE, 2)
    assert found.table.loc["a", "signed_difference"] < -0.3
    assert found.n_obs == 500
    assert found.n_groups.loc["a"].to_dict() == {"one": 250, "two": 250}


def test_another_slope_is_nonuniform() -> None:
    table = answers(n=1000, slope=0.25)
    result = dif(table[ITEMS], table["group"], matching="rest")
    assert result.table.loc["a", "kind"] == "nonuniform"
    row = result.table.loc["a"]
    assert row["unsigned_difference"] > 2 * abs(row["signed_difference"])


@pytest.mark.parametrize("kind", KINDS)
def test_names_of_groups_and_order_of_persons_and_items_do_not_matter(
    shifted: pd.DataFrame, kind: Any
) -> None:
    first = dif(shifted[ITEMS], shifted["group"], matching=kind)
    mixed = shifted.sample(frac=1, random_state=3)
    named = mixed["group"].map({"one": 7, "two": 3})
    other = dif(mixed[ITEMS[::-1]], named, matching=kind)
    pd.testing.assert_frame_equal(other.table.loc[ITEMS, STATISTICS], first.table[STATISTICS], atol=1e-5)
    assert (other.table.loc[ITEMS, "flag"] == first.table["flag"]).all()
    turned = -1 if other.groups[0] == 3 else 1
    np.testing.assert_allclose(
        other.table.loc[ITEMS, "signed_difference"], turned * first.table["signed_difference"], atol=1e-5
    )


def test_a_reversed_item_has_the_same_tests_and_the_opposite_difference(
    shifted: pd.DataFrame, found: DifResult
) -> None:
    other = dif(shifted[ITEMS].assign(a=6 - shifted["a"]), shifted["group"])
    pd.testing.assert_frame_equal(other.table[STATISTICS], found.table[STATISTICS], atol=1e-5)
    assert other.table.loc["a", "signed_difference"] == pytest.approx(
        -found.table.loc["a", "signed_difference"], abs=1e-6
    )


def test_codes_are_labels_except_for_score_points(shifted: pd.DataFrame, found: DifResult) -> None:
    other = dif(shifted[ITEMS] * 10 - 3, shifted["group"])
    pd.testing.assert_frame_equal(other.table[STATISTICS], found.table[STATISTICS], atol=1e-6)
    np.testing.assert_allclose(
        other.table["signed_difference"], 10 * found.table["signed_difference"], atol=1e-6
    )


@pytest.mark.parametrize("kind", KINDS)
def test_groups_with_the_same_answers_do_not_differ(kind: Any) -> None:
    once = answers(n=300)[ITEMS]
    twice = pd.concat([once, once, once], ignore_index=True)
    result = dif(twice, np.repeat(["x", "y", "z"], 300), matching=kind)
    assert (result.table[[f"chisq_{test}" for test in TESTS]] < 1e-6).all(axis=None)
    assert (result.table["unsigned_difference"] < 1e-4).all()
    assert (result.table[[f"df_{test}" for test in TESTS]].to_numpy() == [2, 2, 4]).all()
    assert result.flagged == []


def test_total_is_the_sum_of_uniform_and_nonuniform(found: DifResult) -> None:
    table = found.table
    for what in ("chisq", "df", "mcfadden", "nagelkerke"):
        np.testing.assert_allclose(
            table[f"{what}_total"], table[f"{what}_uniform"] + table[f"{what}_nonuniform"], atol=1e-10
        )
    assert (table["unsigned_difference"] >= table["signed_difference"].abs() - 1e-12).all()


@pytest.mark.parametrize("kind", KINDS)
def test_missing_answers_follow_the_stated_rule(shifted: pd.DataFrame, kind: Any) -> None:
    holes = shifted.astype(dict.fromkeys(ITEMS, "Int64"))
    holes.loc[0, ITEMS] = pd.NA  # no answer at all
    holes.loc[1, "b"] = pd.NA
    holes.loc[2, ITEMS[1:]] = pd.NA  # nothing to match on
    holes.loc[3, "group"] = None
    result = dif(holes[ITEMS], holes["group"], matching=kind, purify=None)
    assert (result.n_obs, result.n_dropped) == (498, 2)
    others = 497 if kind == "theta" else 496
    # For the mean without b, the person who left b out still counts, but has no answer to it.
    assert result.table["n"].to_dict() == {"a": others, "b": 496, **dict.fromkeys("cdef", others)}


def test_given_anchors_are_kept(shifted: pd.DataFrame, found: DifResult) -> None:
    result = dif(shifted[ITEMS], shifted["group"], anchors=ITEMS[1:])
    pd.testing.assert_frame_equal(result.table, found.table)
    assert result.rounds == 1
    assert "given" in result.purification


def test_rule_of_zumbo_asks_for_more(shifted: pd.DataFrame) -> None:
    result = dif(shifted[ITEMS], shifted["group"], rule="zumbo", purify="flagged")
    assert result.anchors == ITEMS
    assert result.flagged == []
    assert result.table.loc["a", "p_adjusted_total"] < 0.001
    assert "< .13" in str(result.rules[0])


def test_rule_of_cosmin_reads_mcfadden(shifted: pd.DataFrame) -> None:
    result = dif(shifted[ITEMS], shifted["group"], rule="cosmin")
    assert result.flagged == ["a"]
    assert result.table.loc["a", "flag"] == "important"
    assert result.table.loc["a", "mcfadden_total"] >= result.rules[0].cutoff == 0.02


def test_tables_agree_with_each_other(found: DifResult) -> None:
    curves = found.expected_scores.set_index(["item", "group"])
    assert set(curves.index) == {(item, group) for item in ITEMS for group in ("one", "two")}
    assert curves["expected"].between(1, 5).all()
    assert list(found.to_frame().index) == ITEMS
    assert found.to_dict()["rule"] == "jodoin_gierl"
    first, second, *_ = found.summary().split("\n")
    assert first == "Groups one, two (reference first), matched on theta; p adjusted: holm."
    assert second.startswith("Anchors after 2 round(s), stable")
    assert set(found.coefficients["term"]) == {"1|2", "2|3", "3|4", "4|5", "matching", "two", "matching:two"}


def test_adjusted_p_by_hand() -> None:
    p = np.array([0.04, 0.01, 0.03])
    np.testing.assert_allclose(adjusted(p, "holm"), [0.06, 0.03, 0.06])
    np.testing.assert_allclose(adjusted(p, "bh"), [0.04, 0.03, 0.04])
    np.testing.assert_allclose(adjusted(p, "none"), p)


@pytest.mark.parametrize(
    ("steps", "ending", "rounds", "anchors"),
    [
        ([[0], [0]], STABLE, 2, {1, 2, 3, 4}),
        ([[0], [1], [0]], CYCLED, 3, {0, 2, 3, 4}),
        ([[4, 2, 1], [4, 2, 3]], TOO_FEW, 2, {0, 1, 3}),
        ([[4, 2, 1], [4], [4]], STABLE, 3, {0, 1, 2, 3}),
        ([[0], [1], [2], [3]], UNFINISHED, 4, {0, 1, 3, 4}),
        ([[]], STABLE, 1, {0, 1, 2, 3, 4}),
    ],
)
def test_purification_ends(steps: list[list[int]], ending: str, rounds: int, anchors: set[int]) -> None:
    tested = []

    def worst(given: frozenset[int]) -> list[int]:
        tested.append(given)
        return steps[len(tested) - 1]

    ended = find_anchors(worst, frozenset(range(5)), fewest=3, max_rounds=4)
    assert (ended.ending, ended.rounds, set(ended.anchors)) == (ending, rounds, anchors)
    assert ended.anchors == tested[-1]


def test_half_of_the_items_stay_anchors_however_few_would_do() -> None:
    ended = find_anchors(lambda _: [0, 1, 2, 3], frozenset(range(6)), fewest=2, max_rounds=4)
    assert (set(ended.anchors), ended.ending) == ({3, 4, 5}, TOO_FEW)


def test_the_matching_variable_holds_the_item_itself_unless_it_is_the_rest() -> None:
    table = np.array([[1.0, 2.0, 6.0, 5.0], [2.0, 4.0, np.nan, 1.0]])
    for kind, wanted in (("total", [3.0, np.nan]), ("rest", [4.0, np.nan])):
        matcher = Matcher(table=table, names=list("abcd"), kind=kind)
        np.testing.assert_array_equal(
            matcher.values(0, frozenset({1, 2})), wanted
        )  # (1 + 2 + 6) / 3, (2 + 6) / 2


def test_purification_uses_the_level_and_the_rule_that_were_asked_for() -> None:
    """Item a differs with p of about .0001 and too little to be flagged."""
    table = answers(shift=0.3)
    two = (table["group"] == "two").astype(float)
    for compare, by in ((dif, table["group"]), (dif_moderation, two)):
        asked = {"alpha": 1e-5}, {"purify": "flagged"}, {"purify": None}, {"purify": "significant"}
        kept = ["a" in compare(table[ITEMS], by, matching="total", **one).anchors for one in asked]
        assert kept == [True, True, True, False]


def test_flags_and_kinds_rest_on_adjusted_p() -> None:
    """At a level between p and what Holm makes of it, six times as much, nothing is said."""
    table = answers(shift=0.8, slope=0.6)
    how: dict[str, Any] = {"matching": "total", "purify": None}
    plain = dif(table[ITEMS], table["group"], **how).table.loc["a"]
    assert plain["p_adjusted_total"] == pytest.approx(6 * plain["p_total"], rel=1e-9)
    assert plain["flag"] != "none"
    between = dif(table[ITEMS], table["group"], alpha=2 * plain["p_total"], **how).table.loc["a"]
    assert (between["flag"], between["kind"]) == ("none", "")
    level = 2 * plain["p_nonuniform"]
    assert plain["p_adjusted_total"] < level < plain["p_adjusted_nonuniform"]
    assert dif(table[ITEMS], table["group"], alpha=level, **how).table.loc["a", "kind"] == "uniform"


def test_moderation_adjusts_as_asked_and_counts_whom_it_dropped() -> None:
    table = answers(n=200)
    age = np.arange(200.0) % 41
    age[[3, 5]] = np.nan
    items = table[ITEMS].astype(float)
    items.loc[7] = np.nan
    found = dif_moderation(items, age, matching="total", purify=None, adjust="none")
    assert (found.n_obs, found.n_dropped) == (197, 3)
    assert (found.table["p_adjusted_total"] == found.table["p_total"]).all()
    holm = dif_moderation(items, age, matching="total", purify=None)
    assert holm.table["p_adjusted_total"].min() == pytest.approx(min(6 * holm.table["p_total"].min(), 1.0))


def test_an_unstable_search_is_said(shifted: pd.DataFrame) -> None:
    with pytest.warns(ToolkitWarning, match="purification stopped: the declared number of rounds"):
        result = dif(shifted[ITEMS], shifted["group"], max_rounds=1)
    assert result.anchors == ITEMS


def test_an_item_that_one_group_does_not_vary_on_has_no_estimate(shifted: pd.DataFrame) -> None:
    table = shifted.copy()
    table.loc[table["group"] == "two", "c"] = 5
    table.loc[table["group"] == "one", "c"] = table.loc[table["group"] == "one", "c"].clip(upper=4)
    with pytest.warns(ToolkitWarning) as caught:
        result = dif(table[ITEMS], table["group"])
    texts = " ".join(str(warning.message) for warning in caught)
    assert "1 of 6 items cannot be tested: c (the groups" in texts
    assert "5 categories are empty in a group: 'c:5 (one)', 'c:1 (two)'" in texts
    assert result.table.loc["c", "flag"] == "not estimable"
    assert result.table.loc["c"].drop(["n", "flag", "kind"]).isna().all()
    assert "c" not in result.anchors
    assert "separate" in result.not_estimable["c"]
    assert result.table.drop(index="c")["p_total"].notna().all()


def test_a_group_that_left_an_item_out_is_named(shifted: pd.DataFrame) -> None:
    table = shifted.astype(dict.fromkeys(ITEMS, "Int64"))
    table.loc[table.index[(table["group"] == "two").to_numpy()][:240], "c"] = pd.NA
    with pytest.warns(ToolkitWarning) as caught:
        result = dif(table[ITEMS], table["group"])
    texts = [str(warning.message) for warning in caught]
    assert any("c (10 persons of group two have the item" in text for text in texts)
    assert result.n_groups.loc["c"].to_dict() == {"one": 250, "two": 10}


def test_small_groups_are_said(shifted: pd.DataFrame) -> None:
    few = shifted.iloc[:300]
    with pytest.warns(ToolkitWarning, match=r"2 of 2 groups have fewer than 200 persons: 'one \(150\)'"):
        dif(few[ITEMS], few["group"], purify=None)


def test_items_against_the_others_are_said_where_answers_are_averaged(shifted: pd.DataFrame) -> None:
    turned = shifted[ITEMS].assign(b=6 - shifted["b"])
    with pytest.warns(ToolkitWarning, match="1 item runs against the others: 'b'"):
        dif(turned, shifted["group"], matching="rest", purify=None)


Change = Callable[[pd.DataFrame], tuple[Any, Any]]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda t: (t[["a", "b"]], t["group"]), "2 items cannot be matched"),
        (lambda t: (t[ITEMS], "group"), "there is no column 'group' beside the items"),
        (lambda t: (t[ITEMS], t[["group"]]), "group is a DataFrame"),
        (lambda t: (t[ITEMS], t["group"].iloc[:10]), "10 groups for 500 rows"),
        (lambda t: (t[ITEMS], t["group"].iloc[::-1]), "different indexes"),
        (lambda t: (t[ITEMS], ["x"] * len(t)), "everyone belongs to one group, 'x'"),
        (lambda t: (t[ITEMS], [None] * len(t)), "no person has both"),
        (lambda t: (t[ITEMS], ["x"] * 480 + ["y"] * 20), r"1 of 2 groups .* 30 persons: 'y \(20\)'"),
        (lambda t: (t[ITEMS].assign(a=3), t["group"]), "single answer category: 'a'"),
        (lambda t: (t[ITEMS].assign(a=np.nan), t["group"]), "no answer at all: 'a'"),
        (lambda t: (t[ITEMS].assign(a=t["a"] + 0.5), t["group"]), "not whole numbers: 'a'"),
        (lambda t: (t[ITEMS].assign(a="x"), t["group"]), "not numeric: 'a'"),
        (lambda t: (t["a"], t["group"]), "items is a Series"),
    ],
)
def test_data_that_cannot_be_used_are_refused(shifted: pd.DataFrame, change: Change, message: str) -> None:
    items, group = change(shifted)
    with pytest.raises(ResponseDataError, match=message) as caught:
        dif(items, group)
    assert str(caught.value).startswith("dif: ")
    assert "\nHint: " in str(caught.value)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"matching": "sum"}, "matching 'sum' is unknown"),
        ({"purify": True}, "purify True is unknown"),
        ({"adjust": "bonferroni"}, "adjust 'bonferroni'"),
        ({"rule": "mine"}, "rule 'mine'"),
        ({"alpha": 5}, "alpha is 5"),
        ({"alpha": "0.05"}, "alpha is '0.05'"),
        ({"max_rounds": 0}, "max_rounds is 0"),
        ({"anchors": ["a", "b", "z"]}, "1 anchors are no items: 'z'"),
        ({"anchors": ["a", "b"]}, "2 anchors do not carry matching='theta'"),
        ({"anchors": "a"}, "1 anchors do not carry"),
    ],
)
def test_options_that_do_not_exist_are_refused(
    shifted: pd.DataFrame, options: dict[str, Any], message: str
) -> None:
    with pytest.raises(DefinitionError, match=message) as caught:
        dif(shifted[ITEMS], shifted["group"], **options)
    assert "\nHint: " in str(caught.value)


def test_a_matching_model_that_fails_is_not_replaced(shifted: pd.DataFrame) -> None:
    doubled = shifted[ITEMS].assign(g=shifted["a"])
    with pytest.raises(NotEstimableError, match="graded_response"):
        dif(doubled, shifted["group"])


def test_groups_that_nothing_can_compare_give_no_result(shifted: pd.DataFrame) -> None:
    table = shifted[ITEMS].copy()
    second = shifted["group"] == "two"
    table.loc[second] = 5
    table.loc[~second] = table.loc[~second].clip(upper=4)
    with pytest.raises(NotEstimableError, match="no item can be tested"):
        dif(table, shifted["group"], matching="rest")


def test_separated_and_collinear_predictors_have_no_estimate() -> None:
    y = np.repeat([0, 1, 2], 50)
    assert "separate" in fit_proportional_odds(y, np.arange(150.0)[:, None]).problem
    assert "separate" in fit_proportional_odds(y, (y > 0)[:, None].astype(float)).problem
    assert "does not vary" in fit_proportional_odds(y, np.ones((150, 1))).problem
    x = np.random.default_rng(1).standard_normal(150)
    assert "does not vary" in fit_proportional_odds(y, np.column_stack([x, 2 * x])).problem


def test_a_column_beside_the_items_gives_what_its_values_give() -> None:
    rng = np.random.default_rng(8)
    common = rng.normal(size=(400, 1))
    items = pd.DataFrame(
        np.clip(np.round(3 + common + rng.normal(size=(400, 4))), 1, 5), columns=list("abcd")
    )
    group = pd.Series(np.where(np.arange(400) % 2, "x", "y"), name="site")
    beside, given = dif(items.assign(site=group), "site"), dif(items, group)
    pd.testing.assert_frame_equal(beside.table, given.table)


@pytest.mark.parametrize("k", [2, 3, 5])
def test_models_that_grow_are_those_fitted_alone_and_at_the_top_of_the_likelihood(k: int) -> None:
    rng = np.random.default_rng(k)
    x = np.column_stack([rng.normal(3.0, 2.0, 240), rng.random(240) < 0.4, rng.normal(size=240)])
    cuts = np.quantile(x[:, 0], np.linspace(0, 1, k + 1)[1:-1])
    y = (x[:, :1] + 2 * rng.logistic(size=(240, 1)) > cuts).sum(axis=1)

    def loglik(parameters: np.ndarray, size: int) -> float:
        ends = np.concatenate([[-np.inf], parameters[: k - 1], [np.inf]])
        linear = x[:, :size] @ parameters[k - 1 :]
        return float(np.log(expit(ends[y + 1] - linear) - expit(ends[y] - linear)).sum())

    for size, fit in zip((1, 2, 3), fit_growing(y, x, [1, 2, 3]), strict=True):
        alone = fit_proportional_odds(y, x[:, :size])
        np.testing.assert_allclose(fit.coefficients, alone.coefficients, rtol=1e-5, atol=1e-8)
        np.testing.assert_allclose(fit.loglik, alone.loglik, rtol=1e-13)
        at = np.concatenate([fit.thresholds, fit.coefficients])
        np.testing.assert_allclose(fit.loglik, loglik(at, size), rtol=1e-12)
        steps = 1e-4 * np.eye(len(at))
        slope = [(loglik(at + s, size) - loglik(at - s, size)) / 2e-4 for s in steps]
        np.testing.assert_allclose(slope, 0, atol=2e-4)
        curve = [
            [
                loglik(at + a + b, size) - loglik(at + a - b, size) - loglik(at - a + b, size) + loglik(at - a - b, size)
                for a in steps
            ]
            for b in steps
        ]  # fmt: skip
        np.testing.assert_allclose(
            -np.linalg.inv(np.array(curve) / 4e-8), fit.covariance, rtol=1e-3, atol=1e-5
        )


def test_a_model_that_cannot_be_fitted_leaves_the_larger_ones_to_begin_anew() -> None:
    rng = np.random.default_rng(5)
    y, z = rng.integers(0, 3, 150), rng.normal(size=150)
    bad, good = fit_growing(y, np.column_stack([np.ones(150), z, z**2]), [1, 3])
    assert "does not vary" in bad.problem and "does not vary" in good.problem
    parted = (y > 0).astype(float)
    first, second = fit_growing(y, np.column_stack([parted, z]), [1, 2])
    assert "separate" in first.problem and "separate" in second.problem
    alone, both = fit_growing(y, np.column_stack([z, z**2]), [1, 2])
    np.testing.assert_allclose(both.loglik, fit_proportional_odds(y, np.column_stack([z, z**2])).loglik)
    assert alone.loglik <= both.loglik


def test_an_item_runs_against_the_others_by_the_others_alone() -> None:
    """Its own variance is in a mean of all, and hides that it falls when the others rise."""
    rng = np.random.default_rng(2)
    shared = rng.normal(size=300)
    table = np.column_stack([shared, shared, -0.3 * shared + 2.0 * rng.normal(size=300)])
    table[:, :2] += 0.5 * rng.normal(size=(300, 2))
    assert np.corrcoef(table[:, 2], table[:, :2].mean(axis=1))[0, 1] < 0
    assert np.corrcoef(table[:, 2], table.mean(axis=1))[0, 1] > 0
    with pytest.warns(ToolkitWarning, match="1 item runs against the others: 'c'"):
        warn_of_direction(table, ["a", "b", "c"])


def test_thirty_people_are_a_group_and_an_anchor_named_twice_is_one() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ToolkitWarning)
        check_groups(["a", "b"], np.array([30, 200]))
    with pytest.raises(ResponseDataError, match=r"1 of 2 groups have fewer than 30 persons: 'a \(29\)'"):
        check_groups(["a", "b"], np.array([29, 200]))
    fewest = FEWEST_ANCHORS["theta"]
    names = [f"q{k}" for k in range(fewest + 2)]
    assert fixed_anchors(names[:fewest], names, "theta") == frozenset(range(fewest))
    doubled = [*names[: fewest - 1], names[0]]
    with pytest.raises(DefinitionError, match=f"{fewest - 1} anchors do not carry matching='theta'"):
        fixed_anchors(doubled, names, "theta")


@pytest.mark.parametrize(
    ("rule", "statistic", "flags"),
    [
        ("jodoin_gierl", "nagelkerke", {0.034: "none", 0.036: "moderate", 0.069: "moderate", 0.071: "large"}),
        ("zumbo", "nagelkerke", {0.129: "none", 0.131: "moderate", 0.259: "moderate", 0.261: "large"}),
        ("cosmin", "mcfadden", {0.019: "none", 0.021: "important"}),
    ],
)
def test_flags_by_published_sizes(rule: str, statistic: str, flags: dict[float, str]) -> None:
    """Jodoin & Gierl 2001: .035 and .070; Zumbo 1999: .13 and .26, both of Nagelkerke; COSMIN: .02 of McFadden."""
    chosen = FLAG_RULES[rule]
    assert chosen.statistic == f"{statistic}_total"
    assert {size: flag_of(0.001, size, 0.05, chosen) for size in flags} == flags
    assert {flag_of(0.05, size, 0.05, chosen) for size in flags} == {"none"}
