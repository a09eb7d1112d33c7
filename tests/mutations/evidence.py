"""Mutations of proof from pods: what would call a living process dead."""

from __future__ import annotations

from mutations.mutation import Mutation

PROOF, WATCHER, VERDICT = "evidence/test_proof.py", "evidence/test_watcher.py", "verdict/test_worker_dead.py"
RESCUE, SCRAPE = "rescue/test_worker_dead.py", "scrape/test_dead_workers.py"
COUNTED = "rescue/supervisor/test_reporting.py"

MUTATIONS = (
    Mutation(
        "a process is taken for one of the start before it, because a node's clock was set back",
        "alive_at <= end.finished_at - MARGIN",
        "alive_at <= end.finished_at + RESOLUTION",
        (f"{PROOF}::test_without_the_start_in_its_id_the_claim_must_be_well_before_the_end",
         "evidence/test_pod_lives.py::test_no_job_of_a_living_process_is_called_dead"),
    ),
    Mutation(
        "the pod of a StatefulSet that was deleted by force works on, and the end of its successor takes its jobs",
        "if pods[0].is_reused:",
        "if not pods[0].host:",
        (f"{PROOF}::test_a_name_that_is_used_again_needs_the_uid",),
    ),
    Mutation(
        "a container that runs, or may run, does not count",
        "if why := _may_live(container, alive_at + slack):",
        "if why := _may_live(container, 0.0):",
        (f"{PROOF}::test_every_container_that_may_have_run_it_must_have_ended",),
    ),
    Mutation(
        "the kubelet found no container any more, and its own end for it is believed",
        "terminated.get(\"reason\") in NOT_SEEN | NOT_STARTED",
        "terminated.get(\"reason\") in NOT_STARTED",
        (f"{PROOF}::test_an_end_that_nobody_saw_proves_nothing",),
    ),
    Mutation(
        "a beat after the end does not refute it",
        "if all(beat_at <= latest for beat_at in beats) else None",
        "if latest else None",
        (f"{VERDICT}::test_a_beat_after_the_end_refutes_it", f"{RESCUE}::test_a_beat_after_the_end_refuses_the_rescue",
         f"{SCRAPE}::test_a_later_beat_of_the_process_refutes_it"),
    ),
    Mutation(
        "a clock that is far off makes an end look older than it is",
        "return abs(self.seconds) + self.uncertainty <= MARGIN",
        "return self.uncertainty <= MARGIN",
        (f"{PROOF}::test_clocks_that_are_apart_prove_nothing",
         f"{WATCHER}::test_the_clock_of_the_api_server_is_measured"),
    ),
    Mutation(
        "proof that is held by policy hides a verdict that would have been acted on",
        "    if held and found.reason.is_stuck and action_for(tier, found.reason) is not Action.HOLD:\n",
        "    if held and found.reason is Reason.OK:\n",
        (f"{VERDICT}::test_proof_that_is_held_hides_no_act",),
    ),
    Mutation(
        "each restart of Riverkeeper counts the held jobs again, and the alert about memory fires",
        " and ended.finished_at >= self._active_since:",
        ":",
        (f"{COUNTED}::test_held_jobs_are_not_counted_again_by_the_next_active_replica",),
    ),
    Mutation(
        "a pass that could not read the pods makes the next one count its held jobs again",
        "self._lost = known | lost.keys()",
        "self._lost = frozenset(lost)",
        (f"{COUNTED}::test_a_lost_job_is_counted_once",),
    ),
    Mutation(
        "a UID that somebody wrote down ends the jobs of a living process, which beats on",
        "now > holder.last_beat_at + holder.beat_interval + BEAT_SLACK",
        "now > 0.0",
        (f"{PROOF}::test_where_the_uid_alone_names_the_pod_a_beat_must_be_missing",
         "evidence/test_pod_lives.py::test_no_job_of_a_living_process_is_called_dead"),
    ),
    Mutation(
        "an environment that was copied to another machine ends the jobs there",
        "if reported.host not in (None, pod.host) or holder.host not in (None, pod.host, in_id):",
        "if pod.host not in (pod.host, in_id):",
        (f"{PROOF}::test_a_copied_environment_is_no_evidence",),
    ),
    Mutation(
        "a beat of the process after the end of the pod that it reports does not refute it",
        "holder.last_beat_at > found.finished_at + RESOLUTION:",
        "holder.last_beat_at < 0.0:",
        (f"{PROOF}::test_a_beat_of_the_reporting_process_after_the_end_refutes_it",),
    ),
    Mutation(
        "two processes share a client id, and the end of the one that beats takes the jobs of the other",
        "client_id and parse_client_id(client_id) is not None else None",
        "client_id else None",
        (f"{SCRAPE}::test_a_claim_that_never_beat_has_no_pod_by_an_id_of_one_s_own",),
    ),
    Mutation(
        "the last rescue of a job that kills its workers does not name what killed them",
        "    if job.terminated is not None and verdict.is_of(Reason.WORKER_DEAD):\n",
        "    if job.terminated is not None and verdict.reason is Reason.WORKER_DEAD:\n",
        (f"{RESCUE}::test_the_last_act_on_such_a_job_has_its_evidence_too",),
        errors=("KeyError",),
    ),
    Mutation(
        "a dry run and the live rescue of one claim count as two kills of the job's workers",
        "killed = {record.attempt for record in life.facts.rescues or () if record.cause == EndCause.OOM_KILLED}",
        "killed = [record.attempt for record in life.facts.rescues or () if record.cause == EndCause.OOM_KILLED]",
        ("web/pages/test_job.py::test_a_job_whose_workers_run_out_of_memory_is_shown_as_what_may_kill_them",),
    ),
)  # fmt: skip
