"""Getting better is not leaving: with reasons the two ends are told apart, without them the words say so."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import pytest

from analysis.adherence.claims.claims import Claim
from analysis.adherence.design.ends import End, with_ends
from analysis.adherence.models import run
from analysis.adherence.models.competing import cumulative_incidence
from analysis.adherence.models.context import HAZARD
from analysis.adherence.models.survival import kaplan_meier
from analysis.adherence.relate_adherence import relate_adherence
from analysis.adherence.result import AdherenceResult
from analysis.pipeline.topics.adherence_ends import (
    MOVED,
    NO_REASON,
    STILL,
    UNSEEN,
    ends_of,
    ends_table,
    incidence_table,
)
from analysis.usage.summarise_usage import summarise_usage
from instrument.common.formatting import fill_prose
from instrument.errors import DefinitionError
from instrument.study import as_study
from tests.recovery.held_populations import Held, base_study, recovering
from tests.recovery.held_recovery import batch, one

N = 1200


def related(**study: Any) -> AdherenceResult:
    held = Held(draw=recovering(True), n=N, study=study)
    drawn, usage, plan = batch(held, np.random.SeedSequence(8), 1)
    scores = pd.DataFrame({"participant": usage.people["participant"], "wave": "1", "total": drawn.score})
    return relate_adherence(scores, usage, plan, predictors=["total"])


@pytest.fixture(scope="module")
def told() -> AdherenceResult:
    return related(ends_well=["recovered"])


def test_what_reads_as_harm_is_recovery(told: AdherenceResult) -> None:
    naive = told.effects[told.effects["model"] == HAZARD].iloc[0]
    assert naive["ratio"] > 1.1 and naive["pvalue"] < 0.01
    ends = told.ends.set_index(["end", "model"])
    left, better = (ends.loc[(end.words, "cause-specific hazard")] for end in (End.LEFT, End.BETTER))
    # recovery comes exp(0.6 · sd) times as fast, leaving for boredom not at all
    assert left["ci_lower"] < 1 < left["ci_upper"] and left["ratio"] == pytest.approx(1, abs=0.15)
    assert better["ci_lower"] > 1.4
    # fewer ever leave out of boredom, since they recover first
    share = ends.loc[("left for another reason", "Fine-Gray")]
    assert share["ratio"] < left["ratio"]
    # pauses are no ends, and every end has a reason here but those of people who only went silent
    stopped = told.incidence.groupby("end")["events"].sum()
    assert stopped["left for another reason"] == left["events"] and stopped["got better"] == better["events"]
    assert left["events"] + better["events"] < naive["events"]
    assert set(told.ends["n"]) == {naive["n"]}
    # what other ends take away cannot be seen: nothing here is ever supported
    assert set(told.ends["claim"]) <= {str(Claim.NOT_FOUND), str(Claim.UNTOLD)}
    assert left["claim"] == str(Claim.NOT_FOUND) and better["claim"] == str(Claim.UNTOLD)


def test_a_group_of_whom_nobody_met_an_end_stops_no_model_of_it() -> None:
    held = Held(draw=recovering(True), n=600, study={"ends_well": ["recovered"], "covariates": ["sex"]})
    drawn, usage, plan = batch(held, np.random.SeedSequence(8), 1)
    people = usage.people
    scores = pd.DataFrame({"participant": people["participant"], "wave": "1", "total": drawn.score})
    well = people["at_risk"].astype(bool) & people["last_use_is_end"] & (people["reason"] == "recovered")
    part = people["sessions_after"].between(2, 5)  # some of what is due, so that use is told of them
    few = people.index.isin(people.index[well & part][:3])
    side = pd.DataFrame({"participant": people["participant"], "sex": np.where(few, "another", "woman")})
    found = relate_adherence(scores, usage, plan, covariates=side, predictors=["total"])
    left = found.ends[found.ends["end"] == End.LEFT.words]
    assert few.sum() == 3 and len(left) == 2 and not found.failed["model"].str.contains("end").any()
    kept = ~few
    rest = relate_adherence(
        scores[kept], replace(usage, people=people[kept].reset_index(drop=True)), plan, predictors=["total"]
    )
    other = rest.ends[rest.ends["end"] == End.LEFT.words]
    assert (left["n"].to_numpy() == other["n"].to_numpy() + 3).all()  # they are at risk as before
    assert (left["events"].to_numpy() == other["events"].to_numpy()).all()
    np.testing.assert_allclose(left["ratio"], other["ratio"], rtol=0.01)
    better = found.ends[found.ends["end"] == End.BETTER.words]
    assert (better["n"] == left["n"].iloc[0]).all()


def test_shares_of_the_ends_add_up_to_those_who_stopped(told: AdherenceResult) -> None:
    last = told.incidence.groupby("end")["incidence"].last()
    assert list(told.incidence["end"].unique()) == [end.words for end in End][: len(last)]
    assert 0.3 < last.sum() < 1
    rng = np.random.default_rng(1)
    time, cause = rng.integers(1, 9, 200).astype(float), rng.integers(0, 3, 200)
    both = cumulative_incidence(time, cause, {1: "a", 2: "b"})
    whole = kaplan_meier(time, cause > 0, np.full(200, "all", dtype=object))
    a, b = (both[both["end"] == end].reset_index(drop=True) for end in "ab")
    np.testing.assert_allclose(a["incidence"] + b["incidence"], 1 - whole["surviving"], atol=1e-12)
    np.testing.assert_array_equal(a["at_risk"], whole["at_risk"])
    assert ((a["ci_lower"] <= a["incidence"]) & (a["incidence"] <= a["ci_upper"])).all()


def test_each_end_is_said_and_silence_about_reasons_too(told: AdherenceResult) -> None:
    made = ends_of(told, "total", {"total": "Total"})
    said = " ".join(fill_prose(sentence, made.values) for sentence in made.sentences)
    # by its share leaving for boredom goes with the rating, which recovery takes away: nothing is told of that
    assert said.count("cannot be told: what ends use otherwise changes who is still there") == 2
    quiet = replace(told, ends=told.ends.assign(claim=str(Claim.NOT_FOUND)))
    again = " ".join(ends_of(quiet, "total", {"total": "Total"}).sentences)
    assert again.count("not found, which does not show that there is no association") == 2
    for name in ("left for another reason", "got better", "cause-specific hazard ratio", "Fine-Gray"):
        assert name in said
    better = told.ends[(told.ends["end"] == "got better") & (told.ends["model"] == "Fine-Gray")].iloc[0]
    assert made.values["better_share"] == better["ratio"] and f"{better['ratio']:.2f}" in said
    assert set(made.kinds) == set(made.values) and NO_REASON not in said
    for table in (ends_table(told, {"total": "Total"}), incidence_table(told)):
        assert len(table.frame) and table.caption()["kinds"].keys() == set(table.frame.columns)
    untold = related()
    assert untold.ends.empty and untold.incidence.empty
    assert any("does not say which of them mean that somebody got better" in note for note in untold.notes)
    assert ends_of(untold, "total", {"total": "Total"}).sentences == [NO_REASON]
    timeless = replace(
        untold, effects=untold.effects[untold.effects["model"] != HAZARD], curves=untold.curves.head(0)
    )
    assert ends_of(timeless, "total", {"total": "Total"}).sentences == []  # of leaving nothing is said at all
    drawn = replace(timeless, curves=untold.curves)
    assert len(untold.curves) and ends_of(drawn, "total", {"total": "Total"}).sentences == [NO_REASON]


def test_the_last_day_of_each_week_with_an_end_is_kept_and_day_nought(told: AdherenceResult) -> None:
    times = [0.0, 1.0, 6.9, 7.0, 9.5, 20.0, 27.9]
    rows = [
        {"end": end, "time": time, "at_risk": 90 - k, "events": 1, "incidence": 0.01 * k}
        | {"se": 0.01, "ci_lower": 0.0, "ci_upper": 0.1}
        for end in ("left", "better")
        for k, time in enumerate(times)
    ]
    frame = incidence_table(replace(told, incidence=pd.DataFrame(rows))).frame
    for end in ("left", "better"):
        assert frame.loc[frame["end"] == end, "time"].tolist() == [0.0, 6.9, 9.5, 20.0, 27.9]
        assert frame.loc[frame["end"] == end, "at_risk"].tolist() == [90, 88, 86, 85, 84]


def test_ends_by_hand() -> None:
    """Landmark 28, gap 14: a withdrawal with a reason ends use on its day, silence 14 days after the last use."""
    columns = ["reason", "at_risk", "last_use_day", "last_use_is_end", "withdrawn_day", "end_day"]
    rows = [
        ("well", True, 40.0, True, np.nan, 84.0, 2, 26.0),
        ("bored", True, 30.0, True, np.nan, 84.0, 1, 16.0),
        (None, True, 50.0, True, np.nan, 84.0, 3, 36.0),
        ("well", True, 49.0, False, 50.0, 50.0, 2, 22.0),
        ("well", False, 10.0, True, np.nan, 84.0, 0, np.nan),  # had left before the landmark
        ("bored", True, 39.0, False, 40.0, 40.0, 1, 12.0),
        ("well", True, 80.0, False, np.nan, 84.0, 0, 56.0),  # still there at the end, whatever was noted
        (None, True, 44.0, False, 45.0, 45.0, 0, 17.0),  # withdrew without a reason: watched no more
        ("bored", True, 30.0, True, 60.0, 60.0, 1, 32.0),  # silent first, the reason came with the withdrawal
        (None, True, 30.0, True, 60.0, 60.0, 3, 16.0),
    ]
    frame = pd.DataFrame([row[:6] for row in rows], columns=columns)
    notes: list[str] = []
    made = with_ends(frame, ["well"], notes, 28.0, 14.0)
    assert made["end_of_use"].tolist() == [row[6] for row in rows]
    np.testing.assert_array_equal(made["ended_after"], [row[7] for row in rows])
    assert notes == ["of 7 people whose use ended 2 gave no reason: an end of its own"]
    assert "end_of_use" not in with_ends(frame.drop(columns="reason"), ["well"], [], 28.0, 14.0)


def test_a_pause_is_no_end_whatever_reason_came_later() -> None:
    """Who paused for 14 days and came back was counted as having ended then, by a reason given weeks later."""
    days = {"back": [1, 20, 40, 60, 80], "gone": [1, 20, 27, 30], "stays": list(range(1, 84, 5))}
    log = pd.DataFrame(
        [(who, float(day)) for who, mine in days.items() for day in mine], columns=["participant", "day"]
    ).assign(kind="session_completed", duration=9.0)
    people = pd.DataFrame({"participant": list(days), "reason": ["bored", "bored", ""]})
    plan = as_study(base_study(ends_well=["well"]))
    usage = summarise_usage(log, plan, participants=people)
    frame = with_ends(usage.people, ["well"], [], 28.0, 14.0).set_index("participant")
    assert frame.loc["back", "disengaged"] and frame.loc["back", "end_of_use"] == 0
    assert frame.loc["gone", ["end_of_use", "ended_after"]].tolist() == [1, 16.0]
    assert frame.loc["stays", ["end_of_use", "ended_after"]].tolist() == [0, 56.0]


def test_the_study_file_names_reasons() -> None:
    assert as_study(base_study(ends_well=["recovered"])).ends_well == ("recovered",)
    assert "ends_well" not in as_study(base_study()).to_json()
    with pytest.raises(DefinitionError, match="ends_well"):
        as_study(base_study(ends_well=[]))


@pytest.mark.parametrize("lost", ["", "30 ids belong to nobody"])
def test_where_use_may_be_missing_no_end_of_it_is_told(lost: str) -> None:
    held = Held(draw=recovering(True), n=300, study={"ends_well": ["recovered"]})
    drawn, usage, plan = batch(held, np.random.SeedSequence(8), 1)
    usage = replace(usage, rule={**usage.rule, "lost": lost})
    ends = one(drawn, usage, plan, slice(0, 300), (run.ENDS,)).ends
    assert ends is not None
    inside = (ends["ci_lower"] <= 1) & (ends["ci_upper"] >= 1)
    assert inside.any() and not inside.all()
    untold = ends["claim"] == str(Claim.UNTOLD)
    assert (untold == (~inside | bool(lost))).all()


@pytest.mark.parametrize(
    ("limits", "claim", "said"),
    [
        ([(0.8, 1.2), (0.7, 1.1)], Claim.NOT_FOUND, STILL),
        ([(0.8, 1.2), (0.7, 1.0)], Claim.UNTOLD, UNSEEN),
        ([(0.8, 1.2), (1.1, 1.9)], Claim.UNTOLD, MOVED),
        ([(1.0, 1.2), (0.7, 0.9)], Claim.UNTOLD, MOVED),
    ],
)
def test_each_end_is_told_by_its_claim_and_intervals(
    told: AdherenceResult, limits: list[tuple[float, float]], claim: Claim, said: str
) -> None:
    left = told.ends[told.ends["end"] == End.LEFT.words].copy()
    assert len(left) == 2
    left[["ci_lower", "ci_upper"]] = limits
    made = ends_of(replace(told, ends=left.assign(claim=str(claim))), "total", {"total": "Total"})
    assert made.sentences[-1].endswith(said)


def test_where_many_end_in_one_moment_the_rate_alone_is_said(told: AdherenceResult) -> None:
    rates = replace(told, ends=told.ends[told.ends["model"] == "cause-specific hazard"])
    made = ends_of(rates, "total", {"total": "Total"})
    rate = told.ends.query("end == 'got better' and model == 'cause-specific hazard'").iloc[0]
    assert made.values["better_hazard"] == rate["ratio"]
    assert made.values["better_hazard_upper"] == rate["ci_upper"]
    assert not any("share" in name for name in (*made.values, *made.kinds))
    text = " ".join(fill_prose(sentence, made.values) for sentence in made.sentences)
    assert f"got better at {rate['ratio']:.2f} times the rate" in text and "Fine-Gray" not in text
    whole = " ".join(ends_of(told, "total", {"total": "Total"}).sentences)
    assert whole.count("Fine-Gray) is {") == 2
