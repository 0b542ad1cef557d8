"""Writes the cross-lagged panel model and its random-intercept form in the model language."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from itertools import combinations, combinations_with_replacement

EQUALITIES = ("lags", "residuals", "means", "intercepts")


@dataclass(frozen=True, slots=True)
class PanelVariable:
    """One variable of a panel: its name and, wave by wave, the columns that measure it."""

    name: str
    columns: tuple[tuple[str, ...], ...]
    latent: bool

    def at(self, k: int) -> str:
        """Name of what stands for the variable at the k-th wave, counted from 0."""
        return f"{self.name}.w{k + 1}" if self.latent else self.columns[k][0]


def within(variable: PanelVariable, k: int) -> str:
    """Name of the deviation of a person from their own level at the k-th wave."""
    return f"within.{variable.name}.w{k + 1}"


def between(variable: PanelVariable) -> str:
    """Name of the lasting difference between persons."""
    return f"between.{variable.name}"


def panel_syntax(variables: Sequence[PanelVariable], random_intercept: bool, equal: Collection[str]) -> str:
    """Write the model.

    Parameters
    ----------
    variables
        Two or more, all with the same number of waves.
    random_intercept
        Whether lasting differences between persons are taken out (RI-CLPM).
    equal
        What is equal over time, of "lags", "residuals", "means" and "intercepts".

    Returns
    -------
    str
        One statement per line, every parameter of the structural part written out.
    """
    n_waves = len(variables[0].columns)
    names = {
        (v.name, k): within(v, k) if random_intercept else v.at(k) for v in variables for k in range(n_waves)
    }
    lines = [line for v in variables if v.latent for line in _measured(v, equal)]
    if random_intercept:
        for v in variables:
            lines.append(f"{between(v)} =~ {' + '.join(f'1*{v.at(k)}' for k in range(n_waves))}")
            lines += [f"{within(v, k)} =~ 1*{v.at(k)}" for k in range(n_waves)]
            lines += [f"{v.at(k)} ~~ 0*{v.at(k)}" for k in range(n_waves)]
        for one, two in combinations_with_replacement(variables, 2):
            lines.append(f"{between(one)} ~~ {between(two)}")
        lines += [f"{between(one)} ~~ 0*{within(two, 0)}" for one in variables for two in variables]
    for k in range(1, n_waves):
        for target in variables:
            terms = [
                _labelled(f"lag.{target.name}.{source.name}", names[source.name, k - 1], "lags" in equal)
                for source in variables
            ]
            lines.append(f"{names[target.name, k]} ~ {' + '.join(terms)}")
    for k in range(n_waves):
        for one, two in combinations_with_replacement(variables, 2):
            same = "residuals" in equal and k > 0
            right = _labelled(f"residual.{one.name}.{two.name}", names[two.name, k], same)
            lines.append(f"{names[one.name, k]} ~~ {right}")
    for v in variables:
        if not v.latent:
            lines += [
                f"{v.at(k)} ~ {_labelled(f'mean.{v.name}', '1', 'means' in equal)}" for k in range(n_waves)
            ]
    return "\n".join(lines)


def _measured(variable: PanelVariable, equal: Collection[str]) -> list[str]:
    """Write the measurement: loadings equal over time, residuals of the same indicator correlated."""
    n_waves, n_items = len(variable.columns), len(variable.columns[0])
    lines = []
    for k, columns in enumerate(variable.columns):
        first, *others = columns
        terms = [first, *(f"loading.{variable.name}.{j}*{c}" for j, c in enumerate(others, start=2))]
        lines.append(f"{variable.at(k)} =~ {' + '.join(terms)}")
        if "intercepts" in equal:
            lines += [f"{c} ~ intercept.{variable.name}.{j}*1" for j, c in enumerate(columns, start=1)]
            lines += [] if k == 0 or "means" in equal else [f"{variable.at(k)} ~ 1"]
        else:
            lines += [f"{c} ~ 1" for c in columns]
    for j in range(n_items):
        repeated = [columns[j] for columns in variable.columns]
        lines += [f"{repeated[a]} ~~ {repeated[b]}" for a, b in combinations(range(n_waves), 2)]
    return lines


def _labelled(label: str, term: str, said: bool) -> str:
    return f"{label}*{term}" if said else term
