"""Whether the scale measures the same in the groups of the covariates: invariance of each theme."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from analysis.common.rules import (
    INVARIANCE_CFI,
    INVARIANCE_CFI_ORDINAL,
    INVARIANCE_RMSEA,
    INVARIANCE_RMSEA_ORDINAL,
    Rule,
)
from analysis.common.verdicts import Cause, Property, Question, Verdict
from analysis.disclosure.kinds import GIVEN, TEXT, each, people, statistic
from analysis.disclosure.ledger import Account
from analysis.pipeline import populations
from analysis.pipeline.context import Context, listed
from analysis.pipeline.covariates import MOST_GROUPS, Use, covariates_of
from analysis.pipeline.reach import Gaps, of_fit, of_items, worst
from analysis.pipeline.section import Finding, Section, Table, Topic
from analysis.pipeline.topics.models import estimator_for
from analysis.pipeline.twinned.relations import twins_of_groups
from analysis.planning.definition import ORDINAL, PLAIN, Parameter, parameter_of, same_label
from instrument.errors import ToolkitError, ToolkitWarning

if TYPE_CHECKING:
    from analysis.structural.families.invariance import InvarianceResult
    from analysis.structural.inference.result import StructuralResult

IN_GROUPS = Question(text="Does each theme measure the same in every group?", bears_on=Property.INVARIANCE)
OVER_TIME = Question(text="Does each theme measure the same over time?")
_PATH = "sections.groups.tables.levels"
_MEASURED = ("chisq", "cfi", "rmsea", "pvalue")
LEVEL = 0.05  # a loss of fit that is not significant is not told from chance, however large


def level_columns(estimator: str) -> dict[str, tuple[str, str]]:
    """Columns of a table of levels: scaled test and indices, or the plain ones of maximum likelihood."""
    ending = "" if estimator == PLAIN else "_scaled"
    return {
        "title": ("Theme", "text"),
        "level": ("Level", "text"),
        "n": ("n", "int"),
        "df": ("df", "int"),
        f"chisq{ending}": ("χ²" if estimator == PLAIN else "χ² scaled", "d1"),
        f"cfi{ending}": ("CFI", "r3"),
        f"rmsea{ending}": ("RMSEA", "r3"),
        "cfi_diff": ("ΔCFI", "r3"),
        "rmsea_diff": ("ΔRMSEA", "r3"),
        "pvalue_diff": ("p of Δχ²", "p"),
    }


def which_indices(estimator: str) -> str:
    """Say which variant of the indices a table of levels holds."""
    if estimator == PLAIN:
        return "CFI and RMSEA take answers for normally distributed"
    return "CFI and RMSEA are the scaled variants"


def groupings(context: Context) -> dict[str, pd.Series]:
    """Covariates with two to four groups of 120 people or more among those who answered."""
    found = [one for one in covariates_of(context) if one.use is Use.GROUPS]
    return {one.name: one.groups.rename(one.name) for one in found}


def section_groups(context: Context) -> Section:
    """Levels of invariance of each theme for each grouping."""
    rows: list[dict[str, Any]] = []
    findings: list[Finding] = []
    gaps = Gaps(context=context)
    how = estimator_for(context)
    partial = {"free": ("Left free", "text")} if context.plan.partial else {}
    columns = {"grouping": ("Groups", "text"), **level_columns(how["estimator"]), **partial}
    for name, labels in groupings(context).items():
        for theme, items in context.themes.items():
            who = f"{context.title_of(theme)}, by {name}"
            free = [one.in_words for one in left_free(context, items)]
            if len(items) < 2:
                gaps.leave(f"{context.title_of(theme)}, of one item", Cause.NOTHING_LEFT)
                continue
            try:
                result = _fitted(context, labels, theme, items, how)
            except ToolkitError as error:
                parts = [context.items.loc[labels == label, items] for label in labels.dropna().unique()]
                cause = gaps.add(who, error, items, parts=parts if how["ordered"] else [])
                findings += judged_levels(
                    who, None, len(rows), _PATH, cause, ordinal=how["ordered"], free=free
                )
                continue
            found = judged_levels(who, result, len(rows), _PATH, _size(labels, items), free=free)
            if improper := next((f.cause for f in found if f.cause is not None), None):
                gaps.leave(who, improper)
            findings += found
            head = {"grouping": name, "theme": theme, "title": context.title_of(theme), "n": result.n_obs}
            head |= {"free": ", ".join(free)} if partial else {}
            rows += [{**head, **row} for row in level_rows(result)]
    account = _account(context, rows)
    table = pd.DataFrame(rows, columns=["theme", *columns, "cfi_holds", "rmsea_holds", "faults"])
    unequal = list(
        dict.fromkeys(f.claim.rpartition(": ")[0] for f in findings if f.verdict is Verdict.NOT_MET)
    )
    return Section(
        estimator=_by(how["estimator"]),
        n=int(table["n"].max()) if len(table) else None,
        n_kind=people(names=_largest(table)),
        missing=context.plan.missing or ("pairwise" if how["ordered"] else "fiml"),
        options={"wave": context.first_wave, "smallest_group": context.plan.smallest_group},
        option_kinds=each(GIVEN, "wave smallest_group"),
        prose=_prose(table, unequal, ordinal=bool(how["ordered"]), partial=bool(partial)),
        values={
            **{"tests": len(table), "failures": len(gaps.problems), "unequal": listed(unequal)},
            **(
                {"free": listed([one.in_words for one in left_free(context, context.item_ids)])}
                if partial
                else {}
            ),
        },
        value_kinds=each(GIVEN, "tests failures") | each(TEXT, "unequal", *partial),
        tables={
            "levels": Table(
                frame=table,
                kinds={
                    **each(TEXT, "theme grouping title level faults", *partial),
                    "n": people(
                        names=populations.labels(
                            populations.grouped(*pair)
                            for pair in zip(table["grouping"], table["theme"], strict=True)
                        ),
                    ),
                    "df": GIVEN,
                    **each(statistic("n"), *(name for name in columns if name.startswith(_MEASURED))),
                    **each(statistic("n"), "cfi_holds rmsea_holds"),
                },
                title="Fit of each level, and its change against the level above",
                columns=columns,
                note=f"{which_indices(how['estimator'])}; the rules were made for many groups and few items, "
                "so read the size of the change, too."
                if how["estimator"] == PLAIN
                else "CFI and RMSEA are the scaled variants; the rules were made for them with many groups "
                "and few items, so read the size of the change, too.",
            )
        },
        account=account,
        findings=findings,
        problems=gaps.problems,
        untested=gaps.untested,
    )


def _largest(table: pd.DataFrame) -> list[str]:
    if not len(table):
        return []
    row = table.iloc[int(table["n"].to_numpy().argmax())]
    return [populations.label(populations.grouped(row["grouping"], row["theme"]))]


def _account(context: Context, rows: list[dict[str, Any]]) -> Account:
    """Say that those compared are a part of who answered: the others may be the few of a small group."""
    account = Account()
    answered = populations.answered(context.wave_name(context.first_wave))
    account.population(answered, len(context.items))
    for name, theme, n in dict.fromkeys((row["grouping"], row["theme"], row["n"]) for row in rows):
        account.part(answered, account.population(populations.grouped(name, theme), n))
    return account


def _by(estimator: str) -> str:
    if estimator not in ORDINAL:
        return f"{estimator}, items as continuous"
    return f"{estimator}, theta parameterisation, identified as Wu and Estabrook (2016)"


def _size(labels: pd.Series, items: list[str]) -> Cause | None:
    """Say whether the smallest group bears a verdict on so many items."""
    smallest = int(labels.dropna().value_counts().min())
    return Cause.FEW_IN_GROUP if of_items(smallest, len(items)) else None


def _fitted(
    context: Context, labels: pd.Series, theme: str, items: list[str], how: dict[str, Any]
) -> InvarianceResult:
    """Fit every level; what is wrong with a solution is read from its faults."""
    from analysis.structural.families.invariance import invariance

    rows = context.items[items].assign(**{"group_": labels}).dropna(subset=["group_"])
    rows = reference_first(rows, rows["group_"], reference_of(context, labels))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ToolkitWarning)
        return invariance(
            f"{theme} =~ {' + '.join(items)}",
            rows,
            group="group_",
            partial=[one.written for one in left_free(context, items)],
            missing=context.plan.missing,
            **how,
        )


def left_free(context: Context, items: Sequence[str]) -> list[Parameter]:
    """Parameters of these items that the plan leaves free between groups."""
    read = [found for text in context.plan.partial if (found := parameter_of(text)) is not None]
    return [found for found in read if found.item in items]


def reference_of(context: Context, labels: pd.Series) -> str | None:
    """Reference of the plan for the covariate with these labels."""
    wanted = (context.plan.groups or {}).get(str(labels.name))
    return None if wanted is None or wanted.reference is None else same_label(wanted.reference)


def reference_first(rows: pd.DataFrame, labels: pd.Series, reference: str | None) -> pd.DataFrame:
    """Put the people of the reference first, where functions take the first group they meet as such."""
    if reference is None:
        return rows
    return rows.iloc[(labels.map(same_label) != reference).to_numpy().argsort(kind="stable")]


def level_rows(result: InvarianceResult) -> list[dict[str, Any]]:
    """Give the rows of a result for a table, each with the faults of its solution."""
    table = result.table.assign(
        faults=[", ".join(result.fits[name].faults) for name in result.table["level"]]
    )
    return [{str(key): value for key, value in row.items()} for row in table.to_dict("records")]


def judged_levels(
    who: str,
    result: InvarianceResult | None,
    start: int,
    path: str,
    cause: Cause | None,
    over: str = "",
    *,
    ordinal: bool = True,
    free: Sequence[str] = (),
) -> list[Finding]:
    """Judge the largest loss of fit on the way to equal intercepts, by CFI and by RMSEA.

    Parameters
    ----------
    who
        Theme and groups.
    result
        The levels; None where they could not be fitted.
    start
        Row of the first level in the table at `path`.
    path
        Of the table, in the tree.
    cause
        Why nothing may be judged, where something speaks against it from outside.
    over
        Empty for groups, else the name of what is compared.
    ordinal
        Whether items were to be fitted as ordinal, where there is no result that says so.
    free
        Parameters that were not held equal at any level; the claim names them.

    Returns
    -------
    list of Finding
        Untested where one of the solutions compared is improper or the sample too small for it, and where
        only losses pass the cut-off that are not significant.
    """
    question = OVER_TIME if over else IN_GROUPS
    ordinal = ordinal if result is None else INVARIANCE_CFI_ORDINAL in result.rules
    rules = (
        (INVARIANCE_CFI_ORDINAL, INVARIANCE_RMSEA_ORDINAL) if ordinal else (INVARIANCE_CFI, INVARIANCE_RMSEA)
    )
    but = f" but for {', '.join(free)}" if free else ""
    found = []
    for key, words, rule in (("cfi_diff", "CFI", rules[0]), ("rmsea_diff", "RMSEA", rules[1])):
        value, place, why = None, "", cause
        if result is not None:
            at, why = _worst_step(result, key, rule)
            value = None if at is None else float(result.table[key].iloc[at])
            place = "" if at is None else f"{path}.{key}[{start + at}]"
            why = cause or why
        found.append(
            Finding(
                claim=f"{who}: equal up to intercepts{but} (largest change of {words})",
                value=value,
                rule=rule,
                question=question,
                path=place,
                untested=why,
            )
        )
    return found


def _worst_step(result: InvarianceResult, key: str, rule: Rule) -> tuple[int | None, Cause | None]:
    """Find the level with the largest loss of fit up to equal intercepts, and what speaks against judging it.

    A level that restricts nothing is no test, such as equal thresholds of three categories.
    """
    levels = list(result.table["level"])
    last = levels.index("scalar") if "scalar" in levels else len(levels) - 1
    tried = [k for k in range(1, last + 1) if result.table["testable"].iloc[k]]
    if not tried:
        return None, Cause.NOTHING_LEFT
    steps = result.table[key].iloc[tried].to_numpy(dtype=float)
    improper = worst([of_levels(result.fits[level]) for level in levels[: last + 1]])
    if not np.isfinite(steps).all():
        return None, improper or Cause.NOT_ESTIMATED
    loss = -steps if rule.comparison in (">=", ">") else steps
    over = [k for k, step in zip(tried, steps, strict=True) if not rule.holds(step)]
    chance = over and not (result.table["pvalue_diff"].iloc[over] < LEVEL).any()
    return tried[int(loss.argmax())], improper or (Cause.UNDECIDED if chance else None)


def of_levels(fit: StructuralResult) -> Cause | None:
    """Say why a level is no ground for a verdict; a saturated first level is one."""
    cause = of_fit(fit)
    return None if cause is Cause.NOTHING_LEFT else cause


def _prose(table: pd.DataFrame, unequal: list[str], *, ordinal: bool, partial: bool = False) -> list[str]:
    if table.empty:
        return ["No level of invariance could be estimated; the reasons stand below."]
    return [
        "Each theme is fitted in all groups at once, and more and more of it is held equal: "
        + ("thresholds, " if ordinal else "")
        + "loadings, intercepts, residual variances. Where fit drops, an answer means something else in one "
        "group, and means of groups are not comparable as they stand.",
        *(
            [
                "By the plan, {free} may differ between groups at every level: what is said of a theme holds "
                "but for what is left free of it."
            ]
            if partial
            else []
        ),
        *(["Fit drops by more than the rules allow for {unequal}."] if unequal else []),
    ]


def without_groups(context: Context) -> str:
    """Say that there are no groups to compare; empty where there are."""
    if context.known_covariates is None:
        return "Needs a table of covariates with groups, such as language or sex."
    return ""


def without_large_groups(context: Context) -> str:
    """Say that no groups are large enough to be compared; empty where there are."""
    if not groupings(context):
        return f"No covariate has 2 to {MOST_GROUPS} groups of {context.plan.smallest_group} people or more."
    return ""


TOPIC = Topic(
    name="groups",
    title="Same measure in every group",
    subject="comparisons of groups",
    question="Do answers mean the same whoever gives them?",
    run=section_groups,
    twins=twins_of_groups,
    lacks=without_groups,
    short=without_large_groups,
    bears_on=(Property.INVARIANCE,),
    reflective=True,
)
