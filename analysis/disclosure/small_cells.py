"""Which counts to hide so that no small one can be worked out from those that stay."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import linprog

LIMIT = 5
Counts = NDArray[np.int64]
Mask = NDArray[np.bool_]


def hide_small(
    values: Counts, relations: NDArray[np.float64], *, shown: Mask, weights: NDArray[np.int64]
) -> Mask:
    """Hide small counts, and as many others as it takes to keep them hidden.

    Parameters
    ----------
    values : shape (n_counts,)
        True counts.
    relations : shape (n_relations, n_counts)
        Coefficients of sums that a reader knows; what each comes to is known too.
    shown : shape (n_counts,)
        False for a count that is printed nowhere, such as the rest of a percentage.
    weights : shape (n_counts,)
        Counts of small weight are given up first.

    Returns
    -------
    numpy.ndarray
        True where a count may not be printed.

    Notes
    -----
    A reader who knows the relations, and that counts are not negative, can place a hidden count between the
    smallest and the largest value of a linear programme. Small counts count as hidden when that range takes
    in 0 to 4. As long as one does not, the lightest and smallest shown count of its relations is given up.
    One that is fixed though nothing of its relations is shown is fixed by what it means, and tells nothing.

    References
    ----------
    Fischetti, M., & Salazar, J. J. (2001). Solving the cell suppression problem on tabular data with linear
    constraints. Management Science, 47(7), 1008-1027.
    """
    hidden = (values < LIMIT) | ~shown
    small = np.flatnonzero(values < LIMIT)
    safe: set[int] = set()  # what is hidden later only widens a range
    waiting = True
    while waiting:
        waiting = False
        now = hidden.copy()  # the groups of relations hold for what is hidden at the start of a round
        groups = components(relations, now)
        owner = np.full(len(values), -1)
        for number, (_, columns) in enumerate(groups):
            owner[columns] = number
        changed: set[int] = set()
        for cell in map(int, small):
            group = int(owner[cell])
            if cell in safe or group < 0 or group in changed:
                continue
            rows, columns = groups[group]
            if _is_safe(cell, values, relations[rows], columns, now):
                safe.add(cell)
                continue
            given_up = _next(cell, relations[rows], values, weights, shown & ~hidden, hidden)
            if given_up is None:
                if np.any(relations[rows] @ values):
                    raise ValueError("a sum of small counts is fixed by what is not a count")
                safe.add(cell)  # fixed by what the counts mean, with nothing printed
                continue
            hidden[given_up] = True
            changed.add(group)
            waiting = True
    return hidden


def _next(
    cell: int, rows: NDArray[np.float64], values: Counts, weights: NDArray[np.int64], free: Mask, hidden: Mask
) -> int | None:
    """Choose the count to give up: the lightest, then the smallest, of the nearest relations.

    Near are those that fix the small count, then those that fix another hidden one, then those it is in.
    """
    mine = rows[:, cell] != 0
    fixed = ((rows != 0) & hidden).sum(axis=1) == 1
    for near in (rows[mine & fixed], rows[fixed], rows[mine], rows):
        candidates = np.flatnonzero(free & np.any(near != 0, axis=0))
        if len(candidates):
            order = np.lexsort((candidates, values[candidates], weights[candidates]))
            return int(candidates[order[0]])
    return None


def _is_safe(
    cell: int, values: Counts, relations: NDArray[np.float64], columns: Counts, hidden: Mask
) -> bool:
    if _can_swap(cell, values, relations, columns):
        return True
    low, high = feasible_range(cell, values, relations, hidden)
    return low <= 0 and high >= LIMIT - 1


def _can_swap(cell: int, values: Counts, relations: NDArray[np.float64], columns: Counts) -> bool:
    """Say whether another hidden count can give or take what brings a small one to 0 and to 4.

    This settles most cells without a linear programme. A relation with a large hidden count of its own holds
    nothing fast.
    """
    matrix = relations[:, columns]
    alone = (matrix != 0).sum(axis=0) == 1
    loose = (matrix[:, alone & (values[columns] >= 2 * LIMIT) & (columns != cell)] != 0).any(axis=1)
    fast = matrix[~loose]
    own = fast[:, columns == cell]
    if not own.any():
        return True
    others = columns != cell
    room, small = values[columns], values[cell]
    gives = (fast == own).all(axis=0) & (room >= LIMIT - 1 - small)
    follows = (fast == -own).all(axis=0) & (room >= small)
    return bool(np.any((gives | follows) & others))


def components(relations: NDArray[np.float64], hidden: Mask) -> list[tuple[Counts, Counts]]:
    """Group the relations that hang together by hidden counts.

    Parameters
    ----------
    relations : shape (n_relations, n_counts)
        Coefficients.
    hidden : shape (n_counts,)
        What is not printed.

    Returns
    -------
    list of tuple
        Positions of relations, and of the hidden counts in them.
    """
    from scipy.sparse import csr_matrix
    from scipy.sparse.csgraph import connected_components

    touched = (relations != 0) & hidden
    busy = np.flatnonzero(touched.any(axis=1))
    if not len(busy):
        return []
    graph = csr_matrix(touched[busy].astype(float))
    count, labels = connected_components(graph @ graph.T, directed=False)
    found = []
    for label in range(count):
        rows = busy[labels == label]
        found.append((rows, np.flatnonzero(touched[rows].any(axis=0))))
    return found


def feasible_range(
    cell: int, values: Counts, relations: NDArray[np.float64], hidden: Mask
) -> tuple[float, float]:
    """Give the smallest and largest value a hidden count can have for a reader of the rest.

    Parameters
    ----------
    cell
        Position of the count.
    values : shape (n_counts,)
        True counts.
    relations : shape (n_relations, n_counts)
        Coefficients of the sums that are known.
    hidden : shape (n_counts,)
        What is not printed.

    Returns
    -------
    tuple of float
        Bounds; the upper one is infinite when nothing holds the count down.
    """
    columns = np.flatnonzero(hidden & np.any(relations != 0, axis=0))
    matrix = relations[:, columns]
    known = matrix @ values[columns]
    here = int(np.flatnonzero(columns == cell)[0])
    if len(relations) == 1 and np.all(matrix == 1):
        alone = len(columns) == 1
        return (float(known[0]) if alone else 0.0), float(known[0])
    target = np.zeros(len(columns))
    target[here] = 1.0
    bounds = []
    for sign in (1.0, -1.0):
        found = linprog(sign * target, A_eq=matrix, b_eq=known, bounds=(0, None), method="highs")
        if found.status == 3:
            bounds.append(np.inf)
        elif found.x is not None:
            bounds.append(float(found.x[here]))
        else:
            raise ValueError("no counts fit the relations")
    return round(bounds[0], 6), round(bounds[1], 6)


def hidden_run(counts: Sequence[int], codes: Sequence[int]) -> tuple[list[int], bool]:
    """Choose the answers whose shares are hidden, for a reader who knows how many and their mean.

    Parameters
    ----------
    counts
        People at each option.
    codes
        Whole numbers of the options, rising.

    Returns
    -------
    tuple
        Positions of a run of neighbours with every small count inside, and whether the mean must be hidden
        as well because it would give them away even so.
    """
    small = [place for place, count in enumerate(counts) if count < LIMIT]
    if not small:
        return [], False
    low, high = small[0], small[-1]
    while True:
        run = list(range(low, high + 1))
        if all(len(possible(place, run, counts, codes)) == LIMIT for place in small):
            return run, False
        below = counts[low - 1] if low > 0 else None
        above = counts[high + 1] if high + 1 < len(counts) else None
        if below is None and above is None:
            vague = all(len(possible(place, run, counts, codes)) > 1 for place in small)
            return run, not vague
        if above is None or (below is not None and below <= above):
            low -= 1
        else:
            high += 1


def possible(place: int, run: Sequence[int], counts: Sequence[int], codes: Sequence[int]) -> list[int]:
    """Give the small values that a hidden count could have, its number of people and mean being known.

    Parameters
    ----------
    place
        Position of the count.
    run
        Positions of all hidden counts.
    counts
        People at each option.
    codes
        Whole numbers of the options, rising.

    Returns
    -------
    list of int
        Those of 0 to 4 that fit.
    """
    others = [codes[other] for other in run if other != place]
    people = sum(counts[other] for other in run)
    points = sum(counts[other] * codes[other] for other in run)
    return [v for v in range(LIMIT) if _fits(others, people - v, points - v * codes[place])]


def _fits(codes: Sequence[int], people: int, points: int) -> bool:
    """Whether so many people can reach so many points with these options."""
    if not codes:
        return people == 0 and points == 0
    if people < 0 or not codes[0] * people <= points <= codes[-1] * people:
        return False
    steps = [code - codes[0] for code in codes[1:]]
    return _reached(points - codes[0] * people, people, steps)


def _reached(rest: int, people: int, steps: Sequence[int]) -> bool:
    if rest == 0:
        return True
    if not steps or rest > steps[-1] * people:
        return False
    most = rest // steps[-1]
    # a few less than the most of the largest step cover every remainder of the smaller ones
    return any(
        _reached(rest - taken * steps[-1], people - taken, steps[:-1])
        for taken in range(most, max(-1, most - steps[-1] - 1), -1)
    )
