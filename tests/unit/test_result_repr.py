"""What a result prints in a session: a dozen lines, and nothing that a person answered."""

import dataclasses
import importlib
import pkgutil
import re
import warnings
from functools import cache

import numpy as np
import pandas as pd
import pytest

import analysis
import instrument
from analysis.common.result import MOST_LINES, Result

SECRET = 73_190_001  # in place of an answer, and in the name of a person


def load_everything():
    for module in pkgutil.walk_packages(analysis.__path__, "analysis."):
        importlib.import_module(module.name)


def subclasses(kind):
    for child in kind.__subclasses__():
        yield child
        yield from subclasses(child)


def test_no_result_prints_its_fields_as_they_are():
    load_everything()
    found = [c for c in subclasses(Result) if c.__module__.startswith("analysis.")]
    assert len(found) > 40
    assert [c.__name__ for c in found if c.__dataclass_params__.repr] == []


@cache
def table():
    """Answers of people whose names and values must not be printed."""
    generator = np.random.default_rng(4)
    common = generator.normal(size=200)
    answers = pd.DataFrame(
        {f"q{k}": np.digitize(common + generator.normal(size=200), [-1, 0, 1]) + 1 for k in range(1, 7)}
    )
    return answers


@pytest.mark.parametrize(
    "make",
    [
        lambda t: analysis.cfa("f =~ q1 + q2 + q3 + q4", t),
        lambda t: analysis.cfa("f =~ q1 + q2 + q3 + q4", t * SECRET, "MLR"),
        lambda t: analysis.cronbach_alpha(t),
        lambda t: analysis.efa(t, n_factors=1, correlation="pearson"),
        lambda t: analysis.graded_response(t),
    ],
)
def test_a_repr_is_a_dozen_lines(make):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        text = repr(make(table()))
    assert 1 < len(text.splitlines()) <= MOST_LINES
    assert max(map(len, text.splitlines())) < 160
    assert str(SECRET) not in text.replace(",", "")


def test_no_person_is_printed():
    study = analysis.simulate_study("dta_example", n=60, seed=3)
    scale = instrument.load("dta")
    first = study.responses[study.responses["wave"] == "week3"]
    for result in (study, analysis.screen(first, scale), instrument.score(first, scale)):
        text = repr(result)
        assert not re.search(r"syn\\d", text)
        assert len(text.splitlines()) <= MOST_LINES


def printed_p(value):
    return f"p = {value:.3f}".replace(" 0.", " .") if value >= 0.001 else "p <\u00a0.001"


def test_the_numbers_of_a_fit_stand_in_its_repr():
    result = analysis.cfa("f =~ q1 + q2 + q3 + q4 + q5", table())
    text = repr(result)
    assert (
        f"scaled χ²(5) = {result.fit['chisq_scaled']:.2f}, {printed_p(result.fit['pvalue_scaled'])}" in text
    )
    assert f"robust CFI {result.fit['cfi_robust']:.3f}".replace(" 0.", " .") in text
    assert "200 rows" in text


def test_a_summary_puts_fit_first_and_parameters_in_blocks():
    two = table().assign(site=np.repeat(["a", "b"], 100))
    result = analysis.sem(
        "f =~ q1 + q2 + l*q3\ng =~ q4 + q5 + q6\ng ~ f\nlong := l*l", two, "MLR", group="site"
    )
    text = result.summary(standardized=True, ci=True)
    order = [
        "MLR",
        "cfi",
        "Group a (n = 100)",
        "Loadings",
        "Regressions",
        "Intercepts",
        "Variances",
        "Group b",
        "Defined",
    ]
    places = [text.index(word) for word in order]
    assert places == sorted(places)
    full = result.standardized()
    row = (full["lhs"] == "g") & (full["op"] == "~") & (full["group"] == "b")
    shown = next(
        line for line in text[text.index("Group b") :].splitlines() if line.strip().startswith("g ~ f")
    )
    for value in (*full.loc[row, ["est", "ci_lower", "ci_upper"]].iloc[0],):
        assert f"{value:.3f}" in shown
    estimate = result.parameters.loc[row.to_numpy(), "est"].item()
    assert f"{estimate:.3f}" in shown
    assert "std_all" not in result.summary()


def test_a_field_is_glanced_at_by_its_kind():
    @dataclasses.dataclass(frozen=True, slots=True, kw_only=True, eq=False, repr=False)
    class Toy(Result):
        number: float
        limits: tuple[float, float]
        people: list[str]
        text: str

    text = repr(Toy(number=1234.5678, limits=(0.12345, 2.0), people=["anna", "ben"], text="x" * 61))
    assert text.splitlines() == [
        "Toy",
        "  number: 1235",
        "  limits: (0.1235, 2)",
        "  people: 2 entries",
        "  text: 61 characters",
    ]
