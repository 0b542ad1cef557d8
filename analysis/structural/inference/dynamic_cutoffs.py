"""Cut-offs for fit indices made for one model and sample size by simulation."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from analysis.common.options import checked_seed, is_whole
from analysis.common.result import Result
from analysis.structural.estimation.fitted import Fitted
from analysis.structural.estimation.ram import Array, build_group
from analysis.structural.inference.dynamic_fits import NAMES, Task, replicate_indices
from analysis.structural.inference.dynamic_levels import Level, Standardised, wrong_levels
from analysis.structural.inference.dynamic_models import checked_model, covariance_reduction, moments_in_srmr
from analysis.structural.inference.result import StructuralResult
from instrument.errors import DefinitionError, NotEstimableError, fact_and_hint

CALLER = "dynamic_cutoffs"
TAILS = {"95/5": 0.05, "90/10": 0.10}  # misclassified at most, first choice first (McNeish & Wolf 2023)
MOST_FAILED = 0.10  # share of failed draws beyond which the draws left are no sample of all draws
CHUNK = 100  # replications per stream of random numbers
LEAST_REPLICATIONS = 20  # a 5 % tail then holds one draw


@dataclass(frozen=True, slots=True, kw_only=True, eq=False, repr=False)
class DynamicCutoffs(Result):
    """Cut-offs for one model and sample size.

    Attributes
    ----------
    table
        One row per level and index: level, index, cutoff (NaN where correct and wrong models overlap),
        rule ("95/5", "90/10" or "none"), correct (the value that 95 % of samples from the correct model
        reach or better), wrong (the value that 95 % of samples from the wrong model miss), source (the
        index of the fit it is compared with), value (of the model itself), met (None without a cut-off).
    added
        What the populations of each level hold beyond the model: level, lhs, op, rhs, magnitude.
    draws
        level (0 is the correct model), replications, not_converged; the latter are left out.
    n_obs, replications, seed
        Rows of the fit and of every sample; samples per level; seed.
    """

    table: pd.DataFrame
    added: pd.DataFrame
    draws: pd.DataFrame
    n_obs: int
    replications: int
    seed: int

    def to_frame(self) -> pd.DataFrame:
        """Give the table, unrounded.

        Returns
        -------
        pandas.DataFrame
            One row per level and index.
        """
        return self.table

    def summary(self, digits: int = 3) -> str:
        """Give cut-offs, added paths and samples left out as text, rounded.

        Parameters
        ----------
        digits
            Decimals shown.

        Returns
        -------
        str
            Lines of text.
        """
        head = f"n = {self.n_obs}, {self.replications} replications per level, seed {self.seed}"
        lost = int(self.draws["not_converged"].sum())
        tables = [frame.round(digits).to_string(index=False) for frame in (self.table, self.added)]
        return "\n\n".join([head, *tables, f"not converged and left out: {lost} of {self._n_draws()}"])

    def _n_draws(self) -> int:
        return int(self.draws["replications"].sum())


def dynamic_cutoffs(
    result: StructuralResult, replications: int = 500, seed: int = 1, workers: int = 1
) -> DynamicCutoffs:
    """Simulate cut-offs for SRMR, RMSEA and CFI that suit one factor model and its sample size.

    Use it where the fixed cut-offs mislead: they come from one model with three factors and fifteen items,
    and one-factor models, other loadings and other sample sizes have other limits. A model that meets
    level 1 fits better than a model that misses the smallest of the declared faults. Do not read it as a
    test of the model, nor use it to choose between models.

    Parameters
    ----------
    result
        From `cfa` with ML or MLR: one group, one factor or several, each item on one factor, no correlated
        residuals, no structure of the means.
    replications
        Samples per level, from 20; the authors use 500.
    seed
        Seed. Every hundred replications have their own stream, so results do not depend on `workers`.
    workers
        Processes.

    Returns
    -------
    DynamicCutoffs
        `.table`, `.added`, `.draws`.

    Raises
    ------
    DefinitionError
        The model is of another kind, or an option is impossible.
    ResponseDataError
        The seed is not a whole number from 0.
    NotEstimableError
        The model has no degrees of freedom or an improper solution, or more than a tenth of the samples
        of a level could not be fitted.

    Notes
    -----
    The fitted model is taken as the correct population. Wrong populations add to it, and the stated model is
    fitted by ML to samples of n_obs rows from all of them.

    Several factors (f): level k = 1 … f − 1 adds cross-loadings for the k weakest standardised loadings of
    the model, each as large as that loading, on the most reliable other factor. One factor: residual
    correlations of .3 that involve about a third (level 1), two thirds (2) and all (3) of the items. Added
    paths do not change the variances.

    The cut-off of RMSEA and SRMR is the 5th percentile of the wrong population if it is above the 95th of
    the correct one ("95/5"), or else the 10th if above the 90th ("90/10"), or else none. For CFI
    the tails are turned round. The model meets a cut-off that it reaches or betters.

    Choices made here: reliability is coefficient H; a cross-loading leaves at least a twentieth of the
    item's residual variance and takes the sign in which both factors pull the item the same way; an item of
    the most reliable factor goes to the next; residuals are paired in the order of absolute loadings, the
    weakest pair first, with ⌊p/6⌋, ⌊p/3⌋ and ⌊p/2⌋ pairs of p items (this pairing gives the authors'
    published example to ± .001); improper solutions of samples are kept.

    Residual correlations are positive however items are keyed, as in the authors' example: recode reversed
    items first, or the cut-offs of a one-factor model depend on the keying.

    Samples are complete and normal. With MLR or missing answers the model's own value is the `_robust`
    index, which estimates what such data would have shown; with missing answers the true spread is
    wider than that of complete samples.

    The authors' R function is `dynamic::cfaOne(fit)` or `dynamic::cfaHB(fit)`.

    References
    ----------
    McNeish, D., & Wolf, M. G. (2023). Dynamic fit index cutoffs for confirmatory factor analysis models.
    Psychological Methods, 28. https://doi.org/10.1037/met0000425

    McNeish, D., & Wolf, M. G. (2023). Dynamic fit index cutoffs for one-factor models. Behavior Research
    Methods, 55. https://doi.org/10.3758/s13428-022-01847-y

    Examples
    --------
    >>> import numpy as np, pandas as pd
    >>> from analysis.structural.models import cfa
    >>> draws = np.random.default_rng(1).normal(size=(400, 7))
    >>> items = pd.DataFrame(draws[:, :6] + draws[:, [6]], columns=[f"x{k}" for k in range(1, 7)])
    >>> fit = cfa("f =~ x1 + x2 + x3 + x4 + x5 + x6", items, "ML")
    >>> found = dynamic_cutoffs(fit, replications=100)
    >>> found.table.query("index == 'rmsea'")["cutoff"].is_monotonic_increasing
    True
    """
    fitted, model = checked_model(result, CALLER)
    _check_options(replications, workers)
    levels = wrong_levels(model)
    if not levels:
        fact = f"{len(model.loadings)} items leave no pair of residuals to correlate."
        raise DefinitionError(fact_and_hint(CALLER, fact, "read the test of the model instead."))
    task = make_task(fitted, model, levels)
    found = _simulate(task, replications, checked_seed(seed, CALLER), workers)
    failed = np.isnan(found[:, :, 0]).sum(axis=1)
    _refuse_failures(failed, replications)
    draws = pd.DataFrame({"level": range(len(failed)), "replications": replications, "not_converged": failed})
    return DynamicCutoffs(
        table=_table(found, fitted),
        added=_added(levels, fitted),
        draws=draws,
        n_obs=fitted.n_obs,
        replications=int(replications),
        seed=int(seed),
    )


def make_task(fitted: Fitted, model: Standardised, levels: list[Level]) -> Task:
    """Put the model, its populations in its own metric and its sizes together."""
    reduction, start = covariance_reduction(fitted, CALLER)
    correlations = np.stack([model.correlations(), *(level.correlations for level in levels)])
    return Task(
        group=build_group(fitted.table, 0, fitted.exogenous_values[0]),
        reduction=reduction,
        start=start,
        roots=model.scale[:, None] * np.linalg.cholesky(correlations),
        n=fitted.n_obs,
        df=fitted.test.df,
        n_moments=moments_in_srmr(fitted),
    )


def _check_options(replications: int, workers: int) -> None:
    if not is_whole(replications) or replications < LEAST_REPLICATIONS:
        fact = f"replications is {replications!r}."
        hint = f"give a whole number from {LEAST_REPLICATIONS}, such as 500."
        raise DefinitionError(fact_and_hint(CALLER, fact, hint))
    if not is_whole(workers) or workers < 1:
        fact = f"workers is {workers!r}."
        raise DefinitionError(fact_and_hint(CALLER, fact, "give the number of processes, from 1."))


def _simulate(task: Task, replications: int, seed: int, workers: int) -> Array:
    """Indices of all samples, shape (levels + 1, replications, 3), whoever drew them."""
    sizes = [min(CHUNK, replications - k) for k in range(0, replications, CHUNK)]
    jobs = list(zip(np.random.SeedSequence(seed).spawn(len(sizes)), sizes, strict=True))
    if workers > 1:
        from joblib import Parallel, delayed

        parts = Parallel(n_jobs=workers)(delayed(replicate_indices)(*job, task) for job in jobs)
    else:
        parts = [replicate_indices(*job, task) for job in jobs]
    return np.concatenate(list(parts), axis=1)


def _refuse_failures(failed: Array, replications: int) -> None:
    for level, count in enumerate(failed):
        if count > MOST_FAILED * replications:
            fact = f"{count} of {replications} samples of level {level} could not be fitted."
            hint = "the model is too large for so few people: simplify it or collect more answers."
            raise NotEstimableError(fact_and_hint(CALLER, fact, hint))


def _table(found: Array, fitted: Fitted) -> pd.DataFrame:
    rows = []
    for level in range(1, len(found)):
        for k, index in enumerate(NAMES):
            correct, wrong = (draws[~np.isnan(draws)] for draws in (found[0, :, k], found[level, :, k]))
            source = f"{index}_robust" if f"{index}_robust" in fitted.fit else index
            rows.append(
                {"level": level, "index": index, **choose_cutoff(correct, wrong, index == "cfi")}
                | {"source": source, "value": fitted.fit[source]}
            )
    table = pd.DataFrame(rows)
    sign = np.where(table["index"] == "cfi", -1.0, 1.0)
    reached = sign * table["value"] <= sign * table["cutoff"]
    table["met"] = reached.astype(object).where(table["cutoff"].notna() & table["value"].notna(), None)
    return table


def choose_cutoff(correct: Array, wrong: Array, high_is_good: bool) -> dict[str, float | str]:
    """Give the cut-off between two sets of draws, the rule that gave it, and both limits.

    Parameters
    ----------
    correct, wrong
        Draws of one index.
    high_is_good
        Whether larger values mean better fit.

    Returns
    -------
    dict
        cutoff (NaN where both overlap), rule, correct and wrong (limits at 5 %).
    """
    sign = -1.0 if high_is_good else 1.0
    limits = {
        name: (float(np.quantile(sign * correct, 1.0 - tail)), float(np.quantile(sign * wrong, tail)))
        for name, tail in TAILS.items()
    }
    apart = [name for name, (right, missed) in limits.items() if missed > right]
    rule = apart[0] if apart else "none"
    cutoff = sign * limits[rule][1] if apart else float("nan")
    right, missed = limits["95/5"]
    return {"cutoff": cutoff, "rule": rule, "correct": sign * right, "wrong": sign * missed}


def _added(levels: list[Level], fitted: Fitted) -> pd.DataFrame:
    items, factors = fitted.table.names.observed, fitted.table.names.latent
    rows = []
    for number, level in enumerate(levels, 1):
        for path in level.added:
            ends = (
                {"lhs": items[path.item], "op": "~~", "rhs": items[path.other]}
                if len(factors) == 1
                else {"lhs": factors[path.other], "op": "=~", "rhs": items[path.item]}
            )
            rows.append({"level": number, **ends, "magnitude": path.magnitude})
    return pd.DataFrame(rows)
