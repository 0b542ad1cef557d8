"""The printed form of a fitted model: fit first, then the parameters in blocks."""

from __future__ import annotations

from itertools import product
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

if TYPE_CHECKING:
    from analysis.structural.inference.result import StructuralResult

BLOCKS = (
    ("Loadings", "=~"),
    ("Regressions", "~"),
    ("Covariances", "~~"),
    ("Intercepts", "~1"),
    ("Thresholds", "|"),
    ("Variances", "~~"),
    ("Scales", "~*~"),
)
DEFINED = ":="
LEVELS = {1: "Level 1: within clusters", 2: "Level 2: between clusters"}


def summary_text(result: StructuralResult, digits: int, standardized: bool, ci: bool) -> str:
    """Write estimator and rows, the tests and indices, then one block for each kind of parameter.

    Parameters
    ----------
    result
        The fitted model.
    digits
        Decimals shown.
    standardized, ci
        Whether standardised estimates and 95 % intervals are shown.
    """
    rows = result.parameters.copy()
    if standardized:
        full = result.standardized()
        for name in ("ci_lower", "ci_upper"):
            rows[f"std_{name}"] = full[name].to_numpy()
    parts = [_head(result), _fit(result.fit, digits)]
    labels = [None] if len(result.groups) == 1 else list(pd.unique(rows["group"][rows["op"] != DEFINED]))
    levels = LEVELS if "level" in rows else {0: ""}
    for label, level in product(labels, levels):
        inside = rows["op"] != DEFINED
        if label is not None:
            if level < 2:
                parts.append(f"Group {label} (n = {result.groups[str(label)]:,})")
            inside &= (rows["group"] == label).to_numpy(dtype=bool)
        if level:
            parts.append(levels[level])
            inside &= rows["level"] == level
        for title, op in BLOCKS:
            block = rows[inside & (rows["op"] == op)]
            if op == "~~":
                own = (block["lhs"] == block["rhs"]).to_numpy()
                block = block[own] if title == "Variances" else block[~own]
            # zero intercepts and unit scales of ordinal items only say how the model is identified
            if len(block) and not (op in ("~1", "~*~") and (block["se"] == 0).all()):
                parts.append(_block(title, block, digits, standardized, ci))
    defined = rows[rows["op"] == DEFINED]
    if len(defined):
        parts.append(_block("Defined", defined, digits, standardized, ci))
    return "\n\n".join(parts)


def of_rows(result: StructuralResult) -> str:
    """Say how many rows the data had where some are not in use: without a group, an answer, a predictor."""
    given = result._fitted.data.n_rows
    return f" of {given:,}" if given > result.n_obs else ""


def _head(result: StructuralResult) -> str:
    clusters = f" in {result.n_clusters:,} clusters" if result.n_clusters else ""
    return (
        f"{result.estimator}, missing: {result.missing}; n = {result.n_obs:,}{of_rows(result)}{clusters}; "
        f"{result.n_parameters} parameters; converged in {result.n_iter} steps"
    )


def _fit(fit: pd.Series, digits: int) -> str:
    """Put each index in a row, its variants in columns."""
    variants = {"": "standard", "_scaled": "scaled", "_robust": "robust"}
    shown = [suffix for suffix in variants if any(name.endswith(f"cfi{suffix}") for name in fit.index)]
    names = [
        "chisq",
        "df",
        "pvalue",
        "cfi",
        "tli",
        "rmsea",
        "rmsea_ci_lower",
        "rmsea_ci_upper",
        "rmsea_pvalue",
    ]
    table = pd.DataFrame(
        {variants[suffix]: [fit.get(f"{name}{suffix}", np.nan) for name in names] for suffix in shown},
        index=names,
    )
    single = fit[
        [
            n
            for n in ("srmr", "srmr_within", "srmr_between", "logl", "aic", "bic", "chisq_scaling_factor")
            if n in fit.index
        ]
    ]
    text = table.map(lambda value: "" if pd.isna(value) else f"{value:.{digits}f}").astype(object)
    for suffix in shown:
        text.at["df", variants[suffix]] = "" if suffix == "_robust" else f"{fit['df']:.0f}"
    return f"{text.to_string()}\n{single.map(lambda value: f'{value:.{digits}f}').to_string()}"


def _block(title: str, block: pd.DataFrame, digits: int, standardized: bool, ci: bool) -> str:
    columns = ["est", "se", "z", "pvalue"] + (["ci_lower", "ci_upper"] if ci else [])
    if standardized:
        columns += ["std_all"] + (["std_ci_lower", "std_ci_upper"] if ci else [])
    text = block[columns].map(lambda value: "" if pd.isna(value) else f"{value:.{digits}f}")
    least = 10.0**-digits
    text["pvalue"] = [
        f"<{least:.{digits}f}" if p < least else t
        for p, t in zip(block["pvalue"], text["pvalue"], strict=True)
    ]
    fixed = (block["se"] == 0).to_numpy()
    text.loc[fixed, ["se", *(["ci_lower", "ci_upper"] if ci else [])]] = ""
    text.insert(0, "label", block["label"].where(~block["label"].str.startswith("."), ""))
    text.insert(0, title, (block["lhs"] + " " + block["op"] + " " + block["rhs"]).str.strip())
    if not (text["label"] != "").any():
        text = text.drop(columns="label")
    return str(text.to_string(index=False))
