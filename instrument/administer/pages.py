"""Routes around the questions: link, consent, start, languages, help, thanks and withdrawal.

GET shows, POST saves in one transaction and then redirects. Every page of a person lies under a path that
says whose it is, and every form says what it was made for: one browser may have opened several links.
"""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Annotated, Any

from fastapi import APIRouter, Depends
from starlette.datastructures import FormData
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from instrument.administer.consent_paper import consent_pdf
from instrument.administer.entry import (
    RequestEndedError,
    client_of,
    enter,
    fits,
    frame_of,
    person_numbered,
    person_of,
    place_in,
    remember_language,
    seal,
    shut,
    site_of,
    stranger_page,
    visit,
)
from instrument.administer.journey import (
    Circumstances,
    Occasion,
    attempts_made,
    begin,
    circumstances_of,
    must_consent_again,
    occasion_of,
)
from instrument.administer.rendering import Page, render
from instrument.administer.session import (
    COOKIE,
    COOKIE_SECONDS,
    comes_from_here,
    cookie_value,
    place_of,
)
from instrument.administer.sheets import forgetting
from instrument.administer.steps import first_open_step, how_much
from instrument.administer.texts import day_in_words
from instrument.administer.withdrawal_code import about_code
from instrument.common.storable import is_storable
from instrument.store.connect import reading
from instrument.store.consents import consent_record
from instrument.store.definitions import study_written_as
from instrument.store.erasures import was_erased
from instrument.store.people import (
    Withdrawal,
    expired,
    give_consent,
    issue_withdrawal_code,
    link_of,
    person_of_code,
    set_language,
    withdraw_by_code,
)
from instrument.store.relinking import study_of_former_link

router = APIRouter(include_in_schema=False)
MOST_FIELDS = 100
_BACK = re.compile(
    r"(consent|start|review|done|(page|form-[A-Za-z][A-Za-z0-9_]{0,63})-[1-9][0-9]{0,4}(-review)?)?"
)


async def read_posted(request: Request) -> FormData:
    """Read a form; files and long lists of fields are no form of ours.

    Parameters
    ----------
    request
        The request.

    Returns
    -------
    starlette.datastructures.FormData
        Its fields.
    """
    form = await request.form(max_files=0, max_fields=MOST_FIELDS)
    if not all(isinstance(v, str) and is_storable(name + v) for name, v in form.multi_items()):
        raise HTTPException(422)  # a charset of its own can bring in half a character
    return form


Form = Annotated[FormData, Depends(read_posted)]


def go(page: Page, path: str) -> RedirectResponse:
    """Lead on within the pages of one person.

    Parameters
    ----------
    page
        Frame of the page that leads.
    path
        Below the person's pages.

    Returns
    -------
    starlette.responses.RedirectResponse
        To be fetched with GET.
    """
    return RedirectResponse(f"{page.base}{path}", status_code=303)


def way_back(back: str) -> str:
    """Path that a page such as "Help now" leads back to.

    Parameters
    ----------
    back
        Name of the page it was opened from, such as `page-3`.

    Returns
    -------
    str
        Below the person's pages; where the person stands for a name that is none.

    Examples
    --------
    >>> way_back("page-3"), way_back("page-3-review"), way_back("review"), way_back("//elsewhere")
    ('/survey/page/3', '/survey/page/3?from=review', '/survey/review', '/survey')
    >>> way_back("form-baseline-2")
    '/survey/form/baseline/2'
    """
    if not back or _BACK.fullmatch(back) is None:
        return "/survey"
    path = back.removesuffix("-review")
    return f"/survey/{path.replace('-', '/')}" + ("?from=review" if path != back else "")


@router.get("/q/{token}")
@router.get("/q/{token}/")
def open_link(request: Request, token: str) -> Response:
    """Turn a link into a session, on any device; it ends the session of another link in this browser."""
    site = site_of(request)
    with reading(site.engine) as connection:
        link: Any = link_of(connection, site.keyring, token)
        person = None if link is None else person_numbered(connection, link.id)
        withdrawn = person is None and was_erased(connection, site.keyring, token)
        former = None if person is not None else study_of_former_link(connection, site.keyring, token)
    if withdrawn:
        raise shut(request, "withdrawn", 404)
    if former is not None:
        raise shut(request, "replaced", 404, stranger_page(request, study_written_as(former.definition)))
    if person is None:
        if site.limit.blocked(client_of(request)):  # only wrong links: others may sit behind the address
            raise shut(request, "many", 429)
        site.limit.failed(client_of(request))
        raise shut(request, "lost", 404)
    if expired(person.expires_at):
        frame = frame_of(request, circumstances_of(person))
        raise shut(request, "expired", 404, replace(frame, form_token="", path=""))
    place = place_of(site.keyring, person.study_id, person.token_hash)
    response = RedirectResponse(f"{site.prefix}/s/{place}/survey", status_code=303)
    response.set_cookie(
        COOKIE,
        cookie_value(site.keyring, person.id, person.token_hash),
        max_age=COOKIE_SECONDS,
        path=site.prefix or "/",
        httponly=True,
        secure=site.secure,
        samesite="lax",
    )
    if person.lang:
        remember_language(request, response, person.lang)
    return response


@router.get("/s/{place}")
@router.get("/s/{place}/survey")
def resume(request: Request) -> Response:
    """Lead to the step where the person stands."""
    with reading(site_of(request).engine) as connection:
        here, page = enter(connection, request)
        if here.person.consent_granted is None or must_consent_again(here):
            return go(page, "/survey/consent")
        if not here.person.consent_granted:
            link = {"path": "/survey/consent", "label": page.t["consent_change"]}
            lines = [page.t["consent_declined"]]
            declined = render(
                "message.html", page, title=page.t["consent_declined_title"], lines=lines, link=link
            )
            return forgetting(declined, here.study, place_in(request))
        occasion = occasion_of(connection, here.person)
        if occasion.wave_id is None:
            return forgetting(_nothing(page, occasion), here.study, place_in(request))
        if occasion.administration is None:
            return go(page, "/survey/start")
        return go(page, first_open_step(connection, here, occasion))


def _nothing(page: Page, occasion: Occasion) -> Response:
    line = page.t["nothing_last"]
    if occasion.next_opens is not None:
        line = _comes_next(page, occasion)
    return render("message.html", page, title=page.t["nothing_title"], lines=[line])


def _comes_next(page: Page, occasion: Occasion) -> str:
    words = page.t["nothing_next_at" if occasion.next_at else "nothing_next"]
    day = "" if occasion.next_opens is None else day_in_words(occasion.next_opens, page.t)
    return words.format(date=day, clock=occasion.next_at)


def _text_shown(here: Circumstances, lang: str) -> str:
    """What a consent form was made for: this text, in this language."""
    consent = here.study.consent
    shown = consent is not None and lang in consent.text
    return f"consent {lang} {consent.hash_of(lang) if consent is not None and shown else ''}"


def _consent_page(
    request: Request, here: Circumstances, page: Page, status: int = 200, choice: object = None
) -> Response:
    consent = here.study.consent
    text = consent.text.get(page.lang, "") if consent else ""
    return render(
        "consent.html",
        page,
        status,
        title=page.t["consent_title"],
        consent_text=text,
        choice=choice,
        crisis=page.crisis,
        asked_again=status == 422,
        again=status == 403,
        changed=must_consent_again(here),
        seal=seal(request, here, _text_shown(here, page.lang)),
    )


@router.get("/s/{place}/survey/consent")
def show_consent(request: Request) -> Response:
    """Show the consent text."""
    with reading(site_of(request).engine) as connection:
        here, page = enter(connection, request)
        return _consent_page(request, here, page)


@router.get("/s/{place}/survey/consent.pdf")
def get_consent_paper(request: Request) -> Response:
    """Give the text that the person agreed to, as it was shown, with choice, moment and code."""
    with reading(site_of(request).engine) as connection:
        came = visit(connection, request)
        if came.here is None:
            raise shut(request, came.standing, 403, came.page)
        record = consent_record(connection, int(came.here.person.id))
    if record is None:
        raise shut(request, "stale", 404, came.page)
    named = f'attachment; filename="{came.page.t["paper_file"]}"'
    pdf = consent_pdf(record)
    return Response(pdf, media_type="application/pdf", headers={"Content-Disposition": named})


@router.post("/s/{place}/survey/consent")
def post_consent(request: Request, form: Form) -> Response:
    """Keep the choice with the hash of the text that was shown, in the language it was shown in."""
    with site_of(request).engine.begin() as connection:
        here, page = enter(connection, request)
        tags = [tag for tag, _ in page.languages]
        read = next((tag for tag in tags if fits(request, here, form, _text_shown(here, tag))), None)
        if read is None:
            raise stale(request, page)
        choice, consent = form.get("consent"), here.study.consent
        if not comes_from_here(request):
            return _consent_page(request, here, page, 403, choice)
        if choice not in ("yes", "no") or consent is None:
            return _consent_page(request, here, page, 422)
        text_hash = consent.hash_of(read)
        give_consent(connection, here.person.id, text_hash, consent.version, read, choice == "yes")
        if choice == "yes" and not here.person.lang:
            set_language(connection, here.person.id, read)  # letters come in the language agreed in
        issue_withdrawal_code(connection, site_of(request).keyring, here.person.id)
    return go(page, "/survey")


def stale(request: Request, page: Page, kind: str = "stale", status: int = 403) -> RequestEndedError:
    """Refuse a form that was made for another moment: nothing of it is kept, and the page says so.

    Parameters
    ----------
    request, page
        The request, and the frame of its page.
    kind, status
        Which words, and the HTTP status.

    Returns
    -------
    RequestEndedError
        To be raised.
    """
    link = {"path": "/survey", "label": page.t["go_on"]}
    return shut(request, kind, status, page, link=link)


def ready(request: Request, connection: Any) -> tuple[Circumstances, Page, Occasion]:
    """Person with consent at an open wave; anyone else is led to where they stand.

    Parameters
    ----------
    request, connection
        The request, and an open connection.

    Returns
    -------
    tuple
        Circumstances, frame and the open wave.

    Raises
    ------
    RequestEndedError
        There is nothing to answer now.
    """
    here, page = enter(connection, request)
    occasion = occasion_of(connection, here.person)
    if not here.person.consent_granted or must_consent_again(here) or occasion.wave_id is None:
        raise RequestEndedError(go(page, "/survey"))
    return here, page, occasion


def _start_page(
    request: Request, connection: Any, here: Circumstances, page: Page, occasion: Occasion, status: int = 200
) -> Response:
    code_line = about_code(connection, site_of(request).keyring, here.person, page)
    asks_scale = here.study.asks_scale(occasion.wave)
    return render(
        "start.html",
        page,
        status,
        title=page.t["start_title"],
        instructions=here.scale.wording(page.lang).instructions if asks_scale else "",
        facts=how_much(here, occasion.wave, page.t),
        code_keep=code_line,
        again=status == 403,
        seal=seal(request, here, f"wave {occasion.wave_id}"),
    )


@router.get("/s/{place}/survey/start")
def show_start(request: Request) -> Response:
    """Show the instructions and the withdrawal code."""
    with reading(site_of(request).engine) as connection:
        here, page, occasion = ready(request, connection)
        return _start_page(request, connection, here, page, occasion)


@router.post("/s/{place}/survey/start")
def post_start(request: Request, form: Form) -> Response:
    """Begin the questionnaire of the open wave."""
    with site_of(request).engine.begin() as connection:
        here, page, occasion = ready(request, connection)
        if not fits(request, here, form, f"wave {occasion.wave_id}"):
            raise stale(request, page)
        if not comes_from_here(request):
            return _start_page(request, connection, here, page, occasion, 403)
        begin(connection, here, occasion, page.lang)
    return go(page, "/survey")


@router.post("/s/{place}/language")
def post_language(request: Request, form: Form) -> Response:
    """Change the language and come back to the same page."""
    with site_of(request).engine.begin() as connection:
        came = visit(connection, request)
        if came.here is None:
            raise shut(request, came.standing, 403, came.page)
        wanted, page = form.get("lang"), came.page
        sound = comes_from_here(request) and fits(request, came.here, form, "language")
        known = sound and isinstance(wanted, str) and wanted in dict(page.languages)
        if known:
            set_language(connection, came.here.person.id, str(wanted))
    path, _, back = str(form.get("back", "")).partition("?back=")
    known_paths = {f"/survey{end}" for end in ("", "/consent", "/start", "/review", "/done")}
    if path in ("/help", "/withdraw"):
        response = go(page, path + (f"?back={back}" if back and _BACK.fullmatch(back) else ""))
    else:
        response = go(page, path if path in known_paths else "/survey")
    if known:
        remember_language(request, response, str(wanted))
    return response


@router.get("/s/{place}/survey/done")
def show_done(request: Request) -> Response:
    """Thank a person who has sent answers."""
    with reading(site_of(request).engine) as connection:
        here, page = enter(connection, request)
        occasion = occasion_of(connection, here.person)
        sent = any(row.status == "completed" for row in attempts_made(connection, here.person))
        if occasion.administration is not None or not sent or here.person.erasure_hash is None:
            return go(page, "/survey")
    lines = [page.t["done_lead"], page.t["code_before"]]
    if occasion.next_opens is not None:
        lines.append(_comes_next(page, occasion))
    made = render("message.html", page, title=page.t["done_title"], lines=lines, crisis=page.crisis)
    return forgetting(made, here.study, place_in(request))


def _own_page(request: Request, end: str) -> RedirectResponse | None:
    """Lead a browser that has opened a link to that person's page of the same name."""
    with reading(site_of(request).engine) as connection:
        person = person_of(connection, request)
    if person is None:
        return None
    site = site_of(request)
    place = place_of(site.keyring, person.study_id, person.token_hash)
    return RedirectResponse(f"{site.prefix}/s/{place}{end}", status_code=303)


@router.get("/help")
def show_help_to_anyone(request: Request) -> Response:
    """Show where help is found to someone without a link."""
    page = stranger_page(request)
    crisis = page.crisis or page.t["help_none"]
    own = _own_page(request, "/help")
    return own or render("message.html", page, title=page.t["help_title"], lines=[], crisis=crisis)


@router.get("/s/{place}/help")
def show_help(request: Request, back: str = "") -> Response:
    """Show where help is found; the same for everyone, whatever they answered."""
    with reading(site_of(request).engine) as connection:
        came = visit(connection, request)
    page = came.page
    link = {"path": way_back(back), "label": page.t["back_to_questions"]}
    return render(
        "message.html",
        page,
        title=page.t["help_title"],
        lines=[page.t["help_lead"]],
        crisis=page.crisis or page.t["help_none"],
        link=link if came.here is not None else None,
    )


def _withdraw_page(
    request: Request,
    page: Page,
    status: int = 200,
    back: str = "",
    *,
    code: str = "",
    choice: object = None,
    unknown: bool = False,
) -> Response:
    link = {"path": way_back(back), "label": page.t["back_to_questions"]}
    return render(
        "withdraw.html",
        page,
        status,
        title=page.t["withdraw_title"],
        unknown=unknown,
        asked_again=status == 422,
        again=status == 403,
        code=code,
        choice=choice,
        crisis=page.crisis or page.t["help_none"],
        link=link if page.form_token else None,
    )


@router.get("/withdraw")
def show_withdraw_to_anyone(request: Request) -> Response:
    """Ask someone without a link for a withdrawal code."""
    return _own_page(request, "/withdraw") or _withdraw_page(request, stranger_page(request))


@router.get("/s/{place}/withdraw")
def show_withdraw(request: Request, back: str = "") -> Response:
    """Ask for a withdrawal code; also when link or study have ended."""
    with reading(site_of(request).engine) as connection:
        page = visit(connection, request).page
    return _withdraw_page(request, page, back=back)


@router.post("/withdraw")
@router.post("/s/{place}/withdraw")
def post_withdraw(request: Request, form: Form) -> Response:
    """Withdraw the person of a code, who need not be the one whose link was opened here.

    The person chooses whether the answers stay or are erased; nothing is done without that choice.
    """
    site = site_of(request)
    code, choice = str(form.get("code", "")), form.get("choice")
    typed: dict[str, Any] = {"code": code, "choice": choice}
    with site.engine.begin() as connection:
        before = person_of(connection, request)
        page = visit(connection, request).page
        if not comes_from_here(request):
            return _withdraw_page(request, page, 403, **typed)
        if choice not in list(Withdrawal):
            return _withdraw_page(request, page, 422, **typed)
        what = Withdrawal(str(choice))
        whose: Any = person_of_code(connection, site.keyring, code)
        about = None if whose is None else (whose.study_id, whose.token_hash, whose.definition)
        number = withdraw_by_code(connection, site.keyring, code, what)
    if number is None:
        if site.limit.blocked(client_of(request)):
            raise shut(request, "many", 429)
        site.limit.failed(client_of(request))
        return _withdraw_page(request, page, 422, unknown=True, **typed)
    response = _withdrawn(request, page, what, stays=before is not None and before.id != number)
    if about is not None:
        place = place_of(site.keyring, about[0], about[1])
        forgetting(response, study_written_as(about[2]), place)
    return response


def _withdrawn(request: Request, page: Page, what: Withdrawal, *, stays: bool) -> Response:
    """Say what was done; `stays`: the link that is open in this browser is someone else's."""
    ends = what is Withdrawal.DELETE and not stays
    if ends:
        page = replace(page, form_token="", path=f"{page.base}/withdraw")
    words = "withdraw_done" if what is Withdrawal.DELETE else "withdraw_kept"
    link = {"path": "/survey", "label": page.t["back_to_questions"]}
    response = render(
        "message.html",
        page,
        title=page.t[f"{words}_title"],
        lines=[page.t[f"{words}_other" if stays else words]],
        link=link if stays and page.form_token else None,
    )
    remember_language(request, response, page.lang)
    if ends:
        response.delete_cookie(COOKIE, path=site_of(request).prefix or "/")
    return response
