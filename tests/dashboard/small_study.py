"""Twelve questions asked once or twice: the study that tests of the dashboard show."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from analysis.pipeline import validate
from analysis.pipeline.run import Validation
from instrument.definition import Instrument

DATA = Path(__file__).resolve().parents[1] / "reference" / "data" / "likert_missing.csv"
SCALE: dict[str, Any] = {
    "schema": 1,
    "id": "likert",
    "version": "1.0",
    "title": "Twelve questions",
    "status": "candidate",
    "notice": "Made up for testing.",
    "response_scales": {
        "agree": {"options": {1: "Not at all", 2: "A little", 3: "Some", 4: "Much", 5: "Fully"}}
    },
    "themes": [
        {
            "id": name,
            "title": f"Theme {name}",
            "role": "dimension",
            "items": [
                {"id": f"q{k}", "text": f"Words of q{k}", "reverse": k in (4, 9)}
                for k in range(first, first + 4)
            ],
        }
        for name, first in (("north", 1), ("south", 5), ("west", 9))
    ],
}
LONG_TITLE = "Trust in what was recommended, and in whoever did so, whatever the reasons"
LONG = copy.deepcopy(SCALE)
LONG["themes"][2] |= {"title": LONG_TITLE}
LONG["themes"][2]["items"][1] |= {"text": f"{LONG_TITLE}: how far do you agree with that as a whole?"}
LONG["themes"][2]["items"][2] |= {"text": f"{LONG_TITLE}: how far do you agree with that today?"}
LONG["response_scales"]["agree"]["options"][4] = "Much, and on most of the days of the last two weeks"


def small_validation(change: str = "", topics: tuple[str, ...] | None = None) -> Validation:
    """Validate the small study: whole, one respondent, one wave, an item nobody answered, or no answer.

    With long words, a theme, a question and an answer have more of them than any figure or table has room for.
    """
    scale = Instrument.model_validate(LONG if change == "long words" else SCALE)
    raw = pd.read_csv(DATA).rename(columns={"id": "participant"})
    first = raw[["participant", *scale.item_ids]].astype(dict.fromkeys(scale.item_ids, "Int64"))
    first.insert(1, "wave", 1)
    answers = pd.concat([first, first.head(150).assign(wave=2)], ignore_index=True)
    if change == "one respondent":
        answers = first.head(1)
    if change == "one wave":
        answers = first
    if change == "missing item":
        answers["q2"] = pd.array(np.full(len(answers), pd.NA), dtype="Int64")
    if change == "no answer":
        answers = first.head(40).assign(
            **{item: pd.array([pd.NA] * 40, dtype="Int64") for item in scale.item_ids}
        )
    return validate(answers, scale, seed=3, topics=topics)
