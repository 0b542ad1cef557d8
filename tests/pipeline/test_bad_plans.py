"""A plan that cannot be carried out is refused, with the path of what is wrong in it."""

from __future__ import annotations

from typing import Any

import pandas as pd
import pytest
from test_plan_entries import hypothesis

from analysis.pipeline import validate
from analysis.planning.loading import settle
from instrument.definition import Instrument
from instrument.errors import DefinitionError


@pytest.fixture(scope="module")
def first(answers: pd.DataFrame) -> pd.DataFrame:
    return answers[answers["wave"] == 1].reset_index(drop=True)


@pytest.fixture(scope="module")
def people(first: pd.DataFrame) -> pd.DataFrame:
    return pd.DataFrame({"participant": first["participant"], "site": ["hill", "bay", "marsh"] * 200})


BAD: dict[str, tuple[dict[str, Any], str]] = {
    "misspelt": ({"estimater": "MLR"}, "estimater: is no known key; did you mean 'estimator'"),
    "misspelt within": (
        {"hypotheses": [{"id": "h", "text": "t", "expect": ">0"}]},
        r"hypotheses\[0\]\.expect: is no known key; did you mean 'expected'",
    ),
    "misspelt in a mapping": (
        {"groups": {"sex": {"referense": "a"}}},
        r"groups\.sex\.referense: is no known key; did you mean 'reference'",
    ),
    "estimator": ({"estimator": "GLS"}, "estimator: Input should be 'WLSMV', 'ULSMV', 'MLR' or 'ML'"),
    "fiml": ({"estimator": "WLSMV", "missing": "fiml"}, "missing: fiml is likelihood"),
    "rotation": ({"rotation": "varimx"}, "rotation: there is no 'varimx'; did you mean 'varimax'"),
    "rule": ({"rules": {"ALFA": 0.8}}, "rules: there is no 'ALFA'; did you mean 'ALPHA'"),
    "range": ({"hypotheses": [hypothesis("large")]}, "expected: 'large' is no range"),
    "both": ({"hypotheses": [hypothesis("> 0", **{"with": "south", "groups": "site"})]}, "say either `with`"),
    "chain": ({"collapse": {"q1": {5: 4, 4: 3}}}, r"collapse\.q1: 5 becomes 4, which itself becomes another"),
    "reference": (
        {"groups": {"site": {"reference": "a", "leave_out": ["a"]}}},
        "the reference 'a' is left out",
    ),
    "topic": (
        {"topics": ["reliabilty"]},
        r"topics\[0\]: there is no 'reliabilty'; did you mean 'reliability'",
    ),
    "score": (
        {"hypotheses": [hypothesis("> 0") | {"score": "nord"}]},
        r"hypotheses\[0\]\.score: there is no 'nord'; did you mean 'north'",
    ),
    "item": ({"models": {"m": "f =~ q1 + q2 + q99"}}, r"models\.m: there is no 'q99'"),
    "language": ({"models": {"m": "f =~ + q2"}}, r"models\.m"),
    "code": ({"collapse": {"q1": {7: 5}}}, r"collapse\.q1: 7 is no answer of 'q1'"),
    "no parameter": ({"partial": ["q1", "q2~~q3"]}, r"partial\[0\]: 'q1' is no parameter of an item; write"),
    "two items": ({"partial": ["q1~1", "q2~~q3"]}, r"partial\[1\]: 'q2~~q3' is no parameter"),
    "named twice": ({"partial": ["q1~1", "q1 ~ 1"]}, "partial: 'q1~1' is used twice"),
    "no item": ({"partial": ["q1~1", "q99~1"]}, r"partial\[1\]: there is no 'q99'"),
    "other theme": ({"partial": ["south =~ q1"]}, r"partial\[0\]: 'q1' is no item of a theme 'south'"),
    "no theme": ({"partial": ["f =~ q1"]}, r"partial\[0\]: 'q1' is no item of a theme 'f'"),
    "threshold": ({"partial": ["q1|t5"]}, r"partial\[0\]: 'q1' has 4 threshold\(s\)"),
    "collapsed": ({"partial": ["q1|t4"], "collapse": {"q1": {5: 4}}}, r"partial\[0\]: 'q1' has 3 threshold"),
    "collapsed all": (
        {"partial": ["q1|t4"], "collapse": {"all": {5: 4}}},
        r"partial\[0\]: 'q1' has 3 threshold",
    ),
    "continuous": (
        {"partial": ["q1|t1"], "estimator": "MLR"},
        r"'q1\|t1' is a threshold, which items fitted by MLR",
    ),
    "covariate": ({"groups": ["sites"]}, r"groups\.sites: there is no 'sites'; did you mean 'site'"),
    "with": (
        {"hypotheses": [hypothesis("> 0", **{"with": "sooth"})]},
        r"hypotheses\[0\]\.with: there is no 'sooth'; did you mean 'south'",
    ),
    "measure": ({"measures": ["other"]}, r"measures\[0\]: there is no 'other'"),
    "no mapping": (
        {"multiverse": {"headline": ["x"], "alternatives": {"titel": [1, 2]}}},
        "'titel' is no entry that can be varied",
    ),
    "one table": ({"imputations": 1}, "imputations: one cannot be pooled"),
    "one choice": (
        {"multiverse": {"headline": ["x"], "alternatives": {"seed": [1]}}},
        "seed: needs two different choices",
    ),
}


@pytest.mark.parametrize("case", BAD)
def test_a_bad_plan_is_refused_with_the_path(
    first: pd.DataFrame, scale: Instrument, people: pd.DataFrame, case: str
) -> None:
    plan, message = BAD[case]
    with pytest.raises(DefinitionError, match=message):
        validate(first, scale, covariates=people, plan={"topics": ["flow"], **plan})


def test_what_overrides_is_checked_with_the_plan() -> None:
    base = settle({"estimator": "MLR", "missing": "fiml"})
    with pytest.raises(DefinitionError, match=r"command line\): .*fiml is likelihood"):
        settle(base, {"estimator": "WLSMV"}, "command line")
    same = settle(base, {"estimator": "MLR"}, "command line")
    assert same.overridden == {}
    other = settle(base, {"missing": "listwise"}, "command line")
    assert other.overridden == {"missing": "command line"} and other.origin("missing") == "overridden"
    with pytest.raises(DefinitionError, match="a plan is needed, got an int"):
        settle(3)  # type: ignore[arg-type]


def test_a_slip_in_a_plan_is_one_though_something_else_was_asked_for_beside_it(
    first: pd.DataFrame, scale: Instrument
) -> None:
    """Topics given beside a plan hid that one of the plan's own is none."""
    with pytest.raises(DefinitionError, match=r"topics\[1\]: there is no 'reliabilty'"):
        validate(first, scale, plan={"topics": ["flow", "reliabilty"]}, topics=("flow",))
    made = validate(first, scale, plan={"topics": ["flow", "reliability"]}, topics=("flow",)).to_dict()
    assert "reliability" not in made["sections"]
