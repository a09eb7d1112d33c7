"""Every reason for which a request is refused before it reaches a page: label value, status and sentence. Pure."""

from __future__ import annotations

from dataclasses import dataclass, field

from riverkeeper.metrics.catalogue.process import Rejection


@dataclass(frozen=True, slots=True)
class Refusal:
    """How a rejected request is answered."""

    status: int
    sentence: str
    headers: dict[str, str] = field(default_factory=dict)


_RETRY = {"Retry-After": "1"}
_ASK = {"WWW-Authenticate": 'Basic realm="riverkeeper", charset="UTF-8"'}
REFUSALS = {
    Rejection.NO_CREDENTIALS: Refusal(401, "User and password are needed.", _ASK),
    Rejection.WRONG_CREDENTIALS: Refusal(401, "User or password is wrong.", _ASK),
    Rejection.RATE_LIMITED: Refusal(429, "Too many requests for rate_limit in the web configuration.", _RETRY),
    Rejection.BUSY: Refusal(503, "Too many requests at once.", _RETRY),
    Rejection.CROSS_SITE: Refusal(403, "Another site's page may not do this."),
    Rejection.WRONG_HOST: Refusal(
        421,
        "This server listens on loopback and has no such name; if a proxy passes it on, name it in web.allowed_hosts.",
    ),
}
