"""The running jobs that have run longest, held against plain SQL over the whole table."""

from __future__ import annotations

import math
from pathlib import Path

import pytest

from fixtures.grants import grant
from fixtures.offenders import for_each
from fixtures.random_tables import KINDS, QUEUES, fill
from fixtures.workers import GO, JAVA, RUBY, RUST, add_beat, add_job, add_process
from riverkeeper.config.layers import Options
from riverkeeper.config.load import load
from riverkeeper.demo.postgres import Server
from riverkeeper.postgres.connection import Session, run_script
from riverkeeper.river.longest import LongestJobs, RunningFilter
from riverkeeper.service import longest_jobs, read_clients
from riverkeeper.verdict.tiers import tier_of

NAIVE = """
SELECT j.id FROM river_job AS j
WHERE j.state = 'running'
  AND (%(queue)s::text IS NULL OR j.queue = %(queue)s) AND (%(kind)s::text IS NULL OR j.kind = %(kind)s)
  AND (%(worker)s::text IS NULL OR j.attempted_by[cardinality(j.attempted_by)] = %(worker)s)
ORDER BY CASE WHEN isfinite(j.attempted_at) THEN j.attempted_at END NULLS LAST, j.id
"""
FILTERS = [
    RunningFilter(),
    *(RunningFilter(queue=queue) for queue in QUEUES),
    *(RunningFilter(kind=kind) for kind in KINDS),
    RunningFilter("bulk", "report", "host-a"),
    RunningFilter(worker="host-b"),
]


def find(url: str, wanted: RunningFilter = RunningFilter(), limit: int = 500, *, many: bool = False) -> LongestJobs:  # noqa: B008 - frozen
    return longest_jobs(load(None, {}, Options(database_url=url)), wanted, limit, many=many)


def ids(found: LongestJobs) -> list[int]:
    return [job.claim.job_id for job in found.jobs]


@pytest.fixture(scope="module")
def random_url(postgres: Server, installed_template: str) -> str:
    """A database with every sort of row, finished ones too."""
    url = postgres.database("longest_random", template=installed_template)
    with Session(url, "test") as sql:
        fill(sql, 11, jobs=900)
    return url


@for_each("wanted", FILTERS)
@for_each("many", [False, True])
def test_the_longest_are_those_of_plain_sql(random_url: str, wanted: RunningFilter, many: bool) -> None:
    """All of them in order, with any filter; a claim without a moment comes last. A limit cuts the list, no count."""
    with Session(random_url, "test") as sql:
        values = {"queue": wanted.queue, "kind": wanted.kind, "worker": wanted.worker}
        naive = [row.id for row in sql.execute(NAIVE, values)]
    found, cut = find(random_url, wanted, many=many), find(random_url, wanted, 3, many=many)

    assert (ids(found), found.found, found.bounded) == (naive, len(naive), False)
    assert (ids(cut), cut.found) == (naive[:3], len(naive))


@for_each("kind", [None, KINDS[0]])
def test_a_tier_selects_the_jobs_that_policy_puts_into_it(random_url: str, tmp_path: Path, kind: str | None) -> None:
    """By rules with globs and by priority, beside the other filters; each job is in one tier."""
    file = tmp_path / "riverkeeper.yml"
    file.write_text(
        f"assign: [{{kind: '{KINDS[0][:2]}*', priority: 1, tier: bulk}}, {{queue: {QUEUES[0]}, tier: urgent}}]"
    )
    config = load(file, {}, Options(database_url=random_url))
    everything = find(random_url, RunningFilter(kind=kind))
    by_tier = {
        tier: longest_jobs(config, RunningFilter(kind=kind, tier=tier), 500, many=False) for tier in config.tiers
    }
    wanted: dict[str, list[int]] = {tier: [] for tier in config.tiers}
    for job in everything.jobs:
        wanted[tier_of(config, job.queue, job.kind, job.priority).name].append(job.claim.job_id)

    assert {tier: ids(found) for tier, found in by_tier.items()} == wanted
    assert sum(found.found for found in by_tier.values()) == everything.found
    assert len([tier for tier in wanted if wanted[tier]]) > 1


def test_a_job_has_its_own_beat_and_note(installed_url: str, sql: Session) -> None:
    """Of the present claim; of an earlier claim nothing counts."""
    process = add_process(sql, 1)
    job, other = add_job(sql, ago=600), add_job(sql, ago=500)
    add_beat(sql, job, process)
    add_beat(sql, other, process)
    sql.execute("UPDATE riverkeeper.heartbeat SET progress = 0.4, progress_at = now(), note = 'page 3' || job_id")
    sql.execute("UPDATE river_job SET attempt = 2, attempted_at = now() WHERE id = %(id)s", {"id": other})
    first, second = find(installed_url).jobs

    assert first.beat is not None
    assert (first.beat.note, first.beat.progress, first.claim.job_id) == (f"page 3{job}", 0.4, job)
    assert (second.beat, second.claim.job_id) == (None, other)


def test_notes_are_private_to_a_reader(own_url: str, installed_url: str, sql: Session) -> None:
    """The role of readers sees the progress, and that there are notes which it may not read."""
    add_beat(sql, add_job(sql), add_process(sql, 1))
    sql.execute("UPDATE riverkeeper.heartbeat SET progress = 0.25, progress_at = now(), note = 'of Ann'")
    grant(installed_url)
    run_script(own_url, "DROP ROLE IF EXISTS peeper; CREATE ROLE peeper LOGIN; GRANT riverkeeper_reader TO peeper")
    found = find(installed_url.replace("postgres@", "peeper@"))

    assert found.jobs[0].beat is not None
    assert (found.jobs[0].beat.progress, found.jobs[0].beat.note, found.notes) == (0.25, None, False)
    assert find(installed_url).notes


def test_a_beat_in_the_metadata_counts(river_url: str, sql: Session) -> None:
    """Without a keeper schema it is the only one there is."""
    job = add_job(sql)
    add_job(sql, ago=30)
    sql.execute(
        "UPDATE river_job SET metadata = jsonb_build_object('health_check_at', to_char(now() AT TIME ZONE 'UTC',"
        ' \'YYYY-MM-DD"T"HH24:MI:SS"Z"\')) WHERE id = %(id)s',
        {"id": job},
    )
    found = find(river_url)

    assert [job.beat is not None and job.beat.by_metadata for job in found.jobs] == [True, False]
    assert not found.beats


@pytest.mark.parametrize("client", [JAVA, RUBY])
def test_a_claim_by_another_clock_is_as_old_as_it_can_be_proven(installed_url: str, sql: Session, client: str) -> None:
    """Its host is 200 s behind and dates a claim of a minute. Its first beat shows the age; else five minutes go."""
    process = add_process(sql, 1, client, software="")
    beating, unbeaten, ahead = (add_job(sql, client, ago=ago) for ago in (260, 500, -100))
    add_beat(sql, beating, process)
    sql.execute("UPDATE riverkeeper.heartbeat SET first_beat_at = now() - interval '60 s'")
    found = find(installed_url)
    age = {job.claim.job_id: found.now - job.held_since for job in found.jobs}

    assert (round(age[beating]), round(age[unbeaten]), round(max(age[ahead], 0))) == (60, 200, 0)
    assert ids(found) == [unbeaten, beating, ahead]


def test_the_order_does_not_trust_a_workers_clock(installed_url: str, sql: Session) -> None:
    """A clock that is five minutes behind must not push the longest job off the page."""
    add_job(sql, JAVA, ago=310)
    longest = add_job(sql, GO, ago=60)

    assert ids(find(installed_url, limit=1)) == [longest]


def test_a_worker_is_found_by_its_id_and_by_its_host(installed_url: str, sql: Session) -> None:
    """A host is not a prefix: web-1 is not web-10, and what is named like a host and no more is itself."""
    go, rust, ruby = add_job(sql, GO), add_job(sql, RUST), add_job(sql, RUBY)
    ten = add_job(sql, GO.replace("web-1_", "web-10_"))
    named = add_job(sql, "web-1")
    wanted = {
        GO: {go},
        "web-1": {go, named},
        "web-2": {rust},
        "web-3": {ruby},
        "web-10": {ten},
        "web-": set(),
        "": set(),
    }

    assert {name: set(ids(find(installed_url, RunningFilter(worker=name)))) for name in wanted} == wanted
    assert {"web-1", GO, "web-2", RUST, "web-10"} <= read_clients(load(None, {}, Options(database_url=installed_url)))


def test_a_claim_without_a_moment_has_no_age(installed_url: str, sql: Session) -> None:
    """It is shown, at the end."""
    job, other = add_job(sql), add_job(sql)
    sql.execute("UPDATE river_job SET attempted_at = NULL WHERE id = %(id)s", {"id": job})
    found = find(installed_url)

    assert ids(found) == [other, job]
    assert math.isnan(found.jobs[1].claimed_at)


def test_more_than_can_be_read_is_marked(installed_url: str, sql: Session, monkeypatch: pytest.MonkeyPatch) -> None:
    """A list that is not of all running jobs never looks like one."""
    monkeypatch.setattr("riverkeeper.river.longest.MAX_RUNNING", 2)
    for _ in range(3):
        add_job(sql)
    found = find(installed_url)

    assert (len(found.jobs), found.found, found.bounded) == (2, 2, True)
    assert find(installed_url, RunningFilter(kind="nothing")).bounded


def test_the_newest_checkpoint_counts(installed_url: str, sql: Session) -> None:
    """By generation, whatever the clocks say; and the claim knows whether it resumed."""
    job, other = add_job(sql), add_job(sql)
    sql.execute(
        "INSERT INTO riverkeeper.checkpoint"
        " (job_id, attempted_at, generation, attempt, value, saved_at, number, resumed_at)"
        " SELECT j.id, j.attempted_at - g * interval '1 h', 3 - g, 1, '1', now() - (60 * (4 - g)) * interval '1 s', 1,"
        " CASE WHEN g = 1 THEN j.attempted_at ELSE '-infinity' END"
        " FROM river_job AS j, generate_series(0, 2) AS g WHERE j.id = %(id)s",
        {"id": job},
    )
    found = find(installed_url)

    assert found.checkpoints.keys() == {job}
    assert (round(found.now - found.checkpoints[job].saved_at), found.checkpoints[job].resumed) == (240, True)
    assert other not in found.checkpoints
