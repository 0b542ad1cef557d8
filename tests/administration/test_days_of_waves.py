"""Days: whose day 0 is which, when a wave is open for whom, and what a date given with answers changes."""

from __future__ import annotations

import sys
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import Engine, select, update

sys.path.insert(0, str(Path(__file__).parent))
from study_of_tests import open_study, raw_study
from test_administer_interface import App, count

from instrument.administer.entry import person_numbered
from instrument.administer.journey import occasion_of
from instrument.errors import DefinitionError, ResponseDataError
from instrument.reading.dates_given import date_written
from instrument.store import tables
from instrument.store.connect import StoreError
from instrument.store.definitions import find_study
from instrument.store.funnel import funnel_of, standing_of
from instrument.store.intake import OUTSIDE, UsageEvent, keep_events, people_of
from instrument.store.keyed_tables import keep_table
from instrument.store.retrieval import responses_of
from instrument.store.study_data import study_data
from instrument.store.tokens import Keyring
from instrument.store.windows import PersonDays, Rules, Window, in_window
from instrument.study import DayZero, load_study, make_study

TODAY = datetime.now(UTC).date()
TEST = {"id": "test", "day": 3, "opens": 0, "closes": 7}
RETEST = {"id": "retest", "day": 15, "opens": 10, "closes": 21, "role": "retest"}
FOLLOWS = {**RETEST, "after": {"wave": "test", "days": [10, 14]}}


def day(number: int) -> date:
    """Day of the study, where its person was enrolled a hundred days ago."""
    return TODAY - timedelta(days=100 - number)


def table(scale: Any, *rows: tuple[str, str, int | None], **more: Any) -> pd.DataFrame:
    """Answers of people at waves on days of the study."""
    made = pd.DataFrame({item: pd.array([4] * len(rows), dtype="Int64") for item in scale.item_ids})
    made.insert(0, "participant", [row[0] for row in rows])
    made.insert(1, "wave", [row[1] for row in rows])
    dates = [None if row[2] is None else day(row[2]).isoformat() for row in rows]
    return made.assign(completed_on=dates, enrolled_on=day(0).isoformat(), **more)


class Keyed:
    """A study of a test and a retest whose answers are keyed from paper."""

    def __init__(self, engine: Engine, keyring: Keyring, **changes: Any) -> None:
        self.engine, self.keyring = engine, keyring
        waves = {"waves": [TEST, FOLLOWS]}
        _, self.scale, _ = open_study(engine, keyring, **{**waves, **changes})

    def keep(self, *rows: tuple[str, str, int | None], **how: Any) -> tuple[int, int]:
        with self.engine.begin() as connection:
            row = find_study(connection, "trial")
            options = {"mode": "paper", "lang": "en", "enrol": True, **how}
            return keep_table(connection, row, table(self.scale, *rows), self.keyring, **options)

    def exported(self) -> dict[tuple[str, str], tuple[int | None, str | None]]:
        with self.engine.connect() as connection:
            answers = responses_of(connection, "trial")
        days = [None if pd.isna(found) else int(found) for found in answers["day"]]
        inside = [None if pd.isna(found) else str(found) for found in answers["in_window"]]
        keys = zip(answers["participant"], answers["wave"], strict=True)
        return dict(zip(keys, zip(days, inside, strict=True), strict=True))

    def open_at(self, name: str, number: int) -> str | None:
        """Wave that the pages offer on a day of the study."""
        with self.engine.connect() as connection:
            person = people_of(connection, 1, [name])[name]
            found = occasion_of(connection, person_numbered(connection, person), day(number)).wave_id
            named = select(tables.wave.c.name).where(tables.wave.c.id == found)
            return connection.execute(named).scalar_one_or_none()


def test_a_retest_is_open_from_the_persons_own_answers(engine: Engine, keyring: Keyring) -> None:
    keyed = Keyed(engine, keyring)
    keyed.keep(("early", "test", 0), ("late", "test", 7), ("undated", "test", None))
    for name, first in (("early", 0), ("late", 7)):
        offered = {n for n in range(30) if keyed.open_at(name, n) == "retest"}
        assert offered == set(range(first + 10, first + 15)), name
    assert {keyed.open_at("undated", n) for n in range(30)} == {None}
    with engine.connect() as connection:
        said = [standing_of(connection, "trial", day(n)).query("wave == 'retest'") for n in range(30)]
        counts = funnel_of(connection, "trial", day(12)).set_index("wave")
    for n, standing in enumerate(said):
        windows = dict(zip(standing["participant"], standing["window"], strict=True))
        for name in ("early", "late"):
            assert (windows[name] == "open") == (keyed.open_at(name, n) == "retest")
        assert windows["undated"] == "later"
    assert counts.loc["retest", ["opened", "due", "overdue"]].tolist() == [1, 1, 0]
    assert keyed.open_at("undated", 3) is None  # the test itself is complete


def test_dates_are_kept_checked_and_exported(engine: Engine, keyring: Keyring) -> None:
    keyed = Keyed(engine, keyring)
    assert keyed.keep(("p1", "retest", 17), ("p1", "test", 7), ("p2", "test", 0)) == (3, 0)
    assert keyed.exported() == {
        ("p1", "test"): (7, "yes"),
        ("p1", "retest"): (17, "yes"),
        ("p2", "test"): (0, "yes"),
    }
    for late in (("p3", "test", 8), ("p2", "retest", 9), ("p2", "retest", 15)):
        with pytest.raises(StoreError, match=f"outside the window of their wave: '{late[0]} at {late[1]}'"):
            keyed.keep(late, ("p4", "test", 1))
    assert len(keyed.exported()) == 3
    assert keyed.keep(("p2", "retest", 15), outside_window=True) == (1, 0)
    assert keyed.keep(("p5", "test", None), ("p5", "retest", 16), ("p6", "retest", 16)) == (3, 0)
    found = keyed.exported()
    assert found[("p2", "retest")] == (15, "no")
    assert [found[("p5", "test")], found[("p5", "retest")]] == [(None, None), (16, None)]
    assert found[("p6", "retest")] == (16, None)
    assert keyed.keep(("p1", "test", 7), ("p2", "test", None)) == (0, 2)
    with pytest.raises(StoreError, match="with other answers or another day: 'p1 at test'"):
        keyed.keep(("p1", "test", 6))
    assert keyed.keep(("p5", "test", 5)) == (1, 0)  # a date that came later
    assert keyed.exported()[("p5", "test")] == (5, "yes")


def test_an_analysis_sets_aside_what_lies_outside_its_window(
    engine: Engine, store_url: str, keyring: Keyring
) -> None:
    keyed = Keyed(engine, keyring)
    rows = [("p1", "test", 0), ("p1", "retest", 9), ("p2", "test", 3), ("p3", "test", None)]
    keyed.keep(*rows, outside_window=True)
    data = study_data(store_url, "trial")
    assert list(zip(data.responses["participant"], data.responses["wave"], strict=True)) == [
        ("p1", "test"),
        ("p2", "test"),
        ("p3", "test"),
    ]
    assert (
        "1 of 4 administrations lie outside their wave's window and are set aside"
        in data.responses.attrs["notes"]
    )
    assert data.enrolment["participant"].tolist() == ["p1", "p2", "p3"]


FAULTS: list[tuple[dict[str, Any], str]] = [
    ({"completed_on": "31.03.2026"}, "column 'completed_on' holds no date in 1 of 1 rows"),
    ({"completed_on": "2026-02-30"}, "column 'completed_on' holds no date in 1 of 1 rows"),
    (
        {"completed_on": (TODAY + timedelta(days=3)).isoformat()},  # the third, if midnight passes meanwhile
        "'completed_on' lies in the future in 1 of 1",
    ),
    ({"enrolled_on": "yesterday"}, "column 'enrolled_on' holds no date in 1 of 1 rows"),
]


@pytest.mark.parametrize(("change", "words"), FAULTS)
def test_dates_that_are_none_are_refused(tmp_path: Path, keyring: Keyring, change: Any, words: str) -> None:
    from instrument.store.connect import open_store, upgrade_store

    engine = open_store(str(tmp_path / "s.sqlite"))
    upgrade_store(engine)
    keyed = Keyed(engine, keyring)
    answers = table(keyed.scale, ("p1", "test", 1)).assign(**change)
    with pytest.raises(ResponseDataError, match=words), engine.begin() as connection:
        row = find_study(connection, "trial")
        keep_table(connection, row, answers, keyring, mode="paper", lang="en", enrol=True)
    keyed.keep(("p1", "test", 1))
    for other, kind in ((["p1", "p1"], ResponseDataError), (["p1"], StoreError)):
        rows = [(name, "retest", 12) for name in other]
        twice = table(keyed.scale, *rows).assign(
            enrolled_on=[day(k + 1).isoformat() for k in range(len(other))]
        )
        twice["wave"] = ["retest", "test"][: len(other)]
        message = "1 people have more than one day of enrolment|1 people are in the store with another day"
        with pytest.raises(kind, match=message), engine.begin() as connection:
            row = find_study(connection, "trial")
            keep_table(connection, row, twice, keyring, mode="paper", lang="en", enrol=True)
    assert count(engine, "administration") == 1
    engine.dispose()


@pytest.mark.parametrize("zero", list(DayZero))
def test_day_zero_is_what_the_study_file_says(
    engine: Engine, store_url: str, keyring: Keyring, zero: DayZero
) -> None:
    """Enrolled on day 0, first use on day 4, first answer on day 6."""
    keyed = Keyed(engine, keyring, day_zero=zero.value, waves=[TEST, {**RETEST, "id": "second"}])
    shift = {DayZero.ENROLMENT: 0, DayZero.FIRST_USE: 4, DayZero.FIRST_ANSWER: 6}[zero]
    keyed.keep(("p1", "test", None))
    with engine.begin() as connection:
        row: Any = find_study(connection, "trial")
        people = people_of(connection, row.id, ["p1"])
        noon = datetime.combine(day(0), datetime.min.time(), tzinfo=UTC) + timedelta(hours=12)
        events = [UsageEvent(f"e{k}", "p1", "session", noon + timedelta(days=k)) for k in (9, 4)]
        keep_events(connection, row.id, "app", events, people)
    keyed.keep(("p1", "test", 6))
    offered = {n for n in range(40) if keyed.open_at("p1", n) == "second"}
    assert offered == set(range(shift + 10, shift + 22))
    assert keyed.exported() == {("p1", "test"): (6 - shift, "yes")}
    data = study_data(store_url, "trial")
    assert data.usage is not None
    assert data.usage["day"].tolist() == [4 - shift, 9 - shift]


def test_before_the_first_use_nothing_is_open_and_the_first_answer_opens_itself(
    engine: Engine, store_url: str, keyring: Keyring
) -> None:
    waves = {"waves": [TEST, {**RETEST, "id": "second"}]}
    first_use = Keyed(engine, keyring, day_zero="first_use", **waves)
    with engine.connect() as connection:
        name = connection.execute(select(tables.participant.c.pseudonym)).scalar_one()
        assert funnel_of(connection, "trial")["opened"].tolist() == [0, 0]
    assert {first_use.open_at(name, n) for n in (0, 3, 15, 100)} == {None}
    with engine.begin() as connection:
        changed = make_study({**raw_study(), **waves, "day_zero": "first_answer"})
        connection.execute(update(tables.study).values(definition=changed.to_json()))
    assert {first_use.open_at(name, n) for n in (0, 3, 15, 100)} == {"test"}
    first_use.keep(("q1", "test", None), ("q2", "test", 2))
    data = study_data(store_url, "trial")
    assert data.enrolment["participant"].tolist() == data.responses["participant"].tolist() == ["q2"]
    # q1 answered on a day that nobody noted; who was only invited gave nothing that could be set aside
    said = "1 person has no day 0, which is their first answer, and is set aside"
    assert data.responses.attrs["notes"][-1] == said


def test_programs_say_when_answers_were_given(engine: Engine, keyring: Keyring) -> None:
    app = App(engine, keyring)
    with app.client:
        with engine.begin() as connection:
            connection.execute(
                update(tables.participant).values(
                    enrolled_at=datetime.combine(day(0), datetime.min.time(), tzinfo=UTC)
                )
            )
        path = "/fhir/QuestionnaireResponse?wave=first"

        def send(**changes: Any) -> Any:
            return app.post(path, app.answers(app.scale, **changes))

        late = send()  # a hundred days after enrolment; the wave closes on day 29
        assert (late.status_code, late.json()["faults"]) == (
            409,
            [{"path": "query.wave", "message": OUTSIDE}],
        )
        beyond = send(authored=day(30).isoformat())
        assert (beyond.status_code, beyond.json()["faults"]) == (
            409,
            [{"path": "authored", "message": OUTSIDE}],
        )
        for wrong in ("2026", "yesterday", 5, (TODAY + timedelta(days=3)).isoformat()):
            refused = send(authored=wrong)
            assert (refused.status_code, refused.json()["faults"][0]["path"]) == (422, "authored")
        assert count(engine, "administration") == 0
        assert send(authored=f"{day(29).isoformat()}T23:30:00Z").status_code == 201
        assert send(authored=day(29).isoformat()).json() == {"outcome": "known"}
        assert send(authored=day(28).isoformat()).status_code == 409
    with engine.connect() as connection:
        assert responses_of(connection, "trial")[["day", "in_window"]].to_numpy().tolist() == [[29, "yes"]]


def test_a_window_after_another_wave_must_fit_into_its_own() -> None:
    def study(**changes: Any) -> Any:
        return make_study({**raw_study(), "waves": [TEST, {**FOLLOWS, **changes}]})

    assert study().wave("retest").after.days == (10, 14)
    for low, high, fits in ((10, 14, True), (9, 14, False), (10, 15, False), (11, 13, True), (14, 10, False)):
        after = {"wave": "test", "days": [low, high]}
        if fits:
            assert study(after=after).wave("retest").after.days == (low, high)
        else:
            with pytest.raises(DefinitionError, match=r"does not hold the days|lies after the last"):
                study(after=after)
    for name in ("retest", "nowhere"):
        with pytest.raises(DefinitionError, match=r"waves\[1\]\.after\.wave: .* is no wave before it"):
            study(after={"wave": name, "days": [10, 14]})
    with pytest.raises(DefinitionError, match="must be 0 where day_zero is first_answer"):
        make_study({**raw_study(), "day_zero": "first_answer", "waves": [{**TEST, "opens": 1}]})
    plain = make_study(raw_study()).to_json()
    assert ("after" in plain, "day_zero" in plain) == (False, False)  # older files keep their hash
    assert '"day_zero": "first_use"' in make_study({**raw_study(), "day_zero": "first_use"}).to_json()


def test_the_words_of_the_example_are_its_rule() -> None:
    retest = load_study(Path(__file__).parents[2] / "data/example/study.yaml").wave("retest")
    assert retest.after is not None
    assert retest.label == "Retest {}-{} days after week 3".format(*retest.after.days)


@settings(max_examples=200, deadline=None)
@given(st.integers(0, 40), st.integers(0, 40), st.integers(0, 60), st.booleans(), st.booleans())
def test_inside_means_both_ends_and_what_is_unknown_is_not_judged(
    opens: int, length: int, given_on: int, follows: bool, dated: bool
) -> None:
    rules = Rules(zero=DayZero.ENROLMENT, after={"w": ("first", opens, opens + length)} if follows else {})
    when = day(given_on) if dated else None
    days = PersonDays(zero=day(0), given={"w": when, "first": day(5)})
    start = 5 if follows else 0
    expected = None if not dated else "yes" if start + opens <= given_on <= start + opens + length else "no"
    assert in_window(days, rules, "w", opens, opens + length) == expected
    unknown = SimpleNamespace(zero=None)
    nobody = PersonDays(zero=unknown.zero, given={"w": when})
    assert in_window(nobody, rules, "w", opens, opens + length) is None
    assert Window(day(1), day(1)).holds(day(1))


@pytest.mark.parametrize(
    ("given_as", "read"),
    [
        (date(2024, 2, 29), date(2024, 2, 29)),
        (datetime(2024, 2, 29, 23, 30), date(2024, 2, 29)),
        (datetime.fromisoformat("2024-02-28T23:30:00-08:00"), date(2024, 2, 29)),
        (pd.Timestamp("2024-02-29"), date(2024, 2, 29)),
        (" 2024-02-29 ", date(2024, 2, 29)),
        ("2024-02-29T01:00:00+14:00", date(2024, 2, 28)),
        ("2023-02-29", None),
        ("29.02.2024", None),
        ("20240229", None),
        ("2024-02-29x", None),
        (20240229, None),
    ],
)
def test_dates_are_read_one_way(given_as: Any, read: date | None) -> None:
    assert date_written(given_as) == read
