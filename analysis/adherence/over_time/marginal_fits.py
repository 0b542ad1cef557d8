"""Kernels of marginal structural models: weights over time, balance, positivity, weighted outcome."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.special import expit

from analysis.adherence.models.binomial import logit_regression
from analysis.adherence.models.clusters import Clusters, covariance_of, jackknife, of_linear_predictor
from analysis.adherence.models.fit import Fit
from analysis.adherence.over_time.exposure_weights import (
    CALLER,
    Ratio,
    basis_of,
    choice_ratio,
    effective,
    number_ratio,
)
from analysis.adherence.over_time.marginal_rows import Panel
from analysis.common.variation import varies
from instrument.errors import NotEstimableError, fact_and_hint

Floats = NDArray[np.float64]


class Weighting:
    """Models of exposure and of staying at each point in time, and the weights they give."""

    def __init__(self, panel: Panel, *, lags: int, binary: bool, leaving: bool) -> None:
        self._panel, self._lags, self.binary = panel, lags, binary
        self.notes: list[str] = []
        self.weights = np.full(panel.exposure.shape, np.nan)
        self._ratios: list[Ratio] = []
        self._learned: list[tuple[int, NDArray[np.int64], Ratio]] = []
        running = np.ones(len(panel.people))
        for k in range(len(panel.times)):
            here = panel.inside[:, k]
            if not here.any():
                break
            if k and leaving:
                running = running * self._staying(k)
            ratio = self._exposure(k)
            self._ratios.append(ratio)
            self._learned.append((k, np.flatnonzero(here), ratio))
            running[here] = running[here] * ratio.ratio
            self.weights[here, k] = running[here]
        if len(self._ratios) < len(panel.times):
            self.notes.append(f"nobody is followed beyond {panel.times[len(self._ratios) - 1]}")
        if not leaving:
            self.notes.append("people who stopped are not stood for by others")

    def history(self, k: int, here: NDArray[np.bool_]) -> list[Floats]:
        """Exposure of the last points and what does not change, of people who are there."""
        panel = self._panel
        past = range(max(0, k - self._lags), k)
        return [
            *(panel.exposure[here, s] for s in reversed(past)),
            *(panel.baseline[here, j] for j in range(panel.baseline.shape[1])),
        ]

    def causes(self, k: int, here: NDArray[np.bool_], *, now: bool = True) -> list[Floats]:
        """Causes of the exposure at this point and the ones before."""
        past = range(max(0, k - self._lags), k + 1 if now else k)
        return [column[here, s] for s in reversed(past) for column in self._panel.varying.values()]

    def _exposure(self, k: int) -> Ratio:
        here = self._panel.inside[:, k]
        n, past = int(here.sum()), self.history(k, here)
        without, given = basis_of(past, n), basis_of([*past, *self.causes(k, here)], n)
        seen = self._panel.exposure[here, k]
        if self.binary:
            what = f"exposed or not at {self._panel.times[k]}"
            return choice_ratio(seen == 1, without, given, what)
        return number_ratio(seen, without, given)

    def _staying(self, k: int) -> Floats:
        """What those who go on count for those who stopped; 1 where too few stopped to model it."""
        panel = self._panel
        before, stays = panel.inside[:, k - 1], panel.inside[:, k]
        out = np.ones(len(before))
        gone = int((before & ~stays).sum())
        if gone == 0:
            return out
        known = all(np.isfinite(column[before, k]).all() for column in panel.varying.values())
        n = int(before.sum())
        past = self.history(k, before)
        causes = self.causes(k, before, now=known)
        try:
            found = choice_ratio(
                stays[before],
                basis_of(past, n),
                basis_of([*past, *causes], n),
                f"going on or not at {panel.times[k]}",
            )
        except NotEstimableError as error:
            reason = str(error).split("\n")[0].removeprefix(f"{CALLER}: ")
            self.notes.append(f"{gone} people who stopped at {panel.times[k]} are not stood for: {reason}")
            return out
        out[before] = found.ratio
        self._learned.append((k, np.flatnonzero(before), found))
        return out

    def learned(self, person: NDArray[np.int64], at: NDArray[np.int64]) -> tuple[Floats, Floats]:
        """How the log weight of each row moves with the parameters of all models, and how people move these.

        Shapes (rows, q) and (people, q).
        """
        rows, people = [], []
        for k, who, ratio in self._learned:
            everybody = np.zeros((len(self._panel.people), ratio.moves.shape[1]))
            everybody[who] = ratio.moves
            rows.append(np.where((at >= k)[:, None], everybody[person], 0.0))
            pulls = np.zeros_like(everybody)
            pulls[who] = ratio.pulls
            people.append(pulls)
        return np.column_stack(rows), np.column_stack(people)

    def balance(self, weights: Floats) -> pd.DataFrame:
        """Association of each cause with the exposure, the history held constant, before and after."""
        panel, rows = self._panel, []
        for k in range(len(self._ratios)):
            here = panel.inside[:, k]
            n, past = int(here.sum()), self.history(k, here)
            basis = basis_of(past, n)
            seen = panel.exposure[here, k]
            scale = 1.0 if self.binary else float(seen.std(ddof=1))
            for name, column in panel.varying.items():
                cause = column[here, k]
                spread = float(cause.std(ddof=1))
                # What history says already needs no weights, and cannot be unbalanced.
                if not varies(cause) or basis_of([*past, cause], n).shape[1] == basis.shape[1]:
                    continue
                found = [
                    _slope(seen / scale, cause / spread, basis, w) for w in (np.ones(n), weights[here, k])
                ]
                rows.append((panel.times[k], name, n, *found))
        return pd.DataFrame(rows, columns=["time", "variable", "n", "before", "after"])

    def positivity(self, weights: Floats) -> pd.DataFrame:
        """How far a few people carry the weight at each point in time."""
        rows = []
        for k, ratio in enumerate(self._ratios):
            mine = weights[self._panel.inside[:, k], k]
            rows.append(
                {
                    "time": self._panel.times[k],
                    "n": len(mine),
                    "mean_weight": float(mine.mean()),
                    "largest": float(mine.max()),
                    "largest_share": float(mine.max() / mine.sum()),
                    "effective": effective(mine),
                    "effective_share": effective(mine) / len(mine),
                    "explained": ratio.explained,
                    "least": ratio.least,
                }
            )
        return pd.DataFrame(rows)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class OutcomeRows:
    """Rows of the model of the outcome.

    `design` (n, p): a constant per time, exposure terms, baseline; the first columns are the terms.
    `with_causes` the same with the causes, for comparison.
    """

    person: NDArray[np.int64]
    person_number: NDArray[np.int64]
    at: NDArray[np.int64]
    outcome: Floats
    binary: bool
    weights: Floats
    design: Floats
    with_causes: Floats

    @classmethod
    def of(cls, panel: Panel, model: Weighting, history: str) -> OutcomeRows:
        """Take every row with an outcome up to which everything of the exposure is known."""
        counted = panel.inside & np.isfinite(panel.outcome)
        person, at = np.nonzero(counted)
        y = panel.outcome[counted]
        if not len(y) or not np.ptp(y) > 0:
            raise NotEstimableError(fact_and_hint(CALLER, "the outcome has one value only.", "see the data."))
        number = np.unique(person, return_inverse=True)[1]
        a = panel.exposure
        total = np.cumsum(np.where(panel.inside, a, 0.0), axis=1)
        earlier = np.zeros_like(a)
        earlier[:, 1:] = total[:, :-1] / np.arange(1, a.shape[1])
        terms = {
            "both": [a[counted], earlier[counted]],
            "current": [a[counted]],
            "mean": [(total / np.arange(1, a.shape[1] + 1))[counted]],
        }[history]
        present = np.unique(at)
        steady = basis_of([panel.baseline[person, j] for j in range(panel.baseline.shape[1])], len(y))
        fixed = [*((at == k).astype(float) for k in present), *steady.T[1:]]
        design = np.column_stack([*terms, *fixed])
        if np.linalg.matrix_rank(design) < design.shape[1]:
            fact = "the terms of the exposure repeat each other or the baseline columns."
            hint = 'choose history="current", or adjust for less.'
            raise NotEstimableError(fact_and_hint(CALLER, fact, hint))
        causes = basis_of([column[counted] for column in panel.varying.values()], len(y))
        together = np.column_stack([design, *causes.T[1:]])
        if np.linalg.matrix_rank(together) < together.shape[1]:
            together = design
        return cls(
            person=person,
            person_number=number.astype(np.int64),
            at=at,
            outcome=y,
            binary=set(np.unique(y)) <= {0.0, 1.0},
            weights=model.weights[counted],
            design=design,
            with_causes=together,
        )


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Learned:
    """Weights that were learned from the same people.

    `rows` (n, q): how the log weight of a row moves with the parameters of the weights; 0 where a weight was
    cut. `units` (G, q) and `others` (m, q): how much each unit, and each person without an outcome, moves
    these.
    """

    rows: Floats
    units: Floats
    others: Floats

    @classmethod
    def of(cls, model: Weighting, rows: OutcomeRows, units: Clusters, weights: Floats) -> Learned:
        """Gather what the models of the weights owe to each unit."""
        moves, pulls = model.learned(rows.person, rows.at)
        inside = np.zeros(len(pulls), dtype=bool)
        inside[rows.person] = True
        unit = np.zeros(len(pulls), dtype=np.int64)
        unit[rows.person] = units.of_row
        mine = Clusters(unit[inside], units.count).sums(pulls[inside])
        moves = np.where((weights == rows.weights)[:, None], moves, 0.0)
        return cls(rows=moves, units=mine, others=pulls[~inside])


def fit_outcome(
    design: Floats,
    outcome: Floats,
    weights: Floats,
    units: Clusters,
    binary: bool,
    learned: Learned | None = None,
) -> Fit:
    """Weighted regression of the outcome, errors by a jackknife over people or clusters.

    Notes
    -----
    Without a unit g the parameters α of the weights move by −I⁻¹ s_g, and the coefficients by B D times that,
    B the inverse information of the outcome and D = Σ ∂ψ/∂α over its rows: added to what they move by with
    the weights as known (Lunceford & Davidian 2004, doi 10.1002/sim.1903, for weights of one point in time).
    """
    if binary:

        def failed(reason: str) -> NotEstimableError:
            fact = f"the logistic model of the outcome failed: {reason}."
            return NotEstimableError(fact_and_hint(CALLER, fact, "adjust for less."))

        coefficients, _ = logit_regression(design, outcome, weights, failed)
        p = expit(design @ coefficients)
        residual, information = weights * (outcome - p), weights * p * (1 - p)
    else:
        root = np.sqrt(weights)
        solved = np.linalg.lstsq(design * root[:, None], outcome * root, rcond=None)[0]
        coefficients = np.asarray(solved, dtype=np.float64)
        residual, information = weights * (outcome - design @ coefficients), weights
    fit = Fit(
        coefficients=coefficients,
        covariance=np.full((design.shape[1],) * 2, np.nan),
        dispersion=float("nan"),
        df_resid=float("nan"),
        log_likelihood=float("nan"),
        n=len(outcome),
    )
    known = of_linear_predictor(design, residual, information, units)
    made = jackknife(fit, known)
    if learned is None:
        return made
    moved = without_each_unit(known, design, residual, np.asarray(information), learned)
    return replace(made, covariance=covariance_of(moved))


def without_each_unit(
    known: Floats, design: Floats, residual: Floats, information: Floats, learned: Learned
) -> Floats:
    """How the coefficients move without each unit, the weights learned again: shape (G + m, p).

    Parameters
    ----------
    known : array, shape (G, p)
        How they move with the weights as they are.
    design, residual, information
        Of the rows: columns, weighted residuals, weights of the information.
    learned
        What the weights owe to each unit.
    """
    turn = learned.rows.T @ (design * residual[:, None])
    turn = turn @ np.linalg.inv(design.T @ (design * information[:, None]))
    return np.concatenate([known - learned.units @ turn, -learned.others @ turn])


def estimates(fit: Fit, terms: Sequence[str], confidence: float) -> list[dict[str, Any]]:
    """Give a row for each term, which are the first columns of the fit."""
    low, high = fit.interval(confidence)
    pvalues = fit.pvalues()
    return [
        {
            "term": term,
            "estimate": float(fit.coefficients[j]),
            "se": float(fit.se[j]),
            "ci_lower": float(low[j]),
            "ci_upper": float(high[j]),
            "pvalue": float(pvalues[j]),
        }
        for j, term in enumerate(terms)
    ]


def _slope(exposure: Floats, cause: Floats, basis: Floats, weights: Floats) -> float:
    """Weighted slope of a cause on the exposure beside the history."""
    root = np.sqrt(weights)
    x = np.column_stack([exposure, basis]) * root[:, None]
    return float(np.linalg.lstsq(x, cause * root, rcond=None)[0][0])
