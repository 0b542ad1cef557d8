"""Whether a translation says all that the source says, so that no page is half in another language."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from instrument.definition import Instrument, Wording


def texts_missing(scale: Instrument, languages: list[str] | None = None) -> list[str]:
    """Name every text of the source that a translation lacks.

    Parameters
    ----------
    scale
        The instrument.
    languages
        Translations to look at; all by default.

    Returns
    -------
    list of str
        One fault for each text, led by its path, such as
        `translations.de.instructions: is missing, though en has them`. Items and labels of options are never
        left out; titles of themes may be left out, but all of them.
    """
    source = texts_of(scale.wording())
    faults = []
    for tag in scale.languages[1:]:
        if languages is not None and tag not in languages:
            continue
        there = {path for path, text in texts_of(scale.wording(tag)).items() if text}
        untitled = not any(path.startswith("themes.") for path in there)
        for path, text in source.items():
            left_out = untitled and path.startswith("themes.")
            if text and path not in there and not left_out:
                faults.append(f"translations.{tag}.{path}: is missing, though {scale.language} has it")
    return faults


def labels_doubled(scale: Instrument, languages: list[str] | None = None) -> list[str]:
    """Name labels of a translation that stand for two codes of one scale: nobody can tell them apart.

    Parameters
    ----------
    scale
        The instrument.
    languages
        Translations to look at; all by default.

    Returns
    -------
    list of str
        One fault for each label after the first, led by its path.
    """
    faults = []
    for tag in scale.languages[1:]:
        if languages is not None and tag not in languages:
            continue
        for name, labels in scale.wording(tag).options.items():
            first: dict[str, int] = {}
            for code, label in labels.items():
                other = first.setdefault(" ".join(label.split()).casefold(), code)
                if other != code:
                    where = f"translations.{tag}.options.{name}.{code}"
                    faults.append(f"{where}: is the label of code {other} too")
    return faults


def texts_untranslated(scale: Instrument) -> dict[str, list[str]]:
    """Name texts of a translation that are those of the source, letter by letter.

    Parameters
    ----------
    scale
        The instrument.

    Returns
    -------
    dict of list of str
        Language to paths of such texts: items, instructions, time frame, and labels of options. Another
        kind of the same language, such as en-GB beside en, may well say the same and is not looked at; nor
        are titles, which are often names.
    """
    source = texts_of(scale.wording())
    found = {}
    for tag in scale.languages[1:]:
        if tag.split("-")[0] == scale.language.split("-")[0]:
            continue
        there = texts_of(scale.wording(tag))
        same = [
            path
            for path, text in source.items()
            if not path.startswith("themes.") and text and there.get(path, "").casefold() == text.casefold()
        ]
        if same:
            found[tag] = same
    return found


def texts_of(wording: Wording) -> dict[str, str]:
    """Every text of a wording by its path, such as `items.q1`, with single spaces."""
    return {path: " ".join(text.split()) for path, text in _every_text(wording)}


def _every_text(wording: Wording) -> Iterator[tuple[str, str]]:
    yield "instructions", wording.instructions
    yield "time_frame", wording.time_frame
    yield from ((f"themes.{name}", text) for name, text in wording.themes.items())
    yield from ((f"items.{name}", text) for name, text in wording.items.items())
    for scale, labels in wording.options.items():
        yield from ((f"options.{scale}.{code}", label) for code, label in labels.items())
