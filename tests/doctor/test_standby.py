"""A standby that lags: its data's age is exported and shown, and the ages of jobs are of the data's time."""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest

from fixtures.check import check_url
from fixtures.scrape import page_of, read
from fixtures.standby import Pair, paired, replayed
from fixtures.waiting import until
from riverkeeper.doctor.report import Level

WAITING = "INSERT INTO river_job (kind, state, attempted_at) VALUES ('k', 'running', now())"


@pytest.fixture(scope="module")
def pair() -> Iterator[Pair]:
    with paired() as pair:
        yield pair


def lag(url: str) -> float | None:
    return page_of(read(url)).value("river_replay_lag_seconds")


def findings(url: str) -> list[str]:
    found = check_url(url).findings
    return [finding.message for finding in found if finding.topic == "standby" and finding.level is Level.PROBLEM]


def test_a_standby_reports_how_old_its_data_is(pair: Pair) -> None:
    """Caught up it is as of now, also while the primary is quiet; paused, its age grows, and no job's does."""
    primary, standby = pair.primary.database_url("river"), pair.standby.database_url("river")
    pair.primary.execute(WAITING, "river")
    until(lambda: replayed(pair.primary, pair.standby), "the standby to catch up")

    assert lag(primary) is None
    assert lag(standby) == 0
    assert findings(standby) == []

    pair.hold()
    pair.primary.execute(WAITING, "river")
    until(lambda: replayed(pair.primary, pair.standby, "received"), "the standby to receive")
    until(lambda: (lag(standby) or 0) > 6, "the standby to lag")
    snapshot = read(standby)

    assert snapshot.now is not None
    assert snapshot.replay_lag is not None
    assert time.time() - snapshot.now > 5
    assert any("This standby's data is" in note for note in snapshot.notices)
    assert any("is_wal_replay_paused" in (finding.fix or "") for finding in check_url(standby).findings)
    assert findings(standby)


def test_a_standby_that_receives_nothing_lags(pair: Pair) -> None:
    """It has replayed all that it ever received, and that is old."""
    standby = pair.standby.database_url("river")
    pair.standby.execute("SELECT pg_wal_replay_resume()")
    pair.primary.execute(WAITING, "river")  # before its first replayed commit a standby cannot tell how old its data is
    until(lambda: replayed(pair.primary, pair.standby), "the commit to be replayed")
    until(lambda: lag(standby) == 0, "the standby to catch up")
    pair.cut()
    until(lambda: (lag(standby) or 0) > 1, "the standby to lag")
