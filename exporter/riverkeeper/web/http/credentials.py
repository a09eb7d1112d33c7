"""Who does a request say it comes from?"""

from __future__ import annotations

import base64
import binascii


def basic_credentials(header: str | None) -> tuple[str, bytes] | None:
    """User and password of an Authorization header; None where it holds none that can be read."""
    scheme, _, encoded = (header or "").partition(" ")
    if scheme.lower() != "basic":
        return None
    try:
        decoded = base64.b64decode(encoded.strip(), validate=True)
    except (binascii.Error, ValueError):
        return None
    user, colon, password = decoded.partition(b":")
    return (_text(user), password) if colon else None


def _text(user: bytes) -> str:
    try:
        return user.decode()
    except UnicodeDecodeError:  # older clients write Latin-1
        return user.decode("latin-1")
