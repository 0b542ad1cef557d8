"""Hypotheses written down beforehand, checked one by one and counted."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from scipy.stats import norm

from analysis.common import rules
from analysis.common.result import Result
from analysis.common.undisturbed import undisturbed_pingouin
from analysis.factors.moments import choose
from analysis.reliability.resampling import checked_level
from analysis.validity.expectation import Expectation
from instrument.answers import numeric_columns, table_of
from instrument.errors import DefinitionError, ResponseDataError, fact_and_hint, name_offenders, warn_user

METHODS = ("pearson", "spearman")
JUDGED_BY = ("estimate", "interval")
CONFIRMED, NOT_CONFIRMED, UNDECIDED, UNANSWERED = (
    "confirmed",
    "not confirmed",
    "cannot be told",
    "not evaluated",
)
FEWEST_PERSONS = 4
_CORRELATION = re.compile(
    r"^(?:correlation|r)\s*(?:of\s+)?\s*(?P<first>[^,]+?)\s*(?:,|\band\b)\s*(?P<second>.+)$"
)

__all__ = ["METHODS", "Expectation", "HypothesesResult", "check_hypotheses"]


class _Estimate(NamedTuple):
    value: float
    lower: float = float("nan")
    upper: float = float("nan")
    pvalue: float = float("nan")
    n: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True, eq=False, repr=False)
class HypothesesResult(Result):
    """Every hypothesis with its outcome, and the share confirmed.

    Attributes
    ----------
    table : pandas.DataFrame
        Index: id. `text`, `measure`, `expected`, `estimate`, `ci_lower`, `ci_upper`, `pvalue` (of no
        association, correlations only), `n`, `status` ("confirmed", "not confirmed", "not evaluated"; by
        the interval also "cannot be told") and `interval_inside`: whether the whole interval lies in the
        expected range.
    n_confirmed, n_evaluated, n_hypotheses : int
        Counts; those that cannot be told are not among the evaluated.
    share : float
        Confirmed among the evaluated; NaN where none was.
    passed : bool
        Whether the share passes `analysis.common.rules.HYPOTHESES` (at least 75 %).
    correlation : str
        Kind of correlation.
    confidence : float
        Confidence level.
    judged_by : str
        Whether the estimate or its whole interval must lie in the expected range.
    """

    table: pd.DataFrame
    n_confirmed: int
    n_evaluated: int
    n_hypotheses: int
    share: float
    passed: bool
    correlation: str
    confidence: float
    judged_by: str = "estimate"

    def to_frame(self) -> pd.DataFrame:
        """One row per hypothesis."""
        return self.table


def check_hypotheses(
    hypotheses: Iterable[Any],
    data: pd.DataFrame | None = None,
    *,
    values: Mapping[str, float | tuple[float, float, float]] | None = None,
    correlation: str = "pearson",
    confidence: float = 0.95,
    judged_by: str = "estimate",
) -> HypothesesResult:
    """Check hypotheses that were written down before the data were seen.

    Construct validity is judged by the share of hypotheses confirmed: an expected direction and size is
    confirmed when the estimate lies in the expected range, not when it differs from zero.

    Parameters
    ----------
    hypotheses
        Each a mapping or object with `id`, `text`, `measure` and `expected`, such as `study.hypotheses`. A
        measure "correlation A, B" names two columns of `data`; any other measure takes its estimate from
        `values`. `expected` is a range: ">= 0.50", "0.3 to 0.6", "|r| < 0.3".
    data : pandas.DataFrame, shape (n_persons, n_scores)
        Scores; for each correlation, persons with both are used.
    values
        Estimates by hypothesis id, alone or with lower and upper limit, from other analyses.
    correlation : {"pearson", "spearman"}
        Kind of correlation.
    confidence
        Confidence level of the intervals of correlations.
    judged_by : {"estimate", "interval"}
        By the estimate: confirmed where it lies in the expected range. By the interval: confirmed where all
        of it does, not confirmed where none of it does, and else it cannot be told from these data.

    Returns
    -------
    HypothesesResult
        `.table`, `.share`, `.passed`. A hypothesis without data or value stays "not evaluated", is warned of
        and is not counted.

    Raises
    ------
    DefinitionError
        For no or repeated hypotheses, or expectations that cannot be read.
    ResponseDataError
        For fewer than four persons with both scores, or a score without variance.

    Notes
    -----
    The interval of a correlation is Fisher's: tanh(atanh r ± z s) with s² = 1/(n - 3), for Spearman's
    (1 + r²/2)/(n - 3) (Bonett and Wright 2000).

    References
    ----------
    Prinsen, C. A. C., et al. (2018). Quality of Life Research, 27, 1147-1157.
    https://doi.org/10.1007/s11136-018-1798-3
    Bonett, D. G., & Wright, T. A. (2000). Psychometrika, 65, 23-28. https://doi.org/10.1007/BF02294183

    In R: ``cor.test(x, y)``.

    Examples
    --------
    >>> plans = [
    ...     {"id": "h1", "text": "a goes with b", "measure": "correlation a, b", "expected": ">= 0.5"},
    ...     {"id": "h2", "text": "ratio above one", "measure": "odds ratio", "expected": "> 1"},
    ... ]
    >>> data = pd.DataFrame({"a": [1, 2, 3, 4, 5], "b": [2, 1, 4, 3, 5]})
    >>> found = check_hypotheses(plans, data, values={"h2": (0.9, 0.7, 1.2)})
    >>> found.table["estimate"].round(6).tolist(), found.share
    ([0.8, 0.9], 0.5)
    """
    choose("check_hypotheses", "correlation", correlation, METHODS)
    choose("check_hypotheses", "judged_by", judged_by, JUDGED_BY)
    checked_level(confidence, "check_hypotheses")
    data = None if data is None else table_of(data, "check_hypotheses", "data")
    plans = [_read(plan) for plan in hypotheses]
    _refuse_bad_plans(plans)
    given = dict(values or {})
    unknown = sorted(set(given) - {plan["id"] for plan in plans})
    if unknown:
        raise DefinitionError(
            fact_and_hint(
                "check_hypotheses",
                f"values name hypotheses that are not planned: {name_offenders(unknown)}.",
                "use the ids of the hypotheses.",
            )
        )
    rows = [_judge(plan, _estimate(plan, data, given, correlation, confidence), judged_by) for plan in plans]
    table = pd.DataFrame(rows).set_index("id").astype({"n": "Int64"})
    evaluated = int(table["status"].isin([CONFIRMED, NOT_CONFIRMED]).sum())
    confirmed = int((table["status"] == CONFIRMED).sum())
    unanswered = table.index[table["status"] == UNANSWERED]
    if len(unanswered):
        message = fact_and_hint(
            "check_hypotheses",
            f"{len(unanswered)} of {len(table)} hypotheses were not evaluated: {name_offenders(unanswered)}.",
            "give data with the columns they name, or their estimates in values.",
        )
        warn_user(message)
    share = confirmed / evaluated if evaluated else float("nan")
    return HypothesesResult(
        table=table,
        n_confirmed=confirmed,
        n_evaluated=evaluated,
        n_hypotheses=len(table),
        share=share,
        passed=rules.HYPOTHESES.holds(share),
        correlation=correlation,
        confidence=confidence,
        judged_by=judged_by,
    )


def _read(plan: Any) -> dict[str, str]:
    """Take the four words of a hypothesis from a mapping or an object."""
    words = {}
    for key in ("id", "text", "measure", "expected"):
        value = plan.get(key) if isinstance(plan, Mapping) else getattr(plan, key, None)
        if value is None and key != "text":
            raise DefinitionError(
                fact_and_hint(
                    "check_hypotheses", f"a hypothesis has no {key!r}.", "give id, measure and expected."
                )
            )
        words[key] = "" if value is None else str(value)
    return words


def _refuse_bad_plans(plans: list[dict[str, str]]) -> None:
    ids = [plan["id"] for plan in plans]
    twice = sorted({name for name in ids if ids.count(name) > 1})
    if not plans or twice:
        fact = f"ids are used twice: {name_offenders(twice)}." if twice else "no hypothesis was given."
        raise DefinitionError(
            fact_and_hint(
                "check_hypotheses", fact, "write each hypothesis down once, before the data are seen."
            )
        )


def _estimate(
    plan: dict[str, str],
    data: pd.DataFrame | None,
    given: Mapping[str, float | tuple[float, float, float]],
    method: str,
    confidence: float,
) -> _Estimate | None:
    """Find the estimate of one hypothesis, or nothing."""
    if plan["id"] in given:
        value = given[plan["id"]]
        if isinstance(value, tuple):
            return _Estimate(float(value[0]), float(value[1]), float(value[2]))
        return _Estimate(float(value))
    named = _CORRELATION.match(plan["measure"].strip())
    if data is None or named is None:
        return None
    first, second = named["first"], named["second"].strip()
    if first not in data.columns or second not in data.columns:
        return None
    return _correlation(plan["id"], data[[first, second]], method, confidence)


def _correlation(name: str, pair: pd.DataFrame, method: str, confidence: float) -> _Estimate:
    complete = numeric_columns(pair, "check_hypotheses").dropna()
    n = len(complete)
    if n < FEWEST_PERSONS or (complete.nunique() < 2).any():
        raise ResponseDataError(
            fact_and_hint(
                "check_hypotheses",
                f"{name!r} cannot be checked: {n} of {len(pair)} persons have both"
                f" {pair.columns[0]!r} and {pair.columns[1]!r}, or one of them does not vary.",
                "give scores of at least four persons.",
            )
        )
    with undisturbed_pingouin() as pingouin:
        found = pingouin.corr(complete.iloc[:, 0], complete.iloc[:, 1], method=method).iloc[0]
    r = float(found["r"])
    spread = np.sqrt((1 + r**2 / 2 if method == "spearman" else 1.0) / (n - 3))
    with np.errstate(divide="ignore"):
        centre, reach = np.arctanh(r), norm.ppf((1 + confidence) / 2) * spread
    lower, upper = np.tanh([centre - reach, centre + reach])
    return _Estimate(r, float(lower), float(upper), float(found["p_val"]), n)


def _judge(plan: dict[str, str], estimate: _Estimate | None, judged_by: str) -> dict[str, Any]:
    expectation = Expectation.parse(plan["expected"])
    row: dict[str, Any] = {**plan, "estimate": np.nan, "ci_lower": np.nan, "ci_upper": np.nan}
    row |= {"pvalue": np.nan, "n": None, "status": UNANSWERED, "interval_inside": False}
    if estimate is None or np.isnan(estimate.value):
        return row
    row |= {"estimate": estimate.value, "ci_lower": estimate.lower, "ci_upper": estimate.upper}
    row |= {"pvalue": estimate.pvalue, "n": estimate.n}
    row["interval_inside"] = expectation.holds_throughout(estimate.lower, estimate.upper)
    confirmed = expectation.holds(estimate.value)
    if judged_by == "interval" and not row["interval_inside"]:
        outside = expectation.fails_throughout(estimate.lower, estimate.upper)
        row["status"] = NOT_CONFIRMED if outside else UNDECIDED
    else:
        row["status"] = CONFIRMED if confirmed else NOT_CONFIRMED
    return row
