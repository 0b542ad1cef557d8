"""Differential item functioning by ordinal logistic regression against ordinal::clm and MASS::polr."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from analysis.fairness.dif import dif
from analysis.fairness.nested import TESTS, compare_nested, expected_scores, fit_nested, score_differences

HERE = Path(__file__).resolve().parent
VALUES: dict[str, Any] = json.loads((HERE / "values" / "dif.json").read_text())
FILES = {"complete": "likert.csv", "missing": "likert_missing.csv"}
THEMES = {"one": ["q1", "q2", "q3", "q4"], "two": ["q5", "q6", "q7", "q8"]}
# clm stops at a slope of 1e-10; what is left is rounding of sums over 600 persons.
LOGLIK = 1e-8
ESTIMATE = 1e-6
# polr stops at a relative change of the deviance of 1e-14 and does not get nearer.
POLR = 1e-6
COMPARED = [
    ("DIF: log likelihoods, χ², df, p, Holm and BH, R² differences", "ordinal 2022.11.16", LOGLIK),
    ("DIF: coefficients, standard errors, expected-score differences", "ordinal 2022.11.16", ESTIMATE),
    ("DIF: log likelihoods", "MASS 7.3.58.2", POLR),
]

CASES = [
    (file, group, matching, theme)
    for file in FILES
    for group in ("group", "site")
    for matching in ("rest", "total")
    for theme in THEMES
]


def keyed(file: str) -> pd.DataFrame:
    path = HERE / "data" / FILES[file]
    assert hashlib.md5(path.read_bytes()).hexdigest() == VALUES["meta"]["md5"][FILES[file]]
    table = pd.read_csv(path)
    return table.assign(q4=6 - table["q4"], q9=6 - table["q9"])


def listed(value: Any) -> list[Any]:
    """A vector of length one is written as a number."""
    return value if isinstance(value, list) else [value]


@pytest.mark.parametrize(("file", "group", "matching", "theme"), CASES)
def test_three_models_of_each_item(file: str, group: str, matching: str, theme: str) -> None:
    table, items = keyed(file), THEMES[theme]
    names = list(table[group].unique())
    for item in items:
        wanted = VALUES[file][group][matching][theme]["items"][item]
        used = [other for other in items if other != item or matching == "total"]
        rows = table[[item, *used, group]].loc[:, lambda t: ~t.columns.duplicated()].dropna()
        assert rows[group].value_counts().to_dict() == wanted["n"]
        values = rows[used].mean(axis=1).to_numpy()
        codes, positions = np.unique(rows[item].to_numpy(dtype=int), return_inverse=True)
        member = np.array([names.index(label) for label in rows[group]])
        found = fit_nested(positions, values, member, len(names))
        assert found.problem == ""
        assert found.null_loglik == pytest.approx(wanted["null"], abs=LOGLIK)
        for place, fit in enumerate(found.fits):
            assert fit.loglik == pytest.approx(wanted["loglik"][place], abs=LOGLIK)
            assert fit.loglik == pytest.approx(wanted["polr"][place], abs=POLR)
            np.testing.assert_allclose(fit.thresholds, wanted["thresholds"][place], atol=ESTIMATE)
            np.testing.assert_allclose(fit.coefficients, listed(wanted["coefficients"][place]), atol=ESTIMATE)
            np.testing.assert_allclose(np.sqrt(np.diag(fit.covariance)), wanted["se"][place], atol=ESTIMATE)
        tests = compare_nested(found)
        for place, test in enumerate(TESTS):
            assert tests[f"chisq_{test}"] == pytest.approx(wanted["chisq"][place], abs=4 * LOGLIK)
            assert tests[f"df_{test}"] == wanted["df"][place]
            for name in ("p", "mcfadden", "nagelkerke"):
                assert tests[f"{name}_{test}"] == pytest.approx(wanted[name][place], abs=LOGLIK)
        assert tests["coefficient_change"] == pytest.approx(wanted["change"], abs=ESTIMATE)
        gaps = score_differences(expected_scores(found, values, codes))
        pairs = [f"{names[first]}:{names[second]}" for first, second in gaps]
        assert pairs == listed(wanted["pairs"])
        np.testing.assert_allclose([gap[0] for gap in gaps.values()], listed(wanted["signed"]), atol=ESTIMATE)
        np.testing.assert_allclose(
            [gap[1] for gap in gaps.values()], listed(wanted["unsigned"]), atol=ESTIMATE
        )


@pytest.mark.parametrize(("file", "group", "matching", "theme"), CASES)
@pytest.mark.filterwarnings("ignore:dif. 1 of 3 groups have fewer than 200:instrument.errors.ToolkitWarning")
def test_the_public_function_gives_every_field(file: str, group: str, matching: Any, theme: str) -> None:
    table, items = keyed(file), THEMES[theme]
    wanted = VALUES[file][group][matching][theme]
    for adjust in ("holm", "bh"):
        found = dif(table[items], table[group], matching=matching, purify=None, adjust=adjust)
        assert found.groups == list(table[group].unique())
        for place, test in enumerate(TESTS):
            np.testing.assert_allclose(
                found.table[f"p_adjusted_{test}"], np.array(wanted[adjust])[place], atol=LOGLIK
            )
    for item in items:
        row, want = found.table.loc[item], wanted["items"][item]
        assert found.n_groups.loc[item].to_dict() == want["n"]
        assert row["n"] == sum(want["n"].values())
        np.testing.assert_allclose(
            found.logliks.loc[item].tolist(), [want["null"], *want["loglik"]], atol=LOGLIK
        )
        for place, test in enumerate(TESTS):
            assert row[f"chisq_{test}"] == pytest.approx(want["chisq"][place], abs=4 * LOGLIK)
            assert row[f"df_{test}"] == want["df"][place]
            for name in ("p", "mcfadden", "nagelkerke"):
                assert row[f"{name}_{test}"] == pytest.approx(want[name][place], abs=LOGLIK)
        assert row["coefficient_change"] == pytest.approx(want["change"], abs=ESTIMATE)
        own = found.coefficients[found.coefficients["item"] == item]
        for place, model in enumerate(("matching", "uniform", "nonuniform")):
            of_model = own[own["model"] == model]
            estimates = [*want["thresholds"][place], *listed(want["coefficients"][place])]
            np.testing.assert_allclose(of_model["estimate"], estimates, atol=ESTIMATE)
            np.testing.assert_allclose(of_model["standard_error"], want["se"][place], atol=ESTIMATE)
        gaps = found.differences[found.differences["item"] == item]
        assert [f"{a}:{b}" for a, b in zip(gaps["first"], gaps["second"], strict=True)] == listed(
            want["pairs"]
        )
        np.testing.assert_allclose(gaps["signed"], listed(want["signed"]), atol=ESTIMATE)
        np.testing.assert_allclose(gaps["unsigned"], listed(want["unsigned"]), atol=ESTIMATE)
        assert row["unsigned_difference"] == pytest.approx(max(listed(want["unsigned"])), abs=ESTIMATE)
