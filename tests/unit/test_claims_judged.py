"""Claim and doubts over all combinations, the same at one landmark as at every week; two negative controls."""

from __future__ import annotations

from itertools import product
from types import SimpleNamespace
from typing import Any, cast

import numpy as np
import pandas as pd
import pytest

from analysis.adherence.claims import claims as told
from analysis.adherence.claims.claims import Claim, Doubt, judged
from analysis.adherence.design.controls import one_cause_of_ratings
from analysis.adherence.design.covariates import undeclared_columns
from analysis.adherence.design.recorded_use import recorded_use
from analysis.adherence.over_time import landmark_scan as scan
from instrument.errors import NotEstimableError

DECISIVE = {Doubt.WITHDRAWAL, Doubt.LOST}
EVERY = [
    tuple(doubt for doubt, here in zip(Doubt, flags, strict=True) if here)
    for flags in product((False, True), repeat=len(Doubt))
]


def test_every_combination_of_doubts_has_one_claim() -> None:
    assert len(EVERY) == 2 ** len(Doubt)
    assert {doubt for doubt in Doubt if doubt.decisive} == DECISIVE
    assert {doubt for doubt in Doubt if doubt.lacking} == {Doubt.NO_CONTROL, Doubt.NO_RATING}
    for doubts in EVERY:
        if doubts:
            assert judged(True, doubts) == (Claim.UNTOLD, doubts)
        else:
            assert judged(True, doubts) == (Claim.SUPPORTED, ())
        left = tuple(doubt for doubt in doubts if doubt in DECISIVE)
        assert judged(False, doubts) == (Claim.UNTOLD if left else Claim.NOT_FOUND, left)


@pytest.mark.parametrize("away", [True, False])
def test_the_scan_says_at_each_landmark_what_the_main_claim_would(
    monkeypatch: pytest.MonkeyPatch, away: bool
) -> None:
    """Whatever the doubts; found is what the band says, whatever the model's own interval does."""
    asked: list[bool] = []
    rows, design = cast(Any, SimpleNamespace(design=None)), cast(Any, SimpleNamespace(lost=""))
    for doubts in EVERY:

        def standing(*_given: Any, found: bool, doubts: tuple[Doubt, ...] = doubts) -> Any:
            asked.append(found)
            claim, kept = judged(found, doubts)
            return SimpleNamespace(claim=claim, doubts=kept)

        monkeypatch.setattr(scan, "standing", standing)
        assert scan._claim(design, rows, cast(Any, None), 0.95, away=away) == judged(away, doubts)
    assert set(asked) == {away}


@pytest.mark.parametrize(
    ("away", "lost", "claim", "doubts"),
    [
        (True, "", Claim.UNTOLD, ()),
        (True, "ids", Claim.UNTOLD, (Doubt.LOST,)),
        (False, "ids", Claim.UNTOLD, (Doubt.LOST,)),
        (False, "", Claim.NOT_FOUND, ()),
    ],
)
def test_where_no_doubt_can_be_asked_the_log_itself_is(
    monkeypatch: pytest.MonkeyPatch, away: bool, lost: str, claim: Claim, doubts: tuple[Doubt, ...]
) -> None:
    def standing(*_given: Any, **_more: Any) -> Any:
        raise NotEstimableError("nothing")

    monkeypatch.setattr(scan, "standing", standing)
    design, rows = cast(Any, SimpleNamespace(lost=lost)), cast(Any, SimpleNamespace(design=None))
    assert scan._claim(design, rows, cast(Any, None), 0.95, away=away) == (claim, doubts)


def residual(column: np.ndarray, held: np.ndarray) -> np.ndarray:
    return column - held @ np.linalg.lstsq(held, column, rcond=None)[0]


def test_what_one_cause_of_ratings_leaves_is_worked_out_apart() -> None:
    """By numpy's correlations of residuals; its error by a jackknife; signs of score and rating change nothing."""
    rng = np.random.default_rng(3)
    n = 400
    hold = np.column_stack([np.ones(n), rng.standard_normal((n, 2))])
    style, alliance = rng.standard_normal((2, n))
    score = alliance + 0.7 * style + hold[:, 1]
    rating = style + 0.5 * hold[:, 2] + rng.standard_normal(n)
    use = 0.5 * alliance + 0.2 * style + rng.standard_normal(n)

    def by_hand(rows: np.ndarray) -> float:
        d, z, y = (residual(column[rows], hold[rows]) for column in (score, rating, use))
        r = np.corrcoef([d, z, y])
        return float(r[0, 2] * r[0, 1] - r[1, 2])

    found = one_cause_of_ratings(score, rating, use, hold)
    every = np.arange(n)
    assert found.value == pytest.approx(by_hand(every), abs=1e-12)
    left_out = np.array([by_hand(np.delete(every, k)) for k in every])
    jackknife = np.sqrt((n - 1) / n * ((left_out - left_out.mean()) ** 2).sum())
    assert found.se == pytest.approx(jackknife, rel=0.05)
    d, z, y = (residual(column, hold) for column in (score, rating, use))
    assert found.with_other == pytest.approx(np.corrcoef(d, z)[0, 1])
    assert found.with_use == pytest.approx(np.corrcoef(d, y)[0, 1])
    for turned in ((-score, rating), (score, -rating), (-score, -rating)):
        assert one_cause_of_ratings(*turned, use, hold).value == pytest.approx(found.value)
    assert one_cause_of_ratings(-score, rating, use, hold).with_use == pytest.approx(-found.with_use)


@pytest.mark.parametrize(("own", "style", "apart"), [(0.5, 0.0, False), (0.0, 0.0, False), (0.0, 0.6, True)])
def test_only_a_rating_akin_to_the_score_and_not_to_use_sets_it_apart(
    own: float, style: float, apart: bool
) -> None:
    rng = np.random.default_rng(5)
    n = 4000
    need, answering, noise = rng.standard_normal((3, n))
    score = 0.6 * need + style * answering + 0.5 * noise
    rating = own * need + style * answering + rng.standard_normal(n)
    use = 0.5 * need + rng.standard_normal(n)
    found = one_cause_of_ratings(score, rating, use, np.ones((n, 1)))
    assert (found.lower(0.95) > 0) is apart


def test_undeclared_columns_become_numbers_where_enough_people_differ() -> None:
    n = 40
    raw = pd.DataFrame(
        {
            "pays": ["yes"] * 12 + ["no"] * 28,
            "rare": ["yes"] * 7 + ["no"] * 33,
            "three": ["a"] * 20 + ["b"] * 12 + ["c"] * 8,
            "names": [f"person {k}" for k in range(n)],
            "eight": [f"group {k % 8}" for k in range(n)],
            "seven": [f"group {k % 7 if k < 14 else 0}" for k in range(n)],
            "age": np.arange(n) / 7,
            "level": np.repeat([1, 2, 3, 4], 10),
            "gaps": [np.nan] * 8 + [1.5] * 31 + [2.5],
            "same": 1.0,
            "old": pd.array([True] * 20 + [False] * 20),
        }
    )
    found = undeclared_columns(raw, {"level"})
    shapes = {name: columns.shape[1] for name, columns in found.items()}
    assert shapes == {"pays": 1, "three": 2, "age": 1, "level": 1, "gaps": 1, "old": 1}
    assert found["pays"][:, 0].tolist() == [1.0] * 12 + [0.0] * 28
    assert found["gaps"][:, 0].tolist() == [1.0] * 8 + [0.0] * 32
    assert undeclared_columns(raw)["level"].shape == (n, 3)


@pytest.mark.parametrize("kind", [object, "string", "boolean", "category", "Int64"])
def test_levels_and_gaps_of_an_undeclared_column_are_seen_in_whatever_type_it_came(kind: Any) -> None:
    first, second = ("yes", "no") if kind in (object, "string", "category") else (1, 0)
    column = pd.Series([first] * 12 + [second] * 18 + [None] * 10, dtype=kind)
    found = undeclared_columns(pd.DataFrame({"pays": column}))["pays"]
    gaps = [0.0] * 30 + [1.0] * 10
    level = [1.0] * 12 + [0.0] * 18 + ([0.4] * 10 if kind == "Int64" else [0.0] * 10)
    np.testing.assert_allclose(found.T, [level, gaps])


def column_of(**columns: np.ndarray) -> tuple[Any, np.ndarray, np.ndarray, np.ndarray, float]:
    rng = np.random.default_rng(7)
    n = 240
    pays = (np.arange(n) % 2 == 0).astype(float)
    score = pays + 0.6 * rng.standard_normal(n)
    x = np.column_stack([np.ones(n), score, rng.standard_normal(n)])
    due = np.full(n, 8.0)
    done = rng.binomial(8, 1 / (1 + np.exp(0.7 - 1.4 * pays))).astype(float)
    given = {"pays": pays[:, None], "noise": rng.standard_normal((n, 1)), "held": x[:, 2:]}
    design = SimpleNamespace(undeclared={**given, **columns}, clusters=None)
    fit = told.quasi_binomial(x, done, due, robust=True)
    assert fit.pvalues()[1] < 1e-4
    return design, x, done, due, float(fit.coefficients[1])


def test_the_column_with_which_an_association_is_least_sure_is_named() -> None:
    design, x, done, due, estimate = column_of()
    name, p = told._by_column(design, x, done, due, estimate)
    held = told.quasi_binomial(
        np.column_stack([x, (design.undeclared["pays"] - 0.5) / 0.5]), done, due, robust=True
    )
    assert name == "pays"
    assert p == pytest.approx(float(held.pvalues()[1]) if held.coefficients[1] > 0 else 1.0)
    assert p > 0.05
    # on the other side of nothing it does not survive, however sure
    assert told._by_column(design, x, done, due, -estimate) == (name, 1.0) or p == 1.0
    del design.undeclared["pays"], design.undeclared["noise"]
    assert told._by_column(design, x, done, due, estimate)[0] == ""  # what is held already says nothing
    design.undeclared["all"] = (done == 0).astype(float)[:, None]
    name, p = told._by_column(design, x, done, due, estimate)
    assert name in ("", "all")


def test_of_two_columns_the_one_with_the_larger_p_is_named_whichever_comes_first() -> None:
    design, x, done, due, estimate = column_of()
    both = {name: design.undeclared[name] for name in ("pays", "noise")}
    for given in (both, dict(reversed(both.items()))):
        name, p = told._by_column(SimpleNamespace(undeclared=given, clusters=None), x, done, due, estimate)
        assert name == "pays" and p > 0.05


@pytest.mark.parametrize(("people", "held"), [(8, False), (9, True)])
def test_a_column_is_held_constant_where_people_are_more_than_twice_the_terms(
    people: int, held: bool
) -> None:
    design, x, done, due, estimate = column_of()
    few = slice(0, people)  # three terms and the column
    design.undeclared = {"noise": design.undeclared["noise"][few]}
    name, p = told._by_column(design, x[few], done[few], due[few], estimate)
    assert (name, np.isfinite(p)) == (("noise", True) if held else ("", False))


@pytest.mark.parametrize(("size", "held"), [(1.2, True), (0.0, False)])
def test_a_jump_of_use_or_score_along_early_use_is_held_constant(size: float, held: bool) -> None:
    rng = np.random.default_rng(11)
    n = 300
    count = rng.poisson(4.5, n).astype(float)
    line = np.column_stack([np.log1p(count), count])
    later = 0.3 * np.log1p(count) + size * (count >= 5) + rng.standard_normal(n)
    found = recorded_use(pd.DataFrame({"use_before": count}), np.ones(n, dtype=bool), line, [later])
    assert (list(found) == ["use_before, from 5"]) is held
    if held:
        assert np.array_equal(found["use_before, from 5"], count >= 5)
    few = np.where(np.arange(n) < 11, 9.0, count.clip(max=8))
    rare = recorded_use(
        pd.DataFrame({"use_before": few}), np.ones(n, dtype=bool), line, [later + 9 * (few == 9)]
    )
    assert "use_before, from 9" not in rare
