"""The guide of an interview about items: printable, one part for each item, with careful probes."""

from __future__ import annotations

from collections.abc import Mapping
from html import escape

import pandas as pd

from instrument.content.records import WHOLE, ContentRecords
from instrument.errors import DefinitionError, fact_and_hint

CALLER = "interview_guide"
Probes = tuple[tuple[str, tuple[str, ...]], ...]
PROBES: dict[str, Probes] = {
    "en": (
        ("Think aloud", ("Please read it aloud and say whatever goes through your head.",)),
        ("Comprehension", ("What does this sentence mean, in your own words?", "Is any word odd or hard?")),
        ("Recall", ("What did you think of when you answered? From when?",)),
        ("Judgement", ("How did you come to your answer?", "How sure are you?")),
        ("Answer", ("Is there an option that fits? Which one comes next to it?",)),
    ),
    "de": (
        ("Lautes Denken", ("Bitte lesen Sie laut vor und sagen Sie, was Ihnen durch den Kopf geht.",)),
        ("Verstehen", ("Was heißt dieser Satz in Ihren Worten?", "Ist ein Wort seltsam oder schwer?")),
        ("Erinnern", ("Woran haben Sie gedacht, als Sie geantwortet haben? Aus welcher Zeit?",)),
        ("Urteilen", ("Wie sind Sie auf Ihre Antwort gekommen?", "Wie sicher sind Sie?")),
        ("Antworten", ("Gibt es eine Antwort, die passt? Welche kommt ihr am nächsten?",)),
    ),
}
CAREFUL = {
    "en": (
        "With care",
        (
            "Is there anything in it that you would rather not be asked? You need not say why.",
            "Would you change a word so that it sits better with you?",
            "Only if the person speaks of it first: who, if anybody, does the sentence seem to be about?",
        ),
    ),
    "de": (
        "Behutsam",
        (
            "Ist etwas darin, das Sie lieber nicht gefragt würden? Sie müssen nicht sagen, warum.",
            "Würden Sie ein Wort ändern, damit es Ihnen lieber ist?",
            "Nur wenn die Person selbst davon spricht: Von wem handelt der Satz für Sie, wenn überhaupt?",
        ),
    ),
}
TEXTS: dict[str, dict[str, str]] = {
    "en": {
        "title": "Interview about the questions",
        "help": "Where help is found",
        "interview": "Interview",
        "coder": "Coder",
        "codes": "Codes (tick)",
        "clear": "no problem",
        "whole": "After the last item",
        "instructions": "Instructions",
        "time_frame": "Time frame",
        "options": "Answer options",
        "missing": "Is there something about this that matters to you and was not asked?",
        "end": "Thank the person, ask how they are, and say again where help is found.",
    },
    "de": {
        "title": "Gespräch über die Fragen",
        "help": "Wo es Hilfe gibt",
        "interview": "Gespräch",
        "coder": "Kodiert von",
        "codes": "Codes (ankreuzen)",
        "clear": "kein Problem",
        "whole": "Nach der letzten Aussage",
        "instructions": "Anleitung",
        "time_frame": "Zeitraum",
        "options": "Antworten",
        "missing": "Gibt es etwas dazu, das Ihnen wichtig ist und nicht gefragt wurde?",
        "end": "Danken Sie, fragen Sie, wie es der Person geht, und sagen Sie noch einmal, wo es Hilfe gibt.",
    },
}
BEGIN = {
    "en": (
        "Say who you are, who will see the notes, and that no answer is wrong: the sentences are tested, "
        "not the person.",
        "Say that any question can be left out and that one can stop at any time, without a reason.",
        "Record only after a yes; show the device and where it is. Nobody listens from elsewhere.",
        "Do not suggest that anybody watches, judges or follows. If the person is uneasy: pause, go on to "
        "something else, or stop; never ask the same probe twice.",
        "Mark codes only. Names, places and what was said stay in your own notes: they can tell who "
        "somebody is, and go into no table and no report.",
    ),
    "de": (
        "Sagen Sie, wer Sie sind, wer die Notizen sieht, und dass keine Antwort falsch ist: geprüft werden "
        "die Sätze, nicht die Person.",
        "Sagen Sie, dass jede Frage ausgelassen und jederzeit ohne Grund aufgehört werden kann.",
        "Nehmen Sie nur nach einem Ja auf; zeigen Sie das Gerät und wo es steht. Niemand hört anderswo zu.",
        "Legen Sie nicht nahe, dass jemand beobachtet, urteilt oder verfolgt. Ist die Person unruhig: "
        "Pause, etwas anderes, oder aufhören; nie zweimal dasselbe nachfragen.",
        "Halten Sie nur Codes fest. Namen, Orte und Gesagtes bleiben in Ihren eigenen Notizen: sie können "
        "verraten, wer jemand ist, und kommen in keine Tabelle und keinen Bericht.",
    ),
}
_STYLE = (
    "@page{size:A4;margin:16mm}body{font:11pt/1.4 system-ui,sans-serif;color:#000;max-width:180mm;"
    "margin:0 auto}section{border-top:1px solid #777;padding:3mm 0;break-inside:avoid}"
    "h2{font-size:12pt;margin:0}"
    "ul{margin:1mm 0;padding-left:5mm}.codes{list-style:none;columns:2;padding:0}.help{border:1px solid #000;"
    "padding:2mm}.small{font-size:9pt}input[type=checkbox]{width:5mm;height:5mm}"
)


def interview_guide(records: ContentRecords, crisis_text: str, language: str | None = None) -> str:
    """Write the guide of an interview: a page to print, or to tick codes on at a screen.

    Nothing that is ticked leaves the page or is stored: carry codes over to `codes.csv`
    (`interview_sheet` gives its rows).

    Parameters
    ----------
    records
        The work on content: items, codes.
    crisis_text
        Where help is found, at any hour; refused where it is empty.
    language
        Language of items and guide; English and German guides are there.

    Returns
    -------
    str
        One HTML page without scripts or outside files.

    Raises
    ------
    DefinitionError
        No crisis text, no wording in this language, or no guide in it.
    """
    tag = language or records.scale.language
    base = tag.split("-")[0].lower()
    if tag not in records.scale.languages or base not in PROBES:
        fact = f"there is no guide in {tag!r}."
        hint = f"choose among {', '.join(t for t in records.scale.languages if t.split('-')[0] in PROBES)}."
        raise DefinitionError(fact_and_hint(CALLER, fact, hint))
    if not crisis_text.strip():
        fact = "the text that says where help is found is empty."
        raise DefinitionError(fact_and_hint(CALLER, fact, "give it for the place of the interviews."))
    wording, said = records.scale.wording(tag), TEXTS[base]
    probes = (*PROBES[base], CAREFUL[base])
    items = [(item, wording.items[item]) for item in records.items]
    options = " / ".join(label for labels in wording.options.values() for label in labels.values())
    whole = {"instructions": wording.instructions, "time_frame": wording.time_frame, "options": options}
    parts = [_part(f"{k}. {text}", item, probes, records, said) for k, (item, text) in enumerate(items, 1)]
    parts += [
        _part(f"{said[name]}: {whole[name]}", name, PROBES[base][1:2], records, said)
        for name in WHOLE
        if whole[name]
    ]
    begin = "".join(f"<li>{escape(line)}</li>" for line in BEGIN[base])
    help_ = f'<p class="help"><strong>{said["help"]}:</strong> {escape(crisis_text)}</p>'
    blanks = f"<p>{said['interview']}: ________ &nbsp; {said['coder']}: ________</p>"
    return (
        f'<!doctype html>\n<html lang="{escape(tag)}"><head><meta charset="utf-8">'
        f"<title>{escape(said['title'])}</title><style>{_STYLE}</style></head><body><main>"
        f"<h1>{escape(said['title'])}</h1>"
        f"<p>{escape(records.scale.title)} {escape(records.scale.version)}</p>"
        f"{help_}{blanks}<ol>{begin}</ol>{''.join(parts)}"
        f"<p><strong>{escape(said['missing'])}</strong></p><p>{escape(said['end'])}</p>{help_}"
        "</main></body></html>\n"
    )


def interview_sheet(records: ContentRecords, interview: str, coder: str) -> pd.DataFrame:
    """Give the rows of `codes.csv` for one interview, to fill in: `clear` or a code for each item asked.

    Examples
    --------
    Rows of items that were not asked about are deleted; an item with two problems gets two rows.
    """
    asked = [*records.items, *WHOLE]
    return pd.DataFrame({"interview": interview, "item": asked, "coder": coder, "code": ""})


def _part(heading: str, name: str, probes: Probes, records: ContentRecords, said: Mapping[str, str]) -> str:
    asked = "".join(
        f"<li><strong>{escape(step)}:</strong> {escape(' '.join(questions))}</li>"
        for step, questions in probes
    )
    codes = [
        ("clear", said["clear"]),
        *((code, entry.text) for code, entry in records.file.codes.items()),
    ]
    boxes = "".join(
        f'<li><label><input type="checkbox"> {escape(code)}: {escape(text)}</label></li>'
        for code, text in codes
    )
    return (
        f'<section id="{escape(name)}"><h2>{escape(heading)}</h2><ul>{asked}</ul>'
        f'<p class="small">{escape(said["codes"])}</p><ul class="codes">{boxes}</ul></section>'
    )
