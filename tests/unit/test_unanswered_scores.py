"""People without a score who would have rated otherwise: shifts by hand, a known pattern, and words."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import pytest
import statsmodels.api as sm

from analysis.adherence.models import run as m
from analysis.adherence.models.imputation import impute, pooled_use
from analysis.adherence.models.unanswered import SHIFTS, shifted_use
from analysis.pipeline.topics.adherence_unanswered import ALWAYS, NEVER, SIDES, SOMETIMES, unanswered_of
from instrument.common.formatting import fill_prose
from tests.recovery.held_populations import POPULATIONS
from tests.recovery.held_recovery import batch, one

Table = np.ndarray


def drawn(n: int, shift: float, seed: int) -> tuple[Table, Table, Table, Table]:
    """Score (of the silent lower by a shift), use before, units done of eight, and who is silent."""
    rng = np.random.default_rng(seed)
    before = rng.standard_normal(n)
    score = 0.3 * before + rng.standard_normal(n)
    done = rng.binomial(8, 1 / (1 + np.exp(-0.5 * score - 0.4 * before)))
    silent = rng.random(n) < 1 / (1 + np.exp(0.4 + 0.3 * (done - 4)))
    return score + shift * silent, before, done.astype(float), silent


def test_each_shift_is_the_mean_of_models_fitted_apart() -> None:
    """Coefficients of statsmodels' GLM on every filled table, the silent shifted by hand."""
    score, before, done, silent = drawn(160, 0.0, 1)
    table = np.column_stack([np.where(silent, np.nan, score), before, done])
    completed, due = impute(table, 3), np.full(160, 8.0)
    found = shifted_use(completed, silent, done, due, 2)
    assert found["shift"].tolist() == list(SHIFTS) and (found["imputed"] == silent.sum()).all()
    for row in found.itertuples():
        effects = []
        for filled in completed:
            z = (filled[:, 0] - filled[:, 0].mean()) / filled[:, 0].std(ddof=1) + row.shift * silent
            held = (before - before.mean()) / before.std(ddof=1)
            x = np.column_stack([np.ones(160), z, held])
            fit = sm.GLM(done / 8, x, sm.families.Binomial(), var_weights=due).fit(tol=1e-12)
            p = fit.fittedvalues
            effects.append((8 * p * (1 - p)).mean() * fit.params[1])
        assert row.effect == pytest.approx(np.mean(effects), rel=1e-6)
    plain, effect = pooled_use(completed, done, due, 2)
    none = found.loc[found["shift"] == 0].iloc[0]
    assert (none["effect"], none["effect_lower"], none["effect_upper"]) == pytest.approx(effect, rel=1e-12)
    assert none["pvalue"] == pytest.approx(plain.pvalue, rel=1e-12)


def test_the_shift_that_people_had_gives_back_what_complete_answers_would() -> None:
    """The silent rate one standard deviation lower than people alike: imputed alone misses, shifted does not."""
    score, before, done, silent = drawn(6000, -1.0, 2)
    due = np.full(6000, 8.0)
    table = np.column_stack([np.where(silent, np.nan, score), before, done])
    completed = impute(table, 5)
    found = shifted_use(completed, silent, done, due, 2).set_index("shift")
    unit = np.mean([filled[:, 0].std(ddof=1) for filled in completed])
    truth = pooled_use([np.column_stack([score, before])] * 2, done, due, 2)[1][0] / score.std(ddof=1) * unit
    assert abs(found.loc[-1.0, "effect"] - truth) < 0.04
    assert abs(found.loc[0.0, "effect"] - truth) > 0.09


def test_everybody_watched_enters_and_only_those_without_a_score_are_shifted() -> None:
    held = POPULATIONS["silence depends on rating and on later use"]
    drawn_people, usage, plan = batch(held, np.random.SeedSequence(6), 1)
    run = one(drawn_people, usage, plan, slice(0, held.n), (m.IMPUTED,))
    assert run.unanswered is not None
    assert (run.unanswered["n"] == held.n).all()
    assert (run.unanswered["imputed"] == np.isnan(drawn_people.score).sum()).all()
    imputed = next(row for row in run.effects if row["model"] == m.IMPUTED)
    none = run.unanswered.set_index("shift").loc[0.0]
    assert none["effect"] == pytest.approx(imputed["effect"], rel=1e-12)
    assert run.unanswered["effect"].nunique() == len(SHIFTS)


@pytest.mark.parametrize(
    ("limits", "words"),
    [
        ([(0.1, 0.9), (0.2, 1.0)], ALWAYS),
        ([(-0.9, -0.1), (-1.0, -0.2)], ALWAYS),
        ([(-0.1, 0.9), (0.2, 1.0)], SOMETIMES),
        ([(-0.9, 0.1), (-0.1, 0.2)], NEVER),
        ([(-0.9, -0.1), (0.1, 0.2)], SIDES),
        ([(0.0, 0.5), (0.0, 0.6)], NEVER),
    ],
)
def test_words_follow_the_limits(limits: list[tuple[float, float]], words: str) -> None:
    rows: list[dict[str, Any]] = [
        {
            "predictor": "total",
            "shift": k,
            "n": 9,
            "imputed": 3,
            "effect": (a + b) / 2,
            "effect_lower": a,
            "effect_upper": b,
            "pvalue": 0.5,
        }
        for k, (a, b) in enumerate(limits)
    ]
    other = {**rows[0], "predictor": "other", "effect": 9.0, "effect_lower": 8.0, "effect_upper": 9.5}
    found: Any = SimpleNamespace(unanswered=pd.DataFrame([*rows, other]))
    made = unanswered_of(found, "total", {"total": "Total", "other": "Other"})
    (said,) = (fill_prose(sentence, made.values) for sentence in made.sentences)
    assert said.endswith(words) and "{" not in said and set(made.kinds) == set(made.values)
    effects = [row["effect"] for row in rows]  # of the first score alone
    assert (made.values["unanswered_low"], made.values["unanswered_high"]) == (min(effects), max(effects))
    assert "imputed" not in made.tables["unanswered"].frame  # a small count is no matter of the report


def test_nothing_is_said_where_everybody_answered() -> None:
    made = unanswered_of(SimpleNamespace(unanswered=pd.DataFrame()), "total", {"total": "Total"})  # type: ignore[arg-type]
    assert not made.sentences and not made.tables
