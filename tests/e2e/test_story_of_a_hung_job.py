"""The story of a job that hangs in an HTTP call at 40 %, from the alert to the end of the attempt that resumed."""

from __future__ import annotations

import json
import re
from collections import Counter
from pathlib import Path

import httpx

from e2e.conftest import MakeRiver
from e2e.hung_job import ANSWERED, INVOICES, JOB, KIND, PAUSED_FOR, hung_job_at_work


def test_a_hung_job_is_found_explained_stopped_and_resumed(river_database: MakeRiver, tmp_path: Path) -> None:
    """An operator is paged, reads where the job hangs, and resumes rescues; no invoice is charged twice."""
    with hung_job_at_work(river_database(), tmp_path) as story:
        story.wait_for_the_hang()

        page = story.wait_for_the_page()
        assert page["payload"]["summary"].startswith(f"1 {KIND} job of {JOB} stuck")
        jobs = next(link["href"] for link in page["links"] if link["text"] == "Jobs")
        assert f'href="jobs/{story.job}"' in httpx.get(jobs, timeout=20).text

        shown = story.wait_for_the_stack()
        assert shown["verdict"] == "hung"
        assert f"{shown['job']['progress']:.0%}" == "40%"
        assert PAUSED_FOR in " ".join(shown["next"])
        [stack] = shown["stacks"]
        assert re.fullmatch(r"net/http\.\S+ ← main\.chargeInvoice billing\.go:\d+", stack["where"])
        text = httpx.get(story.url(f"jobs/{story.job}"), timeout=20).text
        assert text.index("net/http.") < text.index("main.chargeInvoice") < text.index("main.addBilling")
        assert "main.chargeInvoice" in story.command("job", str(story.job), "--stack")
        assert json.loads(story.command("job", str(story.job), "--json"))["stacks"][0]["where"] == stack["where"]

        story.resume_rescues()
        story.wait_for_the_stop()
        ended = story.wait_for_the_end()

    assert (ended["job"]["attempt"], ended["headline"]) == (2, "completed")
    assert ended["checkpoint"]["resumes"] == 1
    stop = next(rescue for rescue in ended["rescues"] if rescue["action"] == "stop")
    assert (stop["reason"], stop["attempt"]) == ("hung", 1)
    assert "main.chargeInvoice" in stop["stack"]["where"]
    assert Counter(story.server.requests) == Counter(range(1, INVOICES + 1)) + Counter([ANSWERED + 1])
