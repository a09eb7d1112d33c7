"""What to open while the demo runs: the three doors, and which fault shows in which metric."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from riverkeeper.demo.exporter import Address

# What goes wrong in the fleet, and a metric in which it is seen.
FAULTS: tuple[tuple[str, str], ...] = (
    ("sync_crm always fails", 'river_jobs_failing{kind="sync_crm"}'),
    ("charge_card fails often", 'river_jobs_last_attempt{kind="charge_card"}'),
    ("export_ledger hangs", 'river_jobs_stuck{kind="export_ledger"}'),
    ("transcode_video kills its worker", 'river_jobs_stuck{kind="transcode_video"}'),
    ("import_rows comes 500 at once", 'river_jobs_ready{queue="bulk"}'),
    ("await_payment snoozes", 'river_jobs{queue="default",state="scheduled"}'),
    ("mail is paused now and then", 'river_queue_paused{queue="mail"}'),
)


def guide(address: Address, config_file: Path, database_url: str, monitoring: Mapping[str, str]) -> str:
    """The text printed when everything runs. Lines of at most 80 columns, but for addresses that are longer."""
    url = address.url
    rows = [
        ("Look", f"{url}/", "what needs you"),
        ("", f"{url}/failing", "jobs that fail"),
        ("", f"{url}/metrics", "for Prometheus"),
        ("Beat", f"{url}/stuck", "jobs whose worker died, or that hang"),
        ("Rescue", f"{url}/rescues", "what was done, and why"),
    ]
    lines = [f"  {door:<8}{where:<33} {what}".rstrip() for door, where, what in rows]
    absent = [name for name in ("Prometheus", "Alertmanager") if name not in monitoring]
    places = {**monitoring, "Database": database_url, "Config": str(config_file)}
    lines += ["", *(f"  {name:<14}{where}" for name, where in places.items())]
    if absent:
        lines.append(f"  Not on PATH, so not started: {', '.join(absent)}")
    faults = [f"  {fault:<33}{metric}" for fault, metric in FAULTS]
    return "\n".join(
        [
            *lines,
            "",
            "What goes wrong here, and where it shows:",
            *faults,
            "",
            "Workers are killed and jobs hang. A line follows for each job that comes back:",
        ]
    )
