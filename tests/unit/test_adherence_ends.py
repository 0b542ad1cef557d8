"""Getting better is not leaving: with reasons the two ends are told apart, without them the words say so."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest

from analysis.adherence import relate_adherence
from analysis.adherence.competing import cumulative_incidence
from analysis.adherence.context import HAZARD
from analysis.adherence.ends import End, with_ends
from analysis.adherence.result import AdherenceResult
from analysis.adherence.survival import kaplan_meier
from analysis.pipeline.topics.adherence_ends import NO_REASON, ends_of, ends_table, incidence_table
from analysis.report.formatting import fill_prose
from instrument.errors import DefinitionError
from instrument.study import as_study
from tests.recovery.held_populations import Held, base_study, recovering
from tests.recovery.held_recovery import batch

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
    left, better = (ends.loc[(end.words, "cause-specific hazard")] for end in End)
    # recovery comes exp(0.6 · sd) times as fast, leaving for boredom not at all
    assert left["ci_lower"] < 1 < left["ci_upper"] and left["ratio"] == pytest.approx(1, abs=0.15)
    assert better["ci_lower"] > 1.4
    # fewer ever leave out of boredom, since they recover first
    share = ends.loc[("left for another reason", "Fine-Gray")]
    assert share["ratio"] < left["ratio"]
    assert left["events"] + better["events"] == naive["events"]
    assert set(told.ends["n"]) == {naive["n"]}


def test_shares_of_the_ends_add_up_to_those_who_stopped(told: AdherenceResult) -> None:
    last = told.incidence.groupby("end")["incidence"].last()
    assert list(told.incidence["end"].unique()) == [end.words for end in End]
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


def test_ends_by_hand() -> None:
    frame = pd.DataFrame(
        {
            "reason": ["well", "bored", None, "well", "well", "bored", "well", None],
            "at_risk": [True, True, True, True, False, True, True, True],
            "disengaged": [True, True, True, False, False, False, False, False],
            "withdrawn_day": [np.nan, np.nan, np.nan, 50.0, np.nan, 40.0, np.nan, 45.0],
            "end_day": [84.0, 84.0, 84.0, 50.0, 84.0, 40.0, 84.0, 45.0],
        }
    )
    notes: list[str] = []
    made = with_ends(frame, ["well"], notes)
    # somebody who stayed to the end has not ended, whatever was noted; no reason is another one
    assert made["end_of_use"].tolist() == [2, 1, 1, 2, 0, 1, 0, 0]
    assert notes == ["of 5 people who left 1 gave no reason: another is taken"]
    assert "end_of_use" not in with_ends(frame.drop(columns="reason"), ["well"], [])


def test_the_study_file_names_reasons() -> None:
    assert as_study(base_study(ends_well=["recovered"])).ends_well == ("recovered",)
    assert "ends_well" not in as_study(base_study()).to_json()
    with pytest.raises(DefinitionError, match="ends_well"):
        as_study(base_study(ends_well=[]))
