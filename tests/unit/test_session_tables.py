"""Every result becomes a table for paper, without anyone's row, and a figure where the report has one."""

from __future__ import annotations

import dataclasses
import inspect
import io
import re
import sys
import warnings
import zipfile
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

import analysis
import instrument
from analysis.common.result import MOST_LINES, Result
from analysis.figures.base import to_svg
from analysis.irt.graded_result import ModelFitResult
from instrument.definition import Instrument
from instrument.errors import DefinitionError, ToolkitWarning
from tests.unit.small_analyses import again, audited, dosed, silent_weeks, weighed
from tests.unit.test_options_take_effect import read

PERSON = "person7319"
DATA = Path(__file__).resolve().parents[1] / "reference" / "data"


@cache
def made() -> dict[str, Result]:
    """One result of each kind that a quick call gives; people have a telling name."""
    draw = np.random.default_rng(4)
    common = draw.normal(size=260)
    raw = {f"q{k}": np.digitize(common + draw.normal(size=260), [-1, 0, 1]) + 1 for k in range(1, 9)}
    t = pd.DataFrame(raw, index=[f"{PERSON}_{k}" for k in range(260)])
    group = pd.Series(np.where(np.arange(260) % 2, "one & two", "three_four"), index=t.index, name="group")
    score = t.mean(axis=1).rename("score")
    later = score + draw.normal(size=260) * 0.3
    study = analysis.simulate_study("dta_example", n=60, seed=3)
    scale = instrument.load("dta")
    first = study.responses[study.responses["wave"] == "week3"]
    six = t[[f"q{k}" for k in range(1, 7)]]
    themes = {"a": ["q1", "q2", "q3", "q4"], "b": ["q5", "q6", "q7", "q8"]}
    long = pd.DataFrame(
        {"participant": [*t.index, *t.index], "wave": ["x"] * 260 + ["y"] * 260, "score": [*score, *later]}
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        one, two = analysis.cfa("f =~ q1+q2+q3+q4+q5+q6", t), analysis.cfa("f =~ q1+q2+q3+q4\ng =~ q5+q6", t)
        graded = analysis.graded_response(six)
        found: list[Any] = [
            analysis.cronbach_alpha(t),
            analysis.congeneric_omega(t, draws=0),
            analysis.omega(t, 3, draws=0),
            analysis.lower_bounds(six),
            analysis.efa(t, 2, correlation="pearson"),
            analysis.factor_retention(six, correlation="pearson", draws=10),
            analysis.kmo(t),
            analysis.bartlett_sphericity(t),
            one,
            analysis.compare_models({"two": two, "one": one}),
            analysis.nested(one, two),
            analysis.invariance("f =~ q1+q2+q3+q4", t.join(group), group="group", ordered=False),
            graded,
            graded.model_fit(),
            analysis.polychoric(six),
            analysis.item_statistics(t, bounds=(1, 4)),
            analysis.icc(long, targets="participant", raters="wave", ratings="score"),
            analysis.limits_of_agreement(score, later),
            analysis.reliable_change(score, later, sem=0.3),
            analysis.htmt(t, themes, draws=20),
            analysis.extracted_variance(pd.Series(0.7, index=t.columns), themes),
            analysis.dif(six, group, matching="rest"),
            analysis.screen(first, scale),
            analysis.validate(first, scale, topics=["flow", "scores"]),
            study,
        ]
    return {type(result).__name__: result for result in found}


NAMES = [
    *("AlphaResult", "CongenericResult", "OmegaResult", "LambdasResult", "EfaResult", "RetentionResult"),
    *("KmoResult", "BartlettResult", "StructuralResult", "ComparisonResult", "NestingResult"),
    *("InvarianceResult", "GradedResponseResult", "ModelFitResult", "PolychoricResult"),
    *("ItemStatisticsResult", "IccResult", "LimitsOfAgreement", "ReliableChangeResult", "HtmtResult"),
    *("ExtractedVarianceResult", "DifResult", "ScreeningResult", "Validation", "SimulatedStudy"),
]


def test_the_names_are_those_made() -> None:
    assert sorted(made()) == sorted(NAMES)
    assert ModelFitResult.__name__ in NAMES


@pytest.mark.parametrize("name", NAMES)
def test_a_result_is_a_table_in_every_form_without_anybody(name: str) -> None:
    result = made()[name]
    markdown, latex, page, word = (
        result.to_markdown(),
        result.to_latex(),
        result._repr_html_(),
        result.to_docx(),
    )
    text = zipfile.ZipFile(io.BytesIO(word)).read("word/document.xml").decode()
    for form in (markdown, latex, page, text, repr(result)):
        assert PERSON not in form
        assert not re.search(r"syn\d{2}", form)
    assert len(repr(result).splitlines()) <= MOST_LINES
    lines = markdown.splitlines()
    assert lines[0] == "**Table 1**"
    assert lines[2].startswith("*") and len(lines[2]) > 4
    heads, bodies = lines[4].count("|"), [line for line in lines[6:] if line.startswith("|")]
    assert bodies and {row.replace("\\|", "").count("|") for row in bodies} == {heads}
    assert page.count("<tr>") == len(bodies) + 1 == latex.count(r" \\")
    assert latex.count("{") - latex.count(r"\{") == latex.count("}") - latex.count(r"\}")
    assert not re.search(r"(?<!\\)[_%#]", re.sub(r"\$.*?\$", "", latex))
    assert text.count("<w:tr>") + text.count("<w:tr ") == len(bodies) + 1


def test_the_numbers_of_a_table_are_those_of_the_frame() -> None:
    result = made()["ItemStatisticsResult"]
    frame = result.to_frame()
    row = next(line for line in result.to_markdown().splitlines() if line.startswith("| q3 |"))
    cells = [cell.strip() for cell in row.strip("|").split("|")]
    mean = cells[1 + list(frame.columns).index("mean")]
    assert float(mean) == pytest.approx(frame.loc["q3", "mean"], abs=0.0006)
    assert cells[1 + list(frame.columns).index("n")] == "260"


def test_a_wide_table_lies_on_its_side() -> None:
    wide, narrow = made()["ItemStatisticsResult"], made()["KmoResult"]
    assert wide.to_latex().startswith(r"\begin{landscape}")
    assert r"\begin{landscape}" not in narrow.to_latex()
    for result, turned in ((wide, True), (narrow, False)):
        xml = zipfile.ZipFile(io.BytesIO(result.to_docx())).read("word/document.xml").decode()
        assert ('w:orient="landscape"' in xml) is turned


@pytest.mark.parametrize("name", ["EfaResult", "RetentionResult", "HtmtResult", "GradedResponseResult"])
def test_results_with_a_figure_of_the_report_draw_it(name: str) -> None:
    assert made()[name].plot() is not None
    from analysis.report.session import figure_of

    assert "<svg" in to_svg(figure_of(made()[name]))


def test_results_on_later_use_draw_what_the_report_draws() -> None:
    from analysis.report.session import figure_of
    from analysis.simulation.simulate_study import simulate_study

    data, scale = simulate_study("dta_example", n=150, seed=2), instrument.load("dta")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ToolkitWarning)
        card = instrument.score(data.responses, scale)
        usage = analysis.summarise_usage(data.usage, data.study, participants=data.enrolment)
        sides = (data.outcomes, data.covariates)
        forest = analysis.relate_adherence(card, usage, data.study, *sides, predictors=["total"])
        scan = analysis.landmark_scan(card, data.usage, data.study)
        plan = analysis.priority_map(data.responses, scale, usage, data.study, *sides, draws=20)
    effect = forest.effects.iloc[0]["effect"]
    assert f"total {effect:.2f}" in figure_of(forest).alt
    assert figure_of(scan).alt.count("day ") >= len(scan.effects)
    assert plan.themes["theme"].iloc[0] in figure_of(plan).alt
    for result in (forest, scan, plan):
        assert "<svg" in to_svg(figure_of(result)) and result.plot(500) is not None


def test_a_model_draws_its_items_on_their_factors_and_no_factor_of_factors() -> None:
    from analysis.report.session import figure_of

    answers = pd.read_csv(DATA / "likert.csv")
    three = "a =~ q1+q2+q3\nb =~ q5+q6+q7\nc =~ q9+q10+q11"
    model = analysis.cfa(three, answers)
    words = figure_of(model).alt
    loadings = model.parameters[model.parameters["op"] == "=~"]["std_all"].abs()
    assert f"{loadings.max():.2f}".removeprefix("0") in words
    assert "Correlations between factors" in words
    higher = figure_of(analysis.cfa(three + "\nh =~ a + b + c", answers)).alt
    assert "Correlations between factors" not in higher and "h " not in higher.split(": ", 1)[1]
    groups = analysis.cfa("a =~ q1+q2+q3", answers, group="group")
    with pytest.raises(DefinitionError, match="several groups or levels"):
        groups.plot()
    with pytest.raises(DefinitionError, match="no factor measured by items"):
        analysis.sem("q1 ~ q2", answers, estimator="ML").plot()


def test_invariance_draws_a_tile_for_each_step_that_is_judged() -> None:
    from analysis.report.session import figure_of

    answers = pd.read_csv(DATA / "likert.csv")
    found = analysis.invariance("a =~ q1+q2+q3+q4", answers, group="group", ordered=False)
    steps = found.table[found.table["level"].ne("strict") & found.table["cfi_diff"].notna()]
    held = (steps["cfi_holds"] & steps["rmsea_holds"]).astype(bool)
    figure = figure_of(found)
    assert f"{int(held.sum())} of {len(steps)} steps hold by both indices" in figure.title
    lost = steps[~held & (steps["pvalue_diff"] < 0.05)]
    named = "; ".join(f"the model, by group, {level}" for level in lost["level"])
    assert f"Not held: {named or 'none'}." in figure.alt
    assert "<svg" in to_svg(figure) and found.plot(500) is not None
    first = analysis.invariance(
        "a =~ q1+q2+q3+q4", answers, group="group", ordered=False, levels=["configural"]
    )
    with pytest.raises(DefinitionError, match="no step to equal loadings or thresholds"):
        first.plot()


def test_other_results_say_that_the_report_has_no_figure_of_them() -> None:
    with pytest.raises(DefinitionError, match="no figure of a KmoResult"):
        made()["KmoResult"].plot()


def test_a_word_file_is_written_where_one_asks(tmp_path: Any) -> None:
    made()["KmoResult"].to_docx(tmp_path / "t.docx")
    assert (tmp_path / "t.docx").read_bytes() == made()["KmoResult"].to_docx()


def test_a_p_is_printed_as_one() -> None:
    assert "| <\u00a0.001 |" in made()["BartlettResult"].to_markdown()
    from analysis.report.session import _format

    assert [_format(name, pd.Series([0.2])) for name in ("p", "pvalue_scaled", "p_adjusted", "r")] == [
        *("p", "p", "p"),
        "r3",
    ]


def test_structures_returns_and_routes_draw_what_the_report_draws() -> None:
    from analysis.report.session import figure_of
    from analysis.simulation.simulate_study import simulate_study

    data, scale = simulate_study("dta_example", n=260, seed=4), instrument.load("dta")
    themes = [
        {
            "id": name,
            "title": name,
            "role": "dimension",
            "items": [{"id": f"q{k}", "text": f"Q{k}"} for k in own],
        }
        for name, own in (("north", range(1, 5)), ("south", range(5, 9)))
    ]
    options = {k: f"option {k}" for k in range(1, 6)}
    content = {"id": "likert", "version": "1", "title": "Eight", "schema": 1, "themes": themes}
    eight = Instrument.model_validate({**content, "response_scales": {"agree": {"options": options}}})
    answers = pd.read_csv(DATA / "likert.csv")[list(eight.item_ids)]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ToolkitWarning)
        structures = {name: analysis.compare_theories(answers, eight, name) for name in ("MLR", "ML")}
        usage = analysis.summarise_usage(data.usage, data.study, participants=data.enrolment)
        chain = analysis.mediate_adherence(
            data.responses, scale, usage, data.study, data.outcomes, data.covariates, draws=50
        )
        rows = pd.DataFrame(
            {"who": [f"a{k // 3}" for k in range(240)], "from": [float(k % 3) for k in range(240)]}
        )
        rows = rows.assign(to=rows["from"] + 1.0, back=[k * 7 % 5 < 2 for k in range(240)])
        rows["score"] = [float(k // 3 * 13 % 17) for k in range(240)]
        returns = analysis.recurrent_events(
            rows, start="from", stop="to", event="back", predictors=["score"], participant="who"
        )
    for name, found in structures.items():
        words = figure_of(found).alt
        kept = [key for key, fit in found.fits.items() if not fit.faults]
        key = "rmsea_robust" if name == "MLR" else "rmsea"
        for one in kept:
            assert f"{found.fits[one].fit[key]:.3f}".removeprefix("0") in words
    ratio = returns.effects.set_index("term").loc["score", "ratio"]
    assert f"score {ratio:.2f}" in figure_of(returns).alt
    direct = chain.effects[chain.effects["kind"] == "direct"].iloc[0]
    assert str(direct["route"]) in figure_of(chain).alt
    for result in (*structures.values(), returns, chain):
        assert "<svg" in to_svg(figure_of(result)) and result.plot(500) is not None
    empty = dataclasses.replace(structures["ML"], fits={})
    with pytest.raises(DefinitionError, match="no structure has a proper solution"):
        empty.plot()


@cache
def _with_levels() -> dict[str, Any]:
    """Results by the level asked for, of each way in which a result holds its level."""
    draw = np.random.default_rng(8)
    common = draw.normal(size=220)
    items = pd.DataFrame({f"q{k}": np.digitize(common + draw.normal(size=220), [-1, 0, 1]) for k in range(6)})
    score, group = items.mean(axis=1), np.where(np.arange(220) % 2, "a", "b")
    table = items.assign(score=score + draw.normal(size=220), group=group)
    themes = {"u": ["q0", "q1", "q2"], "v": ["q3", "q4", "q5"]}
    fit = analysis.cfa("f =~ q0+q1+q2+q3\nq0 ~~ q1", items, ordered=False, estimator="ML")
    halves, model = [items, items.iloc[::2]], "f =~ q0+q1+q2+q3"
    return {
        "alpha": lambda p: analysis.cronbach_alpha(items, confidence=p),
        "htmt": lambda p: analysis.htmt(items, themes, draws=20, confidence=p),
        "groups": lambda p: analysis.known_groups(table, "score", "group", confidence=p),
        "added": lambda p: analysis.incremental_validity(
            table, "score", "q0", baseline="q1", draws=20, confidence=p
        ),
        "left out": lambda p: analysis.misspecifications(fit, confidence=p),
        "drawn": lambda p: analysis.bootstrap_model(fit, draws=6, confidence=p),
        "pooled": lambda p: analysis.pool_model(model, halves, confidence=p, estimator="ML", ordered=False),
        "apps": lambda p: analysis.audit_agreement(read("audit"), confidence=p),
        "features": lambda p: audited(confidence=p),
        "dose": lambda p: dosed(confidence=p),
        "returns": lambda p: analysis.recurrent_events(
            again(), start="from", stop="to", event="back", predictors=["score"], confidence=p
        ),
        "weeks": lambda p: analysis.joint_model(
            silent_weeks(), use="days", predictors=["score"], confidence=p
        ),
        "weighed": lambda p: weighed(confidence=p),
    }


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", list(_with_levels()))
def test_a_table_tells_the_level_of_its_own_intervals(name: str) -> None:
    for level, told in ((0.9, "90%"), (0.975, "97.5%"), (0.95, "95%")):
        result = _with_levels()[name](level)
        for form in (result.to_markdown(), result.to_latex().replace("\\", ""), result._repr_html_()):
            if "ci_lower" in result.to_frame():
                assert f"{told} from" in form
            assert (f"intervals: {told}" in form) is (level != 0.95)
            assert told == "95%" or "95% from" not in form


def test_intervals_of_what_a_model_leaves_out_are_of_ninety_percent_unless_asked() -> None:
    assert "90% from" in analysis.misspecifications(made()["StructuralResult"]).to_markdown()  # type: ignore[arg-type]


def test_a_seed_is_printed_as_it_is_given_and_people_with_a_comma() -> None:
    common = np.random.default_rng(1).normal(size=1200)
    noise = np.random.default_rng(2).normal(size=(4, 1200))
    items = pd.DataFrame({f"q{k}": common + own for k, own in enumerate(noise)})
    found = analysis.htmt(items, {"u": ["q0", "q1"], "v": ["q2", "q3"]}, draws=0, seed=20240101)
    assert found.to_markdown().rstrip().endswith("n: 1,200; seed: 20240101.")


def test_a_function_that_is_asked_for_a_level_gives_it_back() -> None:
    for name in analysis.__all__:
        function = inspect.unwrap(getattr(analysis, name))
        if not inspect.isfunction(function) or "confidence" not in inspect.signature(function).parameters:
            continue
        kind = getattr(sys.modules[function.__module__], str(function.__annotations__["return"]))
        assert {"confidence", "design"} & {field.name for field in dataclasses.fields(kind)}, name


@pytest.mark.filterwarnings("ignore")
def test_a_figure_tells_the_level_of_its_own_intervals() -> None:
    from analysis.report.session import figure_of

    for name, level, told in (("htmt", 0.8, "80%"), ("returns", 0.9, "90%"), ("htmt", 0.95, "95%")):
        figure = figure_of(_with_levels()[name](level))
        assert f"with {told} interval" in figure.alt and figure.alt.count("%") == 1
        if name == "htmt":
            assert f"HTMT, {told} interval" in str(figure.draw(500).to_dict())
