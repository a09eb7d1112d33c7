"""Shell blocks of pages, run as they are written; only addresses and folders are those of the test.

The README, the quickstart and the runbooks have tests of their own. What needs a registry or Kubernetes is not here.
"""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import subprocess
import sys
import urllib.request
from collections.abc import Mapping
from functools import partial
from pathlib import Path

from consistency.tree import ROOT
from fixtures.waiting import until
from riverkeeper.demo.postgres import create_river_table
from riverkeeper.postgres.connection import Session

LEADER = "INSERT INTO river_leader VALUES ('default', 'web-1', now(), now() + interval '1 min')"


def block(page: str, beginning: str) -> str:
    """The only shell block of a page that begins so."""
    blocks = re.findall(r"^( *)```sh\n(.*?)^ *```", (ROOT / page).read_text(encoding="utf-8"), re.DOTALL | re.MULTILINE)
    (found,) = [text for _, text in blocks if text.strip().startswith(beginning)]
    return str(found)


def environment(url: str) -> Mapping[str, str]:
    """A login that has this virtual environment on its PATH."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("RIVERKEEPER_", "PG"))}
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    return kept | {"PATH": path, "RIVERKEEPER_DATABASE_URL": url}


def run(text: str, url: str, folder: Path) -> str:
    """What a block prints, by the shell that its fence names; each of its commands succeeds."""
    done = subprocess.run(
        ["sh", "-ec", text],
        cwd=folder, env=dict(environment(url)), check=False, capture_output=True, text=True, timeout=120,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    assert "Traceback" not in done.stderr
    return done.stdout


def test_a_report_of_look_is_text_json_or_a_page(river_url: str, sql: Session, tmp_path: Path) -> None:
    """docs/look.md: the three forms, of a River with a leader and without a job."""
    sql.execute(LEADER)
    text = block("docs/look.md", "riverkeeper look").replace("postgresql://reader@db.example/app", river_url)

    printed = run(text, river_url, tmp_path)

    document = printed[printed.index("\n{") :]
    assert json.JSONDecoder().raw_decode(document.strip())[0]["findings"] == []
    assert "<html" in (tmp_path / "look.html").read_text(encoding="utf-8")


def test_the_report_of_rescues_needs_no_options_but_its_time(installed_url: str, tmp_path: Path) -> None:
    """docs/rescues.md."""
    assert run(block("docs/rescues.md", "riverkeeper rescue report"), installed_url, tmp_path)


def test_the_files_for_prometheus_are_where_its_configuration_looks(river_url: str, tmp_path: Path) -> None:
    """alerts/README.md: what the command writes is what the block of prometheus.yml below it names."""
    page = (ROOT / "alerts/README.md").read_text(encoding="utf-8")
    (tmp_path / "riverkeeper.yml").write_text("rescue: {mode: live}\n", encoding="utf-8")
    command = block("alerts/README.md", "riverkeeper assets").replace("/etc/prometheus", str(tmp_path))

    run(command, river_url, tmp_path)

    rules = re.findall(r"^  - (riverkeeper/\S+\.yml)", page, re.MULTILINE)
    assert len(rules) == 4
    assert [name for name in rules if not (tmp_path / name).exists()] == []


def test_one_process_for_each_of_many_rivers(river_url: str, sql: Session, tmp_path: Path) -> None:
    """docs/scaling.md: each River has a keeper schema and an address of its own."""
    for schema in ("orders", "billing", "mail"):
        sql.execute(f"CREATE SCHEMA {schema}")
        create_river_table(river_url, schema)
    port = free_ports(3)
    text = (
        block("docs/scaling.md", "port=9816")
        .replace("port=9816", f"port={port}")
        .replace('":$port"', "127.0.0.1:$port")
    )
    with (tmp_path / "log").open("wb") as log:
        process = subprocess.Popen(
            ["sh", "-ec", f"{text}\nwait"],
            cwd=tmp_path, env=dict(environment(river_url)), stdout=log, stderr=log, start_new_session=True,
        )  # fmt: skip
    try:
        pages = [until(partial(page_of, at), f"port {at} to answer") for at in range(port, port + 3)]
    finally:
        os.killpg(process.pid, signal.SIGTERM)
        process.wait()

    assert [re.findall(r'river_schema="(\w+)"', page)[0] for page in pages] == ["orders", "billing", "mail"]
    assert all("\nriver_up 1.0" in page for page in pages), (tmp_path / "log").read_text()


def page_of(port: int) -> str:
    """The metrics that are served there; empty while nothing answers or the first scrape is not done."""
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=10) as answer:
            text = str(answer.read().decode())
    except OSError:
        return ""
    return text if "river_schema=" in text else ""


def free_ports(count: int) -> int:
    """The first of so many ports in a row that were free a moment ago."""
    for first in range(20_000, 30_000, count):
        try:
            for port in range(first, first + count):
                with socket.socket() as probe:
                    probe.bind(("127.0.0.1", port))
        except OSError:
            continue
        return first
    raise AssertionError("no ports are free")
