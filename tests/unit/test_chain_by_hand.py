"""The chain in clusters, step by step: who is drawn and left out together, what is held constant, what is told."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from analysis.adherence.chain import effects as chain_effects
from analysis.adherence.chain.drawn_moments import drawn_counts, left_out_covariances, percentile_limits
from analysis.adherence.chain.effects import CHAIN, Chain, chain_tables
from analysis.adherence.chain.four_way import TOTAL
from analysis.adherence.models.clusters import clusters_of

CLINICS, EACH, DRAWS, SEED, LEVEL = 12, (5, 9), 100, 7, 0.9


@pytest.fixture(scope="module")
def chain() -> Chain:
    rng = np.random.default_rng(11)
    clinic = np.repeat(np.arange(CLINICS), rng.integers(*EACH, CLINICS))
    own, n = rng.normal(0, 0.8, CLINICS)[clinic], len(clinic)
    held = rng.normal(size=(n, 2))
    context = held[:, 0] + rng.normal(size=n)
    alliance = 0.9 * context + own + rng.normal(size=n)
    use = 2.0 * alliance + 1.5 * context + 3 * own + rng.normal(0, 2, n)
    outcome = 0.5 * use + 0.7 * context + held[:, 1] + rng.normal(0, 1, n)
    people = pd.DataFrame(dict(zip(CHAIN, (context, alliance, use, outcome), strict=True)))
    labels = pd.Series([f"c{k}" for k in clinic])
    return Chain(
        people=people,
        nodes=list(CHAIN),
        held=held,
        held_names=["age", "sex"],
        parts=None,
        clusters=clusters_of(labels, "clinic"),
        doubts=("some doubt",),
    )


@pytest.fixture(scope="module")
def tables(chain: Chain) -> dict[str, pd.DataFrame]:
    return chain_tables(chain, LEVEL, DRAWS, SEED)


def _slopes(chain: Chain, rows: np.ndarray) -> dict[tuple[str, str], float]:
    """Slope of each step on each step before it, everything earlier held constant, by least squares."""
    people = chain.people.iloc[rows]
    found = {}
    for k, node in enumerate(chain.nodes):
        before = chain.nodes[:k]
        x = np.column_stack([np.ones(len(rows)), chain.held[rows], people[before]])
        fitted = np.linalg.lstsq(x, people[node].to_numpy(), rcond=None)[0]
        found |= {(one, node): float(b) for one, b in zip(before, fitted[-k:] if k else [], strict=True)}
    return found


def _told(chain: Chain, rows: np.ndarray, effects: pd.DataFrame) -> np.ndarray:
    """Every row of the table of effects from slopes: products along a route, sums of routes by their ends."""
    slopes, between = _slopes(chain, rows), chain.nodes

    def routes(start: str, end: str) -> list[list[str]]:
        inner = between[between.index(start) + 1 : between.index(end)]
        made: list[list[str]] = [[]]
        for node in inner:
            made += [[*route, node] for route in made]
        return [[start, *route, end] for route in made]

    def strength(route: list[str]) -> float:
        return float(np.prod([slopes[pair] for pair in pairwise(route)]))

    values = []
    for row in effects.to_dict("records"):
        every = routes(row["start"], row["end"])
        if row["kind"] == "total":
            values.append(sum(map(strength, every)))
        elif row["kind"] == "all indirect":
            values.append(sum(strength(route) for route in every if len(route) > 2))
        else:
            values.append(strength(row["route"].split(" → ")))
    return np.array(values)


def _members(chain: Chain) -> list[np.ndarray]:
    assert chain.clusters is not None
    return [np.flatnonzero(chain.clusters.of_row == k) for k in range(chain.clusters.count)]


def test_effects_in_clusters_rest_on_clusters_drawn_and_left_out_whole(
    chain: Chain, tables: dict[str, pd.DataFrame]
) -> None:
    effects, members = tables["effects"], _members(chain)
    everybody = np.arange(len(chain.people))
    estimate = _told(chain, everybody, effects)
    np.testing.assert_allclose(effects["estimate"], estimate, rtol=1e-5)
    counts = drawn_counts(len(members), DRAWS, SEED)
    drawn = np.array(
        [
            _told(chain, np.concatenate([np.tile(m, c) for m, c in zip(members, row, strict=True)]), effects)
            for row in counts
        ]
    )
    left_out = np.array([_told(chain, np.setdiff1d(everybody, m), effects) for m in members])
    np.testing.assert_allclose(effects["se"], drawn.std(axis=0, ddof=1), rtol=1e-5)
    tail = (1 - LEVEL) / 2
    for name, q in (("boot_lower", tail), ("boot_upper", 1 - tail)):
        np.testing.assert_allclose(effects[name], np.quantile(drawn, q, axis=0), rtol=1e-5, atol=1e-8)
    share = (drawn < estimate).mean(axis=0)
    shift = stats.norm.ppf(share)
    apart = left_out.mean(axis=0) - left_out
    bend = (apart**3).sum(axis=0) / (6 * (apart**2).sum(axis=0) ** 1.5)
    for name, p in (("bca_lower", tail), ("bca_upper", 1 - tail)):
        z = shift + stats.norm.ppf(p)
        at = stats.norm.cdf(shift + z / (1 - bend * z))
        wanted = [np.quantile(drawn[:, k], q) for k, q in enumerate(at)]
        np.testing.assert_allclose(effects[name], wanted, rtol=1e-4, atol=1e-6)
    kinds = {"direct": 6, "indirect": 5, "total": 3, "all indirect": 1}  # two ways or more from start to end
    assert effects["kind"].value_counts().to_dict() == kinds
    spread = chain.people.std()
    turned = estimate * [spread[s] / spread[e] for s, e in zip(effects["start"], effects["end"], strict=True)]
    np.testing.assert_allclose(effects["standardized"], turned, rtol=1e-5)
    assert effects.loc[effects["e_value"].notna(), "end"].unique().tolist() == ["outcome"]
    single = effects["kind"].where(~effects["kind"].isin(["direct", "indirect"]), "route")
    steps = effects["route"].str.count("→")
    assert (
        effects.loc[single == "route", "kind"] == np.where(steps[single == "route"] > 1, "indirect", "direct")
    ).all()


def test_left_out_covariances_are_those_of_the_others(chain: Chain) -> None:
    table = chain.people.to_numpy()
    for covariance, gone in zip(left_out_covariances(table, chain.clusters), _members(chain), strict=True):
        np.testing.assert_allclose(
            covariance, np.cov(np.delete(table, gone, axis=0), rowvar=False, ddof=0), rtol=1e-6, atol=1e-7
        )


def test_percentile_limits_leave_half_of_the_rest_on_either_side() -> None:
    low, high = percentile_limits(np.arange(101.0)[:, None], 0.9)
    assert (low[0], high[0]) == pytest.approx((5.0, 95.0))


def test_without_clusters_errors_of_single_routes_are_those_of_the_fit(chain: Chain) -> None:
    alone = chain_tables(replace(chain, clusters=None), LEVEL, DRAWS, SEED)["effects"]
    n = len(chain.people)
    x = np.column_stack([np.ones(n), chain.held, chain.people[CHAIN[:1]]])
    y = chain.people["alliance"].to_numpy()
    left = y - x @ np.linalg.lstsq(x, y, rcond=None)[0]
    variance = (left @ left / n) * np.linalg.inv(x.T @ x)[-1, -1]  # of maximum likelihood: divided by n
    row = alone[(alone["start"] == "context") & (alone["end"] == "alliance")].iloc[0]
    assert row["se"] == pytest.approx(np.sqrt(variance), rel=1e-4)


def test_three_steps_in_a_row_hold_the_steps_before_them_constant(
    chain: Chain, tables: dict[str, pd.DataFrame]
) -> None:
    slopes = _slopes(chain, np.arange(len(chain.people)))
    robust, curves = tables["robustness"], tables["sensitivity"]
    names = [" → ".join(CHAIN[k : k + 3]) for k in (0, 1)]
    assert robust["route"].tolist() == names
    for name in names:
        start, middle, end = name.split(" → ")
        at_none = curves[(curves["route"] == name) & (curves["rho"].abs() < 1e-9)].iloc[0]
        assert at_none["estimate"] == pytest.approx(slopes[start, middle] * slopes[middle, end], rel=1e-5)
        assert at_none["ci_lower"] < at_none["estimate"] < at_none["ci_upper"]
    assert robust["doubts"].str.contains("some doubt").all()
    # of what is held constant on the second route, the context does most: with alliance before, R² by hand
    people = chain.people
    ones = np.ones((len(people), 1))

    def left(y: str, *columns: np.ndarray) -> float:
        x = np.column_stack([ones, chain.held, *columns])
        rest = people[y] - x @ np.linalg.lstsq(x, people[y].to_numpy(), rcond=None)[0]
        return float(rest @ rest)

    alliance, context, use = (people[name].to_numpy() for name in ("alliance", "context", "later use"))
    of_middle = 1 - left("later use", alliance, context) / left("later use", alliance)
    of_end = 1 - left("outcome", alliance, use, context) / left("outcome", alliance, use)
    second = robust.iloc[1]
    assert second["bound_cause"] == "context"
    assert second["bound"] == pytest.approx(np.sqrt(of_middle * of_end))
    assert robust.iloc[0]["bound_cause"] != "context"


def test_three_variables_and_four_parts_are_of_the_last_three_steps(
    chain: Chain, tables: dict[str, pd.DataFrame], monkeypatch: pytest.MonkeyPatch
) -> None:
    slopes = _slopes(chain, np.arange(len(chain.people)))
    simple = tables["simple"].set_index("path")["estimate"]
    way = slopes["alliance", "later use"] * slopes["later use", "outcome"]
    assert simple["Indirect"] == pytest.approx(way, rel=1e-6)
    assert simple["Direct"] == pytest.approx(slopes["alliance", "outcome"], rel=1e-6)
    parted = tables["four_way"]
    assert parted["route"].unique().tolist() == ["alliance → later use → outcome"]
    total = parted.set_index("part")["estimate"][TOTAL]
    assert total == pytest.approx(
        way + slopes["alliance", "outcome"], rel=0.2
    )  # an interaction is allowed for
    seen = {}
    monkeypatch.setattr(
        chain_effects, "four_way", lambda route, **given: seen.update(given, route=route) or pd.DataFrame()
    )
    chain_effects._four_parts(chain, LEVEL, DRAWS, SEED)
    assert seen["clusters"] is chain.clusters and seen["confidence"] == LEVEL and seen["reference"] == 0.0
    wanted = np.column_stack([chain.held, chain.people["context"]])
    np.testing.assert_array_equal(seen["route"].held, wanted)
    np.testing.assert_array_equal(seen["route"].start, chain.people["alliance"])
    np.testing.assert_array_equal(seen["route"].end, chain.people["outcome"])
