"""`riverkeeper rescue run`: an operator's rescue of named jobs, through the same guards as every other."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from uuid import uuid4

import click

from riverkeeper.brakes.control import read_status
from riverkeeper.cli.options import WholeNumber, database_options, give_up, list_pods_or_warn, scrape_or_exit
from riverkeeper.config.load import Config
from riverkeeper.config.tiers import Action
from riverkeeper.evidence.proof import Terminated
from riverkeeper.formats import span
from riverkeeper.postgres.connection import Database
from riverkeeper.postgres.errors import DatabaseError
from riverkeeper.rescue.manual import ManualRescue, RescuePreview, preview_rescues, request_factory, rescue_manually
from riverkeeper.rescue.refusal import Skipped
from riverkeeper.rescue.request import Rescued
from riverkeeper.schema.schemas import open_keeper
from riverkeeper.scrape.limits import read_limits
from riverkeeper.verdict.job import JobClaim
from riverkeeper.verdict.verdict import Verdict

SECONDS = 20.0  # an operator waits
ACTIONS = [action.value for action in Action if action is not Action.HOLD]


@dataclass(frozen=True, slots=True)
class JobResult:
    """One job's line."""

    job_id: int
    reason: str | None
    act: str | None  # None: refused
    refusal: str | None
    sentence: str


@click.command()
@database_options
@click.argument("ids", nargs=-1, type=WholeNumber(min=1), required=True, metavar="ID…")
@click.option("--apply", is_flag=True, help="Rescue the jobs. Without this option nothing is written.")
@click.option("--action", type=click.Choice(ACTIONS), help="Take this action, even if the tier holds the job.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON for scripts.")
def run(config: Config, ids: tuple[int, ...], apply: bool, action: str | None, as_json: bool) -> None:
    """Rescue jobs by id. Without --apply, only show what would happen.

    A job whose worker beats within its limits is always skipped. The brakes kill_switch and mass_silence stop this
    command too. The mode does not stop it: --apply also rescues in dry_run mode.

    Exit codes: 0 no job was skipped, 1 a job was skipped or the command failed, 2 the command or the configuration is
    wrong.
    """
    results = []
    try:
        for result in _rescue_or_preview(config, ids, apply, Action(action) if action else None):
            results.append(result)
            if not as_json:
                click.echo(f"{result.job_id}: {result.sentence}")
    except DatabaseError as error:
        give_up(error)
    if as_json:
        click.echo(json.dumps({"applied": apply, "jobs": [_as_json(result) for result in results]}, indent=2))
    elif not apply:
        click.echo("Nothing was written. Add --apply to rescue.")
    skipped = [result.job_id for result in results if result.act is None]
    if skipped and not as_json:
        click.echo(f"A skipped job's life, and what happens to it next: riverkeeper job {skipped[0]}")
    if skipped:
        raise SystemExit(1)


def _rescue_or_preview(config: Config, ids: tuple[int, ...], apply: bool, action: Action | None) -> Iterator[JobResult]:
    with open_keeper(config, SECONDS) as tx:
        status, schemas = read_status(tx), dict(tx.schemas)
    url, policy, keeper, proofs = config.conninfo.reveal(), config, uuid4(), _find_proofs(config)
    learned = read_limits(url, config.database.river_schema, config.database.keeper_schema, policy, None).learned
    request_for = request_factory(config, status, learned, apply=apply, action=action)
    database = Database(url)
    try:
        if apply:
            yield from map(
                _describe_rescue, rescue_manually(database, schemas, ids, policy, keeper, request_for, proofs)
            )
        else:
            yield from map(
                _describe_preview, preview_rescues(database, schemas, ids, policy, keeper, request_for, proofs)
            )
    finally:
        database.close()


def _find_proofs(config: Config) -> dict[JobClaim, Terminated]:
    """Of ended processes, by one list of the pods and a scrape; the rescue compares again under its locks."""
    evidence = list_pods_or_warn(config)
    verdicts = scrape_or_exit(config, evidence).verdicts if evidence is not None and evidence.is_open else None
    jobs = [judged.job for judged in (*verdicts.stuck, *verdicts.suspected)] if verdicts else []
    return {job.claim: job.terminated for job in jobs if job.terminated is not None}


def _describe_rescue(rescue: ManualRescue) -> JobResult:
    outcome = rescue.outcome
    if isinstance(outcome, Skipped):
        return _describe_refusal(rescue.job_id, rescue.verdict, outcome)
    return _make_result(rescue.job_id, rescue.verdict, outcome.act, outcome.state, _wait(outcome), "")


def _describe_preview(preview: RescuePreview) -> JobResult:
    outcome = preview.outcome
    if isinstance(outcome, Skipped):
        return _describe_refusal(preview.job_id, preview.verdict, outcome)
    wait = None if outcome.scheduled_at is None or preview.now is None else outcome.scheduled_at - preview.now
    return _make_result(preview.job_id, preview.verdict, outcome.act, outcome.state, wait, "would be: ")


def _wait(done: Rescued) -> float | None:
    return None if done.scheduled_at is None else done.scheduled_at - done.at


def _make_result(
    job_id: int, verdict: Verdict | None, act: str, state: str | None, wait: float | None, mood: str
) -> JobResult:
    reason = verdict.reason.value if verdict else None
    after = f", next attempt in {span(wait)}" if wait is not None else ""
    return JobResult(job_id, reason, act, None, f"{reason}; {mood}{act}{f' → {state}' if state else ''}{after}")


def _describe_refusal(job_id: int, verdict: Verdict | None, refused: Skipped) -> JobResult:
    reason = verdict.reason.value if verdict else None
    return JobResult(job_id, reason, None, refused.refusal.value, f"skipped ({refused.refusal}): {refused}")


def _as_json(result: JobResult) -> dict[str, object]:
    return {
        "id": result.job_id,
        "reason": result.reason,
        "act": result.act,
        "refusal": result.refusal,
        "sentence": result.sentence,
    }
