"""Counts, edges and joins of the adherence analysis against a ledger of people made by hand."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from analysis.adherence.chain.routes import all_routes, strength_of, sums_of
from analysis.adherence.claims.watch import MOVED, Watch
from analysis.adherence.collecting import risk_table, thirds
from analysis.adherence.design import landmark
from analysis.adherence.design.covariates import (
    coded_columns,
    condition_number,
    is_code,
    own_share,
    without_repeats,
)
from analysis.adherence.design.early_use import bearable, calendar, early_use, how_many
from analysis.adherence.design.ends import incidence_of, with_ends
from analysis.adherence.design.landmark import (
    LandmarkDesign,
    assemble,
    early_rating,
    refuse_overlap,
    side_columns,
)
from analysis.adherence.design.steps import LABELS, Step, flow_table, people_at
from analysis.adherence.design.time_order import refuse_disorder
from analysis.adherence.design.windows import use_by_window
from analysis.adherence.models.binomial import Fit
from analysis.adherence.models.clusters import FEW_CLUSTERS
from analysis.adherence.models.families import (
    adjust_within,
    e_value,
    e_value_of_limit,
)
from analysis.adherence.models.rows import Reported, coefficient_rows, effect_row
from analysis.adherence.models.shape import KNOTS_AT, knots_of
from analysis.adherence.models.survival import kaplan_meier
from analysis.adherence.models.threshold import area_under_curve, calibration, calibration_table, logistic
from analysis.adherence.priorities.several_scores import compare_with_mean
from analysis.usage.summarise_usage import UsageSummary
from instrument.errors import DefinitionError, NotEstimableError, ResponseDataError, ToolkitWarning
from instrument.study import Landmark, Study, make_study

STUDY: dict[str, Any] = {
    "schema": 1,
    "id": "ledger",
    "title": "A ledger of people",
    "instrument": "likert",
    "synthetic": True,
    "study_days": 84,
    "waves": [
        {"id": 1, "label": "Start", "day": 21, "opens": 21, "closes": 28},
        {"id": 2, "label": "Again", "day": 33, "opens": 31, "closes": 42, "role": "retest"},
        {"id": 3, "label": "Later", "day": 56, "opens": 49, "closes": 56},
    ],
    "landmark": {"wave": 1, "day": 28},
    "intended_use": {
        "unit": "sessions",
        "amount": 12,
        "weeks": 12,
        "justification": "The made-up program has one session a week.",
    },
    "adherence": {
        "metric": "sessions",
        "threshold": 0.5,
        "justification": "Half of them hold everything there is.",
    },
}


def study(**changes: Any) -> Study:
    return make_study(STUDY | changes)


def ledger() -> tuple[pd.DataFrame, pd.DataFrame, pd.DataFrame]:
    """Forty people without a fault, and one or more for each way to be lost; scores; covariates."""
    people, scores, covariates = [], [], []
    draw = np.random.default_rng(3)

    def person(name: str, score: float | None, age: float | None, **use: Any) -> None:
        plain = {
            "end_day": 84.0,
            "intended_after": 8.0,
            "intended_whole": 12.0,
            "sessions_after": 5.0,
            "sessions_before": 3.0,
            "sessions_whole": 8.0,
            "active_days_before": 2.0,
            "idle_at_landmark": 1.0,
            "at_risk": True,
            "disengaged": False,
            "disengaged_after": 56.0,
            "withdrawn_day": np.nan,
            "joined": 0.0,
        }
        people.append({"participant": name} | plain | use)
        if score is not None:
            scores.append({"participant": name, "wave": "1", "total": score})
            scores.append({"participant": name, "wave": "3", "total": score + 10})
        covariates.append({"participant": name, "age": age})

    for k in range(40):
        person(
            f"p{k:02d}",
            float(draw.normal(3)),
            float(draw.integers(20, 60)),
            sessions_after=float(k % 11),
            sessions_before=float(draw.integers(0, 30)),
            active_days_before=float(draw.integers(0, 15)),
            idle_at_landmark=float(draw.integers(0, 25)),
            disengaged=k < 7,
            joined=float(k),
        )
    for k in range(2):  # idle at the landmark; one of them came back
        person(f"left{k}", 3.0 + k, 30.0, at_risk=False, sessions_after=float(k))
    person("silent", None, 30.0)
    for k in range(2):
        person(f"silent_left{k}", None, 30.0, at_risk=False, sessions_after=0.0)
    person("no_age", 3.0, None)
    for k in range(3):  # withdrew on the landmark's own day: not watched after it
        person(f"withdrew{k}", 3.0, 30.0, end_day=28.0, withdrawn_day=28.0)
    for k in range(4):  # the log ends before the landmark
        person(f"unwatched{k}", 3.0, 30.0, end_day=20.0)
    person("later", 3.0, 30.0, end_day=28.5, withdrawn_day=28.5, intended_after=0.0)
    scores += [{"participant": f"stranger{k}", "wave": "1", "total": 2.0} for k in range(5)]
    return pd.DataFrame(people), pd.DataFrame(scores), pd.DataFrame(covariates)


def summary(people: pd.DataFrame, **rule: Any) -> UsageSummary:
    plain = {"landmark_day": 28.0, "measure": "sessions", "intended_after": 8.0, "unit": "sessions"}
    return UsageSummary(people=people, retention=pd.DataFrame(), counts={}, rule=plain | rule, notes=["n"])


def design(adjust_for: list[str] | None = None, **changes: Any) -> LandmarkDesign:
    people, scores, covariates = ledger()
    names = ["age"] if adjust_for is None else adjust_for
    return assemble(scores, summary(people), study(**changes), None, covariates, ["total"], names, "1")


def test_each_way_to_be_lost_is_counted_once() -> None:
    assert people_at(design().flow) == {
        Step.ENROLLED: 54,
        Step.WITHDRAWN: 3,
        Step.UNWATCHED: 4,
        Step.HAD_LEFT: 4,
        Step.CAME_BACK: 1,
        Step.NOTHING_DUE: 1,
        Step.NO_SCORE: 3,
        Step.NO_SCORE_LEFT: 2,
        Step.NO_COVARIATE: 1,
        Step.ANALYSED: 42,
        Step.ANALYSED_LEFT: 2,
        Step.ANALYSED_TIME: 40,
        Step.DISENGAGED: 7,
        Step.STRANGERS: 5,
    }


def test_rows_of_the_analysis_are_those_people_with_their_own_numbers() -> None:
    found = design()
    frame = found.frame.set_index("participant")
    people, scores, _ = ledger()
    wanted = [f"p{k:02d}" for k in range(40)] + ["left0", "left1"]
    assert list(frame.index) == wanted
    of = scores[scores["wave"] == "1"].set_index("participant")["total"]
    assert frame["total"].tolist() == of[wanted].tolist()
    # Ten sessions of eight due count as eight; four of eight reach the threshold of a half, three do not.
    assert frame.loc[["p03", "p04", "p08", "p09", "p10"], "done"].tolist() == [3, 4, 8, 8, 8]
    assert frame.loc[["p03", "p04", "p08"], "adherent_after"].tolist() == [False, True, True]
    assert (frame["use_before"] == people.set_index("participant").loc[wanted, "sessions_before"]).all()
    assert found.everyone["participant"].tolist() == [*wanted, "silent", "silent_left0", "silent_left1"]
    assert found.everyone["answered"].sum() == 42
    assert set(found.watched["participant"]) - set(found.everyone["participant"]) == {"no_age"}
    assert (found.wave, found.day, found.due, found.unit) == ("1", 28.0, 8.0, "sessions")
    assert found.adjusters[len(found.early) :] == ["age", "joined"]
    # Two and forty people bear two columns of early use beside a score and two others.
    assert found.early == ["use_before, log", "idle_at_landmark, log"]
    assert found.adjusted_for == ["use_before", "idle_at_landmark", "age", "joined"]


def test_thirty_people_are_analysed_and_twenty_nine_are_not() -> None:
    people, scores, covariates = ledger()
    for kept, enough in ((30, True), (29, False)):
        here = people[people["participant"].str.startswith("p")].head(kept)
        arguments = (summary(here), study(), None, covariates, ["total"], ["age"], "1")
        if enough:
            assert len(assemble(scores, *arguments).frame) == 30
        else:
            with pytest.raises(NotEstimableError, match="29 of 29 participants have a score"):
                assemble(scores, *arguments)


def test_an_adjuster_of_one_value_is_left_out_and_named() -> None:
    people, scores, covariates = ledger()
    covariates["clinic"], covariates["age"] = 4.5, covariates["age"].fillna(30)
    found = assemble(scores, summary(people), study(), None, covariates, ["total"], ["clinic", "age"], "1")
    assert "left out of the adjustment, since all have one value: clinic" in found.notes
    assert "age" in found.adjusters and "clinic" not in found.adjusters


def test_scores_of_one_wave_and_one_row_each_are_wanted() -> None:
    people, scores, covariates = ledger()
    arguments = (summary(people), study(), None, covariates, ["total"], ["age"])
    with pytest.raises(ResponseDataError, match="2 participants have several rows at wave '1': 'p00', 'p01'"):
        again = scores[scores["participant"].isin(["p00", "p01"])]
        assemble(pd.concat([scores, again]), *arguments, "1")
    with pytest.raises(ResponseDataError, match="nobody has a score at wave '2'; there are '1', '3'"):
        assemble(scores, *arguments, "2")
    with pytest.raises(ResponseDataError, match="the scores have no column 'total'"):
        assemble(scores.drop(columns="total"), *arguments, "1")
    with pytest.raises(NotEstimableError, match="no intended use is left"):
        assemble(scores, summary(people, intended_after=0.0), *arguments[1:], "1")


def test_a_wave_may_close_on_the_day_of_the_landmark_and_not_after_it() -> None:
    people, _, _ = ledger()
    assert refuse_overlap(study(), summary(people), None) == "1"
    late = study(landmark={"wave": 3, "day": 56})
    assert refuse_overlap(late, summary(people, landmark_day=56.0), "1") == "1"
    early = late.model_copy(update={"landmark": Landmark(wave=3, day=55)})
    with pytest.raises(DefinitionError, match="wave '3' closes on day 56, but use counts from day 55"):
        refuse_overlap(early, summary(people, landmark_day=55.0), None)
    with pytest.raises(DefinitionError, match="use was split at day 21, the landmark is day 28"):
        refuse_overlap(study(), summary(people, landmark_day=21.0), "1")
    with pytest.raises(DefinitionError, match="there is no wave '9'"):
        refuse_overlap(study(), summary(people), "9")


def test_a_rating_on_day_fourteen_is_late_enough() -> None:
    def of(day: int) -> Study:
        wave = {"id": 1, "label": "Start", "day": day, "opens": day, "closes": 28}
        return study(waves=[wave, *STUDY["waves"][1:]])

    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert early_rating(of(14), "1") == []
    with pytest.warns(ToolkitWarning, match="wave '1' lies on day 13, before the third week"):
        (said,) = early_rating(of(13), "1")
    assert said.startswith("wave '1' lies on day 13")


def test_outcomes_and_covariates_are_joined_by_person_and_nobody_is_lost() -> None:
    outcomes = pd.DataFrame({"participant": [1, 2], "mood": [5.0, 6.0], "enrolled": ["x", "y"]})
    covariates = pd.DataFrame({"participant": ["2", "3"], "age": [40.0, 50.0]})
    notes: list[str] = []
    people = pd.DataFrame({"participant": ["1", "2", "3"]})
    table, names = side_columns(
        study(covariates=["age", "income"]), outcomes, covariates, None, notes, people
    )
    assert table is not None
    table = table.sort_values("participant")
    assert table["participant"].tolist() == ["1", "2", "3"]
    assert table["mood"].fillna(-1).tolist() == [5, 6, -1] and table["age"].fillna(-1).tolist() == [
        -1,
        40,
        50,
    ]
    assert "enrolled" not in table
    assert names == ["age"] and notes == ["not adjusted for, since not in the data: income"]
    with pytest.raises(ResponseDataError, match="no column 'income' to adjust for"):
        side_columns(study(), outcomes, covariates, ["age", "income"], [], people)
    with pytest.raises(ResponseDataError, match="1 rows repeat a participant"):
        side_columns(study(), pd.concat([outcomes, outcomes.head(1)]), None, None, [], people)


TAKEN = [
    "done",
    "due",
    "seen",
    "watched",
    "answered",
    "use_before",
    "adherent_after",
    "joined",
    "total",
    "wave",
]


@pytest.mark.parametrize("name", TAKEN)
def test_a_covariate_called_like_a_column_of_the_analysis_is_never_taken_for_it(name: str) -> None:
    """Declared, `done` held the outcome itself constant, in silence; `joined` and `total` ended in KeyError."""
    people, scores, covariates = ledger()
    named = covariates.rename(columns={"age": name})
    with pytest.raises(ResponseDataError, match=f"covariates have columns called like .*{name!r}"):
        assemble(scores, summary(people), study(covariates=[name]), None, named, ["total"], None, "1")
    plain = assemble(scores, summary(people), study(), None, covariates, ["total"], None, "1")
    odd = assemble(scores, summary(people), study(), None, named, ["total"], None, "1")
    assert f"columns of covariates called like those of the analysis are left out: {name}" in odd.notes
    columns = ["participant", "total", *odd.adjusters, "done", "due", "answered"]
    pd.testing.assert_frame_equal(odd.frame[columns], plain.frame[columns])


def test_a_score_called_like_a_column_of_the_analysis_is_refused() -> None:
    """A theme `seen` became whether somebody was seen at the landmark."""
    people, scores, _ = ledger()
    named = scores.rename(columns={"total": "seen"})
    with pytest.raises(DefinitionError, match="scores are called like columns of the analysis: 'seen'"):
        assemble(named, summary(people), study(), None, None, ["seen"], None, "1")


def test_a_column_of_both_side_tables_is_one_where_it_says_the_same() -> None:
    """Pandas made age_x and age_y of it, and the declared age was "not in the data"."""
    people = pd.DataFrame({"participant": ["1", "2", "3"]})
    outcomes = pd.DataFrame({"participant": ["1", "2"], "age": [30.0, 40.0], "mood": [1, 2]})
    covariates = pd.DataFrame({"participant": ["2", "3"], "age": [40.0, 50.0]})
    notes: list[str] = []
    table, names = side_columns(study(covariates=["age"]), outcomes, covariates, None, notes, people)
    assert table is not None and names == ["age"] and notes == []
    assert table.sort_values("participant")["age"].tolist() == [30, 40, 50]
    other = covariates.assign(age=[41.0, 50.0])
    with pytest.raises(ResponseDataError, match="have a column 'age' each, and say different things"):
        side_columns(study(covariates=["age"]), outcomes, other, None, notes, people)


@pytest.mark.parametrize("written", ["as text", "with decimals", "as categories", "nullable"])
def test_a_covariate_is_held_constant_however_pandas_wrote_the_ids(written: str) -> None:
    """Before, ids with decimals joined nobody: everybody's covariate was missing, without a word."""
    people, scores, covariates = ledger()
    numbers = {name: float(k) for k, name in enumerate(people["participant"], start=1)}
    ways = {
        "as text": lambda ids: ids.map(lambda name: str(int(numbers[name]))),
        "with decimals": lambda ids: ids.map(numbers),
        "as categories": lambda ids: ids.map(numbers).astype("category"),
        "nullable": lambda ids: ids.map(numbers).astype("Float64"),
    }
    plain, odd = ways["as text"], ways[written]
    covariates = covariates[covariates["participant"].isin(list(numbers))]
    scores = scores[scores["participant"].isin(list(numbers))]
    people = people.assign(participant=plain(people["participant"]))
    first, second = (
        assemble(
            scores.assign(participant=way(scores["participant"])), summary(people), study(), None,
            covariates.assign(participant=way(covariates["participant"])), ["total"], ["age"], "1",
        ).frame
        for way in (plain, odd)
    )  # fmt: skip
    assert first["age"].notna().any()
    pd.testing.assert_frame_equal(first, second)


@pytest.mark.parametrize("what", ["outcomes", "covariates"])
def test_a_table_of_other_people_is_refused_and_ids_that_almost_match_are_told(what: str) -> None:
    people = pd.DataFrame({"participant": ["p1", "p2", "p3"]})

    def joined(*ids: str) -> None:
        table = pd.DataFrame({"participant": ids, "age": range(len(ids))})
        tables = (table, None) if what == "outcomes" else (None, table)
        side_columns(study(), *tables, ["age"], [], people)

    said = rf"none of the 2 people of the table of {what} is among the 3 whose use is known\.\nHint: "
    with pytest.raises(ResponseDataError, match=said + "write the participant ids alike in both\\."):
        joined("x", "y")
    with pytest.raises(ResponseDataError, match=r"alike in both \(capitals\)\."):
        joined("P1", "P2")
    with pytest.warns(
        ToolkitWarning, match=f"1 of 3 people whose use is known .* of {what} but for capitals"
    ):
        joined("P1", "p2")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        joined("p1")  # who has no row is missing, as before
        joined("p1", "p9")
        people = pd.DataFrame({"participant": [f"p{k}" for k in range(100)]})
        joined(
            "P0", "P1", "P2", "P3", "P4", *people["participant"][5:]
        )  # one in twenty is not more than one in twenty
    with pytest.warns(ToolkitWarning, match="6 of 100 people"):
        joined("P0", "P1", "P2", "P3", "P4", "P5", *people["participant"][6:])


def test_the_flow_says_who_stands_at_its_start() -> None:
    counts = {Step.ENROLLED: 5, Step.STRANGERS: 1}
    table = flow_table(counts)
    assert table.to_dict("list") == {
        "id": ["enrolled", "strangers"],
        "step": ["enrolled", "scored, but not among the enrolled"],
        "n": [5, 1],
    }
    assert flow_table(counts, "people in the log")["step"].tolist() == [
        "people in the log",
        "scored, but not among them",
    ]
    assert people_at(table) == counts
    assert set(LABELS) == set(Step)


ENDS = pd.DataFrame(
    [  # reason, at risk, silent to the end, last day of use, day withdrawn, last day watched -> end, days after 28
        ("well", True, True, 40.0, np.nan, 84.0, 2, 26.0),  # silent for 14 days
        ("bored", True, True, 35.0, np.nan, 84.0, 1, 21.0),
        (None, True, True, 35.0, np.nan, 84.0, 3, 21.0),
        ("well", True, False, 59.0, 60.0, 60.0, 2, 32.0),  # withdrew on the last day watched
        ("well", True, False, 59.0, 61.0, 60.0, 0, 32.0),  # not seen to withdraw
        (None, True, False, 59.0, 60.0, 60.0, 0, 32.0),
        ("well", False, True, 10.0, np.nan, 84.0, 0, np.nan),
        (None, True, False, 80.0, np.nan, 84.0, 0, 56.0),
    ],
    columns=[
        "reason",
        "at_risk",
        "last_use_is_end",
        "last_use_day",
        "withdrawn_day",
        "end_day",
        "wanted",
        "after",
    ],
)


def test_how_use_ended_is_told_by_the_reasons_of_the_study() -> None:
    notes: list[str] = []
    found = with_ends(ENDS, ["well"], notes, 28.0, 14.0)
    assert found["end_of_use"].tolist() == ENDS["wanted"].tolist()
    np.testing.assert_array_equal(found["ended_after"], ENDS["after"])
    assert notes == ["of 4 people whose use ended 1 gave no reason: an end of its own"]
    assert "end_of_use" not in with_ends(ENDS.assign(reason=None), ["well"], [], 28.0, 14.0)
    assert "end_of_use" not in with_ends(ENDS, None, notes, 28.0, 14.0) and "ends_well" in notes[-1]
    quiet: list[str] = []
    with_ends(ENDS[ENDS["reason"].notna()], ["well"], quiet, 28.0, 14.0)
    assert quiet == []


def test_incidence_is_that_of_those_at_risk() -> None:
    frame = pd.DataFrame(
        {
            "at_risk": [True] * 4 + [False],
            "ended_after": [1.0, 2, 3, 4, 1],
            "end_of_use": [1, 2, 1, 0, 2],
        }
    )
    found = incidence_of(frame, 0.95)
    last = found.groupby(found.columns[0], sort=False).last()
    assert sorted(last["incidence"].round(12)) == [0.25, 0.5]
    assert incidence_of(frame.drop(columns="end_of_use"), 0.95).empty
    assert incidence_of(frame.assign(at_risk=False), 0.95).empty


def test_columns_of_early_use_that_the_data_bear() -> None:
    assert [how_many(7, 1, people=n) for n in (15, 59, 60, 74, 75, 200)] == [2, 2, 3, 3, 4, 7]
    assert [how_many(7, 1, people=200, events=n) for n in (30, 39, 40, 49, 50, 200)] == [2, 2, 3, 3, 4, 7]
    assert how_many(7, 1, people=60, events=500) == 3
    assert how_many(1, 1, people=15) == 1


def test_early_use_is_logarithms_first_and_idle_days_stop_at_the_gap() -> None:
    draw = np.random.default_rng(1)
    frame = pd.DataFrame(
        {
            "use_before": draw.integers(0, 40, 80),
            "active_days_before": draw.integers(0, 20, 80),
            "idle_at_landmark": draw.integers(0, 28, 80),
        },
        index=range(100, 180),
    )
    analysed = np.arange(80) < 60
    found = early_use(frame, analysed, 14)
    names = list(found.columns)
    assert names[:4] == [
        "use_before, log",
        "idle_at_landmark, log",
        "use_before, curve 1",
        "active_days_before, log",
    ]
    np.testing.assert_allclose(found.columns["use_before, log"], np.log1p(frame["use_before"]))
    np.testing.assert_allclose(
        found.columns["idle_at_landmark, log"], np.log1p(frame["idle_at_landmark"].clip(upper=14))
    )
    assert list(found.columns.index) == list(frame.index)
    assert found.described(["use_before, log", "idle_at_landmark, log"]) == ["use_before", "idle_at_landmark"]
    one = early_use(frame.assign(idle_at_landmark=3), analysed, 14)  # says nothing
    assert "idle_at_landmark, log" not in one.columns
    twin = early_use(frame.assign(active_days_before=frame["use_before"]), analysed, 14)  # says it twice
    assert not [name for name in twin.columns if name.startswith("active_days_before")]


def test_the_day_of_the_first_use_counts_where_eight_began_late() -> None:
    draw = np.random.default_rng(2)
    begun = np.where(np.arange(80) < 8, 7.0, draw.uniform(0, 6.9, 80))
    begun[79] = np.nan  # never came
    frame = pd.DataFrame(
        {
            "use_before": draw.integers(1, 40, 80),
            "active_days_before": draw.integers(1, 20, 80),
            "idle_at_landmark": draw.integers(0, 28, 80),
            "first_use_before": begun,
        }
    )
    found = early_use(frame, np.arange(80) < 70, 14)
    names = list(found.columns)
    assert names[2] == "first_use_before, day"
    expected = frame["first_use_before"].fillna(frame["idle_at_landmark"])
    np.testing.assert_allclose(found.columns[names[2]], expected)
    assert "first_use_before" in found.described(names)
    for changed, analysed in ((begun - 1e-9, np.arange(80) < 70), (begun, np.arange(80) > 0)):
        fewer = early_use(frame.assign(first_use_before=changed), analysed & (np.arange(80) < 70), 14)
        assert names[2] not in fewer.columns


def test_calendar_time_needs_everybodys_day_and_more_than_one() -> None:
    joined = np.arange(200.0)
    everyone = np.ones(200, dtype=bool)
    assert list(calendar(joined, everyone, bent=False)) == ["joined"]
    assert list(calendar(joined, everyone, bent=True)) == ["joined", "joined, curve 1", "joined, curve 2"]
    assert calendar(np.where(joined == 7, np.nan, joined), everyone, bent=True) == {}
    assert calendar(np.zeros(200), everyone, bent=True) == {}
    assert list(calendar(np.arange(200.0) % 5 // 4, everyone, bent=True)) == ["joined"]
    assert calendar(np.where(everyone, 0.5 * (joined % 2), 0), everyone, bent=False) == {}


def test_knots_lie_at_the_percentiles_of_the_book() -> None:
    assert KNOTS_AT == {3: (0.1, 0.5, 0.9), 4: (0.05, 0.35, 0.65, 0.95), 5: (0.05, 0.275, 0.5, 0.725, 0.95)}
    np.testing.assert_allclose(knots_of(np.arange(101.0)), [5, 35, 65, 95])
    few = np.repeat([0.0, 1, 2], [20, 20, 20])
    np.testing.assert_allclose(knots_of(few), [0, 1, 2])
    with pytest.raises(NotEstimableError, match="too few distinct values"):
        knots_of(np.repeat([0.0, 1], [40, 20]))


@pytest.mark.parametrize(
    ("values", "code"),
    [
        ([1, 2] * 20, False),
        ([1, 2, 3] * 20, True),
        ([1, 2, 2.5] * 20, False),
        (list(range(1, 41)), False),
        ([1, 2, 3, None] * 20, True),
    ],
)
def test_whole_numbers_of_few_values_are_names(values: list[float], code: bool) -> None:
    assert is_code(pd.Series(values, dtype=float)) is code


def test_labels_become_a_column_per_level_after_the_first() -> None:
    frame = pd.DataFrame(
        {"sex": ["f", "m", None, "x", "f"] * 9, "site": [7.0, 8, 9, 8, 7] * 9, "age": range(45)}
    )
    coded, names, codes = coded_columns(frame, ["sex", "site", "age"])
    assert names == ["sex:m", "sex:x", "site:8", "site:9", "age"] and codes == ["site"]
    assert coded["sex:m"].head(5).fillna(-1).tolist() == [0, 1, -1, 0, 0]
    assert coded["sex:x"].head(5).fillna(-1).tolist() == [0, 0, -1, 1, 0]
    assert coded["site:8"].head(5).tolist() == [0, 1, 0, 1, 0]
    assert coded_columns(frame, ["site"], {"site"})[1:] == (["site"], [])


def test_columns_that_repeat_others_are_left_out_with_a_sentence() -> None:
    draw = np.random.default_rng(5)
    frame = pd.DataFrame(draw.normal(size=(300, 3)), columns=["score", "a", "b"])
    frame["like_score"] = -frame["score"] + 0.01 * draw.normal(size=300)
    frame["like_a"] = frame["a"] + 0.01 * draw.normal(size=300)
    frame["sum"] = frame["a"] + frame["b"]
    frame["near"] = frame["a"] + 0.3 * draw.normal(size=300)
    kept, said = without_repeats(frame, ["score"], ["like_score", "a", "b", "like_a", "sum", "near"])
    assert kept == ["a", "b", "near"]
    assert said == [
        "left out of the adjustment: like_score repeats the score score (correlation −1.000)",
        "left out of the adjustment: like_a repeats a (correlation 1.000)",
        "left out of the adjustment: sum is a sum of other columns held constant",
    ]
    apart = own_share(frame["near"].to_numpy(), frame[["a"]].to_numpy())
    assert apart == pytest.approx(1 - np.corrcoef(frame["near"], frame["a"])[0, 1] ** 2, abs=1e-12)
    plane = np.array([[1.0, 0], [0, 2], [0, 0]])
    assert condition_number(plane) == pytest.approx(1.0)
    assert condition_number(np.array([[1.0, 1], [0, 1]])) == pytest.approx(1 + np.sqrt(2))


def log(days: dict[str, list[float]]) -> pd.DataFrame:
    """One session at each day after enrolment."""
    start = pd.Timestamp("2026-01-01T00:00:00Z")
    rows = [
        {"participant": name, "at": (start + pd.Timedelta(days=day)).isoformat(), "kind": "session"}
        for name, those in days.items()
        for day in those
    ]
    return pd.DataFrame(rows)


def test_use_is_counted_from_the_close_of_a_wave_to_that_of_the_next() -> None:
    enrolled = pd.DataFrame(
        {
            "participant": ["a", "b", "c"],
            "enrolled": "2026-01-01T00:00:00Z",
            "withdrawn": [None, "2026-02-20T00:00:00Z", None],  # day 50
        }
    )
    # a: 2 before day 28, 3 until day 56 where 4 weeks are due, 5 after; b leaves; c only before.
    events = log({"a": [1, 8, 29, 36, 43, 57, 60, 64, 71, 78], "b": [2, 30, 31], "c": [5]})
    found = use_by_window(events, study(observed_until="2026-12-31"), participants=enrolled)
    assert found.table.to_dict("list") == {
        "wave": ["1", "3"],
        "from_day": [28, 56],
        "to_day": [56, 84],
        "due": [4, 4],
        "people": [3, 3],
        "not_watched": [0, 1],
        "nothing_due": [0, 0],
    }
    use = found.use.set_index(["participant", "wave"])
    assert sorted(use.index) == [("a", "1"), ("a", "3"), ("b", "1"), ("c", "1"), ("c", "3")]
    assert use.loc[("a", "1"), ["done", "due", "percent"]].tolist() == [3, 4, 75]
    assert use.loc[("a", "3"), ["done", "due", "percent"]].tolist() == [5, 4, 100]
    assert use.loc[("c", "1"), ["done", "percent"]].tolist() == [0, 0]
    assert use.loc[("b", "1"), "done"] == 2 and use.loc[("b", "1"), "due"] < 4
    assert use["use_before"].to_dict() == {
        ("a", "1"): 2,
        ("b", "1"): 1,
        ("c", "1"): 1,
        ("a", "3"): 2,
        ("c", "3"): 1,
    }
    assert use["active_days_before"].loc["a"].tolist() == [2, 2]
    assert use["idle_at_landmark"].loc["c"].tolist() == pytest.approx([23, 23])
    waves = [STUDY["waves"][0], STUDY["waves"][1], STUDY["waves"][2] | {"opens": 27}]
    with pytest.raises(DefinitionError, match="wave '3' opens on day 27, before '1' closes"):
        use_by_window(events, study(waves=waves), participants=enrolled)
    touching = [STUDY["waves"][0], STUDY["waves"][2] | {"opens": 28, "day": 30}]
    assert len(use_by_window(events, study(waves=touching), participants=enrolled).table) == 2
    with pytest.raises(NotEstimableError, match="1 main waves are followed by intended use"):
        use_by_window(events, study(waves=STUDY["waves"][:2]), participants=enrolled)


def test_a_chain_is_refused_only_where_a_step_comes_too_early() -> None:
    waves = [
        {"id": 1, "label": "Context", "day": 14, "opens": 14, "closes": 21},
        {"id": 2, "label": "Alliance", "day": 21, "opens": 21, "closes": 27},
    ]
    plan = study(waves=waves, landmark={"wave": 2, "day": 28})
    rows, notes = refuse_disorder(plan, "2", "1", 84, context=True, outcome=True)
    assert rows.fillna(-1).to_numpy().tolist() == [
        ["context", 14, 21, "yes"],
        ["alliance", 21, 27, "yes"],
        ["later use", 28, 84, "yes"],
        ["outcome", 84, 84, ""],
    ]
    assert notes == []
    rows, notes = refuse_disorder(plan, "2", None, None, context=True, outcome=True)
    assert rows["before_next"].tolist() == ["no", "yes", "open", ""] and len(notes) == 2
    rows, _ = refuse_disorder(plan, "2", None, None, context=False, outcome=False)
    assert rows["before_next"].tolist() == ["yes", ""]
    with pytest.raises(DefinitionError, match="the outcome of day 83 lies before day 84"):
        refuse_disorder(plan, "2", "1", 83, context=True, outcome=True)
    late = study(waves=[waves[0] | {"closes": 22}, waves[1]], landmark={"wave": 2, "day": 28})
    with pytest.raises(
        DefinitionError, match="context of wave '1' closes on day 22, alliance opens on day 21"
    ):
        refuse_disorder(late, "2", "1", 84, context=True, outcome=True)
    with pytest.raises(DefinitionError, match="there is no wave '7'"):
        refuse_disorder(plan, "2", "7", 84, context=True, outcome=True)


def test_families_are_adjusted_within_each_family_only() -> None:
    p = np.array([0.01, 0.04, 0.03, 0.2, 0.03])
    table = pd.DataFrame({"pvalue": p, "model": ["a", "b", "a", "b", "a"]})
    found = adjust_within(table, ["model"])
    np.testing.assert_allclose(found["p_adjusted"], [0.03, 0.08, 0.06, 0.2, 0.06])
    np.testing.assert_allclose(found["p_adjusted_bh"], [0.03, 0.08, 0.03, 0.2, 0.03])
    assert "p_adjusted" not in table


def test_e_values_by_the_formulas_of_the_paper() -> None:
    assert e_value(2.0, "risk") == pytest.approx(2 + np.sqrt(2))
    assert e_value(0.5, "risk") == pytest.approx(2 + np.sqrt(2))
    assert e_value(4.0, "odds") == pytest.approx(2 + np.sqrt(2))
    rr = (1 - 0.5 ** np.sqrt(2)) / (1 - 0.5 ** np.sqrt(0.5))
    assert e_value(2.0, "hazard") == pytest.approx(rr + np.sqrt(rr * (rr - 1)))
    rr = np.exp(0.91 * 0.5)
    assert e_value(0.5, "difference") == pytest.approx(rr + np.sqrt(rr * (rr - 1)))
    assert e_value_of_limit(1.0, 3.0, "risk") == 1.0 and e_value_of_limit(0.2, 1.0, "risk") == 1.0
    assert e_value_of_limit(2.0, 5.0, "risk") == pytest.approx(2 + np.sqrt(2))
    assert e_value_of_limit(0.1, 0.5, "risk") == pytest.approx(2 + np.sqrt(2))
    assert e_value_of_limit(-0.1, 0.5, "difference") == 1.0
    assert e_value_of_limit(0.5, 0.9, "difference") == pytest.approx(e_value(0.5, "difference"))
    assert e_value_of_limit(-0.9, -0.5, "difference") == pytest.approx(e_value(0.5, "difference"))


def fitted() -> Fit:
    covariance = np.array([[0.04, 0.0], [0.0, 0.09]])
    return Fit(
        coefficients=np.array([1.0, -0.6]),
        covariance=covariance,
        dispersion=1.5,
        df_resid=20.0,
        log_likelihood=-3.0,
        n=23,
    )


def test_rows_of_results_hold_the_numbers_of_the_fit() -> None:
    t = float(stats.t.ppf(0.95, 20))
    first, second = coefficient_rows("m", "total", ["(constant)", "total"], fitted(), 0.9)
    assert (first["term"], first["estimate"], first["se"]) == ("(constant)", 1.0, pytest.approx(0.2))
    assert second["ci_lower"] == pytest.approx(-0.6 - 0.3 * t) and second["ci_upper"] == pytest.approx(
        -0.6 + 0.3 * t
    )
    assert second["pvalue"] == pytest.approx(2 * stats.t.sf(2, 20)) and second["dispersion"] == 1.5
    row = effect_row("m", "total", fitted(), 1, 0.9, Reported(measure="odds ratio", e_kind="odds", events=4))
    assert row["n"] == 23 and row["events"] == 4
    assert row["ratio"] == pytest.approx(np.exp(-0.6))
    assert (row["ci_lower"], row["ci_upper"]) == pytest.approx(
        (np.exp(-0.6 - 0.3 * t), np.exp(-0.6 + 0.3 * t))
    )
    assert row["e_value"] == pytest.approx(e_value(np.exp(-0.6), "odds"))
    assert row["e_value_limit"] == pytest.approx(e_value(np.exp(-0.6 + 0.3 * t), "odds"))
    assert np.isnan([row["effect"], row["effect_lower"], row["effect_upper"]]).all()
    how = Reported(
        measure="difference", e_kind="difference", effect=(1.0, 0.5, 2.0), unit="points", spread=2.0
    )
    row = effect_row("m", "total", fitted(), 1, 0.9, how)
    assert row["ratio"] == -0.6 and row["unit"] == "points"
    assert (row["effect"], row["effect_lower"], row["effect_upper"]) == (1.0, 0.5, 2.0)
    assert row["e_value"] == pytest.approx(e_value(-0.3, "difference"))
    assert row["e_value_limit"] == pytest.approx(e_value((-0.6 + 0.3 * t) / 2, "difference"))


def test_area_under_the_curve_is_the_share_of_pairs_in_order() -> None:
    score = np.array([1.0, 2, 2, 3, 4, 4, 5])
    reached = np.array([False, False, True, False, True, True, True])
    pairs = [(h > w) + 0.5 * (h == w) for h in score[reached] for w in score[~reached]]
    area, low, high = area_under_curve(score, reached, 0.9)
    assert area == pytest.approx(np.mean(pairs))
    table = np.array(pairs).reshape(4, 3)
    spread = table.mean(axis=1).var(ddof=1) / 4 + table.mean(axis=0).var(ddof=1) / 3
    half = stats.norm.ppf(0.95) * np.sqrt(spread)
    assert low == pytest.approx(area - half) and high == pytest.approx(min(1, area + half))


def test_ten_people_on_the_rarer_side_are_enough() -> None:
    design = np.column_stack([np.ones(40), np.tile([0.0, 1, 2, 3], 10)])
    for few in (np.arange(40) < 10, np.arange(40) >= 10):
        assert logistic(design, few).n == 40
    for few in (np.arange(40) < 9, np.arange(40) >= 9):
        with pytest.raises(NotEstimableError, match="9 of 40 people are on the rarer side"):
            logistic(design, few)


def test_calibration_by_hand() -> None:
    x = np.array([-2.0, -1, 0, 1, 2, 3, 4, 5])
    reached = np.array([False, False, True, False, True, True, False, True])
    design = np.column_stack([np.ones(8), x])
    line = design @ np.array([-0.5, 0.4])
    p = 1 / (1 + np.exp(-line))
    likelihood = float(np.where(reached, np.log(p), np.log(1 - p)).sum())
    fit = Fit(
        coefficients=np.array([-0.5, 0.4]),
        covariance=np.eye(2),
        dispersion=1.0,
        df_resid=np.inf,
        log_likelihood=likelihood,
        n=8,
    )
    found = calibration(fit, design, reached)
    chisq = 2 * (likelihood - 8 * np.log(0.5))
    assert found == {
        "brier": pytest.approx(np.mean((p - reached) ** 2)),
        "expected_slope": pytest.approx((chisq - 1) / chisq),
    }
    table = calibration_table(fit, design, reached, groups=4)
    assert table["group"].tolist() == [1, 2, 3, 4] and table["n"].tolist() == [2, 2, 2, 2]
    np.testing.assert_allclose(table["expected"], p.reshape(4, 2).mean(axis=1))
    assert table["observed"].tolist() == [0, 0.5, 1, 0.5]


def test_thirds_keep_ties_together_and_the_risk_table_counts_at_its_ticks() -> None:
    place = thirds(pd.Series([1.0, 2, 2, 3, 4, 5]), "total")
    assert [name.split()[0] for name in place] == [
        "lowest",
        "lowest",
        "lowest",
        "middle",
        "highest",
        "highest",
    ]
    assert place[3] == "middle third of total"
    curves = kaplan_meier(
        np.array([5.0, 14, 20, 30]), np.array([True, False, True, False]), np.array(["g"] * 4, dtype=object)
    )
    assert curves["at_risk"].tolist() == [4, 4, 3, 2, 1] and curves["events"].tolist() == [0, 1, 0, 1, 0]
    np.testing.assert_allclose(curves["surviving"], [1, 0.75, 0.75, 0.375, 0.375])
    assert risk_table(curves).to_numpy().tolist() == [["g", 0, 4], ["g", 14, 3], ["g", 28, 1]]
    assert list(risk_table(curves.head(0)).columns) == ["group", "time", "at_risk"]


def test_routes_are_multiplied_and_added_up() -> None:
    routes = all_routes(4)
    assert routes[:6] == [(0, 1), (0, 2), (0, 3), (1, 2), (1, 3), (2, 3)] and len(routes) == 11
    slopes = np.zeros((1, 4, 4))
    for j, i, value in ((1, 0, 2.0), (2, 0, 3.0), (3, 0, 5.0), (2, 1, 7.0), (3, 1, 11.0), (3, 2, 13.0)):
        slopes[0, j, i] = value
    strength = strength_of(slopes, routes)[0]
    by_route = dict(zip(routes, strength, strict=True))
    assert by_route[0, 1, 2, 3] == 2 * 7 * 13 and by_route[0, 2, 3] == 3 * 13
    rows, matrix = sums_of(routes)
    sums = dict(zip(rows[len(routes) :], (matrix @ strength)[len(routes) :], strict=True))
    assert sums == {
        ("total", 0, 2): 3 + 14,
        ("all indirect", 0, 3): 22 + 39 + 182,
        ("total", 0, 3): 5 + 22 + 39 + 182,
        ("total", 1, 3): 11 + 91,
    }


def test_differences_from_the_mean_by_hand() -> None:
    estimate, spread = np.array([1.0, 2.0, 6.0]), np.diag([0.1, 0.2, 0.3])
    found = compare_with_mean(estimate, spread, df=30.0, level=0.9)
    np.testing.assert_allclose(found.difference, [-2, -1, 3])
    se = np.sqrt([(4 * 0.1 + 0.2 + 0.3) / 9, (0.1 + 4 * 0.2 + 0.3) / 9, (0.1 + 0.2 + 4 * 0.3) / 9])
    np.testing.assert_allclose(found.se, se)
    criterion = stats.t.ppf(1 - 0.1 / 6, 30)
    assert found.criterion == pytest.approx(criterion)
    np.testing.assert_allclose(found.lower, found.difference - criterion * se)
    contrast = np.array([[1.0, -1, 0], [1, 0, -1]])
    d = contrast @ estimate
    wald = d @ np.linalg.solve(contrast @ spread @ contrast.T, d)
    assert found.pvalue == pytest.approx(stats.f.sf(wald / 2, 2, 30))
    assert compare_with_mean(estimate, spread).pvalue == pytest.approx(stats.chi2.sf(wald, 2))
    assert found.sides == ["lower", "not told apart" if found.upper[1] >= 0 else "lower", "higher"]


def test_a_shorter_watch_is_held_constant_where_eight_people_had_one() -> None:
    assert landmark._some_shorter(pd.Series([10.0] * 8 + [20.0] * 30))
    assert not landmark._some_shorter(pd.Series([10.0] * 7 + [20.0] * 30))
    assert not landmark._some_shorter(pd.Series([20.0] * 30))


def test_a_column_is_bearable_where_both_of_its_sides_did_something_and_not_all() -> None:
    mine = pd.DataFrame({"done": [0.0, 0.0, 3.0, 4.0, 2.0, 0.0], "due": [4.0, 4.0, 4.0, 4.0, 4.0, 4.0]})

    def bearable(*column: float) -> bool:
        return landmark._bearable(np.array(column, dtype=float), mine)

    assert bearable(0, 1, 0, 1, 0, 1)
    assert not bearable(1, 1, 0, 0, 0, 0) and not bearable(0, 0, 1, 1, 1, 1)  # one side did nothing
    assert not bearable(0, 0, 0, 1, 0, 0)  # one side did all
    assert bearable(0, 1, 2, 2, 2, 2)  # no side: an amount


def test_columns_are_groups_from_eight_of_three_or_where_half_share_theirs() -> None:
    n = 48
    k = np.arange(n)
    alone = [f"own {j}" for j in k]
    raw = pd.DataFrame(
        {
            "clinic": [f"c{j}" for j in k % 8],
            "ward": [f"w{j}" for j in k % 7],  # too few
            "code": k % 16,  # sixteen of three
            "fine": k % 17,  # more than a third as many as people
            "years": k % 16 + 0.5,
            "home": [f"h{j // 2}" if j < 24 else alone[j] for j in k],  # half in pairs
            "flat": [f"h{j // 2}" if j < 22 else alone[j] for j in k],
            "name": alone,
            "gaps": [f"c{j % 8}" if j < 40 else None for j in k],
            "declared": k % 8,
            "eight": k % 8,
        }
    )
    found = landmark._groupings(raw, {"declared"})
    assert list(found) == ["clinic", "code", "home", "gaps", "eight"]
    assert found["clinic"].count == 8 and found["home"].count == 12 + 24
    assert found["gaps"].count == 8 + 8  # who has no label stands alone


def test_labels_of_clusters_are_those_of_the_covariates_first() -> None:
    covariates = pd.DataFrame({"participant": [1.0, 2.0, 3.0], "clinic": ["a", None, "b"]})
    outcomes = pd.DataFrame({"participant": ["1"], "clinic": ["z"], "ward": ["w"]})
    found = landmark.labels_of("clinic", outcomes, covariates)
    assert found is not None and found.to_dict() == {"1": "a", "3": "b"}
    ward = landmark.labels_of("ward", outcomes, covariates)
    assert ward is not None and ward.to_dict() == {"1": "w"}
    assert landmark.labels_of(None, outcomes, covariates) is landmark.labels_of("x", None, covariates) is None


def test_part_of_a_session_that_was_due_can_be_done_whole() -> None:
    people, scores, covariates = ledger()
    first = people["participant"].isin(["p03", "p04"])
    people.loc[first, "intended_after"], people.loc[people["participant"] == "p03", "sessions_after"] = (
        0.5,
        0.5,
    )
    people.loc[people["participant"] == "p04", "sessions_after"] = 0.2
    found = assemble(scores, summary(people), study(), None, covariates, ["total"], ["age"], "1")
    rows = found.frame.set_index("participant").loc[["p03", "p04"]]
    assert rows["done"].tolist() == [0.5, 0.2] and rows["due"].tolist() == [0.5, 0.5]
    assert rows["adherent_after"].tolist() == [True, False]


def test_ids_of_people_meet_their_scores_with_and_without_decimals() -> None:
    people, scores, covariates = ledger()
    number = {name: k for k, name in enumerate(scores["participant"].unique(), start=1)}
    number |= {name: 1000 + k for k, name in enumerate(people["participant"]) if name not in number}
    turned = [table.assign(participant=table["participant"].map(number)) for table in (scores, covariates)]
    used = people.assign(participant=people["participant"].map(number).astype(float))
    found = assemble(turned[0], summary(used), study(), None, turned[1], ["total"], ["age"], "1")
    assert people_at(found.flow) == people_at(design().flow)


@pytest.mark.parametrize(("clinics", "few"), [(FEW_CLUSTERS - 1, True), (FEW_CLUSTERS, False)])
def test_few_clusters_are_noted_and_who_is_watched_has_one_too(clinics: int, few: bool) -> None:
    people, scores, covariates = ledger()
    covariates["clinic"] = [f"c{k % clinics}" for k in range(len(covariates))]
    found = assemble(
        scores, summary(people), study(), None, covariates, ["total"], ["age"], "1", cluster="clinic"
    )
    assert found.clusters is not None and found.watched_clusters is not None
    noted = [note for note in found.notes if "clusters (clinic) are few" in note]
    assert bool(noted) is few and found.clusters.count == clinics
    assert len(found.clusters.of_row) == len(found.frame) == 42
    assert len(found.watched_clusters.of_row) == len(found.watched) == 46  # with those without score or age


def test_a_person_lost_in_two_ways_is_counted_with_the_first() -> None:
    """Without a score and a covariate: no score; idle, with nothing due any more: had left, and nothing due."""
    people, scores, covariates = ledger()
    plain = people.iloc[0].to_dict() | {"disengaged": True, "joined": 0.0}
    more = [
        plain | {"participant": "neither"},
        plain | {"participant": "left_late", "at_risk": False, "intended_after": 0.0, "end_day": 30.0},
        plain | {"participant": "back", "at_risk": False, "sessions_after": 2.0},
        plain | {"participant": "through", "intended_after": 0.0, "end_day": 30.0},  # and without a score
    ]
    scores = pd.concat(
        [scores, pd.DataFrame({"participant": ["left_late", "back"], "wave": "1", "total": 3.0})],
        ignore_index=True,
    )
    scores["wave"] = scores["wave"].astype(float)  # a file with gaps makes 1 to 1.0
    everyone = pd.concat([people, pd.DataFrame(more)], ignore_index=True)
    ages = pd.concat(
        [covariates, pd.DataFrame({"participant": ["left_late", "back"], "age": [30.0, 31.0]})],
        ignore_index=True,
    )
    found = assemble(scores, summary(everyone), study(), None, ages, ["total"], ["age"], "1")
    counts, before = people_at(found.flow), people_at(design().flow)
    moved = {step: counts[step] - before[step] for step in counts if counts[step] != before[step]}
    assert moved == {
        Step.ENROLLED: 4,
        Step.HAD_LEFT: 2,
        Step.CAME_BACK: 1,
        Step.NOTHING_DUE: 2,
        Step.NO_SCORE: 1,
        Step.ANALYSED: 1,
        Step.ANALYSED_LEFT: 1,
        Step.DISENGAGED: 1,
    }
    lost = (Step.WITHDRAWN, Step.UNWATCHED, Step.NOTHING_DUE, Step.NO_SCORE, Step.NO_COVARIATE)
    assert counts[Step.ENROLLED] == counts[Step.ANALYSED] + sum(counts[step] for step in lost)
    assert counts[Step.ANALYSED] == counts[Step.ANALYSED_LEFT] + counts[Step.ANALYSED_TIME]


def test_a_column_that_nobody_asked_for_may_say_different_things_and_is_that_of_the_outcomes_first() -> None:
    people = pd.DataFrame({"participant": ["1", "2", "3"]})
    outcomes = pd.DataFrame({"participant": ["1", "2"], "note": ["a", None]})
    covariates = pd.DataFrame(
        {"participant": ["1", "2", "3"], "note": ["x", "y", "z"], "age": [1.0, 2.0, 3.0]}
    )
    table, names = side_columns(study(covariates=["age"]), outcomes, covariates, None, [], people)
    assert table is not None and names == ["age"]
    rows = table.set_index("participant").sort_index()
    assert rows["note"].tolist() == ["a", "y", "z"] and rows["age"].tolist() == [1.0, 2.0, 3.0]


def test_the_unrelated_feature_is_called_as_the_study_calls_it_where_the_log_holds_it() -> None:
    frame = pd.DataFrame({"unrelated_after": [1.0]})
    named = study(unrelated_kind="radio_play", labels={"radio_play": "Radio"})
    assert landmark._unrelated(named, frame) == "Radio"
    assert landmark._unrelated(study(unrelated_kind="radio_play"), frame) == "radio play"
    assert landmark._unrelated(named, frame[[]]) == landmark._unrelated(study(), frame) == ""


def test_who_withdraws_is_a_doubt_where_it_goes_with_the_score_and_moves_the_estimate() -> None:
    def doubtful(pvalue: float, change: float, level: float = 0.95) -> bool:
        return Watch(gone=9, pvalue=pvalue, change=change).doubtful(level)

    assert doubtful(0.04, MOVED + 0.01) and doubtful(0.04, -MOVED - 0.01)
    assert not doubtful(0.04, MOVED) and not doubtful(0.06, 9.0) and doubtful(0.06, 9.0, 0.9)
    assert doubtful(0.04, float("nan"))  # with it held constant there is no solution
    assert not doubtful(float("nan"), float("nan"))


def test_whether_there_was_any_use_counts_where_eight_had_none_and_eight_had_some() -> None:
    draw = np.random.default_rng(4)

    def columns(never: int, n: int = 80) -> pd.DataFrame:
        count, days = draw.integers(1, 40, n), draw.integers(1, 20, n)
        count[:never] = days[:never] = 0
        count[never : never + 2] = 0  # came, and did nothing that counts
        frame = pd.DataFrame({"use_before": count, "active_days_before": days})
        return early_use(
            frame.assign(idle_at_landmark=draw.integers(0, 28, n)), np.ones(n, dtype=bool), 14
        ).columns

    assert columns(8)["use_before, none"].tolist() == [1.0] * 8 + [0.0] * 72
    assert "use_before, none" not in columns(7) and "use_before, none" not in columns(73)


def test_winters_are_those_of_the_people_analysed() -> None:
    joined = np.concatenate([np.linspace(0, 299, 150), [900.0]])
    analysed = joined < 900
    assert not [name for name in calendar(joined, analysed, bent=True) if "season" in name]
    longer = np.concatenate([np.linspace(0, 300, 150), [900.0]])
    found = calendar(longer, analysed, bent=True)
    turn = 2 * np.pi * longer / 365.25
    np.testing.assert_allclose(found["joined, season 1"], np.sin(turn))
    np.testing.assert_allclose(found["joined, season 2"], np.cos(turn))
    assert not [name for name in calendar(longer, analysed, bent=False) if "season" in name]


def test_a_column_that_tells_the_idle_apart_is_the_last_that_is_left_out() -> None:
    draw = np.random.default_rng(6)
    n = 60
    due, done = np.full(n, 8.0), draw.integers(0, 9, n).astype(float)
    idle = np.arange(n) < 6
    done[idle] = 0.0
    early = pd.DataFrame({"first": draw.normal(size=n), "second": draw.normal(size=n), "idle": idle * 1.0})
    others = draw.normal(size=(n, 1))
    assert bearable(early, others, done, due) == (["first", "second"], ["idle"])
    assert bearable(early[["first", "second"]], others, done, due) == (["first", "second"], [])
