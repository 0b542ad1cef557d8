"""Figures of a report drawn by two processes, each of which builds and draws its own."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from analysis.report.view import Tree

Place = tuple[str, str]
"""Name of a section, and of a figure in it."""


@contextmanager
def drawn_by_two(tree: Tree, workers: int) -> Iterator[Callable[[], None]]:
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
        To be called when the drawings are needed: draws the others here, and waits for the other process.
    """
    from analysis.figures.base import AHEAD
    from analysis.report.labels import tree_for_readers

    seen = tree_for_readers(tree)
    figures = _figures(seen) if workers > 1 else {}
    places = sorted(figures, key=lambda place: -_rows(seen, place, figures[place].tables))
    if len(places) < 2:
        yield lambda: None
        return
    from joblib import Parallel, delayed

    away, here = places[::2], places[1::2]
    sections = {name: seen["sections"][name] for name, _ in away}
    running = Parallel(n_jobs=2, return_as="generator")([delayed(_drawn)(sections, seen["meta"], away)])
    tokens = []

    def finish() -> None:
        made = _pictures(figures, here) | next(running)
        tokens.append(AHEAD.set({(figures[place], width): svg for (place, width), svg in made.items()}))

    try:
        yield finish
    finally:
        running.close()
        for token in tokens:
            AHEAD.reset(token)


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


def _pictures(figures: Mapping[Place, Any], places: Sequence[Place]) -> dict[tuple[Place, int], str]:
    from analysis.figures.base import NARROW, WIDE, to_svg

    return {(place, width): to_svg(figures[place], width) for place in places for width in (WIDE, NARROW)}


def _drawn(
    sections: Mapping[str, Any], meta: Mapping[str, Any], places: Sequence[Place]
) -> dict[tuple[Place, int], str]:
    """Build and draw figures, in a process of their own."""
    return _pictures(_figures({"sections": sections, "meta": meta}), places)
