"""What every topic of the pipeline is given: the data, checked and keyed, and what was already computed."""

from __future__ import annotations

import hashlib
import warnings
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, TypeVar

import numpy as np
import pandas as pd

from analysis.common.software import recorded, used
from analysis.pipeline.joining import (
    answers_labelled,
    refuse_joins_without_ids,
    refuse_like_waves,
    whole_labels,
)
from analysis.pipeline.ordering import by_person, most_answered_first
from analysis.planning.definition import DEFAULT, Plan
from analysis.planning.loading import Settled
from instrument.answers import coded_table, given_answers, table_of
from instrument.common.formatting import format_value
from instrument.definition import Instrument
from instrument.errors import (
    DefinitionError,
    ResponseDataError,
    ToolkitWarning,
    fact_and_hint,
    name_offenders,
)
from instrument.loading import as_instrument
from instrument.reading.raw import ReasonTable, reasons_of_table
from instrument.reading.suspicions import warn_of_keying
from instrument.reading.wave_order import WaveOrder, order_of_waves
from instrument.recognition.came_in import CAME_IN
from instrument.reduced import without_themes
from instrument.scoring.keying import as_given, keyed_numbers
from instrument.study import as_study
from instrument.study_data import StudyData

if TYPE_CHECKING:
    from analysis.adherence.design.windows import Windows
    from analysis.planning.applying import Excluded
    from analysis.usage.course import UseCourse
    from instrument.content.records import ContentRecords
    from instrument.scoring.scorecard import Scorecard
    from instrument.study import Study

T = TypeVar("T")
CONTRACT = ("participant", "wave")


@dataclass(kw_only=True)
class Context:
    """Data, definitions and options of one validation.

    Topics read it and add to it only through `once`, which keeps what another topic may need.
    """

    responses: pd.DataFrame
    scale: Instrument
    reasons: pd.DataFrame | None = None
    notes: tuple[str, ...] = ()
    checksums: dict[str, str] = field(default_factory=dict)
    usage: Any = None
    use_by_wave: Callable[[], Windows] | None = None
    use_over_time: Callable[..., UseCourse] | None = None
    outcomes: pd.DataFrame | None = None
    covariates: pd.DataFrame | None = None
    study: Study | None = None
    times: pd.DataFrame | None = None
    enrolment: pd.DataFrame | None = None
    measures: tuple[tuple[pd.DataFrame, Instrument], ...] = ()
    audit: pd.DataFrame | None = None
    content: ContentRecords | None = None
    """Records of the work on content of this instrument."""
    waves_given: tuple[Any, ...] = ()
    """Every wave of the answers, the one that most people answered first."""
    waves_named: tuple[str, ...] = ()
    seed: int = 1
    set_aside: tuple[str, ...] = ()
    """Titles of composite themes that the scale of this context lacks."""
    composite_scores: pd.DataFrame | None = None
    """Scores of these themes at the first wave, one column each, indexed by participant."""
    composite_answers: pd.DataFrame | None = None
    """Their items at the first wave, reversed ones turned."""
    composite_items: dict[str, list[str]] = field(default_factory=dict)
    """Items of these themes."""
    correlation: str | None = None
    smooth: str = "nearest"
    plan: Plan = DEFAULT
    settled: Settled = field(default_factory=Settled)
    excluded: Excluded | None = None
    """Administrations that the plan took out as careless."""
    whole: Context | None = None
    """The validation before the plan was carried out, where it follows other decisions, too."""
    came_in: dict[str, Any] = field(default_factory=dict)
    """What the file of answers held, as reading it found; empty for a table that was changed since."""
    as_given: pd.DataFrame | None = None
    """Rows before categories were merged, where the plan merges some."""
    _kept: dict[str, Any] = field(default_factory=dict)
    _ran: dict[str, set[str]] = field(default_factory=dict)

    def once(self, name: str, make: Callable[[], T]) -> T:
        """Compute something when it is first asked for; keep it and the software that ran under a name."""
        if name not in self._kept:
            with recorded() as ran:
                self._kept[name] = make()
            self._ran[name] = ran
        else:
            used(*self._ran[name])
        kept: T = self._kept[name]
        return kept

    @cached_property
    def wave_order(self) -> WaveOrder:
        """Waves in their order, and where it comes from; where none is known, those most answered first."""
        left = set(self.responses["wave"])
        present = [wave for wave in self.waves_given or pd.unique(self.responses["wave"]) if wave in left]
        declared = [wave.name for wave in self.study.waves] if self.study is not None else []
        return order_of_waves(present, declared, self.waves_named, times=self.times)

    @cached_property
    def known_covariates(self) -> pd.DataFrame | None:
        """Covariates that were given, and further columns of the answers: each person's earliest value."""
        further = [name for name in self.responses.columns if name not in {*CONTRACT, *self.scale.item_ids}]
        given = self.covariates
        if given is not None:
            further = [name for name in further if name not in given.columns]
        if not further:
            return given
        places = {wave: place for place, wave in enumerate(self.waves)}
        order = self.responses["wave"].map(places).to_numpy(dtype=float)
        in_time = self.responses.iloc[np.argsort(order, kind="stable")]
        people = in_time.groupby("participant")[further].first()
        people = people.loc[pd.Index(self.responses["participant"].dropna().unique())].reset_index()
        people["participant"] = people["participant"].astype(str)
        if given is None:
            return people
        given = given.assign(participant=given["participant"].astype(str))
        beyond = people.loc[~people["participant"].isin(given["participant"]), ["participant"]]
        everyone = pd.concat([given, beyond], ignore_index=True) if len(beyond) else given
        return everyone.merge(people, on="participant", how="left")

    @property
    def waves(self) -> list[Any]:
        """Waves in their order; where none is known, those that most people answered first."""
        return list(self.wave_order.waves)

    @cached_property
    def first_wave(self) -> Any:
        """Wave whose answers the structure is estimated on: the first at which anybody answered."""
        answered = self.responses[self.item_ids].notna().any(axis=1)
        held = set(self.responses.loc[answered, "wave"])
        return next((wave for wave in self.waves if wave in held), self.waves[0])

    def lacks_order(self) -> str:
        """Say that change cannot be told where the order of the waves is not known; empty where it is."""
        if self.wave_order.known:
            return ""
        names = listed(repr(str(wave).strip("{}")) for wave in self.waves)
        return (
            f"The order of the waves {names} is not known, so nothing is said about change: "
            "name it (dta validate --waves a,b,c, or validate(waves=…)), declare every wave in a study file, "
            "or give times with a column at or day."
        )

    def wave_name(self, wave: Any) -> str:
        """Short label of a wave in the study file, else its id; no two waves have one name."""
        return self._wave_names.get(str(wave)) or f"wave {wave}"

    @cached_property
    def _wave_names(self) -> dict[str, str]:
        """Labels without what stands in brackets, or with it, or with the id, until each is one wave's."""
        if self.study is None:
            return {}
        whole = {w.name: w.label for w in self.study.waves if w.label}
        short = {name: label.split(" (")[0] for name, label in whole.items()}
        marked = {name: f"{label} [{name}]" for name, label in whole.items()}
        for names in (short, whole, marked):
            if len(set(names.values())) == len(names):
                return names
        return {}

    def at_wave(self, wave: Any) -> pd.DataFrame:
        """Rows of one wave, indexed by participant."""
        return self.responses[self.responses["wave"] == wave].set_index("participant")

    def answered_at(self, wave: Any) -> pd.Index:
        """People who gave any answer at a wave: a row may hold none."""
        rows = self.at_wave(wave)
        return rows.index[rows[self.item_ids].notna().any(axis=1)]

    @cached_property
    def first(self) -> pd.DataFrame:
        """Rows of the first wave, indexed by participant."""
        return self.at_wave(self.first_wave)

    @property
    def first_as_given(self) -> pd.DataFrame:
        """Rows of the first wave as they were answered, before the plan merges categories."""
        rows = self.responses if self.as_given is None else self.as_given
        return rows[rows["wave"] == self.first_wave].set_index("participant")

    @cached_property
    def item_ids(self) -> list[str]:
        """Items of the instrument that the data hold."""
        return [item for item in self.scale.item_ids if item in self.responses.columns]

    def keyed(self, rows: pd.DataFrame) -> pd.DataFrame:
        """Answers as floats with reversed items turned, so a high code always means more."""
        return keyed_numbers(rows, self.scale)

    @cached_property
    def items(self) -> pd.DataFrame:
        """Keyed answers of the first wave, rows without any answer dropped."""
        return self.keyed(self.first).dropna(how="all")

    @cached_property
    def themes(self) -> dict[str, list[str]]:
        """Theme id to its items in the data, for themes with at least one."""
        lists = {
            theme.id: [item for item in self.scale.theme_items(theme.id) if item in self.item_ids]
            for theme in self.scale.themes
        }
        return {theme: items for theme, items in lists.items() if items}

    @cached_property
    def composites(self) -> dict[str, list[str]]:
        """Composite themes in the data with their items."""
        return {theme: self.themes[theme] for theme in self.scale.composite_themes if theme in self.themes}

    @property
    def _of_composites(self) -> list[str]:
        return list(dict.fromkeys(item for own in self.composites.values() for item in own))

    @cached_property
    def reflective(self) -> Context | None:
        """The same validation without composite themes; itself where there are none, None without others."""
        if not self.composites:
            return self
        if set(self.composites) == set(self.themes):
            return None
        scale = without_themes(self.scale, list(self.composites))
        gone = [item for item in self.item_ids if item not in scale.item_ids]
        reasons = self.reasons
        if reasons is not None and "item" in reasons:
            reasons = reasons[~reasons["item"].isin(gone)]
        return replace(
            self,
            scale=scale,
            responses=self.responses.drop(columns=gone),
            as_given=None if self.as_given is None else self.as_given.drop(columns=gone),
            reasons=reasons,
            set_aside=tuple(map(self.title_of, self.composites)),
            composite_scores=self.scores_at(self.first_wave)[list(self.composites)],
            composite_answers=self.keyed(self.first)[self._of_composites],
            composite_items=dict(self.composites),
            _kept={},
            _ran={},
        )

    @cached_property
    def rescale(self) -> Literal["0-100"] | None:
        """Scores are put on 0-100 where items of one score have unlike ranges."""
        groups = [*self.themes.values(), self.total_items]
        ends = [{(s.minimum, s.maximum) for s in map(self.scale.scale_of, items)} for items in groups]
        return "0-100" if any(len(group) > 1 for group in ends) else None

    @property
    def answers(self) -> pd.DataFrame:
        """Copy of the answers that carries why some are missing, as scoring and screening ask for it."""
        answers = (self.responses if self.as_given is None else self.as_given).copy()
        if self.reasons is not None:
            answers.attrs["reasons"] = ReasonTable(self.reasons)
        return answers

    @cached_property
    def card(self) -> Scorecard:
        """Scores of every administration by the instrument's rule."""
        from instrument.scoring.score import score

        with warnings.catch_warnings():
            # Answers that look keyed already were named when they came in.
            warnings.filterwarnings(
                "ignore", message=r"score: .*item-rest correlation", category=ToolkitWarning
            )
            return score(self.answers, self.scale, rescale=self.rescale)

    def scores_at(self, wave: Any) -> pd.DataFrame:
        """Theme scores, and the total where there is one, of one wave; indexed by participant."""
        frame = self.card.scores
        return frame[frame["wave"] == wave].set_index("participant")[self.card.names]

    @cached_property
    def total_items(self) -> list[str]:
        """Items that make the total; every item where the instrument has none."""
        themes = self.scale.total_themes
        wanted = [item for theme in themes for item in self.themes.get(theme, [])]
        return list(dict.fromkeys(wanted)) or self.item_ids

    @property
    def labels(self) -> dict[str, str]:
        """What readers call columns of covariates and outcomes: by the study file, else by their names."""
        tables = [table for table in (self.known_covariates, self.outcomes) if table is not None]
        columns = [str(name) for table in tables for name in table.columns if name not in CONTRACT]
        said = self.study.labels if self.study is not None else {}
        return {name: said.get(name, name.replace("_", " ")) for name in dict.fromkeys(columns)}

    @property
    def outcome_label(self) -> str:
        """What readers call the outcome of the study; empty where there is none."""
        outcome = (self.study.outcome if self.study is not None else None) or ""
        return self.labels.get(outcome, outcome)

    @property
    def told_scores(self) -> list[str]:
        """Scores, without a total that is the score of the only theme once more."""
        again = len(self.scale.total_themes) == 1
        return [name for name in self.card.names if not (again and name == "total")]

    def title_of(self, theme: str) -> str:
        """Title of a theme, or of the total; with its id where another has the same."""
        return self._titles[theme]

    @cached_property
    def _titles(self) -> dict[str, str]:
        titles = {"total": "Total"} | {theme.id: theme.title for theme in self.scale.themes}
        read = {name: " ".join(title.casefold().split()) for name, title in titles.items()}
        counts = Counter(read.values() if self.scale.total_themes else list(read.values())[1:])
        return {
            name: f"{title} ({name})" if counts[read[name]] > 1 else title for name, title in titles.items()
        }


def checksum_of(frame: pd.DataFrame) -> str:
    """SHA-256 of a table as CSV: the fingerprint of data that came without a file."""
    return hashlib.sha256(frame.to_csv(index=False).encode()).hexdigest()


def build_context(
    data: StudyData, *, seed: int, correlation: str | None = None, smooth: str = "nearest"
) -> Context:
    """Check what `validate` was given and gather it.

    Parameters
    ----------
    data
        The study.
    seed, correlation, smooth
        As `validate` takes them.

    Returns
    -------
    Context
        Of every topic.

    Raises
    ------
    ResponseDataError
        A column of the contract is absent or the table is empty.
    """
    scale, usage = data.scale, data.usage
    responses = table_of(data.responses, "validate", "responses")
    needed = ["participant", "wave", *as_instrument(scale, "validate").item_ids]
    absent = [column for column in needed if column not in responses.columns]
    if absent:
        fact = f"{len(absent)} of {len(needed)} columns are absent: {name_offenders(absent)}."
        hint = f"read the file with instrument.read_responses for instrument {scale.id!r}."
        raise ResponseDataError(fact_and_hint("validate", fact, hint))
    if responses.empty:
        raise ResponseDataError(
            fact_and_hint("validate", "the table of answers has no rows.", "check the file.")
        )
    coded = coded_table(responses, scale, "validate")
    suspicions = warn_of_keying("validate", coded, scale)
    responses = answers_labelled(as_given(coded))
    sides = {name: getattr(data, name) for name in ("outcomes", "covariates", "times", "enrolment")}
    tables = {n: None if t is None else whole_labels(table_of(t, "validate", n)) for n, t in sides.items()}
    others = [
        (answers_labelled(_given_measure(answers, other)), other) for answers, other in _pairs(data.measures)
    ]
    study = as_study(data.study) if data.study is not None else None
    matched = refuse_joins_without_ids(responses, tables, others, usage=usage is not None, scale=scale)
    matched += refuse_like_waves(responses, study)
    attrs = responses.attrs
    bare = responses.copy()
    bare.attrs = {}
    checksums = {"responses": str(attrs.get("checksum") or checksum_of(bare))}
    for name, given in {"usage": usage, **tables, "audit": data.audit}.items():
        table = getattr(given, "people", given)  # of a usage log summarised already
        if isinstance(table, pd.DataFrame):
            checksums[name] = str(table.attrs.get("checksum") or checksum_of(table))
    records = None if data.content is None else _fitting_content(data.content, scale)
    if records is not None:
        checksums["content"] = records.checksum
    notes = [*attrs.get("notes", ()), *(f"suspicion: {suspicion}" for suspicion in suspicions)]
    for answers, other in others:
        notes += answers.attrs.get("notes", ())
        checksums[f"measure {other.id}"] = _checked_measure(answers, other)
    notes += matched
    tables = {name: None if table is None else by_person(table) for name, table in tables.items()}
    return Context(
        responses=by_person(bare),
        scale=scale,
        reasons=reasons_of_table(responses),
        notes=tuple(dict.fromkeys(notes)),
        checksums=checksums,
        usage=usage,
        use_by_wave=data.use_by_wave,
        use_over_time=data.use_over_time,
        outcomes=tables["outcomes"],
        covariates=tables["covariates"],
        study=study,
        times=tables["times"],
        enrolment=tables["enrolment"],
        audit=data.audit,
        content=records,
        came_in=known_arrival(responses),
        measures=tuple((by_person(answers), other) for answers, other in others),
        waves_given=most_answered_first(bare, scale.item_ids),
        waves_named=tuple(data.waves),
        seed=seed,
        correlation=correlation,
        smooth=smooth,
    )


def known_arrival(answers: pd.DataFrame) -> dict[str, Any]:
    """Give what the file of a table held; nothing where rows were taken out or put in since it was read."""
    found = answers.attrs.get(CAME_IN)
    return dict(found) if found and found["administrations"] == len(answers) else {}


def _fitting_content(content: ContentRecords | str | Path, scale: Instrument) -> ContentRecords:
    """Read the records of the work on content, and refuse those of another instrument or version."""
    from instrument.content.records import ContentRecords, load_content

    records = content if isinstance(content, ContentRecords) else load_content(content)
    if records.scale.content_hash != scale.content_hash:
        of = f"{records.scale.id} {records.scale.version}"
        fact = f"the work on content is about {of}, and these answers are to {scale.id} {scale.version}"
        same = " (one version with two wordings)" if of == f"{scale.id} {scale.version}" else ""
        hint = "name the version in content.yaml that was worked on, or leave content out."
        raise DefinitionError(fact_and_hint("validate", f"{fact}{same}.", hint))
    return records


def _pairs(measures: Iterable[Any]) -> list[tuple[pd.DataFrame, Instrument]]:
    """Refuse other questionnaires that are no pairs of answers and instrument."""
    given = list(measures)
    if any(not isinstance(pair, tuple | list) or len(pair) != 2 for pair in given):
        fact = "measures holds something other than pairs of answers and instrument."
        raise DefinitionError(fact_and_hint("validate", fact, "give measures=[(answers, instrument), …]."))
    return [(answers, as_instrument(other, "validate")) for answers, other in given]


def _given_measure(answers: pd.DataFrame, other: Instrument) -> pd.DataFrame:
    """Refuse another questionnaire whose columns are absent; give its answers as they were given."""
    table = table_of(answers, "validate", "measures")
    needed = ["participant", "wave", *other.item_ids]
    if absent := [column for column in needed if column not in table.columns]:
        fact = f"{len(absent)} columns of the measure {other.id!r} are absent: {name_offenders(absent)}."
        raise ResponseDataError(fact_and_hint("validate", fact, "read it with instrument.read_responses."))
    return given_answers(table, other, "validate")


def _checked_measure(answers: pd.DataFrame, other: Instrument) -> str:
    """Refuse another questionnaire whose people repeat; give its checksum."""
    if doubled := int(answers.duplicated(["participant", "wave"]).sum()):
        fact = f"{doubled} rows of the measure {other.id!r} repeat a participant at a wave."
        raise ResponseDataError(fact_and_hint("validate", fact, "keep one row for each."))
    bare = answers.copy()
    bare.attrs = {}
    return str(answers.attrs.get("checksum") or checksum_of(bare))


def counted(key: str, number: int, noun: str) -> str:
    """Place for a count with its noun in the right number: `{waves:int} waves`."""
    return f"{{{key}:int}} {noun}" + ("" if number == 1 else "s")


def listed(words: Iterable[str]) -> str:
    """Join words as a sentence does: `a, b and c`."""
    every = list(words)
    if len(every) < 2:
        return "".join(every)
    return f"{', '.join(every[:-1])} and {every[-1]}"


def is_printed_alike(one: Any, other: Any, form: str) -> bool:
    """Say whether two numbers are the same to a reader."""
    return format_value(one, form) == format_value(other, form)


def ranged(key: str, values: Mapping[str, Any], number: int, among: int) -> str:
    """Say from where to where a coefficient runs over themes; of one theme, what it is.

    Parameters
    ----------
    key
        Of the values `KEY_lowest`, `KEY_highest`, and of the themes `KEY_lowest_theme`, `KEY_highest_theme`.
    values
        What fills the sentence.
    number
        Of themes that have one.
    among
        Of all themes.

    Returns
    -------
    str
        End of a sentence, with its places to be filled.

    Examples
    --------
    >>> ranged("alpha", {"alpha_lowest": 0.71, "alpha_highest": 0.9}, 2, 2)
    'runs from {alpha_lowest:r2} ({alpha_lowest_theme}) to {alpha_highest:r2} ({alpha_highest_theme}).'
    >>> ranged("alpha", {"alpha_lowest": 0.931, "alpha_highest": 0.934}, 2, 2)
    'is {alpha_lowest:r2} in each theme.'
    >>> ranged("alpha", {"alpha_lowest": 0.931, "alpha_highest": 0.934}, 2, 3)
    'is {alpha_lowest:r2} in each theme that has one.'
    """
    lowest = f"{{{key}_lowest:r2}} ({{{key}_lowest_theme}})"
    if number < 2:
        return f"is {lowest}."
    if is_printed_alike(values[f"{key}_lowest"], values[f"{key}_highest"], "r2"):
        return f"is {{{key}_lowest:r2}} in each theme{' that has one' if number < among else ''}."
    return f"runs from {lowest} to {{{key}_highest:r2}} ({{{key}_highest_theme}})."
