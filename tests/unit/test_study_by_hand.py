"""The rules of a study file at their edges: what is just allowed, and what is just refused with its path."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from instrument.errors import DefinitionError
from instrument.study import Consent, make_study, with_form_questions
from tests.unit.test_study_file import WHY, changed

Change = Callable[[dict[str, Any]], Any]


def form(name: str = "sleep", place: str = "before", waves: Any = ("early",), **more: Any) -> dict[str, Any]:
    asked = {"id": f"{name}_note", "kind": "text", "text": {"en": "How?", "de": "Wie?"}}
    return {
        **{"id": name, "title": {"en": "Sleep", "de": "Schlaf"}, "place": place, "waves": list(waves)},
        **{"questions": [asked]},
        **more,
    }


def last(**more: Any) -> Change:
    """The last wave, changed."""
    return lambda s: s["waves"][2].update(more)


def use(**more: Any) -> Change:
    return lambda s: s["intended_use"].update(more)


RULES: dict[str, tuple[Change, Change, str]] = {
    # what is just allowed, what is just not, and how that begins
    "order of the days of after": (
        last(after={"wave": "early", "days": [63, 63]}, opens=84, closes=91),
        last(after={"wave": "early", "days": [64, 63]}),
        "days: the first, 64, lies after the last, 63",
    ),
    "a wave or an event": (
        last(after={"event": "session", "days": [1, 2]}),
        last(after={"wave": "early", "event": "session", "days": [63, 63]}),
        "give either wave or event",
    ),
    "a wave or an event at all": (
        last(after={"wave": "early", "days": [63, 63]}),
        last(after={"days": [63, 63]}),
        "give either wave or event",
    ),
    "an early end of the window": (
        last(day=84, opens=84, closes=84),
        last(day=84, opens=85, closes=91),
        "the window 85-91 does not hold day 84",
    ),
    "a late end of the window": (
        last(day=91, opens=84, closes=91),
        last(day=92, opens=84, closes=91),
        "the window 84-91 does not hold day 92",
    ),
    "opening after another wave": (
        last(after={"wave": "early", "days": [63, 63]}, opens=84),
        last(after={"wave": "early", "days": [62, 63]}, opens=84),
        "does not hold the days 83-91",
    ),
    "closing after another wave": (
        last(after={"wave": "early", "days": [63, 63]}, closes=91),
        last(after={"wave": "early", "days": [63, 64]}, closes=91),
        "does not hold the days 84-92",
    ),
    "a wave before it": (
        last(after={"wave": "again", "days": [53, 53]}, closes=95),
        lambda s: s["waves"][0].update(after={"wave": "again", "days": [1, 2]}),
        "'again' is no wave before it",
    ),
    "use a week": (
        use(amount=12.0, weeks=12, per_week=1.0),
        use(amount=12.0, weeks=12, per_week=1.01),
        "per_week times 12 weeks is not the amount 12",
    ),
    "weeks of use": (
        lambda s: s.update(study_days=84),
        lambda s: s.update(study_days=83, landmark={"wave": "early", "day": 28}),
        "intended_use.weeks: 12 weeks do not fit into study_days 83",
    ),
    "days without use": (
        lambda s: s.update(gap_days=83),
        lambda s: s.update(gap_days=84),
        "gap_days: is as long as the study",
    ),
    "days of a pause": (
        lambda s: s.update(pause_days=83),
        lambda s: s.update(pause_days=84),
        "pause_days: is as long as the study",
    ),
    "the landmark after its wave": (
        lambda s: s.update(landmark={"wave": "early", "day": 28}),
        lambda s: s.update(landmark={"wave": "early", "day": 27}),
        "landmark.day: lies before the close of its wave",
    ),
    "a day after the landmark": (
        lambda s: s.update(landmark={"wave": "early", "day": 83}),
        lambda s: s.update(landmark={"wave": "early", "day": 84}),
        "landmark.day: no day is left after it",
    ),
    "a landmark of everyone": (
        lambda s: s.update(landmark={"wave": "early", "day": 50}),
        lambda s: s.update(landmark={"wave": "again", "day": 50}),
        "landmark.wave: 'again' is a retest",
    ),
    "a landmark that asks the scale": (
        lambda s: s.update(forms=[form()]),
        lambda s: (s.update(forms=[form()]), s["waves"][0].update(scale=False)),
        "landmark.wave: 'early' does not ask the scale",
    ),
    "waves in order": (
        lambda s: s["waves"][1].update(day=84, opens=31, closes=84),
        lambda s: s["waves"][1].update(day=85, opens=31, closes=85),
        "waves: must stand in the order of their days",
    ),
    "a wave long after the end": (
        last(day=450, opens=450, closes=450),
        last(day=451, opens=451, closes=451),
        "waves: '3' opens long after the study's end",
    ),
    "a first wave that is open at once": (
        lambda s: (s.update(day_zero="first_answer"), s["waves"][0].update(opens=0)),
        lambda s: (s.update(day_zero="first_answer"), s["waves"][0].update(opens=1)),
        "waves[0].opens: must be 0 where day_zero is first_answer",
    ),
    "a wave that asks something": (
        lambda s: (s["waves"][1].update(scale=False), s.update(forms=[form(waves=["again"])])),
        lambda s: (s["waves"][1].update(scale=False), s.update(forms=[form(waves=["early"])])),
        "waves[1]: asks nothing, neither the scale nor a form",
    ),
    "a form at a wave there is": (
        lambda s: s.update(forms=[form(waves=[3])]),
        lambda s: s.update(forms=[form(waves=[4])]),
        "forms[0].waves: '4' is not a wave",
    ),
    "two forms": (
        lambda s: s.update(forms=[form("sleep"), form("mood")]),
        lambda s: s.update(forms=[form("sleep"), form("sleep")]),
        "forms: 'sleep' is used twice",
    ),
    "two covariates": (
        lambda s: s.update(covariates=["sex", "site"]),
        lambda s: s.update(covariates=["sex", "sex"]),
        "covariates: 'sex' is used twice",
    ),
    "titles in a language of the study": (
        lambda s: s.update(titles={"de": "Eine Studie"}),
        lambda s: s.update(titles={"fr": "Une étude"}),
        "titles.fr: is none of the languages (en, de)",
    ),
    "contacts in a language of the study": (
        lambda s: s.update(contacts={"de": "hier@example.org"}),
        lambda s: s.update(contacts={"fr": "la@example.org"}),
        "contacts.fr: is none of the languages (en, de)",
    ),
    "the scale somewhere": (
        lambda s: (s.update(forms=[form(waves=["again"])]), s["waves"][1].update(scale=False)),
        lambda s: (
            s.update(forms=[form(waves=["early", "again", 3])]),
            [one.update(scale=False) for one in s["waves"]],
        ),
        "waves: the scale is asked at none of them",
    ),
}


@pytest.mark.parametrize("name", RULES)
def test_a_rule_holds_to_its_edge_and_no_further(name: str) -> None:
    allowed, refused, said = RULES[name]
    make_study(changed(allowed))
    with pytest.raises(DefinitionError) as error:
        make_study(changed(refused))
    assert said in str(error.value)


def test_what_a_pause_is_where_it_is_said_and_where_it_is_not() -> None:
    assert make_study(changed(lambda s: None)).longest_without_pause == 14
    assert make_study(changed(lambda s: s.update(pause_days=5))).longest_without_pause == 5


def test_waves_with_ratings_are_those_of_everyone_that_ask_the_scale() -> None:
    study = make_study(
        changed(lambda s: (s["waves"][2].update(scale=False), s.update(forms=[form(waves=[3])])))
    )
    assert [one.name for one in study.rated_waves] == ["early"]
    assert [study.asks_scale(name) for name in ("early", "again", "3")] == [True, True, False]
    assert [one.name for one in make_study(changed(lambda s: None)).rated_waves] == ["early", "3"]


def test_forms_before_the_scale_come_first_and_only_those_of_the_wave() -> None:
    given = [form("later", "after"), form("sooner"), form("other", waves=["again"])]
    study = make_study(changed(lambda s: s.update(forms=given)))
    assert [one.id for one in study.forms_at("early")] == ["sooner", "later"]
    assert [one.id for one in study.forms_at("early", "after")] == ["later"]
    assert [one.id for one in study.forms_at("again")] == ["other"] and study.forms_at("3") == []


def test_a_hash_of_consent_is_of_its_version_and_its_words() -> None:
    one = Consent.model_validate({"version": "1", "text": {"en": "We ask.", "de": "Wir fragen."}})
    assert one.hash_of("en") == hashlib.sha256(b"1\nWe ask.").hexdigest()
    assert (
        len({one.hash_of("en"), one.hash_of("de"), one.model_copy(update={"version": "2"}).hash_of("en")})
        == 3
    )


def test_words_of_another_language_stand_in_for_those_that_lack() -> None:
    study = make_study(
        changed(lambda s: s.update(titles={"de": "Studie"}, contacts={"de": "hier@example.org"}))
    )
    assert (study.title_in("de"), study.title_in("en")) == ("Studie", "A trial")
    assert (study.contact_in("de"), study.contact_in("en")) == ("hier@example.org", "study@example.org")


def test_questions_of_an_instrument_are_copied_where_a_form_has_none(tmp_path: Path) -> None:
    words = [{"id": "t", "title": "T", "items": [{"id": "mood", "text": "How was your mood?"}]}]
    scale = {"schema": 1, "id": "short", "version": "1", "title": "Short", "themes": words}
    scale |= {"response_scales": {"two": {"options": {1: "low", 2: "high"}}}}
    (tmp_path / "short.yaml").write_text(yaml.safe_dump(scale, sort_keys=False), encoding="utf-8")
    named = form("named", instrument="short", questions=[])
    both = form("both", instrument="short")
    study = make_study(changed(lambda s: s.update(forms=[named, both, form("own")], languages=["en"])))
    found = with_form_questions(study, tmp_path)
    assert [[one.id for one in asked.questions] for asked in found.forms] == [
        ["mood"],
        ["both_note"],
        ["own_note"],
    ]
    with pytest.raises(DefinitionError, match=r"form 'named': its instrument has no wording in de\."):
        with_form_questions(make_study(changed(lambda s: s.update(forms=[named]))), tmp_path)


def test_a_justification_is_a_sentence() -> None:
    assert len(WHY) >= 20
    with pytest.raises(DefinitionError, match="intended_use"):
        make_study(changed(use(justification="As intended.")))
