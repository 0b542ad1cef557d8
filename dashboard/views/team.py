"""What a team does in a running study: who is due, links, withdrawals, mends and the export."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import streamlit as st

from dashboard import serving, team
from dashboard.collection import Collected, collected, studies
from dashboard.views import collection_now, parts
from dashboard.views.score_file import show_fault
from instrument.errors import ToolkitError
from instrument.store.people import Invitation
from instrument.team import Act, Member


def is_offered() -> bool:
    """Say whether the page is there for who looks."""
    return team.role(_user()) is not None


def _user() -> Mapping[str, Any] | None:
    """Claims of who is signed in; None where there is no sign-in."""
    found = serving.sign_in()
    if found is None:
        return None
    user = st.user.to_dict()
    return user if found.admits(user) else {}


def show() -> None:
    """Show the study and what the role allows."""
    st.title("Team")
    try:
        names = studies()
        if not names:
            st.info("The store holds no study yet.")
            return
        study = st.selectbox("Study of the store", names, key="team-study")
        who = team.member(_user(), study)
        if who is None:
            st.error("You are not a member of this team.")
            return
        found = collected(study)
    except ToolkitError as error:
        show_fault(error)
        return
    parts.small(
        f"Study {found.study}: {found.status}. Your role: {who.role}. Every action is recorded in the "
        f"audit log."
    )
    _look(found)
    _act(who, found)


def _look(found: Collected) -> None:
    st.header("Progress")
    st.dataframe(
        found.funnel.rename(columns=collection_now.HEADS),
        hide_index=True,
        width="stretch",
        alt="People at each wave",
    )
    st.header("Who is due")
    if found.due.empty:
        parts.small("No one is due.")
    else:
        st.dataframe(
            found.due.rename(columns=collection_now.HEADS),
            hide_index=True,
            width="stretch",
            alt="People who are due or overdue",
        )


def _act(who: Member, found: Collected) -> None:
    waves = [str(name) for name in found.funnel["wave"]]
    if who.may(Act.INVITE):
        _links(who)
    if who.may(Act.VOID):
        _mend(who, waves)
    if who.may(Act.CORRECT):
        _correct(who, waves)
    if who.may(Act.WITHDRAW):
        _leave(who)
    if who.may(Act.CONSENT):
        _consent(who)
    if who.may(Act.EXPORT):
        _export(who)
    if who.may(Act.OPEN):
        _turn(who, found.status)


def _tried(work: Callable[[], object], words: str) -> bool:
    """Do something, and say that it was done or why it was not."""
    try:
        work()
    except ToolkitError as error:
        show_fault(error)
        return False
    st.success(words)
    return True


def _links(who: Member) -> None:
    st.header("Links")
    address = st.text_input(
        "Address of the questionnaire", key="team-address", placeholder="https://study.example.org"
    )
    with st.form("team-invite"):
        count = st.number_input("New people", min_value=1, max_value=1_000, value=1, step=1)
        if st.form_submit_button("Invite"):
            _give(lambda: who.invite(int(count)), address)
    with st.form("team-relink"):
        said = st.text_area("Pseudonyms of people who lost their link, one a line")
        if st.form_submit_button("Make new links"):
            names = [line.strip() for line in said.splitlines() if line.strip()]
            _give(lambda: who.relink(names), address)


def _give(make: Callable[[], list[Invitation]], address: str) -> None:
    made: list[Invitation] = []
    if _tried(lambda: made.extend(make()), "The links are made. They are shown only here."):
        st.code(team.links_file(made, address), language=None)
        parts.small("Copy them now and send each to its person. They open the questionnaire.")


def _mend(who: Member, waves: list[str]) -> None:
    st.header("A questionnaire that must not count, or must be changed")
    with st.form("team-mend"):
        name, wave = st.text_input("Pseudonym"), st.selectbox("Wave", waves)
        reason = st.text_input("Reason, without any answer")
        void = st.form_submit_button("Make void")
        again = st.form_submit_button("Open again")
    if void:
        _tried(
            lambda: who.void(name.strip(), str(wave), reason), "It counts no more; the wave is open again."
        )
    if again:
        _tried(
            lambda: who.reopen(name.strip(), str(wave), reason), "The person may change it and send it anew."
        )


def _correct(who: Member, waves: list[str]) -> None:
    st.header("A single answer that is wrong")
    with st.form("team-correct"):
        name, wave = (
            st.text_input("Pseudonym of whose answer it is"),
            st.selectbox("Wave of the answer", waves),
        )
        item = st.text_input("Item, or form.question")
        code = st.text_input("Right answer: a code, number, date or text; or skipped")
        reason = st.text_input("Reason for the correction, without any answer")
        asked = st.form_submit_button("Correct")
    if asked:
        said = (name.strip(), str(wave), item.strip(), code.strip())
        done: list[str] = []
        if _tried(
            lambda: done.append(who.correct(*said, reason).said), "What it was is kept in the history."
        ):
            parts.small(done[0])


def _leave(who: Member) -> None:
    st.header("A person who withdraws")
    with st.form("team-withdraw"):
        name = st.text_input("Pseudonym of who withdrew")
        if st.form_submit_button("Record the withdrawal"):
            _tried(lambda: who.withdraw(name.strip()), "What was given stays; nothing more is stored.")
    if who.may(Act.ERASE):
        with st.form("team-erase"):
            name = st.text_input("Pseudonym of whom to erase")
            again = st.text_input("The same once more")
            if st.form_submit_button("Erase for good"):
                _tried(lambda: who.erase(name.strip(), again.strip()), "Erased.")


def _consent(who: Member) -> None:
    st.header("What a person agreed to")
    with st.form("team-consent"):
        name = st.text_input("Pseudonym of who agreed").strip()
        asked = st.form_submit_button("Make the PDF")
    made: list[bytes] = []
    if asked and _tried(lambda: made.append(who.consent(name)), "The PDF is ready."):
        st.download_button("Save it", made[0], f"consent-{name}.pdf", "application/pdf")


def _export(who: Member) -> None:
    st.header("Export")
    if st.button("Make the files", key="team-export"):
        packed: list[bytes] = []
        if _tried(lambda: packed.append(who.export()), "The files are ready."):
            st.download_button("Save them", packed[0], f"{who.study}.zip", "application/zip")


def _turn(who: Member, status: str) -> None:
    st.header("The study itself")
    act, words = (Act.CLOSE, "Close the study") if status == "open" else (Act.OPEN, "Open the study")
    if st.button(words, key="team-turn") and _tried(lambda: who.turn(act), "Done."):
        st.rerun()
