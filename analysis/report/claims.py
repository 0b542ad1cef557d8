"""The one claim that a reader takes away on use: printed last on the command line as in the report."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from analysis.report.view import prose


def claimed(tree: Mapping[str, Any]) -> list[str]:
    """Give the sentences that say what these data tell of score and later use.

    Parameters
    ----------
    tree
        Results.

    Returns
    -------
    list of str
        What is claimed, and that no cause is; empty where no model of later use was fitted.
    """
    section = tree["sections"].get("adherence")
    if section is None or section["status"] != "ok" or "claim" not in section["values"]:
        return []
    return prose(section)[:2]
