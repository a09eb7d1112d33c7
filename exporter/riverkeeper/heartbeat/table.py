"""Where beats are written: the heartbeat table or, where no table can be added, the metadata of the job's own row."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial
from typing import Any
from uuid import UUID, uuid4

from riverkeeper import __version__
from riverkeeper.heartbeat.active_claims import ActiveClaim, Progress
from riverkeeper.heartbeat.checkpoints import CheckpointSupport
from riverkeeper.heartbeat.claim import Claim, ClaimLost, ClaimStatus, Outcome, fit_fraction, fit_note
from riverkeeper.heartbeat.connection import DedicatedConnection, Query
from riverkeeper.heartbeat.fence import SCHEMA_IS_GONE, ClientFence
from riverkeeper.heartbeat.pod import WorkerPod
from riverkeeper.heartbeat.stacks import STACK_BYTES
from riverkeeper.postgres.errors import DatabaseError, ErrorKind
from riverkeeper.postgres.transaction import Parameters

OLDEST_VERSION = 2  # of the keeper schema: the first with heartbeat tables
NEWEST_COMPATIBLE = 2  # this client does not use a schema that needs a newer one


@dataclass(frozen=True, slots=True)
class WorkerProcess:
    """The process that beats: one value from its start to its end."""

    client_id: str  # the last element of attempted_by
    interval: float  # seconds
    kinds: Sequence[str] | None = None  # None: beats for every kind
    instance: UUID = field(default_factory=uuid4)
    started_at: str = field(default_factory=lambda: datetime.now(UTC).isoformat())  # for people; decides nothing
    pod: WorkerPod | None = None  # None: its environment names none


class HeartbeatTable:
    """Beats in the heartbeat table, over one connection."""

    def __init__(
        self,
        url: str,
        river_schema: str,
        keeper_schema: str,
        process: WorkerProcess,
        fence: ClientFence | None = None,
        support: CheckpointSupport | None = None,
    ) -> None:
        self._schemas = {"river": river_schema, "keeper": keeper_schema}
        self._process = process
        self._fence = fence or ClientFence(wanted=False)
        self._support = support or CheckpointSupport()
        self._connection = DedicatedConnection(url, self._schemas, self._check)
        self._ascii_notes = False  # this database's encoding lacks a character of the notes

    def beat(self, beats: Sequence[tuple[ActiveClaim, Progress]], seconds: float) -> dict[Claim, ClaimStatus]:
        """Beat for the process and all these claims, and note whose stack is requested. Raises DatabaseError: then no
        status is known.
        """
        named = sorted(beats, key=lambda pair: (pair[0].claim.job_id, pair[0].claim.attempted_at))
        try:
            rows = self._connection.query("heartbeat/beat", partial(self.parameters, named), seconds)
        except DatabaseError as error:
            if error.kind is not ErrorKind.NO_SUCH_TEXT or self._ascii_notes:
                raise
            self._ascii_notes = True  # a character that the database lacks must not fail the beat of every job
            rows = self._connection.query("heartbeat/beat", partial(self.parameters, named), seconds)
        if [row.ordinal for row in rows] != [*range(1, len(named) + 1)]:
            raise DatabaseError(ErrorKind.OTHER, f"beat: {len(rows)} answers do not fit the {len(named)} claims given")
        for (active, _), row in zip(named, rows, strict=True):
            active.stack_requested = row.stack_requested and row.status != ClaimStatus.LOST
        return {active.claim: ClaimStatus(row.status) for (active, _), row in zip(named, rows, strict=True)}

    def parameters(self, beats: Sequence[tuple[ActiveClaim, Progress]]) -> dict[str, Any]:
        """Of beat.sql, whose answers have the order of `beats`."""
        values = {**self._process_parameters(), **_beat_parameters(beats)}
        if self._ascii_notes:
            values["notes"] = [note and _as_ascii(note) for note in values["notes"]]
        return values

    def end(self, ended: Mapping[Claim, Outcome], seconds: float) -> None:
        """Report how claims that have beaten ended. Raises DatabaseError."""
        parameters = {
            "job_ids": [claim.job_id for claim in ended],
            "attempted_ats": [claim.attempted_at for claim in ended],
            "outcomes": [outcome.value for outcome in ended.values()],
        }
        self._connection.query("heartbeat/end", parameters, seconds)

    def send_stacks(self, stacks: Mapping[Claim, str], seconds: float) -> None:
        """Answer requests for the stacks of claims. Raises DatabaseError."""
        parameters = {
            "job_ids": [claim.job_id for claim in stacks],
            "attempted_ats": [claim.attempted_at for claim in stacks],
            "stacks": [*stacks.values()],
        }
        try:
            self._connection.query("heartbeat/stack", parameters, seconds)
        except DatabaseError as error:
            if error.kind is not ErrorKind.NO_SUCH_TEXT:
                raise
            parameters["stacks"] = [_as_ascii(text)[:STACK_BYTES] for text in stacks.values()]
            self._connection.query("heartbeat/stack", parameters, seconds)

    def report_pod(self, seconds: float) -> None:
        """Write the pod into the row of this process, where its environment names one. Raises DatabaseError."""
        if self._process.pod is not None:
            parameters = {"instance": self._process.instance, **self._process.pod.parameters}
            self._connection.query("heartbeat/pod", parameters, seconds)

    def save_checkpoints(self, values: Sequence[tuple[Claim, int, str]], seconds: float) -> None:
        """Save the newest checkpoint of claims: its number in the claim, and its text. Raises DatabaseError."""
        parameters = claim_parameters([claim for claim, _, _ in values])
        parameters |= {"numbers": [number for _, number, _ in values], "vals": [text for _, _, text in values]}
        self._connection.query("heartbeat/checkpoint", parameters, seconds)

    def resume(self, claim: Claim, seconds: float) -> str | None:
        """The newest checkpoint of the job. Raises ClaimLost, DatabaseError."""
        parameters = {"job_id": claim.job_id, "attempted_at": claim.attempted_at, "attempt": claim.attempt}
        try:
            rows = self._connection.query("heartbeat/resume", partial(self._if_supported, parameters), seconds)
        except DatabaseError as error:
            if error.kind is not ErrorKind.MISSING or error.sqlstate not in {None, *SCHEMA_IS_GONE}:
                raise
            self._support.log_missing()  # nothing can have been saved
            return None
        if not rows:
            raise ClaimLost(f"this process lost the claim on job {claim.job_id}")
        text: str | None = rows[0].val
        return text

    def _if_supported(self, parameters: Parameters) -> Parameters:
        if self._support.installed is False:
            raise DatabaseError(ErrorKind.MISSING, "the keeper schema has no table of checkpoints")
        return parameters

    def claim(self, job_id: int, attempt: int, seconds: float) -> Claim | None:
        """The claim that this client holds on the job, None where it holds none. Raises DatabaseError."""
        return _find_claim(self._connection, job_id, attempt, self._process.client_id, seconds)

    def close(self) -> None:
        self._connection.close()

    def _check(self, query: Query) -> None:
        """Never beat into a keeper schema of another River, or into one that this client does not understand."""
        rows, keeper, river = query("heartbeat/meta", {}), self._schemas["keeper"], self._schemas["river"]
        if not rows:
            raise DatabaseError(ErrorKind.MISSING, f'keeper schema "{keeper}" is not fully installed')
        meta = rows[0]
        if meta.river_schema != river:
            message = f'keeper schema "{keeper}" belongs to River schema "{meta.river_schema}", not to "{river}"'
            raise DatabaseError(ErrorKind.WRONG_KEEPER, message)
        self._support.record_version(meta.version)
        self._fence.record_answer(meta.fence)  # also where the version does not fit: results are fenced all the same
        if meta.version < OLDEST_VERSION:
            message = f'keeper schema "{keeper}" has version {meta.version}, without heartbeats: upgrade it'
            raise DatabaseError(ErrorKind.MISSING, message)
        if meta.min_compatible > NEWEST_COMPATIBLE:
            message = f'keeper schema "{keeper}" needs a client of version {meta.min_compatible}'
            raise DatabaseError(ErrorKind.TOO_NEW, f"{message}, this client has version {NEWEST_COMPATIBLE}")

    def _process_parameters(self) -> dict[str, object]:
        process = self._process
        return {
            "instance": process.instance,
            "client_id": process.client_id,
            "software": f"riverkeeper-python {__version__}",
            "started_at": process.started_at,
            "fences": self._fence.fences,
            "client_interval": _interval(process.interval),
            "kinds": None if process.kinds is None else list(process.kinds),
        }


class JobMetadata:
    """Beats on the job's own row: no lease, progress, stop request or fence, and no beat for an idle process.

    A beat costs about six times the WAL of a beat in the table.
    """

    def __init__(self, url: str, river_schema: str, client_id: str) -> None:
        self._client_id = client_id
        self._connection = DedicatedConnection(url, {"river": river_schema})

    def beat(self, beats: Sequence[tuple[ActiveClaim, Progress]], seconds: float) -> dict[Claim, ClaimStatus]:
        """Beat for all these claims. Raises DatabaseError: then no status is known."""
        claims = sorted((active.claim for active, _ in beats), key=lambda claim: (claim.job_id, claim.attempted_at))
        if not claims:
            return {}
        rows = self._connection.query("heartbeat/beat_metadata", claim_parameters(claims), seconds)
        statuses = dict.fromkeys((claims[row.ordinal - 1] for row in rows), ClaimStatus.HELD)
        # A claim that does not come back may only be locked.
        return statuses | self._read_statuses([claim for claim in claims if claim not in statuses], seconds)

    def _read_statuses(self, claims: Sequence[Claim], seconds: float) -> dict[Claim, ClaimStatus]:
        if not claims:
            return {}
        rows = self._connection.query("heartbeat/claim_status", claim_parameters(claims), seconds)
        found = {row.ordinal: ClaimStatus.FINISHED if row.finished else ClaimStatus.HELD for row in rows}
        return {claim: found.get(ordinal, ClaimStatus.LOST) for ordinal, claim in enumerate(claims, start=1)}

    def end(self, ended: Mapping[Claim, Outcome], seconds: float) -> None:
        """Does nothing: no row records an outcome."""

    def send_stacks(self, stacks: Mapping[Claim, str], seconds: float) -> None:
        """Does nothing: nobody can request a stack."""

    def report_pod(self, seconds: float) -> None:
        """Does nothing: no row stands for the process."""

    def save_checkpoints(self, values: Sequence[tuple[Claim, int, str]], seconds: float) -> None:
        """Does nothing: there is no table."""

    def resume(self, claim: Claim, seconds: float) -> None:
        """Finds nothing."""

    def claim(self, job_id: int, attempt: int, seconds: float) -> Claim | None:
        """The claim that this client holds on the job, None where it holds none. Raises DatabaseError."""
        return _find_claim(self._connection, job_id, attempt, self._client_id, seconds)

    def close(self) -> None:
        self._connection.close()


def _find_claim(
    connection: DedicatedConnection, job_id: int, attempt: int, client_id: str, seconds: float
) -> Claim | None:
    """Reads only River's table, so no keeper schema is needed."""
    parameters = {"job_id": job_id, "attempt": attempt, "client_id": client_id}
    rows = connection.query("heartbeat/claim", parameters, seconds, check=False)
    return Claim(job_id, rows[0].attempted_at, attempt) if rows else None


def claim_parameters(claims: Sequence[Claim]) -> dict[str, object]:
    return {
        "job_ids": [claim.job_id for claim in claims],
        "attempted_ats": [claim.attempted_at for claim in claims],
        "attempts": [claim.attempt for claim in claims],
    }


def _beat_parameters(ordered: Sequence[tuple[ActiveClaim, Progress]]) -> dict[str, Any]:
    return {
        **claim_parameters([active.claim for active, _ in ordered]),
        "intervals": [_interval(active.tier.interval) for active, _ in ordered],
        "leases": [_interval(active.tier.lease) for active, _ in ordered],
        "progress_reported": [reported is not active.acknowledged for active, reported in ordered],
        "progress": [fit_fraction(reported[0]) for _, reported in ordered],
        "notes": [fit_note(reported[1]) for _, reported in ordered],
    }


def _as_ascii(text: str) -> str:
    return text.encode("ascii", "backslashreplace").decode()


def _interval(seconds: float | None) -> str | None:
    return None if seconds is None else f"{seconds:.6f} seconds"
