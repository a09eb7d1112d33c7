"""A job that hangs at night: real workers, Riverkeeper, Prometheus and Alertmanager, and a server that does not answer.

The job charges a hundred invoices by HTTP. The server answers forty of them, and then no more on that connection. An
operator has paused all rescues and forgotten it, so that the alert reaches an operator. The test and the pictures of
docs/long-jobs.md go through the same stages.
"""

from __future__ import annotations

import contextlib
import http.server
import json
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx

from e2e.receivers import SECRETS, Json, MessageEnvironment, message_environment
from e2e.rescue_environment import Prometheus, let_beat, prometheus_at_work
from e2e.river import River, fleet_at_work
from e2e.riverkeeper_process import RiverkeeperProcess, replica_at_work, riverkeeper
from fixtures.waiting import until

INVOICES, ANSWERED = 100, 40
FACTOR = 60  # ten minutes of the rules are ten seconds
PAUSED_FOR = "deploy of the billing service"
KIND = "charge_invoices"
JOB = "orders"  # of Prometheus: the name of the River
# The rescuer is woken by alerts alone. A job is hung after 6 s without progress, for the minutes of a real tier.
CONFIG = """
rescue: {{mode: live, supervisor: false, grace: 0s}}
webhook: {{token_file: {token}}}
learned_limits: {{enabled: false}}
assign: [{{tier: urgent}}]
tiers: {{urgent: {{heartbeat_timeout: 6s, drain: 1s, fence: 2s, progress_timeout: 6s, stop_grace: 20s}}}}
"""
INSERT = """INSERT INTO river_job (state, queue, kind, args, max_attempts)
    VALUES ('available', 'billing', %(kind)s, %(args)s::jsonb, 5) RETURNING id"""
CHECKPOINT = "SELECT 1 FROM checkpoint WHERE job_id = %(job)s AND value::integer = %(saved)s"
STOPPED = "SELECT 1 FROM rescue WHERE job_id = %(job)s AND action = 'stop' AND NOT dry_run"
ENDED = "SELECT 1 FROM river_job WHERE id = %(job)s AND state = 'completed'"


@dataclass(slots=True)
class InvoiceServer:
    """Answers each request but the first one for the invoice after the answered ones, which waits for ever."""

    address: str = ""
    requests: list[int] = field(default_factory=list)  # invoice numbers, in the order in which they came
    closing: threading.Event = field(default_factory=threading.Event)

    def must_wait(self, number: int) -> bool:
        self.requests.append(number)
        return number == ANSWERED + 1 and self.requests.count(number) == 1


@contextlib.contextmanager
def invoice_server() -> Iterator[InvoiceServer]:
    """Gone at the end, and with it the requests that still wait."""
    made = InvoiceServer()

    class Handler(http.server.BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            if made.must_wait(int(self.path.split("/")[2])):
                made.closing.wait()
                return
            self.send_response(204)
            self.end_headers()

        def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - its name in the base class
            """Nothing."""

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    made.address = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield made
    finally:
        made.closing.set()
        server.shutdown()
        server.server_close()
        thread.join()


@dataclass(frozen=True, slots=True)
class HungJob:
    """Everything that runs, and the job."""

    river: River
    replica: RiverkeeperProcess
    messages: MessageEnvironment
    prometheus: Prometheus
    server: InvoiceServer
    config: Path
    job: int

    def wait_for_the_hang(self) -> None:
        """Forty invoices are charged and saved; the next call waits."""
        until(lambda: ANSWERED + 1 in self.server.requests, "the call that is not answered")
        until(lambda: self.river.rows(CHECKPOINT, job=self.job, saved=ANSWERED), "the checkpoint of forty invoices")

    def wait_for_the_page(self) -> Json:
        """What the pager of the operator on call receives."""

        def found() -> Json | None:
            sent = self.messages.received.sent_to("/pagerduty")
            return next((page for page in sent if page["payload"]["class"] == "RiverJobsStuck"), None)

        return until(found, "the page")

    def wait_for_the_stack(self) -> Json:
        """The job as its page shows it, once its worker has sent where it hangs."""

        def found() -> Json | None:
            shown = self.shown()
            return shown if shown["stacks"] and shown["stacks"][0]["where"].startswith("net/http.") else None

        return until(found, "the stack on the page of the job", every=0.2)

    def resume_rescues(self) -> None:
        riverkeeper(self.river, "rescue", "resume")

    def wait_for_the_stop(self) -> None:
        until(lambda: self.river.rows(STOPPED, job=self.job), "the request to stop")

    def wait_for_the_end(self) -> Json:
        """The job as its page shows it when it is completed."""
        until(lambda: self.river.rows(ENDED, job=self.job), "the end of the job")
        return self.shown()

    def wait_for_the_follow_up(self) -> None:
        """Until the audit knows that the worker ended its work after the stop."""
        until(lambda: all(rescue["old_worker"] for rescue in self.shown()["rescues"]), "the follow-up of the stop")

    def shown(self) -> Json:
        shown: Json = httpx.get(self.url(f"jobs/{self.job}.json"), timeout=20).json()
        return shown

    def url(self, path: str) -> str:
        return f"http://{self.replica.address}/{path}"

    def command(self, *words: str) -> str:
        """What a command prints that reads the same configuration."""
        return riverkeeper(self.river, *words, "--config.file", str(self.config))


@contextlib.contextmanager
def hung_job_at_work(river: River, folder: Path) -> Iterator[HungJob]:
    """All of it started, and the job inserted. `river` is an empty one."""
    riverkeeper(river, "schema", "install")
    riverkeeper(river, "rescue", "pause", "--why", PAUSED_FOR)
    token = folder / "token"
    token.write_text(SECRETS["riverkeeper-token"])
    token.chmod(0o600)
    config = folder / "riverkeeper.yml"
    config.write_text(CONFIG.format(token=token))
    with contextlib.ExitStack() as programs:
        server = programs.enter_context(invoice_server())
        replica = programs.enter_context(replica_at_work(river.url, folder, "", "--config.file", str(config)))
        place = folder / "alerting"
        place.mkdir()
        link = f"http://{replica.address}"
        messages = programs.enter_context(message_environment(place, FACTOR, webhook=replica.address, pages=link))
        prometheus = programs.enter_context(
            prometheus_at_work(
                place, [replica.address], messages.address, place, "--rules.alert.resend-delay=1s", job=JOB
            )
        )
        flags = ("-queues", "billing", "-beat", "table", "-interval", "1s")
        programs.enter_context(fleet_at_work(river, folder, "billing-1", *flags))
        let_beat(river, "billing-1")
        args = json.dumps({"server": server.address, "invoices": INVOICES})
        [(job,)] = river.rows(INSERT, kind=KIND, args=args)
        yield HungJob(river, replica, messages, prometheus, server, config, job)
