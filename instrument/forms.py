"""Forms: what a study asks beside its scale, such as a baseline form or an outcome; never scored.

A question is shown or hidden by an earlier answer; a hidden question has no answer.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import date
from decimal import Decimal
from typing import Annotated, Literal, Self

from pydantic import Field, StringConstraints, model_validator

from instrument.definition import Identifier, Instrument, LanguageTag, Model, Text

Kind = Literal["single", "several", "number", "date", "slider", "text"]
Words = dict[LanguageTag, Text]
FormName = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_]{0,31}$")]
Number = Annotated[float, Field(allow_inf_nan=False, ge=-1e12, le=1e12)]
RESERVED = ("participant", "wave", "status", "day", "study_version", "completed_on", "enrolled_on")
LONGEST = 4_000
LETTERS = 5_000
"""Most of all texts of a page: a browser may send twelve bytes for a letter, and what it sends is bounded."""
_NUMBER = re.compile(r"([+-]?[0-9]{1,12})(?:[.,]([0-9]{1,6}))?")


class Choice(Model):
    """One option. `alone`: it goes with no other, such as "none of these"."""

    code: int
    label: Words
    alone: bool = False


class ShownIf(Model):
    """An earlier question of the form, and the answers on which the question is asked."""

    question: Identifier
    codes: tuple[int, ...] = ()
    at_least: Number | None = None
    at_most: Number | None = None

    @model_validator(mode="after")
    def _check_one(self) -> Self:
        bounds = self.at_least is not None or self.at_most is not None
        if bool(self.codes) == bounds:
            raise ValueError("give either codes, or at_least and at_most")
        return self


class Question(Model):
    """One question of a form.

    `identifies`: the answer may tell who somebody is, so that it is in no export unless asked for; true for
    free text unless the file says otherwise.
    """

    id: Identifier
    kind: Kind
    text: Words
    help: Words = Field(default_factory=dict)
    choices: tuple[Choice, ...] = ()
    minimum: Number | None = None
    maximum: Number | None = None
    whole: bool = False
    step: Annotated[float, Field(gt=0, allow_inf_nan=False)] = 1.0
    unit: Words = Field(default_factory=dict)
    low: Words = Field(default_factory=dict)
    high: Words = Field(default_factory=dict)
    earliest: date | None = None
    latest: date | None = None
    longest: Annotated[int, Field(ge=1, le=LONGEST)] = 500
    identifies: bool | None = None
    shown_if: ShownIf | None = None

    @model_validator(mode="after")
    def _check_kind(self) -> Self:
        faults = [*_choice_faults(self), *_bound_faults(self)]
        if self.id.lower() in RESERVED:
            faults.append(f"{self.id!r} is a column of every table; choose another id")
        if faults:
            raise ValueError("; ".join(faults))
        return self

    @property
    def is_identifying(self) -> bool:
        """Whether the answer stays out of exports unless asked for."""
        return self.kind == "text" if self.identifies is None else self.identifies

    @property
    def columns(self) -> list[str]:
        """Columns of an export: one for each option where several may be chosen."""
        if self.kind == "several":
            return [f"{self.id}_{_column_code(choice.code)}" for choice in self.choices]
        return [self.id]


def _column_code(code: int) -> str:
    return f"m{-code}" if code < 0 else str(code)


def _choice_faults(question: Question) -> list[str]:
    chosen_from = question.kind in ("single", "several")
    codes = [choice.code for choice in question.choices]
    faults = []
    if chosen_from and len(codes) < (2 if question.kind == "single" else 1):
        faults.append("choices: are too few")
    if not chosen_from and codes:
        faults.append(f"choices: belong to single or several, not to {question.kind}")
    if len(set(codes)) < len(codes):
        faults.append("choices: a code is used twice")
    return faults


def _bound_faults(question: Question) -> list[str]:
    faults = []
    bounds = (question.minimum, question.maximum)
    if question.kind == "slider":
        if None in bounds:
            faults.append("minimum, maximum: a slider needs both")
        if not question.low or not question.high:
            faults.append("low, high: a slider needs labels at its ends")
    if question.kind not in ("number", "slider") and bounds != (None, None):
        faults.append(f"minimum, maximum: belong to number or slider, not to {question.kind}")
    if question.minimum is not None and question.maximum is not None:
        if question.minimum >= question.maximum:
            faults.append("minimum: lies not below maximum")
        elif question.kind == "slider":
            steps = (Decimal(str(question.maximum)) - Decimal(str(question.minimum))) / Decimal(
                str(question.step)
            )
            if steps != int(steps):
                faults.append("step: does not lead from minimum to maximum")
    if question.earliest and question.latest and question.earliest > question.latest:
        faults.append("earliest: lies after latest")
    if question.kind != "date" and (question.earliest or question.latest):
        faults.append(f"earliest, latest: belong to date, not to {question.kind}")
    return faults


class Form(Model):
    """Questions asked at some waves, before or after the scale.

    With `instrument`, the questions are the items of another instrument (an outcome, say); they are copied
    into the study when it is put into a store.
    """

    id: FormName
    title: Words
    lead: Words = Field(default_factory=dict)
    waves: tuple[Identifier | int, ...] = Field(min_length=1)
    place: Literal["before", "after"] = "before"
    instrument: Text | None = None
    questions: tuple[Question, ...] = ()

    @model_validator(mode="after")
    def _check_questions(self) -> Self:
        faults = ["id: 'states' is taken"] if self.id == "states" else []
        if not self.questions and self.instrument is None:
            faults.append("questions: there is none")
        columns = [column for question in self.questions for column in question.columns]
        if doubled := sorted({name for name in columns if columns.count(name) > 1}):
            faults.append(f"questions: {doubled[0]!r} is used twice")
        earlier: dict[str, Question] = {}
        for place, question in enumerate(self.questions):
            if question.shown_if is not None:
                faults += [f"questions[{place}].shown_if: {fault}" for fault in _faults_of(question, earlier)]
            earlier[question.id] = question
        if faults:
            raise ValueError("; ".join(faults))
        return self

    def faults_in(self, languages: Sequence[str]) -> list[str]:
        """Name texts that lack in a language.

        Parameters
        ----------
        languages
            Of the study.

        Returns
        -------
        list of str
            Paths below the form.
        """
        said: dict[str, Words] = {"title": self.title}
        if self.lead:
            said["lead"] = self.lead
        for k, one in enumerate(self.questions):
            said[f"questions[{k}].text"] = one.text
            optional = {"help": one.help, "unit": one.unit, "low": one.low, "high": one.high}
            said |= {f"questions[{k}].{name}": words for name, words in optional.items() if words}
            said |= {f"questions[{k}].choices[{c}].label": x.label for c, x in enumerate(one.choices)}
        return [
            f"{path}.{tag}: is empty" for path, words in said.items() for tag in languages if tag not in words
        ]


def _faults_of(question: Question, earlier: Mapping[str, Question]) -> list[str]:
    rule = question.shown_if
    asked = None if rule is None else earlier.get(rule.question)
    if rule is None or asked is None:
        return [f"{'' if rule is None else rule.question!r} is no earlier question of this form"]
    if asked.kind in ("date", "text"):
        return [f"depends on a {asked.kind}; only choices, numbers and sliders can be depended on"]
    by_codes = asked.kind in ("single", "several")
    if by_codes != bool(rule.codes):
        return [f"{rule.question!r} needs {'codes' if by_codes else 'at_least or at_most'}"]
    known = {choice.code for choice in asked.choices}
    if unknown := [code for code in rule.codes if code not in known]:
        return [f"{unknown[0]} is no code of {rule.question!r}"]
    return []


def questions_of_instrument(scale: Instrument, languages: Sequence[str]) -> tuple[Question, ...]:
    """Items of an instrument as questions of a form.

    Parameters
    ----------
    scale
        The instrument.
    languages
        Those of the study.

    Returns
    -------
    tuple of Question
        Single choices with the codes of the instrument, so that its own scoring reads the export.
    """
    wordings = {tag: scale.wording(tag) for tag in languages}
    made = []
    for item in scale.items:
        name, options = scale.scale_name(item.id), scale.scale_of(item.id)
        choices = tuple(
            Choice(code=one.code, label={tag: said.options[name][one.code] for tag, said in wordings.items()})
            for one in (*options.options, *options.outside)
        )
        text = {tag: said.items[item.id] for tag, said in wordings.items()}
        made.append(Question(id=item.id, kind="single", text=text, choices=choices))
    return tuple(made)


def visible_questions(form: Form, values: Mapping[str, str]) -> list[Question]:
    """Questions that are asked, given the answers so far; answers to hidden ones count for nothing.

    Parameters
    ----------
    form
        The form.
    values
        Answer by id of the question, as `read_value` gives them.

    Returns
    -------
    list of Question
        In the order of the form.
    """
    shown: list[Question] = []
    counted: dict[str, str] = {}
    kinds = {question.id: question.kind for question in form.questions}
    for question in form.questions:
        rule = question.shown_if
        if rule is not None and not rule_holds(rule, kinds[rule.question], counted.get(rule.question)):
            continue
        shown.append(question)
        if question.id in values:
            counted[question.id] = values[question.id]
    return shown


def rule_holds(rule: ShownIf, kind: Kind, value: str | None) -> bool:
    """Whether an answer is among those that a rule names.

    Parameters
    ----------
    rule, kind
        The rule, and the kind of the question it is about.
    value
        Answer as `read_value` gives it; None holds no rule.

    Returns
    -------
    bool
        Whether it holds.
    """
    if value is None:
        return False
    if kind in ("single", "several"):
        return any(int(code) in rule.codes for code in value.split())
    number = Decimal(value)
    low = rule.at_least is None or number >= Decimal(str(rule.at_least))
    return low and (rule.at_most is None or number <= Decimal(str(rule.at_most)))


def pages_of(form: Form, per_page: int) -> list[tuple[Question, ...]]:
    """Split a form into pages: a question never stands on the page of the one it depends on.

    Parameters
    ----------
    form
        The form.
    per_page
        Most questions on a page.

    Returns
    -------
    list of tuple
        Questions of each page, hidden ones too.
    """
    pages: list[list[Question]] = [[]]
    for question in form.questions:
        on_page = {other.id for other in pages[-1]}
        letters = sum(other.longest for other in (*pages[-1], question) if other.kind == "text")
        depends = question.shown_if is not None and question.shown_if.question in on_page
        if len(pages[-1]) == per_page or depends or (letters > LETTERS and question.kind == "text"):
            pages.append([])
        pages[-1].append(question)
    return [tuple(page) for page in pages if page]


def read_value(question: Question, given: Sequence[str]) -> tuple[str | None, str]:
    """Read what was posted for a question.

    Parameters
    ----------
    question
        The question.
    given
        Fields as posted.

    Returns
    -------
    tuple
        The answer (codes with spaces between, a number with a point, a date as YYYY-MM-DD, or the text), None
        where nothing was given; then the name of the fault, empty where there is none.

    Examples
    --------
    >>> weight = Question(id="kg", kind="number", text={"en": "Weight?"}, minimum=20, maximum=400)
    >>> read_value(weight, ["72,50"]), read_value(weight, ["7"]), read_value(weight, [" "])
    (('72.5', ''), (None, 'range'), (None, ''))
    """
    said = [text for text in given if text.strip()]
    if not said:
        return None, ""
    if question.kind in ("single", "several"):
        return _choice(question, said)
    text = said[0].strip()
    if question.kind in ("number", "slider"):
        return _number(question, text)
    if question.kind == "date":
        return _date(question, text)
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    return (text, "") if len(text) <= question.longest else (None, "long")


def _choice(question: Question, said: Sequence[str]) -> tuple[str | None, str]:
    by_text = {str(choice.code): choice for choice in question.choices}
    if any(text not in by_text for text in said):
        return None, "choice"
    chosen = [choice for text, choice in by_text.items() if text in said]
    if len(chosen) > 1 and (question.kind == "single" or any(choice.alone for choice in chosen)):
        return None, "alone" if question.kind == "several" else "choice"
    return " ".join(str(choice.code) for choice in chosen), ""


def _number(question: Question, text: str) -> tuple[str | None, str]:
    found = _NUMBER.fullmatch(text)
    if found is None:
        return None, "number"
    whole, rest = found.group(1), found.group(2)
    if rest is not None and len(rest) == 3 and whole.lstrip("+-0"):
        return None, "number"  # 1.250 is one thing here and another thing there
    number = Decimal(f"{whole}.{rest or 0}")
    if question.whole and number != int(number):
        return None, "whole"
    low = None if question.minimum is None else Decimal(str(question.minimum))
    high = None if question.maximum is None else Decimal(str(question.maximum))
    if (low is not None and number < low) or (high is not None and number > high):
        return None, "range"
    if question.kind == "slider" and low is not None and (number - low) % Decimal(str(question.step)) != 0:
        return None, "number"
    return plain_number(number), ""


def plain_number(number: Decimal | float) -> str:
    """Write a number without exponent and without zeros that say nothing.

    Parameters
    ----------
    number
        Any finite number.

    Returns
    -------
    str
        Such as `72.5` or `0`.
    """
    text = f"{Decimal(str(number)):f}"
    text = text.rstrip("0").rstrip(".") if "." in text else text
    return "0" if text in ("-0", "") else text


def _date(question: Question, text: str) -> tuple[str | None, str]:
    if re.fullmatch(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", text) is None:
        return None, "date"
    try:
        day = date.fromisoformat(text)
    except ValueError:
        return None, "date"
    early = question.earliest is not None and day < question.earliest
    if early or (question.latest is not None and day > question.latest):
        return None, "date_range"
    return day.isoformat(), ""
