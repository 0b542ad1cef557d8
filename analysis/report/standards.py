"""Which measurement property and which step of scale development each section answers, and how far."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from analysis.common.verdicts import Cause, Property, State, Tally, Verdict, not_judged, tally_of
from instrument.common.formatting import ABSENT

SHOWN = "What has been shown, and what has not"
STEPS_SOURCE = "Boateng et al. 2018, doi:10.3389/fpubh.2018.00149"
PROPERTIES_SOURCE = "COSMIN: Mokkink et al. 2024, doi:10.1007/s11136-024-03761-6"

# name, and what it would take to judge it where the results hold nothing about it
STEPS = {
    "1": ("Domain and first items", "the account of where themes and items come from (docs/content.md)"),
    "2": ("Content validity", "ratings of every item by experts and by people it is meant for (--content)"),
    "3": (
        "Pre-testing of questions",
        "interviews in which people say how they understand each item (--content)",
    ),
    "4": ("Sample and administration", "answers of a sample"),
    "5": ("Item reduction", "answers of a sample"),
    "6": ("Extraction of factors", "answers of a sample"),
    "7": ("Tests of dimensionality", "answers of a sample; groups for invariance"),
    "8": ("Tests of reliability", "answers of a sample; a second wave after a short time"),
    "9": ("Tests of validity", "other measures, known groups, use or outcomes, and hypotheses about them"),
}
PROPERTIES = {
    Property.CONTENT: ("Content validity", "ratings by experts and by people it is meant for"),
    Property.STRUCTURE: ("Structural validity", "the sections on structure, of four items or more"),
    Property.CONSISTENCY: (
        "Internal consistency",
        "the section on reliability, of themes of two items or more",
    ),
    Property.INVARIANCE: (
        "Cross-cultural validity and measurement invariance",
        "groups, given with the covariates",
    ),
    Property.RELIABILITY: ("Reliability", "a second wave among people who did not change"),
    Property.ERROR: ("Measurement error", "a second wave, and the smallest change that matters to people"),
    Property.CRITERION: ("Criterion validity", "a gold standard; for many constructs there is none"),
    Property.HYPOTHESES: (
        "Hypotheses testing for construct validity",
        "other measures, groups or use, and hypotheses about them stated beforehand",
    ),
    Property.RESPONSIVENESS: (
        "Responsiveness",
        "several waves, an outside sign of change, and hypotheses about it stated beforehand",
    ),
}

# section: step of scale development, measurement properties
PLACES: dict[str, tuple[str, tuple[str, ...]]] = {
    "content_domain": ("1", ("content",)),
    "content": ("2", ("content",)),
    "pretesting": ("3", ("content",)),
    "flow": ("4", ()),
    "screening": ("4", ()),
    "items": ("5", ()),
    "scores": ("5", ()),
    "graded_response": ("5", ("structure",)),
    "irt": ("5", ("structure",)),
    "sampling": ("6", ()),
    "retention": ("6", ("structure",)),
    "exploration": ("6", ("structure",)),
    "extracted": ("6", ("structure",)),
    "models": ("7", ("structure",)),
    "planned_models": ("7", ("structure",)),
    "groups": ("7", ("invariance",)),
    "fairness": ("7", ("invariance",)),
    "imputed": ("8", ()),
    "reliability": ("8", ("consistency",)),
    "omega": ("8", ("consistency",)),
    "retest": ("8", ("reliability", "error")),
    "agreement": ("8", ("reliability", "error")),
    "longitudinal": ("9", ()),
    "change": ("9", ()),
    "relations": ("9", ()),
    "validity": ("9", ("hypotheses",)),
    "convergent": ("9", ("hypotheses",)),
    "discriminant": ("9", ("hypotheses",)),
    "planned_hypotheses": ("9", ("hypotheses",)),
    "adherence": ("9", ("hypotheses",)),
    "use_course": ("9", ()),
    "criterion_items": ("9", ("hypotheses",)),
    "mechanism": ("9", ("hypotheses",)),
}
BEFORE = "0"  # before the nine steps: what was decided before any answer
PLAN = "plan"
NO_STEP = "10"  # after the nine steps: what the scale is used for


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """What the results hold about one property or step.

    Attributes
    ----------
    name
        The property or step.
    needs
        What is lacking where nothing was asked.
    tally
        Claims met, not met, untested and hidden of the rules that bear on it; a section that failed counts
        as one claim that could not be tested.
    causes
        Why claims could not be tested, each once.
    sections
        Key and title of the sections that hold something about it.
    note
        What a reader must know beside the state.
    """

    name: str
    needs: str
    tally: Tally
    causes: tuple[Cause, ...]
    sections: tuple[tuple[str, str], ...]
    note: str = ""

    @property
    def state(self) -> State:
        """One of the seven states, from the tally."""
        return self.tally.state

    @property
    def words(self) -> str:
        """The state in words, with what is lacking."""
        said = f"{self.state.words}."
        why = ", ".join(cause.words for cause in self.causes)
        if self.state is State.NOT_ASKED:
            described = "Described, but no rule bears on it. " if self.sections else ""
            said += f" {described}Needs {self.needs}."
        elif self.state is State.UNTESTABLE and why:
            said = f"{self.state.words}: {why}."
        elif self.state is State.DOES_NOT_APPLY:
            said = f"{self.state.words}: {Cause.COMPOSITE.words}."
        elif self.tally.untested:
            said += f" {not_judged(self.causes)}"
        if self.tally.hidden and self.state is not State.LEFT_OUT:
            said += f" Left out here: {self.tally.hidden}."
        if self.tally.not_applicable and self.state is not State.DOES_NOT_APPLY:
            said += f" Does not apply in {self.tally.not_applicable}: {Cause.COMPOSITE.words}."
        return f"{said} {self.note}".strip()

    @property
    def counts(self) -> tuple[str, str, str]:
        """Claims met, not met and untested in print; dashes where no rule was asked."""
        asked = self.tally.tested + self.tally.untested
        return (
            (str(self.tally.met), str(self.tally.not_met), str(self.tally.untested))
            if asked
            else (ABSENT, ABSENT, ABSENT)
        )

    @property
    def counted(self) -> str:
        """The same counts as words; empty where no rule was asked."""
        if not self.tally.tested + self.tally.untested:
            return ""
        met, not_met, untested = self.counts
        return f"({met} met, {not_met} not met, {untested} not judged)"

    def plain(self) -> dict[str, Any]:
        """Give state and counts as plain data."""
        return {
            "name": self.name,
            "state": self.state.value,
            "met": self.tally.met,
            "not_met": self.tally.not_met,
            "untested": self.tally.untested,
            "hidden": self.tally.hidden,
            "not_applicable": self.tally.not_applicable,
            "causes": [cause.value for cause in self.causes],
            "sections": [key for key, _ in self.sections],
        }


def step_of(section: str) -> str:
    """Give the step of scale development a section answers; 10 for what goes beyond, 0 for the plan."""
    if section == PLAN:
        return BEFORE
    return PLACES.get(section, (NO_STEP, ()))[0]


def ordered(sections: Mapping[str, Any]) -> list[tuple[str, Any]]:
    """Give the sections by step of scale development; within a step as in the tree.

    Parameters
    ----------
    sections
        The tree's `sections`.

    Returns
    -------
    list of tuple
        Key and section.
    """
    return sorted(sections.items(), key=lambda entry: int(step_of(entry[0])))


def place_line(section: str) -> str:
    """Say in one line which step and which property a section answers.

    Examples
    --------
    >>> print(place_line("retest"))
    Step 8 of 9, tests of reliability. COSMIN: reliability; measurement error.
    >>> print(place_line("use"))
    Beyond the steps of scale development: what the scale is used for.
    """
    if section == PLAN:
        return "Before every step: what was decided beforehand."
    if section not in PLACES:
        return "Beyond the steps of scale development: what the scale is used for."
    step, properties = PLACES[section]
    line = f"Step {step} of {len(STEPS)}, {_lower(STEPS[step][0])}."
    if properties:
        line += " COSMIN: " + "; ".join(_lower(PROPERTIES[Property(name)][0]) for name in properties) + "."
    return line


def _lower(name: str) -> str:
    return name[0].lower() + name[1:]


def evidence_by_step(sections: Mapping[str, Any]) -> list[Evidence]:
    """Give what the results hold about each of the nine steps.

    Parameters
    ----------
    sections
        The tree's `sections`.

    Returns
    -------
    list of Evidence
        One for each step, in order.
    """
    made = []
    for step, (name, needs) in STEPS.items():
        mine = {key: section for key, section in sections.items() if step_of(key) == step}
        claims = [finding for section in mine.values() for finding in section["findings"]]
        made.append(_evidence(f"{step}. {name}", needs, mine, claims, list(mine.values())))
    return made


def evidence_by_property(sections: Mapping[str, Any]) -> list[Evidence]:
    """Give what the results hold about each measurement property of COSMIN.

    Parameters
    ----------
    sections
        The tree's `sections`.

    Returns
    -------
    list of Evidence
        One for each property.
    """
    return list(evidence_of(sections).values())


def evidence_of(sections: Mapping[str, Any]) -> dict[Property, Evidence]:
    """Give the same as `evidence_by_property`, by property; only rules that bear on it judge it."""
    made = {}
    for prop, (name, needs) in PROPERTIES.items():
        claims = [f for section in sections.values() for f in section["findings"] if f["property"] == prop]
        bearing = [section for section in sections.values() if prop in section["bears_on"]]
        mine = {
            key: section
            for key, section in sections.items()
            if prop in PLACES.get(key, ("", ()))[1] or prop in section["bears_on"]
        }
        made[prop] = _evidence(name, needs, mine, claims, bearing)
    consistency, structure = made[Property.CONSISTENCY], made[Property.STRUCTURE]
    if consistency.tally.tested and structure.state is not State.SHOWN:
        made[Property.CONSISTENCY] = replace(consistency, note=UNIDIMENSIONAL)
    if structure.state is State.NOT_SHOWN and _one_index_would_do(sections):
        made[Property.STRUCTURE] = replace(structure, note=EVERY_INDEX)
    return made


def _one_index_would_do(sections: Mapping[str, Any]) -> bool:
    """Whether some of the indices of fit that COSMIN names pass where others do not."""
    asked = [
        f["verdict"]
        for section in sections.values()
        for f in section["findings"]
        if f["rule"].startswith(FIT_INDEX)
    ]
    return Verdict.MET in asked and Verdict.NOT_MET in asked


FIT_INDEX = "COSMIN structural validity"
EVERY_INDEX = "COSMIN asks for one of CFI, TLI, RMSEA and SRMR; here all that are judged must hold."
UNIDIMENSIONAL = "COSMIN counts it only where the structure is shown, too."


def _evidence(
    name: str,
    needs: str,
    sections: Mapping[str, Any],
    claims: Sequence[Mapping[str, Any]],
    bearing: Sequence[Mapping[str, Any]],
) -> Evidence:
    """Count claims; a section that was asked, and could give no claim, is one that could not be tested."""
    silent = [s for s in bearing if s["status"] in ("failed", "untestable") and not s["findings"]]
    causes = [claim["cause"] for claim in claims if claim["verdict"] == Verdict.UNTESTED]
    causes += [section["cause"] or Cause.NOT_ESTIMATED.value for section in silent]
    asked = {key: section for key, section in sections.items() if section["status"] != "not_applicable"}
    verdicts = [claim["verdict"] for claim in claims] + [Verdict.UNTESTED.value] * len(silent)
    return Evidence(
        name=name,
        needs=needs,
        tally=tally_of(verdicts),
        causes=tuple(dict.fromkeys(map(Cause, causes))),
        sections=tuple((key, section["title"]) for key, section in asked.items()),
    )


def verdicts_plain(sections: Mapping[str, Any]) -> dict[str, Any]:
    """Give the states of the properties as plain data, as `results.json` holds them.

    Parameters
    ----------
    sections
        The tree's `sections`.

    Returns
    -------
    dict
        Property to name, state (a value of `State`) and counts.
    """
    return {prop.value: evidence.plain() for prop, evidence in evidence_of(sections).items()}


def states_sentence(sections: Mapping[str, Any]) -> list[str]:
    """Say the states of the properties, one sentence for each state that occurs.

    Parameters
    ----------
    sections
        The tree's `sections`.

    Returns
    -------
    list of str
        Such as `Shown: reliability (7 of 7).`.
    """
    found = evidence_of(sections)
    lines = []
    for state in State:
        named = [
            f"{_lower(e.name)} ({e.tally.met} of {e.tally.tested + e.tally.untested})"
            if state.counts
            else _lower(e.name)
            for e in found.values()
            if e.state is state
        ]
        if named:
            lines.append(f"{state.words}: {', '.join(named)}.")
    return lines
