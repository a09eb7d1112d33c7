"""Parses amounts with a unit, numbers and choices: `2s`, `1h30m`, `4MiB`. Pure."""

from __future__ import annotations

import re
from dataclasses import dataclass
from decimal import Decimal
from typing import Annotated, Any

from pydantic import BeforeValidator, GetCoreSchemaHandler, Strict
from pydantic_core import CoreSchema, core_schema

from riverkeeper.config.problem import mistake, quote

_NUMBER = re.compile(r"([0-9]{1,9}(?:\.[0-9]{1,3})?)\s*([A-Za-z]*)")


@dataclass(frozen=True)
class Quantity:
    """A way to write amounts. As metadata of a number's type it makes that an option written with units."""

    name: str
    units: tuple[tuple[str, int], ...]  # biggest first, each in steps
    steps: int  # in one unit of the value that the program sees; 1: the value is a whole number
    bare: str  # the smallest unit that anybody writes; 0 is written with it
    examples: str
    assumed: str = ""  # the unit that is proposed for a number without one; "": none

    def parse(self, value: object) -> float:
        """The amount of a text such as `1h30m`, largest unit first. Raises an error with the form to write."""
        match = re.fullmatch(self._pattern(), value) if isinstance(value, str) else None
        if not value or match is None:
            raise self._refusal(value)
        return self._amount(
            sum(int(count or 0) * size for count, (_, size) in zip(match.groups(), self.units, strict=True))
        )

    def format(self, amount: float) -> str:
        """The shortest text that parses to the amount."""
        rest, parts = round(amount * self.steps), ""
        for unit, size in self.units:
            count, rest = divmod(rest, size)
            parts += f"{count}{unit}" if count else ""
        return parts or f"0{self.bare}"

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.no_info_before_validator_function(
            self.parse,
            handler(source),
            serialization=core_schema.plain_serializer_function_ser_schema(self.format, when_used="json"),
        )

    def _pattern(self) -> str:
        # Nine digits: no amount anyone means is cut off, and no number grows beyond a float.
        return "".join(f"(?:([0-9]{{1,9}}){unit})?" for unit, _ in self.units)

    def _amount(self, steps: int) -> float:
        return steps if self.steps == 1 else steps / self.steps

    def _refusal(self, value: object) -> Exception:
        if value is None:
            return mistake("has no value", f"write one such as {self.examples}, or remove the line")
        text = str(value) if isinstance(value, str | int | float) else ""  # a list may be huge, by aliases
        match = _NUMBER.fullmatch(text.strip())
        unitless = match is not None and not match[2]
        message = f"{quote(value)} {'has no unit' if unitless else f'is not {self.name}'}"
        guess = self._guess(match[1], match[2] or self.assumed) if match else ""
        return mistake(message, f"write {guess or f'one such as {self.examples}'}")

    def _guess(self, number: str, word: str) -> str:
        """The likely meaning of a text without a unit, or with a space, a capital or a decimal point; "" if unknown."""
        size = {unit.lower(): size for unit, size in self.units}.get(word.lower())
        if size is None or Decimal(number) * size % 1:
            return ""
        return self.format(self._amount(int(Decimal(number) * size)))


DURATION = Quantity(
    name="a duration",
    units=(("d", 86_400_000), ("h", 3_600_000), ("m", 60_000), ("s", 1000), ("ms", 1)),
    steps=1000,
    bare="s",
    examples="500ms, 2s, 10m, 1h30m or 7d",
    assumed="s",
)
Duration = Annotated[float, DURATION]  # seconds

SIZE = Quantity(
    name="a size",
    units=(("GiB", 1024**3), ("MiB", 1024**2), ("KiB", 1024), ("B", 1)),
    steps=1,
    bare="B",
    examples="64KiB or 4MiB",
)
Size = Annotated[int, SIZE]  # bytes


def parse_amount(value: str | float | None) -> float | None:
    """A bound of an option, which its declaration may write with a unit."""
    if not isinstance(value, str):
        return value
    return (SIZE if value.endswith("B") else DURATION).parse(value)


Count = Annotated[int, Strict()]  # `true` and "5" are no numbers
Fraction = Annotated[float, Strict()]
Switch = Annotated[bool, Strict()]  # "no" and 0 are no booleans


def choice(*words: str) -> BeforeValidator:
    """One of these words. Whatever else is given is not written out, however large it may be."""
    named = f"{', '.join(words[:-1])} or {words[-1]}"

    def check(given: object) -> object:
        if isinstance(given, str) and given in words:
            return given
        if given is None:
            raise mistake("has no value", f"write {named}, or remove the line")
        raise mistake(f"{quote(given)} is none of the choices", f"write {named}")

    return BeforeValidator(check)
