"""Shortcuts for thousands of people give the numbers of the long way."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from analysis.adherence.models.binomial import logit_regression, logit_regressions
from analysis.adherence.models.clusters import Clusters, without_each
from instrument.errors import NotEstimableError


def failed(reason: str) -> NotEstimableError:
    return NotEstimableError(f"it failed: {reason}")


@pytest.mark.parametrize("shape", [(), (3,), (3, 3)])
def test_sums_over_clusters_are_those_of_adding_row_by_row(shape: tuple[int, ...]) -> None:
    rng = np.random.default_rng(1)
    rows, of_row = rng.normal(size=(500, *shape)), rng.integers(0, 40, 500)
    by_hand = np.zeros((41, *shape))
    np.add.at(by_hand, of_row, rows)
    np.testing.assert_array_equal(Clusters(of_row, 41).sums(rows), by_hand)


def test_leaving_each_out_is_the_pseudo_inverse_of_the_rest() -> None:
    rng = np.random.default_rng(2)
    parts = rng.normal(size=(60, 5, 4))
    information = np.einsum("gnj,gnk->gjk", parts, parts)
    information[:, :, 3] = information[:, 3, :] = 0.0
    information[7, 3, 3] = 1.0  # only one cluster has the last column
    scores = rng.normal(size=(60, 4))
    scores[:, 3] = 0.0
    found = without_each(scores, information)
    for cluster in range(60):
        rest = information.sum(axis=0) - information[cluster]
        expected = -np.linalg.pinv(rest, rcond=1e-12, hermitian=True) @ scores[cluster]
        np.testing.assert_allclose(found[cluster], expected, rtol=1e-9, atol=1e-13)


def designs_of(n: int, m: int, seed: int) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    rng = np.random.default_rng(seed)
    base = np.column_stack([np.ones(n), rng.normal(size=(n, 3))])
    made = np.repeat(base[None], m, axis=0)
    gaps = rng.random(n) < 0.2
    made[:, gaps, 1] = rng.normal(size=(m, int(gaps.sum())))
    share = rng.binomial(12, 1 / (1 + np.exp(-base @ [0.3, 0.8, -0.5, 0.2]))) / 12
    return made, share


def test_several_designs_end_where_each_alone_does() -> None:
    designs, share = designs_of(400, 6, 3)
    weight = np.full(400, 12.0)
    found, inverses = logit_regressions(designs, share, weight, failed)
    for design, b, inverse in zip(designs, found, inverses, strict=True):
        alone, its = logit_regression(design, share, weight, failed)
        np.testing.assert_allclose(b, alone, atol=1e-11)
        np.testing.assert_allclose(inverse, its, atol=1e-11)


def test_columns_that_repeat_each_other_share_their_coefficient_in_each_design() -> None:
    designs, share = designs_of(400, 4, 5)
    weight = np.full(400, 12.0)
    for last in (designs[:, :, :1], designs[:1, :, 1:2]):  # a constant twice; a column of the first design
        doubled = np.concatenate([designs, np.broadcast_to(last, (4, 400, 1))], axis=2)
        found, _ = logit_regressions(doubled, share, weight, failed)
        for design, b in zip(doubled, found, strict=True):
            np.testing.assert_allclose(b, logit_regression(design, share, weight, failed)[0], atol=1e-9)


def test_designs_that_separate_the_outcome_are_refused() -> None:
    designs, share = designs_of(400, 3, 7)
    designs[2, :, 1] = np.where(share > 0.5, 50.0, -50.0)
    with pytest.raises(NotEstimableError, match="separate"):
        logit_regressions(designs, (share > 0.5).astype(float), np.ones(400), failed)
