"""The order of the incidents of a month. Pure.

Two environments stand side by side, each with both of its Rivers, so that all takes half as long. Within one of them
incidents come one after the other. What restarts Riverkeeper stands apart: three restarts in an hour are an alert of
their own. What keeps an alert for an hour or a day stands at the end.
"""

FIRST = (
    "calm",
    "worker_killed",
    "queue_paused",
    "queue_resumed",
    "job_hangs",
    "deploy",
    "queue_without_producer",
    "worker_hung",
    "database_restarted",
    "leader_gone",
    "all_workers_killed",
    "poison_row",
    "mass_death",
    "kind_nobody_works",
    "queue_slow",
    "kind_failing",
    "jobs_discarded",
    "false_rescue",
)
SECOND = (
    "replica_restarted",
    "broken_configuration",
    "rescuer_paused",
    "stuck_in_dry_run",
    "workers_partitioned",
    "database_stopped",
    "webhook_cut_off",
    "job_over_budget",
    "clock_skewed",
    "ledger_not_durable",
    "second_river_not_watched",
    "riverkeeper_killed",
    "crash_loop",
)
