"""Make the synthetic work on content: no judge, no interview and no translator behind it is real.

Run from the root of the repository: python data/content_example/make.py
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd

import instrument
from instrument.content.translating import read_texts
from instrument.written_cells import csv_text

HERE = Path(__file__).parent
scale = instrument.load("dta@0.2.0")
rng = np.random.default_rng(11)
EXPERTS = [f"E{k}" for k in range(1, 9)]
USERS = [f"U{k}" for k in range(1, 7)]
themes = [theme.id for theme in scale.themes]
HOME = {item: theme for theme in themes for item in scale.theme_items(theme)}
REWORDED = {  # made-up earlier wordings
    "hum2": ("Nobody leaves me alone while I use this app.", "word_unsettling", "two people were uneasy"),
    "mea1": ("The examples in this app have relevance to my situation.", "word_unknown", "long words"),
    "pro2": ("My goals are operationalised in this app.", "word_unknown", "a word was not known"),
    "use1": ("Next steps are always evident in this app.", "too_strong", "nobody could agree with always"),
}
WEAK = ("neg6", "pro7")  # judged less relevant
WHOLE = ("instructions", "time_frame", "options")
asked_of_all = [name for name in (*scale.item_ids, *WHOLE) if name != "time_frame" or scale.time_frame]


def write(name: str, rows: list[dict[str, object]]) -> None:
    (HERE / name).write_text(csv_text(pd.DataFrame(rows)), encoding="utf-8", newline="")


ratings: list[dict[str, object]] = []
sorting: list[dict[str, object]] = []
for judge in [*EXPERTS, *USERS]:
    for number in (1, 2):
        for item in scale.item_ids:
            chance = [0.0, 0.03, 0.27, 0.7]
            if item in WEAK:
                chance = [0.05, 0.35, 0.4, 0.2]
            if item in REWORDED and number == 1:
                chance = [0.05, 0.3, 0.45, 0.2]
            for aspect in ("relevance", "comprehensibility"):
                value = int(rng.choice([1, 2, 3, 4], p=chance))
                row = {"judge": judge, "round": number, "item": item, "aspect": aspect, "rating": value}
                ratings.append(row)
        for theme in themes:
            value = int(rng.choice([2, 3, 4], p=[0.1, 0.3, 0.6]))
            row = {"judge": judge, "round": number, "item": theme, "aspect": "comprehensiveness", "rating": value}
            ratings.append(row)
    if judge in EXPERTS:
        for item in scale.item_ids:
            theme = HOME[item] if rng.random() < 0.88 else str(rng.choice([*themes, "none"]))
            sorting.append({"judge": judge, "item": item, "theme": theme})
write("ratings.csv", ratings)
write("sorting.csv", sorting)

interviews: list[dict[str, object]] = []
codes: list[dict[str, object]] = []
for number, count in ((1, 8), (2, 8)):
    for k in range(1, count + 1):
        name = f"R{number}I{k}"
        group = ["uses the app weekly", "has left the app", "has had paranoid thoughts"][k % 3]
        interviews.append({"interview": name, "round": number, "group": group, "recorded": "yes"})
        for item in asked_of_all:
            code = "clear"
            if number == 1 and item in REWORDED and k % 2:
                code = REWORDED[item][1]
            elif number == 1 and item == "options" and k == 2:
                code = "option_missing"
            elif number == 1 and item == "flx6" and k == 3:
                code = "two_meanings"
            for coder in ("A", "B"):
                second = coder == "B" and code != "clear" and rng.random() < 0.15
                codes.append({"interview": name, "item": item, "coder": coder, "code": "clear" if second else code})
write("interviews.csv", interviews)
write("codes.csv", codes)

decisions: list[dict[str, object]] = []
for item, (before, _, reason) in REWORDED.items():
    row = {"round": 1, "item": item, "decision": "reword", "before": before}
    decisions.append({**row, "after": scale.item(item).text, "reason": reason})
decisions.append(
    {
        **{"round": 1, "item": "old1", "decision": "drop", "before": "The app understands me perfectly."},
        **{"after": "", "reason": "made-up item: claims a mind, and nobody could agree"},
    }
)
write("decisions.csv", decisions)

source, target = read_texts(scale), read_texts(scale, "de")
LATE = ("items.neg6", "items.use4")  # reviewed, not yet told by people how they understand it
rows = []
for path, text in source.items():
    final = target[path]
    row = {"text": path, "source": text, "forward_1": final, "forward_2": f"{final} (zweite Fassung)"}
    row |= {"reconciled": final, "back": f"{text} (back)", "review": "looked at, no change"}
    rows.append({**row, "debriefed": 0 if path in LATE else 6, "final": final})
(HERE / "translations").mkdir(exist_ok=True)
write("translations/de.csv", rows)
