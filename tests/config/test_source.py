"""The YAML file: its values, and the line of each."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from riverkeeper.config.source import parse_yaml, read_yaml


def problems(text: str) -> list[str]:
    return [str(problem) for problem in parse_yaml(text, "f.yml").problems]


@pytest.mark.parametrize("text", ["", "\n", "# nothing\n", "---\n", "null\n", "~"])
def test_an_empty_file_is_all_defaults(text: str) -> None:
    """A file without keys sets nothing, and that is no mistake."""
    source = parse_yaml(text, "f.yml")
    assert source.tree == {}
    assert source.problems == ()


def test_every_key_knows_its_line() -> None:
    """A key is found on its own line, in flow style, in a list and behind an alias too."""
    source = parse_yaml("a:\n  b: 1\n  c: {d: 2,\n    e: 3}\nf:\n  - x\n  - g: 4\nh: &h\n  i: 5\nj: *h\n", "f.yml")
    assert source.tree == {"a": {"b": 1, "c": {"d": 2, "e": 3}}, "f": ["x", {"g": 4}], "h": {"i": 5}, "j": {"i": 5}}
    assert [source.line(path) for path in (("a",), ("a", "b"), ("a", "c", "e"), ("f", 0), ("f", 1, "g"))] == [
        *(1, 2, 4, 6, 7)
    ]
    assert source.line(("j",)) == 10
    assert source.line(("a", "missing")) == 1
    assert source.line(("missing",)) == 0
    assert source.has(("a", "b"))
    assert not source.has(("a", "missing"))


@pytest.mark.parametrize(
    ("text", "value"),
    [
        *[("no", "no"), ("on", "on"), ("1:30", "1:30"), ("010", "010"), ("1_000", "1_000"), ("0x10", "0x10")],
        *[("2026-01-01", "2026-01-01"), (".inf", ".inf"), ("<<", "<<"), ("true", True), ("7", 7), ("-7", -7)],
        *[("1.5", 1.5), ("1e3", 1000.0), ("~", None), ("", None), ('"7"', "7"), ("!!str 7", "7"), ("!!int x", "x")],
        ("9" * 5000, "9" * 5000),
    ],
)
def test_plain_scalars_follow_yaml_1_2(text: str, value: object) -> None:
    """Words and times stay text: nobody's schema `no` becomes false, nor 1:30 ninety."""
    assert parse_yaml(f"a: {text}", "f.yml").tree == {"a": value}


def test_keys_may_have_no_value() -> None:
    """A key with a colon and nothing behind it is null, in every style and shared by an alias too."""
    source = parse_yaml("a: {b:, c: , ? d : ,'e':}\nf: &x\ng: *x\nh: ''\n", "f.yml")
    assert source.problems == ()
    assert source.tree == {"a": {"b": None, "c": None, "d": None, "e": None}, "f": None, "g": None, "h": ""}


def test_duplicate_keys_are_refused() -> None:
    """A key given twice is a mistake that names both lines, at any depth."""
    assert problems('a:\n  b: 1\n  c: 2\n  b: 3\n"a": 4\n') == [
        "f.yml:4: a.b: given twice, first on line 2; remove one",
        "f.yml:5: a: given twice, first on line 1; remove one",
    ]


@pytest.mark.parametrize(
    ("text", "where", "what"),
    [
        ("a:\n\tb: 1\n", "f.yml:2:1", "a tab where only spaces may stand"),
        ("a: @b\n", "f.yml:1:4", "a value begins with a character reserved by YAML"),
        ("a: b: c\n", "f.yml:1:5", "a `:` that fits no key"),
        ("a: 1\nb\nc: 2\n", "f.yml:3:1", "a line that is no `key: value`"),
        ("a: *b\n", "f.yml:1:4", "an alias (`*name`) without its anchor"),
        ("a: 1\n---\nb: 2\n", "f.yml:2:1", "a second document begins here"),
        ('a: "\\q"\n', "f.yml:1:6", "an escape that YAML does not know"),
        ("a: 'b\n", "f.yml:2:1", "a quote or bracket is never closed"),
        ("a: [b\n", "f.yml:2:1", "a bracket is never closed, or a comma is missing"),
        ("a:\n  b: 1\n c: 2\n", "f.yml:3:2", "the indent fits no key above"),
        ("a: \x07\n", "f.yml:1", "a control character"),
        ("- a\n", "f.yml:1", "is not a mapping of sections"),
        ("\ntext\n", "f.yml:2", "is not a mapping of sections"),
        ("[" * 5000, "f.yml", "is nested too deeply"),
        ("a: !x b\n", "f.yml:1: a", "a YAML tag"),
        ("a: {[b]: c}\n", "f.yml:1: a", "a list or mapping as a key"),
        ("a: |hunter2\n", "f.yml:1:5", "this is not YAML"),
        ("a: {b: 1, c}\n", "f.yml:1: a", "a key without `:`"),
        ("a: &a [*a]\n", "f.yml:1: a[0]", "an anchor that contains itself"),
    ],
)
def test_broken_yaml_is_reported_in_words(text: str, where: str, what: str) -> None:
    """Each way to break YAML names the place, what is wrong and what to do; there is no traceback."""
    (message,) = problems(text)
    assert message.startswith(f"{where}: {what}; ")
    assert "hunter2" not in message


def test_shared_values_are_read_once() -> None:
    """Aliases of aliases stay small: a page of them is no load on the memory."""
    levels = "".join(f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]\n" for n in range(1, 30))
    source = parse_yaml(f"a0: &a0 [1]\n{levels}", "f.yml")
    assert source.problems == ()
    assert list(source.tree)[-1] == "a29"


@given(st.text())
def test_no_text_is_a_crash(text: str) -> None:
    """Any text at all is read or reported."""
    source = parse_yaml(text, "f.yml")
    assert source.tree is not None
    assert all(problem.message and problem.fix for problem in source.problems)


def test_a_file_is_read_as_utf_8(tmp_path: Path) -> None:
    """A byte order mark is no part of the first key; other encodings are refused with the line."""
    path = tmp_path / "f.yml"
    path.write_bytes("\ufeffa: ä\n".encode())
    assert read_yaml(path).tree == {"a": "ä"}
    path.write_bytes(b"a: 1\nb: \xff\n")
    assert [str(problem) for problem in read_yaml(path).problems] == [f"{path}:2: is not UTF-8; save the file as UTF-8"]


def test_a_file_that_cannot_be_read_is_a_problem(tmp_path: Path) -> None:
    """A missing file, a directory, an impossible path and a huge file are reported by name."""
    big = tmp_path / "big.yml"
    big.write_bytes(b"#" * (1024 * 1024 + 1))
    reasons = {
        tmp_path / "missing.yml": "cannot be read: No such file or directory",
        tmp_path: "cannot be read: Is a directory",
        Path("a\0b"): "cannot be read: not a path",
        big: "is larger than 1 MiB",
    }
    for path, reason in reasons.items():
        (problem,) = read_yaml(path).problems
        assert problem.message == reason
        assert problem.where == str(path).replace("\0", "?")
