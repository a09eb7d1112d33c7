"""What a page names exists: each command of Riverkeeper with its options, each target of make, each path, each key."""

from __future__ import annotations

import ast
import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import click

from consistency.test_documents import DOCUMENTS
from consistency.tree import PACKAGE, ROOT, modules, named, tree
from riverkeeper.cli import main
from riverkeeper.config.option import options
from riverkeeper.config.settings import Settings

SHELL = re.compile(r"^ *```sh\n(.*?)^ *```", re.MULTILINE | re.DOTALL)
SPAN = re.compile(r"(?<!`)`([^`\n]+)`(?!`)")
BEGINS = re.compile(r"(?:^|[|;&(]\s*|\bdo |\bexec riverkeeper )riverkeeper ")
ENDS = re.compile(r"\s[#|;&]|[;)]")
FORMS = ROOT / "docs" / "cli.md"  # generated from the commands; it shows their forms, not calls
FOLDERS = "exporter|clients|alerts|dashboards|deploy|docs|release|benchmarks|tests"
# A Deployment as kubectl names it; the tag of a Go module; the example of a recipe.
OTHER = re.compile(r"deploy/(?:riverkeeper|[A-Z]+)|clients/go/v\d[\d.]*|docs/runbooks/RiverX\.md")


def texts() -> Iterator[tuple[Path, str]]:
    """Each line of a shell block and each code span, with the page that it stands on."""
    for path in DOCUMENTS:
        page = path.read_text(encoding="utf-8")
        for block in SHELL.findall(page):
            yield from ((path, line.strip()) for line in block.replace("\\\n", " ").splitlines())
        yield from ((path, span) for span in SPAN.findall(SHELL.sub("", page)))


def calls() -> Iterator[tuple[Path, str]]:
    """What follows `riverkeeper` where it is a command. A pipe, a comment or another command ends it."""
    for path, text in texts():
        for begin in BEGINS.finditer(text) if path != FORMS else []:
            yield path, ENDS.split(text[begin.end() :])[0].replace("$(", "").strip()


def messages() -> Iterator[tuple[Path, str]]:
    """The calls that Riverkeeper itself prints: in backticks, in its errors, findings, alerts and panels."""
    for path in modules():
        for node in ast.walk(tree(path)):
            if isinstance(node, ast.Constant) and isinstance(node.value, str):
                yield from ((path, call) for call in re.findall(r"`riverkeeper ([a-z-][^`{]*)`", node.value))
    for path in (PACKAGE / "assets" / "alerts").glob("*.yml"):
        text = " ".join(path.read_text(encoding="utf-8").split())
        yield from ((path, call) for call in re.findall(r"`riverkeeper ([a-z-][^`{]*)`", text))


def find_mistake(words: list[str]) -> str:
    """Why click would refuse these words; "" where it would not. Types of values are not tried: they are examples."""
    command: click.Command = main
    while isinstance(command, click.Group) and words and not words[0].startswith("-"):
        found = [command.get_command(click.Context(command), name) for name in words[0].split("|")]
        if None in found:
            return f"there is no command {words[0]}"
        command, words = found[0] or main, words[1:]
    try:
        command.make_parser(click.Context(command)).parse_args(words)
    except click.UsageError as error:
        return error.format_message()
    return ""


def test_every_call_of_riverkeeper_is_one() -> None:
    """Its commands and options exist: on pages, and in what Riverkeeper prints."""
    found = [*calls(), *messages()]
    refused = [f"{named(path)}: {call}: {why}" for path, call in found if (why := find_mistake(words_of(call)))]

    assert refused == []
    assert len(found) > 200


def words_of(call: str) -> list[str]:
    """The words of a shell; a quote that `ENDS` has cut is no mistake of the page."""
    try:
        return shlex.split(call)
    except ValueError:
        return call.replace('"', "").split()


def test_a_command_or_an_option_that_is_not_there_is_found() -> None:
    """The check has teeth."""
    assert find_mistake(["rescue", "stop"]) == "there is no command stop"
    assert find_mistake(["stuck", "--teir", "urgent"]).startswith("No such option '--teir'")
    assert find_mistake(["schema", "fence", "install|remove|status"]) == ""


def test_python_is_that_of_the_virtual_environment() -> None:
    """A bare `python` is another one, or none: Debian has only python3."""
    assert [
        f"{named(path)}: {text}" for path, text in texts() if re.search(r"(?<![\w./-])python (?=-m|\w+/)", text)
    ] == []


def test_every_target_of_make_exists() -> None:
    """`make` has a rule for each."""
    rules = set(re.findall(r"^([a-z0-9-]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))
    wanted = {(named(path), name) for path, text in texts() for name in re.findall(r"^make ([a-z][a-z0-9-]*)", text)}

    assert len(wanted) > 10
    assert sorted(target for target in wanted if target[1] not in rules) == []


def test_every_path_exists() -> None:
    """In the repository, in the package, or beside the page; a test may be named without its ending."""
    missing = set()
    for path, text in texts():
        for name in re.findall(rf"(?<![\w/.:-])((?:{FOLDERS})/[\w./-]*\w)(?![\w*<{{/])", text):
            places = [top / f"{name}{end}" for top in (ROOT, PACKAGE, path.parent) for end in ("", ".py")]
            if not OTHER.fullmatch(name) and not any(place.exists() for place in places):
                missing.add(f"{named(path)}: {name}")

    assert sorted(missing) == []


def test_every_key_of_the_configuration_exists() -> None:
    """A key in the text of a page is one that the file takes, or a column of a table of the same name."""
    keys = {option.key for option in options(Settings)}
    tops = "|".join(sorted({key.partition(".")[0] for key in keys if "." in key}))
    tables = "".join(path.read_text(encoding="utf-8") for path in (PACKAGE / "schema" / "migrations").glob("*.sql"))
    unknown = [
        f"{named(path)}: {span}"
        for path, span in texts()
        if re.fullmatch(rf"(?:{tops})\.[a-z_.]+", span) and not span.endswith((".py", ".sql", ".md"))
        if not any(key == span or key.startswith(f"{span}.") for key in keys)
        if not re.search(rf"\b{span.rpartition('.')[2]}\b", tables)
    ]

    assert unknown == []
