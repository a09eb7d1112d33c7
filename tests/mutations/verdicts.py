"""Mutations of verdicts: when missed heartbeats count, from which limit on, and what else may look like a death."""

from __future__ import annotations

from mutations.mutation import Mutation

JUDGE, LIMITS, PATH = "verdict/test_judge.py", "verdict/test_limits.py", "brakes/test_heartbeat_path.py"
EACH = f"{JUDGE}::test_each_reason_and_its_edge"
BREAKS = f"{PATH}::test_whatever_may_have_stopped_a_beat_begins_the_stretch_anew"
GUARDS, READING = "rescue/test_guards.py", "scrape/test_verdicts.py"
CLOCKS, RHYTHM = "scrape/test_worker_clocks.py", "scrape/test_rhythm.py"

MUTATIONS = (
    Mutation(
        "what cannot be proven to be stuck is shown as well",
        "    if not _over(counted, limit):\n        return _unverified(tier, limit, beat_age, counted)\n",
        "    if not _over(counted, limit):\n        return Verdict(Reason.OK, tier.name)\n",
        (
            f"{JUDGE}::test_what_an_open_path_would_prove_is_suspected_until_then",
            f"{READING}::test_silence_counts_while_the_way_was_open",
        ),
    ),
    Mutation(
        "a worker whose heartbeats are kept out, while it works on, is called lost",
        "    if seen is not None and seen <= limit.seconds:\n",
        "    if seen is not None and seen < 0:\n",
        (EACH, f"{READING}::test_a_client_that_river_sees_at_work_is_not_lost"),
    ),
    Mutation(
        "a worker that died right after its last claim is taken for one that works on",
        "return seen if seen > last.beat_at + LATE_INTERVALS * last.interval else None",
        "return seen if seen > last.beat_at else None",
        (f"{READING}::test_a_client_that_river_sees_at_work_is_not_lost",),
    ),
    Mutation(
        "a claim that its client gave up waits until its heartbeats are missed",
        "    if (gave_up_at := job.gave_up_at) is not None:\n",
        "    if (gave_up_at := job.gave_up_at) == now:\n",
        (EACH, f"{READING}::test_a_claim_that_its_client_gave_up"),
    ),
    Mutation(
        "a claim that was given up is rescued before River has written how it ended",
        "if _over(since, RESULT) else Verdict(Reason.OK, tier.name)",
        "if since >= 0 else Verdict(Reason.OK, tier.name)",
        (EACH,),
    ),
    Mutation(
        "after an outage all beats are old at once, and every job is rescued",
        "counted = None if beat_age is None or verified is None else min(beat_age, verified)",
        "counted = beat_age",
        (f"{JUDGE}::test_after_an_outage_every_claim_has_a_full_timeout",),
    ),
    Mutation(
        "a client that beats seldom is called lost by a tier that wants it often",
        "heartbeat = _at_least(limits.heartbeat, floor, sentence, raised=not by_metadata)",
        "heartbeat = limits.heartbeat",
        (EACH, f"{LIMITS}::test_the_limit_in_force_is_never_below_what_clients_declare"),
    ),
    Mutation(
        "a claim is called lost before its own lease has ended its work",
        "heartbeat = _at_least(heartbeat, least + tier.drain, why)",
        "heartbeat = _at_least(heartbeat, 0.0 * least, why)",
        (EACH, f"{LIMITS}::test_the_limit_in_force_is_never_below_what_clients_declare"),
    ),
    Mutation(
        "a claim is called lost as soon as its lease is over, while its work still stops",
        "_at_least(heartbeat, least + tier.drain, why)",
        "_at_least(heartbeat, least, why)",
        (EACH, f"{LIMITS}::test_the_limit_in_force_is_never_below_what_clients_declare"),
    ),
    Mutation(
        "progress that travels with slow beats comes too late for the tier",
        "progress = limits.progress and _at_least(limits.progress, floor, sentence, raised=not by_metadata)",
        "progress = limits.progress",
        (EACH, f"{LIMITS}::test_the_limit_in_force_is_never_below_what_clients_declare"),
    ),
    Mutation(
        "what the claim itself declares is ignored",
        "own = raise_limits(limits, tier, beat.interval, beat.lease, by_metadata=beat.by_metadata)",
        "own = raise_limits(limits, tier, None, None, by_metadata=beat.by_metadata)",
        (EACH,),
    ),
    Mutation(
        "a claim that was taken away already is judged again",
        "if beat is not None and beat.lost_at is not None:",
        "if beat is not None and beat.lost_at == now:",
        (EACH, f"{JUDGE}::test_lost_claims_are_skipped"),
    ),
    Mutation(
        "a job that never reported progress is called hung",
        """    if beat.progress_at is not None and limits.progress is not None:
        progress_age = _seconds_since(now, path_ok_since, beat.progress_at)
""",
        """    if limits.progress is not None:
        progress_age = _seconds_since(now, path_ok_since, beat.progress_at or 0.0)
""",
        (EACH,),
    ),
    Mutation(
        "a job that died before its first beat stays running for ever",
        "    if all(_over(beat_age, limit) for limit, beat_age in ages):\n",
        "    if all(_over(beat_age, limit) for limit, beat_age in ages) and job.beat:\n",
        (EACH,),
    ),
    Mutation(
        "one stale process of several under one client id condemns the jobs of all",
        "    if all(_over(beat_age, limit) for limit, beat_age in ages):\n",
        "    if any(_over(beat_age, limit) for limit, beat_age in ages):\n",
        (EACH,),
    ),
    Mutation(
        "a process that does not beat for a kind counts for jobs of that kind",
        "[instance for instance in job.instances if instance.beats_for_kind]",
        "list(job.instances)",
        (EACH,),
    ),
    Mutation(
        "a claim that a worker's clock dates five minutes too early is rescued when it is made",
        "return self.claimed_at if self.claimed_before is None else max(self.claimed_at, self.claimed_before)",
        "return self.claimed_at",
        (
            "verdict/test_clocks.py::test_no_skew_makes_a_job_stuck_that_is_not",
            f"{CLOCKS}::test_a_claim_by_a_clock_that_is_behind_is_no_orphan_when_it_is_made",
            "rescue/test_worker_clocks.py::test_a_claim_of_a_clock_behind_is_not_taken",
        ),
    ),
    Mutation(
        "a claim by a clock ahead is too young for its limit for minutes, though it has beaten for long",
        "            WHEN h.first_beat_at < seen.claimed_at THEN h.first_beat_at\n",
        "",
        (f"{CLOCKS}::test_a_budget_counts_from_the_first_heartbeat",),
    ),
    Mutation(
        "a claim by a clock behind has run for five minutes when it is made",
        "THEN least(h.first_beat_at, seen.claimed_at + make_interval(secs => %(most_skew)s))",
        "THEN seen.claimed_at",
        (f"{CLOCKS}::test_a_budget_counts_from_the_first_heartbeat",),
    ),
    Mutation(
        "a job whose claim a clock ahead dates is found over its limit too late",
        "        least(j.attempted_at, h.first_beat_at) AS claimed_at,\n",
        "        j.attempted_at AS claimed_at,\n",
        (f"{CLOCKS}::test_a_budget_counts_from_the_first_heartbeat",),
    ),
    Mutation(
        "of a claim that nobody has seen before, each scrape is the first to see it",
        "return min(self.claims.since.get(claim, now), self.groups.since.get(group, now))",
        "return now",
        (f"{CLOCKS}::test_what_is_first_seen_among_its_group_counts_from_then",),
    ),
    Mutation(
        "a plain client in Ruby counts as one whose claims the database dates",
        "    return any(software_name(name) not in DATABASE_CLOCK for name in software)\n",
        "    return False\n",
        ("verdict/test_clocks.py::test_whose_clock_dates_a_claim",),
    ),
    Mutation(
        "a worker whose clock is behind claims jobs, and River is not seen to see it at work",
        "latest_at = latest_claim_at(at, newest.since[client, at])",
        "latest_at = at",
        (f"{CLOCKS}::test_a_clock_that_is_behind_hides_no_worker_that_claims",),
    ),
    Mutation(
        "the lead of a dead worker whose clock is ahead is a sign of life for minutes",
        "renewed_at = self.seen_claims.leader.since[leader.leader_id, leader.expires_at]",
        "pass",
        (f"{CLOCKS}::test_the_lead_of_a_worker_with_a_clock_ahead_ends_with_it",),
    ),
    Mutation(
        "a job that was claimed a moment ago is lost, because its process is stale for long",
        "_seconds_since(now, instance.beat_at, job.held_since))",
        "_seconds_since(now, instance.beat_at))",
        (EACH,),
    ),
    Mutation(
        "a fetch whose answer got lost leaves a job that nobody holds, for ever",
        "    if _over(counted, limit):\n        return Verdict(Reason.ORPHANED",
        "    if _over(counted, limit) and job.beat:\n        return Verdict(Reason.ORPHANED",
        (EACH,),
    ),
    Mutation(
        "a beat in the metadata beside an old row does not count",
        "return replace(table, beat_at=max(table.beat_at, metadata.beat_at))",
        "return table",
        (f"{GUARDS}::test_a_fresh_beat_in_the_metadata_since_it_was_found",),
    ),
    Mutation(
        "a beat that an earlier attempt left in the metadata condemns the next one",
        "if at is None or not row.claimed_at <= at <= now + AHEAD:",
        "if at is None:",
        ("rescue/test_earlier_attempts.py::test_a_beat_in_the_metadata_of_an_earlier_attempt_is_none",),
    ),
    Mutation(
        "the same, where a reading looks for stuck jobs",
        "CASE WHEN parsed.moment >= parsed.attempted_at AND parsed.moment <=",
        "CASE WHEN parsed.moment <=",
        (f"{READING}::test_a_beat_in_the_metadata_of_an_earlier_attempt_is_none",),
    ),
    Mutation(
        "the heartbeat path stays verified over a restart or a failover, which may have lost beats",
        '        (path.server != seen.server, "another server answers: the database failed over or restarted"),\n',
        "",
        (BREAKS,),
    ),
    Mutation(
        "the database's clock steps forward, and every beat is an hour old at once",
        "        (step > MAX_CLOCK_STEP, "
        """f"one of the clocks (database, this process) was set: a step of {step:.1f} s"),\n""",
        "",
        (BREAKS,),
    ),
    Mutation(
        "nobody proved the way for a while, in which beats may have been kept out",
        '        (since > patience, f"no probe for {since:.1f} s"),\n',
        "",
        (BREAKS,),
    ),
    Mutation(
        "a probe failed, as a beat would have",
        '        (before is not None and before.failed, "a probe failed in between"),\n',
        "",
        (BREAKS,),
    ),
    Mutation(
        "the database's clock goes back, and moments ahead are compared with it",
        """        (back > 0, f"the database's clock went back by {back:.1f} s"),\n""",
        "",
        (BREAKS,),
    ),
    Mutation(
        "Riverkeeper reaches the database while no client does, and all their jobs are rescued",
        "    if why := find_late_fleet(seen):\n",
        "    if (why := find_late_fleet(seen)) == '':\n",
        (f"{PATH}::test_a_fleet_that_is_late_as_a_whole_breaks_the_path_until_one_client_beats",),
    ),
    Mutation(
        "the job of a fleet's only process waits for a second one for ever",
        "LEAST_FLEET = 2",
        "LEAST_FLEET = 1",
        (f"{PATH}::test_one_process_a_beat_or_an_operator_keep_the_path_verified",),
    ),
    Mutation(
        "who has not come back after an outage is no part of the fleet any more",
        "return path.before_to if recent else None",
        "return None",
        (f"{PATH}::test_who_has_not_come_back_after_an_outage_still_counts_as_one_of_the_fleet",),
    ),
    Mutation(
        "an old proof of the path counts, although no replica has probed it for an hour",
        "CASE WHEN abs(extract(epoch FROM now() - c.path_probe_at)) <= %(patience)s::double precision",
        "CASE WHEN %(patience)s::double precision > 0",
        (f"{READING}::test_silence_counts_while_the_way_was_open",),
    ),
    Mutation(
        "Riverkeeper can write its own table, but no beat can be written",
        '    tx.query("rescue/supervisor/probe_beats")\n',
        "",
        ("rescue/supervisor/test_election.py::test_a_probe_needs_that_a_beat_could_be_written",),
    ),
    Mutation(
        "a turn that failed is forgotten by the next one",
        "self._before = replace(self._before, failed=True)",
        "self._before = replace(self._before, failed=False)",
        ("rescue/supervisor/test_election.py::test_a_failed_probe_breaks_the_stretch",),
    ),
    Mutation(
        "two replicas hold an election at once, and each overwrites what the other proved",
        "    if leader := find_leader(tx, replica, takeover):  # it was faster\n        return leader\n",
        "",
        ("rescue/supervisor/test_election.py::test_who_waited_for_the_lock_reads_the_leader_again",),
    ),
    Mutation(
        "a worker whose last beat lies an hour ahead is safe from every rescue for an hour",
        '        tx.query("rescue/supervisor/correct_future_beats")\n',
        "        pass\n",
        ("rescue/supervisor/test_election.py::test_beats_that_lie_ahead_count_as_of_now",),
    ),
    Mutation(
        "queues of Go have no producer after three of the gaps that their clients leave together",
        "        if gap > QUICK_SECONDS:\n",
        "        if gap > DEFAULT_SECONDS:\n",
        (f"{RHYTHM}::test_ten_minutes_are_as_before",),
    ),
    Mutation(
        "a queue has no producer for its first refreshes, because a start counts as a rhythm",
        "LEAST_REFRESHES = 3",
        "LEAST_REFRESHES = 1",
        (f"{RHYTHM}::test_a_rhythm_is_known_after_three_refreshes",),
    ),
    Mutation(
        "a queue that a clock five minutes behind dates has no producer at once",
        "seen = Refresh(now, abs(updated_at - self.updated_at), now - self.updated_at)",
        "seen = Refresh(now, abs(updated_at - self.updated_at), abs(updated_at - self.updated_at))",
        (f"{RHYTHM}::test_a_row_that_another_clock_dates_has_its_skew_in_the_limit",),
    ),
    Mutation(
        "a slow client of before hides for ever that a quick queue has lost its producer",
        "now - self.refreshes[0].seen_at > WINDOW_SECONDS:",
        "now - self.refreshes[0].seen_at > 1e9:",
        (f"{RHYTHM}::test_a_slow_client_that_is_replaced_by_a_quick_one_is_forgotten",),
    ),
    Mutation(
        "the first refresh after hours without a producer ends the quick rhythm",
        "            if seen.gap <= DEFAULT_SECONDS:",
        "            if seen.gap <= 1e9:",
        (f"{RHYTHM}::test_a_start_after_hours_is_no_gap",),
    ),
    Mutation(
        "the rhythm of one queue is that of all",
        "self._queues = {name: self._queues.get(name) or _QueueRhythm(at) for name, at in rows.items()}",
        "self._queues = dict.fromkeys(rows, next(iter(self._queues.values()), _QueueRhythm(0.0)))",
        (f"{RHYTHM}::test_queues_keep_their_rhythms_apart",),
    ),
    Mutation(
        "the page of a job gives a moment at which its verdict does not change",
        "if verdict.reason is not present.reason:\n            return VerdictChange(at",
        "if True:\n            return VerdictChange(at",
        ("verdict/test_changes.py::test_at_the_change_the_verdict_is_the_one_that_was_given",),
    ),
    Mutation(
        "the page of a job leaves out a limit, so that its verdict changes before the moment that it gave",
        "    yield RESULT\n",
        "    yield from ()\n",
        ("verdict/test_changes.py::test_work_that_was_given_up_is_abandoned_when_its_result_does_not_come",),
    ),
    Mutation(
        "the page of a job judges it by other limits than the scrape",
        "PassInput.from_verdicts(now, 0.0, judged).limits(policy, tier, running.kind)",
        "PassInput(now, 0.0, judged, {}).limits(policy, tier, running.kind)",
        ("scrape/test_job_facts.py::test_a_job_is_judged_as_the_scrape_judges_it",),
    ),
    Mutation(
        "a process that missed one beat is shown as one that stopped",
        "is_stale = now - process.beat_at > MISSED_BEATS * process.interval",
        "is_stale = now - process.beat_at > process.interval",
        ("verdict/test_workers.py::test_three_missed_beats_make_a_process_stale",),
    ),
    Mutation(
        "a process whose heartbeats are deleted is shown as one that ended without a job",
        "if not self.left.traced or self.left.unknown:",
        "if self.left.unknown:",
        ("verdict/test_workers.py::test_how_a_process_ended_is_shown_only_where_it_is_known",),
    ),
    Mutation(
        "a list of workers that is cut hides those that stopped with a job",
        "for worker in order_workers(known) if wanted.covers(worker)]",
        "for worker in known if wanted.covers(worker)]",
        ("scrape/test_workers.py::test_a_list_that_is_cut_shows_how_much_there_is",),
    ),
    Mutation(
        "a process that stopped is shown with the lost jobs of a later one with its name",
        " AND r.attempted_at <= to_timestamp(c.beat_at + c.beat_interval)",
        "",
        ("scrape/test_workers.py::test_rescues_outlive_the_heartbeats",),
    ),
)
