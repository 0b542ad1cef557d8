"""Items that follow from others are named, wherever a matrix is inverted."""

import warnings

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import analysis
from analysis.correlation.dependence import dependence_told, dependent_items
from instrument.errors import NotEstimableError, ToolkitWarning


def items(n=300, k=6, seed=2):
    generator = np.random.default_rng(seed)
    common = generator.normal(size=(n, 1))
    latent = 0.7 * common + 0.7 * generator.normal(size=(n, k))
    return pd.DataFrame(np.digitize(latent, [-1, -0.3, 0.4, 1.1]) + 1, columns=[f"y{j}" for j in range(k)])


@given(seed=st.integers(0, 10_000), parts=st.integers(1, 4), negative=st.booleans())
@settings(max_examples=40, deadline=None)
def test_a_sum_beside_its_parts_is_named_with_them(seed, parts, negative):
    generator = np.random.default_rng(seed)
    table = pd.DataFrame(generator.normal(size=(50, 5)), columns=list("abcde"))
    chosen = sorted(generator.choice(5, parts, replace=False))
    signs = np.where(generator.random(parts) < 0.5, -1.0, 1.0) if negative else np.ones(parts)
    table["sum"] = table.iloc[:, chosen] @ signs + 3
    found = dependent_items(np.corrcoef(table.to_numpy().T), list(table.columns))
    assert found == {"sum": [table.columns[k] for k in chosen]}


def test_independent_items_are_not_named():
    assert dependent_items(items().corr().to_numpy(), list(items().columns)) == {}


def test_at_most_five_are_told():
    told = dependence_told({f"c{k}": ["a"] for k in range(7)})
    assert told.count("repeats") == 5
    assert told.endswith("; and 2 more")


SINGULAR = [
    lambda d: analysis.efa(d, n_factors=1, correlation="pearson"),
    lambda d: analysis.kmo(d),
    lambda d: analysis.cfa("f =~ " + " + ".join(d.columns), d, "ML"),
    lambda d: analysis.omega(d, n_factors=1, correlation="pearson", draws=0),
]


@pytest.mark.parametrize("call", SINGULAR)
def test_a_singular_matrix_names_the_sum(call):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ToolkitWarning)
        with pytest.raises(
            NotEstimableError, match=r"'total' follows from 'y0', 'y1', 'y3'(.|\n)*drop 'total'"
        ):
            call(items().assign(total=lambda d: d["y0"] + d["y1"] - d["y3"]))


@pytest.mark.parametrize("call", [analysis.cronbach_alpha, analysis.lower_bounds])
def test_a_sum_in_a_reliability_is_told(call):
    with pytest.warns(ToolkitWarning, match=r"'total' follows from 'y0', 'y1'"):
        call(items().assign(total=lambda d: d["y0"] + d["y1"]))
