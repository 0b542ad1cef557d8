"""Keys of a definition that say how its content relates to criterion, measurement and readers."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st
from typer.testing import CliRunner

import instrument
from dta import app
from instrument.errors import DefinitionError
from instrument.reduced import without_items

FLAGGED = {"outcome": ["pro3", "pro4", "pro7"], "use": ["pro6", "flx7", "flx8"]}


def definition(**item: Any) -> dict[str, Any]:
    first = {"id": "t1", "text": "I like the taste.", **item}
    return {
        "schema": 1,
        "id": "tea",
        "version": "1",
        "title": "Tea",
        "response_scales": {"yes_no": {"options": {0: "No", 1: "Yes"}}},
        "themes": [
            {"id": "taste", "title": "Taste", "items": [first, {"id": "t2", "text": "I find it bitter."}]},
            {"id": "ritual", "title": "Ritual", "items": [{"id": "r1", "text": "I make it with care."}]},
        ],
    }


def loaded(raw: dict[str, Any], folder: Path) -> instrument.Instrument:
    file = folder / "tea.yaml"
    file.write_text(yaml.safe_dump(raw, sort_keys=False), encoding="utf-8")
    return instrument.load(file)


def test_keys_are_read_and_have_plain_defaults(tmp_path: Path) -> None:
    plain = loaded(definition(), tmp_path)
    assert (plain.near_criterion("outcome"), plain.near_criterion("use"), plain.open_items) == ([], [], [])
    assert plain.composite_themes == []
    raw = definition(criterion=["use", "outcome"], reader={"state": "open", "reason": "Taste may upset."})
    raw["themes"][1]["measurement"] = "composite"
    full = loaded(raw, tmp_path)
    assert full.near_criterion("outcome") == full.near_criterion("use") == full.open_items == ["t1"]
    assert full.composite_themes == ["ritual"]
    assert full.item("t1").reader is not None
    assert full.item("t1").reader.reason == "Taste may upset."


@pytest.mark.parametrize(
    ("item", "words"),
    [
        ({"criterion": ["benefit"]}, r"themes\[0\]\.items\[0\]\.criterion\[0\]"),
        ({"criterion": "use"}, r"themes\[0\]\.items\[0\]\.criterion"),
        ({"criterion": ["use", "use"]}, r"criterion: .*named twice: 'use'"),
        ({"reader": {"state": "maybe", "reason": "x"}}, r"reader\.state"),
        ({"reader": {"state": "open"}}, r"reader\.reason"),
        ({"reader": {"state": "open", "reason": "  "}}, r"reader\.reason"),
        ({"reader": "open"}, r"themes\[0\]\.items\[0\]\.reader"),
        ({"measurement": "composite"}, r"themes\[0\]\.items\[0\]\.measurement"),
    ],
)
def test_impossible_keys_are_refused_with_their_path(
    item: dict[str, Any], words: str, tmp_path: Path
) -> None:
    with pytest.raises(DefinitionError, match=words):
        loaded(definition(**item), tmp_path)


def test_measurement_is_one_of_two(tmp_path: Path) -> None:
    raw = definition()
    raw["themes"][0]["measurement"] = "formative"
    with pytest.raises(DefinitionError, match=r"themes\[0\]\.measurement"):
        loaded(raw, tmp_path)


def test_a_file_without_the_keys_keeps_the_hash_it_had_before_there_were_any(tmp_path: Path) -> None:
    kept = "e0660e81a1042f2c79ebfca39fc87bab3497c1e81958611280507fc5338e141e"  # as the version before gave it
    example = Path(__file__).resolve().parents[2] / "data" / "example" / "usability.yaml"
    assert instrument.load(example).content_hash == kept
    raw = definition()
    plain = loaded(raw, tmp_path).content_hash
    raw["themes"][0]["measurement"] = "reflective"
    raw["themes"][0]["items"][0]["criterion"] = []
    assert loaded(raw, tmp_path).content_hash == plain


@pytest.mark.parametrize(
    "item", [{"criterion": ["use"]}, {"criterion": ["outcome"]}, {"reader": {"state": "open", "reason": "x"}}]
)
def test_what_the_keys_say_counts_in_the_hash(item: dict[str, Any], tmp_path: Path) -> None:
    assert loaded(definition(**item), tmp_path).content_hash != loaded(definition(), tmp_path).content_hash


def test_composite_counts_in_the_hash(tmp_path: Path) -> None:
    raw = definition()
    plain = loaded(raw, tmp_path).content_hash
    raw["themes"][1]["measurement"] = "composite"
    assert loaded(raw, tmp_path).content_hash != plain


def test_check_says_what_is_composite_near_and_open(tmp_path: Path) -> None:
    raw = definition(criterion=["use"], reader={"state": "open", "reason": "Taste may upset."})
    raw["themes"][1]["measurement"] = "composite"
    loaded(raw, tmp_path)
    said = CliRunner().invoke(app, ["instrument", "check", str(tmp_path / "tea.yaml")]).output
    assert "ritual (dimension, composite): 1 items" in said
    assert "taste (dimension): 2 items" in said
    assert "near to use in content: t1" in said
    assert "near to outcome" not in said
    assert "open for the people who will read them: t1" in said


DTA = instrument.load("dta")


def test_the_shipped_scale_flags_benefit_hope_and_persistence() -> None:
    assert {name: DTA.near_criterion(name) for name in ("outcome", "use")} == FLAGGED


def test_every_shipped_item_says_whether_a_doubt_is_open_and_the_readme_lists_those_that_are() -> None:
    assert all(item.reader is not None and item.reader.reason.endswith((".", "?")) for item in DTA.items)
    assert DTA.open_items == ["hum3", "hum8", "mea5", "mea6", "use7", "use8", "flx1", "flx2", "flx3"]
    readme = (Path(__file__).resolve().parents[2] / "README.md").read_text(encoding="utf-8")
    limits = readme.split("## Limits")[1].split("## ")[0]
    usual = limits.split("In `dta@0.2.0`")[0]
    named = [item for item in DTA.item_ids if f"`{item}`" in usual]
    assert named == DTA.open_items


@given(st.sets(st.sampled_from(DTA.item_ids), min_size=1, max_size=39))
def test_an_instrument_without_some_items_holds_the_others_unaltered(gone: set[str]) -> None:
    shorter = without_items(DTA, gone)
    assert shorter.item_ids == [item for item in DTA.item_ids if item not in gone]
    assert all(shorter.item(item) == DTA.item(item) for item in shorter.item_ids)
    left = [theme.id for theme in DTA.themes if not {item.id for item in theme.items} <= gone]
    assert [theme.id for theme in shorter.themes] == left
    assert shorter.total_themes == [theme for theme in DTA.total_themes if theme in left]
    assert shorter.wording("de").items == {i: DTA.wording("de").items[i] for i in shorter.item_ids}
    assert shorter.content_hash != DTA.content_hash


def test_a_theme_lives_on_by_items_of_others(tmp_path: Path) -> None:
    raw = definition()
    raw["themes"][1]["items"][0]["also_in"] = ["taste"]
    scale = loaded(raw, tmp_path)
    assert without_items(scale, ["t1", "t2"]).theme_items("taste") == ["r1"]
    shorter = without_items(scale, ["r1"])
    assert [theme.id for theme in shorter.themes] == ["taste"]


def test_leaving_out_what_is_not_there_or_everything_is_refused() -> None:
    with pytest.raises(DefinitionError, match="without_items: 'q1' is no item of instrument 'dta'"):
        without_items(DTA, ["q1", "hum1"])
    with pytest.raises(DefinitionError, match="without_items: no item of instrument 'dta' is left"):
        without_items(DTA, DTA.item_ids)
