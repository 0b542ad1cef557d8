"""Where the usual start leads to an improper solution that is not the lowest, and what a comparison says then."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from analysis import cfa, compare_models, growth, sem
from analysis.structural.estimation import several_minima
from analysis.structural.estimation.optimise import Reduction, lowest_of, minimise
from analysis.structural.estimation.secant import Secant, promising
from instrument.errors import ToolkitWarning

CURVE = "i =~ 1*y1 + 1*y2 + 1*y3 + 1*y4\ns =~ 0*y1 + 1*y2 + y3 + y4\ny1 ~~ e*y1\ny2 ~~ e*y2\n"
FREER = CURVE + "y2 ~ NA*1\n"


def falling(seed):
    r = np.random.default_rng(seed)
    i = 1 + 0.9 * r.normal(size=300)
    s = -0.7 + 0.4 * r.normal(size=300) + 0.3 * i
    noise = r.normal(size=(300, 4)) * [0.9, 0.9, 1.1, 1.5]
    return pd.DataFrame(
        np.stack([i, i + s + 1.1, i - 0.9 * s, i - 2 * s], 1) + noise, columns=["y1", "y2", "y3", "y4"]
    )


@pytest.fixture(scope="module")
def told():
    with pytest.warns(ToolkitWarning) as caught:
        fitted = growth(FREER, falling(0), estimator="ML")
    return fitted, [str(entry.message) for entry in caught]


def test_a_growth_curve_turns_where_the_usual_start_lets_it_sink(told):
    fitted, texts = told
    assert fitted.fit["chisq"] == pytest.approx(2.797, abs=1e-3)  # 10.11 from the usual start
    assert any("several minima" in text and "tell the factors apart" in text for text in texts)
    assert not any("Heywood" in text or "beyond 1" in text for text in texts)


@pytest.mark.filterwarnings("ignore::instrument.errors.ToolkitWarning")
@pytest.mark.parametrize("start", [1.2, -1.0])
def test_the_lowest_minimum_does_not_depend_on_the_start(start, told):
    other = growth(f"{CURVE}y2 ~ start({start})*1", falling(0), estimator="ML")
    assert other.fit["chisq"] == pytest.approx(told[0].fit["chisq"], abs=1e-6)


def table_of(estimator):
    """Two factors that share an indicator and whose covariance is that of no variables."""
    r = np.random.default_rng(5)
    f = r.normal(size=200)
    values = f[:, None] * 0.8 + 0.6 * r.normal(size=(200, 5))
    values[:, 1] += 0.4 * values[:, 0]
    frame = pd.DataFrame(values, columns=list("abcde"))
    return frame if estimator == "ML" else frame.apply(lambda c: pd.cut(c, [-9, -0.5, 0.4, 9], labels=False))


@pytest.mark.parametrize("estimator", ["ML", "WLSMV", "mixed"])
@pytest.mark.parametrize(
    ("model", "again"), [("f =~ a + b + c\ng =~ c + d + e", True), ("f =~ a + b\ng =~ c + d + e", False)]
)
def test_further_searches_only_where_indicators_are_shared(estimator, model, again, monkeypatch):
    starts = []
    monkeypatch.setattr(several_minima, "_is_improper", lambda states: bool(states))

    def lowest(target, reduction, minimum, further):
        starts.extend(further)
        return minimum

    monkeypatch.setattr(several_minima, "lowest_of", lowest)
    frame = table_of(estimator)
    options = {"estimator": "ML"} if estimator == "ML" else {"estimator": "WLSMV"}
    if estimator == "mixed":
        frame["a"] = table_of("ML")["a"]
        options["ordered"] = ["b", "c", "d", "e"]
    cfa(model, frame, **options)
    assert len(starts) == (10 if again else 0)
    if again:
        assert len({tuple(start) for start in starts}) == 10
        signs = np.array(starts)
        assert (signs < 0).any() and (signs > 0).any()


def state(latent, variances):
    p = len(variances) - len(latent)
    symmetric = np.diag(variances)
    covariance = np.eye(len(variances))
    covariance[p:, p:] = latent
    return several_minima.State(
        np.zeros((0, 0)), symmetric, np.zeros((0, 0)), covariance, np.zeros(0), np.arange(p)
    )


@pytest.mark.parametrize(
    ("latent", "variances", "improper"),
    [
        ([[1.0, 0.5], [0.5, 1.0]], [1.0, 1.0, 1.0, 1.0], False),
        ([[1.0, 1.0], [1.0, 1.0]], [1.0, 1.0, 1.0, 1.0], False),  # at the edge
        ([[1.0, 1.1], [1.1, 1.0]], [1.0, 1.0, 1.0, 1.0], True),
        ([[1.0, 0.5], [0.5, 1.0]], [1.0, -0.1, 1.0, 1.0], True),
        ([[1.0, 0.5], [0.5, 1.0]], [1.0, 0.0, 1.0, 1.0], False),
        ([[1.0, 0.5], [0.5, -0.2]], [1.0, 1.0, 1.0, 1.0], True),
    ],
)
def test_what_counts_as_improper(latent, variances, improper):
    proper = state([[1.0, 0.0], [0.0, 1.0]], [1.0, 1.0, 1.0, 1.0])
    assert several_minima._is_improper([proper, state(latent, variances)]) is improper


@pytest.fixture(scope="module")
def pair():
    r = np.random.default_rng(2)
    frame = pd.DataFrame(r.normal(size=(150, 1)) + r.normal(size=(150, 4)), columns=list("abcd"))
    model = "f =~ a + b + c + d"
    return {"free": sem(model, frame, "ML"), "held": sem(model + "\nf ~~ 0.5*f", frame, "ML")}


@pytest.mark.parametrize(("above", "tested"), [(1.0, False), (2e-4, False), (5e-5, True), (-1.0, True)])
def test_a_freer_model_that_fits_worse_is_not_tested(pair, above, tested, recwarn):
    inner = pair["free"]._fitted
    worse = replace(inner.test, chisq=pair["held"].fit["chisq"] + above)
    models = {"free": replace(pair["free"], _fitted=replace(inner, test=worse)), "held": pair["held"]}
    row = compare_models(models, assume_nested=True).table.iloc[1]
    texts = [str(w.message) for w in recwarn if "fits worse" in str(w.message)]
    assert row["nested"] and row["df_diff"] == 1
    assert np.isfinite(row["pvalue"]) == np.isfinite(row["chisq_diff"]) == tested
    assert len(texts) == (0 if tested else 1)
    assert tested or texts[0].startswith("compare_models: 'free' frees what 'held' holds and fits worse")


class _Valleys:
    """A quartic of the first parameter with minima near -1 and 2, the second lower, and a bowl of the other."""

    def __init__(self) -> None:
        self.dear = 0

    def value(self, x: np.ndarray) -> float:
        a, b = x
        return float(a**4 / 4 - a**3 / 3 - a**2 + 3 + (b - a) ** 2)

    def gradient(self, x: np.ndarray) -> np.ndarray:
        a, b = x
        return np.array([a * (a + 1) * (a - 2) - 2 * (b - a), 2 * (b - a)])

    def expected(self, x: np.ndarray) -> np.ndarray:
        return np.array([[3.0, -2.0], [-2.0, 2.5]])

    def observed(self, x: np.ndarray) -> np.ndarray:
        self.dear += 1
        a = x[0]
        return np.array([[3 * a**2 - 2 * a, -2.0], [-2.0, 2.0]])


def test_only_starts_that_may_lead_lower_are_followed_to_the_end() -> None:
    target, free = _Valleys(), Reduction(np.eye(2), np.zeros(2))
    upper = minimise(target, free, np.array([-1.1, -1.0]))
    lower = minimise(target, free, np.array([2.2, 2.1]))
    assert upper.converged and upper.z == pytest.approx([-1, -1], abs=1e-6)
    assert lower.converged and lower.z == pytest.approx([2, 2], abs=1e-6)
    starts, spent = [np.array([-1.2, -1.1]), np.array([3.0, 2.5]), np.array([1.8, 2.2])], target.dear
    ends = list(promising(target, free, upper, starts))
    assert len(ends) == 2 and target.dear == spent
    assert all(end == pytest.approx([2, 2], abs=0.02) for end in ends)
    assert list(promising(target, free, lower, starts)) == []
    gone = promising(target, free, upper, starts, lost=lambda x: bool(x[0] > 1.2))
    assert list(gone) == []
    found = lowest_of(target, free, upper, promising(target, free, upper, starts))
    assert found.lower and found.z == pytest.approx([2, 2], abs=1e-6)


def test_second_derivatives_are_learnt_from_gradients() -> None:
    """On a bowl, as many independent steps as parameters tell the second derivatives along the last one exactly."""
    second = np.array([[4.0, 1.0, 0.0], [1.0, 3.0, 0.5], [0.0, 0.5, 2.0]])

    class Bowl(_Valleys):
        def gradient(self, x: np.ndarray) -> np.ndarray:
            return second @ x

        def expected(self, x: np.ndarray) -> np.ndarray:
            return np.eye(3)

    learning, rng = Secant(Bowl()), np.random.default_rng(4)
    points = [rng.normal(size=3) for _ in range(12)]
    for before, x in zip([None, *points], points, strict=False):
        matrix = learning.expected(x)
        assert np.linalg.eigvalsh(matrix)[0] > 0
        if before is not None:
            assert matrix @ (x - before) == pytest.approx(second @ (x - before), abs=1e-9)
