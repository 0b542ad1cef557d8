"""The mapping file: how the columns and answers of a file are understood, for a person to correct."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal

import yaml
from pydantic import Field, ValidationError, field_validator, model_validator

from instrument.definition import Model
from instrument.errors import MOST_NAMED, DefinitionError, fact_and_hint
from instrument.loading import faults_of, read_yaml

HEAD = (
    "# How {source} is understood. Correct what is wrong; what stands under `unsure` was not taken for\n"
    "# granted: see that it is right above, or correct it there, and delete its line below.\n"
    "# Then give this file with --mapping to dta import, score, validate or adherence.\n"
)
Column = Annotated[str, Field(min_length=1)]
SeveralColumns = Annotated[tuple[Column, ...], Field(min_length=2)]


class FileForm(Model):
    """How the file is written."""

    encoding: str = "utf-8"
    delimiter: str | None = None
    decimal: Literal[".", ","] = "."
    sheet: str | None = None
    rows_above: Annotated[int, Field(ge=0, le=50)] = 0
    header_rows: Annotated[int, Field(ge=1, le=5)] = 1
    names_row: Annotated[int, Field(ge=1, le=5)] = 1


class LongForm(Model):
    """Columns of a table that has a row for each answer."""

    item: Column
    answer: Column


class Mapping(Model):
    """Which column holds what, and which text means which code.

    Attributes
    ----------
    instrument : str
        Id of the instrument that the file answers.
    tool : str
        Program that wrote the file, as far as it shows.
    file : FileForm
        Encoding, delimiter, decimal mark, sheet, rows above the header that hold something else, rows of the
        header and which of them names the columns.
    participant, wave, status, completed_on : str, optional
        Columns; without the first every row is another person, without the second all is wave 1. Several
        columns under `wave` (an event and its repetition) are joined by a point.
    items : dict
        Id of each item to its column; or to several, of which one at most holds something in each row.
    wave_names : dict
        Other writing of a wave to that wave (`{Baseline: T1, t1: T1}`); the rest stand as written.
    waves : dict
        Where a row holds several waves: wave to item to column, in place of `wave` and `items`.
    not_asked : tuple of str
        Items that have no column because nobody was asked them; never filled in by recognition.
    long : LongForm, optional
        Where each answer has a row: columns of items and answers; `items` then names texts of the former.
    answers : dict
        By response scale: each text or foreign code to the code it means; null for a missing answer.
    covariates : tuple of str
        Further columns to keep.
    without_rows : dict
        By column: texts of rows that are no answers of people, such as previews.
    fill_down : tuple of str
        Columns whose empty cells hold what stands above them, as merged cells do; never filled in by
        recognition, nor are the next two.
    ids_alike : tuple of str
        What ids may differ in and still be one person: blanks, capitals, decimals (`1.0`), zeros in front.
    doubles : {"first", "last"}, optional
        Which row of a person at a wave counts where there are several.
    left_out : tuple of str
        Columns that are not read.
    unsure : tuple of str
        What was not taken for granted; nothing is read while something stands here.
    """

    mapping: Literal[1] = 1
    instrument: str
    tool: str = "table"
    file: FileForm = FileForm()
    participant: Column | None = None
    wave: Column | SeveralColumns | None = None
    status: Column | None = None
    completed_on: Column | None = None
    states: dict[str, Literal["completed", "open"]] = Field(default_factory=dict)
    items: dict[str, Column | SeveralColumns] = Field(default_factory=dict)
    wave_names: dict[str, Annotated[str, Field(min_length=1)]] = Field(default_factory=dict)
    waves: dict[str, dict[str, Column]] = Field(default_factory=dict)
    not_asked: tuple[str, ...] = ()
    long: LongForm | None = None
    answers: dict[str, dict[str, int | None]] = Field(default_factory=dict)
    covariates: tuple[Column, ...] = ()
    without_rows: dict[str, tuple[str, ...]] = Field(default_factory=dict)
    fill_down: tuple[Column, ...] = ()
    ids_alike: tuple[Literal["blanks", "capitals", "decimals", "zeros"], ...] = ()
    doubles: Literal["first", "last"] | None = None
    left_out: tuple[str, ...] = ()
    unsure: tuple[str, ...] = ()

    @field_validator("answers", mode="before")
    @classmethod
    def _texts(cls, value: Any) -> Any:
        """Take numbers that stand as keys for texts."""
        if not isinstance(value, dict):
            return value
        return {
            name: {str(text): code for text, code in texts.items()} if isinstance(texts, dict) else texts
            for name, texts in value.items()
        }

    @field_validator("wave_names", mode="before")
    @classmethod
    def _names(cls, value: Any) -> Any:
        """Take numbers for texts on both sides, without blanks around the writing, as cells are read."""
        if not isinstance(value, dict):
            return value
        return {str(text).strip(): str(wave).strip() for text, wave in value.items()}

    @model_validator(mode="after")
    def _one_shape(self) -> Mapping:
        if bool(self.items) == bool(self.waves):
            raise ValueError("either items or waves say which column holds which item")
        if self.waves and (self.wave is not None or self.long is not None):
            raise ValueError("where waves are named by column, wave and long are left out")
        if self.wave_names and self.wave is None:
            raise ValueError("wave_names are writings in the column of the wave, and wave names none")
        if self.long is not None and self.participant is None:
            raise ValueError("where each answer has a row, participant says whose it is")
        return self

    def accepted(self) -> Mapping:
        """Give the same with everything taken as it stands."""
        return self.model_copy(update={"unsure": ()})

    def wave_columns(self) -> tuple[str, ...]:
        """Columns of the wave."""
        return (self.wave,) if isinstance(self.wave, str) else self.wave or ()

    def columns_of(self, item: str) -> tuple[str, ...]:
        """Columns of an item."""
        named = self.items[item]
        return (named,) if isinstance(named, str) else named

    def columns(self) -> list[str]:
        """Columns that are read."""
        if self.long is not None:
            of_items = [self.long.item, self.long.answer]
        else:
            of_items = [column for item in self.items for column in self.columns_of(item)]
        of_items += [column for items in self.waves.values() for column in items.values()]
        named = [self.participant, *self.wave_columns(), self.status, *of_items, *self.covariates]
        return [name for name in (*named, *self.without_rows, *self.fill_down) if name is not None]


def load_mapping(path: str | Path) -> Mapping:
    """Read a mapping file.

    Parameters
    ----------
    path
        YAML, as `mapping_text` writes it.

    Returns
    -------
    Mapping
        Checked.

    Raises
    ------
    DefinitionError
        The file is no mapping; the message gives the path into the file of each fault.
    """
    content = read_yaml(Path(path), "load_mapping")
    try:
        return Mapping.model_validate(content)
    except ValidationError as error:
        faults = faults_of(error, Mapping)
        more = f" (and {len(faults) - MOST_NAMED} more)" if len(faults) > MOST_NAMED else ""
        fact = f"{Path(path).name}: {'; '.join(faults[:MOST_NAMED])}{more}."
        hint = "correct these entries, or have the file written anew by dta import."
        raise DefinitionError(fact_and_hint("load_mapping", fact, hint)) from None


def mapping_text(mapping: Mapping, source: str) -> str:
    """Write a mapping as YAML with a head that says what to do with it.

    Parameters
    ----------
    mapping
        The mapping.
    source
        Name of the file it is about.

    Returns
    -------
    str
        YAML.

    Examples
    --------
    >>> mapping = Mapping(instrument="mini", items={"q1": "Q1"})
    >>> mapping_text(mapping, "answers.csv").splitlines()[3:6]
    ['mapping: 1', 'instrument: mini', 'tool: table']
    """
    content = mapping.model_dump(mode="json")
    body = yaml.safe_dump(content, allow_unicode=True, sort_keys=False, width=100)
    return HEAD.format(source=source) + body
