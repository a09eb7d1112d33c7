"""A real Alertmanager that calls Riverkeeper's webhook."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import yaml

from e2e.programs import Program, free_port, started, tool
from fixtures.waiting import until

ALLOWED = {"alertname": "RiverRescueWake", "rescue": "allow", "tier": "standard", "reason": "worker_lost"}


@dataclass(frozen=True, slots=True)
class Alertmanager:
    """Receives alerts as Prometheus sends them."""

    program: Program
    address: str

    def tell(self, *labels: dict[str, str], begun: timedelta = timedelta(0), ended: bool = False) -> None:
        """Alerts with these labels are firing since `begun` ago, or have ended now."""
        now = datetime.now(UTC)
        times = {"startsAt": (now - begun).isoformat()} | ({"endsAt": now.isoformat()} if ended else {})
        alerts = [{"labels": alert, **times} for alert in labels]
        httpx.post(f"http://{self.address}/api/v2/alerts", json=alerts).raise_for_status()

    def ready(self) -> bool:
        try:
            return self.program.lives() and httpx.get(f"http://{self.address}/-/ready").status_code == 200
        except httpx.TransportError:
            return False


@contextlib.contextmanager
def alertmanager(replica: str, token: Path, folder: Path, name: str = "am", **webhook: Any) -> Iterator[Alertmanager]:
    """One that groups all alerts, sends at once and repeats every second; gone at the end."""
    home = folder / name
    home.mkdir()
    receiver = {
        "url": f"http://{replica}/webhook/alertmanager",
        "http_config": {
            "follow_redirects": False,
            "authorization": {"type": "Bearer", "credentials_file": str(token)},
        },
        **webhook,
    }
    route = {"receiver": "rescuer", "group_by": ["tier"], "group_wait": "0s", "group_interval": "1s",
             "repeat_interval": "1s"}  # fmt: skip
    config = {"route": route, "receivers": [{"name": "rescuer", "webhook_configs": [receiver]}]}
    (home / "alertmanager.yml").write_text(yaml.safe_dump(config))
    address = f"127.0.0.1:{free_port()}"
    where = [f"--config.file={home}/alertmanager.yml", f"--storage.path={home}", f"--web.listen-address={address}"]
    with started(name, [tool("alertmanager"), *where, "--cluster.listen-address="], home) as program:
        server = Alertmanager(program, address)
        until(server.ready, "Alertmanager to be ready")
        yield server
