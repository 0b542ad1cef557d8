"""The response model on small numbers: cells merged by hand, persons in parts, scores and information by sums."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest
from scipy.special import expit

from analysis.irt import observed_information, person_scores, quadrature
from analysis.irt.graded_model import GradedItems, category_probabilities
from analysis.irt.item_fit import ScoreTables, _merge_row, merged, score_tables, total_distribution
from analysis.irt.person_scores import expected_a_posteriori, item_information
from analysis.irt.quadrature import normal_quadrature

ITEMS = GradedItems(
    slopes=np.array([1.2, 0.7, 2.0]),
    intercepts=np.array([[1.5, -0.5], [0.3, -np.inf], [2.0, 0.1]]),
)
OPTIONS = (3, 2, 3)


def _probability(item: int, option: int, theta: float) -> float:
    """Chance of an option: reaching it less reaching the next."""
    edges = [
        1.0,
        *(expit(ITEMS.slopes[item] * theta + d) for d in ITEMS.intercepts[item][: OPTIONS[item] - 1]),
        0.0,
    ]
    return float(edges[option] - edges[option + 1])


@pytest.fixture(scope="module")
def answers() -> np.ndarray:
    rng = np.random.default_rng(4)
    theta = rng.normal(size=50)
    return np.array(
        [
            [rng.choice(OPTIONS[j], p=[_probability(j, c, t) for c in range(OPTIONS[j])]) for t in theta]
            for j in range(3)
        ],
        dtype=np.int8,
    )


def test_a_small_cell_joins_its_smaller_neighbour_and_one_that_suffices_stays() -> None:
    observed = np.array([5.0, 1.0, 2.0, 9.0])
    for expected, kept in (
        ([4.0, 0.5, 2.0, 8.0], [(5.0, 4.0), (3.0, 2.5), (9.0, 8.0)]),  # to the right, which is smaller
        ([2.0, 0.5, 4.0, 8.0], [(6.0, 2.5), (2.0, 4.0), (9.0, 8.0)]),  # to the left
        ([0.5, 2.0, 4.0, 8.0], [(6.0, 2.5), (2.0, 4.0), (9.0, 8.0)]),  # at the ends there is one neighbour
        ([8.0, 4.0, 2.0, 0.5], [(5.0, 8.0), (1.0, 4.0), (11.0, 2.5)]),
        ([1.0, 1.0, 1.0, 1.0], [(5.0, 1.0), (1.0, 1.0), (2.0, 1.0), (9.0, 1.0)]),  # one is enough
        ([0.2, 0.2, 0.2, 0.2], [(17.0, 0.8)]),
    ):
        o, e = _merge_row(observed, np.array(expected), 1.0)
        assert [(a, pytest.approx(b)) for a, b in kept] == list(zip(o, e, strict=True))


def test_totals_that_compare_nothing_join_the_next_and_the_last_join_those_below() -> None:
    expected = np.array([[9, 9], [3, 0.5], [2, 2], [4, 5], [0.1, 0.2], [9, 9]], dtype=float)
    observed = np.arange(12, dtype=float).reshape(6, 2)
    found = merged(ScoreTables(observed=observed, expected=expected), 1.0)
    # lowest and highest total are left out; the second joins the third, the fifth the fourth
    assert [e.tolist() for _, e in found] == [[5.0, 2.5], [4.1, 5.2]]
    assert [o.tolist() for o, _ in found] == [[2 + 4, 3 + 5], [6 + 8, 7 + 9]]


def test_expected_answers_at_each_total_are_those_of_every_pattern(answers: np.ndarray) -> None:
    grid = normal_quadrature(21, 5.0)
    tables = score_tables(answers, ITEMS, grid)
    totals = answers.sum(axis=0)
    top = sum(OPTIONS) - 3
    chance = np.zeros(top + 1)
    joint = [np.zeros((top + 1, k)) for k in OPTIONS]
    for pattern in product(*(range(k) for k in OPTIONS)):
        at = sum(
            w * np.prod([_probability(j, c, t) for j, c in enumerate(pattern)])
            for t, w in zip(grid.nodes, grid.weights, strict=True)
        )
        chance[sum(pattern)] += at
        for j, c in enumerate(pattern):
            joint[j][sum(pattern), c] += at
    sizes = np.bincount(totals, minlength=top + 1)
    for j, table in enumerate(tables):
        np.testing.assert_allclose(table.expected, sizes[:, None] * joint[j] / chance[:, None], rtol=1e-9)
        for total, option in product(range(top + 1), range(OPTIONS[j])):
            assert table.observed[total, option] == ((totals == total) & (answers[j] == option)).sum()
    each = total_distribution(category_probabilities(ITEMS, grid.nodes))
    np.testing.assert_allclose(each[: top + 1] @ grid.weights, chance, rtol=1e-9)


def test_scores_are_means_and_deviations_of_what_is_left_of_the_trait(answers: np.ndarray) -> None:
    grid = normal_quadrature(31, 5.0)
    means, spreads = expected_a_posteriori(answers, ITEMS, grid)
    for person in range(10):
        own = np.array(
            [np.prod([_probability(j, answers[j, person], t) for j in range(3)]) for t in grid.nodes]
        )
        own = own * grid.weights / (own @ grid.weights)
        mean = own @ grid.nodes
        assert means[person] == pytest.approx(mean)
        assert spreads[person] == pytest.approx(np.sqrt(own @ (grid.nodes - mean) ** 2))


def test_information_is_that_of_the_slopes_of_the_curves() -> None:
    theta, step = np.array([-1.0, 0.2, 1.5]), 1e-5
    found = item_information(ITEMS, theta)
    for j in range(3):
        for t, told in zip(theta, found[j], strict=True):
            wanted = sum(
                ((_probability(j, c, t + step) - _probability(j, c, t - step)) / (2 * step)) ** 2
                / _probability(j, c, t)
                for c in range(OPTIONS[j])
            )
            assert told == pytest.approx(wanted, rel=1e-6)


def test_steps_of_items_are_in_order_where_each_is_below_the_one_before() -> None:
    assert ITEMS.ordered() and ITEMS.n_categories.tolist() == list(OPTIONS)
    turned = GradedItems(slopes=ITEMS.slopes, intercepts=ITEMS.intercepts[:, ::-1].copy())
    assert not turned.ordered()
    one = np.vstack([ITEMS.intercepts[0], ITEMS.intercepts[1], ITEMS.intercepts[2][::-1]])
    assert not GradedItems(slopes=ITEMS.slopes, intercepts=one).ordered()  # one item out of order is enough
    np.testing.assert_allclose(ITEMS.difficulties[0], [-1.5 / 1.2, 0.5 / 1.2])
    assert np.isnan(ITEMS.difficulties[1, 1])


@pytest.mark.parametrize("at_once", [1, 7, 49, 50])
def test_persons_taken_in_parts_are_the_same_persons(
    at_once: int, answers: np.ndarray, monkeypatch: pytest.MonkeyPatch
) -> None:
    grid = normal_quadrature(21, 5.0)
    whole = expected_a_posteriori(answers, ITEMS, grid)
    counts = quadrature.expectation(answers, ITEMS, grid)
    information = observed_information.observed_information(answers, ITEMS, grid, counts)
    for module in (quadrature, person_scores, observed_information):
        monkeypatch.setattr(module, "PERSONS_AT_ONCE", at_once)
    np.testing.assert_allclose(expected_a_posteriori(answers, ITEMS, grid), whole, rtol=1e-12)
    again = quadrature.expectation(answers, ITEMS, grid)
    np.testing.assert_allclose(again.counts, counts.counts, rtol=1e-10, atol=1e-12)
    assert again.loglik == pytest.approx(counts.loglik)
    np.testing.assert_allclose(
        observed_information.observed_information(answers, ITEMS, grid, counts), information, rtol=1e-9
    )
