"""A simulated study as frozen data, and how it is written to a folder."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd
import yaml

from analysis.common.result import Result
from instrument.definition import Instrument
from instrument.reading.read_responses import check_responses
from instrument.reading.written_cells import csv_text
from instrument.study import as_study
from instrument.study_data import StudyData


@dataclass(frozen=True, slots=True, kw_only=True, eq=False, repr=False)
class SimulatedStudy(Result):
    """Every table of a simulated study; all of it is synthetic.

    Attributes
    ----------
    response_file : DataFrame
        What `write` puts into responses.csv: missing answers stand as the file codes of their reasons.
        Analyse `responses`, not this.
    instrument : Instrument
        The instrument that was answered.
    usage : DataFrame
        participant, day (days since enrolment, with fraction), kind, duration (minutes), received_day.
    outcomes : DataFrame
        participant, <outcome>_baseline, <outcome>_followup, change_rating (-3 to 3, at the retest).
    covariates : DataFrame
        One row per participant: the groups of the population.
    administrations : DataFrame
        participant, wave, day, seconds.
    enrolment : DataFrame
        participant, enrolled_day (0), withdrawn_day (empty: never withdrew).
    companions : dict of DataFrame
        Answers to the short scales given beside the instrument.
    companion_instruments : dict
        Definition of each of them.
    study : dict
        The study file.
    audit : DataFrame or None
        Ratings of the app's features by two raters, where the population has an app.
    truth : DataFrame
        What is true of each participant and never written: latent standing, care, day of leaving.
    readme : str
        Codebook in Markdown.
    """

    response_file: pd.DataFrame
    instrument: Instrument
    usage: pd.DataFrame
    outcomes: pd.DataFrame
    covariates: pd.DataFrame
    administrations: pd.DataFrame
    enrolment: pd.DataFrame
    companions: dict[str, pd.DataFrame]
    companion_instruments: dict[str, dict[str, Any]]
    study: dict[str, Any]
    truth: pd.DataFrame
    readme: str
    audit: pd.DataFrame | None = None

    @property
    def responses(self) -> pd.DataFrame:
        """Checked answers as `instrument.read_responses` gives them: NA where missing, reasons in attrs."""
        return check_responses(self.response_file, self.instrument)

    @property
    def data(self) -> StudyData:
        """Its tables as `validate` takes them, without what is true of the people."""
        return StudyData(
            responses=self.responses,
            scale=self.instrument,
            study=as_study(self.study),
            usage=self.usage,
            outcomes=self.outcomes,
            covariates=self.covariates,
            times=self.administrations[["participant", "wave", "seconds"]],
            enrolment=self.enrolment,
            audit=self.audit,
        )

    def to_frame(self) -> pd.DataFrame:
        """Give the response table."""
        return self.responses

    def write(self, folder: str | Path) -> list[Path]:
        """Write every file of the study, the same bytes on every machine.

        Parameters
        ----------
        folder
            Made when absent. Files of the same name are replaced.

        Returns
        -------
        list of Path
            What was written.
        """
        folder = Path(folder)
        folder.mkdir(parents=True, exist_ok=True)
        tables = {
            "responses": self.response_file,
            "usage": self.usage,
            "outcomes": self.outcomes,
            "covariates": self.covariates,
            "administrations": self.administrations,
            "enrolment": self.enrolment,
            **self.companions,
            **({} if self.audit is None else {"audit": self.audit}),
        }
        texts = {f"{name}.csv": csv_text(table) for name, table in tables.items()}
        notice = "# SYNTHETIC: made by a program; nobody was asked.\n"
        for name, definition in self.companion_instruments.items():
            texts[f"{name}.yaml"] = notice + _yaml(definition)
        texts["study.yaml"] = notice + _yaml(self.study)
        texts["README.md"] = self.readme
        written = []
        for name, text in texts.items():
            path = folder / name
            path.write_bytes(text.encode("utf-8"))
            written.append(path)
        return written

    def checksum(self) -> str:
        """Give the SHA-256 of the written response table."""
        text = csv_text(self.response_file)
        return hashlib.sha256(text.encode()).hexdigest()


def _yaml(definition: dict[str, Any]) -> str:
    return str(yaml.safe_dump(definition, sort_keys=False, allow_unicode=True, width=100))
