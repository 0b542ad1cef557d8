"""From the words of a model to its parameters: every rule of the defaults on a model small enough to do by hand."""

from __future__ import annotations

import math
from typing import Any

import pytest

from analysis.structural.language.levels import build_two_level_table
from analysis.structural.language.partable import (
    Names,
    ParameterTable,
    Row,
    TableOptions,
    build_table,
    equality_class,
    sort_names,
)
from analysis.structural.language.syntax import Formula, parse_syntax
from instrument.errors import DefinitionError


def rows(text: str, **options: Any) -> list[Row]:
    return build_table(parse_syntax(text), TableOptions(**options)).rows


def find(table: list[Row], lhs: str, op: str, rhs: str, group: int = 0) -> Row:
    (found,) = (r for r in table if (r.lhs, r.op, r.rhs, r.group) == (lhs, op, rhs, group))
    return found


def has(table: list[Row], lhs: str, op: str, rhs: str) -> bool:
    return any((r.lhs, r.op, r.rhs) == (lhs, op, rhs) for r in table)


# words


def test_statements_and_formulas_know_their_places() -> None:
    parsed = parse_syntax("f =~ x1 +\n   a*x2\n\n  ab := a*b\n y ~ 1")
    assert [(s.line, s.column) for s in parsed.statements] == [(1, 6), (2, 6), (5, 2)]
    assert (parsed.definitions[0].line, parsed.definitions[0].column) == (4, 3)


@pytest.mark.parametrize(
    "text",
    ["f =~ x1\n + x2", "f\n=~ x1 + x2", "f =~ x1 + 1\n*x2", "f =~ c(1,\n NA)*x1 + x2", "f =~\nx1 + x2"],
)
def test_a_line_goes_on_where_an_operator_or_a_bracket_is_open(text: str) -> None:
    assert [(s.lhs, s.op, s.rhs) for s in parse_syntax(text).statements] == [
        ("f", "=~", "x1"),
        ("f", "=~", "x2"),
    ]


def test_a_later_mention_adds_and_keeps_the_rest() -> None:
    (first, *_) = parse_syntax("f =~ start(0.5)*x1 + 0.7*x1 + a*x1 + x2\nf =~ 0.7*x1").statements
    assert (first.modifier.starts, first.modifier.fixed, first.modifier.labels) == ([0.5], [0.7], ["a"])


def test_a_covariance_is_one_whichever_stands_first() -> None:
    (both,) = parse_syntax("x1 ~~ a*x2\nx2 ~~ 0.3*x1").statements
    assert (both.lhs, both.rhs, both.modifier.labels, both.modifier.fixed) == ("x1", "x2", ["a"], [0.3])
    with pytest.raises(DefinitionError, match="'x2 ~~ x1' appears twice"):
        parse_syntax("x1 ~~ x2\nx2 ~~ x1")
    assert len(parse_syntax("x1 ~ x2\nx2 ~ x1").statements) == 2


def test_what_was_read_once_is_read_again_untouched() -> None:
    first = parse_syntax("f =~ a*x1 + x2\nb := a\na > 0")
    first.statements[0].modifier.labels.append("z")
    first.definitions.append(Formula("c", ":=", "a", 1, 1))
    first.constraints.clear()
    again = parse_syntax("f =~ a*x1 + x2\nb := a\na > 0")
    assert again.statements[0].modifier.labels == ["a"]
    assert len(again.definitions) == len(again.constraints) == 1


def test_modifiers_of_groups_hold_one_entry_each() -> None:
    text = 'f =~ c(NA, 0.5)*x1 + c(a, NA)*x2 + start(c(0.1, NA))*x3 + label(c("u", NA))*x4 + +0.5*x5 + NA*x6'
    one, two, three, four, five, six = (s.modifier for s in parse_syntax(text).statements)
    assert (one.fixed, one.labels) == (["NA", 0.5], [])
    assert (two.fixed, two.labels) == ([None, "NA"], ["a", None])
    assert three.starts == [0.1, None] and four.labels == ["u", None]
    assert five.fixed == [0.5] and (six.fixed, six.labels) == (["NA"], [])


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("f <~ x1 + f", "column 11: 'f' <~ itself"),
        ("y ~ 2", "'2' is not a variable"),
        ("f =~ start(b)*x1 + x2", r"start\(\) needs numbers"),
        ("f =~ - x1", "expected a number instead of 'x1'"),
        ("f + =~ x1", r"nothing follows '\+' left of '=~'"),
        ('efa("")*f =~ x1', "the exploratory block has no name"),
        ("level: 1 2\nf =~ x1", "the level '1 2' is unknown"),
        ("level: 1\nf =~ x1 + x2\nlevel: within\ng =~ x1", "a second block of level 'within'"),
        ("level: 1\nf =~ x1 + x2\nlevel: 2\n# nothing", "no statements at level 2"),
        ("level: 1\nlevel: 2\nf =~ x1 + x2", "no statements at level 1"),
        (
            "y ~~ y\nlevel: 1\nf =~ x1\nlevel: 2\ng =~ x1",
            "line 1, column 6: 'y ~~ y' stands before the first",
        ),
        ("f =~ x1\nx1 ~ q:z", "column 7: unexpected character ':'"),
    ],
)
def test_what_says_nothing_is_refused(text: str, said: str) -> None:
    with pytest.raises(DefinitionError, match=said):
        parse_syntax(text)


def test_a_level_has_its_own_statements_and_every_formula() -> None:
    parsed = parse_syntax("level: within\nf =~ x1 + a*x2\nlevel: between\ng =~ x1 + b*x2\nd := a - b\na == b")
    within, between = parsed.at_level(1), parsed.at_level(2)
    assert {s.lhs for s in within.statements} == {"f"} and {s.lhs for s in between.statements} == {"g"}
    assert len(within.definitions) == len(between.constraints) == 1 and parsed.has_levels


# variables by role


def test_variables_are_sorted_by_their_part() -> None:
    names = sort_names(parse_syntax("f =~ x1 + x2\ng =~ f + y1\ny2 ~ g + z + x1\nz ~ w\nu ~~ w2"))
    assert names.latent == ["f", "g"] and names.indicators == ["x1", "x2", "y1"]
    assert names.observed == ["x1", "x2", "y1", "y2", "z", "w", "u", "w2"]
    assert names.exogenous == ["w"]  # x1 is an item and z an outcome as well
    assert names.latent_exogenous == ["g"] and names.outcomes == ["y2"] and names.latent_outcomes == []


@pytest.mark.parametrize("said", ["u | t1", "u ~~ u", "u ~ 1", "u ~*~ u", "w ~~ u"])
def test_a_predictor_of_which_the_model_says_more_is_a_variable_of_it(said: str) -> None:
    assert sort_names(parse_syntax(f"v ~ u\n{said}")).exogenous == []


def test_what_stands_at_the_end_of_paths_goes_together() -> None:
    table = rows("f =~ x1 + x2\ng =~ x3 + x4\nh =~ f2 + x7\nf2 =~ x5 + x6\nf ~ z\ng ~ z\ny ~ z\nf2 ~ z")
    assert all(find(table, *pair).is_free for pair in (("f", "~~", "g"), ("f", "~~", "y"), ("g", "~~", "y")))
    # what is measured by another factor, or goes on to others, does not
    assert not any(has(table, a, "~~", b) for a, b in (("f2", "y"), ("f", "f2"), ("g", "f2"), ("h", "f2")))
    table = rows("y1 ~ x\ny2 ~ y1 + x")
    assert not has(table, "y1", "~~", "y2") and not has(table, "y2", "~~", "y1")


# defaults


def test_what_is_written_is_not_added_once_more() -> None:
    table = rows("f =~ x1 + x2 + x3\ng =~ x4 + x5 + x6\ng ~~ 0*f\nx2 ~~ 0.4*x2")
    assert not has(table, "f", "~~", "g") and find(table, "g", "~~", "f").fixed == 0.0
    assert find(table, "x2", "~~", "x2").fixed == 0.4
    keys = [(r.lhs, r.op, r.rhs) for r in table]
    assert len(keys) == len(set(keys))


def test_moments_of_predictors_are_not_estimated() -> None:
    table = rows("y ~ z1 + z2", meanstructure=True)
    for key in (("z1", "~~", "z1"), ("z1", "~~", "z2"), ("z2", "~1", "")):
        assert find(table, *key).exogenous and not find(table, *key).is_free
    assert find(table, "y", "~1", "").is_free


def test_an_item_has_a_threshold_less_than_categories_whatever_it_is_called() -> None:
    table = rows("f =~ t1 + t2 + t3", ordered={"t1": 3, "t2": 3, "t3": 2})
    told = [(r.lhs, r.rhs) for r in table if r.op == "|"]
    assert told == [("t1", "t1"), ("t1", "t2"), ("t2", "t1"), ("t2", "t2"), ("t3", "t1")]
    computed = find(table, "t1", "~~", "t1")
    assert computed.computed and not computed.is_free
    # a residual that follows from the rest is not estimated, whatever is written of it
    written = find(
        rows("f =~ q1 + q2 + q3\nq1 ~~ NA*q1", ordered={"q1": 3, "q2": 3, "q3": 3}), "q1", "~~", "q1"
    )
    assert written.computed and math.isnan(written.fixed) and not written.is_free


def test_items_of_two_levels_have_a_variance_and_no_scale_between() -> None:
    table = rows("f =~ q1 + q2 + q3", ordered={"q1": 3, "q2": 3, "q3": 3}, split=("q1",))
    assert find(table, "q1", "~~", "q1").is_free and not has(table, "q1", "~*~", "q1")
    assert find(table, "q2", "~~", "q2").computed and find(table, "q2", "~*~", "q2").fixed == 1.0


@pytest.mark.parametrize("growth", [True, False])
def test_means_belong_to_the_factors_of_growth_and_else_to_the_items(growth: bool) -> None:
    text = "i =~ 1*x1 + 1*x2 + 1*x3\ns =~ 0*x1 + 1*x2 + 2*x3"
    table = rows(text, meanstructure=True, growth=growth)
    assert find(table, "i", "~1", "").is_free is find(table, "s", "~1", "").is_free is growth
    assert find(table, "x1", "~1", "").is_free is not growth
    assert find(table, "x1" if growth else "i", "~1", "").fixed == 0.0


def test_a_factor_has_one_scale() -> None:
    table = rows("f =~ x1 + x2 + x3\nf ~~ 2*f", std_lv=True)
    assert find(table, "f", "~~", "f").fixed == 2.0 and find(table, "f", "=~", "x1").is_free
    table = rows("f =~ NA*x1 + x2 + x3\ng =~ 0.5*x4 + x5")
    assert find(table, "f", "=~", "x1").is_free
    assert find(table, "g", "=~", "x4").fixed == 0.5 and find(table, "g", "=~", "x5").is_free
    table = rows("c <~ x1 + x2\ny ~ c", std_lv=True)
    assert find(table, "c", "<~", "x1").fixed == 1.0 and find(table, "c", "<~", "x2").is_free


def test_a_single_indicator_is_without_error_unless_something_else_is_said() -> None:
    model = "f =~ x1 + x2 + x3\ng =~ y\ng ~ f"
    assert find(rows(model), "y", "~~", "y").fixed == 0.0
    assert find(rows(f"{model}\ny ~~ 0.3*y"), "y", "~~", "y").fixed == 0.3
    assert find(rows(f"{model}\ny ~~ NA*y"), "y", "~~", "y").is_free
    assert find(rows(model, ordered={"y": 3}), "y", "~~", "y").fixed == 1.0
    assert find(rows(model, ordered={"y": 3}, split=("y",)), "y", "~~", "y").fixed == 0.0
    assert find(rows("f =~ x1 + x2 + x3\nh =~ f"), "f", "~~", "f").is_free


# groups


def test_modifiers_of_one_group_stay_with_it() -> None:
    table = rows("f =~ x1 + start(c(0.1, 0.2))*x2 + start(0.3)*x3", n_groups=2)
    assert [find(table, "f", "=~", "x2", g).start for g in (0, 1)] == [0.1, 0.2]
    assert [find(table, "f", "=~", "x3", g).start for g in (0, 1)] == [0.3, 0.3]
    with pytest.raises(DefinitionError, match=r"has 2 modifiers for 3 group\(s\)"):
        rows("f =~ x1 + c(a, b)*x2 + x3", n_groups=3)


F3 = "f =~ x1 + x2 + x3"


def test_equal_intercepts_free_the_means_of_later_groups_unless_these_are_equal_or_written() -> None:
    def mean(text: str, *equal: str) -> Row:
        return find(rows(text, n_groups=2, meanstructure=True, group_equal=equal), "f", "~1", "", 1)

    assert mean(F3, "intercepts").is_free and mean(F3, "loadings").fixed == 0.0
    assert mean(F3, "intercepts", "means").fixed == 0.0
    assert mean(f"{F3}\nf ~ 0*1", "intercepts").fixed == 0.0


def test_equal_loadings_free_the_variances_and_covariances_of_unit_factors() -> None:
    def variance(*equal: str, std_lv: bool = True) -> Row:
        return find(rows(F3, n_groups=2, group_equal=equal, std_lv=std_lv), "f", "~~", "f", 1)

    assert variance("loadings").is_free and variance("residuals").fixed == 1.0
    assert variance("loadings", "lv.variances").fixed == 1.0
    assert variance(std_lv=False).is_free


ITEMS = {"q1": 3, "q2": 3, "q3": 3}


@pytest.mark.parametrize(
    ("equal", "partial", "intercept", "scale"),
    [
        (("thresholds",), (), True, True),  # two of two: both are identified
        (("thresholds",), ("q1|t2",), True, False),  # one gives one equation
        (("thresholds",), ("q1|t1", "q1 | t2"), False, False),
        (("thresholds", "loadings", "intercepts"), (), False, True),
        (("thresholds", "loadings", "intercepts"), ("q1|t2",), False, True),
        (("thresholds", "loadings", "intercepts"), ("q1|t1", "q1|t2"), False, False),
        (("thresholds", "loadings", "intercepts"), ("q1~1",), True, True),
        (("thresholds", "loadings"), ("q1|t2",), True, False),
        (("loadings",), (), False, False),
    ],
)
@pytest.mark.parametrize("kind", ["delta", "theta"])
def test_equal_thresholds_free_what_they_identify(
    equal: tuple[str, ...], partial: tuple[str, ...], intercept: bool, scale: bool, kind: str
) -> None:
    table = rows(
        "f =~ q1 + q2 + q3",
        n_groups=2,
        ordered=ITEMS,
        meanstructure=True,
        group_equal=equal,
        group_partial=partial,
        parameterization=kind,
    )
    row = ("q1", "~*~", "q1", 1) if kind == "delta" else ("q1", "~~", "q1", 1)
    assert find(table, "q1", "~1", "", 1).is_free is intercept
    assert find(table, *row).is_free is scale
    assert not find(table, "q1", "~1", "").is_free and not find(table, *row[:3]).is_free
    if kind == "theta":
        again = rows(
            "f =~ q1 + q2 + q3",
            n_groups=2,
            ordered=ITEMS,
            meanstructure=True,
            group_equal=(*equal, "residuals"),
            group_partial=partial,
            parameterization=kind,
        )
        assert find(again, "q1", "~~", "q1", 1).fixed == 1.0


def test_each_equality_holds_its_own_rows() -> None:
    names = Names(["x1", "x2", "y", "z"], ["f", "g"], ["x1"], ["z"], [], [], [], predictors=["w"])
    told = {
        "loadings": Row("f", "=~", "x1"),
        "thresholds": Row("x1", "|", "t1"),
        "regressions": Row("y", "~", "z"),
        "lv.variances": Row("f", "~~", "f"),
        "lv.covariances": Row("f", "~~", "g"),
        "residuals": Row("x1", "~~", "x1"),
        "residual.covariances": Row("x1", "~~", "x2"),
        "means": Row("f", "~1", ""),
        "intercepts": Row("x1", "~1", ""),
    }
    assert {name: equality_class(row, names) for name, row in told.items()} == {name: name for name in told}
    none = [
        Row("f", "~~", "x1"),
        Row("x1", "~~", "f"),
        Row("z", "~~", "z", exogenous=True),
        Row("c", "<~", "x1"),
    ]
    none += [Row("z", "~1", "", exogenous=True), Row("w", "~~", "w"), Row("w", "~1", "")]
    none += [Row("f", "=~", "x1", role="loading"), Row("x1", "~*~", "x1")]
    assert [equality_class(row, names) for row in none] == [""] * len(none)


def test_rows_are_equal_unless_exempt_labelled_otherwise_or_fixed_in_one_group() -> None:
    def label(
        text: str, key: tuple[str, str, str], *equal: str, partial: tuple[str, ...] = ()
    ) -> tuple[str, str]:
        table = rows(text, n_groups=2, group_equal=equal, group_partial=partial)
        return find(table, *key).label, find(table, *key, 1).label

    pair = ("x1", "~~", "x2")
    one, two = label(f"{F3}\nx1 ~~ x2", pair, "residual.covariances")
    assert one == two != ""
    for written in ("x1~~x2", "x2 ~~ x1"):
        one, two = label(f"{F3}\nx1 ~~ x2", pair, "residual.covariances", partial=(written,))
        assert two == ""
    assert label("f =~ x1 + c(a, b)*x2 + x3", ("f", "=~", "x2"), "loadings") == ("a", "b")
    assert label("f =~ x1 + a*x2 + x3", ("f", "=~", "x2"), "loadings") == ("a", "a")
    assert label("f =~ x1 + c(0.5, NA)*x2 + x3", ("f", "=~", "x2"), "loadings") == ("", "")
    table = rows("f =~ x1 + c(0.5, NA)*x2 + x3", n_groups=2, group_equal=("loadings",))
    assert find(table, "f", "=~", "x2").fixed == 0.5 and find(table, "f", "=~", "x2", 1).is_free
    with pytest.raises(DefinitionError, match="group_partial names what is not in the model: 'x2~~x3'"):
        label(F3, ("f", "=~", "x2"), "loadings", partial=("x2~~x3",))


@pytest.mark.parametrize(("one", "two"), [("0.5", "1"), ("1", "0.5")])
def test_one_label_on_two_fixed_numbers_is_refused_in_either_order(one: str, two: str) -> None:
    text = f"{F3}\nx1 ~~ {one}*x1\nx1 ~~ a*x1\nx2 ~~ {two}*x2\nx2 ~~ a*x2"
    with pytest.raises(DefinitionError, match=f"label 'a' names parameters fixed at {one} and at {two}"):
        rows(text)


# levels


def test_blocks_of_rows_are_levels_of_groups() -> None:
    text = "level: 1\nf =~ x1 + x2 + x3\nlevel: 2\ng =~ x1 + x2 + x3 + u"
    table = build_two_level_table(parse_syntax(text), TableOptions(n_groups=2, meanstructure=True), "sem")
    assert [table.level_of(block) for block in range(4)] == [1, 2, 1, 2] and table.n_levels == 2
    assert [table.label_of(block, ["u", "v"]) for block in range(4)] == ["u", "u", "v", "v"]
    assert table.block_name(3, ["u", "v"]) == "v, level 2" and table.block_name(0, [None]) == "level 1"
    assert table.names_of(2).latent == ["f"] and table.names_of(1).latent == ["g"]
    # means of both levels stand between clusters
    within = [r for r in table.rows if r.op == "~1" and r.group in (0, 2)]
    assert all(r.fixed == 0.0 for r in within)
    assert all(r.is_free for r in table.rows if r.op == "~1" and r.lhs != "g" and r.group in (1, 3))
    flat = build_table(parse_syntax(F3), TableOptions(n_groups=2))
    assert flat.block_name(1, ["u", "v"]) == "v" and flat.block_name(0, ["u"]) == ""
    assert flat.level_of(1) == 0 and flat.label_of(1, ["u", "v"]) == "v"


def test_between_clusters_only_variables_of_that_level_have_categories() -> None:
    own = Names(["q1", "q2"], [], [], [], [], [], [])
    other = Names(["q1", "q2", "u"], [], [], [], [], [], [])
    options = TableOptions(ordered={"q1": 3, "q2": 3, "u": 2})
    table = ParameterTable([], own, options, [], [], level_names=(own, other))
    assert dict(table.ordered_of(0)) == {"q1": 3, "q2": 3, "u": 2} and dict(table.ordered_of(1)) == {"u": 2}


def test_free_parameters_are_numbered_in_the_order_of_their_rows() -> None:
    table = build_table(parse_syntax(F3), TableOptions())
    assert [row.free for row in table.free_rows()] == list(range(table.n_free)) == list(range(6))
    assert all(math.isnan(row.fixed) for row in table.free_rows())
