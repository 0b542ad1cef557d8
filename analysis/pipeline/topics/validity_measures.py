"""Estimates that the hypotheses of a study file ask for, by the words of their measures."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pandas as pd

from analysis.common.verdicts import Cause
from analysis.pipeline.context import CONTRACT, Context
from analysis.pipeline.reach import of_people
from analysis.pipeline.topics.adherence import effects_on_use
from analysis.pipeline.topics.use import lacks_use
from analysis.planning.definition import ambiguous, of_itself, same_label, score_names, shared_items
from analysis.validity.expectation import Expectation
from instrument.errors import ToolkitError
from instrument.reading.people import labels_as_text
from instrument.scoring.keying import keyed_numbers

if TYPE_CHECKING:
    from analysis.validity.htmt import HtmtResult
    from instrument.definition import Instrument
    from instrument.study import Hypothesis

Estimate = tuple[float, float, float]
_PAIR = r"(?:of\s+)?(?P<first>[\w-]+)\s*(?:,|\band\b|\bby\b)\s*(?P<second>[\w-]+)$"
_CORRELATION = re.compile(rf"^(?P<kind>absolute correlation|correlation|\|r\||r)\s+{_PAIR}")
_HTMT = re.compile(rf"^(?P<kind>HTMT2?)\s+{_PAIR}", re.IGNORECASE)
_GROUPS = re.compile(
    rf"^known groups\s+{_PAIR.removesuffix('$')}"
    r"(?:\s*[:,]\s*(?P<higher>.+?)\s+(?:over|above|>)\s+(?P<lower>.+))?$",
    re.IGNORECASE,
)
_ODDS = re.compile(r"^odds ratio per SD of (?:the )?(?P<first>[\w-]+)$", re.IGNORECASE)


def cannot_pass_one(measure: str) -> bool:
    """Say whether the measure of a hypothesis is a correlation or a ratio of correlations.

    Examples
    --------
    >>> cannot_pass_one("correlation of total, age"), cannot_pass_one("odds ratio per SD of total")
    (True, False)
    """
    words = measure.strip()
    return _CORRELATION.match(words) is not None or _HTMT.match(words) is not None


def people_table(context: Context) -> pd.DataFrame:
    """Scores of the first wave with other measures, covariates and outcomes of the same people."""
    scores = context.scores_at(context.first_wave)
    table = scores.set_axis(scores.index.astype(str))
    for side in (*measure_scores(context), context.known_covariates, context.outcomes):
        if side is None:
            continue
        rows = side
        if side is context.known_covariates or side is context.outcomes:  # of one row each, whatever its wave
            rows = rows.drop(columns="wave", errors="ignore") if rows["participant"].is_unique else rows
        if "wave" in rows.columns:
            rows = rows[rows["wave"].astype(str) == str(context.first_wave)].drop(columns="wave")
        rows = rows.set_index(rows["participant"].astype(str)).drop(columns="participant")
        table = table.join(rows[[name for name in rows.columns if name not in table.columns]])
    return table


def names_beside(context: Context) -> list[str]:
    """Names of scores, of themes of other questionnaires, and of columns; one used twice stands twice."""
    tables = [table for table in (context.known_covariates, context.outcomes) if table is not None]
    themes = [theme.id for _, other in context.measures for theme in other.themes]
    columns = [str(name) for table in tables for name in table.columns if name not in CONTRACT]
    return [*score_names(context.scale), *themes, *columns]


def measure_scores(context: Context) -> list[pd.DataFrame]:
    """Theme scores of every other questionnaire, columns named by theme id; all waves."""
    from instrument.scoring.score import score

    tables = []
    for answers, other in context.measures:
        card = score(answers, other)
        tables.append(card.scores[["participant", "wave", *(n for n in card.names if n != "total")]])
    return tables


def _at_first_wave(context: Context, answers: pd.DataFrame, other: Instrument) -> pd.DataFrame:
    """Rows of another questionnaire at the first wave that hold an answer."""
    rows = answers[answers["wave"].astype(str) == str(context.first_wave)]
    return rows[rows[other.item_ids].notna().any(axis=1)]


def measure_items(context: Context) -> tuple[pd.DataFrame, dict[str, list[str]], dict[str, str]]:
    """Keyed items of every other questionnaire at the first wave, their themes, and the titles of these.

    Returns
    -------
    tuple
        Items by participant as text, named `instrument:item` so that they meet no item of the scale; theme
        id to items; theme id to title. Themes called like one of the scale are left out, and a questionnaire
        that nobody answered at that wave.
    """
    parts, themes, titles = [], {}, {}
    for answers, other in context.measures:
        rows = _at_first_wave(context, answers, other)
        if rows.empty:  # answered at other waves only
            continue
        items = keyed_numbers(rows.set_index(labels_as_text(rows["participant"])), other)
        parts.append(items.add_prefix(f"{other.id}:"))
        for theme in other.themes:
            if theme.id not in context.themes and len(theme.items) > 1:
                themes[theme.id] = [f"{other.id}:{item.id}" for item in theme.items]
                titles[theme.id] = f"{theme.title} ({other.title})"
    return (pd.concat(parts, axis=1) if parts else pd.DataFrame()), themes, titles


def asked_elsewhere(context: Context) -> tuple[str, ...]:
    """Note questionnaires that nobody answered at the wave at which scores are compared."""
    return tuple(
        f"{other.title}: nobody answered it at {context.wave_name(context.first_wave)}, where scores are "
        "compared, so nothing is compared with it"
        for answers, other in context.measures
        if _at_first_wave(context, answers, other).empty
    )


def column_of(context: Context, name: str, people: pd.DataFrame) -> str | None:
    """Column that a hypothesis means: its own name, or a baseline measure without its ending."""
    if name in people.columns:
        return name
    baseline = context.study.baseline if context.study is not None else ()
    meant = [column for column in baseline if column.startswith(f"{name}_") and column in people.columns]
    return meant[0] if len(meant) == 1 else None


def named_in(plan: Hypothesis) -> list[str]:
    """Names of scores, measures and covariates in a hypothesis; empty where it cannot be read."""
    for pattern in (_CORRELATION, _HTMT, _GROUPS):
        if named := pattern.match(plan.measure.strip()):
            return [named["first"], named["second"]]
    return []


def predicts(context: Context, plan: Hypothesis, people: pd.DataFrame) -> bool:
    """Whether a hypothesis is about the study's outcomes or later use."""
    outcomes = () if context.outcomes is None else context.outcomes.columns
    named = [column_of(context, name, people) for name in named_in(plan)]
    return _ODDS.match(plan.measure.strip()) is not None or any(name in outcomes for name in named)


def estimates(
    context: Context, people: pd.DataFrame, ratios: HtmtResult | None
) -> tuple[dict[str, Estimate], dict[str, str]]:
    """Estimate with interval of every hypothesis that can be answered, and why the others cannot.

    Parameters
    ----------
    context
        The validation; its study holds the hypotheses.
    people
        From `people_table`.
    ratios
        Heterotrait-monotrait ratios of the themes, where there are any.

    Returns
    -------
    tuple of dict
        By id: estimate with limits; reason.
    """
    found: dict[str, Estimate] = {}
    reasons: dict[str, str] = {}
    for plan in context.study.hypotheses if context.study is not None else ():
        try:
            answer = _too_few(context, plan, people) or _estimate(context, plan, people, ratios)
        except ToolkitError as error:
            answer = str(error).split("\n")[0]
        if isinstance(answer, str):
            reasons[plan.id] = answer
        else:
            found[plan.id] = answer
    return found, reasons


def _too_few(context: Context, plan: Hypothesis, people: pd.DataFrame) -> str:
    """Say that too few people have what a hypothesis speaks of; empty where they are enough."""
    columns = [column_of(context, name, people) for name in named_in(plan)]
    if not columns or None in columns:
        return ""
    n = len(people.dropna(subset=[column for column in columns if column is not None]))
    return "" if of_people(n) is None else f"{Cause.FEW_PEOPLE.words} have both."


def _estimate(
    context: Context, plan: Hypothesis, people: pd.DataFrame, ratios: HtmtResult | None
) -> Estimate | str:
    words = plan.measure.strip()
    names = names_beside(context)
    for name in named_in(plan):
        if names.count(name) > 1:
            return f"{ambiguous(name, names.count(name))}."
    if named := _CORRELATION.match(words):
        if shared := shared_items(context.scale, named["first"], named["second"]):
            return f"{of_itself(named['first'], named['second'], shared)}."
        return _correlation(context, plan, named, people)
    if named := _HTMT.match(words):
        return _ratio(named, ratios)
    if named := _GROUPS.match(words):
        return _groups(context, named, people)
    if named := _ODDS.match(words):
        return _odds(context, named["first"])
    return "its measure is none that can be computed here."


def _columns(context: Context, named: re.Match[str], people: pd.DataFrame) -> list[str] | str:
    columns = {name: column_of(context, name, people) for name in (named["first"], named["second"])}
    absent = [name for name, column in columns.items() if column is None]
    if absent:
        return f"no score, covariate or outcome is called {absent[0]!r}."
    return [column for column in columns.values() if column is not None]


def _correlation(
    context: Context, plan: Hypothesis, named: re.Match[str], people: pd.DataFrame
) -> Estimate | str:
    from analysis.validity.check_hypotheses import check_hypotheses

    columns = _columns(context, named, people)
    if isinstance(columns, str):
        return columns
    if impossible := Expectation.parse(plan.expected).of_correlation():
        return f"the expectation {plan.expected!r} tells nothing: {impossible}."
    asked = {"id": plan.id, "measure": f"correlation {columns[0]}, {columns[1]}", "expected": plan.expected}
    row = check_hypotheses([asked], people).table.iloc[0]
    value, lower, upper = (float(row[key]) for key in ("estimate", "ci_lower", "ci_upper"))
    if named["kind"] not in ("absolute correlation", "|r|"):
        return value, lower, upper
    ends = sorted((abs(lower), abs(upper)))
    return abs(value), 0.0 if lower < 0 < upper else ends[0], ends[1]


def _ratio(named: re.Match[str], ratios: HtmtResult | None) -> Estimate | str:
    if ratios is None:
        return "the themes have no ratios."
    pair = {named["first"], named["second"]}
    kind = named["kind"].lower()
    for row in ratios.pairs.to_dict("records"):
        if {row["first"], row["second"]} == pair:
            return row[kind], row[f"{kind}_ci_lower"], row[f"{kind}_ci_upper"]
    return f"{' and '.join(sorted(pair))} are not both themes of this scale or of another measure."


def _groups(context: Context, named: re.Match[str], people: pd.DataFrame) -> Estimate | str:
    """Hedges' g between two groups: the one named higher minus the other, whatever the order of rows."""
    from analysis.validity.known_groups import known_groups

    columns = _columns(context, named, people)
    if isinstance(columns, str):
        return columns
    score, group = columns
    both = people.dropna(subset=columns)
    labels = both[group].map(same_label)
    if named["higher"] is None:
        levels = _levels_of_codes(both[group])
        if len(levels) > 2:
            return f"{group!r} has more than two groups, and the measure names none of them."
        if not levels:
            ask = f"`known groups {score} by {group}: HIGHER over LOWER`"
            return f"which group of {group!r} is expected to be higher is not said: write {ask}."
    else:
        levels = [named["lower"].strip(), named["higher"].strip()]
        if absent := [level for level in levels if level not in set(labels)]:
            return f"nobody is in {absent[0]!r} of {group!r}."
    pair = pd.DataFrame({score: both[score], group: labels})[labels.isin(levels)]
    if of_people(len(pair)) is not None:
        return f"{Cause.FEW_PEOPLE.words} are in the two groups."
    row = known_groups(pair, score, group, expected=levels).pairs.iloc[0]
    return float(row["hedges_g"]), float(row["hedges_g_ci_lower"]), float(row["hedges_g_ci_upper"])


def _levels_of_codes(cells: pd.Series) -> list[str]:
    """Levels that have an order of their own, from the lowest: numbers and ordered categories; else none."""
    if isinstance(cells.dtype, pd.CategoricalDtype) and cells.cat.ordered:
        return [same_label(level) for level in cells.cat.categories if (cells == level).any()]
    if pd.api.types.is_numeric_dtype(cells.dtype):
        return [same_label(level) for level in sorted(cells.unique())]
    return []


def _odds(context: Context, score: str) -> Estimate | str:
    from analysis.adherence.models.context import REMAINING

    if lacking := lacks_use(context):
        return lacking
    effects = effects_on_use(context)
    rows = effects[(effects["model"] == REMAINING) & (effects["predictor"] == score)]
    if rows.empty:
        return f"no model of later use has the score {score!r}."
    row = rows.iloc[0]
    return float(row["ratio"]), float(row["ci_lower"]), float(row["ci_upper"])
