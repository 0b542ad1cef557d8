"""The one door for answers: any table and any type of column gives the same numbers, or the same refusal."""

from __future__ import annotations

import decimal
import enum
import numbers
from collections import Counter
from collections.abc import Sequence
from typing import Any

import narwhals.stable.v1 as nw
import numpy as np
import numpy.typing as npt
import pandas as pd

from instrument.definition import Instrument
from instrument.errors import ResponseDataError, fact_and_hint, kind_of, name_offenders
from instrument.reading.raw import count_of
from instrument.reading.suspicions import warn_of_codes, warn_of_keying
from instrument.scoring.keying import as_given, keyed_items, marked

Array = npt.NDArray[np.float64]

CHECK_FIRST = "read the file with read_responses, or check the frame with check_responses."


class ColumnFault(enum.Enum):
    """Why a column gives no numbers: what is said of it, and the hint."""

    TEXT = ("are not numeric", "pass item columns only, with the codes of the response scale.")
    UNORDERED = ("hold text categories without an order", "order the categories, or give their codes.")
    ENDLESS = ("hold infinite values", "code missing answers as NA.")


def table_of(table: Any, caller: str, what: str = "items") -> pd.DataFrame:
    """Give any table as a pandas frame.

    Parameters
    ----------
    table
        A pandas frame, which is given back as it is; a numpy array of shape (n_rows, n_columns), whose
        columns are called item1, item2, …; or any table that narwhals knows (polars, pyarrow, …).
    caller
        Public function that the message names.
    what
        Its argument.

    Returns
    -------
    pandas.DataFrame
        One row per row.

    Raises
    ------
    ResponseDataError
        It is no table, or one that has not been computed yet.

    Examples
    --------
    >>> table_of(np.array([[1, 2], [3, 4]]), "cronbach_alpha").columns.to_list()
    ['item1', 'item2']
    """
    if isinstance(table, pd.DataFrame):
        return table
    if isinstance(table, np.ndarray) and table.ndim == 2 and table.dtype.names is None:
        return pd.DataFrame(table, columns=[f"item{k}" for k in range(1, table.shape[1] + 1)])
    known = nw.from_native(table, pass_through=True)
    if isinstance(known, nw.DataFrame):
        return known.to_pandas()
    fact = f"{what} is {kind_of(table)}."
    hint = "pass a pandas DataFrame, one column per item."
    if isinstance(known, nw.LazyFrame):
        hint = "collect it first: a table in memory is needed."
    raise ResponseDataError(fact_and_hint(caller, fact, hint))


def column_numbers(column: pd.Series) -> Array | ColumnFault:
    """Give a column as floats, NaN for missing, whatever its type.

    Parameters
    ----------
    column
        Numbers of any type, nullable or not; truth values (1 and 0); objects that are numbers or missing;
        categories that are numbers (their values, not their positions), or texts in a declared order
        (their positions 1, 2, …).

    Returns
    -------
    numpy.ndarray or ColumnFault
        Shape (n_rows,), or why there are no numbers.

    Examples
    --------
    >>> column_numbers(pd.Series([1, None, 3], dtype=object)).tolist()
    [1.0, nan, 3.0]
    >>> words = pd.Categorical(["much", "little"], categories=["little", "much"], ordered=True)
    >>> column_numbers(pd.Series(words)).tolist()
    [2.0, 1.0]
    >>> column_numbers(pd.Series(["much", "little"]))
    <ColumnFault.TEXT: ('are not numeric', 'pass item columns only, with the codes of the response scale.')>
    """
    kind = column.dtype
    if isinstance(kind, np.dtype) and kind.kind in "fiu":
        plain = column.to_numpy(dtype=np.float64)
        return ColumnFault.ENDLESS if np.isinf(plain).any() else plain
    column = _plain(column)
    kind = column.dtype
    if isinstance(kind, pd.CategoricalDtype):
        values = _category_numbers(kind)
        return values if isinstance(values, ColumnFault) else np.append(values, np.nan)[column.cat.codes]
    if pd.api.types.is_numeric_dtype(kind) and not pd.api.types.is_complex_dtype(kind):
        found = column.to_numpy(dtype=np.float64, na_value=np.nan)
    elif (objects := _object_numbers(column)) is not None:
        found = objects
    else:
        return ColumnFault.TEXT
    return ColumnFault.ENDLESS if np.isinf(found).any() else found


def _plain(column: pd.Series) -> pd.Series:
    """Undo what pyarrow wraps: dictionaries are categories, columns without any value are empty."""
    if not isinstance(column.dtype, pd.ArrowDtype):
        return column
    import pyarrow

    stored = column.dtype.pyarrow_dtype
    if pyarrow.types.is_dictionary(stored) or pyarrow.types.is_null(stored):
        plain = pyarrow.array(column.array).to_pandas()
        return pd.Series(plain.array, index=column.index, name=column.name)
    return column


def _category_numbers(kind: pd.CategoricalDtype) -> Array | ColumnFault:
    values = column_numbers(pd.Series(kind.categories))
    if not isinstance(values, ColumnFault):
        return values
    return np.arange(1.0, len(kind.categories) + 1) if kind.ordered else ColumnFault.UNORDERED


def _object_numbers(column: pd.Series) -> Array | None:
    """Numbers of a column of objects; None where one is something else."""
    missing = column.isna().to_numpy(dtype=bool)
    found = np.full(len(column), np.nan)
    if missing.all():
        return found
    if not pd.api.types.is_object_dtype(column.dtype):
        return None
    known = column[~missing]
    truths = known.map(lambda value: isinstance(value, (bool, np.bool_))).to_numpy(dtype=bool)
    if truths.any() != truths.all():
        return None
    if not known.map(lambda value: isinstance(value, (numbers.Real, decimal.Decimal, np.bool_))).all():
        return None
    found[~missing] = known.map(float).to_numpy(dtype=np.float64)
    return found


def numeric_columns(table: pd.DataFrame, caller: str, columns: Sequence[Any] | None = None) -> pd.DataFrame:
    """Give columns of a table as floats, or say once which of them hold none.

    Parameters
    ----------
    table
        From `table_of`.
    caller
        Public function that the message names.
    columns
        Those wanted, all present; by default all.

    Returns
    -------
    pandas.DataFrame
        Names as text, index kept, NaN for missing. It knows which items are turned, as the table did.

    Raises
    ------
    ResponseDataError
        A name occurs twice, or a column holds no numbers.
    """
    wanted = list(table.columns) if columns is None else list(columns)
    names = [str(name) for name in wanted]
    stored = Counter(str(name) for name in table.columns)
    if twice := sorted({name for name in names if stored[name] > 1}):
        fact = f"columns appear twice: {name_offenders(twice)}."
        raise ResponseDataError(fact_and_hint(caller, fact, "keep one of each."))
    found = {name: column_numbers(table[column]) for name, column in zip(names, wanted, strict=True)}
    for fault in ColumnFault:
        if offenders := [name for name, values in found.items() if values is fault]:
            what, hint = fault.value
            fact = f"{len(offenders)} of {len(names)} columns {what}: {name_offenders(offenders)}."
            if fault is ColumnFault.ENDLESS:
                fact = f"infinite values in {name_offenders(offenders)}."
            raise ResponseDataError(fact_and_hint(caller, fact, hint))
    turned = {item: ends for item, ends in keyed_items(table).items() if item in found}
    return marked(pd.DataFrame(found, index=table.index), turned)


def with_numbers(table: Any, caller: str, columns: Sequence[Any]) -> pd.DataFrame:
    """Give a table whose named columns are floats; the others are kept as they are.

    Parameters
    ----------
    table
        Of any kind that `table_of` takes.
    caller
        Public function that the messages name.
    columns
        Names that must hold numbers; absent ones are left to the caller.

    Returns
    -------
    pandas.DataFrame
        Same columns in the same order.

    Raises
    ------
    ResponseDataError
        No table, a name that occurs twice, or a column without numbers.
    """
    frame = table_of(table, caller, "data")
    present = [name for name in dict.fromkeys(columns) if name in frame.columns]
    return frame.assign(**numeric_columns(frame, caller, present)) if present else frame


def series_of(values: Any, caller: str, what: str) -> pd.Series:
    """Give one column of numbers as floats.

    Parameters
    ----------
    values
        A pandas Series, whose index is kept, a numpy array of shape (n,), or a series that narwhals knows.
    caller
        Public function that the message names.
    what
        Its argument.

    Returns
    -------
    pandas.Series
        Floats, NaN for missing.

    Raises
    ------
    ResponseDataError
        It is no series, or holds no numbers.
    """
    if isinstance(values, np.ndarray) and values.ndim == 1:
        values = pd.Series(values)
    if not isinstance(values, pd.Series):
        known = nw.from_native(values, pass_through=True, allow_series=True)
        if not isinstance(known, nw.Series):
            fact = f"{what} is {kind_of(values)}."
            raise ResponseDataError(fact_and_hint(caller, fact, "pass a pandas Series of numbers."))
        values = known.to_pandas()
    found = column_numbers(values)
    if isinstance(found, ColumnFault):
        if found is ColumnFault.ENDLESS:
            raise ResponseDataError(fact_and_hint(caller, f"{what} holds infinite values.", found.value[1]))
        raise ResponseDataError(fact_and_hint(caller, f"{what} is not numeric.", "pass scores as numbers."))
    return pd.Series(found, index=values.index, name=values.name)


def answers_of(items: Any, caller: str, least: int = 1) -> pd.DataFrame:
    """Admit a table of items without an instrument: every public function that takes one calls this first.

    Parameters
    ----------
    items
        One row per person, one column per item, of any kind that `table_of` takes.
    caller
        Public function that the messages name.
    least
        Fewest items it can work with.

    Returns
    -------
    pandas.DataFrame
        Shape (n_persons, n_items), floats with NaN for missing, names as text, index kept.

    Raises
    ------
    ResponseDataError
        No table, no rows, too few items, names that occur twice, columns without numbers.

    Warns
    -----
    ToolkitWarning
        A code looks like one that stands for a missing answer.
    """
    table = table_of(items, caller)
    if table.shape[1] < least:
        noun = "item" if table.shape[1] == 1 else "items"
        fact = f"{table.shape[1]} {noun} given, at least {least} are needed."
        raise ResponseDataError(fact_and_hint(caller, fact, "pass more items."))
    if table.empty:
        fact = f"the table has {table.shape[0]} rows and {table.shape[1]} items."
        raise ResponseDataError(fact_and_hint(caller, fact, "give answers."))
    answers = numeric_columns(table, caller)
    warn_of_codes(caller, answers)
    return answers


def given_answers(
    responses: Any, scale: Instrument, caller: str, items: Sequence[str] | None = None
) -> pd.DataFrame:
    """Admit answers to an instrument as they were given: functions that are given one call this first.

    Parameters
    ----------
    responses, scale, caller, items
        As for `coded_table`.

    Returns
    -------
    pandas.DataFrame
        As from `coded_table`, with items that were turned turned back.

    Warns
    -----
    ToolkitWarning
        Answers that do not say that they are keyed look as if they were.
    """
    answers = coded_table(responses, scale, caller, items)
    warn_of_keying(caller, answers, scale)
    return as_given(answers)


def coded_table(
    responses: Any, scale: Instrument, caller: str, items: Sequence[str] | None = None
) -> pd.DataFrame:
    """Check that the items of a table hold codes of the instrument, and make numbers of them.

    Parameters
    ----------
    responses
        Of any kind that `table_of` takes, keyed or not; other columns are kept as they are.
    scale
        The instrument.
    caller
        Public function that the messages name.
    items
        Items that must be there; by default those of the instrument.

    Returns
    -------
    pandas.DataFrame
        The table, these items as numbers that are codes of their item or missing; keyed where it was.

    Raises
    ------
    ResponseDataError
        Items are absent or used twice, hold no numbers, or hold numbers that are no codes of them.
    """
    table = table_of(responses, caller, "responses")
    wanted = list(scale.item_ids if items is None else items)
    stored = list(table.columns)
    if absent := [item for item in wanted if item not in stored]:
        fact = f"{len(absent)} of {len(wanted)} item columns of instrument {scale.id!r} {scale.version}"
        hint = "load the version these data were collected with."
        raise ResponseDataError(fact_and_hint(caller, f"{fact} are absent: {name_offenders(absent)}.", hint))
    changed: dict[str, Any] = {}
    foreign: dict[str, int] = {}
    for item in wanted:
        if stored.count(item) > 1:
            fact = f"column {item!r} is used twice or holds no numbers."
            raise ResponseDataError(fact_and_hint(caller, fact, CHECK_FIRST))
        codes = _codes(table[item], scale, item)
        if codes is None:
            fact = f"column {item!r} is used twice or holds no numbers."
            raise ResponseDataError(fact_and_hint(caller, fact, CHECK_FIRST))
        if n := int((~(np.isnan(codes) | _are_codes(codes, scale.scale_of(item).codes))).sum()):
            foreign[item] = n
        elif not _is_plain_number(table[item].dtype):
            changed[item] = pd.array(codes, dtype="Float64").astype("Int64")
    if foreign:
        where = f"{count_of(sum(foreign.values()), 'cell')} in {count_of(len(foreign), 'column')}"
        fact = f"{where} with no code of the item: {name_offenders(foreign)}."
        raise ResponseDataError(fact_and_hint(caller, fact, CHECK_FIRST))
    return table.assign(**changed) if changed else table


def _codes(column: pd.Series, scale: Instrument, item: str) -> Array | None:
    """Numbers of an item column; text categories are the labels of its options, in any language."""
    if pd.api.types.is_bool_dtype(column.dtype):
        return None
    column = _plain(column)
    if isinstance(column.dtype, pd.CategoricalDtype):
        categories = pd.Series(column.dtype.categories)
        values = column_numbers(categories)
        if isinstance(values, ColumnFault):
            labels = _labels(scale, item)
            values = np.array([labels.get(str(label), np.inf) for label in categories])
        return np.append(values, np.nan)[column.cat.codes]
    found = column_numbers(column)
    if found is ColumnFault.ENDLESS:
        return column.to_numpy(dtype=np.float64, na_value=np.nan)
    return None if isinstance(found, ColumnFault) else found


def _labels(scale: Instrument, item: str) -> dict[str, int]:
    """Label to code, for labels that mean one code in every language."""
    name = scale.item(item).scale or scale.scale_by_default
    codes = set(scale.scale_of(item).codes)
    meanings: dict[str, set[int]] = {}
    for language in scale.languages:
        for code, label in scale.wording(language).options.get(name, {}).items():
            meanings.setdefault(label, set()).add(code)
    return {label: min(found) for label, found in meanings.items() if len(found) == 1 and found <= codes}


def _is_plain_number(kind: Any) -> bool:
    return pd.api.types.is_numeric_dtype(kind) and not isinstance(kind, pd.ArrowDtype | pd.SparseDtype)


def _are_codes(values: Array, codes: tuple[int, ...]) -> npt.NDArray[np.bool_]:
    if codes[-1] - codes[0] + 1 == len(codes):
        return (values >= codes[0]) & (values <= codes[-1]) & (values == np.floor(values))
    return np.isin(values, codes)
