"""What may change in the forms of a study that runs: words, branches, questions that are added."""

from __future__ import annotations

from typing import Any

from instrument.forms import Form, Question
from instrument.study import Study

WIDER = (("minimum", "maximum"), ("earliest", "latest"), ("", "longest"))
"""Bounds of an answer: the first may fall, the second rise; answers within the former ones stay good."""


def form_faults(before: Study, now: Study) -> list[str]:
    """Name what must not change in the forms of a study.

    Wording, branches and bounds (wider ones) may change, and questions, forms and waves of a form may be
    added: each questionnaire keeps the version in which it was begun.

    Parameters
    ----------
    before, now
        The study as it is, and as it would be.

    Returns
    -------
    list of str
        Each with its path.
    """
    present = {form.id: form for form in now.forms}
    faults = []
    for form in before.forms:
        if form.id not in present:
            faults.append(f"forms.{form.id}: must stay; its answers are in the store")
            continue
        faults += [f"forms.{form.id}{fault}" for fault in _faults_of(form, present[form.id])]
    return faults


def _faults_of(before: Form, now: Form) -> list[str]:
    faults = []
    if absent := [str(wave) for wave in before.waves if str(wave) not in map(str, now.waves)]:
        faults.append(f".waves: must go on being asked at {', '.join(absent)}")
    if before.place != now.place:
        faults.append(".place: must stay as it is")
    present = {question.id: question for question in now.questions}
    for question in before.questions:
        if question.id not in present:
            faults.append(f".{question.id}: must stay; its answers are in the store")
            continue
        after = present[question.id]
        faults += [f".{question.id}.{part}: must stay as it is" for part in _changed(question, after)]
        faults += [f".{question.id}.{part}: may only become wider" for part in _narrower(question, after)]
    order = [question.id for question in now.questions if question.id in {one.id for one in before.questions}]
    kept = [question.id for question in before.questions if question.id in present]
    if order != kept:
        faults.append(".questions: must stay in their order; others may come between")
    return faults


def _meaning(question: Question) -> dict[str, Any]:
    """What makes an answer mean what it means, apart from words and bounds."""
    return {
        "kind": question.kind,
        "choices": [(choice.code, choice.alone) for choice in question.choices],
        "whole": question.whole,
        "step": question.step,
        "unit": question.unit,
    }


def _changed(before: Question, now: Question) -> list[str]:
    old, new = _meaning(before), _meaning(now)
    different = [part for part in old if old[part] != new[part]]
    if before.is_identifying and not now.is_identifying:  # what was kept from exports stays kept
        different.append("identifies")
    if before.kind == now.kind == "slider" and (before.minimum, before.maximum) != (now.minimum, now.maximum):
        different.append("minimum, maximum")
    return different


def _narrower(before: Question, now: Question) -> list[str]:
    if before.kind == "slider":
        return []
    found = []
    for low, high in WIDER:
        for name, sign in ((low, 1), (high, -1)):
            old, new = (None, None) if not name else (getattr(before, name), getattr(now, name))
            if new is None or new == old:
                continue
            if old is None or (new > old) == (sign > 0):
                found.append(name)
    return found
