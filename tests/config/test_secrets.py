"""No password of a database URL survives in anything that is printed."""

from __future__ import annotations

import io
import itertools
import json
import logging
import os
import traceback
from dataclasses import asdict
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from riverkeeper.config.layers import Options, lay_over, read_layer
from riverkeeper.config.load import Config, load
from riverkeeper.config.option import options
from riverkeeper.config.problem import ConfigErrors
from riverkeeper.config.redact import redact_url
from riverkeeper.config.render import render_config
from riverkeeper.config.settings import Settings
from riverkeeper.config.source import parse_yaml
from riverkeeper.config.values import DatabaseUrl

pytestmark = pytest.mark.long  # more URLs
many = settings(max_examples=1000 if os.environ.get("RIVERKEEPER_TEST_LONG") else 40)

TOKEN = "Zq7x"  # stands nowhere else, so that even a piece of a password is recognised
KEYS = [entry.path for entry in options(Settings)]

# Pieces of a password joined by what tends to be forgotten to escape.
passwords = st.lists(st.sampled_from(list(":@/?#%&=;,'\" \\[]{}\t!*é") + ["%40", ""]), min_size=1, max_size=4).map(
    lambda joints: TOKEN + "".join(joint + TOKEN for joint in joints)
)
SHAPES = (
    "postgresql://user:{}@host:5432/db",
    "postgres://user:{}@host/db?sslmode=require",
    "postgresql://:{}@/db",
    "postgresql://host/db?password={}",
    "postgresql://host/db?password={}&sslmode=require",
    "postgresql://host/db?sslpassword={}",
    "postgresql://host/db?passwort={}",
    "postgresql+psycopg://user:{}@host/db",
    "jdbc:postgresql://host/db?user=u&password={}",
    "host=h password={}",
    "host=h password='{}' user=u",
    "password = {} host=h",
    "host=h;password={}",
    "user:{}@host/db",
)
urls = st.builds(str.format, st.sampled_from(SHAPES), passwords)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("secrets")


def printed(thing: object) -> str:
    """What logs, tracebacks and debuggers would show of it."""
    stream = io.StringIO()
    log = logging.Logger("test")
    log.addHandler(logging.StreamHandler(stream))
    log.info("%s %r", thing, thing)
    return f"{stream.getvalue()} {thing} {thing!r} {[thing]}"


def everything_about(config: Config) -> str:
    dumps = [config.as_tree(), asdict(config), vars(config)]
    return " ".join(map(printed, [config, config.database, config.conninfo, render_config(config), *dumps]))


def everything_reported(file: Path | None, environ: dict[str, str], flags: Options) -> str:
    """All that a load leaves behind, be it a configuration or an error."""
    try:
        return printed(flags) + everything_about(load(file, environ, flags))
    except ConfigErrors as error:
        trace = "".join(traceback.format_exception(error))
        return printed(flags) + printed(error) + printed(error.problems) + printed(error.args) + trace


@many
@given(urls)
def test_redaction_leaves_no_piece(url: str) -> None:
    """However a password is misspelled inside a connection string, no piece of it is shown."""
    assert TOKEN not in redact_url(url)
    assert TOKEN not in printed(DatabaseUrl(url))
    assert TOKEN not in json.dumps(DatabaseUrl(url), default=str)


@many
@given(urls)
def test_from_options_and_environment(url: str) -> None:
    """A URL of the command line or the environment is in no output, accepted or refused."""
    assert TOKEN not in everything_reported(None, {}, Options(database_url=url))
    assert TOKEN not in everything_reported(None, {"DATABASE_URL": url}, Options())


@many
@given(urls)
def test_from_a_url_file(folder: Path, url: str) -> None:
    """The content of the file of a mounted secret is in no output."""
    (folder / "secret").write_text(url, encoding="utf-8")
    file = folder / "url_file.yml"
    file.write_text("database: {url_file: secret}")
    assert TOKEN not in everything_reported(file, {}, Options())


@many
@given(urls, st.sampled_from(KEYS), st.booleans(), st.booleans())
def test_in_the_wrong_place(folder: Path, url: str, path: tuple[str, str], as_list: bool, deeper: bool) -> None:
    """A URL that went to another key, into a list or a level too deep is not repeated by the message."""
    value: object = {"x": url} if deeper else url
    content = {path[0]: {path[1]: [value] if as_list else value}}
    file = folder / "misplaced.yml"
    file.write_text(json.dumps(content), encoding="utf-8")
    assert TOKEN not in everything_reported(file, {}, Options())


def test_no_option_takes_a_url_for_its_value(folder: Path) -> None:
    """Every option, with each shape of a URL, alone and in a list: by chance, examples had missed two options."""
    file = folder / "every_option.yml"
    shown = set()
    for path, shape, as_list in itertools.product(KEYS, SHAPES, (False, True)):
        content: object = [shape.format(TOKEN)] if as_list else shape.format(TOKEN)
        for key in reversed(path):
            content = {key: content}
        file.write_text(json.dumps(content), encoding="utf-8")
        if TOKEN in everything_reported(file, {}, Options()):
            shown.add((".".join(path), shape))

    assert sorted(shown) == []


@many
@given(
    urls, st.sampled_from(["{}", "database: {}", "database:\n  url: {}", "database:\n  {}", "database: {{url: {}}}"])
)
def test_as_raw_text(folder: Path, url: str, frame: str) -> None:
    """A URL without the quotes it needs breaks the YAML around it, and the message still does not repeat it."""
    file = folder / "raw.yml"
    file.write_text(frame.format(url), encoding="utf-8")
    assert TOKEN not in everything_reported(file, {}, Options())


def test_what_lies_between_shows_nothing_either() -> None:
    """The unchecked layers hold the URL as text, but their repr, which a traceback may show, does not."""
    source = parse_yaml(f"database: {{url: 'postgresql://u:{TOKEN}@h/db'}}", "f.yml")
    layers = lay_over(read_layer(source, Path()), {"DATABASE_URL": f"postgresql://u:{TOKEN}@h/db"}, Options())
    assert TOKEN not in printed(source)
    assert TOKEN not in printed(layers)
