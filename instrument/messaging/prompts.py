"""Several prompts a day with expiry: a form asked at times of the clock, each time a wave of its own."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime, time, timedelta
from typing import Annotated, Any, Self
from zoneinfo import ZoneInfo

from pydantic import Field, StringConstraints, ValidationError, model_validator

from instrument.definition import Model
from instrument.loading import faults_of

Clock = Annotated[str, StringConstraints(pattern=r"^([01][0-9]|2[0-3]):[0-5][0-9]$")]
GRACE = timedelta(minutes=15)
"""Who began in time may finish so long after the end."""
MOST = 1_000


class Between(Model):
    """Times of the study's clock between which a wave is open on each day of its window."""

    start: Clock
    end: Clock

    @model_validator(mode="after")
    def _check_order(self) -> Self:
        if self.start >= self.end:
            raise ValueError("start: lies not before end; a prompt ends on its day")
        return self

    def day(self, moment: datetime, *, begun: bool = False) -> date | None:
        """Day on which a prompt opened that is open at a moment of the local clock.

        Parameters
        ----------
        moment
            With the study's time zone.
        begun
            Whether it was begun in time: it may then be finished a little later.

        Returns
        -------
        datetime.date or None
            None where none is open; the end is no longer part of it.
        """
        clock, more = moment.replace(tzinfo=None), GRACE if begun else timedelta()
        for day in (clock.date(), clock.date() - timedelta(days=1)):
            opened = datetime.combine(day, time.fromisoformat(self.start))
            if opened <= clock < datetime.combine(day, time.fromisoformat(self.end)) + more:
                return day
        return None

    def ends(self, day: date, zone: ZoneInfo) -> datetime:
        """Moment after which a prompt of a day takes nothing, also where it was begun in time.

        Parameters
        ----------
        day
            On which it opened.
        zone
            The study's time zone.

        Returns
        -------
        datetime.datetime
            With that zone.
        """
        return datetime.combine(day, time.fromisoformat(self.end), zone) + GRACE


class Prompts(Model):
    """A form asked several times a day: written once, unfolded into waves when the file is read."""

    id: Annotated[str, StringConstraints(pattern=r"^[A-Za-z][A-Za-z0-9_]{0,31}$")]
    days: tuple[Annotated[int, Field(ge=0, le=3_650)], Annotated[int, Field(ge=0, le=3_650)]]
    times: tuple[Clock, ...] = Field(min_length=1, max_length=24)
    minutes: Annotated[int, Field(ge=5, le=720)]

    @model_validator(mode="after")
    def _check_times(self) -> Self:
        if self.days[0] > self.days[1]:
            raise ValueError(f"days: the first, {self.days[0]}, lies after the last, {self.days[1]}")
        ends = [_later(clock, self.minutes) for clock in self.times]
        if None in ends:
            raise ValueError("minutes: a prompt ends on its day, before midnight")
        if any(str(end) > start for end, start in zip(ends, self.times[1:], strict=False)):
            raise ValueError("times: must rise, each after the end of the one before")
        if (self.days[1] - self.days[0] + 1) * len(self.times) > MOST:
            raise ValueError(f"days: more than {MOST} prompts")
        return self

    def waves(self) -> list[dict[str, Any]]:
        """Give the waves, as a study file would write them.

        Returns
        -------
        list of dict
            Ids such as `mood_d03_2`: day 3, second prompt.
        """
        width = len(str(self.days[1]))
        return [
            {
                "id": f"{self.id}_d{day:0{width}}_{place}",
                "label": f"{self.id}, day {day}, {clock}",
                "day": day,
                "opens": day,
                "closes": day,
                "scale": False,
                "between": {"start": clock, "end": _later(clock, self.minutes)},
            }
            for day in range(self.days[0], self.days[1] + 1)
            for place, clock in enumerate(self.times, start=1)
        ]


def _later(clock: str, minutes: int) -> str | None:
    """The clock so many minutes later; None past midnight."""
    total = int(clock[:2]) * 60 + int(clock[3:]) + minutes
    return f"{total // 60:02}:{total % 60:02}" if total < 24 * 60 else None


def unfolded(raw: Any) -> Any:
    """Unfold `prompts` of a study file into waves, and in forms the name of prompts into theirs.

    Parameters
    ----------
    raw
        What the file holds.

    Returns
    -------
    object
        The same without `prompts`; waves in the order of their days.
    """
    if not isinstance(raw, Mapping) or not raw.get("prompts"):
        return raw
    try:
        listed = [Prompts.model_validate(one) for one in raw["prompts"]]
    except ValidationError as error:
        raise ValueError("; ".join(f"prompts: {fault}" for fault in faults_of(error, Prompts))) from None
    except TypeError:
        raise ValueError("prompts: must be a list") from None
    made = {one.id: one.waves() for one in listed}
    said = {key: value for key, value in raw.items() if key != "prompts"}
    if not all(isinstance(said.get(key, []), (list, tuple)) for key in ("waves", "forms")):
        return said  # what is wrong with them is said where they are checked
    waves = [*said.get("waves", []), *(wave for own in made.values() for wave in own)]
    said["waves"] = sorted(waves, key=_place)
    said["forms"] = [
        {**form, "waves": [name for one in form["waves"] for name in _names(one, made)]}
        if isinstance(form, Mapping) and isinstance(form.get("waves"), (list, tuple))
        else form
        for form in said.get("forms", [])
    ]
    return said


def _place(wave: Any) -> tuple[int, str]:
    said = wave if isinstance(wave, Mapping) else {}
    day, between = said.get("day"), said.get("between")
    clock = between.get("start") if isinstance(between, Mapping) else ""
    return (day if isinstance(day, int) else 0), str(clock)


def _names(one: Any, made: Mapping[str, list[dict[str, Any]]]) -> list[Any]:
    return [wave["id"] for wave in made[one]] if isinstance(one, str) and one in made else [one]
