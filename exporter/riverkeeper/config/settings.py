"""The whole configuration: database, web, collection and webhook, beside the policy (`policy.py`)."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Self

from pydantic import model_validator

from riverkeeper.config.assets import AssetSettings
from riverkeeper.config.option import Section, option
from riverkeeper.config.policy import Policy
from riverkeeper.config.problem import mistake
from riverkeeper.config.quantity import Count, Duration, Size, Switch
from riverkeeper.config.values import (
    NAME_BYTES,
    ContainerName,
    DatabaseUrl,
    FilePath,
    HostNames,
    JobAddress,
    LabelSelector,
    ListenAddress,
    ListenAddresses,
    Namespaces,
    SchemaName,
)


@dataclass(frozen=True, slots=True)
class DatabaseSettings(Section):
    """The database with River's tables."""

    url: DatabaseUrl | None = option(
        None,
        "The database of River's tables: `postgresql://user:password@host/database` or libpq's `key=value` pairs. "
        "null: libpq's own `PG*` variables.",
        example="postgresql://riverkeeper:secret@db.example:5432/app",
        flag="--database-url",
        environment=("RIVERKEEPER_DATABASE_URL", "DATABASE_URL"),
    )
    url_file: FilePath | None = option(
        None,
        "A file that contains the URL, such as a mounted secret. Read at start and at every reload. Replaces `url`.",
        example="/run/secrets/database-url",
    )
    river_schema: SchemaName | None = option(
        None,
        "The schema of River's tables. null: the first schema of the login's search_path that has them.",
        example="jobs",
        flag="--river-schema",
        environment=("RIVERKEEPER_RIVER_SCHEMA",),
    )
    keeper_schema: SchemaName | None = option(
        None,
        "The schema of Riverkeeper's own tables. Each River schema needs one of its own. "
        "null: `riverkeeper`, or `<river_schema>_riverkeeper` if `river_schema` is set.",
        example="riverkeeper",
    )

    @property
    def effective_keeper_schema(self) -> str:
        """The schema of Riverkeeper's own tables, as set or as derived."""
        derived = f"{self.river_schema}_riverkeeper" if self.river_schema else "riverkeeper"
        return self.keeper_schema or derived

    @model_validator(mode="after")
    def _one_url(self) -> Self:
        if self.url is not None and self.url_file is not None:
            raise mistake("the URL is given twice, by url and by url_file", "remove one of them", "url_file")
        return self

    @model_validator(mode="after")
    def _schemas_of_their_own(self) -> Self:
        if self.keeper_schema is not None and self.keeper_schema == self.river_schema:
            fix = "name another schema: `riverkeeper schema uninstall` drops it"
            raise mistake("this is River's own schema", fix, "keeper_schema")
        if len(self.effective_keeper_schema.encode()) > NAME_BYTES:
            message = f"the name of the keeper schema, which is derived from it, is longer than {NAME_BYTES} bytes"
            raise mistake(message, "set database.keeper_schema", "river_schema")
        return self


@dataclass(frozen=True, slots=True)
class WebSettings(Section):
    """The HTTP server: metrics, pages and webhook."""

    listen_address: ListenAddresses = option(
        (ListenAddress("127.0.0.1", 9816),),
        "Addresses to listen on: `host:port`, `:port` (all interfaces) or `[::1]:port`.",
        example=["127.0.0.1:9816", "[::1]:9816"],
        flag="--web.listen-address",
    )
    config_file: FilePath | None = option(
        None,
        "A file with TLS, client certificates and users, in the format of Prometheus' exporter-toolkit. "
        "null: plain HTTP without users.",
        example="/etc/riverkeeper/web.yml",
        flag="--web.config.file",
    )
    allowed_hosts: HostNames = option(
        (),
        "More host names that requests may use while Riverkeeper listens on loopback only, for example the name that a "
        "proxy on this machine passes on. Other names are refused, because another site can make its own name resolve "
        "to 127.0.0.1.",
        example=["riverkeeper.example"],
    )
    river_ui_url: JobAddress | None = option(
        None,
        "The address of a job in River UI, with `{id}` in place of its id. A job's page links there. null: no links.",
        example="https://riverui.example/jobs/{id}",
    )


@dataclass(frozen=True, slots=True)
class CollectSettings(Section):
    """How River's tables are read."""

    min_interval: Duration = option(
        2.0,
        "Scrapes and the supervisor share one reading while it is younger than this. 0s: each reads the database.",
        least="0s",
        most="5m",
        why="an older reading shows jobs as running that ended long ago",
        example="5s",
    )
    late_window: Duration = option(
        600.0,
        "A finished job is counted if it becomes visible within this time after its `finalized_at`.",
        least="1m",
        most="24h",
        why="clocks of workers and open transactions can be minutes late; River deletes finished jobs after a day",
        example="30m",
    )
    max_pairs: Count = option(
        1000,
        'At most this many (queue, kind) pairs have series of their own. All others share `kind="other"`.',
        least=1,
        most=10_000,
        why="each pair adds dozens of series to every scrape",
        example=2000,
    )


@dataclass(frozen=True, slots=True)
class WebhookSettings(Section):
    """The webhook by which Alertmanager wakes the rescuer: `POST /webhook/alertmanager`."""

    token_file: FilePath | None = option(
        None,
        "A file that contains the bearer token of the webhook. Read again when it changes. null: there is no webhook, "
        "and its address answers 404.",
        example="/run/secrets/webhook-token",
    )
    max_body: Size = option(
        4 * 1024**2,
        "Longer messages are refused.",
        least="64KiB",
        most="64MiB",
        why="an alert has about 1.5 KiB, and the whole message is held in memory",
        example="8MiB",
    )
    max_age: Duration = option(
        3600.0,
        "An alert that began longer ago wakes nothing. A wake that has waited longer expires.",
        least="5m",
        most="7d",
        why="Alertmanager repeats an alert only after its group_interval; an old message may be a replay",
        example="6h",
    )


@dataclass(frozen=True, slots=True)
class KubernetesSettings(Section):
    """Proof from Kubernetes that the process of a worker has ended: its pod's status shows the end of its container.
    Riverkeeper needs the extra `riverkeeper[kubernetes]`, and the rights `get`, `list` and `watch` on pods.
    """

    enabled: Switch = option(False, "Whether pods are watched.", example=True)
    namespaces: Namespaces = option(
        (),
        "The namespaces of the workers. Empty: Riverkeeper's own, or that of the kubeconfig's context.",
        example=["jobs"],
    )
    label_selector: LabelSelector | None = option(
        None,
        "Only pods with these labels, as `kubectl get pods --selector` takes them. null: all.",
        example="app=worker",
    )
    container: ContainerName | None = option(
        None,
        "The container that runs the worker. null: each container of a pod may, so that all of them must have ended.",
        example="worker",
    )
    kubeconfig: FilePath | None = option(
        None, "A kubeconfig. null: the service account of Riverkeeper's pod.", example="/etc/riverkeeper/kubeconfig"
    )


@dataclass(frozen=True)
class Surroundings(Section):
    """The sections that no verdict and no brake depends on."""

    database: DatabaseSettings = field(default_factory=DatabaseSettings)
    web: WebSettings = field(default_factory=WebSettings)
    collect: CollectSettings = field(default_factory=CollectSettings)
    webhook: WebhookSettings = field(default_factory=WebhookSettings)
    kubernetes: KubernetesSettings = field(default_factory=KubernetesSettings)
    assets: AssetSettings = field(default_factory=AssetSettings)


@dataclass(frozen=True)
class Settings(Policy, Surroundings):
    """The whole configuration. In the documentation the sections of the last base come first."""
