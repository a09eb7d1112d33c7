"""The first screen of the front page: is anything stuck, who acts, what needs an operator."""

from __future__ import annotations

from dataclasses import replace

import pytest

from fixtures.stuck_jobs import ENDLESS, LIVE, LOST, held, judged, reading
from fixtures.web import DOWN, NOW, UP
from riverkeeper.brakes.rules import Brake
from riverkeeper.config.policy import Policy
from riverkeeper.config.tiers import Action, Mode, Tier
from riverkeeper.scrape.scrape import QueryOutcome, Snapshot
from riverkeeper.verdict.verdict import Reason, StuckJob, Verdict
from riverkeeper.web.pages.answers import AnswerLevel, Answers, answer

POLICY = Policy({"standard": Tier("standard"), "urgent": Tier("urgent")})
LEADING = replace(LIVE, modes={"standard": Mode.LIVE}, active_replica="vm/1")
DRY = replace(LEADING, modes={"standard": Mode.DRY_RUN})
WELL = replace(UP, verdicts=judged(), rescuing=LEADING)
SUSPECT = StuckJob(LOST.job, Verdict(Reason.PATH_UNVERIFIED, "standard", missing="a verified path"))


def answered(snapshot: Snapshot, policy: Policy = POLICY) -> Answers:
    return answer(snapshot, policy)


def needs(snapshot: Snapshot, policy: Policy = POLICY) -> list[str]:
    return [need.text for need in answered(snapshot, policy).needs]


def unbeaten(snapshot: Snapshot, seconds: float) -> Snapshot:
    assert snapshot.running
    pairs = tuple(replace(pair, beating=0, oldest_unbeaten=NOW - seconds) for pair in snapshot.running.pairs)
    return replace(snapshot, running=replace(snapshot.running, pairs=pairs))


def test_all_is_well_only_where_it_is_known() -> None:
    """Every running job beats, none is past a limit, the rescuer is live."""
    found = answered(WELL)

    assert (found.level, found.headline, found.stuck.text) == (AnswerLevel.GOOD, "No running job is stuck", "No.")
    assert found.acts.text == "Riverkeeper, on tiers standard."
    assert found.needs == ()


def test_jobs_that_do_not_beat_are_no_all_clear() -> None:
    """Nothing is known of their workers. A job that was just claimed has not had the time to beat."""
    found = answered(unbeaten(WELL, 300))

    assert found.headline == "No running job is known to be stuck"
    assert found.stuck.text.startswith("None is known. Jobs of send_email run and never beat, one for 5 min:")
    assert answered(unbeaten(WELL, 5)).stuck.text == "No."


@pytest.mark.parametrize(
    ("snapshot", "level", "text"),
    [
        (DOWN, AnswerLevel.BAD, "Unknown"),
        (UP, AnswerLevel.FAIR, "Unknown"),
        (reading(LOST, ENDLESS), AnswerLevel.FAIR, "Yes: 1 worker_lost, 1 over_budget."),
        (replace(WELL, verdicts=judged(path_ok_since=None)), AnswerLevel.FAIR, "None is proven"),
        (
            replace(WELL, verdicts=replace(judged(), suspected_counts={("q", "k", "standard", "beats_missing"): 2})),
            AnswerLevel.FAIR,
            "Perhaps: 2 beats_missing.",
        ),
    ],
)
def test_what_is_stuck(snapshot: Snapshot, level: AnswerLevel, text: str) -> None:
    """Never "no" where it is not known."""
    found = answered(snapshot)

    assert found.level is level
    assert found.stuck.text.startswith(text)


@pytest.mark.parametrize(
    ("snapshot", "text"),
    [
        (DOWN, "Nobody: without the database"),
        (UP, "Nobody here: this Riverkeeper only watches."),
        (replace(WELL, rescuing=DRY), "Nobody: this is a dry run."),
        (replace(WELL, rescuing=replace(LEADING, active_replica=None)), "Nobody yet: no replica of Riverkeeper leads."),
        (
            replace(WELL, rescuing=replace(LEADING, brakes={Brake.GRACE: "it has just started"})),
            "Nobody now. All rescues are paused: grace, it has just started.",
        ),
        (
            replace(WELL, rescuing=replace(LEADING, modes={"urgent": Mode.LIVE, "bulk": Mode.DRY_RUN})),
            "Riverkeeper, on tiers urgent. Of bulk it only records what it would do.",
        ),
    ],
)
def test_who_acts(snapshot: Snapshot, text: str) -> None:
    """A dry run acts on nothing, and a pause is named with its reason."""
    assert answered(snapshot).acts.text.startswith(text)


def test_a_stuck_job_that_is_rescued_needs_nobody() -> None:
    """In a live tier, while nothing is paused, the rescuer acts: nobody has to get up."""
    assert needs(replace(reading(LOST), rescuing=LEADING)) == []


@pytest.mark.parametrize("rescuing", [None, DRY, replace(LEADING, modes={"urgent": Mode.LIVE})])
def test_a_stuck_job_that_nobody_rescues_needs_an_operator(rescuing: object) -> None:
    """Whichever way its tier came not to be live."""
    snapshot = replace(reading(LOST), rescuing=rescuing)  # type: ignore[arg-type]

    assert needs(snapshot) == ["1 stuck job is not rescued by anybody."]


def test_what_policy_leaves_to_an_operator_is_named() -> None:
    """By default a job over its budget is held; where policy retries it, nobody has to decide."""
    snapshot = replace(reading(ENDLESS), rescuing=LEADING)
    retried = Policy({"standard": Tier("standard", on_over_budget=Action.RETRY)})

    assert needs(snapshot) == ["Decide about 1 job: over_budget."]
    assert needs(snapshot, retried) == []


def test_a_job_for_which_the_rescuer_does_nothing_more_is_left_to_an_operator() -> None:
    """By the rescuer's own decision; a job that it cancels needs nobody, though no attempt is left."""
    last = replace(LOST.job, max_attempts=LOST.job.claim.attempt)

    assert needs(reading(replace(LOST, job=last))) == ["Decide about 1 job: no attempt is left."]
    assert needs(reading(replace(LOST, job=replace(last, cancel_requested=True)))) == []
    assert needs(reading(replace(LOST, job=replace(last, cancel_requested=None)))) == [
        "Decide about 1 job: a cancel was requested, perhaps of an earlier attempt."
    ]
    silent = replace(LOST.job, beat=None, instances=())
    dead = StuckJob(silent, replace(LOST.verdict, reason=Reason.WORKER_DEAD))
    assert needs(reading(dead)) == ["Decide about 1 job: its tier holds it."]
    assert needs(reading(LOST)) == []


def test_only_a_pause_that_does_not_end_by_itself_needs_an_operator() -> None:
    """The pause of an operator and a mass failure do; a grace period does not."""
    paused = {brake: replace(WELL, rescuing=replace(LEADING, brakes={brake: "why"})) for brake in Brake}

    assert [brake for brake in Brake if needs(paused[brake])] == [Brake.KILL_SWITCH, Brake.MASS_SILENCE]
    assert "riverkeeper rescue resume" in needs(paused[Brake.KILL_SWITCH])[0]


def test_everything_else_that_needs_an_operator() -> None:
    """What cannot be read, what may be stuck, what Riverkeeper itself has noticed."""
    suspected = replace(judged(), suspected=(SUSPECT,), suspected_counts={("q", "k", "standard", "path_unverified"): 1})
    failed = (QueryOutcome("read_leader", 0.1, "permission denied"),)
    found = replace(WELL, verdicts=suspected, queries=failed, notices=("a rule matches nothing",))

    assert needs(found) == [
        "1 database query failed: see why.",
        "Look at what may be stuck: evidence is missing for 1 job.",
        "Read 1 notice.",
    ]
    assert needs(DOWN)[0].startswith("Make the database readable.")
    assert needs(replace(WELL, rescuing=replace(held(Brake.RATE, "many"), modes={"standard": Mode.DRY_RUN}))) == []
