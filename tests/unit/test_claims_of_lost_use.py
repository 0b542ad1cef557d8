"""Where the estimate itself is in doubt nothing is told, found or not: withdrawal, lost use, lost covariates."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from types import SimpleNamespace
from typing import Any, cast

import numpy as np
import pandas as pd
import pytest
import statsmodels.api as sm

from analysis.adherence.claims.claims import Claim, Doubt, Standing
from analysis.adherence.claims.watch import MOVED, Watch, watch_by_score
from analysis.adherence.design.landmark import assemble
from analysis.adherence.models.binomial import quasi_binomial
from analysis.adherence.models.context import REMAINING
from instrument.errors import DefinitionError, ResponseDataError
from instrument.study import Study
from tests.recovery.held_logs import LOGS
from tests.recovery.held_populations import POPULATIONS
from tests.recovery.held_recovery import batch, one


def standings(name: str, studies: int, seed: int = 6) -> list[Standing]:
    held = POPULATIONS[name]
    drawn, usage, plan = batch(held, np.random.SeedSequence(seed), studies)
    runs = [
        one(drawn, usage, plan, slice(k * held.n, (k + 1) * held.n), (REMAINING,)) for k in range(studies)
    ]
    return [run.standing for run in runs if run.standing is not None]


@pytest.mark.parametrize(
    ("name", "doubt"),
    [
        ("who rates low withdraws sooner, and use fades", Doubt.WITHDRAWAL),
        ("who installs the app again goes on under a new id", Doubt.LOST),
    ],
)
def test_a_doubtful_estimate_tells_nothing_even_where_nothing_was_found(name: str, doubt: Doubt) -> None:
    """13 % of true nulls of 300, 46 % of 1,000, were found where low raters withdraw."""
    found = standings(name, 12)
    assert sum(mine.claim is Claim.UNTOLD and doubt in mine.doubts for mine in found) >= 11
    for mine in found:
        if not mine.found:
            assert all(each.decisive for each in mine.doubts)


def test_withdrawal_that_does_not_go_with_the_rating_is_no_doubt() -> None:
    for name in ("some withdraw, less was due", "who used little withdraws sooner, and use fades"):
        found = standings(name, 12)
        assert all(mine.withdrew >= 8 for mine in found)
        assert sum(Doubt.WITHDRAWAL in mine.doubts for mine in found) <= 2, name


def test_columns_lost_by_later_use_are_a_kind_of_silence() -> None:
    """Of 60 true nulls of 1,000 people 2 were called supported."""
    found = standings("age is known of those who stay or rate high, 1,000 people", 4)
    assert [mine.claim for mine in found if mine.found] == [Claim.UNTOLD] * sum(m.found for m in found)
    assert all(Doubt.SILENCE in mine.doubts and mine.silent > 50 for mine in found if mine.found)
    assert sum(mine.found for mine in found) >= 3


def test_a_rating_that_cannot_move_use_shows_a_cause_of_ratings() -> None:
    moved = standings("a need moves rating, use and an unrelated rating", 6)
    assert sum(Doubt.RATING in mine.doubts for mine in moved) == 6
    style = standings("a way of answering moves rating and unrelated rating", 12)
    asked = Counter(mine.rating for mine in style)
    assert asked == {"telephone": 12} and np.median([mine.rating_score for mine in style]) > 0.2
    assert sum(mine.rating_p < 0.05 for mine in style) <= 3


def columns() -> tuple[Any, np.ndarray]:
    rng = np.random.default_rng(2)
    n = 200
    x = np.column_stack([np.ones(n), rng.normal(size=(n, 2))])
    gone = rng.random(n) < 1 / (1 + np.exp(0.5 + x[:, 1]))
    end = np.where(gone, rng.uniform(36, 80, n), 84.0)
    due = np.floor(8 * (end - 28) / 56 + 1e-9)
    done = rng.binomial(due.astype(int), 1 / (1 + np.exp(0.03 * (end - 60))))
    frame = pd.DataFrame({"end_day": end, "observable_day": 84.0, "due": due, "done": done})
    return cast(Any, SimpleNamespace(frame=frame, day=28.0, clusters=None)), x


def test_the_watch_is_asked_as_by_hand() -> None:
    design, x = columns()
    due, done = (design.frame[name].to_numpy(float) for name in ("due", "done"))
    fit = quasi_binomial(x, done, due)
    found = watch_by_score(design, x, fit, 0.95)
    kept = (design.frame["end_day"].to_numpy() - 28) / 56
    by_hand = sm.OLS(x[:, 1], np.column_stack([x[:, [0, 2]], kept])).fit()
    assert found.pvalue == pytest.approx(float(by_hand.pvalues[-1]), rel=1e-9) and found.pvalue < 0.05
    more = np.column_stack([x, kept, kept**2])
    held = sm.GLM(done / due, more, family=sm.families.Binomial(), var_weights=due).fit()
    assert found.change == pytest.approx((held.params[1] - fit.coefficients[1]) / fit.se[1], rel=1e-6)
    assert found.gone == int((design.frame["end_day"] < 84).sum())
    assert found.doubtful(0.95) == (abs(found.change) > MOVED)
    few = SimpleNamespace(frame=design.frame.assign(end_day=84.0), day=28.0, clusters=None)
    assert np.isnan(watch_by_score(cast(Any, few), x, fit, 0.95).pvalue)


@pytest.mark.parametrize(
    ("pvalue", "change", "doubtful"),
    [(0.01, 0.3, True), (0.01, -0.3, True), (0.01, 0.05, False), (0.2, 3.0, False), (0.01, np.nan, True)],
)
def test_what_has_no_solution_is_doubtful(pvalue: float, change: float, doubtful: bool) -> None:
    assert Watch(gone=20, pvalue=pvalue, change=change).doubtful(0.95) is doubtful


def test_an_unrelated_rating_must_be_a_number_that_is_not_held_constant() -> None:
    held = replace(LOGS["a way of answering moves rating and unrelated rating"], n=60)
    drawn, usage, plan = batch(held, np.random.SeedSequence(1), 1)
    ids = usage.people["participant"]
    scores = pd.DataFrame({"participant": ids, "wave": "1", "total": drawn.score})
    side = pd.DataFrame({"participant": ids, "telephone": drawn.covariates["telephone"]})

    def made(study: Study, table: pd.DataFrame) -> Any:
        return assemble(scores, usage, study, None, table, ["total"], None, "1")

    assert made(plan, side).unrelated_rating == "telephone"
    absent = made(plan, side.rename(columns={"telephone": "other"}))
    assert absent.unrelated_rating == "" and any("telephone is not in the data" in n for n in absent.notes)
    with pytest.raises(ResponseDataError, match="holds no numbers"):
        made(plan, side.assign(telephone="good"))
    with pytest.raises(DefinitionError, match="held constant as well"):
        made(plan.model_copy(update={"covariates": ("telephone",)}), side)
