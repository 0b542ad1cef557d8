"""What a plan can say: every entry with its default, checked as a whole."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Annotated, Any, Literal, Self

from pydantic import BeforeValidator, Field, field_validator, model_validator

from analysis.common.rules import planned_rules
from analysis.factors.extraction import EXTRACTIONS
from analysis.factors.rotation import ROTATIONS
from analysis.validity.expectation import Expectation
from instrument.common.nearest import nearest
from instrument.definition import FolderBeside, Identifier, Instrument, Model, Text
from instrument.errors import DefinitionError

Estimator = Literal["WLSMV", "ULSMV", "MLR", "ML"]
Missing = Literal["listwise", "pairwise", "fiml"]


def _no_truth_value(label: Any) -> Any:
    """Refuse what YAML makes of a bare yes or no: it would stand for 1 or 0."""
    if isinstance(label, bool):
        word = "yes" if label else "no"
        raise ValueError(
            f'write "{word}", or whatever the level is called, in quotes: YAML reads a bare '
            f"{word} as {str(label).lower()}"
        )
    return label


Label = Annotated[str | int | float, BeforeValidator(_no_truth_value)]
ORDINAL = ("WLSMV", "ULSMV")
PLAIN = "ML"  # the estimator whose test and indices are not corrected
ALL_ITEMS = "all"
SMALLEST_GROUP = 120
UNSAID = ("schema", "title")  # entries that change no number


def same_label(value: object) -> str:
    """Write a level of a covariate the same way whether a file gave a word, 1 or 1.0."""
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return str(value)


class Hypothesis(Model):
    """One expectation with sign and size, against another score, a covariate, an outcome or a group.

    `with` names what the score should go with; `groups` a covariate of two levels, where `higher` minus
    `lower` is expected, in Hedges' g. `expected` is a range such as ">= 0.30" or "-0.1 to 0.1".
    """

    id: Identifier
    text: Text
    score: Identifier | None = None
    with_: Text | None = Field(default=None, alias="with")
    groups: Text | None = None
    higher: Label | None = None
    lower: Label | None = None
    expected: Text
    method: Literal["pearson", "spearman"] = "pearson"
    judged_by: Literal["interval", "estimate"] = "interval"

    @model_validator(mode="after")
    def _check_whole(self) -> Self:
        faults = []
        if (self.with_ is None) == (self.groups is None):
            faults.append("say either `with` (another score, covariate or outcome) or `groups`")
        levels = (self.higher, self.lower)
        if self.groups is not None and None in levels:
            faults.append(
                "groups need `higher` and `lower`: the level expected to score higher, and the other"
            )
        if self.groups is None and levels != (None, None):
            faults.append("`higher` and `lower` go with `groups`")
        if None not in levels and same_label(self.higher) == same_label(self.lower):
            faults.append("`higher` and `lower` are the same level")
        try:
            expected = Expectation.parse(self.expected)
        except DefinitionError:
            faults.append(
                f'expected: {self.expected!r} is no range; write it like ">= 0.30" or "-0.1 to 0.1"'
            )
        else:
            if self.groups is None and (impossible := expected.of_correlation()):
                faults.append(f"expected: {self.expected!r} tells nothing: {impossible}")
        if faults:
            raise ValueError("; ".join(faults))
        return self


class Grouping(Model):
    """A covariate whose levels are compared: the reference, the smallest group, levels left out."""

    reference: Label | None = None
    smallest: Annotated[int, Field(ge=10)] | None = None
    leave_out: tuple[Label, ...] = ()

    @model_validator(mode="after")
    def _check_reference(self) -> Self:
        if self.reference is not None and same_label(self.reference) in map(same_label, self.leave_out):
            raise ValueError(f"the reference {self.reference!r} is left out")
        return self


class Split(Model):
    """Explore on one part of the people, confirm on the other; drawn by the seed, person by person."""

    seed: Annotated[int, Field(ge=0)]
    explore: Annotated[float, Field(gt=0, lt=1)] = 0.5


class Multiverse(Model):
    """Other decisions that could have been taken, and the numbers that are followed through them all."""

    headline: Annotated[tuple[Text, ...], Field(min_length=1)]
    alternatives: Annotated[dict[str, tuple[Any, ...]], Field(min_length=1)]

    @field_validator("alternatives")
    @classmethod
    def _check_alternatives(cls, value: dict[str, tuple[Any, ...]]) -> dict[str, tuple[Any, ...]]:
        for entry, choices in value.items():
            if entry not in VARIED:
                near = nearest(entry, VARIED)
                hint = f"; did you mean {near!r}?" if near else f"; choose among {', '.join(VARIED)}"
                raise ValueError(f"{entry!r} is no entry that can be varied{hint}")
            said = [json.dumps(choice, sort_keys=True, default=str) for choice in choices]
            if len(choices) < 2 or len(set(said)) < len(said):
                raise ValueError(f"{entry}: needs two different choices or more")
        return value


VARIED = (
    "missing",
    "exclude_flagged",
    "estimator",
    "correlation",
    "smooth",
    "factors",
    "extraction",
    "rotation",
    "groups",
    "smallest_group",
    "collapse",
    "criterion_items",
    "rules",
    "seed",
)
"""Entries that a multiverse may vary: those that change numbers."""


class Plan(Model):
    """Everything an analyst decides before the data are seen."""

    schema_version: Literal[1] = Field(default=1, alias="schema")
    title: str = ""
    question: str = ""
    hypotheses: tuple[Hypothesis, ...] = ()
    measures: tuple[Identifier, ...] = ()
    content: FolderBeside | None = None
    models: dict[Identifier, Text] = Field(default_factory=dict)
    estimator: Estimator | None = None
    missing: Missing | None = None
    correlation: Literal["polychoric", "pearson"] | None = None
    smooth: Literal["nearest", "truncated", "none"] = "nearest"
    factors: Annotated[int, Field(ge=1, le=50)] | None = None
    extraction: str = "minres"
    rotation: str = "oblimin"
    groups: dict[str, Grouping] | None = None
    smallest_group: Annotated[int, Field(ge=10)] = SMALLEST_GROUP
    partial: tuple[Text, ...] = ()
    imputations: Annotated[int, Field(ge=0, le=200)] = 0
    collapse: dict[str, dict[int, int]] = Field(default_factory=dict)
    exclude_flagged: bool = False
    criterion_items: Literal["keep", "leave_out"] = "keep"
    topics: Annotated[tuple[str, ...], Field(min_length=1)] | None = None
    rules: dict[str, Annotated[float, Field(allow_inf_nan=False)]] = Field(default_factory=dict)
    seed: Annotated[int, Field(ge=0)] = 1
    split: Split | None = None
    multiverse: Multiverse | None = None

    @field_validator("groups", mode="before")
    @classmethod
    def _from_list(cls, value: Any) -> Any:
        """Take `[sex, site]` for `{sex: {}, site: {}}`, and an empty entry for one that decides nothing."""
        if isinstance(value, (list, tuple)):
            return {str(name): {} for name in value}
        if isinstance(value, dict):
            return {name: {} if entry is None else entry for name, entry in value.items()}
        return value

    @model_validator(mode="after")
    def _check_whole(self) -> Self:
        faults = [
            *_doubled(self),
            *_among("extraction", [self.extraction], EXTRACTIONS),
            *_among("rotation", [self.rotation], ("none", *ROTATIONS)),
            *_among("rules", self.rules, planned_rules()),
            *_rule_faults(self),
            *_missing_faults(self),
            *_collapse_faults(self),
            *_partial_faults(self),
            *(["imputations: one cannot be pooled; say 0 or at least 2"] if self.imputations == 1 else []),
        ]
        if faults:
            raise ValueError("; ".join(faults))
        return self

    @cached_property
    def entries(self) -> dict[str, Any]:
        """Every entry as plain data, in the order of the file."""
        said = self.model_dump(mode="json", by_alias=True)
        return {key: value for key, value in said.items() if key != "schema"}

    def to_json(self) -> str:
        """Give the whole plan as canonical JSON: the form that is sealed, with every default written out."""
        said = self.model_dump(mode="json", by_alias=True)
        for entry in ("groups", "rules", "collapse"):  # in whatever order; of models the first is judged
            said[entry] = None if said[entry] is None else dict(sorted(said[entry].items()))
        for entry in ("content", "partial"):  # added later: what was sealed without it stays as it was sealed
            if not said[entry]:
                del said[entry]
        return json.dumps(said, ensure_ascii=False, separators=(",", ":"))


def _doubled(plan: Plan) -> list[str]:
    lists = {
        "hypotheses": [hypothesis.id for hypothesis in plan.hypotheses],
        "measures": list(plan.measures),
        "topics": list(plan.topics or ()),
    }
    return [
        f"{key}: {name!r} is used twice"
        for key, names in lists.items()
        for name, count in Counter(names).items()
        if count > 1
    ]


def _among(entry: str, given: Any, known: Any) -> list[str]:
    faults = []
    for name in given:
        if name not in known:
            near = nearest(str(name), known)
            hint = f"did you mean {near!r}?" if near else f"choose among {', '.join(sorted(known))}"
            faults.append(f"{entry}: there is no {name!r}; {hint}")
    return faults


def _rule_faults(plan: Plan) -> list[str]:
    """Cut-offs beyond what their statistic can be: written as a percentage, most likely."""
    known = planned_rules()
    faults = []
    for name, cutoff in plan.rules.items():
        form = known[name].form if name in known else ""
        least = 0.0 if form in ("percent", "p") else -1.0
        ends_at_one = form in ("percent", "p") or (form[:1] == "r" and form[1:].isdigit())
        if ends_at_one and not least <= cutoff <= 1:
            like = f"write it like {known[name].published:g}"
            faults.append(f"rules.{name}: {cutoff:g} is beyond what it is compared with; {like}")
        if name == "CARELESS_FLAGS" and cutoff <= 0:
            faults.append(f"rules.{name}: {cutoff:g} flags every administration; write it like 2")
    return faults


def _missing_faults(plan: Plan) -> list[str]:
    if plan.missing == "fiml" and plan.estimator in ORDINAL:
        return [f"missing: fiml is likelihood over incomplete rows, which {plan.estimator} does not have"]
    if plan.missing == "pairwise" and plan.estimator in ("MLR", PLAIN):
        return [f"missing: pairwise is no rule of {plan.estimator}; say fiml or listwise"]
    if plan.missing == "fiml" and plan.estimator is None:
        return ["missing: fiml needs estimator: MLR or ML"]
    return []


def _collapse_faults(plan: Plan) -> list[str]:
    faults = []
    for item, merged in plan.collapse.items():
        if not merged:
            faults.append(f"collapse.{item}: names no category")
        for old, new in merged.items():
            if old == new or new in merged:
                faults.append(f"collapse.{item}: {old} becomes {new}, which itself becomes another or stays")
    return faults


@dataclass(frozen=True, slots=True, kw_only=True)
class Parameter:
    """A parameter of a theme's items that a plan leaves free between groups.

    Attributes
    ----------
    item
        Its item.
    theme
        Of a loading; empty for a threshold, an intercept and a residual variance.
    part
        What it is of the item, as lavaan writes it: `=~`, `|t2`, `~1` or `~~`.
    """

    item: str
    theme: str
    part: str

    @property
    def written(self) -> str:
        """As lavaan writes it."""
        if self.theme:
            return f"{self.theme}=~{self.item}"
        return f"{self.item}~~{self.item}" if self.part == "~~" else f"{self.item}{self.part}"

    @property
    def in_words(self) -> str:
        """As a sentence names it."""
        named = {"=~": "the loading", "~1": "the intercept", "~~": "the residual variance"}
        return f"{named.get(self.part, f'threshold {self.part[2:]}')} of {self.item}"


_LOADING = re.compile(r"(?P<theme>[^\s|~=]+) *=~ *(?P<item>[^\s|~=]+)")
_OF_ITEM = re.compile(
    r"(?P<item>[^\s|~=]+) *(?:\| *(?P<threshold>t[1-9]\d*)|(?P<intercept>~ *1)|~~ *(?P<same>[^\s|~=]+))"
)
LIKE = "write it as 'theme =~ item', 'item|t2', 'item~1' or 'item~~item'"


def parameter_of(text: str) -> Parameter | None:
    """Read a parameter that a plan leaves free.

    Parameters
    ----------
    text
        In lavaan's language.

    Returns
    -------
    Parameter or None
        None where it is no parameter of one item.

    Examples
    --------
    >>> parameter_of("q3 | t2").part, parameter_of("north =~ q3").written, parameter_of("q1 ~~ q2")
    ('|t2', 'north=~q3', None)
    """
    if found := _LOADING.fullmatch(text.strip()):
        return Parameter(item=found["item"], theme=found["theme"], part="=~")
    found = _OF_ITEM.fullmatch(text.strip())
    if found is None or found["same"] not in (None, found["item"]):
        return None
    part = f"|{found['threshold']}" if found["threshold"] else "~1" if found["intercept"] else "~~"
    return Parameter(item=found["item"], theme="", part=part)


def _partial_faults(plan: Plan) -> list[str]:
    read = [parameter_of(text) for text in plan.partial]
    faults = [
        f"partial[{k}]: {plan.partial[k]!r} is no parameter of an item; {LIKE}"
        for k, found in enumerate(read)
        if found is None
    ]
    named = [found.written for found in read if found is not None]
    faults += [f"partial: {name!r} is used twice" for name, count in Counter(named).items() if count > 1]
    if plan.estimator is not None and plan.estimator not in ORDINAL:
        faults += [
            f"partial: {found.written!r} is a threshold, which items fitted by {plan.estimator} do not have"
            for found in read
            if found is not None and found.part.startswith("|")
        ]
    return faults


DEFAULT = Plan()


def score_names(scale: Instrument) -> list[str]:
    """Names of the scores of an instrument: its themes, and the total where it has one."""
    return [*(["total"] if scale.total_themes else []), *(theme.id for theme in scale.themes)]


def names_of_measures(measures: Sequence[Instrument]) -> list[str]:
    """Names of the scores of other questionnaires: of each theme, and `id_total` of each with a total."""
    names = []
    for other in measures:
        names += [theme.id for theme in other.themes]
        names += [f"{other.id}_total"] if other.total_themes else []
    return names


def shared_items(scale: Instrument, score: str, other: str | None) -> int:
    """Count the items that two scores of an instrument share: such scores go together by themselves.

    Examples
    --------
    >>> from instrument.loading import load
    >>> scale = load("dta@0.2.0")
    >>> first, second = scale.dimension_themes[:2]
    >>> shared_items(scale, first, second)
    0
    >>> shared_items(scale, "total", first) == len(scale.theme_items(first))
    True
    """
    themes = {theme.id: set(scale.theme_items(theme.id)) for theme in scale.themes}
    themes["total"] = set().union(*(themes[theme] for theme in scale.total_themes))
    return len(themes.get(score, set()) & themes.get(other or "", set()))


def of_itself(score: str, other: str, shared: int) -> str:
    """Say that two scores share items."""
    count = f"{shared} item{'s' if shared != 1 else ''}"
    return f"{score!r} and {other!r} share {count}, so they go together whatever was answered"


def ambiguous(name: str, things: int) -> str:
    """Say that a name is that of several scores or columns."""
    return f"{name!r} is the name of {things} things among scores, other questionnaires and columns"
