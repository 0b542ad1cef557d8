"""Whom tables beside the answers share, at the edges: what is lost, what nearly matches, several waves."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from analysis.adherence.design.same_people import refuse_strangers
from analysis.commands.joining import check_adjusters, refuse_lost_people, refuse_other_waves
from analysis.commands.reading import SideReading, read_side_table, read_usage
from analysis.commands.reading_study import _numbered_alike
from analysis.pipeline.joining import refuse_like_waves
from instrument.errors import ResponseDataError, ToolkitWarning
from instrument.loading import load
from instrument.recognition.came_in import OF_ANSWERS
from instrument.study import Wave, make_study
from instrument.study_data import StudyData

SCALE = load("dta")


def table(*people: str, **columns: Any) -> pd.DataFrame:
    return pd.DataFrame({"participant": list(people), **columns})


def inputs(**tables: Any) -> StudyData:
    return StudyData(**{"responses": table(), "scale": SCALE, **tables})


HUNDRED = [f"P{k:03d}" for k in range(100)]


@pytest.mark.parametrize(("lost", "refused"), [(5, False), (6, True)])
def test_one_in_twenty_may_be_lost_and_no_more(lost: int, refused: bool) -> None:
    given = inputs(responses=table(*HUNDRED), covariates=table(*HUNDRED[lost:]))
    if refused:
        with pytest.raises(
            ResponseDataError, match="6 of 100 people who answered are not in the table of cov"
        ):
            refuse_lost_people(given, "dta")
    else:
        said = refuse_lost_people(given, "dta")
        assert said == ["5 of 100 people who answered are not in the table of covariates"]


def test_ids_that_nearly_match_are_named_with_what_keeps_them_apart() -> None:
    odd = [name.lower() if k < 5 else name for k, name in enumerate(HUNDRED)]
    said = refuse_lost_people(inputs(responses=table(*HUNDRED), covariates=table(*odd)), "dta")
    assert said == [
        "suspicion: 5 of 100 people who answered are not in the table of covariates; "
        "5 would match but for capitals"
    ]


def test_who_is_enrolled_is_known_and_where_was_looked_is_said() -> None:
    given = inputs(
        responses=table("a", "b"), enrolment=table("a", "b", "c"), outcomes=table("a", "c"), times=table("b")
    )
    assert refuse_lost_people(given, "dta") == [
        "all 2 people who answered are in the table of enrolment",
        "all 2 people in the table of outcomes are in the answers or the table of enrolment",
        "all 1 people in the table of times are in the answers or the table of enrolment",
    ]
    with pytest.raises(
        ResponseDataError, match=r"1 of 2 people in the table of outcomes are not in the answers\."
    ):
        refuse_lost_people(replace(given, enrolment=None), "dta")


def test_covariates_among_the_answers_are_no_other_table_and_nobody_is_not_all() -> None:
    """Of columns beside the items it was said that all 260 people were in the table of covariates."""
    own = table("a", "b")
    own.attrs[OF_ANSWERS] = True
    given = inputs(responses=table("a", "b"), covariates=own, outcomes=table("a"))
    assert refuse_lost_people(given, "dta") == ["all 1 people in the table of outcomes are in the answers"]
    nobody = replace(given, covariates=table("a", "b"), outcomes=table("a").iloc[:0])
    assert refuse_lost_people(nobody, "dta") == ["all 2 people who answered are in the table of covariates"]


def test_a_person_has_a_time_at_each_wave_and_one_at_each() -> None:
    answers = table("a", "a", wave=["w1", "w2"])
    refuse_other_waves(inputs(responses=answers, times=table("a", "a", wave=["w1", "w2"])), "dta")
    with pytest.raises(
        ResponseDataError, match="1 rows of the table of times repeat a participant at a wave"
    ):
        refuse_other_waves(inputs(responses=answers, times=table("a", "a", wave=["w2", "w2"])), "dta")
    with pytest.raises(ResponseDataError, match="names waves that the answers do not: 'w3'"):
        refuse_other_waves(inputs(responses=answers, times=table("a", "a", wave=["w1", "w3"])), "dta")


@pytest.mark.parametrize("written", [("01", "02"), ("1.0", "2.0"), (" 1", "2")])
def test_waves_of_the_times_are_numbers_where_those_of_the_answers_are(written: tuple[str, str]) -> None:
    answers, times = pd.Series([1, 2]), table("a", "a", wave=list(written))
    assert _numbered_alike(times, answers)["wave"].tolist() == ["1", "2"]
    assert _numbered_alike(times, pd.Series(["1", "post"]))["wave"].tolist() == list(written)


def test_waves_that_the_study_writes_otherwise_are_refused() -> None:
    """Scores of "Week3" are none of "week3": all that the study asks of its waves found nobody there."""
    plan = study().model_copy(update={"waves": [Wave(id="week3", day=21, opens=21, closes=28)]})
    assert refuse_like_waves(table("a", wave=["week3"]), plan) == []
    assert refuse_like_waves(table("a", wave=["Week3"]), None) == []
    for name in ("Week3", "week 3", "WEEK_3"):
        with pytest.raises(ResponseDataError, match=f"otherwise than the study: '{name}' for 'week3'"):
            refuse_like_waves(table("a", wave=[name]), plan)
    assert refuse_like_waves(table("a", "a", wave=["week3", "intake"]), plan) == []
    assert refuse_like_waves(table("a", wave=[9]), plan) == [
        "suspicion: the study holds none of the waves of the answers: 'week3' and '9'"
    ]


def study(*covariates: str) -> Any:
    use = {"unit": "sessions", "amount": 3, "weeks": 3, "justification": "one a week, as it was designed"}
    rule = {"metric": "sessions", "threshold": 0.5, "justification": "half of them, for the tests"}
    return make_study(
        {
            "schema": 1,
            "id": "own",
            "title": "Own",
            "instrument": "dta",
            "waves": [{"id": "w1", "day": 0, "opens": 0, "closes": 9}],
            "study_days": 30,
            "intended_use": use,
            "adherence": rule,
            "covariates": list(covariates),
        }
    )


def test_covariates_that_say_nothing_or_follow_from_others_are_named() -> None:
    people = [f"p{k}" for k in range(12)]
    frame = table(
        *people,
        one=[1.0] * 12,
        x=[float(k) for k in range(12)],
        y=[float(k % 5) for k in range(12)],
        sum=[k + k % 5 for k in range(12)],
        band=["low"] * 6 + ["high"] * 6,
        same=["l"] * 6 + ["h"] * 6,
        site=["n", "n", "n", "s", "s", "s", "e", "e", "e", "e", "s", "n"],
    )
    told = check_adjusters(inputs(study=study("one", "x", "y"), covariates=frame), "dta")
    assert told == ["covariate 'one' has one value for everyone: nothing is adjusted for by it"]
    for names, words in (
        (("x", "y", "sum"), "'sum' follows exactly from 'x', 'y'"),
        (("band", "same"), "'same'"),
    ):
        with pytest.raises(ResponseDataError, match=words):
            check_adjusters(inputs(study=study(*names), covariates=frame), "dta")
    north = frame.assign(north=(frame["site"] == "n").map({True: "yes", False: "no"}))
    with pytest.raises(ResponseDataError, match="'site' follows exactly from 'north'"):  # one of its levels
        check_adjusters(inputs(study=study("north", "site"), covariates=north), "dta")
    outcomes = frame[["participant", "y"]].iloc[:11]  # only who is in both tables is looked at
    with pytest.raises(ResponseDataError, match="'sum'"):
        given = inputs(study=study("x", "y", "sum"), covariates=frame.drop(columns="y"), outcomes=outcomes)
        check_adjusters(given, "dta")


def read(folder: Path, what: str, text: str, **how: Any) -> pd.DataFrame:
    file = folder / f"{what}.csv"
    file.write_text(text, encoding="utf-8")
    needed = ("participant", "wave", "seconds") if what == "times" else ("participant",)
    return read_side_table(file, what, needed, SideReading(**how))


def test_times_and_days_below_nought_are_refused_and_nought_is_not(tmp_path: Path) -> None:
    found = read(tmp_path, "enrolment", "participant,withdrawn_day\na,0\nb,\nc,12\n")
    assert found["withdrawn_day"].tolist()[::2] == [0, 12]
    with pytest.raises(ResponseDataError, match=r"1 cell lies before enrolment \(line 3\)"):
        read(tmp_path, "enrolment", "participant,withdrawn_day\na,0\nb,-1\n")
    assert read(tmp_path, "times", "participant,wave,seconds\na,w1,0\nb,w1,90\n")["seconds"].tolist() == [
        0,
        90,
    ]
    with pytest.raises(ResponseDataError, match=r"1 cell lies below 0 \(line 2\)"):
        read(tmp_path, "times", "participant,wave,seconds\na,w1,-0.5\nb,w1,90\n")


def test_one_long_time_is_no_unit_and_half_of_them_are(tmp_path: Path) -> None:
    text = "participant,wave,seconds\na,w1,90000\nb,w1,300\nc,w1,240\n"
    assert read(tmp_path, "times", text)["seconds"].tolist() == [90000, 300, 240]
    long = text.replace("300", "300000")
    with pytest.raises(ResponseDataError, match="half of the 3 times would be longer than two hours"):
        read(tmp_path, "times", long)
    assert read(tmp_path, "times", long, times_in="ms")["seconds"].tolist() == [90, 300, 0.24]


def test_a_table_without_rows_or_a_row_without_a_person_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ResponseDataError, match=r"covariates\.csv has no rows"):
        read(tmp_path, "covariates", "participant,sex\n")
    with pytest.raises(ResponseDataError, match=r"1 cell holds no id \(line 3\)"):
        read(tmp_path, "covariates", "participant,sex\na,f\n,m\n")


def test_an_instant_with_an_offset_is_kept_as_that_instant(tmp_path: Path) -> None:
    text = "participant,enrolled\na,2026-03-08T00:30:00+01:00\nb,2026-03-08T10:00:00+01:00\n"
    stamps = read(tmp_path, "enrolment", text)["enrolled"]
    assert [str(stamp) for stamp in stamps] == ["2026-03-07 23:30:00+00:00", "2026-03-08 09:00:00+00:00"]
    plain = read(tmp_path, "enrolment", "participant,enrolled\na,2026-03-08T00:30:00\n")["enrolled"]
    assert [str(stamp) for stamp in plain] == ["2026-03-08 00:30:00"]


def test_a_log_needs_days_or_instants_and_a_table_each_column_once(tmp_path: Path) -> None:
    for column in ("day", "at"):
        log = tmp_path / "usage.csv"
        log.write_text(f"participant,kind,{column}\na,session,3\n", encoding="utf-8")
        assert read_usage(log)[column].tolist() == ["3"]
    log.write_text("participant,kind,when\na,session,3\n", encoding="utf-8")
    with pytest.raises(ResponseDataError, match="neither a column 'day' nor 'at'"):
        read_usage(log)
    with pytest.raises(ResponseDataError, match="columns are there twice: 'sex'"):
        read(tmp_path, "covariates", "participant,sex,sex\na,f,m\n")


@pytest.mark.parametrize("near", [4, 5])
def test_ids_of_covariates_that_almost_match_are_told_from_one_in_twenty_on(
    near: int, recwarn: pytest.WarningsRecorder
) -> None:
    """Eighty people are known, twenty of whom the table says nothing but for those written in small letters."""
    named = [*HUNDRED[:80], *(name.lower() for name in HUNDRED[80 : 80 + near])]
    refuse_strangers(pd.Series(named), pd.Series(HUNDRED), "covariates", "relate_adherence")
    said = [str(one.message) for one in recwarn if issubclass(one.category, ToolkitWarning)]
    fact = "relate_adherence: 5 of 100 people whose use is known would have a row in the table of covariates "
    hint = "Hint: write the participant ids alike in both; they count as people without one."
    assert said == ([f"{fact}but for capitals.\n{hint}"] if near == 5 else [])
