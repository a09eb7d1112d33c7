"""Declares options: each once, for the checks, the printed configuration and the documentation.

A section is a frozen dataclass that the code uses as it is: `Tier(fence=5.0)` holds seconds and is not checked. Text
from outside goes through `Section.from_tree`, which knows units and bounds. Pure.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import MISSING, Field, dataclass, field, fields
from functools import cache
from typing import Any, Self, get_args, get_origin, get_type_hints

from pydantic import ConfigDict, TypeAdapter, model_validator
from pydantic_core import CoreConfig, SchemaValidator

from riverkeeper.config.problem import KeyPath, format_path
from riverkeeper.config.quantity import Quantity, parse_amount

FILE = "a file"  # marks the type of a path: a relative one starts at the folder of the configuration's file
ENTRIES = ("<name>", "*")  # any entry of a mapping and of a list of sections, in the path of an option


class Section:
    """A part of the configuration. Its docstring is its description in the documentation."""

    __slots__ = ()
    __pydantic_config__ = ConfigDict(extra="forbid")

    @model_validator(mode="before")
    @classmethod
    def _empty_is_default(cls, given: Any) -> Any:
        return {} if given is None else given  # `web:` with every line below it commented out

    @classmethod
    def from_tree(cls, tree: object) -> Self:
        """The section that a part of a configuration file means. Raises pydantic's ValidationError."""
        kind: Any = cls  # mypy takes no class for hashable whose instances may not be
        section: Self = _validator(kind).validate_python(tree)
        return section

    def as_tree(self) -> dict[str, Any]:
        """The values as they are written in a file, secrets hidden."""
        kind: Any = type(self)
        tree: dict[str, Any] = _adapter(kind).dump_python(self, mode="json")
        return tree


@cache
def _adapter(kind: Any) -> TypeAdapter[Any]:
    return TypeAdapter(kind)


@cache
def _validator(kind: Any) -> SchemaValidator:
    """Its errors show no input, which may be a secret: somebody may log them."""
    return SchemaValidator(_adapter(kind).core_schema, CoreConfig(hide_input_in_errors=True))


def option(
    default: Any,
    description: str,
    *,
    least: str | float | None = None,
    most: str | float | None = None,
    why: str = "",
    example: object = None,
    flag: str = "",
    environment: Sequence[str] = (),
) -> Any:
    """Declare an option. `...` as default: it must be given.

    Bounds and example as they are written in the file; `why` is the bounds' reason.
    """
    return field(
        default=MISSING if default is ... else default,
        metadata={
            "description": description,
            "ge": parse_amount(least),  # read by pydantic, as are le and exclude
            "le": parse_amount(most),
            "example": example,
            "why": why,
            "flag": flag,
            "environment": tuple(environment),
        },
    )


def hidden(default: Any) -> Any:
    """Declare a field that is no option: code fills it, and no file may."""
    return field(default=default, metadata={"exclude": True})


@dataclass(frozen=True)
class Option:
    """An option as declared, with the path of its key."""

    path: tuple[str, ...]
    field: Field[Any]
    type: Any

    @property
    def key(self) -> str:
        """`collect.min_interval`."""
        return format_path(self.path)

    @property
    def description(self) -> str:
        """What it means: a sentence."""
        return str(self.field.metadata["description"])

    @property
    def is_required(self) -> bool:
        """Whether it must be given."""
        return self.field.default is MISSING

    @property
    def default(self) -> object:
        """Its value where the file does not give it, as the file would write it."""
        return _adapter(self.type).dump_python(self.field.default, mode="json")

    @property
    def example(self) -> object:
        """A value that would be accepted, as written in the file."""
        return self.field.metadata["example"]

    @property
    def is_path(self) -> bool:
        """Whether it names a file."""
        return FILE in _parts(self.type)

    @property
    def is_list(self) -> bool:
        return tuple in {get_origin(part) for part in _parts(self.type)}

    @property
    def why(self) -> str:
        """Why its bounds are where they are."""
        return str(self.field.metadata["why"])

    @property
    def flag(self) -> str:
        """The command line's option that sets it; "" if none."""
        return str(self.field.metadata["flag"])

    @property
    def environment(self) -> tuple[str, ...]:
        """The variables that set it; the first that is set wins."""
        variables: tuple[str, ...] = self.field.metadata["environment"]
        return variables

    @property
    def bounds(self) -> tuple[str, str] | None:
        """Least and most as written in the file; None if it has no bounds."""
        least, most = self.field.metadata["ge"], self.field.metadata["le"]
        return None if least is None or most is None else (self.written(least), self.written(most))

    def written(self, number: Any) -> str:
        """A number as this option's values are written in the file."""
        quantity = next((part for part in _parts(self.type) if isinstance(part, Quantity)), None)
        return quantity.format(number) if quantity else str(number)


def section_of(annotation: object) -> type[Section] | None:
    """The section that a type holds, alone or in a list or mapping; None for the type of an option."""
    sections = (part for part in _parts(annotation) if isinstance(part, type) and issubclass(part, Section))
    return next(sections, None)


def _parts(annotation: object) -> Iterator[object]:
    """A type, what it is made of, and the metadata on any of that."""
    yield annotation
    for part in get_args(annotation):
        yield from _parts(part)


def members(section: type[Section]) -> dict[str, tuple[Field[Any], Any]]:
    """The fields of a section that a file may give, with their types, in the order of the documentation."""
    kind: Any = section
    return _members(kind)


@cache
def _members(section: Any) -> dict[str, tuple[Field[Any], Any]]:
    types = get_type_hints(section, include_extras=True)
    declared = (entry for entry in fields(section) if not entry.metadata.get("exclude"))
    return {entry.name: (entry, types[entry.name]) for entry in declared}


def options(section: type[Section], path: tuple[str, ...] = ()) -> Iterator[Option]:
    """Every option below a section, in the order of their declaration."""
    for name, (entry, annotation) in members(section).items():
        inner = section_of(annotation)
        if inner is None:
            yield Option((*path, name), entry, annotation)
        else:
            yield from options(inner, (*path, name, *_entry(annotation)))


def _entry(annotation: object) -> tuple[str, ...]:
    """What stands for any entry of a mapping or list of sections in the path of an option."""
    shapes = {get_origin(part) for part in _parts(annotation)}
    return ENTRIES[:1] if dict in shapes else ENTRIES[1:] if tuple in shapes else ()


def find(root: type[Section], path: KeyPath) -> tuple[type[Section], Option | None]:
    """What stands at a key path: the innermost section, and the option in it if the path reaches one."""
    section, is_entry = root, False
    for depth, part in enumerate(path):
        found = None if is_entry else members(section).get(str(part))
        is_entry = False
        if found is None:
            continue  # the name of a mapping's entry or an index of a list; its section is already entered
        inner = section_of(found[1])
        if inner is None:
            return section, Option(tuple(map(str, path[: depth + 1])), *found)
        section, is_entry = inner, bool(_entry(found[1]))
    return section, None
