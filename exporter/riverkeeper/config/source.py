"""What does the file say, and on which line? YAML with no key lost, and every mistake kept for the report."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

import yaml

from riverkeeper.config.broken_yaml import explain_broken
from riverkeeper.config.nodes import Loader, Reader
from riverkeeper.config.problem import KeyPath, Problem, printable

MAX_BYTES = 1024 * 1024  # a file a person writes is far smaller; PyYAML takes seconds for this much


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


def read(path: Path) -> Source:
    """The file's content; a file that cannot be read is a problem, not an exception."""
    name = printable(str(path))
    try:
        with path.open("rb") as file:
            content = file.read(MAX_BYTES + 1)
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or "not a path"
        return _unusable(name, f"cannot be read: {reason}", "correct the path or the file's permissions")
    if len(content) > MAX_BYTES:
        return _unusable(name, "is larger than 1 MiB", "name Riverkeeper's own file")
    try:
        return parse(content.decode("utf-8-sig"), name)
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        return _unusable(name, "is not UTF-8", "save the file as UTF-8", line)


def parse(text: str, name: str) -> Source:
    """The content of a YAML text. An empty one is all defaults."""
    try:
        root = _compose(text)
        reader = Reader(name)
        tree = None if root is None else reader.value(root, ())
    except yaml.YAMLError as error:
        return Source(name, problems=(explain_broken(error, name, text),))
    except RecursionError:
        return _unusable(name, "is nested too deeply", "compare with the example in docs/configuration.md")
    if root is None or (tree is None and not reader.problems):
        return Source(name)
    if not isinstance(tree, dict):
        what, cure = "is not a mapping of sections", "begin with a section such as `database:`"
        return _unusable(name, what, cure, root.start_mark.line + 1)
    return Source(name, tree, tuple(reader.problems), root)


def _compose(text: str) -> yaml.Node | None:
    loader = Loader(text)
    try:
        node: yaml.Node | None = loader.get_single_node()
        return node
    finally:
        loader.dispose()


def _unusable(name: str, what: str, cure: str, line: int = 0) -> Source:
    where = f"{name}:{line}" if line else name
    return Source(name, problems=(Problem(where, what, cure, line),))


def _below(node: yaml.Node | None, part: str | int) -> tuple[int, yaml.Node] | None:
    """Line and value of a key or an index; the last of a key given twice, as in the tree."""
    if isinstance(node, yaml.MappingNode):
        for key, value in reversed(node.value):
            if key.value == part:
                return key.start_mark.line + 1, value
    if isinstance(node, yaml.SequenceNode) and isinstance(part, int) and part < len(node.value):
        return node.value[part].start_mark.line + 1, node.value[part]
    return None
