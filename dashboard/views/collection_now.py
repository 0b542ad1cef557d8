"""How the collection goes, read from the store each time the page is opened."""

from __future__ import annotations

import altair as alt
import pandas as pd
import streamlit as st

from analysis.figures.base import BLUE
from dashboard.collection import Collected, collected, studies
from dashboard.views import address, parts
from dashboard.views.score_file import show_fault
from instrument.errors import ToolkitError

PAGE = "collection"
HEADS = {
    "wave": "Wave",
    "invited": "Invited",
    "consented": "Consented",
    "opened": "Window begun",
    "started": "Started",
    "completed": "Completed",
    "due": "Due",
    "overdue": "Overdue",
    "participant": "Pseudonym",
    "from": "From",
    "to": "To",
    "state": "State",
    "begun": "Begun",
    "link": "Link",
    "finished": "Finished",
    "answers": "Answers given",
    "blank": "Left without",
    "day": "Day",
}


def show() -> None:
    """Show how far each study of the store has come."""
    st.title("Collection")
    parts.small("How far have people got, who is due, and are the answers complete?")
    arrived = address.arrive(PAGE)
    try:
        names = studies()
        if not names:
            st.info("The store holds no study yet.")
            st.markdown("Begin one: `dta study create STUDY.yaml`.")
            return
        name = address.select("Study of the store", names, name="of", page=PAGE, arrived=arrived, keep=False)
        found = collected(name)
    except ToolkitError as error:
        show_fault(error)
        return
    parts.small(f"Study {found.study}: {found.status}. Read just now; trial links are left out.")
    st.button("Read again", key="read-again")
    _show(found)


def _show(found: Collected) -> None:
    st.header("Progress")
    _table(found.funnel, "People at each wave")
    st.header("Who is due")
    if found.due.empty:
        parts.small("No one is due.")
    else:
        _table(found.due, "People who are due or overdue")
    st.header("Questionnaires finished each day")
    if found.days.empty:
        parts.small("No questionnaire has been finished yet.")
    else:
        days = found.days.assign(day=pd.to_datetime(found.days["day"]))
        total, last = int(days["finished"].sum()), days["day"].max()
        noun = "questionnaire" if total == 1 else "questionnaires"
        words = f"{total:,} {noun} finished, the last on {last:%Y-%m-%d}."
        parts.show_live(_bars(days), words)
        parts.small(words)
        with st.expander("These days as numbers"):
            _table(found.days, "Questionnaires finished each day")
    st.header("Is it complete?")
    _table(found.blanks, "Answers of finished questionnaires")


def _bars(days: pd.DataFrame) -> alt.Chart:
    tips = [alt.Tooltip("day:T", title="Day", format="%Y-%m-%d"), alt.Tooltip("finished:Q", title="Finished")]
    return (
        alt.Chart(days)
        .mark_bar(color=BLUE)
        .encode(
            x=alt.X("day:T", title=None, timeUnit="yearmonthdate"),
            y=alt.Y("finished:Q", title="Questionnaires finished", axis=alt.Axis(tickMinStep=1)),
            tooltip=tips,
        )
        .properties(height=220)
    )


def _table(frame: pd.DataFrame, words: str) -> None:
    st.dataframe(frame.rename(columns=HEADS), hide_index=True, width="stretch", alt=words)
