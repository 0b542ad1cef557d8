"""The rules of the store hold in the database itself, on SQLite and on PostgreSQL."""

from __future__ import annotations

import threading
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace

import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from sqlalchemy import Engine, delete, func, insert, select, text, update
from sqlalchemy.exc import DBAPIError, IntegrityError

from instrument.administer.withdrawal_code import about_code
from instrument.definition import Instrument
from instrument.store import tables
from instrument.store.answers import (
    Answer,
    LockedError,
    Placement,
    answers_of,
    complete_administration,
    live_administration,
    save_answers,
    start_administration,
)
from instrument.store.audit import broken_line, record
from instrument.store.backup import back_up, restore
from instrument.store.connect import (
    StoreError,
    downgrade_store,
    newest_schema,
    open_store,
    require_newest_schema,
    schema_of,
    upgrade_store,
)
from instrument.store.definitions import (
    WaveWindow,
    create_study,
    find_study,
    instrument_of,
    item_numbers,
    keep_instrument,
    set_study_status,
    waves_of,
)
from instrument.store.people import (
    by_token,
    consent_of,
    erase_by_code,
    erase_person,
    give_consent,
    invite,
    issue_withdrawal_code,
)
from instrument.store.retrieval import CONSENT, VERSIONS, responses_of
from instrument.store.tokens import Keyring

ITEMS = ["i1", "i2", "i3", "i4"]


def scale(text_of_first: str = "I like it.") -> Instrument:
    return Instrument.model_validate(
        {
            "schema": 1,
            "id": "mini",
            "version": "1",
            "title": "Mini",
            "response_scales": {"s": {"options": {1: "no", 2: "some", 3: "yes"}}},
            "missing_codes": {"skipped": -1, "declined": -2},
            "themes": [
                {
                    "id": "t",
                    "title": "T",
                    "items": [{"id": i, "text": text_of_first if i == "i1" else i} for i in ITEMS],
                }
            ],
        }
    )


def begin(engine: Engine, keyring: Keyring, people: int = 1) -> tuple[list[int], dict[str, int], list[str]]:
    """Study with people at its first wave: administrations, item numbers, tokens."""
    with engine.begin() as connection:
        study_id = create_study(
            connection, "s", scale(), [WaveWindow("w1", 0, 9), WaveWindow("w2", 10, 19)], "{}", "0"
        )
        set_study_status(connection, "s", "open")
        links = invite(connection, study_id, keyring, people)
        version = int(find_study(connection, "s").instrument_version_id)
        numbers = item_numbers(connection, version)
        layout = [Placement(n, k, 1 + k // 3) for k, n in enumerate(numbers.values(), start=1)]
        first = waves_of(connection, study_id)[0].id
        started = [
            start_administration(
                connection,
                by_token(connection, keyring, link.token).id,
                first,
                version,
                layout,
                lang="en",
                order_seed=1,
            )
            for link in links
        ]
    return started, numbers, [link.token for link in links]


def test_the_migration_makes_exactly_the_tables_of_the_code(engine: Engine) -> None:
    with engine.connect() as connection:
        assert compare_metadata(MigrationContext.configure(connection), tables.metadata) == []
    assert schema_of(engine) == newest_schema()


def test_migrations_go_down_and_up_again_with_data_in_them(engine: Engine, keyring: Keyring) -> None:
    begin(engine, keyring)
    downgrade_store(engine, "base")
    assert schema_of(engine) is None
    upgrade_store(engine)
    begin(engine, keyring)


def test_an_empty_store_is_set_up_and_another_schema_is_refused(store_url: str) -> None:
    engine = open_store(store_url)
    require_newest_schema(engine)
    with engine.begin() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = 'old'"))
    with pytest.raises(StoreError, match="has schema old, this version needs"):
        require_newest_schema(engine)
    engine.dispose()


@pytest.mark.parametrize("url", ["mysql://x/y", "not a url://"])
def test_an_unsupported_store_is_refused(url: str) -> None:
    with pytest.raises(StoreError, match="names no supported database"):
        open_store(url)


def test_a_store_in_an_absent_folder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="does not open"):
        open_store(f"sqlite:///{tmp_path}/none/s.sqlite")


def test_sqlite_runs_with_the_settings_that_keep_answers(tmp_path: Path) -> None:
    engine = open_store(str(tmp_path / "s.sqlite"))
    wanted = {
        "journal_mode": "wal",
        "synchronous": 2,
        "foreign_keys": 1,
        "secure_delete": 1,
        "busy_timeout": 15000,
    }
    with engine.connect() as connection:
        found = {name: connection.exec_driver_sql(f"PRAGMA {name}").scalar_one() for name in wanted}
    engine.dispose()
    assert found == wanted


def test_an_instrument_comes_back_as_it_was_kept(engine: Engine) -> None:
    with engine.begin() as connection:
        number = keep_instrument(connection, scale())
        assert keep_instrument(connection, scale()) == number
        assert instrument_of(connection, number) == scale()
        assert instrument_of(connection, number).content_hash == scale().content_hash
        with pytest.raises(StoreError, match='"mini" 1 is kept with other content'):
            keep_instrument(connection, scale("I changed it."))


def test_a_study_goes_from_draft_to_open_to_closed(engine: Engine) -> None:
    with engine.begin() as connection:
        create_study(connection, "s", scale(), [WaveWindow("w1", 0, 9)], "{}", "0")
        with pytest.raises(StoreError, match="is draft, it cannot become closed"):
            set_study_status(connection, "s", "closed")
        for status in ("open", "closed", "open"):
            set_study_status(connection, "s", status)
        with pytest.raises(StoreError, match="in the store already"):
            create_study(connection, "s", scale(), [WaveWindow("w1", 0, 9)], "{}", "0")
        with pytest.raises(StoreError, match="names of their own: 'w'"):
            create_study(connection, "z", scale(), [WaveWindow("w", 0, 9)] * 2, "{}", "0")
        with pytest.raises(StoreError, match="there is no study 'x'"):
            find_study(connection, "x")


def test_only_hashes_of_tokens_are_stored_and_old_keys_still_open(engine: Engine, keyring: Keyring) -> None:
    _, _, (token,) = begin(engine, keyring)
    with engine.connect() as connection:
        assert token not in str(connection.execute(select(tables.participant)).all())
        assert by_token(connection, keyring.rotated(), token) is not None
        assert by_token(connection, Keyring({"other": b"x" * 32}), token) is None
        assert by_token(connection, keyring, token[:-1] + ("A" if token[-1] != "A" else "B")) is None


def test_an_expired_link_opens_nothing(engine: Engine, keyring: Keyring) -> None:
    _, _, (token,) = begin(engine, keyring)
    with engine.begin() as connection:
        connection.execute(
            update(tables.participant).values(expires_at=datetime.now(UTC) - timedelta(days=1))
        )
        assert by_token(connection, keyring, token) is None


def test_pseudonyms_are_unique_in_a_study(engine: Engine, keyring: Keyring) -> None:
    with engine.begin() as connection:
        number = create_study(connection, "s", scale(), [WaveWindow("w1", 0, 9)], "{}", "0")
        invite(connection, number, keyring, ["a", "b"])
        with pytest.raises(StoreError, match="1 pseudonyms are doubled or in the study already: 'a'"):
            invite(connection, number, keyring, ["a", "c"])
        with pytest.raises(StoreError, match="no one to invite"):
            invite(connection, number, keyring, 0)


def test_a_changed_answer_keeps_its_history_and_a_blank_erases_nothing(
    engine: Engine, keyring: Keyring
) -> None:
    (number,), items, _ = begin(engine, keyring)
    with engine.begin() as connection:
        save_answers(
            connection,
            number,
            {items["i1"]: Answer("answered", 3), items["i2"]: Answer("skipped")},
            show_page=2,
        )
        save_answers(connection, number, {items["i1"]: Answer("answered", 1)})
        revision = save_answers(
            connection, number, {items["i1"]: Answer("skipped"), items["i2"]: Answer("declined")}
        )
        rows = {row.name: row for row in answers_of(connection, number)}
        history = connection.execute(
            select(tables.response_history).order_by(tables.response_history.c.id)
        ).all()
    assert revision == 3
    assert (rows["i1"].state, rows["i1"].value) == ("answered", 1)
    assert rows["i2"].state == "declined"
    assert rows["i3"].shown_at is not None
    assert [(h.item_id, h.value, h.state) for h in history] == [
        (items["i1"], 3, "answered"),
        (items["i2"], None, "skipped"),
    ]


def test_a_page_is_shown_once_and_a_skipped_question_was_answered_at_no_time(
    engine: Engine, keyring: Keyring
) -> None:
    """Pages are 1 for i1 and i2, 2 for i3 to i5; only the first is shown at the start."""
    (number,), items, _ = begin(engine, keyring)
    seen = []
    with engine.begin() as connection:
        for change in ({}, {items["i1"]: Answer("answered", 3), items["i2"]: Answer("skipped")}, {}):
            save_answers(connection, number, change, show_page=2 if change or seen else None)
            rows = {row.item_id: row for row in connection.execute(select(tables.response))}
            seen.append({name: rows[place].shown_at for name, place in items.items()})
    assert [name for name in items if seen[0][name] is not None] == ["i1", "i2"]
    assert [name for name in items if seen[1][name] is not None][:3] == ["i1", "i2", "i3"]
    assert seen[2] == seen[1]  # coming back to a page does not show it anew
    assert rows[items["i1"]].answered_at is not None and rows[items["i2"]].answered_at is None


def test_a_finished_questionnaire_is_locked_in_the_database(engine: Engine, keyring: Keyring) -> None:
    (number,), items, _ = begin(engine, keyring)
    with engine.begin() as connection:
        assert complete_administration(connection, number, "k") is True
        assert complete_administration(connection, number, "k") is False
        with pytest.raises(LockedError, match="is complete"):
            save_answers(connection, number, {items["i1"]: Answer("answered", 1)})
    for statement in (
        update(tables.response).values(state="declined"),
        update(tables.administration).values(status="open", completed_at=None),
    ):
        with pytest.raises(DBAPIError), engine.begin() as connection:
            connection.execute(statement)


@pytest.mark.parametrize(
    "values",
    [{"state": "answered", "value": None}, {"state": "skipped", "value": 2}, {"state": "zz", "value": None}],
)
def test_value_and_state_of_an_answer_agree_in_the_database(
    engine: Engine, keyring: Keyring, values: dict[str, object]
) -> None:
    begin(engine, keyring)
    with pytest.raises(IntegrityError), engine.begin() as connection:
        connection.execute(update(tables.response).values(**values))


def test_a_second_live_attempt_is_refused_by_the_database(engine: Engine, keyring: Keyring) -> None:
    (number,), _, _ = begin(engine, keyring)
    with engine.connect() as connection:
        row = dict(connection.execute(select(tables.administration)).mappings().one())
    with pytest.raises(IntegrityError), engine.begin() as connection:
        connection.execute(insert(tables.administration).values({**row, "id": number + 1, "attempt": 2}))


def test_two_tabs_that_begin_at_once_share_one_attempt(engine: Engine, keyring: Keyring) -> None:
    _, items, _ = begin(engine, keyring)
    with engine.connect() as connection:
        person = connection.execute(select(tables.participant.c.id)).scalar_one()
        study = find_study(connection, "s")
        second = waves_of(connection, int(study.id))[1].id
    layout = [Placement(n, k, 1) for k, n in enumerate(items.values(), start=1)]
    barrier, got = threading.Barrier(6), []

    def start() -> None:
        barrier.wait()
        with engine.begin() as connection:
            version = int(study.instrument_version_id)
            got.append(
                start_administration(connection, person, second, version, layout, lang="en", order_seed=1)
            )

    threads = [threading.Thread(target=start) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(got) == 6
    assert len(set(got)) == 1
    with engine.connect() as connection:
        assert len(answers_of(connection, got[0])) == 4


def test_erasure_leaves_no_row_of_the_person_and_the_chain_whole(engine: Engine, keyring: Keyring) -> None:
    numbers, items, tokens = begin(engine, keyring, people=2)
    with engine.begin() as connection:
        person = by_token(connection, keyring, tokens[0])
        give_consent(connection, person.id, "h", "1", "en", True)
        assert consent_of(connection, person.id).granted is True
        save_answers(connection, numbers[0], {items["i1"]: Answer("answered", 3)})
        save_answers(connection, numbers[0], {items["i1"]: Answer("answered", 2)})
        complete_administration(connection, numbers[0], "k")
        connection.execute(
            insert(tables.score).values(administration_id=numbers[0], name="t", algorithm="a", value=2.0)
        )
        connection.execute(
            insert(tables.usage_event).values(
                study_id=person.study_id,
                participant_id=person.id,
                source="x",
                source_id="1",
                kind="k",
                at=datetime.now(UTC),
            )
        )
        code = issue_withdrawal_code(connection, keyring, person.id)
        assert erase_by_code(connection, keyring, "AAAA-AAAA-AAAA-AAAA") is False
        assert erase_by_code(connection, keyring, code.lower().replace("-", " ")) is True
        for table in ("consent", "response_history", "usage_event", "score"):
            assert (
                connection.execute(
                    select(func.count()).select_from(tables.metadata.tables[table])
                ).scalar_one()
                == 0
            )
        assert len(responses_of(connection, "s")) == 1
        assert by_token(connection, keyring, tokens[0]) is None
        assert live_administration(connection, person.id, 1) is None
        assert broken_line(connection) is None
        line = connection.execute(select(tables.audit_log).order_by(tables.audit_log.c.id.desc())).first()
        assert (line.action, line.n_rows) == ("person.erase", 4)
        with pytest.raises(StoreError, match="no such person"):
            erase_person(connection, person.id)


def test_the_audit_log_is_append_only_and_a_forged_line_is_found(engine: Engine) -> None:
    with engine.begin() as connection:
        for k in range(3):
            record(connection, "test", f"t{k}")
        assert broken_line(connection) is None
    for statement in (update(tables.audit_log).values(subject="x"), delete(tables.audit_log)):
        with pytest.raises(DBAPIError), engine.begin() as connection:
            connection.execute(statement)
    with engine.begin() as connection:
        connection.execute(
            insert(tables.audit_log).values(
                at="x", action="a", subject="s", n_rows=0, previous_hash="0", hash="1"
            )
        )
        assert broken_line(connection) == 4


def test_answers_come_out_wide_with_the_reason_of_each_gap(engine: Engine, keyring: Keyring) -> None:
    numbers, items, _ = begin(engine, keyring, people=2)
    with engine.begin() as connection:
        save_answers(
            connection, numbers[0], {items["i1"]: Answer("answered", 3), items["i2"]: Answer("declined")}
        )
        complete_administration(connection, numbers[0], "k")
        wide = responses_of(connection, "s")
        assert len(responses_of(connection, "s", completed_only=True)) == 1
        connection.execute(update(tables.participant).values(is_test=True))
        assert responses_of(connection, "s").empty
        assert len(responses_of(connection, "s", with_tests=True)) == 2
    assert list(wide.columns) == [
        "participant",
        "wave",
        *ITEMS,
        "day",
        "in_window",
        "mode",
        "status",
        *CONSENT,
        *VERSIONS,
    ]
    assert wide.loc[0, "i1"] == 3
    assert wide[ITEMS].isna().sum().sum() == 7
    assert wide.attrs["reasons"]["reason"].value_counts().to_dict() == {"not_seen": 6, "declined": 1}
    assert list(wide["day"]) == [0, 0]
    assert list(wide["status"]) == ["completed", "open"]


def test_a_copy_comes_back_without_those_erased_since(
    engine: Engine, keyring: Keyring, tmp_path: Path
) -> None:
    _, _, tokens = begin(engine, keyring, people=2)
    copy = back_up(engine, tmp_path / "copy")
    assert copy.stat().st_mode & 0o077 == 0
    with pytest.raises(StoreError, match="exists already"):
        back_up(engine, copy)
    with engine.begin() as connection:
        erase_person(connection, by_token(connection, keyring, tokens[0]).id)
        invite(connection, 1, keyring, ["late"])
    assert restore(copy, engine) == 1
    with engine.connect() as connection:
        assert by_token(connection, keyring, tokens[0]) is None
        assert by_token(connection, keyring, tokens[1]) is not None
        names = connection.execute(select(tables.participant.c.pseudonym)).scalars().all()
        assert "late" not in names
        assert broken_line(connection) is None


def test_losing_the_store_brings_no_erased_person_back(
    engine: Engine, keyring: Keyring, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DTA_ERASURES", str(tmp_path / "erasures"))
    _, _, tokens = begin(engine, keyring, people=2)
    copy = back_up(engine, tmp_path / "copy")
    with engine.begin() as connection:
        erase_person(connection, by_token(connection, keyring, tokens[0]).id)
    written = (tmp_path / "erasures").read_text()
    assert len(written.splitlines()) == 1
    assert not any(token in written for token in tokens)
    downgrade_store(engine, "base")
    upgrade_store(engine)
    assert restore(copy, engine) == 1
    with engine.connect() as connection:
        assert by_token(connection, keyring, tokens[0]) is None
        assert by_token(connection, keyring, tokens[1]) is not None
    with (tmp_path / "erasures").open("a") as file:
        file.write("no line of ours\n")
    with pytest.raises(StoreError, match="line 2 of erasures is damaged"):
        restore(copy, engine)


def test_no_one_is_erased_when_the_list_cannot_be_written(
    engine: Engine, keyring: Keyring, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _, _, (token,) = begin(engine, keyring)
    monkeypatch.setenv("DTA_ERASURES", str(tmp_path / "no" / "folder"))
    with engine.begin() as connection, pytest.raises(StoreError, match="cannot be written"):
        erase_person(connection, by_token(connection, keyring, token).id)
    with engine.connect() as connection:
        assert by_token(connection, keyring, token) is not None


def test_what_is_no_copy_is_refused_and_the_store_stays(
    engine: Engine, keyring: Keyring, tmp_path: Path
) -> None:
    _, _, (token,) = begin(engine, keyring)
    (tmp_path / "bad").write_bytes(b"no database" * 100)
    with pytest.raises(StoreError, match=r"is not a copy of a store|ended with status"):
        restore(tmp_path / "bad", engine)
    with pytest.raises(StoreError, match="there is no file"):
        restore(tmp_path / "none", engine)
    with engine.connect() as connection:
        assert by_token(connection, keyring, token) is not None


def test_the_withdrawal_code_is_shown_until_ones_own_questionnaire_on_the_web_is_begun(
    engine: Engine, keyring: Keyring
) -> None:
    _, items, tokens = begin(engine, keyring)
    page = SimpleNamespace(t={"code_before": "was shown", "code_keep": "keep {code}"})
    with engine.begin() as connection:
        study = find_study(connection, "s")
        fresh, on_paper = (link.token for link in invite(connection, study.id, keyring, 2))
        first = waves_of(connection, study.id)[0].id
        version = int(study.instrument_version_id)
        layout = [Placement(n, k, 1) for k, n in enumerate(items.values(), start=1)]
        number = by_token(connection, keyring, on_paper).id
        start_administration(
            connection, number, first, version, layout, lang="en", order_seed=1, mode="paper"
        )

        def told(token: str) -> str:
            return about_code(connection, keyring, by_token(connection, keyring, token), page)  # type: ignore[arg-type]

        assert told(tokens[0]) == "was shown"
        assert told(on_paper).startswith("keep ")  # its answers were kept from paper, no page showed the code
        assert erase_by_code(connection, keyring, told(fresh).removeprefix("keep ")) is True
        assert by_token(connection, keyring, fresh) is None and by_token(connection, keyring, on_paper)
