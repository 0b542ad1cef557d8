"""Measurement first, structure second: blocks, mapping of factors, and the errors of both steps."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from analysis.structural.estimation.categorical import build_ordinal_group, evaluate_ordinal, ordinal_jacobian
from analysis.structural.estimation.continuous import indices_at
from analysis.structural.estimation.continuous_groups import (
    ExogenousValues,
    Setting,
    exogenous_values,
    summarise_groups,
)
from analysis.structural.estimation.expressions import reduce_parameters
from analysis.structural.estimation.fiml import FimlDiscrepancy
from analysis.structural.estimation.fitted import Fitted, ScaledTest, parameter_names, refuse_unconverged
from analysis.structural.estimation.independence import independence_test
from analysis.structural.estimation.indices import Statistic, index_set, residual_square
from analysis.structural.estimation.information import Block, moment_rows, parameter_scores
from analysis.structural.estimation.normal import Moments, NormalDiscrepancy
from analysis.structural.estimation.optimise import Minimum, Reduction, minimise
from analysis.structural.estimation.ordinal import gamma_of, least_squares_weights, summarise_ordinal
from analysis.structural.estimation.ram import Array, State, build_group, evaluate, vech_places
from analysis.structural.families.two_step_errors import first_pulls
from analysis.structural.fitting import ORDINAL_ESTIMATORS, Prepared, estimate
from analysis.structural.language.partable import ParameterTable, Row, build_table, compact
from analysis.structural.language.syntax import Syntax
from instrument.errors import DefinitionError, NotEstimableError, fact_and_hint, name_offenders

MEASURED = ("loadings", "intercepts", "thresholds", "residuals", "residual.covariances")
LEAST_EIGENVALUE = 1e-8
UNKNOWN = ("pvalue", "rmsea_ci_lower", "rmsea_ci_upper", "rmsea_pvalue")  # of rows in clusters or not normal


@dataclass(frozen=True, slots=True, kw_only=True)
class TwoSteps:
    """What both steps found."""

    joint: Fitted
    measurement: list[Fitted]
    fit: dict[str, float]
    reliability: list[tuple[object, str, float]]
    steps: list[int]


def check_two_steps(ready: Prepared, method: str, caller: str) -> None:
    """Raise for what two steps cannot tell apart."""
    names, table = ready.table.names, ready.table
    latent, items = set(names.latent), set(names.indicators)

    def refuse(fact: str, hint: str) -> None:
        raise DefinitionError(fact_and_hint(caller, fact, hint))

    if not latent:
        refuse("the model has no latent variables.", "use sem for paths among observed variables.")
    if names.composites or names.exploratory or table.level_names:
        refuse("composites, exploratory blocks and levels are not fitted in two steps.", "use sem.")
    if table.constraints:
        refuse("constraints are not supported in two steps.", "use labels, or sem.")
    higher = [r.rhs for r in table.rows if r.op == "=~" and r.rhs in latent]
    if higher:
        refuse(
            f"latent variables are indicators: {name_offenders(higher)}.", "use sem for factors of factors."
        )
    odd = [r.name for r in table.rows if r.op == "~" and {r.lhs, r.rhs} & items]
    odd += [
        r.name for r in table.rows if r.op == "~~" and len({r.lhs, r.rhs} & items) == 1 and r.lhs != r.rhs
    ]
    if odd:
        refuse(f"indicators stand in the structure: {name_offenders(odd)}.", "use sem for such a model.")
    if not any(r.op == "~" or (r.op == "~~" and r.lhs != r.rhs and r.lhs in latent) for r in table.rows):
        refuse("the model has no structure among its factors.", "add paths, or use cfa.")
    if held := _held_beside(table):
        refuse(
            f"means of observed variables are held or equal: {name_offenders(held)}.",
            "let them be free: they count from their mean in two steps; or use sem.",
        )
    if ready.estimator in ORDINAL_ESTIMATORS:
        rest = [n for n in names.observed if n not in table.options.ordered]
        if rest:
            refuse(f"observed variables beside ordinal items: {name_offenders(rest)}.", "use sem.")
        if "thresholds" in table.options.group_equal:
            refuse(
                "equal thresholds give the groups scales of their own, which two steps do not carry over.",
                "leave thresholds and intercepts out of group_equal=, or use sem.",
            )
        if method == "global":
            refuse("the global method takes no ordinal items.", "use method='local'.")


def _held_beside(table: ParameterTable) -> list[str]:
    """Observed variables of the structure whose mean or intercept is held at a value, or equal to another."""
    means = [row for row in table.rows if row.op == "~1" and row.user]
    own = [row for row in means if row.lhs not in {*table.names.latent, *table.names.indicators}]
    labels = Counter(row.label for row in means if row.label)
    one_origin = "intercepts" in table.options.group_equal
    held = (r.lhs for r in own if r.free < 0 or (r.label and labels[r.label] > 1 and not one_origin))
    return list(dict.fromkeys(held))


def measurement_blocks(
    ready: Prepared, asked: Sequence[Sequence[str]] | None, caller: str
) -> list[list[str]]:
    """Sort factors into blocks: joined by items, covariances of errors and labels, or as asked.

    Raises
    ------
    DefinitionError
        For unknown, missing or doubled factors, and blocks that part what belongs together.
    """
    latent, items = ready.table.names.latent, set(ready.table.names.indicators)
    home: dict[str, set[str]] = {name: {name} for name in latent}
    of_item: dict[str, str] = {}

    def join(one: str, two: str) -> None:
        both = home[one] | home[two]
        home.update(dict.fromkeys(both, both))

    for row in ready.table.rows:
        if row.op == "=~":
            join(of_item.setdefault(row.rhs, row.lhs), row.lhs)
    labels: dict[str, str] = {}
    for row in ready.table.rows:
        if row.op == "~~" and row.lhs != row.rhs and row.lhs in items:
            join(of_item[row.lhs], of_item[row.rhs])
        if row.label and measures(row, items):
            own = row.lhs if row.op == "=~" else of_item[row.lhs]
            join(labels.setdefault(row.label, own), own)
    if asked is None:
        return [
            [n for n in latent if n in home[name]] for name in latent if name == _first(latent, home[name])
        ]
    given = [[group] if isinstance(group, str) else list(group) for group in asked]
    flat = [name for group in given for name in group]
    if sorted(flat) != sorted(latent):
        odd = sorted({*flat} ^ {*latent}) or sorted({n for n in flat if flat.count(n) > 1})
        fact = f"blocks do not name every factor once: {name_offenders(odd)}."
        raise DefinitionError(fact_and_hint(caller, fact, f"sort {latent} into blocks."))
    for group in given:
        parted = sorted(set().union(*(home[name] for name in group)) - set(group))
        if parted:
            fact = f"blocks part {group[0]!r} from {name_offenders(parted)}, which share parameters."
            raise DefinitionError(fact_and_hint(caller, fact, "put them in one block."))
    return given


def _first(latent: list[str], members: set[str]) -> str:
    return next(name for name in latent if name in members)


def measures(row: Row, items: set[str]) -> bool:
    """Whether a row belongs to the measurement of an item."""
    return row.op == "=~" or (row.op in ("~~", "~1", "|", "~*~") and row.lhs in items)


def entry(row: Row) -> tuple[object, ...]:
    """Name the place of a row in the matrices: covariances have no direction."""
    ends = tuple(sorted((row.lhs, row.rhs))) if row.op == "~~" else (row.lhs, row.rhs)
    return (row.group, row.op, *ends)


def _fit_block(ready: Prepared, factors: list[str], caller: str) -> Fitted:
    """Fit the measurement model of some factors, which covary freely."""
    syntax, options = ready.syntax, ready.table.options
    items = {s.rhs for s in syntax.statements if s.op == "=~" and s.lhs in factors}
    own = [
        s
        for s in syntax.statements
        if (s.op == "=~" and s.lhs in factors) or (s.op in ("~~", "~1", "|", "~*~") and s.lhs in items)
    ]
    equal = [name for name in options.group_equal if name in MEASURED]
    ordered = {name: size for name, size in options.ordered.items() if name in items}
    table = build_table(Syntax(own, [], []), replace(options, ordered=ordered, group_equal=equal), caller)
    columns = [ready.rows.variables.index(name) for name in table.names.observed]
    rows = replace(
        ready.rows,
        variables=table.names.observed,
        values=[v[:, columns] for v in ready.rows.values],
        categories={n: c for n, c in ready.rows.categories.items() if n in items},
    )
    try:
        return estimate(table, rows, ready.estimator, ready.missing, caller)
    except NotEstimableError as error:
        told, _, hint = str(error).removeprefix(f"{caller}: ").partition("\nHint: ")
        fact = f"the measurement of {name_offenders(factors)}: {told}"
        raise NotEstimableError(fact_and_hint(caller, fact, hint or "simplify it.")) from error


def fit_two_steps(ready: Prepared, parts: list[list[str]], method: str, caller: str) -> TwoSteps:
    """Fit every block, then the structure.

    Parameters
    ----------
    ready
        The whole model with its rows.
    parts
        Factors of every block.
    method
        "local" or "global".
    caller
        The public function named in messages.
    """
    table, items = ready.table, set(ready.table.names.indicators)
    measurement = [_fit_block(ready, factors, caller) for factors in parts]
    at = {entry(row): row.free for row in table.rows if row.free >= 0}
    x: Array = np.zeros(table.n_free)
    first = np.zeros(table.n_free, dtype=bool)
    covariance = np.zeros((table.n_free, table.n_free))
    places = []
    for one in measurement:
        own = [r for r in one.table.free_rows() if measures(r, items) and entry(r) in at]
        mine, whole = np.array([r.free for r in own]), np.array([at[entry(r)] for r in own])
        x[whole], first[whole] = one.x[mine], True
        covariance[np.ix_(whole, whole)] = one.vcov[np.ix_(mine, mine)]
        places.append((mine, whole))
    steps = [0 if row.free < 0 else 1 if first[row.free] else 2 for row in table.rows if not row.hidden] + [
        0
    ] * len(table.definitions)
    if ready.estimator in ORDINAL_ESTIMATORS:
        return _ordinal(ready, measurement, x, first, places, steps, caller)
    ready, shifts = _centred(ready, caller)
    samples = summarise_groups(ready.rows, ready.missing == "fiml", caller)
    fixed = exogenous_values(table, samples)
    groups = [build_group(table, g, values) for g, values in enumerate(fixed)]
    at_observed = {name: k for k, name in enumerate(table.names.observed)}
    reduction = reduce_parameters(table, caller)
    means = table.options.meanstructure
    kept = moment_rows(len(at_observed), [at_observed[n] for n in table.names.exogenous], means)
    setting = Setting(
        table,
        samples,
        groups,
        reduction,
        kept,
        means,
        ready.missing == "fiml",
    )
    moments = [Moments(s.n, s.mean, s.covariance) for s in samples]
    states = [evaluate(group, x) for group in groups]
    mapped, reliability = _map_factors(ready, states, moments, fixed, False, caller)
    structure, minimum = _structure(table, mapped, fixed, first, caller)
    for row, value in zip(structure.free_rows(), minimum.x, strict=True):
        x[at[entry(row)]] = value
    target: NormalDiscrepancy | FimlDiscrepancy = NormalDiscrepancy(
        groups, moments, table.n_free, setting.with_means
    )
    if setting.full_information and any(len(s.patterns.n) > 1 for s in samples):
        target = FimlDiscrepancy(
            groups, [s.patterns for s in samples], [(s.mean, s.covariance) for s in samples], table.n_free
        )
    second = reduction.basis[:, ~(reduction.basis[first] != 0.0).any(axis=0)]
    found = minimum.minimum
    if method == "global":
        held = Reduction(second, np.where(first, x, 0.0))
        found = minimise(target, held, held.contract(x))
        names = parameter_names(table, ready.rows.group_labels)
        refuse_unconverged(found, caller, names, np.zeros(len(x)))
        x = held.expand(found.z)
    robust = ready.estimator == "MLR"
    curve = (target.observed(x) if setting.full_information or robust else target.expected(x)) / 2.0
    inner = second @ np.linalg.inv(second.T @ curve @ second) @ second.T
    moved = np.diag(first.astype(float)) - inner @ curve @ np.diag(first.astype(float))
    vcov = moved @ covariance @ moved.T + inner / setting.n
    states = [evaluate(group, x) for group in groups]
    if robust:
        vcov = np.zeros_like(vcov)
        for g, (sample, state) in enumerate(zip(samples, states, strict=True)):
            pulls = (
                parameter_scores(sample, groups[g], state, len(x), setting.mu(state, sample))
                @ inner
                / setting.n
            )
            pulls += first_pulls(ready, measurement, places, g, len(x)) @ moved.T
            vcov += sample.sampling.products(pulls)
    shown, told = x.copy(), [dict(values) for values in fixed]
    for row in table.rows:
        if row.op == "~1" and row.lhs in shifts[row.group]:
            if row.free >= 0:
                shown[row.free] += shifts[row.group][row.lhs]
            elif row.exogenous:
                told[row.group][row.lhs, row.op, row.rhs] += shifts[row.group][row.lhs]
    df = len(setting.rows) * len(samples) - reduction.n_parameters
    test = ScaledTest(chisq=max(float(target.value(x)), 0.0) * setting.n, df=df)
    base, base_df = independence_test(setting)
    baseline = ScaledTest(chisq=base, df=base_df)
    fit = (
        minimum.fit
        if method == "local"
        else indices_at(setting, states, test, baseline, "ML", (np.nan, np.nan))
    )
    if robust:  # the statistic of normal, independent rows
        fit = fit | dict.fromkeys(set(fit) & set(UNKNOWN), np.nan)
    joint = Fitted(
        caller=caller,
        estimator=ready.estimator,
        missing=ready.missing,
        table=table,
        data=ready.rows,
        reduction=reduction,
        minimum=found,
        x=shown,
        vcov=vcov,
        states=states,
        scales=[np.ones(len(at_observed)) for _ in groups],
        sample_means=[s.mean for s in samples],
        sample_covariances=[s.covariance for s in samples],
        sample_thresholds=[],
        sizes=[len(s.values) for s in samples],
        totals=[s.n for s in samples],
        test=test,
        baseline=baseline,
        fit=fit,
        blocks=[],
        samples=samples,
        exogenous_values=told,
    )
    return TwoSteps(
        joint=joint,
        measurement=measurement,
        fit=fit,
        steps=steps,
        reliability=reliability if method == "local" else [],
    )


def _centred(ready: Prepared, caller: str) -> tuple[Prepared, list[dict[str, float]]]:
    """Let structural observed variables count from their mean, as factors do in step 1.

    Factors have mean zero in step 1 (in the first group, where intercepts are equal); a path from a variable
    with another mean would have to say otherwise.
    """
    table, rows = ready.table, ready.rows
    others = [n for n in table.names.observed if n not in table.names.indicators]
    if not (table.options.meanstructure and others):
        return ready, [{} for _ in rows.values]
    at = [rows.variables.index(n) for n in others]
    samples = summarise_groups(rows, ready.missing == "fiml", caller)
    one_origin = "intercepts" in table.options.group_equal
    means = [samples[0 if one_origin else g].mean for g in range(len(samples))]
    values: list[Array] = []
    for answers, mean in zip(rows.values, means, strict=True):
        moved = answers.astype(np.float64)
        moved[:, at] -= mean[at]
        values.append(moved)
    shifts = [dict(zip(others, (float(mean[k]) for k in at), strict=True)) for mean in means]
    return replace(ready, rows=replace(rows, values=values)), shifts


def _map_factors(
    ready: Prepared,
    states: list[State],
    moments: list[Moments],
    fixed: list[ExogenousValues],
    ordinal: bool,
    caller: str,
) -> tuple[list[Moments], list[tuple[object, str, float]]]:
    """Moments of factors and other variables, freed of measurement error, with reliabilities."""
    names = ready.table.names
    indicators = [names.observed.index(n) for n in names.indicators]
    others = [k for k, n in enumerate(names.observed) if n not in names.indicators]
    p = len(names.observed)
    found, reliability = [], []
    for g, (state, sample) in enumerate(zip(states, moments, strict=True)):
        loadings = state.directed[np.ix_(indicators, range(p, p + len(names.latent)))]
        errors = state.symmetric[np.ix_(indicators, indicators)]
        try:
            weighted = loadings if ordinal else np.linalg.solve(errors, loadings)
            own = np.linalg.solve(weighted.T @ loadings, weighted.T)
        except np.linalg.LinAlgError as error:
            fact = "loadings of step 1 do not tell the factors apart, or an error variance is zero."
            raise NotEstimableError(fact_and_hint(caller, fact, "use method='global', or sem.")) from error
        mapping, theta = np.zeros((len(others) + len(names.latent), p)), np.zeros((p, p))
        mapping[range(len(others)), others] = 1.0
        mapping[np.ix_(range(len(others), len(mapping)), indicators)] = own
        theta[np.ix_(indicators, indicators)] = errors
        whole, noise = mapping @ sample.covariance @ mapping.T, mapping @ theta @ mapping.T
        covariance = whole - noise
        if np.linalg.eigvalsh(covariance)[0] < LEAST_EIGENVALUE:
            where = ready.table.block_name(g, ready.rows.group_labels)
            fact = f"the covariance matrix of the factors is not positive definite{where and f' in {where}'}."
            raise NotEstimableError(fact_and_hint(caller, fact, "use method='global', or merge factors."))
        intercepts = np.linalg.solve(state.total, state.mean)[:p]
        intercepts[others] = 0.0
        found.append(Moments(sample.n, mapping @ (sample.mean - intercepts), covariance))
        share = 1.0 - np.diag(noise) / np.diag(whole)
        label = ready.rows.group_labels[g]
        reliability += [(label, n, float(share[len(others) + k])) for k, n in enumerate(names.latent)]
    return found, reliability


def held_means(table: ParameterTable) -> list[Row]:
    """Means of factors that the structure holds although step 1 frees them, as equal intercepts do."""
    if "intercepts" not in table.options.group_equal:
        return []
    latent = set(table.names.latent)
    return [r for r in table.rows if r.op == "~1" and r.group > 0 and r.lhs in latent and r.free < 0]


def structure_table(table: ParameterTable) -> ParameterTable:
    """Keep the rows of the structure, whose factors are observed in step 2."""
    items = set(table.names.indicators)
    rows = [row for row in table.rows if not measures(row, items)]
    observed = [n for n in table.names.observed if n not in items] + table.names.latent
    names = replace(table.names, observed=observed, latent=[], indicators=[])
    return compact(replace(table, names=names, definitions=[]), rows)


@dataclass(frozen=True, slots=True)
class _Structure:
    """The structural model on mapped moments."""

    x: Array
    minimum: Minimum
    fit: dict[str, float]


def _structure(
    table: ParameterTable, mapped: list[Moments], fixed: list[ExogenousValues], first: np.ndarray, caller: str
) -> tuple[ParameterTable, _Structure]:
    """Fit the structural rows to the moments of the factors."""
    structure = structure_table(table)
    names, observed = structure.names, structure.names.observed
    groups = [build_group(structure, g, values) for g, values in enumerate(fixed)]
    means = table.options.meanstructure
    target = NormalDiscrepancy(groups, mapped, structure.n_free, means)
    reduction = reduce_parameters(structure, caller)
    at = {name: k for k, name in enumerate(observed)}
    start = np.zeros(structure.n_free)
    for row in structure.free_rows():
        if row.op == "~~" and row.lhs == row.rhs:
            start[row.free] = 0.5 * mapped[row.group].covariance[at[row.lhs], at[row.lhs]]
        elif row.op == "~1":
            start[row.free] = mapped[row.group].mean[at[row.lhs]]
    minimum = minimise(target, reduction, reduction.contract(start))
    labels: list[object] = list(range(1, len(groups) + 1)) if len(groups) > 1 else [None]
    refuse_unconverged(minimum, caller, parameter_names(structure, labels), np.zeros(len(start)))
    x = reduction.expand(minimum.z)
    exogenous = [at[n] for n in names.exogenous]
    kept = moment_rows(len(observed), exogenous, means)
    free_means = sum(r.op == "~1" and (r.free >= 0) for r in structure.rows)
    n_moments = len(kept) * len(groups)
    if means:  # means that the measurement of step 1 takes to be zero are no moments of step 2
        random = [n for n in observed if n not in names.exogenous]
        n_moments -= len(random) * len(groups) - free_means - len(held_means(table))
    n = sum(m.n for m in mapped)
    chisq = max(minimum.value, 0.0) * n
    base, base_df = _independent(mapped, [at[n] for n in names.latent_exogenous if n in at] + exogenous)
    statistic = Statistic(
        chisq=chisq, df=n_moments - reduction.n_parameters, baseline=base, baseline_df=base_df
    )
    test = ScaledTest(chisq=chisq, df=int(statistic.df))
    fit = {
        "chisq": chisq,
        "df": float(test.df),
        "pvalue": test.pvalue,
        **index_set(statistic, n, len(groups)),
    }
    squares = [
        residual_square(m.covariance, state.sigma, m.mean, state.mu if means else m.mean, means)
        for m, state in zip(mapped, target.states(x), strict=True)
    ]
    fit["srmr"] = float(np.array([m.n for m in mapped]) / n @ np.sqrt(squares))
    return structure, _Structure(x, minimum, fit)


def _independent(mapped: list[Moments], exogenous: list[int]) -> tuple[float, int]:
    """Test that no outcome covaries with anything."""
    chisq, df = 0.0, 0
    for sample in mapped:
        own = [k for k in range(len(sample.covariance)) if k not in exogenous]
        among = sample.covariance[np.ix_(exogenous, exogenous)]
        spread = float(np.log(np.diag(sample.covariance)[own]).sum())
        chisq += sample.n * (spread + float(np.linalg.slogdet(among)[1]) - sample.log_det)
        df += len(own) * (len(own) - 1) // 2 + len(own) * len(exogenous)
    return chisq, df


def _ordinal(
    ready: Prepared,
    measurement: list[Fitted],
    x: Array,
    first: np.ndarray,
    places: list[tuple[np.ndarray, np.ndarray]],
    steps: list[int],
    caller: str,
) -> TwoSteps:
    """Second step for ordinal items: mapped polychorics, and the sandwich of both steps together."""
    table = ready.table
    found = summarise_ordinal(ready.rows, ready.missing, caller)
    groups = [build_ordinal_group(table, g) for g in range(len(found))]
    moments = [Moments(m.total, np.zeros(len(m.correlations)), m.correlations) for m in found]
    for (
        row
    ) in table.free_rows():  # the mapping needs the errors that step 1 found, not those of some structure
        if row.op == "~~" and row.lhs == row.rhs and not first[row.free]:
            block = next(f for f in measurement if row.lhs in f.table.names.latent)
            own = next(r for r in block.table.rows if entry(r) == (row.group, "~~", row.lhs, row.lhs))
            x[row.free] = block.x[own.free]
    states = []
    for g in range(len(found)):
        state = evaluate_ordinal(groups[g], x).base
        symmetric = state.symmetric.copy()
        for one in measurement:
            here = [table.names.observed.index(n) for n in one.table.names.observed]
            there = range(len(here))
            symmetric[np.ix_(here, here)] = one.states[g].symmetric[np.ix_(there, there)]
        states.append(replace(state, symmetric=symmetric))
    mapped, reliability = _map_factors(ready, states, moments, [{} for _ in found], True, caller)
    structure, minimum = _structure(table, mapped, [{} for _ in found], first, caller)
    at = {entry(row): row.free for row in table.rows if row.free >= 0}
    for row, value in zip(structure.free_rows(), minimum.x, strict=True):
        x[at[entry(row)]] = value
    full = [evaluate_ordinal(group, x) for group in groups]
    n = sum(m.total for m in found)
    blocks = [
        Block(
            ordinal_jacobian(group, state, table.n_free),
            gamma_of(m),
            least_squares_weights(m, ready.estimator),
            m.total / n,
        )
        for group, state, m in zip(groups, full, found, strict=True)
    ]
    vcov = _joint_sandwich(ready, measurement, blocks, first, places)
    test = ScaledTest(chisq=minimum.fit["chisq"], df=int(minimum.fit["df"]))
    joint = Fitted(
        caller=caller,
        estimator=ready.estimator,
        missing=ready.missing,
        table=table,
        data=ready.rows,
        reduction=reduce_parameters(table, caller),
        minimum=minimum.minimum,
        x=x,
        vcov=vcov,
        states=[s.base for s in full],
        scales=[s.scales for s in full],
        sample_means=[],
        sample_covariances=[m.correlations for m in found],
        sample_thresholds=[],
        sizes=[m.n_obs for m in found],
        totals=[m.total for m in found],
        test=test,
        baseline=test,
        fit=minimum.fit,
        blocks=blocks,
        thresholds=[s.thresholds for s in full],
    )
    fit = minimum.fit
    if ready.rows.sampling:
        fit = fit | dict.fromkeys(UNKNOWN, np.nan)
    return TwoSteps(joint=joint, measurement=measurement, fit=fit, steps=steps, reliability=reliability)


def _joint_sandwich(
    ready: Prepared,
    measurement: list[Fitted],
    blocks: list[Block],
    first: np.ndarray,
    places: list[tuple[np.ndarray, np.ndarray]],
) -> Array:
    """Covariance of all estimates from how each moves with the sample's thresholds and correlations."""
    table, q = ready.table, len(first)
    basis = reduce_parameters(table, "sam").basis
    second = basis[:, ~(basis[first] != 0.0).any(axis=0)]
    moves = [np.zeros((q, len(block.gamma))) for block in blocks]
    for one, (mine, whole) in zip(measurement, places, strict=True):
        kept = one.reduction.basis
        curve = np.sum([b.share * b.delta.T @ (b.weight[:, None] * b.delta) for b in one.blocks], axis=0)
        bread = kept @ np.linalg.solve(kept.T @ curve @ kept, kept.T)
        for g, own in enumerate(one.blocks):
            columns = _moment_places(ready, one, g)
            moves[g][np.ix_(whole, columns)] = own.share * (bread @ (own.delta.T * own.weight))[mine]
    curve = np.sum([b.share * b.delta.T @ (b.weight[:, None] * b.delta) for b in blocks], axis=0)
    inner = second @ np.linalg.solve(second.T @ curve @ second, second.T)
    total = np.zeros((q, q))
    for block, move in zip(blocks, moves, strict=True):
        own = move + inner @ (block.share * block.delta.T * block.weight - curve @ move)
        total += own @ block.gamma @ own.T / block.share
    n = sum(m for m in (len(v) for v in ready.rows.values))
    return np.asarray(total / (n - len(blocks)))


def _moment_places(ready: Prepared, one: Fitted, group: int) -> np.ndarray:
    """Places of a block's thresholds and correlations among those of all items."""
    names, own = ready.table.names.observed, one.table.names.observed
    counts = [ready.table.options.ordered[n] - 1 for n in names]
    ends = np.cumsum(counts)
    cuts = [np.arange(ends[k] - counts[k], ends[k]) for k in (names.index(n) for n in own)]
    row, column = vech_places(len(names), False)
    where = np.zeros((len(names), len(names)), dtype=np.int64)
    where[row, column] = where[column, row] = ends[-1] + np.arange(len(row))
    at = np.array([names.index(n) for n in own])
    r, c = vech_places(len(own), False)
    return np.concatenate([*cuts, where[at[r], at[c]]])
