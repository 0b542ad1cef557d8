"""Exploratory blocks of a model: what they free, what would not survive a rotation, where a search starts."""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import replace

import numpy as np
import pandas as pd
from scipy.linalg import qr

from analysis.structural.estimation.data import ModelData
from analysis.structural.estimation.ram import Array
from analysis.structural.language.partable import ParameterTable, Row, TableOptions
from analysis.structural.language.syntax import Syntax, syntax_error
from instrument.errors import DefinitionError, NotEstimableError, fact_and_hint, name_offenders

AXES = 50  # steps of the principal axes: a start needs no more
LARGEST_SHARE = 0.95


def read_blocks(syntax: Syntax, caller: str) -> dict[str, tuple[list[str], list[str]]]:
    """Give items and factors of every exploratory block.

    Raises
    ------
    DefinitionError
        Factors of one block with different items or as many factors as items, fixed or labelled loadings,
        factors in two blocks, blocks within levels.
    """
    found: dict[str, tuple[list[str], list[str]]] = {}
    home: dict[str, str] = {}
    loads: dict[str, list[str]] = {}
    for statement in syntax.statements:
        if statement.op != "=~":
            continue
        block, factor = statement.block, statement.lhs
        if not statement.modifier.empty and block:
            raise syntax_error(
                caller,
                statement,
                f"the loading of {statement.rhs!r} on {factor!r} is fixed, labelled or "
                "has a start, but a rotation decides it.",
                "leave exploratory loadings free.",
            )
        if home.setdefault(factor, block) != block:
            raise syntax_error(
                caller,
                statement,
                f"{factor!r} has loadings inside and outside block {home[factor] or block!r}.",
                'write efa("block")* before each mention of the factor.',
            )
        if block:
            loads.setdefault(factor, []).append(statement.rhs)
            found.setdefault(block, ([], []))
    if found and syntax.has_levels:
        fact, hint = (
            "exploratory blocks in a two-level model are not supported.",
            "write the loadings with =~ alone.",
        )
        raise DefinitionError(fact_and_hint(caller, fact, hint))
    for block in found:
        factors = [name for name, own in home.items() if own == block]
        items = loads[factors[0]]
        odd = [name for name in factors if sorted(loads[name]) != sorted(items)]
        if odd:
            fact = f"factors of block {block!r} have different items: {name_offenders([factors[0], *odd])}."
            raise DefinitionError(
                fact_and_hint(caller, fact, "let every factor of a block load on every item of it.")
            )
        latent = [name for name in items if name in home]
        if latent:
            fact = f"block {block!r} measures latent variables: {name_offenders(latent)}."
            raise DefinitionError(fact_and_hint(caller, fact, "put observed items in exploratory blocks."))
        if len(factors) >= len(items):
            fact = f"block {block!r} has {len(factors)} factors for {len(items)} items."
            raise DefinitionError(fact_and_hint(caller, fact, "name fewer factors, or more items."))
        found[block] = items, factors
    return found


def tied_groups(options: TableOptions) -> bool:
    """Say whether loadings are equal in all groups, so that one rotation serves them all."""
    return options.n_groups > 1 and "loadings" in options.group_equal


def refuse_what_rotation_breaks(table: ParameterTable, caller: str) -> None:
    """Raise for rows that say different things of the factors of one block.

    A rotation mixes the factors of a block; the model stays the same only where all of them have the same
    paths and covariances, free in each.
    """
    names = table.names
    if not names.exploratory:
        return
    for formula in table.constraints:
        raise syntax_error(
            caller,
            formula,
            "constraints beside exploratory blocks are not supported.",
            "fit the model with =~ alone to test them.",
        )
    equal = set(table.options.group_equal)
    loose = not tied_groups(table.options)
    if equal & {"lv.variances", "lv.covariances", "regressions", "means"} and loose:
        fact = "group_equal names what a rotation within each group would undo."
        raise DefinitionError(fact_and_hint(caller, fact, "add 'loadings' to group_equal."))
    if len(equal & {"lv.variances", "lv.covariances"}) == 1:
        fact = "group_equal names one of lv.variances and lv.covariances, which a rotation mixes."
        raise DefinitionError(fact_and_hint(caller, fact, "name both or neither."))
    counts = Counter((row.group, row.label) for row in table.rows if row.label)
    for group in range(table.options.n_groups):
        rows = [row for row in table.rows if row.group == group]
        for block in dict.fromkeys(names.exploratory.values()):
            factors = [name for name, own in names.exploratory.items() if own == block]
            if len(factors) > 1:
                _check_block(rows, factors, block, counts, caller)
    exempt = {"".join(text.split()) for text in table.options.group_partial}
    for row in table.rows:
        if f"{row.lhs}{row.op}{row.rhs}" in exempt and {row.lhs, row.rhs} & set(names.exploratory):
            fact = f"group_partial exempts {row.name!r}, which a rotation mixes with others."
            raise DefinitionError(fact_and_hint(caller, fact, "exempt parameters of items only."))


def _check_block(
    rows: list[Row], factors: list[str], block: str, counts: Counter[tuple[int, str]], caller: str
) -> None:
    hint = "give each of them the same paths and covariances, free and without shared labels."
    others: dict[tuple[str, ...], dict[str, Row]] = {}
    for row in rows:
        inside = [name for name in (row.lhs, row.rhs) if name in factors]
        if len(inside) == 2:
            if row.user or row.op != "~~":
                fact = f"{row.name!r} stands within exploratory block {block!r}, where the rotation decides."
                raise DefinitionError(
                    fact_and_hint(caller, fact, "remove it; see rotation and rotation_args.")
                )
        elif inside:
            other = row.rhs if row.lhs == inside[0] else row.lhs
            side = "" if row.op == "~~" else "left" if row.lhs == inside[0] else "right"
            others.setdefault((row.op, side, other), {})[inside[0]] = row
    for (op, _, other), mine in others.items():
        lacking = [name for name in factors if name not in mine]
        told = f"'{other}' and block {block!r}" if other else f"block {block!r}"
        if lacking:
            fact = f"{op} between {told} leaves out {name_offenders(lacking)}."
            raise DefinitionError(fact_and_hint(caller, fact, hint))
        shared = [row.name for row in mine.values() if row.label and counts[row.group, row.label] > 1]
        fixed = {row.fixed for row in mine.values() if not math.isnan(row.fixed)}
        mixed = any(math.isnan(row.fixed) for row in mine.values()) and bool(fixed)
        if shared or mixed or fixed - {0.0}:
            fact = f"{op} between {told} is fixed or labelled for some factors."
            raise DefinitionError(fact_and_hint(caller, fact, hint))


def with_anchors(table: ParameterTable, data: ModelData, caller: str) -> ParameterTable:
    """Mark what is zero while the unrotated solution is searched for, and give its loadings a start.

    Of m factors, m(m - 1)/2 loadings are zero, of items that are chosen so that they lie far apart (a pivoted
    triangular form of the loadings of principal axes); factors have variance one and do not correlate.

    Parameters
    ----------
    table
        The completed table.
    data
        The rows.
    caller
        The public function named in messages.
    """
    exploratory = table.names.exploratory
    if not exploratory:
        return table
    rows = [replace(row) for row in table.rows]
    tied = tied_groups(table.options)
    for block in dict.fromkeys(exploratory.values()):
        factors = [name for name, own in exploratory.items() if own == block]
        items = [r.rhs for r in rows if r.op == "=~" and r.lhs == factors[0] and r.group == 0]
        at = [data.variables.index(name) for name in items]
        answers = pd.DataFrame(np.vstack([values[:, at].astype(np.float64) for values in data.values]))
        loadings, anchors = _triangular(answers.corr().to_numpy(), len(factors), block, caller)
        spread = answers.std().to_numpy()
        for row in rows:
            if row.op == "=~" and row.lhs in factors:
                i, j = items.index(row.rhs), factors.index(row.lhs)
                scale = 1.0 if row.rhs in table.options.ordered else spread[i]
                row.anchored = j > anchors.get(i, len(factors))
                row.start = 0.0 if row.anchored else float(loadings[i, j]) * scale
            inside = row.op == "~~" and row.lhs in factors and row.rhs in factors and row.lhs != row.rhs
            if inside and row.is_free:
                row.anchored, row.start = not tied or row.group == 0, 0.0
    return replace(table, rows=rows)


def _triangular(correlations: Array, n_factors: int, block: str, caller: str) -> tuple[Array, dict[int, int]]:
    """Loadings of principal axes with zeros above the diagonal of some items, and place of each of these."""
    if not np.isfinite(correlations).all():
        fact = f"some items of block {block!r} are never answered together."
        raise NotEstimableError(fact_and_hint(caller, fact, "leave one of them out."))
    shared = np.clip(np.abs(correlations - np.eye(len(correlations))).max(axis=1), 0.1, LARGEST_SHARE)
    for _ in range(AXES):
        roots, vectors = np.linalg.eigh(correlations - np.diag(1.0 - shared))
        loadings = vectors[:, -n_factors:] * np.sqrt(np.maximum(roots[-n_factors:], 1e-2))
        shared = np.clip((loadings**2).sum(axis=1), 0.01, LARGEST_SHARE)
    turn, _, order = qr(loadings.T, pivoting=True)
    turned = loadings @ turn
    turned = turned * np.where(turned[order[np.arange(n_factors)], np.arange(n_factors)] < 0, -1.0, 1.0)
    return turned, {int(order[k]): k for k in range(n_factors)}
