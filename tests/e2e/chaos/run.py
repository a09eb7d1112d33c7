"""One run: jobs come, faults come and go, then everything is whole again until every job has ended."""

from __future__ import annotations

import contextlib
import heapq
import itertools
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import partial

import psycopg

from e2e.chaos.environment import Environment
from e2e.chaos.faults import ALL, DIRECTED_PATIENCE, OF_A_PROCESS, Fault, Kind
from e2e.chaos.journal import Tail
from e2e.chaos.places import Place
from e2e.chaos.record import FOREVER, Entry, Trouble
from e2e.chaos.workload import SHORT_MILLISECONDS, Job

TICK = 0.02  # seconds
# After the faults the run goes on until no job has ended for so long: longer than any brake, limit or back-off holds.
STANDSTILL_SECONDS = 90.0
CALM_SECONDS = {True: 1_200.0, False: 45.0}  # at most; without the fence late results make attempts without end
INSERT_EVERY = 0.2
NEXT_AT_WORK = 0.2  # seconds that the next attempt has worked when a directed cut ends
INSERT = """
INSERT INTO river_job (state, kind, queue, args, max_attempts, priority)
SELECT 'available', 'journaled', job.queue, job.args::jsonb, 1000, 1
FROM unnest(%(queues)s::text[], %(args)s::text[]) AS job (queue, args)
"""
OPEN = "SELECT count(*) FROM river_job WHERE state NOT IN ('completed', 'cancelled', 'discarded')"


@dataclass(slots=True)
class Directed:
    """A directed cut: it begins while a short job runs in its worker, so that the result is on its way unheard."""

    fault: Fault
    here: Place
    client: str
    patience: float
    jobs: set[int] = field(default_factory=set)  # that ended there since: their results are on their way
    lasting: int | None = None  # None: it has not begun


@dataclass(slots=True)
class Run:
    """Carries out the faults of a plan, and remembers what it really did."""

    environment: Environment
    faults: list[Fault]
    jobs: list[Job]
    seconds: float
    troubles: list[Trouble] = field(default_factory=list)
    began: float = 0.0
    _due: list[tuple[float, int, Callable[[], None]]] = field(default_factory=list)
    _numbers: itertools.count[int] = field(default_factory=itertools.count)
    _directed: list[Directed] = field(default_factory=list)
    _tails: dict[str, Tail] = field(default_factory=dict)
    _lasting: dict[int, tuple[Fault, float, str]] = field(default_factory=dict)
    _server_down: bool = False
    _inserted_at: float = 0.0
    _left: int = -1  # jobs that have not ended
    _left_at: float = 0.0  # since when
    _pause: threading.Event = field(default_factory=threading.Event)
    _inserter: psycopg.Connection[tuple[object, ...]] | None = None

    def go(self) -> None:
        """The whole run; returns when every job has ended, or the calm is over."""
        self._settle()
        self.began = time.time()
        for fault in self.faults:
            self._at(self.began + fault.at, partial(self._begin, fault))
        self._loop(lambda: time.time() > self.began + self.seconds)
        self._heal()
        calm = time.time() + CALM_SECONDS[self.environment.fenced]
        self._loop(lambda: time.time() > calm or (not self._lasting and self._is_over()))
        self._stop_workers()

    def _settle(self) -> None:
        """Everybody is there before the first fault."""
        begun = time.time()
        self._loop(
            lambda: (
                time.time() > begun + 5
                and all(here.program and "ready" in here.program.log for here in self.environment.workers)
            )
        )

    def _loop(self, over: Callable[[], bool]) -> None:
        looked = 0.0
        while True:
            now = time.time()
            while self._due and self._due[0][0] <= now:
                heapq.heappop(self._due)[2]()
            for here in self.environment.places:
                if said := here.follow(now):
                    self._say(said)
            self._direct(now)
            if self.began:
                self._insert(now)
            if now > looked + 1:
                looked = now
                if over():
                    return
            self._pause.wait(self._seconds_to_the_next(now))

    def _seconds_to_the_next(self, now: float) -> float:
        """Until something is due, or a tick has passed."""
        return max(0.0, min(TICK, self._due[0][0] - now)) if self._due else TICK

    def _at(self, moment: float, act: Callable[[], None]) -> None:
        heapq.heappush(self._due, (moment, next(self._numbers), act))

    # Faults

    def _begin(self, fault: Fault) -> None:
        if fault.target == ALL:
            self._begin_for_all(fault)
        elif fault.kind is Kind.DIRECTED:
            here = self._place(fault)
            self._directed.append(Directed(fault, here, here.client, time.time() + DIRECTED_PATIENCE))
        elif fault.kind in OF_A_PROCESS:
            self._begin_with_process(fault, self._place(fault))
        elif fault.kind is Kind.RESET:
            self._place(fault).link.reset()
            self._note(fault, time.time(), time.time(), fault.target)
        else:
            self._place(fault).link.begin(fault)
            self._last(fault, fault.target)

    def _begin_with_process(self, fault: Fault, here: Place) -> None:
        if not here.lives() or here.how:
            return
        match fault.kind:
            case Kind.KILL | Kind.KILL_REPLICA:
                here.kill(fault.seconds)
                self._note(fault, time.time(), FOREVER, here.client)
            case Kind.TERMINATE:
                here.terminate(fault.seconds)
                self._note(fault, time.time(), FOREVER, here.client)
            case _:
                here.signal(signal.SIGSTOP)
                self._last(fault, here.client)

    def _begin_for_all(self, fault: Fault) -> None:
        if fault.kind is Kind.OUTAGE:
            for here in self.environment.places:
                here.link.begin(fault)
            self._last(fault, ALL)
        elif not self._server_down:
            self._server_down = True
            began = time.time()
            self.environment.server.stop(signal.SIGQUIT if fault.kind is Kind.CRASH else signal.SIGINT)
            self._last(fault, ALL, began)

    def _last(self, fault: Fault, target: str, began: float = 0.0) -> int:
        number = next(self._numbers)
        self._lasting[number] = (fault, began or time.time(), target)
        self._say(f"{fault.kind}{f' ({fault.cut})' if fault.cut else ''} of {target} for {fault.seconds:.1f} s")
        self._at(time.time() + fault.seconds, partial(self._end, number))
        return number

    def _end(self, number: int) -> None:
        if number not in self._lasting:
            return
        fault, began, target = self._lasting.pop(number)
        if fault.kind in {Kind.RESTART, Kind.CRASH}:
            self.environment.server.start()
            self._server_down = False
        elif fault.kind is Kind.OUTAGE:
            for here in self.environment.places:
                here.link.end(fault)
        elif fault.kind in OF_A_PROCESS:
            self._thaw(target)
        else:
            self._place(fault).link.end(fault)
        self.troubles.append(Trouble(_name(fault), target, began, time.time()))

    def _thaw(self, client: str) -> None:
        for here in self.environment.places:
            if here.client == client:
                here.signal(signal.SIGCONT)

    def _direct(self, now: float) -> None:
        """Begins directed cuts, and ends those that wait for the next attempt of a job whose result they hold back."""
        entries = list(self._new_entries())
        for cut in list(self._directed):
            if cut.lasting is None:
                self._begin_directed(cut, entries, now)
                continue
            cut.jobs |= {entry.job for entry in entries if entry.event == "end" and entry.client == cut.client}
            begun = {entry.job for entry in entries if entry.event == "begin" and entry.client != cut.client}
            if cut.fault.until_next and cut.jobs & begun:
                self._at(now + NEXT_AT_WORK, partial(self._end, cut.lasting))
                self._directed.remove(cut)

    def _begin_directed(self, cut: Directed, entries: list[Entry], now: float) -> None:
        short = any(
            entry.event == "begin" and entry.client == cut.client and entry.seconds * 1000 <= SHORT_MILLISECONDS
            for entry in entries
        )
        if short and cut.here.client == cut.client:
            cut.here.link.begin(cut.fault)
            cut.lasting = self._last(cut.fault, cut.here.name)
        elif now > cut.patience:
            self._directed.remove(cut)

    def _new_entries(self) -> Iterator[Entry]:
        for here in self.environment.workers:
            tail = self._tails.setdefault(here.client, Tail(self.environment.journal(here.client)))
            yield from tail.read()

    def _heal(self) -> None:
        """Every fault that lasts ends now, and none follows; a directed cut that waits for the next attempt goes on."""
        self._due.clear()
        self._directed = [cut for cut in self._directed if cut.lasting is not None]
        for number, (fault, began, _) in list(self._lasting.items()):
            if fault.until_next:
                self._at(began + fault.seconds, partial(self._end, number))
            else:
                self._end(number)
        for here in self.environment.places:
            here.next_at = min(here.next_at, time.time())
        self._say("the faults have ended")

    def _stop_workers(self) -> None:
        for here in self.environment.workers:
            if here.lives():
                here.terminate(FOREVER)
        self._loop(lambda: not any(here.lives() for here in self.environment.workers))

    def _place(self, fault: Fault) -> Place:
        return next(here for here in self.environment.places if here.name == fault.target)

    def _note(self, fault: Fault, began: float, ended: float, target: str) -> None:
        self.troubles.append(Trouble(_name(fault), target, began, ended))
        self._say(f"{fault.kind} of {target}")

    def _say(self, what: str) -> None:
        with (self.environment.folder / "run.log").open("a") as log:
            log.write(f"{time.time():.3f} {what}\n")
        if sys.stderr.isatty():
            sys.stderr.write(f"{time.time() - (self.began or time.time()):7.1f}  {what}\n")

    # Jobs

    def _insert(self, now: float) -> None:
        """What is due; where the server did not answer, again: a job that is there twice is two jobs."""
        due = list(itertools.takewhile(lambda job: job.at <= now - self.began, self.jobs))
        if not due or now < self._inserted_at + INSERT_EVERY or self._server_down:
            return
        self._inserted_at = now
        with contextlib.suppress(psycopg.OperationalError):
            values = {"queues": [job.queue for job in due], "args": [job.args for job in due]}
            self._connection().execute(INSERT.encode(), values)
            del self.jobs[: len(due)]

    def _is_over(self) -> bool:
        """Every job has ended, or none ends any more."""
        self.jobs = [job for job in self.jobs if job.at < self.seconds]
        with contextlib.suppress(psycopg.OperationalError):
            row = self._connection().execute(OPEN.encode()).fetchone()
            left = int(str(row[0])) if row else 0
            if left != self._left:
                self._left, self._left_at = left, time.time()
            return not self.jobs and (left == 0 or time.time() > self._left_at + STANDSTILL_SECONDS)
        return False

    def _connection(self) -> psycopg.Connection[tuple[object, ...]]:
        if self._inserter is None or self._inserter.closed:
            self._inserter = psycopg.connect(
                self.environment.river.url, autocommit=True, connect_timeout=3,
                options="-c statement_timeout=5s -c application_name=chaos",
            )  # fmt: skip
        return self._inserter

    def close(self) -> None:
        if self._inserter is not None:
            self._inserter.close()


def _name(fault: Fault) -> str:
    return f"{fault.kind}, {fault.cut}" if fault.cut else str(fault.kind)
