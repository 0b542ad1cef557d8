"""A browser of the tests: tabs that share cookies, read pages as HTML and press the buttons they find."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from html.parser import HTMLParser
from urllib.parse import urlsplit

import httpx2 as httpx

HERE = {"sec-fetch-site": "same-origin"}
_PLACE = re.compile(r"/s/[^/]+")


def place_of(response: httpx.Response) -> str:
    """Where the pages of the person begin whose page was given; empty for no one's page."""
    found = _PLACE.match(urlsplit(str(response.url)).path)
    return found.group() if found else ""


def at(response: httpx.Response) -> str:
    """Path of a page within the pages of its person."""
    return _PLACE.sub("", urlsplit(str(response.url)).path, count=1)


def form_token(text: str) -> str:
    """Token of the page's own form, which comes after that of the language."""
    return re.findall(r'name="form_token" value="([^"]+)"', text)[-1]


Sent = dict[str, str | list[str]]


@dataclass
class Form:
    """One form of a page: where it leads, what it carries unseen, what may be ticked, what may be pressed.

    `written` holds what else can be filled in (boxes, numbers, dates, sliders, texts), with what stands there.
    """

    action: str = ""
    hidden: Sent = field(default_factory=dict)
    choices: dict[str, list[str]] = field(default_factory=dict)
    ticked: dict[str, str] = field(default_factory=dict)
    written: Sent = field(default_factory=dict)
    buttons: list[tuple[str, str]] = field(default_factory=list)


class Page(HTMLParser):
    """What a person without scripts could do on a page."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.forms: list[Form] = []
        self.links: dict[str, str] = {}
        self.ways: list[str] = []
        self.lang = ""
        self.words: list[str] = []
        self._by_id: dict[str, Form] = {}
        self._open: Form | None = None
        self._link: str | None = None
        self._text: str | None = None
        self._early: list[tuple[str, str, str]] = []
        self.feed(text)
        for name, button, value in reversed(self._early):
            self._by_id[name].buttons.insert(0, (button, value))

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        if tag == "html":
            self.lang = given["lang"]
        elif tag == "form":
            self._open = Form(given["action"])
            self.forms.append(self._open)
            self._by_id[given.get("id", "")] = self._open
        elif tag == "a":
            self._link = given.get("href", "")
            self.ways.append(self._link)
        elif tag == "button":
            if "form" in given:
                early = given["form"] not in self._by_id
                pressed = (given.get("name", ""), given.get("value", ""))
                if early:
                    self._early.append((given["form"], *pressed))
                else:
                    self._by_id[given["form"]].buttons.append(pressed)
            elif self._open is not None:
                self._open.buttons.append((given.get("name", ""), given.get("value", "")))
        elif tag == "input" and self._open is not None:
            name, value = given["name"], given.get("value", "")
            if given.get("type") == "hidden" and name == "had":
                self._open.hidden[name] = [*self._open.hidden.get(name, []), value]
            elif given.get("type") == "hidden":
                self._open.hidden[name] = value
            elif given.get("type") == "checkbox":
                ticked = self._open.written.setdefault(name, [])
                self._open.written[name] = [*ticked, value] if "checked" in given else ticked
            elif given.get("type") == "radio":
                self._open.choices.setdefault(name, []).append(value)
                if "checked" in given:
                    self._open.ticked[name] = value
            elif given.get("type") in ("text", "date", "range"):
                self._open.written[name] = value
        elif tag == "textarea" and self._open is not None:
            self._text = given["name"]
            self._open.written[self._text] = ""

    def handle_endtag(self, tag: str) -> None:
        if tag == "form":
            self._open = None
        elif tag == "textarea":
            self._text = None
        elif tag == "a":
            self._link = None

    def handle_data(self, data: str) -> None:
        if self._link is not None and data.strip():
            self.links[data.strip()] = self._link
        self.words.append(data)
        if self._text is not None and self._open is not None:
            self._open.written[self._text] = str(self._open.written[self._text]) + data

    @property
    def said(self) -> str:
        """Words of the page."""
        return " ".join(" ".join(self.words).split())

    @property
    def has_form(self) -> bool:
        return any(not form.action.endswith("/language") for form in self.forms)

    @property
    def main(self) -> Form:
        """The form with the most to tick, else the last that is not about the language."""
        others = [form for form in self.forms if not form.action.endswith("/language")]
        return max(others, key=lambda form: len(form.choices) + len(form.written))


class Tab:
    """One tab; tabs made from one client share its cookies, as in a browser."""

    def __init__(self, client: httpx.Client) -> None:
        self.client = client
        self.response, self.path, self.page = httpx.Response(204), "", Page("")

    def take(self, response: httpx.Response) -> Tab:
        self.response = response
        self.path = urlsplit(str(response.url)).path
        self.page = Page(response.text)
        return self

    def open(self, path: str) -> Tab:
        return self.take(self.client.get(path, follow_redirects=True))

    def reload(self) -> Tab:
        return self.open(self.path)

    def press(
        self,
        button: tuple[str, str] | None = None,
        tick: str | Sent | None = None,
        form: Form | None = None,
        headers: dict[str, str] | None = None,
    ) -> Tab:
        """Tick (every question alike, or each as named), then press the form's own or the named button."""
        chosen = self.page.main if form is None else form
        ticks = dict.fromkeys(chosen.choices, tick) if isinstance(tick, str) else (tick or {})
        name, value = chosen.buttons[0] if button is None else button
        sent = {
            **chosen.hidden,
            **chosen.ticked,
            **chosen.written,
            **ticks,
            **({name: value} if name else {}),
        }
        sent_with = HERE if headers is None else headers
        return self.take(self.client.post(chosen.action, data=sent, headers=sent_with, follow_redirects=True))

    def begin(self, token: str) -> Tab:
        """From the link to the first page of questions."""
        self.open(f"/q/{token}")
        self.press(tick={"consent": "yes"})
        return self.press()

    def begin_with_code(self, token: str) -> tuple[Tab, str]:
        """As `begin`, with the withdrawal code, which is shown once on the way."""
        self.open(f"/q/{token}")
        self.press(tick={"consent": "yes"})
        code = re.search(r"(?:\w{4}-){3}\w{4}", self.response.text)
        assert code is not None
        return self.press(), code.group()

    def follow(self, words: str) -> Tab:
        return self.open(self.page.links[words])
