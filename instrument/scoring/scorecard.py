"""What scoring gives: the scores, the rule that made them, and their measurement error."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

import pandas as pd

ANSWERED, APPLICABLE, NOT_APPLICABLE = "{}_n", "{}_applicable", "{}_does_not_apply"
SEM = "{}_sem"


@dataclass(frozen=True, slots=True, kw_only=True)
class AppliedRule:
    """The rule behind a scorecard, complete enough to compute the scores again.

    `theme_items` gives the number of items of each theme; `prorate_at` the share of the applicable
    items that must be answered; `rescale` is None or "0-100".
    """

    instrument: str
    version: str
    content_hash: str
    method: Literal["mean", "sum"]
    prorate_at: float
    rescale: Literal["0-100"] | None
    theme_items: dict[str, int]
    reversed_items: tuple[str, ...]
    total: Literal["mean_of_theme_means", "none"]
    total_themes: tuple[str, ...]

    def describe(self, titles: Mapping[str, str] | None = None) -> str:
        """Say the rule in words; themes by their titles where these are given, else by their ids."""
        what = {"mean": "mean of the answered items", "sum": "that mean times the number of items"}
        unit = ", each item put on 0–100 first" if self.rescale else ""
        parts = [
            f"Theme score: {what[self.method]}{unit}, when at least {self.prorate_at:.0%} of the applicable "
            "items are answered.",
            f"Reversed before: {', '.join(self.reversed_items) or 'no item'}.",
        ]
        summed = [(titles or {}).get(theme, theme) for theme in self.total_themes]
        if len(summed) == 1:
            parts.append(f"Total: the score of {summed[0]}.")
        elif summed:
            parts.append(f"Total: mean of the theme means of {', '.join(summed)}, all required.")
        else:
            parts.append("No total.")
        return " ".join([*parts, f"Instrument {self.instrument} {self.version}."])


@dataclass(frozen=True, slots=True, kw_only=True, eq=False, repr=False)
class Scorecard:
    """Scores of every administration with the rule that made them.

    Attributes
    ----------
    scores
        One row per administration, in the order of the answers: `participant`, `wave`, one column per
        theme, `total` (when the instrument has one), then for each theme `<theme>_n` (items answered),
        `<theme>_applicable` (items that apply), `<theme>_does_not_apply` (share of its items answered
        "does not apply") and, for scores of known reliability, `<score>_sem`. NaN where the rule gives
        no score.
    rule
        The rule.
    sem
        Standard error of measurement by score; None when no reliability was given.
    reliability
        The reliabilities given, by score; None when none was.
    notes
        What was assumed.
    """

    scores: pd.DataFrame
    rule: AppliedRule
    sem: pd.Series | None = None
    reliability: pd.Series | None = None
    notes: tuple[str, ...] = ()

    @property
    def names(self) -> list[str]:
        """Names of the scores: the themes, then the total when there is one."""
        return [*self.rule.theme_items, *(["total"] if self.rule.total_themes else [])]

    def __repr__(self) -> str:
        """Give what was scored, without anyone's scores."""
        names = ", ".join(self.names[:6]) + (", …" if len(self.names) > 6 else "")
        return (
            f"Scorecard: {len(self.scores):,} administrations of {self.rule.instrument} {self.rule.version}\n"
            f"  scores: {names}\n"
            "  .describe() for their distribution, .to_frame() for the scores of each administration"
        )

    def to_frame(self) -> pd.DataFrame:
        """Give the scores, unrounded."""
        return self.scores.copy()

    def to_dict(self) -> dict[str, Any]:
        """Give everything as plain data, unrounded; None where there is no score."""
        return {
            "scores": {name: _plain(self.scores[name]) for name in self.scores.columns},
            "rule": dataclasses.asdict(self.rule)
            | {
                "reversed_items": list(self.rule.reversed_items),
                "total_themes": list(self.rule.total_themes),
            },
            "sem": None if self.sem is None else _named(self.sem),
            "reliability": None if self.reliability is None else _named(self.reliability),
            "notes": list(self.notes),
        }

    def describe(self) -> pd.DataFrame:
        """Describe each score.

        Returns
        -------
        pandas.DataFrame
            One row per score: `n` scored, `missing` not scored, `mean`, `sd`, `minimum`, `maximum`,
            `prorated` (scored with an applicable item unanswered), `does_not_apply` (share of the
            answers), `sem`. Unrounded; the last three are NA where they have no meaning.
        """
        rows = {}
        for name in self.names:
            values = self.scores[name]
            row: dict[str, Any] = {
                "n": int(values.notna().sum()),
                "missing": int(values.isna().sum()),
                "mean": values.mean(),
                "sd": values.std(),
                "minimum": values.min(),
                "maximum": values.max(),
                "prorated": pd.NA,
                "does_not_apply": pd.NA,
                "sem": pd.NA if self.sem is None or name not in self.sem.index else self.sem[name],
            }
            if name in self.rule.theme_items:
                fewer = (
                    self.scores[ANSWERED.format(name)] < self.scores[APPLICABLE.format(name)]
                ) & values.notna()
                row["prorated"] = int(fewer.sum())
                row["does_not_apply"] = self.scores[NOT_APPLICABLE.format(name)].mean()
            rows[name] = row
        return pd.DataFrame.from_dict(rows, orient="index").rename_axis("score")

    def summary(self, digits: int = 2) -> str:
        """Give the description of the scores and the rule as text, rounded."""
        table = self.describe()
        for column in ("mean", "sd", "minimum", "maximum", "does_not_apply", "sem"):
            table[column] = [
                "" if pd.isna(value) else f"{float(value):.{digits}f}" for value in table[column]
            ]
        table["prorated"] = ["" if pd.isna(value) else str(value) for value in table["prorated"]]
        return "\n".join([table.to_string(), self.rule.describe(), *self.notes])


def _plain(column: pd.Series) -> list[Any]:
    return [None if pd.isna(value) else value for value in column.tolist()]


def _named(values: pd.Series) -> dict[str, float | None]:
    return {str(name): None if pd.isna(value) else float(value) for name, value in values.items()}
