"""Which page shows which topics of the results tree; a topic named nowhere gets a page of its own."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

COLLECTING, SCALE, USE, REPORT, TOOLS = "Collecting", "Scale", "Use", "Report", "Your own data"
GROUPS = (COLLECTING, SCALE, USE, REPORT, TOOLS)


OWN_PATHS = frozenset(
    ("overview", "in-short", "collection", "compare", "report", "provenance", "score-file", "validation")
)
"""Addresses of the pages that show no topic."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PageOf:
    """A page: what a reader asks, the topics that answer, and what to do when none does."""

    path: str
    title: str
    question: str
    group: str
    topics: tuple[str, ...]
    next_step: str = "Run `dta validate` again with this version: these results were made without the topic."


PAGES = (
    PageOf(
        path="data-quality",
        title="Data quality",
        question="Is data coming in, and is it sound?",
        group=COLLECTING,
        topics=("flow", "screening"),
    ),
    PageOf(
        path="items",
        title="Items",
        question="How is each item answered?",
        group=COLLECTING,
        topics=("items",),
    ),
    PageOf(
        path="dimensionality",
        title="Dimensionality",
        question="How many things are measured, and which item belongs to which?",
        group=SCALE,
        topics=("sampling", "retention", "exploration", "models", "irt"),
    ),
    PageOf(
        path="reliability",
        title="Reliability",
        question="How exact is a score?",
        group=SCALE,
        topics=("reliability", "retest"),
    ),
    PageOf(
        path="change",
        title="Change",
        question="Do scores move over the waves, and by more than error?",
        group=SCALE,
        topics=("scores", "longitudinal"),
    ),
    PageOf(
        path="fairness",
        title="Invariance and fairness",
        question="Do answers mean the same whoever gives them?",
        group=SCALE,
        topics=("covariates", "groups", "fairness"),
    ),
    PageOf(
        path="validity",
        title="Validity",
        question="Does the scale relate to other things as it should?",
        group=SCALE,
        topics=("relations", "validity"),
    ),
    PageOf(
        path="adherence",
        title="Adherence",
        question="Is the app used as intended, and does the alliance go with it?",
        group=USE,
        topics=("use", "adherence", "use_course", "criterion_items", "mechanism"),
    ),
    PageOf(
        path="what-to-work-on",
        title="What to work on",
        question="Which theme is rated low and goes with staying?",
        group=USE,
        topics=("priority",),
        next_step="Give `dta validate` the usage log and the study file: without them nobody can say which "
        "theme goes with later use.",
    ),
    PageOf(
        path="audit",
        title="PSD audit",
        question="Which persuasive principles does the app itself hold?",
        group=USE,
        topics=("audit", "psd_audit"),
        next_step="These results hold no audit. Two raters fill in the audit instrument that is shipped as "
        "`psd_audit`; its table is shown here once a validation holds it.",
    ),
)


def path_of(topic: str) -> str:
    """Give the address of the page that shows a topic; empty for none, and its own where none is planned.

    Examples
    --------
    >>> path_of("retest"), path_of(""), path_of("new_topic")
    ('reliability', '', 'new-topic')
    """
    planned = (page.path for page in PAGES if topic in page.topics)
    return next(planned, None) or _own_path(topic)


def _own_path(topic: str) -> str:
    """Address of a page of its own: another than those of the pages there are."""
    path = topic.replace("_", "-")
    taken = {page.path for page in PAGES} | OWN_PATHS
    return f"topic-{path}" if path in taken else path


def pages_of(tree: Mapping[str, Any]) -> list[PageOf]:
    """Give the pages of these results.

    Parameters
    ----------
    tree
        The results tree.

    Returns
    -------
    list of PageOf
        The planned pages, then one for each topic of the tree that none of them shows.
    """
    planned = {topic for page in PAGES for topic in page.topics}
    more = []
    for name, section in tree["sections"].items():
        if name in planned:
            continue
        more.append(
            PageOf(
                path=_own_path(name),
                title=section["title"],
                question=section.get("question", ""),
                group=SCALE,
                topics=(name,),
            )
        )
    if tree["sections"]:  # where there is no app, its pages have nothing to say
        planned_here = [page for page in PAGES if page.group != USE or planned_in(page, tree)]
        return [*planned_here, *more]
    return [*PAGES, *more]


def planned_in(page: PageOf, tree: Mapping[str, Any]) -> bool:
    """Say whether a tree holds a topic of a page."""
    return any(topic in tree["sections"] for topic in page.topics)
