"""The section on later use: error of measurement and repeated ratings, and everybody who is left out."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import pytest

import analysis
import instrument
from analysis.adherence.claims.claims import Claim
from analysis.adherence.design.windows import use_by_window
from analysis.adherence.dose.dose_response import DoseClaim
from analysis.adherence.over_time.g_formula import _claim as claim_of_course
from analysis.adherence.over_time.marginal_structural import _claim as claim_of_interval
from analysis.adherence.over_time.marginal_structural import marginal_structural
from analysis.adherence.over_time.marginal_waves import rows_of_waves
from analysis.pipeline.context import Context, build_context
from analysis.pipeline.topics import adherence
from analysis.pipeline.topics.adherence_dose import _tables as dose_tables
from analysis.pipeline.topics.adherence_dose import _told as dose_told
from analysis.pipeline.topics.adherence_dose import dose_of
from analysis.pipeline.topics.adherence_marginal import _strategies as strategies_of
from analysis.pipeline.topics.adherence_marginal import _told as told_of
from analysis.pipeline.topics.adherence_marginal import marginal_of
from analysis.pipeline.topics.adherence_measured import Part
from analysis.pipeline.topics.adherence_waves import FIRST_FOUND, NEW_FOUND, NOT_FOUND, rated_waves, waves_of
from analysis.pipeline.topics.use import usage_of
from analysis.report.claims import beside_each_other
from analysis.report.view import prose
from analysis.simulation.simulate_study import simulate_study
from instrument.errors import NotEstimableError
from instrument.study import as_study
from instrument.study_data import StudyData

SCALE = instrument.load("dta")
DRAW = np.random.default_rng(8).normal(size=(3, 80))
SMALL: dict[str, Any] = {
    "data": pd.DataFrame(
        {
            "participant": [*range(40)] * 2,
            "time": [1] * 40 + [2] * 40,
            "a": DRAW[0],
            "y": DRAW[1],
            "l": DRAW[2],
        }
    ),
    "exposure": "a",
    "outcome": "y",
    "varying": ["l"],
}
GIVEN = ("usage", "outcomes", "covariates", "study", "enrolment")


@pytest.fixture(scope="module")
def data() -> SimpleNamespace:
    """A study with people who withdrew, items and covariates that are missing, and people cut short."""
    made = simulate_study("dta_example", n=420, seed=6)
    rng = np.random.default_rng(1)
    covariates, responses = made.covariates.copy(), made.responses.copy()
    covariates.loc[rng.random(len(covariates)) < 0.08, "site"] = None
    gone = rng.random(len(responses)) < 0.12
    responses.loc[gone, list(SCALE.theme_items(SCALE.themes[-1].id))] = pd.NA
    return SimpleNamespace(
        **{name: getattr(made, name) for name in GIVEN}
        | {"covariates": covariates, "responses": responses, "marks": made.response_file}
    )


def context_of(data: SimpleNamespace, **changes: Any) -> Context:
    given = {name: getattr(data, name) for name in GIVEN} | {"responses": data.responses} | changes
    return build_context(StudyData(scale=SCALE, **given), seed=1)


@pytest.fixture(scope="module")
def context(data: SimpleNamespace) -> Context:
    return context_of(data)


@pytest.fixture(scope="module")
def section(context: Context) -> dict[str, Any]:
    return {**adherence.TOPIC.run(context).plain(), "status": "ok"}


def waves_in(context: Context, models: Context) -> Part:
    """What is said of repeated waves, the landmark models taken from a context that has fitted them."""
    found = adherence.related(models)
    titles = {name: context.title_of(name) for name in found.design["standard_deviations"]}
    return waves_of(context, found, "total", titles)


@pytest.fixture(scope="module")
def people(data: SimpleNamespace) -> pd.DataFrame:
    """Everybody enrolled with what the study knows of them, joined by pandas alone."""
    study = as_study(data.study)
    known = data.enrolment.assign(participant=data.enrolment["participant"].astype(str))
    last = known["withdrawn_day"].fillna(study.study_days).clip(upper=study.study_days)
    answers = data.responses.assign(participant=data.responses["participant"].astype(str))
    marks = data.marks.assign(participant=data.marks["participant"].astype(str))
    not_asked = SCALE.missing_codes["not_applicable"]
    wide = known[["participant"]].assign(last=last)
    for wave in ("week3", "week6"):
        here = answers[answers["wave"] == wave].set_index("participant")
        whole = pd.Series(True, index=here.index)
        for theme in SCALE.themes:
            block = here[list(SCALE.theme_items(theme.id))]
            file = marks[marks["wave"] == wave].set_index("participant")[block.columns]
            apply = block.shape[1] - (file.reindex(here.index).astype("Int64") == not_asked).sum(axis=1)
            whole &= (block.notna().sum(axis=1) >= 0.8 * apply - 1e-9) & (apply > 0)
        wide[wave] = wide["participant"].map(whole).fillna(False).astype(bool)
    side = data.covariates.assign(participant=data.covariates["participant"].astype(str))
    side = side.set_index("participant")[list(study.covariates)].notna().all(axis=1)
    base = data.outcomes.assign(participant=data.outcomes["participant"].astype(str))
    base = base.set_index("participant")[list(study.baseline)].notna().all(axis=1)
    for name, table in (("side", side), ("base", base)):
        wide[name] = wide["participant"].map(table).fillna(False).astype(bool)
    return wide.assign(complete=wide["side"] & wide["base"])


def due_between(last: pd.Series, start: float, end: float) -> pd.Series:
    """Weekly sessions whose whole week lies in a window while somebody was watched."""
    ends = np.arange(7, 85, 7)
    inside = ends[(ends > start) & (ends <= end)]
    return sum((week <= last).astype(int) for week in inside)


@pytest.mark.parametrize(("wave", "day", "end"), [("week3", 28, 49), ("week6", 49, 84)])
def test_everybody_is_counted_once_with_the_reason(
    section: dict[str, Any], people: pd.DataFrame, wave: str, day: int, end: int
) -> None:
    table = pd.DataFrame(section["tables"]["wave_people"]).set_index("wave").loc[wave]
    seen = people["last"] > day
    due = due_between(people["last"], day, end) > 0
    in_it = people[seen & due]
    want = {
        "people": len(people),
        "not_watched": int((~seen).sum()),
        "nothing_due": int((seen & ~due).sum()),
        "no_score": int((~in_it[wave]).sum()),
        "no_covariate": int((in_it[wave] & ~in_it["complete"]).sum()),
        "rated": int((in_it[wave] & in_it["complete"]).sum()),
    }
    assert {key: int(table[key]) for key in want} == want
    assert want["no_score"] > 20 and want["no_covariate"] > 5
    both = int((in_it[wave] & in_it["complete"] & in_it["week3"]).sum())
    assert int(table["first"]) == both
    assert pd.isna(table["history"]) if wave == "week3" else int(table["history"]) == both


def test_the_three_effects_rest_on_the_people_of_the_models(
    section: dict[str, Any], people: pd.DataFrame
) -> None:
    seen = people["last"] > 28
    due = due_between(people["last"], 28, 84) > 0
    counted = int((seen & due & people["week3"] & people["complete"]).sum())
    flow = dict(zip(section["tables"]["flow"]["id"], section["tables"]["flow"]["n"], strict=True))
    assert flow["analysed"] == counted == section["method"]["n"]
    assert section["tables"]["measured"]["n"] == [counted] * 3
    assert section["values"]["measured_people"] == counted
    without = ("withdrawn", "unwatched", "nothing_due", "no_score", "no_covariate")
    assert sum(flow[name] for name in without) + counted == flow["enrolled"] == len(people)


def test_values_are_those_of_the_analyses(section: dict[str, Any], data: SimpleNamespace) -> None:
    usage = analysis.summarise_usage(data.usage, data.study, participants=data.enrolment)
    names = ["total", *(theme.id for theme in SCALE.themes)]
    given = (usage, data.study, data.outcomes, data.covariates)
    latent = analysis.latent_adherence(data.responses, SCALE, *given, targets=["total"], scored=names)
    values, rows = section["values"], latent.effects.set_index("method")
    keys = {
        "observed": "observed score",
        "corrected": "corrected for unreliability",
        "latent": "latent variable",
    }
    for key, method in keys.items():
        for end, column in {"": "estimate", "_lower": "ci_lower", "_upper": "ci_upper"}.items():
            assert values[f"{key}{end}"] == pytest.approx(rows.loc[method, column], rel=1e-12)
    assert values["observed"] < values["corrected"]
    scores = instrument.score(data.responses, SCALE)
    waves = analysis.relate_waves(
        scores,
        data.usage,
        data.study,
        data.outcomes,
        data.covariates,
        participants=data.enrolment,
        predictors=names,
    )
    table = pd.DataFrame(section["tables"]["waves"]).set_index(["predictor", "rating"])
    wanted = waves.effects.set_index(["predictor", "rating"])
    assert len(table) == len(wanted) == 2 * len(names)
    for column in (
        "effect",
        "se",
        "ci_lower",
        "ci_upper",
        "df",
        "pvalue",
        "p_adjusted",
        "n_people",
        "n_ratings",
    ):
        np.testing.assert_allclose(table[column].reindex(wanted.index), wanted[column], rtol=1e-12)
    assert values["wave_first"] == wanted.loc[("total", "first rating"), "effect"]
    assert values["wave_new_people"] == wanted.loc[("total", "new rating"), "n_people"]


def test_words_stand_by_the_intervals(section: dict[str, Any]) -> None:
    said = prose(section)
    values = section["values"]
    first, new = (next(s for s in said if f"at {what} rating" in s) for what in ("the first", "a new"))
    for key, sentence, endings in (
        ("wave_first", first, tuple(FIRST_FOUND.values())),
        ("wave_new", new, (NEW_FOUND,)),
    ):
        holds_zero = values[f"{key}_lower"] <= 0 <= values[f"{key}_upper"]
        assert sentence.endswith(NOT_FOUND) is holds_zero
        assert any(sentence.endswith(ending) for ending in endings) is not holds_zero
    assert set(FIRST_FOUND) == set(Claim)
    assert any("error of measurement" in sentence for sentence in said)
    assert sum("association" in sentence for sentence in said) >= 2


def test_the_printed_block_says_what_the_tables_say(section: dict[str, Any]) -> None:
    lines = beside_each_other({"sections": {"adherence": section}})
    assert len(lines) == 9
    values, text = section["values"], "\n".join(lines)
    for key in ("observed", "corrected", "latent"):
        numbers = [f"{values[f'{key}{end}']:.2f}".replace("-", "−") for end in ("", "_lower", "_upper")]
        assert f"{numbers[0]} ({numbers[1]} to {numbers[2]}), {values['measured_people']}" in text
    number = f"{values['wave_new']:.1f}".replace("-", "−")
    assert f"rating, all use and ratings before it held constant  {number} (" in text
    assert beside_each_other({"sections": {}}) == []


def test_nothing_is_said_of_waves_where_one_was_rated(data: SimpleNamespace, context: Context) -> None:
    alone = context_of(data, responses=data.responses[data.responses["wave"] == "week3"])
    assert rated_waves(alone) == ["week3"]
    found = waves_in(alone, context)
    assert not found.tables and not found.sentences and not found.problems


def test_a_summary_alone_names_what_is_missing_and_a_reader_of_the_log_is_asked(
    data: SimpleNamespace, context: Context, section: dict[str, Any]
) -> None:
    usage = analysis.summarise_usage(data.usage, data.study, participants=data.enrolment)
    found = waves_in(context_of(data, usage=usage), context)
    assert not found.tables and not found.sentences
    assert found.problems[0].startswith("repeated ratings: the log was summarised before")
    asked: list[int] = []

    def by_wave() -> Any:
        asked.append(1)
        return use_by_window(data.usage, as_study(data.study), participants=data.enrolment, known=usage)

    again = waves_in(context_of(data, usage=usage, use_by_wave=by_wave), context)
    assert asked == [1]
    assert "weighted" in section["tables"]
    for name in ("waves", "wave_people"):
        assert again.tables[name].frame.to_dict("list") == section["tables"][name]


def test_only_waves_that_use_follows_count(context: Context) -> None:
    # the retest is no main wave, and week 12 closes with the study
    assert rated_waves(context) == ["week3", "week6"]


def test_weighted_ratings_are_those_of_the_public_function(
    data: SimpleNamespace, context: Context, section: dict[str, Any], people: pd.DataFrame
) -> None:
    table = pd.DataFrame(section["tables"]["weighted"])
    total = table[table["predictor"] == "total"].set_index(["model", "term"])
    assert set(table["predictor"]) == set(context.card.names)
    values = section["values"]
    row = total.loc["weighted", "this time"]
    assert values["weighted_now"] == row["estimate"] and values["weighted_waves"] == 2
    assert values["weighted_plain"] == total.loc["not weighted", "this time"]["estimate"]
    assert values["weighted_people"] == row["n_people"]
    # by pandas: use and ratings of each window beside each other, then the public function
    study = as_study(data.study)
    windows = use_by_window(data.usage, study, participants=data.enrolment)
    use = windows.use.assign(log_done=lambda t: np.log1p(t["done"].astype(float)))
    scores = context.card.scores.assign(participant=lambda t: t["participant"].astype(str))
    spread = scores.loc[scores["wave"].isin(["week3", "week6"]), "total"].astype(float).std()
    rows = use.merge(scores[["participant", "wave", "total"]], on=["participant", "wave"], how="left")
    first = use[use["wave"] == "week3"].set_index("participant")
    for name in ("percent", "log_done"):
        before = rows["participant"].map(first[name]).where(rows["wave"] == "week6")
        rows[f"{name}_before"] = before.fillna(0.0)
    rows["total"] = rows["total"].astype(float) / spread
    rows["early"] = np.log1p(rows["use_before"].astype(float))
    rows["idle"] = np.log1p(rows["idle_at_landmark"].astype(float).clip(upper=study.gap_days))
    side = data.covariates[["participant", *study.covariates]].merge(
        data.outcomes[["participant", *study.baseline]], on="participant"
    )
    rows = rows.merge(side.assign(participant=side["participant"].astype(str)), on="participant", how="left")
    made = analysis.marginal_structural(
        rows,
        exposure="total",
        outcome="percent",
        varying=["percent_before", "log_done_before"],
        baseline=["early", "idle", *study.covariates, *study.baseline],
        time="wave",
        times=["week3", "week6"],
        numbers=["early", "idle", *study.baseline, *study.numbers],
    )
    wanted = made.effects.set_index(["model", "term"])
    for name in ("n_people", "n_rows", "estimate", "se", "ci_lower", "ci_upper", "pvalue"):
        np.testing.assert_allclose(
            total[name].to_numpy(dtype=float), wanted[name].to_numpy(dtype=float), rtol=1e-6
        )
    assert total["claim"].tolist() == wanted["claim"].tolist()
    rated = scores[(scores["wave"] == "week3") & scores["total"].notna()]["participant"]
    here = people["participant"].isin(rated) & people["complete"]
    # a week must end after week 3 closes (day 28) while somebody is watched
    assert made.effects["n_people"].iloc[0] == int((here & (people["last"] >= 35)).sum())


@pytest.mark.parametrize("interval", [(-1.0, 3.0), (1.0, 3.0), (-3.0, -1.0)])
@pytest.mark.parametrize("sound", [True, False])
def test_weights_that_fail_never_carry_an_effect(interval: tuple[float, float], sound: bool) -> None:
    low, high = interval
    made = marginal_structural(**SMALL)
    effects = made.effects.assign(ci_lower=low, ci_upper=high)
    mine = (effects["model"] == "weighted").to_numpy()
    part = {"ci_lower": low, "ci_upper": high}
    effects.loc[mine, "claim"] = str(claim_of_interval(part, sound))
    checks = made.checks.assign(holds=sound)
    said, values = told_of(replace(made, effects=effects, checks=checks), "Total")
    for sentence in said:
        assert ("an effect only if" in sentence) == (sound and not low <= 0 <= high)
        assert ("cannot be told from these data, because the weights fail" in sentence) == (not sound)
        assert ("not found" in sentence) == (sound and low <= 0 <= high)
        assert "shown" not in sentence
    assert ("weighted_failing" in values) == (not sound)


def test_courses_under_strategies_are_those_of_the_public_function(
    data: SimpleNamespace, context: Context, section: dict[str, Any]
) -> None:
    windows = use_by_window(data.usage, as_study(data.study), participants=data.enrolment)
    given = (context.card.scores, "total", windows, as_study(data.study), data.outcomes, data.covariates)
    rows, how = rows_of_waves(*given)
    made = analysis.g_formula(rows, seed=context.seed, **how)
    whole = made.effects[made.effects["time"] == "all times"].set_index("strategy")
    values, table = section["values"], pd.DataFrame(section["tables"]["courses"])
    for key, strategy in (("course_higher", "higher by 0.5 SD"), ("course_floor", "at least the median")):
        for end in ("", "_lower", "_upper"):
            assert values[f"{key}{end}"] == pytest.approx(whole.loc[strategy, f"difference{end}"], rel=1e-9)
    np.testing.assert_allclose(table["mean"].astype(float), made.effects["mean"], rtol=1e-9)
    assert len(section["tables"]["natural_course"]["observed"]) == len(made.course)
    text = " ".join(prose(section))
    assert "0.5 standard deviations higher than it would come" in text and "none under the median" in text


@pytest.mark.parametrize("interval", [(-1.0, 3.0), (1.0, 3.0), (-3.0, -1.0)])
@pytest.mark.parametrize("sound", [True, False])
def test_courses_that_fail_their_checks_never_carry_an_effect(
    interval: tuple[float, float], sound: bool
) -> None:
    low, high = interval
    made = analysis.g_formula(**SMALL, draws=20)
    effects = made.effects.assign(difference_lower=low, difference_upper=high)
    effects["claim"] = str(claim_of_course(low, high, sound=sound))
    checks = made.checks.assign(holds=sound)
    said, values = strategies_of(replace(made, effects=effects, checks=checks), "Total")
    assert len(said) == 3
    for sentence in said[1:]:
        assert ("an effect only if" in sentence) == (sound and not low <= 0 <= high)
        assert ("cannot be told from these data" in sentence) == (not sound)
        assert ("not found" in sentence) == (sound and low <= 0 <= high)
    assert ("course_failing" in values) == (not sound)


def test_one_wave_says_why_ratings_were_not_weighed(data: SimpleNamespace) -> None:
    alone = context_of(data, responses=data.responses[data.responses["wave"] == "week3"])
    part = marginal_of(alone, {"total": "Total"}, "total")
    assert not part.tables and not part.values
    assert len(part.sentences) == 1 and "needs ratings at two waves or more" in part.sentences[0]


def test_use_and_outcome_are_those_of_the_public_function(
    data: SimpleNamespace, context: Context, section: dict[str, Any]
) -> None:
    study = as_study(data.study)
    people = analysis.summarise_usage(data.usage, data.study, participants=data.enrolment).people
    people = people[people["end_day"].astype(float) >= study.study_days]
    side = data.outcomes[["participant", str(study.outcome), *study.baseline]].merge(
        data.covariates[["participant", *study.covariates]], on="participant", how="outer"
    )
    rows = people[["participant", "completed_whole"]].merge(side, on="participant", how="left")
    made = analysis.dose_response(
        rows,
        dose="completed_whole",
        outcome=str(study.outcome),
        numbers=[*study.baseline, *study.numbers],
        adjust_for=[*study.baseline, *study.covariates],
    )
    values, tables = section["values"], section["tables"]
    assert values["dose_people"] == made.design["n"] and values["dose_p"] == made.tests["pvalue"].iloc[0]
    curve = pd.DataFrame(tables["dose_curve"])
    inside = made.curve[(made.curve["share_beyond"] * made.design["n"]).round() >= 5]
    assert 0 < len(curve) == len(inside)
    for name in ("dose", "estimate", "ci_lower", "ci_upper", "band_lower", "band_upper"):
        np.testing.assert_allclose(curve[name], inside[name], rtol=1e-9)
    assert (curve["supported"] == np.where(inside["supported"], "yes", "no")).all()
    for name in ("at", "corrected", "ci_lower", "ci_upper", "pvalue"):
        assert tables["dose_threshold"][name][0] == pytest.approx(made.threshold[name].iloc[0])
    assert tables["dose_threshold"]["claim"] == made.threshold["claim"].tolist()


def test_the_amount_of_use_is_of_people_watched_to_the_end_whoever_else_has_an_outcome(
    data: SimpleNamespace, context: Context, monkeypatch: pytest.MonkeyPatch
) -> None:
    study = as_study(data.study)
    everybody = data.enrolment["participant"]
    outcomes = data.outcomes.set_index("participant").reindex(everybody).fillna(1.0).reset_index()
    seen: list[Any] = []

    def kept(frame: pd.DataFrame, **options: Any) -> Any:
        seen.append((frame, options))
        raise NotEstimableError("dose_response: enough was seen.")

    monkeypatch.setattr("analysis.adherence.dose.dose_response.dose_response", kept)
    part = dose_of(context_of(data, outcomes=outcomes))
    assert part.problems and not part.sentences
    frame, options = seen[0]
    people = usage_of(context).people
    stayed = people.loc[people["end_day"].astype(float) >= study.study_days, "participant"].astype(str)
    assert 0 < len(stayed) < len(people) and frame["participant"].tolist() == stayed.tolist()
    assert frame[str(study.outcome)].notna().all()
    assert options["adjust_for"] == [*study.baseline, *study.covariates]
    assert options["numbers"] == [*study.baseline, *study.numbers]


def test_a_study_without_outcome_says_that_it_was_not_asked(data: SimpleNamespace) -> None:
    part = dose_of(context_of(data, outcomes=None))
    assert not part.tables and len(part.sentences) == 1 and "not related to an outcome" in part.sentences[0]


@pytest.mark.parametrize("step", [0.0, 1.5])
@pytest.mark.parametrize("slope", [0.0, 0.4])
def test_a_threshold_is_told_only_where_it_is_claimed(step: float, slope: float) -> None:
    rng = np.random.default_rng(3)
    use = rng.gamma(4, 2, 300).round(1)
    table = pd.DataFrame({"use": use, "y": slope * use + step * (use >= 8) + rng.normal(size=300)})
    made = analysis.dose_response(table, dose="use", outcome="y", draws=50)
    said, values = dose_told(made, "sessions")
    claimed = made.threshold["claim"].iloc[0] == str(DoseClaim.FOUND)
    assert claimed == (step > 0 and slope == 0)
    assert any("fits better than a line or a curve: above it" in text for text in said) == claimed
    assert ("dose_reason" in values) != claimed
    assert ("no association was found" in said[0]) == (made.tests["pvalue"].iloc[0] >= 0.05)


def test_what_of_the_outcome_was_held_constant_is_said_only_where_something_was() -> None:
    rng = np.random.default_rng(4)
    table = pd.DataFrame({"use": rng.gamma(4, 2, 100).round(1), "y": rng.normal(size=100)}).assign(
        age=rng.random(100)
    )
    for held, words, title in (
        ([], "with nothing held constant", "(sessions)"),
        (["age"], "with the declared baseline and covariates held constant", "(sessions), adjusted"),
    ):
        made = analysis.dose_response(table, dose="use", outcome="y", adjust_for=held, draws=50)
        assert words in dose_told(made, "sessions")[0][0]
        assert dose_tables(made, "sessions")["dose_curve"].title == f"Outcome by amount of use {title}"
