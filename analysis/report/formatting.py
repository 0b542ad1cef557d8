"""Numbers and sentences as a reader sees them: the only place where anything is rounded."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

ABSENT = "–"
_PLACE = re.compile(r"(?P<equals>= )?\{([A-Za-z_][\w.]*)(?::([A-Za-z]\w*))?\}")


def format_value(value: Any, form: str = "text", *, apa: bool = False) -> str:
    """Write one value the way a report shows it.

    Parameters
    ----------
    value
        Plain value of the results tree; None is shown as a dash.
    form
        `text`, `int`, `percent` (of a proportion), `p`, `dN` for N decimals, or `rN` for N decimals of a
        statistic that cannot pass 1.
    apa
        Leave out the zero before the point of `rN`, as APA style asks.

    Returns
    -------
    str
        The value in print, with a true minus sign.

    Examples
    --------
    >>> format_value(0.7351, "d2"), format_value(0.0004, "p"), format_value(0.123, "percent")
    ('0.74', '<.001', '12.3%')
    >>> format_value(None, "d2"), format_value(-0.5, "d1"), format_value(12345, "int")
    ('–', '−0.5', '12,345')
    >>> format_value(0.912, "r2"), format_value(-0.912, "r2", apa=True)
    ('0.91', '−.91')
    """
    if value is None:
        return ABSENT
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, str) or form == "text":
        return value if isinstance(value, str) else _short(value)
    text = _number(float(value), form)
    return re.sub(r"^(−?)0\.", r"\1.", text) if apa and form.startswith("r") else text


def _short(value: Any) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def _number(value: float, form: str) -> str:
    if form == "int":
        text = f"{value:,.0f}"
    elif form == "percent":
        text = f"{100 * value:.1f}%"
    elif form == "p":
        text = "<.001" if value < 0.001 else f"{value:.3f}".removeprefix("0")
    elif re.fullmatch(r"[dr]\d", form):
        text = f"{value:,.{form[1]}f}"
    else:
        raise ValueError(f"no such format: {form!r}")
    unsigned = text.lstrip("-")
    return text.replace("-", "−") if unsigned.strip("0.,%") else unsigned


def fill_prose(
    sentence: str, values: Mapping[str, Any], wrap: Callable[[str, str], str] | None = None
) -> str:
    """Fill the places of a sentence from the values of its section.

    Parameters
    ----------
    sentence
        Text with places such as `{alpha:d2}`.
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
    >>> fill_prose("Alpha is {alpha:d2}.", {"alpha": 0.8142})
    'Alpha is 0.81.'
    >>> fill_prose("Alike (p = {p:p}).", {"p": 0.014}), fill_prose("Alike (p = {p:p}).", {"p": 0.0001})
    ('Alike (p = .014).', 'Alike (p <.001).')
    """

    def fill(match: re.Match[str]) -> str:
        key, form = match.group(2), match.group(3) or "text"
        text = format_value(values[key], form)
        printed = wrap(key, text) if wrap is not None else text
        # a p below the smallest one printed is no equal: "p <.001", not "p = <.001"
        return printed if match.group("equals") is None or text.startswith("<") else f"= {printed}"

    return _PLACE.sub(fill, sentence)
