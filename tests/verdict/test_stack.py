"""Where a job hangs, of the text that a worker sent: the program's own code first, and no text makes it fail."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from riverkeeper.verdict.job import Beat, JobClaim, RunningJob
from riverkeeper.verdict.stack import missing_stack, parse_stack, wants_stack, where
from riverkeeper.verdict.verdict import Limit, LimitName, Reason, StuckJob, Verdict

GO = "\n".join(
    (
        "internal/poll.runtime_pollWait\t/usr/local/go/src/runtime/netpoll.go:351",
        "net/http.(*persistConn).roundTrip\t/usr/local/go/src/net/http/transport.go:2837",
        "github.com/acme/retry/v2.Do[...]\t/go/pkg/mod/github.com/acme/retry/v2@v2.0.1/retry.go:31",
        "example.com/shop/billing.(*Worker).Charge\t/app/billing/billing.go:88",
        "example.com/shop/billing.(*Worker).Work\t/app/billing/billing.go:40",
        "github.com/riverqueue/river.(*wrapperWorkUnit[...]).Work\t/src/river/work_unit_wrapper.go:31",
    )
)
PYTHON = "\n".join(
    (
        "threading.Condition.wait\t/usr/lib/python3.11/threading.py:320",
        "requests.adapters.HTTPAdapter.send\t/venv/lib/python3.11/site-packages/requests/adapters.py:486",
        "shop.billing.charge\tC:\\app\\billing.py:88",
    )
)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (GO, "net/http.(*persistConn).roundTrip ← billing.(*Worker).Charge billing.go:88"),
        (PYTHON, "threading.Condition.wait ← shop.billing.charge billing.py:88"),
        ("main.charge\tmain.go:7\nmain.main\tmain.go:1", "main.charge main.go:7"),
        ("time.Sleep\t/go/src/runtime/time.go:285", "time.Sleep time.go:285"),
        ("runtime.gopark\t/go/src/runtime/proc.go:1", "runtime.gopark proc.go:1"),
        ("gopkg.in/yaml%2ev3.f\ta.go:1", "yaml.v3.f a.go:1"),
        ("a/b.F[c.com/d.T]\t/b.go:1", "b.F[c.com/d.T] b.go:1"),
        ("2 goroutines:\nmain.f\tm.go:1\n\nmain.g\tm.go:2", "main.f m.go:1"),
        ("something else", "something else"),
        ("", ""),
        ("\n \n", ""),
    ],
)
def test_one_line_shows_where_it_hangs(text: str, expected: str) -> None:
    """What it waits in, outside of the runtime; and who of the program itself called that."""
    assert where(text) == expected


def test_threads_have_headings_and_frames() -> None:
    """As the contract writes them."""
    first, second = parse_stack(f"3 goroutines:\n{GO}\n\nmain.g\tm.go:2\n")

    assert (first.heading, len(first.frames), second.heading) == ("3 goroutines", 6, "")
    assert (second.frames[0].function, second.frames[0].file, second.frames[0].line) == ("main.g", "m.go", 2)


@given(st.text(st.characters() | st.sampled_from("\t\n:/.([%2e←"), max_size=300))
def test_any_text_is_shown(text: str) -> None:
    """A worker's login may send what it likes: each line that is not blank is there, and nothing fails."""
    threads = parse_stack(text)
    shown = [
        line for thread in threads for line in (thread.heading, *(frame.function for frame in thread.frames)) if line
    ]

    assert len(shown) == sum(bool(line.strip()) for line in text.splitlines())
    assert "\n" not in where(text)
    assert bool(where(text)) == bool(threads)


@given(
    st.lists(st.tuples(st.text("ab./(*)[]%é", min_size=1), st.text("ab/.\\é ", min_size=1), st.integers(0, 10**9 - 1)))
)
def test_frames_are_read_back(frames: list[tuple[str, str, int]]) -> None:
    """Function, file and line, whatever they contain that the contract allows."""
    text = "\n".join(f"{function}\t{file}:{line}" for function, file, line in frames)
    found = [(frame.function, frame.file, frame.line) for thread in parse_stack(text) for frame in thread.frames]

    assert found == frames


def test_a_long_name_is_cut() -> None:
    """A page must not be as wide as a generic type."""
    assert len(where(f"main.F[{'x' * 30_000}]\tm.go:1")) < 200


NOW = 1000.0


def job_of(reason: Reason, beat: Beat | None, value: float = 100.0) -> StuckJob:
    claim = JobClaim(1, 1, "2026-01-01T00:00:00.000000Z")
    job = RunningJob(claim, "q", "k", 1, 25, 0.0, "c", beat)
    return StuckJob(job, Verdict(reason, "standard", Limit(LimitName.RUN, 60.0, "tier"), value))


def beat(requested: float | None = None, sent: float | None = None, **more: object) -> Beat:
    return Beat(NOW - 1.0, 10.0, stack_requested_at=requested, stack_at=sent, **more)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("stuck", "wanted"),
    [
        (job_of(Reason.HUNG, beat()), True),
        (job_of(Reason.OVER_BUDGET, beat()), True),
        (job_of(Reason.WORKER_LOST, beat()), False),
        (job_of(Reason.HUNG, None), False),
        (job_of(Reason.HUNG, beat(by_metadata=True)), False),
        (job_of(Reason.HUNG, beat(NOW - 1000.0)), False),  # pending: it is not moved, or an operator could hold it up
        (job_of(Reason.HUNG, beat(NOW - 20.0, NOW - 19.0)), False),
        (job_of(Reason.HUNG, beat(NOW - 50.0, NOW - 49.0)), True),  # stuck for 40 s: that one is of before
    ],
)
def test_a_stack_is_wanted_once_a_job_is_stuck(stuck: StuckJob, wanted: bool) -> None:
    """Of a worker that lives, and not while an earlier request waits for its answer."""
    assert wants_stack(stuck, NOW) is wanted


@pytest.mark.parametrize(
    ("row", "sentence"),
    [
        (None, ""),
        (beat(), ""),
        (beat(NOW - 5.0, NOW - 4.0), ""),
        (beat(NOW - 5.0), "requested 5.0 s ago; the next beat brings it"),
        (beat(NOW - 20.0, NOW - 100.0), "requested 20 s ago; its client has beaten since and sent none"),
        (Beat(NOW - 60.0, 10.0, stack_requested_at=NOW - 50.0), "requested 50 s ago; its worker has not beaten since"),
    ],
)
def test_a_missing_answer_has_its_reason(row: Beat | None, sentence: str) -> None:
    """An operator who waits for a stack reads whether it can still come."""
    assert missing_stack(row, NOW) == sentence
