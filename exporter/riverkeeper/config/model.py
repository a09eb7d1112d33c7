"""What may be set: every section and option, each described once."""

from __future__ import annotations

from typing import Self

from pydantic import model_validator

from riverkeeper.config.assets import Assets
from riverkeeper.config.option import Section, option
from riverkeeper.config.problem import wrong
from riverkeeper.config.quantity import Duration
from riverkeeper.config.rescue import Rescue
from riverkeeper.config.tiers import LearnedLimits, Rules, Tiers
from riverkeeper.config.values import (
    NAME_BYTES,
    Count,
    DatabaseUrl,
    FilePath,
    HostNames,
    JobAddress,
    ListenAddresses,
    SchemaName,
)
from riverkeeper.config.webhook import Webhook


class Database(Section):
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


class Web(Section):
    """What is served over HTTP."""

    listen_address: ListenAddresses = option(
        ("127.0.0.1:9816",),
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


class Collect(Section):
    """How the job table is read."""

    min_interval: Duration = option(
        "2s",
        "Scrapes and the supervisor share one snapshot while it is younger than this; 0s: each reads afresh.",
        least="0s",
        most="5m",
        why="an older snapshot shows jobs as running that ended long ago",
        example="5s",
    )
    late_window: Duration = option(
        "10m",
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


class Heartbeat(Section):
    """How workers prove that they live."""

    metadata_interval: Duration = option(
        "30s",
        "How often workers that beat by `metadata.health_check_at` write it.",
        least="1s",
        most="1h",
        why="after an hour River's own rescuer takes the job",
        example="1m",
    )


class Settings(Section):
    """The whole configuration."""

    database: Database = Database()
    web: Web = Web()
    collect: Collect = Collect()
    heartbeat: Heartbeat = Heartbeat()
    webhook: Webhook = Webhook()
    assets: Assets = Assets()
    tiers: Tiers = {}  # noqa: RUF012 - validated into a new mapping for each
    assign: Rules = ()
    learned_limits: LearnedLimits = LearnedLimits()
    rescue: Rescue = Rescue()
