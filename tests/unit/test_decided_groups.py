"""Groups in which everyone fares alike: they stop no model, and everybody else's numbers are those without them."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import pytest

from analysis.adherence.design.covariates import coded_columns, levels_of, without_decided
from analysis.adherence.models.decided import undecided, with_places
from analysis.adherence.models.fit import Fit
from analysis.adherence.models.survival import cox
from analysis.adherence.relate_adherence import relate_adherence
from analysis.adherence.result import AdherenceResult
from analysis.usage.summarise_usage import UsageSummary, summarise_usage
from instrument.errors import NotEstimableError
from tests.recovery.held_populations import base_study

N = 140
STUDY = base_study(covariates=["sex"], gap_days=25)
MODELS = (
    "remaining use, logit",
    "time to disengagement, Cox",
    "time to disengagement, by week",
    "active days of those watched, logit",
    "threshold, logistic",
)


def log_of(stopped: list[int], kept: np.ndarray | None = None) -> tuple[pd.DataFrame, UsageSummary]:
    """Scores and use of people, some of whom never come back after the landmark (day 28)."""
    rng = np.random.default_rng(5)
    score = rng.standard_normal(N)
    stops = np.minimum(rng.exponential(70, N) + 10, 84)
    stops[stopped] = 20.0
    rate = rng.gamma(3.0, 0.08, N)
    days = [np.sort(rng.random(rng.poisson(r * s) + 2) * s) for r, s in zip(rate, stops, strict=True)]
    scores = pd.DataFrame({"participant": [f"p{k:03d}" for k in range(N)], "wave": "1", "total": score})
    who = np.repeat(scores["participant"].to_numpy(), [len(own) for own in days])
    log = pd.DataFrame({"participant": who, "day": np.concatenate(days)})
    log = log.assign(kind="session_completed", duration=9.0)
    if kept is not None:
        scores = scores[kept].reset_index(drop=True)
        log = log[log["participant"].isin(scores["participant"])]
    return scores, summarise_usage(log, STUDY, participants=scores[["participant"]])


def related(sex: list[str], stopped: list[int], kept: np.ndarray | None = None) -> AdherenceResult:
    """Relate score and use, sex held constant."""
    scores, usage = log_of(stopped, kept)
    own = np.array(sex)[np.ones(N, dtype=bool) if kept is None else kept]
    return relate_adherence(scores, usage, STUDY, covariates=scores[["participant"]].assign(sex=own), seed=1)


@pytest.mark.parametrize("place", [0, 77], ids=["first to appear", "among the others"])
def test_one_person_of_a_third_group_who_never_came_back_stops_no_model(place: int) -> None:
    sex = ["woman" if k % 3 else "man" for k in range(N)]
    sex[place] = "another"
    found = related(sex, [place])
    assert set(MODELS) <= set(found.effects["model"])
    assert any("labels of sex count as missing" in note for note in found.notes)
    without = related(sex, [place], np.arange(N) != place)
    one, other = (r.effects.set_index("model").loc[list(MODELS)] for r in (found, without))
    np.testing.assert_allclose(one["coefficient"], other["coefficient"], rtol=1e-6)
    np.testing.assert_allclose(one["se"], other["se"], rtol=1e-6)
    assert (one["n"] == other["n"]).all()
    flow = found.flow.set_index("id")["n"]
    assert flow["no_covariate"] == 1 and flow["analysed"] == one.loc[MODELS[0], "n"]


def test_a_group_that_nobody_leaves_and_all_reach_is_set_apart_where_a_model_tells_nothing_of_it() -> None:
    sex = ["woman" if k % 3 else "man" for k in range(N)]
    plain = related(sex, [])
    assert np.isfinite(plain.coefficients["estimate"]).all()
    people = log_of([])[1].people.set_index("participant")
    here = people["at_risk"] & ~people["disengaged"].astype(bool) & people["sessions_after"].between(2, 7)
    three = [int(name[1:]) for name in here[here].index[:3]]  # they stay, and do some of what is due
    for k in three:
        sex[k] = "another"
    found = related(sex, [])
    assert set(MODELS) <= set(found.effects["model"])
    rows = found.coefficients
    hazard = rows[rows["model"] == MODELS[1]].set_index("term")
    assert np.isnan(hazard.loc["sex:another", "estimate"])
    assert np.isfinite(hazard.drop("sex:another")["estimate"]).all()
    whole = found.effects.set_index("model")
    other = related(sex, [], ~np.isin(np.arange(N), three)).effects.set_index("model")
    assert whole.loc[MODELS[1], "n"] == other.loc[MODELS[1], "n"] + 3  # they are at risk as before
    assert found.fits.set_index("model").loc[MODELS[1], "columns"] == len(hazard)
    assert whole.loc[MODELS[1], "events"] == other.loc[MODELS[1], "events"]


@pytest.mark.parametrize("labels", [("no", "yes"), (False, True), (0, 1), (1, 2)], ids=str)
def test_two_labels_are_set_apart_alike_however_they_are_written(labels: tuple[Any, Any]) -> None:
    people = log_of([9])[1].people
    some = people["at_risk"] & ~people["disengaged"].astype(bool) & people["sessions_after"].between(2, 7)
    stayed = [int(name[1:]) for name in people.loc[some, "participant"].iloc[:3]]
    # One who did nothing alone has the other label: without a label.
    found = related([labels[k == 9] for k in range(N)], [9])
    assert found.flow.set_index("id").loc["no_covariate", "n"] == 1
    # Nobody with the other label left.
    found = related([labels[k in stayed] for k in range(N)], [9])
    assert set(MODELS) <= set(found.effects["model"])
    told = found.coefficients.set_index(["model", "term"]).loc[MODELS[1], "estimate"]
    assert [name.split(":")[0] for name in told.index[told.isna()]] == ["sex"]


def test_two_covariates_that_begin_alike_are_no_groups_of_one() -> None:
    # Whoever has neither reached it, and having both counts twice: two columns that overlap part nobody perfectly.
    x = np.array([[0, 0], [0, 0], [1, 0], [1, 0], [0, 1], [0, 1], [1, 1], [1, 1]], dtype=float)
    reached = np.array([1, 1, 1, 0, 1, 0, 1, 0], dtype=bool)
    x = np.column_stack([np.arange(8.0), x])
    for terms in (["score", "at:home", "at:work"], ["score", "home", "work"]):
        rows, columns = undecided(x, terms, reached, ~reached)
        assert rows.all() and columns.all()
    apart = x[:6]  # where nobody has both they are as groups of one: those with neither tell nothing
    rows, columns = undecided(apart, ["score", "at:home", "at:work"], reached[:6], ~reached[:6])
    assert rows.tolist() == [False] * 2 + [True] * 4 and columns.sum() == 2


def test_columns_that_repeat_others_once_a_group_is_set_apart_have_no_number() -> None:
    rng = np.random.default_rng(3)
    group = rng.random(80) < 0.7
    score, before = rng.standard_normal((2, 80))
    x = np.column_stack([score, before, group, before * group])
    left = rng.exponential(30 * np.exp(-0.5 * score), 80)
    event = group & (left < 40)
    rows, columns = undecided(x, ["score", "before", "group", "before by group"], ~event)
    assert (rows == group).all() and columns.tolist() == [True, True, False, False]
    # The score's number is what it is without the column; that of use before would be any, with an error.
    time = np.minimum(left, 40.0)
    held = cox(x[rows][:, columns], time[rows], event[rows])
    by_hand = cox(x[group][:, :2], time[group], event[group])
    np.testing.assert_allclose(held.coefficients, by_hand.coefficients, rtol=1e-12)
    with pytest.raises(NotEstimableError, match="what the score says"):
        undecided(np.column_stack([score, score * group, group]), ["score", "by group", "group"], ~event)
    # no score in front, and nothing to set apart: a repeated column goes all the same
    rows, columns = undecided(
        np.column_stack([0 * score, before, 2 * before + 1]), ["", "one", "other"], event
    )
    assert rows.all() and columns.tolist() == [True, True, False]


def test_numbers_of_clinics_stay_names_when_one_clinic_is_set_apart() -> None:
    clinic = np.repeat(np.arange(1, 21), 3)
    clinic[:6] = 1
    clinic[6:9] = 2
    frame = pd.DataFrame({"clinic": clinic, "done": np.where(clinic == 1, 0.0, 3.0), "due": 8.0})
    found, touched = without_decided(frame, ["clinic"], set(), pd.Series(True, index=frame.index))
    assert touched == ["clinic"]
    _, adjusters, codes = coded_columns(found, ["clinic"], set(), ["clinic"])
    assert codes == ["clinic"] and all(name.startswith("clinic:") for name in adjusters)


@pytest.mark.parametrize("seed", range(5))
def test_what_is_set_apart_leaves_a_maximum_and_nothing_else_is(seed: int) -> None:
    rng = np.random.default_rng(seed)
    site = rng.choice(4, 60, p=[0.1, 0.1, 0.3, 0.5])
    x = np.column_stack([rng.standard_normal(60), *(site == k for k in (1, 2, 3)), rng.random(60) < 0.5])
    terms = ["score", "site:1", "site:2", "site:3", "new"]
    reached = rng.random(60) < 0.5
    reached[site == seed % 4] = seed > 2
    rows, columns = undecided(x, terms, reached, ~reached)
    assert (~rows == (site == seed % 4)).all()
    assert columns[0] and columns[4] and columns.sum() == 4  # two of three columns of site are left
    left = np.column_stack([np.ones(rows.sum()), x[rows][:, columns]])
    assert np.linalg.matrix_rank(left) == left.shape[1]
    everybody = undecided(x, terms, np.ones(60, dtype=bool))
    assert everybody[0].all() and everybody[1].all()  # what holds of all is no matter of a group


def test_a_fit_without_columns_gets_their_places_back() -> None:
    fit = Fit(
        coefficients=np.array([9.0, 1.0, 2.0]),
        covariance=np.diag([1.0, 4.0, 9.0]),
        dispersion=1.0,
        df_resid=5.0,
        log_likelihood=0.0,
        n=7,
        alone=(2,),
    )
    found = with_places(fit, np.array([True, False, True]), 10)
    np.testing.assert_array_equal(found.coefficients, [9, 1, np.nan, 2])
    np.testing.assert_array_equal(found.se, [1, 2, np.nan, 3])
    assert (found.n, found.alone, found.df_resid) == (10, (3,), 5.0)


def table(**changes: Any) -> pd.DataFrame:
    made = {
        "sex": ["w", "m", "w", "m", "w", "m", "x"],
        "flag": [0, 0, 0, 0, 1, 0, 0],
        "age": [20.0, 31, 42, 53, 64, 75, 36],
        "done": [1.0, 2, 0, 8, 3, 4, 0],
        "due": 8.0,
    }
    return pd.DataFrame(made | changes)


def test_labels_of_people_who_are_all_alike_count_as_missing() -> None:
    everyone = pd.Series(True, index=range(7))
    found, touched = without_decided(table(), ["sex", "flag", "age"], {"age"}, everyone)
    assert touched == ["sex"] and found["sex"].isna().tolist() == [False] * 6 + [True]
    found, touched = without_decided(table(done=[1.0, 2, 0, 8, 8, 4, 3]), ["sex", "flag"], set(), everyone)
    assert touched == ["flag"] and found["flag"].isna().tolist() == [False] * 4 + [True, False, False]
    # whoever is not analysed anyway decides nothing
    found, touched = without_decided(table(), ["sex"], set(), everyone & (table()["sex"] != "x"))
    assert touched == []
    # where everyone did all that was due it is no matter of a label
    _, touched = without_decided(table(done=8.0), ["sex", "flag"], set(), everyone)
    assert touched == []
    # one label gone, the next may be alone: w is all that is left of those who did anything between
    found, touched = without_decided(table(done=[1.0, 0, 2, 0, 3, 0, 8]), ["sex"], set(), everyone)
    assert touched == ["sex"] and found["sex"].notna().tolist() == [
        True,
        False,
        True,
        False,
        True,
        False,
        False,
    ]


def test_by_week_those_count_who_were_seen_for_one() -> None:
    """Two people withdrew three days after the landmark: they are at risk, and have no week."""
    scores, before = log_of([])
    at_risk = before.people["at_risk"].astype(bool) & before.people["last_use_day"].between(24, 84)
    two = list(before.people.loc[at_risk, "participant"][:2])
    people = before.people.assign(
        end_day=before.people["end_day"].mask(before.people["participant"].isin(two), 31.0),
        disengaged=before.people["disengaged"].mask(before.people["participant"].isin(two), False),
        disengaged_after=before.people["disengaged_after"].mask(before.people["participant"].isin(two), 3.0),
    )
    side = scores[["participant"]].assign(sex=["woman" if k % 3 else "man" for k in range(N)])
    found = relate_adherence(scores, replace(before, people=people), STUDY, covariates=side)
    n = found.effects.set_index("model")["n"]
    assert n[MODELS[1]] == n[MODELS[2]] + 2
    assert found.fits.set_index("model").loc[MODELS[2], "n"] == n[MODELS[2]]


def test_no_number_depends_on_the_order_of_people() -> None:
    """The group without a column of its own was that of whoever stood first."""
    rng = np.random.default_rng(2)
    scores, usage = log_of([])
    side = scores[["participant"]].assign(sex=rng.choice(["woman", "man", "another"], N, p=[0.5, 0.35, 0.15]))
    side.loc[:1, "sex"] = "another"
    one = relate_adherence(scores, usage, STUDY, covariates=side)
    turned = replace(usage, people=usage.people[::-1].reset_index(drop=True))
    other = relate_adherence(scores[::-1], turned, STUDY, covariates=side[::-1].reset_index(drop=True))
    told = [r.coefficients.set_index(["model", "term"]) for r in (one, other)]
    assert set(told[0].index) == set(told[1].index) and "sex:woman" not in told[0].index.get_level_values(
        "term"
    )
    for name in ("estimate", "se"):
        np.testing.assert_allclose(told[1].loc[told[0].index, name], told[0][name], rtol=1e-5, atol=1e-7)
    assert levels_of(pd.Series(["b", "a", None, "c", "c", "a", "b"])) == ["a", "b", "c"]
    assert levels_of(pd.Series(["b", "a", "b"], dtype="category").cat.add_categories("z")) == ["b", "a"]
