"""A study file says who is asked what and when, or one message says where it does not."""

from __future__ import annotations

import copy
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml
from pydantic import ValidationError

from instrument.errors import DefinitionError
from instrument.study import Study, load_study, make_study

WHY = "Each weekly part builds on the one before it."


def raw() -> dict[str, Any]:
    return {
        "schema": 1,
        "id": "trial",
        "title": "A trial",
        "instrument": "mini",
        "languages": ["en", "de"],
        "waves": [
            {"id": "early", "label": "Week 3", "day": 21, "opens": 21, "closes": 28},
            {"id": "again", "day": 33, "opens": 31, "closes": 42, "role": "retest"},
            {"id": 3, "day": 84, "opens": 84, "closes": 91},
        ],
        "item_order": {"policy": "within_theme", "per_page": 5},
        "consent": {"version": "1", "text": {"en": "We ask you.", "de": "Wir fragen."}},
        "crisis": {"en": "Call for help.", "de": "Rufen Sie Hilfe."},
        "contact": "study@example.org",
        "study_days": 84,
        "gap_days": 14,
        "intended_use": {"unit": "sessions", "amount": 12, "weeks": 12, "per_week": 1, "justification": WHY},
        "adherence": {"metric": "sessions", "threshold": 0.66, "justification": WHY},
        "landmark": {"wave": "early", "day": 28},
        "baseline": ["distress"],
        "covariates": ["sex"],
        "hypotheses": [{"id": "h1", "text": "More alliance, more use."}],
    }


def changed(change: Callable[[dict[str, Any]], Any]) -> dict[str, Any]:
    content = copy.deepcopy(raw())
    change(content)
    return content


def write(folder: Path, content: Any, name: str = "study.yaml") -> Path:
    path = folder / name
    text = content if isinstance(content, str) else yaml.safe_dump(content, sort_keys=False)
    path.write_text(text, encoding="utf-8")
    return path


def test_a_study_answers_what_the_toolkit_asks(tmp_path: Path) -> None:
    study = load_study(write(tmp_path, raw()))
    assert [wave.name for wave in study.waves] == ["early", "again", "3"]
    assert study.wave("again").role == "retest"
    assert study.wave("3").opens == 84
    assert (study.intended_use.amount, study.intended_use.per_week) == (12, 1)
    assert study.item_order.policy == "within_theme"
    assert study.faults_before_opening() == []


def test_a_study_is_frozen(tmp_path: Path) -> None:
    study = load_study(write(tmp_path, raw()))
    with pytest.raises(ValidationError, match="frozen"):
        study.title = "Another"  # type: ignore[misc] # the refusal is the test


def test_the_hash_follows_the_content_and_not_the_layout(tmp_path: Path) -> None:
    plain = load_study(write(tmp_path, raw()))
    turned = write(tmp_path, "# a comment\n" + yaml.safe_dump(raw(), sort_keys=True), "b.yaml")
    other = write(tmp_path, changed(lambda c: c["crisis"].update(en="Call.")), "c.yaml")
    assert len(plain.content_hash) == 64
    assert load_study(turned).content_hash == plain.content_hash
    assert load_study(other).content_hash != plain.content_hash


def test_the_form_kept_in_the_store_gives_the_study_back(tmp_path: Path) -> None:
    study = load_study(write(tmp_path, raw()))
    assert Study.model_validate_json(study.to_json()).content_hash == study.content_hash


def test_consent_is_hashed_with_its_version_and_language() -> None:
    one, two = make_study(raw()), make_study(changed(lambda c: c["consent"].update(version="2")))
    assert one.consent is not None and two.consent is not None
    hashes = {one.consent.hash_of("en"), one.consent.hash_of("de"), two.consent.hash_of("en")}
    assert len(hashes) == 3


FAULTS: dict[str, tuple[Callable[[dict[str, Any]], Any], str]] = {
    "no justification of use": (
        lambda c: c["intended_use"].pop("justification"),
        r"intended_use\.justification: Field required",
    ),
    "short justification": (
        lambda c: c["intended_use"].update(justification="because"),
        r"intended_use\.justification: .*20 characters",
    ),
    "blank justification": (
        lambda c: c["intended_use"].update(justification=" " * 40),
        r"intended_use\.justification: ",
    ),
    "no intended use": (lambda c: c.pop("intended_use"), "intended_use: Field required"),
    "no adherence rule": (lambda c: c.pop("adherence"), "adherence: Field required"),
    "unjustified rule": (
        lambda c: c["adherence"].pop("justification"),
        r"adherence\.justification: Field required",
    ),
    "threshold of percent": (
        lambda c: c["adherence"].update(threshold=66),
        r"adherence\.threshold: .*less than or equal to 1",
    ),
    "no amount": (lambda c: c["intended_use"].update(amount=0), r"intended_use\.amount: .*greater than 0"),
    "infinite amount": (
        lambda c: c["intended_use"].update(amount=float("inf"), per_week=None),
        r"intended_use\.amount: .*finite",
    ),
    "unknown unit": (lambda c: c["intended_use"].update(unit="clicks"), r"intended_use\.unit: .*'sessions'"),
    "another schedule": (
        lambda c: c["intended_use"].update(per_week=2),
        "intended_use: per_week times 12 weeks is not the amount 12",
    ),
    "use beyond the study": (
        lambda c: c.update(study_days=60),
        "intended_use.weeks: 12 weeks do not fit into study_days 60",
    ),
    "gap as long as the study": (lambda c: c.update(gap_days=84), "gap_days: is as long as the study"),
    "window without its day": (
        lambda c: c["waves"][0].update(day=20),
        r"waves\[0\]: the window 21-28 does not hold day 20",
    ),
    "window turned": (lambda c: c["waves"][2].update(closes=80), r"waves\[2\]: the window 84-80"),
    "day before the start": (
        lambda c: c["waves"][0].update(opens=-1),
        r"waves\[0\]\.opens: .*greater than or equal to 0",
    ),
    "no waves": (lambda c: c.update(waves=[]), "waves: .*at least 1 item"),
    "wave twice": (lambda c: c["waves"][1].update(id="early"), "waves: 'early' is used twice"),
    "waves out of order": (lambda c: c["waves"].reverse(), "waves: must stand in the order of their days"),
    "wave after the end": (
        lambda c: c["waves"][2].update(day=500, opens=500, closes=510),
        "'3' opens long after",
    ),
    "landmark nowhere": (lambda c: c["landmark"].update(wave="late"), "landmark.wave: 'late' is not a wave"),
    "landmark at a retest": (
        lambda c: c["landmark"].update(wave="again", day=42),
        "landmark.wave: 'again' is a retest",
    ),
    "landmark too early": (
        lambda c: c["landmark"].update(day=27),
        "landmark.day: lies before the close of its wave",
    ),
    "landmark at the end": (lambda c: c["landmark"].update(day=84), "landmark.day: no day is left after it"),
    "language twice": (lambda c: c.update(languages=["en", "de", "en"]), "languages: 'en' is used twice"),
    "no language": (lambda c: c.update(languages=[]), "languages: .*at least 1 item"),
    "hypothesis twice": (
        lambda c: c["hypotheses"].append({"id": "h1", "text": "Again."}),
        "hypotheses: 'h1' is used twice",
    ),
    "covariate twice": (lambda c: c.update(covariates=["sex", "sex"]), "covariates: 'sex' is used twice"),
    "matrix of items": (
        lambda c: c["item_order"].update(per_page=40),
        r"item_order\.per_page: .*less than or equal to 8",
    ),
    "unknown order": (lambda c: c["item_order"].update(policy="random"), r"item_order\.policy: "),
    "misspelt key": (lambda c: c.update(consnet={}), "consnet: is no known key; did you mean .consent.?"),
    "misspelt key within": (
        lambda c: c["waves"][1].update(open=3),
        r"waves\[1\]\.open: is no known key; did you mean .opens.",
    ),
    "another schema": (lambda c: c.update(schema=2), "schema: Input should be 1"),
}


@pytest.mark.parametrize("case", FAULTS)
def test_a_fault_is_named_with_its_path(case: str, tmp_path: Path) -> None:
    change, message = FAULTS[case]
    path = write(tmp_path, changed(change))
    with pytest.raises(DefinitionError, match=message) as caught:
        load_study(path)
    lines = str(caught.value).split("\n")
    assert lines[0] == "load_study: 1 fault in study.yaml."
    assert lines[-1].startswith("Hint: ")


def test_more_than_five_faults_are_counted() -> None:
    with pytest.raises(
        DefinitionError, match=r"load_study: 7 faults in study.yaml.\n(  .*\n){5}  and 2 more"
    ):
        make_study({"schema": 1})


FILES: dict[str, tuple[str, str]] = {
    "no mapping": ("- a\n- b\n", "holds no mapping"),
    "no YAML": ("id: [1\n", "is not valid YAML"),
    "key twice": ("id: a\nid: b\n", "key 'id' is written twice"),
    "empty": ("", "holds no mapping"),
}


@pytest.mark.parametrize("case", FILES)
def test_a_file_that_is_no_study_is_refused(case: str, tmp_path: Path) -> None:
    text, message = FILES[case]
    with pytest.raises(DefinitionError, match=message):
        load_study(write(tmp_path, text))


def test_an_absent_file_and_a_folder_are_refused(tmp_path: Path) -> None:
    with pytest.raises(DefinitionError, match=r"load_study: there is no file gone.yaml"):
        load_study(tmp_path / "gone.yaml")
    with pytest.raises(DefinitionError, match="there is no file"):
        load_study(tmp_path)


OPENING: dict[str, tuple[Callable[[dict[str, Any]], Any], list[str]]] = {
    "no consent": (lambda c: c.pop("consent"), ["consent.text.en: is empty", "consent.text.de: is empty"]),
    "consent in one language": (lambda c: c["consent"]["text"].pop("de"), ["consent.text.de: is empty"]),
    "no crisis text": (lambda c: c.pop("crisis"), ["crisis.en: is empty", "crisis.de: is empty"]),
    "blank crisis text": (lambda c: c["crisis"].update(de="  "), ["crisis.de: is empty"]),
    "nobody to ask": (lambda c: c.update(contact=" "), ["contact: is empty"]),
}


@pytest.mark.parametrize("case", OPENING)
def test_what_is_lacking_before_opening_is_listed(case: str) -> None:
    change, expected = OPENING[case]
    faults = make_study(changed(change)).faults_before_opening()
    assert [fault.split(";")[0] for fault in faults] == expected
