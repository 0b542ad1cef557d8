"""Effect of each new rating on the use that follows it, everything that came before it held constant."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from analysis.adherence.models.binomial import Fit
from instrument.errors import NotEstimableError, fact_and_hint

Floats = NDArray[np.float64]
FEWEST_LEFT = 20
CALLER = "relate_waves"


@dataclass(frozen=True, slots=True, kw_only=True)
class Window:
    """People rated at one wave.

    `person` (n,): number of the person. `score`, `use` (n,): rating, and use after it. `before` (n, q): a
    constant and all that came before the rating: early use, earlier ratings, earlier use, covariates.
    """

    person: NDArray[np.int64]
    score: Floats
    use: Floats
    before: Floats


def new_rating(windows: Sequence[Window], groups: NDArray[np.int64] | None = None) -> tuple[Fit, int]:
    """Regress use on the rating before it, with a history of its own in every window.

    Parameters
    ----------
    windows
        In order of time.
    groups : array, optional
        Number of the cluster of each person, by the number of the person.

    Returns
    -------
    tuple of Fit and int
        One coefficient with Student's t on people (or clusters) less one, and the number of people.

    Raises
    ------
    NotEstimableError
        Too few ratings are left beside the columns of the history.

    Notes
    -----
    In each window rating and use are taken as residuals from the history; the common slope is `Σxy/Σx²`. Its
    variance sums products by person: `g/(g − 1) (n − 1)/(n − k) Σ_i (Σ_t x_it e_it)²/(Σx²)²` (by
    cluster where there are any). Where earlier
    use moves ratings, and a lasting habit moves use, rating and habit are unrelated once use so far is held
    constant; a mean over a person's ratings is not, nor is a change since the first rating.

    References
    ----------
    Robins, Hernán & Brumback (2000), doi 10.1097/00001648-200009000-00011 (exposure that earlier use moves).
    Liang & Zeger (1986), doi 10.1093/biomet/73.1.13 (covariance by person). In R: `lm` with every column of
    the history crossed with the window, `sandwich::vcovCL`.
    """
    use, score, person, columns = [], [], [], 1
    for window in windows:
        basis, r = np.linalg.qr(window.before)
        size = np.abs(np.diag(r))
        basis = basis[:, size > 1e-8 * size.max()]
        if len(window.use) - basis.shape[1] < FEWEST_LEFT:
            continue
        use.append(window.use - basis @ (basis.T @ window.use))
        score.append(window.score - basis @ (basis.T @ window.score))
        person.append(window.person)
        columns += basis.shape[1]
    if not use:
        fact = "too few people were rated after the first wave for all that came before to be held constant."
        raise NotEstimableError(fact_and_hint(CALLER, fact, "adjust for less, or gather more people."))
    y, x, who = np.concatenate(use), np.concatenate(score), np.concatenate(person)
    spread = float(x @ x)
    if not spread > 1e-10 * len(x):
        fact = "ratings do not change beyond what came before them."
        raise NotEstimableError(fact_and_hint(CALLER, fact, "read the first rating only."))
    slope = float(x @ y) / spread
    residual = y - slope * x
    _, number = np.unique(who, return_inverse=True)
    people, n = int(number.max()) + 1, len(y)
    units = number if groups is None else np.unique(groups[who], return_inverse=True)[1]
    count = int(units.max()) + 1
    by_unit = np.bincount(units, weights=x * residual)
    variance = float(by_unit @ by_unit) / spread**2
    variance *= count / (count - 1) * (n - 1) / (n - columns)
    fit = Fit(
        coefficients=np.array([slope]),
        covariance=np.array([[variance]]),
        dispersion=float(residual @ residual) / (n - columns),
        df_resid=float(count - 1),
        log_likelihood=float("nan"),
        n=n,
    )
    return fit, people
