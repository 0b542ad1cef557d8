"""Composites in the matrices of a model: what their weights imply for loadings, residuals and variances.

A composite C = w'x of components x with covariance T has variance w'Tw and loads on its components by
T w / w'Tw; what is left of T is their residual covariance. The components' relations to everything else run
through the composite. T (and nothing else) is taken from the sample.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from analysis.structural.estimation.optimise import Discrepancy, Reduction
from analysis.structural.estimation.ram import Array, GroupModel, variable_order
from analysis.structural.language.partable import ParameterTable, Row

STEP = 1e-30
BEND = 1e-5  # of a parameter, in the numerical derivative of an analytic derivative


@dataclass(frozen=True, slots=True)
class _Composite:
    """One composite of one group: its place, its components' places and rows."""

    place: int
    parts: list[int]
    weights: list[Row]
    means: list[Row]  # empty without means
    loadings: list[Row]
    residuals: list[tuple[Row, int, int]]
    variance: Row
    intercepts: list[Row]
    centre: Row | None


@dataclass(frozen=True, slots=True)
class CompositeMap:
    """Fills in the entries that composites imply, as a function of the parameters that are free."""

    groups: list[GroupModel]
    composites: list[list[_Composite]]
    unit: bool = False  # whether weights are scaled so that composites have variance 1

    def spreads(self, covariances: list[Array]) -> list[Array]:
        """Covariances of the components of every composite, group by group."""
        return [
            covariance[np.ix_(one.parts, one.parts)]
            for own, covariance in zip(self.composites, covariances, strict=True)
            for one in own
        ]

    def fill(self, x: np.ndarray, spreads: list[np.ndarray]) -> np.ndarray:
        """Give whole parameter vectors; complex numbers pass through.

        Parameters
        ----------
        x
            Free parameters, a vector in each row; implied entries are overwritten.
        spreads
            As `spreads` gives them, for all rows or one for each row.
        """
        x = x.copy()
        at = 0
        for group, own in zip(self.groups, self.composites, strict=True):
            size = len(group.directed)
            wanted = np.zeros((len(x), size), dtype=x.dtype)
            centres = np.zeros((len(x), size), dtype=x.dtype)
            for one in own:
                spread = np.broadcast_to(spreads[at], (len(x), len(one.parts), len(one.parts)))
                at += 1
                weights = _values(one.weights, x)
                if self.unit:
                    weights = weights / np.sqrt(np.einsum("ni,nij,nj->n", weights, spread, weights))[:, None]
                through = np.einsum("nij,nj->ni", spread, weights)
                variance = wanted[:, one.place] = np.sum(weights * through, axis=1)
                loadings = through / variance[:, None]
                x[:, [row.free for row in one.loadings]] = loadings
                i, j = (np.array([entry[k] for entry in one.residuals]) for k in (1, 2))
                left = spread[:, i, j] - loadings[:, i] * loadings[:, j] * variance[:, None]
                x[:, [entry[0].free for entry in one.residuals]] = left
                if one.means:
                    means = _values(one.means, x)
                    centre = centres[:, one.place] = np.sum(weights * means, axis=1)
                    x[:, [row.free for row in one.intercepts]] = means - loadings * centre[:, None]
            self._balance(group, own, x, wanted, centres)
        return x

    def _balance(
        self, group: GroupModel, own: list[_Composite], x: np.ndarray, wanted: np.ndarray, centres: np.ndarray
    ) -> None:
        """Give composites the disturbance and intercept with which their variance and mean come out."""
        places = np.array([one.place for one in own])
        directed, symmetric, intercepts = (
            np.repeat(matrix[None].astype(x.dtype), len(x), axis=0)
            for matrix in (group.directed, group.symmetric, group.intercepts)
        )
        a, s, m = group.free_directed, group.free_symmetric, group.free_intercepts
        directed[:, a.row, a.column] = x[:, a.index]
        symmetric[:, s.row, s.column] = symmetric[:, s.column, s.row] = x[:, s.index]
        intercepts[:, m.row] = x[:, m.index]
        symmetric[:, places, places] = 0.0
        intercepts[:, places] = 0.0
        total = np.linalg.inv(np.eye(len(group.directed)) - directed)[:, places]
        without = np.sum((total @ symmetric) * total, axis=2)
        own_part = total[:, :, places]
        disturbances = np.linalg.solve(own_part**2, (wanted[:, places] - without)[:, :, None])[:, :, 0]
        held = np.einsum("nij,nj->ni", total, intercepts)
        shifts = np.linalg.solve(own_part, (centres[:, places] - held)[:, :, None])[:, :, 0]
        for k, one in enumerate(own):
            x[:, one.variance.free] = disturbances[:, k]
            if one.centre is not None and one.centre.free >= 0:
                x[:, one.centre.free] = shifts[:, k]


def _values(rows: list[Row], x: np.ndarray) -> np.ndarray:
    found = np.empty((len(x), len(rows)), dtype=x.dtype)
    for k, row in enumerate(rows):
        found[:, k] = x[:, row.free] if row.free >= 0 else row.fixed
    return found


def composite_map(table: ParameterTable, groups: list[GroupModel], unit: bool = False) -> CompositeMap:
    """Find the rows of every composite.

    Parameters
    ----------
    table, groups
        The completed table and its templates.
    unit
        Whether weights are scaled so that composites have variance 1.
    """
    found: list[list[_Composite]] = []
    for g in range(len(groups)):
        at = {name: k for k, name in enumerate(variable_order(table, g))}
        rows = [row for row in table.rows if row.group == g]
        own: list[_Composite] = []
        for name in table.names.composites:
            weights = [r for r in rows if r.op == "<~" and r.lhs == name]
            parts = [r.rhs for r in weights]
            blocks = [r for r in rows if r.role == "block" and r.lhs in parts]
            centre = [r for r in rows if r.role == "centre" and r.lhs == name]
            own.append(
                _Composite(
                    place=at[name],
                    parts=[at[p] for p in parts],
                    weights=weights,
                    means=[r for p in parts for r in rows if r.role == "mean" and r.lhs == p],
                    loadings=[r for p in parts for r in rows if r.role == "loading" and r.rhs == p],
                    residuals=[(r, parts.index(r.lhs), parts.index(r.rhs)) for r in blocks],
                    variance=next(r for r in rows if r.role == "variance" and r.lhs == name),
                    intercepts=[r for p in parts for r in rows if r.role == "intercept" and r.lhs == p],
                    centre=centre[0] if centre else None,
                )
            )
        found.append(own)
    return CompositeMap(groups, found, unit)


Fill = Callable[[np.ndarray], np.ndarray]  # rows of reduced vectors to rows of whole ones


@dataclass(frozen=True, slots=True)
class Mapped:
    """A discrepancy as a function of the parameters that are free, implied entries filled in.

    Attributes
    ----------
    target
        The discrepancy of the whole parameter vector.
    fill
        Gives whole vectors; takes complex numbers.
    """

    target: Discrepancy
    fill: Fill

    def whole(self, z: Array) -> Array:
        """The whole parameter vector."""
        return np.asarray(self.fill(z[None])[0])

    def value(self, z: Array) -> float:
        """Give the discrepancy."""
        return self.target.value(self.whole(z))

    def gradient(self, z: Array) -> Array:
        """First derivatives."""
        return np.asarray(slopes_of(self.fill, z).T @ self.target.gradient(self.whole(z)))

    def expected(self, z: Array) -> Array:
        """Second derivatives without those of the implied entries."""
        by = slopes_of(self.fill, z)
        return np.asarray(by.T @ self.target.expected(self.whole(z)) @ by)

    def observed(self, z: Array) -> Array:
        """Second derivatives."""
        by = slopes_of(self.fill, z)
        return np.asarray(by.T @ self.target.observed(self.whole(z)) @ by + self.bend(z))

    def bend(self, z: Array) -> Array:
        """What the curvature of the implied entries adds: differences of their slopes, times the gradient."""
        pull = self.target.gradient(self.whole(z))
        q, step = len(z), BEND * np.maximum(1.0, np.abs(z))
        moved = np.vstack([z + np.diag(step), z - np.diag(step)])
        points = np.repeat(moved.astype(complex), q, axis=0)
        points[np.arange(len(points)), np.tile(np.arange(q), 2 * q)] += 1j * STEP
        slopes = (self.fill(points).imag @ pull / STEP).reshape(2, q, q)
        found = (slopes[0] - slopes[1]) / (2.0 * step[:, None])
        return (found + found.T) / 2.0


def slopes_of(fill: Fill, z: Array) -> Array:
    """Derivatives of the whole vector by complex steps, shape (q, r)."""
    return np.asarray(fill(z + 1j * STEP * np.eye(len(z))).imag.T / STEP)


def filler(maps: CompositeMap, reduction: Reduction, spreads: list[Array]) -> Fill:
    """Whole parameter vectors from reduced ones."""
    return lambda z: maps.fill(reduction.offset + z @ reduction.basis.T, spreads)


def joint_filler(maps: CompositeMap, reduction: Reduction, sizes: list[int]) -> Fill:
    """Whole parameter vectors from reduced ones, followed by the covariances of components.

    The sandwich of the test must know that these were estimated.
    """
    lower = [np.tril_indices(size) for size in sizes]
    q = reduction.basis.shape[1]

    def fill(z: np.ndarray) -> np.ndarray:
        at, spreads = q, []
        for size, (i, j) in zip(sizes, lower, strict=True):
            matrix = np.zeros((len(z), size, size), dtype=z.dtype)
            matrix[:, i, j] = matrix[:, j, i] = z[:, at : at + len(i)]
            at += len(i)
            spreads.append(matrix)
        return maps.fill(reduction.offset + z[:, :q] @ reduction.basis.T, spreads)

    return fill
