"""From answers to the columns of a panel model: wave by wave, from a wide table or from an instrument."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from itertools import combinations
from typing import Any

import pandas as pd

from analysis.structural.families.longitudinal_invariance import at
from analysis.structural.families.wave_rows import check_people, waves_there
from analysis.structural.language.panel_syntax import PanelVariable
from instrument.answers import given_answers, numeric_columns
from instrument.definition import Instrument
from instrument.errors import (
    DefinitionError,
    NotEstimableError,
    ResponseDataError,
    fact_and_hint,
    kind_of,
    name_offenders,
)
from instrument.scoring.keying import keyed_numbers
from instrument.scoring.score import score

CALLER = "panel_model"
FEWEST_WAVES = 3  # with two, deviations within people cannot be told from differences between them
MOST_WAVES = 12
TOTAL = "total"
Panel = tuple[list[PanelVariable], pd.DataFrame, list[Any]]


def from_table(data: pd.DataFrame, variables: Any, waves: Sequence[object] | None) -> Panel:
    """Take variables from a wide table, one row per person.

    Parameters
    ----------
    data
        One column per variable (or indicator) and wave.
    variables
        Name to one entry per wave: a column or a list of columns.
    waves
        What the waves are called; None: 1, 2, … without a claim about distances.

    Returns
    -------
    tuple
        The variables, their columns as numbers, the names of the waves.

    Raises
    ------
    DefinitionError
        For anything but a mapping, unlike numbers of waves or indicators, unknown columns.
    NotEstimableError
        For a variable without answers at a wave, or two waves that share nobody.
    """
    if not isinstance(variables, Mapping):
        fact = f"variables are {kind_of(variables)}, and no instrument is given."
        hint = "map names to columns, one per wave, or give scale= for a long table."
        raise DefinitionError(fact_and_hint(CALLER, fact, hint))
    panel = []
    for name, entries in variables.items():
        if isinstance(entries, str) or not isinstance(entries, Iterable):
            fact = f"variable {name!r} has one column."
            hint = "name a column (or a list of indicators) for each wave."
            raise DefinitionError(fact_and_hint(CALLER, fact, hint))
        columns = [(entry,) if isinstance(entry, str) else tuple(entry) for entry in entries]
        panel.append(_variable(str(name), columns, any(not isinstance(e, str) for e in entries)))
    counts = {v.name: len(v.columns) for v in panel}
    if len(set(counts.values())) > 1:
        listed = ", ".join(f"{name} {count}" for name, count in counts.items())
        fact = f"variables have unlike numbers of waves ({listed})."
        raise DefinitionError(fact_and_hint(CALLER, fact, "name a column for each of the same waves."))
    n_waves = next(iter(counts.values()), 0)
    _check_number(n_waves)
    labels: list[Any] = [f"wave {k}" for k in range(1, n_waves + 1)] if waves is None else list(waves)
    if len(labels) != n_waves or len(set(map(str, labels))) != n_waves:
        fact = f"{len(labels)} names {labels} stand for {n_waves} waves."
        raise DefinitionError(fact_and_hint(CALLER, fact, "give each wave a name of its own with waves=."))
    wanted = [c for v in panel for columns in v.columns for c in columns]
    if absent := [c for c in wanted if c not in data.columns]:
        fact = f"{len(absent)} of {len(wanted)} columns are not in the data: {name_offenders(absent)}."
        raise DefinitionError(fact_and_hint(CALLER, fact, "check the spelling."))
    wide = numeric_columns(data, CALLER, list(dict.fromkeys(wanted)))
    _check_answers(panel, wide, labels)
    return panel, wide, labels


def from_instrument(
    data: pd.DataFrame,
    scale: Instrument,
    variables: Any,
    waves: Sequence[object] | None,
    measured_by: str,
    participant: str,
    wave: str,
) -> Panel:
    """Take variables from answers to an instrument, one row per participant and wave.

    Parameters
    ----------
    data
        Long; a column per item, and any further column that is named.
    scale
        The instrument.
    variables
        Names of themes, items, "total" or columns, or a mapping of names to one of these or a list of them.
    waves
        Waves in order; None: all, in order of first appearance.
    measured_by
        "scores", or "items" for the themes that are named alone.
    participant, wave
        Names of the key columns.

    Returns
    -------
    tuple
        The variables, their columns as numbers with one row per person, the waves.

    Raises
    ------
    DefinitionError
        For unknown names and waves, too few or too many waves.
    ResponseDataError
        For a participant with two rows at a wave.
    NotEstimableError
        For a variable without answers at a wave, or two waves that share nobody.
    """
    if absent := [name for name in (participant, wave) if name not in data.columns]:
        fact = f"columns are absent: {name_offenders(absent)}."
        raise DefinitionError(fact_and_hint(CALLER, fact, "give a row per participant and wave."))
    present = waves_there(data, wave)
    labels: list[Any] = present if waves is None else list(waves)
    if unknown := [label for label in labels if label not in present]:
        fact = f"waves are not in the data: {name_offenders(unknown)}."
        raise DefinitionError(fact_and_hint(CALLER, fact, f"there are {name_offenders(present)}."))
    _check_number(len(labels))
    if len(set(labels)) < len(labels):
        fact = "a wave is named twice."
        raise DefinitionError(fact_and_hint(CALLER, fact, "name each wave once, in order."))
    rows = data[data[wave].isin(labels)]
    check_people(rows, participant, wave, CALLER)
    sources = _sources(variables, scale, measured_by)
    values = _values(rows, scale, sources, participant, wave)
    long = pd.concat([rows[[participant, wave]], values], axis=1)
    parts = [
        long[long[wave] == label].set_index(participant)[list(values.columns)].add_suffix(f".w{k}")
        for k, label in enumerate(labels, start=1)
    ]
    wide = pd.concat(parts, axis=1)
    panel = [
        _variable(
            name,
            [tuple(at(own, k) for own in indicators) for k in range(1, len(labels) + 1)],
            latent,
        )
        for name, (indicators, latent) in sources.items()
    ]
    _check_answers(panel, wide, labels)
    return panel, wide, labels


def with_groups(data: pd.DataFrame, group: str, participant: str | None) -> pd.DataFrame:
    """Keep rows of people with a group.

    Parameters
    ----------
    data
        Wide, or long where `participant` is named.
    group
        Column of groups.
    participant
        Column of people of a long table.

    Returns
    -------
    pandas.DataFrame
        Without rows of people whose group is nowhere told.

    Raises
    ------
    DefinitionError
        For an unknown column.
    ResponseDataError
        For people in two groups.
    """
    if list(data.columns).count(group) != 1:
        fact = f"the grouping column {group!r} stands {list(data.columns).count(group)} times in the data."
        raise DefinitionError(fact_and_hint(CALLER, fact, "name one column of the data."))
    if participant is None or participant not in data.columns:
        return data[data[group].notna()]
    known = data.groupby(participant, observed=True)[group].nunique()
    if moved := int((known > 1).sum()):
        fact = f"{moved} people are in more than one group of {group!r}."
        raise ResponseDataError(fact_and_hint(CALLER, fact, "give each person one group at all waves."))
    return data[data[participant].map(known > 0).fillna(False).astype(bool)]


def beside_groups(
    data: pd.DataFrame, wide: pd.DataFrame, group: str, participant: str | None
) -> pd.DataFrame:
    """Give a wide table the group of each person, and leave out people without any answer.

    Parameters
    ----------
    data
        As given, from `with_groups`.
    wide
        One row per person, a column per variable and wave.
    group, participant
        As for `with_groups`.

    Returns
    -------
    pandas.DataFrame
        The wide table with the column of groups.

    Raises
    ------
    DefinitionError
        The column of groups is a variable, too.
    """
    if group in wide.columns:
        fact = f"the grouping column {group!r} is a variable of the model, too."
        raise DefinitionError(fact_and_hint(CALLER, fact, "take it out of one of the two."))
    own = data[group]
    if participant is not None:
        own = data.dropna(subset=[group]).groupby(participant, observed=True)[group].first()
        own = own.reindex(wide.index)
    return wide.assign(**{group: own})[wide.notna().any(axis=1)]


def _variable(name: str, columns: Sequence[tuple[str, ...]], latent: bool) -> PanelVariable:
    numbers = [len(entry) for entry in columns]
    if len(set(numbers)) > 1:
        listed = ", ".join(map(str, numbers))
        fact = f"variable {name!r} has unlike numbers of indicators at the waves ({listed})."
        hint = "name the same indicators, in the same order, at every wave."
        raise DefinitionError(fact_and_hint(CALLER, fact, hint))
    if latent and numbers and numbers[0] < 2:
        fact = f"variable {name!r} is latent and has {numbers[0]} indicator(s)."
        raise DefinitionError(fact_and_hint(CALLER, fact, "name two or more, or one column as text."))
    return PanelVariable(name, tuple(columns), latent)


def _check_number(n_waves: int) -> None:
    if n_waves < FEWEST_WAVES:
        fact = f"{n_waves} wave(s): change within people cannot be told from differences between them."
        hint = "collect three waves, or use context_over_time for two."
        raise DefinitionError(fact_and_hint(CALLER, fact, hint))
    if n_waves > MOST_WAVES:
        fact = f"{n_waves} waves, more than {MOST_WAVES}."
        hint = "choose waves with waves=; diaries of many moments need a multilevel model of time series."
        raise DefinitionError(fact_and_hint(CALLER, fact, hint))


def _check_answers(panel: Sequence[PanelVariable], wide: pd.DataFrame, labels: Sequence[Any]) -> None:
    seen = {
        (v.name, k): wide[list(columns)].notna().any(axis=1).to_numpy()
        for v in panel
        for k, columns in enumerate(v.columns)
    }
    if empty := [f"{name} at {labels[k]}" for (name, k), own in seen.items() if not own.any()]:
        fact = f"nobody answered {name_offenders(empty)}."
        raise NotEstimableError(fact_and_hint(CALLER, fact, "leave that wave out with waves=."))
    apart = [
        f"{one[0]} at {labels[one[1]]} and {two[0]} at {labels[two[1]]}"
        for one, two in combinations(seen, 2)
        if not (seen[one] & seen[two]).any()
    ]
    if apart:
        fact = f"nobody answered both of {len(apart)} pairs: {name_offenders(apart)}."
        raise NotEstimableError(fact_and_hint(CALLER, fact, "choose waves that share people."))


def _sources(variables: Any, scale: Instrument, measured_by: str) -> dict[str, tuple[list[str], bool]]:
    """Say what measures each variable, and whether as a latent one."""
    if isinstance(variables, str):
        variables = [variables]
    themes = {theme.id: [item.id for item in theme.items] for theme in scale.themes}
    found: dict[str, tuple[list[str], bool]] = {}
    pairs = variables.items() if isinstance(variables, Mapping) else [(name, name) for name in variables]
    for name, entry in pairs:
        if not isinstance(entry, str):
            found[str(name)] = ([str(one) for one in entry], True)
        elif measured_by == "items" and entry in themes:
            found[str(name)] = (themes[entry], True)
        else:
            found[str(name)] = ([entry], False)
    return found


def _values(
    rows: pd.DataFrame,
    scale: Instrument,
    sources: dict[str, tuple[list[str], bool]],
    participant: str,
    wave: str,
) -> pd.DataFrame:
    """Give every named source as numbers: scores by the instrument's rule, keyed items, further columns."""
    wanted = list(dict.fromkeys(one for indicators, _ in sources.values() for one in indicators))
    themes = {theme.id for theme in scale.themes}
    items = [one for one in wanted if one in scale.item_ids]
    scored = [one for one in wanted if one not in items and (one in themes or one == TOTAL)]
    others = [one for one in wanted if one not in items and one not in scored]
    if absent := [one for one in [*items, *others] if one not in rows.columns]:
        fact = f"{len(absent)} names are neither themes nor columns: {name_offenders(absent)}."
        raise DefinitionError(
            fact_and_hint(CALLER, fact, "name themes or items of the instrument, 'total', or columns.")
        )
    parts = []
    if scored:
        keys = {participant: "participant", wave: "wave"}
        own = [c for c in rows.columns if c in (participant, wave) or c in scale.item_ids]
        card = score(rows[own].rename(columns=keys), scale).scores
        if unscored := [one for one in scored if one not in card]:
            fact = f"the instrument gives no score {name_offenders(unscored)}."
            raise DefinitionError(fact_and_hint(CALLER, fact, "name themes of the instrument."))
        parts.append(card[scored].set_axis(rows.index))
    if items:
        answers = given_answers(rows, scale, CALLER, items)
        parts.append(keyed_numbers(answers, scale, items).set_axis(rows.index))
    if others:
        parts.append(numeric_columns(rows, CALLER, others).set_axis(rows.index))
    return pd.concat(parts, axis=1)[wanted]
