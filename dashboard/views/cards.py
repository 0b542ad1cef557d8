"""Tables on a phone: a card for each row, so that nothing lies beyond the edge."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

import streamlit as st

MOST_CARDS = 60
"""Rows up to which a table has cards; a longer one is moved sideways, its first column held in place."""
NARROW = "40rem"
_AFTER = '[data-testid="stElementContainer"]:has([data-testid="stDataFrame"])'
_CARDS = '[data-testid="stElementContainer"]:has(.cards)'
STYLE = f"""<style>
{_CARDS}{{display:none}}
@media(max-width:{NARROW}){{
{_CARDS}{{display:block}}
{_AFTER}:has(+ {_CARDS.replace(":has(.cards)", "")} .cards){{display:none}}
}}
.cards{{list-style:none;margin:0!important;padding:0!important}}
.cards li{{border-top:1px solid #8886;padding:.35rem 0 .45rem!important;margin:0!important}}
.cards strong{{display:block;overflow-wrap:anywhere}}
.cards dl{{display:grid;grid-template-columns:1fr auto;gap:0 .8rem;margin:.1rem 0 0;font-size:.9rem}}
.cards dt{{font-weight:400}}
.cards dd{{margin:0;text-align:right;font-variant-numeric:tabular-nums;overflow-wrap:anywhere}}
.cards dd.long{{grid-column:1/-1;text-align:left;padding-left:.8rem}}
.cards summary{{cursor:pointer;min-height:1.9rem}}
.cards summary strong{{display:inline}}
.cards a{{display:inline-block;padding:.3rem 0;font-size:.9rem}}
.wide-only{{font-size:.875rem;margin:0}}
@media(max-width:{NARROW}){{.wide-only{{display:none}}}}
</style>"""
LONG_TEXT = 24  # letters; a longer one stands under its label
OPEN_CARDS, OPEN_LINES = 4, 16
"""Cards of a table, and lines of all of them, up to which they stand open; of more, each opens at a touch."""


def cards_html(heads: Sequence[str], rows: Sequence[Sequence[str]], links: Sequence[str] = ()) -> str:
    """Write a list with a card for each row: what it is about, then label and value line by line.

    Parameters
    ----------
    heads
        Of the columns; the first names the row, with the second and third where rows are alike without.
    rows
        Printed texts; what is empty is left out.
    links
        Address of the page of each row's item; none where rows are of something else.

    Returns
    -------
    str
        HTML.

    Examples
    --------
    >>> cards_html(["Theme", "Alpha"], [["North", ".88"]])
    '<ul class="cards"><li><strong>North</strong><dl><dt>Alpha</dt><dd>.88</dd></dl></li></ul>'
    """
    made = []
    named = _columns_that_name(rows)
    for place, row in enumerate(rows):
        name = " · ".join(text for text in row[:named] if text)
        cells = row[named:]
        lines = "".join(
            f"<dt>{escape(head)}</dt><dd{_long(text)}>{escape(text)}</dd>"
            for head, text in zip(heads[named:], cells, strict=True)
            if text
        )
        said = f"<dl>{lines}</dl>" if lines else ""
        if links:
            said += f'<a href="{escape(links[place])}" target="_self">Page of this item</a>'
        head = f"<strong>{escape(name)}</strong>"
        if said and (len(rows) > OPEN_CARDS or len(rows) * (len(heads) - named) > OPEN_LINES):
            made.append(f"<li><details><summary>{head}</summary>{said}</details></li>")
        else:
            made.append(f"<li>{head}{said}</li>")
    return f'<ul class="cards">{"".join(made)}</ul>'


def _columns_that_name(rows: Sequence[Sequence[str]]) -> int:
    """Columns, from the first, that together tell every row from the others: of three at most, else one."""
    for named in (1, 2, 3):
        heads = {tuple(row[:named]) for row in rows}
        if len(heads) == len(rows) and all(len(row) > named for row in rows):
            return named
    return 1


def _long(text: str) -> str:
    return ' class="long"' if len(text) > LONG_TEXT else ""


def show_cards(heads: Sequence[str], rows: Sequence[Sequence[str]], links: Sequence[str] = ()) -> None:
    """Put cards after a table that was shown right before; a phone shows them in its place."""
    if rows and len(rows) <= MOST_CARDS and len(heads) > 1:
        st.html(cards_html(heads, rows, links))
