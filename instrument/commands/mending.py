"""`dta study correct`, `reopen`, `void`, `acts` and `compare`: mend what was keyed, with a reason."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

import typer

from instrument.commands.forms import FormOption, form_entries
from instrument.commands.people import StudyName, read_table, refuse_existing, write_privately
from instrument.commands.store import DEFAULT_STORE, StoreUrl, opened

app = typer.Typer()
Reason = Annotated[str, typer.Option("--reason", help="Why; kept with the act. Never write an answer here.")]
By = Annotated[str, typer.Option("--by", help="Who decided it, as the team names its members.")]
Who = Annotated[str, typer.Argument(help="Pseudonym.")]
AtWave = Annotated[str, typer.Argument(help="Wave.")]
NewFile = Annotated[Path | None, typer.Option("--out", "-o", help="New CSV file; else it is printed.")]


@app.command("correct")
def correct_command(
    name: StudyName,
    file: Annotated[
        Path,
        typer.Argument(help="CSV: participant, wave, item (or form.question), code; a row for each answer."),
    ],
    reason: Reason,
    by: By = "",
    store: StoreUrl = DEFAULT_STORE,
) -> None:
    """Correct single answers: all of them or none; what they were is kept in the history."""
    from instrument.store.definitions import find_study
    from instrument.store.mending import Because, correct_answers

    corrections = read_table(file, "dta study correct")
    with opened(store).begin() as connection:
        row = find_study(connection, name)
        done = correct_answers(connection, row, corrections, Because(reason, by))
    typer.echo(done.said)


@app.command("reopen")
def reopen_command(
    name: StudyName,
    pseudonym: Who,
    wave: AtWave,
    reason: Reason,
    by: By = "",
    store: StoreUrl = DEFAULT_STORE,
) -> None:
    """Open a finished questionnaire again, for its person or for a later import."""
    from instrument.store.mending import reopen_administration

    _act(reopen_administration, name, pseudonym, wave, (reason, by), store)
    typer.echo("Reopened. The person goes on with the same link while the wave is open.")


@app.command("void")
def void_command(
    name: StudyName,
    pseudonym: Who,
    wave: AtWave,
    reason: Reason,
    by: By = "",
    store: StoreUrl = DEFAULT_STORE,
) -> None:
    """Take a questionnaire out of every export; it stays in the store, marked void, for good."""
    from instrument.store.mending import void_administration

    _act(void_administration, name, pseudonym, wave, (reason, by), store)
    typer.echo("Void. The person may answer this wave anew while it is open.")


def _act(
    act: Callable[..., int], name: str, pseudonym: str, wave: str, why: tuple[str, str], store: str
) -> None:
    from instrument.store.definitions import find_study
    from instrument.store.mending import Because

    with opened(store).begin() as connection:
        act(connection, find_study(connection, name), pseudonym, wave, Because(*why))


@app.command("amend")
def amend_command(
    name: StudyName,
    file: Annotated[Path, typer.Argument(help="The amended study file, whole.")],
    reason: Reason,
    by: By = "",
    store: StoreUrl = DEFAULT_STORE,
) -> None:
    """Put an amended file in place of a study's: texts, windows, consent, wording; versions are kept."""
    from instrument.commands.study import refuse_half_languages
    from instrument.loading import load_beside
    from instrument.store.amending import amend_study
    from instrument.store.mending import Because
    from instrument.study import load_study, with_form_questions

    study = with_form_questions(load_study(file), file.parent)
    scale = load_beside(study.instrument, file.parent)
    refuse_half_languages(study, scale, "dta study amend")
    with opened(store).begin() as connection:
        number = amend_study(connection, name, study, scale, Because(reason, by))
    typer.echo(f"Study {name} has version {number} now.")


@app.command("versions")
def versions_command(name: StudyName, out: NewFile = None, store: StoreUrl = DEFAULT_STORE) -> None:
    """List the versions of a study: when, what was changed and why."""
    from instrument.reading.written_cells import csv_text
    from instrument.store.amending import versions_of
    from instrument.store.connect import reading

    with reading(opened(store)) as connection:
        table = versions_of(connection, name)
    _give(csv_text(table), out, len(table), "dta study versions")


@app.command("export")
def export_command(
    name: StudyName,
    out: Annotated[Path, typer.Option("--out", "-o", help="New folder for the files.")],
    identifying: Annotated[
        bool, typer.Option("--identifying", help="Also answers that may tell who somebody is, as free text.")
    ] = False,
    store: StoreUrl = DEFAULT_STORE,
) -> None:
    """Write all of a study that an analysis takes: answers, use, enrolment, times, order, consent, forms."""
    from instrument.store.study_files import write_study_files

    for note in write_study_files(store, name, out, identifying=identifying, forms_alone=True):
        typer.echo(f"Note: {note}", err=True)
    typer.echo(f"{len(list(out.iterdir()))} files in {out}")


@app.command("acts")
def acts_command(name: StudyName, out: NewFile = None, store: StoreUrl = DEFAULT_STORE) -> None:
    """List what was corrected, reopened or made void, when and why."""
    from instrument.reading.written_cells import csv_text
    from instrument.store.connect import reading
    from instrument.store.definitions import find_study
    from instrument.store.mending import acts_of

    with reading(opened(store)) as connection:
        number: Any = find_study(connection, name).id
        table = acts_of(connection, number)
    _give(csv_text(table), out, len(table), "dta study acts")


@app.command("compare")
def compare_command(
    name: StudyName,
    second: Annotated[Path, typer.Argument(help="Second entry of the same sheets of paper, as a table.")],
    form: FormOption = None,
    out: NewFile = None,
    store: StoreUrl = DEFAULT_STORE,
) -> None:
    """Compare a second entry of paper with the first, by person and item; no answer is shown."""
    from instrument.commands.exchange import read_for_study
    from instrument.reading.written_cells import csv_text
    from instrument.store.definitions import find_study
    from instrument.store.double_entry import compare_entries
    from instrument.store.form_entries import compare_forms

    if out is not None:
        refuse_existing(out, "dta study compare")
    with opened(store).begin() as connection:
        row = find_study(connection, name)
        if form is None:
            found = compare_entries(connection, row, read_for_study(connection, row, second))
        else:
            found = compare_forms(connection, row, form_entries(row, second, form), form)
    typer.echo(found.summary())
    if len(found.discrepancies) or out is not None:
        _give(csv_text(found.discrepancies), out, len(found.discrepancies), "dta study compare")


def _give(text: str, out: Path | None, rows: int, caller: str) -> None:
    if out is None:
        typer.echo(text, nl=False)
        return
    write_privately(out, text, caller)
    typer.echo(f"{rows} rows in {out}")
