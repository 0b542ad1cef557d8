"""Counts, edges and joins of the adherence analysis against a ledger of people made by hand."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import pandas as pd
import pytest

from analysis.adherence.design import landmark
from analysis.adherence.design.landmark import (
    LandmarkDesign,
    assemble,
    early_rating,
    refuse_overlap,
    side_columns,
)
from analysis.adherence.design.steps import Step, people_at
from analysis.adherence.design.time_order import refuse_disorder
from analysis.adherence.design.windows import use_by_window
from analysis.adherence.models.binomial import Fit
from analysis.adherence.models.clusters import FEW_CLUSTERS
from analysis.adherence.models.threshold import calibration, calibration_table, logistic
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
    "events_of_falls_before",
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
    """A theme `seen` became whether somebody was seen at the landmark; kinds of event are early use."""
    people, scores, _ = ledger()
    for name in ("seen", "events_of_falls_before"):
        named = scores.rename(columns={"total": name})
        with pytest.raises(
            DefinitionError, match=f"scores are called like columns of the analysis: '{name}'"
        ):
            assemble(named, summary(people), study(), None, None, [name], None, "1")


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
