"""A River-shaped table filled at random with everything that real tables hold, and some that they should not."""

from __future__ import annotations

import json
import random
from datetime import UTC, datetime, timedelta

from riverkeeper.postgres.connection import Session

QUEUES = ("default", "bulk", 'Größe "1"', "a\nb\\c")
KINDS = ("send_email", "report", "other", '{k="v"}', "日本 %s")
LIVE = ("available", "pending", "retryable", "running", "scheduled")
FINAL = ("cancelled", "completed", "discarded")
CLIENTS = ("host-a", "host-b", "host-c")
LARGE = 1 << 20  # bytes of metadata

# What the filler knows of each job that SQL would have to guess from its metadata.
TOLD = """CREATE TABLE IF NOT EXISTS told (
    id bigint PRIMARY KEY, beat_at timestamptz, beat_is_text boolean, cancel boolean, poison boolean, unread boolean
)"""
# … and of each running job's present claim in the heartbeat table; empty where nothing beats there.
HEARD = """CREATE TABLE IF NOT EXISTS heard (
    id bigint PRIMARY KEY, row_beat_at timestamptz, beat_interval interval, lease interval, progress_at timestamptz,
    is_over boolean, gave_up_at timestamptz
)"""
INSERT = """
WITH given AS (
    SELECT * FROM jsonb_to_recordset(%(rows)s::jsonb) AS r (
        id bigint, state text, queue text, kind text, priority smallint, attempt smallint, max_attempts smallint,
        attempted_at timestamptz, scheduled_at timestamptz, finalized_at timestamptz, attempted_by jsonb, errors jsonb,
        metadata jsonb, beat_at timestamptz, beat_is_text boolean, cancel boolean, poison boolean, unread boolean
    )
), jobs AS (
    INSERT INTO river_job (id, state, queue, kind, priority, attempt, max_attempts, attempted_at, scheduled_at,
        finalized_at, attempted_by, errors, metadata)
    SELECT g.id, g.state::river_job_state, g.queue, g.kind, g.priority, g.attempt, g.max_attempts, g.attempted_at,
        g.scheduled_at, g.finalized_at,
        CASE WHEN jsonb_typeof(g.attempted_by) = 'array'
            THEN ARRAY(SELECT jsonb_array_elements_text(g.attempted_by)) END,
        CASE WHEN jsonb_typeof(g.errors) = 'array' THEN ARRAY(SELECT jsonb_array_elements(g.errors)) END,
        g.metadata
    FROM given AS g
)
INSERT INTO told SELECT g.id, g.beat_at, g.beat_is_text, g.cancel, g.poison, g.unread FROM given AS g
"""


def fill(sql: Session, seed: int, jobs: int = 400, states: tuple[str, ...] = LIVE + FINAL) -> None:
    """Add `jobs` random jobs, with ids after the last."""
    sql.execute(TOLD)
    sql.execute(HEARD)
    first = sql.execute("SELECT coalesce(max(id), 0) + 1 AS id FROM river_job")[0].id
    dice = random.Random(seed)
    now = datetime.now(UTC)
    rows = [_job(dice, now, dice.choice(states)) | {"id": first + number} for number in range(jobs)]
    sql.execute(INSERT, {"rows": json.dumps(rows)})
    sql.execute("SELECT setval(pg_get_serial_sequence('river_job', 'id'), max(id)) FROM river_job")


BEATS = """
WITH thrown AS (  -- the same dice for the same table
    SELECT j.*, hashint8extended(j.id, %(seed)s) & 1023 AS dice, hashint8extended(j.id, 1 + %(seed)s) & 1023 AS more
    FROM river_job AS j
    WHERE j.attempted_at IS NOT NULL AND isfinite(j.attempted_at)
), beat AS (
    SELECT
        t.id, t.attempt, t.attempted_at, make_interval(secs => (ARRAY[2, 10, 30])[1 + dice %% 3]) AS beat_interval,
        CASE WHEN dice %% 4 = 0 THEN interval '75 seconds' END AS lease,
        CASE WHEN dice %% 50 = 1 THEN now() + interval '1 hour'
            ELSE t.attempted_at + (now() - t.attempted_at) * more / 1024.0 END AS beat_at,
        CASE WHEN more %% 3 = 0 THEN now() - interval '1 second' * more END AS progress_at,
        CASE WHEN more %% 7 = 1 THEN now() END AS lost_at,
        CASE WHEN more %% 7 = 3 THEN now() - interval '0.05 seconds' * more END AS gave_up_at
    FROM thrown AS t
    WHERE dice %% 5 < 3
), rows AS (
    INSERT INTO riverkeeper.heartbeat (job_id, attempt, attempted_at, instance, beat_interval, lease, beat_at,
        progress_at, lost_at, ended_at, outcome)
    SELECT
        b.id,
        CASE WHEN b.id %% 11 = 0 THEN b.attempt + 1 ELSE b.attempt END,  -- another claim's
        CASE WHEN b.id %% 13 = 0 THEN b.attempted_at - interval '1 microsecond' ELSE b.attempted_at END,  -- and this
        gen_random_uuid(), b.beat_interval, b.lease, b.beat_at, b.progress_at, b.lost_at,
        b.gave_up_at, CASE WHEN b.gave_up_at IS NOT NULL THEN 'abandoned' END
    FROM beat AS b
)
INSERT INTO heard SELECT b.id, b.beat_at, b.beat_interval, b.lease, b.progress_at,
    b.lost_at IS NOT NULL OR b.gave_up_at IS NOT NULL,
    CASE WHEN b.lost_at IS NULL THEN b.gave_up_at END
FROM beat AS b WHERE b.id %% 11 > 0 AND b.id %% 13 > 0
"""
CLIENTS_BEAT = """INSERT INTO riverkeeper.client
    (instance, client_id, beat_at, beat_interval, fences, software, started_at)
SELECT gen_random_uuid(), 'host-' || i, now() - i * interval '1 second', interval '3 seconds', true, 'test', now()
FROM generate_series(4, 40, 3) AS i"""


def fill_heartbeats(sql: Session, seed: int) -> None:
    """Beats of three in five claims of the filled jobs, some under another claim; clients fresh and silent."""
    sql.execute(BEATS, {"seed": seed})
    sql.execute(CLIENTS_BEAT, {})


def _job(dice: random.Random, now: datetime, state: str) -> dict[str, object]:
    claimed = state == "running" or (state != "pending" and dice.random() < 0.6)
    age = dice.choice((20, 400, 10_000)) * dice.random()
    claimed_at = _text(now - timedelta(seconds=age)) if claimed else None
    if claimed and dice.random() < 0.05:
        claimed_at = dice.choice((None, "infinity", "-infinity"))
    waiting: dict[str, object] = {"metadata": {}, **NOTHING_TOLD}
    return {
        "state": state,
        "queue": dice.choice(QUEUES),
        "kind": dice.choice(KINDS),
        "priority": dice.randint(1, 4),
        "attempt": dice.randint(1, 5) if claimed else 0,
        "max_attempts": dice.randint(1, 6),
        "attempted_at": claimed_at,
        "scheduled_at": _text(now + timedelta(seconds=dice.choice((-1, -40, -7200, 60)) * (0.5 + dice.random()))),
        "finalized_at": _finalized(dice, now) if state in FINAL else None,
        "attempted_by": dice.choices(CLIENTS, k=dice.randint(1, 3)) if claimed and dice.random() < 0.95 else None,
        "errors": dice.choice((None, None, [], [_error(dice)], [_error(dice), _error(dice)])) if claimed else None,
        **(_said(dice, now, now - timedelta(seconds=age)) if state == "running" else waiting),
    }


def _finalized(dice: random.Random, now: datetime) -> str:
    """Within the last forty minutes, or hours ago: never near the edge of an hour's late window."""
    age = dice.choice((2400 * dice.random(), 7200 + 90_000 * dice.random()))
    return _text(now - timedelta(seconds=age))


def _error(dice: random.Random) -> dict[str, object]:
    return {"at": "2026-01-01T00:00:00Z", "attempt": 1, "error": "boom" * dice.randint(0, 600), "trace": ""}


def _said(dice: random.Random, now: datetime, claimed_at: datetime) -> dict[str, object]:
    """Metadata of a running job, and what it means."""
    if dice.random() < 0.02:
        return {"metadata": dice.choice(([], [1], "text", 7)), **NOTHING_TOLD, "poison": True}
    beat_at, beat = _beat(dice, now, claimed_at)
    cancelled, cancel = dice.choices(CANCELS, (20, 2, 2, 1, 1, 1, 1, 1))[0]
    rescued, rescues = dice.choices(RESCUES, (20, 3, 3, 1, 1))[0]
    metadata = {"health_check_at": beat, "cancel_attempted_at": cancel, "river:rescue_count": rescues, "user": "x"}
    metadata = {key: value for key, value in metadata.items() if value is not ABSENT}
    if dice.random() < 0.01:  # random, so that compression does not hide it: nothing of it is looked at
        return {"metadata": metadata | {"payload": dice.randbytes(LARGE // 2).hex()}, **NOTHING_TOLD, "unread": True}
    if dice.random() < 0.05:
        metadata["payload"] = "x" * LARGE  # compresses to little
    return {
        "metadata": metadata,
        "beat_at": beat_at,
        "beat_is_text": beat is not ABSENT and beat is not None,
        "cancel": cancel is not ABSENT and cancel is not None,
        "poison": "bad" in (cancelled, rescued),
        "unread": False,
    }


ABSENT = object()
NOTHING_TOLD = {"beat_at": None, "beat_is_text": False, "cancel": False, "poison": False, "unread": False}
# What stands in metadata.cancel_attempted_at and in metadata."river:rescue_count", and whether River chokes on it.
CANCELS: tuple[tuple[str, object], ...] = (
    ("good", ABSENT),
    ("good", "2026-11-23T10:00:00Z"),
    ("good", "2026-11-23T10:00:00.123456789+02:00"),
    ("good", None),
    ("bad", "2026-11-23 10:00:00"),
    ("bad", ""),
    ("bad", 17),
    ("bad", {}),
)
RESCUES: tuple[tuple[str, object], ...] = (("good", ABSENT), ("good", 1), ("good", 40), ("bad", 1.5), ("bad", 1e30))
NO_BEATS = (
    "2026-11-23T10:00:00", "2026-11-23 10:00:00+00:00", "2026-02-30T10:00:00Z", "0000-01-01T00:00:00Z",
    "2026-11-23T10:00:00+99:00", "99999-01-01T00:00:00Z", "2026-11-23T24:00:00Z", "infinity", "now", "", "yesterday",
    "٢٠٢٦-11-23T10:00:00Z", 1795442680, 1e300, True, {"at": 1}, ["2026-11-23T10:00:00Z"], None,
)  # fmt: skip


def _beat(dice: random.Random, now: datetime, claimed_at: datetime) -> tuple[str | None, object]:
    """A moment where it is one, whether or not it counts; and what stands in metadata.health_check_at."""
    if dice.random() < 0.4:
        return None, dice.choice((ABSENT, dice.choice(NO_BEATS)))
    moment = dice.choice(
        (
            claimed_at + (now - claimed_at) * dice.random(),
            claimed_at + (now - claimed_at) * dice.random(),
            claimed_at - timedelta(seconds=1 + 600 * dice.random()),  # an earlier claim's
            now + timedelta(seconds=30 + 200 * dice.random()),  # a clock that is ahead
            now + timedelta(seconds=400 + dice.choice((500, 9e6)) * dice.random()),  # no clock is that wrong
        )
    )
    return _text(moment), _rfc3339(dice, moment)


def _text(moment: datetime) -> str:
    return moment.isoformat(timespec="microseconds")


def _rfc3339(dice: random.Random, moment: datetime) -> str:
    """One of the ways in which Go, Python and JavaScript write the same microsecond."""
    text = moment.strftime("%Y-%m-%dT%H:%M:%S.%f")
    east = (moment + timedelta(hours=5, minutes=30)).strftime("%Y-%m-%dT%H:%M:%S.%f")
    return dice.choice((f"{text}Z", f"{text}+00:00", f"{text}000Z", f"{east}+05:30"))
