"""Cures of verdicts: when silence of a worker counts, from which limit on, and what else may look like a death."""

from __future__ import annotations

from cures.cure import Cure

JUDGE, LIMITS, PATH = "unit/test_verdict_judge.py", "unit/test_verdict_limits.py", "unit/test_path.py"
EACH = f"{JUDGE}::test_each_reason_and_its_edge"
BREAKS = f"{PATH}::test_whatever_could_have_kept_a_beat_out_begins_the_stretch_anew"
GUARDS, READING = "database/test_rescue_guards.py", "database/test_verdict_reading.py"

CURES = (
    Cure(
        "what cannot be proven to be stuck is shown as well",
        "verdict/judge.py",
        "    if not _over(silent, limit):\n        return _unverified(tier, limit, heard, silent)\n",
        "    if not _over(silent, limit):\n        return Verdict(Reason.OK, tier.name)\n",
        (
            f"{JUDGE}::test_what_an_open_path_would_prove_is_suspected_until_then",
            f"{READING}::test_silence_counts_while_the_way_was_open",
        ),
    ),
    Cure(
        "a worker whose heartbeats are kept out, while it works on, is called lost",
        "verdict/judge.py",
        "    if seen is not None and seen <= limit.seconds:\n",
        "    if seen is not None and seen < 0:\n",
        (EACH, f"{READING}::test_a_client_that_river_sees_at_work_is_not_lost"),
    ),
    Cure(
        "a worker that died right after its last claim is taken for one that works on",
        "scrape/worker_instances.py",
        "return seen if seen > last.beat_at + LATE_INTERVALS * last.beat_interval else None",
        "return seen if seen > last.beat_at else None",
        (f"{READING}::test_a_client_that_river_sees_at_work_is_not_lost",),
    ),
    Cure(
        "a claim that its client gave up waits until its heartbeats are missed",
        "verdict/judge.py",
        "    if (gave_up_at := job.gave_up_at) is not None:\n",
        "    if (gave_up_at := job.gave_up_at) == now:\n",
        (EACH, f"{READING}::test_a_claim_that_its_client_gave_up"),
    ),
    Cure(
        "a claim that was given up is rescued before River has written how it ended",
        "verdict/judge.py",
        "if _over(since, RESULT) else Verdict(Reason.OK, tier.name)",
        "if since >= 0 else Verdict(Reason.OK, tier.name)",
        (EACH,),
    ),
    Cure(
        "after an outage all beats are old at once, and every job is rescued",
        "verdict/judge.py",
        "silent = None if heard is None or verified is None else min(heard, verified)",
        "silent = heard",
        (f"{JUDGE}::test_after_an_outage_every_claim_has_a_full_timeout",),
    ),
    Cure(
        "a client that beats seldom is called lost by a tier that wants it often",
        "verdict/limits.py",
        "heartbeat = _at_least(limits.heartbeat, floor, sentence, raised=not by_metadata)",
        "heartbeat = limits.heartbeat",
        (EACH, f"{LIMITS}::test_the_limit_in_force_is_never_below_what_clients_declare"),
    ),
    Cure(
        "a claim is called lost before its own lease has ended its work",
        "verdict/limits.py",
        "heartbeat = _at_least(heartbeat, least + tier.drain, why)",
        "heartbeat = _at_least(heartbeat, 0.0 * least, why)",
        (EACH, f"{LIMITS}::test_the_limit_in_force_is_never_below_what_clients_declare"),
    ),
    Cure(
        "a claim is called lost as soon as its lease is over, while its work still stops",
        "verdict/limits.py",
        "_at_least(heartbeat, least + tier.drain, why)",
        "_at_least(heartbeat, least, why)",
        (EACH, f"{LIMITS}::test_the_limit_in_force_is_never_below_what_clients_declare"),
    ),
    Cure(
        "progress that travels with slow beats comes too late for the tier",
        "verdict/limits.py",
        "progress = limits.progress and _at_least(limits.progress, floor, sentence, raised=not by_metadata)",
        "progress = limits.progress",
        (EACH, f"{LIMITS}::test_the_limit_in_force_is_never_below_what_clients_declare"),
    ),
    Cure(
        "what the claim itself declares is not looked at",
        "verdict/judge.py",
        "own = raised(limits, tier, beat.interval, beat.lease, by_metadata=beat.by_metadata)",
        "own = raised(limits, tier, None, None, by_metadata=beat.by_metadata)",
        (EACH,),
    ),
    Cure(
        "a claim that was taken away already is judged again",
        "verdict/judge.py",
        "if beat is not None and beat.lost_at is not None:",
        "if beat is not None and beat.lost_at == now:",
        (EACH, f"{JUDGE}::test_lost_claims_are_left_alone"),
    ),
    Cure(
        "a job that never told of progress is called hung",
        "verdict/judge.py",
        """    if beat.progress_at is not None and limits.progress is not None:
        still = _silence(now, path_ok_since, beat.progress_at)
""",
        """    if limits.progress is not None:
        still = _silence(now, path_ok_since, beat.progress_at or 0.0)
""",
        (EACH,),
    ),
    Cure(
        "a job that died before its first beat stays running for ever",
        "verdict/judge.py",
        "    if all(_over(heard, limit) for limit, heard in ages):\n",
        "    if all(_over(heard, limit) for limit, heard in ages) and job.beat:\n",
        (EACH,),
    ),
    Cure(
        "one silent process of several under one client id condemns the jobs of all",
        "verdict/judge.py",
        "    if all(_over(heard, limit) for limit, heard in ages):\n",
        "    if any(_over(heard, limit) for limit, heard in ages):\n",
        (EACH,),
    ),
    Cure(
        "a process that does not beat for a kind speaks for jobs of that kind",
        "verdict/judge.py",
        "[instance for instance in job.instances if instance.beats_for_kind]",
        "list(job.instances)",
        (EACH,),
    ),
    Cure(
        "a job that was claimed a moment ago is lost, because its process is long silent",
        "verdict/judge.py",
        "_silence(now, instance.beat_at, job.claimed_at))",
        "_silence(now, instance.beat_at))",
        (EACH,),
    ),
    Cure(
        "a fetch whose answer got lost leaves a job that nobody holds, for ever",
        "verdict/judge.py",
        "    if _over(counted, limit):\n        return Verdict(Reason.ORPHANED",
        "    if _over(counted, limit) and job.beat:\n        return Verdict(Reason.ORPHANED",
        (EACH,),
    ),
    Cure(
        "a beat in the metadata beside an old row is not heard",
        "rescue/locked.py",
        "return replace(row, beat_at=max(row.beat_at, said.beat_at))",
        "return row",
        (f"{GUARDS}::test_a_fresh_beat_in_the_metadata_since_it_was_found",),
    ),
    Cure(
        "a beat that an earlier attempt left in the metadata condemns the next one",
        "rescue/locked.py",
        "if said is None or not row.claimed_at <= said <= row.now + AHEAD:",
        "if said is None:",
        ("database/test_rescue_past.py::test_a_beat_in_the_metadata_of_an_earlier_attempt_is_none",),
    ),
    Cure(
        "the same, where a reading looks for stuck jobs",
        "river/sql/read_suspects.sql",
        "CASE WHEN told.moment >= told.attempted_at AND told.moment <=",
        "CASE WHEN told.moment <=",
        (f"{READING}::test_a_beat_in_the_metadata_of_an_earlier_attempt_is_none",),
    ),
    Cure(
        "the way of a beat is not watched over a restart or a failover, which may have lost beats",
        "brakes/heartbeat_path.py",
        '        (path.server != seen.server, "another server answers: a failover, or a restart"),\n',
        "",
        (BREAKS,),
    ),
    Cure(
        "the database's clock steps forward, and every beat is an hour old at once",
        "brakes/heartbeat_path.py",
        """        (step > CLOCKS_AGREE, f"the database's clock and ours came apart by {step:.1f} s"),\n""",
        "",
        (BREAKS,),
    ),
    Cure(
        "nobody proved the way for a while, in which beats may have been kept out",
        "brakes/heartbeat_path.py",
        '        (since > patience, f"no probe for {since:.1f} s"),\n',
        "",
        (BREAKS,),
    ),
    Cure(
        "a probe of the keeper failed, as a beat would have",
        "brakes/heartbeat_path.py",
        '        (before is not None and before.failed, "a probe failed in between"),\n',
        "",
        (BREAKS,),
    ),
    Cure(
        "the database's clock goes back, and moments ahead are compared with it",
        "brakes/heartbeat_path.py",
        """        (back > 0, f"the database's clock went back by {back:.1f} s"),\n""",
        "",
        (BREAKS,),
    ),
    Cure(
        "the keeper reaches the database while no client does, and all their jobs are rescued",
        "brakes/heartbeat_path.py",
        "    if why := whole_fleet_late(seen):\n",
        "    if (why := whole_fleet_late(seen)) == '':\n",
        (f"{PATH}::test_a_fleet_that_is_late_as_a_whole_closes_the_way_until_one_is_heard",),
    ),
    Cure(
        "the job of a fleet's only process waits for a second one for ever",
        "brakes/heartbeat_path.py",
        "CLIENTS_IN_CHORUS = 2",
        "CLIENTS_IN_CHORUS = 1",
        (f"{PATH}::test_one_process_a_beat_and_a_persons_word_keep_the_way_open",),
    ),
    Cure(
        "who has not come back after an outage is no part of the fleet any more",
        "brakes/heartbeat_path.py",
        "return path.before_to if recent else None",
        "return None",
        (f"{PATH}::test_who_has_not_come_back_after_an_outage_still_counts_as_one_of_the_fleet",),
    ),
    Cure(
        "an old proof of the way counts, though no keeper has looked for an hour",
        "brakes/sql/read_path.sql",
        "CASE WHEN abs(extract(epoch FROM now() - c.path_probe_at)) <= %(patience)s::double precision",
        "CASE WHEN %(patience)s::double precision > 0",
        (f"{READING}::test_silence_counts_while_the_way_was_open",),
    ),
    Cure(
        "the keeper can write its own table, but no beat can be written",
        "rescue/supervisor/turn.py",
        '    tx.query("rescue/supervisor/probe_beats")\n',
        "",
        ("database/test_rescue_turn.py::test_a_turn_needs_that_a_beat_could_be_written",),
    ),
    Cure(
        "a turn that failed is forgotten by the next one",
        "rescue/supervisor/election.py",
        "self._before = replace(self._before, failed=True)",
        "self._before = replace(self._before, failed=False)",
        ("database/test_rescue_turn.py::test_a_turn_that_failed_breaks_the_stretch",),
    ),
    Cure(
        "two replicas take a turn at once, and each writes over what the other proved",
        "rescue/supervisor/turn.py",
        "    if standing := stand_by(tx, replica, takeover):  # it was faster\n        return standing\n",
        "",
        ("database/test_rescue_turn.py::test_who_waited_for_a_turn_looks_again_who_acts",),
    ),
    Cure(
        "a worker whose last beat lies an hour ahead is safe from every rescue for an hour",
        "rescue/supervisor/turn.py",
        '        tx.query("rescue/supervisor/recall_beats")\n',
        "        pass\n",
        ("database/test_rescue_turn.py::test_beats_that_lie_ahead_count_as_of_now",),
    ),
)
