"""Files that a page was given: bounded in size, read in a folder that is gone afterwards."""

from __future__ import annotations

import io
import tempfile
import warnings
import zipfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath
from typing import Any

import pandas as pd

from instrument.definition import Instrument
from instrument.errors import (
    DefinitionError,
    ResponseDataError,
    ToolkitError,
    ToolkitWarning,
    fact_and_hint,
)
from instrument.loading import load, read_yaml
from instrument.reading.files import KNOWN, read_raw
from instrument.reading.read_responses import read_responses
from instrument.recognition import FileForm, load_mapping, recognise
from instrument.recognition.came_in import CAME_IN, in_words

LARGEST_MB = 50
LARGEST_DEFINITION_MB = 1
LARGEST_UNPACKED_MB = 500
MEGABYTE = 1024 * 1024
ANSWER_KINDS = tuple(suffix.removeprefix(".") for suffix in KNOWN)
DEFINITION_KINDS = ("yaml", "yml")
LONGEST_NAME = 120


@dataclass(frozen=True, slots=True, kw_only=True)
class Upload:
    """A file by name and content; the name is only ever used without its folders."""

    name: str
    content: bytes

    @property
    def plain_name(self) -> str:
        """Name without folders and signs that a file name cannot hold."""
        last = PurePosixPath(self.name.replace("\\", "/")).name
        kept = "".join(sign for sign in last if sign.isprintable() and sign not in '/:*?"<>|').lstrip(".")
        stem, suffix = PurePosixPath(kept).stem, PurePosixPath(kept).suffix
        return f"{stem[:LONGEST_NAME] or 'upload'}{suffix[:12]}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """How a file of answers is written, where it differs from the contract.

    Attributes
    ----------
    participant, wave
        Names of these columns.
    covariates
        Further columns to keep.
    sheet
        Sheet of a workbook; empty for the only one.
    delimiter
        Sign between the fields of a text file; empty for the one its ending says.
    encoding
        Of a text file.
    labels
        Whether the cells hold the labels of the options in place of their codes.
    recognise
        Whether columns and answers are recognised, as with the file of a survey tool; of the fields above
        only the further columns are then used.
    take_unsure
        Whether what is recognised but unsure is taken as it stands.
    mapping
        Text of a mapping file that says how the file is understood; of the fields above only the further
        columns are then used.
    """

    participant: str = "participant"
    wave: str = "wave"
    covariates: tuple[str, ...] = ()
    sheet: str = ""
    delimiter: str = ""
    encoding: str = "utf-8"
    labels: bool = False
    recognise: bool = False
    take_unsure: bool = False
    mapping: str = ""


def instrument_of(choice: str, definition: Sequence[Upload] = ()) -> Instrument:
    """Load a shipped instrument, or one that was dropped in.

    Parameters
    ----------
    choice
        Name of a shipped instrument; empty for the definition given.
    definition
        The YAML file of an instrument, with its files of wording when it names any.

    Returns
    -------
    Instrument
        Checked whole.

    Raises
    ------
    DefinitionError
        The files are no instrument; the message gives the path into the file of each fault.
    """
    return load(choice) if choice else own_instrument(definition)[0]


def own_instrument(definition: Sequence[Upload]) -> tuple[Instrument, str]:
    """Load an instrument from the files that were dropped in.

    Parameters
    ----------
    definition
        The YAML file of an instrument, with its files of wording when it names any.

    Returns
    -------
    tuple
        The instrument, and the name of the file that defines it.

    Raises
    ------
    DefinitionError
        The files are no instrument.
    """
    if not definition:
        raise _wrong("no instrument was given.", "choose one, or drop in the YAML file of yours.")
    with _folder() as folder:
        for upload in definition:
            check_size(upload, LARGEST_DEFINITION_MB, DefinitionError)
            (folder / upload.plain_name).write_bytes(upload.content)
        try:
            main = _main_file(folder, [upload.plain_name for upload in definition])
            return load(main), main.name
        except RecursionError:
            fact, hint = "the YAML file is nested too deeply.", "write it flat, as shipped ones are."
            raise _wrong(fact, hint) from None


def answers_of(upload: Upload, scale: Instrument, reading: Reading | None = None) -> pd.DataFrame:
    """Read an uploaded file of answers and check it whole.

    Parameters
    ----------
    upload
        The file.
    scale
        Instrument that it answers.
    reading
        How it is written.

    Returns
    -------
    pandas.DataFrame
        As `instrument.read_responses` gives it; what it warned of stands in `attrs["suspicions"]`.

    Raises
    ------
    ResponseDataError
        The file is too large or breaks the contract; the message holds counts, columns and lines only.
    """
    how = reading or Reading()
    check_size(upload)
    _unpacks(upload)
    with _folder() as folder, warnings.catch_warnings():
        warnings.simplefilter("ignore", ToolkitWarning)  # they stand in attrs, and the page shows them
        path = folder / upload.plain_name
        path.write_bytes(upload.content)
        answers = _read(path, scale, how)
    answers.attrs["notes"] = [*in_words(answers.attrs[CAME_IN]), *answers.attrs["notes"]]
    return answers


def names_in(upload: Upload) -> tuple[str, ...]:
    """Read the names of the columns of a workbook or of a file of SPSS, Stata, R or Parquet.

    Parameters
    ----------
    upload
        The file.

    Returns
    -------
    tuple of str
        Empty where it cannot be read, or has several sheets: its reader says what is wrong with it.
    """
    try:
        check_size(upload)
        _unpacks(upload)
        with _folder() as folder, warnings.catch_warnings():
            warnings.simplefilter("ignore", ToolkitWarning)
            path = folder / upload.plain_name
            path.write_bytes(upload.content)
            return tuple(read_raw(path, None, "utf-8", None, "upload").columns)
    except ToolkitError:
        return ()


def _read(path: Path, scale: Instrument, how: Reading) -> pd.DataFrame:
    """Read a file in the way that was chosen on the page."""
    if how.mapping:
        return _mapped(path, scale, how)
    if how.recognise:
        return _recognised(path, scale, how)
    return read_responses(
        path,
        scale,
        covariates=how.covariates,
        sheet=how.sheet or None,
        labels=how.labels,
        participant=how.participant,
        wave=how.wave,
        encoding=how.encoding,
        delimiter=how.delimiter or None,
        caller="upload",
    )


def _mapped(path: Path, scale: Instrument, how: Reading) -> pd.DataFrame:
    """Read a file as the mapping that was dropped in beside it says."""
    where = path.parent / ("mapping.yaml" if path.name != "mapping.yaml" else "mapping_of_it.yaml")
    where.write_text(how.mapping, encoding="utf-8")
    mapping = load_mapping(where)
    return read_responses(path, scale, covariates=how.covariates, mapping=mapping, caller="upload")


def _recognised(path: Path, scale: Instrument, how: Reading) -> pd.DataFrame:
    """Read a file as it is recognised; what it was taken for stands in the notes."""
    form = FileForm(sheet=how.sheet or None, encoding=how.encoding, delimiter=how.delimiter or None)
    named = {
        name: None if label == name else label
        for name, label in (("participant", how.participant), ("wave", how.wave))
    }
    found = recognise(path, scale, how.covariates, "upload", written=form, **named)
    mapping = found.mapping.accepted() if how.take_unsure else found.mapping
    answers = read_responses(path, scale, mapping=mapping, caller="upload")
    taken = [f"column {entry.column!r} is taken for {entry.meaning} ({entry.why})" for entry in found.columns]
    left = [f"left out: {', '.join(mapping.left_out)}"] if mapping.left_out else []
    answers.attrs["notes"] = [*answers.attrs["notes"], *found.notes, *found.answers, *taken, *left]
    return answers


def named_columns(text: str) -> tuple[str, ...]:
    """Take the names of columns out of a line of text.

    Parameters
    ----------
    text
        Such as `sex, site`.

    Returns
    -------
    tuple of str
        Names, each once.

    Examples
    --------
    >>> named_columns(" sex, site,,sex ")
    ('sex', 'site')
    """
    return tuple(dict.fromkeys(name.strip() for name in text.split(",") if name.strip()))


def with_defaults(reading: Reading) -> Reading:
    """Put the usual names where a field was left empty.

    Parameters
    ----------
    reading
        As filled in.

    Returns
    -------
    Reading
        With names of the participant and wave columns.
    """
    return replace(
        reading,
        participant=reading.participant.strip() or "participant",
        wave=reading.wave.strip() or "wave",
        sheet=reading.sheet.strip(),
    )


def check_size(
    upload: Upload, megabytes: int | None = None, kind: type[Exception] = ResponseDataError
) -> None:
    """Refuse a file that is larger than the page takes.

    Parameters
    ----------
    upload
        The file.
    megabytes
        The limit; that of answers by default.
    kind
        Error to raise.
    """
    most = LARGEST_MB if megabytes is None else megabytes
    if len(upload.content) > most * MEGABYTE:
        size = len(upload.content) / MEGABYTE
        fact = f"{upload.plain_name} has {size:,.1f} MB; the page takes {most} MB."
        hint = "use the command line for larger files: dta score, dta validate."
        raise kind(fact_and_hint("upload", fact, hint))


@contextmanager
def _folder() -> Iterator[Path]:
    """A folder that only this user can look into, gone when the block ends however it ends."""
    with tempfile.TemporaryDirectory(prefix="dta-upload-") as name:
        yield Path(name)


def _unpacks(upload: Upload) -> None:
    """Refuse a workbook that would fill the memory; one that is no archive is explained by its reader."""
    try:
        with zipfile.ZipFile(io.BytesIO(upload.content)) as archive:
            unpacked = sum(entry.file_size for entry in archive.infolist())
    except (zipfile.BadZipFile, ValueError, NotImplementedError):
        return
    if unpacked > LARGEST_UNPACKED_MB * MEGABYTE:
        fact = f"{upload.plain_name} unpacks to {unpacked / MEGABYTE:,.0f} MB."
        hint = "save only the sheet of the answers, or export it as CSV."
        raise ResponseDataError(fact_and_hint("upload", fact, hint))


def _main_file(folder: Path, names: Sequence[str]) -> Path:
    """Find the file that defines the instrument; its wording may only come from the files beside it."""
    found: dict[str, dict[str, Any]] = {}
    for name in names:
        content = read_yaml(folder / name, "load")
        if "themes" in content and "response_scales" in content:
            found[name] = content
    if not found and len(names) == 1:
        return folder / names[0]  # what it lacks is said by its reader
    if len(found) != 1:
        fact = f"{len(found)} of {len(names)} files define an instrument (themes and response_scales)."
        raise _wrong(fact, "drop in one instrument, with its files of wording.")
    name, content = next(iter(found.items()))
    wording = content.get("translations")
    named = (
        [value for value in wording.values() if isinstance(value, str)] if isinstance(wording, dict) else []
    )
    if absent := [value for value in named if value not in names]:
        fact = f"{name} takes wording from {len(absent)} file(s) that are not here: {absent[:5]}."
        raise _wrong(fact, "drop them in together with it.")
    return folder / name


def _wrong(fact: str, hint: str) -> DefinitionError:
    return DefinitionError(fact_and_hint("load", fact, hint))
