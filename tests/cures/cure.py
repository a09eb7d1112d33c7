"""What a cure is: text of the source that keeps a hazard away, and the tests that fail where it is taken out. Pure."""

from __future__ import annotations

from dataclasses import dataclass

# What a test says that looked and found the hazard: a check of its own, or an error that it waited for in vain.
FOUND = ("AssertionError", "Failed")


@dataclass(frozen=True, slots=True)
class Cure:
    """One cure. `stands` is in `file` exactly once; with `without` in its place the tests fail, every one of them."""

    hazard: str  # a sentence: what happens without it
    file: str  # below exporter/riverkeeper; of the Go client, below clients/go
    stands: str
    without: str
    tests: tuple[
        str, ...
    ]  # ids below tests/; a parametrized test without its brackets fails in at least one of its cases
    by: tuple[str, ...] = FOUND  # types of the errors with which they fail

    @property
    def is_go(self) -> bool:
        return self.file.endswith(".go")

    @property
    def path(self) -> str:
        """Below the repository."""
        return f"clients/go/{self.file}" if self.is_go else f"exporter/riverkeeper/{self.file}"


def outcome_of(told: dict[str, str], test: str, by: tuple[str, ...]) -> str:
    """What the tests told of one of a cure: `fails`, or why that is no proof. `told`: id -> "" or the error's type."""
    cases = {name: error for name, error in told.items() if name == test or name.startswith(f"{test}[")}
    if not cases:
        return "was not run"
    errors = {error for error in cases.values() if error}
    if not errors:
        return "passes"
    wrong = sorted(error for error in errors if error not in by)
    return f"fails by {', '.join(wrong)}" if wrong else "fails"
