"""Panel models: what is refused in one fact and one hint, what is said aloud, and what changes nothing."""

from __future__ import annotations

import re
import warnings
from typing import Any

import numpy as np
import pandas as pd
import pytest

from analysis.structural.families.growth import growth
from analysis.structural.families.panel_model import PanelResult, _shares, panel_model, spacing_told
from analysis.structural.language.panel_syntax import PanelVariable, between
from instrument.definition import Instrument
from instrument.errors import DefinitionError, NotEstimableError, ResponseDataError, ToolkitWarning
from instrument.scoring.score import score

WAVES = (1, 2, 3, 4)
COLUMNS = {name: [f"{name}{k}" for k in WAVES] for name in "ad"}


def make_wide(n: int = 300, waves: int = 4, seed: int = 7) -> pd.DataFrame:
    draw = np.random.default_rng(seed).normal
    level, state = 0.7 * draw(size=(2, n)), draw(size=(2, n))
    table = {}
    for k in range(1, waves + 1):
        for v, name in enumerate("ad"):
            table[f"{name}{k}"] = 3 + level[v] + state[v]
        state = np.array([[0.4, -0.1], [-0.2, 0.3]]) @ state + 0.9 * draw(size=(2, n))
    return pd.DataFrame(table)


def make_scale() -> Instrument:
    themes = [
        {
            "id": t,
            "title": t,
            "items": [{"id": f"{t}{k}", "text": "-", "reverse": f"{t}{k}" == "a2"} for k in "123"],
        }
        for t in "ab"
    ]
    definition = {"schema": 1, "id": "six", "version": "1", "title": "Six", "status": "candidate"}
    options = {code: str(code) for code in range(1, 8)}
    definition |= {"notice": "-", "response_scales": {"agree": {"options": options}}, "themes": themes}
    return Instrument.model_validate(definition)


@pytest.fixture(scope="module")
def wide() -> pd.DataFrame:
    return make_wide()


@pytest.fixture(scope="module")
def long() -> pd.DataFrame:
    rng = np.random.default_rng(3)
    source = make_wide(250)
    frames = []
    for k in WAVES:
        rows: dict[str, Any] = {"participant": np.arange(250), "wave": k, "mood": source[f"d{k}"] * 2 + 1}
        for theme, name in (("a", "a"), ("b", "d")):
            for j in "123":
                answer = np.clip(np.round(source[f"{name}{k}"] + 0.7 + 0.8 * rng.normal(size=250)), 1, 7)
                rows[f"{theme}{j}"] = 8 - answer if (theme, j) == ("a", "2") else answer
        frames.append(pd.DataFrame(rows))
    return pd.concat(frames, ignore_index=True)


def from_long(frame: pd.DataFrame, what: Any, **options: Any) -> PanelResult:
    return panel_model(frame, what, scale=make_scale(), **options)


BAD: dict[str, tuple[Any, type[Exception], str]] = {
    "two waves": (
        lambda w: panel_model(w, {v: c[:2] for v, c in COLUMNS.items()}),
        DefinitionError,
        r"2 wave\(s\): change within .*\nHint: collect three waves, or use context_over_time",
    ),
    "thirteen waves": (
        lambda w: panel_model(w, {v: [f"{v}{k}" for k in range(13)] for v in "ad"}),
        DefinitionError,
        "13 waves, more than 12",
    ),
    "an unknown group column": (
        lambda w: panel_model(w, COLUMNS, group="site"),
        DefinitionError,
        "grouping column 'site' stands 0 times",
    ),
    "a group column that is a variable": (
        lambda w: panel_model(w, COLUMNS, group="a2"),
        DefinitionError,
        "grouping column 'a2' is a variable of the model",
    ),
    "one group": (
        lambda w: panel_model(w.assign(site="x"), COLUMNS, group="site"),
        NotEstimableError,
        r"'site' has 1 group\(s\)",
    ),
    "equality between no groups": (
        lambda w: panel_model(w, COLUMNS, group_equal="lags"),
        DefinitionError,
        "equality between groups is asked for, and no groups",
    ),
    "an unknown equality between groups": (
        lambda w: panel_model(w, COLUMNS, group_equal=["loadings"]),
        DefinitionError,
        "unknown equality between groups: 'loadings'",
    ),
    "intercepts equal between groups only": (
        lambda w: panel_model(w.assign(site=w.index % 2), COLUMNS, group="site", group_equal="intercepts"),
        DefinitionError,
        "equal between groups, and not over time",
    ),
    "one variable": (lambda w: panel_model(w, {"a": COLUMNS["a"]}), DefinitionError, r"1 variable\(s\)"),
    "no variables": (lambda w: panel_model(w, {}), DefinitionError, r"0 wave\(s\)"),
    "unlike numbers of waves": (
        lambda w: panel_model(w, {"a": COLUMNS["a"], "d": COLUMNS["d"][:3]}),
        DefinitionError,
        r"unlike numbers of waves \(a 4, d 3\)",
    ),
    "unlike numbers of indicators": (
        lambda w: panel_model(w, {"a": [["a1", "d1"], ["a2", "d2"], ["a3"]], "d": COLUMNS["d"][:3]}),
        DefinitionError,
        r"'a' has unlike numbers of indicators at the waves \(2, 2, 1\)",
    ),
    "one indicator": (
        lambda w: panel_model(w, {"a": [[c] for c in COLUMNS["a"]], "d": COLUMNS["d"]}),
        DefinitionError,
        "latent and has 1 indicator",
    ),
    "an unknown column": (
        lambda w: panel_model(w, {"a": COLUMNS["a"], "d": ["d1", "d2", "d3", "d9"]}),
        DefinitionError,
        "1 of 8 columns are not in the data: 'd9'",
    ),
    "a column twice": (
        lambda w: panel_model(w, {"a": COLUMNS["a"], "d": ["d1", "d2", "d3", "a4"]}),
        DefinitionError,
        "more than one variable or wave: 'a4'",
    ),
    "one column for all waves": (
        lambda w: panel_model(w, {"a": "a1", "d": "d1"}),
        DefinitionError,
        "'a' has one column",
    ),
    "a list without an instrument": (
        lambda w: panel_model(w, ["a", "d"]),
        DefinitionError,
        "variables are a list, and no instrument",
    ),
    "a name with a blank": (
        lambda w: panel_model(w, {"the a": COLUMNS["a"], "d": COLUMNS["d"]}),
        DefinitionError,
        "1 names do not fit the model language: 'the a'",
    ),
    "names of waves that are too few": (
        lambda w: panel_model(w, COLUMNS, waves=["x", "y", "z"]),
        DefinitionError,
        "3 names .* stand for 4 waves",
    ),
    "an unknown kind": (
        lambda w: panel_model(w, COLUMNS, kind="STARTS"),
        DefinitionError,
        "kind is 'STARTS'",
    ),
    "an ordinal estimator": (
        lambda w: panel_model(w, COLUMNS, estimator="WLSMV"),
        DefinitionError,
        "estimator is 'WLSMV'",
    ),
    "an unknown equality": (
        lambda w: panel_model(w, COLUMNS, equal=["paths"]),
        DefinitionError,
        "unknown equality over time: 'paths'",
    ),
    "intercepts of observed variables": (
        lambda w: panel_model(w, COLUMNS, equal="intercepts"),
        DefinitionError,
        "equal intercepts need latent variables",
    ),
    "times that fall": (
        lambda w: panel_model(w, COLUMNS, times=[0, 2, 1, 3]),
        DefinitionError,
        "4 times .* stand for 4 waves",
    ),
    "times that are too few": (
        lambda w: panel_model(w, COLUMNS, times=[0, 1]),
        DefinitionError,
        "2 times .* stand for 4 waves",
    ),
    "a wave without answers": (
        lambda w: panel_model(w.assign(d3=np.nan), COLUMNS),
        NotEstimableError,
        "nobody answered 'd at wave 3'",
    ),
    "waves that share nobody": (
        lambda w: panel_model(
            w.assign(a1=w["a1"].where(w.index < 100), a4=w["a4"].where(w.index >= 100)), COLUMNS
        ),
        NotEstimableError,
        "nobody answered both of 1 pairs: 'a at wave 1 and a at wave 4'",
    ),
    "text": (lambda w: panel_model(w.assign(a1="much"), COLUMNS), ResponseDataError, "a1"),
    "ordinal growth": (
        lambda w: growth("i =~ 1*a1 + 1*a2 + 1*a3", w, "WLSMV"),
        DefinitionError,
        "'WLSMV' does not take answers as numbers",
    ),
}
BAD_LONG: dict[str, tuple[Any, type[Exception], str]] = {
    "no instrument": (
        lambda t: panel_model(t, ["a", "b"], scale="six"),
        DefinitionError,
        "the scale is a str, not an instrument",
    ),
    "two waves": (lambda t: from_long(t[t["wave"] < 3], ["a", "b"]), DefinitionError, r"2 wave\(s\)"),
    "an unknown wave": (
        lambda t: from_long(t, ["a", "b"], waves=[1, 2, 9]),
        DefinitionError,
        "waves are not in the data: 9",
    ),
    "a wave twice": (
        lambda t: from_long(t, ["a", "b"], waves=[1, 2, 2]),
        DefinitionError,
        "a wave is named twice",
    ),
    "an unknown name": (
        lambda t: from_long(t, ["a", "z"]),
        DefinitionError,
        "1 names are neither themes nor columns: 'z'",
    ),
    "no participants": (
        lambda t: from_long(t.drop(columns="participant"), ["a", "b"]),
        DefinitionError,
        "columns are absent: 'participant'",
    ),
    "a person twice at a wave": (
        lambda t: from_long(pd.concat([t, t.head(3)]), ["a", "b"]),
        ResponseDataError,
        "3 rows repeat a participant at a wave",
    ),
    "unknown measurement": (
        lambda t: from_long(t, ["a", "b"], measured_by="parcels"),
        DefinitionError,
        "measured_by is 'parcels'",
    ),
    "one indicator": (
        lambda t: from_long(t, {"a": ["a1"], "b": "b"}),
        DefinitionError,
        "latent and has 1 indicator",
    ),
}


def refused(call: Any, table: pd.DataFrame, kind: type[Exception], words: str) -> None:
    with pytest.raises(kind, match=words) as caught:
        call(table)
    text = str(caught.value)
    assert text.count("\nHint: ") == 1 and len(text.splitlines()) == 2
    assert re.match(r"^(panel_model|growth): ", text)


@pytest.mark.parametrize("name", BAD)
def test_bad_input_of_wide_tables(wide: pd.DataFrame, name: str) -> None:
    refused(BAD[name][0], wide, *BAD[name][1:])


@pytest.mark.parametrize("name", BAD_LONG)
def test_bad_input_of_long_tables(long: pd.DataFrame, name: str) -> None:
    refused(BAD_LONG[name][0], long, *BAD_LONG[name][1:])


def test_scores_of_an_instrument_are_those_of_score(long: pd.DataFrame) -> None:
    found = from_long(long, ["a", "mood"])
    card = score(long.drop(columns="mood"), make_scale()).scores
    parts = [
        pd.DataFrame(
            {
                f"a.w{k}": card.loc[card["wave"] == k, "a"].to_numpy(),
                f"mood.w{k}": long.loc[long["wave"] == k, "mood"].to_numpy(),
            }
        )
        for k in WAVES
    ]
    direct = panel_model(pd.concat(parts, axis=1), {v: [f"{v}.w{k}" for k in WAVES] for v in ("a", "mood")})
    np.testing.assert_allclose(found.paths["estimate"], direct.paths["estimate"], rtol=1e-7)
    assert found.waves == WAVES and found.gaps == (1.0, 1.0, 1.0)
    assert found.fit.fit["df"] == 9


def test_items_of_an_instrument_are_keyed_and_latent(long: pd.DataFrame) -> None:
    found = from_long(long, ["a", "b"], measured_by="items", waves=[1, 2, 3])
    rows = found.fit.parameters.query("op == '=~' and rhs == 'a2.w1'")
    assert rows["est"].item() > 0.5  # the item is reversed in the instrument
    loadings = found.fit.parameters.query("label == 'loading.a.2'")["est"]
    assert len(loadings) == 3 and loadings.nunique() == 1
    # 18 items: 189 moments; 36 intercepts and residuals, 18 residual covariances, 4 loadings, 3 between,
    # 8 lags, 9 within
    assert found.fit.fit["df"] == 189 - (36 + 18 + 4 + 3 + 8 + 9)
    named = from_long(long, {"a": ["a1", "a2", "a3"], "b": ["b1", "b2", "b3"]}, waves=[1, 2, 3])
    np.testing.assert_allclose(named.paths["estimate"], found.paths["estimate"])


def test_order_of_rows_and_of_variables_changes_nothing(wide: pd.DataFrame) -> None:
    first = panel_model(wide, COLUMNS).paths.set_index(["source", "target", "to_wave"])["standardized"]
    turned = panel_model(wide.sample(frac=1, random_state=2), dict(reversed(COLUMNS.items()))).paths
    again = turned.set_index(["source", "target", "to_wave"])["standardized"]
    np.testing.assert_allclose(again.loc[first.index], first, atol=1e-6)


def test_units_of_a_variable_change_estimates_not_standardised_effects(wide: pd.DataFrame) -> None:
    plain = panel_model(wide, COLUMNS).paths
    scaled = panel_model(wide.assign(**{c: 10 * wide[c] + 5 for c in COLUMNS["a"]}), COLUMNS).paths
    np.testing.assert_allclose(scaled["standardized"], plain["standardized"], atol=1e-6)
    np.testing.assert_allclose(scaled["standardized_se"], plain["standardized_se"], rtol=1e-4)
    factor = {"ad": 0.1, "da": 10.0}
    wanted = plain["estimate"] * [
        factor.get(s + t, 1.0) for s, t in zip(plain["source"], plain["target"], strict=True)
    ]
    np.testing.assert_allclose(scaled["estimate"], wanted, rtol=1e-4, atol=1e-6)


def test_unequal_spacing_is_said_aloud(wide: pd.DataFrame) -> None:
    with pytest.warns(ToolkitWarning, match=r"Waves are unequally far apart \(1, 2, 4\): each lagged"):
        found = panel_model(wide, COLUMNS, times=[0, 1, 3, 7])
    assert "unequally far apart" in found.summary() and found.gaps == (1.0, 2.0, 4.0)
    with pytest.warns(ToolkitWarning, match="yet lagged effects are held equal"):
        panel_model(wide, COLUMNS, waves=[0, 1, 3, 7], equal=["lags"])  # numbers as names are times
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert panel_model(wide, COLUMNS, times=[0, 2, 4, 6]).spacing == "Neighbouring waves are 2 apart."
        assert panel_model(wide, COLUMNS).gaps == ()
    assert "is not known" in spacing_told((), lags_equal=False)


@pytest.mark.parametrize(("equal", "df"), [((), 9), (("lags",), 17), (("residuals",), 15), (("means",), 15)])
def test_equality_over_time_counts(wide: pd.DataFrame, equal: tuple[str, ...], df: int) -> None:
    found = panel_model(wide, COLUMNS, equal=equal)
    assert found.fit.fit["df"] == df and found.equal == equal
    spread = found.paths.groupby(["source", "target"])["estimate"].nunique()
    assert (spread == (1 if "lags" in equal else 3)).all()


def test_without_random_intercepts_nothing_is_lasting(wide: pd.DataFrame) -> None:
    found = panel_model(wide, COLUMNS, kind="CLPM")
    assert found.fit.fit["df"] == 12 and found.between.empty and found.shares.empty
    assert list(found.shares.columns) == ["variable", "wave", "share", "ci_lower", "ci_upper"]
    assert len(found.paths) == 12 and len(found.concurrent) == 4


@pytest.mark.parametrize("waves", [3, 12])
def test_three_and_twelve_waves(waves: int) -> None:
    columns = {v: [f"{v}{k}" for k in range(1, waves + 1)] for v in "ad"}
    found = panel_model(make_wide(400, waves), columns, equal=["lags", "residuals"])
    # 2T(2T + 1)/2 + 2T moments; 2T means, 3 between, 3 first, 3 later, 4 lags
    assert found.fit.fit["df"] == waves * (2 * waves + 1) - 13
    row = found.paths.query("source == 'a' and target == 'd'").iloc[0]
    assert row["estimate_lower"] < -0.2 < row["estimate_upper"]


def test_a_growth_curve_has_its_means_in_the_latent_variables(wide: pd.DataFrame) -> None:
    fit = growth("i =~ 1*a1 + 1*a2 + 1*a3 + 1*a4; s =~ 0*a1 + 1*a2 + 2*a3 + 3*a4", wide)
    means = fit.parameters.query("op == '~1'").set_index("lhs")
    assert (means.loc[["a1", "a2", "a3", "a4"], ["est", "se"]] == 0).all(axis=None)
    assert means.loc["i", "est"] == pytest.approx(wide["a1"].mean(), abs=0.1) and (means.loc["s", "se"] > 0)
    assert fit.estimator == "ML" and fit.fit["df"] == 5


CURVE = "i =~ 1*a1 + 1*a2 + 1*a3 + 1*a4; s =~ 0*a1 + 1*a2 + 2*a3 + 3*a4"


@pytest.mark.parametrize(
    ("more", "named"),
    [("; i ~ d1; d1 ~~ d1", "'d1'"), ("; d4 ~ i", "'d4'"), ("; i ~ d1; d1 ~~ d1; d4 ~ s", "'d1', 'd4'")],
)
def test_a_mean_that_a_curve_holds_at_zero_is_named(wide: pd.DataFrame, more: str, named: str) -> None:
    with warnings.catch_warnings(
        record=True
    ) as told:  # means of zero may bring an improper solution with them
        warnings.simplefilter("always")
        held = growth(CURVE + more, wide)
    message = next(str(one.message) for one in told if "held at 0" in str(one.message))
    assert sorted(re.findall(r"'d\d'", message.partition("\n")[0])) == sorted(named.split(", "))
    assert "Hint: write 'd" in message
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        free = growth(CURVE + more + "".join(f"; {n[1:-1]} ~ 1" for n in named.split(", ")), wide)
    assert free.fit["chisq"] < held.fit["chisq"] - 50  # d is about 3
    assert free.fit["df"] == held.fit["df"] - named.count("d")


@pytest.mark.parametrize("more", ["", "; i ~ d1", "; i ~ d1; d1 ~~ d1; d1 ~ 1", "; d4 ~ i; d4 ~ 0*1"])
def test_a_curve_whose_means_are_meant_says_nothing(wide: pd.DataFrame, more: str) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        growth(CURVE + more, wide)


def test_groups_without_equalities_are_fitted_as_if_alone(wide: pd.DataFrame) -> None:
    place = np.arange(len(wide))
    both = wide.assign(site=pd.Series(np.where(place % 2, "b", "c"), dtype=object).where(place % 9 != 0))
    found = panel_model(both, COLUMNS, group="site")
    assert found.n_obs == both["site"].notna().sum() < len(both)
    for label in ("b", "c"):
        alone = panel_model(wide[both["site"] == label], COLUMNS)
        for name in ("paths", "between", "shares", "concurrent"):
            own = getattr(found, name).query("group == @label").drop(columns="group").reset_index(drop=True)
            pd.testing.assert_frame_equal(own, getattr(alone, name), rtol=1e-5, atol=1e-7)
        assert (found.n_at.loc[label] == alone.n_at).all(axis=None)


@pytest.mark.parametrize(
    ("equal", "group_equal", "df"),
    [((), (), 18), ((), "lags", 30), (("lags",), (), 34), (("lags",), "lags", 38), ((), ["means"], 26)],
)
def test_equality_between_groups_counts(
    wide: pd.DataFrame, equal: tuple[str, ...], group_equal: str | list[str], df: int
) -> None:
    halves = wide.assign(site=np.arange(len(wide)) % 2)
    found = panel_model(halves, COLUMNS, group="site", equal=equal, group_equal=group_equal)
    assert found.fit.fit["df"] == df
    if "lags" in found.group_equal:
        one, two = (found.paths.query("group == @k")["estimate"].to_numpy() for k in (0, 1))
        np.testing.assert_array_equal(one, two)


def test_a_person_has_one_group_at_all_waves(long: pd.DataFrame) -> None:
    site = long["participant"].map(lambda k: "xy"[k % 2])
    first = long.assign(site=site.where(long["wave"] == long["wave"].iloc[0]))  # told once, at the start
    found = from_long(first, ["a", "mood"], group="site")
    same = from_long(long.assign(site=site), ["a", "mood"], group="site")
    pd.testing.assert_frame_equal(found.paths, same.paths)
    torn = long.assign(site=np.where((long["participant"] == 7) & (long.index % 2 == 0), "y", site))
    with pytest.raises(ResponseDataError, match="1 people are in more than one group of 'site'"):
        from_long(
            torn.assign(site=torn["site"].where(torn["participant"] != 7, long["wave"].astype(str))),
            ["a", "mood"],
            group="site",
        )


def test_shares_by_variances_and_intervals_inside_zero_and_one(wide: pd.DataFrame) -> None:
    found = panel_model(wide, COLUMNS)
    lasting = found.between.query("first == second").set_index("first")["estimate"]
    whole, names = found.fit._fitted.states[0].sigma, found.fit._fitted.table.names.observed
    std = found.fit.standardized().set_index(["lhs", "op", "rhs"])
    z = 1.959963984540054
    assert len(found.shares) == 8
    for place, row in enumerate(found.shares.itertuples()):
        column = COLUMNS[row.variable][place % 4]
        at = list(names).index(column)
        assert row.share == pytest.approx(lasting[row.variable] / whole[at, at], rel=1e-8)
        loading = std.loc[(f"between.{row.variable}", "=~", column)]
        half = z * 2 * loading["est"] * loading["se"]
        assert row.ci_lower == pytest.approx(max(row.share - half, 0.0), abs=1e-8)
        assert row.ci_upper == pytest.approx(min(row.share + half, 1.0), abs=1e-8)
    for path in found.paths.itertuples():
        assert path.standardized_lower == pytest.approx(path.standardized - z * path.standardized_se)
        assert path.standardized_upper == pytest.approx(path.standardized + z * path.standardized_se)


def test_a_share_beyond_its_limits_is_held_at_them() -> None:
    one = PanelVariable("a", (("a1",), ("a2",), ("a3",)), False)
    values = {1: (0.2, 0.3), 2: (-0.95, 0.2), 3: (0.6, 0.1)}
    rows = {(between(one), "=~", one.at(k - 1)): {"est": e, "se": s} for k, (e, s) in values.items()}
    found = _shares(rows, [one], [1, 2, 3])
    assert found["share"].to_numpy() == pytest.approx([0.04, 0.9025, 0.36])
    assert found["ci_lower"].to_numpy() == pytest.approx([0.0, 0.9025 - 0.7447863, 0.36 - 0.2351957])
    assert found["ci_upper"].to_numpy() == pytest.approx([0.04 + 0.2351957, 1.0, 0.36 + 0.2351957])


def test_groups_follow_their_people_whatever_the_order_and_whoever_answers(long: pd.DataFrame) -> None:
    people = np.random.default_rng(5).permutation(250)
    rows = long.assign(participant=people[long["participant"]])
    rows["site"] = np.where(rows["participant"] < 100, "x", "y")
    answers = [*(f"{t}{k}" for t in "ab" for k in "123"), "mood"]
    rows.loc[rows["participant"].isin([3, 4]) & (rows["wave"] > 2), answers] = np.nan  # answered in part
    rows.loc[rows["participant"].isin([5, 200]), answers] = np.nan  # never
    rows.loc[rows["participant"] == 201, "site"] = None
    found = from_long(rows.sample(frac=1, random_state=2), ["a", "mood"], group="site", waves=list(WAVES))
    assert found.n_obs == 247
    assert found.n_at["mood"].loc["x"].tolist() == [99, 99, 97, 97]
    assert found.n_at["mood"].loc["y"].tolist() == [148] * 4
    own = rows[rows["site"] == "x"].assign(a=rows["a1"] + 8 - rows["a2"] + rows["a3"])
    own["a"] /= 3
    table = own.pivot(index="participant", columns="wave", values=["a", "mood"])
    table.columns = [f"{name}{k}" for name, k in table.columns]
    alone = panel_model(table, {v: [f"{v}{k}" for k in WAVES] for v in ("a", "mood")}, missing="fiml")
    paths = found.paths.query("group == 'x'")["estimate"].to_numpy()
    assert paths == pytest.approx(alone.paths["estimate"].to_numpy(), rel=1e-4, abs=1e-6)


def test_two_groups_of_one_person_are_one_too_many(long: pd.DataFrame) -> None:
    moved = (long["participant"] == 7) & (long["wave"] == 4)
    site = pd.Series(np.where(long["participant"] % 2 == moved, "x", "y"), index=long.index)
    with pytest.raises(ResponseDataError, match="1 people are in more than one group of 'site'"):
        from_long(long.assign(site=site), ["a", "mood"], group="site")
