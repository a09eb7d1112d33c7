"""Draws the story of a job that hangs, stage by stage, as pictures for docs/long-jobs.md.

`RIVERKEEPER_TOOLS=… PYTHONPATH=tests .venv/bin/python -m e2e.see_hung_job docs/images` with a Chromium on PATH, after
`npm ci` in tests/e2e/render. All of it is real: the worker, the alert, the stack, the stop. The story is that of
test_story_of_a_hung_job.py; only the frame around the message imitates a pager.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
from pathlib import Path

from e2e.hung_job import HungJob, hung_job_at_work
from e2e.river import River
from e2e.see_notifications import draw, pager_frame
from riverkeeper.demo.postgres import start_postgres

RENDER = Path(__file__).parent / "render"


def main(pictures: Path) -> None:
    with tempfile.TemporaryDirectory() as name, start_postgres() as server:
        folder, river = Path(name), River(server.database("orders"))
        river.migrate()
        with hung_job_at_work(river, folder) as story:
            draw_stages(story, pictures.resolve(), folder)


def draw_stages(story: HungJob, pictures: Path, folder: Path) -> None:
    """The page of the operator on call; the job with its stack; the stop; the attempt that resumed."""
    story.wait_for_the_hang()
    draw(pager_frame(story.wait_for_the_page()), pictures / "hung-job-alert.png", folder)
    story.wait_for_the_stack()
    shoot(story, pictures / "hung-job-stack.png", f"jobs/{story.job}", "--open", "#stack details", "--until", "#life")
    story.resume_rescues()
    story.wait_for_the_stop()
    story.wait_for_the_end()
    story.wait_for_the_follow_up()
    shoot(story, pictures / "hung-job-stop.png", f"rescues?job={story.job}")
    shoot(story, pictures / "hung-job-resumed.png", f"jobs/{story.job}", "--until", "#life")


def shoot(story: HungJob, picture: Path, path: str, *options: str) -> None:
    command = ["node", "picture.mjs", "--base", story.url(""), "--out", str(picture), *options, path]
    subprocess.run(command, check=True, cwd=RENDER)
    sys.stdout.write(f"{picture}\n")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
