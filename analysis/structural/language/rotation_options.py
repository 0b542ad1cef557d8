"""How the exploratory blocks of a model are rotated: what may be asked for, checked."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
import pandas as pd

from analysis.factors import criteria
from analysis.factors.criteria import Criterion
from analysis.factors.pattern import Array
from instrument.errors import DefinitionError, fact_and_hint, name_offenders

METHODS = (
    "geomin",
    "oblimin",
    "quartimin",
    "varimax",
    "quartimax",
    "equamax",
    "target",
    "bigeomin",
    "biquartimin",
)
RIGID = ("varimax", "quartimax", "equamax")  # factors that do not correlate, unless asked otherwise
BIFACTOR = ("bigeomin", "biquartimin")
ARGUMENTS = ("orthogonal", "epsilon", "gamma", "target", "standardized", "starts", "errors")
ERRORS = ("delta", "lavaan")
EPSILON = 0.001
STARTS = 30


@dataclass(frozen=True, slots=True, kw_only=True)
class Rotation:
    """One rotation for every exploratory block.

    Attributes
    ----------
    method
        One of `METHODS`.
    orthogonal
        Whether the factors of a block stay uncorrelated.
    epsilon
        What geomin adds to squared loadings.
    gamma
        Of oblimin; 0 is quartimin.
    targets
        Wanted loadings of each block, items by factors, NaN where free.
    standardized
        Whether loadings are rotated on the scale of items with variance one.
    starts
        Random starting positions beside the identity.
    errors
        "delta": as the rotation moves with the sample; "lavaan": with the variances of items, to which
        loadings are standardised, differentiated as if factors did not correlate, as lavaan 0.7-2 does.
    like
        Loadings that those of a block (in a group) are put in order to resemble, such as those of the whole
        sample in a resample.
    """

    method: str = "geomin"
    orthogonal: bool = False
    epsilon: float = EPSILON
    gamma: float = 0.0
    targets: Mapping[str, Array] = field(default_factory=dict)
    standardized: bool = True
    starts: int = STARTS
    errors: str = "delta"
    like: Mapping[tuple[str, int], Array] = field(default_factory=dict)

    @property
    def kaiser(self) -> bool:
        """Whether items count alike whatever their communality."""
        return self.method == "varimax"

    def criterion(self, block: str, n_items: int, n_factors: int) -> Criterion:
        """Give what is made small in a block."""
        if self.method == "target":
            return criteria.towards(self.targets[block])
        if self.method in ("oblimin", "quartimin"):
            return criteria.oblimin_family(self.gamma)
        if self.method in RIGID:
            columns = {"varimax": 1 / n_items, "quartimax": 0.0, "equamax": n_factors / (2 * n_items)}
            return criteria.crawford_ferguson(columns[self.method])
        geomin = criteria.geometric_mean(self.epsilon)
        if self.method == "geomin":
            return geomin
        return criteria.group_factors(
            geomin if self.method == "bigeomin" else criteria.oblimin_family(self.gamma)
        )


def read_rotation(
    method: str | None,
    arguments: Mapping[str, object] | None,
    blocks: Mapping[str, tuple[list[str], list[str]]],
    caller: str,
) -> Rotation | None:
    """Check what is asked for.

    Parameters
    ----------
    method
        None: geomin where the model has exploratory blocks.
    arguments
        Of `ARGUMENTS`.
    blocks
        Items and factors of every block.
    caller
        The public function named in messages.

    Raises
    ------
    DefinitionError
        For a rotation without blocks, unknown names, and values out of range.
    """
    if not blocks:
        if method is None and not arguments:
            return None
        _refuse(
            caller,
            "the model has no exploratory block to rotate.",
            'write efa("block")*f1 + efa("block")*f2 =~ …',
        )
    if method is not None and all(len(factors) == 1 for _, factors in blocks.values()):
        hint = 'leave out rotation=, or add a factor: efa("block")*f1 + efa("block")*f2 =~ …'
        _refuse(caller, "every exploratory block has one factor: nothing can be rotated.", hint)
    method = "geomin" if method is None else method
    if method not in METHODS:
        _refuse(caller, f"rotation {method!r} is unknown.", f"choose one of {list(METHODS)}.")
    for block, (_, factors) in blocks.items():
        if method in BIFACTOR and 1 < len(factors) < 3:
            fact = f"{method} finds a general factor and 1 other in block {block!r}."
            _refuse(caller, fact, "name a third factor, or choose another rotation.")
    given = dict(arguments or {})
    if unknown := [str(name) for name in given if name not in ARGUMENTS]:
        _refuse(
            caller, f"rotation_args has unknown {name_offenders(unknown)}.", f"choose of {list(ARGUMENTS)}."
        )
    flags = {"orthogonal": method in RIGID, "standardized": True}
    for name in flags:
        value = given.get(name, flags[name])
        if not isinstance(value, bool):
            _refuse(caller, f"rotation_args[{name!r}] is {value!r}.", "give True or False.")
        flags[name] = bool(value)
    epsilon = _number(given, "epsilon", EPSILON, caller)
    if epsilon <= 0.0:
        _refuse(
            caller,
            f"rotation_args['epsilon'] is {epsilon:g}.",
            "give a small positive number, such as 0.001.",
        )
    gamma = _number(given, "gamma", 0.0, caller)
    if gamma > 1.0 or (method == "quartimin" and gamma != 0.0):
        _refuse(caller, f"{method} with gamma {gamma:g} is not defined.", "give 0 or less, or use oblimin.")
    starts = given.get("starts", STARTS)
    if not isinstance(starts, int) or isinstance(starts, bool) or starts < 0:
        _refuse(caller, f"rotation_args['starts'] is {starts!r}.", "give a whole number, 0 or more.")
    errors = str(given.get("errors", "delta"))
    if errors not in ERRORS:
        _refuse(caller, f"rotation_args['errors'] is {errors!r}.", f"choose one of {list(ERRORS)}.")
    if (method == "target") != ("target" in given):
        hint = "give rotation='target' and rotation_args={'target': a table of items by factors}."
        _refuse(caller, "rotation and target go together: one of them is missing.", hint)
    targets = _targets(given["target"], blocks, caller) if method == "target" else {}
    return Rotation(
        method=method,
        orthogonal=flags["orthogonal"],
        epsilon=epsilon,
        gamma=gamma,
        targets=targets,
        standardized=flags["standardized"],
        starts=int(str(starts)),
        errors=errors,
    )


def _refuse(caller: str, fact: str, hint: str) -> None:
    raise DefinitionError(fact_and_hint(caller, fact, hint))


def _number(given: Mapping[str, object], name: str, default: float, caller: str) -> float:
    value = given.get(name, default)
    if isinstance(value, bool) or not isinstance(value, int | float) or not np.isfinite(value):
        _refuse(caller, f"rotation_args[{name!r}] is {value!r}.", "give a number.")
    return float(str(value))


def _targets(
    wanted: object, blocks: Mapping[str, tuple[list[str], list[str]]], caller: str
) -> dict[str, Array]:
    """Bring targets into the order of each block's items and factors."""
    found: dict[str, Array] = {}
    for block, (items, factors) in blocks.items():
        own = wanted.get(block) if isinstance(wanted, Mapping) else wanted
        hint = f"give a table with the rows {items} and the columns {factors}, NaN where a loading is free."
        if isinstance(own, pd.DataFrame):
            missing = [n for n in items if n not in own.index] + [n for n in factors if n not in own.columns]
            if missing:
                _refuse(caller, f"the target of block {block!r} lacks {name_offenders(missing)}.", hint)
            own = own.loc[items, factors]
        try:
            matrix = np.asarray(own, dtype=np.float64)
        except (TypeError, ValueError):
            matrix = np.zeros(0)
        if matrix.shape != (len(items), len(factors)):
            _refuse(caller, f"the target of block {block!r} has the shape {matrix.shape}.", hint)
        if np.isinf(matrix).any() or (np.isfinite(matrix).sum(axis=0) < len(factors) - 1).any():
            short = f"the target of block {block!r} names too few loadings to fix a rotation."
            _refuse(caller, short, f"name at least {len(factors) - 1} loadings of each factor.")
        found[block] = matrix
    return found
