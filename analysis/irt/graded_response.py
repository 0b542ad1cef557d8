"""The graded response model fitted to a table of items: the public function."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt
import pandas as pd

from analysis.correlation.codes import CategoryCodes, category_codes
from analysis.irt.estimation import SMALL_STEP, GradedFit, fit_graded
from analysis.irt.graded_model import GradedItems
from analysis.irt.graded_result import GradedResponseResult, fitting_grid
from analysis.reliability.direction import opposed_items, warn_of_opposed
from instrument.answers import answers_of
from instrument.errors import (
    NotEstimableError,
    ResponseDataError,
    fact_and_hint,
    name_offenders,
    warn_user,
)

Array = npt.NDArray[np.float64]

CALLER = "graded_response"
RARE = 5
STEEP = 8.0


def graded_response(
    items: pd.DataFrame, max_iter: int = 50, options: Mapping[str, Sequence[int]] | None = None
) -> GradedResponseResult:
    """Fit Samejima's graded response model with one latent variable by marginal maximum likelihood.

    Use it to see where on the latent variable a scale measures well, which categories work, and to score
    persons. Not for scales with several dimensions; check `model_fit()` first.

    Parameters
    ----------
    items
        Whole-number codes, shape (n_persons, n_items), NA for no answer; missing answers are left out of
        the likelihood (missing at random).
    max_iter
        Most Newton steps after the EM cycles.
    options
        Codes that each item may have, used or not: boundaries are numbered by them, so that an option nobody
        chose moves no other. Without it: the codes of all items where one item has them all, else its own.

    Returns
    -------
    GradedResponseResult
        Parameters with standard errors, and methods for scores, information and fit.

    Raises
    ------
    ResponseDataError
        Fewer than three items, answers that are not whole numbers, constant or unanswered items.
    NotEstimableError
        No more persons than parameters, a search that did not converge, or an information matrix that is
        not positive definite.

    Warns
    -----
    ToolkitWarning
        A discrimination above 8, for which the quadrature is too coarse; items that oppose the others, as
        reversed items do that were not keyed.

    Notes
    -----
    P(X ≥ k | θ) = 1/(1 + exp(−a(θ − b_k))), θ standard normal, integrated over 61 equally spaced nodes from
    −6 to 6. Standard errors come from the exact observed information (Louis, 1982), those of b_k by the
    delta method. Reversed items get negative discriminations.

    References
    ----------
    Samejima, F. (1969). Estimation of latent ability using a response pattern of graded scores.
    Psychometrika Monograph 17. https://doi.org/10.1007/BF03372160

    Bock, R. D., & Aitkin, M. (1981). Psychometrika, 46, 443–459. https://doi.org/10.1007/BF02293801

    Louis, T. A. (1982). Journal of the Royal Statistical Society B, 44, 226–233.
    https://doi.org/10.1111/j.2517-6161.1982.tb01203.x

    R: `mirt::mirt(items, 1, "graded", SE = TRUE, TOL = 1e-9)`.

    Examples
    --------
    The seventh section of the law school admission test, 1,000 persons (Bock & Lieberman, 1970); R:
    `mirt(expand.table(LSAT7), 1)` gives the log likelihood −2658.805.

    >>> counts = [12, 19, 1, 7, 3, 19, 3, 17, 10, 5, 3, 7, 7, 23, 8, 28,
    ...           7, 39, 11, 34, 14, 51, 15, 90, 6, 25, 7, 35, 18, 136, 32, 308]
    >>> patterns = [[int(bit) for bit in format(i, "05b")] for i in range(32)]
    >>> answers = pd.DataFrame(np.repeat(patterns, counts, axis=0), columns=list("abcde"))
    >>> round(graded_response(answers).loglik, 3)
    -2658.805
    """
    items = answers_of(items, CALLER)
    values, names = items.to_numpy(), list(items.columns)
    if len(names) < 3:
        fact = f"{len(names)} items do not identify a latent variable."
        raise ResponseDataError(fact_and_hint(CALLER, fact, "give three items or more."))
    coded = category_codes(values, names, caller=CALLER, listwise=False)
    n_parameters = int(coded.n_categories.sum())
    n_obs = coded.codes.shape[1]
    rare = _rare_categories(coded, names)
    if n_obs <= n_parameters:
        fact = f"{n_obs} persons are too few for {n_parameters} parameters."
        raise NotEstimableError(fact_and_hint(CALLER, fact, "collect more answers or merge categories."))
    fit = fit_graded(coded.codes, coded.n_categories, fitting_grid(), max_iter)
    covariance = _refuse_failed(fit, rare, names)
    steep = [name for name, slope in zip(names, fit.items.slopes, strict=True) if abs(slope) > STEEP]
    if steep:
        have = "item has" if len(steep) == 1 else "items have"
        fact = f"{len(steep)} {have} a discrimination above {STEEP:g}: {name_offenders(steep)}."
        hint = "look for items that repeat each other; the quadrature is too coarse for them."
        warn_user(fact_and_hint(CALLER, fact, hint))
    correlation = items.corr(min_periods=3).to_numpy()
    warn_of_opposed(CALLER, opposed_items(correlation, names))
    places, n_boundaries = _boundary_places(names, coded.categories, options)
    labels = _parameter_labels(names, places)
    columns = ["discrimination", *[f"difficulty_{b}" for b in range(1, n_boundaries + 1)]]
    index = pd.Index(names, name="item")
    estimates = np.column_stack([fit.items.slopes, fit.items.difficulties])
    errors = _standard_errors(fit.items, covariance)
    return GradedResponseResult(
        parameters=pd.DataFrame(_in_place(estimates, places, n_boundaries), index=index, columns=columns),
        standard_errors=pd.DataFrame(_in_place(errors, places, n_boundaries), index=index, columns=columns),
        covariance=pd.DataFrame(covariance, index=labels, columns=labels),
        loglik=fit.loglik,
        aic=2 * n_parameters - 2 * fit.loglik,
        bic=float(np.log(n_obs)) * n_parameters - 2 * fit.loglik,
        n_obs=n_obs,
        n_parameters=n_parameters,
        n_iter=fit.cycles + fit.newton_steps,
        categories={name: codes.tolist() for name, codes in zip(names, coded.categories, strict=True)},
        rare_categories=rare,
        _items=fit.items,
        _positions=coded.codes,
        _answered=np.asarray(~np.isnan(values).all(axis=1)),
        _index=items.index,
    )


def _boundary_places(
    names: list[str],
    categories: Sequence[npt.NDArray[np.int64]],
    options: Mapping[str, Sequence[int]] | None,
) -> tuple[list[list[int]], int]:
    """Number of each boundary on its item's scale: a boundary is not moved by options that nobody used.

    The boundary below a used option bears the number of options of the scale below it. Without `options`, the
    codes of all items are the scale where one item uses every one of them; else each item's own are.
    """
    used = [[int(code) for code in codes] for codes in categories]
    every = sorted({code for codes in used for code in codes})
    whole = every in used
    places, most = [], 0
    for name, codes in zip(names, used, strict=True):
        scale = sorted(options[name]) if options is not None else every if whole else codes
        if strange := [code for code in codes if code not in scale]:
            fact = f"item {name!r} has answers that are none of its options: {len(strange)} codes."
            raise ResponseDataError(fact_and_hint(CALLER, fact, "give every option of the item."))
        places.append([scale.index(code) for code in codes[1:]])
        most = max(most, len(scale) - 1)
    return places, most


def _in_place(table: Array, places: list[list[int]], n_boundaries: int) -> Array:
    """Put slope and boundaries of each item into the columns of its scale."""
    placed = np.full((len(table), n_boundaries + 1), np.nan)
    placed[:, 0] = table[:, 0]
    for row, columns in enumerate(places):
        placed[row, columns] = table[row, 1 : len(columns) + 1]
    return placed


def _parameter_labels(names: list[str], places: list[list[int]]) -> list[str]:
    return [
        label
        for name, columns in zip(names, places, strict=True)
        for label in (f"{name}:a", *(f"{name}:d{place}" for place in columns))
    ]


def _rare_categories(coded: CategoryCodes, names: list[str]) -> list[str]:
    return [
        f"{name}:{code}"
        for name, codes, row in zip(names, coded.categories, coded.codes, strict=True)
        for code, count in zip(codes, np.bincount(row), strict=False)
        if count < RARE
    ]


def _refuse_failed(fit: GradedFit, rare: list[str], names: list[str]) -> Array:
    """Invert the information, or say why there is no result."""
    steep = [name for name, slope in zip(names, fit.items.slopes, strict=True) if abs(slope) > STEEP]
    if steep and not fit.largest_step < SMALL_STEP:
        fact = (
            f"the discrimination of {name_offenders(steep)} grows without limit; nothing is reported. "
            "Such items almost repeat each other or the others together."
        )
        raise NotEstimableError(fact_and_hint(CALLER, fact, f"drop one of {name_offenders(steep)}."))
    hint = (
        f"merge categories with fewer than {RARE} answers: {name_offenders(rare)}."
        if rare
        else ("drop items that repeat each other or hardly relate to the others, or raise max_iter.")
    )
    if not fit.largest_step < SMALL_STEP:
        fact = (
            f"stopped after {fit.newton_steps} Newton steps, largest change {fit.largest_step:.2g} > "
            f"{SMALL_STEP:g}; nothing is reported."
        )
        raise NotEstimableError(fact_and_hint(CALLER, fact, hint))
    values = np.linalg.eigvalsh(fit.information)
    if values[0] <= 1e-10 * values[-1]:
        fact = (
            "the information matrix is not positive definite; the model is not identified by these answers."
        )
        raise NotEstimableError(fact_and_hint(CALLER, fact, hint))
    return np.asarray(np.linalg.inv(fit.information), dtype=np.float64)


def _standard_errors(items: GradedItems, covariance: Array) -> Array:
    """Of a and b_k = −d_k/a, by the delta method."""
    table = np.full(items.free.shape, np.nan)
    at = 0
    for item, size in enumerate(items.n_categories):
        block = covariance[at : at + size, at : at + size]
        a, d = items.slopes[item], items.intercepts[item, : size - 1]
        change = np.zeros((size, size))
        change[0, 0] = 1.0
        change[1:, 0] = d / a**2
        change[1:, 1:] = -np.eye(size - 1) / a
        table[item, :size] = np.sqrt(np.diag(change @ block @ change.T))
        at += size
    return table
