"""The whole story: a worker fails a job, Riverkeeper notices, River works the job again, and everybody sees it.

Real River workers with the heartbeat middleware, two replicas, Prometheus with the shipped rules, Alertmanager with the
shipped routing. Once by alert alone (the supervisor is off), once by the supervisor alone (no Prometheus). Jobs are in
the urgent tier at its defaults, so that a story takes seconds; progress and stop limits are scaled from minutes to
seconds, and with them the faults. Times from the fault to the next attempt are printed (pytest -s).
"""

from __future__ import annotations

import contextlib
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from conformance.proxy import Proxy
from e2e.rescue_environment import Prometheus, alertmanager_at_work, let_beat, prometheus_at_work
from e2e.river import Fleet, River, fleet_at_work
from e2e.riverkeeper_process import RiverkeeperProcess, replica_at_work, riverkeeper
from fixtures.waiting import until

SOON = 25.0  # seconds; promise 5 says 15 in the urgent tier by the supervisor, an alert adds scrape and evaluation
CONFIG = """
rescue: {{mode: live, supervisor: {supervisor}, interval: 1s, grace: 0s, cooldown: 1s}}
webhook: {{token_file: {token}}}
assign: [{{tier: urgent}}]
tiers:
  urgent: {{progress_timeout: 10s, stop_grace: 4s}}
"""


@dataclass(slots=True)
class RescueEnvironment:
    """Everything that runs, and the workers by the client id that River writes into a job."""

    river: River
    folder: Path
    programs: contextlib.ExitStack
    replicas: list[RiverkeeperProcess]
    prometheus: Prometheus | None
    proxy: Proxy
    workers: dict[str, Fleet] = field(default_factory=dict)

    def worker(self, *, through: str = "") -> str:
        """One more worker; its client id."""
        name = f"worker{len(self.workers) + 1}"
        river = River(through or self.river.url, self.river.schema)
        flags = ("-beat", "table", "-interval", "2s")
        self.workers[name] = self.programs.enter_context(fleet_at_work(river, self.folder, name, *flags))
        let_beat(self.river, name)
        return name

    def job(self, kind: str, queue: str) -> tuple[int, str]:
        """A job of the kind that runs and beats, and the worker that has it.

        Each fault has a queue of its own: an alert that still fires for the last one would be sent again, for the same
        queue, kind, tier and reason, only after Alertmanager's repeat_interval.
        """
        self.river.insert(1, "-kinds", kind, "-queues", queue)
        statement = (
            "SELECT j.id, j.attempted_by[cardinality(j.attempted_by)] FROM river_job AS j "
            "JOIN riverkeeper.heartbeat AS h ON h.job_id = j.id AND h.attempted_at = j.attempted_at "
            "WHERE j.kind = %(kind)s AND j.state = 'running' ORDER BY j.id DESC LIMIT 1"
        )
        (row,) = until(lambda: self.river.rows(statement, kind=kind), f"a {kind} job that beats")
        return row[0], row[1]

    def wait_for_the_next_attempt(self, job: int, began: float, what: str) -> float:
        """Seconds from the fault until River had worked the job once more, and no more."""
        statement = "SELECT 1 FROM river_job WHERE id = %(job)s AND state = 'completed' AND attempt = 2"
        until(lambda: self.river.rows(statement, job=job), f"the second attempt of the job ({what})", seconds=60)
        took = time.monotonic() - began
        sys.stdout.write(f"{what:10} {'by alert' if self.prometheus else 'by supervisor':14} {took:5.1f} s\n")
        return took


@pytest.fixture(params=["alert", "supervisor"])
def environment(
    request: pytest.FixtureRequest, river_database: Callable[..., River], tmp_path: Path
) -> Iterator[RescueEnvironment]:
    """Workers and replicas at work; with Prometheus and Alertmanager where alerts are what wakes the rescuer."""
    river = river_database()
    riverkeeper(river, "schema", "install")
    token = tmp_path / "token"
    token.write_text("a-token-of-the-test\n")
    token.chmod(0o600)
    by_alert = request.param == "alert"
    config = tmp_path / "riverkeeper.yml"
    config.write_text(CONFIG.format(supervisor=str(not by_alert).lower(), token=token))
    with contextlib.ExitStack() as programs:
        replicas = []
        for number in (1, 2):
            folder = tmp_path / f"keeper{number}"
            folder.mkdir()
            flags = ("--config.file", str(config))
            replicas.append(programs.enter_context(replica_at_work(river.url, folder, "", *flags)))
        prometheus = None
        if by_alert:
            alertmanager = programs.enter_context(alertmanager_at_work(tmp_path, replicas[0].address, token))
            addresses = [replica.address for replica in replicas]
            prometheus = programs.enter_context(prometheus_at_work(tmp_path, addresses, alertmanager))
        proxy = Proxy(river.url)
        programs.callback(proxy.close)
        made = RescueEnvironment(river, tmp_path, programs, replicas, prometheus, proxy)
        for _ in range(3):
            made.worker()
        yield made


def test_every_fault_ends_well(environment: RescueEnvironment) -> None:
    """kill -9, freeze, hang and partition: each job is worked once more and no more, soon; nothing else is touched."""
    took = [killed(environment), hung(environment), partitioned(environment), frozen(environment)]

    assert max(took) < SOON
    ends = environment.river.rows("SELECT kind, state::text, attempt, count(*) FROM river_job GROUP BY 1, 2, 3")
    assert {end[:3] for end in ends} == {
        ("steady", "completed", 2),
        ("stalled", "completed", 2),
    }
    rescues = environment.river.rows("SELECT reason, action FROM riverkeeper.rescue WHERE NOT dry_run ORDER BY id")
    assert [reason for reason, action in rescues if action == "retry"].count("worker_lost") == 3
    assert "hung" in {reason for reason, _ in rescues}
    if environment.prometheus:
        print_times(environment.prometheus)


def killed(environment: RescueEnvironment) -> float:
    """kill -9: nothing of the worker is left."""
    job, worker = environment.job("steady", "default")
    began = time.monotonic()
    environment.workers[worker].program.kill()
    took = environment.wait_for_the_next_attempt(job, began, "kill -9")
    environment.worker()
    return took


def frozen(environment: RescueEnvironment) -> float:
    """SIGSTOP until the job has been worked elsewhere; then it goes on, and its late result must not get out."""
    job, worker = environment.job("steady", "mail")
    began = time.monotonic()
    with environment.workers[worker].program.frozen():
        took = environment.wait_for_the_next_attempt(job, began, "freeze")
    ended = (
        "SELECT 1 FROM riverkeeper.heartbeat WHERE job_id = %(job)s AND ended_at IS NOT NULL AND lost_at IS NOT NULL"
    )
    until(lambda: environment.river.rows(ended, job=job), "the thawed worker to say that it ended")
    row = environment.river.rows("SELECT state::text, attempt FROM river_job WHERE id = %(job)s", job=job)
    assert row == [("completed", 2)]
    return took


def hung(environment: RescueEnvironment) -> float:
    """The job beats and does not move: a stop is requested, and it is retried."""
    began = time.monotonic()
    job, _ = environment.job("stalled", "default")
    return environment.wait_for_the_next_attempt(job, began, "hang")


def partitioned(environment: RescueEnvironment) -> float:
    """One worker alone is cut off from the database, while its job goes on; then the way opens again."""
    cut_off = environment.worker(through=environment.proxy.url)
    for name, fleet in environment.workers.items():  # so that the job is claimed by the one behind the proxy
        if name != cut_off and fleet.program.process.poll() is None:
            fleet.program.stop()
    job, worker = environment.job("steady", "bulk")
    assert worker == cut_off
    environment.worker()
    environment.worker()
    began = time.monotonic()
    environment.proxy.drop()
    took = environment.wait_for_the_next_attempt(job, began, "partition")
    environment.proxy.restore()
    let_go(environment)
    return took


def let_go(environment: RescueEnvironment) -> None:
    """When a worker that was called lost turns out to be alive, the brake engages; an operator releases it."""

    def engaged() -> bool:
        return any(
            replica.scrape().value("riverkeeper_brake_engaged", brake="mass_silence")
            for replica in environment.replicas
        )

    until(engaged, "the brake to engage")
    riverkeeper(environment.river, "rescue", "release", "mass_silence")
    until(lambda: not engaged(), "the brake to be released")


def print_times(prometheus: Prometheus) -> None:
    """The alert has fired, clears, and the counters show what was done, once though two replicas are scraped."""
    until(lambda: not prometheus.firing("RiverRescueWake"), "the alert to clear", seconds=90)
    assert prometheus.query('count_over_time(ALERTS{alertname="RiverRescueWake", alertstate="firing"}[10m])')
    (sample,) = prometheus.query('sum(riverkeeper_rescues_total{reason="worker_lost", action="retry"})')
    assert float(sample["value"][1]) == 3
