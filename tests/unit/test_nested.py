"""Whether one model is a special case of another."""

import importlib
import itertools
import warnings
from functools import cache
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from analysis.structural.inference.compare_models import compare_models
from analysis.structural.inference.nested import nested
from analysis.structural.models import cfa, sem
from instrument.errors import DefinitionError, ToolkitWarning

DATA = Path(__file__).parents[1] / "reference" / "data"
C = pd.read_csv(DATA / "continuous.csv")
CM = pd.read_csv(DATA / "continuous_missing.csv")
L = pd.read_csv(DATA / "likert.csv")
THREE = "f =~ x1 + x2 + x3\ng =~ x4 + x5 + x6\nh =~ x7 + x8 + x9"
ONE = "f =~ x1 + x2 + x3 + x4 + x5 + x6 + x7 + x8 + x9"
OTHER = "f =~ x1 + x2 + x3 + x4\ng =~ x5 + x6\nh =~ x7 + x8 + x9"
TWO = "a =~ q1 + q2 + q3 + q4\nb =~ q5 + q6 + q7 + q8"


@cache
def continuous(model, estimator="ML", table="C", **options):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ToolkitWarning)
        return cfa(model, {"C": C, "CM": CM}[table], estimator, **options)


# What lavTestNET of lavaan 0.7-2 finds for models of these shapes: a special case, a boundary, an item that
# moved, a second-order factor of three.
@pytest.mark.parametrize(("estimator", "table"), [("ML", "C"), ("MLR", "C"), ("MLR", "CM")])
@pytest.mark.parametrize(
    ("restricted", "is_nested", "equivalent"),
    [
        (THREE + "\nf ~~ 0*g", True, False),
        (ONE, True, False),
        (OTHER, False, False),
        (THREE + "\nt =~ f + g + h", True, True),
    ],
)
def test_shapes_of_nesting(restricted, is_nested, equivalent, estimator, table):
    found = nested(continuous(THREE, estimator, table), continuous(restricted, estimator, table))
    assert (found.nested, found.equivalent) == (is_nested, equivalent)
    assert len(found.discrepancies) == 2
    turned = nested(continuous(restricted, estimator, table), continuous(THREE, estimator, table))
    assert turned.nested == equivalent


def test_arrows_turned_round_are_equivalent():
    forward = sem(THREE + "\ng ~ f\nh ~ g\nf ~~ 0*h", C, "ML")
    back = sem(THREE + "\nf ~ g\ng ~ h\nf ~~ 0*h", C, "ML")
    assert nested(forward, back).equivalent


def test_a_predictor_that_keeps_its_moments():
    wide = sem("f =~ x1 + x2 + x3\nf ~ x4 + x5", C, "ML")
    narrow = sem("f =~ x1 + x2 + x3\nf ~ x4 + 0*x5", C, "ML")
    assert nested(wide, narrow).nested
    assert not nested(narrow, wide).nested


def test_levels_of_groups_in_any_order_of_variables():
    turned = "b =~ q8 + q7 + q6 + q5\na =~ q4 + q3 + q2 + q1"
    levels = [[], ["thresholds"], ["thresholds", "loadings"], ["thresholds", "loadings", "intercepts"]]
    fits = [cfa(TWO if k % 2 else turned, L, group="group", group_equal=e) for k, e in enumerate(levels)]
    for general, restricted in itertools.pairwise(fits):
        assert nested(general, restricted).nested
        assert not nested(restricted, general).nested


def test_an_estimate_that_lies_in_another_model_by_chance():
    """Data without a correlation of the factors: the estimate is orthogonal, the model is not."""
    generator = np.random.default_rng(1)
    raw = generator.normal(size=(400, 8))
    white = np.linalg.qr(raw - raw.mean(axis=0))[0] * 20
    f, g = white[:, [0]], white[:, [1]]
    values = np.hstack([f + white[:, 2:5], g + white[:, 5:8]])
    table = pd.DataFrame(values, columns=[f"y{k}" for k in range(1, 7)])
    model = "f =~ y1 + y2 + y3\ng =~ y4 + y5 + y6"
    free, orthogonal = cfa(model, table, "ML"), cfa(model, table, "ML", orthogonal=True)
    assert abs(free.parameters.query("lhs == 'f' and rhs == 'g'")["est"].item()) < 1e-8
    found = nested(orthogonal, free)
    assert found.discrepancies[0] < 1e-7 < found.discrepancies[1]
    assert not found.nested


def test_no_test_of_a_difference_that_means_nothing():
    fits = {"three": continuous(THREE), "other": continuous(OTHER), "one": continuous(ONE)}
    with pytest.warns(ToolkitWarning, match="is not nested in"):
        table = compare_models(fits).table.set_index("model")
    moved = table.loc[[name for name in table.index if table.loc[name, "nested"] is False]]
    assert len(moved) >= 1
    assert moved[["chisq_diff", "pvalue"]].isna().all(axis=None)
    with pytest.warns(ToolkitWarning, match="'one' is not nested in 'other'"):
        compare_models({"other": fits["other"], "one": continuous(ONE + "\nx1 ~~ x9")})


def test_nested_pairs_are_tested():
    table = compare_models({"three": continuous(THREE), "one": continuous(ONE)}).table
    assert table["nested"].tolist() == [None, True]
    assert table["chisq_diff"].iloc[1] == pytest.approx(
        continuous(ONE).fit["chisq"] - continuous(THREE).fit["chisq"]
    )


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: nested(continuous(THREE), "x"), "no two fitted models"),
        (lambda: nested(continuous(THREE), continuous(THREE, "MLR")), "'general' used ML"),
        (lambda: nested(continuous(THREE), continuous("f =~ x1 + x2 + x3 + x4")), "different variables"),
        (lambda: nested(continuous(THREE), cfa(THREE, C.iloc[:300], "ML")), "different rows or groups"),
        (
            lambda: nested(
                cfa("f =~ x1 + x2 + x3", CM, "MLR", missing="listwise"),
                cfa("f =~ x1 + x2 + x3", CM, "MLR", missing="fiml"),
            ),
            r"'general' used MLR \(listwise\), 'restricted' MLR \(fiml\)",
        ),
    ],
)
def test_what_cannot_be_compared(call, message):
    with pytest.raises(DefinitionError, match=f"nested: .*{message}"):
        call()


@pytest.mark.parametrize(
    ("gaps", "holds"), [((0.0, 0.0), True), ((0.0, 0.1), False), ((0.1, 0.0), False), ((0.1, 0.1), False)]
)
def test_one_point_that_is_not_reproduced_is_enough(monkeypatch, gaps, holds):
    told = iter(gaps)
    where = "analysis.structural.inference.nested._smallest"
    monkeypatch.setattr(where, lambda *_: next(told))
    restricted = continuous(THREE + "\nf ~~ 0*g")
    found = importlib.import_module("analysis.structural.inference.nested").holds(
        continuous(THREE)._fitted, restricted._fitted
    )
    assert found == (holds, gaps)


def test_models_of_other_clusters_or_weights_are_not_compared():
    table = C.assign(
        one=np.arange(len(C)) % 40, two=np.arange(len(C)) % 50, w=1.0 + np.arange(len(C)) % 2, v=1.0
    )
    pairs = [("cluster", "one", "two"), ("sampling_weights", "w", "v")]
    for name, mine, other in pairs:
        fits = [weighted(table, **{name: column}) for column in (mine, other)]
        with pytest.raises(DefinitionError, match="were fitted to different rows or groups"):
            nested(fits[0], fits[1])
        assert nested(fits[0], fits[0]).equivalent


def weighted(table, **options):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ToolkitWarning)
        return cfa("f =~ x1 + x2 + x3 + x4", table, "MLR", **options)


def test_thresholds_of_ordinal_items_go_with_their_names():
    """Items of unlike categories and shares, named in another order by the second model."""
    merged = L.assign(q2=L["q2"].clip(upper=3), q4=(L["q4"] > 2).astype(int))
    first, second = "a =~ q1 + q2", "b =~ q3 + q4 + q5 + q6"  # of unlike length: places are not names
    names = [f"q{k}" for k in range(1, 7)]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ToolkitWarning)
        fits = [
            cfa("\n".join(lines), merged[names], "WLSMV", ordered=True)
            for lines in ((first, second), (second, first))
        ]
        plain = [cfa("\n".join(lines), merged[names], "ML") for lines in ((first, second), (second, first))]
    for general, turned in (fits, plain):
        found = nested(general, turned)
        assert found.nested and found.equivalent and max(found.discrepancies) < 1e-7
