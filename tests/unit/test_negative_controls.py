"""A negative control counts use of the unrelated feature by the time each person was watched."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, cast

import numpy as np
import pandas as pd
import pytest

from analysis.adherence.design.controls import controls_of, one_cause


def drawn(used: int = 60) -> tuple[Any, np.ndarray, np.ndarray, np.ndarray]:
    draw = np.random.default_rng(4)
    due = np.where(np.arange(60) % 2 == 0, 4.0, 8.0)  # half of the people were watched half as long
    x = np.column_stack([np.ones(60), draw.normal(size=60), draw.normal(size=60)])
    share = 1 / (1 + np.exp(-x[:, 1] - x[:, 2] + draw.normal(size=60)))
    events = np.where(np.arange(60) < used, draw.integers(1, 20, 60) * due / 4, 0.0)
    frame = pd.DataFrame({"unrelated_after": events})
    return cast(Any, SimpleNamespace(frame=frame, unrelated="radio", due=8.0)), x, share, due


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
