"""No small count can be worked out from what stays: exact ranges by integer programming."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import Bounds, LinearConstraint, milp

from analysis.disclosure.small_cells import LIMIT, hidden_run, hide_small


def whole_range(cell: int, values: np.ndarray, relations: np.ndarray, hidden: np.ndarray) -> tuple[int, int]:
    columns = np.flatnonzero(hidden)
    matrix = relations[:, columns]
    known = matrix @ values[columns]
    top = float(values.sum() + LIMIT)  # enough to tell 0 to 4 apart from less
    found = []
    for sign in (1.0, -1.0):
        result = milp(
            sign * (columns == cell),
            constraints=LinearConstraint(matrix, known, known),
            integrality=np.ones(len(columns), dtype=np.int64),
            bounds=Bounds(0, top),
        )
        assert result.success
        found.append(round(sign * result.fun))
    return found[0], found[1]


def check(values: np.ndarray, relations: np.ndarray, hidden: np.ndarray) -> None:
    for cell in np.flatnonzero(values < LIMIT):
        assert hidden[cell]
        low, high = whole_range(int(cell), values, relations, hidden)
        assert low == 0
        assert high >= LIMIT - 1


def cross_table(inner: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Counts of a table with its margins, relations, and weights that keep the margins longest."""
    n_rows, n_columns = inner.shape
    full = np.block([[inner, inner.sum(1, keepdims=True)], [inner.sum(0, keepdims=True), inner.sum()]])
    place = np.arange(full.size).reshape(full.shape)
    relations = np.zeros((n_rows + 1 + n_columns + 1, full.size))
    for row in range(n_rows + 1):
        relations[row, place[row, :-1]], relations[row, place[row, -1]] = 1, -1
    for column in range(n_columns + 1):
        relations[n_rows + 1 + column, place[:-1, column]] = 1
        relations[n_rows + 1 + column, place[-1, column]] = -1
    weights = np.zeros(full.shape, dtype=np.int64)
    weights[-1, :] += 1
    weights[:, -1] += 1
    return full.ravel(), relations, weights.ravel()


tables = st.tuples(st.integers(1, 4), st.integers(2, 5)).flatmap(
    lambda shape: st.lists(
        st.lists(st.one_of(st.integers(0, 8), st.integers(5, 90)), min_size=shape[1], max_size=shape[1]),
        min_size=shape[0],
        max_size=shape[0],
    )
)


@settings(deadline=None, max_examples=20)
@given(tables)
def test_no_cell_of_a_cross_table_with_margins_is_given_away(inner: list[list[int]]) -> None:
    values, relations, weights = cross_table(np.array(inner, dtype=np.int64))
    hidden = hide_small(values, relations, shown=np.ones(len(values), bool), weights=weights)
    check(values, relations, hidden)


@settings(deadline=None, max_examples=20)
@given(st.lists(st.integers(0, 40), min_size=1, max_size=12), st.data())
def test_the_rest_of_a_percentage_is_not_given_away(parts: list[int], data: st.DataObject) -> None:
    """Each count has a rest that is printed nowhere; the counts also have a sum."""
    totals = [part + data.draw(st.integers(0, 12)) for part in parts]
    rests = [total - part for total, part in zip(totals, parts, strict=True)]
    n = len(parts)
    values = np.array([*parts, *rests, *totals, sum(parts)], dtype=np.int64)
    relations = np.zeros((n + 1, len(values)))
    for k in range(n):
        relations[k, [k, n + k, 2 * n + k]] = 1, 1, -1
    relations[n, :n], relations[n, -1] = 1, -1
    shown = np.ones(len(values), bool)
    shown[n : 2 * n] = False
    weights = np.array([0] * 2 * n + [1] * n + [2], dtype=np.int64)
    hidden = hide_small(values, relations, shown=shown, weights=weights)
    check(values, relations, hidden | ~shown)


def options_left(place: int, run: list[int], counts: list[int], mean_known: bool) -> set[int]:
    """Values of one count that fit, by going through every combination with an integer programme."""
    people = sum(counts[k] for k in run)
    points = sum(counts[k] * (k + 1) for k in run)
    rows, known = [np.ones(len(run))], [people]
    if mean_known:
        rows.append(np.array([k + 1.0 for k in run]))
        known.append(points)
    fits = set()
    for value in range(LIMIT):
        fixed = np.array([value if k == place else 0 for k in run], float)
        top = np.array([value if k == place else people for k in run], float)
        result = milp(
            np.zeros(len(run)),
            constraints=LinearConstraint(np.array(rows), known, known),
            integrality=np.ones(len(run), dtype=np.int64),
            bounds=Bounds(fixed, top),
        )
        if result.success:
            fits.add(value)
    return fits


@settings(deadline=None, max_examples=20)
@given(st.lists(st.one_of(st.integers(0, 6), st.integers(0, 80)), min_size=2, max_size=7))
def test_a_distribution_is_not_given_away_by_its_number_and_mean(counts: list[int]) -> None:
    if sum(counts) < LIMIT:
        return
    run, without_mean = hidden_run(counts, range(1, len(counts) + 1))
    for place, count in enumerate(counts):
        if count < LIMIT:
            assert place in run
            left = options_left(place, run, counts, mean_known=not without_mean)
            assert count in left
            assert len(left) > 1


def test_nothing_is_hidden_where_nothing_is_small() -> None:
    values, relations, weights = cross_table(np.array([[12, 30], [7, 5]], dtype=np.int64))
    assert not hide_small(values, relations, shown=np.ones(9, bool), weights=weights).any()
    assert hidden_run([10, 20, 30], [1, 2, 3]) == ([], False)


def test_one_small_cell_takes_a_rectangle_of_inner_cells_with_it() -> None:
    values, relations, weights = cross_table(np.array([[3, 30, 40], [20, 25, 60]], dtype=np.int64))
    hidden = hide_small(values, relations, shown=np.ones(12, bool), weights=weights).reshape(3, 4)
    assert hidden[:2, :2].all()
    assert hidden.sum() == 4


def test_a_count_that_bounds_another_is_given_up_as_well() -> None:
    """5 of 5 and 1 of 1, 6 in all: the five hidden, the one still is at least 6 - 5."""
    values = np.array([5, 1, 0, 0, 5, 1, 6], dtype=np.int64)
    relations = np.zeros((3, 7))
    relations[0, [0, 2, 4]] = relations[1, [1, 3, 5]] = relations[2, [0, 1, 6]] = 1, 1, -1
    shown = np.array([True, True, False, False, True, True, True])
    weights = np.array([0, 0, 0, 0, 1, 1, 2], dtype=np.int64)
    check(values, relations, hide_small(values, relations, shown=shown, weights=weights))


def test_a_sum_that_is_no_count_and_gives_everything_away_is_an_error() -> None:
    with pytest.raises(ValueError, match="fixed by"):
        hide_small(
            np.array([1, 1]), np.array([[1.0, 1.0]]), shown=np.ones(2, bool), weights=np.zeros(2, np.int64)
        )
