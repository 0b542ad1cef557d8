"""The chain from context to outcome as structural equation models, and by pingouin."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import stats

from analysis.adherence.chain.drawn_moments import AT_ONCE, paired_products, squared
from analysis.adherence.chain.routes import Route, all_routes, strength_of
from analysis.common.undisturbed import undisturbed_pingouin
from analysis.structural.inference.result import StructuralResult
from analysis.structural.language.naming import acting_for
from analysis.structural.models import sem

Floats = NDArray[np.float64]
HELD = "held"
UNCLEAR = (
    1e-6  # part of a column's length, or of a direction, below which sums of products are not exact enough
)


@dataclass(frozen=True, slots=True, kw_only=True)
class ChainFit:
    """Slopes of a fitted chain: estimate (k, k), covariance of the free ones, and each route with its error.

    `place` gives the row and column of each free slope.
    """

    slopes: Floats
    place: list[tuple[int, int]]
    covariance: Floats
    standard_errors: Floats
    n: int
    fit: dict[str, float]


def fit_chain(
    table: pd.DataFrame,
    nodes: Sequence[str],
    held: Sequence[str],
    indicators: dict[str, list[str]] | None = None,
) -> ChainFit:
    """Fit the chain by maximum likelihood.

    Parameters
    ----------
    table
        One row per person, complete.
    nodes
        Variables in their order in time.
    held
        Columns held constant in every equation.
    indicators
        Nodes that are latent, with their indicators.

    Returns
    -------
    ChainFit
        Each node on all earlier nodes. A latent node is per standard deviation of the latent variable.

    Raises
    ------
    NotEstimableError
        The model is not identified or does not converge.
    """
    measured = indicators or {}
    with acting_for("mediate_adherence"):
        found = sem(_syntax(nodes, held, measured), table, estimator="ML", ordered=False)
    routes = all_routes(len(nodes))
    slopes = np.zeros((len(nodes), len(nodes)))
    labelled = found.parameters[found.parameters["label"] != ""].set_index("label")
    est, se = (labelled[name].astype(float).to_dict() for name in ("est", "se"))
    place = [(route[0], route[1]) for route in routes if len(route) == 2]
    scale = _deviations(found, nodes, measured)
    for i, j in place:
        slopes[j, i] = est[_label((i, j))] * scale[i] / scale[j]
    errors = [se[_label(route)] * scale[route[0]] / scale[route[-1]] for route in routes]
    return ChainFit(
        slopes=slopes,
        place=[(j, i) for i, j in place],
        covariance=_covariance(found, place, scale),
        standard_errors=np.array(errors),
        n=found.n_obs,
        fit={name: float(found.fit[name]) for name in ("chisq", "df", "pvalue", "cfi", "rmsea", "srmr")},
    )


def _label(route: Route) -> str:
    return ("p" if len(route) == 2 else "r") + "".join(map(str, route))


def _syntax(nodes: Sequence[str], held: Sequence[str], measured: dict[str, list[str]]) -> str:
    lines = [f"{node} =~ {' + '.join(parts)}" for node, parts in measured.items()]
    for j in range(1, len(nodes)):
        terms = [f"{_label((i, j))}*{nodes[i]}" for i in range(j)]
        lines.append(f"{nodes[j]} ~ {' + '.join([*terms, *held])}")
    for route in all_routes(len(nodes)):
        if len(route) > 2:
            steps = [_label((i, j)) for i, j in pairwise(route)]
            lines.append(f"{_label(route)} := {'*'.join(steps)}")
    return "\n".join(lines)


def _deviations(found: StructuralResult, nodes: Sequence[str], measured: dict[str, list[str]]) -> list[float]:
    """Standard deviation of each latent node, 1 for the others."""
    rows = found.parameters
    out = []
    for node in nodes:
        first = rows[(rows["lhs"] == node) & (rows["op"] == "=~")]
        out.append(float(first["std_lv"].iloc[0] / first["est"].iloc[0]) if node in measured else 1.0)
    return out


def _covariance(found: StructuralResult, place: Sequence[Route], scale: list[float]) -> Floats:
    fitted = found._fitted
    at = {row.label: row.free for row in fitted.table.free_rows() if row.label}
    index = [at[_label(pair)] for pair in place]
    size = np.array([scale[i] / scale[j] for i, j in place])
    return np.asarray(fitted.vcov[np.ix_(index, index)] * np.outer(size, size))


def simulated_strengths(fit: ChainFit, routes: list[Route], draws: int, seed: int) -> Floats:
    """Strengths of routes with slopes drawn from their normal distribution, shape (draws, routes).

    Parameters
    ----------
    fit
        A fitted chain.
    routes
        From `all_routes`.
    draws, seed
        Number of draws, and their seed.
    """
    size = len(fit.slopes)
    at = tuple(np.array(fit.place).T)
    lower = np.linalg.cholesky(fit.covariance)
    noise = np.random.default_rng(seed).standard_normal((draws, len(fit.place)))
    slopes = np.zeros((draws, size, size))
    slopes[:, at[0], at[1]] = fit.slopes[at] + noise @ lower.T
    return strength_of(slopes, routes)


def simple_mediation(
    table: pd.DataFrame,
    nodes: Sequence[str],
    held: Sequence[str],
    level: float,
    draws: int,
    seed: int,
) -> pd.DataFrame:
    """Mediation of three variables by pingouin, for comparison with the chain.

    Parameters
    ----------
    table
        Complete rows.
    nodes
        Predictor, mediator, outcome.
    held
        Covariates.
    level, draws, seed
        Level, bootstrap samples and seed.

    Returns
    -------
    DataFrame
        path, estimate, se, pvalue, ci_lower, ci_upper as pingouin gives them. Its bootstrap samples of the
        indirect effect are summed here, which gives the same numbers sooner.
    """
    x, m, y = nodes
    options: dict[str, Any] = {"covar": list(held)} if held else {}
    # A mediator of two values has a logit in pingouin, which sums of products do not give.
    by_sums = table[m].nunique() != 2
    with undisturbed_pingouin() as pingouin:
        found = pingouin.mediation_analysis(
            data=table, x=x, m=m, y=y, alpha=1 - level, n_boot=2 if by_sums else draws, seed=seed, **options
        )
    low, high = (name for name in found.columns if str(name).startswith("CI"))
    names = {"coef": "estimate", "pval": "pvalue", low: "ci_lower", high: "ci_upper"}
    told = found.rename(columns=names)[["path", "estimate", "se", "pvalue", "ci_lower", "ci_upper"]]
    if by_sums:
        row = told["path"] == "Indirect"
        drawn = _indirect_drawn(table[[x, m, y, *held]].to_numpy(dtype=float), draws, seed)
        estimate = float(told.loc[row, "estimate"].iloc[0])
        told.loc[row, ["se", "pvalue", "ci_lower", "ci_upper"]] = _bootstrapped(drawn, estimate, level)
    return told


def _bootstrapped(drawn: Floats, estimate: float, level: float) -> list[float]:
    """Error, p value and limits corrected for bias of an indirect effect, as pingouin has them."""
    side = min(int((drawn > 0).sum()), int((drawn < 0).sum()))
    pvalue = 1.0 if estimate == 0 else min(2 * side / len(drawn), 1.0)
    shift, tail = stats.norm.ppf(np.mean(drawn < estimate)), stats.norm.ppf((1 - level) / 2)
    limits = np.percentile(drawn, 100 * stats.norm.cdf([2 * shift + tail, 2 * shift - tail]))
    return [float(drawn.std(ddof=1)), pvalue, float(limits.min()), float(limits.max())]


def _indirect_drawn(columns: Floats, draws: int, seed: int) -> Floats:
    """Indirect effects in the samples that pingouin draws, from sums of products, shape (draws,).

    `columns`, shape (n, q): predictor, mediator, outcome, and what is held constant.
    """
    n, q = columns.shape
    centred = columns - columns.mean(axis=0)
    products, pairs = paired_products(centred)
    summands = np.column_stack([centred, products])
    rng, found = np.random.RandomState(seed), np.empty(draws)
    for start in range(0, draws, AT_ONCE):
        times = np.empty((min(AT_ONCE, draws - start), n))
        for row in times:
            row[:] = np.bincount(rng.randint(0, n, n), minlength=n)
        sums = times @ summands
        means = sums[:, :q] / n
        spread = squared(sums[:, q:], pairs, q) / n - means[:, :, None] * means[:, None, :]
        for k, (own, row) in enumerate(zip(spread, times, strict=True)):
            found[start + k] = _indirect(own, centred, row)
    return found


def _indirect(spread: Floats, centred: Floats, times: Floats) -> float:
    """Slope of mediator on predictor, times that of outcome on mediator; by rows where sums are unclear."""
    lengths = np.sqrt(np.maximum(np.diag(spread), 0.0))
    inside = np.delete(np.arange(len(spread)), 2)  # predictor, mediator, held
    if (lengths > UNCLEAR * centred.std(axis=0)).all():
        scaled = spread / np.outer(lengths, lengths)
        if np.linalg.eigvalsh(scaled[np.ix_(inside, inside)])[0] > UNCLEAR:
            first = np.delete(inside, 1)
            of_mediator = np.linalg.solve(spread[np.ix_(first, first)], spread[first, 1])[0]
            return float(of_mediator * np.linalg.solve(spread[np.ix_(inside, inside)], spread[inside, 2])[1])
    rows = centred[np.repeat(np.arange(len(times)), times.astype(int))]
    held = np.column_stack([np.ones(len(rows)), rows[:, 3:]])
    of_mediator = np.linalg.lstsq(np.column_stack([rows[:, :1], held]), rows[:, 1], rcond=None)[0][0]
    return float(
        of_mediator * np.linalg.lstsq(np.column_stack([rows[:, :2], held]), rows[:, 2], rcond=None)[0][1]
    )
