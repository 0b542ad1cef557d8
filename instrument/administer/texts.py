"""Words of the pages themselves, in each language that the toolkit ships."""

from __future__ import annotations

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
