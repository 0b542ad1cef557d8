"""Sample moments of ordinal items for weighted least squares: thresholds, correlations, their Γ."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from analysis.common.sampling import Sampling
from analysis.correlation.asymptotic import asymptotic_covariance
from analysis.correlation.codes import CategoryCodes, category_codes
from analysis.correlation.counts import cross_counts, item_counts, pair_indices, pair_tables
from analysis.correlation.empty_cells import fill_empty_cells
from analysis.correlation.kept import once
from analysis.correlation.pairs import fit_pairs
from analysis.correlation.thresholds import normal_thresholds, threshold_list
from instrument.errors import ConvergenceError, ResponseDataError, fact_and_hint, name_offenders

Array = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class OrdinalMoments:
    """Two-step estimates for a set of ordinal items.

    Attributes
    ----------
    thresholds
        Per item its thresholds, ascending.
    correlations
        Polychoric correlations, shape (n_items, n_items).
    acov
        Γ: asymptotic covariance times `n_obs` of [thresholds item by item, then correlations below the
        diagonal column by column]; None when not asked for.
    independent_acov
        The diagonal of Γ as if persons were independent, which sets the weights of least squares.
    n_obs
        Persons used (pairwise: persons with at least one answer).
    total
        Sum of their weights; `n_obs` without weights.
    pair_n
        Persons who answered both items, shape (n_items, n_items); diagonal: the item.
    categories
        Per item the observed codes.
    empty_cells
        Per pair the number of empty cells, shape (n_pairs,).
    at_bound
        Pairs whose correlation ran to ±1, shape (n_pairs,); their rows of `acov` are NaN.
    """

    thresholds: list[Array]
    correlations: Array
    acov: Array | None
    independent_acov: Array | None
    n_obs: int
    total: float
    pair_n: npt.NDArray[np.int64]
    categories: list[npt.NDArray[np.int64]]
    empty_cells: npt.NDArray[np.int64]
    at_bound: npt.NDArray[np.bool_]


def ordinal_moments(
    codes: npt.NDArray[Any],
    missing: Literal["pairwise", "listwise"] = "pairwise",
    acov: bool = True,
    *,
    names: list[str] | None = None,
    zero_add: tuple[float, float] = (0.5, 0.0),
    keep_margins: bool = True,
    caller: str = "ordinal_moments",
    sampling: Sampling | None = None,
) -> OrdinalMoments:
    """Estimate thresholds, polychoric correlations and their Γ in two steps.

    Parameters
    ----------
    codes
        Whole-number answers with NaN for none, shape (n_persons, n_items).
    missing
        "pairwise": each threshold from all who answered the item, each correlation from all who answered
        both; "listwise": persons with every answer.
    acov
        Whether to compute Γ.
    names
        Item names for messages; their positions otherwise.
    zero_add
        Added to empty cells of 2 × 2 tables (margins kept) and of larger tables before the correlation
        is estimated: lavaan's `zero.add`.
    keep_margins
        Whether 2 × 2 tables keep their margins: lavaan's `zero.keep.margins`.
    caller
        The public function that complains.
    sampling
        Clusters and weights of the persons, none of whom may be without any answer.

    Returns
    -------
    OrdinalMoments
        Estimates in lavaan's order.

    Raises
    ------
    ResponseDataError
        Fewer than two items; answers that are not whole numbers; items that are constant or unanswered;
        pairs nobody answered together.
    ConvergenceError
        A correlation whose search did not converge.

    References
    ----------
    Muthén, B. (1984). A general structural equation model with dichotomous, ordered categorical, and
    continuous latent variable indicators. Psychometrika, 49, 115–132. https://doi.org/10.1007/BF02294210
    """
    codes = np.asarray(codes)
    names = names if names is not None else [str(i) for i in range(codes.shape[1])]
    if missing not in ("pairwise", "listwise"):
        raise ResponseDataError(
            fact_and_hint(caller, f"missing={missing!r} is unknown.", "give 'pairwise' or 'listwise'.")
        )
    if codes.shape[1] < 2:
        raise ResponseDataError(
            fact_and_hint(caller, f"{codes.shape[1]} item given.", "give two items or more.")
        )
    sampling = sampling or Sampling()
    make = partial(_estimated, codes, missing, acov, names, zero_add, keep_margins, caller, sampling)
    if not acov or not sampling.simple:
        return make()
    return once(codes, (missing, zero_add, keep_margins), make)


def _estimated(
    codes: npt.NDArray[Any],
    missing: str,
    acov: bool,
    names: list[str],
    zero_add: tuple[float, float],
    keep_margins: bool,
    caller: str,
    sampling: Sampling,
) -> OrdinalMoments:
    coded = category_codes(codes, names, caller=caller, listwise=missing == "listwise")
    cross = cross_counts(coded, sampling.weights)
    counts, tables = item_counts(cross), pair_tables(cross)
    refuse_unanswered_pairs(tables, names, caller)
    n_categories = coded.n_categories
    thresholds = normal_thresholds(counts, n_categories)
    first, second = pair_indices(len(names))
    filled = fill_empty_cells(tables, n_categories, zero_add, keep_margins)
    fit = fit_pairs(filled, thresholds[first], thresholds[second])
    refuse_unconverged(fit.converged, names, caller)
    gamma = independent = None
    if acov:
        gamma, independent = asymptotic_covariance(coded, counts, tables, thresholds, fit.rho, sampling)
        lost = int((n_categories - 1).sum()) + np.flatnonzero(fit.at_bound)
        gamma[lost, :] = np.nan
        gamma[:, lost] = np.nan
    return OrdinalMoments(
        thresholds=threshold_list(thresholds, n_categories),
        correlations=square_from_pairs(fit.rho, len(names), 1.0),
        acov=gamma,
        independent_acov=independent,
        n_obs=coded.codes.shape[1],
        total=float(coded.codes.shape[1] if sampling.weights is None else sampling.weights.sum()),
        pair_n=_pair_counts(coded, cross, sampling),
        categories=coded.categories,
        empty_cells=n_categories[first] * n_categories[second] - np.count_nonzero(tables, axis=(1, 2)),
        at_bound=fit.at_bound,
    )


def _pair_counts(coded: CategoryCodes, cross: Array, sampling: Sampling) -> npt.NDArray[np.int64]:
    counts = cross if sampling.weights is None else cross_counts(coded)
    return np.rint(np.einsum("iajb->ij", counts)).astype(np.int64)


def square_from_pairs(values: Array, n_items: int, diagonal: float) -> Array:
    """Spread the values of pairs over a symmetric matrix.

    Parameters
    ----------
    values
        Shape (n_pairs,), in the order of `pair_indices`.
    n_items
        Number of items.
    diagonal
        Value on the diagonal.

    Returns
    -------
    numpy.ndarray
        Shape (n_items, n_items).
    """
    matrix = np.full((n_items, n_items), diagonal)
    first, second = pair_indices(n_items)
    matrix[first, second] = values
    matrix[second, first] = values
    return matrix


def refuse_unanswered_pairs(tables: Array, names: list[str], caller: str) -> None:
    """Complain about pairs that nobody answered together, or where one item is then constant.

    Parameters
    ----------
    tables
        Pair tables.
    names
        Item names.
    caller
        The public function that complains.
    """
    first, second = pair_indices(len(names))
    constant = (np.count_nonzero(tables.sum(2), axis=1) < 2) | (np.count_nonzero(tables.sum(1), axis=1) < 2)
    if constant.any():
        pairs = [f"{names[first[i]]}–{names[second[i]]}" for i in np.flatnonzero(constant)]
        raise ResponseDataError(
            fact_and_hint(
                caller,
                f"{len(pairs)} of {len(constant)} pairs of items have no joint answers that vary in both: "
                f"{name_offenders(pairs)}.",
                "drop one item of each pair, or collect answers to both from the same persons.",
            )
        )


def refuse_unconverged(converged: npt.NDArray[np.bool_], names: list[str], caller: str) -> None:
    """Complain about pairs whose search did not end.

    Parameters
    ----------
    converged
        State per pair.
    names
        Item names.
    caller
        The public function that complains.
    """
    if converged.all():
        return
    first, second = pair_indices(len(names))
    pairs = [f"{names[first[i]]}–{names[second[i]]}" for i in np.flatnonzero(~converged)]
    raise ConvergenceError(
        fact_and_hint(
            caller,
            f"{len(pairs)} of {len(converged)} correlations did not converge: {name_offenders(pairs)}.",
            "merge rare categories of these items.",
        )
    )
