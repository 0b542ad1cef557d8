"""Themes whose items make up the score: what has no sense for them is said, and nothing is estimated of it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

import instrument
from analysis.common.verdicts import Cause, Property, State, Verdict
from analysis.pipeline import validate
from analysis.pipeline.context import build_context
from analysis.pipeline.topics import TOPICS
from analysis.pipeline.topics.composites import turned
from analysis.report.limits import untested_lines
from analysis.report.questions import counted_questions, question_rows
from analysis.report.standards import evidence_of
from analysis.report.writing import write_report
from analysis.structural.families.compare_theories import compare_theories, composites_of
from analysis.structural.families.composites import general_on_composites
from analysis.structural.families.context_over_time import context_over_time
from analysis.structural.models import sem
from dashboard.services import section_parts
from instrument.definition import Instrument
from instrument.errors import DefinitionError, NotEstimableError
from instrument.reduced import without_themes
from instrument.scoring.keying import keyed_numbers
from instrument.study import make_study
from instrument.study_data import StudyData

WEST = ["q9", "q10", "q11", "q12"]
TITLE = "Theme of the west"
ASKED = (
    "screening",
    "items",
    "scores",
    "reliability",
    "retest",
    "sampling",
    "models",
    "longitudinal",
    "validity",
)
REFLECTIVE = ("reliability", "sampling", "retention", "exploration", "models", "irt", "groups", "fairness")


def composite(scale: Instrument, *themes: str) -> Instrument:
    content = scale.model_dump(mode="json", by_alias=True)
    for theme in content["themes"]:
        theme["measurement"] = "composite" if theme["id"] in themes else "reflective"
    return Instrument.model_validate(content)


@pytest.fixture(scope="module")
def marked(scale: Instrument) -> Instrument:
    return composite(scale, "west")


@pytest.fixture(scope="module")
def covariates(answers: pd.DataFrame) -> pd.DataFrame:
    people = answers["participant"].unique()
    return pd.DataFrame(
        {"participant": people, "side": np.where(np.arange(len(people)) % 2, "left", "right")}
    )


@pytest.fixture(scope="module")
def tree(marked: Instrument, answers: pd.DataFrame, study: dict[str, Any]) -> dict[str, Any]:
    return validate(answers, marked, study=make_study(study), seed=3, topics=ASKED).to_dict()


def strings(part: Any) -> Iterator[str]:
    if isinstance(part, dict):
        for inside in part.values():
            yield from strings(inside)
    elif isinstance(part, list):
        for inside in part:
            yield from strings(inside)
    elif isinstance(part, str):
        yield part


def test_these_topics_suppose_that_one_thing_shows_in_the_items() -> None:
    assert {topic.name for topic in TOPICS if topic.reflective} == set(REFLECTIVE)


@pytest.mark.parametrize("name", ["reliability", "sampling", "models"])
def test_topics_that_suppose_one_thing_leave_the_composite_out_and_say_why(
    tree: dict[str, Any], name: str
) -> None:
    section = tree["sections"][name]
    assert section["status"] == "ok"
    assert {"what": TITLE, "cause": "composite"} in section["untested"]
    assert untested_lines(section, alone=True)[0] == f"Does not apply: {TITLE}."
    assert not [line for line in untested_lines(section) if line.startswith("Does not apply")]
    assert not [line for line in untested_lines(section) if line.startswith("Could not") and TITLE in line]
    table = section["tables"]["does_not_apply"]
    assert table["title"] == [TITLE]
    assert table["why"][0].startswith("Its items make up the score")
    rest = {
        key: value
        for key, value in section["tables"].items()
        if key not in ("does_not_apply", "composites", "weights")
    }
    assert not {item for item in WEST if item in set(strings(rest))}
    assert "west" not in set(strings(rest))


def test_consistency_of_a_composite_is_a_claim_that_does_not_apply(tree: dict[str, Any]) -> None:
    findings = tree["sections"]["reliability"]["findings"]
    senseless = [finding for finding in findings if finding["verdict"] == "does_not_apply"]
    assert [finding["claim"] for finding in senseless] == [f"{TITLE}: internal consistency"]
    assert (senseless[0]["cause"], senseless[0]["passed"], senseless[0]["value"]) == ("composite", None, None)
    judged = [f for f in findings if f["claim"].endswith("internal consistency") and f not in senseless]
    assert len(judged) == 2


def test_reliability_of_the_other_themes_is_what_it_is_without_the_composite(
    tree: dict[str, Any], marked: Instrument, answers: pd.DataFrame
) -> None:
    alone = validate(
        answers.drop(columns=WEST), without_themes(marked, ["west"]), seed=3, topics=["reliability"]
    ).to_dict()["sections"]["reliability"]
    mine = tree["sections"]["reliability"]["tables"]
    for table in ("alpha", "if_dropped"):
        assert mine[table] == alone["tables"][table]


def test_a_claim_that_does_not_apply_counts_neither_for_nor_against(tree: dict[str, Any]) -> None:
    evidence = evidence_of(tree["sections"])[Property.CONSISTENCY]
    assert evidence.tally.not_applicable == 1
    assert evidence.tally.tested == 2
    assert "Does not apply in 1" in evidence.words
    assert tree["properties"]["consistency"]["not_applicable"] == 1
    row = next(r for r in question_rows(tree) if r.question == "Do the items of each theme go together?")
    assert row.rest.startswith("1 does not apply")
    assert (row.tally.met + row.tally.not_met, row.tally.untested) == (2, 0)


def test_dashboard_lists_what_does_not_apply(tree: dict[str, Any]) -> None:
    page = section_parts(tree, "reliability")
    assert [f["claim"] for f in page["findings"] if f["verdict"] == Verdict.DOES_NOT_APPLY] == [
        f"{TITLE}: internal consistency"
    ]
    assert page["untested"][0].startswith("Does not apply")


def test_report_prints_the_state_in_every_form(tree: dict[str, Any], tmp_path: Path) -> None:
    write_report(tree, tmp_path / "out", forms=("html", "markdown"))
    for file in ("report.html", "report.md"):
        text = (tmp_path / "out" / file).read_text(encoding="utf-8")
        assert text.count("is a list: its items make up the score") == 1, file
        assert "Does not apply (" not in text, file
        assert "Not asked" in text


def test_scores_retest_and_change_go_on(tree: dict[str, Any]) -> None:
    assert TITLE in set(strings(tree["sections"]["scores"]["tables"]))
    assert TITLE in set(strings(tree["sections"]["retest"]["tables"]))


def test_items_of_a_composite_have_statistics_but_no_relation_to_the_rest(tree: dict[str, Any]) -> None:
    table = pd.DataFrame(tree["sections"]["items"]["tables"]["statistics"]).set_index("item")
    assert table.loc[WEST, "mean"].notna().all()
    assert table.loc[WEST, ["item_rest_r", "item_total_r", "average_r"]].isna().all(axis=None)
    assert table.drop(index=WEST)["item_rest_r"].notna().all()


def test_ratios_invariance_over_time_and_alpha_of_the_flagged_are_not_asked_of_it(
    tree: dict[str, Any],
) -> None:
    ratios = tree["sections"]["validity"]["tables"]["htmt"]
    assert "west" not in {*ratios["first"], *ratios["second"]}
    for name in ("validity", "longitudinal", "screening", "items"):
        causes = {part["cause"] for part in tree["sections"][name]["untested"] if TITLE in part["what"]}
        assert causes - {"improper"} == {"composite"}, name  # the path model of these answers is improper


def test_models_hold_factors_of_the_dimensions_only_and_the_composite_as_its_score(
    tree: dict[str, Any], marked: Instrument, answers: pd.DataFrame
) -> None:
    section = tree["sections"]["models"]
    assert all("q9" not in syntax for syntax in section["tables"]["fit"]["syntax"])
    row = {key: column[0] for key, column in section["tables"]["composites"].items()}
    scores = instrument.score(answers, marked).scores
    first = scores[scores["wave"] == 1].set_index("participant")
    kept = first.dropna(subset=["west"]).dropna(how="all", subset=["north", "south"])
    assert row["n"] == len(kept)
    fit = sem("general =~ north + south\ngeneral ~ west", kept, estimator="MLR")
    path = fit.standardized().query("op == '~'").iloc[0]
    assert row["estimate"] == pytest.approx(path["est"], abs=1e-6)
    assert row["pvalue"] == pytest.approx(path["pvalue"], abs=1e-6)


def test_weights_of_the_composite_are_estimated_beside_its_score(
    tree: dict[str, Any], marked: Instrument, answers: pd.DataFrame
) -> None:
    """`west <~ q9 + …` with the scores of the dimensions: the same people, and a larger path by construction."""
    table = pd.DataFrame(tree["sections"]["models"]["tables"]["weights"])
    assert table["what"].tolist() == [*WEST, "path of the weighted sum"]
    assert set(table["title"]) == {TITLE}
    scores = instrument.score(answers, marked).scores
    first = scores[scores["wave"] == 1].set_index("participant")
    kept = first.dropna(subset=["west"]).dropna(how="all", subset=["north", "south"])
    items = keyed_numbers(answers[answers["wave"] == 1].set_index("participant"), marked)[WEST]
    rows = kept[["north", "south"]].join(items)
    model = f"general =~ north + south\nwest <~ {' + '.join(WEST)}\ngeneral ~ west"
    wanted = sem(model, rows, estimator="MLR").standardized().query("op in ('<~', '~')")
    for mine, theirs in (("estimate", "est"), ("se", "se"), ("pvalue", "pvalue")):
        assert table[mine].to_numpy() == pytest.approx(wanted[theirs].to_numpy(), abs=1e-6)
    assert table["n"].tolist() == [len(kept)] * 5
    plain = tree["sections"]["models"]["tables"]["composites"]["estimate"][0]
    assert abs(table["estimate"].iloc[-1]) >= abs(plain) - 1e-6


def test_a_weighted_sum_is_turned_so_that_its_weights_add_up() -> None:
    rows = pd.DataFrame(
        {"est": [-0.5, 0.2], "ci_lower": [-0.8, 0.1], "ci_upper": [-0.1, 0.4], "se": [0.2, 0.1]}
    )
    found = turned(rows)
    assert found["est"].tolist() == [0.5, -0.2] and found["se"].tolist() == [0.2, 0.1]
    assert (found["ci_lower"].tolist(), found["ci_upper"].tolist()) == ([0.1, -0.4], [0.8, -0.1])


def test_with_two_dimensions_the_path_follows_from_three_correlations() -> None:
    """Just identified: loadings from the correlations, path = geometric mean of what both say (by hand)."""
    rng = np.random.default_rng(8)
    context = rng.normal(size=4000)
    general = 0.5 * context + rng.normal(size=4000)
    table = pd.DataFrame(
        {"a": general + rng.normal(size=4000), "b": general + rng.normal(size=4000), "k": context}
    )
    r = table.corr()
    fit = general_on_composites(table, ["a", "b"], ["k"])
    path = fit.standardized().query("op == '~'").iloc[0]["est"]
    by_hand = np.sqrt(r.loc["a", "k"] * r.loc["b", "k"] / r.loc["a", "b"])
    assert path == pytest.approx(by_hand, abs=1e-4)


def test_people_without_the_composite_are_left_out_before_they_are_counted() -> None:
    rng = np.random.default_rng(8)
    table = pd.DataFrame(rng.normal(size=(200, 4)) + rng.normal(size=(200, 1)), columns=list("abck"))
    table.loc[:29, "k"] = np.nan
    table.loc[30:34, ["a", "b", "c"]] = np.nan
    assert general_on_composites(table, ["a", "b", "c"], ["k"]).n_obs == 165
    with pytest.raises(NotEstimableError, match="general_on_composites: 1 dimensions and 1 composites"):
        general_on_composites(table, ["a"], ["k"])


def test_theories_draw_no_factor_behind_a_composite(marked: Instrument, answers: pd.DataFrame) -> None:
    first = answers[answers["wave"] == 1].drop(columns="wave")
    found = compare_theories(first, marked, "MLR")
    assert {model.items for model in found.models.values()} == {"dimensions", "composites"}
    for model in found.models.values():  # no factor stands behind the items of a composite
        assert ("q9" in model.syntax) == ("west <~ q9 + q10" in model.syntax) == (model.items == "composites")
        assert "west =~" not in model.syntax
    assert composites_of(first, marked) == {"west": WEST}
    assert composites_of(first, composite(marked)) == {}


def test_a_composite_enters_as_the_weighted_sum_of_its_items() -> None:
    """One composite that predicts one thing is the regression on its items: another way to the same model."""
    scale, draw, n = long_study(0.4, 3)[0], np.random.default_rng(22).normal, 300
    parts = draw(size=(n, 3))
    general = 0.4 * parts @ [1.0, 0.8, 0.5] + draw(size=n)
    columns = {f"k{j + 1}": parts[:, j] for j in range(3)}
    for name in "abc":
        own = 0.7 * general + 0.6 * draw(size=n)
        columns |= {f"{name}{j}": own + 0.8 * draw(size=n) for j in "123"}
    first = pd.DataFrame({k: np.clip(np.round(3 + v), 1, 5).astype(int) for k, v in columns.items()})
    found = compare_theories(first, scale, "WLSMV")
    own = found.table.set_index("model").loc[["C1 composite beside", "C2 composite predicts"]]
    assert own["items"].tolist() == ["composites"] * 2
    assert own["note"].str.startswith("Composites take answers as numbers (MLR)").all()
    measured = "\n".join(f"{name} =~ {name}1 + {name}2 + {name}3" for name in "abc")
    second = sem(f"{measured}\ngeneral =~ a + b + c\ngeneral ~ k1 + k2 + k3", first, estimator="MLR")
    assert own.loc["C2 composite predicts", "chisq"] == pytest.approx(second.fit["chisq"], rel=1e-6)
    assert own.loc["C2 composite predicts", "df"] == second.fit["df"]
    test = found.tests.set_index("restricted").loc["C2 composite predicts"]
    assert (test["free"], test["df_diff"]) == ("C1 composite beside", own["df"].diff().iloc[-1])
    assert found.main is found.fits["3 correlated"]


def long_study(lead: float, n: int = 600) -> tuple[Instrument, pd.DataFrame]:
    """Three dimensions and a composite at two waves; the composite leads the general factor by `lead`."""
    themes = [
        {
            "id": name,
            "title": name,
            "role": "context" if name == "k" else "dimension",
            "measurement": "composite" if name == "k" else "reflective",
            "items": [{"id": f"{name}{j}", "text": "-"} for j in "123"],
        }
        for name in "abck"
    ]
    options = {"agree": {"options": {code: str(code) for code in range(1, 10)}}}
    whole = {
        "schema": 1,
        "id": "s",
        "version": "1",
        "title": "S",
        "response_scales": options,
        "themes": themes,
    }
    draw = np.random.default_rng(21).normal
    general, context = draw(size=(2, n))
    later = 0.5 * general + lead * context + 0.7 * draw(size=n), 0.6 * context + 0.8 * draw(size=n)
    frames = []
    for wave, (factor, level) in enumerate([(general, context), later], start=1):
        parts = draw(size=(n, 3))  # items of the list share nothing but their mean
        parts += level[:, None] - parts.mean(axis=1, keepdims=True)
        columns = {f"k{j + 1}": parts[:, j] for j in range(3)}
        columns |= {f"{name}{j}": factor + draw(size=n) for name in "abc" for j in "123"}
        coded = {
            item: np.clip(np.round(5 + 1.5 * values), 1, 9).astype(int) for item, values in columns.items()
        }
        frames.append(pd.DataFrame({"participant": range(n), "wave": wave} | coded))
    return Instrument.model_validate(whole), pd.concat(frames, ignore_index=True)


@pytest.mark.parametrize("lead", [0.0, 0.4])
def test_context_over_time_takes_a_composite_as_its_score(lead: float) -> None:
    scale, rows = long_study(lead)
    found = context_over_time(rows, scale, measured_by="scores")
    assert "k.w1 =~" not in found.syntax
    assert "k1" not in found.syntax
    assert "general.w2 ~ stay*general.w1 + lead*k.w1" in found.syntax
    assert (found.n_both, found.n_obs) == (600, 600)
    paths = found.paths
    expected = lead / np.sqrt(0.25 + lead**2 + 0.49)  # standardised, the score as exact as it is
    assert paths.loc["lead", "ci_lower"] < expected < paths.loc["lead", "ci_upper"]
    assert (paths.loc["lead", "pvalue"] < 0.001) == (lead > 0)
    assert paths.loc["back", "ci_lower"] < 0 < paths.loc["back", "ci_upper"]
    with pytest.raises(DefinitionError, match=r"'k' is a composite.*\nHint: use measured_by='scores'"):
        context_over_time(rows, scale)


def test_all_themes_composite_do_not_apply_anywhere(scale: Instrument, answers: pd.DataFrame) -> None:
    every = composite(scale, "north", "south", "west")
    tree = validate(answers, every, topics=["scores", "reliability", "models", "validity"]).to_dict()
    for name in ("reliability", "models"):
        section = tree["sections"][name]
        assert (section["status"], section["cause"]) == ("not_applicable", "composite")
        assert section["message"].startswith("Does not apply")
        assert section_parts(tree, name)["next_step"] == ""
    assert tree["sections"]["scores"]["status"] == "ok"


def test_a_property_of_which_nothing_applies_says_so() -> None:
    finding = {"verdict": "does_not_apply", "cause": "composite", "property": "consistency", "value": None}
    section = {"title": "Reliability", "status": "ok", "cause": None, "bears_on": ["consistency"]}
    evidence = evidence_of({"reliability": {**section, "findings": [finding]}})[Property.CONSISTENCY]
    assert evidence.state is State.DOES_NOT_APPLY
    assert evidence.words.startswith("Does not apply: its items make up the score")


def test_counted_questions_keep_what_does_not_apply_apart(tree: dict[str, Any]) -> None:
    only = {"reliability": {**tree["sections"]["reliability"]}}
    only["reliability"]["findings"] = [
        f for f in only["reliability"]["findings"] if f["verdict"] == "does_not_apply"
    ]
    assert counted_questions({"sections": only}) == ("No rule was asked. 1 does not apply.")


def test_context_without_composites_is_itself(scale: Instrument, answers: pd.DataFrame) -> None:
    context = build_context(StudyData(responses=answers, scale=scale), seed=1)
    assert context.reflective is context
    assert Cause.COMPOSITE.words.startswith("its items")


def test_an_item_that_another_theme_counts_goes_over_to_it(scale: Instrument) -> None:
    content = scale.model_dump(mode="json", by_alias=True)
    content["themes"][2]["items"][0]["also_in"] = ["north", "south"]
    shorter = without_themes(Instrument.model_validate(content), ["west"])
    assert shorter.theme_items("north")[-1] == "q9"
    assert shorter.theme_items("south")[-1] == "q9"
    assert shorter.item("q9").reverse
    with pytest.raises(DefinitionError, match="without_themes: 'x' is no theme"):
        without_themes(scale, ["x"])
    with pytest.raises(DefinitionError, match="no theme of instrument 'likert' is left"):
        without_themes(scale, ["north", "south", "west"])


def test_the_text_on_items_counts_those_that_should_go_together(tree: dict[str, Any]) -> None:
    section = tree["sections"]["items"]
    table = section["tables"]["statistics"]
    others = [r for r, theme in zip(table["item_rest_r"], table["theme"], strict=True) if theme != TITLE]
    assert (section["values"]["items"], section["values"]["related"]) == (12, len(others)) == (12, 8)
    assert section["values"]["weak"] == sum(r < 0.3 for r in others)
    assert not set(WEST) & set(section["values"]["weak_items"].replace(" and ", ", ").split(", "))
