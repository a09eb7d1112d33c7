"""A mutation: text of the source that keeps a hazard away, what replaces it, and the tests that fail then. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

# What a test reports that found the hazard: a check of its own, or an error that it expected in vain.
FOUND = ("AssertionError", "Failed")


class Language(StrEnum):
    """Of the package with its SQL, and of three clients."""

    PYTHON = "python"
    GO = "go"
    JS = "js"
    RUST = "rust"


@dataclass(frozen=True, slots=True)
class Mutation:
    """`original` stands exactly once in the sources. With `replacement` in its place, each of `tests` fails.

    No path: a file may move and take its mutations along. A text that several files share is found by `beside`,
    a text that only the file in question holds.
    """

    hazard: str  # a sentence: what happens after the mutation
    original: str
    replacement: str
    # Ids below tests/; of a parametrized test without brackets, at least one case fails. Of the Go client
    # `MODULE::TestName`; of the others `js::SCENARIO`, `js::FILE.test.js`, `rust::SCENARIO`, `rust::MODULE::TEST`.
    tests: tuple[str, ...]
    errors: tuple[str, ...] = FOUND  # types of the errors with which they fail
    beside: str = ""

    @property
    def language(self) -> Language:
        """Of the source that is changed."""
        place = self.tests[0].partition("::")[0]
        if place in {"js", "rust"}:
            return Language(place)
        return Language.PYTHON if place.endswith(".py") else Language.GO

    def places(self, sources: Mapping[Path, str]) -> list[Path]:
        """The files that hold `original`, each as often as it stands there. `sources`: path -> text."""
        return [path for path, text in sources.items() if self.beside in text for _ in range(text.count(self.original))]


def outcome_of(reported: Mapping[str, str], test: str, errors: tuple[str, ...]) -> str:
    """`fails`, or why a mutation's test proves nothing. `reported`: test id -> type of the error, "" if it passed."""
    cases = {name: error for name, error in reported.items() if name == test or name.startswith(f"{test}[")}
    if not cases:
        return "was not run"
    found = {error for error in cases.values() if error}
    if not found:
        return "passes"
    wrong = sorted(error for error in found if error not in errors)
    return f"fails by {', '.join(wrong)}" if wrong else "fails"
