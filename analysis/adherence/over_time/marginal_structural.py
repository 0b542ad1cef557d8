"""Public function: marginal structural models of an exposure that changes over time, by weighting."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import numpy as np
import pandas as pd

from analysis.adherence.models.clusters import Clusters, clusters_of
from analysis.adherence.over_time.exposure_weights import CALLER, cut, effective
from analysis.adherence.over_time.marginal_fits import Learned, OutcomeRows, Weighting, estimates, fit_outcome
from analysis.adherence.over_time.marginal_rows import panel_of
from analysis.common.result import Result
from analysis.common.rules import (
    EXPOSURE_EXPLAINED,
    FEWEST_PEOPLE,
    WEIGHT_BALANCE,
    WEIGHT_LEAST_PROBABILITY,
    WEIGHT_MEAN,
    WEIGHT_SHARE,
)
from analysis.reliability.resampling import checked_level
from instrument.errors import NotEstimableError, ResponseDataError, fact_and_hint

HISTORIES = {"both": ("this time", "earlier times"), "current": ("this time",), "mean": ("mean so far",)}
WEIGHTED, UNWEIGHTED, HELD = "weighted", "not weighted", "causes held constant"
CUTS = (0.0, 0.005, 0.01, 0.025, 0.05)
LARGEST_CUT = 0.1


class Told(StrEnum):
    """What may be said of an effect in a weighted model."""

    ASSUMED = "an effect, if nothing unmeasured moves both"
    NOT_FOUND = "not found"
    UNTOLD = "cannot be told from these data"


@dataclass(frozen=True, slots=True, kw_only=True, eq=False, repr=False)
class MarginalResult(Result):
    """A marginal structural model, beside what one would see without weights.

    Attributes
    ----------
    effects : DataFrame
        `model` (weighted; not weighted; causes held constant: the latter two for comparison only), `term`
        (this time, earlier times, mean so far), `measure` (difference, or log odds ratio of a 0/1 outcome),
        n_people, n_rows, estimate, se, ci_lower, ci_upper, pvalue, se_known (were the weights known), df,
        `claim` (of the weighted model).
    balance : DataFrame
        Of each cause at each time: time, variable, n, `before` and `after` weighting (how many standard
        deviations it differs for one standard deviation of the exposure, or between exposed and others,
        history held constant).
    positivity : DataFrame
        Per time: time, n, mean_weight, largest, largest_share (of all weight on one person), effective
        (people of equal weight who would tell as much), effective_share, explained (share of the exposure
        left open by the history that its causes explain), least (smallest probability of an exposure that
        was seen; 0/1 exposures).
    truncation : DataFrame
        The same effects by other cuts of the weights: cut, largest, effective_share, term, estimate, se,
        ci_lower, ci_upper, used (whether it is the one reported).
    checks : DataFrame
        check, value, rule, holds: the worst of each kind.
    flow : DataFrame
        step, n (people).
    weights : DataFrame
        participant, time, weight of each row of the model.
    design : dict
        What was asked: exposure, outcome, kinds, varying, baseline, lags, history, truncate, leaving.
    notes : list of str
        What is assumed and what was left out.
    """

    effects: pd.DataFrame
    balance: pd.DataFrame
    positivity: pd.DataFrame
    truncation: pd.DataFrame
    checks: pd.DataFrame
    flow: pd.DataFrame
    weights: pd.DataFrame
    design: dict[str, Any]
    notes: list[str]

    @property
    def positive(self) -> bool:
        """Whether every check of balance and positivity holds."""
        return bool(self.checks["holds"].all())

    def to_frame(self) -> pd.DataFrame:
        """Give the effects, unrounded."""
        return self.effects

    def summary(self, digits: int = 3) -> str:
        """Give what was assumed, the effects and the checks as text.

        Parameters
        ----------
        digits
            Decimals shown.

        Returns
        -------
        str
            Lines of text.
        """
        mine = self.effects[self.effects["model"] == WEIGHTED]
        lines = [
            f"{row['term']}: {row['measure']} {row['estimate']:.{digits}f} "
            f"[{row['ci_lower']:.{digits}f}, {row['ci_upper']:.{digits}f}], {row['claim']}"
            for row in mine.to_dict("records")
        ]
        lines += [
            f"{row['check']}: {row['value']:.{digits}f} ({row['rule']}), "
            + ("holds" if row["holds"] else "does not hold")
            for row in self.checks.to_dict("records")
        ]
        return "\n".join([*lines, *self.notes])


def marginal_structural(
    data: Any,
    *,
    exposure: str,
    outcome: str,
    varying: Sequence[str],
    baseline: Sequence[str] = (),
    participant: str = "participant",
    time: str = "time",
    times: Sequence[Any] | None = None,
    lags: int = 1,
    history: str = "both",
    truncate: float = 0.0,
    leaving: bool = True,
    numbers: Sequence[str] = (),
    cluster: str | None = None,
    confidence: float = 0.95,
) -> MarginalResult:
    """Effect of an exposure that changes over time, where its causes are moved by earlier exposure.

    Use it for weekly alliance and the use that follows each rating, where earlier use moves the rating and
    earlier ratings move use. Do not use it where a cause of both was not measured, nor where the causes all
    but decide the exposure: weights cannot mend either.

    Parameters
    ----------
    data
        A row for each participant and time: the outcome of a row follows its exposure, the varying causes of
        a row come before it.
    exposure
        A number, or 0 and 1.
    outcome
        A number, or 0 and 1; it may be missing at some times, such as all but the last.
    varying
        Causes of exposure and outcome that change over time, measured before the exposure of the same row:
        use of the week before, symptoms.
    baseline
        Causes that do not change: they stay in the model of the outcome.
    participant, time
        Columns of people and times.
    times
        Order of the points in time, where they are words.
    lags
        How many earlier points of exposure and causes the model of the exposure holds.
    history
        "both": exposure of this time and the mean of all earlier ones; "current"; "mean": of all so far.
    truncate
        Share of the weights at each end set to their quantile, 0 to 0.1.
    leaving
        Whether people who stop giving their exposure are stood for by those like them who go on.
    numbers
        Baseline columns of whole numbers that are quantities, not codes.
    cluster
        Column that says which people belong together; at least 8 clusters.
    confidence
        Level of every interval.

    Returns
    -------
    MarginalResult
        Effects with their claim, balance, positivity, other cuts of the weights.

    Raises
    ------
    ResponseDataError
        Columns are missing or have two parts, rows repeat, times have no order, a baseline column changes.
    NotEstimableError
        Fewer than 30 people or two times, an exposure without spread, causes that decide it, one outcome.

    Notes
    -----
    `SW_it = Π_{s≤t} f(a_s | ā, v) / f(a_s | ā, v, l̄) · P(stays | ā, v) / P(stays | ā, v, l̄)` with `ā`, `l̄`
    the last `lags` points, one regression per point. Numbers: normal densities around linear regressions,
    residual standard deviations with n − p; 0/1: logits. Outcome, weighted (logit for 0/1):
    `E[Y_t(ā)] = b_t + ψ₁ a_t + ψ₂ mean(a_1 … a_t−1) + c'v`; errors by a jackknife over people that
    takes into account that the weights were learned from them (`se_known`: as if they were known, which is
    wider), Student's t. Assumed: every cause of exposure and outcome is
    among `varying` and `baseline`; everybody could have had any exposure (positivity); the regressions are
    right. Of normal densities the weights have no finite variance once causes explain half of what the
    history leaves open of the exposure. Where a check does not hold the claim is "cannot be told", whatever
    the interval.

    References
    ----------
    Robins, Hernán & Brumback (2000), doi 10.1097/00001648-200009000-00011. Hernán, Brumback & Robins (2002),
    doi 10.1002/sim.1144 (repeated outcomes). Cole & Hernán (2008), doi 10.1093/aje/kwn164 (weights). Zhu,
    Coffman & Ghosh (2015), doi 10.1515/jci-2014-0022 (balance of numbers). In R: `ipw::ipwtm`, or `lm`,
    `glm`, `dnorm`, and `sandwich::vcovCL(type = "HC3")`.

    Examples
    --------
    >>> rng = np.random.default_rng(1)
    >>> use, alliance, rows = np.zeros(300), np.zeros(300), []
    >>> for week in (1, 2, 3):
    ...     use = 0.5 * use + 0.3 * alliance + rng.normal(size=300)
    ...     alliance = 0.4 * use + rng.normal(size=300)
    ...     after = 0.2 * alliance + 0.5 * use + rng.normal(size=300)
    ...     columns = {"participant": range(300), "time": week, "before": use}
    ...     rows.append(pd.DataFrame({**columns, "alliance": alliance, "after": after}))
    >>> found = marginal_structural(
    ...     pd.concat(rows), exposure="alliance", outcome="after", varying=["before"]
    ... )
    >>> found.effects["model"].unique().tolist()
    ['weighted', 'not weighted', 'causes held constant']
    """
    checked_level(confidence, CALLER)
    _check_choices(varying, lags, history, truncate)
    panel = panel_of(
        data,
        {"participant": participant, "time": time, "exposure": exposure, "outcome": outcome},
        list(varying),
        list(baseline),
        times,
        cluster,
        list(numbers),
    )
    inside = panel.inside
    seen = panel.exposure[inside]
    if not np.ptp(seen) > 0:
        fact = f"{exposure!r} has one value only."
        raise NotEstimableError(fact_and_hint(CALLER, fact, "nothing can be told of it."))
    model = Weighting(panel, lags=lags, binary=set(np.unique(seen)) <= {0.0, 1.0}, leaving=leaving)
    rows = OutcomeRows.of(panel, model, history)
    label = None if panel.cluster is None else panel.cluster.iloc[rows.person]
    units = (
        Clusters(rows.person_number, int(rows.person_number.max()) + 1)
        if label is None or cluster is None
        else clusters_of(label.reset_index(drop=True), cluster)
    )
    weights = cut(rows.weights, truncate)
    terms = HISTORIES[history]
    learned = Learned.of(model, rows, units, weights)
    as_known = fit_outcome(rows.design, rows.outcome, weights, units, rows.binary)
    fits = {
        WEIGHTED: fit_outcome(rows.design, rows.outcome, weights, units, rows.binary, learned),
        UNWEIGHTED: fit_outcome(rows.design, rows.outcome, np.ones_like(weights), units, rows.binary),
        HELD: fit_outcome(rows.with_causes, rows.outcome, np.ones_like(weights), units, rows.binary),
    }
    cutting = [
        {
            "cut": share,
            "largest": float(tried.max()),
            "effective_share": effective(tried) / len(tried),
            **part,
            "used": share == truncate,
        }
        for share in sorted({*CUTS, truncate})
        for tried in (cut(rows.weights, share),)
        for part in estimates(
            fit_outcome(
                rows.design,
                rows.outcome,
                tried,
                units,
                rows.binary,
                Learned.of(model, rows, units, tried),
            ),
            terms,
            confidence,
        )
    ]
    model_weights = np.where(inside, model.weights, np.nan)
    if truncate:
        low, high = np.quantile(rows.weights, [truncate, 1 - truncate])
        model_weights = np.clip(model_weights, low, high)
    balance = model.balance(model_weights)
    positivity = model.positivity(model_weights)
    checks = _checks(balance, positivity, binary=model.binary)
    sound = bool(checks["holds"].all())
    effects = pd.DataFrame(
        [
            {
                "model": name,
                "measure": "log odds ratio" if rows.binary else "difference",
                "n_people": int(rows.person_number.max()) + 1,
                "n_rows": fit.n,
                **part,
                "se_known": float((as_known if name == WEIGHTED else fit).se[j]),
                "df": fit.df_resid,
                "claim": str(_claim(part, sound)) if name == WEIGHTED else "",
            }
            for name, fit in fits.items()
            for j, part in enumerate(estimates(fit, terms, confidence))
        ]
    )
    flow = pd.concat(
        [
            panel.flow,
            pd.DataFrame({"step": ["in the model of the outcome"], "n": [int(rows.person_number.max()) + 1]}),
        ],
        ignore_index=True,
    )
    return MarginalResult(
        effects=effects,
        balance=balance,
        positivity=positivity,
        truncation=pd.DataFrame(cutting),
        checks=checks,
        flow=flow,
        weights=pd.DataFrame(
            {
                "participant": panel.people[rows.person],
                "time": [panel.times[k] for k in rows.at],
                "weight": weights,
            }
        ),
        design={
            "exposure": exposure,
            "outcome": outcome,
            "exposure_kind": "0/1" if model.binary else "number",
            "outcome_kind": "0/1" if rows.binary else "number",
            "times": list(panel.times),
            "varying": list(varying),
            "baseline": list(baseline),
            "lags": lags,
            "history": history,
            "truncate": truncate,
            "leaving": leaving,
            "cluster": cluster or "",
            "confidence": confidence,
            "sd_exposure": float(seen.std(ddof=1)),
        },
        notes=[*panel.notes, *model.notes, *_assumptions(cluster)],
    )


def _assumptions(cluster: str | None) -> list[str]:
    said = [
        "assumed: every cause of exposure and outcome is among those named, everybody could have had any "
        "exposure, and the models of the exposure are right; the data cannot show the first",
        "errors take into account that the weights were learned from the same people",
    ]
    return said if cluster is None else [*said, f"errors take people of one {cluster} as alike"]


def _check_choices(varying: Sequence[str], lags: int, history: str, truncate: float) -> None:
    if isinstance(varying, str) or not list(varying):
        fact = "no cause of the exposure that changes over time is named."
        hint = "name them as varying=[…]; without any an ordinary regression does."
        raise ResponseDataError(fact_and_hint(CALLER, fact, hint))
    if isinstance(lags, bool) or not isinstance(lags, int) or lags < 1:
        raise ResponseDataError(fact_and_hint(CALLER, f"lags is {lags!r}.", "give a whole number from 1."))
    if history not in HISTORIES:
        fact = f"there is no history {history!r}."
        raise ResponseDataError(fact_and_hint(CALLER, fact, f"choose one of {', '.join(HISTORIES)}."))
    if isinstance(truncate, bool) or not 0 <= truncate <= LARGEST_CUT:
        fact = f"truncate is {truncate!r}."
        raise ResponseDataError(fact_and_hint(CALLER, fact, f"give a share from 0 to {LARGEST_CUT:g}."))


def _checks(balance: pd.DataFrame, positivity: pd.DataFrame, *, binary: bool) -> pd.DataFrame:
    """The worst of each kind against its rule."""
    found = [
        ("mean weight, furthest from 1", WEIGHT_MEAN, float((positivity["mean_weight"] - 1).abs().max())),
        ("effective people, fewest", FEWEST_PEOPLE, float(positivity["effective"].min())),
        ("effective share of people, smallest", WEIGHT_SHARE, float(positivity["effective_share"].min())),
    ]
    if binary:
        found.append(
            (
                "probability of what was seen, smallest",
                WEIGHT_LEAST_PROBABILITY,
                float(positivity["least"].min()),
            )
        )
    else:
        found.append(
            (
                "exposure explained by its causes, most",
                EXPOSURE_EXPLAINED,
                float(positivity["explained"].max()),
            )
        )
    if len(balance):
        pooled = balance.assign(part=balance["after"] * balance["n"]).groupby("variable")[["part", "n"]].sum()
        worst = float((pooled["part"] / pooled["n"]).abs().max())
        found.append(("balance of a cause over all times, worst", WEIGHT_BALANCE, worst))
    return pd.DataFrame(
        [(check, value, str(rule), rule.holds(value)) for check, rule, value in found],
        columns=["check", "value", "rule", "holds"],
    )


def _claim(part: dict[str, Any], sound: bool) -> Told:
    if not sound:
        return Told.UNTOLD
    return Told.NOT_FOUND if part["ci_lower"] <= 0 <= part["ci_upper"] else Told.ASSUMED
