"""Places by which scores are counted, and what screening and reliability say, on tables made by hand."""

from __future__ import annotations

import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import numpy as np
import pandas as pd
import pytest

sys.path.insert(0, str(Path(__file__).parent))
from test_earned_verdicts import answers_of, garden

from analysis.common.rules import ALPHA
from analysis.common.verdicts import Cause
from analysis.pipeline import validate
from analysis.pipeline.topics import reliability, retention, sampling, scores_spread, screening
from analysis.pipeline.topics.item_comparisons import telling_mean
from analysis.pipeline.topics.retest_pairs import pairs_table
from analysis.pipeline.topics.scores_spread import ends_of, places, step_of
from analysis.report.view import prose
from instrument.common.formatting import fill_prose
from instrument.definition import Instrument


@pytest.mark.parametrize("fewest,most", [(7, 12), (7, 9), (3, 4)])
@pytest.mark.parametrize("step", [1.0, 0.25, 4 / 52, None])
@pytest.mark.parametrize("lowest,highest", [(1.0, 5.0), (0.0, 3.0), (0.0, 100.0), (4.0, 20.0)])
def test_places_hold_the_ends_alone_and_equally_many_scores_between(
    lowest: float, highest: float, step: float | None, fewest: int, most: int
) -> None:
    edges = places(lowest, highest, step, (fewest, most))
    each = step or (highest - lowest) / 120
    scores = np.arange(round((highest - lowest) / each) + 1) * each + lowest
    held, _ = np.histogram(scores, bins=edges)
    assert held.sum() == len(scores) and held[0] == held[-1] == 1
    inner = held[1:-1]
    assert len(set(inner[:-1])) <= 1 and (not len(inner) or 0 < inner[-1] <= inner[0])
    assert edges[0] == pytest.approx(lowest - each / 2) and edges[-1] == pytest.approx(highest + each / 2)
    between = len(scores) - 2
    widths = [w for w in range(1, between + 1) if fewest <= -(-between // w) <= most]
    if not widths:
        assert len(inner) == between
        return
    # no other width leaves the last place fuller, as a share of a whole one, and none as full is narrower
    missing = {w: (-between % w) / w for w in widths}
    width = inner[0]
    assert width in widths and fewest <= len(inner) <= most
    assert all(missing[width] < missing[w] or (missing[width] == missing[w] and width <= w) for w in widths)


def _context(**changes: Any) -> Any:
    scales = {"q1": (1, 5), "q2": (1, 5), "q3": (1, 5), "q4": (0, 3), "q5": (0, 4)}
    made = {
        "themes": {"one": ["q1", "q2", "q3"], "odd": ["q3", "q4"], "three": ["q3", "q4", "q5"]},
        "total_items": ["q1", "q2", "q3"],
        "rescale": None,
        "card": SimpleNamespace(rule=SimpleNamespace(method="mean")),
        "scale": SimpleNamespace(
            scale_of=lambda item: SimpleNamespace(
                minimum=scales[item][0],
                maximum=scales[item][1],
                n_options=scales[item][1] - scales[item][0] + 1,
            )
        ),
        "title_of": lambda name: f"Theme {name}",
        "first_wave": 1,
    }
    return cast(Any, SimpleNamespace(**(made | changes)))


def test_steps_and_ends_are_those_of_means_sums_and_scores_from_nought_to_a_hundred() -> None:
    mean = _context()
    assert ends_of(mean, "one") == ends_of(mean, "total") == (1.0, 5.0)
    possible = np.unique([np.mean([a, b, c]) for a in range(1, 6) for b in range(1, 6) for c in range(1, 6)])
    assert step_of(mean, "one", 1.0, 5.0) == pytest.approx(np.diff(possible).max())
    # where options differ in number, or for the total, scores lie densely
    assert step_of(mean, "odd", 0.0, 1.0) is step_of(mean, "three", 0.0, 1.0) is None
    assert step_of(mean, "total", 1.0, 5.0) is None
    summed = _context(card=SimpleNamespace(rule=SimpleNamespace(method="sum")))
    assert ends_of(summed, "one") == (3.0, 15.0) and step_of(summed, "one", 3.0, 15.0) == 1.0
    assert ends_of(summed, "total") == (1.0, 5.0)  # of the scores it is made of
    assert ends_of(_context(rescale="0-100"), "one") == (0.0, 100.0)


def test_shares_are_of_everybody_with_a_score() -> None:
    scores = pd.DataFrame({"one": [1.0, 1.0, 5.0, 3.0, np.nan]})
    first = pd.DataFrame(
        {"score": ["one"], "title": ["Theme one"], "lowest_possible": [1.0], "highest_possible": [5.0]}
    )
    made = scores_spread.spread_table(_context(scores_at=lambda wave: scores), first)
    assert made is not None
    frame = made.frame
    assert frame["people"].sum() == 4 and frame["share"].sum() == pytest.approx(1)
    assert frame["people"].iloc[0] == 2 and frame["share"].iloc[[0, -1]].tolist() == [0.5, 0.25]


def test_a_pair_of_occasions_is_counted_where_it_stands() -> None:
    before = pd.DataFrame({"one": [1.0, 1.0, 5.0, 3.0, np.nan, 2.0]})
    after = pd.DataFrame({"one": [5.0, 5.0, 1.0, 3.0, 2.0, np.nan]})
    made = pairs_table(_context(), before, after, ["one"])
    assert made is not None
    told = {
        (round(row["first"], 6), round(row["second"], 6)): (row["people"], row["share"])
        for row in made.frame.to_dict("records")
    }
    assert told == {(1.0, 5.0): (2, 0.5), (5.0, 1.0): (1, 0.25), (3.0, 3.0): (1, 0.25)}
    assert pairs_table(_context(), before, after.assign(one=np.nan), ["one"]) is None


# screening


def _screened(n: int, flagged: int, in_runs: int, judged: int) -> Any:
    names = ["irv", "longstring"]
    flags = pd.DataFrame(
        {
            "n_judged": [n, judged],
            "n_flagged": [0, in_runs],
            "share": [0.0, in_runs / judged if judged else None],
            "rule": "",
            "source": "",
        },
        index=names,
    )
    answers = answers_of(garden(2), n)
    return SimpleNamespace(
        flags=flags,
        n_administrations=n,
        n_flagged=flagged,
        notes=(),
        without_flagged=lambda responses: responses.iloc[flagged:],
        answers=answers,
    )


def _section(
    monkeypatch: pytest.MonkeyPatch,
    found: Any,
    changes: tuple[float, ...] = (0.1, -0.3),
    excluded: Any = None,
) -> Any:
    made = pd.DataFrame(
        {
            "theme": list("ab"),
            "title": ["A", "B"],
            "n": 9,
            "alpha": 0.5,
            "n_without": 9,
            "alpha_without": 0.5,
            "change": changes,
        }
    )
    monkeypatch.setattr(screening, "screening_of", lambda context: found)
    monkeypatch.setattr(screening, "_sensitivity", lambda *given: made)
    monkeypatch.setattr(screening, "of_sample", lambda context: None)
    told = {"first_wave": 1, "wave_name": str}
    return screening.section_screening(cast(Any, SimpleNamespace(excluded=excluded, **told)))


@pytest.mark.parametrize(
    "flagged,in_runs,judged,told",
    [
        (4, 10, 100, False),  # a tenth itself is not above it
        (4, 11, 100, True),
        (5, 11, 100, True),
        (5, 10, 99, False),  # half of them are flagged
        (6, 11, 100, False),
        (0, 0, 0, False),  # nobody could be judged
    ],
)
def test_long_runs_are_told_above_a_tenth_where_fewer_than_half_are_flagged(
    monkeypatch: pytest.MonkeyPatch, flagged: int, in_runs: int, judged: int, told: bool
) -> None:
    section = _section(monkeypatch, _screened(200, flagged, in_runs, judged))
    said = [s for s in section.prose if s.startswith("In {run_flagged")]
    assert bool(said) is told is ("run_flagged" in section.values)
    if told:
        values = {key: section.values[key] for key in ("run_flagged", "run_judged", "run_share")}
        assert values == {"run_flagged": in_runs, "run_judged": judged, "run_share": in_runs / judged}


@pytest.mark.parametrize(
    "flagged,verb", [(1, "1 administration of 200 (0.5%) is"), (2, "2 administrations of")]
)
def test_one_is_and_several_are_flagged(monkeypatch: pytest.MonkeyPatch, flagged: int, verb: str) -> None:
    section = _section(monkeypatch, _screened(200, flagged, 0, 200))
    said = fill_prose(section.prose[0], section.values)
    assert said.startswith(verb) and ("are flagged" in said) is (flagged > 1)
    # the largest change is that farther from nought, whatever its sign
    assert section.values["largest_change"] == pytest.approx(0.3)
    assert section.values["largest_change_theme"] == "B"
    assert "at most ({largest_change_theme})" in section.prose[-1]


@pytest.mark.parametrize(("flagged", "verb"), [(1, "and was"), (2, "and were")])
def test_who_was_taken_out_as_planned_is_told(
    monkeypatch: pytest.MonkeyPatch, flagged: int, verb: str
) -> None:
    everyone = SimpleNamespace(everyone=SimpleNamespace(excluded=None, first_wave=1, wave_name=str))
    section = _section(monkeypatch, _screened(200, flagged, 0, 200), excluded=everyone)
    said = fill_prose(section.prose[0], section.values)
    assert f"{verb} taken out as planned" in said and "Nothing is deleted" not in said


def test_without_anybody_flagged_nothing_is_said_of_a_change(monkeypatch: pytest.MonkeyPatch) -> None:
    section = _section(monkeypatch, _screened(200, 0, 0, 200), (0.0, 0.0))
    assert len(section.prose) == 1 and section.prose[0].startswith("None of the")


# reliability


def _themes(alphas: list[float], omegas: list[float | None], n: list[int]) -> pd.DataFrame:
    names = list("abcd")[: len(alphas)]
    return pd.DataFrame(
        {
            "theme": names,
            "title": [f"Theme {name}" for name in names],
            "alpha": alphas,
            "omega": pd.Series(omegas, dtype=object),
            "n": n,
        }
    )


def test_a_theme_at_the_convention_is_not_below_it_and_is_named_by_its_title() -> None:
    cut = ALPHA.cutoff
    themes = _themes([cut, cut - 0.01, cut - 0.2, 0.95], [None, 0.8, 0.6, None], [50] * 4)
    values = reliability._values(themes)
    assert values["n_low"] == 2 and values["low_themes"] == "Theme b and Theme c"
    assert (values["alpha_lowest_theme"], values["alpha_highest_theme"]) == ("Theme c", "Theme d")
    # omega runs over the themes that have one
    assert (values["omega_lowest"], values["omega_lowest_theme"]) == (0.6, "Theme c")
    assert (values["omega_highest"], values["omega_highest_theme"]) == (0.8, "Theme b")
    said = reliability._prose(themes, values, 5)
    assert sum("{low_themes}" in sentence for sentence in said) == 1
    filled = [fill_prose(sentence, values) for sentence in said]
    assert filled[0].endswith("runs from .50 (Theme c) to .95 (Theme d).")
    assert filled[2].endswith("runs from .60 (Theme c) to .80 (Theme b).")


def test_what_rests_on_few_people_is_not_called_below_the_convention() -> None:
    themes = _themes([0.3, 0.4], [None, None], [50, 29])
    said = reliability._prose(themes, reliability._values(themes), 2)
    assert not any("{low_themes}" in s for s in said)
    assert not any(s.startswith("Omega") for s in said)


@pytest.mark.parametrize(
    "n,answered,cause", [(30, 40, None), (29, 40, Cause.FEW_COMPLETE), (29, 29, Cause.FEW_PEOPLE)]
)
def test_alpha_and_omega_are_judged_where_enough_people_stand_behind_them(
    n: int, answered: int, cause: Cause | None
) -> None:
    row = {"title": "T", "alpha": 0.8, "omega": 0.7, "n": n}
    found = reliability._findings(row, 3, answered)
    assert [(f.claim, f.value, f.cause) for f in found] == [
        ("T: internal consistency", 0.8, cause),
        ("T: omega total", 0.7, cause),
    ]
    assert [f.path.rpartition(".")[2] for f in found] == ["alpha[3]", "omega[3]"]
    alone = reliability._findings({**row, "omega": None}, 0, answered)
    assert [f.claim for f in alone] == ["T: internal consistency"]


def test_alpha_without_an_item_is_told_of_three_items_and_the_note_says_of_whom_it_is() -> None:
    scale = garden(3, 3)
    content = scale.model_dump(mode="json", by_alias=True)
    content["themes"][1]["items"] = content["themes"][1]["items"][:2]
    scale = type(scale).model_validate(content)
    answers = answers_of(scale, 80)
    # nobody of the first ten answered Bed C at all; who answered a theme answered it whole
    answers.loc[:9, [item.id for item in scale.themes[2].items]] = pd.NA
    section = validate(answers, scale, topics=["reliability"], seed=2).tree["sections"]["reliability"]
    assert set(section["tables"]["if_dropped"]["theme"]) == {"bed0", "bed2"}
    note = section["captions"]["if_dropped"]["note"]
    assert note == "Not of Bed B: without one of two items a single one is left."
    dropped = pd.DataFrame(section["tables"]["if_dropped"])
    assert (dropped["gain"] == dropped["if_dropped"] - dropped["alpha"]).all()
    answers.loc[10, "g2_0"] = pd.NA
    section = validate(answers, scale, topics=["reliability"], seed=2).tree["sections"]["reliability"]
    assert section["captions"]["if_dropped"]["note"].count(reliability.OF_COMPLETE) == 1


def test_a_theme_without_alpha_is_a_claim_that_could_not_be_tested() -> None:
    scale = garden(2)
    answers = answers_of(scale, 60)
    answers["g1_0"] = 3  # everybody alike
    section = validate(answers, scale, topics=["reliability"], seed=2).tree["sections"]["reliability"]
    claims = {claim["claim"]: (claim["cause"], claim["value"]) for claim in section["findings"]}
    assert claims["Bed B: internal consistency"] == (Cause.NO_VARIATION.value, None)
    assert claims["Bed A: internal consistency"][0] is None


def test_coefficients_that_print_alike_are_told_of_the_themes_that_have_one() -> None:
    themes = _themes([0.8, 0.801, 0.799], [0.7, 0.7, None], [50] * 3)
    values = reliability._values(themes)
    said = [fill_prose(sentence, values) for sentence in reliability._prose(themes, values, 3)]
    assert said[0].endswith("is .80 in each theme.")
    assert said[1].endswith("is .70 in each theme that has one.")


@pytest.mark.parametrize("topic,fewest,words", [(retention, 4, "four"), (sampling, 3, "three")])
def test_dimensions_are_looked_for_among_items_enough(topic: Any, fewest: int, words: str) -> None:
    short, enough = (SimpleNamespace(item_ids=["q"] * n) for n in (fewest - 1, fewest))
    assert topic.TOPIC.lacks(short) == f"Needs {words} items or more." and topic.TOPIC.lacks(enough) == ""


def test_parallel_analysis_of_factors_and_the_number_most_rules_say_are_told(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    suggested = {"kaiser": 4.0, "parallel_components": 1.0, "parallel_factors": 3.0, "map": 2.0, "ekc": 2.0}
    suggested |= {"hull_caf": np.nan}
    table = pd.DataFrame({"n_factors": suggested, "kind": "", "detail": ""})
    names = ("observed", "permuted_percentile", "ekc", "reduced", "reduced_permuted_percentile")
    found = SimpleNamespace(
        table=table,
        correlation="pearson",
        smoothing=None,
        n_obs=200,
        missing="pairwise",
        seed=1,
        draws=10,
        percentile=95,
        eigenvalues=pd.DataFrame({name: [2.0, 1.0] for name in names}),
    )
    monkeypatch.setattr(retention, "retention_of", lambda context: found)
    section = retention.section_retention(_context(smooth="nearest"))
    said = fill_prose(section.prose[0], section.values)
    assert (
        said.startswith("The items belong to 3 themes.") and "suggests 3. The 5 rules run from 1 to 4" in said
    )
    assert said.endswith("2 of them say 2.")
    found.table = table.assign(n_factors=2.0)
    section = retention.section_retention(_context(smooth="nearest"))
    assert fill_prose(section.prose[0], section.values).endswith("suggests 2. All 6 rules say 2.")


def test_a_mean_is_told_where_a_tenth_and_five_people_said_something_else() -> None:
    assert telling_mean([1.0] * 45 + [4.0] * 5) == pytest.approx(1.3)  # nine tenths themselves
    assert telling_mean([1.0] * 46 + [4.0] * 5) is None
    assert telling_mean([1.0] * 12 + [4.0] * 4 + [np.nan] * 9) is None  # four people
    assert telling_mean([np.nan] * 9 + [1.0] * 12 + [4.0] * 5) == pytest.approx(32 / 17)


def test_composite_themes_are_not_asked_and_a_coefficient_is_told_of_those_that_have_one() -> None:
    content = garden(4, 3).model_dump(mode="json", by_alias=True)
    content["themes"][3]["measurement"] = "composite"
    scale = Instrument.model_validate(content)
    answers = answers_of(scale, 60)
    for k in range(3):
        answers[f"g1_{k}"] = answers[f"g0_{k}"]  # Bed B is Bed A once more
    answers["g2_0"] = 2  # and of Bed C there is no alpha
    tree = validate(answers, scale, topics=["reliability", "screening"], seed=2).tree
    section = tree["sections"]["reliability"]
    told = " ".join(prose(section))
    alpha = section["tables"]["alpha"]["alpha"]
    assert (
        alpha == [alpha[0]] * 2
        and f"It is {alpha[0]:.2f} in each theme that has one.".replace("0.", ".") in told
    )
    causes = {claim["claim"]: claim["cause"] for claim in section["findings"]}
    assert causes["Bed D: internal consistency"] == Cause.COMPOSITE.value
    assert causes["Bed C: internal consistency"] == Cause.NO_VARIATION.value
    screened = tree["sections"]["screening"]
    left = {part["what"]: part["cause"] for part in screened["untested"]}
    assert left["Bed D, alpha"] == Cause.COMPOSITE.value
    assert "bed3" not in screened["tables"]["sensitivity"]["theme"]
