"""The questionnaire on paper: one printable page of HTML."""

from __future__ import annotations

from collections.abc import Mapping
from html import escape

from instrument.definition import Instrument, Wording
from instrument.errors import DefinitionError, fact_and_hint, name_offenders
from instrument.exchange.coding import offered_labels, wording_in

HEADINGS: dict[str, dict[str, str]] = {
    "en": {
        "code": "Code",
        "wave": "Time point",
        "date": "Date",
        "how": "Please tick one box for each statement. You can leave out any statement.",
        "correct": "If you tick the wrong box, fill it in and tick the right one.",
        "thanks": "Thank you. You can look through your answers once more if you like.",
    },
    "de": {
        "code": "Code",
        "wave": "Zeitpunkt",
        "date": "Datum",
        "how": "Bitte kreuzen Sie bei jeder Aussage ein Kästchen an. Sie können jede Aussage auslassen.",
        "correct": "Bei einem Irrtum füllen Sie das Kästchen aus und kreuzen das richtige an.",
        "thanks": "Vielen Dank. Wenn Sie möchten, können Sie Ihre Antworten noch einmal durchsehen.",
    },
}


def paper_form(
    scale: Instrument,
    language: str | None = None,
    crisis_text: str = "",
    headings: Mapping[str, str] | None = None,
) -> str:
    """Write the questionnaire as a page to print and fill in by hand.

    Titles of themes are not printed, as they hint at what a statement is meant to measure. Each box has
    its code in small print, for the person who enters the answers.

    Parameters
    ----------
    scale
        The instrument.
    language
        Language of the texts; None is the source.
    crisis_text
        Where to find help; printed at the top and at the foot of every sheet, whatever the answers.
    headings
        The few texts around the items (`code`, `wave`, `date`, `how`, `correct`, `thanks`), needed for
        languages other than English and German.

    Returns
    -------
    str
        One HTML page without scripts or outside files.

    Raises
    ------
    DefinitionError
        There is no such translation, or headings lack.

    Examples
    --------
    >>> import instrument
    >>> page = paper_form(instrument.load("dta"), "de", crisis_text="Notruf 112")
    >>> page.count("<fieldset"), page.count("Notruf 112")
    (40, 2)
    """
    wording = wording_in(scale, language, "paper_form")
    around = _headings(wording.language, headings)
    items = "".join(
        _fieldset(number, wording.items[item_id], offered_labels(scale, wording, item_id), item_id)
        for number, item_id in enumerate(scale.item_ids, 1)
    )
    blanks = "".join(
        f"<p>{escape(around[name])}: <span class=blank></span></p>" for name in ("code", "wave", "date")
    )
    return (
        f'<!doctype html>\n<html lang="{escape(wording.language)}"><head><meta charset="utf-8">'
        f"<title>{escape(wording.title)}</title><style>{_STYLE}</style></head><body>"
        f"{_help(crisis_text, 'header')}<main><h1>{escape(wording.title)}</h1>"
        f"{_notice(wording)}<div class=blanks>{blanks}</div>"
        f"{_paragraph(wording.instructions)}<p><strong>{escape(around['how'])}</strong>"
        f" {escape(around['correct'])}</p>{_paragraph(wording.time_frame and wording.time_frame + ' …')}"
        f"{items}<p>{escape(around['thanks'])}</p>"
        f"<p class=small>{escape(scale.id)} {escape(scale.version)} · {scale.content_hash[:12]}</p></main>"
        f"{_help(crisis_text, 'footer')}</body></html>\n"
    )


_STYLE = (
    "@page{size:A4;margin:18mm 16mm 28mm}body{font:11pt/1.4 system-ui,sans-serif;color:#000;"
    "max-width:180mm;margin:0 auto}fieldset{border:0;border-top:1px solid #777;margin:0;padding:3mm 0;"
    "break-inside:avoid}legend{padding:0;float:left;width:100%;font-weight:600;margin-bottom:2mm}"
    "ul{clear:both;list-style:none;margin:0;padding:0;columns:2}li{break-inside:avoid;padding:1mm 0}"
    ".box{display:inline-block;width:4mm;height:4mm;border:1.2pt solid #000;vertical-align:-0.5mm;"
    "margin-right:2mm}.code,.small{font-size:7.5pt;color:#444}.blanks{display:flex;gap:6mm}"
    ".blank{display:inline-block;width:32mm;border-bottom:1px solid #000}.help{border:1px solid #000;"
    "padding:2mm}@media print{footer.help{position:fixed;bottom:0;left:0;right:0;background:#fff}}"
)


def _headings(language: str, given: Mapping[str, str] | None) -> Mapping[str, str]:
    headings = given if given is not None else HEADINGS.get(language.split("-")[0], {})
    if absent := [name for name in HEADINGS["en"] if name not in headings]:
        fact = f"headings in {language!r} lack {name_offenders(absent)}."
        raise DefinitionError(fact_and_hint("paper_form", fact, "give them with headings=…."))
    return headings


def _fieldset(number: int, text: str, labels: dict[int, str], item_id: str) -> str:
    boxes = "".join(
        f'<li data-code="{code}"><span class=box></span>{escape(label)} <span class=code>{code}</span></li>'
        for code, label in labels.items()
    )
    return f'<fieldset id="{item_id}"><legend>{number}. {escape(text)}</legend><ul>{boxes}</ul></fieldset>'


def _notice(wording: Wording) -> str:
    return f"<p class=small>{escape(wording.notice)}</p>" if wording.notice else ""


def _paragraph(text: str) -> str:
    return f"<p>{escape(text)}</p>" if text else ""


def _help(text: str, tag: str) -> str:
    return f"<{tag} class=help>{escape(text)}</{tag}>" if text else ""
