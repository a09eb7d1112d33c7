"""Checkpoints: what a job saves, so that its next attempt goes on from there and not from the beginning."""

from __future__ import annotations

import json
import logging
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from riverkeeper.heartbeat.claim import Claim, ClaimLost
from riverkeeper.postgres.errors import DatabaseError, ErrorKind
from riverkeeper.postgres.statements import statement

log = logging.getLogger("riverkeeper.heartbeat")  # the standard library's: this code runs in a user's program

CHECKPOINT_BYTES = 8192  # the table refuses more
CHECKPOINT_VERSION = 8  # of the keeper schema: the first with checkpoints
LAST_CHECKPOINT_SECONDS = 1.0  # at most, that a failed job waits until its newest checkpoint is saved
RETRY_SECONDS = 60.0  # after a refusal: each failed statement costs the beats their connection
_PAUSING = frozenset({ErrorKind.MISSING, ErrorKind.FORBIDDEN, ErrorKind.ROW_SECURITY})


class NoCheckpoints(Exception):
    """There is no table of checkpoints, so that none can be saved together with an effect."""


def encode_checkpoint(value: object) -> str:
    """The value as JSON in ASCII, as the table takes it. Raises ValueError where it is no JSON, or above 8 kB."""
    try:
        # A lone surrogate is no text: another client could not read it.
        json.dumps(value, ensure_ascii=False, allow_nan=False).encode("utf-8")
        text = json.dumps(value, allow_nan=False, separators=(",", ":"))
    except (TypeError, ValueError, RecursionError) as error:
        raise ValueError(f"a checkpoint must be JSON: {error}") from None
    if len(text) > CHECKPOINT_BYTES:
        raise ValueError(f"a checkpoint takes at most {CHECKPOINT_BYTES} bytes of JSON, and this one has {len(text)}")
    return text


class ClaimCheckpoints:
    """The newest checkpoint of one claim, and what is known to be saved. For any thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._answered = threading.Event()
        self._number = 0  # of the newest value of this claim
        self._newest: str | None = None  # None: none, or one that a transaction of the job has written
        self._saved: str | None = None  # None: not known
        self._in_transaction = 0  # number of the newest value that a transaction of the job has written

    def put(self, text: str) -> None:
        with self._lock:
            self._number += 1
            self._newest = text

    def number_in_transaction(self) -> int:
        """The number of a value that the job's own transaction writes. It replaces one that was not sent yet."""
        with self._lock:
            self._number += 1
            self._in_transaction, self._newest, self._saved = self._number, None, None
            return self._number

    def pending(self) -> tuple[int, str] | None:
        """Number and text of the value that has to be sent. None: nothing has changed."""
        with self._lock:
            return None if self._newest is None or self._newest == self._saved else (self._number, self._newest)

    def mark_sent(self) -> None:
        """Before it is sent: its answer may get lost although the value is saved."""
        with self._lock:
            self._saved = None

    def record_answer(self, number: int, text: str) -> None:
        """The database has answered, so the value need not be sent again: a refused one is refused for good."""
        with self._lock:
            if number > self._in_transaction:
                self._saved = text
        self._answered.set()

    def is_saved(self) -> bool:
        return self.pending() is None

    def wait_until_saved(self, seconds: float) -> None:
        """Wait for the answer of the database, so long at most."""
        deadline = time.monotonic() + seconds
        while not self.is_saved() and (left := deadline - time.monotonic()) > 0:
            self._answered.wait(left)
            self._answered.clear()


class CheckpointSupport:
    """Whether this process can save checkpoints. For any thread."""

    def __init__(self, *, installed: bool | None = None) -> None:
        self.installed = installed  # None until the database has answered
        self._refused_until = float("-inf")  # monotonic clock
        self._logged: set[str] = set()

    def record_version(self, version: int) -> None:
        self.installed = version >= CHECKPOINT_VERSION
        if self.installed:
            self._logged.discard("missing")

    def record_failure(self, error: DatabaseError) -> None:
        """No beat fails by it. After a refusal nothing is sent for a minute."""
        if error.kind in _PAUSING:
            self._refused_until = time.monotonic() + RETRY_SECONDS
        self._log_once(error.kind, "checkpoints were not saved; jobs continue: kind=%s error=%s fix=%s",
                       error.kind, error, error.fix)  # fmt: skip

    def record_success(self) -> None:
        self._logged.clear()

    def may_send(self) -> bool:
        return self.installed is not False and time.monotonic() >= self._refused_until

    def log_missing(self) -> None:
        self._log_once("missing", "checkpoints are not saved: the keeper schema has no table for them; "
                       "run riverkeeper schema install, and schema grants")  # fmt: skip

    def _log_once(self, what: str, message: str, *values: object) -> None:
        if what not in self._logged:
            self._logged.add(what)
            log.warning(message, *values)


@dataclass(frozen=True, slots=True)
class TransactionCheckpoint:
    """A checkpoint for the transaction that has the effect: both are there afterwards, or neither is.

    It verifies the claim too, as ClaimVerification does: run it first, and keep the transaction short. With psycopg:
    `active.checkpoint_tx(value).run(lambda sql, values: connection.execute(sql, values).fetchone())`.
    With a driver that must be awaited: run `sql` with `parameters` (named, pyformat). No row: the claim is lost.
    """

    claim: Claim
    number: int
    text: str
    river_schema: str = "public"
    keeper_schema: str = "riverkeeper"

    @property
    def sql(self) -> str:
        return statement("heartbeat/checkpoint_tx", river=self.river_schema, keeper=self.keeper_schema)

    @property
    def parameters(self) -> Mapping[str, object]:
        claim = self.claim
        return {
            "job_id": claim.job_id, "attempted_at": claim.attempted_at, "attempt": claim.attempt,
            "number": self.number, "val": self.text,
        }  # fmt: skip

    def run(self, fetch_one: Callable[[str, Mapping[str, object]], object]) -> None:
        """Raises ClaimLost where the claim is over: roll the transaction back."""
        if fetch_one(self.sql, self.parameters) is None:
            raise ClaimLost(f"this process lost the claim on job {self.claim.job_id}: roll back")


@dataclass(frozen=True, slots=True)
class CheckpointAccess:
    """How the claims of a process reach the table."""

    support: CheckpointSupport
    read: Callable[[Claim], str | None]  # the text of the newest checkpoint; raises ClaimLost, DatabaseError
    river_schema: str = "public"
    keeper_schema: str = "riverkeeper"

    def resume(self, claim: Claim, default: Any) -> Any:
        """The value that the job saved last, under any of its claims; `default` where it has saved none."""
        text = self.read(claim)
        return default if text is None else json.loads(text)
