"""The variable on which groups are matched, and the anchor items it rests on."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Literal

import numpy as np
import numpy.typing as npt
import pandas as pd

from instrument.errors import ToolkitWarning

Array = npt.NDArray[np.float64]
Matching = Literal["theta", "total", "rest"]
Items = frozenset[int]

FEWEST_ANCHORS: dict[str, int] = {"theta": 3, "total": 2, "rest": 2}
STABLE = "stable: the last two rounds agree"
CYCLED = "cycled: an earlier set of anchors came back"
TOO_FEW = "stopped: more items are suspicious than may leave"
UNFINISHED = "stopped: the declared number of rounds is over"


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Matcher:
    """Values of the matching variable for any item and any set of anchors, each set computed once.

    Attributes
    ----------
    table
        Answers, NaN for none, shape (n_persons, n_items).
    names
        Item names.
    kind
        `theta`, `total` or `rest`.
    """

    table: Array
    names: list[str]
    kind: Matching
    _kept: dict[Items, Array] = field(default_factory=dict)

    def values(self, item: int, anchors: Items) -> Array:
        """Matching variable for one item; NaN for persons who do not enter.

        Parameters
        ----------
        item
            Its column.
        anchors
            Columns the variable rests on; the item itself is added, for `rest` taken out.

        Returns
        -------
        numpy.ndarray
            Shape (n_persons,): the mean of answers of those who gave all of them, or the score of the
            graded response model of those who gave the item and at least one other answer.
        """
        used = anchors - {item} if self.kind == "rest" else anchors | {item}
        if used not in self._kept:
            columns = sorted(used)
            self._kept[used] = (
                self._theta(columns) if self.kind == "theta" else self.table[:, columns].mean(axis=1)
            )
        found = np.where(np.isnan(self.table[:, item]), np.nan, self._kept[used])
        if self.kind == "theta":
            others = ~np.isnan(self.table[:, sorted(used - {item})])
            found = np.where(others.any(axis=1), found, np.nan)
        return found

    def _theta(self, columns: list[int]) -> Array:
        from analysis.irt.graded_response import graded_response

        answers = pd.DataFrame(self.table[:, columns], columns=[self.names[column] for column in columns])
        with warnings.catch_warnings():
            # a negative discrimination scores an item that runs against the others as it should
            warnings.filterwarnings("ignore", r"graded_response: .* oppose the others", ToolkitWarning)
            scores: Array = graded_response(answers).scores()["score"].to_numpy(dtype=np.float64)
        return scores


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Purified:
    """Where the search for anchors ended.

    Attributes
    ----------
    anchors
        Columns the last round was matched on.
    rounds
        Rounds of tests.
    ending
        Why it ended.
    """

    anchors: Items
    rounds: int
    ending: str


def find_anchors(
    suspects: Callable[[Items], Sequence[int]], everything: Items, fewest: int, max_rounds: int
) -> Purified:
    """Take suspicious items out of the matching variable until the set of anchors repeats itself.

    Half of the items stay in any case: one item that differs much makes the others look different, and would
    drive them all out at once.

    Parameters
    ----------
    suspects
        Tests all items with given anchors and gives those that should not be anchors, the worst first.
    everything
        All columns: the anchors of the first round.
    fewest
        Anchors that must be left, if more than half of the items.
    max_rounds
        Most rounds of tests.

    Returns
    -------
    Purified
        Anchors of the last round that was tested.
    """
    most = len(everything) - max(fewest, (len(everything) + 1) // 2)
    anchors, seen = everything, [everything]
    for done in range(1, max_rounds + 1):
        worst = suspects(anchors)
        new = everything - frozenset(worst[: max(most, 0)])
        if new == anchors:
            ending = STABLE if len(worst) <= most else TOO_FEW
            return Purified(anchors=anchors, rounds=done, ending=ending)
        if new in seen:
            return Purified(anchors=anchors, rounds=done, ending=CYCLED)
        if done < max_rounds:
            anchors = new
            seen.append(new)
    return Purified(anchors=anchors, rounds=max_rounds, ending=UNFINISHED)
