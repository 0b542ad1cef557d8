"""What a table of answers says as a whole: events without the form, people under two ids, foreign labels."""

from __future__ import annotations

import numpy as np
import pandas as pd

from instrument.definition import Instrument
from instrument.errors import name_offenders
from instrument.reading.cells import UNSTATED, JudgedColumn
from instrument.reading.columns import Reading, or_recognise, or_say
from instrument.reading.ids import MOST_LOST, alike_ids, is_trial, split_people, sums_up
from instrument.reading.raw import RawTable, count_of

LAST_ROWS = 5
"""Rows at the end of a table, where sums stand."""
MOST_TRIALS = 0.2
"""Where more of the rows look like trials of the survey, it is how the people are called."""


def rows_asked(
    raw: RawTable, wave: pd.Series, judged: dict[str, JudgedColumn], notes: list[str]
) -> np.ndarray:
    """Rows of waves at which some cell holds something: an event without the form is no administration."""
    if raw.reasons is not None:  # a checked table: its rows were judged by the codes that it no longer holds
        return np.ones(len(wave), dtype=bool)
    answered = np.logical_or.reduce([column.states != UNSTATED for column in judged.values()])
    held = set(wave[answered])
    asked = wave.isin(held).to_numpy(dtype=bool)
    if not held or asked.all():
        return np.ones(len(wave), dtype=bool)
    empty = [str(name) for name in pd.unique(wave) if name not in held]
    rows = count_of(int((~asked).sum()), "row")
    notes.append(f"{rows} of {name_offenders(empty)}, where nobody answered, left out: no administrations")
    return asked


def people_apart(raw: RawTable, reading: Reading, keys: dict[str, pd.Series]) -> list[str]:
    """Refuse ids that are one but for blanks, capitals, decimals or zeros and never share a wave."""
    if reading.participant not in raw.columns:
        return []
    several = bool((keys["wave"] != keys["wave"].iloc[0]).any())
    split = split_people(keys["participant"], keys["wave"]) if several else None
    if split is None or not split.pairs:
        alike = alike_ids(keys["participant"])
        what = "participant ids differ from another in capitals, blanks, decimals or leading zeros alone"
        return [f"{alike} {what}: read as people of their own"] if alike else []
    fact = (
        f"{count_of(split.pairs, 'pair')} of participant ids, of {split.people} ids, differ in {split.cause} "
        "alone and never answer at one wave"
    )
    if 2 * split.pairs > MOST_LOST * split.people:
        chosen = keys["participant"].isin(split.ids).to_numpy(dtype=bool)
        ways = {"leading zeros": "zeros", "decimals (1.0 for 1)": "decimals"}
        entry = f"ids_alike: [{ways.get(split.cause, split.cause)}]"
        hint = f"write each person's id in one way{or_say(raw, entry)}."
        raise raw.fault(f"{fact} ({raw.where(chosen)}).", hint)
    return [fact]


def nobodies(raw: RawTable, reading: Reading, people: pd.Series) -> list[str]:
    """Refuse rows at the end that sum up the people above; suspect those who only tried the survey out."""
    if reading.participant not in raw.columns:
        return []
    names = people.astype(str)
    sums = np.zeros(len(names), dtype=bool)
    sums[-LAST_ROWS:] = [sums_up(name, surely=True) for name in names.iloc[-LAST_ROWS:]]
    if sums.any() and not raw.is_mapped:
        fact = f"{count_of(int(sums.sum()), 'row')} at the end seem to sum up the people above"
        raise raw.fault(f"{fact} ({raw.where(sums)}).", f"delete them{or_say(raw, 'without_rows')}.")
    trials = names.map(is_trial).to_numpy(dtype=bool)
    if not trials.any() or trials.mean() > MOST_TRIALS:
        return []
    rows = f"{count_of(int(trials.sum()), 'row')} ({raw.where(trials)})"
    return [f"{rows} may be of people who tried the survey out, by their ids"]


def labels_beside_codes(raw: RawTable, reading: Reading) -> list[str]:
    """Suspect items in which some options stand as labels and others as codes: they may count otherwise."""
    if not reading.labels or raw.is_mapped:
        return []
    mixed = []
    for item in reading.scale.item_ids:
        codes = {str(code) for code in reading.scale.scale_of(item).codes}
        labels = {
            option.label for option in reading.scale.scale_of(item).options if option.label not in codes
        }
        texts = {str(cell).strip() for cell in pd.unique(pd.Series(raw.column(item), dtype=object).dropna())}
        if texts & labels and texts & codes:
            mixed.append(item)
    if not mixed:
        return []
    columns = f"{count_of(len(mixed), 'column')} ({name_offenders(mixed)})"
    return [f"{columns} hold labels and bare codes side by side; see that both count from the same code"]


def refuse_other_labels(raw: RawTable, scale: Instrument) -> None:
    """Refuse an SPSS file whose value labels give the instrument's labels to other codes."""
    differing = []
    for item in scale.item_ids:
        options = scale.scale_of(item)
        own = {option.label.casefold(): option.code for option in (*options.options, *options.outside)}
        labels = raw.value_labels.get(item, {})
        if any(own.get(str(label).strip().casefold(), code) != code for code, label in labels.items()):
            differing.append(item)
    if differing:
        columns = f"{count_of(len(differing), 'column')} ({name_offenders(differing)})"
        fact = f"value labels of {columns} stand at other codes than in the instrument."
        hint = "recode them, or define the scale as the file has it"
        raise raw.fault(fact, f"{hint}{or_recognise(raw)}.")


def other_words(raw: RawTable, scale: Instrument) -> list[str]:
    """Suspect labels of a file of which none is the instrument's: its codes may mean the reverse."""
    known = {
        label.casefold()
        for language in scale.languages
        for options in scale.wording(language).options.values()
        for label in options.values()
    }
    strange = []
    for item in scale.item_ids:
        own = {code: str(label).strip().casefold() for code, label in raw.value_labels.get(item, {}).items()}
        on_scale = [label for code, label in own.items() if code in scale.scale_of(item).codes]
        if on_scale and not known & set(on_scale):
            strange.append(item)
    if not strange:
        return []
    columns = f"{count_of(len(strange), 'column')} ({name_offenders(strange)})"
    return [
        f"value labels of {columns} are other words than the instrument's; see that each code means the same"
    ]
