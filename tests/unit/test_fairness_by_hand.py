"""Tests of items by group and along amounts: what is counted, which is named, and what is decided, by hand."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, cast

import numpy as np
import pandas as pd
import pytest

from analysis.common.rules import DIF_COSMIN, DIF_GROUP, DIF_NEGLIGIBLE
from analysis.common.verdicts import Cause
from analysis.fairness.dif_result import NOT_ESTIMABLE
from analysis.fairness.matching import STABLE
from analysis.pipeline.topics import fairness, fairness_along
from instrument.common.formatting import fill_prose

CUT_M, CUT_N = DIF_COSMIN.cutoff, DIF_NEGLIGIBLE.cutoff


def _rows(*rows: tuple[str, str, float | None, float | None, bool, str, float]) -> pd.DataFrame:
    names = ("grouping", "item", "nagelkerke_total", "mcfadden_total", "significant", "flag")
    table = pd.DataFrame([row[:6] for row in rows], columns=list(names))
    table["unsigned_difference"] = [row[6] for row in rows]
    table["p_adjusted_total"] = [0.01 * (k + 1) for k in range(len(rows))]
    return table.assign(theme="t", title="T", text="", kind="", n=100)


TABLE = _rows(
    ("sex", "q1", 0.02, 0.01, True, "negligible", 0.1),
    ("sex", "q2", 0.05, 0.04, True, "moderate", 0.3),
    ("sex", "q3", np.nan, np.nan, False, NOT_ESTIMABLE, np.nan),
    ("age", "q1", 0.01, 0.06, False, "", 0.2),
    ("age", "q2", 0.09, 0.01, True, "large", 0.5),
    ("age", "q3", 0.03, 0.05, False, "", 0.4),
)
COUNTS = {"sex": pd.Series({"f": 150, "m": 250}), "age": pd.Series({"old": 300, "young": 199, "mid": 200})}


def test_tests_and_flags_are_counted_for_each_grouping_and_the_largest_is_named_with_its_own_p() -> None:
    found = fairness._summary(TABLE, COUNTS).set_index("grouping")
    assert found.index.tolist() == ["sex", "age"]
    assert found["groups"].tolist() == ["f (150), m (250)", "old (300), young (199), mid (200)"]
    assert found["smallest"].tolist() == [150, 199]
    # what could not be estimated is no test
    assert found["items"].tolist() == [2, 3]
    assert found["significant"].tolist() == [2, 1] and found["flagged"].tolist() == [1, 1]
    assert found["largest_change"].tolist() == [0.05, 0.09] and found["largest_item"].tolist() == ["q2", "q2"]
    assert found["largest_pvalue"].tolist() == pytest.approx([0.02, 0.05])
    assert found["largest_mcfadden"].tolist() == [0.04, 0.06]
    assert found["largest_mcfadden_item"].tolist() == ["q2", "q1"]
    assert found["largest_mcfadden_pvalue"].tolist() == pytest.approx([0.02, 0.04])
    assert found["largest_points"].tolist() == [0.3, 0.5]
    # a change that is not known is none, though its item was tested
    gone = TABLE.assign(nagelkerke_total=[np.nan, 0.05, np.nan, 0.01, np.nan, 0.03])
    unknown = fairness._summary(gone, COUNTS).set_index("grouping")
    assert unknown["largest_change"].tolist() == [0.05, 0.03] and unknown["items"].tolist() == [2, 3]
    assert unknown["largest_item"].tolist() == ["q2", "q3"]
    nothing = fairness._summary(TABLE[TABLE["flag"] == NOT_ESTIMABLE], COUNTS).iloc[0]
    assert nothing["items"] == 0 and nothing["largest_change"] is None and nothing["largest_item"] is None


def test_values_run_over_groupings_and_small_groups_are_those_below_the_rule() -> None:
    summary = fairness._summary(TABLE, COUNTS)
    values = fairness._values(TABLE, summary, COUNTS)
    assert (values["tests"], values["groupings"], values["significant"], values["flagged"]) == (5, 2, 3, 2)
    assert values["flagged_items"] == "q2 by sex and q2 by age"
    assert values["points"] == 0.5 and values["points_item"] == "q2 by age"
    least = int(DIF_GROUP.cutoff)
    assert values["few_persons"] == least == 200
    assert values["small_groups"] == "f (sex, 150) and young (age, 199)"  # 200 themselves are enough
    said = [fill_prose(sentence, values) for sentence in fairness._prose(values)]
    assert said[1].startswith("5 tests of items were made over 2 groupings: 3 significant")
    assert said[2].endswith("are furthest apart on q2 by age: 0.50 on average.")
    assert said[3].startswith("Flagged: q2 by sex and q2 by age.")
    assert said[-1] == f"Groups under {least} people give unstable results: {values['small_groups']}."
    quiet = fairness._prose({**values, "flagged": 0, "small_groups": ""})
    assert quiet[-1].startswith("No flag does not prove fairness") and len(quiet) == 4
    assert fairness._values(TABLE[:0], summary, COUNTS) == {"tests": 0}
    assert fairness._prose({"tests": 0}) == ["No item could be tested; the reasons stand below."]


@pytest.mark.parametrize(
    ("changes", "significant", "cause"),
    [
        ((CUT_M / 2, CUT_M / 3), (True, False), None),  # none is large
        ((CUT_M * 2, CUT_M / 2), (True, False), None),  # the large one is significant
        ((CUT_M * 2, CUT_M / 2), (False, True), Cause.UNDECIDED),
        ((CUT_M * 2, CUT_M * 3), (False, True), None),
        ((CUT_M * 2, np.nan), (False, True), Cause.UNDECIDED),
        ((np.nan, np.nan), (False, False), None),
    ],
)
def test_a_large_change_that_is_not_significant_decides_nothing(
    changes: tuple[float, float], significant: tuple[bool, bool], cause: Cause | None
) -> None:
    items = pd.DataFrame({"mcfadden_total": changes, "significant": significant})
    assert fairness._undecided(items, "mcfadden_total", DIF_COSMIN) is cause


def test_each_grouping_is_judged_by_both_changes_and_what_was_lost_is_a_claim_untested() -> None:
    summary = fairness._summary(TABLE, COUNTS)
    found = fairness._findings(summary, TABLE, [("T by site", Cause.NO_VARIATION)])
    assert (found[0].claim, found[0].cause) == (
        "T by site: no item functions differently",
        Cause.NO_VARIATION,
    )
    assert [(f.claim, f.value, f.rule, f.path.rpartition(".")[2]) for f in found[1:]] == [
        ("By sex: largest change of R² (Nagelkerke)", 0.05, DIF_NEGLIGIBLE, "largest_change[0]"),
        ("By sex: largest change of R² (McFadden)", 0.04, DIF_COSMIN, "largest_mcfadden[0]"),
        ("By age: largest change of R² (Nagelkerke)", 0.09, DIF_NEGLIGIBLE, "largest_change[1]"),
        ("By age: largest change of R² (McFadden)", 0.06, DIF_COSMIN, "largest_mcfadden[1]"),
    ]
    # by age, the large ones by McFadden are those of q1 and q3, of which none is significant
    assert found[4].cause is Cause.UNDECIDED and found[2].cause is None
    assert CUT_M < 0.05 and CUT_N < 0.09


def test_what_a_reader_must_know_of_a_run_is_said() -> None:
    result = cast(Any, SimpleNamespace(purification=STABLE, empty_categories=[]))
    assert fairness._limits("T by sex", result) == []
    result = cast(Any, SimpleNamespace(purification="cycled", empty_categories=["q1:4 in f", "q2:1 in m"]))
    assert fairness._limits("T by sex", result) == [
        "T by sex: purification cycled.",
        "T by sex: answers that a group never gave: q1:4 in f, q2:1 in m.",
    ]


def test_most_people_behind_any_test_are_of_either_table() -> None:
    one, other = pd.DataFrame({"n": [5, 9]}), pd.DataFrame({"n": [7]})
    assert (fairness._most(one, other), fairness._most(other, one), fairness._most(other, one[:0])) == (
        9,
        9,
        7,
    )
    assert fairness._most(one[:0], one[:0]) is None


# along amounts


def _along(*rows: tuple[str, str, float | None, float, str]) -> pd.DataFrame:
    names = ["covariate", "item", "mcfadden_total", "p_adjusted_total", "flag"]
    return pd.DataFrame(rows, columns=names).assign(title="T", n=300)


ALONG = _along(
    ("age", "q1", CUT_M / 2, 0.01, "negligible"),
    ("age", "q2", CUT_M * 2, 0.20, ""),
    ("age", "q3", np.nan, np.nan, "not estimable"),
    ("years", "q1", CUT_M * 3, 0.05, "moderate"),
    ("years", "q2", CUT_M * 4, 0.04, "large"),
    ("years", "q3", CUT_M / 4, 0.90, ""),
)


def test_tests_along_amounts_are_counted_and_named() -> None:
    values = fairness_along.values_along(ALONG)
    assert values == {
        "along_covariates": "age and years",
        "along_tests": 5,
        "along_significant": 2,  # .05 itself is not below it
        "along_flagged": 2,
        "along_items": "q1 along years and q2 along years",
    }
    said = [fill_prose(sentence, values) for sentence in fairness_along.told_along(ALONG)]
    assert said[0].startswith("Along age and years, taken as amounts and not cut into groups, 5 tests")
    assert said[0].endswith(
        "2 significant after Holm's adjustment within the theme, 2 of them large enough for a flag."
    )
    assert said[1] == "Flagged: q1 along years and q2 along years."
    more = ALONG.assign(p_adjusted_total=[0.01, 0.02, np.nan, 0.03, 0.04, 0.9])
    (counted, *_) = fairness_along.told_along(more)
    said = fill_prose(counted, fairness_along.values_along(more))
    assert "4 significant" in said and "2 of them large enough" in said
    quiet = fairness_along.told_along(ALONG[:1])
    assert len(quiet) == 1 and quiet[0].endswith("none of them large enough for a flag.")
    assert fairness_along.values_along(ALONG[:0]) == {} and fairness_along.told_along(ALONG[:0]) == []


def test_the_largest_change_along_each_amount_is_judged_where_it_stands() -> None:
    found = fairness_along.findings_along(ALONG)
    assert [(f.claim, f.value, f.path, f.cause) for f in found] == [
        (
            "Along age: largest change of R² (McFadden)",
            CUT_M * 2,
            "sections.fairness.tables.along.mcfadden_total[1]",
            Cause.UNDECIDED,
        ),
        (
            "Along years: largest change of R² (McFadden)",
            CUT_M * 4,
            "sections.fairness.tables.along.mcfadden_total[4]",
            None,
        ),
    ]
    assert fairness_along.findings_along(ALONG[2:3]) == []
    # a flag by another rule decides nothing here; what is small leaves nothing undecided
    assert fairness_along.findings_along(ALONG[:1])[0].cause is None
    # one of two large changes is told from chance: that decides
    two = _along(("age", "q1", CUT_M * 2, 0.001, "moderate"), ("age", "q2", CUT_M * 3, 0.5, ""))
    assert fairness_along.findings_along(two)[0].cause is None
