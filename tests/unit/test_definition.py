"""An instrument file says what it means, or one message says where it does not."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import yaml
from pydantic import ValidationError

import instrument
from analysis.planning.definition import Plan
from instrument.errors import DefinitionError
from instrument.loading import read_yaml
from instrument.reduced import without_items, without_themes
from instrument.study import make_study
from tests.recovery.held_populations import base_study


def small() -> dict[str, Any]:
    return {
        "schema": 1,
        "id": "mini",
        "version": "1",
        "title": "Mini",
        "response_scales": {
            "agree": {
                "options": {1: "never", 2: "at times", 3: "always"},
                "outside": [{"code": 9, "label": "does not apply", "reason": "not_applicable"}],
            },
            "two": {"options": {0: "no", 1: "yes"}},
        },
        "missing_codes": {"skipped": -1, "not_applicable": 9},
        "themes": [
            {
                "id": "first",
                "title": "First",
                "facets": [{"id": "f", "title": "F"}],
                "items": [
                    {"id": "a1", "text": "I like it.", "facet": "f"},
                    {"id": "a2", "text": "I do not like it.", "reverse": True, "also_in": ["second"]},
                ],
            },
            {
                "id": "second",
                "title": "Second",
                "role": "context",
                "items": [{"id": "b1", "text": "I choose.", "scale": "two"}],
            },
        ],
    }


def write(folder: Path, raw: Any) -> Path:
    path = folder / "scale.yaml"
    path.write_text(raw if isinstance(raw, str) else yaml.safe_dump(raw, sort_keys=False), encoding="utf-8")
    return path


def test_a_definition_answers_what_the_toolkit_asks(tmp_path: Path) -> None:
    scale = instrument.load(write(tmp_path, small()))
    assert scale.item_ids == ["a1", "a2", "b1"]
    assert scale.theme_items("second") == ["b1", "a2"]
    assert scale.reversed_items == ["a2"]
    assert (scale.dimension_themes, scale.context_themes, scale.total_themes) == (
        ["first"],
        ["second"],
        ["first"],
    )
    assert scale.scale_of("a1").codes == (1, 2, 3)
    assert scale.scale_of("b1").maximum == 1
    assert scale.scale_of("a1").label_of(9) == "does not apply"
    assert scale.wording().items["a1"] == "I like it."
    assert scale.languages == ["en"]


def test_what_a_definition_does_not_say_is_what_the_manual_says() -> None:
    rules = instrument.Instrument.model_validate(small()).scoring
    assert (rules.method, rules.prorate_at, rules.total) == ("mean", 0.8, "mean_of_theme_means")


def test_the_total_is_of_the_themes_that_are_named_in_their_order(tmp_path: Path) -> None:
    """Of a context theme and a dimension, named the other way round; a plain theme is in no total by itself."""
    raw = small()
    raw["response_scales"].pop("two")
    raw["themes"][1]["items"][0].pop("scale")
    raw["themes"].append(
        {"id": "third", "title": "T", "role": "plain", "items": [{"id": "c1", "text": "C."}]}
    )
    answers = pd.DataFrame({"participant": ["p"], "wave": [1], "a1": [3], "a2": [3], "b1": [2], "c1": [3]})
    whole = instrument.Instrument.model_validate(raw)
    assert (whole.dimension_themes, whole.context_themes) == (["first"], ["second"])
    assert instrument.score(answers, whole).scores["total"].tolist() == [2.0]  # (3 + 1) / 2
    raw["scoring"] = {"total_themes": ["third", "second"]}
    named = instrument.Instrument.model_validate(raw)
    assert named.total_themes == ["third", "second"]
    assert instrument.score(answers, named).scores["total"].tolist() == [(3 + (2 + 1) / 2) / 2]
    raw["scoring"] = {"total_themes": ["third"], "total": "none"}
    assert instrument.Instrument.model_validate(raw).total_themes == []


def test_items_without_a_scale_have_the_one_that_is_named_as_default() -> None:
    raw = small() | {"default_scale": "two"}
    scale = instrument.Instrument.model_validate(raw)
    assert [scale.scale_name(item) for item in scale.item_ids] == ["two", "two", "two"]
    raw["themes"][0]["items"][0]["scale"] = "agree"
    scale = instrument.Instrument.model_validate(raw)
    assert [scale.scale_of(item).codes for item in scale.item_ids] == [(1, 2, 3), (0, 1), (0, 1)]


def test_a_language_is_named_once_though_its_words_are_given_twice() -> None:
    raw = small()
    own = instrument.Instrument.model_validate(raw).wording().model_dump(mode="json")
    raw["translations"] = {"en": own, "de": {**own, "language": "de"}}
    assert instrument.Instrument.model_validate(raw).languages == ["en", "de"]


SAID: list[tuple[list[Any], Any]] = [
    (["themes", 0, "measurement"], "composite"),
    (["themes", 0, "facets", 0, "source"], "a review"),
    (["themes", 0, "items", 0, "criterion"], ["use"]),
    (["themes", 0, "items", 0, "column"], "Q1"),
    (["themes", 0, "items", 0, "labels"], {"rarely": 2}),
    (["themes", 0, "items", 0, "reader"], {"state": "open", "reason": "long"}),
    (["themes", 0, "items", 0, "reverse"], True),
    (["scoring"], {"prorate_at": 0.5}),
    (["missing_codes", "declined"], -3),
]


def test_whatever_a_definition_says_is_in_its_hash_and_what_it_does_not_say_is_not() -> None:
    plain = instrument.Instrument.model_validate(small())
    hashes = [plain.content_hash]
    for path, value in SAID:
        hashes.append(instrument.Instrument.model_validate(_set(small(), path, value)).content_hash)
    assert len(set(hashes)) == len(SAID) + 1
    unsaid = (["themes", 0, "measurement"], "reflective"), (["themes", 0, "items", 0, "criterion"], [])
    for path, value in (*unsaid, (["themes", 0, "items", 0, "labels"], {})):
        assert instrument.Instrument.model_validate(_set(small(), path, value)).content_hash == hashes[0]
    assert not {"measurement", "source", "criterion", "reader", "column", "labels"} & {
        *plain.content["themes"][0],
        *plain.content["themes"][0]["items"][0],
        *plain.content["themes"][0]["facets"][0],
    }


def test_items_with_a_doubt_are_those_whose_doubt_is_open() -> None:
    raw = small()
    raw["themes"][0]["items"][0]["reader"] = {"state": "open", "reason": "long"}
    raw["themes"][0]["items"][1]["reader"] = {"state": "closed", "reason": "long"}
    assert instrument.Instrument.model_validate(raw).open_items == ["a1"]


def test_composite_themes_are_so_whatever_their_role() -> None:
    raw = small()
    raw["themes"][1]["measurement"] = "composite"
    assert instrument.Instrument.model_validate(raw).composite_themes == ["second"]


def test_yes_and_no_stay_words(tmp_path: Path) -> None:
    text = yaml.safe_dump(small()).replace("'no'", "no").replace("'yes'", "yes")
    assert [o.label for o in instrument.load(write(tmp_path, text)).scale_of("b1").options] == ["no", "yes"]


def test_a_definition_is_frozen(tmp_path: Path) -> None:
    scale = instrument.load(write(tmp_path, small()))
    with pytest.raises(ValidationError, match="frozen"):
        scale.title = "other"  # type: ignore[misc]


def test_the_hash_follows_content_and_not_layout(tmp_path: Path) -> None:
    raw = small()
    first = instrument.load(write(tmp_path, raw)).content_hash
    assert (
        instrument.load(write(tmp_path, "# a comment\n" + yaml.safe_dump(raw, sort_keys=True))).content_hash
        == first
    )
    raw["themes"][0]["items"][0]["text"] = "I like it a lot."
    assert instrument.load(write(tmp_path, raw)).content_hash != first


def test_the_scale_may_have_two_to_eleven_options(tmp_path: Path) -> None:
    for n in (1, 2, 11, 12):
        raw = small()
        raw["response_scales"]["two"]["options"] = {k: f"o{k}" for k in range(20, 20 + n)}
        if 2 <= n <= 11:
            assert instrument.load(write(tmp_path, raw)).scale_of("b1").n_options == n
        else:
            with pytest.raises(DefinitionError, match=r"response_scales\.two\.options"):
                instrument.load(write(tmp_path, raw))


def _set(raw: dict[str, Any], path: list[Any], value: Any) -> dict[str, Any]:
    place: Any = raw
    for step in path[:-1]:
        place = place[step]
    place[path[-1]] = value
    return raw


FAULTS: list[tuple[list[Any], Any, str]] = [
    (["themes", 0, "items", 0, "facet"], "zz", r"themes\[0\]\.items\[0\]\.facet: 'zz' is not a facet"),
    (["themes", 0, "items", 0, "scale"], "zz", r"themes\[0\]\.items\[0\]\.scale: 'zz' is not among"),
    (["themes", 0, "items", 0, "id"], "b1", r"item ids are used twice: 'b1'"),
    (["themes", 0, "items", 0, "id"], "wave", r"themes\[0\]\.items\[0\]\.id: 'wave' is a column of every"),
    (["themes", 0, "items", 0, "id"], "1a", r"themes\[0\]\.items\[0\]\.id"),
    (
        ["themes", 0, "items", 1, "also_in"],
        ["zz"],
        r"themes\[0\]\.items\[1\]\.also_in: 'zz' is not another theme",
    ),
    (
        ["themes", 0, "items", 1, "reversed"],
        True,
        r"themes\[0\]\.items\[1\]\.reversed: is no known key; did you mean .reverse.?",
    ),
    (["themes", 0, "items"], [], r"themes\[0\]\.items: theme 'first' has no item"),
    (["themes", 1, "id"], "first", r"theme ids are used twice: 'first'"),
    (["themes", 1, "role"], "background", r"themes\[1\]\.role"),
    (["default_scale"], "zz", r"default_scale: 'zz' is not among response_scales"),
    (["missing_codes", "skipped"], 2, r"missing_codes: 2 is an answer on response_scales\.agree"),
    (["missing_codes", "not_applicable"], 8, r"response_scales\.agree\.outside: code 9 for not_applicable"),
    (["missing_codes"], {"skipped": 9}, r"code 9 for not_applicable is not missing_codes'"),
    (["response_scales", "two", "options"], {1: "yes", 0: "no"}, r"codes must rise strictly"),
    (["response_scales", "two", "options"], {0: "no", 1: "no"}, r"labels are used twice: 'no'"),
    (["missing_codes"], {"skipped": -1, "declined": -1}, r"one code stands for two reasons: -1"),
    (["missing_codes"], {"not_applicable": 9, "skipped": 1}, r"missing_codes: 1 is an answer on"),
    (["themes", 0, "items", 1, "also_in"], ["first"], r"also_in: 'first' is not another theme"),
    (["themes", 1, "items", 0, "id"], "first", r"ids name both a theme and an item: 'first'"),
    (["themes", 0, "items", 0, "id"], "Wave", r"'Wave' is a column of every"),
    (["themes", 0, "items", 0, "column"], "wave", r"column 'wave' is the name of another column"),
    (["themes", 0, "items", 0, "column"], "b1", r"column 'b1' is the name of another column"),
    (["themes", 0, "items", 0, "labels"], {"never": 2}, r"'never' has a meaning on its scale already"),
    (["themes", 0, "items", 0, "labels"], {"2": 3}, r"'2' has a meaning on its scale already"),
    (["themes", 0, "items", 0, "labels"], {"rarely": 7}, r"items\.a1\.labels: 7 is no code of its scale"),
    (["scoring"], {"prorate_at": 1.5}, r"scoring\.prorate_at"),
    (["scoring"], {"total_themes": ["zz"]}, r"scoring\.total_themes: 'zz' is not a theme"),
    (["schema"], 2, r"schema: "),
    (
        ["translations"],
        {"de": {"language": "de", "title": "M", "items": {}, "options": {}}},
        r"translations\.de\.items",
    ),
]


@pytest.mark.parametrize(("path", "value", "message"), FAULTS, ids=[f[2][:40] for f in FAULTS])
def test_a_fault_is_named_with_its_path(tmp_path: Path, path: list[Any], value: Any, message: str) -> None:
    with pytest.raises(DefinitionError, match=message) as caught:
        instrument.load(write(tmp_path, _set(small(), path, value)))
    assert str(caught.value).startswith("load: ")
    assert "\nHint: " in str(caught.value)


@pytest.mark.parametrize(
    ("path", "value", "message"),
    [
        (["options", "agree"], {1: "nie", 2: "bisweilen", 3: "immer"}, r"translations\.de\.options\.agree"),
        (["options", "agree", 4], "ganz", r"translations\.de\.options\.agree: 4 is no code of the scale"),
        (["language"], "fr", r"translations\.de\.language: says 'fr'"),
        (["items", "zz"], "Was?", r"translations\.de\.items: 'zz' is not an item"),
    ],
)
def test_a_translation_says_every_word_and_no_other(path: list[Any], value: Any, message: str) -> None:
    raw = small()
    german = instrument.Instrument.model_validate(raw).wording().model_dump(mode="json") | {"language": "de"}
    german["options"]["agree"] = {int(code): label for code, label in german["options"]["agree"].items()}
    raw["translations"] = {"de": german}
    instrument.Instrument.model_validate(raw)
    raw["translations"]["de"] = _set(german, path, value)
    with pytest.raises(ValidationError, match=message):
        instrument.Instrument.model_validate(raw)


def test_five_faults_are_named_and_the_others_counted() -> None:
    raw = small()
    raw["themes"][0]["items"] = [{"id": f"a{k}", "text": f"{k}.", "facet": "zz"} for k in range(7)]
    with pytest.raises(ValidationError) as caught:
        instrument.Instrument.model_validate(raw)
    said = str(caught.value)
    assert said.count("is not a facet") == 5
    assert "; and 2 more" in said


def test_a_file_is_read_once_and_given_to_each_as_its_own_until_it_changes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = write(tmp_path, small() | {"title": "Read but once"})
    first = read_yaml(path, "load")
    first["themes"].clear()
    first["title"] = "spoilt"
    read: list[str] = []
    real = yaml.load

    def counted(text: str, **how: Any) -> Any:
        read.append(text)
        return real(text, **how)

    monkeypatch.setattr(yaml, "load", counted)
    assert read_yaml(path, "load") == small() | {"title": "Read but once"}
    assert read == []
    write(tmp_path, small() | {"title": "Other words"})
    assert read_yaml(path, "load")["title"] == "Other words"
    assert len(read) == 1


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("schema: 1\nid: [", r"not valid YAML at line 2"),
        ("- a\n- b\n", r"no mapping at its top level"),
        ("schema: 1\nid: a\nid: b\n", r"key 'id' is written twice"),
        ("", r"no mapping at its top level"),
    ],
)
def test_a_file_that_is_no_definition_is_refused(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(DefinitionError, match=message):
        instrument.load(write(tmp_path, text))


def test_a_name_that_is_neither_shipped_nor_a_file_is_refused() -> None:
    with pytest.raises(DefinitionError, match="neither shipped nor a file"):
        instrument.load("no_such_scale")


def test_texts_of_a_language_may_live_in_a_file_of_their_own(tmp_path: Path) -> None:
    raw = small()
    wording = instrument.load(write(tmp_path, raw)).wording().model_dump(mode="json")
    for theme in raw["themes"]:
        for item in theme["items"]:
            del item["text"]
    german = {**wording, "language": "de", "status": "unvalidated", "title": "Klein"}
    (tmp_path / "en.yaml").write_text(yaml.safe_dump(wording), encoding="utf-8")
    (tmp_path / "de.yaml").write_text(yaml.safe_dump(german), encoding="utf-8")
    raw["translations"] = {"en": "en.yaml", "de": "de.yaml"}
    scale = instrument.load(write(tmp_path, raw))
    assert scale.item("a1").text == "I like it."
    assert scale.languages == ["en", "de"]
    assert scale.wording("de").title == "Klein"
    with pytest.raises(KeyError):
        scale.wording("fr")


def test_a_copy_with_other_values_keeps_nothing_worked_out_from_the_former_ones() -> None:
    whole = instrument.Instrument.model_validate(small())
    former = (whole.item_ids, whole.content_hash, whole.items)
    first = whole.model_copy(update={"themes": whole.themes[:1]})
    assert first.item_ids == [item.id for item in whole.themes[0].items] != former[0]
    assert first.content_hash != former[1] and first.items == whole.themes[0].items
    assert (whole.item_ids, whole.content_hash, whole.items) == former
    assert whole.model_copy().content_hash == former[1]


def test_a_changed_study_and_a_changed_plan_have_their_own_hash_and_entries() -> None:
    study = make_study(base_study())
    assert study.content_hash != study.model_copy(update={"title": "T"}).content_hash
    plan = Plan.model_validate({"schema": 1})
    assert plan.entries["content"] is None
    assert plan.model_copy(update={"content": "work"}).entries["content"] == "work"


def test_a_theme_that_counts_items_of_others_stays_without_its_own() -> None:
    scale = instrument.Instrument.model_validate(small() | {"scoring": {"total_themes": ["second", "first"]}})
    shorter = without_items(scale, ["b1", "b1"])
    assert [theme.id for theme in shorter.themes] == ["first", "second"]
    assert shorter.theme_items("second") == ["a2"]
    assert shorter.version == "1 without 1 items"
    assert shorter.total_themes == ["second", "first"]
    alone = without_items(scale, ["a1", "a2"])
    assert ([theme.id for theme in alone.themes], alone.total_themes) == (["second"], ["second"])
    unsaid = without_items(instrument.Instrument.model_validate(small()), ["a1", "a2"])
    assert (unsaid.total_themes, unsaid.scoring.total) == ([], "none")  # a context theme makes no total


def test_an_item_of_a_theme_that_is_left_out_goes_to_the_next_that_counts_it() -> None:
    raw = small()
    raw["themes"].append({"id": "third", "title": "T", "items": [{"id": "c1", "text": "C."}]})
    raw["themes"][0]["items"][1] |= {"also_in": ["second", "third"], "facet": "f"}
    raw["translations"] = {}
    scale = instrument.Instrument.model_validate(raw)
    other = without_themes(scale, ["first"])
    assert [(theme.id, [item.id for item in theme.items]) for theme in other.themes] == [
        ("second", ["b1", "a2"]),
        ("third", ["c1"]),
    ]
    assert (other.item("a2").also_in, other.item("a2").facet, other.item("a2").reverse) == (
        ("third",),
        None,
        True,
    )
    assert other.theme_items("third") == ["c1", "a2"]
    assert other.total_themes == ["third"]
    assert without_themes(scale, ["second"]).item("a2").also_in == ("third",)
    assert without_themes(scale, ["second", "third"]).item("a2").also_in == ()
    assert without_themes(scale, ["first", "second"]).item_ids == ["c1", "a2"]
