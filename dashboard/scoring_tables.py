"""Tables of a scored file, in the form that the report's tables have: counts, means, checks; no person."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pandas as pd

from analysis.disclosure.small_cells import LIMIT
from analysis.screening.screen import ScreeningResult
from instrument.definition import Instrument
from instrument.scoring.scorecard import ANSWERED, APPLICABLE, Scorecard

FEWEST = LIMIT
"""Mean and spread of fewer scores than this are not shown: they would come near to somebody's answers."""
CHECKS = {
    "longstring": "The same answer many times in a row",
    "irv": "Hardly any variation",
    "mahalanobis": "An unusual combination of answers",
    "even_odd": "Halves of the themes disagree",
    "time": "Answered very fast",
    "copy": "The same answers as another person",
}


def section_of(card: Scorecard, checked: ScreeningResult, scale: Instrument) -> dict[str, Any]:
    """Arrange scores and checks as tables.

    Parameters
    ----------
    card
        The scores.
    checked
        The screening of the same answers.
    scale
        Their instrument.

    Returns
    -------
    dict
        `tables` and `captions`, as `analysis.report.view.table_view` takes them: `scores`, `reasons`,
        `checks`, `missing`.
    """
    scores, hidden = _scores(card, scale)
    several = len(pd.unique(card.scores["wave"])) > 1
    by_wave = {"wave": ("Wave", "text")} if several else {}
    note = card.rule.describe()
    if hidden:
        note += f" Mean and SD of fewer than {FEWEST} scores are not shown; the download has every score."
    tables = {
        "scores": (
            scores,
            "By theme and wave" if several else "By theme",
            note,
            {
                "title": ("Score", "text"),
                **by_wave,
                "mean": ("Mean", "d2"),
                "sd": ("SD", "d2"),
                "n": ("Scored", "int"),
                "missing": ("Not scored", "int"),
                "prorated": ("Scored with items missing", "int"),
                "role": ("Part of", "text"),
            },
        ),
        "reasons": (
            _reasons(card, scale),
            "Why no score was given",
            "",
            {"title": ("Score", "text"), **by_wave, "reason": ("Reason", "text"), "n": ("Rows", "int")},
        ),
        "checks": (
            _checks(checked),
            "Checks for careless answering",
            "A flag is a reason to look, not to delete: slow or uniform answering may be a symptom. "
            f"{checked.n_flagged:,} of {checked.n_administrations:,} rows have enough flags to be marked."
            + (" All waves together." if several else ""),
            {
                "check": ("Check", "text"),
                "n_judged": ("Judged", "int"),
                "n_flagged": ("Flagged", "int"),
                "rule": ("Rule", "text"),
                "source": ("Source", "text"),
            },
        ),
        "missing": (
            _missing(checked, len(scale.item_ids)),
            "Missing answers",
            "",
            {
                **by_wave,
                "reason": ("Reason", "text"),
                "n": ("Answers", "int"),
                "share": ("Of all", "percent"),
            },
        ),
    }
    return {
        "tables": {name: frame.to_dict("list") for name, (frame, *_) in tables.items()},
        "captions": {
            name: {
                "title": title,
                "note": note,
                "columns": {key: {"label": label, "format": form} for key, (label, form) in columns.items()},
            }
            for name, (_, title, note, columns) in tables.items()
        },
    }


def _title(name: str, scale: Instrument) -> str:
    return "Total" if name == "total" else scale.theme(name).title


def _by_wave(card: Scorecard) -> Iterator[tuple[str, Scorecard]]:
    """Cards of the single waves in the order of the file: a person asked twice is no two people."""
    for wave in pd.unique(card.scores["wave"]):
        yield str(wave), replace(card, scores=card.scores[card.scores["wave"] == wave])


def _scores(card: Scorecard, scale: Instrument) -> tuple[pd.DataFrame, bool]:
    rows, hidden = [], False
    described = {wave: part.describe().to_dict("index") for wave, part in _by_wave(card)}
    for name in card.names:
        in_total = name in card.rule.total_themes
        role = "" if name == "total" else "the total" if in_total else scale.theme(name).role
        for wave, of_wave in described.items():
            row = of_wave[name]
            enough = int(row["n"]) >= FEWEST
            hidden = hidden or 0 < int(row["n"]) < FEWEST
            rows.append(
                {
                    "title": _title(name, scale),
                    "wave": wave,
                    "role": role,
                    "n": int(row["n"]),
                    "missing": int(row["missing"]),
                    "prorated": None if pd.isna(row["prorated"]) else int(row["prorated"]),
                    "mean": float(row["mean"]) if enough else None,
                    "sd": float(row["sd"]) if enough else None,
                }
            )
    return pd.DataFrame(rows).astype(object).where(lambda table: table.notna(), None), hidden


def _reasons(card: Scorecard, scale: Instrument) -> pd.DataFrame:
    rows = []
    parts = list(_by_wave(card))
    for name in card.names:
        for wave, part in parts:
            found = _lacking(part, name)
            title = _title(name, scale)
            rows += [{"title": title, "wave": wave, "reason": why, "n": n} for why, n in found.items() if n]
    return pd.DataFrame(rows, columns=["title", "wave", "reason", "n"])


def _lacking(card: Scorecard, name: str) -> dict[str, int]:
    """Count the rows without a score by the reason."""
    lacking = card.scores[card.scores[name].isna()]
    if name not in card.rule.theme_items:
        return {"a theme of the total has no score": len(lacking)}
    answered, applies = lacking[ANSWERED.format(name)], lacking[APPLICABLE.format(name)]
    return {
        "no item applies": int((applies == 0).sum()),
        "no item was answered": int(((applies > 0) & (answered == 0)).sum()),
        f"fewer than {card.rule.prorate_at:.0%} of the applicable items were answered": int(
            (answered > 0).sum()
        ),
    }


def _checks(checked: ScreeningResult) -> pd.DataFrame:
    table = checked.flags.loc[checked.flags["n_judged"] > 0, ["n_judged", "n_flagged", "rule", "source"]]
    return table.assign(check=[CHECKS.get(str(name), str(name)) for name in table.index])


def _missing(checked: ScreeningResult, n_items: int) -> pd.DataFrame:
    rows = []
    for wave in pd.unique(checked.table["wave"]):
        part = checked.table[checked.table["wave"] == wave]
        counts = part.filter(regex="^missing_(?!share$)").sum()
        of_all = len(part) * n_items
        rows += [
            {
                "wave": str(wave),
                "reason": _reason(str(name).removeprefix("missing_")),
                "n": int(n),
                "share": n / of_all,
            }
            for name, n in counts.items()
            if n
        ]
    return pd.DataFrame(rows, columns=["wave", "reason", "n", "share"])


def _reason(name: str) -> str:
    return "no reason given" if name == "unstated" else name.replace("_", " ")
