"""The order of a person who rescues jobs by id: whose it is, by which tier, and what holds even a person."""

from __future__ import annotations

import getpass
import socket
from collections.abc import Mapping
from functools import partial
from uuid import uuid4

from riverkeeper.brakes.control import Status, read_status
from riverkeeper.brakes.heartbeat_path import Path, proven
from riverkeeper.brakes.rules import DOUBTS
from riverkeeper.brakes.state import Brake
from riverkeeper.config.load import Config
from riverkeeper.config.tiers import Action
from riverkeeper.postgres.transaction import Transaction
from riverkeeper.rescue.manual import RequestFor
from riverkeeper.rescue.request import BrakeCheck, RescueRequest
from riverkeeper.rescue.rules import restraints_of
from riverkeeper.verdict.job import RunningJob
from riverkeeper.verdict.limits import Learned, limits_of
from riverkeeper.verdict.tiers import tier_of


def operator() -> str:
    """The person at this terminal, as the audit and the kill switch name them: user@host."""
    try:
        user = getpass.getuser()
    except (KeyError, OSError):  # a container's user may have no name
        user = "somebody"
    return f"{user}@{socket.gethostname()}"


def engaged_in_tables(status: Status) -> Mapping[Brake, str]:
    """The brakes that stand in tables; what a single process knows of itself is not among them."""
    brakes = {}
    if status.stop is not None:
        why = f": {status.stop.why}" if status.stop.why else ""
        brakes[Brake.KILL_SWITCH] = f"stopped by {status.stop.by}{why} (riverkeeper rescue resume)"
    for one in status.engaged:
        if not one.released and one.name in set(Brake):
            brakes[Brake(one.name)] = one.sentence
    return brakes


def held(tx: Transaction, *, reported: bool = False) -> BrakeCheck:
    """What holds a person too: a kill switch that somebody pulled, and mass silence. Release them first."""
    engaged = engaged_in_tables(read_status(tx)).items()
    holding = next((one for one in engaged if not (reported and one[0] in DOUBTS)), None)
    return lambda _: holding


def request_factory(
    config: Config, status: Status, learned: Mapping[str, Learned], *, apply: bool, action: Action | None
) -> RequestFor:
    """Orders of this person. The mode is not asked: who names a job and says --apply means it."""
    policy, keeper = config, uuid4()
    path = verified_since(config, status)

    def order(job: RunningJob) -> RescueRequest:
        tier = tier_of(policy, job.queue, job.kind, job.priority)
        return RescueRequest(
            tier=tier, limits=limits_of(policy, tier, job.kind, learned.get(job.kind)), policy=policy, keeper=keeper,
            woken_by=f"person {operator()}", path_ok_since=path, dry_run=not apply, cooldown=config.rescue.cooldown,
            action=action, brakes=partial(held, reported=job.gave_up_at is not None),
        )  # fmt: skip

    return order


def verified_since(config: Config, status: Status) -> float | None:
    """Since when beats get through, as a supervisor proved it just now; None where none is at work."""
    path = Path(status.path_ok_since, status.path_probe_at)
    patience = restraints_of(config).patience
    return proven(path, status.now, patience) if status.proven_here else None
