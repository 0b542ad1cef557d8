"""While a validation runs: every page says that its results are the last good ones."""

from __future__ import annotations

import streamlit as st

from dashboard.meanwhile import current, progress_of

EVERY_SECONDS = 2.0


def note() -> None:
    """Say on the other pages that new results are on their way."""
    if current() is not None:
        _note()


@st.fragment(run_every=EVERY_SECONDS)
def _note() -> None:
    job = current()
    if job is None:
        st.rerun()
        return
    st.info(f"A new validation is running ({progress_of(job)[1]}). These are the last good results.")
