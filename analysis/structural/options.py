"""What a structural model is fitted with: one object behind `cfa`, `sem`, `growth` and what rests on them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelOptions:
    """Options of `cfa` and `sem`, under the names and with the defaults that they have there.

    Attributes
    ----------
    growth
        Whether means move from the observed to the latent variables.
    """

    estimator: str | None = None
    ordered: bool | Sequence[str] | None = None
    missing: str | None = None
    group: str | None = None
    group_equal: str | Sequence[str] = ()
    group_partial: str | Sequence[str] = ()
    meanstructure: bool | None = None
    std_lv: bool = False
    orthogonal: bool = False
    parameterization: str = "delta"
    cluster: str | None = None
    sampling_weights: str | None = None
    bounds: str | None = None
    rotation: str | None = None
    rotation_args: Mapping[str, object] | None = None
    auxiliary: str | Sequence[str] = ()
    fixed_x: bool = True
    growth: bool = False
