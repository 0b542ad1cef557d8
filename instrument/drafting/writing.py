"""Write a draft as an instrument file, each guess marked."""

from __future__ import annotations

import json
import re
from collections import Counter

from instrument.drafting.question import (
    FEWEST_OPTIONS,
    MOST_OPTIONS,
    Draft,
    DraftQuestion,
    LeftOut,
    plain_id,
    plain_text,
)
from instrument.errors import DefinitionError, fact_and_hint
from instrument.reading.raw import count_of

HEAD = (
    "# A draft of {source}. What stands after `guess:` the file does not say: look at each, then delete the\n"
    "# remark. See docs/instrument_files.md for what else may stand here; `dta instrument check` checks it.\n"
)
_DECLINED = re.compile(
    r"prefer not|decline|refus|verweiger|keine angabe|ne souhaite|prefiero no", re.IGNORECASE
)
_NOT_APPLICABLE = re.compile(
    r"not appl|does not apply|n/?a\b|trifft nicht auf mich|entfällt|sans objet", re.IGNORECASE
)


def draft_text(draft: Draft, instrument_id: str) -> str:
    """Write a draft as YAML that loads as an instrument.

    Parameters
    ----------
    draft
        Questions with codes and wordings.
    instrument_id
        Its id.

    Returns
    -------
    str
        With a comment at each guess, and at the end what was left out.

    Raises
    ------
    DefinitionError
        No question has two to eleven options.
    """
    kept, left = _fit(draft)
    if not kept:
        fact = f"{draft.source} holds no question with {FEWEST_OPTIONS} to {MOST_OPTIONS} coded options."
        shown = "; ".join(f"{one.name}: {one.why}" for one in left[:5])
        hint = f"left out were {shown}." if left else "check that it is the definition of a survey."
        raise DefinitionError(fact_and_hint("dta instrument draft", fact, hint))
    scales = _scales(kept)
    lines = [HEAD.format(source=draft.source), *(f"# guess: {words}" for words in draft.guesses)]
    lines += ["schema: 1", f"id: {instrument_id}", 'version: "0.1"', f"title: {_text(draft.title)}"]
    lines += ["status: candidate", f"language: {draft.language}", "response_scales:"]
    for options, (name, outside) in scales.items():
        lines += [f"  {name}:", "    options:"]
        lines += [f"      {code}: {_text(label)}" for code, label in options]
        if outside:
            lines += ["    outside:"]
            lines += [
                f"      - {{code: {code}, label: {_text(label)}, reason: {reason}}}  # guess: the reason"
                for code, (label, reason) in outside.items()
            ]
    codes = {reason: code for _, outside in scales.values() for code, (_, reason) in outside.items()}
    if codes:
        lines += [f"missing_codes: {{{', '.join(f'{reason}: {code}' for reason, code in codes.items())}}}"]
    lines += ["themes:", *_themes(kept, scales)]
    if left:
        lines += ["", "# Left out:", *(f"#   {one.name}: {one.why}" for one in left)]
    return "\n".join(lines) + "\n"


def _text(text: str) -> str:
    return json.dumps(plain_text(text) or "?", ensure_ascii=False)


def _fit(draft: Draft) -> tuple[list[DraftQuestion], list[LeftOut]]:
    kept, left = [], list(draft.left_out)
    for question in draft.questions:
        n = len(question.options)
        if FEWEST_OPTIONS <= n <= MOST_OPTIONS:
            kept.append(question)
        else:
            left.append(LeftOut(question.name, count_of(n, "coded option")))
    return kept, left


Options = tuple[tuple[int, str], ...]
Scales = dict[Options, tuple[str, dict[int, tuple[str, str]]]]


def _key(question: DraftQuestion) -> Options:
    return tuple(sorted(question.options.items()))


def _scales(questions: list[DraftQuestion]) -> Scales:
    """Response scales, the commonest first; options outside the scale with a reason each, once for all."""
    counts = Counter(_key(question) for question in questions)
    reasons: dict[int, str] = {}
    found: Scales = {}
    for k, (options, _) in enumerate(counts.most_common(), start=1):
        outside: dict[int, tuple[str, str]] = {}
        for question in questions:
            if _key(question) != options:
                continue
            for code, label in question.outside.items():
                reason = reasons.get(code) or _reason(label, set(reasons.values()))
                if reason is None or code in dict(options):
                    continue
                reasons[code] = reason
                outside[code] = (label or str(code), reason)
        found[options] = ("scale" if k == 1 else f"scale_{k}", outside)
    return found


def _reason(label: str, taken: set[str]) -> str | None:
    """Reason that a label says, or one that is left: each reason has one code."""
    wanted = ["skipped", "not_seen"]
    if _DECLINED.search(label):
        wanted = ["declined"]
    elif _NOT_APPLICABLE.search(label):
        wanted = ["not_applicable"]
    return next((reason for reason in (*wanted, "skipped", "not_seen") if reason not in taken), None)


def _themes(questions: list[DraftQuestion], scales: Scales) -> list[str]:
    taken: set[str] = set()
    ids = {id(question): plain_id(question.name, taken) for question in questions}
    groups = list(dict.fromkeys(question.group for question in questions))
    default = next(iter(scales.values()))[0]
    themes = {group: plain_id(group or "theme", taken, "t") for group in groups}
    lines: list[str] = []
    for group in groups:
        lines += [f"  - id: {themes[group]}", f"    title: {_text(group or 'Theme')}", "    items:"]
        for question in questions:
            if question.group != group:
                continue
            lines += [f"      # guess: {words}" for words in question.guesses]
            own = ids[id(question)]
            lines += [f"      - id: {own}", f"        text: {_text(question.text)}"]
            if question.is_reversed:
                lines += ["        reverse: true"]
            if (name := scales[_key(question)][0]) != default:
                lines += [f"        scale: {name}"]
            if also := [themes[other] for other in question.also_in if other in themes]:
                lines += [f"        also_in: [{', '.join(also)}]"]
            if own != question.name:
                lines += [f"        column: {json.dumps(question.name, ensure_ascii=False)}"]
            if question.texts:
                texts = ", ".join(
                    f"{json.dumps(text, ensure_ascii=False)}: {code}" for text, code in question.texts.items()
                )
                lines += [f"        labels: {{{texts}}}"]
    return lines
