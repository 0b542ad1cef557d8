"""Information matrices and standard errors: expected, observed, sandwich, and the least-squares form.

All matrices are per row of data. A group contributes its moments (mu and vech Sigma, or thresholds
and correlations) as a `Block`; rows of moments among fixed exogenous variables are left out.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from analysis.common.sampling import Sampling
from analysis.structural.estimation.fiml import Patterns, casewise_scores, saturated_information, sweep
from analysis.structural.estimation.ram import Array, GroupModel, State, jacobian, slopes, vech_places
from instrument.errors import UnderidentifiedError, fact_and_hint, name_offenders


@dataclass(frozen=True, slots=True, repr=False)  # a repr would spell out answers
class GroupSample:
    """What is known of one group before a model is fitted; moments are those of the saturated model."""

    n: float
    values: Array
    mean: Array
    covariance: Array
    patterns: Patterns
    sampling: Sampling = field(default_factory=Sampling)


@dataclass(frozen=True, slots=True)
class Block:
    """Moments of one group: derivatives, Gamma (times n) and share of rows."""

    delta: Array
    gamma: Array
    weight: Array
    share: float


def moment_rows(p: int, exogenous: list[int], with_means: bool) -> np.ndarray:
    """Places, in (mu, vech Sigma), of the moments a model has to explain."""
    row, column = vech_places(p)
    among = np.isin(row, exogenous) & np.isin(column, exogenous)
    mean = np.full(p, with_means)
    mean[exogenous] = False
    return np.flatnonzero(np.concatenate([mean, ~among]))


def moment_jacobian(group: GroupModel, state: State, n_free: int, rows: np.ndarray) -> Array:
    """Derivatives of the kept moments."""
    by_sigma, by_mu = jacobian(group, state, n_free)
    stacked: Array = np.vstack([by_mu, by_sigma])[rows]
    return stacked


def parameter_scores(sample: GroupSample, group: GroupModel, state: State, n_free: int, mu: Array) -> Array:
    """Casewise scores by the free parameters, shape (n, q)."""
    found = sweep(sample.patterns, state.sigma, mu)
    if found is None:
        raise np.linalg.LinAlgError("implied covariance is not positive definite")
    parts = slopes(group, state)
    deviation = np.where(np.isnan(sample.values), 0.0, sample.values - mu)
    pulled = np.empty_like(deviation)
    member = sample.patterns.member
    for k, inverse in enumerate(found.inverse):
        rows = slice(None) if len(found.inverse) == 1 else member == k
        pulled[rows] = deviation[rows] @ inverse
    trace = np.einsum("kia,ia->ka", found.inverse @ parts.left, parts.right)
    scores = np.zeros((len(deviation), n_free))
    scores[:, parts.index] = (
        (pulled @ parts.left) * (pulled @ parts.right) - trace[member] + pulled @ parts.mean
    )
    return scores


def invert_information(information: Array, names: list[str], caller: str) -> Array:
    """Invert, or say which parameters are not identified.

    Raises
    ------
    UnderidentifiedError
        When the information is singular, naming the parameters involved.
    """
    scale = np.sqrt(np.maximum(np.diag(information), 1e-300))
    scaled = information / np.outer(scale, scale)
    size, vectors = np.linalg.eigh((scaled + scaled.T) / 2)
    if size[0] < 1e-9 * max(size[-1], 1.0):
        load = np.abs(vectors[:, size < 1e-9 * max(size[-1], 1.0)]).max(axis=1)
        involved = [names[k] for k in np.argsort(-load) if load[k] > 0.05]
        raise UnderidentifiedError(
            fact_and_hint(
                caller,
                f"the model is not identified: the data do not determine {name_offenders(involved)}.",
                "fix one of these parameters, or remove it.",
            )
        )
    inverse = (vectors / size) @ vectors.T
    return inverse / np.outer(scale, scale)


def saturated_pieces(sample: GroupSample, rows: np.ndarray) -> tuple[Array, Array]:
    """Observed information and mean outer product of scores of the saturated model, kept moments."""
    place = np.ix_(rows, rows)
    information = saturated_information(sample.patterns, sample.covariance, sample.mean, observed=True)[place]
    scores = casewise_scores(sample.values, sample.patterns, sample.covariance, sample.mean)[:, rows]
    return information, sample.sampling.products(scores) / sample.n


def saturated_trace(sample: GroupSample, rows: np.ndarray, with_means: bool) -> float:
    """tr(B A^-1) of the saturated model.

    For complete rows it is half of Mardia's kurtosis less p, plus p for the means.
    """
    p = len(sample.mean)
    complete = len(sample.patterns.n) == 1 and len(rows) == p * (p + 1) // 2 + (p if with_means else 0)
    if complete and sample.sampling.simple:
        deviation = sample.values - sample.mean
        distance = np.einsum("ij,ij->i", deviation @ np.linalg.inv(sample.covariance), deviation)
        return float(0.5 * (np.mean(distance**2) - p) + (p if with_means else 0))
    information, meat = saturated_pieces(sample, rows)
    return float(np.trace(np.linalg.solve(information, meat)))


def projected_trace(blocks: list[Block], weights: list[Array]) -> float:
    """Expectation of the quadratic form e'We in the residuals e = (I - D (D'AD)^-1 D'A)(s - sigma).

    Parameters
    ----------
    blocks
        Per group D, Gamma, A (a matrix, or a vector for a diagonal one) and the share of rows.
    weights
        Per group W; zero rows for moments that do not enter.
    """
    bread = np.linalg.inv(np.sum([b.share * b.delta.T @ weigh(b, b.delta) for b in blocks], axis=0))
    total = 0.0
    middle, outer = np.zeros_like(bread), np.zeros_like(bread)
    for block, weight in zip(blocks, weights, strict=True):
        pulled = weigh(block, block.delta)
        total += float(np.sum(weight * block.gamma))
        moved = block.gamma @ pulled
        total -= 2.0 * block.share * float(np.sum((bread @ block.delta.T @ weight) * moved.T))
        middle += block.share * pulled.T @ moved
        outer += block.share * block.delta.T @ weight @ block.delta
    return total + float(np.trace(bread @ middle @ bread @ outer))


def weigh(block: Block, matrix: Array) -> Array:
    """Multiply by the weight of a block, diagonal or full."""
    result: Array = block.weight[:, None] * matrix if block.weight.ndim == 1 else block.weight @ matrix
    return result


def residual_traces(blocks: list[Block]) -> tuple[float, float]:
    """Trace of U Gamma and of its square, U = W - W D (D'WD)^-1 D'W, over all groups."""
    size = blocks[0].delta.shape[1]
    bread = np.zeros((size, size))
    middle, double = np.zeros((size, size)), np.zeros((size, size))
    first = second = 0.0
    for block in blocks:
        pulled = weigh(block, block.delta)
        moved = block.gamma @ pulled
        product = weigh(block, block.gamma)
        first += float(np.trace(product))
        second += float(np.sum(product * product.T))
        bread += block.share * block.delta.T @ pulled
        middle += block.share * pulled.T @ moved
        double += block.share * moved.T @ weigh(block, moved)
    inverse = np.linalg.inv(bread)
    swept = inverse @ middle
    first -= float(np.trace(swept))
    second += -2.0 * float(np.sum(inverse * double.T)) + float(np.sum(swept * swept.T))
    return first, second
