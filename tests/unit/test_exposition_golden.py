"""The whole page of a small shop, as Prometheus gets it. A change here is a change for every user: say it in CHANGELOG."""

# ruff: noqa: E501 - the page's lines are as long as they are

from __future__ import annotations

from typing import Any

from riverkeeper import __version__
from riverkeeper.metrics.catalogue import OF_SNAPSHOT, PROCESS
from riverkeeper.metrics.catalogue.process import Process
from riverkeeper.metrics.exposition import Exposition
from riverkeeper.metrics.family import Family
from unit.shop import FULL

PAGE = """\
# HELP river_up 1 if this scrape could read River's job table, 0 if not.
# TYPE river_up gauge
river_up 1.0
# HELP river_queue_paused 1 where the queue is paused for all clients (river_queue.paused_at), 0 where not. Absent without a row.
# TYPE river_queue_paused gauge
river_queue_paused{queue="default"} 1.0
# HELP river_queue_updated_timestamp_seconds When a producer last refreshed the queue's row in river_queue (Unix time): River does so every ten minutes while a client works the queue. Absent without a row.
# TYPE river_queue_updated_timestamp_seconds gauge
river_queue_updated_timestamp_seconds{queue="default"} 1.6999997e+09
# HELP river_leader_elected_timestamp_seconds When the present leader was elected (Unix time of the database). Absent without a leader's row, and on a standby, where it cannot be read.
# TYPE river_leader_elected_timestamp_seconds gauge
river_leader_elected_timestamp_seconds 1.6999136e+09
# HELP river_leader_expires_timestamp_seconds Until when the leader leads if it is not heard again (Unix time of the database); in the past: nobody leads. Absent as river_leader_elected_timestamp_seconds.
# TYPE river_leader_expires_timestamp_seconds gauge
river_leader_expires_timestamp_seconds 1.70000001e+09
# HELP river_oldest_finalized_timestamp_seconds finalized_at of the oldest finished job still in the table (Unix time): older than River's retention means that its cleaner does not run. Absent for states without rows.
# TYPE river_oldest_finalized_timestamp_seconds gauge
river_oldest_finalized_timestamp_seconds{state="completed"} 1.6999964e+09
# HELP river_migration_version Applied version of each line of River's migrations. Absent where River was migrated by other means.
# TYPE river_migration_version gauge
river_migration_version{line="main"} 7.0
# HELP river_table_bytes Size of the table with its indexes and TOAST, bytes.
# TYPE river_table_bytes gauge
river_table_bytes{table="river_job"} 81920.0
# HELP river_table_dead_rows Dead rows that wait for vacuum, by the server's statistics. 0 on a standby.
# TYPE river_table_dead_rows gauge
river_table_dead_rows{table="river_job"} 3.0
# HELP river_table_live_rows Live rows, by the server's statistics. 0 on a standby.
# TYPE river_table_live_rows gauge
river_table_live_rows{table="river_job"} 40.0
# HELP river_jobs Live jobs, by queue and state, in river_job. Exact up to a bound, beyond it the planner's estimate (river_jobs_estimated). 0 for queues seen in the last hour.
# TYPE river_jobs gauge
river_jobs{queue="default",state="available"} 10.0
river_jobs{queue="default",state="pending"} 0.0
river_jobs{queue="default",state="retryable"} 5.0
river_jobs{queue="default",state="running"} 3.0
river_jobs{queue="default",state="scheduled"} 0.0
# HELP river_jobs_estimated 1 where river_jobs of this queue and state is an estimate, 0 where it was counted.
# TYPE river_jobs_estimated gauge
river_jobs_estimated{queue="default",state="available"} 0.0
river_jobs_estimated{queue="default",state="pending"} 0.0
river_jobs_estimated{queue="default",state="retryable"} 0.0
river_jobs_estimated{queue="default",state="running"} 0.0
river_jobs_estimated{queue="default",state="scheduled"} 0.0
# HELP river_jobs_by_kind Live jobs by kind. Absent for a queue and state too long to be read row by row (see river_jobs then).
# TYPE river_jobs_by_kind gauge
river_jobs_by_kind{kind="email",queue="default",state="available"} 10.0
river_jobs_by_kind{kind="email",queue="default",state="pending"} 0.0
river_jobs_by_kind{kind="email",queue="default",state="retryable"} 5.0
river_jobs_by_kind{kind="email",queue="default",state="running"} 3.0
river_jobs_by_kind{kind="email",queue="default",state="scheduled"} 0.0
# HELP river_jobs_ready Jobs that are available and due: what a worker could claim now. An estimate where river_jobs_estimated{state="available"} is 1.
# TYPE river_jobs_ready gauge
river_jobs_ready{priority="1",queue="default"} 7.0
river_jobs_ready{priority="2",queue="default"} 0.0
river_jobs_ready{priority="3",queue="default"} 0.0
river_jobs_ready{priority="4",queue="default"} 0.0
# HELP river_job_oldest_ready_timestamp_seconds When the longest waiting of the ready jobs became due (scheduled_at, Unix time of the database). Absent when none is ready.
# TYPE river_job_oldest_ready_timestamp_seconds gauge
river_job_oldest_ready_timestamp_seconds{priority="1",queue="default"} 1.699999905e+09
# HELP river_jobs_overdue Scheduled or retryable jobs that were due more than 30 s ago: River's scheduler does not move them. Counted up to a bound.
# TYPE river_jobs_overdue gauge
river_jobs_overdue{queue="default",state="retryable"} 4.0
river_jobs_overdue{queue="default",state="scheduled"} 0.0
# HELP river_jobs_failing Live jobs that have failed at least once. In a queue too long to be read, of its first thousand jobs.
# TYPE river_jobs_failing gauge
river_jobs_failing{kind="email",queue="default"} 8.0
# HELP river_jobs_last_attempt Live jobs whose next failure discards them. In a queue too long to be read, of its first thousand jobs.
# TYPE river_jobs_last_attempt gauge
river_jobs_last_attempt{kind="email",queue="default"} 3.0
# HELP river_job_running_age_seconds Age of running attempts now, since attempted_at, by the database's clock. A gauge histogram: take quantiles without rate().
# TYPE river_job_running_age_seconds histogram
river_job_running_age_seconds_bucket{le="1.0",queue="default"} 0.0
river_job_running_age_seconds_bucket{le="5.0",queue="default"} 1.0
river_job_running_age_seconds_bucket{le="10.0",queue="default"} 1.0
river_job_running_age_seconds_bucket{le="30.0",queue="default"} 1.0
river_job_running_age_seconds_bucket{le="60.0",queue="default"} 2.0
river_job_running_age_seconds_bucket{le="120.0",queue="default"} 2.0
river_job_running_age_seconds_bucket{le="300.0",queue="default"} 2.0
river_job_running_age_seconds_bucket{le="600.0",queue="default"} 3.0
river_job_running_age_seconds_bucket{le="1800.0",queue="default"} 3.0
river_job_running_age_seconds_bucket{le="3600.0",queue="default"} 3.0
river_job_running_age_seconds_bucket{le="7200.0",queue="default"} 3.0
river_job_running_age_seconds_bucket{le="14400.0",queue="default"} 3.0
river_job_running_age_seconds_bucket{le="43200.0",queue="default"} 3.0
river_job_running_age_seconds_bucket{le="86400.0",queue="default"} 3.0
river_job_running_age_seconds_bucket{le="+Inf",queue="default"} 3.0
# HELP river_job_running_age_seconds_gcount Age of running attempts now, since attempted_at, by the database's clock. A gauge histogram: take quantiles without rate().
# TYPE river_job_running_age_seconds_gcount gauge
river_job_running_age_seconds_gcount{queue="default"} 3.0
# HELP river_job_running_age_seconds_gsum Age of running attempts now, since attempted_at, by the database's clock. A gauge histogram: take quantiles without rate().
# TYPE river_job_running_age_seconds_gsum gauge
river_job_running_age_seconds_gsum{queue="default"} 462.0
# HELP river_job_heartbeat_age_seconds Time since the last beat of running attempts that beat. A gauge histogram: take quantiles without rate(). Absent for queues in which nothing beats.
# TYPE river_job_heartbeat_age_seconds histogram
river_job_heartbeat_age_seconds_bucket{le="1.0",queue="default"} 1.0
river_job_heartbeat_age_seconds_bucket{le="2.0",queue="default"} 1.0
river_job_heartbeat_age_seconds_bucket{le="5.0",queue="default"} 1.0
river_job_heartbeat_age_seconds_bucket{le="10.0",queue="default"} 1.0
river_job_heartbeat_age_seconds_bucket{le="15.0",queue="default"} 1.0
river_job_heartbeat_age_seconds_bucket{le="20.0",queue="default"} 1.0
river_job_heartbeat_age_seconds_bucket{le="30.0",queue="default"} 1.0
river_job_heartbeat_age_seconds_bucket{le="45.0",queue="default"} 2.0
river_job_heartbeat_age_seconds_bucket{le="60.0",queue="default"} 2.0
river_job_heartbeat_age_seconds_bucket{le="90.0",queue="default"} 2.0
river_job_heartbeat_age_seconds_bucket{le="120.0",queue="default"} 2.0
river_job_heartbeat_age_seconds_bucket{le="300.0",queue="default"} 2.0
river_job_heartbeat_age_seconds_bucket{le="600.0",queue="default"} 2.0
river_job_heartbeat_age_seconds_bucket{le="1800.0",queue="default"} 2.0
river_job_heartbeat_age_seconds_bucket{le="3600.0",queue="default"} 2.0
river_job_heartbeat_age_seconds_bucket{le="+Inf",queue="default"} 2.0
# HELP river_job_heartbeat_age_seconds_gcount Time since the last beat of running attempts that beat. A gauge histogram: take quantiles without rate(). Absent for queues in which nothing beats.
# TYPE river_job_heartbeat_age_seconds_gcount gauge
river_job_heartbeat_age_seconds_gcount{queue="default"} 2.0
# HELP river_job_heartbeat_age_seconds_gsum Time since the last beat of running attempts that beat. A gauge histogram: take quantiles without rate(). Absent for queues in which nothing beats.
# TYPE river_job_heartbeat_age_seconds_gsum gauge
river_job_heartbeat_age_seconds_gsum{queue="default"} 31.5
# HELP river_job_oldest_running_timestamp_seconds attempted_at of the longest running attempt (Unix time of the database). Absent when none runs.
# TYPE river_job_oldest_running_timestamp_seconds gauge
river_job_oldest_running_timestamp_seconds{kind="email",queue="default"} 1.6999996e+09
# HELP river_job_oldest_heartbeat_timestamp_seconds The longest silent beat of running attempts that beat: the oldest of their last beats (Unix time). Absent when none beats.
# TYPE river_job_oldest_heartbeat_timestamp_seconds gauge
river_job_oldest_heartbeat_timestamp_seconds{kind="email",queue="default"} 1.699999969e+09
# HELP river_jobs_beating Running attempts with a beat of their present claim.
# TYPE river_jobs_beating gauge
river_jobs_beating{kind="email",queue="default"} 2.0
# HELP river_jobs_unknown Running attempts without a beat of their present claim: whether they live is not known.
# TYPE river_jobs_unknown gauge
river_jobs_unknown{kind="email",queue="default"} 1.0
# HELP river_jobs_cancel_pending Running attempts that were asked to cancel (metadata.cancel_attempted_at) and have not ended.
# TYPE river_jobs_cancel_pending gauge
river_jobs_cancel_pending{kind="email",queue="default"} 1.0
# HELP river_rescuer_poison_jobs Running jobs whose metadata stops River's own rescuer for every job of the schema: a river:rescue_count that is no integer, a cancel_attempted_at that is no RFC 3339 time, metadata that is no object.
# TYPE river_rescuer_poison_jobs gauge
river_rescuer_poison_jobs 1.0
# HELP river_queue_busy_clients Clients with at least one running job in the queue (last element of attempted_by).
# TYPE river_queue_busy_clients gauge
river_queue_busy_clients{queue="default"} 2.0
# HELP river_queue_last_claim_timestamp_seconds Latest known claim in the queue (attempted_at, Unix time of the database), of running, waiting and finished jobs: is anything moving? Absent until one is known.
# TYPE river_queue_last_claim_timestamp_seconds gauge
river_queue_last_claim_timestamp_seconds{queue="default"} 1.699999998e+09
# HELP river_job_run_duration_seconds Run time of completed jobs, last attempt only: finalized_at (the worker's clock) minus attempted_at (the database's). Each job is counted once, also after River has deleted it.
# TYPE river_job_run_duration_seconds histogram
river_job_run_duration_seconds_bucket{kind="email",le="0.01",queue="default"} 1.0
river_job_run_duration_seconds_bucket{kind="email",le="0.05",queue="default"} 1.0
river_job_run_duration_seconds_bucket{kind="email",le="0.1",queue="default"} 1.0
river_job_run_duration_seconds_bucket{kind="email",le="0.25",queue="default"} 3.0
river_job_run_duration_seconds_bucket{kind="email",le="0.5",queue="default"} 3.0
river_job_run_duration_seconds_bucket{kind="email",le="1.0",queue="default"} 3.0
river_job_run_duration_seconds_bucket{kind="email",le="2.5",queue="default"} 3.0
river_job_run_duration_seconds_bucket{kind="email",le="5.0",queue="default"} 4.0
river_job_run_duration_seconds_bucket{kind="email",le="10.0",queue="default"} 4.0
river_job_run_duration_seconds_bucket{kind="email",le="30.0",queue="default"} 4.0
river_job_run_duration_seconds_bucket{kind="email",le="60.0",queue="default"} 4.0
river_job_run_duration_seconds_bucket{kind="email",le="120.0",queue="default"} 4.0
river_job_run_duration_seconds_bucket{kind="email",le="300.0",queue="default"} 4.0
river_job_run_duration_seconds_bucket{kind="email",le="600.0",queue="default"} 4.0
river_job_run_duration_seconds_bucket{kind="email",le="1800.0",queue="default"} 4.0
river_job_run_duration_seconds_bucket{kind="email",le="3600.0",queue="default"} 4.0
river_job_run_duration_seconds_bucket{kind="email",le="7200.0",queue="default"} 4.0
river_job_run_duration_seconds_bucket{kind="email",le="14400.0",queue="default"} 4.0
river_job_run_duration_seconds_bucket{kind="email",le="43200.0",queue="default"} 4.0
river_job_run_duration_seconds_bucket{kind="email",le="+Inf",queue="default"} 5.0
river_job_run_duration_seconds_sum{kind="email",queue="default"} 50003.41
river_job_run_duration_seconds_count{kind="email",queue="default"} 5.0
# HELP river_jobs_finished_total Jobs that finished, by outcome: completed, discarded or cancelled. 0 as soon as the kind is seen live.
# TYPE river_jobs_finished_total counter
river_jobs_finished_total{kind="email",outcome="cancelled",queue="default"} 0.0
river_jobs_finished_total{kind="email",outcome="completed",queue="default"} 5.0
river_jobs_finished_total{kind="email",outcome="discarded",queue="default"} 1.0
# HELP river_job_attempts_total Attempts used by finished jobs.
# TYPE river_job_attempts_total counter
river_job_attempts_total{kind="email",queue="default"} 9.0
# HELP river_job_wait_duration_seconds Time from due (scheduled_at) to claimed (attempted_at) of the last attempt of finished jobs. Absent until the first one finishes.
# TYPE river_job_wait_duration_seconds histogram
river_job_wait_duration_seconds_bucket{le="0.1",priority="1",queue="default"} 1.0
river_job_wait_duration_seconds_bucket{le="0.5",priority="1",queue="default"} 2.0
river_job_wait_duration_seconds_bucket{le="1.0",priority="1",queue="default"} 2.0
river_job_wait_duration_seconds_bucket{le="2.0",priority="1",queue="default"} 2.0
river_job_wait_duration_seconds_bucket{le="5.0",priority="1",queue="default"} 2.0
river_job_wait_duration_seconds_bucket{le="10.0",priority="1",queue="default"} 3.0
river_job_wait_duration_seconds_bucket{le="30.0",priority="1",queue="default"} 3.0
river_job_wait_duration_seconds_bucket{le="60.0",priority="1",queue="default"} 3.0
river_job_wait_duration_seconds_bucket{le="120.0",priority="1",queue="default"} 3.0
river_job_wait_duration_seconds_bucket{le="300.0",priority="1",queue="default"} 3.0
river_job_wait_duration_seconds_bucket{le="600.0",priority="1",queue="default"} 3.0
river_job_wait_duration_seconds_bucket{le="1800.0",priority="1",queue="default"} 3.0
river_job_wait_duration_seconds_bucket{le="3600.0",priority="1",queue="default"} 3.0
river_job_wait_duration_seconds_bucket{le="7200.0",priority="1",queue="default"} 3.0
river_job_wait_duration_seconds_bucket{le="21600.0",priority="1",queue="default"} 3.0
river_job_wait_duration_seconds_bucket{le="86400.0",priority="1",queue="default"} 3.0
river_job_wait_duration_seconds_bucket{le="+Inf",priority="1",queue="default"} 3.0
river_job_wait_duration_seconds_sum{priority="1",queue="default"} 7.3
river_job_wait_duration_seconds_count{priority="1",queue="default"} 3.0
# HELP river_job_last_finished_timestamp_seconds When a job of the kind last finished (finalized_at, Unix time of the worker). Kept after River has deleted the job. Absent until one is known.
# TYPE river_job_last_finished_timestamp_seconds gauge
river_job_last_finished_timestamp_seconds{kind="email",queue="default"} 1.6999999985e+09
# HELP riverkeeper_build_info Always 1; the version of this keeper.
# TYPE riverkeeper_build_info gauge
riverkeeper_build_info{version="VERSION"} 1.0
# HELP riverkeeper_target_info Always 1; which database, River schema and keeper schema the numbers are of. Absent while the database is down.
# TYPE riverkeeper_target_info gauge
riverkeeper_target_info{database="orders",keeper_schema="riverkeeper",river_schema="public"} 1.0
# HELP riverkeeper_query_success 1 if the question to the database was answered in this reading, 0 if not: its metrics are then absent. The error is on the front page.
# TYPE riverkeeper_query_success gauge
riverkeeper_query_success{query="partitions"} 1.0
riverkeeper_query_success{query="queues"} 0.0
# HELP riverkeeper_query_duration_seconds How long the question to the database took in this reading.
# TYPE riverkeeper_query_duration_seconds gauge
riverkeeper_query_duration_seconds{query="partitions"} 0.004
riverkeeper_query_duration_seconds{query="queues"} 0.002
# HELP riverkeeper_snapshot_timestamp_seconds When the numbers on this page were read (Unix time of the database). Absent while it is down.
# TYPE riverkeeper_snapshot_timestamp_seconds gauge
riverkeeper_snapshot_timestamp_seconds 1.7e+09
# HELP riverkeeper_clock_skew_seconds This keeper's clock minus the database's. Absent while the database is down.
# TYPE riverkeeper_clock_skew_seconds gauge
riverkeeper_clock_skew_seconds 0.125
# HELP riverkeeper_folded_pairs Live (queue, kind) pairs without series of their own, counted under kind="other" (collect.max_pairs).
# TYPE riverkeeper_folded_pairs gauge
riverkeeper_folded_pairs 0.0
# HELP riverkeeper_ledger_durable 1 if finished jobs are counted in the keeper schema, 0 if in this process' memory: then counters begin at 0 with it, and replicas differ.
# TYPE riverkeeper_ledger_durable gauge
riverkeeper_ledger_durable 1.0
# HELP riverkeeper_ledger_late_rows_total Finished jobs that were counted only when their slot was read again: they became visible long after their finalized_at. Kept with the ledger: while it is durable, equal on every replica.
# TYPE riverkeeper_ledger_late_rows_total counter
riverkeeper_ledger_late_rows_total 2.0
# HELP riverkeeper_config_last_reload_successful 1 if the last reading of the configuration file succeeded, 0 if it failed and the one before is in force.
# TYPE riverkeeper_config_last_reload_successful gauge
riverkeeper_config_last_reload_successful 1.0
# HELP riverkeeper_http_requests_rejected_total Requests that were refused, by reason.
# TYPE riverkeeper_http_requests_rejected_total counter
riverkeeper_http_requests_rejected_total{reason="busy"} 0.0
riverkeeper_http_requests_rejected_total{reason="cross_site"} 0.0
riverkeeper_http_requests_rejected_total{reason="no_credentials"} 0.0
riverkeeper_http_requests_rejected_total{reason="rate_limited"} 0.0
riverkeeper_http_requests_rejected_total{reason="wrong_certificate"} 0.0
riverkeeper_http_requests_rejected_total{reason="wrong_credentials"} 0.0
# HELP riverkeeper_series Samples on this page, those of the process itself (process_, python_) not counted.
# TYPE riverkeeper_series gauge
riverkeeper_series 142.0
"""


def test_the_whole_page() -> None:
    """Names, types, help, labels, values, buckets and order."""
    body, content_type = Exposition().page(FULL, Process(), "", frozenset())
    ours, _, libraries = body.decode().partition("# HELP process_")

    assert ours == PAGE.replace("VERSION", __version__)
    assert content_type.startswith("text/plain; version=0.0.4")
    assert "python_info" in libraries


def test_the_page_above_shows_every_family() -> None:
    """Nobody adds a family without showing here what it looks like."""
    families: list[Family[Any]] = [*OF_SNAPSHOT, *PROCESS]

    assert {f"# TYPE {family.name}" for family in families} == {
        line.rpartition(" ")[0]
        for line in PAGE.splitlines()
        if line.startswith("# TYPE ") and not line.endswith(("_gcount gauge", "_gsum gauge"))
    }
