"""What is wrong with a configuration, where, and what to do about it. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field

from pydantic_core import PydanticCustomError

KeyPath = tuple[str | int, ...]
CUSTOM = "riverkeeper"  # the type of the errors below among pydantic's own
# Other text in a key's place may be a value with a colon too many, and so a secret.
_KEY = re.compile(r"[A-Za-z_<*][A-Za-z0-9_.<>*-]{0,39}")
_ASTRAY = re.compile(r":/|:.*@|password\s*=", re.IGNORECASE | re.DOTALL)  # `:/`: pathlib makes that of `://`
_QUOTED_LENGTH = 40  # enough to recognise one's own text in a message of one line


@dataclass(frozen=True)
class Problem:
    """One mistake. `where` names file, line and key, or the option or the variable; no text holds a secret."""

    where: str
    message: str
    fix: str
    line: int = field(default=0, compare=False, repr=False)  # 0: not in the file

    def __str__(self) -> str:
        return f"{self.where}: {self.message}; {self.fix}"


class ConfigErrors(Exception):
    """Every mistake of a configuration, in the order of the file; as text one line for each."""

    def __init__(self, problems: Iterable[Problem]) -> None:
        self.problems = tuple(sorted(dict.fromkeys(problems), key=lambda problem: problem.line))
        super().__init__("\n".join(map(str, self.problems)))


def mistake(message: str, fix: str, key: str = "") -> PydanticCustomError:
    """An error for validators to raise; `key` names the key to blame where a whole section is looked at."""
    return PydanticCustomError(CUSTOM, "{message}; {fix}", {"message": message, "fix": fix, "key": key})


def looks_like_connection(text: str) -> bool:
    """Whether a text in the place of another value may be a connection string."""
    return _ASTRAY.search(text) is not None


def quote(value: object) -> str:
    """A value in a form that its writer recognises: short and printable. What may be a database URL is not shown."""
    if value is None:
        return "nothing"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, list):
        return "a list"
    if isinstance(value, dict):
        return "a section"
    text = make_printable(str(value))
    if looks_like_connection(text):
        return "this text"
    short = text if len(text) <= _QUOTED_LENGTH else text[:_QUOTED_LENGTH] + "…"
    return f'"{short}"' if isinstance(value, str) else short


def make_printable(text: str) -> str:
    """The text on one line, safe for any terminal and inside a YAML comment."""
    return "".join(character if character.isprintable() else "?" for character in text)


def format_path(path: KeyPath) -> str:
    """A key path as people write it: `web.listen_address[1]`. What does not look like a key is not repeated."""
    return "".join(map(_step, path)).removeprefix(".")


def _step(part: str | int) -> str:
    if isinstance(part, int):
        return f"[{part}]"
    return f".{part}" if _KEY.fullmatch(part) else ".(no name of a key)"
