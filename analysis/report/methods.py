"""The methods of a report in words: every estimator, every option, every version."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from analysis.report.standards import ordered
from analysis.report.view import Tree, option_words
from instrument.common.formatting import format_value


def methods_paragraphs(tree: Tree) -> list[tuple[str, str]]:
    """Give the methods: what was analysed and with what, then each section.

    Parameters
    ----------
    tree
        The results tree.

    Returns
    -------
    list of tuple
        Label and text; sections that gave numbers, in the order of the report.
    """
    made = [("Data", _data(tree["meta"])), ("Software", _software(tree["meta"]))]
    for _, section in ordered(tree["sections"]):
        if section["status"] == "ok":
            made.append((section["title"], _section(section["method"])))
    return made


def _data(meta: Mapping[str, Any]) -> str:
    instrument = meta["instrument"]
    people, rows = format_value(meta["participants"], "int"), format_value(meta["administrations"], "int")
    given = "administration" if meta["administrations"] == 1 else "administrations"
    by = "person was" if meta["participants"] == 1 else "people were"
    text = (
        f"{rows} {given} of the instrument {instrument['id']} {instrument['version']} "
        f"({instrument['status']}) to {people} {by} analysed; the structure of the scale was "
        f"estimated on wave {meta['structure_wave']}."
    )
    if meta["study"]:
        text += f" The study is {meta['study']['id']}."
    sums = "; ".join(f"{name} {checksum[:12]}" for name, checksum in meta["checksums"].items())
    return f"{text} The data are those with SHA-256 checksums that begin with: {sums}."


def _software(meta: Mapping[str, Any]) -> str:
    versions = ", ".join(f"{name} {version}" for name, version in meta["versions"].items())
    return f"{versions}. Everything random starts from seed {meta['seed']}."


def _section(method: Mapping[str, Any]) -> str:
    text = f"{method['estimator']}. n = {format_value(method['n'], 'int')}. "
    text += f"Missing answers: {method['missing']}."
    if method["options"]:
        named = [
            f"{key.replace('_', ' ')}: {option_words(value, key)}" for key, value in method["options"].items()
        ]
        text += " Options: " + "; ".join(named) + "."
    if method["seed"] is not None:
        text += f" Seed {method['seed']}."
    return text
