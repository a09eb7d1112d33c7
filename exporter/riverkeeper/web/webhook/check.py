"""The findings of `check` about the webhook and its token."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from pathlib import Path

from riverkeeper.config.settings import WebhookSettings
from riverkeeper.doctor.report import CheckFinding, ok, problem, warning
from riverkeeper.web.errors import WebError
from riverkeeper.web.webhook.endpoint import PATH
from riverkeeper.web.webhook.token import read_token

TOPIC = "webhook"
SHORT = 16  # characters; a shorter random token can be guessed


def findings(settings: WebhookSettings) -> Iterator[CheckFinding]:
    """Whether alerts can wake the rescuer, and whether the token is kept secret. Reads the token file."""
    file = settings.token_file
    if file is None:
        yield ok(TOPIC, f"webhook.token_file is not set: {PATH} answers 404, and alerts do not wake the rescuer")
        return
    try:
        token = read_token(file)
        status = file.stat()
    except WebError as error:
        yield problem(TOPIC, f"every alert message is rejected: {error.message}", error.fix)
        return
    yield ok(TOPIC, f"{PATH} accepts alerts with the token in {file}")
    if status.st_mode & stat.S_IRWXO:
        what = f"{file} has mode {stat.S_IMODE(status.st_mode):o}: every user of this machine can read the token"
        yield warning(TOPIC, what, _closed_to_others(file, status))
    if len(token) < SHORT:
        what = f"the token has {len(token)} characters and can be guessed"
        yield warning(TOPIC, what, f"openssl rand -hex 32 > {file}")


def explain_exposure(file: Path) -> str | None:
    """Why other users can read the token file, with the command that prevents it; None where they cannot."""
    try:
        status = file.stat()
    except OSError:
        return None  # reported when it is read
    if not status.st_mode & stat.S_IRWXO:
        return None
    mode = f"{stat.S_IMODE(status.st_mode):o}"
    return f"{file} has mode {mode}: every user of this machine can read the token; {_closed_to_others(file, status)}"


def _closed_to_others(file: Path, status: os.stat_result) -> str:
    """The command after which this process can still read the file, and others cannot."""
    if status.st_uid == os.geteuid() or status.st_gid in {os.getegid(), *os.getgroups()}:
        return f"chmod o= {file}"
    return (
        f"chgrp {os.getegid()} {file} && chmod 640 {file}; in Kubernetes: defaultMode: 0440 for the secret, and fsGroup"
    )
