"""The catalogue keeps Prometheus' conventions, and what the design promises."""

from __future__ import annotations

import re
from typing import Any

from fixtures.offenders import for_each
from riverkeeper.metrics.catalogue import ACTS, OF_SNAPSHOT, PROCESS
from riverkeeper.metrics.family import Family, MetricType

ALL: tuple[Family[Any], ...] = (*OF_SNAPSHOT, *ACTS, *PROCESS)
NAMES = [family.name for family in ALL]
for_each_family = for_each("family", ALL, lambda family: family.name)

# DESIGN.md §3: name -> type and labels.
PROMISED = {
    "river_up": "gauge",
    "river_jobs": "gauge queue,state",
    "river_jobs_estimated": "gauge queue,state",
    "river_jobs_by_kind": "gauge queue,kind,state",
    "river_jobs_ready": "gauge queue,priority",
    "river_job_oldest_ready_timestamp_seconds": "gauge queue,priority",
    "river_jobs_overdue": "gauge queue,state",
    "river_jobs_failing": "gauge queue,kind",
    "river_jobs_last_attempt": "gauge queue,kind",
    "river_job_running_age_seconds": "gaugehistogram queue",
    "river_job_heartbeat_age_seconds": "gaugehistogram queue",
    "river_job_oldest_running_timestamp_seconds": "gauge queue,kind",
    "river_job_oldest_heartbeat_timestamp_seconds": "gauge queue,kind",
    "river_jobs_beating": "gauge queue,kind",
    "river_jobs_unknown": "gauge queue,kind",
    "river_job_run_duration_seconds": "histogram queue,kind",
    "river_jobs_finished_total": "counter queue,kind,outcome",
    "river_job_wait_duration_seconds": "histogram queue,priority",
    "river_job_last_finished_timestamp_seconds": "gauge queue,kind",
    "river_queue_last_claim_timestamp_seconds": "gauge queue",
    "river_jobs_cancel_pending": "gauge queue,kind",
    "river_rescuer_poison_jobs": "gauge",
    "river_queue_paused": "gauge queue",
    "river_queue_updated_timestamp_seconds": "gauge queue",
    "riverkeeper_queue_refresh_limit_seconds": "gauge queue",
    "river_queue_busy_clients": "gauge queue",
    "river_leader_elected_timestamp_seconds": "gauge",
    "river_leader_expires_timestamp_seconds": "gauge",
    "river_oldest_finalized_timestamp_seconds": "gauge state",
    "river_migration_version": "gauge line",
    "river_table_bytes": "gauge table",
    "river_table_dead_rows": "gauge table",
    "river_table_live_rows": "gauge table",
    "riverkeeper_build_info": "gauge version",
    "riverkeeper_target_info": "gauge database,river_schema,keeper_schema",
    "riverkeeper_query_success": "gauge query",
    "riverkeeper_query_duration_seconds": "gauge query",
    "riverkeeper_snapshot_timestamp_seconds": "gauge",
    "riverkeeper_clock_skew_seconds": "gauge",
    "riverkeeper_folded_pairs": "gauge",
    "riverkeeper_series": "gauge",
    "riverkeeper_fence_installed": "gauge",
    "riverkeeper_ledger_durable": "gauge",
    "riverkeeper_ledger_timestamp_seconds": "gauge",
    "riverkeeper_ledger_late_rows_total": "counter",
    "riverkeeper_config_last_reload_successful": "gauge",
    "riverkeeper_http_requests_rejected_total": "counter reason",
    "river_jobs_stuck": "gauge queue,kind,tier,reason",
    "river_job_limit_seconds": "gauge kind,tier,limit",
    "river_job_limit_used_ratio": "gauge queue,kind,tier,limit",
    "riverkeeper_policy_raised": "gauge tier,limit",
    "riverkeeper_actor": "gauge",
    "riverkeeper_rescue_mode": "gauge tier,mode",
    "riverkeeper_brake_engaged": "gauge brake",
    "riverkeeper_rescues_total": "counter tier,reason,action",
    "riverkeeper_rescue_refusals_total": "counter refusal",
    "riverkeeper_late_finishes_total": "counter queue,kind",
    "riverkeeper_late_results_total": "counter queue,kind,outcome",
    "riverkeeper_time_to_rescue_seconds": "histogram",
    "riverkeeper_last_rescue_timestamp_seconds": "gauge",
    "riverkeeper_webhook_alerts_total": "counter status",
    "riverkeeper_last_webhook_timestamp_seconds": "gauge",
    "riverkeeper_wakes_open": "gauge",
}
# `kind` and `queue` are folded, the others have few values; ids, clients and errors are never among them.
LABELS = {
    "queue", "kind", "state", "priority", "outcome", "table", "line", "query", "reason", "version", "database",
    "river_schema", "keeper_schema", "tier", "limit", "bucket", "mode", "brake", "action", "refusal", "status",
}  # fmt: skip
BASE_UNITS = ("seconds", "bytes")
OTHER_UNITS = {
    "milliseconds", "ms", "microseconds", "nanoseconds", "ns", "minutes", "hours", "days", "sec", "secs", "kb", "mb",
    "kilobytes", "megabytes", "percent", "percents",
}  # fmt: skip


@for_each("name", PROMISED)
def test_what_the_design_promises_exists(name: str) -> None:
    """A dashboard written from the design finds every family, with its type and labels."""
    (family,) = [family for family in ALL if family.name == name]

    assert f"{family.kind.value} {','.join(family.labels)}".strip() == PROMISED[name]


def test_names_are_unique() -> None:
    """Also without the suffixes that a type adds: x and x_bucket would collide."""
    suffixes = {
        MetricType.GAUGE: [""],
        MetricType.COUNTER: [""],
        MetricType.HISTOGRAM: ["", "_bucket", "_sum", "_count"],
        MetricType.AGES: ["", "_bucket", "_gsum", "_gcount"],
    }
    made = [family.name + suffix for family in ALL for suffix in suffixes[family.kind]]

    assert len(made) == len(set(made))


@for_each_family
def test_names(family: Family[Any]) -> None:
    """Snake case with our prefix; no suffix that belongs to a type, no type in the name, base units at the end."""
    words = family.name.removesuffix("_total").split("_")

    assert re.fullmatch(r"(river|riverkeeper)(_[a-z][a-z0-9]*)+", family.name)
    assert not family.name.endswith(("_sum", "_count", "_bucket", "_created"))
    assert not {"gauge", "counter", "histogram", "summary", "metric"} & set(words)
    assert not OTHER_UNITS & set(words)
    assert not set(BASE_UNITS) & set(words[:-1])


@for_each_family
def test_suffixes_belong_to_types(family: Family[Any]) -> None:
    """_total on counters and nowhere else; durations are histograms in seconds; _info is always 1."""
    assert family.name.endswith("_total") is (family.kind is MetricType.COUNTER)
    if family.kind in {MetricType.HISTOGRAM, MetricType.AGES}:
        assert family.name.endswith(("_duration_seconds", "_age_seconds", "_to_rescue_seconds"))
    if family.name.endswith(("_info", "_timestamp_seconds", "_bytes")):
        assert family.kind is MetricType.GAUGE


@for_each_family
def test_labels(family: Family[Any]) -> None:
    """From a short list, none twice, none that Prometheus or the histogram itself uses."""
    assert set(family.labels) <= LABELS
    assert len(set(family.labels)) == len(family.labels)
    assert not {"job", "instance", "le", "quantile"} & set(family.labels)


@for_each_family
def test_help(family: Family[Any]) -> None:
    """One line of whole sentences that ends; the name is not repeated."""
    assert re.match(r"[A-Z0-9]|finalized_at|attempted_at", family.help)
    assert family.help.endswith(".")
    assert "\n" not in family.help
    assert "  " not in family.help
    assert not re.search(rf"\b{family.name}\b", family.help)


@for_each("family", [f for f in ALL if f.name.endswith("_timestamp_seconds")], lambda f: f.name)
def test_the_help_of_a_moment_names_when_it_is_absent(family: Family[Any]) -> None:
    """0 would be 1970: without a moment there is no series, and the help names that, and that it is Unix time."""
    assert "Absent" in family.help or "Kept after" in family.help
    assert "Unix time" in family.help


@for_each_family
def test_metrics_named_in_a_help_exist(family: Family[Any]) -> None:
    """A family that a HELP refers to is there."""
    named = re.findall(r"\briver(?:keeper)?_[a-z_]+\b(?!\.)", family.help)
    tables = {"river_job", "river_queue"}

    assert set(named) <= {*NAMES, *tables}


@for_each_family
def test_edges(family: Family[Any]) -> None:
    """Rising, finite, and only where the type has buckets: few enough for what they cost."""
    assert bool(family.edges) is (family.kind in {MetricType.HISTOGRAM, MetricType.AGES})
    assert list(family.edges) == sorted(set(family.edges))
    assert len(family.edges) <= 20
    assert all(0 < edge < float("inf") for edge in family.edges)


@for_each_family
def test_facts_and_acts(family: Family[Any]) -> None:
    """river_* are facts of the database, riverkeeper_* are of this process; the page of the process has no facts."""
    assert family.of_one_process is family.name.startswith("riverkeeper_")
    if family in PROCESS:
        assert family.of_one_process
