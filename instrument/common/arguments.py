"""The public doors: what is given is of the kind that the signature names, or one fact and one hint say not.

Kinds are read from the type hints of the function, so that a signature and its check cannot differ. Values
inside a kind (a column that is absent, a coverage above 1) are the business of the function.
"""

from __future__ import annotations

import ast
import functools
import inspect
import numbers
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal, get_args, get_origin

import numpy as np
import pandas as pd

from instrument.common.extras import naming_extras
from instrument.definition import Instrument
from instrument.errors import DefinitionError, ResponseDataError, fact_and_hint, kind_of, warn_user

Kinds = Callable[[object], bool]

TABLE = "pd.DataFrame"
SERIES = "pd.Series"
SWAPPED = "the table comes first, the scale second."
SOURCES = {
    "StructuralResult": "analysis.cfa or analysis.sem",
    "UsageSummary": "analysis.summarise_usage",
    "AuditAgreement": "analysis.audit_agreement",
}
"""Which functions make what another function takes."""


def checked(
    function: Callable[..., Any], renamed: Mapping[str, str] | None = None, home: str = ""
) -> Callable[..., Any]:
    """Give a public function whose arguments are looked at before it runs.

    Parameters
    ----------
    function
        With type hints.
    renamed
        Former keyword to its name of today; it still works, with a DeprecationWarning.
    home
        Package whose public name this is.

    Returns
    -------
    callable
        With the same signature, documentation and name.

    Examples
    --------
    >>> def double(number: float) -> float:
    ...     return 2 * number
    >>> checked(double)(2)
    4
    >>> try:
    ...     checked(double)("two")
    ... except DefinitionError as error:
    ...     print(error)
    double: number is a str.
    Hint: give a number.
    """
    signature = inspect.signature(function)
    former = dict(renamed or {})

    @functools.wraps(function)
    def door(*given: Any, **named: Any) -> Any:
        for old in former.keys() & named.keys():
            new = former[old]
            if new in named:
                fact = f"{old} and {new} are one argument, given twice."
                raise DefinitionError(fact_and_hint(function.__name__, fact, f"give {new} alone."))
            fact = f"the argument {old!r} is called {new!r} now."
            message = fact_and_hint(function.__name__, fact, "rename it; the former name will go.")
            warn_user(message, DeprecationWarning)
            named[new] = named.pop(old)
        _look_at(function, signature, given, named)
        try:
            with naming_extras(function.__name__):
                return function(*given, **named)
        finally:  # a warning is told at this line; told once, it would be held back for good
            globals().get("__warningregistry__", {}).clear()

    if home:  # a worker finds the public name again by these two
        door.__module__, door.__qualname__ = home, function.__name__
    return door


def _look_at(
    function: Callable[..., Any],
    signature: inspect.Signature,
    given: tuple[Any, ...],
    named: dict[str, Any],
) -> None:
    """Raise for the first argument of a wrong kind, or for arguments that do not fit the signature."""
    try:
        bound = signature.bind(*given, **named)
    except TypeError as error:
        shown = ", ".join(name for name, p in signature.parameters.items() if p.default is p.empty)
        hint = f"it needs {shown or 'nothing'}; see help({function.__name__})."
        raise DefinitionError(fact_and_hint(function.__name__, f"{error}.", hint)) from None
    kinds = _kinds_of(function)
    for name, value in bound.arguments.items():
        if name in kinds and not kinds[name][1](value):
            raise _refusal(function.__name__, name, kinds[name][0], value, bound.arguments)


@functools.cache
def _kinds_of(function: Callable[..., Any]) -> dict[str, tuple[str, Kinds]]:
    """Per parameter the hint as it is written, and whether a value is of its kind."""
    found = {}
    for name, parameter in inspect.signature(function).parameters.items():
        written = parameter.annotation
        if isinstance(written, str) and parameter.kind not in (
            parameter.VAR_POSITIONAL,
            parameter.VAR_KEYWORD,
        ):
            bare = written.strip("'\"")
            found[name] = (bare, _any_of(_parsed(bare), function))
    return found


def _parsed(hint: str) -> ast.expr:
    return ast.parse(hint, mode="eval").body


def _any_of(node: ast.expr, function: Callable[..., Any]) -> Kinds:
    """Whether a value is of one of the kinds of a hint."""
    if isinstance(node, ast.BinOp):
        left, right = _any_of(node.left, function), _any_of(node.right, function)
        return lambda value: left(value) or right(value)
    if isinstance(node, ast.Constant):
        return _is_none if node.value is None else _any_of(_parsed(str(node.value)), function)
    base = node.value if isinstance(node, ast.Subscript) else node
    name = ast.unparse(base)
    if name in _KINDS:
        return _KINDS[name]
    if name == "Sequence" and isinstance(node, ast.Subscript) and ast.unparse(node.slice) == "pd.DataFrame":
        return _is_list_of_tables
    if name in ("Sequence", "Iterable", "list", "tuple"):
        return _is_sequence
    if name == "Literal":
        return _one_of(_literals(node))
    known = function.__globals__.get(name)
    if known is not None and not inspect.isclass(known):
        return _of_alias(known)
    return lambda value: any(kind.__name__ == name for kind in type(value).__mro__)


def _literals(node: ast.expr) -> Any:
    return ast.literal_eval(node.slice) if isinstance(node, ast.Subscript) else ()


def _of_alias(alias: Any) -> Kinds:
    """Kinds of a named type, such as `Missing = Literal["listwise", "pairwise"]`."""
    origin, parts = get_origin(alias), get_args(alias)
    if origin is Literal:
        return _one_of(parts)
    if origin is Mapping or (inspect.isclass(origin) and issubclass(origin, Mapping)):
        return _KINDS["Mapping"]
    if inspect.isclass(origin) and issubclass(origin, Sequence):
        return _is_sequence
    if inspect.isclass(alias):
        return _KINDS.get(alias.__name__, lambda value: isinstance(value, alias))
    if (
        origin is not None
        and parts
        and not (inspect.isclass(origin) and origin.__module__ == "collections.abc")
    ):
        kinds = [_of_alias(part) for part in parts]
        return lambda value: any(kind(value) for kind in kinds)
    return _is_anything


def _one_of(values: Any) -> Kinds:
    """The kind of named choices; which of them is for the function to say."""
    kinds = tuple({type(value) for value in (values if isinstance(values, tuple) else (values,))})
    return lambda value: isinstance(value, kinds)


def _is_anything(value: object) -> bool:
    return True


def _is_none(value: object) -> bool:
    return value is None


def _is_table(value: object) -> bool:
    if isinstance(value, pd.DataFrame):
        return True
    if isinstance(value, np.ndarray):
        return value.ndim == 2
    import narwhals.stable.v1 as nw

    return isinstance(nw.from_native(value, pass_through=True), nw.DataFrame)


def _is_series(value: object) -> bool:
    if isinstance(value, pd.Series):
        return True
    if isinstance(value, np.ndarray):
        return value.ndim == 1
    import narwhals.stable.v1 as nw

    return isinstance(nw.from_native(value, pass_through=True, allow_series=True), nw.Series)


def _is_sequence(value: object) -> bool:
    if isinstance(value, (str, bytes, Mapping, Instrument, Path)) or _is_table(value):
        return False
    return hasattr(value, "__iter__") or hasattr(value, "__len__")


def _is_list_of_tables(value: Any) -> bool:
    return _is_sequence(value) and all(_is_table(entry) for entry in value)


def _is_number(value: object) -> bool:
    return isinstance(value, (numbers.Real, np.floating, np.integer)) and not isinstance(
        value, (bool, np.bool_)
    )


_KINDS: dict[str, Kinds] = {
    "Any": _is_anything,
    "object": _is_anything,
    "Callable": callable,
    "None": _is_none,
    TABLE: _is_table,
    SERIES: _is_series,
    "npt.NDArray": _is_series,
    "npt.ArrayLike": lambda value: (
        isinstance(value, (np.ndarray, list, tuple)) or _is_series(value) or _is_table(value)
    ),
    "Instrument": lambda value: isinstance(value, Instrument),
    "str": lambda value: isinstance(value, str),
    "Path": lambda value: isinstance(value, Path),
    "bool": lambda value: isinstance(value, (bool, np.bool_)),
    "int": _is_number,
    "float": _is_number,
    "dict": lambda value: isinstance(value, Mapping),
    "Mapping": lambda value: isinstance(value, Mapping),
}
"""Kinds by the word of the hint. A whole number is any number here: the function says which it takes."""


def _refusal(
    caller: str, name: str, written: str, value: object, given: Mapping[str, object]
) -> DefinitionError | ResponseDataError:
    """Make the error: what was given instead (its kind, never a value), and what to give."""
    kind = kind_of(value)
    swapped = isinstance(value, Instrument) or (
        _is_table(value) and any(isinstance(other, Instrument) for other in given.values())
    )
    if written.startswith("Instrument") and name == "scale":
        fact = f"the scale is {kind}, not an instrument."
        hint = SWAPPED if swapped else 'give instrument.load("dta"), or a file of yours.'
        return DefinitionError(fact_and_hint(caller, fact, hint))
    if TABLE in written and not _choices(written):
        return ResponseDataError(
            fact_and_hint(caller, f"{name} is {kind}.", _hint_of_table(name, written, value))
        )
    if SERIES in written:
        return ResponseDataError(
            fact_and_hint(caller, f"{name} is {kind}.", "give one value per row, such as a Series.")
        )
    return DefinitionError(
        fact_and_hint(caller, f"{name} is {kind}.", SWAPPED if swapped else _hint(name, written, value))
    )


def _choices(written: str) -> bool:
    return any(word in written for word in ("Path", "Sequence"))


def _hint_of_table(name: str, written: str, value: object) -> str:
    if isinstance(value, Instrument):
        return SWAPPED
    if "StudyData" in written and type(getattr(value, "data", None)).__name__ == "StudyData":
        return "give the tables in it: study.data in place of study."
    if _is_table(getattr(value, "responses", None)):
        return "give one table of it, such as study.responses in place of study."
    if isinstance(value, (str, Path)):
        return "read the file first, with instrument.read_responses(path, scale) or pandas.read_csv(path)."
    if type(value).__name__ in ("LazyFrame", "Table") or hasattr(value, "collect"):
        return "collect it first: a table in memory is needed."
    if name == "items":
        return "pass a pandas DataFrame, one column per item."
    return "give a pandas DataFrame, one row per person, wave or event."


def _hint(name: str, written: str, value: object) -> str:
    """What to give instead, in words."""
    for result, maker in SOURCES.items():
        if result in written:
            return f"give what {maker} returns."
    if "Study" in written:
        return "give instrument.load_study(path), its path, or what the file would hold."
    if "Instrument" in written:
        return 'give instrument.load("dta"), or a file of yours.'
    if "Sequence[pd.DataFrame]" in written:
        return "give a list of tables, such as analysis.impute_items returns."
    words = []
    plain = written.replace("Literal", "str").replace("Missing", "str").replace("Matching", "str")
    for word, said in (
        ("Path", "a path"),
        ("Mapping", "a mapping"),
        ("dict", "a mapping"),
        ("Sequence", "a list"),
        ("Iterable", "a list"),
        ("list", "a list"),
        ("tuple", "a pair of numbers"),
        ("ArrayLike", "a list of numbers"),
        ("bool", "True or False"),
        ("int", "a whole number"),
        ("float", "a number"),
        ("str", "a text"),
    ):
        outer = plain.split("[", 1)[0] if word not in ("Path", "Mapping") else plain
        parts = [part.strip() for part in outer.split("|")] + [part.strip() for part in plain.split(" | ")]
        if any(part.split("[", 1)[0].rsplit(".", 1)[-1] == word for part in parts) and said not in words:
            words.append(said)
    if isinstance(value, str) and "a list" in words and "a text" not in words:
        return "put it in a list, even where it is one."
    return f"give {' or '.join(words)}." if words else f"see what `{name}` takes in the documentation."
