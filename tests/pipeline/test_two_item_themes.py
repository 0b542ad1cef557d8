"""A theme of two items: its own part beside a general factor is not determined, and the report says so."""

from __future__ import annotations

import pandas as pd
import pytest

from analysis.pipeline import validate
from instrument.definition import Instrument
from instrument.reduced import without_items


@pytest.mark.parametrize("estimator", ["WLSMV", "MLR"])
def test_what_a_general_factor_leaves_is_said_to_be_undetermined(
    scale: Instrument, answers: pd.DataFrame, estimator: str
) -> None:
    every = Instrument.model_validate(
        {
            **scale.model_dump(mode="json", by_alias=True),
            "themes": [
                {**theme, "role": "dimension"}
                for theme in scale.model_dump(mode="json", by_alias=True)["themes"]
            ],
        }
    )
    short = without_items(every, ["q7", "q8"])
    first = answers[answers["wave"] == 1].drop(columns=["q7", "q8"])
    plan = {"estimator": estimator, "topics": ["reliability", "models"]}
    sections = validate(first, short, plan=plan).tree["sections"]
    left = {"what": "What one general factor leaves to the themes", "cause": "not_determined"}
    assert left in sections["reliability"]["untested"]
    assert not sections["reliability"]["problems"]
    assert "general_factor" not in sections["reliability"]["tables"]
    assert [one["cause"] for one in sections["models"]["untested"]] == ["not_determined"]
