"""Small tables worked out by hand: edges, denominators and counts that whole results do not show."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, cast

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from analysis.adherence.claims.claims import _causes
from analysis.adherence.claims.robustness import as_strong_as
from analysis.adherence.design.covariates import without_repeats
from analysis.adherence.design.windows import use_by_window, waves_in_use
from analysis.adherence.models.binomial import Fit
from analysis.adherence.models.clusters import Clusters, covariance_of, summed
from analysis.adherence.models.mixed import random_intercept
from analysis.adherence.models.weighting import response_weights
from analysis.adherence.over_time.sequential import Window, new_rating
from analysis.adherence.priorities.priority_map import _spread_of_means
from analysis.adherence.priorities.words import _importance, _titles
from analysis.common.verdicts import Cause, Property, State, tally_of
from analysis.disclosure.shared import _curves
from analysis.irt.item_fit import _merge_row
from analysis.items.item_statistics import item_statistics
from analysis.pipeline.reach import of_items
from analysis.pipeline.topics import retest
from analysis.pipeline.topics.items import _values
from analysis.pipeline.topics.retest import _stable
from analysis.report.opening import _point
from analysis.report.standards import Evidence
from analysis.usage.summarise_usage import summarise_usage
from analysis.validity.known_groups import known_groups
from instrument.errors import NotEstimableError, ToolkitWarning
from tests.unit.test_adherence_by_hand import STUDY, log, study


def test_what_clusters_pull_is_summed_and_grown_by_their_number() -> None:
    pull = np.array([[1.0, 2], [3, 4], [5, 6], [7, 8], [9, 10]])
    alone, df = summed(pull, None)
    assert alone is pull and df == np.inf
    found, df = summed(pull, Clusters(np.array([0, 2, 0, 1, 2]), 3))
    # sums (6, 8), (7, 8), (12, 14), times √(3 / 2)
    np.testing.assert_allclose(found, np.array([[6.0, 8], [7, 8], [12, 14]]) * 1.5**0.5, rtol=1e-14)
    assert df == 2
    np.testing.assert_allclose(covariance_of(np.array([[1.0], [2], [4]])), [[2 / 3 * 21]])


def test_a_wave_that_closes_with_the_study_is_followed_by_no_use() -> None:
    wave = STUDY["waves"][2]
    for closes, there in ((83, ["1", "3"]), (84, ["1"])):
        waves = [*STUDY["waves"][:2], wave | {"closes": closes}]
        assert [found.name for found in waves_in_use(study(waves=waves))] == there


def test_a_step_of_a_curve_needs_five_events_and_five_at_risk() -> None:
    section: dict[str, Any] = {
        "tables": {
            "curve": {
                "by": ["a"] * 5,
                "time": [0, 1, 2, 3, 4],
                "at_risk": [20, 20, 14, 5, 4],
                "events": [0, 6, 4, 1, 5],
                "surviving": [1.0, 0.7, 0.5, 0.4, 0.1],
            }
        },
        "captions": {
            "curve": {
                "curve": {"at_risk": "at_risk", "events": "events", "by": "by"},
                "columns": {"at_risk": {}, "time": {}},
                "note": "",
            }
        },
    }
    _curves(section)
    # the step of time 4 stands for ten events, but four were left to have them
    assert section["tables"]["curve"]["time"] == [0, 1, 3]
    assert section["tables"]["curve"]["events"] == [None] * 3
    assert section["captions"]["curve"]["columns"] == {"time": {}}


def test_cells_join_the_smaller_neighbour_until_none_is_under_the_least() -> None:
    for expected, joined, counted in (
        ([0.5, 3.0, 4.0, 1.5], [3.5, 4.0, 1.5], [3, 3, 4]),
        ([3.0, 0.5, 2.0, 1.0], [3.0, 2.5, 1.0], [1, 5, 4]),
        ([2.0, 0.5, 3.0, 1.0], [2.5, 3.0, 1.0], [3, 3, 4]),
        ([3.0, 2.0, 1.5, 0.9], [3.0, 2.0, 2.4], [1, 2, 7]),
        ([0.2, 0.3, 0.1, 0.2], [0.8], [10]),
    ):
        observed, found = _merge_row(np.array([1.0, 2, 3, 4]), np.array(expected), 1.0)
        np.testing.assert_allclose(found, joined)
        assert observed.tolist() == counted


def test_who_answered_nothing_is_missing_from_every_item_and_from_no_share_of_an_option() -> None:
    answers = pd.DataFrame(
        {"a": [1.0, 5, 5, None, None], "b": [2.0, None, 1, 4, None], "c": [1.0, 2, 3, 4, None]}
    )
    found = item_statistics(answers, bounds=(1, 5))
    assert found.table["missing"].tolist() == [2, 2, 1]
    assert found.table["missing_share"].tolist() == [0.4, 0.4, 0.2]
    assert found.table["ceiling_share"].tolist() == pytest.approx([2 / 3, 0, 0])
    assert found.table["floor_share"].tolist() == pytest.approx([1 / 3, 1 / 3, 1 / 4])
    assert (found.n_rows, found.n_dropped) == (4, 1)


def test_thirty_people_and_five_for_each_item_are_the_fewest_for_structure() -> None:
    assert [of_items(n, 12) for n in (59, 60)] == [Cause.FEW_PEOPLE, None]
    assert [of_items(n, 4) for n in (29, 30)] == [Cause.FEW_PEOPLE, None]
    assert of_items(30, 0) is None


def test_items_at_the_cut_off_itself_are_not_over_it() -> None:
    table = pd.DataFrame(
        {
            "item": ["a", "b", "c"],
            "item_rest_r": [0.30, 0.29, np.nan],
            "ceiling_share": [0.15, 0.16, 0.9],
            "floor_share": [0.0, 0.15, 0.15001],
            "missing_share": [0.1, 0.2, 0.2],
            "theme": "t",
        }
    )
    found = _values(table, [])
    assert (found["weak"], found["at_ceiling"], found["at_floor"]) == (1, 2, 1)
    assert found["related"] == 2  # the third has one answer only: no relation to judge
    assert found["weak_items"] == "b" and found["missing_highest_item"] == "b"
    assert (found["item_rest_lowest"], found["item_rest_highest"]) == (0.29, 0.30)
    apart = _values(table.assign(theme=["t", "list", "t"]), ["list"])  # no rule on a theme that is a list
    assert (apart["weak"], apart["weak_items"], apart["related"], apart["items"]) == (0, "", 1, 3)


def test_a_score_at_the_convention_is_not_below_it_and_few_people_are_not_judged() -> None:
    table = pd.DataFrame(
        {"title": ["A", "B", "C"], "icc": [0.70, 0.69999, 0.91], "sdc": [3.0, 4.5, 1.0], "n": [60, 60, 60]}
    )
    found = retest._values(table)
    assert (found["below"], found["sdc_largest"]) == ("B", 4.5)
    assert (found["icc_lowest"], found["icc_lowest_title"]) == (0.69999, "B")
    assert (found["icc_highest"], found["icc_highest_title"]) == (0.91, "C")
    said = "Below what the convention asks: {below}."
    assert said in retest._prose(table, found)
    assert said not in retest._prose(table.assign(n=[60, 5, 60]), found)
    assert said not in retest._prose(table, retest._values(table.assign(icc=0.70)))


def test_stable_is_who_says_that_nothing_changed() -> None:
    outcomes = pd.DataFrame({"participant": list("abcd"), "change_rating": [0, 1, -1, 0]})
    context = cast(Any, SimpleNamespace(outcomes=outcomes))
    assert _stable(context, ["a", "b", "c", "e"], 2) == (["a"], "a global rating of change of 0")
    for nobody in (None, outcomes[["participant"]]):
        given = cast(Any, SimpleNamespace(outcomes=nobody))
        assert _stable(given, ["a", "b"], 2)[0] == ["a", "b"]


def test_stable_goes_by_what_was_said_at_the_retest_whatever_ids_and_waves_are_made_of() -> None:
    said = {(1, 2): 0, (2, 2): 1, (3, 2): 0, (1, 3): 2, (2, 3): 0, (3, 3): 0, (4, 3): 0}  # person and wave
    rows = [(person, wave, change) for (person, wave), change in said.items()]
    wanted = [person for (person, wave), change in said.items() if wave == 2 and change == 0]
    outcomes = pd.DataFrame(rows, columns=["participant", "wave", "change_rating"])
    for kind in (int, float, str):
        written = outcomes.assign(**{name: outcomes[name].map(kind) for name in ("participant", "wave")})
        if kind is float:
            written = written.astype({"participant": float, "wave": float})
        context = cast(Any, SimpleNamespace(outcomes=written))
        for people, second in (([1, 2, 3, 4], 2), (["1", "2", "3", "4"], "2")):
            assert [int(one) for one in _stable(context, cast(Any, people), second)[0]] == wanted
    once = outcomes[outcomes["wave"] == 3]  # asked at one wave alone, which is not the retest: all there is
    assert _stable(cast(Any, SimpleNamespace(outcomes=once)), cast(Any, [1, 2, 3, 4]), 2)[0] == [2, 3, 4]


def test_a_point_counts_what_was_asked_and_not_what_is_hidden() -> None:
    tally = tally_of(["met", "met", "not_met", "untested", "hidden", "does_not_apply"])
    evidence = Evidence(name="n", needs="", tally=tally, causes=(Cause.WIDE,), sections=(("scores", ""),))
    point = _point(Property.ERROR, evidence, {"sections": {}})
    assert (point.met, point.not_met, point.asked, point.few) == (2, 1, 4, False)
    assert (
        point.said == "Not shown: 2 of 4 rules hold, some could not be judged, 1 is left out here"
        and point.state is State.NOT_SHOWN
    )


def test_a_pause_as_long_as_the_gap_is_within_a_session_and_landmarks_day_is_after_it() -> None:
    plan = study(session_gap_minutes=45)  # a thirty-second of a day
    days = [1.0, 1.03125, 1.0625 + 2**-12, 28.0, 28.0 + 2**-12]
    log = pd.DataFrame({"participant": "a", "day": days, "kind": "session", "duration": 0.0})
    people = pd.DataFrame({"participant": ["a", "never"], "observed_until_day": [84, 84]})
    found = summarise_usage(log, plan, participants=people).people.set_index("participant")
    assert found.loc["a", ["sessions_before", "sessions_after", "sessions_whole"]].tolist() == [2, 1, 3]
    assert found.loc["a", ["active_days_before", "active_days_after"]].tolist() == [1, 1]
    assert found.loc["never", "sessions_whole"] == 0


def test_idle_for_the_whole_gap_at_the_landmark_is_gone() -> None:
    log = pd.DataFrame(
        {"participant": ["a", "b", "b"], "day": [14.0, 14.0, 14.5], "kind": "session", "duration": 5.0}
    )
    people = pd.DataFrame({"participant": ["a", "b"], "observed_until_day": [84, 84]})
    found = summarise_usage(log, study(), participants=people)
    assert found.rule["gap_days"] == 14
    table = found.people.set_index("participant")
    assert table["idle_at_landmark"].tolist() == [14.0, 13.5]
    assert table["at_risk"].tolist() == [False, True]
    # watched to day 84 exactly: of the first moment of day 84 nothing is known
    assert found.retention_at([83.9, 84]).to_dict("list")["n"] == [2, 0]


def test_measured_causes_go_together_where_they_are_one_thing() -> None:
    adjusters = ["use_before, log", "idle", "joined", "joined, squared", "sex: man", "sex: other", "age"]
    made = cast(Any, SimpleNamespace(adjusters=adjusters, early=adjusters[:2]))
    assert list(_causes(made).values()) == [[2, 3], [4, 5], [6, 7], [8]]
    assert list(_causes(made))[1:] == ["the time of enrolment", "sex", "age"]


def test_the_score_that_a_column_repeats_is_named() -> None:
    draw = np.random.default_rng(5)
    frame = pd.DataFrame(draw.normal(size=(200, 2)), columns=["other", "score"])
    frame["like"] = frame["score"] + 0.01 * draw.normal(size=200)
    kept, said = without_repeats(frame, ["other", "score"], ["like"])
    assert kept == [] and said == [
        "left out of the adjustment: like repeats the score score (correlation 1.000)"
    ]


def test_means_of_themes_spread_by_clusters_and_who_has_none_stands_alone() -> None:
    rated = np.array([[1.0, 2], [3, 2], [5, 8], [3, 4]])
    people = pd.Series(list("abcd"))
    plain, df = _spread_of_means(rated, people, None)
    np.testing.assert_allclose(plain, np.cov(rated, rowvar=False) / 4)
    assert df == 3
    many = np.vstack([rated] * 4)
    names = pd.Series([f"p{k}" for k in range(16)])
    labels = pd.Series({f"p{k}": f"c{k // 2}" for k in range(14)})  # seven pairs, and two people alone
    found, df = _spread_of_means(many, names, labels)
    moved = (many - many.mean(axis=0)) / 16
    sums = np.vstack([moved[2 * k : 2 * k + 2].sum(axis=0) for k in range(7)] + [moved[14], moved[15]])
    np.testing.assert_allclose(found, sums.T @ sums * 9 / 8)
    assert df == 8
    numbered = labels.rename(index=lambda name: name[1:])  # pandas made decimals of whole numbers
    again, df = _spread_of_means(many, pd.Series(np.arange(16.0)), numbered)
    np.testing.assert_allclose(again, found)
    assert df == 8


@pytest.mark.parametrize(("p", "said"), [(0.0499, "do not go"), (0.05, "no larger than chance")])
def test_themes_differ_only_below_the_level(p: float, said: str) -> None:
    themes = pd.DataFrame(
        {
            "title": ["One", "Two"],
            "effect": [1.0, 0.2],
            "effect_lower": [0.2, -1.0],
            "effect_upper": [2, 1],
            "importance_side": ["higher", "not told apart"],
            "p_adjusted": [0.01, 0.5],
        }
    )
    assert _titles(themes, themes["effect"] > 0) == "“One” and “Two”"
    sentences = _importance(themes, {"p_importance": p})
    assert said in " ".join(sentences)


def test_as_strong_as_a_measured_cause_by_the_formula_of_the_paper() -> None:
    score, use, k = 0.2, 0.1, 2.0
    share = k * score**2 / ((1 - k * score) * (1 - score))
    hidden = k * score / (1 - score)
    later = (k**0.5 + share**0.5) ** 2 / (1 - share) * use / (1 - use)
    found = as_strong_as(-1.0, 0.1, 50, score, use, k)
    assert (found.r2_score, found.r2_use) == pytest.approx((hidden, later))
    bias = 0.1 * 50**0.5 * (later * hidden / (1 - hidden)) ** 0.5
    assert found.estimate == pytest.approx(-(1 - bias))
    assert found.se == pytest.approx(0.1 * ((1 - later) / (1 - hidden)) ** 0.5 * (50 / 49) ** 0.5)


def test_twenty_ratings_beside_the_history_are_enough() -> None:
    draw = np.random.default_rng(2)
    for n, enough in ((21, True), (20, False)):
        window = Window(
            person=np.arange(n), score=draw.normal(size=n), use=draw.normal(size=n), before=np.ones((n, 1))
        )
        if not enough:
            with pytest.raises(NotEstimableError, match="too few people were rated"):
                new_rating([window])
            continue
        fit, people = new_rating([window])
        x, y = window.score - window.score.mean(), window.use - window.use.mean()
        slope = x @ y / (x @ x)
        inner = ((x * (y - slope * x)) ** 2).sum() / (x @ x) ** 2
        assert (people, fit.n, fit.df_resid) == (21, 21, 20)
        assert fit.coefficients[0] == pytest.approx(slope)
        assert fit.covariance[0, 0] == pytest.approx(inner * 21 / 20 * 20 / 19)


def test_columns_within_people_have_the_degrees_of_freedom_of_rows() -> None:
    draw = np.random.default_rng(4)
    person = np.repeat(np.arange(10), 3)
    design = np.column_stack([np.ones(30), draw.normal(size=30), np.repeat(draw.normal(size=10), 3)])
    fit = random_intercept(design, draw.normal(size=30) + np.repeat(draw.normal(size=10), 3), person)
    assert fit.df.tolist() == [8, 30 - 10 - 1, 8]
    low, high = fit.interval()
    half = stats.t.ppf(0.975, [8, 19, 8]) * fit.se
    np.testing.assert_allclose([low, high], [fit.coefficients - half, fit.coefficients + half])


def test_weights_are_shares_over_probabilities_and_need_nobody_idle() -> None:
    n = 400
    x = np.repeat([0.0, 1.0], n // 2)
    answered = np.concatenate([np.arange(200) < 100, np.arange(200) < 150])
    for idle in (0, 30):
        at_risk = np.ones(n, dtype=bool)
        at_risk[np.r_[:idle, 100 : 100 + idle]] = False  # as often among those who did not answer
        table = pd.DataFrame({"answered": answered, "at_risk": at_risk, "x": x})
        made = cast(Any, SimpleNamespace(everyone=table, adjusters=["x"]))
        found = response_weights(made)
        # half of the first and three quarters of the second answered: 250 of 400 over that
        wanted = np.where(x[answered] == 0, 0.625 / 0.5, 0.625 / 0.75)
        np.testing.assert_allclose(found, wanted, rtol=1e-6)


def test_limits_are_of_ninety_five_percent_where_nothing_else_is_asked() -> None:
    fit = Fit(
        coefficients=np.array([1.0]),
        covariance=np.array([[4.0]]),
        dispersion=1.0,
        df_resid=np.inf,
        log_likelihood=0.0,
        n=9,
    )
    np.testing.assert_allclose(fit.interval(), [[1 - 2 * 1.959963985], [1 + 2 * 1.959963985]])


def test_what_could_not_be_tested_keeps_a_property_from_being_shown() -> None:
    states = {
        ("met",): State.SHOWN,
        ("met", "untested"): State.PARTLY,
        ("met", "not_met"): State.NOT_SHOWN,
        ("met", "hidden", "does_not_apply"): State.PARTLY,
        ("untested",): State.UNTESTABLE,
        ("hidden", "does_not_apply"): State.LEFT_OUT,
        ("does_not_apply",): State.DOES_NOT_APPLY,
        (): State.NOT_ASKED,
    }
    assert {verdicts: tally_of(verdicts).state for verdicts in states} == states


def test_people_of_a_group_of_one_are_no_missing_values() -> None:
    table = pd.DataFrame(
        {"score": [1.0, 2, 4, 5, 7, 9, None, 3], "group": ["a", "a", "a", "b", "b", "b", "b", "alone"]}
    )
    with pytest.warns(ToolkitWarning):
        found = known_groups(table, "score", "group")
    assert found.n_dropped == 1
    assert found.descriptives["n"].tolist() == [3, 3]


def test_who_withdrew_on_the_day_a_wave_closed_was_not_watched_after_it() -> None:
    people = pd.DataFrame(
        {
            "participant": ["a", "b"],
            "enrolled": "2026-01-01T00:00:00Z",
            "withdrawn": [None, "2026-01-29T00:00:00Z"],  # day 28
        }
    )
    events = log({"a": [1, 29, 36, 57], "b": [2, 20]})
    found = use_by_window(events, study(observed_until="2026-12-31"), participants=people)
    assert found.table["not_watched"].tolist() == [1, 1] and found.table["nothing_due"].tolist() == [0, 0]
    assert found.use["participant"].tolist() == ["a", "a"]
