"""Public function: cross-lagged panel models, with and without lasting differences between persons."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations_with_replacement
from typing import Any

import numpy as np
import pandas as pd
from scipy.stats import norm

from analysis.common.result import Result
from analysis.structural.families.panel_columns import (
    CALLER,
    beside_groups,
    from_instrument,
    from_table,
    with_groups,
)
from analysis.structural.fitting import CONTINUOUS_ESTIMATORS
from analysis.structural.inference.result import StructuralResult
from analysis.structural.language.naming import acting_for
from analysis.structural.language.panel_syntax import EQUALITIES, PanelVariable, between, panel_syntax, within
from analysis.structural.models import sem
from instrument.answers import table_of
from instrument.common.formatting import fill_prose
from instrument.definition import Instrument
from instrument.errors import DefinitionError, fact_and_hint, name_offenders, warn_user
from instrument.loading import as_instrument

KINDS = ("RI-CLPM", "CLPM")
_NAME = re.compile(r"[^\W\d][\w.]*")
_Z = float(norm.ppf(0.975))
Rows = dict[tuple[str, str, str], dict[Any, Any]]
Variables = Sequence[str] | Mapping[str, str | Sequence[str] | Sequence[Sequence[str]]]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False, repr=False)
class PanelResult(Result):
    """A panel model of two or more variables over three or more waves.

    With groups the four tables have a column `group` in front.

    Attributes
    ----------
    paths
        One row per lagged effect: `path` ("carry-over" or "cross-lagged"), `source`, `target`, `from_wave`,
        `to_wave`; `estimate` in the units of the variables, `standardized` by the standard deviations of the
        deviations from their own level (RI-CLPM) or of the variables (CLPM), each with `_se`, `_lower` and
        `_upper` (95 %); `pvalue` of the estimate.
    between
        RI-CLPM: variances and covariances of the lasting levels of persons: `first`, `second`, `estimate`,
        `se`, `ci_lower`, `ci_upper`, `pvalue`, and `correlation` with `correlation_lower`,
        `correlation_upper`. CLPM: no rows.
    shares
        RI-CLPM: share of the variance at each wave that is lasting: `variable`, `wave`, `share`, `ci_lower`,
        `ci_upper`. CLPM: no rows.
    concurrent
        Correlation of the deviations at the first wave, and of what the lagged effects leave unexplained at
        later ones: `first`, `second`, `wave`, `correlation`, `se`, `ci_lower`, `ci_upper`, `pvalue`.
    kind
        "RI-CLPM" or "CLPM".
    waves
        The waves, in order.
    gaps
        Time between neighbouring waves; empty where it is not known.
    spacing
        What the gaps mean for the lagged effects.
    equal
        What is held equal over time.
    group_equal
        What is held equal between groups; empty without groups.
    n_obs
        People with any answer, and with a group where there are groups.
    n_at
        People with an answer to each variable, by wave: one row per wave (of each group).
    fit
        The fitted model.
    syntax
        The model in the language of `sem`.
    """

    paths: pd.DataFrame
    between: pd.DataFrame
    shares: pd.DataFrame
    concurrent: pd.DataFrame
    kind: str
    waves: tuple[object, ...]
    gaps: tuple[float, ...]
    spacing: str
    equal: tuple[str, ...]
    group_equal: tuple[str, ...]
    n_obs: int
    n_at: pd.DataFrame
    fit: StructuralResult
    syntax: str

    def to_frame(self) -> pd.DataFrame:
        """Give the lagged effects, unrounded.

        Returns
        -------
        pandas.DataFrame
            One row per effect and pair of waves.
        """
        return self.paths

    def summary(self, digits: int = 3) -> str:
        """Give spacing, fit and lagged effects as text, rounded.

        Parameters
        ----------
        digits
            Decimals shown.

        Returns
        -------
        str
            The spacing of the waves first.
        """
        fit = self.fit.fit
        scaled = "_scaled" if "chisq_scaled" in fit else ""
        head = (
            f"{self.kind} of {len(self.waves)} waves, {self.n_obs} people, missing {self.fit.missing}\n"
            f"{self.spacing}\n"
            f"χ²({fit['df']:.0f}) = {fit[f'chisq{scaled}']:.{digits}f}, "
            + fill_prose("p = {p:p}", {"p": float(fit[f"pvalue{scaled}"])})
        )
        return f"{head}\n{self.paths.round(digits).to_string(index=False)}"


def panel_model(
    data: pd.DataFrame,
    variables: Variables,
    *,
    scale: Instrument | None = None,
    kind: str = "RI-CLPM",
    waves: Sequence[object] | None = None,
    equal: str | Sequence[str] = (),
    group: str | None = None,
    group_equal: str | Sequence[str] = (),
    times: Sequence[float] | None = None,
    measured_by: str = "scores",
    estimator: str = "MLR",
    missing: str | None = None,
    participant: str = "participant",
    wave: str = "wave",
) -> PanelResult:
    """Ask whether a person's deviations in one variable go before deviations in another, wave by wave.

    Use it where two things were measured three times or more on the same people, and the question is about
    change within them. Do not read causes from it: it takes out what differs between persons for good, not
    what changes with time and moves both. Do not use it for two waves (`context_over_time`), for mean change
    (`growth`) or for diaries of many moments.

    Parameters
    ----------
    data
        With `scale`: long, one row per participant and wave with a column per item, and any further column
        that is named in `variables`; reversed items are turned here. Without it: wide, one row per person.
    variables
        Without `scale`, a mapping of names to one entry per wave: a column, or a list of columns that measure
        the variable as a latent one (the same number, in the same order, at every wave). With `scale`, names
        of themes, items, "total" or columns, or a mapping of names to one of these or to a list of them that
        measures a latent variable.
    scale
        The instrument; None where columns are named wave by wave.
    kind
        "RI-CLPM" (random intercepts: within persons) or "CLPM" (lasting differences between persons and
        change within them in one).
    waves
        With `scale`: three to twelve waves in order; by default all, in order of first appearance. Without:
        what the waves are called.
    equal
        Equal over time: "lags", "residuals" (variances and covariances of what the lags leave), "means", and
        for latent variables "intercepts" of the indicators. Loadings are always equal.
    group
        Column with the group of each person: the same model in each group, every group with its own
        estimates. People without a group are left out.
    group_equal
        Equal between groups: the words of `equal`. Loadings of latent variables always are, for else their
        effects have other units. Set a fit with equal lags against one without by `compare_models`, to ask
        whether what follows within persons is the same in all groups.
    times
        When the waves took place, in any unit; numbers as wave names are taken as times.
    measured_by
        With `scale` and names of themes: "scores" (the score of the theme, observed) or "items" (a latent
        variable behind the items, taken as numbers).
    estimator, missing
        "MLR" or "ML"; None is full information where answers are missing.
    participant, wave
        Names of the key columns, with `scale`.

    Returns
    -------
    PanelResult
        `.paths`, `.between`, `.shares`, `.concurrent`, `.fit`.

    Raises
    ------
    DefinitionError
        Fewer than three waves or more than twelve, fewer than two variables, unknown columns, unequal numbers
        of indicators, unknown options, times that do not rise, an unknown group column.
    ResponseDataError
        A participant has two rows at a wave, or is in two groups.
    NotEstimableError
        A variable without answers at a wave, two waves that share nobody, and whatever `sem` refuses.

    Warns
    -----
    ToolkitWarning
        The waves are unequally far apart, or lags are equal although they are; improper solutions, such as a
        negative variance of the lasting levels.

    Notes
    -----
    y_pt = mean_t + between_p + within_pt, and within_t = B_t within_{t-1} + u_t, with u_t correlated across
    variables and the lasting parts uncorrelated with the deviations at the first wave (Hamaker et al. 2015).
    The CLPM leaves out between_p. Latent variables are measured with loadings equal over time and residuals
    of the same indicator correlated over time; their lasting part stands behind the latent variables (Mulder
    & Hamaker 2021). Standardised effects divide by the standard deviations of within_{t-1} and within_t, of
    all persons together; intervals are by the delta method. A lagged effect belongs to its distance in time.
    CLPM and RI-CLPM are not to be compared by an ordinary difference test, since the variances of the lasting
    parts are zero, a boundary, in the CLPM.

    In R: `lavaan::sem(result.syntax, wide, estimator = "MLR", missing = "fiml")`.

    References
    ----------
    Hamaker, E. L., Kuiper, R. M., & Grasman, R. P. P. P. (2015). A critique of the cross-lagged panel model.
    Psychological Methods, 20, 102-116. https://doi.org/10.1037/a0038889
    Mulder, J. D., & Hamaker, E. L. (2021). Three extensions of the random intercept cross-lagged panel model.
    Structural Equation Modeling, 28, 638-648. https://doi.org/10.1080/10705511.2020.1784738

    Examples
    --------
    Four waves; within persons a goes before d by -.20, d before a by 0.

    >>> draw = np.random.default_rng(4).normal
    >>> levels = draw(size=(2, 600))
    >>> state, table = draw(size=(2, 600)), {}
    >>> for k in range(1, 5):
    ...     table[f"a{k}"], table[f"d{k}"] = levels + state
    ...     state = np.array([0.4 * state[0], 0.3 * state[1] - 0.2 * state[0]]) + 0.9 * draw(size=(2, 600))
    >>> columns = {name: [f"{name}{k}" for k in range(1, 5)] for name in "ad"}
    >>> result = panel_model(pd.DataFrame(table), columns, equal=["lags"], times=[0, 1, 2, 3])
    >>> row = result.paths.query("source == 'a' and target == 'd'").iloc[0]
    >>> bool(row["estimate_lower"] < -0.2 < row["estimate_upper"] < 0)
    True
    >>> result.spacing
    'Neighbouring waves are 1 apart.'
    """
    options = (("kind", kind, KINDS), ("estimator", estimator, CONTINUOUS_ESTIMATORS))
    for what, value, allowed in (*options, ("measured_by", measured_by, ("scores", "items"))):
        if value not in allowed:
            fact = f"{what} is {value!r}."
            raise DefinitionError(fact_and_hint(CALLER, fact, f"choose one of {list(allowed)}."))
    held, shared = ([one] if isinstance(one, str) else list(one) for one in (equal, group_equal))
    for what, names in (("over time", held), ("between groups", shared)):
        if unknown := [name for name in names if name not in EQUALITIES]:
            fact = f"unknown equality {what}: {name_offenders(unknown)}."
            raise DefinitionError(fact_and_hint(CALLER, fact, f"choose of {list(EQUALITIES)}."))
    data = table_of(data, CALLER, "data")
    if group is not None:
        data = with_groups(data, group, participant if scale is not None else None)
    elif shared:
        fact = "equality between groups is asked for, and no groups."
        raise DefinitionError(fact_and_hint(CALLER, fact, "name the column of groups with group=."))
    if scale is None:
        panel, wide, labels = from_table(data, variables, waves)
    else:
        chosen = as_instrument(scale, CALLER)
        panel, wide, labels = from_instrument(data, chosen, variables, waves, measured_by, participant, wave)
    _check_names(panel, held)
    if group is not None:
        _check_shared(panel, held, shared)
        wide = beside_groups(data, wide, group, participant if scale is not None else None)
    gaps = _gaps(labels, times)
    spacing = spacing_told(gaps, "lags" in held)
    present = [] if group is None else list(pd.unique(wide[group]))
    syntax = panel_syntax(panel, kind == "RI-CLPM", held, max(1, len(present)), shared)
    with acting_for(CALLER):
        fit = sem(syntax, wide, estimator=estimator, missing=missing, group=group)
    if len(set(gaps)) > 1:
        hint = "compare effects over equal distances only" + (
            ", and free the lags." if "lags" in held else "."
        )
        warn_user(fact_and_hint(CALLER, spacing, hint))
    random = kind == "RI-CLPM"
    paths, between_table, shares, concurrent = _tables(fit, panel, labels, random, present)
    return PanelResult(
        paths=paths,
        between=between_table,
        shares=shares,
        concurrent=concurrent,
        kind=kind,
        waves=tuple(labels),
        gaps=gaps,
        spacing=spacing,
        equal=tuple(held),
        group_equal=tuple(shared),
        n_obs=fit.n_obs,
        n_at=_answered(panel, wide, labels, group, present),
        fit=fit,
        syntax=syntax,
    )


def _check_names(panel: Sequence[PanelVariable], equal: Sequence[str]) -> None:
    names = [v.name for v in panel]
    columns = [c for v in panel for at_wave in v.columns for c in at_wave]
    if len(panel) < 2:
        fact = f"{len(panel)} variable(s) are named."
        raise DefinitionError(fact_and_hint(CALLER, fact, "name two, such as alliance and distress."))
    if odd := [name for name in [*names, *columns] if not _NAME.fullmatch(name)]:
        fact = f"{len(odd)} names do not fit the model language: {name_offenders(odd)}."
        raise DefinitionError(
            fact_and_hint(CALLER, fact, "use letters, digits, dots and underscores, a letter first.")
        )
    if twice := [name for name in dict.fromkeys(columns) if columns.count(name) > 1]:
        fact = f"columns stand for more than one variable or wave: {name_offenders(twice)}."
        raise DefinitionError(fact_and_hint(CALLER, fact, "name each column once."))
    if "intercepts" in equal and not any(v.latent for v in panel):
        fact = "equal intercepts need latent variables."
        raise DefinitionError(fact_and_hint(CALLER, fact, "use equal=['means'], or name indicators."))
    if "means" in equal and "intercepts" not in equal and any(v.latent for v in panel):
        fact = "means of latent variables can be equal only where intercepts are."
        raise DefinitionError(fact_and_hint(CALLER, fact, "use equal=['intercepts', 'means']."))


def _gaps(labels: Sequence[object], times: Sequence[float] | None) -> tuple[float, ...]:
    """Time between neighbouring waves: as given, or between waves that are called by numbers."""
    if times is None:
        numbers = all(isinstance(x, (int, float, np.number)) and not isinstance(x, bool) for x in labels)
        if not numbers:
            return ()
        times = [float(x) for x in labels]  # type: ignore[arg-type]
    given = [float(x) for x in times]
    gaps = np.diff(given)
    if len(given) != len(labels) or not np.isfinite(given).all() or (gaps <= 0).any():
        fact = f"{len(given)} times {given} stand for {len(labels)} waves."
        raise DefinitionError(fact_and_hint(CALLER, fact, "give one rising number per wave with times=."))
    return tuple(round(float(g), 10) for g in gaps)


def spacing_told(gaps: Sequence[float], lags_equal: bool) -> str:
    """Say how far apart waves are and what that means for the lagged effects.

    Parameters
    ----------
    gaps
        Time between neighbouring waves; empty where it is not known.
    lags_equal
        Whether lagged effects are held equal over time.

    Returns
    -------
    str
        One or two sentences.
    """
    if not gaps:
        return "How far apart the waves are is not known: a lagged effect belongs to its distance in time."
    if len(set(gaps)) == 1:
        return f"Neighbouring waves are {gaps[0]:g} apart."
    listed = ", ".join(f"{g:g}" for g in gaps)
    if lags_equal:
        return (
            f"Waves are unequally far apart ({listed}), yet lagged effects are held equal: "
            "that is a claim about distances, not only about time."
        )
    return (
        f"Waves are unequally far apart ({listed}): each lagged effect belongs to its own distance, and they "
        "cannot be compared across waves."
    )


def _check_shared(panel: Sequence[PanelVariable], held: Sequence[str], shared: Sequence[str]) -> None:
    """Refuse equalities between groups that rest on others which are not asked for."""
    if "intercepts" in shared and "intercepts" not in held:
        fact = "intercepts are to be equal between groups, and not over time."
        raise DefinitionError(fact_and_hint(CALLER, fact, "use equal=['intercepts'], too."))
    if "means" in shared and "intercepts" not in shared and any(v.latent for v in panel):
        fact = "means of latent variables can be equal between groups only where intercepts are."
        raise DefinitionError(fact_and_hint(CALLER, fact, "use group_equal=['intercepts', 'means']."))


def _answered(
    panel: Sequence[PanelVariable],
    wide: pd.DataFrame,
    labels: Sequence[Any],
    group: str | None,
    present: Sequence[object],
) -> pd.DataFrame:
    """People with an answer to each variable: a row per wave, of each group where there are groups."""
    parts = [wide] if group is None else [wide[wide[group] == label] for label in present]
    tables = [
        pd.DataFrame(
            {v.name: [int(part[list(c)].notna().any(axis=1).sum()) for c in v.columns] for v in panel},
            index=pd.Index(list(labels), name="wave"),
        )
        for part in parts
    ]
    return tables[0] if group is None else pd.concat(tables, keys=present, names=["group"])


def _tables(
    fit: StructuralResult,
    panel: Sequence[PanelVariable],
    labels: Sequence[object],
    random: bool,
    present: Sequence[object],
) -> list[pd.DataFrame]:
    """Lagged effects, lasting levels, shares and correlations; of each group, one after the other."""
    estimates, standardized = fit.parameters, fit.standardized()
    found = []
    for label in present or [None]:
        raw, std = (
            _rows(one if label is None else one[one["group"] == label]) for one in (estimates, standardized)
        )
        lasting = panel if random else []
        tables = [
            _paths(raw, std, panel, labels, random),
            _between(raw, std, lasting),
            _shares(std, lasting, labels),
            _concurrent(std, panel, labels, random),
        ]
        if label is not None:
            for table in tables:
                table.insert(0, "group", pd.Series([label] * len(table), dtype=object))
        found.append(tables)
    return [pd.concat(parts, ignore_index=True) for parts in zip(*found, strict=True)]


def _rows(frame: pd.DataFrame) -> Rows:
    """Rows by parameter; covariances are found either way round."""
    records = frame.to_dict("records")
    found: Rows = {(row["rhs"], "~~", row["lhs"]): row for row in records if row["op"] == "~~"}
    return found | {(row["lhs"], row["op"], row["rhs"]): row for row in records}


def _paths(
    estimates: Rows,
    standardized: Rows,
    panel: Sequence[PanelVariable],
    labels: Sequence[object],
    random: bool,
) -> pd.DataFrame:
    rows = []
    name = within if random else PanelVariable.at
    for source in panel:
        for target in panel:
            for k in range(1, len(labels)):
                key = (name(target, k), "~", name(source, k - 1))
                raw, std = estimates[key], standardized[key]
                rows.append(
                    {
                        "path": "carry-over" if source is target else "cross-lagged",
                        "source": source.name,
                        "target": target.name,
                        "from_wave": labels[k - 1],
                        "to_wave": labels[k],
                        "estimate": raw["est"],
                        "estimate_se": raw["se"],
                        "estimate_lower": raw["ci_lower"],
                        "estimate_upper": raw["ci_upper"],
                        "pvalue": raw["pvalue"],
                        "standardized": std["est"],
                        "standardized_se": std["se"],
                        "standardized_lower": std["ci_lower"],
                        "standardized_upper": std["ci_upper"],
                    }
                )
    return pd.DataFrame(rows)


def _between(estimates: Rows, standardized: Rows, panel: Sequence[PanelVariable]) -> pd.DataFrame:
    rows = []
    for one, two in combinations_with_replacement(panel, 2):
        key = (between(one), "~~", between(two))
        raw, std = estimates[key], standardized[key]
        own = one is two
        rows.append(
            {
                "first": one.name,
                "second": two.name,
                "estimate": raw["est"],
                "se": raw["se"],
                "ci_lower": raw["ci_lower"],
                "ci_upper": raw["ci_upper"],
                "pvalue": raw["pvalue"],
                "correlation": 1.0 if own else std["est"],
                "correlation_lower": np.nan if own else std["ci_lower"],
                "correlation_upper": np.nan if own else std["ci_upper"],
            }
        )
    columns = "first second estimate se ci_lower ci_upper pvalue"
    columns += " correlation correlation_lower correlation_upper"
    return pd.DataFrame(rows, columns=columns.split())


def _shares(standardized: Rows, panel: Sequence[PanelVariable], labels: Sequence[object]) -> pd.DataFrame:
    """Squared standardised loadings on the lasting part, with delta-method intervals inside 0 to 1."""
    rows = []
    for v in panel:
        for k, label in enumerate(labels):
            std = standardized[between(v), "=~", v.at(k)]
            share, se = float(std["est"]) ** 2, 2 * abs(float(std["est"])) * float(std["se"])
            rows.append(
                {
                    "variable": v.name,
                    "wave": label,
                    "share": share,
                    "ci_lower": max(share - _Z * se, 0.0),
                    "ci_upper": min(share + _Z * se, 1.0),
                }
            )
    return pd.DataFrame(rows, columns=["variable", "wave", "share", "ci_lower", "ci_upper"])


def _concurrent(
    standardized: Rows, panel: Sequence[PanelVariable], labels: Sequence[object], random: bool
) -> pd.DataFrame:
    name = within if random else PanelVariable.at
    rows = []
    for one, two in combinations_with_replacement(panel, 2):
        if one is two:
            continue
        for k, label in enumerate(labels):
            std = standardized[name(one, k), "~~", name(two, k)]
            rows.append(
                {
                    "first": one.name,
                    "second": two.name,
                    "wave": label,
                    "correlation": std["est"],
                    "se": std["se"],
                    "ci_lower": std["ci_lower"],
                    "ci_upper": std["ci_upper"],
                    "pvalue": std["pvalue"],
                }
            )
    return pd.DataFrame(rows)
