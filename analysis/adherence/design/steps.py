"""Steps of the participant flow, from enrolment to the models: an id that never changes, and a label."""

from __future__ import annotations

from enum import StrEnum

import pandas as pd


class Step(StrEnum):
    """A step; its value is the id in tables of results."""

    ENROLLED = "enrolled"
    WITHDRAWN = "withdrawn"
    UNWATCHED = "unwatched"
    HAD_LEFT = "had_left"
    CAME_BACK = "came_back"
    NOTHING_DUE = "nothing_due"
    NO_SCORE = "no_score"
    NO_SCORE_LEFT = "no_score_left"
    NO_COVARIATE = "no_covariate"
    ANALYSED = "analysed"
    ANALYSED_LEFT = "analysed_left"
    ANALYSED_TIME = "analysed_time"
    DISENGAGED = "disengaged"
    STRANGERS = "strangers"
    CHAIN = "chain"


LABELS: dict[Step, str] = {
    Step.ENROLLED: "enrolled",
    Step.WITHDRAWN: "withdrawn before the landmark",
    Step.UNWATCHED: "not yet watched at the landmark",
    Step.HAD_LEFT: "no use for the declared days at the landmark (had left)",
    Step.CAME_BACK: "  of these, used the app again later",
    Step.NOTHING_DUE: "no intended use was due after the landmark",
    Step.NO_SCORE: "no score at the landmark wave",
    Step.NO_SCORE_LEFT: "  of these, had left",
    Step.NO_COVARIATE: "scored, but a covariate is missing",
    Step.ANALYSED: "analysed: remaining intended use",
    Step.ANALYSED_LEFT: "  of these, had left at the landmark",
    Step.ANALYSED_TIME: "analysed: time to disengagement (still at risk)",
    Step.DISENGAGED: "  of these, disengaged before the end",
    Step.STRANGERS: "scored, but not among the enrolled",
    Step.CHAIN: "analysed: every step of the chain",
}


def flow_table(counts: dict[Step, int], start: str = LABELS[Step.ENROLLED]) -> pd.DataFrame:
    """Give the flow as a table.

    Parameters
    ----------
    counts
        People at each step.
    start
        Who stands at its start: only with a table of everyone enrolled are they the enrolled.

    Returns
    -------
    pandas.DataFrame
        id, step (its label) and n, in the order given.
    """
    labels = LABELS | {Step.ENROLLED: start}
    if start != LABELS[Step.ENROLLED]:
        labels[Step.STRANGERS] = "scored, but not among them"
    rows = [(str(step), labels[step], int(number)) for step, number in counts.items()]
    return pd.DataFrame(rows, columns=["id", "step", "n"])


def people_at(flow: pd.DataFrame) -> dict[Step, int]:
    """Give the number of people at each step of a flow, by its id."""
    return {Step(name): int(number) for name, number in zip(flow["id"], flow["n"], strict=True)}
