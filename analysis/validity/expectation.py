"""Expected values written down beforehand, such as ">= 0.50" or "-0.3 to 0.3"."""

from __future__ import annotations

import re
from dataclasses import dataclass

from instrument.errors import DefinitionError, fact_and_hint

_NUMBER = r"([+-]?(?:\d+\.?\d*|\.\d+))"
_ONE_SIDED = re.compile(rf"^(>=|<=|>|<)\s*{_NUMBER}$")
_TWO_SIDED = re.compile(rf"^{_NUMBER}\s*(<=|<)\s*(<=|<)\s*{_NUMBER}$")
_RANGE = re.compile(rf"^(?:between\s+)?{_NUMBER}\s*(?:to|and|–)\s*{_NUMBER}$")
_SYMBOL = re.compile(r"\b(?!to\b|and\b|between\b)[A-Za-z_]+[0-9²]*(?![0-9.])")
_ABSOLUTE = re.compile(r"\|[^|]*\|")
_TURNED = re.compile(r"\b(?:not|no|never|un\w+|except|outside|or)\b", re.IGNORECASE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Expectation:
    """A range that a statistic is expected to lie in.

    Attributes
    ----------
    lower, upper : float
        Ends of the range, infinite where open-ended.
    includes_lower, includes_upper : bool
        Whether the ends belong to it.
    absolute : bool
        Whether the sign is ignored.
    """

    lower: float = float("-inf")
    upper: float = float("inf")
    includes_lower: bool = True
    includes_upper: bool = True
    absolute: bool = False

    @classmethod
    def parse(cls, text: str) -> Expectation:
        """Read an expectation from words.

        Parameters
        ----------
        text
            ">= 0.5", "< 0.85", "0.3 to 0.6", "0.3 <= r < 0.6", "|r| < 0.3".

        Returns
        -------
        Expectation
            The range.

        Raises
        ------
        DefinitionError
            When the text is none of these.

        Examples
        --------
        >>> Expectation.parse(">= 0.50").holds(0.5), Expectation.parse("|r| < .3").holds(-0.31)
        (True, False)
        >>> Expectation.parse("-0.6 to -0.3").holds(-0.4)
        True
        """
        absolute = bool(_ABSOLUTE.search(text))
        plain = text.replace("≥", ">=").replace("≤", "<=").replace("−", "-")
        plain = "" if _TURNED.search(plain) else _SYMBOL.sub("", _ABSOLUTE.sub("", plain)).strip()
        if found := _ONE_SIDED.match(plain):
            sign, end = found.group(1), float(found.group(2))
            if sign[0] == ">":
                return cls(lower=end, includes_lower=sign == ">=", absolute=absolute)
            return cls(upper=end, includes_upper=sign == "<=", absolute=absolute)
        if found := _TWO_SIDED.match(plain):
            made = cls(
                lower=float(found.group(1)),
                upper=float(found.group(4)),
                includes_lower=found.group(2) == "<=",
                includes_upper=found.group(3) == "<=",
                absolute=absolute,
            )
        elif found := _RANGE.match(plain):
            made = cls(lower=float(found.group(1)), upper=float(found.group(2)), absolute=absolute)
        else:
            made = cls(lower=1.0, upper=0.0)
        if made.lower > made.upper:
            raise DefinitionError(
                fact_and_hint(
                    "check_hypotheses",
                    f"the expectation {text!r} cannot be read.",
                    'write it like ">= 0.50", "0.3 to 0.6" or "|r| < 0.3".',
                )
            )
        return made

    def holds(self, value: float) -> bool:
        """Say whether a value lies in the range; NaN never does."""
        size = abs(value) if self.absolute else value
        above = size >= self.lower if self.includes_lower else size > self.lower
        below = size <= self.upper if self.includes_upper else size < self.upper
        return bool(above and below)

    def of_correlation(self) -> str:
        """Say why a correlation cannot be held against the range; empty where it can come out either way.

        Examples
        --------
        >>> Expectation.parse(">= 30").of_correlation(), Expectation.parse("|r| < 2").of_correlation()
        ('no correlation can lie there', 'every correlation lies there')
        >>> Expectation.parse(">= 0.30").of_correlation()
        ''
        """
        least = 0.0 if self.absolute else -1.0
        if self.fails_throughout(least, 1.0):
            return "no correlation can lie there"
        return "every correlation lies there" if self.holds_throughout(-1.0, 1.0) else ""

    def holds_throughout(self, lower: float, upper: float) -> bool:
        """Say whether a whole interval lies in the range; an interval with NaN never does."""
        inside = self.holds(lower) and self.holds(upper)
        return inside and not (self.absolute and self.lower > 0 and lower < 0 < upper)

    def fails_throughout(self, lower: float, upper: float) -> bool:
        """Say whether a whole interval lies outside the range; an interval with NaN never does.

        Examples
        --------
        >>> wanted = Expectation.parse(">= 0.3")
        >>> wanted.fails_throughout(0.1, 0.2), wanted.fails_throughout(0.1, 0.3)
        (True, False)
        """
        if lower != lower or upper != upper:
            return False
        if self.absolute:
            crosses = lower <= 0 <= upper
            near = 0.0 if crosses else min(abs(lower), abs(upper))
            lower, upper = near, max(abs(lower), abs(upper))
        below = upper < self.lower if self.includes_lower else upper <= self.lower
        above = lower > self.upper if self.includes_upper else lower >= self.upper
        return bool(below or above)
