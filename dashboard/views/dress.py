"""What the pages wear: denser headings, links that wrap, and nothing of a colour of its own."""

from __future__ import annotations

import streamlit as st

from dashboard.views.cards import STYLE as CARDS

STYLE = """<style>
[data-testid="stMainBlockContainer"]{padding-top:2.6rem;padding-bottom:.5rem}
@media(max-width:48rem){[data-testid="stMainBlockContainer"]{padding-top:4.5rem}}
[data-testid="stMainBlockContainer"] h1{font-size:2rem;padding:.4rem 0 .2rem}
[data-testid="stMainBlockContainer"] h2{font-size:1.5rem}
[data-testid="stMainBlockContainer"] h3{font-size:1.2rem;padding:.3rem 0 .2rem}
[data-testid="stPageLink-NavLink"]{padding:0;margin:0;background:none;min-height:1.5rem}
[data-testid="stPageLink-NavLink"] :is(span,p){white-space:normal;overflow:visible;text-overflow:clip}
[data-testid="stPageLink-NavLink"] p{text-decoration:underline;text-underline-offset:.15em}
[data-testid="stPageLink-NavLink"] p{font-weight:600;line-height:1.35}
[data-testid="stElementContainer"]:has([data-testid="stPageLink-NavLink"]){margin-block:-2px}
[class*="st-key-point-"] [data-testid="stElementContainer"]:has(a){margin-block:-6px}
[class*="st-key-point-"]{padding:.5rem .8rem .6rem}
[class*="st-key-point-"] p{line-height:1.4}
[data-testid="stButtonGroup"] [aria-checked="true"]{background:transparent!important;border-width:2px}
[data-testid="stButtonGroup"] [aria-checked="true"]{color:inherit!important}
[data-testid="stButtonGroup"] [aria-checked="true"] :is(div,span,p){color:inherit!important;font-weight:700}
[class*="st-key-panels-"]{overflow-x:auto}
</style>"""


def dress() -> None:
    """Dress the page; called once in each run."""
    st.html(STYLE)
    st.html(CARDS)
