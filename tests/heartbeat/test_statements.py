"""What the contract's statements call a claim: the job's own row, to the microsecond, and nothing that is near it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from fixtures.contract import Connection, ask, beat, claims_of, connected
from riverkeeper.heartbeat import Beater, Claim, ClaimLost, HeartbeatTier

SLOW = HeartbeatTier(20.0)  # no beat tells of anything while the test lasts


@pytest.fixture
def sql(installed_url: str) -> Iterator[Connection]:
    with connected(installed_url) as connection:
        yield connection


@pytest.mark.parametrize(
    "moved",
    [
        "state = 'retryable'",  # by River's own rescuer, who marks no heartbeat
        "attempt = attempt + 1",
        "attempted_at = attempted_at + interval '1 microsecond'",
    ],
)
def test_a_claim_that_the_job_has_left_is_lost(sql: Connection, moved: str) -> None:
    """No beat is taken, also where no row records the loss; and no row is made."""
    for beaten in (True, False):
        [claim] = claims_of(sql, 1)
        if beaten:
            beat(sql, [claim])
        sql.execute(f"UPDATE river_job SET {moved}")  # noqa: S608 - from the list above

        assert beat(sql, [claim]) == {claim["job_id"]: "lost"}
        rows = sql.execute("SELECT count(*) AS n FROM riverkeeper.heartbeat").fetchone()
        assert rows == {"n": 1}  # of the claim that has beaten


def test_a_claim_is_named_as_the_database_has_it(sql: Connection) -> None:
    """For clients whose clocks hold milliseconds: one that is cut there names a claim that nobody holds."""
    [claim] = claims_of(sql, 1)
    sql.execute(
        "UPDATE river_job SET attempted_at = date_trunc('second', attempted_at) + interval '123456 microseconds'"
    )
    [named] = ask(sql, "claim", {"job_id": claim["job_id"], "attempt": 1, "client_id": "worker"})

    assert named["attempted_at"].endswith(".123456Z")
    assert beat(sql, [claim | named]) == {claim["job_id"]: "held"}


def test_an_earlier_attempt_is_stopped_at_once(sql: Connection, installed_url: str) -> None:
    """The queue has handed the job out again: its process knows that before any beat could tell."""
    [claim] = claims_of(sql, 1)
    with Beater(installed_url, "worker", tier=SLOW) as beater:
        first = beater.begin(Claim(**claim))
        second, earlier = beater.register(Claim(**claim | {"attempt": 2}))
        stopped, reason = first.stopped.is_set(), first.reason
        for each in (first, second):
            beater.abandon(each)

    assert earlier is first
    assert stopped
    assert isinstance(reason, ClaimLost)
