"""A column of one value is one whatever the value: rounding of its mean makes no spread, and no effect, of it."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import pytest

import analysis
import instrument
from analysis.adherence.design.controls import partial_correlation
from analysis.adherence.models import run
from analysis.common.variation import varies
from analysis.simulation.simulate_study import simulate_study
from analysis.simulation.simulated_study import SimulatedStudy
from analysis.usage.summarise_usage import UsageSummary
from instrument.errors import NotEstimableError, ToolkitError
from tests.recovery.held_populations import Held, recovering
from tests.recovery.held_recovery import batch

VALUES = [1.0, 2.1, 7 / 3]


@pytest.mark.parametrize("n", [1, 3, 30, 77, 120, 500])
@pytest.mark.parametrize("value", [*VALUES, 0.0, -0.1, 1e-9, 1e9 / 3])
def test_one_value_is_one_value_and_two_are_two(value: float, n: int) -> None:
    column = np.full(n, value)
    assert varies(column) is False
    assert varies(np.column_stack([column, np.arange(n)])).tolist() == [False, n > 1]
    assert varies(np.append(column, value + 1e-6 * max(abs(value), 1.0))) is True
    scaled = (column - 0.3) / 0.7
    assert varies(scaled) is False


def test_without_rows_nothing_varies_and_what_is_missing_tells_nothing() -> None:
    assert varies([]) is False
    assert varies(np.empty((0, 3))).tolist() == [False] * 3
    assert varies([1.0, np.nan, 2.0]) is False


@pytest.fixture(scope="module")
def data() -> SimulatedStudy:
    return simulate_study("dta_example", n=120, seed=4)


@pytest.fixture(scope="module")
def usage(data: SimulatedStudy) -> UsageSummary:
    return analysis.summarise_usage(data.usage, data.study, participants=data.enrolment)


@pytest.fixture(scope="module")
def scores(data: SimulatedStudy) -> pd.DataFrame:
    return instrument.score(data.responses, instrument.load("dta")).scores[["participant", "wave", "total"]]


Call = Callable[[pd.DataFrame, UsageSummary, SimulatedStudy], Any]
CALLS: dict[str, Call] = {
    "relate_adherence": lambda s, u, d: analysis.relate_adherence(s, u, d.study, predictors=["total"]),
    "relate_waves": lambda s, u, d: analysis.relate_waves(
        s, d.usage, d.study, participants=d.enrolment, predictors=["total"]
    ),
    "landmark_scan": lambda s, u, d: analysis.landmark_scan(
        s, d.usage, d.study, predictor="total", participants=d.enrolment
    ),
}


@pytest.mark.parametrize("value", VALUES)
@pytest.mark.parametrize("name", CALLS)
def test_a_score_of_one_value_is_related_to_nothing(
    name: str, value: float, scores: pd.DataFrame, usage: UsageSummary, data: SimulatedStudy
) -> None:
    with (
        warnings.catch_warnings(action="ignore"),
        pytest.raises(NotEstimableError, match="'total' has one value only"),
    ):
        CALLS[name](scores.assign(total=value), usage, data)


def _stuck(data: SimulatedStudy, answers: tuple[int, ...], starts: str) -> pd.DataFrame:
    """Answers of which every item of a theme has one value, so that its mean has one, too."""
    items = [name for name in data.responses.columns if name.startswith(starts)]
    fixed = {name: answers[k % len(answers)] for k, name in enumerate(items)}
    table = data.responses.assign(
        **{name: pd.array([value] * len(data.responses), dtype="Int64") for name, value in fixed.items()}
    )
    table.attrs = data.responses.attrs
    return table


@pytest.mark.parametrize("answers", [(3,), (2, 2, 3, 2, 2, 3, 2)])
def test_a_theme_of_one_value_has_no_place_on_the_map(
    answers: tuple[int, ...], data: SimulatedStudy, usage: UsageSummary
) -> None:
    with pytest.raises(NotEstimableError, match="'humanness' has one value only"):
        analysis.priority_map(
            _stuck(data, answers, "hum"), instrument.load("dta"), usage, data.study, draws=20
        )


@pytest.mark.parametrize("value", VALUES)
def test_a_step_of_one_value_is_no_step_of_a_chain(
    value: float, data: SimulatedStudy, usage: UsageSummary
) -> None:
    outcome = next(name for name in data.outcomes if name != "participant" and "baseline" not in name)
    wanted = data.study.get("follow_up", outcome)
    with pytest.raises(NotEstimableError, match="outcome has one value only"):
        analysis.mediate_adherence(
            data.responses,
            instrument.load("dta"),
            usage,
            study=data.study,
            outcomes=data.outcomes.assign(**{wanted: value}),
            draws=20,
        )


@pytest.fixture(scope="module")
def ended() -> tuple[pd.DataFrame, UsageSummary, Any]:
    drawn, usage, plan = batch(
        Held(draw=recovering(True), n=400, study={"ends_well": ["recovered"]}), np.random.SeedSequence(8), 1
    )
    scores = pd.DataFrame({"participant": usage.people["participant"], "wave": "1", "total": drawn.score})
    return scores, usage, plan


@pytest.mark.parametrize("value", VALUES)
def test_a_score_of_one_value_among_those_at_risk_is_told_of_nobody_who_left(
    value: float, ended: tuple[pd.DataFrame, UsageSummary, Any]
) -> None:
    scores, usage, plan = ended
    stays = usage.people["at_risk"].to_numpy(dtype=bool)
    found = analysis.relate_adherence(
        scores.assign(total=np.where(stays, value, scores["total"])), usage, plan, predictors=["total"]
    )
    reason = "'total' has one value among those at risk."
    lost = found.failed[found.failed["reason"] == reason]["model"]
    assert {run.HAZARD, run.DISCRETE} <= set(lost) and lost.str.startswith(run.ENDS).any()
    assert found.ends.empty  # the next column is not told for the score


@pytest.mark.parametrize("value", VALUES)
def test_a_predictor_that_is_alike_in_everybodys_first_row_has_no_unit(value: float) -> None:
    rng = np.random.default_rng(3)
    n = 60
    rows = pd.DataFrame(
        {
            "participant": np.repeat([f"p{k}" for k in range(n)], 2),
            "from": np.tile([0.0, 5.0], n),
            "to": np.tile([5.0, 9.0], n) - rng.uniform(0, 1, 2 * n),
            "back": rng.integers(0, 2, 2 * n).astype(float),
            "alliance": np.where(np.arange(2 * n) % 2, rng.normal(size=2 * n), value),
        }
    )
    with pytest.raises(NotEstimableError, match="one value in everybody's first row"):
        analysis.recurrent_events(
            rows, start="from", stop="to", event="back", predictors=["alliance"], participant="participant"
        )


def test_what_others_say_wholly_has_no_correlation_left() -> None:
    rng = np.random.default_rng(5)
    others = np.column_stack([np.ones(90), rng.normal(size=(90, 2))])
    a, b = others @ [2.1, 0.3, -0.7], rng.normal(size=90)
    for pair in ((a, b), (b, a), (np.full(90, 2.1), b)):
        assert np.isnan(partial_correlation(*pair, others)).all()
    r, p = partial_correlation(b, b + rng.normal(size=90), others)
    assert 0.4 < r < 0.9 and p < 0.001


@pytest.mark.parametrize("apart", [0.0, 0.1, 1.0, 1 / 3])
def test_differences_that_are_all_equal_have_no_limits_of_agreement(apart: float) -> None:
    first = pd.Series(np.arange(40) / 7 + 1.1)
    with pytest.raises(ToolkitError, match="differences are equal"):
        analysis.limits_of_agreement(first, first + apart)
