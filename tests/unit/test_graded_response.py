"""The graded response model: what must hold for any data, and what is refused."""

from __future__ import annotations

import itertools

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from analysis import graded_response
from analysis.irt.estimation import starting_items
from analysis.irt.graded_result import GradedResponseResult
from analysis.irt.item_fit import ScoreTables, merged
from analysis.irt.observed_information import observed_information
from analysis.irt.quadrature import expectation, normal_quadrature
from instrument.errors import NotEstimableError, ResponseDataError, ToolkitWarning

SLOPES = np.array([0.9, 1.3, 1.7, 2.1, 1.1, 1.5])
CUTS = np.array([-1.5, -0.5, 0.4, 1.3])
ITEMS = list("abcdef")


def answers(n: int = 600, seed: int = 1, slopes: np.ndarray = SLOPES) -> pd.DataFrame:
    """Five options each, drawn from the model itself."""
    rng = np.random.default_rng(seed)
    theta = rng.standard_normal(n)
    above = 1 / (1 + np.exp(-slopes[:, None, None] * (theta[None, :, None] - CUTS)))
    codes = 1 + (rng.random((len(slopes), n, 1)) < above).sum(axis=2)
    return pd.DataFrame(codes.T, columns=ITEMS)


@pytest.fixture(scope="module")
def table() -> pd.DataFrame:
    return answers()


@pytest.fixture(scope="module")
def fitted(table: pd.DataFrame) -> GradedResponseResult:
    return graded_response(table)


def test_order_of_persons_and_items_does_not_matter(
    table: pd.DataFrame, fitted: GradedResponseResult
) -> None:
    other = graded_response(table.iloc[::-1, ::-1])
    pd.testing.assert_frame_equal(other.parameters.loc[ITEMS], fitted.parameters, atol=1e-6)
    pd.testing.assert_frame_equal(other.scores().loc[table.index], fitted.scores(), atol=1e-6)


def test_codes_are_labels(table: pd.DataFrame, fitted: GradedResponseResult) -> None:
    other = graded_response(table * 10 - 3)
    pd.testing.assert_frame_equal(other.parameters, fitted.parameters, atol=1e-8)
    assert other.categories["a"] == [7, 17, 27, 37, 47]


def test_a_reversed_item_has_the_opposite_slope_and_mirrored_difficulties(
    table: pd.DataFrame, fitted: GradedResponseResult
) -> None:
    with pytest.warns(ToolkitWarning, match="graded_response: 1 item found to oppose the others: 'a'"):
        other = graded_response(table.assign(a=6 - table["a"])).parameters
    assert other.loc["a", "discrimination"] == pytest.approx(
        -fitted.parameters.loc["a", "discrimination"], abs=1e-6
    )
    np.testing.assert_allclose(other.loc["a"].iloc[1:], fitted.parameters.loc["a"].iloc[:0:-1], atol=1e-5)


def test_probabilities_sum_to_one_and_information_is_positive(fitted: GradedResponseResult) -> None:
    theta = np.linspace(-5, 5, 41)
    for item in ITEMS:
        rows = fitted.probabilities(item, theta)
        assert (rows.to_numpy() >= 0).all()
        np.testing.assert_allclose(rows.sum(axis=1), 1, atol=1e-12)
    assert (fitted.item_information(theta) > 0).all(axis=None)
    np.testing.assert_allclose(fitted.information(theta), fitted.item_information(theta).sum(axis=1))


def test_parameters_are_recovered_within_their_errors(fitted: GradedResponseResult) -> None:
    truth = np.column_stack([SLOPES, np.tile(CUTS, (6, 1))])
    z = (fitted.parameters.to_numpy() - truth) / fitted.standard_errors.to_numpy()
    assert np.abs(z).max() < 4
    assert 0.5 < np.sqrt((z**2).mean()) < 1.6


def test_a_person_without_answers_gets_no_score_and_is_not_counted(table: pd.DataFrame) -> None:
    holes = table.astype("Int64")
    holes.iloc[3] = pd.NA
    holes.iloc[5, 0] = pd.NA
    found = graded_response(holes)
    assert found.n_obs == len(table) - 1
    assert found.scores().iloc[3].isna().all()
    assert found.scores().drop(index=3).notna().all(axis=None)
    assert found.item_fit()["n"].tolist() == [len(table) - 2] * 6


def test_item_fit_is_that_of_every_pattern_of_answers_added_up() -> None:
    """Four items of three options have 81 patterns: shares of options within a total, without any recursion."""
    rng = np.random.default_rng(4)
    theta = rng.standard_normal(3000)
    above = 1 / (1 + np.exp(-SLOPES[:4, None, None] * (theta[None, :, None] - np.array([-0.6, 0.6]))))
    codes = pd.DataFrame((rng.random((4, 3000, 1)) < above).sum(axis=2).T, columns=ITEMS[:4])
    fit = graded_response(codes)
    nodes = np.linspace(-6, 6, 61)
    weights = np.exp(-(nodes**2) / 2) / np.exp(-(nodes**2) / 2).sum()
    given = [fit.probabilities(item, nodes).to_numpy() for item in ITEMS[:4]]
    patterns = np.array(list(itertools.product(range(3), repeat=4)))
    share = np.array(
        [np.prod([given[j][:, c] for j, c in enumerate(row)], axis=0) @ weights for row in patterns]
    )
    totals, sums = patterns.sum(axis=1), codes.sum(axis=1).to_numpy()
    found = fit.item_fit()
    for j, item in enumerate(ITEMS[:4]):
        statistic, cells = 0.0, 0
        for total in range(1, 8):  # in the totals 0 and 8 everybody answers alike
            of_total = totals == total
            expected = np.array([share[of_total & (patterns[:, j] == c)].sum() for c in range(3)])
            expected *= (sums == total).sum() / share[of_total].sum()
            observed = np.array([((sums == total) & (codes[item] == c)).sum() for c in range(3)])
            possible = expected > 0
            assert expected[possible].min() >= 1  # nothing is merged but what cannot occur
            statistic += ((observed - expected)[possible] ** 2 / expected[possible]).sum()
            cells += possible.sum() - 1
        df = cells - 3  # a slope and two boundaries
        assert found.loc[item, "s_x2"] == pytest.approx(statistic, rel=1e-8)
        assert found.loc[item, "df"] == df
        assert found.loc[item, "pvalue"] == pytest.approx(stats.chi2.sf(statistic, df), rel=1e-8)
        rmsea = (max(statistic - df, 0) / (df * 2999)) ** 0.5
        assert found.loc[item, "rmsea"] == pytest.approx(rmsea, abs=1e-10)


def test_scores_are_posterior_means_on_121_nodes() -> None:
    """The posterior of steep items tells 121 nodes from the 61 of fitting; the sum is written out for one person."""
    steep = answers(slopes=3 * SLOPES)
    fitted = graded_response(steep)
    nodes = np.linspace(-6, 6, 121)
    posterior = np.exp(-(nodes**2) / 2)
    for item in ITEMS:
        posterior = posterior * fitted.probabilities(item, nodes)[steep.loc[0, item]].to_numpy()
    mean = (posterior * nodes).sum() / posterior.sum()
    spread = ((posterior * (nodes - mean) ** 2).sum() / posterior.sum()) ** 0.5
    assert fitted.scores().loc[0].tolist() == pytest.approx([mean, spread], abs=1e-11)


def test_bic_counts_who_answered_and_a_boundary_bears_the_number_of_its_option(table: pd.DataFrame) -> None:
    holes = table.astype(float)
    holes.loc[holes["a"] == 3, "a"] = np.nan  # nobody chose the middle of a: its boundary 2 is nowhere
    holes.loc[:9] = np.nan
    found = graded_response(holes)
    assert (found.n_obs, found.n_parameters) == (590, 4 + 5 * 5)
    assert found.bic == pytest.approx(29 * np.log(590) - 2 * found.loglik, abs=1e-9)
    assert found.parameters.loc["a"].isna().tolist() == [False, False, True, False, False]
    assert found.parameters.drop(index="a").notna().all(axis=None)
    assert [name for name in found.covariance.index if name.startswith("a:")] == [
        "a:a",
        "a:d1",
        "a:d3",
        "a:d4",
    ]


def test_fewer_than_five_answers_make_a_category_rare(table: pd.DataFrame) -> None:
    few = table.copy()
    few["a"], few["b"] = few["a"].clip(upper=4), few["b"].clip(upper=4)
    few.loc[:4, "a"], few.loc[:3, "b"] = 5, 5
    assert graded_response(few).rare_categories == ["b:5"]


def test_fit_is_refused_where_complete_answers_leave_out_a_category(table: pd.DataFrame) -> None:
    gaps = table.astype(float)
    gaps.loc[gaps["a"] == 5, "b"] = np.nan
    with pytest.raises(NotEstimableError, match="they leave out categories of 'a'"):
        graded_response(gaps).item_fit()


def test_more_of_an_item_is_more_of_the_score(fitted: GradedResponseResult, table: pd.DataFrame) -> None:
    scores = fitted.scores()["score"]
    sums = table.sum(axis=1)
    assert scores.corr(sums, method="spearman") > 0.97
    raised = table.copy()
    raised.loc[0] = [5] * 6
    raised.loc[1] = [1] * 6
    ends = graded_response(raised).scores()["score"]
    assert ends.idxmax() in set(raised.index[raised.sum(axis=1) == 30])
    assert ends.idxmin() in set(raised.index[raised.sum(axis=1) == 6])


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda t: t.assign(a=3), "constant|one value|single"),
        (lambda t: t.assign(a=np.nan), "no answer|unanswered|without"),
        (lambda t: t.assign(a=t["a"] + 0.5), "whole"),
        (lambda t: t.assign(a="x"), "number|numeric"),
        (lambda t: t[["a", "b"]], "do not identify"),
        (lambda t: t.iloc[:20], "too few|no answer|persons"),
    ],
)
def test_what_cannot_be_fitted_is_refused_with_a_hint(
    table: pd.DataFrame, change: object, message: str
) -> None:
    with pytest.raises((ResponseDataError, NotEstimableError), match=message) as caught:
        graded_response(change(table))  # type: ignore[operator]
    assert "\nHint: " in str(caught.value)


def test_an_unknown_item_is_named(fitted: GradedResponseResult) -> None:
    with pytest.raises(ResponseDataError, match="no item 'zz'"):
        fitted.probabilities("zz", [0.0])


def test_a_search_cut_short_gives_no_numbers(table: pd.DataFrame) -> None:
    with pytest.raises(NotEstimableError, match="graded_response: stopped"):
        graded_response(table, max_iter=1)


def test_a_doubled_item_ends_the_fit_with_a_remedy(table: pd.DataFrame) -> None:
    with pytest.raises(
        NotEstimableError,
        match=r"discrimination of 'a', 'g' grows without limit(.|\n)*Hint: drop one of 'a', 'g'",
    ):
        graded_response(table.assign(g=table["a"]))


def test_nearly_equal_items_that_have_a_solution_keep_it() -> None:
    generator = np.random.default_rng(1)
    common = generator.normal(size=(800, 1))
    latent = 0.7 * common + np.sqrt(0.51) * generator.normal(size=(800, 6))
    near = 0.97 * latent[:, [0]] + np.sqrt(1 - 0.97**2) * generator.normal(size=(800, 1))
    latent = np.hstack([latent, near])
    cuts = [np.quantile(column, [0.1, 0.3, 0.6, 0.85]) for column in latent.T]
    answers = {f"y{k}": np.digitize(c, q) for k, (c, q) in enumerate(zip(latent.T, cuts, strict=True))}
    with pytest.warns(ToolkitWarning, match="discrimination above 8: 'y0', 'y6'"):
        found = graded_response(pd.DataFrame(answers))
    assert found.parameters.loc[["y0", "y6"], "discrimination"].between(8, 12).all()
    assert np.isfinite(found.standard_errors.to_numpy()).all()


def test_sparse_totals_of_item_fit_join_their_neighbours() -> None:
    """Two categories: a total with less than one expected answer in a cell is counted with the next."""
    expected = np.array([[9.0, 1], [4.5, 0.5], [3.2, 0.8], [2, 2], [0.4, 3.6], [0.1, 1.9], [0, 5]])
    observed = np.array([[10.0, 0], [4, 1], [4, 0], [1, 3], [1, 3], [0, 2], [0, 5]])
    groups = merged(ScoreTables(observed=observed, expected=expected), 1.0)
    # totals 1 and 2 together, 3 alone, 4 and 5 at the end with 3
    assert [e.tolist() for _, e in groups] == [
        pytest.approx([4.5 + 3.2, 0.5 + 0.8]),
        pytest.approx([2 + 0.4 + 0.1, 2 + 3.6 + 1.9]),
    ]
    assert [o.tolist() for o, _ in groups] == [[8, 1], [2, 8]]


@pytest.mark.parametrize("missing", [0.0, 0.3])
def test_information_is_that_of_every_person_and_node_added_up(missing: float) -> None:
    """Louis: complete-data information, less the variance of each person's scores given the answers."""
    rng = np.random.default_rng(11)
    trait = rng.standard_normal(60)
    cuts = [np.array([-1.0, 0.2, 0.9]), np.array([-0.5, 0.5]), np.array([0.0]), np.array([-1.0, 0.0, 1.0])]
    positions = np.array([(trait[:, None] + rng.logistic(size=(60, 1)) > c).sum(axis=1) for c in cuts])
    positions[rng.random(positions.shape) < missing] = 4
    positions = positions.astype(np.int8)
    items = starting_items(positions, np.array([4, 3, 2, 4]))
    grid = normal_quadrature(31, 5.0)
    found = observed_information(positions, items, grid, expectation(positions, items, grid))

    def loglik(vector: np.ndarray) -> float:
        return expectation(positions, items.replaced(vector), grid).loglik

    at, size = items.vector(), len(items.vector())
    steps = 1e-3 * np.eye(size)
    by_differences = np.array(
        [
            [loglik(at + a + b) - loglik(at + a - b) - loglik(at - a + b) + loglik(at - a - b) for a in steps]
            for b in steps
        ]
    ) / (4 * 1e-6)
    np.testing.assert_allclose(found, -by_differences, rtol=2e-5, atol=2e-4)
