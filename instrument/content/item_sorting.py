"""Agreement of judges who name categories: item sorting, Fleiss' kappa, Cohen's kappa."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from instrument.common.formatting import format_value
from instrument.content.validity_indices import critical_votes
from instrument.errors import NotEstimableError, ResponseDataError, fact_and_hint, name_offenders


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ItemSorting:
    """Substantive validity of items that judges sorted into themes.

    Attributes
    ----------
    items : pandas.DataFrame
        item, intended, n_judges, n_intended, agreement (proportion of substantive agreement), coefficient
        (substantive validity), rival (most named other category; ties are joined), n_rival,
        critical_coefficient, met.
    kappa : float
        Fleiss' kappa over the items sorted by every judge.
    kappa_by_category : pandas.Series
        Kappa of each category against the rest; NaN where nobody, or everybody, used it.
    n_judges, n_items, n_items_in_kappa : int
        Judges, items, and items that every judge sorted.
    """

    items: pd.DataFrame
    kappa: float
    kappa_by_category: pd.Series
    n_judges: int
    n_items: int
    n_items_in_kappa: int

    def to_frame(self) -> pd.DataFrame:
        """Table of the items, unrounded."""
        return self.items.copy()

    def to_dict(self) -> dict[str, Any]:
        """Plain data, unrounded; None where a kappa is undefined."""
        by_category = {
            str(name): None if np.isnan(value) else float(value)
            for name, value in self.kappa_by_category.items()
        }
        counts = {name: getattr(self, name) for name in ("n_judges", "n_items", "n_items_in_kappa")}
        plain = self.items.astype(object).where(self.items.notna(), None).to_dict(orient="list")
        return {"kappa": self.kappa, "kappa_by_category": by_category, **counts, "items": plain}

    def summary(self) -> str:
        """Mean agreement, kappa and the number of items that meet the critical value, rounded."""
        return (
            f"{self.n_items} items sorted by {self.n_judges} judges: mean substantive agreement "
            f"{format_value(self.items['agreement'].mean(), 'r2')}, "
            f"Fleiss' kappa {format_value(self.kappa, 'r2')}, "
            f"{int(self.items['met'].sum())} items above the critical coefficient"
        )


def item_sorting(
    assignments: pd.DataFrame, intended: Mapping[str, str], significance: float = 0.05
) -> ItemSorting:
    """Compare where judges put each item with where it is meant to be.

    Use it before the first data collection: judges get the items in random order with the definitions of
    the themes, and put each item under one theme.

    Parameters
    ----------
    assignments : pandas.DataFrame, shape (n_judges, n_items)
        One row per judge; the name of the category each item was put in; empty = not sorted.
    intended
        Item to category; every column needs one.
    significance
        One-sided level of the critical coefficient.

    Returns
    -------
    ItemSorting
        Agreement per item and Fleiss' kappa.

    Raises
    ------
    ResponseDataError
        An item has no intended category, or columns share a name.
    NotEstimableError
        An item was sorted by fewer than two judges, no item by all, or kappa is not defined.

    Notes
    -----
    With n_c of N judges on the intended category and n_o on the most named other one: p_sa = n_c / N and
    c_sv = (n_c − n_o) / N. The critical coefficient is 2m/N − 1 with m the smallest number that
    Binomial(N, ½) reaches with at most `significance`.

    References
    ----------
    Anderson & Gerbing (1991), doi 10.1037/0021-9010.76.5.732; Fleiss (1971), doi 10.1037/h0031619.
    In R: `irr::kappam.fleiss(t(assignments), detail = TRUE)`.

    Examples
    --------
    With 20 judges the critical coefficient is .50 (Anderson & Gerbing 1991).

    >>> votes = pd.DataFrame({"q1": ["bond"] * 16 + ["task"] * 4, "q2": ["task"] * 20})
    >>> sorted_ = item_sorting(votes, {"q1": "bond", "q2": "task"})
    >>> sorted_.items[["agreement", "coefficient", "critical_coefficient"]].to_numpy().tolist()
    [[0.8, 0.6, 0.5], [1.0, 1.0, 0.5]]
    """
    caller = "item_sorting"
    _check_assignments(assignments, intended, caller)
    rows = [_sorted_item(assignments[name], intended[str(name)], significance) for name in assignments]
    complete = assignments.dropna(axis="columns")
    if complete.shape[1] == 0:
        fact = f"none of {assignments.shape[1]} items was sorted by all {len(assignments)} judges."
        raise NotEstimableError(fact_and_hint(caller, fact, "leave out judges who did not finish."))
    categories = sorted({*intended.values(), *map(str, pd.unique(complete.to_numpy().ravel()))})
    counts = np.array([[(complete[name] == label).sum() for label in categories] for name in complete])
    return ItemSorting(
        items=pd.DataFrame(rows),
        kappa=fleiss_kappa(counts),
        kappa_by_category=pd.Series(_category_kappas(counts), index=categories, name="kappa"),
        n_judges=len(assignments),
        n_items=assignments.shape[1],
        n_items_in_kappa=complete.shape[1],
    )


def fleiss_kappa(counts: np.ndarray) -> float:
    """Fleiss' kappa of counts per subject and category.

    Parameters
    ----------
    counts : numpy.ndarray, shape (n_subjects, n_categories)
        How many of the same number of judges put each subject into each category.

    Returns
    -------
    float
        Agreement above chance; 1 is perfect, 0 is chance.

    Raises
    ------
    ResponseDataError
        Counts are negative or not whole, or subjects have unequal numbers of judges.
    NotEstimableError
        Fewer than two judges, or all votes in one category.

    Notes
    -----
    κ = (P̄ − P̄e) / (1 − P̄e), P̄ the mean over subjects of Σ n(n − 1) / (m(m − 1)), P̄e = Σ p².

    References
    ----------
    Fleiss (1971), doi 10.1037/h0031619. In R: `irr::kappam.fleiss`.

    Examples
    --------
    >>> fleiss_kappa(np.array([[3, 0], [0, 3]]))
    1.0
    """
    caller = "fleiss_kappa"
    table = np.asarray(counts, dtype=float)
    whole = table.ndim == 2 and table.size > 0 and bool((table >= 0).all())
    if not whole or (table != np.floor(table)).any() or len(set(table.sum(axis=1))) != 1:
        fact = "counts are no table of whole numbers with the same number of judges in each row."
        raise ResponseDataError(fact_and_hint(caller, fact, "drop subjects that some judges left out."))
    judges = table[0].sum()
    shares = table.sum(axis=0) / table.sum()
    expected = float((shares**2).sum())
    if judges < 2 or expected == 1:
        fact = "there are fewer than two judges, or all votes are in one category."
        raise NotEstimableError(fact_and_hint(caller, fact, "report the proportion of agreement instead."))
    observed = float((table * (table - 1)).sum() / (len(table) * judges * (judges - 1)))
    return (observed - expected) / (1 - expected)


def cohen_kappa(first: pd.Series, second: pd.Series) -> dict[str, float]:
    """Agreement of two raters who coded the same subjects, such as an audit of an app.

    Parameters
    ----------
    first, second : pandas.Series, shape (n_subjects,)
        Codes of each rater, matched by index; subjects that one of them left out are dropped.

    Returns
    -------
    dict
        n, agreement (share of equal codes), kappa, and se (large sample, for an interval).

    Raises
    ------
    ResponseDataError
        The raters coded different subjects, or one subject twice.
    NotEstimableError
        Fewer than two subjects, or both raters used a single code for all.

    Notes
    -----
    κ = (p_o − p_e) / (1 − p_e), p_e = Σ p_i. p_.i, unweighted. Standard error of Fleiss, Cohen & Everitt.

    References
    ----------
    Cohen (1960), doi 10.1177/001316446002000104; Fleiss, Cohen & Everitt (1969), doi 10.1037/h0028106.
    In R: `psych::cohen.kappa`.

    Examples
    --------
    >>> cohen_kappa(pd.Series([0, 0, 1, 1]), pd.Series([0, 0, 1, 0]))["kappa"]
    0.5
    """
    caller = "cohen_kappa"
    if first.index.has_duplicates or set(first.index) != set(second.index) or len(first) != len(second):
        fact = "the two raters did not code the same subjects, once each."
        raise ResponseDataError(fact_and_hint(caller, fact, "give both series the same index."))
    both = pd.DataFrame({"first": first, "second": second}).dropna()
    codes = sorted(set(both["first"]) | set(both["second"]), key=str)
    if len(both) < 2 or len(codes) < 2:
        fact = f"{len(both)} subjects coded by both, {len(codes)} codes used: kappa is not defined."
        raise NotEstimableError(fact_and_hint(caller, fact, "report the proportion of agreement instead."))
    table = np.array([[((both["first"] == a) & (both["second"] == b)).mean() for b in codes] for a in codes])
    rows, columns = table.sum(axis=1), table.sum(axis=0)
    observed, expected = float(np.trace(table)), float(rows @ columns)
    kappa = (observed - expected) / (1 - expected)
    # Weights of the cells in the delta method: own margins on the diagonal, crossed ones off it.
    diagonal = float((np.diag(table) * (1 - (rows + columns) * (1 - kappa)) ** 2).sum())
    crossed = table * (columns[:, None] + rows[None, :]) ** 2
    off = float((1 - kappa) ** 2 * (crossed.sum() - np.trace(crossed)))
    variance = diagonal + off - (kappa - expected * (1 - kappa)) ** 2
    standard_error = float(np.sqrt(max(variance, 0.0) / len(both)) / (1 - expected))
    return {"n": len(both), "agreement": observed, "kappa": kappa, "se": standard_error}


def _check_assignments(assignments: pd.DataFrame, intended: Mapping[str, str], caller: str) -> None:
    if doubled := assignments.columns[assignments.columns.duplicated()].unique().tolist():
        fact = f"{len(doubled)} item names are used twice: {name_offenders(doubled)}."
        raise ResponseDataError(fact_and_hint(caller, fact, "give each item one column."))
    if homeless := [str(name) for name in assignments if str(name) not in intended]:
        fact = f"{len(homeless)} of {assignments.shape[1]} items have no intended category: "
        hint = "name the theme of each item in intended."
        raise ResponseDataError(fact_and_hint(caller, fact + name_offenders(homeless) + ".", hint))
    if few := [str(name) for name in assignments if assignments[name].notna().sum() < 2]:
        fact = f"{len(few)} of {assignments.shape[1]} items were sorted by fewer than two judges: "
        hint = "leave these items out, or ask more judges."
        raise NotEstimableError(fact_and_hint(caller, fact + name_offenders(few) + ".", hint))


def _sorted_item(votes: pd.Series, intended: str, significance: float) -> dict[str, Any]:
    counts = votes.dropna().astype(str).value_counts()
    n, right = int(counts.sum()), int(counts.get(intended, 0))
    others = counts.drop(intended, errors="ignore")
    n_rival = int(others.max()) if len(others) else 0
    needed = critical_votes(n, significance)
    critical = float("nan") if needed is None else 2 * needed / n - 1
    return {
        "item": str(votes.name),
        "intended": intended,
        "n_judges": n,
        "n_intended": right,
        "agreement": right / n,
        "coefficient": (right - n_rival) / n,
        "rival": " / ".join(sorted(others.index[others == n_rival])) if n_rival else "",
        "n_rival": n_rival,
        "critical_coefficient": critical,
        "met": needed is not None and (right - n_rival) / n >= critical,
    }


def _category_kappas(counts: np.ndarray) -> list[float]:
    judges, kappas = counts[0].sum(), []
    for own in counts.T:
        share = own.sum() / counts.sum()
        spread = (own * (judges - own)).sum() / (len(own) * judges * (judges - 1))
        kappas.append(1 - spread / (share * (1 - share)) if 0 < share < 1 else float("nan"))
    return [float(kappa) for kappa in kappas]
