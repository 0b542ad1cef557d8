"""Calls of R for models of later use, and why other numbers on use have none."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from analysis.pipeline.context import Context
from analysis.pipeline.section import Section
from analysis.twins import METHOD, VALUES, Reason, Twins

if TYPE_CHECKING:
    from analysis.adherence.result import AdherenceResult

OF_MODELS = (
    "n events coefficient se pvalue ratio ci_lower ci_upper effect effect_lower effect_upper e_value "
    "e_value_limit"
)
OF_FITS = "n events columns per_column"
ALWAYS = (
    "n coefficient se pvalue ratio ci_lower ci_upper effect effect_lower effect_upper e_value e_value_limit"
)
SHIFTED = ("n", "imputed", "effect", "effect_lower", "effect_upper", "pvalue")
Terms = dict[tuple[str, str], list[str]]
"""By model and score: what is held constant."""

DRAWN_TABLES = ("unanswered", "courses", "natural_course")  # imputed, and simulated by the g-formula
DRAWN_VALUES = (
    "unanswered_low unanswered_high simulated_bias simulated_coverage simulated_latent_coverage "
    "course_shift course_higher course_higher_lower course_higher_upper course_floor course_floor_lower "
    "course_floor_upper"
)
DRAWN_LIMITS = "mc_lower mc_upper boot_lower boot_upper bca_lower bca_upper"


def twins_of_use(context: Context, section: Section) -> Twins:
    """Nothing: days, windows and rows at risk are counted in the log."""
    found = Twins()
    for table in (*section.tables, VALUES, METHOD):
        found.leave(Reason.LOG, "*", table)
    return found


def twins_of_later_use(context: Context, section: Section, found: AdherenceResult) -> Twins:
    """Models of people at the landmark, from the table as analysed; what is imputed or simulated has none.

    Parameters
    ----------
    context, section
        As of every section.
    found
        Its models, whose terms are those that R is given.
    """
    twins = twins_of_use(context, section)
    for table in DRAWN_TABLES:
        if table in section.tables:
            twins.leave(Reason.SEEDED, "*", table)
    twins.leave(Reason.SEEDED, DRAWN_VALUES)
    level, clustered = found.design["confidence"], found.design["cluster"] is not None
    called = _called()
    terms = _terms_of(found.coefficients, called)
    _add_further(twins, section, terms, level)
    for table, numbers in (("effects", OF_MODELS), ("models", OF_MODELS), ("fits", OF_FITS)):
        if table not in section.tables:
            continue
        frame = section.tables[table].frame.reset_index(drop=True)
        for row, key in enumerate(zip(frame["model"], frame["predictor"], strict=True)):
            if key in terms:
                arguments = {"predictor": key[1], "terms": terms[key], "level": level}
                twins.add("use", numbers, table=table, rows=[row], model=called[key[0]], **arguments)
        if table != "fits":
            _add_adjusted(twins, frame[frame["model"].isin([*called, *_further()])], table)
    _add_first(twins, section, found)
    _add_context(twins, section, found, terms, level, called)
    _add_checks(twins, section, terms, clustered=clustered)
    _add_curves(twins, section, found, level)
    _add_ends(twins, section, found, terms, level)
    return twins


def _called() -> dict[str, str]:
    """Models that the script of R fits, by its names for them."""
    from analysis.adherence.models import run

    return {
        run.REMAINING: "remaining",
        run.HAZARD: "hazard",
        run.DISCRETE: "weekly",
        run.COUNT: "counts",
        run.OF_DAYS: "days",
        run.REACHED: "reached",
        run.OUTCOME: "outcome",
    }


def _further() -> dict[str, str]:
    """Models that the script of R writes out itself, by its names for them."""
    from analysis.adherence.models import run

    return {run.BETA: "beta", run.WEIGHTED: "weighted", run.IMPUTED: "imputed", run.CHOSEN: "chosen"}


def _add_further(twins: Twins, section: Section, terms: Terms, level: float) -> None:
    """Beta-binomial, weighted and imputed use, the count model chosen by AIC, and shifted scores.

    They hold constant what the main model does, whose terms are those of its coefficients.
    """
    from analysis.adherence.models.run import REMAINING

    called = _further()
    wanted = {
        "effects": ALWAYS,
        "models": ALWAYS,
        "fits": "n columns per_column",
    }
    for table in (name for name in wanted if name in section.tables):
        frame = section.tables[table].frame.reset_index(drop=True)
        for row, (model, predictor) in enumerate(zip(frame["model"], frame["predictor"], strict=True)):
            if model in called and (REMAINING, predictor) in terms:
                held = {"predictor": predictor, "terms": terms[REMAINING, predictor], "level": level}
                twins.add("use_further", wanted[table], table=table, rows=[row], model=called[model], **held)
    if not terms or "unanswered" not in section.tables:
        return
    frame = section.tables["unanswered"].frame.reset_index(drop=True)
    columns = " ".join(name for name in frame if name in SHIFTED)
    for predictor, rows in frame.groupby("predictor", sort=False).groups.items():
        if (REMAINING, str(predictor)) in terms:
            place = [int(row) for row in rows]
            shifts = [float(frame["shift"].iloc[row]) for row in place]
            held = {"predictor": str(predictor), "terms": terms[REMAINING, str(predictor)], "level": level}
            twins.add("use_shifted", columns, table="unanswered", rows=place, shifts=shifts, **held)


def _terms_of(coefficients: pd.DataFrame, called: Mapping[str, str]) -> Terms:
    """What each model that R fits holds constant, as it was fitted."""
    coefficients = coefficients[coefficients["model"].isin(list(called))]
    rows = coefficients[coefficients["term"] != coefficients["predictor"]]
    rows = rows[~rows["term"].str.startswith("(")]
    fitted = coefficients[["model", "predictor"]].drop_duplicates()
    own = rows.groupby(["model", "predictor"])["term"].agg(list).to_dict()
    return {key: own.get(key, []) for key in fitted.itertuples(index=False, name=None)}


def _add_first(twins: Twins, section: Section, found: AdherenceResult) -> None:
    """What is said of the first score, taken from its row of the main model."""
    first = found.effects["predictor"].iloc[0]
    if "effects" not in section.tables:
        return
    rows = np.flatnonzero(section.tables["effects"].frame["predictor"] == first)
    for name in ("effect", "effect_lower", "effect_upper", "pvalue", "e_value") if len(rows) else ():
        at = [int(rows[0]) + 1]
        twins.add("derived", {name: "value"}, how="sum", of="effects", column=name, at=at)
    for table, name in ((METHOD, "n"), (VALUES, "analysed")) if len(rows) else ():
        twins.add("derived", {name: "value"}, table=table, how="max", of="effects", column="n")


def _add_adjusted(twins: Twins, frame: pd.DataFrame, table: str) -> None:
    """Add p values adjusted over the themes within a model; the total stands apart."""
    for rows in frame.groupby(["model", frame["predictor"] == "total"]).groups.values():
        place = [int(row) for row in rows]
        for column, how in (("p_adjusted", "holm"), ("p_adjusted_bh", "BH")):
            at = [row + 1 for row in place]
            twins.add("adjusted", {column: "value"}, table=table, rows=place, of=table, at=at, how=how)


def _add_context(
    twins: Twins,
    section: Section,
    found: AdherenceResult,
    terms: Terms,
    level: float,
    called: Mapping[str, str],
) -> None:
    """The score that is context, held constant and crossed with each other score."""
    if "context" not in section.tables or not len(found.context):
        return
    frame = section.tables["context"].frame.reset_index(drop=True)
    numbers = "n ratio ci_lower ci_upper pvalue effect effect_lower effect_upper"
    for key in frame[["model", "predictor"]].drop_duplicates().itertuples(index=False, name=None):
        if key not in terms:
            continue
        rows = np.flatnonzero((frame["model"] == key[0]) & (frame["predictor"] == key[1]))
        twins.add(
            "use_context",
            numbers,
            table="context",
            rows=[int(row) for row in rows],
            model=called[key[0]],
            predictor=key[1],
            context=found.design["context"],
            terms=terms[key],
            level=level,
        )


def _add_checks(twins: Twins, section: Section, terms: Terms, *, clustered: bool) -> None:
    """Constant hazard ratios, the area under the curve of the threshold model, and a bent line."""
    from analysis.adherence.models.run import HAZARD, REACHED, REMAINING

    if "checks" not in section.tables:
        return
    frame = section.tables["checks"].frame.reset_index(drop=True)
    kinds = {
        "Constant hazard ratio, this score": (HAZARD, "score"),
        "Constant hazard ratio, all terms": (HAZARD, "all"),
        "Area under the curve, threshold model": (REACHED, "area"),
        "Straight effect against a curve": (REMAINING, "curve"),
    }
    for row, (check, predictor) in enumerate(zip(frame["check"], frame["predictor"], strict=True)):
        model, what = kinds.get(check, ("", ""))
        if (model, predictor) in terms and not (clustered and what != "area"):
            arguments = {"predictor": predictor, "terms": terms[model, predictor], "what": what}
            numbers = "value" if what == "area" else "value pvalue"
            twins.add("use_checks", numbers, table="checks", rows=[row], **arguments)


def _add_curves(twins: Twins, section: Section, found: AdherenceResult, level: float) -> None:
    """Kaplan-Meier by thirds of the first score."""
    from analysis.adherence.collecting import THIRDS

    first = found.effects["predictor"].iloc[0]
    for table, numbers in (
        ("curves", "at_risk events surviving se ci_lower ci_upper"),
        ("at_risk", {"at_risk": "from"}),
    ):
        if table not in section.tables:
            continue
        frame = section.tables[table].frame.reset_index(drop=True)
        for third, rows in frame.groupby("third", sort=False).groups.items():
            place = [int(row) for row in rows]
            times = [float(frame["time"].iloc[row]) for row in place]
            arguments = {"predictor": first, "third": THIRDS.index(str(third)), "times": times}
            twins.add("use_curves", numbers, table=table, rows=place, level=level, **arguments)


def _add_ends(twins: Twins, section: Section, found: AdherenceResult, terms: Terms, level: float) -> None:
    """Ends that compete, each by its hazard and by its share, and the shares that met each."""
    from analysis.adherence.design.ends import SPECIFIC, End
    from analysis.adherence.models.run import REMAINING

    numbers = {end.words: int(end) for end in End}
    if "ends" in section.tables:
        frame = section.tables["ends"].frame.reset_index(drop=True)
        first = found.effects["predictor"].iloc[0]
        for row, one in enumerate(frame.to_dict("records")):
            if (REMAINING, one["predictor"]) not in terms:
                continue
            twins.add(
                "use_end",
                "n events coefficient se pvalue ratio ci_lower ci_upper",
                table="ends",
                rows=[row],
                predictor=one["predictor"],
                terms=terms[REMAINING, one["predictor"]],
                early=len(found.design["early"]),
                end=numbers[one["end"]],
                share=one["model"] != SPECIFIC,
                level=level,
            )
            name = {End.LEFT.words: "left", End.BETTER.words: "better"}.get(one["end"])
            if one["predictor"] == first and name is not None:
                key = f"{name}_{'hazard' if one['model'] == SPECIFIC else 'share'}"
                for end, column in (("", "ratio"), ("_lower", "ci_lower"), ("_upper", "ci_upper")):
                    named = {f"{key}{end}": "value"}
                    twins.add("derived", named, how="min", of="ends", column=column, at=[row + 1])
    if "incidence" in section.tables:
        frame = section.tables["incidence"].frame.reset_index(drop=True)
        for met, rows in frame.groupby("end", sort=False).groups.items() if len(frame) else ():
            twins.add(
                "use_incidence",
                "at_risk incidence se ci_lower ci_upper",
                table="incidence",
                rows=[int(row) for row in rows],
                end=numbers[str(met)],
                times=[float(frame["time"].iloc[row]) for row in rows],
                level=level,
            )


def twins_of_chain(context: Context, section: Section) -> Twins:
    """Nothing: routes to use in the log, with limits by simulation and resampling."""
    found = twins_of_use(context, section)
    for table in section.tables:
        found.leave(Reason.SEEDED, DRAWN_LIMITS, table)
    return found


def twins_without_items(context: Context, section: Section) -> Twins:
    """Nothing: relations of other sections, with scores of fewer items."""
    found = Twins()
    for table in (*section.tables, VALUES, METHOD):
        found.leave(Reason.ITEMS_LEFT, "*", table)
    found.leave(Reason.WORDS, "relations changed unfitted n_outcome n_use")
    return found
