"""What `riverkeeper assets` must know of the place its files are for."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Annotated

from pydantic import AfterValidator, BeforeValidator

from riverkeeper.config.option import Section, option
from riverkeeper.config.problem import mistake, quote
from riverkeeper.config.quantity import Duration
from riverkeeper.config.values import path_text

_LABEL = re.compile(r"[a-zA-Z_][a-zA-Z0-9_]*")
_TIER = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]*")
_MATCHER = r'[a-zA-Z_][a-zA-Z0-9_]*(=|!=|=~|!~)"[^"\\\n]*"'
_MATCHERS = re.compile(f"{_MATCHER}(, ?{_MATCHER})*")
_ADDRESS = re.compile(r"https?://[^\s\"'<>\\]+")


def _web_address(text: str) -> str:
    if not _ADDRESS.fullmatch(text) or re.search(r"//[^/]*@", text):
        raise mistake(f"{quote(text)} is not a web address", "write http://host:port or https://host; no password")
    return text.rstrip("/")


def _matchers(text: str) -> str:
    if text and not _MATCHERS.fullmatch(text):
        raise mistake(f"{quote(text)} are not label matchers", 'write such as job="orders-river", without braces')
    return text


def _labels(names: tuple[str, ...]) -> tuple[str, ...]:
    for name in names:
        if not _LABEL.fullmatch(name):
            raise mistake(f"{quote(name)} is not the name of a label", "write letters, digits and underscores")
    if "job" in names or not names:
        raise mistake("replicas differ in a label other than job, which tells Rivers apart", "write [instance]")
    return names


def _tiers(names: tuple[str, ...]) -> tuple[str, ...]:
    for name in names:
        if not _TIER.fullmatch(name):
            raise mistake(f"{quote(name)} is not the name of a tier", "write letters, digits, - and _")
    return names


WebAddress = Annotated[str, AfterValidator(_web_address)]
Matchers = Annotated[str, AfterValidator(_matchers)]
LabelNames = Annotated[tuple[str, ...], AfterValidator(_labels)]
DistantPath = Annotated[str, BeforeValidator(path_text)]  # on another machine: never made absolute
TierNames = Annotated[tuple[str, ...], AfterValidator(_tiers)]


@dataclass(frozen=True, slots=True)
class AssetSettings(Section):
    """What `riverkeeper assets` puts into rules, dashboards and manifests."""

    keeper_url: WebAddress = option(
        "http://localhost:9816",
        "Where a browser reaches the keeper: alerts link to its pages.",
        example="https://riverkeeper.example",
    )
    grafana_url: WebAddress = option(
        "http://localhost:3000",
        "Where a browser reaches Grafana: alerts link to its dashboards.",
        example="https://grafana.example",
    )
    runbooks_url: WebAddress = option(
        "https://github.com/riverkeeper/riverkeeper/blob/main/docs/runbooks",
        "The folder of the runbooks; each alert links to its page `<Alert>.md`.",
        example="https://wiki.example/riverkeeper",
    )
    selector: Matchers = option(
        "",
        "Label matchers that every rule is narrowed by; empty: rules serve all Rivers at once, by `job`.",
        example='job="orders-river"',
    )
    replica_labels: LabelNames = option(
        ("instance", "pod"),
        "Labels in which the replicas of one keeper differ: facts are taken once over them, acts are summed.",
        example=["instance", "pod", "node"],
    )
    page_tiers: TierNames = option(
        ("urgent",),
        "Tiers in which a wait over its limit pages.",
        example=["urgent", "payments"],
    )
    quiet_tiers: TierNames = option(
        ("patient", "bulk"),
        "Tiers whose alerts are for information only.",
        example=["bulk"],
    )
    finished_retention: Duration = option(
        86400.0,
        "How long River's clients keep completed and cancelled jobs (CompletedJobRetentionPeriod); a day more is late.",
        least="1m",
        most="3650d",
        why="an alert on the cleaner compares with it",
        example="48h",
    )
    discarded_retention: Duration = option(
        604_800.0,
        "How long River's clients keep discarded jobs (DiscardedJobRetentionPeriod); a day more is late.",
        least="1m",
        most="3650d",
        why="an alert on the cleaner compares with it",
        example="30d",
    )
    webhook_url: WebAddress = option(
        "http://riverkeeper:9816/webhook/alertmanager",
        "Where Alertmanager reaches the keeper's webhook.",
        example="https://riverkeeper.internal/webhook/alertmanager",
    )
    webhook_token_file: DistantPath = option(
        "/etc/alertmanager/secrets/riverkeeper-token",
        "Where Alertmanager finds the token of the webhook, as a file on its own disk.",
        example="/run/secrets/riverkeeper-token",
    )
