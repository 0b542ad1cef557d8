"""`dta instrument draft` and `dta instrument from-keys`."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from instrument.commands.reading_options import names_in

if TYPE_CHECKING:
    from instrument.drafting import Draft
    from instrument.drafting.sources import Grouping

app = typer.Typer()
GROUPING: list[Grouping] = []
"""How items are grouped by the answers to them: put here by whoever knows statistics."""
Out = Annotated[Path, typer.Option("--out", "-o", help="Instrument file to write.")]
Id = Annotated[
    str | None, typer.Option("--id", help="Id of the instrument; the name of the file by default.")
]


@app.command("draft")
def draft_command(
    file: Annotated[
        Path,
        typer.Argument(
            help="A survey's definition (.qsf, .lss, XLSForm, REDCap dictionary), or answers to it."
        ),
    ],
    out: Out,
    name: Id = None,
    items: Annotated[
        str, typer.Option("--items", help="Columns of a file of answers that are items: a,b.")
    ] = "",
) -> None:
    """Write a first instrument file from what is there already, each guess marked.

    Definitions give wordings, options and codes; data files of SPSS and Stata what they keep of them; a plain
    table names and codes alone. Answers also say which items seem reversed, and, where names of items say
    nothing of themes, which go together by a first factor analysis.
    """
    from instrument.drafting import draft_from_file

    grouping = GROUPING[0] if GROUPING else None
    _write(draft_from_file(file, names_in(items), grouping), out, name or file.stem)


@app.command("from-keys")
def from_keys_command(
    file: Annotated[Path, typer.Argument(help='Keys: agree = c("-A1", "A2") as in R, or agree: [-A1, A2].')],
    options: Annotated[
        str, typer.Option("--options", help="Options of every item: '1=never,2=always', or 1-6.")
    ],
    out: Out,
    name: Id = None,
) -> None:
    """Write a first instrument file from keys as the R package psych takes them."""
    from instrument.drafting import draft_from_keys

    _write(draft_from_keys(file, _options(options)), out, name or file.stem)


def _options(text: str) -> dict[int, str]:
    from instrument.errors import DefinitionError, fact_and_hint

    ends = re.fullmatch(r"\s*([0-9]{1,4})\s*-\s*([0-9]{1,4})\s*", text)
    if ends is not None and int(ends[1]) < int(ends[2]):
        return {code: str(code) for code in range(int(ends[1]), int(ends[2]) + 1)}
    pairs = [part.partition("=") for part in names_in(text)]
    codes = [code.strip() for code, mark, _ in pairs if mark and re.fullmatch(r"-?[0-9]{1,9}", code.strip())]
    if not pairs or len({int(code) for code in codes}) < len(pairs):
        hint = "write them as '1=never,2=always', or as 1-6."
        raise DefinitionError(fact_and_hint("dta instrument from-keys", f"{text!r} names no options.", hint))
    return {int(code): label.strip() or code.strip() for code, _, label in pairs}


def _write(draft: Draft, out: Path, name: str) -> None:
    import yaml
    from pydantic import ValidationError

    from instrument.common.whole_files import write_whole
    from instrument.definition import Instrument
    from instrument.drafting import draft_text
    from instrument.drafting.question import plain_id
    from instrument.errors import DefinitionError, fact_and_hint
    from instrument.loading import faults_of

    caller = "dta instrument draft"
    if out.exists():
        hint = "delete it, or name another with --out."
        raise DefinitionError(fact_and_hint(caller, f"{str(out)!r} is there already.", hint))
    text = draft_text(draft, plain_id(name, set(), "i"))
    try:
        scale = Instrument.model_validate(yaml.safe_load(text))
    except (yaml.YAMLError, ValidationError) as error:
        faults = faults_of(error) if isinstance(error, ValidationError) else ["text that YAML cannot hold"]
        fact = f"{draft.source} does not give an instrument: {'; '.join(faults[:5])}."
        raise DefinitionError(fact_and_hint(caller, fact, "name the items with --items.")) from None
    write_whole(out, text)
    guesses = text.count("# guess:")
    typer.echo(
        f"{len(scale.items)} items in {len(scale.themes)} theme(s), {len(draft.left_out)} left out, in {out}"
    )
    typer.echo(f"{guesses} {'guess is' if guesses == 1 else 'guesses are'} marked there: look at each.")
    typer.echo(f"Then: dta instrument check {out}")
