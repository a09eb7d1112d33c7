"""The declarations of the options: complete, consistent, and known to the command line."""

from __future__ import annotations

from dataclasses import fields
from typing import Any

import pytest
import yaml
from pydantic import ValidationError

from fixtures.offenders import for_each
from riverkeeper.config.flags import FLAGS, flag
from riverkeeper.config.layers import Options
from riverkeeper.config.model import Settings
from riverkeeper.config.option import Option, Section, find, option, options, section_of
from riverkeeper.config.quantity import Duration

ALL = list(options(Settings))


class Tier(Section):
    """A section with a nullable duration."""

    lease: Duration | None = option(None, "How long.", least="1s", most="1h", why="because")


class Tiers(Section):
    """Sections by name."""

    tiers: dict[str, Tier] = option({}, "By name.")


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
def test_every_option_is_told_in_full(declared: Option) -> None:
    """An option has a sentence, an example that is accepted, and a reason for its bounds if it has any."""
    assert declared.description.endswith(".")
    Settings.model_validate(tree(declared.path, declared.example))
    assert bool(declared.bounds) == bool(declared.why)


@for_each("declared", [entry for entry in ALL if entry.bounds], lambda declared: declared.key)
def test_bounds_themselves_are_allowed(declared: Option) -> None:
    """Bounds are inclusive, so that the documented ones can be written."""
    assert declared.bounds is not None
    for bound in declared.bounds:
        value = yaml.safe_load(bound) if bound.replace(".", "").isdigit() else bound
        Settings.model_validate(tree(declared.path, value))


def test_sections_are_described() -> None:
    """Every section has a docstring, which is its text in the documentation."""
    for name, field in Settings.model_fields.items():
        section = section_of(field)
        assert section is not None
        assert section.__doc__, name


def test_flags_and_options_agree() -> None:
    """Each flag that sets a key is a field of Options by its own name, and each field has a flag."""
    assert {entry.parameter for entry in FLAGS if entry.key} == {entry.name for entry in fields(Options)}
    assert {entry.name for entry in FLAGS if entry.repeatable} == {"--web.listen-address"}
    assert (
        flag("--river-schema").help == "The schema of River's tables. Default: the one the login's search_path finds."
    )


def test_a_new_option_needs_one_field() -> None:
    """Bounds, units and nesting of a field declared elsewhere work as they do here: nullable, and in a mapping."""
    (lease,) = options(Tier)
    assert lease.bounds == ("1s", "1h")
    assert Tier.model_validate({"lease": "1m"}).model_dump(mode="json") == {"lease": "1m"}
    assert Tier().lease is None
    with pytest.raises(ValidationError):
        Tier.model_validate({"lease": "2h"})
    section, found = find(Tiers, ("tiers", "urgent", "lease"))
    assert section is Tier
    assert found is not None
    assert found.written(90.0) == "1m30s"
