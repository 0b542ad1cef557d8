"""REDCap data dictionary."""

from __future__ import annotations

import re

import pandas as pd

from instrument.definition import Instrument, Theme
from instrument.errors import DefinitionError, fact_and_hint, name_offenders
from instrument.exchange.coding import offered_labels, wording_in
from instrument.reading.written_cells import csv_text

COLUMNS = (
    "Variable / Field Name",
    "Form Name",
    "Section Header",
    "Field Type",
    "Field Label",
    "Choices, Calculations, OR Slider Labels",
    "Field Note",
    "Text Validation Type OR Show Slider Number",
    "Text Validation Min",
    "Text Validation Max",
    "Identifier?",
    "Branching Logic (Show field only if...)",
    "Required Field?",
    "Custom Alignment",
    "Question Number (surveys only)",
    "Matrix Group Name",
    "Matrix Ranking?",
    "Field Annotation",
)


def redcap_dictionary(scale: Instrument, language: str | None = None) -> str:
    """Write the data dictionary that REDCap imports.

    Items become radio fields that can be left out; nothing is preselected, and no matrix is used, as it
    reads badly on a phone. The theme and the keying of each item stand in the field annotation, where
    respondents do not see them.

    Parameters
    ----------
    scale
        The instrument.
    language
        Language of the texts; None is the source.

    Returns
    -------
    str
        CSV text with the 18 columns of REDCap; the first field is `record_id`.

    Raises
    ------
    DefinitionError
        Ids differ by case only, an id is `record_id`, a label holds "|", or there is no such translation.

    Examples
    --------
    >>> import instrument
    >>> redcap_dictionary(instrument.load("dta")).splitlines()[1][:29]
    'record_id,dta,,text,Record ID'
    """
    caller = "redcap_dictionary"
    wording = wording_in(scale, language, caller)
    names = field_names(scale, caller)
    form = re.sub(r"[^a-z0-9_]", "_", scale.id.lower())
    rows = [{COLUMNS[0]: "record_id", COLUMNS[1]: form, COLUMNS[3]: "text", COLUMNS[4]: "Record ID"}]
    header = " ".join(part for part in (wording.instructions, wording.time_frame) if part)
    for theme in scale.themes:
        for item in theme.items:
            rows.append(
                {
                    "Variable / Field Name": names[item.id],
                    "Form Name": form,
                    "Section Header": header if len(rows) == 1 else "",
                    "Field Type": "radio",
                    "Field Label": wording.items[item.id],
                    COLUMNS[5]: _choices(offered_labels(scale, wording, item.id), item.id, caller),
                    "Custom Alignment": "LV",
                    "Field Annotation": _annotation(scale, theme, item.id),
                }
            )
    return csv_text(pd.DataFrame(rows, columns=list(COLUMNS)))


def field_names(scale: Instrument, caller: str) -> dict[str, str]:
    """Item id to name of the field in REDCap, which knows lower case only.

    Parameters
    ----------
    scale
        The instrument.
    caller
        Public function named in a message.

    Returns
    -------
    dict
        Id to name.

    Raises
    ------
    DefinitionError
        Two ids differ by case only, or an id is `record_id`.
    """
    names = {item: item.lower() for item in scale.item_ids}
    taken = [*names.values(), "record_id"]
    if clash := [item for item, name in names.items() if taken.count(name) > 1]:
        fact = f"{len(clash)} item ids are not distinct in lower case or are REDCap's own: "
        hint = "rename them in the instrument file."
        raise DefinitionError(fact_and_hint(caller, fact + name_offenders(clash) + ".", hint))
    return names


def _choices(labels: dict[int, str], item_id: str, caller: str) -> str:
    if any("|" in label for label in labels.values()):
        fact = f"a label of item {item_id!r} holds '|', which parts choices in REDCap."
        raise DefinitionError(fact_and_hint(caller, fact, "word the label without '|'."))
    return " | ".join(f"{code}, {label}" for code, label in labels.items())


def _annotation(scale: Instrument, theme: Theme, item_id: str) -> str:
    keyed = "reversed" if scale.item(item_id).reverse else "as worded"
    return f"{scale.id} {scale.version}; theme {theme.id}; keyed {keyed}"
