"""Models of a population: what is true in a simulated study, read from YAML."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from instrument.errors import DefinitionError, fact_and_hint, name_offenders
from instrument.loading import faults_of, read_yaml

FOLDER = Path(__file__).resolve().parents[1] / "populations"


class _Model(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class ThemeTruth(_Model):
    """How a theme hangs on the general factor: by a loading, as its context, or not at all."""

    loading: float | None = Field(default=None, gt=-1, lt=1)
    context_effect: float | None = Field(default=None, gt=-1, lt=1)

    @model_validator(mode="after")
    def _one_role(self) -> Self:
        if self.loading is not None and self.context_effect is not None:
            raise ValueError("a theme has a loading or a context_effect, not both")
        return self


class ItemTruth(_Model):
    """Standardised loading, thresholds on the latent answer, and the rate of 'does not apply'."""

    theme: str
    loading: float = Field(gt=-1, lt=1)
    thresholds: tuple[float, ...] = Field(min_length=1, max_length=10)
    facet: str | None = None
    not_applicable: float = Field(default=0.0, ge=0, lt=1)

    @model_validator(mode="after")
    def _rising(self) -> Self:
        if any(high <= low for low, high in pairwise(self.thresholds)):
            raise ValueError("thresholds must rise strictly")
        return self


class Structure(_Model):
    """Latent structure of the scale: themes under one general factor, and what lasts between waves."""

    themes: dict[str, ThemeTruth]
    stability: float = Field(default=0.75, ge=0, le=1)
    item_stability: float = Field(default=0.4, ge=0, le=1)
    facet_share: float = Field(default=0.0, ge=0, lt=1)
    use_feedback: float = 0.0


class AnswerFaults(_Model):
    """How answers go missing or are given without care."""

    skipped: float = Field(default=0.0, ge=0, lt=1)
    declined: float = Field(default=0.0, ge=0, lt=1)
    careless: float = Field(default=0.0, ge=0, lt=1)
    break_off: float = Field(default=0.0, ge=0, lt=1)


class WaveTruth(_Model):
    """One wave: when, how many of those asked take part, and who is asked."""

    id: str
    opens: float
    closes: float
    share: float = Field(gt=0, le=1)
    only_users: bool = False
    retest_of: str | None = None
    after: tuple[float, float] | None = None
    stable: float = Field(default=1.0, ge=0, le=1)
    change: float = 0.6


class Companion(_Model):
    """A short scale given at one wave; its factor correlates with the named themes or the general factor."""

    wave: str
    weights: dict[str, float]
    loading: float = Field(default=0.75, gt=0, lt=1)
    thresholds: tuple[float, ...]
    instrument: dict[str, Any]


class UseTruth(_Model):
    """How the app is used; odds are those of a due weekly session, hazards those of leaving in a week."""

    weeks: int = Field(ge=1)
    base: float
    general: float = 0.0
    severity: float = 0.0
    spread: float = 0.0
    leave: float
    leave_general: float = 0.0
    leave_severity: float = 0.0
    visits: float = 0.8
    pause: float = Field(default=0.0, ge=0, lt=1)
    withdrawn: float = Field(default=0.0, ge=0, lt=1)
    duplicated: float = Field(default=0.0, ge=0, lt=1)
    misplaced: int = 0


class OutcomeTruth(_Model):
    """A symptom score before and after: lower is better."""

    name: str
    mean: float
    sd: float = Field(gt=0)
    maximum: int
    general: float = 0.0
    per_session: float = 0.0
    follow_up_general: float = 0.0
    stability: float = Field(default=0.6, ge=0, le=1)
    missing: float = Field(default=0.0, ge=0, lt=1)
    missing_left: float = Field(default=0.0, ge=0, lt=1)


class Shift(_Model):
    """A group for whom every threshold of one item lies elsewhere (differential functioning)."""

    item: str
    covariate: str
    level: str
    by: float


class GroupEffect(_Model):
    """A group whose mean of the general factor differs, in standard deviations."""

    covariate: str
    level: str
    by: float


class AuditTruth(_Model):
    """An app that two raters go through: shares of principles held, by group, and how raters err."""

    instrument: str
    app: str
    version: str
    present: dict[str, Annotated[float, Field(ge=0, le=1)]]
    slip: float = Field(default=0.1, ge=0, le=1)
    unclear: float = Field(default=0.05, ge=0, le=1)


class Population(_Model):
    """Everything that is true in a simulated study."""

    schema_version: Literal[1] = Field(alias="schema")
    id: str
    title: str
    notice: str
    instrument: str
    participants: int = Field(default=600, ge=1)
    prefix: str = "syn"
    structure: Structure
    items: dict[str, ItemTruth] = Field(min_length=1)
    answers: AnswerFaults = AnswerFaults()
    covariates: dict[str, dict[str, float]]
    group_effects: tuple[GroupEffect, ...] = ()
    shifts: tuple[Shift, ...] = ()
    waves: tuple[WaveTruth, ...] = Field(min_length=1)
    companions: dict[str, Companion] = Field(default_factory=dict)
    use: UseTruth
    outcome: OutcomeTruth
    audit: AuditTruth | None = None
    study: dict[str, Any]

    @model_validator(mode="after")
    def _check_references(self) -> Self:
        faults = []
        if unknown := sorted({item.theme for item in self.items.values()} - set(self.structure.themes)):
            faults.append(f"items: theme is not in structure: {name_offenders(unknown)}")
        if unknown := [shift.item for shift in self.shifts if shift.item not in self.items]:
            faults.append(f"shifts: not an item: {name_offenders(unknown)}")
        groups = {(name, level) for name, levels in self.covariates.items() for level in levels}
        named: list[GroupEffect | Shift] = [*self.group_effects, *self.shifts]
        for effect in named:
            if (effect.covariate, effect.level) not in groups:
                faults.append(f"{effect.covariate!r} has no level {effect.level!r}")
        waves = [wave.id for wave in self.waves]
        asked = [wave.retest_of for wave in self.waves if wave.retest_of] + [
            companion.wave for companion in self.companions.values()
        ]
        if unknown := sorted(set(asked) - set(waves)):
            faults.append(f"waves: there is no wave {name_offenders(unknown)}")
        if faults:
            raise ValueError("; ".join(faults))
        return self


def load_population(population: str | Path) -> Population:
    """Read a population: shipped by name, or a YAML file.

    Parameters
    ----------
    population
        Name of a shipped population (such as `dta_example`) or a path.

    Returns
    -------
    Population
        Frozen definition.

    Raises
    ------
    DefinitionError
        The file is absent or says something impossible; each fault carries its path into the file.

    Examples
    --------
    >>> load_population("dta_example").participants
    600
    """
    path = FOLDER / f"{population}.yaml" if isinstance(population, str) else Path(population)
    if not path.is_file():
        path = Path(population)
    if not path.is_file():
        shipped = sorted(file.stem for file in FOLDER.glob("*.yaml"))
        fact = f"there is no population {str(population)!r}: neither shipped nor a file."
        hint = f"give the path of a YAML file, or one of: {name_offenders(shipped)}."
        raise DefinitionError(fact_and_hint("simulate_study", fact, hint))
    try:
        return Population.model_validate(read_yaml(path, "simulate_study"))
    except ValidationError as error:
        faults = faults_of(error, Population)
        fact = f"{path.name} has {len(faults)} fault(s): {'; '.join(faults[:5])}."
        hint = "mend them; the fields of a population are described in docs/methods/simulation.md."
        raise DefinitionError(fact_and_hint("simulate_study", fact, hint)) from None
