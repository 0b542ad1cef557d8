"""Sentences and titles where a number is zero, where two numbers print alike, and where a theme is left out."""

from __future__ import annotations

import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import numpy as np
import pandas as pd
import pytest

sys.path.insert(0, str(Path(__file__).parent))
from test_earned_verdicts import LEVELS, answers_of, garden
from three_themes import STUDY, make_answers, make_scale

from analysis.disclosure.shared import shared_tree
from analysis.factors.adequacy import kmo
from analysis.figures.items import distribution_figure
from analysis.figures.registry import build_figures
from analysis.figures.reliability import reliability_figure
from analysis.figures.validity import htmt_figure
from analysis.pipeline import Validation, validate
from analysis.pipeline.topics import models
from analysis.pipeline.topics.flow import _account, _reasons
from analysis.report.extent import Extent
from analysis.report.html import render_html
from analysis.report.labels import tree_for_readers
from analysis.report.limits import limits_of
from analysis.report.opening import opening
from analysis.report.view import Tree, prose
from analysis.structural.language.theory_models import Structure
from instrument.definition import Instrument
from instrument.scoring.score import reverse_key
from instrument.study import make_study

pytestmark = pytest.mark.usefixtures("few_draws")

TOPICS = ["items", "scores", "screening", "irt", "reliability", "relations"]


def said(tree: Tree, name: str) -> str:
    return " ".join(prose(tree["sections"][name]))


@pytest.fixture(scope="module")
def whole() -> Validation:
    """Everybody answered everything."""
    scale = garden(2, 4)
    return validate(answers_of(scale, 300), scale, seed=2, topics=TOPICS)


def with_gaps(frame: pd.DataFrame, item: str, people: int) -> pd.DataFrame:
    made = frame.copy()
    made[item] = made[item].astype("Int64")
    made.loc[made.index[:people], item] = pd.NA
    return made


def test_where_nobody_is_without_it_is_said_and_not_up_to_nought(whole: Validation) -> None:
    assert "everybody has every score (0.0% stay without one)." in said(whole.tree, "scores")
    assert "No item was left without an answer by anybody (0.0%)." in said(whole.tree, "items")
    scale = garden(2, 4)
    gaps = with_gaps(answers_of(scale, 300), "g0_1", 30)
    found = validate(gaps, scale, seed=2, topics=["items", "scores"])
    assert "more often than g0_1 (10.0%)." in said(found.tree, "items")
    # three of four items are 75 %, less than the 80 % that a score needs
    assert "up to 10.0% of people stay without a score." in said(found.tree, "scores")


def test_where_hardly_anybody_answered_everything_what_goes_by_pairs_is_told() -> None:
    """Two fifths of the answers are missing: KMO goes by pairs, and only Bartlett's test has too few people."""
    scale = garden(2, 4)
    frame = answers_of(scale, 200)
    gone = np.random.default_rng(3).random((len(frame), len(scale.item_ids))) < 0.4
    frame[scale.item_ids] = frame[scale.item_ids].astype("Int64").mask(gone)
    assert len(frame[scale.item_ids].dropna()) < 9
    sections = validate(frame, scale, seed=2, topics=["sampling", "items", "reliability"]).tree["sections"]
    found = sections["sampling"]
    assert found["status"] == "ok" and found["problems"] == []
    assert found["values"]["kmo"] == pytest.approx(
        kmo(reverse_key(frame, scale)[scale.item_ids], missing="pairwise").overall
    )
    assert not any(key.startswith("bartlett") for key in found["values"])
    assert "Bartlett" not in " ".join(found["prose"])
    assert [(claim["verdict"], claim["cause"]) for claim in found["findings"]][1] == (
        "untested",
        "few_people",
    )
    # two numbers are called item-rest r: of everyone, and of those who answered the whole theme
    note = sections["reliability"]["captions"]["if_dropped"]["note"]
    assert note.startswith("Of the people who answered every item of the theme")


def test_where_everybody_answered_item_rest_r_is_one_number(whole: Validation) -> None:
    sections = whole.tree["sections"]
    assert sections["reliability"]["captions"]["if_dropped"]["note"] == ""
    assert sections["reliability"]["tables"]["if_dropped"]["item_rest_r"] == pytest.approx(
        sections["items"]["tables"]["statistics"]["item_rest_r"]
    )


@pytest.mark.parametrize("titles", [("Total", "Rest"), ("Bed", "bed"), ("Bed", "Bed")])
def test_scores_of_one_title_are_told_apart_by_their_ids(titles: tuple[str, str]) -> None:
    """Two scores called alike ended the whole validation in an error of pandas, where means were drawn."""
    raw = garden(2, 4).model_dump(mode="python", by_alias=True)
    for theme, title in zip(raw["themes"], titles, strict=True):
        theme["title"] = title
    scale = Instrument.model_validate(raw)
    first = answers_of(scale, 150).assign(wave=1)
    both = pd.concat([first, first.assign(wave=2)], ignore_index=True)
    tree = validate(both, scale, seed=2, topics=["scores", "longitudinal"]).tree
    shown = {
        title
        for section in tree["sections"].values()
        for t in section["tables"].values()
        for title in t.get("title", [])
    }
    ids = ["total", *(theme.id for theme in scale.themes)]
    plain = dict(zip(ids, ["Total", *titles], strict=True))
    alike = [
        name
        for name in ids
        if [t.strip().lower() for t in plain.values()].count(plain[name].strip().lower()) > 1
    ]
    assert shown == {f"{title} ({name})" if name in alike else title for name, title in plain.items()}
    assert len(alike) == 2 and build_figures(tree["sections"]["longitudinal"], tree["meta"])


def test_a_shared_copy_does_not_tell_that_nobody_is_without(whole: Validation) -> None:
    shared = tree_for_readers(shared_tree(whole.tree))
    for name in ("scores", "items"):
        assert "everybody has" not in said(shared, name) and "by anybody" not in said(shared, name)


def test_how_many_are_measured_precisely_is_told_from_the_table(whole: Validation) -> None:
    table = whole.tree["sections"]["irt"]["tables"]["fit"]
    least, most = (f"{100 * end(table['precise_share']):.1f}%" for end in (min, max))
    told = said(whole.tree, "irt")
    assert least != most and f"holds for {least} to {most} of people, by theme" in told


def test_where_no_standing_is_measured_precisely_table_and_sentence_say_nought() -> None:
    rng = np.random.default_rng(8)
    factor = rng.normal(size=400)
    noisy = {f"g0_{k}": (0.35 * factor + rng.normal(size=400) > 0).astype(int) + 1 for k in range(4)}
    frame = pd.DataFrame({"participant": [f"p{k}" for k in range(400)], "wave": "one", **noisy})
    frame["g0_2"] = 3 - frame["g0_2"]
    scale = shed(4, options=YES_NO)
    section = validate(frame, scale, seed=2, topics=["irt"]).tree["sections"]["irt"]
    assert section["tables"]["fit"]["precise_share"] == [0.0]
    assert section["tables"]["fit"]["precise_from"] == [None]
    assert "that holds for 0.0% of people." in " ".join(prose(section))


def shed(*sizes: int, options: dict[int, str] | None = None, turned: bool = True) -> Instrument:
    """A scale of so many items for each theme."""
    themes = [
        {
            "id": f"bed{t}",
            "title": f"Bed {'ABC'[t]}",
            "items": [
                {"id": f"g{t}_{k}", "text": f"Soil {t}{k}", "reverse": turned and k == 2} for k in range(size)
            ],
        }
        for t, size in enumerate(sizes)
    ]
    definition = {"schema": 1, "id": "shed", "version": "1", "title": "Shed", "status": "validated"}
    scales = {"often": {"options": options or LEVELS}}
    return Instrument.model_validate(definition | {"response_scales": scales, "themes": themes})


YES_NO = {1: "No", 2: "Yes"}


def test_three_items_leave_the_response_model_nothing_to_be_tested_with_however_many_answer() -> None:
    """C2 of 3 items has 3 correlations for 3 loadings: no degree of freedom at any n."""
    scale = garden(2, 3)
    for people in (90, 400):
        section = validate(answers_of(scale, people), scale, seed=2, topics=["irt"]).tree["sections"]["irt"]
        assert section["problems"] == []
        causes = {part["what"]: part["cause"] for part in section["untested"]}
        assert causes["Bed A, fit of the model"] == "nothing_left"
        assert section["tables"]["fit"]["df"] == [None, None]


def test_two_coefficients_that_print_alike_are_told_as_one(whole: Validation) -> None:
    scale = garden(2, 4)
    frame = answers_of(scale, 300)
    for k in range(4):
        frame[f"g1_{k}"] = (
            frame[f"g0_{k}"].sample(frac=1, random_state=0).to_numpy()
        )  # another order, one alpha
    tree = validate(frame, scale, seed=2, topics=["reliability"]).tree
    alpha = tree["sections"]["reliability"]["tables"]["alpha"]["alpha"]
    assert f"It is {alpha[0]:.2f}".replace("0.", ".") + " in each theme." in said(tree, "reliability")
    assert alpha[0] == pytest.approx(alpha[1], abs=1e-12)


def test_what_prints_alike_is_told_of_the_themes_that_have_it() -> None:
    """Two items have no omega, and answers that are all alike no alpha."""
    frame = answers_of(garden(3, 4), 300)
    for k in range(4):
        frame[f"g1_{k}"] = frame[f"g0_{k}"].sample(frac=1, random_state=0).to_numpy()
    two = shed(4, 4, 2)
    found = validate(frame.drop(columns=["g2_2", "g2_3"]), two, seed=2, topics=["reliability"])
    assert " in each theme that has one." in said(found.tree, "reliability")
    frame[["g2_0", "g2_1", "g2_2", "g2_3"]] = 3
    found = validate(frame, garden(3, 4), seed=2, topics=["reliability", "irt"])
    assert "It is " in (told := said(found.tree, "reliability")) and "in each theme." not in told
    assert told.count(" in each theme that has one.") == 2
    told = said(found.tree, "irt")
    assert " in each theme that has one. " in told and "whatever the theme that could be fitted." in told


def test_alpha_without_an_item_is_not_told_of_two_items() -> None:
    frame, two = answers_of(garden(2, 4), 200), shed(4, 2)
    section = validate(frame.drop(columns=["g1_2", "g1_3"]), two, seed=2, topics=["reliability"]).tree[
        "sections"
    ]["reliability"]
    table = section["tables"]["if_dropped"]
    assert table["item"] == ["g0_0", "g0_1", "g0_2", "g0_3"]
    assert None not in table["if_dropped"]
    assert section["captions"]["if_dropped"]["note"].startswith("Not of Bed B:")
    assert section["tables"]["alpha"]["n_items"] == [4, 2]


@pytest.fixture(scope="module")
def stuck() -> Validation:
    """One item of the first theme has one answer only."""
    scale = garden(2, 4)
    frame = answers_of(scale, 300)
    frame["g0_1"] = 3
    return validate(frame, scale, seed=2, topics=[*TOPICS, "sampling"])


def test_what_an_item_without_variation_costs_is_named_by_label_whole_and_in_part(stuck: Validation) -> None:
    (limit,) = limits_of(tree_for_readers(stuck.tree))
    assert limit.lines[0].endswith("everybody alike: “Soil 01”.")
    assert limit.lines[1] == "Could not be tested: Sampling adequacy."
    assert limit.lines[2].startswith("Could not be tested in part: ") and "Reliability" in limit.lines[2]


def test_a_title_on_every_theme_speaks_of_those_that_could_be_tested(
    stuck: Validation, whole: Validation
) -> None:
    titles = [reliability_figure(found.tree["sections"]["reliability"], {}).title for found in (stuck, whole)]
    assert "theme that could be tested reaches" in titles[0]
    assert "could be tested" not in titles[1]


def htmt_title(upper: list[float]) -> str:
    rows = len(upper)
    table = {
        "one": ["A"] * rows,
        "other": [f"B{k}" for k in range(rows)],
        "within_scale": [True] * rows,
        "htmt": [0.8] * rows,
        "htmt_ci_lower": [0.7] * rows,
        "htmt_ci_upper": upper,
    }
    return htmt_figure({"tables": {"htmt": table}, "findings": []}, {}).title


def test_themes_whose_interval_reaches_the_cut_off_are_not_called_told_apart() -> None:
    assert htmt_title([0.84, 0.83]).endswith("(dashed line), so it can be told apart")
    assert htmt_title([0.84, 0.86]).endswith("(dashed line), but intervals reach it: 1 of 2")
    assert (
        htmt_title([0.86]) == "The pair of themes stays below .85 (dashed line), but its interval reaches it"
    )


def last_option(*shares: float) -> str:
    table = {"item": [f"q{k}" for k in range(len(shares))], "n": [40] * len(shares)}
    table |= {"share_0": [1 - share for share in shares], "share_1": list(shares)}
    columns = {"share_0": {"label": "No"}, "share_1": {"label": "Yes"}}
    section = {"tables": {"distribution_a": table}, "captions": {"distribution_a": {"columns": columns}}}
    return distribution_figure(section | {"suppressed": {}}, {"part": "a"}).title


def test_an_option_that_nobody_chose_is_not_chosen_most_often() -> None:
    assert last_option(0.0, 0.0) == "Nobody answers “Yes” to any item (0.0%)"
    assert last_option(0.25, 0.25) == "“Yes” is answered to every item alike often (25.0%)"
    assert last_option(0.0, 0.25).endswith("to “q1” (25.0%), least often to “q0” (0.0%)")


def test_many_long_runs_are_told_where_two_indices_cannot_find_them() -> None:
    scale = garden(2, 5)
    frame = answers_of(scale, 300)
    items = [column for column in frame if column.startswith("g")]
    rng = np.random.default_rng(4)
    frame.loc[frame.index[:120], items] = np.repeat(rng.integers(1, 5, (120, 1)), len(items), axis=1)
    section = validate(frame, scale, seed=2, topics=["screening"]).tree["sections"]["screening"]
    table = section["tables"]["flags"]
    run = table["index"].index("longstring")
    # by hand: the longest run of one answer in each row
    longest = [
        max(len(part) for part in np.split(row, np.flatnonzero(np.diff(row)) + 1))
        for row in frame[items].to_numpy()
    ]
    flagged = int((np.array(longest) >= len(items) / 2).sum())
    assert table["n_flagged"][run] == flagged >= 120
    words = " ".join(prose(section))
    assert section["values"]["flagged"] < flagged / 2
    assert f"In {flagged} of 300 ({flagged / 3:.1f}%) half of the items or more" in words


def test_a_score_that_nobody_has_is_not_called_a_matter_of_too_few_people() -> None:
    scale = garden(2, 4)
    frame = answers_of(scale, 300)
    frame[[f"g1_{k}" for k in range(4)]] = pd.NA
    section = validate(frame, scale, seed=2, topics=["relations"]).tree["sections"]["relations"]
    assert {part["cause"] for part in section["untested"]} == {"no_spread"}


def test_more_people_are_not_asked_for_where_a_model_cannot_be_told_of_these_items() -> None:
    scale = shed(3, 3, options=YES_NO, turned=False)
    rng = np.random.default_rng(5)
    factor = rng.normal(size=(600, 2))
    values = {
        f"g{t}_{k}": (0.8 * factor[:, t] + 0.6 * rng.normal(size=600) > 0.3).astype(int) + 1
        for t in range(2)
        for k in range(3)
    }
    frame = pd.DataFrame({"participant": [f"p{k}" for k in range(600)], "wave": "one", **values})
    groups = pd.DataFrame({"participant": frame["participant"], "plot": ["sunny", "shady"] * 300})
    found = validate(frame, scale, covariates=groups, seed=2, topics=["groups", "fairness"])
    causes = {
        finding["cause"]
        for section in found.tree["sections"].values()
        for finding in section["findings"]
        if finding["cause"]
    }
    assert causes <= {"not_determined", "not_estimated", "nothing_left", "not_found"} and causes
    texts = [step.text for step in opening(found.tree).steps]
    assert not any("more people in each group" in text for text in texts)
    assert any(text.startswith("See why some of it could not be tested") for text in texts)


def test_a_shared_copy_of_twenty_people_is_written_though_no_row_of_answers_is_told(tmp_path: Path) -> None:
    """Known before: the figure of answers had no row, and no report was written at all."""
    scale = shed(6, 5, 2, options={**LEVELS, 5: "Always"})
    rng = np.random.default_rng(11)
    factor = rng.normal(size=(20, 3))
    columns = {
        item.id: np.digitize(0.75 * factor[:, t] + 0.66 * rng.normal(size=20), [-1.2, -0.4, 0.4, 1.2]) + 1
        for t, theme in enumerate(scale.themes)
        for item in theme.items
    }
    frame = pd.DataFrame({"participant": [f"p{k}" for k in range(20)], "wave": 1, **columns})
    found = validate(frame, scale, seed=2, topics=["items"])
    copy = tree_for_readers(shared_tree(found.tree))
    gone = copy["sections"]["items"]["suppressed"]["distribution_often"]
    shares = [key for key in copy["sections"]["items"]["tables"]["distribution_often"] if key[:6] == "share_"]
    rows = range(len(scale.themes[0].items) + len(scale.themes[1].items) + 2)
    assert all(any(row in gone.get(key, ()) for key in shares) for row in rows)
    assert "distribution@often" not in build_figures(copy["sections"]["items"], copy["meta"])
    assert "Share of each answer" in render_html(copy, extent=Extent.SUPPLEMENT)


def with_waves(scale: Instrument, people: int, *waves: str) -> pd.DataFrame:
    """Everybody at every wave."""
    frames = [answers_of(scale, people, seed=k) for k, _ in enumerate(waves)]
    return pd.concat([frame.assign(wave=wave) for frame, wave in zip(frames, waves, strict=True)])


def counts_of(table: pd.DataFrame, items: list[str]) -> dict[str, float]:
    """People and missing answers, counted cell by cell."""
    cells = [
        (p, w, pd.isna(v)) for p, w, *row in table[["participant", "wave", *items]].to_numpy() for v in row
    ]
    gave = [(p, w) for p, w, missing in cells if not missing]
    return {
        "participants": len({p for p, _, _ in cells}),
        "respondents": len({p for p, _ in gave}),
        "waves": len({w for _, w, _ in cells}),
        "waves_answered": len({w for _, w in gave}),
        "missing_rate": sum(missing for *_, missing in cells) / len(cells),
    }


@pytest.mark.parametrize(
    ("empty", "said_of"),
    [
        ([], "300 people gave answers at 2 waves. At the first (wave a), 300 answered"),
        (["a"], "300 people gave answers at 1 of 2 waves. At the first with answers (wave b), 300 answered"),
        (["b"], "300 people gave answers at 1 of 2 waves. At the first (wave a), 300 answered"),
    ],
)
def test_rows_without_any_answer_are_no_answers(empty: list[str], said_of: str) -> None:
    scale = garden(2, 4)
    table = with_waves(scale, 300, "a", "b").reset_index(drop=True)
    table.loc[table["wave"].isin(empty), scale.item_ids] = pd.NA
    table.loc[table.index[250:350], scale.item_ids[0]] = pd.NA
    found = validate(table, scale, seed=2, topics=["flow"], waves=["a", "b"])
    values = found.tree["sections"]["flow"]["values"]
    assert {key: values[key] for key in counts_of(table, scale.item_ids)} == pytest.approx(
        counts_of(table, scale.item_ids)
    )
    words = said(found.tree, "flow")
    assert words.startswith(said_of)
    assert ("also answered at" in words) is (empty != ["a"])  # of the last wave itself it would say nothing
    assert ("nobody has been asked before" in words) is (empty != ["a"])
    shared = shared_tree(found.tree)["sections"]["flow"]
    start = 1 if empty == ["a"] else 0
    assert shared["tables"]["flow"]["answered"][start] == shared["values"]["first_n"]
    assert shared["values"]["participants"] == shared["values"]["respondents"] == 300


def test_people_who_gave_none_are_told_from_those_who_did() -> None:
    scale = garden(2, 4)
    table = answers_of(scale, 300)
    table.loc[table.index[:100], scale.item_ids] = pd.NA
    found = validate(table, scale, seed=2, topics=["flow"])
    values = found.tree["sections"]["flow"]["values"]
    assert (values["respondents"], values["participants"], values["first_n"]) == (200, 300, 200)
    assert values["missing_rate"] == pytest.approx(1 / 3)
    assert said(found.tree, "flow").startswith(
        "200 of the 300 people in the table gave any answer at 1 wave."
    )
    table.loc[table.index[:298], scale.item_ids] = answers_of(scale, 300).loc[
        table.index[:298], scale.item_ids
    ]
    table.loc[table.index[298:], scale.item_ids] = pd.NA  # two people
    shared = shared_tree(validate(table, scale, seed=2, topics=["flow"]).tree)["sections"]["flow"]["values"]
    known = [shared[key] for key in ("participants", "respondents") if isinstance(shared[key], int)]
    assert len(known) < 2  # the difference would tell that two gave none


@pytest.mark.parametrize(
    ("labels", "names"),
    [
        (("Week 3 (first)", "Week 3 (again)"), ("Week 3 (first)", "Week 3 (again)")),
        (("Week 3", "Week 3"), ("Week 3 [a]", "Week 3 [b]")),
        (("Start (at home)", "End (at home)"), ("Start", "End")),
        (("", ""), ("wave a", "wave b")),
    ],
)
def test_no_two_waves_have_one_name(labels: tuple[str, str], names: tuple[str, str]) -> None:
    scale = garden(2, 4)
    table = with_waves(scale, 60, "a", "b").reset_index(drop=True)
    table.loc[table["wave"] == "b", scale.item_ids] = 4  # everybody at the highest option, at the second wave
    study = make_study(
        {
            "schema": 1,
            "id": "two",
            "title": "Two waves",
            "instrument": scale.id,
            "study_days": 60,
            "waves": [
                {"id": wave, "label": label, "day": day, "opens": day, "closes": day + 5}
                for wave, label, day in zip("ab", labels, (1, 21), strict=True)
            ],
            "landmark": {"wave": "a", "day": 6},
            "intended_use": {
                "unit": "sessions",
                "amount": 8,
                "weeks": 8,
                "justification": "one session a week for eight weeks",
            },
            "adherence": {
                "metric": "sessions",
                "threshold": 0.5,
                "justification": "half of the sessions that were due",
            },
        }
    )
    found = validate(table, scale, study=study, seed=2, topics=["flow", "scores"])
    sections = found.tree["sections"]
    assert tuple(sections["flow"]["tables"]["flow"]["wave"]) == names
    ceilings = [
        float((mean == 4).mean())
        for theme in scale.themes
        for mean in [
            reverse_key(table[table["wave"] == "a"], scale)[scale.theme_items(theme.id)].mean(axis=1)
        ]
    ]
    assert sections["scores"]["values"]["ceiling_highest"] == pytest.approx(max(ceilings))
    assert (
        len(sections["scores"]["findings"]) == 6
    )  # both ends of two themes and the total, of the first wave


def test_who_answered_twice_gave_an_answer_twice() -> None:
    scale = make_scale()
    table = make_answers(scale)
    place = table.groupby("wave").cumcount()
    silent = place.between(10, 39) & (table["wave"] == 1)
    silent |= place.between(30, 89) & (table["wave"] == 2)
    silent |= place.between(80, 99) & (table["wave"] == 3)
    table.loc[silent, scale.item_ids] = pd.NA
    gave = {
        wave: {
            person
            for person, *cells in table.loc[
                table["wave"] == wave, ["participant", *scale.item_ids]
            ].to_numpy()
            if not all(map(pd.isna, cells))
        }
        for wave in (1, 2, 3)
    }
    found = validate(table, scale, study=make_study(STUDY), seed=3, topics=["retest", "longitudinal"]).tree
    retest, longitudinal = (found["sections"][name]["values"] for name in ("retest", "longitudinal"))
    assert retest["pairs"] == retest["stable"] == len(gave[1] & gave[2]) < 200
    both = len(gave[1] & gave[3])  # the second wave is a retest, the main waves are the first and the third
    assert (longitudinal["at_first"], longitudinal["both"]) == (len(gave[1]), both)
    assert longitudinal["stayed"] == both
    assert both < len(set(table.loc[table["wave"] == 3, "participant"]))


def test_waves_are_counted_cell_by_cell() -> None:
    """Some stay away, some come at the second wave only, some send nothing, some leave items out."""
    scale = garden(2, 4)
    table = with_waves(scale, 120, "a", "b").reset_index(drop=True)
    table = table.drop(index=[*range(0, 15), *range(160, 180)])  # who comes later, and who comes once
    items = scale.item_ids
    table.loc[[20, 21, 200], items] = pd.NA
    table.loc[[30, 31, 210, 211, 212], items[0]] = pd.NA
    found = validate(table, scale, seed=2, topics=["flow"], waves=["a", "b"])
    flow = found.tree["sections"]["flow"]
    gave: dict[str, set[str]] = {}
    wanted: dict[str, list[float]] = {key: [] for key in flow["tables"]["flow"] if key != "wave"}
    for wave in ("a", "b"):
        rows = [
            (person, [pd.isna(cell) for cell in cells])
            for person, at, *cells in table[["participant", "wave", *items]].to_numpy()
            if at == wave
        ]
        answered = [(person, absent) for person, absent in rows if not all(absent)]
        gave[wave] = {person for person, _ in answered}
        wanted["administrations"].append(len(rows))
        wanted["answered"].append(len(answered))
        wanted["complete"].append(sum(not any(absent) for _, absent in answered))
        wanted["retained"].append(len(gave[wave] & gave["a"]) / len(gave["a"]))
        wanted["missing_rate"].append(
            sum(sum(absent) for _, absent in answered) / (len(items) * len(answered))
        )
    assert {key: flow["tables"]["flow"][key] for key in wanted} == {
        key: pytest.approx(numbers) for key, numbers in wanted.items()
    }
    values = flow["values"]
    assert values["first_n"] == len(gave["a"]) == 103
    assert values["per_item"] == pytest.approx(103 / 8)
    assert values["complete_rate"] == pytest.approx(101 / 103)
    assert values["last_rate"] == pytest.approx(wanted["retained"][1])
    assert values["respondents"] == len(gave["a"] | gave["b"])


def test_reasons_of_the_items_asked_are_counted_and_a_reason_without_a_name_stands_as_it_is() -> None:
    rows = [
        ("p", 1, "a", "skipped"),
        ("q", 1, "a", "left early"),
        ("p", 2, "b", "skipped"),
        ("p", 1, "z", "skipped"),
    ]
    reasons = pd.DataFrame(rows, columns=["participant", "wave", "item", "reason"])
    responses = pd.DataFrame({"participant": list("pqpr"), "wave": [1, 1, 2, 2], "a": 1, "b": 1, "z": 1})
    context = SimpleNamespace(reasons=reasons, item_ids=["a", "b"], responses=responses)
    found = _reasons(cast(Any, context))
    assert found.to_dict("list") == {
        "reason": ["skipped", "left early"],
        "label": ["Skipped", "left early"],
        "answers": [2, 1],
        "possible": [8, 8],
        "rate": [2 / 8, 1 / 8],
    }
    for none in (None, reasons.head(0)):
        context.reasons = none
        assert _reasons(cast(Any, context)).empty


def test_that_everybody_of_the_only_wave_answered_there_is_no_secret() -> None:
    scale = garden(2, 4)
    found = validate(answers_of(scale, 300), scale, seed=2, topics=["flow"])
    assert shared_tree(found.tree)["sections"]["flow"]["values"]["last_rate"] == 1.0


@pytest.mark.parametrize(
    ("items", "words"),
    [(1, "300 answered the only item."), (2, "300 answered at least one of the 2 items, and")],
)
def test_one_item_is_the_only_one(items: int, words: str) -> None:
    scale = garden(1, items)
    assert words in said(validate(answers_of(scale, 300), scale, seed=2, topics=["flow"]).tree, "flow")


def fit_of(**changes: float) -> dict[str, Any]:
    both = {"cfi": 0.96, "tli": 0.94, "rmsea": 0.05}
    row = {f"{name}{end}": value for name, value in both.items() for end in ("_robust", "_scaled")} | changes
    values = {name: row[f"{name}_robust"] for name in both} | {
        f"{n}_scaled": row[f"{n}_scaled"] for n in both
    }
    disagree = models._disagreeing(pd.Series(row))
    alone = {"models": 2, "fitted": 2, "variant": "robust", "one_cfi": 0.8, "one_rmsea": 0.1}
    return values | alone | {"disagree": disagree}


def told_of_fit(values: dict[str, Any]) -> str:
    two = {
        name: SimpleNamespace(structure=name, items="all") for name in (Structure.CORRELATED, Structure.ONE)
    }
    found = SimpleNamespace(models=two, fits=two, tests=(), equivalent=())
    return " ".join(models._prose(cast(Any, found), None, values))


def test_indices_that_there_are_not_disagree_with_nothing() -> None:
    """Robust indices need a positive definite matrix; "CFI is –" was said, and that the variants disagree."""
    whole = fit_of()
    assert whole["disagree"] == []
    assert "CFI is {cfi:r3}" in told_of_fit(whole) and "Both fall on the same side" in told_of_fit(whole)
    assert "; with one factor for the same items, CFI is {one_cfi:r3}" in told_of_fit(whole)
    assert "one factor" not in told_of_fit(whole | {"one_cfi": float("nan")}).split("robust")[0]
    # of CFI and TLI .95 and more is good, of RMSEA .06 and less
    assert fit_of(cfi_scaled=0.949)["disagree"] == ["CFI"]
    assert fit_of(tli_scaled=0.97, rmsea_scaled=0.07)["disagree"] == ["TLI", "RMSEA"]
    nothing = fit_of(cfi_robust=np.nan, tli_robust=np.nan, rmsea_robust=np.nan)
    words = told_of_fit(nothing)
    assert nothing["disagree"] == []
    assert "SRMR is {srmr:r3}" in words and "There are no robust indices of {judged}" in words
    assert not any(part in words for part in ("{cfi:r3}", "{one_cfi:r3}", "disagree on", "same side"))


def test_a_measure_whose_rows_hold_no_answer_takes_nothing_from_the_scale() -> None:
    """Ratios of the scale's own themes were lost where another questionnaire had rows and no answers."""
    scale = garden(2, 4)
    content = garden(1, 4).model_dump(mode="json", by_alias=True) | {"id": "other", "title": "Other scale"}
    for theme in content["themes"]:
        theme["id"] = "elsewhere"
        for item in theme["items"]:
            item["id"] = f"o_{item['id']}"
    other = Instrument.model_validate(content)
    table = with_waves(scale, 200, "a", "b").reset_index(drop=True)
    measure = with_waves(garden(1, 4), 200, "a", "b").rename(
        columns=lambda name: f"o_{name}" if "g0" in name else name
    )
    measure = measure.reset_index(drop=True)
    given: dict[str, Any] = {"waves": ["a", "b"], "seed": 2, "topics": ["validity"]}
    alone = validate(table, scale, **given).tree["sections"]["validity"]
    whole = validate(table, scale, measures=[(measure, other)], **given).tree["sections"]["validity"]
    measure.loc[measure["wave"] == "a", other.item_ids] = pd.NA
    found = validate(table, scale, measures=[(measure, other)], **given).tree
    section = found["sections"]["validity"]
    assert section["problems"] == []
    assert section["tables"]["htmt"]["htmt"] == alone["tables"]["htmt"]["htmt"]
    assert len(whole["tables"]["htmt"]["htmt"]) == 3 > len(alone["tables"]["htmt"]["htmt"]) == 1
    assert "No other questionnaire was answered at the same wave" in said(found, "validity")
    assert any("Other scale: nobody answered it at wave a" in note for note in found["meta"]["notes"])


def test_reasons_add_up_to_what_is_missing_only_where_each_missing_answer_has_one() -> None:
    answers = pd.DataFrame({"a": [np.nan, np.nan], "b": [np.nan, 2.0]})
    context = SimpleNamespace(
        responses=answers.assign(participant=["p", "q"], wave=1),
        items=answers,
        item_ids=["a", "b"],
        waves=[1],
        first_wave=1,
        wave_name=str,
    )
    flow = pd.DataFrame({"wave": ["1"], "answered": [1]})
    for reasons, told in (([2, 1], True), ([3], True), ([2], False), ([], False)):
        account = _account(cast(Any, context), flow, pd.DataFrame({"answers": reasons}))
        wholes = [made["parts"] for made in account.sums if made["whole"] == ["values", "missing_rate"]]
        sums = [parts for parts in wholes if parts and parts[0][1] == "reasons"]
        assert [len(parts) for parts in sums] == ([len(reasons)] if told else [])
