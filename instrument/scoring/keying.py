"""Reverse keying in one place: how an item is turned, and how a table knows which of its items are."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, TypeVar

import numpy as np
import pandas as pd

from instrument.definition import Instrument
from instrument.errors import ResponseDataError, fact_and_hint, name_offenders, warn_user
from instrument.reading.raw import ReasonTable, reasons_of_table

KEYED = "keyed"
"""Key of `frame.attrs`: the items that are turned, each with the lowest and highest code of its scale."""

Values = TypeVar("Values", pd.Series, np.ndarray)
Ends = tuple[float, float]


class AnswerTable(pd.DataFrame):
    """Answers that know which of their items are turned.

    A pandas frame in every respect. What it knows stands in `attrs` and travels with it through
    selecting, copying, grouping, renaming, pickling and Parquet; tables put together must agree about it, and
    a column that is set brings what it knows itself.
    """

    @property
    def _constructor(self) -> type[AnswerTable]:  # pandas asks it for the type of every frame made from one
        return AnswerTable

    def __finalize__(self, other: Any, method: str | None = None, **kwargs: Any) -> AnswerTable:
        """Take over what the tables that this one was made of know; refuse those that contradict."""
        own = self.attrs.get(KEYED)
        made: AnswerTable = super().__finalize__(other, method=method, **kwargs)  # type: ignore[misc]
        if method == "rename":
            _mark(made, own or {})  # moved with the columns before
        if parts := _parts_of(other):
            _join_knowledge(made, parts)
        return made

    def __setitem__(self, key: Any, value: Any) -> None:
        """Set columns; what is set says itself whether it is turned."""
        names = list(key) if isinstance(key, list | pd.Index) else [key]
        if self.attrs.get(KEYED) or _own_ends(value):
            for name in names if not isinstance(value, pd.DataFrame) else []:
                if isinstance(name, str):
                    _take_over(self, name, value)
        super().__setitem__(key, value)

    def insert(self, loc: int, column: Any, value: Any, allow_duplicates: Any = False) -> None:
        """Insert a column, which says itself whether it is turned."""
        if isinstance(column, str) and (self.attrs.get(KEYED) or _own_ends(value)):
            _take_over(self, column, value)
        super().insert(loc, column, value, allow_duplicates=allow_duplicates)

    def __setattr__(self, name: str, value: Any) -> None:
        """Name columns anew; what is known of each moves with it."""
        before = list(self.columns) if name == "columns" and self.attrs.get(KEYED) else None
        super().__setattr__(name, value)
        if before is not None:
            _move(self, before)

    def to_parquet(self, path: Any = None, *args: Any, **kwargs: Any) -> Any:
        """Write as pandas does; reasons of missing answers become plain records, which a file can hold."""
        plain = pd.DataFrame(self)
        plain.attrs = {
            name: value.to_dict("records") if isinstance(value, pd.DataFrame) else value
            for name, value in self.attrs.items()
        }
        return plain.to_parquet(path, *args, **kwargs)


def turned(values: Values, lowest: float, highest: float) -> Values:
    """Turn answers round: lowest + highest − answer.

    Parameters
    ----------
    values
        Answers, missing ones included.
    lowest, highest
        Ends of their response scale.

    Returns
    -------
    Series or numpy.ndarray
        Same shape and kind.

    Examples
    --------
    >>> turned(np.array([1.0, 2.0, 5.0]), 1, 5).tolist()
    [5.0, 4.0, 1.0]
    """
    return (lowest + highest) - values


def keyed_items(frame: pd.DataFrame | pd.Series) -> dict[str, Ends]:
    """Items of a table that are turned, with the ends of their scales.

    Parameters
    ----------
    frame
        A table, or one column of it.

    Returns
    -------
    dict
        Item to lowest and highest code; empty for answers as they were given.
    """
    names = {str(name) for name in (frame.columns if isinstance(frame, pd.DataFrame) else [frame.name])}
    mark = frame.attrs.get(KEYED)
    if not isinstance(mark, Mapping):
        return {}
    return {str(item): (ends[0], ends[1]) for item, ends in mark.items() if str(item) in names}


def marked(frame: pd.DataFrame, items: Mapping[str, Ends]) -> AnswerTable:
    """Give a table that knows these items, and no others, to be turned.

    Parameters
    ----------
    frame
        Answers; nothing is recoded.
    items
        Item to lowest and highest code.

    Returns
    -------
    AnswerTable
        Same cells.
    """
    table = AnswerTable(frame)
    table.attrs = {name: value for name, value in frame.attrs.items() if name != KEYED}
    if items:
        table.attrs[KEYED] = {item: list(ends) for item, ends in items.items()}
    return table


def as_given(frame: pd.DataFrame) -> pd.DataFrame:
    """Answers as they were given: items that are turned are turned back.

    Parameters
    ----------
    frame
        Keyed or not.

    Returns
    -------
    pandas.DataFrame
        The frame itself where nothing is turned.
    """
    back = keyed_items(frame)
    return _recoded(frame, back, {}) if back else frame


def as_keyed(frame: pd.DataFrame, scale: Instrument) -> AnswerTable:
    """Answers with every reversed item of the instrument turned once, whether the frame was keyed or not.

    Parameters
    ----------
    frame
        Keyed or not; items that are absent are passed over.
    scale
        The instrument.

    Returns
    -------
    AnswerTable
        It knows which items are turned.
    """
    names = set(frame.columns)
    wanted = {
        item: (scale.scale_of(item).minimum, scale.scale_of(item).maximum)
        for item in scale.reversed_items
        if item in names
    }
    there = keyed_items(frame)
    unlike = {item: ends for item, ends in {**there, **wanted}.items() if (item in there) != (item in wanted)}
    return _recoded(frame, unlike, wanted)


def keyed_numbers(frame: pd.DataFrame, scale: Instrument, items: Sequence[str] | None = None) -> pd.DataFrame:
    """Keyed answers as floats, so that a high number always means more.

    Parameters
    ----------
    frame
        Keyed or not.
    scale
        The instrument.
    items
        Items wanted, all present; by default those of the instrument that the frame holds.

    Returns
    -------
    pandas.DataFrame
        Index of the frame, one float column per item, NaN for no answer.
    """
    names = set(frame.columns)
    wanted = [item for item in scale.item_ids if item in names] if items is None else list(items)
    keyed = as_keyed(frame[wanted], scale)
    columns = {item: keyed[item].to_numpy(dtype=np.float64, na_value=np.nan) for item in wanted}
    return marked(pd.DataFrame(columns, index=frame.index), keyed_items(keyed))


def _recoded(frame: pd.DataFrame, turn: Mapping[str, Ends], mark: Mapping[str, Ends]) -> AnswerTable:
    # A column without any answer has no numbers to turn, whatever pandas calls its type.
    columns = {item: turned(frame[item], *ends) for item, ends in turn.items() if frame[item].notna().any()}
    return marked(frame.assign(**columns), mark)


def _parts_of(other: Any) -> list[Any]:
    """Tables and columns that pandas put together; none where it made a frame of one frame."""
    for name in ("input_objs", "objs"):
        if (parts := getattr(other, name, None)) is not None and not isinstance(
            other, pd.DataFrame | pd.Series
        ):
            return list(parts)
    if hasattr(other, "left") and hasattr(other, "right") and not isinstance(other, pd.DataFrame | pd.Series):
        return [other.left, other.right]
    return []


def _columns_of(part: Any) -> set[str]:
    names: Iterable[Any] = part.columns if isinstance(part, pd.DataFrame) else [part.name]
    return {str(name) for name in names}


def _mark(table: pd.DataFrame, mark: Mapping[str, Sequence[float]]) -> None:
    attrs = {name: value for name, value in table.attrs.items() if name != KEYED}
    table.attrs = {**attrs, KEYED: dict(mark)} if mark else attrs


def _own_ends(value: Any) -> Ends | None:
    """Ends of a column that is turned, by what it says itself."""
    return keyed_items(value).get(str(value.name)) if isinstance(value, pd.Series) else None


def _take_over(table: pd.DataFrame, item: str, value: Any) -> None:
    """Mark an item as what is about to be set there says, or, where that says nothing, as its values show."""
    mark = dict(table.attrs.get(KEYED) or {})
    if (own := _own_ends(value)) is not None:
        mark[item] = list(own)
    elif item not in mark or np.ndim(value) == 0 or pd.isna(value).all():
        return
    elif item not in table.columns:
        del mark[item]
        if not isinstance(value, pd.Series) or value.name is None:
            _warn_unsaid(item, "as given")
    else:
        there = pd.DataFrame(table)[item]
        apart = isinstance(value, pd.Series) and not value.index.equals(there.index)
        new = value.reindex(there.index) if apart and value.index.is_unique else value
        if _alike(new, there):
            return
        if _alike(new, turned(there, *mark[item])):
            del mark[item]
        else:
            _warn_unsaid(item, "keyed")
            return
    _mark(table, mark)


def _alike(new: Any, there: pd.Series) -> bool:
    if np.shape(new) != there.shape:
        return False
    try:
        one, two = (pd.to_numeric(pd.Series(np.asarray(side))).to_numpy(np.float64) for side in (new, there))
    except (TypeError, ValueError):
        return False
    both = ~np.isnan(one) & ~np.isnan(two)
    return bool(both.any() and (one[both] == two[both]).all())


def _move(table: pd.DataFrame, before: list[Any]) -> None:
    """Marks follow columns that were named anew; those of columns that are away wait for them."""
    mark = dict(table.attrs.get(KEYED) or {})
    after = list(table.columns)
    if len(after) != len(before):
        return
    known = [next((mark[part] for part in _parts_of_name(name) if part in mark), None) for name in before]
    moved = {name: ends for name, ends in mark.items() if name not in before and name not in after}
    for old, new, ends in zip(before, after, known, strict=True):
        if isinstance(new, str) and ends is not None:
            moved[new] = ends
        elif new in mark and new not in before and not str(new).startswith(str(old)):  # a join adds to a name
            _warn_unsaid(str(new), "as given")
        elif not isinstance(new, str) and ends is not None:
            moved.update({part: mark[part] for part in _parts_of_name(old) if part in mark})
    _mark(table, moved)


def _parts_of_name(name: Any) -> tuple[Any, ...]:
    return name if isinstance(name, tuple) else (name,)


def _warn_unsaid(item: str, taken: str) -> None:
    fact = f"{item!r} was keyed in this table; what is put there does not say so and is taken to be {taken}."
    hint = "take the column from a table that knows, or key the whole table with reverse_key."
    warn_user(fact_and_hint("reverse_key", fact, hint))


def _join_knowledge(made: pd.DataFrame, parts: list[Any]) -> None:
    """Give a table what its parts know together.

    Raises
    ------
    ResponseDataError
        One part holds an item turned, another as it was given.
    """
    marks = [keyed_items(part) for part in parts]
    together = {item: ends for mark in marks for item, ends in mark.items()}
    unlike = [
        item
        for item, ends in together.items()
        if any(
            len(part) and item in _columns_of(part) and mark.get(item) != ends
            for part, mark in zip(parts, marks, strict=True)
        )
    ]
    if unlike:
        fact = f"tables are put together that hold {name_offenders(unlike)} keyed here and as given there."
        hint = "key each of them with reverse_key before, or none."
        raise ResponseDataError(fact_and_hint("reverse_key", fact, hint))
    attrs = dict(made.attrs)
    attrs.pop(KEYED, None)
    if together:
        there = set().union(*map(_columns_of, parts))
        for name in (str(name) for name in made.columns if str(name) not in there):
            # a join gives columns of one name suffixes
            if begun := [item for item in together if item in there and name.startswith(item)]:
                together[name] = together[max(begun, key=len)]
        attrs[KEYED] = {item: list(ends) for item, ends in together.items()}
    known = [told for part in parts if (told := reasons_of_table(part)) is not None]
    if known and "reasons" not in attrs:
        attrs["reasons"] = ReasonTable(pd.concat(known).drop_duplicates(ignore_index=True))
    made.attrs = attrs
