"""Alert rules and Alertmanager's configuration, from the YAML templates in `alerts/`.

`<< … >>` is filled in here; `{{ … }}` belongs to Prometheus and Alertmanager and stays.
"""

from __future__ import annotations

import json

from jinja2 import Environment, PackageLoader, StrictUndefined

from riverkeeper.assets.annotations import Annotations
from riverkeeper.assets.selector import selected
from riverkeeper.assets.severity import severity
from riverkeeper.config.assets import AssetSettings

RULES = ("recording", "watcher", "river", "jobs", "rescuer")  # in the order of triage
RIVER_LABELS = ("job", "namespace", "cluster")  # tell one River from another; a label that nobody sets is equal
_HEAD = "# Written by `riverkeeper assets` from exporter/riverkeeper/assets/alerts/{name}.yml. Do not edit.\n"


def alerting_files(assets: AssetSettings) -> dict[str, str]:
    """The rule files and alertmanager.yml, by path."""
    files = {f"alerts/{name}.yml": selected(_rendered(name, assets), assets.selector) for name in RULES}
    return files | {"alerts/alertmanager.yml": _rendered("alertmanager", assets)}


def _rendered(name: str, assets: AssetSettings) -> str:
    environment = Environment(
        loader=PackageLoader("riverkeeper.assets", "alerts"),
        variable_start_string="<<",
        variable_end_string=">>",
        block_start_string="<%",
        block_end_string="%>",
        comment_start_string="<#",
        comment_end_string="#>",
        autoescape=False,  # noqa: S701  YAML, and what is put in is checked by the configuration
        undefined=StrictUndefined,
        keep_trailing_newline=True,
        trim_blocks=True,
    )
    annotations = Annotations(assets.keeper_url, assets.grafana_url, assets.runbooks_url)
    facts = {
        "replicas": ", ".join(assets.replica_labels),
        "river_labels": ", ".join(RIVER_LABELS),
        "links": annotations.links,
        "severity_of_wait": severity(assets.page_tiers, assets.quiet_tiers),
        "severity_of_tier": severity((), assets.quiet_tiers),
        "page_tiers": "|".join(assets.page_tiers),
        "quoted": json.dumps,
        "assets": assets,
    }
    return _HEAD.format(name=name) + environment.get_template(f"{name}.yml").render(facts)
