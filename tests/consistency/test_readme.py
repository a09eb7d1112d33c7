"""The commands of the README work as they are written."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from consistency.tree import ROOT
from riverkeeper.postgres.connection import Session

README = (ROOT / "README.md").read_text(encoding="utf-8")
LINES = [
    line.partition("#")[0].strip()
    for block in re.findall(r"```sh\n(.*?)```", README, re.DOTALL)
    for line in block.splitlines()
    if line.partition("#")[0].strip()
]
TARGETS = sorted({line.split()[1] for line in LINES if line.startswith("make ")})
KEEPER = [line for line in LINES if line.startswith("riverkeeper ")]


@pytest.mark.parametrize("target", TARGETS)
def test_make_targets_exist(target: str) -> None:
    """`make -n` knows how to make each of them."""
    done = subprocess.run(["make", "-n", target], cwd=ROOT, check=False, capture_output=True, text=True)

    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("line", [line for line in KEEPER if line != "riverkeeper serve"])
def test_commands_run(line: str, river_url: str, sql: Session) -> None:
    """Each command ends well on a River that has just been migrated and has a leader."""
    sql.execute("INSERT INTO river_leader VALUES ('default', 'web-1', now(), now() + interval '1 min')")
    environment = {**os.environ, "RIVERKEEPER_DATABASE_URL": river_url}
    program = Path(sys.executable).with_name("riverkeeper")
    done = subprocess.run(
        [program, *line.split()[1:]], check=False, capture_output=True, text=True, env=environment, timeout=60
    )

    assert done.returncode == 0, done.stdout + done.stderr
    assert "Traceback" not in done.stderr


def test_links_lead_somewhere_on_the_package_index_too() -> None:
    """It shows the README alone: what is relative in the repository is absolute there, and pictures are files."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    shown = README
    for rule in project["tool"]["hatch"]["metadata"]["hooks"]["fancy-pypi-readme"]["substitutions"]:
        shown = re.sub(rule["pattern"], rule["replacement"], shown)
    links = re.findall(r"(!?)\[[^\]]*\]\(([^)]+)\)", shown)

    assert len(links) > 20
    assert [link for _, link in links if not link.startswith(("https://", "#"))] == []
    assert all(link.startswith("https://raw.githubusercontent.com/") for picture, link in links if picture)
