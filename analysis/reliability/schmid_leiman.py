"""Kernel of omega: Schmid–Leiman transformation and the reliabilities that follow from it."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from analysis.factors.extraction import extract
from analysis.factors.pattern import Pattern
from analysis.factors.rotation import rotate
from analysis.reliability.inputs import Array


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Hierarchy:
    """One general factor and group factors, all uncorrelated.

    Attributes
    ----------
    general
        Loadings on the general factor, shape (n_items,).
    group
        Loadings on the residual group factors, shape (n_items, n_factors).
    second_order
        Loadings of the first-order factors on the general factor, shape (n_factors,).
    pattern
        The oblique first-order solution, in the order and with the signs of `group`.
    identified
        Whether three factors or more fix the second-order loadings.
    """

    general: Array
    group: Array
    second_order: Array
    pattern: Pattern
    identified: bool

    @property
    def communalities(self) -> Array:
        """Common variance of each standardised item, from the oblique solution.

        With more than three factors the general factor reproduces the factor correlations only roughly, so
        the squared loadings of this table need not add up to it.
        """
        return self.pattern.communalities

    def keyed(self, signs: Array) -> Hierarchy:
        """Reflect items.

        Parameters
        ----------
        signs
            1 or -1 for each item.

        Returns
        -------
        Hierarchy
            Loadings of the reflected items.
        """
        return replace(
            self,
            general=self.general * signs,
            group=self.group * signs[:, None],
            pattern=replace(self.pattern, loadings=self.pattern.loadings * signs[:, None]),
        )


def schmid_leiman(
    correlations: Array,
    n_factors: int,
    *,
    rotation: str = "oblimin",
    extraction: str = "minres",
    from_scratch: bool = False,
    random_starts: int = 10,
    seed: int = 1,
) -> Hierarchy:
    """Extract oblique factors and split them into a general factor and residual group factors.

    Parameters
    ----------
    correlations
        Shape (n_items, n_items).
    n_factors
        First-order factors.
    rotation, extraction
        As in `analysis.efa`; the same extraction is used at the second order.
    from_scratch
        Follow one start instead of two, for resampling.
    random_starts, seed
        Of the rotation.

    Returns
    -------
    Hierarchy
        General factor with a positive sum of loadings.

    Notes
    -----
    With pattern L, factor correlations Φ and their one-factor loadings γ: general loadings Lγ, group loadings
    L √(1 - γ²). With two factors γ is not identified and both are set to √|φ|, the second with the sign of φ.
    With one factor the general factor is that factor and the group loadings are zero.

    References
    ----------
    Schmid, J., & Leiman, J. M. (1957). doi:10.1007/BF02289209
    """
    found = extract(correlations, n_factors, extraction, from_scratch=from_scratch)
    if n_factors == 1:
        pattern = rotate(found.loadings, "none")
        gamma = np.ones(1)
    else:
        rotated = rotate(found.loadings, rotation, random_starts=random_starts, seed=seed)
        pattern = rotated.arranged()
        gamma = _second_order(pattern.factor_correlations, extraction, from_scratch)
    general = pattern.loadings @ gamma
    turn = -1.0 if general.sum() < 0 else 1.0
    residual = np.sqrt(np.clip(1 - gamma**2, 0, None))
    return Hierarchy(
        general=turn * general,
        group=pattern.loadings * residual,
        second_order=turn * gamma,
        pattern=pattern,
        identified=n_factors != 2,
    )


def _second_order(factor_correlations: Array, extraction: str, from_scratch: bool) -> Array:
    if len(factor_correlations) == 2:
        phi = float(factor_correlations[0, 1])
        return np.sqrt(abs(phi)) * np.array([1.0, 1.0 if phi >= 0 else -1.0])
    found = extract(factor_correlations, 1, extraction, from_scratch=from_scratch)
    return np.asarray(found.loadings[:, 0])


@dataclass(frozen=True, slots=True, kw_only=True)
class OmegaParts:
    """Reliabilities of the total of standardised items.

    Attributes
    ----------
    total
        Share of variance due to all common factors.
    hierarchical
        Share due to the general factor.
    asymptotic
        `hierarchical / total`: the share in an endless test of such items.
    ecv
        Share of the common variance due to the general factor.
    """

    total: float
    hierarchical: float
    asymptotic: float
    ecv: float


def omega_parts(correlations: Array, hierarchy: Hierarchy) -> OmegaParts:
    """Omega total and hierarchical of the unweighted sum of standardised items.

    Parameters
    ----------
    correlations
        Shape (n_items, n_items), keyed as the hierarchy.
    hierarchy
        Schmid–Leiman loadings.

    Returns
    -------
    OmegaParts
        Shares of variance; the denominator is the observed variance of the sum.
    """
    variance = float(correlations.sum())
    total = 1 - float((1 - hierarchy.communalities).sum()) / variance
    general = float(hierarchy.general.sum() ** 2) / variance
    common = float((hierarchy.general**2).sum())
    return OmegaParts(
        total=total,
        hierarchical=general,
        asymptotic=general / total if total > 0 else float("nan"),
        ecv=common / (common + float((hierarchy.group**2).sum())),
    )


def group_parts(correlations: Array, hierarchy: Hierarchy) -> tuple[npt.NDArray[np.intp], Array]:
    """Reliability of the sum of each group factor's own items.

    Parameters
    ----------
    correlations, hierarchy
        As in `omega_parts`.

    Returns
    -------
    tuple of numpy.ndarray
        Membership, shape (n_items,): position of the group factor with the largest absolute loading; and
        shares, shape (n_factors, 3): total, general, group. NaN for a factor without items.
    """
    member = np.abs(hierarchy.group).argmax(axis=1)
    shares = np.full((hierarchy.group.shape[1], 3), np.nan)
    for factor in range(len(shares)):
        own = np.flatnonzero(member == factor)
        if not len(own):
            continue
        variance = float(correlations[np.ix_(own, own)].sum())
        general = float(hierarchy.general[own].sum() ** 2) / variance
        group = float(hierarchy.group[own, factor].sum() ** 2) / variance
        shares[factor] = (general + group, general, group)
    return member, shares
