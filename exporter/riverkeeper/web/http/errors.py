"""What can go wrong before a page is served, in words for the person who starts the service."""

from __future__ import annotations


class WebError(Exception):
    """An address or a web configuration that cannot be used. Its text never holds a password or a key."""

    def __init__(self, message: str, fix: str) -> None:
        super().__init__(message)
        self.message = message
        self.fix = fix

    def __str__(self) -> str:
        return f"{self.message} ({self.fix})"
