"""Convergent validity read off loadings: average variance extracted and composite reliability."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from analysis.common.result import Result
from instrument.errors import DefinitionError, fact_and_hint, name_offenders


@dataclass(frozen=True, slots=True, kw_only=True, eq=False, repr=False)
class ExtractedVarianceResult(Result):
    """Variance extracted and composite reliability of every theme.

    Attributes
    ----------
    table : pandas.DataFrame
        Index: theme. `n_items`, `ave`, `composite_reliability`, `sqrt_ave`; with factor correlations also
        `largest_correlation` (in absolute value) and `fornell_larcker`: whether sqrt_ave exceeds it.
    """

    table: pd.DataFrame

    def to_frame(self) -> pd.DataFrame:
        """One row per theme."""
        return self.table


def extracted_variance(
    loadings: pd.Series,
    themes: Mapping[str, Sequence[str]],
    *,
    error_variances: pd.Series | None = None,
    factor_correlations: pd.DataFrame | None = None,
) -> ExtractedVarianceResult:
    """Average variance extracted and composite reliability from the loadings of a factor model.

    Parameters
    ----------
    loadings : pandas.Series, shape (n_items,)
        Loading of every item on its own theme, factors of unit variance.
    themes
        Theme to item names.
    error_variances : pandas.Series, shape (n_items,)
        Error variance of every item; by default 1 - loading², which fits standardised loadings.
    factor_correlations : pandas.DataFrame, shape (n_themes, n_themes)
        Adds the criterion of Fornell and Larcker.

    Returns
    -------
    ExtractedVarianceResult
        `.table`.

    Raises
    ------
    DefinitionError
        For absent items or themes, or negative error variances.

    Notes
    -----
    AVE = Σλ² / (Σλ² + Σθ), composite reliability = (Σ|λ|)² / ((Σ|λ|)² + Σθ), the reliability of the sum once
    reversed items are recoded. Both assume uncorrelated errors.

    References
    ----------
    Fornell, C., & Larcker, D. F. (1981). Journal of Marketing Research, 18, 39-50.
    https://doi.org/10.1177/002224378101800104

    In R: ``semTools::AVE(fit)``, ``semTools::compRelSEM(fit, obs.var = FALSE)``.

    Examples
    --------
    Four standardised loadings of .7: AVE is .49 and composite reliability 7.84 / (7.84 + 2.04).

    >>> loadings = pd.Series(0.7, index=list("abcd"))
    >>> extracted_variance(loadings, {"one": list("abcd")}).table.round(6).iloc[0].to_dict()
    {'n_items': 4.0, 'ave': 0.49, 'composite_reliability': 0.793522, 'sqrt_ave': 0.7}
    """
    errors = 1 - loadings**2 if error_variances is None else error_variances
    themes = items_by_theme(themes, "extracted_variance", "themes")
    listed = [item for items in themes.values() for item in items]
    absent = [item for item in listed if item not in loadings.index or item not in errors.index]
    if absent:
        raise DefinitionError(
            fact_and_hint(
                "extracted_variance",
                f"{len(absent)} of {len(listed)} items have no loading or error: {name_offenders(absent)}.",
                "give one for every item.",
            )
        )
    negative = [item for item in listed if not errors[item] >= 0]
    if negative:
        raise DefinitionError(
            fact_and_hint(
                "extracted_variance",
                f"error variances are negative or missing: {name_offenders(negative)}.",
                "give error_variances when loadings are not standardised, or mend the model.",
            )
        )
    rows = {theme: _row(loadings[list(items)], errors[list(items)]) for theme, items in themes.items()}
    table = pd.DataFrame(rows).T.rename_axis("theme")
    if factor_correlations is not None:
        table = _against_correlations(table, factor_correlations)
    return ExtractedVarianceResult(table=table.astype({"n_items": int}))


def _row(loadings: pd.Series, errors: pd.Series) -> dict[str, float]:
    strengths = loadings.to_numpy(dtype=float)
    squares, error = float(np.sum(strengths**2)), float(errors.sum())
    total = float(np.sum(np.abs(strengths))) ** 2
    ave = squares / (squares + error)
    return {
        "n_items": len(strengths),
        "ave": ave,
        "composite_reliability": total / (total + error),
        "sqrt_ave": float(np.sqrt(ave)),
    }


def _against_correlations(table: pd.DataFrame, correlations: pd.DataFrame) -> pd.DataFrame:
    absent = [theme for theme in table.index if theme not in correlations.index]
    if absent:
        raise DefinitionError(
            fact_and_hint(
                "extracted_variance",
                f"factor_correlations lack themes {name_offenders(absent)}.",
                "name rows and columns by theme.",
            )
        )
    strengths = np.abs(correlations.loc[table.index, table.index].to_numpy(dtype=float))
    np.fill_diagonal(strengths, 0.0)
    largest = strengths.max(axis=1)
    return table.assign(largest_correlation=largest, fornell_larcker=table["sqrt_ave"] > largest)


def items_by_theme(themes: Mapping[str, Sequence[str]], caller: str, what: str) -> dict[str, list[str]]:
    """Give theme to item names as lists, or say that a theme has none.

    Parameters
    ----------
    themes
        As given.
    caller
        Public function that the message names.
    what
        Its argument.

    Returns
    -------
    dict of str to list of str
        The same.

    Raises
    ------
    DefinitionError
        A theme whose items are no list.
    """
    bare = [
        theme for theme, items in themes.items() if isinstance(items, str) or not isinstance(items, Iterable)
    ]
    if bare:
        fact = f"{what}: the items of {name_offenders(bare)} are no list."
        raise DefinitionError(fact_and_hint(caller, fact, "map each theme to a list of item names."))
    return {str(theme): [str(item) for item in items] for theme, items in themes.items()}
