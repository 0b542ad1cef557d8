"""Comparisons of groups in a shared copy do not tell how many people a small group holds."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest

from analysis.disclosure.shared import shared_tree
from analysis.pipeline import validate
from instrument.definition import Instrument

TOPICS = ("flow", "covariates", "groups")
SCALE: dict[str, Any] = {
    "schema": 1,
    "id": "small",
    "version": "1",
    "title": "Small",
    "response_scales": {"s": {"options": {1: "a", 2: "b", 3: "c"}}},
    "themes": [
        {
            "id": theme,
            "title": theme,
            "items": [{"id": f"{theme}{k}", "text": f"{theme} {k}."} for k in range(4)],
        }
        for theme in ("x", "y")
    ],
}


def tree(few: int, silent: int) -> dict[str, Any]:
    """260 people in two groups of 120 and more and one of few; so many answered nothing of theme y."""
    rng = np.random.default_rng(3)
    n = 260
    latent = rng.standard_normal((n, 1))
    codes = np.digitize(latent + 0.8 * rng.standard_normal((n, 8)), [-0.5, 0.6]) + 1.0
    frame = pd.DataFrame(codes, columns=[f"{theme}{k}" for theme in "xy" for k in range(4)])
    frame.iloc[20 : 20 + silent, 4:] = np.nan
    frame.insert(0, "wave", 1)
    frame.insert(0, "participant", [f"p{k}" for k in range(n)])
    sex = np.where(np.arange(n) % 2, "woman", "man").astype(object)
    sex[:few] = "another"
    people = pd.DataFrame({"participant": frame["participant"], "sex": sex})
    made = validate(frame, Instrument.model_validate(SCALE), covariates=people, topics=TOPICS, seed=1)
    return made.to_dict()


@pytest.mark.parametrize(("few", "silent"), [(0, 0), (0, 3), (1, 0), (3, 0), (4, 0), (2, 1), (4, 1), (2, 9)])
def test_how_many_are_in_no_group_compared_cannot_be_told(few: int, silent: int) -> None:
    """The people compared, taken from those who answered, were the few of the smallest group."""
    true = tree(few, silent)
    own = true["sections"]["groups"]
    assert max(own["tables"]["levels"]["n"]) == own["method"]["n"] == 260 - few
    shared = shared_tree(true)["sections"]
    answered = shared["flow"]["tables"]["flow"]["answered"]
    assert answered == [260]
    shown = [n for n in (*shared["groups"]["tables"]["levels"]["n"], shared["groups"]["method"]["n"]) if n]
    assert all(260 - n == 0 or 260 - n > 4 for n in shown)
    if not few and not silent:  # nothing is small, so nothing is hidden
        assert set(shown) == {260}
    if (few, silent) == (2, 9):
        assert set(shown) == {260 - 2 - 9}
