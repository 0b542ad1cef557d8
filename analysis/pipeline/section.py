"""One section of the results tree: what was asked, what came out, how, and by which rule it is judged."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any, Literal

import pandas as pd

from analysis.common.result import to_plain
from analysis.common.rules import FEWEST_PEOPLE, Rule
from analysis.common.verdicts import Cause, Property, Question, Verdict
from analysis.disclosure.kinds import Kind, refuse_unsaid
from analysis.disclosure.ledger import Account
from analysis.twins import Twins

if TYPE_CHECKING:
    from analysis.pipeline.context import Context

Status = Literal["ok", "failed", "untestable", "not_applicable"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Curve:
    """The columns of a survival curve: it is thinned until five people stand behind each step."""

    time: str
    at_risk: str
    events: str
    by: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """A table with its heading, the label and format of each column, and a note.

    `columns` maps a column to `(label, format)`; the format is one of `text`, `int`, `percent`,
    `p`, or `dN` for N decimals. A column left out of `columns` is data only: it is in
    `results.json` and in the CSV, not on paper. `kinds` says of every column of the frame what it is
    (`analysis.disclosure.kinds`); there is no kind by default. `sums` names columns that add up to another
    in every row, `curve` the columns of a survival curve, and `answers_of` the table (and its column of
    items) with statistics of the items whose options are shared out here.
    """

    frame: pd.DataFrame
    title: str
    columns: Mapping[str, tuple[str, str]]
    note: str = ""
    kinds: Mapping[str, Kind] = field(default_factory=dict)
    sums: Sequence[tuple[Sequence[str], str]] = ()
    curve: Curve | None = None
    answers_of: tuple[str, str] | None = None

    def caption(self) -> dict[str, Any]:
        """Give heading, column labels, formats, kinds and note as plain data.

        Raises
        ------
        KindError
            A column has no kind.
        """
        keys = list(map(str, self.frame.columns))
        refuse_unsaid(f"table {self.title!r}", keys, self.kinds)
        shown = {key: {"label": label, "format": fmt} for key, (label, fmt) in self.columns.items()}
        made: dict[str, Any] = {"title": self.title, "columns": shown, "note": self.note}
        made["kinds"] = {key: self.kinds[key].plain() for key in keys}
        made |= {"sums": [[list(parts), whole] for parts, whole in self.sums]} if self.sums else {}
        made |= {"curve": asdict(self.curve)} if self.curve is not None else {}
        return made | ({"answers_of": list(self.answers_of)} if self.answers_of is not None else {})


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """A claim with the number it rests on, the rule that judges it and the rule's source.

    `untested` says why there is nothing to judge: the fit behind the number is improper, the sample too
    small, the number could not be had. A number that is missing or not finite is never judged.
    """

    claim: str
    value: float | None
    rule: Rule
    path: str
    question: Question
    note: str = ""
    untested: Cause | None = None

    @property
    def cause(self) -> Cause | None:
        """Why the claim could not be tested; None where it was."""
        if self.untested is not None:
            return self.untested
        known = self.value is not None and math.isfinite(self.value)
        return None if known else Cause.NOT_ESTIMATED

    @property
    def verdict(self) -> Verdict:
        """What the rule says."""
        if self.cause is Cause.COMPOSITE:
            return Verdict.DOES_NOT_APPLY
        if self.cause is not None or self.value is None:
            return Verdict.UNTESTED
        return Verdict.MET if self.rule.holds(self.value) else Verdict.NOT_MET

    def plain(self) -> dict[str, Any]:
        """Give the finding as plain data; `passed` is None where nothing was tested."""
        verdict = self.verdict
        bears_on = self.question.bears_on
        return {
            "claim": self.claim,
            "value": to_plain(self.value),
            "rule": str(self.rule),
            "source": self.rule.source,
            "note": self.note or self.rule.note,
            "verdict": verdict.value,
            "cause": None if self.cause is None else self.cause.value,
            "passed": {Verdict.MET: True, Verdict.NOT_MET: False}.get(verdict),
            "question": self.question.text,
            "property": None if bears_on is None else bears_on.value,
            "cutoff": self.rule.cutoff,
            "higher": self.rule.comparison in (">=", ">"),
            "format": self.rule.form,
            "path": self.path,
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Untested:
    """What a part of a section could not be asked of these data, and why; no failure."""

    what: str
    cause: Cause

    def plain(self) -> dict[str, str]:
        """Give it as plain data."""
        return {"what": self.what, "cause": self.cause.value}


@dataclass(frozen=True, slots=True, kw_only=True)
class Section:
    """What a topic hands over.

    `prose` holds sentences with places such as `{alpha_lowest:d2}` that are filled from `values`
    when rendered, so every number printed is in the tree. `n_kind`, `value_kinds` and `option_kinds` say
    what `n`, each value and each option is; there is no kind by default. `account` holds the sums that a
    reader knows of the counts.
    """

    estimator: str
    n: int | None
    n_kind: Kind
    missing: str
    prose: Sequence[str]
    values: Mapping[str, Any] = field(default_factory=dict)
    tables: Mapping[str, Table] = field(default_factory=dict)
    findings: Sequence[Finding] = ()
    figures: Sequence[str] = ()
    value_kinds: Mapping[str, Kind] = field(default_factory=dict)
    options: Mapping[str, Any] = field(default_factory=dict)
    option_kinds: Mapping[str, Kind] = field(default_factory=dict)
    account: Account = field(default_factory=Account)
    seed: int | None = None
    problems: Sequence[str] = ()
    untested: Sequence[Untested] = ()

    def plain(self) -> dict[str, Any]:
        """Give the section as plain data.

        Raises
        ------
        KindError
            A value, an option or a column has no kind.
        """
        for what, kinds in ((self.values, self.value_kinds), (self.options, self.option_kinds)):
            refuse_unsaid(f"section by {self.estimator}", what, kinds)
        return {
            "message": "",
            "problems": list(self.problems),
            "untested": [part.plain() for part in self.untested],
            "prose": list(self.prose),
            "method": {
                "estimator": self.estimator,
                "n": to_plain(self.n),
                "missing": self.missing,
                "seed": self.seed,
                "options": to_plain(self.options),
                "software": [],
            },
            "values": to_plain(self.values),
            "tables": {name: to_plain(_flat(table.frame)) for name, table in self.tables.items()},
            "captions": {name: table.caption() for name, table in self.tables.items()},
            "findings": [finding.plain() for finding in self.findings],
            "figures": list(self.figures),
            "kinds": {
                "n": self.n_kind.plain(),
                "values": {key: self.value_kinds[key].plain() for key in self.values},
                "options": {key: self.option_kinds[key].plain() for key in self.options},
            },
            "account": self.account.plain(),
        }


def _flat(frame: pd.DataFrame) -> pd.DataFrame:
    return frame.reset_index(drop=True).rename(columns=str)


def of_sample(context: Context) -> Cause | None:
    """Say whether the people of the first wave bear any verdict: `FEW_PEOPLE`, or None where they do."""
    return None if FEWEST_PEOPLE.holds(len(context.items)) else Cause.FEW_PEOPLE


@dataclass(frozen=True, slots=True, kw_only=True)
class Topic:
    """A question of the validation, and the function that answers it.

    `lacks` says in a sentence what is missing when the topic cannot be asked of these data, `short` what
    sample is too small for it; both give an empty string otherwise. `people` is the smallest number of
    people for which it is tried at all; `enough` gives the cause why people or items are too few for a
    verdict, None where they are enough. `bears_on` names the measurement properties whose rules it asks,
    `subject` what it is about in two or three words. `reflective` topics suppose that one thing shows in the
    items of a theme: they are asked of the other themes only where some are composites. `predicts` says that
    scores predict use or outcome, so that a plan may leave out items that come near to these. `of_use`
    topics are about something that people use: where there is nothing, papers and pages do not say that they
    were not asked. `twins` names the call of R that gives each number of a section; `analysed` gives, by
    name, tables that such calls need beside the answers, one row per person: they go where answers go.
    """

    name: str
    title: str
    question: str
    run: Callable[[Context], Section]
    lacks: Callable[[Context], str] = lambda context: ""
    short: Callable[[Context], str] = lambda context: ""
    people: int = 0
    enough: Callable[[Context], Cause | None] = of_sample
    bears_on: tuple[Property, ...] = ()
    subject: str = ""
    reflective: bool = False
    predicts: bool = False
    of_use: bool = False
    twins: Callable[[Context, Section], Twins] = lambda context, section: Twins()
    analysed: Callable[[Context], Mapping[str, pd.DataFrame]] = lambda context: {}
