"""The whole configuration: what Riverkeeper reads, serves and is called by, beside what it goes by (`policy.py`)."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Self

from pydantic import model_validator

from riverkeeper.config.assets import AssetSettings
from riverkeeper.config.option import Section, option
from riverkeeper.config.policy import Policy
from riverkeeper.config.problem import wrong
from riverkeeper.config.quantity import Count, Duration, Size
from riverkeeper.config.values import (
    NAME_BYTES,
    DatabaseUrl,
    FilePath,
    HostNames,
    JobAddress,
    ListenAddress,
    ListenAddresses,
    SchemaName,
)


@dataclass(frozen=True, slots=True)
class DatabaseSettings(Section):
    """Where the jobs are."""

    url: DatabaseUrl | None = option(
        None,
        "Where River's tables are: `postgresql://user:password@host:5432/database` or libpq's `key=value` pairs. "
        "null: libpq's own `PG*` variables.",
        example="postgresql://riverkeeper:secret@db.example:5432/app",
        flag="--database-url",
        environment=("RIVERKEEPER_DATABASE_URL", "DATABASE_URL"),
    )
    url_file: FilePath | None = option(
        None,
        "A file that holds the URL, as a mounted secret does; read at start and at every reload. Instead of `url`.",
        example="/run/secrets/database-url",
    )
    river_schema: SchemaName | None = option(
        None,
        "The schema of River's tables. null: the one the login's search_path finds.",
        example="jobs",
        flag="--river-schema",
        environment=("RIVERKEEPER_RIVER_SCHEMA",),
    )
    keeper_schema: SchemaName | None = option(
        None,
        "The schema of Riverkeeper's own tables, one for each River schema. "
        "null: `riverkeeper`, or `<river_schema>_riverkeeper` where a River schema is named.",
        example="riverkeeper",
    )

    @property
    def effective_keeper_schema(self) -> str:
        """The schema of our own tables, named or derived."""
        derived = f"{self.river_schema}_riverkeeper" if self.river_schema else "riverkeeper"
        return self.keeper_schema or derived

    @model_validator(mode="after")
    def _one_url(self) -> Self:
        if self.url is not None and self.url_file is not None:
            raise wrong("the URL is given twice, by url and by url_file", "keep one of the two", "url_file")
        return self

    @model_validator(mode="after")
    def _schemas_of_their_own(self) -> Self:
        if self.keeper_schema is not None and self.keeper_schema == self.river_schema:
            cure = "name another: our tables come and go without River's"
            raise wrong("this is River's schema", cure, "keeper_schema")
        if len(self.effective_keeper_schema.encode()) > NAME_BYTES:
            what = f"the keeper schema named after it would be longer than {NAME_BYTES} bytes"
            raise wrong(what, "name one in database.keeper_schema", "river_schema")
        return self


@dataclass(frozen=True, slots=True)
class WebSettings(Section):
    """What is served over HTTP."""

    listen_address: ListenAddresses = option(
        (ListenAddress("127.0.0.1", 9816),),
        "Addresses to serve on: `host:port`, `:port` (all interfaces) or `[::1]:port`.",
        example=["127.0.0.1:9816", "[::1]:9816"],
        flag="--web.listen-address",
    )
    config_file: FilePath | None = option(
        None,
        "TLS, client certificates and users, in the format of Prometheus' exporter-toolkit. "
        "null: plain HTTP, no users.",
        example="/etc/riverkeeper/web.yml",
        flag="--web.config.file",
    )
    allowed_hosts: HostNames = option(
        (),
        "Host names that requests may use beside loopback's own, while every listen address is on loopback: those that "
        "a proxy on this machine passes on. Another name is refused: the page of another site may have it resolve to "
        "127.0.0.1.",
        example=["riverkeeper.example"],
    )
    river_ui_url: JobAddress | None = option(
        None,
        "A job's address in River UI, with `{id}` for its id: ids on the pages then lead there. null: no links.",
        example="https://riverui.example/jobs/{id}",
    )


@dataclass(frozen=True, slots=True)
class CollectSettings(Section):
    """How the job table is read."""

    min_interval: Duration = option(
        2.0,
        "Scrapes and the supervisor share one snapshot while it is younger than this; 0s: each reads afresh.",
        least="0s",
        most="5m",
        why="an older snapshot shows jobs as running that ended long ago",
        example="5s",
    )
    late_window: Duration = option(
        600.0,
        "How long after its `finalized_at` a finished job may become visible and still be counted.",
        least="1m",
        most="24h",
        why="workers' clocks and open transactions are late by up to minutes; River deletes finished jobs after a day",
        example="30m",
    )
    max_pairs: Count = option(
        1000,
        'This many (queue, kind) pairs have series of their own; the others are folded to `kind="other"`.',
        least=1,
        most=10_000,
        why="every pair is dozens of series in each scrape",
        example=2000,
    )


@dataclass(frozen=True, slots=True)
class WebhookSettings(Section):
    """Where Alertmanager wakes the rescuer: `POST /webhook/alertmanager`."""

    token_file: FilePath | None = option(
        None,
        "A file that holds the bearer token of the webhook; read again when it changes. null: there is no webhook, "
        "and its address answers 404.",
        example="/run/secrets/webhook-token",
    )
    max_body: Size = option(
        4 * 1024**2,
        "A longer message is refused.",
        least="64KiB",
        most="64MiB",
        why="an alert is about 1.5 KiB, and a message is held in memory whole",
        example="8MiB",
    )
    max_age: Duration = option(
        3600.0,
        "An alert that began longer ago wakes nobody, and a wake that waited longer is given up.",
        least="5m",
        most="7d",
        why="shorter than Alertmanager's group_interval nothing would be tried twice; an old message may be a replay",
        example="6h",
    )


@dataclass(frozen=True)
class Surroundings(Section):
    """The sections that say what Riverkeeper reads, serves and is called by."""

    database: DatabaseSettings = field(default_factory=DatabaseSettings)
    web: WebSettings = field(default_factory=WebSettings)
    collect: CollectSettings = field(default_factory=CollectSettings)
    webhook: WebhookSettings = field(default_factory=WebhookSettings)
    assets: AssetSettings = field(default_factory=AssetSettings)


@dataclass(frozen=True)
class Settings(Policy, Surroundings):
    """The whole configuration. In the documentation the sections of the last base come first."""
