"""Numbers and sentences as a reader sees them: the only place where anything is rounded."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Set
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

ABSENT = "–"
UNBROKEN = "\u00a0"
"""Between a sign and its number: a line never ends there."""
REPLIES = {1.0: "yes", 0.5: "partly", 0.0: "not yet"}
_PLACE = re.compile(r"(?P<equals>= )?\{([A-Za-z_][\w.]*)(?::([A-Za-z]\w*))?\}")
_AFTER_ONE = re.compile(r"(\{([A-Za-z_][\w.]*):int\} )\[\[([^|\]]+)\|([^\]]+)\]\]")
_EITHER = re.compile(r"\[\[[^|\]]+\|([^\]]+)\]\]")


class Coarse(float):
    """A number that is known to fewer decimals than its format prints, as in a shared copy.

    Examples
    --------
    >>> format_value(Coarse(3.7), "d2"), format_value(Coarse(0.39), "percent"), format_value(3.7, "d2")
    ('3.7', '39%', '3.70')
    """

    __slots__ = ()


_COARSE: ContextVar[Set[float]] = ContextVar("numbers of fewer decimals", default=frozenset())


@contextmanager
def printed_coarsely(numbers: Set[float]) -> Iterator[None]:
    """Print these numbers with the decimals that are known of them, also where arrays have made them plain.

    Parameters
    ----------
    numbers
        Those that are `Coarse` where they come from.

    Examples
    --------
    >>> with printed_coarsely({3.7}):
    ...     format_value(3.7, "d2"), format_value(3.74, "d2")
    ('3.7', '3.74')
    """
    token = _COARSE.set(numbers)
    try:
        yield
    finally:
        _COARSE.reset(token)


def format_value(value: Any, form: str = "text") -> str:
    """Write one value the way every report, page, figure and terminal shows it.

    Parameters
    ----------
    value
        Plain value of the results tree; None is shown as a dash.
    form
        `text`, `int`, `percent` (of a proportion), `p`, `dN` for N decimals, `rN` for N decimals of a
        statistic that cannot pass 1, which is printed without the zero before its point, as APA style asks,
        or `reply` for an answer in words (1 yes, .5 partly, 0 not yet).

    Returns
    -------
    str
        The value in print, with a true minus sign.

    Examples
    --------
    >>> format_value(0.7351, "d2"), format_value(0.7351, "r2"), format_value(0.123, "percent")
    ('0.74', '.74', '12.3%')
    >>> format_value(None, "d2"), format_value(-0.5, "d1"), format_value(12345, "int")
    ('–', '−0.5', '12,345')
    >>> format_value(-0.912, "r2"), format_value(0.0412, "p"), format_value(0.0004, "p").split()
    ('−.91', '.041', ['<', '.001'])
    >>> format_value(1.0, "reply"), format_value(0.5, "reply"), format_value(0, "reply")
    ('yes', 'partly', 'not yet')
    """
    if value is None:
        return ABSENT
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, str) or form == "text":
        return value if isinstance(value, str) else _short(value)
    return _number(float(value), form, coarse=isinstance(value, Coarse) or value in _COARSE.get())


def with_interval(middle: Any, low: Any, high: Any, form: str) -> str:
    """Write an estimate with its interval.

    Examples
    --------
    >>> with_interval(0.912, 0.9, 0.92, "r2")
    '.91 (.90 to .92)'
    """
    return f"{format_value(middle, form)} ({format_value(low, form)} to {format_value(high, form)})"


def form_of_row(form: str, bounded: bool | None) -> str:
    """Give the format of a row where a column holds statistics of several kinds.

    Parameters
    ----------
    form
        Format of the column: `bN` where some of its rows cannot pass 1 and others can.
    bounded
        Whether this row cannot.

    Returns
    -------
    str
        `rN` or `dN`; any other format as it is.

    Examples
    --------
    >>> form_of_row("b2", True), form_of_row("b2", False), form_of_row("p", None)
    ('r2', 'd2', 'p')
    """
    return ("r" if bounded else "d") + form[1:] if re.fullmatch(r"b\d", form) else form


def _short(value: Any) -> str:
    if isinstance(value, float):
        return f"{value:.4g}".replace("-", "−")
    return _true_minus(str(value)) if isinstance(value, int) else str(value)


def _number(value: float, form: str, *, coarse: bool) -> str:
    if form == "int":
        text = f"{value:,.0f}"
    elif form == "percent":
        text = f"{100 * value:.{0 if coarse else 1}f}%"
    elif form == "p":
        text = f"<{UNBROKEN}.001" if value < 0.001 else f"{value:.3f}".removeprefix("0")
    elif form == "reply":
        return REPLIES[value]
    elif re.fullmatch(r"[dr]\d", form):
        text = f"{value:,.{min(int(form[1]), 1) if coarse else form[1]}f}"
        text = re.sub(r"^(-?)0\.", r"\1.", text) if form[0] == "r" else text
    else:
        raise ValueError(f"no such format: {form!r}")
    return _true_minus(text)


def _true_minus(text: str) -> str:
    """A minus, not a hyphen; none before a number that is rounded to nothing."""
    unsigned = text.lstrip("-")
    return text.replace("-", "−") if unsigned.strip("0.,%") else unsigned


def fill_prose(
    sentence: str, values: Mapping[str, Any], wrap: Callable[[str, str], str] | None = None
) -> str:
    """Fill the places of a sentence from the values of its section.

    Parameters
    ----------
    sentence
        Text with places such as `{alpha:d2}`; `{weeks:int} [[week|weeks]]` takes the word that goes with the
        number, and the second one where the number is left out.
    values
        Values of the section.
    wrap
        Given the key and the formatted value, gives what to put in the text (HTML adds the path).

    Returns
    -------
    str
        The sentence.

    Examples
    --------
    >>> fill_prose("Alpha is {alpha:r2}.", {"alpha": 0.8142})
    'Alpha is .81.'
    >>> fill_prose("Alike (p = {p:p}).", {"p": 0.014}), fill_prose("Alike (p = {p:p}).", {"p": 0}).split()
    ('Alike (p = .014).', ['Alike', '(p', '<', '.001).'])
    >>> fill_prose("In {weeks:int} [[week|weeks]].", {"weeks": 1})
    'In 1 week.'
    """

    def fill(match: re.Match[str]) -> str:
        key, form = match.group(2), match.group(3) or "text"
        text = format_value(values[key], form)
        printed = wrap(key, text) if wrap is not None else text
        # a p below the smallest one printed is no equal: "p < .001", not "p = < .001"
        return printed if match.group("equals") is None or text.startswith("<") else f"= {printed}"

    def in_number(match: re.Match[str]) -> str:
        return match.group(1) + match.group(3 if values.get(match.group(2)) == 1 else 4)

    return _PLACE.sub(fill, _EITHER.sub(r"\1", _AFTER_ONE.sub(in_number, sentence)))
