"""What a completed model asks of values that no data can fulfil, refused before a search begins."""

from __future__ import annotations

from itertools import pairwise

from analysis.structural.language.partable import ParameterTable, Row
from analysis.structural.language.syntax import Syntax, syntax_error
from instrument.errors import DefinitionError, fact_and_hint, name_offenders


def check_possible(table: ParameterTable, syntax: Syntax, caller: str) -> None:
    """Refuse thresholds of no such category, values that cannot be, and names that mean two things.

    Parameters
    ----------
    table
        The completed table.
    syntax
        What was written.
    caller
        The public function named in messages.

    Raises
    ------
    DefinitionError
        With the statement at fault.
    """
    if not any(row.is_free for row in table.rows):
        fact, hint = "the model has no free parameter: there is nothing to estimate.", "leave one free."
        raise DefinitionError(fact_and_hint(caller, fact, hint))
    _check_categories(table, syntax, caller)
    _check_names(table, syntax, caller)
    _refuse(
        [row.name for row in table.rows if row.op == "~~" and row.lhs == row.rhs and row.fixed < 0.0],
        "variances are fixed below zero",
        "fix them at zero or above, or leave them free.",
        caller,
    )
    _refuse(
        _falling(table),
        "fixed thresholds do not rise from category to category",
        "give t2 a larger value than t1.",
        caller,
    )
    weights: dict[tuple[int, str], list[Row]] = {}
    for row in table.rows:
        if row.op == "<~":
            weights.setdefault((row.group, row.lhs), []).append(row)
    _refuse(
        [name for (_, name), own in weights.items() if all(row.fixed == 0.0 for row in own)],
        "every weight is fixed at zero in composites",
        "leave one of them free, or give it another value.",
        caller,
    )


def _refuse(names: list[str], fact: str, hint: str, caller: str) -> None:
    if names:
        told = name_offenders(list(dict.fromkeys(names)))
        raise DefinitionError(fact_and_hint(caller, f"{fact}: {told}.", hint))


def _falling(table: ParameterTable) -> list[str]:
    """Items of which a fixed threshold is not above the fixed one before it."""
    fixed: dict[tuple[int, str], list[tuple[int, float]]] = {}
    for row in table.rows:
        if row.op == "|" and row.fixed == row.fixed:
            fixed.setdefault((row.group, row.lhs), []).append((int(row.rhs[1:]), row.fixed))
    return [
        name
        for (_, name), own in fixed.items()
        if any(upper <= lower for (_, lower), (_, upper) in pairwise(sorted(own)))
    ]


def _check_names(table: ParameterTable, syntax: Syntax, caller: str) -> None:
    labels = {row.label for row in table.rows if row.label}
    seen: set[str] = set()
    for formula in syntax.definitions:
        if formula.lhs in labels or formula.lhs in seen:
            what = "the label of a parameter" if formula.lhs in labels else "defined before"
            raise syntax_error(
                caller, formula, f"{formula.lhs!r} is {what}.", "take another name left of :=."
            )
        seen.add(formula.lhs)


def _check_categories(table: ParameterTable, syntax: Syntax, caller: str) -> None:
    categories = table.options.ordered
    for statement in syntax.statements:
        if statement.op not in ("|", "~*~"):
            continue
        known = categories.get(statement.lhs, 0)
        if not known:
            raise DefinitionError(
                fact_and_hint(
                    caller,
                    f"line {statement.line}: {statement.lhs!r} is not ordinal and has no "
                    f"{'thresholds' if statement.op == '|' else 'scale'}.",
                    "use estimator='WLSMV', or remove the statement.",
                )
            )
        if statement.op == "~*~" and statement.lhs != statement.rhs:
            both = f"{statement.lhs} ~*~ {statement.rhs}"
            fact = f"line {statement.line}: a scale is that of one item, not of two: {both}."
            hint = f"write '{statement.lhs} ~*~ {statement.lhs}'."
            raise DefinitionError(fact_and_hint(caller, fact, hint))
        if statement.op == "|" and statement.rhs not in {f"t{k}" for k in range(1, known)}:
            raise DefinitionError(
                fact_and_hint(
                    caller,
                    f"line {statement.line}: {statement.lhs!r} has {known} categories and no "
                    f"threshold {statement.rhs!r}.",
                    f"use t1 to t{known - 1}.",
                )
            )
