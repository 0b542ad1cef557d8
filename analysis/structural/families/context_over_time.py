"""Context over time: whether it goes before the general factor, or the other way round."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from analysis.common.result import Result
from analysis.structural.families.compare_theories import keyed_answers, roles_of
from analysis.structural.families.longitudinal_invariance import at
from analysis.structural.families.wave_rows import check_people, waves_there
from analysis.structural.fitting import CONTINUOUS_ESTIMATORS, ORDINAL_ESTIMATORS
from analysis.structural.inference.result import StructuralResult
from analysis.structural.language.naming import acting_for
from analysis.structural.models import sem
from instrument.answers import given_answers, table_of
from instrument.definition import Instrument
from instrument.errors import (
    DefinitionError,
    NotEstimableError,
    fact_and_hint,
    name_offenders,
    warn_user,
)
from instrument.loading import as_instrument
from instrument.reading.raw import reasons_of_table
from instrument.scoring.score import prorated_mean

CALLER = "context_over_time"
MEASURES = ("items", "scores")
PATHS = ("lead", "back", "difference", "stay", "kept")
Themes = Mapping[str, Sequence[str]]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False, repr=False)
class ContextOverTimeResult(Result):
    """Cross-lagged model of a context theme and the general factor over the dimensions.

    Attributes
    ----------
    paths
        One row per path, index: `lead` (context, then general factor), `back` (the reverse), `difference`
        (lead minus back), `stay` and `kept` (stability of general factor and context). `source`, `target`;
        `estimate` (standardised) with `se`, `ci_lower`, `ci_upper`, `pvalue`.
    context
        Context theme.
    waves
        The two waves.
    measured_by
        "items" or "scores".
    n_obs, n_both
        People with any answer at either wave, and with answers at both.
    fit
        The fitted model.
    syntax
        The model in lavaan's language; `.w1` and `.w2` stand for the waves.
    """

    paths: pd.DataFrame
    context: str
    waves: tuple[object, object]
    measured_by: str
    n_obs: int
    n_both: int
    fit: StructuralResult
    syntax: str

    def to_frame(self) -> pd.DataFrame:
        """Give the paths, unrounded.

        Returns
        -------
        pandas.DataFrame
            One row per path.
        """
        return self.paths


def context_over_time(
    responses: pd.DataFrame,
    scale: Instrument,
    waves: Sequence[object] | None = None,
    *,
    context: str | None = None,
    measured_by: str = "items",
    estimator: str | None = None,
    missing: str | None = None,
    participant: str = "participant",
    wave: str = "wave",
) -> ContextOverTimeResult:
    """Ask whether a context theme goes before the general factor in time, adjusted for where both were.

    Use it where a scale claims that one theme is the context in which the others grow: cross-sectional fit
    cannot tell context from one more dimension. It shows order in time, no cause: what moved both before
    the first wave, and anything that changes between the waves, is not removed; two waves cannot tell
    changes within people from differences between them (Hamaker et al. 2015); and the paths belong to this
    distance in time only.

    Parameters
    ----------
    responses
        Long: one row per participant and wave, one column per item, reversed items are turned
        here, unless the table says that they are (`reverse_key`).
    scale
        The instrument; its `dimension` themes make the general factor.
    waves
        Two waves, the earlier first; by default the first two to appear.
    context
        Context theme; by default the only one of the instrument.
    measured_by
        "items": every item is ordinal, a second-order factor over the dimensions, residuals
        of the same item and of the same dimension correlated over time. "scores": for many items or few
        people; theme scores of the dimensions (by the instrument's rule) and items of the context are taken
        as numbers with equal loadings at both waves, residuals correlated over time.
        A composite context (`measurement: composite`) is its score as it stands, for no factor is behind its
        items; it needs "scores".
    estimator
        "WLSMV" (None) or "ULSMV" for "items", "MLR" (None) or "ML" for "scores".
    missing
        As in `sem`: "pairwise" (None) or "listwise" for "items", "fiml" (None) or "listwise" for "scores".
    participant, wave
        Names of the key columns.

    Returns
    -------
    ContextOverTimeResult
        `.paths`, `.fit`, `.n_both`.

    Raises
    ------
    DefinitionError
        Not two waves, unknown waves, no or several context themes, no dimension.
    ResponseDataError
        A participant has two rows at a wave.
    NotEstimableError
        Nobody answered at both waves, or whatever `sem` refuses.

    Warns
    -----
    ToolkitWarning
        Fewer people at both waves than parameters.

    Notes
    -----
    general₂ = stay · general₁ + lead · context₁ + e, context₂ = kept · context₁ + back · general₁ + d, with
    general₁ and context₁ correlated, and e and d. Both are latent, so unreliability does not weaken or
    inflate the paths as it does between scores. Standard errors of the standardised paths and of their
    difference are by the delta method. With "scores" people who left are kept by full information, which
    supposes that leaving depends on what was observed; with "items" pairs of answers suppose more. The
    loadings of ordinal items are free at each wave: test invariance over time beside it.

    In R: `lavaan::sem(result.syntax, wide, ordered = TRUE)`, `lavaan::standardizedSolution`.

    References
    ----------
    Selig, J. P., & Little, T. D. (2012). Autoregressive and cross-lagged panel analysis for longitudinal
    data. In Handbook of developmental research methods, 265-278. Guilford.
    Hamaker, E. L., Kuiper, R. M., & Grasman, R. P. P. P. (2015). A critique of the cross-lagged panel model.
    Psychological Methods, 20, 102-116. https://doi.org/10.1037/a0038889

    Examples
    --------
    Four hundred people; the context at the first wave leads the general factor at the second by .30.

    >>> import numpy as np
    >>> from instrument.definition import Instrument
    >>> themes = [
    ...     {"id": name, "title": name, "role": role,
    ...      "items": [{"id": f"{name}{k}", "text": "-"} for k in "123"]}
    ...     for name, role in (("a", "dimension"), ("k", "context"))]
    >>> options = {"agree": {"options": {code: str(code) for code in range(1, 10)}}}
    >>> scale = Instrument.model_validate({
    ...     "schema": 1, "id": "six", "version": "1", "title": "Six", "status": "candidate", "notice": "-",
    ...     "response_scales": options, "themes": themes})
    >>> draw = np.random.default_rng(1).normal
    >>> general, context, one, two = draw(size=(4, 400))
    >>> later = 0.5 * general + 0.3 * context + 0.8 * one, 0.6 * context + 0.8 * two
    >>> states = [(general, context), later]
    >>> frames = [
    ...     pd.DataFrame({"participant": range(400), "wave": wave} | {
    ...         f"{name}{k}": np.clip(np.round(5 + 2 * level + draw(size=400)), 1, 9)
    ...         for name, level in zip("ak", state) for k in "123"})
    ...     for wave, state in enumerate(states)]
    >>> paths = context_over_time(pd.concat(frames), scale, measured_by="scores").paths
    >>> bool(paths.loc["lead", "ci_lower"] < 0.3 < paths.loc["lead", "ci_upper"])
    True
    >>> bool(paths.loc["back", "pvalue"] > 0.05)
    True
    """
    if measured_by not in MEASURES:
        fact = f"measured_by is {measured_by!r}."
        raise DefinitionError(fact_and_hint(CALLER, fact, f"choose one of {list(MEASURES)}."))
    ordinal = measured_by == "items"
    able = ORDINAL_ESTIMATORS if ordinal else CONTINUOUS_ESTIMATORS[::-1]
    if estimator is not None and estimator not in able:
        fact = f"estimator {estimator!r} does not fit models measured by {measured_by}."
        raise DefinitionError(fact_and_hint(CALLER, fact, f"choose one of {list(able)}."))
    responses = table_of(responses, CALLER, "responses")
    themes, contexts = roles_of(responses, as_instrument(scale, CALLER))
    composites = _composites(responses, scale)
    contexts = {**contexts, **composites}
    name = _context_of(contexts, context)
    if name in composites and measured_by == "items":
        fact = f"theme {name!r} is a composite: its items make up a score, no factor is behind them."
        raise DefinitionError(fact_and_hint(CALLER, fact, "use measured_by='scores'."))
    if not themes:
        raise DefinitionError(
            fact_and_hint(CALLER, "no dimension has two items in the data.", "give the items of the scale.")
        )
    chosen = _two_waves(responses, waves, participant, wave)
    items = [item for own in (*themes.values(), contexts[name]) for item in own]
    reasons = reasons_of_table(responses)
    responses = given_answers(responses, scale, CALLER, items)
    parts = {
        k: _at_wave(responses, scale, items, label, participant, wave)
        for k, label in enumerate(chosen, start=1)
    }
    scored = list(themes) if measured_by == "scores" and len(themes) > 1 else []
    scored += [name] if name in composites else []
    for k, label in enumerate(chosen, start=1):
        applies = _applying(parts[k], reasons, label)
        parts[k] = parts[k].join(_theme_scores(parts[k], applies, scale, scored))
    both = len(parts[1].index.intersection(parts[2].index))
    if both == 0:
        raise NotEstimableError(
            fact_and_hint(CALLER, "nobody answered at both waves.", "choose waves of the same people.")
        )
    wide = pd.concat([rows.add_suffix(f".w{k}") for k, rows in parts.items()], axis=1)
    own = [] if name in composites else contexts[name]
    syntax = context_syntax(themes, name, own, measured_by)
    with acting_for(CALLER):
        fit = sem(syntax, wide, estimator=estimator or able[0], ordered=ordinal, missing=missing)
    if both < fit.n_parameters:
        fact = f"{both} people answered at both waves; the model has {fit.n_parameters} parameters."
        hint = "use measured_by='scores', and take the paths as provisional."
        warn_user(fact_and_hint(CALLER, fact, hint))
    return ContextOverTimeResult(
        paths=_paths(fit),
        context=name,
        waves=(chosen[0], chosen[1]),
        measured_by=measured_by,
        n_obs=fit.n_obs,
        n_both=both,
        fit=fit,
        syntax=syntax,
    )


def context_syntax(themes: Themes, context: str, context_items: Sequence[str], measured_by: str) -> str:
    """Write the cross-lagged model.

    Parameters
    ----------
    themes
        Dimension to its items.
    context
        Context theme.
    context_items
        Its items; none for a composite, whose score is a variable of the data.
    measured_by
        "items" or "scores".

    Returns
    -------
    str
        Model syntax; the general factor is called `general`, or `general_factor` where a theme is called so.
    """
    names = list(themes)
    general = "general" if "general" not in {*names, context} else "general_factor"
    lines: list[str] = []
    equal = measured_by == "scores"
    for k in (1, 2):
        if len(names) == 1:
            lines.append(_measured(general, themes[names[0]], k, equal))
        else:
            if not equal:
                lines += [_measured(theme, items, k, equal) for theme, items in themes.items()]
            lines.append(_measured(general, names, k, equal))
        if context_items:
            lines.append(_measured(context, context_items, k, equal))
    if len(names) == 1:
        repeated = [*themes[names[0]], *context_items]
    else:
        single = [] if equal else [item for items in themes.values() for item in items]
        repeated = [*single, *names, *context_items]
    lines += [f"{at(one, 1)} ~~ {at(one, 2)}" for one in repeated]
    return "\n".join(
        [
            *lines,
            f"{at(general, 2)} ~ stay*{at(general, 1)} + lead*{at(context, 1)}",
            f"{at(context, 2)} ~ kept*{at(context, 1)} + back*{at(general, 1)}",
            f"{at(general, 1)} ~~ {at(context, 1)}",
            f"{at(general, 2)} ~~ {at(context, 2)}",
            "difference := lead - back",
        ]
    )


def _measured(factor: str, indicators: Sequence[str], k: int, equal: bool) -> str:
    """Measurement of one factor at one wave; labels make loadings equal over time."""
    first, *others = indicators
    labelled = [f"l.{one}*{at(one, k)}" if equal else at(one, k) for one in others]
    return f"{at(factor, k)} =~ {' + '.join([at(first, k), *labelled])}"


def _context_of(contexts: Themes, wanted: str | None) -> str:
    if wanted is None and len(contexts) != 1:
        fact = f"{len(contexts)} themes are context: {name_offenders(list(contexts))}."
        raise DefinitionError(fact_and_hint(CALLER, fact, "name one of them with context=."))
    if wanted is not None and wanted not in contexts:
        fact = f"{wanted!r} is no context theme with two items in the data."
        hint = f"choose from {name_offenders(list(contexts))}." if contexts else "give it two items."
        raise DefinitionError(fact_and_hint(CALLER, fact, hint))
    return wanted if wanted is not None else next(iter(contexts))


def _composites(responses: pd.DataFrame, scale: Instrument) -> dict[str, list[str]]:
    """Composite context themes with their items in the data."""
    wanted = [name for name in scale.context_themes if name in scale.composite_themes]
    own = {name: [item.id for item in scale.theme(name).items if item.id in responses] for name in wanted}
    return {name: items for name, items in own.items() if items}


def _two_waves(
    responses: pd.DataFrame, waves: Sequence[object] | None, participant: str, wave: str
) -> list[object]:
    if absent := [name for name in (participant, wave) if name not in responses.columns]:
        fact = f"columns are absent: {name_offenders(absent)}."
        raise DefinitionError(fact_and_hint(CALLER, fact, "give a row per participant and wave."))
    present = waves_there(responses, wave)
    chosen = present[:2] if waves is None else list(waves)
    unknown = [name for name in chosen if name not in present]
    if len(chosen) != 2 or unknown or chosen[0] == chosen[1]:
        fact = f"the waves are {chosen}; the data hold {name_offenders(present)}."
        raise DefinitionError(fact_and_hint(CALLER, fact, "name two different waves, the earlier first."))
    return chosen


def _at_wave(
    responses: pd.DataFrame, scale: Instrument, items: list[str], label: object, participant: str, wave: str
) -> pd.DataFrame:
    rows = responses[responses[wave] == label]
    check_people(rows, participant, wave, CALLER)
    return keyed_answers(rows.set_index(participant), scale, items)


def _applying(rows: pd.DataFrame, reasons: pd.DataFrame | None, label: object) -> pd.DataFrame:
    """Whether each item applies to each person at a wave: all do, but those answered "does not apply"."""
    applies = pd.DataFrame(np.ones(rows.shape, dtype=bool), index=rows.index, columns=rows.columns)
    if reasons is None:
        return applies
    there = reasons[reasons["reason"].eq("not_applicable") & (reasons["wave"].astype(str) == str(label))]
    people = pd.Index(rows.index.astype(str)).get_indexer(pd.Index(there["participant"].astype(str)))
    items = rows.columns.get_indexer(pd.Index(there["item"]))
    known = (people >= 0) & (items >= 0)
    values = applies.to_numpy(copy=True)
    values[people[known], items[known]] = False
    return pd.DataFrame(values, index=rows.index, columns=rows.columns)


def _theme_scores(
    rows: pd.DataFrame, applies: pd.DataFrame, scale: Instrument, themes: list[str]
) -> pd.DataFrame:
    """Mean of each theme's own items, where the share answered of those that apply suffices for a score.

    Items of a theme with different options count alike: from 0, the lowest option, to 100, the highest.
    """
    scores = {}
    for theme in themes:
        own = rows[[item.id for item in scale.theme(theme).items if item.id in rows]]
        ends = [(min(codes), max(codes)) for codes in (scale.scale_of(str(item)).codes for item in own)]
        values = own.to_numpy(dtype=float)
        if len(set(ends)) > 1:
            low, high = np.array(ends, dtype=float).T
            values = 100 * (values - low) / (high - low)
        scores[theme] = prorated_mean(values, applies[own.columns].to_numpy(), scale.scoring.prorate_at)[0]
    return pd.DataFrame(scores, index=rows.index)


def _paths(fit: StructuralResult) -> pd.DataFrame:
    found = fit.standardized()
    rows = found[found["label"].isin(PATHS) | ((found["op"] == ":=") & (found["lhs"] == "difference"))]
    key = rows["label"].where(rows["op"] != ":=", rows["lhs"])
    table = pd.DataFrame(
        {
            "source": rows["rhs"].where(rows["op"] != ":=", "lead - back").to_numpy(),
            "target": rows["lhs"].where(rows["op"] != ":=", "").to_numpy(),
            "estimate": rows["est"].to_numpy(),
            "se": rows["se"].to_numpy(),
            "ci_lower": rows["ci_lower"].to_numpy(),
            "ci_upper": rows["ci_upper"].to_numpy(),
            "pvalue": rows["pvalue"].to_numpy(),
        },
        index=pd.Index(key.to_numpy(), name="path"),
    )
    return table.loc[list(PATHS)]
