"""One log in many writings gives one table, or is refused in words: stamps, numbers, ids, retries."""

from __future__ import annotations

import gc
from collections.abc import Callable
from pathlib import Path
from typing import Any

import ibis
import numpy as np
import pandas as pd
import pytest

from analysis.usage.reading import LogReading, read_log
from analysis.usage.sources import connect, events_table
from analysis.usage.summarise_usage import UsageSummary, summarise_usage
from instrument.errors import ResponseDataError

STUDY: dict[str, Any] = {
    "schema": 1,
    "id": "small",
    "title": "Small",
    "instrument": "dta",
    "waves": [{"id": 1, "day": 21, "opens": 21, "closes": 28}],
    "study_days": 84,
    "landmark": {"wave": 1, "day": 28},
    "intended_use": {
        "unit": "sessions",
        "amount": 12,
        "weeks": 12,
        "justification": "one session a week for all",
    },
    "adherence": {"metric": "sessions", "threshold": 0.5, "justification": "half of the sessions at least"},
}
IDS = [f"P{k:03d}" for k in range(1, 7)]
ENROLLED = pd.DataFrame({"participant": IDS, "enrolled": ["2026-03-02", "2026-03-10", "2026-03-08"] * 2})


def plain_log() -> pd.DataFrame:
    """Sessions of six people, on days beyond the twelfth of a month too."""
    rows = []
    for k, (name, day) in enumerate(zip(ENROLLED["participant"], ENROLLED["enrolled"], strict=True)):
        for week in range(3 + k):
            start = pd.Timestamp(day) + pd.Timedelta(days=7 * week + 2, hours=9, minutes=7 * k)
            for minutes, kind, lasts in (
                (0, "session_start", 0.0),
                (2, "exercise", 12.5),
                (16, "session_completed", 0.0),
            ):
                rows.append((name, start + pd.Timedelta(minutes=minutes), kind, lasts))
    return pd.DataFrame(rows, columns=["participant", "at", "kind", "duration"])


PLAIN = plain_log()
READERS: dict[str, Callable[[pd.DataFrame, Path], Any]] = {
    "frame": lambda frame, _: frame,
    "csv": lambda frame, folder: _written(frame, folder),
    "parquet": lambda frame, folder: _stored(frame, folder),
}


def _written(frame: pd.DataFrame, folder: Path) -> Path:
    frame.to_csv(folder / "log.csv", index=False)
    return folder / "log.csv"


def _stored(frame: pd.DataFrame, folder: Path) -> Path:
    frame.to_parquet(folder / "log.parquet")
    return folder / "log.parquet"


def read(events: Any, people: pd.DataFrame = ENROLLED, **how: Any) -> UsageSummary:
    return summarise_usage(events, STUDY, participants=people, reading=LogReading(**how))


@pytest.fixture(scope="module")
def plain() -> UsageSummary:
    found = read(PLAIN)
    assert found.people["completed_whole"].tolist() == [3, 4, 5, 6, 7, 8]
    assert found.people["minutes_whole"].tolist() == [12.5 * n for n in (3, 4, 5, 6, 7, 8)]
    assert found.people["sessions_whole"].tolist() == [3, 4, 5, 6, 7, 8]
    assert found.people["first_use_whole"].tolist() == [2.375 + 7 * k / 1440 for k in range(6)]
    return found


def epoch(stamps: pd.Series, worth: int) -> pd.Series:
    return stamps.astype("datetime64[ns]").astype(np.int64) // worth


WRITINGS: dict[str, tuple[Callable[[pd.Series], pd.Series], dict[str, Any]]] = {
    "iso": (lambda at: at.dt.strftime("%Y-%m-%dT%H:%M:%S"), {}),
    "utc": (lambda at: at.dt.strftime("%Y-%m-%d %H:%M:%S UTC"), {}),
    "zulu": (lambda at: at.dt.strftime("%Y-%m-%dT%H:%M:%S.000Z"), {}),
    "offset": (lambda at: (at + pd.Timedelta(hours=2)).dt.strftime("%Y-%m-%dT%H:%M:%S+02:00"), {}),
    "behind": (lambda at: (at - pd.Timedelta(minutes=330)).dt.strftime("%Y-%m-%d %H:%M:%S-05:30"), {}),
    "seconds": (lambda at: epoch(at, 10**9), {}),
    "milliseconds": (lambda at: epoch(at, 10**6), {}),
    "microseconds": (lambda at: epoch(at, 10**3), {}),
    "nanoseconds": (lambda at: epoch(at, 1), {}),
    "seconds as text": (lambda at: epoch(at, 10**9).astype(str) + ".0", {}),
    "german": (lambda at: at.dt.strftime("%d.%m.%Y %H:%M"), {"dates": "D.M.Y"}),
    "two digits": (lambda at: at.dt.strftime("%d.%m.%y %H:%M:%S"), {"dates": "D.M.y"}),
    "british": (lambda at: at.dt.strftime("%d/%m/%Y %H:%M"), {"dates": "D/M/Y"}),
    "american": (lambda at: at.dt.strftime("%m/%d/%Y %I:%M %p"), {"dates": "M/D/Y"}),
    "excel": (lambda at: (at - pd.Timestamp("1899-12-30")) / pd.Timedelta(days=1), {"dates": "excel"}),
}


@pytest.mark.parametrize("reader", READERS)
@pytest.mark.parametrize("writing", WRITINGS)
def test_stamps_in_every_writing_give_the_same_table(
    writing: str, reader: str, plain: UsageSummary, tmp_path: Path
) -> None:
    write, how = WRITINGS[writing]
    events = READERS[reader](PLAIN.assign(at=write(PLAIN["at"])), tmp_path)
    found = read(events, **how)
    # Excel keeps days as decimals: a millisecond is rounding.
    pd.testing.assert_frame_equal(
        found.people, plain.people, rtol=0, atol=2e-8 if writing == "excel" else 1e-9
    )
    assert found.counts == plain.counts


@pytest.mark.parametrize("reader", READERS)
@pytest.mark.parametrize(
    ("pattern", "words"),
    [
        (
            "%d.%m.%Y %H:%M",
            r"column 'at' writes dates in parts: of 99 looked at, 54 can only be day first, 0 only",
        ),
        ("%m/%d/%Y %H:%M", r"0 can only be day first, 54 only month first"),
        ("%Y/%m/%d %H:%M", r"writes its 99 dates as Y/M/D"),
        ("%d %b %Y", r"99 as other text"),
        ("%H:%M", r"99 as other text"),
        ("%Y", r"no single kind of epoch time"),
    ],
)
def test_stamps_that_would_have_to_be_guessed_are_refused(
    pattern: str, words: str, reader: str, tmp_path: Path
) -> None:
    events = READERS[reader](PLAIN.assign(at=PLAIN["at"].dt.strftime(pattern)), tmp_path)
    with pytest.raises(ResponseDataError, match=words):
        read(events)


def test_the_hint_names_the_form_that_fits() -> None:
    written = PLAIN.assign(at=PLAIN["at"].dt.strftime("%m/%d/%Y"))
    with pytest.raises(ResponseDataError, match=r"Hint: say so with dates='M/D/Y'\."):
        read(written)
    with pytest.raises(ResponseDataError, match=r"Hint: say so with --dates M/D/Y\."):
        read(written, caller="dta adherence")
    early = written[PLAIN["at"].dt.day <= 12]
    with pytest.raises(ResponseDataError, match=r"say which with --dates D/M/Y or --dates M/D/Y"):
        read(early, caller="dta adherence")
    with pytest.raises(ResponseDataError, match=r"54 cells are not written as the others \(D/M/Y\)"):
        read(written, dates="D/M/Y")
    with pytest.raises(ResponseDataError, match="names no way of writing dates"):
        read(written, dates="day first")


@pytest.mark.parametrize("reader", READERS)
def test_one_stray_cell_is_refused_with_its_line(reader: str, tmp_path: Path) -> None:
    for column, stray in (("at", "soon"), ("at", "2026-02-30"), ("duration", "1,5"), ("duration", "long")):
        events = PLAIN.assign(
            at=PLAIN["at"].dt.strftime("%Y-%m-%d %H:%M:%S"), duration=PLAIN["duration"].astype(str)
        )
        events.loc[40, column] = stray
        with pytest.raises(ResponseDataError, match=f"column '{column}'") as caught:
            read(READERS[reader](events, tmp_path))
        assert stray not in str(caught.value)
    if reader == "csv":
        events.loc[40, "duration"] = "0"
        events.loc[[50, 60], "at"] = "2026-02-30"
        with pytest.raises(ResponseDataError, match=r"column 'at': 2 cells .* \(lines 52, 62\)"):
            read(READERS[reader](events, tmp_path))


def test_a_stray_cell_far_down_is_found_too(tmp_path: Path) -> None:
    many = pd.concat(
        [PLAIN.assign(at=PLAIN["at"].dt.strftime("%Y-%m-%d %H:%M:%S.") + f"{k:03d}") for k in range(110)]
    )
    many.iloc[10_500, 1] = "11.03.2026 12:17"
    with pytest.raises(ResponseDataError, match=r"column 'at': 1 cell .* \(line 10502\)"):
        read(READERS["csv"](many, tmp_path), retry_seconds=0)


@pytest.mark.parametrize("reader", ["frame", "csv"])
def test_offsets_at_some_stamps_only_are_refused(reader: str, tmp_path: Path) -> None:
    texts = PLAIN["at"].dt.strftime("%Y-%m-%dT%H:%M:%S")
    texts.iloc[::2] += "Z"
    with pytest.raises(ResponseDataError, match="50 stamps carry an offset from UTC and 49 none"):
        read(READERS[reader](PLAIN.assign(at=texts), tmp_path))


@pytest.mark.parametrize("reader", READERS)
def test_durations_are_in_the_unit_that_is_named(reader: str, plain: UsageSummary, tmp_path: Path) -> None:
    for unit, factor in (("s", 60.0), ("ms", 60_000.0), ("h", 1 / 60), ("min", 1.0)):
        events = READERS[reader](PLAIN.assign(duration=PLAIN["duration"] * factor), tmp_path)
        found = read(events, durations=unit)
        pd.testing.assert_frame_equal(found.people, plain.people, rtol=0, atol=1e-9)
    with pytest.raises(ResponseDataError, match=r"33 of 33 durations above 0 would be longer than 4 hours"):
        read(READERS[reader](PLAIN.assign(duration=PLAIN["duration"] * 60), tmp_path))
    with pytest.raises(ResponseDataError, match="'weeks' is no unit of durations"):
        read(PLAIN, durations="weeks")


@pytest.mark.parametrize("reader", ["frame", "csv"])
def test_numbers_in_other_writings_are_named_or_refused(
    reader: str, plain: UsageSummary, tmp_path: Path
) -> None:
    texts = PLAIN["duration"].map("{:.1f}".format).str.replace(".", ",")
    comma = READERS[reader](PLAIN.assign(duration=texts), tmp_path)
    pd.testing.assert_frame_equal(read(comma, decimal=",").people, plain.people, rtol=0, atol=1e-9)
    with pytest.raises(ResponseDataError, match="99 cells hold a comma") as caught:
        read(comma)
    assert "decimal=','" in str(caught.value)
    hours = PLAIN["duration"].map(lambda m: f"0:{int(m):02d}:{int(60 * (m % 1)):02d}")
    clock = READERS[reader](PLAIN.assign(duration=hours), tmp_path)
    pd.testing.assert_frame_equal(read(clock, durations="h:mm:ss").people, plain.people, rtol=0, atol=1e-9)
    with pytest.raises(ResponseDataError, match=r"hold hours and minutes.*\n.*durations='h:mm:ss'"):
        read(clock)
    for stray, what in (("1,234.5", "thousands mark"), ("12 %", "percent sign"), ("n/a", "undeclared mark")):
        events = PLAIN.assign(duration=PLAIN["duration"].astype(str))
        events.loc[3, "duration"] = stray
        with pytest.raises(ResponseDataError, match=what):
            read(READERS[reader](events, tmp_path))


@pytest.mark.parametrize("reader", ["frame", "csv"])
def test_marks_between_thousands_are_read_where_they_are_named(
    reader: str, plain: UsageSummary, tmp_path: Path
) -> None:
    long = PLAIN.assign(duration=PLAIN["duration"] * 60_000)
    for thousands, decimal in ((",", "."), (".", ","), ("space", ","), ("'", ".")):
        mark = " " if thousands == "space" else thousands
        swap = str.maketrans({",": mark, ".": decimal})
        texts = long["duration"].map(lambda d, swap=swap: f"{d:,.1f}".translate(swap))
        events = READERS[reader](PLAIN.assign(duration=texts), tmp_path)
        found = read(events, thousands=thousands, decimal=decimal, durations="ms")
        pd.testing.assert_frame_equal(found.people, plain.people, rtol=0, atol=1e-9)
        with pytest.raises(ResponseDataError, match="hold"):
            read(events, decimal=decimal, durations="ms")
    stray = PLAIN.assign(duration=PLAIN["duration"].astype(str))
    stray.loc[3, "duration"] = "12,34.5"
    with pytest.raises(ResponseDataError, match="1 cell holds the mark of thousands elsewhere"):
        read(READERS[reader](stray, tmp_path), thousands=",")
    with pytest.raises(ResponseDataError, match="',' is the decimal mark too"):
        read(PLAIN, thousands=",", decimal=",")


def test_the_summary_says_how_many_people_have_events(plain: UsageSummary) -> None:
    n = len(plain.people)
    assert f"of the {n} people have events that count in the log" in plain.joined
    assert not any("events that count" in note for note in plain.notes)  # the report shows counts as values


def test_events_within_one_second_are_two(tmp_path: Path) -> None:
    base = pd.Timestamp("2026-03-05 09:00")
    at = [base + pd.Timedelta(milliseconds=90 * k) for k in range(10)]
    events = pd.DataFrame({"participant": "P001", "at": at, "kind": "tap", "duration": 0.0})
    for reader in READERS.values():
        found = read(reader(events, tmp_path), retry_seconds=0)
        assert found.people["events_whole"].tolist()[0] == 10
        assert found.counts["duplicates"] == 0
    with pytest.raises(ResponseDataError, match="9 of 10 events follow one of the same kind"):
        read(events)


def test_an_event_sent_twice_is_one_by_its_id(tmp_path: Path, plain: UsageSummary) -> None:
    named = PLAIN.assign(event_id=[f"e{k}" for k in range(len(PLAIN))])
    again = named.assign(at=named["at"] + pd.Timedelta(seconds=1))
    twice = pd.concat([named, again]).sample(frac=1, random_state=1)
    for reader in READERS.values():
        found = read(reader(twice, tmp_path))
        pd.testing.assert_frame_equal(found.people, plain.people, rtol=0, atol=1e-9)
        assert found.counts["duplicates"] == len(PLAIN)
    other = twice.rename(columns={"event_id": "$insert_id"})
    found = read(other, event_id="$insert_id")
    pd.testing.assert_frame_equal(found.people, plain.people, rtol=0, atol=1e-9)
    unnamed = twice.drop(columns="event_id")
    with pytest.raises(ResponseDataError, match="99 of 198 events follow one of the same kind"):
        read(unnamed)
    assert read(unnamed, retry_seconds=2).people["events_whole"].tolist() == [9, 12, 15, 18, 21, 24]
    assert read(unnamed, retry_seconds=0).people["events_whole"].tolist() == [18, 24, 30, 36, 42, 48]
    alike = named.assign(at=named["at"].dt.normalize(), kind="exercise", duration=0.0)
    assert read(alike).counts["duplicates"] == 0
    with pytest.raises(ResponseDataError, match="no column 'uid'"):
        read(PLAIN, event_id="uid")


@pytest.mark.parametrize("reader", READERS)
def test_records_of_a_day_with_other_content_are_no_duplicates(reader: str, tmp_path: Path) -> None:
    days = pd.DataFrame(
        {
            "participant": "P001",
            "at": "2026-03-05",
            "kind": "exercise",
            "duration": 5.0,
            "exercise": ["breathing", "walk", "walk", "sleep"],
            "received": ["2026-03-05", "2026-03-05", "2026-03-06", "2026-03-05"],
        }
    )
    found = read(READERS[reader](days, tmp_path))
    assert found.people["events_whole"].tolist()[0] == 3
    assert found.people["minutes_whole"].tolist()[0] == 15.0
    assert found.counts["duplicates"] == 1


def test_nested_and_overlapping_events_are_one_session() -> None:
    minute = 1 / 1440
    nested = [(0.0, 60.0), (5.0, 1.0), (50.0, 1.0), (85.0, 2.0)]
    split = [*nested, (118.0, 1.0)]
    for rows, sessions in ((nested, 1), (split, 2)):
        events = pd.DataFrame(
            [("a", 1.0 + start * minute, "activity", lasts) for start, lasts in rows],
            columns=["participant", "day", "kind", "duration"],
        )
        assert summarise_usage(events, STUDY).people["sessions_whole"].item() == sessions


def test_nobody_known_is_an_error_and_not_no_use() -> None:
    others = PLAIN.assign(participant="X" + PLAIN["participant"].str[1:] + "q")
    with pytest.raises(ResponseDataError, match="6 of 6 ids in the log are not among the 6 people"):
        read(others)


@pytest.mark.parametrize("reader", READERS)
@pytest.mark.parametrize(
    ("write", "cause"),
    [
        (str.lower, "capitals"),
        (lambda name: f"{name} ", "blanks"),
        (lambda name: str(int(name[1:])), "a prefix or leading zeros"),
        (lambda name: f"user-{name[1:]}", "a prefix or leading zeros"),
    ],
)
def test_ids_that_almost_match_are_refused_by_their_cause(
    reader: str, write: Callable[[str], str], cause: str, tmp_path: Path
) -> None:
    some = PLAIN["participant"].isin(IDS[:1])
    for chosen, near in ((some, 1), (some | True, 6)):
        events = PLAIN.assign(
            participant=PLAIN["participant"].where(~chosen, PLAIN["participant"].map(write))
        )
        with pytest.raises(ResponseDataError, match=f"; {near} would match but for {cause}"):
            read(READERS[reader](events, tmp_path))


@pytest.mark.parametrize("reader", READERS)
def test_whole_number_ids_match_texts_but_not_padded_ones(
    reader: str, tmp_path: Path, plain: UsageSummary
) -> None:
    events = PLAIN.assign(participant=PLAIN["participant"].str[1:].astype(int))
    texts = ENROLLED.assign(participant=[str(k) for k in range(1, 7)])
    found = read(READERS[reader](events, tmp_path), texts)
    pd.testing.assert_frame_equal(
        found.people.drop(columns="participant"), plain.people.drop(columns="participant"), rtol=0, atol=1e-9
    )
    assert found.people["participant"].tolist() == ["1", "2", "3", "4", "5", "6"]
    padded = ENROLLED.assign(participant=[f"{k:03d}" for k in range(1, 7)])
    with pytest.raises(ResponseDataError, match="6 would match but for leading zeros"):
        read(READERS[reader](events, tmp_path), padded)


@pytest.mark.parametrize("reader", READERS)
@pytest.mark.parametrize("cast", [float, object])
def test_ids_with_decimals_are_not_made_one(reader: str, cast: type, tmp_path: Path) -> None:
    """1.5 and 2.4 became 2, without a word."""
    given = dict(zip(IDS, [1.5, 2.4, 2.0, 7.25, 12.0, 1.75], strict=True))
    events = PLAIN.assign(participant=PLAIN["participant"].map(given).astype(cast))
    if reader == "csv":  # text has no decimals to take off
        events["participant"] = events["participant"].map(lambda cell: f"{cell:g}")
    people = ENROLLED.assign(participant=list(given.values()))
    found = read(READERS[reader](events, tmp_path), people).people.set_index("participant")
    counts = events["participant"].map(lambda cell: f"{float(cell):g}").value_counts()
    assert found["events_whole"].to_dict() == counts.to_dict()


def test_long_numbers_keep_their_digits_beside_an_empty_cell() -> None:
    """An empty cell makes decimals of whole numbers, and ids next to each other became one person."""
    ids = [2**60 + k for k in range(6)]
    events = PLAIN.assign(
        participant=PLAIN["participant"].map(dict(zip(IDS, ids, strict=True))).astype(object)
    )
    broken = pd.concat([events, events.iloc[:1].assign(participant=None)], ignore_index=True)
    found = read(broken, ENROLLED.assign(participant=ids)).people
    assert found["participant"].tolist() == [str(name) for name in ids]
    assert found["events_whole"].tolist() == events["participant"].value_counts(sort=False).tolist()
    with pytest.raises(ResponseDataError, match="decimals that lost digits of longer ids"):
        read(events.assign(participant=events["participant"].astype(float)))


@pytest.mark.parametrize("reader", READERS)
@pytest.mark.parametrize("nothing", ["null", " ", "#N/A"])
def test_what_programs_write_where_no_id_stands_is_nobody(reader: str, nothing: str, tmp_path: Path) -> None:
    """Events of whoever was not signed in were one more person, with the use of them all."""
    odd = PLAIN.drop(columns="at").assign(day=1.0 + PLAIN.index.to_numpy() / len(PLAIN))
    odd.loc[odd["participant"] == IDS[0], "participant"] = nothing
    study = {**STUDY, "observed_until": 84}
    found = summarise_usage(READERS[reader](odd, tmp_path), study)
    assert found.people["participant"].tolist() == IDS[1:]
    assert found.counts["unreadable"] == (PLAIN["participant"] == IDS[0]).sum()


def test_strangers_are_counted_apart_from_broken_rows() -> None:
    odd = PLAIN.copy()
    odd.loc[[0, 1], "participant"] = "somebody"
    odd.loc[[2, 3, 4], "participant"] = None
    odd.loc[5, "at"] = pd.NaT
    found = read(odd)
    assert (found.counts["unknown"], found.counts["unreadable"]) == (2, 4)
    assert "1 of 7 ids in the log are not among the 6 people: their 2 events are set aside" in found.notes


def test_a_blank_day_of_enrolment_is_not_no_use() -> None:
    blank = ENROLLED.assign(enrolled=["", *ENROLLED["enrolled"][1:]])
    with pytest.raises(ResponseDataError, match=r"'enrolled' is empty for 1 participant \('P001'\)"):
        read(PLAIN, blank)
    for column, cells, words in (
        ("enrolled", [46_089] * 6, "Excel counts days"),
        (
            "enrolled",
            ["08.03.2026"] * 6,
            "in parts: of 6 looked at, 0 can only be day first, 0 only month first, 6",
        ),
        ("withdrawn_day", ["no", *[""] * 5], r"1 cell holds text where a number is expected \(row 1\)"),
        ("withdrawn_day", [-99.0, *[np.nan] * 5], r"1 cell lies before enrolment \(row 1\)"),
        ("withdrawn", ["2026-03-01", *[""] * 5], r"1 cell lies before enrolment \(row 1\)"),
    ):
        with pytest.raises(ResponseDataError, match=words):
            read(PLAIN, ENROLLED.assign(**{column: cells}))


def test_a_log_most_of_which_would_be_set_aside_stops() -> None:
    late = PLAIN.assign(at=PLAIN["at"] + pd.Timedelta(days=300))
    with pytest.raises(
        ResponseDataError, match=r"99 of 99 events of the log would be set aside: 99 after the"
    ):
        read(late)
    half = PLAIN.assign(at=PLAIN["at"].where(PLAIN["participant"] < "P004", late["at"]))
    with pytest.raises(ResponseDataError, match=r"63 of 99 events .*\n.*most_set_aside='0\.64'"):
        read(half)
    assert read(half, most_set_aside=0.64).counts["after_study"] == 63


def test_a_damaged_text_file_is_said_without_its_cells(tmp_path: Path) -> None:
    (tmp_path / "log.csv").write_text("participant,at,kind,duration\nP001,2026-03-05,tap,secret,more\n")
    with pytest.raises(ResponseDataError, match="cannot be read by the engine") as caught:
        read(tmp_path / "log.csv")
    assert "secret" not in str(caught.value)
    (tmp_path / "log.csv").write_text("participant;at;kind\nP001;2026-03-05;tap\n")
    with pytest.raises(ResponseDataError, match=r"Hint: .* delimiter=';'"):
        read(tmp_path / "log.csv")


@pytest.mark.filterwarnings("ignore:fetch_arrow_table", "ignore:The 'future.infer_string'")  # within Ibis
def test_nanoseconds_are_cut_to_whole_microseconds_without_decimals() -> None:
    """A stamp has nineteen digits, a decimal number of the engine sixteen."""
    nanos = [1_774_758_420_250_000_000, 1_774_758_420_249_999_999, 1_774_758_420_250_000_999]
    log = pd.DataFrame({"participant": "p", "kind": "tap", "at": pd.array(nanos, dtype="Int64")})
    con = ibis.duckdb.connect()
    found = con.execute(read_log(events_table(log, con), con, LogReading()).table)
    assert sorted(found["at_us"]) == [1_774_758_420_249_999, 1_774_758_420_250_000, 1_774_758_420_250_000]


def test_our_engine_is_bounded_and_what_it_lays_down_goes_with_it(tmp_path: Path) -> None:
    con = connect()
    settings = ("memory_limit", "temp_directory", "preserve_insertion_order", "enable_progress_bar")
    columns = ", ".join(f"current_setting('{name}')" for name in settings)
    limit, folder, ordered, bar = con.raw_sql(f"SELECT {columns}").fetchone()
    assert limit == "1.3 GiB"
    assert Path(folder).is_dir()
    assert Path(folder).stat().st_mode & 0o077 == 0  # a log is no one else's to read
    assert not ordered
    assert not bar
    con.disconnect()
    del con
    gc.collect()
    assert not Path(folder).exists()
