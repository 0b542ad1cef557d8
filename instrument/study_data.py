"""Everything of one study that an analysis takes, as one object."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd

from instrument.definition import Instrument

if TYPE_CHECKING:
    from instrument.content.records import ContentRecords
    from instrument.study import Study


@dataclass(frozen=True, slots=True, kw_only=True, eq=False, repr=False)
class StudyData:
    """The tables of one study and what they belong to.

    `validate` takes it in place of its tables; `dataclasses.replace` gives one with another table.

    Attributes
    ----------
    responses : pandas.DataFrame, one row per administration
        As read by `instrument.read_responses`: participant, wave, then one column per item.
    scale : Instrument
        What was asked.
    study : Study, optional
        Waves, windows and intended use.
    usage : pandas.DataFrame or UsageSummary, optional
        Usage events (participant, kind, day since day 0, duration), or their summary.
    outcomes : pandas.DataFrame, optional
        One row per participant.
    covariates : pandas.DataFrame, optional
        One row per participant.
    times : pandas.DataFrame, optional
        participant, wave, seconds: how long each administration took.
    enrolment : pandas.DataFrame, optional
        participant, one row for everyone enrolled; `withdrawn_day` where someone left.
    audit : pandas.DataFrame, optional
        Ratings of an app's features by two raters.
    content : ContentRecords or path, optional
        Records of the work on content, or their folder.
    measures : tuple of (DataFrame, Instrument)
        Other questionnaires of the same people: answers and instrument of each.
    waves : tuple of str
        Names of the waves in their order, where no study file declares it.
    use_by_wave, use_over_time : callable, optional
        Where `usage` is a summary: what reads the log again, between waves and around landmarks.
    set_aside : tuple of str
        What was left out of the answers, in words.

    Examples
    --------
    >>> import instrument
    >>> import pandas as pd
    >>> scale = instrument.load("dta@0.2.0")
    >>> answers = pd.DataFrame({"participant": ["a", "b"], "wave": ["t1", "t1"]})
    >>> StudyData(responses=answers, scale=scale, covariates=answers[["participant"]])
    StudyData: dta 0.2.0, 2 administrations of 2 people; with covariates (2 rows)
    """

    responses: pd.DataFrame
    scale: Instrument
    study: Study | None = None
    usage: Any = None
    outcomes: pd.DataFrame | None = None
    covariates: pd.DataFrame | None = None
    times: pd.DataFrame | None = None
    enrolment: pd.DataFrame | None = None
    audit: pd.DataFrame | None = None
    content: ContentRecords | str | Path | None = None
    measures: tuple[tuple[pd.DataFrame, Instrument], ...] = ()
    waves: tuple[str, ...] = ()
    use_by_wave: Callable[..., Any] | None = None
    use_over_time: Callable[..., Any] | None = None
    set_aside: tuple[str, ...] = ()

    def __repr__(self) -> str:
        """Say how much there is; nobody's answers."""
        who = ""
        if isinstance(self.responses, pd.DataFrame) and "participant" in self.responses:
            people = self.responses["participant"].nunique()
            counted = _counted(people, "person", "people")
            who = f", {_counted(len(self.responses), 'administration')} of {counted}"
        beside = []
        for name in (field.name for field in fields(self)):
            given = getattr(self, name)
            if name in ("responses", "scale", "waves", "set_aside", "use_by_wave", "use_over_time"):
                continue
            if isinstance(given, pd.DataFrame):
                beside.append(f"{name} ({_counted(len(given), 'row')})")
            elif given is not None and given != ():
                beside.append(name)
        of = f"{getattr(self.scale, 'id', '?')} {getattr(self.scale, 'version', '')}".strip()
        return f"StudyData: {of}{who}{'; with ' + ', '.join(beside) if beside else ''}"

    def _repr_html_(self) -> str:
        """Give the same line to a notebook."""
        from html import escape

        return f"<p>{escape(repr(self))}</p>"


def _counted(n: int, one: str, many: str = "") -> str:
    return f"{n:,} {one if n == 1 else many or one + 's'}"
