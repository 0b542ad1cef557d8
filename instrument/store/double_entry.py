"""Double entry of paper: a second keying is compared with the first, by person and item, without values."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pandas as pd
from sqlalchemy import Connection, select

from instrument.store.answers import answers_of
from instrument.store.audit import record
from instrument.store.keyed_tables import GivenSet, answer_sets
from instrument.store.tables import administration, participant, wave
from instrument.store.windows import day_given

DISCREPANCY_COLUMNS = ["participant", "wave", "item", "what"]
BLANK = ("skipped", "not_seen")
DIFFERS, ONLY_FIRST, ONLY_SECOND = "differs", "only in the first entry", "only in the second entry"


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Comparison:
    """What two entries of the same sheets of paper have in common.

    Attributes
    ----------
    n_compared : int
        Answers that both entries have.
    n_administrations : int
        Questionnaires that both have.
    discrepancies : pandas.DataFrame
        `DISCREPANCY_COLUMNS`: each answer that differs; `item` is `completed_on` or `status` where the day or
        the state of the sheet differs, and empty where one entry lacks the whole sheet.
    """

    n_compared: int
    n_administrations: int
    discrepancies: pd.DataFrame

    def summary(self) -> str:
        """Counts in words, and the share of answers that differ."""
        found = self.discrepancies
        differing = int(((found["what"] == DIFFERS) & ~found["item"].isin(["completed_on", "status"])).sum())
        share = "" if not self.n_compared else f" ({100 * differing / self.n_compared:.2f} %)"
        lines = [
            f"{self.n_administrations} questionnaires in both entries, {self.n_compared} answers compared",
            f"{differing} answers differ{share}",
        ]
        for what in (ONLY_FIRST, ONLY_SECOND):
            if n := int((found["what"] == what).sum()):
                lines.append(f"{n} questionnaires {what}")
        if n := int((found["what"] == DIFFERS).sum()) - differing:
            lines.append(f"{n} days or states of sheets differ")
        return "\n".join(lines)


def compare_entries(connection: Connection, study_row: Any, second: pd.DataFrame) -> Comparison:
    """Compare a second keying of paper sheets with what the store holds of them.

    Parameters
    ----------
    connection
        An open transaction; a line of the audit log says that entries were compared.
    study_row
        Row of the study.
    second : pandas.DataFrame
        As `read_responses` gives it.

    Returns
    -------
    Comparison
        Everything that differs; questionnaires of the store that did not come from paper count as absent.
        A blank is a blank, whether an answer was passed over or never seen.
    """
    first = paper_of(connection, int(study_row.id))
    rows: list[tuple[str, str, str, str]] = []
    n_compared = n_both = 0
    met = set()
    for one in answer_sets(second):
        place = (one.participant, one.wave)
        met.add(place)
        kept = first.get(place)
        if kept is None:
            rows.append((*place, "", ONLY_SECOND))
            continue
        n_both += 1
        held = {row.name: (row.state, row.value) for row in _rows(answers_of(connection, int(kept.id)))}
        n_compared += len(held)
        rows += [(*place, item, DIFFERS) for item in _differing(held, one)]
        if one.completed_on is not None and one.completed_on != day_given(kept):
            rows.append((*place, "completed_on", DIFFERS))
        if one.finished != (kept.status == "completed"):
            rows.append((*place, "status", DIFFERS))
    rows += [(*place, "", ONLY_FIRST) for place in first if place not in met]
    return compared(connection, study_row, rows, n_compared, n_both)


def compared(
    connection: Connection,
    study_row: Any,
    rows: list[tuple[str, str, str, str]],
    n_compared: int,
    n_administrations: int,
) -> Comparison:
    """Give what two entries differ in, with a line of the audit log.

    Parameters
    ----------
    connection, study_row
        An open transaction, and the row of the study.
    rows
        In the order of `DISCREPANCY_COLUMNS`.
    n_compared, n_administrations
        As in `Comparison`.

    Returns
    -------
    Comparison
        All of it.
    """
    record(connection, "paper.compare", f"study {study_row.id}", len(rows))
    return Comparison(
        n_compared=n_compared,
        n_administrations=n_administrations,
        discrepancies=pd.DataFrame(rows, columns=DISCREPANCY_COLUMNS),
    )


def paper_of(connection: Connection, study_id: int) -> dict[tuple[str, str], Any]:
    """Questionnaires of a study that were keyed from paper.

    Parameters
    ----------
    connection, study_id
        An open connection, and number of the study.

    Returns
    -------
    dict of sqlalchemy.Row
        By pseudonym and name of the wave; void ones are left out.
    """
    query = (
        select(administration, participant.c.pseudonym, wave.c.name.label("wave_name"))
        .join(participant, participant.c.id == administration.c.participant_id)
        .join(wave, wave.c.id == administration.c.wave_id)
        .where(
            participant.c.study_id == study_id,
            administration.c.status != "void",
            administration.c.mode == "paper",
        )
        .order_by(participant.c.id, wave.c.position)
    )
    rows = _rows(connection.execute(query))
    return {(str(row.pseudonym), str(row.wave_name)): row for row in rows}


def _differing(held: dict[str, tuple[str, Any]], one: GivenSet) -> list[str]:
    def plain(state: str, value: Any) -> tuple[str, Any]:
        return ("blank", None) if state in BLANK else (state, value)

    given = {name: plain(answer.state, answer.value) for name, answer in one.answers.items()}
    return [
        name
        for name, (state, value) in held.items()
        if plain(state, value) != given.get(name, ("blank", None))
    ]


def _rows(rows: Any) -> list[Any]:
    return list(rows)
