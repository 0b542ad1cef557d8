"""Documents of one report share their figures, and Altair's switch is as it was afterwards."""

from __future__ import annotations

import threading
from typing import Any

from altair.utils import schemapi

from analysis.figures.base import to_svg, unchecked
from analysis.figures.once import built_once
from analysis.figures.registry import build_figures


def test_figures_are_built_once_within_a_report_and_anew_outside(tree: dict[str, Any]) -> None:
    section = tree["sections"]["retention"]

    def one(of: dict[str, Any] = section) -> Any:
        return next(iter(build_figures(of, tree["meta"]).values()))

    assert one() is not one()
    with built_once():
        first = one()
        assert first is one()
        assert to_svg(first) is to_svg(first)
        other = {
            **section,
            "tables": {k: {c: v[:2] for c, v in t.items()} for k, t in section["tables"].items()},
        }
        assert one(other) is not first and to_svg(one(other)) != to_svg(first)
    assert one() is not first
    assert to_svg(one()) == to_svg(first)


def test_charts_are_held_against_the_schema_again_after_the_last_that_was_not() -> None:
    assert schemapi.DEBUG_MODE
    inside, leave = threading.Event(), threading.Event()

    def other() -> None:
        with unchecked():
            inside.set()
            leave.wait(30)

    thread = threading.Thread(target=other)
    with unchecked():
        thread.start()
        assert inside.wait(30) and not schemapi.DEBUG_MODE
    assert not schemapi.DEBUG_MODE  # the other has not ended
    leave.set()
    thread.join(30)
    assert schemapi.DEBUG_MODE
