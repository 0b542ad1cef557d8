"""Enrolment by an open link: screening questions, whom the study admits, and how many places there are."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Self

from pydantic import Field, model_validator

from instrument.definition import Identifier, LanguageTag, Model, Text
from instrument.forms import Form, Question, ShownIf, rule_holds

Places = Annotated[int, Field(ge=1, le=1_000_000)]


class Quota(Model):
    """Places for those whose answers hold all of `when`."""

    id: Identifier
    places: Places
    when: tuple[ShownIf, ...] = Field(min_length=1)


class Enrolment(Model):
    """Who may join by the open link. Answers to its questions are looked at once and never stored.

    `per_hour` is a brake on scripts: so many decisions an hour for all who come from one part of the network,
    such as one house, clinic or provider.
    """

    places: Places
    per_hour: Annotated[int, Field(ge=1, le=100_000)] = 60
    lead: dict[LanguageTag, Text] = Field(default_factory=dict)
    questions: tuple[Question, ...] = Field(default=(), max_length=12)
    admits: tuple[ShownIf, ...] = ()
    quotas: tuple[Quota, ...] = ()

    @model_validator(mode="after")
    def _check_questions(self) -> Self:
        faults = []
        asked = {question.id: question for question in self.questions}
        if len(asked) < len(self.questions):
            faults.append("questions: an id is used twice")
        for question in self.questions:
            if question.kind not in ("single", "several", "number") or question.shown_if is not None:
                faults.append(
                    f"questions: {question.id!r} must be single, several or number, and shown always"
                )
        names = [quota.id for quota in self.quotas]
        if len(set(names)) < len(names):
            faults.append("quotas: an id is used twice")
        rules = (*self.admits, *(rule for quota in self.quotas for rule in quota.when))
        if idle := [name for name in asked if name not in {rule.question for rule in rules}]:
            faults.append(f"questions: {idle[0]!r} decides nothing; ask it in a form after consent")
        for rule in rules:
            question_asked = asked.get(rule.question)
            if question_asked is None:
                faults.append(f"{rule.question!r} is no question of the enrolment")
            elif (question_asked.kind == "number") == bool(rule.codes):
                faults.append(
                    f"{rule.question!r} needs {'codes' if not rule.codes else 'at_least or at_most'}"
                )
            elif {*rule.codes} - {choice.code for choice in question_asked.choices}:
                faults.append(f"a code is none of {rule.question!r}")
        if faults:
            raise ValueError("; ".join(faults))
        return self

    def suits(self, answers: Mapping[str, str]) -> bool:
        """Whether the study admits a person of these answers.

        Parameters
        ----------
        answers
            By question, as `read_value` gives them.

        Returns
        -------
        bool
            Places left or not.
        """
        return all(self._holds(rule, answers) for rule in self.admits)

    def counted_as(self, answers: Mapping[str, str]) -> list[str]:
        """Quotas of which a person takes a place.

        Parameters
        ----------
        answers
            By question.

        Returns
        -------
        list of str
            Ids, in the order of the file.
        """
        return [q.id for q in self.quotas if all(self._holds(rule, answers) for rule in q.when)]

    def _holds(self, rule: ShownIf, answers: Mapping[str, str]) -> bool:
        kinds = {question.id: question.kind for question in self.questions}
        return rule_holds(rule, kinds[rule.question], answers.get(rule.question))

    def faults_in(self, languages: tuple[str, ...]) -> list[str]:
        """Name texts that lack in a language of the study."""
        form = Form.model_construct(
            id="enrolment", title={}, waves=(), lead=self.lead, questions=self.questions, place="before"
        )
        return [f for f in form.faults_in(languages) if not f.startswith("title")]
