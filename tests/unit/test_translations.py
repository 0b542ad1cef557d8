"""A translation is whole or refused by path; one that repeats the source is warned of."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml
from typer.testing import CliRunner

import instrument
from dta import app
from instrument.content.translations import labels_doubled, texts_missing, texts_untranslated
from instrument.errors import DefinitionError
from instrument.loading import available, templates, versions

GERMAN: dict[str, Any] = {
    "language": "de",
    "title": "Tee",
    "instructions": "Bitte für zwei Wochen antworten.",
    "time_frame": "In den letzten zwei Wochen",
    "themes": {"taste": "Geschmack", "ritual": "Ritual"},
    "items": {"t1": "Ich mag den Geschmack.", "t2": "Er ist bitter.", "r1": "Ich bereite ihn mit Sorgfalt."},
    "options": {"agreement": {1: "Nein", 2: "Ja", 8: "Trifft nicht zu"}},
}


def tea(german: dict[str, Any]) -> dict[str, Any]:
    outside = [{"code": 8, "label": "Does not apply", "reason": "not_applicable"}]
    return {
        "schema": 1,
        "id": "tea",
        "version": "1",
        "title": "Tea",
        "instructions": "Please answer for two weeks.",
        "time_frame": "In the last two weeks",
        "response_scales": {"agreement": {"options": {1: "No", 2: "Yes"}, "outside": outside}},
        "themes": [
            {
                "id": "taste",
                "title": "Taste",
                "items": [{"id": "t1", "text": "I like it."}, {"id": "t2", "text": "It is bitter."}],
            },
            {"id": "ritual", "title": "Ritual", "items": [{"id": "r1", "text": "I make it with care."}]},
        ],
        "translations": {"de": german},
    }


def changed(path: str, value: Any) -> dict[str, Any]:
    """The German texts with one of them changed, or left out where the value is None."""
    made: dict[str, Any] = yaml.safe_load(yaml.safe_dump(GERMAN))
    *above, last = [int(step) if step.isdigit() else step for step in path.split(".")]
    place = made
    for step in above:
        place = place[step]
    if value is None:
        del place[last]
    else:
        place[last] = value
    return made


def check(raw: dict[str, Any], folder: Path) -> tuple[int, str]:
    file = folder / "tea.yaml"
    file.write_text(yaml.safe_dump(raw, allow_unicode=True), encoding="utf-8")
    found = CliRunner().invoke(app, ["instrument", "check", str(file)])
    return found.exit_code, f"{found.output}{found.exception or ''}"


TEXTS = [
    "instructions",
    "time_frame",
    "themes.taste",
    "items.t2",
    "options.agreement.2",
    "options.agreement.8",
]


@pytest.mark.parametrize("path", TEXTS)
def test_a_text_that_lacks_is_refused_by_its_path(path: str, tmp_path: Path) -> None:
    status, said = check(tea(changed(path, None)), tmp_path)
    assert status != 0
    assert f"translations.de.{path}: is missing, though en has it" in said
    assert "1 text" in said or "1 fault" in said


def test_every_text_that_lacks_is_named_and_blanks_are_no_text(tmp_path: Path) -> None:
    german = {**changed("items.r1", None), "instructions": " \n ", "time_frame": ""}
    status, said = check(tea(german), tmp_path)
    assert status != 0
    for path in ("items.r1", "instructions", "time_frame"):
        assert f"translations.de.{path}: is missing" in said
    assert "items.t1" not in said


def test_what_the_source_does_not_say_need_not_be_translated(tmp_path: Path) -> None:
    raw = tea({**GERMAN, "instructions": "", "time_frame": "", "themes": {}})
    raw["instructions"] = raw["time_frame"] = ""
    assert check(raw, tmp_path)[0] == 0


def test_a_label_for_two_codes_is_refused(tmp_path: Path) -> None:
    status, said = check(tea(changed("options.agreement.2", " nein ")), tmp_path)
    assert status != 0
    assert "translations.de.options.agreement.2: is the label of code 1 too" in said
    status, said = check(tea(changed("options.agreement.3", "Vielleicht")), tmp_path)
    assert status != 0
    assert "translations.de.options.agreement: 3 is no code of the scale" in said


def test_texts_that_repeat_the_source_are_warned_of(tmp_path: Path) -> None:
    german = {**changed("items.t2", "it is  Bitter."), "time_frame": "In the last two weeks"}
    status, said = check(tea(german), tmp_path)
    assert status == 0
    warning = "translations.de: 2 texts are the same as in en: 'time_frame', 'items.t2'"
    assert f"Warning: {warning}." in said
    assert "Warning" not in check(tea(GERMAN), tmp_path)[1]
    british = {"en-GB": {**GERMAN, "language": "en-GB", "items": {"t1": "I like it.", "t2": "x", "r1": "y"}}}
    assert "Warning" not in check({**tea(GERMAN), "translations": british}, tmp_path)[1]


def test_only_the_languages_of_a_study_have_to_be_whole(tmp_path: Path) -> None:
    file = tmp_path / "tea.yaml"
    file.write_text(yaml.safe_dump(tea(changed("instructions", None))), encoding="utf-8")
    scale = instrument.load(file)  # a store may hold such an instrument from before
    assert texts_missing(scale, ["en"]) == []
    assert len(texts_missing(scale, ["de"])) == 1
    with pytest.raises(DefinitionError, match=r"translations\.de\.instructions: is missing"):
        instrument.loading.refuse_half_translations(scale, "dta study check", "instrument tea", ["en", "de"])


def test_shipped_instruments_are_whole_in_each_language() -> None:
    named = [f"{name}@{version}" for name in available() for version in versions(name)]
    scales = [instrument.load(name) for name in [*named, *templates()]]
    assert sum(len(scale.languages) for scale in scales) > len(scales)
    for scale in scales:
        assert texts_missing(scale) == labels_doubled(scale) == []
        assert texts_untranslated(scale) == {}
