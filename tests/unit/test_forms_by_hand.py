"""Questions of forms and of enrolment, each rule at its edge: what is asked, what is read, who suits."""

from __future__ import annotations

from itertools import product
from typing import Any

import pytest
from pydantic import ValidationError

import instrument
from instrument.enrolment import Enrolment
from instrument.forms import (
    LETTERS,
    Form,
    Question,
    pages_of,
    plain_number,
    questions_of_instrument,
    read_value,
    rule_holds,
    visible_questions,
)


def words(text: str) -> dict[str, str]:
    return {"en": text}


def ask(name: str, kind: str = "number", codes: tuple[int, ...] = (), **more: Any) -> dict[str, Any]:
    choices = [{"code": code, "label": words(f"o{code}")} for code in codes]
    ends = {"low": words("l"), "high": words("h")} if kind == "slider" else {}
    return {"id": name, "kind": kind, "text": words(name), "choices": choices, **ends, **more}


def question(*given: Any, **more: Any) -> Question:
    return Question.model_validate(ask(*given, **more))


def form(*questions: dict[str, Any]) -> Form:
    return Form.model_validate({"id": "f", "title": words("F"), "waves": ["w"], "questions": list(questions)})


def shown(asked: Form, **said: str) -> list[str]:
    return [one.id for one in visible_questions(asked, said)]


def test_a_rule_holds_from_its_lower_to_its_upper_bound() -> None:
    asked = form(ask("age"), ask("q", shown_if={"question": "age", "at_least": 18, "at_most": 65}))
    rule = asked.questions[1].shown_if
    assert rule is not None
    held = [n for n in range(100) if rule_holds(rule, "number", str(n))]
    assert held == list(range(18, 66))
    assert not rule_holds(rule, "number", "17.99") and rule_holds(rule, "number", "65.0")
    assert not rule_holds(rule, "number", None)


def test_of_several_choices_one_is_enough_for_a_rule() -> None:
    asked = form(ask("m", "several", (1, 2, 3)), ask("q", shown_if={"question": "m", "codes": [2, 3]}))
    for said in product("01", repeat=3):
        chosen = [str(k + 1) for k, one in enumerate(said) if one == "1"]
        wanted = ["m", "q"] if {"2", "3"} & set(chosen) else ["m"]
        assert shown(asked, **({"m": " ".join(chosen)} if chosen else {})) == wanted


def test_answers_to_a_hidden_question_open_no_other() -> None:
    asked = form(
        ask("a", "single", (0, 1)),
        ask("b", "single", (0, 1), shown_if={"question": "a", "codes": [1]}),
        ask("c", shown_if={"question": "b", "codes": [1]}),
    )
    assert shown(asked, a="1", b="1") == ["a", "b", "c"]
    assert shown(asked, a="0", b="1") == ["a"]  # b was answered before a was changed
    assert shown(asked, a="1", b="0") == ["a", "b"]


def test_pages_hold_so_many_questions_and_none_beside_the_one_it_depends_on() -> None:
    plain = form(*(ask(f"q{k}") for k in range(5)))
    assert [len(page) for page in pages_of(plain, 2)] == [2, 2, 1]
    assert [len(page) for page in pages_of(plain, 5)] == [5]
    parted = form(ask("a", "single", (0, 1)), ask("b", shown_if={"question": "a", "codes": [1]}), ask("c"))
    assert [[one.id for one in page] for page in pages_of(parted, 9)] == [["a"], ["b", "c"]]
    half = LETTERS // 2
    texts = form(
        ask("t1", "text", longest=half), ask("t2", "text", longest=half), ask("t3", "text", longest=1)
    )
    assert [[one.id for one in page] for page in pages_of(texts, 9)] == [["t1", "t2"], ["t3"]]
    beside = form(ask("t1", "text", longest=half), ask("t2", "text", longest=half), ask("n"))
    assert [len(page) for page in pages_of(beside, 9)] == [3]  # a number adds no letters


READ: list[tuple[Question, list[str], tuple[str | None, str]]] = [
    (question("s", "single", (1, 2)), ["2"], ("2", "")),
    (question("s", "single", (1, 2)), ["1", "2"], (None, "choice")),
    (question("s", "single", (1, 2)), ["3"], (None, "choice")),
    (question("m", "several", (3, 1, 2)), ["2", "3"], ("3 2", "")),
    (question("n"), ["1.250"], (None, "number")),
    (question("n"), ["0.250"], ("0.25", "")),
    (question("n"), ["-0,125"], ("-0.125", "")),
    (question("n"), ["1.2500"], ("1.25", "")),
    (question("n"), ["1.25"], ("1.25", "")),
    (question("n"), ["-0"], ("0", "")),
    (question("n"), ["100"], ("100", "")),
    (question("n", whole=True), ["3.0"], ("3", "")),
    (question("n", whole=True), ["3.5"], (None, "whole")),
    (question("n", minimum=1, maximum=5), ["1"], ("1", "")),
    (question("n", minimum=1, maximum=5), ["5"], ("5", "")),
    (question("n", minimum=1, maximum=5), ["0.9"], (None, "range")),
    (question("n", minimum=1, maximum=5), ["5.1"], (None, "range")),
    (question("v", "slider", minimum=1, maximum=7, step=2), ["3"], ("3", "")),
    (question("v", "slider", minimum=1, maximum=7, step=2), ["4"], (None, "number")),
    (question("d", "date", earliest="2020-01-01", latest="2020-02-29"), ["2020-01-01"], ("2020-01-01", "")),
    (question("d", "date", earliest="2020-01-01", latest="2020-02-29"), ["2020-02-29"], ("2020-02-29", "")),
    (question("d", "date", earliest="2020-01-01", latest="2020-02-29"), ["2019-12-31"], (None, "date_range")),
    (question("d", "date", earliest="2020-01-01", latest="2020-02-29"), ["2020-03-01"], (None, "date_range")),
    (question("d", "date"), ["2021-02-29"], (None, "date")),
    (question("t", "text", longest=5), ["12345"], ("12345", "")),
    (question("t", "text", longest=5), ["123456"], (None, "long")),
    (question("t", "text", longest=5), ["12\r\n4"], ("12\n4", "")),
]


@pytest.mark.parametrize(("asked", "given", "read"), READ)
def test_an_answer_is_read_at_its_edges(
    asked: Question, given: list[str], read: tuple[str | None, str]
) -> None:
    assert read_value(asked, given) == read


def test_an_option_that_stands_alone_goes_with_no_other() -> None:
    raw = ask("m", "several", (1, 2, 9))
    raw["choices"][2]["alone"] = True
    asked = Question.model_validate(raw)
    assert read_value(asked, ["9"]) == ("9", "")
    assert read_value(asked, ["1", "2"]) == ("1 2", "")
    assert read_value(asked, ["1", "9"]) == (None, "alone")


def test_numbers_are_written_without_what_says_nothing() -> None:
    for number, text in (
        (10, "10"),
        (1.50, "1.5"),
        (0.0, "0"),
        (-0.0, "0"),
        (1e-7, "0.0000001"),
        (1e21, f"1{'0' * 21}"),
    ):
        assert plain_number(number) == text


FAULTY: list[tuple[dict[str, Any], str]] = [
    (ask("q", minimum=3, maximum=3), "minimum: lies not below maximum"),
    (ask("q", "slider", minimum=0, maximum=5, step=2), "step: does not lead"),
    (ask("q", "slider", minimum=0), "a slider needs both"),
    (ask("q", "date", earliest="2021-01-02", latest="2021-01-01"), "earliest: lies after latest"),
    (ask("q", "text", earliest="2021-01-02"), "belong to date, not to text"),
    (ask("q", "text", minimum=1), "belong to number or slider, not to text"),
    (ask("q", "single", (1,)), "choices: are too few"),
    (ask("q", "several"), "choices: are too few"),
    (ask("q", "single", (1, 1)), "a code is used twice"),
    (ask("q", "number", (1,)), "choices: belong to single or several"),
    (ask("Participant"), "is a column of every table"),
]


@pytest.mark.parametrize(("raw", "message"), FAULTY)
def test_a_question_that_cannot_be_answered_is_refused(raw: dict[str, Any], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        Question.model_validate(raw)


def test_what_just_fits_is_no_fault() -> None:
    question("q", "several", (1,))
    question("q", "single", (1, 2))
    question("q", "date", earliest="2021-01-01", latest="2021-01-01")
    question("q", "slider", minimum=0, maximum=0.3, step=0.1)


@pytest.mark.parametrize(
    ("asked", "message"),
    [
        ((ask("d", "date"), ask("q", shown_if={"question": "d", "at_least": 1})), "depends on a date"),
        ((ask("d", "text"), ask("q", shown_if={"question": "d", "at_least": 1})), "depends on a text"),
        ((ask("n"), ask("q", shown_if={"question": "n", "codes": [1]})), "needs at_least or at_most"),
        ((ask("s", "single", (0, 1)), ask("q", shown_if={"question": "s", "at_least": 1})), "needs codes"),
        (
            (ask("s", "single", (0, 1)), ask("q", shown_if={"question": "s", "codes": [2]})),
            "2 is no code of 's'",
        ),
        (
            (ask("q", shown_if={"question": "s", "codes": [1]}), ask("s", "single", (0, 1))),
            "no earlier question",
        ),
        ((ask("a", "several", (1, 2)), ask("a_2")), "'a_2' is used twice"),
    ],
)
def test_a_form_that_cannot_be_followed_is_refused(asked: tuple[dict[str, Any], ...], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        form(*asked)


def test_every_text_that_is_said_is_said_in_every_language() -> None:
    raw = ask("v", "slider", minimum=0, maximum=1, unit=words("u"), help=words("?"))
    whole = form(raw, ask("s", "single", (0, 1)))
    assert whole.faults_in(["en"]) == []
    lacking = ["title", *(f"questions[0].{part}" for part in ("text", "help", "unit", "low", "high"))]
    lacking += ["questions[1].text", "questions[1].choices[0].label", "questions[1].choices[1].label"]
    assert sorted(whole.faults_in(["en", "de"])) == sorted(f"{path}.de: is empty" for path in lacking)
    with pytest.raises(ValidationError, match="'states' is taken"):
        Form.model_validate({"id": "states", "title": words("S"), "waves": ["w"], "questions": [ask("q")]})


def test_texts_may_tell_who_somebody_is_unless_the_form_says_otherwise() -> None:
    for kind, said, wanted in (
        ("text", None, True),
        ("text", False, False),
        ("date", None, False),
        ("date", True, True),
    ):
        assert question("q", kind, identifies=said).is_identifying is wanted
    assert question("m", "several", (-1, 0, 12)).columns == ["m_m1", "m_0", "m_12"]


def test_items_of_another_instrument_are_asked_with_every_answer_that_it_has() -> None:
    scale = instrument.load("dta")
    made = questions_of_instrument(scale, ["en", "de"])
    assert [one.id for one in made] == scale.item_ids
    options = scale.scale_of(scale.item_ids[0])
    assert [choice.code for choice in made[0].choices] == [
        one.code for one in (*options.options, *options.outside)
    ]
    assert len(options.outside) > 0
    for tag in ("en", "de"):
        said = scale.wording(tag)
        assert [one.text[tag] for one in made] == [said.items[item] for item in scale.item_ids]
        labels = said.options[scale.scale_name(scale.item_ids[0])]
        assert {choice.code: choice.label[tag] for choice in made[0].choices} == labels


ENROLMENT: dict[str, Any] = {
    "places": 9,
    "questions": [ask("age"), ask("sex", "single", (1, 2))],
    "admits": [{"question": "age", "at_least": 18}, {"question": "age", "at_most": 65}],
    "quotas": [
        {
            "id": "young_women",
            "places": 2,
            "when": [{"question": "sex", "codes": [1]}, {"question": "age", "at_most": 30}],
        },
        {"id": "men", "places": 2, "when": [{"question": "sex", "codes": [2]}]},
    ],
}


def test_who_suits_meets_every_rule_and_counts_in_every_quota_that_is_met_whole() -> None:
    rules = Enrolment.model_validate(ENROLMENT)
    for age, sex in product((17, 18, 30, 31, 65, 66), (1, 2)):
        said = {"age": str(age), "sex": str(sex)}
        assert rules.suits(said) == (18 <= age <= 65)
        young = ["young_women"] if sex == 1 and age <= 30 else []
        assert rules.counted_as(said) == [*young, *(["men"] if sex == 2 else [])]
    assert not rules.suits({"sex": "1"})  # without an answer no rule holds
    assert rules.per_hour == 60


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"quotas": [ENROLMENT["quotas"][1]] * 2}, "quotas: an id is used twice"),
        ({"questions": [ask("age"), ask("sex", "single", (1, 3))]}, "a code is none of 'sex'"),
        ({"questions": [*ENROLMENT["questions"], ask("n")]}, "'n' decides nothing"),
        ({"admits": [{"question": "age", "codes": [1]}]}, "'age' needs at_least or at_most"),
        ({"admits": [{"question": "zz", "codes": [1]}]}, "'zz' is no question of the enrolment"),
        (
            {
                "questions": [
                    ask("sex", "single", (1, 2)),
                    ask("age", shown_if={"question": "sex", "codes": [1]}),
                ]
            },
            "and shown always",
        ),
        ({"questions": [*ENROLMENT["questions"], ask("t", "text")]}, "must be single, several or number"),
    ],
)
def test_rules_of_enrolment_that_cannot_be_kept_are_refused(change: dict[str, Any], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        Enrolment.model_validate({**ENROLMENT, **change})


def test_questions_that_only_quotas_ask_decide_something() -> None:
    assert Enrolment.model_validate({**ENROLMENT, "admits": []}).suits({"age": "3", "sex": "1"})
