"""Exploratory blocks: what a rotation leaves alone, errors by finite differences, order, and what is refused."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from analysis import bootstrap_model, cfa, compare_models, sem
from analysis.structural.estimation import continuous, rotating
from instrument.errors import DefinitionError, NotEstimableError

D = pd.read_csv(Path(__file__).parents[1] / "reference" / "data" / "bfi_covariates.csv").head(600)
A, N = [f"A{k}" for k in range(1, 6)], [f"N{k}" for k in range(1, 6)]
TWO = 'efa("b")*F + efa("b")*G =~ ' + " + ".join(A + N)
THREE = 'efa("b")*F + efa("b")*G + efa("b")*H =~ ' + " + ".join(A + N)
PATHS = "\nF + G ~ gender01\nage10 ~ F + G"


def numbers(result, columns=("est", "se")):
    return result.parameters.set_index(["lhs", "op", "rhs"])[list(columns)]


@pytest.mark.parametrize(
    ("model", "options"),
    [
        (TWO + PATHS, {"rotation": "oblimin"}),
        (TWO, {"rotation": "varimax", "rotation_args": {"orthogonal": False, "starts": 1}}),
        (THREE, {"rotation": "biquartimin", "rotation_args": {"orthogonal": True, "starts": 2}}),
        (TWO, {"group": "gender01", "group_equal": ["loadings"], "rotation_args": {"starts": 1}}),
    ],
)
def test_errors_are_those_of_the_whole_way_from_sample_to_rotation(model, options, monkeypatch):
    """Central differences of the rotated solution by the unrotated one, and its covariance from the information."""
    seen = {}
    turn = rotating.turn_blocks

    def spy(*given):
        seen["given"] = given
        return turn(*given)

    monkeypatch.setattr(continuous, "turn_blocks", spy)
    fit = sem(model, D, estimator="ML", **options)._fitted
    table, groups, reduction, minimum, caller = seen["given"]
    samples = [continuous.Moments(s.n, s.mean, s.covariance) for s in fit.samples]
    target = continuous.NormalDiscrepancy(groups, samples, table.n_free, table.options.meanstructure)
    table = rotating.resembling(table, fit.states)
    size = len(minimum.z)
    by = np.empty((table.n_free, size))
    for k, step in enumerate(1e-4 * np.eye(size)):
        ends = [
            turn(table, groups, reduction, replace(minimum, z=minimum.z + s), caller)[0].offset
            for s in (step, -step)
        ]
        by[:, k] = (ends[0] - ends[1]) / 2e-4
    inner = reduction.basis.T @ target.expected(reduction.expand(minimum.z)) @ reduction.basis / 2.0
    wanted = by @ np.linalg.inv(inner) @ by.T / len(D)
    assert np.sqrt(np.diag(fit.vcov)) == pytest.approx(np.sqrt(np.diag(wanted)), rel=2e-3, abs=2e-5)


def test_a_rotation_changes_neither_fit_nor_moments_nor_errors_of_measurement():
    fits = [
        sem(TWO + PATHS, D, estimator="MLR", rotation=r)
        for r in ("geomin", "oblimin", "quartimax", "equamax")
    ]
    for other in fits[1:]:
        assert other.fit.to_numpy() == pytest.approx(fits[0].fit.to_numpy(), rel=1e-7, abs=1e-9)
        assert other.implied()["all"].to_numpy() == pytest.approx(
            fits[0].implied()["all"].to_numpy(), abs=1e-7
        )
        own = [numbers(f).loc[[(i, "~~", i) for i in A + N]].to_numpy() for f in (fits[0], other)]
        assert own[1] == pytest.approx(own[0], rel=1e-5)
        assert dict(other.r_squared[["variable", "r_squared"]].values) == pytest.approx(
            dict(fits[0].r_squared[["variable", "r_squared"]].query("variable not in ('F', 'G')").values)
            | dict(other.r_squared[["variable", "r_squared"]].query("variable in ('F', 'G')").values),
            rel=1e-6,
        )


def test_neither_the_order_of_items_nor_that_of_rows_matters():
    first = numbers(cfa(TWO, D))
    turned = 'efa("b")*F + efa("b")*G =~ ' + " + ".join([*A[::-1], *N[::-1]])
    again = numbers(cfa(turned, D.sample(frac=1, random_state=1))).loc[first.index]
    assert again.to_numpy() == pytest.approx(first.to_numpy(), rel=1e-4, abs=2e-5)


def test_factors_stand_in_the_order_of_their_items_with_positive_sums():
    rows = numbers(cfa(THREE.replace("H", "K"), D, "ML", rotation="bigeomin"))
    loadings = rows["est"].xs("=~", level="op").unstack()
    assert (loadings.sum(axis=1) > 0).all()
    assert loadings.loc["G", A].abs().mean() > 3 * loadings.loc["G", N].abs().mean()
    assert rows.loc[("F", "~~", "G"), "est"] == pytest.approx(0.0, abs=1e-6)
    turned = 'efa("b")*F + efa("b")*G =~ ' + " + ".join(N + A)
    loadings = numbers(cfa(turned, D, "ML"))["est"].xs("=~", level="op").unstack()
    assert loadings.loc["F", "N1"] > 1.0
    assert loadings.loc["G", "A3"] > 0.7


def test_a_target_decides_order_and_signs():
    target = pd.DataFrame(np.nan, index=N + A, columns=["G", "F"])
    target.loc[A, "F"], target.loc["A1", "G"], target.loc["N1", "F"] = 0.0, 0.5, -1.3
    fit = cfa(TWO, D, "ML", rotation="target", rotation_args={"target": target, "starts": 5})
    rows = numbers(fit)["est"]
    assert rows.loc[("F", "=~", "N1")] < -1.0
    assert abs(rows.loc[("F", "=~", "A3")]) < 0.2
    assert "b" in set(fit.parameters["efa"])
    both = {"b": target.loc[A + N, ["F", "G"]].to_numpy()}
    again = cfa(TWO, D, "ML", rotation="target", rotation_args={"target": both, "starts": 5})
    assert numbers(again).to_numpy() == pytest.approx(numbers(fit).to_numpy(), abs=1e-7)


def test_two_blocks_have_rotations_of_their_own_and_confirmatory_factors_beside_them():
    model = 'efa("a")*F + efa("a")*G =~ A1 + A2 + A3 + A4 + A5\nefa("c")*H =~ N1 + N2 + N3\nK =~ N4 + N5\nK ~ F + G + H'
    fit = sem(model, D, estimator="ML")
    rows = numbers(fit)["est"]
    assert rows.loc[("H", "~~", "H")] == 1.0
    assert rows.loc[("K", "=~", "N4")] == 1.0
    assert fit.fit["df"] == 55 - (5 * 2 - 1 + 5) - (3 + 3) - (1 + 2 + 1) - (2 + 3)


def test_a_resample_is_put_in_the_order_of_the_sample():
    fit = cfa(TWO.replace("A1 + ", ""), D, "ML", rotation="quartimin", rotation_args={"starts": 3})
    found = bootstrap_model(fit, draws=40, seed=2).table.query("op == '=~'")
    wanted = fit.parameters.query("op == '=~'")
    assert (np.abs(np.log(found["se"].to_numpy() / wanted["se"].to_numpy())) < 0.8).all()


def test_an_exploratory_model_holds_a_confirmatory_one():
    simple = cfa("F =~ " + " + ".join(A) + "\nG =~ " + " + ".join(N), D, "ML")
    table = compare_models({"exploratory": cfa(TWO, D, "ML"), "confirmatory": simple}).table
    assert table["df_diff"].dropna().iloc[0] == 8
    assert (table["df"] == [26, 34]).all()


REFUSED = [
    (TWO, {"rotation": "bigeomin"}, "a general factor and 1 other in block 'b'"),
    (TWO, {"rotation": "geomax"}, "rotation 'geomax' is unknown"),
    (TWO, {"rotation": "promax"}, "rotation 'promax' is unknown"),
    (TWO, {"rotation_args": {"eps": 1}}, "rotation_args has unknown 'eps'"),
    (TWO, {"rotation_args": {"epsilon": 0}}, r"rotation_args\['epsilon'\] is 0"),
    (TWO, {"rotation_args": {"epsilon": "a"}}, r"rotation_args\['epsilon'\] is 'a'"),
    (TWO, {"rotation_args": {"starts": -1}}, r"rotation_args\['starts'\] is -1"),
    (TWO, {"rotation_args": {"orthogonal": 1}}, r"rotation_args\['orthogonal'\] is 1"),
    (TWO, {"rotation_args": {"errors": "none"}}, r"rotation_args\['errors'\] is 'none'"),
    (TWO, {"rotation": "oblimin", "rotation_args": {"gamma": 2.0}}, "oblimin with gamma 2 is not defined"),
    (TWO, {"rotation": "quartimin", "rotation_args": {"gamma": 0.5}}, "quartimin with gamma 0.5"),
    (TWO, {"rotation": "target"}, "one of them is missing"),
    (TWO, {"rotation_args": {"target": np.zeros((10, 2))}}, "one of them is missing"),
    (TWO, {"rotation": "target", "rotation_args": {"target": np.zeros((2, 10))}}, r"has the shape \(2, 10\)"),
    (TWO, {"rotation": "target", "rotation_args": {"target": np.full((10, 2), np.nan)}}, "too few loadings"),
    (
        TWO,
        {"rotation": "target", "rotation_args": {"target": pd.DataFrame({"F": [0.0]}, index=["A1"])}},
        "lacks",
    ),
    ("F =~ A1 + A2 + A3", {"rotation": "geomin"}, "no exploratory block to rotate"),
    (TWO, {"bounds": "pos.var"}, "bounds beside exploratory blocks"),
    ('efa("b")*F + efa("b")*G =~ A1 + A2\n', {}, "block 'b' has 2 factors for 2 items"),
    (
        'efa("b")*F =~ A1 + A2 + A3\nefa("b")*G =~ A1 + A2 + A4',
        {},
        "factors of block 'b' have different items",
    ),
    ('efa("b")*F + efa("b")*G =~ A1 + 0*A2 + A3 + A4', {}, "line 1, column 35: the loading of 'A2' on 'F'"),
    ('efa("b")*F + efa("b")*G =~ A1 + A2 + A3 + A4\nF =~ N1', {}, "'F' has loadings inside and outside"),
    ("efa()*F =~ A1 + A2 + A3", {}, "opens no exploratory block"),
    ('efa("")*F =~ A1 + A2 + A3', {}, "the exploratory block has no name"),
    ('efa("b")F =~ A1 + A2 + A3', {}, "opens no exploratory block"),
    ('efa("b")*F ~ A1 + A2 + A3', {}, "left of '~' opens no exploratory block"),
    ('F =~ efa("b")*A1 + A2 + A3', {}, r"efa\(\) stands right of the operator"),
    ('efa("b")*F + =~ A1 + A2 + A3', {}, "nothing follows '\\+' left of"),
    (TWO + "\nF ~ gender01", {}, "~ between 'gender01' and block 'b' leaves out 'G'"),
    (TWO + "\nage10 ~ F", {}, "leaves out 'G'"),
    (TWO + "\nF ~~ 0*G", {}, "stands within exploratory block 'b'"),
    (TWO + "\nG ~ F", {}, "stands within exploratory block 'b'"),
    (TWO + "\nage10 ~ a*F + a*G", {}, "fixed or labelled for some factors"),
    (TWO + "\nage10 ~ 0.5*F + G", {}, "fixed or labelled for some factors"),
    (TWO + "\nage10 ~ a*F + b*G\na == b", {}, "constraints beside exploratory blocks"),
    (TWO, {"group": "gender01", "group_equal": ["lv.variances"]}, "a rotation within each group would undo"),
    (TWO, {"group": "gender01", "group_equal": ["loadings", "lv.variances"]}, "one of lv.variances and"),
    (
        TWO,
        {"group": "gender01", "group_equal": ["loadings"], "group_partial": ["F=~A1"]},
        "group_partial exempts 'F =~ A1'",
    ),
    (
        'level: 1\nefa("b")*F =~ A1 + A2 + A3\nlevel: 2\nG =~ A1 + A2 + A3',
        {"cluster": "age10"},
        "in a two-level",
    ),
]


@pytest.mark.parametrize(("model", "options", "message"), REFUSED)
def test_what_a_rotation_cannot_mean_is_refused(model, options, message):
    with pytest.raises(DefinitionError, match=message) as caught:
        sem(model, D, estimator="ML", **options)
    fact, *rest = str(caught.value).split("\n")
    assert len(rest) == 1
    assert rest[0].startswith("Hint: ")
    assert fact.startswith("sem: ")


def test_one_factor_too_many_has_no_degrees_of_freedom():
    with pytest.raises(NotEstimableError, match="negative degrees of freedom"):
        cfa('efa("b")*F + efa("b")*G + efa("b")*H =~ A1 + A2 + A3 + A4 + A5', D, "ML")


@pytest.mark.parametrize("item", ["A1", "N3"])
@pytest.mark.parametrize("options", [{}, {"group": "half"}], ids=["one", "groups"])
def test_the_unit_of_one_item_turns_no_factor(item, options):
    """Signs and order came from sums of loadings in the items' own units, of which one item's could outweigh all."""
    data = D[A + N].dropna()
    data = data.assign(half=np.arange(len(data)) % 2)
    usual, other = (cfa(TWO, d, "ML", **options) for d in (data, data.assign(**{item: data[item] * 1e4})))
    shown = usual.parameters["op"] != "~1"
    found, wanted = (f.parameters[["std_all", "z"]][shown].to_numpy(dtype=float) for f in (other, usual))
    assert found == pytest.approx(wanted, abs=1e-5, nan_ok=True)
