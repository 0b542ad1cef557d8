"""How files are to be understood: the options that every command takes which reads answers and tables."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from instrument.commands.reading_options import said_of

if TYPE_CHECKING:
    from analysis.commands.reading import SideReading
    from analysis.usage.mapping import LogMapping
    from analysis.usage.reading import LogReading
    from instrument.recognition import Mapping

Dates = Annotated[
    str | None,
    typer.Option("--dates", help="How dates are written where they are not ISO: D.M.Y, M/D/Y, s, ms, excel."),
]
Decimal = Annotated[
    str, typer.Option("--decimal", help="Decimal mark: . or , for all tables, or 'covariates=, usage=.'")
]
Thousands = Annotated[
    str | None, typer.Option("--thousands", help="Mark between thousands: , or . or ' or space.")
]
Percent = Annotated[bool, typer.Option("--percent", help="Take percent signs off: 45 % is 45.")]
Durations = Annotated[
    str | None, typer.Option("--durations", help="Unit of durations in the log: ms, s, min, h, h:mm:ss.")
]
TimesIn = Annotated[
    str | None, typer.Option("--times-in", help="Unit of the times of answering: ms, s, min, h, h:mm:ss.")
]
EventId = Annotated[str | None, typer.Option("--event-id", help="Column of the log that names each event.")]
RetrySeconds = Annotated[
    float | None,
    typer.Option("--retry-seconds", help="Like events this close are one; 0 keeps all that differ in time."),
]
MostSetAside = Annotated[
    float, typer.Option("--most-set-aside", help="Share of the log's events that may be set aside.")
]
LogFile = Annotated[
    Path | None,
    typer.Option("--log", help="YAML that says what the fields of the log mean: person, time, kind, …"),
]
Waves = Annotated[str | None, typer.Option("--waves", help="Waves in their order: a,b,c.")]


def fields_in(path: Path | None) -> LogMapping | None:
    """Read what the fields of the log mean, where it was given on the command line.

    Parameters
    ----------
    path
        The file; None where none was given.

    Returns
    -------
    LogMapping or None
        Checked.
    """
    from analysis.usage.mapping import load_log_mapping

    return None if path is None else load_log_mapping(path)


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadingOptions:
    """What the person who calls knows of the files; each table takes what concerns it."""

    command: str = "dta validate"
    participant: str = "participant"
    wave: str = "wave"
    labels: bool = False
    delimiter: str | None = None
    encoding: str = "utf-8"
    sheet: str | None = None
    na: tuple[str, ...] = ("NA",)
    decimal: str = "."
    thousands: str | None = None
    percent: bool = False
    dates: str | None = None
    durations: str | None = None
    times_in: str | None = None
    event_id: str | None = None
    retry_seconds: float | None = None
    most_set_aside: float = 0.5
    waves: tuple[str, ...] = ()
    mapping: Mapping | None = None
    fields: LogMapping | None = None

    def answers(self) -> dict[str, Any]:
        """Keyword arguments of `read_responses`."""
        return {
            "sheet": self.sheet,
            "labels": self.labels,
            "participant": self.participant,
            "wave": self.wave,
            "na": self.na,
            "encoding": self.encoding,
            "delimiter": said_of(self.delimiter, "answers"),
            "mapping": self.mapping,
            "caller": self.command,
        }

    def side(self) -> SideReading:
        """How tables beside the answers are read."""
        from analysis.commands.reading import SideReading

        return SideReading(
            dates=self.dates,
            decimal=self.decimal,
            thousands=self.thousands,
            percent=self.percent,
            delimiter=self.delimiter,
            na=self.na,
            times_in=self.times_in,
            command=self.command,
        )

    def log(self, source: str) -> LogReading:
        """How the usage log is read."""
        from analysis.usage.reading import LogReading

        return LogReading(
            dates=said_of(self.dates, "usage"),
            decimal=said_of(self.decimal, "usage") or ".",
            thousands=said_of(self.thousands, "usage"),
            durations=self.durations,
            event_id=self.event_id,
            retry_seconds=self.retry_seconds,
            most_set_aside=self.most_set_aside,
            delimiter=said_of(self.delimiter, "usage"),
            mapping=self.fields,
            caller=self.command,
            source=source,
        )
