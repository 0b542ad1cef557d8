"""Items that run against the others: told before their answers are taken as keyed alike."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from analysis.reliability.alpha_kernels import first_component_signs
from analysis.reliability.inputs import Array
from instrument.errors import fact_and_hint, name_offenders, warn_user


def opposed_items(correlation: Array, names: Sequence[str]) -> tuple[str, ...]:
    """Items whose loading on the first principal component has the sign of the minority.

    Parameters
    ----------
    correlation
        Shape (n_items, n_items); with missing entries nothing is said.
    names
        Items.

    Returns
    -------
    tuple of str
        In their order.

    Examples
    --------
    >>> table = np.array([[1, 0.5, -0.4], [0.5, 1, -0.6], [-0.4, -0.6, 1]])
    >>> opposed_items(table, ["a", "b", "c"])
    ('c',)
    """
    if not np.isfinite(correlation).all():
        return ()
    signs = first_component_signs(correlation)
    return tuple(name for name, sign in zip(names, signs, strict=True) if sign < 0)


def warn_of_opposed(caller: str, opposed: Sequence[str]) -> None:
    """Warn of items that oppose the others; nothing is turned.

    Parameters
    ----------
    caller
        Public function that the message names.
    opposed
        Items.
    """
    if opposed:
        fact = (
            f"{len(opposed)} {'item' if len(opposed) == 1 else 'items'} found to oppose the others: "
            f"{name_offenders(list(opposed))}; nothing was reversed."
        )
        hint = "check the keying and reverse them before."
        warn_user(fact_and_hint(caller, fact, hint))
