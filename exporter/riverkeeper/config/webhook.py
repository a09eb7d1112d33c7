"""The section `webhook`: who may wake the rescuer by an alert."""

from __future__ import annotations

from riverkeeper.config.option import Section, option
from riverkeeper.config.quantity import Duration, Size
from riverkeeper.config.values import FilePath


class Webhook(Section):
    """Where Alertmanager wakes the rescuer: `POST /webhook/alertmanager`."""

    token_file: FilePath | None = option(
        None,
        "A file that holds the bearer token of the webhook; read again when it changes. null: there is no webhook, "
        "and its address answers 404.",
        example="/run/secrets/webhook-token",
    )
    max_body: Size = option(
        "4MiB",
        "A longer message is refused.",
        least="64KiB",
        most="64MiB",
        why="an alert is about 1.5 KiB, and a message is held in memory whole",
        example="8MiB",
    )
    max_age: Duration = option(
        "1h",
        "An alert that began longer ago wakes nobody, and a wake that waited longer is given up.",
        least="5m",
        most="7d",
        why="shorter than Alertmanager's group_interval nothing would be tried twice; an old message may be a replay",
        example="6h",
    )
