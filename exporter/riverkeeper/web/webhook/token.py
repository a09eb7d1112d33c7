"""The webhook's bearer token: the content of a file, read again when it changes."""

from __future__ import annotations

import hashlib
import hmac
from pathlib import Path

from riverkeeper.web.http.errors import WebError
from riverkeeper.web.web_config.watched import Print, prints

MOST_BYTES = 4096  # so that /dev/zero does not fill the memory
_CURE = "write one long random line into it, for example by `openssl rand -hex 32`"


def read_token(file: Path) -> bytes:
    """The token without the white space around it. Raises WebError, which quotes nothing of it."""
    try:
        with file.open("rb") as opened:
            content = opened.read(MOST_BYTES + 1)
    except OSError as error:
        cure = "mount the secret there, or correct the path"
        raise WebError(f"{file} cannot be read: {error.strerror}", cure) from None
    token = content.strip()
    if not token or len(content) > MOST_BYTES or any(not 33 <= byte <= 126 for byte in token):
        raise WebError(f"{file} holds no token: one word of printable ASCII", _CURE)
    return token


class Token:
    """Knows whether a request brings the token that is in the file now."""

    def __init__(self) -> None:
        self._file: Path | None = None
        self._seen: tuple[Print, ...] = ()
        self._digest = b""
        self._problem: WebError | None = None

    def is_brought_by(self, header: str | None, file: Path) -> bool:
        """Compares an Authorization header in constant time. Raises WebError where the file holds no token."""
        self._follow(file)
        if self._problem is not None:  # nobody is let in by a token that may have been withdrawn
            raise self._problem
        scheme, _, brought = (header or "").partition(" ")
        right = hmac.compare_digest(_digest(brought.strip().encode("utf-8", "replace")), self._digest)
        return right and scheme.lower() == "bearer"

    def _follow(self, file: Path) -> None:
        seen = prints((file,))
        if (file, seen) == (self._file, self._seen):
            return
        self._file, self._seen, self._problem = file, seen, None
        try:
            self._digest = _digest(read_token(file))
        except WebError as problem:
            self._problem = problem


def _digest(token: bytes) -> bytes:
    """Of one length, so that not even the length of the token is told by the time a comparison takes."""
    return hashlib.sha256(token).digest()
