"""What must not matter to ordinal correlations, and what must turn their sign."""

from __future__ import annotations

import warnings

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from analysis.correlation.mixed import mixed_moments
from analysis.correlation.moments import ordinal_moments
from analysis.correlation.polychoric import polychoric
from instrument.errors import ToolkitWarning

# Two searches of one maximum end within the step tolerance of 1e-11 of each other.
SAME = 1e-9


def answers(seed: int, p: int, categories: int, holes: bool) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    latent = rng.uniform(-0.8, 0.8, p) * rng.standard_normal((250, 1)) + 0.8 * rng.standard_normal((250, p))
    cuts = np.linspace(-0.9, 0.9, categories - 1)
    frame = pd.DataFrame(np.digitize(latent, cuts).astype(float), columns=[f"i{j}" for j in range(p)])
    return frame.mask(rng.random(frame.shape) < 0.1) if holes else frame


cases = st.builds(answers, st.integers(0, 10_000), st.integers(2, 5), st.integers(2, 5), st.booleans())


@settings(max_examples=25, deadline=None)
@given(items=cases, seed=st.integers(0, 1000))
def test_the_order_of_persons_and_items_does_not_matter(items: pd.DataFrame, seed: int) -> None:
    rng = np.random.default_rng(seed)
    base = polychoric(items)
    turned = polychoric(items.iloc[rng.permutation(len(items))].iloc[:, rng.permutation(items.shape[1])])
    names = list(items)
    np.testing.assert_allclose(turned.correlations.loc[names, names], base.correlations, atol=SAME)
    np.testing.assert_allclose(turned.standard_errors.loc[names, names], base.standard_errors, atol=SAME)
    np.testing.assert_allclose(turned.thresholds.loc[names], base.thresholds, atol=1e-13)


@settings(max_examples=25, deadline=None)
@given(items=cases, steps=st.lists(st.integers(1, 9), min_size=5, max_size=5))
def test_only_the_order_of_the_codes_matters(items: pd.DataFrame, steps: list[int]) -> None:
    codes = dict(enumerate(np.cumsum(steps) - 20.0))
    base = polychoric(items)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ToolkitWarning)  # codes far apart are suspected, and taken
        recoded = polychoric(items.apply(lambda column: column.map(codes)))
    np.testing.assert_array_equal(recoded.correlations, base.correlations)
    np.testing.assert_array_equal(recoded.acov, base.acov)


@settings(max_examples=25, deadline=None)
@given(items=cases)
def test_reversing_an_item_turns_its_sign(items: pd.DataFrame) -> None:
    base = polychoric(items)
    turned = polychoric(items.assign(i0=10 - items["i0"]))
    sign = np.where(np.arange(items.shape[1]) == 0, -1.0, 1.0)
    np.testing.assert_allclose(turned.correlations, base.correlations * np.outer(sign, sign), atol=SAME)
    np.testing.assert_allclose(turned.standard_errors, base.standard_errors, atol=SAME)
    np.testing.assert_allclose(
        turned.thresholds.loc["i0"].dropna(), -base.thresholds.loc["i0"].dropna()[::-1], atol=1e-13
    )


@settings(max_examples=20, deadline=None)
@given(items=cases)
def test_listwise_is_dropping_first(items: pd.DataFrame) -> None:
    kept = items.dropna()
    np.testing.assert_array_equal(
        polychoric(items, missing="listwise").correlations, polychoric(kept).correlations
    )


@settings(max_examples=10, deadline=None)
@given(items=cases)
def test_two_roads_to_the_same_covariance(items: pd.DataFrame) -> None:
    """All pairs from tables at once, and pair by pair from persons."""
    values = items.to_numpy()
    tables = ordinal_moments(values)
    persons = mixed_moments(values, np.ones(values.shape[1], dtype=bool))
    np.testing.assert_allclose(tables.correlations, persons.correlations, atol=SAME)
    assert tables.acov is not None and persons.acov is not None
    np.testing.assert_allclose(tables.acov, persons.acov, rtol=1e-6, atol=1e-7)


@settings(max_examples=10, deadline=None)
@given(seed=st.integers(0, 1000), scale=st.floats(0.1, 50), shift=st.floats(-100, 100))
def test_rescaling_a_continuous_variable_changes_no_correlation(
    seed: int, scale: float, shift: float
) -> None:
    items = answers(seed, 3, 4, holes=True)
    rng = np.random.default_rng(seed)
    items["x"] = items["i0"].fillna(1.0) + rng.standard_normal(len(items))
    ordered = np.array([True, True, True, False])
    base = mixed_moments(items.to_numpy(), ordered)
    moved = mixed_moments(items.assign(x=items["x"] * scale + shift).to_numpy(), ordered)
    np.testing.assert_allclose(moved.correlations, base.correlations, atol=1e-8)
    assert moved.covariances[3, 3] == pytest.approx(base.covariances[3, 3] * scale**2, rel=1e-9)
