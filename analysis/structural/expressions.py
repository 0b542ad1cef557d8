"""Formulas over labels: defined parameters and linear constraints."""

from __future__ import annotations

import ast
from collections.abc import Callable, Mapping

import numpy as np
from scipy.linalg import null_space

from analysis.structural.optimise import Reduction
from analysis.structural.partable import ParameterTable
from analysis.structural.ram import Array
from analysis.structural.syntax import Formula, syntax_error
from instrument.errors import NotEstimableError, fact_and_hint, name_offenders

_FUNCTIONS: dict[str, Callable[..., complex]] = {
    "exp": np.exp, "log": np.log, "sqrt": np.sqrt, "sin": np.sin, "cos": np.cos, "tan": np.tan,
    "tanh": np.tanh,
}  # fmt: skip
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
            self.caller, self.formula, f"cannot evaluate {ast.unparse(node)!r}.",
            f"use + - * / ^ and {', '.join(_FUNCTIONS)}.",
        )  # fmt: skip

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
    return np.array([x[row.free] if row.free >= 0 else row.fixed for row in table.rows])


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
                caller, f"defined parameters are no real numbers at the estimates: {name_offenders(odd)}.",
                "look for division by zero and for logarithms or roots of negative numbers.",
            )
        )  # fmt: skip


def linear_constraints(table: ParameterTable, caller: str) -> tuple[Array, Array]:
    """Turn `==` into rows over the free parameters and the values they must have.

    Raises
    ------
    DefinitionError
        For constraints that are not linear.
    """
    size = table.n_free
    matrix, wanted = np.zeros((len(table.constraints), size)), np.zeros(len(table.constraints))
    for k, formula in enumerate(table.constraints):
        left, right = (Expression(formula, side, caller) for side in (formula.lhs, formula.rhs))

        def gap(x: Array, left: Expression = left, right: Expression = right) -> float:
            values = label_values(table, row_values(table, x))
            return float(np.real(left.value(values) - right.value(values)))

        origin = gap(np.zeros(size) + 0.5)
        matrix[k] = [gap(np.zeros(size) + 0.5 + unit) - origin for unit in np.eye(size)]
        wanted[k] = matrix[k] @ (np.zeros(size) + 0.5) - origin
        probe = np.linspace(0.3, 1.7, size)
        if abs(gap(probe) - (matrix[k] @ probe - wanted[k])) > 1e-8:
            raise syntax_error(
                caller, formula, f"'{formula.lhs} == {formula.rhs}' is not linear.",
                "only linear constraints are supported.",
            )  # fmt: skip
    return matrix, wanted


def reduce_parameters(table: ParameterTable, caller: str) -> Reduction:
    """Turn shared labels and linear `==` constraints into x = offset + basis z.

    Raises
    ------
    DefinitionError
        For constraints that are not linear or contradict each other.
    """
    rows = table.free_rows()
    column: dict[str, int] = {}
    target = [column.setdefault(row.label or f"#{row.free}", len(column)) for row in rows]
    merge = np.zeros((len(rows), len(column)))
    merge[np.arange(len(rows)), target] = 1.0
    if not table.constraints:
        return Reduction(merge, np.zeros(len(rows)))
    matrix, wanted = linear_constraints(table, caller)
    inner = matrix @ merge
    origin_z, *_ = np.linalg.lstsq(inner, wanted, rcond=None)
    if np.max(np.abs(inner @ origin_z - wanted)) > 1e-8:
        raise syntax_error(
            caller, table.constraints[0], "the constraints contradict each other.", "drop one."
        )
    return Reduction(merge @ null_space(inner), merge @ origin_z)
