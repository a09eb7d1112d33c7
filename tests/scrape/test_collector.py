"""One reading at a time, shared by all who ask, and a gate that cannot stay shut."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

import pytest

from riverkeeper.scrape.collector import Collector
from riverkeeper.scrape.scrape import Snapshot


@dataclass
class Readings:
    """Stands for a reader: counts its readings, waits and fails on command."""

    taken: int = 0
    closed: threading.Event = field(default_factory=threading.Event)
    at_once: int = 0
    most_at_once: int = 0
    seconds: list[float] = field(default_factory=list)
    go: threading.Event = field(default_factory=threading.Event)
    began: threading.Event = field(default_factory=threading.Event)
    fails: BaseException | None = None

    def read(self, seconds: float) -> Snapshot:
        self.at_once += 1
        self.most_at_once = max(self.most_at_once, self.at_once)
        self.seconds.append(seconds)
        self.began.set()
        try:
            assert self.go.wait(10)
            if self.fails:
                raise self.fails
            self.taken += 1
            return Snapshot(up=True, taken_at=float(self.taken))
        finally:
            self.at_once -= 1

    def close(self) -> None:
        self.closed.set()


@pytest.fixture
def readings() -> Iterator[Readings]:
    """Readings that end at once, until `go` is cleared; let go at the end whatever happened."""
    readings = Readings()
    readings.go.set()
    yield readings
    readings.go.set()


@pytest.fixture
def collector(readings: Readings) -> Iterator[Collector]:
    """Shares nothing that has landed."""
    collector = Collector(readings, min_interval=0.0)
    yield collector
    readings.go.set()
    collector.close()


def test_fifty_at_once_are_one_reading(readings: Readings, collector: Collector) -> None:
    """However many ask while a reading is under way, they wait for that one."""
    readings.go.clear()
    with ThreadPoolExecutor(50) as threads:
        answers = [threads.submit(collector.collect, 10.0) for _ in range(50)]
        assert readings.began.wait(10)
        everybody = {id(collector.request(10.0)) for _ in range(50)}
        readings.go.set()
        snapshots = {answer.result().taken_at for answer in answers}

    assert len(everybody) == 1
    assert readings.most_at_once == 1
    assert snapshots <= {1.0, 2.0}  # a thread that came after the landing has one of its own


def test_a_fresh_snapshot_is_shared(readings: Readings) -> None:
    """Two Prometheis, a page and a supervisor within min_interval cost the database one reading."""
    collector = Collector(readings, min_interval=60.0)
    first = collector.collect(10.0)

    assert [collector.collect(10.0) for _ in range(5)] == [first] * 5
    assert readings.taken == 1
    collector.close()


def test_an_old_snapshot_is_not(readings: Readings, collector: Collector) -> None:
    """Beyond min_interval every caller has what is true now."""
    assert [collector.collect(10.0).taken_at for _ in range(3)] == [1.0, 2.0, 3.0]


def test_freshness_counts_from_the_landing(readings: Readings) -> None:
    """A reading that took longer than min_interval is still shared by those who waited for it."""
    collector = Collector(readings, min_interval=60.0)
    readings.go.clear()
    flight = collector.request(10.0)
    assert readings.began.wait(10)
    readings.go.set()
    flight.result(10)

    assert collector.collect(10.0).taken_at == 1.0
    collector.close()


def test_a_reading_that_hangs_costs_each_caller_only_its_time(readings: Readings, collector: Collector) -> None:
    """Answered by our own clock: the database does not answer. Nobody starts a second reading beside it."""
    readings.go.clear()
    for _ in range(3):
        snapshot = collector.collect(0.05)  # without a clock of our own it would wait for as long as the reading does
        assert not snapshot.up
        assert "has not answered" in (snapshot.error or "")
    assert readings.most_at_once == 1
    readings.go.set()
    assert collector.collect(10.0).up


def test_the_gate_opens_after_a_hang(readings: Readings, collector: Collector) -> None:
    """However long one hung and however many gave up on it, the next one is taken as soon as it ends."""
    readings.go.clear()
    with ThreadPoolExecutor(20) as threads:
        gave_up = [threads.submit(collector.collect, 0.01) for _ in range(20)]
        assert not any(answer.result().up for answer in gave_up)
    readings.go.set()
    landed = collector.collect(10.0)

    assert landed.up
    assert collector.collect(10.0).taken_at > landed.taken_at


@pytest.mark.parametrize("fault", [RuntimeError("boom"), MemoryError(), SystemExit(1), KeyboardInterrupt()], ids=repr)
def test_a_reader_that_raises_does_not_shut_the_gate(
    readings: Readings, collector: Collector, fault: BaseException
) -> None:
    """The fault is reported to each scrape that waited; the next one reads again, on the same thread or a new one."""
    readings.fails = fault
    for _ in range(3):
        with pytest.raises(type(fault)):
            collector.collect(10.0)
    readings.fails = None

    assert collector.collect(10.0).up


def test_a_fault_is_not_shared_for_min_interval(readings: Readings) -> None:
    """Only what landed is fresh."""
    collector = Collector(readings, min_interval=60.0)
    readings.fails = RuntimeError("boom")
    with pytest.raises(RuntimeError):
        collector.collect(10.0)
    readings.fails = None

    assert collector.collect(10.0).up
    collector.close()


def test_a_thread_that_cannot_be_started_does_not_shut_the_gate(
    readings: Readings, collector: Collector, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Out of threads: that scrape fails, the next one reads."""

    def no_thread(_: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    with monkeypatch.context() as patched:
        patched.setattr(threading.Thread, "start", no_thread)
        with pytest.raises(RuntimeError, match="start new thread"):
            collector.collect(10.0)

    assert collector.collect(10.0).up


def test_the_first_callers_time_is_the_readings_time(readings: Readings, collector: Collector) -> None:
    """The one who starts a reading sets how long it may take."""
    collector.collect(3.5)

    assert readings.seconds == [3.5]


def test_the_latest_snapshot_is_kept_for_pages(readings: Readings, collector: Collector) -> None:
    """Of any age; none before the first reading."""
    assert collector.latest is None
    snapshot = collector.collect(10.0)

    assert collector.latest is snapshot


@pytest.mark.parametrize("fails", [None, RuntimeError("boom")], ids=repr)
def test_closing_waits_for_nobody_and_closes_the_reader(readings: Readings, fails: BaseException | None) -> None:
    """The reading under way ends by its own limits, and its connection is closed after it, also when it fails."""
    collector = Collector(readings, min_interval=0.0)
    readings.fails = fails
    readings.go.clear()
    flight = collector.request(10.0)
    assert readings.began.wait(10)
    collector.close()
    assert not readings.closed.is_set()
    readings.go.set()

    assert flight.exception(10) is fails
    assert readings.closed.wait(10)


def test_closing_at_rest_closes_the_reader_at_once(readings: Readings, collector: Collector) -> None:
    """After a reload the old connection does not stay open, and what asks the old collector has its last answer."""
    last = collector.collect(10.0)
    collector.close()

    assert readings.closed.is_set()
    assert collector.collect(10.0) is last
