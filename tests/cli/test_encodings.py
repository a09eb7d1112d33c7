"""Terminals, arguments and environments that are not UTF-8: an answer or a sentence, never a traceback."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from riverkeeper.postgres.connection import Session

FAILING = """INSERT INTO river_job (kind, state, attempt, attempted_at, scheduled_at, errors)
    VALUES ('日本 → é', 'retryable', 1, now(), now(), ARRAY[jsonb_build_object('error', 'naïve → 日')])"""


def run(*arguments: bytes | str, **environment: bytes | str) -> subprocess.CompletedProcess[bytes]:
    """A command in a process of its own, as a shell starts it."""
    plain = {b"PATH": os.environb[b"PATH"], b"LC_ALL": b"C", b"PYTHONUTF8": b"0", b"PYTHONCOERCECLOCALE": b"0"}
    given = {name.encode(): os.fsencode(value) for name, value in environment.items()}
    command = [os.fsencode(sys.executable), b"-m", b"riverkeeper", *map(os.fsencode, arguments)]
    return subprocess.run(command, capture_output=True, check=False, env=plain | given)


@pytest.mark.parametrize(
    ("command", "encoding"),
    [("failing", "ascii"), ("failing", "utf-8"), ("check", "cp1252"), ("look", "latin-1")],
)
def test_a_terminal_of_another_encoding_gets_escapes(river_url: str, sql: Session, encoding: str, command: str) -> None:
    """The answer is there, in the letters that the terminal has."""
    sql.execute(FAILING)
    arguments = [command, river_url] if command == "look" else [command]
    done = run(*arguments, RIVERKEEPER_DATABASE_URL=river_url, PYTHONIOENCODING=encoding)

    assert b"Traceback" not in done.stderr
    assert done.returncode in {0, 1}
    if command == "failing":
        assert "日".encode() in done.stdout or b"\\u65e5" in done.stdout


def test_arguments_that_are_no_text(river_url: str) -> None:
    """Bytes of a shell in another encoding name no kind: nothing is found, or the name is refused."""
    for arguments in ([b"failing", b"--kind", b"caf\xe9"], [b"check", b"--river-schema", b"caf\xe9"]):
        done = run(*arguments, RIVERKEEPER_DATABASE_URL=river_url, PYTHONIOENCODING="utf-8")

        assert b"Traceback" not in done.stderr
        assert done.returncode in {0, 2}


@pytest.mark.parametrize("command", ["check", "serve"])
def test_a_url_that_is_no_text_is_a_sentence(river_url: str, command: str) -> None:
    """The environment may hold any bytes; the password among them is not shown."""
    url = os.fsencode(river_url).replace(b"postgres@", b"postgres:gehe\xedm@")
    done = run(command, RIVERKEEPER_DATABASE_URL=url)

    assert b"Traceback" not in done.stderr
    assert done.returncode in {1, 2}
    assert b"gehe" not in done.stdout + done.stderr
