"""Steps 1 to 3 from the records of the work on content: domain, judges, interviews and translations."""

from __future__ import annotations

from functools import partial
from typing import Any

import pandas as pd

from analysis.common.rules import CONTENT_KAPPA, CONTENT_STANDARD, ITEM_CVI, ITEM_CVI_FEW, SCALE_CVI, Rule
from analysis.common.verdicts import Cause, Property, Question
from analysis.disclosure.kinds import FOREIGN, GIVEN, PERSON, TEXT, each
from analysis.pipeline.context import Context, counted
from analysis.pipeline.section import Finding, Section, Table, Topic
from instrument.common.formatting import REPLIES
from instrument.content.interviews import agreement_of_coders, problems_by_item, saturation
from instrument.content.judged import indices_of, last_rounds_compared, ratings_by_item, sorting_of
from instrument.content.records import ContentRecords
from instrument.content.standards import SOURCE, Reply, content_standards
from instrument.content.validity_indices import I_CVI_ALL_UP_TO, ContentValidity
from instrument.errors import NotEstimableError

SCORES = {Reply(words): score for score, words in REPLIES.items()}
NOUNS = {"expert": "experts", "user": "people it is meant for"}
STANDARDS_MET = Question(text="Was the work that COSMIN asks for done?", bears_on=Property.CONTENT)
WHOLE_RELEVANT = Question(text="Do judges find the scale relevant?", bears_on=Property.CONTENT)
ITEM_RELEVANT = Question(text="Do judges find each item relevant?", bears_on=Property.CONTENT)
BEYOND_CHANCE = Question(text="Do judges agree on each item beyond chance?", bears_on=Property.CONTENT)


def section_of_step(context: Context, name: str, step: str) -> Section:
    """Answer the standards of one step, with what the records hold about it."""
    if context.content is None:
        raise NotEstimableError("there are no records of work on content.")
    records = context.content
    standards = content_standards(records)
    mine = standards[standards["step"] == step].reset_index(drop=True)
    mine["score"] = [SCORES.get(Reply(reply), float("nan")) for reply in mine["reply"]]
    values: dict[str, Any] = {
        "items": len(records.items),
        "of_items": len(context.scale.items),
        "standards": len(mine),
        **{f"n_{reply.name.lower()}": int((mine["reply"] == reply).sum()) for reply in Reply},
    }
    prose = [*_opening(records), _counts_of_replies(values)]
    tables = {"standards": _standards_table(mine)}
    findings = [
        Finding(
            claim=row["standard"],
            value=None if pd.isna(row["score"]) else row["score"],
            rule=CONTENT_STANDARD,
            path=f"sections.{name}.tables.standards.score[{place}]",
            question=STANDARDS_MET,
            untested=Cause.STATED if row["reply"] == Reply.STATED else None,
        )
        for place, row in enumerate(mine.to_dict(orient="records"))
    ]
    if step == "2":
        _judges(records, name, values, prose, tables, findings)
    if step == "3":
        _interviews(records, values, prose, tables)
    return Section(
        estimator="standards answered from records"
        + ("; I-CVI, S-CVI, modified kappa, Aiken's V" if step == "2" else ""),
        n=len(records.judges_of("expert")) + len(records.judges_of("user")) if step == "2" else None,
        n_kind=GIVEN,
        missing="each item on those who rated it, each judge's last rating",
        prose=prose,
        values=values,
        value_kinds=each(GIVEN, *values),
        tables=tables,
        findings=findings,
    )


def _opening(records: ContentRecords) -> list[str]:
    said = (
        ["Synthetic: these records were made up and say nothing about the items."]
        if records.file.synthetic
        else []
    )
    if len(records.items) < len(records.scale.items):
        said.append(
            "The work is about {items:int} of {of_items:int} items; nothing here is known of the others."
        )
    return said


def _counts_of_replies(values: dict[str, Any]) -> str:
    return (
        f"{counted('standards', values['standards'], 'standard')} of this step, put in our own words: met "
        "{n_yes:int}, partly met {n_partly:int}, stated by the authors with nothing checked "
        "{n_stated:int}, not yet {n_not_yet:int}. That work was done does not say that it was done well: "
        "that is for reviewers."
    )


def _standards_table(frame: pd.DataFrame) -> Table:
    return Table(
        frame=frame,
        kinds=each(TEXT, "step id standard reply") | {"basis": FOREIGN, "score": GIVEN},
        title="Standards of content validity",
        columns={
            "standard": ("Standard", "text"),
            "reply": ("Answer", "text"),
            "basis": ("Rests on", "text"),
        },
        note=f"After {SOURCE}.",
    )


def _judges(
    records: ContentRecords,
    name: str,
    values: dict[str, Any],
    prose: list[str],
    tables: dict[str, Table],
    findings: list[Finding],
) -> None:
    rows = ratings_by_item(records)
    rows.insert(1, "text", [records.scale.item(item).text for item in rows["item"]])
    for role, noun in NOUNS.items():
        found = indices_of(records, "relevance", role)
        if found is None:
            prose.append(f"No item was judged for relevance by three {noun} or more.")
            continue
        values |= {
            f"{role}_judges": found.n_experts,
            f"{role}_judged": found.n_items,
            f"{role}_ave": found.s_cvi_ave,
            f"{role}_ua": found.s_cvi_ua,
            f"{role}_met": int(found.items["i_cvi_met"].sum()),
        }
        prose.append(
            f"{{{role}_judges:int}} {noun} judged the relevance of {{{role}_judged:int}} items: S-CVI/Ave "
            f"{{{role}_ave:d2}}, S-CVI/UA {{{role}_ua:d2}}; {{{role}_met:int}} items meet the criterion of "
            "their I-CVI."
        )
        findings += _claims(found, rows, name, role)
    prose.append("Judges say whether items look relevant, not whether answers measure what is meant.")
    if (compared := last_rounds_compared(records)) is not None:
        values |= {"paired": len(compared), "stable": int(compared["stable"].sum())}
        prose.append(
            "Between the last two rounds, experts' ratings of {stable:int} of {paired:int} items were stable "
            "(under 15% of the distribution moved, same wording)."
        )
    if (sorting := sorting_of(records)) is not None:
        values |= {
            "sorted_by": sorting.n_judges,
            "kappa": sorting.kappa,
            "sorted_met": int(sorting.items["met"].sum()),
        }
        values |= {"sorted_items": sorting.n_items}
        prose.append(
            "{sorted_by:int} [[judge|judges]] sorted {sorted_items:int} items under themes: Fleiss' kappa "
            "{kappa:d2}; {sorted_met:int} items are above the critical coefficient."
        )
    tables["items"] = Table(
        frame=rows,
        kinds=each(TEXT, "item text")
        | each(GIVEN, *[key for key in map(str, rows) if key not in ("item", "text")]),
        title="What judges said of each item",
        columns={
            "item": ("Item", "text"),
            "expert_n": ("Experts", "int"),
            "expert_i_cvi": ("I-CVI", "d2"),
            "expert_kappa": ("kappa", "d2"),
            "expert_aiken_v": ("Aiken's V", "d2"),
            "expert_aiken_v_lower": ("95% from", "d2"),
            "expert_aiken_v_upper": ("to", "d2"),
            "user_n": ("People", "int"),
            "user_i_cvi": ("I-CVI", "d2"),
            "user_clear": ("Clear to", "percent"),
        },
        note="People: those the scale is meant for. I-CVI: share who call the item relevant.",
    )


def _claims(found: ContentValidity, rows: pd.DataFrame, name: str, role: str) -> list[Finding]:
    noun, places = NOUNS[role], {item: place for place, item in enumerate(rows["item"])}
    made = [
        Finding(
            claim=f"S-CVI/Ave of {noun}",
            value=found.s_cvi_ave,
            rule=SCALE_CVI,
            path=f"sections.{name}.values.{role}_ave",
            question=WHOLE_RELEVANT,
        )
    ]
    for row in found.items.to_dict(orient="records"):
        few = row["n_experts"] <= I_CVI_ALL_UP_TO
        judged: list[tuple[str, Rule, Question]] = [
            ("i_cvi", ITEM_CVI_FEW if few else ITEM_CVI, ITEM_RELEVANT),
            ("kappa", CONTENT_KAPPA, BEYOND_CHANCE),
        ]
        for index, rule, question in judged:
            made.append(
                Finding(
                    claim=f"{row['item']}, {noun}",
                    value=row[index],
                    rule=rule,
                    path=f"sections.{name}.tables.items.{role}_{index}[{places[row['item']]}]",
                    question=question,
                )
            )
    return made


def _interviews(
    records: ContentRecords, values: dict[str, Any], prose: list[str], tables: dict[str, Table]
) -> None:
    held = records.interviews
    values |= {"interviews": len(held), "interview_rounds": int(held["round"].nunique())}
    if held.empty:
        prose.append("No interview about the items was held yet.")
        return
    order = held.sort_values("round", kind="stable")["interview"].tolist()
    found = saturation(records.codes, order)
    values["problems"] = int(found.table["known"].iloc[-1])
    rounds = counted("interview_rounds", values["interview_rounds"], "round")
    prose.append(
        f"{counted('interviews', len(held), 'interview')} in {rounds} "
        "met {problems:int} different problems of items; codes are counted here, never what somebody said."
    )
    if (agreed := agreement_of_coders(records)) is not None:
        values |= {"alpha": agreed.alpha, "coded_twice": agreed.n_units}
        prose.append(
            "Two coders or more saw {coded_twice:int} items of interviews and agreed on whether there was a "
            "problem with Krippendorff's alpha {alpha:d2}."
        )
    problems = problems_by_item(records)
    tables["interviews"] = Table(
        frame=problems,
        kinds=each(PERSON, "item codes") | each(TEXT, "decision") | each(GIVEN, "round n_asked n_problem"),
        title="Problems in interviews, by item and round",
        columns={
            "item": ("Item", "text"),
            "round": ("Round", "int"),
            "n_asked": ("Asked", "int"),
            "n_problem": ("With a problem", "int"),
            "codes": ("Codes", "text"),
            "decision": ("Decided", "text"),
        },
        note="Left out of a report that is shared: few people, who could be told from it.",
    )


def _topic(name: str, step: str, title: str, question: str) -> Topic:
    return Topic(
        name=name,
        title=title,
        question=question,
        run=partial(section_of_step, name=name, step=step),
        bears_on=(Property.CONTENT,),
    )


DOMAIN = _topic(
    "content_domain",
    "1",
    "Domain and first items",
    "Is it said what is measured, for whom, and why these items?",
)
JUDGED = _topic(
    "content", "2", "Content judged", "Do experts and the people it is meant for find the items right?"
)
PRETESTED = _topic(
    "pretesting",
    "3",
    "Interviews and translations",
    "Do people understand the items, and was what they met mended?",
)
