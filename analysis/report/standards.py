"""Which measurement property and which step of scale development each section answers, and how far."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from analysis.report.formatting import ABSENT

SHOWN = "What has been shown, and what has not"
STEPS_SOURCE = "Boateng et al. 2018, doi:10.3389/fpubh.2018.00149"
PROPERTIES_SOURCE = "COSMIN: Prinsen et al. 2018; Terwee et al. 2018, doi:10.1007/s11136-018-1829-0"

# name, and what it would take to judge it where the results hold nothing about it
STEPS = {
    "1": ("Domain and first items", "the account of where themes and items come from"),
    "2": ("Content validity", "ratings of every item by experts and by people it is meant for"),
    "3": ("Pre-testing of questions", "interviews in which people say how they understand each item"),
    "4": ("Sample and administration", "answers of a sample"),
    "5": ("Item reduction", "answers of a sample"),
    "6": ("Extraction of factors", "answers of a sample"),
    "7": ("Tests of dimensionality", "answers of a sample; groups for invariance"),
    "8": ("Tests of reliability", "answers of a sample; a second wave after a short time"),
    "9": ("Tests of validity", "other measures, known groups, use or outcomes, and hypotheses about them"),
}
PROPERTIES = {
    "content": ("Content validity", "ratings by experts and by people it is meant for"),
    "structure": ("Structural validity", "answers of a sample"),
    "consistency": ("Internal consistency", "answers of a sample"),
    "invariance": ("Cross-cultural validity and invariance", "groups, given with the covariates"),
    "reliability": ("Reliability", "a second wave among people who did not change"),
    "error": ("Measurement error", "a second wave, and the smallest change that matters to people"),
    "criterion": ("Criterion validity", "a gold standard; for many constructs there is none"),
    "hypotheses": (
        "Hypotheses about other measures",
        "other measures or use, and hypotheses stated beforehand",
    ),
    "responsiveness": ("Responsiveness", "several waves and an outside sign of change"),
}

# section: step of scale development, measurement properties
PLACES: dict[str, tuple[str, tuple[str, ...]]] = {
    "content": ("2", ("content",)),
    "content_validity": ("2", ("content",)),
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
    "groups": ("7", ("invariance",)),
    "fairness": ("7", ("invariance",)),
    "reliability": ("8", ("consistency",)),
    "omega": ("8", ("consistency",)),
    "retest": ("8", ("reliability", "error")),
    "agreement": ("8", ("reliability", "error")),
    "longitudinal": ("9", ("responsiveness",)),
    "change": ("9", ("responsiveness",)),
    "validity": ("9", ("hypotheses",)),
    "convergent": ("9", ("hypotheses",)),
    "discriminant": ("9", ("hypotheses",)),
    "adherence": ("9", ("hypotheses",)),
    "mechanism": ("9", ("hypotheses",)),
}
# a property whose rules stand in a section beside those of another, by how the name of its rules begins
RULES_OF = {"error": ("COSMIN measurement error", "Measurement error", "Smallest detectable change")}
NO_STEP = "10"  # after the nine steps: what the scale is used for


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """What the results hold about one property or step.

    Attributes
    ----------
    name
        The property or step.
    state
        In words; `needs` says what is lacking where nothing was asked.
    met, not_met
        Rules met and not met in its sections.
    sections
        Key and title of the sections that answer it.
    """

    name: str
    state: str
    good: bool | None
    met: int
    not_met: int
    sections: tuple[tuple[str, str], ...]

    @property
    def counts(self) -> tuple[str, str]:
        """Rules met and not met in print; dashes where no rule judges."""
        return (str(self.met), str(self.not_met)) if self.met + self.not_met else (ABSENT, ABSENT)


def step_of(section: str) -> str:
    """Give the step of scale development a section answers; 10 for what goes beyond the steps."""
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
    if section not in PLACES:
        return "Beyond the steps of scale development: what the scale is used for."
    step, properties = PLACES[section]
    line = f"Step {step} of {len(STEPS)}, {_lower(STEPS[step][0])}."
    if properties:
        line += " COSMIN: " + "; ".join(_lower(PROPERTIES[name][0]) for name in properties) + "."
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
    return [
        _evidence(f"{step}. {name}", needs, {k: s for k, s in sections.items() if step_of(k) == step})
        for step, (name, needs) in STEPS.items()
    ]


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


def evidence_of(sections: Mapping[str, Any]) -> dict[str, Evidence]:
    """Give the same as `evidence_by_property`, by the short name of the property."""
    made = {}
    for key, (name, needs) in PROPERTIES.items():
        mine = {k: _judged_for(key, s) for k, s in sections.items() if key in PLACES.get(k, ("", ()))[1]}
        made[key] = _evidence(name, needs, mine)
    return made


def _judged_for(key: str, section: Mapping[str, Any]) -> dict[str, Any]:
    """Give a section with only the claims that bear on one property."""
    kept = [f for f in section["findings"] if _is_of(key, f["rule"])]
    return {**section, "findings": kept}


def _is_of(key: str, rule: str) -> bool:
    owners = [name for name, starts in RULES_OF.items() if rule.startswith(starts)]
    return key in owners if owners or key in RULES_OF else True


def _evidence(name: str, needs: str, sections: Mapping[str, Any]) -> Evidence:
    asked = {key: section for key, section in sections.items() if section["status"] != "not_applicable"}
    passed = [finding["passed"] for section in asked.values() for finding in section["findings"]]
    failed = [key for key, section in asked.items() if section["status"] == "failed"]
    met, not_met = passed.count(True), passed.count(False)
    if not asked:
        state, good = f"Not asked. Needs {needs}.", None
    elif len(failed) == len(asked):
        state, good = "Failed: no number could be estimated.", False
    elif failed:
        state, good = "Failed in part: some numbers could not be estimated.", False
    elif not passed:
        state, good = "Described; no rule judges it.", None
    elif not_met:
        state, good = "Some rules not met." if met else "No rule met.", False
    else:
        state, good = "Every rule met.", True
    shown = tuple((key, section["title"]) for key, section in asked.items())
    return Evidence(name=name, state=state, good=good, met=met, not_met=not_met, sections=shown)
