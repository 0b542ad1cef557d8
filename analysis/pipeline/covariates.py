"""What becomes of each covariate: compared as groups, used as an amount, or left out, with the reason."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

import numpy as np
import numpy.typing as npt
import pandas as pd

from analysis.common.rules import FEWEST_PEOPLE
from analysis.pipeline.context import CONTRACT, Context
from analysis.pipeline.correlating import MOST_CATEGORIES
from analysis.planning.definition import SMALLEST_GROUP, Grouping, Plan, same_label
from instrument.errors import fact_and_hint, warn_user
from instrument.reading.people import labels_as_text
from instrument.reading.side_variables import hollow_cells, twin_categories
from instrument.reading.suspicions import CUSTOMARY

MOST_GROUPS = 4
FEWEST_SENTINELS = 2
LEAST_CODE = 90  # 7, 8 and 9 mark missing answers to items; of children or visits they are amounts


class Use(StrEnum):
    """What a covariate is used as."""

    GROUPS = "groups"
    CONTINUOUS = "continuous"
    LEFT_OUT = "left out"


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Covariate:
    """One covariate of those who answered at the first wave.

    Attributes
    ----------
    name
        Column.
    use
        What it is used as.
    values
        Of those who answered, indexed as their items; numbers where it is continuous.
    compared
        Labels of the groups compared, in order of first appearance.
    reason
        Why it, or some of its levels, is left out; empty where nothing is.
    unplanned
        Of that, what the plan did not ask for.
    """

    name: str
    use: Use
    values: pd.Series
    compared: tuple[object, ...] = ()
    reason: str = ""
    unplanned: str = ""

    @property
    def groups(self) -> pd.Series:
        """Label of each person in a group compared, missing for the others."""
        return self.values.where(self.values.isin(list(self.compared)))


def covariates_of(context: Context) -> list[Covariate]:
    """Say of each covariate what it is used as, once per validation."""
    return context.once("covariates", lambda: _every(context))


def _every(context: Context) -> list[Covariate]:
    table = context.known_covariates
    if table is None:
        return []
    people = table.set_index(labels_as_text(table["participant"])).drop(columns="participant")
    found = []
    for name in people.columns:
        values = people[name].reindex(context.items.index.astype(str))
        values.index = context.items.index
        found.append(_as_planned(str(name), values, context.plan))
    return found


def _as_planned(name: str, values: pd.Series, plan: Plan) -> Covariate:
    """Decide what a covariate is used as, by the plan where it names the groups wanted."""
    if plan.groups is None:
        return sorted_out(name, values, smallest=plan.smallest_group)
    if name not in plan.groups:
        found = sorted_out(name, values, smallest=plan.smallest_group)
        if found.use is not Use.GROUPS:
            return found
        why = "the plan compares other groups"
        return Covariate(name=name, use=Use.LEFT_OUT, values=values, reason=why)
    wanted = plan.groups[name]
    smallest = plan.smallest_group if wanted.smallest is None else wanted.smallest
    return planned_groups(name, values, wanted, smallest)


def planned_groups(name: str, values: pd.Series, wanted: Grouping, smallest: int) -> Covariate:
    """Form the groups that a plan names: the reference first, without the levels left out.

    Parameters
    ----------
    name
        Column.
    values
        Of those who answered, missing where not known.
    wanted
        Reference and levels left out.
    smallest
        People that a level needs.

    Returns
    -------
    Covariate
        Groups, or left out with the reason where fewer than two levels are large enough.
    """
    gone = set(map(same_label, wanted.leave_out))
    sizes = values.dropna().value_counts(sort=False)
    known = {same_label(label) for label in sizes.index}
    kept = [label for label in sizes.index if same_label(label) not in gone]
    large = [label for label in kept if sizes[label] >= smallest]
    reference = None if wanted.reference is None else same_label(wanted.reference)
    if reference is not None:
        large.sort(key=lambda label: same_label(label) != reference)
    planned = [f"left out by the plan: {', '.join(sorted(gone & known))}"] if gone & known else []
    unplanned = []
    if absent := sorted((gone | ({reference} if reference else set())) - known):
        unplanned.append(f"nobody is in the planned levels {', '.join(absent)}")
    if small := [same_label(label) for label in kept if label not in large]:
        unplanned.append(f"levels of fewer than {smallest} people are left out: {', '.join(small)}")
    if are_too_few := len(large) < 2:
        unplanned.append(f"fewer than two levels have {smallest} people or more")
    return Covariate(
        name=name,
        use=Use.LEFT_OUT if are_too_few else Use.GROUPS,
        values=values,
        compared=() if are_too_few else tuple(large),
        reason="; ".join([*planned, *unplanned]),
        unplanned="; ".join(unplanned),
    )


def sorted_out(name: str, values: pd.Series, *, smallest: int = SMALLEST_GROUP) -> Covariate:
    """Decide what a covariate is used as.

    Parameters
    ----------
    name
        Column.
    values
        Of those who answered, missing where not known.
    smallest
        People that a level needs to be compared.

    Returns
    -------
    Covariate
        Groups: two to four levels of 120 people or more (`smallest`), of words or of at most seven different
        numbers. Continuous: numbers of more than seven different values, known of 30 people or more.
        Anything else is left out with its reason.
    """
    known = values.dropna()
    distinct = known.nunique()
    if not len(known):
        return Covariate(name=name, use=Use.LEFT_OUT, values=values, reason="nobody who answered has a value")
    if distinct == 1:
        return Covariate(name=name, use=Use.LEFT_OUT, values=values, reason="one value for everyone")
    if pd.api.types.is_datetime64_any_dtype(known):
        why = "a date is neither a group nor an amount"
        return Covariate(name=name, use=Use.LEFT_OUT, values=values, reason=why)
    if distinct > MOST_CATEGORIES and pd.to_numeric(known, errors="coerce").notna().all():
        amounts = pd.to_numeric(values, errors="coerce").astype(float)
        if FEWEST_PEOPLE.holds(len(known)):
            return Covariate(name=name, use=Use.CONTINUOUS, values=amounts)
        why = f"fewer than {FEWEST_PEOPLE.cutoff:g} people have a value"
        return Covariate(name=name, use=Use.LEFT_OUT, values=amounts, reason=why)
    sizes = known.value_counts(sort=False)
    large = sizes[sizes >= smallest]
    if len(large) < 2:
        why = f"fewer than two levels have {smallest} people or more"
        return Covariate(name=name, use=Use.LEFT_OUT, values=values, reason=why)
    if len(large) > MOST_GROUPS:
        why = f"{len(large)} levels have {smallest} people or more; at most {MOST_GROUPS} are compared"
        return Covariate(name=name, use=Use.LEFT_OUT, values=values, reason=why)
    rest = len(sizes) > len(large)
    why = f"levels of fewer than {smallest} people are left out" if rest else ""
    return Covariate(name=name, use=Use.GROUPS, values=values, compared=tuple(large.index), reason=why)


def sentinels(values: npt.NDArray[np.float64]) -> dict[float, int]:
    """Numbers that look like marks of a missing value in a covariate.

    Parameters
    ----------
    values
        Numbers, NaN for missing.

    Returns
    -------
    dict of float to int
        Code to its count: one by which files mark missing values (−9, 99, 999, …) that occurs twice or
        more and lies beyond all others by at least their whole range, or below zero where nothing else does.

    Examples
    --------
    >>> sentinels(np.array([18.0, 44, 71, 999, 30, 999, 25]))
    {999.0: 2}
    """
    known = values[np.isfinite(values)]
    codes, counts = np.unique(known, return_counts=True)
    ordinary = codes[~np.isin(codes, list(CUSTOMARY))]
    if not len(ordinary):
        return {}
    low, high = ordinary.min(), ordinary.max()
    found = {}
    for code, count in zip(codes, counts, strict=True):
        away = max(low - code, code - high)
        far = away >= max(high - low, 1.0) or (code < 0 <= low)
        usual = code in CUSTOMARY and (code < 0 or code >= LEAST_CODE)
        if usual and count >= FEWEST_SENTINELS and far:
            found[float(code)] = int(count)
    return found


def suspected_covariates(context: Context) -> tuple[str, ...]:
    """Warn of numbers in covariates and outcomes that look like marks of missing values, and give the notes.

    Parameters
    ----------
    context
        The validation.

    Returns
    -------
    tuple of str
        A suspicion for each covariate or outcome and code; nothing was changed.
    """
    notes = []
    for what, table in (("covariate", context.known_covariates), ("outcome", context.outcomes)):
        if table is None:
            continue
        for name in table.columns.difference(["participant", "wave"], sort=False):
            column = table[name]
            if not pd.api.types.is_numeric_dtype(column):
                notes += _suspected_categories(table, str(name), what)
            if not pd.api.types.is_numeric_dtype(column) or pd.api.types.is_bool_dtype(column):
                continue
            numbers = column.to_numpy(dtype=float, na_value=np.nan)
            for code in sentinels(numbers):
                people = table.loc[numbers == code, "participant"].nunique()
                fact = f"{people} people have {code:g} in {what} {str(name)!r}, far from the other values"
                hint = "recode marks of missing values to NA; nothing was changed."
                warn_user(fact_and_hint("validate", f"{fact}.", hint))
                notes.append(f"suspicion: {fact}")
    return tuple(notes)


def _suspected_categories(table: pd.DataFrame, name: str, what: str) -> list[str]:
    """Warn of categories that are one but for capitals and blanks, and of cells that say nothing."""
    texts = table[name].dropna().astype(str)
    found = {
        "with a category that others write with other capitals or blanks": twin_categories(texts),
        "with a mark that says nothing": hollow_cells(texts),
    }
    notes = []
    for words, chosen in found.items():
        if not chosen.any():
            continue
        people = table.loc[texts.index[chosen], "participant"].nunique()
        fact = f"{people} {'person' if people == 1 else 'people'} in {what} {name!r} {words}"
        warn_user(fact_and_hint("validate", f"{fact}.", "write each in one way; nothing was changed."))
        notes.append(f"suspicion: {fact}")
    return notes


def moving_covariates(context: Context) -> tuple[str, ...]:
    """Say of which covariates that stand among the answers people have several values: the first counts.

    Parameters
    ----------
    context
        The validation.

    Returns
    -------
    tuple of str
        A note for each such covariate.
    """
    answers = context.responses
    notes = []
    for name in answers.columns.difference([*CONTRACT, *context.scale.item_ids], sort=False):
        several = int(answers.groupby("participant", sort=False)[name].nunique().gt(1).sum())
        if several:
            fact = f"{several} of {answers['participant'].nunique()} people have several values"
            notes.append(f"covariate {str(name)!r}: {fact}, and count with their first")
    return tuple(notes)
