"""By which correlations the sections on structure go, and what they say where these had to be smoothed."""

from __future__ import annotations

from typing import Any

from analysis.correlation.smoothing import Smooth, Smoothing
from analysis.disclosure.kinds import GIVEN, TEXT, Kind, each, statistic
from analysis.pipeline.context import Context

MOST_CATEGORIES = 7
NO_SMOOTHING = "none"

SMOOTHING_KINDS: dict[str, Kind] = {
    **each(GIVEN, "smooth_items smooth_rule"),
    **each(TEXT, "smooth_kind smooth_named smooth_pair"),
    **each(statistic(), "smooth_negative smooth_smallest smooth_frobenius smooth_largest"),
}


def correlation_for(context: Context) -> str:
    """Correlations that were chosen, else polychoric where every item has few ordered options."""
    if context.correlation is not None:
        return context.correlation
    most = max(context.scale.scale_of(item).n_options for item in context.item_ids)
    return "polychoric" if most <= MOST_CATEGORIES else "pearson"


def missing_items(context: Context, default: str) -> Any:
    """Rule for missing answers to items, of the plan where it says one that such a section has."""
    planned = context.plan.missing
    return planned if planned in ("listwise", "pairwise") else default


def smooth_for(context: Context) -> Smooth:
    """What becomes of indefinite correlations, as the functions take it."""
    if context.smooth == NO_SMOOTHING:
        return False
    return "nearest" if context.smooth == "nearest" else "truncated"


def told_of_smoothing(kind: str, smoothing: Smoothing | None) -> tuple[list[str], dict[str, Any]]:
    """Say in a sentence that correlations were smoothed, by which choice and how far.

    Parameters
    ----------
    kind
        Of the correlations, such as "polychoric".
    smoothing
        Of a result; None where they are as estimated.

    Returns
    -------
    tuple of list and dict
        One sentence, or none, and the values it names, whose kinds are `SMOOTHING_KINDS`.
    """
    if smoothing is None:
        return [], {}
    values = {
        "smooth_kind": kind,
        "smooth_rule": smoothing.method,
        "smooth_named": smoothing.named,
        "smooth_items": smoothing.n_items,
        "smooth_negative": smoothing.n_negative,
        "smooth_smallest": smoothing.smallest_before,
        "smooth_frobenius": smoothing.frobenius,
        "smooth_largest": smoothing.largest_change,
        "smooth_pair": " with ".join(smoothing.largest_pair),
    }
    sentence = (
        "The {smooth_kind} correlations contradict each other ({smooth_negative:int} of {smooth_items:int} "
        "eigenvalues negative, the smallest {smooth_smallest:d3}), so by choice (smooth: {smooth_rule}) "
        "{smooth_named} was analysed instead, {smooth_frobenius:d3} away in all (Frobenius norm) and "
        "{smooth_largest:r3} at most in one correlation ({smooth_pair})."
    )
    return [sentence], values
