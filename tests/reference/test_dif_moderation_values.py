"""Items tested along a continuous covariate against ordinal::clm (scripts/dif_moderation.R)."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from analysis.fairness.dif_moderation import dif_moderation
from instrument.errors import NotEstimableError, ResponseDataError

HERE = Path(__file__).resolve().parent
R = json.loads((HERE / "values" / "dif_moderation.json").read_text(encoding="utf-8"))
DATA = pd.read_csv(HERE / "data" / "likert.csv")
ITEMS = DATA[[f"q{k}" for k in (1, 2, 3, 5, 6, 7)]]
AGE = 20 + 5 * DATA["q12"] + np.arange(len(DATA)) * 7 % 11

TIGHT = 1e-6  # clm at a gradient of 1e-10; both are maxima of the same likelihood
COMPARED = [("items along a continuous covariate", "ordinal::clm", TIGHT)]


def test_data_are_those_r_read() -> None:
    assert hashlib.md5((HERE / "data" / "likert.csv").read_bytes()).hexdigest() == R["meta"]["md5"]
    assert (AGE.mean(), AGE.std()) == (pytest.approx(R["mean"]), pytest.approx(R["sd"]))


def test_every_number_is_that_of_clm() -> None:
    found = dif_moderation(ITEMS, AGE, matching="rest", purify=None, adjust="none")
    assert (found.mean, found.sd) == (pytest.approx(R["mean"]), pytest.approx(R["sd"]))
    for item, theirs in R["items"].items():
        row = found.table.loc[item]
        for test in ("uniform", "nonuniform", "total"):
            assert row[f"chisq_{test}"] == pytest.approx(theirs["chisq"][test], abs=TIGHT)
        assert row["p_total"] == pytest.approx(theirs["p_total"], abs=TIGHT)
        np.testing.assert_allclose(found.logliks.loc[item], theirs["logliks"], rtol=0, atol=TIGHT)
        ours = found.coefficients.loc[item]
        np.testing.assert_allclose(ours[:3], theirs["coefficients"][-3:], rtol=0, atol=1e-5)
        np.testing.assert_allclose(ours[3:], theirs["errors"][-3:], rtol=1e-4)
    assert (found.table["df_total"] == 2).all() and (found.table["df_uniform"] == 1).all()


def test_units_order_and_direction_of_the_covariate() -> None:
    found = dif_moderation(ITEMS, AGE, matching="rest")
    order = np.random.default_rng(1).permutation(len(ITEMS))
    moved = dif_moderation(ITEMS.iloc[order], (1000 - 3 * AGE).iloc[order], matching="rest")
    numbers = [name for name in found.table.columns if name not in ("flag", "signed_difference")]
    pd.testing.assert_frame_equal(found.table[numbers], moved.table[numbers], atol=1e-6)
    np.testing.assert_allclose(found.table["signed_difference"], -moved.table["signed_difference"], atol=1e-6)
    assert (found.table["unsigned_difference"] >= found.table["signed_difference"].abs() - 1e-12).all()


def test_an_item_that_shifts_along_age_is_found_and_leaves_the_anchors() -> None:
    rng = np.random.default_rng(4)
    trait, age = rng.standard_normal(600), rng.uniform(18, 80, 600)
    latent = trait[:, None] + rng.standard_normal((600, 6))
    latent[:, 2] += 0.03 * (
        age - 49
    )  # 1.07 points of the latent variable from one below the mean to one above
    items = pd.DataFrame(np.digitize(latent, [-1.5, -0.5, 0.5, 1.5]) + 1, columns=list("abcdef"))
    found = dif_moderation(items, pd.Series(age))
    assert found.table.index[found.table["flag"] != "none"].tolist() == ["c"]
    assert "c" not in found.anchors
    assert 0.6 < found.table.loc["c", "signed_difference"] < 1.1
    assert found.coefficients.loc["c", "covariate"] > 5 * found.coefficients.loc["c", "covariate_se"]


def test_people_without_a_value_are_dropped_and_counted() -> None:
    age = AGE.astype(float).mask(np.arange(len(AGE)) < 50)
    found = dif_moderation(ITEMS, age, matching="rest")
    rest = dif_moderation(ITEMS.iloc[50:], age.iloc[50:], matching="rest")
    assert (found.n_obs, found.n_dropped) == (len(ITEMS) - 50, 50)
    pd.testing.assert_frame_equal(found.table, rest.table)


@pytest.mark.parametrize(
    ("covariate", "told"),
    [
        (AGE.head(5), "5 values for 600 rows"),
        (pd.Series(["old"] * 600), "600 of 600 values of the covariate are no numbers"),
        (pd.Series([3.0] * 600), "one value for everyone"),
        (AGE.sample(frac=1, random_state=1), "different indexes"),
        (AGE.astype(float).mask(AGE > 0), "0 persons have both"),
        ("age", "there is no column 'age'"),
    ],
)
def test_what_is_no_covariate_is_refused(covariate: object, told: str) -> None:
    with pytest.raises((ResponseDataError, NotEstimableError), match=f"^dif_moderation: .*{told}"):
        dif_moderation(ITEMS, covariate)  # type: ignore[arg-type]
