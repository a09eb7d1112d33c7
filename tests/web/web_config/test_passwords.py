"""Passwords: who is right, what it costs to ask, and what is remembered."""

from __future__ import annotations

import asyncio
import threading

import pytest

from fixtures.web import LIMIT, hashed
from riverkeeper.web.http.guard import basic_credentials
from riverkeeper.web.web_config.passwords import (
    ADDRESS,
    EACH,
    REMEMBERED,
    WAITING,
    Passwords,
    TooManyChecks,
    dummy_hash,
)

USERS = {"alice": hashed("right").encode()}


class Bcrypt:
    """Counts the checks, and answers when it may."""

    def __init__(self) -> None:
        self.hashes: list[bytes] = []
        self.threads: set[int] = set()
        self.asked = threading.Event()
        self.may_answer = threading.Event()
        self.may_answer.set()

    def checkpw(self, password: bytes, hashed_password: bytes) -> bool:
        self.hashes.append(hashed_password)
        self.threads.add(threading.get_ident())
        self.asked.set()
        self.may_answer.wait(LIMIT)
        return password == b"right" and hashed_password == USERS["alice"]


@pytest.fixture
def bcrypt(monkeypatch: pytest.MonkeyPatch) -> Bcrypt:
    counting = Bcrypt()
    monkeypatch.setattr("bcrypt.checkpw", counting.checkpw)
    return counting


def answers(*asked: tuple[str, bytes]) -> list[bool]:
    async def ask() -> list[bool]:
        checker = Passwords()
        return [await checker.correct(USERS, user, password) for user, password in asked]

    return asyncio.run(ask())


def test_only_the_right_password_of_a_known_user() -> None:
    """With real bcrypt: the right one passes; a wrong one, another user and nothing do not."""
    asked = [("alice", b"right"), ("alice", b"wrong"), ("bob", b"right"), ("alice", b""), ("", b""), ("alice", b"a\0b")]

    assert answers(*asked) == [True, False, False, False, False, False]


def test_a_long_password_is_compared_as_bcrypt_does() -> None:
    """bcrypt never looked beyond 72 bytes; newer modules refuse longer ones, which must not become an error."""
    users = {"alice": hashed("x" * 72).encode()}

    assert asyncio.run(Passwords().correct(users, "alice", b"x" * 100))


def test_answers_are_remembered(bcrypt: Bcrypt) -> None:
    """A scraper asks every few seconds: right, wrong and unknown are each computed once, off the event loop."""
    asked = [("alice", b"right"), ("alice", b"wrong"), ("bob", b"right")]

    assert answers(*asked, *asked, *asked) == [True, False, False] * 3
    assert len(bcrypt.hashes) == 3
    assert threading.get_ident() not in bcrypt.threads


def test_another_hash_is_another_question(bcrypt: Bcrypt) -> None:
    """A password that was changed is wrong at once, whatever was remembered of it."""

    async def ask() -> tuple[bool, bool]:
        checker = Passwords()
        before = await checker.correct(USERS, "alice", b"right")
        return before, await checker.correct({"alice": hashed("new").encode()}, "alice", b"right")

    assert asyncio.run(ask()) == (True, False)


def test_parts_cannot_be_shifted(bcrypt: Bcrypt) -> None:
    """User and password are remembered apart: `ab`+`c` is not `a`+`bc`."""
    answers(("ab", b"c"), ("a", b"bc"))

    assert len(bcrypt.hashes) == 2


def test_guesses_cannot_push_the_right_answer_out(bcrypt: Bcrypt) -> None:
    """However many wrong passwords are tried, the right one stays remembered, and memory is bounded."""
    guesses = [("alice", b"guess %d" % number) for number in range(2 * REMEMBERED)]

    answers(("alice", b"right"), *guesses, ("alice", b"right"))

    assert len(bcrypt.hashes) == 1 + len(guesses)


def test_an_unknown_user_costs_as_much() -> None:
    """The time of an answer reveals no user names."""
    users = {"alice": b"$2b$06$" + b"." * 53, "bob": b"$2y$12$" + b"." * 53}

    assert dummy_hash(users).startswith(b"$2b$12$")
    assert len(dummy_hash(users)) == 60


def test_the_same_question_is_computed_once(bcrypt: Bcrypt) -> None:
    """Ten scrapers with one password that arrive together wait for one computation."""

    async def ask() -> list[bool]:
        checker = Passwords()
        return await asyncio.gather(*(checker.correct(USERS, "alice", b"right") for _ in range(10)))

    assert asyncio.run(ask()) == [True] * 10
    assert len(bcrypt.hashes) == 1


def test_the_queue_is_bounded(bcrypt: Bcrypt) -> None:
    """A flood of guesses is refused rather than queued: who comes with a remembered password is not held up."""
    bcrypt.may_answer.clear()

    async def ask() -> None:
        checker = Passwords()
        guesses = [
            asyncio.ensure_future(checker.correct(USERS, f"user {n % ADDRESS}", b"%d" % n, f"address {n // ADDRESS}"))
            for n in range(WAITING)
        ]
        assert await asyncio.to_thread(bcrypt.asked.wait, LIMIT)
        with pytest.raises(TooManyChecks):
            await checker.correct(USERS, "x", b"one more")
        bcrypt.may_answer.set()
        assert await asyncio.gather(*guesses) == [False] * len(guesses)

    asyncio.run(ask())


def test_a_flood_of_guesses_keeps_nobody_else_out(bcrypt: Bcrypt) -> None:
    """Neither another user at the same address nor anybody at another one; the flood itself is refused."""
    bcrypt.may_answer.clear()

    async def ask() -> None:
        checker = Passwords()
        guesses = [asyncio.ensure_future(checker.correct(USERS, "x", b"%d" % n, "crowd")) for n in range(100)]
        assert await asyncio.to_thread(bcrypt.asked.wait, LIMIT)
        right = [
            asyncio.ensure_future(checker.correct(USERS, "alice", b"right", address)) for address in ("crowd", "other")
        ]
        bcrypt.may_answer.set()
        assert await asyncio.gather(*right) == [True, True]
        results = await asyncio.gather(*guesses, return_exceptions=True)
        assert sum(isinstance(result, TooManyChecks) for result in results) == 100 - EACH

    asyncio.run(ask())


@pytest.mark.parametrize(
    ("header", "credentials"),
    [
        ("Basic YWxpY2U6cDp3", ("alice", b"p:w")),
        ("basic  YWxpY2U6", ("alice", b"")),
        ("Basic w6k6eA==", ("é", b"x")),
        ("Basic 6Tp4", ("é", b"x")),
        (None, None),
        ("", None),
        ("Bearer YWxpY2U6cA==", None),
        ("Basic", None),
        ("Basic !!!", None),
        ("Basic YWxpY2U=", None),
        ("Basic é", None),
    ],
)
def test_credentials(header: str | None, credentials: tuple[str, bytes] | None) -> None:
    """The user ends at the first colon; UTF-8 and Latin-1 are both read; what cannot be read is none."""
    assert credentials == basic_credentials(header)
