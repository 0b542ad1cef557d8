"""Writes data/adherence.csv from the synthetic example study: one row per rated participant.

Run in tests/reference: python scripts/adherence_data.py
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from analysis.simulation.simulate_study import simulate_study
from analysis.usage.summarise_usage import summarise_usage


def main() -> None:
    """Write score, adjustment, use after the landmark and follow-up of 240 people."""
    data = simulate_study("dta_example", n=300, seed=20)
    usage = summarise_usage(data.usage, data.study, participants=data.enrolment).people
    first = data.responses[data.responses["wave"] == "week3"]
    answers = first.drop(columns=["participant", "wave"]).astype(float)
    score = answers.mean(axis=1).round(4)
    frame = pd.DataFrame({"participant": first["participant"], "score": score})
    frame = frame.merge(usage, on="participant").merge(data.outcomes, on="participant")
    frame = frame.merge(data.covariates, on="participant")
    frame = frame[frame["end_day"] > 28].head(240)
    out = pd.DataFrame(
        {
            "id": np.arange(1, len(frame) + 1),
            "score": frame["score"],
            "before": frame["completed_before"],
            "distress": frame["distress_baseline"],
            "sex": frame["sex"],
            "done": np.minimum(frame["completed_after"], 8),
            "due": 8,
            "days": frame["active_days_after"],
            "time": frame["disengaged_after"].round(4),
            "event": frame["disengaged"].astype(int),
            "reached": (frame["completed_after"] >= 6).astype(int),
            "followup": frame["distress_followup"],
        }
    )
    out.to_csv("data/adherence.csv", index=False, lineterminator="\n")


if __name__ == "__main__":
    main()
