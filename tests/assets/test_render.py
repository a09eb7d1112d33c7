"""`riverkeeper assets`: the rules of this place, by its own tiers, labels and addresses."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import yaml
from click.testing import CliRunner

from riverkeeper.assets import alerting
from riverkeeper.assets.alerting import add_matchers, severity
from riverkeeper.assets.render import render
from riverkeeper.cli import main
from riverkeeper.config.assets import AssetSettings

DEFAULTS = render(AssetSettings())
RULES = [f"alerts/{name}.yml" for name in alerting.RULES]


def rendered(**settings: object) -> dict[str, str]:
    return render(AssetSettings.from_tree(settings))


def expressions(text: str) -> list[str]:
    return [rule["expr"] for group in yaml.safe_load(text)["groups"] for rule in group["rules"]]


def test_writes_every_file(tmp_path: Path) -> None:
    """The command writes what the renderers make, names each file, and changes no other."""
    (tmp_path / "alerts").mkdir()
    (tmp_path / "alerts" / "mine.yml").write_text("groups: []\n")

    done = CliRunner().invoke(main, ["assets", str(tmp_path)])

    assert done.exit_code == 0, done.output
    assert {name: (tmp_path / name).read_text() for name in DEFAULTS} == DEFAULTS
    assert done.stdout.split() == [str(tmp_path / name) for name in sorted(DEFAULTS)]
    assert (tmp_path / "alerts" / "mine.yml").read_text() == "groups: []\n"


def test_settings_come_from_the_configuration(tmp_path: Path) -> None:
    """The same file as `serve` reads; a mistake in it is reported with its line, and nothing is written."""
    (tmp_path / "right.yml").write_text("assets:\n  keeper_url: https://keeper.example/\n")
    (tmp_path / "wrong.yml").write_text("assets:\n  keeper_url: keeper.example\n")

    right = CliRunner().invoke(main, ["assets", "--config.file", f"{tmp_path}/right.yml", f"{tmp_path}/out"])
    wrong = CliRunner().invoke(main, ["assets", "--config.file", f"{tmp_path}/wrong.yml", f"{tmp_path}/none"])

    assert right.exit_code == 0, right.output
    assert "https://keeper.example/stuck?queue=" in (tmp_path / "out" / "alerts" / "pages.yml").read_text()
    assert (wrong.exit_code, "wrong.yml:2" in wrong.output) == (2, True)
    assert not (tmp_path / "none").exists()


def test_no_address_no_link(tmp_path: Path) -> None:
    """Nothing leads to an address that nobody set, and the command names the options that give links."""
    done = CliRunner().invoke(main, ["assets", str(tmp_path)])

    assert done.stderr.splitlines() == [
        "Alerts have no link to their jobs: set assets.keeper_url.",
        "Alerts have no link to their dashboard: set assets.grafana_url.",
    ]
    for name, text in DEFAULTS.items():
        assert not re.findall(r"https?://(?:localhost|127\.|0\.0\.0\.0|\[::)", text), name
        assert "dashboard_url: " not in text, name


@pytest.mark.parametrize("host", ["localhost:3000", "127.0.0.1", "[::1]:9816", "x.localhost", "0.0.0.0:80"])
def test_a_link_to_this_machine_is_refused(host: str, tmp_path: Path) -> None:
    """With the name of the option; only a demo may have it."""
    (tmp_path / "keeper.yml").write_text(f"assets: {{grafana_url: 'http://{host}', keeper_url: https://k.example}}\n")
    command = ["assets", "--config.file", f"{tmp_path}/keeper.yml", f"{tmp_path}/out"]

    refused = CliRunner().invoke(main, command)
    assert (refused.exit_code, (tmp_path / "out").exists()) == (1, False)
    assert "assets.grafana_url is an address of this machine" in refused.output
    assert "keeper_url" not in refused.output

    assert CliRunner().invoke(main, [*command, "--local"]).exit_code == 0
    assert f"http://{host}/d/" in (tmp_path / "out" / "alerts" / "pages.yml").read_text()


def test_a_folder_that_cannot_be_written(tmp_path: Path) -> None:
    """The error has the path and the reason; exit code 1."""
    (tmp_path / "alerts").write_text("a file is in the way")

    done = CliRunner().invoke(main, ["assets", str(tmp_path)])

    assert done.exit_code == 1
    assert "cannot write" in done.output
    assert "alerts" in done.output


@pytest.mark.parametrize("name", RULES)
def test_selector_narrows_every_metric(name: str) -> None:
    """Exported and recorded ones alike: else the rules of one River would fire on another's series."""
    narrow = rendered(selector='job="orders", namespace="a"')[name]

    for plain, selected in zip(expressions(DEFAULTS[name]), expressions(narrow), strict=True):
        metrics = re.findall(r"(?:\b[a-z_]+:)?\briver(?:keeper)?_(?!schema)\w+(?::\w+)?", plain)
        assert len(re.findall(r'\{job="orders", namespace="a"', selected)) == len(metrics) > 0
        assert (
            re.sub(r'\{job="orders", namespace="a"(?:, (?=[^}])|(\}))', lambda m: "" if m[1] else "{", selected)
            == plain
        )


def test_selector_changes_no_label() -> None:
    """river_schema is a label, although it looks like a metric."""
    narrow = add_matchers("count without (river_schema, keeper_schema) (river_up{a='b'} * x:river_up:max)", 'job="o"')

    assert narrow == (
        """count without (river_schema, keeper_schema) (river_up{job="o", a='b'} * x:river_up:max{job="o"})"""
    )


def test_replica_labels() -> None:
    """Replicas that differ in other labels give one alert too."""
    files = rendered(replica_labels=["pod", "node"])

    for name in RULES:
        assert files[name].count("pod, node") == DEFAULTS[name].count("instance, pod")
        assert "instance" not in "".join(expressions(files[name]))


@pytest.mark.parametrize(
    ("page", "quiet", "text"),
    [
        ([], [], "warning"),
        (["a"], [], '{{ if match "^(a)$" $labels.tier }}critical{{ else }}warning{{ end }}'),
        ([], ["c", "d"], '{{ if match "^(c|d)$" $labels.tier }}info{{ else }}warning{{ end }}'),
        (
            ["a"],
            ["c"],
            (
                '{{ if match "^(a)$" $labels.tier }}critical{{ else if match "^(c)$" $labels.tier }}info'
                "{{ else }}warning{{ end }}"
            ),
        ),
    ],
)
def test_severity_by_tier(page: list[str], quiet: list[str], text: str) -> None:
    """A tier that is neither urgent nor quiet warns, also one that nobody has thought of."""
    assert severity(page, quiet) == text


def test_tiers_reach_rules() -> None:
    """Alertmanager routes by severity alone, so it is the rules that know the tiers."""
    files = rendered(page_tiers=["gold", "silver"], quiet_tiers=[])

    assert '"^(gold|silver)$"' in files["alerts/pages.yml"]
    assert files["alerts/alertmanager.yml"] == DEFAULTS["alerts/alertmanager.yml"]


def test_secrets_lie_beside_the_token() -> None:
    """One folder holds what Alertmanager reads: the one in which the token of the webhook is."""
    text = rendered(webhook_token_file="/run/secrets/token")["alerts/alertmanager.yml"]

    assert set(re.findall(r'_file: "(.*)/[^/]*"', text)) == {"/run/secrets"}


def test_retention() -> None:
    """The cleaner is late a day after the retention of the clients."""
    text = rendered(finished_retention="2d", discarded_retention="1h")["alerts/tickets.yml"]

    assert "> 259200" in text
    assert "> 90000" in text


@pytest.mark.parametrize(
    "settings",
    [
        {"keeper_url": "javascript:alert(1)"},
        {"grafana_url": 'http://x/"\n  - alert: Mine'},
        {"runbooks_url": "https://user:secret@wiki.example"},
        {"selector": '{job="x"}'},
        {"selector": 'job="x"} or vector(1) #'},
        {"replica_labels": []},
        {"replica_labels": ["job"]},
        {"replica_labels": ["instance", "namespace"]},
        {"replica_labels": ["cluster"]},
        {"replica_labels": ["in-stance"]},
        {"page_tiers": ['x" $labels.tier }}']},
    ],
)
def test_what_would_break_a_rule_is_refused(settings: dict[str, object]) -> None:
    """Nothing that is set can leave its place in the YAML or in the query."""
    with pytest.raises(ValueError, match="validation error"):
        AssetSettings.from_tree(settings)


def test_every_file_is_yaml_with_every_setting_changed() -> None:
    """Placeholders are all filled in, and what Prometheus fills in is left."""
    files = rendered(
        keeper_url="https://k.example/a%20b?x=1&y=2",
        grafana_url="https://g.example",
        runbooks_url="https://r.example/#",
        selector='job=~"a|b"',
        replica_labels=["instance"],
        page_tiers=["a_1"],
        quiet_tiers=["b_2"],
        webhook_url="https://w.example/webhook/alertmanager",
        webhook_token_file="/run/secrets/with space",
    )

    for name, text in files.items():
        assert name.endswith(".tmpl") or list(yaml.safe_load_all(text))
        assert "<<" not in text
    assert "$labels.queue | urlquery" in files["alerts/pages.yml"]
