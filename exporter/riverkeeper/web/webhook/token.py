"""The webhook's bearer token: the content of a file, read again when it changes."""

from __future__ import annotations

import hashlib
import hmac
from pathlib import Path

from riverkeeper.web.errors import WebError
from riverkeeper.web.web_config.fingerprints import Fingerprint, take_fingerprints

MOST_BYTES = 4096  # so that /dev/zero does not fill the memory
_FIX = "write one long random line into it, for example by `openssl rand -hex 32`"


def read_token(file: Path) -> bytes:
    """The token without the white space around it. Raises WebError, which quotes nothing of it."""
    try:
        with file.open("rb") as opened:
            content = opened.read(MOST_BYTES + 1)
    except OSError as error:
        fix = "mount the secret there, or correct webhook.token_file"
        raise WebError(f"{file} cannot be read: {error.strerror}", fix) from None
    token = content.strip()
    if not token or len(content) > MOST_BYTES or any(not 33 <= byte <= 126 for byte in token):
        raise WebError(f"{file} holds no token: a token is one word of printable ASCII, at most 4096 bytes", _FIX)
    return token


class BearerToken:
    """The token that is in the file now."""

    def __init__(self) -> None:
        self._file: Path | None = None
        self._fingerprint: tuple[Fingerprint, ...] = ()
        self._digest = b""
        self._problem: WebError | None = None

    def matches(self, header: str | None, file: Path) -> bool:
        """Compares an Authorization header in constant time. Raises WebError where the file holds no token."""
        self._follow(file)
        if self._problem is not None:  # a token that may have been withdrawn admits nobody
            raise self._problem
        scheme, _, presented = (header or "").partition(" ")
        right = hmac.compare_digest(_digest(presented.strip().encode("utf-8", "replace")), self._digest)
        return right and scheme.lower() == "bearer"

    def _follow(self, file: Path) -> None:
        found = take_fingerprints((file,))
        if (file, found) == (self._file, self._fingerprint):
            return
        self._file, self._fingerprint, self._problem = file, found, None
        try:
            self._digest = _digest(read_token(file))
        except WebError as problem:
            self._problem = problem


def _digest(token: bytes) -> bytes:
    """Of one length, so that the time of a comparison does not reveal the length of the token."""
    return hashlib.sha256(token).digest()
