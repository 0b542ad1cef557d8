"""Reports of real validations of poor data: no answer, one person, one wave, an item nobody answered."""

from __future__ import annotations

import re
import sys
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

sys.path.insert(0, str(Path(__file__).parent))
from printed import expected, numbers

from analysis.pipeline import Validation, validate
from analysis.report.html import render_html
from analysis.report.labels import tree_for_readers
from analysis.report.markdown import render_markdown
from analysis.report.short_forms import render_short_html
from instrument.definition import Instrument


@pytest.fixture(scope="module", params=["no answer", "one person", "one wave", "missing item"])
def poor(request: pytest.FixtureRequest, scale: Instrument, answers: pd.DataFrame) -> Validation:
    nothing = pd.array([pd.NA] * 40, dtype="Int64")
    first = answers[answers["wave"] == 1]
    made = {
        "no answer": first.head(40).assign(**dict.fromkeys(scale.item_ids, nothing)),
        "one person": first.head(1),
        "one wave": first.head(120),
        "missing item": answers.groupby("wave").head(120).assign(q2=pd.array([pd.NA] * 360, dtype="Int64")),
    }
    return validate(made[request.param], scale, seed=3)


def test_every_form_is_written(poor: Validation, tmp_path: Path) -> None:
    poor.write(tmp_path / "r", forms=["html", "pdf", "docx", "markdown"])
    written = {path.name for path in (tmp_path / "r").iterdir()}
    assert {"report.html", "report.pdf", "report.docx", "report.md", "report_short.html"} <= written


def test_no_number_is_lost_and_nothing_is_called_a_failure(poor: Validation) -> None:
    tree: dict[str, Any] = dict(tree_for_readers(poor.to_dict()))
    assert not expected(tree) - numbers(render_markdown(tree))
    page = render_html(tree)
    assert "Failed:" not in page and "A part of this failed" not in page  # nothing did: it was never testable
    assert {section["status"] for section in tree["sections"].values()} <= {
        "ok",
        "untestable",
        "not_applicable",
    }
    assert not re.search(r"\bnan\b", page, re.I)
    assert "What we do not know" in render_short_html(tree)
