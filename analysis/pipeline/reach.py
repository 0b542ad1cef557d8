"""What the people and answers of a validation allow: what is judged, what only described, what not asked."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import pandas as pd

from analysis.common.rules import FEWEST_PEOPLE, RESPONSE_MODEL_PEOPLE, STRUCTURE_PER_ITEM
from analysis.common.verdicts import Cause
from analysis.correlation.dependence import dependent_items
from analysis.pipeline.section import Untested
from instrument.errors import ConvergenceError, DefinitionError, ToolkitError, UnderidentifiedError

if TYPE_CHECKING:
    from analysis.pipeline.context import Context
    from analysis.structural.inference.result import StructuralResult


def of_people(n: int | None, answered: int | None = None) -> Cause | None:
    """Say whether so many people bear a verdict on a property; None where they do.

    Parameters
    ----------
    n
        People whose answers it rests on.
    answered
        People who answered at all: were they enough, it is answers that lack, `FEW_COMPLETE`.

    Returns
    -------
    Cause or None
        Else `FEW_PEOPLE`.
    """
    if n is not None and FEWEST_PEOPLE.holds(n):
        return None
    enough = answered is not None and FEWEST_PEOPLE.holds(answered)
    return Cause.FEW_COMPLETE if enough else Cause.FEW_PEOPLE


def of_structure(context: Context) -> Cause | None:
    """Say whether the people of the first wave bear a verdict on how the items hang together."""
    return of_items(len(context.items), len(context.item_ids))


def of_items(n: int, n_items: int) -> Cause | None:
    """Say whether so many people bear a verdict on the structure of so many items."""
    enough = FEWEST_PEOPLE.holds(n) and STRUCTURE_PER_ITEM.holds(n / max(n_items, 1))
    return None if enough else Cause.FEW_PEOPLE


def of_response_model(context: Context) -> Cause | None:
    """Say whether the people of the first wave bear a verdict on a response model."""
    return of_response_people(len(context.items))


def of_response_people(n: int) -> Cause | None:
    """Say whether so many people bear a verdict on a response model."""
    return None if RESPONSE_MODEL_PEOPLE.holds(n) else Cause.FEW_PEOPLE


def of_fit(fit: StructuralResult) -> Cause | None:
    """Say why a fitted model is no ground for a verdict; None for a proper one with something to test."""
    if any(not fault.of_size for fault in fit.faults):
        return Cause.IMPROPER
    if fit.faults:
        return Cause.FEW_IN_GROUP if len(fit.groups) > 1 else Cause.FEW_PEOPLE
    return Cause.NOTHING_LEFT if fit.fit["df"] == 0 else None


def stuck_items(context: Context) -> list[str]:
    """Items without an answer at the first wave, or with the same answer from everybody."""
    return [item for item in context.item_ids if context.items[item].nunique() < 2]


@dataclass(kw_only=True)
class Gaps:
    """What a section could not give: failures, and what these data could not be asked.

    `few` is the cause that the size of the sample gives for this topic, None where it is large enough.
    """

    context: Context
    few: Cause | None = None
    problems: list[str] = field(default_factory=list)
    untested: list[Untested] = field(default_factory=list)

    def add(
        self,
        what: str,
        error: ToolkitError,
        items: Iterable[str] | None = None,
        *,
        parts: Sequence[pd.DataFrame] = (),
    ) -> Cause:
        """Sort an error: a failure is named with its words, what the data cannot answer with its cause.

        Parameters
        ----------
        what
            The part of the section.
        error
            What was raised.
        items
            Items the part rests on; all where it rests on no theme.
        parts
            Answers of groups or waves that are compared, where ordinal items must have every option in each.

        Returns
        -------
        Cause
            Why the part cannot be judged.
        """
        cause = explained(self.context, error, self.few, items)
        if cause in (None, Cause.NOT_FOUND) and lacks_option(parts):
            cause = Cause.EMPTY_OPTION
        if cause is None:
            self.problems.append(f"{what}: {error}")
            return Cause.NOT_ESTIMATED
        self.leave(what, cause)
        return cause

    def leave(self, what: str, cause: Cause) -> None:
        """Note what could not be tested."""
        found = Untested(what=what, cause=cause)
        if found not in self.untested:
            self.untested.append(found)


def explained(
    context: Context, error: ToolkitError, few: Cause | None, items: Iterable[str] | None = None
) -> Cause | None:
    """Find the cause in the data of what was raised; None for a failure.

    Parameters
    ----------
    context
        The validation.
    error
        What was raised.
    few
        Cause that the size of the sample gives.
    items
        Items concerned; all by default.

    Returns
    -------
    Cause or None
        None also for a definition that says something impossible: that is no matter of the data; nor are
        items that repeat others a matter of how many people answered.
    """
    if isinstance(error, DefinitionError):
        return None
    wanted = context.item_ids if items is None else list(items)
    if set(stuck_items(context)) & set(wanted):
        return Cause.NO_VARIATION
    if isinstance(error, UnderidentifiedError):
        return Cause.NOT_DETERMINED
    if few is Cause.FEW_PEOPLE and _repeating(context, wanted):
        return None
    return few or (Cause.NOT_FOUND if isinstance(error, ConvergenceError) else None)


def _repeating(context: Context, items: Sequence[str]) -> bool:
    """Say whether an item is another over again, or a sum of others, among many more people than items."""
    answers = context.items[items].astype("Float64").astype(float)
    if len(answers.dropna()) <= 2 * len(items):
        return False
    return bool(dependent_items(answers.corr().to_numpy(), items)) if len(items) > 1 else False


def by_reason(failures: Iterable[tuple[str, str]]) -> list[str]:
    """Give each reason of failures once, with everything it concerns.

    Parameters
    ----------
    failures
        What failed, and why.

    Returns
    -------
    list of str
        One text for each reason, in order of first appearance.

    Examples
    --------
    >>> by_reason([("Bed A", "no convergence."), ("Bed B", "no convergence.")])
    ['Bed A; Bed B: no convergence.']
    """
    parts: dict[str, list[str]] = {}
    for what, reason in failures:
        parts.setdefault(reason, []).append(what)
    return [f"{'; '.join(what)}: {reason}" for reason, what in parts.items()]


def lacks_option(parts: Sequence[pd.DataFrame]) -> bool:
    """Say whether an option of an item was chosen in one part and by nobody in another."""
    if len(parts) < 2:
        return False
    return any(
        len({frozenset(part[item].dropna().unique()) for part in parts}) > 1 for item in parts[0].columns
    )


def worst(causes: Sequence[Cause | None]) -> Cause | None:
    """Give the first cause there is."""
    return next((cause for cause in causes if cause is not None), None)
