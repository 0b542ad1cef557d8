"""Agreement of two raters and features within apps against psych, published formulas and lme4."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from analysis.audit.audit_agreement import AuditAgreement, audit_agreement
from analysis.audit.relate_features import relate_features

HERE = Path(__file__).parent
FILES = {name: HERE / "data" / f"{name}.csv" for name in ("audit", "audit_people")}
VALUES: dict[str, Any] = json.loads((HERE / "values" / "audit.json").read_text(encoding="utf-8"))
# Closed formulas on both sides.
EXACT = 1e-10
# lme4 stops its search of the variance ratio at about 1e-7; standard errors carry that.
SEARCH = 1e-5
COMPARED = [
    ("Cohen's kappa of two raters, standard error", "R psych cohen.kappa", EXACT),
    ("Gwet's AC1, PABAK, standard errors", "published formulas in R", EXACT),
    ("Features of apps, people within apps", "R lme4 lmer", SEARCH),
]


@pytest.fixture(scope="module")
def audit() -> pd.DataFrame:
    return pd.read_csv(FILES["audit"], dtype={"version": str})


@pytest.fixture(scope="module")
def people() -> pd.DataFrame:
    return pd.read_csv(FILES["audit_people"])


@pytest.fixture(scope="module")
def rated(audit: pd.DataFrame) -> AuditAgreement:
    return audit_agreement(audit)


def compare(row: dict[str, Any], wanted: dict[str, float], names: list[str], tolerance: float) -> None:
    for name in names:
        assert row[name] == pytest.approx(wanted[name], rel=tolerance), name


def test_the_values_belong_to_the_committed_tables() -> None:
    sums = {f"data/{path.name}": hashlib.md5(path.read_bytes()).hexdigest() for path in FILES.values()}
    assert VALUES["meta"]["md5"] == sums


def test_three_apps_count_as_independent(audit: pd.DataFrame) -> None:
    found = audit_agreement(audit[audit["app"].isin(["app01", "app02", "app03"])])
    row = found.table.iloc[0].to_dict()
    compare(row, VALUES["three_apps"], list(VALUES["three_apps"]), EXACT)
    assert not found.design["clustered"]


def test_with_many_apps_the_estimates_stay(rated: AuditAgreement) -> None:
    row = rated.table.iloc[0].to_dict()
    compare(row, VALUES["all_apps"], ["n", "agreement", "kappa", "ac1", "pabak"], EXACT)
    assert rated.design["clustered"]
    # Ratings were drawn independently, so the errors by app are those of independent ratings, roughly.
    for kind in ("kappa", "ac1", "pabak"):
        assert row[f"{kind}_se"] == pytest.approx(VALUES["all_apps"][f"{kind}_se"], rel=0.5)


def test_features_within_apps(rated: AuditAgreement, people: pd.DataFrame) -> None:
    found = relate_features(rated, people)
    effects = found.effects.set_index("feature")
    for name in ("share", "reminders"):
        compare(effects.loc[name].to_dict(), VALUES[name], ["estimate", "se"], SEARCH)
        assert effects.loc[name, "df"] == found.n_apps - 2
    compare(found.variance, VALUES["empty"], ["between_apps", "residual"], SEARCH)
    aged = relate_features(rated, people, adjust_for=["age"]).effects.set_index("feature")
    compare(aged.loc["share"].to_dict(), VALUES["share_with_age"], ["estimate", "se"], SEARCH)
