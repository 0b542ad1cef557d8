"""Answers that were given after the use they are to predict had begun."""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from instrument.errors import ResponseDataError, fact_and_hint, name_offenders
from instrument.reading.people import labels_as_text
from instrument.study import Study

NEEDED = ("participant", "wave", "day")


def late_rows(table: pd.DataFrame, times: pd.DataFrame, study: Study, caller: str) -> NDArray[np.bool_]:
    """Say which administrations were answered after the day on which their wave closes.

    Parameters
    ----------
    table : DataFrame, n rows
        participant, wave.
    times
        participant, wave, day: day of the study on which each was answered.
    study
        Its waves; that of the landmark may be answered up to the landmark.
    caller
        Public function, for messages.

    Returns
    -------
    array, shape (n,)
        True where the answer came on a later day. One whose day is not known, or whose wave the study does
        not hold, is taken to be in time.

    Raises
    ------
    ResponseDataError
        The times lack a column or repeat a participant and wave.
    """
    if absent := [name for name in NEEDED if name not in times]:
        fact = f"the times have no column {name_offenders(absent)}."
        raise ResponseDataError(fact_and_hint(caller, fact, "give participant, wave, day."))
    known = with_labels(times[list(NEEDED)].dropna())
    if known.duplicated(["participant", "wave"]).any():
        fact = f"{int(known.duplicated(['participant', 'wave']).sum())} times repeat a participant and wave."
        raise ResponseDataError(fact_and_hint(caller, fact, "keep one each."))
    closes = {wave.name: float(wave.closes) for wave in study.waves}
    if study.landmark is not None:
        closes[str(study.landmark.wave)] = float(study.landmark.day)
    keys = with_labels(table[["participant", "wave"]])
    day = keys.merge(known, on=["participant", "wave"], how="left")["day"].astype(float).to_numpy()
    last = keys["wave"].map(closes).to_numpy(dtype=float)
    return np.asarray(np.floor(day) > last)


def with_labels(table: pd.DataFrame) -> pd.DataFrame:
    """Give the table with participants and waves as text, whole numbers without decimals."""
    return table.assign(**{name: labels_as_text(table[name]) for name in ("participant", "wave")})


def said_of(late: pd.Series) -> list[str]:
    """What is told of late administrations.

    Parameters
    ----------
    late : Series
        Waves of the late ones, one entry each.

    Returns
    -------
    list of str
        A sentence for each wave.
    """
    return [
        f"ratings of wave {wave} that came after it closed, when the use they are to predict had begun, are "
        f"left out as if not given: {count}"
        for wave, count in late.astype(str).value_counts().sort_index().items()
    ]
