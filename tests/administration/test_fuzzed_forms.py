"""Whatever is posted, the questionnaire answers without a fault and discloses nothing."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from starlette.testclient import TestClient

sys.path.insert(0, str(Path(__file__).parent))
from browser_of_tests import Tab, form_token, place_of
from study_of_tests import open_study

from instrument.administer.application import create_app
from instrument.administer.session import GuessLimit
from instrument.store.connect import open_store, upgrade_store
from instrument.store.retrieval import responses_of
from instrument.store.tokens import Keyring

NAMES = st.one_of(
    st.sampled_from(
        [
            "go",
            "lang",
            "back",
            "consent",
            "form_token",
            "submit_key",
            "code",
            "item-hum1",
            "item-flx1",
            "item-",
            "item-x",
            "from",
        ]
    ),
    st.text(max_size=20),
)
VALUES = st.one_of(
    st.sampled_from(
        [
            "next",
            "back",
            "continue",
            "yes",
            "no",
            "keep",
            "delete",
            "en",
            "de",
            "1",
            "5",
            "6",
            "96",
            "99",
            "-1",
            "TOKEN",
            "1e3",
        ]
    ),
    st.text(max_size=50),
)
PATHS = st.one_of(
    st.sampled_from(
        [
            "PLACE",
            "PLACE/survey",
            "PLACE/survey/consent",
            "PLACE/survey/start",
            "PLACE/survey/submit",
            "PLACE/survey/done",
            "PLACE/survey/review",
            "PLACE/language",
            "PLACE/withdraw",
            "PLACE/help",
            "/withdraw",
            "/help",
            "/health",
        ]
    ),
    st.integers(-3, 12).map(lambda n: f"PLACE/survey/page/{n}"),
    st.text(max_size=30).map(lambda t: f"PLACE/help?lang={quote(t)}&back={quote(t)}"),
    st.text(st.characters(codec="ascii", exclude_characters="\\?#"), max_size=30).map(
        lambda t: f"/s/{quote(t)}/survey"
    ),
    st.text(st.characters(codec="ascii", exclude_characters="\\?#"), max_size=30).map(
        lambda t: "/q/" + quote(t)
    ),
)


class Fuzzed:
    """A site with a person under way and a second person whose answers must stay unseen."""

    def __init__(self, folder: Path) -> None:
        engine = open_store(str(folder / "s.sqlite"))
        upgrade_store(engine)
        keyring = Keyring({"k1": b"1" * 32})
        _, self.scale, (token, self.other) = open_study(engine, keyring, people=2)
        self.engine = engine
        self.client = TestClient(
            create_app(engine, keyring, limit=GuessLimit(10**9)), raise_server_exceptions=True
        )
        tab = Tab(self.client).begin(token)
        self.place = place_of(tab.response)
        self.form_token = form_token(tab.response.text)
        self.token = token


@pytest.fixture(scope="module")
def fuzzed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Fuzzed]:
    made = Fuzzed(tmp_path_factory.mktemp("fuzz"))
    yield made
    made.client.close()
    made.engine.dispose()


def _post(fuzzed: Fuzzed, path: str, fields: dict[str, str], site: str) -> None:
    path = path.replace("PLACE", fuzzed.place)
    data = {name: fuzzed.form_token if value == "TOKEN" else value for name, value in fields.items()}
    for method in ("POST", "GET"):
        sent = fuzzed.client.request(
            method,
            path,
            data=data if method == "POST" else None,
            headers={"sec-fetch-site": site},
            follow_redirects=False,
        )
        assert sent.status_code < 500, (method, path, fields)
        assert fuzzed.token not in sent.text
        assert fuzzed.other not in sent.text


def _check_store(fuzzed: Fuzzed) -> None:
    with fuzzed.engine.connect() as connection:
        wide = responses_of(connection, "trial")
    values = wide[fuzzed.scale.item_ids].stack().dropna()
    assert values.isin(fuzzed.scale.scale_of(fuzzed.scale.item_ids[0]).codes).all()


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    path=PATHS,
    fields=st.dictionaries(NAMES, VALUES, max_size=8),
    site=st.sampled_from(["same-origin", "cross-site", "none"]),
)
def test_no_form_makes_a_fault(fuzzed: Fuzzed, path: str, fields: dict[str, str], site: str) -> None:
    _post(fuzzed, path, fields, site)
    _check_store(fuzzed)


@pytest.mark.slow
@settings(max_examples=5_000, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    path=PATHS,
    fields=st.dictionaries(NAMES, VALUES, max_size=8),
    site=st.sampled_from(["same-origin", "cross-site", "none"]),
)
def test_ten_thousand_requests_make_no_fault(
    fuzzed: Fuzzed, path: str, fields: dict[str, str], site: str
) -> None:
    _post(fuzzed, path, fields, site)
