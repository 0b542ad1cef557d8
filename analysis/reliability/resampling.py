"""Bootstrap over people: seeded, counted, percentile intervals."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from scipy import stats
from scipy.special import expit, logit, ndtr, ndtri

from analysis.common.options import checked_level, checked_seed
from analysis.reliability.inputs import Array, Interval
from instrument.errors import NotEstimableError, ResponseDataError, fact_and_hint, warn_user

__all__ = ["Draws", "accelerated_limits", "bootstrap", "checked_level", "checked_seed", "jackknife_half"]

AT_ONCE = 100  # draws whose counts of persons are held together
FEWEST_DRAWS = 20
WORST_LOSS = 0.5


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Draws:
    """Statistics of bootstrap samples.

    Attributes
    ----------
    names
        Statistic of each column.
    values
        Shape (n_draws, n_statistics); only draws in which every statistic could be computed.
    requested
        Draws asked for.
    seed
        Seed of the generator.
    """

    names: tuple[str, ...]
    values: Array
    requested: int
    seed: int

    @property
    def n_lost(self) -> int:
        """Draws without a usable estimate."""
        return self.requested - len(self.values)

    def interval(self, name: str, level: float) -> Interval:
        """Percentile interval of one statistic.

        Parameters
        ----------
        name
            Statistic.
        level
            Coverage.

        Returns
        -------
        Interval
            Quantiles by linear interpolation (type 7 in R).
        """
        tail = (1 - level) / 2
        column = self.values[:, self.names.index(name)]
        return Interval(*np.quantile(column, [tail, 1 - tail]).tolist())

    def logit_interval(self, name: str, estimate: float, level: float) -> Interval:
        """Interval symmetric on the logit scale, from the standard deviation of the draws.

        Parameters
        ----------
        name
            Statistic.
        estimate
            Its value in the whole sample.
        level
            Coverage.

        Returns
        -------
        Interval
            Inside (0, 1); NaN limits when the estimate is not.

        Notes
        -----
        logit(estimate) ± z × sd / (estimate (1 - estimate)). Unlike percentiles it does not add the bias of
        the draws to that of the estimate.
        """
        if not 0 < estimate < 1:
            return Interval(float("nan"), float("nan"))
        z = float(ndtri((1 + level) / 2))
        half = z * self.standard_error(name) / (estimate * (1 - estimate))
        middle = float(logit(estimate))
        return Interval(float(expit(middle - half)), float(expit(middle + half)))

    def standard_error(self, name: str) -> float:
        """Standard deviation of one statistic over the draws."""
        return float(self.values[:, self.names.index(name)].std(ddof=1))


def bootstrap(
    values: Array,
    statistic: Callable[[Array], tuple[float, ...]],
    names: tuple[str, ...],
    *,
    draws: int,
    seed: int,
    caller: str,
) -> Draws:
    """Recompute statistics on people drawn with replacement.

    Parameters
    ----------
    values
        Shape (n_persons, n_items).
    statistic
        Gives one number per name; NaN marks a draw that cannot be estimated.
    names
        Names of the statistics.
    draws, seed
        Number of draws and seed.
    caller
        Public function that messages name.

    Returns
    -------
    Draws
        The usable draws.

    Raises
    ------
    ResponseDataError
        Fewer than 20 draws asked for.
    NotEstimableError
        More than half of the draws cannot be estimated.
    """
    _refuse_few(draws, caller)
    rng = np.random.default_rng(checked_seed(seed, caller))
    n = len(values)
    found = np.array([statistic(values[rng.integers(0, n, n)]) for _ in range(draws)])
    return _kept(found, names, draws, seed, caller)


def bootstrap_all(
    values: Array,
    statistics: Callable[[Array], Array],
    names: tuple[str, ...],
    *,
    draws: int,
    seed: int,
    caller: str,
) -> Draws:
    """Recompute statistics on the same people as `bootstrap`, told how often each was drawn.

    Parameters
    ----------
    values, names, draws, seed, caller
        As for `bootstrap`.
    statistics
        Given how often each person was drawn in some of the draws, shape (m, n_persons), gives one row per
        draw.

    Returns
    -------
    Draws
        The usable draws.

    Raises
    ------
    ResponseDataError
        Fewer than 20 draws asked for.
    NotEstimableError
        More than half of the draws cannot be estimated.
    """
    _refuse_few(draws, caller)
    rng = np.random.default_rng(checked_seed(seed, caller))
    n = len(values)
    found = []
    for start in range(0, draws, AT_ONCE):
        times = np.empty((min(AT_ONCE, draws - start), n))
        for row in times:
            row[:] = np.bincount(rng.integers(0, n, n), minlength=n)
        found.append(statistics(times))
    return _kept(np.concatenate(found), names, draws, seed, caller)


def _refuse_few(draws: int, caller: str) -> None:
    if draws < FEWEST_DRAWS:
        raise ResponseDataError(
            fact_and_hint(caller, f"{draws} bootstrap draws asked for.", f"ask for at least {FEWEST_DRAWS}.")
        )


def _kept(found: Array, names: tuple[str, ...], draws: int, seed: int, caller: str) -> Draws:
    """Leave out draws without an estimate: some with a warning, too many as an error."""
    usable = found[np.isfinite(found).all(axis=1)]
    lost = draws - len(usable)
    if lost > WORST_LOSS * draws:
        raise NotEstimableError(
            fact_and_hint(caller, f"{lost} of {draws} bootstrap draws gave no estimate.", "use more people.")
        )
    if lost:
        warn_user(
            fact_and_hint(
                caller,
                f"{lost} of {draws} bootstrap draws gave no estimate and are left out of the interval.",
                "read the interval with care.",
            )
        )
    return Draws(names=names, values=usable, requested=draws, seed=seed)


def accelerated_limits(estimate: Array, drawn: Array, left_out: Array, level: float) -> tuple[Array, Array]:
    """Bias-corrected and accelerated limits.

    Parameters
    ----------
    estimate : array, shape (m,)
        Estimates of the whole sample.
    drawn : array, shape (draws, m)
        Those of bootstrap samples.
    left_out : array, shape (n, m)
        Those with each person left out.
    level
        Level of the interval.

    Returns
    -------
    tuple of array
        Lower and upper limits, shape (m,).

    Notes
    -----
    `z₀ = Φ⁻¹(share of draws below the estimate)`; `a = Σ u³ / 6(Σ u²)^1.5`, `u` the jackknife mean minus
    each value; the limits are the quantiles `Φ(z₀ + (z₀ + z)/(1 − a(z₀ + z)))`. In R:
    `boot::boot.ci(type = "bca")`.

    References
    ----------
    Efron (1987), doi 10.1080/01621459.1987.10478410.
    """
    draws = len(drawn)
    if draws == 0 or len(left_out) < 2:
        raise ValueError("no draws, or nobody to leave out")
    below = ((drawn < estimate).sum(axis=0) + 0.5 * (drawn == estimate).sum(axis=0)) / draws
    shift = ndtri(np.clip(below, 0.5 / draws, 1 - 0.5 / draws))
    apart = left_out.mean(axis=0) - left_out
    bend = (apart**3).sum(axis=0) / (6 * (apart**2).sum(axis=0) ** 1.5)
    limits = []
    for z in (ndtri((1 - level) / 2), ndtri((1 + level) / 2)):
        at = ndtr(shift + (shift + z) / (1 - bend * (shift + z)))
        limits.append(np.array([np.quantile(drawn[:, j], at[j]) for j in range(len(estimate))]))
    return limits[0], limits[1]


def jackknife_half(left_out: Array, level: float) -> Array:
    """Half the width of an interval from what an estimate is without each person.

    Parameters
    ----------
    left_out : array, shape (n,) or (n, m)
        Estimates without each of n persons, on the scale on which the interval is symmetric.
    level
        Coverage.

    Returns
    -------
    ndarray
        Shape () or (m,): `t √((n − 1)/n Σ (θ₋ᵢ − mean)²)`, t of n − 1 degrees of freedom; NaN where an
        estimate does not exist without one of them.

    References
    ----------
    Efron & Stein (1981), doi 10.1214/aos/1176345462.
    """
    n = len(left_out)
    known = np.where(np.isfinite(left_out), left_out, np.nan)
    spread = ((known - known.mean(axis=0)) ** 2).sum(axis=0) * (n - 1) / n
    return np.asarray(stats.t.ppf((1 + level) / 2, n - 1) * np.sqrt(spread))
