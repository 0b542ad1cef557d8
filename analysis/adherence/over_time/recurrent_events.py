"""Public function: events that can happen to a person again, such as coming back after a pause."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from analysis.adherence.design.covariates import coded_columns
from analysis.adherence.models.clusters import Clusters, clusters_of
from analysis.adherence.models.decided import undecided
from analysis.adherence.models.survival import FEWEST_EVENTS
from analysis.adherence.over_time.counting import counting_process
from analysis.common.result import Result
from analysis.common.variation import varies
from analysis.reliability.resampling import checked_level
from instrument.answers import ColumnFault, column_numbers, numeric_columns, table_of, with_numbers
from instrument.common.formatting import fill_prose
from instrument.errors import NotEstimableError, ResponseDataError, fact_and_hint, name_offenders

Floats = NDArray[np.float64]
CALLER = "recurrent_events"
FEWEST = 30
LARGEST_SHARE = 0.5  # of all events in one person


@dataclass(frozen=True, slots=True, kw_only=True, eq=False, repr=False)
class RecurrentResult(Result):
    """Rates of an event that can happen again.

    Attributes
    ----------
    effects : DataFrame
        A row per column: term, n_people, n_rows, events, coefficient, se (rows of one person are alike),
        se_plain (were they independent), ratio (of rates, for one unit, or one standard deviation of a
        predictor), ci_lower, ci_upper, df, pvalue.
    people : DataFrame
        events (to one person), n (people).
    design : dict
        Columns and their parts, standard deviations of the predictors, clusters.
    notes : list of str
        What is assumed and what was left out.
    """

    effects: pd.DataFrame
    people: pd.DataFrame
    design: dict[str, Any]
    notes: list[str]

    def to_frame(self) -> pd.DataFrame:
        """Give the effects, unrounded."""
        return self.effects

    def summary(self, digits: int = 2) -> str:
        """Give the ratios of rates and the notes as text.

        Parameters
        ----------
        digits
            Decimals shown.

        Returns
        -------
        str
            Lines of text.
        """
        lines = [
            f"{row['term']}: rate ratio {row['ratio']:.{digits}f} "
            f"[{row['ci_lower']:.{digits}f}, {row['ci_upper']:.{digits}f}], "
            + fill_prose("p = {p:p}", {"p": float(row["pvalue"])})
            for row in self.effects.to_dict("records")
        ]
        return "\n".join([*lines, *self.notes])


def recurrent_events(
    data: Any,
    *,
    start: str,
    stop: str,
    event: str,
    predictors: Sequence[str],
    adjust_for: Sequence[str] = (),
    participant: str = "participant",
    numbers: Sequence[str] = (),
    cluster: str | None = None,
    confidence: float = 0.95,
) -> RecurrentResult:
    """Relate columns to the rate of an event that can happen to a person several times.

    Use it for returns after a pause (rows: the times somebody is away), new weeks of use, calls. Do not use
    it where an event ends everything (that is survival), nor where a row's columns were known only later
    than its start.

    Parameters
    ----------
    data
        A row for each stretch of time in which the event could happen; several for a person, which must not
        overlap. Columns may change from row to row.
    start, stop
        Days on one clock for everyone: a row counts after its start and up to its stop.
    event
        0/1: whether the stretch ends in the event.
    predictors
        Numbers of interest, each reported for one standard deviation over people's first rows.
    adjust_for
        Columns held constant.
    participant
        Column of people.
    numbers
        Columns of whole numbers that are quantities, not codes.
    cluster
        Column that says which people belong together; at least 8 clusters.
    confidence
        Level of every interval.

    Returns
    -------
    RecurrentResult
        Ratios of rates with errors by person (or cluster).

    Raises
    ------
    ResponseDataError
        Columns are missing or have two parts, stretches overlap or have no length, events are not 0 and 1.
    NotEstimableError
        Fewer than 30 people, 10 events, or people with an event; one person has half of the events; no
        maximum.

    Notes
    -----
    Andersen and Gill: `rate(t) = r₀(t) exp(b'x)`, partial likelihood (Efron) over the rows that count at each
    event. A person's rows are alike: covariance `(G − 1)/G Σ_g d_g d_g'`, `d_g = −(I − I_g)⁻¹ u_g` how the
    coefficients move without a person or cluster (score residuals `u_g`, information `I_g`), Student's t
    with `G − 1`. So robust, the ratio is one of mean rates, whether or
    not earlier events make later ones likelier. Assumed: watching ends for reasons that the columns explain.

    References
    ----------
    Andersen & Gill (1982), doi 10.1214/aos/1176345976. Lin, Wei, Yang & Ying (2000), doi
    10.1111/1467-9868.00259 (mean rates). Lin & Wei (1989), doi 10.1080/01621459.1989.10478874. In R:
    `survival::coxph(Surv(start, stop, event) ~ x, cluster = id)`.

    Examples
    --------
    >>> rng = np.random.default_rng(2)
    >>> away = pd.DataFrame({"participant": np.repeat(range(60), 2), "from": [28, 50] * 60})
    >>> away["alliance"] = np.repeat(rng.normal(size=60), 2)
    >>> away["to"] = away["from"] + rng.integers(1, 20, 120)
    >>> away["back"] = rng.integers(0, 2, 120)
    >>> found = recurrent_events(away, start="from", stop="to", event="back", predictors=["alliance"])
    >>> found.effects["term"].tolist()
    ['alliance']
    """
    checked_level(confidence, CALLER)
    frame, terms, codes, lost = _rows(
        data, [start, stop], event, predictors, adjust_for, participant, numbers, cluster
    )
    who = pd.factorize(frame[participant])[0]
    entry, end = frame[start].to_numpy(dtype=float), frame[stop].to_numpy(dtype=float)
    happened = frame[event].to_numpy(dtype=float) == 1
    _check_stretches(who, entry, end)
    people = int(who.max()) + 1
    of_person = np.bincount(who, weights=happened).astype(int)
    if people < FEWEST or (of_person > 0).sum() < FEWEST_EVENTS:
        fact = f"{people} people, {int((of_person > 0).sum())} of them with an event."
        hint = f"at least {FEWEST} people and {FEWEST_EVENTS} with an event are needed."
        raise NotEstimableError(fact_and_hint(CALLER, fact, hint))
    if of_person.max() > LARGEST_SHARE * of_person.sum():
        fact = "one person has more than half of all events."
        raise NotEstimableError(fact_and_hint(CALLER, fact, "gather more people."))
    first = frame.groupby(participant, sort=False)[list(predictors)].first().astype(float)
    spreads = first.std(ddof=1)
    x = frame[terms].to_numpy(dtype=float)
    if flat := [name for name, column in zip(terms, x.T, strict=True) if not varies(column)]:
        fact = f"columns have one value only: {name_offenders(flat)}."
        raise NotEstimableError(fact_and_hint(CALLER, fact, "leave them out."))
    rows, kept = undecided(x, terms, ~happened, scores=len(predictors))
    apart = [name for name, stays in zip(terms, kept, strict=True) if not stays]
    x, terms = x[np.ix_(rows, kept)], [name for name in terms if name not in apart]
    scale = np.array([float(spreads[name]) if name in spreads else 1.0 for name in terms])
    if not varies(first).all():
        fact = "a predictor has one value in everybody's first row."
        raise NotEstimableError(fact_and_hint(CALLER, fact, "leave it out."))
    # On a like scale for the search; what is no predictor is told for one of its own units.
    own = np.where([name in spreads for name in terms], scale, x.std(axis=0))
    x = (x - x.mean(axis=0)) / own
    if np.linalg.matrix_rank(x) < x.shape[1]:
        fact = "columns repeat each other."
        raise NotEstimableError(fact_and_hint(CALLER, fact, "leave out what says the same."))
    if cluster is None:
        there, of_row = np.unique(who[rows], return_inverse=True)
        units = Clusters(of_row.astype(np.int64), len(there))
    else:  # those without a row that tells anything are none of them
        units = clusters_of(frame[cluster].reset_index(drop=True), cluster).among(rows)
    fit, plain = counting_process(x, entry[rows], end[rows], happened[rows], units)
    back = scale / own
    low, high = fit.interval(confidence)
    pvalues, lone = fit.pvalues(), list(fit.alone)
    for column in (se := fit.se, low, high, pvalues):
        column[lone] = np.nan
    effects = pd.DataFrame(
        {
            "term": terms,
            "n_people": people,
            "n_rows": len(frame),
            "events": int(happened.sum()),
            "coefficient": fit.coefficients * back,
            "se": se * back,
            "se_plain": plain * back,
            "ratio": np.exp(fit.coefficients * back),
            "ci_lower": np.exp(low * back),
            "ci_upper": np.exp(high * back),
            "df": fit.df_resid,
            "pvalue": pvalues,
        }
    )
    counts = pd.Series(of_person).value_counts().sort_index()
    notes = [f"taken as categories: {', '.join(codes)}"] if codes else []
    if apart:
        notes.append(f"without a ratio, since nobody of a group had the event: {', '.join(apart)}")
    if lone:
        who_alone = "one person" if cluster is None else "one cluster"
        named = ", ".join(terms[place] for place in lone)
        notes.append(f"without an error, since {who_alone} alone has it: {named}")
    if lost:
        notes.append(f"{lost} rows lack a column and do not count")
    notes.append("an association of rates: who has the chance of the event is no one's choice here")
    return RecurrentResult(
        effects=effects,
        people=pd.DataFrame({"events": counts.index.to_numpy(), "n": counts.to_numpy()}),
        design={
            "start": start,
            "stop": stop,
            "event": event,
            "predictors": list(predictors),
            "adjust_for": list(adjust_for),
            "cluster": cluster or "",
            "confidence": confidence,
            "standard_deviations": {name: float(spreads[name]) for name in predictors},
        },
        notes=notes,
    )


def _rows(
    data: Any,
    days: Sequence[str],
    event: str,
    predictors: Sequence[str],
    adjust_for: Sequence[str],
    participant: str,
    numbers: Sequence[str],
    cluster: str | None,
) -> tuple[pd.DataFrame, list[str], list[str], int]:
    """Complete rows, columns of the model, what was taken as categories, rows that lack something."""
    if isinstance(predictors, str) or not list(predictors):
        fact = "no predictor is named."
        raise ResponseDataError(fact_and_hint(CALLER, fact, "name columns as predictors=[…]."))
    extra = [cluster] if cluster is not None else []
    wanted = [participant, *days, event, *predictors, *adjust_for, *extra]
    if twice := sorted({name for name in wanted if wanted.count(name) > 1}):
        fact = f"columns have two parts at once: {name_offenders(twice)}."
        raise ResponseDataError(fact_and_hint(CALLER, fact, "give each one part."))
    table = table_of(data, CALLER, "data")
    if absent := [name for name in wanted if name not in table]:
        fact = f"the data have no column {name_offenders(absent)}."
        raise ResponseDataError(fact_and_hint(CALLER, fact, "give one row for each stretch of time."))
    for name in days:
        if column_numbers(table[name]) is ColumnFault.TEXT:
            fact = f"{name!r} holds no numbers of days."
            raise ResponseDataError(
                fact_and_hint(CALLER, fact, "count days on one clock, from enrolment say.")
            )
    frame = with_numbers(table, CALLER, [*days, event, *predictors])[wanted]
    for name in adjust_for:
        found = column_numbers(frame[name])
        if found is ColumnFault.ENDLESS:
            numeric_columns(frame, CALLER, [name])  # refuses it by name
        if not isinstance(found, ColumnFault):
            frame[name] = found
    frame, adjusters, codes = coded_columns(frame.reset_index(drop=True), adjust_for, numbers)
    terms = [*predictors, *adjusters]
    whole = frame[[participant, *days, event, *terms, *extra]].notna().all(axis=1)
    kept = frame[whole].reset_index(drop=True)
    kept[participant] = kept[participant].astype(str)
    if not len(kept):
        raise NotEstimableError(fact_and_hint(CALLER, "no row is complete.", "see the data."))
    if not set(kept[event].unique()) <= {0.0, 1.0}:
        fact = f"{event!r} holds other values than 0 and 1."
        raise ResponseDataError(fact_and_hint(CALLER, fact, "say 1 where a stretch ends in the event."))
    return kept, terms, codes, int((~whole).sum())


def _check_stretches(who: NDArray[np.int64], entry: Floats, end: Floats) -> None:
    if not (end > entry).all():
        fact = f"{int((~(end > entry)).sum())} of {len(end)} stretches do not stop after they start."
        raise ResponseDataError(fact_and_hint(CALLER, fact, "leave out stretches without length."))
    order = np.lexsort((entry, who))
    same = who[order][1:] == who[order][:-1]
    overlap = same & (entry[order][1:] < end[order][:-1])
    if overlap.any():
        fact = f"{int(overlap.sum())} stretches begin before the one before them has stopped."
        raise ResponseDataError(fact_and_hint(CALLER, fact, "one person is in one stretch at a time."))
