"""Every format by its name, written whole or not at all."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from instrument.definition import Instrument
from instrument.errors import DefinitionError, ResponseDataError, fact_and_hint
from instrument.exchange.bids import bids_sidecar, bids_table
from instrument.exchange.codebook import codebook_csv, codebook_html, codebook_json
from instrument.exchange.delimited import long_csv, wide_csv
from instrument.exchange.fhir import fhir_json, questionnaire, questionnaire_responses
from instrument.exchange.framework import framework_csv
from instrument.exchange.paper import paper_form
from instrument.exchange.psych_ds import psych_ds_files
from instrument.exchange.redcap import redcap_dictionary
from instrument.exchange.redcap_data import redcap_data
from instrument.exchange.spss import sav_bytes
from instrument.exchange.stata import dta_bytes
from instrument.exchange.xlsform import xlsform_bytes

Content = str | bytes | dict[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Format:
    """One way to write an instrument, or answers to it.

    Attributes
    ----------
    about : str
        What it is, in a few words.
    answers : bool
        Whether it needs answers.
    make : callable
        Instrument, answers and language to a text, bytes, or several files by their path.
    """

    about: str
    answers: bool
    make: Callable[[Instrument, pd.DataFrame, str | None], Content]


FORMATS: dict[str, Format] = {
    "codebook-csv": Format(
        about="codebook, a row per code", answers=False, make=lambda s, _, g: codebook_csv(s, g)
    ),
    "codebook-json": Format(
        about="codebook, for programs", answers=False, make=lambda s, _, g: codebook_json(s, g)
    ),
    "codebook-html": Format(
        about="codebook, to read", answers=False, make=lambda s, _, g: codebook_html(s, g)
    ),
    "framework": Format(
        about="content of each item and its grade, CSV", answers=False, make=lambda s, _, g: framework_csv(s)
    ),
    "paper": Format(about="form to print, HTML", answers=False, make=lambda s, _, g: paper_form(s, g)),
    "xlsform": Format(
        about="ODK and KoboToolbox, all languages", answers=False, make=lambda s, _, g: xlsform_bytes(s)
    ),
    "redcap": Format(
        about="REDCap data dictionary", answers=False, make=lambda s, _, g: redcap_dictionary(s, g)
    ),
    "fhir-r4": Format(
        about="FHIR R4 Questionnaire",
        answers=False,
        make=lambda s, _, g: fhir_json(questionnaire(s, g, "R4")),
    ),
    "fhir-r4b": Format(
        about="FHIR R4B Questionnaire",
        answers=False,
        make=lambda s, _, g: fhir_json(questionnaire(s, g, "R4B")),
    ),
    "fhir-r5": Format(
        about="FHIR R5 Questionnaire",
        answers=False,
        make=lambda s, _, g: fhir_json(questionnaire(s, g, "R5")),
    ),
    "csv-wide": Format(about="a row per administration", answers=True, make=lambda s, a, _: wide_csv(a, s)),
    "csv-long": Format(about="a row per answer", answers=True, make=lambda s, a, _: long_csv(a, s)),
    "spss": Format(about="SPSS .sav", answers=True, make=lambda s, a, g: sav_bytes(a, s, g)),
    "stata": Format(about="Stata .dta", answers=True, make=lambda s, a, g: dta_bytes(a, s, g)),
    "redcap-data": Format(about="REDCap import file", answers=True, make=lambda s, a, _: redcap_data(a, s)),
    "fhir-r4-answers": Format(
        about="FHIR R4 Bundle of QuestionnaireResponse",
        answers=True,
        make=lambda s, a, _: fhir_json(questionnaire_responses(a, s, "R4")),
    ),
    "fhir-r4b-answers": Format(
        about="FHIR R4B Bundle of QuestionnaireResponse",
        answers=True,
        make=lambda s, a, _: fhir_json(questionnaire_responses(a, s, "R4B")),
    ),
    "fhir-r5-answers": Format(
        about="FHIR R5 Bundle of QuestionnaireResponse",
        answers=True,
        make=lambda s, a, _: fhir_json(questionnaire_responses(a, s, "R5")),
    ),
    "bids": Format(
        about="BIDS phenotype folder",
        answers=True,
        make=lambda s, a, g: {
            f"phenotype/{s.id}.tsv": bids_table(a, s),
            f"phenotype/{s.id}.json": bids_sidecar(s, g),
        },
    ),
    "psych-ds": Format(about="Psych-DS folder", answers=True, make=lambda s, a, g: psych_ds_files(a, s, g)),
}


def export_file(
    name: str,
    path: str | Path,
    scale: Instrument,
    responses: pd.DataFrame | None = None,
    language: str | None = None,
) -> Path:
    """Write an instrument, or answers to it, in a named format.

    Parameters
    ----------
    name
        One of `FORMATS`.
    path
        File to write, replaced when it exists; for `bids` and `psych-ds` a folder that must not exist.
    scale
        The instrument.
    responses : pandas.DataFrame, optional
        Wide response table; needed by formats of answers.
    language
        Language of texts and labels; None is the source.

    Returns
    -------
    pathlib.Path
        What was written; there whole or not at all, and readable by its owner only.

    Raises
    ------
    DefinitionError
        Unknown format or language, or the instrument cannot be said in the format.
    ResponseDataError
        Answers lack or are not those of the instrument, or the place cannot be written.

    Examples
    --------
    >>> import instrument, tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = export_file("codebook-csv", Path(folder) / "codebook.csv", instrument.load("dta"))
    ...     path.read_text(encoding="utf-8").count(chr(10))
    361
    """
    caller, target = "export_file", Path(path)
    if name not in FORMATS:
        fact, hint = f"format {name!r} is not known.", f"choose one of: {', '.join(FORMATS)}."
        raise DefinitionError(fact_and_hint(caller, fact, hint))
    chosen = FORMATS[name]
    if chosen.answers and responses is None:
        fact = f"format {name!r} writes answers, and there are none."
        raise ResponseDataError(fact_and_hint(caller, fact, "give a response table."))
    content = chosen.make(scale, pd.DataFrame() if responses is None else responses, language)
    try:
        _write_folder(target, content) if isinstance(content, dict) else _write_file(target, content)
    except OSError as error:
        fact = f"{target.name} cannot be written ({error.strerror})."
        raise ResponseDataError(fact_and_hint(caller, fact, "choose another place.")) from None
    return target


def _write_file(target: Path, content: str | bytes) -> None:
    raw = content.encode() if isinstance(content, str) else content
    handle, scratch = tempfile.mkstemp(dir=target.parent, prefix=".writing-")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(raw)
        os.replace(scratch, target)
    except BaseException:
        Path(scratch).unlink(missing_ok=True)
        raise


def _write_folder(target: Path, files: dict[str, str]) -> None:
    if target.exists():
        raise FileExistsError(17, "it exists")
    scratch = Path(tempfile.mkdtemp(dir=target.parent, prefix=".writing-"))
    try:
        for name, text in files.items():
            (scratch / name).parent.mkdir(parents=True, exist_ok=True)
            (scratch / name).touch(0o600)
            (scratch / name).write_text(text, encoding="utf-8", newline="")
        os.replace(scratch, target)
    except BaseException:
        shutil.rmtree(scratch, ignore_errors=True)
        raise
