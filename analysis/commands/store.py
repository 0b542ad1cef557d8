"""Where the tables of a command come from: files that are named, or a study in a store."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any

import typer

StoreOption = Annotated[
    str | None,
    typer.Option(
        "--store", help="Take all from a study of a store (SQLite file or postgresql://…); --study is its id."
    ),
]


@dataclass(frozen=True, slots=True, kw_only=True)
class Sources:
    """Files that a command reads.

    Attributes
    ----------
    responses, instrument
        Answers, and name or file of what was asked.
    usage, study, times, enrolment
        What stands beside them, where it is given.
    notes
        What was set aside on the way out of a store.
    """

    responses: Path
    instrument: str | None
    usage: str | None = None
    study: Path | None = None
    times: Path | None = None
    enrolment: Path | None = None
    notes: list[str] = field(default_factory=list)

    def noted(self, inputs: dict[str, Any]) -> dict[str, Any]:
        """Give the tables that were read, with the notes of the store."""
        frame = inputs["responses"]
        frame.attrs["notes"] = [*self.notes, *frame.attrs.get("notes", ())]
        return inputs


@contextmanager
def sources(command: str, store: str | None, study: Path | None, **given: Any) -> Iterator[Sources]:
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
    **given
        `responses`, `instrument`, `usage`, `times`, `enrolment` as they were named.

    Yields
    ------
    Sources
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
        yield Sources(study=study, **given)
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
        yield Sources(
            responses=folder / study_files.RESPONSES,
            instrument=str(folder / study_files.INSTRUMENT),
            usage=None if usage is None else str(usage),
            study=folder / study_files.STUDY,
            notes=notes,
            **found,
        )
