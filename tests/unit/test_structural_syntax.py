"""The model language: what is read, what is refused, and where."""

import math

import pytest

from analysis.structural.language.partable import TableOptions, build_table, sort_names
from analysis.structural.language.syntax import parse_syntax
from instrument.errors import DefinitionError


def rows(text, **options):
    return build_table(parse_syntax(text), TableOptions(**options)).rows


def find(table, lhs, op, rhs, group=0):
    return next(r for r in table if (r.lhs, r.op, r.rhs, r.group) == (lhs, op, rhs, group))


def test_statements_go_on_over_lines_and_comments():
    parsed = parse_syntax("# a factor\nf =~ x1 +\n   x2  ! the second\n  + x3; y ~ f\n")
    assert [(s.lhs, s.op, s.rhs) for s in parsed.statements] == [
        ("f", "=~", "x1"),
        ("f", "=~", "x2"),
        ("f", "=~", "x3"),
        ("y", "~", "f"),
    ]


def test_modifiers():
    parsed = parse_syntax('f =~ NA*x1 + -0.5*x2 + a*x3 + start(0.8)*x4 + c(u, "v")*x5 + label("w")*x6')
    modifiers = [s.modifier for s in parsed.statements]
    assert modifiers[0].fixed == ["NA"]
    assert modifiers[1].fixed == [-0.5]
    assert modifiers[2].labels == ["a"]
    assert modifiers[3].starts == [0.8]
    assert modifiers[4].labels == ["u", "v"]
    assert modifiers[5].labels == ["w"]


def test_a_term_mentioned_again_adds_its_modifier():
    parsed = parse_syntax("f =~ c(NA, NA)*x1 + c(a, a)*x1 + x2")
    assert len(parsed.statements) == 2
    assert parsed.statements[0].modifier.labels == ["a", "a"]
    assert parsed.statements[0].modifier.fixed == ["NA", "NA"]


def test_intercepts_definitions_and_constraints():
    parsed = parse_syntax("x1 ~ 1 + z\nx2 ~ 0*1\nind := a*b\na == 2*b")
    assert [(s.lhs, s.op, s.rhs) for s in parsed.statements] == [
        ("x1", "~1", ""),
        ("x1", "~", "z"),
        ("x2", "~1", ""),
    ]
    assert parsed.statements[2].modifier.fixed == [0.0]
    assert (parsed.definitions[0].lhs, parsed.definitions[0].rhs) == ("ind", "a*b")
    assert (parsed.constraints[0].lhs, parsed.constraints[0].rhs) == ("a", "2*b")


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("f =~ x1 +", r"line 1, column 9: the statement ends"),
        ("\nf = x1", r"line 2, column 3: unexpected character '='"),
        ("f =~ x1\ng x2", r"line 2, column 1: 'g' begins no statement"),
        ("f =~ x1 + x1", r"line 1, column 11: 'f =~ x1' appears twice"),
        ("f =~ c(1, 2*x1", r"expected \)"),
        ("a :=", r"nothing stands right of ':='"),
        ("f =~ fun(1)*x", r"'fun'\(\) is not a known modifier"),
        ("x1 ~ x1", r"'x1' ~ itself"),
        ("f =~ 3", r"'3' is not a variable"),
        ("f =~ x1 + a*b*x2", r"line 1, column 13: one term has two labels: a and b"),
        ("f =~ 0.5*0.7*x1", r"line 1, column 10: one term has two values: 0.5 and 0.7"),
        ("f =~ start(1)*start(2)*x1", r"one term has two starts: 1 and 2"),
        ("f =~ a*x1 + x2\nf =~ b*x1", r"line 2, column 8: 'f =~ x1' has two labels: a and b"),
        ("x1 ~~ 0*x2\nx2 ~~ 0.5*x1", r"'x2 ~~ x1' has two values: 0 and 0.5"),
        ("f =~ c(1, NA)*x1 + x2\nf =~ 2*x1", r"'f =~ x1' has two values: c\(1, NA\) and 2"),
    ],
)
def test_what_cannot_be_read_is_named_with_its_place(text, place):
    with pytest.raises(DefinitionError, match=place):
        parse_syntax(text, "cfa")


def test_an_empty_model_is_refused():
    with pytest.raises(DefinitionError, match="the model is empty"):
        parse_syntax("  \n")


def test_defaults_fix_the_first_loading_and_free_the_rest():
    table = rows("f =~ x1 + x2 + x3\ng =~ x4 + x5 + x6")
    assert find(table, "f", "=~", "x1").fixed == 1.0
    assert find(table, "f", "=~", "x2").is_free
    assert find(table, "f", "~~", "g").is_free
    assert find(table, "x1", "~~", "x1").is_free
    assert find(table, "f", "~~", "f").is_free


def test_std_lv_and_orthogonal():
    table = rows("f =~ x1 + x2 + x3\ng =~ x4 + x5 + x6", std_lv=True, orthogonal=True)
    assert find(table, "f", "=~", "x1").is_free
    assert find(table, "f", "~~", "f").fixed == 1.0
    assert find(table, "f", "~~", "g").fixed == 0.0


def test_a_single_indicator_has_no_error():
    table = rows("f =~ x1 + x2 + x3\ng =~ y\ng ~ f")
    assert find(table, "y", "~~", "y").fixed == 0.0


def test_exogenous_variables_keep_their_sample_moments():
    names = sort_names(parse_syntax("f =~ x1 + x2 + x3\nf ~ z1 + z2"))
    assert names.exogenous == ["z1", "z2"]
    table = rows("f =~ x1 + x2 + x3\nf ~ z1 + z2")
    assert find(table, "z1", "~~", "z2").exogenous
    assert sort_names(parse_syntax("f =~ x1\nf ~ z1\nz1 ~~ z1")).exogenous == []


def test_outcomes_at_the_end_of_paths_covary():
    table = rows("y1 ~ x\ny2 ~ x")
    assert find(table, "y1", "~~", "y2").is_free


def test_ordinal_items_get_thresholds_and_derived_residuals():
    table = rows("f =~ q1 + q2 + q3", ordered={"q1": 3, "q2": 3, "q3": 3}, meanstructure=True)
    assert find(table, "q1", "|", "t2").is_free
    assert find(table, "q1", "~~", "q1").computed
    assert find(table, "q1", "~*~", "q1").fixed == 1.0
    assert find(table, "q1", "~1", "").fixed == 0.0


def test_equality_between_groups_shares_labels_and_frees_latent_means():
    table = rows(
        "f =~ x1 + x2 + x3",
        n_groups=2,
        meanstructure=True,
        group_equal=("loadings", "intercepts"),
        group_partial=("f=~x3",),
    )
    assert find(table, "f", "=~", "x2").label == find(table, "f", "=~", "x2", 1).label == ".p2."
    assert find(table, "f", "=~", "x3", 1).label == ""
    assert math.isnan(find(table, "f", "~1", "", 1).fixed)
    assert find(table, "f", "~1", "").fixed == 0.0


def test_equal_thresholds_free_scales_or_residuals_in_later_groups():
    ordered = {"q1": 3, "q2": 3, "q3": 3}
    for kind, op in (("delta", "~*~"), ("theta", "~~")):
        table = rows(
            "f =~ q1 + q2 + q3",
            ordered=ordered,
            n_groups=2,
            meanstructure=True,
            group_equal=("thresholds",),
            parameterization=kind,
        )
        assert find(table, "q1", op, "q1", 1).is_free
        assert not find(table, "q1", op, "q1").is_free


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"group_equal": ("slopes",), "n_groups": 2}, "unknown group_equal 'slopes'"),
        ({"group_equal": ("loadings",)}, "needs groups"),
    ],
)
def test_impossible_equalities(options, message):
    with pytest.raises(DefinitionError, match=message):
        rows("f =~ x1 + x2 + x3", **options)


def test_modifiers_must_fit_the_groups():
    with pytest.raises(DefinitionError, match=r"has 3 modifiers for 2 group\(s\)"):
        rows("f =~ c(1, 2, 3)*x1 + x2 + x3", n_groups=2)


def test_a_label_shared_with_the_fixed_first_loading_fixes_the_others():
    table = build_table(parse_syntax("f =~ a*x1 + a*x2 + x3", "cfa"), TableOptions(), "cfa")
    loadings = [row for row in table.rows if row.op == "=~"]
    assert [row.fixed for row in loadings[:2]] == [1.0, 1.0]
    assert loadings[2].is_free


def test_a_label_on_two_fixed_values_is_refused():
    with pytest.raises(DefinitionError, match=r"label 'a' names parameters fixed at 1 and at 0\.5"):
        build_table(
            parse_syntax("f =~ a*x1 + a*x2 + x3\nf ~~ a*f\nx2 ~~ 0.5*x2\nx2 ~~ a*x2", "cfa"),
            TableOptions(),
            "cfa",
        )


def test_several_left_sides_are_written_out_one_after_the_other_and_stay_apart():
    parsed = parse_syntax("f + g ~ a*x + y\nf ~ 0.5*x")
    assert [(s.lhs, s.rhs) for s in parsed.statements] == [("f", "x"), ("f", "y"), ("g", "x"), ("g", "y")]
    assert [s.modifier.fixed for s in parsed.statements] == [[0.5], [], [], []]


def test_equal_means_the_parameter_it_names():
    table = rows('f =~ x1 + x2 + x3\ng =~ x4 + equal("f =~ x2")*x5 + equal("f=~x1")*x6')
    assert find(table, "g", "=~", "x5").label == find(table, "f", "=~", "x2").label != ""
    assert find(table, "g", "=~", "x6").fixed == 1.0
    with pytest.raises(DefinitionError, match=r"equal\('f=~x9'\) names no other parameter"):
        rows('f =~ x1 + x2 + equal("f=~x9")*x3')


def test_equal_may_come_before_the_parameter_it_names():
    table = rows('f =~ x1 + equal("f=~x3")*x2 + x3\nx2 ~~ equal("x1 ~~ x1")*x2')
    assert find(table, "f", "=~", "x2").label == find(table, "f", "=~", "x3").label != ""
    assert find(table, "x2", "~~", "x2").label == find(table, "x1", "~~", "x1").label == "x1~~x1"
    with pytest.raises(DefinitionError, match=r"equal\('f=~x3'\) leads back to itself"):
        rows('f =~ x1 + equal("f=~x3")*x2 + equal("f=~x2")*x3 + x4')


def test_equal_follows_from_one_to_the_next_within_each_group():
    table = rows('f =~ x1 + equal("f=~x3")*x2 + equal("f=~x4")*x3 + x4', n_groups=2)
    labels = [{find(table, "f", "=~", f"x{k}", g).label for k in (2, 3, 4)} for g in range(2)]
    assert [len(own) for own in labels] == [1, 1] and labels[0] != labels[1]
    table = rows('f =~ x1 + equal("f=~x3")*x2 + equal("f=~x4")*x3 + b*x4', n_groups=2)
    assert {find(table, "f", "=~", f"x{k}", g).label for k in (2, 3, 4) for g in range(2)} == {"b"}


def test_what_two_mentions_of_a_term_add_to_each_other_is_joined():
    once = parse_syntax("f =~ a*start(2)*0.5*x1", "cfa").statements[0].modifier
    twice = parse_syntax("f =~ a*x1 + x2\nf =~ start(2)*0.5*x1\nf =~ a*x1", "cfa").statements[0].modifier
    assert once == twice and (once.labels, once.starts, once.fixed) == (["a"], [2.0], [0.5])
