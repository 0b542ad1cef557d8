"""The parameter table: what the model says, completed by the defaults of confirmatory factor analysis."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import combinations

from analysis.structural.language.rotation_options import Rotation
from analysis.structural.language.syntax import FREE, Formula, Statement, Syntax, syntax_error
from instrument.errors import DefinitionError, fact_and_hint, name_offenders

EQUALITIES = (
    "loadings",
    "intercepts",
    "means",
    "thresholds",
    "regressions",
    "residuals",
    "residual.covariances",
    "lv.variances",
    "lv.covariances",
)

IMPLIED = ("loading", "block", "variance", "intercept", "centre")


@dataclass(slots=True)
class Row:
    """One parameter of one group; `fixed` is NaN when the parameter is free."""

    lhs: str
    op: str
    rhs: str
    group: int = 0
    user: bool = False
    fixed: float = math.nan
    start: float = math.nan
    label: str = ""
    exogenous: bool = False
    computed: bool = False
    freed: bool = False
    free: int = -1
    role: str = ""  # auxiliary; beside composites: weight, mean, or an implied entry (`IMPLIED`)
    lower: float = -math.inf
    upper: float = math.inf
    anchored: bool = False  # zero in the search for an unrotated solution, free in the rotated one

    @property
    def is_free(self) -> bool:
        """Whether the parameter is estimated."""
        return math.isnan(self.fixed) and not self.exogenous and not self.computed

    @property
    def implied(self) -> bool:
        """Whether weights of a composite decide the value."""
        return self.role in IMPLIED

    @property
    def hidden(self) -> bool:
        """Whether the row is there for the matrices only."""
        return self.role in ("loading", "intercept", "auxiliary")

    @property
    def name(self) -> str:
        """The parameter in the model language."""
        return f"{self.lhs} ~ 1" if self.op == "~1" else f"{self.lhs} {self.op} {self.rhs}"


@dataclass(frozen=True, slots=True)
class Names:
    """The variables of a model, sorted by role."""

    observed: list[str]
    latent: list[str]
    indicators: list[str]
    exogenous: list[str]
    outcomes: list[str]
    latent_exogenous: list[str]
    latent_outcomes: list[str]
    composites: list[str] = field(default_factory=list)  # among the latent ones
    components: list[str] = field(default_factory=list)
    exploratory: dict[str, str] = field(default_factory=dict)  # factor -> its exploratory block
    auxiliary: list[str] = field(default_factory=list)  # beside the model, for what is missing
    predictors: list[str] = field(default_factory=list)  # observed ones with moments of their own


@dataclass(frozen=True, slots=True, kw_only=True)
class TableOptions:
    """Everything that decides the defaults."""

    n_groups: int = 1
    ordered: Mapping[str, int] = field(default_factory=dict)  # item -> number of categories
    meanstructure: bool = False
    std_lv: bool = False
    orthogonal: bool = False
    parameterization: str = "delta"
    group_equal: Sequence[str] = ()
    group_partial: Sequence[str] = ()
    growth: bool = False  # means belong to the latent variables, observed intercepts are 0
    rotation: Rotation | None = None  # of exploratory blocks
    predictors: Sequence[str] = ()  # observed ones with moments of their own, which no equality holds
    split: Sequence[
        str
    ] = ()  # at level 2, of both levels: ordered ones have residual variances and no scales


@dataclass(slots=True)
class ParameterTable:
    """All rows, with the names they speak of and the formulas over labels."""

    rows: list[Row]
    names: Names
    options: TableOptions
    definitions: list[Formula]
    constraints: list[Formula]
    level_names: tuple[Names, ...] = ()  # of a two-level model: within, between

    @property
    def n_levels(self) -> int:
        """Levels; each level of each group of a two-level model counts as a group of rows."""
        return len(self.level_names) or 1

    def names_of(self, block: int) -> Names:
        """Variables of a group, or of a level of a group."""
        return self.level_names[block % self.n_levels] if self.level_names else self.names

    def ordered_of(self, block: int) -> Mapping[str, int]:
        """Ordinal items of a group of rows with their categories; parts between clusters are continuous."""
        if self.level_of(block) != 2:
            return self.options.ordered
        both = self.level_names[0].observed
        return {name: count for name, count in self.options.ordered.items() if name not in both}

    def level_of(self, block: int) -> int:
        """Level of a group of rows: 1 within, 2 between; 0 where there are no levels."""
        return block % 2 + 1 if self.level_names else 0

    def label_of(self, block: int, labels: Sequence[object]) -> object:
        """Label of the group that a group of rows belongs to."""
        return labels[block // self.n_levels]

    def block_name(self, block: int, labels: Sequence[object]) -> str:
        """Name group and level for messages; empty where there is one of both."""
        parts = [] if len(labels) == 1 else [str(self.label_of(block, labels))]
        parts += [f"level {self.level_of(block)}"] if self.level_names else []
        return ", ".join(parts)

    @property
    def n_free(self) -> int:
        """Free parameters before equality constraints."""
        return sum(row.free >= 0 for row in self.rows)

    def free_rows(self) -> list[Row]:
        """Give the free rows in the order of their index."""
        return [row for row in self.rows if row.free >= 0]


def _unique(values: Sequence[str]) -> list[str]:
    return list(dict.fromkeys(values))


def sort_names(syntax: Syntax) -> Names:
    """Sort the variables of a model by role."""
    rows = syntax.statements
    composites = _unique([s.lhs for s in rows if s.op == "<~"])
    components = _unique([s.rhs for s in rows if s.op == "<~"])
    latent = _unique([s.lhs for s in rows if s.op in ("=~", "<~")])
    lat = set(latent)
    indicated = _unique([s.rhs for s in rows if s.op in ("=~", "<~")])
    outcomes = _unique([s.lhs for s in rows if s.op == "~"])
    predictors = _unique([s.rhs for s in rows if s.op == "~"])
    mentioned = {n for s in rows if s.op in ("~~", "~1", "~*~") for n in (s.lhs, s.rhs)}
    mentioned |= {s.lhs for s in rows if s.op == "|"}  # right of it stands a threshold, not a variable
    indicators = [n for n in indicated if n not in lat]
    exogenous = [n for n in predictors if n not in lat and n not in indicated and n not in outcomes]
    others = []
    for s in rows:
        if s.op in ("~~", "~1", "|", "~*~"):
            others += [s.lhs] if s.op in ("~1", "|") else [s.lhs, s.rhs]
    in_paths = [n for n in outcomes if n not in lat]
    observed = _unique([*indicators, *in_paths, *exogenous, *(n for n in others if n not in lat)])
    last = [n for n in outcomes if n not in indicated and n not in predictors]
    return Names(
        observed=observed,
        latent=latent,
        indicators=indicators,
        exogenous=[n for n in exogenous if n not in mentioned],
        outcomes=[n for n in last if n not in lat],
        latent_exogenous=[n for n in latent if n not in outcomes and n not in indicated],
        latent_outcomes=[n for n in last if n in lat],
        composites=composites,
        components=components,
        exploratory={s.lhs: s.block for s in rows if s.block},
    )


def build_table(syntax: Syntax, options: TableOptions, caller: str = "sem") -> ParameterTable:
    """Complete a parsed model with defaults, repeat it over groups and number the free parameters.

    Parameters
    ----------
    syntax
        The parsed model.
    options
        Groups, ordered items, identification and equality constraints.
    caller
        The public function named in messages.

    Returns
    -------
    ParameterTable
        Rows in the order: as written, thresholds, variances, covariances, scales, intercepts.

    Raises
    ------
    DefinitionError
        For modifiers that do not fit the groups and unknown equality constraints.
    """
    _check_equalities(options, caller)
    names = replace(sort_names(syntax), predictors=list(options.predictors))
    rows: list[Row] = []
    for group in range(options.n_groups):
        block = [_user_row(s, group, options.n_groups, caller) for s in syntax.statements]
        block += _default_rows(block, names, options, group)
        block += composite_rows(block, names, group)
        _fix_scales(block, names, options)
        rows += block
    _follow_names(rows, caller)
    _release_in_later_groups(rows, names, options)
    _check_partial(rows, options, caller)
    _equate_groups(rows, names, options)
    _fix_by_label(rows, caller)
    for row in rows:
        if row.op == "~~" and row.lhs == row.rhs and row.lhs in options.ordered:
            row.computed = options.parameterization == "delta" and row.lhs not in options.split
        elif row.op == "~*~":
            row.computed = options.parameterization == "theta"
    free = 0
    for row in rows:
        if row.is_free:
            row.free, free = free, free + 1
    return ParameterTable(rows, names, options, syntax.definitions, syntax.constraints)


def _check_equalities(options: TableOptions, caller: str) -> None:
    unknown = [name for name in options.group_equal if name not in EQUALITIES]
    if unknown:
        raise DefinitionError(
            fact_and_hint(
                caller, f"unknown group_equal {name_offenders(unknown)}.", f"choose of {list(EQUALITIES)}."
            )
        )
    if options.group_equal and options.n_groups < 2:
        raise DefinitionError(
            fact_and_hint(caller, "group_equal needs groups.", "name a grouping column with group=.")
        )


def _user_row(statement: Statement, group: int, n_groups: int, caller: str) -> Row:
    modifier = statement.modifier
    for values in (modifier.fixed, modifier.labels, modifier.starts):
        if len(values) not in (0, 1, n_groups):
            raise syntax_error(
                caller,
                statement,
                f"'{statement.lhs} {statement.op} {statement.rhs}' has {len(values)} modifiers "
                f"for {n_groups} group(s).",
                "give one for all groups or one per group with c().",
            )
    fixed = modifier.fixed[group % len(modifier.fixed)] if modifier.fixed else None
    label = modifier.labels[group % len(modifier.labels)] if modifier.labels else None
    start = modifier.starts[group % len(modifier.starts)] if modifier.starts else None
    row = Row(statement.lhs, statement.op, statement.rhs, group, True, label=label or "")
    row.fixed = fixed if isinstance(fixed, float) else math.nan
    row.freed = fixed == FREE
    row.start = math.nan if start is None else start
    return row


def _default_rows(block: list[Row], names: Names, options: TableOptions, group: int) -> list[Row]:
    """List the rows the user left out."""
    present = {(r.lhs, r.op, r.rhs) for r in block}
    present |= {(r.rhs, r.op, r.lhs) for r in block if r.op == "~~"}
    added: list[Row] = []

    def add(lhs: str, op: str, rhs: str, fixed: float = math.nan, exogenous: bool = False) -> None:
        if (lhs, op, rhs) not in present:
            present.add((lhs, op, rhs))
            if op == "~~":  # an item may bear the name of a threshold: t1 | t2 is not t2 | t1
                present.add((rhs, op, lhs))
            added.append(Row(lhs, op, rhs, group, fixed=fixed, exogenous=exogenous))

    random = [n for n in names.observed if n not in names.exogenous]
    ordered = [n for n in names.observed if n in options.ordered]
    for item in ordered:
        for k in range(1, options.ordered[item]):
            add(item, "|", f"t{k}")
    for name in random:
        add(name, "~~", name, 1.0 if name in ordered and name not in options.split else math.nan)
    for name in names.latent:
        add(name, "~~", name)
    rigid = options.rotation is not None and options.rotation.orthogonal
    for one, two in combinations(names.exploratory, 2):
        if same_block(names, one, two):
            add(one, "~~", two, 0.0 if rigid else math.nan)
    apart = 0.0 if options.orthogonal else math.nan
    for one, two in combinations(names.latent_exogenous, 2):
        add(one, "~~", two, apart)
    for one, two in combinations([*names.latent_outcomes, *names.outcomes], 2):
        add(one, "~~", two)
    for k, one in enumerate(names.exogenous):
        for two in names.exogenous[k:]:
            add(one, "~~", two, exogenous=True)
    for item in ordered:
        if item not in options.split:
            add(item, "~*~", item, 1.0)
    if options.meanstructure:
        for name in random:
            add(name, "~1", "", 0.0 if options.growth or name in options.ordered else math.nan)
        for name in names.exogenous:
            add(name, "~1", "", exogenous=True)
        for name in names.latent:
            add(name, "~1", "", math.nan if options.growth else 0.0)
    return added


def composite_rows(block: list[Row], names: Names, group: int) -> list[Row]:
    """Mark what the weights of composites decide, and add the entries that the matrices need."""
    added: list[Row] = []
    owner = {r.rhs: r.lhs for r in block if r.op == "<~"}
    for row in block:
        if row.op == "~~" and row.lhs == row.rhs:
            row.role = "block" if row.lhs in owner else "variance" if row.lhs in names.composites else ""
        elif row.op == "~1":
            row.role = "mean" if row.lhs in owner else "centre" if row.lhs in names.composites else ""
            if row.role == "centre":
                row.fixed = math.nan
            elif row.role == "mean":
                added.append(Row(row.lhs, "~1", "", group, role="intercept"))
        elif row.op == "<~":
            row.role = "weight"
    for name in names.composites:
        parts = [part for part, own in owner.items() if own == name]
        added += [Row(one, "~~", two, group, role="block") for one, two in combinations(parts, 2)]
        added += [Row(name, "=~", part, group, role="loading") for part in parts]
    return added


def _fix_scales(block: list[Row], names: Names, options: TableOptions) -> None:
    """Give latent variables a scale; a single indicator measures without error."""
    for latent in names.latent:
        loadings = [r for r in block if r.op in ("=~", "<~") and r.lhs == latent and not r.hidden]
        variance = next(r for r in block if r.op == "~~" and r.lhs == latent and r.rhs == latent)
        if (options.std_lv or latent in names.exploratory) and latent not in names.composites:
            if not variance.user:
                variance.fixed = 1.0
        elif math.isnan(loadings[0].fixed) and not loadings[0].freed:
            loadings[0].fixed = 1.0
        if len(loadings) == 1 and latent not in names.composites:
            for row in block:
                single = row.op == "~~" and row.lhs == row.rhs == loadings[0].rhs and not row.user
                apart = row.lhs in options.split or row.lhs not in options.ordered
                if single and apart and row.lhs not in names.latent:
                    row.fixed = 0.0


def _release_in_later_groups(rows: list[Row], names: Names, options: TableOptions) -> None:
    """Free what equality constraints identify in the second and later groups.

    Ordinal items follow Wu and Estabrook (2016): equal thresholds fix the metric of the latent responses, so
    their intercepts and scales become free; equal intercepts move the freedom to the means of the factors.
    """
    equal = set(options.group_equal)
    latent = set(names.latent)
    tied = _equal_thresholds(rows, options)
    for row in rows:
        if row.group == 0 or row.user or row.role:
            continue
        own_variance = row.op == "~~" and row.lhs == row.rhs
        if row.op == "~1" and row.lhs in latent:
            free = "intercepts" in equal and "means" not in equal
        elif row.op == "~1" and row.lhs in options.ordered:
            same = "intercepts" in equal and f"{row.lhs}~1" not in _exempt(options)
            free = tied[row.lhs] > 0 and not same
        elif own_variance and row.lhs in latent:
            unit = options.std_lv or row.lhs in names.exploratory
            free = unit and "loadings" in equal and "lv.variances" not in equal
        elif row.op == "~~" and same_block(names, row.lhs, row.rhs):
            free = "loadings" in equal and "lv.covariances" not in equal
        elif row.op == "~*~":
            free = _scale_is_free(tied[row.lhs], equal) and options.parameterization == "delta"
        elif own_variance and row.lhs in options.ordered and row.lhs not in options.split:
            free = _scale_is_free(tied[row.lhs], equal) and "residuals" not in equal
            free = free and options.parameterization == "theta"
        else:
            free = False
        if free:
            row.fixed = math.nan


def same_block(names: Names, one: str, two: str) -> bool:
    """Say whether two variables are factors of one exploratory block."""
    return one in names.exploratory and names.exploratory[one] == names.exploratory.get(two)


def _equal_thresholds(rows: list[Row], options: TableOptions) -> dict[str, int]:
    """Count, for each ordinal item, the thresholds that are held equal between groups."""
    counts = dict.fromkeys(options.ordered, 0)
    if "thresholds" in options.group_equal:
        exempt = _exempt(options)
        for row in rows:
            if row.op == "|" and row.group == 0 and _written(row) not in exempt:
                counts[row.lhs] += 1
    return counts


def _scale_is_free(n_equal: int, equal: set[str]) -> bool:
    """Say whether the scale of an item is identified: by two thresholds, or by one beside equal lines.

    One threshold gives one equation for intercept and scale; only equal loadings and intercepts add others.
    """
    return n_equal >= 2 or (n_equal == 1 and {"loadings", "intercepts"} <= equal)


def _exempt(options: TableOptions) -> set[str]:
    return {"".join(text.split()) for text in options.group_partial}


def equality_class(row: Row, names: Names) -> str:
    """Say which of the equality constraints between groups a row falls under ("" for none)."""
    latent = set(names.latent)
    if row.role or (row.lhs in names.predictors and row.op in ("~~", "~1")):
        return ""
    if row.op == "~~":
        if row.lhs in latent and row.rhs in latent:
            return "lv.variances" if row.lhs == row.rhs else "lv.covariances"
        if row.exogenous or row.lhs in latent or row.rhs in latent:
            return ""
        return "residuals" if row.lhs == row.rhs else "residual.covariances"
    if row.op == "~1":
        return "means" if row.lhs in latent else ("" if row.exogenous else "intercepts")
    return {"=~": "loadings", "|": "thresholds", "~": "regressions"}.get(row.op, "")


def _written(row: Row) -> str:
    return f"{row.lhs}~1" if row.op == "~1" else f"{row.lhs}{row.op}{row.rhs}"


def _check_partial(rows: list[Row], options: TableOptions, caller: str) -> None:
    known = {_written(row) for row in rows} | {f"{r.rhs}~~{r.lhs}" for r in rows if r.op == "~~"}
    unknown = [text for text in options.group_partial if "".join(text.split()) not in known]
    if unknown:
        raise DefinitionError(
            fact_and_hint(
                caller,
                f"group_partial names what is not in the model: {name_offenders(unknown)}.",
                "write parameters as 'f=~x2', 'x3|t2', 'x3~~x3' or 'x3~1'.",
            )
        )
    if options.group_partial and not options.group_equal:
        raise DefinitionError(
            fact_and_hint(
                caller, "group_partial exempts from nothing.", "say what is equal with group_equal=."
            )
        )


def _equate_groups(rows: list[Row], names: Names, options: TableOptions) -> None:
    """Give rows of later groups the label of their twin in the first group."""
    exempt = _exempt(options)
    first = {(r.lhs, r.op, r.rhs): (k, r) for k, r in enumerate(rows) if r.group == 0}
    for row in rows:
        key = (row.lhs, row.op, row.rhs)
        turned = f"{row.rhs}~~{row.lhs}" if row.op == "~~" else ""
        if row.group == 0 or key not in first or exempt & {_written(row), turned}:
            continue
        place, twin = first[key]
        wanted = equality_class(row, names) in options.group_equal
        user_said = bool(row.label) and row.label != twin.label
        if wanted and row.is_free and twin.is_free and not user_said:
            twin.label = twin.label or f".p{place + 1}."
            row.label = twin.label


def _follow_names(rows: list[Row], caller: str) -> None:
    """Let equal("f=~x1") mean that parameter, of the same group where it has several."""
    pending = [row for row in rows if "~" in row.label]
    twin_of: dict[int, Row] = {}
    for row in pending:
        wanted = "".join(row.label.split())
        twins = [r for r in rows if r.group == row.group and _written(r) == wanted and r is not row]
        if not twins:
            raise DefinitionError(
                fact_and_hint(
                    caller,
                    f"equal({row.label!r}) names no other parameter of the model.",
                    "write it as in the model, or give both one label.",
                )
            )
        twin_of[id(row)] = twins[0]
    while pending:
        waiting = {id(row) for row in pending}
        ready = [row for row in pending if id(twin_of[id(row)]) not in waiting]
        if not ready:
            raise DefinitionError(
                fact_and_hint(
                    caller,
                    f"equal({pending[0].label!r}) leads back to itself.",
                    "let one of the parameters stand without equal().",
                )
            )
        for row in ready:
            twin, wanted = twin_of[id(row)], "".join(row.label.split())
            if not twin.label:
                twin.label = wanted if row.group == 0 else f"{wanted}.g{row.group + 1}"
            row.label = twin.label
        pending = [row for row in pending if not any(row is one for one in ready)]


def _fix_by_label(rows: list[Row], caller: str) -> None:
    """Fix what shares its label with a fixed parameter, such as a first loading: equal is equal."""
    values: dict[str, float] = {}
    for row in rows:
        if not row.label or math.isnan(row.fixed):
            continue
        if values.setdefault(row.label, row.fixed) != row.fixed:
            raise DefinitionError(
                fact_and_hint(
                    caller,
                    f"label {row.label!r} names parameters fixed at {values[row.label]:g} and at "
                    f"{row.fixed:g}.",
                    "give them different labels.",
                )
            )
    for row in rows:
        if row.is_free and row.label in values:
            row.fixed = values[row.label]


def compact(table: ParameterTable, rows: list[Row]) -> ParameterTable:
    """Give a table with other rows, renumbered."""
    copies = [replace(row, free=-1) for row in rows]
    free = 0
    for row in copies:
        if row.is_free:
            row.free, free = free, free + 1
    return replace(table, rows=copies)
