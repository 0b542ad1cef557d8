"""A short file that says what the fields of a log mean, and which events are no use by participants."""

from __future__ import annotations

import glob
import gzip
import json
import re
from collections.abc import Iterable
from pathlib import Path
from typing import Annotated, Any, Literal

import ibis
import pandas as pd
from pydantic import Field, ValidationError, model_validator

from analysis.usage.reading import LogReading
from instrument.definition import Model
from instrument.errors import MOST_NAMED, DefinitionError, columns_there, fact_and_hint, name_offenders
from instrument.loading import faults_of, read_yaml
from instrument.reading.raw import count_of

JSON_LINES = (".jsonl", ".ndjson", ".jsonl.gz", ".ndjson.gz")
VIEW = "dta_log"
LONGEST_LINE = 1_000_000
LONGEST_START = 1_000
FIELDS = ("participant", "at", "kind", "duration", "event_id")
_PATH = re.compile(r"""[^."'\[\]]+(?:\.[^."'\[\]]+)*(?:\[[^"'\[\]]+\])?""")
_TAKEN = re.compile(r"^(.*)\[([^\]]+)\]$")

PRESETS: dict[str, dict[str, Any]] = {
    "firebase": {
        "participant": "user_id",
        "at": "event_timestamp",
        "kind": "event_name",
        "duration": "event_params[engagement_time_msec]",
        "durations": "ms",
    },
    "mixpanel": {
        "participant": "properties.distinct_id",
        "at": "properties.time",
        "kind": "event",
        "duration": "properties.duration",
        "event_id": "properties.$insert_id",
    },
    "amplitude": {
        "participant": "user_id",
        "at": "event_time",
        "kind": "event_type",
        "duration": "event_properties.duration",
        "event_id": "$insert_id",
    },
    "segment": {
        "participant": "userId",
        "at": "timestamp",
        "kind": "event",
        "duration": "properties.duration",
        "event_id": "messageId",
    },
    "matomo": {
        "participant": "userId",
        "at": ["serverDate", "serverTimePretty"],
        "kind": "=visit",
        "duration": "visitDuration",
        "durations": "s",
        "event_id": "idVisit",
    },
}
"""Fields as these tools export them; a file may correct each."""
Name = Annotated[str, Field(min_length=1)]


def tool_of_fields(names: Iterable[str]) -> str | None:
    """Say which tool writes these fields.

    Parameters
    ----------
    names
        Columns, or fields of the first level of JSON lines.

    Returns
    -------
    str, or None
        Of the tools of which person, time and kind are all there, the one with most fields.

    Examples
    --------
    >>> tool_of_fields(["idVisit", "userId", "serverDate", "serverTimePretty"]), tool_of_fields(["who"])
    ('matomo', None)
    """
    there = set(names)
    found: dict[str, int] = {}
    for tool, fields in PRESETS.items():
        at = fields["at"] if isinstance(fields["at"], list) else [fields["at"]]
        needed = [fields["participant"], *at, *([] if fields["kind"].startswith("=") else [fields["kind"]])]
        own = {re.split(r"[.\[]", path)[0] for path in needed}
        if own <= there:
            found[tool] = len(own)
    return max(found, key=lambda tool: found[tool]) if found else None


def fields_of_first_line(path: str) -> list[str]:
    """Give the fields of the first level of a file of JSON lines.

    Parameters
    ----------
    path
        The file, packed or not; the first of a pattern.

    Returns
    -------
    list of str
        Empty where the first line is no object.
    """
    files = sorted(glob.glob(path)) or [path]
    opener: Any = gzip.open if files[0].endswith(".gz") else open
    try:
        with opener(files[0], "rt", encoding="utf-8") as file:
            first = json.loads(file.readline(LONGEST_LINE))
    except (OSError, UnicodeDecodeError, json.JSONDecodeError):
        return []
    return list(first) if isinstance(first, dict) else []


def refuse_other_json(path: str, reading: LogReading) -> None:
    """Refuse a file that is one JSON text over many lines: none of its lines would be an event.

    Parameters
    ----------
    path
        As for `fields_of_first_line`.
    reading
        Who asks.

    Raises
    ------
    ResponseDataError
        The file begins with a list, or with an object that its first line does not end.
    """
    files = sorted(glob.glob(path)) or [path]
    opener: Any = gzip.open if files[0].endswith(".gz") else open
    try:
        with opener(files[0], "rt", encoding="utf-8-sig") as file:
            start = file.read(LONGEST_START).lstrip()
    except (OSError, EOFError, UnicodeDecodeError):
        return
    if start.startswith("[") or re.match(r"\{\s*\n", start):
        fact = f"{reading.source} is one JSON text, not an event in each line."
        raise reading.fault(fact, "write each event as one line of JSON, as `jq -c '.[]'` does with a list.")


class LogMapping(Model):
    """What the fields of a log mean.

    Attributes
    ----------
    tool : str, optional
        `firebase`, `mixpanel`, `amplitude`, `segment` or `matomo`: the fields below are then theirs where not
        named.
    participant, kind, duration, event_id : str
        Columns, or paths into JSON lines: `properties.time`, and `event_params[key]` for a list of keys with
        values. `kind: =visit` gives all events one kind.
    at : str or tuple of str
        Likewise; several are joined by a blank (date and time of day).
    dates, durations : str, optional
        As the options of the same names.
    ids : str, optional
        CSV beside this file with the columns `id` and `participant`: installations, and whose they are.
    without : dict
        By field, patterns of events that are no use by participants (test devices, bots): they are left out
        and counted.
    """

    log: Literal[1] = 1
    tool: str | None = None
    participant: Name
    at: tuple[Name, ...]
    kind: Name
    duration: Name | None = None
    event_id: Name | None = None
    dates: str | None = None
    durations: str | None = None
    ids: str | None = None
    without: dict[Name, tuple[Name, ...]] = Field(default_factory=dict)

    @model_validator(mode="before")
    @classmethod
    def _from_tool(cls, value: Any) -> Any:
        if not isinstance(value, dict):
            return value
        tool = value.get("tool")
        if tool is not None and tool not in PRESETS:
            raise ValueError(f"tool: {tool!r} is none of {', '.join(PRESETS)}")
        given = {**(PRESETS[tool] if tool else {}), **value}
        if isinstance(given.get("at"), str):
            given["at"] = (given["at"],)
        return given

    @model_validator(mode="after")
    def _check_paths(self) -> LogMapping:
        named = [self.participant, *self.at, self.duration, self.event_id, *self.without]
        named += [] if self.kind.startswith("=") else [self.kind]
        for path in filter(None, named):
            if not _PATH.fullmatch(path):
                raise ValueError(f"{path!r} is no column and no path such as properties.time or params[key]")
        for patterns in self.without.values():
            for pattern in patterns:
                try:
                    re.compile(pattern)
                except re.error:
                    raise ValueError(f"without: {pattern!r} is no pattern") from None
        return self


def load_log_mapping(path: str | Path) -> LogMapping:
    """Read the file that says what the fields of a log mean.

    Parameters
    ----------
    path
        YAML.

    Returns
    -------
    LogMapping
        Checked; `ids` as seen from here.

    Raises
    ------
    DefinitionError
        The file is no such mapping; the message gives the path into the file of each fault.
    """
    try:
        found = LogMapping.model_validate(read_yaml(Path(path), "load_log_mapping"))
    except ValidationError as error:
        faults = faults_of(error, LogMapping)
        fact = f"{Path(path).name}: {'; '.join(faults[:MOST_NAMED])}."
        hint = f"name participant, at, kind, duration and event_id, or a tool: {', '.join(PRESETS)}."
        raise DefinitionError(fact_and_hint("load_log_mapping", fact, hint)) from None
    beside = None if found.ids is None else str(Path(path).parent / found.ids)
    return found.model_copy(update={"ids": beside})


def with_mapping(table: Any, mapping: LogMapping, con: Any, reading: LogReading) -> tuple[Any, list[str]]:
    """Give a log the columns that every log has, and leave out what is no use by participants.

    Parameters
    ----------
    table
        Ibis table of the log, or the path of a file of JSON lines.
    mapping
        What its fields mean.
    con
        Ibis backend.
    reading
        Who asks.

    Returns
    -------
    table
        `participant`, `at`, `kind` and, where they are mapped, `duration` and `event_id`.
    list of str
        What was left out, and how many ids were mapped.

    Raises
    ------
    ResponseDataError
        A column is absent, or JSON lines are read by an engine other than DuckDB.
    """
    if isinstance(table, str):
        plain, rules = _of_json(table, mapping, con, reading)
    else:
        plain, rules = _of_columns(table, mapping, reading)
    notes = []
    for name, patterns in rules.items():
        said = plain[name].cast("string").fill_null("")
        chosen = said.re_search("|".join(f"(?:{pattern})" for pattern in patterns))
        n = int(con.execute(chosen.sum()) or 0)
        reading.left.append((_shown(name, mapping), n))
        notes.append(
            f"{count_of(n, 'event')} of {reading.source} left out by the rule on {_shown(name, mapping)!r}"
        )
        plain = plain.filter(~chosen)
    plain = plain.drop(*rules) if rules else plain
    if mapping.ids is not None:
        plain = _with_ids(plain, mapping.ids, con, reading, notes)
    return plain, notes


def _shown(name: str, mapping: LogMapping) -> str:
    return list(mapping.without)[int(name.removeprefix("rule_"))]


def _of_columns(
    table: Any, mapping: LogMapping, reading: LogReading
) -> tuple[Any, dict[str, tuple[str, ...]]]:
    fields = {"participant": mapping.participant, "duration": mapping.duration, "event_id": mapping.event_id}
    named = [name for name in (*fields.values(), *mapping.at, *mapping.without) if name is not None]
    constant = mapping.kind.startswith("=")
    if not constant:
        named.append(mapping.kind)
    optional = {mapping.duration, mapping.event_id} if mapping.tool else set()
    if absent := [name for name in named if name not in table.columns and name not in optional]:
        there = columns_there(table.columns)
        fact = f"{reading.source} has no column {name_offenders(absent)}; {there}."
        raise reading.fault(fact, "correct the mapping of the log.")
    columns: dict[str, Any] = {
        own: table[name] for own, name in fields.items() if name is not None and name in table.columns
    }
    stamps = [table[name] for name in mapping.at]
    columns["at"] = stamps[0] if len(stamps) == 1 else _joined(stamps)
    columns["kind"] = ibis.literal(mapping.kind[1:]) if constant else table[mapping.kind]
    rules = {f"rule_{k}": patterns for k, patterns in enumerate(mapping.without.values())}
    columns |= {rule: table[name] for rule, name in zip(rules, mapping.without, strict=True)}
    return table.select(**columns), rules


def _joined(stamps: list[Any]) -> Any:
    parts = [stamp.cast("string") for stamp in stamps]
    return ibis.literal(" ").join(parts)


def _of_json(
    path: str, mapping: LogMapping, con: Any, reading: LogReading
) -> tuple[Any, dict[str, tuple[str, ...]]]:
    """Columns of JSON lines as text; a line that is no JSON gives an event of nobody, which is counted."""
    refuse_other_json(path, reading)
    if con.name != "duckdb":
        raise reading.fault("JSON lines are read by DuckDB alone.", "leave engine out.")
    fields: dict[str, str] = {"participant": _extract(mapping.participant)}
    parts = [_extract(name) for name in mapping.at]
    fields["at"] = parts[0] if len(parts) == 1 else f"concat_ws(' ', {', '.join(parts)})"
    fields["kind"] = _quoted(mapping.kind[1:]) if mapping.kind.startswith("=") else _extract(mapping.kind)
    if mapping.duration is not None:
        fields["duration"] = _extract(mapping.duration)
    if mapping.event_id is not None:
        fields["event_id"] = _extract(mapping.event_id)
    rules = {f"rule_{k}": patterns for k, patterns in enumerate(mapping.without.values())}
    fields |= {rule: _extract(name) for rule, name in zip(rules, mapping.without, strict=True)}
    selected = ", ".join(f"{expression} AS {name}" for name, expression in fields.items())
    source = f"read_ndjson_objects({_quoted(path)}, ignore_errors = true)"
    con.raw_sql(f"CREATE OR REPLACE TEMP VIEW {VIEW} AS SELECT {selected} FROM {source}")
    return con.table(VIEW), rules


def _quoted(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


def _extract(path: str) -> str:
    """SQL of one field of a JSON line as text; the value beside a key where the path ends in brackets."""
    taken = _TAKEN.match(path)
    if taken is None:
        return f"json_extract_string(json, {_quoted(_pointer(path))})"
    listed = f"TRY_CAST(json_extract(json, {_quoted(_pointer(taken.group(1)))}) AS JSON[])"
    key = f"json_extract_string(x, '$.key') = {_quoted(taken.group(2))}"
    value = f"list_extract([x FOR x IN {listed} IF {key}], 1)"
    kinds = ("string_value", "int_value", "double_value", "float_value")
    found = [f"json_extract_string({value}, '$.value.{kind}')" for kind in kinds]
    return f"coalesce({', '.join(found)})"


def _pointer(path: str) -> str:
    return "$" + "".join(f'."{part}"' for part in path.split("."))


def _with_ids(plain: Any, path: str, con: Any, reading: LogReading, notes: list[str]) -> Any:
    """Put people in place of the ids of their installations."""
    try:
        table = pd.read_csv(path, dtype=str, keep_default_na=False)
    except (OSError, ValueError):
        fact = f"the table of ids {Path(path).name!r} cannot be read."
        raise reading.fault(fact, "give a CSV with the columns id and participant.") from None
    if not {"id", "participant"} <= set(table.columns):
        fact = f"the table of ids {Path(path).name!r} has no columns id and participant."
        raise reading.fault(fact, "name them so.")
    if doubled := int(table["id"].duplicated().sum()):
        fact = f"{doubled} rows of the table of ids repeat an id."
        raise reading.fault(fact, "give each id one person.")
    known = ibis.memtable(table[["id", "participant"]].rename(columns={"participant": "person"}))
    plain = plain.mutate(participant=plain["participant"].cast("string"))
    joined = plain.left_join(known, plain["participant"] == known["id"])
    notes.append(f"{count_of(len(table), 'id')} mapped to {table['participant'].nunique()} people")
    person = ibis.coalesce(joined["person"], joined["participant"])
    return joined.mutate(participant=person).select(*plain.columns)
