"""XLSForm for ODK, KoboToolbox and similar collectors."""

from __future__ import annotations

import io

from instrument.definition import Instrument, Wording
from instrument.errors import DefinitionError, fact_and_hint, name_offenders
from instrument.exchange.coding import offered_labels, scale_name

LANGUAGE_NAMES = {
    "de": "Deutsch",
    "en": "English",
    "es": "Español",
    "fr": "Français",
    "it": "Italiano",
    "nl": "Nederlands",
    "pt": "Português",
}


def xlsform_bytes(scale: Instrument) -> bytes:
    """Write an instrument as XLSForm workbook with all its languages.

    Every item is a single choice that can be left out; answers outside the scale are choices as well.
    Reversed items are not recoded: answers keep the codes of the instrument.

    Parameters
    ----------
    scale
        The instrument.

    Returns
    -------
    bytes
        Content of an .xlsx file with the sheets survey, choices and settings.

    Raises
    ------
    DefinitionError
        Ids of items and themes differ by case only, or a code is negative, which XLSForm cannot name.

    References
    ----------
    The XLSForm specification, xlsform.org.
    """
    from openpyxl import Workbook

    _check_names(scale)
    wordings = [scale.wording(tag) for tag in scale.languages]
    labels = [f"label::{language_name(wording.language)}" for wording in wordings]
    workbook = Workbook()
    workbook.remove(workbook.worksheets[0])
    sheets = {
        "survey": [["type", "name", *labels, "required"], *_survey(scale, wordings)],
        "choices": [["list_name", "name", *labels], *_choices(scale, wordings)],
        "settings": [
            ["form_title", "form_id", "version", "default_language"],
            [scale.title, scale.id, scale.version, language_name(scale.language)],
        ],
    }
    for name, rows in sheets.items():
        sheet = workbook.create_sheet(name)
        for r, row in enumerate(rows, 1):
            for c, text in enumerate(row, 1):
                # As text, so that a label that begins with "=" is no formula.
                cell = sheet.cell(r, c, text)
                cell.data_type = "s"
    buffer = io.BytesIO()
    workbook.save(buffer)
    return buffer.getvalue()


def language_name(tag: str) -> str:
    """Name of a language in the way XLSForm writes it.

    Parameters
    ----------
    tag
        Language tag.

    Returns
    -------
    str
        Name and tag.

    Examples
    --------
    >>> language_name("de"), language_name("rm-CH")
    ('Deutsch (de)', 'rm-CH (rm-CH)')
    """
    return f"{LANGUAGE_NAMES.get(tag.split('-')[0], tag) if '-' not in tag else tag} ({tag})"


def _check_names(scale: Instrument) -> None:
    names = [*(theme.id for theme in scale.themes), *scale.item_ids, "instructions"]
    lowered = [name.lower() for name in names]
    if clash := [name for name in names if lowered.count(name.lower()) > 1]:
        fact = f"{len(clash)} ids differ by case only or are reserved: {name_offenders(clash)}."
        raise DefinitionError(fact_and_hint("xlsform_bytes", fact, "rename them in the instrument file."))
    negative = [
        name
        for name, responses in scale.response_scales.items()
        if any(option.code < 0 for option in (*responses.options, *responses.outside))
    ]
    if negative:
        fact = f"response scales {name_offenders(negative)} have codes below zero."
        hint = "names of choices in XLSForm have no sign: use codes from 0 up."
        raise DefinitionError(fact_and_hint("xlsform_bytes", fact, hint))


def _survey(scale: Instrument, wordings: list[Wording]) -> list[list[str]]:
    rows = []
    if any(wording.instructions for wording in wordings):
        rows.append(["note", "instructions", *(wording.instructions for wording in wordings), ""])
    for theme in scale.themes:
        # A group without a label: titles of themes are no part of what respondents read.
        rows.append(["begin_group", theme.id, *("" for _ in wordings), ""])
        for item in theme.items:
            kind = f"select_one {scale_name(scale, item.id)}"
            rows.append([kind, item.id, *(wording.items[item.id] for wording in wordings), "no"])
        rows.append(["end_group", "", *("" for _ in wordings), ""])
    return rows


def _choices(scale: Instrument, wordings: list[Wording]) -> list[list[str]]:
    rows = []
    first_user = {scale_name(scale, item.id): item.id for item in reversed(scale.items)}
    for name in scale.response_scales:
        if name not in first_user:
            continue
        labels = [offered_labels(scale, wording, first_user[name]) for wording in wordings]
        rows += [[name, str(code), *(by_code[code] for by_code in labels)] for code in labels[0]]
    return rows
