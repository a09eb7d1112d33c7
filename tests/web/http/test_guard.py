"""Who is let in, what is counted, and that probes are never kept out."""

from __future__ import annotations

import asyncio
from pathlib import Path

import httpx
import pytest
from structlog.testing import capture_logs

from fixtures.web import FakeService, app_of, ask, hashed, replace_file
from riverkeeper.web.app import create_app
from riverkeeper.web.http.guard import Guard
from riverkeeper.web.http.hosts import Hosts, allowed_hosts
from riverkeeper.web.web_config.security import Security

ALICE = ("alice", "right")


@pytest.fixture
def file(tmp_path: Path) -> Path:
    file = tmp_path / "web.yml"
    file.write_text(f"basic_auth_users:\n  alice: {hashed('right')}\n")
    return file


def test_users_need_their_password(file: Path) -> None:
    """With users in the file every page needs one of them; the answer shows how to identify oneself."""
    service = FakeService()
    app = app_of(service, Security(file))

    without, wrong, right = (ask(app, "/metrics", auth=auth) for auth in (None, ("alice", "guess"), ALICE))

    assert (without.status_code, wrong.status_code, right.status_code) == (401, 401, 200)
    assert without.headers["www-authenticate"] == 'Basic realm="riverkeeper", charset="UTF-8"'
    assert service.rejected == ["no_credentials", "wrong_credentials"]
    assert len(service.deadlines) == 1


@pytest.mark.parametrize(
    ("method", "path"),
    [("GET", "/"), ("GET", "/failing"), ("GET", "/static/style.css"), ("POST", "/-/reload"), ("GET", "/nowhere")],
)
def test_everything_needs_credentials(file: Path, method: str, path: str) -> None:
    """No page, no file, no act and no "not found" without them."""
    service = FakeService()

    assert ask(app_of(service, Security(file)), path, method).status_code == 401
    assert service.reloads == 0


@pytest.mark.parametrize("path", ["/-/healthy", "/-/ready"])
@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_probes_need_none(file: Path, path: str, method: str) -> None:
    """A probe has no password; wrong ones in its request do not matter either."""
    app = app_of(FakeService(), Security(file))

    assert ask(app, path, method).status_code == 200
    assert ask(app, path, method, auth=("x", "y")).status_code == 200


@pytest.mark.parametrize("path", ["/-/healthy/", "/-/healthy%0A", "/-/HEALTHY", "/-/healthy/../reload", "/-//healthy"])
def test_only_probes_are_exempt(file: Path, path: str) -> None:
    """The exemption is for two exact addresses, however another is spelled."""
    assert ask(app_of(FakeService(), Security(file)), path).status_code == 401


def test_a_changed_file_holds_from_the_next_request_on(file: Path) -> None:
    """A user who was taken out of the file is out, without a restart and whatever was remembered."""
    app = app_of(FakeService(), Security(file))
    assert ask(app, "/metrics", auth=ALICE).status_code == 200

    replace_file(file, f"basic_auth_users: {{bob: {hashed('new')}}}")

    assert ask(app, "/metrics", auth=ALICE).status_code == 401
    assert ask(app, "/metrics", auth=("bob", "new")).status_code == 200


def test_a_broken_file_keeps_the_one_before_and_is_logged_once(file: Path) -> None:
    """A slip of the pen neither opens the service nor locks everybody out, and does not fill the log."""
    security = Security(file)
    app = app_of(FakeService(), security)

    with capture_logs() as log:
        replace_file(file, "basic_auth_users: {alice: typo}")
        assert [ask(app, "/metrics", auth=ALICE).status_code for _ in range(3)] == [200] * 3
        assert ask(app, "/metrics").status_code == 401
    assert [entry["log_level"] for entry in log] == ["error"]
    assert "is not a bcrypt hash" in log[0]["reason"]

    replace_file(file, f"basic_auth_users: {{bob: {hashed('right')}}}")
    assert ask(app, "/metrics", auth=ALICE).status_code == 401
    assert ask(app, "/metrics", auth=("bob", "right")).status_code == 200
    assert security.problem is None


USERS = f"basic_auth_users: {{alice: {hashed('right')}}}\n"


@pytest.mark.parametrize(
    ("before", "after", "lost"),
    [
        (USERS, "", "basic_auth_users"),
        (USERS, "basic_auth_users: {}", "basic_auth_users"),
        (f"{USERS}rate_limit: {{interval: 1ms, burst: 100}}", USERS, "rate_limit"),
    ],
    ids=["emptied", "no users", "no rate limit"],
)
def test_a_file_that_shrank_opens_nothing(tmp_path: Path, before: str, after: str, lost: str) -> None:
    """Emptied, or cut in the middle while it is written: the protection of before stays, and it is logged once."""
    file = tmp_path / "web.yml"
    file.write_text(before)
    security = Security(file)
    app = app_of(FakeService(), security)
    with capture_logs() as log:
        file.write_text(after)
        assert [ask(app, "/metrics").status_code for _ in range(3)] == [401] * 3

    assert ask(app, "/metrics", auth=ALICE).status_code == 200
    assert f"no longer has {lost} (write it again, or restart Riverkeeper to run without it)" in (
        security.problem or ""
    )
    assert [entry["log_level"] for entry in log] == ["error"]


OWN, FOREIGN = {"host": "keeper:9816"}, "https://evil.example"


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({}, 200),  # curl
        ({"origin": "http://keeper:9816"}, 200),
        ({"origin": "http://KEEPER:9816"}, 200),
        ({"origin": FOREIGN}, 403),
        ({"origin": "null"}, 403),
        ({"origin": "http://keeper"}, 403),
        ({"origin": f"{FOREIGN}:9816"}, 403),
        ({"sec-fetch-site": "cross-site", "origin": "http://keeper:9816"}, 403),
        ({"sec-fetch-site": "same-origin", "origin": "http://keeper:9816"}, 200),
    ],
)
@pytest.mark.parametrize("path", ["/-/reload", "/webhook/alertmanager"])
def test_another_site_s_page_changes_nothing(path: str, headers: dict[str, str], status: int) -> None:
    """Whether its browser sends Sec-Fetch-Site or, as on plain HTTP, Origin alone."""
    service = FakeService()
    answer = ask(app_of(service), path, "POST", OWN | headers)

    assert answer.status_code == (404 if path != "/-/reload" and status == 200 else status)
    assert service.reloads == (path == "/-/reload" and status == 200)


def test_the_default_port_may_be_left_out() -> None:
    """Behind a proxy that ends TLS, Origin names https and Host no port."""
    headers = {"host": "keeper.example", "origin": "https://keeper.example:443"}

    assert ask(app_of(FakeService()), "/-/reload", "POST", headers).status_code == 200


@pytest.mark.parametrize(
    ("host", "status"),
    [
        ("localhost:9816", 200), ("127.0.0.1:9816", 200), ("127.1.2.3", 200), ("[::1]:9816", 200), ("LOCALHOST", 200),
        ("me.localhost:9816", 200), ("proxied.example", 200), ("box:9816", 200),
        ("evil.example:9816", 421), ("localhost.evil.example", 421), ("127.0.0.1.evil.example", 421), ("10.0.0.1", 421),
    ],
)  # fmt: skip
def test_on_loopback_a_request_must_name_an_allowed_host(host: str, status: int) -> None:
    """A foreign name that was made to resolve to 127.0.0.1 reads nothing; probes are answered all the same."""
    hosts = Hosts(frozenset({"box", "proxied.example"}))
    service = FakeService()
    app = create_app(service, Security(), hosts=hosts)

    assert ask(app, "/failing.json", headers={"host": host}).status_code == status
    assert ask(app, "/-/healthy", headers={"host": host}).status_code == 200
    assert service.rejected == ([] if status == 200 else ["wrong_host"])


def test_host_names_are_checked_on_loopback_alone() -> None:
    """A server that others reach has names that we cannot know."""
    assert allowed_hosts(["127.0.0.1", "::1"], ["Proxied.example"]).names == frozenset(
        {"127.0.0.1", "::1", "proxied.example"}
    )
    assert allowed_hosts(["127.0.0.1", "10.0.0.1"], []).names is None
    assert allowed_hosts([""], []).names is None


def test_a_vanished_file_keeps_the_one_before(file: Path) -> None:
    """Kubernetes swaps whole folders: a file that is away for a moment changes nothing."""
    security = Security(file)
    app = app_of(FakeService(), security)

    file.unlink()

    assert ask(app, "/metrics").status_code == 401
    assert ask(app, "/metrics", auth=ALICE).status_code == 200
    assert "cannot be read" in (security.problem or "")


def test_own_headers_replace_ours(tmp_path: Path) -> None:
    """http_server_config.headers wins over Riverkeeper's own headers; an empty value takes a header away."""
    file = tmp_path / "web.yml"
    file.write_text(
        "http_server_config: {headers: {X-Frame-Options: deny, Content-Security-Policy: '', "
        "Strict-Transport-Security: max-age=1}}"
    )

    headers = ask(app_of(FakeService(), Security(file)), "/").headers

    assert headers["x-frame-options"] == "deny"
    assert headers["strict-transport-security"] == "max-age=1"
    assert "content-security-policy" not in headers
    assert headers["x-content-type-options"] == "nosniff"


def test_rate_limit(tmp_path: Path) -> None:
    """rate_limit refuses what is too much, counts it, and exempts probes."""
    file = tmp_path / "web.yml"
    file.write_text("rate_limit: {interval: 1h, burst: 2}")
    service = FakeService()
    app = app_of(service, Security(file))

    assert [ask(app, "/metrics").status_code for _ in range(3)] == [200, 200, 429]
    assert ask(app, "/-/healthy").status_code == 200
    assert service.rejected == ["rate_limited"]


@pytest.mark.parametrize(
    ("site", "status"), [("cross-site", 403), ("same-site", 403), ("same-origin", 200), (None, 200)]
)
def test_another_sites_form_cannot_reload(site: str | None, status: int) -> None:
    """A browser sends our credentials along with another site's form; it also sends whose form it is."""
    service = FakeService()

    answer = ask(app_of(service), "/-/reload", "POST", headers={"Sec-Fetch-Site": site} if site else {})

    assert status == answer.status_code
    assert service.reloads == (status == 200)


def test_a_crowd_is_refused_and_probes_are_not() -> None:
    """Beyond the limit requests are refused at once; a probe is answered, and when the crowd is gone all are."""
    service = FakeService(hangs=True)
    app = Guard(create_app(service, Security()), service, Security(), at_work=2)

    async def crowd() -> list[int]:
        transport = httpx.ASGITransport(app)
        async with httpx.AsyncClient(transport=transport, base_url="http://keeper") as client:
            waiting = [asyncio.ensure_future(client.get("/metrics")) for _ in range(2)]
            await asyncio.to_thread(service.wait_until, lambda: len(service.deadlines) == 2)
            refused, healthy = await client.get("/metrics"), await client.get("/-/healthy")
            service.let_go()
            answered = await asyncio.gather(*waiting)
            return [response.status_code for response in (refused, healthy, *answered, await client.get("/metrics"))]

    assert asyncio.run(crowd()) == [503, 200, 200, 200, 200]
    assert service.rejected == ["busy"]


def test_a_stopping_server_is_not_ready() -> None:
    """A request that outlasts the grace of a stopping server gets an answer, not a cut connection."""
    service = FakeService(hangs=True)

    async def stopped() -> httpx.Response:
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app_of(service)), base_url="http://k") as client:
            request = asyncio.ensure_future(client.get("/metrics"))
            await asyncio.to_thread(service.wait_until, lambda: service.deadlines)
            request.cancel()
            return await request

    answer = asyncio.run(stopped())

    assert (answer.status_code, answer.text) == (503, "Riverkeeper is stopping.\n")


def test_other_protocols_pass_through() -> None:
    """The guard judges requests only; what else the server sends to the application is none of its business."""
    seen = []

    async def app(scope, receive, send):  # type: ignore[no-untyped-def]
        seen.append(scope["type"])

    asyncio.run(Guard(app, FakeService(), Security())({"type": "lifespan"}, None, None))  # type: ignore[arg-type]

    assert seen == ["lifespan"]
