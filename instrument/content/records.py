"""The folder in which the work on content is kept: one settings file and plain tables, checked whole."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal, Self

import pandas as pd
from pydantic import Field, ValidationError, model_validator

from instrument.definition import Identifier, Instrument, Model, Text
from instrument.errors import DefinitionError, ResponseDataError, fact_and_hint, name_offenders
from instrument.loading import faults_of, load_beside, read_yaml
from instrument.reading.text import read_delimited

CALLER = "load_content"
SETTINGS = "content.yaml"
CLEAR = "clear"  # the code of an item that was asked about and understood
WHOLE = ("instructions", "time_frame", "options")  # asked about beside the items
ASPECTS = ("relevance", "comprehensibility", "comprehensiveness")
DECISIONS = ("keep", "reword", "drop", "add")
Step = Literal["comprehension", "recall", "judgement", "answer", "other"]
TABLES: dict[str, tuple[str, ...]] = {
    "ratings": ("judge", "round", "item", "aspect", "rating"),
    "sorting": ("judge", "item", "theme"),
    "interviews": ("interview", "round", "group", "recorded"),
    "codes": ("interview", "item", "coder", "code"),
    "decisions": ("round", "item", "decision", "before", "after", "reason"),
}
MAY_BE_EMPTY = ("before", "after", "reason")
TRANSLATION = (
    "text",
    "source",
    "forward_1",
    "forward_2",
    "reconciled",
    "back",
    "review",
    "debriefed",
    "final",
)


class Judge(Model):
    """One judge: an expert, or a person of the kind the scale is meant for (`user`); a pseudonym."""

    id: Identifier
    role: Literal["expert", "user"]
    field: str = ""


class Rating(Model):
    """Scale of the judges' ratings; from `relevant_from` up an item counts as relevant, or clear."""

    lowest: int = 1
    highest: int = 4
    relevant_from: int = 3

    @model_validator(mode="after")
    def _check_ends(self) -> Self:
        if not self.lowest < self.relevant_from <= self.highest:
            raise ValueError("relevant_from must lie above lowest and not above highest")
        return self


class Code(Model):
    """A kind of problem that interviews showed, and the step of answering at which it arises."""

    step: Step
    text: Text


class ContentFile(Model):
    """Settings of the work on content: who judged, which codes there are, what is stated."""

    schema_version: Literal[1] = Field(alias="schema")
    id: Identifier
    title: Text
    instrument: Text
    synthetic: bool = False
    notice: str = ""
    items: tuple[Identifier, ...] = ()
    rating: Rating = Rating()
    judges: tuple[Judge, ...] = ()
    codes: dict[Identifier, Code] = Field(default_factory=dict)
    tested_by: Annotated[int, Field(ge=1)] = 5
    statements: dict[Identifier, Annotated[Text, Field(min_length=20)]] = Field(default_factory=dict)

    @model_validator(mode="after")
    def _check_names(self) -> Self:
        for key, names in (("judges", [judge.id for judge in self.judges]), ("items", list(self.items))):
            if doubled := [name for name, count in Counter(names).items() if count > 1]:
                raise ValueError(f"{key}: {name_offenders(doubled)} used twice")
        if CLEAR in self.codes:
            raise ValueError(f"codes.{CLEAR}: means no problem and is always there; leave it out")
        return self


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ContentRecords:
    """The work on content of one instrument.

    Attributes
    ----------
    file : ContentFile
        The settings.
    scale : Instrument
        The instrument.
    items : tuple of str
        Items under study.
    ratings, sorting, interviews, codes, decisions : pandas.DataFrame
        The tables, empty where a file is not there. `round` and `rating` are whole numbers, the rest texts.
    translations : dict of pandas.DataFrame
        Language to its record of texts.
    checksum : str
        SHA-256 of all files.
    """

    file: ContentFile
    scale: Instrument
    items: tuple[str, ...]
    ratings: pd.DataFrame
    sorting: pd.DataFrame
    interviews: pd.DataFrame
    codes: pd.DataFrame
    decisions: pd.DataFrame
    translations: dict[str, pd.DataFrame]
    checksum: str

    def judges_of(self, role: str) -> list[str]:
        """Ids of the judges with this role."""
        return [judge.id for judge in self.file.judges if judge.role == role]

    def rated(self, aspect: str, role: str | None = None, round_: int | None = None) -> pd.DataFrame:
        """Ratings of one aspect, a row per judge and a column per item (or theme).

        Parameters
        ----------
        aspect
            Relevance, comprehensibility or comprehensiveness.
        role
            `expert` or `user`; both by default.
        round_
            The round; by default each judge's last rating of each item.
        """
        wanted = self.ratings[self.ratings["aspect"] == aspect]
        if role is not None:
            wanted = wanted[wanted["judge"].isin(self.judges_of(role))]
        if round_ is not None:
            wanted = wanted[wanted["round"] == round_]
        wanted = wanted.sort_values("round", kind="stable").drop_duplicates(["judge", "item"], keep="last")
        wide = wanted.pivot(index="judge", columns="item", values="rating")
        known = [*self.items, *(theme.id for theme in self.scale.themes)]
        return wide[[name for name in known if name in wide.columns]].rename_axis(columns=None)

    @property
    def rounds(self) -> list[int]:
        """Rounds of rating, in order."""
        return sorted(set(map(int, self.ratings["round"])))

    @property
    def reworded(self) -> list[str]:
        """Items that a decision reworded."""
        chosen = self.decisions.loc[self.decisions["decision"] == "reword", "item"]
        return list(dict.fromkeys(chosen))


def load_content(folder: str | Path) -> ContentRecords:
    """Read a folder of work on content and check it whole.

    Parameters
    ----------
    folder
        Holds `content.yaml` and, as far as the work has come, `ratings.csv`, `sorting.csv`,
        `interviews.csv`, `codes.csv`, `decisions.csv` and `translations/<language>.csv`.

    Returns
    -------
    ContentRecords
        Everything, checked.

    Raises
    ------
    DefinitionError
        There is no such folder or settings file, or the settings are impossible.
    ResponseDataError
        A table lacks a column, has one that it must not have (nobody's words belong here), repeats a row, or
        names what there is not; with lines, never with what an interviewee said.
    """
    place = Path(folder)
    if not (place / SETTINGS).is_file():
        fact = f"there is no {SETTINGS} in {place.name!r}."
        raise DefinitionError(fact_and_hint(CALLER, fact, "make one: dta content new FOLDER -i NAME."))
    try:
        file = ContentFile.model_validate(read_yaml(place / SETTINGS, CALLER))
    except ValidationError as error:
        shown = "\n".join(f"  {fault}" for fault in faults_of(error, ContentFile)[:5])
        fact = f"{SETTINGS} says something impossible.\n{shown}"
        raise DefinitionError(fact_and_hint(CALLER, fact, "mend the keys named.")) from None
    scale = load_beside(file.instrument, place)
    if unknown := [name for name in file.items if name not in scale.item_ids]:
        fact = f"items: {name_offenders(unknown)} not in {scale.id} {scale.version}."
        raise DefinitionError(fact_and_hint(CALLER, fact, "name items of the instrument."))
    tables = {name: _read(place / f"{name}.csv", columns) for name, columns in TABLES.items()}
    languages = sorted((place / "translations").glob("*.csv"))
    records = ContentRecords(
        file=file,
        scale=scale,
        items=file.items or tuple(scale.item_ids),
        **tables,
        translations={path.stem: _read(path, TRANSLATION) for path in languages},
        checksum=_checksum([place / SETTINGS, *(place / f"{name}.csv" for name in TABLES), *languages]),
    )
    _check(records)
    return records


def _checksum(files: Iterable[Path]) -> str:
    found = hashlib.sha256()
    for file in files:
        if file.is_file():
            found.update(file.name.encode() + b"\0" + file.read_bytes() + b"\0")
    return found.hexdigest()


def _read(path: Path, columns: Sequence[str]) -> pd.DataFrame:
    """Table of texts without blanks around; rounds and ratings as whole numbers; the line as the index."""
    if not path.is_file():
        table = pd.DataFrame({name: pd.Series(dtype=object) for name in columns})
    else:
        raw = read_delimited(path, path.read_bytes(), CALLER)
        names = [name.strip() for name in raw.columns]
        absent = [name for name in columns if name not in names]
        foreign = [name for name in names if name not in columns]
        if absent or foreign or len(set(names)) < len(names):
            fact = f"{path.name}: columns absent: {name_offenders(absent) or 'none'}; not known: "
            hint = (
                f"give {', '.join(columns)}; what people said stays in your own notes, as it may name them."
            )
            raise _fault(f"{fact}{name_offenders(foreign) or 'none'}.", hint)
        cells = [[cell.strip() for cell in column] for column in raw.cells]
        table = pd.DataFrame(dict(zip(names, cells, strict=True)), index=raw.lines, dtype=object)
        table = table[list(columns)]
    translation = tuple(columns) == TRANSLATION
    for name in columns:
        optional = name in MAY_BE_EMPTY or (translation and name not in ("text", "source"))
        blank = table[name] == ""
        if not optional and blank.any():
            raise _fault(f"{path.name}: {name} is empty {_lines(table[blank])}.", "fill these cells.")
        if name in ("round", "rating", "debriefed"):
            kept = table[name].where(~blank, "0")
            wrong = ~kept.astype(str).str.fullmatch(r"-?\d{1,4}")
            if wrong.any():
                fact = f"{path.name}: {name} is no whole number {_lines(table[wrong])}."
                raise _fault(fact, "give a whole number.")
            table[name] = kept.astype(int)
    return table


def _lines(rows: pd.DataFrame) -> str:
    return f"(lines {name_offenders(rows.index)})" if len(rows) > 1 else f"(line {rows.index[0]})"


def _fault(fact: str, hint: str) -> ResponseDataError:
    return ResponseDataError(fact_and_hint(CALLER, fact, hint))


def _among(table: pd.DataFrame, column: str, allowed: Iterable[Any], file: str, what: str) -> None:
    """Refuse rows whose cell is not among what is allowed; the cells are named only where they are ids."""
    wrong = table[~table[column].isin(list(allowed))]
    if len(wrong):
        fact = f"{file}: {len(wrong)} cells of {column} are no {what} {_lines(wrong)}."
        raise _fault(fact, f"use ids of {SETTINGS} and of the instrument.")


def _once(table: pd.DataFrame, keys: list[str], file: str) -> None:
    doubled = table[table.duplicated(keys)]
    if len(doubled):
        fact = f"{file}: {len(doubled)} rows repeat {', '.join(keys)} {_lines(doubled)}."
        raise _fault(fact, "keep one row for each.")


def _check(records: ContentRecords) -> None:
    file, themes = records.file, [theme.id for theme in records.scale.themes]
    judges = [judge.id for judge in file.judges]
    ratings = records.ratings
    _among(ratings, "judge", judges, "ratings.csv", "judge")
    _among(ratings, "aspect", ASPECTS, "ratings.csv", f"aspect ({', '.join(ASPECTS)})")
    whole = ratings["aspect"] == "comprehensiveness"
    _among(ratings[~whole], "item", records.items, "ratings.csv", "item under study")
    _among(ratings[whole], "item", themes, "ratings.csv", "theme, which is what comprehensiveness is of")
    scale = file.rating
    _among(ratings, "rating", range(scale.lowest, scale.highest + 1), "ratings.csv", "rating")
    _once(ratings, ["judge", "round", "item", "aspect"], "ratings.csv")
    _among(records.sorting, "judge", judges, "sorting.csv", "judge")
    _among(records.sorting, "item", records.items, "sorting.csv", "item under study")
    _among(records.sorting, "theme", [*themes, "none"], "sorting.csv", "theme, or `none`")
    _once(records.sorting, ["judge", "item"], "sorting.csv")
    _once(records.interviews, ["interview"], "interviews.csv")
    _among(records.interviews, "recorded", ("yes", "no"), "interviews.csv", "yes or no")
    _among(records.codes, "interview", records.interviews["interview"], "codes.csv", "interview")
    _among(records.codes, "item", (*records.items, *WHOLE), "codes.csv", "item under study")
    _among(records.codes, "code", (CLEAR, *file.codes), "codes.csv", f"code of {SETTINGS}, or `{CLEAR}`")
    _once(records.codes, ["interview", "item", "coder", "code"], "codes.csv")
    by = records.codes.groupby(["interview", "item", "coder"])["code"].agg(set)
    if torn := [key for key, codes in by.items() if CLEAR in codes and len(codes) > 1]:
        fact = (
            f"codes.csv: {len(torn)} items are both `{CLEAR}` and a problem for one coder of one interview."
        )
        raise _fault(fact, "keep the problem, or `clear`.")
    decisions = records.decisions
    _among(decisions, "decision", DECISIONS, "decisions.csv", f"decision ({', '.join(DECISIONS)})")
    _among(
        decisions[decisions["decision"] == "keep"], "item", (*records.items, *WHOLE), "decisions.csv", "item"
    )
    _once(decisions, ["round", "item"], "decisions.csv")
    bare = decisions[(decisions["decision"] == "reword") & (decisions["before"] == decisions["after"])]
    bare = pd.concat([bare, decisions[(decisions["decision"] != "keep") & (decisions["reason"] == "")]])
    if len(bare):
        fact = f"decisions.csv: a rewording changes nothing, or a decision has no reason {_lines(bare)}."
        raise _fault(fact, "give the wording before and after, and the reason.")
    for language, table in records.translations.items():
        if language not in records.scale.languages:
            fact = f"translations/{language}.csv: the instrument has no wording in {language!r}."
            raise _fault(fact, f"it has {', '.join(records.scale.languages)}.")
        _once(table, ["text"], f"translations/{language}.csv")
