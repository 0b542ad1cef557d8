"""The report as one HTML file that asks nothing of the network."""

from __future__ import annotations

import base64
import re
from collections.abc import Mapping, Sequence
from typing import Any

from markupsafe import Markup, escape

from analysis.common.verdicts import Cause
from analysis.figures.base import DARK, NARROW, WIDE, Figure, to_svg
from analysis.figures.registry import build_figures
from analysis.report import opening_words
from analysis.report.extent import (
    OPEN_ROWS,
    OPEN_SENTENCES,
    Extent,
    document_title,
    shown_figures,
    shown_tables,
)
from analysis.report.labels import tree_for_readers
from analysis.report.limits import limits_of, untested_lines
from analysis.report.methods import methods_paragraphs
from analysis.report.opening import opening
from analysis.report.questions import HIDDEN, QUESTIONS, hidden_claims, question_rows
from analysis.report.standards import (
    PROPERTIES_SOURCE,
    SHOWN,
    STEPS_SOURCE,
    evidence_by_property,
    evidence_by_step,
    ordered,
    place_line,
)
from analysis.report.templating import page_templates
from analysis.report.view import (
    LONG_TABLE,
    NOT_ESTIMATED,
    PART_NOT_ESTIMATED,
    Tree,
    filled_tables,
    method_line,
    notices,
    table_view,
    verdicts,
)
from instrument.common.formatting import fill_prose, format_value

_IDS = re.compile(r'(id="|url\(#|xlink:href="#)((?:clip|gradient)[\w-]*)')


SUPPLEMENT_PAGE = "report_supplement.html"


def render_html(tree: Tree, extent: Extent = Extent.WHOLE) -> str:
    """Render the results tree as a self-contained page.

    Parameters
    ----------
    tree
        `Validation.tree`, or `results.json` read back.
    extent
        All of it in one page, or the report and its supplement as two pages that lie side by side.

    Returns
    -------
    str
        HTML with its style and figures inside; readable on a phone, printable, light and dark.
    """
    tree = tree_for_readers(tree)
    environment = page_templates("form", format_value)
    sections = [_section(name, section, tree["meta"], extent) for name, section in ordered(tree["sections"])]
    bare = [s for s in sections if extent is Extent.MAIN and s["status"] in ("untestable", "not_applicable")]
    css = environment.get_template("report.css").render(exchange=DARK)
    return environment.get_template("report.html.jinja").render(
        title=_title(tree, extent),
        extent=extent.value,
        supplement=SUPPLEMENT_PAGE,
        css=Markup(css),
        meta=tree["meta"],
        notices=notices(tree),
        verdicts=verdicts(tree),
        not_estimated=NOT_ESTIMATED,
        part_not_estimated=PART_NOT_ESTIMATED,
        limits=limits_of(tree),
        questions=question_rows(tree),
        questions_heading=QUESTIONS,
        hidden=f"{HIDDEN}: {count}." if (count := hidden_claims(tree)) else "",
        shown=SHOWN,
        evidence=[
            ("Measurement property", PROPERTIES_SOURCE, evidence_by_property(tree["sections"])),
            ("Step of scale development", STEPS_SOURCE, evidence_by_step(tree["sections"])),
        ][: 1 if extent is Extent.MAIN else None],
        opening=opening(tree),
        opening_words=opening_words,
        methods=methods_paragraphs(tree)[: 2 if extent is Extent.MAIN else None],
        sections=sections,
        bare=bare,
        bare_by_cause=_by_cause(bare),
    )


def _by_cause(bare: Sequence[dict[str, Any]]) -> list[tuple[tuple[str, str], list[dict[str, Any]]]]:
    """Put sections without numbers together that lack the same thing, so that one cause is told once."""
    made: dict[tuple[str, str], list[dict[str, Any]]] = {}
    for section in bare:
        asked = "Does not apply" if section["cause"] == Cause.COMPOSITE else "Not asked"
        lead = "Could not be tested" if section["status"] == "untestable" else asked
        made.setdefault((lead, section["message"]), []).append(section)
    return list(made.items())


def _title(tree: Tree, extent: Extent) -> str:
    kind = " (synthetic data)" if tree["meta"]["synthetic"] else ""
    return f"{document_title(tree, extent)}{kind}"


def _section(
    name: str, section: Mapping[str, Any], meta: Mapping[str, Any], extent: Extent
) -> dict[str, Any]:
    view: dict[str, Any] = {
        key: section[key]
        for key in ("title", "question", "status", "cause", "message", "problems", "warnings")
    }
    view["untested"] = untested_lines(section)
    view |= {"name": name, "place": place_line(name), "prose": [], "tables": [], "figures": [], "method": ""}
    view["folded"] = []
    view["further"] = ""
    if section["status"] == "ok":
        if extent is not Extent.SUPPLEMENT:
            view["prose"] = [_sentence(name, section, sentence) for sentence in section["prose"]]
        if extent is Extent.MAIN and len(view["prose"]) > OPEN_SENTENCES + 1:  # one alone needs no door
            view["prose"], view["folded"] = view["prose"][:OPEN_SENTENCES], view["prose"][OPEN_SENTENCES:]
        shown = shown_tables(section, extent)
        figures = build_figures(section, meta)
        drawn = shown_figures(figures, extent)
        view["tables"] = [_table(name, section, table, extent) for table in shown]
        view["figures"] = [_drawn(name, key, f, section, shown) for key, f in drawn.items()]
        if extent is Extent.MAIN:
            view["further"] = further_words(len(filled_tables(section)), len(figures) - len(drawn))
        else:
            view["method"] = method_line(section)
    return view


def further_words(tables: int, figures: int) -> str:
    """Say what the supplement holds of a section.

    Examples
    --------
    >>> further_words(3, 1), further_words(1, 0)
    ('3 tables, 1 more figure and how they were made', '1 table and how it was made')
    """
    if not tables + figures:
        return "how it was made"
    named = f"{tables} table{'' if tables == 1 else 's'}"
    more = f", {figures} more figure{'' if figures == 1 else 's'}" if figures else ""
    return f"{named}{more} and how {'it was' if tables + figures == 1 else 'they were'} made"


def _sentence(name: str, section: Mapping[str, Any], sentence: str) -> Markup:
    def wrap(key: str, text: str) -> str:
        return f'<span data-path="sections.{name}.values.{key}">{escape(text)}</span>'

    return Markup(fill_prose(str(escape(sentence)), section["values"], wrap))


def _table(name: str, section: Mapping[str, Any], table: str, extent: Extent) -> dict[str, Any]:
    view = table_view(name, section, table)
    return {
        "id": f"{name}-{table}",
        "title": view.title,
        "note": view.note,
        "heads": view.heads,
        "rows": view.rows,
        "long": len(view.rows) > (OPEN_ROWS if extent is Extent.MAIN else LONG_TABLE),
    }


def _drawn(
    key: str, name: str, figure: Figure, section: Mapping[str, Any], shown: Sequence[str]
) -> dict[str, Any]:
    return {
        "title": figure.title,
        "wide": _inline(figure, WIDE, f"{key}-{name}-w"),
        "narrow": _inline(figure, NARROW, f"{key}-{name}-n"),
        "tables": [
            (
                f"{'' if table in shown else SUPPLEMENT_PAGE}#{key}-{table}",
                section["captions"][table]["title"],
            )
            for table in figure.tables
        ],
    }


def responsive_images(figure: Figure, *, dark: bool = False, narrow_only: bool = False) -> str:
    """Give a drawing as images of two widths, of which the page shows the one that fits.

    Parameters
    ----------
    figure
        The figure.
    dark
        Whether it stands on dark paper.
    narrow_only
        Whether something else stands in its place on a wide screen.

    Returns
    -------
    str
        HTML with its style inside.
    """
    style = (
        ".fig-w{display:none}.fig-n img,.fig-w img{max-width:100%;height:auto}"
        "@media(min-width:60rem){.fig-w{display:block}.fig-n{display:none}}"
    )
    parts = [f"<style>{style}</style>"]
    widths = (("fig-n fig-only", NARROW),) if narrow_only else (("fig-w", WIDE), ("fig-n", NARROW))
    for kind, width in widths:
        svg = to_svg(figure, width)
        for light, other in DARK.items() if dark else ():
            svg = svg.replace(f'"{light}"', f'"{other}"')
        data = base64.b64encode(svg.encode()).decode()
        image = f'<img src="data:image/svg+xml;base64,{data}" alt="{escape(figure.alt)}">'
        parts.append(f'<div class="{kind}">{image}</div>')
    return "".join(parts)


def _inline(figure: Figure, width: int, prefix: str) -> Markup:
    """Give the drawing for a page that holds many: ids are made unique, words replace its parts."""
    svg = _IDS.sub(rf"\1{prefix}-\2", to_svg(figure, width))
    svg = svg[svg.index("<svg") :]
    label = escape(figure.alt)
    return Markup(svg.replace("<svg", f'<svg role="img" aria-label="{label}"', 1))
