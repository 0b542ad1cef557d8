"""Draw the skewed synthetic tables of the battery of structural models; run once, the tables are committed."""

from pathlib import Path

import numpy as np
import pandas as pd

HERE = Path(__file__).resolve().parent.parent / "data"
SIZES = {"north": 230, "south": 160, "west": 110}
CATEGORIES = {"b": 2, "c": 3, "d": 4, "e": 5, "h": 7}


def skewed(rng: np.random.Generator, shape: tuple[int, ...]) -> np.ndarray:
    """Give errors of mean 0 and variance 1 with skewness 1.4 and heavy tails."""
    return (rng.chisquare(4, shape) - 4) / np.sqrt(8)


def draw() -> pd.DataFrame:
    """Write nine continuous indicators, two covariates, and four items each of 2, 3, 4, 5 and 7 categories."""
    rng = np.random.default_rng(20251125)
    n = sum(SIZES.values())
    site = rng.permutation(np.repeat(list(SIZES), list(SIZES.values())))
    sex = np.where(rng.random(n) < 0.4, 1, 2)
    z1, z2 = np.round(skewed(rng, (n,)), 3), (rng.random(n) < 0.35).astype(int)
    f1 = 0.6 * rng.standard_normal(n) + 0.4 * skewed(rng, (n,)) + 0.3 * z1 + 0.3 * (site == "south")
    f2 = 0.45 * f1 + 0.25 * z2 + 0.7 * rng.standard_normal(n)
    f3 = 0.3 * f1 + 0.4 * f2 + 0.6 * skewed(rng, (n,)) - 0.25 * (sex == 2)
    table = pd.DataFrame({"site": site, "sex": sex, "z1": z1, "z2": z2})
    factors = (f1, f2, f3)
    for j, strength in enumerate([0.9, 0.8, 0.7, 0.85, 0.75, 0.65, 0.9, 0.7, 0.6]):
        noise = 0.7 * skewed(rng, (n,))
        value = 2 + 0.1 * j + strength * factors[j // 3] + noise + (0.3 * f3 if j == 1 else 0.0)
        table[f"y{j + 1}"] = np.round(value, 4)
    for k, (name, count) in enumerate(CATEGORIES.items()):
        own = factors[k % 3] + 0.5 * rng.standard_normal(n)
        for j, strength in enumerate([0.8, 0.7, -0.6, 0.55]):
            latent = strength * own + 0.75 * rng.standard_normal(n) + (0.2 * f2 if j == 3 else 0.0)
            cuts = {2: np.array([0.5]), 3: np.array([-0.5, 0.8])}.get(
                count, np.linspace(-0.9, 1.3, count - 1)
            )
            table[f"{name}{j + 1}"] = 1 + np.searchsorted(cuts + 0.1 * j, latent)
    return table


def holed(table: pd.DataFrame) -> pd.DataFrame:
    """Take answers away, more often where y1 is high; site, sex, covariates and y1 stay."""
    rng = np.random.default_rng(20251126)
    chance = 0.05 + 0.12 * (table["y1"] > table["y1"].median())
    gaps = table.copy()
    for name in table.columns[5:]:
        whole = pd.api.types.is_integer_dtype(table[name].dtype)
        gaps[name] = (table[name].astype("Int64") if whole else table[name]).mask(
            rng.random(len(table)) < chance
        )
    return gaps


if __name__ == "__main__":
    complete = draw()
    complete.to_csv(HERE / "battery.csv", index=False)
    holed(complete).to_csv(HERE / "battery_missing.csv", index=False)
