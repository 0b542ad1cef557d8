"""Waves that a file writes in several ways: they are told as one where a person says so."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from instrument.errors import name_offenders
from instrument.reading.cells import number_of
from instrument.reading.people import wave_key
from instrument.reading.raw import count_of

FIRST = ("baseline", "base", "bl", "pre", "start", "intake", "t0", "t1", "w1", "wave1", "time1", "0", "1")
"""Keys of waves that may each be called the first."""


def wave_writings(
    texts: Sequence[str], people: Sequence[str] | None
) -> tuple[dict[str, str], list[str], list[str]]:
    """Find waves that are written in several ways.

    Parameters
    ----------
    texts
        Wave of each row.
    people
        Person of each row, where they are known.

    Returns
    -------
    dict
        Rarer writing to the commonest, of those that differ in capitals, blanks and marks alone.
    list of str
        These in words, for a person to confirm.
    list of str
        What may be one wave under two names; nothing is done about it.

    Examples
    --------
    >>> wave_writings(["T1", "t1 ", "T1", "T2", "Baseline"], ["a", "b", "c", "a", "d"])[0]
    {'t1 ': 'T1'}
    >>> wave_writings(["T1", "T2", "Baseline"], ["a", "a", "d"])[2][0]
    "waves 'Baseline' and 'T1' may be one, as no person has both: if so, say `wave_names: {'Baseline': 'T1'}`"
    """
    counts = Counter(text for text in texts if text)
    ways: dict[str, list[str]] = {}
    for text, _ in counts.most_common():
        ways.setdefault(wave_key(text), []).append(text)
    meant = {
        other: named[0]
        for named in ways.values()
        for other in named[1:]
        if not isinstance(number_of(other), int)  # 1.0 is read as 1 anyway
    }
    unsure = [
        f"wave_names: {other!r} is {wave!r} ({count_of(counts[other], 'row')})"
        for other, wave in meant.items()
    ]
    firsts = [key for key in ways if key in FIRST]
    if people is None or len(firsts) != 2 or len(ways) < 3:
        return meant, unsure, []
    has = {key: {who for who, text in zip(people, texts, strict=True) if text in ways[key]} for key in firsts}
    one, other = sorted(firsts, key=lambda key: (len(has[key]), key))
    if has[one] & has[other]:
        return meant, unsure, []
    names = sorted((ways[one][0], ways[other][0]))
    entry = f"`wave_names: {{{ways[one][0]!r}: {ways[other][0]!r}}}`"
    said = f"waves {names[0]!r} and {names[1]!r} may be one, as no person has both: if so, say {entry}"
    return meant, unsure, [said]


def renamed_waves(texts: Sequence[str], names: dict[str, str]) -> tuple[list[str], str]:
    """Give the waves under the names that a mapping says, and say what was renamed.

    Parameters
    ----------
    texts
        Wave of each row.
    names
        Writing to wave.

    Returns
    -------
    list of str
        Waves.
    str
        In words; empty where nothing was renamed.

    Examples
    --------
    >>> renamed_waves(["T1", "Baseline"], {"Baseline": "T1"})
    (['T1', 'T1'], "1 row of waves written otherwise ('Baseline') renamed, as the mapping says")
    """
    made = [names.get(text, text) for text in texts]
    other = [text for text, now in zip(texts, made, strict=True) if text != now]
    if not other:
        return made, ""
    which = name_offenders(dict.fromkeys(other))
    return (
        made,
        f"{count_of(len(other), 'row')} of waves written otherwise ({which}) renamed, as the mapping says",
    )
