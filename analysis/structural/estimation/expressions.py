"""Formulas over labels: defined parameters and linear constraints."""

from __future__ import annotations

import ast
from collections.abc import Callable, Mapping

import numpy as np
from scipy.linalg import null_space

from analysis.structural.estimation.constrained import Limit, uneven_points
from analysis.structural.estimation.optimise import Reduction
from analysis.structural.estimation.ram import Array
from analysis.structural.language.partable import ParameterTable
from analysis.structural.language.syntax import Formula, syntax_error
from instrument.errors import NotEstimableError, fact_and_hint, name_offenders


def _size(value: complex) -> complex:
    """Absolute value whose imaginary part still carries a slope."""
    return -value if value.real < 0 else value


_FUNCTIONS: dict[str, Callable[..., complex]] = {
    "abs": _size,
    "exp": np.exp,
    "log": np.log,
    "sqrt": np.sqrt,
    "sin": np.sin,
    "cos": np.cos,
    "tan": np.tan,
    "tanh": np.tanh,
}
_STEP = 1e-30


class Expression:
    """An arithmetic expression over labels, evaluated without Python's eval."""

    def __init__(self, formula: Formula, text: str, caller: str) -> None:
        self.formula, self.caller = formula, caller
        self.text = _restore_decimals(text.replace("^", "**"))
        try:
            self.tree = ast.parse(self.text, mode="eval").body
        except SyntaxError as error:
            raise syntax_error(caller, formula, f"cannot read {text!r}.", "use + - * / ^ and ().") from error

    @property
    def names(self) -> set[str]:
        """Labels the expression mentions."""
        found = {node.id for node in ast.walk(self.tree) if isinstance(node, ast.Name)}
        return {name.replace("_dot_", ".") for name in found}

    def value(self, values: Mapping[str, complex]) -> complex:
        """Evaluate with given label values."""
        return self._visit(self.tree, values)

    def _visit(self, node: ast.expr, values: Mapping[str, complex]) -> complex:
        if isinstance(node, ast.Constant) and isinstance(node.value, (int, float)):
            return node.value
        if isinstance(node, ast.Name):
            name = node.id.replace("_dot_", ".")
            if name not in values:
                raise syntax_error(
                    self.caller,
                    self.formula,
                    f"{name!r} is not a label of the model.",
                    "label a parameter first.",
                )
            return values[name]
        if isinstance(node, ast.UnaryOp) and isinstance(node.op, (ast.USub, ast.UAdd)):
            inner = self._visit(node.operand, values)
            return -inner if isinstance(node.op, ast.USub) else inner
        if isinstance(node, ast.BinOp):
            return self._binary(node, values)
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and not node.keywords:
            function = _FUNCTIONS.get(node.func.id)
            if function is not None and len(node.args) == 1:
                return function(self._visit(node.args[0], values))
        raise syntax_error(
            self.caller,
            self.formula,
            f"cannot evaluate {ast.unparse(node)!r}.",
            f"use + - * / ^ and {', '.join(_FUNCTIONS)}.",
        )

    def _binary(self, node: ast.BinOp, values: Mapping[str, complex]) -> complex:
        left, right = self._visit(node.left, values), self._visit(node.right, values)
        if isinstance(node.op, ast.Add):
            return left + right
        if isinstance(node.op, ast.Sub):
            return left - right
        if isinstance(node.op, ast.Mult):
            return left * right
        if isinstance(node.op, ast.Div):
            return left / right
        if isinstance(node.op, ast.Pow):
            return left**right
        raise syntax_error(self.caller, self.formula, "unknown operator.", "use + - * / ^.")


def _restore_decimals(text: str) -> str:
    """Protect dots inside names; decimals stay."""
    result, in_name = [], False
    for place, sign in enumerate(text):
        following = text[place + 1 : place + 2]
        if sign == "." and (in_name or following.isalpha()):
            result.append("_dot_")
            in_name = True
            continue
        result.append(sign)
        in_name = sign.isalpha() or sign == "_" or (in_name and sign.isdigit())
    return "".join(result)


def label_values(table: ParameterTable, values: Array) -> dict[str, complex]:
    """Values of every label, user-made and automatic (`.p7.` is the seventh row).

    Parameters
    ----------
    table
        The parameter table.
    values
        One value per row.
    """
    named: dict[str, complex] = {}
    for place, row in enumerate(table.rows):
        named[f".p{place + 1}."] = values[place]
        if row.label:
            named.setdefault(row.label, values[place])
    return named


def row_values(table: ParameterTable, x: Array) -> Array:
    """Values of all rows at given free parameters; exogenous and computed rows are NaN."""
    return np.array([x[row.free] if row.free >= 0 else row.fixed for row in table.rows], dtype=x.dtype)


def define(table: ParameterTable, values: Array, caller: str, strict: bool = True) -> tuple[Array, Array]:
    """Values of the defined parameters and their derivatives by the rows (complex step).

    Parameters
    ----------
    table
        The parameter table.
    values
        One value per row.
    caller
        The public function named in messages.
    strict
        Whether a value that is no real number is refused; NaN otherwise.
    """
    expressions = [Expression(f, f.rhs, caller) for f in table.definitions]

    def compute(point: Array) -> np.ndarray:
        named = label_values(table, point)
        found = []
        for formula, expression in zip(table.definitions, expressions, strict=True):
            named[formula.lhs] = expression.value(named)
            found.append(named[formula.lhs])
        return np.asarray(found, dtype=complex)

    slopes = np.zeros((len(expressions), len(values)))
    if not expressions:
        return np.zeros(0), slopes
    with np.errstate(all="ignore"):  # what is not finite is refused by name
        found = compute(values.astype(complex))
    odd = ~np.isfinite(found) | (found.imag != 0.0)
    if strict:
        _refuse_not_real([f.lhs for f, is_odd in zip(table.definitions, odd, strict=True) if is_odd], caller)
    found = np.where(odd, np.nan, found)
    mentioned = {name for e in expressions for name in e.names}
    for k, row in enumerate(table.rows):
        if row.label in mentioned or f".p{k + 1}." in mentioned:
            point = values.astype(complex)
            point[k] += 1j * _STEP
            with np.errstate(all="ignore"):
                slopes[:, k] = np.where(odd, np.nan, compute(point).imag / _STEP)
    return found.real, slopes


def _refuse_not_real(odd: list[str], caller: str) -> None:
    """Refuse logarithms and roots of negative estimates and division by zero."""
    if odd:
        raise NotEstimableError(
            fact_and_hint(
                caller,
                f"defined parameters are no real numbers at the estimates: {name_offenders(odd)}.",
                "look for division by zero and for logarithms or roots of negative numbers.",
            )
        )


def _gap_of(table: ParameterTable, formula: Formula, caller: str) -> Callable[[np.ndarray], complex]:
    """Left side less right side (turned for `<`) as a function of the free parameters."""
    left, right = (Expression(formula, side, caller) for side in (formula.lhs, formula.rhs))
    sign = -1.0 if formula.op == "<" else 1.0

    def gap(x: np.ndarray) -> complex:
        values = label_values(table, row_values(table, x))
        try:
            with np.errstate(all="ignore"):  # what is no number is told by name
                found = left.value(values) - right.value(values)
        except (ZeroDivisionError, OverflowError):  # of numbers that the text itself holds
            return complex("nan")
        return sign * found if np.isfinite(found) else complex("nan")

    return gap


def _refuse_no_number(
    table: ParameterTable, formula: Formula, gap: Callable[[np.ndarray], complex], caller: str
) -> None:
    """Refuse a constraint that is a real number nowhere, such as a division by zero."""
    points = uneven_points(table.n_free)
    found = np.array([gap(sign * point) for point in points for sign in (1.0, -1.0)])
    if not np.any(np.isfinite(found) & (np.imag(found) == 0.0)):
        raise syntax_error(
            caller,
            formula,
            f"'{formula.lhs} {formula.op} {formula.rhs}' is no real number, whatever the parameters are.",
            "look for division by zero and for logarithms or roots of negative numbers.",
        )


def linear_constraints(table: ParameterTable, caller: str) -> tuple[list[Formula], Array, Array]:
    """Turn linear `==` into rows over the free parameters and the values they must have.

    Parameters
    ----------
    table
        The parameter table.
    caller
        The public function named in messages.

    Returns
    -------
    tuple
        The formulas that are linear, their rows and values.
    """
    size = table.n_free
    found: list[tuple[Formula, Array, float]] = []
    for formula in (f for f in table.constraints if f.op == "=="):
        gap = _gap_of(table, formula, caller)
        _refuse_no_number(table, formula, gap, caller)
        middle, *probes = uneven_points(size)
        origin = float(np.real(gap(middle)))
        row = np.array([float(np.real(gap(middle + unit))) - origin for unit in np.eye(size)])
        wanted = float(row @ middle) - origin
        if all(abs(float(np.real(gap(probe))) - (row @ probe - wanted)) <= 1e-8 for probe in probes):
            found.append((formula, row, wanted))
    return (
        [f for f, _, _ in found],
        np.array([r for _, r, _ in found]).reshape(-1, size),
        np.array([w for _, _, w in found]),
    )


def _is_curved(gap: Callable[[np.ndarray], complex], size: int) -> bool:
    """Whether a constraint has other slopes elsewhere."""
    one = Limit(gap, equal=True, text="")
    slopes = [one.slope(sign * point) for point in uneven_points(size) for sign in (1.0, -1.0)]
    return not all(np.allclose(slope, slopes[0], rtol=1e-8, atol=1e-10) for slope in slopes)


def _limits(table: ParameterTable, linear: list[Formula], caller: str) -> tuple[Limit, ...]:
    """Collect nonlinear equalities, inequalities and the bounds of rows."""
    found: list[Limit] = []
    for formula in table.constraints:
        if formula in linear:
            continue
        text = f"{formula.lhs} {formula.op} {formula.rhs}"
        gap = _gap_of(table, formula, caller)
        one = Limit(gap, formula.op == "==", text, curved=_is_curved(gap, table.n_free))
        _refuse_no_number(table, formula, gap, caller)
        if not any(np.any(one.slope(point)) for point in uneven_points(table.n_free)):
            raise syntax_error(
                caller,
                formula,
                f"'{text}' constrains no free parameter.",
                "label the parameter that it means.",
            )
        found.append(one)
    for row in table.free_rows():
        at = row.free
        if np.isfinite(row.lower):
            found.append(
                Limit(lambda x, at=at, row=row: x[at] - row.lower, False, f"{row.name} > {row.lower:g}")  # type: ignore[misc]
            )
        if np.isfinite(row.upper):
            found.append(
                Limit(lambda x, at=at, row=row: row.upper - x[at], False, f"{row.name} < {row.upper:g}")  # type: ignore[misc]
            )
    return tuple(found)


def reduce_parameters(table: ParameterTable, caller: str, anchored: bool = True) -> Reduction:
    """Turn shared labels and linear `==` into x = offset + basis z, and keep what else constrains.

    Parameters
    ----------
    table
        The parameter table.
    caller
        The public function named in messages.
    anchored
        Whether loadings and covariances that anchor an unrotated solution are zero.

    Raises
    ------
    DefinitionError
        For linear constraints that contradict each other, and constraints of nothing.
    """
    rows = table.free_rows()
    column: dict[str, int] = {}
    kept = [k for k, row in enumerate(rows) if not row.implied]
    target = [column.setdefault(rows[k].label or f"#{rows[k].free}", len(column)) for k in kept]
    merge = np.zeros((len(rows), len(column)))
    merge[kept, target] = 1.0
    if anchored:
        merge = merge[:, ~merge[[row.anchored for row in rows]].any(axis=0)]
    linear, matrix, wanted = linear_constraints(table, caller)
    limits = _limits(table, linear, caller)
    if not linear:
        return Reduction(merge, np.zeros(len(rows)), limits)
    inner = matrix @ merge
    origin_z, *_ = np.linalg.lstsq(inner, wanted, rcond=None)
    if np.max(np.abs(inner @ origin_z - wanted)) > 1e-8:
        raise syntax_error(
            caller, table.constraints[0], "the constraints contradict each other.", "drop one."
        )
    basis = merge @ null_space(inner)
    if not basis.shape[1]:
        fact = "the constraints leave no parameter free: there is nothing to estimate."
        raise syntax_error(caller, table.constraints[0], fact, "drop one.")
    return Reduction(basis, merge @ origin_z, limits)
