"""What each item's answers look like: distribution, floor and ceiling, relation to the other items."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy import stats

from analysis.common.result import Result
from analysis.reliability.alpha_kernels import item_rest_correlations, item_total_correlations
from analysis.reliability.cronbach_alpha import category_shares
from analysis.reliability.direction import opposed_items, warn_of_opposed
from analysis.reliability.inputs import (
    Array,
    ItemTable,
    correlation_of,
    numeric_items,
    pairwise_covariance,
)
from instrument.answers import coded_table, table_of
from instrument.definition import Instrument
from instrument.errors import ResponseDataError, fact_and_hint, name_offenders, warn_user

CALLER = "item_statistics"


@dataclass(frozen=True, slots=True, kw_only=True, eq=False, repr=False)
class ItemStatisticsResult(Result):
    """Statistics of each item.

    Attributes
    ----------
    table
        One row per item: `n`, `missing`, `missing_share`, `mean`, `sd`, `se`, `median`, `trimmed`, `mad`,
        `minimum`, `maximum`, `skew`, `kurtosis`, `floor_share`, `ceiling_share`, `item_rest_r`,
        `item_total_r`, `item_total_r_corrected`, `average_r`. Shares are of those who answered, except
        `missing_share` (of all rows).
    category_shares
        Share of each answer among those who answered, and `missing` among the rows; None above eleven values.
    average_inter_item_r
        Mean of the inter-item correlations; NaN for one item.
    bounds
        Lowest and highest code per item, the ones that floor and ceiling refer to.
    bounds_from
        `"instrument"`, `"given"` or `"observed"`.
    n_rows
        Rows with at least one answer.
    n_dropped
        Rows without any answer.
    """

    table: pd.DataFrame
    category_shares: pd.DataFrame | None
    average_inter_item_r: float
    bounds: pd.DataFrame
    bounds_from: str
    n_rows: int
    n_dropped: int

    def to_frame(self) -> pd.DataFrame:
        """Give one row per item."""
        return self.table.copy()


def item_statistics(
    items: pd.DataFrame,
    scale: Instrument | None = None,
    *,
    bounds: tuple[float, float] | None = None,
) -> ItemStatisticsResult:
    """Distribution of each item and its relation to the others.

    Give the items of one theme at a time: the relations to "the others" mean nothing across themes.

    Parameters
    ----------
    items
        Shape (n_persons, n_items): numeric codes, NA for missing, reversed items already reversed.
    scale
        Instrument whose response scales say what the lowest and highest codes are.
    bounds
        Lowest and highest code, for items without an instrument. Without either, the lowest and highest
        code seen in any item stand in and the result says "observed": floor and ceiling are then too high
        where an extreme option was never used.

    Returns
    -------
    ItemStatisticsResult
        `.table` with one row per item.

    Raises
    ------
    ResponseDataError
        Text, empty or repeated columns, an item that the instrument does not have, both `scale` and
        `bounds`, or an answer outside them.

    Warns
    -----
    ToolkitWarning
        Items with one answer only: shape and relations are NaN, the others are related without them. Items
        that oppose the others, as reversed items do that were not keyed.

    Notes
    -----
    Missing answers: every statistic uses the answers there are (pairwise for correlations). Skewness and
    excess kurtosis are the third and fourth central moments over powers of the standard deviation with
    divisor n - 1 (type 3 of Joanes and Gill; `psych::describe`). `trimmed` leaves out a tenth at each end;
    `mad` is 1.4826 times the median absolute deviation. `item_rest_r` comes from the covariances with the
    sum of the other items; `item_total_r_corrected` replaces the unit diagonal by squared multiple
    correlations. With fewer than two items, or a pair that nobody answered, relations are NaN.

    In R: `psych::describe`, `psych::alpha(...)$item.stats`, `psych::response.frequencies`.

    References
    ----------
    Joanes, D. N., & Gill, C. A. (1998). doi:10.1111/1467-9884.00122
    Terwee, C. B., et al. (2007). doi:10.1016/j.jclinepi.2006.03.012

    Examples
    --------
    Ratings of Shrout and Fleiss (1979), the judges as items; numbers from `psych::describe`.

    >>> ratings = pd.DataFrame(
    ...     [[9, 2, 5, 8], [6, 1, 3, 2], [8, 4, 6, 8], [7, 1, 2, 6], [10, 5, 6, 9], [6, 2, 4, 7]],
    ...     columns=["j1", "j2", "j3", "j4"],
    ... )
    >>> item_statistics(ratings, bounds=(1, 10)).table[["mean", "sd", "skew", "floor_share"]].round(3)
         mean     sd   skew  floor_share
    j1  7.667  1.633  0.213        0.000
    j2  2.500  1.643  0.451        0.333
    j3  4.333  1.633 -0.213        0.000
    j4  6.667  2.503 -0.897        0.000
    """
    if isinstance(scale, Instrument):
        given = table_of(items, CALLER)
        items = coded_table(given, scale, CALLER, [name for name in given.columns if name in scale.item_ids])
    frame = numeric_items(items, CALLER, least=1, constant_allowed=True)
    kept = frame.dropna(how="all")
    limits, source = _limits(kept, scale, bounds)
    _refuse_outside(kept, limits)
    table = ItemTable(names=tuple(kept.columns), values=kept.to_numpy(), n_dropped=len(frame) - len(kept))
    described = [describe_answers(column) for column in table.values.T]
    shape = pd.DataFrame(described, index=list(table.names))
    floor = (kept == limits["minimum"]).sum() / shape["n"]
    ceiling = (kept == limits["maximum"]).sum() / shape["n"]
    shape.insert(1, "missing", len(frame) - shape["n"])
    shape.insert(2, "missing_share", shape["missing"] / len(frame))
    relations, average = _relations(table)
    return ItemStatisticsResult(
        table=pd.concat(
            [shape, floor.rename("floor_share"), ceiling.rename("ceiling_share"), relations], axis=1
        ),
        category_shares=category_shares(table),
        average_inter_item_r=average,
        bounds=limits,
        bounds_from=source,
        n_rows=len(kept),
        n_dropped=table.n_dropped,
    )


def describe_answers(answers: Array) -> dict[str, float]:
    """Describe one column of answers.

    Parameters
    ----------
    answers
        Shape (n_persons,), NaN for missing; at least one answer.

    Returns
    -------
    dict
        n, mean, sd, se, median, trimmed, mad, minimum, maximum, skew, kurtosis. One answer has no `sd`;
        equal answers have no shape.
    """
    x = answers[np.isfinite(answers)]
    n = len(x)
    mean, median = float(x.mean()), float(np.median(x))
    sd = float(x.std(ddof=1)) if n > 1 else float("nan")
    deviation = x - mean
    scale = sd if x.min() < x.max() else float("nan")
    return {
        "n": n,
        "mean": mean,
        "sd": sd,
        "se": sd / n**0.5,
        "median": median,
        "trimmed": float(stats.trim_mean(x, 0.1)),
        "mad": 1.4826 * float(np.median(np.abs(x - median))),
        "minimum": float(x.min()),
        "maximum": float(x.max()),
        "skew": float((deviation**3).mean() / scale**3),
        "kurtosis": float((deviation**4).mean() / scale**4 - 3),
    }


def _limits(
    frame: pd.DataFrame, scale: Instrument | None, bounds: tuple[float, float] | None
) -> tuple[pd.DataFrame, str]:
    if scale is not None and bounds is not None:
        raise ResponseDataError(
            fact_and_hint(CALLER, "both scale and bounds are given.", "give the one that holds the options.")
        )
    if scale is not None:
        if unknown := [name for name in frame.columns if name not in scale.item_ids]:
            raise ResponseDataError(
                fact_and_hint(
                    CALLER,
                    f"{len(unknown)} of {frame.shape[1]} columns are not in instrument {scale.id!r}: "
                    f"{name_offenders(unknown)}.",
                    "pass item columns only.",
                )
            )
        pairs = [
            (float(scale.scale_of(name).minimum), float(scale.scale_of(name).maximum))
            for name in frame.columns
        ]
        source = "instrument"
    elif bounds is not None:
        pairs, source = [bounds] * frame.shape[1], "given"
    else:
        low, high = np.nanmin(frame.to_numpy()), np.nanmax(frame.to_numpy())
        pairs, source = [(float(low), float(high))] * frame.shape[1], "observed"
    limits = pd.DataFrame(pairs, index=list(frame.columns), columns=["minimum", "maximum"], dtype=float)
    return limits, source


def _refuse_outside(frame: pd.DataFrame, limits: pd.DataFrame) -> None:
    outside = (frame < limits["minimum"]) | (frame > limits["maximum"])
    if offenders := [name for name in frame.columns if outside[name].any()]:
        raise ResponseDataError(
            fact_and_hint(
                CALLER,
                f"{int(outside.to_numpy().sum())} answers lie outside the response scale, "
                f"in {name_offenders(offenders)}.",
                "read the file with read_responses, or give the right bounds.",
            )
        )


def _relations(table: ItemTable) -> tuple[pd.DataFrame, float]:
    columns = ["item_rest_r", "item_total_r", "item_total_r_corrected", "average_r"]
    relations = pd.DataFrame(np.nan, index=list(table.names), columns=columns)
    varies = np.nanmin(table.values, axis=0) < np.nanmax(table.values, axis=0)
    _warn_of_constants([name for name, sure in zip(table.names, varies, strict=True) if not sure])
    covariance = pairwise_covariance(table.values[:, varies])
    k = len(covariance)
    if k < 2 or not np.isfinite(covariance).all():
        return relations, float("nan")
    correlation = correlation_of(covariance)
    opposed = opposed_items(
        correlation, [name for name, sure in zip(table.names, varies, strict=True) if sure]
    )
    warn_of_opposed(CALLER, opposed)
    with_total, corrected = item_total_correlations(correlation)
    average = (correlation.sum(axis=0) - 1) / (k - 1)
    values = np.column_stack([item_rest_correlations(covariance), with_total, corrected, average])
    relations.iloc[np.flatnonzero(varies)] = values
    return relations, float(average.mean())


def _warn_of_constants(constant: list[str]) -> None:
    if constant:
        warn_user(
            fact_and_hint(
                CALLER,
                f"{len(constant)} {'item has' if len(constant) == 1 else 'items have'} one answer only: "
                f"{name_offenders(constant)}; shape and relations are not reported.",
                "look at how this was asked.",
            )
        )
