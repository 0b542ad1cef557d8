"""Tables of a chain: routes with three kinds of interval, latent alliance, and doubt about hidden causes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from analysis.adherence.chain.claims import route_claim, strongest_cause
from analysis.adherence.chain.drawn_moments import drawn_covariances, left_out_covariances, percentile_limits
from analysis.adherence.chain.four_way import Triple, four_way
from analysis.adherence.chain.models import ChainFit, fit_chain, simple_mediation, simulated_strengths
from analysis.adherence.chain.routes import Route, all_routes, chain_slopes, strength_of, sums_of
from analysis.adherence.claims.claims import causes_of
from analysis.adherence.claims.hidden_cause import HiddenCause, under_hidden_cause
from analysis.adherence.models.clusters import Clusters
from analysis.adherence.models.families import e_value
from analysis.reliability.resampling import accelerated_limits
from instrument.errors import NotEstimableError

Floats = NDArray[np.float64]
CHAIN = ["context", "alliance", "later use", "outcome"]
COLUMNS = {"context": "context", "alliance": "alliance", "later use": "later_use", "outcome": "outcome"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Chain:
    """Complete people: steps in their order in time, columns held constant, latent themes, clusters."""

    people: pd.DataFrame
    nodes: list[str]
    held: Floats
    held_names: list[str]
    parts: Floats | None
    clusters: Clusters | None = None
    early: tuple[str, ...] = ()
    doubts: tuple[str, ...] = ()  # of the step from alliance to later use


def chain_tables(chain: Chain, level: float, draws: int, seed: int) -> dict[str, Any]:
    """Estimate everything that `MediationResult` holds of a chain.

    Parameters
    ----------
    chain
        Complete people.
    level, draws, seed
        Level of intervals, draws and seed.

    Returns
    -------
    dict
        `effects`, `latent`, `latent_fit`, `simple`, `sensitivity`, `robustness`, `four_way`, `failed`.
    """
    table, nodes, held = _plain(chain)
    moments = np.column_stack([chain.held, chain.people.to_numpy(dtype=float)])
    drawn = drawn_covariances(moments, draws, seed, chain.clusters)
    effects = _effects(chain, fit_chain(table, nodes, held), moments, drawn, level, seed)
    failed: list[dict[str, str]] = []
    parts, columns = chain.parts, ["kind", "start", "end", "route", "estimate", "se", "mc_lower", "mc_upper"]
    latent: pd.DataFrame = pd.DataFrame(columns=columns)
    latent_fit: dict[str, float] = {}
    if parts is not None:
        latent, latent_fit = _kept(
            "latent alliance",
            lambda: _latent(chain, parts, table, nodes, held, level, draws, seed),
            (latent, latent_fit),
            failed,
        )
    sensitivity, robustness = _doubt(chain, moments, drawn, level)
    parted = _kept(
        "four parts",
        lambda: _four_parts(chain, level, draws, seed),
        pd.DataFrame(columns=["route", "part", "estimate", "se", "ci_lower", "ci_upper", "share"]),
        failed,
    )
    return {
        "effects": effects,
        "latent": latent,
        "latent_fit": latent_fit,
        "simple": simple_mediation(table, nodes[-3:], [*nodes[:-3], *held], level, min(draws, 1000), seed),
        "sensitivity": sensitivity,
        "robustness": robustness,
        "four_way": parted,
        "failed": pd.DataFrame(failed, columns=["part", "reason"]),
    }


def _kept(part: str, make: Callable[[], Any], without: Any, failed: list[dict[str, str]]) -> Any:
    try:
        return make()
    except NotEstimableError as error:
        failed.append({"part": part, "reason": str(error).split("\n")[0]})
        return without


def _plain(chain: Chain) -> tuple[pd.DataFrame, list[str], list[str]]:
    """Columns under names that the language of models can read."""
    held = [f"held{k + 1}" for k in range(chain.held.shape[1])]
    table = pd.concat([chain.people.rename(columns=COLUMNS), pd.DataFrame(chain.held, columns=held)], axis=1)
    return table, [COLUMNS[node] for node in chain.nodes], held


def _effects(
    chain: Chain, fit: ChainFit, moments: Floats, drawn: Floats, level: float, seed: int
) -> pd.DataFrame:
    k = len(chain.nodes)
    routes = all_routes(k)
    rows, sums = sums_of(routes)
    estimate = sums @ strength_of(fit.slopes[None], routes)[0]
    simulated = simulated_strengths(fit, routes, len(drawn), seed) @ sums.T
    resampled = strength_of(chain_slopes(drawn, k), routes) @ sums.T
    left_out = strength_of(chain_slopes(left_out_covariances(moments, chain.clusters), k), routes) @ sums.T
    limits = {
        "mc": percentile_limits(simulated, level),
        "boot": percentile_limits(resampled, level),
        "bca": accelerated_limits(estimate, resampled, left_out, level),
    }
    frame = _named(chain, rows, routes)
    errors = _errors(fit, sums, simulated) if chain.clusters is None else resampled.std(axis=0, ddof=1)
    frame["estimate"], frame["se"] = estimate, errors
    for name, (lower, upper) in limits.items():
        frame[f"{name}_lower"], frame[f"{name}_upper"] = lower, upper
    sd = chain.people.std(ddof=1)
    frame["standardized"] = estimate * [
        sd[s] / sd[e] for s, e in zip(frame["start"], frame["end"], strict=True)
    ]
    tail = frame["end"] == "outcome"
    values = [e_value(float(d), "difference") for d in frame["standardized"]]
    frame["e_value"] = np.where(tail, values, np.nan)
    return frame


def _errors(fit: ChainFit, sums: Floats, simulated: Floats) -> Floats:
    """Delta-method errors of single routes; of sums of routes, the deviation of their simulated values."""
    single = sums.sum(axis=1) == 1
    errors = simulated.std(axis=0, ddof=1)
    errors[single] = sums[single] @ fit.standard_errors
    return np.asarray(errors)


def _named(chain: Chain, rows: list[tuple[str, int, int]], routes: list[Route]) -> pd.DataFrame:
    out = []
    for position, (kind, start, end) in enumerate(rows):
        route = routes[position] if kind == "route" else None
        told = (
            " → ".join(chain.nodes[at] for at in route)
            if route
            else f"{chain.nodes[start]} to {chain.nodes[end]}"
        )
        named = ("direct" if route and len(route) == 2 else "indirect") if kind == "route" else kind
        out.append({"kind": named, "start": chain.nodes[start], "end": chain.nodes[end], "route": told})
    return pd.DataFrame(out)


def _latent(
    chain: Chain,
    parts: Floats,
    table: pd.DataFrame,
    nodes: list[str],
    held: list[str],
    level: float,
    draws: int,
    seed: int,
) -> tuple[pd.DataFrame, dict[str, float]]:
    """Alliance as a latent variable above its themes."""
    names = [f"theme{k + 1}" for k in range(parts.shape[1])]
    whole = pd.concat([table.drop(columns="alliance"), pd.DataFrame(parts, columns=names)], axis=1)
    fit = fit_chain(whole, nodes, held, {"alliance": names})
    routes = all_routes(len(nodes))
    rows, sums = sums_of(routes)
    simulated = simulated_strengths(fit, routes, draws, seed) @ sums.T
    frame = _named(chain, rows, routes)
    frame["estimate"] = sums @ strength_of(fit.slopes[None], routes)[0]
    frame["se"] = _errors(fit, sums, simulated)
    frame["mc_lower"], frame["mc_upper"] = percentile_limits(simulated, level)
    return frame, fit.fit


def _triple(chain: Chain, start: int) -> Triple:
    """Three steps in a row; steps before them are held constant with the rest."""
    steps = chain.people[chain.nodes].to_numpy(dtype=float)
    held = np.column_stack([chain.held, steps[:, :start]])
    return Triple(start=steps[:, start], middle=steps[:, start + 1], end=steps[:, start + 2], held=held)


def _four_parts(chain: Chain, level: float, draws: int, seed: int) -> pd.DataFrame:
    """Four parts of the last three steps, the direct one at no later use (or at the mean of a score)."""
    start = len(chain.nodes) - 3
    frame = four_way(
        _triple(chain, start),
        reference=0.0,
        draws=draws,
        seed=seed,
        confidence=level,
        clusters=chain.clusters,
    )
    frame.insert(0, "route", " → ".join(chain.nodes[start:]))
    return frame


def _claimed(chain: Chain, start: int, found: HiddenCause) -> dict[str, Any]:
    """What may be said of three steps in a row."""
    route = _triple(chain, start)
    causes = causes_of(chain.held_names, chain.early)
    causes |= {chain.nodes[k]: [chain.held.shape[1] + k] for k in range(start)}
    bound, cause = strongest_cause(route.start, route.middle, route.end, route.held, causes)
    told = route_claim(found, bound, cause, chain.doubts)  # any three in a row hold that step
    return {
        "bound": told.bound,
        "bound_cause": told.cause,
        "claim": str(told.claim),
        "doubts": ", ".join(told.doubts),
    }


def _doubt(chain: Chain, moments: Floats, drawn: Floats, level: float) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Sensitivity of every three steps in a row to a hidden cause of the last two."""
    whole = np.cov(moments, rowvar=False)
    first = moments.shape[1] - len(chain.nodes)
    curves, points = [], []
    for start in range(len(chain.nodes) - 2):
        until = slice(0, first + start + 3)
        found = under_hidden_cause(whole[until, until], drawn[:, until, until], level)
        route = " → ".join(chain.nodes[start : start + 3])
        curves.append(
            pd.DataFrame(
                {
                    "route": route,
                    "rho": found.rho,
                    "estimate": found.estimate,
                    "ci_lower": found.lower,
                    "ci_upper": found.upper,
                }
            )
        )
        points.append(
            {
                "route": route,
                "rho_at_zero": found.at_zero,
                "rho_at_limit": found.at_limit,
                "shared": found.shared,
                **_claimed(chain, start, found),
            }
        )
    return pd.concat(curves, ignore_index=True), pd.DataFrame(points)
