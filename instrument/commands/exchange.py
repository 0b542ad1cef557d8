"""`dta export` and `dta import`: instruments and answers to and from the files of other programs."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from instrument.commands.forms import FormOption, forms_into_store
from instrument.commands.reading_options import (
    Delimiter,
    Encoding,
    Labels,
    MappingFile,
    Missing,
    Participant,
    Sheet,
    WaveColumn,
    mapping_in,
    names_in,
)
from instrument.commands.store import DEFAULT_KEYS, DEFAULT_STORE, KeyFile, StoreUrl, keys_of, opened
from instrument.errors import DefinitionError, ResponseDataError, fact_and_hint, name_offenders
from instrument.reading.raw import count_of

if TYPE_CHECKING:
    import pandas as pd

    from instrument.definition import Instrument
    from instrument.recognition import Recognition

app = typer.Typer()
READERS = ("table", "redcap", "fhir")
InstrumentOption = Annotated[str | None, typer.Option("--instrument", "-i", help="Shipped name or file.")]
StudyOption = Annotated[str | None, typer.Option("--study", help="Id of a study in the store.")]


@app.command("export")
def export_command(
    form: Annotated[str, typer.Argument(metavar="FORMAT", help="Name of a format; `list` names them all.")],
    out: Annotated[Path | None, typer.Option("--out", "-o", help="File or folder to write.")] = None,
    instrument: Annotated[
        str | None, typer.Option("--instrument", "-i", help="Shipped name or file.")
    ] = None,
    responses: Annotated[Path | None, typer.Option("--responses", help="File of answers.")] = None,
    study: StudyOption = None,
    store: StoreUrl = DEFAULT_STORE,
    language: Annotated[str | None, typer.Option("--language", help="Language of texts and labels.")] = None,
    completed: Annotated[bool, typer.Option("--completed", help="Only finished questionnaires.")] = False,
    trial: Annotated[bool, typer.Option("--trial", help="Include trial links.")] = False,
    covariates: Annotated[str, typer.Option("--covariates", help="Further columns of the file: a,b.")] = "",
    participant: Participant = "participant",
    wave: WaveColumn = "wave",
    labels: Labels = False,
    delimiter: Delimiter = None,
    encoding: Encoding = "utf-8",
    sheet: Sheet = None,
    na: Missing = "NA",
) -> None:
    """Write an instrument, or answers to it, in the format of another program."""
    from instrument.exchange.formats import FORMATS, export_file

    if form == "list":
        for name, known in FORMATS.items():
            typer.echo(f"{name}\t{'answers' if known.answers else 'instrument'}\t{known.about}")
        return
    if out is None:
        raise DefinitionError(fact_and_hint("dta export", "no place to write to.", "add --out FILE."))
    how = {
        "participant": participant,
        "wave": wave,
        "labels": labels,
        "delimiter": delimiter,
        "encoding": encoding,
        "sheet": sheet,
        "na": names_in(na),
        "caller": "dta export",
    }
    answers: pd.DataFrame | None = None
    if study is not None:
        scale, answers = _from_store(study, store, completed, trial)
    else:
        scale = _scale(instrument)
        if responses is not None:
            answers = _from_file(responses, scale, covariates, how)
    export_file(form, out, scale, answers, language)
    _tell_notes(answers)
    count = "" if answers is None else f"{len(answers)} administrations in "
    typer.echo(f"{count}{out}")


def _scale(name: str | None) -> Instrument:
    from instrument.loading import load

    if name is None:
        fact = "neither an instrument nor a study is named."
        raise DefinitionError(fact_and_hint("dta export", fact, "add --instrument NAME or --study ID."))
    return load(name)


def _from_file(path: Path, scale: Instrument, covariates: str, how: dict[str, Any]) -> pd.DataFrame:
    from instrument.reading.read_responses import read_responses

    return read_responses(path, scale, covariates=names_in(covariates), **how)


def _tell_notes(answers: pd.DataFrame | None) -> None:
    """Say what the reader assumed: thirty people in two waves must not become sixty without a word."""
    for note in () if answers is None else answers.attrs.get("notes", ()):
        typer.echo(f"Note: {note}", err=True)


def _from_store(study: str, store: str, completed: bool, trial: bool) -> tuple[Instrument, pd.DataFrame]:
    from instrument.store.connect import reading
    from instrument.store.definitions import find_study, instrument_of
    from instrument.store.retrieval import responses_of

    with reading(opened(store)) as connection:
        answers = responses_of(connection, study, completed_only=completed, with_tests=trial)
        row = find_study(connection, study)
        return instrument_of(connection, int(row.instrument_version_id)), answers


@app.command("import")
def import_command(
    files: Annotated[
        list[Path],
        typer.Argument(
            help="Answers of another program, or keyed from paper; several files of one shape together.",
            metavar="FILE...",
        ),
    ],
    reader: Annotated[str, typer.Option("--from", help="table (csv, xlsx, sav, …), redcap or fhir.")] = (
        "table"
    ),
    instrument: Annotated[
        str | None, typer.Option("--instrument", "-i", help="Shipped name or file.")
    ] = None,
    out: Annotated[Path | None, typer.Option("--out", "-o", help="Wide CSV to write.")] = None,
    study: StudyOption = None,
    form: FormOption = None,
    store: StoreUrl = DEFAULT_STORE,
    keys: KeyFile = DEFAULT_KEYS,
    paper: Annotated[bool, typer.Option("--paper", help="Mark as keyed from paper.")] = False,
    enrol: Annotated[bool, typer.Option("--enrol", help="Add people the study does not know.")] = False,
    readmit: Annotated[
        bool, typer.Option("--readmit", help="With --enrol: also people who were erased and came back.")
    ] = False,
    outside_window: Annotated[
        bool, typer.Option("--outside-window", help="Keep answers given outside their wave's window.")
    ] = False,
    enrolment: Annotated[
        Path | None,
        typer.Option(
            "--enrolment", help="With --enrol: CSV of participant and enrolled_on, for their day 0."
        ),
    ] = None,
    covariates: Annotated[str, typer.Option("--covariates", help="Further columns of the file: a,b.")] = "",
    participant: Participant = "participant",
    wave: WaveColumn = "wave",
    labels: Labels = False,
    delimiter: Delimiter = None,
    encoding: Encoding = "utf-8",
    sheet: Sheet = None,
    na: Missing = "NA",
    mapping: MappingFile = None,
    write_mapping: Annotated[
        Path, typer.Option("--write-mapping", help="Where to write how the file is understood.")
    ] = Path("mapping.yaml"),
    yes: Annotated[
        bool, typer.Option("--yes", help="Take what was recognised as it stands, unsure or not.")
    ] = False,
    file_waves: Annotated[
        str, typer.Option("--file-waves", help="Wave of each file, where they do not say it: pre,post.")
    ] = "",
) -> None:
    """Read answers of another program into a file of ours, or into the store: all of them or none.

    Without --out and --study the file is only recognised: a table says what each column was taken for, and
    a mapping is written that a person corrects and that --mapping takes. With --yes beside --out or --study
    it is read as recognised. Several files are read in the way that the first is recognised.
    """
    allowed = {"enrol": enrol, "readmit": readmit, "outside_window": outside_window}
    if form is not None:
        typer.echo(forms_into_store(files, form, study, enrolment, (store, keys), allowed, paper=paper))
        return
    file, recognised = files[0], None
    if mapping is None and reader == "table" and (yes or (out is None and study is None)):
        said = {"sheet": sheet, "encoding": encoding, "delimiter": delimiter}
        columns = {"participant": participant, "wave": wave}
        recognised = _recognise(
            file, instrument, names_in(covariates), write_mapping, said, columns, take_all=yes
        )
        participant, wave, delimiter, encoding, sheet = "participant", "wave", None, "utf-8", None
        if out is None and study is None:
            typer.echo(
                f"Then: dta validate {file} --instrument {instrument} --mapping {write_mapping} --out report"
            )
            return
    if recognised is not None:
        mapping = write_mapping  # while what was recognised is held, the file is not taken apart again
    if (out is None) == (study is None):
        fact = "one place to put the answers is needed."
        raise DefinitionError(fact_and_hint("dta import", fact, "add either --out FILE or --study ID."))
    how = {
        "participant": participant,
        "wave": wave,
        "labels": labels,
        "delimiter": delimiter,
        "encoding": encoding,
        "sheet": sheet,
        "na": names_in(na),
        "mapping": mapping_in(mapping),
        "caller": "dta import",
    }
    if mapping is not None and reader != "table":
        fact = "a mapping says how a table is read."
        raise DefinitionError(fact_and_hint("dta import", fact, "leave --from or --mapping out."))
    waves = names_in(file_waves)
    if study is not None:
        given = (reader, enrolment)
        kept, known = _into_store((files, waves), given, study, store, keys, paper, allowed, covariates, how)
        typer.echo(f"{kept} administrations kept, {known} were there already.")
        return
    from instrument.exchange.formats import export_file
    from instrument.reading.dates_given import COMPLETED_ON

    scale = _scale(instrument)
    answers = _read_all(files, waves, reader, scale, covariates, how)
    if COMPLETED_ON not in names_in(covariates) and (reader != "table" or mapping is not None):
        answers = _without_days(answers)
    export_file("csv-wide", out or Path(), scale, answers)
    _tell_notes(answers)
    typer.echo(f"{count_of(len(answers), 'administration')} in {out}")


def _recognise(
    file: Path,
    named: str | None,
    covariates: tuple[str, ...],
    where: Path,
    said: dict[str, str | None],
    columns: dict[str, str],
    *,
    take_all: bool,
) -> Recognition:
    """Show what the columns of a file were taken for, and write it down for a person to correct."""
    from instrument.common.whole_files import write_whole
    from instrument.recognition import FileForm, NothingRecognised, mapping_text, recognise

    if where.exists():
        fact = f"{str(where)!r} is there already, and may have been corrected."
        hint = "use it with --mapping, delete it, or name another with --write-mapping."
        raise DefinitionError(fact_and_hint("dta import", fact, hint))
    form = FileForm.model_validate({name: value for name, value in said.items() if value is not None})
    given = {name: None if label == name else label for name, label in columns.items()}
    try:
        found = recognise(
            file,
            _scale(named),
            covariates,
            "dta import",
            written=form,
            **given,
        )
    except NothingRecognised as nothing:
        write_whole(where, mapping_text(nothing.draft, file.name))
        fact, _, hint = str(nothing).partition("\nHint: ")
        hint = f"name the column of each item in {where}, which was written for it; or {hint}"
        raise ResponseDataError(f"{fact}\nHint: {hint}") from None
    typer.echo(found.summary())
    mapping = found.mapping.accepted() if take_all else found.mapping
    write_whole(where, mapping_text(mapping, file.name))
    typer.echo(f"Written to {where}.")
    if mapping.unsure:
        n = len(mapping.unsure)
        typer.echo(
            f"{n} {'entry is' if n == 1 else 'entries are'} unsure: correct them there, then delete their"
        )
        typer.echo(
            "lines under `unsure`; or, if the table is right, delete the file and run this with --yes."
        )
    return found


def _read_all(
    files: list[Path],
    waves: tuple[str, ...],
    reader: str,
    scale: Instrument,
    covariates: str,
    how: dict[str, Any],
) -> pd.DataFrame:
    """Read one file, or several below each other."""
    from instrument.exchange.several import put_together

    frames = [_read(file, reader, scale, covariates, how) for file in files]
    if len(frames) == 1 and not waves:
        return frames[0]
    return put_together(frames, [file.name for file in files], waves, "dta import")


def _read(file: Path, reader: str, scale: Instrument, covariates: str, how: dict[str, Any]) -> pd.DataFrame:
    import pandas as pd

    from instrument.exchange.fhir_import import from_fhir
    from instrument.exchange.redcap_data import from_redcap
    from instrument.reading.written_cells import without_marks

    if reader not in READERS:
        fact = f"reader {reader!r} is not known."
        raise DefinitionError(fact_and_hint("dta import", fact, f"choose from {name_offenders(READERS)}."))
    if reader == "table":
        return _from_table(file, scale, covariates, how)
    try:
        if reader == "fhir":
            return from_fhir(json.loads(file.read_text(encoding="utf-8-sig")), scale)
        names = tuple(name.strip() for name in covariates.split(",") if name.strip())
        table = pd.read_csv(file, dtype=str, encoding="utf-8-sig", keep_default_na=False, na_values=[""])
        return from_redcap(without_marks(table), scale, names)
    except (
        OSError,
        UnicodeDecodeError,
        json.JSONDecodeError,
        RecursionError,
        pd.errors.ParserError,
        pd.errors.EmptyDataError,
    ):
        fact = f"{file.name} cannot be read as {reader}."
        raise ResponseDataError(fact_and_hint("dta import", fact, "check the path and --from.")) from None


def _from_table(file: Path, scale: Instrument, covariates: str, how: dict[str, Any]) -> pd.DataFrame:
    """Read a table together with the columns that our own exports put beside the answers."""
    from instrument.reading.dates_given import DATED
    from instrument.reading.read_responses import columns_of
    from instrument.standing import STATUS, status_of
    from instrument.store.retrieval import BESIDE

    if how["mapping"] is not None:
        return _from_mapped(file, scale, names_in(covariates), how)
    named = [name.strip() for name in covariates.split(",") if name.strip()]
    text = {key: how[key] for key in ("encoding", "delimiter", "sheet") if how.get(key) is not None}
    ours = [
        name
        for name in columns_of(file, **text, caller="dta import")
        if name in (*BESIDE, *DATED) and name not in named
    ]
    answers = _from_file(file, scale, ",".join([*named, *ours]), how)
    if STATUS in ours:
        status_of(answers, "dta import")
    return answers


def _from_mapped(
    file: Path, scale: Instrument, covariates: tuple[str, ...], how: dict[str, Any]
) -> pd.DataFrame:
    """Read a table by its mapping, with the day of the answers where the tool kept it."""
    from instrument.reading.dates_given import dates_given, with_days
    from instrument.reading.read_responses import read_responses
    from instrument.recognition.answers import cell_text
    from instrument.recognition.tools import NO_MOMENT
    from instrument.standing import OPEN, status_of

    stamp = how["mapping"].completed_on
    if stamp is None:
        return read_responses(file, scale, covariates=covariates, **how)
    answers = read_responses(file, scale, covariates=tuple(dict.fromkeys([*covariates, stamp])), **how)
    cells = [cell_text(cell) for cell in answers[stamp]]
    is_open = status_of(answers, "dta import") == OPEN  # a last visit is no day of completion
    moments = [
        None if cell.casefold() in NO_MOMENT or unfinished else cell
        for cell, unfinished in zip(cells, is_open, strict=True)
    ]
    kept = dict(answers.attrs)
    dated = answers.copy()
    dated[stamp] = moments
    days = dates_given(dated, stamp, "dta import")
    bare = answers if stamp in covariates else answers.drop(columns=[stamp])
    bare.attrs = kept
    return with_days(bare, days, "dta import", f"column {stamp!r}")


def _without_days(answers: pd.DataFrame) -> pd.DataFrame:
    """Leave the day of the answers out of a file: only a study in the store knows the days it counts from."""
    from instrument.reading.dates_given import COMPLETED_ON

    if COMPLETED_ON not in answers.columns:
        return answers
    kept = dict(answers.attrs)
    made = answers.drop(columns=[COMPLETED_ON])
    note = "the day of the answers is left out: only an import into a study (--study) keeps it"
    made.attrs = {**kept, "notes": [*kept.get("notes", []), note]}
    return made


def _enrolled(file: Path) -> pd.DataFrame:
    import pandas as pd

    from instrument.reading.written_cells import without_marks

    try:
        return without_marks(pd.read_csv(file, dtype=str, encoding="utf-8-sig", keep_default_na=False))
    except (OSError, UnicodeDecodeError, pd.errors.ParserError, pd.errors.EmptyDataError):
        fact = f"{file.name} cannot be read as a CSV of enrolment."
        raise ResponseDataError(fact_and_hint("dta import", fact, "check the path.")) from None


def read_for_study(connection: Any, row: Any, file: Path) -> pd.DataFrame:
    """Read a table of answers to the instrument of a study, with status and dates.

    Parameters
    ----------
    connection, row
        An open connection, and the row of the study.
    file
        Table in the shape of the data contract.

    Returns
    -------
    pandas.DataFrame
        Checked; only columns that an import into the store takes.
    """
    from instrument.reading.dates_given import DATED
    from instrument.standing import STATUS
    from instrument.store.definitions import instrument_of

    scale = instrument_of(connection, int(row.instrument_version_id))
    how: dict[str, Any] = {"mapping": None, "caller": "dta study compare"}
    answers = _from_table(file, scale, "", how)
    ours = ("participant", "wave", STATUS, *DATED, *scale.item_ids)
    kept = answers[[name for name in answers.columns if name in ours]]
    kept.attrs = answers.attrs
    return kept


def _into_store(
    sources: tuple[list[Path], tuple[str, ...]],
    given: tuple[str, Path | None],
    study: str,
    store: str,
    keys: Path,
    paper: bool,
    allowed: dict[str, bool],
    covariates: str,
    how: dict[str, Any],
) -> tuple[int, int]:
    from instrument.reading.dates_given import DATED, with_enrolment
    from instrument.standing import STATUS
    from instrument.store.definitions import find_study, instrument_of
    from instrument.store.keyed_tables import keep_table

    engine = opened(store)
    keyring = keys_of(keys, engine)
    with engine.begin() as connection:
        row = find_study(connection, study)
        scale = instrument_of(connection, int(row.instrument_version_id))
        reader, enrolment = given
        answers = _read_all(*sources, reader, scale, covariates, how)
        if enrolment is not None:
            answers = with_enrolment(answers, _enrolled(enrolment), "dta import")
        _tell_notes(answers)
        mode = "paper" if paper else "import"
        ours = ("participant", "wave", STATUS, *DATED, *scale.item_ids)
        kept = [name for name in answers.columns if name in ours]
        return keep_table(
            connection,
            row,
            answers[kept],
            keyring,
            mode=mode,
            lang=scale.language,
            **allowed,
        )
