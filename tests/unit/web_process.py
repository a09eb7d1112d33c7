"""A program for the tests of signals: serves a keeper that never answers a scrape, and tells what happens to it."""

from __future__ import annotations

import asyncio

from riverkeeper.web.app import create_app
from riverkeeper.web.http.addresses import listen
from riverkeeper.web.http.server import serve
from riverkeeper.web.web_config.security import Security
from unit.web_fakes import FakeKeeper


class TellingKeeper(FakeKeeper):
    """Says aloud when it is reloaded."""

    async def reload(self) -> str | None:
        print("reloaded", flush=True)  # noqa: T201
        return await super().reload()


async def main() -> None:
    keeper, security = TellingKeeper(hangs=True), Security()
    sockets = listen(["127.0.0.1:0"])
    print(sockets[0].getsockname()[1], flush=True)  # noqa: T201
    await serve(create_app(keeper, security), sockets, keeper, security)
    print("cleaned up", flush=True)  # noqa: T201


if __name__ == "__main__":
    asyncio.run(main())
