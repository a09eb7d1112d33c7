"""What the demo prints about killed and hung jobs: measured moments, and a reason where there is none."""

from __future__ import annotations

from riverkeeper.demo.recovery import (
    FalseRescues,
    Fault,
    LostClaim,
    LostJob,
    Recovery,
    explain_wait,
    summarize_recoveries,
)

AT = 1_790_000_000.0
NO_AUDIT = FalseRescues(0, 0, 0)


def lost_job(fault: Fault = Fault.KILLED, job_id: int = 4711, **found: object) -> LostJob:
    lost = LostClaim(job_id, "build_report", "2026-09-21T14:13:10.000000Z", fault, AT)
    return LostJob(lost, Recovery(**found))  # type: ignore[arg-type]


def test_a_rescued_job_has_its_measured_times() -> None:
    """From the kill, by the database's clock. A hung job's time begins with its last progress."""
    killed = lost_job(noticed_at=AT + 6.2, rescued_at=AT + 6.2, again_at=AT + 9.4, state="running")
    hung = lost_job(
        Fault.HUNG, noticed_at=AT + 7, rescued_at=AT + 10, again_at=AT + 13, progress_at=AT - 1, state="running"
    )
    assert killed.sentence == "build_report 4711: worker killed, noticed after 6 s, running again after 9 s"
    assert hung.sentence == "build_report 4711: hung, noticed after 8 s, running again after 14 s"


def test_a_job_that_waits_has_no_sentence_yet() -> None:
    """Neither before nor after the rescue, until the next attempt begins."""
    assert lost_job(state="running").sentence is None
    assert lost_job(noticed_at=AT + 6, rescued_at=AT + 6, state="available").sentence is None


def test_another_end_is_named() -> None:
    """A cancelled job does not run again. One that somebody else brought back is not counted as ours."""
    cancelled = lost_job(noticed_at=AT + 6, rescued_at=AT + 6, state="cancelled")
    assert cancelled.sentence == "build_report 4711: worker killed, noticed after 6 s, now cancelled"
    other = lost_job(again_at=AT + 300, state="running")
    assert other.sentence == "build_report 4711: worker killed, running again after 300 s (not by Riverkeeper)"
    assert lost_job().sentence == "build_report 4711: worker killed, deleted"


def test_a_job_that_is_not_rescued_has_a_reason() -> None:
    """In the words of the page; where the page does not know the job, or does not answer, that is the reason."""
    held = {"jobs": [{"id": 4711, "plan": "nothing", "held_by": ["the job has no attempts left"]}], "suspected": []}
    suspected = {"jobs": [], "suspected": [{"id": 4711, "missing": "no beat"}]}
    planned = {"jobs": [{"id": 4711, "plan": "retry at the next pass", "held_by": []}]}
    name = "build_report 4711: worker killed"
    assert explain_wait(lost_job(), held) == f"{name}, not rescued: the job has no attempts left"
    assert explain_wait(lost_job(), suspected) == f"{name}, not rescued: no beat"
    assert explain_wait(lost_job(), planned) == f"{name}, not rescued: retry at the next pass"
    assert explain_wait(lost_job(), {"jobs": []}) == f"{name}, not noticed yet: its limit has not passed"
    assert explain_wait(lost_job(), None) == f"{name}, not rescued: Riverkeeper's page does not answer"


def test_the_summary_has_medians_and_false_rescues() -> None:
    """Only rescued jobs have times; the rest is named. A rate is never printed, only what is known of how many."""
    jobs = [
        lost_job(rescued_at=AT + 6, again_at=AT + 9),
        lost_job(rescued_at=AT + 7, again_at=AT + 10),
        lost_job(rescued_at=AT + 8),
        lost_job(Fault.HUNG, job_id=9),
    ]
    assert summarize_recoveries(jobs, 2, FalseRescues(claims=3, false=0, known=0)) == [
        "2 workers killed with 3 jobs, 1 job hung. 3 jobs rescued.",
        "Time to the rescue: p50 7.0 s. Time to the next attempt: p50 9.5 s.",
        "False rescues: 0 of 3. 0 can be known yet: a right one is known ten minutes after it.",
        "Not rescued: build_report 9: hung.",
    ]


def test_a_short_run_has_no_numbers() -> None:
    """Nobody died: that is the sentence. Nobody was rescued: no time is printed."""
    assert summarize_recoveries([], 0, NO_AUDIT) == [
        "No worker has died yet, and no job hangs: run longer to see a rescue."
    ]
    assert summarize_recoveries([lost_job()], 1, NO_AUDIT) == [
        "1 worker killed with 1 job, 0 jobs hung. 0 jobs rescued.",
        "Not rescued: build_report 4711: worker killed.",
    ]
    early = summarize_recoveries([lost_job(rescued_at=AT + 6)], 1, NO_AUDIT)
    assert early[1] == "Time to the rescue: p50 6.0 s. Time to the next attempt: p50 not yet known."
