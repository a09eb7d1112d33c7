"""The declarations of the options: complete, consistent, and known to the command line."""

from __future__ import annotations

from dataclasses import dataclass, field, fields
from typing import Any

import pytest
import yaml
from pydantic import ValidationError

from fixtures.offenders import for_each
from riverkeeper.config.layers import FLAGS, Options, find_flag
from riverkeeper.config.option import Option, Section, find, members, option, options, section_of
from riverkeeper.config.quantity import Duration
from riverkeeper.config.settings import Settings

ALL = list(options(Settings))


@dataclass(frozen=True)
class Leased(Section):
    """A section with a nullable duration."""

    lease: Duration | None = option(None, "How long.", least="1s", most="1h", why="because")


@dataclass(frozen=True)
class LeasedByName(Section):
    """Sections by name."""

    tiers: dict[str, Leased] = field(default_factory=dict)


def tree(path: tuple[str, ...], value: object) -> Any:
    """A file that gives one option; in a tier and a rule of ours where it is of any."""
    if not path:
        return value
    first, *rest = path
    inner = tree(tuple(rest), value)
    if first == "*":
        return [{"tier": "standard", **inner}]
    return {"mine" if first == "<name>" else first: inner}


@for_each("declared", ALL, lambda declared: declared.key)
def test_every_option_is_described_in_full(declared: Option) -> None:
    """An option has a sentence, an example that is accepted, and a reason for its bounds if it has any."""
    assert declared.description.endswith(".")
    Settings.from_tree(tree(declared.path, declared.example))
    assert bool(declared.bounds) == bool(declared.why)


@for_each("declared", [entry for entry in ALL if entry.bounds], lambda declared: declared.key)
def test_bounds_themselves_are_allowed(declared: Option) -> None:
    """Bounds are inclusive, so that the documented ones can be written."""
    assert declared.bounds is not None
    for bound in declared.bounds:
        value = yaml.safe_load(bound) if bound.replace(".", "").isdigit() else bound
        Settings.from_tree(tree(declared.path, value))


def test_sections_are_described() -> None:
    """Every section has a docstring, which is its text in the documentation."""
    for name, (_, annotation) in members(Settings).items():
        section = section_of(annotation)
        assert section is not None
        assert section.__doc__, name


def test_flags_and_options_agree() -> None:
    """Each flag that sets a key is a field of Options by its own name, and each field has a flag."""
    assert {entry.parameter for entry in FLAGS if entry.key} == {entry.name for entry in fields(Options)}
    assert {entry.name for entry in FLAGS if entry.repeatable} == {"--web.listen-address"}
    assert (
        find_flag("--river-schema").help
        == "The schema of River's tables. Default: the first schema of the login's search_path that has them."
    )


def test_a_new_option_needs_one_field() -> None:
    """Bounds, units and nesting of a field declared elsewhere work as they do here: nullable, and in a mapping."""
    (lease,) = options(Leased)
    assert lease.bounds == ("1s", "1h")
    assert Leased.from_tree({"lease": "1m"}).as_tree() == {"lease": "1m"}
    assert Leased().lease is None
    with pytest.raises(ValidationError) as refused:
        Leased.from_tree({"lease": "2h", "secret": "hunter2"})
    assert "hunter2" not in str(refused.value)
    section, found = find(LeasedByName, ("tiers", "urgent", "lease"))
    assert section is Leased
    assert found is not None
    assert found.written(90.0) == "1m30s"
