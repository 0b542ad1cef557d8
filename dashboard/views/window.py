"""How wide the reader's window is, so that a figure is sent in the one size that fits."""

from __future__ import annotations

from typing import Any, Literal

import streamlit as st

Room = Literal["wide", "middle", "narrow"]
"""Wide: figures and panels at full width; middle: panels as on a phone; narrow: all as on a phone."""
ROOMS: tuple[Room, ...] = ("wide", "middle", "narrow")
KEY, NAME = "window", "dta_window"
_STATE = "room"

# Tells the server only what differs from what it took for granted, now and whenever the window changes.
SCRIPT = """
export default ({ data, parentElement, setStateValue }) => {
  const upTo = rem => matchMedia(`(max-width: ${rem}rem)`);
  const sizes = [['narrow', upTo(60)], ['middle', upTo(79.99)]];
  let told = data.room;
  const tell = () => {
    const now = (sizes.find(([, size]) => size.matches) || ['wide'])[0];
    if (now !== told) { told = now; setStateValue('room', now); }
  };
  if (parentElement.unwatched) parentElement.unwatched();
  parentElement.unwatched = () => sizes.forEach(([, size]) => size.removeEventListener('change', tell));
  sizes.forEach(([, size]) => size.addEventListener('change', tell));
  tell();
  return parentElement.unwatched;
};
"""
_mounted: list[Any] = []


def room() -> Room:
    """Give the room there is: what the window told, else what a phone's or another browser has as a rule."""
    told = (st.session_state.get(KEY) or {}).get(_STATE)
    for known in ROOMS:
        if known == told:
            return known
    return "narrow" if "Mobi" in (st.context.headers.get("User-Agent") or "") else "wide"


def watch() -> None:
    """Ask the window for its width; called once in each run, and answered only where it is another."""
    if not _mounted:
        from streamlit.components import v2

        _mounted.append(v2.component(NAME, js=SCRIPT))
    _mounted[0](key=KEY, data={_STATE: room()}, on_room_change=lambda: None)
