"""Everything that a run needs: a real Postgres, River's tables, replicas of Riverkeeper and places for workers."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from e2e.chaos.places import Place, place
from e2e.chaos.probe import Probe
from e2e.chaos.record import Limits
from e2e.programs import Program, free_port, started
from e2e.river import River
from e2e.riverkeeper_process import PROGRAM, RiverkeeperProcess, riverkeeper
from fixtures.waiting import until
from riverkeeper.demo.postgres import Server, start_postgres

# A crash may lose nothing that was answered: commits reach the system's memory, which outlives the server.
DURABLE = ("fsync=off", "full_page_writes=off", "max_connections=300")
# The urgent tier as it ships, nothing scaled; a lease as the contract allows it.
LIMITS = Limits(interval=2.0, timeout=7.0, lease=5.0, drain=2.0, fence=3.0)
CONFIG = """
rescue:
  {{mode: live, interval: 1s, grace: 5s, cooldown: 1s, max_rescues: 1000, max_per_minute: 10000, mass_hold: 20s}}
learned_limits: {{enabled: false}}
assign: [{{tier: urgent}}]
tiers: {{urgent: {{plain_fence: {plain_fence:.0f}s}}}}
"""
SLOTS = 10  # jobs at once in one process
NOTED = Path(__file__).with_name("noted.sql")


@dataclass(slots=True)
class Environment:
    """What runs, and how to reach it."""

    server: Server
    river: River
    folder: Path
    probe: Probe
    fenced: bool
    workers: list[Place] = field(default_factory=list)
    replicas: list[Place] = field(default_factory=list)
    addresses: dict[str, str] = field(default_factory=dict)  # of the replicas' pages, by place

    @property
    def places(self) -> list[Place]:
        return [*self.replicas, *self.workers]

    def worker(self, queue: str, here: Place) -> contextlib.AbstractContextManager[Program]:
        """One more process of workers, named in the server by its client id."""
        lease = ["-lease", f"{LIMITS.lease:.0f}s"] if queue == "leased" else []
        url = f"{here.link.proxy.url}?application_name={here.client}&connect_timeout=5"
        command = River(url, self.river.schema, self.river.program).command(
            "work", "-client-id", here.client, "-queues", queue, "-workers", str(SLOTS), "-beat", "table",
            "-interval", f"{LIMITS.interval:.0f}s", "-stop-after", "4s", *lease,
            "-journal", str(self.journal(here.client)),
        )  # fmt: skip
        return started(here.client, command, self.folder)

    def journal(self, client: str) -> Path:
        return self.folder / f"{client}.journal"

    def replica(self, here: Place) -> contextlib.AbstractContextManager[Program]:
        """One more process of Riverkeeper."""
        address = self.addresses[here.name] = f"127.0.0.1:{free_port()}"
        flags = ["--config.file", str(self.folder / "riverkeeper.yml"), "--web.listen-address", address]
        command = [str(PROGRAM), "serve", "--database-url", here.link.proxy.url, *flags]
        return started(here.client, command, self.folder)


@contextlib.contextmanager
def chaos_environment(folder: Path, workers: int, replicas: int, *, fenced: bool) -> Iterator[Environment]:
    """Everything ready but the processes: the run starts those. A third of the workers has leases."""
    with contextlib.ExitStack() as programs:
        server = programs.enter_context(start_postgres(DURABLE))
        river = River(server.database("river"))
        river.migrate()
        server.execute(NOTED.read_text(encoding="utf-8"), "river")
        riverkeeper(river, "schema", "install", "--fence" if fenced else "--no-fence")
        # Without the fence its clients are plain: the next attempt would wait for a minute, and hide what is missing.
        plain_fence = 60.0 if fenced else LIMITS.fence
        (folder / "riverkeeper.yml").write_text(CONFIG.format(plain_fence=plain_fence))
        probe = programs.enter_context(contextlib.closing(Probe(river.url)))
        made = Environment(server, river, folder, probe, fenced)
        for number in range(1, replicas + 1):
            made.replicas.append(place(f"k{number}", river.url, made.replica, programs))
        for number in range(1, workers + 1):
            queue = "leased" if number % 3 == 0 else "free"
            made.workers.append(place(f"w{number}", river.url, partial(made.worker, queue), programs))
        yield made


def counters(environment: Environment, *families: str) -> dict[str, float]:
    """What the replicas that live have counted, by family and process."""
    found: dict[str, float] = {}
    for here in environment.replicas:
        assert here.program is not None
        replica = RiverkeeperProcess(here.program, environment.addresses[here.name])
        until(replica.ready, f"{here.client} to be ready", 60)
        samples = replica.scrape().samples
        for family in families:
            found[f"{family} of {here.client}"] = sum(value for (name, _), value in samples.items() if name == family)
    return found
