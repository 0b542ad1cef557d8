"""Writes the cross-lagged panel model and its random-intercept form in the model language."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
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


@dataclass(frozen=True, slots=True)
class _Labels:
    """What is equal over time, and between groups where there are several.

    A label that stands alone is the same in every group.
    """

    over_time: Collection[str]
    groups: int = 1
    between_groups: Collection[str] = field(default=())

    def term(self, kind: str, base: str, term: str, k: int) -> str:
        """Put a label before a term of the k-th wave where anything is equal."""
        across = self.groups > 1 and kind in self.between_groups
        if not (kind in self.over_time or across):
            return term
        label = base if kind in self.over_time else f"{base}.w{k + 1}"
        if self.groups == 1 or across:
            return f"{label}*{term}"
        return f"c({', '.join(f'{label}.g{g}' for g in range(1, self.groups + 1))})*{term}"


def panel_syntax(
    variables: Sequence[PanelVariable],
    random_intercept: bool,
    equal: Collection[str],
    groups: int = 1,
    group_equal: Collection[str] = (),
) -> str:
    """Write the model.

    Parameters
    ----------
    variables
        Two or more, all with the same number of waves.
    random_intercept
        Whether lasting differences between persons are taken out (RI-CLPM).
    equal
        What is equal over time, of "lags", "residuals", "means" and "intercepts".
    groups
        How many groups there are.
    group_equal
        What is equal between groups, of the same. Loadings always are.

    Returns
    -------
    str
        One statement per line, every parameter of the structural part written out.
    """
    n_waves = len(variables[0].columns)
    names = {
        (v.name, k): within(v, k) if random_intercept else v.at(k) for v in variables for k in range(n_waves)
    }
    labels = _Labels(equal, groups, group_equal)
    lines = [line for v in variables if v.latent for line in _measured(v, labels)]
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
                labels.term("lags", f"lag.{target.name}.{source.name}", names[source.name, k - 1], k)
                for source in variables
            ]
            lines.append(f"{names[target.name, k]} ~ {' + '.join(terms)}")
    for k in range(n_waves):
        for one, two in combinations_with_replacement(variables, 2):
            right = names[two.name, k]
            if k > 0:
                right = labels.term("residuals", f"residual.{one.name}.{two.name}", right, k)
            lines.append(f"{names[one.name, k]} ~~ {right}")
    for v in variables:
        if not v.latent:
            lines += [f"{v.at(k)} ~ {labels.term('means', f'mean.{v.name}', '1', k)}" for k in range(n_waves)]
    return "\n".join(lines)


def _measured(variable: PanelVariable, labels: _Labels) -> list[str]:
    """Write the measurement: loadings equal over time, residuals of the same indicator correlated."""
    n_waves, n_items = len(variable.columns), len(variable.columns[0])
    lines = []
    for k, columns in enumerate(variable.columns):
        first, *others = columns
        terms = [first, *(f"loading.{variable.name}.{j}*{c}" for j, c in enumerate(others, start=2))]
        lines.append(f"{variable.at(k)} =~ {' + '.join(terms)}")
        equal = labels.over_time
        if "intercepts" in equal:
            lines += [
                f"{c} ~ {labels.term('intercepts', f'intercept.{variable.name}.{j}', '1', k)}"
                for j, c in enumerate(columns, start=1)
            ]
            lines += _latent_mean(variable, k, labels)
        else:
            lines += [f"{c} ~ 1" for c in columns]
    for j in range(n_items):
        repeated = [columns[j] for columns in variable.columns]
        lines += [f"{repeated[a]} ~~ {repeated[b]}" for a, b in combinations(range(n_waves), 2)]
    return lines


def _latent_mean(variable: PanelVariable, k: int, labels: _Labels) -> list[str]:
    """Free the mean of a latent variable where equal intercepts determine it.

    It is zero at the first wave: in each group, or in the first where intercepts are equal between groups.
    """
    same = "means" in labels.over_time
    moving = k > 0 and not same
    if labels.groups == 1 or "intercepts" not in labels.between_groups:
        return [f"{variable.at(k)} ~ 1"] if moving else []
    name = f"mean.{variable.name}"
    if moving:
        return [f"{variable.at(k)} ~ {labels.term('means', name, '1', k)}"]
    if "means" in labels.between_groups:
        return []
    right = f"c({', '.join(['0'] + ['NA'] * (labels.groups - 1))})*1"
    if same:
        right += f" + c({', '.join(f'{name}.g{g}' for g in range(1, labels.groups + 1))})*1"
    return [f"{variable.at(k)} ~ {right}"]
