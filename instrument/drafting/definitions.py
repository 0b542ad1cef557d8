"""Definitions of surveys: Qualtrics, LimeSurvey, XLSForm, REDCap."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

from instrument.drafting.question import Draft, DraftQuestion, LeftOut, plain_text
from instrument.errors import ResponseDataError, fact_and_hint
from instrument.reading.cells import number_of
from instrument.reading.raw import RawTable

CALLER = "dta instrument draft"
SINGLE = ("SAVR", "SAHR", "SACOL", "DL", "SB", "NPS")
"""Selectors of Qualtrics for choices of one answer."""
FIELD, KIND, LABEL, CHOICES = (
    "variable / field name",
    "field type",
    "field label",
    "choices, calculations, or slider labels",
)


def from_qsf(path: Path) -> Draft:
    """Choices of one answer and matrices of a Qualtrics survey file, but for what lies in its trash."""
    try:
        content = json.loads(path.read_text(encoding="utf-8-sig"))
        elements = content["SurveyElements"]
        entry = content["SurveyEntry"]
        payloads = [(one["Element"], one.get("Payload")) for one in elements]
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        raise _unread(
            path, "a Qualtrics survey file", "export it again: Tools, Import/Export, Export Survey."
        ) from None
    draft = Draft(
        title=str(entry.get("SurveyName") or path.stem),
        source=path.name,
        language=_language(str(entry.get("SurveyLanguage") or "EN")),
    )
    blocks = [block for name, payload in payloads if name == "BL" for block in _values(payload)]
    order, trash = [], set()
    for block in blocks:
        ids = [
            one.get("QuestionID") for one in block.get("BlockElements") or [] if one.get("Type") == "Question"
        ]
        if block.get("Type") == "Trash":
            trash.update(ids)
        else:
            order += [(one, str(block.get("Description") or "")) for one in ids]
    questions = {p["QuestionID"]: p for name, p in payloads if name == "SQ" and isinstance(p, dict)}
    placed = {one for one, _ in order}
    order += [(one, "") for one in questions if one not in placed and one not in trash]
    for one, block in order:
        if one in questions:
            _of_qualtrics(questions[one], block, draft)
    _only_group(draft)
    return draft


def _of_qualtrics(question: Mapping[str, Any], block: str, draft: Draft) -> None:
    tag = str(question.get("DataExportTag") or question["QuestionID"])
    kind, selector = question.get("QuestionType"), question.get("Selector")
    choices, answers = _table(question.get("Choices")), _table(question.get("Answers"))
    recoded = {str(key): value for key, value in (question.get("RecodeValues") or {}).items()}
    text = plain_text(str(question.get("QuestionText") or tag))
    analysed = question.get("AnalyzeChoices")
    beside = (
        {key for key, is_in in analysed.items() if is_in == "No"} if isinstance(analysed, dict) else set()
    )
    if kind == "MC" and str(selector or "") in SINGLE:
        options, outside, guessed = _coded(_ordered(choices, question.get("ChoiceOrder")), recoded, beside)
        draft.questions.append(
            DraftQuestion(name=tag, text=text, options=options, outside=outside, group=block, guesses=guessed)
        )
    elif (
        kind == "Matrix"
        and selector in ("Likert", "Bipolar")
        and question.get("SubSelector") in ("SingleAnswer", "DL")
    ):
        options, outside, guessed = _coded(_ordered(answers, question.get("AnswerOrder")), recoded, beside)
        tags = question.get("ChoiceDataExportTags") or {}
        for key, label in _ordered(choices, question.get("ChoiceOrder")).items():
            name = str(tags.get(key) or f"{tag}_{key}") if isinstance(tags, dict) else f"{tag}_{key}"
            draft.questions.append(
                DraftQuestion(
                    name=name,
                    text=label or name,
                    options=dict(options),
                    outside=dict(outside),
                    group=block,
                    guesses=list(guessed),
                )
            )
    else:
        draft.left_out.append(LeftOut(tag, f"a question of kind {kind} {selector or ''}".strip()))


def _coded(
    labels: Mapping[str, str], recoded: Mapping[str, Any], beside: set[str]
) -> tuple[dict[int, str], dict[int, str], list[str]]:
    """Options by the values that exports hold, else by their order; apart those that are not analysed."""
    values = {key: number_of(str(recoded.get(key, key))) for key in labels}
    numbers = [value for value in values.values() if isinstance(value, int)]
    guesses = []
    if not len(numbers) == len(labels) == len(set(numbers)):
        values = {key: k for k, key in enumerate(labels, start=1)}
        guesses = ["the codes, by the order of the options"]
    coded = sorted((int(code), key) for key, code in values.items())
    options = {code: labels[key] or str(code) for code, key in coded if key not in beside}
    return options, {code: labels[key] for code, key in coded if key in beside}, guesses


def _ordered(labels: Mapping[str, str], order: Any) -> dict[str, str]:
    keys = [str(key) for key in order] if isinstance(order, list) else list(labels)
    return {key: labels[key] for key in keys if key in labels}


def _table(content: Any) -> dict[str, str]:
    """Key to shown text, of a mapping or of a list."""
    pairs = (
        content.items()
        if isinstance(content, dict)
        else enumerate(content)
        if isinstance(content, list)
        else ()
    )
    return {
        str(key): plain_text(str(value.get("Display", key)) if isinstance(value, dict) else str(value))
        for key, value in pairs
    }


def _values(content: Any) -> list[Any]:
    found = list(content.values()) if isinstance(content, dict) else list(content or [])
    return [one for one in found if isinstance(one, dict)]


def from_lss(path: Path) -> Draft:
    """Questions of a LimeSurvey structure: lists, arrays and five-point choices, in its first language."""
    try:
        text = path.read_text(encoding="utf-8-sig")
        if "<!DOCTYPE" in text or "<!ENTITY" in text:
            raise ValueError
        root = ElementTree.fromstring(text)
    except (OSError, ValueError, ElementTree.ParseError):
        raise _unread(path, "a LimeSurvey structure", "export it again: Survey structure (.lss).") from None
    language = next((row.get("language") for row in _rows(root, "surveys") if row.get("language")), None)
    language = language or next((one.text for one in root.findall("languages/language") if one.text), "en")
    titles = [
        row for row in _rows(root, "surveys_languagesettings") if row.get("surveyls_language") == language
    ]
    draft = Draft(
        title=plain_text(titles[0].get("surveyls_title", "") if titles else "") or path.stem,
        source=path.name,
        language=_language(language),
    )
    worded = {
        row["qid"]: row.get("question", "")
        for row in _rows(root, "question_l10ns")
        if row.get("language") == language and "qid" in row
    }
    labelled = {
        row["aid"]: row.get("answer", "")
        for row in _rows(root, "answer_l10ns")
        if row.get("language") == language and "aid" in row
    }
    groups = {
        row["gid"]: row.get("group_name", "")
        for row in [*_rows(root, "groups"), *_rows(root, "group_l10ns")]
        if row.get("language", language) == language and row.get("group_name") and "gid" in row
    }
    answers: dict[str, list[dict[str, str]]] = {}
    for row in _rows(root, "answers"):
        if row.get("language", language) == language:
            answers.setdefault(row.get("qid", ""), []).append(row)
    parts: dict[str, list[dict[str, str]]] = {}
    for row in _rows(root, "subquestions"):
        if row.get("language", language) == language:
            parts.setdefault(row.get("parent_qid", ""), []).append(row)
    seen = set()
    for row in sorted(
        _rows(root, "questions"), key=lambda one: (_place(one, "gid"), _place(one, "question_order"))
    ):
        if (
            row.get("parent_qid", "0") == "0"
            and row.get("language", language) == language
            and row.get("qid") not in seen
        ):
            seen.add(row.get("qid"))
            own = answers.get(row.get("qid", ""), [])
            for answer in own:
                answer.setdefault("answer", labelled.get(answer.get("aid", ""), ""))
            _of_lime(row, own, parts.get(row.get("qid", ""), []), worded, groups, draft)
    _only_group(draft)
    return draft


def _of_lime(
    row: dict[str, str],
    answers: list[dict[str, str]],
    parts: list[dict[str, str]],
    worded: dict[str, str],
    groups: dict[str, str],
    draft: Draft,
) -> None:
    title, kind = row.get("title", "?"), row.get("type", "")
    group = plain_text(groups.get(row.get("gid", ""), ""))
    points = {"5": 5, "A": 5, "B": 10}.get(kind)
    guesses = []
    texts: dict[str, int] = {}
    if points is not None:
        options = {k: str(k) for k in range(1, points + 1)}
        guesses.append("the labels; this kind of question has none")
    elif kind in ("L", "!", "F"):
        ordered = sorted(answers, key=lambda one: _place(one, "sortorder"))
        codes = [number_of(one.get("code", "")) for one in ordered]
        if not all(isinstance(code, int) for code in codes):
            codes = [number_of(re.sub(r"^[A-Za-z]+0*(?=\d)", "", one.get("code", ""))) for one in ordered]
            guesses.append("the codes, by the figures of LimeSurvey's own (A1 is 1)")
            if len({c for c in codes if isinstance(c, int)}) < len(ordered):
                codes = list(range(1, len(ordered) + 1))
                guesses[-1] = "the codes, by the order of the options"
            texts = {one.get("code", ""): int(code) for one, code in zip(ordered, codes, strict=True)}
        options = {
            int(code): plain_text(one.get("answer", "")) or one.get("code", "")
            for code, one in sorted(zip(codes, ordered, strict=True), key=lambda pair: int(pair[0]))
        }
    else:
        draft.left_out.append(LeftOut(title, f"a question of kind {kind}"))
        return
    if kind in ("F", "A", "B"):
        for part in sorted(parts, key=lambda one: _place(one, "question_order")):
            wording = plain_text(part.get("question") or worded.get(part.get("qid", ""), ""))
            name = f"{title}[{part.get('title', '?')}]"
            draft.questions.append(
                DraftQuestion(
                    name=name,
                    text=wording or name,
                    options=dict(options),
                    texts=dict(texts),
                    group=group,
                    guesses=list(guesses),
                )
            )
    else:
        wording = plain_text(row.get("question") or worded.get(row.get("qid", ""), ""))
        draft.questions.append(
            DraftQuestion(
                name=title, text=wording or title, options=options, texts=texts, group=group, guesses=guesses
            )
        )


def _rows(root: ElementTree.Element, name: str) -> list[dict[str, str]]:
    return [{field.tag: field.text or "" for field in row} for row in root.findall(f"{name}/rows/row")]


def _place(row: dict[str, str], name: str) -> int:
    found = number_of(row.get(name, "0") or "0")
    return found if isinstance(found, int) else 0


def is_xlsform(path: Path) -> bool:
    """Whether a workbook is a form and holds no answers: it has the sheets `survey` and `choices`."""
    from openpyxl import load_workbook

    try:
        book = load_workbook(path, read_only=True)
    except Exception:
        return False
    try:
        return {"survey", "choices"} <= {sheet.title.casefold() for sheet in book.worksheets}
    finally:
        book.close()


def from_xlsform(path: Path) -> Draft:
    """Questions of one choice in an XLSForm, with their groups."""
    from openpyxl import load_workbook

    book = load_workbook(path, read_only=True, data_only=True)
    try:
        sheets = {
            sheet.title.casefold(): _records(sheet.iter_rows(values_only=True)) for sheet in book.worksheets
        }
    finally:
        book.close()
    settings = next(iter(sheets.get("settings", [])), {})
    lists: dict[str, list[dict[str, str]]] = {}
    for row in sheets["choices"]:
        lists.setdefault(row.get("list_name") or row.get("list name") or "", []).append(row)
    columns = [name for row in sheets["survey"][:1] for name in row if name.startswith("label")]
    default = settings.get("default_language", "")
    label = next(
        (name for name in columns if default and default in name), columns[0] if columns else "label"
    )
    draft = Draft(
        title=settings.get("form_title") or path.stem,
        source=path.name,
        language=_language(_tag(default or label)),
    )
    groups: list[str] = []
    for row in sheets["survey"]:
        kind, _, named = row.get("type", "").strip().partition(" ")
        text, name = plain_text(row.get(label, "")), row.get("name", "")
        if kind.startswith("begin"):
            groups.append(text or name)
        elif kind.startswith("end"):
            groups = groups[:-1]
        elif kind == "select_one":
            rows = lists.get(named.split()[0] if named else "", [])
            codes = [number_of(one.get("name", "")) for one in rows]
            guesses, texts = [], {}
            if not all(isinstance(code, int) for code in codes):
                codes = list(range(1, len(rows) + 1))
                texts = {one.get("name", ""): int(code) for one, code in zip(rows, codes, strict=True)}
                guesses.append("the codes, by the order of the choices")
            options = {
                int(code): plain_text(one.get(label, "")) or one.get("name", "")
                for code, one in sorted(zip(codes, rows, strict=True), key=lambda pair: int(pair[0]))
            }
            draft.questions.append(
                DraftQuestion(
                    name=name,
                    text=text or name,
                    options=options,
                    texts=texts,
                    group=groups[-1] if groups else "",
                    guesses=guesses,
                )
            )
        elif kind and kind not in ("start", "end", "today", "deviceid", "note"):
            draft.left_out.append(LeftOut(name or kind, f"a question of kind {kind}"))
    _only_group(draft)
    return draft


def _records(rows: Any) -> list[dict[str, str]]:
    head: list[str] = []
    found = []
    for row in rows:
        cells = ["" if cell is None else str(cell).strip() for cell in row]
        if not head:
            head = [cell.casefold() if cell.casefold().split("::")[0] != "label" else cell for cell in cells]
        elif any(cells):
            found.append(dict(zip(head, cells, strict=False)))
    return found


def is_dictionary(columns: Sequence[str]) -> bool:
    """Whether a table is a REDCap data dictionary."""
    return {FIELD, KIND, LABEL} <= {name.strip().casefold() for name in columns}


def from_redcap(raw: RawTable) -> Draft:
    """Fields of one choice in a REDCap data dictionary, by form or matrix."""
    names = {name.strip().casefold(): name for name in raw.columns}
    draft = Draft(title=Path(raw.source).stem, source=raw.source)
    draft.guesses.append("title and language; the dictionary does not say them")

    def cells(name: str) -> list[str]:
        label = names.get(name)
        return (
            [""] * len(raw.lines)
            if label is None
            else [str(cell or "").strip() for cell in raw.column(label)]
        )

    fields = (cells(n) for n in (FIELD, KIND, LABEL, CHOICES, "matrix group name", "form name"))
    for field, kind, text, choices, matrix, form in zip(*fields, strict=True):
        if kind not in ("radio", "dropdown"):
            draft.left_out.append(LeftOut(field, f"a field of kind {kind}"))
            continue
        options: dict[int, str] = {}
        for choice in choices.split("|"):
            code, _, label = choice.partition(",")
            number = number_of(code.strip())
            if isinstance(number, int):
                options[number] = label.strip()
        draft.questions.append(
            DraftQuestion(
                name=field,
                text=plain_text(text) or field,
                options=dict(sorted(options.items())),
                group=matrix or form,
            )
        )
    _only_group(draft)
    return draft


def _only_group(draft: Draft) -> None:
    """Say that themes are groups of the file."""
    groups = {question.group for question in draft.questions}
    if len(groups) > 1:
        draft.guesses.append("the themes; they are the pages, forms or matrices of the file")


def _tag(name: str) -> str:
    found = re.search(r"\(([a-z]{2,3}(?:-[A-Za-z]+)?)\)", name)
    return (
        found.group(1)
        if found
        else {"deutsch": "de", "français": "fr", "español": "es"}.get(name.casefold(), "en")
    )


def _language(tag: str) -> str:
    plain = tag.strip().replace("_", "-")
    return plain.lower() if re.fullmatch(r"[A-Za-z]{2,3}", plain) else plain.split("-")[0].lower() or "en"


def _unread(path: Path, what: str, hint: str) -> ResponseDataError:
    return ResponseDataError(fact_and_hint(CALLER, f"{path.name} cannot be read as {what}.", hint))
