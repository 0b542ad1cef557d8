"""What R said of eighteen reports, as committed: every number with an equivalent agrees, an altered one and a lost one are named.

Made by `scripts/reproduce_reports.py` with R 4.2.2, psych 2.2.9, lavaan 0.6-14 and semTools 0.5-6.
"""

from __future__ import annotations

import re
from pathlib import Path

COMPARED = [
    (
        "Eighteen reports, every number with an equivalent (formulas to six digits, searched optima to four)",
        "psych, lavaan, semTools, survival, MASS",
        5e-4,
    ),
]
TEXT = (Path(__file__).parent / "values" / "reproduce.txt").read_text("utf-8")
PARTS = dict(re.findall(r"^==== ([^\n]+): status \d\n(.*?)(?=^==== |\Z)", TEXT, re.MULTILINE | re.DOTALL))
STATUS = dict(re.findall(r"^==== (.+): status (\d)$", TEXT, re.MULTILINE))
ALTERED = "three_groups, one number altered and others taken out"


AT_LEAST = {
    **{"three_groups": 1600, "bfi": 1050, "example": 5000, "today": 8200},
    **{"plan_mlr": 1600, "plan_mlr_listwise": 1600, "plan_ulsmv": 1800},
    **{"plan_excluded": 1500, "plan_collapsed": 1600},
    **{"plan_ml": 1880, "plan_ml_listwise": 1660},
    **{"reserved_words": 1880, "three_waves": 1880, "three_waves_imputed": 2100, "other_tables": 1000},
    **{"later_use": 3500, "later_use_clinics": 3460, "later_use_ends": 3980},
}


def test_reports_of_eight_data_sets_and_seven_plans_were_made_again_and_one_was_altered() -> None:
    assert {**dict.fromkeys(AT_LEAST, "0"), ALTERED: "1"} == STATUS


def test_every_number_with_an_equivalent_agrees() -> None:
    for name, at_least in AT_LEAST.items():
        rows = re.findall(r"^  (\w+) +(\d+) of +(\d+) numbers agree$", PARTS[name], re.MULTILINE)
        assert rows[-1][0] == "all"
        assert all(agree == compared for _, agree, compared in rows)
        assert int(rows[-1][1]) == sum(int(agree) for _, agree, _ in rows[:-1]) >= at_least


def test_the_altered_number_is_named_and_no_other() -> None:
    named = re.findall(r"^  (sections\.\S+): ", PARTS[ALTERED], re.MULTILINE)
    assert "sections.reliability.tables.alpha.alpha[1]" in named
    assert len(named) == 1


def test_numbers_that_were_taken_out_are_named() -> None:
    lost = PARTS[ALTERED].partition("held when this script was written, and holds no longer\n")[2]
    named = re.findall(r"^  (sections\.\S+)$", lost.partition("\n\n")[0], re.MULTILINE)
    assert "sections.reliability.tables.alpha.alpha[0]" in named
    assert {name for name in named if ".alpha." not in name} == {
        f"sections.scores.values.{one}"
        for one in ("ceiling_highest", "unscored_highest", "scores", "prorate_at")
    }
