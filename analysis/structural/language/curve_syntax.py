"""Growth curves of ordinal answers as model text: equal thresholds carry level and change."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd

from analysis.structural.language.syntax import Statement, parse_syntax
from instrument.errors import DefinitionError, fact_and_hint, name_offenders

CALLER = "growth"


def ordinal_curve(
    model: str, data: pd.DataFrame, ordered: bool | Sequence[str], group: str | None
) -> tuple[str, list[str]]:
    """Add to a growth model what makes a curve of ordinal answers one that can be told.

    Parameters
    ----------
    model
        Text with growth factors: every loading a number.
    data : DataFrame, shape (n_persons, n_variables)
        Wide.
    ordered
        True: all that growth factors are measured by; else those of them.
    group
        Column of groups.

    Returns
    -------
    tuple
        The text, and the ordinal columns.

    Raises
    ------
    DefinitionError
        No growth factor, none of them the level, categories that differ between waves, or levels of a
        two-level model.

    Notes
    -----
    Added is only what the text does not say itself: thresholds equal over waves (and groups), intercepts of
    what is measured 0, the level 0 in the first group, residual variance 1 at the first wave of the first
    group and free elsewhere (with two categories 1 everywhere), means of change free.
    """
    syntax = parse_syntax(model, CALLER)
    if syntax.has_levels:
        fact = "a growth curve of ordinal answers is not written in levels."
        raise DefinitionError(fact_and_hint(CALLER, fact, "use sem, or cluster= for people in clusters."))
    measured = _growth_factors(syntax.statements)
    indicators = list(dict.fromkeys(s.rhs for rows in measured.values() for s in rows))
    given = [ordered] if isinstance(ordered, str) else ordered
    ordinal = indicators if isinstance(given, bool) else list(given)
    if absent := [name for name in ordinal if name not in data.columns]:
        fact = f"names in ordered are not in the data: {name_offenders(absent)}."
        raise DefinitionError(fact_and_hint(CALLER, fact, "name columns of the data."))
    said = {(s.lhs, s.op) for s in syntax.statements}
    own = {(s.lhs, s.rhs) for s in syntax.statements if s.op == "~~"}
    n_groups = max(int(data[group].nunique()), 1) if group in data else 1  # the fit refuses another column
    lines: list[str] = []
    for number, (factors, shown) in enumerate(_processes(measured)):
        mine = [name for name in shown if name in ordinal]
        lines += [f"{name} ~ {_each(['0'] * n_groups)}*1" for name in shown if (name, "~1") not in said]
        levels = _levels(measured, factors)
        if mine and len(mine) < len(shown):
            fact = f"growth factors of {name_offenders(mine)} are measured by numbers, too."
            raise DefinitionError(fact_and_hint(CALLER, fact, "name all of them in ordered, or none."))
        for factor in factors:
            start = "0" if mine and factor in levels else "NA"
            if (factor, "~1") not in said:
                lines.append(f"{factor} ~ {_each([start, *['NA'] * (n_groups - 1)])}*1")
        if not mine:
            continue
        if not levels:
            fact = f"no growth factor of {name_offenders(mine)} is the level: every loading 1."
            raise DefinitionError(fact_and_hint(CALLER, fact, "write i =~ 1*t1 + 1*t2 + 1*t3."))
        n_thresholds = _thresholds(data, mine)
        if not any((name, "|") in said for name in mine):
            equal = [f"tau{number + 1}.{k + 1}" for k in range(n_thresholds)]
            terms = [f"{_each([label] * n_groups)}*t{k + 1}" for k, label in enumerate(equal)]
            lines += [f"{name} | {' + '.join(terms)}" for name in mine]
        for name in mine:
            first = "1" if name == mine[0] else "NA"
            free = ["1"] * n_groups if n_thresholds == 1 else [first, *["NA"] * (n_groups - 1)]
            if (name, name) not in own:
                lines.append(f"{name} ~~ {_each(free)}*{name}")
    return "\n".join([model, *lines]), ordinal


def _each(values: Sequence[str]) -> str:
    return values[0] if len(values) == 1 else f"c({', '.join(values)})"


def _growth_factors(statements: Sequence[Statement]) -> dict[str, list[Statement]]:
    """Latent variables of which every loading is a number, with what they are measured by."""
    by_factor: dict[str, list[Statement]] = {}
    for statement in statements:
        if statement.op == "=~":
            by_factor.setdefault(statement.lhs, []).append(statement)
    found = {
        factor: rows
        for factor, rows in by_factor.items()
        if all(_is_number(row) and row.rhs not in by_factor for row in rows)
    }
    if not found:
        fact = "no latent variable is a growth factor: one whose loadings are numbers, the times."
        raise DefinitionError(fact_and_hint(CALLER, fact, "write s =~ 0*t1 + 1*t2 + 2*t3, or use sem."))
    return found


def _is_number(row: Statement) -> bool:
    return bool(row.modifier.fixed) and all(isinstance(value, float) for value in row.modifier.fixed)


def _processes(measured: dict[str, list[Statement]]) -> list[tuple[list[str], list[str]]]:
    """Growth factors that share what they are measured by, with all of that in the order of the text."""
    found: list[tuple[list[str], list[str]]] = []
    for factor, rows in measured.items():
        shown = [row.rhs for row in rows]
        joined = [one for one in found if set(one[1]) & set(shown)]
        found = [one for one in found if one not in joined]
        factors = [name for one in joined for name in one[0]] + [factor]
        names = [name for one in joined for name in one[1]] + shown
        found.append((factors, list(dict.fromkeys(names))))
    return found


def _levels(measured: dict[str, list[Statement]], factors: Sequence[str]) -> list[str]:
    return [
        factor
        for factor in factors
        if all(value == 1.0 for row in measured[factor] for value in row.modifier.fixed)
    ]


def _thresholds(data: pd.DataFrame, names: Sequence[str]) -> int:
    """Thresholds of answers whose categories are the same at all waves."""
    seen = {name: sorted(data[name].dropna().unique().tolist(), key=str) for name in names}
    first = seen[names[0]]
    if differ := [name for name in names if seen[name] != first]:
        fact = (
            f"{name_offenders(differ)} hold other categories than {names[0]!r}, so no thresholds are equal."
        )
        hint = "merge categories that some waves lack with their neighbours, at every wave."
        raise DefinitionError(fact_and_hint(CALLER, fact, hint))
    if not first:
        raise DefinitionError(fact_and_hint(CALLER, f"nobody answered {names[0]!r}.", "leave it out."))
    if len(first) < 2:
        fact = f"{names[0]!r} has one category only."
        raise DefinitionError(fact_and_hint(CALLER, fact, "leave it out."))
    return len(first) - 1
