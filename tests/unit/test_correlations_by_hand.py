"""Counts, thresholds, correlations and their refusals, against numbers worked out by hand."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
import pytest

from analysis.common.sampling import Sampling
from analysis.correlation import codes, counts, definite
from analysis.correlation.codes import category_codes
from analysis.correlation.counts import cross_counts, item_counts, pair_tables
from analysis.correlation.definite import definite_correlations, dependent_answers
from analysis.correlation.dependence import dependence_told, dependent_items
from analysis.correlation.frames import estimate_labels
from analysis.correlation.given import given_correlations
from analysis.correlation.kept import kept_moments, once
from analysis.correlation.mixed_correlations import mixed_correlations, polyserial
from analysis.correlation.moments import (
    ordinal_moments,
    refuse_unanswered_pairs,
    refuse_unconverged,
    square_from_pairs,
)
from analysis.correlation.pairs import fit_pairs, next_point
from analysis.correlation.polychoric import polychoric
from analysis.correlation.smoothing import (
    Smoothing,
    checked_smooth,
    is_definite,
    size_of_smoothing,
    smoothed,
)
from analysis.correlation.variables import continuous_variable, ordinal_variable
from instrument.errors import (
    ConvergenceError,
    DefinitionError,
    NotEstimableError,
    ResponseDataError,
    ToolkitWarning,
)

GAP = np.nan
ANSWERS = np.array([[1, 4], [3, 2], [3, GAP], [7, 4], [GAP, GAP], [1, 2], [1, 4.0]])


@pytest.mark.parametrize("rows_at_once", [2, 1000])
def test_codes_are_places_among_the_categories_that_occur(
    rows_at_once: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(codes, "ROWS_AT_ONCE", rows_at_once)
    pairwise = category_codes(ANSWERS, ["a", "b"], caller="f", listwise=False)
    assert pairwise.codes.tolist() == [[0, 1, 1, 2, 0, 0], [1, 0, 3, 1, 0, 1]]
    assert [c.tolist() for c in pairwise.categories] == [[1, 3, 7], [2, 4]]
    assert (pairwise.missing_code, pairwise.n_categories.tolist()) == (3, [3, 2])
    listwise = category_codes(ANSWERS, ["a", "b"], caller="f", listwise=True)
    assert listwise.codes.tolist() == [[0, 1, 2, 0, 0], [1, 0, 1, 0, 1]]


def test_codes_may_span_127_and_no_more() -> None:
    wide = np.arange(127.0)[:, None] - 5
    held = category_codes(wide, ["a"], caller="f", listwise=False)
    assert held.codes[0].tolist() == list(range(127)) and held.missing_code == 127
    with pytest.raises(ResponseDataError, match="span 127 codes or more: 'b'"):
        category_codes(np.array([[0, 0], [1, 127.0]]), ["a", "b"], caller="f", listwise=False)


@pytest.mark.parametrize("cells_at_once", [6, 12, 24, 10_000])
def test_joint_answers_are_counted_in_blocks(cells_at_once: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(counts, "CELLS_AT_ONCE", cells_at_once)
    coded = category_codes(ANSWERS, ["a", "b"], caller="f", listwise=False)
    cross = cross_counts(coded)
    assert item_counts(cross).tolist() == [[3, 2, 1], [2, 3, 0]]
    assert pair_tables(cross).tolist() == [[[1, 2, 0], [1, 0, 0], [0, 1, 0]]]  # the first item in rows
    weighted = cross_counts(coded, np.array([1, 10, 100, 1000, 10_000, 0.5]))
    assert item_counts(weighted).tolist() == [[10_001.5, 110, 1000], [10_010, 1001.5, 0]]
    assert pair_tables(weighted).tolist() == [[[10_000, 1.5, 0], [10, 0, 0], [0, 1000, 0]]]


def halves(agree: int, differ: int) -> pd.DataFrame:
    """Two items halved at their medians: `agree` people in either cell of the diagonal."""
    return pd.DataFrame(
        {
            "a": [0] * (agree + differ) + [1] * (agree + differ),
            "b": [0] * agree + [1] * differ + [0] * differ + [1] * agree,
        }
    )


@pytest.mark.parametrize(("agree", "differ"), [(30, 20), (20, 30), (45, 5), (25, 25)])
def test_two_halves_have_sheppards_correlation_and_its_error(agree: int, differ: int) -> None:
    result = polychoric(halves(agree, differ))
    rho = np.sin(2 * np.pi * (agree / 100 - 0.25))  # W. F. Sheppard: P(both above) = 1/4 + arcsin ρ / 2π
    same = agree / 50
    error = np.pi * np.sqrt((1 - rho**2) * same * (1 - same) / 100)  # the delta rule of (agreed - 1) / 2
    assert result.correlations.loc["a", "b"] == pytest.approx(rho, abs=1e-9)
    assert result.standard_errors.loc["b", "a"] == pytest.approx(error, rel=1e-7)
    assert result.standard_errors.loc["a", "a"] == 0
    assert result.acov.loc["a|t1", "a|t1"] == pytest.approx(0.25 / (100 / (2 * np.pi)), rel=1e-9)
    assert result.thresholds.to_numpy() == pytest.approx(np.zeros((2, 1)), abs=1e-12)


def test_pairs_are_counted_with_their_empty_cells() -> None:
    table = pd.DataFrame(
        {
            "a": [1, 0, 1, 1, 0, 1, 0, 1, GAP, 0],
            "b": [1, 2, 2, 3, 1, 3, 2, 2, 1, GAP],
            "c": [0, 1, 0, 1, 1, 1, 0, 0, 1, GAP],
        }
    )
    result = polychoric(table)
    rows = result.to_frame().set_index(["first", "second"])
    assert rows.index.tolist() == [("a", "b"), ("a", "c"), ("b", "c")]
    assert rows["n"].tolist() == [8, 8, 9]
    assert rows["empty_cells"].tolist() == [1, 0, 1]  # a 0 with b 3; b 3 with c 0
    assert np.diag(result.pair_n).tolist() == [9, 9, 9] and result.n_obs == 10
    assert result.thresholds.loc["a"].isna().tolist() == [False, True]
    assert result.acov.index.tolist() == ["a|t1", "b|t1", "b|t2", "c|t1", "a~~b", "a~~c", "b~~c"]
    listwise = polychoric(table, missing="listwise").to_frame()
    assert listwise["n"].tolist() == [8, 8, 8]


def test_labels_and_squares_go_pair_by_pair() -> None:
    assert estimate_labels(["a", "b", "c"], [1, 0, 2])[-4:] == ["c|t2", "a~~b", "a~~c", "b~~c"]
    assert square_from_pairs(np.array([1.0, 2, 3]), 3, 9.0).tolist() == [[9, 1, 2], [1, 9, 3], [2, 3, 9]]


def test_pairs_that_do_not_vary_together_are_named() -> None:
    tables = np.array([[[3.0, 1], [0, 2]], [[3, 1], [0, 0]], [[2, 0], [2, 0]]])
    with pytest.raises(ResponseDataError, match=r"2 of 3 pairs of items .*: 'a–c', 'b–c'"):
        refuse_unanswered_pairs(tables, ["a", "b", "c"], "f")
    refuse_unanswered_pairs(tables[:1], ["a", "b"], "f")
    with pytest.raises(ConvergenceError, match="1 of 3 correlations did not converge: 'a–c'"):
        refuse_unconverged(np.array([True, False, True]), ["a", "b", "c"], "f")


def test_a_step_stays_in_its_bracket_and_a_flat_likelihood_goes_to_its_bound() -> None:
    def one(here: float, slope: float, curvature: float, low: float = -0.9, high: float = 0.9) -> float:
        arrays = (np.array([value]) for value in (here, slope, curvature, low, high))
        return float(next_point(*arrays)[0])

    assert one(0.2, 3.0, -10.0) == pytest.approx(0.5)  # Newton
    assert one(0.0, 3.0, -1.0) == pytest.approx(np.tanh(1) / 2)  # too far: half of the way
    assert one(0.0, -3.0, -1.0) == pytest.approx(-np.tanh(1) / 2)
    assert one(0.0, 3.0, 1.0, high=0.4) == pytest.approx(0.2)  # convex: half of the bracket
    assert one(0.3, 0.0, 2.0) == 0.3
    assert one(-0.3, 1e-5, -1e-5) == -0.9999 and one(0.3, -1e-5, 1e-5) == 0.9999
    assert one(0.2, 2e-5, -2e-4) == pytest.approx(0.3)  # not flat yet: its curvature counts


def test_a_pair_with_an_empty_corner_is_at_its_bound() -> None:
    tables = np.array([[[25.0, 0], [0, 25]], [[0, 25], [25, 0]], [[15, 10], [10, 15]]])
    fit = fit_pairs(tables, np.zeros((3, 1)), np.zeros((3, 1)))
    assert fit.at_bound.tolist() == [True, True, False]
    assert fit.rho[0] > 0.999 and fit.rho[1] < -0.999 and fit.converged.all()


def square(*pairs: float, names: str = "abc") -> pd.DataFrame:
    return pd.DataFrame(square_from_pairs(np.array(pairs), len(names), 1.0), columns=list(names))


def spoilt(row: int, column: int, value: float) -> pd.DataFrame:
    table = square(0.3, 0.2, 0.1)
    table.iloc[row, column] = value
    return table


@pytest.mark.parametrize(
    ("table", "message"),
    [
        (spoilt(0, 1, 0.30001), "the matrix is not symmetric"),
        (spoilt(1, 1, 1.00001), "the diagonal of the matrix is not 1"),
        (spoilt(1, 1, 0.99999), "the diagonal of the matrix is not 1"),
        (square(-1.00001, 0.2, 0.1), "a correlation is beyond ±1"),
        (spoilt(2, 0, np.nan), "missing or no numbers for items 'a'"),
        (square(0.3, names="ab"), "2 items given, at least 3 are needed"),
        (square(0.3, 0.2, 0.1, names="aba"), "twice"),
        (square(0.3, 0.2, 0.1).iloc[:2], "has 2 rows and 3 columns"),
        (square(0.3, 0.2, 0.1).set_axis(list("acb")), "name other items, or in another order"),
    ],
)
def test_a_matrix_that_is_none_of_correlations_is_refused(table: pd.DataFrame, message: str) -> None:
    with pytest.raises(ResponseDataError, match=message):
        given_correlations("f", table, 100)


def test_what_printing_rounds_is_no_fault_of_a_matrix() -> None:
    labels, matrix = given_correlations("f", spoilt(0, 1, 0.3 + 4e-7).set_axis(list("abc")), 1)
    assert labels == ["a", "b", "c"]
    assert matrix[0, 1] == matrix[1, 0] == pytest.approx(0.3 + 2e-7, abs=1e-12)
    assert given_correlations("f", spoilt(1, 1, 1 + 4e-7), 1)[1][1, 1] == 1.0
    with pytest.raises(DefinitionError, match="without the number of people"):
        given_correlations("f", square(0.3, 0.2, 0.1), None)


@dataclass
class Made:
    values: np.ndarray[Any, Any]
    note: str = ""


def test_equal_questions_are_answered_once_inside_a_block() -> None:
    asked: list[int] = []

    def make() -> Made:
        asked.append(1)
        return Made(np.zeros(2))

    answers = np.array([[1, 2], [3, 4.0]])
    once(answers, ("x",), make), once(answers, ("x",), make)
    assert len(asked) == 2  # outside a block nothing is kept
    with kept_moments():
        first = once(answers, ("x",), make)
        assert once(answers.copy(), ("x",), make) is first and len(asked) == 3
        assert once(np.asfortranarray(answers), ("x",), make) is first
        assert not first.values.flags.writeable
        for other in (answers.T, answers.reshape(1, 4), answers.astype(int), answers + 1):
            assert once(other, ("x",), make) is not first
        assert once(answers, ("y",), make) is not first and len(asked) == 8
    once(answers, ("x",), make)
    assert len(asked) == 9


def test_items_that_follow_from_others_are_named_with_their_parts() -> None:
    covariance = np.array([[4, 0, 0, 8], [0, 1, 0, 1], [0, 0, 1, 0], [8, 1, 0, 17.0]])  # d = 2a + b
    assert dependent_items(covariance, list("abcd")) == {"d": ["a", "b"]}
    assert dependent_items(np.array([[1, -1], [-1, 1.0]]), ["a", "b"]) == {"b": ["a"]}
    assert dependent_items(square_from_pairs(np.array([0.999]), 2, 1.0), ["a", "b"]) == {}
    less_than_nothing = square_from_pairs(np.array([0.9, 0.9, -0.9]), 3, 1.0)
    assert dependent_items(less_than_nothing, list("abc")) == {}
    six = {f"i{k}": ["a"] for k in range(6)}
    assert dependence_told(six).endswith("'i4' repeats 'a'; and 1 more")
    assert dependence_told(dict(list(six.items())[:5])).endswith("'i4' repeats 'a'")


@pytest.mark.parametrize(("joint", "found"), [(19, {}), (20, {"d": ["a"]})])
def test_among_few_complete_rows_only_repetitions_of_twenty_count(joint: int, found: dict[str, Any]) -> None:
    values = np.random.default_rng(4).integers(1, 6, (60, 4)).astype(float)
    values[:, 3] = 6 - values[:, 0]
    values[joint:, 3] = np.nan
    values[:joint, 1] = np.nan  # no complete row at all
    assert dependent_answers(values, list("abcd")) == found


def test_complete_rows_must_be_more_than_the_items() -> None:
    values = np.random.default_rng(4).normal(size=(4, 4))
    assert dependent_answers(values, list("abcd")) == {}
    more = np.vstack([values, values[:1] + 1, values[1:2] * 3])
    more[:, 3] = more[:, 0] - more[:, 1]
    assert dependent_answers(more[:5], list("abcd")) == {"d": ["a", "b"]}


OPPOSED = square_from_pairs(np.array([0.9, 0.9, -0.9]), 3, 1.0)  # eigenvalues -0.8, 1.9, 1.9


@pytest.mark.parametrize("method", ["nearest", "truncated"])
def test_three_opposed_items_are_moved_to_a_half(method: str) -> None:
    after = smoothed(OPPOSED, method)
    assert np.abs(after[np.triu_indices(3, 1)]) == pytest.approx(0.5, abs=1e-6)
    size = size_of_smoothing(OPPOSED, after, list("abc"), method)
    assert size.frobenius == pytest.approx(np.sqrt(6 * 0.16), abs=1e-6)
    assert size.largest_change == pytest.approx(0.4, abs=1e-6)
    assert (size.n_items, size.n_negative) == (3, 1)
    assert size.smallest_before == pytest.approx(-0.8) and 0 < size.smallest_after < 1e-6
    assert smoothed(np.eye(3) * 1.0, method).tolist() == np.eye(3).tolist()


def test_the_pair_moved_most_is_named_in_the_order_of_the_items() -> None:
    after = square_from_pairs(np.array([0.1, -0.3, 0.2]), 3, 1.0)
    size = size_of_smoothing(np.eye(3), after, list("abc"), "nearest")
    assert size.largest_pair == ("a", "c") and size.largest_change == pytest.approx(0.3)
    assert size.n_negative == 0
    assert "0 of 3 eigenvalues are negative, the smallest 1.0000; the nearest correlation" in size.told()
    assert isinstance(size, Smoothing) and size.to_frame()["largest_pair"].tolist() == ["a c"]


def test_rules_of_smoothing() -> None:
    assert [checked_smooth("f", rule) for rule in (False, True, "nearest")] == [None, "truncated", "nearest"]
    with pytest.raises(DefinitionError, match="smooth is 1"):
        checked_smooth("f", 1)
    assert not is_definite(np.array([[1, GAP], [GAP, 1.0]]))
    assert is_definite(np.diag([1, 1e-9])) and not is_definite(np.diag([1, 1e-11]))


@pytest.mark.parametrize(
    ("matrix", "kind", "smooth", "said"),
    [
        (OPPOSED, "polychoric", False, 'Hint: choose smooth="nearest", take Pearson correlations, leave out'),
        (OPPOSED, "pearson", False, 'Hint: choose smooth="nearest", use complete rows, leave out items'),
        (OPPOSED, "pearson", None, "Hint: use complete rows, leave out items"),
        (OPPOSED, "given", None, "Hint: leave out items, or gather more people"),
        (OPPOSED, "given", False, 'Hint: choose smooth="nearest", leave out items'),
        (square_from_pairs(np.array([0.96, 0.96, -0.96]), 3, 1.0), "pearson", False, "drop one of them"),
        (OPPOSED, "pearson", None, r"not positive definite \(smallest eigenvalue -8.00e-01; items 'a' and"),
        (np.where(np.eye(3), 1.0, -0.5), "pearson", "nearest", "singular: 'c' follows from 'a', 'b'"),
        (np.array([[1, GAP, 0], [GAP, 1, 0], [0, 0, 1]]), "given", None, "missing for items 'a', 'b'"),
    ],
)
def test_a_matrix_that_cannot_be_inverted_is_refused_with_the_ways_out(
    matrix: Any, kind: str, smooth: Any, said: str
) -> None:
    with pytest.raises(NotEstimableError, match=said):
        definite_correlations("f", matrix, list("abc"), smooth, kind=kind)


def test_an_indefinite_matrix_is_smoothed_on_request_with_a_warning() -> None:
    with pytest.warns(ToolkitWarning, match="the given correlation matrix .*1 of 3 eigenvalues.*No errors."):
        moved, size = definite_correlations(
            "f", OPPOSED, list("abc"), "nearest", kind="given", consequence=" No errors."
        )
    assert size is not None and size.method == "nearest" and np.abs(moved[0, 1]) == pytest.approx(0.5)
    same, none = definite_correlations("f", np.eye(3), list("abc"), "nearest")
    assert none is None and same.tolist() == np.eye(3).tolist()
    assert definite.FEWEST_JOINT == 20


def test_a_continuous_variable_is_measured_in_its_own_deviation() -> None:
    x = continuous_variable(np.array([1, 3, GAP, 5.0]), "x", "f")
    assert (x.mean, x.deviation) == (3.0, pytest.approx(np.sqrt(8 / 3)))
    assert x.z[[0, 1, 3]] == pytest.approx(np.array([-1, 0, 1]) * np.sqrt(1.5)) and np.isnan(x.z[2])
    by_mean, by_variance = x.scores()
    assert by_mean == pytest.approx(np.array([-0.75, 0, 0, 0.75]))  # (x - mean) / variance
    assert by_variance == pytest.approx(np.array([0.5, -1, 0, 0.5]) / (2 * 8 / 3))
    assert continuous_variable(np.array([1, 2.0]), "x", "f").deviation == 0.5
    for faulty in ([1, GAP], [2, 2.0], [1, np.inf]):
        with pytest.raises(ResponseDataError, match="'x' has"):
            continuous_variable(np.array(faulty), "x", "f")


def test_an_ordinal_variable_is_cut_by_its_own_answers() -> None:
    item = ordinal_variable(np.array([2, 2, 5, GAP, 9, 9.0]), "i", "f")
    assert item.category.tolist() == [0, 0, 1, -1, 2, 2] and item.n_parameters == 2
    assert item.thresholds == pytest.approx([-0.2533471, 0.2533471])  # the quantiles of 0.4 and 0.6
    dense = np.exp(-(0.2533471**2) / 2) / np.sqrt(2 * np.pi)
    expected = np.array([[2.5, 2.5, -5, 0, 0, 0], [0, 0, 5, 0, -2.5, -2.5]]) * dense
    assert item.scores() == pytest.approx(expected, rel=1e-6)


def test_kinds_of_pairs_are_told_apart() -> None:
    rng = np.random.default_rng(8)
    base = rng.normal(size=80)
    table = pd.DataFrame(
        {
            "x": base,
            "i": (base + rng.normal(size=80) > 0).astype(float),
            "j": (base + rng.normal(size=80) > 0) * 2.0,
            "y": base + rng.normal(size=80),
        }
    )
    table.loc[:4, "x"] = np.nan
    result = mixed_correlations(table, ["i", "j"])
    rows = result.to_frame().set_index(["first", "second"])
    assert rows["type"].to_dict() == {
        ("x", "i"): "polyserial",
        ("x", "j"): "polyserial",
        ("x", "y"): "product-moment",
        ("i", "j"): "polychoric",
        ("i", "y"): "polyserial",
        ("j", "y"): "polyserial",
    }
    assert rows["n"].tolist() == [75, 75, 75, 80, 80, 80]
    assert result.means["y"] == pytest.approx(table["y"].sum() / 80)
    assert result.variances["x"] == pytest.approx(table["x"].var(ddof=0))
    assert result.thresholds.index.tolist() == ["i", "j"]
    both = polychoric(table[["i", "j"]])
    assert result.correlations.loc["j", "i"] == pytest.approx(both.correlations.loc["i", "j"], abs=1e-8)
    errors = result.standard_errors
    assert errors.loc["i", "j"] == pytest.approx(both.standard_errors.loc["i", "j"], rel=1e-6)


def test_moments_count_people_not_their_weights() -> None:
    moments = ordinal_moments(ANSWERS, acov=False)
    assert (moments.n_obs, moments.total) == (6, 6.0)
    assert moments.pair_n.tolist() == [[6, 5], [5, 5]]
    assert moments.empty_cells.tolist() == [2]  # of the six cells of a 3 x 2 table


def test_equal_bytes_of_another_kind_are_other_answers() -> None:
    with kept_moments():
        first = once(np.zeros((2, 2)), (), lambda: Made(np.zeros(1)))
        assert once(np.zeros((2, 2), dtype=np.int64), (), lambda: Made(np.zeros(1))) is not first


def test_an_eigenvalue_of_nothing_is_not_negative() -> None:
    matrix = np.eye(5)
    matrix[:3, :3], matrix[3:, 3:] = OPPOSED, 1.0  # eigenvalues -0.8, 0, 1.9, 1.9, 2
    size = size_of_smoothing(matrix, smoothed(matrix, "truncated"), list("abcde"), "truncated")
    assert size.n_negative == 1


def test_an_item_that_does_not_vary_repeats_nothing() -> None:
    values = np.random.default_rng(4).normal(size=(30, 4))
    values[:, 1], values[:, 3] = 2.0, -values[:, 0]
    assert dependent_answers(values, list("abcd")) == {"d": ["a"]}
    values[:, 2], values[:, 1] = values[:, 0], np.nan
    assert dependent_answers(values, list("abcd")) == {"c": ["a"], "d": ["a"]}  # the first of those alike


def test_negative_correlations_are_as_large_as_positive_ones() -> None:
    matrix = np.where(np.eye(3), 1.0, -0.96)
    with pytest.raises(NotEstimableError, match=r"'a' and 'b' correlate −\.96\)\.\nHint: drop one of them"):
        definite_correlations("f", matrix, list("abc"), False)


CORNER = pd.DataFrame({"a": [0] * 25 + [1] * 25, "b": [0] * 35 + [1] * 15})  # nobody has a 0 with b 1


def test_an_empty_cell_is_counted_as_it_was_and_filled_by_what_is_asked() -> None:
    result = polychoric(CORNER, correct=0.5)
    assert result.empty_cells.loc["a", "b"] == 1
    by_hand = fit_pairs(np.array([[[25, 0.5], [10, 15]]]), np.zeros((1, 1)), np.array([[0.5244005]]))
    assert result.correlations.loc["a", "b"] == pytest.approx(by_hand.rho[0], abs=1e-6)
    kept_margins = fit_pairs(
        np.array([[[24.5, 0.5], [10.5, 14.5]]]), np.zeros((1, 1)), np.array([[0.5244005]])
    )
    assert polychoric(CORNER).correlations.loc["a", "b"] == pytest.approx(kept_margins.rho[0], abs=1e-6)
    sound = polychoric(halves(30, 20), smooth=True)
    assert not sound.smoothed and sound.smoothing is None and np.isfinite(sound.acov).all(axis=None)


def test_items_stand_in_rows_and_scores_in_columns() -> None:
    rng = np.random.default_rng(3)
    scores = pd.DataFrame(rng.normal(size=(90, 2)), columns=["x", "y"])
    items = pd.DataFrame({"i": (scores["x"] + rng.normal(size=90) > 0) * 1, "j": (scores["y"] > 0.3) * 1})
    items["j"] = items["j"].where(np.arange(90) % 9 > 0, 1 - items["j"])
    scores.loc[:9, "y"] = np.nan
    result = polyserial(items, scores)
    whole = mixed_correlations(pd.concat([scores, items], axis=1), ["i", "j"])
    pd.testing.assert_frame_equal(
        result.correlations, whole.correlations.loc[["i", "j"], ["x", "y"]], atol=1e-9
    )
    assert result.n.to_numpy().tolist() == [[90, 80], [90, 80]]
    assert result.correlations.loc["i", "x"] > 0.3 > abs(result.correlations.loc["i", "y"])


def test_people_count_once_whatever_they_weigh() -> None:
    table = halves(30, 20).to_numpy()
    moments = ordinal_moments(table, acov=False, sampling=Sampling(weights=np.full(100, 2.5)))
    assert (moments.n_obs, moments.total, moments.pair_n.tolist()) == (100, 250.0, [[100, 100], [100, 100]])
