"""Every entry of a plan acts: the number in the results is what the public function gives with that argument."""

from __future__ import annotations

import json
import warnings
from typing import Any

import numpy as np
import pandas as pd
import pytest

import analysis
import instrument
from analysis.common import rules
from analysis.figures.registry import build_figures
from analysis.pipeline import validate
from analysis.planning.definition import Plan, Split, parameter_of
from analysis.planning.halves import half_of
from analysis.planning.loading import make_plan
from analysis.report.view import prose
from instrument.definition import Instrument
from instrument.errors import DefinitionError, ResponseDataError
from instrument.reduced import without_items
from instrument.study import make_study

pytestmark = pytest.mark.usefixtures("few_draws")
MODEL = "n =~ q1 + q2 + q3 + q4\ns =~ q5 + q6 + q7 + q8"


@pytest.fixture(scope="module")
def first(answers: pd.DataFrame) -> pd.DataFrame:
    return answers[answers["wave"] == 1].reset_index(drop=True)


@pytest.fixture(scope="module")
def keyed(first: pd.DataFrame, scale: Instrument) -> pd.DataFrame:
    return instrument.reverse_key(first, scale)[scale.item_ids].astype(float)


@pytest.fixture(scope="module")
def people(first: pd.DataFrame) -> pd.DataFrame:
    """Three sites of 300, 200 and 100, and a yield that goes with nothing."""
    rng = np.random.default_rng(7)
    site = np.repeat(["hill", "bay", "marsh"], [300, 200, 100])
    return pd.DataFrame(
        {"participant": first["participant"], "site": rng.permutation(site), "harvest": rng.normal(size=600)}
    )


def run(first: pd.DataFrame, scale: Instrument, topic: str, **given: Any) -> dict[str, Any]:
    sides = {key: given.pop(key) for key in ("covariates", "outcomes", "study", "measures") if key in given}
    tree = validate(first, scale, plan={"topics": [topic], **given}, **sides).tree
    found: dict[str, Any] = tree["sections"][topic]
    assert found["status"] == "ok", found["message"]
    return found


def theme_alpha(section: dict[str, Any]) -> list[float]:
    column: list[float] = section["tables"]["alpha"]["alpha"]
    return column


def test_question_title_and_every_entry_are_printed(first: pd.DataFrame, scale: Instrument) -> None:
    plan = {"question": "Does it hold?", "topics": ["flow"], "factors": 2}
    tree = validate(first, scale, plan=plan, seed=9).tree
    entries = tree["meta"]["plan"]["entries"]
    assert list(entries) == list(Plan().entries)
    assert entries["question"] == {"value": "Does it hold?", "origin": "planned"}
    assert entries["rotation"] == {"value": "oblimin", "origin": "default"}
    assert entries["seed"] == {"value": 9, "origin": "overridden", "planned": 1, "where": "call"}
    table = tree["sections"]["plan"]["tables"]["entries"]
    assert table["entry"] == [name.replace("_", " ") for name in entries]
    assert table["origin"][table["entry"].index("seed")] == "overridden (call); the plan says: 1"
    assert "Does it hold?" in tree["sections"]["plan"]["values"]["question"]


def test_without_a_plan_the_entries_stand_in_the_results_and_no_section_is_added(
    first: pd.DataFrame, scale: Instrument
) -> None:
    tree = validate(first, scale, topics=["flow"]).tree
    assert list(tree["sections"]) == ["flow"]
    assert tree["meta"]["plan"]["entries"]["factors"] == {"value": None, "origin": "default"}


def test_seed(first: pd.DataFrame, scale: Instrument, keyed: pd.DataFrame) -> None:
    found = run(first, scale, "retention", seed=12)["tables"]["eigenvalues"]
    expected = analysis.factor_retention(keyed, missing="pairwise", draws=100, seed=12, smooth="nearest")
    assert found["permuted_percentile"] == pytest.approx(expected.eigenvalues["permuted_percentile"].tolist())


@pytest.mark.parametrize("correlation", ["pearson", "polychoric"])
def test_factors_rotation_extraction_and_correlation(
    first: pd.DataFrame, scale: Instrument, keyed: pd.DataFrame, correlation: str
) -> None:
    plan = {"factors": 2, "rotation": "varimax", "extraction": "ml", "correlation": correlation}
    found = run(first, scale, "exploration", **plan)
    expected = analysis.efa(
        keyed,
        2,
        extraction="ml",
        rotation="varimax",
        correlation=correlation,
        missing="pairwise",
        smooth="nearest",
    )
    for factor in expected.loadings.columns:
        assert found["tables"]["loadings"][factor] == pytest.approx(expected.loadings[factor].tolist())
    assert "varimax" in found["method"]["estimator"] and "maximum likelihood" in found["method"]["estimator"]


def test_missing_in_sections_about_items(first: pd.DataFrame, scale: Instrument, keyed: pd.DataFrame) -> None:
    found = run(first, scale, "exploration", factors=2, missing="listwise")
    expected = analysis.efa(keyed, 2, correlation="polychoric", missing="listwise", smooth="nearest")
    assert found["tables"]["loadings"]["communality"] == pytest.approx(expected.communalities.tolist())
    assert found["method"]["n"] == expected.n_obs == len(keyed.dropna())
    for rule in ("listwise", "pairwise"):
        alphas = theme_alpha(run(first, scale, "reliability", missing=rule, estimator="WLSMV"))
        themes = [scale.theme_items(theme.id) for theme in scale.themes]
        assert alphas == pytest.approx(
            [analysis.cronbach_alpha(keyed[t], missing=rule).estimate for t in themes]
        )


def test_missing_in_sampling_adequacy(first: pd.DataFrame, scale: Instrument, keyed: pd.DataFrame) -> None:
    """KMO went by pairs whatever was planned, beside an analysis of factors on complete rows."""
    for rule, rows in (("listwise", keyed.dropna()), ("pairwise", keyed), (None, keyed)):
        found = run(first, scale, "sampling", missing=rule)
        r = rows.corr().to_numpy()
        inverse = np.linalg.inv(r)
        partial = -inverse / np.sqrt(np.outer(np.diag(inverse), np.diag(inverse)))
        off = ~np.eye(len(r), dtype=bool)
        by_hand = (r[off] ** 2).sum() / ((r[off] ** 2).sum() + (partial[off] ** 2).sum())
        assert found["values"]["kmo"] == pytest.approx(by_hand, abs=1e-10)
        assert found["method"]["n"] == (len(rows) if rule == "listwise" else found["method"]["n"])
        assert (found["method"]["missing"] == "complete rows") == (rule == "listwise")


def test_missing_in_relations_of_items(first: pd.DataFrame, scale: Instrument, keyed: pd.DataFrame) -> None:
    """Relations of items went by pairs under a plan of complete rows; counts and means are of all answers."""
    table, plain = (
        run(first, scale, "items", missing=rule)["tables"]["statistics"] for rule in ("listwise", None)
    )
    place = 0
    for theme in scale.themes:
        items = scale.theme_items(theme.id)
        whole = keyed[items].dropna()
        assert len(whole) < len(keyed)
        for item in items:
            rest = whole[[other for other in items if other != item]].sum(axis=1)
            assert table["item_rest_r"][place] == pytest.approx(whole[item].corr(rest), abs=1e-10)
            place += 1
    noted = run(first, scale, "reliability", missing="listwise")["captions"]["if_dropped"]["note"]
    assert noted == "Of the people who answered every item of the theme."
    for column in ("n", "missing_share", "mean", "sd", "skew", "floor_share", "ceiling_share"):
        assert table[column] == plain[column]
    assert table["item_rest_r"] != plain["item_rest_r"]


def test_missing_in_ratios_between_themes(
    first: pd.DataFrame, scale: Instrument, keyed: pd.DataFrame
) -> None:
    themes = {theme.id: scale.theme_items(theme.id) for theme in scale.themes}
    whole = keyed.dropna()
    found = run(first, scale, "validity", missing="listwise")
    r = whole.corr().abs()

    def within(items: list[str]) -> float:
        square = r.loc[items, items].to_numpy()
        return float(square[np.triu_indices(len(items), 1)].mean())

    one, other = (themes[name] for name in list(themes)[:2])
    by_hand = float(r.loc[one, other].to_numpy().mean()) / np.sqrt(within(one) * within(other))
    assert found["tables"]["htmt"]["htmt"][0] == pytest.approx(by_hand, abs=1e-10)
    assert found["method"]["n"] == len(whole) < len(keyed)
    assert "people who answered every item" in found["method"]["missing"]


@pytest.mark.parametrize(
    ("estimator", "missing"),
    [
        *[("WLSMV", "listwise"), ("ULSMV", None), ("MLR", "fiml"), ("MLR", "listwise")],
        *[("ML", "fiml"), ("ML", "listwise"), ("ML", None)],
    ],
)
def test_models_by_estimator_and_missing(
    first: pd.DataFrame, scale: Instrument, keyed: pd.DataFrame, estimator: str, missing: str | None
) -> None:
    plan = {"models": {"two": MODEL}, "estimator": estimator, "missing": missing, "topics": ["flow"]}
    section = validate(first, scale, plan=plan).tree["sections"]["planned_models"]
    ordered = estimator not in ("MLR", "ML")
    expected = analysis.sem(MODEL, keyed, estimator=estimator, ordered=ordered, missing=missing)
    fit = section["tables"]["fit"]
    plain = ("pvalue", "cfi", "tli", "rmsea", "rmsea_ci_upper")
    corrected = ("chisq_scaled", "cfi_robust", "tli_robust", "rmsea_robust")
    for name in ("chisq", "df", *(plain if estimator == "ML" else corrected), "srmr"):
        assert fit[name][0] == pytest.approx(float(expected.fit[name]), abs=1e-9), name
    assert bool({*plain} & {*fit}) == (estimator == "ML") != bool({*corrected} & {*fit})
    kept = expected.parameters[expected.parameters["op"].isin(["=~", "~", "~~", ":="])]
    for name in ("est", "se", "std_all"):
        assert section["tables"]["parameters"][name] == pytest.approx(kept[name].tolist(), nan_ok=True)
    assert section["method"]["n"] == expected.n_obs
    judged = [finding for finding in section["findings"] if finding["value"] is not None]
    assert [finding["value"] for finding in judged[:1]] == [
        fit["cfi" if estimator == "ML" else "cfi_robust"][0]
    ]


def test_the_structure_of_the_themes_by_plain_maximum_likelihood(
    first: pd.DataFrame, scale: Instrument
) -> None:
    """Nothing is called robust or scaled where nothing is corrected, in numbers, words and rules."""
    found = run(first, scale, "models", estimator="ML", missing="fiml")
    expected = analysis.compare_theories(first.drop(columns=["participant", "wave"]), scale, "ML", "fiml")
    table = found["tables"]["fit"]
    assert not [name for name in table if name.endswith(("_robust", "_scaled"))]
    for row, name in enumerate(table["model"]):
        fit = expected.fits[name].fit
        for index in ("chisq", "pvalue", "cfi", "tli", "rmsea", "rmsea_ci_lower", "rmsea_ci_upper", "srmr"):
            assert table[index][row] == pytest.approx(float(fit[index]), abs=1e-9), (name, index)
    judged = found["values"]
    assert judged["variant"] == "plain" and "cfi_scaled" not in judged
    assert found["findings"][0]["claim"] == "A factor per theme fits (CFI)"
    assert found["findings"][0]["value"] == judged["cfi"] == pytest.approx(float(expected.main.fit["cfi"]))
    said = (
        " ".join(found["prose"])
        + found["method"]["estimator"]
        + " ".join(f["note"] for f in found["findings"])
    )
    assert "obust" not in said and "scaled" not in said and "normally distributed" in said
    size = found["tables"]["equivalence"]
    assert size["t_size"][0] == pytest.approx(float(expected.main.fit["rmsea_ci_upper"]))
    figures = build_figures(found, {})
    assert "RMSEA, 90% interval" in json.dumps(figures["models"].draw(600).to_dict())


def test_invariance_by_plain_maximum_likelihood(
    first: pd.DataFrame, scale: Instrument, keyed: pd.DataFrame, people: pd.DataFrame
) -> None:
    plan = {"groups": {"site": {"smallest": 150}}, "estimator": "ML", "missing": "listwise"}
    found = run(first, scale, "groups", covariates=people, **plan)
    rows = keyed.assign(g=people["site"])[people["site"].isin(["hill", "bay"])]
    expected = analysis.invariance(
        f"north =~ {' + '.join(scale.theme_items('north'))}",
        rows,
        group="g",
        ordered=False,
        estimator="ML",
        missing="listwise",
    ).table
    levels = found["tables"]["levels"]
    assert not [name for name in levels if name.endswith("_scaled")]
    for name in ("n", "df", "chisq", "cfi", "rmsea", "cfi_diff", "rmsea_diff", "pvalue_diff"):
        if name in expected:
            assert levels[name][:4] == pytest.approx(
                [None if np.isnan(v) else v for v in expected[name]], abs=1e-8
            ), name
    claims = [finding["claim"] for finding in found["findings"]]
    assert claims and all(finding["value"] is not None for finding in found["findings"])


def test_estimator_and_missing_of_the_structure_of_the_themes(first: pd.DataFrame, scale: Instrument) -> None:
    found = run(first, scale, "models", estimator="MLR", missing="listwise")
    expected = analysis.compare_theories(
        first.drop(columns=["participant", "wave"]), scale, "MLR", "listwise"
    )
    table = found["tables"]["fit"]
    by_model = dict(zip(table["model"], table["chisq_scaled"], strict=True))
    for name, fit in expected.fits.items():
        assert by_model[name] == pytest.approx(float(fit.fit["chisq_scaled"]))


def test_estimator_of_invariance_between_groups(
    first: pd.DataFrame, scale: Instrument, keyed: pd.DataFrame, people: pd.DataFrame
) -> None:
    plan = {"groups": {"site": {"smallest": 150, "reference": "bay"}}, "estimator": "MLR", "missing": "fiml"}
    found = run(first, scale, "groups", covariates=people, **plan)["tables"]["levels"]
    kept = keyed.assign(g=people["site"])[people["site"].isin(["hill", "bay"])]
    items = " + ".join(scale.theme_items("north"))
    expected = analysis.invariance(
        f"north =~ {items}", kept, group="g", ordered=False, estimator="MLR", missing="fiml"
    )
    rows = [k for k, theme in enumerate(found["theme"]) if theme == "north"]
    assert [found["chisq_scaled"][k] for k in rows] == pytest.approx(expected.table["chisq_scaled"].tolist())
    assert {found["n"][k] for k in rows} == {expected.n_obs}


FREE = ["q2|t2", "north =~ q3", "q6 ~1", "q10~~q10"]
WORDS = {
    "q2|t2": "threshold 2 of q2",
    "north=~q3": "the loading of q3",
    "q6~1": "the intercept of q6",
    "q10~~q10": "the residual variance of q10",
}


@pytest.mark.parametrize("estimator", ["WLSMV", "MLR"])
def test_parameters_left_free_are_equal_at_no_level_and_named(
    first: pd.DataFrame, scale: Instrument, keyed: pd.DataFrame, people: pd.DataFrame, estimator: str
) -> None:
    free = FREE if estimator == "WLSMV" else FREE[1:]
    plan = {"partial": free, "estimator": estimator, "groups": {"site": {"smallest": 90}}}
    section = run(first, scale, "groups", covariates=people, **plan)
    found = pd.DataFrame(section["tables"]["levels"])
    written = {
        "north": ["q2|t2", "north=~q3"] if estimator == "WLSMV" else ["north=~q3"],
        "south": ["q6~1"],
        "west": ["q10~~q10"],
    }
    titles = {one.id: one.title for one in scale.themes}
    for theme, own in written.items():
        items = scale.theme_items(theme)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            expected = analysis.invariance(
                f"{theme} =~ {' + '.join(items)}",
                keyed[items].assign(g=people["site"]),
                group="g",
                ordered=estimator == "WLSMV",
                estimator=estimator,
                partial=own,
            ).table
        rows = found[found["theme"] == theme]
        assert rows["df"].tolist() == expected["df"].tolist()
        assert rows["chisq_scaled"].tolist() == pytest.approx(expected["chisq_scaled"].tolist(), rel=1e-5)
        said = ", ".join(WORDS[one] for one in own)
        assert set(rows["free"]) == {said}
        claims = [
            one["claim"] for one in section["findings"] if one["claim"].startswith(f"{titles[theme]}, by ")
        ]
        assert len(claims) == 2
        assert all(f": equal up to intercepts but for {said} (largest" in claim for claim in claims)
    assert any("may differ between groups at every level" in line for line in prose(section))
    assert all(WORDS[name] in " ".join(prose(section)) for own in written.values() for name in own)


def test_without_parameters_left_free_nothing_is_said_of_any(
    first: pd.DataFrame, scale: Instrument, people: pd.DataFrame
) -> None:
    section = run(
        first, scale, "groups", covariates=people, groups={"site": {"smallest": 90}}, estimator="MLR"
    )
    assert "free" not in section["tables"]["levels"] and "free" not in section["values"]
    assert all(": equal up to intercepts (largest change of " in one["claim"] for one in section["findings"])
    assert "at every level" not in " ".join(prose(section))
    assert "partial" not in json.loads(Plan().to_json())  # a plan sealed before there was such an entry
    assert json.loads(make_plan({"partial": ["q1~1"]}).to_json())["partial"] == ["q1~1"]


@pytest.mark.parametrize(
    ("text", "written"),
    [
        ("q3|t2", "q3|t2"),
        ("q3 | t2", "q3|t2"),
        (" north=~q3 ", "north=~q3"),
        ("q3 ~ 1", "q3~1"),
        ("q3~~q3", "q3~~q3"),
        ("q3~~q4", None),
        ("q3", None),
        ("q3|t0", None),
        ("q3|2", None),
        ("q3~2", None),
        ("north =~ q3 + q4", None),
        ("", None),
    ],
)
def test_a_parameter_is_read_as_lavaan_writes_it(text: str, written: str | None) -> None:
    found = parameter_of(text)
    assert (None if found is None else found.written) == written


def test_groups_reference_smallest_and_levels_left_out(
    first: pd.DataFrame, scale: Instrument, keyed: pd.DataFrame, people: pd.DataFrame
) -> None:
    assert (
        "No covariate"
        in validate(
            first,
            scale,
            covariates=people[["participant", "site"]],
            plan={"topics": ["fairness"], "smallest_group": 250},
        ).tree["sections"]["fairness"]["message"]
    )
    plan = {"groups": {"site": {"smallest": 90, "leave_out": ["hill"], "reference": "marsh"}}}
    found = run(first, scale, "fairness", covariates=people, **plan)["tables"]["items"]
    labels = people["site"].where(people["site"] != "hill")
    order = (labels != "marsh").to_numpy().argsort(kind="stable")
    items = scale.theme_items("south")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        expected = analysis.dif(
            keyed[items].iloc[order], labels.iloc[order], matching="theta", purify="significant"
        )
    rows = [k for k, theme in enumerate(found["theme"]) if theme == "south"]
    assert [found["chisq_total"][k] for k in rows] == pytest.approx(
        expected.table["chisq_total"].tolist(), rel=1e-6
    )
    signed = [found["signed_difference"][k] for k in rows]
    assert signed == pytest.approx(expected.table["signed_difference"].tolist(), rel=1e-6)
    turned = {"groups": {"site": {"smallest": 90, "leave_out": ["hill"], "reference": "bay"}}}
    other = run(first, scale, "fairness", covariates=people, **turned)["tables"]["items"]["signed_difference"]
    assert np.sign([other[k] for k in rows]).tolist() == [-sign for sign in np.sign(signed)]


def test_a_covariate_that_the_plan_does_not_name_forms_no_group(
    first: pd.DataFrame, scale: Instrument, people: pd.DataFrame
) -> None:
    more = people.assign(block=["left", "right"] * 300)
    plan = {"groups": ["block"], "topics": ["covariates"]}
    table = validate(first, scale, covariates=more, plan=plan).tree["sections"]["covariates"]["tables"][
        "covariates"
    ]
    assert dict(zip(table["covariate"], table["use"], strict=True)) == {
        "site": "left out",
        "harvest": "continuous",
        "block": "groups",
    }


def test_collapse_merges_codes_as_given_and_leaves_scores_alone(
    first: pd.DataFrame, scale: Instrument
) -> None:
    plan = {"collapse": {"all": {5: 4}, "q9": {1: 2}}}
    merged = first.copy()
    for item in scale.item_ids:
        codes = {1: 2} if item == "q9" else {5: 4}
        merged[item] = merged[item].replace(codes)
    keyed = instrument.reverse_key(merged, scale)[scale.item_ids].astype(float)
    alphas = theme_alpha(run(first, scale, "reliability", **plan))
    themes = [scale.theme_items(theme.id) for theme in scale.themes]
    assert alphas == pytest.approx(
        [analysis.cronbach_alpha(keyed[t], missing="listwise").estimate for t in themes]
    )
    means = run(first, scale, "scores", **plan)["tables"]["scores"]["mean"]
    assert means == run(first, scale, "scores")["tables"]["scores"]["mean"]


def test_options_are_shown_as_answered_where_categories_are_merged(
    first: pd.DataFrame, scale: Instrument
) -> None:
    """Of merged answers nobody was on the highest option: no ceiling, and “Fully” was said to be nobody's."""
    tables = run(first, scale, "items", collapse={"all": {5: 4}, "q9": {1: 2}})["tables"]
    for row, item in enumerate(scale.item_ids):
        answers = first[item].dropna()
        shares = [(answers == code).mean() for code in range(1, 6)]
        found = [tables["distribution_agree"][f"share_{code}"][row] for code in range(1, 6)]
        assert found == pytest.approx(shares, abs=1e-12)
        low, high = (4, 0) if item in scale.reversed_items else (0, 4)
        assert tables["statistics"]["floor_share"][row] == pytest.approx(shares[low], abs=1e-12)
        assert tables["statistics"]["ceiling_share"][row] == pytest.approx(shares[high], abs=1e-12)
    merged = first["q1"].replace({5: 4}).astype(float)
    assert tables["statistics"]["mean"][0] == pytest.approx(merged.mean())
    plain = run(first, scale, "items")["tables"]["statistics"]
    assert tables["statistics"]["ceiling_share"] == plain["ceiling_share"]


def test_numbers_of_merged_categories_have_their_calls_of_r_and_tables_in_the_codes_given(
    first: pd.DataFrame, scale: Instrument
) -> None:
    """R merges by itself, and scores as given: what is handed to it is not merged already."""
    kept: dict[str, pd.DataFrame] = {}
    sections = ["items", "scores", "relations"]
    plain = validate(first, scale, plan={"topics": sections}).tree["sections"]
    tree = validate(
        first,
        scale,
        plan={"topics": sections, "collapse": {"q1": {5: 4}}},
        analysed=kept.update,
    ).tree
    for name in sections:
        assert tree["sections"][name]["twins"]["calls"]
        assert len(tree["sections"][name]["twins"]["calls"]) == len(plain[name]["twins"]["calls"])
    given = kept["responses"]["q1"].dropna().astype(int)
    assert (given == 5).sum() == (first["q1"] == 5).sum() > 0


def test_the_screening_is_of_those_taken_out_too(answers: pd.DataFrame, scale: Instrument) -> None:
    """Of those left nobody was flagged, and alpha without the flagged was the same."""
    some = answers.copy()
    items = scale.item_ids
    runs = np.random.default_rng(4).integers(1, 6, (60, 1))
    some.loc[some.index[:60], items] = np.repeat(runs, len(items), axis=1)
    screened = analysis.screen(some, scale)
    wanted = ["flow", "screening", "reliability"]
    tree = validate(some, scale, plan={"exclude_flagged": True, "topics": wanted}).tree
    section = tree["sections"]["screening"]
    assert section["values"]["flagged"] == screened.n_flagged > 60
    assert section["values"]["administrations"] == len(some)
    assert section["tables"]["flags"]["n_flagged"] == screened.flags["n_flagged"].tolist()
    words = " ".join(prose(section))
    assert "were taken out as planned" in words
    assert "Nothing is deleted" not in words
    everyone, kept = (
        instrument.reverse_key(rows[rows["wave"] == 1], scale)[items].astype(float)
        for rows in (some, screened.without_flagged(some))
    )
    for row, theme in enumerate(section["tables"]["sensitivity"]["theme"]):
        own = scale.theme_items(theme)
        for name, rows in (("alpha", everyone), ("alpha_without", kept)):
            found = analysis.cronbach_alpha(rows[own].dropna(how="all"), missing="pairwise")
            assert section["tables"]["sensitivity"][name][row] == pytest.approx(found.estimate)
    assert tree["meta"]["administrations"] == len(some) - screened.n_flagged
    said = " ".join(prose(tree["sections"]["plan"]))
    assert f"of {len(some) - screened.n_flagged}, but for those on the quality of the answers." in said


def test_an_administration_is_flagged_by_what_the_rule_does_not_pass(
    answers: pd.DataFrame, scale: Instrument
) -> None:
    """A rule of “fewer than 1.5” passes one index: 441 of 950 were taken out for one, and two are needed."""
    two = analysis.screen(answers, scale).table["n_flags"] >= 2
    tree = validate(
        answers, scale, plan={"exclude_flagged": True, "topics": ["flow"], "rules": {"CARELESS_FLAGS": 1.5}}
    ).tree
    assert tree["sections"]["plan"]["values"]["taken_out"] == two.sum()
    with pytest.raises(
        DefinitionError, match="CARELESS_FLAGS: 0 flags every administration; write it like 2"
    ):
        make_plan({"rules": {"CARELESS_FLAGS": 0}})


def test_words_on_long_runs_follow_the_cut_offs_of_the_plan(answers: pd.DataFrame, scale: Instrument) -> None:
    """Runs of five of twelve items were called half of them, and three indices two."""
    some = answers.copy()
    some.loc[some.index[:200], [f"q{k}" for k in range(4, 9)]] = 3
    section = run(some, scale, "screening", rules={"LONGSTRING": 0.4, "CARELESS_FLAGS": 3})
    runs = [
        max(len(part) for part in np.split(row, np.flatnonzero(np.diff(row) != 0) + 1))
        for row in some[scale.item_ids].astype(float).to_numpy()
    ]
    flagged = int((np.array(runs) >= 5).sum())
    assert flagged >= 200
    words = " ".join(prose(section))
    assert f"In {flagged} of {len(some)}" in words
    assert "40.0% of the items or more in a row" in words
    assert "It takes 3 indices to flag" in words


def test_exclusion_is_made_before_anything_is_counted(answers: pd.DataFrame, scale: Instrument) -> None:
    tree = validate(answers, scale, plan={"exclude_flagged": True, "topics": ["flow", "reliability"]}).tree
    screened = analysis.screen(answers, scale)
    kept = screened.without_flagged(answers)
    assert 0 < screened.n_flagged < 20
    assert tree["meta"]["administrations"] == len(kept) == len(answers) - screened.n_flagged
    values = tree["sections"]["plan"]["values"]
    assert (values["taken_out"], values["before"], values["kept"]) == (
        screened.n_flagged,
        len(answers),
        len(kept),
    )
    keyed = instrument.reverse_key(kept[kept["wave"] == 1], scale)[scale.item_ids].astype(float)
    themes = [scale.theme_items(theme.id) for theme in scale.themes]
    expected = [analysis.cronbach_alpha(keyed[t], missing="listwise") for t in themes]
    found = tree["sections"]["reliability"]["tables"]["alpha"]
    assert found["alpha"] == pytest.approx([one.estimate for one in expected])
    assert found["n"] == [one.n_obs for one in expected]
    assert any(
        f"{screened.n_flagged} of {len(answers)} administrations" in note for note in tree["meta"]["notes"]
    )


def test_items_near_the_outcome_are_left_out_of_predictions(
    first: pd.DataFrame, scale: Instrument, people: pd.DataFrame, study: dict[str, Any]
) -> None:
    content = scale.model_dump(mode="json", by_alias=True)
    content["themes"][0]["items"][0]["criterion"] = ["outcome"]
    flagged = Instrument.model_validate(content)
    expects = [
        {"id": "s1", "text": "No yield.", "measure": "correlation north, harvest", "expected": "-0.3 to 0.3"},
        {"id": "s2", "text": "South.", "measure": "correlation north, south", "expected": "0 to 1"},
    ]
    known = make_study(study | {"outcome": "harvest", "hypotheses": expects})
    plan: dict[str, Any] = {
        "criterion_items": "leave_out",
        "topics": ["validity"],
        "hypotheses": [
            {"id": "h1", "text": "No yield.", "score": "north", "with": "harvest", "expected": "|r| < 0.3"}
        ],
    }
    outcomes = people[["participant", "harvest"]]
    tree = validate(first, flagged, study=known, outcomes=outcomes, plan=plan).tree
    whole = instrument.score(first, flagged).scores.set_index("participant")
    shorter = without_items(flagged, ["q1"])
    scores = instrument.score(first.drop(columns="q1"), shorter).scores.set_index("participant")
    table = scores[["north", "south", "west"]].where(whole[["north", "south", "west"]].notna())
    table = table.join(outcomes.set_index("participant"))
    expected = analysis.incremental_validity(
        table, "harvest", "north", baseline=["south", "west"], draws=500, seed=1
    )
    assert tree["sections"]["validity"]["tables"]["increment"]["delta"][0] == pytest.approx(
        expected.delta_r_squared
    )
    row = tree["sections"]["planned_hypotheses"]["tables"]["hypotheses"]
    assert row["estimate"][0] == pytest.approx(table["north"].corr(table["harvest"]))
    assert row["without"] == ["items near the outcome"]
    of_study = tree["sections"]["validity"]["tables"]["hypotheses"]
    assert of_study["estimate"] == pytest.approx(
        [table["north"].corr(table["harvest"]), whole["north"].corr(whole["south"])]
    )  # what speaks of no outcome keeps the whole score
    assert "without the items near it" in tree["sections"]["validity"]["captions"]["hypotheses"]["note"]
    kept = validate(
        first, flagged, study=known, outcomes=outcomes, plan=plan | {"criterion_items": "keep"}
    ).tree
    assert kept["sections"]["validity"]["tables"]["increment"]["delta"][0] != pytest.approx(
        expected.delta_r_squared
    )
    assert kept["sections"]["validity"]["tables"]["hypotheses"]["estimate"] == pytest.approx(
        [whole["north"].corr(table["harvest"]), whole["north"].corr(whole["south"])]
    )


def test_topics_and_smooth(first: pd.DataFrame, scale: Instrument) -> None:
    tree = validate(first, scale, plan={"topics": ["retention", "flow"], "smooth": "truncated"}).tree
    assert list(tree["sections"]) == ["plan", "flow", "retention"]
    assert tree["sections"]["retention"]["method"]["options"]["smooth"] == "truncated"


def test_rules_are_judged_by_the_cut_off_of_the_plan(first: pd.DataFrame, scale: Instrument) -> None:
    found = run(first, scale, "reliability", rules={"ALPHA": 0.99})["findings"]
    own = [finding for finding in found if finding["cutoff"] == 0.99]
    assert len(own) == 3 and {finding["verdict"] for finding in own} == {"not_met"}
    assert own[0]["rule"] == "COSMIN internal consistency, cut-off of the plan: ≥ .99"
    assert own[0]["source"].startswith("the plan; published: ≥ .70 (Prinsen")
    assert rules.ALPHA.cutoff == 0.70  # in force within the validation only
    published = run(first, scale, "reliability")["findings"]
    assert {finding["cutoff"] for finding in published} == {0.70}


def hypothesis(expected: str, **more: Any) -> dict[str, Any]:
    beside = more or {"with": "south"}
    return {"id": "h", "text": "North and south.", "score": "north", "expected": expected, **beside}


@pytest.mark.parametrize(
    ("expected", "status"),
    [
        (">= 0.2", "confirmed"),
        ("> 0", "confirmed"),
        (">= 0.3", "cannot be told"),
        (">= 0.5", "not confirmed"),
        ("< 0", "not confirmed"),
        ("|r| < 0.2", "not confirmed"),
        ("|r| < 0.4", "cannot be told"),
        ("0.2 to 0.5", "confirmed"),
    ],
)
def test_a_hypothesis_is_held_against_its_interval(
    first: pd.DataFrame, scale: Instrument, expected: str, status: str
) -> None:
    plan = {"topics": ["flow"], "hypotheses": [hypothesis(expected)]}
    section = validate(first, scale, plan=plan).tree["sections"]["planned_hypotheses"]
    scores = instrument.score(first, scale).scores
    table = analysis.check_hypotheses(
        [{"id": "h", "measure": "correlation north, south", "expected": expected}],
        scores,
        judged_by="interval",
    ).table.iloc[0]
    row = {name: column[0] for name, column in section["tables"]["hypotheses"].items()}
    assert row["status"] == table["status"] == status
    for name in ("estimate", "ci_lower", "ci_upper", "pvalue"):
        assert row[name] == pytest.approx(table[name])
    assert row["n"] == table["n"] == len(scores[["north", "south"]].dropna())
    verdicts = [finding["verdict"] for finding in section["findings"]]
    assert verdicts == {"confirmed": ["met"], "not confirmed": ["not_met"]}.get(status, ["untested"])


def test_a_hypothesis_about_groups_has_the_sign_that_the_plan_says(
    first: pd.DataFrame, scale: Instrument, people: pd.DataFrame
) -> None:
    plan = {
        "topics": ["flow"],
        "hypotheses": [
            {"id": "up", **_groups("hill", "bay"), "expected": "|g| < 0.5"},
            {"id": "down", **_groups("bay", "hill"), "expected": "|g| < 0.5"},
        ],
    }
    tree = validate(first, scale, covariates=people, plan=plan).tree
    row = tree["sections"]["planned_hypotheses"]["tables"]["hypotheses"]
    scores = instrument.score(first, scale).scores.assign(site=people["site"])
    pair = scores[scores["site"].isin(["hill", "bay"])].dropna(subset=["north"])
    found = analysis.known_groups(pair, "north", "site", expected=["bay", "hill"]).pairs.iloc[0]
    assert row["estimate"] == pytest.approx([found["hedges_g"], -found["hedges_g"]])
    assert row["ci_lower"][0] == pytest.approx(found["hedges_g_ci_lower"])
    assert row["n"] == [len(pair), len(pair)]


def _groups(higher: str, lower: str) -> dict[str, Any]:
    return {
        "text": f"{higher} above {lower}",
        "score": "north",
        "groups": "site",
        "higher": higher,
        "lower": lower,
    }


def test_judged_by_the_estimate_and_by_ranks(first: pd.DataFrame, scale: Instrument) -> None:
    asked = [hypothesis(">= 0.3", **{"with": "south", "judged_by": "estimate", "method": "spearman"})]
    section = validate(first, scale, plan={"topics": ["flow"], "hypotheses": asked}).tree["sections"]
    row = section["planned_hypotheses"]["tables"]["hypotheses"]
    scores = instrument.score(first, scale).scores[["north", "south"]].dropna()
    assert row["estimate"][0] == pytest.approx(scores.corr("spearman").iloc[0, 1])
    assert row["status"] == ["confirmed"]


def test_a_hypothesis_that_cannot_be_asked_says_why(first: pd.DataFrame, scale: Instrument) -> None:
    few = first.head(12)
    section = validate(few, scale, plan={"topics": ["flow"], "hypotheses": [hypothesis("> 0")]}).tree[
        "sections"
    ]
    row = section["planned_hypotheses"]["tables"]["hypotheses"]
    assert row["status"] == ["not evaluated"] and "too few people" in row["outcome"][0]


def test_two_small_waves_of_a_person_stay_in_one_half(answers: pd.DataFrame, scale: Instrument) -> None:
    plan = {"split": {"seed": 4}, "topics": ["flow"]}
    explored = validate(answers, scale, plan=plan, half="exploration").tree["meta"]
    where = half_of(answers["participant"], Split(seed=4))
    assert (answers.assign(half=where).groupby("participant")["half"].nunique() == 1).all()
    assert explored["administrations"] == (where == "exploration").sum()
    assert explored["participants"] == answers["participant"][where == "exploration"].nunique()
    assert 0.4 < explored["participants"] / answers["participant"].nunique() < 0.6
    assert (half_of(answers["participant"], Split(seed=5)) != where).mean() > 0.3
    with pytest.raises(DefinitionError, match="say which half: exploration or confirmation"):
        validate(answers, scale, plan=plan)
    with pytest.raises(DefinitionError, match="does not split"):
        validate(answers, scale, plan={"topics": ["flow"]}, half="exploration")


def test_nobody_left_is_an_error(first: pd.DataFrame, scale: Instrument) -> None:
    same = first.assign(**dict.fromkeys(scale.item_ids, 3)).head(40)
    for item in scale.item_ids:
        same[item] = same[item].astype("Int64")
    with pytest.raises(ResponseDataError, match="look careless"):
        validate(
            same, scale, plan={"exclude_flagged": True, "topics": ["flow"], "rules": {"CARELESS_FLAGS": 1}}
        )


def test_too_fast_answers_are_taken_out_too(first: pd.DataFrame, scale: Instrument) -> None:
    """Whoever shows no other sign of carelessness goes for answering 12 items in a second."""
    alone = analysis.screen(first, scale, least_flags=1).table
    fast = alone.loc[alone["n_flags"] == 0, "participant"].iloc[0]
    times = first[["participant", "wave"]].assign(seconds=np.where(first["participant"] == fast, 1, 600))
    plan = {"exclude_flagged": True, "topics": ["flow"], "rules": {"CARELESS_FLAGS": 1}}
    taken = [
        validate(first, scale, plan=plan, **given).tree["sections"]["plan"]["values"]["taken_out"]
        for given in ({}, {"times": times})
    ]
    assert taken == [int(alone["flagged"].sum()), int(alone["flagged"].sum()) + 1]
