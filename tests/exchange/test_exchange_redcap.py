"""REDCap's dictionary read back by its own rules: 18 columns, choices parted by bars."""

from __future__ import annotations

import re
from io import StringIO

import pandas as pd
import pytest

from instrument.definition import Instrument
from instrument.errors import DefinitionError
from instrument.exchange.redcap import COLUMNS, redcap_dictionary
from instrument.reading.written_cells import without_marks


def read(text: str) -> pd.DataFrame:
    return without_marks(pd.read_csv(StringIO(text), keep_default_na=False, dtype=str))


def choices(cell: str) -> dict[int, str]:
    """Code up to the first comma, then the label: how REDCap parts a choice."""
    pairs = (part.split(",", 1) for part in cell.split("|"))
    return {int(code): label.strip() for code, label in pairs}


def test_every_item_comes_back_with_codes_and_labels(any_scale: Instrument) -> None:
    for language in any_scale.languages:
        wording = any_scale.wording(language)
        table = read(redcap_dictionary(any_scale, language))
        assert tuple(table.columns) == COLUMNS
        assert len(COLUMNS) == 18
        fields = table.iloc[1:].set_index(COLUMNS[0])
        assert fields.index.tolist() == [item.lower() for item in any_scale.item_ids]
        for item in any_scale.items:
            row = fields.loc[item.id.lower()]
            assert row["Field Label"] == wording.items[item.id]
            assert choices(row[COLUMNS[5]]) == wording.options[item.scale or any_scale.scale_by_default]
            assert row["Field Type"] == "radio"
            assert row["Required Field?"] == ""


def test_names_are_what_redcap_takes(any_scale: Instrument) -> None:
    table = read(redcap_dictionary(any_scale))
    assert table.loc[0, [COLUMNS[0], "Field Type"]].tolist() == ["record_id", "text"]
    assert table[COLUMNS[0]].is_unique
    assert all(re.fullmatch(r"[a-z][a-z0-9_]{0,99}", name) for name in table[COLUMNS[0]])
    assert table["Form Name"].unique().tolist() == [any_scale.id]


def test_instructions_come_once_and_themes_stay_hidden(awkward: Instrument) -> None:
    table = read(redcap_dictionary(awkward))
    assert table["Section Header"].tolist() == ["", "Think of today, please. Today", "", ""]
    assert table["Field Annotation"].tolist()[2] == "awkward_1 2.0; theme one; keyed reversed"
    assert not table["Field Label"].str.contains("One, two").any()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (("id", "A1"), "2 item ids are not distinct in lower case"),
        (("id", "Record_ID"), "1 item ids are not distinct"),
    ],
)
def test_ids_that_redcap_cannot_tell_apart_are_refused(
    awkward: Instrument, change: tuple[str, str], message: str
) -> None:
    raw = awkward.model_dump(by_alias=True)
    raw["translations"] = {}
    raw["themes"][1]["items"][0][change[0]] = change[1]
    with pytest.raises(DefinitionError, match=message):
        redcap_dictionary(Instrument.model_validate(raw))


def test_bar_in_a_label_is_refused(awkward: Instrument) -> None:
    raw = awkward.model_dump(by_alias=True)
    raw["response_scales"]["eleven"]["options"][3]["label"] = "3 | three"
    with pytest.raises(DefinitionError, match=r"a label of item 'b1' holds '\|'"):
        redcap_dictionary(Instrument.model_validate(raw))


def test_the_form_is_named_in_letters_that_redcap_takes(awkward: Instrument) -> None:
    raw = awkward.model_dump(by_alias=True)
    table = read(redcap_dictionary(Instrument.model_validate({**raw, "id": "Awk_Ward2"})))
    assert table["Form Name"].unique().tolist() == ["awk_ward2"]
    assert table["Field Annotation"].tolist()[1:] == [
        "Awk_Ward2 2.0; theme one; keyed as worded",
        "Awk_Ward2 2.0; theme one; keyed reversed",
        "Awk_Ward2 2.0; theme two; keyed as worded",
    ]
