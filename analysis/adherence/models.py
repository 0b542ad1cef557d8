"""Run every model of one predictor on a landmark design and put it into rows."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import stats
from scipy.special import expit

from analysis.adherence.binomial import Fit, average_effect, beta_binomial, quasi_binomial
from analysis.adherence.counts import CountModels, count_models
from analysis.adherence.design import LandmarkDesign
from analysis.adherence.families import e_value, e_value_of_limit
from analysis.adherence.survival import cox, proportionality
from analysis.adherence.threshold import area_under_curve, calibration, logistic
from analysis.adherence.weighting import response_weights
from instrument.errors import NotEstimableError

Floats = NDArray[np.float64]
REMAINING, BETA, WEIGHTED = "remaining use, logit", "remaining use, beta-binomial", "remaining use, weighted"
HAZARD, COUNT, REACHED = "time to disengagement, Cox", "active days, negative binomial", "threshold, logistic"
OUTCOME = "outcome at follow-up, linear"


class ModelRun:
    """Models of one predictor; each failure is kept with its reason and stops no other model."""

    def __init__(self, design: LandmarkDesign, predictor: str, level: float, outcome: str | None) -> None:
        self._design, self._predictor, self._level, self._outcome = design, predictor, level, outcome
        frame = design.frame
        raw = frame[predictor].to_numpy(dtype=float)
        self.sd = float(raw.std(ddof=1))
        if not self.sd > 0:
            raise NotEstimableError(
                f"relate_adherence: {predictor!r} has one value only.\nHint: leave it out."
            )
        scaled = (raw - raw.mean()) / self.sd
        self._terms = [predictor, *design.adjusters]
        # Adjusters are put on a like scale for the optimisers and reported per standard deviation.
        adjusted = [_standard(frame[name].to_numpy(dtype=float)) for name in design.adjusters]
        self._x = np.column_stack([scaled, *adjusted])
        self._with_constant = np.column_stack([np.ones(len(frame)), self._x])
        self.effects: list[dict[str, Any]] = []
        self.coefficients: list[dict[str, Any]] = []
        self.failed: list[dict[str, str]] = []
        self.proportional: pd.DataFrame | None = None
        self.comparison: pd.DataFrame | None = None
        self.discrimination: dict[str, Any] | None = None

    def run(self) -> ModelRun:
        """Run every model."""
        steps: list[tuple[str, Callable[[], None]]] = [
            (REMAINING, self._remaining),
            (BETA, self._beta),
            (WEIGHTED, self._weighted),
            (HAZARD, self._hazard),
            (COUNT, self._counts),
            (REACHED, self._reached),
        ]
        if self._outcome is not None:
            steps.append((OUTCOME, self._follow_up))
        for name, step in steps:
            try:
                step()
            except NotEstimableError as error:
                reason = str(error).split("\n")[0].removeprefix("relate_adherence: ")
                self.failed.append({"model": name, "predictor": self._predictor, "reason": reason})
        return self

    def _binomial_data(self) -> tuple[Floats, Floats, Floats]:
        frame = self._design.frame
        return self._with_constant, frame["done"].to_numpy(dtype=float), frame["due"].to_numpy(dtype=float)

    def _remaining(self) -> None:
        x, done, due = self._binomial_data()
        self._keep_binomial(REMAINING, quasi_binomial(x, done, due))

    def _beta(self) -> None:
        x, done, due = self._binomial_data()
        start = quasi_binomial(x, done, due).coefficients
        self._keep_binomial(BETA, beta_binomial(x, done, due, start))

    def _weighted(self) -> None:
        x, done, due = self._binomial_data()
        self._keep_binomial(WEIGHTED, quasi_binomial(x, done, due, response_weights(self._design)))

    def _keep_binomial(self, model: str, fit: Fit) -> None:
        x, _, due = self._binomial_data()
        effect = average_effect(fit, x, due, 1, self._level)
        self._keep(
            model, fit, 1, "odds ratio", effect, f"{self._design.unit} of {self._design.due:g}", "odds"
        )

    def _hazard(self) -> None:
        frame = self._design.frame
        here = frame["at_risk"].to_numpy(dtype=bool)
        x = self._x[here]
        varies = x.std(axis=0) > 0
        x, terms = x[:, varies], [t for t, v in zip(self._terms, varies, strict=True) if v]
        time = frame["disengaged_after"].to_numpy(dtype=float)[here]
        event = frame["disengaged"].to_numpy(dtype=bool)[here]
        fit = cox(x, time, event)
        self._keep(HAZARD, fit, 0, "hazard ratio", None, "", "hazard", terms=terms, events=int(event.sum()))
        table = proportionality(fit, x, time, event, terms)
        table.insert(0, "predictor", self._predictor)
        self.proportional = table

    def _counts(self) -> None:
        counts = self._design.frame["active_days_after"].to_numpy(dtype=float)
        models: CountModels = count_models(self._with_constant, counts)
        fit = models.negative_binomial
        mean = np.exp(self._with_constant @ fit.coefficients)
        slope = float(mean.mean())
        gradient = fit.coefficients[1] * (self._with_constant * mean[:, None]).mean(axis=0)
        gradient[1] += slope
        half = float(stats.norm.ppf(0.5 + self._level / 2) * np.sqrt(gradient @ fit.covariance @ gradient))
        effect = slope * float(fit.coefficients[1])
        self._keep(COUNT, fit, 1, "rate ratio", (effect, effect - half, effect + half), "active days", "")
        models.comparison.insert(0, "predictor", self._predictor)
        self.comparison = models.comparison

    def _reached(self) -> None:
        reached = self._design.frame["adherent_after"].to_numpy(dtype=bool)
        fit = logistic(self._with_constant, reached)
        effect = average_effect(fit, self._with_constant, np.full(len(reached), 100.0), 1, self._level)
        self._keep(
            REACHED, fit, 1, "odds ratio", effect, "percentage points", "odds", events=int(reached.sum())
        )
        area = area_under_curve(expit(self._with_constant @ fit.coefficients), reached, self._level)
        alone = area_under_curve(self._x[:, 0], reached, self._level)
        self.discrimination = {
            "predictor": self._predictor,
            **dict(zip(("auc", "auc_lower", "auc_upper"), area, strict=True)),
            **dict(zip(("auc_score_alone", "auc_alone_lower", "auc_alone_upper"), alone, strict=True)),
            **calibration(fit, self._with_constant, reached),
        }

    def _follow_up(self) -> None:
        """Linear model of the outcome, robust (HC3) covariance."""
        import statsmodels.api as sm

        outcome = self._design.frame[self._outcome].astype("Float64").astype(float).to_numpy()
        here = np.isfinite(outcome)
        x = self._with_constant[here]
        if here.sum() < x.shape[1] + 20 or np.linalg.matrix_rank(x) < x.shape[1]:
            reason = f"{int(here.sum())} people have the outcome"
            raise NotEstimableError(f"relate_adherence: {reason}, too few.\nHint: gather more.")
        done = sm.OLS(outcome[here], x).fit(cov_type="HC3")
        fit = Fit(
            coefficients=np.asarray(done.params),
            covariance=np.asarray(done.cov_params()),
            dispersion=float(done.scale),
            df_resid=float(done.df_resid),
            log_likelihood=float(done.llf),
            n=int(here.sum()),
        )
        low, high = fit.interval(self._level)
        effect = (float(fit.coefficients[1]), float(low[1]), float(high[1]))
        self._keep(OUTCOME, fit, 1, "difference", effect, f"points of {self._outcome}", "")

    def _keep(
        self,
        model: str,
        fit: Fit,
        column: int,
        measure: str,
        effect: tuple[float, float, float] | None,
        unit: str,
        e_kind: str,
        terms: list[str] | None = None,
        events: int | None = None,
    ) -> None:
        low, high = fit.interval(self._level)
        pvalues = fit.pvalues()
        names = list(terms) if terms is not None else ["(constant)", *self._terms]
        for j, term in enumerate(names):
            self.coefficients.append(
                {
                    "model": model,
                    "predictor": self._predictor,
                    "term": term,
                    "estimate": float(fit.coefficients[j]),
                    "se": float(fit.se[j]),
                    "pvalue": float(pvalues[j]),
                    "ci_lower": float(low[j]),
                    "ci_upper": float(high[j]),
                    "dispersion": fit.dispersion,
                }
            )
        turn: Callable[[float], float] = float if measure == "difference" else lambda b: float(np.exp(b))
        ratio, lower, upper = (turn(v[column]) for v in (fit.coefficients, low, high))
        shown = effect or (float("nan"),) * 3
        self.effects.append(
            {
                "model": model,
                "predictor": self._predictor,
                "n": fit.n,
                "events": events,
                "measure": measure,
                "coefficient": float(fit.coefficients[column]),
                "se": float(fit.se[column]),
                "pvalue": float(pvalues[column]),
                "ratio": ratio,
                "ci_lower": lower,
                "ci_upper": upper,
                "effect": shown[0],
                "effect_lower": shown[1],
                "effect_upper": shown[2],
                "unit": unit,
                "e_value": e_value(ratio, e_kind) if e_kind else float("nan"),
                "e_value_limit": e_value_of_limit(lower, upper, e_kind) if e_kind else float("nan"),
            }
        )


def _standard(column: Floats) -> Floats:
    """Centre and scale numbers; leave 0/1 columns as they are."""
    if set(np.unique(column)) <= {0.0, 1.0}:
        return column
    return np.asarray((column - column.mean()) / column.std(ddof=1))
