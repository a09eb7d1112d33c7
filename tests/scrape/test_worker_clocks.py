"""Claims of Ruby and Java, dated by a worker's clock five minutes off, on real rows."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import replace

import pytest

from fixtures.scrape import SETTINGS, page_of, read, reader
from fixtures.waiting import until
from riverkeeper.config.policy import Policy, RescueSettings
from riverkeeper.config.tiers import Assignment, Tier
from riverkeeper.postgres.connection import Session
from riverkeeper.scrape.scrape import Snapshot
from riverkeeper.verdict.verdict import StuckJob
from scrape.test_verdicts import CLIENT, OPEN, reasons, run, suspects

RUBY = "web-7d9f-1-a1b2c3d4e5f6"
JAVA = "java-0b9d3a52-4c1e-4f5e-9a43-2f1f6d1a7c10"
GO = "web-7d9f_2026_08_07T15_00_00_000000"
# The shortest timeout: these tests wait until one has passed, and never assert how long it took.
SHORT = replace(
    SETTINGS,
    policy=Policy(
        {"standard": Tier("standard", heartbeat_timeout=1.5), "brief": Tier("brief", max_run=100.0)},
        (Assignment("brief", kind="brief*"),),
        rescue=RescueSettings(interval=60.0),
    ),
)
PROCESS = CLIENT.replace("'10 s'", "'100 ms'")
BEATEN = """INSERT INTO riverkeeper.heartbeat
    (job_id, attempted_at, attempt, instance, beat_interval, beat_at, first_beat_at)
    SELECT id, attempted_at, attempt, gen_random_uuid(), '10 s', now(), now() - make_interval(secs => %(first)s)
    FROM river_job WHERE kind = %(kind)s"""
OFTEN_BEATEN = BEATEN.replace("'10 s'", "'500 ms'")  # no claim is lost before three intervals have passed


@pytest.fixture
def kept(installed_url: str) -> Iterator[Session]:
    """A session on a River with a keeper schema whose heartbeat path has been verified for an hour."""
    with Session(installed_url) as sql:
        sql.execute(OPEN)
        yield sql


def process(sql: Session, name: str, ago: float) -> None:
    sql.execute(PROCESS, {"client": name, "ago": ago, "kinds": None})


def stuck_jobs(snapshot: Snapshot) -> tuple[StuckJob, ...]:
    assert snapshot.verdicts is not None
    return snapshot.verdicts.stuck


def test_a_claim_by_a_clock_that_is_behind_is_no_orphan_when_it_is_made(kept: Session, installed_url: str) -> None:
    """Its age counts from when it was first seen; the same row of a Go worker is as old as it shows."""
    for kind, name in (("ruby", RUBY), ("java", JAVA), ("go", GO)):
        run(kept, kind, 240, client=name)
        process(kept, name, -3600)  # its process beats for as long as this test takes
    with reader(installed_url, SHORT) as exporter:
        assert reasons(exporter.read()) == {"go": "orphaned"}

        expected = {"go": "orphaned", "ruby": "orphaned", "java": "orphaned"}
        until(lambda: reasons(exporter.read()) == expected or None, "the timeout since it was first seen")


def test_an_old_claim_is_judged_by_the_first_scrape(kept: Session, installed_url: str) -> None:
    """No clock is more than five minutes off: older than that, it is an orphan for a replica that has just started."""
    run(kept, "ruby", 600, client=RUBY)
    process(kept, RUBY, -3600)

    assert reasons(read(installed_url, SHORT)) == {"ruby": "orphaned"}


def test_what_is_first_seen_among_its_group_counts_from_then(kept: Session, installed_url: str) -> None:
    """Every scrape reads the oldest claim of each group, so that it is known before it is suspect."""
    run(kept, "ruby", 1, client=RUBY)
    with reader(installed_url, SHORT) as exporter:
        assert reasons(exporter.read()) == {}
        process(kept, RUBY, -3600)
        (found,) = until(lambda: stuck_jobs(exporter.read()), "the orphan")

    assert found.job.claimed_before is not None
    assert found.job.claimed_before - found.job.claimed_at < 290


def test_a_clock_that_is_behind_hides_no_worker_that_claims(kept: Session, installed_url: str) -> None:
    """Beats have stopped, claims go on: no rescue, until no claim was new for a timeout. As for a Go worker at once."""
    for kind, name in (("ruby", RUBY), ("go", GO)):
        run(kept, kind, 600, client=name)
        kept.execute(OFTEN_BEATEN, {"kind": kind, "first": 590})
        run(kept, f"new {kind}", 240, client=name)
        process(kept, name, 100)
    kept.execute("UPDATE riverkeeper.heartbeat SET beat_at = now() - interval '100 s'")
    with reader(installed_url, SHORT) as exporter:
        first = exporter.read()
        assert reasons(first) == {"go": "worker_lost", "new go": "worker_lost"}
        assert suspects(first) == {"ruby": "beats_missing"}

        until(lambda: reasons(exporter.read()).get("ruby") == "worker_lost" or None, "a timeout without a new claim")


def test_a_claim_that_beat_is_older_than_its_heartbeat(kept: Session, installed_url: str) -> None:
    """So it is no sign of a worker whose heartbeats stopped afterwards, whatever clock dates it."""
    run(kept, "beaten", -290, client=RUBY)
    kept.execute(BEATEN, {"kind": "beaten", "first": 200})
    kept.execute("UPDATE riverkeeper.heartbeat SET beat_at = now() - interval '100 s'")
    process(kept, RUBY, 100)

    assert reasons(read(installed_url, SHORT)) == {"beaten": "worker_lost"}


def test_a_budget_counts_from_the_first_heartbeat(kept: Session, installed_url: str) -> None:
    """Both ways: a clock behind uses nothing up, a clock ahead hides nothing. So do the metrics of running jobs."""
    begun = time.monotonic()
    for kind, age, first in (("brief behind", 290, 50), ("brief ahead", -150, 120), ("brief right", 120, 118)):
        run(kept, kind, age, client=JAVA)
        kept.execute(BEATEN, {"kind": kind, "first": first})
    snapshot = read(installed_url, SHORT)
    passed = time.monotonic() - begun

    assert reasons(snapshot) == {"brief ahead": "over_budget", "brief right": "over_budget"}
    oldest = page_of(snapshot).of("river_job_oldest_running_timestamp_seconds")
    ages = {dict(labels)["kind"]: (snapshot.now or 0) - value for labels, value in oldest.items()}
    least = {"brief behind": 50, "brief ahead": 120, "brief right": 120}
    assert {kind for kind in least if least[kind] <= ages[kind] <= least[kind] + passed} == ages.keys()


def test_the_lead_of_a_worker_with_a_clock_ahead_ends_with_it(kept: Session, installed_url: str) -> None:
    """Ruby renews its lead by its own clock, too: what counts is when the renewal was first seen."""
    run(kept, "lost", 600, client=RUBY)
    kept.execute(OFTEN_BEATEN, {"kind": "lost", "first": 590})
    kept.execute("UPDATE riverkeeper.heartbeat SET beat_at = now() - interval '100 s'")
    process(kept, RUBY, 100)
    kept.execute(
        "INSERT INTO river_leader (leader_id, elected_at, expires_at)"
        " VALUES (%(name)s, now(), now() + interval '5 min')",
        {"name": RUBY},
    )
    with reader(installed_url, SHORT) as exporter:
        assert suspects(exporter.read()) == {"lost": "beats_missing"}
        until(lambda: reasons(exporter.read()) == {"lost": "worker_lost"} or None, "a timeout without a renewal")
