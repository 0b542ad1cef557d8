"""Run every topic and keep one results tree."""

from __future__ import annotations

import json
import platform
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd
from threadpoolctl import threadpool_limits

from analysis.common.result import Result, to_plain
from analysis.common.rules import in_force
from analysis.correlation.kept import kept_moments
from analysis.correlation.smoothing import Smooth, checked_smooth
from analysis.factors.moments import CORRELATIONS, choose
from analysis.pipeline.answering import analysed_for, answer, version_of
from analysis.pipeline.beside import answer_all, checked_workers
from analysis.pipeline.context import Context, build_context
from analysis.pipeline.correlating import NO_SMOOTHING, correlation_for
from analysis.pipeline.covariates import moving_covariates, suspected_covariates
from analysis.pipeline.reach import stuck_items
from analysis.pipeline.section import Topic
from analysis.pipeline.topics import TOPICS, content_topics, planned_topics
from analysis.pipeline.topics.plan import plan_in_results, topic_of_plan
from analysis.pipeline.topics.validity_measures import asked_elsewhere, names_beside
from analysis.pipeline.twinned.analysed import analysed_tables
from analysis.pipeline.twinned.said import said_of_answers
from analysis.planning.applying import carry_out
from analysis.planning.checking import columns_known, refuse_unfitting
from analysis.planning.definition import Plan, ambiguous
from analysis.planning.loading import Settled, content_of, settle
from analysis.reliability.resampling import checked_seed
from instrument.common.extras import naming_extras
from instrument.definition import Instrument
from instrument.errors import DefinitionError, fact_and_hint, name_offenders
from instrument.loading import as_instrument
from instrument.study_data import StudyData

if TYPE_CHECKING:
    from analysis.adherence.design.windows import Windows
    from analysis.usage.course import UseCourse
    from instrument.content.records import ContentRecords
    from instrument.study import Study

TREE_SCHEMA = 2
BASE = ("dta-toolkit", "numpy", "scipy", "pandas")  # every section rests on these
Progress = Callable[[str, int, int], None]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False, repr=False)
class Validation(Result):
    """The results tree of a validation.

    Attributes
    ----------
    tree : dict
        `meta` says what was validated and with what; `sections` holds one entry per topic with
        `status` (`ok`, `failed`, `untestable`, `not_applicable`), `values`, `tables`, `findings` and
        `method`. `properties` gives the state of each measurement property (`shown`, `partly_shown`,
        `not_shown`, `not_testable`, `not_asked`, `does_not_apply`; `left_out` in a shared copy), with its
        counts of claims.
    """

    tree: dict[str, Any]

    def to_dict(self) -> dict[str, Any]:
        """Give the tree: plain data only, without clock or durations.

        Returns
        -------
        dict
            `meta` and `sections`.
        """
        return self.tree

    def to_frame(self) -> pd.DataFrame:
        """Give every judged claim.

        Returns
        -------
        pandas.DataFrame
            One row per finding: section, question, property, claim, value, rule, source, verdict (met,
            not_met, untested, does_not_apply), cause (why it could not be tested), passed (None where it was
            not), path.
        """
        rows = [
            {"section": name, **finding}
            for name, section in self.tree["sections"].items()
            for finding in section["findings"]
        ]
        columns = ["section", "question", "property", "claim", "value", "rule", "source"]
        columns += ["verdict", "cause", "passed", "path"]
        return pd.DataFrame(rows, columns=columns)

    def add(self, result: Result, title: str | None = None, note: str = "") -> Validation:
        """Put the result of an analysis of one's own into the report, as a section at its end.

        Parameters
        ----------
        result
            What a public function returned, such as `cfa` or `cronbach_alpha`. Its main table is shown; one
            whose rows are people is told by its fields, without anyone's row.
        title
            Of the section; by default what the result says of itself.
        note
            Under the table.

        Returns
        -------
        Validation
            A new one; this one stays as it is. What is added is left out where a report is shared: nothing
            is known of the people behind its numbers. The dashboard does not show it.

        Raises
        ------
        DefinitionError
            It is no result of one analysis.

        Examples
        --------
        ``validate(responses, scale).add(cfa(model, items), "Two themes in one").write("report")``
        """
        with naming_extras("add"):
            from analysis.report.added import with_result

        return Validation(tree=with_result(self.tree, result, title, note, version_of("dta-toolkit")))

    def write(self, folder: str | Path, **options: Any) -> list[Path]:
        """Write report, results and tables into a folder, all or nothing.

        Parameters
        ----------
        folder
            Created when absent; a folder that holds anything but an earlier report is refused.
        **options
            As for `analysis.report.write_report`.

        Returns
        -------
        list of pathlib.Path
            What was written.
        """
        from analysis.report.writing import write_report

        return write_report(self.tree, folder, **options)


def validate(
    responses: pd.DataFrame | StudyData,
    scale: Instrument | None = None,
    usage: Any = None,
    outcomes: pd.DataFrame | None = None,
    study: Study | None = None,
    covariates: pd.DataFrame | None = None,
    seed: int | None = None,
    *,
    times: pd.DataFrame | None = None,
    enrolment: pd.DataFrame | None = None,
    audit: pd.DataFrame | None = None,
    content: ContentRecords | str | Path | None = None,
    measures: Sequence[tuple[pd.DataFrame, Instrument]] = (),
    waves: Sequence[str] = (),
    topics: Sequence[str] | None = None,
    progress: Progress | None = None,
    correlation: str | None = None,
    smooth: Smooth | None = None,
    plan: Settled | Plan | Mapping[str, Any] | str | Path | None = None,
    half: str | None = None,
    use_by_wave: Callable[[], Windows] | None = None,
    use_over_time: Callable[..., UseCourse] | None = None,
    analysed: Callable[[dict[str, pd.DataFrame]], object] | None = None,
    workers: int = 1,
) -> Validation:
    """Run the whole psychometric validation and keep one results tree.

    Use it for a first and for a final look at a scale: each topic says what it found, by which
    estimator, on how many people, and which named rules its numbers pass or fail. A topic whose
    statistics cannot be estimated is marked `failed` with the reason, and the others go on.
    The structure of the scale is estimated on the first wave with answers.

    Parameters
    ----------
    responses : pandas.DataFrame, one row per administration, or StudyData
        As read by `instrument.read_responses`: participant, wave, then one column per item. A `StudyData`
        holds the tables of a study as one object; `scale` and the tables below are then left out.
    scale
        The instrument.
    usage
        Usage events, or what `analysis.summarise_usage` takes.
    outcomes : pandas.DataFrame, optional
        Outcome measures, one row per participant (and wave).
    study
        Waves, windows and intended use.
    covariates : pandas.DataFrame, optional
        One row per participant: sex, age band, site. Further columns of `responses` count as covariates, too.
    seed
        Seed of everything random; by default the plan's, which is 1 where it says none.
    times : pandas.DataFrame, optional
        participant, wave, seconds: how long each administration took.
    enrolment : pandas.DataFrame, optional
        One row per person enrolled, with `withdrawn_day`; without it the people of `covariates`, else those
        who gave answers, are taken to be everyone.
    audit : pandas.DataFrame, optional
        Ratings of an app's features by two raters, as `analysis.audit_agreement` takes them.
    content
        Records of the work on content, or their folder (`docs/content.md`): they fill steps 1 to 3. By
        default the folder that the plan names, beside the file of the plan.
    measures
        Other questionnaires answered by the same people: answers and instrument of each. Their scores, by the
        id of each theme, can be named in the hypotheses of the study.
    waves
        Names of the waves in their order, where no study file declares it. Without either it is taken from
        numbers (`week2`, `week10`) or known words (`pre`, `post`), and else nothing is said about change.
    topics
        Names of the sections wanted, such as `("flow", "use", "adherence")`. By default every topic.
    progress
        Called with a topic's title, its number and the count of topics before each topic.
    correlation : {"polychoric", "pearson"}, optional
        Correlations of items in the sections on structure and omega; by default polychoric where every item
        has seven options or fewer.
    smooth : {"nearest", "truncated", False}, optional
        What becomes of correlations that are not positive definite: the nearest correlation matrix,
        eigenvalues raised to a floor, or a failed section. Each section concerned says what was done and how
        far the matrix was moved. By default "nearest".
    plan
        What was decided beforehand: a plan, its file, or what the file would hold (`docs/plan.md`). `seed`,
        `topics`, `correlation` and `smooth` given here override its entries, and the results say so.
    half : {"exploration", "confirmation"}, optional
        Part of the people, where the plan splits them.
    use_by_wave
        Where `usage` is summarised already: gives use between waves
        (`analysis.adherence.design.windows`), asked for only if people rated at two waves or more.
    use_over_time
        Where `usage` is summarised already: given landmarks and the length of a pause, gives use around each
        and all pauses (`analysis.usage.course`).
    analysed
        Called with the tables as they are analysed, by name: answers, covariates, outcomes. They hold
        people's answers, and are for a script that makes numbers again.
    workers
        Processes of this machine: with two or more, the sections on structure are computed in a second one.
        Results do not depend on it.

    Returns
    -------
    Validation
        `.tree`, `.to_frame()` for the judged claims, `.write(folder)` for the report.

    Raises
    ------
    ResponseDataError
        The tables break their contract.
    DefinitionError
        There is no topic of a given name, or no such choice of correlations.
    """
    beside = {
        "usage": usage,
        "outcomes": outcomes,
        "study": study,
        "covariates": covariates,
        "times": times,
        "enrolment": enrolment,
        "audit": audit,
        "content": content,
        "measures": tuple(measures),
        "waves": tuple(waves),
        "use_by_wave": use_by_wave,
        "use_over_time": use_over_time,
    }
    data = _study_of(responses, scale, beside)
    if seed is not None:
        checked_seed(seed, "validate")
    _wanted(topics)
    checked_workers(workers)
    if correlation is not None:
        choose("validate", "correlation", correlation, CORRELATIONS)
    smoothed = None if smooth is None else checked_smooth("validate", smooth) or NO_SMOOTHING
    wanted_topics = None if topics is None else list(topics)
    said = {"seed": seed, "correlation": correlation, "smooth": smoothed, "topics": wanted_topics}
    settled = settle(plan, {entry: value for entry, value in said.items() if value is not None})
    settled = settled if half is None else replace(settled, half=half)
    decided = settled.plan
    lacking = ""
    if data.content is None:
        found, lacking = content_of(settled)
        data = replace(data, content=found)
    context = build_context(data, seed=decided.seed, correlation=decided.correlation, smooth=decided.smooth)
    beside_answers = (
        [other for _, other in context.measures],
        columns_known(context.known_covariates, context.outcomes),
    )
    # what a locked plan names and these data lack is told as a deviation; in any other plan it is a slip
    # topics as written: a slip is one where others were asked for beside the plan, too
    written = decided.model_copy(update={"topics": settled.written.topics})
    refuse_unfitting(written, context.scale, *(beside_answers if settled.seal is None else ()))
    if lacking and lacking not in context.notes:  # the command has said it already
        context.notes += (lacking,)
    context.notes += (*suspected_covariates(context), *moving_covariates(context), *_namesakes(context))
    context.notes += asked_elsewhere(context)
    with in_force(decided.rules):
        context = carry_out(context, settled)
    wanted = [*content_topics(context), *_wanted(decided.topics), *planned_topics(context)]
    if analysed is not None:
        with in_force(decided.rules):
            needed = {name: table for one in wanted for name, table in analysed_for(one, context).items()}
        analysed({**analysed_tables(context), **needed})
    # many small matrices: threads of BLAS cost more than they give, and vary sums
    with threadpool_limits(1), in_force(decided.rules), kept_moments():
        sections = answer_all(wanted, context, workers, progress)
    ran = {name for section in sections.values() for name in section["method"]["software"]}
    meta = _meta(context, sorted(ran - set(BASE)))
    if settled.is_said:
        sections = {"plan": answer(topic_of_plan(sections), context), **sections}
    tree = {"schema": TREE_SCHEMA, "meta": meta, "sections": sections}
    from analysis.report.standards import verdicts_plain

    plain = json.loads(json.dumps(to_plain(tree), allow_nan=False))
    return Validation(tree={**plain, "properties": verdicts_plain(plain["sections"])})


def _namesakes(context: Context) -> tuple[str, ...]:
    """Note columns that are called like a score: only the score is related to anything."""
    names = names_beside(context)
    return tuple(
        f"{ambiguous(name, count)}; the first of these is meant, the others are left out"
        for name, count in Counter(names).items()
        if count > 1
    )


def _study_of(responses: Any, scale: Instrument | None, beside: Mapping[str, Any]) -> StudyData:
    """Gather the tables, or take the study that holds them; two of one kind are refused."""
    if not isinstance(responses, StudyData):
        return StudyData(responses=responses, scale=as_instrument(scale, "validate"), **beside)
    given = {"scale": scale, **beside}
    doubled = [name for name, table in given.items() if table is not None and not _is_empty(table)]
    if doubled:
        fact = f"{name_offenders(doubled)} given beside a study that holds its own tables."
        hint = "put them into it with dataclasses.replace(study, …)."
        raise DefinitionError(fact_and_hint("validate", fact, hint))
    return replace(responses, scale=as_instrument(responses.scale, "validate"))


def _is_empty(given: Any) -> bool:
    return isinstance(given, tuple) and not given


def _wanted(names: Sequence[str] | None) -> list[Topic]:
    """Topics of these names, in the order of the report."""
    known = {topic.name: topic for topic in TOPICS}
    if absent := [name for name in names or () if name not in known]:
        fact = f"there is no topic {name_offenders(absent)}."
        raise DefinitionError(fact_and_hint("validate", fact, f"choose among {', '.join(known)}."))
    return [topic for name, topic in known.items() if names is None or name in names]


def _meta(context: Context, ran: list[str]) -> dict[str, Any]:
    scale, study = context.scale, context.study
    return {
        "instrument": {
            "id": scale.id,
            "version": scale.version,
            "title": scale.title,
            "status": scale.status,
            "notice": scale.notice,
            "content_hash": scale.content_hash,
            "themes": [
                {
                    "id": t,
                    "title": context.title_of(t),
                    "role": scale.theme(t).role,
                    "description": scale.theme(t).description,
                    "items": items,
                }
                for t, items in context.themes.items()
            ],
            "items": {item.id: item.text for item in scale.items},
            "reversed": [item.id for item in scale.items if item.reverse],
        },
        "study": None
        if study is None
        else {
            "id": study.id,
            "title": study.title,
            "notice": study.notice,
            "content_hash": study.content_hash,
        },
        "labels": context.labels,
        "synthetic": study is not None and study.synthetic,
        "checksums": context.checksums,
        "notes": list(context.notes),
        "participants": int(context.responses["participant"].nunique()),
        "administrations": len(context.responses),
        "waves": [str(wave) for wave in context.waves],
        "structure_wave": str(context.first_wave),
        "twins": said_of_answers(context),
        "wave_order": context.wave_order.source.value,
        "without_variation": stuck_items(context),
        "seed": context.seed,
        "correlation": correlation_for(context),
        "smooth": context.smooth,
        "plan": plan_in_results(context.settled),
        "versions": {
            "python": platform.python_version(),
            **{name: version_of(name) for name in (*BASE, *ran)},
        },
    }
