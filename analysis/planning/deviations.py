"""What was done otherwise than planned, not done, or done without being planned: every deviation by name."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from analysis.planning.differences import Difference, differences
from analysis.planning.loading import Settled
from analysis.planning.sealing import canonical
from analysis.validity.check_hypotheses import UNANSWERED
from instrument.definition import Instrument

if TYPE_CHECKING:
    from analysis.pipeline.context import Context

OTHERWISE, NOT_DONE, NOT_PLANNED = "done otherwise", "planned and not done", "done and not planned"
AMENDED = "amended"
SINCE_LOCK = "the file differs from what was locked, without an amendment"
INSTRUMENT_CHANGED = "the instrument differs from the one that was locked"


@dataclass(frozen=True, slots=True, kw_only=True)
class Deviation:
    """One deviation.

    Attributes
    ----------
    kind
        "done otherwise", "planned and not done", "done and not planned", or "amended".
    what
        Path of the entry, or what of the analysis it concerns.
    planned, done
        What stands in the plan, and what was done.
    why
        Where it happened, or the reason given.
    """

    kind: str
    what: str
    planned: Any
    done: Any
    why: str


def deviations_of(context: Context, sections: Mapping[str, Any]) -> list[Deviation]:
    """Hold what was done against the plan and its seal.

    Parameters
    ----------
    context
        The validation that was carried out.
    sections
        Its sections, plain data.

    Returns
    -------
    list of Deviation
        Amendments first, then changes after the lock, overrides, changed instruments, and what sections show.
    """
    settled = context.settled
    return [
        *_of_seal(settled),
        *_overridden(settled),
        *_of_instruments(settled, context.scale, [other for _, other in context.measures]),
        *_of_measures(context),
        *_of_content(context),
        *_of_sections(context, sections),
    ]


def _deviation(found: Difference, why: str, kind: str | None = None) -> Deviation:
    usual = NOT_PLANNED if found.added else NOT_DONE if found.removed else OTHERWISE
    return Deviation(kind=kind or usual, what=found.path, planned=found.before, done=found.after, why=why)


def _of_seal(settled: Settled) -> Iterator[Deviation]:
    if settled.seal is None:
        return
    for sealing, changed in settled.seal.amendments:
        for found in changed:
            yield _deviation(found, f"{sealing.at}: {sealing.reason}", AMENDED)
    for found in differences(settled.seal.last.entries, settled.written.entries):
        yield _deviation(found, SINCE_LOCK)


def _overridden(settled: Settled) -> Iterator[Deviation]:
    for entry, where in settled.overridden.items():
        for found in differences(settled.written.entries[entry], settled.plan.entries[entry], entry):
            yield _deviation(
                found, f"given on the {where}" if where == "command line" else f"given in the {where}"
            )


def _of_instruments(settled: Settled, scale: Instrument, others: Sequence[Instrument]) -> Iterator[Deviation]:
    if settled.seal is None:
        return
    sealed = settled.seal.last.instruments
    used = canonical([("scale", scale), *(("measure", other) for other in others)])
    for name, said in sealed.items():
        path = f"instrument {name}"
        if name not in used:
            yield Deviation(kind=NOT_DONE, what=path, planned=said["role"], done=None, why="not given")
            continue
        if used[name]["role"] != said["role"]:
            change = Difference(path=f"{path}.role", before=said["role"], after=used[name]["role"])
            yield _deviation(change, INSTRUMENT_CHANGED)
        for found in differences(said["content"], used[name]["content"], path):
            yield _deviation(found, INSTRUMENT_CHANGED)
    for name, given in used.items():
        if name not in sealed:
            role = given["role"]
            yield Deviation(
                kind=NOT_PLANNED, what=f"instrument {name}", planned=None, done=role, why="not locked"
            )


def _of_measures(context: Context) -> Iterator[Deviation]:
    """Other questionnaires that the plan names and that were not given, or the other way round."""
    plan = context.plan
    given = {other.id: other for _, other in context.measures}
    for name in plan.measures:
        if name not in given:
            yield Deviation(kind=NOT_DONE, what=f"measures.{name}", planned=name, done=None, why="not given")
    expected = {hypothesis.with_ for hypothesis in plan.hypotheses}
    sealed = {} if context.settled.seal is None else context.settled.seal.last.instruments
    for name, other in given.items():
        named = {theme.id for theme in other.themes} | {f"{name}_total"}
        if name not in plan.measures and not named & expected and name not in sealed:
            yield Deviation(
                kind=NOT_PLANNED,
                what=f"measures.{name}",
                planned=None,
                done=name,
                why="no entry of the plan names it",
            )


def _of_content(context: Context) -> Iterator[Deviation]:
    named = context.plan.content
    if named is not None and context.content is None:
        yield Deviation(
            kind=NOT_DONE, what="content", planned=named, done=None, why="no such folder was read"
        )


def _of_sections(context: Context, sections: Mapping[str, Any]) -> Iterator[Deviation]:
    plan = context.plan
    for name in plan.topics or ():
        section = sections.get(name)
        if section is not None and section["status"] != "ok":
            yield Deviation(
                kind=NOT_DONE, what=f"topics.{name}", planned=name, done=None, why=str(section["message"])
            )
    yield from _of_models(list(plan.models), sections.get("planned_models"))
    yield from _of_hypotheses([one.id for one in plan.hypotheses], sections.get("planned_hypotheses"))
    yield from _of_groups(context)
    written = {hypothesis.id for hypothesis in plan.hypotheses}
    study = context.study.hypotheses if context.study is not None and "validity" in sections else ()
    for hypothesis in study:
        if hypothesis.expected and hypothesis.id not in written:
            what = f"hypotheses.{hypothesis.id}"
            why = "stands in the study file, not in the plan"
            yield Deviation(kind=NOT_PLANNED, what=what, planned=None, done=hypothesis.text, why=why)


def _unrun(entry: str, names: Sequence[str], section: Mapping[str, Any] | None) -> list[Deviation]:
    """Everything of an entry whose section could not be had; nothing where it could."""
    if section is None or section["status"] == "ok":
        return []
    why = str(section["message"])
    return [
        Deviation(kind=NOT_DONE, what=f"{entry}.{name}", planned="asked", done=None, why=why)
        for name in names
    ]


def _of_models(names: Sequence[str], section: Mapping[str, Any] | None) -> Iterator[Deviation]:
    yield from _unrun("models", names, section)
    if section is None or section["status"] != "ok":
        return
    fit = section["tables"]["fit"]
    for name, n, solution in zip(fit["model"], fit["n"], fit["solution"], strict=True):
        if n is None:
            yield Deviation(kind=NOT_DONE, what=f"models.{name}", planned="fitted", done=None, why=solution)


def _of_hypotheses(names: Sequence[str], section: Mapping[str, Any] | None) -> Iterator[Deviation]:
    yield from _unrun("hypotheses", names, section)
    if section is None or section["status"] != "ok":
        return
    table = section["tables"]["hypotheses"]
    for name, status, reason in zip(table["id"], table["status"], table["reason"], strict=True):
        if status == UNANSWERED:
            yield Deviation(
                kind=NOT_DONE, what=f"hypotheses.{name}", planned="evaluated", done=None, why=reason
            )


def _of_groups(context: Context) -> Iterator[Deviation]:
    """Planned groups that could not be formed, or not as planned."""
    from analysis.pipeline.covariates import Use, covariates_of

    if not context.plan.groups:
        return
    found = {one.name: one for one in covariates_of(context)}
    for name in context.plan.groups:
        one = found.get(name)
        if one is None or one.use is not Use.GROUPS:
            why = "there is no such covariate" if one is None else one.unplanned or one.reason
            yield Deviation(kind=NOT_DONE, what=f"groups.{name}", planned="compared", done=None, why=why)
        elif one.unplanned:
            yield Deviation(
                kind=OTHERWISE, what=f"groups.{name}", planned="every level", done="some", why=one.unplanned
            )
