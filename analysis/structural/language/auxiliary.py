"""Auxiliary variables: saturated correlates beside a model, for what is missing (Graham 2003)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from itertools import combinations

from analysis.structural.language.partable import ParameterTable, sort_names
from analysis.structural.language.syntax import Modifier, Statement, Syntax
from instrument.errors import DefinitionError, fact_and_hint, name_offenders


def check_auxiliary(
    syntax: Syntax, names: Sequence[str], estimator: str, missing: str | None, caller: str
) -> None:
    """Raise for auxiliary variables that are part of the model, and where nothing can use them.

    Raises
    ------
    DefinitionError
        With the names at fault.
    """
    known = sort_names(syntax)
    inside = [name for name in names if name in (*known.observed, *known.latent)]
    double = sorted({name for name in names if list(names).count(name) > 1})
    composite = bool(known.composites)
    if inside:
        fact, hint = f"auxiliary variables are part of the model: {name_offenders(inside)}.", "name others."
    elif double:
        fact, hint = f"auxiliary variables are named twice: {name_offenders(double)}.", "name each once."
    elif estimator not in ("ML", "MLR"):
        fact, hint = f"{estimator} takes no auxiliary variables.", "use estimator='MLR'."
    elif missing == "listwise":
        fact, hint = "auxiliary variables say nothing of complete rows.", "use missing='fiml'."
    elif syntax.has_levels or composite:
        what = "composites" if composite else "levels"
        fact, hint = f"auxiliary variables beside {what} are not supported.", "leave out auxiliary=."
    else:
        return
    raise DefinitionError(fact_and_hint(caller, fact, hint))


def with_auxiliary(syntax: Syntax, names: Sequence[str]) -> Syntax:
    """Let auxiliary variables covary with each other and with everything that is observed.

    Parameters
    ----------
    syntax
        The model.
    names
        The auxiliary variables.
    """
    pairs = [(name, name) for name in names] + list(combinations(names, 2))
    pairs += [(name, other) for name in names for other in sort_names(syntax).observed]
    added = [Statement(one, "~~", two, Modifier(), 0, 0) for one, two in pairs]
    return replace(syntax, statements=[*syntax.statements, *added])


def with_random_predictors(syntax: Syntax) -> Syntax:
    """Let observed predictors have variances and covariances of their own in the model.

    Parameters
    ----------
    syntax
        The model.
    """
    names = sort_names(syntax).exogenous
    pairs = [(name, name) for name in names] + list(combinations(names, 2))
    added = [Statement(one, "~~", two, Modifier(), 0, 0) for one, two in pairs]
    return replace(syntax, statements=[*syntax.statements, *added])


def mark_auxiliary(table: ParameterTable, names: Sequence[str]) -> ParameterTable:
    """Mark the rows of auxiliary variables, which no equality holds and no table shows."""
    if not names:
        return table
    for row in table.rows:
        if row.lhs in names or row.rhs in names:
            row.role, row.label = "auxiliary", ""
    return replace(table, names=replace(table.names, auxiliary=list(names)))
