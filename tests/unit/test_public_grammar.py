"""One grammar for the public names: the same word means the same thing in every signature."""

from __future__ import annotations

import ast
import dataclasses
import inspect
import re
from functools import cache
from pathlib import Path
from typing import Any

import pytest

import analysis
import dta_toolkit
import instrument

ROOT = Path(__file__).resolve().parents[2]
PUBLIC = {
    name: getattr(package, name)
    for package in (analysis, instrument)
    for name in package.__all__
    if inspect.isfunction(getattr(package, name))
}
TABLES = {
    "data",
    "items",
    "responses",
    "scores",
    "events",
    "frame",
    "people",
    "ratings",
    "essential",
    "audit",
}
BEFORE_DATA = {"model", "hypotheses"}  # written down before the data are seen, and first in lavaan too
OLD = {
    "level": "confidence",
    "ci": "confidence",
    "n_draws": "draws",
    "n_boot": "draws",
    "n_jobs": "workers",
    "cores": "workers",
    "random_state": "seed",
    "standardised": "standardized",
    "controls": "adjust_for",
    "long": "data",
    "df": "data",
    "instrument": "scale",
    "significance": "alpha",
    "method_correlation": "correlation",
}
TYPES = {
    "confidence": {"float"},
    "seed": {"int", "int | None"},
    "draws": {"int"},
    "workers": {"int"},
    "alpha": {"float"},
    "n_obs": {"int | None"},
    "correlation": {"str", "str | None", "Literal['pearson', 'polychoric', 'given']"},
    "missing": {"Missing", "str", "str | None", "Literal['pairwise', 'listwise']"},
    "group": {"str", "str | None", "str | Sequence[Any] | pd.Series | npt.NDArray[Any]"},
    "cluster": {"str", "str | None"},
    "estimator": {"str", "str | None"},
    "smooth": {"Smooth", "Smooth | None"},
    "covariates": {"pd.DataFrame | None", "Sequence[str]"},  # a table; where a file is read, its columns
    "outcomes": {"pd.DataFrame | None"},
    "adjust_for": {"Sequence[str]", "Sequence[str] | None", "str | Sequence[str]"},
    "scale": {"Instrument", "Instrument | None", "Instrument | Mapping[str, Sequence[str]]"},
    "participant": {"str"},
    "wave": {"str", "str | None"},
}
DEFAULTS: dict[str, set[Any]] = {
    "confidence": {0.95, 0.90},  # 0.90 where it makes a pair of one-sided tests at 0.05
    "seed": {1, None},  # None: that of the plan
    "workers": {1},
    "alpha": {0.05},
    "participant": {"participant"},
    "standardized": {False},
}


def parameters() -> list[tuple[str, inspect.Parameter]]:
    return [(name, p) for name, f in PUBLIC.items() for p in inspect.signature(f).parameters.values()]


def written(parameter: inspect.Parameter) -> str:
    return ast.unparse(ast.parse(str(parameter.annotation).strip("'\""), mode="eval")).strip("'\"")


def test_data_come_first_and_a_scale_second() -> None:
    for name, function in PUBLIC.items():
        names = list(inspect.signature(function).parameters)
        places = [k for k, word in enumerate(names) if word in TABLES]
        if places and not (set(names[:1]) & {"study", "path"}):
            before = names[: places[0]]
            assert not before or set(before) <= BEFORE_DATA, f"{name}: {before} stand before the data"
        if (
            "scale" in names
            and inspect.signature(function).parameters["scale"].kind is not inspect.Parameter.KEYWORD_ONLY
        ):
            assert names.index("scale") == 1, name


def test_no_word_has_a_second_spelling() -> None:
    found = {(name, p.name) for name, p in parameters() if p.name in OLD}
    assert not found


@pytest.mark.parametrize("word", TYPES)
def test_a_word_has_one_type_everywhere(word: str) -> None:
    found = {written(p) for _, p in parameters() if p.name == word}
    assert found and found <= TYPES[word], {n: written(p) for n, p in parameters() if p.name == word}


@pytest.mark.parametrize("word", DEFAULTS)
def test_a_word_has_one_default_everywhere(word: str) -> None:
    given = {p.default for _, p in parameters() if p.name == word and p.default is not p.empty}
    assert given and given <= DEFAULTS[word]
    if word == "seed":
        assert [name for name, p in parameters() if p.name == "seed" and p.default is None] == ["validate"]
    if word == "confidence":
        assert [n for n, p in parameters() if p.name == word and p.default == 0.90] == ["misspecifications"]


def test_every_parameter_is_documented_under_its_name() -> None:
    for name, function in PUBLIC.items():
        text = inspect.getdoc(function) or ""
        body = re.split(r"\nReturns\n-+\n", text.partition("Parameters\n----------\n")[2])[0]
        named = {
            w.strip("*")
            for line in body.splitlines()
            if line and not line.startswith(" ")
            for w in re.split(r"[,\s]+", line.split(" : ")[0])
        }
        wanted = set(inspect.signature(function).parameters)
        assert wanted <= named, f"{name}: {wanted - named}"


def test_former_keywords_lead_to_words_of_today() -> None:
    for package in (analysis, instrument):
        for name, words in package._RENAMED.items():
            now = inspect.signature(PUBLIC[name]).parameters
            for old, new in words.items():
                assert new in now and old not in now, (name, old, new)


@cache
def results() -> dict[str, type]:
    return {
        name: getattr(package, name)
        for package in (analysis, instrument)
        for name in package.__all__
        if inspect.isclass(getattr(package, name))
    }


def test_what_a_function_returns_is_named_in_its_hint_and_can_be_imported() -> None:
    plain = {"pd", "list", "str", "float", "tuple", "Path", "None"}
    for name, function in PUBLIC.items():
        hint = function.__annotations__.get("return")
        assert hint, name
        words = set(re.findall(r"(?<![\w.])[A-Za-z_]\w*", str(hint)))
        assert words - plain <= results().keys(), f"{name}: {hint}"


def test_fields_of_results_follow_the_same_words() -> None:
    for name, kind in results().items():
        if dataclasses.is_dataclass(kind):
            found = {f.name for f in dataclasses.fields(kind)} & (
                OLD.keys() - {"ci", "df", "long", "instrument"}
            )
            assert not found, f"{name}: {found}"


def test_adjusted_p_values_have_one_name() -> None:
    spelled = re.compile(
        r"\bp_(holm|bh|fdr|adj|corrected)\b|\bstandardised_\w+|[\"'`]standardised[\"'`](?!: \"stand)"
    )
    found = [
        path.relative_to(ROOT).as_posix()
        for package in ("analysis", "instrument", "dashboard")
        for path in (ROOT / package).rglob("*.py")
        if spelled.search(path.read_text("utf-8"))
    ]
    assert not found


def test_hints_are_shipped_and_the_version_is_told() -> None:
    for package in (analysis, instrument, dta_toolkit):
        assert re.fullmatch(r"\d+\.\d+\.\d+", package.__version__)
        assert package.__version__ == analysis.__version__
    assert all((ROOT / name / "py.typed").is_file() for name in ("analysis", "instrument", "dashboard"))
