"""Verdicts on real rows: each reason, what is not known, and that nothing stuck is passed over."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import pytest

from fixtures.scrape import SETTINGS, errors, page_of, read, reader
from riverkeeper.config.policy import Policy, RescueSettings
from riverkeeper.config.tiers import Assignment, Tier
from riverkeeper.postgres.connection import Session
from riverkeeper.scrape.scrape import Snapshot
from riverkeeper.verdict.verdict import Reason

STANDARD = Tier("standard", progress_timeout=60.0)
POLICY = Policy(
    {"standard": STANDARD, "brief": Tier("brief", max_run=20.0)},
    (Assignment("brief", kind="brief*"),),
    rescue=RescueSettings(interval=60.0),  # a probe counts for 90 s: a busy machine does not break the path meanwhile
)
WITH_POLICY = replace(SETTINGS, policy=POLICY)
JOB = """INSERT INTO river_job (kind, state, attempt, attempted_at, attempted_by, metadata)
    VALUES (%(kind)s, 'running', 2, now() - make_interval(secs => %(age)s), ARRAY[%(client)s], %(metadata)s::jsonb)"""
BEAT = """INSERT INTO riverkeeper.heartbeat
    (job_id, attempted_at, attempt, instance, beat_interval, beat_at, lost_at, lease, progress_at)
    SELECT id, attempted_at, attempt, gen_random_uuid(), make_interval(secs => %(interval)s),
        now() - make_interval(secs => %(ago)s), now() - make_interval(secs => %(lost)s),
        make_interval(secs => %(lease)s),
        now() - make_interval(secs => %(progress)s)
    FROM river_job WHERE kind = %(kind)s"""
CLIENT = """INSERT INTO riverkeeper.client
    (instance, client_id, beat_at, beat_interval, kinds, fences, software, started_at)
    VALUES (gen_random_uuid(), %(client)s, now() - make_interval(secs => %(ago)s), '10 s', %(kinds)s::text[], true,
        'riverbeat-go/test', now() - interval '1 hour')"""
RESCUE = """INSERT INTO riverkeeper.rescue (at, dry_run, job_id, attempted_at, attempt, queue, kind, priority, tier,
        reason, action, evidence, woken_by, keeper)
    SELECT now() - make_interval(secs => %(ago)s), %(dry_run)s, j.id, j.attempted_at - %(claim)s * interval '1 hour',
        1, j.queue, j.kind, 1, 'standard', 'worker_lost', %(action)s, '{}', 'supervisor', gen_random_uuid()
    FROM river_job AS j WHERE j.kind = %(kind)s"""
OPEN = "UPDATE riverkeeper.control SET path_ok_since = now() - interval '1 hour', path_probe_at = now()"


@pytest.fixture
def kept(installed_url: str) -> Iterator[Session]:
    """A session on a River with a keeper schema whose heartbeat path has been verified for an hour."""
    with Session(installed_url) as sql:
        sql.execute(OPEN)
        yield sql


def run(sql: Session, kind: str, age: float = 100.0, client: str = "w", metadata: str = "{}") -> None:
    sql.execute(JOB, {"kind": kind, "age": age, "client": client, "metadata": metadata})


def beat(sql: Session, kind: str, ago: float, **more: float | None) -> None:
    values = dict.fromkeys(("lost", "lease", "progress")) | {"interval": 10.0} | more
    sql.execute(BEAT, {"kind": kind, "ago": ago, **values})


def client(sql: Session, ago: float, name: str = "w", kinds: list[str] | None = None) -> None:
    sql.execute(CLIENT, {"client": name, "ago": ago, "kinds": kinds})


def reasons(snapshot: Snapshot) -> dict[str, str]:
    """Reason by kind, of the stuck jobs."""
    assert snapshot.error is None
    assert snapshot.verdicts is not None
    assert snapshot.verdicts.complete
    return {stuck.job.kind: stuck.verdict.reason.value for stuck in snapshot.verdicts.stuck}


def suspects(snapshot: Snapshot) -> dict[str, str]:
    """The same of the suspected ones."""
    assert snapshot.verdicts is not None
    return {judged_job.job.kind: judged_job.verdict.reason.value for judged_job in snapshot.verdicts.suspected}


def test_beats_of_the_table(kept: Session, installed_url: str) -> None:
    """Stale, hung, raised by what the client declares, taken away already: each by its own row."""
    rows: dict[str, tuple[float, dict[str, float | None]]] = {
        "fresh": (5, {}), "silent": (50, {}), "slow": (50, {"interval": 20.0}), "slower": (70, {"interval": 20.0}),
        "leased": (50, {"lease": 45.0}), "hung": (5, {"progress": 70.0}), "moving": (5, {"progress": 50.0}),
        "lost": (90, {"lost": 20.0}),
        "brief": (5, {}), "ahead": (-500, {}),
    }  # fmt: skip
    for kind, (ago, more) in rows.items():
        run(kept, kind)
        beat(kept, kind, ago, **more)
    snapshot = read(installed_url, WITH_POLICY)

    assert reasons(snapshot) == {
        "silent": "worker_lost", "slower": "worker_lost", "hung": "hung",
        "brief": "over_budget",
    }  # fmt: skip
    page = page_of(snapshot)
    assert page.value("river_jobs_stuck", queue="default", kind="silent", tier="standard", reason="worker_lost") == 1
    assert page.value("river_jobs_stuck", queue="default", kind="fresh", tier="standard", reason="worker_lost") == 0
    assert page.value("river_job_limit_seconds", kind="slow", tier="standard", limit="heartbeat") == 60
    assert page.value("riverkeeper_policy_raised", tier="standard", limit="heartbeat") == 1
    used = page.value("river_job_limit_used_ratio", queue="default", kind="silent", tier="standard", limit="heartbeat")
    assert used == pytest.approx(50 / 35, abs=0.1)


def test_jobs_that_never_beat(kept: Session, installed_url: str) -> None:
    """They are judged by the processes of their client; where none beats, or not for their kind, nothing is known."""
    client(kept, 5, "alive")
    client(kept, 300, "dead")
    client(kept, 300, "both")
    client(kept, 5, "both", ["other"])
    client(kept, 5, "picky", ["other"])
    for name in ("alive", "dead", "both", "picky", "stranger"):
        run(kept, name, client=name)
        if name != "dead":  # the dead claim nothing
            run(kept, f"{name} young", 20, client=name)

    assert reasons(read(installed_url, WITH_POLICY)) == {
        "alive": "orphaned",
        "dead": "worker_lost",
        "both": "worker_lost",
    }


def test_beats_in_metadata(kept: Session, installed_url: str) -> None:
    """Three intervals of metadata beats are the limit; of two beats the later counts; what is too large is unknown."""
    for kind, ago in (("told", 80), ("silent", 95)):
        (said,) = kept.execute("SELECT to_json(now() - make_interval(secs => %(ago)s)) AS at", {"ago": ago})
        run(kept, kind, metadata=f'{{"health_check_at": "{said.at}"}}')
    (said,) = kept.execute("SELECT to_json(now()) AS at")
    run(kept, "both", metadata=f'{{"health_check_at": "{said.at}"}}')
    beat(kept, "both", 90)
    client(kept, 300)  # every process that may hold them is silent
    kept.execute(
        "INSERT INTO river_job (kind, state, attempt, attempted_at, attempted_by, metadata) SELECT 'large', 'running',"
        " 1, now() - interval '100 s', ARRAY['w'], jsonb_build_object('x', (SELECT string_agg(md5(i::text), '')"
        " FROM generate_series(1, 5000) AS i))"
    )
    snapshot = read(installed_url, WITH_POLICY)

    assert reasons(snapshot) == {"silent": "worker_lost"}
    assert snapshot.verdicts is not None
    (stuck,) = snapshot.verdicts.stuck
    assert stuck.verdict.limit is not None
    assert (stuck.verdict.limit.seconds, stuck.verdict.limit.raised) == (90.0, False)
    assert snapshot.verdicts.raised == frozenset()


def test_a_beat_in_the_metadata_of_an_earlier_attempt_is_none(kept: Session, installed_url: str) -> None:
    """River keeps the key over a retry: an attempt that has just begun is not stale since the last one's death."""
    (said,) = kept.execute("SELECT to_json(now() - interval '1 hour') AS at")
    for age in (100, 7200):
        run(kept, "mail", age, metadata=f'{{"health_check_at": "{said.at}"}}')
    judged = read(installed_url, WITH_POLICY).verdicts

    assert judged is not None
    assert len(judged.stuck) == 1
    stuck = judged.stuck[0]
    assert stuck.verdict.reason is Reason.WORKER_LOST
    assert stuck.verdict.value == pytest.approx(3600, abs=60)
    assert (judged.path_ok_since or 0.0) > stuck.job.claimed_at  # the older of the two


@pytest.mark.parametrize(
    ("change", "proven"),
    [
        ("path_ok_since = now() - interval '5 s'", False),
        ("path_ok_since = NULL", False),
        ("path_probe_at = now() - interval '1 hour'", False),
        ("path_ok_since = now() - interval '40 s'", True),
    ],
)
def test_silence_counts_while_the_way_was_open(kept: Session, installed_url: str, change: str, proven: bool) -> None:
    """Riverkeeper's own probes show since when; a probe that is an hour old proves nothing. Until then: suspected."""
    run(kept, "silent")
    beat(kept, "silent", 3000)
    run(kept, "young", 20)
    client(kept, 3000, "gone")
    run(kept, "never", client="gone")
    kept.execute(f"UPDATE riverkeeper.control SET {change}")  # noqa: S608 - from the list above
    snapshot = read(installed_url, WITH_POLICY)
    page = page_of(snapshot)

    assert reasons(snapshot) == ({"silent": "worker_lost", "never": "worker_lost"} if proven else {})
    assert suspects(snapshot) == ({} if proven else {"silent": "path_unverified", "never": "path_unverified"})
    where = {"queue": "default", "kind": "silent", "tier": "standard"}
    assert page.value("river_jobs_suspected", **where, reason="path_unverified") == (0 if proven else 1)
    assert page.value("river_jobs_stuck", **where, reason="worker_lost") == (1 if proven else 0)
    since = page.value("river_job_oldest_stuck_timestamp_seconds", **where)
    assert snapshot.now is not None
    assert since == pytest.approx(snapshot.now - (3000 - 35), abs=60)  # proof does not make it younger


def test_a_client_that_river_sees_at_work_is_not_lost(kept: Session, installed_url: str) -> None:
    """Its heartbeats stopped, and later it claimed a job, or renewed its lead: the heartbeats are missing, not it."""
    for name, ago in (("claims", 90), ("leads", 90), ("ends", 50), ("restarts", 90)):
        client(kept, ago, name)
        run(kept, name, 300, client=name)
        beat(kept, name, ago)
    run(kept, "newest", 10, client="claims")
    run(kept, "last", 32, client="ends")  # within two intervals of its last beat: it may have died right after it
    run(kept, "other", 10, client="restarts")
    client(kept, 5, "restarts")  # another process with this id beats, and may be the one that River sees
    kept.execute(
        "INSERT INTO river_leader (leader_id, elected_at, expires_at)"
        " VALUES ('leads', now() - interval '1 hour', now() + interval '12 s')"
    )
    snapshot = read(installed_url, WITH_POLICY)

    assert suspects(snapshot) == {"claims": "beats_missing", "leads": "beats_missing"}
    assert {kind for kind, reason in reasons(snapshot).items() if reason == "worker_lost"} >= {"ends", "restarts"}
    assert snapshot.verdicts is not None
    assert "River saw its client at work" in snapshot.verdicts.suspected[0].verdict.missing


def test_a_claim_that_its_client_gave_up(kept: Session, installed_url: str) -> None:
    """Found ten seconds after its end was reported, whatever is known of the path; another result is waited for."""
    for kind, ended, outcome in (
        ("abandoned", 11, "abandoned"), ("failed", 11, "failed"), ("soon", 5, "abandoned"), ("done", 11, "completed"),
    ):  # fmt: skip
        run(kept, kind)
        beat(kept, kind, 15)
        kept.execute(
            "UPDATE riverkeeper.heartbeat AS h SET outcome = %(outcome)s, ended_at = now() - make_interval(secs =>"
            " %(ended)s) FROM river_job AS j WHERE j.id = h.job_id AND j.kind = %(kind)s",
            {"kind": kind, "ended": ended, "outcome": outcome},
        )
    kept.execute("UPDATE riverkeeper.control SET path_ok_since = NULL")

    assert reasons(read(installed_url, WITH_POLICY)) == {"abandoned": "abandoned", "failed": "abandoned"}


def test_rescues_of_the_last_day_make_a_loop(kept: Session, installed_url: str) -> None:
    """Acting ones of the last 24 hours count; dry runs, requests to stop and yesterday's do not."""
    for kind, count, row in (
        ("loop", 3, {}),
        ("two", 2, {}),
        ("dry", 3, {"dry_run": True}),
        ("stop", 3, {"action": "stop"}),
        ("old", 3, {"ago": 86_500}),
    ):
        run(kept, kind)
        beat(kept, kind, 60)
        for claim in range(1, count + 1):
            kept.execute(RESCUE, {"ago": 100, "dry_run": False, "action": "retry", "kind": kind, "claim": claim} | row)

    found = reasons(read(installed_url, WITH_POLICY))
    assert found.pop("loop") == "rescue_loop"
    assert set(found.values()) == {"worker_lost"}


def test_a_cancel_of_this_claim_is_known(kept: Session, installed_url: str) -> None:
    """One of an earlier claim, or none at all, is no cancel of this one. A little earlier, either may be true."""
    (at,) = kept.execute(
        "SELECT to_json(now()) AS now, to_json(now() - interval '1 hour') AS before,"
        " to_json(now() - interval '3 min') AS close"
    )
    for kind, cancel in (("now", at.now), ("before", at.before), ("close", at.close), ("never", "yesterday")):
        run(kept, kind, metadata=f'{{"cancel_attempted_at": "{cancel}"}}')
        beat(kept, kind, 60)
    judged = read(installed_url, WITH_POLICY).verdicts

    assert judged is not None
    assert {judged_job.job.kind: judged_job.job.cancel_requested for judged_job in judged.stuck} == {
        "now": True, "before": False, "close": None, "never": False,
    }  # fmt: skip
    assert all(judged_job.job.claim.attempted_at.endswith("Z") for judged_job in judged.stuck)


OLD, NEW = "host_2026_01_01T10_00_00_000000", "host_2026_01_01T11_00_00_000000"


def test_day_one_without_a_keeper_schema(river_url: str) -> None:
    """Nothing beats and nothing is installed: a client with a successor is suspect, and a run can be too long."""
    with Session(river_url) as sql:
        run(sql, "left", 1e9, client=OLD)
        run(sql, "held", 100, client=NEW)
        run(sql, "brief", 100, client=NEW)
        (said,) = sql.execute("SELECT to_json(now() - interval '95 s') AS at")
        run(sql, "silent", metadata=f'{{"health_check_at": "{said.at}"}}')
    snapshot = read(river_url, WITH_POLICY)

    assert reasons(snapshot) == {"brief": "over_budget"}
    assert suspects(snapshot) == {"left": "worker_suspect", "silent": "path_unverified"}


def test_clients_of_rust_and_ruby_have_successors(river_url: str) -> None:
    """By the start in the id; and by the first claim where a process id is used again, as in a restarted container."""
    with Session(river_url) as sql:
        run(sql, "rust", 1e9, client=f"{OLD}_0000000a")
        run(sql, "ruby", 500, client="web-1-a1b2c3d4e5f6")
        run(sql, "beside", 500, client="web-2-a1b2c3d4e5f6")
        run(sql, "java", 500, client="java-0b9d3a52-4c1e-4f5e-9a43-2f1f6d1a7c10")
        for name in (f"{NEW}_0000000b", "web-1-000000000000", "java-1b9d3a52-4c1e-4f5e-9a43-2f1f6d1a7c10"):
            run(sql, "new", 100, client=name)

    assert suspects(read(river_url, WITH_POLICY)) == {"rust": "worker_suspect", "ruby": "worker_suspect"}


def test_river_pro_s_producers_count_as_signs_of_life(kept: Session, installed_url: str) -> None:
    """Where its table is there: a client whose producers have missed three reports is suspect."""
    kept.execute("CREATE TABLE river_producer (id bigserial, client_id text, updated_at timestamptz)")
    kept.execute(
        "INSERT INTO river_producer (client_id, updated_at) VALUES ('gone', now() - interval '200 s'), ('gone', now() -"
        " interval '100 s'), ('there', now() - interval '200 s'), ('there', now() - interval '10 s')"
    )
    for name in ("gone", "there"):
        run(kept, name, client=name, age=500)

    snapshot = read(installed_url, WITH_POLICY)
    assert (reasons(snapshot), suspects(snapshot)) == ({}, {"gone": "worker_suspect"})


def test_a_healthy_fleet_costs_no_extra_query(kept: Session, installed_url: str) -> None:
    """The suspects cost no statement: a lock on what they would read is not even noticed."""
    run(kept, "young", 10)
    run(kept, "beats", 5000)
    beat(kept, "beats", 5)
    with reader(installed_url, WITH_POLICY) as exporter:
        exporter.read(10)
        with Session(installed_url) as blocker:
            blocker.execute("BEGIN")
            blocker.execute("LOCK TABLE riverkeeper.rescue IN ACCESS EXCLUSIVE MODE")
            assert reasons(exporter.reader.read(10)) == {}  # the scrape alone: maintenance reads the audit itself


def test_a_question_that_fails_makes_verdicts_absent(kept: Session, installed_url: str) -> None:
    """Not zero of them, nor the last ones; all other families stay."""
    run(kept, "silent")
    beat(kept, "silent", 60)
    with reader(installed_url, WITH_POLICY) as exporter:
        exporter.read(10)
        kept.execute("DROP TABLE riverkeeper.rescue")
        snapshot = exporter.reader.read(10)  # the scrape alone: maintenance notices first, and looks again

        assert set(errors(snapshot)) == {"suspects"}
        page = page_of(snapshot)
        assert not page.of("river_jobs_stuck")
        assert not page.of("river_job_limit_seconds")
        assert page.value("river_jobs_beating", queue="default", kind="silent") == 1
        assert reasons(exporter.read(10)) == {"silent": "worker_lost"}  # it looks again: no audit, no rescues known


@pytest.mark.parametrize("table", ["river_migration", "river_queue", "river_leader"])
def test_a_lock_on_a_table_beside_leaves_the_verdicts(kept: Session, installed_url: str, table: str) -> None:
    """Somebody migrates or vacuums a table that no verdict needs: only its own question fails."""
    run(kept, "silent")
    beat(kept, "silent", 60)
    with reader(installed_url, WITH_POLICY) as exporter:
        exporter.read(10)
        with Session(installed_url) as blocker:
            blocker.execute("BEGIN")
            blocker.execute(f"LOCK TABLE {table} IN ACCESS EXCLUSIVE MODE")
            snapshot = exporter.read(10)

        assert len(errors(snapshot)) == 1
        assert snapshot.verdicts is not None
        assert [stuck.verdict.reason.value for stuck in snapshot.verdicts.stuck] == ["worker_lost"]


def test_a_kind_of_two_tiers_keeps_the_zeros_of_the_idle_one(kept: Session, installed_url: str) -> None:
    """An alert of one queue resolves at once when its job is done, though the kind runs in a queue of another tier."""
    policy = replace(POLICY, assign=(Assignment("brief", queue="quick"),))
    with reader(installed_url, replace(SETTINGS, policy=policy)) as exporter:
        run(kept, "report", age=1)
        kept.execute("INSERT INTO river_job (queue, kind, state, attempt) SELECT 'quick', 'report', 'available', 1")
        page = page_of(exporter.read(10))

    where = {"queue": "quick", "kind": "report", "tier": "brief"}
    assert page.value("river_jobs_stuck", **where, reason="over_budget") == 0
    assert page.value("river_job_limit_seconds", kind="report", tier="brief", limit="run") == 20
