"""The draft says it is one, holds only numbers of the tree, and claims no more than the states."""

from __future__ import annotations

import copy
import re
from pathlib import Path
from typing import Any

from analysis.common.verdicts import State
from analysis.pipeline import Validation
from analysis.report.draft import NAME, NOTICE, render_draft
from analysis.report.standards import evidence_by_property
from instrument.common.formatting import format_value

FORMS = ("int", "percent", "p", "d1", "d2", "d3", "r2", "r3", "text")
NUMBER = re.compile(r"(?<![\w.,−])−?(?:\d[\d,]*)?\.?\d+%?(?![\w])")


def numbers_in(tree: Any) -> set[str]:
    """Every way in which the report could print a number of the tree."""
    found: set[str] = set()
    if isinstance(tree, dict):
        return found.union(*(numbers_in(value) for value in tree.values()))
    if isinstance(tree, list):
        return found.union(*(numbers_in(value) for value in tree))
    if isinstance(tree, str):
        return set(NUMBER.findall(tree))
    if isinstance(tree, (int, float)) and not isinstance(tree, bool):
        found = {format_value(tree, form) for form in FORMS}
        return found | {re.sub(r"^(−?)0\.", r"\1.", text) for text in found}
    return found


def test_every_number_of_the_draft_stands_in_the_tree(tree: dict[str, Any]) -> None:
    results = render_draft(tree).split("## Results")[1].split("### Measurement properties")[0]
    held = numbers_in(tree) | {str(k) for k in range(60)}
    said = NUMBER.findall(results)
    assert len(said) > 60
    assert not [number for number in said if number not in held and f"<{number}" not in held]


def test_it_is_marked_as_a_draft_and_written_beside_the_report(tree: dict[str, Any], tmp_path: Path) -> None:
    Validation(tree=tree).write(tmp_path / "out", forms=())
    text = (tmp_path / "out" / NAME).read_text("utf-8")
    assert text == render_draft(tree)
    assert text.splitlines()[2] == f"> {NOTICE}"


def test_bounded_statistics_have_no_zero_before_the_point(tree: dict[str, Any]) -> None:
    text = render_draft(tree)
    alpha = tree["sections"]["reliability"]["values"]["alpha_lowest"]
    assert f"from {format_value(alpha, 'r2')} (" in text
    share = tree["sections"]["flow"]["values"]["complete_rate"]
    assert format_value(share, "percent") in text


def test_it_claims_no_more_than_the_states(tree: dict[str, Any]) -> None:
    text = render_draft(tree)
    for row in evidence_by_property(tree["sections"]):
        assert f"- {row.name}: {row.words}" in text
        if row.state is not State.SHOWN:
            assert not re.search(rf"- {re.escape(row.name)}: Shown", text)
    for word in ("valid and reliable", "proves", "proven", "confirms that"):
        assert word not in text


def test_what_could_not_be_tested_is_not_called_met(tree: dict[str, Any]) -> None:
    changed = copy.deepcopy(tree)
    for finding in changed["sections"]["reliability"]["findings"]:
        finding |= {"verdict": "untested", "cause": "few_people", "passed": None}
    part = render_draft(changed).split("### Reliability")[1].split("###")[0]
    assert "could not be judged here" in part
    assert "were met" not in part
    one = copy.deepcopy(tree)
    one["sections"]["reliability"]["findings"][0]["verdict"] = "not_met"
    before = render_draft(tree).split("### Reliability")[1].split("###")[0]
    after = render_draft(one).split("### Reliability")[1].split("###")[0]
    assert before != after
