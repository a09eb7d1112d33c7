"""How an option is declared, once, and found again by what checks, prints and documents it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn, Self, cast, get_args, get_origin

from pydantic import BaseModel, ConfigDict, Field, model_validator
from pydantic.fields import FieldInfo

from riverkeeper.config.problem import KeyPath, dotted
from riverkeeper.config.quantity import Quantity, amount

ENTRIES = ("<name>", "*")  # any entry of a mapping and of a list of sections, in the path of an option


class Section(BaseModel):
    """A part of the configuration: frozen, and closed to keys it does not know. Its docstring is its description."""

    # Inputs stay out of pydantic's own messages, which nobody should see but somebody may log.
    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True, validate_default=True)

    @model_validator(mode="before")
    @classmethod
    def _empty_is_default(cls, given: object) -> object:
        return {} if given is None else given  # `web:` with every line below it commented out

    @classmethod
    def model_construct(cls, *_: object, **__: object) -> NoReturn:
        """Refused: it would make a section that nothing has checked."""
        raise TypeError(f"{cls.__name__} is never made unchecked")

    def model_copy(self, *, update: Mapping[str, Any] | None = None, deep: bool = False) -> Self:
        """An equal section; refused with an update, which nothing would check."""
        if update:
            raise TypeError(f"{type(self).__name__} is never changed unchecked")
        return super().model_copy(deep=deep)


def option(
    default: object,
    description: str,
    *,
    least: str | float | None = None,
    most: str | float | None = None,
    why: str = "",
    example: object = None,
    flag: str = "",
    environment: Sequence[str] = (),
) -> Any:
    """Declare an option. Default, bounds and example as they are written in the file; `why` is the bounds' reason."""
    return Field(
        default,
        description=description,
        ge=amount(least),
        le=amount(most),
        examples=None if example is None else [example],
        json_schema_extra={"why": why, "flag": flag, "environment": list(environment)},
    )


@dataclass(frozen=True)
class Option:
    """An option as declared, with the path of its key."""

    path: tuple[str, ...]
    field: FieldInfo

    @property
    def key(self) -> str:
        """`collect.min_interval`."""
        return dotted(self.path)

    @property
    def description(self) -> str:
        """What it means: a sentence."""
        return self.field.description or ""

    @property
    def is_required(self) -> bool:
        """Whether it must be given."""
        return self.field.is_required()

    @property
    def default(self) -> object:
        """What it is where it is not given, as written in the file."""
        return list(self.field.default) if isinstance(self.field.default, tuple) else self.field.default

    @property
    def example(self) -> object:
        """A value that would be accepted, as written in the file."""
        return self.field.examples[0] if self.field.examples else self.field.default

    @property
    def is_path(self) -> bool:
        """Whether it names a file."""
        return Path in _parts(self.field.annotation)

    @property
    def why(self) -> str:
        """Why its bounds are where they are."""
        return str(self._extra["why"])

    @property
    def flag(self) -> str:
        """The command line's option that sets it; "" if none."""
        return str(self._extra["flag"])

    @property
    def environment(self) -> tuple[str, ...]:
        """The variables that set it; the first that is set wins."""
        return tuple(cast(list[str], self._extra["environment"]))

    @property
    def bounds(self) -> tuple[str, str] | None:
        """Least and most as written in the file; None if it has no bounds."""
        limits = [
            next((getattr(entry, name) for entry in self._metadata if hasattr(entry, name)), None)
            for name in ("ge", "le")
        ]
        return None if None in limits else (self.written(limits[0]), self.written(limits[1]))

    def written(self, number: Any) -> str:
        """A number as this option's values are written in the file."""
        quantity = next((entry for entry in self._metadata if isinstance(entry, Quantity)), None)
        return quantity.format(number) if quantity else str(number)

    @property
    def _metadata(self) -> list[object]:
        return [*self.field.metadata, *_parts(self.field.annotation)]

    @property
    def _extra(self) -> dict[str, Any]:
        return cast(dict[str, Any], self.field.json_schema_extra)


def section_of(field: FieldInfo) -> type[Section] | None:
    """The section that a field holds, alone or in a list or mapping; None for an option."""
    sections = (part for part in _parts(field.annotation) if isinstance(part, type) and issubclass(part, Section))
    return next(sections, None)


def _parts(annotation: object) -> Iterator[object]:
    """A type, what it is made of, and the metadata on any of that."""
    yield annotation
    for part in get_args(annotation):
        yield from _parts(part)


def options(section: type[Section], path: tuple[str, ...] = ()) -> Iterator[Option]:
    """Every option below a section, in the order of their declaration."""
    for name, field in section.model_fields.items():
        inner = section_of(field)
        if inner is None:
            yield Option((*path, name), field)
        else:
            yield from options(inner, (*path, name, *_entry(field)))


def _entry(field: FieldInfo) -> tuple[str, ...]:
    """What stands for any entry of a mapping or list of sections in the path of an option."""
    several = get_origin(field.annotation)
    return ENTRIES[:1] if several is dict else ENTRIES[1:] if several is tuple else ()


def find(root: type[Section], path: KeyPath) -> tuple[type[Section], Option | None]:
    """What stands at a key path: the innermost section, and the option in it if the path reaches one."""
    section = root
    for depth, part in enumerate(path):
        field = section.model_fields.get(str(part))
        if field is None:
            continue  # the name of a mapping's entry or an index of a list; its section is already entered
        inner = section_of(field)
        if inner is None:
            return section, Option(tuple(map(str, path[: depth + 1])), field)
        section = inner
    return section, None
