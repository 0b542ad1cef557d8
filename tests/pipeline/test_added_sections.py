"""One's own result in the report: its numbers, its place, and that nothing of it is shared."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

import analysis
from analysis.disclosure.shared import to_share
from analysis.pipeline import Validation, validate
from analysis.report.html import render_html
from analysis.report.markdown import render_markdown
from instrument import reverse_key
from instrument.definition import Instrument
from instrument.errors import DefinitionError


@pytest.fixture(scope="module")
def bare(answers: pd.DataFrame, scale: Instrument) -> Validation:
    return validate(answers, scale, topics=["flow"])


@pytest.fixture(scope="module")
def alpha(answers: pd.DataFrame, scale: Instrument) -> Any:
    return analysis.item_statistics(
        reverse_key(answers.drop_duplicates("participant"), scale)[scale.item_ids], scale
    )


def test_a_result_stands_at_the_end_with_its_numbers_and_the_first_tree_is_left_alone(
    bare: Validation, alpha: Any, tmp_path: Path
) -> None:
    before = copy.deepcopy(bare.tree)
    made = bare.add(alpha, "Items, once more", note="Asked by a reviewer.").add(alpha)
    assert bare.tree == before
    assert list(made.tree["sections"]) == [*before["sections"], "added_1", "added_2"]
    section = made.tree["sections"]["added_1"]
    assert section["title"] == "Items, once more"
    assert section["captions"]["result"]["note"].startswith("Asked by a reviewer.")
    assert section["findings"] == [] and section["bears_on"] == []
    assert made.tree["properties"] == before["properties"]
    frame = alpha.to_frame()
    for name in frame.columns:
        told = section["tables"]["result"][str(name)]
        if pd.api.types.is_numeric_dtype(frame[name]):
            assert told == [None if pd.isna(v) else v for v in frame[name].tolist()]
    written = made.write(tmp_path / "report", forms=["html", "markdown", "pdf", "docx"])
    assert {path.name for path in written} >= {
        "report.html",
        "report.pdf",
        "report.docx",
        "added-1-result.csv",
    } or any(path.name.startswith("added_1-result") for path in written)
    for text in (render_html(made.tree), render_markdown(made.tree)):
        assert "Items, once more" in text and "no rule of the toolkit judges it" in text
    assert f"{frame['mean'].iloc[0]:.2f}" in render_markdown(made.tree)


def test_nothing_of_it_is_shared(bare: Validation, alpha: Any) -> None:
    shared = to_share(bare.add(alpha)).tree["sections"]["added_1"]
    assert shared["status"] == "not_applicable" and shared["tables"] == {} and shared["prose"] == []
    assert "Added by whoever made the report" in shared["message"]


def test_rows_of_people_are_told_by_fields_alone(bare: Validation) -> None:
    study = analysis.simulate_study("dta_example", n=20, seed=3)
    cells = bare.add(study).tree["sections"]["added_1"]["tables"]["result"]
    assert list(cells) == ["field", "value"]
    people = set(study.responses["participant"].astype(str))
    assert people and not people & {str(cell) for column in cells.values() for cell in column}


@pytest.mark.parametrize(
    ("given", "kind"),
    [
        (None, "nothing"),
        (3, "an int"),
        ("alpha", "a str"),
        (pd.DataFrame({"a": [1]}), "a DataFrame"),
        ({"alpha": 0.8}, "a dict"),
        (np.ones(3), "an ndarray"),
        (pd.Index(["a"]), "an Index"),
    ],
)
def test_what_is_no_result_is_refused(bare: Validation, given: Any, kind: str) -> None:
    with pytest.raises(DefinitionError, match=f"what is added is {kind}, not the result"):
        bare.add(given)
    with pytest.raises(DefinitionError, match="a Validation, not the result of one analysis"):
        bare.add(bare)


@pytest.mark.parametrize(
    ("words", "said"), [({"title": 3}, "title is an int"), ({"note": None}, "note is nothing")]
)
def test_words_that_are_no_text_are_refused(
    bare: Validation, alpha: Any, words: dict[str, Any], said: str
) -> None:
    with pytest.raises(DefinitionError, match=f"add: {said}"):
        bare.add(alpha, **words)


def test_braces_in_a_title_are_no_places_of_a_sentence(bare: Validation, alpha: Any) -> None:
    assert "Two {sides:d2}" in render_markdown(bare.add(alpha, "Two {sides:d2}", note="{x}").tree)
