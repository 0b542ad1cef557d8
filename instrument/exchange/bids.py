"""BIDS phenotype: a table of answers and the JSON file that describes its columns."""

from __future__ import annotations

import json
import re
from typing import Any

import pandas as pd

from instrument.definition import Instrument
from instrument.errors import ResponseDataError, fact_and_hint, name_offenders
from instrument.exchange.coding import coded_answers, other_columns, value_labels, wording_in
from instrument.reading.written_cells import csv_text

MISSING = "n/a"


def bids_sidecar(scale: Instrument, language: str | None = None) -> str:
    """Write the JSON file beside `phenotype/<instrument>.tsv`.

    Parameters
    ----------
    scale
        The instrument.
    language
        Language of the texts; None is the source.

    Returns
    -------
    str
        JSON: `MeasurementToolMetadata`, then each column with `Description` and `Levels`.

    Raises
    ------
    DefinitionError
        The instrument has no such translation.

    References
    ----------
    Brain Imaging Data Structure, section "Phenotypic and assessment data".

    Examples
    --------
    >>> import instrument
    >>> json.loads(bids_sidecar(instrument.load("dta")))["hum1"]["Levels"]["5"]
    'Strongly agree'
    """
    wording = wording_in(scale, language, "bids_sidecar")
    about = f"{wording.title}, version {scale.version}. {wording.notice}".strip()
    columns: dict[str, Any] = {
        "MeasurementToolMetadata": {"Description": about},
        "participant_id": {"Description": "Pseudonym of the participant."},
        "session_id": {"Description": "Wave of the study."},
    }
    for theme in scale.themes:
        for item in theme.items:
            columns[item.id] = {
                "Description": wording.items[item.id],
                "Levels": {str(c): label for c, label in value_labels(scale, wording, item.id).items()},
                "Theme": theme.id,
                "Reversed": item.reverse,
            }
    return json.dumps(columns, ensure_ascii=False, indent=2) + "\n"


def bids_table(responses: pd.DataFrame, scale: Instrument) -> str:
    """Write `phenotype/<instrument>.tsv`.

    Parameters
    ----------
    responses : pandas.DataFrame
        Wide response table.
    scale
        The instrument.

    Returns
    -------
    str
        Tab-separated text; `participant_id` is `sub-<pseudonym>` and `session_id` `ses-<wave>`, both
        without characters that BIDS does not allow; missing answers have the code of their reason,
        `n/a` where none is known.

    Raises
    ------
    DefinitionError
        A reason occurs for which the instrument declares no code.
    ResponseDataError
        Two pseudonyms or waves become one when reduced to letters and digits.

    Examples
    --------
    >>> import instrument
    >>> scale = instrument.load("psd_audit")
    >>> frame = pd.DataFrame({"participant": ["r-1"], "wave": [1], **{i: [2] for i in scale.item_ids}})
    >>> bids_table(frame, scale).splitlines()[1].split()[:3]
    ['sub-r1', 'ses-1', '2']
    """
    caller = "bids_table"
    coded = coded_answers(responses, scale, caller)
    keys = pd.DataFrame(
        {
            "participant_id": _labels(responses["participant"], "sub-", caller),
            "session_id": _labels(responses["wave"], "ses-", caller),
        }
    )
    table = pd.concat([keys, coded, responses[other_columns(responses, scale)]], axis=1)
    return csv_text(table, separator="\t", missing=MISSING)


def _labels(column: pd.Series, prefix: str, caller: str) -> pd.Series:
    distinct = [str(value) for value in column.unique()]
    label_of = {value: re.sub(r"[^0-9A-Za-z]", "", value) for value in distinct}
    labels = list(label_of.values())
    if clash := [value for value, label in label_of.items() if not label or labels.count(label) > 1]:
        fact = f"{len(clash)} of {len(distinct)} values of {column.name!r} are not distinct as BIDS labels: "
        hint = "use pseudonyms of letters and digits."
        raise ResponseDataError(fact_and_hint(caller, fact + name_offenders(clash) + ".", hint))
    return column.map(lambda value: prefix + label_of[str(value)])
