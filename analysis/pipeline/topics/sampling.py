"""Sampling adequacy: whether these correlations may be factored at all."""

from __future__ import annotations

from typing import Any

import pandas as pd

from analysis.common.rules import BARTLETT, FEWEST_PEOPLE, KMO
from analysis.common.verdicts import Cause, Question
from analysis.disclosure.kinds import GIVEN, TEXT, each, people, statistic
from analysis.pipeline import populations
from analysis.pipeline.context import Context
from analysis.pipeline.correlating import SMOOTHING_KINDS, missing_items, smooth_for, told_of_smoothing
from analysis.pipeline.reach import Gaps, of_items, of_people, of_structure
from analysis.pipeline.section import Finding, Section, Table, Topic
from analysis.pipeline.twinned.structure import twins_of_sampling
from instrument.errors import ToolkitError

BARTLETT_SAID = (
    "Bartlett's test asks whether all correlations are zero: χ² = {bartlett_chisq:d1}, df = "
    "{bartlett_df:int}, p = {bartlett_pvalue:p}, on the {bartlett_n:int} people who answered every item."
)
FACTORABLE = Question(text="Are the items worth looking for dimensions?")


def section_sampling(context: Context) -> Section:
    """Kaiser–Meyer–Olkin and Bartlett on the first wave."""
    from analysis.factors.adequacy import bartlett_sphericity, kmo

    items = context.items[context.item_ids]
    rule = missing_items(context, "pairwise")
    adequacy = kmo(items, missing=rule, smooth=smooth_for(context))
    smoothed, of_smoothing = told_of_smoothing("Pearson", adequacy.smoothing)
    gaps = Gaps(context=context, few=Cause.FEW_PEOPLE)
    of_test: dict[str, Any] = {}
    cause: Cause | None = None
    try:
        sphericity = bartlett_sphericity(items, missing="listwise")
        of_test = {f"bartlett_{name}": getattr(sphericity, name) for name in ("chisq", "df", "pvalue")}
        of_test["bartlett_n"] = sphericity.n_obs
        cause = of_people(sphericity.n_obs)
    except ToolkitError as error:  # KMO by pairs stays as it is where complete rows are few
        cause = gaps.add("Bartlett's test, of people who answered every item", error)
    lowest = str(adequacy.per_item.idxmin())
    values = {
        "kmo": adequacy.overall,
        "kmo_lowest": float(adequacy.per_item.min()),
        "kmo_lowest_item": lowest,
        **of_test,
    }
    table = pd.DataFrame({"item": adequacy.per_item.index, "kmo": adequacy.per_item.to_numpy()})
    return Section(
        estimator="KMO and Bartlett's test on Pearson correlations",
        n=adequacy.n_obs,
        n_kind=people(weight=9),
        missing="complete rows"
        if rule == "listwise"
        else "pairwise for KMO, complete rows for Bartlett's test",
        options={"wave": context.first_wave, "smooth": context.smooth},
        option_kinds={"wave": TEXT, "smooth": GIVEN},
        prose=[
            *smoothed,
            "The items share enough to be factored when partial correlations are small: KMO is {kmo:r2} in "
            "all, and lowest for {kmo_lowest_item} ({kmo_lowest:r2}).",
            *([BARTLETT_SAID] if of_test else []),
        ],
        values=values | of_smoothing,
        value_kinds={
            **SMOOTHING_KINDS,
            **each(statistic(), "kmo kmo_lowest"),
            **each(statistic("bartlett_n"), "bartlett_chisq bartlett_pvalue"),
            "kmo_lowest_item": TEXT,
            "bartlett_df": GIVEN,
            "bartlett_n": people(
                weight=1, names=[populations.label(populations.whole(context.wave_name(context.first_wave)))]
            ),
        },
        tables={
            "kmo": Table(
                frame=table.assign(text=[context.scale.item(item).text for item in table["item"]]),
                kinds=each(TEXT, "item text") | {"kmo": statistic()},
                title="Sampling adequacy of each item",
                columns={"item": ("Item", "text"), "text": ("Wording", "text"), "kmo": ("KMO", "r3")},
            )
        },
        findings=[
            Finding(
                claim="The items are worth factoring (KMO)",
                value=adequacy.overall,
                rule=KMO,
                question=FACTORABLE,
                untested=of_items(adequacy.n_obs, len(context.item_ids)),
                path="sections.sampling.values.kmo",
            ),
            Finding(
                claim="The items are not all uncorrelated (p of Bartlett's test)",
                value=of_test.get("bartlett_pvalue"),
                rule=BARTLETT,
                question=FACTORABLE,
                untested=cause,
                path="sections.sampling.values.bartlett_pvalue",
            ),
        ],
        problems=gaps.problems,
        untested=gaps.untested,
    )


TOPIC = Topic(
    name="sampling",
    title="Sampling adequacy",
    subject="structure",
    question="Do the items share enough to look for dimensions?",
    run=section_sampling,
    twins=twins_of_sampling,
    people=int(FEWEST_PEOPLE.cutoff),
    enough=of_structure,
    lacks=lambda context: "" if len(context.item_ids) > 2 else "Needs three items or more.",
    reflective=True,
)
