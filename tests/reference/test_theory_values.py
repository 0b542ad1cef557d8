"""Competing models of a scale, their difference tests and bifactor shares, against lavaan."""

from __future__ import annotations

import hashlib
import json
import warnings
from collections.abc import Iterable
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from analysis import cfa
from analysis.structural.estimation import optimise
from analysis.structural.families.bifactor_strength import COEFFICIENTS, bifactor_strength
from analysis.structural.families.compare_theories import TheoryResult, compare_theories
from instrument.definition import Instrument
from instrument.errors import ToolkitWarning

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
            "schema": 1,
            "id": "twelve",
            "version": "1.0",
            "title": "Twelve",
            "status": "candidate",
            "notice": "Made up.",
            "response_scales": {"agree": {"options": options}},
            "themes": themes,
        }
    )


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


@pytest.mark.parametrize(
    ("seed", "estimator", "lowest", "usual"),
    [
        (12, "ML", 41.9365558, 48.6714990),
        (30, "WLSMV", 15.6798126, 16.43253),
    ],
)
def test_a_bifactor_model_with_several_minima_ends_in_the_lowest(
    seed: int, estimator: str, lowest: float, usual: float
) -> None:
    """Chi-squares of lavaan: the lowest of 41 starts (loadings between .1 and .8), and of its own start."""
    rng = np.random.default_rng(seed)
    own = rng.uniform(0.4, 0.7, 12)
    factors = rng.standard_normal((150, 3)) + 0.3 * rng.standard_normal((150, 1))
    answers = factors[:, np.repeat(np.arange(3), 4)] * own + rng.standard_normal((150, 12)) * 0.7
    names = [f"x{k}" for k in range(12)]
    frame = pd.DataFrame(np.digitize(answers, [-1.2, -0.4, 0.4, 1.2]) + 1, columns=names)
    themes = "\n".join(f"f{k} =~ {' + '.join(names[4 * k : 4 * k + 4])}" for k in range(3))
    model = f"g =~ {' + '.join(names)}\n{themes}"
    ordered = estimator == "WLSMV"
    for std_lv in (True, False):
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always", ToolkitWarning)
            fit = cfa(model, frame, estimator=estimator, ordered=ordered, orthogonal=True, std_lv=std_lv)
        assert fit.fit["chisq"] == pytest.approx(lowest, rel=1e-6)
        assert lowest < usual - 0.4
        told = any("several minima" in str(entry.message) for entry in caught)
        assert told or not std_lv  # with markers the usual start may lead to the lowest by itself


def test_models_of_one_minimum_are_searched_once(monkeypatch: pytest.MonkeyPatch) -> None:
    frame = pd.DataFrame(np.random.default_rng(2).standard_normal((120, 6)) + 1.0, columns=list("abcdef"))
    frame[list("abc")] += np.random.default_rng(3).standard_normal((120, 1))
    frame[list("def")] += np.random.default_rng(4).standard_normal((120, 1))
    drawn = []

    def counted(_target: object, _reduction: object, found: object, further: Iterable[object]) -> object:
        drawn.append(len(list(further)))
        return found

    monkeypatch.setattr(optimise, "lowest_of", counted)
    cfa("f =~ a + b + c\ng =~ d + e + f1", frame.rename(columns={"f": "f1"}), estimator="ML", orthogonal=True)
    assert drawn == [0]
