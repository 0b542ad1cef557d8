"""Whether themes can be told apart, and whether scores relate to other things as was expected."""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING, Any

import pandas as pd

from analysis.common.rules import HTMT, HYPOTHESES
from analysis.common.verdicts import Cause, Property, Question
from analysis.disclosure.kinds import FOREIGN, GIVEN, TEXT, each, statistic
from analysis.disclosure.kinds import people as counted_people
from analysis.pipeline.context import Context, listed
from analysis.pipeline.correlating import missing_items
from analysis.pipeline.reach import Gaps, of_structure
from analysis.pipeline.section import Finding, Section, Table, Topic, of_sample
from analysis.pipeline.topics.criterion_items import for_predictions
from analysis.pipeline.topics.validity_added import DRAWS, added_beyond, added_by_theme
from analysis.pipeline.topics.validity_measures import (
    asked_elsewhere,
    cannot_pass_one,
    estimates,
    measure_items,
    measure_scores,
    named_in,
    people_table,
    predicts,
)
from analysis.pipeline.twinned.relations import twins_of_validity
from analysis.validity.check_hypotheses import UNANSWERED
from instrument.errors import ToolkitError, ToolkitWarning
from instrument.reading.people import labels_as_text

if TYPE_CHECKING:
    from analysis.validity.check_hypotheses import HypothesesResult
    from analysis.validity.htmt import HtmtResult

APART = Question(text="Can the themes be told apart?")
AS_EXPECTED = Question(
    text="Do scores go with other things as was expected beforehand?", bears_on=Property.HYPOTHESES
)
AMONG_THEMES = Question(text="Do the themes go with each other as was expected beforehand?")
RATIOS = "Ratios between themes"
FEWEST_ITEMS = 2
_ITEMS_BY = {"pairwise": "by pairs of items", "listwise": "people who answered every item"}


def section_validity(context: Context) -> Section:
    """Ratios between themes, the study's hypotheses, and what each theme adds to the outcome."""
    gaps = Gaps(context=context, few=of_sample(context))
    people = people_table(context)
    ratios = _ratios(context, gaps)
    others = [name for table in measure_scores(context) for name in table.columns[2:] if name in people]
    shorter = for_predictions(context)
    predicted = people if shorter is context else people_table(shorter)
    checked, reasons = _checked(context, people, ratios, shorter, predicted)
    added = added_by_theme(shorter, predicted, gaps)
    beyond = added_beyond(shorter, predicted, others, gaps)
    tables = {}
    if ratios is not None:
        tables["htmt"] = _ratio_table(context, ratios)
    if checked is not None:
        tables["hypotheses"] = _hypothesis_table(checked, reasons, whole=shorter is context)
    if len(added):
        tables["increment"] = _increment_table(context, added)
    if len(beyond):
        tables["beyond"] = _beyond_table(context, beyond, others)
    values = _values(context, ratios, checked, added)
    return Section(
        estimator="heterotrait-monotrait ratios of Pearson correlations, percentile intervals; Fisher "
        "intervals; least squares",
        n=ratios.n_obs if ratios is not None else len(people),
        n_kind=counted_people(weight=9),
        missing=f"ratios: {_ITEMS_BY[missing_items(context, 'pairwise')]}; hypotheses and "
        "outcome: people with every score needed",
        seed=context.seed,
        options={"wave": context.first_wave, "level": 0.95, "draws": DRAWS},
        option_kinds=each(GIVEN, "wave level draws"),
        prose=_prose(context, ratios, checked, added),
        values=values,
        value_kinds={
            **each(GIVEN, "pairs hypotheses evaluated"),
            **each(TEXT, "htmt_highest_pair adds_most adds outcome"),
            **each(
                statistic(),
                "htmt_highest htmt_highest_upper not_apart confirmed share share_among_themes delta",
            ),
        },
        tables=tables,
        findings=_findings(context, ratios, tables, checked),
        figures=["htmt"] if ratios is not None and len(context.themes) > 1 else [],
        problems=gaps.problems,
        untested=gaps.untested,
    )


def _ratios(context: Context, gaps: Gaps) -> HtmtResult | None:
    from analysis.validity.htmt import htmt

    own = comparable(context)
    for theme in context.composites:
        gaps.leave(f"{RATIOS}: {context.title_of(theme)}", Cause.COMPOSITE)
    items, others, _ = measure_items(context)
    if len(own) + len(others) < 2:
        return None
    if gaps.few is not None:
        gaps.leave(RATIOS, gaps.few)
        return None
    own_items = context.items.set_axis(labels_as_text(context.items.index.to_series()), axis=0)
    joined = own_items.join(items) if len(items) else context.items
    try:
        missing = missing_items(context, "pairwise")
        return htmt(joined, own | others, missing=missing, draws=DRAWS, seed=context.seed)
    except ToolkitError as error:
        gaps.add(RATIOS, error)
        return None


def comparable(context: Context) -> dict[str, list[str]]:
    """Themes whose items are signs of one thing, with two items or more: the others have no ratio."""
    return {
        theme: items
        for theme, items in context.themes.items()
        if len(items) >= FEWEST_ITEMS and theme not in context.composites
    }


def _checked(
    context: Context,
    people: pd.DataFrame,
    ratios: HtmtResult | None,
    shorter: Context,
    predicted: pd.DataFrame,
) -> tuple[HypothesesResult | None, dict[str, str]]:
    """Evaluate what the study expects; what is said of outcome or use by the scores that predictions have."""
    from analysis.validity.check_hypotheses import check_hypotheses

    plans = context.study.hypotheses if context.study is not None else ()
    judged = [plan for plan in plans if plan.expected]
    if not judged:
        return None, {}
    values, reasons = estimates(context, people, ratios)
    if shorter is not context:
        again = {plan.id for plan in judged if predicts(context, plan, people)}
        found, why = estimates(shorter, predicted, None)
        values = {n: v for n, v in values.items() if n not in again}
        values |= {n: v for n, v in found.items() if n in again}
        reasons = {n: r for n, r in reasons.items() if n not in again}
        reasons |= {n: r for n, r in why.items() if n in again}
    held = {name: value for name, value in values.items() if name in {plan.id for plan in judged}}
    with warnings.catch_warnings():
        # what could not be evaluated stands in the table with its reason
        warnings.filterwarnings("ignore", "check_hypotheses: .* not evaluated", ToolkitWarning)
        return check_hypotheses(judged, values=dict(held)), reasons


def _ratio_table(context: Context, ratios: HtmtResult) -> Table:
    titles = {theme: context.title_of(theme) for theme in context.themes} | measure_items(context)[2]
    between = [one in context.themes and other in context.themes for one, other in _pairs(ratios)]
    mixed = [one in context.themes for one, _ in _pairs(ratios)]
    frame = ratios.pairs.assign(
        one=[titles[theme] for theme in ratios.pairs["first"]],
        other=[titles[theme] for theme in ratios.pairs["second"]],
        within_scale=between,
    )[mixed]
    return Table(
        frame=frame,
        kinds={
            **each(TEXT, "first second one other within_scale"),
            **each(statistic(), "htmt htmt_ci_lower htmt_ci_upper htmt2 htmt2_ci_lower htmt2_ci_upper"),
            **each(statistic(), "htmt_below_cutoff"),
        },
        title="Ratios of the correlations between themes to those within",
        columns={
            "one": ("Theme", "text"),
            "other": ("with", "text"),
            "htmt": ("HTMT", "r2"),
            "htmt_ci_lower": ("95% from", "r2"),
            "htmt_ci_upper": ("to", "r2"),
            "htmt2": ("HTMT2", "r2"),
            "htmt2_ci_lower": ("95% from", "r2"),
            "htmt2_ci_upper": ("to", "r2"),
        },
        note=f"The cut-off of {HTMT.printed} was studied for HTMT and is applied to it only. HTMT2 does not "
        "suppose that all items of a theme carry it alike.",
    )


def _hypothesis_table(checked: HypothesesResult, reasons: dict[str, str], *, whole: bool) -> Table:
    without = "" if whole else " What speaks of outcome or use is of scores without the items near it."
    frame = checked.table.reset_index().drop(columns=["pvalue", "n"])
    frame["reason"] = [reasons.get(name, "") for name in frame["id"]]
    frame["outcome"] = [
        f"{status}: {reason}" if reason else status
        for status, reason in zip(frame["status"], frame["reason"], strict=True)
    ]
    return Table(
        frame=frame.assign(bounded=[cannot_pass_one(words) for words in frame["measure"]]),
        kinds={
            **each(TEXT, "id text measure expected status"),
            "bounded": GIVEN,
            **each(statistic(), "estimate ci_lower ci_upper interval_inside"),
            **each(FOREIGN, "reason outcome"),
        },
        title="Hypotheses of the study file, written down beforehand",
        columns={
            "text": ("Hypothesis", "text"),
            "measure": ("Measured by", "text"),
            "expected": ("Expected", "text"),
            "estimate": ("Found", "b2"),
            "ci_lower": ("95% from", "b2"),
            "ci_upper": ("to", "b2"),
            "outcome": ("Outcome", "text"),
        },
        note="Confirmed: the estimate lies in the expected range. One that was not evaluated does not "
        f"count.{without}",
    )


def _pairs(ratios: HtmtResult) -> list[tuple[str, str]]:
    return list(zip(ratios.pairs["first"], ratios.pairs["second"], strict=True))


def _beyond_table(context: Context, beyond: pd.DataFrame, others: list[str]) -> Table:
    outcome = context.outcome_label
    return _shown(beyond, f"What each score adds to the prediction of {outcome} beyond {listed(others)}")


def _increment_table(context: Context, added: pd.DataFrame) -> Table:
    outcome = context.outcome_label
    return _shown(added, f"What each theme adds to the prediction of {outcome} beyond the other themes")


def _shown(table: pd.DataFrame, title: str) -> Table:
    return Table(
        frame=table,
        kinds={
            **each(TEXT, "theme title"),
            "n": counted_people(weight=1),
            **each(statistic("n"), "r_squared delta ci_lower ci_upper slope f pvalue pvalue_holm"),
        },
        title=title,
        columns={
            "title": ("Theme", "text"),
            "n": ("n", "int"),
            "r_squared": ("R² without it", "r3"),
            "delta": ("ΔR²", "r3"),
            "ci_lower": ("95% from", "r3"),
            "ci_upper": ("to", "r3"),
            "slope": ("Standardised slope", "d2"),
            "pvalue": ("p", "p"),
            "pvalue_holm": ("p, Holm", "p"),
        },
        note="Baseline measures of the study file are in every model. ΔR² is never negative, so its interval "
        "lies above 0 even where nothing is added: judge that by p. Prediction, not cause.",
    )


def _values(
    context: Context, ratios: HtmtResult | None, checked: HypothesesResult | None, added: pd.DataFrame
) -> dict[str, Any]:
    values: dict[str, Any] = {}
    if ratios is not None:
        own = [one in context.themes and other in context.themes for one, other in _pairs(ratios)]
        inside = ratios.pairs[own] if any(own) else ratios.pairs
        top = inside.iloc[int(inside["htmt"].argmax())]
        titles = {theme: context.title_of(theme) for theme in context.themes} | measure_items(context)[2]
        values |= {
            "pairs": len(inside),
            "htmt_highest": top["htmt"],
            "htmt_highest_upper": top["htmt_ci_upper"],
            "htmt_highest_pair": f"{titles[top['first']]} with {titles[top['second']]}",
            "not_apart": int((~inside["htmt_below_cutoff"].astype(bool)).sum()),
        }
    if checked is not None:
        values |= {
            "hypotheses": checked.n_hypotheses,
            "evaluated": checked.n_evaluated,
            "confirmed": checked.n_confirmed,
        }
        among = checked.table.index.isin(among_themes(context))
        values["share"] = share_confirmed(checked.table[~among])
        values["share_among_themes"] = share_confirmed(checked.table[among])
    if len(added):
        best = added.iloc[int(added["delta"].argmax())]
        clear = added.loc[added["pvalue_holm"] < 0.05, "title"]
        values |= {"adds_most": best["title"], "delta": best["delta"], "adds": listed(clear) or "none"}
        values["outcome"] = context.study.outcome if context.study is not None else None
    return values


def _prose(
    context: Context, ratios: HtmtResult | None, checked: HypothesesResult | None, added: pd.DataFrame
) -> list[str]:
    sentences = []
    if ratios is not None:
        sentences += [
            "Two themes can be told apart where items of different themes go together clearly less than "
            "items of the same theme. The pair that comes nearest to being one is {htmt_highest_pair}: HTMT "
            "{htmt_highest:r2}, at most {htmt_highest_upper:r2} by its 95% interval.",
        ]
        if of_structure(context) is None:
            sentences.append("Pairs that reach the cut-off: {not_apart:int} of {pairs:int}.")
    if checked is not None:
        sentences.append(
            "Expectations written down beforehand in the study file: {hypotheses:int}. Evaluated with these "
            "data: {evaluated:int}; come out as expected: {confirmed:int}."
        )
    if len(added):
        sentences.append(
            "For {outcome}, {adds_most} adds most beyond the other themes (ΔR² {delta:r3}). Themes that add "
            "something clearly, after Holm's correction for their number: {adds}."
        )
    if not context.measures:
        sentences.append("No other questionnaire was given, so nothing was compared with one.")
    elif len(asked_elsewhere(context)) == len(context.measures):
        sentences.append(
            "No other questionnaire was answered at the same wave, so nothing was compared with one."
        )
    elif ratios is not None:
        sentences.append(
            "Ratios with another questionnaire stand in the table, too; whether they should be low or high "
            "depends on what it measures, so only a hypothesis judges them."
        )
    return sentences


def _findings(
    context: Context, ratios: HtmtResult | None, tables: dict[str, Table], checked: HypothesesResult | None
) -> list[Finding]:
    found = []
    if ratios is None and len(comparable(context)) > 1:
        few = of_structure(context) or Cause.NOT_ESTIMATED
        claim = "The themes can be told apart"
        found.append(Finding(claim=claim, value=None, rule=HTMT, question=APART, path="", untested=few))
    if ratios is not None:
        for position, row in enumerate(tables["htmt"].frame.to_dict("records")):
            if not row["within_scale"]:
                continue
            found.append(
                Finding(
                    claim=f"{row['one']} and {row['other']} can be told apart",
                    value=row["htmt"],
                    rule=HTMT,
                    question=APART,
                    path=f"sections.validity.tables.htmt.htmt[{position}]",
                    untested=of_structure(context),
                )
            )
    if checked is not None:
        own = among_themes(context)
        inside = checked.table.index.isin(own)
        found += _shares(checked.table[~inside], AS_EXPECTED, "share", tables)
        found += _shares(checked.table[inside], AMONG_THEMES, "share_among_themes", tables)
    return found


def among_themes(context: Context) -> list[str]:
    """Hypotheses that speak of nothing but the scale's own themes: they are none about other measures."""
    plans = context.study.hypotheses if context.study is not None else ()
    own = {*context.themes, "total"}
    return [plan.id for plan in plans if (named := set(named_in(plan))) and named <= own]


def _shares(table: pd.DataFrame, question: Question, key: str, tables: dict[str, Table]) -> list[Finding]:
    """Judge the share confirmed of those evaluated; each that could not be is a claim left untested."""
    evaluated = table[table["status"] != UNANSWERED]
    found = [
        Finding(
            claim=f"Hypothesis: {text}",
            value=None,
            rule=HYPOTHESES,
            question=question,
            path="",
            untested=Cause.NOT_ESTIMATED,
        )
        for text in table.loc[table["status"] == UNANSWERED, "text"]
    ]
    if len(evaluated):
        found.append(
            Finding(
                claim=f"Hypotheses confirmed, of {len(evaluated)} evaluated ({len(table)} written down)",
                value=share_confirmed(table),
                rule=HYPOTHESES,
                question=question,
                path=f"sections.validity.values.{key}",
            )
        )
    return found


def share_confirmed(table: pd.DataFrame) -> float | None:
    """Share confirmed of the hypotheses that were evaluated; None where none was."""
    evaluated = table[table["status"] != UNANSWERED]
    return float((evaluated["status"] == "confirmed").mean()) if len(evaluated) else None


def _lacks(context: Context) -> str:
    if len(comparable(context)) > 1 or (context.study is not None and context.study.hypotheses):
        return ""
    return "Needs two themes of two items or more, or hypotheses in the study file."


TOPIC = Topic(
    name="validity",
    title="Relations to other things",
    subject="relations to other things",
    question="Does the scale relate to other things as it should?",
    run=section_validity,
    twins=twins_of_validity,
    lacks=_lacks,
)
