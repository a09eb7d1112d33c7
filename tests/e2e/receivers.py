"""What Alertmanager sends to people, caught: a server in the place of Slack and PagerDuty, and a mail server.

Alertmanager runs with the files of `riverkeeper assets` as they are, but for addresses and waits.
"""

from __future__ import annotations

import contextlib
import email.message
import email.policy
import http.server
import json
import threading
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import AuthResult, LoginPassword

from e2e.programs import free_port, started, tool
from e2e.rescue_environment import ready
from e2e.scaled import scaled
from fixtures.waiting import until
from riverkeeper.assets.alerting import RULES, alerting_files
from riverkeeper.config.assets import AssetSettings

QUICK = 30  # group_wait 1 s; what the test waits for
PASSWORD = "a-password-of-the-mail-account"
ROUTING_KEY = "0123456789abcdef0123456789abcdef"
SECRETS = {
    "riverkeeper-token": "a-token-of-the-webhook\n",
    "pagerduty-key": f"{ROUTING_KEY}\n",
    "smtp-password": f"{PASSWORD}\n",
}
Json = dict[str, Any]


@dataclass(slots=True)
class Received:
    """Everything that was sent, in the order in which it came."""

    requests: list[tuple[str, Json]] = field(default_factory=list)  # path, body
    request_times: list[float] = field(default_factory=list)  # of each request
    mails: list[email.message.EmailMessage] = field(default_factory=list)
    mail_times: list[float] = field(default_factory=list)
    passwords: list[str] = field(default_factory=list)

    def sent_to(self, path: str) -> list[Json]:
        return [body for at, body in self.requests if at == path]


@dataclass(frozen=True, slots=True)
class MessageEnvironment:
    """An Alertmanager with our receivers."""

    address: str
    received: Received

    def fire(self, *alerts: Mapping[str, Any]) -> None:
        """Alerts as Prometheus sends them: labels, annotations, startsAt, endsAt."""
        httpx.post(f"http://{self.address}/api/v2/alerts", json=list(alerts)).raise_for_status()


@contextlib.contextmanager
def message_environment(
    folder: Path, factor: int = QUICK, rivers: tuple[str, ...] = (), webhook: str = "", pages: str | None = None
) -> Iterator[MessageEnvironment]:
    """Alertmanager and the servers it sends to; gone at the end. The arguments are those of `write_files`."""
    received = Received()
    with http_receiver(received) as web, mail_receiver(received) as mail:
        config = write_files(folder, web, mail, factor, rivers, webhook, pages)
        address = f"127.0.0.1:{free_port()}"
        where = [f"--config.file={config}", f"--storage.path={folder}/data", f"--web.listen-address={address}"]
        flags = [*where, "--cluster.listen-address=", "--web.external-url=https://alertmanager.example"]
        with started("alertmanager", [tool("alertmanager"), *flags], folder):
            until(lambda: ready(address), "Alertmanager to be ready")
            yield MessageEnvironment(address, received)


def write_files(
    folder: Path,
    web: str,
    mail: str,
    factor: int = QUICK,
    rivers: tuple[str, ...] = (),
    webhook: str = "",
    pages: str | None = None,
) -> Path:
    """The files of `riverkeeper assets`, with the addresses of our servers in the files that they name.

    `webhook`: the address of Riverkeeper; without one our own server receives what is meant for it. `pages`: to which
    Riverkeeper the links of alerts lead.
    """
    secrets = folder / "secrets"
    secrets.mkdir()
    addresses = {"slack-url": f"http://{web}/slack\n", "deadmansswitch-url": f"http://{web}/ping\n"}
    for name, text in (SECRETS | addresses).items():
        (secrets / name).write_text(text)
    settings = AssetSettings(
        webhook_token_file=str(secrets / "riverkeeper-token"),
        webhook_url=f"http://{webhook or web}/webhook/alertmanager",
        rivers=rivers,
        keeper_url=pages,
    )
    files = alerting_files(settings)
    text = scaled(files["alerts/alertmanager.yml"], factor)
    text = text.replace("smtp_smarthost: mail.example:587", f"smtp_smarthost: {mail}\n  smtp_require_tls: false")
    text = text.replace("global:\n", f"global:\n  pagerduty_url: http://{web}/pagerduty\n")
    (folder / "riverkeeper.tmpl").write_text(files["alerts/riverkeeper.tmpl"])
    (folder / "alertmanager.yml").write_text(text)
    for name in RULES:
        (folder / f"{name}.yml").write_text(scaled(files[f"alerts/{name}.yml"], factor))
    return folder / "alertmanager.yml"


@contextlib.contextmanager
def http_receiver(received: Received) -> Iterator[str]:
    """Answers as Slack does, and as a service that takes JSON does; its address."""

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            received.request_times.append(time.time())
            received.requests.append((self.path, json.loads(body)))
            self.send_response(202 if self.path == "/pagerduty" else 200)
            self.send_header("Content-Type", "text/plain")
            self.end_headers()
            self.wfile.write(b"ok")

        def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - its name in the base class
            """Nothing."""

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


@contextlib.contextmanager
def mail_receiver(received: Received) -> Iterator[str]:
    """A mail server that wants the account's password; its address."""

    class Handler:
        async def handle_DATA(self, _server: Any, _session: Any, envelope: Any) -> str:  # noqa: N802 - aiosmtpd's name
            mail = email.message_from_bytes(envelope.content, policy=email.policy.default)
            assert isinstance(mail, email.message.EmailMessage)
            received.mail_times.append(time.time())
            received.mails.append(mail)
            return "250 OK"

    def log_in(_server: Any, _session: Any, _envelope: Any, _mechanism: str, given: Any) -> AuthResult:
        password = given.password.decode() if isinstance(given, LoginPassword) else ""
        received.passwords.append(password)
        return AuthResult(success=password == PASSWORD)

    controller = Controller(
        Handler(),
        hostname="127.0.0.1",
        port=free_port(),
        authenticator=log_in,
        auth_require_tls=False,
        auth_exclude_mechanism=["LOGIN"],  # Alertmanager knows other prompts of it than this server has
    )
    controller.start()
    try:
        yield f"127.0.0.1:{controller.port}"
    finally:
        controller.stop()
