"""Whether scores can be compared over time, whose changes stand out, and whether context goes first."""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING, Any

import pandas as pd
from scipy.stats import t as student

from analysis.common.verdicts import Cause
from analysis.disclosure.kinds import GIVEN, TEXT, Kind, N, each, people, share, statistic
from analysis.disclosure.ledger import Account, cell, value
from analysis.pipeline import populations
from analysis.pipeline.context import Context
from analysis.pipeline.main_waves import EVERYONE, STAYED, main_waves
from analysis.pipeline.reach import Gaps, of_items, of_people
from analysis.pipeline.section import Finding, Section, Table, Topic
from analysis.pipeline.topics.context_time import context_results, context_table, context_told
from analysis.pipeline.topics.groups import judged_levels, level_columns, level_rows, which_indices
from analysis.pipeline.topics.models import estimator_for
from analysis.pipeline.topics.panel_time import (
    VALUE_KINDS,
    PanelFinding,
    panel_prose,
    panel_results,
    panel_table,
    panel_told,
)
from analysis.pipeline.topics.reliable_changes import change_table, change_told
from analysis.pipeline.twinned.over_time import twins_of_longitudinal
from instrument.errors import ToolkitError, ToolkitWarning

if TYPE_CHECKING:
    from analysis.structural.families.context_over_time import ContextOverTimeResult
    from analysis.structural.families.invariance import InvarianceResult

_PATH = "sections.longitudinal.tables.levels"
LEVEL_STATISTICS = (
    "chisq pvalue cfi tli rmsea srmr aic bic",
    "chisq_scaled pvalue_scaled cfi_scaled tli_scaled rmsea_scaled",
    "cfi_robust tli_robust rmsea_robust cfi_diff rmsea_diff srmr_diff chisq_diff pvalue_diff",
    "cfi_holds rmsea_holds",
)


def section_longitudinal(context: Context) -> Section:
    """Invariance between the first two waves, means, reliable change, and the test of context."""
    waves = main_waves(context)
    first, second = waves[:2]
    at_both = context.answered_at(first).intersection(context.answered_at(second))
    gaps = Gaps(context=context, few=of_people(len(at_both)))
    levels, findings = _levels(context, [first, second], gaps)
    means = _means(context, waves)
    changes = change_table(context, first, second, gaps)
    found = context_results(context, [first, second], gaps)
    panels = panel_results(context, waves, gaps)
    told = change_told(changes) | context_told(context, found) | panel_told(context, panels)
    values = told | {
        "first": context.wave_name(first),
        "second": context.wave_name(second),
        "last": context.wave_name(waves[-1]),
        "waves": len(waves),
        "at_first": len(context.answered_at(first)),
        "both": len(at_both),
        "stayed": len(set.intersection(*(set(context.answered_at(wave)) for wave in waves))),
    }
    tables = {"trajectories": _mean_table(means)}
    if len(levels):
        tables["levels"] = _level_table(levels, str(estimator_for(context)["estimator"]))
    if len(changes):
        tables["changes"] = changes_shown(changes)
    if found:
        tables["context"] = context_table(context, found)
    if panels:
        tables["panel"] = panel_table(context, panels)
    return Section(
        estimator=f"invariance: {estimator_for(context)['estimator']}; "
        "cross-lagged model of latent variables: "
        + (", ".join(dict.fromkeys(result.fit.estimator for result in found)) or "none")
        + "".join(
            f"; within persons: {one}" for one in dict.fromkeys(p.result.fit.estimator for p in panels)
        ),
        n=len(at_both),
        n_kind=people(weight=9),
        missing=_rows_kept(context, found, panels),
        options={"waves": [str(first), str(second)], "level": 0.95},
        option_kinds=each(GIVEN, "waves level"),
        prose=_prose(context, levels, changes if gaps.few is None else changes.head(0), found, panels),
        values=values,
        value_kinds=_value_kinds(context, first, second, changes),
        account=_account(changes),
        tables=tables,
        findings=findings,
        figures=["trajectories"],
        problems=gaps.problems,
        untested=gaps.untested,
    )


def _most(changes: pd.DataFrame) -> int:
    """Row of the score with the largest share of people who changed."""
    return int((changes["share_higher"] + changes["share_lower"]).argmax()) if len(changes) else 0


def _rows_kept(context: Context, found: list[ContextOverTimeResult], panels: list[PanelFinding]) -> str:
    """Which rows each part rests on, as it was fitted."""
    whole = context.plan.missing == "listwise"
    kept = "those with every answer at both waves" if whole else "every answer at either wave"
    parts = [
        f"invariance: {kept}",
        "means: those with a score at that wave",
        "change: those with both scores",
    ]
    parts += [f"context over time: {one}" for one in dict.fromkeys(result.fit.missing for result in found)]
    parts += [f"within persons: {one}" for one in dict.fromkeys(one.result.fit.missing for one in panels)]
    return "; ".join(parts)


def _value_kinds(context: Context, first: Any, second: Any, changes: pd.DataFrame) -> dict[str, Kind]:
    answered = populations.label(populations.answered(context.wave_name(first)))
    both = populations.both_waves(context.wave_name(first), context.wave_name(second))
    ends = [f"{name}{end}" for name in ("lead", "back", "difference") for end in ("", "_lower", "_upper")]
    return {
        **VALUE_KINDS,
        **each(TEXT, "change_most_title context_title context_syntax context_how first second last"),
        **each(TEXT, "context_measured_by context_estimator context_missing"),
        "change_most": share(cell("changes", "n", _most(changes)), weight=3),
        "context_n": people(weight=1),
        "context_both": people(weight=1),
        **each(statistic("context_both"), *ends, "context_cfi context_rmsea"),
        "waves": GIVEN,
        "at_first": people(weight=9, names=[answered]),
        "both": people("at_first", weight=1, names=[populations.label(both)]),
        "stayed": people("both", weight=1),
    }


def _account(changes: pd.DataFrame) -> Account:
    """People with both waves; who changed either way."""
    account = Account()
    account.same(value("both"), N)
    if len(changes):
        higher, same, lower = (cell("changes", key, _most(changes)) for key in ("higher", "same", "lower"))
        account.total([higher, lower], value("change_most"))
        account.total([value("change_most"), same], cell("changes", "n", _most(changes)))
    return account


def _levels(context: Context, waves: list[Any], gaps: Gaps) -> tuple[pd.DataFrame, list[Finding]]:
    """Levels of every theme and what they say; nothing is fitted to fewer people than say anything."""
    how = estimator_for(context)
    ordinal = how["ordered"]
    rows = context.responses[context.responses["wave"].isin(waves)]
    long = pd.concat([rows[["participant", "wave"]], context.keyed(rows)], axis=1)
    made: list[dict[str, Any]] = []
    findings: list[Finding] = []
    if gaps.few is not None:
        gaps.leave("Same measure over time", gaps.few)
    for theme, items in context.themes.items() if gaps.few is None else ():
        title = context.title_of(theme)
        who = f"{title}, over time"
        if theme in context.composites:
            gaps.leave(f"{title}, same measure over time", Cause.COMPOSITE)
            continue
        if len(items) < 2:
            gaps.leave(f"{title}, of one item, same measure over time", Cause.NOTHING_LEFT)
            continue
        try:
            found = _fitted(theme, items, long, waves, missing=context.plan.missing, **how)
        except ToolkitError as error:
            parts = [long.loc[long["wave"] == wave, items] for wave in waves] if ordinal else []
            cause = gaps.add(who, error, items, parts=parts)
            findings += judged_levels(who, None, len(made), _PATH, cause, over="time", ordinal=ordinal)
            continue
        judged = judged_levels(
            who, found, len(made), _PATH, of_items(found.n_obs, 2 * len(items)), over="time"
        )
        if spoilt := next((claim.cause for claim in judged if claim.cause is not None), None):
            gaps.leave(who, spoilt)
        findings += judged
        head = {"theme": theme, "title": title, "n": found.n_obs}
        made += [{**head, **row} for row in level_rows(found)]
    return pd.DataFrame(made), findings


def _fitted(
    theme: str,
    items: list[str],
    long: pd.DataFrame,
    waves: list[Any],
    *,
    ordered: bool,
    estimator: str,
    missing: str | None,
) -> InvarianceResult:
    """Fit every level; what is wrong with a solution is read from its faults."""
    from analysis.structural.families.longitudinal_invariance import longitudinal_invariance

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ToolkitWarning)
        model = f"{theme} =~ {' + '.join(items)}"
        return longitudinal_invariance(
            model, long, waves, ordered=ordered, missing=missing, estimator=estimator
        )


def _means(context: Context, waves: list[Any]) -> pd.DataFrame:
    """Mean of each score at each wave, of everyone there and of those with the score at every wave."""
    rows = []
    for name in context.card.names:
        scores = pd.concat([context.scores_at(wave)[name].rename(str(wave)) for wave in waves], axis=1)
        stayed = scores.dropna()
        for who, kept in ((EVERYONE, scores), (STAYED, stayed)):
            for wave in waves:
                head = {"score": name, "title": context.title_of(name), "who": who}
                rows.append(head | {"wave": context.wave_name(wave)} | _mean(kept[str(wave)].dropna()))
    return pd.DataFrame(rows).dropna(subset=["ci_lower"]).reset_index(drop=True)


def _everyone(means: pd.DataFrame) -> list[str]:
    """Populations of the rows: everyone with a score at the wave, or those with it at every wave."""
    return [
        populations.label(populations.scored(wave, score) if who == EVERYONE else populations.stayed(score))
        for wave, score, who in zip(means["wave"], means["score"], means["who"], strict=True)
    ]


def _mean(values: pd.Series) -> dict[str, Any]:
    n = len(values)
    if n < 2:
        return {"n": n, "mean": None, "ci_lower": None, "ci_upper": None}
    half = float(student.ppf(0.975, n - 1)) * float(values.std()) / n**0.5
    mean = float(values.mean())
    return {"n": n, "mean": mean, "ci_lower": mean - half, "ci_upper": mean + half}


def _mean_table(means: pd.DataFrame) -> Table:
    return Table(
        frame=means,
        kinds={
            **each(TEXT, "score title who wave"),
            "n": people(weight=1, names=_everyone(means)),
            **each(statistic("n", fraction=True), "mean ci_lower ci_upper"),
        },
        title="Means over the waves",
        columns={
            "title": ("Score", "text"),
            "who": ("Of", "text"),
            "wave": ("Wave", "text"),
            "n": ("n", "int"),
            "mean": ("Mean", "d2"),
            "ci_lower": ("95% from", "d2"),
            "ci_upper": ("to", "d2"),
        },
        note="Where the two lines of a score part, those who left differed from those who stayed. Nothing "
        "was imputed.",
    )


def _level_table(levels: pd.DataFrame, estimator: str) -> Table:
    return Table(
        frame=levels,
        kinds={
            **each(TEXT, "level theme title faults"),
            "n": people(weight=1),
            **each(GIVEN, "df df_diff testable"),
            **each(statistic("n"), *(name for name in " ".join(LEVEL_STATISTICS).split() if name in levels)),
        },
        title="Same measure at both waves: fit of each level, and its change against the level above",
        columns={key: value for key, value in level_columns(estimator).items() if key in levels},
        note=f"Residuals of the same item at both waves are correlated. {which_indices(estimator)}; the "
        "rules were made for many groups, so read the size of the change, too.",
    )


def changes_shown(changes: pd.DataFrame) -> Table:
    """Arrange the counts of reliable change for print."""
    return Table(
        frame=changes,
        sums=[(("higher", "same", "lower"), "n")],
        kinds={
            **each(TEXT, "score title source"),
            "n": people(weight=1),
            **each(statistic("n"), "sem threshold"),
            **each(people("n"), "higher same lower"),
            "share_higher": share("n", count="higher"),
            "share_lower": share("n", count="lower"),
        },
        title="Changes of single people beyond measurement error",
        columns={
            "title": ("Score", "text"),
            "n": ("n", "int"),
            "threshold": ("Must exceed", "d2"),
            "higher": ("Higher", "int"),
            "share_higher": ("", "percent"),
            "same": ("Neither", "int"),
            "lower": ("Lower", "int"),
            "share_lower": ("", "percent"),
            "source": ("Error from", "text"),
        },
        note="Jacobson & Truax (1991, doi:10.1037/0022-006X.59.1.12). About 2.5% on either side are expected "
        "by chance alone if nobody changed. A statement about the group, no advice about one person.",
    )


def _prose(
    context: Context,
    levels: pd.DataFrame,
    changes: pd.DataFrame,
    found: list[Any],
    panels: list[PanelFinding],
) -> list[str]:
    every = (
        "; {stayed:int} answered at every one of {waves:int} waves" if len(main_waves(context)) > 2 else ""
    )
    sentences = [
        "{at_first:int} [[person|people]] answered at {first}, {both:int} of them at {second}, too"
        f"{every}. Means of later waves are those of people who answered then."
    ]
    if len(levels):
        sentences.append(
            "A change of means is a change of what is measured only where items work alike at both waves; "
            "the table holds "
            + ("thresholds, " if estimator_for(context)["ordered"] else "")
            + "loadings and intercepts equal one after another and shows what that costs in fit."
        )
    if len(changes):
        sentences.append(
            "Between the two, at most {change_most:percent} of the people ({change_most_title}) changed by "
            "more than measurement error explains, in either direction."
        )
    if found:
        sentences += [
            "If a theme is context, it should go before the others in time, and they should not go before "
            "it. For people alike in the general factor at {first}, one standard deviation more of "
            "{context_title} goes with {lead:d2} standard deviations (95% interval {lead_lower:d2} to "
            "{lead_upper:d2}) of the general factor at {second}; the other way round it is {back:d2} "
            "({back_lower:d2} to {back_upper:d2}). The two differ by {difference:d2} ({difference_lower:d2} "
            "to {difference_upper:d2}).",
            context_verdict(found[0].paths),
            "{context_how}",
        ]
    elif context.scale.context_themes:
        sentences.append("The test of context over time could not be made; the reason stands below.")
    return sentences + panel_prose(panels)


def context_verdict(paths: pd.DataFrame) -> str:
    """Say in words what the intervals allow, and what they never can."""
    lead, difference = paths.loc["lead"], paths.loc["difference"]
    if lead["ci_lower"] > 0 and difference["ci_lower"] > 0:
        said = "That is the order in time which the claim of a context expects."
    elif lead["ci_lower"] > 0:
        said = (
            "The context goes before the others, but not clearly more than they go before it: the order in "
            "time that sets context apart is not shown."
        )
    else:
        said = "These data do not show that the context goes before the others in time."
    return (
        f"{said} Nor would it be a cause: something earlier may move both, two waves cannot tell a person's "
        "change from differences between people, and other distances between waves may give other results."
    )


def _lacks(context: Context) -> str:
    if len(main_waves(context)) > 1:
        return context.lacks_order()
    return "Needs answers at two waves that are no retest."


TOPIC = Topic(
    name="longitudinal",
    title="Scores over time",
    subject="the same measure over time",
    question="Do scores mean the same over time, who changes, and does the context go first?",
    run=section_longitudinal,
    twins=twins_of_longitudinal,
    lacks=_lacks,
)
