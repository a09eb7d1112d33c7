"""/stuck: which jobs are stuck, why, and what is done with them; which may be, and which evidence is missing."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from riverkeeper.formats import count, moment, rfc3339, span
from riverkeeper.rescue.forecast import Forecast, Restrained, forecast_rescue
from riverkeeper.scrape.scrape import Snapshot
from riverkeeper.service import Service
from riverkeeper.verdict.verdict import STUCK, SUSPECTED, Reason, StuckJob
from riverkeeper.web.pages.query import MOST_SHOWN, Asked, BadQuestion, asked, choices
from riverkeeper.web.pages.render import Pages
from riverkeeper.web.pages.status import unproven

ANSWER_SECONDS = 10.0


@dataclass(frozen=True, slots=True)
class Found:
    """The jobs that were asked for. Of `jobs` that are stuck those longest past their limit stand in `shown`."""

    shown: tuple[StuckJob, ...]
    jobs: int
    complete: bool  # False: there are more than the reading keeps by id
    path_ok: bool  # False: the heartbeat path is not verified, so that no missed heartbeat counts
    unproven: str  # why, where it is known
    now: float
    suspected: tuple[StuckJob, ...] = ()  # may be stuck; as many as are shown of the others at most
    suspects: int = 0  # how many there are

    def missing(self, suspect: StuckJob) -> str:
        """Which evidence is missing, in a sentence."""
        said = suspect.verdict.missing
        return (
            said if self.path_ok or suspect.verdict.reason is not Reason.PATH_UNVERIFIED else f"{said}: {self.unproven}"
        )

    @property
    def none_stuck(self) -> str:
        """What is said where no job is proven to be stuck; never that none is, while that cannot be known."""
        if self.suspects:
            return f"No running job is proven to be stuck, but {suspects_in_words(self.suspects)}."
        if not self.path_ok:
            return f"No running job is known to be stuck, but missed heartbeats do not count now: {self.unproven}."
        return "No running job is stuck."


class NotJudged(Exception):
    """There are no verdicts to show; the text says why."""


class Stuck:
    """The page and its JSON. Both show the snapshot that metrics and rescuer use."""

    def __init__(self, service: Service, pages: Pages) -> None:
        self._service = service
        self._pages = pages

    async def page(self, request: Request) -> Response:
        """HTML; 503 where there is nothing to show, 400 for a question that cannot be answered."""
        question = Asked()
        try:
            question = asked(request.query_params)
            snapshot = await self._service.snapshot(ANSWER_SECONDS)
            found = find(snapshot, question)
        except BadQuestion as error:
            return self._html(400, question, error=str(error), cure="correct the address, or use the form")
        except NotJudged as error:
            return self._html(503, question, error=str(error), cure="see the overview, and `riverkeeper check`")
        rows = [self._row(one, snapshot, found.now) for one in found.shown]
        suspected = [row(one, None, found.now, self._url(one), found.missing(one)) for one in found.suspected]
        held = restrained(snapshot)
        facts = {"found": found, "rows": rows, "suspected": suspected, "brakes": held.brakes if held else {}}
        return self._html(200, question, **facts)

    async def json(self, request: Request) -> Response:
        """The same for scripts; keys are only ever added."""
        try:
            question = asked(request.query_params)
            snapshot = await self._service.snapshot(ANSWER_SECONDS)
            found = find(snapshot, question)
        except BadQuestion as error:
            return JSONResponse({"error": str(error), "cure": "correct the query string"}, 400)
        except NotJudged as error:
            return JSONResponse({"error": str(error), "cure": "see the overview, and `riverkeeper check`"}, 503)
        return JSONResponse(document(question, found, lambda one: self._ahead(one, snapshot, found.now)))

    def _ahead(self, stuck: StuckJob, snapshot: Snapshot, now: float) -> Forecast:
        left_alone = self._service.left_alone(stuck.job.claim)
        return forecast_rescue(stuck, self._service.policy(), restrained(snapshot), now, left_alone)

    def _row(self, stuck: StuckJob, snapshot: Snapshot, now: float) -> Row:
        ahead = self._ahead(stuck, snapshot, now)
        return row(stuck, ahead, now, self._url(stuck))

    def _url(self, stuck: StuckJob) -> str | None:
        return self._service.river_job_url(stuck.job.claim.job_id)

    def _html(self, status: int, question: Asked, **facts: object) -> Response:
        absent: dict[str, object] = {
            "found": None,
            "rows": [],
            "suspected": [],
            "brakes": {},
            "error": None,
            "cure": None,
        }
        offered = {
            "tiers": choices(list(self._service.policy().tiers), question.scope.tier),
            "reasons": choices([reason.value for reason in (*STUCK, *SUSPECTED)], question.scope.reason),
        }
        return self._pages.html("stuck.html", status, asked=question, most=MOST_SHOWN, **offered, **absent | facts)


def find(snapshot: Snapshot, question: Asked) -> Found:
    """Raises NotJudged."""
    judged, now = snapshot.verdicts, snapshot.now
    if not snapshot.up or judged is None or now is None:
        raise NotJudged(snapshot.error or "running jobs could not be judged in this reading")
    shown, jobs = _covered(judged.stuck, judged.counts, question)
    suspected, suspects = _covered(judged.suspected, judged.suspected_counts, question)
    return Found(
        shown, jobs, judged.complete, judged.path_ok_since is not None, unproven(snapshot), now, suspected, suspects
    )


def suspects_in_words(jobs: int) -> str:
    return f"{count(jobs)} running {'job' if jobs == 1 else 'jobs'} may be"


def _covered(
    jobs: Iterable[StuckJob], counts: Mapping[tuple[str, str, str, str], int], question: Asked
) -> tuple[tuple[StuckJob, ...], int]:
    covered = [one for one in jobs if question.scope.covers(one)]
    known = sum(count for key, count in counts.items() if _is_asked_for(key, question))
    return tuple(covered[: question.limit]), max(known, len(covered))


def _is_asked_for(key: tuple[str, str, str, str], question: Asked) -> bool:
    scope = question.scope
    wanted = (scope.queue, scope.kind, scope.tier, scope.reason)
    return all(one is None or one == there for one, there in zip(wanted, key, strict=True))


def restrained(snapshot: Snapshot) -> Restrained | None:
    """What holds rescues, as the supervisor left it in the snapshot."""
    state = snapshot.rescuing
    return None if state is None else Restrained(state.modes, state.brakes)


def document(question: Asked, found: Found, ahead: Callable[[StuckJob], Forecast]) -> dict[str, object]:
    """What /stuck.json and `riverkeeper stuck --json` answer. `ahead`: what stands before a job."""
    return {
        **{name: getattr(question.scope, name) for name in ("queue", "kind", "tier", "reason")},
        "limit": question.limit,
        "now": rfc3339(found.now),
        "found": found.jobs,
        "complete": found.complete,
        "path_ok": found.path_ok,
        "path_why": None if found.path_ok else found.unproven,
        "jobs": [_job(one, ahead(one), found.now) for one in found.shown],
        "found_suspected": found.suspects,
        "suspected": [_job(one, None, found.now) | {"missing": found.missing(one)} for one in found.suspected],
    }


def _job(stuck: StuckJob, ahead: Forecast | None, now: float) -> dict[str, object]:
    """`ahead` None: nothing is ahead of a suspected job."""
    job, verdict, beat, limit = stuck.job, stuck.verdict, stuck.job.beat, stuck.verdict.limit
    return {
        "id": job.claim.job_id,
        "attempt": job.claim.attempt,
        "max_attempts": job.max_attempts,
        "queue": job.queue,
        "kind": job.kind,
        "priority": job.priority,
        "tier": verdict.tier,
        "reason": verdict.reason.value,
        "underlying_reason": verdict.underlying.value if verdict.underlying else None,
        "client_id": job.client_id,
        "claimed_at": rfc3339(job.claimed_at),
        "age_seconds": now - job.claimed_at,
        "last_beat_at": rfc3339(beat.beat_at) if beat else None,
        "progress_at": rfc3339(beat.progress_at) if beat else None,
        "progress": beat.progress if beat else None,
        "note": beat.note if beat else None,
        "value_seconds": verdict.value,
        "limit_name": limit.name.value if limit else None,
        "limit_seconds": limit.seconds if limit else None,
        "limit_origin": limit.origin if limit else None,
        "rescues_in_a_day": job.rescues,
    } | _plan(ahead)


def _plan(ahead: Forecast | None) -> dict[str, object]:
    if ahead is None:
        return {}
    return {"act": ahead.act.value if ahead.act else None, "plan": ahead.plan, "held_by": list(ahead.held_by)}


@dataclass(frozen=True, slots=True)
class Row:
    """A stuck job as the table shows it."""

    stuck: StuckJob
    ahead: Forecast | None  # None: of a suspected job, with which nothing is done
    url: str | None  # of River UI's page of the job
    age: str
    claimed: Mapping[str, str | None]  # `at` RFC 3339, `words`
    beat: str
    progress: str
    against: str  # which value against which limit
    held: tuple[str, ...]  # why nothing is done now; of brakes only the name, since they hold every job
    missing: str = ""  # of a suspected job: the evidence that is missing


def row(stuck: StuckJob, ahead: Forecast | None, now: float, url: str | None, missing: str = "") -> Row:
    """`now` is the database's."""
    job = stuck.job
    claimed = {"at": rfc3339(job.claimed_at), "words": moment(job.claimed_at)}
    return Row(stuck, ahead, url, span(now - job.claimed_at), claimed, _beat(stuck, now), _progress(stuck, now),
               "; ".join(_against(stuck)), tuple(map(_short, ahead.held_by if ahead else ())), missing)  # fmt: skip


def _short(sentence: str) -> str:
    return sentence.partition(":")[0] if sentence.startswith("brake ") else sentence


def _beat(stuck: StuckJob, now: float) -> str:
    beat = stuck.job.beat
    if beat is None:
        return "never"
    return f"{span(now - beat.beat_at)} ago{' (metadata)' if beat.by_metadata else ''}"


def _progress(stuck: StuckJob, now: float) -> str:
    beat = stuck.job.beat
    if beat is None or beat.progress_at is None:
        return "never told"
    share = "" if beat.progress is None else f"{beat.progress:.0%}, "
    return f"{share}{span(now - beat.progress_at)} ago"


def _against(stuck: StuckJob) -> Iterator[str]:
    limit, value = stuck.verdict.limit, stuck.verdict.value
    if limit is not None and value is not None:
        yield f"{span(value)}, {limit.name.value} limit {span(limit.seconds)}: {limit.origin}"
    if stuck.job.rescues:
        yield f"rescued {stuck.job.rescues} times in a day"
