"""Sentences about studies of a scale that nobody here knows: one theme, two themes, few people."""

from __future__ import annotations

import re
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

sys.path.insert(0, str(Path(__file__).parent))
from printed import words_of_page
from test_earned_verdicts import LEVELS, answers_of, garden, people

from analysis.pipeline import Validation, validate
from analysis.report.html import further_words, render_html
from analysis.report.labels import tree_for_readers
from analysis.report.limits import untested_lines
from analysis.report.markdown import render_markdown
from analysis.report.short_forms import render_short_html
from analysis.report.view import Tree, prose
from analysis.structural.families.bifactor_strength import bifactor_strength
from analysis.structural.families.compare_theories import compare_theories
from analysis.structural.models import cfa
from instrument.errors import DefinitionError

pytestmark = pytest.mark.usefixtures("figures_once")
SINGULAR = re.compile(
    r"(?<![\d.,−-])\b1 (themes|structures|covariates|tables|waves|people|items|groups|figures|rules|factors|"
    r"administrations|correlations|checks|questions|times)\b"
)
TWICE = re.compile(r"(?:from|are|is) ([−\d.]+%?)( \([^)]*\))? to \1(?![\d.])\2")


@pytest.fixture(scope="module")
def few() -> Validation:
    scale = garden(1, 6)
    return validate(answers_of(scale, 20), scale, seed=2)


@pytest.fixture(scope="module")
def few_of_two() -> Validation:
    scale = garden(2, 4)
    return validate(answers_of(scale, 20), scale, seed=2)


@pytest.fixture(scope="module")
def one() -> Validation:
    """One theme, one covariate, nobody careless."""
    scale = garden(1, 6)
    frame = answers_of(scale, 180)
    return validate(frame, scale, covariates=people(frame, plot=["sunny", "shady"]), seed=2)


@pytest.fixture(scope="module")
def two() -> Validation:
    scale = garden(2, 4)
    return validate(answers_of(scale, 300), scale, seed=2)


@pytest.fixture(params=["few", "few_of_two", "one", "two"])
def tree(request: pytest.FixtureRequest) -> Tree:
    found: Validation = request.getfixturevalue(request.param)
    return tree_for_readers(found.tree)


def sentences(tree: Tree) -> dict[str, str]:
    return {name: " ".join(prose(body)) for name, body in tree["sections"].items()}


def test_no_section_stands_without_a_word(tree: Tree) -> None:
    """Known before: a heading on correlations stood alone where there was nothing to correlate."""
    bare = [
        name
        for name, body in tree["sections"].items()
        if body["status"] == "ok" and not prose(body) and not body["untested"] and not body["problems"]
    ]
    assert bare == []
    for name, body in tree["sections"].items():
        if body["status"] == "ok":
            assert prose(body) or body["untested"], name
    assert "0 tables" not in words_of_page(render_html(tree))


def test_numbers_and_nouns_agree_and_no_range_runs_from_a_number_to_itself(tree: Tree) -> None:
    forms = [words_of_page(render_html(tree)), words_of_page(render_short_html(tree)), render_markdown(tree)]
    for form in forms:
        assert SINGULAR.findall(form) == []
        assert TWICE.findall(form) == []


def test_where_nobody_is_flagged_nothing_is_said_of_leaving_them_out(few: Validation) -> None:
    section = few.tree["sections"]["screening"]
    assert section["values"]["flagged"] == 0
    said = " ".join(prose(section))
    assert said == "None of the 20 administrations is flagged by enough indices to look careless."


def test_twenty_people_with_two_themes_have_no_correlation_and_are_told_so(few_of_two: Validation) -> None:
    section = few_of_two.tree["sections"]["relations"]
    assert section["tables"] == {} and section["values"]["pairs"] == 0
    assert [row["cause"] for row in section["untested"]] == ["few_people"]
    assert section["untested"][0]["what"] == "Correlation of Bed A and Bed B"


def test_one_score_alone_is_correlated_with_nothing(few: Validation) -> None:
    assert few.tree["sections"]["relations"]["status"] == "not_applicable"


def test_a_total_of_one_theme_is_not_told_beside_it(one: Validation) -> None:
    assert set(one.tree["sections"]["scores"]["tables"]["scores"]["score"]) == {"bed0"}
    method = one.tree["sections"]["scores"]["method"]["estimator"]
    assert "Total: the score of Bed A." in method and "bed0" not in method


def test_options_that_few_chose_are_named_as_people_saw_them() -> None:
    """A reversed item is turned first: the lowest code of the model is the highest option on the page."""
    scale = garden(1, 4)
    frame = answers_of(scale, 300)
    turned, plain = "g0_2", "g0_0"
    for item, rare in ((turned, 4), (plain, 1)):
        values = frame[item].astype("Int64").mask(frame[item] == rare, 2)
        values.iloc[:2] = rare
        frame[item] = values
    found = validate(frame, scale, seed=2, topics=["irt"])
    told = next(text for key, text in found.tree["sections"]["irt"]["values"].items() if "note" in key)
    assert f"{turned}: “{LEVELS[4]}”" in told and f"{plain}: “{LEVELS[1]}”" in told


def two_themes(seed: int, n: int = 2000) -> pd.DataFrame:
    """Half of what the items of a theme have in common is shared by both: .7² of each."""
    rng = np.random.default_rng(seed)
    general = rng.normal(size=n)
    columns = {}
    for theme in "ab":
        factor = 0.7 * general + np.sqrt(0.51) * rng.normal(size=n)
        columns |= {f"{theme}{k}": 0.75 * factor + 0.66 * rng.normal(size=n) for k in range(4)}
    return pd.DataFrame(columns)


def test_two_themes_do_not_say_how_much_is_general() -> None:
    """Each theme is as general as the other; a bifactor model calls one nearly all general, by chance which."""
    model = "g =~ a0+a1+a2+a3+b0+b1+b2+b3; a =~ a0+a1+a2+a3; b =~ b0+b1+b2+b3"
    fit = cfa(model, two_themes(1), "ML", std_lv=True, orthogonal=True)
    standard = fit.standardized()
    shares = [
        (standard.loc[(standard["lhs"] == "g") & standard["rhs"].str.startswith(theme), "est"] ** 2).sum()
        for theme in "ab"
    ]
    assert max(shares) > 2 * min(shares)  # in truth they are alike
    with pytest.raises(DefinitionError, match=r"'a' and 'b' alone do not determine 'g'"):
        bifactor_strength(fit)


def test_items_outside_of_two_themes_settle_what_is_general() -> None:
    rng = np.random.default_rng(3)
    general = rng.normal(size=(1500, 1))
    own = np.column_stack([np.repeat(rng.normal(size=(1500, 2)), 3, axis=1), np.zeros((1500, 3))])
    values = 0.7 * general + 0.4 * own + 0.6 * rng.normal(size=(1500, 9))
    table = pd.DataFrame(values, columns=[f"x{k}" for k in range(9)])
    model = "g =~ " + " + ".join(table) + "; a =~ x0 + x1 + x2; b =~ x3 + x4 + x5"
    found = bifactor_strength(cfa(model, table, "ML", std_lv=True, orthogonal=True))
    # (9 · .7)² over that + two own factors (3 · .4)² + nine errors .36
    assert found.omega_h == pytest.approx(39.69 / (39.69 + 2 * 1.44 + 9 * 0.36), abs=0.03)


def test_no_share_of_a_general_factor_is_told_of_two_themes(two: Validation, one: Validation) -> None:
    section = two.tree["sections"]["reliability"]
    assert "general_factor" not in section["tables"] and "omega_h" not in section["values"]
    assert "cannot be told of two dimensions" in " ".join(prose(section))
    assert "cannot be told" not in " ".join(prose(one.tree["sections"]["reliability"]))


def test_the_models_of_two_themes_hold_no_bifactor_model() -> None:
    scale = garden(2, 4)
    names = list(compare_theories(answers_of(scale, 300), scale).models)
    assert names == ["one factor", "2 correlated"]


@pytest.mark.parametrize(
    ("tables", "figures", "said"), [(0, 0, "how it was made"), (1, 0, "1 table and how")]
)
def test_what_the_supplement_holds_is_counted_where_it_is_something(
    tables: int, figures: int, said: str
) -> None:
    assert further_words(tables, figures).startswith(said)


def test_what_was_tested_and_not_decided_is_called_so() -> None:
    section = {
        "untested": [
            {"what": "North, by sex", "cause": "undecided"},
            {"what": "Omega", "cause": "few_people"},
        ]
    }
    assert untested_lines(section) == [
        "Undecided (large enough to matter, but not told from chance): North, by sex.",
        "Could not be tested (too few people): Omega.",
    ]
