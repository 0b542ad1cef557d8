"""The files of one study that a command reads: those that are named, or those of a study in a store."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Annotated, Any

import typer

from instrument.study_data import StudyData

StoreOption = Annotated[
    str | None,
    typer.Option(
        "--store", help="Take all from a study of a store (SQLite file or postgresql://…); --study is its id."
    ),
]


@dataclass(frozen=True, slots=True, kw_only=True)
class StudyFiles:
    """Files that a command reads.

    Attributes
    ----------
    responses, instrument
        Answers, and name or file of what was asked.
    usage, outcomes, study, times, enrolment, audit
        What stands beside them, where it is given; a log may be an address of many files.
    covariates
        A file, or names of columns of the answers with commas between them.
    notes
        What was set aside on the way out of a store.
    """

    responses: Path
    instrument: str | None
    usage: str | Path | None = None
    outcomes: Path | None = None
    covariates: str | Path | None = None
    study: Path | None = None
    times: Path | None = None
    enrolment: Path | None = None
    audit: Path | None = None
    notes: list[str] = field(default_factory=list)

    def noted(self, data: StudyData) -> StudyData:
        """Give the tables that were read, with the notes of the store."""
        frame = data.responses
        frame.attrs["notes"] = [*self.notes, *frame.attrs.get("notes", ())]
        return replace(data, set_aside=tuple(self.notes))


@contextmanager
def files_of_study(
    command: str,
    store: str | None,
    study: Path | None,
    beside: Mapping[str, Any] | None = None,
    **given: Any,
) -> Iterator[StudyFiles]:
    """Give the files that were named, or those of a study of a store, which are gone afterwards.

    A store goes the way of its exported files, so that numbers are the same.

    Parameters
    ----------
    command
        Named in messages.
    store
        Of the study; None: files are named.
    study
        Study file; with a store, the id of the study.
    beside
        `outcomes`, `covariates`, `audit`: what no store holds.
    **given
        `responses`, `instrument`, `usage`, `times`, `enrolment` as they were named.

    Yields
    ------
    StudyFiles
        To be read within the block.

    Raises
    ------
    DefinitionError
        Neither answers nor a store, a store without a study, or files beside a store that has its own.
    """
    from instrument.errors import DefinitionError, fact_and_hint, name_offenders

    if store is None:
        if given["responses"] is None:
            fact, hint = "no answers are named.", "name a file of answers, or --store URL and --study ID."
            raise DefinitionError(fact_and_hint(command, fact, hint))
        yield StudyFiles(study=study, **given, **(beside or {}))
        return
    from instrument.store import study_files

    if study is None:
        raise DefinitionError(fact_and_hint(command, "no study of the store is named.", "add --study ID."))
    if doubled := [name for name, value in given.items() if value is not None]:
        fact = f"{name_offenders(doubled)} named beside a store, which has its own."
        raise DefinitionError(fact_and_hint(command, fact, "leave them out, or leave --store out."))
    with study_files.study_folder(store, str(study)) as (folder, notes):
        there = {name: folder / f"{name}.csv" for name in ("usage", "times", "enrolment")}
        found = {name: path for name, path in there.items() if path.is_file()}
        usage = found.pop("usage", None)
        yield StudyFiles(
            responses=folder / study_files.RESPONSES,
            instrument=str(folder / study_files.INSTRUMENT),
            usage=None if usage is None else str(usage),
            study=folder / study_files.STUDY,
            notes=notes,
            **found,
            **(beside or {}),
        )
