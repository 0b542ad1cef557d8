"""The audit table is checked whole; agreement and features say what they rest on."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest

import instrument
from analysis.audit.audit_agreement import AuditAgreement, audit_agreement
from analysis.audit.raters import KINDS, agreement_of
from analysis.audit.relate_features import relate_features
from instrument.errors import NotEstimableError, ResponseDataError

NAMES = list(instrument.load("psd_audit").item_ids)
LABELS = np.array(["absent", "unclear", "present"])


def made(apps: int, seed: int = 1, slip: float = 0.2, **changes: Any) -> pd.DataFrame:
    """Two raters who go wrong now and then."""
    rng = np.random.default_rng(seed)
    true = rng.integers(0, 2, (apps, len(NAMES))) * 2
    rows = []
    for rater in ("ann", "bo"):
        rated = np.where(rng.random(true.shape) < slip, rng.integers(0, 3, true.shape), true)
        rows += [
            (f"app{i}", rater, name, LABELS[rated[i, j]], "screen 1")
            for i in range(apps)
            for j, name in enumerate(NAMES)
        ]
    columns = ["app", "rater", "principle", "rating", "evidence"]
    return pd.DataFrame(rows, columns=columns).assign(**changes)


@pytest.fixture(scope="module")
def many() -> AuditAgreement:
    return audit_agreement(made(10))


def people_of(apps: int, n: int = 12, seed: int = 2) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    level = rng.standard_normal(apps)
    app = np.repeat(np.arange(apps), n)
    return pd.DataFrame(
        {"app": [f"app{k}" for k in app], "total": level[app] + rng.standard_normal(len(app))}
    )


def test_one_app_has_groups_but_no_single_principles() -> None:
    found = audit_agreement(made(1))
    assert found.table["scope"].tolist() == ["all principles", *["group"] * 4]
    assert found.table["n"].tolist() == [28, 7, 7, 7, 7]
    assert found.apps[["absent", "unclear", "present", "not_agreed"]].sum(axis=1).tolist() == [28]
    assert not found.design["clustered"]


def test_many_apps_give_each_principle_its_row(many: AuditAgreement) -> None:
    single = many.table[many.table["scope"] == "principle"]
    assert single["name"].tolist() == NAMES and (single["n"] == 10).all()
    assert many.design["clustered"]
    everything = many.table.iloc[0]
    for kind in KINDS:
        assert everything[f"{kind}_lower"] < everything[kind] < everything[f"{kind}_upper"] <= 1


def test_codes_and_labels_are_the_same_ratings() -> None:
    words = made(2)
    codes = words.assign(rating=words["rating"].map({"absent": 0, "unclear": 1, "present": 2}))
    floats = words.assign(rating=codes["rating"].astype(float))
    for other in (codes, floats, words.assign(rating=words["rating"].str.upper())):
        pd.testing.assert_frame_equal(audit_agreement(other).table, audit_agreement(words).table)


def test_the_order_of_rows_does_not_matter(many: AuditAgreement) -> None:
    again = audit_agreement(made(10).sample(frac=1, random_state=3))
    pd.testing.assert_frame_equal(again.table, many.table)
    pd.testing.assert_frame_equal(again.features, many.features)


def test_kappa_is_low_where_nearly_all_is_present_and_the_others_are_not() -> None:
    first = np.array([1] * 96 + [0, 0, 1, 1])
    second = np.array([1] * 96 + [1, 1, 0, 0])
    kappa, ac1, pabak = (agreement_of(first, second, 2, kind).estimate for kind in KINDS)
    assert kappa < 0 < 0.9 < pabak < ac1


def test_one_category_throughout_leaves_kappa_undefined() -> None:
    same = made(1).assign(rating="present")
    row = audit_agreement(same).table.iloc[0]
    assert np.isnan(row["kappa"]) and np.isnan(row["kappa_lower"])
    assert row["ac1"] == row["pabak"] == row["agreement"] == 1


def test_no_spread_gives_no_interval_rather_than_a_sure_one() -> None:
    first, steady = np.array([0, 1, 2, 1, 0, 2, 1]), np.zeros(7, dtype=int)
    for second, kinds in ((first, KINDS), (steady, ("kappa",))):
        for kind in kinds:
            found = agreement_of(first, second, 3, kind)
            assert found.estimate == pytest.approx(float(second is first), abs=1e-12)
            assert np.isnan([found.se, found.lower, found.upper]).all()


def test_intervals_hold_the_true_kappa() -> None:
    rng = np.random.default_rng(4)
    cells = np.array([[0.3, 0.05, 0.05], [0.04, 0.1, 0.06], [0.06, 0.04, 0.3]])
    expected = cells.sum(axis=1) @ cells.sum(axis=0)
    true = (np.trace(cells) - expected) / (1 - expected)
    held = 0
    for _ in range(400):
        drawn = rng.choice(9, size=150, p=cells.ravel())
        found = agreement_of(drawn // 3, drawn % 3, 3, "kappa")
        held += found.lower <= true <= found.upper
    # 400 draws know a coverage of 95% to about 1.1 points
    assert held / 400 == pytest.approx(0.95, abs=0.033)


def test_ratings_by_one_rater_and_without_evidence_are_counted() -> None:
    audit = made(1)
    audit.loc[0, "rating"] = None
    audit.loc[audit["rating"] == "present", "evidence"] = ""
    found = audit_agreement(audit)
    assert found.table["n"].iloc[0] == 27
    assert any("1 principles were rated by one rater only" in note for note in found.notes)
    assert any("come without evidence" in note for note in found.notes)


def five(first: str, second: str, evidence: str = "xxxxx") -> pd.DataFrame:
    """One app, five principles; ratings and evidence by their first letters, `.` for none."""
    words = {"A": "absent", "U": "unclear", "P": "present"}
    rows = [
        ("one", rater, name, words[letter], "" if seen == "." else seen)
        for rater, letters in (("ann", first), ("bo", second))
        for name, letter, seen in zip(NAMES, letters, evidence, strict=False)
    ]
    return pd.DataFrame(rows, columns=["app", "rater", "principle", "rating", "evidence"])


def test_every_number_of_five_ratings_by_hand() -> None:
    """Alike in 3 of 5; by chance .2·.2 + .2·.6 + .6·.2 = .28; .6 and .2 present; one of two blanks is present."""
    audit = five("PPPUA", "PUUUA", "xxx..").assign(
        rater=lambda t: t["rater"].replace({"ann": "z", "bo": "y"})
    )
    audit.loc[0, "evidence"] = " "
    row = audit_agreement(audit).table.iloc[0]
    assert (row["n"], row["agreement"], row["present"]) == (5, 0.6, pytest.approx(0.4))
    assert row["difference"] == pytest.approx(0.4)  # raters by name: z, who was ann, comes second
    assert row["kappa"] == pytest.approx((0.6 - 0.28) / 0.72)
    assert row["pabak"] == pytest.approx((0.6 - 1 / 3) / (2 / 3))
    assert row["pabak_se"] == pytest.approx(1.5 * (0.6 * 0.4 / 5) ** 0.5)
    codes = audit.assign(rating=audit["rating"].map({"absent": 0, "unclear": 1, "present": 2}))
    for table in (audit, codes):
        assert [n for n in audit_agreement(table).notes if "evidence" in n] == [
            "1 ratings of 'present' come without evidence"
        ]


@pytest.mark.parametrize("apps", [7, 8])
def test_from_eight_apps_on_ratings_of_one_app_go_together(apps: int) -> None:
    """PABAK is linear in agreement, so its error follows from the agreements alone, added up by app."""
    audit = made(apps, seed=5)
    found = audit_agreement(audit, confidence=0.9)
    assert found.design["clustered"] == (apps == 8)
    assert any("too few to allow" in note for note in found.notes) == (apps == 7)
    wide = audit.pivot(index=["app", "principle"], columns="rater", values="rating")
    alike = (wide["ann"] == wide["bo"]).astype(float)
    apart = 1.5 * (alike - alike.mean())
    sums = apart.groupby("app").sum() if apps == 8 else apart
    error = float((sums**2).sum()) ** 0.5 / len(alike) * ((8 / 7) ** 0.5 if apps == 8 else 1.0)
    row = found.table.iloc[0]
    assert row["pabak_se"] == pytest.approx(error)
    assert (row["pabak_upper"] - row["pabak_lower"]) / 2 == pytest.approx(1.6448536 * error)
    single = found.table[found.table["scope"] == "principle"].set_index("name")["pabak_se"].dropna()
    share = alike.groupby("principle").mean()[single.index]  # one rating of each app: nothing goes together
    np.testing.assert_allclose(single, 1.5 * (share * (1 - share) / apps) ** 0.5)


BAD = {
    "no rater": (lambda a: a.drop(columns="rater"), r"no column 'rater'"),
    "unknown principle": (lambda a: a.assign(principle="magic"), r"unknown principles: 'magic'"),
    "unknown rating": (lambda a: a.assign(rating="maybe"), r"none of the options: 'maybe'"),
    "one rater": (lambda a: a[a["rater"] == "ann"], r"1 of 1 apps were not rated by two raters: 'app0'"),
    "rated twice": (lambda a: pd.concat([a, a.head(3)]), r"3 ratings are given twice"),
    "rated twice, otherwise": (
        lambda a: pd.concat(
            [a, a.head(1).assign(rating="unclear" if a["rating"][0] != "unclear" else "absent")]
        ),
        r"1 ratings are given twice",
    ),
    "nameless app": (lambda a: a.assign(app=[None, *a["app"][1:]]), r"1 of 56 rows have no app"),
}


@pytest.mark.parametrize("case", BAD)
def test_a_malformed_audit_is_refused(case: str) -> None:
    change, message = BAD[case]
    with pytest.raises(ResponseDataError, match=rf"^audit_agreement: .*{message}(.|\n)*Hint: "):
        audit_agreement(change(made(1)))


def test_too_few_ratings_are_refused() -> None:
    few = made(1)
    with pytest.raises(NotEstimableError, match="4 principles were rated by both"):
        audit_agreement(few[few["principle"].isin(NAMES[:4])])


def test_features_are_tested_on_apps_not_on_people(many: AuditAgreement) -> None:
    small, large = (relate_features(many, people_of(10, n)) for n in (5, 50))
    assert small.n == 50 and large.n == 500
    for found in (small, large):
        assert (found.effects["df"] == 8).all()
        assert any("evidence is mixed" in note for note in found.notes)
    kinds = large.effects.groupby("kind")
    for _, rows in kinds:
        assert rows["p_adjusted"].min() == pytest.approx(min(1, len(rows) * rows["pvalue"].min()))
    assert set(large.effects["kind"]) == {"all principles", "group", "principle"}
    single = large.effects[large.effects["kind"] == "principle"]
    assert single["apps_with"].between(2, 8).all()
    assert len(single) + (large.left_out["kind"] == "principle").sum() == len(NAMES)


def test_a_true_difference_between_apps_is_found() -> None:
    audit = audit_agreement(made(30, slip=0.0))
    share = audit.apps.set_index("app")["present"] / audit.apps.set_index("app")["rated"]
    people = people_of(30, 20)
    noise = np.random.default_rng(3).standard_normal(len(people))
    people["total"] = 5 * people["app"].map(share) + noise
    row = relate_features(audit, people).effects.iloc[0]
    assert row["ci_lower"] < 5 < row["ci_upper"] and row["pvalue"] < 0.001


def test_people_of_other_apps_and_without_scores_are_counted(many: AuditAgreement) -> None:
    people = people_of(10)
    people.loc[0, "total"] = np.nan
    people.loc[1, "app"] = "unknown"
    found = relate_features(many, people)
    assert found.n == 118
    assert any("2 of 120 people" in note for note in found.notes)


@pytest.mark.parametrize(
    ("people", "error", "message"),
    [
        (people_of(4), NotEstimableError, "4 apps have both"),
        (people_of(10).drop(columns="total"), ResponseDataError, "no column 'total'"),
        (people_of(10).assign(total="high"), ResponseDataError, "are not numeric"),
        (people_of(10).assign(total=1.0), NotEstimableError, "has one value only"),
    ],
)
def test_unfit_people_are_refused(
    people: pd.DataFrame, error: type[Exception], message: str, many: AuditAgreement
) -> None:
    with pytest.raises(error, match=rf"^relate_features: .*{message}(.|\n)*Hint: "):
        relate_features(many, people)


def test_two_versions_of_an_app_are_refused() -> None:
    audit = pd.concat([made(6).assign(version="1"), made(1).assign(version="2")])
    with pytest.raises(ResponseDataError, match="several versions in the audit: 'app0'"):
        relate_features(audit_agreement(audit), people_of(6))


def test_principles_of_another_list_are_counted_by_its_own_groups() -> None:
    shipped = instrument.load("psd_audit")
    group = shipped.themes[0]
    fewer = shipped.model_copy(update={"themes": (group,)})
    names = [item.id for item in group.items]
    table = made(4)
    mine = table[table["principle"].isin(names)]
    found = audit_agreement(mine, principles=fewer)
    whole = audit_agreement(table)
    assert found.table["scope"].tolist() == ["all principles", "group", *["principle"] * len(names)]
    assert found.table["n"].tolist() == [4 * 7, 4 * 7, *[4] * 7]
    # the same ratings, once as all there is and once as one group of the whole list
    one, other = found.table.iloc[1], whole.table[whole.table["name"] == group.id].iloc[0]
    for name in ("n", "agreement", "kappa"):
        assert one[name] == pytest.approx(other[name])
    with pytest.raises(ResponseDataError, match="unknown principles"):
        audit_agreement(table, fewer)
