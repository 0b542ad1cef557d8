"""What was decided beforehand, entry by entry, and what was done otherwise."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any

import pandas as pd

from analysis.disclosure.kinds import FOREIGN, GIVEN, TEXT, each, people
from analysis.disclosure.ledger import Account, value
from analysis.pipeline import populations
from analysis.pipeline.context import Context
from analysis.pipeline.section import Section, Table, Topic
from analysis.pipeline.twinned.people import twins_of_plan
from analysis.planning.deviations import Deviation, deviations_of
from analysis.planning.loading import Settled

EVERYWHERE = {
    "estimator": "WLSMV where every item has seven options or fewer, else MLR",
    "missing": "the usual rule of each section, named there",
    "correlation": "polychoric where every item has seven options or fewer, else Pearson",
    "factors": "as parallel analysis suggests",
    "groups": "every covariate of two to four groups that are large enough",
    "topics": "every topic",
    "content": "the folder that the study file names, if it names one",
    "split": "nobody is set apart",
    "multiverse": "none",
}
NONE = "none"
LONGEST = 400  # characters of an entry in print; the whole of it is in results.json under meta.plan


def said(entry: str, content: Any) -> str:
    """Write the value of an entry on one line."""
    if content is None:
        return EVERYWHERE.get(entry, NONE)
    if isinstance(content, bool):
        return "yes" if content else "no"
    if content in ("", [], {}):
        return NONE
    if isinstance(content, list) and all(isinstance(part, (str, int, float)) for part in content):
        return ", ".join(map(str, content))
    words = content if isinstance(content, str) else json.dumps(_spoken(content), ensure_ascii=False)
    return words if len(words) <= LONGEST else f"{words[:LONGEST]} …"


def _spoken(content: Any) -> Any:
    """Leave out of an entry what says nothing, so that it reads as it was written."""
    if isinstance(content, Mapping):
        return {key: _spoken(part) for key, part in content.items() if part not in (None, [], {}, "")}
    return [_spoken(part) for part in content] if isinstance(content, list) else content


def plan_in_results(settled: Settled) -> dict[str, Any]:
    """Give the plan for `results.json`: every entry with its value and where it comes from."""
    written = settled.written.entries
    entries = {}
    for entry, content in settled.plan.entries.items():
        entries[entry] = {"value": content, "origin": settled.origin(entry)}
        if entry in settled.overridden:
            entries[entry] |= {"planned": written[entry], "where": settled.overridden[entry]}
    seal = settled.seal
    return {
        "file": None if settled.file is None else settled.file.name,
        "sealed": None
        if seal is None
        else {"locked": seal.sealings[0].at, "amended": len(seal.sealings) - 1, "sha256": seal.last.digest},
        "half": settled.half,
        "entries": entries,
    }


def entry_table(settled: Settled, of_study: str | None = None) -> Table:
    """Every entry with its value, and whether it was planned, is by default or was overridden.

    Parameters
    ----------
    settled
        The plan as it is carried out.
    of_study
        Folder of the work on content that the study file names.
    """
    rows = []
    for entry, content in settled.plan.entries.items():
        origin = settled.origin(entry)
        if entry in settled.overridden:
            planned = said(entry, settled.written.entries[entry])
            origin = f"overridden ({settled.overridden[entry]}); the plan says: {planned}"
        elif entry == "content" and content is not None and of_study not in (None, content):
            origin += f"; goes before {of_study}, which the study file names"
        rows.append({"entry": entry.replace("_", " "), "value": said(entry, content), "origin": origin})
    return Table(
        frame=pd.DataFrame(rows),
        kinds=each(TEXT, "entry value origin"),
        title="The plan, entry by entry",
        columns={"entry": ("Entry", "text"), "value": ("Done", "text"), "origin": ("Origin", "text")},
        note="Planned: the file of the plan says so. Default: it says nothing of it. Overridden: something "
        "else was given beside it.",
    )


def section_plan(context: Context, sections: Mapping[str, Any]) -> Section:
    """Print the plan and say what it did to the answers."""
    settled = context.settled
    origins = [settled.origin(entry) for entry in settled.plan.entries]
    values: dict[str, Any] = {
        "question": settled.plan.question or settled.plan.title,
        "planned": origins.count("planned"),
        "by_default": origins.count("default"),
        "overridden": origins.count("overridden"),
        "kept": len(context.responses),
    }
    kinds = {
        **each(TEXT, "question"),
        **each(GIVEN, "planned by_default overridden"),
        "kept": people(weight=9, names=[populations.label(populations.ADMINISTRATIONS)]),
    }
    prose = []
    if values["question"]:
        prose.append("The question: {question}")
    told, more = _seal_in_words(settled)
    prose += told
    values |= more
    kinds |= each(TEXT, *more)
    found = deviations_of(context, sections)
    values |= {"deviations": len(found), "deviating": "; ".join(dict.fromkeys(one.what for one in found))}
    kinds |= {**each(GIVEN, "deviations"), **each(TEXT, "deviating")}
    prose.append(
        "Deviations from the plan: {deviations:int}. They concern {deviating}."
        if found
        else "Nothing was done otherwise than planned, left undone, or done without being planned."
    )
    prose.append(
        "{planned:int} [[entry was|entries were]] planned, {by_default:int} stand as they do by default, and "
        "{overridden:int} were overridden when the analysis was run."
    )
    of_study = None if context.study is None else context.study.content
    account = Account()
    if context.excluded is not None:
        values |= {"before": context.excluded.before, "taken_out": context.excluded.taken_out}
        screened, gone = map(populations.label, (populations.SCREENED, populations.TAKEN_OUT))
        kinds |= {
            "before": people(weight=8, names=[screened]),
            "taken_out": people("before", rest="kept", names=[gone]),
        }
        prose.append(
            "{taken_out:int} of {before:int} administrations look careless and were taken out as planned; "
            "every number of people in this report is counted after that, of {kept:int}"
            + (", but for those on the quality of the answers." if "screening" in sections else ".")
        )
        account.total([value("taken_out"), value("kept")], value("before"))
    return Section(
        estimator="entries of the plan as they were carried out",
        n=len(context.responses),
        n_kind=people(weight=9, names=[populations.label(populations.ADMINISTRATIONS)]),
        missing="counted in each section",
        prose=prose,
        values=values,
        value_kinds=kinds,
        account=account,
        tables={
            **_deviation_table(found),
            "entries": entry_table(settled, of_study),
        },
    )


def _seal_in_words(settled: Settled) -> tuple[list[str], dict[str, str]]:
    """Say when plan and instrument were sealed, with the hash by which that can be verified."""
    if settled.seal is None:
        return [NO_SEAL], {}
    first, last = settled.seal.sealings[0], settled.seal.last
    values = {"locked_at": first.at, "amended_at": last.at, "seal": last.digest}
    if last is first:
        said = "Plan and instrument were locked on {locked_at} (seal {seal})."
    else:
        said = (
            "Plan and instrument were locked on {locked_at} and last amended on {amended_at} (seal {seal})."
        )
    return [said + " The time is that of the machine on which they were locked."], values


NO_SEAL = (
    "The plan was not locked, so nothing shows that it was written before the answers were seen "
    "(dta plan lock)."
)


def _deviation_table(found: list[Deviation]) -> dict[str, Table]:
    if not found:
        return {}
    frame = pd.DataFrame(
        [
            {
                "kind": one.kind,
                "what": one.what,
                "planned": said("", one.planned),
                "done": said("", one.done),
                "why": one.why,
            }
            for one in found
        ]
    )
    return {
        "deviations": Table(
            frame=frame,
            kinds=each(TEXT, "kind what planned done") | {"why": FOREIGN},
            title="Deviations from the plan",
            columns={
                "kind": ("Deviation", "text"),
                "what": ("Of", "text"),
                "planned": ("Planned", "text"),
                "done": ("Done", "text"),
                "why": ("Why, or where", "text"),
            },
        )
    }


def topic_of_plan(sections: Mapping[str, Any]) -> Topic:
    """Give the topic that tells the plan beside what the other sections hold."""
    run: Callable[[Context], Section] = lambda context: section_plan(context, sections)  # noqa: E731
    return Topic(
        name="plan",
        title="What was planned",
        subject="the plan",
        question="What was decided before the answers were seen, and was it done?",
        run=run,
        twins=twins_of_plan,
    )


def deviations_in_words(tree: Mapping[str, Any]) -> list[str]:
    """Give a line for each deviation from the plan, for the command line."""
    table = tree["sections"].get("plan", {}).get("tables", {}).get("deviations", {})
    rows = zip(*(table.get(key, ()) for key in ("kind", "what", "planned", "done")), strict=True)
    return [
        f"Deviation: {kind}: {what} (planned: {planned}; done: {done})" for kind, what, planned, done in rows
    ]
