"""Use in the stretch of time that follows each wave of ratings."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
import pandas as pd

from analysis.usage.reading import LogReading
from analysis.usage.summarise_usage import UsageSummary, summarise_usage
from analysis.usage.words import EARLY_USE
from instrument.errors import DefinitionError, NotEstimableError, fact_and_hint
from instrument.reading.people import labels_as_text
from instrument.study import Landmark, Study, Wave

CALLER = "relate_waves"


@dataclass(frozen=True, slots=True, kw_only=True)
class Windows:
    """Use by person and wave.

    `use`: participant, wave, done, due (while watched), percent, and what came before the first window:
    use_before (units done, uncapped), active_days_before, idle_at_landmark, first_use_before,
    first_week_before, last_week_before; only people still watched when the window opens, with something due
    in it. `table`: wave, from_day, to_day, due.
    """

    use: pd.DataFrame
    table: pd.DataFrame
    notes: list[str]


def waves_in_use(study: Study) -> list[Wave]:
    """Main waves that close while the study still runs: only these can be followed by use.

    Parameters
    ----------
    study
        The study.

    Returns
    -------
    list of Wave
        In the order of the study file.
    """
    return [wave for wave in study.rated_waves if 0 < wave.closes < study.study_days]


def use_by_window(
    events: Any,
    study: Study,
    *,
    participants: pd.DataFrame | None = None,
    engine: Any = None,
    reading: LogReading | None = None,
    known: UsageSummary | None = None,
) -> Windows:
    """Count the intended units done between the close of each main wave and that of the next.

    Parameters
    ----------
    events
        Usage log, as for `summarise_usage`.
    study
        Waves, intended use.
    participants
        Everyone enrolled.
    engine, reading
        As for `summarise_usage`.
    known
        Summary of the same log at the study's landmark, so that the log is read once less.

    Returns
    -------
    Windows
        One row per person and wave.

    Raises
    ------
    DefinitionError
        Windows of asking overlap, so that use between them cannot be told apart.
    NotEstimableError
        Fewer than two waves are followed by intended use.
    """
    waves = study.rated_waves
    for early, late in pairwise(waves):
        if late.opens < early.closes:
            fact = f"wave {late.name!r} opens on day {late.opens}, before {early.name!r} closes."
            hint = "use of the first would follow answers of the second; let waves not overlap."
            raise DefinitionError(fact_and_hint(CALLER, fact, hint))
    waves = waves_in_use(study)
    days = [wave.closes for wave in waves]
    if len(days) < 2:
        raise _too_few(len(days))
    summaries = [
        known
        if known is not None and known.rule["landmark_day"] == float(wave.closes)
        else _after(events, study, wave, participants, engine, reading)
        for wave in waves
    ]
    kept = [k for k in range(len(days)) if float(summaries[k].rule["intended_after"]) > 0]
    if len(kept) < 2:
        raise _too_few(len(kept))
    parts, rows = [], []
    for k in kept:
        here = summaries[k]
        later = summaries[k + 1] if k + 1 < len(days) else None
        done, due = _between(here, later)
        people = here.people
        part = pd.DataFrame({"participant": labels_as_text(people["participant"]), "done": done, "due": due})
        part["wave"] = waves[k].name
        seen = people["end_day"].to_numpy(float) > days[k]
        part = part[seen & (due > 0)]
        part["percent"] = 100 * np.minimum(part["done"], part["due"]) / part["due"]
        parts.append(part)
        end = days[k + 1] if k + 1 < len(days) else study.study_days
        whole = float(here.rule["intended_after"]) - (float(later.rule["intended_after"]) if later else 0.0)
        rows.append(
            {
                "wave": waves[k].name,
                "from_day": days[k],
                "to_day": end,
                "due": whole,
                "people": len(people),
                "not_watched": int((~seen).sum()),
                "nothing_due": int((seen & ~(due > 0)).sum()),
            }
        )
    first = summaries[kept[0]]
    # use by weekday is told only where everybody's day of enrolment is
    told = [name for name in EARLY_USE[1:] if name in first.people]
    earlier = first.people[["participant", *told]].assign(
        participant=labels_as_text(first.people["participant"]),
        use_before=first.people[f"{first.rule['measure']}_before"].astype(float),
    )
    use = pd.concat(parts, ignore_index=True).merge(earlier, on="participant", how="left")
    return Windows(use=use, table=pd.DataFrame(rows), notes=list(first.notes))


def _too_few(count: int) -> NotEstimableError:
    fact = f"{count} main waves are followed by intended use; repeated ratings need 2."
    return NotEstimableError(fact_and_hint(CALLER, fact, "use relate_adherence for one wave."))


def _after(
    events: Any,
    study: Study,
    wave: Wave,
    participants: pd.DataFrame | None,
    engine: Any,
    reading: LogReading | None,
) -> UsageSummary:
    moved = study.model_copy(update={"landmark": Landmark(wave=wave.id, day=wave.closes)})
    return summarise_usage(events, moved, engine, participants=participants, reading=reading)


def _between(here: UsageSummary, later: UsageSummary | None) -> tuple[np.ndarray, np.ndarray]:
    """Units done and due from one close to the next: those after the one less those after the other."""
    columns = [f"{here.rule['measure']}_after", "intended_after"]
    table = here.people.set_index("participant")[columns].astype(float)
    if later is not None:
        table = table - later.people.set_index("participant")[columns].astype(float).reindex(table.index)
    return table[columns[0]].to_numpy(dtype=float), table[columns[1]].to_numpy(dtype=float)
