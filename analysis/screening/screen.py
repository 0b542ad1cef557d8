"""Screening of administrations: missing answers by reason, careless-response flags. Never deletes."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from analysis.common import rules
from analysis.common.result import Result
from analysis.common.rules import Rule
from analysis.reliability.inputs import Array
from analysis.screening import kernels
from analysis.screening.missing import missing_by_administration, missing_by_item, reasons_of
from instrument.answers import given_answers
from instrument.definition import Instrument
from instrument.errors import ResponseDataError, fact_and_hint, name_offenders
from instrument.loading import as_instrument
from instrument.reading.people import labels_as_text
from instrument.scoring.keying import keyed_numbers

CALLER = "screen"
KEYS = ["participant", "wave"]
FEWEST_THEMES = 3


@dataclass(frozen=True, slots=True, kw_only=True, eq=False, repr=False)
class ScreeningResult(Result):
    """Indices and flags of every administration; nothing is deleted.

    Attributes
    ----------
    table
        One row per administration, in the order of the responses: `participant`, `wave`, `n_answered`,
        `missing_share` (of the items asked), one count `missing_<reason>` per reason, `longstring`,
        `longstring_share`, `average_string`, `irv`, `irv_deviation`, `mahalanobis` (squared),
        `mahalanobis_df`, `mahalanobis_p`, `even_odd`, `seconds_per_item`, `copy_group` (0: like no other), a
        column `flag_<index>` each, `n_flags` and `flagged`.
    flags
        One row per index: `rule`, `source`, `n_judged`, `n_flagged`, `share`.
    missing_items
        One row per item: asked, answered, and counts by reason.
    notes
        What could not be computed, and why.
    n_administrations, n_participants, n_flagged
        Counts.
    """

    table: pd.DataFrame
    flags: pd.DataFrame
    missing_items: pd.DataFrame
    notes: tuple[str, ...]
    n_administrations: int
    n_participants: int
    n_flagged: int

    def to_frame(self) -> pd.DataFrame:
        """Give one row per index with the number of administrations it flags."""
        return self.flags.copy()

    def without_flagged(self, responses: pd.DataFrame) -> pd.DataFrame:
        """Give the responses of unflagged administrations, for a sensitivity run.

        Parameters
        ----------
        responses
            The table that was screened, or part of it.

        Returns
        -------
        pandas.DataFrame
            Rows whose participant and wave are not flagged; the input is left as it is.
        """
        flagged = pd.MultiIndex.from_frame(self.table.loc[self.table["flagged"], KEYS])
        return responses[~pd.MultiIndex.from_frame(responses[KEYS]).isin(flagged)]


def screen(
    responses: pd.DataFrame,
    scale: Instrument,
    *,
    times: pd.DataFrame | None = None,
    least_flags: int | None = None,
) -> ScreeningResult:
    """Look for administrations answered without care, and count missing answers by reason.

    Flags are a reason to look and to repeat the analysis without them, not to delete: slow, uniform or
    variable answering may be a symptom.

    Parameters
    ----------
    responses
        Checked wide table: `participant`, `wave`, one column per item, reasons for missing answers in
        `attrs["reasons"]`. Indices use the answers as they were given; a table from `reverse_key` is
        turned back.
    scale
        Instrument whose items these are.
    times
        `participant`, `wave`, `seconds`; without it a column `seconds` of the responses is used, if any.
    least_flags
        Indices that must flag an administration before it counts as flagged; else the rule
        `CARELESS_FLAGS`.

    Returns
    -------
    ScreeningResult
        Indices, flags and missing answers.

    Raises
    ------
    ResponseDataError
        Keys or items are absent, answers are no numbers, an administration appears twice, times are negative.

    Notes
    -----
    Longest run and average run over the items in the order of the instrument; a missing answer ends a run.
    Variability is the standard deviation of a person's raw codes, judged by its distance from the median in
    scaled median absolute deviations. Mahalanobis distances use mean and pairwise covariance of the same
    wave and, per person, the items answered; p from chi-squared with as many degrees of freedom. Even-odd
    consistency uses keyed items, at least three themes with two items; it is the negative of
    `careless::evenodd`. Copies are administrations of different people with the same answers to every item.

    Long runs and copies say nothing where items or options are few: of people who answer six yes-no items
    of one scale with care, three quarters have a run of three. People are therefore drawn who answer as
    these did item by item and pair by pair, but independently of each other (`kernels.chance_of`); an index
    that would flag more than one in ten of them judges nobody, and `notes` says so.

    In R: `careless::longstring`, `irv`, `mahad`, `evenodd`.

    References
    ----------
    Curran, P. G. (2016). doi:10.1016/j.jesp.2015.07.006
    Meade, A. W., & Craig, S. B. (2012). doi:10.1037/a0028085
    Johnson, J. A. (2005). doi:10.1016/j.jrp.2004.09.009
    Dunn, A. M., et al. (2018). doi:10.1007/s10869-016-9479-0
    Huang, J. L., et al. (2012). doi:10.1007/s10869-011-9231-8

    Examples
    --------
    >>> import instrument
    >>> scale = instrument.Instrument.model_validate({
    ...     "schema": 1, "id": "mini", "version": "1", "title": "Mini",
    ...     "response_scales": {"agree": {"options": {1: "no", 2: "partly", 3: "yes"}}},
    ...     "themes": [{"id": "t", "title": "T", "items": [{"id": i, "text": f"{i}."} for i in "abcd"]}],
    ... })
    >>> answers = pd.DataFrame(
    ...     {"participant": ["p1", "p2"], "wave": 1, "a": [2, 1], "b": [2, 3], "c": [2, 2], "d": [2, 3]}
    ... )
    >>> screen(answers, scale).table[["participant", "longstring", "irv", "flag_longstring"]]
      participant  longstring       irv  flag_longstring
    0          p1           4  0.000000             True
    1          p2           1  0.957427            False
    """
    responses = given_answers(responses, as_instrument(scale, CALLER), CALLER)
    answers = _answers(responses, scale)
    least = flags_needed() if least_flags is None else least_flags
    reasons = reasons_of(responses, answers)
    # pandas compares attrs when it joins frames, and a table among them has no truth
    responses, times = _bare(responses), None if times is None else _bare(times)
    keys = responses[KEYS].reset_index(drop=True)
    counts = missing_by_administration(keys, answers, reasons)
    notes: list[str] = []
    table = pd.concat(
        [
            keys,
            counts,
            _pattern_indices(answers.to_numpy()),
            _distances(answers.to_numpy(), keys["wave"], notes),
            _even_odd(answers, scale, notes),
            _seconds(responses, times, keys, counts["n_asked"], notes, own=scale.item_ids),
        ],
        axis=1,
    )
    table["copy_group"] = _copies_between_people(answers.to_numpy(), keys["participant"])
    flags = _flag(table, least, _met_by_chance(answers.to_numpy(), responses["participant"].nunique(), notes))
    return ScreeningResult(
        table=table,
        flags=flags,
        missing_items=missing_by_item(answers, keys, reasons),
        notes=tuple(notes),
        n_administrations=len(table),
        n_participants=int(keys["participant"].nunique()),
        n_flagged=int(table["flagged"].sum()),
    )


def flags_needed() -> int:
    """Fewest indices that flag an administration: the first number that the rule in force does not pass."""
    return math.ceil(rules.CARELESS_FLAGS.cutoff)


def _bare(frame: pd.DataFrame) -> pd.DataFrame:
    bare = frame.copy(deep=False)
    bare.attrs = {}
    return bare


MOST_BY_CHANCE = 0.1
"""Share of people who answer with care above which an index that flags them says nothing (a proposal)."""
INDICES: dict[str, tuple[str, Rule]] = {
    "longstring": ("longstring_share", rules.LONGSTRING),
    "irv": ("irv_deviation", rules.INDIVIDUAL_VARIABILITY),
    "mahalanobis": ("mahalanobis_p", rules.MAHALANOBIS),
    "even_odd": ("even_odd", rules.EVEN_ODD),
    "time": ("seconds_per_item", rules.RESPONSE_TIME),
}


def _answers(responses: pd.DataFrame, scale: Instrument) -> pd.DataFrame:
    if absent := [name for name in KEYS if name not in responses.columns]:
        raise ResponseDataError(
            fact_and_hint(
                CALLER,
                f"columns are absent: {name_offenders(absent)}.",
                "read the file with read_responses.",
            )
        )
    if responses.empty:
        raise ResponseDataError(fact_and_hint(CALLER, "there are 0 administrations.", "check the file."))
    if doubled := int(responses.duplicated(KEYS).sum()):
        raise ResponseDataError(
            fact_and_hint(
                CALLER,
                f"{doubled} of {len(responses)} rows repeat a participant and wave.",
                "keep one administration each.",
            )
        )
    return pd.DataFrame({i: responses[i].to_numpy(dtype=np.float64, na_value=np.nan) for i in scale.item_ids})


def _pattern_indices(answers: Array) -> pd.DataFrame:
    runs = kernels.runs_of_identical_answers(answers)
    irv = kernels.individual_variability(answers)
    middle, bound = np.nan, kernels.low_outliers_bound(irv, 1.0)
    if np.isfinite(bound):
        middle = float(np.nanmedian(irv))
    unit = middle - bound
    deviation = (irv - middle) / unit if unit > 0 else np.full(len(irv), np.nan)
    return pd.DataFrame(
        {
            "longstring": runs.longest,
            "longstring_share": runs.longest / answers.shape[1],
            "average_string": runs.average,
            "irv": irv,
            "irv_deviation": deviation,
        }
    )


def _distances(answers: Array, waves: pd.Series, notes: list[str]) -> pd.DataFrame:
    squared, pvalue = np.full(len(answers), np.nan), np.full(len(answers), np.nan)
    for wave in pd.unique(waves):
        rows = np.flatnonzero((waves == wave).to_numpy())
        found = kernels.mahalanobis_distances(answers[rows])
        if found is None:
            notes.append(
                f"Mahalanobis distance is not computed for wave {wave}: the covariance of "
                f"{answers.shape[1]} items over {len(rows)} administrations is not positive definite."
            )
            continue
        squared[rows], pvalue[rows] = found.squared, np.where(found.df > 0, found.pvalue, np.nan)
    df = np.isfinite(answers).sum(axis=1)
    return pd.DataFrame({"mahalanobis": squared, "mahalanobis_df": df, "mahalanobis_p": pvalue})


def _even_odd(answers: pd.DataFrame, scale: Instrument, notes: list[str]) -> pd.DataFrame:
    keyed = keyed_numbers(answers, scale)
    position = {item: number for number, item in enumerate(scale.item_ids)}
    themes = [[position[item.id] for item in theme.items] for theme in scale.themes if len(theme.items) > 1]
    if len(themes) < FEWEST_THEMES:
        notes.append(
            f"Even-odd consistency is not computed: it needs {FEWEST_THEMES} themes of two items or more, "
            f"not {len(themes)}."
        )
        return pd.DataFrame({"even_odd": np.full(len(answers), np.nan)})
    return pd.DataFrame({"even_odd": kernels.even_odd_consistency(keyed.to_numpy(), themes)})


def _seconds(
    responses: pd.DataFrame,
    times: pd.DataFrame | None,
    keys: pd.DataFrame,
    asked: pd.Series,
    notes: list[str],
    *,
    own: Sequence[str],
) -> pd.DataFrame:
    """Seconds per item asked; a column of the answers called so is no time where it is an item."""
    if times is not None:
        if absent := [name for name in [*KEYS, "seconds"] if name not in times.columns]:
            raise ResponseDataError(
                fact_and_hint(CALLER, f"times has no column {name_offenders(absent)}.", "name them so.")
            )
        known = _written(times[[*KEYS, "seconds"]])
        if doubled := int(known.duplicated(KEYS).sum()):
            raise ResponseDataError(
                fact_and_hint(
                    CALLER, f"{doubled} rows of times repeat a participant and wave.", "keep one row each."
                )
            )
        joined = _written(keys).merge(known, on=KEYS, how="left", indicator=True)
        if len(known) and not (joined["_merge"] == "both").any():
            fact = "no row of times belongs to an administration."
            hint = "write participants and waves alike in both."
            raise ResponseDataError(fact_and_hint(CALLER, fact, hint))
        seconds = joined["seconds"]
    elif "seconds" in responses.columns and "seconds" not in own:
        seconds = responses["seconds"]
    else:
        notes.append("Response time is not judged: no seconds were given.")
        return pd.DataFrame({"seconds_per_item": np.full(len(keys), np.nan)})
    taken = pd.to_numeric(seconds).to_numpy(dtype=np.float64, na_value=np.nan)
    if negative := int((taken < 0).sum()):
        raise ResponseDataError(fact_and_hint(CALLER, f"{negative} times are negative.", "check the clock."))
    items = asked.to_numpy()
    per_item = np.divide(taken, items, out=np.full(len(taken), np.nan), where=items > 0)
    return pd.DataFrame({"seconds_per_item": per_item})


def _written(table: pd.DataFrame) -> pd.DataFrame:
    """Participants and waves as text: 1 beside "1" or 1.0 is one wave."""
    return table.assign(**{name: labels_as_text(table[name]) for name in KEYS})


def _copies_between_people(answers: Array, people: pd.Series) -> pd.Series:
    group = pd.Series(kernels.copies(answers))
    several = people.groupby(group).transform("nunique") > 1
    return group.where(several, 0)


def _met_by_chance(answers: Array, people: int, notes: list[str]) -> set[str]:
    """Indices that say nothing of care: with such items they would often flag who answers with care."""
    chance = kernels.chance_of(answers, people, lambda share: not rules.LONGSTRING.holds(share))
    items = answers.shape[1]
    few = f"with {items} {'item' if items == 1 else 'items'} and these options"
    found = set()
    if chance.long_run > MOST_BY_CHANCE:
        found.add("longstring")
        notes.append(
            f"Long runs are not judged: {few}, {chance.long_run:.0%} of people who answer with care have one."
        )
    if chance.twins > MOST_BY_CHANCE:
        found.add("copy")
        others = "many" if chance.twins >= 1 else f"{chance.twins:.0%} of"
        notes.append(
            f"Same answers as another person are not judged: {few}, {others} people who answer with care "
            "give the answers of somebody else."
        )
    return found


def _flag(table: pd.DataFrame, least: int, by_chance: set[str]) -> pd.DataFrame:
    """Add the flag columns to the table and count them; indices that chance meets judge nobody."""
    rows = {}
    for name, (column, rule) in INDICES.items():
        value = table[column]
        judged = value.notna() & (name not in by_chance)
        table[f"flag_{name}"] = judged & ~value.map(rule.holds).astype(bool)
        rows[name] = (str(rule), rule.source, int(judged.sum()))
    table["flag_copy"] = (table["copy_group"] > 0) & ("copy" not in by_chance)
    rows["copy"] = ("Same answers as another person", "", 0 if "copy" in by_chance else len(table))
    names = [f"flag_{name}" for name in rows]
    table["n_flags"] = table[names].sum(axis=1)
    table["flagged"] = table["n_flags"] >= least
    flagged = [int(table[name].sum()) for name in names]
    flags = pd.DataFrame(list(rows.values()), index=list(rows), columns=["rule", "source", "n_judged"])
    flags["n_flagged"] = flagged
    flags["share"] = flags["n_flagged"] / flags["n_judged"].where(flags["n_judged"] > 0)
    return flags
