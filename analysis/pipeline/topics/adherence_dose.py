"""Use and the outcome after it: a curve where people are, and whether there is an amount that is enough."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from analysis.disclosure.kinds import GIVEN, TEXT, each, people, statistic
from analysis.pipeline.context import Context
from analysis.pipeline.reach import by_reason
from analysis.pipeline.section import Table
from analysis.pipeline.topics.adherence_measured import Part
from analysis.pipeline.topics.use import usage_of
from analysis.usage.words import MEASURE_WORDS
from instrument.errors import ToolkitError

if TYPE_CHECKING:
    from analysis.adherence.dose.dose_response import DoseResult

FEWEST_BEYOND = 5  # the ends of a curve would tell how much one person used
NO_OUTCOME = "Use was not related to an outcome: the study names none, or none is in the data."
WHO = (
    "Of {dose_people:int} people watched to the end with {dose_outcome}, the amount of use over the whole "
    "study ({dose_unit}) was related to it"
)
HELD = {
    True: ", with the declared baseline and covariates held constant",
    False: ", with nothing held constant (the study declares no baseline or covariate that is in the data)",
}
ASSOCIATED = (
    ": an association (p = {dose_p:p}). Those who "
    "used more differ in other ways, and getting better may end use or prolong it."
)
NOT_FOUND = ": no association was found (p = {dose_p:p}), which does not show that there is none."
SUPPORT = (
    "The curve holds between {dose_from:d1} and {dose_to:d1} {dose_unit}; beyond, fewer than one person in "
    "twenty is near, and it rests on its form."
)
STEP = (
    "A step at {dose_at:d1} {dose_unit} ({dose_at_lower:d1} to {dose_at_upper:d1}) fits better than a line "
    "or a curve: above it the outcome differs by {dose_corrected:d2} ({dose_corrected_lower:d2} to "
    "{dose_corrected_upper:d2}) once what searching adds ({dose_optimism:d2}) is taken out."
)
NO_STEP = "As to an amount of use that is enough: {dose_reason}."


def dose_of(context: Context) -> Part:
    """Relate the amount of use to the study's outcome, or say why that was not asked.

    Parameters
    ----------
    context
        The data.

    Returns
    -------
    Part
        Sentences, curve, ranges, threshold.
    """
    from analysis.adherence.dose.dose_response import dose_response

    study, outcomes = context.study, context.outcomes
    if study is None or outcomes is None or study.outcome is None or study.outcome not in outcomes:
        return Part(sentences=[NO_OUTCOME])
    found = usage_of(context)
    dose = f"{found.rule['measure']}_whole"
    use = found.people[found.people["end_day"].astype(float) >= study.study_days]
    frame = use[["participant", dose]].assign(participant=use["participant"].astype(str))
    held = []
    for table, names in (
        (outcomes, [study.outcome, *study.baseline]),
        (context.known_covariates, study.covariates),
    ):
        if table is None:
            continue
        mine = [name for name in names if name in table and name not in frame]
        side = table[["participant", *mine]].assign(participant=table["participant"].astype(str))
        frame = frame.merge(side, on="participant", how="left")
        held += [name for name in mine if name != study.outcome]
    try:
        made = context.once(
            "dose",
            lambda: dose_response(
                frame,
                dose=dose,
                outcome=str(study.outcome),
                adjust_for=held,
                numbers=[*study.baseline, *study.numbers],
                seed=context.seed,
            ),
        )
    except ToolkitError as error:
        reason = str(error).split("\n")[0].split(": ", 1)[-1]
        return Part(problems=by_reason([(f"{study.outcome} by amount of use", reason)]))
    unit = MEASURE_WORDS.get(str(found.rule["measure"]), str(found.rule["measure"]).replace("_", " "))
    said, values = _told(made, unit)
    numbers = "at at_lower at_upper corrected corrected_lower corrected_upper optimism p from to"
    kinds = {
        "dose_people": people(weight=4),
        **each(TEXT, "dose_outcome dose_unit dose_reason"),
        **each(statistic(), *(f"dose_{name}" for name in numbers.split())),
    }
    return Part(
        sentences=said,
        values=values,
        kinds={key: kinds[key] for key in values},
        tables=_tables(made, unit),
    )


def _told(made: DoseResult, unit: str) -> tuple[list[str], dict[str, Any]]:
    """Sentences on association, where it holds, and a threshold; and their values."""
    from analysis.adherence.dose.dose_response import DoseClaim

    row = made.threshold.iloc[0]
    p = float(made.tests["pvalue"].iloc[0])
    values: dict[str, Any] = {
        "dose_people": int(made.design["n"]),
        "dose_outcome": str(made.design["outcome"]).replace("_", " "),
        "dose_unit": unit,
        "dose_p": p,
    }
    said = [
        WHO
        + HELD[bool(made.design["adjusted_for"])]
        + (ASSOCIATED if p < 1 - made.design["confidence"] else NOT_FOUND)
    ]
    held = made.ranges[made.ranges["supported"]]
    if len(held) == 1:
        values |= {"dose_from": float(held["from_dose"].iloc[0]), "dose_to": float(held["to_dose"].iloc[0])}
        said.append(SUPPORT)
    if row["claim"] == str(DoseClaim.FOUND):
        values |= {
            "dose_at": float(row["at"]),
            "dose_at_lower": float(row["at_lower"]),
            "dose_at_upper": float(row["at_upper"]),
            "dose_corrected": float(row["corrected"]),
            "dose_corrected_lower": float(row["ci_lower"]),
            "dose_corrected_upper": float(row["ci_upper"]),
            "dose_optimism": float(row["optimism"]),
        }
        return [*said, STEP], values
    return [*said, NO_STEP], {**values, "dose_reason": str(row["claim"])}


def _tables(made: DoseResult, unit: str) -> dict[str, Table]:
    beyond = made.curve["share_beyond"] * made.design["n"]
    shown = made.curve[beyond.round() >= FEWEST_BEYOND].reset_index(drop=True)
    shown["supported"] = shown["supported"].map({True: "yes", False: "no"})
    limits = {"ci_lower": ("95% from", "d2"), "ci_upper": ("to", "d2")}
    curve = Table(
        frame=shown.drop(columns=["people_near", "share_near", "share_beyond"]),
        kinds={
            "supported": TEXT,
            **each(statistic(), "dose estimate se ci_lower ci_upper band_lower band_upper"),
        },
        title=f"Outcome by amount of use ({unit})" + (", adjusted" if made.design["adjusted_for"] else ""),
        columns={
            "dose": ("Use", "d1"),
            "estimate": ("Mean outcome", "d2"),
            **limits,
            "band_lower": ("All doses from", "d2"),
            "band_upper": ("to", "d2"),
            "supported": ("People there", "text"),
        },
        note="Restricted cubic spline; the second limits hold at all doses at once. People there: one in "
        "twenty or more within a tenth of the range to each side, and beyond on either side. Doses that "
        "fewer than five people lie beyond are left out.",
    )
    tests = Table(
        frame=made.tests,
        kinds={"term": TEXT, **each(GIVEN, "df1"), **each(statistic(), "f df2 pvalue")},
        title="Whether the outcome goes with use, and whether in a curve",
        columns={"term": ("Question", "text"), "f": ("F", "d2"), "df1": ("df", "int"), "pvalue": ("p", "p")},
    )
    threshold = Table(
        frame=made.threshold.drop(columns=["people_below", "people_above"]),
        kinds={
            "claim": TEXT,
            **each(statistic(), "at at_lower at_upper apparent optimism corrected ci_lower ci_upper pvalue"),
            **each(statistic(), "aic_step aic_line aic_curve"),
        },
        title="The step in the outcome that fits best, searched for over all amounts of use",
        columns={
            "at": ("At", "d1"),
            "at_lower": ("95% from", "d1"),
            "at_upper": ("to", "d1"),
            "apparent": ("As found", "d2"),
            "optimism": ("By searching", "d2"),
            "corrected": ("Corrected", "d2"),
            **limits,
            "pvalue": ("p", "p"),
            "claim": ("Claim", "text"),
        },
        note="By searching: how much too large the difference is on average in bootstrap samples.",
    )
    return {"dose_curve": curve, "dose_tests": tests, "dose_threshold": threshold}
