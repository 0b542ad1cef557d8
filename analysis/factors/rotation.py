"""Rotations of factor loadings: orthogonal, oblique, promax, bifactor and target."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from analysis.factors import criteria
from analysis.factors.multistart import STARTS, from_many_starts, unit_diagonal, warn_lonely
from analysis.factors.pattern import Array, Pattern, unrotated
from instrument.errors import DefinitionError, NotEstimableError, fact_and_hint


def varimax(
    loadings: Array, *, normalize: bool = True, random_starts: int = STARTS, seed: int = 1
) -> Pattern:
    """Rotate orthogonally so that the squared loadings of each factor vary as much as possible.

    Parameters
    ----------
    loadings : ndarray, shape (n_items, n_factors)
        Loadings to rotate.
    normalize
        Kaiser's weighting: items count alike whatever their communality.
    random_starts
        Random starting positions beside the identity.
    seed
        Seed of the random starts.

    Returns
    -------
    Pattern
        Rotated loadings; unpacks into loadings and factor correlations.

    References
    ----------
    Kaiser, H. F. (1958). Psychometrika, 23, 187-200. https://doi.org/10.1007/BF02289233
    """
    return from_many_starts(
        "varimax",
        loadings,
        criteria.crawford_ferguson(1 / max(len(loadings), 1)),
        oblique=False,
        normalize=normalize,
        random_starts=random_starts,
        seed=seed,
    )


def quartimax(
    loadings: Array, *, normalize: bool = False, random_starts: int = STARTS, seed: int = 1
) -> Pattern:
    """Rotate orthogonally towards items that load on one factor each.

    Parameters
    ----------
    loadings : ndarray, shape (n_items, n_factors)
        Loadings to rotate.
    normalize, random_starts, seed
        As in `varimax`.

    Returns
    -------
    Pattern
        Rotated loadings.

    References
    ----------
    Bernaards, C. A., & Jennrich, R. I. (2005). Educational and Psychological Measurement, 65, 676-696.
    https://doi.org/10.1177/0013164404272507
    """
    return from_many_starts(
        "quartimax",
        loadings,
        criteria.crawford_ferguson(0.0),
        oblique=False,
        normalize=normalize,
        random_starts=random_starts,
        seed=seed,
    )


def equamax(
    loadings: Array, *, normalize: bool = False, random_starts: int = STARTS, seed: int = 1
) -> Pattern:
    """Rotate orthogonally with the weight of column complexity at n_factors / (2 n_items).

    Parameters
    ----------
    loadings : ndarray, shape (n_items, n_factors)
        Loadings to rotate.
    normalize, random_starts, seed
        As in `varimax`.

    Returns
    -------
    Pattern
        Rotated loadings.

    References
    ----------
    Crawford, C. B., & Ferguson, G. A. (1970). Psychometrika, 35, 321-332.
    https://doi.org/10.1007/BF02310792
    """
    return from_many_starts(
        "equamax",
        loadings,
        criteria.crawford_ferguson(loadings.shape[1] / (2 * len(loadings))),
        oblique=False,
        normalize=normalize,
        random_starts=random_starts,
        seed=seed,
    )


def oblimin(
    loadings: Array,
    gamma: float = 0.0,
    *,
    normalize: bool = False,
    random_starts: int = STARTS,
    seed: int = 1,
) -> Pattern:
    """Rotate obliquely by direct oblimin; the default `gamma=0` is quartimin.

    Parameters
    ----------
    loadings : ndarray, shape (n_items, n_factors)
        Loadings to rotate.
    gamma
        How much factors are drawn together; values above 0 may have no minimum.
    normalize, random_starts, seed
        As in `varimax`.

    Returns
    -------
    Pattern
        Rotated loadings and factor correlations.

    References
    ----------
    Jennrich, R. I., & Sampson, P. F. (1966). Psychometrika, 31, 313-323. https://doi.org/10.1007/BF02289465
    Jennrich, R. I. (2002). Psychometrika, 67, 7-19. https://doi.org/10.1007/BF02294706
    """
    return from_many_starts(
        "oblimin",
        loadings,
        criteria.oblimin_family(gamma),
        oblique=True,
        normalize=normalize,
        random_starts=random_starts,
        seed=seed,
    )


def geomin(
    loadings: Array,
    delta: float = 0.01,
    *,
    oblique: bool = True,
    normalize: bool = False,
    random_starts: int = STARTS,
    seed: int = 1,
) -> Pattern:
    """Rotate so that every item has at least one loading near zero.

    Parameters
    ----------
    loadings : ndarray, shape (n_items, n_factors)
        Loadings to rotate.
    delta
        Constant added to squared loadings; smaller values give simpler patterns and more local minima.
    oblique
        Whether factors may correlate.
    normalize, random_starts, seed
        As in `varimax`. Geomin is known for local minima: use random starts.

    Returns
    -------
    Pattern
        Rotated loadings and factor correlations.

    References
    ----------
    Yates, A. (1987). Multivariate exploratory data analysis. SUNY Press.
    Browne, M. W. (2001). Multivariate Behavioral Research, 36, 111-150.
    https://doi.org/10.1207/S15327906MBR3601_05
    """
    return from_many_starts(
        "geomin",
        loadings,
        criteria.geometric_mean(delta),
        oblique=oblique,
        normalize=normalize,
        random_starts=random_starts,
        seed=seed,
    )


def biquartimin(
    loadings: Array,
    *,
    normalize: bool = False,
    random_starts: int = STARTS,
    seed: int = 1,
    oblique: bool = True,
) -> Pattern:
    """Rotate towards one general factor (the first) and group factors that are simple.

    Parameters
    ----------
    loadings : ndarray, shape (n_items, n_factors)
        Loadings to rotate.
    normalize, random_starts, seed
        As in `varimax`.
    oblique
        Whether group factors may correlate.

    Returns
    -------
    Pattern
        Rotated loadings, the general factor first.

    References
    ----------
    Jennrich, R. I., & Bentler, P. M. (2011). Psychometrika, 76, 537-549.
    https://doi.org/10.1007/s11336-011-9218-4
    """
    return from_many_starts(
        "biquartimin",
        loadings,
        criteria.group_factors(criteria.oblimin_family(0.0)),
        oblique=oblique,
        normalize=normalize,
        random_starts=random_starts,
        seed=seed,
    )


def target_rotation(
    loadings: Array, target: Array, *, oblique: bool = True, random_starts: int = STARTS, seed: int = 1
) -> Pattern:
    """Rotate towards a partially specified target.

    Parameters
    ----------
    loadings : ndarray, shape (n_items, n_factors)
        Loadings to rotate.
    target : ndarray, shape (n_items, n_factors)
        Desired loadings, NaN where free.
    oblique
        Whether factors may correlate.
    random_starts, seed
        As in `varimax`.

    Returns
    -------
    Pattern
        Rotated loadings and factor correlations.

    References
    ----------
    Browne, M. W. (1972). British Journal of Mathematical and Statistical Psychology, 25, 207-212.
    https://doi.org/10.1111/j.2044-8317.1972.tb00492.x
    """
    wanted = np.asarray(target, dtype=float)
    if wanted.shape != loadings.shape:
        fact = f"the target has the shape {wanted.shape}, the loadings {loadings.shape}."
        hint = "give one row for each item and one column for each factor, NaN where free."
        raise DefinitionError(fact_and_hint("target_rotation", fact, hint))
    return from_many_starts(
        "target_rotation",
        loadings,
        criteria.towards(wanted),
        oblique=oblique,
        normalize=False,
        random_starts=random_starts,
        seed=seed,
    )


def promax(
    loadings: Array,
    power: float = 4.0,
    *,
    normalize: bool = True,
    weighted: bool = False,
    random_starts: int = STARTS,
    seed: int = 1,
) -> Pattern:
    """Rotate by varimax, then obliquely towards the varimax loadings raised to a power.

    Parameters
    ----------
    loadings : ndarray, shape (n_items, n_factors)
        Loadings to rotate.
    power
        Exponent of the target; 2 to 4 are customary.
    normalize, random_starts, seed
        Of the varimax rotation.
    weighted
        Keep Kaiser's weighting in the oblique step too (psych's `"promax"`); without it the result is that
        of R's own `promax` and psych's `"Promax"`.

    Returns
    -------
    Pattern
        Rotated loadings and factor correlations.

    References
    ----------
    Hendrickson, A. E., & White, P. O. (1964). British Journal of Statistical Psychology, 17, 65-70.
    https://doi.org/10.1111/j.2044-8317.1964.tb00244.x
    """
    simple = varimax(loadings, normalize=normalize, random_starts=random_starts, seed=seed)
    lengths = np.sqrt(simple.communalities) if weighted else np.ones(len(loadings))
    scaled = simple.loadings / np.where(lengths > 0, lengths, 1.0)[:, None]
    towards_target, *_ = np.linalg.lstsq(scaled, np.abs(scaled) ** (power - 1) * scaled)
    if np.linalg.matrix_rank(towards_target) < scaled.shape[1]:
        raise NotEstimableError(
            fact_and_hint("promax", "some factors have no loadings to aim at.", "extract fewer factors.")
        )
    # The rotated factors are inv(U) times the varimax factors; their variances become one.
    factors = np.linalg.inv(towards_target).T
    factors = factors / np.linalg.norm(factors, axis=0)
    return Pattern(
        loadings=np.linalg.solve(factors, simple.loadings.T).T,
        factor_correlations=unit_diagonal(factors.T @ factors),
        rotation=simple.rotation @ factors,
        starts=simple.starts,
        agreeing=simple.agreeing,
    )


ROTATIONS: dict[str, Callable[..., Pattern]] = {
    "biquartimin": biquartimin,
    "equamax": equamax,
    "geomin": geomin,
    "oblimin": oblimin,
    "promax": promax,
    "quartimax": quartimax,
    "quartimin": oblimin,
    "varimax": varimax,
}
OBLIQUE = frozenset({"biquartimin", "geomin", "oblimin", "promax", "quartimin"})


def rotate(loadings: Array, method: str, *, random_starts: int = STARTS, seed: int = 1) -> Pattern:
    """Rotate by the name of the method.

    Parameters
    ----------
    loadings : ndarray, shape (n_items, n_factors)
        Loadings to rotate.
    method
        A key of `ROTATIONS`, or "none".
    random_starts
        Random starting positions beside the identity.
    seed
        Seed of the random starts.

    Returns
    -------
    Pattern
        Not yet put in order; see `Pattern.arranged`.
    """
    if method == "none":
        return unrotated(loadings)
    if method not in ROTATIONS:
        fact = f"no rotation named {method!r}."
        raise DefinitionError(fact_and_hint("rotate", fact, f"choose one of {sorted(ROTATIONS)} or none."))
    pattern = ROTATIONS[method](loadings, random_starts=random_starts, seed=seed)
    warn_lonely(pattern, method, "rotate")
    return pattern
