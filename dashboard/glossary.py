"""Words of the trade, told where they stand: in sentences and in the heads of tables."""

from __future__ import annotations

import re

GLOSSARY = {
    "AVE": "average variance extracted: how much of its items' variance a factor explains",
    "CFI": "comparative fit index: how far a model is from one in which nothing goes together; 1 is best",
    "TLI": "Tucker–Lewis index: like CFI, and stricter with many parameters; about 1 is best",
    "RMSEA": "root mean square error of approximation: misfit for each degree of freedom; 0 is best",
    "SRMR": "standardised root mean square residual: how far correlations are off on average; 0 is best",
    "SRMSR": "standardised root mean square residual of a response model; 0 is best",
    "KMO": "Kaiser–Meyer–Olkin: whether items share enough for factors to be sought; runs from 0 to 1",
    "ECV": "explained common variance: the share of what items share that one general factor carries",
    "HTMT": "heterotrait–monotrait ratio: how near two themes come to being one, which is 1",
    "HTMT2": "HTMT with geometric means, for items that carry their theme unlike",
    "ICC": "intraclass correlation: how far two occasions give the same; 1 is the very same",
    "ICC(A,1)": "intraclass correlation of single scores, in which a shift between occasions counts as error",
    "SEM": "standard error of measurement: how far a score lies from the true one by chance, in points",
    "SDC": "smallest detectable change: what a person's score must move by to be more than error",
    "MIC": "minimal important change: the smallest change that matters to people",
    "DIF": "differential item functioning: people who stand alike answer an item unlike, by group",
    "C2": "a test of fit of a response model for answers with few options",
    "S-X²": "a test of whether one item follows the response model",
    "E-value": "how strong a hidden cause would have to be, with both, to explain an association away",
    "alpha": "how far the items of a theme go together, if they measure one thing; runs up to 1",
    "omega": "like alpha, but items may carry the theme unlike",
    "Hedges' g": "a difference of means in standard deviations, corrected for few people",
    "COSMIN": "an international standard for judging questionnaires about health",
    "WLSMV": "an estimator for answers on few ordered options",
    "FIML": "full information maximum likelihood: uses every answer there is, without filling gaps",
    "bifactor": "a model with one factor behind every item, beside one for each theme",
}
_FOUND = re.compile(
    "|".join(rf"(?<![\w-]){re.escape(term)}(?![\w²(])" for term in sorted(GLOSSARY, key=len, reverse=True)),
    re.IGNORECASE,
)
_BY_FOLDED = {term.casefold(): term for term in GLOSSARY}


def explained(text: str) -> str | None:
    """Explain the words of the trade in a text, for whoever points at it.

    Parameters
    ----------
    text
        A sentence, or the head of a column.

    Returns
    -------
    str or None
        One line for each word, in Markdown; None where there is none. Capitals count.

    Examples
    --------
    >>> print(explained("Omega total of each theme"))
    **omega**: like alpha, but items may carry the theme unlike
    >>> explained("seminar") is None
    True
    """
    found = {}
    for match in _FOUND.finditer(text):
        term = _BY_FOLDED[match[0].casefold()]
        if match[0] == term or term.islower():  # "sem" is a part of a word, "Alpha" begins a sentence
            found[term] = GLOSSARY[term]
    return "  \n".join(f"**{term}**: {words}" for term, words in found.items()) or None
