"""Draw the small synthetic tables that reference tests share; run once, the tables are committed."""

from pathlib import Path

import numpy as np
import pandas as pd

HERE = Path(__file__).resolve().parent.parent / "data"


def factors(rng: np.random.Generator, n: int) -> np.ndarray:
    """Draw three correlated factors, shape (n, 3)."""
    phi = np.array([[1.0, 0.5, 0.3], [0.5, 1.0, 0.4], [0.3, 0.4, 1.0]])
    return rng.standard_normal((n, 3)) @ np.linalg.cholesky(phi).T


def likert() -> None:
    """Write twelve five-category items, complete and with answers missing at random."""
    rng = np.random.default_rng(20250101)
    n = 600
    group = np.where(rng.random(n) < 0.45, "b", "a")
    site = rng.choice(["north", "south", "west"], n, p=[0.5, 0.3, 0.2])
    latent = factors(rng, n)
    latent[group == "b", 1] += 0.3
    loading = np.array([0.8, 0.7, 0.6, -0.65, 0.75, 0.7, 0.55, 0.8, -0.6, 0.7, 0.75, 0.65])
    cuts = np.array([[-1.6, -0.8, 0.1, 1.1], [-1.2, -0.3, 0.5, 1.3], [-1.9, -1.1, -0.3, 0.7]])
    frame = pd.DataFrame({"id": [f"p{i + 1:03d}" for i in range(n)], "group": group, "site": site})
    for j, strength in enumerate(loading):
        noise = rng.standard_normal(n) * np.sqrt(1 - strength**2)
        frame[f"q{j + 1}"] = 1 + np.searchsorted(cuts[j % 3], strength * latent[:, j // 4] + noise)
    frame.to_csv(HERE / "likert.csv", index=False)
    holed = frame.copy()
    chance = 0.05 + 0.06 * (frame["q1"] >= 4)
    for j in range(2, 13):
        holed[f"q{j}"] = holed[f"q{j}"].astype("Int64").mask(rng.random(n) < chance)
    holed.to_csv(HERE / "likert_missing.csv", index=False)


def continuous() -> None:
    """Write nine mildly non-normal indicators in two groups, complete and with gaps."""
    rng = np.random.default_rng(20250102)
    n = 400
    grp = np.where(rng.random(n) < 0.5, 1, 2)
    latent = factors(rng, n)
    latent[grp == 2, 0] += 0.4
    frame = pd.DataFrame({"grp": grp})
    for j, strength in enumerate([0.9, 0.7, 0.8, 0.6, 0.9, 0.75, 0.8, 0.65, 0.85]):
        noise = (rng.chisquare(6, n) - 6) / np.sqrt(12) * 0.7
        frame[f"x{j + 1}"] = np.round(3 + 0.2 * j + strength * latent[:, j // 3] + noise, 4)
    frame.to_csv(HERE / "continuous.csv", index=False)
    holed = frame.copy()
    chance = 0.04 + 0.12 * (frame["x1"] > 3.5)
    for j in range(2, 10):
        holed[f"x{j}"] = holed[f"x{j}"].mask(rng.random(n) < chance)
    holed.to_csv(HERE / "continuous_missing.csv", index=False)


if __name__ == "__main__":
    likert()
    continuous()
