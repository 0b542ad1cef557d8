"""Carry out what a plan says of people and answers, before any topic is asked."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import pandas as pd

from analysis.planning.definition import ALL_ITEMS, Plan, Split
from analysis.planning.halves import CONFIRMATION, HALVES, half_of
from analysis.planning.loading import Settled
from instrument.definition import Instrument
from instrument.errors import DefinitionError, ResponseDataError, fact_and_hint

if TYPE_CHECKING:
    from analysis.pipeline.context import Context

CALLER = "validate"


@dataclass(frozen=True, slots=True, kw_only=True)
class Excluded:
    """Administrations taken out because they look careless.

    Attributes
    ----------
    before
        Administrations before.
    taken_out
        Of these, taken out.
    everyone
        The validation with them, otherwise as the plan wants it: what the screening looks at.
    """

    before: int
    taken_out: int
    everyone: Context


def carry_out(context: Context, settled: Settled) -> Context:
    """Give the validation as the plan wants it: one part of the people, without the careless, collapsed.

    Parameters
    ----------
    context
        What was given, checked.
    settled
        The plan as it is carried out.

    Returns
    -------
    Context
        With the rows that are analysed; scores and screening still read the answers as they were given.

    Raises
    ------
    DefinitionError
        The plan splits the people and no part was named, or a part was named and it does not.
    ResponseDataError
        Nobody is left.
    """
    plan = settled.plan
    whole = context if plan.multiverse is not None else None
    context = replace(context, plan=plan, settled=settled, whole=whole, _kept={}, _ran={})
    context = _one_half(context, settled)
    if not plan.exclude_flagged:
        return _collapsed(context, plan)
    everyone = _collapsed(context, plan)
    context = _without_careless(context)
    out = len(everyone.responses) - len(context.responses)
    excluded = Excluded(before=len(everyone.responses), taken_out=out, everyone=everyone)
    return _collapsed(replace(context, excluded=excluded, _kept={}, _ran={}), plan)


def _one_half(context: Context, settled: Settled) -> Context:
    split = settled.plan.split
    if split is None and settled.half is None:
        return context
    if split is None:
        fact = f"half {settled.half!r} is wanted, and the plan does not split the people."
        raise DefinitionError(fact_and_hint(CALLER, fact, "add split: {seed: …} to the plan."))
    if settled.half not in HALVES:
        fact = "the plan splits the people into one half to explore and one to confirm."
        raise DefinitionError(fact_and_hint(CALLER, fact, f"say which half: {' or '.join(HALVES)}."))
    if settled.half == CONFIRMATION:
        _refuse_unlocked(settled, split)
    if context.usage is not None:
        fact = "a log of use is given, which cannot be split with the people."
        raise DefinitionError(
            fact_and_hint(CALLER, fact, "give answers, covariates, outcomes and measures only.")
        )

    def own(table: pd.DataFrame | None) -> pd.DataFrame | None:
        if table is None or "participant" not in table.columns:
            return table
        kept = table[half_of(table["participant"], split) == settled.half]
        kept.attrs = dict(table.attrs)
        return kept

    responses = own(context.responses)
    if responses is None or responses.empty:
        raise ResponseDataError(
            fact_and_hint(CALLER, f"nobody is in the half {settled.half!r}.", "check the ids.")
        )
    measures = tuple(
        (kept, other) for answers, other in context.measures if (kept := own(answers)) is not None
    )
    n, everyone = responses["participant"].nunique(), context.responses["participant"].nunique()
    note = f"half {settled.half}: {n} of {everyone} people, drawn by seed {split.seed}"
    return replace(
        context,
        responses=responses.reset_index(drop=True),
        measures=measures,
        covariates=own(context.covariates),
        outcomes=own(context.outcomes),
        times=own(context.times),
        enrolment=own(context.enrolment),
        reasons=own(context.reasons),
        notes=(*context.notes, note),
        _kept={},
        _ran={},
    )


def _refuse_unlocked(settled: Settled, split: Split) -> None:
    """Keep the second half closed until the plan is locked with this split."""
    if settled.seal is None:
        fact = "the half to confirm on stays closed until the plan is locked."
        raise DefinitionError(fact_and_hint(CALLER, fact, "explore first; then dta plan lock, then confirm."))
    sealed = settled.seal.last.entries["split"]
    if sealed != split.model_dump(mode="json"):
        fact = "the plan was locked with another split of the people."
        raise DefinitionError(fact_and_hint(CALLER, fact, "carry out the split that was locked."))


def _without_careless(context: Context) -> Context:
    """Take out the administrations that the screening flags; the people stay enrolled."""
    from analysis.screening.screen import screen

    found = screen(context.answers, context.scale, times=context.times)
    kept = found.without_flagged(context.responses)
    if kept.empty:
        fact = f"all {found.n_administrations} administrations look careless by the plan's rules."
        raise ResponseDataError(
            fact_and_hint(CALLER, fact, "leave exclude_flagged out, and look at the section.")
        )
    reasons = context.reasons
    if reasons is not None and len(reasons):
        keys = ["participant", "wave"]
        still = pd.MultiIndex.from_frame(kept[keys].astype(str))
        reasons = reasons[pd.MultiIndex.from_frame(reasons[keys].astype(str)).isin(still)]
    out = len(context.responses) - len(kept)
    before = len(context.responses)
    note = f"{out} of {before} administrations were taken out as careless; every n is counted after that"
    return replace(
        context,
        responses=kept.reset_index(drop=True),
        reasons=reasons,
        notes=(*context.notes, note),
        _kept={},
        _ran={},
    )


def merged_codes(plan: Plan, scale: Instrument) -> dict[str, dict[int, int]]:
    """Codes that become others, item by item; what is said of one item goes before what is said of all."""
    general = plan.collapse.get(ALL_ITEMS, {})
    found = {item: dict(plan.collapse.get(item, general)) for item in scale.item_ids}
    return {item: codes for item, codes in found.items() if codes}


def collapse_answers(responses: pd.DataFrame, merged: Mapping[str, Mapping[int, int]]) -> pd.DataFrame:
    """Give answers with categories merged.

    Parameters
    ----------
    responses
        As given, codes of the instrument.
    merged
        Item to the codes that become others.

    Returns
    -------
    pandas.DataFrame
        A copy; missing answers stay missing.

    Examples
    --------
    >>> collapse_answers(pd.DataFrame({"a": [1, 2, 5]}), {"a": {5: 4}})["a"].tolist()
    [1, 2, 4]
    """
    made = responses.copy()
    for item, codes in merged.items():
        if item in made.columns:
            made[item] = (
                made[item]
                .map(lambda code, codes=codes: codes.get(code, code), na_action="ignore")
                .astype(responses[item].dtype)
            )
    return made


def _collapsed(context: Context, plan: Plan) -> Context:
    if not plan.collapse:
        return context
    merged = merged_codes(plan, context.scale)
    items = "1 item" if len(merged) == 1 else f"{len(merged)} items"
    note = f"categories of {items} are merged as planned; scores keep the answers as given"
    return replace(
        context,
        responses=collapse_answers(context.responses, merged),
        as_given=context.responses,
        notes=(*context.notes, note),
        _kept={},
        _ran={},
    )
