"""Level progress: the stack of a claim's work, for clients that declare that they send it."""

from __future__ import annotations

import re

from conformance.scenarios import Level, scenario
from conformance.world import World

STACK_BYTES = 32_768
FRAME = re.compile(r"[^\t\n]+\t[^\t\n]+:\d+")  # function, file and line


@scenario(Level.PROGRESS)
def stack_is_sent_when_requested(world: World) -> None:
    """Once for each request, for that claim alone; a client without stacks beats on as if nothing was requested."""
    worker = world.worker(world.as_role())
    claim, other = world.claims(2)
    for each in (other, claim):
        worker.start(each)
        world.beaten(each)
    world.request_stack(claim)
    if worker.sends_stacks:
        first = world.sent_stack(claim)
        world.request_stack(claim)
        world.sent_stack(claim, first["taken_at"])
    worker.beats(2)
    row, stack = world.row(claim), world.stack(claim)
    worker.beats(2)

    assert (world.stack(claim), world.stack(other)) == (stack, None)
    assert row is not None
    assert row["stack_at"] == (stack["taken_at"] if stack else None)
    assert (stack is not None) is worker.sends_stacks
    assert worker.causes == []


@scenario(Level.PROGRESS)
def stack_has_the_form_of_the_contract(world: World) -> None:
    """A line for each frame: function, tab, file and line; a blank line between threads, which may have a heading."""
    worker = world.worker()
    claim = world.claim()
    worker.start(claim)
    world.beaten(claim)
    world.request_stack(claim)
    if not worker.sends_stacks:
        worker.beats(2)
        return
    text = world.sent_stack(claim)["stack"]

    assert len(text.encode()) <= STACK_BYTES
    for thread in text.split("\n\n"):
        first, *others = thread.split("\n")
        assert FRAME.fullmatch(first) or (first.endswith(":") and others), text
        assert [line for line in others if not FRAME.fullmatch(line)] == []


@scenario(Level.PROGRESS)
def stack_that_is_refused_costs_no_beat(world: World) -> None:
    """Nothing is cancelled, no beat counts as failed, and the stack comes once it is taken."""
    worker = world.worker(world.as_role())
    claim = world.claim()
    worker.start(claim, lease=world.refused_lease)
    world.beaten(claim)
    before = worker.stats()["failures"]
    world.sql.execute("REVOKE INSERT ON riverkeeper.stack FROM riverkeeper_worker")
    world.sql.execute("REVOKE INSERT (stack) ON riverkeeper.stack FROM riverkeeper_worker")
    world.request_stack(claim)
    worker.beats(world.refusals)
    assert world.stack(claim) is None
    assert worker.stats()["failures"] == before
    world.give_rights()

    if worker.sends_stacks:
        world.sent_stack(claim)
    assert worker.causes == []
    assert worker.held(claim) is True
