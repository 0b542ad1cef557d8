"""Forms of a study that runs are amended: what was begun goes on as it was, and each row has its version."""

from __future__ import annotations

import copy
import sys
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine
from starlette.testclient import TestClient

sys.path.insert(0, str(Path(__file__).parent))
from browser_of_tests import Tab, at
from study_of_tests import open_study, raw_study
from test_amending import WHY
from test_form_mending import Keyed
from test_forms import BASELINE, CLOSING, FORMS, WAVES, both, fill, goto, kept

import instrument
from instrument.administer.application import create_app
from instrument.errors import DefinitionError, ResponseDataError
from instrument.store.amending import amend_study, versions_of
from instrument.store.connect import StoreError
from instrument.store.form_answers import form_tables
from instrument.store.tokens import Keyring
from instrument.study import make_study

SLEEP = {
    "id": "sleep",
    "kind": "number",
    "text": both("Hours of sleep?"),
    "minimum": 0,
    "maximum": 24,
    "shown_if": {"question": "used", "codes": [1]},
}


def amended(**changes: Any) -> dict[str, Any]:
    """The baseline form in other words, with another branch, a wider bound and a further question."""
    form = copy.deepcopy(BASELINE)
    used, which, age, licence, since = form["questions"]
    used["text"] = both("Have you used any app?")
    age |= {"maximum": 120, "shown_if": {"question": "used", "codes": [0, 1]}}
    licence["shown_if"] = {"question": "age", "at_least": 60}
    form["questions"] = [used, which, SLEEP, age, licence, since]
    return {**form, **changes}


def amend(engine: Engine, *forms: dict[str, Any], waves: Any = WAVES) -> int:
    changed = make_study({**raw_study(), "waves": waves, "forms": list(forms)})
    with engine.begin() as connection:
        return amend_study(connection, "trial", changed, instrument.load("dta"), WHY)


def test_who_began_goes_on_in_the_old_form_and_the_next_one_meets_the_new(
    engine: Engine, keyring: Keyring
) -> None:
    _, _, (early, late) = open_study(engine, keyring, 2, **FORMS)
    with TestClient(create_app(engine, keyring)) as client, TestClient(create_app(engine, keyring)) as other:
        old = Tab(client).begin(early)
        fill(old, used="1")
        assert amend(engine, amended(), CLOSING) == 2
        assert at(old.reload().response) == "/survey/form/baseline/2"
        assert "Hours of sleep?" not in old.page.said
        fill(old, which=["1"], age="64")
        assert at(old.response) == "/survey/form/baseline/3"
        assert "being over 65" not in old.page.said  # 64 is not enough in the form that was begun
        old.open(f"/q/{early}")  # and a link that is opened anew leads to the same page
        assert at(old.response) == "/survey/form/baseline/3"
        fill(old, since="2020-01-01")
        assert "Used an app?" in old.page.said
        assert "Have you used any app?" not in old.page.said
        old.press()
        assert "Your answers are stored" in old.page.said
        new = Tab(other).begin(late)
        assert "Have you used any app?" in new.page.said
        fill(new, used="1")
        fill(new, which=["1"], sleep="7.5", age="110")
        assert "being over 65" in goto(new, "form/baseline/3").page.said
        fill(new, licence="no", since="2020-01-01")
        new.press()
    assert kept(engine, 2)["baseline"]["sleep"] == "7.5"
    with engine.connect() as connection:
        found = form_tables(connection, "trial")
        versions = versions_of(connection, "trial")
    table = found["baseline"]
    assert table[["status", "study_version", "age"]].to_numpy().tolist() == [
        ["completed", 1, "64"],
        ["completed", 2, "110"],
    ]
    assert table["sleep"].isna().tolist() == [True, False]
    states = found["states"].set_index("question")["state"]
    assert states["sleep"].tolist() == ["not_asked", "answered"]
    assert states["licence"].tolist() == ["hidden", "answered"]
    assert versions["changed"].tolist() == ["", "forms"]


def test_corrections_and_sheets_go_by_the_version_of_their_questionnaire(
    engine: Engine, keyring: Keyring
) -> None:
    keyed = Keyed(engine, keyring)
    amend(engine, amended(), CLOSING)
    with pytest.raises(ResponseDataError, match="none of their question"):
        keyed.correct(("anna", "start", "baseline.age", "110"))  # begun where 99 was the end
    with pytest.raises(ResponseDataError, match="in no form of wave"):
        keyed.correct(("anna", "start", "baseline.sleep", "7"))
    assert keyed.correct(("anna", "start", "baseline.age", "64")).fell_away == 1
    new = keyed.exported().drop(columns=["day", "status", "study_version"]).fillna("").iloc[[1]]
    with pytest.raises(StoreError, match="with other answers"):
        keyed.keep(new.assign(since="2021-01-01"))
    assert keyed.keep(new) == (0, 1)
    row = new.assign(participant="cleo", used="1", which_1="1", sleep="8")
    assert keyed.keep(row) == (1, 0)
    assert keyed.exported()["study_version"].tolist() == [1, 1, 2]
    assert keyed.exported()["sleep"].tolist()[2] == "8"
    assert keyed.correct(("cleo", "start", "baseline.sleep", "7"), ("cleo", "start", "baseline.age", "110"))[
        :2
    ] == (2, 0)
    assert keyed.exported()[["sleep", "age"]].iloc[2].tolist() == ["7", "110"]  # begun in the second version


def edited(place: int, **changes: Any) -> dict[str, Any]:
    form = copy.deepcopy(BASELINE)
    form["questions"][place] |= changes
    return form


REFUSED: list[tuple[tuple[dict[str, Any], ...], str]] = [
    ((BASELINE,), "forms.closing: must stay; its answers are in the store"),
    (({**BASELINE, "waves": ["start"]}, CLOSING), "forms.baseline.waves: must go on being asked at first"),
    (({**BASELINE, "place": "after"}, CLOSING), "forms.baseline.place: must stay as it is"),
    (({**BASELINE, "questions": BASELINE["questions"][:4]}, CLOSING), "forms.baseline.since: must stay"),
    (
        (edited(0, choices=[*BASELINE["questions"][0]["choices"], {"code": 2, "label": both("x")}]), CLOSING),
        "forms.baseline.used.choices: must stay as it is",
    ),
    ((edited(2, maximum=90), CLOSING), "forms.baseline.age.maximum: may only become wider"),
    ((edited(2, minimum=20), CLOSING), "forms.baseline.age.minimum: may only become wider"),
    ((edited(2, whole=False), CLOSING), "forms.baseline.age.whole: must stay as it is"),
    ((edited(2, unit=both("months")), CLOSING), "forms.baseline.age.unit: must stay as it is"),
    ((edited(4, kind="text", latest=None), CLOSING), "forms.baseline.since.kind: must stay as it is"),
    ((edited(3, identifies=False), CLOSING), "forms.baseline.licence.identifies: must stay as it is"),
    ((edited(3, longest=10), CLOSING), "forms.baseline.licence.longest: may only become wider"),
    ((edited(4, latest="2029-01-01"), CLOSING), "forms.baseline.since.latest: may only become wider"),
    ((edited(4, earliest="2000-01-01"), CLOSING), "forms.baseline.since.earliest: may only become wider"),
    (
        (BASELINE, {**CLOSING, "questions": [{**CLOSING["questions"][0], "maximum": 20}]}),
        "forms.closing.hope.minimum, maximum: must stay as it is",
    ),
    (
        (BASELINE, {**CLOSING, "questions": [{**CLOSING["questions"][0], "step": 1}]}),
        "forms.closing.hope.step: must stay as it is",
    ),
    (
        (
            edited(1, choices=[{**one, "alone": False} for one in BASELINE["questions"][1]["choices"]]),
            CLOSING,
        ),
        "forms.baseline.which.choices: must stay as it is",
    ),
    ((BASELINE, CLOSING), "nothing is changed"),
]


def test_what_would_change_the_meaning_of_an_answer_is_refused_by_path(
    engine: Engine, keyring: Keyring
) -> None:
    open_study(engine, keyring, **FORMS)
    for forms, words in REFUSED:
        with pytest.raises(DefinitionError, match=words):
            amend(engine, *forms)
    swapped = copy.deepcopy(BASELINE)
    swapped["questions"] = [swapped["questions"][k] for k in (0, 2, 1, 3, 4)]
    with pytest.raises(DefinitionError, match=r"forms.baseline.questions: must stay in their order"):
        amend(engine, swapped, CLOSING)
    with engine.connect() as connection:
        assert len(versions_of(connection, "trial")) == 1
    extra = {**copy.deepcopy(CLOSING), "id": "extra", "waves": ["later"]}
    later = {"id": "later", "day": 9, "opens": 9, "closes": 12, "scale": False}
    private = edited(4, identifies=True)  # what may tell who somebody is may be kept from exports later on
    assert amend(engine, private, CLOSING, extra, waves=[*WAVES, later]) == 2
    with engine.connect() as connection:
        assert "since" not in form_tables(connection, "trial")["baseline"].columns
