"""Navigation of the dashboard, and nothing else."""

from __future__ import annotations

import os
from functools import partial

import streamlit as st

from dashboard import collection
from dashboard.catalogue import COLLECTING, GROUPS, REPORT, SCALE, TOOLS, pages_of
from dashboard.views import (
    compare,
    door,
    dress,
    exports,
    in_short,
    links,
    meanwhile,
    overview,
    parts,
    provenance,
    topics,
    window,
)

VALIDATION = "validation"


def _score_file() -> None:
    from dashboard.views import score_file  # what scores is loaded by those who score

    score_file.show()


def _collection() -> None:
    from dashboard.views import collection_now  # brings the database libraries

    collection_now.show()


def _team() -> None:
    from dashboard.views import team

    team.show()


def _team_is_offered() -> bool:
    from dashboard.views import team

    return team.is_offered()


def _run_validation() -> None:
    from dashboard.views import run_validation

    run_validation.show()


def _pages() -> dict[str, list[st.Page]]:
    state = parts.loaded()
    groups: dict[str, list[st.Page]] = {group: [] for group in GROUPS}
    groups[COLLECTING].append(st.Page(overview.show, title="Overview", url_path="overview", default=True))
    groups[COLLECTING].append(st.Page(in_short.show, title="In short", url_path="in-short"))
    if collection.is_offered():
        groups[COLLECTING].append(st.Page(_collection, title="Collection", url_path="collection"))
    if os.environ.get("DTA_STORE", "").strip() and _team_is_offered():
        groups[COLLECTING].append(st.Page(_team, title="Team", url_path="team"))
    for page in pages_of(state.read if state.read is not None else {"sections": {}}):
        groups[page.group].append(st.Page(partial(topics.show, page), title=page.title, url_path=page.path))
    groups[SCALE].append(st.Page(compare.show, title="Compare", url_path=compare.PATH))
    groups[REPORT].append(st.Page(exports.show, title="Report and exports", url_path="report"))
    groups[REPORT].append(st.Page(provenance.show, title="Provenance", url_path="provenance"))
    groups[TOOLS].append(st.Page(_score_file, title="Score my file", url_path="score-file"))
    groups[TOOLS].append(st.Page(_run_validation, title="Run a validation", url_path=VALIDATION))
    links.know(page for group in groups.values() for page in group)
    return groups


st.set_page_config(page_title="Questionnaire results", layout="wide")
dress.dress()
if door.is_open():
    page = st.navigation(_pages())
    if (tree := parts.loaded().read) is not None:  # what is measured is told to those who are let in
        st.set_page_config(page_title=f"{page.title} · {tree['meta']['instrument']['title']}")
    if page.url_path != VALIDATION:
        meanwhile.note()
    page.run()
    window.watch()  # last, so that no reader waits for it
