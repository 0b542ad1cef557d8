"""What a model leaves out: power and equivalence against semTools, residuals against lavaan."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

import analysis
from analysis.structural.inference.misspecifications import BEYOND, UNDECIDED, WITHIN
from instrument.errors import DefinitionError

HERE = Path(__file__).resolve().parent
VALUES: dict[str, Any] = json.loads((HERE / "values" / "misspecification.json").read_text(encoding="utf-8"))
THREE = "f1 =~ x1 + x2 + x3\nf2 =~ x4 + x5 + x6\nf3 =~ x7 + x8 + x9"
TWO = "a =~ q1 + q2 + q3 + q4\nb =~ q5 + q6 + q7 + q8"
COMPARED = [
    ("What a model leaves out: power, equivalence, intervals, every verdict", "semTools 0.5-6", 1e-3),
    ("Residual correlations with standard errors", "lavaan 0.6-14", 1e-3),
]
# semTools: M beyond, NM within, I and U an interval of both kinds
BY_INTERVAL = {"M": BEYOND, "NM": WITHIN, "I": UNDECIDED, "U": UNDECIDED}


def result_of(case: str) -> Any:
    if case == "ml":
        return analysis.cfa(THREE, pd.read_csv(HERE / "data" / "continuous.csv"), estimator="ML")
    items = [f"q{k}" for k in range(1, 9)]
    return analysis.cfa(
        TWO, pd.read_csv(HERE / "data" / "likert.csv")[items], estimator="WLSMV", ordered=True
    )


@pytest.fixture(scope="module", params=["ml", "wlsmv"])
def case(request: pytest.FixtureRequest) -> tuple[str, Any, Any]:
    fit = result_of(request.param)
    return request.param, fit, analysis.misspecifications(fit)


def test_every_parameter_left_out_is_judged_as_by_semtools(case: tuple[str, Any, Any]) -> None:
    name, _, found = case
    expected = pd.DataFrame(VALUES[name]).set_index(["lhs", "op", "rhs"])
    ours = found.parameters.set_index(["lhs", "op", "rhs"])
    assert set(ours.index) == set(expected.index) and len(ours) == len(expected)
    ours = ours.loc[expected.index]
    tolerance = 1e-5 if name == "ml" else 1e-3
    for mine, theirs in (
        ("mi", "mi"),
        ("sepc", "sepc"),
        ("trivial", "trivial"),
        ("ci_lower", "lower"),
        ("ci_upper", "upper"),
    ):
        np.testing.assert_allclose(ours[mine], expected[theirs].astype(float), rtol=tolerance, atol=tolerance)
    assert ((ours["power"] > 0.80) == expected["high"]).all()
    assert ours["by_power"].tolist() == expected["by_power"].tolist()
    assert ours["verdict"].tolist() == [BY_INTERVAL[word] for word in expected["by_interval"]]


def test_residual_correlations_have_the_errors_of_lavaan(case: tuple[str, Any, Any]) -> None:
    name, _, found = case
    expected = VALUES[f"{name}_residuals"]
    names = expected["names"]
    assert len(found.residuals) > 0
    for row in found.residuals.to_dict("records"):
        i, j = names.index(row["one"]), names.index(row["other"])
        assert row["residual"] == pytest.approx(expected["cov"][i][j], abs=1e-5)
        assert row["se"] == pytest.approx(expected["se"][i][j], rel=1e-3)
        lower, upper = row["residual"] - 1.6448536 * row["se"], row["residual"] + 1.6448536 * row["se"]
        within, beyond = lower > -0.1 and upper < 0.1, lower > 0.1 or upper < -0.1
        assert row["verdict"] == (WITHIN if within else BEYOND if beyond else UNDECIDED)
    sizes = found.residuals["residual"].abs().tolist()
    assert sizes == sorted(sizes, reverse=True)


def test_more_people_decide_what_few_cannot() -> None:
    rng = np.random.default_rng(2)
    f = rng.normal(size=4000)
    data = pd.DataFrame({f"x{k}": 0.7 * f + rng.normal(size=4000) for k in range(5)})
    data["x4"] += 0.6 * data["x3"]
    model = "f =~ x0 + x1 + x2 + x3 + x4"
    verdicts = {}
    for n in (80, 4000):
        table = analysis.misspecifications(analysis.cfa(model, data.head(n), estimator="ML")).parameters
        row = table[(table["lhs"] == "x3") & (table["rhs"] == "x4")].iloc[0]
        verdicts[n] = (row["verdict"], (table["verdict"] == UNDECIDED).mean())
    assert verdicts[4000][0] == BEYOND and verdicts[80][1] > verdicts[4000][1]


def test_sizes_that_are_none_are_refused(case: tuple[str, Any, Any]) -> None:
    for bad in (0.0, -0.1, float("nan")):
        with pytest.raises(DefinitionError, match="not above 0"):
            analysis.misspecifications(case[1], correlation_size=bad)


def judged(lower: float, upper: float, size: float) -> str:
    if -size < lower and upper < size:
        return WITHIN
    return BEYOND if lower > size or upper < -size else UNDECIDED


def test_every_kind_of_parameter_in_each_group_is_held_against_its_own_size() -> None:
    """Row by row from the modification indices, the implied variances and the residuals of its own group."""
    table = pd.read_csv(HERE / "data" / "holzinger1939.csv")
    model = "visual =~ x1 + x2 + x3\ntextual =~ x4 + x5 + x6\nspeed =~ x7 + x8 + x9"
    model += "\nspeed ~ visual\nvisual ~ ageyr + grade\nvisual ~~ 0*textual"
    fit = analysis.sem(model, table, group="school", group_equal=["intercepts"], estimator="ML")
    sizes = {"=~": 0.3, "~~": 0.12, "~": 0.2, "~1": 0.15}
    named = dict(
        zip(
            ("loading_size", "correlation_size", "regression_size", "intercept_size"),
            sizes.values(),
            strict=True,
        )
    )
    found = analysis.misspecifications(fit, **named, confidence=0.8)
    z = 1.2815515655446004  # of 80 %
    implied = fit.implied()
    ours = found.parameters.set_index(["group", "lhs", "op", "rhs"])
    seen = set()
    for row in fit.modification_indices().query("mi > 0").itertuples():
        mine = ours.loc[(row.group, row.lhs, row.op, row.rhs)]
        matrix = implied[row.group]
        change = row.sepc_all
        if row.op == "~~" and {row.lhs, row.rhs} <= set(matrix.index):
            change = row.epc / np.sqrt(matrix.loc[row.lhs, row.lhs] * matrix.loc[row.rhs, row.rhs])
            seen.add("errors")
        half = z * abs(change) / np.sqrt(row.mi)
        assert mine["sepc"] == pytest.approx(change) and mine["trivial"] == sizes[row.op]
        assert (mine["ci_lower"], mine["ci_upper"]) == pytest.approx((change - half, change + half))
        assert mine["verdict"] == judged(change - half, change + half, sizes[row.op])
        seen |= {row.op, row.group, (mine["verdict"], change > 0)}
    assert len(ours) == len(fit.modification_indices().query("mi > 0"))
    assert seen >= {*sizes, "errors", "Pasteur", "Grant-White", (BEYOND, True), (BEYOND, False)}
    pairs = found.residuals.set_index(["group", "one", "other"])
    apart = 0
    for group, residuals in fit.residuals("correlation").items():
        tests, names = fit.residuals("z")[group], list(residuals.index)
        for k, other in enumerate(names):
            for one in names[:k]:
                value, ratio = residuals.loc[one, other], tests.loc[one, other]
                if {one, other} == {"ageyr", "grade"}:  # as they were given
                    assert (group, one, other) not in pairs.index and abs(value) < 1e-12
                    continue
                mine, half = pairs.loc[(group, one, other)], z * abs(value / ratio)
                assert mine["se"] == pytest.approx(value / ratio)
                assert (mine["ci_lower"], mine["ci_upper"]) == pytest.approx((value - half, value + half))
                assert mine["verdict"] == judged(value - half, value + half, 0.12)
                apart += judged(value - half, value + half, 0.12) != judged(value - half, value + half, 0.1)
    assert apart and len(pairs) == 2 * (11 * 10 // 2 - 1)
