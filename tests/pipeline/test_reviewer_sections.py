"""What a reviewer asks: correlations, means by group, intervals, what a model leaves out, imputed answers."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy import stats

import analysis
import instrument
from analysis.disclosure.shared import to_share
from analysis.pipeline import Validation, validate
from analysis.pipeline.topics.misfit import size_of_misfit
from analysis.report.view import prose
from instrument.definition import Instrument

MODEL = "n =~ q1 + q2 + q3 + q4"


@pytest.fixture(scope="module")
def first(answers: pd.DataFrame) -> pd.DataFrame:
    return answers[answers["wave"] == 1].reset_index(drop=True)


@pytest.fixture(scope="module")
def people(first: pd.DataFrame) -> pd.DataFrame:
    rng = np.random.default_rng(7)
    return pd.DataFrame(
        {
            "participant": first["participant"],
            "site": rng.permutation(np.repeat(["hill", "bay", "marsh"], [300, 180, 120])),
            "years": rng.integers(18, 80, 600).astype(float),
        }
    )


@pytest.fixture(scope="module")
def other(first: pd.DataFrame, scale: Instrument) -> tuple[pd.DataFrame, Instrument]:
    content = scale.model_dump(mode="json", by_alias=True) | {"id": "other", "title": "Another"}
    content["themes"] = [theme | {"id": f"{theme['id']}_too"} for theme in content["themes"][:2]]
    shuffled = first.sample(frac=1, random_state=3).reset_index(drop=True)
    shuffled["participant"] = first["participant"]
    made = Instrument.model_validate(content)
    return shuffled[["participant", "wave", *made.item_ids]], made


@pytest.fixture(scope="module")
def result(first: pd.DataFrame, scale: Instrument, people: pd.DataFrame, other: Any) -> Validation:
    plan = {
        "topics": ["relations", "models"],
        "groups": {"site": {"reference": "marsh"}},
        "models": {"one": MODEL},
        "imputations": 4,
        "seed": 6,
    }
    return validate(first, scale, covariates=people, measures=[other], plan=plan)


@pytest.fixture(scope="module")
def sections(result: Validation) -> dict[str, Any]:
    found: dict[str, Any] = result.tree["sections"]
    for name in ("relations", "models", "imputed"):
        assert found[name]["status"] == "ok", found[name]["message"]
        assert found[name]["problems"] == []
    return found


def test_scores_are_correlated_with_everything_measured(
    sections: dict[str, Any], first: pd.DataFrame, scale: Instrument, people: pd.DataFrame, other: Any
) -> None:
    table = pd.DataFrame(sections["relations"]["tables"]["correlations"])
    own = instrument.score(first, scale).scores
    beside = instrument.score(*other).scores[["participant", "north_too", "south_too"]]
    known = own.merge(beside, on="participant").merge(people, on="participant")
    pairs = {
        *(
            frozenset(pair)
            for pair in (("north", "south"), ("north", "west"), ("south", "west"), ("total", "west"))
        ),
        *(
            frozenset((a, b))
            for a in ("total", "north", "south", "west")
            for b in ("north_too", "south_too", "years")
        ),
    }
    # the total is made of the dimensions and shares its items with them, not with the context
    assert {frozenset(pair) for pair in zip(table["one"], table["other"], strict=True)} == pairs
    for row in table.to_dict("records"):
        both = known[[row["one"], row["other"]]].astype(float).dropna()
        r = stats.pearsonr(both.iloc[:, 0], both.iloc[:, 1])
        z, reach = np.arctanh(r.statistic), stats.norm.ppf(0.975) / np.sqrt(len(both) - 3)
        assert (row["n"], row["r"]) == (len(both), pytest.approx(r.statistic))
        assert [row["ci_lower"], row["ci_upper"]] == pytest.approx(np.tanh([z - reach, z + reach]).tolist())
        assert row["pvalue"] == pytest.approx(r.pvalue)


def test_means_and_differences_of_groups_from_the_planned_reference(
    sections: dict[str, Any], first: pd.DataFrame, scale: Instrument, people: pd.DataFrame
) -> None:
    means = pd.DataFrame(sections["relations"]["tables"]["means"])
    differences = pd.DataFrame(sections["relations"]["tables"]["differences"])
    scores = instrument.score(first, scale).scores.merge(people, on="participant")
    assert len(means) == 4 * 3 and len(differences) == 4 * 2
    for row in means.to_dict("records"):
        values = scores.loc[scores["site"] == row["label"], row["score"]].astype(float).dropna()
        limits = stats.t.interval(0.95, len(values) - 1, values.mean(), stats.sem(values))
        assert (row["n"], row["mean"], row["sd"]) == (
            len(values),
            pytest.approx(values.mean()),
            pytest.approx(values.std(ddof=1)),
        )
        assert [row["mean_lower"], row["mean_upper"]] == pytest.approx(list(limits))
    for row in differences.to_dict("records"):
        label = row["compared"].split(" minus ")[0]
        assert row["compared"] == f"{label} minus marsh" and label in ("hill", "bay")
        pair = scores[scores["site"].isin([label, "marsh"])].dropna(subset=[row["score"]])
        found = analysis.known_groups(pair, row["score"], "site", expected=["marsh", label]).pairs.iloc[0]
        assert row["difference"] == pytest.approx(found["difference"])
        assert row["ci_upper"] == pytest.approx(found["difference_ci_upper"])
        assert [row["hedges_g"], row["g_lower"]] == pytest.approx(
            [found["hedges_g"], found["hedges_g_ci_lower"]]
        )


def test_loadings_and_factor_correlations_carry_intervals(
    sections: dict[str, Any], first: pd.DataFrame, scale: Instrument
) -> None:
    tables = sections["models"]["tables"]
    main = analysis.compare_theories(first.drop(columns=["participant", "wave"]), scale).main
    assert main is not None
    solution = main.standardized()
    loadings = solution[solution["op"] == "=~"]
    assert tables["loadings"]["item"] == loadings["rhs"].tolist()
    for name, column in (("loading", "est"), ("ci_lower", "ci_lower"), ("ci_upper", "ci_upper")):
        assert tables["loadings"][name] == pytest.approx(loadings[column].tolist())
    latent = set(loadings["lhs"])
    between = solution[
        (solution["op"] == "~~") & (solution["lhs"] != solution["rhs"]) & solution["lhs"].isin(latent)
    ]
    assert tables["factor_correlations"]["r"] == pytest.approx(between["est"].tolist())
    assert tables["factor_correlations"]["ci_lower"] == pytest.approx(between["ci_lower"].tolist())


def test_what_the_structure_leaves_out_is_counted_and_shown(
    sections: dict[str, Any], first: pd.DataFrame, scale: Instrument
) -> None:
    main = analysis.compare_theories(first.drop(columns=["participant", "wave"]), scale).main
    assert main is not None
    found = analysis.misspecifications(main)
    values, tables = sections["models"]["values"], sections["models"]["tables"]
    assert values["left_out"] == len(found.parameters) and values["residual_pairs"] == len(found.residuals)
    for name, table in (("left_out", found.parameters), ("residuals", found.residuals)):
        for key, verdict in (
            ("negligible", "negligible"),
            ("relevant", "relevant"),
            ("undecided", "cannot be told"),
        ):
            assert values[f"{name}_{key}"] == (table["verdict"] == verdict).sum()
    assert tables["residuals"]["residual"] == pytest.approx(found.residuals["residual"].head(15).tolist())
    largest = found.parameters["sepc"].abs().nlargest(15)
    assert np.abs(tables["left_out"]["sepc"]).tolist() == pytest.approx(largest.tolist())


@pytest.mark.parametrize(
    ("estimator", "missing"), [("WLSMV", "pairwise"), ("MLR", "fiml"), ("MLR", "listwise")]
)
def test_the_largest_misfit_that_is_not_ruled_out_is_told(
    first: pd.DataFrame, scale: Instrument, estimator: str, missing: str
) -> None:
    plan = {"topics": ["models"], "estimator": estimator, "missing": missing}
    section = validate(first, scale, plan=plan).tree["sections"]["models"]
    answers = first.drop(columns=["participant", "wave"])
    main = analysis.compare_theories(answers, scale, estimator, missing).main
    assert main is not None
    wanted = main.equivalence().table.set_index("index")
    values, table = section["values"], pd.DataFrame(section["tables"]["equivalence"]).set_index("index")
    assert values["t_size_rmsea"] == pytest.approx(main.fit["rmsea_ci_upper_robust"])
    assert values["t_size_grade"] == wanted["grade"]["rmsea"]
    told = " ".join(prose(section))
    size = f"{values['t_size_rmsea']:.3f}".lstrip("0")
    assert f"larger than an RMSEA of {size} is ruled out with 95% confidence, and so is a CFI lower" in told
    assert f"claim of {values['t_size_grade']} fit" in told
    assert table.index.tolist() == ["rmsea", "cfi"]
    assert values["t_size_cfi"] == pytest.approx(wanted["t_size"]["cfi"])
    lowest = f"{values['t_size_cfi']:.3f}".lstrip("0")
    assert f"a CFI lower than {lowest}; for this number" in told or f"lower than {lowest}; that is" in told
    for name in ("estimate", "t_size", "excellent", "close", "fair", "mediocre"):
        assert table[name].tolist() == pytest.approx(wanted[name].tolist())
    assert table["t_size"]["rmsea"] >= table["estimate"]["rmsea"]


def test_no_claim_is_made_where_a_poor_fit_is_not_ruled_out() -> None:
    table = pd.read_csv(Path(__file__).parents[1] / "reference" / "data" / "holzinger1939.csv")
    told, values, _ = size_of_misfit(
        analysis.cfa("g =~ x1 + x2 + x3 + x4 + x5 + x6 + x7 + x8 + x9", table, "ML")
    )
    assert values["t_size_grade"] == "poor"
    assert told[0].endswith("that is too much for a claim that the model fits.")


def test_imputed_answers_stand_beside_the_main_rule(
    sections: dict[str, Any], first: pd.DataFrame, scale: Instrument
) -> None:
    keyed = instrument.reverse_key(first, scale)[scale.item_ids].astype(float)
    completed = analysis.impute_items(keyed, 4, seed=6)
    table = pd.DataFrame(sections["imputed"]["tables"]["consistency"])
    assert table["coefficient"].tolist() == ["alpha", "omega"] * 3
    for theme, rows in table.groupby("theme", sort=False):
        items = scale.theme_items(str(theme))
        found = analysis.pool_consistency([one[items] for one in completed]).table
        for name in ("estimate", "ci_lower", "ci_upper", "missing_information"):
            assert rows[name].tolist() == pytest.approx(found[name].tolist())
        main = analysis.cronbach_alpha(keyed[items], missing="listwise")
        assert rows["main"].iloc[0] == pytest.approx(main.estimate) and rows["n_main"].iloc[0] == main.n_obs
    pooled = analysis.pool_model(MODEL, completed, estimator="WLSMV", ordered=True)
    shown = sections["imputed"]["tables"]
    assert shown["parameters"]["est"] == pytest.approx(pooled.parameters["est"].tolist())
    assert shown["models"]["statistic"] == pytest.approx([pooled.fit["statistic"]])
    assert sections["imputed"]["method"]["n"] == len(keyed)


def test_the_sections_can_be_shared_and_printed(result: Validation, tmp_path: Any) -> None:
    shared = to_share(result).tree["sections"]
    assert all(shared[name]["status"] == "ok" for name in ("relations", "models", "imputed"))
    result.write(tmp_path / "report", forms=["markdown"])
    page = (tmp_path / "report" / "report.md").read_text(encoding="utf-8")
    for title in ("Means by group", "The largest residual correlations", "with missing answers imputed"):
        assert title in page


def test_without_a_second_score_there_is_nothing_to_relate(first: pd.DataFrame, scale: Instrument) -> None:
    content = scale.model_dump(mode="json", by_alias=True)
    content["themes"], content["scoring"] = content["themes"][:1], {"total": "none"}
    alone = Instrument.model_validate(content)
    kept = first[["participant", "wave", *alone.item_ids]]
    section = validate(kept, alone, topics=["relations"]).tree["sections"]["relations"]
    assert section["status"] == "not_applicable" and "Needs two scores" in section["message"]


def test_every_number_is_that_of_the_ledger(
    unlike: Callable[..., list[str]], sections: dict[str, Any]
) -> None:
    assert unlike("reviewers", sections) == []
