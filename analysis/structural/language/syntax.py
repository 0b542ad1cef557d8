"""The model language: text to statements, with line and column for everything that is wrong."""

from __future__ import annotations

import itertools
import re
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import lru_cache
from typing import NamedTuple

from instrument.errors import DefinitionError, fact_and_hint

FREE = "NA"
_TOKEN = re.compile(
    r"""(?P<comment>[#!][^\n]*)|(?P<newline>[\n;])|(?P<space>[ \t\r\f\u00a0]+)
    |(?P<number>\d+\.?\d*(?:[eE][+-]?\d+)?|\.\d+(?:[eE][+-]?\d+)?)
    |(?P<string>"[^"\n]*"|'[^'\n]*')
    |(?P<operator>=~|~\*~|~~|:=|==|<~|[~|<>])
    |(?P<name>[^\W\d][\w.]*|\.[^\W\d][\w.]*)
    |(?P<symbol>[+*(),/^:-])""",
    re.VERBOSE,
)
_OPERATORS = {"=~", "~", "~~", "~*~", "|", ":=", "==", "<", ">", "<~"}
LEVELS = {"1": 1, "within": 1, "2": 2, "between": 2}


class Token(NamedTuple):
    """One word of the model with its place."""

    kind: str
    text: str
    line: int
    column: int
    start: int
    end: int


@dataclass(slots=True)
class Modifier:
    """What a term carries, one entry per group or one for all groups."""

    fixed: list[float | str | None] = field(default_factory=list)
    labels: list[str | None] = field(default_factory=list)
    starts: list[float | None] = field(default_factory=list)

    def update(self, other: Modifier) -> None:
        """Take over what a second mention of the same term adds."""
        self.fixed = other.fixed or self.fixed
        self.labels = other.labels or self.labels
        self.starts = other.starts or self.starts

    def clash(self, other: Modifier) -> str | None:
        """Say what both give, and differently."""
        pairs = (("values", "fixed"), ("labels", "labels"), ("starts", "starts"))
        for what, name in pairs:
            here, there = getattr(self, name), getattr(other, name)
            if here and there and here != there:
                return f"two {what}: {_listed(here)} and {_listed(there)}"
        return None

    def copied(self) -> Modifier:
        """Give the same with lists of its own."""
        return Modifier(list(self.fixed), list(self.labels), list(self.starts))

    @property
    def empty(self) -> bool:
        """Whether the term carries nothing."""
        return not (self.fixed or self.labels or self.starts)


@dataclass(slots=True)
class Statement:
    """One relation between two names."""

    lhs: str
    op: str
    rhs: str
    modifier: Modifier
    line: int
    column: int
    level: int = 0  # 0 where the model has no levels, 1 within clusters, 2 between them
    block: str = ""  # of an exploratory loading: efa("block")


@dataclass(frozen=True, slots=True)
class Formula:
    """A defined parameter (`:=`) or a constraint (`==`, `<`, `>`), as text."""

    lhs: str
    op: str
    rhs: str
    line: int
    column: int


@dataclass(frozen=True, slots=True)
class Syntax:
    """A parsed model."""

    statements: list[Statement]
    definitions: list[Formula]
    constraints: list[Formula]

    @property
    def has_levels(self) -> bool:
        """Whether the model is written in level blocks."""
        return any(s.level for s in self.statements)

    def at_level(self, level: int) -> Syntax:
        """Give the statements of one level, with every formula."""
        own = [s for s in self.statements if s.level == level]
        return Syntax(own, self.definitions, self.constraints)


def syntax_error(caller: str, token: Token | Statement | Formula, fact: str, hint: str) -> DefinitionError:
    """Build the error that names line and column."""
    return DefinitionError(
        fact_and_hint(caller, f"model line {token.line}, column {token.column}: {fact}", hint)
    )


def tokenise(text: str, caller: str) -> list[Token]:
    """Cut the model text into tokens; comments and blanks are dropped."""
    tokens: list[Token] = []
    position, line, line_start = 0, 1, 0
    while position < len(text):
        match = _TOKEN.match(text, position)
        if match is None:
            wrong = Token("bad", text[position], line, position - line_start + 1, position, position + 1)
            raise syntax_error(
                caller,
                wrong,
                f"unexpected character {text[position]!r}.",
                "use =~ ~ ~~ ~1 | := ==, names, numbers and modifiers.",
            )
        kind, word = str(match.lastgroup), match.group()
        if kind not in ("space", "comment"):
            tokens.append(Token(kind, word, line, position - line_start + 1, position, match.end()))
        if word == "\n":
            line, line_start = line + 1, match.end()
        position = match.end()
    return tokens


def _split(tokens: list[Token]) -> list[list[Token]]:
    """Group tokens into statements: a line goes on inside brackets, after and before an operator."""
    statements: list[list[Token]] = [[]]
    depth = 0
    visible = [k for k, token in enumerate(tokens) if token.kind != "newline"]
    following = dict(itertools.pairwise(visible))
    last = -1
    for k, token in enumerate(tokens):
        if token.kind != "newline":
            depth += (token.text == "(") - (token.text == ")")
            statements[-1].append(token)
            last = k
            continue
        after = following.get(last)
        continues = depth > 0 or (last >= 0 and _is_joint(tokens[last]))
        continues = continues or (
            after is not None and tokens[after].text in ("+", "*", "=~", "<~", "~", "~~")
        )
        if token.text == ";" or not continues:
            statements.append([])
            last = -1 if token.text == ";" else last
    return [tokens_ for tokens_ in statements if tokens_]


def _is_joint(token: Token) -> bool:
    return token.kind == "operator" or (token.kind == "symbol" and token.text != ")")


def parse_syntax(text: str, caller: str = "sem") -> Syntax:
    """Parse model text.

    Parameters
    ----------
    text
        The model: one statement per line or separated by `;`.
    caller
        The public function named in messages.

    Returns
    -------
    Syntax
        Statements in the order written, definitions and constraints.

    Raises
    ------
    DefinitionError
        For anything that cannot be read, with line and column.

    Examples
    --------
    >>> parsed = parse_syntax("f =~ x1 + a*x2")
    >>> [(s.lhs, s.op, s.rhs, s.modifier.labels) for s in parsed.statements]
    [('f', '=~', 'x1', []), ('f', '=~', 'x2', ['a'])]
    """
    if not isinstance(text, str) or not text.strip():
        raise DefinitionError(fact_and_hint(caller, "the model is empty.", "write at least 'f =~ x1 + x2'."))
    read = _parsed(str(text), caller)
    return Syntax(
        [replace(s, modifier=s.modifier.copied()) for s in read.statements],
        list(read.definitions),
        list(read.constraints),
    )


@lru_cache(maxsize=256)
def _parsed(text: str, caller: str) -> Syntax:
    """Parse a text once: series of models repeat it, and each reader gets its own copy."""
    syntax = Syntax([], [], [])
    known: dict[tuple[int, str, str, str], Statement] = {}
    level, seen = 0, [0]
    for tokens in _split(tokenise(text, caller)):
        if len(tokens) > 1 and tokens[1].text == ":":
            level = _level_of(tokens, seen, caller)
            seen.append(level)
            continue
        stray = next((t for t in tokens if t.text == ":"), None)
        if stray is not None:
            raise syntax_error(
                caller,
                stray,
                "unexpected character ':'.",
                "give products of variables a column.",
            )
        place = next((k for k, t in enumerate(tokens) if t.kind == "operator"), None)
        if place is None:
            raise syntax_error(
                caller,
                tokens[0],
                f"{tokens[0].text!r} begins no statement: no operator follows.",
                "use one of =~ ~ ~~ | :=.",
            )
        operator = tokens[place]
        arrow = operator.text == ">" and place > 0 and tokens[place - 1].text == "-"
        if operator.text not in _OPERATORS or arrow:
            raise syntax_error(
                caller,
                operator,
                f"the operator {operator.text!r} is not supported.",
                "use one of =~ <~ ~ ~~ ~*~ | := == < >.",
            )
        left, right = tokens[:place], tokens[place + 1 :]
        if not left or not right:
            side = "left" if not left else "right"
            raise syntax_error(
                caller, operator, f"nothing stands {side} of {operator.text!r}.", "complete the statement."
            )
        if operator.text in (":=", "==", "<", ">"):
            _add_formula(syntax, text, left, operator, right, caller)
        else:
            for statement in _relations(left, operator.text, right, caller):
                _add_statement(syntax, known, replace(statement, level=level), caller)
    _check_levels(syntax, seen, caller)
    if not syntax.statements:
        raise DefinitionError(
            fact_and_hint(caller, "the model names no variables.", "write at least 'f =~ x1 + x2'.")
        )
    return syntax


def _level_of(tokens: list[Token], seen: list[int], caller: str) -> int:
    """Read the head of a block: `level: 1` or `level: within`, `level: 2` or `level: between`."""
    head, value = tokens[0], tokens[2].text if len(tokens) > 2 else ""
    hint = "write 'level: 1' (within) and 'level: 2' (between), each on a line of its own."
    if head.text != "level":
        raise syntax_error(caller, head, f"blocks {head.text!r} are not supported.", hint)
    if value not in LEVELS or len(tokens) > 3:
        told = " ".join(t.text for t in tokens[2:])
        raise syntax_error(caller, head, f"the level {told!r} is unknown.", hint)
    if LEVELS[value] in seen:
        raise syntax_error(caller, head, f"a second block of level {value!r}.", "join the two blocks.")
    return LEVELS[value]


def _check_levels(syntax: Syntax, seen: list[int], caller: str) -> None:
    if len(seen) == 1:
        return
    outside = next((s for s in syntax.statements if s.level == 0), None)
    if outside is not None:
        raise syntax_error(
            caller,
            outside,
            f"'{outside.lhs} {outside.op} {outside.rhs}' stands before the first level.",
            "move it under 'level: 1' or 'level: 2'.",
        )
    empty = [level for level in (1, 2) if not any(s.level == level for s in syntax.statements)]
    if empty:
        raise DefinitionError(
            fact_and_hint(
                caller,
                f"the model has no statements at level {empty[0]}.",
                "write both levels; 'y ~~ y' for each variable leaves a level without structure.",
            )
        )


def _add_formula(
    syntax: Syntax, text: str, left: list[Token], operator: Token, right: list[Token], caller: str
) -> None:
    stray = next((t for t in right if t.kind in ("operator", "string")), None)
    if stray is not None:
        raise syntax_error(caller, stray, f"unexpected {stray.text!r} in an expression.", "one per line.")
    if operator.text == ":=" and (len(left) != 1 or left[0].kind != "name"):
        raise syntax_error(caller, left[0], "a defined parameter needs one name on the left.", "name := ...")
    formula = Formula(
        "".join(t.text for t in left),
        operator.text,
        "".join(t.text for t in right),
        left[0].line,
        left[0].column,
    )
    (syntax.definitions if operator.text == ":=" else syntax.constraints).append(formula)


def _add_statement(
    syntax: Syntax, known: dict[tuple[int, str, str, str], Statement], statement: Statement, caller: str
) -> None:
    key = (statement.level, statement.lhs, statement.op, statement.rhs)
    turned = (statement.level, statement.rhs, "~~", statement.lhs)
    if statement.op == "~~" and turned in known:
        key = turned
    if key not in known:
        known[key] = statement
        syntax.statements.append(statement)
    elif statement.modifier.empty:
        raise syntax_error(
            caller,
            statement,
            f"'{statement.lhs} {statement.op} {statement.rhs}' appears twice.",
            "remove one of the two.",
        )
    elif both := known[key].modifier.clash(statement.modifier):
        fact = f"'{statement.lhs} {statement.op} {statement.rhs}' has {both}."
        raise syntax_error(caller, statement, fact, "keep one of the two.")
    else:
        known[key].modifier.update(statement.modifier)


def _relations(left: list[Token], op: str, right: list[Token], caller: str) -> list[Statement]:
    found = []
    names = _left_names(left, op, caller)
    reader = _TermReader(right, op, caller)
    terms = reader.terms()
    for block, name in names:
        for shared, target in terms:
            modifier = replace(shared)  # a later mention of one term says nothing about its neighbours
            if op == "~" and target.kind == "number":
                found.append(Statement(name.text, "~1", "", modifier, name.line, name.column))
                continue
            if op in ("=~", "<~", "~") and name.text == target.text:
                raise syntax_error(caller, target, f"{name.text!r} {op} itself.", "remove that term.")
            place = (target.line, target.column)
            found.append(Statement(name.text, op, target.text, modifier, *place, block=block))
    return found


def _left_names(left: list[Token], op: str, caller: str) -> list[tuple[str, Token]]:
    """Read `name + name …` left of an operator; factors of an exploratory block carry efa("block")*."""
    found: list[tuple[str, Token]] = []
    place = 0
    while place < len(left):
        block, words = "", [t.text for t in left[place : place + 5]]
        if words[:2] == ["efa", "("]:
            name = left[place + 2] if len(left) > place + 2 else left[-1]
            if op != "=~" or name.kind not in ("string", "name") or words[3:] != [")", "*"]:
                raise syntax_error(
                    caller,
                    left[place],
                    f"{''.join(words)!r} left of {op!r} opens no exploratory block.",
                    'write efa("block")*factor =~ items.',
                )
            block, place = name.text.strip("\"'"), place + 5
            if not block:
                raise syntax_error(caller, name, "the exploratory block has no name.", 'write efa("block")*.')
        if place >= len(left) or left[place].kind != "name":
            token = left[min(place, len(left) - 1)]
            raise syntax_error(caller, token, f"unexpected {token.text!r} left of {op!r}.", "names only.")
        found.append((block, left[place]))
        place += 1
        if place < len(left) and left[place].text != "+":
            token = left[place]
            raise syntax_error(caller, token, f"unexpected {token.text!r} left of {op!r}.", "names only.")
        if place == len(left) - 1:
            raise syntax_error(caller, left[place], f"nothing follows '+' left of {op!r}.", "remove it.")
        place += 1
    return found


class _TermReader:
    """Reads `modifier*name + modifier*name …`."""

    def __init__(self, tokens: list[Token], op: str, caller: str) -> None:
        self.tokens, self.op, self.caller, self.place = tokens, op, caller, 0

    def peek(self, ahead: int = 0) -> str:
        where = self.place + ahead
        return self.tokens[where].text if where < len(self.tokens) else ""

    def take(self) -> Token:
        if self.place >= len(self.tokens):
            raise self.fail(self.tokens[-1], f"the statement ends after {self.tokens[-1].text!r}.")
        self.place += 1
        return self.tokens[self.place - 1]

    def fail(self, token: Token, fact: str) -> DefinitionError:
        return syntax_error(self.caller, token, fact, "write terms as name or modifier*name, joined by +.")

    def terms(self) -> list[tuple[Modifier, Token]]:
        found = [self.term()]
        while self.place < len(self.tokens):
            plus = self.take()
            if plus.text != "+":
                raise self.fail(plus, f"expected + instead of {plus.text!r}.")
            found.append(self.term())
        return found

    def term(self) -> tuple[Modifier, Token]:
        modifier = Modifier()
        while True:
            begin = self.place
            own = Modifier()
            values = self.factor(own)
            if self.peek() == "*":
                if values is not None:
                    _assign(own, values)
                if both := modifier.clash(own):
                    fact = f"one term has {both}."
                    raise syntax_error(self.caller, self.tokens[begin], fact, "keep one of the two.")
                modifier.update(own)
                self.take()
                continue
            token = self.tokens[begin]
            is_one = token.kind == "number" and self.op == "~" and float(token.text) == 1.0
            if self.place != begin + 1 or not (token.kind == "name" or is_one):
                raise self.fail(token, f"{token.text!r} is not a variable.")
            return modifier, token

    def factor(self, modifier: Modifier) -> list[float | str | None] | None:
        """Read one factor: values of a plain modifier, or None when a function stored them."""
        if self.peek(1) != "(" or self.peek() == "c":
            return self.vector()
        function = self.take()
        if function.text == "efa":
            raise syntax_error(
                self.caller,
                function,
                "efa() stands right of the operator.",
                'write efa("block")*factor =~ items.',
            )
        if function.text not in ("start", "label", "equal"):
            raise self.fail(function, f"{function.text!r}() is not a known modifier.")
        self.take()
        values = self.vector()
        closing = self.take()
        if closing.text != ")":
            raise self.fail(closing, f"expected ) instead of {closing.text!r}.")
        if function.text == "start":
            if any(isinstance(value, str) and value != FREE for value in values):
                raise self.fail(function, "start() needs numbers.")
            modifier.starts = [None if isinstance(value, str) else value for value in values]
        else:
            modifier.labels = [None if value in (None, FREE) else str(value) for value in values]
        return None

    def vector(self) -> list[float | str | None]:
        if self.peek() != "c" or self.peek(1) != "(":
            return [self.value()]
        self.take()
        self.take()
        values = [self.value()]
        while self.peek() == ",":
            self.take()
            values.append(self.value())
        closing = self.take()
        if closing.text != ")":
            raise self.fail(closing, f"expected ) instead of {closing.text!r}.")
        return values

    def value(self) -> float | str | None:
        token = self.take()
        sign = 1.0
        if token.text in ("-", "+"):
            sign, token = (-1.0 if token.text == "-" else 1.0), self.take()
            if token.kind != "number":
                raise self.fail(token, f"expected a number instead of {token.text!r}.")
        if token.kind == "number":
            return sign * float(token.text)
        if token.kind in ("name", "string"):
            return token.text.strip("\"'")
        raise self.fail(token, f"unexpected {token.text!r}.")


def _listed(values: Sequence[float | str | None]) -> str:
    """Name what a modifier gives, of all groups."""
    shown = [str(v) if v is None or isinstance(v, str) else f"{v:g}" for v in values]
    return shown[0] if len(shown) == 1 else f"c({', '.join(shown)})"


def _assign(modifier: Modifier, values: list[float | str | None]) -> None:
    """Sort plain modifier values into fixed values and labels."""
    if any(isinstance(value, float) or value == FREE for value in values):
        modifier.fixed = [value if isinstance(value, float) or value == FREE else None for value in values]
    if any(isinstance(value, str) and value != FREE for value in values):
        modifier.labels = [value if isinstance(value, str) and value != FREE else None for value in values]
