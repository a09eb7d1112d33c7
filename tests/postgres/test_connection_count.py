"""How many connections a login needs: the number that the error names is enough, and one less than is held is not."""

from __future__ import annotations

import contextlib
import json
import os
import socket
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from fixtures.grants import grant
from fixtures.waiting import until
from riverkeeper.demo.postgres import Server
from riverkeeper.postgres.connection import Session
from riverkeeper.postgres.errors import FIXES, ErrorKind

HELD, NEEDED = 4, 7
PAGES = ("failing", "running", "workers", "rescues")
LOGIN = "DROP ROLE IF EXISTS few; CREATE ROLE few LOGIN IN ROLE riverkeeper_rescuer CONNECTION LIMIT "


@contextlib.contextmanager
def serving(url: str) -> Iterator[str]:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{free.getsockname()[1]}"
    command = [sys.executable, "-m", "riverkeeper", "serve", "--database-url", url, "--web.listen-address", address]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=dict(os.environ))
    try:
        yield f"http://{address}"
    finally:
        process.terminate()
        process.wait(20)


def page(url: str) -> str:
    try:
        with urllib.request.urlopen(url, timeout=15) as answer:  # noqa: S310 - our own server
            return str(answer.read().decode())
    except urllib.error.HTTPError as error:
        return str(error.read().decode())
    except OSError:
        return ""


@pytest.mark.parametrize("limit", [HELD, NEEDED])
def test_the_number_that_is_named_is_true(installed_url: str, postgres: Server, limit: int) -> None:
    """With what it holds it scrapes and passes, and a page names what is missing; with what is named all is served."""
    grant(installed_url)
    postgres.execute(f"{LOGIN}{limit}")
    held = "SELECT count(*) AS n FROM pg_stat_activity WHERE usename = 'few'"
    with serving(installed_url.replace("postgres@", "few@")) as at, Session(installed_url) as sql:
        until(lambda: "river_up 1" in page(f"{at}/metrics"), "a scrape", 60)
        until(lambda: sql.execute(held)[0].n == HELD, "all that is held", 60)
        with ThreadPoolExecutor(2 * len(PAGES)) as readers:  # all at once, each twice: nobody takes turns
            answers = [json.loads(text) for text in readers.map(page, [f"{at}/{name}.json" for name in PAGES * 2])]

    assert all(("error" in answer) == (limit == HELD) for answer in answers)
    assert f"allow {NEEDED} for each replica" in FIXES[ErrorKind.FULL]
    assert "keeps four open" in FIXES[ErrorKind.FULL]
