"""Competing models of a scale, fitted to the same people and put side by side."""

from __future__ import annotations

import warnings
from dataclasses import dataclass

import numpy as np
import pandas as pd

from analysis.common.result import Result
from analysis.structural.families.bifactor_strength import BifactorResult, bifactor_strength
from analysis.structural.inference.compare_models import compare_models, equivalent_models
from analysis.structural.inference.result import StructuralResult
from analysis.structural.language.naming import acting_for
from analysis.structural.language.theory_models import Structure, TheoryModel, theory_models
from analysis.structural.models import sem
from instrument.answers import given_answers, table_of
from instrument.definition import Instrument
from instrument.errors import NotEstimableError, ToolkitError, ToolkitWarning, fact_and_hint
from instrument.loading import as_instrument
from instrument.scoring.keying import keyed_numbers

CALLER = "compare_theories"


@dataclass(frozen=True, slots=True, kw_only=True, eq=False, repr=False)
class TheoryResult(Result):
    """Competing models, fitted to the same people.

    Attributes
    ----------
    table
        One row per model: items, model, title, n, df, chisq, chisq_scaled, pvalue (of the scaled statistic
        where there is one), cfi, tli, rmsea (with interval), srmr, aic, bic, note. `variant` says which CFI,
        TLI and RMSEA: "scaled" for ordinal items, "robust" for MLR, "plain" for ML.
    tests
        One row per pair of nested models: items, restricted, free, chisq_diff, df_diff, pvalue, note.
    models
        Name to model.
    fits
        Name to result; a model that could not be fitted is absent.
    failures
        Name to the reason.
    errors
        Name to what was raised.
    equivalent
        Groups of models that imply the same moments.
    bifactor
        Strength of the general factor over the dimensions and within each, from its bifactor model; None
        when that failed or there is one dimension.
    variant
        Variant of the fit indices in the table.
    """

    table: pd.DataFrame
    tests: pd.DataFrame
    models: dict[str, TheoryModel]
    fits: dict[str, StructuralResult]
    failures: dict[str, str]
    errors: dict[str, ToolkitError]
    equivalent: list[list[str]]
    bifactor: BifactorResult | None
    variant: str

    @property
    def main(self) -> StructuralResult | None:
        """The model with a factor per theme over every item; None when it could not be fitted."""
        told = (Structure.CORRELATED, Structure.ONE)  # one theme has one factor only
        wanted = sorted(
            (model for model in self.models.values() if model.structure in told),
            key=lambda model: (told.index(model.structure), model.items != "all"),
        )
        return self.fits.get(wanted[0].name)

    def to_frame(self) -> pd.DataFrame:
        """Give the table, unrounded.

        Returns
        -------
        pandas.DataFrame
            One row per model.
        """
        return self.table


def compare_theories(
    responses: pd.DataFrame, scale: Instrument, estimator: str = "WLSMV", missing: str | None = None
) -> TheoryResult:
    """Fit the competing models of a scale and compare them within each item set.

    Use it to see what the themes of a scale are worth before five subscores are promised. Reversed items
    are turned here, unless the table says that they are (`reverse_key`). Themes with `measurement: composite`
    enter as weighted sums of their items (`<~`) in a set of models of their own, by MLR. An item that counts
    in several themes is kept with its own; themes with one item in the data are left out, and so are plain
    themes, unless the instrument has no other: then they are taken for dimensions.

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
        `.table`, `.tests`, `.fits`, `.failures`, `.equivalent`, `.bifactor`, `.main`.

    Raises
    ------
    DefinitionError
        The instrument has no dimension with two items.
    NotEstimableError
        No model could be fitted.

    Notes
    -----
    With one context theme the model with the arrow turned round, and the one with the context as one more
    dimension, have the same degrees of freedom and the same implied moments as the one that predicts the
    general factor from the context: no cross-sectional data can tell them apart. Difference tests are those
    of `compare_models`; one factor is several with correlations of 1, at the edge of what is possible, so
    that its p is approximate. For omega and ECV see `bifactor_strength`.

    In R: `lavaan::cfa` and `lavaan::sem` for each model, `lavaan::lavTestLRT` for the pairs.

    References
    ----------
    Rodriguez, A., Reise, S. P., & Haviland, M. G. (2016). Evaluating bifactor models. Psychological
    Methods, 21, 137-150. https://doi.org/10.1037/met0000045
    Bentler, P. M., & Satorra, A. (2010). Testing model nesting and equivalence. Psychological Methods, 15,
    111-123. https://doi.org/10.1037/a0019625
    """
    responses = table_of(responses, CALLER, "responses")
    themes, context = roles_of(responses, as_instrument(scale, CALLER))
    composites = composites_of(responses, as_instrument(scale, CALLER))
    models = {model.name: model for model in theory_models(themes, context, composites)}
    items = [item for own in {**themes, **context, **composites}.values() for item in own]
    rows = keyed_answers(given_answers(responses, scale, CALLER, items), scale, items)
    fits, errors, notes = {}, {}, {}
    for name, model in models.items():
        try:
            fits[name], notes[name] = _fit(model, rows, estimator, missing)
        except ToolkitError as error:
            errors[name] = error
    failures = {name: str(error) for name, error in errors.items()}
    if not fits:
        fact = f"none of {len(models)} models could be fitted; the first: {_fact(errors)}"
        raise NotEstimableError(
            fact_and_hint(CALLER, fact, "collect more answers, or merge rare categories.")
        )
    variant = {"ML": "plain", "MLR": "robust"}.get(estimator, "scaled")
    return TheoryResult(
        table=_table(models, fits, failures, notes, variant),
        tests=_tests(models, fits),
        models=models,
        fits=fits,
        failures=failures,
        errors=errors,
        equivalent=_equivalent(models, fits),
        bifactor=bifactor_strength(fits["bifactor"]) if "bifactor" in fits else None,
        variant=variant,
    )


def roles_of(responses: pd.DataFrame, scale: Instrument) -> tuple[dict[str, list[str]], dict[str, list[str]]]:
    """Tell dimensions from context themes, each with its own items.

    Themes of one item are left out, and composites: no factor stands behind their items.
    """
    present = set(responses.columns)
    own = {theme.id: [item.id for item in theme.items if item.id in present] for theme in scale.themes}
    composite = set(scale.composite_themes)
    kept = {name: items for name, items in own.items() if len(items) > 1 and name not in composite}
    context = {name: kept[name] for name in scale.context_themes if name in kept}
    dimensions = [name for name in scale.dimension_themes if name in kept]
    if not dimensions:
        dimensions = [name for name in kept if name not in context]
    return {name: kept[name] for name in dimensions}, context


def composites_of(responses: pd.DataFrame, scale: Instrument) -> dict[str, list[str]]:
    """Composite themes with their items, those that are context where there are any."""
    present = set(responses.columns)
    own = {
        theme.id: [item.id for item in theme.items if item.id in present]
        for theme in scale.themes
        if theme.id in scale.composite_themes
    }
    kept = {name: items for name, items in own.items() if len(items) > 1}
    return {name: items for name, items in kept.items() if name in scale.context_themes} or kept


def keyed_answers(responses: pd.DataFrame, scale: Instrument, items: list[str]) -> pd.DataFrame:
    """Give answers as numbers, reversed items turned; rows without any answer are dropped."""
    return keyed_numbers(responses, scale, items).dropna(how="all")


def _fit(
    model: TheoryModel, rows: pd.DataFrame, estimator: str, missing: str | None
) -> tuple[StructuralResult, str]:
    """Fit a model; a warning becomes a note in the table, so it cannot be overlooked there."""
    ordered, said = estimator in ("WLSMV", "ULSMV"), []
    if model.items == "composites" and ordered:
        estimator, ordered, missing = "MLR", False, None
        said = [
            "Composites take answers as numbers (MLR), so this fit is compared with that of composites only."
        ]
    with warnings.catch_warnings(record=True) as caught, acting_for(CALLER):
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
    return fit, " ".join(dict.fromkeys([*said, *facts]))


def _table(
    models: dict[str, TheoryModel],
    fits: dict[str, StructuralResult],
    failures: dict[str, str],
    notes: dict[str, str],
    variant: str,
) -> pd.DataFrame:
    end = "" if variant == "plain" else f"_{variant}"
    scaled = "" if variant == "plain" else "_scaled"
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
                "n_parameters": fits[name].n_parameters,
                "df": int(fit["df"]),
                "chisq": fit["chisq"],
                "chisq_scaled": fit.get("chisq_scaled", np.nan),
                "pvalue": fit[f"pvalue{scaled}"],
            }
            for index in ("cfi", "tli", "rmsea", "rmsea_ci_lower", "rmsea_ci_upper"):
                row[index] = fit[f"{index}{end}"]
            row |= {"srmr": fit["srmr"], "aic": fit.get("aic", np.nan), "bic": fit.get("bic", np.nan)}
        rows.append(row | {"note": note})
    return pd.DataFrame(rows)


def _tests(models: dict[str, TheoryModel], fits: dict[str, StructuralResult]) -> pd.DataFrame:
    """Difference test of every model against those that hold it as a special case."""
    rows = []
    for name, model in models.items():
        for wider in model.within:
            if name not in fits or wider not in fits or fits[name].fit["df"] == fits[wider].fit["df"]:
                continue  # of the same size: equivalent, as three dimensions with and without a second order
            pair = {wider: fits[wider], name: fits[name]}
            last = compare_models(pair, assume_nested=True).table.iloc[-1]
            row: dict[str, object] = {"items": model.items, "restricted": name, "free": wider}
            row |= {key: last[key] for key in ("chisq_diff", "df_diff", "pvalue")}
            edge = model.structure is Structure.ONE
            rows.append(row | {"note": "at the edge: p is approximate" if edge else ""})
    columns = ["items", "restricted", "free", "chisq_diff", "df_diff", "pvalue", "note"]
    return pd.DataFrame(rows, columns=columns)


def _equivalent(models: dict[str, TheoryModel], fits: dict[str, StructuralResult]) -> list[list[str]]:
    found = []
    for items in ("dimensions", "all", "composites"):
        same = {name: fit for name, fit in fits.items() if models[name].items == items}
        if len(same) > 1:
            found += equivalent_models(same)
    return found


def _fact(errors: dict[str, ToolkitError]) -> str:
    """What the first of the errors says, without its name and hint."""
    return str(next(iter(errors.values()))).split("\nHint: ")[0].partition(": ")[2]
