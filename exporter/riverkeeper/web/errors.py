"""The error of every part of web: http, web_config and webhook raise it, and none of them imports the others for it."""

from __future__ import annotations


class WebError(Exception):
    """An address, a web configuration or a token file that cannot be used. The text never holds a secret."""

    def __init__(self, message: str, fix: str) -> None:
        super().__init__(message)
        self.message = message
        self.fix = fix

    def __str__(self) -> str:
        return f"{self.message} ({self.fix})"
