"""What `schema install` does: the keeper schema, the fence and the rights; and what is left for which login to do."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from riverkeeper.schema.fence import Fence, fence_status
from riverkeeper.schema.grants import (
    GrantPart,
    GrantRequest,
    GrantTarget,
    apply_grants,
    read_grants_made,
    read_target,
)
from riverkeeper.schema.install import install
from riverkeeper.schema.layout import VERSION

AGAIN = "riverkeeper schema install"
DONE, MISSING, NOTE = "done", "missing", "note"


@dataclass(frozen=True, slots=True)
class SetupStep:
    """One step of the setup: done, or what is missing, and who must run what."""

    state: str  # done | missing | note
    message: str
    command: str = ""  # a command for the shell
    sql: str = ""  # statements for psql


def set_up(
    url: str, river_schema: str | None, keeper_schema: str | None, request: GrantRequest, *, fence: bool
) -> tuple[SetupStep, ...]:
    """Do what this login may do. A second run changes nothing. Raises DatabaseError."""
    name = install(url, river_schema, keeper_schema, fence=fence)
    steps = [SetupStep(DONE, f'keeper schema "{name}", version {VERSION}')]
    if fence:
        steps.append(_describe_fence(fence_status(url, river_schema, name)))
    return (*steps, *_grant(url, read_target(url, river_schema, name, request)))


def _describe_fence(fence: Fence) -> SetupStep:
    return SetupStep(DONE if fence.in_force else MISSING, fence.message, "" if fence.in_force else fence.fix)


def _grant(url: str, target: GrantTarget) -> Iterator[SetupStep]:
    """The roles and their rights, where they exist already or a login is named that needs one."""
    if not target.members and not read_grants_made(url, target).roles_exist:
        message = f'the login "{target.river_owner}" needs no role. For other logins of Riverkeeper and of workers run'
        yield SetupStep(NOTE, message, f"{AGAIN} --role rescuer --login NAME --workers NAME")
        return
    left = apply_grants(url, target)
    made = read_grants_made(url, target)
    yield from (SetupStep(DONE, f"{login} has the role {role}") for role, login in made.members.items())
    for part in left:
        if made.roles_exist or part.owner is None:
            yield _describe_left(part)
    if not left:
        yield SetupStep(DONE, "the roles have their rights on River's tables and on the keeper schema")


def _describe_left(part: GrantPart) -> SetupStep:
    if part.owner is None:
        message = f"roles. Send this SQL to {part.run_by}, then run `{AGAIN}` again: it gives them their rights"
        return SetupStep(MISSING, message, sql=part.sql)
    return SetupStep(MISSING, f"rights of the roles, unless they were given before. {part.run_by}, runs", AGAIN)
