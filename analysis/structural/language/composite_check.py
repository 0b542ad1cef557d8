"""What a model with composites cannot say."""

from __future__ import annotations

from analysis.structural.language.partable import ParameterTable
from analysis.structural.language.syntax import Syntax, syntax_error
from instrument.errors import DefinitionError, fact_and_hint


def check_composites(syntax: Syntax, estimator: str, caller: str) -> None:
    """Refuse composites where they mean nothing, before the data are read.

    Raises
    ------
    DefinitionError
        With line and column of the fault.
    """
    weights = [s for s in syntax.statements if s.op == "<~"]
    composites = {s.lhs for s in weights}
    measured = {s.lhs for s in syntax.statements if s.op == "=~"}
    owner: dict[str, str] = {}
    for s in weights:
        if s.level:
            raise syntax_error(
                caller, s, f"composite {s.lhs!r} stands in a level block.", "use one level with cluster=."
            )
        if estimator not in ("ML", "MLR"):
            raise syntax_error(
                caller, s, f"{estimator} takes no composites such as {s.lhs!r}.", "use estimator='MLR'."
            )
        if s.lhs in measured:
            raise syntax_error(
                caller, s, f"{s.lhs!r} is both formed (<~) and measured (=~).", "keep one of the two."
            )
        if s.rhs in measured or s.rhs in composites:
            raise syntax_error(
                caller,
                s,
                f"{s.rhs!r} is a component of {s.lhs!r} but not observed.",
                "form composites of observed variables, and relate others by ~.",
            )
        if s.rhs in owner:
            raise syntax_error(
                caller,
                s,
                f"{s.rhs!r} is a component of {owner[s.rhs]!r} and of {s.lhs!r}.",
                "give each component to one composite.",
            )
        owner[s.rhs] = s.lhs
    for s in syntax.statements:
        if s.op == "<~":
            continue
        own = s.rhs in owner and s.op in ("=~", "~", "~~")
        if (s.lhs in owner and s.op != "~1") or own:
            name = s.lhs if s.lhs in owner else s.rhs
            raise syntax_error(
                caller,
                s,
                f"{name!r} is a component and relates to others through {owner[name]!r} only.",
                "leave the statement out; components have the covariances of the sample.",
            )
        if s.lhs in composites and (s.op == "~1" or (s.op == "~~" and s.lhs == s.rhs)):
            raise syntax_error(
                caller,
                s,
                f"variance and mean of composite {s.lhs!r} follow from its weights.",
                "leave the statement out.",
            )


def check_related(table: ParameterTable, caller: str) -> None:
    """Refuse a composite that nothing depends on and that depends on nothing: its weights are undetermined.

    Raises
    ------
    DefinitionError
        Naming the composite.
    """
    for name in table.names.composites:
        tied = [
            r
            for r in table.rows
            if not r.hidden
            and r.op in ("=~", "~", "~~")
            and name in (r.lhs, r.rhs)
            and r.lhs != r.rhs
            and (r.is_free or r.fixed != 0.0)
        ]
        if not tied:
            raise DefinitionError(
                fact_and_hint(
                    caller,
                    f"composite {name!r} is related to nothing: nothing determines its weights.",
                    f"give it an outcome (y ~ {name}) or a covariance.",
                )
            )
