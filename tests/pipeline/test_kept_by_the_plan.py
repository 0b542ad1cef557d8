"""What a plan says, or its default, is what every section does; a part without answers costs no other part."""

from __future__ import annotations

import re
from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import pytest
from three_themes import make_scale

import analysis
from analysis.pipeline import validate
from analysis.pipeline.topics import TOPICS
from analysis.pipeline.twinned.in_use import twins_of_later_use
from analysis.twins.script import literal, r_script
from instrument.definition import Instrument
from instrument.errors import DefinitionError
from instrument.scoring.score import score


@pytest.fixture(scope="module")
def people(answers: pd.DataFrame) -> pd.DataFrame:
    first = answers[answers["wave"] == 1]
    site = np.where(
        np.arange(len(first)) % 3 == 0, "hill", np.where(np.arange(len(first)) % 3 == 1, "bay", "fen")
    )
    return pd.DataFrame({"participant": first["participant"].to_numpy(), "site": site})


@pytest.mark.parametrize("given", [None, 5], ids=["never asked", "one answer only"])
@pytest.mark.parametrize("reference", ["bay", "fen", None])
def test_a_group_without_scores_leaves_the_others_compared(
    answers: pd.DataFrame, scale: Instrument, people: pd.DataFrame, given: int | None, reference: str | None
) -> None:
    first = answers[answers["wave"] == 1].reset_index(drop=True)
    fen = (people["site"] == "fen").to_numpy()
    for item in ("q1", "q2", "q3", "q4"):
        alike = None if given is None else 6 - given if item == "q4" else given  # q4 is reversed
        first.loc[fen, item] = pd.NA if alike is None else alike
    plan = {"topics": ["relations"], "groups": {"site": {"reference": reference} if reference else {}}}
    section = validate(first, scale, covariates=people, plan=plan).tree["sections"]["relations"]
    assert section["status"] == "ok" and section["problems"] == []
    left = [one["what"] for one in section["untested"] if "north" in one["what"]]
    assert left == ["Theme of the north by site: fen"]
    means = pd.DataFrame(section["tables"]["means"])
    assert set(means.loc[means["score"] == "north", "label"]) == {"hill", "bay"}
    assert set(means.loc[means["score"] == "west", "label"]) == {"hill", "bay", "fen"}
    own = score(first, scale).scores.merge(people, on="participant").dropna(subset=["north"])
    differences = pd.DataFrame(section["tables"]["differences"])
    north = differences[differences["score"] == "north"]
    if reference == "fen":  # nothing is compared with a group that has no scores
        assert north.empty
        return
    low = reference or "hill"
    high = "hill" if low == "bay" else "bay"
    assert north["compared"].tolist() == [f"{high} minus {low}"]
    by_hand = own.loc[own["site"] == high, "north"].mean() - own.loc[own["site"] == low, "north"].mean()
    assert north["difference"].iloc[0] == pytest.approx(by_hand)


@pytest.fixture(scope="module")
def fine(answers: pd.DataFrame, people: pd.DataFrame) -> tuple[pd.DataFrame, Instrument]:
    """The same questions with nine options, one item of the west answered alike by everyone in the fen."""
    options = {k: f"option {k}" for k in range(1, 10)}
    scale = make_scale(response_scales={"agree": {"options": options}})
    first = answers[answers["wave"] == 1].reset_index(drop=True)
    noise = np.random.default_rng(2)
    for item in scale.item_ids:
        wide = 2 * first[item].astype(float) - noise.integers(0, 2, len(first))
        first[item] = wide.clip(1, 9)
    first.loc[(people["site"] == "fen").to_numpy(), "q11"] = 5.0
    return first, scale


def test_more_than_seven_options_are_continuous_in_groups_too(
    fine: tuple[pd.DataFrame, Instrument], people: pd.DataFrame
) -> None:
    plan = {"topics": ["groups", "models"], "groups": {"site": {"smallest": 60}}}
    result = validate(*fine, covariates=people, plan=plan)
    section = result.tree["sections"]["groups"]
    assert section["method"]["estimator"] == "MLR, items as continuous"
    assert section["method"]["missing"] == "fiml"
    assert "MLR" in result.tree["sections"]["models"]["method"]["estimator"]
    table = pd.DataFrame(section["tables"]["levels"])
    assert table.loc[table["theme"] == "north", "level"].tolist() == [
        "configural",
        "metric",
        "scalar",
        "strict",
    ]
    rows = fine[0].merge(people, on="participant")
    rows["q4"] = 10 - rows["q4"]
    by_hand = analysis.invariance("f =~ q1 + q2 + q3 + q4", rows, "site", ordered=False).table
    assert table.loc[table["theme"] == "north", "chisq_scaled"].tolist() == pytest.approx(
        by_hand["chisq_scaled"].tolist()
    )
    # the rule of what could not be fitted is the one of continuous items, too
    assert not any("ordinal" in finding["rule"] for finding in section["findings"])
    assert {f["verdict"] for f in section["findings"] if "west" in f["claim"]} == {"untested"}


@pytest.mark.filterwarnings("ignore:.*polychoric correlations are not positive definite")
def test_the_planned_estimator_is_that_of_invariance_over_time(
    answers: pd.DataFrame, scale: Instrument
) -> None:
    rows = answers[answers["wave"] != 3]
    found = {}
    for estimator in ("WLSMV", "ULSMV"):
        plan = {"topics": ["longitudinal"], "estimator": estimator}
        section = validate(rows, scale, plan=plan).tree["sections"]["longitudinal"]
        assert section["method"]["estimator"].startswith(f"invariance: {estimator};")
        found[estimator] = pd.DataFrame(section["tables"]["levels"])["chisq_scaled"]
    by_hand = analysis.longitudinal_invariance(
        "f =~ q1 + q2 + q3 + q4", rows.assign(q4=6 - rows["q4"]), ordered=True, estimator="ULSMV"
    )
    assert {fit.estimator for fit in by_hand.fits.values()} == {"ULSMV"}
    assert found["ULSMV"][:5].tolist() == pytest.approx(by_hand.table["chisq_scaled"].tolist())
    assert (found["ULSMV"] - found["WLSMV"]).abs().max() > 0.01


def test_an_estimator_of_the_other_kind_of_items_is_refused(answers: pd.DataFrame) -> None:
    for ordered, wrong in ((True, "MLR"), (False, "WLSMV")):
        with pytest.raises(DefinitionError, match="does not suit"):
            analysis.longitudinal_invariance(
                "f =~ q1 + q2 + q3", answers[answers["wave"] != 3], ordered=ordered, estimator=wrong
            )
    plain = analysis.longitudinal_invariance(
        "f =~ q1 + q2 + q3", answers[answers["wave"] != 3], ordered=False, estimator="ML"
    )
    assert plain.variant == "naive"
    first, second = (plain.fits[level].fit["cfi"] for level in ("configural", "metric"))
    assert plain.table["cfi_diff"].iloc[1] == pytest.approx(second - first)


def calls_of(script: str, call: str) -> list[str]:
    return re.findall(rf'^twin\("{call}", (list\(.*\)), "', script, re.MULTILINE)


def test_r_is_called_by_the_rules_of_the_plan(
    answers: pd.DataFrame, scale: Instrument, people: pd.DataFrame
) -> None:
    """Parts by the rule for missing answers, binary items as such, robust likelihood, models, ranks."""
    first = answers[answers["wave"] == 1].reset_index(drop=True)
    years = people.assign(years=np.arange(len(people)) * 7 % 61 + 18.0)
    plan: dict[str, Any] = {
        "topics": ["reliability", "groups"],
        "missing": "pairwise",
        "groups": {"site": {"smallest": 60}},
        "collapse": {f"q{k}": {1: 3, 2: 3, 5: 4} for k in range(1, 5)},
        "models": {"one": "n =~ q5 + q6 + a*q7\nw =~ q9 + q10 + q11\nn ~ w\nd := 2*a"},
        "hypotheses": [
            {
                "id": "h",
                "text": "Age.",
                "score": "west",
                "with": "years",
                "method": "spearman",
                "expected": "|r| < 0.2",
            }
        ],
    }
    tree = validate(first, scale, covariates=years, plan=plan).to_dict()
    script = r_script(tree)
    parts = [one for one in calls_of(script, "alpha") if "covariate" in one]
    assert parts and all('missing = "pairwise"' in one for one in parts)
    kinds = [re.search(r'kind = "(\w+)"', one) for one in calls_of(script, "levels")]
    assert [kind[1] for kind in kinds if kind] == ["binary", "ordinal", "ordinal"]
    (estimates,) = calls_of(script, "estimates")
    assert '"n ~ w"' in estimates and '"d := 2*a"' in estimates
    assert 'method = "spearman"' in script
    left = [line for line in script.splitlines() if line.startswith('without("')]
    assert not [line for line in left if "nobody has written" in line and '"parameters"' in line]
    plan["estimator"], plan["missing"] = "MLR", "fiml"
    script = r_script(validate(first, scale, covariates=years, plan=plan).to_dict())
    kinds = [re.search(r'kind = "(\w+)"', one) for one in calls_of(script, "levels")]
    assert {kind[1] for kind in kinds if kind} == {"continuous"}


def test_r_is_asked_for_what_a_model_leaves_out_and_for_other_questionnaires(
    answers: pd.DataFrame, scale: Instrument
) -> None:
    """Changes expected, residuals, their counts; relations and ratios with another questionnaire and an outcome."""
    first = answers[answers["wave"] == 1].reset_index(drop=True)
    content = scale.model_dump(mode="json", by_alias=True) | {"id": "calm", "title": "Calm"}
    content["themes"] = [theme | {"id": f"{theme['id']}_too"} for theme in content["themes"][:2]]
    other = Instrument.model_validate(content)
    beside = first[["participant", "wave", *other.item_ids]].sample(frac=0.8, random_state=2)
    outcomes = pd.DataFrame(
        {"participant": first["participant"], "gain": np.arange(len(first)) * 11 % 37 + 0.5}
    )
    plan: dict[str, Any] = {
        "topics": ["models", "relations", "validity"],
        "hypotheses": [{"id": "h", "text": "Calm.", "with": "calm_total", "expected": ">= 0.1"}],
    }
    written: dict[str, pd.DataFrame] = {}
    result = validate(
        first, scale, outcomes=outcomes, measures=[(beside, other)], plan=plan, analysed=written.update
    )
    tree = result.to_dict()
    source = {"files": {"responses": "a.csv", "measure 1": "c.csv"}, "encoding": "UTF-8"}
    script = r_script(tree, source)
    assert 'files <- list(responses = "a.csv", `measure calm` = "c.csv")' in script
    assert list(written["measure_calm"].columns) == ["participant", "wave", *other.item_ids]
    told = re.search(r"^measures <- list\(calm = (.*)\)$", script, re.MULTILINE)
    assert told is not None and 'themes = list(north_too = c("q1", "q2", "q3", "q4")' in told[1]
    assert "q4 = list(reversed = TRUE, codes = c(1, 2, 3, 4, 5), reasons = list(" in told[1]
    (left,) = calls_of(script, "left_out")
    table = tree["sections"]["models"]["tables"]["left_out"]
    operators = {"loading": "=~", "covariance": "~~"}
    assert f"op = {literal([operators[kind] for kind in table['kind']])}" in left
    assert "sizes = list(`=~` = 0.4, `~~` = 0.1)" in calls_of(script, "left_out_counts")[0]
    assert len(calls_of(script, "residuals")) == len(calls_of(script, "residual_counts")) == 1
    correlations = calls_of(script, "correlation")
    assert any('other = "north_too"' in one for one in correlations)
    assert any('other = "gain"' in one for one in correlations)
    assert any('other = "calm_total"' in one for one in correlations)
    ratios, counted = calls_of(script, "htmt")
    assert counted == ratios and 'missing = "pairwise"' in ratios
    assert 'south_too = c("calm:q5", "calm:q6", "calm:q7", "calm:q8")' in ratios
    unwritten = [line for line in script.splitlines() if "nobody has written" in line]
    assert unwritten == []


@pytest.mark.filterwarnings("ignore::instrument.errors.ToolkitWarning")
def test_items_of_different_options_count_alike_in_scores_over_time(
    answers: pd.DataFrame, scale: Instrument
) -> None:
    """One item of each theme is asked with options 0, 10, ... 40 instead of 1 to 5: nothing changes."""
    wide = {f"{10 * k}": f"option {k}" for k in range(5)}
    content = scale.model_dump(mode="json", by_alias=True)
    content["response_scales"]["wide"] = {"options": wide}
    for theme in content["themes"][:2]:
        theme["items"][1]["scale"] = "wide"
    other = Instrument.model_validate(content)
    rows = answers[answers["wave"] != 3]
    moved = rows.assign(**{item: 10 * (rows[item] - 1) for item in ("q2", "q6")})
    found = [
        analysis.context_over_time(given, which, [1, 2], measured_by="scores").paths
        for given, which in ((rows, scale), (moved, other))
    ]
    for name in ("estimate", "se", "pvalue"):
        assert found[1][name].tolist() == pytest.approx(found[0][name].tolist(), abs=1e-5, nan_ok=True)


def test_r_follows_context_and_persons_over_the_waves() -> None:
    """The first context theme by its own words; robust indices under constraints are said not to be in lavaan."""
    study = analysis.simulate_study("dta_example", n=400, seed=4)
    plan = {"topics": ["longitudinal"]}
    numbered = study.responses["wave"].map({"week3": 1, "week6": 2, "week12": 3})
    rows = study.responses.assign(wave=numbered).dropna(subset=["wave"])
    tree = validate(rows.astype({"wave": int}), study.instrument, plan=plan).to_dict()
    section = tree["sections"]["longitudinal"]
    assert {"context", "panel"} <= set(section["tables"])
    script = r_script(tree)
    calls = calls_of(script, "over_time")
    (labelled,) = [one for one in calls if "labels = " in one]
    assert 'labels = c("lead", "back", "difference", "stay", "kept")' in labelled
    own = {theme: study.instrument.theme_items(theme) for theme in study.instrument.dimension_themes}
    (context,) = study.instrument.context_themes
    variables = [*own, *study.instrument.theme_items(context)]
    assert f"variables = {literal(variables)}" in labelled and f"own = {literal(own)}" in labelled
    (panel,) = [one for one in calls if "lhs = " in one]
    assert f'variables = c("{context}", "total")' in panel
    titles = {"Total": "total"}
    first = titles.get(section["tables"]["panel"]["target"][0], context)
    assert f'lhs = c("within.{first}.w2"' in panel
    assert "which lavaan does not give" in script
    assert "nobody has written" not in script


@pytest.mark.parametrize(
    "name", ["use", "adherence", "use_course", "priority", "mechanism", "criterion_items"]
)
def test_sections_on_use_say_why_r_is_not_asked(name: str) -> None:
    topic = next(topic for topic in TOPICS if topic.name == name)
    table = SimpleNamespace(frame=pd.DataFrame())
    section = SimpleNamespace(tables={"routes": table, "unanswered": table}, values={})
    if name == "adherence":  # of a result without models: what has calls is held in test_reproduced_numbers
        found = SimpleNamespace(
            design={"confidence": 0.95, "cluster": None, "context": None},
            coefficients=pd.DataFrame(columns=["model", "predictor", "term"]),
            effects=pd.DataFrame({"predictor": ["total"]}),
            context=pd.DataFrame(),
        )
        twins = twins_of_later_use(None, section, found)  # type: ignore[arg-type]
    else:
        twins = topic.twins(None, section)  # type: ignore[arg-type]
    told = twins.plain()["own"]
    reasons = {why for columns in told.values() for why in columns.values()}
    assert "NOT_WRITTEN" not in reasons
    assert told["routes"]["*"] == ("ITEMS_LEFT" if name == "criterion_items" else "LOG")
    if name == "adherence":
        assert told["unanswered"]["*"] == "SEEDED"
    if name == "mechanism":
        assert told["routes"]["bca_lower"] == "SEEDED"
