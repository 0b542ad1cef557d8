"""A negative control counts use of the unrelated feature by the time each person was watched."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, cast

import numpy as np
import pandas as pd
import pytest
import statsmodels.api as sm

from analysis.adherence.design.controls import controls_of, one_cause


def drawn(used: int = 60) -> tuple[Any, np.ndarray, np.ndarray, np.ndarray]:
    draw = np.random.default_rng(4)
    due = np.where(np.arange(60) % 2 == 0, 4.0, 8.0)  # half of the people were watched half as long
    x = np.column_stack([np.ones(60), draw.normal(size=60), draw.normal(size=60)])
    share = 1 / (1 + np.exp(-x[:, 1] - x[:, 2] + draw.normal(size=60)))
    events = np.where(np.arange(60) < used, draw.integers(1, 20, 60) * due / 4, 0.0)
    frame = pd.DataFrame({"unrelated_after": events})
    return (
        cast(
            Any,
            SimpleNamespace(frame=frame, unrelated="radio", unrelated_rating="", rating_title="", due=8.0),
        ),
        x,
        share,
        due,
    )


def test_use_of_the_feature_is_a_rate_and_the_score_stands_alone() -> None:
    design, x, share, due = drawn()
    found = controls_of(design, x, share, due)
    rate = np.log1p(design.frame["unrelated_after"].to_numpy() * 8.0 / due)
    by_hand = one_cause(rate[:, None], x[:, 1], share, x[:, [0, 2]], due)
    assert found.feature == "radio" and found.of_feature is not None
    assert (found.of_feature.value, found.of_feature.se) == pytest.approx((by_hand.value, by_hand.se))
    uneven = one_cause(
        np.log1p(design.frame["unrelated_after"].to_numpy())[:, None], x[:, 1], share, x[:, [0, 2]], due
    )
    assert abs(uneven.value - by_hand.value) > 1e-4  # counts as they are would say something else
    assert np.isnan(found.earlier)


@pytest.mark.parametrize(("used", "feature"), [(7, ""), (8, "radio")])
def test_a_feature_that_hardly_anybody_used_is_no_control(used: int, feature: str) -> None:
    design, x, share, due = drawn(used)
    assert controls_of(design, x, share, due).feature == feature


def test_an_unrelated_rating_is_asked_with_the_score_held_constant() -> None:
    """Against statsmodels: p of the rating beside score and adjustment; people without it are left out."""
    design, x, share, due = drawn()
    rating = 0.6 * x[:, 1] + np.random.default_rng(6).normal(size=60)
    rating[:5] = np.nan
    design.frame["weather"] = rating
    design.unrelated_rating, design.rating_title = "weather", "the weather"
    found = controls_of(design, x, share, due)
    fit = sm.OLS(share[5:], np.column_stack([x[5:], rating[5:]])).fit()
    assert (found.rating, found.rating_people) == ("the weather", 55)
    assert found.rating_p == pytest.approx(float(fit.pvalues[-1]), rel=1e-9)
    t = float(fit.tvalues[-1])
    assert found.rating_r == pytest.approx(t / np.sqrt(t**2 + fit.df_resid), rel=1e-9)
    with_score = sm.OLS(x[5:, 1], np.column_stack([x[5:][:, [0, 2]], rating[5:]])).fit()
    t = float(with_score.tvalues[-1])
    assert found.rating_score == pytest.approx(t / np.sqrt(t**2 + with_score.df_resid), rel=1e-9)
    design.frame["weather"] = 3.0
    assert controls_of(design, x, share, due).rating == ""
