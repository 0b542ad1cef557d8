"""Psych-DS: a folder of data that describes itself."""

from __future__ import annotations

import json
import re

import pandas as pd

from instrument.definition import Instrument
from instrument.exchange.codebook import codebook, codebook_csv
from instrument.exchange.coding import other_columns
from instrument.exchange.delimited import wide_csv


def psych_ds_files(
    responses: pd.DataFrame, scale: Instrument, language: str | None = None, name: str | None = None
) -> dict[str, str]:
    """Lay out answers as a Psych-DS dataset.

    Parameters
    ----------
    responses : pandas.DataFrame
        Wide response table (see `read_responses`).
    scale
        The instrument.
    language
        Language of the descriptions; None is the source.
    name
        Name of the dataset; None takes the title of the instrument.

    Returns
    -------
    dict
        Path inside the dataset to text: `dataset_description.json`, `data/study-<id>_data.csv`,
        `documentation/codebook.csv`.

    Raises
    ------
    DefinitionError
        A reason occurs for which the instrument declares no code, or there is no such translation.
    ResponseDataError
        The table is no response table of this instrument.

    References
    ----------
    Psych-DS specification; vocabulary of schema.org `Dataset`.
    """
    book = codebook(scale, language)
    measured = [
        {"@type": "PropertyValue", "name": "participant", "description": "Pseudonym of the participant."},
        {"@type": "PropertyValue", "name": "wave", "description": "Wave of the study."},
    ]
    for variable in book["variables"]:
        values = "; ".join(f"{value['code']} = {value['label']}" for value in variable["values"])
        codes = [value["code"] for value in variable["values"] if value["kind"] == "answer"]
        measured.append(
            {
                "@type": "PropertyValue",
                "name": variable["variable"],
                "description": variable["text"],
                "valueReference": values,
                "minValue": min(codes),
                "maxValue": max(codes),
            }
        )
    measured += [{"@type": "PropertyValue", "name": column} for column in other_columns(responses, scale)]
    description = {
        "@context": "https://schema.org/",
        "@type": "Dataset",
        "name": name or book["title"],
        "description": f"Answers to {book['title']} ({scale.id} {scale.version}). {book['notice']}".strip(),
        "schemaVersion": "Psych-DS 0.4.0",
        "inLanguage": book["language"],
        "variableMeasured": measured,
    }
    stem = re.sub(r"[^0-9A-Za-z]", "", scale.id)
    return {
        "dataset_description.json": json.dumps(description, ensure_ascii=False, indent=2) + "\n",
        f"data/study-{stem}_data.csv": wide_csv(responses, scale),
        "documentation/codebook.csv": codebook_csv(scale, language),
    }
