"""Keys as the R package psych takes them: which items make a scale, and which count against it."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import yaml

from instrument.drafting.question import Draft, DraftQuestion
from instrument.errors import DefinitionError, fact_and_hint, name_offenders

CALLER = "dta instrument from-keys"
_SCALE = re.compile(r"""["'`]?([\w.]+)["'`]?\s*=\s*c\s*\(([^()]*)\)""")


def draft_from_keys(path: Path, options: dict[int, str]) -> Draft:
    """Make a draft of keys: a theme for each scale, items with a minus in front reversed.

    Parameters
    ----------
    path
        R text (`list(agree = c("-A1", "A2"))`), or YAML or JSON (`agree: [-A1, A2]`).
    options
        Code to label: keys do not say on which scale people answer.

    Returns
    -------
    Draft
        Wordings are the names of the items, and marked.

    Raises
    ------
    DefinitionError
        There are no keys, or an item counts for one scale and against another.
    """
    keys = _read(path)
    draft = Draft(title=path.stem, source=path.name)
    draft.guesses.append("title and language; keys do not say them")
    found: dict[str, DraftQuestion] = {}
    for scale, names in keys.items():
        for name in names:
            bare, is_reversed = name.lstrip("+-").strip(), name.startswith("-")
            if bare not in found:
                found[bare] = DraftQuestion(
                    name=bare,
                    text=bare,
                    options=dict(options),
                    group=scale,
                    is_reversed=is_reversed,
                    guesses=["the wording; keys hold only the name"],
                )
            elif found[bare].is_reversed != is_reversed:
                fact = f"{path.name}: item {bare!r} counts for one scale and against another."
                hint = "give the second scale an instrument file of its own."
                raise DefinitionError(fact_and_hint(CALLER, fact, hint))
            elif scale != found[bare].group:
                found[bare].also_in = (*found[bare].also_in, scale)
    draft.questions = list(found.values())
    return draft


def _read(path: Path) -> dict[str, list[str]]:
    try:
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError):
        raise DefinitionError(
            fact_and_hint(CALLER, f"{path.name} cannot be read.", "check the path.")
        ) from None
    scales: dict[str, Any] = {
        name: re.findall(r"""["']([^"']+)["']""", items) for name, items in _SCALE.findall(text)
    }
    if not scales:
        try:
            content = yaml.safe_load(text)
        except (yaml.YAMLError, RecursionError):
            content = None
        scales = content if isinstance(content, dict) else {}
    bad = [
        str(name)
        for name, items in scales.items()
        if not isinstance(items, list)
        or not items
        or not all(isinstance(item, str) and item.lstrip("+-") for item in items)
    ]
    if not scales or bad:
        of = f": {name_offenders(bad)} is no list of names" if bad else ""
        fact = f"{path.name} holds no keys{of}."
        hint = 'write agree = c("-A1", "A2"), or agree: ["-A1", A2].'
        raise DefinitionError(fact_and_hint(CALLER, fact, hint))
    return {str(name): list(items) for name, items in scales.items()}
