"""A report made by two processes: each draws half of the figures, then one writes the Word documents."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from analysis.report.view import Tree
from analysis.report.word_parts import Paper

Place = tuple[str, str]
"""Name of a section, and of a figure in it."""
Drawings = dict[tuple[Place, int], str]
"""Drawings by place and width."""


@contextmanager
def drawn_by_two(tree: Tree, workers: int) -> Iterator[Callable[[], Drawings]]:
    """Draw every second figure in another process, for `to_svg` to give within the block.

    Parameters
    ----------
    tree
        The results tree.
    workers
        Processes that may be used; with one nothing is drawn before it is asked for.

    Yields
    ------
    callable
        To be called when the drawings are needed: draws the others here, waits for the other process, and
        gives what was drawn ahead.
    """
    from analysis.figures.base import AHEAD
    from analysis.report.labels import tree_for_readers

    seen = tree_for_readers(tree)
    figures = _figures(seen) if workers > 1 else {}
    places = sorted(figures, key=lambda place: -_rows(seen, place, figures[place].tables))
    if len(places) < 2:
        yield dict
        return
    from joblib import Parallel, delayed

    away, here = places[::2], places[1::2]
    sections = {name: seen["sections"][name] for name, _ in away}
    running = Parallel(n_jobs=2, return_as="generator")([delayed(_drawn)(sections, seen["meta"], away)])
    tokens = []

    def finish() -> Drawings:
        made = _pictures(figures, here) | next(running)
        tokens.append(AHEAD.set(_by_figure(figures, made)))
        return made

    try:
        yield finish
    finally:
        running.close()
        for token in tokens:
            AHEAD.reset(token)


@contextmanager
def documents_beside(
    tree: Tree, paper: Paper, drawings: Drawings
) -> Iterator[Callable[[], Mapping[str, bytes]]]:
    """Write the Word documents in another process, while this one writes the other forms.

    Parameters
    ----------
    tree
        The results tree.
    paper
        Sheets of the documents.
    drawings
        What was drawn ahead; without any, nothing is begun before it is asked for.

    Yields
    ------
    callable
        Waits, and gives the documents by the names of their files.
    """
    from analysis.report.word import both_documents

    if not drawings:
        yield lambda: both_documents(tree, paper)
        return
    from joblib import Parallel, delayed

    from analysis.figures.base import WIDE

    wide = {key: svg for key, svg in drawings.items() if key[1] == WIDE}
    running = Parallel(n_jobs=2, return_as="generator")([delayed(_documents)(tree, paper, wide)])
    try:
        yield lambda: next(running)
    finally:
        running.close()


def _documents(tree: Tree, paper: Paper, drawings: Drawings) -> dict[str, bytes]:
    """Write documents from drawings, in a process of their own."""
    from analysis.figures.base import AHEAD
    from analysis.figures.once import built_once
    from analysis.report.labels import tree_for_readers
    from analysis.report.word import both_documents

    with built_once():
        token = AHEAD.set(_by_figure(_figures(tree_for_readers(tree)), drawings))
        try:
            return both_documents(tree, paper)
        finally:
            AHEAD.reset(token)


def _by_figure(figures: Mapping[Place, Any], drawings: Drawings) -> dict[tuple[Any, int], str]:
    return {(figures[place], width): svg for (place, width), svg in drawings.items()}


def _figures(seen: Tree) -> dict[Place, Any]:
    from analysis.figures.registry import build_figures

    return {
        (name, key): figure
        for name, section in seen["sections"].items()
        if section["status"] == "ok"
        for key, figure in build_figures(section, seen["meta"]).items()
    }


def _rows(seen: Tree, place: Place, tables: Sequence[str]) -> int:
    """Rows that are drawn: what a figure takes grows with them."""
    found = [seen["sections"][place[0]]["tables"].get(table, {}) for table in tables]
    return sum(len(next(iter(columns.values()), ())) for columns in found)


def _pictures(figures: Mapping[Place, Any], places: Sequence[Place]) -> Drawings:
    from analysis.figures.base import NARROW, WIDE, to_svg

    return {(place, width): to_svg(figures[place], width) for place in places for width in (WIDE, NARROW)}


def _drawn(sections: Mapping[str, Any], meta: Mapping[str, Any], places: Sequence[Place]) -> Drawings:
    """Build and draw figures, in a process of their own."""
    return _pictures(_figures({"sections": sections, "meta": meta}), places)
