"""`riverkeeper config print`."""

from __future__ import annotations

from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from riverkeeper.config.layers import Options
from riverkeeper.config.load import load
from riverkeeper.config.render import render_config, render_value
from riverkeeper.config.source import parse_yaml

SHOWN = """\
# The configuration in force. A *** stands for a secret.
database:
  url: postgresql://user:***@host/db  # environment DATABASE_URL
  url_file: null  # environment DATABASE_URL
  river_schema: 'no'  # --river-schema
  keeper_schema: null  # default
web:
  listen_address: [':9816']  # {file}:2
  config_file: null  # default
  allowed_hosts: []  # default
  river_ui_url: null  # default
collect:
  min_interval: 2s  # default
  late_window: 10m  # default
  max_pairs: 1000  # default
webhook:
  token_file: null  # default
  max_body: 4MiB  # default
  max_age: 1h  # default
kubernetes:
  enabled: false  # default
  namespaces: []  # default
  label_selector: null  # default
  container: null  # default
  kubeconfig: null  # default
assets:
  keeper_url: null  # default
  grafana_url: null  # default
  runbooks_url: https://github.com/riverkeeper/riverkeeper/blob/main/docs/runbooks  # default
  selector: ''  # default
  replica_labels: [instance, pod]  # default
  rivers: []  # default
  page_tiers: [urgent, standard]  # default
  quiet_tiers: [patient, bulk]  # default
  wait_objectives: null  # default
  loss_objectives: null  # default
  scale_to_zero: false  # default
  finished_retention: 1d  # default
  discarded_retention: 7d  # default
  webhook_url: http://riverkeeper:9816/webhook/alertmanager  # default
  webhook_token_file: /etc/alertmanager/secrets/riverkeeper-token  # default
"""


def test_every_option_shows_its_value_and_origin(tmp_path: Path) -> None:
    """The print is the configuration in force with the origin of each value, and no secret."""
    file = tmp_path / "riverkeeper.yml"
    file.write_text("web:\n  listen_address:\n  - ':9816'\ndatabase: {url_file: secret}\n")
    environ = {"DATABASE_URL": "postgresql://user:hunter2@host/db"}
    config = load(file, environ, Options(river_schema="no"))
    assert render_config(config).partition("\ntiers:")[0] + "\n" == SHOWN.format(file=file)


def test_tiers_and_rules_show_their_origins(tmp_path: Path) -> None:
    """Every tier is there with every key; what it takes from a standard of the file has the origin of that."""
    file = tmp_path / "riverkeeper.yml"
    file.write_text(
        "tiers:\n  standard: {fence: 20s}\n  mine:\n    max_wait: 5s\nassign:\n- {tier: mine, queue: 'a*'}\n"
    )
    text = render_config(load(file, {}, Options()))
    tiers = text.partition("\ntiers:")[2]
    of = dict(
        zip(("standard", "urgent", "patient", "bulk", "mine"), tiers.split("  heartbeat_timeout")[1:], strict=True)
    )

    assert f"    fence: 20s  # {file}:2\n" in of["mine"]
    assert f"    max_wait: 5s  # {file}:4\n" in of["mine"]
    assert "    max_run: null  # default\n" in of["mine"]
    assert "    fence: 3s  # default\n" in of["urgent"]
    assert f"assign:\n  - {{kind: null, priority: null, queue: a*, tier: mine}}  # {file}:6\n" in text


def test_the_print_loads_again(tmp_path: Path) -> None:
    """With the secret put in, the print is a file that means the same, also in another folder."""
    (tmp_path / "here").mkdir()
    (tmp_path / "there").mkdir()
    (tmp_path / "here" / "url").write_text("postgresql://from-file/db")
    here, there = tmp_path / "here" / "riverkeeper.yml", tmp_path / "there" / "riverkeeper.yml"
    for database in ("{url: 'host=h user=u password=hunter2', river_schema: '1e5'}", "{url_file: url}"):
        here.write_text(
            f"database: {database}\nweb: {{config_file: web.yml}}\ncollect: {{min_interval: 1m30s}}\n"
            "tiers: {standard: {drain: 25s}, bulk: {max_wait: null}, own: {mode: live}}\n"
            "assign: [{tier: own, kind: 'a*', priority: 4}]\n"
        )
        config = load(here, {}, Options())
        there.write_text(render_config(config).replace("***", "hunter2"))
        assert load(there, {}, Options()) == config


@given(st.text(st.characters(exclude_categories=["Cs"])))
def test_any_text_survives_the_print(text: str) -> None:
    """A value is one line of YAML that reads back, whatever characters it has; a comment may follow it."""
    line = f"a: {render_value(text)}  # a comment"
    assert len(line.splitlines()) == 1
    assert parse_yaml(line, "f.yml").tree == {"a": text}
