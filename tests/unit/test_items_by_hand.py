"""Single questions and remaining use: each in a model of its own, of those who answered it, at thirty or more."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, cast

import numpy as np
import pandas as pd
import pytest
import statsmodels.api as sm
from scipy.special import expit

from analysis.adherence.priorities.items import item_rows
from tests.unit.test_context_over_time import make_scale

PEOPLE = 60


def _people(answered: int) -> tuple[pd.DataFrame, Any]:
    """Answers at two waves, of whom `answered` people gave one to the second question at the first."""
    rng = np.random.default_rng(6)
    ids = [f"p{k:02d}" for k in range(PEOPLE)]
    level, age = rng.normal(size=PEOPLE), rng.normal(40, 9, PEOPLE)
    answers = {f"a{k}": np.clip(np.round(3 + level + rng.normal(size=PEOPLE)), 1, 5) for k in (1, 2, 3)}
    first = pd.DataFrame({"participant": ids, "wave": "w1", **answers})
    first["a2"] = (6 - first["a2"]).where(np.arange(PEOPLE) < answered)  # asked the other way round
    first["a3"] = 4.0
    later = first.assign(wave="w2", a1=1.0, a2=1.0)
    responses = pd.concat([later, first.sample(frac=1, random_state=1)], ignore_index=True)
    responses = responses.astype(dict.fromkeys(answers, "Int64"))
    due = rng.integers(6, 13, PEOPLE).astype(float)
    done = np.floor(due * expit(0.5 * level - 0.01 * age))
    frame = pd.DataFrame({"participant": ids, "done": done, "due": due, "age": age, "same": 0.1})
    design = SimpleNamespace(
        frame=frame, wave="w1", adjusters=["age", "same"], clusters=None, predictors=["a"]
    )
    return responses, design


@pytest.mark.parametrize(("answered", "told"), [(29, False), (30, True), (45, True)])
def test_a_question_is_told_from_thirty_answers_on_and_by_those_who_gave_one(
    answered: int, told: bool
) -> None:
    responses, design = _people(answered)
    rows, failed = item_rows(responses, make_scale({"a": "dimension"}, reverse="a2"), cast(Any, design), 0.9)
    assert rows["item"].tolist() == ["a1", "a2"] if told else ["a1"]
    reasons = dict(zip(failed["item"], failed["reason"], strict=True))
    assert reasons.pop("a3") == f"{PEOPLE} answers, too few or all alike."
    assert reasons == ({} if told else {"a2": "29 answers, too few or all alike."})
    here = responses[responses["wave"] == "w1"].set_index("participant")
    for row in rows.to_dict("records"):
        given = here[row["item"]].dropna().astype(float)
        keyed = 6 - given if row["item"] == "a2" else given
        own = design.frame.set_index("participant").loc[keyed.index]
        assert (row["theme"], row["n"]) == ("a", len(keyed))
        assert row["level"] == pytest.approx(100 * (keyed.mean() - 1) / 4)
        x = np.column_stack([np.ones(len(own)), (keyed - keyed.mean()) / keyed.std(), own["age"]])
        fit = sm.GLM(
            np.column_stack([own["done"], own["due"] - own["done"]]), x, family=sm.families.Binomial()
        ).fit()
        p = expit(x @ fit.params)
        effect = fit.params[1] * float((own["due"] * p * (1 - p)).mean())
        assert row["effect"] == pytest.approx(effect, rel=1e-6)
        assert row["standardized"] == pytest.approx(effect / own["done"].std(), rel=1e-6)
        assert row["effect_lower"] < row["effect"] < row["effect_upper"]
