"""What every format shares: codes and labels of an item, and a code for each kind of missing answer."""

from __future__ import annotations

import pandas as pd
from pandas.api.types import is_integer_dtype

from instrument.definition import Instrument, Wording
from instrument.errors import DefinitionError, ResponseDataError, fact_and_hint, name_offenders
from instrument.reading.raw import missing_reasons
from instrument.scoring.keying import as_given

REASON_LABELS = {
    "skipped": "Skipped",
    "not_seen": "Not seen",
    "not_applicable": "Does not apply",
    "declined": "Prefers not to answer",
}
UNSTATED = "unstated"
MOST_EXACT = 2**53


def wording_in(scale: Instrument, language: str | None, caller: str) -> Wording:
    """Texts of an instrument in one language.

    Parameters
    ----------
    scale
        The instrument.
    language
        Language tag; None is the language of the source.
    caller
        Public function named in a message.

    Returns
    -------
    Wording
        The texts.

    Raises
    ------
    DefinitionError
        The instrument has no such translation.
    """
    if language is not None and language not in scale.languages:
        fact = f"instrument {scale.id!r} has no texts in {language!r}."
        hint = f"choose one of: {name_offenders(scale.languages)}."
        raise DefinitionError(fact_and_hint(caller, fact, hint))
    return scale.wording(language)


def scale_name(scale: Instrument, item_id: str) -> str:
    """Name of the response scale that an item uses."""
    return scale.item(item_id).scale or scale.scale_by_default


def offered_labels(scale: Instrument, wording: Wording, item_id: str) -> dict[int, str]:
    """Code to label of every answer that a respondent can choose, those outside the scale last."""
    responses = scale.scale_of(item_id)
    labels = wording.options[scale_name(scale, item_id)]
    return {option.code: labels[option.code] for option in (*responses.options, *responses.outside)}


def missing_codes_of(scale: Instrument, item_id: str) -> dict[str, int]:
    """Reason to file code for the missing answers of an item, in the order of the codes."""
    codes = {str(reason): code for reason, code in scale.missing_codes.items()}
    codes.update({option.reason: option.code for option in scale.scale_of(item_id).outside})
    return dict(sorted(codes.items(), key=lambda pair: pair[1]))


def value_labels(scale: Instrument, wording: Wording, item_id: str) -> dict[int, str]:
    """Code to label of everything a file can hold for an item, each kind of missing included."""
    offered = offered_labels(scale, wording, item_id)
    for reason, code in missing_codes_of(scale, item_id).items():
        offered.setdefault(code, REASON_LABELS[reason])
    return offered


def check_columns(responses: pd.DataFrame, scale: Instrument, caller: str) -> None:
    """Refuse a table that is no wide response table of this instrument.

    Parameters
    ----------
    responses : pandas.DataFrame
        The table.
    scale
        The instrument.
    caller
        Public function named in a message.

    Raises
    ------
    ResponseDataError
        Columns lack.
    """
    wanted = ["participant", "wave", *scale.item_ids]
    if absent := [name for name in wanted if name not in responses.columns]:
        fact = f"{len(absent)} of {len(wanted)} columns lack: {name_offenders(absent)}."
        hint = f"give the table that read_responses made with instrument {scale.id!r} {scale.version}."
        raise ResponseDataError(fact_and_hint(caller, fact, hint))


def reasons_wide(responses: pd.DataFrame, scale: Instrument, caller: str) -> pd.DataFrame:
    """Lay out why answers are missing in the shape of the items.

    Parameters
    ----------
    responses : pandas.DataFrame
        Wide response table with its reasons in `attrs`.
    scale
        The instrument.
    caller
        Public function named in a message.

    Returns
    -------
    pandas.DataFrame, shape (n_administrations, n_items)
        Reason of each missing answer (`unstated` where none is known), None where there is an answer.

    Raises
    ------
    ResponseDataError
        Columns lack, an administration occurs twice, or a reason is given for an answer that is there.
    """
    check_columns(responses, scale, caller)
    keys = pd.MultiIndex.from_frame(responses[["participant", "wave"]].astype(str))
    if n_doubled := int(keys.duplicated().sum()):
        fact = f"{n_doubled} of {len(keys)} rows repeat a participant and wave."
        raise ResponseDataError(fact_and_hint(caller, fact, "keep one row for each administration."))
    items = responses[scale.item_ids]
    table = pd.DataFrame(UNSTATED, index=keys, columns=scale.item_ids, dtype=object)
    listed = missing_reasons(responses)
    if len(listed):
        given = listed.astype({"participant": str, "wave": str})
        given = given[given["item"].isin(scale.item_ids)]
        rows = keys.get_indexer(pd.MultiIndex.from_frame(given[["participant", "wave"]]))
        columns = table.columns.get_indexer(pd.Index(given["item"]))
        known = rows >= 0
        cells = table.to_numpy(dtype=object, copy=True)
        cells[rows[known], columns[known]] = given["reason"].to_numpy(dtype=object)[known]
        answered = items.notna().to_numpy()
        if clash := int(answered[rows[known], columns[known]].sum()):
            fact = f"{clash} answers have a reason for being missing as well."
            raise ResponseDataError(fact_and_hint(caller, fact, "read the answers again."))
        table = pd.DataFrame(cells, columns=scale.item_ids, dtype=object)
    table.index = responses.index
    return table.where(items.isna(), None)


def coded_answers(responses: pd.DataFrame, scale: Instrument, caller: str) -> pd.DataFrame:
    """Replace each missing answer by the file code of its reason.

    Parameters
    ----------
    responses : pandas.DataFrame
        Wide response table with its reasons in `attrs`.
    scale
        The instrument.
    caller
        Public function named in a message.

    Returns
    -------
    pandas.DataFrame, shape (n_administrations, n_items)
        Int64; NA only where no reason is known.

    Raises
    ------
    DefinitionError
        A reason occurs for which the instrument declares no code.
    ResponseDataError
        The table is no response table of this instrument.
    """
    reasons = reasons_wide(responses, scale, caller)
    coded = as_given(responses[scale.item_ids]).astype("Int64").copy()
    lacking: set[str] = set()
    for item_id in scale.item_ids:
        codes = missing_codes_of(scale, item_id)
        known = reasons[item_id].map(codes, na_action="ignore")
        present = set(reasons[item_id].dropna()) - {UNSTATED}
        lacking |= present - set(codes)
        coded[item_id] = coded[item_id].fillna(known.astype("Int64"))
    if lacking:
        fact = f"instrument {scale.id!r} declares no code for {name_offenders(sorted(lacking))}."
        hint = "add the reasons under missing_codes in the instrument file."
        raise DefinitionError(fact_and_hint(caller, fact, hint))
    return coded


def other_columns(responses: pd.DataFrame, scale: Instrument) -> list[str]:
    """Names of the columns that are neither key nor item, in their order."""
    taken = {"participant", "wave", *scale.item_ids}
    return [str(name) for name in responses.columns if name not in taken]


def held_by_decimals(columns: pd.DataFrame) -> pd.DataFrame:
    """Give columns for a program that has decimals and clocks without a zone: what it would change is text.

    Parameters
    ----------
    columns : DataFrame, shape (n_administrations, k)
        Covariates.

    Returns
    -------
    DataFrame
        Whole numbers beyond 2⁵³ and moments with an offset as texts; all else as it is.

    Examples
    --------
    >>> held_by_decimals(pd.DataFrame({"card": [2**53 + 1, 7], "age": [31, 40]})).dtypes.astype(str).tolist()
    ['object', 'int64']
    """
    kept = columns.copy()
    for name in columns:
        column = columns[name]
        if isinstance(column.dtype, pd.DatetimeTZDtype):
            kept[name] = column.map(lambda moment: moment.isoformat(), na_action="ignore").astype(object)
        elif is_integer_dtype(column.dtype) and (column.dropna().abs() > MOST_EXACT).any():
            kept[name] = column.map(str, na_action="ignore").astype(object)
    return kept
