"""What is in force: precedence, errors, files beside the file."""

from __future__ import annotations

import copy
from dataclasses import FrozenInstanceError
from pathlib import Path

import pytest

from fixtures.offenders import for_each
from riverkeeper.config.layers import Options
from riverkeeper.config.load import load
from riverkeeper.config.option import options
from riverkeeper.config.problem import ConfigErrors
from riverkeeper.config.settings import CollectSettings, Settings

FILE_URL = "postgresql://file@host/db"


def written(folder: Path, text: str) -> Path:
    path = folder / "riverkeeper.yml"
    path.write_text(text, encoding="utf-8")
    return path


def refused(file: Path | None, environ: dict[str, str] | None = None, options: Options | None = None) -> list[str]:
    with pytest.raises(ConfigErrors) as caught:
        load(file, environ or {}, options or Options())
    assert str(caught.value) == "\n".join(map(str, caught.value.problems))
    assert caught.value.__context__ is None  # pydantic's error, which holds every input, is not dragged along
    return [str(problem) for problem in caught.value.problems]


def test_nothing_given_is_the_defaults() -> None:
    """Without file, environment and options every option has its default and libpq's PG* variables decide."""
    config = load(None, {}, Options())
    assert config.conninfo.reveal() == ""
    assert config.database.effective_keeper_schema == "riverkeeper"
    assert [str(address) for address in config.web.listen_address] == ["127.0.0.1:9816"]
    assert (config.collect.min_interval, config.collect.late_window, config.collect.max_pairs) == (2, 600, 1000)
    assert config.heartbeat.metadata_interval == 30
    assert config.origin("collect.min_interval") == "default"


def test_precedence_of_the_url(tmp_path: Path) -> None:
    """The option beats the environment, ours beats the common variable, and both beat the file."""
    file = written(tmp_path, f"database: {{url: '{FILE_URL}'}}")
    common = {"DATABASE_URL": "postgresql://common/db"}
    ours = {**common, "RIVERKEEPER_DATABASE_URL": "postgresql://ours/db"}
    option = Options(database_url="postgresql://option/db")
    cases = [
        (ours, option, "postgresql://option/db", "--database-url"),
        (ours, Options(), "postgresql://ours/db", "environment RIVERKEEPER_DATABASE_URL"),
        (common, Options(), "postgresql://common/db", "environment DATABASE_URL"),
        ({}, Options(), FILE_URL, f"{file}:1"),
    ]
    for environ, flags, url, origin in cases:
        config = load(file, environ, flags)
        assert (config.conninfo.reveal(), config.origin("database.url")) == (url, origin)


def test_an_empty_variable_is_not_set() -> None:
    """A compose file that passes a variable on as empty does not choose a database by it."""
    environ = {"RIVERKEEPER_DATABASE_URL": "", "DATABASE_URL": "postgresql://common/db"}
    assert load(None, environ, Options()).conninfo.reveal() == "postgresql://common/db"


def test_an_empty_option_is_a_mistake() -> None:
    """`--database-url "$URL"` with URL unset must not connect to whatever libpq finds."""
    (message,) = refused(None, {}, Options(database_url=" "))
    assert message.startswith("--database-url: database.url: is empty; ")


def test_the_url_in_a_file(tmp_path: Path) -> None:
    """The file of a mounted secret is found beside the configuration, stripped, and read anew at each load."""
    file = written(tmp_path, "database:\n  url_file: secret\n")
    for url in ("postgresql://one/db", "postgresql://two/db"):
        (tmp_path / "secret").write_text(f" {url}\n")
        config = load(file, {}, Options())
        assert config.conninfo.reveal() == url
    assert config.database.url_file == tmp_path / "secret"
    assert config.database.url is None


def test_the_environment_replaces_the_url_file(tmp_path: Path) -> None:
    """A URL from elsewhere wins over a file, which is then not even read."""
    file = written(tmp_path, "database: {url_file: missing}")
    config = load(file, {"DATABASE_URL": "postgresql://common/db"}, Options())
    assert config.database.url_file is None
    assert config.conninfo.reveal() == "postgresql://common/db"


@pytest.mark.parametrize(
    ("content", "what"),
    [
        (None, "cannot be read: No such file or directory"),
        (b"", "is empty"),
        (b"\xff\xfe", "cannot be read: it is not UTF-8 text"),
        (b"x" * 20_000, "cannot be read: it is larger than 16 KiB"),
        (b"hunter2", "is neither a Postgres URL nor libpq's key=value pairs"),
    ],
)
def test_an_unusable_url_file_is_named(tmp_path: Path, content: bytes | None, what: str) -> None:
    """The message names the file and the line that names it, never the content."""
    if content is not None:
        (tmp_path / "secret").write_bytes(content)
    file = written(tmp_path, "collect:\ndatabase:\n  url_file: secret\n")
    (message,) = refused(file)
    assert message.startswith(f"{file}:3: database.url_file: {tmp_path / 'secret'} {what}; ")
    assert "hunter2" not in message


def test_two_urls_are_a_mistake(tmp_path: Path) -> None:
    """A file that gives the URL twice is refused, even where the environment covers both."""
    file = written(tmp_path, f"database:\n  url: {FILE_URL}\n  url_file: x\n")
    for environ in ({}, {"DATABASE_URL": "postgresql://common/db"}):
        (message,) = refused(file, environ)
        assert message.startswith(f"{file}:3: database.url_file: the URL is given twice, by url and by url_file; ")


def test_schemas_and_web_from_options(tmp_path: Path) -> None:
    """Options replace lists whole; a relative path of the command line starts at the working directory."""
    file = written(tmp_path, "web: {listen_address: [':1', ':2'], config_file: web.yml}\ndatabase: {river_schema: a}")
    assert load(file, {}, Options()).web.config_file == tmp_path / "web.yml"
    assert load(file, {"RIVERKEEPER_RIVER_SCHEMA": "b"}, Options()).database.river_schema == "b"
    options = Options(river_schema="c", web_listen_address=("[::1]:3",), web_config_file=Path("here.yml"))
    config = load(file, {"RIVERKEEPER_RIVER_SCHEMA": "b"}, options)
    assert config.database.effective_keeper_schema == "c_riverkeeper"
    assert [(address.host, address.port) for address in config.web.listen_address] == [("::1", 3)]
    assert config.web.config_file == Path("here.yml").absolute()
    assert config.origin("web.config_file") == "--web.config.file"


def test_all_mistakes_at_once_in_the_order_of_the_file(tmp_path: Path) -> None:
    """Every mistake is one line with file, line, key, what is wrong and what to do."""
    file = written(
        tmp_path,
        """\
databse:
web:
  listen_address: :9816
collect:
  min_interval: 2
  late_window: 48h
  max_pairs: true
  max_pear: 5
max_pairs: 3
heartbeat: 30s
""",
    )
    expected = [
        "1: databse: unknown key; did you mean database?",
        '3: web.listen_address: ":9816" is not a list; write a list, for example ["127.0.0.1:9816", "[::1]:9816"]. A',
        "5: collect.min_interval: 2 has no unit; write 2s. Scrapes and the supervisor share",
        "6: collect.late_window: 2d is more than 1d; write 1d or less: clocks of workers",
        "7: collect.max_pairs: true is not a whole number; write a whole number, for example 2000. At most this many",
        "8: collect.max_pear: unknown key; did you mean max_pairs?",
        "9: max_pairs: unknown key; indent max_pairs below collect:",
        "10: heartbeat: text where a section was expected; indent below it its keys: metadata_interval",
    ]
    messages = refused(file)
    assert len(messages) == len(expected)
    for message, start in zip(messages, expected, strict=True):
        assert message.startswith(f"{file}:{start}")


def test_mistakes_of_all_sources_at_once(tmp_path: Path) -> None:
    """Environment and options are checked too where the file is broken, and say so themselves."""
    file = written(tmp_path, "a: b: c")
    messages = refused(file, {"RIVERKEEPER_RIVER_SCHEMA": "é" * 32}, Options(web_listen_address=("x",)))
    assert [message.partition(": ")[0] for message in messages] == [
        "environment RIVERKEEPER_RIVER_SCHEMA",
        "--web.listen-address",
        f"{file}:1:5",
    ]


def test_a_covered_mistake_is_still_reported(tmp_path: Path) -> None:
    """A bad value in the file is a mistake though an option replaces it: the option may be gone tomorrow."""
    file = written(tmp_path, "database: {river_schema: 12}")
    (message,) = refused(file, {}, Options(river_schema="jobs"))
    assert message.startswith(
        f"{file}:1: database.river_schema: 12 is not text; write it in quotes, for example jobs. "
    )


@pytest.mark.parametrize(
    ("text", "key", "what"),
    [
        ("database: {river_schema: ''}", "database.river_schema", "is empty"),
        (
            'database: {river_schema: "a\\0b"}',
            "database.river_schema",
            '"a?b" holds a character that cannot be written',
        ),
        ("database: {keeper_schema: a, river_schema: a}", "database.keeper_schema", "this is River's own schema"),
        (
            "database: {river_schema: " + "a" * 60 + "}",
            "database.river_schema",
            "the name of the keeper schema, which is derived from it, is longer than 63 bytes",
        ),
        ("web: {listen_address: []}", "web.listen_address", "is an empty list"),
        ("web: {listen_address: [':1', ':1']}", "web.listen_address", ":1 is listed twice"),
        ("web: {listen_address: [':1', 'h:65536']}", "web.listen_address[1]", "65536 is not a port"),
        ("web: {listen_address: [9816]}", "web.listen_address[0]", "9816 is not an address to listen on"),
        ("web: {listen_address: ['::1:9']}", "web.listen_address[0]", '"::1:9" is not an address to listen on'),
        ("web: {listen_address: ['[1.2.3.4]:9']}", "web.listen_address[0]", '"[1.2.3.4]:9" is not an address to'),
        ("web: {config_file: ''}", "web.config_file", "is empty"),
        ("web: {config_file: [a]}", "web.config_file", "a list is not a path"),
        ("collect: {max_pairs: }", "collect.max_pairs", "has no value"),
        ("collect: {min_interval: }", "collect.min_interval", "has no value"),
        ("collect: {max_pairs: 0}", "collect.max_pairs", "0 is less than 1"),
        ("{'a b c': 1}", "(no name of a key)", "unknown key"),
    ],
)
def test_values_that_cannot_be(tmp_path: Path, text: str, key: str, what: str) -> None:
    """Each impossible value is named by its key."""
    file = written(tmp_path, text)
    (message,) = refused(file)
    assert message.startswith(f"{file}:1: {key}: {what}")


@for_each("key", [entry.path for entry in options(Settings)], ".".join)
def test_aliases_are_never_written_out(tmp_path: Path, key: tuple[str, str]) -> None:
    """A value of 10^30 shared lists is refused as a list by every option, without being unrolled."""
    levels = "".join(f"  a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]\n" for n in range(1, 31))
    file = written(tmp_path, f"x:\n  a0: &a0 [1]\n{levels}{key[0]}: {{'{key[1]}': *a30}}\n")
    messages = refused(file)
    assert len(messages) > 1
    assert all(len(message) < 500 for message in messages)


@for_each(
    "selector",
    ("app=worker", "app == worker, !canary", "tier in (a, b),x notin (c)", "example.com/role!=web", "app", "app="),
)
def test_label_selectors(selector: str, tmp_path: Path) -> None:
    """As Kubernetes writes them."""
    config = load(written(tmp_path, f"kubernetes: {{enabled: true, label_selector: '{selector}'}}"), {}, Options())

    assert config.kubernetes.label_selector == selector


@for_each("text", ("postgresql://u:p4ss@h/db", "host=h password=p4ss", "app=worker p4ss", "p4ss:x", "(p4ss)", " "))
def test_what_is_no_label_selector(text: str, tmp_path: Path) -> None:
    """A connection string that got into its place is refused, and not repeated."""
    (problem,) = refused(written(tmp_path, f"kubernetes: {{label_selector: '{text}'}}"))

    assert "is not a label selector" in problem
    assert "p4ss@" not in problem
    assert "password=p4ss" not in problem


@pytest.mark.parametrize(("text", "host", "port"), [(":0", "", 0), ("h-1.x:80", "h-1.x", 80), ("[::]:80", "::", 80)])
def test_listen_addresses(text: str, host: str, port: int) -> None:
    """An empty host is all interfaces; an address prints as it was written."""
    (address,) = load(None, {}, Options(web_listen_address=(text,))).web.listen_address
    assert (address.host, address.port, str(address)) == (host, port, text)


def test_free_ports_may_be_requested_twice() -> None:
    """Port 0 is a new port each time, so two of them are no clash."""
    assert len(load(None, {}, Options(web_listen_address=(":0", ":0"))).web.listen_address) == 2


def test_a_section_without_keys_is_its_defaults(tmp_path: Path) -> None:
    """`web:` with every line below commented out is no mistake."""
    assert load(written(tmp_path, "web:\ncollect: {}\n"), {}, Options()) == load(None, {}, Options())


def test_a_configuration_is_never_changed() -> None:
    """Everything that runs shares one: a reload makes another."""
    config = load(None, {}, Options())
    with pytest.raises(FrozenInstanceError):
        config.collect = CollectSettings()  # type: ignore[misc]
    with pytest.raises(FrozenInstanceError):
        config.collect.max_pairs = 0  # type: ignore[misc]
    assert copy.deepcopy(config) == config


def test_configs_compare_by_value(tmp_path: Path) -> None:
    """A reload that changes nothing but the place of a value, or a comment, is no change."""
    at_line_1 = load(written(tmp_path, "collect: {max_pairs: 5}"), {}, Options())
    at_line_3 = load(written(tmp_path, "# moved\n\ncollect: {max_pairs: 5}"), {}, Options())
    other_url = load(None, {"DATABASE_URL": "postgresql://h/db"}, Options())
    assert at_line_1 == at_line_3
    assert other_url != load(None, {}, Options())
