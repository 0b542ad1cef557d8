"""Instrument files drafted from what is there: each says what its source says, marks the rest, and reads the answers."""

from __future__ import annotations

import json
import warnings
from pathlib import Path
from typing import Any
from xml.sax.saxutils import escape

import numpy as np
import pandas as pd
import pytest

import dta
from instrument.definition import Instrument
from instrument.errors import ToolkitWarning
from instrument.exchange.formats import export_file
from instrument.loading import load
from instrument.reading.read_responses import read_responses
from instrument.recognition import recognise

CASES = Path(__file__).resolve().parent / "data" / "cases"
MINI = load(str(CASES / "mini.yaml"))
ITEMS = MINI.item_ids
LABELS = {1: "Strongly disagree", 2: "Disagree", 3: "Neither", 4: "Agree", 5: "Strongly agree"}


def run(capsys: pytest.CaptureFixture[str], *arguments: object) -> tuple[int, str]:
    with pytest.raises(SystemExit) as stop, warnings.catch_warnings():
        warnings.simplefilter("ignore", ToolkitWarning)
        dta.main([str(argument) for argument in arguments])
    out, err = capsys.readouterr()
    return int(stop.value.code or 0), out + err


def drafted(capsys: pytest.CaptureFixture[str], path: Path, *more: object) -> tuple[Instrument, str]:
    """The instrument that a draft gives, and its text."""
    out = path.parent / "draft.yaml"
    out.unlink(missing_ok=True)
    status, said = run(capsys, "instrument", "draft", path, "--out", out, *more)
    assert status == 0, said
    assert run(capsys, "instrument", "check", out)[0] == 0
    return load(str(out)), out.read_text(encoding="utf-8")


def people(n: int = 60, seed: int = 4) -> pd.DataFrame:
    """Answers in which q2 goes against the others of its theme."""
    draw = np.random.default_rng(seed)
    trait = draw.normal(size=n)
    table = {
        item: np.clip(np.round(3 + (-1 if item == "q2" else 1) * trait + draw.normal(0, 0.7, n)), 1, 5)
        for item in ITEMS
    }
    return pd.DataFrame(table).astype(int).assign(participant=[f"P{k:02d}" for k in range(n)])


def test_a_draft_of_spss_holds_wordings_labels_and_missing_codes(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    import pyreadstat

    frame = people().astype(dict.fromkeys(ITEMS, float)).assign(sex=1.0, age=30.0)
    frame.loc[0, "q1"] = 9.0
    labels = {
        item: {**{float(c): label for c, label in LABELS.items()}, 9.0: "Prefer not to say"} for item in ITEMS
    }
    path = tmp_path / "Study 1.sav"
    pyreadstat.write_sav(
        frame,
        str(path),
        column_labels={**MINI.wording("en").items, "sex": "Sex"},
        variable_value_labels={**labels, "sex": {1.0: "woman", 2.0: "man"}},
        missing_ranges={item: [9.0] for item in ITEMS},
    )
    scale, text = drafted(capsys, path)
    assert scale.id == "Study_1"
    assert scale.item_ids == ITEMS
    assert scale.wording().items == MINI.wording("en").items
    assert {o.code: o.label for o in scale.scale_of("q1").options} == LABELS
    assert [(o.code, o.label, o.reason) for o in scale.scale_of("q1").outside] == [
        (9, "Prefer not to say", "declined")
    ]
    assert scale.reversed_items == ["q2"]
    assert "# guess: reversed, as it correlates -0." in text
    assert "#   sex: shares its options with fewer than 3 others" in text
    answers = read_responses(path, scale, mapping=recognise(path, scale).mapping)
    assert answers["q3"].tolist() == people()["q3"].tolist()
    assert answers["q1"].isna().tolist() == [True, *[False] * 59]


def test_a_draft_of_a_plain_table_marks_wordings_options_and_reversed_items(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    frame = people().rename(columns={item: f"müde.{item[1]}" for item in ITEMS})
    path = tmp_path / "a.csv"
    frame.to_csv(path, index=False)
    scale, text = drafted(capsys, path, "--id", "mine")
    assert scale.id == "mine"
    assert [item.column for item in scale.items][:2] == [("müde.1",), ("müde.2",)]
    assert [item.id for item in scale.items if item.reverse] == ["mude_2"]
    assert text.count("# guess: the wording; the file holds only the name") == 6
    assert text.count("# guess: the options, by the codes that occur") == 6
    read = read_responses(path, scale)
    assert read["mude_1"].tolist() == people()["q1"].tolist()
    few, _ = drafted(capsys, path, "--items", "müde.3,müde.4")
    assert few.item_ids == ["mude_3", "mude_4"]
    status, said = run(capsys, "instrument", "draft", path, "--items", "q9", "--out", tmp_path / "x.yaml")
    assert status == 2
    assert "there is no column 'q9'" in said


def of_two_factors(n: int, *, weak: int = 0) -> pd.DataFrame:
    """Answers to ten questions without telling names: odd ones share one trait, even ones another."""
    draw = np.random.default_rng(8)
    traits = draw.normal(size=(n, 2))
    signs = [1, 1, 1, 1, 1, -1, 1, 1, 1, 1]
    table = {
        f"v{k}": np.clip(np.round(3 + signs[k] * traits[:, k % 2] + draw.normal(0, 0.7, n)), 1, 5)
        for k in range(10)
    }
    table |= {f"v{k}": draw.integers(1, 6, n) for k in range(10, 10 + weak)}
    return pd.DataFrame(table).astype(int)


def test_a_first_factor_analysis_guesses_themes_where_names_say_nothing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "answers.csv"
    of_two_factors(240, weak=1).to_csv(path, index=False)
    scale, text = drafted(capsys, path)
    themes = {theme.title: [item.id for item in theme.items] for theme in scale.themes}
    assert themes == {
        "Factor 1": ["v0", "v2", "v4", "v6", "v8"],
        "Factor 2": ["v1", "v3", "v5", "v7", "v9"],
        "Without a theme": ["v10"],
    }
    assert [item.id for item in scale.items if item.reverse] == ["v5"]
    assert text.count("# guess: the theme, by a first factor analysis (loading ") == 10
    assert text.count("# guess: no theme: it loads .40 or more on no factor") == 1
    assert "# guess: the themes; 2 factors of a first factor analysis of 240 people" in text


def test_few_people_one_factor_and_telling_names_leave_the_factor_analysis_out(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "answers.csv"
    two = of_two_factors(240)
    named = two.rename(columns={f"v{k}": f"{'ab'[k < 5]}_{k}" for k in range(10)})
    for table, number in ((two[:99], 1), (two[["v0", "v2", "v4", "v6", "v8"]], 1), (named, 2)):
        table.to_csv(path, index=False)
        scale, text = drafted(capsys, path)
        assert len(scale.themes) == number
        assert "factor analysis" not in text


def test_fewer_than_thirty_people_say_nothing_of_reversed_items(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "a.csv"
    people(29).to_csv(path, index=False)
    assert drafted(capsys, path)[0].reversed_items == []


def qsf(path: Path, **question: Any) -> Path:
    matrix = {
        "QuestionText": "<p>How much do you&nbsp;agree?</p>",
        "DataExportTag": "Q5",
        "QuestionType": "Matrix",
        "Selector": "Likert",
        "SubSelector": "SingleAnswer",
        "Choices": {str(k): {"Display": text} for k, text in enumerate(MINI.wording("en").items.values(), 1)},
        "ChoiceOrder": [1, 2, 3, 4, 6, 5],
        "Answers": {**{str(k): {"Display": LABELS[k]} for k in LABELS}, "6": {"Display": "n/a"}},
        "AnswerOrder": ["1", "2", "3", "4", "5", "6"],
        "RecodeValues": {"1": "11", "2": "12", "3": "13", "4": "14", "5": "15", "6": "99"},
        "AnalyzeChoices": {"6": "No"},
        "ChoiceDataExportTags": False,
        "QuestionID": "QID1",
        **question,
    }
    single = {
        "QuestionText": "Sex",
        "DataExportTag": "sex",
        "QuestionType": "MC",
        "Selector": "SAVR",
        "Choices": {"1": {"Display": "woman"}, "2": {"Display": "man"}},
        "ChoiceOrder": ["2", "1"],
        "QuestionID": "QID2",
    }
    other = {"QuestionText": "Why?", "DataExportTag": "why", "QuestionType": "TE", "Selector": "ML"}
    diff = {
        "DataExportTag": "best",
        "QuestionType": "Matrix",
        "Selector": "MaxDiff",
        "Choices": {},
        "Answers": {},
    }
    questions = [matrix, single, {**other, "QuestionID": "QID3"}, {**diff, "QuestionID": "QID4"}]
    trash = {**single, "QuestionID": "QID9", "DataExportTag": "old"}
    blocks = [
        {
            "Type": "Default",
            "Description": "Alliance",
            "BlockElements": [{"Type": "Question", "QuestionID": "QID1"}],
        },
        {
            "Type": "Standard",
            "Description": "You",
            "BlockElements": [{"Type": "Question", "QuestionID": f"QID{k}"} for k in (2, 3, 4)],
        },
        {
            "Type": "Trash",
            "Description": "Trash",
            "BlockElements": [{"Type": "Question", "QuestionID": "QID9"}],
        },
    ]
    elements = [{"Element": "BL", "Payload": blocks}, {"Element": "QC", "Payload": None}]
    elements += [{"Element": "SQ", "Payload": one} for one in (*questions, trash)]
    entry = {"SurveyName": "Alliance in May", "SurveyLanguage": "EN"}
    path.write_text(json.dumps({"SurveyEntry": entry, "SurveyElements": elements}), encoding="utf-8")
    return path


def test_a_draft_of_qualtrics_reads_matrices_with_the_values_that_exports_hold(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    scale, text = drafted(capsys, qsf(tmp_path / "s.qsf"))
    assert scale.title == "Alliance in May"
    assert scale.item_ids == ["Q5_1", "Q5_2", "Q5_3", "Q5_4", "Q5_6", "Q5_5", "sex"]
    assert [theme.title for theme in scale.themes] == ["Alliance", "You"]
    assert scale.item("Q5_2").text == MINI.item("q2").text
    assert [o.code for o in scale.scale_of("Q5_1").options] == [11, 12, 13, 14, 15]
    assert [(o.code, o.reason) for o in scale.scale_of("Q5_1").outside] == [(99, "not_applicable")]
    assert {o.code: o.label for o in scale.scale_of("sex").options} == {1: "woman", 2: "man"}
    assert "#   why: a question of kind TE ML" in text
    assert "#   best: a question of kind Matrix MaxDiff" in text
    assert "old" not in text
    tagged, _ = drafted(capsys, qsf(tmp_path / "t.qsf", ChoiceDataExportTags={"1": "bond.1"}))
    assert tagged.items[0].column == ("bond.1",)
    named, text = drafted(capsys, qsf(tmp_path / "u.qsf", RecodeValues={"1": "low", "2": "mid"}))
    assert [o.code for o in named.scale_of("Q5_1").options] == [1, 2, 3, 4, 5]
    assert "# guess: the codes, by the order of the options" in text


def lss(path: Path, new: bool) -> Path:
    """A structure as LimeSurvey writes it, of versions before and since 4."""

    def rows(name: str, content: list[dict[str, Any]]) -> str:
        cells = "".join(
            "<row>" + "".join(f"<{k}><![CDATA[{v}]]></{k}>" for k, v in row.items()) + "</row>"
            for row in content
        )
        return f"<{name}><fields/><rows>{cells}</rows></{name}>"

    texts = {
        "10": "How much?",
        "20": "Why?",
        **{str(100 + k): MINI.item(i).text for k, i in enumerate(ITEMS)},
    }

    def worded(row: dict[str, Any]) -> dict[str, Any]:
        return row if new else {**row, "question": f"<p>{texts[row['qid']]}</p>", "language": "en"}

    questions = [
        worded(
            {"qid": "20", "parent_qid": "0", "gid": "1", "type": "T", "title": "why", "question_order": "2"}
        ),
        worded(
            {"qid": "10", "parent_qid": "0", "gid": "1", "type": "F", "title": "G2", "question_order": "1"}
        ),
    ]
    parts = [
        worded(
            {"qid": str(100 + k), "parent_qid": "10", "title": f"SQ00{k + 1}", "question_order": str(9 - k)}
        )
        for k in range(6)
    ]
    answers = [
        {"aid": str(k), "qid": "10", "code": f"AO0{k}", "sortorder": str(k), "assessment_value": "0"}
        for k in LABELS
    ]
    if not new:
        answers = [{**a, "answer": LABELS[int(a["aid"])], "language": "en"} for a in answers]
    body = rows("questions", questions) + rows("subquestions", parts) + rows("answers", answers)
    if new:
        body += rows(
            "question_l10ns", [{"qid": q, "question": t, "language": "en"} for q, t in texts.items()]
        )
        body += rows(
            "answer_l10ns", [{"aid": str(k), "answer": t, "language": "en"} for k, t in LABELS.items()]
        )
    title = escape("Alliance & use")
    body += rows("surveys", [{"sid": "1", "language": "en"}])
    body += f"<surveys_languagesettings><rows><row><surveyls_language>en</surveyls_language><surveyls_title>{title}"
    body += "</surveyls_title></row></rows></surveys_languagesettings>"
    path.write_text(f'<?xml version="1.0" encoding="UTF-8"?><document>{body}</document>', encoding="utf-8")
    return path


@pytest.mark.parametrize("new", [False, True])
def test_a_draft_of_limesurvey_reads_its_exports_of_codes(
    new: bool, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    scale, text = drafted(capsys, lss(tmp_path / "s.lss", new))
    assert scale.title == "Alliance & use"
    assert [item.column for item in scale.items] == [(f"G2[SQ00{k}]",) for k in (6, 5, 4, 3, 2, 1)]
    assert [item.text for item in scale.items] == [MINI.item(item).text for item in reversed(ITEMS)]
    assert {o.code: o.label for o in scale.scale_of(scale.item_ids[0]).options} == LABELS
    assert "#   why: a question of kind T" in text
    head = ["id", "submitdate", "lastpage", "startlanguage", "token", *(f"G2[SQ00{k}]" for k in range(1, 7))]
    frame = people()
    rows = [
        [k, "2026-03-01 10:00:00", 3, "en", f"P{k}", *(f"AO0{code}" for code in frame.loc[k, ITEMS])]
        for k in range(len(frame))
    ]
    answers = tmp_path / "answers.csv"
    pd.DataFrame(rows, columns=head).to_csv(answers, index=False)
    found = recognise(answers, scale)
    assert found.mapping.unsure == ()
    with pytest.warns(ToolkitWarning, match="'G2_SQ002': negative item-rest"):  # the survey cannot say it
        read = read_responses(answers, scale, mapping=found.mapping)
    assert read[list(reversed(scale.item_ids))].to_numpy().tolist() == frame[ITEMS].to_numpy().tolist()


@pytest.mark.parametrize("form", ["xlsform", "redcap"])
def test_a_draft_of_our_own_forms_gives_the_instrument_back(
    form: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / f"form.{'xlsx' if form == 'xlsform' else 'csv'}"
    export_file(form, path, MINI)
    scale, _ = drafted(capsys, path)
    assert scale.item_ids == ITEMS
    assert scale.wording().items == MINI.wording("en").items
    known = {o.code: o.label for o in (*MINI.scale_of("q1").options, *MINI.scale_of("q1").outside)}
    given = {o.code: o.label for o in (*scale.scale_of("q1").options, *scale.scale_of("q1").outside)}
    assert {code: given[code] for code in known} == known


def test_keys_of_psych_become_themes_with_reversed_items(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path, out = tmp_path / "keys.R", tmp_path / "bfi.yaml"
    path.write_text('keys <- list(agree = c("-A1", "A2", "A3"),\n  open = c("O1", "-O2", "A3"))\n')
    status, said = run(capsys, "instrument", "from-keys", path, "--options", "1-6", "--out", out)
    assert status == 0, said
    scale = load(str(out))
    assert scale.theme_items("agree") == ["A1", "A2", "A3"]
    assert scale.theme_items("open") == ["O1", "O2", "A3"]
    assert scale.reversed_items == ["A1", "O2"]
    assert scale.scale_of("A1").codes == (1, 2, 3, 4, 5, 6) or list(scale.scale_of("A1").codes) == [
        1,
        2,
        3,
        4,
        5,
        6,
    ]
    other = tmp_path / "keys.yaml"
    other.write_text("agree: [-A1, A2, A3]\nopen: [O1, -O2, A3]\n")
    out.unlink()
    run(capsys, "instrument", "from-keys", other, "--options", "1=never,2=always", "--id", "k", "--out", out)
    assert load(str(out)).reversed_items == scale.reversed_items
    for text, words in (
        ('a = c("A1", "A2")\nb = c("-A1", "A3")', "counts for one scale and against another"),
        ("a: 3", "holds no keys: 'a' is no list of names"),
        ("nothing", "holds no keys"),
    ):
        other.write_text(text)
        status, said = run(
            capsys, "instrument", "from-keys", other, "--options", "1-5", "--out", tmp_path / "n.yaml"
        )
        assert status == 2
        assert words in said
    for told in ("many", "6-1", "1=no,1=yes", "--1=no,2=yes", "²=no,1=yes", "1=no,yes"):
        status, said = run(
            capsys, "instrument", "from-keys", path, "--options", told, "--out", tmp_path / "n.yaml"
        )
        assert status == 2
        assert f"{told!r} names no options" in said


@pytest.mark.parametrize(
    ("name", "text", "words"),
    [
        ("a.qsf", "{}", "cannot be read as a Qualtrics survey file"),
        ("a.qsf", "[", "cannot be read as a Qualtrics survey file"),
        ("a.lss", "<a>", "cannot be read as a LimeSurvey structure"),
        ("a.lss", '<!DOCTYPE a [<!ENTITY b "c">]><a>&b;</a>', "cannot be read as a LimeSurvey structure"),
        ("a.csv", "name,note\na,b\n", "holds no question with 2 to 11 coded options"),
    ],
)
def test_what_is_no_survey_is_refused(
    name: str, text: str, words: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path, out = tmp_path / name, tmp_path / "d.yaml"
    path.write_text(text)
    status, said = run(capsys, "instrument", "draft", path, "--out", out)
    assert status == 2
    assert words in said
    assert "Hint: " in said
    assert not out.exists()


def test_a_form_is_not_taken_for_answers(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "form.xlsx"
    export_file("xlsform", path, MINI)
    status, said = run(capsys, "import", path, "-i", CASES / "mini.yaml", "--out", tmp_path / "o.csv")
    assert status == 2
    assert "the workbook is a form (XLSForm), and holds no answers" in said
    assert "dta instrument draft" in said
