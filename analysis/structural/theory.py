"""Competing models of a scale, written from its themes and their roles, fitted and put side by side."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd

from analysis.result import Result
from analysis.structural.compare import compare_models
from analysis.structural.models import sem
from analysis.structural.result import StructuralResult
from instrument.definition import Instrument
from instrument.errors import (
    DefinitionError,
    NotEstimableError,
    ToolkitError,
    ToolkitWarning,
    fact_and_hint,
)

FEWEST_FOR_SECOND_ORDER = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class TheoryModel:
    """One way the items may hang together.

    Attributes
    ----------
    name
        Short name in tables.
    title
        What it says, in a line.
    items
        `dimensions` or `all`: models are compared only within one item set.
    syntax
        In lavaan's language.
    orthogonal
        Whether the factors are uncorrelated (bifactor).
    meaning
        What it would mean in plain words if this model held.
    """

    name: str
    title: str
    items: str
    syntax: str
    orthogonal: bool = False
    meaning: str = ""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class TheoryResult(Result):
    """Competing models, fitted to the same people.

    Attributes
    ----------
    table
        One row per model: items, model, title, df, chisq, chisq_scaled, cfi, tli, rmsea (with interval),
        srmr, aic, bic, note. The scaled variants of CFI, TLI and RMSEA where the estimator has them.
    models
        Name to model.
    fits
        Name to result; a model that could not be fitted is absent.
    failures
        Name to the reason.
    equivalent
        Groups of models that imply the same moments.
    bifactor
        omega_h, omega_total and ecv of the total over the dimensions, from its bifactor model; empty when
        that failed.
    """

    table: pd.DataFrame
    models: dict[str, TheoryModel]
    fits: dict[str, StructuralResult]
    failures: dict[str, str]
    equivalent: list[list[str]]
    bifactor: dict[str, float]

    def to_frame(self) -> pd.DataFrame:
        """Give the table, unrounded.

        Returns
        -------
        pandas.DataFrame
            One row per model.
        """
        return self.table


def theory_models(themes: Mapping[str, list[str]], context: Mapping[str, list[str]]) -> list[TheoryModel]:
    """Write the competing models of a scale.

    Parameters
    ----------
    themes
        Dimension to its items.
    context
        Context theme to its items; may be empty.

    Returns
    -------
    list of TheoryModel
        First those of the dimensions' items, then those of all items. Second-order models need three
        dimensions or more.

    Raises
    ------
    DefinitionError
        For no dimension, or a dimension with fewer than two items.
    """
    thin = [name for name, items in {**themes, **context}.items() if len(items) < 2]
    if not themes or thin:
        fact = f"themes with fewer than two items: {thin}." if thin else "no theme is a dimension."
        raise DefinitionError(fact_and_hint("theory_models", fact, "give each theme two items or more."))
    general = "general" if "general" not in {*themes, *context} else "general_factor"
    models = [_one("one factor", "dimensions", themes, general)]
    if len(themes) > 1:
        models += [
            TheoryModel(
                name=f"{len(themes)} correlated",
                title=f"{len(themes)} correlated dimensions",
                items="dimensions",
                syntax=_measure(themes),
                meaning="The dimensions can be told apart and go together.",
            ),
            _bifactor("bifactor", "dimensions", themes, general),
        ]
    if len(themes) >= FEWEST_FOR_SECOND_ORDER:
        models.insert(
            2,
            TheoryModel(
                name="second order",
                title="A general factor over the dimensions",
                items="dimensions",
                syntax=f"{_measure(themes)}\n{_second(general, themes)}",
                meaning="One common factor accounts for why the dimensions go together.",
            ),
        )
    if context:
        models += _with_context(themes, context, general)
    return models


def _one(name: str, items: str, themes: Mapping[str, list[str]], general: str) -> TheoryModel:
    every = list(dict.fromkeys(item for own in themes.values() for item in own))
    return TheoryModel(
        name=name,
        title="One factor under every item",
        items=items,
        syntax=f"{general} =~ {' + '.join(every)}",
        meaning="There are no dimensions to tell apart: one score says it all.",
    )


def _measure(themes: Mapping[str, list[str]]) -> str:
    return "\n".join(f"{name} =~ {' + '.join(items)}" for name, items in themes.items())


def _second(general: str, themes: Mapping[str, list[str]]) -> str:
    return f"{general} =~ {' + '.join(themes)}"


def _bifactor(name: str, items: str, themes: Mapping[str, list[str]], general: str) -> TheoryModel:
    every = list(dict.fromkeys(item for own in themes.values() for item in own))
    return TheoryModel(
        name=name,
        title="A general factor beside one for each theme, all uncorrelated",
        items=items,
        syntax=f"{general} =~ {' + '.join(every)}\n{_measure(themes)}",
        orthogonal=True,
        meaning="It nearly always fits best because it has most freedom; never chosen by fit alone.",
    )


def _with_context(
    themes: Mapping[str, list[str]], context: Mapping[str, list[str]], general: str
) -> list[TheoryModel]:
    every = {**themes, **context}
    models = [
        _one("M1 one factor", "all", every, general),
        TheoryModel(
            name=f"M3 {len(every)} correlated",
            title=f"{len(every)} correlated themes, context among them",
            items="all",
            syntax=_measure(every),
            meaning="Context is one theme like the others.",
        ),
    ]
    if len(themes) >= FEWEST_FOR_SECOND_ORDER:
        base = f"{_measure(every)}\n{_second(general, themes)}"
        predicted = "\n".join(f"{general} ~ {name}" for name in context)
        reverse = "\n".join(f"{name} ~ {general}" for name in context)
        models += [
            TheoryModel(
                name="M4 context predicts",
                title="A general factor over the dimensions, predicted by the context",
                items="all",
                syntax=f"{base}\n{predicted}",
                meaning="The source's claim: the context is where the other themes grow.",
            ),
            TheoryModel(
                name="M4 reversed",
                title="The arrow between context and general factor turned round",
                items="all",
                syntax=f"{base}\n{reverse}",
                meaning="Drawn the other way, with the same fit: fit cannot say which comes first.",
            ),
        ]
    models.append(_bifactor("M5 bifactor", "all", every, general))
    return models


def compare_theories(
    responses: pd.DataFrame, scale: Instrument, estimator: str = "WLSMV", missing: str | None = None
) -> TheoryResult:
    """Fit the competing models of a scale and compare them within each item set.

    Use it to see what the themes of a scale are worth before five subscores are promised. Reversed items
    need no recoding. An item that counts in several themes is kept with its own.

    Parameters
    ----------
    responses
        Shape (n_persons, n_columns): one administration per person, with the item columns.
    scale
        The instrument; `dimension` themes make the general factor, `context` themes predict it.
    estimator
        "WLSMV" (ordinal), or "MLR" or "ML" (continuous).
    missing
        As in `cfa`.

    Returns
    -------
    TheoryResult
        `.table`, `.fits`, `.failures`, `.equivalent`, `.bifactor`.

    Raises
    ------
    DefinitionError
        The instrument has no dimension with two items.
    NotEstimableError
        No model could be fitted.

    Notes
    -----
    The model with the arrow turned round has the same degrees of freedom and the same implied moments as
    the one that predicts the general factor from the context: no cross-sectional data can tell them apart.
    omega_h = (sum of general loadings)^2 / variance of the sum of the items and
    ecv = sum of squared general loadings / sum of all squared loadings, both standardised and, with WLSMV,
    on the scale of the latent answers.

    References
    ----------
    Rodriguez, A., Reise, S. P., & Haviland, M. G. (2016). Evaluating bifactor models. Psychological
    Methods, 21, 137-150. https://doi.org/10.1037/met0000045
    Bentler, P. M., & Satorra, A. (2010). Testing model nesting and equivalence. Psychological Methods, 15,
    111-123. https://doi.org/10.1037/a0019625
    """
    present = set(responses.columns)
    own = {
        theme.id: [item.id for item in theme.items if item.id in present]
        for theme in scale.themes
        if theme.role != "plain"
    }
    themes = {name: own[name] for name in scale.dimension_themes if len(own[name]) > 1}
    context = {name: own[name] for name in scale.context_themes if len(own[name]) > 1}
    models = {model.name: model for model in theory_models(themes, context)}
    every = [item for items in {**themes, **context}.values() for item in items]
    rows = responses[every].dropna(how="all")
    fits, failures, notes = {}, {}, {}
    for name, model in models.items():
        try:
            fits[name], notes[name] = _fit(model, rows, estimator, missing)
        except ToolkitError as error:
            failures[name] = str(error)
    if not fits:
        fact = f"none of {len(models)} models could be fitted; the first: {next(iter(failures.values()))}"
        raise NotEstimableError(fact_and_hint("compare_theories", fact, "see the reasons of each model."))
    return TheoryResult(
        table=_table(models, fits, failures, notes),
        models=models,
        fits=fits,
        failures=failures,
        equivalent=_equivalent(models, fits),
        bifactor=bifactor_indices(fits["bifactor"]) if "bifactor" in fits else {},
    )


def _fit(
    model: TheoryModel, rows: pd.DataFrame, estimator: str, missing: str | None
) -> tuple[StructuralResult, str]:
    """Fit a model; a warning becomes a note in the table, so it cannot be overlooked there."""
    ordered = estimator in ("WLSMV", "ULSMV")
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", ToolkitWarning)
        fit = sem(
            model.syntax,
            rows,
            estimator=estimator,
            ordered=ordered,
            missing=missing,
            orthogonal=model.orthogonal,
            std_lv=model.orthogonal,
        )
    facts = [str(entry.message).split("\n")[0] for entry in caught]
    return fit, " ".join(dict.fromkeys(facts))


def _table(
    models: dict[str, TheoryModel],
    fits: dict[str, StructuralResult],
    failures: dict[str, str],
    notes: dict[str, str],
) -> pd.DataFrame:
    rows = []
    for name, model in models.items():
        row: dict[str, object] = {"items": model.items, "model": name, "title": model.title}
        note = notes.get(name, "")
        if name in failures:
            note = failures[name].split("\n")[0]
        else:
            fit = fits[name].fit
            row |= {
                "n": fits[name].n_obs,
                "df": fit["df"],
                "chisq": fit["chisq"],
                "chisq_scaled": fit.get("chisq_scaled", np.nan),
            }
            for index in ("cfi", "tli", "rmsea", "rmsea_ci_lower", "rmsea_ci_upper"):
                row[index] = fit.get(f"{index}_scaled", fit[index])
            row |= {"srmr": fit["srmr"], "aic": fit.get("aic", np.nan), "bic": fit.get("bic", np.nan)}
        rows.append(row | {"note": note})
    return pd.DataFrame(rows)


def _equivalent(models: dict[str, TheoryModel], fits: dict[str, StructuralResult]) -> list[list[str]]:
    found = []
    for items in ("dimensions", "all"):
        same = {name: fit for name, fit in fits.items() if models[name].items == items}
        if len(same) > 1:
            with warnings.catch_warnings():
                # equivalence is what is asked for here, so it is no news
                warnings.filterwarnings("ignore", "compare_models: equivalent", ToolkitWarning)
                found += compare_models(same).equivalent
    return found


def bifactor_indices(fit: StructuralResult) -> dict[str, float]:
    """Strength of the general factor of a bifactor model with uncorrelated factors.

    Parameters
    ----------
    fit
        The model; its first factor is the general one.

    Returns
    -------
    dict of float
        omega_total, omega_h and ecv.

    Notes
    -----
    Standardised loadings; the variance of the sum is that of the model.
    """
    loadings = fit.parameters[fit.parameters["op"] == "=~"]
    general = str(loadings["lhs"].iloc[0])
    table = loadings.pivot_table(
        index="rhs", columns="lhs", values="std_all", aggfunc="sum", sort=False
    ).fillna(0.0)
    squared = table**2
    unique = 1 - squared.sum(axis=1)
    common = (table.sum() ** 2).sum()
    variance = common + unique.sum()
    return {
        "omega_total": float(common / variance),
        "omega_h": float(table[general].sum() ** 2 / variance),
        "ecv": float(squared[general].sum() / squared.to_numpy().sum()),
    }
