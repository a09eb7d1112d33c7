"""Filters that name what does not exist. A list that is empty for that reason must not look like an all-clear."""

from __future__ import annotations

import difflib
from collections.abc import Collection

from riverkeeper.ledger.names import OTHER
from riverkeeper.rescue.wakes.wake import Scope
from riverkeeper.river.known_names import KnownNames
from riverkeeper.scrape.scrape import Snapshot

LISTED = 10  # existing names in a message: the rest is only counted


class ListError(Exception):
    """The list cannot be shown. `message` and `fix` hold no secret and may be shown."""

    def __init__(self, status: int, message: str, fix: str) -> None:
        super().__init__(message)
        self.status = status
        self.message = message
        self.fix = fix


class BadQuery(ListError):
    """The query string is wrong; the message names the parameter."""

    def __init__(self, message: str) -> None:
        super().__init__(400, message, "correct the address, or use the form")


class UnknownName(ListError):
    """A filter names a queue or a kind that does not exist; the message lists those that do."""

    def __init__(self, message: str) -> None:
        super().__init__(404, message, "correct the name; upper and lower case matter")


def refuse_unknown_choices(scope: Scope, tiers: Collection[str], reasons: Collection[str]) -> None:
    """Raises BadQuery where the tier is not in the configuration, or where no job of the list can have the reason."""
    if scope.tier and scope.tier not in tiers:
        raise BadQuery(f'there is no tier "{scope.tier}" in this configuration; {describe_known(scope.tier, tiers)}')
    if scope.reason and scope.reason not in reasons:
        raise BadQuery(f'there is no reason "{scope.reason}"; {describe_known(scope.reason, reasons)}')


def refuse_unknown_names(scope: Scope, known: KnownNames) -> None:
    """Raises UnknownName where no job of the kind, or no queue of the name, is there."""
    if scope.kind and scope.kind not in known.kinds:
        raise UnknownName(f'no job of kind "{scope.kind}" is in the table; {_describe_names(scope.kind, known.kinds)}')
    if scope.queue and scope.queue not in known.queues:
        raise UnknownName(f'there is no queue "{scope.queue}"; {_describe_names(scope.queue, known.queues)}')


def refuse_unknown_worker(worker: str | None, known: Collection[str]) -> None:
    """Raises UnknownName where no running job and no process that beats has this client id or host."""
    if worker and worker not in known:
        raise UnknownName(f'no worker "{worker}" has a running job or beats; {_describe_workers(worker, known)}')


def names_are_known(scope: Scope, snapshot: Snapshot) -> bool:
    """Whether a scrape shows that queue and kind exist. False proves nothing: of long queues it reads a part."""
    pairs = [*snapshot.live_pairs, *snapshot.names.pairs]
    queues = {queue.name for queue in snapshot.queues or ()} | {pair[0] for pair in pairs}
    queues |= {partition.queue for partition in snapshot.partitions or ()}
    return scope.queue in (None, *queues) and scope.kind in (None, *(pair[1] for pair in pairs))


def describe_known(given: str, known: Collection[str]) -> str:
    """The name that was probably meant, and the names that exist."""
    near = difflib.get_close_matches(given, sorted(known), n=1)
    names = sorted(known)[:LISTED]
    more = f" and {len(known) - LISTED} more" if len(known) > LISTED else ""
    listed = f"{'is' if len(known) == 1 else 'are'}: {', '.join(names)}{more}"
    return f'did you mean "{near[0]}"? There {listed}' if near else f"there {listed}"


def _describe_workers(given: str, known: Collection[str]) -> str:
    return describe_known(given, known) if known else "no worker has a running job or beats"


def _describe_names(given: str, known: Collection[str]) -> str:
    if given == OTHER:
        return f'in metrics "{OTHER}" stands for all names beyond collect.max_pairs: filter by the others instead'
    return describe_known(given, known) if known else "the table holds no job"
