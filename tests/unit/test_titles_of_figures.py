"""Titles of figures say what was found, of the rows that are told, and of no more people than gave it."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from analysis.figures.items import distribution_figure
from analysis.figures.over_time import bland_altman_figure, trajectories_figure

EVERY, STAYED = "everyone with the score", "those with the score at every wave"


def answers(*low: float | None, suppressed: dict[str, list[int]] | None = None) -> Any:
    """Items of two options, with the share of the lower one."""
    table = {
        "item": [f"q{k}" for k in range(len(low))],
        "n": [0 if share is None else 40 for share in low],
        "share_0": list(low),
        "share_1": [None if share is None else 1 - share for share in low],
    }
    columns = {"share_0": {"label": "No"}, "share_1": {"label": "Yes"}}
    made = {"tables": {"distribution_yes": table}, "captions": {"distribution_yes": {"columns": columns}}}
    figure = distribution_figure(
        made | {"suppressed": {"distribution_yes": suppressed or {}}}, {"part": "yes"}
    )
    return figure


def test_answers_name_the_item_with_most_and_with_fewest_of_the_last_option() -> None:
    assert answers(0.4, 0.9, 0.25).title == (
        "“Yes” is answered most often to “q2” (75.0%), least often to “q1” (10.0%)"
    )
    assert answers(0.4).title == "“Yes” is the answer to “q0” (60.0%)"


def test_an_item_without_answers_is_not_the_one_with_fewest() -> None:
    figure = answers(0.4, None, 0.25)
    assert figure.title.endswith("least often to “q0” (60.0%)")
    assert "least for q0 (60%)" in figure.alt and "answers to 3 items" in figure.alt
    nothing = answers(None)
    assert nothing.title == "Answers to each item"
    assert nothing.alt == "Diverging bars of the answers to 1 item. Nobody answered."


def test_a_shared_copy_says_that_rows_are_left_out_and_not_that_of_counts() -> None:
    assert answers(0.4, 0.9, suppressed={"share_0": [2]}).title.endswith(", of what is shown here")
    assert not answers(0.4, 0.9, suppressed={"n": [2]}).title.endswith("shown here")
    assert not answers(0.4, 0.9, suppressed={"share_0": []}).title.endswith("shown here")


def course(ns: int = 40, who: tuple[str, ...] = (EVERY, STAYED), waves: int = 3) -> str:
    means = {EVERY: {"A": [1, 2, 9], "B": [1, 1, 1]}, STAYED: {"A": [2.0, 3, 2.5], "B": [3.0, 3, 2.25]}}
    rows = [
        (name, one, f"wave {wave + 1}", means[one][name][wave], ns)
        for name in "AB"
        for one in who
        for wave in range(waves)
    ]
    title, people, at, mean, n = (list(column) for column in zip(*rows, strict=True))
    table = {"title": title, "who": people, "wave": at, "mean": mean, "n": n}
    table |= {"ci_lower": list(np.array(mean) - 0.1), "ci_upper": list(np.array(mean) + 0.1)}
    return trajectories_figure({"tables": {"trajectories": table}}, {}).title


def test_means_name_the_score_that_moves_most_among_those_who_stayed() -> None:
    assert course() == (
        "From wave 1 to wave 3 “B” moves most, from 3.00 to 2.25 among those with a score at every wave; "
        "lines: 95% intervals"
    )
    assert "“A” moves most, from 2.00 to 3.00" in course(waves=2)


@pytest.mark.parametrize("title", [course(ns=29), course(who=(EVERY,)), course(waves=1)])
def test_too_few_people_or_one_wave_move_nothing(title: str) -> None:
    assert title == "Means over the waves with 95% intervals"
    assert "moves" in course(ns=30)


def levels(*n: int) -> str:
    table = {"title": ["A", "A", "B"], "n": list(n), "mean": [1, 2, 3], "difference": [0.0, 0.1, 0.2]}
    table |= {"spread_lower": [-1.0] * 3, "spread_upper": [1.0] * 3, "bias": [0.1] * 3}
    table |= {"loa_lower": [-0.5, -0.5, -1.0], "loa_upper": [0.75, 0.75, 0.125]}
    return bland_altman_figure({"tables": {"levels": table}}, {}).title


def test_retests_name_the_score_with_the_widest_limits() -> None:
    assert levels(20, 20, 40) == (
        "Retest minus test lies between −0.50 and 0.75 for 95 of 100 people on “A”, the widest limits (dashed; "
        "line: mean difference)"
    )
    assert levels(15, 15, 30) == levels(20, 20, 40)
    for few in ((15, 14, 40), (20, 20, 29)):
        assert levels(*few) == "Retest minus test by level of the score; too few people for a verdict"
