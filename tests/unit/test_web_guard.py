"""Who is let in, what is counted, and that probes are never kept out."""

from __future__ import annotations

import asyncio
from pathlib import Path

import httpx
import pytest
from structlog.testing import capture_logs

from riverkeeper.web.app import create_app
from riverkeeper.web.guard import Guard
from riverkeeper.web.security import Security
from unit.web_fakes import FakeKeeper, app_of, ask, hashed, replace_file

ALICE = ("alice", "right")


@pytest.fixture
def file(tmp_path: Path) -> Path:
    file = tmp_path / "web.yml"
    file.write_text(f"basic_auth_users:\n  alice: {hashed('right')}\n")
    return file


def test_users_are_asked_for_their_password(file: Path) -> None:
    """With users in the file every page needs one of them; the answer says how to identify oneself."""
    keeper = FakeKeeper()
    app = app_of(keeper, Security(file))

    without, wrong, right = (ask(app, "/metrics", auth=auth) for auth in (None, ("alice", "guess"), ALICE))

    assert (without.status_code, wrong.status_code, right.status_code) == (401, 401, 200)
    assert without.headers["www-authenticate"] == 'Basic realm="riverkeeper", charset="UTF-8"'
    assert keeper.rejected == ["no_credentials", "wrong_credentials"]
    assert len(keeper.deadlines) == 1


@pytest.mark.parametrize(
    ("method", "path"),
    [("GET", "/"), ("GET", "/failing"), ("GET", "/static/style.css"), ("POST", "/-/reload"), ("GET", "/nowhere")],
)
def test_everything_needs_credentials(file: Path, method: str, path: str) -> None:
    """No page, no file, no act and no "not found" without them."""
    keeper = FakeKeeper()

    assert ask(app_of(keeper, Security(file)), path, method).status_code == 401
    assert keeper.reloads == 0


@pytest.mark.parametrize("path", ["/-/healthy", "/-/ready"])
@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_probes_need_none(file: Path, path: str, method: str) -> None:
    """A probe has no password; wrong ones in its request do not matter either."""
    app = app_of(FakeKeeper(), Security(file))

    assert ask(app, path, method).status_code == 200
    assert ask(app, path, method, auth=("x", "y")).status_code == 200


@pytest.mark.parametrize("path", ["/-/healthy/", "/-/healthy%0A", "/-/HEALTHY", "/-/healthy/../reload", "/-//healthy"])
def test_only_probes_are_exempt(file: Path, path: str) -> None:
    """The exemption is for two exact addresses, however another is spelled."""
    assert ask(app_of(FakeKeeper(), Security(file)), path).status_code == 401


def test_a_changed_file_holds_from_the_next_request_on(file: Path) -> None:
    """A user who was taken out of the file is out, without a restart and whatever was remembered."""
    app = app_of(FakeKeeper(), Security(file))
    assert ask(app, "/metrics", auth=ALICE).status_code == 200

    replace_file(file, f"basic_auth_users: {{bob: {hashed('new')}}}")

    assert ask(app, "/metrics", auth=ALICE).status_code == 401
    assert ask(app, "/metrics", auth=("bob", "new")).status_code == 200


def test_a_broken_file_keeps_the_one_before_and_is_told_once(file: Path) -> None:
    """A slip of the pen neither opens the service nor locks everybody out, and does not fill the log."""
    security = Security(file)
    app = app_of(FakeKeeper(), security)

    with capture_logs() as log:
        replace_file(file, "basic_auth_users: {alice: typo}")
        assert [ask(app, "/metrics", auth=ALICE).status_code for _ in range(3)] == [200] * 3
        assert ask(app, "/metrics").status_code == 401
    assert [entry["log_level"] for entry in log] == ["error"]
    assert "is not a bcrypt hash" in log[0]["reason"]

    replace_file(file, "")
    assert ask(app, "/metrics").status_code == 200
    assert security.problem is None


def test_a_vanished_file_keeps_the_one_before(file: Path) -> None:
    """Kubernetes swaps whole folders: a file that is away for a moment changes nothing."""
    security = Security(file)
    app = app_of(FakeKeeper(), security)

    file.unlink()

    assert ask(app, "/metrics").status_code == 401
    assert ask(app, "/metrics", auth=ALICE).status_code == 200
    assert "cannot be read" in (security.problem or "")


def test_own_headers_replace_ours(tmp_path: Path) -> None:
    """http_server_config.headers wins over what we send by ourselves; an empty value takes a header away."""
    file = tmp_path / "web.yml"
    file.write_text(
        "http_server_config: {headers: {X-Frame-Options: deny, Content-Security-Policy: '', "
        "Strict-Transport-Security: max-age=1}}"
    )

    headers = ask(app_of(FakeKeeper(), Security(file)), "/").headers

    assert headers["x-frame-options"] == "deny"
    assert headers["strict-transport-security"] == "max-age=1"
    assert "content-security-policy" not in headers
    assert headers["x-content-type-options"] == "nosniff"


def test_rate_limit(tmp_path: Path) -> None:
    """rate_limit refuses what is too much, counts it, and leaves probes alone."""
    file = tmp_path / "web.yml"
    file.write_text("rate_limit: {interval: 1h, burst: 2}")
    keeper = FakeKeeper()
    app = app_of(keeper, Security(file))

    assert [ask(app, "/metrics").status_code for _ in range(3)] == [200, 200, 429]
    assert ask(app, "/-/healthy").status_code == 200
    assert keeper.rejected == ["rate_limited"]


@pytest.mark.parametrize(
    ("site", "status"), [("cross-site", 403), ("same-site", 403), ("same-origin", 200), (None, 200)]
)
def test_another_sites_form_cannot_reload(site: str | None, status: int) -> None:
    """A browser sends our credentials along with another site's form; it also says whose form it is."""
    keeper = FakeKeeper()

    answer = ask(app_of(keeper), "/-/reload", "POST", headers={"Sec-Fetch-Site": site} if site else {})

    assert status == answer.status_code
    assert keeper.reloads == (status == 200)


def test_a_crowd_is_refused_and_probes_are_not() -> None:
    """Beyond the limit requests are refused at once; a probe is answered, and when the crowd is gone all are."""
    keeper = FakeKeeper(hangs=True)
    app = Guard(create_app(keeper, Security()), keeper, Security(), at_work=2)

    async def crowd() -> list[int]:
        transport = httpx.ASGITransport(app)
        async with httpx.AsyncClient(transport=transport, base_url="http://keeper") as client:
            waiting = [asyncio.ensure_future(client.get("/metrics")) for _ in range(2)]
            await asyncio.to_thread(keeper.wait_until, lambda: len(keeper.deadlines) == 2)
            refused, healthy = await client.get("/metrics"), await client.get("/-/healthy")
            keeper.let_go()
            answered = await asyncio.gather(*waiting)
            return [one.status_code for one in (refused, healthy, *answered, await client.get("/metrics"))]

    assert asyncio.run(crowd()) == [503, 200, 200, 200, 200]
    assert keeper.rejected == ["busy"]


def test_a_stopping_server_says_so() -> None:
    """A request that outlasts the grace of a stopping server gets an answer, not a cut connection."""
    keeper = FakeKeeper(hangs=True)

    async def stopped() -> httpx.Response:
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app_of(keeper)), base_url="http://k") as client:
            request = asyncio.ensure_future(client.get("/metrics"))
            await asyncio.to_thread(keeper.wait_until, lambda: keeper.deadlines)
            request.cancel()
            return await request

    answer = asyncio.run(stopped())

    assert (answer.status_code, answer.text) == (503, "This service is stopping.\n")


def test_other_protocols_pass_through() -> None:
    """The guard judges requests only; what else the server says to the application is none of its business."""
    seen = []

    async def app(scope, receive, send):  # type: ignore[no-untyped-def]
        seen.append(scope["type"])

    asyncio.run(Guard(app, FakeKeeper(), Security())({"type": "lifespan"}, None, None))  # type: ignore[arg-type]

    assert seen == ["lifespan"]
