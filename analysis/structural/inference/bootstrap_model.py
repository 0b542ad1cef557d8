"""Bootstrap of a fitted model: rows or whole clusters are drawn within groups, the model is fitted again."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from analysis.common.options import checked_level, checked_seed, is_whole
from analysis.common.result import Result
from analysis.common.sampling import Sampling
from analysis.common.threads import one_thread
from analysis.structural.estimation.data import ModelData
from analysis.structural.estimation.fitted import Fitted
from analysis.structural.estimation.ram import Array
from analysis.structural.estimation.rotating import resembling
from analysis.structural.fitting import estimate
from analysis.structural.inference.result import StructuralResult, row_labels, shown, visible_rows
from analysis.structural.inference.standardised import row_estimates, standardise
from instrument.errors import NotEstimableError, ResponseDataError, fact_and_hint, warn_user

MOST_FAILED = 0.10  # share of failed draws beyond which the draws left are no sample of all draws


@dataclass(frozen=True, slots=True, kw_only=True, eq=False, repr=False)
class BootstrapResult(Result):
    """Bootstrap standard errors and percentile intervals.

    Attributes
    ----------
    table
        One row per parameter: lhs, op, rhs, group, label, est, se, ci_lower, ci_upper, and the same for
        the standardised solution (std_all, std_all_se, std_all_ci_lower, std_all_ci_upper).
    draws, n_failed
        Draws asked for, and draws whose model could not be fitted.
    seed
        Seed of the draws.
    confidence
        Confidence level of the intervals.
    """

    table: pd.DataFrame
    draws: int
    n_failed: int
    seed: int
    confidence: float

    def to_frame(self) -> pd.DataFrame:
        """Give the table, unrounded.

        Returns
        -------
        pandas.DataFrame
            One row per parameter and group.
        """
        return self.table


def bootstrap_model(
    result: StructuralResult, draws: int = 1000, seed: int = 1, confidence: float = 0.95
) -> BootstrapResult:
    """Bootstrap the parameters of a fitted model.

    Parameters
    ----------
    result
        From `cfa` or `sem`.
    draws
        Number of resamples; rows are drawn with replacement within groups.
    seed
        Seed of the draws.
    confidence
        Confidence of the percentile intervals.

    Returns
    -------
    BootstrapResult
        `.table`, `.n_failed`.

    Raises
    ------
    ResponseDataError
        `confidence` does not lie between 0 and 1, or `draws` is no whole number from 2.
    NotEstimableError
        When more than a tenth of the draws cannot be fitted.

    Notes
    -----
    The standard error is the standard deviation over draws (divisor n - 1). Latent variables may turn
    their sign between draws when `std_lv=True`; prefer a fixed loading then. R equivalent:
    `lavaan::cfa(..., se = "bootstrap")`.

    References
    ----------
    Efron, B., & Tibshirani, R. J. (1993). An introduction to the bootstrap.
    https://doi.org/10.1201/9780429246593

    Examples
    --------
    >>> import numpy as np, pandas as pd
    >>> from analysis.structural.models import cfa
    >>> noise = np.random.default_rng(1).normal(size=(200, 4))
    >>> table = pd.DataFrame(noise[:, :3] + noise[:, [3]], columns=["x1", "x2", "x3"])
    >>> found = bootstrap_model(cfa("f =~ x1 + x2 + x3", table, "ML"), draws=20)
    >>> found.draws, found.n_failed
    (20, 0)
    """
    checked_level(confidence, "bootstrap_model")
    if not is_whole(draws) or draws < 2:
        hint = "give a whole number, such as 1,000."
        raise ResponseDataError(fact_and_hint("bootstrap_model", f"draws is {draws!r}.", hint))
    fitted = result._fitted
    generator = np.random.default_rng(checked_seed(seed, "bootstrap_model"))
    drawn: list[Array] = []
    for _ in range(draws):
        found = _one_draw(fitted, generator)
        if found is not None:
            drawn.append(found)
    failed = draws - len(drawn)
    if failed > MOST_FAILED * draws or len(drawn) < 2:
        raise NotEstimableError(
            fact_and_hint(
                "bootstrap_model",
                f"{failed} of {draws} draws could not be fitted.",
                "simplify the model, merge rare categories, or use the analytic standard errors.",
            )
        )
    if failed:
        warn_user(
            fact_and_hint(
                "bootstrap_model",
                f"{failed} of {draws} draws could not be fitted and are left out.",
                "report the number.",
            )
        )
    table = shown(fitted, row_labels(fitted))
    stacked = np.stack(drawn)[:, :, visible_rows(fitted)]
    tails = [(1.0 - confidence) / 2.0, (1.0 + confidence) / 2.0]
    for k, (name, prefix) in enumerate((("est", ""), ("std_all", "std_all_"))):
        lower, upper = np.nanquantile(stacked[:, k], tails, axis=0)
        table[name] = result.parameters[name].to_numpy()
        table[f"{prefix}se"] = np.std(stacked[:, k], axis=0, ddof=1)
        table[f"{prefix}ci_lower"], table[f"{prefix}ci_upper"] = lower, upper
    return BootstrapResult(table=table, draws=draws, n_failed=failed, seed=seed, confidence=confidence)


@one_thread()
def _one_draw(fitted: Fitted, generator: np.random.Generator) -> Array | None:
    """Estimates and standardised estimates of one resample, None when it cannot be fitted."""
    places = [_drawn(fitted.data, g, generator) for g in range(len(fitted.sizes))]
    values = [v[k] for v, (k, _) in zip(fitted.data.values, places, strict=True)]
    if fitted.ordinal and _lost_category(fitted, values):
        return None
    try:
        sampling = [own for _, own in places] if fitted.data.sampling else []
        data = replace(fitted.data, values=values, sampling=sampling)
        again = estimate(
            resembling(fitted.table, fitted.states), data, fitted.estimator, fitted.missing, fitted.caller
        )
    except NotEstimableError:
        return None
    rows = row_estimates(again)
    return np.stack([rows.values, standardise(again, rows, "all").values])


def _drawn(data: ModelData, group: int, generator: np.random.Generator) -> tuple[np.ndarray, Sampling]:
    """Rows drawn with replacement, whole clusters where there are clusters, with what they weigh."""
    n, sampling = len(data.values[group]), data.sampling_of(group)
    if sampling.clusters is None:
        rows = generator.integers(n, size=n)
        return rows, sampling.take(rows)
    order, ends = np.argsort(sampling.clusters, kind="stable"), np.cumsum(np.bincount(sampling.clusters))
    members = np.split(order, ends[:-1])
    chosen = generator.integers(len(members), size=len(members))
    rows = np.concatenate([members[k] for k in chosen])
    codes = np.repeat(np.arange(len(chosen)), [len(members[k]) for k in chosen])
    weights = None if sampling.weights is None else sampling.weights[rows]
    return rows, Sampling(codes, weights, list(range(len(chosen))))


def _lost_category(fitted: Fitted, values: list[Array]) -> bool:
    for block in values:
        for k, name in enumerate(fitted.table.names.observed):
            answered = block[:, k][~np.isnan(block[:, k])]
            if len(np.unique(answered)) < fitted.table.options.ordered.get(name, 0):
                return True
    return False
