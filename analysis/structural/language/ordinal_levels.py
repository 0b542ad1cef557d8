"""Model syntax of each level of invariance for ordinal items, identified as Wu and Estabrook (2016)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from analysis.structural.language.syntax import parse_syntax
from instrument.errors import DefinitionError, NotEstimableError, fact_and_hint, name_offenders

# what each level holds equal, cumulated
ORDINAL_LEVELS: dict[str, frozenset[str]] = {
    "configural": frozenset(),
    "thresholds": frozenset({"thresholds"}),
    "metric": frozenset({"thresholds", "loadings"}),
    "scalar": frozenset({"thresholds", "loadings", "intercepts"}),
    "strict": frozenset({"thresholds", "loadings", "intercepts", "residuals"}),
}


@dataclass(frozen=True, slots=True)
class Measurement:
    """Factors with their items, and the other covariances a model names.

    Attributes
    ----------
    factors
        Factor to items, in the order of the model.
    covariances
        Pairs of residuals that are correlated.
    """

    factors: dict[str, list[str]]
    covariances: list[tuple[str, str]]

    @property
    def items(self) -> list[str]:
        """Every item once, in order of first appearance."""
        return list(dict.fromkeys(item for items in self.factors.values() for item in items))


def read_measurement(model: str) -> Measurement:
    """Read factors and residual covariances out of a model.

    Parameters
    ----------
    model
        In lavaan's language, `=~` and `~~` without fixed values.

    Returns
    -------
    Measurement
        What it says.

    Raises
    ------
    DefinitionError
        For anything else than plain `=~` and `~~`, and for factors measured by factors.
    """
    syntax = parse_syntax(model, "invariance")
    factors: dict[str, list[str]] = {}
    covariances: list[tuple[str, str]] = []
    for statement in syntax.statements:
        if statement.op == "=~":
            factors.setdefault(statement.lhs, []).append(statement.rhs)
        elif statement.op == "~~" and statement.lhs != statement.rhs:
            covariances.append((statement.lhs, statement.rhs))
        else:
            fact = f"the model says {statement.lhs} {statement.op} {statement.rhs}."
            hint = "give a measurement model of =~ and ~~ only."
            raise DefinitionError(fact_and_hint("invariance", fact, hint))
    if nested := [item for items in factors.values() for item in items if item in factors]:
        fact = f"factors are measured by factors: {name_offenders(nested)}."
        raise DefinitionError(fact_and_hint("invariance", fact, "give a first-order model."))
    if not factors:
        raise DefinitionError(
            fact_and_hint("invariance", "the model names no factor.", "begin with f =~ x1 + x2 + x3.")
        )
    return Measurement(factors, [pair for pair in covariances if not set(pair) & set(factors)])


def ordinal_syntax(
    model: str, rows: pd.DataFrame, group: str, level: str, partial: Sequence[str] = ()
) -> str:
    """Write the model of one level for all groups, theta parameterisation.

    Parameters
    ----------
    model
        Measurement model.
    rows
        The data, to know categories and groups.
    group
        Column with the groups.
    level
        A key of `ORDINAL_LEVELS`.
    partial
        Parameters left free between groups.

    Returns
    -------
    str
        In lavaan's language, with one value per group for each parameter.

    Raises
    ------
    DefinitionError
        A parameter of `partial` does not exist in the model.
    NotEstimableError
        A group lacks a category.
    """
    measured = read_measurement(model)
    n_groups = int(rows[group].nunique())
    thresholds = _threshold_counts(measured.items, rows, group)
    _check_partial(partial, measured, thresholds)
    return write_levels(measured, thresholds, n_groups, ORDINAL_LEVELS[level], frozenset(partial))


def _threshold_counts(items: list[str], rows: pd.DataFrame, group: str) -> dict[str, int]:
    if absent := [item for item in items if item not in rows.columns]:
        fact = f"{len(absent)} of {len(items)} items are not in the data: {name_offenders(absent)}."
        raise DefinitionError(fact_and_hint("invariance", fact, "check names of items and columns."))
    of_row, labels = pd.factorize(rows[group])
    grouped = of_row >= 0
    counts, empty = {}, []
    for item in items:
        of_answer, categories = pd.factorize(rows[item])
        counts[item] = len(categories) - 1
        both = grouped & (of_answer >= 0)
        found = np.zeros((len(labels), len(categories)), dtype=bool)
        found[of_row[both], of_answer[both]] = True
        empty += [f"{item} in {labels[int(g)]}" for g in np.flatnonzero(~found.all(axis=1))]
    if empty:
        fact = f"{len(empty)} items lack a category in a group: {name_offenders(empty)}."
        hint = "merge that category with its neighbour in every group, or leave the item out."
        raise NotEstimableError(fact_and_hint("invariance", fact, hint))
    return counts


def _check_partial(partial: Sequence[str], measured: Measurement, thresholds: dict[str, int]) -> None:
    known = {f"{factor}=~{item}" for factor, items in measured.factors.items() for item in items}
    for item, count in thresholds.items():
        known |= {f"{item}|t{k}" for k in range(1, count + 1)} | {f"{item}~1", f"{item}~~{item}"}
    if unknown := [name for name in partial if name.replace(" ", "") not in known]:
        fact = f"not in the model: {name_offenders(unknown)}."
        raise DefinitionError(fact_and_hint("invariance", fact, "write them as 'f=~x2', 'x3|t2' or 'x3~1'."))


def write_levels(
    measured: Measurement,
    thresholds: dict[str, int],
    n_groups: int,
    equal: frozenset[str],
    partial: frozenset[str],
) -> str:
    """Write the syntax from its parts.

    Parameters
    ----------
    measured
        Factors and covariances.
    thresholds
        Thresholds per item.
    n_groups
        Number of groups.
    equal
        What is held equal.
    partial
        Names exempt from equality.

    Returns
    -------
    str
        Model syntax.
    """
    exempt = {name.replace(" ", "") for name in partial}
    later = n_groups - 1
    # what identifies intercept and scale of an item is its thresholds that are equal, not those it has
    tied = {
        item: sum(f"{item}|t{k}" not in exempt for k in range(1, count + 1))
        for item, count in thresholds.items()
    }

    def vector(first: object, rest: object) -> str:
        return "c(" + ", ".join(map(str, [first, *[rest] * later])) + ")"

    def shared(name: str, label: str, kind: str) -> str:
        """One label for all groups, or one for each."""
        if kind in equal and name not in exempt:
            return vector(label, label)
        return "c(" + ", ".join(f"{label}.g{g + 1}" for g in range(n_groups)) + ")"

    lines = []
    for factor, items in measured.factors.items():
        for item in items:
            kind = "loadings" if testable_alone(tied[item], equal) else "together"
            label = shared(f"{factor}=~{item}", f"l.{factor}.{item}", kind)
            lines.append(f"{factor} =~ {vector('NA', 'NA')}*{item} + {label}*{item}")
    for item, count in thresholds.items():
        lines += [
            f"{item} | {shared(f'{item}|t{k}', f't{k}.{item}', 'thresholds')}*t{k}"
            for k in range(1, count + 1)
        ]
    lines += _item_lines(tied, equal, exempt, vector)
    lines += _factor_lines(measured, tied, equal, vector)
    lines += [f"{left} ~~ {right}" for left, right in measured.covariances]
    return "\n".join(lines)


def testable_alone(n_equal: int, equal: frozenset[str]) -> bool:
    """Say whether equal loadings of an item can be told from unequal ones.

    With one equal threshold intercept, scale and loading of a later group can take any equality of threshold
    and loading back: both are tested together with the intercepts, or not at all (Wu & Estabrook 2016). With
    none the scale of the item is a convention, and so would be the equality of its loading.
    """
    return n_equal > 1 or (n_equal == 1 and "intercepts" in equal)


def _item_lines(
    tied: dict[str, int],
    equal: frozenset[str],
    exempt: set[str],
    vector: Callable[[object, object], str],
) -> list[str]:
    """Intercepts and residual variances: fixed in the first group, free in others as the level allows."""
    lines = []
    for item, count in tied.items():
        free_intercept = (
            "thresholds" in equal and count > 0 and ("intercepts" not in equal or f"{item}~1" in exempt)
        )
        free_residual = "thresholds" in equal and ("residuals" not in equal or f"{item}~~{item}" in exempt)
        free_residual = free_residual and testable_alone(count, equal)
        lines.append(f"{item} ~ {vector(0, 'NA' if free_intercept else 0)}*1")
        lines.append(f"{item} ~~ {vector(1, 'NA' if free_residual else 1)}*{item}")
    return lines


def scale_is_shared(items: list[str], thresholds: dict[str, int], equal: frozenset[str]) -> bool:
    """Say whether equal loadings give a factor one scale, so that its later variances are free."""
    return "loadings" in equal and any(testable_alone(thresholds[item], equal) for item in items)


def _factor_lines(
    measured: Measurement,
    tied: dict[str, int],
    equal: frozenset[str],
    vector: Callable[[object, object], str],
) -> list[str]:
    """Latent means and variances: 0 and 1, freed in later groups once intercepts and loadings are equal."""
    lines = []
    for factor, items in measured.factors.items():
        variance = "NA" if scale_is_shared(items, tied, equal) else 1
        lines.append(f"{factor} ~ {vector(0, 'NA' if 'intercepts' in equal else 0)}*1")
        lines.append(f"{factor} ~~ {vector(1, variance)}*{factor}")
    return lines
