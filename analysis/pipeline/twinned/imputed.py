"""Calls of R for what is pooled over imputed answers, from the answers that gaps were filled with."""

from __future__ import annotations

from typing import Any

from analysis.pipeline.context import Context
from analysis.pipeline.correlating import missing_items
from analysis.pipeline.section import Section
from analysis.pipeline.twinned.said import first_wave
from analysis.twins import METHOD, Reason, Twins


def twins_of_imputed(context: Context, section: Section) -> Twins:
    """Alpha, omega and models on each completed table, pooled by Rubin's rules in base R."""
    from analysis.pipeline.topics.models import estimator_for

    found = Twins()
    where = first_wave(context)
    frame = section.tables["consistency"].frame
    numbers = "n estimate ci_lower ci_upper missing_information"
    for row, (theme, what) in enumerate(zip(frame["theme"], frame["coefficient"], strict=True)):
        about: dict[str, Any] = {"items": context.themes[theme], "where": where}
        found.add("imputed_consistency", numbers, table="consistency", rows=[row], what=what, **about)
        if what == "alpha":
            main = {"main": "alpha", "n_main": "n"}
            about["missing"] = missing_items(context, "listwise")
            found.add("alpha", main, table="consistency", rows=[row], **about)
    if "models" in section.tables:
        estimator = str(estimator_for(context)["estimator"])
        parameters = section.tables["parameters"].frame
        for row, name in enumerate(section.tables["models"].frame["model"]):
            model = {"syntax": context.plan.models[name], "where": where, "estimator": estimator}
            named = "n pooled statistic df1 df2 pvalue"
            found.add("imputed_fit", named, table="models", rows=[row], exact=False, **model)
            rows = [at for at, other in enumerate(parameters["model"]) if other == name]
            found.add(
                "imputed_estimates",
                "est se df pvalue ci_lower ci_upper missing_information",
                table="parameters",
                rows=rows,
                exact=False,
                parameters=[str(parameters["parameter"].iloc[at]) for at in rows],
                **model,
            )
    found.add("imputed_changes", "absent largest_change most_lost", where=where, items=context.item_ids)
    found.add("n", {"n": "n"}, table=METHOD, where=where)
    found.leave(Reason.SEEDED, "*", "consistency")
    return found
