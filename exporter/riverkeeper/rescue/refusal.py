"""Why a stuck job was left alone: label values of riverkeeper_rescue_refusals_total, with a sentence for each. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from riverkeeper.brakes.rules import Brake


class Refusal(StrEnum):
    """One word for each way in which a rescue is not made."""

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
    Refusal.NOT_ACTOR: "another keeper's rescue is under way; its turn comes at the next pass",
    Refusal.BRAKE_KILL_SWITCH: "the kill switch is pulled (`riverkeeper rescue resume` releases it)",
    Refusal.BRAKE_MASS_SILENCE: "the brake mass_silence holds rescues, or lets them begin slowly",
    Refusal.BRAKE_RATE: "as many rescues as a minute may have were made in the last one",
    Refusal.BRAKE_GRACE: "the keeper has just started, and waits until it has seen enough",
    Refusal.BRAKE_STALE_SNAPSHOT: "the reading that found the job is too old to act on",
    Refusal.MODE: "rescues are disabled here (rescue.mode, or the tier's own)",
    Refusal.HOLD_BY_POLICY: "the tier's policy for this reason is to hold it for a person",
    Refusal.MAX_RESCUES: "the job was rescued too often in a day, and the tier's policy is to hold it for a person",
    Refusal.EXHAUSTED: "its attempts are used up, and the tier's policy is to hold it for a person (on_exhausted)",
    Refusal.COOLDOWN: "it was rescued a moment ago (rescue.cooldown)",
    Refusal.STOPPING: "its worker was asked to stop it, and has until stop_grace is over",
    Refusal.LOCKED: "another transaction holds its row, or the row of its beats; tried again at the next pass",
    Refusal.GONE: "it ended, or was claimed anew, since it was found",
    Refusal.BEAT: "it is not stuck: its worker was heard, or it moved",
    Refusal.LOST_ALREADY: "the claim is marked lost, yet the job runs under it: somebody put it back by hand",
    Refusal.RESCUED_ALREADY: "the audit says that this claim was rescued before",
    Refusal.UNKNOWN: "nothing is known of its worker, or the evidence is short of proof",
    Refusal.CHANGED: "it is stuck for another reason than the one it was found for; looked at anew at the next pass",
    Refusal.RECORDED: "a dry run of this claim and reason has been written down before",
    Refusal.UNIQUE: "another job holds its unique key in the state it would go to",
    Refusal.DATABASE: "the database refused the rescue",
}


@dataclass(frozen=True, slots=True)
class Skipped:
    """The job was left as it was."""

    refusal: Refusal
    detail: str = ""  # what the sentence leaves open: which error, how long still

    def __str__(self) -> str:
        return f"{self.refusal.sentence}: {self.detail}" if self.detail else self.refusal.sentence
