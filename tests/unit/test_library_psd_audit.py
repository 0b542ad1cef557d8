"""The audit of persuasive systems design: 28 principles in four groups."""

from __future__ import annotations

import re

import instrument

AUDIT = instrument.load("psd_audit")
GROUPS = {
    "primary_task": "reduction tunnelling tailoring personalisation self_monitoring simulation rehearsal",
    "dialogue": "praise rewards reminders suggestion similarity liking social_role",
    "credibility": "trustworthiness expertise surface_credibility real_world_feel authority "
    "third_party_endorsements verifiability",
    "social": "social_learning social_comparison normative_influence social_facilitation cooperation "
    "competition recognition",
}


def test_audit_lists_the_28_principles_in_their_groups() -> None:
    assert {theme.id: AUDIT.theme_items(theme.id) for theme in AUDIT.themes} == {
        group: names.split() for group, names in GROUPS.items()
    }
    assert len(AUDIT.items) == 28


def test_each_principle_is_named_and_described_in_one_sentence() -> None:
    for item in AUDIT.items:
        name, description = item.text.split(": ")
        assert re.sub(r"[ -]", "_", name.lower()) == item.id
        assert re.fullmatch(r"[a-z][^.!?]*\.", description), item.id
    assert len({item.text for item in AUDIT.items}) == 28


def test_codes_are_absent_unclear_present_and_make_no_total() -> None:
    labels = [(option.code, option.label) for option in AUDIT.response_scales["presence"].options]
    assert labels == [(0, "Absent"), (1, "Unclear"), (2, "Present")]
    assert AUDIT.total_themes == []
    assert {theme.role for theme in AUDIT.themes} == {"plain"}


def test_audit_says_how_to_rate_and_what_it_is_not() -> None:
    assert "not a score of its quality" in AUDIT.notice
    for word in ("Two raters", "evidence", "version", "study notes"):
        assert word in AUDIT.instructions


def test_each_principle_cites_its_source_and_group() -> None:
    group = {"primary_task": "primary task", "dialogue": "dialogue", "credibility": "system credibility"}
    for theme in AUDIT.themes:
        for item in theme.items:
            place = f"{group.get(theme.id, 'social')} support"
            assert item.rationale == (
                f"Named in Oinas-Kukkonen & Harjumaa 2009, doi 10.17705/1CAIS.02428, {place}; defined anew."
            )
