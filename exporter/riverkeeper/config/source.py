"""Reads the YAML file with the line of each key, and collects every mistake for the report.

Plain scalars follow the rules of YAML 1.2, where `no` is a word and `1:30` no number. A message about text that
is not YAML quotes nothing of it, because it may stand beside a password.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from pathlib import Path

import yaml

from riverkeeper.config.problem import KeyPath, Problem, format_path, make_printable

MAX_BYTES = 1024 * 1024  # a file that anybody writes is far smaller; PyYAML takes seconds for this much


@dataclass(frozen=True)
class Source:
    """A file's keys and values, without the mistakes in `problems`. Its repr shows no value."""

    name: str
    tree: dict[str, object] = field(default_factory=dict, repr=False)
    problems: tuple[Problem, ...] = ()
    _root: yaml.Node | None = field(default=None, repr=False)

    def line(self, path: KeyPath) -> int:
        """The line of a key, or of the innermost key above it that is in the file; 0 if there is none."""
        node, line = self._root, 0
        for part in path:
            found = _below(node, part)
            if found is None:
                break
            line, node = found
        return line

    def has(self, path: KeyPath) -> bool:
        """Whether the file gives this key, be it as null."""
        node = self._root
        for part in path:
            found = _below(node, part)
            if found is None:
                return False
            node = found[1]
        return True


def read_yaml(path: Path) -> Source:
    """The file's content; a file that cannot be read is a problem, not an exception."""
    name = make_printable(str(path))
    try:
        with path.open("rb") as file:
            content = file.read(MAX_BYTES + 1)
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or "not a path"
        return _unusable(name, f"cannot be read: {reason}", "correct the path or the file's permissions")
    if len(content) > MAX_BYTES:
        return _unusable(name, "is larger than 1 MiB", "name Riverkeeper's own file")
    try:
        return parse_yaml(content.decode("utf-8-sig"), name)
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        return _unusable(name, "is not UTF-8", "save the file as UTF-8", line)


def parse_yaml(text: str, name: str) -> Source:
    """The content of a YAML text. An empty one is all defaults."""
    try:
        root = _compose(text)
        reader = _NodeReader(name)
        tree = None if root is None else reader.value(root, ())
    except yaml.YAMLError as error:
        return Source(name, problems=(_explain_broken(error, name, text),))
    except RecursionError:
        return _unusable(name, "is nested too deeply", "compare with the example in docs/configuration.md")
    if root is None or (tree is None and not reader.problems):
        return Source(name)
    if not isinstance(tree, dict):
        message, fix = "is not a mapping of sections", "begin with a section such as `database:`"
        return _unusable(name, message, fix, root.start_mark.line + 1)
    return Source(name, tree, tuple(reader.problems), root)


def _compose(text: str) -> yaml.Node | None:
    loader = Loader(text)
    try:
        node: yaml.Node | None = loader.get_single_node()
        return node
    finally:
        loader.dispose()


def _unusable(name: str, message: str, fix: str, line: int = 0) -> Source:
    where = f"{name}:{line}" if line else name
    return Source(name, problems=(Problem(where, message, fix, line),))


def _below(node: yaml.Node | None, part: str | int) -> tuple[int, yaml.Node] | None:
    """Line and value of a key or an index; the last of a key given twice, as in the tree."""
    if isinstance(node, yaml.MappingNode):
        for key, value in reversed(node.value):
            if key.value == part:
                return key.start_mark.line + 1, value
    if isinstance(node, yaml.SequenceNode) and isinstance(part, int) and part < len(node.value):
        return node.value[part].start_mark.line + 1, node.value[part]
    return None


_PREFIX = "tag:yaml.org,2002:"
_DIGITS = r"(?:0|[1-9][0-9]{0,17})"  # no leading zeros, which YAML 1.1 reads as octal; few enough to convert safely
_SCALARS = {
    "null": re.compile(r"(?:~|null|Null|NULL)?\Z"),
    "bool": re.compile(r"(?:true|True|TRUE|false|False|FALSE)\Z"),
    "int": re.compile(rf"-?{_DIGITS}\Z"),
    "float": re.compile(rf"-?(?:{_DIGITS}(?:\.[0-9]{{0,18}})?|\.[0-9]{{1,18}})(?:[eE][-+]?[0-9]{{1,2}})?\Z"),
}
_KNOWN_TAGS = frozenset(_PREFIX + word for word in (*_SCALARS, "str", "seq", "map"))


class Loader(yaml.SafeLoader):
    """SafeLoader with our rules for plain scalars. Only its nodes are used: their values are read here."""


class Dumper(yaml.SafeDumper):
    """SafeDumper that quotes text which YAML 1.1 or our rules would read as something else."""


Loader.yaml_implicit_resolvers = {}
for _word, _pattern in _SCALARS.items():
    Loader.add_implicit_resolver(_PREFIX + _word, _pattern, None)
    Dumper.add_implicit_resolver(_PREFIX + _word, _pattern, None)


class _NodeReader:
    """Turns nodes into values, a shared node once, and collects what has no place in a configuration."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._values: dict[int, object] = {}
        self._open: set[int] = set()
        self.problems: list[Problem] = []

    def value(self, node: yaml.Node, path: KeyPath) -> object:
        """The node as dict, list, str, int, float, bool or None."""
        known = id(node)
        if known in self._open:
            self._report(node, path, "an anchor that contains itself", "write the value out")
            return None
        if known not in self._values:
            self._open.add(known)
            self._values[known] = self._build(node, path)
            self._open.discard(known)
        return self._values[known]

    def _build(self, node: yaml.Node, path: KeyPath) -> object:
        if node.tag not in _KNOWN_TAGS:
            self._report(node, path, "a YAML tag", "remove the word that begins with `!`, or put the value in quotes")
        if isinstance(node, yaml.MappingNode):
            return self._mapping(node, path)
        if isinstance(node, yaml.SequenceNode):
            return [self.value(item, (*path, index)) for index, item in enumerate(node.value)]
        return _scalar(node.tag.removeprefix(_PREFIX), node.value)

    def _mapping(self, node: yaml.MappingNode, path: KeyPath) -> dict[str, object]:
        found: dict[str, object] = {}
        lines: dict[str, int] = {}
        for key, value in node.value:
            if not isinstance(key, yaml.ScalarNode):
                self._report(key, path, "a list or mapping as a key", "put text that holds brackets in quotes")
                continue
            if _has_no_colon(key, value):
                self._report(key, path, "a key without `:`", "put values that hold a comma in quotes")
                continue
            inner = (*path, key.value)
            if key.value in lines:
                self._report(key, inner, f"given twice, first on line {lines[key.value]}", "remove one")
            lines.setdefault(key.value, key.start_mark.line + 1)
            found[key.value] = self.value(value, inner)
        return found

    def _report(self, node: yaml.Node, path: KeyPath, message: str, fix: str) -> None:
        line = node.start_mark.line + 1
        where = f"{self._name}:{line}"
        self.problems.append(Problem(f"{where}: {format_path(path)}" if path else where, message, fix, line))


def _has_no_colon(key: yaml.Node, value: yaml.Node) -> bool:
    """Whether a key is but a word between commas: often the rest of a value, and so not to be repeated."""
    start, end = key.end_mark, value.start_mark
    if not isinstance(value, yaml.ScalarNode) or value.value or start.index > end.index:
        return False
    return start.buffer is not None and ":" not in start.buffer[start.index : end.index]


def _scalar(word: str, text: str) -> object:
    """The value of a scalar with a tag; text where the tag promises what the text is not."""
    if word not in _SCALARS or not _SCALARS[word].match(text):
        return text
    if word == "null":
        return None
    if word == "bool":
        return text.lower() == "true"
    return int(text) if word == "int" else float(text)


# Part of PyYAML's sentence -> what is wrong, what to do. The first that fits wins.
_SENTENCES = (
    (r"'\t' that cannot start", "a tab where only spaces may stand", "indent with spaces"),
    ("that cannot start any token", "a value begins with a character reserved by YAML", "put it in quotes"),
    ("mapping values are not allowed", "a `:` that fits no key", "put values that hold `: ` in quotes; indent alike"),
    ("could not find expected ':'", "a line that is no `key: value`", "write a colon and a space after the key"),
    ("undefined alias", "an alias (`*name`) without its anchor", "put the value in quotes if it is meant as text"),
    ("duplicate anchor", "an anchor (`&name`) is defined twice", "rename one"),
    ("another document", "a second document begins here", "keep one document: remove the `---` before it"),
    ("unknown escape", "an escape that YAML does not know", "use single quotes, or double the backslash"),
    ("unexpected end of stream", "a quote or bracket is never closed", "close it"),
    ("expected ',' or", "a bracket is never closed, or a comma is missing", "close it; put addresses in quotes"),
    ("expected <block end>", "the indent fits no key above", "indent the keys of a section alike"),
)


def _explain_broken(error: yaml.YAMLError, name: str, text: str) -> Problem:
    """The problem behind PyYAML's error about a text; `name` is the file's."""
    if isinstance(error, yaml.reader.ReaderError):
        line = text.count("\n", 0, error.position) + 1
        return Problem(f"{name}:{line}", "a control character", "remove it, or write it as an escape", line)
    mark = getattr(error, "problem_mark", None) or getattr(error, "context_mark", None)
    line = mark.line + 1 if mark else 1
    where = f"{name}:{line}:{mark.column + 1}" if mark else f"{name}:{line}"
    said = f"{getattr(error, 'context', '')} {getattr(error, 'problem', '')}"
    for part, message, fix in _SENTENCES:
        if part in said:
            return Problem(where, message, fix, line)
    return Problem(where, "this is not YAML", "compare with the example in docs/configuration.md", line)
