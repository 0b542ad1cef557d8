"""Logs of analytics tools give the same table as the plain one, by a short file that names their fields."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from analysis.usage.mapping import PRESETS, LogMapping, load_log_mapping
from analysis.usage.reading import LogReading
from analysis.usage.summarise_usage import UsageSummary, summarise_usage
from instrument.errors import DefinitionError, ResponseDataError
from tests.unit.test_usage_reading import ENROLLED, IDS, PLAIN, STUDY

Event = dict[str, Any]


def read(
    path: Path | pd.DataFrame, mapping: LogMapping | None, people: pd.DataFrame = ENROLLED, **how: Any
) -> UsageSummary:
    return summarise_usage(path, STUDY, participants=people, reading=LogReading(mapping=mapping, **how))


@pytest.fixture(scope="module")
def plain() -> pd.DataFrame:
    return read(PLAIN, None).people


def firebase(row: Any, _: int) -> Event:
    millis = {"string_value": None, "int_value": str(int(row.duration * 60_000))}
    return {
        "event_timestamp": str(int(row.at.value // 1000)),
        "event_name": row.kind,
        "event_params": [
            {"key": "ga_session_id", "value": {"int_value": "17"}},
            {"key": "engagement_time_msec", "value": millis},
        ],
        "user_id": row.participant,
        "platform": "ANDROID",
    }


def mixpanel(row: Any, k: int) -> Event:
    properties = {
        "time": int(row.at.timestamp()),
        "distinct_id": row.participant,
        "$insert_id": f"id{k}",
        "duration": row.duration,
    }
    return {"event": row.kind, "properties": properties}


def amplitude(row: Any, k: int) -> Event:
    return {
        "user_id": row.participant,
        "event_time": f"{row.at:%Y-%m-%d %H:%M:%S}.000000",
        "event_type": row.kind,
        "event_properties": {"duration": row.duration},
        "$insert_id": f"i{k}",
    }


def segment(row: Any, k: int) -> Event:
    return {
        "userId": row.participant,
        "timestamp": f"{row.at:%Y-%m-%dT%H:%M:%S}Z",
        "event": row.kind,
        "properties": {"duration": row.duration},
        "messageId": f"m{k}",
    }


TOOLS: dict[str, Callable[[Any, int], Event]] = {
    "firebase": firebase,
    "mixpanel": mixpanel,
    "amplitude": amplitude,
    "segment": segment,
}


def lines(folder: Path, events: list[Event], *extra: str) -> Path:
    path = folder / "log.jsonl"
    path.write_text("\n".join([*map(json.dumps, events), *extra]) + "\n", encoding="utf-8")
    return path


def events_of(tool: str, frame: pd.DataFrame = PLAIN) -> list[Event]:
    return [TOOLS[tool](row, k) for k, row in enumerate(frame.itertuples())]


@pytest.mark.parametrize("tool", TOOLS)
def test_json_lines_of_a_tool_give_the_plain_table(tool: str, plain: pd.DataFrame, tmp_path: Path) -> None:
    found = read(lines(tmp_path, events_of(tool)), LogMapping(tool=tool))  # type: ignore[call-arg]
    pd.testing.assert_frame_equal(found.people, plain, rtol=0, atol=1e-9)


@pytest.mark.parametrize("tool", ["mixpanel", "amplitude", "segment"])
def test_an_event_sent_twice_is_one_by_the_tools_id(tool: str, plain: pd.DataFrame, tmp_path: Path) -> None:
    events = events_of(tool)
    found = read(lines(tmp_path, [*events, *events[:20]]), LogMapping(tool=tool))  # type: ignore[call-arg]
    pd.testing.assert_frame_equal(found.people, plain, rtol=0, atol=1e-9)
    assert found.counts["duplicates"] == 20


@pytest.mark.parametrize("reader", ["frame", "csv", "parquet"])
def test_columns_of_other_names_are_read_by_every_reader(
    reader: str, plain: pd.DataFrame, tmp_path: Path
) -> None:
    other = pd.DataFrame(
        {
            "user": PLAIN["participant"],
            "date": PLAIN["at"].dt.strftime("%Y-%m-%d"),
            "clock": PLAIN["at"].dt.strftime("%H:%M:%S"),
            "what": PLAIN["kind"],
            "secs": PLAIN["duration"] * 60,
            "device": "phone",
        }
    )
    log: Any = other
    if reader == "csv":
        log = tmp_path / "log.csv"
        other.to_csv(log, index=False)
    elif reader == "parquet":
        log = tmp_path / "log.parquet"
        other.to_parquet(log)
    mapping = LogMapping(
        participant="user", at=("date", "clock"), kind="what", duration="secs", durations="s"
    )
    pd.testing.assert_frame_equal(read(log, mapping).people, plain, rtol=0, atol=1e-9)
    with pytest.raises(
        ResponseDataError,
        match=r"has no column 'usr'; it has 'user'.*\nHint: correct the mapping of the log\.",
    ):
        read(log, mapping.model_copy(update={"participant": "usr"}))


def test_test_devices_are_left_out_by_rule_and_counted(plain: pd.DataFrame, tmp_path: Path) -> None:
    events = events_of("mixpanel")
    robots = [
        {"event": "exercise", "properties": {**event["properties"], "distinct_id": name, "model": model}}
        for event in events[:5]
        for name, model in (("test-1", "x"), ("P001", "Robot 3"))
    ]
    mapping = LogMapping(
        tool="mixpanel",
        without={"properties.distinct_id": ("^test",), "properties.model": ("^Robot", "^Bot")},
    )  # type: ignore[call-arg]
    found = read(lines(tmp_path, [*events, *robots]), mapping)
    pd.testing.assert_frame_equal(found.people, plain, rtol=0, atol=1e-9)
    assert "5 events of the log left out by the rule on 'properties.distinct_id'" in found.notes
    assert "5 events of the log left out by the rule on 'properties.model'" in found.notes


def test_ids_of_installations_become_people(plain: pd.DataFrame, tmp_path: Path) -> None:
    halves = PLAIN.assign(
        participant=[f"dev-{p}-{'a' if k % 2 else 'b'}" for k, p in enumerate(PLAIN["participant"])]
    )
    rows = [f"dev-{p}-{half},{p}" for p in IDS for half in "ab"]
    (tmp_path / "ids.csv").write_text("\n".join(["id,participant", *rows]))
    (tmp_path / "log.yaml").write_text("log: 1\ntool: segment\nids: ids.csv\n")
    path = lines(tmp_path, events_of("segment", halves))
    found = read(path, load_log_mapping(tmp_path / "log.yaml"))
    pd.testing.assert_frame_equal(found.people, plain, rtol=0, atol=1e-9)
    assert "12 ids mapped to 6 people" in found.notes
    (tmp_path / "ids.csv").write_text("\n".join(["id,participant", rows[0], rows[0]]))
    with pytest.raises(ResponseDataError, match="1 rows of the table of ids repeat an id"):
        read(path, load_log_mapping(tmp_path / "log.yaml"))


def test_lines_that_are_no_json_are_counted_never_guessed(plain: pd.DataFrame, tmp_path: Path) -> None:
    path = lines(tmp_path, events_of("segment"), '{"userId": "P001", "timest', "not json at all")
    found = read(path, LogMapping(tool="segment"))  # type: ignore[call-arg]
    pd.testing.assert_frame_equal(found.people, plain, rtol=0, atol=1e-9)
    assert found.counts["events"] == len(PLAIN) + 2


def test_json_lines_without_names_of_their_fields_are_refused(tmp_path: Path) -> None:
    path = lines(tmp_path, events_of("segment"))
    with pytest.raises(
        ResponseDataError, match=r"nothing says what their fields mean.\nHint: .*load_log_mapping"
    ):
        read(path, None)
    with pytest.raises(ResponseDataError, match=r"--log log\.yaml"):
        read(path, None, caller="dta adherence")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("tool: mixpane", "tool: 'mixpane' is none of firebase, mixpanel"),
        ("participant: u\nat: t", "kind"),
        ("participant: u\nat: t\nkind: 'a\"b'", "is no column and no path"),
        ("tool: segment\nwithout: {userId: ['(']}", r"without: '\(' is no pattern"),
        ("tool: segment\nuser: x", "user"),
    ],
)
def test_a_file_that_names_no_fields_is_refused_by_path(text: str, words: str, tmp_path: Path) -> None:
    (tmp_path / "log.yaml").write_text(f"log: 1\n{text}\n")
    with pytest.raises(DefinitionError, match=words):
        load_log_mapping(tmp_path / "log.yaml")


@pytest.mark.parametrize("tool", [name for name in PRESETS if name != "matomo"])
def test_the_hint_names_the_tool_by_its_fields(tool: str, tmp_path: Path) -> None:
    path = lines(tmp_path, events_of(tool))
    with pytest.raises(ResponseDataError, match=rf"`tool: {tool}` into a short file"):
        read(path, None)


def test_the_hint_for_columns_names_the_tool_or_the_short_file(tmp_path: Path) -> None:
    path = tmp_path / "log.csv"
    path.write_text("idVisit,userId,serverDate,serverTimePretty\n1,a,2026-03-01,10:00:00\n", encoding="utf-8")
    with pytest.raises(ResponseDataError, match=r"`tool: matomo`.*load_log_mapping"):
        read(path, None)
    path.write_text("who,when\na,2026-03-01\n", encoding="utf-8")
    with pytest.raises(ResponseDataError, match=r"name the columns participant.*; or say in a short file"):
        read(path, None)
    for content in ("", "no json\n", "[1]\n"):
        bare = tmp_path / "log.jsonl"
        bare.write_text(content, encoding="utf-8")
        with pytest.raises(ResponseDataError, match="say in a short file"):
            read(bare, None)
