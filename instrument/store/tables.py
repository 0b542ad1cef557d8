"""Tables of the store; the rules that must never break are constraints of the database itself."""

from __future__ import annotations

from sqlalchemy import (
    Boolean,
    CheckConstraint,
    Column,
    Date,
    Float,
    ForeignKey,
    Index,
    Integer,
    MetaData,
    String,
    Table,
    Text,
    UniqueConstraint,
    text,
)

from instrument.store.instants import Instant

NAMING = {
    "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "ck": "ck_%(table_name)s_%(constraint_name)s",
    "fk": "fk_%(table_name)s_%(column_0_name)s",
    "pk": "pk_%(table_name)s",
}
metadata = MetaData(naming_convention=NAMING)

STATES = ("answered", "skipped", "not_seen", "not_applicable", "declined")
ACTS = ("correct", "reopen", "void")
MODES = ("web", "paper", "import", "app")


def _key() -> Column[int]:
    return Column("id", Integer, primary_key=True, autoincrement=True)


def _to(target: str, *, name: str | None = None, nullable: bool = False, unique: bool = False) -> Column[int]:
    """Foreign key that goes when its parent goes: erasing a person leaves nothing behind."""
    column = name or f"{target}_id"
    return Column(
        column,
        Integer,
        ForeignKey(f"{target}.id", ondelete="CASCADE"),
        nullable=nullable,
        index=not unique,
        unique=unique,
    )


def _one_of(column: str, values: tuple[str, ...]) -> CheckConstraint:
    listed = ", ".join(f"'{value}'" for value in values)
    return CheckConstraint(f"{column} IN ({listed})", name=f"{column}_known")


instrument_version = Table(
    "instrument_version",
    metadata,
    _key(),
    Column("instrument", String(64), nullable=False),
    Column("version", String(64), nullable=False),
    Column("sha256", String(64), nullable=False, unique=True),
    Column("definition", Text, nullable=False),
)

item = Table(
    "item",
    metadata,
    _key(),
    _to("instrument_version"),
    Column("name", String(64), nullable=False),
    Column("theme", String(64), nullable=False),
    Column("position", Integer, nullable=False),
    Column("reverse", Boolean, nullable=False),
    UniqueConstraint("instrument_version_id", "name"),
)

item_text = Table(
    "item_text",
    metadata,
    Column("item_id", Integer, ForeignKey("item.id", ondelete="CASCADE"), primary_key=True),
    Column("lang", String(32), primary_key=True),
    Column("text", Text, nullable=False),
)

option_label = Table(
    "option_label",
    metadata,
    Column(
        "instrument_version_id",
        Integer,
        ForeignKey("instrument_version.id", ondelete="CASCADE"),
        primary_key=True,
    ),
    Column("scale", String(64), primary_key=True),
    Column("code", Integer, primary_key=True, autoincrement=False),
    Column("lang", String(32), primary_key=True),
    Column("label", Text, nullable=False),
)

study = Table(
    "study",
    metadata,
    _key(),
    Column("name", String(64), nullable=False, unique=True),
    _to("instrument_version"),
    Column("definition", Text, nullable=False),
    Column("sha256", String(64), nullable=False),
    Column("status", String(16), nullable=False, server_default="draft"),
    Column("interface_key", String(128)),
    Column("created_at", Instant, nullable=False),
    Column("opened_at", Instant),
    Column("closed_at", Instant),
    _one_of("status", ("draft", "open", "closed")),
)

study_version = Table(
    "study_version",
    metadata,
    _key(),
    _to("study"),
    Column("number", Integer, nullable=False),
    _to("instrument_version"),
    Column("definition", Text, nullable=False),
    Column("sha256", String(64), nullable=False),
    Column("reason", Text, nullable=False),
    Column("made_by", String(64), nullable=False),
    Column("at", Instant, nullable=False),
    UniqueConstraint("study_id", "number"),
)

wave = Table(
    "wave",
    metadata,
    _key(),
    _to("study"),
    Column("name", String(64), nullable=False),
    Column("position", Integer, nullable=False),
    Column("opens_day", Integer, nullable=False),
    Column("closes_day", Integer, nullable=False),
    UniqueConstraint("study_id", "name"),
    CheckConstraint("closes_day >= opens_day", name="window"),
)

participant = Table(
    "participant",
    metadata,
    _key(),
    _to("study"),
    Column("pseudonym", String(64), nullable=False),
    Column("token_hash", String(160), nullable=False, unique=True),
    Column("erasure_hash", String(160), unique=True),
    Column("lang", String(32)),
    Column("is_test", Boolean, nullable=False),
    Column("enrolled_at", Instant, nullable=False),
    Column("expires_at", Instant),
    Column("no_messages_at", Instant),
    UniqueConstraint("study_id", "pseudonym"),
)

former_link = Table(
    "former_link",
    metadata,
    _key(),
    _to("participant"),
    Column("token_hash", String(160), nullable=False, unique=True),
    Column("ended_at", Instant, nullable=False),
)

message = Table(
    "message",
    metadata,
    _key(),
    _to("participant"),
    _to("wave"),
    Column("kind", String(32), nullable=False),
    Column("state", String(16), nullable=False),
    Column("attempts", Integer, nullable=False),
    Column("at", Instant, nullable=False),
    UniqueConstraint("participant_id", "wave_id", "kind"),
    _one_of("state", ("sending", "sent", "failed", "refused", "skipped", "unknown")),
)

notice = Table(
    "notice",
    metadata,
    _key(),
    _to("study"),
    _to("participant", nullable=True),
    Column("code", String(32), nullable=False, unique=True),
    Column("kind", String(16), nullable=False),
    Column("wave", String(64)),
    Column("answers", String(16)),
    Column("pseudonym", String(64)),
    Column("at", Instant, nullable=False),
    Column("state", String(16), nullable=False),
    Column("attempts", Integer, nullable=False),
    Column("next_at", Instant, nullable=False),
    _one_of("state", ("waiting", "sending")),
    _one_of("kind", ("completed", "withdrawn")),
)

enrolment_count = Table(
    "enrolment_count",
    metadata,
    Column("study_id", Integer, ForeignKey("study.id", ondelete="CASCADE"), primary_key=True),
    Column("name", String(80), primary_key=True),
    Column("n", Integer, nullable=False),
)

consent = Table(
    "consent",
    metadata,
    _key(),
    _to("participant"),
    Column("text_hash", String(64), nullable=False),
    Column("version", String(64), nullable=False),
    Column("lang", String(32), nullable=False),
    Column("granted", Boolean, nullable=False),
    Column("at", Instant, nullable=False),
)

administration = Table(
    "administration",
    metadata,
    _key(),
    _to("participant"),
    _to("wave"),
    _to("instrument_version"),
    Column("attempt", Integer, nullable=False, server_default="1"),
    Column("status", String(16), nullable=False, server_default="open"),
    Column("mode", String(16), nullable=False),
    Column("lang", String(32), nullable=False),
    Column("order_seed", Integer, nullable=False),
    Column("revision", Integer, nullable=False, server_default="0"),
    Column("submit_key", String(64), unique=True),
    Column("started_at", Instant, nullable=False),
    Column("completed_at", Instant),
    Column("completed_on", Date),
    Column("study_version", Integer, nullable=False, server_default="1"),
    UniqueConstraint("participant_id", "wave_id", "attempt"),
    _one_of("status", ("open", "completed", "void")),
    _one_of("mode", MODES),
    CheckConstraint("(status = 'completed') = (completed_at IS NOT NULL)", name="completion_dated"),
)

Index(
    "uq_administration_live",
    administration.c.participant_id,
    administration.c.wave_id,
    unique=True,
    sqlite_where=text("status <> 'void'"),
    postgresql_where=text("status <> 'void'"),
)

response = Table(
    "response",
    metadata,
    Column(
        "administration_id", Integer, ForeignKey("administration.id", ondelete="CASCADE"), primary_key=True
    ),
    Column("item_id", Integer, ForeignKey("item.id"), primary_key=True),
    Column("value", Integer),
    Column("state", String(16), nullable=False),
    Column("display_order", Integer, nullable=False),
    Column("page", Integer, nullable=False),
    Column("shown_at", Instant),
    Column("answered_at", Instant),
    Column("saved_at", Instant, nullable=False),
    _one_of("state", STATES),
    CheckConstraint("(state = 'answered') = (value IS NOT NULL)", name="value_iff_answered"),
)

response_history = Table(
    "response_history",
    metadata,
    _key(),
    _to("administration"),
    Column("item_id", Integer, ForeignKey("item.id"), nullable=False),
    Column("value", Integer),
    Column("state", String(16), nullable=False),
    Column("saved_at", Instant, nullable=False),
    Column("replaced_at", Instant, nullable=False),
)

form_answer = Table(
    "form_answer",
    metadata,
    Column(
        "administration_id", Integer, ForeignKey("administration.id", ondelete="CASCADE"), primary_key=True
    ),
    Column("form", String(64), primary_key=True),
    Column("question", String(64), primary_key=True),
    Column("state", String(16), nullable=False),
    Column("value", Text),
    Column("saved_at", Instant, nullable=False),
    _one_of("state", ("answered", "skipped")),
    CheckConstraint("(state = 'answered') = (value IS NOT NULL)", name="value_iff_answered"),
)

form_answer_history = Table(
    "form_answer_history",
    metadata,
    _key(),
    _to("administration"),
    Column("form", String(64), nullable=False),
    Column("question", String(64), nullable=False),
    Column("state", String(16), nullable=False),
    Column("value", Text),
    Column("saved_at", Instant),
    Column("replaced_at", Instant, nullable=False),
    _one_of("state", ("answered", "skipped", "not_seen")),
)

queued_page = Table(
    "queued_page",
    metadata,
    Column(
        "administration_id", Integer, ForeignKey("administration.id", ondelete="CASCADE"), primary_key=True
    ),
    Column("sheet", String(64), primary_key=True),
    Column("content_hash", String(160), nullable=False),
    Column("at", Instant, nullable=False),
)

page_time = Table(
    "page_time",
    metadata,
    Column(
        "administration_id", Integer, ForeignKey("administration.id", ondelete="CASCADE"), primary_key=True
    ),
    Column("sheet", String(64), primary_key=True),
    Column("page", String(96), nullable=False),
    Column("seconds", Float, nullable=False),
    Column("saved_at", Instant, nullable=False),
    CheckConstraint("seconds >= 0", name="not_negative"),
)

administration_act = Table(
    "administration_act",
    metadata,
    _key(),
    _to("administration"),
    Column("act", String(16), nullable=False),
    Column("reason", Text, nullable=False),
    Column("made_by", String(64), nullable=False),
    Column("at", Instant, nullable=False),
    Column("revision", Integer, nullable=False),
    Column("n_answers", Integer, nullable=False),
    _one_of("act", ACTS),
    CheckConstraint("length(reason) > 0", name="reason_given"),
)

usage_event = Table(
    "usage_event",
    metadata,
    _key(),
    _to("study"),
    _to("participant"),
    Column("source", String(64), nullable=False),
    Column("source_id", String(128), nullable=False),
    Column("kind", String(64), nullable=False),
    Column("at", Instant, nullable=False),
    Column("duration", Float),
    UniqueConstraint("study_id", "source", "source_id"),
)

score = Table(
    "score",
    metadata,
    Column(
        "administration_id", Integer, ForeignKey("administration.id", ondelete="CASCADE"), primary_key=True
    ),
    Column("name", String(64), primary_key=True),
    Column("algorithm", String(160), nullable=False),
    Column("value", Float),
    Column("standard_error", Float),
)

erasure = Table(
    "erasure",
    metadata,
    _key(),
    Column("token_hash", String(160), nullable=False, unique=True),
    Column("at", Instant, nullable=False),
    Column("person_hash", String(160)),
)

store_key = Table(
    "store_key",
    metadata,
    Column("name", String(64), primary_key=True),
    Column("mark", String(64), nullable=False),
    Column("lost", Boolean, nullable=False),
)

audit_log = Table(
    "audit_log",
    metadata,
    _key(),
    Column("at", String(40), nullable=False),
    Column("action", String(64), nullable=False),
    Column("subject", String(160), nullable=False),
    Column("n_rows", Integer, nullable=False, server_default="0"),
    Column("previous_hash", String(64), nullable=False),
    Column("hash", String(64), nullable=False, unique=True),
)
