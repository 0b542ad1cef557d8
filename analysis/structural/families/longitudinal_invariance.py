"""Measurement invariance between waves, with correlated residuals of repeated items."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations

import pandas as pd

from analysis.common import rules
from analysis.structural.families.invariance import (
    CONTINUOUS_LEVELS,
    InvarianceResult,
    level_table,
    suited_estimator,
)
from analysis.structural.families.wave_rows import check_people, waves_there
from analysis.structural.language.naming import acting_for
from analysis.structural.language.ordinal_levels import (
    ORDINAL_LEVELS,
    Measurement,
    read_measurement,
    scale_is_shared,
    testable_alone,
)
from analysis.structural.models import cfa
from instrument.answers import with_numbers
from instrument.errors import (
    DefinitionError,
    NotEstimableError,
    fact_and_hint,
    name_offenders,
)


def longitudinal_invariance(
    model: str,
    data: pd.DataFrame,
    waves: Sequence[object] | None = None,
    ordered: bool = True,
    participant: str = "participant",
    wave: str = "wave",
    levels: Sequence[str] | None = None,
    missing: str | None = None,
    estimator: str | None = None,
) -> InvarianceResult:
    """Test whether a scale measures the same at every wave.

    Use it before change is interpreted. People who miss a wave stay in: pairwise for ordinal items, full
    information for continuous ones; with many who leave, read the result as being about those who stay.

    Parameters
    ----------
    model
        Measurement model in lavaan's language; `=~` and `~~` only.
    data
        Long: one row per participant and wave, one column per item.
    waves
        Waves to compare, in their order; all, in order of appearance, by default.
    ordered
        True: ordinal items (theta, Wu & Estabrook). False: continuous items.
    participant, wave
        Names of the key columns.
    levels
        Levels to fit; all by default, as in `invariance`.
    missing
        As in `cfa`.
    estimator
        "WLSMV" (default) or "ULSMV" for ordinal items; "MLR" (default) or "ML" for continuous ones.

    Returns
    -------
    InvarianceResult
        `.table`, `.fits`, `.highest_level()`; `.group` names the wave column.

    Raises
    ------
    DefinitionError
        Unknown levels, columns or waves, and an estimator that does not suit the kind of items.
    ResponseDataError
        A participant has two rows at a wave.
    NotEstimableError
        Fewer than two waves, a wave that lacks a category, or whatever `cfa` refuses.

    Notes
    -----
    One group; every item appears once per wave. What `invariance` frees in later groups is freed at later
    waves. Residuals of the same item at two waves are correlated.

    References
    ----------
    Liu, Y., Millsap, R. E., West, S. G., Tein, J.-Y., Tanaka, R., & Grimm, K. J. (2017). Testing measurement
    invariance in longitudinal data with ordered-categorical measures. Psychological Methods, 22, 486-506.
    https://doi.org/10.1037/met0000075
    Wu, H., & Estabrook, R. (2016). https://doi.org/10.1007/s11336-016-9506-0

    R equivalent: `semTools::measEq.syntax(..., longFacNames = ..., ID.cat = "Wu.Estabrook.2016")`.
    """
    caller = "longitudinal_invariance"
    known = ORDINAL_LEVELS if ordered else CONTINUOUS_LEVELS
    chosen = [level for level in known if levels is None or level in levels]
    if unknown := [level for level in levels or () if level not in known]:
        fact = f"unknown levels: {name_offenders(unknown)}."
        raise DefinitionError(fact_and_hint(caller, fact, f"choose from {name_offenders(known)}."))
    used = suited_estimator(estimator, ordered, caller)
    measured = read_measurement(model)
    wide, n_waves = _widen(data, measured.items, waves, participant, wave, caller)
    counts = _thresholds(wide, measured.items, n_waves, caller) if ordered else {}
    fits = {}
    for level in chosen:
        equal = frozenset(known[level])
        syntax = over_time_syntax(measured, n_waves, equal, counts)
        with acting_for(caller):
            fits[level] = cfa(
                syntax,
                wide,
                estimator=used,
                ordered=ordered,
                parameterization="theta",
                meanstructure=True,
                missing=missing,
            )
    pair = (
        (rules.INVARIANCE_CFI_ORDINAL, rules.INVARIANCE_RMSEA_ORDINAL)
        if ordered
        else (rules.INVARIANCE_CFI, rules.INVARIANCE_RMSEA)
    )
    variant = "naive" if used == "ML" else "scaled"
    return InvarianceResult(
        table=level_table(fits, variant, pair),
        fits=fits,
        group=wave,
        n_obs=int(next(iter(fits.values())).n_obs),
        rules=pair,
        variant=variant,
    )


def at(item: str, k: int) -> str:
    """Name of an item or factor at the k-th wave, counted from 1."""
    return f"{item}.w{k}"


def _widen(
    data: pd.DataFrame,
    items: list[str],
    waves: Sequence[object] | None,
    participant: str,
    wave: str,
    caller: str,
) -> tuple[pd.DataFrame, int]:
    data = with_numbers(data, caller, items)
    if absent := [name for name in [participant, wave, *items] if name not in data.columns]:
        fact = f"columns are absent: {name_offenders(absent)}."
        raise DefinitionError(fact_and_hint(caller, fact, "give a row per participant and wave."))
    present = waves_there(data, wave)
    chosen = present if waves is None else list(waves)
    if unknown := [name for name in chosen if name not in present]:
        fact = f"waves are not in the data: {name_offenders(unknown)}."
        raise DefinitionError(fact_and_hint(caller, fact, f"there are {name_offenders(present)}."))
    if len(chosen) < 2:
        fact = f"{len(chosen)} wave(s) given."
        raise NotEstimableError(fact_and_hint(caller, fact, "two waves or more are needed."))
    rows = data[data[wave].isin(chosen)]
    check_people(rows, participant, wave, caller)
    parts = [
        rows[rows[wave] == name].set_index(participant)[items].add_suffix(f".w{k}")
        for k, name in enumerate(chosen, start=1)
    ]
    return pd.concat(parts, axis=1), len(chosen)


def _thresholds(wide: pd.DataFrame, items: list[str], n_waves: int, caller: str) -> dict[str, int]:
    counts, empty = {}, []
    for item in items:
        seen = [set(wide[at(item, k)].dropna().unique()) for k in range(1, n_waves + 1)]
        everywhere = set().union(*seen)
        counts[item] = len(everywhere) - 1
        empty += [f"{item} at wave {k}" for k, own in enumerate(seen, start=1) if own != everywhere]
    if empty:
        fact = f"{len(empty)} items lack a category at a wave: {name_offenders(empty)}."
        hint = "merge that category with its neighbour at every wave, or leave the item out."
        raise NotEstimableError(fact_and_hint(caller, fact, hint))
    return counts


def over_time_syntax(
    measured: Measurement, n_waves: int, equal: frozenset[str], thresholds: dict[str, int]
) -> str:
    """Write the model of one level for all waves.

    Parameters
    ----------
    measured
        Factors, items and residual covariances within a wave.
    n_waves
        Number of waves.
    equal
        What is held equal.
    thresholds
        Thresholds per item; empty for continuous items.

    Returns
    -------
    str
        Model syntax.
    """
    lines: list[str] = []
    for k in range(1, n_waves + 1):
        lines += _factor_lines(measured, k, equal, thresholds)
        for item in measured.items:
            lines += (
                _ordinal_lines(item, k, equal, thresholds[item])
                if thresholds
                else _continuous_lines(item, k, equal)
            )
        lines += [f"{at(left, k)} ~~ {at(right, k)}" for left, right in measured.covariances]
    for item in measured.items:
        pairs = combinations(range(1, n_waves + 1), 2)
        lines += [f"{at(item, k)} ~~ {at(item, later)}" for k, later in pairs]
    return "\n".join(lines)


def _label(name: str, k: int, shared: bool) -> str:
    return name if shared else f"{name}.w{k}"


def _factor_lines(
    measured: Measurement, k: int, equal: frozenset[str], thresholds: dict[str, int]
) -> list[str]:
    """Loadings; latent means and variances 0 and 1 at the first wave, free later as the level allows."""
    lines = []
    for factor, items in measured.factors.items():
        for item in items:
            shared = "loadings" in equal and (not thresholds or testable_alone(thresholds[item], equal))
            label = _label(f"l.{factor}.{item}", k, shared)
            lines.append(f"{at(factor, k)} =~ NA*{at(item, k)} + {label}*{at(item, k)}")
        mean = "NA" if k > 1 and "intercepts" in equal else "0"
        one_scale = scale_is_shared(items, thresholds, equal) if thresholds else "loadings" in equal
        variance = "NA" if k > 1 and one_scale else "1"
        lines += [f"{at(factor, k)} ~ {mean}*1", f"{at(factor, k)} ~~ {variance}*{at(factor, k)}"]
    return lines


def _ordinal_lines(item: str, k: int, equal: frozenset[str], n_thresholds: int) -> list[str]:
    later = k > 1 and "thresholds" in equal
    lines = [
        f"{at(item, k)} | {_label(f't{j}.{item}', k, 'thresholds' in equal)}*t{j}"
        for j in range(1, n_thresholds + 1)
    ]
    intercept = "NA" if later and "intercepts" not in equal else "0"
    free_residual = later and "residuals" not in equal and testable_alone(n_thresholds, equal)
    residual = "NA" if free_residual else "1"
    return [
        *lines,
        f"{at(item, k)} ~ {intercept}*1",
        f"{at(item, k)} ~~ {residual}*{at(item, k)}",
    ]


def _continuous_lines(item: str, k: int, equal: frozenset[str]) -> list[str]:
    intercept = _label(f"i.{item}", k, "intercepts" in equal)
    residual = _label(f"r.{item}", k, "residuals" in equal)
    return [f"{at(item, k)} ~ {intercept}*1", f"{at(item, k)} ~~ {residual}*{at(item, k)}"]
