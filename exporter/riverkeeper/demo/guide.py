"""What to open while the demo runs, and which fault shows in which metric."""

from __future__ import annotations

from rich.console import Group
from rich.table import Table
from rich.text import Text

from riverkeeper.demo.exporter import Address

# What goes wrong in the fleet, and the metrics in which it is seen.
FAULTS: tuple[tuple[str, tuple[str, ...]], ...] = (
    (
        "sync_crm always fails, charge_card 4 times in 10: some are discarded",
        (
            'river_jobs_failing{kind="sync_crm"}',
            'river_jobs_last_attempt{kind="charge_card"}',
            'river_jobs_finished_total{outcome="discarded"}',
        ),
    ),
    (
        "transcode_video kills its worker: jobs stay running, the last beat ages",
        ('river_job_oldest_heartbeat_timestamp_seconds{kind="transcode_video"}', 'river_jobs_unknown{queue="bulk"}'),
    ),
    (
        "export_ledger hangs while its worker beats; somebody cancels one, in vain",
        (
            'river_job_oldest_running_timestamp_seconds{kind="export_ledger"}',
            'river_jobs_cancel_pending{kind="export_ledger"}',
        ),
    ),
    (
        "import_rows comes 500 at once, every 40 s",
        ('river_jobs_ready{queue="bulk"}', 'river_job_oldest_ready_timestamp_seconds{queue="bulk"}'),
    ),
    ("the mail queue is paused for 10 s of every 90", ('river_queue_paused{queue="mail"}',)),
    ("await_payment snoozes: waiting, not failing", ('river_jobs{queue="default",state="scheduled"}',)),
    (
        "mailer's clock is 3 s ahead, a bulk worker's 2 s behind: run times are off",
        ('river_job_run_duration_seconds_bucket{kind="send_email"}',),
    ),
)


def guide(address: Address, database_url: str, prometheus_url: str | None) -> Group:
    """The text printed when everything runs."""
    places = Table.grid(padding=(0, 2))
    for name, where in (
        ("what it sees", f"{address.url}/"),
        ("failing jobs", f"{address.url}/failing"),
        ("stuck jobs", f"{address.url}/stuck (from 90 s on: three missed beats)"),
        ("rescues", f"{address.url}/rescues (a dry run: recorded, not made)"),
        ("metrics", f"{address.url}/metrics"),
        ("Prometheus", prometheus_url or "no `prometheus` on PATH: not started"),
        ("database", database_url),
    ):
        places.add_row(f"  {name}", Text(where, style="cyan", no_wrap=True))
    seen = Text()
    for fault, metrics in FAULTS:
        seen.append(f"  {fault}\n")
        for metric in metrics:
            seen.append(f"      {metric}\n", style="cyan")
    return Group(places, Text("\nWhat goes wrong here, and where it shows:", style="bold"), seen)
