"""What a runbook runs outside of Riverkeeper: PromQL, curl and amtool, on real servers with faults in them."""

from __future__ import annotations

import contextlib
import os
import re
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from alerts.runbook import Block, filled, pages
from alerts.runbook_faults import FAULTS, stage
from alerts.transcript import difference
from e2e.conftest import MakeRiver
from e2e.programs import TOOLS
from e2e.rescue_environment import Prometheus, alertmanager_at_work, prometheus_at_work
from e2e.riverkeeper_process import RiverkeeperProcess, replica_at_work, riverkeeper
from fixtures.contract import beat, connected
from fixtures.offenders import for_each
from fixtures.rescue import Scene
from fixtures.waiting import until
from riverkeeper.postgres.connection import Database

TOGETHER = (
    "RiverKindFailing",
    "RiverLossBudgetBurning",
    "RiverQueuePaused",
    "RiverKindOverdue",
    "RiverRescuerPoisoned",
)
# Counted by the ledger while Prometheus scrapes.
FINISHED = """
INSERT INTO river_job (state, queue, kind, attempt, attempted_at, scheduled_at, finalized_at)
SELECT 'completed', 'mail', 'send_email', 1, now() - interval '1 s', now() - interval '3 s', now()
FROM generate_series(1, 5)
"""
# Nothing to see is an answer of a query that ends in a comparison.
MAY_BE_EMPTY = re.compile(r"(?:[<>]=?|==) (?:[\d.]+|time\(\) - \d+)$")


@dataclass(frozen=True, slots=True)
class Servers:
    """All of them, and where they answer."""

    replica: RiverkeeperProcess
    prometheus: Prometheus
    alertmanager: str
    folder: Path


@pytest.fixture(scope="module")
def servers(river_database: MakeRiver, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Servers]:
    """A River with the faults of several pages, its Riverkeeper, Prometheus with the rules, and Alertmanager."""
    folder = tmp_path_factory.mktemp("runbooks")
    token, config = folder / "token", folder / "riverkeeper.yml"
    token.write_text("a-token-of-the-environment\n")
    token.chmod(0o600)
    river = river_database()
    riverkeeper(river, "schema", "install")
    with connected(river.url) as sql, contextlib.closing(Database(river.url)) as database:
        sql.execute("ALTER TABLE river_job ALTER COLUMN args SET DEFAULT '{}'")  # which a client always sets
        scene = Scene(river.url, sql, database)
        given = stage("RiverJobsStuck", scene)
        for alert in TOGETHER:
            FAULTS[alert](scene, given)
        beat(sql, [scene.claim(queue="mail", kind="send_email")])
        config.write_text(f"{given.config}webhook: {{token_file: {token}}}\n")
        with (
            replica_at_work(river.url, folder, "", "--config.file", str(config)) as replica,
            alertmanager_at_work(folder, replica.address, token) as alertmanager,
            prometheus_at_work(folder, [replica.address], alertmanager) as prometheus,
        ):
            sql.execute(FINISHED)
            yield Servers(replica, prometheus, alertmanager, folder)


def blocks(language: str) -> list[Block]:
    """Each block of this language once."""
    return list({block.text: block for page in pages() for block in page.blocks if block.language == language}.values())


@for_each("block", blocks("promql"), lambda block: block.text.strip())
def test_queries_are_answered(block: Block, servers: Servers) -> None:
    """With a value; only one that ends in a comparison may find nothing."""
    query = block.text.strip()
    found = servers.prometheus.query(query)

    if not MAY_BE_EMPTY.search(query):
        until(lambda: found or servers.prometheus.query(query), f"an answer to {query}", seconds=90)


def others(program: str) -> list[Block]:
    return [block for block in blocks("sh") if any(line.startswith(f"{program} ") for line in block.lines)]


@for_each("block", [*others("amtool"), *others("curl")], lambda block: block.text)
def test_other_commands_run_as_they_stand(block: Block, servers: Servers) -> None:
    """curl finds this test's Riverkeeper by its own configuration; amtool gets its address as a placeholder."""
    lines = [line for line in block.lines if line.startswith(("amtool ", "curl "))]
    until(lambda: servers.prometheus.firing("RiverWatchdog"), "the watchdog to fire")
    (servers.folder / ".curlrc").write_text(f'fail\nconnect-to = "127.0.0.1:9816:{servers.replica.address}"\n')
    environment = {**os.environ, "PATH": f"{TOOLS}:{os.environ['PATH']}", "CURL_HOME": str(servers.folder)}
    script = filled("\n".join(lines), {"ALERTMANAGER_URL": f"http://{servers.alertmanager}"})

    def printed() -> str | None:
        done = subprocess.run(
            ["bash", "-ec", script], env=environment, capture_output=True, text=True, check=False, timeout=60
        )
        assert done.returncode == 0, f"{script}\n{done.stdout}{done.stderr}"
        return done.stdout if block.printed is None or difference(block.printed, done.stdout) is None else None

    until(printed, f"{script} to print what the page shows", seconds=60)
