"""The parameter table of a two-level model: one table for each level, joined."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace

from analysis.structural.language.partable import (
    Names,
    ParameterTable,
    Row,
    TableOptions,
    build_table,
    sort_names,
)
from analysis.structural.language.syntax import Syntax
from instrument.errors import DefinitionError, fact_and_hint, name_offenders

WITHIN, BETWEEN = 1, 2
_AUTOMATIC = re.compile(r"^\.p\d+\.$")


def level_names(syntax: Syntax, caller: str) -> tuple[Names, Names]:
    """Sort the variables of both levels by role.

    Raises
    ------
    DefinitionError
        A latent variable of one level that is observed at the other, or no variable at both levels.
    """
    within, between = (sort_names(syntax.at_level(level)) for level in (WITHIN, BETWEEN))
    mixed = [n for n in within.latent if n in between.observed]
    mixed += [n for n in between.latent if n in within.observed]
    if mixed:
        raise DefinitionError(
            fact_and_hint(
                caller,
                f"{name_offenders(mixed)} is latent at one level and observed at the other.",
                "give latent variables names of their own.",
            )
        )
    if not set(within.observed) & set(between.observed):
        raise DefinitionError(
            fact_and_hint(
                caller,
                "no variable stands at both levels.",
                "name the items at level 1 and level 2, or fit two models.",
            )
        )
    return within, between


def joined_names(within: Names, between: Names) -> Names:
    """Variables of both levels together: those within come first."""

    def union(one: list[str], two: list[str]) -> list[str]:
        return list(dict.fromkeys([*one, *two]))

    return Names(
        observed=union(within.observed, between.observed),
        latent=union(within.latent, between.latent),
        indicators=union(within.indicators, between.indicators),
        exogenous=union(within.exogenous, between.exogenous),
        outcomes=union(within.outcomes, between.outcomes),
        latent_exogenous=union(within.latent_exogenous, between.latent_exogenous),
        latent_outcomes=union(within.latent_outcomes, between.latent_outcomes),
    )


def build_two_level_table(syntax: Syntax, options: TableOptions, caller: str) -> ParameterTable:
    """Complete a two-level model with defaults and number its free parameters.

    Variables of both levels have their means between clusters; within clusters their means, and those of the
    latent variables they measure, are zero. Observed predictors of both levels have free moments, others keep
    theirs. Each level of each group counts as a group of rows.

    Parameters
    ----------
    syntax
        Statements with levels.
    options
        As for one level; `n_groups` counts groups, not levels.
    caller
        The public function named in messages.
    """
    names = level_names(syntax, caller)
    if options.ordered:
        _check_ordinal(syntax, names, caller)
    below = replace(options, split=[name for name in names[1].observed if name in names[0].observed])
    tables = [build_table(syntax.at_level(WITHIN), options, caller)]
    tables.append(build_table(syntax.at_level(BETWEEN), below, caller))
    both = below.split  # their thresholds stand at level 2
    tables[0].rows = [row for row in tables[0].rows if row.op != "|" or row.lhs not in both]
    _centre_within(tables[0], set(names[1].observed))
    split = [name for name in joined_names(*names).exogenous if all(name in own.observed for own in names)]
    names = (_with_random(tables[0], names[0], split), _with_random(tables[1], names[1], split))
    rows: list[Row] = []
    for group in range(options.n_groups):
        for level, table in enumerate(tables):
            own = [row for row in table.rows if row.group == group]
            rows += [replace(row, group=2 * group + level, free=-1, label=_own(row, level)) for row in own]
    _number_labels(rows)
    free = 0
    for row in rows:
        if row.is_free:
            row.free, free = free, free + 1
    blocks = replace(options, n_groups=2 * options.n_groups)
    return ParameterTable(
        rows, joined_names(*names), blocks, syntax.definitions, syntax.constraints, level_names=names
    )


def _check_ordinal(syntax: Syntax, names: tuple[Names, Names], caller: str) -> None:
    """Refuse what a two-level model of ordinal items has no place for."""
    twice = sorted(
        {*names[0].exogenous, *names[1].exogenous} & set(names[0].observed) & set(names[1].observed)
    )
    if twice:
        raise DefinitionError(
            fact_and_hint(
                caller,
                f"predictors of ordinal items stand at both levels: {name_offenders(twice)}.",
                "make two columns: the mean of the cluster for level 2, the distance from it for level 1.",
            )
        )
    for level, op, what in ((WITHIN, "|", "thresholds"), (BETWEEN, "~*~", "scales")):
        both = set(names[0].observed) & set(names[1].observed)
        found = [s for s in syntax.at_level(level).statements if s.op == op and s.lhs in both]
        if found:
            raise DefinitionError(
                fact_and_hint(
                    caller,
                    f"line {found[0].line}: {what} of {found[0].lhs!r} stand at level {level}.",
                    f"write them at level {BETWEEN if level == WITHIN else WITHIN}.",
                )
            )


def _centre_within(table: ParameterTable, between: set[str]) -> None:
    indicated = {r.lhs for r in table.rows if r.op == "=~" and r.rhs in between}
    for row in table.rows:
        if row.op == "~1" and not row.user and (row.lhs in between or row.lhs in indicated):
            row.fixed, row.exogenous = 0.0, False


def _with_random(table: ParameterTable, names: Names, split: list[str]) -> Names:
    """Free the moments of predictors of both levels: their parts are latent, and in no sample."""
    mine = [name for name in names.exogenous if name in split]
    for row in table.rows:
        row.exogenous = row.exogenous and row.lhs not in mine and row.rhs not in mine
    rest = [name for name in names.exogenous if name not in split]
    return replace(names, exogenous=rest, predictors=[*names.predictors, *mine])


def _own(row: Row, level: int) -> str:
    """Keep labels that the equality of groups made apart between levels."""
    return f"{row.label}{level}" if _AUTOMATIC.match(row.label) else row.label


def _number_labels(rows: Sequence[Row]) -> None:
    """Give labels that the equality of groups made the number of their first row."""
    first: dict[str, str] = {}
    for place, row in enumerate(rows):
        if re.match(r"^\.p\d+\.[01]$", row.label):
            row.label = first.setdefault(row.label, f".p{place + 1}.")
