"""Models of an instrument: what is asked, on which scale, and how it is scored."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Mapping
from functools import cached_property
from typing import Annotated, Any, Literal, Self

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    StringConstraints,
    field_validator,
    model_validator,
)

from instrument.content.translations import texts_missing
from instrument.errors import name_offenders

SCHEMA_VERSION = 1

Identifier = Annotated[str, StringConstraints(pattern=r"^[A-Za-z][A-Za-z0-9_]{0,63}$")]
LanguageTag = Annotated[str, StringConstraints(pattern=r"^[A-Za-z]{2,3}(-[A-Za-z0-9]{2,8})*$")]
Text = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1)]


def _stays_beside(value: str) -> str:
    """A file that was handed over must not lead to other folders of whoever reads it."""
    if "\\" in value or ":" in value or value.startswith(("/", "~")) or ".." in value.split("/"):
        raise ValueError("must be a folder beside the file or within such a folder, as work/content")
    return value


FolderBeside = Annotated[Text, Field(max_length=200), AfterValidator(_stays_beside)]
"""A folder that a file names: beside it or below, nowhere else."""
Grade = Literal["S", "P"]
MissingReason = Literal["skipped", "not_seen", "not_applicable", "declined"]
Criterion = Literal["outcome", "use"]
RESERVED_COLUMNS = ("participant", "wave", "total", "id")


class Model(BaseModel):
    """Frozen base: unknown keys are refused, so a misspelt key cannot be lost."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    def model_copy(self, *, update: Mapping[str, Any] | None = None, deep: bool = False) -> Self:
        """Copy with other values; what was worked out from the former ones is worked out anew."""
        copied = super().model_copy(update=update, deep=deep)
        for name in {*vars(copied)} - {*type(self).model_fields}:
            del copied.__dict__[name]
        return copied


class Option(Model):
    """One answer on the response scale."""

    code: int
    label: Text


class OutsideOption(Option):
    """An answer offered beside the scale; it is stored as missing, with this reason."""

    reason: MissingReason


class ResponseScale(Model):
    """Labelled options in their order, with the options outside the scale.

    `options` may be written as a mapping `{1: never, 2: always}`.
    """

    options: tuple[Option, ...] = Field(min_length=2, max_length=11)
    outside: tuple[OutsideOption, ...] = ()

    @field_validator("options", mode="before")
    @classmethod
    def _from_mapping(cls, value: Any) -> Any:
        if isinstance(value, dict):
            return [{"code": code, "label": label} for code, label in value.items()]
        return value

    @model_validator(mode="after")
    def _check_codes(self) -> Self:
        codes = [option.code for option in self.options]
        if codes != sorted(set(codes)):
            raise ValueError("option codes must rise strictly from the first to the last")
        if (doubled := _doubled(codes + [option.code for option in self.outside])) != []:
            raise ValueError(f"codes are used twice: {name_offenders(doubled)}")
        if (doubled := _doubled([option.label for option in (*self.options, *self.outside)])) != []:
            raise ValueError(f"labels are used twice: {name_offenders(doubled)}")
        return self

    @property
    def codes(self) -> tuple[int, ...]:
        """Codes of the options on the scale, rising."""
        return tuple(option.code for option in self.options)

    @property
    def minimum(self) -> int:
        """Lowest code."""
        return self.options[0].code

    @property
    def maximum(self) -> int:
        """Highest code."""
        return self.options[-1].code

    @property
    def n_options(self) -> int:
        """Number of options on the scale."""
        return len(self.options)

    def label_of(self, code: int) -> str:
        """Label of a code, on the scale or outside it."""
        for option in (*self.options, *self.outside):
            if option.code == code:
                return option.label
        raise KeyError(code)


class ReaderFlag(Model):
    """Whether a doubt about how the people asked will read an item is open, and why.

    `open`: to be reworded or tested before use; `closed`: looked at, and why it stands.
    """

    state: Literal["open", "closed"]
    reason: Text


class Item(Model):
    """One question.

    `criterion` names what the item comes near to in content, so that a relation of its theme to it is partly
    a relation of the criterion to itself: `outcome` (benefit, hope) or `use` (persistence). `reader` is the
    state of doubts about the people who will read it. `column` names the item's column in files that call it
    otherwise, `labels` what texts of such files mean.
    """

    id: Identifier
    text: Text
    facet: Identifier | None = None
    reverse: bool = False
    scale: Identifier | None = None
    also_in: tuple[Identifier, ...] = ()
    alliance: tuple[Text, ...] = ()
    psd: tuple[Text, ...] = ()
    criterion: tuple[Criterion, ...] = ()
    reader: ReaderFlag | None = None
    grade: Grade | None = None
    rationale: str = ""
    column: tuple[Text, ...] = ()
    labels: dict[Text, int] = Field(default_factory=dict)

    @field_validator("column", mode="before")
    @classmethod
    def _one_or_several(cls, value: Any) -> Any:
        return (value,) if isinstance(value, str) else value

    @field_validator("labels", mode="before")
    @classmethod
    def _texts(cls, value: Any) -> Any:
        return {str(text): code for text, code in value.items()} if isinstance(value, dict) else value

    @field_validator("criterion")
    @classmethod
    def _named_once(cls, value: tuple[Criterion, ...]) -> tuple[Criterion, ...]:
        if doubled := _doubled(list(value)):
            raise ValueError(f"named twice: {name_offenders(doubled)}")
        return value

    @field_validator("id")
    @classmethod
    def _not_reserved(cls, value: str) -> str:
        if value.lower() in RESERVED_COLUMNS:
            raise ValueError(f"{value!r} is a column of every response table; choose another id")
        return value


class Facet(Model):
    """A named part of a theme; never scored. `source` says where it was read, or that it is a proposal."""

    id: Identifier
    title: Text
    grade: Grade | None = None
    source: str = ""


class Theme(Model):
    """A subscale. `dimension` themes make the total, `context` and `plain` themes stand apart.

    `measurement` says how items and score belong together. `reflective`: one thing shows in every item, so
    items should go together. `composite`: the items make up the score, like a list of what is there; they
    need not go together, and consistency and factor models do not apply.
    """

    id: Identifier
    title: Text
    role: Literal["dimension", "context", "plain"] = "dimension"
    measurement: Literal["reflective", "composite"] = "reflective"
    description: str = ""
    grade: Grade | None = None
    facets: tuple[Facet, ...] = ()
    items: tuple[Item, ...] = ()


class ScoringRules(Model):
    """How theme scores and the total are made."""

    method: Literal["mean", "sum"] = "mean"
    prorate_at: float = Field(default=0.8, gt=0, le=1)
    total: Literal["mean_of_theme_means", "none"] = "mean_of_theme_means"
    total_themes: tuple[Identifier, ...] | None = None


class Wording(Model):
    """Every text a respondent reads, in one language."""

    language: LanguageTag
    status: Literal["source", "validated", "unvalidated", "draft", "harmonised", "tested"] = "unvalidated"
    notice: str = ""
    title: Text
    instructions: str = ""
    time_frame: str = ""
    themes: dict[str, Text] = Field(default_factory=dict)
    items: dict[str, Text]
    options: dict[str, dict[int, Text]]


class Instrument(Model):
    """A questionnaire: themes with their items, response scales, scoring and translations."""

    schema_version: Literal[1] = Field(alias="schema")
    id: Identifier
    version: Text
    title: Text
    status: Literal["candidate", "validated", "published"] = "candidate"
    notice: str = ""
    language: LanguageTag = "en"
    licence: str = ""
    source: str = ""
    instructions: str = ""
    time_frame: str = ""
    response_scales: dict[Identifier, ResponseScale] = Field(min_length=1)
    default_scale: Identifier | None = None
    missing_codes: dict[MissingReason, int] = Field(default_factory=dict)
    themes: tuple[Theme, ...] = Field(min_length=1)
    scoring: ScoringRules = ScoringRules()
    translations: dict[LanguageTag, Wording] = Field(default_factory=dict)

    @model_validator(mode="after")
    def _check_references(self) -> Self:
        faults = [*_id_faults(self), *_reference_faults(self), *_code_faults(self), *_wording_faults(self)]
        faults += [] if faults else _file_faults(self)
        if faults:
            rest = f"; and {len(faults) - 5} more" if len(faults) > 5 else ""
            raise ValueError("; ".join(faults[:5]) + rest)
        return self

    @cached_property
    def items(self) -> tuple[Item, ...]:
        """Every item, in the order of the file."""
        return tuple(item for theme in self.themes for item in theme.items)

    @cached_property
    def item_ids(self) -> list[str]:
        """Ids of every item, in the order of the file."""
        return [item.id for item in self.items]

    @cached_property
    def _items_by_id(self) -> dict[str, Item]:
        return {item.id: item for item in self.items}

    def item(self, item_id: str) -> Item:
        """Item with this id; KeyError when there is none."""
        return self._items_by_id[item_id]

    def theme(self, theme_id: str) -> Theme:
        """Theme with this id; KeyError when there is none."""
        return {theme.id: theme for theme in self.themes}[theme_id]

    def theme_items(self, theme_id: str) -> list[str]:
        """Ids of the items that count towards a theme, its own first."""
        own = [item.id for item in self.theme(theme_id).items]
        return own + [item.id for item in self.items if theme_id in item.also_in]

    def scale_of(self, item_id: str) -> ResponseScale:
        """Response scale of an item."""
        return self.response_scales[self.scale_name(item_id)]

    def scale_name(self, item_id: str) -> str:
        """Name of the response scale of an item."""
        return self.item(item_id).scale or self.scale_by_default

    @property
    def scale_by_default(self) -> str:
        """Name of the response scale of items that name none."""
        return self.default_scale or next(iter(self.response_scales))

    @property
    def reversed_items(self) -> list[str]:
        """Ids of the items that are keyed against their theme."""
        return [item.id for item in self.items if item.reverse]

    @property
    def dimension_themes(self) -> list[str]:
        """Ids of the themes that are dimensions of the construct."""
        return [theme.id for theme in self.themes if theme.role == "dimension"]

    @property
    def context_themes(self) -> list[str]:
        """Ids of the themes that are context, scored apart."""
        return [theme.id for theme in self.themes if theme.role == "context"]

    @property
    def composite_themes(self) -> list[str]:
        """Ids of the themes whose items make up the score instead of showing one thing."""
        return [theme.id for theme in self.themes if theme.measurement == "composite"]

    def near_criterion(self, criterion: Criterion) -> list[str]:
        """Ids of the items that come near to the outcome or to use in content."""
        return [item.id for item in self.items if criterion in item.criterion]

    @property
    def open_items(self) -> list[str]:
        """Ids of the items with an open doubt about the people who will read them."""
        return [item.id for item in self.items if item.reader is not None and item.reader.state == "open"]

    @property
    def total_themes(self) -> list[str]:
        """Ids of the themes whose means make the total; empty when there is no total."""
        if self.scoring.total == "none":
            return []
        return list(self.scoring.total_themes or self.dimension_themes)

    @property
    def languages(self) -> list[str]:
        """Language of the source text first, then the translations."""
        return [self.language, *(tag for tag in self.translations if tag != self.language)]

    def wording(self, language: str | None = None) -> Wording:
        """Every text in one language; KeyError when the instrument has no such translation."""
        if language is not None and language != self.language:
            return self.translations[language]
        return Wording(
            language=self.language,
            status="source",
            notice=self.notice,
            title=self.title,
            instructions=self.instructions,
            time_frame=self.time_frame,
            themes={theme.id: theme.title for theme in self.themes},
            items={item.id: item.text for item in self.items},
            options={
                name: {option.code: option.label for option in (*scale.options, *scale.outside)}
                for name, scale in self.response_scales.items()
            },
        )

    @property
    def content(self) -> dict[str, Any]:
        """Everything the definition says, as plain data; what `content_hash` is the hash of."""
        return _without_unsaid(self.model_dump(mode="json", by_alias=True))

    @cached_property
    def content_hash(self) -> str:
        """SHA-256 of everything the definition says; layout and comments of the file do not count.

        Keys that came later count only where they say something, so a file without them keeps its hash.
        """
        content = json.dumps(self.content, sort_keys=True, ensure_ascii=False)
        return hashlib.sha256(content.encode()).hexdigest()


def _without_unsaid(content: dict[str, Any]) -> dict[str, Any]:
    """Leave out keys added to the schema later where they hold their default."""
    for theme in content["themes"]:
        if theme["measurement"] == "reflective":
            del theme["measurement"]
        for facet in theme["facets"]:
            if facet["source"] == "":
                del facet["source"]
        for item in theme["items"]:
            for key, unsaid in (("criterion", []), ("reader", None), ("column", []), ("labels", {})):
                if item[key] == unsaid:
                    del item[key]
    return content


def _doubled(values: list[Any]) -> list[Any]:
    return [value for value, count in Counter(values).items() if count > 1]


def _id_faults(scale: Instrument) -> list[str]:
    faults = []
    if not scale.items:
        faults.append("themes: no theme has an item")
    if doubled := _doubled([item.id for item in scale.items]):
        faults.append(f"themes: item ids are used twice: {name_offenders(doubled)}")
    if doubled := _doubled([theme.id for theme in scale.themes]):
        faults.append(f"themes: theme ids are used twice: {name_offenders(doubled)}")
    if clash := sorted({theme.id for theme in scale.themes} & {item.id for item in scale.items}):
        faults.append(f"themes: ids name both a theme and an item: {name_offenders(clash)}")
    return faults


def _reference_faults(scale: Instrument) -> list[str]:
    faults = []
    names = {theme.id for theme in scale.themes}
    if scale.default_scale is not None and scale.default_scale not in scale.response_scales:
        faults.append(f"default_scale: {scale.default_scale!r} is not among response_scales")
    for t, theme in enumerate(scale.themes):
        facets = {facet.id for facet in theme.facets}
        if not scale.theme_items(theme.id):
            faults.append(f"themes[{t}].items: theme {theme.id!r} has no item")
        for i, item in enumerate(theme.items):
            where = f"themes[{t}].items[{i}]"
            if item.facet is not None and item.facet not in facets:
                faults.append(f"{where}.facet: {item.facet!r} is not a facet of theme {theme.id!r}")
            if item.scale is not None and item.scale not in scale.response_scales:
                faults.append(f"{where}.scale: {item.scale!r} is not among response_scales")
            if unknown := [other for other in item.also_in if other not in names or other == theme.id]:
                faults.append(f"{where}.also_in: {name_offenders(unknown)} is not another theme")
    if unknown := [name for name in scale.scoring.total_themes or () if name not in names]:
        faults.append(f"scoring.total_themes: {name_offenders(unknown)} is not a theme")
    return faults


def _code_faults(scale: Instrument) -> list[str]:
    faults = []
    reason_of = {code: reason for reason, code in scale.missing_codes.items()}
    if doubled := _doubled(list(scale.missing_codes.values())):
        faults.append(f"missing_codes: one code stands for two reasons: {name_offenders(doubled)}")
    for name, responses in scale.response_scales.items():
        where = f"response_scales.{name}"
        if clash := sorted(set(reason_of) & set(responses.codes)):
            faults.append(f"missing_codes: {name_offenders(clash)} is an answer on {where}")
        for option in responses.outside:
            declared = scale.missing_codes.get(option.reason, option.code)
            if declared != option.code or reason_of.get(option.code, option.reason) != option.reason:
                faults.append(
                    f"{where}.outside: code {option.code} for {option.reason} is not missing_codes'"
                )
    return faults


def _file_faults(scale: Instrument) -> list[str]:
    """Columns that stand for two items, and texts that mean no code, or another than elsewhere."""
    faults = []
    columns = [name for item in scale.items for name in item.column]
    if doubled := _doubled(columns):
        faults.append(f"items: column {name_offenders(doubled)} is named by two items")
    if taken := [name for name in columns if name in {*scale.item_ids, "participant", "wave"}]:
        faults.append(f"items: column {name_offenders(taken)} is the name of another column")
    for item in scale.items:
        options = scale.scale_of(item.id)
        known = {option.label: option.code for option in (*options.options, *options.outside)}
        codes = {*known.values(), *scale.missing_codes.values()}
        where = f"items.{item.id}.labels"
        if strange := sorted({code for code in item.labels.values() if code not in codes}):
            faults.append(f"{where}: {name_offenders(strange)} is no code of its scale")
        other = [text for text, code in item.labels.items() if known.get(text, code) != code]
        other += [text for text in item.labels if text in {str(code) for code in codes}]
        if other:
            faults.append(f"{where}: {name_offenders(other)} has a meaning on its scale already")
    return faults


def _wording_faults(scale: Instrument) -> list[str]:
    faults = []
    for tag, wording in scale.translations.items():
        where = f"translations.{tag}"
        if wording.language != tag:
            faults.append(f"{where}.language: says {wording.language!r}")
        if unknown := sorted(set(wording.items) - set(scale.item_ids)):
            faults.append(f"{where}.items: {name_offenders(unknown)} is not an item")
        for name, responses in scale.response_scales.items():
            codes = {option.code for option in (*responses.options, *responses.outside)}
            if unknown_codes := sorted(set(wording.options.get(name, {})) - codes):
                faults.append(
                    f"{where}.options.{name}: {name_offenders(unknown_codes)} is no code of the scale"
                )
    missing = texts_missing(scale)
    # Instructions or a time frame alone came in without a word before: a store holds such instruments.
    needed = any(path.split(".")[2] in ("items", "options") for path in missing)
    return [*faults, *(missing if needed else [])]
