"""One result of a session as a table in APA style: Markdown, LaTeX, Word, a page; and its figure."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd

from analysis.common.result import Result, is_of_people, to_plain
from analysis.report.markdown import table_lines
from analysis.report.view import TableView, table_view
from analysis.report.word import one_table
from instrument.errors import DefinitionError, fact_and_hint

if TYPE_CHECKING:
    from analysis.figures.base import Figure

WIDE = 8  # columns; a wider table is laid across the page
LABELS = {
    "ci_upper": "to",
    "chisq": "χ²",
    "chisq_scaled": "χ², scaled",
    "cfi": "CFI",
    "tli": "TLI",
    "rmsea": "RMSEA",
    "srmr": "SRMR",
    "n_obs": "n",
    "pvalue": "p",
    "se": "SE",
    "sd": "SD",
}
SAID = ("estimator", "correlation", "missing", "n_obs", "seed")  # fields that belong under a table


def printable(result: Result) -> tuple[dict[str, list[Any]], dict[str, dict[str, str]]]:
    """Give the main table of a result with the label and format of each column.

    Parameters
    ----------
    result
        Any result. One whose rows are people is told by its fields, without anyone's row.

    Returns
    -------
    tuple
        Cells by column as plain data, and label and format by column.
    """
    frame = result.to_frame()
    if is_of_people(frame):
        frame = pd.DataFrame(result.glances(), columns=["field", "value"])
    elif not isinstance(frame.index, pd.RangeIndex):
        frame = frame.rename_axis([name or "name" for name in frame.index.names]).reset_index(
            names=_free_names(frame)
        )
    frame = frame.rename(columns=str)
    level = level_of(result)
    columns = {
        name: {"label": _label(name, level), "format": _format(name, frame[name])}
        for name in map(str, frame.columns)
    }
    return {str(name): to_plain(list(_printable(frame[name]))) for name in frame}, columns


def view_of(result: Result) -> TableView:
    """Arrange the main table of a result as the report arranges its own.

    Parameters
    ----------
    result
        Any result. One whose rows are people is arranged by its fields, without anyone's row.

    Returns
    -------
    TableView
        The first line of what the class says of itself as caption; how it was made as note.
    """
    cells, columns = printable(result)
    section = {
        "tables": {"table": cells},
        "captions": {
            "table": {"title": title_of(result), "note": note_of(result), "columns": columns},
        },
    }
    return table_view("session", section, "table")


def _free_names(frame: pd.DataFrame) -> list[str]:
    taken = set(map(str, frame.columns))
    names = []
    for position, name in enumerate(frame.index.names):
        word = (
            str(name)
            if name is not None
            else ("name" if frame.index.nlevels == 1 else f"level {position + 1}")
        )
        while word in taken:
            word += "_"
        taken.add(word)
        names.append(word)
    return names


def _printable(column: pd.Series) -> pd.Series:
    """Numbers as they are; anything else as words."""
    if pd.api.types.is_numeric_dtype(column):
        return column
    return column.map(lambda cell: cell if isinstance(cell, (str, int, float)) else _words(cell)).astype(
        object
    )


def _words(cell: Any) -> str | None:
    return None if cell is None or cell is pd.NA else str(cell)


def title_of(result: Result) -> str:
    """Give the first line of what the class says of itself."""
    return (type(result).__doc__ or type(result).__name__).strip().split("\n")[0].rstrip(".")


def level_of(result: Result) -> float:
    """Give the confidence level of the intervals of a result; .95 where its function has no other.

    Parameters
    ----------
    result
        Any result; it holds the level as `confidence`, or among what it says of its design.

    Returns
    -------
    float
        Such as .90, of the one-sided tests of what a model leaves out.
    """
    held = getattr(result, "confidence", None)
    design = getattr(result, "design", None)
    if held is None and isinstance(design, Mapping):
        held = design.get("confidence")
    return 0.95 if held is None else float(held)


def _percent(level: float) -> str:
    return f"{100 * level:g}%"


def note_of(result: Result) -> str:
    """Say how a result was made: estimator, missing answers, n, and the level of its intervals if not 95%."""
    names = {field.name for field in dataclasses.fields(result)}  # type: ignore[arg-type]
    told = []
    for name in SAID:
        value = getattr(result, name, None) if name in names else None
        if isinstance(value, (str, int)) and not isinstance(value, bool):
            told.append(f"n: {value:,}" if name == "n_obs" else f"{name}: {value}")
    if (level := level_of(result)) != 0.95:
        told.append(f"intervals: {_percent(level)}")
    return f"{'; '.join(told)}." if told else ""


def _label(name: str, level: float) -> str:
    if name == "ci_lower":
        return f"{_percent(level)} from"
    return LABELS.get(name, name.replace("_", " "))


MOST_BOUNDED = 1.5  # an index of fit may pass 1 by a little; what is larger has only the name
BOUNDED = (
    *("alpha", "omega", "lambda", "average_r", "item_rest", "icc", "ecv", "htmt", "kappa", "ac1", "pabak"),
    *("cfi", "tli", "rmsea", "srm", "kmo", "communalit", "loading", "reliability", "r2", "r_squared", "ave"),
    *("i_cvi", "s_cvi", "correlation", "partial_r", "aiken", "nagelkerke", "mcfadden"),
)
"""Beginnings of the names of statistics that cannot pass 1."""


def _format(name: str, column: pd.Series) -> str:
    if pd.api.types.is_bool_dtype(column) or not pd.api.types.is_numeric_dtype(column):
        return "text"
    if name == "p" or name.startswith(("pvalue", "p_")):
        return "p"
    known = column.dropna()
    if pd.api.types.is_integer_dtype(column) or (len(known) and (known == known.round()).all()):
        return "int"
    if (name in ("r", "rho") or name.startswith(BOUNDED)) and not (known.abs() > MOST_BOUNDED).any():
        return "r3"
    return "d2" if known.abs().max() >= 10 else "d3"


def markdown_of(result: Result, number: int = 1) -> str:
    """Write the main table as Markdown in APA style."""
    return "\n".join(table_lines(view_of(result), number)) + "\n"


def latex_of(result: Result, number: int | None = None) -> str:
    """Write the main table as LaTeX in APA style: booktabs, caption above, note below.

    Parameters
    ----------
    result
        Any result.
    number
        Not needed: LaTeX counts tables itself.

    Returns
    -------
    str
        A `table`, within `landscape` where it is wide; needs the packages booktabs, threeparttable and, where
        wide, pdflscape.
    """
    view = view_of(result)
    kinds = "".join("r" if numeric else "l" for _, numeric in view.heads)
    lines = [
        r"\begin{table}",
        r"\begin{threeparttable}",
        rf"\caption{{{_tex(view.title)}}}",
        rf"\begin{{tabular}}{{{kinds}}}",
        r"\toprule",
        " & ".join(_tex(head) for head, _ in view.heads) + r" \\",
        r"\midrule",
        *(" & ".join(_tex(cell.text) for cell in row) + r" \\" for row in view.rows),
        r"\bottomrule",
        r"\end{tabular}",
    ]
    if view.note:
        lines += [r"\begin{tablenotes}", rf"\item \textit{{Note.}} {_tex(view.note)}", r"\end{tablenotes}"]
    lines += [r"\end{threeparttable}", r"\end{table}"]
    if len(view.heads) > WIDE:
        lines = [r"\begin{landscape}", *lines, r"\end{landscape}"]
    return "\n".join(lines) + "\n"


_TEX = {
    "\\": r"\textbackslash{}",
    "&": r"\&",
    "%": r"\%",
    "$": r"\$",
    "#": r"\#",
    "_": r"\_",
    "{": r"\{",
    "}": r"\}",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "<": r"\textless{}",
    ">": r"\textgreater{}",
    "|": r"\textbar{}",
    "−": r"$-$",
    "–": r"--",
    "χ²": r"$\chi^2$",
    "\n": " ",
}


def _tex(text: str) -> str:
    text = text.replace("χ²", "\x00")
    return "".join(_TEX["χ²"] if sign == "\x00" else _TEX.get(sign, sign) for sign in text)


def html_of(result: Result) -> str:
    """Write the main table as a fragment of a page."""
    view = view_of(result)
    head = "".join(f"<th>{escape(name)}</th>" for name, _ in view.heads)
    rows = "".join(
        "<tr>"
        + "".join(
            f'<td style="text-align:{"right" if cell.numeric else "left"}">{escape(cell.text)}</td>'
            for cell in row
        )
        + "</tr>"
        for row in view.rows
    )
    note = f"<p><em>Note.</em> {escape(view.note)}</p>" if view.note else ""
    return (
        f"<table><caption>{escape(view.title)}</caption><thead><tr>{head}</tr></thead>"
        f"<tbody>{rows}</tbody></table>{note}"
    )


def docx_of(result: Result, path: str | Path | None = None, number: int = 1) -> bytes:
    """Write the main table as a Word document, on its side where it is wide."""
    view = view_of(result)
    made = one_table(view, str(number))
    if path is not None:
        Path(path).write_bytes(made)
    return made


def figure_of(result: Result) -> Figure:
    """Give the figure that the report draws of such a result.

    Raises
    ------
    DefinitionError
        The report has none of it.
    """
    from analysis.figures.adherence import forest_figure
    from analysis.figures.factors import loadings_figure, scree_figure
    from analysis.figures.irt import information_figure
    from analysis.figures.maps import invariance_figure
    from analysis.figures.mechanism import mechanism_figure
    from analysis.figures.models import models_figure
    from analysis.figures.paths import paths_figure
    from analysis.figures.priority import priority_figure
    from analysis.figures.use_course import returns_figure, scan_figure
    from analysis.figures.validity import htmt_figure

    name = type(result).__name__
    makers = {
        "EfaResult": (_efa_section, loadings_figure),
        "RetentionResult": (_retention_section, scree_figure),
        "HtmtResult": (_htmt_section, htmt_figure),
        "InvarianceResult": (_steps_section, invariance_figure),
        "GradedResponseResult": (_graded_section, information_figure),
        "StructuralResult": (_paths_section, paths_figure),
        "AdherenceResult": (_forest_section, forest_figure),
        "ScanResult": (_scan_section, scan_figure),
        "PriorityMap": (_priority_section, priority_figure),
        "TheoryResult": (_theories_section, models_figure),
        "RecurrentResult": (_returns_section, returns_figure),
        "MediationResult": (_routes_section, mechanism_figure),
    }
    if name not in makers:
        fact = f"the report has no figure of a {name}."
        known = ", ".join(sorted(makers))
        raise DefinitionError(fact_and_hint("plot", fact, f"plot one of {known}, or use to_frame()."))
    arrange, draw = makers[name]
    return draw({**arrange(result), "level": level_of(result)}, {})


def _section(tables: Mapping[str, pd.DataFrame], **captions: Any) -> dict[str, Any]:
    told = {name: {"columns": {str(key): {} for key in frame}} | captions for name, frame in tables.items()}
    return {
        "tables": {name: to_plain(frame.reset_index(drop=True)) for name, frame in tables.items()},
        "captions": told,
    }


def _efa_section(result: Any) -> dict[str, Any]:
    return _section({"loadings": result.loadings.rename_axis("item").reset_index()})


def _retention_section(result: Any) -> dict[str, Any]:
    return _section({"eigenvalues": result.eigenvalues.rename_axis("position").reset_index()})


def _htmt_section(result: Any) -> dict[str, Any]:
    pairs = result.pairs.assign(one=result.pairs["first"], other=result.pairs["second"], within_scale=True)
    return _section({"htmt": pairs})


def _graded_section(result: Any) -> dict[str, Any]:
    theta = [round(-3 + 0.1 * step, 10) for step in range(61)]
    curve = pd.DataFrame(
        {"title": "All items", "theta": theta, "information": result.information(theta).to_numpy()}
    )
    return _section({"information": curve, "fit": pd.DataFrame({"title": ["All items"]})})


def _paths_section(result: Any) -> dict[str, Any]:
    """Items with their factors and what joins these; factors of factors are not drawn."""
    rows = result.parameters
    if any(len(set(rows[part])) > 1 for part in ("group", "level") if part in rows):
        fact = "a model of several groups or levels has no single path diagram."
        raise DefinitionError(fact_and_hint("plot", fact, "fit each apart, or use to_frame()."))
    measured = rows[rows["op"] == "=~"]
    factors = set(measured["lhs"])
    measured = measured[~measured["rhs"].isin(factors)]
    if measured.empty:
        fact = "the model has no factor measured by items."
        raise DefinitionError(fact_and_hint("plot", fact, "use to_frame()."))
    drawn = set(measured["lhs"])
    loadings = pd.DataFrame(
        {"factor": measured["lhs"], "item": measured["rhs"], "loading": measured["std_all"]}
    )
    joined = rows[(rows["op"] == "~~") & (rows["lhs"] != rows["rhs"])]
    joined = joined[joined["lhs"].isin(drawn) & joined["rhs"].isin(drawn)]
    tables = {"loadings": loadings}
    if len(joined):
        between = {"one": joined["lhs"], "other": joined["rhs"], "r": joined["std_all"]}
        tables["factor_correlations"] = pd.DataFrame(between)
    return _section(tables)


def _forest_section(result: Any) -> dict[str, Any]:
    from analysis.adherence.models.context import REMAINING

    effects = result.effects[result.effects["model"] == REMAINING]
    if effects.empty:
        fact = "no model of remaining use could be estimated."
        raise DefinitionError(fact_and_hint("plot", fact, "see .failed for the reasons."))
    unit = effects["unit"].str.replace("_", " ")
    return _section({"effects": effects.assign(title=effects["predictor"], unit=unit)})


def _scan_section(result: Any) -> dict[str, Any]:
    return _section({"scan": result.effects})


def _priority_section(result: Any) -> dict[str, Any]:
    unit = str(result.design["unit"]).replace("_", " ")
    return _section({"themes": result.themes.assign(title=result.themes["theme"], unit=unit)})


def _theories_section(result: Any) -> dict[str, Any]:
    """Robust RMSEA of every proper solution, that of ML where there is no other."""
    rows = []
    for name, title, items in zip(*(result.table[key] for key in ("model", "title", "items")), strict=True):
        if name not in result.fits or result.fits[name].faults:
            continue
        fit = result.fits[name].fit
        kind = "_robust" if "rmsea_robust" in fit.index else ""
        shown = {f"{key}{kind}": fit[f"{key}{kind}"] for key in ("rmsea", "rmsea_ci_lower", "rmsea_ci_upper")}
        rows.append({"title": title, "items": f"items: {items}", "proper": True, **shown})
    frame = pd.DataFrame(rows)
    if not frame.filter(regex="^rmsea(_robust)?$").notna().any(axis=None):
        fact = "no structure has a proper solution with an RMSEA."
        raise DefinitionError(fact_and_hint("plot", fact, "see .failures and .table for the reasons."))
    return _section({"fit": frame})


def _steps_section(result: Any) -> dict[str, Any]:
    """Every step from one level of equality to the next."""
    table = result.table
    if not (table["level"].ne("strict") & table["cfi_diff"].notna() & table["rmsea_diff"].notna()).any():
        fact = "there is no step to equal loadings or thresholds whose fit is known."
        raise DefinitionError(fact_and_hint("plot", fact, "ask for two levels or more, or use to_frame()."))
    faults = [", ".join(result.fits[level].faults) for level in table["level"]]
    levels = table.assign(title="the model", grouping=str(result.group), faults=faults)
    return _section({"levels": levels})


def _returns_section(result: Any) -> dict[str, Any]:
    predictors = list(result.design["predictors"])
    effects = result.effects[result.effects["term"].isin(predictors)]
    return _section({"returns": effects.assign(title=effects["term"])})


def _routes_section(result: Any) -> dict[str, Any]:
    return _section({"routes": result.effects})


def chart_of(result: Result, width: int) -> Any:
    """Draw the figure of a result in the style of the report.

    Parameters
    ----------
    result
        Of a kind that the report draws.
    width
        Of the plotting area, in pixels.

    Returns
    -------
    altair.Chart
        The chart.
    """
    from analysis.figures.base import styled

    return styled(figure_of(result).draw(width), width)
