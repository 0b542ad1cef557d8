"""Make tests/reference/data/joint.csv: weekly use after the landmark in the example study (synthetic people).

`python tests/reference/scripts/joint_data.py` from the folder of the project. A row for each person and week from
day 28 on of those still using the app then who rated the alliance scale in week 3: active days and events of the week, the
rating, distress at the start, and in `left` whether the week is that of the last use before a silence of 14 days
or more that lasts to the end (weeks after it have `after` 1).
"""

from __future__ import annotations

import itertools
from pathlib import Path

import numpy as np
import pandas as pd

from analysis.usage.course import use_course
from instrument.study import load_study

EXAMPLE = Path("data/example")
LANDMARK, DAYS, WEEK = 28, 84, 7
GAP = 14


def main() -> None:
    """Write the rows of every person and week."""
    study = load_study(EXAMPLE / "study.yaml")
    edges = list(range(LANDMARK, DAYS, WEEK))
    people = pd.read_csv(EXAMPLE / "enrolment.csv")
    course = use_course(str(EXAMPLE / "usage.csv"), study, edges, longest=7.0, participants=people)
    at = {day: course.at[day].people.set_index("participant") for day in edges}
    first, last = at[LANDMARK], at[edges[-1]]

    def by_week(measure: str) -> list[pd.Series]:
        so_far = [at[day][f"{measure}_before"] for day in edges]
        found = [later - earlier for earlier, later in itertools.pairwise(so_far)]
        return [*found, last[f"{measure}_after"]]

    weekly, acts = by_week("active_days"), by_week("events")
    ratings = pd.read_csv(EXAMPLE / "alliance.csv").query("wave == 'week3'").set_index("participant")
    rating = ratings.filter(like="all").where(lambda t: t <= 7).mean(axis=1).round(4)
    distress = pd.read_csv(EXAMPLE / "outcomes.csv").set_index("participant")["distress_baseline"]
    rows = []
    for who in first.index[first["at_risk"]]:
        watched = int((first.loc[who, "end_day"] - LANDMARK) // WEEK)
        if (
            watched < 1
            or who not in rating.index
            or np.isnan(rating[who])
            or np.isnan(distress.get(who, np.nan))
        ):
            continue
        days = np.array([int(week[who]) for week in weekly[:watched]])
        used = np.flatnonzero(days)
        end = used[-1] + 1 if len(used) else 0
        gone = (watched - end) * WEEK >= GAP and end > 0
        for k, number in enumerate(days):
            left = int(gone and k + 1 == end)
            rows.append(
                (
                    who,
                    k + 1,
                    number,
                    int(acts[k][who]),
                    rating[who],
                    distress[who],
                    left,
                    int(gone and k + 1 > end),
                )
            )
    columns = ["participant", "week", "days", "events", "alliance", "distress", "left", "after"]
    made = pd.DataFrame(rows, columns=columns)
    made.to_csv("tests/reference/data/joint.csv", index=False)
    print(made["participant"].nunique(), len(made), made["left"].sum(), made["days"].mean())


if __name__ == "__main__":
    main()
