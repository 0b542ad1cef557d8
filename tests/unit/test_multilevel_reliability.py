"""Reliability in clusters: recovery from a known population, and what is refused."""

from functools import cache

import numpy as np
import pandas as pd
import pytest

from analysis import cross_level_invariance, intraclass_correlations, multilevel_reliability
from analysis.structural.families.cross_level_invariance import _plain_measurement, _two_levels
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


def test_what_strong_invariance_keeps_between_clusters_and_what_it_takes():
    model = "f =~ a + b + c\ng =~ d + e + c\nh =~ f + g\nf ~~ g\na ~~ b"
    plain = _plain_measurement(model)
    one = [
        "f =~ a",
        "f =~ {0}b",
        "f =~ {1}c",
        "g =~ d",
        "g =~ {2}e",
        "g =~ {3}c",
        "h =~ f",
        "h =~ {4}g",
        "f ~~ g",
    ]
    equal = [f"equal_{k}*" for k in (1, 2, 4, 5, 7)]
    for level, labels in (("configural", [""] * 5), ("metric", equal), ("strong", equal)):
        both = [line.format(*labels) for line in one]
        first, second = _two_levels(plain, level).split("\nlevel: 2\n")
        assert first.split("\n") == ["level: 1", *both, "a ~~ b"]
        zero = [f"{item} ~~ 0*{item}" for item in "abcde"]
        wanted = [*both, *zero] if level == "strong" else [*both, "a ~~ b"]
        assert sorted(second.split("\n")) == sorted(wanted)


def test_levels_are_compared_in_their_order_and_once_however_they_are_named():
    levels = ["strong", "metric", "metric", "configural"]
    found = cross_level_invariance("f =~ q1 + q2 + q3 + q4", table(), "app", "ML", levels=levels).table
    assert found["level"].tolist() == ["configural", "metric", "strong"]
    assert found["df"].tolist() == [4, 7, 11] and found["df_diff"].tolist()[1:] == [3, 4]
