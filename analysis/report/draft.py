"""A draft of the text of a paper, filled in from the results; it claims no more than the states say."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from analysis.common.verdicts import Cause, Verdict
from analysis.report.labels import tree_for_readers
from analysis.report.limits import untested_lines
from analysis.report.methods import methods_paragraphs
from analysis.report.standards import PROPERTIES_SOURCE, evidence_by_property, ordered
from analysis.report.view import PART_NOT_ESTIMATED, STATUS, Tree, notices
from instrument.common.formatting import fill_prose

NAME = "draft_text.md"
NOTICE = (
    "**Draft.** A program filled in these sentences from `results.json`. Read every one, correct it and cut "
    "it before it is used. What is called met is a rule met in this sample; what could not be tested is "
    "called so."
)


def render_draft(tree: Tree) -> str:
    """Write methods and results as running text in APA style.

    Parameters
    ----------
    tree
        The results tree.

    Returns
    -------
    str
        Markdown, marked as a draft: a paragraph for each section with its numbers, then how many of its
        claims are met, not met and untested, and the state of each measurement property.
    """
    tree = tree_for_readers(tree)
    return "\n".join(_lines(tree)) + "\n"


def _lines(tree: Tree) -> Iterator[str]:
    meta = tree["meta"]
    yield f"# {meta['instrument']['title']}: draft text\n"
    yield f"> {NOTICE}"
    for kind, sentence in notices(tree):
        yield f">\n> **{kind.capitalize()}.** {sentence}"
    yield "\n## Method\n"
    for label, text in methods_paragraphs(tree)[:2]:
        yield f"*{label}.* {text}\n"
    yield "## Results"
    for _, section in ordered(tree["sections"]):
        yield f"\n### {section['title']}\n"
        if section["status"] != "ok":
            yield f"{STATUS[section['status']]}: {section['message']}"
            continue
        said = [fill_prose(sentence, section["values"]) for sentence in section["prose"]]
        yield " ".join([*said, *_judged(section)])
        for line in untested_lines(section):
            yield f"\n{line}"
        for problem in section["problems"]:
            yield f"\n{PART_NOT_ESTIMATED}: {problem}"
        for warning in section["warnings"]:
            yield f"\nLimit: {warning}"
    yield "\n### Measurement properties\n"
    for row in evidence_by_property(tree["sections"]):
        yield f"- {row.name}: {row.words} {row.counted}".rstrip()
    yield f"\n{PROPERTIES_SOURCE}"


def _judged(section: Mapping[str, Any]) -> Iterator[str]:
    """Say question by question how many claims a rule judged, and how."""
    asked: dict[tuple[str, str, str], list[Mapping[str, Any]]] = {}
    for finding in section["findings"]:
        asked.setdefault((finding["question"], finding["rule"], finding["source"]), []).append(finding)
    for (question, rule, source), found in asked.items():
        counts = {verdict: sum(one["verdict"] == verdict.value for one in found) for verdict in Verdict}
        tested = counts[Verdict.MET] + counts[Verdict.NOT_MET]
        words = [f"{question} By the rule {rule} ({source})"]
        if not tested:
            causes = sorted({Cause(one["cause"]).words for one in found if one["cause"]})
            yield f"{words[0]} this could not be judged here{f' ({causes[0]})' if causes else ''}."
            continue
        words.append(f"{counts[Verdict.MET]} of {tested} claims tested were met")
        if untested := len(found) - tested:
            words.append(f"and {untested} could not be tested")
        yield f"{words[0]}, {' '.join(words[1:])}."
