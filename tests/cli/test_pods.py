"""`riverkeeper stuck` and `rescue run` list the pods once, and judge without them where they are unknown."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import structlog
from click.testing import CliRunner, Result

from evidence.test_proof import ended, pod, status
from fixtures.pods_api import PodsApi, serve_pods, write_kubeconfig
from riverkeeper.cli import main
from riverkeeper.postgres.connection import Session
from scrape.test_dead_workers import client_of, now
from scrape.test_verdicts import kept
from scrape.test_verdicts import run as run_job

__all__ = ["kept"]
Run = Callable[..., Result]
CONFIG = """
kubernetes: {{enabled: true, kubeconfig: {file}}}
tiers: {{standard: {{on_worker_dead: retry}}}}
"""


@pytest.fixture
def api() -> Iterator[PodsApi]:
    with serve_pods() as served:
        yield served


@pytest.fixture
def run(
    kept: Session, installed_url: str, api: PodsApi, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> Iterator[Run]:
    """A job whose worker sends no heartbeats was OOM-killed half a minute ago. Runs a command beside it."""
    at = now(kept)
    run_job(kept, "report", 60.0, client_of(at - 300))
    api.put(pod(status(ended(at - 301, at - 30))))
    monkeypatch.setenv("RIVERKEEPER_DATABASE_URL", installed_url)
    monkeypatch.setenv("COLUMNS", "200")
    file = tmp_path / "riverkeeper.yml"
    file.write_text(CONFIG.format(file=write_kubeconfig(tmp_path / "kubeconfig", api.address)))
    handlers = list(logging.getLogger().handlers)
    yield lambda *arguments: CliRunner().invoke(main, [*map(str, arguments), "--config.file", str(file)])
    structlog.reset_defaults()
    logging.getLogger().handlers[:] = handlers


def test_the_end_of_a_container_is_seen(run: Run, kept: Session, api: PodsApi) -> None:
    """By one list and no watch: the list, a preview and a rescue."""
    shown = run("stuck", "--json")
    assert [job["reason"] for job in json.loads(shown.stdout)["jobs"]] == ["worker_dead"], shown.output
    [row] = kept.execute("SELECT id FROM river_job")
    preview = run("rescue", "run", row.id)
    assert "worker_dead; would be: retry" in preview.output
    done = run("rescue", "run", row.id, "--apply")

    assert "worker_dead; retry" in done.output
    [audit] = kept.execute("SELECT reason, evidence->>'cause' AS cause FROM riverkeeper.rescue")
    assert (audit.reason, audit.cause) == ("worker_dead", "OOMKilled")
    assert (api.lists, api.watches) == (3, 0)


def test_where_the_pods_are_unknown_the_operator_reads_why(run: Run, kept: Session, api: PodsApi) -> None:
    """And the jobs are judged as without them; what a script reads stays JSON."""
    api.status = 403
    shown = run("stuck", "--json")

    assert shown.exit_code == 0
    assert json.loads(shown.stdout)["jobs"] == []
    assert "Pods unknown: the API server answers 403" in shown.stderr
    [row] = kept.execute("SELECT id FROM river_job")
    refused = run("rescue", "run", row.id)
    assert refused.exit_code == 1
    assert "Pods unknown" in refused.stderr
