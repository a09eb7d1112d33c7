"""Clients that break the contract in one way each: edits of sql_client.py, and the scenarios that find them. Pure."""

from __future__ import annotations

from dataclasses import dataclass

Edit = tuple[str, str]  # a text that stands once in sql_client.py, and what replaces it


@dataclass(frozen=True, slots=True)
class Mutant:
    violation: str
    scenarios: tuple[str, ...]
    edits: tuple[Edit, ...]


def mutant(violation: str, scenarios: str | tuple[str, ...], *edits: Edit) -> Mutant:
    return Mutant(violation, (scenarios,) if isinstance(scenarios, str) else scenarios, edits)


WORKS = "works = sorted(self.works, key=lambda work: work.key)\n"
TOKEN = 'return None if self.fence is False else work.claim["attempted_at"], not work.lost'
HEARD = "self._hear(works[row.ordinal - 1], reports[row.ordinal - 1], row.status, sent_at)"
FAILED = "            self.failures += 1\n"
REFUSED = "        for work in works:\n            work.sent_at = sent_at\n"
FENCE = "        self.fence = rows[0].fence\n"
GONE = "if self.fence is None or any(state in message for state in SCHEMA_IS_GONE):"
ASKED = """            if time.monotonic() - self.asked_at > ASK_AGAIN_SECONDS:
                self._check(ask("meta", {}))
            yield ask
"""
WITHIN = 'self.session.execute_within(limit, statement(f"heartbeat/{file}", **self.schemas), parameters)'
DROPPED = """            if self.session:
                self.session.close()
            self.session = None
            raise
"""
PUT = "work.checkpoint, work.checkpoints = encode(value), work.checkpoints + 1"
UNSAVED = "return  # no beat fails by it"
ENDED = "            ended = dict(self.ended)\n"

PLAIN = (
    mutant(
        "it beats only while it has a job",
        "idle_process_beats",
        ("        fresh = [", "        if not works and not ended:\n            return\n        fresh = ["),
    ),
    mutant("all processes are one instance", "two_processes_share_a_client_id", ("uuid.uuid4()", "uuid.UUID(int=1)")),
    mutant(
        "it sends one statement for each claim",
        "a_thousand_claims_in_one_process",
        (
            'rows = ask("beat", self._parameters(works))',
            'rows = [ask("beat", self._parameters([w]))[0] for w in works]',
        ),
    ),
    mutant(
        "a claim waits for four intervals",
        "claim_is_beaten_within_one_interval",
        (
            WORKS,
            (
                "late = time.clock_gettime(CLOCK) - 4 * self.interval\n"
                "            works = [work for work in self.works if work.named or work.sent_at < late]\n"
            ),
        ),
    ),
    mutant(
        "it names claims by milliseconds",
        ("beats_under_its_claim_only", "answers_reach_their_own_claims"),
        ('[work.claim["attempted_at"] for work in works]', '[work.claim["attempted_at"][:23] + "Z" for work in works]'),
    ),
    mutant(
        "an answer reaches another claim",
        "answers_reach_their_own_claims",
        (HEARD, HEARD.replace("works[row.ordinal - 1]", "works[-row.ordinal]")),
    ),
    mutant(
        "it ignores that a claim is lost",
        ("lost_claim_is_seen_within_one_tick", "river_takes_the_claim_away_itself"),
        ('            work.stop("claim_lost")\n            return', "            return"),
    ),
    mutant(
        "it takes a request to stop for a loss",
        "stop_request_is_no_loss",
        ('work.stop("stop_requested")', 'work.stop("claim_lost")'),
    ),
    mutant(
        "it beats no more for work that has to stop",
        "stop_request_is_no_loss",
        ('work.stop("stop_requested")', 'work.stop("stop_requested")\n            self._leave_out(work)'),
    ),
    mutant(
        "it cancels a job that completed itself",
        "job_completes_itself",
        (
            'elif status == "finished":\n            self._leave_out(work)',
            'elif status == "finished":\n            work.stop("claim_lost")',
        ),
    ),
    mutant(
        "the lease of a job that completed itself expires",
        "job_completes_itself",
        ("for work in list(self.works):", "for work in list(self.at_work):"),
    ),
    mutant(
        "it beats for a later attempt only when the earlier one has returned",
        "same_process_claims_the_job_again",
        ("            self.works.append(work := Work(claim, interval, lease, on_stop))\n", ""),
        (
            "            self.at_work.add(work)\n",
            "            self.at_work.add(work := Work(claim, interval, lease, on_stop))\n",
        ),
        (
            "        if self.fence is None:\n            self.answered",
            "        self.works.append(work)\n        if self.fence is None:\n            self.answered",
        ),
    ),
    mutant(
        "it deletes the row of a claim that has ended",
        "least_rights",
        (
            'ask("end", {"job_ids"',
            (
                'self.session.execute_within(limit, "DELETE FROM riverkeeper.heartbeat WHERE job_id = 1", {})\n'
                '                    ask("end", {"job_ids"'
            ),
        ),
        (
            "with self._session(min(self.interval, self._pace()) / 2) as ask:",
            "limit = 1.0\n            with self._session(limit) as ask:",
        ),
    ),
    mutant(
        "it reports a fence and attaches no token",
        ("client_without_tokens_reports_no_fence", "claim_is_lost_while_the_worker_is_cut_off"),
        (TOKEN, "return None, not work.lost"),
    ),
    mutant(
        "a beat that failed cancels the work",
        ("database_is_away_without_a_lease", "lease_outlasts_a_short_outage"),
        (FAILED, FAILED + '            [work.stop("claim_lost") for work in works]\n'),
    ),
    mutant(
        "it gives up after three beats that failed",
        "database_is_away_without_a_lease",
        ("                self.beats += 1\n", "                self.beats += 1\n                self.failures = 0\n"),
        (
            "        while not self.closing.is_set():\n",
            "        while not self.closing.is_set() and self.failures < 3:\n",
        ),
    ),
    mutant(
        "it goes on with a connection that failed",
        "connection_that_never_answers_again",
        (DROPPED, "            raise\n"),
    ),
    mutant(
        "it connects without a limit",
        "connect_that_is_never_answered",
        ("Session(self.url, seconds=limit)", 'Session(self.url + "?connect_timeout=0", seconds=limit)'),
    ),
    mutant(
        "it connects with a limit of seven seconds",
        "connect_that_is_never_answered",
        ("Session(self.url, seconds=limit)", 'Session(self.url + "?connect_timeout=7", seconds=limit)'),
    ),
    mutant(
        "it names a claim in one beat only",
        ("failover_to_an_empty_table", "stop_request_is_no_loss"),
        (WORKS, "works = sorted((work for work in self.works if not work.named), key=lambda work: work.key)\n"),
    ),
    mutant(
        "it sends statements without a limit and without settings",
        ("waiting_for_a_lock_leaves_nothing_behind", "hostile_search_path", "policy_hides_the_jobs"),
        (WITHIN, WITHIN.replace("execute_within(limit, ", "execute(").replace("parameters)", "parameters, limit)")),
    ),
    mutant(
        "it beats into the keeper schema of another River",
        "keeper_schema_of_another_river",
        ('rows[0].river_schema != self.schemas["river"]', 'rows[0].river_schema == ""'),
    ),
    mutant(
        "it writes before meta.sql has answered",
        ("keeper_schema_of_another_river", "keeper_schema_that_needs_a_newer_client"),
        (ASKED, "            yield ask\n" + ASKED.replace("            yield ask\n", "")),
    ),
    mutant(
        "it uses tables that need a newer client",
        "keeper_schema_that_needs_a_newer_client",
        (" or rows[0].min_compatible > 2", ""),
    ),
    mutant(
        "it uses tables without heartbeats",
        "keeper_schema_without_heartbeats",
        ("rows[0].version < 2 or ", ""),
    ),
    mutant(
        "it queries meta.sql once for all connections",
        "keeper_schema_changes_hands",
        (
            'self.session, self.asked_at = Session(self.url, seconds=limit), float("-inf")',
            "self.session = Session(self.url, seconds=limit)",
        ),
    ),
    mutant(
        "it queries meta.sql once for each connection",
        "keeper_schema_changes_hands_on_a_connection",
        ("ASK_AGAIN_SECONDS = 50.0", "ASK_AGAIN_SECONDS = 1e9"),
    ),
    mutant(
        "a refusal ends a lease",
        ("tables_are_dropped", "keeper_schema_of_another_river"),
        (REFUSED, ""),
    ),
    mutant("a missing column ends a lease", "column_is_missing", ('"42703", ', "")),
    mutant("a revoked grant ends a lease", "grant_is_revoked", ('"42501", ', "")),
    mutant("a read-only server ends a lease", "server_becomes_read_only", (', "25006"', "")),
    mutant("a refused login ends a lease", "login_is_refused", ("{ErrorKind.REFUSED_LOGIN, ", "{")),
)

CHECKPOINTS = (
    mutant(
        "it sends a checkpoint with every beat",
        "unchanged_checkpoint_sends_nothing",
        (" and each[1] != each[0].saved]", "]"),
    ),
    mutant(
        "it keeps the first checkpoint of an interval",
        "checkpoint_goes_with_the_next_beat",
        (PUT, f"if work.checkpoint in {{None, work.saved}}:\n            {PUT}"),
    ),
    mutant(
        "it takes a checkpoint of any size", "odd_checkpoints_stop_no_beat", ("len(text) > CHECKPOINT_BYTES", "False")
    ),
    mutant(
        "a beat that failed takes its checkpoints along",
        "checkpoint_waits_for_the_database",
        (FAILED, FAILED + "            for work in works:\n                work.checkpoint = None\n"),
    ),
    mutant(
        "failed work does not wait for its newest checkpoint",
        "failed_work_keeps_its_newest_checkpoint",
        ('if outcome in {"failed", "snoozed"} and', "if False and"),
    ),
    mutant(
        "failed work waits for a database that is away",
        "result_waits_for_no_lost_database",
        ("work.was_saved.wait(1.0)", "work.was_saved.wait(60.0)"),
    ),
    mutant(
        "a lost claim reads the checkpoint",
        "lost_claim_saves_and_reads_nothing",
        (
            'statement("heartbeat/resume", **self.schemas), work.claim',
            '"SELECT value FROM riverkeeper.checkpoint WHERE job_id = %(job_id)s", work.claim',
        ),
    ),
    mutant(
        "a checkpoint that was not sent replaces the one of a transaction",
        "checkpoint_is_saved_with_its_effect",
        ("work.checkpoint, work.checkpoints, work.saved = None, ", "work.checkpoints, work.saved = "),
        ('"numbers": [number for', '"numbers": [number + 9 for'),
    ),
    mutant(
        "a checkpoint that is refused fails the beat",
        "checkpoints_that_are_refused_stop_no_beat",
        (UNSAVED, UNSAVED.replace("return ", "raise ")),
    ),
    mutant(
        "it looks for checkpoints in every keeper schema",
        "keeper_schema_without_checkpoints",
        ("rows[0].version >= CHECKPOINT_VERSION", "True"),
        (UNSAVED, UNSAVED.replace("return ", "raise ")),
    ),
)

PODS = (
    mutant("it sends its pod with every beat", "pod_is_reported_once", ("            self.pod_is_due = False\n", "")),
    mutant("it sends no host name", "pod_is_reported_once", ('"host": fit_name(socket.gethostname())', '"host": None')),
    mutant(
        "it sends its pod once, and never again",
        "pod_is_reported_again_after_a_failure",
        ("            self.pod_is_due = True\n", ""),
    ),
    mutant(
        "it guesses a pod by its host name",
        "process_without_a_pod_reports_none",
        ("if any(named.values()) else None", "if True else None"),
    ),
    mutant(
        "it sends whatever the environment has",
        "odd_pods_stop_no_beat",
        ('value if value is not None and re.fullmatch("[A-Za-z0-9.-]{1,253}", value) else None', "value"),
    ),
    mutant(
        "a pod that is refused fails the beat",
        ("pod_that_is_refused_costs_no_beat", "keeper_schema_without_pods"),
        ("with suppress(DatabaseError), self._session(self.interval / 2)", "with self._session(self.interval / 2)"),
    ),
)

PROGRESS = (
    mutant(
        "its ticker repeats the last progress",
        "progress_is_reported_by_the_job_alone",
        ("work.reports > work.acknowledged", "work.reports > 0"),
    ),
    mutant(
        "the same number is no progress",
        "progress_is_reported_by_the_job_alone",
        ("(value, note), work.reports + 1", "(value, note), work.reports + ((value, note) != work.reported)"),
    ),
    mutant(
        "progress that was sent counts as received",
        "progress_waits_for_the_database",
        (
            '                rows = ask("beat", self._parameters(works))\n',
            (
                "                parameters = self._parameters(works)\n"
                "                for work in works:\n"
                "                    work.acknowledged = work.reports\n"
                '                rows = ask("beat", parameters)\n'
            ),
        ),
    ),
    mutant(
        "it never answers a request for a stack",
        "stack_is_sent_when_requested",
        (
            "        if keys:\n            with suppress",
            "        if keys is None:\n            with suppress",
        ),
    ),
    mutant(
        "a request for a stack reaches another claim",
        "stack_is_sent_when_requested",
        ("self._send_stacks([works[row.ordinal - 1]", "self._send_stacks([works[-row.ordinal]"),
    ),
    mutant(
        "its stacks show arguments",
        "stack_has_the_form_of_the_contract",
        ('"conformance.work\\tsql_client.py:1"', '"conformance.work(card=4111)"'),
    ),
    mutant(
        "a stack that is refused fails the beat",
        "stack_that_is_refused_costs_no_beat",
        ("with suppress(DatabaseError), self._session(limit)", "with self._session(limit)"),
    ),
    mutant("one NUL in a note stops every beat", "odd_progress_stops_no_beat", ('.replace("\\0", "?")', "")),
    mutant(
        "it cuts a note by characters",
        "odd_progress_stops_no_beat",
        ('.encode("utf-8", "replace")[:NOTE_BYTES].decode("utf-8", "ignore")', "[:NOTE_BYTES]"),
    ),
    mutant(
        "it sends NaN",
        "odd_progress_stops_no_beat",
        ("if value is None or value != value:", "if value is None:"),
        ("return min(value, 1.0) if value >= 1e-6 else 0.0", "return 0.0 if value < 1e-6 else min(value, 1.0)"),
    ),
    mutant(
        "it sends numbers that `real` refuses",
        "odd_progress_stops_no_beat",
        ("if value >= 1e-6 else 0.0", "if value > 0 else 0.0"),
    ),
    mutant(
        "an urgent claim waits for the pause that has begun",
        "urgent_claim_sets_the_pace",
        ("        self.wake.set()  # it may be more urgent than the pause that has begun\n", ""),
    ),
    mutant(
        "an urgent claim is beaten for at the pace of its process",
        "urgent_claim_sets_the_pace",
        ("return min((work.interval for work in self.works), default=self.interval)", "return self.interval"),
    ),
    mutant(
        "it reports no outcome",
        ("ends_are_reported", "end_waits_for_the_database"),
        ("                if ended:\n", "                if False:\n"),
    ),
    mutant(
        "every outcome is `completed`",
        "ends_are_reported",
        ('self._end(work, "abandoned" if given_up else outcome)', 'self._end(work, "completed")'),
    ),
    mutant(
        "it reports no outcome of a lost claim",
        "end_of_a_lost_claim_is_reported",
        (
            "            if work.named:\n                self.ended",
            "            if work.named and not work.lost:\n                self.ended",
        ),
    ),
    mutant(
        "it forgets outcomes while the database is away",
        "end_waits_for_the_database",
        (ENDED, ENDED + "            self.ended.clear()\n"),
        ("                del self.ended[key]\n", "                self.ended.pop(key, None)\n"),
    ),
    mutant(
        "it beats for each job that ends",
        "job_that_ends_between_ticks_writes_nothing",
        (
            "        self._leave_out(work)\n        work.returned.set()\n",
            "        self._tick()\n        self._leave_out(work)\n        work.returned.set()\n",
        ),
    ),
)

LEASING = (
    mutant("a lease never ends", "lease_ends_without_the_database", ('work.stop("lease_expired")', "pass")),
    mutant(
        "work given up is reported as failed",
        "lease_ends_without_the_database",
        ('"abandoned" if given_up else outcome', "outcome"),
    ),
    mutant(
        "a lease counts from the answer",
        "slow_answers_count_from_their_sending",
        (
            "work.sent_at, work.acknowledged = sent_at, reports",
            "work.sent_at, work.acknowledged = time.clock_gettime(CLOCK), reports",
        ),
    ),
    mutant(
        "it waits for an answer as long as that takes",
        "answer_after_the_limit_is_none",
        ("min(self.interval, self._pace()) / 2", "10.0"),
    ),
    mutant("it takes a lease of one interval", "lease_that_is_too_short", ("lease < 2.5 * interval", "lease < 0")),
    mutant(
        "it stops without a word about its work",
        "stopped_process_abandons_its_work",
        ('            self._end(work, "abandoned")\n', ""),
    ),
    mutant(
        "the later attempt begins beside the earlier one",
        "later_attempt_waits_for_the_earlier",
        ("            other.returned.wait(FENCE_SECONDS)\n", ""),
    ),
)

FULL = (
    mutant(
        "its token has milliseconds",
        "result_carries_the_claim_as_its_token",
        (TOKEN, TOKEN.replace('["attempted_at"]', '["attempted_at"][:23] + "000Z"')),
    ),
    mutant(
        "it never reports a fence",
        ("result_carries_the_claim_as_its_token", "fence_comes_and_goes_while_a_job_runs"),
        ('"fences": self.fence is True', '"fences": False'),
    ),
    mutant(
        "a job too short to beat carries no token",
        "job_that_ends_between_ticks_carries_a_token",
        (TOKEN, TOKEN.replace("is False", "is False or not work.named")),
    ),
    mutant(
        "the result of a lost claim carries no token",
        "late_result_is_dropped",
        (TOKEN, TOKEN.replace("is False", "is False or work.lost")),
    ),
    mutant(
        "it attaches a token where there is no fence",
        ("without_the_fence_there_is_no_token", "tables_are_dropped"),
        (TOKEN, 'return work.claim["attempted_at"], not work.lost'),
    ),
    mutant(
        "it learns of the fence once",
        "fence_comes_and_goes_while_a_job_runs",
        (FENCE, "        self.fence = rows[0].fence if self.fence is None else self.fence\n"),
    ),
    mutant(
        "no answer yet means no token",
        "jobs_begin_without_the_database",
        (TOKEN, TOKEN.replace("self.fence is False", "not self.fence")),
    ),
    mutant(
        "the first work waits for an answer, however long",
        "jobs_begin_without_the_database",
        ("FIRST_ANSWER_SECONDS = 1.0", "FIRST_ANSWER_SECONDS = 1e6"),
    ),
    mutant(
        "an early refusal ends tokens for good",
        "early_failure_decides_nothing",
        (FENCE, "        self.fence = rows[0].fence if self.fence is not False else False\n"),
    ),
    mutant("a schema that is gone leaves its tokens", "tables_are_dropped", (GONE, "if self.fence is None:")),
    mutant("any refusal ends the tokens", "grant_is_revoked", (GONE, "if message:")),
)

MUTANTS = (*PLAIN, *PROGRESS, *PODS, *CHECKPOINTS, *LEASING, *FULL)
