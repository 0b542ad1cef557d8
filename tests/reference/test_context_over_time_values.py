"""The context over time against lavaan, by items and by scores, and against the population it was drawn from."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path

import pandas as pd
import pytest

from analysis.structural.families.context_over_time import ContextOverTimeResult, context_over_time
from instrument.definition import Instrument

HERE = Path(__file__).parent
VALUES = json.loads((HERE / "values" / "context.json").read_text())
DATA = HERE / "data" / VALUES["data"]["file"]
PROGRAM = "lavaan 0.6-14"

# Both searches stop within a thousandth of a standard error of the optimum; see test_structural_reference.py.
PATH = (1e-5, 2e-3)  # absolute, plus a share of the standard error
ERROR = 1e-3  # relative
CHI_SQUARE = 1e-5  # relative
COMPARED = [("Context over time: standardised cross-lags with standard errors", PROGRAM, ERROR)]
POPULATION = {"lead": 0.30, "back": 0.0, "difference": 0.30, "stay": 0.50, "kept": 0.60}
ORDER = ("stay", "lead", "kept", "back", "difference")  # as in the script


def make_scale() -> Instrument:
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
def found(measured_by: str) -> ContextOverTimeResult:
    return context_over_time(pd.read_csv(DATA), make_scale(), measured_by=measured_by)


@pytest.mark.parametrize("measured_by", ["items", "scores"])
def test_paths_and_their_errors_are_those_of_lavaan(measured_by: str) -> None:
    expected, paths = VALUES[measured_by], found(measured_by).paths
    for position, name in enumerate(ORDER):
        error = expected["se"][position]
        limit = PATH[0] + PATH[1] * error
        assert paths.loc[name, "estimate"] == pytest.approx(expected["est"][position], abs=limit), name
        assert paths.loc[name, "se"] == pytest.approx(error, rel=ERROR), name
        assert paths.loc[name, "pvalue"] == pytest.approx(expected["pvalue"][position], rel=0.05, abs=1e-6)


@pytest.mark.parametrize(("measured_by", "variant"), [("items", "scaled"), ("scores", "robust")])
def test_fit_is_that_of_lavaan(measured_by: str, variant: str) -> None:
    expected, result = VALUES[measured_by]["fit"], found(measured_by)
    fit = result.fit.fit
    assert fit["df"] == expected["df"]
    assert fit["chisq"] == pytest.approx(expected["chisq"], rel=CHI_SQUARE)
    assert fit["chisq_scaled"] == pytest.approx(expected["chisq.scaled"], rel=CHI_SQUARE)
    assert fit[f"cfi_{variant}"] == pytest.approx(expected[f"cfi.{variant}"], abs=1e-5)
    assert fit[f"rmsea_{variant}"] == pytest.approx(expected[f"rmsea.{variant}"], abs=1e-5)
    assert result.n_obs == VALUES[measured_by]["n_obs"] == 700


@pytest.mark.parametrize("measured_by", ["items", "scores"])
def test_the_population_is_found_again(measured_by: str) -> None:
    """Within two standard errors of the values the data were drawn with (made to be so once, not tuned)."""
    paths = found(measured_by).paths
    for name, value in POPULATION.items():
        assert abs(paths.loc[name, "estimate"] - value) < 2 * paths.loc[name, "se"], name
    assert (
        paths.loc["lead", "ci_lower"] > 0
        and paths.loc["back", "ci_upper"] > 0 > paths.loc["back", "ci_lower"]
    )
