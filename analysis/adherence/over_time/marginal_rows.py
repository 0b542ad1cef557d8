"""Rows of people over time for a marginal structural model: who is in, until when, and what came before."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from analysis.adherence.design.covariates import coded_columns
from analysis.adherence.over_time.exposure_weights import CALLER
from instrument.answers import ColumnFault, column_numbers, numeric_columns, table_of, with_numbers
from instrument.errors import NotEstimableError, ResponseDataError, fact_and_hint, name_offenders

Floats = NDArray[np.float64]
FEWEST = 30
FEWEST_TIMES = 2


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Panel:
    """People by point in time.

    `exposure`, `outcome`: shape (people, times), NaN where not known. `varying`: name → the same shape.
    `baseline` (people, q): columns that do not change, `baseline_names` their names. `inside`
    (people, times): everything of the exposure is known up to here.
    """

    people: NDArray[np.object_]
    times: list[Any]
    exposure: Floats
    outcome: Floats
    varying: Mapping[str, Floats]
    baseline: Floats
    baseline_names: list[str]
    cluster: pd.Series | None
    inside: NDArray[np.bool_]
    flow: pd.DataFrame
    notes: list[str]


def panel_of(
    data: Any,
    names: Mapping[str, str],
    varying: Sequence[str],
    baseline: Sequence[str],
    times: Sequence[Any] | None,
    cluster: str | None,
    quantities: Collection[str],
    caller: str = CALLER,
) -> Panel:
    """Read a table with a row for each person and time, and refuse what cannot be read in one way.

    Parameters
    ----------
    data
        The table.
    names
        Columns of participant, time, exposure and outcome.
    varying, baseline
        Columns of causes of the exposure.
    times
        Order of the points in time, where they are not numbers.
    cluster
        Column of clusters.
    quantities
        Columns of whole numbers that are no codes.
    caller
        Public function, for messages.

    Returns
    -------
    Panel
        With who is lost and why.

    Raises
    ------
    ResponseDataError
        Columns are missing, rows repeat, times have no order, or a baseline column changes.
    NotEstimableError
        Fewer than two points in time or 30 people.
    """
    extra = [cluster] if cluster is not None else []
    wanted = [*names.values(), *varying, *baseline, *extra]
    if twice := sorted({name for name in wanted if wanted.count(name) > 1}):
        fact = f"columns have two parts at once: {name_offenders(twice)}."
        raise ResponseDataError(fact_and_hint(caller, fact, "give each one part."))
    table = table_of(data, caller, "data")
    if absent := [name for name in wanted if name not in table]:
        fact = f"the data have no column {name_offenders(absent)}."
        raise ResponseDataError(fact_and_hint(caller, fact, "give one row per person and time."))
    frame = with_numbers(table, caller, [names["exposure"], names["outcome"]])[wanted]
    who, when = names["participant"], names["time"]
    frame = frame[frame[who].notna() & frame[when].notna()].reset_index(drop=True)
    frame[who] = frame[who].astype(str)
    order = _order(frame[when], times, caller)
    frame["(time)"] = frame[when].map({value: k for k, value in enumerate(order)})
    frame = frame[frame["(time)"].notna()].reset_index(drop=True)
    frame["(time)"] = frame["(time)"].astype(int)
    if frame.duplicated([who, "(time)"]).any():
        fact = f"{int(frame.duplicated([who, '(time)']).sum())} rows repeat a participant and time."
        raise ResponseDataError(fact_and_hint(caller, fact, "keep one row each."))
    for name in (*varying, *baseline):
        numbers = column_numbers(frame[name])
        if numbers is ColumnFault.ENDLESS:
            numeric_columns(frame, caller, [name])  # refuses it by name
        if not isinstance(numbers, ColumnFault):
            frame[name] = numbers
    frame, changing, _ = coded_columns(frame, varying, varying)
    frame, fixed, codes = coded_columns(frame, baseline, quantities)
    people = frame[who].unique()
    if len(people) == 0:
        raise ResponseDataError(
            fact_and_hint(caller, "the table has no row.", "give one row per person and time.")
        )
    still = frame.groupby(who, sort=False)[fixed]
    moved = (still.max() - still.min()).max() if fixed else pd.Series(dtype=float)
    if unsteady := [name for name in fixed if moved[name] > 0]:
        fact = f"baseline columns change within a person: {name_offenders(unsteady)}."
        raise ResponseDataError(fact_and_hint(caller, fact, "name them as varying."))
    at = pd.Index(people).get_indexer(frame[who])

    def wide(name: str) -> Floats:
        out = np.full((len(people), len(order)), np.nan)
        out[at, frame["(time)"].to_numpy()] = frame[name].to_numpy(dtype=float)
        return out

    exposure, outcome = wide(names["exposure"]), wide(names["outcome"])
    values = {name: wide(name) for name in changing}
    steady = still.first().reindex(people).to_numpy(dtype=float) if fixed else np.zeros((len(people), 0))
    groups = frame.groupby(who, sort=False)[cluster].first().reindex(people) if cluster is not None else None
    known: NDArray[np.bool_] = np.asarray(np.isfinite(steady).all(axis=1), dtype=bool)
    if groups is not None:
        known = known & groups.notna().to_numpy(dtype=bool)
    whole: NDArray[np.bool_] = np.asarray(np.isfinite(exposure), dtype=bool)
    for column in values.values():
        whole = whole & np.isfinite(column)
    first: NDArray[np.bool_] = known & whole[:, 0]
    inside = np.asarray(np.logical_and.accumulate(whole, axis=1) & known[:, None], dtype=bool)
    steps = [
        ("people in the data", len(people)),
        ("a baseline column is missing", int((~known).sum())),
        ("nothing known at the first time", int((known & ~whole[:, 0]).sum())),
        ("followed from the first time", int(first.sum())),
        ("followed to the last time", int(inside[:, -1].sum())),
    ]
    later = int((whole & ~inside & known[:, None]).sum())
    notes = [f"{later} later rows come after a gap and do not count"] if later else []
    if codes:
        notes.append(f"taken as categories: {', '.join(codes)}")
    reached = int((inside.sum(axis=0) > 0).sum())
    if first.sum() < FEWEST or reached < FEWEST_TIMES:
        fact = f"{int(first.sum())} people are followed from the first time, over {reached} points in time."
        hint = f"at least {FEWEST} people and {FEWEST_TIMES} points are needed."
        raise NotEstimableError(fact_and_hint(caller, fact, hint))
    return Panel(
        people=people[first],
        times=order,
        exposure=exposure[first],
        outcome=outcome[first],
        varying={name: column[first] for name, column in values.items()},
        baseline=steady[first],
        baseline_names=fixed,
        cluster=None if groups is None else groups[first].reset_index(drop=True),
        inside=inside[first],
        flow=pd.DataFrame(steps, columns=["step", "n"]),
        notes=notes,
    )


def _order(column: pd.Series, times: Sequence[Any] | None, caller: str) -> list[Any]:
    """Points in time in order: as given, by number, or as ordered categories say."""
    if times is not None:
        if len(set(times)) < len(times) or not set(times) <= set(column.unique()):
            fact = "times names a point twice, or one that is not in the data."
            raise ResponseDataError(fact_and_hint(caller, fact, "name each point of the data once."))
        return list(times)
    if pd.api.types.is_numeric_dtype(column) and not pd.api.types.is_bool_dtype(column):
        return sorted(column.unique().tolist())
    if isinstance(column.dtype, pd.CategoricalDtype) and column.dtype.ordered:
        present = set(column.unique())
        return [value for value in column.dtype.categories if value in present]
    fact = "points in time are words without an order."
    raise ResponseDataError(fact_and_hint(caller, fact, "give their order as times=[…]."))
