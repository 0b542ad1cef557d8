"""Whether a study is about something that people use, and what is beside the point where it is not."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


def has_app(tree: Mapping[str, Any]) -> bool:
    """Say whether the questions are about something that is used: a study file or a log of use says so."""
    return tree["meta"]["study"] is not None or "usage" in tree["meta"]["checksums"]


def to_the_point(tree: Mapping[str, Any]) -> dict[str, Any]:
    """Give the sections of a tree without those on the use of an app where there is none.

    Parameters
    ----------
    tree
        The results tree.

    Returns
    -------
    dict
        Sections that were asked all the same stay.
    """
    if has_app(tree):
        return dict(tree["sections"])
    return {
        name: section
        for name, section in tree["sections"].items()
        if not section.get("of_use") or section["status"] != "not_applicable"
    }
