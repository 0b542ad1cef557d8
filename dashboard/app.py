"""Navigation of the dashboard, and nothing else."""

from __future__ import annotations

from functools import partial

import streamlit as st

from dashboard.views import overview, parts, provenance, section


def _pages() -> list[st.Page]:
    state = parts.loaded()
    topics = state.tree["sections"] if state.tree is not None else {}
    middle = [
        st.Page(partial(section.show, name), title=topic["title"], url_path=name.replace("_", "-"))
        for name, topic in topics.items()
    ]
    first = st.Page(overview.show, title="Overview", url_path="overview", default=True)
    return [first, *middle, st.Page(provenance.show, title="Provenance", url_path="provenance")]


st.set_page_config(page_title="Digital therapeutic alliance", layout="wide")
st.navigation(_pages()).run()
