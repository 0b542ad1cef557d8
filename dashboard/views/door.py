"""The sign-in page, and the one for people who are not on the list."""

from __future__ import annotations

import streamlit as st

from dashboard import serving
from dashboard.views import parts


def is_open() -> bool:
    """Say whether the pages may be shown; else show how to sign in, and nothing else.

    Returns
    -------
    bool
        True without sign-in, and for a person on the list.
    """
    sign_in = serving.sign_in()
    if sign_in is None:
        return True
    user = st.user.to_dict()
    if sign_in.admits(user):
        _leave(str(user["email"]))
        return True
    if user.get("is_logged_in") and sign_in.recent(user):
        _not_listed()
    else:
        _sign_in()
    return False


def _sign_in() -> None:
    st.title("Sign in")
    st.markdown("This dashboard is shown to people whom its operator has named.")
    st.button("Sign in", on_click=st.login, type="primary", key="sign-in")


def _not_listed() -> None:
    st.title("No access")
    st.markdown("You are signed in, but your address is not on the list of this dashboard.")
    st.markdown("Ask its operator to add you, or sign out and use another account.")
    st.button("Sign out", on_click=st.logout, key="sign-out")


def _leave(email: str) -> None:
    with st.sidebar:
        parts.small(f"Signed in as {email}")
        st.button("Sign out", on_click=st.logout, key="sign-out")
