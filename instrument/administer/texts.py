"""Words of the pages themselves, in each language that the toolkit ships."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from functools import cache
from pathlib import Path

import yaml

FOLDER = Path(__file__).parent / "texts"
FALL_BACK = "en"


@cache
def shipped_languages() -> tuple[tuple[str, str], ...]:
    """Languages that the toolkit ships the pages in.

    Returns
    -------
    tuple of tuple
        Tag and own name of each, English first.
    """
    tags = sorted((file.stem for file in FOLDER.glob("*.yaml")), key=lambda tag: (tag != FALL_BACK, tag))
    return tuple((tag, page_texts(tag)["language_name"]) for tag in tags)


@cache
def page_texts(language: str) -> dict[str, str]:
    """Texts of the pages in a language; English where the toolkit ships no such language.

    Parameters
    ----------
    language
        Language tag; `de-AT` finds `de`.

    Returns
    -------
    dict of str
        Key to text.
    """
    file = FOLDER / f"{language.split('-')[0]}.yaml"
    chosen = file if file.is_file() else FOLDER / f"{FALL_BACK}.yaml"
    texts: dict[str, str] = yaml.safe_load(chosen.read_text(encoding="utf-8"))
    return texts


def day_in_words(day: date, texts: Mapping[str, str]) -> str:
    """Write a day as people of a language write it.

    Parameters
    ----------
    day
        The day.
    texts
        As `page_texts` gives them.

    Returns
    -------
    str
        Day, month in words and year.

    Examples
    --------
    >>> day_in_words(date(2026, 12, 9), page_texts("en")), day_in_words(date(2026, 12, 9), page_texts("de"))
    ('9 December 2026', '9. Dezember 2026')
    """
    month = texts["months"].split()[day.month - 1]
    return texts["day_in_words"].format(day=day.day, month=month, year=day.year)
