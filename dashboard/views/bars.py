"""Rows with a bar each: where a mean and its interval lie on the scale; under its row on a phone."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

import streamlit as st

STYLE = """<style>
.levels{width:100%;border-collapse:collapse;font-size:.95rem}
.levels th,.levels td{text-align:left;padding:.1rem .6rem .1rem 0;line-height:1.3;font-weight:400;border:0}
.levels th{overflow-wrap:anywhere}
.levels td{font-variant-numeric:tabular-nums;white-space:nowrap}
.levels td:last-child{width:40%;min-width:4rem}
.levels .bar{position:relative;display:block;height:.5rem;border-radius:3px;background:#8884}
.levels i{position:absolute;top:.1rem;height:.3rem;background:currentColor}
.levels b{position:absolute;top:-.06rem;width:.62rem;height:.62rem;margin-left:-.31rem}
.levels b{border-radius:50%;background:#2f7fb8}
@media(max-width:40rem){.levels thead{display:none}
.levels :is(tbody,tr,th){display:block}
.levels tr{display:flex;flex-wrap:wrap;justify-content:space-between}
.levels td:last-child{flex-basis:100%;padding:.3rem 0 .6rem}}
</style>"""


def show_bars(
    heads: Sequence[str], rows: Sequence[Sequence[str]], bars: Sequence[tuple[float, float, float]]
) -> None:
    """Show a small table whose last column is drawn.

    Parameters
    ----------
    heads
        Of every column, that of the bars last.
    rows
        Plain texts, the name of the row first.
    bars
        For each row start, end and middle of its bar, as shares of its width.
    """
    lines = []
    for (name, *cells), (low, high, middle) in zip(rows, bars, strict=True):
        drawn = (
            f'<span class="bar" aria-hidden="true"><i style="left:{100 * low:.2f}%;'
            f'width:{100 * (high - low):.2f}%"></i><b style="left:{100 * middle:.2f}%"></b></span>'
        )
        told = "".join(f"<td>{escape(cell)}</td>" for cell in cells)
        lines.append(f'<tr><th scope="row">{escape(name)}</th>{told}<td>{drawn}</td></tr>')
    named = "".join(f'<th scope="col">{escape(head)}</th>' for head in heads)
    table = f'<table class="levels"><thead><tr>{named}</tr></thead><tbody>{"".join(lines)}</tbody></table>'
    st.html(STYLE + table)
