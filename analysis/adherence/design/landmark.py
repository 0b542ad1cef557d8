"""The landmark design: who is watched from when, what predicts, what is adjusted for."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass, field

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from analysis.adherence.design.calendar_steps import steps_in_time
from analysis.adherence.design.covariates import (
    FEWEST_PER_CODE,
    coded_columns,
    is_code,
    is_number_column,
    undeclared_columns,
    without_decided,
    without_repeats,
)
from analysis.adherence.design.early_use import bearable, calendar, early_use, how_many, most_telling
from analysis.adherence.design.ends import with_ends
from analysis.adherence.design.further_terms import EARLY, further_terms, words_of
from analysis.adherence.design.recorded_use import recorded_use
from analysis.adherence.design.same_people import refuse_strangers
from analysis.adherence.design.steps import Step, flow_table
from analysis.adherence.models.clusters import FEW_CLUSTERS, FEWEST_CLUSTERS, Clusters, clusters_of
from analysis.common.rules import EARLIEST_RATING
from analysis.common.variation import varies
from analysis.usage.summarise_usage import UsageSummary
from analysis.usage.words import ENROLLED, JOINED, START, WATCHABLE, is_early_use
from instrument.errors import (
    DefinitionError,
    NotEstimableError,
    ResponseDataError,
    fact_and_hint,
    name_offenders,
    warn_user,
)
from instrument.reading.people import labels_as_text
from instrument.reading.raw import count_of
from instrument.study import Study

CALLER = "relate_adherence"
FEWEST_SHORTER = 8  # people with a shorter watch than the longest
FEWEST, MANY = 30, 150  # people: to analyse at all; to bend the line of calendar time
MADE = frozenset(
    (
        *("wave", "week", "order", "percent", "rating", "answered", "seen", "due", "watched", "done"),
        *("use_before", "use_before, log", "idle_at_landmark, log", "adherent_after"),
        *("away_from", "away_to", "came_back"),
    )
)
"""Columns that the analyses of later use make: another of that name would be taken for one of them."""
BOOKKEEPING = ("participant", "enrolled", "enrolled_day", "withdrawn", "withdrawn_day", "reason")


@dataclass(frozen=True, slots=True, kw_only=True)
class LandmarkDesign:
    """Rows of the analysis and how they came about.

    `frame` has one row per analysed participant: predictors (raw), adjustment columns as numbers in
    `adjusters`, `done` and `due` (intended units after the landmark while watched), `time` and `event` from
    the landmark with `at_risk`, `adherent_after`, and the outcome where there is one. `everyone` has one row
    per enrolled participant still watched with complete adjustment and `answered`, for weights; `watched`
    one per participant still watched, gaps as NaN, for imputation. The first of `adjusters` are the columns
    of use before the landmark in `early`, most needed
    first; `adjusted_for` names what is held constant. With a `cluster`, `clusters` belong to the rows of
    `frame` and `watched_clusters` to those of `watched`. `groupings` are columns of the side tables with
    eight groups or more that are neither held constant nor declared as clusters. `unrelated` is what readers
    call the feature whose use the alliance has no reason to move (counted in `unrelated_after`), where the
    study names one and the log holds it. `unrelated_rating` is the column of a rating that has no reason to
    move use, where the study names one and the side tables hold it; `rating_title` is its name for readers.
    `undeclared` are the columns of covariates that nobody declared and that are no such groups, as numbers
    and 0/1 columns. `lost` says by what signs use of some people may be missing from the log; empty where
    there are none.
    """

    frame: pd.DataFrame
    everyone: pd.DataFrame
    watched: pd.DataFrame
    predictors: list[str]
    adjusters: list[str]
    flow: pd.DataFrame
    notes: list[str]
    wave: str
    day: float
    due: float
    unit: str
    early: list[str] = field(default_factory=list)
    adjusted_for: list[str] = field(default_factory=list)
    cluster: str | None = None
    clusters: Clusters | None = None
    watched_clusters: Clusters | None = None
    groupings: dict[str, Clusters] = field(default_factory=dict)
    unrelated: str = ""
    unrelated_rating: str = ""
    rating_title: str = ""
    lost: str = ""
    undeclared: dict[str, NDArray[np.float64]] = field(default_factory=dict)


def refuse_overlap(study: Study, usage: UsageSummary, wave: str | None, caller: str = CALLER) -> str:
    """Refuse designs in which use that counts as outcome lies inside the predictor's window."""
    if study.landmark is None:
        fact = "the study names no landmark, so use before and after the rating cannot be told apart."
        raise DefinitionError(
            fact_and_hint(caller, fact, "add `landmark: {wave: …, day: …}` to the study file.")
        )
    chosen = str(study.landmark.wave) if wave is None else str(wave)
    names = [entry.name for entry in study.waves]
    if chosen not in names:
        fact = f"there is no wave {chosen!r} in the study."
        raise DefinitionError(fact_and_hint(caller, fact, f"choose one of {name_offenders(names)}."))
    closes, day = study.wave(chosen).closes, study.landmark.day
    if closes > day:
        fact = f"wave {chosen!r} closes on day {closes}, but use counts from day {day}: they overlap."
        hint = "use a wave that closes by the landmark, or move the landmark; alliance must come before use."
        raise DefinitionError(fact_and_hint(caller, fact, hint))
    if usage.rule["landmark_day"] != float(day):
        fact = f"use was split at day {usage.rule['landmark_day']:g}, the landmark is day {day}."
        raise DefinitionError(fact_and_hint(caller, fact, "summarise the log with the same study file."))
    return chosen


def refuse_names(names: Iterable[str], columns: Iterable[str], what: str) -> None:
    """Refuse scores or items that are called like a column of the analysis: it would be taken for them.

    Parameters
    ----------
    names
        Of scores or items.
    columns
        Of the rows they are put beside.
    what
        `scores` or `items`, for the message.

    Raises
    ------
    DefinitionError
        A name is one of the columns, or of those that are made later.
    """
    taken = _taken(columns)
    if meant := [name for name in names if name != "rating" and taken(name)]:
        fact = f"{what} are called like columns of the analysis: {name_offenders(meant)}."
        raise DefinitionError(fact_and_hint(CALLER, fact, "give them other ids, or the columns other names."))


def _taken(columns: Iterable[str]) -> Callable[[str], bool]:
    """Tell names of columns, of those made later, and of kinds of event that this log may not hold."""
    known = {str(name) for name in columns} | MADE
    return lambda name: name in known or is_early_use(str(name))


def early_rating(study: Study, wave: str) -> list[str]:
    """Warn of a rating before the third week; the sentence is also kept among the notes."""
    day = study.wave(wave).day
    if EARLIEST_RATING.holds(day):
        return []
    fact = f"wave {wave!r} lies on day {day}, before the third week: {EARLIEST_RATING.note}"
    hint = "rate alliance in week 3 or later, or read the result as one of first impressions."
    warn_user(fact_and_hint(CALLER, fact, hint))
    return [fact]


def assemble(
    scores: pd.DataFrame,
    usage: UsageSummary,
    study: Study,
    outcomes: pd.DataFrame | None,
    covariates: pd.DataFrame | None,
    predictors: Sequence[str],
    adjust_for: Sequence[str] | None,
    wave: str,
    cluster: str | None = None,
) -> LandmarkDesign:
    """Join scores at the landmark with use before and after, and count who is lost where."""
    notes: list[str] = []
    ratings = _ratings(scores, predictors, wave)
    people = usage.people.copy()
    people["participant"] = labels_as_text(people["participant"])
    frame = people.merge(ratings, on="participant", how="left")
    refuse_names(predictors, people.columns, "scores")
    extra, names = side_columns(study, outcomes, covariates, adjust_for, notes, frame, cluster)
    if cluster is not None and (extra is None or cluster not in extra):
        fact = f"there is no column {cluster!r} that says who belongs to which cluster."
        raise ResponseDataError(fact_and_hint(CALLER, fact, "give it with the covariates."))
    if extra is not None:
        frame = frame.merge(extra, on="participant", how="left")
    labels = None if cluster is None else frame[cluster].astype(object)
    rating = _rating(study, extra, names, notes)
    apart = {"participant", *names, cluster, rating}
    others = [] if extra is None else [c for c in extra if c not in apart]
    raw = frame[[name for name in others if name != study.outcome]].copy()
    day = float(usage.rule["landmark_day"])
    measure = usage.rule["measure"]
    due = float(usage.rule["intended_after"])
    if due <= 0:
        fact = "no intended use is left after the landmark."
        raise NotEstimableError(fact_and_hint(CALLER, fact, "choose an earlier landmark."))
    frame["answered"] = frame[list(predictors)].notna().all(axis=1)
    frame["seen"] = frame["end_day"] > day
    frame["due"] = frame["intended_after"].astype(float)
    frame["watched"] = frame["seen"] & (frame["due"] > 0)
    frame["done"] = np.minimum(frame[f"{measure}_after"].astype(float), frame["due"])
    # Uncapped: a count cut at the intended amount takes all who did more for alike.
    frame["use_before"] = frame[f"{measure}_before"].astype(float)
    share = np.divide(frame["done"], frame["due"], out=np.zeros(len(frame)), where=frame["due"] > 0)
    frame["adherent_after"] = share >= study.adherence.threshold
    frame = with_ends(frame, study.ends_well, notes, day, study.gap_days)
    known = pd.Series(True, index=frame.index) if labels is None else labels.notna()
    quantities = {*study.baseline, *study.numbers}
    # Who they are is settled by everyone there is: a clinic stays a name when another is set apart.
    categories = [
        n for n in names if n not in quantities and is_number_column(frame[n]) and is_code(frame[n])
    ]
    frame, decided = without_decided(frame, names, quantities, frame["answered"] & frame["watched"] & known)
    if decided:
        notes.append(
            f"labels of {', '.join(decided)} count as missing where everyone who has them did all that was "
            "due after the landmark, or nothing: they tell nothing of a score"
        )
    frame, adjusters, codes = coded_columns(frame, names, quantities, categories)
    if codes:
        notes.append(
            f"taken as categories, being whole numbers of few values: {', '.join(codes)} "
            "(`numbers` in the study file names those that are quantities)"
        )
    complete = frame[[*adjusters, *decided]].notna().all(axis=1) & known
    kept = frame["answered"] & frame["watched"] & complete
    strangers = len(set(ratings["participant"]) - set(people["participant"]))
    flow = _flow(frame, complete, kept, strangers, START[str(usage.rule.get("people", ENROLLED))])
    if kept.sum() < FEWEST:
        fact = f"{int(kept.sum())} of {len(frame)} participants have a score, adjustment and use to come."
        raise NotEstimableError(fact_and_hint(CALLER, fact, f"at least {FEWEST} are needed."))
    steady = [name for name in adjusters if frame.loc[kept, name].nunique() < 2]
    if steady:
        notes.append(f"left out of the adjustment, since all have one value: {', '.join(steady)}")
        adjusters = [name for name in adjusters if name not in steady]
    adjusters, repeats = without_repeats(
        frame[kept], [n for n in predictors if varies(frame.loc[kept, n])], adjusters
    )
    notes.extend(repeats)
    analysed, people_kept = kept.to_numpy(dtype=bool), int(kept.sum())
    if WATCHABLE in frame and _some_shorter(frame.loc[kept, WATCHABLE]):
        adjusters = [*adjusters, WATCHABLE]
    when = calendar(frame["joined"].to_numpy(dtype=float), analysed, bent=people_kept >= MANY)
    further: dict[str, NDArray[np.float64]] = {}
    early = early_use(frame, analysed, study.gap_days)
    if people_kept >= MANY and when:
        when |= _steps(frame, when, adjusters, predictors, analysed)
    recorded = recorded_use(
        frame,
        analysed,
        np.column_stack([_held(frame, when, adjusters, analysed), early.columns[analysed]]),
        _targets(frame[analysed], predictors),
    )
    early = early_use(frame, analysed, study.gap_days, recorded)
    if people_kept >= MANY:
        further = _further(frame, when, adjusters, predictors, analysed, early.columns[analysed])
        if further:
            said = ", ".join(words_of(list(further)))
            notes.append(f"also held constant, since score or use go with it: {said}")
    added = when | further
    frame = pd.concat([frame.drop(columns=list(added), errors="ignore"), pd.DataFrame(added)], axis=1)
    adjusters = [*adjusters, *added]
    number = how_many(early.columns.shape[1], 1 + len(adjusters), people=people_kept)
    here = frame[analysed]
    asked = _targets(here, [name for name in predictors if varies(here[name])])
    columns = early.columns[
        most_telling(early.columns[kept], here[list(adjusters)].to_numpy(dtype=float), asked, number)
    ]
    first, dropped = bearable(
        columns[kept], *(frame.loc[kept, c].to_numpy(dtype=float) for c in (adjusters, "done", "due"))
    )
    if dropped:
        notes.append(
            f"{count_of(len(dropped), 'column')} of use before the landmark left out: no model can be fitted "
            "with them"
        )
    frame = pd.concat([frame, columns[first]], axis=1)
    clusters = among = None
    if labels is not None and cluster is not None:
        clusters = clusters_of(labels[kept], cluster)
        among = clusters_of(labels[frame["watched"] & known], cluster)
        if clusters.count < FEW_CLUSTERS:
            notes.append(
                f"{clusters.count} clusters ({cluster}) are few: their errors are themselves uncertain"
            )
    return LandmarkDesign(
        frame=frame[kept].reset_index(drop=True),
        everyone=frame[frame["watched"] & complete].reset_index(drop=True),
        watched=frame[frame["watched"] & known].reset_index(drop=True),
        predictors=list(predictors),
        adjusters=[*first, *adjusters],
        flow=flow,
        notes=notes,
        wave=wave,
        day=day,
        due=due,
        unit=str(usage.rule["unit"]),
        early=first,
        adjusted_for=[
            *early.described(first),
            *(a for a in adjusters if a not in added or a == JOINED),
            *words_of(list(further)),
        ],
        cluster=cluster,
        clusters=clusters,
        watched_clusters=among,
        groupings={} if cluster is not None else _groupings(raw[kept], {*study.numbers, *study.baseline}),
        unrelated=_unrelated(study, frame),
        unrelated_rating=rating,
        rating_title=study.labels.get(rating, rating.replace("_", " ")),
        lost=str(usage.rule.get("lost", "")),
        undeclared=undeclared_columns(
            raw.loc[kept, [name for name in raw if covariates is not None and name in covariates]],
            {*study.numbers, *study.baseline},
        ),
    )


def _some_shorter(days: pd.Series) -> bool:
    """Whether enough people could be watched for fewer days: where use fades, a shorter watch shows more."""
    return bool((days < days.max()).sum() >= FEWEST_SHORTER)


def _unrelated(study: Study, frame: pd.DataFrame) -> str:
    kind = study.unrelated_kind
    if kind is None or "unrelated_after" not in frame:
        return ""
    return study.labels.get(kind, kind.replace("_", " "))


def _rating(study: Study, extra: pd.DataFrame | None, names: Sequence[str], notes: list[str]) -> str:
    """Column of the rating that has no reason to move use; empty where there is none to ask."""
    name = study.unrelated_rating or ""
    if not name:
        return ""
    if name in names:
        fact = f"unrelated_rating {name!r} is held constant as well, so that it can show nothing."
        raise DefinitionError(fact_and_hint(CALLER, fact, "leave it out of baseline and covariates."))
    if extra is None or name not in extra:
        notes.append(f"the unrelated rating {name} is not in the data: it can show no cause of ratings")
        return ""
    if not pd.api.types.is_numeric_dtype(extra[name]):
        fact = f"column {name!r}, the unrelated rating, holds no numbers."
        raise ResponseDataError(fact_and_hint(CALLER, fact, "give it as a number."))
    return name


def _steps(
    frame: pd.DataFrame,
    when: dict[str, NDArray[np.float64]],
    adjusters: Sequence[str],
    predictors: Sequence[str],
    analysed: NDArray[np.bool_],
) -> dict[str, NDArray[np.float64]]:
    """Columns of the days of enrolment on which later use or a score jumps."""
    joined = when[JOINED]
    held = _held(frame, when, adjusters, analysed)
    days = steps_in_time(joined[analysed], held, _targets(frame[analysed], predictors))
    found = {name: ((joined >= a) & (joined < b)).astype(float) for name, (a, b) in days.items()}
    return {name: column for name, column in found.items() if _bearable(column[analysed], frame[analysed])}


def _further(
    frame: pd.DataFrame,
    when: dict[str, NDArray[np.float64]],
    adjusters: Sequence[str],
    predictors: Sequence[str],
    analysed: NDArray[np.bool_],
    early: pd.DataFrame,
) -> dict[str, NDArray[np.float64]]:
    """Curves and products of what is known, and days of the week, that later use or a score go with."""
    found = further_terms(
        {name: frame[name].to_numpy(dtype=float) for name in adjusters},
        {EARLY: np.log1p(frame["use_before"].to_numpy(dtype=float))},
        frame["joined"].to_numpy(dtype=float),
        analysed,
        np.column_stack([_held(frame, when, adjusters, analysed), early.to_numpy(dtype=float)]),
        _targets(frame[analysed], predictors),
    )
    return {name: column for name, column in found.items() if _bearable(column[analysed], frame[analysed])}


def _bearable(column: NDArray[np.float64], mine: pd.DataFrame) -> bool:
    """Whether those whom a 0/1 column tells apart did something, and not all: else no model has a maximum."""
    done, due = (mine[name].to_numpy(dtype=float) for name in ("done", "due"))
    values = np.unique(column)
    if len(values) > 2:
        return True
    sides = [column == value for value in values]
    return all(0 < done[side].sum() < due[side].sum() for side in sides)


def _held(
    frame: pd.DataFrame,
    when: dict[str, NDArray[np.float64]],
    adjusters: Sequence[str],
    analysed: NDArray[np.bool_],
) -> NDArray[np.float64]:
    mine = frame[analysed]
    early = np.log1p(mine[["use_before", "active_days_before"]].to_numpy(dtype=float))
    smooth = [column[analysed] for column in when.values()]
    return np.column_stack([early, mine[list(adjusters)].to_numpy(dtype=float), *smooth])


def _targets(mine: pd.DataFrame, predictors: Sequence[str]) -> list[NDArray[np.float64]]:
    share = mine["done"].to_numpy(dtype=float) / mine["due"].to_numpy(dtype=float)
    return [share, *(mine[name].to_numpy(dtype=float) for name in predictors)]


def _groupings(raw: pd.DataFrame, quantities: set[str]) -> dict[str, Clusters]:
    """Columns that put the people analysed into eight groups or more, three people for each, or pairs.

    With clusters declared, others lie within them or are not asked; those without a label stand alone.
    """
    found = {}
    for name in raw.columns:
        column, n = raw[name], len(raw)
        numeric = pd.api.types.is_numeric_dtype(column)
        if str(name) in quantities or (numeric and not is_code(column)):
            continue
        count = column.nunique()
        # Two of a household are a group; so that names of people are none, half of them must share theirs.
        shared = column.dropna().duplicated(keep=False).sum()
        if not (FEWEST_CLUSTERS <= count <= n / FEWEST_PER_CODE or (not numeric and 2 * shared >= n)):
            continue
        if count < FEWEST_CLUSTERS:
            continue
        alone = pd.Series([f"alone {k}" for k in range(n)], index=raw.index, dtype=object)
        found[str(name)] = clusters_of(column.astype(object).where(column.notna(), alone), str(name))
    return found


def _ratings(scores: pd.DataFrame, predictors: Sequence[str], wave: str) -> pd.DataFrame:
    absent = [name for name in ("participant", "wave", *predictors) if name not in scores]
    if absent:
        fact = f"the scores have no column {name_offenders(absent)}."
        raise ResponseDataError(fact_and_hint(CALLER, fact, "pass what `instrument.score` gives."))
    ratings = scores[labels_as_text(scores["wave"]) == wave][["participant", *predictors]].copy()
    ratings["participant"] = labels_as_text(ratings["participant"])
    if not len(ratings):
        waves = sorted(labels_as_text(scores["wave"]).unique())
        fact = f"nobody has a score at wave {wave!r}; there are {name_offenders(waves)}."
        raise ResponseDataError(
            fact_and_hint(CALLER, fact, "check the names of the waves in the study file.")
        )
    doubled = ratings["participant"][ratings["participant"].duplicated()].unique()
    if len(doubled):
        fact = f"{len(doubled)} participants have several rows at wave {wave!r}: {name_offenders(doubled)}."
        raise ResponseDataError(fact_and_hint(CALLER, fact, "keep one administration each."))
    return ratings


def side_columns(
    study: Study,
    outcomes: pd.DataFrame | None,
    covariates: pd.DataFrame | None,
    adjust_for: Sequence[str] | None,
    notes: list[str],
    people: pd.DataFrame,
    cluster: str | None = None,
) -> tuple[pd.DataFrame | None, list[str]]:
    """Outcomes and covariates of these people side by side, and the names to adjust for.

    `people` are the rows they are put beside: a column that is called like one of those, or like one that is
    made later, is refused where somebody asked for it, and left out with a note where nobody did.
    """
    asked = {*study.baseline, *study.covariates, *(adjust_for or ()), cluster, study.outcome}
    asked |= {study.cluster, study.unrelated_rating}
    taken = _taken(people.columns)
    tables = []
    for what, table in (("outcomes", outcomes), ("covariates", covariates)):
        if table is None:
            continue
        mine = table.drop(columns=[c for c in BOOKKEEPING[1:] if c in table]).copy()
        if "participant" not in mine:
            fact = "a table of outcomes or covariates has no column 'participant'."
            raise ResponseDataError(fact_and_hint(CALLER, fact, "name whose row each one is."))
        mine["participant"] = labels_as_text(mine["participant"])
        refuse_strangers(mine["participant"], people["participant"], what, CALLER)
        if mine["participant"].duplicated().any():
            fact = f"{int(mine['participant'].duplicated().sum())} rows repeat a participant."
            raise ResponseDataError(fact_and_hint(CALLER, fact, "outcomes and covariates have one row each."))
        if odd := [name for name in mine.columns if name != "participant" and taken(name)]:
            if meant := [name for name in odd if name in asked]:
                fact = f"{what} have columns called like those of the analysis: {name_offenders(meant)}."
                raise ResponseDataError(
                    fact_and_hint(CALLER, fact, "give them other names, also in the study.")
                )
            notes.append(
                f"columns of {what} called like those of the analysis are left out: {', '.join(odd)}"
            )
            mine = mine.drop(columns=odd)
        tables.append(mine)
    extra = None
    for table in tables:
        extra = table if extra is None else _beside(extra, table, asked)
    have = [] if extra is None else [c for c in extra.columns if c != "participant"]
    if adjust_for is None:
        wanted = [*study.baseline, *study.covariates]
        names = [name for name in wanted if name in have]
        if absent := [name for name in wanted if name not in have]:
            notes.append(f"not adjusted for, since not in the data: {', '.join(absent)}")
    else:
        names = list(adjust_for)
        if absent := [name for name in names if name not in have]:
            fact = f"there is no column {name_offenders(absent)} to adjust for."
            raise ResponseDataError(fact_and_hint(CALLER, fact, "name columns of outcomes or covariates."))
    return extra, names


def _beside(outcomes: pd.DataFrame, covariates: pd.DataFrame, asked: Collection[str | None]) -> pd.DataFrame:
    """Put two side tables together; a column of both is one where it says the same of everybody in both."""
    both = [name for name in covariates.columns if name in outcomes.columns and name != "participant"]
    joined = outcomes.merge(covariates.drop(columns=both), on="participant", how="outer")
    for name in both:
        one, other = (table.set_index("participant")[name].dropna() for table in (outcomes, covariates))
        shared = one.index.intersection(other.index)
        if name in asked and not (one[shared].astype(str) == other[shared].astype(str)).all():
            fact = f"outcomes and covariates have a column {name!r} each, and say different things in it."
            raise ResponseDataError(fact_and_hint(CALLER, fact, "keep one of them."))
        joined[name] = joined[name].where(joined[name].notna(), joined["participant"].map(other))
    return joined


def labels_of(
    cluster: str | None, outcomes: pd.DataFrame | None, covariates: pd.DataFrame | None
) -> pd.Series | None:
    """Cluster of everybody in the side tables, by participant; None without clusters."""
    for table in (covariates, outcomes):
        if cluster is not None and table is not None and cluster in table:
            known = table.dropna(subset=[cluster])
            return pd.Series(known[cluster].to_numpy(), index=labels_as_text(known["participant"]).to_numpy())
    return None


def _flow(
    frame: pd.DataFrame, complete: pd.Series, kept: pd.Series, strangers: int, start: str
) -> pd.DataFrame:
    """Participant flow from enrolment to the two models."""
    idle = ~frame["at_risk"]
    seen, watched = frame["seen"], frame["watched"]
    # "not seen at the landmark" splits by why: people who withdrew, and people whose time had not come.
    gone = ~seen & (frame["withdrawn_day"].astype(float) <= frame["end_day"])
    left = watched & ~frame["answered"]
    came_back = frame["done"] > 0
    return flow_table(
        {
            Step.ENROLLED: len(frame),
            Step.WITHDRAWN: int(gone.sum()),
            Step.UNWATCHED: int((~seen & ~gone).sum()),
            Step.HAD_LEFT: int((seen & idle).sum()),
            Step.CAME_BACK: int((seen & idle & came_back).sum()),
            Step.NOTHING_DUE: int((seen & ~watched).sum()),
            Step.NO_SCORE: int(left.sum()),
            Step.NO_SCORE_LEFT: int((left & idle).sum()),
            Step.NO_COVARIATE: int((watched & frame["answered"] & ~complete).sum()),
            Step.ANALYSED: int(kept.sum()),
            Step.ANALYSED_LEFT: int((kept & idle).sum()),
            Step.ANALYSED_TIME: int((kept & ~idle).sum()),
            Step.DISENGAGED: int((kept & frame["disengaged"]).sum()),
            Step.STRANGERS: strangers,
        },
        start,
    )
