"""Versions, seeds and checksums: what exactly was analysed, and with what."""

from __future__ import annotations

import json

import streamlit as st

from dashboard.views import parts


def show() -> None:
    """Show where the numbers come from, and hand out the results file."""
    state = parts.loaded()
    if state.tree is None:
        parts.explain(state)
        return
    meta = state.tree["meta"]
    st.title("Provenance")
    parts.small("What exactly was analysed, and with what?")
    instrument = meta["instrument"]
    st.markdown(f"**Instrument** {instrument['id']} {instrument['version']} ({instrument['status']})")
    st.code(instrument["content_hash"], language=None, wrap_lines=True)
    for name, checksum in meta["checksums"].items():
        st.markdown(f"**{name.capitalize()}**, SHA-256")
        st.code(checksum, language=None, wrap_lines=True)
    st.markdown(f"**Seed** {meta['seed']} · **structure estimated on** wave {meta['structure_wave']}")
    st.markdown(
        "**Software** " + ", ".join(f"{name} {version}" for name, version in meta["versions"].items())
    )
    for note in meta["notes"]:
        st.info(note)
    text = json.dumps(state.tree, ensure_ascii=False, indent=1)
    st.download_button("Download results.json", text, "results.json", "application/json")
