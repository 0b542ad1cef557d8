"""Every figure of the registry, also one added later: words, tables, colours, export, and each plotted number."""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

import analysis.common.rules
import instrument
from analysis.common.rules import Rule
from analysis.figures.base import DARK, NARROW, PAPER, SERIES, WIDE, Figure, styled, to_png, to_svg
from analysis.figures.registry import FIGURES, build_figures
from analysis.pipeline import validate
from analysis.simulation.simulate_study import simulate_study
from instrument.definition import Instrument

DATA = Path(__file__).resolve().parents[1] / "reference" / "data"
ELSEWHERE = ("screening", "items", "scores", "reliability", "sampling", "retention", "exploration")
CUTOFFS = {rule.cutoff for rule in vars(analysis.common.rules).values() if isinstance(rule, Rule)}
REPEATED = {  # marks that only repeat what another mark of the figure shows
    "loadings": "rect mark",  # each cell prints its number
    "information": "area mark",  # the line on its upper edge
}
# severity 1 in linear RGB: Machado, Oliveira & Fernandes 2009, doi:10.1109/TVCG.2009.113
BLINDNESS = {
    "protan": [
        [0.152286, 1.052583, -0.204868],
        [0.114503, 0.786281, 0.099216],
        [-0.003882, -0.048116, 1.051998],
    ],
    "deutan": [
        [0.367322, 0.860646, -0.227968],
        [0.280085, 0.672501, 0.047413],
        [-0.011820, 0.042940, 0.968881],
    ],
    "tritan": [
        [1.255528, -0.076749, -0.178779],
        [-0.078411, 0.930809, 0.147602],
        [0.004733, 0.691367, 0.303900],
    ],
}


@pytest.fixture(scope="module")
def drawn(tree: dict[str, Any], scale: Instrument, answers: pd.DataFrame) -> dict[str, tuple[Any, Figure]]:
    """One drawing of every figure, from real validations of small studies."""
    data = simulate_study("dta_example", n=180, seed=3)
    topics = [topic.name for topic in validate.__globals__["TOPICS"] if topic.name not in ELSEWHERE]
    trees = [
        tree,
        validate(
            data.responses,
            instrument.load("dta"),
            usage=data.usage,
            outcomes=data.outcomes,
            covariates=data.covariates,
            study=data.study,
            enrolment=data.enrolment,
            topics=[name for name in topics if name not in ("groups", "fairness", "psd_audit")],
        ).to_dict(),
    ]
    people = pd.read_csv(DATA / "likert_missing.csv").rename(columns={"id": "participant"})
    audit = pd.read_csv(DATA / "audit.csv", dtype={"version": str})
    trees.append(
        validate(
            answers[answers["wave"] == 1],
            scale,
            covariates=people[["participant", "group"]],
            audit=audit[audit["app"] == "app01"],
            topics=[name for name in topics if name in ("fairness", "psd_audit")],
        ).to_dict()
    )
    several = {"headline": ["alpha north"], "alternatives": {"missing": ["listwise", "pairwise"]}}
    plan = {"topics": ["flow"], "multiverse": several}
    trees.append(validate(answers[answers["wave"] == 1], scale, plan=plan).to_dict())
    alike = tuple(theme.model_copy(update={"role": "dimension"}) for theme in scale.themes)
    three = scale.model_copy(update={"themes": alike})
    trees.append(validate(under_one_factor(three), three, topics=["models"]).to_dict())
    found: dict[str, tuple[Any, Figure]] = {}
    for made in trees:
        for section in made["sections"].values():
            for key, figure in build_figures(section, made["meta"]).items():
                found.setdefault(key.split("@")[0], (section, figure))
    return found


def under_one_factor(scale: Instrument) -> pd.DataFrame:
    """Answers of people whose themes stand under one factor, so that every stated structure is proper."""
    rng = np.random.default_rng(2)
    n, k = 500, len(scale.item_ids)
    general = rng.standard_normal((n, 1))
    themes = 0.75 * general + np.sqrt(1 - 0.75**2) * rng.standard_normal((n, len(scale.themes)))
    own = np.repeat(themes, [len(theme.items) for theme in scale.themes], axis=1)
    behind = 0.8 * own + 0.6 * rng.standard_normal((n, k))
    codes = 1 + (behind[:, :, None] > np.array([-1.2, -0.4, 0.4, 1.2])).sum(axis=2)
    table = pd.DataFrame(codes, columns=scale.item_ids).astype("Int64")
    for item in scale.reversed_items:
        table[item] = 6 - table[item]
    table.insert(0, "participant", [f"p{row}" for row in range(n)])
    table.insert(1, "wave", 1)
    return table


def specs(figure: Figure, width: int = WIDE) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """Give the whole drawing as data, and each part of it that has marks."""
    whole = styled(figure.draw(width), width).to_dict()
    parts, waiting = [], [({}, whole)]
    while waiting:
        above, part = waiting.pop()
        known = {"data": part.get("data", above.get("data")), **{"encoding": {}}}
        known["encoding"] = {**above.get("encoding", {}), **part.get("encoding", {})}
        for inside in ("layer", "hconcat", "vconcat", "concat"):
            waiting += [(known, child) for child in part.get(inside, [])]
        if "spec" in part:
            waiting.append((known, part["spec"]))
        if "mark" in part:
            parts.append({**part, **known})
    return whole, parts


def rows_of(whole: Mapping[str, Any], part: Mapping[str, Any]) -> list[dict[str, Any]]:
    data = part["data"] or {}
    return data.get("values") or whole["datasets"][data["name"]]


def plotted(figure: Figure) -> Iterator[tuple[str, str, float]]:
    """Give channel, field and value of every number that a reader can read off an axis or as a text."""
    whole, parts = specs(figure)
    for part in parts:
        for channel, encoded in part["encoding"].items():
            if channel not in ("x", "x2", "y", "y2", "text") or "field" not in encoded:
                continue
            axis = part["encoding"].get(channel.rstrip("2"), encoded)
            if channel != "text" and axis.get("axis", "") is None:
                continue  # a place in the drawing, not a number
            for row in rows_of(whole, part):
                value = row.get(encoded["field"])
                if channel == "text" and isinstance(value, str):
                    for told in re.findall(r"−?\d*\.\d+", value):
                        yield "label", encoded["field"], float(told.replace("−", "-"))
                elif isinstance(value, int | float) and not isinstance(value, bool):
                    yield channel, encoded["field"], float(value)


def known_numbers(section: Any, figure: Figure) -> np.ndarray:
    """Numbers of the tables the figure names, and of the named rules."""
    cells = [
        float(value)
        for table in figure.tables
        for column in section["tables"][table].values()
        for value in column
        if isinstance(value, int | float) and not isinstance(value, bool)
    ]
    return np.array(sorted({*cells, *CUTOFFS, 0.0}))


def derived(name: str, section: Any, figure: Figure) -> list[float]:
    """Numbers worked out from a row of the table, spelt out for each figure that has any."""
    tables = [pd.DataFrame(section["tables"][table]) for table in figure.tables]
    if name == "scores":  # one standard deviation either side
        return [*(tables[0]["mean"] - tables[0]["sd"]), *(tables[0]["mean"] + tables[0]["sd"])]
    if name == "distribution":  # shares laid end to end, from the middle outwards
        shares = tables[0][[key for key in tables[0] if key.startswith("share_")]].fillna(0.0).to_numpy()
        half = shares.shape[1] // 2
        low, high = shares[:, :half][:, ::-1].cumsum(axis=1), shares[:, -half:].cumsum(axis=1)
        return [*(-low).ravel(), *high.ravel()]
    if name == "priority":  # the average of the themes
        return [tables[0]["level"].mean(), tables[0]["effect"].mean()]
    if name == "mechanism":  # limits on the scale of the point
        table = tables[0]
        turn = table["standardized"] / table["estimate"]
        return [*(table["boot_lower"] * turn), *(table["boot_upper"] * turn)]
    if name == "information":  # the information at which the error leaves the reliability asked for
        return [1 / (1 - analysis.common.rules.ICC.cutoff)]
    return []


DRAWINGS: dict[tuple[str, int], str] = {}


def svg_of(name: str, width: int, figure: Figure) -> str:
    """The drawing of a figure of the fixture, made once for all tests of it."""
    if (name, width) not in DRAWINGS:
        DRAWINGS[name, width] = to_svg(figure, width)
    return DRAWINGS[name, width]


def names() -> list[str]:
    return list(FIGURES)


def test_every_figure_of_the_registry_is_drawn_here(drawn: dict[str, Any]) -> None:
    assert set(drawn) == set(FIGURES), "give the fixture a study that draws the new figure"


@pytest.mark.parametrize("name", names())
def test_words_and_tables(name: str, drawn: dict[str, Any]) -> None:
    section, figure = drawn[name]
    assert len(figure.title) > 10
    assert len(figure.alt) > 40 and re.search(r"\d", figure.alt) and "nan" not in figure.alt
    assert figure.tables and set(figure.tables) <= set(section["tables"])
    for table in figure.tables:
        assert section["captions"][table]["columns"], f"{table} is not printed"


@pytest.mark.parametrize("name", names())
def test_every_plotted_number_is_in_its_table(name: str, drawn: dict[str, Any]) -> None:
    section, figure = drawn[name]
    allowed = np.array(sorted([*known_numbers(section, figure), *derived(name, section, figure)]))
    allowed = allowed[np.isfinite(allowed)]
    count = 0
    for channel, field, value in plotted(figure):
        given = np.round(allowed, 2) if channel == "label" else allowed  # a written number has two places
        nearest = given[np.abs(given - value).argmin()]
        assert nearest == pytest.approx(value, rel=1e-9, abs=1e-9), f"{name}: {channel} {field} {value}"
        count += 1
    assert count > 3


@pytest.mark.parametrize("name", names())
def test_export_needs_no_browser(name: str, drawn: dict[str, Any]) -> None:
    _, figure = drawn[name]
    for width in (NARROW, WIDE):
        svg = svg_of(name, width, figure)
        assert svg.startswith("<svg") and "NaN" not in svg
        assert float(re.search(r'width="([\d.]+)"', svg)[1]) <= width * 1.12 + 30  # type: ignore[index]
    assert to_png(figure, NARROW, scale=1.0).startswith(b"\x89PNG")


def linear(colour: str) -> np.ndarray:
    parts = np.array([int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)])
    return np.where(parts <= 0.03928, parts / 12.92, ((parts + 0.055) / 1.055) ** 2.4)


def luminance(colour: str) -> float:
    return float(linear(colour) @ [0.2126, 0.7152, 0.0722])


def contrast(one: str, other: str) -> float:
    high, low = sorted((luminance(one), luminance(other)), reverse=True)
    return (high + 0.05) / (low + 0.05)


def blended(colour: str, paper: str, opacity: float) -> str:
    pairs = [(int(colour[i : i + 2], 16), int(paper[i : i + 2], 16)) for i in (1, 3, 5)]
    return "#" + "".join(f"{round(a * opacity + b * (1 - opacity)):02x}" for a, b in pairs)


@pytest.mark.parametrize("name", names())
def test_marks_stand_out_on_light_and_dark_paper(name: str, drawn: dict[str, Any]) -> None:
    _, figure = drawn[name]
    svg = svg_of(name, WIDE, figure)
    shapes = re.findall(r"<path aria-label[^>]*>", svg)
    shapes += re.findall(r'<(?:path|line|rect|text)[^>]*aria-roledescription="[^"]*mark[^"]*"[^>]*>', svg)
    for shape in shapes:
        found = dict(re.findall(r'\s([\w-]+)="([^"]*)"', shape))
        if found.get("aria-roledescription") == REPEATED.get(name):
            continue
        opacity = float(found.get("opacity", 1))
        inks = []
        for kind in ("fill", "stroke"):
            colour = found.get(kind, "none")
            if re.fullmatch(r"#[0-9a-fA-F]{6}", colour) and colour != PAPER:  # paper on a mark: its number
                strength = opacity * float(found.get(f"{kind}-opacity", 1))
                pairs = ((colour, PAPER), (DARK[colour], DARK[PAPER]))
                inks.append(min(contrast(blended(ink, paper, strength), paper) for ink, paper in pairs))
        assert not inks or max(inks) >= 3, f"{name}: {shape[:200]}"


@pytest.mark.parametrize("name", names())
def test_colour_is_never_the_only_sign(name: str, drawn: dict[str, Any]) -> None:
    """Series told apart by colour have a shape or a dash too, or stay apart for people who see fewer colours."""
    _, figure = drawn[name]
    _, parts = specs(figure)
    doubled = {
        encoded.get("field")
        for part in parts
        for channel, encoded in part["encoding"].items()
        if channel in ("shape", "strokeDash", "text", "x", "y", "yOffset", "xOffset")
    }
    for part in parts:
        encoded = part["encoding"].get("color", {})
        palette = encoded.get("scale", {}).get("range", []) if isinstance(encoded.get("scale"), dict) else []
        if len(palette) < 2 or encoded.get("field") in doubled:
            continue
        for one, other in itertools.pairwise(palette):
            for paper in (0, 1):
                pair = [colour if paper == 0 else DARK[colour] for colour in (one, other)]
                assert min(_apart(*pair)) > 10, f"{name}: {pair}"


def _apart(one: str, other: str) -> list[float]:
    """Distances in CIELAB as seen by people with each kind of colour blindness."""
    return [
        float(np.linalg.norm(_lab(np.array(seen) @ linear(one)) - _lab(np.array(seen) @ linear(other))))
        for seen in BLINDNESS.values()
    ]


def _lab(rgb: np.ndarray) -> np.ndarray:
    matrix = [[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]]
    scaled = np.array(matrix) @ np.clip(rgb, 0, 1) / [0.9505, 1.0, 1.089]
    root = np.where(scaled > 216 / 24389, np.cbrt(scaled), (24389 / 27 * scaled + 16) / 116)
    return np.array([116 * root[1] - 16, 500 * (root[0] - root[1]), 200 * (root[1] - root[2])])


def test_the_series_colours_stay_apart_for_everyone() -> None:
    for one, other in itertools.combinations(SERIES[:3], 2):
        for pair in ((one, other), (DARK[one], DARK[other])):
            assert max(_apart(*pair)) > 10
    assert _apart("#000000", "#ffffff") == pytest.approx([100, 100, 100], abs=0.2)
