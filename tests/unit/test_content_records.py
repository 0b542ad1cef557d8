"""The folder of work on content: what is refused, what is counted, and what the standards answer."""

from __future__ import annotations

import math
import shutil
from pathlib import Path

import pandas as pd
import pytest
import yaml

import dta
import instrument
from instrument.content.dossier import dossier, item_card, known_of
from instrument.content.guide import interview_guide, interview_sheet
from instrument.content.interviews import (
    agreement_of_coders,
    people_asked,
    problems_by_item,
    reworded_and_not_asked_again,
    saturation,
    undecided,
)
from instrument.content.judged import indices_of, last_rounds_compared, ratings_by_item, sorting_of
from instrument.content.records import load_content
from instrument.content.standards import STANDARDS, content_standards, wordings_that_differ
from instrument.content.translating import _questions, check_translation, translation_state
from instrument.content.validity_indices import content_validity_indices
from instrument.errors import DefinitionError, ResponseDataError

EXAMPLE = Path(__file__).resolve().parents[2] / "data" / "content_example"
MINI = {
    "schema": 1,
    "id": "mini",
    "version": "1",
    "title": "Mini",
    "instructions": "Please answer.",
    "response_scales": {"yes": {"options": {1: "No", 2: "Yes"}}},
    "themes": [
        {
            "id": "a",
            "title": "A",
            "items": [
                {"id": "q1", "text": "I am never alone with this app.", "rationale": "company"},
                {"id": "q2", "text": "It helps me, {name}."},
            ],
        },
        {"id": "b", "title": "B", "items": [{"id": "q3", "text": "I like it."}]},
    ],
    "translations": {
        "de": {
            "language": "de",
            "title": "Mini",
            "instructions": "Bitte antworten Sie.",
            "items": {"q1": "Mit dieser App bin ich allein.", "q2": "Sie hilft mir.", "q3": "Ich mag sie."},
            "options": {"yes": {1: "Nein", 2: "Ja"}},
        }
    },
}
SETTINGS = {
    "schema": 1,
    "id": "work",
    "title": "Work",
    "instrument": "mini.yaml",
    "judges": [{"id": f"E{k}", "role": "expert", "field": "f"} for k in range(1, 4)]
    + [{"id": "U1", "role": "user"}],
    "codes": {"hard": {"step": "comprehension", "text": "hard"}, "odd": {"step": "answer", "text": "odd"}},
    "tested_by": 2,
}
TABLES = {
    "ratings": "judge,round,item,aspect,rating\n"
    + "".join(f"E{k},1,q1,relevance,{v}\n" for k, v in ((1, 4), (2, 2), (3, 3)))
    + "E2,2,q1,relevance,4\nU1,1,q1,relevance,1\nE1,1,a,comprehensiveness,4\n",
    "interviews": "interview,round,group,recorded\ni1,1,g,yes\ni2,1,g,no\ni3,2,g,yes\n",
    "codes": "interview,item,coder,code\n"
    "i1,q1,A,hard\ni1,q1,B,clear\ni1,q2,A,clear\ni2,q1,A,hard\ni2,q1,A,odd\ni2,q2,A,clear\n"
    "i3,q1,A,clear\ni3,q2,A,odd\ni3,instructions,A,clear\n",
    "decisions": "round,item,decision,before,after,reason\n"
    "1,q1,reword,Old.,I am never alone with this app.,two found it hard\n",
}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "mini.yaml").write_text(yaml.safe_dump(MINI), encoding="utf-8")
    (tmp_path / "content.yaml").write_text(yaml.safe_dump(SETTINGS), encoding="utf-8")
    for name, text in TABLES.items():
        (tmp_path / f"{name}.csv").write_text(text, encoding="utf-8")
    return tmp_path


def changed(folder: Path, table: str, old: str, new: str) -> Path:
    file = folder / f"{table}.csv"
    assert old in file.read_text()
    file.write_text(file.read_text().replace(old, new), encoding="utf-8")
    return folder


def test_each_judge_counts_with_the_last_rating_and_roles_stay_apart(folder: Path) -> None:
    records = load_content(folder)
    assert records.items == ("q1", "q2", "q3") and records.rounds == [1, 2]
    assert records.rated("relevance", "expert")["q1"].to_dict() == {"E1": 4, "E2": 4, "E3": 3}
    assert records.rated("relevance", "expert", 1)["q1"].to_dict() == {"E1": 4, "E2": 2, "E3": 3}
    row = ratings_by_item(records).set_index("item").loc["q1"]
    assert row[["expert_n", "expert_i_cvi", "expert_i_cvi_met"]].tolist() == [3, 1.0, True]
    alone = content_validity_indices(pd.DataFrame({"q1": [4, 4, 3]})).items.iloc[0]
    assert row["expert_aiken_v_lower"] == alone["aiken_v_lower"] and row["expert_kappa"] == alone["kappa"]
    assert pd.isna(row["user_n"]) and indices_of(records, "relevance", "user") is None
    assert last_rounds_compared(records) is None  # one judge only rated in both
    assert sorting_of(records) is None


def test_clear_and_relevant_are_rated_apart_on_the_scale_of_the_file(folder: Path) -> None:
    settings = {**SETTINGS, "rating": {"lowest": 0, "highest": 10, "relevant_from": 7}}
    (folder / "content.yaml").write_text(yaml.safe_dump(settings), encoding="utf-8")
    relevant, clear = (7, 6, 10), (6, 2, 9)
    rows = [
        f"E{k},1,q1,{aspect},{value}\n"
        for aspect, values in (("relevance", relevant), ("comprehensibility", clear))
        for k, value in enumerate(values, start=1)
    ]
    (folder / "ratings.csv").write_text("judge,round,item,aspect,rating\n" + "".join(rows))
    row = ratings_by_item(load_content(folder)).set_index("item").loc["q1"]
    assert row["expert_i_cvi"] == 2 / 3 and row["expert_clear"] == 1 / 3
    assert row["expert_aiken_v"] == pytest.approx((7 + 6 + 10) / (3 * 10))


def test_items_that_one_judge_sorted_are_left_out_of_the_sorting(folder: Path) -> None:
    rows = "E1,q1,a\nE2,q1,a\nE3,q1,a\nE1,q3,b\nE2,q3,a\nE3,q3,b\nE1,q2,a\n"
    (folder / "sorting.csv").write_text("judge,item,theme\n" + rows, encoding="utf-8")
    found = sorting_of(load_content(folder))
    assert found is not None
    assert found.items.set_index("item")["agreement"].to_dict() == {"q1": 1.0, "q3": 2 / 3}


def test_interviews_are_counted_by_hand(folder: Path) -> None:
    records = load_content(folder)
    table = problems_by_item(records).set_index(["item", "round"])
    assert table.loc[("q1", 1)].tolist() == [2, 2, "hard 2, odd 1", "reword"]
    assert table.loc[("q1", 2)].tolist() == [1, 0, "", ""]
    assert table.loc[("q2", 2)].tolist() == [1, 1, "odd 1", ""]
    assert ("q3", 1) not in table.index and ("instructions", 2) in table.index
    # q1 was reworded after round 1: only i3 asked about it as it stands
    assert [people_asked(records, name) for name in ("q1", "q2", "q3", "options")] == [1, 3, 0, 0]
    assert undecided(records) == [] and reworded_and_not_asked_again(records) == []
    (folder / "decisions.csv").unlink()
    assert undecided(load_content(folder)) == [("q1", 1)]
    # A and B coded one item of one interview both, and differ: alpha of one unit with two values is 0
    found = agreement_of_coders(records)
    assert found is not None and found.n_units == 1 and found.alpha == pytest.approx(0.0)


def test_a_change_that_nobody_was_asked_about_again_is_named(folder: Path) -> None:
    changed(folder, "decisions", "1,q1", "2,q1")
    records = load_content(folder)
    assert reworded_and_not_asked_again(records) == ["q1"] and people_asked(records, "q1") == 0
    assert content_standards(records).set_index("id").loc["final_form", "reply"] == "partly"
    changed(folder, "decisions", "never alone", "not alone")
    assert wordings_that_differ(load_content(folder)) == ["q1"]


def test_saturation_is_that_of_the_published_rule_by_hand() -> None:
    new = {"a": ["x", "y"], "b": ["z"], "c": ["x", "w"], "d": [], "e": ["v"], "f": [], "g": ["x"], "h": []}
    rows = [{"interview": k, "item": "q", "code": code} for k, codes in new.items() for code in codes]
    rows += [
        {"interview": "d", "item": "q", "code": "clear"},
        {"interview": "f", "item": "r", "code": "clear"},
    ]
    found = saturation(pd.DataFrame(rows), list(new), base=4, run=2)
    assert found.table["new"].tolist() == [2, 1, 1, 0, 1, 0, 0, 0]
    assert found.table["known"].tolist() == [2, 3, 4, 4, 5, 5, 5, 5]
    shares = found.table["share"].tolist()
    assert all(math.isnan(share) for share in shares[:5]) and shares[5:] == [1 / 4, 0.0, 0.0]
    assert found.reached_at == "g"
    assert saturation(pd.DataFrame(rows), list(new), threshold=0.25).reached_at == "f"
    assert saturation(pd.DataFrame(rows), list(new)[::-1]).reached_at is None  # x is met first in g
    late = saturation(pd.DataFrame(rows[-1:] + rows[4:5]), ["f", "d", "c"], base=1, run=1)
    assert late.table["share"].isna().sum() >= 1  # nothing in the base, something after: no share
    with pytest.raises(ResponseDataError, match="2 codes are of interviews"):
        saturation(pd.DataFrame(rows), [name for name in new if name != "a"])
    with pytest.raises(ResponseDataError, match="run 0"):
        saturation(pd.DataFrame(rows), list(new), run=0)


REFUSED = [
    ("ratings", "E1,1,q1,relevance,4", "E9,1,q1,relevance,4", r"1 cells of judge are no judge \(line 2\)"),
    ("ratings", "E1,1,q1,relevance,4", "E1,1,q1,relevance,5", "cells of rating are no rating"),
    ("ratings", "E1,1,q1,relevance,4", "E1,1,q1,relevance,good", r"rating is no whole number \(line 2\)"),
    ("ratings", "E1,1,q1,relevance,4", "E1,1,a,relevance,4", "no item under study"),
    ("ratings", "E1,1,a,comp", "E1,1,q1,comp", "no theme"),
    ("ratings", "E1,1,q1,relevance,4", "E2,1,q1,relevance,4", "1 rows repeat judge, round, item, aspect"),
    ("ratings", "judge,round", "judge,runde", "columns absent: 'round'; not known: 'runde'"),
    ("interviews", "i2,1,g,no", "i2,1,g,maybe", "no yes or no"),
    ("interviews", "i2,1", "i1,1", "1 rows repeat interview"),
    ("interviews", "i2,1,g,no", "i2,1,,no", r"group is empty \(line 3\)"),
    ("codes", "i1,q1,B,clear", "i9,q1,B,clear", "no interview"),
    ("codes", "i1,q1,B,clear", "i1,q1,B,bored", "no code of content.yaml"),
    ("codes", "i2,q1,A,odd", "i2,q1,A,clear", "1 items are both `clear` and a problem"),
    ("decisions", "reword,Old.,I am", "reword,I am never alone with this app.,I am", "changes nothing"),
    ("decisions", "two found it hard", "", "has no reason"),
    ("decisions", "reword", "mend", "no decision"),
]


@pytest.mark.parametrize(("table", "old", "new", "said"), REFUSED)
def test_faulty_tables_are_refused_by_line_and_never_by_word(
    folder: Path, table: str, old: str, new: str, said: str
) -> None:
    with pytest.raises(ResponseDataError, match=said) as caught:
        load_content(changed(folder, table, old, new))
    assert "bored" not in str(caught.value) and "maybe" not in str(caught.value)


def test_what_people_said_has_no_place_in_a_table(folder: Path) -> None:
    secret = "my neighbour Karl listens"
    text = "\n".join(
        line + ("," + ("quote" if k == 0 else secret)) for k, line in enumerate(TABLES["codes"].splitlines())
    )
    (folder / "codes.csv").write_text(text, encoding="utf-8")
    with pytest.raises(ResponseDataError, match="not known: 'quote'") as caught:
        load_content(folder)
    assert "Karl" not in str(caught.value) and "your own notes" in str(caught.value)


@pytest.mark.parametrize(
    ("key", "value", "said"),
    [
        ("judges", [{"id": "E1", "role": "expert"}] * 2, "'E1' used twice"),
        ("codes", {"clear": {"step": "answer", "text": "x"}}, "means no problem"),
        ("rating", {"lowest": 1, "highest": 4, "relevant_from": 1}, "must lie above lowest"),
        ("items", ["q9"], "'q9' not in mini 1"),
        ("statements", {"construct": "short"}, "statements.construct"),
        ("judge", [], "judge: is no known key; did you mean 'judges'"),
    ],
)
def test_impossible_settings_are_refused_by_path(folder: Path, key: str, value: object, said: str) -> None:
    (folder / "content.yaml").write_text(yaml.safe_dump({**SETTINGS, key: value}), encoding="utf-8")
    with pytest.raises(DefinitionError, match=said):
        load_content(folder)


def test_an_empty_folder_of_work_is_not_yet_in_everything(folder: Path) -> None:
    for name in TABLES:
        (folder / f"{name}.csv").unlink()
    found = content_standards(load_content(folder))
    replies = found.set_index("id")["reply"].to_dict()
    assert len(found) == len(STANDARDS)
    assert {replies.pop("rationale"), replies.pop("fields")} == {"partly"}  # one of three; fields are named
    assert set(replies.values()) == {"not yet"}


def record_of(folder: Path, **cells: str) -> Path:
    columns = (
        "text",
        "source",
        "forward_1",
        "forward_2",
        "reconciled",
        "back",
        "review",
        "debriefed",
        "final",
    )
    scale = instrument.load(folder / "mini.yaml")
    target = {
        **{f"items.{k}": v for k, v in MINI["translations"]["de"]["items"].items()},  # type: ignore[index]
        **{"instructions": "Bitte antworten Sie.", "options.yes.1": "Nein", "options.yes.2": "Ja"},
    }
    source = {
        **{f"items.{item.id}": item.text for item in scale.items},
        **{"instructions": "Please answer.", "options.yes.1": "No", "options.yes.2": "Yes"},
    }
    rows = []
    for path, text in source.items():
        row = dict.fromkeys(columns, "x") | {"text": path, "source": text, "debriefed": "2"}
        row |= {"final": target[path]}
        rows.append(row | (cells if path == "items.q3" else {}))
    (folder / "translations").mkdir(exist_ok=True)
    pd.DataFrame(rows).to_csv(folder / "translations" / "de.csv", index=False)
    return folder


def test_a_translation_is_as_far_as_its_last_text(folder: Path) -> None:
    table = check_translation(load_content(record_of(folder)), "de").set_index("text")
    assert table["state"].eq("tested").all()
    assert table.loc["items.q1", "questions"] == "one of the two texts negates, the other does not"
    assert table.loc["items.q2", "faults"] == "placeholders differ"
    assert table.loc["items.q3"].tolist() == ["tested", "", ""]
    for cells, state, fault in (
        ({"debriefed": "1"}, "harmonised", ""),
        ({"debriefed": ""}, "harmonised", ""),
        ({"back": ""}, "draft", ""),
        ({"forward_2": ""}, "draft", ""),
        ({"source": "I liked it."}, "tested", "the source has changed since"),
        ({"final": "Ich mochte sie."}, "tested", "the instrument has another text"),
    ):
        table = check_translation(load_content(record_of(folder, **cells)), "de").set_index("text")
        assert table.loc["items.q3", ["state", "faults"]].tolist() == [state, fault]
    assert translation_state(load_content(folder), "de") == "draft"  # q2 has a fault
    with pytest.raises(DefinitionError, match="no record of a translation into 'fr'"):
        check_translation(load_content(folder), "fr")


def test_a_placeholder_left_out_of_two_is_a_fault_and_items_not_under_study_are_no_rows(folder: Path) -> None:
    text = (folder / "mini.yaml").read_text(encoding="utf-8")
    twice = text.replace("It helps me, {name}.", "It helps me, {name}, {name}.")
    (folder / "mini.yaml").write_text(
        twice.replace("Sie hilft mir.", "Sie hilft mir, {name}."), encoding="utf-8"
    )
    settings = {**SETTINGS, "items": ["q1", "q2"]}
    (folder / "content.yaml").write_text(yaml.safe_dump(settings), encoding="utf-8")
    source = pd.read_csv(record_of(folder) / "translations" / "de.csv")
    source.loc[source["text"] == "items.q2", ["source", "final"]] = [
        "It helps me, {name}, {name}.",
        "Sie hilft mir, {name}.",
    ]
    source[source["text"] != "items.q3"].to_csv(folder / "translations" / "de.csv", index=False)
    table = check_translation(load_content(folder), "de").set_index("text")
    assert table.loc["items.q2", "faults"] == "placeholders differ"
    assert "items.q3" not in table.index and (table.drop("items.q2")["faults"] == "").all()
    assert _questions("Fine", "Ausgezeichnet", "en", "de") == []  # lengths of short texts tell nothing
    assert _questions("I use it every day now", "Ich nutze es. " * 4, "en", "de") == ["2.5 times as long"]


def test_a_text_without_record_and_a_record_without_text_are_drafts(folder: Path) -> None:
    file = record_of(folder) / "translations" / "de.csv"
    file.write_text(file.read_text().replace("items.q3,", "items.q9,"), encoding="utf-8")
    table = check_translation(load_content(folder), "de").set_index("text")
    assert table.loc["items.q3", ["state", "faults"]].tolist() == ["draft", "no record"]
    assert table.loc["items.q9", "faults"] == "no such text in the source"


def test_the_synthetic_work_goes_through_and_is_as_its_script_made_it(tmp_path: Path) -> None:
    records = load_content(EXAMPLE)
    assert records.file.synthetic and len(records.items) == 65
    assert (len(records.judges_of("expert")), len(records.judges_of("user"))) == (8, 6)
    assert sorted(set(records.interviews["round"])) == [1, 2]
    replies = content_standards(records).set_index("id")["reply"].to_dict()
    assert replies["translations"] == "not yet" and replies["items_asked"] == "yes"
    assert replies["elicitation"] == "not yet" and replies["construct"] == "stated"
    assert wordings_that_differ(records) == []
    compared = last_rounds_compared(records)
    assert compared is not None and compared.set_index("item").loc["hum2", "reworded"]
    sorting = sorting_of(records)
    assert sorting is not None and sorting.n_judges == 8 and sorting.n_items == 65
    page = dossier(records)
    assert page.count("<article") == 65 and "Synthetic: made up" in page and "R1I1" not in page
    assert not [judge for judge in ("E1", "U1") if f">{judge}<" in page]


def test_a_card_says_what_is_not_known() -> None:
    scale = instrument.load("dta@0.2.0")
    card = item_card(known_of(scale), "hum5", {"mean": 3.25, "n": 120})
    assert card["Wording (en)"] == scale.item("hum5").text and "Wording (de)" in card
    assert "negation" in card["Wording rules"] and card["Decisions"] == "none"
    assert card["Statistics"] == "mean 3.25; n 120"
    assert card["Translation (de)"] == "no record of how it was made"


def test_the_guide_holds_every_item_every_code_and_where_help_is(folder: Path) -> None:
    page = interview_guide(load_content(folder), "Call 112 & ask", "de")
    assert page.count("<section") == 5 and page.count('type="checkbox"') == 5 * 3
    assert page.count("Call 112 &amp; ask") == 2 and "Behutsam" in page and "<script" not in page
    assert "Mit dieser App bin ich allein." in page
    sheet = interview_sheet(load_content(folder), "i4", "A")
    assert sheet["item"].tolist()[:3] == ["q1", "q2", "q3"] and set(sheet["code"]) == {""}
    with pytest.raises(DefinitionError, match="where help is found is empty"):
        interview_guide(load_content(folder), " ")
    with pytest.raises(DefinitionError, match="there is no guide in 'fr'"):
        interview_guide(load_content(folder), "112", "fr")


def run(*arguments: object) -> int:
    with pytest.raises(SystemExit) as ended:
        dta.main([str(argument) for argument in arguments])
    return int(ended.value.code or 0)


def test_commands_go_from_an_empty_folder_to_a_dossier(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    made = tmp_path / "work"
    assert run("content", "new", made, "-i", "dta") == 0
    assert run("content", "check", made) == 0
    said = capsys.readouterr().out
    assert "NOT YET: no ratings by experts" in said
    assert "nothing is reconciled yet" in said and "the instrument has another text" not in said
    assert run("content", "ratings", made) == 0
    said = capsys.readouterr().out
    assert "No judge has rated anything yet" in said and "NaN" not in said
    assert run("content", "new", made, "-i", "dta") == 2
    shutil.copytree(EXAMPLE, tmp_path / "full")
    assert run("content", "ratings", tmp_path / "full", "-o", tmp_path / "r.csv") == 0
    assert "S-CVI/Ave" in capsys.readouterr().out and len(pd.read_csv(tmp_path / "r.csv")) == 65
    assert run("content", "panel", "--from", 3, "--to", 30) == 0
    assert "from 10 judges on" in capsys.readouterr().out
    assert run("content", "feedback", tmp_path / "full", "--round", 1, "-o", tmp_path / "sheets") == 0
    assert len(list((tmp_path / "sheets").glob("*.csv"))) == 14
    assert run("content", "feedback", tmp_path / "full", "--round", 7, "-o", tmp_path / "sheets") == 2
    assert "there are no ratings of relevance in round 7" in capsys.readouterr().err
    assert run("content", "new", tmp_path / "r.csv", "-i", "dta") == 2
    assert run("content", "feedback", tmp_path / "full", "--round", 1, "-o", tmp_path / "r.csv") == 2
    assert capsys.readouterr().err.count("cannot be made") == 2
    results = tmp_path / "results.json"
    results.write_text("{}")
    assert run("content", "dossier", tmp_path / "full", "-o", tmp_path / "d.html", "--results", results) == 2
    assert "no results.json with statistics of items" in capsys.readouterr().err
    assert not (tmp_path / "d.html").exists()


def test_a_study_asks_no_draft_unless_its_file_says_so(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    german = MINI["translations"]["de"]  # type: ignore[index]
    study = yaml.safe_load((EXAMPLE.parent / "example" / "study.yaml").read_text(encoding="utf-8"))
    study |= {"instrument": "mini.yaml", "languages": ["en", "de"]}
    for status, allowed, code in (
        ("draft", [], 2),
        ("draft", ["de"], 0),
        ("harmonised", [], 0),
        ("tested", [], 0),
        ("unvalidated", [], 0),
    ):
        scale = {**MINI, "translations": {"de": {**german, "status": status}}}
        (folder / "mini.yaml").write_text(yaml.safe_dump(scale), encoding="utf-8")
        (folder / "study.yaml").write_text(yaml.safe_dump({**study, "draft_languages": allowed}), "utf-8")
        assert run("study", "check", folder / "study.yaml") == code, (status, allowed)
        said = capsys.readouterr().err
        assert ("the translation into de is a draft" in said) == (code == 2)
    scale["translations"]["de"]["status"] = "tested"
    (folder / "mini.yaml").write_text(yaml.safe_dump(scale), encoding="utf-8")
    assert run("content", "check", record_of(folder)) == 0
    assert "the instrument calls de tested, the record draft" in capsys.readouterr().err
