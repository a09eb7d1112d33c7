"""docs/quickstart.md, followed command by command on a fresh server with its four logins.

The part of a real Go worker, and the rescue itself, are in tests/e2e/test_quickstart.py.
"""

from __future__ import annotations

import re
from pathlib import Path

from conftest import river_table
from consistency.tree import ROOT
from fixtures.quickstart import PAGE, TRIED_ELSEWHERE, WORKER_RIGHTS, Newcomer, commands, make_logins
from riverkeeper.demo.postgres import start_postgres
from riverkeeper.demo.program import free_port
from riverkeeper.postgres.connection import run_script

LEADER = "INSERT INTO public.river_leader VALUES ('default', 'web-1', now(), now() + interval '1 hour')"
# What a client writes that beats every ten seconds, by the login of the workers.
BEAT = """
INSERT INTO riverkeeper.client (instance, client_id, beat_at, beat_interval, kinds, fences, software, started_at)
VALUES (gen_random_uuid(), 'web-1', now(), '1 hour', NULL, true, 'riverbeat-go/test', now())
"""


def test_the_page_is_true(tmp_path: Path) -> None:
    """Each command succeeds and prints what the page shows, until a live replica has started."""
    with start_postgres() as server:
        make_logins(server)
        owner = server.database_url("shop", "app")
        run_script(server.database_url("shop"), "ALTER SCHEMA public OWNER TO app")
        run_script(owner, river_table("public") + WORKER_RIGHTS + LEADER)
        newcomer = Newcomer(server, tmp_path)
        _, install, look, grants, schema, check, client, check_again, live, serve, observing, _, _ = commands()
        assert (install.line, client.line) == TRIED_ELSEWHERE

        for command in (look, grants, schema, check):
            newcomer.run(command)
        run_script(server.database_url("shop", "app_worker"), BEAT)
        for command in (check_again, live):
            newcomer.run(command)
        with newcomer.serving(serve, free_port()):
            newcomer.compare(observing.printed, newcomer.output("riverkeeper check"))


def test_the_steps_are_seven() -> None:
    """Each has one command: a number in bold, and the next block is its command."""
    text = PAGE.read_text(encoding="utf-8")
    steps = re.findall(r"^\*\*(\d)\. .*?^```sh\n(.*?)^```", text, re.DOTALL | re.MULTILINE)

    assert [number for number, _ in steps] == list("1234567")
    assert all(len(block.strip().splitlines()) == 1 for _, block in steps)


def test_the_line_of_a_worker_is_that_of_the_go_client() -> None:
    """The page of the client, whose code is compiled, has the same line; so has the worker of the end-to-end test."""
    (line,) = re.findall(r"^```go\n(.*?)\n```", PAGE.read_text(encoding="utf-8"), re.DOTALL | re.MULTILINE)
    worker = (ROOT / "tests" / "e2e" / "fleet" / "river_newest.go").read_text(encoding="utf-8")

    assert line in (ROOT / "clients" / "go" / "README.md").read_text(encoding="utf-8")
    assert line.replace("Plugins: ", "config.Plugins = ").strip().rstrip(",") in worker
