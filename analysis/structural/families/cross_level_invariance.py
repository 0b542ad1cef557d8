"""Whether a scale measures the same within clusters and between them."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd

from analysis.common import rules
from analysis.structural.families.invariance import InvarianceResult, level_table
from analysis.structural.fitting import CONTINUOUS_ESTIMATORS, ORDINAL_ESTIMATORS
from analysis.structural.inference.result import StructuralResult
from analysis.structural.language.syntax import Statement, parse_syntax
from analysis.structural.models import cfa
from instrument.errors import DefinitionError, fact_and_hint, name_offenders

CALLER = "cross_level_invariance"
LEVELS = ("configural", "metric", "strong")


def cross_level_invariance(
    model: str,
    data: pd.DataFrame,
    cluster: str,
    estimator: str = "MLR",
    levels: Sequence[str] | None = None,
    missing: str | None = None,
) -> InvarianceResult:
    """Test whether items measure the same within clusters and between them.

    Use it before a factor between clusters is read as the mean of what the scale measures within them, and
    before its intraclass correlation is given. Not where the factor between is meant to be another construct.

    Parameters
    ----------
    model
        Measurement model of one level in lavaan's language, `=~` and `~~` without modifiers; it is taken for
        both levels.
    data
        Shape (n_rows, n_variables), with the column of clusters.
    cluster
        Name of that column.
    estimator
        "MLR" or "ML"; "WLSMV" or "ULSMV" for ordinal items, whose latent responses the levels are then of.
    levels
        Levels to fit, in their order; all by default: configural (the same factors at both levels), metric
        (equal loadings), strong (no residual variance between clusters, so that intercepts of clusters are
        equal).
    missing
        As in `cfa`.

    Returns
    -------
    InvarianceResult
        `.table`, `.fits`, `.highest_level()`; `group` names the clusters.

    Raises
    ------
    DefinitionError
        Unknown levels or estimators; models with anything but plain `=~` and `~~`.
    NotEstimableError
        Whatever `cfa` refuses.

    Notes
    -----
    Equal loadings give the factor one metric at both levels; its intraclass correlation is then
    psi_b / (psi_b + psi_w). Residual variances of zero lie on the edge of what is possible, so that p of the
    strong level is too large. In R: `lavaan::cfa` with `level:` blocks and shared labels.

    References
    ----------
    Jak, S., Oort, F. J., & Dolan, C. V. (2013). A test for cluster bias: Detecting violations of measurement
    invariance across clusters in multilevel data. https://doi.org/10.1080/10705511.2013.769392
    Mehta, P. D., & Neale, M. C. (2005). People are variables too: Multilevel structural equations modeling.
    https://doi.org/10.1037/1082-989X.10.3.259

    Examples
    --------
    >>> import numpy as np
    >>> draw = np.random.default_rng(1)
    >>> app = np.repeat(np.arange(60), 8)
    >>> factor = draw.normal(size=480) + draw.normal(size=60)[app]
    >>> own = draw.normal(size=(480, 4)) + 0.5 * draw.normal(size=(60, 4))[app]
    >>> table = pd.DataFrame(factor[:, None] + own, columns=["y1", "y2", "y3", "y4"]).assign(app=app)
    >>> model, levels = "f =~ y1 + y2 + y3 + y4", ["configural", "metric"]
    >>> found = cross_level_invariance(model, table, "app", levels=levels)
    >>> found.table[["level", "df"]].to_numpy().tolist()
    [['configural', 4.0], ['metric', 7.0]]
    """
    chosen = list(LEVELS if levels is None else levels)
    unknown = [level for level in chosen if level not in LEVELS]
    if unknown or not chosen:
        fact = f"unknown levels: {name_offenders(unknown)}." if unknown else "no levels are named."
        raise DefinitionError(fact_and_hint(CALLER, fact, f"choose from {name_offenders(list(LEVELS))}."))
    if estimator not in (known := [*CONTINUOUS_ESTIMATORS, *ORDINAL_ESTIMATORS]):
        fact = f"estimator {estimator!r} is unknown."
        raise DefinitionError(fact_and_hint(CALLER, fact, f"choose one of {known}."))
    statements = _plain_measurement(model)
    fits: dict[str, StructuralResult] = {
        level: cfa(_two_levels(statements, level), data, estimator, cluster=cluster, missing=missing)
        for level in sorted(set(chosen), key=LEVELS.index)
    }
    variant = "naive" if estimator == "ML" else "scaled"
    pair = (rules.INVARIANCE_CFI, rules.INVARIANCE_RMSEA)
    return InvarianceResult(
        table=level_table(fits, variant, pair),
        fits=fits,
        group=cluster,
        n_obs=next(iter(fits.values())).n_obs,
        rules=pair,
        variant=variant,
    )


def _plain_measurement(model: str) -> list[Statement]:
    syntax = parse_syntax(model, CALLER)
    odd = [f"{s.lhs} {s.op} {s.rhs}" for s in syntax.statements if s.op not in ("=~", "~~")]
    odd += [f.lhs for f in (*syntax.definitions, *syntax.constraints)]
    odd += [f"{s.lhs} {s.op} {s.rhs} (modifier)" for s in syntax.statements if not s.modifier.empty]
    odd += ["level blocks"] if syntax.has_levels else []
    if odd:
        raise DefinitionError(
            fact_and_hint(
                CALLER,
                f"the model says more than a plain measurement model: {name_offenders(odd)}.",
                "give =~ and ~~ of one level without modifiers, or write both levels yourself for cfa.",
            )
        )
    return syntax.statements


def _two_levels(statements: list[Statement], level: str) -> str:
    """Write the model for both levels, with what the level of invariance holds equal."""
    lines: dict[int, list[str]] = {1: [], 2: []}
    loadings = [s for s in statements if s.op == "=~"]
    first = {s.lhs: s for s in reversed(loadings)}
    for k, statement in enumerate(statements):
        equal = level != "configural" and statement.op == "=~" and statement is not first[statement.lhs]
        label = f"equal_{k}*" if equal else ""
        for own in lines.values():
            own.append(f"{statement.lhs} {statement.op} {label}{statement.rhs}")
    if level == "strong":
        latent = set(first)
        items = dict.fromkeys(s.rhs for s in loadings if s.rhs not in latent)
        lines[2] = [text for text in lines[2] if " ~~ " not in text or text.split(" ~~ ")[0] in latent]
        lines[2] += [f"{item} ~~ 0*{item}" for item in items]
    return "\n".join(["level: 1", *lines[1], "level: 2", *lines[2]])
