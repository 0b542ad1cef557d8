"""Score checked answers: reverse keying, theme scores and total, with the rule that was applied."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from typing import Literal

import numpy as np
import pandas as pd

from instrument.answers import coded_table, given_answers, table_of
from instrument.definition import Instrument
from instrument.errors import DefinitionError, ResponseDataError, fact_and_hint, name_offenders
from instrument.loading import as_instrument
from instrument.reading.raw import name_rows, reasons_of_table
from instrument.scoring.keying import AnswerTable, as_given, as_keyed, keyed_items, keyed_numbers, marked
from instrument.scoring.scorecard import ANSWERED, APPLICABLE, NOT_APPLICABLE, SEM, AppliedRule, Scorecard

__all__ = ["Scorecard", "reverse_key", "score"]

WHOLE = 2.0**31
"""Common multiples below which weighed sums of answers are whole numbers that a float holds exactly."""
_CHECK_FIRST = "read the file with read_responses, or check the frame with check_responses."


def score(
    responses: pd.DataFrame,
    scale: Instrument,
    rescale: Literal["0-100"] | None = None,
    prorate_at: float | None = None,
    method: Literal["mean", "sum"] | None = None,
    reliability: Mapping[str, float] | None = None,
) -> Scorecard:
    """Score every administration by the rule of the instrument, or one given here.

    Reversed items are reversed here; a table that `reverse_key` gave knows that they are, and scores alike.
    Do not use theme scores where a model of the items is wanted (factor analysis, item response theory),
    nor as a cut-off for one person.

    Parameters
    ----------
    responses
        Frame that `read_responses` or `check_responses` gave, keyed by `reverse_key` or not; "does not
        apply" is taken from its reasons.
    scale
        Instrument of these answers.
    rescale
        "0-100" puts every item on 0 (lowest option) to 100 (highest) before the mean is taken.
    prorate_at
        Share of the applicable items that must be answered, in (0, 1]; None takes the instrument's.
    method
        "mean", or "sum": the mean times the number of items of the theme. None takes the instrument's.
    reliability
        Reliability of scores, by theme id or "total", each in [0, 1]; gives standard errors of measurement.

    Returns
    -------
    Scorecard
        `.scores` (one row per administration), `.rule`, `.sem`, `.to_frame()`, `.summary()`, `.to_dict()`.

    Raises
    ------
    ResponseDataError
        Item columns are absent, hold something other than codes, or participant × wave is not unique.
    DefinitionError
        Items of unlike ranges would be averaged, or an option has no meaning for this instrument.

    Warns
    -----
    ToolkitWarning
        Answers that do not say that they are keyed look as if they were.

    Notes
    -----
    A reversed item x on a scale from min to max becomes min + max − x. With A the answered and P the
    applicable items of a theme of k items, the mean is Σ_A x / |A| when P is not empty and
    |A| ≥ prorate_at · |P|; the sum is k times that mean. "Does not apply" takes an item out of P. The
    total is the mean of the theme means of the total's themes; one theme without a score leaves it
    without. Facets are never scored; context themes are scored apart. The standard error of measurement
    is s √(1 − reliability), s² being the variance of the scores within waves, pooled.

    References
    ----------
    Fayers, P. M., & Machin, D. (2016). Quality of life (3rd ed.). doi:10.1002/9781118758991 (proration).
    Terwee, C. B., et al. (2007). Journal of Clinical Epidemiology, 60, 34–42.
    doi:10.1016/j.jclinepi.2006.03.012 (standard error of measurement).

    In R: `psych::scoreItems(keys, items, impute = "none")` (prorates at any number of answers).

    Examples
    --------
    Two people of a three-item theme with one reversed item, worked by hand:

    >>> import instrument
    >>> scale = instrument.Instrument.model_validate({
    ...     "schema": 1, "id": "mini", "version": "1", "title": "Mini",
    ...     "response_scales": {"agree": {"options": {1: "no", 2: "little", 3: "much", 4: "very"}}},
    ...     "scoring": {"prorate_at": 0.6},
    ...     "themes": [{"id": "t", "title": "T", "items": [
    ...         {"id": "a", "text": "A."}, {"id": "b", "text": "B."},
    ...         {"id": "c", "text": "C.", "reverse": True}]}],
    ... })
    >>> answers = pd.DataFrame({"participant": ["p1", "p2"], "wave": [1, 1],
    ...                         "a": [4, 2], "b": [3, None], "c": [2, 1]})
    >>> card = score(answers, scale)
    >>> card.scores["t"].to_list()
    [3.3333333333333335, 3.0]
    >>> card.scores["t_n"].to_list()
    [3, 2]
    """
    rule = _rule(as_instrument(scale, "score"), rescale, prorate_at, method)
    notes: list[str] = []
    responses = given_answers(responses, scale, "score")
    keys = _keys(responses, notes)
    outside = _not_applicable(responses, keys, scale, notes)
    columns: dict[str, np.ndarray] = {}
    counts: dict[str, np.ndarray] = {}
    sums = {}
    percent = rule.rescale is not None
    parts = _parts(scale, rule.theme_items) if percent else 1
    unit = 100.0 if percent else 1.0
    for theme, n_items in rule.theme_items.items():
        values, applicable = _theme_matrix(responses, scale, theme, outside, parts if percent else None)
        summed, answered, applies = _prorated_sum(values, applicable, rule.prorate_at)
        sums[theme] = summed
        times = n_items if rule.method == "sum" else 1
        columns[theme] = unit * summed * times / (np.maximum(answered, 1) * parts)
        counts[ANSWERED.format(theme)] = answered
        counts[APPLICABLE.format(theme)] = applies
        counts[NOT_APPLICABLE.format(theme)] = 1 - applies / n_items
    if rule.total_themes:
        added = [(sums[theme], counts[ANSWERED.format(theme)]) for theme in rule.total_themes]
        columns["total"] = _mean_of_means(added, unit, parts)
    scores = pd.concat([keys, pd.DataFrame(columns | counts)], axis=1)
    given = None if reliability is None else _reliability(reliability, list(columns))
    sem = None if given is None else _standard_errors(scores, given, notes)
    if sem is not None:
        scores = scores.assign(**{SEM.format(name): value for name, value in sem.items()})
    return Scorecard(scores=scores, rule=rule, sem=sem, reliability=given, notes=tuple(notes))


def reverse_key(responses: pd.DataFrame, scale: Instrument) -> AnswerTable:
    """Reverse the items that the instrument marks: min + max − answer.

    Use it before an analysis of items alone that needs them keyed alike, such as `cronbach_alpha`. Functions
    that are given the instrument key by themselves, and take either: the table given back knows which items
    are turned, also after selecting, copying, grouping, pickling or a Parquet file. What pandas makes of it
    without asking it (`pd.DataFrame(table)`, `other.merge(table)`, a CSV file) does not know.

    Parameters
    ----------
    responses
        Answers as given; items of the instrument that are absent are passed over.
    scale
        The instrument.

    Returns
    -------
    AnswerTable
        The same frame with the reversed items recoded. Doing it twice gives the answers back. Put together
        with answers as they were given (`pd.concat`), it is refused.

    Raises
    ------
    ResponseDataError
        No item of the instrument is there, a cell holds no code of its item, or some reversed items are
        turned already and others are not.

    Examples
    --------
    >>> import instrument
    >>> scale = instrument.Instrument.model_validate({
    ...     "schema": 1, "id": "mini", "version": "1", "title": "Mini",
    ...     "response_scales": {"agree": {"options": {0: "no", 1: "partly", 2: "yes"}}},
    ...     "themes": [{"id": "t", "title": "T", "items": [{"id": "a", "text": "A.", "reverse": True}]}],
    ... })
    >>> reverse_key(pd.DataFrame({"a": [0, 1, 2]}), scale)["a"].to_list()
    [2, 1, 0]
    """
    scale = as_instrument(scale, "reverse_key")
    responses = table_of(responses, "reverse_key", "responses")
    present = [item for item in scale.item_ids if item in responses.columns]
    if not present:
        fact = f"none of the {len(scale.item_ids)} item columns of instrument {scale.id!r} is there."
        raise ResponseDataError(fact_and_hint("reverse_key", fact, "check the instrument."))
    responses = coded_table(responses, scale, "reverse_key", present)
    there, wanted = keyed_items(responses), [item for item in scale.reversed_items if item in present]
    done = [item for item in wanted if item in there]
    if done and len(done) < len(wanted):
        fact = f"{len(done)} of {len(wanted)} reversed items are turned already: {name_offenders(done)}."
        hint = "key the whole table at once, from the answers as they were given."
        raise ResponseDataError(fact_and_hint("reverse_key", fact, hint))
    return marked(as_given(responses), {}) if done else as_keyed(responses, scale)


def prorated_mean(
    values: np.ndarray, applicable: np.ndarray, prorate_at: float
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Mean of the answered items of each row where enough of the applicable ones are answered.

    Parameters
    ----------
    values
        Keyed answers, NaN when missing, shape (n_rows, n_items).
    applicable
        Whether the item applies, same shape.
    prorate_at
        Share of the applicable items that must be answered.

    Returns
    -------
    tuple of numpy.ndarray
        Mean (NaN where there are too few), number answered, number applicable; each of shape (n_rows,).

    Examples
    --------
    >>> answers = np.array([[1.0, 3.0, np.nan], [1.0, np.nan, np.nan]])
    >>> mean, answered, applies = prorated_mean(answers, np.array([[True] * 3, [True, False, True]]), 0.6)
    >>> mean.tolist(), answered.tolist(), applies.tolist()
    ([2.0, nan], [2, 1], [3, 2])
    """
    summed, answered, applies = _prorated_sum(values, applicable, prorate_at)
    return summed / np.maximum(answered, 1), answered, applies


def _prorated_sum(
    values: np.ndarray, applicable: np.ndarray, prorate_at: float
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Sum in place of the mean of `prorated_mean`."""
    there = ~np.isnan(values)
    answered = there.sum(axis=1)
    applies = (applicable | there).sum(axis=1)
    # The small amount keeps 0.8 × 5 = 4.000…1 from asking for five of five.
    enough = (answered > 0) & (answered >= prorate_at * applies - 1e-9)
    return np.where(enough, np.where(there, values, 0.0).sum(axis=1), np.nan), answered, applies


def _mean_of_means(themes: list[tuple[np.ndarray, np.ndarray]], unit: float, parts: int) -> np.ndarray:
    """Mean of the theme means, divided once, so that equal totals are equal numbers, which ranks rest on.

    `themes` holds sums of whole points and the number of items answered; a point is worth unit / parts.
    """
    answered = np.array([np.maximum(count, 1) for _, count in themes])
    common = np.ones(answered.shape[1])
    for row in answered:
        common = common * (row / np.gcd(common.astype(np.int64), row))
        common = np.where(
            common < WHOLE, common, 1.0
        )  # beyond, sums would not be exact: no worse than a mean
    weighed = np.sum(
        [summed * (common / row) for (summed, _), row in zip(themes, answered, strict=True)], axis=0
    )
    return np.asarray(unit * weighed / (common * parts * len(themes)))


def _rule(
    scale: Instrument, rescale: str | None, prorate_at: float | None, method: str | None
) -> AppliedRule:
    chosen = method if method is not None else scale.scoring.method
    share = prorate_at if prorate_at is not None else scale.scoring.prorate_at
    fact, hint = "", ""
    if rescale not in (None, "0-100"):
        fact, hint = f"rescale is None or '0-100', got {rescale!r}.", 'pass rescale="0-100".'
    elif chosen not in ("mean", "sum"):
        fact, hint = f"method is 'mean' or 'sum', got {chosen!r}.", 'pass method="mean".'
    elif not isinstance(share, (int, float)) or isinstance(share, bool) or not 0 < share <= 1:
        fact, hint = f"prorate_at must be in (0, 1], got {share!r}.", "pass 0.8 for 80 %."
    elif rescale is not None and chosen == "sum":
        fact, hint = "scores on 0–100 are means; a sum on 0–100 has no meaning.", 'pass method="mean".'
    if fact:
        raise DefinitionError(fact_and_hint("score", fact, hint))
    if rescale is None:
        _refuse_unlike_ranges(scale)
    themes = {theme.id: len(scale.theme_items(theme.id)) for theme in scale.themes}
    _refuse_doubled_names(list(themes))
    return AppliedRule(
        instrument=scale.id,
        version=scale.version,
        content_hash=scale.content_hash,
        method="sum" if chosen == "sum" else "mean",
        prorate_at=float(share),
        rescale="0-100" if rescale else None,
        theme_items=themes,
        reversed_items=tuple(scale.reversed_items),
        total=scale.scoring.total,
        total_themes=tuple(scale.total_themes),
    )


def _refuse_unlike_ranges(scale: Instrument) -> None:
    ranges = {theme.id: _ranges(scale, [theme.id]) for theme in scale.themes}
    unlike = [theme for theme, found in ranges.items() if len(found) > 1]
    where = f"theme {name_offenders(unlike)} has" if unlike else ""
    if not unlike and len(_ranges(scale, scale.total_themes)) > 1:
        where = "the themes of the total have"
    if where:
        fact = f"{where} items of unlike ranges; their mean would have no unit."
        hint = 'pass rescale="0-100" to put every item on 0–100 first.'
        raise DefinitionError(fact_and_hint("score", fact, hint))


def _ranges(scale: Instrument, themes: list[str]) -> set[tuple[int, int]]:
    items = [item for theme in themes for item in scale.theme_items(theme)]
    return {(scale.scale_of(item).minimum, scale.scale_of(item).maximum) for item in items}


def _refuse_doubled_names(themes: list[str]) -> None:
    made = [form.format(theme) for theme in themes for form in (ANSWERED, APPLICABLE, NOT_APPLICABLE, SEM)]
    if clash := sorted(set(themes) & {*made, "total", "total_sem", "participant", "wave"}):
        fact = f"theme id {name_offenders(clash)} is also the name of a column that scoring makes."
        raise DefinitionError(fact_and_hint("score", fact, "give the theme another id."))


def _keys(responses: pd.DataFrame, notes: list[str]) -> pd.DataFrame:
    keys = pd.DataFrame(index=pd.RangeIndex(len(responses)))
    if "participant" in responses.columns:
        keys["participant"] = responses["participant"].array
    else:
        notes.append("no participant column: row numbers taken, so every row is another person")
        keys["participant"] = pd.Series(range(1, len(responses) + 1)).astype(str)
    if "wave" in responses.columns:
        keys["wave"] = responses["wave"].array
    else:
        notes.append("no wave column: wave 1 assumed")
        keys["wave"] = 1
    doubled = keys.duplicated(keep=False).to_numpy()
    if doubled.any():
        where = name_rows(np.flatnonzero(doubled) + 1, "row")
        fact = f"participant × wave is not unique: {int(doubled.sum())} rows share one ({where})."
        raise ResponseDataError(fact_and_hint("score", fact, _CHECK_FIRST))
    return keys


def _not_applicable(
    responses: pd.DataFrame, keys: pd.DataFrame, scale: Instrument, notes: list[str]
) -> dict[str, np.ndarray]:
    """Rows in which each item was answered "does not apply"."""
    reasons = reasons_of_table(responses)
    if reasons is None:
        if responses[scale.item_ids].isna().to_numpy().any():
            notes.append("the answers carry no reasons: every missing answer counts as applicable")
        return {}
    chosen = reasons[reasons["reason"].eq("not_applicable").to_numpy()]
    if chosen.empty:
        return {}
    index = pd.MultiIndex.from_frame(keys[["participant", "wave"]])
    people = pd.MultiIndex.from_arrays([chosen["participant"], chosen["wave"]])
    rows = index.get_indexer(people)
    items = chosen["item"].to_numpy()
    return {str(item): rows[(items == item) & (rows >= 0)] for item in pd.unique(items)}


def _theme_matrix(
    responses: pd.DataFrame,
    scale: Instrument,
    theme: str,
    outside: Mapping[str, np.ndarray],
    parts: int | None,
) -> tuple[np.ndarray, np.ndarray]:
    """Keyed answers and whether each item applies, both of shape (n_rows, n_items of the theme).

    With `parts`, answers count in so many whole parts of the way from the lowest to the highest.
    """
    items = scale.theme_items(theme)
    values = keyed_numbers(responses, scale, items).to_numpy(copy=True)
    applicable = np.ones(values.shape, dtype=bool)
    for i, item in enumerate(items):
        if parts is not None:
            ends = scale.scale_of(item)
            values[:, i] = (values[:, i] - ends.minimum) * (parts // (ends.maximum - ends.minimum))
        applicable[outside.get(item, np.empty(0, dtype=np.intp)), i] = False
    return values, applicable


def _parts(scale: Instrument, themes: Iterable[str]) -> int:
    """Smallest number of parts in which the steps of every response scale are whole."""
    spans = [scale.scale_of(item) for theme in themes for item in scale.theme_items(theme)]
    return math.lcm(*(ends.maximum - ends.minimum for ends in spans))


def _reliability(reliability: Mapping[str, float], names: list[str]) -> pd.Series:
    given = pd.Series(dict(reliability), dtype=float)
    if unknown := [name for name in given.index if name not in names]:
        fact = f"reliability names {name_offenders(unknown)}, which is no score of this instrument."
        raise DefinitionError(fact_and_hint("score", fact, f"the scores are {name_offenders(names)}."))
    if outside := [str(name) for name, value in given.items() if not 0 <= value <= 1]:
        fact = f"reliability of {name_offenders(outside)} is not in [0, 1]."
        raise DefinitionError(fact_and_hint("score", fact, "give coefficients such as alpha or omega."))
    return given


def _standard_errors(scores: pd.DataFrame, reliability: pd.Series, notes: list[str]) -> pd.Series:
    errors = {}
    for name, value in reliability.items():
        waves = scores.dropna(subset=[str(name)]).groupby("wave")[str(name)]
        freedom = int((waves.count() - 1).sum())
        if freedom < 1:
            notes.append(f"{name}: too few scores for a standard error of measurement")
            errors[name] = np.nan
            continue
        squares = ((waves.count() - 1) * waves.var().fillna(0)).sum()
        errors[name] = float(np.sqrt(squares / freedom * (1 - value)))
    return pd.Series(errors, dtype=float)
