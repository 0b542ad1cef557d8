"""Values and sentences of topics from tables made by hand: counts, edges, and which of two is told."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, cast

import numpy as np
import pandas as pd
import pytest

from analysis.common.rules import AVE, INVARIANCE_CFI, INVARIANCE_RMSEA, IRT_ITEM_FIT, OMEGA
from analysis.common.verdicts import Cause
from analysis.pipeline.reach import Gaps
from analysis.pipeline.topics import groups, irt, items, misfit
from analysis.pipeline.topics.extracted import LATENT, extracted_findings, extracted_table, factor_title
from instrument.common.formatting import fill_prose

# variance extracted


def _context(*themes: str) -> Any:
    titles = {name: f"Theme {name}" for name in themes}
    return SimpleNamespace(themes={name: [] for name in themes}, title_of=titles.__getitem__)


LOADINGS = {
    "a": {"q1": 0.9, "q2": 0.8, "q3": -0.7},
    "b": {"q4": 0.6, "q5": 0.5},
    "c": {"q6": 0.95, "q7": 0.9},
}
BETWEEN = {("a", "b"): 0.3, ("a", "c"): -0.85, ("b", "c"): 0.6}


def _model(*themes: str, estimator: str = "MLR") -> Any:
    rows = [
        (theme, "=~", item, 7 * value, value) for theme in themes for item, value in LOADINGS[theme].items()
    ]
    rows += [(theme, "~~", theme, 1.0, 1.0) for theme in themes]
    rows += [("q1", "~~", "q2", 0.2, 0.99)]  # errors that go together are no factors
    rows += [(one, "~~", two, 9.0, r) for (one, two), r in BETWEEN.items() if one in themes and two in themes]
    table = pd.DataFrame(rows, columns=["lhs", "op", "rhs", "est", "std_all"])
    return SimpleNamespace(parameters=table, estimator=estimator)


@pytest.mark.parametrize("themes", [("a",), ("a", "b"), ("b", "c", "a")])
def test_variance_extracted_is_told_of_each_theme_beside_its_nearest_other(themes: tuple[str, ...]) -> None:
    gaps = Gaps(context=cast(Any, None))
    table = extracted_table(_context(*themes), _model(*themes), gaps)["extracted"]
    frame = table.frame.set_index("theme")
    assert frame.index.tolist() == list(themes) and not gaps.problems
    for theme in themes:
        size = np.abs(list(LOADINGS[theme].values()))
        row = frame.loc[theme]
        assert (row["title"], row["n_items"]) == (f"Theme {theme}", len(size))
        assert row["ave"] == pytest.approx((size**2).mean())
        assert row["composite_reliability"] == pytest.approx(
            size.sum() ** 2 / (size.sum() ** 2 + (1 - size**2).sum())
        )
        others = [abs(r) for pair, r in BETWEEN.items() if theme in pair and set(pair) <= set(themes)]
        if len(themes) == 1:
            assert "largest_correlation" not in frame and "largest_correlation" not in table.columns
        else:
            assert row["largest_correlation"] == pytest.approx(max(others))
            assert bool(row["fornell_larcker"]) is bool(np.sqrt((size**2).mean()) > max(others))
    found = extracted_findings(table)
    assert [(f.claim, f.value, f.rule, f.path) for f in found] == [
        (
            f"Theme {theme}: {words}",
            frame.loc[theme, key],
            rule,
            f"sections.models.tables.extracted.{key}[{k}]",
        )
        for k, theme in enumerate(themes)
        for key, words, rule in (
            ("ave", "items share most of their variance", AVE),
            ("composite_reliability", "composite reliability", OMEGA),
        )
    ]


@pytest.mark.parametrize(
    ("estimator", "latent"), [("WLSMV", True), ("ULSMV", True), ("MLR", False), ("ML", False)]
)
def test_what_is_of_latent_answers_says_so(estimator: str, latent: bool) -> None:
    made = extracted_table(_context("a"), _model("a", estimator=estimator), Gaps(context=cast(Any, None)))
    assert made["extracted"].note == (LATENT if latent else "")
    assert {f.note for f in extracted_findings(made["extracted"])} == {made["extracted"].note}


def test_what_cannot_be_extracted_is_named_and_no_table_is_made() -> None:
    model = _model("a")
    model.parameters.loc[0, "std_all"] = 1.2  # an error variance below nought
    gaps = Gaps(context=_context("a"))
    assert extracted_table(_context("a"), model, gaps) == {}
    assert len(gaps.problems) + len(gaps.untested) == 1 and extracted_findings(None) == []


def test_a_factor_is_called_by_its_theme_or_by_the_only_one() -> None:
    assert factor_title(_context("a", "b"), "b") == "Theme b"
    assert factor_title(_context("a"), "g") == "Theme a"
    assert factor_title(_context("a", "b"), "g") == "All items"


# misfit


class Sizes:
    """A fit of which only the size of its misfit is asked."""

    def __init__(self, grade: str, cfi: float, rmsea: float = 0.05) -> None:
        self._rows = [
            {"index": name, "variant": "robust", "estimate": 0.03, "t_size": size, "grade": grade}
            | dict.fromkeys(misfit.GRADES[:-1], 0.1)
            for name, size in (("rmsea", rmsea), ("cfi", cfi))
        ]

    def equivalence(self) -> Any:
        return SimpleNamespace(table=pd.DataFrame(self._rows))


@pytest.mark.parametrize("cfi", [0.93, np.nan])
@pytest.mark.parametrize("grade", misfit.GRADES)
def test_what_is_ruled_out_is_said_and_no_claim_is_made_of_a_poor_fit(grade: str, cfi: float) -> None:
    prose, values, tables = misfit.size_of_misfit(cast(Any, Sizes(grade, cfi)))
    told = fill_prose(prose[0], values)
    also = "" if np.isnan(cfi) else ", and so is a CFI lower than .930"
    end = f"for this number of people and degrees of freedom that allows the claim of {grade} fit."
    if grade == "poor":
        end = "that is too much for a claim that the model fits."
    wanted = f"A misfit larger than an RMSEA of .050 is ruled out with 95% confidence{also}; {end}"
    assert told == wanted
    assert ("t_size_cfi" in values) is not np.isnan(cfi)
    table = tables["equivalence"]
    assert table.frame["name"].tolist() == ["RMSEA"] + ["CFI"] * (not np.isnan(cfi))
    assert ("no such CFI is known" in table.note) is bool(np.isnan(cfi))


def test_without_a_robust_rmsea_nothing_is_said_of_its_size() -> None:
    assert misfit.size_of_misfit(cast(Any, Sizes("close", 0.93, rmsea=np.nan))) == ([], {}, {})
    assert misfit.size_of_misfit(cast(Any, Sizes("close", np.nan, rmsea=np.nan))) == ([], {}, {})


def _left_out(*verdicts: str) -> pd.DataFrame:
    sizes = [(-1) ** k * (k + 1) / 100 for k in range(len(verdicts))]
    return pd.DataFrame(
        {
            "lhs": ["a" if k % 2 else f"q{k}" for k in range(len(verdicts))],
            "op": ["=~" if k % 2 else "~~" for k in range(len(verdicts))],
            "rhs": [f"r{k}" for k in range(len(verdicts))],
            "group": 1,
            "sepc": sizes,
            "verdict": list(verdicts),
        }
    )


@pytest.mark.parametrize(
    ("left", "pairs", "said"),
    [
        ((18, 1, 3), (4, 0, 2), ("18 are negligible", "1 is large enough", "of 3 it cannot")),
        ((1, 2, 0), (0, 0, 0), ("1 is negligible", "2 are large enough", "of 0 it cannot")),
        ((0, 0, 5), (0, 20, 0), ("0 are negligible", "0 are large enough", "of 5 it cannot")),
    ],
)
def test_what_a_structure_leaves_out_is_counted_by_its_verdict(
    left: tuple[int, int, int],
    pairs: tuple[int, int, int],
    said: tuple[str, ...],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    kinds = (misfit.WITHIN, misfit.BEYOND, misfit.UNDECIDED)
    frame = _left_out(*(kind for kind, n in zip(kinds, left, strict=True) for _ in range(n)))
    residuals = pd.DataFrame(
        {"one": f"q{k}", "other": f"r{k}", "group": 1, "residual": 1 / (k + 1), "verdict": kind}
        for k, kind in enumerate(kind for kind, n in zip(kinds, pairs, strict=True) for _ in range(n))
    )
    if residuals.empty:
        residuals = pd.DataFrame(columns=["one", "other", "group", "residual", "verdict"])
    monkeypatch.setattr(
        misfit, "misspecifications", lambda fit: SimpleNamespace(parameters=frame, residuals=residuals)
    )
    monkeypatch.setattr(misfit, "size_of_misfit", lambda fit: ([], {}, {}))
    prose, values, tables = misfit.misfit_of(_context("a"), cast(Any, None))
    told = [fill_prose(sentence, values) for sentence in prose]
    assert all(part in told[0] for part in said) and told[0].startswith(f"Of {sum(left)} loadings")
    assert len(told) == 1 + bool(sum(pairs)) and ("residuals" in tables) is bool(sum(pairs))
    if sum(pairs):
        assert told[1] == (
            f"Of {sum(pairs)} correlations of items, the structure leaves {pairs[0]} within a tenth and "
            f"{pairs[1]} beyond; of {pairs[2]} it is open."
        )
        assert tables["residuals"].frame["one"].tolist() == [f"q{k}" for k in range(min(sum(pairs), 15))]
    shown = tables["left_out"].frame
    order = sorted(range(sum(left)), key=lambda k: -abs(frame["sepc"][k]))[:15]
    assert shown["rhs"].tolist() == [f"r{k}" for k in order]
    assert shown["one"].tolist() == ["Theme a" if k % 2 else f"q{k}" for k in order]
    assert shown["kind"].tolist() == ["loading" if k % 2 else "covariance" for k in order]


# items


def _statistics(**columns: Any) -> pd.DataFrame:
    n = len(next(iter(columns.values())))
    plain = {"theme": ["First"] * n, "item": [f"q{k + 1}" for k in range(n)], "item_rest_r": [0.5] * n}
    plain |= {"ceiling_share": [0.0] * n, "floor_share": [0.0] * n, "missing_share": [0.0] * n}
    return pd.DataFrame({**plain, **columns})


def _said_of(statistics: pd.DataFrame, lists: tuple[str, ...] = (), *, judged: bool = True) -> list[str]:
    values = items._values(statistics, lists)
    return [fill_prose(sentence, values) for sentence in items._prose(values, judged=judged)]


@pytest.mark.parametrize(
    ("relations", "said"),
    [
        ([0.3, 0.5], "All 2 items go with the rest of their theme as far as the convention asks."),
        ([0.29, 0.5, 0.3], "1 of 3 items goes with the rest of its theme less than the convention asks: q1."),
        (
            [0.1, 0.5, 0.2],
            "2 of 3 items go with the rest of their theme less than the convention asks: q1 and q3.",
        ),
        (
            [np.nan, 0.5, 0.2],
            "1 of 2 items goes with the rest of its theme less than the convention asks: q3.",
        ),
    ],
)
def test_items_below_the_convention_are_counted_among_those_that_have_a_relation(
    relations: list[float], said: str
) -> None:
    assert _said_of(_statistics(item_rest_r=relations))[0].endswith(said)
    few = _said_of(_statistics(item_rest_r=relations), judged=False)[0]
    assert few.endswith("So few people say little of a single relation.") and said not in few


def test_relations_run_from_the_lowest_to_the_highest_and_are_one_where_they_print_alike() -> None:
    assert "(item-rest r runs from .31 to .62)" in _said_of(_statistics(item_rest_r=[0.62, 0.31]))[0]
    assert "(item-rest r is .50)" in _said_of(_statistics(item_rest_r=[0.501, 0.499]))[0]
    alone = _said_of(_statistics(item_rest_r=[np.nan, np.nan]))
    assert len(alone) == 1 and alone[0].startswith("Items with more than 15.0%")
    assert items._prose(items._values(pd.DataFrame(), ()), judged=True) == []


def test_a_list_of_items_has_no_part_in_relations() -> None:
    mixed = _statistics(item_rest_r=[0.1, 0.5], theme=["List", "First"])
    assert items._values(mixed, ("List",))["related"] == 1
    assert items._values(mixed, ("List",))["weak"] == 0 and items._values(mixed, ())["weak"] == 1


def test_ends_are_counted_above_fifteen_percent_each_for_itself() -> None:
    made = _statistics(
        ceiling_share=[0.15, 0.16, 0.9, 0.0],
        floor_share=[0.2, 0.15, 0.0, 0.0],
        missing_share=[0, 0.2, 0.1, 0],
    )
    (said,) = _said_of(made)[1:]
    assert said.startswith(
        "Items with more than 15.0% of their answers on the highest option: 2; on the lowest: 1."
    )
    assert said.endswith("No item was left without an answer more often than q2 (20.0%).")
    assert _said_of(_statistics(missing_share=[0.0, 0.0]))[1].endswith(
        "No item was left without an answer by anybody (0.0%)."
    )


def test_the_weakest_item_is_judged_where_it_stands() -> None:
    made = _statistics(item_rest_r=[np.nan, 0.4, 0.2, 0.6])
    (found,) = items._findings(made, None)
    assert (found.claim, found.value) == ("Weakest item (q3) goes with the rest of its theme", 0.2)
    assert found.path == "sections.items.tables.statistics.item_rest_r[2]"
    assert items._findings(_statistics(item_rest_r=[np.nan]), None) == []


def test_shares_of_options_are_of_those_who_answered_as_they_answered() -> None:
    options = [SimpleNamespace(code=code, label=f"Option {code}") for code in (1, 2, 3)]
    scale = SimpleNamespace(
        item=lambda item: SimpleNamespace(scale="own" if item == "q3" else None, text=f"Words of {item}"),
        scale_by_default="agree",
        response_scales={
            "agree": SimpleNamespace(options=options),
            "own": SimpleNamespace(options=options[:2]),
        },
    )
    answers = pd.DataFrame({"q1": [1, 1, 3, None], "q2": [None] * 4, "q3": [2, 2, 1, 2]}, dtype="Float64")
    context = SimpleNamespace(item_ids=["q1", "q2", "q3"], scale=scale, items=4 - answers, first_wave="1")
    context.wave_name = str
    found = items._distributions(cast(Any, context), answers)
    assert list(found) == ["distribution_agree", "distribution_own"]
    agree, own = (table.frame.set_index("item") for table in found.values())
    assert agree["n"].tolist() == [3, 0] and own["n"].tolist() == [4]
    assert agree.loc["q1", ["share_1", "share_2", "share_3"]].tolist() == pytest.approx([2 / 3, 0, 1 / 3])
    assert agree.loc["q2", ["share_1", "share_2", "share_3"]].isna().all()
    assert own.loc["q3", ["share_1", "share_2"]].tolist() == pytest.approx([0.25, 0.75])


# response models


def _fits(**columns: Any) -> pd.DataFrame:
    n = len(next(iter(columns.values())))
    plain = {"theme": list("abcdef"[:n]), "title": [f"Theme {k}" for k in "abcdef"[:n]]}
    plain |= {"n": [900] * n, "n_items": [5] * n, "reliability": [0.8] * n, "precise_share": [0.5] * n}
    plain |= {
        "precise_from": [-2.0] * n,
        "precise_to": [2.0] * n,
        "worst_p": [0.5] * n,
        "improper": [False] * n,
    }
    return pd.DataFrame({**plain, **columns})


def _said_of_fits(frame: pd.DataFrame, among: int) -> str:
    values = irt._values(frame)
    return " ".join(fill_prose(sentence, values) for sentence in irt._prose(values, among))


def test_a_theme_that_is_precise_nowhere_or_ends_below_one_deviation_tells_the_top_apart_less() -> None:
    said = _said_of_fits(_fits(precise_to=[0.9, 1.0, 1.1, np.nan]), 4)
    assert "are told apart less precisely: Theme a and Theme d." in said
    assert "less precisely" not in _said_of_fits(_fits(precise_to=[1.0, 3.0]), 2)


@pytest.mark.parametrize(
    ("shares", "among", "said"),
    [
        ([0.25, 0.75], 2, "that holds for 25.0% to 75.0% of people, by theme."),
        ([0.5, 0.5001], 2, "that holds for 50.0% of people, whatever the theme."),
        ([0.5, 0.5001], 3, "that holds for 50.0% of people, whatever the theme that could be fitted."),
        ([0.3], 1, "that holds for 30.0% of people."),
    ],
)
def test_shares_of_people_measured_precisely_run_over_the_themes(
    shares: list[float], among: int, said: str
) -> None:
    frame = _fits(precise_share=shares)
    assert said in _said_of_fits(frame, among)
    assert irt._ends(frame) == (0, len(shares) - 1) and irt._ends(frame.iloc[:0]) == (0, 0)


def test_items_of_a_theme_do_not_follow_the_model_from_the_cut_on_where_it_is_judged() -> None:
    cut = IRT_ITEM_FIT.cutoff
    frame = _fits(
        worst_p=[cut, cut * 1.01, cut / 2, cut / 2, np.nan],
        improper=[False, False, True, False, False],
        n=[900, 900, 900, 20, 900],
    )
    assert "see the items of Theme a." in _said_of_fits(frame, 5)
    assert "do not follow" not in _said_of_fits(_fits(worst_p=[0.5]), 1)
    assert irt._values(frame.iloc[:0]) == {"themes": 0}
    assert irt._prose({"themes": 0}, 3) == ["No theme could be fitted; the reasons stand below."]
    found = irt._findings(frame, [("Lost", Cause.NO_VARIATION)], {"e"})
    assert [f.untested for f in found] == [
        Cause.NO_VARIATION,
        None,
        None,
        Cause.IMPROPER,
        Cause.FEW_PEOPLE,
        Cause.NOTHING_LEFT,
    ]
    assert [f.path for f in found] == ["", *(f"sections.irt.tables.fit.worst_p[{k}]" for k in range(5))]


def test_answers_that_few_gave_are_named_as_they_were_shown() -> None:
    options = tuple(SimpleNamespace(code=code, label=f"Option {code}") for code in range(1, 6))
    offered = SimpleNamespace(minimum=1, maximum=5, options=options, codes=[1, 2, 3, 4, 5])
    scale = SimpleNamespace(scale_of=lambda item: offered, reversed_items={"q2"})
    context = cast(Any, SimpleNamespace(scale=scale))
    said = irt._options_of(context, ["q1:1", "q2:1", "q1:5", "q2:4"])
    assert said == "q1: “Option 1” and “Option 5”; q2: “Option 5” and “Option 2”"  # the second is turned
    assert irt._rare({"First": said, "Next": "q9: “No”"}) == [
        f"Given by fewer than 5 people, so unsteady: First ({said}); Next (q9: “No”)."
    ]
    assert irt._rare({}) == []


# groups


def _levels(
    monkeypatch: pytest.MonkeyPatch,
    changes: list[float],
    *,
    testable: list[bool] | None = None,
    pvalues: list[float] | None = None,
    improper: str = "",
    levels: tuple[str, ...] = ("configural", "metric", "scalar", "strict"),
) -> Any:
    """Levels by hand: change of CFI and of RMSEA (its negative) from each to the next."""
    monkeypatch.setattr(groups, "of_levels", lambda fit: Cause.IMPROPER if fit == improper else None)
    n = len(levels)
    table = pd.DataFrame(
        {
            "level": levels,
            "cfi_diff": [np.nan, *changes],
            "rmsea_diff": [np.nan, *(-change for change in changes)],
            "testable": [None, *(testable or [True] * (n - 1))],
            "pvalue_diff": [np.nan, *(pvalues or [0.01] * (n - 1))],
        }
    )
    return SimpleNamespace(table=table, fits={level: level for level in levels}, rules=(INVARIANCE_CFI,))


def _judged(result: Any) -> list[tuple[float | None, Cause | None, str]]:
    found = groups.judged_levels("Who", result, 8, "path", None)
    assert [f.rule for f in found] == [INVARIANCE_CFI, INVARIANCE_RMSEA]
    return [(f.value, f.untested, f.path) for f in found]


def test_the_largest_loss_of_fit_up_to_equal_intercepts_is_judged(monkeypatch: pytest.MonkeyPatch) -> None:
    made = _levels(monkeypatch, [-0.002, -0.03, -0.5])  # residual variances are no part of it
    assert _judged(made) == [(-0.03, None, "path.cfi_diff[10]"), (0.03, None, "path.rmsea_diff[10]")]
    made = _levels(monkeypatch, [-0.03, 0.04, 0.0])  # a gain is no loss
    assert _judged(made) == [(-0.03, None, "path.cfi_diff[9]"), (0.03, None, "path.rmsea_diff[9]")]
    made = _levels(monkeypatch, [-0.03, -0.02], levels=("configural", "metric", "scalar"))
    assert [entry[0] for entry in _judged(made)] == [-0.03, 0.03]


def test_a_level_that_restricts_nothing_is_no_test_and_without_any_nothing_is_judged(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    made = _levels(monkeypatch, [-0.9, -0.001, 0.0], testable=[False, True, True])
    assert _judged(made)[0] == (-0.001, None, "path.cfi_diff[10]")
    made = _levels(monkeypatch, [-0.9, -0.9, -0.9], testable=[False, False, True])
    assert _judged(made) == [(None, Cause.NOTHING_LEFT, "")] * 2


def test_a_loss_that_is_not_significant_is_left_undecided_and_one_of_an_improper_fit_is_not_judged(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    over = [-0.03, -0.001, 0.0]
    assert {entry[1] for entry in _judged(_levels(monkeypatch, over, pvalues=[0.05, 0.01, 0.01]))} == {
        Cause.UNDECIDED
    }
    assert {entry[1] for entry in _judged(_levels(monkeypatch, over, pvalues=[0.049, 0.9, 0.9]))} == {None}
    within = [-0.001, -0.002, 0.0]  # nothing is lost: significance does not matter
    assert {entry[1] for entry in _judged(_levels(monkeypatch, within, pvalues=[0.9] * 3))} == {None}
    for level, cause in (("scalar", Cause.IMPROPER), ("strict", None)):
        assert {e[1] for e in _judged(_levels(monkeypatch, over, improper=level))} == {cause}
    assert _judged(_levels(monkeypatch, [np.nan, -0.1, 0.0])) == [(None, Cause.NOT_ESTIMATED, "")] * 2


def test_what_speaks_against_a_verdict_from_outside_is_told_first(monkeypatch: pytest.MonkeyPatch) -> None:
    made = _levels(monkeypatch, [-0.03, -0.001, 0.0], improper="metric")
    found = groups.judged_levels("Who", made, 0, "path", Cause.FEW_IN_GROUP)
    assert [(f.value, f.untested) for f in found] == [
        (-0.03, Cause.FEW_IN_GROUP),
        (0.03, Cause.FEW_IN_GROUP),
    ]
    lost = groups.judged_levels("Who", None, 0, "path", Cause.NO_VARIATION, ordinal=False)
    assert [(f.value, f.untested, f.path, f.rule) for f in lost] == [
        (None, Cause.NO_VARIATION, "", INVARIANCE_CFI),
        (None, Cause.NO_VARIATION, "", INVARIANCE_RMSEA),
    ]


@pytest.mark.parametrize("ordinal", [True, False])
def test_what_is_held_equal_is_what_such_a_model_has(ordinal: bool) -> None:
    (said,) = groups._prose(pd.DataFrame({"level": ["metric"]}), [], ordinal=ordinal)
    assert ("held equal: thresholds, loadings, intercepts" in said) is ordinal
    assert ("held equal: loadings, intercepts" in said) is not ordinal
    assert len(groups._prose(pd.DataFrame({"level": ["metric"]}), ["A"], ordinal=ordinal)) == 2
    assert groups._prose(pd.DataFrame(), [], ordinal=ordinal)[0].startswith("No level of invariance")


@pytest.mark.parametrize(("smallest", "cause"), [(20, Cause.FEW_IN_GROUP), (4000, None)])
def test_the_smallest_group_bears_the_verdict(smallest: int, cause: Cause | None) -> None:
    labels = pd.Series(["a"] * 5000 + ["b"] * smallest + [None] * 3)
    assert groups._size(labels, ["q1", "q2", "q3"]) is cause


def test_the_reference_of_the_plan_comes_first_and_others_stay_in_their_order() -> None:
    labels = pd.Series(["x", "y", "z", "y", "x"])
    rows = pd.DataFrame({"q": range(5)})
    assert groups.reference_first(rows, labels, "y")["q"].tolist() == [1, 3, 0, 2, 4]
    assert groups.reference_first(rows, labels, None) is rows
