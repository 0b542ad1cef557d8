"""Edges of the work on content: which theme, which round, how many of whom, how long a text, which language."""

from __future__ import annotations

import math
import re
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import yaml

import instrument
from analysis.audit.audit_agreement import audit_agreement
from analysis.validity.expectation import Expectation
from instrument.content.correspondence import definition_correspondence
from instrument.content.dossier import item_card, known_of
from instrument.content.guide import PROBES, interview_guide
from instrument.content.interviews import agreement_of_coders, saturation
from instrument.content.judged import last_rounds_compared
from instrument.content.panels import smallest_panel
from instrument.content.records import load_content
from instrument.content.rounds import feedback_sheet
from instrument.content.standards import content_standards
from instrument.content.translating import check_translation
from instrument.content.translations import labels_doubled, texts_untranslated
from instrument.errors import DefinitionError, ResponseDataError
from tests.unit.test_audit import made
from tests.unit.test_content_records import MINI, SETTINGS, TABLES, changed, record_of

DE: dict[str, Any] = MINI["translations"]["de"]  # type: ignore[index,assignment]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "mini.yaml").write_text(yaml.safe_dump(MINI), encoding="utf-8")
    (tmp_path / "content.yaml").write_text(yaml.safe_dump(SETTINGS), encoding="utf-8")
    for name, text in TABLES.items():
        (tmp_path / f"{name}.csv").write_text(text, encoding="utf-8")
    return tmp_path


def with_language(folder: Path, scale: dict[str, Any]) -> Path:
    (folder / "mini.yaml").write_text(yaml.safe_dump(scale, allow_unicode=True), encoding="utf-8")
    return folder


def test_a_card_names_the_theme_of_its_item(folder: Path) -> None:
    known = known_of(instrument.load(folder / "mini.yaml"))
    assert [item_card(known, name)["Theme"] for name in ("q1", "q2", "q3")] == ["A", "A", "B"]


def test_a_guide_numbers_its_items_and_asks_about_the_whole_for_comprehension_alone(folder: Path) -> None:
    page = interview_guide(load_content(folder), "112")
    heads = re.findall(r"<h2>(.*?)</h2>", page)
    assert heads[:3] == ["1. I am never alone with this app.", "2. It helps me, {name}.", "3. I like it."]
    assert heads[3:] == ["Instructions: Please answer.", "Answer options: No / Yes"]
    whole = page.split('<section id="instructions">')[1].split("</section>")[0]
    assert re.findall(r"<strong>(.*?):</strong>", whole) == [PROBES["en"][1][0]]
    first = page.split('<section id="q1">')[1].split("</section>")[0]
    steps = [*(step for step, _ in PROBES["en"]), "With care"]
    assert re.findall(r"<strong>(.*?):</strong>", first) == steps


def test_the_hint_of_a_guide_names_languages_that_have_one(folder: Path) -> None:
    french = {**DE, "language": "fr", "instructions": "Répondez.", "options": {"yes": {1: "Non", 2: "Oui"}}}
    scale = {**MINI, "translations": {"de": DE, "fr": french}}
    with pytest.raises(DefinitionError, match=r"choose among en, de\."):
        interview_guide(load_content(with_language(folder, scale)), "112", "fr")


def test_a_problem_that_one_code_names_is_one_whatever_else_is_coded(folder: Path) -> None:
    """Coder A gives q1 of i2 two codes; B sees one problem there and none at q2: they agree throughout."""
    codes = (
        "interview,item,coder,code\ni2,q1,A,hard\ni2,q1,A,odd\ni2,q1,B,odd\ni2,q2,A,clear\ni2,q2,B,clear\n"
    )
    (folder / "codes.csv").write_text(codes)
    found = agreement_of_coders(load_content(folder))
    assert found is not None and found.alpha == pytest.approx(1.0) and found.n_units == 2


def test_of_three_rounds_the_last_two_are_compared(folder: Path) -> None:
    header = "judge,round,item,aspect,rating\n"
    values = {1: (1, 1, 1, 1), 2: (2, 3, 4, 4), 3: (4, 4, 3, 4)}
    rows = [
        f"{judge},{number},{item},relevance,{value}\n"
        for number, given in values.items()
        for (judge, item), value in zip(
            ((judge, item) for judge in ("E1", "E2") for item in ("q1", "q3")), given, strict=True
        )
    ]
    (folder / "ratings.csv").write_text(header + "".join(rows))
    found = last_rounds_compared(load_content(folder))
    assert found is not None
    table = found.set_index("item")
    assert table["i_cvi_first"].to_dict() == {"q1": 0.5, "q3": 1.0}  # of the second round
    assert not table["reworded"].any()  # q1 was reworded after the first round, not between these two
    (folder / "ratings.csv").write_text(header + "".join(row for row in rows if ",3," not in row))
    earlier = last_rounds_compared(load_content(folder))
    assert earlier is not None and earlier.set_index("item")["reworded"].to_dict() == {
        "q1": True,
        "q3": False,
    }
    with (folder / "decisions.csv").open("a", encoding="utf-8") as file:
        file.write("1,q3,keep,I like it.,I like it.,nobody minded\n")
    kept = last_rounds_compared(load_content(folder))
    assert kept is not None and not kept.set_index("item").loc["q3", "reworded"]


def test_two_options_and_a_base_of_one_are_enough() -> None:
    ratings = pd.DataFrame(
        [(j, "q", d, 1 + (d == "a")) for j in "xyz" for d in ("a", "b")],
        columns=["judge", "item", "definition", "rating"],
    )
    assert definition_correspondence(ratings, {"q": "a"}, n_options=2).n_options == 2
    with pytest.raises(ResponseDataError):
        definition_correspondence(ratings, {"q": "a"}, n_options=1)
    codes = pd.DataFrame({"interview": ["a", "b"], "item": "q", "code": ["x", "clear"]})
    found = saturation(codes, ["a", "b"], base=1, run=1, threshold=0.0)
    assert (found.base, found.run, found.threshold, found.reached_at) == (1, 1, 0.0, "b")
    for wrong in ({"base": 0}, {"run": 0}, {"threshold": 1.0}, {"threshold": -0.1}):
        with pytest.raises(ResponseDataError, match="give sizes of one or more"):
            saturation(codes, ["a", "b"], **wrong)


def test_the_smallest_panel_lies_beyond_the_last_that_fails_and_its_limits_count() -> None:
    def panels(good: list[float], poor: list[float]) -> pd.DataFrame:
        sizes = range(1, len(good) + 1)
        return pd.DataFrame({"n": sizes, "passes_good": good, "passes_poor": poor})

    assert smallest_panel(panels([0.8, 0.9], [0.2, 0.1])) == 1  # both limits are held by what equals them
    assert smallest_panel(panels([0.8, 0.9], [0.205, 0.2])) == 2
    assert smallest_panel(panels([0.9, 0.79, 0.9], [0.1, 0.1, 0.1])) == 3
    assert smallest_panel(panels([0.9, 0.79], [0.1, 0.1])) is None


def test_a_judge_is_told_the_middle_and_the_quarters_of_the_others() -> None:
    table = pd.DataFrame({"q": [1, 1, 2, 3, 4, 4]}, index=["me", "a", "b", "c", "d", "e"])
    row = feedback_sheet(table, "me").iloc[0]
    assert row[["own", "n_others", "median", "lower_quartile", "upper_quartile"]].tolist() == [1, 5, 3, 2, 4]
    assert row["share_relevant"] == pytest.approx(3 / 5) and row["apart"]
    even = feedback_sheet(table.drop("b"), "me").iloc[0]
    assert (even["median"], even["lower_quartile"], even["upper_quartile"]) == (3.5, 2.5, 4.0)


def test_interviews_of_two_coders_are_counted_and_each_language_answers(folder: Path) -> None:
    found = content_standards(load_content(folder)).set_index("id")
    assert found["basis"].str.contains("1 of 3 interviews were coded by two or more").sum() == 1
    assert found.loc["translations", ["reply", "basis"]].tolist() == ["not yet", "de: no record"]
    record_of(folder)
    again = content_standards(load_content(folder)).set_index("id")
    assert again.loc["translations", ["reply", "basis"]].tolist() == ["not yet", "de: draft"]
    alone = {key: value for key, value in MINI.items() if key != "translations"}
    (folder / "translations" / "de.csv").unlink()
    single = content_standards(load_content(with_language(folder, alone))).set_index("id")
    assert single.loc["translations", ["reply", "basis"]].tolist() == ["yes", "there is one language"]


@pytest.mark.parametrize(
    ("source", "target", "said"),
    [
        ("a" * 20, "b" * 9, "0.5 times as long"),  # 0.45
        ("a" * 20, "b" * 10, ""),
        ("a" * 20, "b" * 40, ""),
        ("a" * 20, "b" * 50, "2.5 times as long"),
        ("a" * 19, "b" * 80, ""),  # short texts tell nothing
    ],
)
def test_how_much_longer_a_translation_is(folder: Path, source: str, target: str, said: str) -> None:
    themes = [
        {
            **theme,
            "items": [{**item, "text": source} if item["id"] == "q3" else item for item in theme["items"]],
        }
        for theme in MINI["themes"]  # type: ignore[attr-defined]
    ]
    scale = {**MINI, "themes": themes, "translations": {"de": {**DE, "items": {**DE["items"], "q3": target}}}}
    record_of(folder)
    table = check_translation(load_content(with_language(folder, scale)), "de").set_index("text")
    assert table.loc["items.q3", "questions"] == said


def test_labels_and_texts_are_looked_at_in_the_languages_asked_for() -> None:
    twice = {**DE, "options": {"yes": {1: "Ja", 2: " ja "}}}
    plain = {**DE, "language": "fr", "instructions": "please  ANSWER."}
    scale = instrument.Instrument.model_validate(MINI | {"translations": {"de": twice, "fr": plain}})
    fault = "translations.de.options.yes.2: is the label of code 1 too"
    assert labels_doubled(scale) == labels_doubled(scale, ["de"]) == [fault]
    assert labels_doubled(scale, ["fr"]) == labels_doubled(scale, []) == []
    assert texts_untranslated(scale) == {"fr": ["instructions"]}


def test_single_principles_have_a_row_from_two_apps_or_versions_on() -> None:
    again = pd.concat([made(1).assign(version="1"), made(1, seed=2).assign(version="2")])
    for table, n in ((made(1), 0), (made(2), 28), (again, 28)):
        scopes = audit_agreement(table).table["scope"].tolist()
        assert scopes.count("principle") == n


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("< -1", "no correlation can lie there"),
        ("<= -1", ""),
        ("> 1", "no correlation can lie there"),
        (">= -1", "every correlation lies there"),
        ("> -1", ""),
        ("|r| < 0", "no correlation can lie there"),
        ("|r| >= 0", "every correlation lies there"),
        ("-2 to -1.5", "no correlation can lie there"),
    ],
)
def test_an_expectation_that_every_or_no_correlation_meets_is_named(text: str, said: str) -> None:
    assert Expectation.parse(text).of_correlation() == said


def test_shares_without_a_base_are_no_numbers() -> None:
    codes = pd.DataFrame({"interview": ["b"], "item": "q", "code": ["x"]})
    found = saturation(codes, ["a", "b"], base=1, run=1)
    assert math.isnan(found.table["share"].iloc[1]) and found.reached_at is None


def test_tables_that_name_an_absent_interview_are_refused(folder: Path) -> None:
    with pytest.raises(ResponseDataError, match="no interview"):
        load_content(changed(folder, "codes", "i3,q1,A,clear", "i8,q1,A,clear"))
