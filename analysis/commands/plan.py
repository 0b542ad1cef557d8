"""`dta plan new` and `dta plan check`, and the options by which a command overrides a plan."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from analysis.commands.power import plan
from instrument.commands.reading_options import names_in
from instrument.definition import Instrument
from instrument.errors import DefinitionError, ResponseDataError, fact_and_hint

if TYPE_CHECKING:
    from analysis.planning.loading import Settled
    from instrument.study_data import StudyData

COMMAND_LINE = "command line"

PlanFile = Annotated[Path, typer.Argument(help="The plan: a YAML file.")]
InstrumentOption = Annotated[
    str, typer.Option("--instrument", "-i", help="Name of a shipped instrument, or path of a YAML file.")
]
MeasureFiles = Annotated[
    list[str] | None,
    typer.Option("--measure", help="Instrument file of another questionnaire of the plan; repeatable."),
]

PlanOption = Annotated[
    Path | None, typer.Option("--plan", help="What was decided beforehand (docs/plan.md).")
]
Half = Annotated[
    str | None, typer.Option("--half", help="Of the people the plan splits: exploration or confirmation.")
]
Topics = Annotated[str | None, typer.Option("--topics", help="Sections wanted, separated by commas.")]
Groups = Annotated[
    str | None, typer.Option("--group", help="Covariates whose levels are compared: sex,site.")
]
SmallestGroup = Annotated[int | None, typer.Option("--smallest-group", help="People that a group needs.")]
Models = Annotated[
    list[str] | None,
    typer.Option("--model", help="NAME=MODEL in lavaan's language, or NAME=FILE; repeatable."),
]
EstimatorOption = Annotated[str | None, typer.Option("--estimator", help="WLSMV, ULSMV, MLR or ML.")]
MissingOption = Annotated[str | None, typer.Option("--missing", help="listwise, pairwise or fiml.")]
Factors = Annotated[int | None, typer.Option("--factors", help="Number of exploratory factors.")]
Rotation = Annotated[str | None, typer.Option("--rotation", help="Rotation of exploratory factors.")]
ExcludeFlagged = Annotated[
    bool | None,
    typer.Option("--exclude-flagged/--keep-flagged", help="Take out administrations that look careless."),
]
CriterionItems = Annotated[
    str | None,
    typer.Option("--criterion-items", help="Items near outcome or use in predictions: keep or leave_out."),
]
RuleOption = Annotated[
    list[str] | None, typer.Option("--rule", help="Cut-off of a rule, such as ALPHA=0.8; repeatable.")
]
SetOption = Annotated[
    list[str] | None,
    typer.Option("--set", help="Any other entry of the plan, ENTRY=VALUE in YAML; repeatable."),
]

TEMPLATE = """\
# What is decided before the answers are seen. Every entry may be left out.
# Check it with `dta plan check`, seal it with `dta plan lock`; docs/plan.md describes every entry.
schema: 1
question: ""          # in one sentence
hypotheses: []        # - {id: h1, text: "...", with: NAME, expected: ">= 0.30"}
measures: []          # ids of the other questionnaires
# content: work       # folder of the work on content, beside this file
# models:             # in lavaan's language; the first is judged
#   one: "f =~ item1 + item2 + item3"
# estimator: WLSMV    # by default WLSMV up to seven options, else MLR
# missing: pairwise   # listwise, pairwise or fiml; by default the usual rule of each section
# correlation: polychoric
# factors: 2          # by default as parallel analysis suggests
rotation: oblimin
# groups:             # by default every covariate with groups that are large enough
#   sex: {reference: woman, leave_out: [other]}
smallest_group: 120
# partial: ["item3|t2", "theme =~ item2"]  # may differ between groups at every level of invariance
collapse: {}          # q1: {5: 4}, or all: {1: 2}
exclude_flagged: false
criterion_items: keep # or leave_out
# topics: [flow, reliability, models]
rules: {}             # ALPHA: 0.8 (names: python -c "import analysis; print(analysis.rule_table())")
seed: 1
"""


@plan.command("new")
def new_command(
    out: Annotated[Path, typer.Argument(help="File to write.")] = Path("plan.yaml"),
) -> None:
    """Write a plan to fill in, with every default."""
    try:
        with out.open("x", encoding="utf-8") as file:
            file.write(TEMPLATE)
    except FileExistsError:
        raise ResponseDataError(
            fact_and_hint("dta plan new", f"{str(out)!r} is there already.", "name another file.")
        ) from None
    except OSError as error:
        fact = f"{str(out)!r} cannot be written ({error.strerror})."
        raise ResponseDataError(fact_and_hint("dta plan new", fact, "choose another place.")) from None
    typer.echo(f"Fill in {out}, then: dta plan check {out} --instrument YOURS")


@plan.command("check")
def check_command(plan_file: PlanFile, instrument: InstrumentOption, measure: MeasureFiles = None) -> None:
    """Check a plan against its instrument, and print every entry with its value."""
    from analysis.pipeline.topics.plan import said
    from analysis.planning.checking import refuse_unfitting
    from analysis.planning.differences import differences
    from analysis.planning.loading import settle
    from instrument.loading import load

    settled = settle(plan_file)
    refuse_unfitting(settled.plan, load(instrument), loaded(measure))
    for entry, content in settled.plan.entries.items():
        typer.echo(f"{entry}: {said(entry, content)} ({settled.origin(entry)})")
    if settled.seal is not None:
        changed = [one.path for one in differences(settled.seal.last.entries, settled.written.entries)]
        typer.echo(
            f"Locked on {settled.seal.sealings[0].at}, {len(settled.seal.sealings) - 1} amendment(s); "
            f"changed since: {', '.join(changed) or 'nothing'}."
        )
        return
    typer.echo(f"{plan_file} can be carried out. Seal it with: dta plan lock {plan_file}")


@plan.command("lock")
def lock_command(
    plan_file: PlanFile,
    instrument: InstrumentOption,
    measure: MeasureFiles = None,
    reason: Annotated[
        str,
        typer.Option("--reason", help="Why a locked plan changes: the change is appended as an amendment."),
    ] = "",
) -> None:
    """Seal plan and instruments before the answers are seen, or amend the seal with a reason."""
    from analysis.planning.checking import refuse_unfitting
    from analysis.planning.loading import load_plan
    from analysis.planning.sealing import seal, seal_path, write_page
    from instrument.loading import load

    found, scale, others = load_plan(plan_file), load(instrument), loaded(measure)
    refuse_unfitting(found, scale, others)
    given = [plan_file, *(Path(name.partition("=")[2] or name) for name in (instrument, *(measure or ())))]
    files = [path for path in given if path.is_file()]
    instruments = [("scale", scale), *(("measure", other) for other in others or ())]
    sealed = seal(plan_file, found, instruments, files=files, reason=reason)
    page = write_page(plan_file)
    typer.echo(f"{sealed.kind.capitalize()} of {sealed.at}, sha256 {sealed.digest}")
    typer.echo(f"Kept in {seal_path(plan_file)}. Whoever wants to verify it opens {page} in a browser.")
    typer.echo("The clock is this machine's: to prove the time, deposit the hash where it is dated.")


def loaded(measures: Sequence[str] | None) -> list[Instrument] | None:
    """Load the instruments of other questionnaires; None where none is named."""
    from instrument.loading import load

    return [load(name.partition("=")[2] or name) for name in measures] if measures else None


def settled_by(plan_file: Path | None, half: str | None, options: dict[str, Any]) -> Settled:
    """Give the plan with what was said otherwise on the command line.

    Parameters
    ----------
    plan_file
        The plan, where there is one.
    half
        Part of the people.
    options
        Options of the command by the entry of the plan, None where they were left out; `model`, `rule` and
        `set` as they were written.

    Returns
    -------
    Settled
        Plan, and what is overridden.

    Raises
    ------
    DefinitionError
        An option is no such entry, or takes no such value.
    """
    from analysis.planning.loading import settle

    given = {key: value for key, value in options.items() if value is not None}
    entries = {
        key: value for key, value in given.items() if key not in ("model", "rule", "set", "group", "topics")
    }
    if "topics" in given:
        entries["topics"] = list(names_in(given["topics"]))
    base = settle(plan_file)
    if "group" in given:
        known = base.plan.entries["groups"] or {}
        entries["groups"] = {name: known.get(name, {}) for name in names_in(given["group"])}
    if given.get("model"):
        entries["models"] = dict(_model(words) for words in given["model"])
    if given.get("rule"):
        entries["rules"] = {**base.plan.rules, **dict(_rule(words) for words in given["rule"])}
    for words in given.get("set") or ():
        entry, value = _entry(words)
        entries[entry] = value
    found = settle(base, entries, COMMAND_LINE)
    return found if half is None else replace(found, half=half)


def content_beside(data: StudyData, study_file: Path | None, decided: Settled | None = None) -> Path | None:
    """Find the folder of work on content that the plan names, else the study; notes tell of an absent one.

    Parameters
    ----------
    data
        Of the study; a note is put with its answers.
    study_file
        Where the study was read from, if from a file.
    decided
        The plan, where there is one: what it names goes before what the study names.

    Returns
    -------
    Path or None
        The folder, beside the file that names it.
    """
    from analysis.planning.loading import absent_content, content_of

    study = data.study
    if decided is not None and decided.plan.content is not None:
        folder, lacking = content_of(decided)
    elif study is None or study.content is None:
        return None
    else:
        folder = None if study_file is None else study_file.parent / study.content
        lacking = absent_content("study", study.content)
    if folder is not None and folder.is_dir():
        return folder
    data.responses.attrs.setdefault("notes", []).append(lacking)
    return None


def with_content_given(decided: Settled, folder: Path) -> Settled:
    """Give a plan whose folder of work on content was overridden by the option `--content`.

    Parameters
    ----------
    decided
        The plan; where there is none, or it names this very folder, it stays as it is.
    folder
        As given; only its name is told, since the path may say where somebody keeps files.

    Returns
    -------
    Settled
        The plan, with the override.
    """
    if decided.file is None:
        return decided
    named = decided.plan.content
    if named is not None and (decided.file.parent / named).resolve() == folder.resolve():
        return decided
    plan = decided.plan.model_copy(update={"content": folder.resolve().name})
    return replace(decided, plan=plan, overridden={**decided.overridden, "content": COMMAND_LINE})


def _pair(words: str, what: str, example: str) -> tuple[str, str]:
    name, sign, value = words.partition("=")
    if not sign or not name.strip() or not value.strip():
        raise DefinitionError(
            fact_and_hint(f"dta --{what}", f"{words!r} is no {example}.", f"write {example}.")
        )
    return name.strip(), value.strip()


def _model(words: str) -> tuple[str, str]:
    name, value = _pair(words, "model", "NAME=MODEL")
    path = Path(value)
    if "~" in value:
        return name, value
    if not path.is_file():
        fact = f"{value!r} is neither a model nor a file."
        raise DefinitionError(fact_and_hint("dta --model", fact, "write NAME='f =~ a + b + c'."))
    return name, path.read_text(encoding="utf-8").strip()


def _rule(words: str) -> tuple[str, float]:
    name, value = _pair(words, "rule", "NAME=NUMBER")
    try:
        return name, float(value)
    except ValueError:
        raise DefinitionError(
            fact_and_hint("dta --rule", f"{value!r} is no number.", "write --rule ALPHA=0.8.")
        ) from None


def _entry(words: str) -> tuple[str, Any]:
    import yaml

    name, value = _pair(words, "set", "ENTRY=VALUE")
    try:
        return name, yaml.safe_load(value)
    except yaml.YAMLError:
        fact = f"the value of {name!r} is no YAML."
        raise DefinitionError(
            fact_and_hint("dta --set", fact, "write --set 'collapse={q1: {5: 4}}'.")
        ) from None
