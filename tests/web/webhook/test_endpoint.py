"""The webhook: who may call, what is taken, and that nothing is accepted that is not stored."""

from __future__ import annotations

import hmac
import json
from pathlib import Path

import httpx
import pytest
from structlog.testing import capture_logs

from fixtures.alertmanager_messages import LABELS, alert, message
from fixtures.web import FakeService, app_of, ask, hashed, replace_file
from riverkeeper.config.settings import WebhookSettings as Settings
from riverkeeper.postgres.errors import DatabaseError, ErrorKind
from riverkeeper.web.web_config.security import Security
from riverkeeper.web.webhook.endpoint import PATH

RIGHT = {"Authorization": "Bearer s3cret-token"}


@pytest.fixture
def token_file(tmp_path: Path) -> Path:
    file = tmp_path / "token"
    file.write_text("s3cret-token\n")
    return file


@pytest.fixture
def service(token_file: Path) -> FakeService:
    return FakeService(webhook_settings=Settings.from_tree({"token_file": token_file}))


def post(service: FakeService, body: bytes | None = None) -> httpx.Response:
    return ask(app_of(service), PATH, "POST", RIGHT, content=message(alert()) if body is None else body)


def test_a_firing_alert_is_stored_before_it_is_accepted(service: FakeService) -> None:
    """202 after the store, then the supervisor is woken and the alert counted."""
    answer = post(service, message(alert(), alert(fingerprint="ff", labels={"alertname": "A"})))

    assert (answer.status_code, answer.text) == (202, "Stored: 1 firing, 1 not_allowed.\n")
    assert [call.fingerprint for call in service.received[0]] == ["0123456789abcdef"]
    assert +service.heard[0] == {"firing": 1, "not_allowed": 1}
    assert service.wakes == 1


def test_an_alert_that_is_too_old_is_accepted_and_does_nothing(service: FakeService) -> None:
    """Refused politely: a 4xx would have it sent again for ever."""
    service.too_old = 1
    answer = post(service)

    assert (answer.status_code, answer.text) == (202, "Stored: 1 expired.\n")
    assert service.wakes == 0


def test_a_message_without_calls_sends_no_query(service: FakeService) -> None:
    """Resolved alerts are accepted also while the database is down."""
    service.store_error = DatabaseError(ErrorKind.UNREACHABLE, "connection refused")
    answer = post(service, message(alert(status="resolved")))

    assert (answer.status_code, answer.text) == (202, "Stored: 1 resolved.\n")
    assert service.received == []


def test_a_database_that_is_down_has_the_alert_sent_again(service: FakeService) -> None:
    """503: the one answer after which Alertmanager tries again soon. Nothing is counted twice by that."""
    service.store_error = DatabaseError(ErrorKind.UNREACHABLE, "connection refused")
    answer = post(service)

    assert answer.status_code == 503
    assert "check host, port and firewall" in answer.text
    assert (service.heard, service.wakes) == ([], 0)


def test_without_a_token_there_is_no_webhook() -> None:
    """404 for every method, as for any address that is not served."""
    for method in ("GET", "POST", "OPTIONS"):
        assert ask(app_of(FakeService()), PATH, method, RIGHT).status_code == 404


@pytest.mark.parametrize("method", ["GET", "HEAD", "PUT", "DELETE", "OPTIONS", "BREW"])
def test_only_post_is_allowed(service: FakeService, method: str) -> None:
    """A redirect followed as GET must not count as delivered."""
    answer = ask(app_of(service), PATH, method, RIGHT)

    assert (answer.status_code, answer.headers["allow"]) == (405, "POST")


@pytest.mark.parametrize("path", [f"{PATH}/", "/webhook", "/webhook/", "/webhook/Alertmanager", "/-/webhook"])
def test_only_the_exact_address_is_served(service: FakeService, path: str) -> None:
    """Nobody is redirected: a redirected POST arrives as a GET without its body."""
    assert ask(app_of(service), path, "POST", RIGHT, content=message(alert())).status_code == 404


@pytest.mark.parametrize(
    ("header", "reason"),
    [
        (None, "no_credentials"),
        ("", "no_credentials"),
        ("Bearer", "wrong_credentials"),
        ("Bearer ", "wrong_credentials"),
        ("Bearer s3cret-toke", "wrong_credentials"),
        ("Bearer s3cret-tokenX", "wrong_credentials"),
        ("Bearer S3CRET-TOKEN", "wrong_credentials"),
        ("Basic s3cret-token", "wrong_credentials"),
        ("s3cret-token", "wrong_credentials"),
    ],
)
def test_a_wrong_token_is_refused_before_the_body_is_read(
    service: FakeService, header: str | None, reason: str
) -> None:
    """401, counted, and nothing is stored."""
    headers = {} if header is None else {"Authorization": header}
    answer = ask(app_of(service), PATH, "POST", headers, content=b"not json")

    assert (answer.status_code, service.rejected, service.received) == (401, [reason], [])
    assert answer.headers["www-authenticate"].startswith("Bearer")


def test_tokens_are_compared_in_constant_time(service: FakeService, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever is brought, two digests of one length go through the comparison that takes one time."""
    compared: list[tuple[int, int]] = []
    original = hmac.compare_digest

    def watched(given: bytes, other: bytes) -> bool:
        compared.append((len(given), len(other)))
        return original(given, other)

    monkeypatch.setattr(hmac, "compare_digest", watched)
    for header in ("", "Bearer", "Bearer s", "Bearer s3cret-token", "Bearer " + "x" * 5000, "Basic YTpi"):
        ask(app_of(service), PATH, "POST", {"Authorization": header}, content=message(alert()))

    assert compared == [(32, 32)] * 6


def test_a_changed_token_holds_from_the_next_request_on(service: FakeService, token_file: Path) -> None:
    """A rotated secret needs no restart."""
    app = app_of(service)
    assert ask(app, PATH, "POST", RIGHT, content=message(alert())).status_code == 202
    replace_file(token_file, "another")
    old, new = (
        ask(app, PATH, "POST", {"Authorization": f"bearer {token}"}, content=message(alert()))
        for token in ("s3cret-token", "another")
    )

    assert (old.status_code, new.status_code) == (401, 202)


@pytest.mark.parametrize("content", [b"", b" \n", b"two words", b"\xff", b"x" * 5000, None])
def test_without_a_usable_token_nobody_is_let_in(service: FakeService, token_file: Path, content: bytes | None) -> None:
    """503, so that nothing is lost until the file is fixed; once in the log, and never what is in it."""
    if content is None:
        token_file.unlink()
    else:
        replace_file(token_file, content)
    app = app_of(service)
    with capture_logs() as log:
        answers = [
            ask(app, PATH, "POST", {"Authorization": header}, content=message(alert()))
            for header in ("Bearer ", "Bearer s3cret-token", "Bearer two words")
        ]

    assert [answer.status_code for answer in answers] == [503] * 3
    assert [entry["log_level"] for entry in log] == ["error"]
    assert "two words" not in json.dumps(log) + answers[0].text
    assert service.received == []


def test_users_of_the_web_configuration_do_not_shut_the_webhook(service: FakeService, tmp_path: Path) -> None:
    """Its own token suffices, and only its token: a user's password opens the pages, not the webhook."""
    file = tmp_path / "web.yml"
    file.write_text(f"basic_auth_users:\n  alice: {hashed('right')}\n")
    app = app_of(service, Security(file))

    by_token = ask(app, PATH, "POST", RIGHT, content=message(alert()))
    by_user = ask(app, PATH, "POST", auth=("alice", "right"), content=message(alert()))
    page = ask(app, "/failing", headers=RIGHT)
    unset = ask(app_of(FakeService(), Security(file)), PATH, "POST", RIGHT)

    assert (by_token.status_code, by_user.status_code, page.status_code, unset.status_code) == (202, 401, 401, 401)


def test_another_sites_page_may_not_call(service: FakeService) -> None:
    """The guard's other rules hold for the webhook too."""
    assert ask(app_of(service), PATH, "POST", RIGHT | {"Sec-Fetch-Site": "cross-site"}).status_code == 403


@pytest.mark.parametrize(
    ("body", "status"),
    [(b"{", 400), (b"[" * 10_000, 400), (message(alert(), version="3"), 422), (message(alert(labels=3)), 400)],
)
def test_what_is_no_message_is_refused(service: FakeService, body: bytes, status: int) -> None:
    """4xx and a sentence, never an act."""
    answer = post(service, body)

    assert (answer.status_code, service.received, service.heard) == (status, [], [])
    assert answer.text.startswith("Refused: ")


def test_ten_thousand_alerts_are_one_message(service: FakeService, token_file: Path) -> None:
    """Within max_body there is no other bound."""
    service.webhook_settings = Settings.from_tree({"token_file": token_file, "max_body": "16MiB"})
    many = [alert(fingerprint=f"{number:016x}", labels=LABELS) for number in range(10_000)]

    assert post(service, message(*many)).text == "Stored: 10000 firing.\n"
