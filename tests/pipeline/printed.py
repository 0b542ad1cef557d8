"""What a report must print, worked out from the results tree alone: a second renderer, on decimal numbers.

Nothing here is taken from `analysis.report`. A number is a run of digits with its point, commas, percent
sign and true minus; words around it do not matter, nor does the order.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping
from decimal import ROUND_HALF_EVEN, Decimal
from html.parser import HTMLParser
from typing import Any

NUMBER = re.compile(r"−?(?:\d[\d,]*\d|\d)?(?:(?<!\w)\.\d+|(?<=\d)\.\d+)?%?")
PLACE = re.compile(r"\{(\w+)(?::(\w+))?\}")


def numbers(text: str) -> Counter[str]:
    """Count the numbers of a text; those inside a word, such as `hum3`, count as well."""
    return Counter(found for found in NUMBER.findall(text) if any(sign.isdigit() for sign in found))


def rendered(value: Any, form: str) -> str:
    """Render one value; a statistic that cannot pass 1, and a p, has no zero before its point."""
    if value is None:
        return "–"
    if isinstance(value, bool):
        return {True: "yes", False: "no"}[value]
    if isinstance(value, str):
        return value
    if form == "text":
        return (f"{value:.4g}" if isinstance(value, float) else str(value)).replace("-", "−")
    exact = Decimal(value)
    if form == "p" and exact < Decimal("0.001"):
        return "<\u00a0.001"
    places = {"int": 0, "percent": 1, "p": 3}.get(form)
    digits = int(form[1]) if places is None else places
    scaled = Decimal(100 * value) if form == "percent" else exact
    rounded = scaled.quantize(Decimal(1).scaleb(-digits), ROUND_HALF_EVEN)
    text = f"{abs(rounded):,}" + ("%" if form == "percent" else "")
    if (form == "p" or form[0] == "r") and text.startswith("0."):
        text = text[1:]
    return ("−" if rounded < 0 else "") + text


def sentences(section: Mapping[str, Any]) -> Iterator[str]:
    """Give the sentences of a section with their places filled."""
    for sentence in section["prose"]:
        yield PLACE.sub(lambda m: rendered(section["values"][m[1]], m[2] or "text"), sentence)


def cells(section: Mapping[str, Any], name: str) -> list[list[str]]:
    """Give the rows of a table as they must be printed."""
    columns = section["captions"][name]["columns"]
    table = section["tables"][name]
    made = [
        [rendered(value, _row_form(column["format"], table, row)) for row, value in enumerate(table[key])]
        for key, column in columns.items()
    ]
    return [list(row) for row in zip(*made, strict=True)]


def _row_form(form: str, table: Mapping[str, Any], row: int) -> str:
    """A column of several kinds says row by row which of them cannot pass 1."""
    return form if form[0] != "b" else ("r" if table["bounded"][row] else "d") + form[1]


def method(section: Mapping[str, Any]) -> Iterator[str]:
    """Give the parts of the method of a section."""
    how = section["method"]
    yield from (str(how["estimator"]), str(how["missing"]), rendered(how["n"], "int"))
    for key, value in how["options"].items():
        yield key.replace("_", " ")
        form = "r2" if key in ("alpha", "level") else "text"
        yield (
            ", ".join(rendered(v, "text") for v in value)
            if isinstance(value, list)
            else rendered(value, form)
        )
    if how["seed"] is not None:
        yield str(how["seed"])
    yield from (f"{name} {version}" for name, version in how["software"].items())
    yield how["data"][:12]


def method_paragraph(section: Mapping[str, Any]) -> list[str]:
    """Give the parts of the method as the paragraph on methods prints them."""
    how, parts = section["method"], list(method(section))
    return parts[: len(parts) - len(how["software"]) - 1]  # software and checksum stand there once for all


def data_paragraphs(meta: Mapping[str, Any]) -> Iterator[str]:
    """Give the parts of the paragraphs on data and software."""
    about = meta["instrument"]
    yield from (about["id"], about["version"], str(meta["structure_wave"]), str(meta["seed"]), "256")
    yield from (rendered(meta[key], "int") for key in ("administrations", "participants"))
    yield (meta["study"] or {}).get("id", "")
    yield from (f"{name} {checksum[:12]}" for name, checksum in meta["checksums"].items())
    yield from (f"{name} {version}" for name, version in meta["versions"].items())


def asked(tree: Mapping[str, Any]) -> dict[tuple[str, str, str], list[Mapping[str, Any]]]:
    """Gather the claims by section, question and rule: a rule is printed once for all of a question's."""
    groups: dict[tuple[str, str, str], list[Mapping[str, Any]]] = {}
    for name, section in tree["sections"].items():
        for finding in section["findings"]:
            groups.setdefault((name, finding["question"], finding["rule"]), []).append(finding)
    return groups


def question_words(found: list[Mapping[str, Any]]) -> Iterator[str]:
    """Give what one question prints: rule, how many hold, the worst case, the range, what was not judged."""
    first = found[0]
    yield from (first["question"], first["rule"], first["source"])
    tested = [claim for claim in found if claim["passed"] is not None]
    if tested:
        yield f"{sum(claim['passed'] for claim in tested)} of {len(tested)}"
        down = first["rule"].count("≥") or first["rule"].count(">")
        order = sorted(tested, key=lambda claim: claim["value"] if down else -claim["value"])
        yield from (order[0]["claim"], rendered(order[0]["value"], first["format"]))
    if len(tested) > 1:
        ends = sorted(claim["value"] for claim in tested)
        yield f"{rendered(ends[0], first['format'])} to {rendered(ends[-1], first['format'])}"
    for verdict in ("untested", "hidden"):
        if count := sum(claim["verdict"] == verdict for claim in found):
            yield str(count)


def expected(tree: Mapping[str, Any]) -> Counter[str]:
    """Count every number that a whole report must print at least this often."""
    count: Counter[str] = Counter()
    for text in data_paragraphs(tree["meta"]):
        count += numbers(text)
    for found in asked(tree).values():
        for text in question_words(found):
            count += numbers(text)
    for section in tree["sections"].values():
        count += numbers(section["title"])
        for text in (
            section["message"],
            *section["problems"],
            *(part["what"] for part in section["untested"]),
        ):
            count += numbers(text)
        if section["status"] in ("ok", "failed"):  # what failed stands in the summary as well
            for text in [section["message"]] if section["message"] else section["problems"]:
                count += numbers(text)
        if section["status"] != "ok":
            continue
        count += numbers(section["title"])  # of its part of the methods
        for text in (*sentences(section), *method(section), *method_paragraph(section), *section["warnings"]):
            count += numbers(text)
        for name, caption in section["captions"].items():
            if not any(section["tables"][name].values()):  # without a row it is not printed
                continue
            count += numbers(caption["title"]) + numbers(caption["note"])
            for column in caption["columns"].values():
                count += numbers(column["label"])
            for row in cells(section, name):
                for cell in row:
                    count += numbers(cell)
    return count


class Words(HTMLParser):
    """Collects the text of a page, without styles and drawings."""

    def __init__(self) -> None:
        super().__init__()
        self.text: list[str] = []
        self.drawn: list[str] = []
        self._inside: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag in ("style", "svg"):
            self._inside.append(tag)
        self._apart(tag)

    def handle_endtag(self, tag: str) -> None:
        if self._inside and self._inside[-1] == tag:
            self._inside.pop()
        self._apart(tag)

    def _apart(self, tag: str) -> None:
        """Words of different blocks do not touch; a span stands within its sentence."""
        if tag != "span":
            (self.drawn if self._inside else self.text).append("\n")

    def handle_data(self, data: str) -> None:
        if not self._inside:
            self.text.append(data)
        elif self._inside[0] == "svg":
            self.drawn.append(data)


def words_of_page(page: str) -> str:
    """Give the text of a page, without styles and drawings."""
    found = Words()
    found.feed(page)
    return "".join(found.text)


def words_of_drawing(svg: str) -> str:
    """Give the text inside a drawing: ticks, labels and legends."""
    found = Words()
    found.feed(svg)
    return "".join(found.drawn)
