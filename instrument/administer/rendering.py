"""Pages from templates: what each needs, gathered once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from starlette.responses import HTMLResponse

from instrument.administer.journey import Circumstances, chosen_code, field_of
from instrument.administer.linking import with_telephone_links
from instrument.administer.shield import POLICY, POLICY_HEADER, POLICY_OF_SCRIPTS
from instrument.administer.texts import day_in_words, page_texts
from instrument.definition import Instrument, Wording
from instrument.forms import Question, plain_number
from instrument.store.form_answers import Kept, said_in
from instrument.study import Study

FOLDER = Path(__file__).parent
_DEFAULTS = {
    "own_form": False,
    "crisis": None,
    "link": None,
    "lines": (),
    "again": False,
    "back": "",
    "sheet": None,
    "scripts": (),
}

_templates = Environment(
    loader=FileSystemLoader(FOLDER / "templates"),
    autoescape=True,
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)
_templates.filters["telephones"] = with_telephone_links


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """What every page shows around its content.

    Attributes
    ----------
    lang, t
        Language and the texts of the pages in it.
    prefix, base
        Where the site is mounted, and where the pages of this person begin; the same for a stranger.
    path
        For the choice of language: path of this page below `base`; for a stranger, where its links lead.
    study_title, contact, crisis, synthetic
        From the study; empty where it is not known.
    languages
        Tag and own name of each language of the study.
    unvalidated
        Whether the wording is a translation that no one has validated.
    form_token
        For the choice of language; empty before a person is known.
    agreed
        Whether the person has agreed to a consent text, which can be had as a PDF.
    """

    lang: str
    t: dict[str, str]
    prefix: str
    base: str
    path: str
    study_title: str = ""
    contact: str = ""
    crisis: str = ""
    synthetic: bool = False
    languages: tuple[tuple[str, str], ...] = ()
    unvalidated: bool = False
    form_token: str = ""
    agreed: bool = False


def offered_languages(study: Study, scale: Instrument | None = None) -> tuple[tuple[str, str], ...]:
    """Languages of a study, each under its own name.

    Parameters
    ----------
    study
        The study.
    scale
        Its instrument; languages without a wording are left out.

    Returns
    -------
    tuple of tuple
        Tag and name.
    """
    spoken = study.languages if scale is None else [tag for tag in study.languages if tag in scale.languages]
    tags = list(spoken) if spoken or scale is None else [scale.language]
    return tuple((tag, page_texts(tag)["language_name"]) for tag in tags)


def page_of_person(
    here: Circumstances, lang: str, *, prefix: str, base: str, path: str, form_token: str
) -> Page:
    """Frame of a page of a known person.

    Parameters
    ----------
    here
        Person, study and instrument.
    lang
        Language of the page.
    prefix, base, path, form_token
        As in `Page`.

    Returns
    -------
    Page
        The frame.
    """
    t = page_texts(lang)
    return Page(
        lang=lang,
        t=t,
        prefix=prefix,
        base=base,
        path=path,
        study_title=here.study.title_in(lang),
        contact=here.study.contact_in(lang),
        crisis=here.study.crisis.get(lang) or t["help_none"],
        synthetic=here.study.synthetic,
        languages=offered_languages(here.study, here.scale),
        unvalidated=here.scale.wording(lang).status not in ("source", "validated"),
        form_token=form_token,
        agreed=bool(here.person.consent_granted),
    )


def in_words(page: Page, study: Study, lang: str, scale: Instrument | None = None) -> Page:
    """Give the frame of a page in another language.

    Parameters
    ----------
    page, study
        The frame, and its study.
    lang
        Tag, one of the study's.
    scale
        The instrument where the person is known.

    Returns
    -------
    Page
        The same but for its words.
    """
    t = page_texts(lang)
    crisis = study.crisis.get(lang) or t["help_none"]
    unvalidated = scale is not None and scale.wording(lang).status not in ("source", "validated")
    return replace(page, lang=lang, t=t, crisis=crisis, unvalidated=unvalidated)


def render(template: str, page: Page, status: int = 200, **values: Any) -> HTMLResponse:
    """Make a page.

    Parameters
    ----------
    template
        Name of the template.
    page
        Its frame.
    status
        HTTP status.
    **values
        What the template shows.

    Returns
    -------
    starlette.responses.HTMLResponse
        The page.
    """
    sheet = values.get("sheet")
    scripts = values.get("scripts") or (sheet.scripts if sheet is not None else ())
    shown = {**_DEFAULTS, **values, "page": page, "scripts": scripts}
    text = _templates.get_template(template).render(**shown)
    headers = {POLICY_HEADER: f"{POLICY}; {POLICY_OF_SCRIPTS}"} if scripts else None
    return HTMLResponse(text, status_code=status, headers=headers)


def question_fields(
    here: Circumstances,
    page: Page,
    rows: list[Any],
    total: int,
    chosen: dict[str, int | None],
    wrong: list[str],
    open_ids: list[str],
) -> list[dict[str, Any]]:
    """What the template needs of each question on a page.

    Parameters
    ----------
    here, page
        Person and frame.
    rows
        Stored answers of the page, in the order shown.
    total
        Number of questions in all.
    chosen
        Code shown as chosen, by item id, where it differs from the stored one.
    wrong, open_ids
        Items with a choice that does not exist, and items without an answer.

    Returns
    -------
    list of dict
        One per question.
    """
    wording = here.scale.wording(page.lang)
    fields = []
    for row in rows:
        scale = here.scale.scale_of(row.name)
        labels = wording.options[here.scale.item(row.name).scale or here.scale.scale_by_default]
        stored = chosen_code(here.scale, row.name, row.state, row.value)
        field = field_of(row.name)
        fields.append(
            {
                "field": field,
                "first": f"{field}-{scale.codes[0]}",
                "text": wording.items[row.name],
                "count": page.t["question_of"].format(number=row.display_order, total=total),
                "options": [{"code": c, "label": labels[c]} for c in scale.codes],
                "outside": [{"code": o.code, "label": labels[o.code]} for o in scale.outside],
                "chosen": chosen.get(row.name, stored),
                "wrong": row.name in wrong,
                "open": row.name in open_ids,
            }
        )
    return fields


def review_sections(
    here: Circumstances, page: Page, rows: list[Any], steps: list[Any], kept: Kept
) -> list[dict[str, Any]]:
    """What the review page shows, page by page.

    Parameters
    ----------
    here, page
        Person and frame.
    rows
        Stored answers in the order shown.
    steps
        Pages of questions in their order.
    kept
        Stored answers of forms.

    Returns
    -------
    list of dict
        One per page of questions.
    """
    wording = here.scale.wording(page.lang)
    sections: list[dict[str, Any]] = []
    for place, step in enumerate(steps, start=1):
        if step.form is None:
            entries = [_entry(here, page, wording, row) for row in rows if row.page == step.number]
        else:
            said = said_in(kept, step.form)
            entries = [
                {
                    "text": question.text[page.lang],
                    "answer": answer_in_words(question, said.get(question.id), page.lang)
                    or page.t["review_blank"],
                }
                for question in step.questions
            ]
        sections.append(
            {
                "anchor": step.path.removeprefix("/survey/").replace("/", "-"),
                "path": step.path,
                "heading": page.t["page_of"].format(page=place, total=len(steps)),
                "change": page.t["review_change"].format(page=place),
                "entries": entries,
            }
        )
    return sections


def _entry(here: Circumstances, page: Page, wording: Wording, row: Any) -> dict[str, str]:
    labels = wording.options[here.scale.item(row.name).scale or here.scale.scale_by_default]
    code = chosen_code(here.scale, row.name, row.state, row.value)
    return {
        "text": wording.items[row.name],
        "answer": page.t["review_blank"] if code is None else labels[code],
    }


def answer_in_words(question: Question, value: str | None, lang: str) -> str:
    """Answer to a question of a form as the person gave it.

    Parameters
    ----------
    question, value, lang
        Question, stored answer (None for none), and language of the page.

    Returns
    -------
    str
        Labels of choices, a number with its unit, a date or the text; empty for none.
    """
    if value is None:
        return ""
    if question.kind in ("single", "several"):
        labels = {choice.code: choice.label[lang] for choice in question.choices}
        return "; ".join(labels[int(code)] for code in value.split())
    if question.kind == "date":
        return _day(value, lang)
    return f"{value} {question.unit.get(lang, '')}".strip()


def _day(text: str, lang: str) -> str:
    return day_in_words(date.fromisoformat(text), page_texts(lang))


def form_fields(
    questions: Sequence[Question],
    page: Page,
    kept: Mapping[str, str],
    typed: Mapping[str, list[str]],
    faults: Mapping[str, str],
    open_ids: Sequence[str],
) -> list[dict[str, Any]]:
    """What the template needs of each question of a form.

    Parameters
    ----------
    questions, page
        Those of the page, and its frame.
    kept, typed
        Stored answers, and fields as posted, which go before them.
    faults, open_ids
        Names of faults by question, and questions without an answer.

    Returns
    -------
    list of dict
        One per question.
    """
    fields = []
    for question in questions:
        said = typed.get(question.id)
        if said is None:
            stored = kept.get(question.id)
            single = question.kind not in ("single", "several")
            said = [] if stored is None else [stored] if single else stored.split()
        field, fault = f"form-{question.id}", faults.get(question.id, "")
        bounds = {"low": _bound(question, low=True), "high": _bound(question, low=False)}
        low, high = question.minimum or 0.0, question.maximum or 0.0
        middle = plain_number(low + question.step * int((high - low) / question.step / 2))
        fields.append(
            {
                "id": question.id,
                "field": field,
                "kind": question.kind,
                "first": f"{field}-{question.choices[0].code}" if question.choices else field,
                "text": question.text[page.lang],
                "help": question.help.get(page.lang, ""),
                "choices": [{"code": c.code, "label": c.label[page.lang]} for c in question.choices],
                "chosen": said,
                "had": question.id in kept,
                "value": said[0] if said else "",
                "place": said[0] if said else middle,
                "set": bool(said) and question.id not in open_ids,
                "minimum": bounds["low"],
                "maximum": bounds["high"],
                "step": plain_number(question.step),
                "unit": question.unit.get(page.lang, ""),
                "low": question.low.get(page.lang, ""),
                "high": question.high.get(page.lang, ""),
                "longest": question.longest,
                "identifies": question.is_identifying and question.kind == "text",
                "fault": _fault_in_words(page, question, fault, bounds),
                "open": question.id in open_ids,
            }
        )
    return fields


def _bound(question: Question, *, low: bool) -> str:
    if question.kind == "date":
        day = question.earliest if low else question.latest
        return "" if day is None else day.isoformat()
    number = question.minimum if low else question.maximum
    return "" if number is None else plain_number(number)


def _fault_in_words(page: Page, question: Question, fault: str, bounds: Mapping[str, str]) -> str:
    if not fault:
        return ""
    if fault in ("range", "date_range"):
        ends = [end for end in ("low", "high") if bounds[end]]
        fault = "between" if len(ends) == 2 else f"only_{ends[0]}"
    if question.kind == "date":
        bounds = {end: _day(day, page.lang) if day else "" for end, day in bounds.items()}
        fault = f"day_{fault}" if fault in ("between", "only_low", "only_high") else fault
    return page.t[f"bad_{fault}"].format(**bounds, longest=question.longest)
