"""What figures of the pages say in their titles, counted by hand from the rows they are given."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from analysis.figures.irt import information_figure
from analysis.figures.item_figures import category_chances
from analysis.figures.maps import correlations_figure, invariance_figure, maps_of
from analysis.figures.page_figures import (
    chain_figure,
    differences_figure,
    functioning_figure,
    general_figure,
    missing_figure,
    spread_figure,
    steps_figure,
    thresholds_figure,
)
from analysis.figures.scores import retest_figure, scores_figure
from analysis.figures.use import daily_figure, retention_figure


def drawn(build: Any, name: str, **columns: list[Any]) -> Any:
    return build({"tables": {name: columns}, "findings": []}, {})


def test_steps_name_the_lowest_and_the_highest_place() -> None:
    figure = drawn(
        thresholds_figure,
        "parameters",
        item=["q1", "q2"],
        title=["A", "B"],
        difficulty_1=[-1.25, -2.0],
        difficulty_2=[0.5, None],
        difficulty_1_se=[-9.0, 9.0],
    )
    assert figure.title == ("Steps between options lie from −2.0 (first of “q2”) to 0.5 (last of “q1”)")


@pytest.mark.parametrize(
    ("flags", "said"), [(["none", "none"], "none of 2"), (["none", "C"], "1 of 2"), (["B", "C"], "2 of 2")]
)
def test_groups_that_lie_apart_are_named_and_flags_counted(flags: list[str], said: str) -> None:
    figure = drawn(
        functioning_figure,
        "items",
        item=["q1", "q2"],
        grouping=["sex", "age"],
        unsigned_difference=[0.31, 0.12],
        flag=flags,
    )
    ends = "are" if said.startswith("2") else "is"
    assert figure.title == (
        f"Groups of equal standing are furthest apart on “q1” by sex: 0.31 points; {said} comparisons {ends} flagged"
    )


def test_a_difference_is_clear_where_zero_is_outside_of_its_interval() -> None:
    def title(lower: list[float], upper: list[float]) -> str:
        return str(
            drawn(
                differences_figure,
                "differences",
                title=["A", "B"],
                compared=["f minus m", "f minus m"],
                hedges_g=[0.2, -0.5],
                g_lower=lower,
                g_upper=upper,
            ).title
        )

    clear = "The largest difference between groups: Hedges' g −0.50 (−0.90 to −0.10), B, f minus m"
    assert title([-0.1, -0.9], [0.5, -0.1]) == clear
    assert title([-0.1, -0.9], [0.5, 0.0]).startswith(
        "No difference between groups is clear of zero; the largest"
    )
    assert title([0.0, -0.9], [0.5, 0.1]).startswith("No difference")


def test_an_item_without_missing_answers_is_no_worst_one() -> None:
    figure = drawn(missing_figure, "statistics", item=["q1", "q2"], missing_share=[0.025, 0.1])
    assert figure.title == "Answers are missing most for “q2”: 10.0%"
    with pytest.raises(ValueError, match="no answer is missing"):
        drawn(missing_figure, "statistics", item=["q1"], missing_share=[0.0])


def test_the_strongest_step_of_a_chain_is_a_direct_one() -> None:
    figure = drawn(
        chain_figure,
        "routes",
        kind=["direct", "direct", "indirect", "direct"],
        route=["a → b", "b → c", "a → b → c", "a → c"],
        start=["a", "b", "a", "a"],
        end=["b", "c", "c", "c"],
        standardized=[0.3, -0.4, 0.9, None],
        boot_lower=[0.1, -0.6, 0.1, 0.1],
        boot_upper=[0.5, 0.0, 0.2, 0.2],
    )
    assert figure.title == "The strongest step of the supposed chain is b → c: −0.40 standard deviations"
    assert figure.alt.endswith("standardised: a → b 0.30; b → c −0.40. Orange steps are negative.")
    sides = {row["route"]: row["side"] for row in data_of(figure) if "side" in row}
    assert sides == {"a → b": "interval without zero", "b → c": "interval with zero"}


def data_of(figure: Any, width: int = 600) -> list[dict[str, Any]]:
    return [row for rows in figure.draw(width).to_dict()["datasets"].values() for row in rows]


def test_what_is_left_to_a_theme_is_that_of_themes_and_not_of_the_total() -> None:
    figure = drawn(
        general_figure,
        "general_factor",
        title=["Total", "A", "B"],
        omega=[0.95, 0.9, 0.8],
        omega_general=[0.9, 0.5, 0.6],
        omega_group=[0.05, 0.4, 0.2],
    )
    assert figure.title == "What is left to a theme alone runs from 20.0% (B) to 40.0% (A)"
    shares = {(row["title"], row["part_of"]): row["share"] for row in data_of(figure)}
    assert shares["A", "error"] == pytest.approx(0.1) and shares["Total", "error"] == pytest.approx(0.05)
    assert shares["B", "shared by all items"] == 0.6 and shares["B", "the theme alone"] == 0.2


def test_people_of_the_steps_are_those_enrolled_and_analysed() -> None:
    columns: dict[str, Any] = {"step": ["Enrolled", "Rated", "In"], "id": ["enrolled", "rated", "analysed"]}
    assert drawn(steps_figure, "flow", **columns, n=[80, 60, 41]).title == (
        "41 of 80 people enrolled could be analysed"
    )
    columns["id"][0] = "began"
    figure = drawn(steps_figure, "flow", **columns, n=[80, 60, 41])
    assert figure.title == "Who could be analysed" and figure.alt == "Enrolled: 80; Rated: 60; In: 41."


def test_half_of_the_people_is_reached_at_the_first_score_where_their_shares_add_up_to_it() -> None:
    figure = drawn(
        spread_figure,
        "spread",
        title=["A"] * 3 + ["B"] * 3,
        start=[0.5, 1.5, 2.5] * 2,
        end=[1.5, 2.5, 3.5] * 2,
        share=[0.3, 0.2, 0.5, 0.1, 0.39, 0.51],
    )
    assert figure.title == "At least half of the people score 2.00 or less on A, 3.00 or less on B"
    alike = drawn(
        spread_figure, "spread", title=["A", "A"], start=[0.0, 2.0], end=[2.0, 4.0], share=[0.6, 0.4]
    )
    assert alike.title == "At least half of the people score 1.00 or less on A"


def test_the_strongest_correlation_may_be_negative() -> None:
    def title(*r: float | None) -> str:
        size = len(r)
        names = {"one_title": ["A", "B", "C"][:size], "other_title": ["X", "Y", "Z"][:size]}
        return str(drawn(correlations_figure, "correlations", **names, r=list(r)).title)

    assert title(0.3, -0.4, None) == (
        "The strongest correlation is negative: B with Y, −.40; the stronger, the darker"
    )
    assert title(0.5, -0.4) == "A and X go together most closely: .50; the stronger, the darker"


def test_a_level_holds_by_both_indices_and_a_loss_that_may_be_chance_is_none() -> None:
    figure = drawn(
        invariance_figure,
        "levels",
        title=["A"] * 5,
        grouping=["sex"] * 5,
        level=["metric", "scalar", "partial", "strict", "configural"],
        cfi_diff=[0.001, 0.02, 0.02, 0.0, None],
        rmsea_diff=[0.001, 0.02, 0.02, 0.0, 0.0],
        cfi_holds=[True, True, False, True, True],
        rmsea_holds=[True, False, False, True, True],
        pvalue_diff=[0.5, 0.049, 0.05, 0.5, 0.5],
        faults=["", "", "", "", ""],
    )
    assert figure.title == "Where answers mean the same: 1 of 3 steps hold by both indices"
    assert figure.alt == "Tiles of 1 themes by grouping and level. Not held: A, by sex, scalar."


def test_a_row_without_what_is_drawn_is_left_out_and_a_hidden_one_said() -> None:
    table = {"step": ["a", "b"], "id": ["enrolled", "analysed"], "n": [9, None]}
    section: dict[str, Any] = {"status": "ok", "tables": {"flow": table}, "findings": []}
    assert [figure.title for figure in maps_of("adherence", section, {})] == ["Who could be analysed"]
    hidden = section | {"suppressed": {"flow": {"n": [1]}}}
    assert maps_of("adherence", hidden, {})[0].title == "Who could be analysed, of what is shown here"
    table["n"] = [9, 5]  # what is said to be hidden is not told, whatever stands there
    assert maps_of("adherence", hidden, {})[0].alt == "a: 9."
    assert maps_of("adherence", section | {"status": "failed"}, {}) == []
    rows = {"one_title": ["A"], "other_title": ["B"], "r": [0.5]}
    whole = {"status": "ok", "tables": {"correlations": rows}, "suppressed": {"correlations": {"n": [0]}}}
    assert maps_of("relations", whole, {}) == []  # of a part the strongest is not known


def test_reliability_of_retests_is_ordered_and_held_against_its_line() -> None:
    def title(icc: list[float], n: list[int]) -> str:
        names = ["A", "B", "C"][: len(icc)]
        ends = {"ci_lower": [value - 0.1 for value in icc], "ci_upper": [value + 0.1 for value in icc]}
        return str(drawn(retest_figure, "retest", title=names, icc=icc, n=n, **ends).title)

    assert title([0.8, 0.7], [50, 50]) == (
        "ICC among the stable runs from .70 (B) to .80 (A); dashed line: .70"
    )
    assert "; squares lie below it" in title([0.8, 0.69], [50, 50])
    assert title([0.8, 0.6], [50, 9]).endswith("; diamonds: too few people for a verdict")
    assert "squares" not in title([0.8, 0.6], [50, 9])
    assert title([0.8], [9]) == "Retest among the stable; too few people for a verdict"


def test_means_run_from_the_lowest_to_the_highest_of_the_first_wave() -> None:
    figure = drawn(
        scores_figure,
        "scores",
        title=["A", "B", "C", "A"],
        wave=["w1", "w1", "w1", "w2"],
        mean=[2.0, 3.5, None, 1.0],
        sd=[0.5, 1.0, None, None],
        lowest_possible=[1] * 4,
        highest_possible=[5] * 4,
    )
    assert figure.title == (
        "At w1 mean scores run from 2.00 (A) to 3.50 (B); lines: one standard deviation either side"
    )
    assert figure.alt.endswith("At w1: A 2.00; B 3.50. 1 scores are shown at w2.")
    ends = {(row["title"], row["low"], row["high"]) for row in data_of(figure) if row["wave"] == "w1"}
    assert ends == {("A", 1.5, 2.5), ("B", 2.5, 4.5)}


def test_use_falls_to_half_on_the_first_day_that_has_no_more() -> None:
    days = {"day": [0, 1, 2, 3], "n": [10] * 4, "on_day": [1.0, 0.4, 0.3, 0.2]}
    half = drawn(daily_figure, "daily", **days, from_day=[1.0, 0.7, 0.5, 0.25])
    assert half.title == "From day 2 on, no more than half of the people still use the app"
    assert "On day 0 100.0% of the people used the app, on day 3 20.0%" in half.alt
    more = drawn(daily_figure, "daily", **days, from_day=[1.0, 0.7, 0.6, None])
    assert more.title == "More than half of the people still use the app on day 2 or later"
    last = drawn(retention_figure, "retention", day=[7, 28], on_day=[0.5, 0.1], from_day=[0.9, 0.35])
    assert last.title == "35.0% of the people used the app on day 28 or later"


def test_information_is_highest_where_its_curve_is() -> None:
    figure = drawn(
        information_figure,
        "information",
        title=["A", "A", "B", "B"],
        theta=[-1.0, 1.0, -2.0, 2.0],
        information=[3.0, 5.0, 4.5, 2.0],
    )
    assert figure.title.startswith("Information is highest for A, at a standing of 1.0;")
    assert "Highest: A 5.0 at 1.0; B 4.5 at −2.0." in figure.alt
    rules = [row["cut"] for row in data_of(figure) if "cut" in row]
    assert rules[0] == pytest.approx(10 / 3)  # 1 / (1 - 0.70)


def test_chances_of_options_add_up_and_half_reach_an_option_at_its_difficulty() -> None:
    chances = category_chances(2.0, [-1.0, 1.0])
    assert chances.sum(axis=1) == pytest.approx(np.ones(61))
    assert chances[20] == pytest.approx([0.5, 0.5 - 1 / (1 + np.exp(4)), 1 / (1 + np.exp(4))])
