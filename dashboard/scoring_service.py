"""What the page "Score my file" needs, without Streamlit: counts, checks and scores of one upload."""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd

from analysis.screening.screen import screen
from dashboard.scoring_tables import section_of
from dashboard.uploads import Reading, Upload, answers_of, instrument_of
from instrument.definition import Instrument
from instrument.exchange.codebook import codebook_csv, codebook_html
from instrument.loading import available, load
from instrument.reading.written_cells import csv_text, text_cell, without_marks
from instrument.scoring.score import score
from instrument.scoring.scorecard import Scorecard


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ScoredFile:
    """One file of answers, scored; no answer and no person is in what a page shows of it.

    Attributes
    ----------
    file, checksum
        Its name and SHA-256.
    scale
        The instrument.
    counts
        Label to number: rows, people, waves, items, further columns.
    columns
        Label to the names of the columns recognised.
    notes
        What was assumed.
    suspicions
        What looks wrong and was left as it is.
    section
        `tables` and `captions` in the form that `analysis.report.view.table_view` takes: `scores`,
        `reasons`, `checks`, `missing`.
    card
        The scores by person, for the download only.
    """

    file: str
    checksum: str
    scale: Instrument
    counts: dict[str, int]
    columns: dict[str, tuple[str, ...]]
    notes: tuple[str, ...]
    suspicions: tuple[str, ...]
    section: dict[str, Any]
    card: Scorecard


def instruments() -> dict[str, str]:
    """Give the shipped instruments.

    Returns
    -------
    dict
        Name to title.

    Examples
    --------
    >>> "dta" in instruments()
    True
    """
    return {name: load(name).title for name in available()}


def score_upload(
    upload: Upload,
    choice: str,
    definition: Sequence[Upload] = (),
    reading: Reading | None = None,
    rescale: bool = False,
) -> ScoredFile:
    """Read, check and score one uploaded file; nothing of it stays on disk.

    Parameters
    ----------
    upload
        The file of answers.
    choice
        Name of a shipped instrument; empty for `definition`.
    definition
        YAML files of an instrument of one's own.
    reading
        How the file is written.
    rescale
        Whether every item is put on 0–100 first.

    Returns
    -------
    ScoredFile
        What to show, and the scores to take away.

    Raises
    ------
    DefinitionError
        The instrument is none, or its items cannot be averaged.
    ResponseDataError
        The file breaks the data contract.
    """
    scale = instrument_of(choice, definition)
    answers = answers_of(upload, scale, reading)
    card = score(answers, scale, rescale="0-100" if rescale else None)
    checked = screen(answers, scale)
    suspicions = tuple(answers.attrs["suspicions"])
    said = [note for note in answers.attrs["notes"] if not note.startswith("suspicion: ")]
    further = tuple(map(str, answers.columns[2 + len(scale.item_ids) :]))
    return ScoredFile(
        file=upload.plain_name,
        checksum=answers.attrs["checksum"],
        scale=scale,
        counts={
            "Rows": len(answers),
            "People": int(answers["participant"].nunique()),
            "Waves": int(answers["wave"].nunique()),
            "Items": len(scale.item_ids),
            "Further columns": len(further),
        },
        columns={"Items": tuple(scale.item_ids), "Further columns": further},
        notes=tuple(dict.fromkeys([*said, *card.notes, *checked.notes])),
        suspicions=suspicions,
        section=section_of(card, checked, scale),
        card=card,
    )


def scores_csv(scored: ScoredFile) -> bytes:
    """Write the scores as `dta score` writes them.

    Parameters
    ----------
    scored
        The scored file.

    Returns
    -------
    bytes
        CSV, one row per administration, unrounded.
    """
    return csv_text(scored.card.to_frame()).encode()


def scores_workbook(scored: ScoredFile) -> bytes:
    """Write the scores, how they were made and the codebook as a workbook.

    Parameters
    ----------
    scored
        The scored file.

    Returns
    -------
    bytes
        An .xlsx file with the sheets `scores`, `about` and `codebook`. Text is written as text, whatever
        it begins with: a participant called "=1+1" is no formula.
    """
    from openpyxl import Workbook

    book = Workbook(write_only=True)
    frame = scored.card.to_frame()
    rows = frame.astype(object).where(frame.notna(), None).itertuples(index=False, name=None)
    _sheet(book, "scores", [list(frame.columns), *rows])
    _sheet(book, "about", _about(scored))
    text = io.StringIO(codebook_csv(scored.scale))
    table = without_marks(pd.read_csv(text, dtype=str, keep_default_na=False))
    _sheet(book, "codebook", [list(table.columns), *table.itertuples(index=False, name=None)])
    written = io.BytesIO()
    book.save(written)
    return written.getvalue()


def codebook_files(scored: ScoredFile) -> dict[str, tuple[str, bytes]]:
    """Give the codebook of the instrument.

    Parameters
    ----------
    scored
        The scored file.

    Returns
    -------
    dict
        File name to its kind and content.
    """
    name = f"{scored.scale.id}-codebook"
    return {
        f"{name}.csv": ("text/csv", codebook_csv(scored.scale).encode()),
        f"{name}.html": ("text/html", codebook_html(scored.scale).encode()),
    }


def _about(scored: ScoredFile) -> list[list[Any]]:
    scale = scored.scale
    rows = [
        ["file", scored.file],
        ["SHA-256 of the file", scored.checksum],
        ["instrument", f"{scale.id} {scale.version}"],
        ["content hash", scale.content_hash],
        ["status", scale.status],
        ["rule", scored.card.rule.describe()],
    ]
    rows += [["note", note] for note in scored.notes]
    return rows + [["suspicion", suspicion] for suspicion in scored.suspicions]


def _sheet(book: Any, title: str, rows: Sequence[Sequence[Any]]) -> None:
    sheet = book.create_sheet(title)
    for row in rows:
        sheet.append([text_cell(sheet, value) for value in row])
