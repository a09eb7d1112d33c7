"""What does `check` say of the webhook?"""

from __future__ import annotations

import stat
from collections.abc import Iterator

from riverkeeper.config.webhook import Webhook
from riverkeeper.keeper.report import Finding, ok, problem, warning
from riverkeeper.web.errors import WebError
from riverkeeper.web.token import read_token
from riverkeeper.web.webhook import PATH

TOPIC = "webhook"
SHORT = 16  # characters; a random token of less can be tried out
_OTHERS = stat.S_IRWXG | stat.S_IRWXO


def findings(settings: Webhook) -> Iterator[Finding]:
    """Whether alerts can wake the rescuer, and whether the token is kept well. Reads the token's file."""
    file = settings.token_file
    if file is None:
        yield ok(TOPIC, f"there is none (webhook.token_file): {PATH} answers 404, and alerts do not wake the rescuer")
        return
    try:
        token = read_token(file)
        mode = stat.S_IMODE(file.stat().st_mode)
    except WebError as error:
        yield problem(TOPIC, f"nobody is let in: {error.what}", error.cure)
        return
    yield ok(TOPIC, f"{PATH} takes alerts with the token in {file}")
    if mode & _OTHERS:
        yield warning(
            TOPIC, f"{file} has mode {mode:o}: others on this machine may know the token", f"chmod 600 {file}"
        )
    if len(token) < SHORT:
        what = f"the token has {len(token)} characters and can be guessed"
        yield warning(TOPIC, what, f"openssl rand -hex 32 > {file}")
