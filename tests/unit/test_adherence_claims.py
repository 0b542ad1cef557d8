"""An association is called supported only where hidden causes, one habit and silence cannot feign it."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import pytest
import statsmodels.api as sm

from analysis.adherence.claims.claims import MEDIUM, Claim, Doubt, Standing, standing
from analysis.adherence.claims.robustness import as_strong_as, left_by, partial_r2, robustness_value
from analysis.adherence.design import controls
from analysis.adherence.design.controls import one_cause
from analysis.adherence.design.early_use import early_use
from analysis.adherence.models.binomial import quasi_binomial
from analysis.adherence.models.context import REMAINING
from analysis.pipeline.topics.adherence_claims import claim_of, standing_table
from analysis.report.claims import claimed
from instrument.common.formatting import fill_prose
from tests.recovery.held_controls import CONTROLS
from tests.recovery.held_page import PAGE, TABLE, page
from tests.recovery.held_populations import POPULATIONS, Held, Table, clinics, simple
from tests.recovery.held_recovery import batch, one
from tests.recovery.held_signs import SIGNS, STYLE
from tests.recovery.held_strangers import TRUE


def slope(x: np.ndarray, y: np.ndarray, j: int = 1) -> tuple[float, float, float]:
    b, rss = np.linalg.lstsq(x, y, rcond=None)[:2]
    df = len(y) - x.shape[1]
    return float(b[j]), float(np.sqrt(rss[0] / df * np.linalg.inv(x.T @ x)[j, j])), float(df)


@pytest.mark.parametrize("seed", range(5))
def test_a_bound_is_exact_where_the_hidden_cause_is_known(seed: int) -> None:
    """Bias = se √df √(R²_use R²_score / (1 − R²_score)) is an identity of least squares."""
    rng = np.random.default_rng(seed)
    n = 80
    z, hidden = rng.standard_normal((2, n))
    d = 0.4 * z + 0.5 * hidden + rng.standard_normal(n)
    y = 0.3 * d + 0.2 * z + 0.6 * hidden + rng.standard_normal(n)
    one_ = np.ones(n)
    short, full = np.column_stack([one_, d, z]), np.column_stack([one_, d, z, hidden])
    b, se, df = slope(short, y)
    with_it, se_with, _ = slope(full, y)
    of_d = partial_r2(d, hidden[:, None], np.column_stack([one_, z]))
    of_y = partial_r2(y, hidden[:, None], short)
    assert abs(b - with_it) == pytest.approx(se * np.sqrt(df) * np.sqrt(of_y * of_d / (1 - of_d)), rel=1e-10)
    assert se_with == pytest.approx(se * np.sqrt((1 - of_y) / (1 - of_d)) * np.sqrt(df / (df - 1)), rel=1e-10)
    # a cause of exactly the robustness value with both takes everything away
    rv = robustness_value(b / se, df)
    assert se * np.sqrt(df) * np.sqrt(rv**2 / (1 - rv)) == pytest.approx(abs(b), rel=1e-10)


def test_the_bound_by_a_measured_cause_is_the_published_one() -> None:
    """Cinelli & Hazlett (2020), Darfur: 13.9 %, 7.6 %; as strong as being female: 0.9 %, 12.5 %, 0.075."""
    assert robustness_value(4.184, 783) == pytest.approx(0.139, abs=5e-4)
    assert robustness_value(4.184, 783, 0.95) == pytest.approx(0.076, abs=5e-4)
    assert robustness_value(1.0, 783, 0.95) == 0.0
    left = as_strong_as(0.09732, 0.02326, 783, 0.00908, 0.1093)
    assert (left.r2_score, left.r2_use) == pytest.approx((0.0092, 0.125), abs=5e-4)
    assert (left.estimate, left.se, left.t) == pytest.approx((0.075, 0.0219, 3.44), abs=6e-3)
    mirrored = as_strong_as(-0.09732, 0.02326, 783, 0.00908, 0.1093)
    assert (mirrored.estimate, mirrored.t) == pytest.approx((-left.estimate, left.t))
    assert as_strong_as(0.1, 0.02, 100, 1.0, 0.1).t == -np.inf
    assert as_strong_as(0.1, 0.02, 100, 0.0, 0.5).estimate == pytest.approx(0.1)


def claims(held: Held, studies: int, seed: int = 4) -> list[Standing]:
    drawn, usage, plan = batch(held, np.random.SeedSequence(seed), studies)
    found = []
    for k in range(studies):
        run = one(drawn, usage, plan, slice(k * held.n, (k + 1) * held.n), (REMAINING,))
        if run.standing is not None:
            found.append(run.standing)
    return found


@pytest.mark.parametrize(
    ("name", "doubt", "least_found"),
    [
        ("a hidden habit", Doubt.HABIT, 12),
        ("sicker people leave and rate lower, severity hidden", Doubt.SILENCE, 2),
        ("silence depends on rating and on later use", Doubt.SILENCE, 1),
    ],
)
def test_what_nobody_measured_does_not_pass_for_an_effect(name: str, doubt: Doubt, least_found: int) -> None:
    found = claims(POPULATIONS[name], 16)
    seen = [mine for mine in found if mine.claim is not Claim.NOT_FOUND]
    assert len(seen) >= least_found
    assert all(mine.claim is Claim.UNTOLD for mine in seen)
    assert sum(doubt in mine.doubts for mine in seen) >= len(seen) - 1


@pytest.mark.parametrize(
    "name", ["a new version changes ratings and use", "a month of holidays lowers ratings and use"]
)
def test_what_happens_to_an_app_on_one_day_is_no_effect_of_alliance(name: str) -> None:
    """A smooth curve of the time of enrolment rejects in 17 and 70 % of such studies."""
    found = claims(POPULATIONS[name], 24)
    assert sum(mine.claim is Claim.NOT_FOUND for mine in found) >= 20


def test_a_hidden_cause_may_be_stronger_than_all_that_was_measured() -> None:
    found = claims(POPULATIONS["something befalls people shortly before the rating"], 8)
    assert sum(mine.benchmark == MEDIUM for mine in found) >= 4


def test_who_never_came_has_a_column_of_their_own() -> None:
    count = np.repeat([0.0, 3.0, 9.0, 40.0], 15)
    frame = pd.DataFrame(
        {
            "use_before": count,
            "active_days_before": np.sqrt(count),
            "idle_at_landmark": np.tile([1.0, 9.0], 30),
        }
    )
    everybody = np.ones(60, dtype=bool)
    made = early_use(frame, everybody, 14.0).columns
    assert made["use_before, none"].tolist() == (count == 0).astype(float).tolist()
    few = early_use(frame.iloc[10:], everybody[10:], 14.0).columns
    assert "use_before, none" not in few


def test_what_is_told_of_a_cause_of_medium_size_is_what_such_a_cause_does() -> None:
    """The t value left, by refitting with a hidden column built to explain .09 of score and of use."""
    rng = np.random.default_rng(8)
    n = 400
    d, y, u = rng.standard_normal((3, n))
    ones = np.ones((n, 1))
    d, y, u = (column - column.mean() for column in (d, y, u))
    y = y + 0.4 * d
    short = np.column_stack([ones, d])
    b, se, df = slope(short, y)
    own = y - short @ np.linalg.lstsq(short, y, rcond=None)[0]
    u = u - np.column_stack([short, own]) @ np.linalg.lstsq(np.column_stack([short, own]), u, rcond=None)[0]
    # of the score .09, and of what score and constant leave of use .09
    part = np.sqrt(0.09) * own / np.linalg.norm(own) + np.sqrt(0.91) * u / np.linalg.norm(u)
    hidden = np.sqrt(0.09) * d / np.linalg.norm(d) + np.sqrt(0.91) * part
    with_it, se_with, _ = slope(np.column_stack([short, hidden]), y)
    assert partial_r2(d, hidden[:, None], ones) == pytest.approx(0.09, abs=1e-9)
    assert partial_r2(y, hidden[:, None], short) == pytest.approx(0.09, abs=1e-9)
    left = left_by(b, se, df, 0.09, 0.09)
    assert (left.estimate, left.se, left.t) == pytest.approx((with_it, se_with, with_it / se_with), rel=1e-9)


def test_an_effect_apart_from_early_use_is_supported_and_one_tied_to_it_is_not() -> None:
    apart = claims(Held(draw=simple(mean=5.0, effect=0.5, strength=0.0), n=600), 12)
    assert not any(mine.claim is Claim.SUPPORTED for mine in apart)
    assert sum(mine.doubts == (Doubt.NO_CONTROL, Doubt.NO_RATING) for mine in apart) >= 10
    named = claims(CONTROLS["true effect, unrelated use is known"], 4)
    assert sum(mine.doubts == (Doubt.NO_RATING,) for mine in named) >= 3
    both = claims(SIGNS[TRUE + STYLE], 8)
    assert sum(mine.claim is Claim.SUPPORTED for mine in both) >= 3
    tied = claims(Held(draw=simple(mean=5.0, effect=0.5, strength=0.6), n=600), 12)
    assert {mine.claim for mine in tied} == {Claim.UNTOLD}


def test_the_sign_of_the_score_changes_no_claim() -> None:
    held = Held(draw=simple(mean=5.0, effect=0.5, strength=0.1), n=400)
    drawn, usage, plan = batch(held, np.random.SeedSequence(2), 1)
    run = one(drawn, usage, plan, slice(0, 400), (REMAINING,))
    x, done, due = run._binomial_data()
    turned = x.copy()
    turned[:, 1] *= -1
    plain, other = (standing(run._design, c, quasi_binomial(c, done, due), 0.95) for c in (x, turned))
    assert (plain.claim, plain.doubts, plain.silent) == (other.claim, other.doubts, other.silent)
    for field in ("robustness", "benchmark_t", "habit", "habit_lower"):
        assert getattr(plain, field) == pytest.approx(getattr(other, field), rel=1e-6)
    assert (plain.before, plain.after) == pytest.approx((-other.before, -other.after))


@pytest.mark.parametrize(("p", "doubted"), [(0.0499, False), (0.0501, True), (float("nan"), False)])
def test_an_undeclared_column_is_a_doubt_from_the_level_of_the_analysis_on(
    p: float, doubted: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    held = Held(draw=simple(mean=5.0, effect=0.5, strength=0.1), n=200)
    drawn, usage, plan = batch(held, np.random.SeedSequence(2), 1)
    run = one(drawn, usage, plan, slice(0, 200), (REMAINING,))
    x, done, due = run._binomial_data()
    monkeypatch.setattr("analysis.adherence.claims.claims._by_column", lambda *_: ("site", p))
    found = standing(run._design, x, quasi_binomial(x, done, due), 0.95, found=True)
    assert (Doubt.COLUMN in found.doubts) is doubted and found.column == "site"


class Found:
    def __init__(self, claim: Claim, doubts: str, slope: float = 0.3) -> None:
        row: dict[str, Any] = {"predictor": "total", "claim": str(claim), "doubts": doubts}
        row |= {"benchmark": "use before the landmark", "robustness": 0.2, "robustness_limit": 0.08}
        row |= {"feature": "radio", "feature_r": 0.07, "earlier": 0.19, "found": doubts != "lost use"}
        row |= {"column": "site"}
        row |= {"rating": "telephone", "rating_r": 0.02, "rating_score": 0.31, "lost": "30 ids are nobody's"}
        self.standing = pd.DataFrame([{**row, "before": 0.14, "after": 0.24, "grouping": "clinic"}])
        effect = {"model": REMAINING, "predictor": "total", "coefficient": slope}
        self.effects = pd.DataFrame([effect, {**effect, "model": "another", "coefficient": -slope}])


@pytest.mark.parametrize(
    ("claim", "doubts", "said"),
    [
        (Claim.NOT_FOUND, "", ["not found", "does not show that there is no association"]),
        (
            Claim.SUPPORTED,
            "",
            [
                "supported",
                "as strong as use before the landmark",
                "8.0%",
                "set apart from use of radio",
                "correlation with the score .07",
                "leaves radio and the rating of telephone alone gives the same picture without an effect",
                "and from the rating of telephone, which has no reason to move use",
                "with the score .31",
                "whatever the app or its people did in answer to a rating, such as a message",
            ],
        ),
        (
            Claim.UNTOLD,
            "habit",
            ["cannot be told from these data", ".14 with use before, .24 with use after"],
        ),
        (Claim.UNTOLD, "benchmark, silence", ["as strong as use before the landmark", "without a score, or"]),
        (Claim.UNTOLD, "before enrolment", ["use before enrolment (correlation .19", "no rating can have"]),
        (Claim.UNTOLD, "unrelated use", ["use of radio", "afterwards .07", "one hidden cause of all use"]),
        (
            Claim.UNTOLD,
            "no negative control",
            ["It survives", "names no feature of the app", "a relapse", "fades at a pace of one's own"],
        ),
        (Claim.UNTOLD, "groups", ["people of one clinic may be alike", "declare it as cluster"]),
        (
            Claim.UNTOLD,
            "unrelated rating",
            ["the rating of telephone", "with the score .31, with later use .02"],
        ),
        (Claim.UNTOLD, "no unrelated rating", ["It survives", "a need that comes up", "(unrelated_rating)"]),
        (
            Claim.UNTOLD,
            "no negative control, no unrelated rating",
            ["It survives", "(unrelated_kind)", "(unrelated_rating)"],
        ),
        (Claim.UNTOLD, "habit, no unrelated rating", ["was found, but the score goes with", "a need that"]),
        (Claim.UNTOLD, "undeclared column", ["with site held constant, which nobody declared"]),
        (Claim.UNTOLD, "withdrawal", ["who withdrew from the study goes with the score", "use was found"]),
        (Claim.UNTOLD, "lost use", ["None was found, but", "missing from it: 30 ids are nobody's"]),
    ],
)
def test_each_claim_is_said_in_its_own_words(claim: Claim, doubts: str, said: list[str]) -> None:
    made = claim_of(Found(claim, doubts), "total", {"total": "Total"})  # type: ignore[arg-type]
    headline, cause = (fill_prose(sentence, made.values) for sentence in made.sentences)
    assert all(part in headline for part in said)
    assert "Total" in headline and "{" not in headline + cause
    assert ("supported" in headline) == (claim is Claim.SUPPORTED)
    assert ("cannot be told" in headline) == (claim is Claim.UNTOLD)
    assert "not shown by these data either way" in cause
    assert set(made.kinds) == set(made.values)


def test_where_the_model_fails_it_is_said_that_nothing_can_be_told() -> None:
    """Other numbers stood there, one of them with an interval above zero, and no word of what may be said."""
    none = SimpleNamespace(standing=pd.DataFrame({"predictor": ["mood"], "claim": [str(Claim.NOT_FOUND)]}))
    made = claim_of(none, "total", {"total": "Total"})  # type: ignore[arg-type]
    headline, cause = (fill_prose(sentence, made.values) for sentence in made.sentences)
    assert headline.startswith("Whether Total goes with later use for a reason of its own cannot be told")
    assert "could not be estimated" in headline and "not shown by these data either way" in cause
    assert set(made.kinds) == set(made.values)
    section = {"status": "ok", "prose": made.sentences, "values": made.values}
    assert claimed({"sections": {"adherence": section}}) == [headline, cause]


@pytest.mark.parametrize(("slope", "words"), [(0.3, "more"), (-0.3, "less")])
@pytest.mark.parametrize(
    ("claim", "doubts", "before"),
    [
        (Claim.SUPPORTED, "", "goes with"),
        (Claim.UNTOLD, "habit", "association with"),
        (Claim.UNTOLD, "no negative control", "association with"),
    ],
)
def test_whoever_reads_a_claim_is_told_whether_use_rises_or_falls(
    slope: float, words: str, claim: Claim, doubts: str, before: str
) -> None:
    made = claim_of(Found(claim, doubts, slope), "total", {"total": "Total"})  # type: ignore[arg-type]
    assert f"{before} {words} " in fill_prose(made.sentences[0], made.values)


def test_each_heading_of_the_table_of_claims_stands_over_its_own_numbers() -> None:
    heads = {
        "Robustness value": "robustness",
        "of the interval": "robustness_limit",
        "Strongest cause asked of": "benchmark",
        "t, were a hidden one as strong": "benchmark_t",
        "r with use before": "before",
        "r with use after": "after",
        "Beyond one habit, lower limit": "habit_lower",
        "p, silence": "silent_p",
        "p, by undeclared groups": "grouping_p",
        "p, with an undeclared column": "column_p",
        "r with unrelated use": "feature_r",
        "Beyond one cause of all use, lower limit": "feature_lower",
        "p, use before enrolment": "earlier_p",
        "r of unrelated rating with use after": "rating_r",
        "Beyond one cause of ratings, lower limit": "rating_lower",
        "p, withdrawal": "withdrawal_p",
    }
    found = Found(Claim.UNTOLD, "habit")
    more = ["silent", "found", "rating_people", "withdrew", "lost"]
    columns = list(dict.fromkeys([*found.standing, *heads.values(), *more]))
    standing = pd.DataFrame([[f"of {name}" for name in columns]], columns=columns).assign(predictor="total")
    table = standing_table(SimpleNamespace(standing=standing), {"total": "Total"})  # type: ignore[arg-type]
    told = {head: table.frame[name].iloc[0] for name, (head, _) in table.columns.items()}
    assert told == {
        **{head: f"of {name}" for head, name in heads.items()},
        **{"Score": "Total", "Claim": "of claim", "Doubts": "of doubts"},
    }


def test_the_page_of_populations_is_what_its_table_holds() -> None:
    """Where the rating does nothing, nothing is called supported in more than one study of twenty."""
    assert PAGE.read_text(encoding="utf-8") == page()
    rows = pd.read_csv(TABLE)
    null = rows[(rows["truth"] == 0) & rows["supported"].notna()]
    assert len(null) > 75 and (null["supported"] <= 0.05).all()


def test_a_habit_can_look_exactly_as_the_true_effect_does() -> None:
    """No rule on score, use before and use after can call the one supported and the other not."""
    pairs = []
    for name in ("true effect", "a hidden habit with the correlations of the true effect"):
        drawn = POPULATIONS[name].draw(np.random.default_rng(7), 150_000, np.zeros(150_000, dtype=int))
        columns = np.array([np.log1p(drawn.sessions_before), drawn.score, drawn.sessions_after])
        r = np.corrcoef(columns)[np.triu_indices(3, 1)]
        pairs.append([*r, drawn.sessions_after.mean(), drawn.sessions_after.std()])
    effect, habit = np.array(pairs)
    np.testing.assert_allclose(habit[:3], effect[:3], atol=0.015)
    np.testing.assert_allclose(habit[3:], effect[3:], rtol=0.01)


def in_clinics(rng: np.random.Generator, m: int, study: Table) -> Any:
    """Clinics differ in ratings and use; the rating is apart from early use."""
    drawn = clinics(rng, m, study)
    drawn.covariates = {"clinic": np.array([f"site {k}" for k in drawn.covariates["clinic"]])}
    return drawn


def test_groups_that_nobody_declared_are_a_doubt() -> None:
    """People of twelve clinics that rate and use alike: t is large, and nothing once clinics count as one."""
    rng = np.random.default_rng(5)

    def draw(_rng: np.random.Generator, m: int, _study: Table) -> Any:
        made = simple(mean=5.0, strength=0.0)(rng, m, _study)
        place = rng.integers(0, 12, m)
        level = np.array([1.6, -1.6, 1.2, -1.2, *np.zeros(8)])[place]
        made.score = level + 0.5 * rng.standard_normal(m)
        p = 1 / (1 + np.exp(-level))
        made.sessions_after = rng.binomial(8, p)
        made.covariates = {"clinic": np.array([f"site {k}" for k in place])}
        return made

    (undeclared,) = claims(Held(draw=draw, n=240), 1)
    assert undeclared.grouping == "clinic" and np.isfinite(undeclared.grouping_p)
    (declared,) = claims(Held(draw=draw, n=240, study={"covariates": ["clinic"]}), 1)
    assert declared.grouping == "" and np.isnan(declared.grouping_p)


def test_a_doubt_by_groups_follows_the_p_value_by_groups() -> None:
    held = Held(draw=in_clinics, n=300)
    found = claims(held, 12, seed=9)
    assert all(mine.grouping == "clinic" for mine in found)
    for mine in found:
        expected = mine.claim is not Claim.NOT_FOUND and mine.grouping_p > 0.05
        assert (Doubt.GROUPS in mine.doubts) is expected


@pytest.mark.parametrize(
    ("name", "doubt", "least"),
    [
        (
            "something grave befalls people shortly before the rating, unrelated use is known",
            Doubt.CONTROL,
            10,
        ),
        (
            "use fades at a pace of one's own, which moves the rating, unrelated use is known",
            Doubt.CONTROL,
            10,
        ),
        ("a habit of before enrolment, which the log holds", Doubt.EARLIER, 8),
    ],
)
def test_use_that_no_rating_can_have_moved_shows_a_hidden_cause(name: str, doubt: Doubt, least: int) -> None:
    found = claims(CONTROLS[name], 12)
    assert not any(mine.claim is Claim.SUPPORTED for mine in found)
    assert sum(doubt in mine.doubts for mine in found) >= least


def test_the_controls_are_partial_correlations_worked_out_apart() -> None:
    """By residuals of least squares; p by statsmodels; the error of the difference by a jackknife."""
    rng = np.random.default_rng(3)
    n = 240
    hold = np.column_stack([np.ones(n), rng.standard_normal((n, 2))])
    hidden = rng.standard_normal(n)
    score = 0.4 * hidden + hold[:, 1] + rng.standard_normal(n)
    due = np.full(n, 8.0)
    use = rng.binomial(8, 1 / (1 + np.exp(-hidden - 0.3 * hold[:, 2]))) / 8
    feature = -(0.5 * hidden + rng.standard_normal(n))

    def plain(rows: np.ndarray) -> float:
        left = [
            column[rows] - sm.OLS(column[rows], hold[rows]).fit().fittedvalues
            for column in (score, use, feature)
        ]
        r = np.corrcoef(left)
        m, noise = len(rows), (use[rows] * (1 - use[rows]) / 7).mean()
        own = np.sqrt(1 - (1 - r[1, 2] ** 2) * (m - 1) / (m - 2))
        share = 1 - noise / left[1].var()
        return float(abs(r[0, 1]) * own - share * np.sign(r[0, 1]) * np.sign(r[1, 2]) * r[0, 2])

    found = one_cause(feature[:, None], score, use, hold, due)
    everybody = np.arange(n)
    assert found.value == pytest.approx(plain(everybody), rel=1e-9)
    dropped = np.array([plain(np.delete(everybody, k)) for k in range(n)])
    by_jackknife = np.sqrt((n - 1) / n * ((dropped - dropped.mean()) ** 2).sum())
    assert found.se == pytest.approx(by_jackknife, rel=0.06)
    r, p = controls.partial_correlation(score, feature, hold)
    fitted = sm.OLS(score, np.column_stack([hold, feature])).fit()
    assert p == pytest.approx(float(fitted.pvalues[-1]), rel=1e-9) and r < 0


@pytest.mark.parametrize(
    ("used", "asked"),
    [
        (np.repeat([0.0, 2.0], [33, 7]), False),
        (np.repeat([0.0, 2.0], [30, 10]), True),
        (np.repeat([1.0, 2.0], [37, 3]), False),
        (np.zeros(40), False),
    ],
)
def test_a_feature_that_hardly_anybody_used_is_no_control(used: np.ndarray, asked: bool) -> None:
    assert controls._told_apart(np.log1p(used)) is asked
