"""Telephone numbers in a study's texts become links that a phone can call."""

from __future__ import annotations

import re

from markupsafe import Markup, escape

_GAP = r"[ \u00a0\u2011/.\-]?"
_NUMBER = re.compile(
    rf"(?<![\w+.,:/\-])(?:"
    rf"\+[1-9](?:{_GAP}\(?\d\)?){{6,14}}"  # +49 (0)30 1234567
    rf"|\(?0\d(?:{_GAP}\(?\d\)?){{4,11}}"  # 0800 111 0 111
    rf"|(?:1[ \-])?\(?[2-9]\d\d\)?[ \-]\d{{3}}[ \-]\d{{4}}"  # 1-800-555-0100
    rf"|\d{{3}}(?:[ \u00a0]\d{{3}})?"  # 112, 116 123: only where the sentence speaks of calling
    rf")(?![\w%€$£:/\-]|[.,]\d| ?(?:hours?|minutes?|days?|years?|Stunden|Minuten|Tage|Jahre)\b)"
)
_CALLING = re.compile(
    r"\b(call|dial|phone|ring|line|number|tel|telephone|emergency|ruf\w*|wähl\w*|telefon\w*|nummer\w*|notruf)\b",
    re.IGNORECASE,
)


def with_telephone_links(text: str) -> Markup:
    """Escape a text and make each telephone number in it a link.

    Parameters
    ----------
    text
        As the study file has it.

    Returns
    -------
    markupsafe.Markup
        Short numbers are taken for telephone numbers only where their sentence speaks of calling; dates,
        times and amounts are left alone.

    Examples
    --------
    >>> print(with_telephone_links("Call 112 or 0800 111 0 111, <always>, 24/7."))
    Call <a href="tel:112">112</a> or <a href="tel:08001110111">0800 111 0 111</a>, &lt;always&gt;, 24/7.
    """
    made, end = Markup(""), 0
    for found in _NUMBER.finditer(text):
        shown = found.group()
        digits = re.sub(r"\D", "", shown.replace("(0)", "") if shown.startswith("+") else shown)
        sentence = re.split(r"[.!?]\s", text[: found.start()])[-1]
        dated = re.fullmatch(r"\d{2}[./\-]\d{2}[./\-]\d{2,4}", shown)
        if dated or (len(digits) <= 6 and not _CALLING.search(sentence)):
            continue
        plus = "+" if shown.startswith("+") else ""
        made += escape(text[end : found.start()])
        made += Markup('<a href="tel:{}">{}</a>').format(plus + digits, shown)
        end = found.end()
    return made + escape(text[end:])
