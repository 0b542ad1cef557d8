"""What the page of a section shows of the claims: its own, parted by what was chosen."""

from __future__ import annotations

import copy
from typing import Any

import pytest

from analysis.report.view import verdicts
from dashboard.filters import choices, is_of, is_touched
from dashboard.services import section_parts


def _claims(tree: dict[str, Any]) -> list[dict[str, Any]]:
    found = verdicts(tree)
    return [entry for kind in ("not_met", "met", "untested", "does_not_apply") for entry in found[kind]]


def test_each_section_shows_every_claim_of_its_own_and_no_other(results_tree: dict[str, Any]) -> None:
    every = _claims(results_tree)
    assert len({entry["section"] for entry in every}) > 3
    for name in results_tree["sections"]:
        parts = section_parts(results_tree, name)
        assert parts["findings"] == [entry for entry in every if entry["section"] == name]
        assert parts["apart"] == []
        assert not parts["filtered"]


def test_what_was_chosen_parts_the_claims_of_a_section(results_tree: dict[str, Any]) -> None:
    within = apart = 0
    for name, section in results_tree["sections"].items():
        for key, values in choices(results_tree, [name]).items():
            chosen = {key: values[0]}
            parts, whole = section_parts(results_tree, name, chosen), section_parts(results_tree, name)
            mine = whole["findings"]
            assert parts["filtered"] == is_touched(section, chosen)
            assert parts["findings"] == [one for one in mine if is_of(section, one["path"], chosen)]
            assert parts["apart"] == [one for one in mine if not is_of(section, one["path"], chosen)]
            within, apart = within + len(parts["findings"]), apart + len(parts["apart"])
    assert within, "some claims are of what was chosen"
    assert apart, "and some of everything"


@pytest.mark.parametrize("status", ["failed", "not_applicable", "untestable"])
def test_a_section_without_numbers_shows_no_table(results_tree: dict[str, Any], status: str) -> None:
    tree = copy.deepcopy(results_tree)
    tree["sections"]["reliability"].update(status=status, cause="nothing_given")
    parts = section_parts(tree, "reliability")
    assert (parts["tables"], parts["prose"], parts["untested"], parts["method"]) == ([], [], [], "")
    assert parts["next_step"]
    assert section_parts(results_tree, "reliability")["tables"]
