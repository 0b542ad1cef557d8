"""The study file: who is asked what and when, what use is intended, and why."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from datetime import date
from enum import StrEnum
from functools import cached_property
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import Field, ValidationError, model_validator

from instrument.definition import FolderBeside, Identifier, LanguageTag, Model, Text
from instrument.enrolment import Enrolment
from instrument.errors import DefinitionError, fact_and_hint, kind_of
from instrument.forms import Form, questions_of_instrument
from instrument.loading import faults_of, load_beside, read_yaml
from instrument.messaging.messages import Messages, Notices, TimeZone
from instrument.messaging.prompts import Between, unfolded

Day = Annotated[int, Field(ge=0, le=36_500)]
Positive = Annotated[float, Field(gt=0, allow_inf_nan=False)]
LAST_EVENT = "last_event"
# Keys added later: left out of what is hashed where they say nothing, so that older files keep their hash.
ADDED: dict[str, object] = {
    "observed_until": None,
    "day_zero": "enrolment",
    "cluster": None,
    "numbers": [],
    "ends_well": None,
    "unrelated_kind": None,
    "unrelated_rating": None,
    "pause_days": None,
    "messages": None,
    "draft_languages": [],
    "forms": [],
    "zone": "UTC",
    "enrolment": None,
    "notices": None,
    "timing": False,
    "offline": False,
    "labels": {},
    "content": None,
    "titles": {},
    "contacts": {},
}
ADDED_TO_WAVES: dict[str, object] = {"after": None, "scale": True, "between": None}


class DayZero(StrEnum):
    """What a person's day 0 is; every day of the study counts from it."""

    ENROLMENT = "enrolment"
    FIRST_USE = "first_use"
    FIRST_ANSWER = "first_answer"


class After(Model):
    """Days on which a wave is open, after the person's answers at another wave or first event of a kind."""

    wave: Identifier | int | None = None
    event: Annotated[Text, Field(max_length=64)] | None = None
    days: tuple[Day, Day]

    @model_validator(mode="after")
    def _check_order(self) -> Self:
        if self.days[0] > self.days[1]:
            raise ValueError(f"days: the first, {self.days[0]}, lies after the last, {self.days[1]}")
        if (self.wave is None) == (self.event is None):
            raise ValueError("give either wave or event")
        return self


class Wave(Model):
    """One occasion of asking; days count from day 0 of the person.

    With `after`, a person's own window counts from that person's answers at another wave; `opens` and
    `closes` then say on which days of the study anyone's window may lie. Without `scale`
    only forms are asked. `between` names the hours of each day in which it is open.
    """

    id: Identifier | int
    label: str = ""
    day: Day
    opens: Day
    closes: Day
    role: Literal["main", "retest"] = "main"
    after: After | None = None
    scale: bool = True
    between: Between | None = None

    @model_validator(mode="after")
    def _check_window(self) -> Self:
        if not self.opens <= self.day <= self.closes:
            raise ValueError(f"the window {self.opens}-{self.closes} does not hold day {self.day}")
        return self

    @property
    def name(self) -> str:
        """Id as text, as it stands in the wave column."""
        return str(self.id)


class Consent(Model):
    """Text agreed to, in each language."""

    version: Text
    text: dict[LanguageTag, Text] = Field(default_factory=dict)

    def hash_of(self, language: str) -> str:
        """SHA-256 of the text in one language, kept with each person's choice."""
        return hashlib.sha256(f"{self.version}\n{self.text[language]}".encode()).hexdigest()


class IntendedUse(Model):
    """How much use is meant to be enough, and the reason (Sieverink et al. 2017, 10.2196/jmir.8578)."""

    unit: Literal["sessions", "modules", "active_days", "minutes", "logins"]
    amount: Positive
    weeks: Annotated[int, Field(gt=0)]
    per_week: Positive | None = None
    justification: Annotated[Text, Field(min_length=20)]

    @model_validator(mode="after")
    def _check_schedule(self) -> Self:
        if self.per_week is not None and abs(self.per_week * self.weeks - self.amount) > 1e-9 * self.amount:
            raise ValueError(f"per_week times {self.weeks} weeks is not the amount {self.amount:g}")
        return self


class AdherenceRule(Model):
    """Share of the intended use from which a person counts as adherent."""

    metric: Literal["sessions", "modules", "active_days", "minutes", "logins"]
    threshold: Annotated[float, Field(gt=0, le=1)]
    justification: Annotated[Text, Field(min_length=20)]


class Landmark(Model):
    """Wave at which alliance is measured; use counts as outcome only after `day`."""

    wave: Identifier | int
    day: Annotated[int, Field(gt=0)]


class Hypothesis(Model):
    """One expectation written down before the data are seen."""

    id: Identifier
    text: Text
    measure: str = ""
    expected: str = ""


class ItemOrder(Model):
    """Order in which items are shown, and how many on a page."""

    policy: Literal["fixed", "within_theme", "overall"] = "fixed"
    per_page: Annotated[int, Field(ge=1, le=8)] = 6


class Study(Model):
    """A study of an app with one instrument."""

    schema_version: Literal[1] = Field(alias="schema")
    id: Identifier
    title: Text
    instrument: Text
    synthetic: bool = False
    notice: str = ""
    languages: tuple[LanguageTag, ...] = Field(default=("en",), min_length=1)
    waves: tuple[Wave, ...] = Field(min_length=1)
    item_order: ItemOrder = ItemOrder()
    consent: Consent | None = None
    crisis: dict[LanguageTag, str] = Field(default_factory=dict)
    contact: str = ""
    app: str = ""
    study_days: Annotated[int, Field(gt=0)]
    session_gap_minutes: Positive = 30.0
    gap_days: Annotated[int, Field(gt=0)] = 14
    pause_days: Annotated[int, Field(gt=0)] | None = None
    intended_use: IntendedUse
    adherence: AdherenceRule
    landmark: Landmark | None = None
    baseline: tuple[str, ...] = ()
    outcome: str | None = None
    covariates: tuple[str, ...] = ()
    day_zero: DayZero = DayZero.ENROLMENT
    numbers: tuple[str, ...] = ()
    cluster: str | None = None
    observed_until: (
        date | Annotated[float, Field(ge=0, allow_inf_nan=False)] | Literal["last_event"] | None
    ) = None
    ends_well: Annotated[tuple[Text, ...], Field(min_length=1)] | None = None
    unrelated_kind: Annotated[Text, Field(max_length=64)] | None = None
    unrelated_rating: Annotated[Text, Field(max_length=64)] | None = None
    hypotheses: tuple[Hypothesis, ...] = ()
    messages: Messages | None = None
    draft_languages: tuple[LanguageTag, ...] = ()
    forms: tuple[Form, ...] = ()
    zone: TimeZone = "UTC"
    enrolment: Enrolment | None = None
    notices: Notices | None = None
    timing: bool = False
    offline: bool = False
    labels: dict[Text, Annotated[Text, Field(max_length=60)]] = Field(default_factory=dict)
    """What readers call a column of covariates or outcomes."""
    content: FolderBeside | None = None
    titles: dict[LanguageTag, Text] = Field(default_factory=dict)
    contacts: dict[LanguageTag, Text] = Field(default_factory=dict)
    """Title and contact in the languages in which `title` and `contact` are not written."""

    @model_validator(mode="before")
    @classmethod
    def _unfold(cls, raw: Any) -> Any:
        return unfolded(raw)

    @model_validator(mode="after")
    def _check_whole(self) -> Self:
        faults = [
            *_doubled_faults(self),
            *_language_faults(self),
            *_wave_faults(self),
            *_after_faults(self),
            *_landmark_faults(self),
            *_use_faults(self),
            *_form_faults(self),
        ]
        if faults:
            raise ValueError("; ".join(faults))
        return self

    def wave(self, name: str) -> Wave:
        """Wave with this id; KeyError when there is none."""
        return {wave.name: wave for wave in self.waves}[name]

    def title_in(self, language: str) -> str:
        """Title as people meet it in a language: of `titles`, else `title`."""
        return self.titles.get(language, self.title)

    def contact_in(self, language: str) -> str:
        """Whom people may ask, in a language: of `contacts`, else `contact`."""
        return self.contacts.get(language, self.contact)

    @property
    def longest_without_pause(self) -> int:
        """Days without use beyond which somebody is taken to pause: `pause_days`, else `gap_days`."""
        return self.gap_days if self.pause_days is None else self.pause_days

    @property
    def rated_waves(self) -> list[Wave]:
        """Main waves at which the scale is asked; the others hold no answers that are scored."""
        return [wave for wave in self.waves if wave.role == "main" and wave.scale]

    def forms_at(self, wave: str, place: str | None = None) -> list[Form]:
        """Forms asked at a wave: those before the scale first, or those of one place."""
        asked = [form for form in self.forms if wave in [str(name) for name in form.waves]]
        return [
            form for where in ("before", "after") for form in asked if form.place == where == (place or where)
        ]

    def asks_scale(self, wave: str) -> bool:
        """Whether the scale is asked at a wave; True for a wave the file does not name."""
        return all(one.scale for one in self.waves if one.name == wave)

    @cached_property
    def content_hash(self) -> str:
        """SHA-256 of everything the file says."""
        return hashlib.sha256(self.to_json().encode()).hexdigest()

    def to_json(self) -> str:
        """Give the whole definition as canonical JSON, the form kept in the store."""
        said = self.model_dump(mode="json", by_alias=True)
        said = {key: value for key, value in said.items() if key not in ADDED or value != ADDED[key]}
        if (
            "enrolment" in said
            and said["enrolment"]["per_hour"] == Enrolment.model_fields["per_hour"].default
        ):
            del said["enrolment"]["per_hour"]
        if said.get("messages") and not said["messages"]["sms"]:
            del said["messages"]["sms"]
        for wave in said["waves"]:
            for key in ("wave", "event"):
                if wave["after"] is not None and wave["after"][key] is None:
                    del wave["after"][key]
            for key, unsaid in ADDED_TO_WAVES.items():
                if wave[key] == unsaid:
                    del wave[key]
        return json.dumps(said, sort_keys=True, ensure_ascii=False)

    def faults_before_opening(self) -> list[str]:
        """Name what is still missing before people may be invited.

        Returns
        -------
        list of str
            Empty when the study may open: consent and crisis text stand in every language.
        """
        faults = []
        for tag in self.languages:
            if self.consent is None or not self.consent.text.get(tag, "").strip():
                faults.append(f"consent.text.{tag}: is empty")
            if not self.crisis.get(tag, "").strip():
                faults.append(f"crisis.{tag}: is empty; say where help is found, at any hour")
        if self.messages is not None:
            faults += self.messages.faults_in(self.languages)
        if self.enrolment is not None:
            faults += [f"enrolment.{fault}" for fault in self.enrolment.faults_in(self.languages)]
        for place, form in enumerate(self.forms):
            faults += [f"forms[{place}].{fault}" for fault in form.faults_in(self.languages)]
        if not self.contact.strip():
            faults.append("contact: is empty; people need someone to ask")
        return faults


def _doubled_faults(study: Study) -> list[str]:
    lists: dict[str, list[str]] = {
        "waves": [wave.name for wave in study.waves],
        "languages": list(study.languages),
        "hypotheses": [hypothesis.id for hypothesis in study.hypotheses],
        "baseline": list(study.baseline),
        "covariates": list(study.covariates),
        "numbers": list(study.numbers),
        "forms": [form.id.lower() for form in study.forms],
    }
    return [
        f"{key}: {name!r} is used twice"
        for key, names in lists.items()
        for name, count in Counter(names).items()
        if count > 1
    ]


def _language_faults(study: Study) -> list[str]:
    kept = {"titles": study.titles, "contacts": study.contacts}
    return [
        f"{key}.{tag}: is none of the languages ({', '.join(study.languages)})"
        for key, texts in kept.items()
        for tag in texts
        if tag not in study.languages
    ]


def _wave_faults(study: Study) -> list[str]:
    faults = []
    days = [wave.day for wave in study.waves]
    if days != sorted(days):
        faults.append("waves: must stand in the order of their days")
    if late := [wave.name for wave in study.waves if wave.opens > study.study_days + 366]:
        faults.append(f"waves: {late[0]!r} opens long after the study's end")
    return faults


def _after_faults(study: Study) -> list[str]:
    faults = []
    earlier: dict[str, Wave] = {}
    for place, wave in enumerate(study.waves):
        if wave.after is not None and wave.after.event is None:
            name, (low, high) = str(wave.after.wave), wave.after.days
            first = earlier.get(name)
            if first is None:
                faults.append(f"waves[{place}].after.wave: {name!r} is no wave before it")
            elif wave.opens > first.opens + low or wave.closes < first.closes + high:
                needed = f"{first.opens + low}-{first.closes + high}"
                faults.append(
                    f"waves[{place}]: the window {wave.opens}-{wave.closes} does not hold the days {needed} "
                    "on which `after` may open it"
                )
        earlier[wave.name] = wave
    if study.day_zero is DayZero.FIRST_ANSWER and study.waves[0].opens > 0:
        faults.append("waves[0].opens: must be 0 where day_zero is first_answer, or no one could begin")
    return faults


def _form_faults(study: Study) -> list[str]:
    names = {wave.name for wave in study.waves}
    faults = [
        f"forms[{place}].waves: {str(name)!r} is not a wave"
        for place, form in enumerate(study.forms)
        for name in form.waves
        if str(name) not in names
    ]
    faults += [
        f"waves[{place}]: asks nothing, neither the scale nor a form"
        for place, wave in enumerate(study.waves)
        if not wave.scale and not study.forms_at(wave.name)
    ]
    faults += [
        f"waves[{place}].between: only where the scale is not asked; it is no matter of a few minutes"
        for place, wave in enumerate(study.waves)
        if wave.between is not None and wave.scale
    ]
    if not any(wave.scale for wave in study.waves):
        faults.append("waves: the scale is asked at none of them")
    return faults


def _landmark_faults(study: Study) -> list[str]:
    if study.landmark is None:
        return []
    faults = []
    name = str(study.landmark.wave)
    wave = {wave.name: wave for wave in study.waves}.get(name)
    if wave is None:
        faults.append(f"landmark.wave: {name!r} is not a wave")
    elif not wave.scale:
        faults.append(f"landmark.wave: {name!r} does not ask the scale")
    elif wave.role == "retest":
        faults.append(f"landmark.wave: {name!r} is a retest, which only some people answer")
    elif study.landmark.day < wave.closes:
        faults.append("landmark.day: lies before the close of its wave; outcome and predictor would overlap")
    if study.landmark.day >= study.study_days:
        faults.append("landmark.day: no day is left after it")
    return faults


def _use_faults(study: Study) -> list[str]:
    faults = []
    if study.gap_days >= study.study_days:
        faults.append("gap_days: is as long as the study, so nobody could be seen to stop")
    if study.pause_days is not None and study.pause_days >= study.study_days:
        faults.append("pause_days: is as long as the study, so nobody could be seen to come back")
    if 7 * study.intended_use.weeks > study.study_days:
        weeks = study.intended_use.weeks
        faults.append(f"intended_use.weeks: {weeks} weeks do not fit into study_days {study.study_days}")
    return faults


def load_study(path: str | Path) -> Study:
    """Read a study file and check it whole.

    Parameters
    ----------
    path
        A YAML file, `schema: 1`.

    Returns
    -------
    Study
        Frozen definition.

    Raises
    ------
    DefinitionError
        The file is absent, is not YAML, or says something impossible; each fault with its path.
    """
    file = Path(path)
    if not file.is_file():
        fact = f"there is no file {file.name}."
        raise DefinitionError(fact_and_hint("load_study", fact, "give the path of a study.yaml."))
    return make_study(read_yaml(file, "load_study"), file.name)


def with_form_questions(study: Study, folder: Path) -> Study:
    """Copy the items of other instruments into the forms that name one.

    Parameters
    ----------
    study
        As read from its file.
    folder
        Folder of that file.

    Returns
    -------
    Study
        The same where no form names an instrument.

    Raises
    ------
    DefinitionError
        An instrument is not there, or lacks a language of the study.
    """
    forms = []
    for form in study.forms:
        if form.questions or form.instrument is None:
            forms.append(form)
            continue
        scale = load_beside(form.instrument, folder)
        if absent := [tag for tag in study.languages if tag not in scale.languages]:
            fact = f"form {form.id!r}: its instrument has no wording in {', '.join(absent)}."
            raise DefinitionError(fact_and_hint("load_study", fact, f"it has: {', '.join(scale.languages)}."))
        questions = questions_of_instrument(scale, study.languages)
        forms.append(form.model_copy(update={"questions": questions}))
    return study.model_copy(update={"forms": tuple(forms)})


def as_study(study: Study | dict[str, Any] | str | Path) -> Study:
    """Give a study, whatever form it came in.

    Parameters
    ----------
    study
        A study, its file, or what the file would hold.

    Returns
    -------
    Study
        Frozen definition.

    Raises
    ------
    DefinitionError
        As `load_study` and `make_study`.
    """
    if isinstance(study, (str, Path)):
        return load_study(study)
    if isinstance(study, dict):
        return make_study(study)
    if not isinstance(study, Study):
        fact = f"a study is needed, got {kind_of(study)}."
        raise DefinitionError(
            fact_and_hint("as_study", fact, "give a study, its file or what it would hold.")
        )
    return study


def make_study(raw: dict[str, Any], name: str = "study.yaml") -> Study:
    """Check a study given as plain data.

    Parameters
    ----------
    raw
        What the YAML file would hold.
    name
        Named in messages.

    Returns
    -------
    Study
        Frozen definition.

    Raises
    ------
    DefinitionError
        Something is missing or impossible.
    """
    try:
        return Study.model_validate(raw)
    except ValidationError as error:
        faults = faults_of(error, Study)
        shown = "\n".join(f"  {fault}" for fault in faults[:5])
        more = f"\n  and {len(faults) - 5} more" if len(faults) > 5 else ""
        fact = f"{len(faults)} fault{'s' if len(faults) != 1 else ''} in {name}.\n{shown}{more}"
        hint = "mend them; docs/study_files.md describes every key."
        raise DefinitionError(fact_and_hint("load_study", fact, hint)) from None
