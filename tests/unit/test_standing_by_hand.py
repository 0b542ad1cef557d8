"""Each doubt of a claim at its edge, and the numbers it rests on, worked out with statsmodels or by hand."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import pytest
import statsmodels.api as sm
from scipy import stats

from analysis.adherence.claims import claims as told
from analysis.adherence.claims import watch as watching
from analysis.adherence.claims.claims import EARLY, MEDIUM, MEDIUM_SHARE, Claim, Doubt, causes_of, standing
from analysis.adherence.claims.robustness import as_strong_as, left_by
from analysis.adherence.design.controls import OneCause
from analysis.adherence.models.binomial import quasi_binomial
from instrument.errors import NotEstimableError

N, DF, LEVEL = 40, 30.0, 0.95
NEEDED = float(stats.t.ppf(0.975, DF))
X = np.column_stack([np.ones(N), np.linspace(-1, 1, N), np.cos(np.arange(N)), np.sin(3.0 * np.arange(N))])


def cause(lower: float) -> OneCause:
    """Of which the lower limit is a number given."""
    return OneCause(value=lower + float(stats.norm.ppf(0.975)) * 0.1, se=0.1, with_other=0.21, with_use=0.34)


def stand(monkeypatch: pytest.MonkeyPatch, *, t: float = 3.0, found: bool | None = None, **given: Any) -> Any:
    """A standing whose parts are given; the rest raise no doubt."""
    said = {
        "left": 2.5,
        "habit": cause(0.01),
        "silence": (4, 0.5, 0.0),
        "groups": ("", float("nan")),
        "column": ("", float("nan")),
        "feature": cause(0.01),
        "rating": cause(0.01),
        "earlier": 0.5,
        "watch": watching.Watch(gone=0, pvalue=float("nan"), change=float("nan")),
        "lost": "",
    } | given
    seen: dict[str, Any] = {}
    monkeypatch.setattr(told, "_benchmark", lambda *_: ("early use", said["left"]))

    def one_cause(early: Any, score: Any, share: Any, others: Any, due: Any) -> OneCause:
        seen.update(early=early, score=score, share=share, others=others)
        return said["habit"]

    monkeypatch.setattr(told, "one_cause", one_cause)
    monkeypatch.setattr(told, "_silence", lambda *_: said["silence"])
    monkeypatch.setattr(told, "_by_groups", lambda *_: said["groups"])
    monkeypatch.setattr(told, "_by_column", lambda *_: said["column"])
    monkeypatch.setattr(told, "watch_by_score", lambda *_: said["watch"])
    of = SimpleNamespace(
        feature="radio",
        of_feature=said["feature"],
        earlier=0.1,
        earlier_p=said["earlier"],
        rating="telephone",
        rating_people=33,
        rating_r=0.02,
        rating_p=0.7,
        rating_score=0.3,
        of_rating=said["rating"],
    )
    monkeypatch.setattr(told, "controls_of", lambda *_: of)
    frame = pd.DataFrame({"due": np.full(N, 8.0), "done": np.arange(N) % 9.0})
    design: Any = SimpleNamespace(frame=frame, early=["use_before"], adjusters=["use_before", "age"])
    design.lost = said["lost"]
    fit: Any = SimpleNamespace(
        coefficients=np.array([0.0, t * 0.2, 0, 0]), se=np.array([1, 0.2, 1, 1]), df_resid=DF
    )
    made = standing(design, X, fit, LEVEL, found=found)
    return made, seen


def test_without_a_doubt_what_was_found_is_supported_with_the_numbers_it_rests_on(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    made, seen = stand(monkeypatch, watch=watching.Watch(gone=9, pvalue=0.3, change=0.05))
    assert (made.claim, made.doubts, made.found) == (Claim.SUPPORTED, (), True)
    assert made.partial_r2 == pytest.approx(9 / 39) and made.robustness > made.robustness_limit > 0
    assert (made.benchmark, made.benchmark_t, made.silent, made.silent_p) == ("early use", 2.5, 4, 0.5)
    assert (made.before, made.after, made.feature_r) == (0.21, 0.34, 0.21)
    assert made.habit_lower == pytest.approx(0.01) and made.feature_lower == pytest.approx(0.01)
    assert made.rating_lower == pytest.approx(0.01) and made.habit > made.habit_lower
    assert (made.earlier, made.earlier_p) == (0.1, 0.5)
    assert (made.feature, made.rating, made.rating_people) == ("radio", "telephone", 33)
    assert (made.rating_r, made.rating_p, made.rating_score) == (0.02, 0.7, 0.3)
    assert (made.withdrew, made.withdrawal_p, made.withdrawal_change) == (9, 0.3, 0.05)
    # the habit is asked of early use, with the other columns held constant
    np.testing.assert_array_equal(seen["early"], X[:, 2:3])
    np.testing.assert_array_equal(seen["others"], X[:, [0, 3]])
    np.testing.assert_array_equal(seen["score"], X[:, 1])
    np.testing.assert_allclose(seen["share"], (np.arange(N) % 9) / 8)


GONE = watching.Watch(gone=9, pvalue=0.0499, change=-0.11)


@pytest.mark.parametrize(
    ("doubt", "given"),
    [
        (Doubt.BENCHMARK, {"left": NEEDED}),
        (Doubt.HABIT, {"habit": cause(0.0)}),
        (Doubt.SILENCE, {"silence": (9, 0.0499, 0.2)}),
        (Doubt.GROUPS, {"groups": ("clinic", 0.0501)}),
        (Doubt.COLUMN, {"column": ("site", 0.0501)}),
        (Doubt.EARLIER, {"earlier": 0.0499}),
        (Doubt.CONTROL, {"feature": cause(-0.001)}),
        (Doubt.NO_CONTROL, {"feature": None}),
        (Doubt.RATING, {"rating": cause(-0.001)}),
        (Doubt.NO_RATING, {"rating": None}),
        (Doubt.WITHDRAWAL, {"watch": GONE}),
        (Doubt.LOST, {"lost": "ids of nobody"}),
    ],
)
@pytest.mark.parametrize("t", [3.0, -3.0])
def test_each_doubt_by_itself_keeps_a_claim_from_being_supported(
    doubt: Doubt, given: dict[str, Any], t: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    made, _ = stand(monkeypatch, t=t, **given)
    assert (made.claim, made.doubts) == (Claim.UNTOLD, (doubt,))
    none, _ = stand(monkeypatch, t=t, found=False, **given)
    decisive = doubt in (Doubt.WITHDRAWAL, Doubt.LOST)
    assert none.claim is (Claim.UNTOLD if decisive else Claim.NOT_FOUND)
    assert none.doubts == ((doubt,) if decisive else ()) and none.found is False


@pytest.mark.parametrize(
    "given",
    [
        {"left": NEEDED + 1e-9},
        {"habit": cause(1e-9)},
        {"silence": (9, 0.0501, 0.9)},
        # what is left of the correlation of t = 3 is that of the t that is needed, and a little more
        {"silence": (9, 0.0, 3 / np.sqrt(39) - NEEDED / np.sqrt(NEEDED**2 + DF) - 1e-9)},
        {"groups": ("clinic", 0.0499)},
        {"column": ("site", 0.0499)},
        {"earlier": 0.0501},
        {"watch": watching.Watch(gone=9, pvalue=0.0501, change=float("nan"))},
        {"watch": watching.Watch(gone=9, pvalue=0.0499, change=-0.1)},
    ],
)
def test_what_lies_on_the_other_side_of_an_edge_is_no_doubt(
    given: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    made, _ = stand(monkeypatch, **given)
    assert (made.claim, made.doubts) == (Claim.SUPPORTED, ())


@pytest.mark.parametrize(
    ("t", "found"), [(NEEDED + 1e-9, True), (NEEDED, False), (-NEEDED - 1e-9, True), (-NEEDED, False)]
)
def test_found_is_what_the_interval_says_unless_a_band_says_it(
    t: float, found: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    made, _ = stand(monkeypatch, t=t)
    assert made.found is found and made.claim is (Claim.SUPPORTED if found else Claim.NOT_FOUND)
    assert stand(monkeypatch, t=t, found=not found)[0].found is not found
    # too little is left where silence could feign all that is beyond the need
    assert Doubt.SILENCE in stand(monkeypatch, t=t, found=True, silence=(9, 0.0, 1e-6))[0].doubts


def test_columns_of_one_cause_stand_together() -> None:
    names = ["use_before", "joined", "site: a", "active_days_before", "joined, squared", "site: b", "age"]
    found = causes_of(names, {"use_before", "active_days_before"})
    assert found[EARLY] == [0, 3] and found["the time of enrolment"] == [1, 4]
    assert sorted(map(tuple, found.values())) == [(0, 3), (1, 4), (2, 5), (6,)]


def partial(y: np.ndarray, x: np.ndarray, group: list[int], weights: np.ndarray) -> float:
    """Share of what others leave, from two weighted regressions."""
    short = sm.WLS(y, np.delete(x, group, axis=1), weights).fit().ssr
    return float(1 - sm.WLS(y, x, weights).fit().ssr / short)


@pytest.mark.parametrize("strong", [0.0, 0.9])
def test_the_benchmark_is_the_cause_whose_twin_takes_most_away(strong: float) -> None:
    """Shares in the working model by statsmodels: of the score given the rest, of use given the score too."""
    rng = np.random.default_rng(4)
    n = 150
    early, other, age = rng.standard_normal((3, n))
    score = strong * early + 0.1 * age + rng.standard_normal(n)
    x = np.column_stack([np.ones(n), score, early, other, age])
    due = rng.integers(3, 12, n).astype(float)
    done = rng.binomial(due.astype(int), 1 / (1 + np.exp(-0.4 * score - strong * early))).astype(float)
    fit = quasi_binomial(x, done, due)
    design: Any = SimpleNamespace(adjusters=["use_before", "idle", "age"], early=["use_before", "idle"])
    name, left = told._benchmark(design, x, fit, done / due, due)
    logit = x @ fit.coefficients
    p = 1 / (1 + np.exp(-logit))
    weights, working = due * p * (1 - p), logit + (done / due - p) / (p * (1 - p))
    b, se, df = float(fit.coefficients[1]), float(fit.se[1]), fit.df_resid
    bounds = {MEDIUM: left_by(b, se, df, MEDIUM_SHARE, MEDIUM_SHARE).t}
    for cause_, group in ((EARLY, [2, 3]), ("age", [4])):
        of_score = partial(score, np.delete(x, 1, axis=1), [j - 1 for j in group], weights)
        of_use = partial(working, x, group, weights)
        bounds[cause_] = as_strong_as(b, se, df, of_score, of_use).t
    worst = min(bounds, key=lambda one: bounds[one])
    assert worst == (EARLY if strong else MEDIUM)
    assert (name, left) == (worst, pytest.approx(bounds[worst], rel=1e-9))


def silent_design(answered: np.ndarray, done: np.ndarray, **columns: np.ndarray) -> Any:
    watched = pd.DataFrame({"answered": answered, "due": 8.0, "done": done, **columns})
    return SimpleNamespace(watched=watched, adjusters=list(columns))


def test_silence_counts_who_is_watched_and_lacks_anything_held_constant() -> None:
    """The p value by statsmodels' quasi-binomial; what selection can feign by the formula of the page."""
    rng = np.random.default_rng(6)
    n = 90
    answered, age = np.arange(n) % 3 != 0, rng.standard_normal(n)
    gaps = np.where(np.arange(n) % 10 == 1, np.nan, rng.standard_normal(n))
    done = rng.binomial(8, np.where(answered, 0.6, 0.35)).astype(float)
    number, p, bias = told._silence(silent_design(answered, done, age=age, gaps=gaps, same=np.ones(n)), LEVEL)
    there = answered & ~np.isnan(gaps)
    assert number == int((~there).sum()) > int((~answered).sum())
    x = np.column_stack([np.ones(n), there, age])  # of `gaps` not all is known
    model = sm.GLM(done / 8, x, family=sm.families.Binomial(), var_weights=np.full(n, 8.0)).fit(scale="X2")
    t = float(model.params[1] / model.bse[1])
    assert p == pytest.approx(2 * stats.t.sf(abs(t), n - 3), rel=1e-6)
    share = there.mean()
    cut = stats.norm.isf(share)
    mean = stats.norm.pdf(cut) / share
    rho = abs(t) / np.sqrt(t**2 + n - 3) * np.sqrt(share * (1 - share)) / stats.norm.pdf(cut)
    assert bias == pytest.approx(rho * mean * (mean - cut), rel=1e-6)


@pytest.mark.parametrize(
    ("silent", "done", "expected"),
    [
        (1, "alike", (1, 1.0, 0.0)),
        (0, "alike", (0, 1.0, 0.0)),
        (38, "alike", None),
        (39, "alike", (39, 1.0, 0.0)),
        (10, "nothing", (10, 0.0, 1.0)),
    ],
)
def test_too_few_silent_people_feign_nothing_and_those_who_did_nothing_feign_all(
    silent: int, done: str, expected: tuple[int, float, float] | None
) -> None:
    answered = np.arange(40) >= silent
    use = np.where(answered, np.arange(40) % 8 + 1.0, 0.0 if done == "nothing" else np.arange(40) % 8)
    found = told._silence(silent_design(answered, use), LEVEL)
    if expected is None:
        assert found[0] == 38 and 0 < found[1] < 1
    else:
        assert found == expected


def test_the_grouping_by_which_the_association_is_least_sure_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    p = {"a": 0.01, "b": 0.2, "c": 0.1}

    def by_groups(_x: Any, _done: Any, _due: Any, *, clusters: str) -> Any:
        if clusters == "none":
            raise NotEstimableError("nothing")
        return SimpleNamespace(pvalues=lambda: np.array([0.0, p[clusters]]))

    monkeypatch.setattr(told, "quasi_binomial", by_groups)
    ask = lambda *names: told._by_groups(SimpleNamespace(groupings={n: n for n in names}), X, X, X)  # type: ignore[arg-type]  # noqa: E731
    assert ask("a", "b", "c") == ("b", 0.2) and ask("a") == ("a", 0.01)
    assert ask("a", "none", "b") == ("none", 1.0)
    name, none = ask()
    assert name == "" and np.isnan(none)


def test_undeclared_columns_are_held_one_by_one_and_those_that_say_nothing_new_are_not() -> None:
    rng = np.random.default_rng(2)
    n = 120
    score, hidden, noise = rng.standard_normal((3, n))
    score = score + hidden
    due = np.full(n, 10.0)
    done = rng.binomial(10, 1 / (1 + np.exp(-0.8 * hidden - 0.16 * score))).astype(float)
    x = np.column_stack([np.ones(n), score])
    b = float(quasi_binomial(x, done, due, robust=True).coefficients[1])

    def ask(estimate: float = b, **columns: np.ndarray) -> tuple[str, float]:
        of = {name: c[:, None] if c.ndim == 1 else c for name, c in columns.items()}
        design: Any = SimpleNamespace(undeclared=of, clusters=None)
        return told._by_column(design, x, done, due, estimate)

    def p_with(column: np.ndarray) -> float:
        held = quasi_binomial(np.column_stack([x, column]), done, due, robust=True)
        return float(held.pvalues()[1])

    assert ask(noise=noise) == ("noise", pytest.approx(p_with(noise), rel=1e-8))
    both = ask(noise=noise, hidden=hidden)
    assert both == ("hidden", pytest.approx(p_with(hidden), rel=1e-8)) and both[1] > p_with(noise)
    assert ask(hidden=hidden, noise=noise) == both
    assert ask(-b, noise=noise) == ("noise", 1.0)  # the estimate turns
    # a column that says what is held constant already, and one that tells all apart
    again = score + 0.05 * rng.standard_normal(n)
    assert ask(again=again)[0] == "" and np.isnan(ask(again=again)[1])
    assert ask(done=np.where(done > np.median(done), 1.0, -1.0) * done)[0] == "done"
    wide = rng.standard_normal((n, 58))
    assert ask(wide=wide[:, :57])[0] == "wide" and ask(wide=wide)[0] == ""


@pytest.mark.parametrize(("gone", "asked"), [(7, False), (8, True)])
def test_withdrawal_is_asked_of_eight_people_on_and_the_share_of_the_watch_is_held(
    gone: int, asked: bool
) -> None:
    rng = np.random.default_rng(9)
    n = 100
    score = rng.standard_normal(n)
    score[:gone] -= 2.5  # who withdraws rates low
    could = np.where(np.arange(n) % 2, 84.0, 70.0)
    end = np.where(np.arange(n) < gone, 35.0 + np.arange(n) % 4 * 7, could)
    due = np.floor((end - 28) / 7)
    done = rng.binomial(due.astype(int), 0.5).astype(float)
    x = np.column_stack([np.ones(n), score])
    frame = pd.DataFrame({"end_day": end, "observable_day": could, "due": due, "done": done})
    design: Any = SimpleNamespace(frame=frame, day=28.0, clusters=None)
    fit = quasi_binomial(x, done, due)
    found = watching.watch_by_score(design, x, fit, LEVEL)
    assert found.gone == gone
    if not asked:
        assert np.isnan(found.pvalue) and not found.doubtful(LEVEL)
        return
    kept = (end - 28) / (could - 28)
    assert found.pvalue == pytest.approx(stats.pearsonr(score, kept).pvalue, rel=1e-9)
    held = quasi_binomial(np.column_stack([x, kept, kept**2]), done, due)
    moved = (held.coefficients[1] - fit.coefficients[1]) / fit.se[1]
    assert found.change == pytest.approx(moved, rel=1e-5) and found.doubtful(LEVEL) is bool(abs(moved) > 0.1)
    # where withdrawal does not go with the score nothing is held
    even = np.column_stack([np.ones(n), np.tile([-1.0, 1.0], n // 2)])
    other = watching.watch_by_score(design, even, quasi_binomial(even, done, due), LEVEL)
    assert other.pvalue > 0.05 and np.isnan(other.change) and not other.doubtful(LEVEL)
    assert watching.Watch(gone=9, pvalue=0.01, change=float("nan")).doubtful(LEVEL)
