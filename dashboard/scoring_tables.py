"""Tables of a scored file, in the form that the report's tables have: counts, means, checks; no person."""

from __future__ import annotations

from typing import Any

import pandas as pd

from analysis.report.small_cells import LIMIT
from analysis.screening import ScreeningResult
from instrument.definition import Instrument
from instrument.scorecard import ANSWERED, APPLICABLE, Scorecard

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
    note = card.rule.describe()
    if hidden:
        note += f" Mean and SD of fewer than {FEWEST} scores are not shown; the download has every score."
    tables = {
        "scores": (
            scores,
            "By theme",
            note,
            {
                "title": ("Score", "text"),
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
            {"title": ("Score", "text"), "reason": ("Reason", "text"), "n": ("Rows", "int")},
        ),
        "checks": (
            _checks(checked),
            "Checks for careless answering",
            "A flag is a reason to look, not to delete: slow or uniform answering may be a symptom. "
            f"{checked.n_flagged:,} of {checked.n_administrations:,} rows have enough flags to be marked.",
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
            {"reason": ("Reason", "text"), "n": ("Answers", "int"), "share": ("Of all", "percent")},
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


def _scores(card: Scorecard, scale: Instrument) -> tuple[pd.DataFrame, bool]:
    described = card.describe().to_dict("index")
    rows, hidden = [], False
    for name in card.names:
        row = described[name]
        enough = int(row["n"]) >= FEWEST
        hidden = hidden or 0 < int(row["n"]) < FEWEST
        in_total = name in card.rule.total_themes
        rows.append(
            {
                "title": _title(name, scale),
                "role": "" if name == "total" else "the total" if in_total else scale.theme(name).role,
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
    for name in card.names:
        lacking = card.scores[card.scores[name].isna()]
        if name not in card.rule.theme_items:
            found = {"a theme of the total has no score": len(lacking)}
        else:
            answered, applies = lacking[ANSWERED.format(name)], lacking[APPLICABLE.format(name)]
            found = {
                "no item applies": int((applies == 0).sum()),
                "no item was answered": int(((applies > 0) & (answered == 0)).sum()),
                f"fewer than {card.rule.prorate_at:.0%} of the applicable items were answered": int(
                    (answered > 0).sum()
                ),
            }
        rows += [{"title": _title(name, scale), "reason": why, "n": n} for why, n in found.items() if n]
    return pd.DataFrame(rows, columns=["title", "reason", "n"])


def _checks(checked: ScreeningResult) -> pd.DataFrame:
    table = checked.flags.loc[checked.flags["n_judged"] > 0, ["n_judged", "n_flagged", "rule", "source"]]
    return table.assign(check=[CHECKS.get(str(name), str(name)) for name in table.index])


def _missing(checked: ScreeningResult, n_items: int) -> pd.DataFrame:
    counts = checked.table.filter(regex="^missing_(?!share$)").sum()
    of_all = len(checked.table) * n_items
    rows = [
        {"reason": _reason(str(name).removeprefix("missing_")), "n": int(n), "share": n / of_all}
        for name, n in counts.items()
        if n
    ]
    return pd.DataFrame(rows, columns=["reason", "n", "share"])


def _reason(name: str) -> str:
    return "no reason given" if name == "unstated" else name.replace("_", " ")
