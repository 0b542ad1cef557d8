"""Reliability in clusters: recovery from a known population, and what is refused."""

from functools import cache

import numpy as np
import pandas as pd
import pytest

from analysis import cross_level_invariance, intraclass_correlations, multilevel_reliability
from instrument.errors import DefinitionError, NotEstimableError, ResponseDataError


@cache
def table():
    """400 clusters of 5: loadings 1, factor variances 1 and 0.5, residuals 1 and 0.1, five items."""
    rng = np.random.default_rng(7)
    app = np.repeat(np.arange(400), 5)
    factor = rng.normal(size=2000) + np.sqrt(0.5) * rng.normal(size=400)[app]
    own = rng.normal(size=(2000, 5)) + np.sqrt(0.1) * rng.normal(size=(400, 5))[app]
    return pd.DataFrame(factor[:, None] + own, columns=[f"q{k}" for k in range(1, 6)]).assign(app=app)


def test_population_values_are_within_their_intervals():
    within, between = 25.0, 12.5  # variances of the sum from the factor
    truth = {
        "omega_within": within / (within + 5),
        "omega_between": between / (between + 0.5 + (within + 5) / 5),
        "omega_total": (within + between) / (within + between + 5.5),
        "omega_latent_between": between / (between + 0.5),
    }
    found = multilevel_reliability(table(), "app")
    assert found.harmonic_size == pytest.approx(5.0) and found.n_items == 5
    for row in found.table.itertuples():
        value = truth[row.coefficient.replace("alpha", "omega")]  # loadings are equal: alpha is omega
        assert abs(row.estimate - value) < 3.3 * row.se, row.coefficient
        assert 0 < row.se < 0.03
    shares = intraclass_correlations(table(), "app").table
    assert (np.abs(shares["icc"] - 0.6 / 2.6) < 3.3 * shares["se"]).all()
    assert cross_level_invariance("f =~ q1 + q2 + q3 + q4 + q5", table(), "app").highest_level() == "metric"


def test_order_of_items_and_rows_does_not_matter():
    one = multilevel_reliability(table(), "app").table
    turned = table()[["app", "q3", "q1", "q5", "q2", "q4"]].sample(frac=1, random_state=1)
    two = multilevel_reliability(turned, "app").table
    np.testing.assert_allclose(one["estimate"], two["estimate"], rtol=1e-6)
    shares = intraclass_correlations(turned, "app").table.set_index("item")["icc"]
    first = intraclass_correlations(table(), "app").table.set_index("item")["icc"]
    assert shares.index.tolist() == ["q3", "q1", "q5", "q2", "q4"]
    np.testing.assert_allclose(first[shares.index], shares, rtol=1e-6)


def test_one_item_has_its_intraclass_correlation():
    found = intraclass_correlations(table()[["q1", "app"]], "app").table
    whole = intraclass_correlations(table(), "app").table
    assert len(found) == 1 and found["icc"].iloc[0] == pytest.approx(whole["icc"].iloc[0], abs=1e-3)


PLAIN = "f =~ q1 + q2 + q3"
REFUSED = [
    (
        lambda: multilevel_reliability(table(), "zz"),
        DefinitionError,
        "column 'zz' of clusters is not in the table",
    ),
    (lambda: multilevel_reliability(table()[["q1", "q2", "app"]], "app"), ResponseDataError, "item"),
    (
        lambda: multilevel_reliability(table().rename(columns={"q1": "item 1"}), "app"),
        DefinitionError,
        "names that a model cannot hold: 'item 1'",
    ),
    (lambda: multilevel_reliability(table().assign(app=1), "app"), NotEstimableError, r"1 cluster\(s\)"),
    (lambda: multilevel_reliability(table(), "app", confidence=2.0), ResponseDataError, "confidence"),
    (
        lambda: multilevel_reliability(table(), "app").estimate("omega"),
        DefinitionError,
        "there is no 'omega'",
    ),
    (
        lambda: intraclass_correlations(table().assign(q1=1.0), "app"),
        ResponseDataError,
        "one answer only: 'q1'",
    ),
    (
        lambda: cross_level_invariance(PLAIN, table(), "app", levels=["scalar"]),
        DefinitionError,
        "unknown levels: 'scalar'",
    ),
    (
        lambda: cross_level_invariance(PLAIN, table(), "app", levels=[]),
        DefinitionError,
        "no levels are named",
    ),
    (
        lambda: cross_level_invariance(PLAIN, table(), "app", "DWLS"),
        DefinitionError,
        "estimator 'DWLS' is unknown",
    ),
    (
        lambda: cross_level_invariance("f =~ q1 + a*q2 + q3", table(), "app"),
        DefinitionError,
        r"'f =~ q2 \(modifier\)'",
    ),
    (lambda: cross_level_invariance(PLAIN + "\nq1 ~ q2", table(), "app"), DefinitionError, "'q1 ~ q2'"),
    (
        lambda: cross_level_invariance("level: 1\nf =~ q1\nlevel: 2\nq1 ~~ q1", table(), "app"),
        DefinitionError,
        "level blocks",
    ),
]


@pytest.mark.parametrize(("call", "error", "message"), REFUSED)
def test_refused(call, error, message):
    with pytest.raises(error, match=message) as caught:
        call()
    assert "\nHint: " in str(caught.value)
