"""`--form` of `dta import` and `dta study compare`: answers to a form, keyed from paper or from a CSV."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from instrument.commands.people import read_table
from instrument.commands.store import keys_of, opened
from instrument.errors import DefinitionError, fact_and_hint

if TYPE_CHECKING:
    from instrument.store.form_entries import GivenForm

FormOption = Annotated[
    str | None,
    typer.Option("--form", help="Id of a form of the study: the CSV holds answers to it, not to the scale."),
]


def forms_into_store(
    files: Sequence[Path],
    form: str,
    study: str | None,
    enrolment: Path | None,
    where: tuple[str, Path],
    allowed: Mapping[str, bool],
    *,
    paper: bool,
) -> str:
    """Keep answers to a form in the store, all of them or none.

    Parameters
    ----------
    files
        One CSV in the shape of the form's export.
    form, study
        Ids of both.
    enrolment
        Not taken with a form: days of enrolment stand in the table.
    where
        Store and key file.
    allowed
        `enrol`, `readmit` and `outside_window`.
    paper
        Whether they were keyed from paper.

    Returns
    -------
    str
        Counts in words.

    Raises
    ------
    DefinitionError
        No study is named, or more than one file.
    """
    from instrument.store.definitions import find_study, instrument_of
    from instrument.store.form_entries import SET_ASIDE, keep_form_table

    caller = "dta import"
    if study is None or len(files) != 1 or enrolment is not None:
        fact = "a form is read from one CSV into a study."
        hint = "add --study ID, give one file, and write enrolled_on into it instead of --enrolment."
        raise DefinitionError(fact_and_hint(caller, fact, hint))
    table = read_table(files[0], caller)
    if passed := [name for name in SET_ASIDE if name in table.columns]:
        typer.echo(f"Note: left out, the store counts it itself: {', '.join(passed)}", err=True)
    engine = opened(where[0])
    keyring = keys_of(where[1], engine)
    with engine.begin() as connection:
        row: Any = find_study(connection, study)
        lang = instrument_of(connection, int(row.instrument_version_id)).language
        mode = "paper" if paper else "import"
        kept, known = keep_form_table(connection, row, table, form, keyring, mode=mode, lang=lang, **allowed)
    return f"{kept} forms kept, {known} were there already."


def form_entries(row: Any, file: Path, form: str) -> list[GivenForm]:
    """Read a second entry of a form.

    Parameters
    ----------
    row
        Row of the study.
    file, form
        CSV, and id of the form.

    Returns
    -------
    list of GivenForm
        Checked as an import is.
    """
    from instrument.store.definitions import study_written_as
    from instrument.store.form_entries import form_named, read_form_table

    caller = "dta study compare"
    study = study_written_as(row.definition)
    return read_form_table(read_table(file, caller), study, form_named(study, form, caller), caller)
