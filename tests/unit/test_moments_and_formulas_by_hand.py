"""Moments of clusters, and formulas over labels, against the same written out with loops or by hand."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
import pytest

from analysis.structural.estimation.expressions import (
    define,
    label_values,
    linear_constraints,
    reduce_parameters,
    row_values,
)
from analysis.structural.language.partable import TableOptions, build_table
from analysis.structural.language.syntax import parse_syntax
from analysis.structural.two_level.data import (
    LevelPlaces,
    cluster_sample,
    refuse_wrong_level,
)
from instrument.errors import DefinitionError, NotEstimableError, ResponseDataError

# clusters: columns 0 and 1 of both levels, 2 within only, 3 between only
SIZES = [3, 5, 2, 3, 5, 4]
CODES = np.repeat(np.arange(6), SIZES)
ORDER = np.random.default_rng(4).permutation(len(CODES))


def _values() -> np.ndarray:
    draw = np.random.default_rng(3)
    values = draw.normal(size=(len(CODES), 4)) + draw.normal(size=(6, 4))[CODES]
    values[:, 2] -= np.array([values[c == CODES, 2].mean() for c in range(6)])[CODES]
    values[:, 3] = draw.normal(size=6)[CODES]
    return values


def _sample() -> tuple[np.ndarray, np.ndarray, object]:
    places = LevelPlaces(4, np.array([0, 1, 2]), np.array([0, 1, 3]))
    values, codes = _values()[ORDER], CODES[ORDER]
    return values, codes, cluster_sample(values, codes, places)


def test_means_and_scatter_of_clusters_in_whatever_order_of_rows() -> None:
    values, codes, found = _sample()
    assert found.n_clusters == 6 and found.n_rows == 22 and found.size.tolist() == SIZES
    for c in range(6):
        own = values[codes == c]
        np.testing.assert_allclose(found.means[c], own.mean(axis=0), atol=1e-12)
        gap = (own - own.mean(axis=0))[:, :3]
        np.testing.assert_allclose(found.scatter[c], gap.T @ gap, atol=1e-12)
    np.testing.assert_allclose(found.whole_scatter, found.scatter.sum(axis=0))
    np.testing.assert_allclose(found.pooled, found.scatter.sum(axis=0) / (22 - 6))
    assert found.sizes.tolist() == [2, 3, 4, 5] and found.counts.tolist() == [1, 2, 1, 2]
    for k, size in enumerate(found.sizes):
        own = found.means[np.array(SIZES) == size]
        np.testing.assert_allclose(found.size_means[k], own.mean(axis=0), atol=1e-12)
        np.testing.assert_allclose(found.size_covariances[k], np.cov(own.T, ddof=0), atol=1e-12)


def test_rough_moments_are_those_of_the_analysis_of_variance() -> None:
    values, codes, found = _sample()
    within, between, mean = found.rough_moments()
    n, j = len(values), 6
    by_cluster = np.array([values[codes == c].mean(axis=0) for c in range(j)])
    # rows count for what has a level within, clusters for what has none
    np.testing.assert_allclose(mean, [*values[:, :3].mean(axis=0), by_cluster[:, 3].mean()])
    gaps = values - by_cluster[codes]
    pooled = (gaps.T @ gaps)[:3, :3] / (n - j)
    whole = np.cov(values[:, 2], ddof=0)
    wanted = pooled.copy()
    wanted[2, 2] = whole  # a variable of rows alone has all its variance there
    np.testing.assert_allclose(within, wanted)
    distance = by_cluster - mean
    alone = distance.T @ distance / j
    each = (n - sum(size**2 for size in SIZES) / n) / (j - 1)
    rows = sum(size * np.outer(gap, gap) for size, gap in zip(SIZES, distance, strict=True)) / (j - 1)
    wanted = alone[np.ix_([0, 1, 3], [0, 1, 3])]
    wanted[:2, :2] = (rows[:2, :2] - pooled[:2, :2]) / each
    np.testing.assert_allclose(between, wanted)


def test_some_of_the_variables_have_the_moments_they_have_among_all() -> None:
    _, _, found = _sample()
    part = found.part([[1, 2], [1, 3]])
    np.testing.assert_allclose(part.means, found.means[:, [1, 2, 3]])
    np.testing.assert_allclose(part.scatter, found.scatter[:, 1:][:, :, 1:])
    assert part.places.within.tolist() == [0, 1] and part.places.between.tolist() == [0, 2]
    one, whole = part.rough_moments(), found.rough_moments()
    np.testing.assert_allclose(one[0], whole[0][1:, 1:])
    np.testing.assert_allclose(one[1], whole[1][1:, 1:])
    np.testing.assert_allclose(one[2], whole[2][1:])


def test_what_differs_within_clusters_is_counted_and_what_never_does_is_named() -> None:
    values, names = _values(), ["a", "b", "w", "u"]
    places = (np.array([0, 1, 2]), np.array([3]))
    assert refuse_wrong_level(values, CODES, names, places, "", "sem") == 6
    odd = values.copy()
    odd[[0, 3], 3] += 1.0  # of the first and the second cluster
    with pytest.raises(ResponseDataError, match="level 2 variables differ within clusters: 'u in 2'"):
        refuse_wrong_level(odd, CODES, names, places, "", "sem")
    unknown = values.copy()
    unknown[[0, 3], 3] = np.nan  # what is not known differs from nothing,
    unknown[np.flatnonzero(CODES == 2)] = np.nan  # nor does a cluster of which nothing is
    assert refuse_wrong_level(unknown, CODES, names, places, "", "sem") == 6
    with pytest.raises(NotEstimableError, match="'u' does not vary within clusters in group x"):
        refuse_wrong_level(values, CODES, names, (np.array([0, 3]), np.array([1])[:0]), " in group x", "sem")


# formulas

MODEL = "f =~ x1 + a*x2 + b*x3 + c*x4"


def _table(formulas: str, model: str = MODEL, **options: object) -> object:
    return build_table(parse_syntax(f"{model}\n{formulas}"), TableOptions(**options))  # type: ignore[arg-type]


def _defined(text: str, **values: float) -> tuple[float, dict[str, float]]:
    """Value of a defined parameter and its slopes by label, with a = 2, b = 3, c = 5 unless told."""
    table = _table(f"d := {text}")
    named = {"a": 2.0, "b": 3.0, "c": 5.0} | values
    rows = np.array([named.get(row.label, 1.0) for row in table.rows])
    found, slopes = define(table, rows, "sem")
    by_label = {row.label: slopes[0, k] for k, row in enumerate(table.rows) if row.label}
    return float(found[0]), by_label


@pytest.mark.parametrize(
    ("text", "value", "slopes"),
    [
        ("a + b - c", 0.0, (1, 1, -1)),
        ("-a * -b", 6.0, (3, 2, 0)),
        ("a / b / c", 2 / 15, (1 / 15, -2 / 45, -2 / 75)),
        ("a ^ b", 8.0, (12, 8 * math.log(2), 0)),
        ("2 ^ -a", 0.25, (-0.25 * math.log(2), 0, 0)),
        ("a - b - c", -6.0, (1, -1, -1)),
        ("a - (b - c)", 4.0, (1, -1, 1)),
        ("a + b * c ^ 2", 77.0, (1, 25, 30)),
        ("+a", 2.0, (1, 0, 0)),
        ("exp(a) + log(b)", math.exp(2) + math.log(3), (math.exp(2), 1 / 3, 0)),
        ("sqrt(a * b)", math.sqrt(6), (3 / (2 * math.sqrt(6)), 2 / (2 * math.sqrt(6)), 0)),
        ("abs(a - b)", 1.0, (-1, 1, 0)),
        (".5 * a + 1.5e1", 16.0, (0.5, 0, 0)),
    ],
)
def test_a_formula_has_its_value_and_its_slopes(text: str, value: float, slopes: tuple[float, ...]) -> None:
    found, by_label = _defined(text)
    assert found == pytest.approx(value)
    assert [by_label[name] for name in "abc"] == pytest.approx(list(slopes), abs=1e-12)


def test_a_definition_may_rest_on_one_before_it_and_labels_may_hold_dots() -> None:
    table = build_table(
        parse_syntax("f =~ x1 + a.1*x2 + a.b*x3\none := a.1 * a.b\ntwo := one + 0.5*a.1"), TableOptions()
    )
    rows = np.array([{"a.1": 2.0, "a.b": 3.0}.get(row.label, 1.0) for row in table.rows])
    found, slopes = define(table, rows, "sem")
    assert found.tolist() == [6.0, 7.0]
    at = [k for k, row in enumerate(table.rows) if row.label]
    assert slopes[:, at].tolist() == [[3.0, 2.0], [3.5, 2.0]]


@pytest.mark.parametrize("text", ["log(a - b)", "sqrt(a - b)", "1 / (a - 2)"])
def test_what_is_no_real_number_is_refused_or_unknown(text: str) -> None:
    with pytest.raises(NotEstimableError, match="no real numbers at the estimates: 'd'"):
        _defined(text)
    table = _table(f"d := {text}\ne := a + b")
    rows = np.array([{"a": 2.0, "b": 3.0}.get(row.label, 1.0) for row in table.rows])
    found, slopes = define(table, rows, "sem", strict=False)
    assert np.isnan(found[0]) and found[1] == 5.0
    assert np.isnan(slopes[0]).any() and np.isfinite(slopes[1]).all()


def test_labels_have_the_value_of_their_first_row_and_rows_a_number() -> None:
    table = _table("a == b")
    values = np.arange(1.0, len(table.rows) + 1)
    named = label_values(table, values)
    assert (named["a"], named["b"], named[".p1."], named[".p3."]) == (2.0, 3.0, 1.0, 3.0)
    x = np.arange(10.0, 10.0 + table.n_free)
    rows = row_values(table, x)
    assert rows[0] == 1.0 and rows[1:4].tolist() == [10.0, 11.0, 12.0]


@pytest.mark.parametrize(
    ("formula", "row", "wanted"),
    [
        ("a == b", (1, -1, 0), 0.0),
        ("a + 2*b == 3", (1, 2, 0), 3.0),
        ("3 == a - c/2", (-1, 0, 0.5), -3.0),
        ("2*(a + b) == c + 1", (2, 2, -1), 1.0),
    ],
)
def test_a_linear_constraint_is_a_row_over_the_parameters(
    formula: str, row: tuple[float, ...], wanted: float
) -> None:
    formulas, rows, values = linear_constraints(_table(formula), "sem")
    assert len(formulas) == 1 and rows[0, :3] == pytest.approx(list(row), abs=1e-9)
    assert rows[0, 3:] == pytest.approx(0, abs=1e-9) and values[0] == pytest.approx(wanted, abs=1e-8)
    reduced = reduce_parameters(_table(formula), "sem")
    for z in np.random.default_rng(1).normal(size=(4, reduced.basis.shape[1])):
        x = reduced.offset + reduced.basis @ z
        assert rows[0] @ x == pytest.approx(wanted, abs=1e-8)
    assert reduced.basis.shape[1] == rows.shape[1] - 1


def test_curves_and_inequalities_stay_and_have_their_own_sign() -> None:
    formulas, rows, _ = linear_constraints(_table("a*b == c\na > 0.2\nb < 0.7"), "sem")
    assert not formulas and rows.shape == (0, _table("").n_free)
    curve, above, below = reduce_parameters(_table("a*b == c\na > 0.2\nb < 0.7"), "sem").limits
    x = np.zeros(_table("").n_free)
    x[:3] = 0.5, 0.6, 0.1
    gaps = [float(np.real(limit.gap(x))) for limit in (curve, above, below)]
    assert gaps == pytest.approx([0.2, 0.3, 0.1])
    assert [limit.equal for limit in (curve, above, below)] == [True, False, False]
    assert [limit.text for limit in (above, below)] == ["a > 0.2", "b < 0.7"]
    with pytest.raises(DefinitionError, match="the constraints contradict each other"):
        reduce_parameters(_table("a == b\na == b + 1"), "sem")
    with pytest.raises(DefinitionError, match="'2 > 1' constrains no free parameter"):
        reduce_parameters(_table("2 > 1"), "sem")
    with pytest.raises(DefinitionError, match="'z' is not a label of the model"):
        reduce_parameters(_table("a == z"), "sem")


def test_shared_labels_are_one_parameter() -> None:
    table = build_table(parse_syntax("f =~ x1 + a*x2 + a*x3 + x4"), TableOptions())
    reduced = reduce_parameters(table, "sem")
    assert reduced.basis.shape == (table.n_free, table.n_free - 1)
    one, two, three = (reduced.basis[k] for k in range(3))
    assert one.tolist() == two.tolist() != three.tolist()
    assert pd.isna(table.rows[1].fixed) and reduced.offset.tolist() == [0.0] * table.n_free
