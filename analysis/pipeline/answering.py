"""Ask one topic: what it found, why it could not be tested, or what failed."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from importlib import metadata
from typing import Any

import pandas as pd

from analysis.common.result import to_plain
from analysis.common.rules import FEWEST_PEOPLE
from analysis.common.software import recorded
from analysis.common.verdicts import Cause
from analysis.disclosure.kinds import TEXT, each
from analysis.pipeline.context import Context
from analysis.pipeline.reach import explained
from analysis.pipeline.section import Table, Topic, Untested
from analysis.pipeline.topics.criterion_items import for_predictions
from instrument.errors import ToolkitError, ToolkitWarning


def answer(topic: Topic, context: Context) -> dict[str, Any]:
    """Ask one topic; what cannot be estimated is marked with its reason, other errors are raised.

    A sample too small, or an item that nobody answered, is no failure: the topic could not be tested.
    """
    body: dict[str, Any] = {"title": topic.title, "question": topic.question}
    ran: set[str] = set()
    body |= {"subject": topic.subject, "bears_on": [prop.value for prop in topic.bears_on]}
    body["of_use"] = topic.of_use
    caught: list[warnings.WarningMessage] = []
    context = for_predictions(context) if topic.predicts else context
    seen = context.reflective if topic.reflective else context
    if seen is None:
        body |= {"status": "not_applicable", "cause": Cause.COMPOSITE.value, **_empty(ALL_COMPOSITE)}
        body["method"].update(
            software={"dta-toolkit": version_of("dta-toolkit")}, data=context.checksums["responses"]
        )
        return {**body, "warnings": []}
    whole, context = context, seen
    if lacking := topic.lacks(context):
        body |= {"status": "not_applicable", "cause": None, **_empty(lacking)}
    elif short := topic.short(context):
        body |= {"status": "untestable", "cause": Cause.FEW_IN_GROUP.value, **_empty(short)}
    elif len(context.items) < topic.people:
        body |= {"status": "untestable", "cause": Cause.FEW_PEOPLE.value, **_empty(TOO_FEW)}
    else:
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            try:
                with recorded() as ran:
                    made = topic.run(context)
                body |= {"status": "ok", "cause": None, **made.plain()}
                body["twins"] = topic.twins(context, made).plain()
            except ToolkitError as error:
                body |= _not_answered(topic, context, error)
    if topic.reflective and whole.composites:
        _say_what_does_not_apply(body, topic, whole)
    body["method"].update(
        software={name: version_of(name) for name in ("dta-toolkit", *sorted(ran))},
        data=context.checksums["responses"],
    )
    return {**body, "warnings": _ours(caught)}


ALL_COMPOSITE = (
    "Does not apply: the items of every theme make up its score (`measurement: composite`); they are not "
    "signs of one thing and need not go together."
)


def _say_what_does_not_apply(body: dict[str, Any], topic: Topic, context: Context) -> None:
    """Name the composite themes of which a topic was not asked, with the reason, in words and as a table."""
    titles = [context.title_of(theme) for theme in context.composites]
    entries = [Untested(what=title, cause=Cause.COMPOSITE).plain() for title in titles]
    body["untested"] = [*body["untested"], *entries]
    if body["status"] != "ok":
        return
    why = f"{Cause.COMPOSITE.words[0].upper()}{Cause.COMPOSITE.words[1:]}."
    table = Table(
        frame=pd.DataFrame({"title": titles, "asked": topic.title, "why": why}),
        kinds=each(TEXT, "title asked why"),
        title="Does not apply",
        columns={"title": ("Theme", "text"), "asked": ("Not asked", "text"), "why": ("Why", "text")},
    )
    body["tables"]["does_not_apply"] = to_plain(table.frame)
    body["captions"]["does_not_apply"] = table.caption()


TOO_FEW = (
    f"Too few people gave answers: under {FEWEST_PEOPLE.cutoff:g}, no number of this section would say "
    f"anything ({FEWEST_PEOPLE.source})."
)


def _not_answered(topic: Topic, context: Context, error: ToolkitError) -> dict[str, Any]:
    cause = explained(context, error, topic.enough(context))
    status = "failed" if cause is None else "untestable"
    return {"status": status, "cause": None if cause is None else cause.value, **_empty(str(error))}


def _ours(caught: list[warnings.WarningMessage]) -> list[str]:
    """Give the toolkit's warnings as texts, each once; pass the others on."""
    for other in caught:
        if not issubclass(other.category, ToolkitWarning):
            warnings.warn_explicit(other.message, other.category, other.filename, other.lineno)
    ours = [str(warning.message) for warning in caught if issubclass(warning.category, ToolkitWarning)]
    return list(dict.fromkeys(ours))


def _empty(message: str) -> dict[str, Any]:
    return {
        "message": message,
        "twins": {"calls": [], "own": {}},
        "problems": [],
        "untested": [],
        "prose": [],
        "method": {
            "estimator": None,
            "n": None,
            "missing": None,
            "seed": None,
            "options": {},
            "software": [],
        },
        "values": {},
        "tables": {},
        "captions": {},
        "findings": [],
        "figures": [],
    }


def version_of(package: str) -> str:
    """Version of an installed package, in words where there is none."""
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return "not installed as a package"


def analysed_for(topic: Topic, context: Context) -> Mapping[str, pd.DataFrame]:
    """Give the tables that calls of R need for a topic; none where these data cannot answer it."""
    context = for_predictions(context) if topic.predicts else context
    if topic.lacks(context) or topic.short(context):
        return {}
    try:
        return topic.analysed(context)
    except ToolkitError:  # its section says why
        return {}
