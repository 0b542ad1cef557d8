"""A route is called supported only where it survives a hidden cause as strong as one that was measured."""

from __future__ import annotations

import numpy as np
import pytest

from analysis.adherence.chain.claims import STEP_NOT_FOUND, route_claim, strongest_cause
from analysis.adherence.chain.four_way import Triple, four_way
from analysis.adherence.claims.claims import MEDIUM, Claim, Doubt
from analysis.adherence.claims.hidden_cause import GRID, HiddenCause
from analysis.adherence.models.clusters import Clusters
from analysis.pipeline.topics import mechanism
from instrument.common.formatting import fill_prose
from instrument.errors import NotEstimableError

CHAIN = {
    "chain": "alliance → later use → outcome",
    "route": "alliance → later use → outcome",
    "start": "alliance",
    "middle": "later use",
    "end": "outcome",
    "outcome": "phq",
    "unit": "sessions",
    "n": 200,
    "total": -2.0,
    "total_lower": -3.0,
    "total_upper": -1.0,
    "estimate": -0.8,
    "lower": -1.2,
    "upper": -0.4,
    "e_value": 1.5,
    "rho_at_zero": -0.3,
    "rho_at_limit": -0.2,
    "shared": 0.09,
    "bound_cause": "distress",
    "route_doubts": "",
}


def route(limit: float) -> HiddenCause:
    """An indirect effect whose interval includes zero from a correlation on."""
    lower = np.where(limit <= GRID, -0.1, 0.2) if np.isfinite(limit) else np.full(len(GRID), 0.2)
    return HiddenCause(
        rho=GRID, estimate=lower + 0.2, lower=lower, upper=lower + 0.4, at_zero=limit, at_limit=limit
    )


@pytest.mark.parametrize(
    ("limit", "bound", "doubts", "claim", "told"),
    [
        (0.4, 0.09, [], Claim.SUPPORTED, ()),
        (0.4, 0.36, [], Claim.UNTOLD, (Doubt.BENCHMARK,)),
        (0.1, 0.09, [], Claim.UNTOLD, (Doubt.BENCHMARK,)),
        (float("nan"), 0.6, [], Claim.SUPPORTED, ()),
        (0.4, 0.09, ["habit"], Claim.UNTOLD, (Doubt.HABIT,)),
        (0.1, 0.09, ["benchmark", "habit"], Claim.UNTOLD, (Doubt.BENCHMARK, Doubt.HABIT)),
        (0.4, 0.09, [STEP_NOT_FOUND], Claim.UNTOLD, (STEP_NOT_FOUND,)),
        (0.0, 0.09, ["habit"], Claim.NOT_FOUND, ()),
        (-0.9, 0.09, [], Claim.NOT_FOUND, ()),
        (0.0, 0.09, ["habit", "lost use"], Claim.UNTOLD, (Doubt.LOST,)),
        (0.0, 0.09, ["withdrawal", STEP_NOT_FOUND], Claim.UNTOLD, (Doubt.WITHDRAWAL,)),
    ],
)
def test_claims_follow_bound_and_doubts(
    limit: float, bound: float, doubts: list[str], claim: Claim, told: tuple[str, ...]
) -> None:
    found = route_claim(route(limit), bound, "distress", doubts)
    assert (found.claim, found.doubts) == (claim, tuple(map(str, told)))
    assert (found.bound, found.cause) == (bound, "distress")


def test_the_strongest_cause_is_the_one_that_explains_most_of_both() -> None:
    rng = np.random.default_rng(4)
    held = rng.standard_normal((4000, 3))
    start = rng.standard_normal(4000)
    middle = start + held[:, 0] + 2 * held[:, 2] + rng.standard_normal(4000)
    end = middle + held[:, 0] + rng.standard_normal(4000)
    bound, name = strongest_cause(start, middle, end, held, {"shared": [0], "noise": [1], "one side": [2]})
    # half of what is left of the middle; given the middle, a third of what is left of the end
    assert name == "shared" and bound == pytest.approx(np.sqrt(1 / 6), abs=0.03)
    bound, name = strongest_cause(start, middle, end, held, {"noise": [1], "one side": [2]})
    assert (bound, name) == (0.09, MEDIUM)


@pytest.mark.parametrize("claim", list(Claim))
@pytest.mark.parametrize("doubt", [*Doubt, STEP_NOT_FOUND])
def test_a_route_is_told_as_it_is_claimed(claim: Claim, doubt: str) -> None:
    low, high = (-1.2, 0.3) if claim is Claim.NOT_FOUND else (-1.2, -0.4)
    words = mechanism.DOUBTS[doubt].replace("{bound_cause}", "distress")
    values = {**CHAIN, "lower": low, "upper": high, "route_claim": str(claim), "route_doubts": words}
    text = " ".join(fill_prose(sentence, values) for sentence in mechanism._prose(values))
    assert ("cannot be told from these data" in text) == (claim is Claim.UNTOLD)
    assert ("supported" in text) == (claim is Claim.SUPPORTED)
    assert ("leaves the unrelated feature and rating alone, can give" in text) == (claim is Claim.SUPPORTED)
    assert ("is not shown: its interval includes zero" in text) == (claim is Claim.NOT_FOUND)
    assert (words in text) == (claim is Claim.UNTOLD)
    assert "{" not in text
    nothing = {**values, "lower": -1.2, "upper": 0.3}
    text = " ".join(fill_prose(sentence, nothing) for sentence in mechanism._prose(nothing))
    assert ("its interval includes zero, but whether" in text) == (claim is Claim.UNTOLD)


def drawn(n: int = 200) -> Triple:
    rng = np.random.default_rng(9)
    start = rng.standard_normal(n)
    middle = 2 + start + rng.standard_normal(n)
    held = rng.standard_normal((n, 2))
    return Triple(
        start=start, middle=middle, end=start * middle + held[:, 0] + rng.standard_normal(n), held=held
    )


def test_parts_add_up_and_alike_people_widen_the_intervals() -> None:
    plain = four_way(drawn(), reference=0.0, draws=200, seed=2)
    for reference in (0.0, 1.5, -2.0):
        parts = four_way(drawn(), reference=reference, draws=200, seed=2)["estimate"]
        assert parts[:4].sum() == pytest.approx(parts[4]) == pytest.approx(plain["estimate"][4])
        assert parts[2] + parts[3] == pytest.approx(parts[5]) and parts[1] + parts[2] == pytest.approx(
            parts[6]
        )
    twice = drawn(100)
    both = Triple(
        **{name: np.repeat(getattr(twice, name), 2, axis=0) for name in ("start", "middle", "end", "held")}
    )
    units = Clusters(np.repeat(np.arange(100), 2), 100)
    alone, alike = (
        four_way(both, reference=0.0, draws=300, seed=3, clusters=clusters) for clusters in (None, units)
    )
    ratio = (alike["ci_upper"] - alike["ci_lower"]) / (alone["ci_upper"] - alone["ci_lower"])
    assert ratio.between(1.2, 1.7).all()  # each person stands twice: wider by the square root of two


def test_a_middle_that_repeats_the_start_is_refused() -> None:
    same = drawn()
    with pytest.raises(NotEstimableError, match="say what other columns say"):
        four_way(
            Triple(start=same.start, middle=same.start, end=same.end, held=same.held),
            reference=0.0,
            draws=50,
            seed=1,
        )
