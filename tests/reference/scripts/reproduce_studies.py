"""Studies made by a program, with what the other data sets of `reproduce_reports.py` do not have."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import yaml

Themes = Mapping[str, Sequence[str]]


def drawn(
    rng: np.random.Generator,
    themes: Themes,
    factors: np.ndarray,
    cuts: Sequence[float],
    reverse: tuple[str, ...],
) -> pd.DataFrame:
    """Answers from 1 on, every 20th missing; loadings and thresholds differ from item to item."""
    answers = {}
    for place, items in enumerate(themes.values()):
        for number, item in enumerate(items):
            loading = 0.7 + 0.1 * ((number % 3) - 1)
            latent = loading * factors[:, place] + np.sqrt(1 - loading**2) * rng.normal(size=len(factors))
            code = 1 + np.searchsorted(np.asarray(cuts) + 0.15 * ((number % 4) - 1.5), latent)
            code = len(cuts) + 2 - code if item in reverse else code
            answers[item] = np.where(rng.random(len(factors)) < 0.05, np.nan, code)
    return pd.DataFrame(answers)


def instrument(
    path: Path, themes: Themes, options: Sequence[int], reverse: tuple[str, ...], **more: Any
) -> None:
    """Write an instrument called like its file."""
    titles = more.pop("titles", {})
    told = [
        {
            "id": theme,
            "title": titles.get(theme, f"Theme {theme}"),
            "role": "dimension",
            "items": [
                {"id": i, "text": f"Item {i}", **({"reverse": True} if i in reverse else {})} for i in items
            ],
        }
        for theme, items in themes.items()
    ]
    scale = {"agree": {"options": {code: f"option {code}" for code in options}}}
    whole = {"schema": 1, "id": path.stem, "version": "1.0", "title": path.stem, "status": "candidate"}
    whole |= {"response_scales": scale, "themes": told, **more}
    path.write_text(yaml.safe_dump(whole, sort_keys=False, allow_unicode=True), encoding="utf-8")


def reserved_words(folder: Path) -> list[str]:
    """Items and themes called like words of R, labels with quotes, strokes, per cent signs and other letters."""
    rng, n = np.random.default_rng(13), 420
    themes = {
        "total_f": ["if", "TRUE", "NULL", "Inf", "T"],
        "f": ["c", "function", "NaN", "next"],
        "group_": ["f1", "x", "e", "pi", "repeat"],
    }
    factors = rng.multivariate_normal(np.zeros(3), 0.6 * np.eye(3) + 0.4, n)
    answers = drawn(rng, themes, factors, (-1.2, -0.3, 0.5, 1.3), ("NULL", "c"))
    people = [f"p {k}.{k % 7} 'x\"%s\\n ü" for k in range(n)]
    answers.insert(0, "participant", people)
    answers.to_csv(folder / "answers ü.csv", index=False, float_format="%g")
    labels = np.array(['lévél "one" 100 % \\t', "it's `two` – ß"])
    beside = {
        "participant": people,
        'gr "oup" %d\\n': labels[np.arange(n) % 2],
        "TRUE_": np.where(rng.random(n) < 0.5, "TRUE", "FALSE"),
        "year %": np.round(factors[:, 1] * 4 + rng.normal(size=n) * 3 + 50),
    }
    pd.DataFrame(beside).to_csv(folder / "covariates.csv", index=False)
    titles = {"f": 'It\'s "quoted" \\ 100 % `x` ü 😀'}
    instrument(folder / "words.yaml", themes, range(1, 6), ("NULL", "c"), titles=titles)
    return ["answers ü.csv", "--instrument", "words.yaml", "--covariates", "covariates.csv"]


def three_waves(folder: Path) -> list[str]:
    """Sums, codes for missing, three waves, another questionnaire with a turned item, and four hypotheses."""
    rng, n = np.random.default_rng(14), 400
    themes = {"warm": ["w1", "w2", "w3", "w4"], "firm": ["k1", "k2", "k3", "k4", "k5"]}
    others = {"calm": ["m1", "m2", "m3"], "tense": ["m4", "m5", "m6"]}
    known = rng.multivariate_normal(np.zeros(3), [[1, 0.4, 0.5], [0.4, 1, 0.3], [0.5, 0.3, 1]], n)
    who = [f"{k:04d}" for k in range(n)]
    own, beside = [], []
    for number, wave in enumerate(("t1", "t2", "t3")):
        now = known[:, :2] + 0.2 * number + 0.4 * rng.normal(size=(n, 2))
        calm = np.column_stack([known[:, 2], -known[:, 2] + rng.normal(size=n)])
        here = rng.random(n) < (1.0 if number == 0 else 0.8)
        for table, frame in (
            (own, drawn(rng, themes, now, (-1.4, -0.5, 0.4, 1.2), ("w2", "k5"))),
            (beside, drawn(rng, others, calm, (-1, -0.3, 0.3, 0.8, 1.5, 2), ("m2",))),
        ):
            frame.insert(0, "wave", wave)
            frame.insert(0, "participant", who)
            table.append(frame[here])
    answers = pd.concat(own, ignore_index=True)
    answers.loc[::37, "w1"], answers.loc[::41, "k2"] = -7, -8
    answers.sample(frac=1, random_state=1).to_csv(folder / "answers.csv", index=False, float_format="%g")
    pd.concat(beside).sample(frac=1, random_state=2).to_csv(folder / "m.csv", index=False, float_format="%g")
    outcomes = {
        "participant": who,
        "base": np.round(known[:, 0] * 5 + 30),
        "after": np.round(-known[:, 1] * 5 + rng.normal(size=n) * 4 + 25),
        "change_rating": rng.integers(-1, 2, n),
    }
    pd.DataFrame(outcomes).to_csv(folder / "outcomes.csv", index=False)
    codes = {"not_applicable": -7, "declined": -8}
    instrument(
        folder / "waves.yaml",
        themes,
        range(1, 6),
        ("w2", "k5"),
        missing_codes=codes,
        scoring={"method": "sum"},
    )
    instrument(folder / "calmness.yaml", others, range(1, 8), ("m2",))
    why = "A made-up reason that is long enough."
    study = {
        "schema": 1,
        "id": "waves",
        "title": "Three waves",
        "instrument": "waves.yaml",
        "study_days": 80,
        "intended_use": {"unit": "sessions", "amount": 10, "weeks": 10, "justification": why},
        "adherence": {"metric": "sessions", "threshold": 0.66, "justification": why},
        "baseline": ["base"],
        "outcome": "after",
        "waves": [
            {"id": "t1", "label": "T 1", "day": 7, "opens": 7, "closes": 14},
            {"id": "t2", "label": "T 2", "day": 21, "opens": 20, "closes": 28, "role": "retest"},
            {"id": "t3", "label": "T 3", "day": 60, "opens": 58, "closes": 70},
        ],
    }
    (folder / "study.yaml").write_text(yaml.safe_dump(study, sort_keys=False), encoding="utf-8")
    expected = (("warm", "calm", ">= 0.3"), ("firm", "tense", "-1 to 0"), ("total", "calmness_total", ">= 0"))
    plan = {
        "schema": 1,
        "estimator": "MLR",
        "missing": "fiml",
        "imputations": 5,
        "measures": ["calmness"],
        "models": {
            "two": "warm =~ w1 + w2 + w3 + w4\nfirm =~ k1 + k2 + k3 + k4 + k5",
            "one": "g =~ w1 + a*w2 + a*w3\ng ~ k1\ntwice := 2*a",
        },
        "hypotheses": [
            {"id": f"h{k}", "text": "They go together.", "score": one, "with": other, "expected": size}
            for k, (one, other, size) in enumerate((*expected, ("firm", "after", "<= 0")), start=1)
        ],
    }
    plan["hypotheses"][1]["method"] = "spearman"
    (folder / "plan.yaml").write_text(yaml.safe_dump(plan, sort_keys=False), encoding="utf-8")
    sides = ["--study", "study.yaml", "--outcomes", "outcomes.csv", "--measure", "m.csv=calmness.yaml"]
    return ["answers.csv", "--instrument", "waves.yaml", *sides, "--plan", "plan.yaml"]


def other_tables(folder: Path) -> list[str]:
    """Semicolons, decimal commas, latin letters of one byte, and items of eleven and of four options."""
    rng, n = np.random.default_rng(16), 260
    wide, narrow = {"wide": ["v1", "v2", "v3", "v4", "v5"]}, {"narrow": ["u1", "u2", "u3", "u4"]}
    factors = rng.normal(size=(n, 1))
    answers = drawn(rng, wide, factors, tuple(np.linspace(-2, 2, 10)), ("v2",)) - 1
    beside = 0.5 * factors + 0.8 * rng.normal(size=(n, 1))
    answers = pd.concat([answers, drawn(rng, narrow, beside, (-1, 0, 1), ("u4",))], axis=1)
    answers.insert(0, "participant", [f"ä{k}" for k in range(n)])
    tall = np.round(factors[:, 0] * 2 + 170 + rng.normal(size=n), 1)
    answers["größe"] = [str(amount).replace(".", ",") for amount in tall]
    answers["ort"] = np.where(rng.random(n) < 0.5, "Köln", "München")
    answers.to_csv(folder / "answers.csv", index=False, sep=";", encoding="latin-1", float_format="%g")
    instrument(folder / "mixed.yaml", {**wide, **narrow}, range(11), ("v2", "u4"))
    scale = yaml.safe_load((folder / "mixed.yaml").read_text("utf-8"))
    scale["response_scales"]["few"] = {"options": {code: f"o {code}" for code in range(1, 5)}}
    scale["default_scale"] = "agree"
    for item in scale["themes"][1]["items"]:
        item["scale"] = "few"
    (folder / "mixed.yaml").write_text(yaml.safe_dump(scale, sort_keys=False), encoding="utf-8")
    how = ["--encoding", "latin-1", "--delimiter", ";", "--decimal", ","]
    return ["answers.csv", "--instrument", "mixed.yaml", "--covariates", "größe,ort", *how]
