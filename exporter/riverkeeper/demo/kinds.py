"""Which jobs the simulated company has: how often each comes, how long it runs, and how it ends."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from types import MappingProxyType


class Ending(StrEnum):
    """How an attempt ends, as its worker sees it."""

    SUCCESS = "success"
    FAILURE = "failure"
    SNOOZE = "snooze"
    CANCEL = "cancel"  # the worker returns River's JobCancel
    CRASH = "crash"  # takes the whole client with it: nothing is written
    HANG = "hang"  # never ends while its client lives
    INTERRUPT = "interrupt"  # given back by a client that stops in order


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind of job. `size` jobs arrive each `every` seconds, first at `first`, in seconds after the start."""

    name: str
    queue: str
    priority: int
    every: float
    seconds: float  # median run time
    spread: float = 0.5  # sigma of the run time's logarithm; 0.5 makes the p95 2.3 medians
    size: int = 1
    first: float = 0.0
    endings: Mapping[Ending, float] = field(default_factory=dict)  # shares below 1; the rest succeeds
    max_attempts: int = 25
    reports: bool = False  # its progress, with each beat
    first_ending: Ending | None = None  # of a first attempt, whatever the shares say
    metadata: Mapping[str, object] = field(default_factory=dict)


PERIODIC: Mapping[str, object] = MappingProxyType({"periodic": True})  # as River marks what its own clock inserted
ALL_CRASH: Mapping[Ending, float] = MappingProxyType({Ending.CRASH: 1.0})

KINDS: tuple[Kind, ...] = (
    # charge_card is urgent by the demo's configuration; export_ledger is standard.
    Kind("charge_card", "default", 1, every=0.5, seconds=0.3, endings={Ending.FAILURE: 0.4}, max_attempts=3),
    Kind("send_receipt", "default", 2, every=0.025, seconds=0.02),
    Kind("resize_image", "default", 3, every=0.05, seconds=0.12, endings={Ending.FAILURE: 0.005}),
    Kind("sync_crm", "default", 3, every=4, seconds=0.2, endings={Ending.FAILURE: 1.0}, max_attempts=5, first=1),
    Kind("await_payment", "default", 2, every=1, seconds=0.05, endings={Ending.SNOOZE: 0.75}),
    Kind("check_certs", "default", 4, every=10, seconds=0.5, first=5, metadata=PERIODIC),
    Kind("send_email", "mail", 1, every=0.04, seconds=0.08, endings={Ending.FAILURE: 0.01, Ending.CANCEL: 0.01}),
    Kind("send_digest", "mail", 4, every=15, seconds=1.5, first=3, metadata=PERIODIC),
    Kind("build_report", "reports", 2, every=4, seconds=12, reports=True),
    Kind("export_ledger", "reports", 3, every=45, seconds=2.5, first=1, reports=True, first_ending=Ending.HANG),
    Kind("import_rows", "bulk", 4, every=40, size=500, first=3, seconds=0.3),
    Kind("transcode_video", "video", 1, every=50, seconds=4, spread=0.1, first=4, first_ending=Ending.CRASH),
    Kind("parse_upload", "video", 1, every=90, seconds=3, spread=0.1, first=20, endings=ALL_CRASH, max_attempts=2),
)
BY_NAME: Mapping[str, Kind] = MappingProxyType({kind.name: kind for kind in KINDS})
# A job that someone else put into the table: no client knows its kind, and River fails such a job.
STRANGE = Kind("unknown", "default", 1, every=math.inf, seconds=0.001, endings={Ending.FAILURE: 1.0})
QUEUES = tuple(sorted({kind.queue for kind in KINDS}))


def count_arrivals(kind: Kind, seconds: float) -> int:
    """Jobs of the kind that have come in the first `seconds`; never falls."""
    if seconds < kind.first:
        return 0
    # A millionth of an arrival: 0.3 / 0.1 must count as three although the floats say 2.99.
    return kind.size * (int((seconds - kind.first) / kind.every + 1e-6) + 1)
