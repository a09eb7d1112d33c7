"""Section `assets`: what `riverkeeper assets` writes into rules, dashboards and manifests."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Annotated

from pydantic import AfterValidator, BeforeValidator

from riverkeeper.config.option import Section, option
from riverkeeper.config.problem import mistake, quote
from riverkeeper.config.quantity import Duration, Switch
from riverkeeper.config.tiers import TierName
from riverkeeper.config.values import path_text

RIVER_LABELS = ("job", "namespace", "cluster")  # keep Rivers apart; a label that nobody sets is equal
LEAST_OBJECTIVE = 0.95  # the alert pages at 14.4 times the budget, which must stay well below all jobs
_LABEL = re.compile(r"[a-zA-Z_][a-zA-Z0-9_]*")
_MATCHER = r'[a-zA-Z_][a-zA-Z0-9_]*(=|!=|=~|!~)"[^"\\\n]*"'
_MATCHERS = re.compile(f"{_MATCHER}(, ?{_MATCHER})*")
_ADDRESS = re.compile(r"https?://[^\s\"'<>\\]+")


def _web_address(text: str) -> str:
    if not _ADDRESS.fullmatch(text) or re.search(r"//[^/]*@", text):
        raise mistake(f"{quote(text)} is not a web address", "write http://host:port or https://host; no password")
    return text.rstrip("/")


def _matchers(text: str) -> str:
    if text and not _MATCHERS.fullmatch(text):
        raise mistake(f"{quote(text)} are not label matchers", 'write for example job="orders-river", without braces')
    return text


def _labels(names: tuple[str, ...]) -> tuple[str, ...]:
    for name in names:
        if not _LABEL.fullmatch(name):
            raise mistake(f"{quote(name)} is not the name of a label", "write letters, digits and underscores")
    if not names:
        raise mistake("is an empty list", "write the label in which replicas differ, for example [instance]")
    if of_rivers := [name for name in names if name in RIVER_LABELS]:
        raise mistake(
            f"{' and '.join(of_rivers)} keeps Rivers apart, and is the same for all replicas of one",
            "write for example [instance]",
        )
    return names


def _job_names(names: tuple[str, ...]) -> tuple[str, ...]:
    for name in names:
        # What a connection string has is refused: rules and errors show these names.
        if not re.fullmatch(r"[\w ./:+-]+", name) or "://" in name:
            raise mistake(f"{quote(name)} is not the name of a scrape job", "write it as in Prometheus' scrape_configs")
    return names


def _objectives(shares: dict[str, float]) -> dict[str, float]:
    for tier, share in shares.items():
        if not LEAST_OBJECTIVE <= share < 1:
            raise mistake(
                f"{share} of tier {tier} is not between {LEAST_OBJECTIVE} and 1",
                f"write for example 0.99: below {LEAST_OBJECTIVE} an hour in which every job fails does not page, "
                "and 1 leaves no budget",
            )
    return shares


WebAddress = Annotated[str, AfterValidator(_web_address)]
Matchers = Annotated[str, AfterValidator(_matchers)]
LabelNames = Annotated[tuple[str, ...], AfterValidator(_labels)]
DistantPath = Annotated[str, BeforeValidator(path_text)]  # on another machine: never made absolute
TierNames = tuple[TierName, ...]
Jobs = Annotated[tuple[str, ...], AfterValidator(_job_names)]
Objectives = Annotated[dict[TierName, float], AfterValidator(_objectives)]


@dataclass(frozen=True, slots=True)
class AssetSettings(Section):
    """Values that `riverkeeper assets` writes into rules, dashboards and manifests."""

    keeper_url: WebAddress | None = option(
        None,
        "The address of Riverkeeper for a browser. Alerts and dashboards link to its pages, if it is set.",
        example="https://riverkeeper.example",
    )
    grafana_url: WebAddress | None = option(
        None,
        "The address of Grafana for a browser. Alerts link to its dashboards, if it is set.",
        example="https://grafana.example",
    )
    runbooks_url: WebAddress = option(
        "https://github.com/riverkeeper/riverkeeper/blob/main/docs/runbooks",
        "The folder of the runbooks. Each alert links to its page `<Alert>.md`.",
        example="https://wiki.example/riverkeeper",
    )
    selector: Matchers = option(
        "",
        "Label matchers that are added to every rule. Empty: the rules serve all Rivers, by `job`.",
        example='job="orders-river"',
    )
    replica_labels: LabelNames = option(
        ("instance", "pod"),
        "Labels in which the replicas of one Riverkeeper differ. Rules aggregate over them.",
        example=["instance", "pod", "node"],
    )
    rivers: Jobs = option(
        (),
        "The scrape jobs of all Rivers that should exist. RiverNotWatched fires for each of them that has no data in "
        "Prometheus. Empty: it fires if no River has data, and for each River that had data within 30 days.",
        example=["orders", "mail"],
    )
    page_tiers: TierNames = option(
        ("urgent", "standard"),
        "Tiers whose alerts page the operator on call (severity critical).",
        example=["urgent", "payments"],
    )
    quiet_tiers: TierNames = option(
        ("patient", "bulk"),
        "Tiers whose alerts only inform (severity info).",
        example=["bulk"],
    )
    wait_objectives: Objectives | None = option(
        None,
        "The share of a tier's jobs that should start within the tier's `max_wait`. Tiers that are not named have "
        "0.99. null: all tiers have 0.99.",
        example={"urgent": 0.999},
    )
    loss_objectives: Objectives | None = option(
        None,
        "The share of a tier's finished jobs that should be completed, and not discarded. Tiers that are not named "
        "have 0.99. null: all tiers have 0.99.",
        example={"urgent": 0.999},
    )
    scale_to_zero: Switch = option(
        False,
        "Whether a River without workers is normal while no job is due. RiverNoWorkers then fires only while a job is "
        "due.",
        example=True,
    )
    finished_retention: Duration = option(
        86400.0,
        "How long River keeps completed and cancelled jobs (CompletedJobRetentionPeriod). An alert fires a day later.",
        least="1m",
        most="3650d",
        why="the alert on River's cleaner compares with it",
        example="48h",
    )
    discarded_retention: Duration = option(
        604_800.0,
        "How long River keeps discarded jobs (DiscardedJobRetentionPeriod). An alert fires a day later.",
        least="1m",
        most="3650d",
        why="the alert on River's cleaner compares with it",
        example="30d",
    )
    webhook_url: WebAddress = option(
        "http://riverkeeper:9816/webhook/alertmanager",
        "The address of Riverkeeper's webhook for Alertmanager.",
        example="https://riverkeeper.internal/webhook/alertmanager",
    )
    webhook_token_file: DistantPath = option(
        "/etc/alertmanager/secrets/riverkeeper-token",
        "The file with the token of the webhook, on Alertmanager's own disk.",
        example="/run/secrets/riverkeeper-token",
    )
