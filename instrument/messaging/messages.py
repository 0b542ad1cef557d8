"""What a study sends to its people and to programs of the team, and when: part of the study file."""

from __future__ import annotations

import string
from collections.abc import Callable, Mapping
from typing import Annotated, Literal, Self
from zoneinfo import ZoneInfo, available_timezones

from pydantic import AfterValidator, Field, StringConstraints, model_validator

from instrument.definition import LanguageTag, Model, Text
from instrument.messaging.text_messages import Length, Sms, length_of

Kind = Literal["first", "reminder", "last_call"]
Noticed = Literal["completed", "withdrawn"]
PLACES = ("title", "link", "stop", "closes", "contact")
NEEDED = ("link", "stop")
TOKEN_LETTERS = 27
"""Of a link: 160 bits in six bits a letter."""
Hour = Annotated[int, Field(ge=0, le=24)]
Days = Annotated[int, Field(ge=0, le=366)]


def _known_zone(value: str) -> str:
    if value not in available_timezones():
        raise ValueError(f"{value!r} is no time zone, such as Europe/Berlin")
    return value


TimeZone = Annotated[str, AfterValidator(_known_zone)]


class Letter(Model):
    """Subject and body with `{link}`, `{stop}` and, where wanted, `{title}`, `{closes}`, `{contact}`."""

    subject: Text
    body: Text

    @model_validator(mode="after")
    def _check_places(self) -> Self:
        _check_places("subject", self.subject, ())
        _check_places("body", self.body, NEEDED)
        if "\n" in self.subject or "\r" in self.subject:
            raise ValueError("subject: must be one line")
        return self

    def filled(self, **values: str) -> tuple[str, str]:
        """Subject and body with the places filled."""
        return self.subject.format(**values), self.body.format(**values)


def _check_places(name: str, text: str, needed: tuple[str, ...]) -> None:
    try:
        found = [place for _, place, _, _ in string.Formatter().parse(text) if place is not None]
    except ValueError:
        raise ValueError(f"{name}: a brace stands alone; write it twice") from None
    if unknown := [place for place in found if place not in PLACES]:
        raise ValueError(f"{name}: {unknown[0]!r} is none of {', '.join(PLACES)}")
    if absent := [place for place in needed if place not in found]:
        raise ValueError(f"{name}: needs {{{absent[0]}}}")


class Messages(Model):
    """Schedule and texts of a study's messages: letters (`texts`), short messages to telephones (`sms`).

    `first` counts days after a wave opens, `reminders` too; `last_call` counts days before it closes. Nothing
    is sent from the first quiet hour to the second, by the clock of `zone`.
    """

    sender: Annotated[str, StringConstraints(strip_whitespace=True)] = ""
    zone: TimeZone = "UTC"
    quiet: tuple[Hour, Hour] = (20, 8)
    first: Days = 0
    reminders: tuple[Days, ...] = ()
    last_call: Days | None = None
    texts: dict[Kind, dict[LanguageTag, Letter]] = Field(default_factory=dict)
    sms: dict[Kind, dict[LanguageTag, Sms]] = Field(default_factory=dict)

    @model_validator(mode="after")
    def _check_schedule(self) -> Self:
        if list(self.reminders) != sorted(set(self.reminders)) or any(
            d <= self.first for d in self.reminders
        ):
            raise ValueError("reminders: must rise, each after `first`")
        wanted: list[Kind] = ["first"]
        if self.reminders:
            wanted.append("reminder")
        if self.last_call is not None:
            wanted.append("last_call")
        if self.texts or not self.sms:
            if absent := [kind for kind in wanted if not self.texts.get(kind)]:
                raise ValueError(f"texts.{absent[0]}: is missing")
            if not self.sender:
                raise ValueError("sender: is missing")
        if self.sms and (absent := [kind for kind in wanted if not self.sms.get(kind)]):
            raise ValueError(f"sms.{absent[0]}: is missing")
        for kind, texts in self.sms.items():
            for tag, one in texts.items():
                _check_places(f"sms.{kind}.{tag}", one.text, NEEDED)
        return self

    def is_quiet(self, hour: int) -> bool:
        """Whether nothing may be sent in this hour of the local clock."""
        begin, end = self.quiet
        return begin <= hour < end if begin <= end else hour >= begin or hour < end

    @property
    def clock(self) -> ZoneInfo:
        """Time zone of the quiet hours."""
        return ZoneInfo(self.zone)

    def faults_in(self, languages: tuple[str, ...]) -> list[str]:
        """Name texts that lack in a language of the study."""
        both: tuple[tuple[str, Mapping[Kind, Mapping[str, object]]], ...] = (
            ("texts", self.texts),
            ("sms", self.sms),
        )
        return [
            f"messages.{way}.{kind}.{tag}: is missing"
            for way, kinds in both
            for kind, letters in kinds.items()
            for tag in languages
            if tag not in letters
        ]

    def lengths(
        self, title_in: Callable[[str], str], contact_in: Callable[[str], str], address: str
    ) -> dict[tuple[Kind, str], Length]:
        """How long each short message is, its places filled as they will be.

        Parameters
        ----------
        title_in, contact_in, address
            Title and contact of the study by language, and the public address of the questionnaire.

        Returns
        -------
        dict of Length
            By kind and language.
        """
        base, token = address.rstrip("/"), "x" * TOKEN_LETTERS
        said = {"link": f"{base}/q/{token}", "stop": f"{base}/stop/{token}", "closes": "2026-12-31"}
        return {
            (kind, tag): length_of(one.text.format(title=title_in(tag), contact=contact_in(tag), **said))
            for kind, texts in self.sms.items()
            for tag, one in texts.items()
        }


class Notices(Model):
    """What another program of the team is told: that a questionnaire was sent, or that a person withdrew.

    No answer and nothing that reaches a person is in a notice; the pseudonym only where `pseudonym` says so.
    """

    kinds: Annotated[tuple[Noticed, ...], Field(min_length=1)] = ("completed", "withdrawn")
    pseudonym: bool = False
