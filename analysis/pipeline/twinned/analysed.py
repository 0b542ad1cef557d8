"""Tables as they were analysed, for a script that cannot read the files of the analyst."""

from __future__ import annotations

import numpy as np
import pandas as pd

from analysis.pipeline.context import Context


def analysed_tables(context: Context) -> dict[str, pd.DataFrame]:
    """Gather what is analysed after the plan is carried out.

    Parameters
    ----------
    context
        The validation.

    Returns
    -------
    dict
        `responses`, one row per administration, a missing answer by its reason where that is known, in the
        codes given where the plan merges some; and `covariates`, `outcomes` and `measure_ID`, where there are
        any.
    """
    items = ["participant", "wave", *context.item_ids]
    given = (context.responses if context.as_given is None else context.as_given)[items]
    answers = given.astype(object).where(given.notna(), None)
    reasons = context.reasons
    if reasons is not None and len(reasons):
        keys = ["participant", "wave"]
        rows = answers[keys].astype(str).assign(row=np.arange(len(answers)))
        known = reasons.assign(**{key: reasons[key].astype(str) for key in keys}).merge(rows, on=keys)
        known = known[known["item"].isin(items)]
        cells = answers.to_numpy()
        cells[known["row"].to_numpy(), answers.columns.get_indexer(pd.Index(known["item"]))] = known["reason"]
        answers = pd.DataFrame(cells, columns=items)
    sides = {"covariates": context.known_covariates, "outcomes": context.outcomes}
    others = {
        f"measure_{other.id}": table[["participant", "wave", *other.item_ids]]
        for table, other in context.measures
    }
    kept = {name: table for name, table in sides.items() if table is not None}
    return {"responses": answers, **kept, **others}
