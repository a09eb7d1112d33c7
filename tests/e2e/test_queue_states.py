"""The states that the Overview gives queues, evaluated by promtool over series made for each."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
import yaml

from dashboards.boards import filled
from e2e.programs import tool
from riverkeeper.dashboards import DashboardScope
from riverkeeper.dashboards.parts.query import Queries
from riverkeeper.dashboards.sections.queues import STATES, state_of_queues

AT = 7200  # seconds; the moment that is judged
CODES = {text: code for code, (text, _) in STATES.items()}

# By queue: due jobs, since when the first waits, the last claim, the last refresh by a producer (seconds ago), paused,
# jobs that beat within the last minute, share of the wait limit.
QUICK_LIMIT = 105  # seconds; what was learned of the queues that have quick ones in their name
QUEUES: dict[str, tuple[int, int | None, int, int | None, int, int, float]] = {
    "flowing": (3, 2, 1, 60, 0, 2, 0.01),
    "idle": (0, None, 3000, 60, 0, 0, 0.0),
    "woken after an hour": (1, 1, 3600, 60, 0, 0, 0.01),
    "slow": (50, 400, 5, 60, 0, 2, 1.3),
    "paused": (50, 4000, 4000, 60, 1, 0, 13.0),
    "all slots beat": (50, 900, 900, 60, 0, 8, 3.0),
    "stands still": (50, 900, 900, 60, 0, 0, 3.0),
    "forgotten": (50, 900, 900, 2000, 0, 0, 3.0),
    "never worked": (50, 900, 900, None, 0, 0, 3.0),
    "forgotten by quick ones": (50, 400, 5, 200, 0, 2, 0.5),
    "quick ones are there": (50, 400, 5, 60, 0, 2, 0.5),
    "just begun": (50, 20, 900, None, 0, 0, 0.1),
}
EXPECTED = {
    "flowing": "flowing",
    "idle": "flowing",
    "woken after an hour": "flowing",
    "slow": "backlog",
    "paused": "paused",
    "all slots beat": "backlog",
    "stands still": "frozen",
    "forgotten": "no producer",
    "never worked": "no producer",
    "forgotten by quick ones": "no producer",
    "quick ones are there": "flowing",
    "just begun": "flowing",
}


@pytest.mark.parametrize("queue", QUEUES)
def test_state(queue: str, tmp_path: Path) -> None:
    """The worst that holds is shown; two replicas that read at different moments do not change it."""
    series = [line for instance in ("one", "other") for line in series_of(queue, instance)]
    expression = filled(state_of_queues(Queries(DashboardScope().replica_labels)))
    expected = [{"labels": f'{{queue="{queue}"}}', "value": CODES[EXPECTED[queue]]}]
    scenario = {
        "tests": [
            {
                "interval": f"{AT}s",
                "input_series": [{"series": name, "values": f"_ {value}"} for name, value in series],
                "promql_expr_test": [{"expr": expression, "eval_time": f"{AT}s", "exp_samples": expected}],
            }
        ]
    }
    file = tmp_path / "scenario.yml"
    file.write_text(yaml.safe_dump(scenario))

    done = subprocess.run([tool("promtool"), "test", "rules", file], check=False, capture_output=True, text=True)

    assert done.returncode == 0, done.stdout + done.stderr


def series_of(queue: str, instance: str) -> list[tuple[str, float]]:
    """The series of one queue, as one replica exports them."""
    due, waits, claimed, refreshed, paused, beating, share = QUEUES[queue]
    now = AT - (3 if instance == "other" else 0)
    of_keeper = f'job="riverkeeper", instance="{instance}"'
    of_queue = f'{of_keeper}, queue="{queue}"'
    lines = [
        (f"riverkeeper_snapshot_timestamp_seconds{{{of_keeper}}}", now),
        (f'river_jobs_ready{{{of_queue}, priority="1"}}', due),
        (f"river_queue_last_claim_timestamp_seconds{{{of_queue}}}", now - claimed),
        (f"river_queue_paused{{{of_queue}}}", paused),
        (f'river_job_heartbeat_age_seconds_bucket{{{of_queue}, le="60.0"}}', beating),
        (f'river_job_limit_used_ratio{{{of_queue}, kind="", tier="standard", limit="wait"}}', share),
    ]
    if waits is not None:
        lines.append((f'river_job_oldest_ready_timestamp_seconds{{{of_queue}, priority="1"}}', now - waits))
    if refreshed is not None:
        lines.append((f"river_queue_updated_timestamp_seconds{{{of_queue}}}", now - refreshed))
    if "quick ones" in queue:
        lines.append((f"riverkeeper_queue_refresh_limit_seconds{{{of_queue}}}", QUICK_LIMIT))
    return lines
