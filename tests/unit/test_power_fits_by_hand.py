"""Models of simulated studies against statsmodels and against each person left out, side by side and alone."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import statsmodels.api as sm
from scipy import stats

from analysis.power import draws, fits
from analysis.power.draws import Assumptions, analyse_spread

N = 60
RNG = np.random.default_rng(20)
SCORE, HELD = RNG.normal(3, 2, (2, N)), RNG.normal(-1, 4, (2, N))
HERE = np.ones((2, N), dtype=bool)
HERE[1, ::7] = False
DUE = np.where(np.arange(N) % 3, 12.0, 7.0) * np.ones((2, 1))
LINE = 0.25 * (SCORE - 3) + 0.1 * HELD
DONE = RNG.binomial(DUE.astype(int), 1 / (1 + np.exp(-LINE - RNG.normal(0, 0.5, (2, N))))).astype(float)
COUNTS = RNG.poisson(np.exp(1 + LINE) * RNG.gamma(1.5, 1 / 1.5, (2, N))).astype(float)
OUTCOME = LINE + RNG.normal(0, 1 + 0.3 * np.abs(HELD), (2, N))
REACHED = RNG.random((2, N)) < 1 / (1 + np.exp(-LINE))
TIMES, ENDED = RNG.exponential(np.exp(-LINE)), RNG.random((2, N)) < 0.7
STUDIES = fits.standardised([SCORE, HELD], HERE)


def columns(j: int, hold: bool = True) -> tuple[np.ndarray[Any, Any], np.ndarray[Any, Any]]:
    """Those here, and a constant with the standardised score and what is held constant."""
    h = HERE[j]
    scaled = [(v[j][h] - v[j][h].mean()) / v[j][h].std(ddof=1) for v in ([SCORE, HELD] if hold else [SCORE])]
    return h, np.column_stack([np.ones(h.sum()), *scaled])


def same(line: Any, b: float, se: float, p: float, n: int, rel: float = 1e-6) -> None:
    assert line[:2] == pytest.approx([b, se], rel=rel)
    assert line[2] == pytest.approx(p, rel=10 * rel) and line[3] == n


def test_columns_are_scaled_over_those_who_are_here() -> None:
    for j in range(2):
        h, x = columns(j)
        assert pytest.approx(x) == STUDIES.x[j][:, h].T and not STUDIES.x[j][:, ~h].any()
        assert draws._scaled(SCORE, HERE)[j][h] == pytest.approx(x[:, 1])
    assert not fits.standardised([np.full((2, N), 7.0)], HERE).x[:, 1].any()


@pytest.mark.parametrize("j", [0, 1])
def test_an_outcome_has_least_squares_with_errors_hc3(j: int) -> None:
    h, x = columns(j)
    made = sm.OLS(OUTCOME[j][h], x).fit(cov_type="HC3", use_t=True)
    same(fits.linear(STUDIES, OUTCOME)[j], made.params[1], made.bse[1], made.pvalues[1], h.sum())


@pytest.mark.parametrize("j", [0, 1])
def test_shares_of_units_have_errors_hc3(j: int) -> None:
    h, x = columns(j)
    y, due = DONE[j][h], DUE[j][h]
    made = sm.GLM(np.column_stack([y, due - y]), x, family=sm.families.Binomial()).fit(tol=1e-12)
    mean = made.fittedvalues
    weight = due * mean * (1 - mean)
    inverse = np.linalg.inv((x.T * weight) @ x)
    leverage = np.einsum("ij,jk,ik->i", x, inverse, x) * weight
    se = np.sqrt((((x @ inverse)[:, 1] * (y - due * mean) / (1 - leverage)) ** 2).sum())
    p = 2 * stats.t.sf(abs(made.params[1]) / se, h.sum() - 3)
    same(fits.logit(STUDIES, DONE, DUE)[j], made.params[1], se, p, h.sum())
    alone = analyse_spread(SCORE, [HELD], DONE, HERE, DUE, None)[j]
    same(alone, made.params[1], se, p, h.sum())


def test_where_as_much_was_due_of_all_both_ways_agree() -> None:
    done = np.minimum(DONE, 7.0)
    before = np.floor(np.abs(HELD))
    together = draws._analyse(SCORE, before, done, HERE, 7.0)
    apart = analyse_spread(SCORE, [np.log1p(before), before], done, HERE, np.full((2, N), 7.0), None)
    assert together == pytest.approx(apart, rel=1e-7)
    two = np.where(HELD > 0, 1.0, 0.0)  # two values: the plain count says what its logarithm says
    together = draws._analyse(SCORE, two, done, HERE, 7.0)
    apart = analyse_spread(SCORE, [np.log1p(two), two], done, HERE, np.full((2, N), 7.0), None)
    held = analyse_spread(SCORE, [two], done, HERE, np.full((2, N), 7.0), None)
    assert together == pytest.approx(apart, rel=1e-7) and apart == pytest.approx(held, rel=1e-7)
    third = np.where(HERE, two, 5.0)  # a third value of those who are not here says nothing of the others
    assert draws._analyse(SCORE, third, done, HERE, 7.0)[1] == pytest.approx(held[1], rel=1e-7)


def test_clusters_are_left_out_one_by_one() -> None:
    place = np.arange(N) // 6
    line = analyse_spread(SCORE, [HELD], DONE, HERE, DUE, place)[1]
    h, x = columns(1)
    y, due, own = DONE[1][h], DUE[1][h], place[h]
    made = sm.GLM(np.column_stack([y, due - y]), x, family=sm.families.Binomial()).fit(tol=1e-12)
    mean = made.fittedvalues
    moved = []
    for group in range(10):
        stay = own != group
        information = (x[stay].T * (due * mean * (1 - mean))[stay]) @ x[stay]
        moved.append(np.linalg.solve(information, x[~stay].T @ (y - due * mean)[~stay])[1])
    se = np.sqrt(0.9 * np.sum(np.square(moved)))
    same(line, made.params[1], se, 2 * stats.t.sf(abs(made.params[1]) / se, 9), h.sum())
    assert np.isnan(
        analyse_spread(SCORE, [HELD], DONE, HERE, DUE, np.arange(N) // 9)[1][:3]
    ).all()  # 7 of them
    assert np.isfinite(
        analyse_spread(SCORE, [HELD], DONE, HERE, DUE, np.arange(N) // 8)[1]
    ).all()  # 8 of them


@pytest.mark.parametrize("j", [0, 1])
def test_reached_or_not_is_logistic_and_needs_ten_on_each_side(j: int) -> None:
    h, x = columns(j)
    made = sm.Logit(REACHED[j][h].astype(float), x).fit(disp=0, tol=1e-12)
    same(fits.logistic(STUDIES, REACHED)[j], made.params[1], made.bse[1], made.pvalues[1], h.sum())
    for number, known in ((9, False), (10, True)):
        few = np.zeros((2, N), dtype=bool)
        few[:, np.flatnonzero(HERE[1])[:number]] = True
        few[1, ~HERE[1]] = True  # not here: no one of the ten
        assert np.isfinite(fits.logistic(STUDIES, few)[1, 0]) == known
        assert np.isfinite(fits.logistic(STUDIES, ~few)[1, 0]) == known


@pytest.mark.parametrize("j", [0, 1])
def test_counts_are_negative_binomial_with_errors_hc3(j: int) -> None:
    h, x = columns(j)
    y = COUNTS[j][h]
    made = sm.NegativeBinomial(y, x).fit(disp=0, maxiter=200, gtol=1e-7)
    b, a = made.params[:-1], made.params[-1]
    mean = np.exp(x @ b)
    residual = (y - mean) / (1 + a * mean)
    weight = mean * (1 + a * y) / (1 + a * mean) ** 2
    inverse = np.linalg.inv((x.T * weight) @ x)
    leverage = np.einsum("ij,jk,ik->i", x, inverse, x) * weight
    se = np.sqrt((((x @ inverse)[:, 1] * residual / (1 - leverage)) ** 2).sum())
    line = fits.negative_binomial(STUDIES, COUNTS)[j]
    same(line, b[1], se, 2 * stats.norm.sf(abs(b[1]) / se), h.sum(), rel=1e-4)


def test_counts_that_spread_no_more_than_chance_have_no_fit() -> None:
    even = np.tile([2.0, 3.0], (2, N // 2))
    assert np.isnan(fits.negative_binomial(STUDIES, even)[:, :3]).all()
    few = np.where(np.arange(N) < 10, COUNTS + 1, 0.0)
    few[1] = few[0]
    lines = fits.negative_binomial(STUDIES, few)
    assert np.isfinite(lines[0, 0]) and np.isnan(lines[1, 0])  # ten with any; eight of them here


@pytest.mark.parametrize("j", [0, 1])
def test_times_have_a_partial_likelihood_and_errors_by_people_left_out(j: int) -> None:
    h, x = columns(j)
    x, time, ended = x[:, 1:], TIMES[j][h], ENDED[j][h]
    made = sm.PHReg(time, x, status=ended.astype(float)).fit(disp=0)
    risk = np.exp(x @ made.params)
    moved = []
    whole, own = np.zeros((2, 2)), np.zeros((h.sum(), 2, 2))
    score = np.zeros((h.sum(), 2))
    for end in np.flatnonzero(ended):
        at = time >= time[end]
        share = risk * at / (risk * at).sum()
        away = x - share @ x
        score += -share[:, None] * away
        score[end] += away[end]
        each = share[:, None, None] * (away[:, :, None] * away[:, None])
        whole, own = whole + each.sum(axis=0), own + each
    for person in range(h.sum()):
        moved.append(np.linalg.solve(whole - own[person], score[person])[0])
    se = np.sqrt(np.sum(np.square(moved)))
    line = fits.cox(STUDIES, TIMES, ENDED)[j]
    assert line[0] == pytest.approx(made.params[0], rel=1e-5)
    assert line[1] == pytest.approx(se, rel=1e-3)
    assert (
        line[2] == pytest.approx(2 * stats.norm.sf(abs(line[0] / line[1])), rel=1e-9) and line[3] == h.sum()
    )


@pytest.mark.parametrize(("ends", "known"), [(9, False), (10, True)])
def test_ten_ends_are_needed(ends: int, known: bool) -> None:
    ended = np.zeros((2, N), dtype=bool)
    ended[:, np.flatnonzero(HERE[1])[:ends]] = True
    ended[1, ~HERE[1]] = True
    assert np.isfinite(fits.cox(STUDIES, TIMES, ended)[1, 0]) == known


def test_nine_people_and_a_share_of_all_or_nothing_have_no_fit() -> None:
    here = np.zeros((3, N), dtype=bool)
    here[0, :9], here[1:, :10] = True, True
    score, done, due = (np.vstack([v, v[:1]]) for v in (SCORE, DONE, DUE))
    done[2] = due[2]
    data = fits.standardised([score], here)
    assert np.isfinite(fits.linear(data, np.vstack([OUTCOME, OUTCOME[:1]]))[:, 0]).tolist() == [
        False,
        True,
        True,
    ]
    assert np.isnan(fits.logit(data, done, due)[2, 0])
    lines = analyse_spread(score, [], done, here, due, None)
    assert np.isfinite(lines[:, 0]).tolist() == [False, True, False] and lines[:, 3].tolist() == [9, 10, 10]
    together = draws._analyse(score, np.ones((3, N)), np.minimum(done, 7.0), here, 7.0)
    assert np.isfinite(together[:, 0]).tolist()[:2] == [False, True]


TRUTH = Assumptions(
    effect=0.8, reliability=1.0, answered=1.0, left=0.0, done=0.5, spread=0.0, earlier=0.0,
    before_alliance=0.0, hidden_cause=0.0, due_before=10, due_after=20, alpha=0.05,
)  # fmt: skip


def drawn(n: int = 40_000, **other: Any) -> tuple[np.ndarray[Any, Any], ...]:
    return draws._draw(np.random.default_rng(1), n, replace(TRUTH, **other))


def correlated(one: Any, other: Any) -> float:
    return float(np.corrcoef(one, other)[0, 1])


def test_what_is_drawn_is_as_supposed() -> None:
    score, before, after, here, due, joined = drawn()
    assert score.std() == pytest.approx(1, abs=0.02) and here.all() and (due == 20).all() and not joined.any()
    expected = float(np.mean(1 / (1 + np.exp(-0.8 * score))))
    assert after.mean() / 20 == pytest.approx(expected, abs=0.01)
    assert before.mean() / 10 == pytest.approx(0.5, abs=0.01)
    noisy, again, *_ = drawn(reliability=0.49, before_alliance=0.6)
    assert correlated(noisy, np.log1p(again)) == pytest.approx(0.7 * 0.6, abs=0.02)
    hidden = drawn(hidden_cause=0.6, effect=0.0, earlier=1.0)
    assert hidden[0].std() == pytest.approx(1, abs=0.02)
    assert correlated(hidden[0], hidden[2]) > 0.4 and abs(correlated(score, before)) < 0.02
    assert drawn(left=0.3)[2].astype(bool).mean() == pytest.approx(0.7, abs=0.02)
    assert drawn(answered=0.3)[3].mean() == pytest.approx(0.3, abs=0.01)


def test_units_vary_between_people_as_the_intraclass_correlation_says() -> None:
    units = draws._units(np.random.default_rng(2), np.zeros(60_000), 8, 0.2)
    assert units.var() == pytest.approx(8 * 0.25 * (1 + 7 * 0.2), rel=0.02)
    shared = draws._shared(np.random.default_rng(3), np.random.default_rng(4).normal(size=60_000), 0.3, 10)
    within = shared.reshape(-1, 10)
    assert shared.var() == pytest.approx(1, abs=0.03)
    assert within.mean(axis=1).var() == pytest.approx(0.3 + 0.7 / 10, abs=0.02)


def test_of_those_who_join_late_less_is_due_and_of_some_nothing() -> None:
    _, _, _, here, due, joined = drawn(enrolment_days=100, read_day=120, landmark_day=30, use_days=40)
    seen = np.clip(120 - joined - 30, 0, 40)  # days in which units were due before the log was read
    assert due == pytest.approx(np.floor(20 * seen / 40))
    assert here.astype(bool).tolist() == (due > 0).tolist()
    assert (due == 20).mean() == pytest.approx(0.5, abs=0.01) and (due == 0).mean() > 0.05


def test_a_study_that_people_join_one_after_another_holds_the_day_constant() -> None:
    truth = replace(TRUTH, enrolment_days=100, read_day=120, landmark_day=30, use_days=40)
    seed = np.random.SeedSequence(5)
    score, before, after, here, due, joined = (
        v[None] for v in draws._draw(np.random.default_rng(seed), 150, truth)
    )
    expected = analyse_spread(score, [np.log1p(before), before, joined], after, here > 0, due, None)
    assert draws.replicate([seed], 150, truth) == pytest.approx(expected, rel=1e-12)
