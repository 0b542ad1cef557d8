"""P-values adjusted for how many tests were made, in one place for every family of tests."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
METHODS = ("holm", "bh", "none")


def adjusted(pvalues: npt.ArrayLike, method: str = "holm") -> Floats:
    """Adjust p-values for their number; a test without a p-value counts as none.

    Parameters
    ----------
    pvalues
        Shape (n_tests,); NaN where there was no test.
    method
        "holm": the chance of any false finding in the family (Holm 1979); "bh": the expected share of false
        findings (Benjamini & Hochberg 1995); "none".

    Returns
    -------
    numpy.ndarray
        Shape (n_tests,): none below its p, none above 1, NaN where p is.

    Notes
    -----
    With p in ascending order and m tests, Holm takes the running maximum of (m - i + 1) p_i, Benjamini and
    Hochberg the running minimum from above of m p_i / i.

    References
    ----------
    Holm, S. (1979). A simple sequentially rejective multiple test procedure. Scandinavian Journal of
    Statistics, 6, 65-70.
    Benjamini, Y., & Hochberg, Y. (1995). Controlling the false discovery rate. Journal of the Royal
    Statistical Society B, 57, 289-300. https://doi.org/10.1111/j.2517-6161.1995.tb02031.x

    R equivalent: `p.adjust(pvalues, "holm")`, `p.adjust(pvalues, "BH")`.

    Examples
    --------
    >>> adjusted([0.01, np.nan, 0.04, 0.03]).tolist()
    [0.03, nan, 0.06, 0.06]
    >>> adjusted([0.01, np.nan, 0.04, 0.03], "bh").round(6).tolist()
    [0.03, nan, 0.04, 0.04]
    """
    if method not in METHODS:
        raise ValueError(f"{method!r} is none of {METHODS}")
    p = np.asarray(pvalues, dtype=float)
    found = np.full(p.shape, np.nan)
    told = np.flatnonzero(~np.isnan(p))
    if method == "none":
        return p.copy()
    order = told[np.argsort(p[told], kind="stable")]
    m = len(order)
    if method == "holm":
        steps = np.maximum.accumulate(p[order] * np.arange(m, 0, -1))
    else:
        steps = np.minimum.accumulate((p[order] * m / np.arange(1, m + 1))[::-1])[::-1]
    found[order] = np.minimum(steps, 1.0)
    return found
