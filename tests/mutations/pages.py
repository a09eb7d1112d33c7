"""Mutations of what the pages show: orders, verdicts and ends that would be misread."""

from __future__ import annotations

from mutations.mutation import Mutation

RUNNING, ENDS = "web/pages/test_running.py", "ledger/test_expected_end.py"

MUTATIONS = (
    Mutation(
        "a worker's clock that is behind pushes the longest job off the page",
        "THEN least(p.claimed_at + make_interval(secs => %(most_skew)s), now()) ELSE p.claimed_at END AS since",
        "THEN least(p.claimed_at + make_interval(secs => 0 * %(most_skew)s), now()) ELSE p.claimed_at END AS since",
        ("river/test_longest.py::test_the_order_does_not_trust_a_workers_clock",),
    ),
    Mutation(
        "a host is taken for a prefix, and the jobs of another host are listed",
        "AND substr(p.client_id, length(%(worker)s::text) + 1) ~ %(id_after_host)s)",
        "AND %(id_after_host)s::text IS NOT NULL)",
        ("river/test_longest.py::test_a_worker_is_found_by_its_id_and_by_its_host",),
    ),
    Mutation(
        "a running job that never beat is shown as ok",
        "young = now - job.held_since <= FIRST_BEAT_SECONDS\n        return Word.UNKNOWN,",
        "young = now - job.held_since <= FIRST_BEAT_SECONDS\n        return Word.OK,",
        (f"{RUNNING}::test_the_verdict_is_that_of_the_scrape",),
    ),
    Mutation(
        "a job whose worker is dead is expected to end",
        "if reason is not None and reason.is_stuck and reason is not Reason.OVER_BUDGET:",
        "if reason is not None and reason is Reason.HUNG:",
        (f"{RUNNING}::test_a_stuck_job_is_not_expected_to_end",),
    ),
    Mutation(
        "a late job is expected to have ended in the past",
        "at=max(at, now),\n        earliest=max(job.held_since + took / most, now),",
        "at=at,\n        earliest=max(job.held_since + took / most, now),",
        (f"{ENDS}::test_an_end_that_has_passed_is_now",),
    ),
    Mutation(
        "short runs of a kind make a long one look as if it ended soon",
        "if bucket != NO_DURATION and (bucket >= len(EDGES) or EDGES[bucket] > age)",
        "if bucket != NO_DURATION",
        (f"{ENDS}::test_history_counts_only_runs_that_took_longer",),
    ),
    Mutation(
        "the front page asks for no operator while nobody rescues",
        "elif state is None or state.modes.get(tier) is not Mode.LIVE:",
        "elif state is None:",
        ("web/pages/test_answers.py::test_a_stuck_job_that_nobody_rescues_needs_an_operator",),
    ),
    Mutation(
        "the front page answers No although running jobs never beat",
        "if why := explain_unseen(snapshot):\n        return Answer(",
        "if (why := explain_unseen(snapshot)) and not why:\n        return Answer(",
        ("web/pages/test_answers.py::test_jobs_that_do_not_beat_are_no_all_clear",),
    ),
)
