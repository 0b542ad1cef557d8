"""Whether one fitted model is a special case of another: a model fitted to the moments of the other."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd

from analysis.common.result import Result
from analysis.common.threads import one_thread
from analysis.structural.estimation.categorical import build_ordinal_group, evaluate_ordinal, pairs_below
from analysis.structural.estimation.continuous_groups import ExogenousValues
from analysis.structural.estimation.expressions import reduce_parameters
from analysis.structural.estimation.fitted import Fitted
from analysis.structural.estimation.least_squares import LeastSquaresDiscrepancy
from analysis.structural.estimation.normal import Moments, NormalDiscrepancy
from analysis.structural.estimation.optimise import Discrepancy, minimise
from analysis.structural.estimation.ram import Array, build_group, evaluate, vech_places
from analysis.structural.estimation.starting import other_side, start_values
from analysis.structural.inference.result import StructuralResult
from analysis.structural.two_level.ordinal_model import (
    TwoLevelLeastSquares,
    build_two_level_group,
    evaluate_two_level,
    scales_between,
)
from instrument.errors import DefinitionError, fact_and_hint, name_offenders

REPRODUCED = 1e-7  # discrepancy below which moments count as reproduced (Bentler & Satorra 2010)
POINTS = 2  # the estimate, and one point off it: an estimate may lie in another model by chance


@dataclass(frozen=True, slots=True, kw_only=True, eq=False, repr=False)
class NestingResult(Result):
    """Whether a restricted model is a special case of a general one.

    Attributes
    ----------
    nested
        Whether the general model reproduces every moment matrix of the restricted one that was tried.
    equivalent
        Whether both are nested in each other: no data can tell them apart.
    df_general, df_restricted
        Degrees of freedom.
    discrepancies
        Smallest discrepancy of the general model from the moments of the restricted one, for each point
        tried; the first is its estimate.
    """

    nested: bool
    equivalent: bool
    df_general: int
    df_restricted: int
    discrepancies: tuple[float, ...]

    def to_frame(self) -> pd.DataFrame:
        """Give one row.

        Returns
        -------
        pandas.DataFrame
            nested, equivalent, df_general, df_restricted and the largest discrepancy.
        """
        return pd.DataFrame(
            {
                "nested": [self.nested],
                "equivalent": [self.equivalent],
                "df_general": [self.df_general],
                "df_restricted": [self.df_restricted],
                "discrepancy": [max(self.discrepancies)],
            }
        )


@dataclass(frozen=True, slots=True)
class _Moments:
    """Moments of one group; thresholds are those of ordinal items, item by item."""

    mean: Array
    covariance: Array
    thresholds: Array


def nested(general: StructuralResult, restricted: StructuralResult) -> NestingResult:
    """Tell whether a model is a special case of another, by fitting one to the moments of the other.

    Use it before a difference test of models that were not made from each other by fixing or equating
    parameters; `compare_models` asks it of each pair it tests.

    Parameters
    ----------
    general, restricted
        Models fitted to the same variables of the same rows by the same estimator.

    Returns
    -------
    NestingResult
        `.nested`, `.equivalent`.

    Raises
    ------
    DefinitionError
        For anything else than two such models.

    Notes
    -----
    The restricted model's implied moments are taken as data for the general model; where its discrepancy
    falls to zero (below 1e-7) the general model holds them. Beside the estimate a second point of the
    restricted model is tried, one standard error away, since an estimate may fulfil by chance what its
    model does not say. A model with fewer degrees of freedom is never nested. Nested models of equal
    degrees of freedom are equivalent.

    References
    ----------
    Bentler, P. M., & Satorra, A. (2010). Testing model nesting and equivalence. Psychological Methods, 15,
    111-123. https://doi.org/10.1037/a0019625

    R equivalent: `lavaan::lavTestNET(general, restricted)` (0.7), `semTools::net()`.

    Examples
    --------
    >>> import numpy as np, pandas as pd
    >>> from analysis.structural.models import cfa
    >>> i = np.arange(1, 121)
    >>> f, g = np.sin(i), np.sin(i + 1)
    >>> table = pd.DataFrame({
    ...     "x1": f + 0.5 * np.cos(3 * i), "x2": 0.8 * f + 0.6 * np.cos(5 * i),
    ...     "x3": 0.7 * f + 0.7 * np.cos(7 * i), "x4": 0.9 * g + 0.5 * np.cos(11 * i),
    ...     "x5": 0.8 * g + 0.6 * np.cos(13 * i), "x6": 0.6 * g + 0.6 * np.cos(17 * i)})
    >>> two = cfa("f =~ x1 + x2 + x3; g =~ x4 + x5 + x6", table, "ML")
    >>> one = cfa("f =~ x1 + x2 + x3 + x4 + x5 + x6", table, "ML")
    >>> nested(two, one).nested, nested(one, two).nested
    (True, False)
    """
    if not (isinstance(general, StructuralResult) and isinstance(restricted, StructuralResult)):
        raise DefinitionError(
            fact_and_hint("nested", "no two fitted models were given.", "fit both with cfa or sem.")
        )
    check_comparable({"general": general, "restricted": restricted}, "nested")
    one, two = general._fitted, restricted._fitted
    within, gaps = holds(one, two)
    same = one.test.df == two.test.df and within and holds(two, one)[0]
    return NestingResult(
        nested=within, equivalent=same, df_general=one.test.df, df_restricted=two.test.df, discrepancies=gaps
    )


def check_comparable(models: Mapping[str, StructuralResult], caller: str = "compare_models") -> None:
    """Refuse models of other variables, rows, groups or estimators.

    Raises
    ------
    DefinitionError
        Naming the two models and what differs.
    """
    if len(models) < 2:
        raise DefinitionError(fact_and_hint(caller, f"{len(models)} model(s) given.", "name at least two."))
    first_name, *others = models
    first = models[first_name]._fitted
    for name in others:
        other = models[name]._fitted
        if _variables(first) != _variables(other):
            odd = sorted(_variables(first) ^ _variables(other))
            raise DefinitionError(
                fact_and_hint(
                    caller,
                    f"{first_name!r} and {name!r} have different variables: {name_offenders(odd)}.",
                    "compare models of the same variables only.",
                )
            )
        if (first.estimator, first.missing) != (other.estimator, other.missing):
            raise DefinitionError(
                fact_and_hint(
                    caller,
                    f"{first_name!r} used {first.estimator} ({first.missing}), {name!r} {other.estimator} "
                    f"({other.missing}).",
                    "fit both with the same estimator.",
                )
            )
        if not _same_data(first, other):
            raise DefinitionError(
                fact_and_hint(
                    caller,
                    f"{first_name!r} and {name!r} were fitted to different rows or groups.",
                    "fit both to the same table.",
                )
            )


def _variables(fitted: Fitted) -> set[str]:
    """Variables of a model, with their level where there are two."""
    table = fitted.table
    if not table.level_names:
        return set(table.names.observed)
    return {
        f"{name} (level {k})" for k, own in enumerate(table.level_names, start=1) for name in own.observed
    }


def _same_sampling(one: Fitted, two: Fitted) -> bool:
    pairs = [(one.data.sampling_of(g), two.data.sampling_of(g)) for g in range(len(one.sizes))]
    return all(
        np.array_equal(a.clusters, b.clusters) and np.array_equal(a.weights, b.weights)  # type: ignore[arg-type]
        for a, b in pairs
    )


def _same_data(one: Fitted, two: Fitted) -> bool:
    if not _same_sampling(one, two):
        return False
    if one.sizes != two.sizes or one.data.group_labels != two.data.group_labels:
        return False
    order = [two.data.variables.index(name) for name in one.data.variables]
    return all(
        np.array_equal(a, b[:, order], equal_nan=True)
        for a, b in zip(one.data.values, two.data.values, strict=True)
    )


@one_thread()
def holds(general: Fitted, restricted: Fitted) -> tuple[bool, tuple[float, ...]]:
    """Say whether the general model reproduces the moments of the restricted one, and the discrepancies."""
    if general.table.names.composites or restricted.table.names.composites:
        raise DefinitionError(
            fact_and_hint(
                "nested",
                "whether models with composites are nested is not tried.",
                "compare them with assume_nested=True where one fixes parameters of the other.",
            )
        )
    gaps = tuple(_smallest(general, restricted, point) for point in _points(restricted))
    return restricted.test.df >= general.test.df and max(gaps) < REPRODUCED, gaps


def _points(restricted: Fitted) -> Iterator[list[_Moments]]:
    """Give the moments at the estimate, and one standard error off it as far as they are proper."""
    yield _implied(restricted, restricted.x)
    basis = restricted.reduction.basis
    back = np.linalg.pinv(basis)
    spread = np.sqrt(np.maximum(np.diag(back @ restricted.vcov @ back.T), 0.0))
    for k in range(1, POINTS):
        step = np.random.default_rng(k).choice([-1.0, 1.0], len(spread)) * spread
        while np.abs(step).max(initial=0.0) > 1e-6:
            found = _implied(restricted, restricted.x + basis @ step)
            if all(_proper(moments) for moments in found):
                yield found
                break
            step = step / 2.0


def _implied(fitted: Fitted, x: Array) -> list[_Moments]:
    """Compute the moments of every group at given values; means of the sample where none are modelled."""
    if fitted.two_level_moments:
        return _implied_of_levels(fitted, x)
    found = []
    for g in range(fitted.table.options.n_groups):
        if fitted.ordinal:
            with np.errstate(invalid="ignore"):
                state = evaluate_ordinal(build_ordinal_group(fitted.table, g), x)
            p = len(state.scales)
            if fitted.mixed:
                sigma = state.base.sigma * np.outer(state.scales, state.scales)
                group = build_ordinal_group(fitted.table, g)
                sigma[group.covariates, group.covariates] = 1.0
                first = len(state.moments) - len(pairs_below(group)[0])
                found.append(_Moments(np.zeros(p), sigma, state.moments[:first]))
                continue
            split = len(state.thresholds)
            matrix = np.eye(p)
            row, column = vech_places(p, False)
            matrix[row, column] = matrix[column, row] = state.moments[split:]
            found.append(_Moments(np.zeros(p), matrix, state.moments[:split]))
        else:
            plain = evaluate(build_group(fitted.table, g, fitted.exogenous_values[g]), x)
            mean = plain.mu if fitted.table.options.meanstructure else fitted.sample_means[g]
            found.append(_Moments(mean, plain.sigma, np.zeros(0)))
    return found


def _implied_of_levels(fitted: Fitted, x: Array) -> list[_Moments]:
    """Give both levels of every group; thresholds are followed by all other moments of both levels."""
    found = []
    for g in range(len(fitted.sizes)):
        group = build_two_level_group(fitted.table, g)
        with np.errstate(invalid="ignore"):
            state = evaluate_two_level(group, x)
        below = scales_between(group, state)
        levels = (
            (group.items, state.within.base.sigma * np.outer(state.scales, state.scales)),
            (group.place, state.between.sigma * np.outer(below, below)),
        )
        for items, sigma in levels:  # given covariates, which have no moments of their own
            own = np.eye(len(sigma))
            own[np.ix_(items, items)] = sigma[np.ix_(items, items)]
            found.append(_Moments(np.zeros(len(own)), own, state.moments))
    return found


def _proper(moments: _Moments) -> bool:
    finite = np.isfinite(moments.covariance).all() and np.isfinite(moments.thresholds).all()
    return bool(finite and np.linalg.eigvalsh(moments.covariance)[0] > 1e-8)


def _reordered(moments: _Moments, restricted: Fitted, general: Fitted, block: int) -> _Moments:
    """Bring moments into the order of the general model's variables."""
    theirs, ours = restricted.table.names_of(block).observed, general.table.names_of(block).observed
    if restricted.mixed or restricted.two_level_moments:
        if theirs != ours:
            fact = "the models name their variables in different orders."
            hint = "write both with the variables in one order."
            raise DefinitionError(fact_and_hint("nested", fact, hint))
        return moments
    order = [theirs.index(name) for name in ours]
    ends = np.cumsum([restricted.table.options.ordered.get(name, 1) - 1 for name in theirs])
    places = [
        np.arange(ends[k] - restricted.table.options.ordered.get(theirs[k], 1) + 1, ends[k]) for k in order
    ]
    return _Moments(
        moments.mean[order],
        moments.covariance[np.ix_(order, order)],
        moments.thresholds[np.concatenate(places).astype(int)],
    )


def _smallest(general: Fitted, restricted: Fitted, point: list[_Moments]) -> float:
    """Fit the general model to moments and give its smallest discrepancy over several starts."""
    wanted = [_reordered(moments, restricted, general, block) for block, moments in enumerate(point)]
    target = _discrepancy(general, wanted)
    reduction = reduce_parameters(general.table, "nested")
    best = np.inf
    for start in _starts(general, wanted):
        try:
            found = minimise(target, reduction, reduction.contract(start))
        except np.linalg.LinAlgError:
            continue
        best = min(best, found.value)
        if best < REPRODUCED:
            break
    return max(float(best), 0.0)


def _starts(general: Fitted, wanted: list[_Moments]) -> Iterator[Array]:
    table = general.table
    covariances, means = [m.covariance for m in wanted], [m.mean for m in wanted]
    counts = [table.options.ordered.get(name, 1) - 1 for name in table.names.observed]
    cuts = np.cumsum(counts)[:-1]
    thresholds = [
        dict(zip(table.names.observed, np.split(m.thresholds, cuts), strict=True)) if general.ordinal else {}
        for m in wanted
    ]
    yield general.x
    for one_factor in (False, True):
        start = start_values(table, covariances, means, thresholds, one_factor=one_factor)
        yield start
        turned = other_side(table, start, covariances)
        if turned is not None:
            yield turned


def _discrepancy(general: Fitted, wanted: list[_Moments]) -> Discrepancy:
    table = general.table
    if general.two_level_moments:
        return TwoLevelLeastSquares(
            [build_two_level_group(table, g) for g in range(len(general.sizes))],
            [m.thresholds for m in wanted[::2]],
            [block.weight for block in general.blocks],
            general.totals,
            table.n_free,
        )
    if general.ordinal:
        row, column = pairs_below(build_ordinal_group(table, 0))
        return LeastSquaresDiscrepancy(
            [build_ordinal_group(table, g) for g in range(len(wanted))],
            [np.concatenate([m.thresholds, m.covariance[row, column]]) for m in wanted],
            [block.weight for block in general.blocks],
            general.totals,
            table.n_free,
        )
    models = [build_group(table, g, _exogenous(general, moments, g)) for g, moments in enumerate(wanted)]
    sizes = np.repeat(general.totals, table.n_levels)
    moments = [Moments(size, m.mean, m.covariance) for size, m in zip(sizes, wanted, strict=True)]
    return NormalDiscrepancy(models, moments, table.n_free, table.options.meanstructure)


def _exogenous(general: Fitted, moments: _Moments, block: int) -> ExogenousValues:
    """Let fixed exogenous variables have the moments that the other model implies."""
    at = {name: k for k, name in enumerate(general.table.names_of(block).observed)}
    return {
        (row.lhs, row.op, row.rhs): float(
            moments.mean[at[row.lhs]] if row.op == "~1" else moments.covariance[at[row.lhs], at[row.rhs]]
        )
        for row in general.table.rows
        if row.exogenous and row.group == block
    }
