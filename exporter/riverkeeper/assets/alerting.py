"""Alert rules, Alertmanager's configuration and its messages, from the templates in `alerts/`.

`<< … >>` is filled in here. `{{ … }}` belongs to Prometheus and Alertmanager and stays.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from importlib.resources import files
from pathlib import PurePosixPath

from jinja2 import Environment, PackageLoader, StrictUndefined

from riverkeeper.config.assets import RIVER_LABELS, AssetSettings
from riverkeeper.dashboards.parts.scope import KIND, OVERVIEW, RESCUE

RULES = ("recording", "pages", "tickets", "riverkeeper")  # in the order of triage
BOARDS = {"overview": OVERVIEW, "kind": KIND, "liveness": RESCUE}
_BOARD_VARIABLES = ("queue", "kind")  # of the boards, beside job
_INDENT = " " * 10  # of an annotation in a rule file
_HEAD = "# Written by `riverkeeper assets` from exporter/riverkeeper/assets/alerts/{name}.yml. Do not edit.\n"
# A metric of Riverkeeper, or a recorded one (level:metric:operations); labels such as river_schema are neither.
_METRIC = re.compile(r"(?<![\w:])((?:[a-z_]+:)?river(?:keeper)?_(?!schema\b)[a-z0-9_]+(?::[a-z0-9_]+)?)(?![\w:])(\{)?")
_EXPRESSION = re.compile(r"^(?P<indent> *)(?:- )?expr:")


def alerting_files(assets: AssetSettings) -> dict[str, str]:
    """The rule files, alertmanager.yml and the templates of its messages, by path."""
    rules = {f"alerts/{name}.yml": select_river(_fill_in(name, assets), assets.selector) for name in RULES}
    messages = files("riverkeeper.assets").joinpath("alerts", "riverkeeper.tmpl").read_text(encoding="utf-8")
    return rules | {
        "alerts/alertmanager.yml": _fill_in("alertmanager", assets),
        "alerts/riverkeeper.tmpl": messages,
    }


def _fill_in(name: str, assets: AssetSettings) -> str:
    return _HEAD.format(name=name) + _TEMPLATES.get_template(f"{name}.yml").render(_values(assets))


_TEMPLATES = Environment(
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


def _values(assets: AssetSettings) -> Mapping[str, object]:
    """What a template may name between << and >>."""

    def links(alert: str, board: str, page: str = "", labels: Sequence[str] = ()) -> str:
        return write_links(assets, alert, board, page, labels)

    return {
        "replicas": ", ".join(assets.replica_labels),
        "river_labels": ", ".join(RIVER_LABELS),
        "links": links,
        "severity_of_tier": severity(assets.page_tiers, assets.quiet_tiers),
        "severity_of_slow": severity((), assets.quiet_tiers),
        "secrets": PurePosixPath(assets.webhook_token_file).parent,
        "quoted": json.dumps,
        "assets": assets,
    }


def severity(page_tiers: Sequence[str], quiet_tiers: Sequence[str]) -> str:
    """A label template: critical in tiers that page, info in quiet ones, warning in all others."""
    branches = [(tiers, level) for tiers, level in ((page_tiers, "critical"), (quiet_tiers, "info")) if tiers]
    if not branches:
        return "warning"
    conditions = "{{ else ".join(
        f'if match "^({"|".join(tiers)})$" $labels.tier }}}}{level}' for tiers, level in branches
    )
    return "{{ " + conditions + "{{ else }}warning{{ end }}"


def write_links(assets: AssetSettings, alert: str, board: str, page: str, labels: Sequence[str]) -> str:
    """Annotations: runbook_url, and where their addresses are set, dashboard_url and jobs_url.

    jobs_url leads to the page of Riverkeeper that lists the alert's jobs, where there is one.
    The links are templates: Prometheus fills in the labels when the alert fires.
    """
    urls = {"runbook_url": f"{assets.runbooks_url}/{alert}.md"}
    if assets.grafana_url:
        variables = [f"var-{_assignment(label)}" for label in ("job", *(x for x in labels if x in _BOARD_VARIABLES))]
        urls["dashboard_url"] = f"{assets.grafana_url}/d/{BOARDS[board]}?{'&'.join(variables)}"
    if assets.keeper_url and page:
        query = "&".join(map(_assignment, labels))
        urls["jobs_url"] = f"{assets.keeper_url}{page}{'?' if query else ''}{query}"
    return f"\n{_INDENT}".join(f"{name}: {json.dumps(url)}" for name, url in urls.items())


def _assignment(label: str) -> str:
    return f"{label}={{{{ $labels.{label} | urlquery }}}}"


def select_river(rules: str, selector: str) -> str:
    """The rule file with the matchers of `assets.selector` in each metric of its `expr`s."""
    if not selector:
        return rules
    lines: list[str] = []
    inside: int | None = None  # indentation of the expr we are in
    for line in rules.splitlines(keepends=True):
        indent = len(line) - len(line.lstrip(" "))
        if start := _EXPRESSION.match(line):
            inside = len(start["indent"])
        elif inside is not None and line.strip() and indent <= inside:
            inside = None
        lines.append(line if inside is None else add_matchers(line, selector))
    return "".join(lines)


def add_matchers(expression: str, selector: str) -> str:
    """PromQL with the selector in each of its metrics."""

    def put_in(match: re.Match[str]) -> str:
        return f"{match[1]}{{{selector}, " if match[2] else f"{match[1]}{{{selector}}}"

    return _METRIC.sub(put_in, expression)
