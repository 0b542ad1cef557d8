"""The OpenAPI description is true: schemathesis makes requests from it and from its negation."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings
from schemathesis import GenerationMode
from schemathesis.specs.openapi.checks import positive_data_acceptance, unsupported_method

sys.path.insert(0, str(Path(__file__).parent))
from study_of_tests import open_study

from instrument.administer.application import create_app
from instrument.administer.session import GuessLimit
from instrument.store.connect import open_store, upgrade_store
from instrument.store.intake import new_interface_key
from instrument.store.tokens import Keyring

# HEAD and OPTIONS of a path are answered by the framework and described nowhere.
# No schema can say which people, items and waves a study has, so a request that fits it may still be refused.
NOT_JUDGED = [unsupported_method, positive_data_acceptance]


class Described:
    """An application, its description and a key that opens it."""

    def __init__(self, folder: Path) -> None:
        self.engine = open_store(str(folder / "s.sqlite"))
        upgrade_store(self.engine)
        keyring = Keyring({"k1": b"1" * 32})
        _, _, self.tokens = open_study(self.engine, keyring, people=2)
        with self.engine.begin() as connection:
            self.key = new_interface_key(connection, keyring, "trial")
        self.app = create_app(self.engine, keyring, limit=GuessLimit(10**9))
        self.schema = schemathesis.openapi.from_asgi("/openapi.json", self.app)


@pytest.fixture(scope="module")
def described(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Described]:
    made = Described(tmp_path_factory.mktemp("described"))
    yield made
    made.engine.dispose()


OPERATIONS = [
    ("/events", "POST"),
    ("/fhir/Questionnaire/{name}", "GET"),
    ("/fhir/QuestionnaireResponse", "POST"),
]


def test_every_operation_of_the_description_is_tried(described: Described) -> None:
    found = [(o.ok().path, o.ok().method.upper()) for o in described.schema.get_all_operations()]
    assert sorted(found) == OPERATIONS


def _try(described: Described, path: str, method: str, mode: GenerationMode, examples: int) -> None:
    @settings(max_examples=examples, deadline=None, suppress_health_check=list(HealthCheck), database=None)
    @given(case=described.schema[path][method].as_strategy(generation_mode=mode))
    def each(case: schemathesis.Case) -> None:
        answer = case.call(headers={"authorization": f"Bearer {described.key}"})
        case.validate_response(answer, excluded_checks=NOT_JUDGED)
        assert answer.status_code < 500
        assert not any(secret in answer.text for secret in (*described.tokens, described.key))

    each()


@pytest.mark.parametrize("mode", list(GenerationMode))
@pytest.mark.parametrize(("path", "method"), OPERATIONS)
def test_every_answer_is_as_described(
    described: Described, path: str, method: str, mode: GenerationMode
) -> None:
    _try(described, path, method, mode, examples=30)


@pytest.mark.slow
@pytest.mark.parametrize("mode", list(GenerationMode))
@pytest.mark.parametrize(("path", "method"), OPERATIONS)
def test_ten_thousand_answers_are_as_described(
    described: Described, path: str, method: str, mode: GenerationMode
) -> None:
    _try(described, path, method, mode, examples=1_700)
