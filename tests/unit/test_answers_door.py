"""Every public function takes every kind of table with the same digits, and refuses alike."""

from __future__ import annotations

import decimal
import inspect
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

import analysis
import instrument
from instrument.answers import ColumnFault, column_numbers, series_of
from instrument.errors import ResponseDataError
from instrument.reading.suspicions import suspicious_codes

NAMES = ["a1", "a2", "a3", "b1", "b2", "b3"]
LABELS = ["never", "seldom", "often", "always"]
SCALE = instrument.Instrument.model_validate(
    {
        "schema": 1,
        "id": "mini",
        "version": "1",
        "title": "Mini",
        "response_scales": {"often": {"options": dict(zip(range(1, 5), LABELS, strict=True))}},
        "themes": [
            {"id": "a", "title": "A", "items": [{"id": i, "text": "-"} for i in NAMES[:3]]},
            {
                "id": "b",
                "title": "B",
                "role": "context",
                "items": [{"id": i, "text": "-"} for i in NAMES[3:]],
            },
        ],
    }
)


def answers(n: int = 300) -> pd.DataFrame:
    rng = np.random.default_rng(3)
    general = rng.normal(size=n) / 2 + np.repeat(np.random.default_rng(4).normal(size=n // 2), 2)
    table = pd.DataFrame(
        {"participant": [f"p{i:03}" for i in range(n)], "wave": [1 + i % 2 for i in range(n)]}
    )
    table["participant"] = [f"p{i // 2:03}" for i in range(n)]
    for name in NAMES:
        latent = general + (rng.normal(size=n) if name[0] == "a" else 0) + rng.normal(size=n)
        table[name] = np.digitize(latent, [-1.5, 0, 1.5]) + 1.0
    table.loc[4, "a1"] = table.loc[9, "b2"] = np.nan
    table["site"] = ["x" if i % 4 < 2 else "y" for i in range(n)]
    return table


PLAIN = answers()


def with_items(make: Callable[[pd.Series], Any]) -> pd.DataFrame:
    return PLAIN.assign(**{name: make(PLAIN[name]) for name in NAMES})


def objects(column: pd.Series) -> pd.Series:
    return pd.Series([None if x != x else int(x) for x in column], dtype=object)


def labelled(column: pd.Series) -> pd.Series:
    words = [None if x != x else LABELS[int(x) - 1] for x in column]
    return pd.Series(pd.Categorical(words, categories=LABELS, ordered=True))


WHOLE = with_items(lambda c: c.astype("Int64"))
KINDS: dict[str, Any] = {
    "object with None": with_items(objects),
    "object decimals": with_items(lambda c: objects(c).map(decimal.Decimal, na_action="ignore")),
    "Int64": WHOLE,
    "Float64": with_items(lambda c: c.astype("Float64")),
    "pyarrow int": with_items(lambda c: c.astype("int64[pyarrow]")),
    "pyarrow double": with_items(lambda c: c.astype("double[pyarrow]")),
    "numeric categories": with_items(lambda c: c.astype("category")),
    "ordered numeric categories": with_items(
        lambda c: pd.Categorical(objects(c), categories=[1, 2, 3, 4], ordered=True)
    ),
    "labelled ordered categories": with_items(labelled),
    "polars": pl.from_pandas(WHOLE),
    "polars enum": pl.from_pandas(with_items(lambda c: labelled(c).astype(object))).with_columns(
        pl.col(NAMES).cast(pl.Enum(LABELS))
    ),
    "pyarrow table": pa.Table.from_pandas(WHOLE),
    "rows labelled twice": WHOLE.set_axis([i % 100 for i in range(len(WHOLE))]),
    "rows labelled backwards": WHOLE.set_axis(range(len(WHOLE))[::-1]),
}
MODEL = "f =~ a1 + a2 + a3"
GROWTH = "i =~ 1*a1 + 1*a2 + 1*a3; s =~ 0*a1 + 1*a2 + 2*a3; s ~~ 0*s; i ~~ 0*s"


def columns(table: Any, names: list[str]) -> Any:
    return table.select(names) if isinstance(table, (pl.DataFrame, pa.Table)) else table[names]


def items(table: Any) -> Any:
    return columns(table, NAMES)


def in_people(table: Any, names: list[str] | None = None) -> Any:
    return columns(table, [*(names or NAMES), "participant"])


def first_wave(table: Any) -> Any:
    if isinstance(table, pl.DataFrame):
        return table.filter(pl.col("wave") == 1)
    if isinstance(table, pa.Table):
        return table.filter(pa.compute.equal(table["wave"], 1))
    return table[table["wave"] == 1].reset_index(drop=True)


def with_dose(table: Any) -> Any:
    """The table with a column of many values."""
    dose = (np.arange(len(PLAIN)) * 7 % 41).astype(float)
    if isinstance(table, pl.DataFrame):
        return table.with_columns(pl.Series("u", dose))
    if isinstance(table, pa.Table):
        return table.append_column("u", pa.array(dose))
    return table.assign(u=dose)


def with_stretch(table: Any) -> Any:
    """The same kind of table with a stretch of time in each row, of its own person, and its end."""
    row = np.arange(len(PLAIN))
    columns = {"u": 1.0 * (row % 5), "v": 6.0 + row * 7 % 41, "w": 1.0 * (row % 3 > 0)}
    if isinstance(table, pl.DataFrame):
        return table.with_columns(
            *(pl.Series(name, column) for name, column in columns.items())
        ).with_columns(participant=pl.Series(row.astype(str)))
    if isinstance(table, pa.Table):
        for name, column in columns.items():
            table = table.append_column(name, pa.array(column))
        place = table.column_names.index("participant")
        return table.set_column(place, "participant", pa.array(row.astype(str)))
    return table.assign(participant=row.astype(str), **columns)


def with_weeks(table: Any) -> Any:
    """The same kind of table as five weeks of each person: counts, a flag of leaving, two columns of people."""
    row = np.arange(len(PLAIN) // 5 * 5)
    who, week = row // 5, row % 5
    own = who * 7 % 11 / 11.0
    gone = who % 3 == 0
    columns = {
        "u": 1.0 * ((row * 7 + who * 5) % 4 + (who % 4)) * (~gone | (week < 1 + who % 4)),
        "v": own,
        "nth": 1.0 * week,
    }
    if isinstance(table, pl.DataFrame):
        return table.head(len(row)).with_columns(
            *(pl.Series(name, column) for name, column in columns.items()),
            pl.Series("participant", who.astype(str)),
        )
    if isinstance(table, pa.Table):
        table = table.slice(0, len(row))
        for name, column in columns.items():
            table = table.append_column(name, pa.array(column))
        place = table.column_names.index("participant")
        return table.set_column(place, "participant", pa.array(who.astype(str)))
    return table.head(len(row)).assign(participant=who.astype(str), **columns)


CALLS: dict[str, Callable[[Any], Any]] = {
    "bartlett_sphericity": lambda t: analysis.bartlett_sphericity(items(t)).chisq,
    "cfa": lambda t: analysis.cfa(MODEL, t).parameters,
    "cfa ML": lambda t: analysis.cfa(MODEL, t, "ML").parameters,
    "sem": lambda t: analysis.sem(MODEL, t).parameters,
    "invariance": lambda t: analysis.invariance(MODEL, t, group="site").table,
    "longitudinal_invariance": lambda t: analysis.longitudinal_invariance(MODEL, t, ordered=False).table,
    "check_hypotheses": lambda t: (
        analysis.check_hypotheses(
            [{"id": "h", "text": "-", "measure": "correlation a1, a2", "expected": "> 0"}], t
        ).table
    ),
    "compare_theories": lambda t: analysis.compare_theories(first_wave(t), SCALE, "MLR").table,
    "context_over_time": lambda t: analysis.context_over_time(t, SCALE, measured_by="scores").paths,
    "congeneric_omega": lambda t: analysis.congeneric_omega(items(t), draws=0).to_frame(),
    "cronbach_alpha": lambda t: analysis.cronbach_alpha(items(t)).estimate,
    "dif": lambda t: analysis.dif(items(t), PLAIN["site"].to_numpy()).table,
    "dif_moderation": lambda t: analysis.dif_moderation(items(t), np.arange(len(PLAIN)) % 37).table,
    "dose_response": lambda t: (
        analysis.dose_response(
            with_dose(t),
            dose="u",
            outcome="a2",
            adjust_for=["b1", "site"],
            numbers=["b1"],
            draws=50,
        ).threshold
    ),
    "efa": lambda t: analysis.efa(items(t), 1).loadings,
    "factor_retention": lambda t: analysis.factor_retention(items(t), draws=20, comparison_samples=20).table,
    "composite_or_effect": lambda t: analysis.composite_or_effect(items(t)).table,
    "growth": lambda t: analysis.growth(GROWTH, t).parameters,
    "sam": lambda t: analysis.sam(f"{MODEL}\nf ~ b1", t, estimator="ML").parameters,
    "panel_model": lambda t: analysis.panel_model(t, {"a": NAMES[:3], "b": NAMES[3:]}, kind="CLPM").paths,
    "graded_response": lambda t: analysis.graded_response(items(t)).parameters,
    "htmt": lambda t: analysis.htmt(t, {"a": NAMES[:3], "b": NAMES[3:]}, draws=0).pairs,
    "icc": lambda t: analysis.icc(t, targets="participant", raters="wave", ratings="a2").table,
    "incremental_validity": lambda t: analysis.incremental_validity(
        t, "a1", "a2", baseline="b1", draws=50
    ).to_frame(),
    "intraclass_correlations": lambda t: analysis.intraclass_correlations(in_people(t), "participant").table,
    "multilevel_reliability": lambda t: (
        analysis.multilevel_reliability(in_people(t, NAMES[:3]), "participant").table
    ),
    "cross_level_invariance": lambda t: (
        analysis.cross_level_invariance(MODEL, t, "participant", estimator="ML", missing="listwise").table
    ),
    "item_statistics": lambda t: analysis.item_statistics(items(t)).table,
    "item_statistics scale": lambda t: analysis.item_statistics(items(t), SCALE).table,
    "kmo": lambda t: analysis.kmo(items(t)).overall,
    "known_groups": lambda t: analysis.known_groups(t, "a1", "site").descriptives,
    "limits_of_agreement": lambda t: analysis.limits_of_agreement(t["a1"], t["a2"]).to_frame(),
    "impute_items": lambda t: analysis.impute_items(items(t), 2, sweeps=1)[0],
    "lower_bounds": lambda t: analysis.lower_bounds(items(t)).to_frame(),
    "g_formula": lambda t: analysis.g_formula(
        t,
        exposure="a1",
        outcome="a2",
        varying=["b1"],
        baseline=["site"],
        time="wave",
        numbers=["b2"],
        draws=20,
    ).effects.drop(columns="claim"),
    "marginal_structural": lambda t: (
        analysis.marginal_structural(
            t, exposure="a1", outcome="a2", varying=["b1"], baseline=["site"], time="wave", numbers=["b2"]
        ).effects
    ),
    "mixed_correlations": lambda t: analysis.mixed_correlations(items(t), ordered=NAMES[:3]).correlations,
    "omega": lambda t: analysis.omega(items(t), 2, draws=0).total,
    "polychoric": lambda t: analysis.polychoric(items(t)).correlations,
    "polyserial": lambda t: analysis.polyserial(columns(t, NAMES[:3]), columns(t, NAMES[3:])).correlations,
    "joint_model": lambda t: (
        analysis.joint_model(with_weeks(t), use="u", predictors=["v"], time="nth").effects
    ),
    "recurrent_events": lambda t: (
        analysis.recurrent_events(
            with_stretch(t), start="u", stop="v", event="w", predictors=["a1"], adjust_for=["b1", "site"]
        ).effects
    ),
    "reliable_change": lambda t: analysis.reliable_change(t["a1"], t["a2"], sem=0.5).to_frame(),
    "screen": lambda t: analysis.screen(t, SCALE).table,
    "score": lambda t: instrument.score(t, SCALE).scores,
    "reverse_key": lambda t: instrument.reverse_key(t, SCALE)[NAMES].astype("Float64"),
    "content_validity_indices": lambda t: instrument.content_validity_indices(items(t)).items,
    "validate": lambda t: str(
        analysis.validate(t, SCALE, topics=["items"]).to_dict()["sections"]["items"]["tables"]
    ),
}
# What takes no answers: results of other functions, files, sizes; and what is reached through `score`.
NO_ANSWERS = {
    "analysis": {
        "audit_agreement",
        "bifactor_strength",
        "bootstrap_model",
        "compare_models",
        "composite_reliability",
        "nested",
        "dynamic_cutoffs",
        "extracted_variance",
        "plan_power",
        "plan_table",
        "relate_features",
        "rule_table",
        "simulate_study",
        "standard_error_of_measurement",
        "summarise_usage",
        "relate_adherence",
        "relate_waves",
        "landmark_scan",
        "latent_adherence",
        "mediate_adherence",
        "priority_map",
        "misspecifications",
        "pool_consistency",
        "pool_model",
    },
    "instrument": {
        "available",
        "check_responses",
        "content_validity_ratio",
        "load",
        "load_study",
        "missing_reasons",
        "read_responses",
    },
}


def digits(call: Callable[[Any], Any], table: Any) -> Any:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", instrument.ToolkitWarning)
        found = call(table)
    return found if isinstance(found, pd.DataFrame) else pd.DataFrame({"value": [found]})


EXPECTED: dict[str, Any] = {}
LONG = {"compare_theories", "multilevel_reliability", "intraclass_correlations", "factor_retention"}
"""Functions that take long are tried with the kinds that differ most from a plain frame."""
FAR = (
    "object with None",
    "labelled ordered categories",
    "polars enum",
    "pyarrow table",
    "rows labelled twice",
)
BY_LABEL = {"limits_of_agreement", "reliable_change"}
"""Two series, joined by the labels of their rows: labels that repeat are refused."""


@pytest.mark.parametrize(
    ("name", "kind"),
    [(name, kind) for name in CALLS for kind in (FAR if name in LONG else KINDS)],
)
def test_every_kind_of_table_gives_the_same_digits(name: str, kind: str) -> None:
    if name not in EXPECTED:
        EXPECTED[name] = digits(CALLS[name], PLAIN)
    if name in BY_LABEL and kind == "rows labelled twice":
        with pytest.raises(ResponseDataError, match="200 index labels of first repeat"):
            digits(CALLS[name], KINDS[kind])
        return
    found = digits(CALLS[name], KINDS[kind])
    if len(found) == len(PLAIN):  # a row for each row given bears its label
        found = found.set_axis(PLAIN.index)
    pd.testing.assert_frame_equal(
        found,
        EXPECTED[name],
        check_exact=True,
        check_dtype=False,
        check_frame_type=False,
        check_index_type=False,
        check_column_type=False,
    )


def test_every_public_function_is_called_here_or_takes_no_answers() -> None:
    for package in (analysis, instrument):
        public = {name for name in package.__all__ if inspect.isfunction(getattr(package, name))}
        called = {name.split()[0] for name in CALLS} & public
        assert called | NO_ANSWERS[package.__name__] == public


def test_an_array_gives_the_digits_of_the_frame() -> None:
    matrix = PLAIN[NAMES].to_numpy()
    assert analysis.cronbach_alpha(matrix).estimate == analysis.cronbach_alpha(PLAIN[NAMES]).estimate
    found = analysis.efa(matrix, 1).loadings
    assert found.index.to_list() == [f"item{k}" for k in range(1, 7)]
    assert found.to_numpy().tolist() == analysis.efa(PLAIN[NAMES], 1).loadings.to_numpy().tolist()
    holed = np.where(np.isnan(matrix), None, matrix)
    assert analysis.cronbach_alpha(holed).estimate == analysis.cronbach_alpha(matrix).estimate


BAD: dict[str, tuple[Any, str]] = {
    "text": (PLAIN["a2"].astype(str), "are not numeric: 'a2'"),
    "dates": (pd.Timestamp("2020-01-01"), "are not numeric: 'a2'"),
    "words without an order": (pd.Categorical(labelled(PLAIN["a2"]).astype(str)), "without an order: 'a2'"),
    "infinite": (np.inf, "infinite values in 'a2'"),
    "complex": (1j, "are not numeric: 'a2'"),
}


@pytest.mark.parametrize("kind", BAD)
@pytest.mark.parametrize(
    "name",
    [
        "cfa",
        "cfa ML",
        "cronbach_alpha",
        "dif",
        "efa",
        "graded_response",
        "item_statistics",
        "kmo",
        "omega",
        "polychoric",
        "longitudinal_invariance",
        "lower_bounds",
        "content_validity_indices",
    ],
)
def test_what_is_no_number_is_refused_alike(name: str, kind: str) -> None:
    value, message = BAD[kind]
    with pytest.raises(instrument.ResponseDataError, match=rf"^\w+: .*{message}\.\nHint: "):
        digits(CALLS[name], PLAIN.assign(a2=value))


@pytest.mark.parametrize(
    "wrong", [None, "x", [1, 2], {"a": [1]}, PLAIN["a1"], pl.DataFrame({"a": [1]}).lazy()]
)
def test_what_is_no_table_is_refused_alike(wrong: Any) -> None:
    for call in (analysis.cronbach_alpha, analysis.kmo, analysis.graded_response, analysis.polychoric):
        with pytest.raises(instrument.ResponseDataError, match=r"items is (an? \w+|nothing)\.\nHint: "):
            call(wrong)


GIVEN = [
    "compare_theories",
    "item_statistics scale",
    "score",
    "screen",
    "reverse_key",
    "validate",
    "context_over_time",
]


@pytest.mark.parametrize("code", [999.0, 9.0, -9.0, 2.5])
@pytest.mark.parametrize("name", GIVEN)
def test_with_an_instrument_a_code_outside_is_refused_with_counts(name: str, code: float) -> None:
    table = PLAIN.copy()
    table.loc[:5, "a2"] = code
    with pytest.raises(
        instrument.ResponseDataError, match=r"cells? in 1 column with no code of the item: 'a2'\."
    ):
        CALLS[name](table)


def test_htmt_with_an_instrument_checks_the_range() -> None:
    two = SCALE.model_copy(update={"themes": tuple(SCALE.themes)})
    dimension = instrument.Instrument.model_validate(
        {
            **SCALE.model_dump(by_alias=True, exclude_none=True),
            "themes": [
                {**t, "role": "dimension"} for t in two.model_dump(by_alias=True, exclude_none=True)["themes"]
            ],
        }
    )
    with pytest.raises(instrument.ResponseDataError, match="18 cells in 1 column with no code"):
        analysis.htmt(PLAIN.assign(a1=np.where(np.arange(300) < 18, 999, PLAIN["a2"])), dimension, draws=0)


@pytest.mark.parametrize("code", [999.0, 99.0, 9.0, -9.0, -1.0])
@pytest.mark.parametrize(
    "name", ["cfa", "cfa ML", "cronbach_alpha", "item_statistics", "kmo", "lower_bounds"]
)
def test_without_one_a_code_for_missing_is_warned_of_with_counts(name: str, code: float) -> None:
    table = PLAIN.copy()
    table.loc[:17, "a2"] = code
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        CALLS[name](table)
    said = " ".join(str(warning.message) for warning in caught)
    assert f"18 cells with {code:g}, far from the other codes, in 'a2'" in said


def test_wlsmv_refuses_categories_that_are_not_whole() -> None:
    with pytest.raises(instrument.ResponseDataError, match="'a2' holds answers that are not whole numbers"):
        analysis.cfa(MODEL, PLAIN.assign(a2=PLAIN["a2"].replace(2, 2.5)))


def test_ratings_counts_and_measures_are_not_suspected() -> None:
    rng = np.random.default_rng(1)
    likert = rng.integers(1, 6, (200, 6)).astype(float)
    days = rng.choice([0.0, 0, 0, 1, 2, 3, 5, 10, 15, 30], (200, 1))
    steps = rng.choice([1.0, 3, 5, 7], (100, 3))
    for table in (
        likert,
        days,
        steps,
        rng.normal(50, 10, (200, 3)),
        rng.integers(18, 80, (200, 1)).astype(float),
        np.array([[1.0, 5], [5, 1], [1, 1], [5, 5], [2, 4]]),
    ):
        assert suspicious_codes(table) == {}


def test_suspicious_codes_are_counted_by_column() -> None:
    likert = np.random.default_rng(1).integers(1, 6, (200, 4)).astype(float)
    likert[:18, 0] = 999
    likert[20:30, 1] = -9
    likert[3, 2] = 55
    assert suspicious_codes(likert) == {999.0: {0: 18}, -9.0: {1: 10}, 55.0: {2: 1}}
    ages = np.random.default_rng(1).integers(18, 80, (200, 1)).astype(float)
    ages[:4] = 999
    assert suspicious_codes(ages) == {999.0: {0: 4}}


def test_columns_become_numbers_by_one_rule() -> None:
    assert column_numbers(pd.Series([True, False])).tolist() == [1.0, 0.0]
    assert column_numbers(pd.Series(pd.Categorical([10, 20, 10]))).tolist() == [10.0, 20.0, 10.0]
    assert column_numbers(pd.Series([1, "2"], dtype=object)) is ColumnFault.TEXT
    assert column_numbers(pd.Series([True, 2], dtype=object)) is ColumnFault.TEXT
    assert np.isnan(column_numbers(pd.Series([None, None], dtype=object))).all()
    dictionary = pd.Series(
        pa.array([3, None, 1]).dictionary_encode(), dtype=pd.ArrowDtype(pa.dictionary(pa.int32(), pa.int64()))
    )
    assert column_numbers(dictionary)[::2].tolist() == [3.0, 1.0]
    assert series_of(pl.Series([1, None, 2]), "icc", "first").to_list()[::2] == [1.0, 2.0]
