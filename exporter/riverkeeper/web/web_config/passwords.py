"""Checks passwords against bcrypt hashes: slow by design, so off the event loop, one at a time, and cached."""

from __future__ import annotations

import contextlib
import hashlib
import hmac
import secrets
from collections import Counter, OrderedDict
from collections.abc import Iterator, Mapping

import anyio
import anyio.to_thread
import bcrypt

REMEMBERED = 100  # cached answers, right and wrong apart; exporter-toolkit's number
# Checks that may wait: of one user at one address, of one address, of all (6 s of work at cost 10).
# A flood of guesses then fills the places of its own address and user, and others go on being let in.
EACH, ADDRESS, WAITING = 4, 16, 64
BCRYPT_BYTES = 72  # bcrypt looks at no more; newer versions of the module refuse longer passwords
_DUMMY_COST = b"10"


class TooManyChecks(Exception):
    """Too many passwords wait for their check; one more would only make the others wait longer."""


class Passwords:
    """Checks passwords against bcrypt hashes. Unknown users cost as much as known ones."""

    def __init__(self) -> None:
        self._key = secrets.token_bytes(32)
        # Apart from each other, so that wrong guesses cannot push the right password out.
        self._right: OrderedDict[bytes, None] = OrderedDict()
        self._wrong: OrderedDict[bytes, None] = OrderedDict()
        self._waiting: Counter[tuple[str, str, bytes]] = Counter()  # address, user, key
        self._one_at_a_time = anyio.CapacityLimiter(1)

    async def correct(self, users: Mapping[str, bytes], user: str, password: bytes, address: str = "") -> bool:
        """`address` is the client's. Raises TooManyChecks rather than queue without end."""
        hashed = users.get(user) or dummy_hash(users)
        key = self._digest(user.encode(), hashed, password)
        if (known := self._remembered(key)) is not None:
            return known
        with self._place(address, user, key):
            async with self._one_at_a_time:
                if (known := self._remembered(key)) is not None:  # the check before this one had the same key
                    return known
                same = await anyio.to_thread.run_sync(_matches, password, hashed)
                right = same and user in users
                self._remember(self._right if right else self._wrong, key)
                return right

    @contextlib.contextmanager
    def _place(self, address: str, user: str, key: bytes) -> Iterator[None]:
        """A check that is under way already takes no place: it costs nothing."""
        place = (address, user, key)
        if place not in self._waiting:
            here = [other for other in self._waiting if other[0] == address]
            same = [other for other in here if other[1] == user]
            if len(same) >= EACH or len(here) >= ADDRESS or len(self._waiting) >= WAITING:
                raise TooManyChecks
        self._waiting[place] += 1
        try:
            yield
        finally:
            self._waiting[place] -= 1
            if not self._waiting[place]:
                del self._waiting[place]

    def _remembered(self, key: bytes) -> bool | None:
        for answers in (self._right, self._wrong):
            if key in answers:
                answers.move_to_end(key)
                return answers is self._right
        return None

    def _remember(self, answers: OrderedDict[bytes, None], key: bytes) -> None:
        answers[key] = None
        if len(answers) > REMEMBERED:
            answers.popitem(last=False)

    def _digest(self, *parts: bytes) -> bytes:
        # Under a key of this process: no password stays in memory, and nobody can aim at a bucket of the dict.
        digest = hmac.new(self._key, digestmod=hashlib.sha256)
        for part in parts:
            digest.update(len(part).to_bytes(8, "big") + part)
        return digest.digest()


def dummy_hash(users: Mapping[str, bytes]) -> bytes:
    """A hash that matches no password, as costly as the costliest of the users'."""
    cost = max((hashed.split(b"$")[2] for hashed in users.values()), default=_DUMMY_COST)
    return b"$2b$" + cost + b"$" + b"." * 53


def _matches(password: bytes, hashed: bytes) -> bool:
    try:
        return bcrypt.checkpw(password[:BCRYPT_BYTES], hashed)
    except ValueError:  # some versions refuse a NUL byte, which no password that was ever hashed holds
        return False
