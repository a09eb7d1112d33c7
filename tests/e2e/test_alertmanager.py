"""A real Alertmanager wakes Riverkeeper: grouped, repeated, truncated, resolved, and over outages of either kind."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest

from e2e.alertmanager import ALLOWED, Alertmanager, alertmanager
from e2e.conftest import MakeReplica, MakeRiver
from e2e.programs import free_port
from e2e.river import River
from e2e.riverkeeper_process import RiverkeeperProcess
from fixtures.waiting import until
from riverkeeper.schema.install import install

ALERTS_TOTAL = "riverkeeper_webhook_alerts_total"
MakeAlertmanager = Callable[..., Alertmanager]


@pytest.fixture
def river(river_database: MakeRiver) -> River:
    river = river_database()
    install(river.url, None, None)
    return river


@pytest.fixture
def token(tmp_path: Path) -> Path:
    file = tmp_path / "token"
    file.write_text("0123456789abcdef0123456789abcdef\n")
    file.chmod(0o600)
    return file


@pytest.fixture
def flags(tmp_path: Path, token: Path) -> tuple[str, str]:
    """Options of a Riverkeeper with a webhook that reads the database anew for every scrape."""
    file = tmp_path / "riverkeeper.yml"
    file.write_text(f"collect: {{min_interval: 0s}}\nwebhook: {{token_file: {token}}}\n")
    return "--config.file", str(file)


@pytest.fixture
def calling(programs: contextlib.ExitStack, token: Path, tmp_path: Path) -> MakeAlertmanager:
    """An Alertmanager that calls a replica: calling(address, **webhook options)."""

    def start(address: str, name: str = "am", **webhook: object) -> Alertmanager:
        return programs.enter_context(alertmanager(address, token, tmp_path, name, **webhook))

    return start


def count_of(replica: RiverkeeperProcess, status: str) -> float:
    return replica.scrape().value(ALERTS_TOTAL, status=status) or 0.0


def wakes(river: River) -> list[tuple[str | None, ...]]:
    """Queue and kind of every alert that ever woke."""
    return river.rows("SELECT DISTINCT queue, kind FROM riverkeeper.wake ORDER BY 1, 2")


def test_a_group_is_judged_alert_by_alert(
    river: River, replica: MakeReplica, flags: tuple[str, str], calling: MakeAlertmanager
) -> None:
    """Of one message each allowed alert wakes for its own scope, and the others do nothing."""
    running = replica(river.url, "", *flags)
    calling(running.address).tell(
        ALLOWED | {"queue": "mail", "kind": "send"},
        ALLOWED | {"queue": "'; DROP TABLE river_job; --"},
        ALLOWED | {"queue": "bulk", "rescue": "no"},
        ALLOWED | {"queue": "paid", "reason": "everything"},
    )
    until(lambda: count_of(running, "firing") >= 2, "two alerts to wake")

    assert wakes(river) == [("'; DROP TABLE river_job; --", None), ("mail", "send")]
    assert count_of(running, "not_allowed") > 0
    assert count_of(running, "unknown_scope") > 0
    assert running.scrape().value("riverkeeper_last_webhook_timestamp_seconds")


def test_repeats_and_peers_are_one_open_wake(
    river: River, replica: MakeReplica, flags: tuple[str, str], calling: MakeAlertmanager
) -> None:
    """Two Alertmanagers tell the same alert, and each again and again."""
    running = replica(river.url, "", *flags)
    pair = [calling(running.address, "one"), calling(running.address, "other")]
    for peer in pair:
        peer.tell(ALLOWED | {"queue": "mail"})
    until(lambda: count_of(running, "firing") >= 6, "six messages")

    assert len(river.rows("SELECT DISTINCT fingerprint FROM riverkeeper.wake")) == 1
    again = "SELECT 1 FROM riverkeeper.wake GROUP BY starts_at HAVING count(*) FILTER (WHERE closed_at IS NULL) > 1"
    assert river.rows(again) == []


def test_what_is_cut_off_is_counted(
    river: River, replica: MakeReplica, flags: tuple[str, str], calling: MakeAlertmanager
) -> None:
    """max_alerts sends the first and counts the others: no scope grows by that."""
    running = replica(river.url, "", *flags)
    calling(running.address, max_alerts=1).tell(*(ALLOWED | {"queue": f"q{number}"} for number in range(3)))
    until(lambda: count_of(running, "truncated") >= 2, "the two that were left out")

    assert all(queue is not None for queue, _ in wakes(river))


def test_what_has_resolved_wakes_nobody(
    river: River, replica: MakeReplica, flags: tuple[str, str], calling: MakeAlertmanager
) -> None:
    """A receiver that is sent resolved alerts too only counts them."""
    running = replica(river.url, "", *flags)
    caller = calling(running.address, send_resolved=True)
    caller.tell(ALLOWED | {"queue": "mail"})
    until(lambda: count_of(running, "firing") >= 1, "the alert to fire")
    caller.tell(ALLOWED | {"queue": "mail"}, begun=timedelta(seconds=30), ended=True)
    until(lambda: count_of(running, "resolved") >= 1, "the alert to resolve")

    assert wakes(river) == [("mail", None)]


def test_an_alert_of_yesterday_wakes_nobody(
    river: River, replica: MakeReplica, flags: tuple[str, str], calling: MakeAlertmanager
) -> None:
    """It is delivered, so that it is not sent for ever, and does nothing."""
    running = replica(river.url, "", *flags)
    calling(running.address).tell(ALLOWED | {"queue": "mail"}, begun=timedelta(days=1))
    until(lambda: count_of(running, "expired") >= 1, "the alert to be delivered")

    assert wakes(river) == []


def test_an_alert_that_finds_no_riverkeeper_comes_later(
    river: River, replica: MakeReplica, flags: tuple[str, str], calling: MakeAlertmanager
) -> None:
    """Refused connections are tried again, so a replica that restarts misses nothing."""
    address = f"127.0.0.1:{free_port()}"
    caller = calling(address)
    caller.tell(ALLOWED | {"queue": "mail"})
    until(lambda: "refused" in caller.program.log, "a delivery in vain")
    replica(river.url, "", *flags, "--web.listen-address", address)
    until(lambda: wakes(river), "the alert to be delivered")

    assert wakes(river) == [("mail", None)]


def test_an_alert_that_cannot_be_stored_comes_later(
    river_database: MakeRiver, replica: MakeReplica, flags: tuple[str, str], calling: MakeAlertmanager
) -> None:
    """503 while the inbox is away; stored once it is there."""
    river = river_database()
    running = replica(river.url, "", *flags)
    caller = calling(running.address)
    caller.tell(ALLOWED | {"queue": "mail"})
    until(lambda: "unexpected status code 503" in caller.program.log, "a delivery in vain")
    install(river.url, None, None)
    until(lambda: wakes(river), "the alert to be delivered")

    assert count_of(running, "firing") >= 1


def test_a_wrong_token_delivers_nothing(
    river: River, replica: MakeReplica, flags: tuple[str, str], calling: MakeAlertmanager, token: Path
) -> None:
    """Both sides notice; once the token is right the alert comes."""
    running = replica(river.url, "", *flags)
    right = token.read_text()
    token.write_text("another-token-than-the-one-alertmanager-has\n")
    rotated = token.with_name("rotated")
    rotated.write_text("wrong")
    caller = calling(running.address, http_config={"authorization": {"credentials_file": str(rotated)}})
    caller.tell(ALLOWED | {"queue": "mail"})
    until(lambda: "unexpected status code 401" in caller.program.log, "a delivery in vain")
    assert wakes(river) == []
    token.write_text(right)
    rotated.write_text(right)
    until(lambda: wakes(river), "the alert to be delivered")

    refused = running.scrape().value("riverkeeper_http_requests_rejected_total", reason="wrong_credentials")
    assert refused
    assert refused >= 1
