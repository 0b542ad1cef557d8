"""Agreement of two raters on the features of an app."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from analysis.audit.raters import KINDS, Coefficient, agreement_of
from analysis.audit.ratings import codes_of, labels_of, name_of, paired_ratings
from analysis.common.options import checked_level
from analysis.common.result import Result
from instrument.definition import Instrument
from instrument.errors import NotEstimableError, fact_and_hint

CALLER = "audit_agreement"
FEWEST_APPS = 8
FEWEST = 5
ALL, GROUP, ONE = "all principles", "group", "principle"


@dataclass(frozen=True, slots=True, kw_only=True, eq=False, repr=False)
class AuditAgreement(Result):
    """Agreement of two raters of an app's features.

    Attributes
    ----------
    table : DataFrame
        One row for all principles, per group and, with several apps, per principle: `scope`, `name`, `title`,
        `n` (pairs of ratings), `agreement` (share equal), `kappa`, `ac1` and `pabak`, each with `_se`,
        `_lower`, `_upper`; `present` (mean share present of the two raters), `difference` (share present,
        second rater minus first). NaN where a coefficient is not defined or fewer than five pairs stand.
    features : DataFrame
        One row per app and principle: `app`, `version`, `group`, `principle`, `title`, the labels `first` and
        `second`, and `agreed` (a label, or "not agreed").
    apps : DataFrame
        One row per app: `app`, `version`, `rated`, `present` (agreed), `absent`, `unclear`, `not_agreed`.
    design : dict
        Raters' options, whether ratings of one app count as one cluster, level.
    notes : list of str
        What was assumed or left out.
    """

    table: pd.DataFrame
    features: pd.DataFrame
    apps: pd.DataFrame
    design: dict[str, Any]
    notes: list[str]

    def to_frame(self) -> pd.DataFrame:
        """Give the coefficients, unrounded."""
        return self.table


def audit_agreement(
    audit: pd.DataFrame, principles: Instrument | None = None, *, confidence: float = 0.95
) -> AuditAgreement:
    """Compare the ratings of two people who went through an app on their own.

    Use it before the raters talk. Read kappa beside AC1 and PABAK: where nearly everything is present, kappa
    is low even though raters agree. Do not sum features into a quality score.

    Parameters
    ----------
    audit
        Long: `app`, `version`, `rater`, `principle`, `rating` (label or code), `evidence`; two raters per
        app.
    principles
        Instrument whose items are the principles. By default the shipped `psd_audit`.
    confidence
        Level of every interval.

    Returns
    -------
    AuditAgreement
        `.table`, `.features`, `.apps`.

    Raises
    ------
    ResponseDataError
        A column is absent, a principle or rating is unknown, or there are not two raters per app.
    NotEstimableError
        Fewer than five principles were rated by both.

    Notes
    -----
    Coefficients as in `analysis.audit.raters.agreement_of`. With eight apps or more, ratings of one app are a
    cluster in the standard errors; with fewer they count as independent, which makes intervals too narrow
    where an app is easy or hard to rate as a whole.

    References
    ----------
    Oinas-Kukkonen & Harjumaa (2009), doi 10.17705/1CAIS.02428. Cohen (1960), doi
    10.1177/001316446002000104. Gwet (2008), doi 10.1348/000711006X126600. In R: `psych::cohen.kappa`.

    Examples
    --------
    >>> import instrument
    >>> names = instrument.load("psd_audit").item_ids
    >>> ratings = ["present" if k % 3 else "absent" for k in range(len(names))]
    >>> rows = [("made up", r, *pair) for r in "ab" for pair in zip(names, ratings, strict=True)]
    >>> audit = pd.DataFrame(rows, columns=["app", "rater", "principle", "rating"])
    >>> found = audit_agreement(audit)
    >>> float(found.table["kappa"].iloc[0]), found.apps["present"].tolist()
    (1.0, [18])
    """
    checked_level(confidence, CALLER)
    scale = principles if principles is not None else _shipped()
    pairs = paired_ratings(audit, scale, CALLER)
    whole = pairs.dropna(subset=["first", "second"]).reset_index(drop=True)
    if len(whole) < FEWEST:
        fact = f"{len(whole)} principles were rated by both raters."
        raise NotEstimableError(fact_and_hint(CALLER, fact, f"at least {FEWEST} are needed."))
    whole["group"] = whole["principle"].map({p: t.id for t in scale.themes for p in scale.theme_items(t.id)})
    apps = whole.groupby(["app", "version"]).ngroup().to_numpy()
    clustered = int(apps.max()) + 1 >= FEWEST_APPS
    labels = labels_of(scale)
    features = _features(whole, scale, labels)
    return AuditAgreement(
        table=_table(whole, scale, len(labels), confidence, apps if clustered else None),
        features=features,
        apps=_apps(features, labels),
        design={
            "options": labels,
            "clustered": clustered,
            "apps": int(apps.max()) + 1,
            "confidence": confidence,
        },
        notes=_notes(audit, scale, pairs, whole, labels, int(apps.max()) + 1, clustered),
    )


def _shipped() -> Instrument:
    from instrument.loading import load

    return load("psd_audit")


def _table(
    whole: pd.DataFrame, scale: Instrument, categories: int, level: float, apps: np.ndarray | None
) -> pd.DataFrame:
    parts: list[tuple[str, str, str, pd.Series]] = [
        (ALL, ALL, "All principles", pd.Series(True, index=whole.index))
    ]
    parts += [(GROUP, t.id, t.title, whole["group"] == t.id) for t in scale.themes]
    if whole.groupby(["app", "version"]).ngroups > 1:
        parts += [(ONE, p, name_of(scale, p), whole["principle"] == p) for p in scale.item_ids]
    rows = []
    for scope, name, title, chosen in parts:
        if not chosen.any():
            continue
        here = whole[chosen]
        cluster = None if apps is None or scope == ONE else pd.factorize(apps[chosen.to_numpy()])[0]
        rows.append({"scope": scope, "name": name, "title": title, **_row(here, categories, level, cluster)})
    return pd.DataFrame(rows)


def _row(here: pd.DataFrame, categories: int, level: float, cluster: np.ndarray | None) -> dict[str, float]:
    first, second = (here[name].to_numpy(dtype=np.int64) for name in ("first", "second"))
    shares = [float((seat == categories - 1).mean()) for seat in (first, second)]
    row: dict[str, float] = {"n": len(here), "agreement": float((first == second).mean())}
    nothing = Coefficient(estimate=np.nan, se=np.nan, lower=np.nan, upper=np.nan)
    for kind in KINDS:
        enough = len(here) >= FEWEST
        found = agreement_of(first, second, categories, kind, level, cluster) if enough else nothing
        row |= {
            kind: found.estimate,
            f"{kind}_se": found.se,
            f"{kind}_lower": found.lower,
            f"{kind}_upper": found.upper,
        }
    return {**row, "present": sum(shares) / 2, "difference": shares[1] - shares[0]}


def _features(whole: pd.DataFrame, scale: Instrument, labels: list[str]) -> pd.DataFrame:
    named = dict(enumerate(labels))
    first, second = (whole[name].astype(int).map(named) for name in ("first", "second"))
    return pd.DataFrame(
        {
            "app": whole["app"],
            "version": whole["version"],
            "group": whole["group"],
            "principle": whole["principle"],
            "title": [name_of(scale, principle) for principle in whole["principle"]],
            "first": first,
            "second": second,
            "agreed": first.where(first == second, "not agreed"),
        }
    )


def _apps(features: pd.DataFrame, labels: list[str]) -> pd.DataFrame:
    """Counts of agreed ratings per app, one column per label."""
    rows = []
    for (app, version), here in features.groupby(["app", "version"], sort=False):
        counts = {label: int((here["agreed"] == label).sum()) for label in labels}
        left = int((here["agreed"] == "not agreed").sum())
        rows.append({"app": app, "version": version, "rated": len(here), **counts, "not_agreed": left})
    return pd.DataFrame(rows)


def _notes(
    audit: pd.DataFrame,
    scale: Instrument,
    pairs: pd.DataFrame,
    whole: pd.DataFrame,
    labels: list[str],
    apps: int,
    clustered: bool,
) -> list[str]:
    notes = []
    if lost := len(pairs) - len(whole):
        notes.append(f"{lost} principles were rated by one rater only and are left out")
    if "evidence" in audit:
        blank = audit["evidence"].isna() | (audit["evidence"].astype(str).str.strip() == "")
        present = codes_of(audit["rating"], scale, CALLER) == len(labels) - 1
        if bare := int((blank & present).sum()):
            notes.append(f"{bare} ratings of {labels[-1]!r} come without evidence")
    else:
        notes.append("the audit has no column of evidence")
    if apps > 1 and not clustered:
        notes.append(f"{apps} apps are too few to allow for how hard each is to rate; intervals are narrow")
    return notes
