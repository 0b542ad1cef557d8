"""From a table of answers to arrays per group, with everything that makes a model impossible refused."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np
import pandas as pd

from analysis.common.sampling import Sampling, read_sampling, rescaled
from analysis.structural.estimation.ram import Array
from instrument.answers import numeric_columns, table_of
from instrument.errors import (
    DefinitionError,
    NotEstimableError,
    ResponseDataError,
    fact_and_hint,
    name_offenders,
)
from instrument.reading.suspicions import warn_of_codes

MOST_CATEGORIES = 30  # beyond this an item is not a Likert item; tables of pairs become empty


@dataclass(frozen=True, slots=True, repr=False)  # a repr would spell out answers
class ModelData:
    """Rows of every group; `values[g]` has shape (n_g, p) with NaN for missing."""

    variables: list[str]
    group_labels: list[object]
    values: list[Array]
    positions: list[np.ndarray]
    n_rows: int
    categories: dict[str, Array]
    sampling: list[Sampling] = field(default_factory=list)  # one per group, or none

    @property
    def n_obs(self) -> int:
        """Rows in use."""
        return sum(len(v) for v in self.values)

    def sampling_of(self, group: int) -> Sampling:
        """How the rows of a group were drawn."""
        return self.sampling[group] if self.sampling else Sampling()


def read_data(
    data: pd.DataFrame,
    variables: list[str],
    latent: Sequence[str],
    group: str | None,
    caller: str,
    cluster: str | None = None,
    weights: str | None = None,
) -> ModelData:
    """Take the model's variables from a table; rows without any answer are dropped.

    Raises
    ------
    DefinitionError
        For unknown variables or groups.
    ResponseDataError
        For anything that is not a number.
    """
    data = table_of(data, caller, "data")
    _check_names(data, variables, latent, group, caller)
    numbers = numeric_columns(data, caller, variables)
    warn_of_codes(caller, numbers)
    matrix = numbers.to_numpy()
    keep = ~np.isnan(matrix).all(axis=1)
    if group is None:
        places = [np.flatnonzero(keep)]
        labels: list[object] = [None]
    else:
        column = data[group]
        keep &= column.notna().to_numpy()
        labels = list(pd.unique(column[keep]))
        if len(labels) < 2:
            raise NotEstimableError(
                fact_and_hint(caller, f"{group!r} has {len(labels)} group(s).", "drop group=.")
            )
        belongs = [(column == label).fillna(False).to_numpy(dtype=bool) for label in labels]  # NA of pandas
        places = [np.flatnonzero(keep & own) for own in belongs]
    sampling = read_sampling(data, places, cluster, weights, variables, caller)
    return ModelData(variables, labels, [matrix[p] for p in places], places, len(data), {}, sampling)


def _check_names(
    data: pd.DataFrame, variables: list[str], latent: Sequence[str], group: str | None, caller: str
) -> None:
    missing = [name for name in variables if name not in data.columns]
    if missing:
        raise DefinitionError(
            fact_and_hint(
                caller,
                f"{len(missing)} of {len(variables)} variables of the model are not in the data: "
                f"{name_offenders(missing)}.",
                "check the spelling, or define it as a latent variable with =~.",
            )
        )
    both = [name for name in latent if name in data.columns]
    if both:
        raise DefinitionError(
            fact_and_hint(caller, f"{name_offenders(both)} is latent and also a column.", "rename one.")
        )
    if group is not None and group not in list(data.columns):
        raise DefinitionError(
            fact_and_hint(
                caller, f"the grouping column {group!r} is not in the data.", "name one column of the data."
            )
        )
    if group in variables:
        fact = f"the grouping column {group!r} is a variable of the model, too."
        raise DefinitionError(fact_and_hint(caller, fact, "take it out of one of the two."))
    named = variables if group is None else [*variables, group]
    stored = Counter(data.columns)
    twice = [name for name in named if stored[name] > 1]
    if twice:
        raise ResponseDataError(
            fact_and_hint(caller, f"columns appear twice: {name_offenders(twice)}.", "keep one of each.")
        )


def drop_incomplete(data: ModelData, columns: Sequence[int] | None = None) -> ModelData:
    """Keep rows complete in the given columns (all by default)."""
    which = slice(None) if columns is None else list(columns)
    return _keep(data, [~np.isnan(values[:, which]).any(axis=1) for values in data.values])


def drop_unanswered(data: ModelData, columns: Sequence[int]) -> ModelData:
    """Keep rows with an answer in the given columns."""
    return _keep(data, [~np.isnan(values[:, list(columns)]).all(axis=1) for values in data.values])


def _keep(data: ModelData, kept: Sequence[np.ndarray | np.bool]) -> ModelData:
    sampling = [one.take(k) for one, k in zip(data.sampling, kept, strict=bool(data.sampling))]
    return replace(
        data,
        values=[values[k] for values, k in zip(data.values, kept, strict=True)],
        positions=[place[k] for place, k in zip(data.positions, kept, strict=True)],
        sampling=rescaled(sampling),
    )


def encode_ordered(data: ModelData, ordered: Sequence[str], caller: str) -> ModelData:
    """Replace ordinal answers by codes 0, 1, … over all groups; no category may be empty in a group.

    Raises
    ------
    NotEstimableError
        For constant items and for categories that a group does not use.
    """
    categories: dict[str, Array] = {}
    values = [v.copy() for v in data.values]
    empty: list[str] = []
    for name in ordered:
        k = data.variables.index(name)
        pooled = np.concatenate([v[:, k] for v in data.values])
        levels = np.unique(pooled[~np.isnan(pooled)])
        if len(levels) > MOST_CATEGORIES:
            raise ResponseDataError(
                fact_and_hint(
                    caller,
                    f"{name!r} has {len(levels)} distinct values, more than {MOST_CATEGORIES}.",
                    "name only the ordinal items with ordered=, or use estimator='MLR'.",
                )
            )
        if (levels != np.floor(levels)).any():
            fact = f"{name!r} holds answers that are not whole numbers."
            hint = "give category codes such as 1 to 5, or treat it as continuous (estimator='MLR')."
            raise ResponseDataError(fact_and_hint(caller, fact, hint))
        categories[name] = levels
        for g, block in enumerate(values):
            answered = ~np.isnan(block[:, k])
            block[answered, k] = np.searchsorted(levels, block[answered, k])
            absent = np.setdiff1d(np.arange(len(levels)), block[answered, k])
            empty += [f"{name}:{levels[int(c)]:g} in {data.group_labels[g]!s}" for c in absent]
    check_variation(data, caller)
    if empty:
        raise NotEstimableError(
            fact_and_hint(
                caller,
                f"empty categories (item:category in group): {name_offenders(empty)}.",
                "merge categories so that every group uses all of them.",
            )
        )
    return replace(data, values=values, categories=categories)


def check_variation(data: ModelData, caller: str) -> None:
    """Refuse constant variables and groups that are too small."""
    for label, block in zip(data.group_labels, data.values, strict=True):
        where = "" if label is None else f" in group {label!s}"
        if len(block) < 3:
            raise NotEstimableError(
                fact_and_hint(caller, f"{len(block)} usable rows{where}.", "collect more answers.")
            )
        counts = (~np.isnan(block)).sum(axis=0)
        unanswered = [n for n, c in zip(data.variables, counts, strict=True) if c == 0]
        if unanswered:
            raise NotEstimableError(
                fact_and_hint(caller, f"nobody answered {name_offenders(unanswered)}{where}.", "drop them.")
            )
        spread = np.nanmax(block, axis=0) - np.nanmin(block, axis=0)
        constant = [n for n, s in zip(data.variables, spread, strict=True) if s == 0]
        if constant:
            raise NotEstimableError(
                fact_and_hint(
                    caller, f"{name_offenders(constant)} is constant{where}.", "drop it from the model."
                )
            )
