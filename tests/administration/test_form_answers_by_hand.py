"""What is kept of a form, page by page: a blank replaces no answer, a hidden question keeps none; each form apart."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

from sqlalchemy import Engine

sys.path.insert(0, str(Path(__file__).parent))
from study_of_tests import open_study
from test_forms import BASELINE, CLOSING, FORMS

from instrument.forms import Form
from instrument.store.answers import Placement, start_administration
from instrument.store.definitions import find_study, item_numbers, waves_of
from instrument.store.form_answers import _cells, form_answers_of, form_tables, save_form
from instrument.store.intake import people_of
from instrument.store.people import invite
from instrument.store.tokens import Keyring

FORM, END = Form.model_validate(BASELINE), Form.model_validate(CLOSING)
QUESTIONS = [*CLOSING["questions"], BASELINE["questions"][2], {**BASELINE["questions"][3], "shown_if": None}]
NAMESAKE = Form.model_validate({**CLOSING, "questions": QUESTIONS})
"""Another form, two of whose questions are called as two of the first are."""
Said = dict[str, str | None]


class Begun:
    """A study with forms, and questionnaires that were begun in it."""

    def __init__(self, engine: Engine, keyring: Keyring) -> None:
        self.engine, self.keyring = engine, keyring
        self.study, _, _ = open_study(engine, keyring, **FORMS)

    def begin(self, name: str, wave: str, *, is_test: bool = False, mode: str = "web") -> int:
        with self.engine.begin() as connection:
            row: Any = find_study(connection, "trial")
            known = people_of(connection, row.id, [name])
            if name not in known:
                invite(connection, int(row.id), self.keyring, [name], is_test=is_test)
            person = people_of(connection, row.id, [name])[name]
            version = int(row.instrument_version_id)
            waves = {one.name: int(one.id) for one in waves_of(connection, row.id)}
            items = item_numbers(connection, version).values()
            layout = [Placement(n, k, 1) for k, n in enumerate(items, 1)]
            how: dict[str, Any] = {"lang": "en", "order_seed": 1, "mode": mode}
            return start_administration(connection, person, waves[wave], version, layout, **how)

    def save(self, attempt: int, form: Form, said: Said, back: tuple[str, ...] = ()) -> Said:
        with self.engine.begin() as connection:
            wanted = save_form(connection, attempt, form, said, taken_back=back)
            assert form_answers_of(connection, attempt).get(form.id, {}) == wanted
            return wanted


STEPS: list[tuple[Said, tuple[str, ...], Said]] = [
    ({"used": "1", "which": "1 2"}, (), {"used": "1", "which": "1 2"}),
    ({"used": None}, (), {"used": "1", "which": "1 2"}),  # gone on without: the answer stays
    ({"age": None}, (), {"used": "1", "which": "1 2", "age": None}),
    ({"age": "70"}, (), {"used": "1", "which": "1 2", "age": "70"}),
    ({"licence": "x"}, (), {"used": "1", "which": "1 2", "age": "70", "licence": "x"}),
    ({"age": "64"}, (), {"used": "1", "which": "1 2", "age": "64"}),  # hides the question about 65
    ({"age": "65"}, (), {"used": "1", "which": "1 2", "age": "65"}),  # and what was said to it is gone
    ({"age": None}, ("age",), {"used": "1", "which": "1 2", "age": None}),
    ({"age": "30"}, ("age",), {"used": "1", "which": "1 2", "age": "30"}),  # removed, and another given
    ({}, ("which",), {"used": "1", "age": "30"}),
    ({"used": "0"}, (), {"used": "0", "age": "30"}),
]


def test_answers_are_merged_page_by_page(engine: Engine, keyring: Keyring) -> None:
    begun = Begun(engine, keyring)
    attempt, other = begun.begin("anna", "first"), begun.begin("ben", "first")
    begun.save(attempt, NAMESAKE, {"hope": "5", "age": "7", "licence": "mine"})
    begun.save(other, FORM, {"used": "1", "age": "44"})
    for said, back, wanted in STEPS:
        assert begun.save(attempt, FORM, said, back) == wanted
    with engine.connect() as connection:  # the other form and the other person have what they had
        assert form_answers_of(connection, attempt)["closing"] == {"hope": "5", "age": "7", "licence": "mine"}
        assert form_answers_of(connection, other) == {"baseline": {"used": "1", "age": "44"}}


def test_a_table_of_a_form_has_a_row_for_each_at_whom_it_was_asked(engine: Engine, keyring: Keyring) -> None:
    """On the web all are asked, on paper who gave an answer; trial links are left out; each state by its reason."""
    begun = Begun(engine, keyring)
    ben, anna = begun.begin("ben", "first"), begun.begin("anna", "first")
    begun.begin("anna", "start")
    begun.begin("cleo", "first", mode="paper")
    begun.save(begun.begin("dora", "first", mode="paper"), FORM, {"used": "0"})
    begun.save(begun.begin("tried", "first", is_test=True), FORM, {"used": "0"})
    begun.save(anna, FORM, {"used": "1", "which": "2", "age": None})
    begun.save(ben, FORM, {"used": "1", "which": None, "age": "70", "licence": "mine"})
    with engine.connect() as connection:
        plain = form_tables(connection, "trial")
        whole = form_tables(connection, "trial", identifying=True)
    table = plain["baseline"]
    assert table[["participant", "wave"]].to_numpy().tolist() == [
        ["ben", "first"],
        ["anna", "start"],
        ["anna", "first"],
        ["dora", "first"],
    ]
    assert plain["closing"]["participant"].tolist() == ["ben", "anna"]  # dora's sheet came without it
    columns = ["participant", "wave", "day", "status", "study_version"]
    asked = ["used", "which_1", "which_2", "which_9", "age"]
    assert table.columns.tolist() == [*columns, *asked, "since"]
    assert whole["baseline"].columns.tolist() == [*columns, *asked, "licence", "since"]
    cells = table[asked].astype(object).where(table[asked].notna(), None).to_numpy().tolist()
    assert cells == [
        ["1", None, None, None, "70"],
        [None] * 5,
        ["1", "0", "1", "0", None],
        ["0", None, None, None, None],
    ]
    assert whole["baseline"]["licence"].tolist()[0] == "mine"
    states = plain["states"].set_index(["participant", "wave", "form"])
    assert len(states) == 4 * len(BASELINE["questions"]) + 2
    for place, wanted in (
        (("ben", "first", "baseline"), ["answered", "skipped", "answered", "answered", "not_seen"]),
        (("anna", "start", "baseline"), ["not_seen", "hidden", "not_seen", "hidden", "not_seen"]),
        (("anna", "first", "baseline"), ["answered", "answered", "skipped", "hidden", "not_seen"]),
        (("dora", "first", "baseline"), ["answered", "hidden", "not_seen", "hidden", "not_seen"]),
    ):
        found = states.loc[[place]]
        assert found["question"].tolist() == [one["id"] for one in BASELINE["questions"]]
        assert found["state"].tolist() == wanted
    assert (table["study_version"] == 1).all()
    assert table["day"].fillna(-1).tolist() == [0, 0, 0, -1]  # nobody knows the day of a sheet without one


def test_codes_that_hold_one_another_are_told_apart() -> None:
    several = BASELINE["questions"][1]
    choices = [{"code": code, "label": several["text"]} for code in (1, 11, -1)]
    raw = {**several, "shown_if": None, "choices": choices}
    asked = Form.model_validate({**BASELINE, "questions": [raw]}).questions[0]
    assert list(_cells(asked, "11")) == ["0", "1", "0"]
    assert list(_cells(asked, "-1 1")) == ["1", "0", "1"]
