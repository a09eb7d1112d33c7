"""Mutations of many rescues at once: the brakes, and what they must not do either."""

from __future__ import annotations

from mutations.mutation import Mutation

BRAKES = "brakes/test_rules.py"
EACH = f"{BRAKES}::test_each_brake_engages_and_names_its_reason"

MUTATIONS = (
    Mutation(
        "six deaths spread over minutes are taken for a broken network",
        "SELECT n.youngest - n.longest_interval - make_interval(secs => %(at_once_slack)s::double precision)",
        "SELECT n.youngest - n.longest_interval - make_interval(secs => 600 * %(at_once_slack)s::double precision)",
        ("rescue/supervisor/test_election.py::test_what_stops_at_once_stops_within_one_interval",),
    ),
    Mutation(
        "a doubt about heartbeats holds claims that their own clients gave up",
        "DOUBTS = {Brake.MASS_SILENCE}",
        "DOUBTS = set[Brake]()",
        ("rescue/supervisor/test_brakes.py::test_a_doubt_about_heartbeats_holds_no_claim_that_was_given_up",),
    ),
    Mutation(
        "much of a fleet stops beating at once, and all its jobs are rescued",
        "    if why := find_mass_silence(found.fleet, max_share):\n",
        "    if (why := find_mass_silence(found.fleet, max_share)) == '':\n",
        (f"{BRAKES}::test_8e_a_small_fleet_has_a_brake_too",),
    ),
    Mutation(
        "a deploy that takes half of the processes holds every rescue",
        " or fleet.at_once <= max_share * fleet.instances:",
        ":",
        (f"{BRAKES}::test_a_deploy_is_no_mass_event",),
    ),
    Mutation(
        "two processes of two that die hold every rescue",
        "AT_LEAST = 3",
        "AT_LEAST = 1",
        (f"{BRAKES}::test_8e_a_small_fleet_has_a_brake_too",),
    ),
    Mutation(
        "the brake holds for ever, because the new fleet has nothing to claim",
        "beat = mass.cause is Cause.SILENCE and newest is not None and newest > since",
        "beat = mass.cause is None",
        (f"{BRAKES}::test_8a_a_new_fleet_that_claims_nothing_releases_the_brake",),
    ),
    Mutation(
        "the brake holds for ever, because nobody beats",
        "over = not 0 <= found.now - since < mass_hold",
        "over = not 0 <= found.now - since",
        (
            f"{BRAKES}::test_8b_a_fleet_of_short_jobs_does_not_hold_it_for_ever",
            f"{BRAKES}::test_the_mass_brake_never_holds_for_ever",
        ),
    ),
    Mutation(
        "an operator cannot release the brake",
        "if beat or released or over:",
        "if beat or over:",
        (f"{BRAKES}::test_an_operator_releases_a_brake",),
    ),
    Mutation(
        "a release of last week lifts today's brake",
        "released = mass.released_at is not None and mass.released_at >= since",
        "released = mass.released_at is not None",
        (f"{BRAKES}::test_an_operator_releases_a_brake",),
    ),
    Mutation(
        "the old instances of a deploy engage the brake again and again",
        "if fleet.at_once < AT_LEAST or fleet.at_once <= max_share",
        "if fleet.stale < AT_LEAST or fleet.stale <= max_share",
        (f"{BRAKES}::test_silence_that_was_answered_does_not_engage_again",),
    ),
    Mutation(
        "after an outage the half that is slow to come back is rescued in one go",
        '    if found.path_broke:\n        return _slow(mass, found.now, "the heartbeat path was verified again")\n',
        "",
        (
            f"{BRAKES}::test_8d_who_is_slow_to_come_back_is_not_rescued_in_one_go",
            f"{BRAKES}::test_8f_a_promoted_standby_that_lost_beats_begins_slowly",
        ),
    ),
    Mutation(
        "after a hold rescues begin with all at once",
        '        return _slow(mass, found.now, f"{mass.sentence}; the brake is released")\n',
        "        return MassSilence(answered_to=mass.answered_to)\n",
        (f"{BRAKES}::test_after_a_hold_rescues_begin_slowly",),
    ),
    Mutation(
        "rescues go on, although the first of them was alive",
        "    if mass.slow_from is not None and found.false_rescues:\n",
        "    if mass.slow_from is None and found.false_rescues:\n",
        (
            f"{BRAKES}::test_8d_who_is_slow_to_come_back_is_not_rescued_in_one_go",
            f"{BRAKES}::test_after_a_hold_rescues_begin_slowly",
        ),
    ),
    Mutation(
        "a slow start takes its steps without having rescued anything",
        "    if not found.acted_in_step:  # a step that rescued nothing has tested nothing\n        return mass\n",
        "",
        (f"{BRAKES}::test_after_a_hold_rescues_begin_slowly",),
    ),
    Mutation(
        "slow start and the budget of a minute do not count the acts of this transaction",
        "return replace(self, acted_in_minute=self.acted_in_minute + acts, acted_in_step=self.acted_in_step + acts)",
        "return self",
        ("rescue/supervisor/test_candidates.py::test_rate_and_slow_start_count_the_acts_of_this_transaction",),
    ),
    Mutation(
        "a group passes a brake as a whole",
        "        acts += isinstance(outcomes[-1], AuditEntry)\n",
        "",
        (
            "rescue/supervisor/test_candidates.py::test_a_brake_lets_through_as_many_as_it_has_room_for",
            "rescue/test_groups.py::test_a_brake_has_room_for_some[beaten]",
        ),
    ),
    Mutation(
        "the kill switch does not hold",
        "    Brake.KILL_SWITCH: kill_switch,\n",
        "    Brake.KILL_SWITCH: lambda *_: None,\n",
        (EACH,),
    ),
    Mutation(
        "a replica acts at its start, on what it has not watched",
        "    Brake.GRACE: grace,\n",
        "    Brake.GRACE: lambda *_: None,\n",
        (EACH,),
    ),
    Mutation(
        "a replica that was suspended does not notice it",
        "return 0.0 if now - self._ticked_at > allowed else now - self._running_since",
        "return now - self._running_since",
        ("brakes/test_clocks.py::test_after_a_suspension_every_claim_has_its_full_timeout",),
    ),
    Mutation(
        "jobs that ended meanwhile are rescued by an old reading",
        "    if health.snapshot_age > STALE_SECONDS:\n",
        "    if health.snapshot_age > 10**9:\n",
        (EACH,),
    ),
    Mutation(
        "jobs are rescued although nobody has proven the way for long",
        "    if abs(age := facts.now - facts.path.probe_at) > patience(policy):\n",
        "    if abs(age := facts.now - facts.path.probe_at) > 10**9:\n",
        (EACH,),
    ),
    Mutation(
        "a failover is quicker than the next turn, and what the old server proved counts",
        "    if not is_verified_on(facts.path, facts.started_at):\n",
        "    if facts.path is None:\n",
        (EACH,),
    ),
    Mutation(
        "more jobs are rescued in a minute than anybody wanted",
        "    if facts.acted_in_minute < policy.rescue.max_per_minute:\n",
        "    if facts.acted_in_minute < 10**9:\n",
        (EACH, "rescue/supervisor/test_candidates.py::test_rate_and_slow_start_count_the_acts_of_this_transaction"),
    ),
    Mutation(
        "a beat that lies ahead makes a dead process a living one of the fleet",
        "    WHERE c.beat_at <= clock_timestamp() + interval '5 seconds'\n",
        "",
        ("rescue/supervisor/test_election.py::test_a_process_whose_beat_lies_ahead_is_no_part_of_the_fleet",),
    ),
    Mutation(
        "the acting replica dies, and no other one acts",
        "row.age is None or not 0 <= row.age < takeover:",
        "row.age is None:",
        ("rescue/supervisor/test_election.py::test_a_leader_whose_probe_is_late_acts_no_more",),
    ),
    Mutation(
        "an outage as long as two intervals is overlooked by the heartbeat path, and living workers are called lost",
        "tier.heartbeat_timeout / MISSED_BEATS for tier in policy.tiers.values()",
        "tier.heartbeat_timeout for tier in policy.tiers.values()",
        ("brakes/test_heartbeat_path.py::test_patience_leaves_room_for_whatever_clients_declare",),
    ),
)
