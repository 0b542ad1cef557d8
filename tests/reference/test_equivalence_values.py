"""T-size indices and single misfits: the authors' example and lavaan 0.6-14.

The example is that of the program of Yuan, Chan, Marcoulides and Bentler (2016): N = 145, 9 variables, T = 28.098 at 23
degrees of freedom, 502.279 for independence. They approximate the noncentrality (Venables 1975), which is solved here.
"""

from functools import cache
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from analysis import cfa
from analysis.structural.estimation.fitted import ScaledTest
from analysis.structural.inference.equivalence import adjusted_cutoffs, t_size_cfi, t_size_rmsea
from instrument.errors import DefinitionError

DATA = Path(__file__).parent / "data"
APPROXIMATION = 1e-4  # of Venables' noncentrality
COMPARED = [
    ("T-size RMSEA and CFI, adjusted cut-offs", "Yuan et al. 2016", APPROXIMATION),
    ("power for single misfits", "lavaan 0.6-14", 1e-3),
]
MODEL = "visual =~ x1 + x2 + x3\ntextual =~ x4 + x5 + x6\nspeed =~ x7 + x8 + x9"
# modindices(cfa(MODEL, H), power = TRUE, delta = 0.1): mi, epc, ncp, power
POWER = {
    ("visual", "=~", "x9"): (36.411, 0.577, 1.094, 0.182),
    ("x7", "~~", "x8"): (34.145, 0.536, 1.187, 0.193),
    ("visual", "=~", "x7"): (18.631, -0.422, 1.047, 0.176),
    ("x3", "~~", "x5"): (7.858, -0.130, 4.643, 0.577),
    ("x6", "~~", "x8"): (0.275, 0.018, 8.703, 0.839),
    ("speed", "=~", "x6"): (0.273, 0.044, 1.402, 0.220),
}


@cache
def fitted(estimator="ML"):
    return cfa(MODEL, pd.read_csv(DATA / "holzinger1939.csv"), estimator=estimator)


def test_the_authors_example():
    test, independence = ScaledTest(chisq=28.098, df=23), ScaledTest(chisq=502.279, df=36)
    assert t_size_rmsea(test, 144) == pytest.approx(0.082797, abs=APPROXIMATION)
    assert t_size_cfi(test, independence) == pytest.approx(0.9308552, abs=APPROXIMATION)
    wanted = (0.06877395, 0.09066032, 0.1163662, 0.134873)
    assert adjusted_cutoffs("rmsea", 23, 144, 36) == pytest.approx(wanted, abs=1e-7)
    wanted = (0.9411556, 0.874175, 0.828338, 0.7981246)
    assert adjusted_cutoffs("cfi", 23, 144, 36) == pytest.approx(wanted, abs=1e-7)


def test_t_sizes_of_a_fit():
    """Limits by R's pchisq: 0.113678 and 0.8701928."""
    table = fitted().equivalence().table.set_index("index")
    assert table["t_size"].to_numpy() == pytest.approx([0.113678, 0.8701928], abs=1e-6)
    assert table["grade"].tolist() == ["mediocre", "fair"]
    assert (table.loc["rmsea", "t_size"] > table.loc["rmsea", "estimate"]) and (
        table.loc["cfi", "t_size"] < table.loc["cfi", "estimate"]
    )
    robust = fitted("MLR").equivalence().table.set_index("index")
    assert robust["variant"].tolist() == ["robust", "robust"]
    assert robust.loc["rmsea", "t_size"] == fitted("MLR").fit["rmsea_ci_upper_robust"]
    assert robust.loc["cfi", "t_size"] < robust.loc["cfi", "estimate"]


def test_power_of_single_misfits_is_that_of_lavaan():
    found = fitted().modification_indices().set_index(["lhs", "op", "rhs"])
    for key, (mi, epc, ncp, power) in POWER.items():
        row = found.loc[key]
        assert (row["mi"], row["epc"]) == pytest.approx((mi, epc), abs=6e-4)
        # lavaan's size is unstandardised: 0.1 of the parameter's own unit
        size = 0.1 * abs(row["sepc_all"] / row["epc"])
        mine = fitted().misfits({key[1]: size}).table.set_index(["lhs", "op", "rhs"]).loc[key]
        assert mine["ncp"] == pytest.approx(ncp, abs=1e-3)
        assert mine["power"] == pytest.approx(power, abs=1e-3)


def test_decisions_and_intervals():
    table = fitted().misfits().table
    seen, high = table["mi"] > 3.841459, table["power"] >= 0.75
    large = table["sepc_all"].abs() >= table["smallest"]
    assert (table["decision"][seen & ~high] == "misfit").all()
    assert (table["decision"][seen & high & large] == "misfit").all()
    assert (table["decision"][seen & high & ~large] == "no misfit").all()
    assert (table["decision"][~seen & high] == "no misfit").all()
    assert (table["decision"][~seen & ~high] == "cannot tell").all()
    assert table["decision"].nunique() == 3
    half = (table["ci_upper"] - table["ci_lower"]) / 2
    assert (table["sepc_all"].abs() / half * 1.6448536).to_numpy() == pytest.approx(
        np.sqrt(table["mi"]), rel=1e-6
    )
    inside = (table["ci_lower"] > -table["smallest"]) & (table["ci_upper"] < table["smallest"])
    assert (table["equivalent"] == inside).all()
    assert 0 < inside.sum() < len(table)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"smallest": {"=~": 0.0}}, "no positive size"),
        ({"smallest": {"|": 0.1}}, "no positive size"),
        ({"high_power": 1.0}, "high_power is 1.0"),
    ],
)
def test_refused(options, message):
    with pytest.raises(DefinitionError, match=message) as caught:
        fitted().misfits(**options)
    assert str(caught.value).count("\nHint: ") == 1
    with pytest.raises(DefinitionError, match="no degrees of freedom"):
        cfa("f =~ x1 + x2 + x3", pd.read_csv(DATA / "holzinger1939.csv"), estimator="ML").equivalence()
