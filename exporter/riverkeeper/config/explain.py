"""Turns pydantic's errors into sentences for the author of the configuration."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Iterable

from pydantic_core import ErrorDetails

from riverkeeper.config.option import Option, Section, find, members, options
from riverkeeper.config.problem import CUSTOM, KeyPath, Problem, format_path, quote

Place = Callable[[KeyPath], tuple[str, int]]  # where a key was given, and its line, or 0 outside a file

_WANTED = {
    "float_type": "a number",
    "bool_type": "true or false",
    "int_type": "a whole number",
    "list_type": "a list",
    "path_type": "a path",
    "string_type": "text",
    "tuple_type": "a list",
}


def explain(errors: Iterable[ErrorDetails], root: type[Section], place: Place) -> list[Problem]:
    """The problems behind pydantic's errors about a `root`."""
    return [_problem(error, root, place) for error in errors]


def _problem(error: ErrorDetails, root: type[Section], place: Place) -> Problem:
    path = tuple(part for part in error["loc"] if part != "[key]")  # pydantic's word for the name of an entry
    context = error.get("ctx", {})
    if context.get("key"):
        path = (*path, context["key"])
    section, option = find(root, path)
    message, fix = _words(error, root, section, option)
    if option is not None:
        fix = f"{fix}. {option.description.replace('`', '')}"
    where, line = place(path)
    return Problem(f"{where}: {format_path(path)}", message, fix, line)


def _words(error: ErrorDetails, root: type[Section], section: type[Section], option: Option | None) -> tuple[str, str]:
    kind, given, context = error["type"], error["input"], error.get("ctx", {})
    if kind == CUSTOM:
        return context["message"], context["fix"]
    if kind == "unexpected_keyword_argument":
        return "unknown key", _meant(str(error["loc"][-1]), root, section, error["loc"][:-1])
    if option is None:
        return _shape(kind, given, section)
    return _about(error, option)


def _shape(kind: str, given: object, section: type[Section]) -> tuple[str, str]:
    """Something else where a section, sections by name or a list of them should stand."""
    keys = _keys(section)
    if kind == "dataclass_type":
        return f"{_scalar(given)} where a section was expected", f"indent below it its keys: {keys}"
    if kind == "dict_type":
        return f"{_scalar(given)} where sections by name were expected", f"indent a name, and below it {keys}"
    if kind in _WANTED:
        return f"{_scalar(given)} where a list was expected", f"write a line for each: - {{{keys}}}"
    return "is not accepted", "see docs/configuration.md"


def _about(error: ErrorDetails, option: Option) -> tuple[str, str]:
    kind, given, example = error["type"], error["input"], _written(option.example)
    if kind in ("greater_than_equal", "less_than_equal"):
        return _beyond(kind, given, error["ctx"], option)
    if kind == "missing":
        return "is missing", f"write one, for example {example}"
    if given is None:
        return "has no value", f"write one, for example {example}, or remove the line"
    if kind in _WANTED:
        return f"{quote(given)} is not {_WANTED[kind]}", f"write {_wanted(kind, given)}, for example {example}"
    return f"{quote(given)} is not accepted", f"write for example {example}"


def _wanted(kind: str, given: object) -> str:
    in_quotes = kind == "string_type" and isinstance(given, int | float)
    return "it in quotes" if in_quotes else _WANTED[kind]


def _beyond(kind: str, given: object, context: dict[str, object], option: Option) -> tuple[str, str]:
    over = kind == "less_than_equal"
    limit = option.written(context["le" if over else "ge"])
    message = f"{option.written(given)} is {'more' if over else 'less'} than {limit}"
    return message, f"write {limit} or {'less' if over else 'more'}: {option.why}"


def _meant(key: str, root: type[Section], section: type[Section], above: KeyPath) -> str:
    elsewhere = [option.path for option in options(root) if key in (option.path[-1], option.key)]
    near = difflib.get_close_matches(key, members(section), n=1)
    if near:
        return f"did you mean {near[0]}?"
    if elsewhere and not above:
        *sections, name = elsewhere[0]
        return f"indent {name} below {format_path(tuple(sections))}:"
    return f"remove it; {format_path(above) or 'the file'} takes {_keys(section)}"


def _keys(section: type[Section]) -> str:
    return ", ".join(members(section))


def _scalar(given: object) -> str:
    # Text in place of a section is often the URL that should stand one level deeper.
    return "text" if isinstance(given, str) else quote(given)


def _written(example: object) -> str:
    if isinstance(example, list | tuple):
        return "[" + ", ".join(f'"{part}"' for part in example) + "]"
    return str(example).lower() if isinstance(example, bool) else str(example)
