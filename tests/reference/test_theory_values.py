"""Competing models of a scale, their difference tests and bifactor shares, against lavaan."""

from __future__ import annotations

import hashlib
import json
from functools import cache
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from analysis.structural.bifactor import COEFFICIENTS, bifactor_strength
from analysis.structural.theory import TheoryResult, compare_theories
from instrument.definition import Instrument

HERE = Path(__file__).parent
VALUES = json.loads((HERE / "values" / "context.json").read_text())
DATA = HERE / "data" / VALUES["data"]["file"]
PROGRAM = "lavaan 0.6-14"

# Both searches stop within a thousandth of a standard error of the optimum; see test_structural_reference.py.
CHI_SQUARE = 1e-5  # relative
INDEX = 1e-5  # absolute
DIFFERENCE = 1e-4  # relative: a difference of two chi-squares loses a digit
SHARE = (1e-5, 2e-3)  # absolute, plus a share of the standard error
ERROR = 1e-3  # relative
COMPARED = [("Competing models of a scale: fit, difference tests, bifactor omega and ECV", PROGRAM, ERROR)]


def scale() -> Instrument:
    themes = [
        {
            "id": name,
            "title": name,
            "role": "context" if name == "k" else "dimension",
            "items": [{"id": f"q{k}", "text": f"Words {k}"} for k in range(first, first + 3)],
        }
        for name, first in (("a", 1), ("b", 4), ("c", 7), ("k", 10))
    ]
    options = {k: f"Option {k}" for k in range(1, 6)}
    return Instrument.model_validate(
        {
            "schema": 1, "id": "twelve", "version": "1.0", "title": "Twelve", "status": "candidate",
            "notice": "Made up.", "response_scales": {"agree": {"options": options}}, "themes": themes,
        }
    )  # fmt: skip


@cache
def found(estimator: str) -> TheoryResult:
    data = pd.read_csv(DATA)
    return compare_theories(data[data["wave"] == 1], scale(), estimator)


def test_the_data_are_those_the_values_were_made_from() -> None:
    assert hashlib.sha256(DATA.read_bytes()).hexdigest() == VALUES["data"]["sha256"]
    assert VALUES["made_with"]["lavaan"] == PROGRAM.removeprefix("lavaan ").replace("-", ".")


@pytest.mark.parametrize(
    ("estimator", "values", "variant"), [("WLSMV", "fits", "scaled"), ("MLR", "continuous", "robust")]
)
def test_every_model_fits_as_in_lavaan(estimator: str, values: str, variant: str) -> None:
    table = found(estimator).table.set_index("model")
    assert found(estimator).variant == variant
    for name, expected in VALUES[values].items():
        row = table.loc[name]
        assert row["df"] == expected["df"], name
        for column, key in (("chisq", "chisq"), ("chisq_scaled", "chisq.scaled")):
            assert row[column] == pytest.approx(expected[key], rel=CHI_SQUARE), name
        assert row["pvalue"] == pytest.approx(expected["pvalue.scaled"], abs=INDEX)
        for index in ("cfi", "tli", "rmsea"):
            assert row[index] == pytest.approx(expected[f"{index}.{variant}"], abs=INDEX), (name, index)
        assert row["srmr"] == pytest.approx(expected["srmr"], abs=INDEX)


@pytest.mark.parametrize(("estimator", "values"), [("WLSMV", "tests"), ("MLR", "continuous_tests")])
def test_difference_tests_are_those_of_lavaan(estimator: str, values: str) -> None:
    table = found(estimator).tests.set_index(["restricted", "free"])
    for expected in VALUES[values]:
        row = table.loc[(expected["restricted"], expected["free"])]
        assert row["df_diff"] == expected["Df diff"]
        assert row["chisq_diff"] == pytest.approx(expected["Chisq diff"], rel=DIFFERENCE)
        assert row["pvalue"] == pytest.approx(expected["Pr(>Chisq)"], rel=1e-2)
    assert set(table["note"][table.index.get_level_values(0).str.endswith("one factor")]) == {
        "at the edge: p is approximate"
    }


@pytest.mark.parametrize("estimator", ["WLSMV", "MLR"])
def test_the_other_ways_of_drawing_the_context_are_named_as_equivalent(estimator: str) -> None:
    groups = [sorted(group) for group in found(estimator).equivalent]
    assert groups == [
        ["3 correlated", "second order"],  # three correlations, three loadings
        ["M4 context predicts", "M4 one more dimension", "M4 reversed"],
    ]


def test_bifactor_shares_and_their_errors_are_those_of_defined_parameters() -> None:
    result = found("WLSMV")
    assert result.bifactor is not None
    table = bifactor_strength(result.fits["bifactor"]).table
    expected = VALUES["bifactor"]
    assert len(expected["name"]) == table.shape[0] * len(COEFFICIENTS)
    for name, estimate, error in zip(expected["name"], expected["est"], expected["se"], strict=True):
        part, coefficient = name.split("_", 1)
        assert table.loc[part, f"{coefficient}_se"] == pytest.approx(error, rel=ERROR), name
        limit = SHARE[0] + SHARE[1] * error
        assert table.loc[part, coefficient] == pytest.approx(estimate, abs=limit), name


def test_reversed_answers_give_the_same_shares() -> None:
    data: Any = pd.read_csv(DATA)
    first = data[data["wave"] == 1].copy()
    turned = scale().model_dump(by_alias=True)
    turned["themes"][0]["items"][1]["reverse"] = True
    first["q2"] = 6 - first["q2"]
    again = compare_theories(first, Instrument.model_validate(turned))
    plain = found("WLSMV").bifactor
    assert again.bifactor is not None and plain is not None
    pd.testing.assert_frame_equal(again.bifactor.table, plain.table, rtol=1e-5)
