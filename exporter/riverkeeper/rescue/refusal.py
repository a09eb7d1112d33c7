"""Why a stuck job was skipped: label values of riverkeeper_rescue_refusals_total, with a sentence for each. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from riverkeeper.brakes.rules import Brake


class Refusal(StrEnum):
    """One value for each reason not to rescue a stuck job."""

    NOT_ACTOR = "not_actor"
    BRAKE_KILL_SWITCH = "brake_kill_switch"
    BRAKE_MASS_SILENCE = "brake_mass_silence"
    BRAKE_RATE = "brake_rate"
    BRAKE_GRACE = "brake_grace"
    BRAKE_STALE_SNAPSHOT = "brake_stale_snapshot"
    MODE = "mode"
    HOLD_BY_POLICY = "hold_by_policy"
    MAX_RESCUES = "max_rescues"
    EXHAUSTED = "exhausted"
    CANCEL_UNKNOWN = "cancel_unknown"
    COOLDOWN = "cooldown"
    STOPPING = "stopping"
    LOCKED = "locked"
    GONE = "gone"
    BEAT = "beat"
    LOST_ALREADY = "lost_already"
    RESCUED_ALREADY = "rescued_already"
    UNKNOWN = "unknown"
    CHANGED = "changed"
    RECORDED = "recorded"
    UNIQUE = "unique"
    DATABASE = "database"

    @property
    def sentence(self) -> str:
        return _SENTENCES[self]

    @classmethod
    def of_brake(cls, brake: Brake) -> Refusal:
        return cls(f"brake_{brake.value}")


BRAKES = frozenset(Refusal.of_brake(brake) for brake in Brake)
_SENTENCES = {
    Refusal.NOT_ACTOR: "another rescue is under way; the job is tried again at the next pass",
    Refusal.BRAKE_KILL_SWITCH: "the kill switch is pulled (`riverkeeper rescue resume` releases it)",
    Refusal.BRAKE_MASS_SILENCE: "the brake mass_silence stops rescues, or lets them begin slowly",
    Refusal.BRAKE_RATE: "the limit of rescues in a minute is reached (rescue.max_per_minute)",
    Refusal.BRAKE_GRACE: "the process has just started, or was suspended, and waits for the grace period",
    Refusal.BRAKE_STALE_SNAPSHOT: "the scrape that found the job is too old to act on",
    Refusal.MODE: "rescues are disabled here (rescue.mode, or the tier's own)",
    Refusal.HOLD_BY_POLICY: "the tier holds jobs with this reason for an operator",
    Refusal.MAX_RESCUES: "the job was rescued too often in a day, and the tier holds it for an operator (max_rescues)",
    Refusal.EXHAUSTED: "the job has no attempts left, and the tier holds it for an operator (on_exhausted)",
    Refusal.CANCEL_UNKNOWN: (
        "a cancel was requested, by the clocks of this claim or of an earlier one: an operator must decide"
    ),
    Refusal.COOLDOWN: "the job was rescued a moment ago (rescue.cooldown)",
    Refusal.STOPPING: "its worker was requested to stop, and has time until stop_grace is over",
    Refusal.LOCKED: "another session has locked its row or its heartbeat row; it is tried again at the next pass",
    Refusal.GONE: "the job ended, or was claimed again, since it was found",
    Refusal.BEAT: "the job is not stuck: its worker beat, or it made progress",
    Refusal.LOST_ALREADY: "the claim is marked lost, but the job runs under it: its row was changed manually",
    Refusal.RESCUED_ALREADY: "the audit has a rescue of this claim already",
    Refusal.UNKNOWN: "Riverkeeper knows nothing of its worker, or evidence is missing",
    Refusal.CHANGED: "the job is stuck for another reason than before; it is judged again at the next pass",
    Refusal.RECORDED: "the audit has a dry run of this claim and reason already",
    Refusal.UNIQUE: "another job already has its unique key in the state that it would get",
    Refusal.DATABASE: "the database refused the rescue",
}


@dataclass(frozen=True, slots=True)
class Skipped:
    """The rescue was not made; the job is as it was."""

    refusal: Refusal
    detail: str = ""  # which error, or how long to wait

    def __str__(self) -> str:
        return f"{self.refusal.sentence}: {self.detail}" if self.detail else self.refusal.sentence
