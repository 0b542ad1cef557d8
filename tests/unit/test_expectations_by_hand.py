"""What becomes of expectations: which column is meant, what is estimated, confirmed and left untold, by hand."""

from __future__ import annotations

import math
from types import SimpleNamespace
from typing import Any, cast

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from analysis.common.rules import HTMT, HYPOTHESES
from analysis.common.verdicts import Cause
from analysis.pipeline.topics import context_time, panel_time, planned_hypotheses, validity, validity_measures
from analysis.planning.definition import ORDINAL, PLAIN
from analysis.validity.check_hypotheses import CONFIRMED, NOT_CONFIRMED, UNANSWERED, UNDECIDED
from instrument.common.formatting import fill_prose

PEOPLE = pd.DataFrame(
    {
        "total": np.arange(60) % 7 + 0.1 * np.arange(60),
        "mood": -1.0 * (np.arange(60) % 7) + np.sin(np.arange(60)),
        "none": np.where(np.arange(60) < 29, np.arange(60.0), np.nan),
        "sex": np.tile(["f", "m"], 30),
        "dose": np.tile([10, 2], 30),
        "three": np.arange(60) % 3,
        "four": np.arange(60) % 4,
        "six": np.arange(60) % 6,
        "age_start": np.arange(60.0),
        "bmi_first": 1.0,
        "bmi_last": 2.0,
    },
    index=[f"p{k}" for k in range(60)],
)


def _plan(measure: str, expected: str = ">= 0.1", name: str = "h") -> Any:
    return SimpleNamespace(id=name, text=f"Text of {name}", measure=measure, expected=expected)


def _context(*plans: Any, **changes: Any) -> Any:
    themes = [SimpleNamespace(id="mood", items=[]), SimpleNamespace(id="total_of", items=[])]
    study = SimpleNamespace(
        hypotheses=plans, baseline=("age_start", "bmi_first", "bmi_last", "weight_start"), outcome=None
    )
    made = {
        "study": study,
        "scale": SimpleNamespace(themes=themes, total_themes=()),
        "measures": (),
        "known_covariates": None,
        "outcomes": None,
        "themes": {"mood": ["q1"], "sleep": ["q2"]},
    }
    return cast(Any, SimpleNamespace(**(made | changes)))


@pytest.fixture(autouse=True)
def apart(monkeypatch: pytest.MonkeyPatch) -> None:
    """Names are of scores or columns, and no two scores share items."""
    monkeypatch.setattr(validity_measures, "names_beside", lambda context: list(PEOPLE.columns))
    monkeypatch.setattr(validity_measures, "shared_items", lambda *given: [])


def _estimated(measure: str, expected: str = ">= 0.1", ratios: Any = None) -> Any:
    found, reasons = validity_measures.estimates(_context(_plan(measure, expected)), PEOPLE, ratios)
    return found["h"] if "h" in found else reasons["h"]


def test_a_measure_means_its_column_or_the_only_baseline_that_begins_with_it() -> None:
    context = _context()
    meant = {
        name: validity_measures.column_of(context, name, PEOPLE) for name in ("mood", "age", "bmi", "weight")
    }
    assert meant == {"mood": "mood", "age": "age_start", "bmi": None, "weight": None}


@pytest.mark.parametrize("words", ["correlation", "r"])
def test_a_correlation_has_the_interval_of_fisher(words: str) -> None:
    r = np.corrcoef(PEOPLE["total"], PEOPLE["mood"])[0, 1]
    half = stats.norm.ppf(0.975) / np.sqrt(57)
    assert _estimated(f"{words} total, mood") == pytest.approx(
        (r, np.tanh(np.arctanh(r) - half), np.tanh(np.arctanh(r) + half))
    )
    assert r < -0.3


def test_an_absolute_correlation_has_no_sign_and_reaches_nought_where_it_may_have_either() -> None:
    value, lower, upper = _estimated("correlation total, mood")
    assert _estimated("absolute correlation total, mood") == pytest.approx((-value, -upper, -lower))
    value, lower, upper = _estimated("correlation mood, age_start")
    assert lower < 0 < upper
    assert _estimated("|r| mood, age_start") == pytest.approx((abs(value), 0.0, max(-lower, upper)))


def test_few_people_unknown_names_and_impossible_expectations_have_a_reason() -> None:
    assert _estimated("correlation total, none") == "too few people have both."
    assert "no score, covariate or outcome is called 'bmi'" in _estimated("correlation total, bmi")
    assert "no correlation can lie there" in _estimated("correlation total, mood", ">= 30")
    assert _estimated("phase of the moon") == "its measure is none that can be computed here."
    assert _estimated("HTMT mood, sleep") == "the themes have no ratios."


def test_groups_are_the_higher_minus_the_lower_whatever_their_order() -> None:
    f, m = (PEOPLE.loc[PEOPLE["sex"] == label, "total"] for label in "fm")
    pooled = math.sqrt((f.var(ddof=1) + m.var(ddof=1)) / 2)
    g = (m.mean() - f.mean()) / pooled * (1 - 3 / (4 * 58 - 1))
    named = _estimated("known groups total by sex: m over f")
    assert named[0] == pytest.approx(g, abs=2e-4) and named[1] < g < named[2]
    turned = _estimated("known groups total by sex: f > m")
    assert turned == pytest.approx((-named[0], -named[2], -named[1]))
    # of numbers the greater one is the higher: 10 is above 2, and men have 2
    assert _estimated("known groups total by dose") == pytest.approx(turned)
    assert "which group of 'sex' is expected to be higher is not said" in _estimated(
        "known groups total by sex"
    )
    assert "more than two groups" in _estimated("known groups total by three")
    assert _estimated("known groups total by sex: x over f") == "nobody is in 'x' of 'sex'."
    assert _estimated("known groups total by six: 1 over 2") == "too few people are in the two groups."
    assert _estimated("known groups total by four: 1 over 2")[0] < 0 < 1


def test_a_ratio_is_that_of_the_two_themes_in_either_order() -> None:
    row = {"first": "mood", "second": "sleep"}
    row |= {
        f"{kind}{end}": k
        for k, (kind, end) in enumerate(
            (a, b) for a in ("htmt", "htmt2") for b in ("", "_ci_lower", "_ci_upper")
        )
    }
    ratios = SimpleNamespace(
        pairs=pd.DataFrame([{**row, "first": "mood", "second": "other", "htmt": 9}, row])
    )
    assert _estimated("HTMT sleep, mood", ratios=ratios) == (0, 1, 2)
    assert _estimated("HTMT2 of mood and sleep", ratios=ratios) == (3, 4, 5)
    assert "are not both themes" in _estimated("HTMT mood, age", ratios=ratios)


def test_levels_with_an_order_of_their_own_run_from_the_lowest() -> None:
    levels = validity_measures._levels_of_codes
    assert levels(pd.Series([10, 2, 10])) == ["2", "10"]
    ordered = pd.Categorical(["b", "a"], categories=["b", "c", "a"], ordered=True)
    assert levels(pd.Series(ordered)) == ["b", "a"]
    assert levels(pd.Series(pd.Categorical(["b", "a"]))) == []  # their order is that of the alphabet
    assert levels(pd.Series(["b", "a"])) == [] and levels(pd.Series(ordered).astype(str)) == []


# what is confirmed


STATUS = ["confirmed", "not confirmed", UNANSWERED, "confirmed", "confirmed"]
TABLE = pd.DataFrame({"status": STATUS, "text": [f"Text {k}" for k in range(5)]}, index=list("abcde"))


def test_shares_are_of_those_evaluated_and_each_other_is_a_claim_untested() -> None:
    assert validity.share_confirmed(TABLE) == pytest.approx(3 / 4)
    assert validity.share_confirmed(TABLE.iloc[2:3]) is None and validity.share_confirmed(TABLE[:0]) is None
    found = validity._shares(TABLE, validity.AS_EXPECTED, "share", {})
    assert [(f.claim, f.value, f.cause, f.path) for f in found] == [
        ("Hypothesis: Text 2", None, Cause.NOT_ESTIMATED, ""),
        (
            "Hypotheses confirmed, of 4 evaluated (5 written down)",
            0.75,
            None,
            "sections.validity.values.share",
        ),
    ]
    assert {f.rule for f in found} == {HYPOTHESES}
    assert len(validity._shares(TABLE.iloc[2:3], validity.AS_EXPECTED, "share", {})) == 1


def test_hypotheses_of_the_scale_alone_are_none_about_other_measures() -> None:
    plans = [
        _plan("correlation mood, sleep", name="own"),
        _plan("HTMT mood, total", name="whole"),
        _plan("correlation mood, age", name="other"),
        _plan("phase of the moon", name="none"),
    ]
    assert validity.among_themes(_context(*plans)) == ["own", "whole"]


def _ratio_rows(*rows: tuple[str, str, float]) -> Any:
    pairs = pd.DataFrame(rows, columns=["first", "second", "htmt"])
    pairs = pairs.assign(htmt_ci_upper=pairs["htmt"] + 0.1, htmt_below_cutoff=pairs["htmt"] < HTMT.cutoff)
    return SimpleNamespace(pairs=pairs)


def test_the_nearest_pair_is_one_of_the_own_themes_and_pairs_at_the_cut_off_are_counted(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    cut = HTMT.cutoff
    monkeypatch.setattr(validity, "measure_items", lambda context: (None, {}, {"fear": "Fear (Other)"}))
    context = _context(title_of=lambda name: name.capitalize())
    context.themes = {"mood": [], "sleep": [], "pain": []}
    ratios = _ratio_rows(
        ("mood", "sleep", cut), ("mood", "pain", 0.4), ("mood", "fear", 1.2), ("sleep", "pain", 0.9)
    )
    checked = SimpleNamespace(table=TABLE, n_hypotheses=5, n_evaluated=4, n_confirmed=3)
    added = pd.DataFrame({"title": ["Mood", "Sleep"], "delta": [0.1, 0.2], "pvalue_holm": [0.049, 0.05]})
    monkeypatch.setattr(validity, "among_themes", lambda context: ["a", "b"])
    values = validity._values(context, cast(Any, ratios), cast(Any, checked), added)
    assert values["pairs"] == 3 and values["htmt_highest"] == 0.9
    assert values["htmt_highest_pair"] == "Sleep with Pain" and values["htmt_highest_upper"] == pytest.approx(
        1.0
    )
    assert values["not_apart"] == 2  # the cut-off itself is not below it
    assert (values["hypotheses"], values["evaluated"], values["confirmed"]) == (5, 4, 3)
    assert values["share"] == 1.0 and values["share_among_themes"] == 0.5
    assert values["adds_most"] == "Sleep" and values["delta"] == 0.2 and values["adds"] == "Mood"
    nothing = validity._values(context, None, None, added.assign(pvalue_holm=0.5))
    assert nothing["adds"] == "none" and "pairs" not in nothing


def test_planned_hypotheses_are_told_by_their_interval() -> None:
    status = [CONFIRMED, NOT_CONFIRMED, UNDECIDED, UNANSWERED, CONFIRMED]
    table = pd.DataFrame({"status": status, "text": [f"Text {k}" for k in range(5)]})
    assert planned_hypotheses._share(table) == pytest.approx(2 / 3)
    assert planned_hypotheses._share(table.iloc[2:4]) is None
    found = planned_hypotheses._findings(table)
    assert [(f.claim, f.value, f.cause) for f in found] == [
        ("Hypothesis of the plan: Text 2", None, Cause.WIDE),
        ("Hypothesis of the plan: Text 3", None, Cause.NOT_ESTIMATED),
        ("Hypotheses of the plan confirmed, of 3 told (5 planned)", pytest.approx(2 / 3), None),
    ]
    assert len(planned_hypotheses._findings(table.iloc[2:4])) == 2


def test_a_relation_names_the_higher_group_first_and_the_kind_of_correlation() -> None:
    groups = SimpleNamespace(groups="sex", higher=2.0, lower="m", method="pearson")
    said = planned_hypotheses._relation(cast(Any, groups), "total", "sex")
    assert said == "total, sex: 2 minus m (Hedges' g)"
    pair = SimpleNamespace(groups=None, method="spearman")
    said = planned_hypotheses._relation(cast(Any, pair), "total", "age")
    assert said == "rank correlation of total and age"


# over time


def _paths() -> pd.DataFrame:
    rows = [
        ("cross-lagged", "ctx", "total", 0.01),
        ("cross-lagged", "ctx", "total", 0.0),
        ("cross-lagged", "total", "ctx", -0.2),
        ("cross-lagged", "ctx", "total", 0.3),
        ("cross-lagged", "total", "ctx", 0.1),
        ("cross-lagged", "total", "ctx", -0.1),
        ("autoregressive", "ctx", "ctx", 0.5),
        ("autoregressive", "total", "total", 0.5),
    ]
    return pd.DataFrame(rows, columns=["path", "source", "target", "standardized_lower"])


@pytest.mark.parametrize("estimator", [PLAIN, "MLR"])
def test_steps_within_persons_are_counted_where_their_interval_lies_above_nought(estimator: str) -> None:
    fit = {"cfi": 0.91, "rmsea": 0.07, "cfi_robust": 0.92, "rmsea_robust": 0.06}
    model = SimpleNamespace(fit=fit, estimator=estimator, missing="fiml")
    result = SimpleNamespace(
        paths=_paths(),
        fit=model,
        spacing="Waves lie evenly.",
        syntax="s",
        waves=["a", "b", "c", "d"],
        n_obs=211,
    )
    found = [panel_time.PanelFinding(theme="ctx", result=cast(Any, result), n_pairs=[9, 8, 7])]
    values = panel_time.panel_told(cast(Any, SimpleNamespace(title_of=lambda name: "Context")), found)
    assert (values["panel_lead"], values["panel_back"]) == (2, 1)
    assert (values["panel_waves"], values["panel_pairs"], values["panel_n"]) == (4, 3, 211)
    robust = estimator != PLAIN
    assert (values["panel_cfi"], values["panel_rmsea"]) == ((0.92, 0.06) if robust else (0.91, 0.07))
    said = fill_prose(panel_time.panel_prose(found)[0], values)
    assert said.startswith("With 4 waves") and "(211 people)" in said
    assert "in 2 of 3 steps" in said and "the other way round in 1." in said
    assert panel_time.panel_told(cast(Any, None), []) == {} and panel_time.panel_prose([]) == []


@pytest.mark.parametrize(
    ("estimator", "missing", "measured_by", "wanted"),
    [
        ("WLSMV", "pairwise", "items", ("WLSMV", "pairwise")),
        ("WLSMV", "pairwise", "scores", (None, None)),
        ("MLR", "fiml", "scores", ("MLR", "fiml")),
        ("MLR", "fiml", "items", (None, None)),
        (None, "listwise", "items", (None, "listwise")),
        (None, "listwise", "scores", (None, "listwise")),
    ],
)
def test_a_plan_is_followed_as_far_as_it_fits_what_is_measured(
    estimator: str | None, missing: str, measured_by: str, wanted: tuple[Any, Any]
) -> None:
    assert "WLSMV" in ORDINAL and "MLR" not in ORDINAL
    context = SimpleNamespace(plan=SimpleNamespace(estimator=estimator, missing=missing))
    found = context_time.as_planned(cast(Any, context), measured_by)
    assert (found["estimator"], found["missing"]) == wanted and found["measured_by"] == measured_by


def test_days_of_waves_are_known_where_the_study_has_every_one() -> None:
    study = SimpleNamespace(waves=[SimpleNamespace(name="1", day=21), SimpleNamespace(name="b", day=63)])
    context = cast(Any, SimpleNamespace(study=study))
    assert panel_time._days(context, ["b", 1]) == [63.0, 21.0] and panel_time._days(context, [1, 2]) is None
    assert panel_time._days(cast(Any, SimpleNamespace(study=None)), [1]) is None
