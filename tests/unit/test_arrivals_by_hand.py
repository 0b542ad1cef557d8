"""What came in, from tables and logs made by hand: rows kept, days, reasons, and which counts tell which."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, cast

import pandas as pd
import pytest

from analysis.disclosure.ledger import Account, cell
from analysis.pipeline import arrival
from analysis.pipeline.arrival import ANSWERS, BESIDE, LOG, TIMES, Arrival, arrivals
from analysis.pipeline.topics import use
from analysis.pipeline.topics.flow_arrival import MOST_COLUMNS, _enter, _first_lines, _is_plain
from instrument.recognition.came_in import OF_ANSWERS


def table_of(*people: str, **columns: Any) -> pd.DataFrame:
    return pd.DataFrame({"participant": people, **columns})


def context_of(**given: Any) -> Any:
    nothing = dict.fromkeys(["usage", "study", *BESIDE])
    return SimpleNamespace(
        **{"responses": table_of(*"abc"), "came_in": {}, "measures": (), **nothing, **given}
    )


def test_only_rows_that_were_left_out_are_taken_from_the_rows() -> None:
    left = [("spam", 2, "rows"), ("blank", 5, "answers"), ("not finished", 1, "rows")]
    found = arrivals(context_of(came_in={"rows": 6, "left": left, "from": "2026-01-02"}))
    assert [(one.source, one.rows, one.kept, one.is_reshaped) for one in found] == [(ANSWERS, 6, 3, False)]
    assert (found[0].first, found[0].last, found[0].people) == ("2026-01-02", None, frozenset("abc"))
    for rows in (5, 7):  # fewer and more rows than administrations
        assert arrivals(context_of(came_in={"rows": rows, "left": left}))[0].is_reshaped


def test_tables_beside_the_answers_have_first_and_last_days_and_those_made_of_the_answers_are_left_out() -> (
    None
):
    days = ["2026-03-02", "2026-02-01", None]
    enrolled = table_of("a", "b", "z", enrolled=days)
    made = table_of("a", "b")
    made.attrs[OF_ANSWERS] = True
    found = arrivals(context_of(enrolment=enrolled, covariates=made, times=table_of("a", at=[None])))
    assert [one.source for one in found] == [ANSWERS, "Enrolled", TIMES]
    assert (found[1].first, found[1].last) == ("2026-02-01", "2026-03-02")
    assert (found[1].rows, found[1].kept, found[1].people) == (3, 3, frozenset("abz"))
    assert (found[2].first, found[2].last) == (None, None)


def test_events_of_a_log_are_read_left_out_and_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    people = table_of(
        "a",
        "b",
        "c",
        events_whole=[4, 3, 0],
        first_use_whole=[5.2, 2.9, float("nan")],
        last_use_whole=[30.0, 41.5, float("nan")],
    )
    counts = {"events": 12, "duplicates": 2, "unknown": 3, "negative_duration": 0, "after_study": None}
    summary = SimpleNamespace(people=people, counts=counts, left_out=(("device", 6), ("kind", 0)))
    monkeypatch.setattr(use, "summary_of", lambda context: summary)
    log = arrivals(context_of(usage="a log", study="a study"))[-1]
    assert (log.source, log.what, log.rows, log.kept) == (LOG, "events", 12 + 6, 4 + 3)
    assert (log.first, log.last, log.people) == (
        "day 2 after enrolment",
        "day 41 after enrolment",
        {"a", "b"},
    )
    reasons = {why: n for why, n, _ in log.left}
    assert sorted(reasons.values()) == [2, 3, 6]
    assert reasons["by the rule on 'device'"] == 6
    assert log.is_ruled
    summary.left_out = (("device", 0),)
    again = arrivals(context_of(usage="a log", study="a study"))[-1]
    assert (again.rows, again.is_ruled, len(again.left)) == (12, False, 2)


def test_a_log_without_a_study_is_counted_as_it_is() -> None:
    log = arrivals(context_of(usage=table_of("a", "a", "z")))[-1]
    assert (log.rows, log.kept, log.people) == (3, 3, frozenset("az"))
    assert [one.source for one in arrivals(context_of(usage=object()))] == [ANSWERS]


@pytest.mark.parametrize(("columns", "said"), [(1, ""), (200, ""), (201, " 1 further"), (230, " 30 further")])
def test_the_first_lines_of_two_hundred_columns_are_shown(columns: int, said: str) -> None:
    assert MOST_COLUMNS == 200
    came = {"looks": [[f"c{k}", "a text"] for k in range(columns)], "lines": [2], "unit": "line"}
    table = _first_lines(came)
    assert table is not None
    assert len(table.frame) == min(columns, 200)
    assert table.note == "Of each cell only what kind of thing it holds." + (
        f"{said} columns are not shown." if said else ""
    )
    assert _first_lines({**came, "lines": []}) is None


def one(source: str, rows: int, kept: int, people: str, **more: Any) -> Arrival:
    return Arrival(source=source, rows=rows, kept=kept, people=frozenset(people), **more)


def test_counts_are_told_where_rows_are_administrations_and_none_was_taken_out() -> None:
    plain = [one(ANSWERS, 3, 3, "abc")]
    assert _is_plain(context_of(), plain)
    assert _is_plain(context_of(came_in={"administrations": 3}), plain)
    assert not _is_plain(context_of(came_in={"administrations": 4}), plain)  # a plan took one out
    assert not _is_plain(context_of(), [*plain, one("Scale", 9, 9, "ab", is_reshaped=True)])


def entered(found: list[Arrival], people: str = "abc") -> list[tuple[str, Any, Any]]:
    account = Account()
    _enter(account, cast(Any, context_of(responses=table_of(*people))), found)
    told: list[tuple[str, Any, Any]] = [("same", *places) for places in account.same_counts]
    for made in account.sums:
        kind = "part" if made["rest"] else "total"
        told.append((kind, tuple(made["whole"]), tuple(map(tuple, made["parts"]))))
    return told


def at(column: str, row: int, table: str = "came_in") -> Any:
    return cell(table, column, row)


def test_sums_between_the_counts_of_what_came_in() -> None:
    left = [("spam", 2, "rows"), ("blank", 5, "answers"), ("not finished", 1, "rows")]
    found = [
        one(ANSWERS, 6, 3, "abc", left=left),
        one("Enrolled", 4, 4, "abcd"),
        one(LOG, 9, 4, "ab", what="events", left=[("early", 3, "events"), ("late", 4, "events")]),
        one(TIMES, 2, 2, "ab"),
    ]
    told = entered(found)
    assert told[:2] == [("same", at("rows", k), at("kept", k)) for k in (1, 3)]
    assert told[2:] == [
        ("total", at("rows", 0), (at("kept", 0), at("number", 0, "left_out"), at("number", 2, "left_out"))),
        ("part", at("people", 1), (at("people", 0),)),  # everyone who answered was enrolled
        ("part", at("rows", 2), (at("kept", 2),)),  # three and four of five: some for both reasons
        ("part", at("people", 0), (at("matched", 2),)),  # c did not use the app
        ("part", at("people", 0), (at("people", 2),)),
        ("part", at("people", 1), (at("people", 2),)),
        ("part", at("people", 0), (at("matched", 3),)),
        ("part", at("people", 0), (at("people", 3),)),
        ("part", at("people", 1), (at("people", 3),)),
        ("part", at("kept", 0), (at("kept", 3),)),  # one administration has no time
    ]
    later = [found[0], one(LOG, 9, 4, "abc", what="events", left=[("early", 5, "events")])]
    assert ("total", at("rows", 1), (at("kept", 1), at("number", 3, "left_out"))) in entered(later)
    whole = [one(ANSWERS, 3, 3, "abc"), one(TIMES, 3, 3, "abc")]
    assert entered(whole) == [("same", at("rows", k), at("kept", k)) for k in (0, 1)]


def test_days_since_enrolment_are_whole_days() -> None:
    said = [arrival._of_enrolment(day) for day in (0.0, 0.99, 41.5, float("nan"))]
    assert said == ["day 0 after enrolment", "day 0 after enrolment", "day 41 after enrolment", None]
