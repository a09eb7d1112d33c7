"""The last line of `check`: which of the three doors is open, and what opens the next one."""

from __future__ import annotations

import pytest

from fixtures.check import check_url
from fixtures.contract import Connection
from fixtures.grants import grant
from fixtures.rescue import Scene
from riverkeeper.doctor.doors import describe_doors, find_open_doors
from riverkeeper.doctor.report import CheckReport, Level
from riverkeeper.schema.install import uninstall

AT_WORK = """
UPDATE riverkeeper.control SET path_ok_since = now() - interval '1 hour', path_probe_at = now(),
    actor_name = 'keeper-1', actor_at = now(),
    path_state = '{"modes": {"urgent": "live", "standard": "dry_run"}, "patience": 3600}'
"""
BEATS = """
INSERT INTO riverkeeper.client (instance, client_id, beat_at, beat_interval, fences, software, started_at)
VALUES (gen_random_uuid(), 'web-1', now(), '1 hour', true, 'riverbeat-go/test', now())
"""


@pytest.fixture
def open_(scene: Scene) -> Connection:
    """A River with a worker that beats and a Riverkeeper that rescues."""
    scene.sql.execute(AT_WORK)
    scene.sql.execute(BEATS)
    return scene.sql


def test_all_is_well_where_a_job_would_be_rescued(installed_url: str, open_: Connection) -> None:
    """Also for a tier alone: the line above names the tiers."""
    report = check_url(installed_url)

    assert describe_doors(report.findings).startswith("All is well: ")
    assert report.counts == ""
    (rescue,) = [finding for finding in report.findings if finding.topic == "rescue"]
    assert rescue.message == "keeper-1 rescues jobs of the tier urgent, and none of standard"


CLOSED = {
    "no client beats": (
        "DELETE FROM riverkeeper.client", Level.MISSING,
        "Look is open. Beat is not open: no job is running, no worker process beats. Next: add the heartbeat client",
    ),
    "no client beats any more": (
        "UPDATE riverkeeper.client SET beat_at = now() - interval '4 hours'", Level.MISSING,
        "no job is running, no worker process beats (the last one did 4 h ago). Next: start a worker",
    ),
    "nobody is active": (
        "UPDATE riverkeeper.control SET actor_at = now() - interval '2 hours'", Level.MISSING,
        "no Riverkeeper is at work: keeper-1 was the last one, until 2 h ago. Next: riverkeeper serve",
    ),
    "nobody was active": (
        "UPDATE riverkeeper.control SET actor_at = NULL", Level.MISSING,
        "Look and Beat are open. Rescue is not open: no Riverkeeper is at work. Next: riverkeeper serve",
    ),
    "a dry run": (
        """UPDATE riverkeeper.control SET path_state = '{"modes": {"standard": "dry_run"}, "patience": 3600}'""",
        Level.NOT_YET,
        "Rescue is not open: keeper-1 only records what it would rescue (mode dry_run or disabled",
    ),
    "a pause": (
        "UPDATE riverkeeper.control SET stopped_at = now(), stopped_by = 'ann', stopped_why = 'deploy'", Level.PROBLEM,
        "Rescue is not open: no job is rescued: paused by ann: deploy. Next: riverkeeper rescue resume",
    ),
    "mass silence": (
        "INSERT INTO riverkeeper.brake (name, engaged_at, sentence) VALUES ('mass_silence', now(), '5 of 6 stopped')",
        Level.NOT_YET,
        "Rescue is not open: no job is rescued now: mass_silence: 5 of 6 stopped. Next: riverkeeper rescue status",
    ),
    "the whole fleet is late": (
        """UPDATE riverkeeper.control SET path_ok_since = NULL, path_state = path_state
            || '{"why": "none of 3 worker processes has beaten for 172 s"}'""", Level.PROBLEM,
        "Rescue is not open: missed heartbeats do not count: none of 3 worker processes has beaten for 172 s. Next: ",
    ),
    "grace": (
        """UPDATE riverkeeper.control SET path_state = path_state
            || jsonb_build_object('grace_until', extract(epoch FROM now() + interval '1 hour'))""", Level.NOT_YET,
        "Rescue is not open: keeper-1 has just started: rescues begin in 3",
    ),
    "no probe yet": (
        "UPDATE riverkeeper.control SET path_probe_at = now() - interval '2 hours'", Level.NOT_YET,
        "Rescue is not open: missed heartbeats do not count yet: no running Riverkeeper verifies it at present. Next: ",
    ),
}  # fmt: skip


@pytest.mark.parametrize(("change", "level", "line"), CLOSED.values(), ids=CLOSED)
def test_the_door_that_is_not_open_is_named(
    installed_url: str, open_: Connection, change: str, level: Level, line: str
) -> None:
    """With the reason and the next command; a broken, a missing and a later step differ."""
    open_.execute(change)
    report = check_url(installed_url)

    assert line in describe_doors(report.findings)
    assert [finding.level for finding in report.findings if finding.level is not Level.OK] == [level]
    assert report.has_problems == (level is Level.PROBLEM)


def test_the_first_closed_door_counts(installed_url: str, open_: Connection) -> None:
    """Rescue is not examined while nobody beats, and Beat not while the login cannot read."""
    grant(installed_url)
    open_.execute("DROP ROLE IF EXISTS newcomer; CREATE ROLE newcomer LOGIN")
    look = check_url(installed_url.replace("postgres@", "newcomer@"))
    uninstall(installed_url, None, None, force=True)
    beat = check_url(installed_url)

    assert doors(look) == [False, False, False]
    assert describe_doors(look.findings).startswith("Look is not open: newcomer may not read ")
    assert doors(beat) == [True, False, False]
    assert describe_doors(beat.findings).endswith("Next: riverkeeper schema install")


def test_no_database_is_a_closed_door() -> None:
    """Nothing is open where nothing could be examined."""
    report = check_url("postgresql://nobody@127.0.0.1:1/none")

    assert doors(report) == [False, False, False]
    assert describe_doors(report.findings).startswith("Look is not open: connect: ")


def test_a_fault_beside_the_doors_is_no_all_is_well(installed_url: str, open_: Connection) -> None:
    """The doors are open, and yet something needs an operator."""
    open_.execute("INSERT INTO river_job (kind, state, attempted_at, metadata) VALUES ('k', 'running', now(), '[]')")
    line = describe_doors(check_url(installed_url).findings)

    assert "All is well" not in line
    assert "but see poison above. Next: UPDATE" in line


def doors(report: CheckReport) -> list[bool]:
    return list(find_open_doors(report.findings).values())
