"""No verdict is printed that the data cannot carry: small, one-wave, improper and broken studies of a foreign scale."""

from __future__ import annotations

import copy
import html
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import pytest
import yaml

sys.path.insert(0, str(Path(__file__).parent))
from printed import words_of_page
from three_themes import STUDY

from analysis.common.rules import DIF_COSMIN, INVARIANCE_CFI_ORDINAL, INVARIANCE_RMSEA_ORDINAL
from analysis.common.software import recorded, used
from analysis.common.verdicts import Cause, Property, State
from analysis.disclosure.shared import shared_tree
from analysis.figures.base import to_svg
from analysis.figures.gaps import DRAWN
from analysis.figures.registry import FIGURES, build_figures
from analysis.pipeline import Validation, validate
from analysis.pipeline.context import Context
from analysis.pipeline.reach import by_reason, of_fit
from analysis.pipeline.topics.fairness import _undecided
from analysis.pipeline.topics.groups import judged_levels
from analysis.report import opening_words
from analysis.report.about_app import to_the_point
from analysis.report.extent import Extent
from analysis.report.html import render_html
from analysis.report.limits import limits_of
from analysis.report.markdown import render_markdown
from analysis.report.opening import opening
from analysis.report.questions import counted_questions, hidden_claims, question_rows
from analysis.report.short_forms import render_short_html
from analysis.report.standards import evidence_of, states_sentence
from analysis.report.view import prose
from analysis.simulation.simulate_study import simulate_study
from analysis.structural.inference.improper import Fault
from analysis.structural.models import cfa
from analysis.usage.summarise_usage import summarise_usage
from instrument.definition import Instrument
from instrument.errors import ToolkitWarning
from instrument.loading import load
from instrument.study import make_study

pytestmark = pytest.mark.usefixtures("figures_once")
LEVELS = {1: "Never", 2: "Seldom", 3: "Sometimes", 4: "Often"}
VERDICT_WORDS = re.compile(r"\b(fits?|met|hold|passed|shown)\b")


def garden(n_themes: int = 2, per_theme: int = 4) -> Instrument:
    """A scale about gardens that nothing in the toolkit knows."""
    themes = [
        {
            "id": f"bed{t}",
            "title": f"Bed {'ABCDE'[t]}",
            "role": "dimension",
            "items": [
                {"id": f"g{t}_{k}", "text": f"Soil {t}{k}", "reverse": k == 2} for k in range(per_theme)
            ],
        }
        for t in range(n_themes)
    ]
    definition = {"schema": 1, "id": "garden", "version": "0.3", "title": "Gardening", "status": "validated"}
    definition |= {"response_scales": {"often": {"options": LEVELS}}, "themes": themes}
    return Instrument.model_validate(definition)


def answers_of(
    scale: Instrument, n: int, *, wave: int = 1, strength: float = 0.9, seed: int = 5
) -> pd.DataFrame:
    """Answers of n people to a scale whose themes correlate; reversed items as they were answered."""
    rng = np.random.default_rng(seed)
    common = rng.normal(size=n)
    columns: dict[str, Any] = {"participant": [f"p{k:05d}" for k in range(n)], "wave": wave}
    for theme in scale.themes:
        own = 0.5 * common + rng.normal(size=n)
        for item in theme.items:
            latent = strength * own + rng.normal(size=n)
            codes = np.digitize(latent, [-1.1, 0.0, 1.1]) + 1
            columns[item.id] = pd.array(5 - codes if item.reverse else codes, dtype="Int64")
    return pd.DataFrame(columns)


def with_heywood(scale: Instrument, n: int) -> pd.DataFrame:
    """The first item goes with three that hardly go with each other: its variance comes out negative."""
    frame = answers_of(scale, n, seed=11)
    correlations = np.full((4, 4), 0.5)
    correlations[0], correlations[:, 0] = 0.8, 0.8
    np.fill_diagonal(correlations, 1.0)
    latent = np.random.default_rng(12).multivariate_normal(np.zeros(4), correlations, n)
    for item, values in zip(scale.themes[0].items, latent.T, strict=True):
        codes = np.digitize(values, [-1.0, 0.0, 1.0]) + 1
        frame[item.id] = pd.array(5 - codes if item.reverse else codes, dtype="Int64")
    return frame


def people(frame: pd.DataFrame, **columns: Any) -> pd.DataFrame:
    ids = pd.unique(frame["participant"])
    return pd.DataFrame(
        {"participant": ids, **{key: np.resize(value, len(ids)) for key, value in columns.items()}}
    )


@pytest.fixture(scope="module")
def twenty() -> Validation:
    scale = garden()
    frame = answers_of(scale, 20)
    return validate(frame, scale, covariates=people(frame, plot=["sunny", "shady"]), seed=2)


@pytest.fixture(scope="module")
def three_hundred() -> Validation:
    scale = garden()
    frame = answers_of(scale, 300)
    return validate(frame, scale, covariates=people(frame, plot=["sunny", "shady"]), seed=2)


@pytest.fixture(scope="module")
def hollow() -> Validation:
    """Three hundred people, one item that nobody was shown."""
    scale = garden()
    frame = answers_of(scale, 300)
    frame["g0_1"] = pd.array([pd.NA] * 300, dtype="Int64")
    return validate(frame, scale, seed=2)


@pytest.fixture(scope="module")
def tiny_groups() -> Validation:
    scale = garden()
    frame = answers_of(scale, 300)
    rare = people(frame, plot=["sunny"] * 29 + ["shady"])
    return validate(frame, scale, covariates=rare, seed=2, topics=("groups", "fairness"))


def test_no_table_without_rows_is_printed(twenty: Validation) -> None:
    bare = re.compile(r"\|[-:|]+\|\n(?!\|)")
    empty = 0
    frame = answers_of(garden(), 85)
    ages = people(frame, age=np.arange(18, 103))
    for found in (twenty, validate(frame, garden(), covariates=ages, topics=["fairness"])):
        sections = [s for s in found.tree["sections"].values() if s["status"] == "ok"]
        tables = [columns for s in sections for columns in s["tables"].values()]
        empty += sum(not any(columns.values()) for columns in tables)
        text = render_markdown(found.tree)
        assert not bare.search(text)
        assert text.count("\n**Table ") == sum(any(columns.values()) for columns in tables)
        page = render_html(found.tree)
        assert all("<td" in table or '<th scope="row"' in table for table in page.split("<table")[1:])
    assert empty


def printed_forms(tree: dict[str, Any]) -> Iterator[tuple[str, str]]:
    yield "html", words_of_page(render_html(tree))
    yield "markdown", render_markdown(tree)
    yield "short", words_of_page(render_short_html(tree))


def states(tree: dict[str, Any]) -> dict[str, str]:
    return {key: part["state"] for key, part in tree["properties"].items()}


def test_twenty_people_judge_no_property(twenty: Validation) -> None:
    found = states(twenty.tree)
    assert found["structure"] == found["consistency"] == found["invariance"] == "not_testable"
    assert set(found.values()) == {"not_testable", "not_asked"}
    judged = [
        f for s in twenty.tree["sections"].values() for f in s["findings"] if f["verdict"] != "untested"
    ]
    assert {f["question"] for f in judged} == {"Did enough people answer?"}
    alpha = twenty.tree["sections"]["reliability"]["tables"]["alpha"]
    assert all(
        low < value < high
        for low, value, high in zip(*(alpha[k] for k in ("ci_lower", "alpha", "ci_upper")), strict=True)
    )


def test_one_calm_box_says_what_twenty_people_allow(twenty: Validation) -> None:
    limits = limits_of(twenty.tree)
    assert [limit.cause for limit in limits] == [Cause.FEW_PEOPLE]
    described, out = limits[0].lines
    assert described.startswith("Enough for numbers, not for a verdict: answers to each item")
    assert "mean scores with their range" in described and "alpha with its range" in described
    for subject in ("structure", "response models", "comparisons of groups"):
        assert subject in out and subject not in described
    page = render_html(twenty.tree)
    assert page.count("<b>What so few people allow.</b>") == 1
    assert 'class="alarm"' not in page and "Failed" not in page
    assert page.count('class="notice" role="note"><b>Limit.</b>') <= 1
    short = render_html(twenty.tree, Extent.MAIN)
    sections = to_the_point(twenty.tree)  # of a garden: nothing is said of the use of an app
    assert set(twenty.tree["sections"]) - set(sections) >= {"use", "adherence", "psd_audit"}
    messages = {s["message"] for s in sections.values() if s["status"] != "ok"}
    assert len(messages) > 2 and all(html.unescape(short).count(message) == 1 for message in messages)
    assert "--usage" not in html.unescape(short) and "--audit" not in html.unescape(short)
    for name in sections:
        assert short.count(f'id="{name}"') == 1, name  # where the contents lead to


def test_the_short_report_does_not_count_checks_that_were_never_made(twenty: Validation) -> None:
    said = words_of_page(render_short_html(twenty.tree))
    assert "checks passed" not in said
    assert "Could not be tested: too few people" in said
    assert "Too few people answered to say how far you can trust the questions" in said
    assert "Ask more people. Too few answered to say how good the questions are." in said


def test_no_form_prints_nan(
    twenty: Validation, three_hundred: Validation, hollow: Validation, tiny_groups: Validation
) -> None:
    for validation in (twenty, three_hundred, hollow, tiny_groups):
        for form, text in printed_forms(validation.tree):
            assert not re.search(r"\b(nan|inf)\b", text, re.I), form
        for section in validation.tree["sections"].values():
            for figure in build_figures(section, validation.tree["meta"]).values():
                assert not re.search(r"\bnan\b", figure.alt + to_svg(figure, 400), re.I), figure.title


def test_a_figure_of_too_few_people_speaks_of_no_cut_off(
    twenty: Validation, three_hundred: Validation
) -> None:
    drawn = {}
    for name, validation in (("twenty", twenty), ("enough", three_hundred)):
        section = validation.tree["sections"]["reliability"]
        figure = build_figures(section, validation.tree["meta"])["reliability"]
        drawn[name] = figure.title + to_svg(figure, 400)
    assert "too few people for a verdict" in drawn["twenty"] and "cut-off" not in drawn["twenty"]
    assert "dashed line" not in drawn["twenty"]
    assert "reaches the cut-off" in drawn["enough"] and "dashed line: .70" in drawn["enough"]
    assert "too few people" not in drawn["enough"]


def test_retest_and_ratios_of_too_few_people_are_drawn_without_a_side(tree: dict[str, Any]) -> None:
    made = copy.deepcopy(tree)
    retest, validity = made["sections"]["retest"], made["sections"]["validity"]
    above = build_figures(retest, made["meta"])["retest"]
    assert above.title.endswith("dashed line: .70")
    retest["tables"]["retest"]["icc"][0] = 0.69
    whole = build_figures(retest, made["meta"])["retest"]
    assert "squares lie below it" in whole.title
    retest["tables"]["retest"]["n"] = [12] * len(retest["tables"]["retest"]["n"])
    few = build_figures(retest, made["meta"])["retest"]
    assert few.title == "Retest among the stable; too few people for a verdict" and "0.70" not in few.title
    assert "at or above the cut-off" not in to_svg(few, 400)
    assert "below the cut-off" in to_svg(build_figures(validity, made["meta"])["htmt"], 400)
    for finding in validity["findings"]:
        finding |= {"verdict": "untested", "cause": "few_people", "passed": None}
    svg = to_svg(build_figures(validity, made["meta"])["htmt"], 400)
    assert "below the cut-off" not in svg and "too few people for a verdict" in svg


def test_one_theme_is_judged_by_its_one_factor() -> None:
    scale = garden(1)
    section = validate(answers_of(scale, 200), scale, topics=("models",)).tree["sections"]["models"]
    text = prose(section)
    assert text[1].startswith("With one factor, CFI is") and "These are the robust indices" in text[2]
    assert {f["verdict"] for f in section["findings"] if f["property"] == "structure"} == {"met"}


def test_a_subject_of_the_box_stands_once(twenty: Validation) -> None:
    made = copy.deepcopy(twenty.tree)
    models = made["sections"]["models"]  # described, while other sections on structure are out of reach
    claim = {"verdict": "untested", "cause": "few_people", "value": 0.9}
    models |= {"status": "ok", "cause": None, "findings": [claim]}
    described, out = limits_of(made)[0].lines
    assert "structure" in described and "structure" not in out


def test_one_reason_is_one_box_whatever_it_concerns() -> None:
    same = [(f"model {k}", "it did not converge.") for k in range(11)]
    found = by_reason([*same, ("another", "no one is left.")])
    assert found == [
        f"{'; '.join(what for what, _ in same)}: it did not converge.",
        "another: no one is left.",
    ]


def test_where_answers_lack_more_people_are_not_what_is_asked_for() -> None:
    """Enough people answered; those who answered every item of a theme are too few."""
    scale = garden()
    answers = answers_of(scale, 240)
    rng = np.random.default_rng(8)
    left = rng.random((len(answers), len(scale.item_ids))) < 0.45
    answers[scale.item_ids] = answers[scale.item_ids].mask(left)
    complete = min(
        int(answers[[item.id for item in theme.items]].notna().all(axis=1).sum()) for theme in scale.themes
    )
    assert complete < 30
    made = validate(answers, scale, topics=["flow", "scores", "reliability"])
    causes = {finding["cause"] for finding in made.tree["sections"]["reliability"]["findings"]}
    assert causes == {Cause.FEW_COMPLETE}
    page = opening(made.tree)
    consistency = next(point for point in page.points if point.prop is Property.CONSISTENCY)
    assert (consistency.few, consistency.incomplete) == (False, True)
    assert not any("Ask more people." in step.text for step in page.steps)
    assert "See why so many answers are missing." in page.steps[0].text
    assert Cause.FEW_PEOPLE not in {limit.cause for limit in limits_of(made.tree)}
    short = render_short_html(made.tree)
    assert "Too few people answered to say" not in short
    assert "too few people answered all of its questions" in short


def test_no_box_speaks_of_few_people_where_they_are_enough(three_hundred: Validation) -> None:
    assert Cause.FEW_PEOPLE not in {limit.cause for limit in limits_of(three_hundred.tree)}


@pytest.mark.parametrize("gone", ["one row", "every row"])
def test_a_missing_number_is_neither_drawn_nor_told(
    gone: str, tree: dict[str, Any], three_hundred: Validation
) -> None:
    """Whatever number a figure draws: without it no `nan` is in its words or its drawing."""
    count = 0
    for made in (tree, three_hundred.tree):
        for section in made["sections"].values():
            for name, base in build_figures(section, made["meta"]).items():
                if "@" in name:
                    continue
                torn = copy.deepcopy(section)
                torn["figures"] = [name]
                for table, needed in DRAWN[name].items():
                    columns = torn["tables"].get(table, {})
                    for key in set(needed) & set(columns):
                        column = columns[key]
                        columns[key] = [
                            None if gone == "every row" or k == 0 else v for k, v in enumerate(column)
                        ]
                for figure in build_figures(torn, made["meta"]).values():
                    drawn = figure.alt + to_svg(figure, 400)
                    assert not re.search(r"\bnan\b|>None<|>null<", drawn, re.I), (name, base.title)
                count += 1
    assert count > 15
    assert set(FIGURES) - set(DRAWN) == {"audit", "distribution"}  # these leave gaps out themselves


def test_three_hundred_of_one_wave_are_judged_and_what_was_not_asked_is_said(
    three_hundred: Validation,
) -> None:
    found = states(three_hundred.tree)
    assert found["structure"] == found["consistency"] == "shown"
    for key in ("reliability", "error", "criterion", "hypotheses", "responsiveness", "content"):
        assert found[key] == "not_asked", key
    assert three_hundred.tree["sections"]["longitudinal"]["status"] == "not_applicable"
    counts = three_hundred.tree["properties"]["structure"]
    assert (counts["met"], counts["not_met"], counts["untested"]) == (4, 0, 0)


def test_an_item_that_nobody_answered_gives_one_box_and_no_failure(hollow: Validation) -> None:
    tree = hollow.tree
    assert tree["meta"]["without_variation"] == ["g0_1"]
    limits = {limit.cause: limit for limit in limits_of(tree)}
    assert set(limits) == {Cause.NO_VARIATION}
    assert "g0_1" in limits[Cause.NO_VARIATION].lines[0]
    assert "Stated structures" in limits[Cause.NO_VARIATION].lines[1]
    assert not any(s["status"] == "failed" or s["problems"] for s in tree["sections"].values())
    consistency = tree["properties"]["consistency"]  # one theme of two: that is not all
    assert (consistency["met"], consistency["untested"], consistency["state"]) == (1, 1, "partly_shown")
    assert states(tree)["structure"] == "not_testable"
    page = render_html(tree)
    assert 'class="alarm"' not in page
    assert page.count("Items that tell nobody apart") == 1


@pytest.mark.parametrize("correlation", ["polychoric", "pearson"])
def test_an_omega_whose_factor_leaves_an_item_no_variance_is_neither_told_nor_judged(
    correlation: Any,
) -> None:
    scale = garden()
    found = validate(
        with_heywood(scale, 300), scale, topics=("reliability",), correlation=correlation, seed=2
    ).tree["sections"]["reliability"]
    alpha = found["tables"]["alpha"]
    assert alpha["omega"][0] is None and alpha["omega"][1] > 0.7
    assert found["untested"] == [{"what": "Bed A, omega", "cause": "improper"}]
    assert found["problems"] == [] and found["status"] == "ok"
    assert [f["claim"] for f in found["findings"]] == [
        "Bed A: internal consistency",
        "Bed B: internal consistency",
        "Bed B: omega total",
    ]
    parts = found["tables"].get("by_part", {"theme": [], "omega": []})
    assert all(o is None for t, o in zip(parts["theme"], parts["omega"], strict=True) if t == "bed0")


def test_groups_too_small_to_compare_are_no_missing_groups(
    tiny_groups: Validation, three_hundred: Validation
) -> None:
    for name in ("groups", "fairness"):
        section = tiny_groups.tree["sections"][name]
        assert (section["status"], section["cause"]) == ("untestable", "few_in_group")
        assert "120 people" in section["message"]
    assert states(tiny_groups.tree)["invariance"] == "not_testable"
    bare = validate(answers_of(garden(), 60), garden(), topics=("groups",)).tree
    assert states(bare)["invariance"] == "not_asked"
    assert three_hundred.tree["sections"]["groups"]["status"] == "ok"


@pytest.fixture(scope="module")
def improper() -> Validation:
    scale = garden()
    return validate(with_heywood(scale, 300), scale, seed=2, topics=("reliability", "exploration", "models"))


def test_a_heywood_case_judges_nothing_and_draws_no_path(improper: Validation) -> None:
    models = improper.tree["sections"]["models"]
    assert models["status"] == "ok" and "negative_variance" in " ".join(models["tables"]["fit"]["faults"])
    row = models["tables"]["fit"]["model"].index("2 correlated")
    assert models["tables"]["fit"]["solution"][row] == "improper"
    assert {(f["verdict"], f["cause"], f["passed"]) for f in models["findings"]} == {
        ("untested", "improper", None)
    }
    assert "paths" not in models["figures"] and "extracted" not in models["tables"]
    text = " ".join(models["prose"])
    assert "With a factor per theme" not in text and "an improper solution" in text
    assert states(improper.tree)["structure"] == "not_testable"
    assert not re.search(r"\bnan\b", words_of_page(render_html(improper.tree)), re.I)


FAULTS = ["improper", "few_people", "few_in_group", "no_variation", "nothing_left", "not_estimated"]


@pytest.mark.parametrize("cause", FAULTS)
@pytest.mark.parametrize(
    "section", ["models", "reliability", "retest", "groups", "irt", "validity", "fairness"]
)
def test_no_verdict_word_stands_where_the_ground_is_missing(
    section: str, cause: str, tree: dict[str, Any], three_hundred: Validation
) -> None:
    """Whatever a section asks: once its claims are untested, no form says met, holds, passed or shown of them."""
    made = copy.deepcopy(tree if section == "retest" else three_hundred.tree)
    found = made["sections"][section]
    assert found["findings"], section
    for finding in found["findings"]:
        finding |= {"verdict": "untested", "cause": cause, "passed": None}
    rows = [row for row in question_rows(made) if row.section == section]
    for row in rows:
        assert row.state is State.UNTESTABLE and row.met == "–" and row.worst is None
        assert not VERDICT_WORDS.search(row.hold) and not VERDICT_WORDS.search(row.rest)
    bearing = {f["property"] for f in found["findings"]} - {None}
    alone = {name: part for name, part in made["sections"].items() if name == section}
    for key in bearing:
        evidence = evidence_of(alone)[Property(key)]
        assert evidence.state is State.UNTESTABLE
        assert Cause(cause).words in evidence.words and not VERDICT_WORDS.search(evidence.words)
    said = words_of_page(render_short_html({**made, "sections": alone}))
    assert "checks passed" not in said


def test_the_same_states_everywhere(twenty: Validation, three_hundred: Validation, tmp_path: Path) -> None:
    for validation in (twenty, three_hundred):
        tree = validation.tree
        rows = evidence_of(tree["sections"])
        assert states(tree) == {key.value: row.state.value for key, row in rows.items()}
        for form, text in printed_forms(tree):
            if form != "short":
                flat = " ".join(text.split())
                for row in rows.values():
                    assert " ".join(row.words.split()) in flat, (form, row.name)
        lines = states_sentence(tree["sections"])
        for row in rows.values():
            line = next(line for line in lines if line.startswith(row.state.words + ":"))
            assert row.name[0].lower() + row.name[1:] in line


def test_the_terminal_says_the_states(tmp_path: Path) -> None:
    scale = garden()
    (tmp_path / "garden.yaml").write_text(
        yaml.safe_dump(scale.model_dump(by_alias=True, mode="json", exclude_none=True))
    )
    answers_of(scale, 20).to_csv(tmp_path / "answers.csv", index=False)
    done = subprocess.run(
        [sys.executable, "-m", "dta", "validate", "answers.csv", "-i", "garden.yaml", "--out", "r"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "Could not be tested: structural validity, internal consistency." in done.stdout
    assert "What so few people allow: Enough for numbers, not for a verdict" in done.stdout
    assert "Failed" not in done.stdout and "rules met" not in done.stdout


def test_each_rule_is_one_row_of_its_question(three_hundred: Validation) -> None:
    tree = three_hundred.tree
    rows = question_rows(tree)
    claims = [f for s in tree["sections"].values() for f in s["findings"]]
    assert len({(r.section, r.question, r.rule) for r in rows}) == len(rows)
    total = sum(r.tally.tested + r.tally.untested + r.tally.hidden for r in rows)
    assert total == len(claims) > len(rows)
    alpha = next(r for r in rows if r.rule.startswith("COSMIN internal consistency"))
    values = tree["sections"]["reliability"]["tables"]["alpha"]["alpha"]
    assert alpha.met == "2 of 2"
    low, high = (f"{end:.2f}".removeprefix("0") for end in (min(values), max(values)))
    assert alpha.worst_value == low and alpha.range == f"{low} to {high}"
    assert all(place > alpha.cut for place in alpha.places)
    ends = next(r for r in rows if r.rule.startswith("Floor or ceiling"))
    scores = tree["sections"]["scores"]["tables"]["scores"]
    assert (
        ends.worst_value == f"{100 * max(scores['floor'] + scores['ceiling']):.1f}%"
    )  # the largest is the worst
    shown = sum(r.state is State.SHOWN for r in rows)
    assert counted_questions(tree).startswith(f"{len(rows)} rules were asked: {shown} hold everywhere")


def test_the_shared_view_says_why_it_has_fewer(three_hundred: Validation) -> None:
    seen = shared_tree(three_hundred.tree)
    hidden = hidden_claims(seen)
    assert hidden > 0 and hidden_claims(three_hundred.tree) == 0
    claims = [f for s in seen["sections"].values() for f in s["findings"]]
    assert len(claims) == sum(len(s["findings"]) for s in three_hundred.tree["sections"].values())
    for finding in claims:
        if finding["verdict"] == "hidden":
            assert finding["value"] is None and finding["passed"] is None
    assert f"very few people: {hidden}." in render_html(
        seen
    ) and f"very few people: {hidden}." in render_markdown(seen)
    assert states(seen)["consistency"] == "shown"


@pytest.mark.parametrize(
    ("changes", "significant", "cause"),
    [
        ([0.001, 0.019], [True, True], None),  # below the cut-off: met, significant or not
        ([0.001, 0.030], [True, True], None),  # large and significant: not met
        ([0.001, 0.030], [True, False], Cause.UNDECIDED),  # large, but not told from chance
        ([0.025, 0.030], [True, False], None),  # another is large and significant
        ([np.nan, 0.001], [False, False], None),
    ],
)
def test_a_large_change_that_is_not_significant_decides_nothing(
    changes: list[float], significant: list[bool], cause: Cause | None
) -> None:
    items = pd.DataFrame({"mcfadden_total": changes, "significant": significant})
    assert _undecided(items, "mcfadden_total", DIF_COSMIN) is cause


def test_the_largest_change_is_the_one_observed_with_its_item_and_p(three_hundred: Validation) -> None:
    section = three_hundred.tree["sections"]["fairness"]
    items = pd.DataFrame(section["tables"]["items"])
    assert not items["significant"].any()  # the groups were drawn alike
    row = pd.DataFrame(section["tables"]["groupings"]).iloc[0]
    for column, item, pvalue, source in (
        ("largest_change", "largest_item", "largest_pvalue", "nagelkerke_total"),
        ("largest_mcfadden", "largest_mcfadden_item", "largest_mcfadden_pvalue", "mcfadden_total"),
    ):
        largest = items.loc[items[source].idxmax()]
        assert row[column] == largest[source] > 0
        assert row[item] == largest["item"] and row[pvalue] == largest["p_adjusted_total"]


def test_scaled_and_robust_stand_side_by_side_and_a_disagreement_is_said(three_hundred: Validation) -> None:
    section = three_hundred.tree["sections"]["models"]
    fit, values = section["tables"]["fit"], section["values"]
    row = fit["model"].index("2 correlated")
    shown = section["captions"]["fit"]["columns"]
    for index in ("cfi", "tli", "rmsea"):
        assert {f"{index}_robust", f"{index}_scaled"} <= set(shown)
        assert values[index] == fit[f"{index}_robust"][row]
        assert values[f"{index}_scaled"] == fit[f"{index}_scaled"][row]
    judged = {f["path"].split(".")[-1] for f in section["findings"] if f["property"] == "structure"}
    assert judged == {f"cfi_robust[{row}]", f"tli_robust[{row}]", f"rmsea_robust[{row}]", f"srmr[{row}]"}
    assert fit["chisq"][row] != fit["chisq_scaled"][row]
    assert values["disagree"] == "" and "Both fall on the same side" in " ".join(section["prose"])


def test_indices_that_disagree_are_named() -> None:
    scale = garden(3)
    frame = answers_of(scale, 400, seed=3)
    rng = np.random.default_rng(8)
    shared = rng.normal(size=400)  # two items of different themes share what no theme holds
    for item in ("g0_0", "g1_0", "g2_0"):
        frame[item] = pd.array(
            np.digitize(1.1 * shared + rng.normal(size=400), [-1.1, 0, 1.1]) + 1, dtype="Int64"
        )
    section = validate(frame, scale, seed=2, topics=("models",)).tree["sections"]["models"]
    values, text = section["values"], " ".join(section["prose"])
    sides = {
        "CFI": (values["cfi"] > 0.95, values["cfi_scaled"] > 0.95),
        "TLI": (values["tli"] > 0.95, values["tli_scaled"] > 0.95),
        "RMSEA": (values["rmsea"] < 0.06, values["rmsea_scaled"] < 0.06),
    }
    apart = [name for name, (robust, scaled) in sides.items() if robust != scaled]
    assert values["disagree"] == " and ".join(apart).replace(" and ", ", ", max(len(apart) - 2, 0))
    assert ("disagree on which side" in text) == bool(apart)


def test_hypotheses_on_other_measures_need_enough_people() -> None:
    scale = garden()
    frame = answers_of(scale, 25)
    hypothesis = {"id": "h1", "text": "Older people tend better", "measure": "correlation bed0, years"}
    study = make_study(
        {**STUDY, "instrument": "garden", "hypotheses": [hypothesis | {"expected": ">= -0.9"}]}
    )
    found = {}
    for n, table in ((25, frame), (60, answers_of(scale, 60))):
        years = people(table, years=np.arange(20, 80))
        tree = validate(table, scale, study=study, covariates=years, topics=("validity",)).tree
        found[n] = (
            tree["properties"]["hypotheses"]["state"],
            tree["sections"]["validity"]["values"]["share"],
        )
    assert found == {25: ("not_testable", None), 60: ("shown", 1.0)}


@pytest.mark.parametrize(
    ("steps", "pvalues", "verdict", "cause", "at"),
    [
        ([0.004, 0.002, 0.003], [0.2, 0.2, 0.2], "met", None, 1),
        ([0.030, 0.002, 0.003], [0.01, 0.2, 0.2], "not_met", None, 1),  # lost at the thresholds, not later
        ([0.002, 0.030, -0.01], [0.2, 0.01, 0.2], "not_met", None, 2),  # at the loadings
        ([0.030, 0.002, 0.003], [0.3, 0.01, 0.01], "untested", "undecided", 1),
        ([0.030, 0.020, 0.003], [0.3, 0.01, 0.2], "not_met", None, 1),
    ],
)
def test_a_loss_of_fit_anywhere_up_to_equal_intercepts_is_judged(
    steps: list[float], pvalues: list[float], verdict: str, cause: str | None, at: int
) -> None:
    levels = ["configural", "thresholds", "metric", "scalar", "strict"]
    table = pd.DataFrame(
        {"level": levels, "rmsea_diff": [np.nan, *steps, 0.5], "cfi_diff": [np.nan, *([0.0] * 3), -1]}
    )
    table = table.assign(pvalue_diff=[np.nan, *pvalues, 0.0], testable=[None, True, True, True, True])
    proper = SimpleNamespace(faults=(), fit={"df": 2}, groups={"a": 1, "b": 1})
    result = SimpleNamespace(
        table=table,
        fits=dict.fromkeys(levels, proper),
        rules=(INVARIANCE_CFI_ORDINAL, INVARIANCE_RMSEA_ORDINAL),
    )
    cfi, rmsea = judged_levels("Bed A, by plot", result, 10, "p", None)  # type: ignore[arg-type]
    assert (cfi.verdict, cfi.cause) == ("met", None)  # the strict level is not asked
    assert (rmsea.verdict, rmsea.cause, rmsea.path) == (verdict, cause, f"p.rmsea_diff[{10 + at}]")
    assert rmsea.value == max(steps)
    spoilt = SimpleNamespace(faults=(Fault.NEGATIVE_VARIANCE,), fit={"df": 2}, groups={"a": 1, "b": 1})
    result.fits = {**result.fits, "metric": spoilt}
    assert {f.cause for f in judged_levels("", result, 0, "p", None)} == {Cause.IMPROPER}  # type: ignore[arg-type]
    table["testable"] = [None, False, False, False, True]
    assert {f.cause for f in judged_levels("", result, 0, "p", None)} == {Cause.NOTHING_LEFT}  # type: ignore[arg-type]


def test_faults_of_a_solution_are_types() -> None:
    rng = np.random.default_rng(3)
    table = pd.DataFrame(rng.normal(size=(60, 3)), columns=["x1", "x2", "x3"])
    table["x1"] = 0.95 * table["x2"] + 0.1 * rng.normal(size=60)
    with pytest.warns(ToolkitWarning, match="Heywood"):
        found = cfa("f =~ x1 + x2 + x3", table, "ML")
    assert found.faults == (Fault.NEGATIVE_VARIANCE,) and of_fit(found) is Cause.IMPROPER
    scale = garden(1)
    items = scale.item_ids
    few = answers_of(scale, 12)[items].astype(float)
    with pytest.warns(ToolkitWarning):
        small = cfa(f"f =~ {' + '.join(items)}", few)
    assert {Fault.FEW_ROWS, Fault.INDEFINITE} <= set(small.faults)
    sound = answers_of(scale, 300)[items].astype(float)
    assert cfa(f"f =~ {' + '.join(items)}", sound).faults == ()
    saturated = cfa(f"f =~ {' + '.join(items[:3])}", sound)
    assert saturated.faults == () and of_fit(saturated) is Cause.NOTHING_LEFT


def test_a_section_names_the_software_that_ran_and_no_other(tree: dict[str, Any], twenty: Validation) -> None:
    def names(section: str, of: dict[str, Any] = tree) -> set[str]:
        return set(of["sections"][section]["method"]["software"]) - {"dta-toolkit"}

    assert names("retest") == {"pingouin"}  # the ICC
    for section in ("exploration", "flow", "models", "irt", "scores"):
        assert names(section) == set()
    assert names("models", twenty.tree) == set()  # it was not tried
    ran = {name for section in tree["sections"] for name in names(section)}
    assert set(tree["meta"]["versions"]) == {"python", "dta-toolkit", "numpy", "scipy", "pandas"} | ran
    assert "statsmodels" not in twenty.tree["meta"]["versions"]


def test_a_summary_of_use_made_elsewhere_names_its_engine() -> None:
    data = simulate_study("dta_example", n=60, seed=3)
    made = summarise_usage(data.usage, data.study)
    assert made.rule["engine"] == "duckdb"
    for usage in (data.usage, made):
        tree = validate(data.responses, load("dta"), usage=usage, study=data.study, topics=("use",)).tree
        assert set(tree["sections"]["use"]["method"]["software"]) == {
            "dta-toolkit",
            "ibis-framework",
            "duckdb",
        }


def test_software_is_recorded_where_it_is_called() -> None:
    with recorded() as outer:
        used("one")
        with recorded() as inner:
            used("two")
        assert inner == {"two"}
    assert outer == {"one", "two"}
    used("nobody listens")
    context = Context(responses=pd.DataFrame(), scale=garden())

    def make() -> int:
        used("slow")
        return 1

    for _ in range(2):  # what is kept was computed with it, too
        with recorded() as ran:
            assert context.once("x", make) == 1
        assert ran == {"slow"}


def test_every_number_is_that_of_the_ledger(
    unlike: Callable[..., list[str]], twenty: Validation, hollow: Validation, tiny_groups: Validation
) -> None:
    for name, found in {"twenty": twenty, "hollow": hollow, "tiny_groups": tiny_groups}.items():
        assert unlike(name, found.tree["sections"]) == []


@pytest.mark.parametrize("per_theme", [1, 2])
def test_too_few_items_for_a_model_are_a_limit_of_the_scale_and_no_failure(per_theme: int) -> None:
    """Three options and two items a theme: no model of groups or waves is determined, however many answer."""
    options = {"response_scales": {"often": {"options": {1: "Never", 2: "Seldom", 3: "Often"}}}}
    whole = garden(3, per_theme).model_dump(mode="json", exclude_none=True, by_alias=True)
    scale = Instrument.model_validate(whole | options)
    waves = [answers_of(scale, 300, wave=wave, seed=wave) for wave in (1, 2)]
    answers = pd.concat(waves, ignore_index=True)
    answers[answers.columns[2:]] = answers[answers.columns[2:]].clip(upper=3)
    sides = people(answers, plot=["north", "south"])
    found = validate(answers, scale, covariates=sides, topics=["models", "groups", "longitudinal"])
    sections = found.tree["sections"]
    assert [body["problems"] for body in sections.values()] == [[], [], []]
    assert sections["groups"]["untested"] and sections["longitudinal"]["untested"]
    causes = {row["cause"] for body in sections.values() for row in body["untested"]}
    assert causes <= {Cause.NOT_DETERMINED.value, Cause.NOTHING_LEFT.value, Cause.IMPROPER.value}
    assert not any("Mend what failed" in step.text for step in opening(found.tree).steps)


def test_a_model_without_a_solution_is_named_and_nothing_to_mend() -> None:
    """One factor behind three themes: a factor of a theme beside a general one is nowhere to be found."""
    rng = np.random.default_rng(77)
    scale = garden(3)
    latent = 0.75 * rng.normal(size=(85, 1)) + 0.66 * rng.normal(size=(85, 12))
    codes = pd.DataFrame(np.digitize(latent, [-1, 0.2, 1.1]) + 1, columns=scale.item_ids).astype("Int64")
    for item in scale.item_ids:
        codes[item] = 5 - codes[item] if scale.item(item).reverse else codes[item]
    codes.insert(0, "participant", [f"p{k:03d}" for k in range(85)])
    codes.insert(1, "wave", 1)
    found = validate(codes, scale, topics=["exploration", "models", "validity"])
    models = found.tree["sections"]["models"]
    one = models["values"]
    assert prose(models)[1] == (
        "The fit of a factor per theme says nothing here: an improper solution; with one factor for the same "
        f"items, CFI is {one['one_cfi']:.3f} and RMSEA {one['one_rmsea']:.3f}.".replace(" 0.", " .")
    )
    explored = found.tree["sections"]["exploration"]
    share = f"{explored['values']['explained']:.1%}"
    assert prose(explored)[0] == f"With 1 factor, {share} of the variance is explained."
    assert models["problems"] == []
    causes = {row["what"]: row["cause"] for row in models["untested"]}
    lost = [what for what, cause in causes.items() if cause == Cause.NOT_FOUND]
    assert lost and not lost[0].startswith(tuple(models["tables"]["fit"]["title"]))
    boxes = {limit.cause: limit for limit in limits_of(found.tree)}
    assert models["title"] in boxes[Cause.NOT_FOUND].text
    steps = [step.text for step in opening(found.tree).steps]
    assert steps[0] == opening_words.ONE_THEME
    assert not {opening_words.LACK[Property.STRUCTURE], opening_words.MORE_PEOPLE} & set(steps)
