"""Run every model of one predictor on a landmark design and put it into rows."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import stats
from scipy.special import expit

from analysis.adherence.claims.claims import Claim, Standing, standing
from analysis.adherence.design.covariates import LEAST_OF_ITS_OWN, condition_number, own_share
from analysis.adherence.design.early_use import how_many
from analysis.adherence.design.ends import CAUSE, ENDED_AFTER, End, models_of_ends
from analysis.adherence.design.landmark import CALLER, LandmarkDesign
from analysis.adherence.models.binomial import (
    alone_in,
    average_effect,
    beta_binomial,
    quasi_binomial,
    sandwich,
)
from analysis.adherence.models.clusters import Clusters, jackknife, of_linear_predictor
from analysis.adherence.models.context import HAZARD, REMAINING, context_in_hazard, context_in_use
from analysis.adherence.models.counts import FEWEST_USERS, CountModels, count_effects, count_models
from analysis.adherence.models.decided import undecided, with_places
from analysis.adherence.models.discrete import discrete_time, periods_seen, still_using
from analysis.adherence.models.fit import LEAST_ERROR, Fit
from analysis.adherence.models.imputation import impute, pooled_use
from analysis.adherence.models.mixed import random_intercept
from analysis.adherence.models.poisson import quasi_poisson
from analysis.adherence.models.rows import Reported, coefficient_rows, effect_row
from analysis.adherence.models.shape import compare_shapes
from analysis.adherence.models.survival import cox, proportionality
from analysis.adherence.models.threshold import (
    area_under_curve,
    calibration,
    calibration_table,
    enough_on_both,
    logistic,
)
from analysis.adherence.models.unanswered import shifted_use
from analysis.adherence.models.weighting import response_weights
from analysis.common.software import used
from analysis.common.variation import varies
from instrument.errors import NotEstimableError, fact_and_hint

Floats = NDArray[np.float64]
BETA, WEIGHTED = "remaining use, beta-binomial", "remaining use, weighted"
IMPUTED, DISCRETE = "remaining use, imputed", "time to disengagement, by week"
COUNT, CHOSEN = "active days, negative binomial", "active days, model chosen by AIC"
QUASI, OF_DAYS = "active days, quasi-Poisson", "active days of those watched, logit"
INTERCEPT = "remaining use, linear with a random intercept by cluster"
REACHED, OUTCOME = "threshold, logistic", "outcome at follow-up, linear"
ENDS = "time to each end of use"
SHAPE, MODERATED = "remaining use, curve", "remaining use, context as moderator"
OF_LATER_USE = (
    *(REMAINING, INTERCEPT, BETA, WEIGHTED, IMPUTED),
    *(HAZARD, DISCRETE, COUNT, OF_DAYS, REACHED),
)
"""Models whose effects are on use after the landmark."""
AUXILIARY = ("done", "active_days_after", "at_risk")


@dataclass(frozen=True, slots=True, kw_only=True)
class _AtRisk:
    """Those still using the app at the landmark, without groups that nobody left (`undecided`).

    `terms` names the columns that vary, `kept` tells which of them `x` holds; `here` are their rows among the
    analysed; `n` counts everyone at risk, `with_week` those seen for a week or until they left.
    """

    x: Floats
    terms: list[str]
    kept: NDArray[np.bool_]
    time: Floats
    event: NDArray[np.bool_]
    here: NDArray[np.bool_]
    n: int
    with_week: int
    clusters: Clusters | None

    @property
    def named(self) -> list[str]:
        """Names of the columns of `x`."""
        return [term for term, kept in zip(self.terms, self.kept, strict=True) if kept]


class ModelRun:
    """Models of one predictor; each failure is kept with its reason and stops no other model."""

    def __init__(
        self,
        design: LandmarkDesign,
        predictor: str,
        level: float,
        outcome: str | None,
        *,
        context: str | None = None,
        seed: int = 1,
    ) -> None:
        self._design, self._predictor, self._level, self._outcome = design, predictor, level, outcome
        self._clusters = design.clusters
        self._context, self._seed = (context if context != predictor else None), seed
        frame = design.frame
        raw = frame[predictor].to_numpy(dtype=float)
        self.sd = float(raw.std(ddof=1))
        if not varies(raw):
            fact = f"{predictor!r} has one value only."
            raise NotEstimableError(fact_and_hint(CALLER, fact, "leave it out."))
        scaled = (raw - raw.mean()) / self.sd
        self._terms = [predictor, *design.adjusters]
        # Adjusters are put on a like scale for the optimisers and reported per standard deviation.
        adjusted = [_standard(frame[name].to_numpy(dtype=float)) for name in design.adjusters]
        self._x = np.column_stack([scaled, *adjusted])
        self._with_constant = np.column_stack([np.ones(len(frame)), self._x])
        self.effects: list[dict[str, Any]] = []
        self.coefficients: list[dict[str, Any]] = []
        self.failed: list[dict[str, str]] = []
        self.unneeded: list[str] = []
        self.fits: list[dict[str, Any]] = []
        self._condition = condition_number(self._with_constant)
        self._own_share = own_share(scaled, self._x[:, 1:])
        self.proportional: pd.DataFrame | None = None
        self.comparison: pd.DataFrame | None = None
        self.discrimination: dict[str, Any] | None = None
        self.calibration: pd.DataFrame | None = None
        self.imputation: dict[str, Any] | None = None
        self.unanswered: pd.DataFrame | None = None
        self.shape: dict[str, Any] | None = None
        self.curve: pd.DataFrame | None = None
        self.context: pd.DataFrame | None = None
        self.standing: Standing | None = None
        self.ends: pd.DataFrame | None = None

    def run(self, only: Sequence[str] | None = None) -> ModelRun:
        """Run every model, or those named."""
        if self._own_share < LEAST_OF_ITS_OWN:
            fact = (
                f"{self._predictor!r} is a sum of what is held constant, so nothing of it is left to relate."
            )
            error = NotEstimableError(fact_and_hint(CALLER, fact, "adjust for less."))
            self._note_failure(REMAINING, error)
            return self
        steps: list[tuple[str, Callable[[], None]]] = [
            (REMAINING, self._remaining),
            (INTERCEPT, self._intercept),
            (BETA, self._beta),
            (WEIGHTED, self._weighted),
            (IMPUTED, self._imputed),
            (SHAPE, self._shape),
            (HAZARD, self._hazard),
            (DISCRETE, self._by_week),
            (COUNT, self._counts),
            (OF_DAYS, self._of_days),
            (REACHED, self._reached),
        ]
        if self._outcome is not None:
            steps.append((OUTCOME, self._follow_up))
        if self._context is not None:
            steps.append((MODERATED, self._moderated))
        if CAUSE in self._design.frame:
            steps.append((ENDS, self._ends))
        for name, step in steps:
            if only is not None and name not in only:
                continue
            try:
                step()
            except (NotEstimableError, np.linalg.LinAlgError, ArithmeticError) as error:
                self._note_failure(name, error)
        return self

    def _note_failure(self, model: str, error: Exception) -> None:
        reason = str(error).split("\n")[0]
        for caller in ("relate_adherence: ", "relate_waves: "):
            reason = reason.removeprefix(caller)
        if not isinstance(error, NotEstimableError):
            reason = f"its equations could not be solved ({reason})."
        self.failed.append({"model": model, "predictor": self._predictor, "reason": reason})

    def _binomial_data(self) -> tuple[Floats, Floats, Floats]:
        frame = self._design.frame
        return self._with_constant, frame["done"].to_numpy(dtype=float), frame["due"].to_numpy(dtype=float)

    def _remaining(self) -> None:
        x, done, due = self._binomial_data()
        fit = quasi_binomial(x, done, due, clusters=self._clusters, robust=True)
        self._keep_binomial(REMAINING, fit)
        self.standing = standing(self._design, x, fit, self._level)

    def _intercept(self) -> None:
        """Share done, in units due of those watched to the end; clusters differ in their level."""
        if self._clusters is None:
            return
        x, done, due = self._binomial_data()
        mixed = random_intercept(x, done / due * self._design.due, self._clusters.of_row)
        fit = Fit(
            coefficients=mixed.coefficients,
            covariance=mixed.covariance,
            dispersion=mixed.between_people / (mixed.between_people + mixed.residual),
            df_resid=float(mixed.df[1]),
            log_likelihood=float("nan"),
            n=mixed.n,
        )
        low, high = fit.interval(self._level)
        effect = (float(fit.coefficients[1]), float(low[1]), float(high[1]))
        unit = f"{self._design.unit} of {self._design.due:g}"
        spread = float(np.sqrt(mixed.between_people + mixed.residual))
        how = Reported(measure="difference", e_kind="difference", effect=effect, unit=unit, spread=spread)
        self._keep(INTERCEPT, fit, 1, how)

    def _beta(self) -> None:
        x, done, due = self._binomial_data()
        start = quasi_binomial(x, done, due).coefficients
        self._keep_binomial(BETA, beta_binomial(x, done, due, start, self._clusters))

    def _weighted(self) -> None:
        if self._design.everyone["answered"].all():
            self.unneeded.append(WEIGHTED)
            return
        x, done, due = self._binomial_data()
        weights = response_weights(self._design)
        self._keep_binomial(WEIGHTED, quasi_binomial(x, done, due, weights, self._clusters), weights)

    def _keep_binomial(self, model: str, fit: Fit, weights: Floats | None = None) -> None:
        x, _, due = self._binomial_data()
        effect = average_effect(fit, x, due, 1, self._level, weights)
        self._keep(model, fit, 1, self._in_units("odds ratio", effect))

    def _in_units(self, measure: str, effect: tuple[float, float, float]) -> Reported:
        unit = f"{self._design.unit} of {self._design.due:g}"
        return Reported(measure=measure, e_kind="odds", effect=effect, unit=unit)

    def _imputed(self) -> None:
        """Everyone still watched, with the missing scores and covariates imputed."""
        watched = self._design.watched
        found = filled_tables(self._design, self._predictor, self._seed)
        if found is None:
            self.unneeded.append(IMPUTED)
            return
        table, completed = found
        done, due = (watched[name].to_numpy(dtype=float) for name in ("done", "due"))
        given = (table.shape[1], self._level, self._design.watched_clusters)
        pooled, effect = pooled_use(completed, done, due, *given)
        fit = Fit(
            coefficients=np.array([pooled.estimate]),
            covariance=np.array([[pooled.total]]),
            dispersion=float("nan"),
            df_resid=pooled.df,
            log_likelihood=float("nan"),
            n=len(watched),
        )
        self._keep(IMPUTED, fit, 0, self._in_units("odds ratio", effect), [self._predictor])
        if (silent := np.isnan(table[:, 0])).any():
            known = (pooled, effect)
            self.unanswered = shifted_use(completed, silent, done, due, *given, unshifted=known)
            self.unanswered.insert(0, "predictor", self._predictor)
        self.imputation = {
            "predictor": self._predictor,
            "n": len(watched),
            "imputed": int(np.isnan(table[:, 0]).sum()),
            "imputations": len(completed),
            "missing_information": pooled.missing_information,
        }

    def _shape(self) -> None:
        """Restricted cubic spline of the score against the straight line."""
        _, done, due = self._binomial_data()
        score = self._design.frame[self._predictor].to_numpy(dtype=float)
        found = compare_shapes(score, self._x[:, 1:], done, due, self._level, clusters=self._clusters)
        self.shape = {
            "predictor": self._predictor,
            "knots": ", ".join(f"{knot:.4g}" for knot in found.knots),
            "f": found.f,
            "df1": found.df1,
            "df2": found.df2,
            "pvalue": found.pvalue,
        }
        self.curve = pd.DataFrame(
            {
                "predictor": self._predictor,
                "score": found.at,
                "done": found.fitted,
                "ci_lower": found.lower,
                "ci_upper": found.upper,
            }
        )

    def _at_risk_data(self) -> _AtRisk:
        """Varying columns, time and event of those still using the app at the landmark."""
        frame = self._design.frame
        there = frame["at_risk"].to_numpy(dtype=bool)
        if not there.any():
            fact = "nobody of those analysed was using the app at the landmark."
            raise NotEstimableError(fact_and_hint(CALLER, fact, "choose an earlier landmark."))
        x = self._x[there]
        event = frame["disengaged"].to_numpy(dtype=bool)[there]
        held = self._held(x, int(event.sum()))
        terms = [t for t, v in zip(self._terms, held, strict=True) if v]
        time = frame["disengaged_after"].to_numpy(dtype=float)[there]
        rows, kept = undecided(x[:, held], terms, ~event)
        here = np.zeros(len(frame), dtype=bool)
        here[np.flatnonzero(there)[rows]] = True
        return _AtRisk(
            x=x[np.ix_(rows, held)][:, kept],
            terms=terms,
            kept=kept,
            time=time[rows],
            event=event[rows],
            here=here,
            n=int(there.sum()),
            with_week=int((periods_seen(time, event) > 0).sum()),
            clusters=None if self._clusters is None else self._clusters.among(here),
        )

    def _at_risk_clusters(self) -> Clusters | None:
        here = self._design.frame["at_risk"].to_numpy(dtype=bool)
        return None if self._clusters is None else self._clusters.among(here)

    def _held(self, x: Floats, events: int) -> NDArray[np.bool_]:
        """Columns that vary among these people, the score first, and that so many events bear."""
        if not varies(x[:, 0]):
            fact = f"{self._predictor!r} has one value among those at risk."
            raise NotEstimableError(fact_and_hint(CALLER, fact, "leave it out."))
        return np.asarray(varies(x) & self._borne(events, len(x)))

    def _borne(self, events: int, people: int) -> NDArray[np.bool_]:
        """Columns that so many events bear: of early use only the first where there are few."""
        n_early = len(self._design.early)
        others = self._x.shape[1] - n_early
        kept = how_many(n_early, others, people=people, events=events)
        borne = np.ones(self._x.shape[1], dtype=bool)
        borne[1 + kept : 1 + n_early] = False
        return borne

    def _hazard(self) -> None:
        of = self._at_risk_data()
        fit = cox(of.x, of.time, of.event, of.clusters, robust=True)
        how = Reported(measure="hazard ratio", e_kind="hazard", events=int(of.event.sum()))
        self._keep(HAZARD, with_places(fit, of.kept, of.n), 0, how, of.terms)
        table = proportionality(fit, of.x, of.time, of.event, of.named)
        table.insert(0, "predictor", self._predictor)
        self.proportional = table

    def _ends(self) -> None:
        """Leaving for another reason and getting better, each by its hazard and by its share."""
        frame = self._design.frame
        here = frame["at_risk"].to_numpy(dtype=bool)
        cause = frame[CAUSE].to_numpy(dtype=np.int64)[here]
        time = frame[ENDED_AFTER].to_numpy(dtype=float)[here]
        rows = []
        for end in End:
            events = int((cause == end).sum())
            if end is End.UNKNOWN and not events:
                continue
            x = self._x[here]
            held = self._held(x, events)
            terms = [term for term, v in zip(self._terms, held, strict=True) if v]
            some, kept = undecided(x[:, held], terms, cause != end)
            x = x[np.ix_(some, held)][:, kept]
            clusters = self._at_risk_clusters()
            clusters = None if clusters is None else clusters.among(some)
            found, failed = models_of_ends(x, time[some], cause[some], end, self._level, clusters)
            rows += [row | {"n": int(here.sum())} for row in found]
            for model, error in list(failed.items())[: 1 if not found else None]:  # both fail for one reason
                self._note_failure(f"{ENDS}, {end.words}" + (f", {model}" if found else ""), error)
        if rows:
            self.ends = pd.DataFrame(rows)
            self.ends.insert(0, "predictor", self._predictor)
            # Never supported: other ends change who is still there, and whom they take cannot be seen.
            reached = (self.ends["ci_lower"] <= 1) & (self.ends["ci_upper"] >= 1)
            # Where use may be missing from the log nothing is told: use that is missing looks like an end.
            told = reached & (not self._design.lost)
            self.ends["claim"] = np.where(told, str(Claim.NOT_FOUND), str(Claim.UNTOLD))

    def _by_week(self) -> None:
        of = self._at_risk_data()
        model = discrete_time(of.x, of.time, of.event, clusters=of.clusters, robust=True)
        # In groups that nobody leaves a score changes no share.
        share = len(of.x) / of.n
        change, lower, upper = still_using(model, of.x, 0, self._level)
        names = [f"(weeks, block {k + 1})" for k in range(model.first)]
        how = Reported(
            measure="hazard ratio",
            e_kind="hazard",
            effect=(share * change, share * lower, share * upper),
            unit="percentage points still using the app at the end",
            events=int(of.event.sum()),
        )
        self._keep(
            DISCRETE, with_places(model.fit, of.kept, of.with_week), model.first, how, [*names, *of.terms]
        )

    def _counts(self) -> None:
        counts = self._design.frame["active_days_after"].to_numpy(dtype=float)
        try:
            models: CountModels = count_models(self._with_constant, counts, self._clusters, robust=True)
        except NotEstimableError as error:
            # Nothing is put in its place in silence: both absences are told, and another model by its name.
            self._note_failure(COUNT, error)
            self._note_failure(CHOSEN, error)
            if np.count_nonzero(counts) >= FEWEST_USERS:
                fit = quasi_poisson(self._with_constant, counts, self._clusters, robust=True)
                self._keep_log_linear(QUASI, fit)
            return
        self._keep_log_linear(COUNT, models.negative_binomial)
        table = models.comparison.copy()
        table.insert(0, "predictor", self._predictor)
        self.comparison = table
        df = np.inf if self._clusters is None else float(self._clusters.count - 1)
        ratio, shown = count_effects(models.chosen, self._with_constant, 1, self._level, df)
        turned = Fit(
            coefficients=np.array([ratio[0]]),
            covariance=np.array([[ratio[1] ** 2]]),
            dispersion=float("nan"),
            df_resid=df,
            log_likelihood=models.chosen.log_likelihood,
            n=len(counts),
        )
        how = Reported(measure="ratio of expected days", e_kind="risk", effect=shown, unit="active days")
        self._keep(CHOSEN, turned, 0, how, [self._predictor])

    def _keep_log_linear(self, model: str, fit: Fit) -> None:
        mean = np.exp(self._with_constant @ fit.coefficients)
        slope = float(mean.mean())
        gradient = fit.coefficients[1] * (self._with_constant * mean[:, None]).mean(axis=0)
        gradient[1] += slope
        half = float(stats.t.ppf(0.5 + self._level / 2, fit.df_resid))
        half *= float(np.sqrt(gradient @ fit.covariance @ gradient))
        effect = slope * float(fit.coefficients[1])
        shown = (effect, effect - half, effect + half)
        how = Reported(measure="rate ratio", e_kind="risk", effect=shown, unit="active days")
        self._keep(model, fit, 1, how)

    def _of_days(self) -> None:
        """Active days as a share of the days watched after the landmark: a count with a known end."""
        frame = self._design.frame
        days = frame["active_days_after"].to_numpy(dtype=float)
        watched = days_watched(frame, self._design.day)
        fit = quasi_binomial(self._with_constant, days, watched, clusters=self._clusters, robust=True)
        effect = average_effect(fit, self._with_constant, watched, 1, self._level)
        how = Reported(measure="odds ratio", e_kind="odds", effect=effect, unit="active days")
        self._keep(OF_DAYS, fit, 1, how)

    def _reached(self) -> None:
        reached = self._design.frame["adherent_after"].to_numpy(dtype=bool)
        rarer = min(int(reached.sum()), int((~reached).sum()))
        borne = self._borne(rarer, len(reached))
        terms = [t for t, kept in zip(self._terms, borne, strict=True) if kept]
        rows, kept = undecided(self._x[:, borne], terms, *enough_on_both(reached))
        x = np.column_stack([np.ones(len(reached)), self._x[:, borne][:, kept]])
        clusters = None if self._clusters is None else self._clusters.among(rows)
        fit = logistic(x[rows], reached[rows], clusters=clusters)
        effect = average_effect(fit, x, np.where(rows, 100.0, 0.0), 1, self._level)
        how = Reported(
            measure="odds ratio",
            e_kind="odds",
            effect=effect,
            unit="percentage points",
            events=int(reached.sum()),
        )
        self._keep(REACHED, with_places(fit, kept, len(reached)), 1, how, ["(constant)", *terms])
        chance = np.where(rows, expit(x @ fit.coefficients), reached)
        area = area_under_curve(chance, reached, self._level, self._clusters)
        alone = area_under_curve(self._x[:, 0], reached, self._level, self._clusters)
        self.discrimination = {
            "predictor": self._predictor,
            **dict(zip(("auc", "auc_lower", "auc_upper"), area, strict=True)),
            **dict(zip(("auc_score_alone", "auc_alone_lower", "auc_alone_upper"), alone, strict=True)),
            **calibration(fit, x[rows], reached[rows]),
        }
        self.calibration = calibration_table(fit, x[rows], reached[rows])
        self.calibration.insert(0, "predictor", self._predictor)

    def _moderated(self) -> None:
        """The context held constant, and its interaction with the score."""
        frame = self._design.frame
        other = frame[self._context].to_numpy(dtype=float)
        if not varies(other):
            fact = f"{self._context!r} has one value only."
            raise NotEstimableError(fact_and_hint(CALLER, fact, "leave it out."))
        z = (other - other.mean()) / other.std(ddof=1)
        _, done, due = self._binomial_data()
        rows = context_in_use(self._x[:, 0], z, self._x[:, 1:], done, due, self._level, self._clusters)
        of = self._at_risk_data()
        try:
            found = context_in_hazard(
                of.x[:, 0], z[of.here], of.x[:, 1:], of.time, of.event, self._level, of.clusters
            )
            rows += [row | {"n": of.n} for row in found]
        except NotEstimableError as error:
            self._note_failure("time to disengagement, context as moderator", error)
        table = pd.DataFrame(rows)
        table.insert(1, "predictor", self._predictor)
        table.insert(2, "context", self._context)
        self.context = table

    def _follow_up(self) -> None:
        """Linear model of the outcome, robust (HC3) covariance; in clusters that of a jackknife over them."""
        from statsmodels.regression.linear_model import OLS

        outcome = self._design.frame[self._outcome].astype("Float64").astype(float).to_numpy()
        here = np.isfinite(outcome)
        x = self._with_constant[here]
        if here.sum() < x.shape[1] + 20 or np.linalg.matrix_rank(x) < x.shape[1]:
            fact = f"{int(here.sum())} people have the outcome, too few."
            raise NotEstimableError(fact_and_hint(CALLER, fact, "gather more."))
        if not varies(outcome[here]):
            fact = f"{self._outcome!r} has one value only."
            raise NotEstimableError(fact_and_hint(CALLER, fact, "see what was asked."))
        clusters = None if self._clusters is None else self._clusters.among(here)
        used("statsmodels")
        done = OLS(outcome[here], x).fit()
        fit = Fit(
            coefficients=np.asarray(done.params),
            covariance=sandwich(x, np.asarray(done.resid), np.ones(len(x))),
            dispersion=float(done.scale),
            df_resid=float(done.df_resid),
            log_likelihood=float(done.llf),
            n=int(here.sum()),
            alone=alone_in(x, clusters),
        )
        if clusters is not None:
            left = outcome[here] - x @ fit.coefficients
            moved = of_linear_predictor(x, left, np.ones(len(left)), clusters)
            fit = jackknife(fit, moved)
        low, high = fit.interval(self._level)
        effect = (float(fit.coefficients[1]), float(low[1]), float(high[1]))
        spread = float(outcome[here].std(ddof=1))
        unit = f"points of {self._outcome}"
        how = Reported(measure="difference", e_kind="difference", effect=effect, unit=unit, spread=spread)
        self._keep(OUTCOME, fit, 1, how)

    def _keep(self, model: str, fit: Fit, column: int, how: Reported, terms: list[str] | None = None) -> None:
        alike = not fit.se[column] > LEAST_ERROR  # everybody did the same: only rounding is left
        if alike or not np.isfinite(fit.se[column]) or column in fit.alone:
            raise NotEstimableError(
                fact_and_hint(CALLER, "the fit gives no standard error of the score.", "adjust for less.")
            )
        names = terms if terms is not None else ["(constant)", *self._terms]
        self.coefficients += coefficient_rows(model, self._predictor, names, fit, self._level)
        rarer = fit.n if how.events is None else how.events
        self.fits.append(
            {
                "model": model,
                "predictor": self._predictor,
                "n": fit.n,
                "events": how.events,
                "columns": len(names),
                "per_column": rarer / len(names),
                "condition": self._condition,
                "own_share": self._own_share,
                "clusters": None if self._clusters is None else self._clusters.count,
            }
        )
        self.effects.append(effect_row(model, self._predictor, fit, column, self._level, how))


def filled_tables(design: LandmarkDesign, predictor: str, seed: int) -> tuple[Floats, list[Floats]] | None:
    """Score and adjustment of everyone watched, and the same with gaps filled; None where there are none."""
    table = design.watched[[predictor, *design.adjusters]].astype(float).to_numpy()
    if not np.isnan(table).any():
        return None
    later = design.watched[list(AUXILIARY)].astype(float)
    # Alliance may matter less to those who had left: the gaps are filled with that in mind.
    extra = later.assign(product=later["done"] * later["at_risk"]).to_numpy()
    extra = extra[:, varies(extra)]
    return table, impute(np.column_stack([table, extra]), seed)


def days_watched(frame: pd.DataFrame, day: float) -> Floats:
    """Days after the landmark on which each person could have been active, those active among them."""
    watched = np.ceil(frame["end_day"].to_numpy(dtype=float) - day)
    return np.maximum(watched, frame["active_days_after"].to_numpy(dtype=float))


def _standard(column: Floats) -> Floats:
    """Centre and scale numbers; leave 0/1 columns as they are."""
    if set(np.unique(column)) <= {0.0, 1.0}:
        return column
    return np.asarray((column - column.mean()) / column.std(ddof=1))
