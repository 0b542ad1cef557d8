"""The trial that this study stands in for, as a table of the section on later use."""

from __future__ import annotations

from typing import TYPE_CHECKING

from analysis.adherence.design.target_trial import target_trial
from analysis.disclosure.kinds import TEXT, each
from analysis.pipeline.context import Context
from analysis.pipeline.section import Table

if TYPE_CHECKING:
    from analysis.adherence.result import AdherenceResult


def trial_table(context: Context, found: AdherenceResult, title: str, held: str) -> Table:
    """State the study as the trial it stands in for.

    Parameters
    ----------
    context
        The data, with a study that has a landmark.
    found
        Its landmark models.
    title
        Title of the first score.
    held
        What is held constant, in words.

    Returns
    -------
    Table
        element, trial, study.
    """
    if context.study is None:
        raise ValueError("asked of a study only")
    wave = str(found.design["wave"])
    return Table(
        frame=target_trial(context.study, wave=wave, score=title, held=[held]),
        kinds=each(TEXT, "element trial study"),
        title="The trial that this study stands in for",
        columns={
            "element": ("Element", "text"),
            "trial": ("A trial would", "text"),
            "study": ("This study, from its study file", "text"),
        },
        note="What the study does instead of allocating at random is why no effect is claimed.",
    )
