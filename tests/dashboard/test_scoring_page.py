"""Score my file: good files of every kind, bad ones explained, and nobody's answers on the page or the disk."""

from __future__ import annotations

import io
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import yaml
from openpyxl import Workbook, load_workbook
from small_study import SCALE
from streamlit.testing.v1 import AppTest

from dashboard import scoring_service as scoring
from dashboard.uploads import Reading, Upload, answers_of, instrument_of, named_columns
from instrument.definition import Instrument
from instrument.errors import DefinitionError, ResponseDataError, ToolkitError
from instrument.loading import load
from instrument.scoring.score import score

ITEMS = [f"q{k}" for k in range(1, 13)]
OWN = "An instrument of my own (YAML)"
DEFINITION = Upload(name="mine.yaml", content=yaml.safe_dump(SCALE).encode())


def table(n: int = 40) -> pd.DataFrame:
    """Answers of n people, some of them missing."""
    rng = np.random.default_rng(7)
    level = rng.normal(size=(n, 1))
    codes = np.clip(np.rint(3 + level + rng.normal(size=(n, 12))), 1, 5).astype(int)
    codes[:, [3, 8]] = 6 - codes[:, [3, 8]]
    frame = pd.DataFrame(codes, columns=ITEMS).astype("Int64")
    frame.insert(0, "participant", [f"secret-{k:05d}" for k in range(n)])
    frame.insert(1, "wave", 1)
    if n > 6:
        frame.loc[0, ["q1", "q2", "q3", "q4"]] = pd.NA
        frame.loc[1, ["q5", "q6"]] = pd.NA
        frame.loc[2, "q9"] = pd.NA
    return frame


def as_csv(frame: pd.DataFrame, **options: Any) -> bytes:
    return frame.to_csv(index=False, **options).encode()


def as_xlsx(frame: pd.DataFrame) -> bytes:
    book, raw = Workbook(), io.BytesIO()
    for row in [list(frame.columns), *frame.astype(object).where(frame.notna(), None).to_numpy().tolist()]:
        book.active.append(row)
    book.save(raw)
    return raw.getvalue()


def as_parquet(frame: pd.DataFrame) -> bytes:
    raw = io.BytesIO()
    frame.to_parquet(raw)
    return raw.getvalue()


def as_sav(frame: pd.DataFrame) -> bytes:
    import pyreadstat

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "answers.sav"
        pyreadstat.write_sav(frame.astype(dict.fromkeys(ITEMS, "float64")), str(path))
        return path.read_bytes()


@pytest.fixture(autouse=True)
def nothing_stays(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Every test ends with an empty folder of temporary files."""
    folder = tmp_path / "temporary"
    folder.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    yield
    assert list(folder.iterdir()) == []


def scored(content: bytes, name: str = "answers.csv", **options: Any) -> scoring.ScoredFile:
    return scoring.score_upload(Upload(name=name, content=content), "", [DEFINITION], **options)


@pytest.mark.parametrize(
    ("name", "write"),
    [
        ("answers.csv", as_csv),
        ("answers.tsv", lambda frame: as_csv(frame, sep="\t")),
        ("answers.xlsx", as_xlsx),
        ("answers.sav", as_sav),
        ("answers.parquet", as_parquet),
    ],
)
def test_every_kind_of_file_gives_the_scores_of_the_toolkit(name: str, write: Any) -> None:
    frame = table()
    card = score(frame, Instrument.model_validate(SCALE))
    got = scored(write(frame), name)
    assert got.counts == {"Rows": 40, "People": 40, "Waves": 1, "Items": 12, "Further columns": 0}
    shown = pd.DataFrame(got.section["tables"]["scores"]).set_index("title")
    expected = card.describe()
    for theme in ("north", "south", "west"):
        row = shown.loc[f"Theme {theme}"]
        assert row["n"] == expected.loc[theme, "n"]
        assert row["mean"] == pytest.approx(expected.loc[theme, "mean"], abs=1e-12)
        assert row["sd"] == pytest.approx(expected.loc[theme, "sd"], abs=1e-12)
    assert shown.loc["Theme north", "n"] == 39
    assert shown.loc["Theme west", "n"] == 39  # three of four are fewer than 80 %
    written = pd.read_csv(io.BytesIO(scoring.scores_csv(got)))
    pd.testing.assert_frame_equal(written, card.to_frame(), check_dtype=False, check_exact=False)


def test_why_a_row_has_no_score_is_counted() -> None:
    reasons = pd.DataFrame(scored(as_csv(table())).section["tables"]["reasons"])
    found = {(row.title, row.reason): row.n for row in reasons.itertuples()}
    few = "fewer than 80% of the applicable items were answered"
    assert found == {
        ("Theme north", "no item was answered"): 1,
        ("Theme south", few): 1,
        ("Theme west", few): 1,
        ("Total", "a theme of the total has no score"): 3,
    }


def test_the_workbook_holds_scores_rule_and_codebook_and_no_formula() -> None:
    frame = table()
    frame.loc[5, "participant"] = "=1+1"
    got = scored(as_csv(frame))
    book = load_workbook(io.BytesIO(scoring.scores_workbook(got)))
    assert book.sheetnames == ["scores", "about", "codebook"]
    assert book["scores"]["A7"].value == "=1+1"
    assert book["scores"]["A7"].data_type == "s"
    assert book["scores"].max_row == 41
    about = {row[0]: row[1] for row in book["about"].iter_rows(values_only=True)}
    assert about["SHA-256 of the file"] == got.checksum
    assert "80%" in about["rule"]
    heads = [cell.value for cell in book["scores"][1]]
    for place, row in enumerate(got.card.to_frame().itertuples(index=False), start=2):
        written = book["scores"].cell(place, heads.index("north") + 1).value
        assert written == (None if pd.isna(row.north) else pytest.approx(row.north)), "no score is no nought"
    assert book["codebook"].max_row == 61


def two_waves() -> pd.DataFrame:
    """Forty people, and thirty of them again, each answer one step lower where there is room."""
    first = table()
    second = first.head(30).assign(wave=2)
    second[ITEMS] = (second[ITEMS] - 1).clip(lower=1)
    return pd.concat([first, second], ignore_index=True)


def test_each_wave_has_its_own_scores_reasons_and_missing_answers() -> None:
    frame = two_waves()
    got = scored(as_csv(frame))
    told = {name: got.counts[name] for name in ("Rows", "People", "Waves", "Items")}
    assert told == {"Rows": 70, "People": 40, "Waves": 2, "Items": 12}
    tables = {name: pd.DataFrame(columns) for name, columns in got.section["tables"].items()}
    scale = Instrument.model_validate(SCALE)
    for wave in (1, 2):
        alone = score(frame[frame["wave"] == wave], scale).describe()
        shown = tables["scores"][tables["scores"]["wave"] == str(wave)].set_index("title")
        for theme in ("north", "south", "west"):
            row = shown.loc[f"Theme {theme}"]
            assert row["n"] == alone.loc[theme, "n"] and row["missing"] == alone.loc[theme, "missing"]
            assert row["mean"] == pytest.approx(alone.loc[theme, "mean"], abs=1e-12)
            assert row["sd"] == pytest.approx(alone.loc[theme, "sd"], abs=1e-12)
        lacking = int(frame.loc[frame["wave"] == wave, ITEMS].isna().sum().sum())
        missing = tables["missing"][tables["missing"]["wave"] == str(wave)]
        assert missing["n"].sum() == lacking
        assert missing["share"].sum() == pytest.approx(lacking / (12 * (frame["wave"] == wave).sum()))
        reasons = tables["reasons"][tables["reasons"]["wave"] == str(wave)]
        assert reasons["n"].sum() == alone["missing"].sum()
    for name in ("scores", "reasons", "missing"):
        assert got.section["captions"][name]["columns"]["wave"] == {"label": "Wave", "format": "text"}


def test_a_wave_of_very_few_shows_no_mean_beside_a_large_one() -> None:
    frame = two_waves()
    got = scored(as_csv(frame[(frame["wave"] == 1) | frame.index.isin([50, 51, 52])]))
    shown = pd.DataFrame(got.section["tables"]["scores"])
    assert shown.loc[shown["wave"] == "2", "mean"].isna().all()
    assert shown.loc[shown["wave"] == "1", "mean"].notna().all()


def test_what_was_not_answered_or_judged_at_all_is_told_as_that() -> None:
    frame = two_waves()
    frame.loc[frame["wave"] == 2, ITEMS] = None
    got = scored(as_csv(frame))
    assert "fewer than 5" not in got.section["captions"]["scores"]["note"], "there is no score to hide"
    checks = pd.DataFrame(got.section["tables"]["checks"])
    assert (checks["n_judged"] > 0).all()
    assert "Answered very fast" not in set(checks["check"]), "no times were given"


def test_one_wave_needs_no_column_of_waves() -> None:
    assert "wave" not in scored(as_csv(table())).section["captions"]["scores"]["columns"]


def test_means_of_very_few_are_not_shown() -> None:
    got = scored(as_csv(table(4)))
    shown = pd.DataFrame(got.section["tables"]["scores"])
    assert shown["n"].tolist() == [4] * 4
    assert shown["mean"].isna().all()
    assert "fewer than 5" in got.section["captions"]["scores"]["note"]
    assert len(got.card.scores) == 4


def test_scores_on_a_hundred_and_other_columns() -> None:
    frame = table().rename(columns={"participant": "code"}).assign(site="north")
    how = Reading(participant="code", covariates=named_columns("site"), delimiter=";")
    got = scored(as_csv(frame, sep=";"), reading=how, rescale=True)
    assert got.counts["Further columns"] == 1
    assert pd.DataFrame(got.section["tables"]["scores"])["mean"].dropna().between(5, 100).all()


def broken(change: Any) -> bytes:
    frame = table().astype(object)
    return as_csv(change(frame))


def with_cell(value: Any) -> Any:
    def change(frame: pd.DataFrame) -> pd.DataFrame:
        frame.loc[3, "q7"] = value
        return frame

    return change


BAD = {
    "empty.csv": (b"", "empty"),
    "blank.csv": (b"\n\n", "empty"),
    "header.csv": (as_csv(table().head(0)), "no row of answers"),
    "notes.csv": (b"a,b\n1,2\n", "none of the 12 item columns"),
    "absent.csv": (broken(lambda frame: frame.drop(columns="q3")), "1 of 12 item columns"),
    "unknown.csv": (broken(lambda frame: frame.assign(age=31)), "unknown column"),
    "outside.csv": (broken(with_cell(77)), "q7"),
    "words.csv": (broken(with_cell("often-said-word")), "q7"),
    "twice.csv": (broken(lambda frame: pd.concat([frame, frame.head(1)])), "not unique"),
    "semicolons.csv": (as_csv(table(), sep=";"), "semicolon"),
    "latin.csv": (as_csv(table()).replace(b"secret-00001", b"secret-\xe4"), "UTF-8"),
    "really.csv": (as_xlsx(table()), "workbook"),
    "broken.xlsx": (b"PK\x03\x04 and no more", "workbook"),
    "cut.xlsx": (as_xlsx(table())[:900], "workbook"),
    "old.xlsx": (b"\xd0\xcf\x11\xe0" + b"\0" * 600, "workbook"),
    "broken.sav": (b"$FL2 and no more", "SPSS"),
    "broken.parquet": (b"PAR1 and no more PAR1", "Parquet"),
    "zeros.csv": (b"\0" * 5000, ""),
    "picture.csv": (bytes(range(256)) * 40, ""),
}


@pytest.mark.parametrize("name", BAD)
def test_a_bad_file_is_refused_with_fact_and_hint_and_without_answers(name: str) -> None:
    content, words = BAD[name]
    with pytest.raises(ResponseDataError) as caught:
        scored(content, name)
    message = str(caught.value)
    assert words in message
    assert "\nHint: " in message
    assert "often-said-word" not in message
    assert "secret-" not in message
    assert "77" not in message


def test_a_file_beyond_the_limit_is_refused_before_it_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("dashboard.uploads.LARGEST_MB", 0)
    with pytest.raises(ResponseDataError, match=r"the page takes 0 MB\.\nHint: use the command line"):
        scored(as_csv(table()))


def test_a_workbook_that_unpacks_to_too_much_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("dashboard.uploads.LARGEST_UNPACKED_MB", 0.001)
    with pytest.raises(ResponseDataError, match="unpacks to"):
        scored(as_xlsx(table()), "answers.xlsx")


def test_a_name_with_folders_stays_in_the_folder() -> None:
    got = scoring.score_upload(
        Upload(name="../../elsewhere/../an:swers.csv", content=as_csv(table())), "", [DEFINITION]
    )
    assert got.file == "answers.csv"
    assert Upload(name="..\\..\\", content=b"").plain_name == "upload"


def wording(name: str) -> dict[str, Any]:
    themes = [
        {**theme, "items": [{key: item[key] for key in ("id", "reverse")} for item in theme["items"]]}
        for theme in SCALE["themes"]
    ]
    return {**SCALE, "themes": themes, "language": "en", "translations": {"en": name}}


def test_an_instrument_may_come_with_its_wording() -> None:
    texts = {
        "title": "Twelve questions",
        "items": {i: f"Text {i}" for i in ITEMS},
        "themes": {theme["id"]: theme["title"] for theme in SCALE["themes"]},
    }
    files = [
        Upload(name="words.yaml", content=yaml.safe_dump(texts).encode()),
        Upload(name="scale.yaml", content=yaml.safe_dump(wording("words.yaml")).encode()),
    ]
    assert instrument_of("", files).item("q1").text == "Text q1"


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "no mapping"),
        (b"themes: [", "not valid YAML"),
        (b"\xff\xfe\x00", "UTF-8"),
        (b"schema: 1\nid: x\n", "fault"),
        (b"a: " + b"[" * 3000 + b"]" * 3000, "nested"),
        (b"#" * 1_100_000, "the page takes 1 MB"),
        (yaml.safe_dump(wording("../../../secrets.yaml")).encode(), "not here"),
        (yaml.safe_dump({**SCALE, "themes": "none"}).encode(), "themes"),
    ],
)
def test_a_bad_instrument_is_refused(content: bytes, words: str) -> None:
    with pytest.raises(DefinitionError, match="\nHint: ") as caught:
        instrument_of("", [Upload(name="mine.yaml", content=content)])
    assert words in str(caught.value)


def test_two_instruments_or_none_are_refused() -> None:
    with pytest.raises(DefinitionError, match="2 of 2 files define"):
        instrument_of("", [DEFINITION, Upload(name="b.yaml", content=DEFINITION.content)])
    with pytest.raises(DefinitionError, match="no instrument was given"):
        instrument_of("", [])


def test_every_shipped_instrument_takes_answers_of_its_own() -> None:
    for name in scoring.instruments():
        scale = instrument_of(name)
        frame = pd.DataFrame({item: [scale.scale_of(item).minimum] * 6 for item in scale.item_ids})
        got = scoring.score_upload(Upload(name="a.csv", content=as_csv(frame)), name)
        assert got.counts["Rows"] == 6
        assert any("no participant column" in note for note in got.notes)


def test_what_looks_reversed_is_a_suspicion_and_no_warning_escapes() -> None:
    frame = table(300)
    frame["q4"] = 6 - frame["q4"]
    got = scored(as_csv(frame))
    assert len(got.suspicions) == 1
    assert "q4" in got.suspicions[0]
    assert not [note for note in got.notes if "suspicion" in note], "told once"


def tool_file() -> bytes:
    """The answers as a tool would write them: other names, and labels of its own in place of the codes."""
    frame = table()
    words = {code: f"stage {code}" for code in range(1, 6)}
    told = frame[ITEMS].map(lambda code: "" if pd.isna(code) else words[int(code)])
    told.columns = [f"Frage {k}" for k in range(1, len(ITEMS) + 1)]
    return as_csv(told.assign(code=frame["participant"], page="x"), sep=";")


def mapping_of(**entries: Any) -> str:
    said = {
        "mapping": 1,
        "instrument": SCALE["id"],
        "file": {"delimiter": ";"},
        "participant": "code",
        "items": {item: f"Frage {k}" for k, item in enumerate(ITEMS, 1)},
        "answers": {next(iter(SCALE["response_scales"])): {f"stage {code}": code for code in range(1, 6)}},
    }
    return yaml.safe_dump(said | entries)


def test_a_mapping_says_how_a_file_of_a_tool_is_scored() -> None:
    plain = scored(as_csv(table()))
    got = scored(tool_file(), reading=Reading(mapping=mapping_of()))
    assert scoring.scores_csv(got) == scoring.scores_csv(plain)
    with pytest.raises(ToolkitError, match="unsure"):
        scored(tool_file(), reading=Reading(mapping=mapping_of(unsure=["participant: a guess"])))
    with pytest.raises(ToolkitError, match=r"mapping\.yaml"):
        scored(tool_file(), reading=Reading(mapping="- no\n- mapping"))
    with pytest.raises(ToolkitError, match="is about instrument 'another'"):
        scored(tool_file(), reading=Reading(mapping=mapping_of(instrument="another")))


def test_the_page_takes_a_mapping_beside_the_answers() -> None:
    test = dropped("answers.csv", tool_file())
    assert len(test.error) == 1
    test.file_uploader(key="score-mapping").upload("mapping.yaml", mapping_of().encode())
    test.run()
    assert not test.error
    assert {metric.label: metric.value for metric in test.metric}["Rows"] == "40"
    assert "secret-" not in words_of(test)


def _page() -> None:
    from dashboard.views import score_file

    score_file.show()


def opened() -> AppTest:
    test = AppTest.from_function(_page, default_timeout=60).run()
    assert not test.exception
    return test


def dropped(name: str, content: bytes) -> AppTest:
    test = opened()
    test.selectbox[0].select(OWN).run()
    test.file_uploader[0].upload(DEFINITION.name, DEFINITION.content)
    test.file_uploader[1].upload(name, content)
    test.run()
    assert not test.exception
    return test


def words_of(test: AppTest) -> str:
    kinds = (test.markdown, test.error, test.warning, test.info, test.metric, test.title, test.header)
    texts = [f"{getattr(entry, 'label', '')} {entry.value}" for kind in kinds for entry in kind]
    return "\n".join([*texts, *(frame.value.to_string() for frame in test.dataframe)])


def test_the_page_says_what_to_do_and_states_the_limit() -> None:
    test = opened()
    assert "drop in a file of answers" in test.info[0].value
    assert any("up to 50 MB" in uploader.label for uploader in test.file_uploader)


def test_the_page_shows_counts_and_scores_and_nobody() -> None:
    test = dropped("answers.csv", as_csv(table()))
    assert {metric.label: metric.value for metric in test.metric}["Rows"] == "40"
    assert "secret-" not in words_of(test)
    assert [button.label for button in test.get("download_button")] == [
        "Scores as CSV",
        "Scores as XLSX",
        "Codebook as CSV",
        "Codebook to read (HTML)",
    ]
    assert test.dataframe[0].value.shape[0] == 4
    test.file_uploader[1].clear()
    test.run()
    assert "drop in a file of answers" in test.info[0].value


@pytest.mark.parametrize("name", ["empty.csv", "absent.csv", "outside.csv", "cut.xlsx", "broken.sav"])
def test_the_page_explains_a_bad_file(name: str) -> None:
    test = dropped(name, BAD[name][0])
    assert len(test.error) == 1
    assert any(entry.value.startswith("**What to do:**") for entry in test.markdown)
    assert not test.metric
    assert "secret-" not in words_of(test)


def test_the_page_scores_twenty_thousand_rows() -> None:
    test = dropped("answers.csv", as_csv(table(20_000)))
    assert {metric.label: metric.value for metric in test.metric}["People"] == "20,000"


def test_no_upload_ends_in_another_error() -> None:
    rng = np.random.default_rng(3)
    sound = {"a.csv": as_csv(table()), "a.xlsx": as_xlsx(table()), "a.parquet": as_parquet(table())}
    for name, content in sound.items():
        for _ in range(12):
            bent = bytearray(content)
            for place in rng.integers(0, len(bent), 25):
                bent[place] = int(rng.integers(0, 256))
            try:
                answers_of(Upload(name=name, content=bytes(bent)), Instrument.model_validate(SCALE))
            except ToolkitError as error:
                assert "\nHint: " in str(error)


def test_a_theme_that_does_not_apply_is_told_from_one_without_an_answer() -> None:
    scale = load("dta")
    codes = np.random.default_rng(3).integers(1, 6, size=(8, len(scale.item_ids)))
    frame = pd.DataFrame(codes, columns=list(scale.item_ids)).astype("Int64")
    frame.insert(0, "participant", [f"p{k}" for k in range(8)])
    theme = scale.themes[0]
    items = [item.id for item in theme.items]
    frame.loc[0, items] = 96
    frame.loc[1, items] = pd.NA
    got = scoring.score_upload(Upload(name="a.csv", content=as_csv(frame)), "dta")
    reasons = pd.DataFrame(got.section["tables"]["reasons"])
    mine = reasons[reasons["title"] == theme.title]
    assert dict(zip(mine["reason"], mine["n"], strict=True)) == {
        "no item applies": 1,
        "no item was answered": 1,
    }
