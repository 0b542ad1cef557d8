"""Tables as they were analysed, for a script that cannot read the files of the analyst."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pandas as pd

from instrument.errors import DefinitionError, fact_and_hint
from instrument.reading.written_cells import csv_text


def refuse_beside(folder: Path, report: Path) -> None:
    """Refuse a folder for answers that lies in that of a report, or the other way round, or that is a file.

    Raises
    ------
    DefinitionError
        It does, or is one.
    """
    if folder.exists() and not folder.is_dir():
        fact = f"{folder} is a file."
        raise DefinitionError(fact_and_hint("dta --analysed", fact, "name a folder; it is made when absent."))
    here, there = folder.resolve(), report.resolve()
    if here == there or there in here.parents or here in there.parents:
        fact = "the tables hold people's answers and would lie with the report."
        raise DefinitionError(fact_and_hint("dta --analysed", fact, "name a folder apart from --out."))


def write_analysed(tables: Mapping[str, pd.DataFrame], folder: Path, report: Path) -> list[Path]:
    """Write the tables as analysed; they hold people's answers, so never among what is passed on.

    Parameters
    ----------
    tables
        By name, as `validate` hands them over.
    folder
        Created when absent.
    report
        Folder of the report, which must be another one.

    Returns
    -------
    list of pathlib.Path
        Files written, readable by their owner alone.

    Raises
    ------
    DefinitionError
        The folder lies in that of the report, or the other way round.
    """
    refuse_beside(folder, report)
    folder.mkdir(parents=True, exist_ok=True)
    written = []
    for name, table in tables.items():
        path = folder / f"analysed_{name}.csv"
        path.touch(mode=0o600)
        path.chmod(0o600)
        path.write_text(csv_text(table), encoding="utf-8")
        written.append(path)
    return written
