"""What the page of a section shows of the claims: its own, parted by what was chosen."""

from __future__ import annotations

import copy
import io
import json
import zipfile
from pathlib import Path
from typing import Any

import pytest

from analysis.disclosure.shared import shared_tree
from analysis.report.view import verdicts
from dashboard import sharing
from dashboard.filters import choices, is_of, is_touched
from dashboard.services import load_results, section_parts, told_first


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


def test_others_are_told_first_that_small_numbers_are_left_out(
    results_tree: dict[str, Any], tmp_path: Path
) -> None:
    path = tmp_path / "results.json"
    path.write_text(json.dumps(results_tree), encoding="utf-8")
    mine, theirs = load_results(path), load_results(path, shared=True)
    assert mine.tree is not None
    assert theirs.tree is not None
    assert sharing.NOTICE not in told_first(mine.tree)
    assert told_first(theirs.tree)[-1] == sharing.NOTICE
    assert told_first(theirs.tree)[:-1] == told_first(mine.tree)
    assert (mine.reduced, theirs.reduced) == (False, True)
    assert theirs.version == f"{mine.version}-reduced"


def test_files_to_take_away_are_what_they_are_called_and_the_same_each_time(
    results_tree: dict[str, Any],
) -> None:
    shared = shared_tree(results_tree)
    made = {one.name: one.content for one in sharing.handouts(shared)}
    assert made["report_short.html"].lstrip().lower().startswith(b"<!doctype html")
    assert made["report.md"].startswith(b"# ")
    assert json.loads(made["results.json"]) == json.loads(json.dumps(shared))
    with zipfile.ZipFile(io.BytesIO(made["tables.zip"])) as archive:
        assert {entry.date_time for entry in archive.infolist()} == {(1980, 1, 1, 0, 0, 0)}
        assert "reliability-" in " ".join(archive.namelist())
    assert sharing.tables_zip(shared).content == made["tables.zip"]
