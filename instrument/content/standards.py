"""COSMIN's standards of content validity, answered from the records, or "not yet"."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from functools import partial

import pandas as pd

from instrument.content.interviews import (
    people_asked,
    reworded_and_not_asked_again,
    saturation,
    undecided,
)
from instrument.content.records import ContentRecords
from instrument.content.translating import translation_state

SOURCE = (
    "COSMIN: Terwee et al. 2018, doi:10.1007/s11136-018-1829-0; "
    "Mokkink et al. 2024, doi:10.1007/s11136-024-03761-6"
)
INTERVIEWS_GOOD, INTERVIEWS_FAIR = 7, 4
SURVEY_GOOD = 50


class Reply(StrEnum):
    """How a standard is answered. `STATED`: the authors say so in a sentence; nothing was checked."""

    YES = "yes"
    PARTLY = "partly"
    STATED = "stated"
    NOT_YET = "not yet"


@dataclass(frozen=True, slots=True, kw_only=True)
class Standard:
    """One standard in our own words.

    Attributes
    ----------
    id
        Short name; a statement of the same name in `content.yaml` answers those that only words can.
    step
        Step of scale development (1 domain and items, 2 judges, 3 pre-testing).
    text
        The question.
    reply
        Answers it from the records, with the basis in words.
    """

    id: str
    step: str
    text: str
    reply: Callable[[ContentRecords], tuple[Reply, str]]


def content_standards(records: ContentRecords) -> pd.DataFrame:
    """Answer every standard from the records.

    Parameters
    ----------
    records
        The work on content.

    Returns
    -------
    pandas.DataFrame
        step, id, standard, reply, basis (what the answer rests on; counts, never what somebody said).

    Notes
    -----
    The standards are put in our own words and shortened; numbers of people are COSMIN's: seven interviews per
    item are very good, four adequate; in a survey 50 are very good, so a panel of judges answers partly.
    The most that can be said here is that the work was done; COSMIN's rating of its quality is for
    reviewers.

    References
    ----------
    Terwee et al. (2018), doi 10.1007/s11136-018-1829-0; Mokkink et al. (2024),
    doi 10.1007/s11136-024-03761-6.
    """
    rows = []
    for standard in STANDARDS:
        reply, basis = standard.reply(records)
        rows.append(
            {
                "step": standard.step,
                "id": standard.id,
                "standard": standard.text,
                "reply": str(reply),
                "basis": basis,
            }
        )
    return pd.DataFrame(rows)


def _stated(name: str, records: ContentRecords) -> tuple[Reply, str]:
    said = records.file.statements.get(name)
    return (Reply.STATED, said) if said else (Reply.NOT_YET, f"statements.{name} is not written")


def _rationale(records: ContentRecords) -> tuple[Reply, str]:
    with_reason = sum(bool(records.scale.item(item).rationale) for item in records.items)
    return _of_all(with_reason, len(records.items), "items have a rationale")


def _of_all(count: int, whole: int, words: str) -> tuple[Reply, str]:
    reply = Reply.YES if count == whole and whole else Reply.PARTLY if count else Reply.NOT_YET
    return reply, f"{count} of {whole} {words}"


def _judged(aspect: str, role: str, records: ContentRecords) -> tuple[Reply, str]:
    table = records.rated(aspect, role)
    parts = [
        t.id for t in records.scale.themes if any(i in records.items for i in records.scale.theme_items(t.id))
    ]
    whole = parts if aspect == "comprehensiveness" else list(records.items)
    what = "themes" if aspect == "comprehensiveness" else "items"
    counts = [int(table[name].notna().sum()) if name in table else 0 for name in whole]
    noun = "experts" if role == "expert" else "people it is meant for"
    if not counts or max(counts) == 0:
        return Reply.NOT_YET, f"no ratings by {noun}"
    basis = f"fewest ratings of one of {len(whole)} {what}: {min(counts)} {noun}"
    return (Reply.YES if min(counts) >= SURVEY_GOOD else Reply.PARTLY), basis


def _fields(records: ContentRecords) -> tuple[Reply, str]:
    experts = [judge for judge in records.file.judges if judge.role == "expert"]
    fields = sorted({judge.field for judge in experts if judge.field})
    if not fields:
        return Reply.NOT_YET, "no expert's field is written"
    return Reply.PARTLY, f"{len(fields)} fields: {', '.join(fields)}; whether any is missing is for readers"


def _asked(names: tuple[str, ...] | None, records: ContentRecords) -> tuple[Reply, str]:
    counts = [people_asked(records, name) for name in names or records.items]
    fewest = min(counts, default=0)
    reply = (
        Reply.YES
        if fewest >= INTERVIEWS_GOOD
        else Reply.PARTLY
        if fewest >= INTERVIEWS_FAIR
        else Reply.NOT_YET
    )
    return reply, f"fewest interviews about one of them: {fewest}"


def _recorded(records: ContentRecords) -> tuple[Reply, str]:
    table = records.interviews
    return _of_all(int((table["recorded"] == "yes").sum()), len(table), "interviews were recorded")


def _two_coders(records: ContentRecords) -> tuple[Reply, str]:
    coders = records.codes.groupby("interview")["coder"].nunique()
    return _of_all(int((coders >= 2).sum()), len(records.interviews), "interviews were coded by two or more")


def _handled(records: ContentRecords) -> tuple[Reply, str]:
    if records.codes.empty:
        return Reply.NOT_YET, "no interview is coded"
    left = undecided(records)
    if not left:
        return Reply.YES, "each item that two people or more had a problem with has a decision"
    return Reply.PARTLY, f"{len(left)} items with problems in two interviews or more have no decision"


def _final_form(records: ContentRecords) -> tuple[Reply, str]:
    rows = records.decisions[records.decisions["decision"].isin(["reword", "add"])]
    changed = [item for item in dict.fromkeys(rows["item"]) if item in records.items]
    if records.codes.empty:
        return Reply.NOT_YET, "no interview is coded"
    left, other = reworded_and_not_asked_again(records), wordings_that_differ(records)
    if other:
        return Reply.PARTLY, f"{len(other)} items have another wording in the instrument than was decided"
    again = len(changed) - len(left)
    return (
        Reply.PARTLY if left else Reply.YES
    ), f"{again} of {len(changed)} changed items were asked about again"


def _saturated(records: ContentRecords) -> tuple[Reply, str]:
    order = records.interviews.sort_values("round", kind="stable")["interview"].tolist()
    found = saturation(records.codes, order)
    if found.reached_at is None:
        return Reply.NOT_YET, f"not reached in {len(order)} interviews ({found.base} and runs of {found.run})"
    after = order.index(found.reached_at) + 1
    return (
        Reply.YES,
        f"reached after {after} of {len(order)} interviews (at most 5% new problems in {found.run})",
    )


def _translated(records: ContentRecords) -> tuple[Reply, str]:
    others = [tag for tag in records.scale.languages if tag != records.scale.language]
    if not others:
        return Reply.YES, "there is one language"
    states = {
        tag: str(translation_state(records, tag)) if tag in records.translations else "no record"
        for tag in others
    }
    tested = sum(state == "tested" for state in states.values())
    reply, _ = _of_all(tested, len(others), "")
    return reply, ", ".join(f"{tag}: {state}" for tag, state in states.items())


def wordings_that_differ(records: ContentRecords) -> list[str]:
    """Items whose last decided wording is not the one that the instrument has."""
    changed = records.decisions[records.decisions["decision"].isin(["reword", "add"])]
    last = changed.sort_values("round", kind="stable").groupby("item")["after"].last()
    texts = {item.id: item.text for item in records.scale.items}
    return [str(item) for item, after in last.items() if item in texts and texts[str(item)] != after]


def _by_words(step: str, name: str, text: str) -> Standard:
    return Standard(id=name, step=step, text=text, reply=partial(_stated, name))


def _by_judges(aspect: str, role: str, text: str) -> Standard:
    return Standard(id=f"{aspect}_{role}", step="2", text=text, reply=partial(_judged, aspect, role))


STANDARDS: tuple[Standard, ...] = (
    _by_words("1", "construct", "Is it described what is to be measured?"),
    _by_words("1", "origin", "Is the theory or framework named from which it comes?"),
    _by_words("1", "population", "Is it described for whom the scale is meant?"),
    _by_words("1", "context_of_use", "Is it described what the scale is to be used for?"),
    _by_words(
        "1", "elicitation", "Were people of this population asked what matters, before items were written?"
    ),
    Standard(id="rationale", step="1", text="Is there a reason for each item?", reply=_rationale),
    _by_judges("relevance", "user", "Did people it is meant for judge the relevance of each item?"),
    _by_judges("comprehensiveness", "user", "Did people it is meant for judge whether something is missing?"),
    _by_judges("comprehensibility", "user", "Did people it is meant for judge how clear each item is?"),
    _by_judges("relevance", "expert", "Did experts judge the relevance of each item?"),
    _by_judges("comprehensiveness", "expert", "Did experts judge whether something is missing?"),
    Standard(id="fields", step="2", text="Are all relevant fields among the experts?", reply=_fields),
    _by_words("3", "interviewees", "Are those interviewed like those the scale is meant for?"),
    _by_words("3", "interviewers", "Were interviewers trained, and did they follow a guide?"),
    Standard(id="recorded", step="3", text="Were interviews recorded?", reply=_recorded),
    Standard(
        id="items_asked",
        step="3",
        text="Was each item asked about in enough interviews?",
        reply=partial(_asked, None),
    ),
    Standard(
        id="instructions_asked",
        step="3",
        text="Were the instructions asked about in enough interviews?",
        reply=partial(_asked, ("instructions",)),
    ),
    Standard(
        id="options_asked",
        step="3",
        text="Were the answer options asked about in enough interviews?",
        reply=partial(_asked, ("options",)),
    ),
    Standard(id="two_coders", step="3", text="Did two people code each interview?", reply=_two_coders),
    Standard(
        id="saturation",
        step="3",
        text="Did interviews go on until hardly anything new came?",
        reply=_saturated,
    ),
    Standard(id="handled", step="3", text="Was something decided where people met problems?", reply=_handled),
    Standard(
        id="final_form",
        step="3",
        text="Were changed items asked about again as they now stand?",
        reply=_final_form,
    ),
    Standard(
        id="translations", step="3", text="Was each translation harmonised and tested?", reply=_translated
    ),
)
