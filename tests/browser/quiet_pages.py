"""What tests of pages share: wait until a page rests, and know what it asked of the network."""

from __future__ import annotations

from urllib.parse import urlsplit

from playwright.sync_api import BrowserContext, Page

# Nothing runs on the server, nothing is still to be loaded, nothing of the page before stands there faded, the fonts
# are there, and ten drawings in a row changed nothing of the page. An animation may go on changing attributes; words and elements must have come to rest.
# The promise never ends in "not yet": whoever waits for a function takes its first answer, whatever it is.
RESTS = """
() => new Promise(done => {
  let still = 0;
  const began = performance.now();
  const watch = new MutationObserver(changes => {
    if (performance.now() - began < 500 || changes.some(change => change.type !== 'attributes')) still = 0;
  });
  watch.observe(document.body, {subtree: true, childList: true, attributes: true, characterData: true});
  const look = () => {
    const loaded = document.querySelector('[data-testid=stApp][data-test-script-state=notRunning]')
      && !document.querySelector('[data-testid=stSkeleton]') && !document.querySelector('[data-stale=true]');
    still = loaded ? still + 1 : 0;
    if (still > 10) { watch.disconnect(); document.fonts.ready.then(() => done(true)); }
    else requestAnimationFrame(look);
  };
  requestAnimationFrame(look);
})
"""

# Whether the page has the ground of a scheme: the sum of its red, green and blue says light or dark
WEARS = (
    "dark => { const ground = getComputedStyle(document.querySelector('[data-testid=stApp]')).backgroundColor; "
    "const sum = ground.match(/\\d+/g).slice(0, 3).reduce((all, part) => all + Number(part), 0); "
    "return (sum < 380) === dark; }"
)


def settled(page: Page) -> None:
    """Wait until the page shows what it will show."""
    page.wait_for_selector("[data-testid=stApp][data-test-script-state=notRunning]")
    page.wait_for_function(RESTS)


def wears(page: Page, scheme: str) -> None:
    """Wait until the page wears the scheme that the browser asks for."""
    page.wait_for_function(WEARS, arg=scheme == "dark")


def outside_of(context: BrowserContext) -> list[str]:
    """List, filled as it happens, of what pages ask of any place but this machine.

    The requests are watched and not answered in the browser's stead: then it keeps scripts from page to page.
    """
    found: list[str] = []

    def look(url: str) -> None:
        parts = urlsplit(url)
        if parts.scheme not in ("data", "blob") and parts.hostname != "127.0.0.1":
            found.append(url)

    context.on("request", lambda request: look(request.url))
    return found
