"""Rules of wording that a program can check, each with its source; what they flag is for readers to judge."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import combinations

import pandas as pd

from instrument.definition import Instrument

MOST_WORDS = 15
HIGHEST_GRADE = 6.0
LOWEST_EASE = 60.0
NEAR_DUPLICATE = 0.6
GRAM = 3
COLUMNS = ("item", "language", "rule", "found", "advice", "source")
_KROSNICK = "Krosnick & Presser 2010, in Marsden & Wright, Handbook of Survey Research, 263-313"
_LENZNER = "Lenzner, Kaczmirek & Lenzner 2010, doi:10.1002/acp.1602"
_BOATENG = "Boateng et al. 2018, doi:10.3389/fpubh.2018.00149"


@dataclass(frozen=True, slots=True, kw_only=True)
class WordingRule:
    """One rule of wording.

    Attributes
    ----------
    name
        Short name.
    advice
        What to do where it flags.
    source
        Where it is from.
    patterns
        Language to a regular expression; what it finds is flagged.
    """

    name: str
    advice: str
    source: str
    patterns: dict[str, str]


_BE = r"(?:am|is|are|was|were|be|been|being|gets?|got)"
_DONE = r"(?:\w{2,}ed|made|given|kept|seen|shown|told|done|taken|known|held|sent|read|written|built)"
_FELT = (
    "(?:interested|tired|worried|pleased|ashamed|scared|bored|excited|satisfied|relaxed|used|based|accepted)"
)
_WERDEN = r"\b(?:wird|werden|wurde|wurden|worden)\b"
_GETAN = r"\b(?:\w*ge\w{2,}(?:t|en)|\w{2,}iert)\b"
WORDING_RULES = (
    WordingRule(
        name="two ideas",
        advice="ask one thing: split it, or keep the idea that matters",
        source=f"{_KROSNICK}; {_BOATENG}",
        patterns={
            "en": r"\b(?:and|or|but|as well as|both)\b|;",
            "de": r"\b(?:und|oder|aber|sowie|sondern|sowohl)\b|;",
        },
    ),
    WordingRule(
        name="negation",
        advice="say what is there: readers overlook a small word",
        source="Swain, Weathers & Niedrich 2008, doi:10.1509/jmkr.45.1.116",
        patterns={
            "en": r"\b(?:not|never|no|none|nothing|nobody|nowhere|neither|nor|cannot|without|hardly)\b"
            r"|\b\w+n['’]t\b",
            "de": r"\b(?:nicht|nie|niemals|niemand|kein\w*|nichts|nirgends|weder|ohne|kaum)\b",
        },
    ),
    WordingRule(
        name="absolute word",
        advice="leave it out: hardly anybody can agree with always",
        source=_KROSNICK,
        patterns={
            "en": r"\b(?:always|all|every|everything|everyone|completely|totally|absolutely|entirely|only)\b",
            "de": r"\b(?:immer|alle[smnr]?|jede[smnr]?|völlig|vollkommen|absolut|gänzlich|nur)\b",
        },
    ),
    WordingRule(
        name="passive without agent",
        advice="say who does it, or ask for what the reader does or feels",
        source=_LENZNER,
        patterns={
            "en": rf"\b{_BE}\s+(?:\w+ly\s+)?(?!{_FELT}\b){_DONE}\b(?!\s+by\b)",
            "de": rf"{_WERDEN}(?!.*\b(?:von|durch)\b)(?=.*{_GETAN})|{_GETAN}\s+{_WERDEN}",
        },
    ),
    WordingRule(
        name="jargon",
        advice="use a word of everyday talk",
        source=_LENZNER,
        patterns={
            "en": r"\b(?:adheren\w*|allianc\w*|cognitiv\w*|comorbid\w*|efficac\w*|functional\w*|interface"
            r"|interventions?|modalit\w*|modules?|personali[sz]\w*|psycho\w+|symptomatolog\w*|therapeutic\w*"
            r"|usability|utili[sz]\w*)\b",
            "de": r"\b(?:Adhärenz|Allianz|kognitiv\w*|Komorbid\w*|Wirksamkeit\w*|Funktionalität\w*|Interface"
            r"|Intervention\w*|Modul\w*|Personalisierung|Psycho\w+|Symptomatik|therapeutisch\w*|Usability)\b",
        },
    ),
)
LENGTH = WordingRule(
    name="length",
    advice=f"keep to {MOST_WORDS} words or fewer",
    source=_LENZNER,
    patterns={},
)
READING = WordingRule(
    name="reading grade",
    advice="use shorter words",
    source="Kincaid et al. 1975 (en, grade above 6); Amstad 1978 (de, ease below 60)",
    patterns={},
)
DUPLICATE = WordingRule(
    name="near duplicate",
    advice="keep the better of the two, unless the doubling is meant",
    source="Broder 1997, doi:10.1109/SEQUEN.1997.666900 (resemblance of character trigrams)",
    patterns={},
)
_WORD = re.compile(r"[^\W\d_](?:[^\W\d_]|['’-](?=[^\W\d_]))*")
_VOWELS = {"en": "aeiouy", "de": "aeiouyäöü"}


def check_wording(scale: Instrument, language: str | None = None) -> pd.DataFrame:
    """Flag wording that the literature advises against, item by item.

    Use it on a draft before people read it. A flag is a question to a reader and no verdict: a list of words
    knows no meaning, and an item without a flag may still be misunderstood.

    Parameters
    ----------
    scale
        The instrument.
    language
        Language to check; by default every language that the instrument has. Rules that need words are
        written for English and German; other languages are checked for length and near duplicates.

    Returns
    -------
    pandas.DataFrame
        One row per flag, in the order of the items: item, language, rule, found, advice, source.

    Raises
    ------
    KeyError
        The instrument has no such language.

    Notes
    -----
    Flesch-Kincaid grade = 0.39 words per sentence + 11.8 syllables per word - 15.59; Amstad's ease = 180 -
    words per sentence - 58.5 syllables per word. Syllables are groups of vowels, a silent e at the end not
    counted in English: an estimate, rough for one word, fair for a sentence. Two texts are near duplicates
    where the sets of their character trigrams share 60 % or more of their union.

    References
    ----------
    The source of each rule stands in its column.

    Examples
    --------
    >>> from instrument.loading import load
    >>> flags = check_wording(load("dta@0.2.0"), "en")
    >>> flags[["item", "rule", "found"]].values.tolist()
    [['hum5', 'negation', 'without'], ['neg5', 'negation', 'without']]
    """
    languages = scale.languages if language is None else [language]
    rows = [row for tag in languages for row in _flags(scale.wording(tag).items, tag)]
    table = pd.DataFrame(rows, columns=list(COLUMNS))
    order = {item: place for place, item in enumerate(scale.item_ids)}
    return table.sort_values("item", key=lambda ids: ids.map(order), kind="stable", ignore_index=True)


def reading_grade(text: str) -> float:
    """Flesch-Kincaid grade of an English text."""
    words, sentences, syllables = _counts(text, "en")
    return 0.39 * words / sentences + 11.8 * syllables / words - 15.59


def reading_ease_german(text: str) -> float:
    """Flesch's reading ease of a German text after Amstad (1978)."""
    words, sentences, syllables = _counts(text, "de")
    return 180 - words / sentences - 58.5 * syllables / words


def resemblance(first: str, second: str) -> float:
    """Share of character trigrams that two texts have in common, of all that either has; 0 to 1."""
    one, two = _grams(first), _grams(second)
    return len(one & two) / len(one | two) if one or two else float(first == second)


def _flags(texts: dict[str, str], language: str) -> Iterator[tuple[str, str, str, str, str, str]]:
    base = language.split("-")[0].lower()
    for item, text in texts.items():
        for rule in WORDING_RULES:
            pattern = rule.patterns.get(base)
            if pattern and (hits := [hit.group(0) for hit in re.finditer(pattern, text, re.I)]):
                yield item, language, rule.name, ", ".join(dict.fromkeys(hits)), rule.advice, rule.source
        words = _WORD.findall(text)
        if len(words) > MOST_WORDS:
            yield item, language, LENGTH.name, f"{len(words)} words", LENGTH.advice, LENGTH.source
        if words and (found := _READABILITY.get(base, _unread)(text)):
            yield item, language, READING.name, found, READING.advice, READING.source
    for (one, first), (other, second) in combinations(texts.items(), 2):
        if (share := resemblance(first, second)) >= NEAR_DUPLICATE:
            found = f"{share:.0%} like {one}"
            yield other, language, DUPLICATE.name, found, DUPLICATE.advice, DUPLICATE.source


def _unread(text: str) -> str:
    return ""


def _english(text: str) -> str:
    grade = reading_grade(text)
    return f"grade {grade:.1f}" if grade > HIGHEST_GRADE else ""


def _german(text: str) -> str:
    ease = reading_ease_german(text)
    return f"ease {ease:.0f}" if ease < LOWEST_EASE else ""


_READABILITY: dict[str, Callable[[str], str]] = {"en": _english, "de": _german}


def _counts(text: str, language: str) -> tuple[int, int, int]:
    """Words, sentences and syllables."""
    words = _WORD.findall(text)
    sentences = len(re.findall(r"[.!?](?=\s|$)", text)) or 1
    return len(words), sentences, sum(_syllables(word.lower(), language) for word in words)


def _syllables(word: str, language: str) -> int:
    if language == "en":
        word = re.sub(r"(?<=[^aeiouyl])e$|(?<=[^aeiouytd])e(?=d$)|(?<=[^aeiouysxzcg])e(?=s$)", "", word)
    else:
        word = re.sub(r"(?<=[aeo])i|(?<=[aäe])u|(?<=[ao])y|(?<=i)e", "", word)
    return max(len(re.findall(f"[{_VOWELS[language]}]+" if language == "en" else "[aeiouyäöü]", word)), 1)


def _grams(text: str) -> set[str]:
    flat = re.sub(r"[^\w]+", " ", text.lower()).strip().join("  ")
    return {flat[k : k + GRAM] for k in range(len(flat) - GRAM + 1)}
